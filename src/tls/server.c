#include "tls/inside.h"

#include "base/writer.h"
#include "tls/pair.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* No SHA-1; each is one that wire/tls_sign lets the signer do. */
static const struct named {
    uint16_t code; /* of IANA's registry */
    const char *name;
} signatures[] = {
    {VC_TLS_ECDSA_SHA256, "ECDSA+SHA256"},          {VC_TLS_ECDSA_SHA384, "ECDSA+SHA384"},
    {VC_TLS_ECDSA_SHA512, "ECDSA+SHA512"},          {VC_TLS_RSA_PSS_SHA256, "rsa_pss_rsae_sha256"},
    {VC_TLS_RSA_PSS_SHA384, "rsa_pss_rsae_sha384"}, {VC_TLS_RSA_PSS_SHA512, "rsa_pss_rsae_sha512"},
    {VC_TLS_RSA_PKCS1_SHA256, "RSA+SHA256"},        {VC_TLS_RSA_PKCS1_SHA384, "RSA+SHA384"},
    {VC_TLS_RSA_PKCS1_SHA512, "RSA+SHA512"},
};
#define HYBRID 0x11ec /* OpenSSL 3.5 has it */
static const struct named groups[] = {
    {HYBRID, "X25519MLKEM768"}, {0x1d, "X25519"}, {0x17, "P-256"}, {0x18, "P-384"}, {0x19, "P-521"}, {0x1e, "X448"},
};

static int failed(struct vc_fail *fail, const char *what)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "OpenSSL refused %s: %s", what, words ? words : "no memory");
    ERR_clear_error();
    return -1;
}

static void put_name(struct vc_writer *w, const char *name)
{
    if (vc_written(w) > 0)
        vc_put_text(w, ":");
    vc_put_text(w, name);
}

static void end_list(struct vc_writer *w)
{
    bool fits = vc_put_end_text(w);
    assert(fits);
    (void)fits;
}

/* "a:b:c" of the suites of one version, as OpenSSL names them: in the order of the priorities, else in our own. */
static void suites(const struct vc_tls_codes *chosen, uint16_t version, char *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    size_t n = chosen->n > 0 ? chosen->n : vc_tls_n_suites;
    for (size_t i = 0; i < n; i++) {
        const struct vc_tls_suite *s = chosen->n > 0 ? vc_tls_suite(chosen->at[i]) : &vc_tls_suites[i];
        if (s && s->version == version)
            put_name(&w, s->openssl);
    }
    end_list(&w);
}

/* The same of groups: of @chosen in its order, else all. */
static void group_names(const struct vc_tls_codes *chosen, bool hybrid, char *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    const size_t n_all = sizeof(groups) / sizeof(groups[0]);
    for (size_t i = 0; i < (chosen->n > 0 ? chosen->n : n_all); i++) {
        for (size_t k = 0; k < n_all; k++) {
            if ((chosen->n > 0 ? groups[k].code == chosen->at[i] : k == i) && (hybrid || groups[k].code != HYBRID))
                put_name(&w, groups[k].name);
        }
    }
    end_list(&w);
}

/* In our order: the client's counts. */
static void signature_names(const struct vc_tls_codes *chosen, char *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        if (chosen->n == 0 || vc_tls_codes_have(chosen, signatures[i].code))
            put_name(&w, signatures[i].name);
    }
    end_list(&w);
}

/* http/1.1 where it is offered, else as if nothing was (1-login.md 1.1). */
static int alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                void *arg)
{
    (void)ssl;
    (void)arg;
    struct vc_reader r = vc_reader_of(in, in_len);
    while (r.left > 0 && !r.bad) {
        struct vc_reader name = vc_take_sub(&r, vc_take_u8(&r));
        if (name.left == 8 && memcmp(name.at, "http/1.1", 8) == 0) {
            *out = name.at;
            *out_len = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static int configure(struct vc_tls_server *s, struct vc_fail *fail)
{
    const struct vc_tls_priority *p = &s->priority;
    char list_12[1024], list_13[256], with_hybrid[128], without[128], schemes[256];
    SSL_CTX *ctx = s->ctx;
    suites(&p->suites, VC_TLS_1_2, list_12, sizeof(list_12));
    suites(&p->suites, VC_TLS_1_3, list_13, sizeof(list_13));
    group_names(&p->groups, true, with_hybrid, sizeof(with_hybrid));
    group_names(&p->groups, false, without, sizeof(without));
    signature_names(&p->signatures, schemes, sizeof(schemes));
    int min = vc_tls_priority_has(p, false) ? TLS1_2_VERSION : TLS1_3_VERSION;
    int max = s->max == VC_TLS_MAX_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION; /* see also serves_13 */
    if (!SSL_CTX_set_min_proto_version(ctx, min) || !SSL_CTX_set_max_proto_version(ctx, max))
        return failed(fail, "the TLS versions");
    SSL_CTX_set_security_level(ctx, 2);
    /* of a version that is off OpenSSL's own list may stay: it takes no empty one */
    if ((list_12[0] && !SSL_CTX_set_cipher_list(ctx, list_12)) || !SSL_CTX_set_ciphersuites(ctx, list_13))
        return failed(fail, "the cipher suites");
    if (!SSL_CTX_set1_groups_list(ctx, with_hybrid) && !SSL_CTX_set1_groups_list(ctx, without))
        return failed(fail, "the groups");
    if (!SSL_CTX_set1_sigalgs_list(ctx, schemes))
        return failed(fail, "the signature algorithms");
    (void)SSL_CTX_set_dh_auto(ctx, 1); /* as strong as the certificate: 2048 bits or more */
    if (p->suites.n == 0 || p->server_order)
        (void)SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION | SSL_OP_NO_ENCRYPT_THEN_MAC |
                                       SSL_OP_SINGLE_DH_USE | SSL_OP_SINGLE_ECDH_USE);
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    /* a session id stands in the TLS 1.2 ServerHello, and nothing can be resumed with it */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    if (!SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"varco", 5))
        return failed(fail, "the session context");
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ASYNC | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 0);
    (void)SSL_CTX_set_max_early_data(ctx, 0);
    (void)SSL_CTX_set_recv_max_early_data(ctx, 0);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, alpn, NULL);
    SSL_CTX_set_client_hello_cb(ctx, vc_tls_conn_client_hello, s);
    SSL_CTX_set_keylog_callback(ctx, vc_tls_conn_keylog);
    return 0;
}

