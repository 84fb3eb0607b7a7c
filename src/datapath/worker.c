/* Sessions, turns and timers of the data path. The lanes (tun, tcp, udp) move the packets. */
#include "datapath/live.h"

#include "crypto/wipe.h"
#include "packet/ip.h"
#include "sys/sock.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TCP = 6, UDP = 17 };

static void v6_key(const struct vc_ip *ip, uint8_t len, uint8_t key[VC_PREFIX_KEY])
{
    struct vc_prefix p = vc_prefix_of(ip, len);
    vc_prefix_key(&p, key);
}

struct vc_live *vc_worker_by_address(struct vc_worker *w, const struct vc_ip *ip)
{
    if (ip->family == VC_FAMILY_V4)
        return vc_map_get(&w->by_v4, ip->bytes);
    for (unsigned i = 0; i < VC_WORKER_V6_LENS && w->v6_lens[i]; i++) {
        uint8_t key[VC_PREFIX_KEY];
        v6_key(ip, w->v6_lens[i], key);
        struct vc_live *l = vc_map_get(&w->by_v6, key);
        if (l)
            return l;
    }
    return NULL;
}

struct vc_live *vc_worker_for(struct vc_worker *w, const struct vc_ip *to)
{
    size_t at = 0;
    return w->conf.end == VC_END_CLIENT ? vc_map_next(&w->by_id, &at) : vc_worker_by_address(w, to);
}

struct vc_event vc_live_event(const struct vc_live *l, enum vc_event_id id, enum vc_outcome outcome)
{
    return vc_event_of(id, outcome, 0, l->s.facts.id);
}

struct vc_live *vc_live_find(struct vc_worker *w, uint64_t id)
{
    return vc_map_get(&w->by_id, &id);
}

const struct vc_session *vc_live_session(const struct vc_live *l)
{
    return &l->s;
}

const struct vc_endpoint *vc_live_udp_peer(const struct vc_live *l)
{
    return &l->udp_peer;
}

uint16_t vc_live_dtls_suite(const struct vc_live *l)
{
    return l->udp_suite;
}

struct vc_live *vc_live_next(struct vc_worker *w, size_t *at)
{
    return vc_map_next(&w->by_id, at);
}

const struct vc_worker_counters *vc_worker_counters(const struct vc_worker *w)
{
    return &w->count;
}

size_t vc_worker_sessions(const struct vc_worker *w)
{
    return w->by_id.n;
}

bool vc_worker_empty(const struct vc_worker *w)
{
    return !vc_heap_first(&w->timers); /* every live is in it, closing ones too */
}

struct vc_worker *vc_worker_new(struct vc_loop *loop, const struct vc_worker_conf *conf,
                                const struct vc_worker_ops *ops, void *owner)
{
    struct vc_worker *w = calloc(1, sizeof(*w));
    uint64_t seed[2];
    if (!w)
        return NULL;
    w->loop = loop;
    w->conf = *conf;
    w->ops = ops;
    w->owner = owner;
    if (conf->cookie_key)
        memcpy(w->cookie_key, conf->cookie_key, sizeof(w->cookie_key));
    w->conf.cookie_key = w->cookie_key;
    for (size_t i = 0; i < 2; i++) {
        const struct vc_prefix *p = &conf->inner[i];
        if (p->ip.family != VC_FAMILY_V4 || p->len > 30)
            continue;
        w->broadcast[0] = p->ip;
        (void)vc_prefix_nth(p, (1ULL << (32 - p->len)) - 1, &w->broadcast[1]);
    }
    conf->random(seed, sizeof(seed));
    w->strangers_seed = seed[0] ^ seed[1];
    vc_map_init(&w->by_id, 8, seed);
    vc_map_init(&w->by_v4, 4, seed);
    vc_map_init(&w->by_v6, VC_PREFIX_KEY, seed);
    vc_map_init(&w->by_peer, VC_ENDPOINT_KEY, seed);
    vc_map_init(&w->by_dtls_id, 32, seed);
    vc_map_init(&w->by_outer, VC_ENDPOINT_KEY, seed);
    vc_coalesce_init(&w->coalescer, vc_tun_lane_emit, w, conf->offloads & VC_TUN_TSO4, conf->offloads & VC_TUN_TSO6,
                     conf->offloads & VC_TUN_USO);
    vc_tun_lane_open(w);
    if (conf->udp >= 0) {
        struct vc_endpoint local;
        vc_sock_local(conf->udp, &local);
        w->udp_port = local.port;
        vc_udp_lane_open(w);
    }
    return w;
}

