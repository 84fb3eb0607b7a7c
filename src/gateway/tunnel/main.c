/* varco-tunnel: the data path of the gateway. Takes connections that the authority announced and a portal brings, moves
 * packets, tells what became of them. It parses CSTP frames, TLS and DTLS records and handshakes from shared secrets,
 * and IP headers: nothing else. */
#include "crypto/selftest.h"
#include "crypto/wipe.h"
#include "datapath/worker.h"
#include "gateway/common/child.h"
#include "gateway/tunnel/neighbours.h"
#include "sys/random.h"

#include <stdlib.h>
#include <unistd.h>

#define PORTALS_MAX 64
#define EXPECT_S 30 /* between EXPECT and ADOPT */
#define OWN_S 10    /* between ADOPT and OWN */
#define EXPECTED_MAX 4096
#define REFUSED_MAX 256 /* of them beside those: what their ADOPT hears is worth no more */

/** A connection that is to come: announced by the authority, perhaps already here and not yet ours. */
struct expected {
    struct vc_heap_node deadline;
    uint8_t ticket[16];
    struct vc_session session; /* facts; from ADOPT on the channel */
    enum vc_cause refused;     /* NONE; else the authority wants it no more: its ADOPT hears why */
    bool adopted;
    uint16_t portal;
    int fd; /* -1 */
    uint8_t *plain, *cipher;
    size_t plain_len, cipher_len;
};

static struct tunnel {
    struct vc_child child;
    uint16_t index, count;
    uint8_t dtls_cookie, cookie_key[32];
    struct vc_prefix inner[2];
    int tun, udp;
    unsigned offloads;
    struct vc_worker *worker;
    struct vc_neighbours neighbours;
    struct vc_port authority, portals[PORTALS_MAX];
    struct vc_map expected; /* by ticket */
    struct vc_heap deadlines;
    unsigned n_refused;    /* of the expected ones */
    uint64_t told_full_ns; /* when it was last said that EXPECTED_MAX was reached; 0: never */
} tunnel;

static void forget_expected(struct tunnel *t, struct expected *x)
{
    (void)vc_map_remove(&t->expected, x->ticket);
    t->n_refused -= x->refused != VC_CAUSE_NONE;
    vc_heap_remove(&t->deadlines, &x->deadline);
    if (x->fd >= 0)
        (void)close(x->fd); /* without a word: its keys were never ours */
    vc_session_wipe(&x->session);
    if (x->plain)
        vc_wipe(x->plain, x->plain_len);
    free(x->plain);
    free(x->cipher);
    vc_wipe(x, sizeof(*x));
    free(x);
}

/* ---- what the worker tells ---- */

static void tell_down(struct tunnel *t, const struct vc_session *s, enum vc_down_how how, const struct vc_fail *why)
{
    struct vc_msg m = {.type = VC_IPC_DOWN,
                       .DOWN = {.session = s->facts.id,
                                .generation = s->facts.generation,
                                .how = (uint8_t)how,
                                .cause = (uint16_t)why->cause,
                                .rx_bytes = s->count.rx_bytes,
                                .tx_bytes = s->count.tx_bytes,
                                .detail = vc_str_of(why->detail)}};
    if (!vc_str_utf8(m.DOWN.detail))
        m.DOWN.detail = (struct vc_str){0};
    (void)vc_port_send(&t->authority, &m, -1);
}

