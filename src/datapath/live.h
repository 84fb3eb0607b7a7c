#ifndef VC_DATAPATH_LIVE_H
#define VC_DATAPATH_LIVE_H

#include "base/group.h"
#include "datapath/worker.h"
#include "proto/dtls_gateway.h"

/** Inside of the data path: what its files share. */

#define VC_TCP_UNSENT_MAX                                                                                              \
    (256U << 10)         /* bytes that wait for a client that does not read; then its packets are dropped */
#define VC_TCP_SLOW_S 30 /* what waits must have left after this long, or the connection ends */
#define VC_TCP_STAGE (288U << 10)
#define VC_TCP_READ (1U << 20)
#define VC_UDP_STAGE (1U << 20)
#define VC_RECORDS_MAX 256 /* opened in one call */
#define VC_SEAL_MAX 64     /* sealed in one call */
#define VC_OLD_KEYS_NS 5000000000ULL
#define VC_AGAIN_MAX 1024
#define VC_EARLY_MAX 8
#define VC_EARLY_LEN 2048
#define VC_EARLY_NS 1000000000ULL
#define VC_CLOSING_NS 2000000000ULL
#define VC_NEVER UINT64_MAX
#define VC_STRANGERS 1024 /* a power of two */

/** A DTLS handshake under way, beside whatever is up. */
struct vc_pending {
    struct vc_dtls_gateway machine;
    struct vc_endpoint peer;
    struct vc_ip local;
    bool proved; /* its client showed that it hears there */
    unsigned n_early;
    uint64_t early_ns;
    struct vc_early {
        size_t len;
        uint8_t bytes[];
    } * early[VC_EARLY_MAX]; /* data that overtook the Finished: own, rarely there */
};

/** An address that records of the session came from, and that is not the session's until an answer comes from there. */
struct vc_probe {
    struct vc_endpoint peer; /* family NONE: none */
    struct vc_ip local;
    uint64_t since_ns, asked_ns;
    uint64_t seq; /* an answer to what was asked has at least this number */
};

/** A membership in the group of an outer IP address. */
struct vc_outer {
    struct vc_group in;
    struct vc_ip ip; /* family NONE: in none */
};

struct vc_live {
    struct vc_session s;
    struct vc_worker *w;
    struct vc_heap_node timer;
    bool ending;  /* vc_live_end is at work: what breaks meanwhile is part of this end */
    bool closing; /* nothing but the last bytes and the end of the connection */
    bool mute;    /* no further record: the last one was a fatal alert, or there is no key for another */
    bool cut;     /* the socket takes nothing any more */
    uint64_t closing_ns;

    int fd;
    struct vc_endpoint our_end; /* of the TLS connection; family NONE: not known */
    struct vc_watch watch;
    struct vc_aead *tcp_in, *tcp_out;
    uint8_t *part; /* a record of which the rest has not come; VC_TLS_RECORD_MAX bytes, or NULL */
    size_t part_len;
    uint8_t *out; /* sealed, not yet taken by the kernel */
    size_t out_at, out_len, out_cap;
    size_t draining;   /* of it: queued before data moved to DTLS, and to leave before anything goes that way */
    bool on_udp;       /* data moves, or has moved, to DTLS */
    uint64_t stuck_ns; /* since when the first stuck_left bytes wait; 0: nothing waits */
    size_t stuck_left;
    uint64_t update_window_ns; /* limits on the peer: KeyUpdates, empty records, warnings */
    unsigned updates, empties, warnings;
    bool source_told; /* that packets had another's source: once, an attacker writes no logs */

    struct vc_endpoint udp_peer; /* where DTLS goes; family NONE: nowhere */
    struct vc_ip udp_local;      /* the address of ours that the client uses */
    uint16_t udp_suite;
    uint16_t udp_max;      /* datagrams of this size did not leave: they go over TLS; 0: none did not */
    int udp_errno;         /* nothing leaves for udp_peer: told when the turn is over */
    uint64_t udp_asked_ns; /* our last DPD-REQ to udp_peer, unless its answer came; 0: none */
    uint64_t moved_ns;
    struct vc_probe probe;
    struct vc_outer outer[2]; /* by the addresses of its TLS connection and of udp_peer */
    struct vc_aead *udp_in, *udp_out;
    struct vc_dtls_dir old_in; /* keys before the last handshake, for what is still on its way */
    struct vc_replay old_window;
    struct vc_aead *old_aead;
    uint64_t old_until_ns;
    struct vc_endpoint old_peer; /* where those came from */
    struct vc_pending *pending;
    uint64_t hello_second_ns;          /* 4 hellos a second of each kind */
    unsigned hellos, hellos_elsewhere; /* from its own IP addresses, and from others: these take nothing from those */
    bool cookie_told;                  /* that a hello was asked for one: once */
    uint64_t alert_ns;                 /* the last alert of a handshake */
};

