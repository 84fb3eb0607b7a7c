#ifndef VC_TLS_SERVER_H
#define VC_TLS_SERVER_H

#include "event/fail.h"
#include "policy/tls_priority.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** TLS for the gateway's portals (1-login.md 1.1, docs/threats.md "1 TLS"): OpenSSL behind one door. It sees no socket:
 *  ciphertext goes in and comes out as bytes; private keys are a number that a signer knows. TLS 1.2 and 1.3, suites of
 *  vc_tls_suites only; no renegotiation, tickets, resumption, early data, compression. One thread. */

struct vc_tls_server; /* the configuration, for many connections */
struct vc_tls_conn;   /* one connection: tls/conn.h */

enum vc_tls_max { VC_TLS_MAX_AUTO, VC_TLS_MAX_1_2, VC_TLS_MAX_1_3 };

#define VC_TLS_CERTS_MAX 8 /* certificates of one server, of different kinds */

/**
 * Asks for a signature; vc_tls_signed brings the answer later (or at once, from within).
 * @handshake  its number, never used twice by one server; they go up from question to question
 * @key        the number of vc_tls_cert
 * @bytes      what to sign, not a hash of it; borrowed for the call
 * Returns 0; or -1 when nobody can be asked: the handshake fails.
 */
typedef int vc_tls_ask(void *arg, uint64_t handshake, uint16_t key, uint16_t scheme, const uint8_t *bytes, size_t len);

struct vc_tls_cert {
    const void *chain_pem; /* leaf first; borrowed for the call */
    size_t chain_len;
    uint16_t key; /* the signer's number for its private key */
};

struct vc_tls_server_conf {
    enum vc_tls_max max;
    struct vc_tls_priority priority; /* what the gateway has, less what this leaves out */
    const struct vc_tls_cert *certs;
    size_t n_certs;
    vc_tls_ask *ask;
    void *arg;
};

/** NULL: cause CONFIG (certificates), SYSTEM or NO_MEMORY. */
struct vc_tls_server *vc_tls_server_new(const struct vc_tls_server_conf *conf, struct vc_fail *fail);
void vc_tls_server_free(struct vc_tls_server *s); /* NULL is fine; after all its connections */
/** Other certificates in their place. Connections show them from now on, those too that have not sent their ClientHello
 *  yet. Returns 0; or -1 with *fail: the old ones stay. */
int vc_tls_server_certs(struct vc_tls_server *s, const struct vc_tls_cert *certs, size_t n_certs, struct vc_fail *fail);
/** The signer's answer. Returns the connection that can go on with vc_tls_conn_handshake; NULL: it is gone, or nothing
 * was asked (an answer too many). */
struct vc_tls_conn *vc_tls_signed(struct vc_tls_server *s, uint64_t handshake, bool ok, const uint8_t *signature,
                                  size_t len);

#endif