static void on_ended(void *owner, struct vc_live *live, enum vc_live_end how, const struct vc_fail *why)
{
    static const enum vc_down_how hows[] = {[VC_LIVE_LOST] = VC_DOWN_LOST,
                                            [VC_LIVE_DETACHED] = VC_DOWN_DETACHED,
                                            [VC_LIVE_LOGOUT] = VC_DOWN_LOGOUT,
                                            [VC_LIVE_OVER] = VC_DOWN_IDLE,
                                            [VC_LIVE_CLOSED] = VC_DOWN_CLOSED};
    struct tunnel *t = owner;
    const struct vc_session *s = vc_live_session(live);
    struct vc_event e =
        vc_event_of(VC_EVENT_CSTP_DOWN, how == VC_LIVE_LOST ? VC_OUTCOME_INFO : VC_OUTCOME_OK, 0, s->facts.id);
    e.fail = *why;
    vc_event_number(&e, VC_FIELD_BYTES_IN, s->count.rx_bytes);
    vc_event_number(&e, VC_FIELD_BYTES_OUT, s->count.tx_bytes);
    vc_child_emit(&t->child, &e);
    tell_down(t, s, why->cause == VC_CAUSE_CSTP_REPLACED ? VC_DOWN_REPLACED : hows[how], why);
}

static void on_dtls(void *owner, struct vc_live *live, bool up)
{
    struct tunnel *t = owner;
    const struct vc_dtls_name *name =
        vc_dtls_name_agreed(vc_live_dtls_suite(live), (enum vc_dtls_mode)vc_live_session(live)->facts.terms.mode);
    struct vc_msg m = {.type = VC_IPC_DTLS_STATE,
                       .DTLS_STATE = {.session = vc_live_session(live)->facts.id,
                                      .up = up,
                                      .suite = vc_str_of(name ? name->name : ""),
                                      .peer = *vc_live_udp_peer(live)}};
    (void)vc_port_send(&t->authority, &m, -1);
}

static void on_emit(void *owner, struct vc_event *e)
{
    struct tunnel *t = owner;
    vc_child_emit(&t->child, e);
}

static bool on_stray_frame(void *owner, const uint8_t *frame, size_t len, const struct vc_ip *to)
{
    struct tunnel *t = owner;
    return vc_neighbours_stray_frame(&t->neighbours, frame, len, to);
}

static bool on_claimed(void *owner, const struct vc_udp_train *train)
{
    struct tunnel *t = owner;
    return vc_neighbours_claimed(&t->neighbours, train);
}

static bool on_stray_datagram(void *owner, const struct vc_udp_train *train, bool hello)
{
    struct tunnel *t = owner;
    return vc_neighbours_stray_datagram(&t->neighbours, train, hello);
}

static void on_lost(struct vc_port *port, bool malformed)
{
    (void)port;
    (void)malformed; /* the supervisor brings its successor */
}

/* ---- the authority ---- */

/** It will be missed when its portal brings it. */
static void not_expected(struct tunnel *t, const struct vc_msg *m, enum vc_cause cause, const char *detail)
{
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, 0, m->EXPECT.session);
    vc_event_number(&e, VC_FIELD_COUNT, t->expected.n);
    vc_fail_set(&e.fail, cause, 0, "%s", detail);
    vc_child_emit(&t->child, &e);
}