struct vc_worker {
    struct vc_loop *loop;
    const struct vc_worker_ops *ops;
    void *owner;
    struct vc_worker_conf conf;
    uint8_t cookie_key[32];
    uint16_t udp_port;
    struct vc_ip broadcast[2]; /* of the clients' IPv4 network, in the old form and in today's */
    struct vc_watch tun_watch, udp_watch;
    struct vc_worker_counters count;
    struct vc_map by_id, by_v4, by_v6, by_peer, by_dtls_id;
    struct vc_map by_outer; /* groups, by outer IP address */
    struct vc_heap timers;
    uint8_t v6_lens[VC_WORKER_V6_LENS]; /* prefix lengths that sessions here have; 0: free */
    unsigned n_lives;
    struct vc_coalescer coalescer;

    /* UDP trains of this turn: records one behind the other in udp_stage */
    struct vc_udp_train trains[VC_UDP_BATCH];
    struct vc_live *train_live[VC_UDP_BATCH];
    unsigned n_trains;
    bool train_open; /* the last one may grow */
    size_t udp_staged;
    /* packets of this turn that did not leave over UDP: they go over TLS at its end */
    struct {
        struct vc_live *live; /* NULL: its session has ended */
        size_t at, len;       /* in again_stage */
    } again[VC_AGAIN_MAX];
    unsigned n_again;
    size_t again_staged;
    bool again_busy;
    /* TLS records of this turn, of one session */
    struct vc_live *tcp_live;
    size_t tcp_staged, tcp_staged_records;
    /* datagrams from unknown addresses: 100 a second and source are looked at; sources share a place by chance */
    struct {
        uint64_t second_ns;
        unsigned n;
    } strangers[VC_STRANGERS];
    uint64_t strangers_seed;
    uint64_t trial_second_ns; /* records from unknown addresses that were tried on a session's keys */
    unsigned trials;
    bool taken;               /* what is at work came from a neighbour that knows its address as another session's */
    uint64_t hello_second_ns; /* ClientHellos of all sessions: many are load (2-tunnel.md 9.5) */
    unsigned hellos;

    struct vc_tls_record tls_recs[VC_RECORDS_MAX];
    struct vc_dtls_record dtls_recs[VC_RECORDS_MAX];
    uint8_t udp_stage[VC_UDP_STAGE];
    uint8_t again_stage[VC_UDP_STAGE];
    uint8_t tcp_stage[VC_TCP_STAGE];
    uint8_t tcp_read[VC_TCP_READ];
    uint8_t scratch[VC_TUN_FRAME_MAX];
    uint8_t tun_in[VC_WORKER_TUN_BUFFERS][VC_TUN_FRAME_MAX + 1];
    uint8_t udp_in[VC_WORKER_UDP_BUFFERS][65536];
};

static inline uint64_t vc_worker_now(const struct vc_worker *w)
{
    return w->loop->now_ns;
}

/* worker.c */
/** An opened packet from the client: to the TUN, if its source is the lease. Borrowed until vc_worker_flush. */
void vc_worker_deliver(struct vc_live *l, uint8_t *packet, size_t len);
/** Datagrams from one of the clients' addresses came through a tunnel: counted, true. As a session's path such an
 *  address would lead its records into a tunnel, perhaps into its own. */
bool vc_worker_is_loop(struct vc_worker *w, const struct vc_udp_train *t);
/** Everything that the turn gathered goes out. */
void vc_worker_flush(struct vc_worker *w);
struct vc_live *vc_worker_by_address(struct vc_worker *w, const struct vc_ip *ip);
/** Whose way a packet to @to goes: at a client's end there is one session, and the routes have decided. */
struct vc_live *vc_worker_for(struct vc_worker *w, const struct vc_ip *to);
void vc_live_rearm(struct vc_live *l); /* asks all its machines when they are due */
/** Over: the client hears it where it can, `ended` is told once, lookups forget it, the connection is closed in order.
 *  The memory stays until a later turn. */
void vc_live_end(struct vc_live *l, enum vc_live_end how, const char *bye, const struct vc_fail *why);
struct vc_event vc_live_event(const struct vc_live *l, enum vc_event_id id, enum vc_outcome outcome);

/* tun_lane.c */
void vc_tun_lane_open(struct vc_worker *w);
void vc_tun_lane_frame(struct vc_worker *w, uint8_t *frame, size_t len, bool forwarded);
/** What vc_udp_trains_again keeps goes over TLS. */
void vc_tun_lane_again(struct vc_worker *w);
void vc_tun_lane_emit(void *worker, const struct vc_super *super, struct iovec *iov, int n_iov, unsigned packets);

/* tcp_lane.c */
int vc_tcp_lane_open(struct vc_live *l, int fd, struct vc_fail *fail);
void vc_tcp_lane_close(struct vc_live *l); /* frees; sends nothing */
/** Records that came with the hand-over. */
void vc_tcp_lane_begin(struct vc_live *l, const uint8_t *plain, size_t plain_len, const uint8_t *cipher,
                       size_t cipher_len);
