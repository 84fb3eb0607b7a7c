#ifndef VC_PROTO_DTLS_GATEWAY_H
#define VC_PROTO_DTLS_GATEWAY_H

#include "base/addr.h"
#include "proto/dtls_flight.h"

/** The gateway's end of the DTLS handshakes (2-tunnel.md 9.3, 9.5 to 9.8): resumption from the injected master secret,
 *  and PSK. No socket, no clock, no randomness of its own.
 *
 *  The owner peeks at a datagram from an address that it does not know yet: which session is meant, was the address
 *  shown to be real. Where it was not, it answers with vc_dtls_hello_verify (stateless, never longer than what came);
 *  else it starts a machine, whose answers are longer than the hello, and gives it the datagrams of that address. A
 * hello of another handshake (VC_DTLS_STEP_OTHER) never disturbs: the owner may start a second machine beside live
 * keys. */

enum vc_dtls_kind {
    VC_DTLS_KIND_NOTHING, /* no record of DTLS 1.2, or a hello that is to be dropped: never answered */
    VC_DTLS_KIND_HELLO,   /* a ClientHello that may begin a handshake */
    VC_DTLS_KIND_OTHER,   /* epoch 0: alert, ChangeCipherSpec, another handshake message */
    VC_DTLS_KIND_SEALED,  /* epoch 1 */
};

/** What the first record of a datagram is. */
struct vc_dtls_peek {
    struct vc_dtls_client_hello hello; /* KIND_HELLO; views into the datagram, as everything here */
    struct vc_dtls_message message;
    struct vc_dtls_view id; /* names the session: extension 48018, else the session id; never empty */
    uint64_t record_seq;    /* < 2^47 */
    size_t len;             /* of the whole datagram */
};

/** Reads the first record only, whatever the bytes; changes nothing. A hello is dropped (NOTHING) when it is malformed
 * or a fragment, names no session, carries another version than FEFD inside, has a random of zeros (9.9), or a
 * message_seq above VC_DTLS_HELLO_SEQ_MAX. @out is filled for KIND_HELLO alone. */
#define VC_DTLS_HELLO_SEQ_MAX 3
enum vc_dtls_kind vc_dtls_peek(uint8_t *datagram, size_t len, struct vc_dtls_peek *out);

#define VC_DTLS_COOKIE 20
#define VC_DTLS_COOKIE_KEY 32
#define VC_DTLS_HELLO_VERIFY_LEN (VC_DTLS_HEADER + VC_DTLS_MESSAGE_HEADER + 3 + VC_DTLS_COOKIE)

/** HMAC-SHA256(key, address, port, random, session id)[0..19]. -1: libcrypto refused. */
int vc_dtls_cookie(const uint8_t key[VC_DTLS_COOKIE_KEY], const struct vc_endpoint *from, const struct vc_dtls_peek *p,
                   uint8_t out[VC_DTLS_COOKIE]);
/** The hello carries the cookie that this key gives; in constant time. Ask with the key before, too, for an hour. */
bool vc_dtls_cookie_right(const uint8_t key[VC_DTLS_COOKIE_KEY], const struct vc_endpoint *from,
                          const struct vc_dtls_peek *p);
/** The HelloVerifyRequest that answers the hello. Keeps no state: record and message numbers are the hello's (RFC 6347
 *  4.2.1). Returns its length; 0 where it would be longer than what came. */
size_t vc_dtls_hello_verify(const uint8_t key[VC_DTLS_COOKIE_KEY], const struct vc_endpoint *from,
                            const struct vc_dtls_peek *p, uint8_t out[VC_DTLS_HELLO_VERIFY_LEN]);

#define VC_DTLS_HELLO_MAX 1280 /* a longer ClientHello with its header is refused where it must be kept (PSK) */
#define VC_DTLS_RESENDS 5      /* by the timer: after 400 ms, then doubling */
#define VC_DTLS_REPEATS 16     /* in answer to a repeated hello; later ones are ignored */

enum vc_dtls_gateway_state {
    VC_DTLS_GATEWAY_IDLE, /* zeroed: nothing pending */
    VC_DTLS_GATEWAY_WAITS_KEY,
    VC_DTLS_GATEWAY_WAITS_FINISHED,
};

/** One pending handshake. A value without pointers; ends (wiped, IDLE) when it completes or fails. */
struct vc_dtls_gateway {
    uint8_t state; /* enum vc_dtls_gateway_state */
    uint8_t mode, alg, hash;
    uint16_t suite;
    uint16_t first_seq; /* message_seq of hello and ServerHello: the number of HelloVerifyRequests before */
    bool ems, renegotiation;
    uint8_t resends, repeats;
    uint8_t id_len;
    uint8_t id[VC_DTLS_SESSION_ID_MAX]; /* in the ServerHello */
    uint8_t client_random[VC_DTLS_RANDOM], server_random[VC_DTLS_RANDOM];
    uint8_t secret[VC_DTLS_MASTER]; /* as in the terms */
    uint8_t finished[VC_DTLS_VERIFY_DATA], peer_finished[VC_DTLS_VERIFY_DATA];
    uint64_t due_ns, wait_ns;
    uint64_t seq0; /* next record of epoch 0 */
    struct vc_dtls_dir send, recv;
    struct vc_replay window;
    struct vc_dtls_held held;
    uint16_t hello_len;
    uint8_t hello[VC_DTLS_HELLO_MAX]; /* PSK: for the handshake hash */
};
_Static_assert(sizeof(struct vc_dtls_gateway) <= 2048, "a pending handshake stays small");

/**
 * Begins a handshake and makes its first flight.
 * @hello          VC_DTLS_KIND_HELLO, from an address that is known to be the client's
 * @server_random  VC_DTLS_RANDOM fresh random bytes
 * @fresh_id       PSK: session id of the ServerHello, at most 32 random bytes; usually none
 * @now_ns         monotonic
 * Returns VC_DTLS_STEP_MORE; or -1 with *fail set (and perhaps an alert in *out): nothing is pending then.
 */
int vc_dtls_gateway_start(struct vc_dtls_gateway *g, const struct vc_dtls_terms *terms,
                          const struct vc_dtls_peek *hello, const uint8_t *server_random, struct vc_dtls_view fresh_id,
                          uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail);
/**
 * Takes a datagram from the address of the hello; works in place.
 * Returns enum vc_dtls_step; or -1 with *fail set. COMPLETE and -1 leave *g wiped. *done is written at COMPLETE alone.
 */
int vc_dtls_gateway_datagram(struct vc_dtls_gateway *g, uint8_t *datagram, size_t len, struct vc_dtls_out *out,
                             struct vc_dtls_done *done, struct vc_fail *fail);
uint64_t vc_dtls_gateway_due(const struct vc_dtls_gateway *g); /* monotonic ns; UINT64_MAX: never */
/** When due: resends the flight, or gives up. MORE, or -1 with *fail set. Early calls do nothing. */
int vc_dtls_gateway_tick(struct vc_dtls_gateway *g, uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail);
void vc_dtls_gateway_wipe(struct vc_dtls_gateway *g);

#endif
