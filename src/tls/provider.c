#include "tls/provider.h"

#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/async.h>
#include <openssl/bn.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#define NAME "varco"
#define PROPERTY "provider=varco"
#define PARAM_NUMBER "varco-key" /* unsigned: the signer's number of the key */
#define RSA_BYTES (VC_KEY_RSA_BITS_MAX / 8)
#define POINT_MAX (1 + 2 * 66) /* P-521, uncompressed */

struct vc_provider {
    OSSL_LIB_CTX *lib;
    OSSL_PROVIDER *theirs;
    OSSL_PROVIDER *ours;
};

/* ---- The key: a public half and a number ---- */

struct key {
    bool ec;
    bool by_proxy; /* has a number, and so stands for a private key */
    uint16_t number;
    BIGNUM *n, *e; /* RSA */
    char group[32];
    uint8_t point[POINT_MAX];
    size_t point_len;
};

static const struct curve {
    const char *names[2];
    int bits, security_bits, max_size; /* max_size: DER of two integers of that many bits */
} curves[] = {
    {{"prime256v1", "P-256"}, 256, 128, 72},
    {{"secp384r1", "P-384"}, 384, 192, 104},
    {{"secp521r1", "P-521"}, 521, 256, 139},
};

static const struct curve *curve_of(const struct key *k)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (strcmp(k->group, curves[i].names[0]) == 0 || strcmp(k->group, curves[i].names[1]) == 0)
            return &curves[i];
    }
    return NULL;
}

static void *new_rsa(void *provctx)
{
    (void)provctx;
    return OPENSSL_zalloc(sizeof(struct key));
}

static void *new_ec(void *provctx)
{
    struct key *k = new_rsa(provctx);
    if (k)
        k->ec = true;
    return k;
}

static void free_key(void *keydata)
{
    struct key *k = keydata;
    if (!k)
        return;
    BN_free(k->n);
    BN_free(k->e);
    OPENSSL_free(k);
}

static bool complete(const struct key *k)
{
    return k->ec ? curve_of(k) && k->point_len > 0 : k->n && k->e;
}

static int has(const void *keydata, int selection)
{
    const struct key *k = keydata;
    if (!k)
        return 0;
    if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY && !complete(k))
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || k->by_proxy;
}

/* Equal public halves are equal keys: it is how OpenSSL compares a certificate with its private key. */
static int match(const void *a_data, const void *b_data, int selection)
{
    const struct key *a = a_data, *b = b_data;
    (void)selection;
    if (!a || !b || a->ec != b->ec || !complete(a) || !complete(b))
        return 0;
    if (a->ec)
        return curve_of(a) == curve_of(b) && a->point_len == b->point_len &&
               memcmp(a->point, b->point, a->point_len) == 0;
    return BN_cmp(a->n, b->n) == 0 && BN_cmp(a->e, b->e) == 0;
}

static int import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct key *k = keydata;
    unsigned number = 0;
    char *group = k->group;
    void *point = k->point;
    (void)selection;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_NUMBER);
    if (p) {
        if (!OSSL_PARAM_get_uint(p, &number) || number > UINT16_MAX)
            return 0;
        k->number = (uint16_t)number;
        k->by_proxy = true;
    }
    if (k->ec) {
        const OSSL_PARAM *g = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
        const OSSL_PARAM *q = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
        if (!g || !q || !OSSL_PARAM_get_utf8_string(g, &group, sizeof(k->group)) ||
            !OSSL_PARAM_get_octet_string(q, &point, sizeof(k->point), &k->point_len))
            return 0;
    } else {
        const OSSL_PARAM *n = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N);
        const OSSL_PARAM *e = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_E);
        if (!n || !e || !OSSL_PARAM_get_BN(n, &k->n) || !OSSL_PARAM_get_BN(e, &k->e))
            return 0;
    }
    return complete(k);
}

/* Only the public half can leave. To refuse the private one also keeps OpenSSL from taking the key over into its own
 * provider and signing there, which it tries first. */