static void take_expect(struct tunnel *t, const struct vc_msg *m)
{
    uint64_t now = t->child.loop.now_ns;
    if (t->child.stopped)
        return;
    if (t->expected.n - t->n_refused >= EXPECTED_MAX) { /* said now and then: who floods us writes no logs */
        if (t->told_full_ns == 0 || now - t->told_full_ns >= EXPECT_S * 1000000000ULL) {
            t->told_full_ns = now;
            not_expected(t, m, VC_CAUSE_HANDOVERS_MAX, "");
        }
        return;
    }
    struct expected *x = calloc(1, sizeof(*x));
    if (!x) {
        not_expected(t, m, VC_CAUSE_NO_MEMORY, "an announced connection");
        return;
    }
    if (m->EXPECT.ticket.len == sizeof(x->ticket))
        memcpy(x->ticket, m->EXPECT.ticket.at, sizeof(x->ticket));
    x->fd = -1;
    x->deadline.owner = x;
    struct vc_session_facts *f = &x->session.facts;
    *f = (struct vc_session_facts){.id = m->EXPECT.session,
                                   .generation = m->EXPECT.generation,
                                   .v4 = m->EXPECT.v4,
                                   .v6 = m->EXPECT.v6,
                                   .v6_len = m->EXPECT.v6_len,
                                   .cstp_mtu = m->EXPECT.cstp_mtu,
                                   .dtls_mtu = m->EXPECT.dtls_mtu,
                                   .dpd_s = m->EXPECT.dpd_s,
                                   .keepalive_s = m->EXPECT.keepalive_s,
                                   .idle_s = m->EXPECT.idle_s,
                                   .end_ns = m->EXPECT.remaining_s ? now + m->EXPECT.remaining_s * 1000000000ULL : 0,
                                   .key_update_s = m->EXPECT.rekey_ssl ? m->EXPECT.rekey_s : 0,
                                   .switch_to_tcp_s = m->EXPECT.switch_to_tcp_s,
                                   .bye_is_logout = m->EXPECT.bye_logout};
    if (m->EXPECT.dtls_mode < VC_N_DTLS_MODES && m->EXPECT.dtls_id.len == 32) {
        f->terms.mode = m->EXPECT.dtls_mode;
        f->terms.aead = m->EXPECT.dtls_aead;
        f->terms.suite = m->EXPECT.dtls_suite;
        memcpy(f->terms.id, m->EXPECT.dtls_id.at, 32);
        f->terms.id_len = 32;
    }
    if (m->EXPECT.ticket.len != sizeof(x->ticket) || !vc_session_facts_sane(f) || vc_map_get(&t->expected, x->ticket)) {
        not_expected(t, m, VC_CAUSE_IPC_MALFORMED, "EXPECT of the authority");
        free(x);
        return;
    }
    if (vc_map_put(&t->expected, x->ticket, x) != 0 ||
        vc_heap_set(&t->deadlines, &x->deadline, now + EXPECT_S * 1000000000ULL) != 0) {
        not_expected(t, m, VC_CAUSE_NO_MEMORY, "an announced connection");
        forget_expected(t, x);
    }
}

static void answer_count(struct tunnel *t, const struct vc_msg *m)
{
    uint8_t bytes[VC_WORKER_N_COUNTERS * 8];
    struct vc_writer w = vc_writer_to(bytes, sizeof(bytes));
    const struct vc_worker_counters *c = vc_worker_counters(t->worker);
    size_t at = 0;
    uint64_t now = t->child.loop.now_ns;
#define X(name, what) vc_put_u64(&w, c->name);
    VC_WORKER_COUNTERS(X)
#undef X
    for (struct vc_live *l; (l = vc_live_next(t->worker, &at));) {
        const struct vc_session *s = vc_live_session(l);
        bool dtls = s->fallback.way == VC_WAY_DTLS && s->udp.kind != VC_CHANNEL_NONE;
        struct vc_msg one = {.type = VC_IPC_SESSION_COUNTS,
                             .SESSION_COUNTS = {.session = s->facts.id,
                                                .rx_bytes = s->count.rx_bytes,
                                                .tx_bytes = s->count.tx_bytes,
                                                .rx_packets = s->count.rx_packets,
                                                .tx_packets = s->count.tx_packets,
                                                .idle_s = (uint32_t)((now - s->data_ns) / 1000000000U),
                                                .on_dtls = dtls,
                                                .mtu = dtls ? s->facts.dtls_mtu : s->facts.cstp_mtu}};
        (void)vc_port_send(&t->authority, &one, -1);
    }
    struct vc_msg all = {.type = VC_IPC_COUNTS,
                         .COUNTS = {.query = m->COUNT.query,
                                    .n_sessions = (uint16_t)vc_worker_sessions(t->worker),
                                    .counters = {.at = bytes, .len = vc_written(&w)}}};
    (void)vc_port_send(&t->authority, &all, -1);
}

/** A connection that we held and never owned ends. */
static void told_lost(struct tunnel *t, uint64_t session, enum vc_cause cause)
{
    struct vc_event e = vc_event_of(VC_EVENT_CSTP_DOWN, VC_OUTCOME_OK, 0, session);
    vc_fail_set(&e.fail, cause, 0, "%s", "before it was up");
    vc_child_emit(&t->child, &e);
}

