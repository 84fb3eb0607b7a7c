#ifndef VC_DATAPATH_WORKER_H
#define VC_DATAPATH_WORKER_H

#include "base/heap.h"
#include "base/map.h"
#include "event/event.h"
#include "packet/coalesce.h"
#include "session/session.h"
#include "sys/loop.h"
#include "sys/tun.h"
#include "sys/udp.h"

/** The data path of one process: a TUN queue, a UDP socket, the TLS connections of its sessions, and one turn of work
 * at a time: take a batch in, open or seal it in place, give a batch out. It knows no gateway and no client: whoever
 * owns it hears what happened through the ops. */

/** Counters of a worker: columns are the name and what one of them is. */
// clang-format off
#define VC_WORKER_COUNTERS(X) \
    X(tun_reads,      "reads from the TUN that brought something") \
    X(tun_frames,     "super-packets read from the TUN") \
    X(tun_in,         "packets that they were cut into") \
    X(tun_writes,     "writes to the TUN") \
    X(tun_out,        "packets that they held") \
    X(udp_receives,   "receive calls on the UDP socket that brought something") \
    X(udp_in,         "datagrams that they brought") \
    X(udp_sends,      "send calls on the UDP socket") \
    X(udp_out,        "datagrams that they took") \
    X(tcp_receives,   "receive calls on TLS connections that brought something") \
    X(tcp_in,         "records that they brought") \
    X(tcp_sends,      "send calls on TLS connections") \
    X(tcp_out,        "records that they took") \
    X(dropped_source, "packets whose source was not the lease") \
    X(dropped_martian, "packets to where none is passed on: multicast, broadcast, loopback, link-local") \
    X(dropped_loop,   "a tunnel in the tunnel: packets to an end of the own one, datagrams from the clients' network") \
    X(dropped_large,  "packets larger than the channel's MTU, answered with ICMP where possible") \
    X(dropped_stray,  "packets for no session, malformed frames") \
    X(dropped_slow,   "packets for clients that do not read") \
    X(dropped_udp,    "datagrams that nobody could open: unknown address, replayed, forged") \
    X(dropped_kernel, "packets or datagrams that the kernel did not take") \
    X(moved_peer,     "changes of a client's UDP address")
// clang-format on

struct vc_worker_counters {
#define X(name, what) uint64_t name;
    VC_WORKER_COUNTERS(X)
#undef X
};
#define VC_WORKER_N_COUNTERS (sizeof(struct vc_worker_counters) / sizeof(uint64_t))

struct vc_worker;
struct vc_live; /* a session at work here */

enum vc_live_end {
    VC_LIVE_LOST,     /* closed, dead or broken: the session waits for its client */
    VC_LIVE_DETACHED, /* the client said that it comes back */
    VC_LIVE_LOGOUT,   /* the client logged off */
    VC_LIVE_OVER,     /* idle-timeout or session-timeout */
    VC_LIVE_CLOSED,   /* by vc_live_close */
};

struct vc_worker_ops {
    /** The TLS connection is over, and with it the session here; it must not be used after this returns. Called once
     *  for each, with the first reason. */
    void (*ended)(void *owner, struct vc_live *live, enum vc_live_end how, const struct vc_fail *why);
    /** Data goes over DTLS (vc_live_dtls_suite, vc_live_udp_peer), or over TLS again. */
    void (*dtls)(void *owner, struct vc_live *live, bool up);
    /** A packet from the TUN for no session of this worker: header and packet as read. True when somebody else has it
     *  now. May be NULL. */
    bool (*stray_frame)(void *owner, const uint8_t *frame, size_t len, const struct vc_ip *to);
    /** Datagrams from an address that is no session's here, and no ClientHello: true when somebody else takes them. May
     *  be NULL. */
    bool (*claimed)(void *owner, const struct vc_udp_train *train);
    /** One datagram that means no session of this worker: a ClientHello, or a sealed record from an unknown address.
     *  True when somebody else has it now. May be NULL. */
    bool (*stray_datagram)(void *owner, const struct vc_udp_train *train, bool hello);
    void (*emit)(void *owner, struct vc_event *e);
};

