/* DTLS: trains of records in one receive and one send, handshakes beside live keys, and which session a datagram is
 * for (2-tunnel.md 9, 10). */
#include "datapath/live.h"

#include "crypto/wipe.h"

#include <stdlib.h>

#define HELLOS_PER_SECOND 4     /* of one session */
#define HELLOS_BUSY 200         /* of all sessions, a second: more are asked for a cookie first */
#define CANDIDATES_MAX 8        /* sessions of one IP address that a datagram is tried on */
#define TRIALS_PER_SECOND 2000  /* in all: what strangers send costs no more than this */
#define MOVE_NS 2000000000ULL   /* between two moves, and between a question there and one here */
#define PROBE_NS 500000000ULL   /* between two questions to an address that is not yet the session's */
#define PROBED_NS 5000000000ULL /* then it is a stranger's again */

static bool has_keys(const struct vc_live *l)
{
    return l->s.udp.kind == VC_CHANNEL_DTLS_1_2;
}

bool vc_udp_lane_up(struct vc_live *l)
{
    if (!has_keys(l) || vc_fallback_way(&l->s.fallback, vc_worker_now(l->w)) != VC_WAY_DTLS) {
        l->on_udp = false;
        return false;
    }
    if (!l->on_udp) { /* what was queued for TLS leaves before anything goes over DTLS */
        l->on_udp = true;
        vc_tcp_lane_flush(l->w);
        l->draining = l->out_len;
    }
    return has_keys(l) && l->draining == 0;
}

static size_t datagram_len(const struct vc_live *l, size_t payload_len)
{
    return vc_dtls_overhead((enum vc_aead_alg)l->s.udp.dtls.out.alg) + 1 + payload_len;
}

bool vc_udp_lane_carries(const struct vc_live *l, size_t len)
{
    return l->udp_max == 0 || datagram_len(l, len) < l->udp_max;
}

static bool is_spent(const struct vc_live *l, const struct vc_dtls_dir *dir)
{
    return vc_dtls_limit(dir, l->s.facts.dtls_mtu) == VC_KEY_SPENT;
}

static void emit(struct vc_live *l, enum vc_event_id id, enum vc_outcome outcome, enum vc_cause cause,
                 const char *detail)
{
    struct vc_event e = vc_live_event(l, id, outcome);
    if (cause != VC_CAUSE_NONE)
        vc_fail_set(&e.fail, cause, 0, "%s", detail);
    l->w->ops->emit(l->w->owner, &e);
}

/* ---- out ---- */

void vc_udp_lane_seal(struct vc_live *l, struct vc_dtls_record *recs, size_t n)
{
    struct vc_worker *w = l->w;
    struct vc_dtls_dir *out = &l->s.udp.dtls.out;
    bool data = recs[0].type == VC_DTLS_DATA && recs[0].body[0] == VC_CSTP_DATA;
    size_t sealed = is_spent(l, out) ? 0 : vc_dtls_seal(out, l->udp_out, recs, n);
    for (size_t i = 0; i < sealed; i++)
        vc_udp_trains_add(l, &l->udp_peer, &l->udp_local, recs[i].raw, recs[i].raw_len);
    for (size_t i = sealed; i < n && data; i++)
        vc_udp_trains_again(l, recs[i].body + 1, recs[i].len - 1);
    if (sealed > 0) {
        w->udp_staged = (size_t)(recs[sealed - 1].raw + recs[sealed - 1].raw_len - w->udp_stage);
        vc_cstp_sent(&l->s.dtls, data, vc_worker_now(w));
        if (vc_cstp_due(&l->s.dtls) < l->timer.due)
            vc_live_rearm(l); /* a client's quick probe */
    }
    if (is_spent(l, out) && vc_fallback_closed(&l->s.fallback)) { /* only new keys help */
        emit(l, VC_EVENT_DTLS_DOWN, VC_OUTCOME_INFO, VC_CAUSE_DTLS_KEY_LIMIT, "");
        w->ops->dtls(w->owner, l, false);
    }
}

/** One record of any type to where the channel goes. */
static void put_record(struct vc_live *l, uint8_t type, const uint8_t *bytes, size_t len)
{
    if (!has_keys(l) || len > VC_DTLS_PLAIN_MAX)
        return;
    uint8_t *room = vc_udp_trains_room(l, len);
    struct vc_dtls_record rec = {.type = type, .body = room, .len = len};
    memcpy(room, bytes, len);
    vc_udp_lane_seal(l, &rec, 1);
}