static int export(void *keydata, int selection, OSSL_CALLBACK *to, void *arg)
{
    struct key *k = keydata;
    uint8_t n[RSA_BYTES], e[RSA_BYTES];
    OSSL_PARAM params[3];
    if (!k || !complete(k) || selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
        return 0;
    if (k->ec) {
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, k->group, 0);
        params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, k->point, k->point_len);
    } else {
        if (BN_bn2nativepad(k->n, n, RSA_BYTES) < 0 || BN_bn2nativepad(k->e, e, RSA_BYTES) < 0)
            return 0;
        params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, RSA_BYTES);
        params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, RSA_BYTES);
    }
    params[2] = OSSL_PARAM_construct_end();
    return to(params, arg);
}

static const OSSL_PARAM *types_rsa(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                       OSSL_PARAM_uint(PARAM_NUMBER, NULL), OSSL_PARAM_END};
    (void)selection;
    return types;
}

static const OSSL_PARAM *types_ec(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_uint(PARAM_NUMBER, NULL), OSSL_PARAM_END};
    (void)selection;
    return types;
}

static int max_size(const struct key *k)
{
    return k->ec ? curve_of(k)->max_size : BN_num_bytes(k->n);
}

static int get_params(void *keydata, OSSL_PARAM params[])
{
    struct key *k = keydata;
    OSSL_PARAM *p;
    if (!k || !complete(k))
        return 0;
    int bits = k->ec ? curve_of(k)->bits : BN_num_bits(k->n);
    int security = k->ec ? curve_of(k)->security_bits : BN_security_bits(bits, -1);
    if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS)) && !OSSL_PARAM_set_int(p, bits))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS)) && !OSSL_PARAM_set_int(p, security))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE)) && !OSSL_PARAM_set_int(p, max_size(k)))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST)) && !OSSL_PARAM_set_utf8_string(p, "SHA256"))
        return 0;
    if (k->ec && (p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME)) &&
        !OSSL_PARAM_set_utf8_string(p, k->group))
        return 0;
    return 1;
}

static const OSSL_PARAM *gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
                                          OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
                                          OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
                                          OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                          OSSL_PARAM_END};
    (void)provctx;
    return gettable;
}

static const char *operation_rsa(int operation)
{
    (void)operation;
    return "RSA";
}

static const char *operation_ec(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

/* ---- The signature: a question ---- */

struct signing {
    const struct key *key; /* borrowed: OpenSSL's context holds the EVP_PKEY */
    int hash;              /* 256, 384, 512; 0: another one */
    bool pss;
};

static void *new_signing(void *provctx, const char *propq)
{
    (void)provctx;
    (void)propq;
    return OPENSSL_zalloc(sizeof(struct signing));
}

static void free_signing(void *ctx)
{
    OPENSSL_free(ctx);
}

static int hash_of(const char *name)
{
    static const struct {
        const char *name;
        int bits;
    } names[] = {{"SHA256", 256},   {"SHA2-256", 256}, {"SHA384", 384},
                 {"SHA2-384", 384}, {"SHA512", 512},   {"SHA2-512", 512}};
    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
        if (OPENSSL_strcasecmp(name, names[i].name) == 0)
            return names[i].bits;
    }
    return 0;
}

/* PKCS#1 v1.5 or PSS with the hash's own length as salt: no other padding exists in TLS. */
static int set_signing_params(void *ctx, const OSSL_PARAM params[])
{
    struct signing *s = ctx;
    int number = 0;
    if (!params)
        return 1;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (p && p->data_type == OSSL_PARAM_UTF8_STRING) {
        bool pss = OPENSSL_strcasecmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
        if (!pss && OPENSSL_strcasecmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) != 0)
            return 0;
        s->pss = pss;
    } else if (p) {
        if (!OSSL_PARAM_get_int(p, &number) || (number != RSA_PKCS1_PSS_PADDING && number != RSA_PKCS1_PADDING))
            return 0;
        s->pss = number == RSA_PKCS1_PSS_PADDING;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    if (p && p->data_type == OSSL_PARAM_UTF8_STRING)
        return OPENSSL_strcasecmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
    if (p)
        return OSSL_PARAM_get_int(p, &number) && (number == RSA_PSS_SALTLEN_DIGEST || number * 8 == s->hash);
    return 1;
}

