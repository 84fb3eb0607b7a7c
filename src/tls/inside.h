#ifndef VC_TLS_INSIDE_H
#define VC_TLS_INSIDE_H

/** Shared by server.c and conn.c alone. */
#include "tls/conn.h"
#include "tls/provider.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#define VC_TLS_HELLO_SUITES 12

struct vc_tls_server {
    struct vc_provider *provider;
    SSL_CTX *ctx;
    BIO_METHOD *bio;
    enum vc_tls_max max;
    struct vc_tls_priority priority;
    bool rsa_only;
    bool serves_13; /* one of the certificates' keys can sign what the priorities leave of TLS 1.3 */
    vc_tls_ask *ask;
    void *arg;
    uint64_t last_handshake;
    struct vc_tls_conn *waiting; /* for the signer */
};

struct vc_tls_conn {
    struct vc_tls_server *server;
    void *owner;
    SSL *ssl; /* NULL once it was cut */
    uint64_t handshake;
    struct vc_tls_conn *next, **here; /* in server->waiting, while here is not NULL */
    struct vc_question question;
    struct vc_tls_watch watch;
    bool up;     /* the handshake is complete */
    bool failed; /* with fail */
    bool saw_hello;
    struct vc_fail fail;
    /* ciphertext from the client: in[in_at..in_whole) are whole records, up to in_len the begin of one */
    uint8_t *in;
    size_t in_at, in_whole, in_len, in_cap;
    size_t in_total; /* while the handshake runs */
    bool not_tls, hello_too_large;
    uint8_t hello[4]; /* type and length of the first handshake message */
    size_t hello_len;
    /* ciphertext for the client: out[out_at..out_len) */
    uint8_t *out;
    size_t out_at, out_len, out_cap;
    /* of the ClientHello, to explain a failure */
    uint16_t offered_version;
    uint16_t offered[VC_TLS_HELLO_SUITES];
    size_t n_offered;
};

/* conn.c, given to OpenSSL by server.c */
BIO_METHOD *vc_tls_conn_bio_method(void);
int vc_tls_conn_client_hello(SSL *ssl, int *alert, void *server);
void vc_tls_conn_keylog(const SSL *ssl, const char *line);
void vc_tls_conn_message(int write, int version, int content_type, const void *bytes, size_t len, SSL *ssl, void *conn);

#endif
