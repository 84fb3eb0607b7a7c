#include "crypto/selftest.h"

#include "base/str.h"
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

/* The answers of test vectors (2-tunnel.md 19): AEAD, HKDF, PRF; of FIPS 180-4 ("abc") and RFC 4231 (case 2): the
 * others. */
// clang-format off
const struct vc_known_answer vc_known_answers[] = {
    {"AES-128-GCM", VC_KNOWN_AEAD, VC_AEAD_AES_128_GCM,
     "b5731bad127592f8b4d6367208350a8f",
     "e0a19f74444f6ad9ab160d17",
     "53544601002000004500002000010000400166da0a0000020a00000108000f32000100087661726317",
     "1703030039fd7b85714d619f6b678aabfaf88333f5b204dc98a3e2848610a4b395213aaabe597edd64a2bc17202b"
     "a121e6e894b28256fcef869292a25497"},
    {"AES-256-GCM", VC_KNOWN_AEAD, VC_AEAD_AES_256_GCM,
     "18d2c1a7942536994f5a4afc2a847abf2a5d27ad6810b0660fdbf2b5cf07c1b4",
     "d2b0ffa5034a3d032584d631",
     "53544601002000004500002000010000400166da0a0000020a00000108000f32000100087661726317",
     "1703030039498edd242870436724c727eaee67805b401f4ecd0a39f394f9e4b043a7ec07576eea718901873ec41e"
     "4f822eea1d50d05c712f9b76d3df9c17"},
    {"ChaCha20-Poly1305", VC_KNOWN_AEAD, VC_AEAD_CHACHA20_POLY1305,
     "d923000c2ebbe7e78f9fb6b956f12f56c0a5a89205e07985eec830c208f6a697",
     "e0a19f74444f6ad9ab160d17",
     "53544601002000004500002000010000400166da0a0000020a00000108000f32000100087661726317",
     "1703030039bd78903de6d015d4e8e7553cfe632613e7d6896d1a658cbaba82d75271931ad0be42589a3518570ec8"
     "236d754201a800ef3d481fac2e2fca36"},
    {"SHA-256", VC_KNOWN_HASH, VC_HASH_SHA256,
     "",
     "",
     "616263",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"SHA-384", VC_KNOWN_HASH, VC_HASH_SHA384,
     "",
     "",
     "616263",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c8"
     "25a7"},
    {"HMAC-SHA-256", VC_KNOWN_HMAC, VC_HASH_SHA256,
     "4a656665",
     "",
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"HMAC-SHA-384", VC_KNOWN_HMAC, VC_HASH_SHA384,
     "4a656665",
     "",
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab2"
     "1649"},
    {"HKDF-SHA-256", VC_KNOWN_HKDF, VC_HASH_SHA256,
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
     "",
     "",
     "b5731bad127592f8b4d6367208350a8f"},
    {"HKDF-SHA-384", VC_KNOWN_HKDF, VC_HASH_SHA384,
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d"
     "4e4f",
     "",
     "",
     "18d2c1a7942536994f5a4afc2a847abf2a5d27ad6810b0660fdbf2b5cf07c1b4"},
    {"TLS 1.2 PRF, SHA-256", VC_KNOWN_PRF, VC_HASH_SHA256,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
     "2e2f",
     "",
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f404142434445464748494a4b4c4d"
     "4e4f505152535455565758595a5b5c5d5e5f",
     "a1c8bdbce8830007e5719b5f9764ae0c42c3a103d08d01b711b292bfd1f332473e5667ef1f21ed64"},
    {"TLS 1.2 PRF, SHA-384", VC_KNOWN_PRF, VC_HASH_SHA384,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
     "2e2f",
     "",
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f404142434445464748494a4b4c4d"
     "4e4f505152535455565758595a5b5c5d5e5f",
     "c01fa61789f58022d722461abcb5df04cf985a08f0d461ab4d544db598b8531903c0472368c11f6751efc2d81d6b"
     "896d8db6be95536abb42a66b015259cf7264092ed6c52036945c"},
    {0},
};
// clang-format on

