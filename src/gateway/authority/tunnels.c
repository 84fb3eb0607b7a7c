/* The tunnel processes: who has which session, and what they tell of it. Who says that a session is up is believed only
 * where it was granted to that process, under that number, by us or by the store of our last life. */
#include "gateway/authority/authority.h"

#include "gateway/authority/control.h"

#include <assert.h>
#include <unistd.h>

#define NS 1000000000ULL

uint16_t vc_tunnels_choose(struct vc_authority *a, const struct vc_member *m)
{
    static_assert(VC_MEMBER_PROCESSES_MAX == VC_AUTHORITY_PEERS_MAX, "a count for each tunnel process");
    const size_t *n = a->members.n_process;
    uint16_t best = VC_NO_TUNNEL;
    if (vc_member_is_live(m) && vc_port_is_open(&a->tunnels[m->live.process]))
        return m->live.process; /* its channels stay together */
    for (uint16_t i = 0; i < VC_AUTHORITY_PEERS_MAX; i++) {
        if (vc_port_is_open(&a->tunnels[i]) && (best == VC_NO_TUNNEL || n[i] < n[best]))
            best = i;
    }
    return best;
}

static struct vc_msg route_of(const struct vc_member *m, uint16_t owner)
{
    return (struct vc_msg){.type = VC_IPC_ROUTE,
                           .ROUTE = {.owner = owner,
                                     .session = m->id,
                                     .v4 = m->v4,
                                     .v6 = m->v6,
                                     .v6_len = m->v6_len,
                                     .dtls_id = {.at = m->live.dtls_id, .len = m->live.dtls_id_len},
                                     .outer = m->source.ip}};
}

void vc_tunnels_route(struct vc_authority *a, const struct vc_member *m, uint16_t owner)
{
    struct vc_msg route = route_of(m, owner);
    for (uint16_t i = 0; i < VC_AUTHORITY_PEERS_MAX; i++)
        (void)vc_port_send(&a->tunnels[i], &route, -1);
}

void vc_tunnels_close(struct vc_authority *a, const struct vc_member *m, const struct vc_member_tunnel *t,
                      enum vc_close_how how, enum vc_cause cause, const char *reason)
{
    struct vc_msg close_it = {.type = VC_IPC_CLOSE,
                              .CLOSE = {.session = m->id,
                                        .generation = t->generation,
                                        .how = (uint8_t)how,
                                        .cause = (uint16_t)cause,
                                        .reason = vc_str_of(reason)}};
    if (t->generation != 0 && t->process < VC_AUTHORITY_PEERS_MAX)
        (void)vc_port_send(&a->tunnels[t->process], &close_it, -1);
}

/* ---- what they tell ---- */

static void close_stray(struct vc_authority *a, uint16_t process, uint64_t session, uint32_t generation,
                        enum vc_close_how how)
{
    const struct vc_member stray = {.id = session};
    const struct vc_member_tunnel t = {.generation = generation, .process = process};
    vc_tunnels_close(a, &stray, &t, how, how == VC_CLOSE_BYE ? VC_CAUSE_COOKIE_UNKNOWN : VC_CAUSE_CSTP_REPLACED,
                     how == VC_CLOSE_BYE ? "The session is over" : NULL);
}

/** What the live tunnel told of itself so far stays. */
static void count_old(struct vc_member *m)
{
    m->rx_bytes += m->live_rx;
    m->tx_bytes += m->live_tx;
    m->live_rx = m->live_tx = 0;
}

static bool is(const struct vc_member_tunnel *t, uint16_t process, uint32_t generation)
{
    return t->generation != 0 && t->generation == generation && t->process == process;
}

