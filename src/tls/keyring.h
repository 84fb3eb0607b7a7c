#ifndef VC_TLS_KEYRING_H
#define VC_TLS_KEYRING_H

#include "event/fail.h"
#include "wire/tls_sign.h"

/** The private keys of the gateway, in the one process that has them. Each has a number, by which a portal names it. */
struct vc_keyring;

#define VC_KEYRING_MAX 64

struct vc_keyring *vc_keyring_new(void);       /* NULL: no memory */
void vc_keyring_free(struct vc_keyring *ring); /* wipes; NULL is fine */

/** Takes a key in PEM form (RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521; not encrypted). The caller wipes
 * its bytes. -1 with cause CONFIG: what is wrong with it, or the number is taken. */
int vc_keyring_add(struct vc_keyring *ring, uint16_t number, const void *pem, size_t len, struct vc_fail *fail);

/**
 * Signs what vc_tls_sign_check accepts, and nothing else. PSS salts are as long as the hash.
 * @sig      VC_TLS_SIGNATURE_MAX bytes; zeroed on failure
 * Returns 0; or -1 with cause SIGNER_REFUSED (no such key, no handshake of a TLS server), or SYSTEM where libcrypto
 * fails.
 */
int vc_keyring_sign(struct vc_keyring *ring, uint16_t number, uint16_t scheme, const uint8_t *bytes, size_t len,
                    uint8_t sig[VC_TLS_SIGNATURE_MAX], size_t *sig_len, struct vc_fail *fail);

#endif