void vc_udp_lane_send(struct vc_live *l, uint8_t type, const uint8_t *payload, size_t len)
{
    static uint8_t plain[VC_DTLS_PLAIN_MAX];
    if (len + 1 > sizeof(plain) || !vc_udp_lane_carries(l, len))
        len = 0; /* too large to be echoed: one byte proves life (2-tunnel.md 6.1) */
    plain[0] = type;
    if (len > 0)
        memcpy(plain + 1, payload, len);
    if (type == VC_CSTP_DPD_REQ)
        l->udp_asked_ns = vc_worker_now(l->w);
    put_record(l, VC_DTLS_DATA, plain, 1 + len);
}

/** What a handshake has to say. Its alerts: one a second (2-tunnel.md 9.8). */
static void send_flight(struct vc_live *l, const struct vc_endpoint *to, const struct vc_ip *local,
                        const struct vc_dtls_out *out)
{
    uint64_t now = vc_worker_now(l->w);
    if (out->alert && l->alert_ns != 0 && now - l->alert_ns < 1000000000ULL)
        return;
    if (out->alert)
        l->alert_ns = now;
    vc_udp_trains_plain(l->w, to, local, out->datagram, out->len);
}

/* ---- the channel comes and goes ---- */

/** Forgets all but the first @keep datagrams that came too early. */
static void drop_early(struct vc_pending *p, unsigned keep)
{
    while (p->n_early > keep)
        free(p->early[--p->n_early]);
}

static void free_pending(struct vc_pending *p)
{
    drop_early(p, 0);
    vc_dtls_gateway_wipe(&p->machine);
    vc_wipe(p, sizeof(*p));
    free(p);
}

static void drop_pending(struct vc_live *l)
{
    if (!l->pending)
        return;
    struct vc_endpoint there = l->pending->peer;
    free_pending(l->pending);
    l->pending = NULL;
    vc_udp_path_release(l, there);
}

static void drop_probe(struct vc_live *l)
{
    struct vc_endpoint there = l->probe.peer;
    l->probe = (struct vc_probe){0};
    vc_udp_path_release(l, there);
}

/** The channel goes to @to from now on; NULL: nowhere. */
static void move_peer(struct vc_live *l, const struct vc_endpoint *to, const struct vc_ip *local)
{
    struct vc_endpoint before = l->udp_peer;
    l->udp_peer = to ? *to : (struct vc_endpoint){0};
    if (to)
        l->udp_local = *local;
    l->udp_max = 0;
    l->udp_errno = 0;
    l->udp_asked_ns = 0;
    vc_udp_path_known(l, 1, &l->udp_peer.ip);
    drop_probe(l);
    vc_udp_path_release(l, before);
}

static void drop_old(struct vc_live *l)
{
    vc_aead_free(l->old_aead);
    l->old_aead = NULL;
    vc_dtls_dir_wipe(&l->old_in);
    l->old_until_ns = 0;
    struct vc_endpoint there = l->old_peer;
    l->old_peer = (struct vc_endpoint){0};
    vc_udp_path_release(l, there);
}

/** The keys are gone, the handshake beside them is not. */
static void close_channel(struct vc_live *l)
{
    drop_old(l);
    move_peer(l, NULL, NULL);
    vc_aead_free(l->udp_in);
    vc_aead_free(l->udp_out);
    l->udp_in = l->udp_out = NULL;
    vc_channel_wipe(&l->s.udp);
    (void)vc_fallback_closed(&l->s.fallback);
}

void vc_udp_lane_close(struct vc_live *l, bool say_so)
{
    struct vc_worker *w = l->w;
    if (say_so && has_keys(l) && l->udp_peer.ip.family) {
        static const uint8_t close_notify[2] = {1, 0};
        put_record(l, VC_DTLS_ALERT, close_notify, sizeof(close_notify));
    }
    if (w->n_trains > 0)
        vc_udp_trains_send(w); /* trains name the session */
    vc_udp_trains_forget(l);
    drop_pending(l);
    close_channel(l);
    vc_udp_path_known(l, 0, &(struct vc_ip){0});
}

static void lost(struct vc_live *l, enum vc_cause cause, const char *detail)
{
    emit(l, VC_EVENT_DTLS_DOWN, VC_OUTCOME_INFO, cause, detail);
    close_channel(l);
    l->w->ops->dtls(l->w->owner, l, false);
}

int vc_udp_lane_resume(struct vc_live *l, struct vc_fail *fail)
{
    if (l->s.facts.terms.mode)
        vc_udp_path_known(l, 0, &l->s.tcp.peer.ip);
    if (!has_keys(l))
        return 0;
    l->udp_in = vc_aead_new((enum vc_aead_alg)l->s.udp.dtls.in.alg, l->s.udp.dtls.in.key, VC_AEAD_AUTO);
    l->udp_out = vc_aead_new((enum vc_aead_alg)l->s.udp.dtls.out.alg, l->s.udp.dtls.out.key, VC_AEAD_AUTO);
    l->udp_peer = l->s.udp.peer;
    vc_udp_path_known(l, 1, &l->udp_peer.ip);
    if (!l->udp_in || !l->udp_out)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "keys");
    vc_fallback_hello(&l->s.fallback);
    (void)vc_fallback_finished(&l->s.fallback, vc_worker_now(l->w));
    return 0;
}

