#ifndef VC_TESTS_WIRE_TUNNEL_H
#define VC_TESTS_WIRE_TUNNEL_H

#include "wire_tls.h"

#include "proto/dtls_client.h"
#include "session/session.h"
#include "wire/connect_answer.h"

/** Phases 5 and 6 as a client (2-tunnel.md 1, 2, 8, 9): CONNECT, the way out of OpenSSL, the DTLS handshake, and both
 *  channels frame by frame, so that a test can send whatever it likes. */

struct wire_connect {
    const char *token;
    enum vc_dtls_mode dtls;
    const char *suite; /* one name for X-DTLS-CipherSuite or X-DTLS12-CipherSuite; NULL: all that we speak */
    unsigned base_mtu; /* 0: not said */
    unsigned mtu;      /* X-CSTP-MTU; 0: not said */
    bool ipv6;
    const char *headers; /* whole lines with CRLF, behind the others; may be NULL */
};

/** Prints the request. @secret: 48 bytes for X-DTLS-Master-Secret, where DTLS is by resumption. */
void wire_connect_put(struct vc_writer *w, const struct wire_target *target, const struct wire_connect *c,
                      const uint8_t *secret);

/** A session behind CONNECT. */
struct wire_tunnel {
    struct vc_session session; /* the facts, and channels that nobody has taken yet */
    struct vc_connect_answer answer;
    struct vc_connect_store *store;
    uint8_t *head; /* the answer points into it */
    size_t head_len;
    uint8_t *plain, *cipher; /* what came behind the head: opened, and not opened */
    size_t plain_len, cipher_len;
    int fd, udp; /* owned; udp -1: no DTLS */
    struct vc_endpoint udp_peer;
    struct vc_ip local;
    char dtls_suite[48];
    bool lose_last; /* wire_dtls: the last flight of the handshake, ours or the gateway's, is lost once */
};

/**
 * Sends CONNECT on a fresh or used connection and reads the answer; the connection leaves OpenSSL.
 * Returns 0; the status where that is not 200, with *fail: the connection is over; -1 with *fail.
 */
int wire_connect(struct wire_tls *t, const struct wire_target *target, const struct wire_connect *c,
                 struct wire_tunnel *out, struct vc_fail *fail);
/** The DTLS handshake on a socket of its own. 0: session.udp and session.late are set. @timeout_ms: in all. */
int wire_dtls(struct wire_tunnel *t, unsigned timeout_ms, struct vc_fail *fail);
/** Gives back the answer, which few need later and which is large. */
void wire_tunnel_trim(struct wire_tunnel *t);
void wire_tunnel_end(struct wire_tunnel *t); /* closes without a word, frees and wipes */

/** Both channels without a data path: one record at a time. Small: many may be held at once. */
struct wire_link {
    struct wire_tunnel *tunnel; /* borrowed; its keys are used from here on */
    struct vc_aead *tls_in, *tls_out, *dtls_in, *dtls_out;
    uint8_t *part; /* of a TLS record that is not whole; NULL: none */
    size_t part_len, part_cap;
    unsigned tickets, key_updates;
    bool closed; /* close_notify or FIN came */
};
int wire_link_init(struct wire_link *l, struct wire_tunnel *t, struct vc_fail *fail);
int wire_link_dtls_up(struct wire_link *l, struct vc_fail *fail); /* after wire_dtls, if that came later */
void wire_link_deinit(struct wire_link *l);

int wire_link_frame(struct wire_link *l, uint8_t type, const void *payload, size_t len);   /* a CSTP frame */
int wire_link_record(struct wire_link *l, uint8_t type, const void *bytes, size_t len);    /* any TLS record */
int wire_link_payload(struct wire_link *l, uint8_t type, const void *payload, size_t len); /* a DTLS payload */
int wire_link_dtls(struct wire_link *l, uint8_t type, const void *bytes, size_t len);      /* any DTLS record */
int wire_link_datagram(struct wire_link *l, const void *bytes, size_t len);                /* raw bytes */

/**
 * Takes what has come on a channel, and calls @frame for each frame in it; does not block. KeyUpdates are followed,
 * tickets skipped. -1 with *fail: the connection is over.
 */
typedef void wire_frame_fn(void *owner, bool udp, const struct vc_cstp_frame *frame);
int wire_link_tcp(struct wire_link *l, wire_frame_fn *frame, void *owner, struct vc_fail *fail);
int wire_link_udp(struct wire_link *l, wire_frame_fn *frame, void *owner, struct vc_fail *fail);

#endif