/** The connection is not to come any more, or on its way here already: it is not taken. */
static void forget_announced(struct tunnel *t, uint64_t session, uint32_t generation, enum vc_cause cause)
{
    struct expected *x;
    size_t at = 0;
    while ((x = vc_map_next(&t->expected, &at)) &&
           (x->session.facts.id != session || x->session.facts.generation != generation))
        continue;
    if (!x)
        return;
    if (x->adopted) {
        told_lost(t, session, cause);
        forget_expected(t, x);
    } else if (x->refused == VC_CAUSE_NONE && t->n_refused < REFUSED_MAX) {
        x->refused = cause;
        t->n_refused++;
    } else {
        forget_expected(t, x);
    }
}

static void on_authority(struct vc_port *port, const struct vc_msg *m, int fd)
{
    struct tunnel *t = port->owner;
    struct vc_live *l;
    struct vc_fail why = {0};
    char reason[129];
    (void)fd;
    switch (m->type) {
    case VC_IPC_EXPECT:
        take_expect(t, m);
        break;
    case VC_IPC_ROUTE:
        vc_neighbours_route(&t->neighbours, m);
        break;
    case VC_IPC_CLOSE:
        why.cause = m->CLOSE.cause > VC_CAUSE_NONE && m->CLOSE.cause < VC_N_CAUSES ? (enum vc_cause)m->CLOSE.cause
                                                                                   : VC_CAUSE_ADMIN;
        forget_announced(t, m->CLOSE.session, m->CLOSE.generation, why.cause);
        l = vc_live_find(t->worker, m->CLOSE.session);
        if (!l || vc_live_session(l)->facts.generation != m->CLOSE.generation)
            break;
        (void)vc_str_copy(m->CLOSE.reason, reason, sizeof(reason));
        vc_fail_set(&why, why.cause, 0, "%s", reason);
        vc_live_close(l, m->CLOSE.how == VC_CLOSE_BYE ? reason : NULL, &why);
        break;
    case VC_IPC_COUNT:
        answer_count(t, m);
        break;
    default:
        break;
    }
}

/* ---- the portals ---- */

static uint8_t *copy_of(const struct vc_bytes *b)
{
    uint8_t *p = malloc(b->len ? b->len : 1);
    if (p && b->len)
        memcpy(p, b->at, b->len);
    return p;
}

/** The client has connected once more since, and that was faster: the newest wins. */
static bool overtaken(const struct tunnel *t, const struct expected *x)
{
    const struct vc_live *live = vc_live_find(t->worker, x->session.facts.id);
    return live && vc_live_session(live)->facts.generation > x->session.facts.generation;
}