/** The handshake is complete: its keys take over, the ones before still open what is on its way. */
static bool install(struct vc_live *l, struct vc_dtls_done *done)
{
    struct vc_worker *w = l->w;
    struct vc_liveness live;
    int8_t jitter;
    uint64_t now = vc_worker_now(w);
    struct vc_aead *in = vc_aead_new((enum vc_aead_alg)done->recv.alg, done->recv.key, VC_AEAD_AUTO);
    struct vc_aead *out = vc_aead_new((enum vc_aead_alg)done->send.alg, done->send.key, VC_AEAD_AUTO);
    if (!in || !out) {
        vc_aead_free(in);
        vc_aead_free(out);
        return false;
    }
    drop_old(l);
    if (has_keys(l)) {
        l->old_in = l->s.udp.dtls.in;
        l->old_window = l->s.udp.dtls.window;
        l->old_aead = l->udp_in;
        l->old_until_ns = now + VC_OLD_KEYS_NS;
        l->old_peer = l->udp_peer; /* what is on its way comes from there */
        vc_aead_free(l->udp_out);
    }
    l->udp_in = in;
    l->udp_out = out;
    move_peer(l, &l->pending->peer, &l->pending->local);
    (void)vc_udp_path_claim(l, &l->udp_peer);
    l->s.udp.kind = VC_CHANNEL_DTLS_1_2;
    l->s.udp.mtu = l->s.facts.dtls_mtu;
    l->s.udp.peer = l->udp_peer;
    l->s.udp.dtls.in = done->recv;
    l->s.udp.dtls.out = done->send;
    l->s.udp.dtls.window = done->window;
    l->s.late = done->late;
    w->conf.random(&jitter, 1);
    vc_liveness_init(&live, w->conf.end, w->conf.end == VC_END_CLIENT, l->s.facts.dpd_s, l->s.facts.keepalive_s,
                     jitter % 11, now);
    vc_cstp_init(&l->s.dtls, &live, true, false, l->s.facts.bye_is_logout);
    if (vc_fallback_finished(&l->s.fallback, now) && w->conf.end == VC_END_GATEWAY)
        vc_fallback_hold(&l->s.fallback, now);
    struct vc_event e = vc_live_event(l, VC_EVENT_DTLS_UP, VC_OUTCOME_OK);
    char text[VC_ENDPOINT_TEXT];
    const struct vc_dtls_name *name = vc_dtls_name_agreed(done->suite, (enum vc_dtls_mode)done->mode);
    vc_endpoint_print(&l->udp_peer, text);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(text));
    vc_event_text(&e, VC_FIELD_SUITE, vc_str_of(name ? name->name : "?"));
    vc_event_text(&e, VC_FIELD_MODE, done->mode == VC_DTLS_MODE_PSK ? VC_STR("psk") : VC_STR("resumption"));
    w->ops->emit(w->owner, &e);
    l->udp_suite = done->suite;
    w->ops->dtls(w->owner, l, true);
    return true;
}

/* ---- opened payloads ---- */

void vc_udp_lane_act(struct vc_live *l, const struct vc_cstp_out *out)
{
    switch (out->what) {
    case VC_CSTP_NOTHING:
    case VC_CSTP_HEARD:
    case VC_CSTP_EXPAND:
        break;
    case VC_CSTP_DELIVER:
        vc_worker_deliver(l, (uint8_t *)(uintptr_t)out->frame.payload, out->frame.len);
        break;
    case VC_CSTP_SEND:
        vc_udp_lane_send(l, out->send, out->frame.payload, out->frame.len);
        break;
    case VC_CSTP_BYE:
        lost(l, VC_CAUSE_DTLS_CLOSED, "DISCONNECT over UDP");
        break;
    case VC_CSTP_DEAD:
        if (vc_fallback_dead(&l->s.fallback)) {
            emit(l, VC_EVENT_DTLS_DOWN, VC_OUTCOME_INFO, VC_CAUSE_DTLS_DEAD_PEER, "");
            l->w->ops->dtls(l->w->owner, l, false);
        }
        break;
    }
}

/** The client's address changed without a word (NAT): the channel follows where an answer to our question came from.
 *  Whoever copies a record and is faster than it has no key to answer with. A client answers without what was asked, so
 *  an answer counts only where no other question of ours is open. */