/** Room for a record: returns where @len bytes of payload behind a CSTP header go, or NULL: the client does not read.
 */
uint8_t *vc_tcp_lane_room(struct vc_live *l, size_t len);
void vc_tcp_lane_flush(struct vc_worker *w); /* seals nothing: sends what is staged */
/** A control frame, at once with the turn's other records; dropped where too much waits, but for DISCONNECT. */
void vc_tcp_lane_send(struct vc_live *l, uint8_t type, const uint8_t *payload, size_t len);
/** Packets that were written into rooms of vc_tcp_lane_room, one behind the other: seals them. */
void vc_tcp_lane_seal(struct vc_live *l, struct vc_tls_record *recs, size_t n);
void vc_tcp_lane_act(struct vc_live *l, const struct vc_cstp_out *out); /* what the CSTP machine wants */
uint64_t vc_tcp_lane_due(const struct vc_live *l);
void vc_tcp_lane_tick(struct vc_live *l, uint64_t now_ns);
/** DISCONNECT with @bye, unless it is NULL, and close_notify; nothing where the channel is mute. */
void vc_tcp_lane_goodbye(struct vc_live *l, const char *bye);

/* udp_trains.c */
void vc_udp_trains_flush(struct vc_worker *w);              /* all that the turn gathered, and the stage is empty */
void vc_udp_trains_send(struct vc_worker *w);               /* the same, but what is staged stays where it is */
uint8_t *vc_udp_trains_room(struct vc_live *l, size_t len); /* where @len bytes go, the type byte first */
/** Adds one sealed record, which lies behind all that was staged. */
void vc_udp_trains_add(struct vc_live *l, const struct vc_endpoint *to, const struct vc_ip *local, uint8_t *raw,
                       size_t len);
/** A datagram that no key of the session seals here, at once: handshakes. */
void vc_udp_trains_plain(struct vc_worker *w, const struct vc_endpoint *to, const struct vc_ip *local,
                         const uint8_t *bytes, size_t len);

/** A packet that counts as sent, but was not: it goes over TLS when the turn's trains have left. */
void vc_udp_trains_again(struct vc_live *l, const uint8_t *packet, size_t len);
void vc_udp_trains_forget(struct vc_live *l); /* its packets among those */

/* udp_paths.c */
struct vc_live *vc_udp_path_owner(const struct vc_worker *w, const struct vc_endpoint *e); /* NULL: no session's */
int vc_udp_path_claim(struct vc_live *l, const struct vc_endpoint *e);                     /* -1: no memory */
/** The session leaves an address, unless something else of it is there: the channel, a handshake, a probe. */
void vc_udp_path_release(struct vc_live *l, struct vc_endpoint e);
/** Where sealed records from an unknown port of this IP address look for their session. */
void vc_udp_path_known(struct vc_live *l, unsigned which, const struct vc_ip *ip);
/** Whether the client hears at this address: its hello carries our cookie. Else it is asked to come again with one. */
bool vc_udp_path_proved(struct vc_worker *w, const struct vc_endpoint *from, const struct vc_ip *local,
                        const struct vc_dtls_peek *p);
/** Counts the datagrams of a source (an IPv4 address, an IPv6 /64): whether it sent too many in this second. */
bool vc_udp_path_flooded(struct vc_worker *w, const struct vc_ip *source);

/* udp_lane.c */
void vc_udp_lane_open(struct vc_worker *w);
/** A session that came with a DTLS channel goes on with it. */
int vc_udp_lane_resume(struct vc_live *l, struct vc_fail *fail);
/** Data goes this way. Asked for each packet, since time changes the answer: at the move TLS is drained first. */
bool vc_udp_lane_up(struct vc_live *l);
bool vc_udp_lane_carries(const struct vc_live *l, size_t len); /* a packet of this size does not go over TLS instead */
/** Seals records of one kind that lie one behind the other from vc_udp_trains_room on, and adds them to the turn's
 * trains. Packets that the key does not seal any more go over TLS, and the lane is not up afterwards. */
void vc_udp_lane_seal(struct vc_live *l, struct vc_dtls_record *recs, size_t n);
void vc_udp_lane_send(struct vc_live *l, uint8_t type, const uint8_t *payload, size_t len);
void vc_udp_lane_train(struct vc_worker *w, struct vc_udp_train *train, bool forwarded);
void vc_udp_lane_tick(struct vc_live *l, uint64_t now_ns);
uint64_t vc_udp_lane_due(const struct vc_live *l);
/** The channel and whatever handshake runs beside it are over; data goes over TLS. @say_so: with close_notify. */
void vc_udp_lane_close(struct vc_live *l, bool say_so);
void vc_udp_lane_act(struct vc_live *l, const struct vc_cstp_out *out);

#endif