static void forget(struct vc_live *l);
static void destroy(struct vc_live *l);

void vc_worker_free(struct vc_worker *w)
{
    struct vc_heap_node *node;
    if (!w)
        return;
    while ((node = vc_heap_first(&w->timers))) { /* every live is in it, closing ones too */
        struct vc_live *l = node->owner;
        /* nobody hears of it: its owner ends it first, or ends itself */
        l->ending = true; // NOLINT(clang-analyzer-unix.Malloc): destroy took the one before out of the heap
        forget(l);
        destroy(l);
    }
    vc_watch_stop(&w->tun_watch);
    vc_watch_stop(&w->udp_watch);
    (void)close(w->conf.tun);
    if (w->conf.udp >= 0)
        (void)close(w->conf.udp);
    vc_map_deinit(&w->by_id);
    vc_map_deinit(&w->by_v4);
    vc_map_deinit(&w->by_v6);
    vc_map_deinit(&w->by_peer);
    vc_map_deinit(&w->by_dtls_id);
    vc_map_deinit(&w->by_outer);
    vc_heap_deinit(&w->timers);
    vc_wipe(w->cookie_key, sizeof(w->cookie_key));
    free(w);
}

void vc_worker_flush(struct vc_worker *w)
{
    vc_coalesce_flush(&w->coalescer);
    vc_udp_trains_flush(w);
    if (w->n_again > 0)
        vc_tun_lane_again(w);
    vc_tcp_lane_flush(w);
}

/* What only keeps a connection alive does not count against idle-timeout (2-tunnel.md 13). */
static bool is_data(const uint8_t *packet, size_t len)
{
    if (packet[0] >> 4 == 4)
        return len > 9 && packet[9] != 1 && packet[9] != 2; /* ICMP, IGMP */
    return len > 6 && packet[6] != 58;                      /* ICMPv6 */
}

/* Every host says something with such a source when an interface comes up; it is dropped and counted, not told. */
static bool is_link_local(const struct vc_ip *ip)
{
    static const uint8_t none[16];
    return ip->family == VC_FAMILY_V6 &&
           ((ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80) || memcmp(ip->bytes, none, sizeof(none)) == 0);
}

bool vc_worker_is_loop(struct vc_worker *w, const struct vc_udp_train *t)
{
    for (size_t i = 0; i < 2; i++) {
        if (vc_prefix_has(&w->conf.inner[i], &t->peer.ip)) {
            w->count.dropped_loop += (t->len + t->segment - 1) / t->segment;
            return true;
        }
    }
    return false;
}

/** The packet goes to one of the two ends of the tunnel that it came out of: the client's routes lead the tunnel into
 *  itself. Fragments behind the first have no ports; without the first they are nothing. */
static bool is_own_end(const struct vc_live *l, const uint8_t *packet, size_t len, const struct vc_ip *to)
{
    const struct vc_endpoint *peer = &l->s.tcp.peer, *udp_peer = &l->udp_peer;
    bool ours = vc_ip_eq(to, &l->our_end.ip) || vc_ip_eq(to, &l->udp_local);
    struct vc_ip_packet ip;
    if (!ours && !vc_ip_eq(to, &peer->ip) && !vc_ip_eq(to, &udp_peer->ip))
        return false;
    if (!vc_ip_packet_read(packet, len, &ip) || ip.more_or_offset || ip.total_len < ip.header_len + 4)
        return false;
    uint16_t port = (uint16_t)(packet[ip.header_len + 2] << 8 | packet[ip.header_len + 3]);
    if (ip.protocol == TCP)
        return ours ? port == l->our_end.port : vc_ip_eq(to, &peer->ip) && port == peer->port;
    if (ip.protocol == UDP)
        return ours ? port == l->w->udp_port : vc_ip_eq(to, &udp_peer->ip) && port == udp_peer->port;
    return false;
}