static const OSSL_PARAM *settable_signing_params(void *ctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
                                          OSSL_PARAM_END};
    (void)ctx;
    (void)provctx;
    return settable;
}

static int digest_sign_init(void *ctx, const char *digest, void *keydata, const OSSL_PARAM params[])
{
    struct signing *s = ctx;
    struct key *k = keydata;
    if (!k || !complete(k) || !k->by_proxy)
        return 0;
    s->key = k;
    s->hash = hash_of(digest);
    return s->hash != 0 && set_signing_params(s, params);
}

static uint16_t scheme_of(const struct signing *s)
{
    unsigned step = s->hash == 256 ? 0 : s->hash == 384 ? 1 : 2;
    if (s->key->ec)
        return (uint16_t)(VC_TLS_ECDSA_SHA256 + (step << 8));
    return (uint16_t)(s->pss ? VC_TLS_RSA_PSS_SHA256 + step : VC_TLS_RSA_PKCS1_SHA256 + (step << 8));
}

/* The handshake that runs; only a job can be paused. */
static struct vc_question *here;

void vc_provider_enter(struct vc_question *question)
{
    here = question;
}

static int digest_sign(void *ctx, unsigned char *sig, size_t *sig_len, size_t sig_cap, const unsigned char *bytes,
                       size_t len)
{
    struct signing *s = ctx;
    size_t need = (size_t)max_size(s->key);
    if (!sig) {
        *sig_len = need;
        return 1;
    }
    struct vc_question *q = here;
    if (!q || !ASYNC_get_current_job() || q->state != VC_QUESTION_NONE) /* no handshake, or its second signature */
        return 0;
    q->key = s->key->number;
    q->scheme = scheme_of(s);
    q->bytes = bytes;
    q->len = len;
    q->state = VC_QUESTION_WANTED;
    /* the handshake may be driven again before the answer is there */
    while (q->state == VC_QUESTION_WANTED || q->state == VC_QUESTION_ASKED) {
        if (ASYNC_pause_job() != 1)
            q->state = VC_QUESTION_REFUSED;
    }
    q->bytes = NULL;
    if (q->state != VC_QUESTION_ANSWERED || q->signature_len > sig_cap || q->signature_len > need) {
        q->state = VC_QUESTION_REFUSED;
        return 0;
    }
    memcpy(sig, q->signature, q->signature_len);
    *sig_len = q->signature_len;
    q->state = VC_QUESTION_TAKEN;
    return 1;
}

/* ---- What OpenSSL finds here ---- */

#define FN(id, function)                                                                                               \
    {                                                                                                                  \
        (id), (void (*)(void))(function)                                                                               \
    }
#define FN_END                                                                                                         \
    {                                                                                                                  \
        0, NULL                                                                                                        \
    }

static const OSSL_DISPATCH keys_rsa[] = {
    FN(OSSL_FUNC_KEYMGMT_NEW, new_rsa),
    FN(OSSL_FUNC_KEYMGMT_FREE, free_key),
    FN(OSSL_FUNC_KEYMGMT_HAS, has),
    FN(OSSL_FUNC_KEYMGMT_MATCH, match),
    FN(OSSL_FUNC_KEYMGMT_IMPORT, import),
    FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, types_rsa),
    FN(OSSL_FUNC_KEYMGMT_EXPORT, export),
    FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, types_rsa),
    FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),
    FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable_params),
    FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_rsa),
    FN_END,
};