#define VC_WORKER_UDP_BUFFERS 32
#define VC_WORKER_TUN_BUFFERS 8
#define VC_WORKER_V6_LENS 4

struct vc_worker_conf {
    enum vc_end end;
    int tun, udp;              /* udp -1: no DTLS; both owned by the worker */
    unsigned offloads;         /* of the TUN */
    uint8_t dtls_cookie;       /* 0 auto, 1 on, 2 off */
    const uint8_t *cookie_key; /* 32 bytes, copied */
    struct vc_prefix inner[2]; /* the clients' networks: nobody's channel comes from there; family NONE: not known */
    void (*random)(void *to, size_t n);
};

/** Returns NULL when out of memory. One per process: its buffers are large. */
struct vc_worker *vc_worker_new(struct vc_loop *loop, const struct vc_worker_conf *conf,
                                const struct vc_worker_ops *ops, void *owner);
void vc_worker_free(struct vc_worker *w);
const struct vc_worker_counters *vc_worker_counters(const struct vc_worker *w);
size_t vc_worker_sessions(const struct vc_worker *w);
/** No session, and no connection whose last words are still on their way. */
bool vc_worker_empty(const struct vc_worker *w);
uint64_t vc_worker_due(const struct vc_worker *w);
void vc_worker_tick(struct vc_worker *w, uint64_t now_ns);

/**
 * Takes up a session: its channel goes on at @fd. An earlier one with the same id is closed quietly (a newer connection
 * took over): `ended` says CLOSED, cause CSTP_REPLACED, of the earlier generation.
 * @s       moved: the caller's copy is wiped. tcp is set, udp may be
 * @fd      owned by the worker when 0 is returned
 * @plain   frames that came behind the CONNECT head, opened; @cipher: records that were read and not opened
 * Returns 0; -1 with *fail: nothing was taken.
 */
int vc_live_start(struct vc_worker *w, struct vc_session *s, int fd, const uint8_t *plain, size_t plain_len,
                  const uint8_t *cipher, size_t cipher_len, struct vc_fail *fail);
struct vc_live *vc_live_find(struct vc_worker *w, uint64_t id);
const struct vc_session *vc_live_session(const struct vc_live *live);
const struct vc_endpoint *vc_live_udp_peer(const struct vc_live *live);
uint16_t vc_live_dtls_suite(const struct vc_live *live); /* code point of the last handshake; 0: none */
/** Walks all; *at starts at 0. None may be added or closed meanwhile. */
struct vc_live *vc_live_next(struct vc_worker *w, size_t *at);
/** Ends it. @bye: the text of a DISCONNECT that says the session is over; NULL: close_notify and FIN only. `ended` is
 *  called with CLOSED and @why. */
void vc_live_close(struct vc_live *live, const char *bye, const struct vc_fail *why);

/** What a neighbour passed on: a packet from its TUN queue, datagrams that reached its socket. It is never passed on
 *  again: two neighbours that think of each other would play ball with it. */
void vc_worker_frame(struct vc_worker *w, uint8_t *frame, size_t len);
/** What a session here has at an outer address. */
enum vc_worker_at {
    VC_AT_NOTHING,
    VC_AT_UNPROVED, /* a handshake, or an address that authentic records came from: perhaps copied ones */
    VC_AT_PROVED,   /* a handshake whose client showed that it hears there */
    VC_AT_CHANNEL,  /* where its channel goes */
};
/** @taken: to the neighbour's knowledge the address is another session's: a ClientHello from there must prove that its
 *  client hears there. Returns what is at the address from now on. */
enum vc_worker_at vc_worker_train(struct vc_worker *w, struct vc_udp_train *train, bool taken);

enum vc_worker_at vc_worker_at(const struct vc_worker *w, const struct vc_endpoint *peer);
/** The address is a session's of a neighbour now: what comes from there is not taken for one of ours any more. */
void vc_worker_yield(struct vc_worker *w, const struct vc_endpoint *peer);

#endif
