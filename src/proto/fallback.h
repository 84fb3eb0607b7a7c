#ifndef VC_PROTO_FALLBACK_H
#define VC_PROTO_FALLBACK_H

#include <stdbool.h>
#include <stdint.h>

/** On which of its two channels the gateway sends data (2-tunnel.md 11, 12). Both ends take data from either at any
 * time; control is always on CSTP. A value without a clock.
 *
 *  CSTP until the client's Finished verifies, then DTLS. Back to CSTP: the channel is closed or dead, the client sends
 * data over TCP (two packets within 1 s, not in the first 3 s after Finished), or nothing came over UDP for a while. To
 * DTLS again: a new Finished, or a sign over UDP that undoes the reason. */
enum vc_way { VC_WAY_CSTP, VC_WAY_DTLS };

enum vc_way_why {
    VC_WAY_START,      /* no DTLS yet */
    VC_WAY_FINISHED,   /* DTLS: a handshake is complete */
    VC_WAY_UDP_ALIVE,  /* DTLS: it is heard again */
    VC_WAY_CLOSED,     /* CSTP: closed, unreachable, key at its limit: only a new Finished helps */
    VC_WAY_DEAD,       /* CSTP: DPD unanswered; any authentic record takes it back */
    VC_WAY_UDP_SILENT, /* CSTP: switch-to-tcp-timeout; any authentic record takes it back */
    VC_WAY_TCP_DATA,   /* CSTP: the client sends data over TCP; data over UDP takes it back, 1 s later at the soonest */
};

struct vc_fallback {
    uint8_t way;     /* enum vc_way: where to send */
    uint8_t why;     /* enum vc_way_why */
    bool offered;    /* CONNECT offered DTLS */
    bool hello_seen; /* a ClientHello of this session came */
    bool silent_told;
    uint64_t connect_ns;  /* when CONNECT was answered */
    uint64_t switch_ns;   /* switch-to-tcp-timeout; 0: off */
    uint64_t finished_ns; /* the last Finished */
    uint64_t heard_ns;    /* the last authentic record over UDP */
    uint64_t tcp_data_ns; /* the last DATA frame on CSTP that counted; 0: none */
    uint64_t flipped_ns;  /* when TCP_DATA was decided */
    uint64_t hold_ns;     /* until then data stays on CSTP though the way is DTLS; 0: it goes there */
};

void vc_fallback_init(struct vc_fallback *f, bool dtls_offered, uint32_t switch_to_tcp_s, uint64_t now_ns);

/** A ClientHello for this session came, whatever becomes of it. */
static inline void vc_fallback_hello(struct vc_fallback *f)
{
    f->hello_seen = true;
}

/* Each returns true when the way changed: one event, and the sender first drains its CSTP queue. */
bool vc_fallback_finished(struct vc_fallback *f, uint64_t now_ns);
/** Behind a first Finished, at the gateway: openconnect now finds out its MTU and throws away every packet that comes
 * over UDP meanwhile. Data stays on CSTP until one of its own comes over UDP, or until it has asked nothing for 300 ms.
 */
void vc_fallback_hold(struct vc_fallback *f, uint64_t now_ns);
/** Where a packet goes now. */
static inline enum vc_way vc_fallback_way(const struct vc_fallback *f, uint64_t now_ns)
{
    return f->way == VC_WAY_DTLS && now_ns >= f->hold_ns ? VC_WAY_DTLS : VC_WAY_CSTP;
}
/** An authentic record came over UDP; @data: with a packet. */
bool vc_fallback_udp_heard(struct vc_fallback *f, bool data, uint64_t now_ns);
/** A DATA frame came on CSTP. */
bool vc_fallback_tcp_data(struct vc_fallback *f, uint64_t now_ns);
/** DPD on DTLS got no answer. */
bool vc_fallback_dead(struct vc_fallback *f);
/** The DTLS channel is gone: close_notify, DISCONNECT on it, port unreachable, key limit. */
bool vc_fallback_closed(struct vc_fallback *f);

enum vc_fallback_do {
    VC_FALLBACK_NOTHING,
    VC_FALLBACK_SILENT, /* event dtls.silent: no ClientHello within 35 s of CONNECT */
    VC_FALLBACK_TO_TCP, /* the way changed: nothing came over UDP */
};
uint64_t vc_fallback_due(const struct vc_fallback *f); /* UINT64_MAX: never */
enum vc_fallback_do vc_fallback_tick(struct vc_fallback *f, uint64_t now_ns);

const char *vc_way_why_name(enum vc_way_why why);

#endif