/** Never answered, or a load that breeds itself. Without a word: every host says something to multicast groups. */
static bool goes_nowhere(struct vc_live *l, const uint8_t *packet, size_t len, const struct vc_ip *to)
{
    struct vc_worker *w = l->w;
    if (vc_ip_is_martian(to) || vc_ip_eq(to, &w->broadcast[0]) || vc_ip_eq(to, &w->broadcast[1]))
        w->count.dropped_martian++;
    else if (is_own_end(l, packet, len, to))
        w->count.dropped_loop++;
    else
        return false;
    l->s.count.rx_dropped++;
    return true;
}

void vc_worker_deliver(struct vc_live *l, uint8_t *packet, size_t len)
{
    struct vc_worker *w = l->w;
    struct vc_ip src, dst;
    if (!vc_ip_packet_addresses(packet, len, &src, &dst)) {
        l->s.count.rx_dropped++;
        w->count.dropped_stray++;
        return;
    }
    /* the lease is the only source of what a client sends, and the only destination of what it gets */
    bool client = w->conf.end == VC_END_CLIENT;
    if (vc_worker_by_address(w, client ? &dst : &src) != l) {
        l->s.count.rx_dropped++;
        if (!l->source_told && !client && !is_link_local(&src)) {
            l->source_told = true;
            struct vc_event e = vc_live_event(l, VC_EVENT_PACKET_DROPPED, VC_OUTCOME_REFUSED);
            char text[VC_IP_TEXT];
            vc_ip_print(&src, text);
            vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(text));
            vc_fail_set(&e.fail, VC_CAUSE_INNER_SOURCE, 0, "%s", text);
            w->ops->emit(w->owner, &e);
        }
        w->count.dropped_source++;
        return;
    }
    if (!client && goes_nowhere(l, packet, len, &dst))
        return;
    l->s.count.rx_packets++;
    l->s.count.rx_bytes += len;
    if (l->s.facts.idle_s && is_data(packet, len))
        l->s.data_ns = vc_worker_now(w);
    vc_coalesce_add(&w->coalescer, packet, len);
}

void vc_live_rearm(struct vc_live *l)
{
    const struct vc_session *s = &l->s;
    if (l->closing) {
        (void)vc_heap_set(&l->w->timers, &l->timer, l->closing_ns);
        return;
    }
    uint64_t due = vc_tcp_lane_due(l), t;
    t = vc_udp_lane_due(l);
    due = t < due ? t : due;
    if (s->facts.end_ns && s->facts.end_ns < due)
        due = s->facts.end_ns;
    if (s->facts.idle_s && s->data_ns + s->facts.idle_s * 1000000000ULL < due)
        due = s->data_ns + s->facts.idle_s * 1000000000ULL;
    (void)vc_heap_set(&l->w->timers, &l->timer, due);
}

/** Out of every lookup. */
static void forget(struct vc_live *l)
{
    struct vc_worker *w = l->w;
    uint8_t key[VC_ENDPOINT_KEY];
    if (vc_map_get(&w->by_id, &l->s.facts.id) == l)
        (void)vc_map_remove(&w->by_id, &l->s.facts.id);
    if (l->s.facts.v4.family && vc_map_get(&w->by_v4, l->s.facts.v4.bytes) == l)
        (void)vc_map_remove(&w->by_v4, l->s.facts.v4.bytes);
    if (l->s.facts.v6.family) {
        v6_key(&l->s.facts.v6, l->s.facts.v6_len, key);
        if (vc_map_get(&w->by_v6, key) == l)
            (void)vc_map_remove(&w->by_v6, key);
    }
    if (l->s.facts.terms.mode && vc_map_get(&w->by_dtls_id, l->s.facts.terms.id) == l)
        (void)vc_map_remove(&w->by_dtls_id, l->s.facts.terms.id);
    vc_udp_lane_close(l, false);
    if (w->tcp_live == l)
        vc_tcp_lane_flush(w);
}