static void answered(struct vc_live *l, const struct vc_dtls_record *rec, const struct vc_endpoint *from)
{
    struct vc_worker *w = l->w;
    uint64_t now = vc_worker_now(w);
    if (vc_endpoint_eq(from, &l->udp_peer))
        l->udp_asked_ns = 0;
    if (!vc_endpoint_eq(from, &l->probe.peer) || rec->seq < l->probe.seq ||
        (l->udp_asked_ns != 0 && now - l->udp_asked_ns < MOVE_NS))
        return;
    struct vc_ip local = l->probe.local;
    move_peer(l, from, &local);
    l->s.udp.peer = *from;
    l->moved_ns = now;
    (void)vc_udp_path_claim(l, from);
    w->count.moved_peer++;
    struct vc_event e = vc_live_event(l, VC_EVENT_DTLS_MOVED, VC_OUTCOME_OK);
    char text[VC_ENDPOINT_TEXT];
    vc_endpoint_print(from, text);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(text));
    w->ops->emit(w->owner, &e);
}

/** Something authentic and newer than all came from an address that is not the session's: whoever is there is asked for
 *  a sign of life, with no more bytes than came. */
static void ask_there(struct vc_live *l)
{
    static const uint8_t question[1] = {VC_CSTP_DPD_REQ};
    struct vc_worker *w = l->w;
    uint64_t now = vc_worker_now(w);
    if ((l->probe.asked_ns != 0 && now - l->probe.asked_ns < PROBE_NS) || is_spent(l, &l->s.udp.dtls.out))
        return;
    struct vc_dtls_record rec = {
        .type = VC_DTLS_DATA, .body = vc_udp_trains_room(l, sizeof(question)), .len = sizeof(question)};
    memcpy(rec.body, question, sizeof(question));
    if (vc_dtls_seal(&l->s.udp.dtls.out, l->udp_out, &rec, 1) != 1)
        return;
    vc_udp_trains_add(l, &l->probe.peer, &l->probe.local, rec.raw, rec.raw_len);
    w->udp_staged = (size_t)(rec.raw + rec.raw_len - w->udp_stage);
    l->probe.asked_ns = now;
    l->probe.seq = l->s.udp.dtls.in.seq;
}

/** @from: where it came from; NULL where that moves nothing. */
static void take(struct vc_live *l, const struct vc_dtls_record *rec, const struct vc_endpoint *from)
{
    struct vc_worker *w = l->w;
    struct vc_dtls_out flight = {0};
    struct vc_cstp_out out = {0};
    switch (rec->type) {
    case VC_DTLS_DATA:
        vc_cstp_datagram(&l->s.dtls, rec->body, rec->len, vc_worker_now(w), &out);
        if (vc_fallback_udp_heard(&l->s.fallback, out.what == VC_CSTP_DELIVER, vc_worker_now(w))) {
            emit(l, VC_EVENT_DTLS_UP, VC_OUTCOME_INFO, VC_CAUSE_NONE, "");
            w->ops->dtls(w->owner, l, true);
        }
        if (out.what == VC_CSTP_HEARD && from)
            answered(l, rec, from);
        vc_udp_lane_act(l, &out);
        break;
    case VC_DTLS_HANDSHAKE: /* the client's Finished again: our last flight was lost */
        vc_dtls_late_answer(&l->s.late, &l->s.udp.dtls.out, l->udp_out, rec->body, rec->len, &flight);
        send_flight(l, &l->udp_peer, &l->udp_local, &flight);
        break;
    case VC_DTLS_ALERT:
        lost(l, VC_CAUSE_DTLS_CLOSED, rec->len == 2 && rec->body[1] == 0 ? "close_notify" : "alert");
        break;
    default:
        break;
    }
}

/** Opens what was gathered; the records may end the channel on their way. Returns how many were authentic and new. */
static size_t open_batch(struct vc_live *l, const struct vc_endpoint *from, size_t n)
{
    struct vc_worker *w = l->w;
    struct vc_dtls_record *recs = w->dtls_recs;
    size_t by_old = 0;
    if (n == 0)
        return 0;
    if (l->old_aead && vc_worker_now(w) >= l->old_until_ns)
        drop_old(l);
    uint64_t newest = l->s.udp.dtls.in.seq;
    if (l->old_aead) { /* a wrong key wipes what it cannot open: the old one tries first, on a copy */
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            struct vc_dtls_record copy = recs[i];
            if (recs[i].raw_len > sizeof(w->scratch))
                continue;
            memcpy(w->scratch, recs[i].raw, recs[i].raw_len);
            copy.raw = w->scratch;
            copy.body = w->scratch + (recs[i].body - recs[i].raw);
            if (vc_dtls_open(&l->old_in, l->old_aead, &l->old_window, &copy, 1) == 1) {
                memcpy(recs[i].body, copy.body, copy.len);
                recs[i].len = copy.len;
                by_old++;
                if (recs[i].type == VC_DTLS_DATA)
                    take(l, &recs[i], NULL); /* its number says nothing beside those of the new keys */
                if (!has_keys(l))
                    return by_old;
            } else {
                recs[kept++] = recs[i];
            }
        }
        n = kept;
    }
    if (!has_keys(l)) {
        w->count.dropped_udp += n;
        return by_old;
    }
    size_t opened = vc_dtls_open(&l->s.udp.dtls.in, l->udp_in, &l->s.udp.dtls.window, recs, n);
    w->count.dropped_udp += n - opened;
    for (size_t i = 0; i < n && has_keys(l); i++) {
        if (recs[i].state == VC_DTLS_OPENED)
            take(l, &recs[i], from);
    }
    if (has_keys(l) && l->s.udp.dtls.in.seq > newest && vc_endpoint_eq(from, &l->probe.peer))
        ask_there(l);
    if (has_keys(l) && is_spent(l, &l->s.udp.dtls.in))
        lost(l, VC_CAUSE_DTLS_KEY_LIMIT, "");
    if (!l->closing && vc_udp_lane_due(l) < l->timer.due)
        vc_live_rearm(l); /* a dead channel is alive again, and its timers with it */
    return by_old + opened;
}