#define KNOWN_MAX 112 /* bytes of each part */

struct part {
    uint8_t at[KNOWN_MAX];
    size_t len;
};

static bool part_of(const char *hex, struct part *p)
{
    struct vc_str s = vc_str_of(hex);
    p->len = s.len / 2;
    return p->len <= sizeof(p->at) && vc_hex_decode(s, p->at, p->len);
}

/** Seals to the known record, opens it, and sees a changed bit. */
static bool record_is_right(const struct vc_known_answer *k, const struct part *key, const struct part *nonce,
                            const struct part *in, const struct part *out, enum vc_aead_backend backend)
{
    const size_t head = 5;
    uint8_t data[KNOWN_MAX];
    struct vc_aead *a = vc_aead_new((enum vc_aead_alg)k->alg, key->at, backend);
    if (!a || out->len != head + in->len + VC_AEAD_TAG) {
        vc_aead_free(a);
        return false;
    }
    struct vc_aead_op op = {.aad = out->at, .aad_len = head, .data = data, .len = in->len, .tag = data + in->len};
    memcpy(op.nonce, nonce->at, sizeof(op.nonce));
    memcpy(data, in->at, in->len);
    vc_aead_seal(a, &op, 1);
    bool ok = memcmp(data, out->at + head, out->len - head) == 0;
    ok = vc_aead_open(a, &op, 1) == 1 && memcmp(data, in->at, in->len) == 0 && ok;
    memcpy(data, out->at + head, out->len - head);
    data[in->len / 2] ^= 1;
    ok = vc_aead_open(a, &op, 1) == 0 && ok;
    vc_aead_free(a);
    return ok;
}

const char *vc_known_check(const struct vc_known_answer *k)
{
    struct part key, nonce, in, out;
    uint8_t got[KNOWN_MAX];
    const enum vc_hash hash = (enum vc_hash)k->alg;
    bool ok = false;
    if (!part_of(k->key, &key) || !part_of(k->nonce, &nonce) || !part_of(k->in, &in) || !part_of(k->out, &out))
        return k->name;
    const struct vc_piece piece = {in.at, in.len};
    switch (k->what) {
    case VC_KNOWN_AEAD:
        return record_is_right(k, &key, &nonce, &in, &out, VC_AEAD_AUTO) &&
                       record_is_right(k, &key, &nonce, &in, &out, VC_AEAD_EVP)
                   ? NULL
                   : k->name;
    case VC_KNOWN_HASH:
        ok = vc_hash(hash, &piece, 1, got) == 0 && out.len == vc_hash_len(hash);
        break;
    case VC_KNOWN_HMAC:
        ok = vc_hmac(hash, key.at, key.len, &piece, 1, got) == 0 && out.len == vc_hash_len(hash);
        break;
    case VC_KNOWN_HKDF:
        ok = vc_hkdf_expand_label(hash, key.at, "key", NULL, 0, got, out.len) == 0;
        break;
    case VC_KNOWN_PRF:
        ok = vc_prf(hash, key.at, key.len, "key expansion", in.at, in.len / 2, in.at + in.len / 2, in.len / 2, got,
                    out.len) == 0;
        break;
    }
    return ok && memcmp(got, out.at, out.len) == 0 ? NULL : k->name;
}

const char *vc_crypto_selftest(void)
{
    const char *failed = NULL;
    for (const struct vc_known_answer *k = vc_known_answers; k->name && !failed; k++)
        failed = vc_known_check(k);
    /* what is longer than a known answer takes other ways through the libraries */
    if (!failed && !aead_agrees(VC_AEAD_AES_128_GCM))
        failed = "AES-128-GCM";
    if (!failed && !aead_agrees(VC_AEAD_AES_256_GCM))
        failed = "AES-256-GCM";
    if (!failed && !aead_agrees(VC_AEAD_CHACHA20_POLY1305))
        failed = "ChaCha20-Poly1305";
    return failed;
}
