#include "crypto/aead.h"

#include "crypto/wipe.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#ifdef VC_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

/* What a library does with one key. Each cipher of each library is one of these tables. */
struct backend {
    const char *name;
    size_t state; /* bytes behind struct vc_aead, aligned to 64 */
    bool (*init)(struct vc_aead *a, const uint8_t *key);
    void (*deinit)(struct vc_aead *a); /* NULL: nothing but wiping */
    void (*seal)(struct vc_aead *a, struct vc_aead_op *op);
    void (*open)(struct vc_aead *a, struct vc_aead_op *op); /* sets ok; wiping is not its business */
};

struct vc_aead {
    const struct backend *backend;
    enum vc_aead_alg alg;
    EVP_CIPHER_CTX *evp;
    _Alignas(64) uint8_t state[];
};

size_t vc_aead_key_len(enum vc_aead_alg alg)
{
    static const uint8_t lens[VC_N_AEADS] = {
        [VC_AEAD_AES_128_GCM] = 16, [VC_AEAD_AES_256_GCM] = 32, [VC_AEAD_CHACHA20_POLY1305] = 32};
    return lens[alg];
}

/* libcrypto: one context per key, turned to and fro between the directions; only the nonce is set per record */

static bool evp_init(struct vc_aead *a, const uint8_t *key)
{
    static const char *const names[VC_N_AEADS] = {[VC_AEAD_AES_128_GCM] = "AES-128-GCM",
                                                  [VC_AEAD_AES_256_GCM] = "AES-256-GCM",
                                                  [VC_AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305"};
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[a->alg], NULL);
    a->evp = EVP_CIPHER_CTX_new();
    bool ok = cipher && a->evp && EVP_EncryptInit_ex2(a->evp, cipher, key, NULL, NULL) == 1;
    EVP_CIPHER_free(cipher);
    if (!ok)
        EVP_CIPHER_CTX_free(a->evp);
    return ok;
}

static void evp_deinit(struct vc_aead *a)
{
    EVP_CIPHER_CTX_free(a->evp); /* cleanses what it held */
}

static bool evp_run(EVP_CIPHER_CTX *ctx, struct vc_aead_op *op, int seal)
{
    int n = 0;
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, op->nonce, seal) == 1 &&
           (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, VC_AEAD_TAG, op->tag) == 1) &&
           (op->aad_len == 0 || EVP_CipherUpdate(ctx, NULL, &n, op->aad, (int)op->aad_len) == 1) &&
           (op->len == 0 || EVP_CipherUpdate(ctx, op->data, &n, op->data, (int)op->len) == 1) &&
           EVP_CipherFinal_ex(ctx, op->data, &n) == 1 &&
           (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, VC_AEAD_TAG, op->tag) == 1);
}

static void evp_seal(struct vc_aead *a, struct vc_aead_op *op)
{
    if (!evp_run(a->evp, op, 1)) { /* no plaintext may leave; the peer drops what does */
        vc_wipe(op->data, op->len);
        memset(op->tag, 0, VC_AEAD_TAG);
    }
}

static void evp_open(struct vc_aead *a, struct vc_aead_op *op)
{
    op->ok = evp_run(a->evp, op, 0);
}

static const struct backend evp = {
    .name = "evp", .init = evp_init, .deinit = evp_deinit, .seal = evp_seal, .open = evp_open};

#ifdef VC_HAVE_IPSEC_MB
/* libipsec-mb: one manager for the process. It holds tables of functions and, between two calls, no secret. */

static IMB_MGR *manager(void)
{
    static IMB_MGR *mgr; /* reachable until the process ends */
    static bool asked;
    if (asked)
        return mgr;
    asked = true;
    IMB_MGR *m = alloc_mb_mgr(0);
    IMB_ARCH arch = IMB_ARCH_NONE;
    if (!m)
        return NULL;
    init_mb_mgr_auto(m, &arch);
    const uint64_t need = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    bool tested = !(m->features & IMB_FEATURE_SELF_TEST) || (m->features & IMB_FEATURE_SELF_TEST_PASS);
    /* without AES instructions the library emulates them: libcrypto is better then */
    if (arch >= IMB_ARCH_SSE && (m->features & need) == need && tested && imb_get_errno(m) == 0)
        mgr = m;
    else
        free_mb_mgr(m);
    return mgr;
}

static struct gcm_key_data *gcm_key(struct vc_aead *a)
{
    return (struct gcm_key_data *)(void *)a->state;
}

static bool gcm128_init(struct vc_aead *a, const uint8_t *key)
{
    IMB_AES128_GCM_PRE(manager(), key, gcm_key(a));
    return true;
}

static void gcm128_seal(struct vc_aead *a, struct vc_aead_op *op)
{
    struct gcm_context_data ctx;
    IMB_AES128_GCM_ENC(manager(), gcm_key(a), &ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len,
                       op->tag, VC_AEAD_TAG);
}

static void gcm128_open(struct vc_aead *a, struct vc_aead_op *op)
{
    struct gcm_context_data ctx;
    uint8_t tag[VC_AEAD_TAG];
    IMB_AES128_GCM_DEC(manager(), gcm_key(a), &ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len, tag,
                       VC_AEAD_TAG);
    op->ok = vc_same(tag, op->tag, VC_AEAD_TAG);
    vc_wipe(tag, sizeof(tag)); /* for a forged record it would be the right one */
}

