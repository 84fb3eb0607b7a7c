#ifndef VC_CRYPTO_AEAD_H
#define VC_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** AEAD ciphers behind one interface: libipsec-mb where the processor has what it needs, libcrypto's EVP elsewhere.
 *  Everything takes arrays of records from the first day; sealing and opening are in place. */
enum vc_aead_alg { VC_AEAD_NONE, VC_AEAD_AES_128_GCM, VC_AEAD_AES_256_GCM, VC_AEAD_CHACHA20_POLY1305, VC_N_AEADS };

#define VC_AEAD_KEY_MAX 32
#define VC_AEAD_NONCE 12
#define VC_AEAD_TAG 16

size_t vc_aead_key_len(enum vc_aead_alg alg);

/** One record. @data and @tag lie in the caller's buffer; the tag is usually right behind the data. */
struct vc_aead_op {
    uint8_t nonce[VC_AEAD_NONCE];
    const uint8_t *aad; /* borrowed for the call */
    size_t aad_len;     /* <= 16 */
    uint8_t *data;      /* encrypted or decrypted in place */
    size_t len;
    uint8_t *tag; /* seal: written; open: read */
    bool ok;      /* open: the tag was right. Where it was not, data is wiped */
};

/** An expanded key, made from key bytes and thrown away with them: never part of a session value. Opaque, because its
 *  form depends on the library behind it. */
struct vc_aead;

/** Which library: AUTO takes the fastest that works here; the others exist for tests and the bench. */
enum vc_aead_backend { VC_AEAD_AUTO, VC_AEAD_IPSEC_MB, VC_AEAD_EVP };

/** Returns NULL when out of memory, or when the backend is not there. */
struct vc_aead *vc_aead_new(enum vc_aead_alg alg, const uint8_t *key, enum vc_aead_backend backend);
void vc_aead_free(struct vc_aead *a); /* wipes; NULL is fine */

void vc_aead_seal(struct vc_aead *a, struct vc_aead_op *ops, size_t n);
/** Sets ok in each op; returns how many were right. */
size_t vc_aead_open(struct vc_aead *a, struct vc_aead_op *ops, size_t n);

/** "ipsec-mb" or "evp": what AUTO means for this cipher on this machine. */
const char *vc_aead_backend_name(enum vc_aead_alg alg);

#endif
