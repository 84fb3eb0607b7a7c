#ifndef VC_GATEWAY_AUTHORITY_MEMBERS_H
#define VC_GATEWAY_AUTHORITY_MEMBERS_H

#include "base/addr.h"
#include "base/heap.h"
#include "base/map.h"
#include "event/fail.h"

/** The sessions as the authority knows them, live or waiting: found by id and by the hash of their token. Nothing here
 *  touches a port, the store or the clock. */

#define VC_NO_TUNNEL 0xffff

/** A tunnel of a session: one CONNECT that was granted. */
struct vc_member_tunnel {
    uint32_t generation; /* 0: there is none */
    uint16_t process;    /* index of the tunnel process */
    uint8_t dtls_id[32];
    uint8_t dtls_id_len; /* 0: no DTLS was offered */
    uint16_t mtu;        /* X-DTLS-MTU, else X-CSTP-MTU */
    uint32_t dpd_s, keepalive_s;
    char suite[64];    /* of TLS */
    char hostname[64]; /* the client's own name for itself */
};

struct vc_member {
    uint64_t id;
    uint8_t token_hash[32];
    bool token_void; /* ended for the client; only its tunnel is still being closed */
    char user[257], group[257], agent[65];
    struct vc_endpoint source, local; /* of the login, then of the last CONNECT */
    int64_t created_s;                /* wall clock, to be shown */
    uint64_t created_ns;              /* monotonic, as all that follow */
    uint64_t end_ns;                  /* session-timeout; UINT64_MAX: none */
    uint64_t wait_ns;                 /* the token is good until then while there is no tunnel */
    uint64_t pending_ns;              /* until when a granted tunnel must be up */
    uint64_t closing_ns;              /* until when the tunnel of an ended session must be down; 0: not ended */
    struct vc_ip v4, v6;
    uint8_t v6_len;
    bool leased, connected_once;
    bool dirty; /* the store has not its last change */
    enum vc_cause end_cause;
    uint32_t generation; /* of the last grant */
    struct vc_member_tunnel pending, live;
    struct vc_member_tunnel outlived; /* by the store it was up when we died: if it lives, it has yet to say so */
    uint64_t up_ns;
    int64_t up_s;
    uint64_t rx_bytes, tx_bytes; /* of tunnels that are over */
    uint64_t live_rx, live_tx, live_idle_s;
    struct {
        uint32_t generation; /* 0: none */
        uint16_t process;
        uint64_t rx, tx; /* already among rx_bytes and tx_bytes */
    } replaced;          /* the tunnel that the live one took over from, until it says how many bytes it were */
    uint16_t live_mtu;
    bool dtls_up;
    char dtls_suite[64];
    struct vc_endpoint udp_peer;
    struct vc_heap_node due;
    bool in_count; /* as vc_members counts it, since vc_member_schedule */
    uint16_t in_process;
};

#define VC_MEMBER_PROCESSES_MAX 64

struct vc_members {
    struct vc_map by_id, by_token;
    struct vc_heap deadlines;
    size_t n;
    size_t n_count;                            /* those that vc_member_counts */
    size_t n_process[VC_MEMBER_PROCESSES_MAX]; /* tunnels, or grants of one, by process */
    struct {
        uint8_t token_hash[32];
        enum vc_cause cause;
    } ended[256]; /* the last ones, so that a refusal can say why */
    unsigned at_ended;
};

void vc_members_init(struct vc_members *ms, const uint64_t seed[2]);
void vc_members_deinit(struct vc_members *ms);
/** A new one with this id and token; NULL: no memory, or one of them is there already. */
struct vc_member *vc_members_add(struct vc_members *ms, uint64_t id, const uint8_t token_hash[32]);
/** Forgets it; @why is remembered for whoever still comes with its token. */
void vc_members_remove(struct vc_members *ms, struct vc_member *m, enum vc_cause why);
struct vc_member *vc_members_find(const struct vc_members *ms, uint64_t id);
/** A session whose token is good; NULL: *why is COOKIE_UNKNOWN or COOKIE_EXPIRED. */
struct vc_member *vc_members_by_token(const struct vc_members *ms, const uint8_t token_hash[32], enum vc_cause *why);
/** The token is good for nothing any more; the session lives until its tunnel is down. */
void vc_members_void_token(struct vc_members *ms, struct vc_member *m, enum vc_cause why);
struct vc_member *vc_members_next(const struct vc_members *ms, size_t *at);

static inline bool vc_member_is_live(const struct vc_member *m)
{
    return m->live.generation != 0;
}
/** Takes part in max-clients: connected, on the way to it, or just logged in. */
bool vc_member_counts(const struct vc_member *m);
static inline size_t vc_members_count(const struct vc_members *ms)
{
    return ms->n_count;
}
/** Of one user; *fresh: the oldest of them that never connected, or NULL; *oldest: of all of them. */
size_t vc_members_of_user(const struct vc_members *ms, const char *user, struct vc_member **fresh,
                          struct vc_member **oldest);

/** To be called after every change of it: sets the next time at which something happens, and counts it anew. */
void vc_member_schedule(struct vc_members *ms, struct vc_member *m);
uint64_t vc_member_due(const struct vc_member *m);

enum vc_member_what {
    VC_MEMBER_NOTHING,
    VC_MEMBER_CLOSED,       /* the tunnel of an ended session did not say that it is down: it counts as down */
    VC_MEMBER_SESSION_OVER, /* session-timeout */
    VC_MEMBER_NOT_TAKEN_UP, /* a granted tunnel did not come up: it is forgotten */
    VC_MEMBER_COOKIE_OVER,  /* nobody came back in time */
};
enum vc_member_what vc_member_happens(const struct vc_member *m, uint64_t now_ns);

#endif
