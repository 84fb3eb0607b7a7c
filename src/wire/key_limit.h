#ifndef VC_WIRE_KEY_LIMIT_H
#define VC_WIRE_KEY_LIMIT_H

#include "crypto/aead.h"

/** How worn a key is (the table of 2-tunnel.md 10; CSTP and DTLS alike). */
enum vc_key_limit {
    VC_KEY_GOOD,  /* go on */
    VC_KEY_RENEW, /* still good, but new keys are due */
    VC_KEY_SPENT, /* nothing more may be sealed or opened under it */
};

#define VC_KEY_LARGE_MTU 2048 /* above it AES keys wear 16 times as fast */

/** @records  sealed or opened under the key so far, in this direction
 *  @mtu      the inner MTU of the tunnel, bytes */
enum vc_key_limit vc_key_limit(enum vc_aead_alg alg, uint64_t records, size_t mtu);

/** Where the table ends whatever the MTU: the record layers refuse to seal from there on, so that a caller who forgets
 *  to ask cannot wear a key out. */
uint64_t vc_key_end(enum vc_aead_alg alg);

#endif