static size_t open_datagram(struct vc_live *l, const struct vc_endpoint *from, uint8_t *datagram, size_t len)
{
    struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, len);
    size_t n = 0;
    while (n < VC_RECORDS_MAX && vc_dtls_next(&walk, &l->w->dtls_recs[n]))
        n++;
    return open_batch(l, from, n);
}

/* ---- handshakes ---- */

/** Keeps a datagram that perhaps nobody can open yet: 8 of them, for 1 s (2-tunnel.md 9.7). */
static bool early(struct vc_pending *p, const uint8_t *datagram, size_t len, uint64_t now)
{
    if (p->n_early == 0 || now - p->early_ns > VC_EARLY_NS) {
        drop_early(p, 0);
        p->early_ns = now;
    }
    struct vc_early *e = p->n_early < VC_EARLY_MAX && len <= VC_EARLY_LEN ? malloc(sizeof(*e) + len) : NULL;
    if (!e)
        return false;
    e->len = len;
    memcpy(e->bytes, datagram, len);
    p->early[p->n_early++] = e;
    return true;
}

static void failed(struct vc_live *l, const struct vc_fail *why)
{
    struct vc_event e = vc_live_event(l, VC_EVENT_DTLS_FAILED, VC_OUTCOME_FAILED);
    e.fail = *why;
    l->w->ops->emit(l->w->owner, &e);
    drop_pending(l);
}

/** Begins a handshake beside whatever is up. @p is the hello, from an address that may be answered. */
static void begin(struct vc_live *l, const struct vc_endpoint *from, const struct vc_ip *local,
                  const struct vc_dtls_peek *p, bool proved)
{
    struct vc_worker *w = l->w;
    struct vc_dtls_out out = {0};
    struct vc_fail why = {0};
    uint8_t random[VC_DTLS_RANDOM];
    drop_pending(l);
    l->pending = calloc(1, sizeof(*l->pending));
    if (!l->pending || vc_udp_path_claim(l, from) != 0) {
        free(l->pending);
        l->pending = NULL;
        emit(l, VC_EVENT_DTLS_FAILED, VC_OUTCOME_FAILED, VC_CAUSE_NO_MEMORY, "handshake");
        return;
    }
    l->pending->proved = proved;
    vc_fallback_hello(&l->s.fallback);
    l->pending->peer = *from;
    l->pending->local = *local;
    w->conf.random(random, sizeof(random));
    struct vc_event e = vc_live_event(l, VC_EVENT_DTLS_HELLO, VC_OUTCOME_INFO);
    char text[VC_ENDPOINT_TEXT];
    vc_endpoint_print(from, text);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(text));
    w->ops->emit(w->owner, &e);
    int r = vc_dtls_gateway_start(&l->pending->machine, &l->s.facts.terms, p, random, (struct vc_dtls_view){0},
                                  vc_worker_now(w), &out, &why);
    send_flight(l, from, local, &out);
    if (r < 0)
        failed(l, &why);
    vc_live_rearm(l);
}

/** Whether so many hellos come that nobody is answered at length who did not show that it hears us. */
static bool busy(struct vc_worker *w)
{
    uint64_t now = vc_worker_now(w);
    if (now - w->hello_second_ns > 1000000000ULL) {
        w->hello_second_ns = now;
        w->hellos = 0;
    }
    return ++w->hellos > HELLOS_BUSY;
}