static void destroy(struct vc_live *l)
{
    vc_tcp_lane_close(l);
    vc_heap_remove(&l->w->timers, &l->timer);
    vc_session_wipe(&l->s);
    free(l);
}

void vc_live_end(struct vc_live *l, enum vc_live_end how, const char *bye, const struct vc_fail *why)
{
    struct vc_worker *w = l->w;
    if (l->ending)
        return;
    l->ending = true;   /* told once: a socket that breaks while the last words are sent adds nothing */
    vc_worker_flush(w); /* what was taken in its name goes out first */
    vc_udp_lane_close(l, true);
    vc_tcp_lane_goodbye(l, bye);
    w->ops->ended(w->owner, l, how, why);
    forget(l);
    /* the last bytes leave in order: FIN behind them, then wait for the client's, a little while; closing at once
     * would make the kernel send RST where the client has more on its way, and the alert would be lost */
    l->closing = true;
    l->closing_ns = l->cut ? 0 : vc_worker_now(w) + VC_CLOSING_NS;
    if (l->out_len == 0)
        (void)shutdown(l->fd, SHUT_WR);
    vc_live_rearm(l);
}

void vc_live_close(struct vc_live *l, const char *bye, const struct vc_fail *why)
{
    vc_live_end(l, VC_LIVE_CLOSED, bye, why);
}

/** The place of a prefix length among those that are looked up; NULL: there are too many. */
static uint8_t *v6_place(struct vc_worker *w, uint8_t len)
{
    if (w->by_v6.n == 0)
        memset(w->v6_lens, 0, sizeof(w->v6_lens));
    for (unsigned i = 0; i < VC_WORKER_V6_LENS; i++) {
        if (w->v6_lens[i] == 0 || w->v6_lens[i] == len)
            return &w->v6_lens[i];
    }
    return NULL;
}

/** All that entering it needs: nothing of another session is touched. */
static int make_room(struct vc_live *l)
{
    struct vc_worker *w = l->w;
    const struct vc_session_facts *f = &l->s.facts;
    if (vc_map_reserve(&w->by_id) != 0 || vc_map_reserve(&w->by_v4) != 0 || vc_map_reserve(&w->by_v6) != 0 ||
        vc_map_reserve(&w->by_peer) != 0 || vc_map_reserve(&w->by_dtls_id) != 0 ||
        (f->v6.family && !v6_place(w, f->v6_len)))
        return -1;
    return vc_heap_set(&w->timers, &l->timer, VC_NEVER);
}

/** Into every lookup; the newest has an address. There is room. */
static void enter(struct vc_live *l)
{
    struct vc_worker *w = l->w;
    const struct vc_session_facts *f = &l->s.facts;
    uint8_t key[VC_ENDPOINT_KEY];
    (void)vc_map_put(&w->by_id, &f->id, l);
    if (f->v4.family)
        (void)vc_map_put(&w->by_v4, f->v4.bytes, l);
    if (f->terms.mode)
        (void)vc_map_put(&w->by_dtls_id, f->terms.id, l);
    if (f->v6.family) {
        *v6_place(w, f->v6_len) = f->v6_len;
        v6_key(&f->v6, f->v6_len, key);
        (void)vc_map_put(&w->by_v6, key, l);
    }
    if (l->udp_peer.ip.family) {
        vc_endpoint_key(&l->udp_peer, key);
        (void)vc_map_put(&w->by_peer, key, l);
    }
}

