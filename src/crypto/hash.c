#include "crypto/hash.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

static const struct {
    const char *name;
    size_t len;
} hashes[] = {
    [VC_HASH_NONE] = {NULL, 0},        [VC_HASH_SHA1] = {"SHA1", 20},         [VC_HASH_SHA256] = {"SHA256", 32},
    [VC_HASH_SHA384] = {"SHA384", 48}, [VC_HASH_MD5_SHA1] = {"MD5-SHA1", 36},
};

size_t vc_hash_len(enum vc_hash hash)
{
    return hashes[hash].len;
}

const char *vc_hash_openssl_name(enum vc_hash hash)
{
    return hashes[hash].name;
}

int vc_hash(enum vc_hash hash, const struct vc_piece *pieces, size_t n, uint8_t *out)
{
    size_t len = vc_hash_len(hash);
    EVP_MD *md = len > 0 ? EVP_MD_fetch(NULL, hashes[hash].name, NULL) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = md && ctx && EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, pieces[i].at, pieces[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    if (ok)
        return 0;
    memset(out, 0, len);
    return -1;
}

int vc_hmac(enum vc_hash hash, const void *key, size_t key_len, const struct vc_piece *pieces, size_t n, uint8_t *out)
{
    size_t len = vc_hash_len(hash), got = 0;
    /* TLS 1.0's pair is two HMACs, each with half of the secret: only the PRF knows how */
    EVP_MAC *mac = len > 0 && hash != VC_HASH_MD5_SHA1 ? EVP_MAC_fetch(NULL, "HMAC", NULL) : NULL;
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    char name[16] = "";
    if (ctx)
        memcpy(name, hashes[hash].name, strlen(hashes[hash].name) + 1);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    /* an empty key is a key; a NULL one would mean "the one from before" */
    int ok = ctx && EVP_MAC_init(ctx, key_len > 0 ? key : (const void *)"", key_len, params) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(ctx, pieces[i].at, pieces[i].len) == 1;
    ok = ok && EVP_MAC_final(ctx, out, &got, len) == 1 && got == len;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    if (ok)
        return 0;
    memset(out, 0, len);
    return -1;
}