static const OSSL_DISPATCH keys_ec[] = {
    FN(OSSL_FUNC_KEYMGMT_NEW, new_ec),
    FN(OSSL_FUNC_KEYMGMT_FREE, free_key),
    FN(OSSL_FUNC_KEYMGMT_HAS, has),
    FN(OSSL_FUNC_KEYMGMT_MATCH, match),
    FN(OSSL_FUNC_KEYMGMT_IMPORT, import),
    FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, types_ec),
    FN(OSSL_FUNC_KEYMGMT_EXPORT, export),
    FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, types_ec),
    FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),
    FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable_params),
    FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_ec),
    FN_END,
};

static const OSSL_DISPATCH signing[] = {
    FN(OSSL_FUNC_SIGNATURE_NEWCTX, new_signing),
    FN(OSSL_FUNC_SIGNATURE_FREECTX, free_signing),
    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, digest_sign),
    FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_signing_params),
    FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable_signing_params),
    FN_END,
};

static const OSSL_ALGORITHM keymgmts[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTY, keys_rsa, "RSA keys that are in the signer"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTY, keys_ec, "ECDSA keys that are in the signer"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signatures[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTY, signing, "RSA signatures by the signer"},
    {"ECDSA", PROPERTY, signing, "ECDSA signatures by the signer"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    (void)provctx;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return keymgmts;
    return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provctx)
{
    static const OSSL_DISPATCH functions[] = {FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), FN_END};
    (void)core;
    (void)in;
    *out = functions;
    *provctx = NULL;
    return 1;
}

struct vc_provider *vc_provider_new(struct vc_fail *fail)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    struct vc_provider *p = calloc(1, sizeof(*p));
    if (p && (p->lib = OSSL_LIB_CTX_new()) && (p->theirs = OSSL_PROVIDER_load(p->lib, "default")) &&
        OSSL_PROVIDER_add_builtin(p->lib, NAME, init) && (p->ours = OSSL_PROVIDER_load(p->lib, NAME)) &&
        /* both have RSA and EC keys: whoever does not ask for ours gets theirs */
        EVP_set_default_properties(p->lib, "?provider=default"))
        return p;
    vc_provider_free(p);
    (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "OpenSSL does not start: %s",
                      ERR_reason_error_string(ERR_peek_last_error()));
    return NULL;
}

void vc_provider_free(struct vc_provider *p)
{
    if (!p)
        return;
    if (p->ours)
        OSSL_PROVIDER_unload(p->ours);
    if (p->theirs)
        OSSL_PROVIDER_unload(p->theirs);
    OSSL_LIB_CTX_free(p->lib);
    free(p);
}

OSSL_LIB_CTX *vc_provider_lib(struct vc_provider *p)
{
    return p->lib;
}

EVP_PKEY *vc_provider_key(struct vc_provider *p, EVP_PKEY *public, uint16_t number, struct vc_fail *fail)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    OSSL_PARAM *public_params = NULL, *params = NULL;
    OSSL_PARAM ours[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
    unsigned as_uint = number;
    const char *why = "";
    enum vc_tls_key_type type = vc_pair_key_type(public, &why);
    if (type == VC_TLS_KEY_NONE) {
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the certificate's key: %s", why);
        return NULL;
    }
    ERR_clear_error();
    ours[0] = OSSL_PARAM_construct_uint(PARAM_NUMBER, &as_uint);
    if (EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &public_params) == 1 &&
        (params = OSSL_PARAM_merge(public_params, ours)) &&
        (ctx = EVP_PKEY_CTX_new_from_name(p->lib, type == VC_TLS_KEY_RSA ? "RSA" : "EC", PROPERTY)) &&
        EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    if (!key)
        (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "OpenSSL does not take the certificate's key: %s",
                          ERR_reason_error_string(ERR_peek_last_error()));
    EVP_PKEY_CTX_free(ctx);
    OPENSSL_free(params);
    OSSL_PARAM_free(public_params);
    ERR_clear_error();
    return key;
}
