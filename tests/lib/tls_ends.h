#ifndef VC_TESTS_TLS_ENDS_H
#define VC_TESTS_TLS_ENDS_H

/** OpenSSL's client and our server in one process, in memory, with a signer that answers from a keyring: at once, or
 * when the test says so. */
#include "certs.h"

#include "tls/conn.h"
#include "tls/keyring.h"
#include "tls/server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

struct question_kept {
    uint64_t handshake;
    uint16_t key, scheme;
    uint8_t *bytes;
    size_t len;
};

struct gateway {
    struct vc_tls_server *server;
    struct vc_keyring *ring;
    bool hold;   /* the signer does not answer by itself */
    bool absent; /* nobody can be asked */
    unsigned asked;
    struct question_kept kept[8];
    size_t n_kept;
};

static inline void gateway_answer(struct gateway *g, size_t i, bool expect_ok, struct vc_tls_conn **conn)
{
    struct question_kept *k = &g->kept[i];
    uint8_t sig[VC_TLS_SIGNATURE_MAX];
    size_t n;
    struct vc_fail fail = {0};
    int rc = vc_keyring_sign(g->ring, k->key, k->scheme, k->bytes, k->len, sig, &n, &fail);
    if (rc != 0 && expect_ok)
        fail_msg("the signer refuses: %s", fail.detail);
    *conn = vc_tls_signed(g->server, k->handshake, rc == 0, sig, n);
}

static inline int gateway_ask(void *arg, uint64_t handshake, uint16_t key, uint16_t scheme, const uint8_t *bytes,
                              size_t len)
{
    struct gateway *g = arg;
    struct vc_tls_conn *conn;
    g->asked++;
    if (g->absent)
        return -1;
    assert_true(g->n_kept < 8);
    g->kept[g->n_kept] = (struct question_kept){handshake, key, scheme, exact(bytes, len), len};
    if (g->hold) {
        g->n_kept++;
        return 0;
    }
    gateway_answer(g, g->n_kept, true, &conn);
    assert_non_null(conn);
    free(g->kept[g->n_kept].bytes);
    return 0;
}

/** @kind, @kind2: up to two kinds of keys, for test_key. @priorities: as tls-priorities; NULL: none. */
static inline void gateway_start_with(struct gateway *g, enum vc_tls_max max, const char *priorities, const char *kind,
                                      const char *kind2)
{
    const char *kinds[2] = {kind, kind2};
    struct vc_tls_cert certs[2];
    char *pems[2] = {NULL, NULL};
    size_t n = 0;
    struct vc_fail fail = {0};
    *g = (struct gateway){.ring = vc_keyring_new()};
    for (; n < 2 && kinds[n]; n++) {
        EVP_PKEY *key = test_key(kinds[n]), *ca_key = test_key("P-256");
        X509 *ca = test_cert(ca_key, "CA", NULL, NULL);
        X509 *chain[2] = {test_cert(key, "vpn.example", ca_key, ca), ca};
        size_t len;
        char *pem = test_key_pem(key, NULL, &len);
        assert_int_equal(vc_keyring_add(g->ring, (uint16_t)(40 + n), pem, len, &fail), 0);
        free(pem);
        pems[n] = test_cert_pem(chain, 2, &len);
        certs[n] = (struct vc_tls_cert){pems[n], len, (uint16_t)(40 + n)};
        X509_free(chain[0]);
        X509_free(ca);
        EVP_PKEY_free(key);
        EVP_PKEY_free(ca_key);
    }
    struct vc_tls_server_conf conf = {.max = max, .certs = certs, .n_certs = n, .ask = gateway_ask, .arg = g};
    const char *why;
    if (priorities)
        assert_int_equal(vc_tls_priority_read(vc_str_of(priorities), &conf.priority, &why, NULL, 0), 0);
    g->server = vc_tls_server_new(&conf, &fail);
    if (!g->server)
        fail_msg("no server: %s", fail.detail);
    free(pems[0]);
    free(pems[1]);
}

static inline void gateway_start(struct gateway *g, enum vc_tls_max max, const char *kind, const char *kind2)
{
    gateway_start_with(g, max, NULL, kind, kind2);
}

static inline void gateway_stop(struct gateway *g)
{
    for (size_t i = 0; i < g->n_kept; i++)
        free(g->kept[i].bytes);
    vc_tls_server_free(g->server);
    vc_keyring_free(g->ring);
}

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out; /* ciphertext; owned by ssl */
};

/** @version: 0: any. @suite: OpenSSL's name; NULL: any. */
static inline SSL_CTX *client_context(int version, const char *suite)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_security_level(ctx, 1);
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    if (suite && version == TLS1_3_VERSION)
        assert_int_equal(SSL_CTX_set_ciphersuites(ctx, suite), 1);
    else if (suite)
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, suite), 1);
    return ctx;
}

/** With a context that others may have used: making one takes longer than a handshake. */
static inline void client_start_in(struct client *c, SSL_CTX *ctx)
{
    SSL_CTX_up_ref(ctx);
    *c = (struct client){.ctx = ctx, .ssl = SSL_new(ctx)};
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->in, -1);
    BIO_set_mem_eof_return(c->out, -1);
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_connect_state(c->ssl);
}

static inline void client_start(struct client *c, int version, const char *suite)
{
    SSL_CTX *ctx = client_context(version, suite);
    client_start_in(c, ctx);
    SSL_CTX_free(ctx);
}

static inline void client_stop(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
}

/** What the server has for the client goes there. */
static inline void to_client(struct vc_tls_conn *s, struct client *c)
{
    size_t n;
    const uint8_t *p = vc_tls_conn_out(s, &n);
    if (n == 0)
        return;
    assert_int_equal(BIO_write(c->in, p, (int)n), n);
    vc_tls_conn_sent(s, n);
}

/** What the client has for the server goes there; returns how much. */
static inline size_t to_server(struct client *c, struct vc_tls_conn *s)
{
    char *at = NULL;
    long n = BIO_get_mem_data(c->out, &at);
    size_t fed = n > 0 ? vc_tls_conn_feed(s, at, (size_t)n) : 0;
    uint8_t skip[1024];
    for (size_t left = fed; left > 0;)
        left -= (size_t)BIO_read(c->out, skip, left < sizeof(skip) ? (int)left : (int)sizeof(skip));
    return fed;
}

/** Runs the handshake as far as it goes. Returns the last step, or -1 with *fail. */
static inline int shake(struct vc_tls_conn *s, struct client *c, struct vc_fail *fail)
{
    for (int i = 0; i < 20; i++) {
        (void)SSL_do_handshake(c->ssl);
        (void)to_server(c, s);
        int step = vc_tls_conn_handshake(s, fail);
        to_client(s, c);
        if (step == VC_TLS_STEP_DONE)
            (void)SSL_do_handshake(c->ssl);
        if (step != VC_TLS_STEP_MORE || (!SSL_in_init(c->ssl) && BIO_ctrl_pending(c->out) == 0))
            return step;
    }
    return VC_TLS_STEP_MORE;
}

#endif