/** ADOPT: the channel is here, and sends nothing until OWN. */
static void take_adopt(struct tunnel *t, uint16_t portal, const struct vc_msg *m, int fd)
{
    struct expected *x = m->ADOPT.ticket.len == 16 ? vc_map_get(&t->expected, m->ADOPT.ticket.at) : NULL;
    struct vc_msg answer = {.type = VC_IPC_NOT_ADOPTED,
                            .NOT_ADOPTED = {.ticket = m->ADOPT.ticket, .cause = VC_CAUSE_HANDOVER_LOST}};
    struct vc_reader r = vc_reader_of(m->ADOPT.channel.at, m->ADOPT.channel.len);
    size_t secret = x && x->session.facts.terms.mode == VC_DTLS_MODE_RESUME ? 48
                    : x && x->session.facts.terms.mode == VC_DTLS_MODE_PSK  ? 32
                                                                            : 0;
    enum vc_cause refused = !x || x->adopted              ? VC_CAUSE_NONE
                            : x->refused != VC_CAUSE_NONE ? x->refused
                            : overtaken(t, x)             ? VC_CAUSE_CSTP_REPLACED
                                                          : VC_CAUSE_NONE;
    if (!x || x->adopted || refused != VC_CAUSE_NONE || m->ADOPT.dtls_secret.len != secret) {
        if (refused != VC_CAUSE_NONE) {
            answer.NOT_ADOPTED.cause = (uint16_t)refused;
            forget_expected(t, x);
        }
        (void)close(fd);
        (void)vc_port_send(&t->portals[portal], &answer, -1);
        return;
    }
    vc_channel_unpack(&x->session.tcp, &r);
    x->plain = copy_of(&m->ADOPT.plain);
    x->cipher = copy_of(&m->ADOPT.cipher);
    x->fd = fd;
    if (!vc_reader_done(&r) || x->session.tcp.kind == VC_CHANNEL_NONE || x->session.tcp.kind == VC_CHANNEL_DTLS_1_2 ||
        !x->plain || !x->cipher) {
        forget_expected(t, x);
        (void)vc_port_send(&t->portals[portal], &answer, -1);
        return;
    }
    x->plain_len = m->ADOPT.plain.len;
    x->cipher_len = m->ADOPT.cipher.len;
    x->portal = portal;
    x->adopted = true;
    x->session.tcp.mtu = x->session.facts.cstp_mtu;
    if (secret)
        memcpy(x->session.facts.terms.secret, m->ADOPT.dtls_secret.at, secret);
    (void)vc_heap_set(&t->deadlines, &x->deadline, t->child.loop.now_ns + OWN_S * 1000000000ULL);
    answer =
        (struct vc_msg){.type = VC_IPC_ADOPTED, .ADOPTED = {.ticket = {.at = x->ticket, .len = sizeof(x->ticket)}}};
    (void)vc_port_send(&t->portals[portal], &answer, -1);
}

/** The authority announced the connection before the portal could bring it, but its message may still wait to be read:
 *  it is heard first. Reading it overwrites what @m points to. */
static void on_adopt(struct tunnel *t, uint16_t portal, const struct vc_msg *m, int fd)
{
    struct vc_msg copy = *m;
    struct vc_bytes *const parts[] = {&copy.ADOPT.ticket, &copy.ADOPT.channel, &copy.ADOPT.plain, &copy.ADOPT.cipher,
                                      &copy.ADOPT.dtls_secret};
    const size_t n = sizeof(parts) / sizeof(parts[0]);
    size_t len = 0;
    if (m->ADOPT.ticket.len == 16 && vc_map_get(&t->expected, m->ADOPT.ticket.at)) {
        take_adopt(t, portal, m, fd);
        return;
    }
    for (size_t i = 0; i < n; i++)
        len += parts[i]->len;
    uint8_t *block = malloc(len + 1), *at = block;
    if (!block) {
        take_adopt(t, portal, m, fd); /* refuses it */
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (parts[i]->len)
            memcpy(at, parts[i]->at, parts[i]->len);
        parts[i]->at = at;
        at += parts[i]->len;
    }
    vc_port_drain(&t->authority);
    take_adopt(t, portal, &copy, fd);
    vc_wipe(block, len);
    free(block);
}

/** OWN: the portal has wiped its copy; the channel is ours. */
static void take_own(struct tunnel *t, uint16_t portal, const struct vc_msg *m)
{
    struct expected *x = m->OWN.ticket.len == 16 ? vc_map_get(&t->expected, m->OWN.ticket.at) : NULL;
    struct vc_fail fail = {0};
    if (!x || !x->adopted || x->portal != portal)
        return;
    if (overtaken(t, x)) {
        told_lost(t, x->session.facts.id, VC_CAUSE_CSTP_REPLACED);
        forget_expected(t, x);
        return;
    }
    struct vc_session_facts facts = x->session.facts;
    struct vc_msg up = {.type = VC_IPC_UP, .UP = {.session = facts.id, .generation = facts.generation}};
    struct vc_event e = vc_event_of(VC_EVENT_CSTP_UP, VC_OUTCOME_OK, 0, facts.id);
    vc_event_number(&e, VC_FIELD_MTU, facts.cstp_mtu);
    vc_child_emit(&t->child, &e);
    (void)vc_port_send(&t->authority, &up, -1);
    if (vc_live_start(t->worker, &x->session, x->fd, x->plain, x->plain_len, x->cipher, x->cipher_len, &fail) == 0) {
        x->fd = -1;
        if (facts.terms.mode != VC_DTLS_MODE_NONE)
            vc_neighbours_here(&t->neighbours, facts.terms.id);
    } else {
        struct vc_session gone = {.facts = facts};
        tell_down(t, &gone, VC_DOWN_LOST, &fail);
    }
    vc_dtls_terms_wipe(&facts.terms);
    forget_expected(t, x);
}