/** A ClientHello for this session. */
static void hello(struct vc_live *l, const struct vc_endpoint *from, const struct vc_ip *local, struct vc_dtls_peek *p)
{
    struct vc_worker *w = l->w;
    uint64_t now = vc_worker_now(w);
    if (l->closing)
        return;
    if (now - l->hello_second_ns > 1000000000ULL) {
        l->hello_second_ns = now;
        l->hellos = l->hellos_elsewhere = 0;
    }
    if (has_keys(l) && memcmp(p->hello.random, l->s.late.client_random, VC_DTLS_RANDOM) == 0)
        return; /* an old copy of the hello that the live keys came from */
    bool known = vc_ip_eq(&from->ip, &l->s.tcp.peer.ip) || vc_ip_eq(&from->ip, &l->udp_peer.ip);
    if (++*(known ? &l->hellos : &l->hellos_elsewhere) > HELLOS_PER_SECOND) {
        w->count.dropped_udp++;
        return;
    }
    struct vc_live *other = vc_udp_path_owner(w, from);
    bool load = busy(w);
    bool taken = w->taken || (other && other != l);
    bool ask = w->conf.dtls_cookie == 1 || (w->conf.dtls_cookie == 0 && (!known || load || taken));
    if (ask && !vc_udp_path_proved(w, from, local, p)) {
        if (!l->cookie_told) {
            l->cookie_told = true;
            struct vc_event e = vc_live_event(l, VC_EVENT_DTLS_COOKIE, VC_OUTCOME_INFO);
            char text[VC_ENDPOINT_TEXT];
            vc_endpoint_print(from, text);
            vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(text));
            w->ops->emit(w->owner, &e);
        }
        return;
    }
    if (taken && !ask)
        return; /* dtls-cookie = off: somebody else's address is not taken over unproved */
    begin(l, from, local, p, ask);
}

enum advance { ADVANCED, KEPT, FINISHED };

/** A datagram for the handshake that is under way at its own address. KEPT: for its keys, should no others open it. */
static enum advance advance(struct vc_live *l, const struct vc_udp_train *t, uint8_t *datagram, size_t len)
{
    struct vc_worker *w = l->w;
    struct vc_pending *p = l->pending;
    struct vc_dtls_out out = {0};
    struct vc_dtls_done done = {0};
    struct vc_fail why = {0};
    uint8_t *copy = w->scratch;
    if (len > sizeof(w->scratch))
        return ADVANCED;
    memcpy(copy, datagram, len); /* it works in place, and live keys may want the same bytes */
    int step = vc_dtls_gateway_datagram(&p->machine, copy, len, &out, &done, &why);
    send_flight(l, &p->peer, &p->local, &out);
    if (step < 0) {
        failed(l, &why);
        return ADVANCED;
    }
    if (step == VC_DTLS_STEP_OTHER) {
        struct vc_dtls_peek peek;
        if (vc_dtls_peek(datagram, len, &peek) == VC_DTLS_KIND_HELLO)
            hello(l, &t->peer, &t->local, &peek);
        return ADVANCED;
    }
    if (out.early && step != VC_DTLS_STEP_COMPLETE && early(p, datagram, len, vc_worker_now(w)))
        return KEPT;
    if (step == VC_DTLS_STEP_COMPLETE) {
        unsigned n = vc_worker_now(w) - p->early_ns > VC_EARLY_NS ? 0 : p->n_early;
        struct vc_pending *finished = p;
        if (install(l, &done)) {
            l->pending = NULL;
            if (out.used < len)
                (void)open_datagram(l, &t->peer, datagram + out.used, len - out.used);
            for (unsigned i = 0; i < n && has_keys(l); i++) {
                (void)open_datagram(l, &t->peer, finished->early[i]->bytes, finished->early[i]->len);
                vc_coalesce_flush(&w->coalescer); /* its packets are borrowed from what goes now */
            }
            free_pending(finished);
        } else {
            vc_fail_set(&why, VC_CAUSE_NO_MEMORY, 0, "keys");
            failed(l, &why);
        }
        vc_dtls_done_wipe(&done);
    }
    vc_live_rearm(l);
    return step == VC_DTLS_STEP_COMPLETE ? FINISHED : ADVANCED;
}

/** A sealed record from an address that is no session's: perhaps a client's whose address changed without a word (NAT).
 *  Of the same IP address, authentic, newer than all seen: it is taken, and the address asked. */
