#ifndef VC_TLS_SELF_SIGNED_H
#define VC_TLS_SELF_SIGNED_H

#include "base/addr.h"
#include "event/fail.h"

/** A first certificate: a new ECDSA key on P-256, and a certificate for one server over it that the key signs itself.
 *  No CA vouches for it: clients know it by its pin (vc_pair_check). Reads no file, clock or configuration. */

#define VC_SELF_SIGNED_HOST_MAX 253 /* bytes of a host name (RFC 1035 2.3.4) */
#define VC_SELF_SIGNED_DAYS 825     /* Apple's systems take nothing longer, even from an issuer of one's own */

struct vc_self_signed {
    char key[512]; /* PEM, PKCS #8, not encrypted: a secret */
    size_t key_len;
    char cert[2048]; /* PEM */
    size_t cert_len;
};

/** Whether a certificate can be for @host: a host name in ASCII, or an IP address (then *ip is that, else none) that
 *  clients can have a route to. -1 with cause CONFIG: what is wrong with it and what to write instead. */
int vc_self_signed_host(struct vc_str host, struct vc_ip *ip, struct vc_fail *fail);

/**
 * Makes both, valid from an hour before @now_s (clocks differ).
 * @host   what vc_self_signed_host accepts: subjectAltName
 * @now_s  seconds since 1970
 * Returns 0; or -1 with cause CONFIG (the host), or SYSTEM where libcrypto fails: *out is then zeroed.
 */
int vc_self_signed_make(struct vc_self_signed *out, struct vc_str host, int64_t now_s, struct vc_fail *fail);

void vc_self_signed_deinit(struct vc_self_signed *s); /* wipes */

#endif
