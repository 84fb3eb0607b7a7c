#ifndef VC_CRYPTO_HASH_H
#define VC_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

/** The hashes that the protocols need. MD5_SHA1 is the concatenation that TLS 1.0's PRF and Finished use (DTLS 0x0100).
 */
enum vc_hash { VC_HASH_NONE, VC_HASH_SHA1, VC_HASH_SHA256, VC_HASH_SHA384, VC_HASH_MD5_SHA1 };

#define VC_HASH_MAX 48

size_t vc_hash_len(enum vc_hash hash);               /* 20, 32, 48, 36 */
const char *vc_hash_openssl_name(enum vc_hash hash); /* for libcrypto's parameters; NULL for NONE */
/** One-shot over @n pieces. Returns -1 only when libcrypto refuses (out of memory); *out is then zero. */
struct vc_piece {
    const void *at;
    size_t len;
};
int vc_hash(enum vc_hash hash, const struct vc_piece *pieces, size_t n, uint8_t *out);
/** Not for MD5_SHA1 (-1): TLS 1.0 has it in its PRF only. */
int vc_hmac(enum vc_hash hash, const void *key, size_t key_len, const struct vc_piece *pieces, size_t n, uint8_t *out);

#endif