static int add_cert(struct vc_tls_server *s, const struct vc_tls_cert *cert, struct vc_fail *fail)
{
    X509 *chain[VC_CHAIN_MAX] = {NULL};
    size_t n = 0;
    int rc = -1;
    if (vc_pair_chain(vc_provider_lib(s->provider), cert->chain_pem, cert->chain_len, chain, &n, fail))
        return -1;
    EVP_PKEY *public = X509_get0_pubkey(chain[0]);
    EVP_PKEY *key = NULL;
    const char *why;
    if (!public) {
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the certificate's key is malformed");
        goto out;
    }
    key = vc_provider_key(s->provider, public, cert->key, fail);
    if (!key)
        goto out;
    if (SSL_CTX_use_certificate(s->ctx, chain[0]) != 1 || SSL_CTX_use_PrivateKey(s->ctx, key) != 1 ||
        SSL_CTX_check_private_key(s->ctx) != 1) {
        rc = failed(fail, "the certificate");
        goto out;
    }
    for (size_t i = 1; i < n; i++) {
        if (SSL_CTX_add1_chain_cert(s->ctx, chain[i]) != 1) {
            rc = failed(fail, "the certificate chain");
            goto out;
        }
    }
    if (!EVP_PKEY_is_a(key, "RSA"))
        s->rsa_only = false;
    if (vc_tls_priority_serves(&s->priority, vc_pair_key_type(public, &why), true))
        s->serves_13 = true;
    rc = 0;
out:
    EVP_PKEY_free(key);
    while (n > 0)
        X509_free(chain[--n]);
    return rc;
}

int vc_tls_server_certs(struct vc_tls_server *s, const struct vc_tls_cert *certs, size_t n_certs, struct vc_fail *fail)
{
    SSL_CTX *old = s->ctx;
    bool old_rsa_only = s->rsa_only, old_serves_13 = s->serves_13;
    if (n_certs == 0 || n_certs > VC_TLS_CERTS_MAX)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "%zu certificates: 1 to %d can be served", n_certs,
                           VC_TLS_CERTS_MAX);
    s->rsa_only = true;
    s->serves_13 = false;
    s->ctx = SSL_CTX_new_ex(vc_provider_lib(s->provider), NULL, TLS_server_method());
    int rc = s->ctx ? configure(s, fail) : failed(fail, "a TLS context");
    for (size_t i = 0; rc == 0 && i < n_certs; i++)
        rc = add_cert(s, &certs[i], fail);
    if (rc == 0 && !s->serves_13 && !SSL_CTX_set_max_proto_version(s->ctx, TLS1_2_VERSION))
        rc = failed(fail, "the TLS versions");
    if (rc == 0) {
        SSL_CTX_free(old); /* connections that showed it hold it */
        return 0;
    }
    SSL_CTX_free(s->ctx);
    s->ctx = old;
    s->rsa_only = old_rsa_only;
    s->serves_13 = old_serves_13;
    return -1;
}

struct vc_tls_server *vc_tls_server_new(const struct vc_tls_server_conf *conf, struct vc_fail *fail)
{
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    ERR_clear_error();
    struct vc_tls_server *s = calloc(1, sizeof(*s));
    if (!s) {
        (void)vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "TLS");
        return NULL;
    }
    s->max = conf->max;
    s->priority = conf->priority;
    s->ask = conf->ask;
    s->arg = conf->arg;
    s->provider = vc_provider_new(fail);
    if (!s->provider)
        goto fail;
    s->bio = vc_tls_conn_bio_method();
    if (!s->bio) {
        (void)failed(fail, "a TLS context");
        goto fail;
    }
    if (vc_tls_server_certs(s, conf->certs, conf->n_certs, fail) == 0)
        return s;
fail:
    vc_tls_server_free(s);
    return NULL;
}

void vc_tls_server_free(struct vc_tls_server *s)
{
    if (!s)
        return;
    assert(!s->waiting);
    SSL_CTX_free(s->ctx);
    BIO_meth_free(s->bio);
    vc_provider_free(s->provider);
    free(s);
}

struct vc_tls_conn *vc_tls_signed(struct vc_tls_server *s, uint64_t handshake, bool ok, const uint8_t *signature,
                                  size_t len)
{
    for (struct vc_tls_conn *c = s->waiting; c; c = c->next) {
        struct vc_question *q = &c->question;
        if (c->handshake != handshake)
            continue;
        if (q->state != VC_QUESTION_ASKED)
            return NULL;
        if (ok && len > 0 && len <= sizeof(q->signature)) {
            memcpy(q->signature, signature, len);
            q->signature_len = len;
            q->state = VC_QUESTION_ANSWERED;
        } else {
            q->state = VC_QUESTION_REFUSED;
        }
        return c;
    }
    return NULL;
}