static bool rebind(struct vc_worker *w, const struct vc_udp_train *t, uint8_t *datagram, size_t len)
{
    uint8_t key[VC_ENDPOINT_KEY];
    uint64_t now = vc_worker_now(w);
    vc_endpoint_key(&(struct vc_endpoint){.ip = t->peer.ip}, key);
    struct vc_group *first = vc_group_of(&w->by_outer, key), *g = first;
    if (!first || len > sizeof(w->scratch))
        return false;
    if (now - w->trial_second_ns > 1000000000ULL) {
        w->trial_second_ns = now;
        w->trials = 0;
    }
    for (unsigned looked = 0; looked < CANDIDATES_MAX && (looked == 0 || g != first); looked++) {
        struct vc_live *l = g->owner;
        struct vc_dtls_record rec;
        g = g->next;
        if (!has_keys(l) || l->closing || now - l->moved_ns < MOVE_NS)
            continue;
        if (w->trials++ >= TRIALS_PER_SECOND)
            return false;
        memcpy(w->scratch, datagram, len);
        struct vc_dtls_walk walk = vc_dtls_walk_of(w->scratch, len);
        if (!vc_dtls_next(&walk, &rec) || rec.epoch != 1 || rec.seq < l->s.udp.dtls.in.seq ||
            vc_dtls_open(&l->s.udp.dtls.in, l->udp_in, &l->s.udp.dtls.window, &rec, 1) != 1)
            continue;
        drop_probe(l);
        l->probe.peer = t->peer;
        l->probe.local = t->local;
        l->probe.since_ns = now;
        (void)vc_udp_path_claim(l, &t->peer);
        ask_there(l);
        take(l, &rec, &t->peer);
        vc_coalesce_flush(&w->coalescer); /* scratch is borrowed until here */
        if (has_keys(l))
            (void)open_datagram(l, &t->peer, datagram + (len - walk.left), walk.left);
        return true;
    }
    vc_group_turn(&w->by_outer, key, g); /* many behind one address: the next datagram is tried on others */
    return false;
}

static bool elsewhere(struct vc_worker *w, const struct vc_udp_train *t, uint8_t *datagram, size_t len, bool is_hello)
{
    struct vc_udp_train one = *t;
    one.at = datagram;
    one.len = one.segment = len;
    return w->ops->stray_datagram && w->ops->stray_datagram(w->owner, &one, is_hello);
}

/** A datagram from an address that is no session's. */
static void stranger(struct vc_worker *w, struct vc_udp_train *t, uint8_t *datagram, size_t len, bool forwarded)
{
    struct vc_dtls_peek peek;
    enum vc_dtls_kind kind = vc_dtls_peek(datagram, len, &peek);
    if (kind == VC_DTLS_KIND_HELLO && peek.id.len == 32) { /* known ids have their own limit */
        struct vc_live *l = vc_map_get(&w->by_dtls_id, peek.id.at);
        if (l) {
            hello(l, &t->peer, &t->local, &peek);
            return;
        }
        if (!forwarded && !vc_udp_path_flooded(w, &t->peer.ip) && elsewhere(w, t, datagram, len, true))
            return;
    }
    if (kind == VC_DTLS_KIND_SEALED && !vc_udp_path_flooded(w, &t->peer.ip)) {
        if (rebind(w, t, datagram, len) || (!forwarded && elsewhere(w, t, datagram, len, false)))
            return;
    }
    w->count.dropped_udp++;
}

/** A hello is for whom it names, whoever had its address before. */
static bool begins_with_hello(struct vc_udp_train *t)
{
    struct vc_dtls_peek peek;
    return vc_dtls_peek(t->at, t->segment < t->len ? t->segment : t->len, &peek) == VC_DTLS_KIND_HELLO;
}

void vc_udp_lane_train(struct vc_worker *w, struct vc_udp_train *t, bool forwarded)
{
    size_t n = 0;
    if (t->len == 0 || t->segment == 0 || vc_worker_is_loop(w, t))
        return;
    if (!vc_udp_path_owner(w, &t->peer) && !forwarded && w->ops->claimed && !begins_with_hello(t) &&
        w->ops->claimed(w->owner, t))
        return;
    for (size_t at = 0; at < t->len; at += t->segment) {
        uint8_t *datagram = t->at + at;
        size_t len = t->len - at < t->segment ? t->len - at : t->segment;
        struct vc_live *l = vc_udp_path_owner(w, &t->peer); /* a datagram before may have changed it */
        w->count.udp_in++;
        if (l && vc_endpoint_eq(&l->probe.peer, &t->peer) && vc_worker_now(w) - l->probe.since_ns > PROBED_NS) {
            drop_probe(l);
            l = vc_udp_path_owner(w, &t->peer);
        }
        if (!l) {
            stranger(w, t, datagram, len, forwarded);
            continue;
        }
        if (l->closing)
            continue;
        bool sealed = len >= VC_DTLS_HEADER && datagram[3] == 0 && datagram[4] == 1;
        bool at_pending = l->pending && vc_endpoint_eq(&l->pending->peer, &t->peer);
        if (sealed && !at_pending) { /* the usual case: gathered over the train */
            struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, len);
            if (n + 32 > VC_RECORDS_MAX) {
                (void)open_batch(l, &t->peer, n);
                n = 0;
            }
            for (int k = 0; k < 32 && vc_dtls_next(&walk, &w->dtls_recs[n]); k++)
                n++;
            continue;
        }
        (void)open_batch(l, &t->peer, n);
        n = 0;
        struct vc_dtls_peek peek;
        enum advance how = ADVANCED;
        if (at_pending)
            how = advance(l, t, datagram, len);
        else if (vc_dtls_peek(datagram, len, &peek) == VC_DTLS_KIND_HELLO && peek.id.len == 32) {
            struct vc_live *meant = vc_map_get(&w->by_dtls_id, peek.id.at);
            if (meant)
                hello(meant, &t->peer, &t->local, &peek);
            else if (!forwarded && !vc_udp_path_flooded(w, &t->peer.ip))
                (void)elsewhere(w, t, datagram, len, true);
        } else if (has_keys(l)) {
            open_datagram(l, &t->peer, datagram,
                          len); /* the peer's last flight again, its Finished at the end: ours was lost */
        }
        /* perhaps it is for the keys that are up */
        if (sealed && at_pending && how != FINISHED && has_keys(l) && open_datagram(l, &t->peer, datagram, len) > 0 &&
            how == KEPT && l->pending)
            drop_early(l->pending, l->pending->n_early - 1); /* it was */
    }
    struct vc_live *l = vc_udp_path_owner(w, &t->peer);
    if (l && !l->closing)
        (void)open_batch(l, &t->peer, n);
}