static void on_up(struct vc_authority *a, uint16_t process, const struct vc_msg *msg)
{
    struct vc_member *m = vc_members_find(&a->members, msg->UP.session);
    uint32_t generation = msg->UP.generation;
    if (!m || m->closing_ns != 0) {
        close_stray(a, process, msg->UP.session, generation, VC_CLOSE_BYE);
        return;
    }
    if (is(&m->live, process, generation))
        return; /* told twice */
    bool ours = is(&m->pending, process, generation), survivor = is(&m->outlived, process, generation);
    if (!ours && !survivor) {
        close_stray(a, process, m->id, generation, VC_CLOSE_QUIET);
        return;
    }
    if (vc_member_is_live(m)) {
        if (m->live.process != process) /* the newest wins; in one process it sees to that itself */
            vc_tunnels_close(a, m, &m->live, VC_CLOSE_QUIET, VC_CAUSE_CSTP_REPLACED, NULL);
        m->replaced.generation = m->live.generation;
        m->replaced.process = m->live.process;
        m->replaced.rx = m->live_rx;
        m->replaced.tx = m->live_tx;
        count_old(m);
    }
    m->live = ours ? m->pending : m->outlived;
    if (ours) /* else a newer one may still be on the way */
        m->pending = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
    m->outlived = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
    m->connected_once = true;
    m->dtls_up = false;
    m->up_ns = vc_authority_now(a);
    m->up_s = (int64_t)(vc_clock_wall_ns() / NS);
    vc_member_schedule(&a->members, m);
    vc_tunnels_route(a, m, process);
    vc_sessions_save(a, m);
}

/** The bytes that a replaced tunnel moved since it was last asked. */
static void count_replaced(struct vc_member *m, uint16_t process, const struct vc_msg *msg)
{
    if (m->replaced.generation == 0 || m->replaced.generation != msg->DOWN.generation || m->replaced.process != process)
        return;
    if (msg->DOWN.rx_bytes > m->replaced.rx)
        m->rx_bytes += msg->DOWN.rx_bytes - m->replaced.rx;
    if (msg->DOWN.tx_bytes > m->replaced.tx)
        m->tx_bytes += msg->DOWN.tx_bytes - m->replaced.tx;
    m->replaced.generation = 0;
}

/** The tunnel of a session is gone, and no newer one is up. */
static void lost(struct vc_authority *a, struct vc_member *m)
{
    vc_tunnels_route(a, m, VC_NO_TUNNEL);
    vc_sessions_wait(a, m);
}

static void on_down(struct vc_authority *a, uint16_t process, const struct vc_msg *msg)
{
    struct vc_member *m = vc_members_find(&a->members, msg->DOWN.session);
    enum vc_cause cause = msg->DOWN.cause < VC_N_CAUSES ? (enum vc_cause)msg->DOWN.cause : VC_CAUSE_CSTP_PEER_CLOSED;
    if (msg->DOWN.how >= VC_N_DOWN_HOWS) {
        vc_authority_replace(a, VC_ROLE_TUNNEL, process, "a malformed DOWN");
        return;
    }
    if (!m)
        return;
    bool current = vc_member_is_live(m) && m->live.generation == msg->DOWN.generation && m->live.process == process;
    if (!current) {
        count_replaced(m, process, msg);
        if (m->pending.generation == msg->DOWN.generation && m->pending.process == process &&
            m->pending.generation != 0) {
            m->pending = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
            vc_member_schedule(&a->members, m);
        }
        return;
    }
    m->rx_bytes += msg->DOWN.rx_bytes;
    m->tx_bytes += msg->DOWN.tx_bytes;
    m->live_rx = m->live_tx = 0;
    if (m->closing_ns != 0) {
        m->live = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
        vc_sessions_finish(a, m);
        return;
    }
    switch ((enum vc_down_how)msg->DOWN.how) {
    case VC_DOWN_LOGOUT:
        cause = VC_CAUSE_LOGOUT;
        break;
    case VC_DOWN_IDLE:
        if (cause == VC_CAUSE_NONE)
            cause = VC_CAUSE_IDLE_TIMEOUT;
        break;
    case VC_DOWN_REPLACED: /* its successor says UP */
        m->live = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
        vc_member_schedule(&a->members, m);
        return;
    case VC_DOWN_LOST:
    case VC_DOWN_DETACHED:
    case VC_DOWN_CLOSED:
    case VC_N_DOWN_HOWS:
        lost(a, m);
        return;
    }
    if (a->conf.persistent_cookies && cause != VC_CAUSE_SESSION_TIMEOUT) {
        lost(a, m);
        return;
    }
    m->live = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
    vc_sessions_end(a, m, cause, NULL);
}