int vc_live_start(struct vc_worker *w, struct vc_session *s, int fd, const uint8_t *plain, size_t plain_len,
                  const uint8_t *cipher, size_t cipher_len, struct vc_fail *fail)
{
    struct vc_liveness live;
    uint64_t now = vc_worker_now(w);
    int8_t jitter[2];
    struct vc_live *old = vc_live_find(w, s->facts.id);
    struct vc_live *l = calloc(1, sizeof(*l));
    if (!l)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "session");
    l->w = w;
    l->fd = -1;
    l->timer.owner = l;
    l->s = *s;
    w->conf.random(jitter, sizeof(jitter));
    vc_liveness_init(&live, w->conf.end, false, s->facts.dpd_s, s->facts.keepalive_s, jitter[0] % 11, now);
    vc_cstp_init(&l->s.cstp, &live, false, false, s->facts.bye_is_logout);
    vc_liveness_init(&live, w->conf.end, w->conf.end == VC_END_CLIENT, s->facts.dpd_s, s->facts.keepalive_s,
                     jitter[1] % 11, now);
    vc_cstp_init(&l->s.dtls, &live, true, false, s->facts.bye_is_logout);
    vc_fallback_init(&l->s.fallback, s->facts.terms.mode != VC_DTLS_MODE_NONE, s->facts.switch_to_tcp_s, now);
    l->s.rekey_ns = now;
    if (l->s.data_ns == 0) /* else it was idle elsewhere already */
        l->s.data_ns = now;
    if (make_room(l) != 0 || vc_tcp_lane_open(l, fd, fail) != 0 || vc_udp_lane_resume(l, fail) != 0) {
        forget(l);
        l->fd = -1; /* stays the caller's */
        destroy(l);
        return fail->cause ? -1 : vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "session");
    }
    if (old) { /* only now: what cannot be taken up replaces nothing */
        struct vc_fail why;
        vc_fail_set(&why, VC_CAUSE_CSTP_REPLACED, 0, "generation %u", s->facts.generation);
        vc_live_end(old, VC_LIVE_CLOSED, NULL, &why);
    }
    enter(l);
    vc_session_wipe(s);
    vc_tcp_lane_begin(l, plain, plain_len, cipher, cipher_len);
    vc_worker_flush(w);
    vc_live_rearm(l);
    return 0;
}

uint64_t vc_worker_due(const struct vc_worker *w)
{
    const struct vc_heap_node *first = vc_heap_first(&w->timers);
    return first ? first->due : VC_NEVER;
}

static void end_with(struct vc_live *l, enum vc_live_end how, enum vc_cause cause, const char *bye)
{
    struct vc_fail why;
    vc_fail_set(&why, cause, 0, "%s", "");
    vc_live_end(l, how, bye, &why);
}

static void tick_live(struct vc_live *l, uint64_t now)
{
    const struct vc_session_facts *f = &l->s.facts;
    if (l->closing) {
        destroy(l);
        return;
    }
    if (f->end_ns && f->end_ns <= now) {
        end_with(l, VC_LIVE_OVER, VC_CAUSE_SESSION_TIMEOUT, "Max time exceeded");
        return;
    }
    if (f->idle_s && l->s.data_ns + f->idle_s * 1000000000ULL <= now) {
        end_with(l, VC_LIVE_OVER, VC_CAUSE_IDLE_TIMEOUT, "Idle Timeout");
        return;
    }
    if (l->stuck_ns && l->stuck_ns + VC_TCP_SLOW_S * 1000000000ULL <= now) {
        l->cut = true;
        end_with(l, VC_LIVE_LOST, VC_CAUSE_CSTP_SLOW_PEER, NULL);
        return;
    }
    vc_udp_lane_tick(l, now);
    vc_tcp_lane_tick(l, now);
    if (!l->closing)
        vc_live_rearm(l);
}

void vc_worker_tick(struct vc_worker *w, uint64_t now_ns)
{
    struct vc_heap_node *first;
    unsigned n = 0;
    while ((first = vc_heap_first(&w->timers)) && first->due <= now_ns && n++ < 1024) {
        struct vc_live *l = first->owner;
        tick_live(l, now_ns); // NOLINT(clang-analyzer-unix.Malloc): what is destroyed has left the heap
    }
    vc_worker_flush(w);
}

void vc_worker_frame(struct vc_worker *w, uint8_t *frame, size_t len)
{
    vc_tun_lane_frame(w, frame, len, true);
    vc_worker_flush(w);
}

enum vc_worker_at vc_worker_train(struct vc_worker *w, struct vc_udp_train *train, bool taken)
{
    w->taken = taken;
    vc_udp_lane_train(w, train, true);
    w->taken = false;
    vc_worker_flush(w);
    return vc_worker_at(w, &train->peer);
}