static void on_portal(struct vc_port *port, const struct vc_msg *m, int fd)
{
    struct tunnel *t = port->owner;
    if (m->type == VC_IPC_ADOPT)
        on_adopt(t, port->index, m, fd);
    else if (m->type == VC_IPC_OWN)
        take_own(t, port->index, m);
}

/** A portal is gone: what it had not handed over for good dies with it. */
static void drop_of_portal(struct tunnel *t, uint16_t portal)
{
    struct expected *x;
    for (size_t at = 0; (x = vc_map_next(&t->expected, &at));) {
        if (x->adopted && x->portal == portal) {
            forget_expected(t, x);
            at = 0; /* the map changed */
        }
    }
}

static void on_portal_lost(struct vc_port *port, bool malformed)
{
    (void)malformed;
    drop_of_portal(port->owner, port->index);
}

/* ---- the process ---- */

static void peer(struct vc_child *child, enum vc_role role, uint16_t index, int fd)
{
    struct tunnel *t = child->owner;
    if (role == VC_ROLE_AUTHORITY) {
        vc_port_close(&t->authority);
        vc_port_open(&t->authority, &child->loop, fd, VC_ROLE_TUNNEL, role, index, on_authority, on_lost, t);
        /* a new authority knows its sessions from the store: it hears which of them are up here */
        size_t at = 0;
        for (struct vc_live *l; (l = vc_live_next(t->worker, &at));) {
            const struct vc_session_facts *f = &vc_live_session(l)->facts;
            struct vc_msg up = {.type = VC_IPC_UP, .UP = {.session = f->id, .generation = f->generation}};
            (void)vc_port_send(&t->authority, &up, -1);
            if (vc_live_session(l)->udp.kind != VC_CHANNEL_NONE)
                on_dtls(t, l, vc_live_session(l)->fallback.way == VC_WAY_DTLS);
        }
    } else if (role == VC_ROLE_PORTAL && index < PORTALS_MAX) {
        vc_port_close(&t->portals[index]);
        drop_of_portal(t, index);
        vc_port_open(&t->portals[index], &child->loop, fd, VC_ROLE_TUNNEL, role, index, on_portal, on_portal_lost, t);
    } else if (role == VC_ROLE_TUNNEL) {
        vc_neighbours_meet(&t->neighbours, index, fd);
    } else {
        (void)close(fd);
    }
}

static void setup(struct vc_child *child, const struct vc_msg *m, int fd)
{
    struct tunnel *t = child->owner;
    switch (m->type) {
    case VC_IPC_TUNNEL_SETUP:
        t->index = t->neighbours.self = m->TUNNEL_SETUP.index;
        t->count = m->TUNNEL_SETUP.count;
        t->dtls_cookie = m->TUNNEL_SETUP.dtls_cookie;
        t->inner[0] = vc_prefix_of(&m->TUNNEL_SETUP.v4, m->TUNNEL_SETUP.v4_len);
        t->inner[1] = vc_prefix_of(&m->TUNNEL_SETUP.v6, m->TUNNEL_SETUP.v6_len);
        if (m->TUNNEL_SETUP.cookie_key.len == sizeof(t->cookie_key))
            memcpy(t->cookie_key, m->TUNNEL_SETUP.cookie_key.at, sizeof(t->cookie_key));
        break;
    case VC_IPC_TUN_QUEUE:
        t->tun = fd;
        t->offloads = m->TUN_QUEUE.offloads;
        return;
    case VC_IPC_UDP_SOCKET:
        t->udp = fd;
        return;
    default:
        break;
    }
    if (fd >= 0)
        (void)close(fd);
}

