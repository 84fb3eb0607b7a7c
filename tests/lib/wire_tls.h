#ifndef VC_TESTS_WIRE_TLS_H
#define VC_TESTS_WIRE_TLS_H

#include "base/addr.h"
#include "event/fail.h"
#include "tls/conn.h"

#include <sys/types.h>

/** A client's TLS connection for tests: OpenSSL's handshake and HTTP over a socket, then, if wanted, our record layer
 *  (2-tunnel.md 17). Blocking, with one deadline a call. It trusts every certificate: it attacks and measures gateways,
 *  it does not protect anybody. */
struct wire_target {
    struct vc_endpoint server;
    struct vc_endpoint source; /* of its family; none: any */
    char host[300];            /* what the Host header says; also SNI when it is a name */
    unsigned tls;              /* 12, 13; 0: either */
    const char *suites;        /* OpenSSL's names for 1.2 or 1.3; NULL: all that our record layer speaks */
    unsigned timeout_ms;       /* of each step; 0: 15 s */
};
/** "host:port", "1.2.3.4", "[::1]:443"; names are looked up. */
int wire_target_of(const char *text, struct wire_target *out, struct vc_fail *fail);

struct wire_tls {
    int fd;
    struct vc_endpoint peer, local;
    struct ssl_ctx_st *ctx;
    struct ssl_st *ssl; /* NULL once it was cut */
    struct vc_tls_watch watch;
    uint8_t *raw; /* from the socket, not yet given to OpenSSL: it gets one whole record at a time */
    size_t raw_len, raw_cap;
    bool eof; /* the peer closed */
    unsigned timeout_ms;
    char cert_sha1[41]; /* of the gateway's leaf, upper case */
    char version[8], suite[48];
};

/** Connects and shakes hands. NULL with *fail. */
struct wire_tls *wire_tls_open(const struct wire_target *t, struct vc_fail *fail);
void wire_tls_free(struct wire_tls *t); /* closes the socket, without a word; NULL is fine */

/** Plaintext of at most one record. Returns how many bytes; 0: closed by the peer; -1 with *fail. */
ssize_t wire_tls_read(struct wire_tls *t, void *to, size_t cap, struct vc_fail *fail);
int wire_tls_write(struct wire_tls *t, const void *bytes, size_t len, struct vc_fail *fail);

/** One record as ciphertext that is not sent: the caller sends it, in whatever pieces. -1: it does not fit. */
int wire_tls_seal(struct wire_tls *t, const void *bytes, size_t len, struct vc_writer *to);
/** Bytes as they are. */
int wire_send(int fd, const void *bytes, size_t len, struct vc_fail *fail);
/** Waits until the fd is readable; false when the time is over. */
bool wire_wait(int fd, unsigned timeout_ms);

/** The PSK of PSK-NEGOTIATE (2-tunnel.md 8.4); before the cut. */
int wire_tls_psk(struct wire_tls *t, uint8_t psk[32], struct vc_fail *fail);
/** Takes the connection out of OpenSSL: keys and what was read already. The fd stays in *t, or is taken from there. */
int wire_tls_cut(struct wire_tls *t, struct vc_tls_cut *cut, struct vc_fail *fail);

#endif
