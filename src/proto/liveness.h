#ifndef VC_PROTO_LIVENESS_H
#define VC_PROTO_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

/** Dead peer detection and keepalive of one channel, either end (2-tunnel.md 13). No clock: the owner brings monotonic
 *  nanoseconds, asks when something is due, and sends what tick says. A value: copy it, pack it.
 *
 *  Gateway: a DPD-REQ after DPD s without a sign of life, again each DPD/2, dead at 3 x DPD. Client: the same, dead at
 *  2 x DPD with two unanswered; and on DTLS a quick probe: data goes out and nothing came in for 3 s: a DPD-REQ each
 *  second, dead with the third unanswered. Nobody is dead who was not asked: after a stop of our own process the peer
 *  first gets its chance to answer. */
enum vc_end { VC_END_GATEWAY, VC_END_CLIENT };

struct vc_liveness {
    uint8_t end;                   /* enum vc_end */
    bool quick;                    /* client on DTLS */
    bool dead;                     /* said once; a sign of life takes it back */
    uint8_t asked;                 /* DPD-REQs without any answer */
    uint8_t quick_asked;           /* of these, quick ones */
    uint64_t dpd_ns, keepalive_ns; /* 0: off */
    uint64_t heard_ns, sent_ns;    /* the last frame of any type, from the peer and to it */
    uint64_t asked_ns;             /* the last DPD-REQ of ours; meaningless while asked is 0 */
    uint64_t data_ns;              /* the first data sent since the last sign of life; 0: none */
};

enum vc_liveness_do {
    VC_LIVENESS_NOTHING,
    VC_LIVENESS_ASK,       /* send a DPD-REQ */
    VC_LIVENESS_KEEPALIVE, /* send a KEEPALIVE */
    VC_LIVENESS_DEAD,      /* the peer is gone from this channel */
};

/**
 * @dpd_s, @keepalive_s  0: off; a client without DPD uses 60 s of its own
 * @quick                the client's DTLS channel
 * @jitter_percent       -10..10, the caller's random choice; spreads the periods of many sessions
 * @now_ns               counts as the first sign of life
 */
void vc_liveness_init(struct vc_liveness *l, enum vc_end end, bool quick, uint32_t dpd_s, uint32_t keepalive_s,
                      int jitter_percent, uint64_t now_ns);

/** Any valid packet came. */
void vc_liveness_heard(struct vc_liveness *l, uint64_t now_ns);
/** Anything was sent; @data: it was a packet of the tunnel. */
void vc_liveness_sent(struct vc_liveness *l, bool data, uint64_t now_ns);

/** When tick has something to say; UINT64_MAX: never. */
uint64_t vc_liveness_due(const struct vc_liveness *l);
/** What to do now; what it says to send counts as sent. Ask again while due is not in the future. */
enum vc_liveness_do vc_liveness_tick(struct vc_liveness *l, uint64_t now_ns);

#endif
