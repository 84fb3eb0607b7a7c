#ifndef VC_CRYPTO_PRF_H
#define VC_CRYPTO_PRF_H

#include "crypto/hash.h"

/** The PRF of TLS 1.2 (RFC 5246 5, SHA256 or SHA384), and of TLS 1.0 for VC_HASH_MD5_SHA1 (RFC 2246 5).
 *  seed = a || b. Returns 0, or -1 when libcrypto refuses; *out is then zero. */
int vc_prf(enum vc_hash hash, const void *secret, size_t secret_len, const char *label, const void *a, size_t a_len,
           const void *b, size_t b_len, uint8_t *out, size_t out_len);

/** HKDF-Expand-Label (RFC 8446 7.1) with an empty or given context, SHA256 or SHA384. @secret_len is the hash's. */
int vc_hkdf_expand_label(enum vc_hash hash, const uint8_t *secret, const char *label, const void *context,
                         size_t context_len, uint8_t *out, size_t out_len);

#endif