static void on_udp(struct vc_watch *watch, bool readable, bool writable)
{
    struct vc_worker *w = watch->owner;
    struct vc_udp_train trains[VC_WORKER_UDP_BUFFERS];
    (void)readable;
    (void)writable;
    for (int i = 0; i < VC_WORKER_UDP_BUFFERS; i++)
        trains[i] = (struct vc_udp_train){.at = w->udp_in[i], .len = sizeof(w->udp_in[i])};
    int n = vc_udp_recv(w->conf.udp, trains, VC_WORKER_UDP_BUFFERS);
    if (n <= 0)
        return;
    w->count.udp_receives++;
    for (int i = 0; i < n; i++)
        (void)vc_udp_lane_train(w, &trains[i], false);
    vc_worker_flush(w);
}

void vc_udp_lane_open(struct vc_worker *w)
{
    vc_watch_start(&w->udp_watch, w->loop, w->conf.udp, true, false, on_udp, w);
}

/* ---- time ---- */

uint64_t vc_udp_lane_due(const struct vc_live *l)
{
    uint64_t due = l->pending ? vc_dtls_gateway_due(&l->pending->machine) : VC_NEVER, t;
    if (l->udp_errno)
        return 0;
    t = vc_fallback_due(&l->s.fallback);
    due = t < due ? t : due;
    if (l->old_aead && l->old_until_ns < due)
        due = l->old_until_ns;
    if (has_keys(l)) {
        t = vc_cstp_due(&l->s.dtls);
        due = t < due ? t : due;
    }
    return due;
}

void vc_udp_lane_tick(struct vc_live *l, uint64_t now_ns)
{
    struct vc_worker *w = l->w;
    if (l->udp_errno && has_keys(l))
        lost(l, VC_CAUSE_DTLS_UNREACHABLE, strerror(l->udp_errno));
    l->udp_errno = 0;
    if (l->old_aead && l->old_until_ns <= now_ns)
        drop_old(l);
    if (l->pending && vc_dtls_gateway_due(&l->pending->machine) <= now_ns) {
        struct vc_dtls_out out = {0};
        struct vc_fail why = {0};
        int r = vc_dtls_gateway_tick(&l->pending->machine, now_ns, &out, &why);
        send_flight(l, &l->pending->peer, &l->pending->local, &out);
        if (r < 0)
            failed(l, &why);
    }
    while (has_keys(l) && vc_cstp_due(&l->s.dtls) <= now_ns) {
        struct vc_cstp_out out = {0};
        vc_cstp_tick(&l->s.dtls, now_ns, &out);
        vc_udp_lane_act(l, &out);
        if (out.what == VC_CSTP_NOTHING)
            break;
    }
    while (vc_fallback_due(&l->s.fallback) <= now_ns) {
        switch (vc_fallback_tick(&l->s.fallback, now_ns)) {
        case VC_FALLBACK_NOTHING:
            return;
        case VC_FALLBACK_SILENT:
            emit(l, VC_EVENT_DTLS_SILENT, VC_OUTCOME_INFO, VC_CAUSE_DTLS_SILENT, "");
            break;
        case VC_FALLBACK_TO_TCP:
            emit(l, VC_EVENT_DTLS_DOWN, VC_OUTCOME_INFO, VC_CAUSE_DTLS_DEAD_PEER, "switch-to-tcp-timeout");
            w->ops->dtls(w->owner, l, false);
            break;
        }
    }
}
