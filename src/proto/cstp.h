#ifndef VC_PROTO_CSTP_H
#define VC_PROTO_CSTP_H

#include "event/fail.h"
#include "proto/liveness.h"
#include "wire/cstp_frame.h"

/** One channel after CONNECT, either end: CSTP over TLS (2-tunnel.md 5, 13, 16), or the payloads of DTLS (6). No socket
 * and no clock: the owner brings opened records and the time, and does what comes back. A value: copy it, pack it, move
 * it to another process. */
#define VC_CSTP_ANSWERS_PER_SECOND 100

struct vc_cstp {
    struct vc_liveness live;
    bool udp;
    bool compressed;     /* Content-Encoding was named for this channel */
    bool bye_is_logout;  /* gateway: cisco-bye = logout */
    bool noted;          /* an unknown type was told of */
    uint64_t second_ns;  /* when the current second of DPD answers began */
    uint32_t answered;   /* in it */
    uint64_t n_unknown;  /* frames of types that we do not know, or of the other direction; ignored */
    uint64_t n_unasked;  /* UDP: empty payloads, compressed ones without negotiation; dropped */
    uint64_t n_withheld; /* DPD answers above the limit */
};

enum vc_cstp_do {
    VC_CSTP_NOTHING,
    VC_CSTP_DELIVER, /* frame is an IP packet: check its source, hand it on */
    VC_CSTP_EXPAND,  /* frame is a compressed packet */
    VC_CSTP_SEND,    /* send a frame of type `send` with the payload `frame` (borrowed) */
    VC_CSTP_HEARD,   /* frame is a DPD-RESP: whoever probes the MTU looks at its length */
    VC_CSTP_BYE,     /* see bye */
    VC_CSTP_DEAD,    /* the peer does not answer: TCP: the connection is over; UDP: data goes over CSTP */
};

enum vc_bye {
    VC_BYE_NONE,
    VC_BYE_LOGOUT, /* at the gateway: the session is over, its token void, its lease free */
    VC_BYE_DETACH, /* at the gateway: the connection is over, the session waits for its return */
    VC_BYE_OVER,   /* at the client: the session is over */
    VC_BYE_DTLS,   /* on UDP: only this channel is over */
};

struct vc_cstp_out {
    enum vc_cstp_do what;
    struct vc_cstp_frame frame; /* what came in, or the payload to send: borrowed from the record */
    uint8_t send;               /* enum vc_cstp_type */
    enum vc_bye bye;
    uint8_t reason;      /* first byte of the DISCONNECT, 0 when it was empty */
    const uint8_t *text; /* untrusted, not printable as it is; borrowed */
    size_t text_len;
    bool note; /* the first unknown type on this channel: one event */
};

/** Channel options beside those of its liveness, which the owner gives first: c->live by vc_liveness_init. */
void vc_cstp_init(struct vc_cstp *c, const struct vc_liveness *live, bool udp, bool compressed, bool bye_is_logout);

/**
 * Takes one opened TLS record.
 * @rec, @len  the whole record; borrowed: out points into it until the owner reuses the buffer
 * Returns 0; or -1 with *fail when the peer broke the framing: the connection is over, the session is not.
 */
int vc_cstp_record(struct vc_cstp *c, const uint8_t *rec, size_t len, uint64_t now_ns, struct vc_cstp_out *out,
                   struct vc_fail *fail);
/** The same for a frame that came behind the CONNECT head (vc_cstp_frame_next). */
int vc_cstp_take(struct vc_cstp *c, const struct vc_cstp_frame *frame, uint64_t now_ns, struct vc_cstp_out *out,
                 struct vc_fail *fail);
/** The plaintext of one DTLS record: what is odd is dropped and counted, nothing ends. */
void vc_cstp_datagram(struct vc_cstp *c, const uint8_t *plain, size_t len, uint64_t now_ns, struct vc_cstp_out *out);

/** The owner sent something of its own; @data: a packet. What tick and the answers above say is counted by itself. */
static inline void vc_cstp_sent(struct vc_cstp *c, bool data, uint64_t now_ns)
{
    vc_liveness_sent(&c->live, data, now_ns);
}
static inline uint64_t vc_cstp_due(const struct vc_cstp *c)
{
    return vc_liveness_due(&c->live);
}
/** When due: SEND (DPD-REQ or KEEPALIVE, without payload), DEAD, or NOTHING. */
void vc_cstp_tick(struct vc_cstp *c, uint64_t now_ns, struct vc_cstp_out *out);

const char *vc_bye_name(enum vc_bye bye);

#endif