static void on_dtls(struct vc_authority *a, uint16_t process, const struct vc_msg *msg)
{
    struct vc_member *m = vc_members_find(&a->members, msg->DTLS_STATE.session);
    if (!m || !vc_member_is_live(m) || m->live.process != process)
        return;
    m->dtls_up = msg->DTLS_STATE.up != 0;
    m->udp_peer = msg->DTLS_STATE.peer;
    (void)vc_str_copy(msg->DTLS_STATE.suite, m->dtls_suite, sizeof(m->dtls_suite));
}

static void on_session_counts(struct vc_authority *a, uint16_t process, const struct vc_msg *msg)
{
    struct vc_member *m = vc_members_find(&a->members, msg->SESSION_COUNTS.session);
    if (!m || !vc_member_is_live(m) || m->live.process != process)
        return;
    m->live_rx = msg->SESSION_COUNTS.rx_bytes;
    m->live_tx = msg->SESSION_COUNTS.tx_bytes;
    m->live_idle_s = msg->SESSION_COUNTS.idle_s;
    m->live_mtu = msg->SESSION_COUNTS.mtu;
}

static void on_message(struct vc_port *p, const struct vc_msg *m, int fd)
{
    struct vc_authority *a = p->owner;
    (void)fd;
    switch (m->type) {
    case VC_IPC_UP:
        on_up(a, p->index, m);
        break;
    case VC_IPC_DOWN:
        on_down(a, p->index, m);
        break;
    case VC_IPC_DTLS_STATE:
        on_dtls(a, p->index, m);
        break;
    case VC_IPC_SESSION_COUNTS:
        on_session_counts(a, p->index, m);
        break;
    case VC_IPC_COUNTS:
        vc_control_counts(a, p->index, m);
        break;
    default:
        break;
    }
}

/** Its sessions are down with it: they wait for their clients. */
static void process_gone(struct vc_authority *a, uint16_t process)
{
    struct vc_member *m;
    vc_control_tunnel_lost(a, process);
    for (size_t at = 0; (m = vc_members_next(&a->members, &at));) {
        if (m->pending.generation != 0 && m->pending.process == process) {
            m->pending = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
            vc_member_schedule(&a->members, m);
        }
        if (m->outlived.process == process)
            m->outlived = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
        if (!vc_member_is_live(m) || m->live.process != process)
            continue;
        count_old(m);
        if (m->closing_ns == 0) {
            lost(a, m);
        } else { /* the walk must not lose its place: the deadline does the rest */
            m->closing_ns = 1;
            vc_member_schedule(&a->members, m);
        }
    }
}

static void on_lost(struct vc_port *p, bool malformed)
{
    struct vc_authority *a = p->owner;
    process_gone(a, p->index);
    if (malformed)
        vc_authority_replace(a, VC_ROLE_TUNNEL, p->index, "a malformed message");
}

void vc_tunnels_peer(struct vc_authority *a, uint16_t index, int fd)
{
    struct vc_port *p = &a->tunnels[index];
    const struct vc_member *m;
    if (vc_port_is_open(p)) {
        vc_port_close(p);
        process_gone(a, index);
    }
    vc_port_open(p, &a->child.loop, fd, VC_ROLE_AUTHORITY, VC_ROLE_TUNNEL, index, on_message, on_lost, a);
    for (size_t at = 0; (m = vc_members_next(&a->members, &at));) {
        struct vc_msg route = route_of(m, m->live.process);
        if (vc_member_is_live(m))
            (void)vc_port_send(p, &route, -1);
    }
}
