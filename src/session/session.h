#ifndef VC_SESSION_SESSION_H
#define VC_SESSION_SESSION_H

#include "proto/cstp.h"
#include "proto/dtls_flight.h"
#include "proto/fallback.h"
#include "session/channel.h"

/** What CONNECT fixed for a session (2-tunnel.md 3): given to the tunnel process by the authority, replaced as a whole
 *  by the next CONNECT. Times are monotonic ns, the same clock in all processes. */
struct vc_session_facts {
    uint64_t id;         /* session-id of 1-login.md 4.7 */
    uint32_t generation; /* counts its CONNECTs */
    struct vc_ip v4, v6; /* the lease: the only inner sources; family NONE: not assigned */
    uint8_t v6_len;
    uint16_t cstp_mtu, dtls_mtu; /* largest inner packet on each channel; dtls_mtu 0: no DTLS */
    uint32_t dpd_s, keepalive_s; /* both channels; 0: off */
    uint32_t idle_s;             /* 0: none */
    uint64_t end_ns;             /* session-timeout; 0: none */
    uint32_t key_update_s;       /* own KeyUpdate each so many seconds; 0: at the limits only */
    uint32_t switch_to_tcp_s;    /* 0: off */
    bool bye_is_logout;
    struct vc_dtls_terms terms; /* mode NONE: no DTLS */
};

struct vc_session_counters {
    uint64_t rx_packets, rx_bytes; /* from the client */
    uint64_t tx_packets, tx_bytes; /* to the client */
    uint64_t rx_dropped;           /* source not the lease, malformed */
    uint64_t tx_dropped;           /* the client does not read, too large */
};

/** A session that is up, as a value: everything that is needed to go on with it elsewhere, but its fd and what can be
 *  made anew (expanded keys, timers). Its channels have one owner (channel.h). Zeroed: none. */
struct vc_session {
    struct vc_session_facts facts;
    struct vc_session_counters count;
    struct vc_channel tcp;    /* NONE: gone */
    struct vc_channel udp;    /* NONE: no handshake was completed */
    struct vc_dtls_late late; /* of the handshake that made udp */
    struct vc_cstp cstp, dtls;
    struct vc_fallback fallback;
    uint64_t data_ns;  /* the last data packet, either direction (idle-timeout) */
    uint64_t rekey_ns; /* the last KeyUpdate of ours */
};

/** What the data path relies on: families in their places, prefix lengths, and MTUs that fit a record; no authority of
 *  ours fixes anything else. */
bool vc_session_facts_sane(const struct vc_session_facts *f);

void vc_session_wipe(struct vc_session *s);

/** Value between processes: facts, counters and channels, behind a version byte. Machines (liveness, fallback) begin
 *  anew at the reader. What no packing could have written poisons the reader and leaves a wiped session. */
#define VC_SESSION_PACKED_MAX 2048
void vc_session_pack(const struct vc_session *s, struct vc_writer *w);
void vc_session_unpack(struct vc_session *s, struct vc_reader *r);

#endif
