#ifndef VC_PROTO_DTLS_CLIENT_H
#define VC_PROTO_DTLS_CLIENT_H

#include "proto/dtls_flight.h"

/** The client's end of the DTLS handshakes (2-tunnel.md 9.3, 9.5 to 9.8, 12): resumption from the injected master
 *  secret, and PSK; a HelloVerifyRequest up to twice. No socket, no clock, no randomness of its own. The owner gives it
 *  the datagrams of one connected socket. */
#define VC_DTLS_TRIES 5        /* ClientHellos at 0, 1, 3, 7, 15 s; given up at 31 s */
#define VC_DTLS_TRIES_QUIET 3  /* later: 0, 1, 3 s; given up at 7 s */
#define VC_DTLS_HELLO_VERIFY 2 /* HelloVerifyRequests obeyed; later ones are ignored */
#define VC_DTLS_SERVER_HELLO_MAX 256

enum vc_dtls_client_state {
    VC_DTLS_CLIENT_IDLE, /* zeroed: nothing pending */
    VC_DTLS_CLIENT_WAITS_HELLO,
    VC_DTLS_CLIENT_WAITS_FINISHED,
};

/** One pending handshake. A value without pointers; ends (wiped, IDLE) when it completes or fails. */
struct vc_dtls_client {
    uint8_t state; /* enum vc_dtls_client_state */
    uint8_t mode, alg, hash;
    uint16_t suite; /* RESUME: offered; PSK: chosen by the gateway */
    uint8_t psk_aead;
    uint8_t tries, tried; /* hellos by the timer */
    uint8_t first_seq;    /* message_seq of the hello: HelloVerifyRequests obeyed */
    bool ems;
    bool hello_done; /* PSK: the ServerHelloDone overtook the ServerHello */
    uint8_t id_len, cookie_len;
    uint8_t id[VC_DTLS_SESSION_ID_MAX];
    uint8_t client_random[VC_DTLS_RANDOM], server_random[VC_DTLS_RANDOM];
    uint8_t secret[VC_DTLS_MASTER]; /* as in the terms */
    uint8_t finished[VC_DTLS_VERIFY_DATA], peer_finished[VC_DTLS_VERIFY_DATA];
    uint64_t start_ns, end_ns, due_ns, wait_ns;
    uint64_t seq0; /* next record of epoch 0 */
    struct vc_dtls_dir send, recv;
    struct vc_replay window;
    struct vc_dtls_held held;
    uint8_t cookie[VC_DTLS_COOKIE_MAX];
    uint16_t server_hello_len;
    uint8_t server_hello[VC_DTLS_SERVER_HELLO_MAX];
};
_Static_assert(sizeof(struct vc_dtls_client) <= 1280, "a pending handshake stays small");

/**
 * Begins a handshake and makes its ClientHello.
 * @client_random  VC_DTLS_RANDOM fresh random bytes
 * @tries          VC_DTLS_TRIES, VC_DTLS_TRIES_QUIET
 * @now_ns         monotonic
 * Returns VC_DTLS_STEP_MORE; or -1 with *fail set where the terms name no suite of ours.
 */
int vc_dtls_client_start(struct vc_dtls_client *c, const struct vc_dtls_terms *terms, const uint8_t *client_random,
                         unsigned tries, uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail);
/**
 * Takes a datagram from the gateway; works in place.
 * Returns enum vc_dtls_step, never OTHER; or -1 with *fail set: no DTLS for this connection. COMPLETE (whose last
 * flight lies in *out) and -1 leave *c wiped. *done is written at COMPLETE alone.
 */
int vc_dtls_client_datagram(struct vc_dtls_client *c, uint8_t *datagram, size_t len, uint64_t now_ns,
                            struct vc_dtls_out *out, struct vc_dtls_done *done, struct vc_fail *fail);
uint64_t vc_dtls_client_due(const struct vc_dtls_client *c); /* monotonic ns; UINT64_MAX: never */
/** When due: the next try, or the end. MORE, or -1 with *fail set. Early calls do nothing. */
int vc_dtls_client_tick(struct vc_dtls_client *c, uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail);
void vc_dtls_client_wipe(struct vc_dtls_client *c);

#endif