static bool gcm256_init(struct vc_aead *a, const uint8_t *key)
{
    IMB_AES256_GCM_PRE(manager(), key, gcm_key(a));
    return true;
}

static void gcm256_seal(struct vc_aead *a, struct vc_aead_op *op)
{
    struct gcm_context_data ctx;
    IMB_AES256_GCM_ENC(manager(), gcm_key(a), &ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len,
                       op->tag, VC_AEAD_TAG);
}

static void gcm256_open(struct vc_aead *a, struct vc_aead_op *op)
{
    struct gcm_context_data ctx;
    uint8_t tag[VC_AEAD_TAG];
    IMB_AES256_GCM_DEC(manager(), gcm_key(a), &ctx, op->data, op->data, op->len, op->nonce, op->aad, op->aad_len, tag,
                       VC_AEAD_TAG);
    op->ok = vc_same(tag, op->tag, VC_AEAD_TAG);
    vc_wipe(tag, sizeof(tag));
}

static bool chacha_init(struct vc_aead *a, const uint8_t *key)
{
    memcpy(a->state, key, 32);
    return true;
}

/* The library does these at once, whatever else is queued; nothing else is. False: it refused. */
static bool chacha_run(struct vc_aead *a, struct vc_aead_op *op, bool seal, uint8_t *tag)
{
    IMB_MGR *m = manager();
    IMB_JOB *job = IMB_GET_NEXT_JOB(m);
    memset(job, 0, sizeof(*job));
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->enc_keys = job->dec_keys = a->state;
    job->key_len_in_bytes = 32;
    job->src = job->dst = op->data;
    job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = op->len;
    job->iv = op->nonce;
    job->iv_len_in_bytes = VC_AEAD_NONCE;
    job->u.CHACHA20_POLY1305.aad = op->aad;
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = op->aad_len;
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = VC_AEAD_TAG;
    IMB_JOB *done = IMB_SUBMIT_JOB(m);
    if (!done)
        done = IMB_FLUSH_JOB(m);
    return done && done->status == IMB_STATUS_COMPLETED;
}

static void chacha_seal(struct vc_aead *a, struct vc_aead_op *op)
{
    if (!chacha_run(a, op, true, op->tag)) {
        vc_wipe(op->data, op->len);
        memset(op->tag, 0, VC_AEAD_TAG);
    }
}

static void chacha_open(struct vc_aead *a, struct vc_aead_op *op)
{
    uint8_t tag[VC_AEAD_TAG];
    op->ok = chacha_run(a, op, false, tag) && vc_same(tag, op->tag, VC_AEAD_TAG);
    vc_wipe(tag, sizeof(tag));
}

static const struct backend ipsec_mb[VC_N_AEADS] = {
    [VC_AEAD_AES_128_GCM] = {.name = "ipsec-mb",
                             .state = sizeof(struct gcm_key_data),
                             .init = gcm128_init,
                             .seal = gcm128_seal,
                             .open = gcm128_open},
    [VC_AEAD_AES_256_GCM] = {.name = "ipsec-mb",
                             .state = sizeof(struct gcm_key_data),
                             .init = gcm256_init,
                             .seal = gcm256_seal,
                             .open = gcm256_open},
    [VC_AEAD_CHACHA20_POLY1305] =
        {.name = "ipsec-mb", .state = 64, .init = chacha_init, .seal = chacha_seal, .open = chacha_open},
};
#endif

/* NULL: not here */
static const struct backend *pick(enum vc_aead_alg alg, enum vc_aead_backend which)
{
    if (vc_aead_key_len(alg) == 0)
        return NULL;
#ifdef VC_HAVE_IPSEC_MB
    if (which != VC_AEAD_EVP && manager())
        return &ipsec_mb[alg];
#endif
    return which == VC_AEAD_IPSEC_MB ? NULL : &evp;
}

static size_t size_of(const struct backend *b)
{
    return (sizeof(struct vc_aead) + b->state + 63) / 64 * 64;
}

struct vc_aead *vc_aead_new(enum vc_aead_alg alg, const uint8_t *key, enum vc_aead_backend which)
{
    const struct backend *b = pick(alg, which);
    struct vc_aead *a = b ? aligned_alloc(64, size_of(b)) : NULL;
    if (!a)
        return NULL;
    memset(a, 0, size_of(b));
    a->backend = b;
    a->alg = alg;
    if (!b->init(a, key)) {
        free(a);
        return NULL;
    }
    return a;
}

void vc_aead_free(struct vc_aead *a)
{
    if (!a)
        return;
    if (a->backend->deinit)
        a->backend->deinit(a);
    vc_wipe(a, size_of(a->backend));
    free(a);
}

void vc_aead_seal(struct vc_aead *a, struct vc_aead_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a->backend->seal(a, &ops[i]);
}

size_t vc_aead_open(struct vc_aead *a, struct vc_aead_op *ops, size_t n)
{
    size_t right = 0;
    for (size_t i = 0; i < n; i++) {
        a->backend->open(a, &ops[i]);
        if (ops[i].ok)
            right++;
        else
            vc_wipe(ops[i].data, ops[i].len);
    }
    return right;
}

const char *vc_aead_backend_name(enum vc_aead_alg alg)
{
    const struct backend *b = pick(alg, VC_AEAD_AUTO);
    return b ? b->name : "none";
}
