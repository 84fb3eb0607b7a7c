#include "crypto/prf.h"

#include "base/writer.h"
#include "crypto/wipe.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static int derive(const char *kdf_name, const OSSL_PARAM *params, uint8_t *out, size_t out_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int ok = ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    if (ok)
        return 0;
    memset(out, 0, out_len);
    return -1;
}

/* libcrypto's parameters take their input without const; it is only read */
static OSSL_PARAM octets(const char *name, const void *at, size_t len)
{
    union {
        const void *in;
        void *param;
    } u = {.in = len > 0 ? at : ""};
    return OSSL_PARAM_construct_octet_string(name, u.param, len);
}

static OSSL_PARAM digest(enum vc_hash hash, char name[16])
{
    const char *s = vc_hash_openssl_name(hash);
    memset(name, 0, 16);
    if (s)
        memcpy(name, s, strlen(s));
    return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0);
}

int vc_prf(enum vc_hash hash, const void *secret, size_t secret_len, const char *label, const void *a, size_t a_len,
           const void *b, size_t b_len, uint8_t *out, size_t out_len)
{
    char name[16];
    const OSSL_PARAM params[] = {
        digest(hash, name),
        octets(OSSL_KDF_PARAM_SECRET, secret, secret_len),
        octets(OSSL_KDF_PARAM_SEED, label, strlen(label)), /* several seeds are joined */
        octets(OSSL_KDF_PARAM_SEED, a, a_len),
        octets(OSSL_KDF_PARAM_SEED, b, b_len),
        OSSL_PARAM_construct_end(),
    };
    return derive("TLS1-PRF", params, out, out_len);
}

int vc_hkdf_expand_label(enum vc_hash hash, const uint8_t *secret, const char *label, const void *context,
                         size_t context_len, uint8_t *out, size_t out_len)
{
    uint8_t info[2 + 1 + 255 + 1 + 255];
    struct vc_writer w = vc_writer_to(info, sizeof(info));
    vc_put_be(&w, out_len, 2);
    size_t at = vc_put_len_begin(&w, 1);
    vc_put_text(&w, "tls13 ");
    vc_put_text(&w, label);
    vc_put_len_end(&w, at, 1);
    at = vc_put_len_begin(&w, 1);
    vc_put(&w, context, context_len);
    vc_put_len_end(&w, at, 1);
    if (w.bad) {
        memset(out, 0, out_len);
        return -1;
    }
    char name[16];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        digest(hash, name),
        octets(OSSL_KDF_PARAM_KEY, secret, vc_hash_len(hash)),
        octets(OSSL_KDF_PARAM_INFO, info, vc_written(&w)),
        OSSL_PARAM_construct_end(),
    };
    return derive("HKDF", params, out, out_len);
}
