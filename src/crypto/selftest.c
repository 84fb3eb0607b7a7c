#include "crypto/selftest.h"

#include "crypto/aead.h"
#include "crypto/prf.h"
#include "crypto/wipe.h"

#include <string.h>

/** What one library seals the other opens, and a changed bit is seen. */
static bool aead_agrees(enum vc_aead_alg alg)
{
    static const char aad[13] = "seq and type";
    uint8_t key[VC_AEAD_KEY_MAX], data[1400], tag[VC_AEAD_TAG];
    bool ok = false;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    struct vc_aead *fast = vc_aead_new(alg, key, VC_AEAD_AUTO), *plain = vc_aead_new(alg, key, VC_AEAD_EVP);
    if (fast && plain) {
        struct vc_aead_op op = {.nonce = {1, 2, 3},
                                .aad = (const uint8_t *)aad,
                                .aad_len = sizeof(aad),
                                .data = data,
                                .len = sizeof(data),
                                .tag = tag};
        vc_aead_seal(fast, &op, 1);
        ok = vc_aead_open(plain, &op, 1) == 1;
        for (size_t i = 0; i < sizeof(data); i++)
            ok = ok && data[i] == (uint8_t)(i * 7);
        vc_aead_seal(plain, &op, 1);
        data[700] ^= 1;
        ok = ok && vc_aead_open(fast, &op, 1) == 0;
    }
    vc_aead_free(fast);
    vc_aead_free(plain);
    return ok;
}

/** Key blocks of the test vectors (2-tunnel.md 19), their first bytes. */
static bool prf_is_right(enum vc_hash hash, const uint8_t first[8])
{
    uint8_t master[48], client[32], server[32], out[40];
    for (size_t i = 0; i < sizeof(master); i++)
        master[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(client); i++) {
        client[i] = (uint8_t)(0x40 + i);
        server[i] = (uint8_t)(0x80 + i);
    }
    return vc_prf(hash, master, sizeof(master), "key expansion", server, sizeof(server), client, sizeof(client), out,
                  sizeof(out)) == 0 &&
           memcmp(out, first, 8) == 0;
}

const char *vc_crypto_selftest(void)
{
    static const uint8_t sha256[8] = {0xa1, 0xc8, 0xbd, 0xbc, 0xe8, 0x83, 0x00, 0x07};
    static const uint8_t sha384[8] = {0xc0, 0x1f, 0xa6, 0x17, 0x89, 0xf5, 0x80, 0x22};
    static const uint8_t secret[VC_HASH_MAX];
    uint8_t digest[VC_HASH_MAX], key[32];
    const struct vc_piece piece = {"varco", 5};
    if (!aead_agrees(VC_AEAD_AES_128_GCM))
        return "AES-128-GCM";
    if (!aead_agrees(VC_AEAD_AES_256_GCM))
        return "AES-256-GCM";
    if (!aead_agrees(VC_AEAD_CHACHA20_POLY1305))
        return "ChaCha20-Poly1305";
    if (!prf_is_right(VC_HASH_SHA256, sha256) || !prf_is_right(VC_HASH_SHA384, sha384))
        return "PRF";
    if (vc_hash(VC_HASH_SHA256, &piece, 1, digest) != 0 || vc_hmac(VC_HASH_SHA256, "k", 1, &piece, 1, digest) != 0 ||
        vc_hkdf_expand_label(VC_HASH_SHA384, secret, "key", NULL, 0, key, sizeof(key)) != 0)
        return "hashes";
    return NULL;
}