static int start(struct vc_child *child, struct vc_fail *fail)
{
    static const struct vc_worker_ops ops = {.ended = on_ended,
                                             .dtls = on_dtls,
                                             .stray_frame = on_stray_frame,
                                             .claimed = on_claimed,
                                             .stray_datagram = on_stray_datagram,
                                             .emit = on_emit};
    struct tunnel *t = child->owner;
    struct vc_worker_conf conf = {.end = VC_END_GATEWAY,
                                  .tun = t->tun,
                                  .udp = t->udp,
                                  .offloads = t->offloads,
                                  .dtls_cookie = t->dtls_cookie,
                                  .cookie_key = t->cookie_key,
                                  .inner = {t->inner[0], t->inner[1]},
                                  .random = vc_random};
    const char *failed = vc_crypto_selftest();
    if (failed)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "%s: the cipher libraries do not give the known answers", failed);
    if (t->tun < 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "tunnel process without a TUN queue");
    t->worker = t->neighbours.worker = vc_worker_new(&child->loop, &conf, &ops, t);
    return t->worker ? 0 : vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "data path");
}

static void stop(struct vc_child *child)
{
    struct tunnel *t = child->owner;
    struct vc_fail why;
    vc_fail_set(&why, VC_CAUSE_STOPPING, 0, "%s", "");
    size_t at = 0;
    struct vc_live *l;
    for (struct expected *x; (x = vc_map_next(&t->expected, &at)); at = 0)
        forget_expected(t, x);
    at = 0;
    while (t->worker && (l = vc_live_next(t->worker, &at))) {
        vc_live_close(l, NULL, &why);
        at = 0; /* it left the map */
    }
    vc_port_flush(&t->authority, 500);
    /* a client that sends meanwhile would get RST instead of our last words from sockets that are closed now */
    child->lingers = t->worker && !vc_worker_empty(t->worker);
}

static void end(struct vc_child *child)
{
    struct tunnel *t = child->owner;
    vc_worker_free(t->worker);
    t->worker = t->neighbours.worker = NULL;
}

static uint64_t due(void *owner)
{
    const struct tunnel *t = owner;
    const struct vc_heap_node *first = vc_heap_first(&t->deadlines);
    uint64_t d = t->worker ? vc_worker_due(t->worker) : UINT64_MAX, claims = vc_neighbours_due(&t->neighbours);
    d = claims < d ? claims : d;
    return first && first->due < d ? first->due : d;
}

static void tick(void *owner, uint64_t now_ns)
{
    struct tunnel *t = owner;
    const struct vc_heap_node *first;
    while ((first = vc_heap_first(&t->deadlines)) && first->due <= now_ns)
        forget_expected(t, first->owner);
    vc_neighbours_tick(&t->neighbours, now_ns);
    if (t->worker)
        vc_worker_tick(t->worker, now_ns);
    if (t->child.lingers && vc_worker_empty(t->worker))
        vc_child_end(&t->child);
}

int main(void)
{
    static const struct vc_child_ops ops = {
        .setup = setup, .peer = peer, .start = start, .stop = stop, .end = end, .due = due, .tick = tick};
    struct tunnel *t = &tunnel;
    uint64_t seed[2] = {vc_random_u64(), vc_random_u64()};
    t->tun = t->udp = t->authority.fd = -1;
    for (int i = 0; i < PORTALS_MAX; i++)
        t->portals[i].fd = -1;
    vc_map_init(&t->expected, 16, seed);
    vc_neighbours_init(&t->neighbours, &t->child.loop, seed);
    return vc_child_run(&t->child, VC_ROLE_TUNNEL, &ops, t);
}
