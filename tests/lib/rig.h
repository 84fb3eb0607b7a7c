#ifndef VC_TESTS_RIG_H
#define VC_TESTS_RIG_H

/** A worker of the data path without a gateway: its TUN is a socket pair, its UDP socket lies on loopback, its clients
 * are driven by hand in the same process, and its clock is a variable. One turn of the loop at a time.
 *
 *      client fd ---- AF_UNIX stream ----+
 *      client UDP --- 127.0.0.x --------+--- worker --- AF_UNIX seqpacket --- rig.tun
 */
#include "table.h"

#include "datapath/worker.h"
#include "packets.h"
#include "proto/dtls_client.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RIG_API static inline __attribute__((unused))
#define RIG_SECOND 1000000000ULL
#define RIG_MTU 1400

struct rig {
    struct rig *door; /* see rig_options */
    struct vc_loop loop;
    ev_check clock;
    uint64_t now;
    struct vc_worker *w;
    int tun; /* the kernel's end */
    int udp; /* the worker's */
    struct vc_endpoint gateway;
    unsigned n_fds;
    uint64_t random; /* state of the worker's randomness */
    struct {
        uint64_t id;
        uint32_t generation;
        enum vc_live_end how;
        enum vc_cause cause;
    } told[64];
    unsigned n_told;
    struct {
        enum vc_event_id id;
        enum vc_cause cause;
    } events[4096];
    unsigned n_events, n_up, n_down, n_stray_frames, n_stray_hellos, n_stray_sealed, n_asked;
    bool claims;       /* a neighbour has every unknown address */
    bool no_neighbour; /* nobody takes stray packets */
};

/** What a client got: one per TLS record, or per DTLS record. */
struct got {
    uint8_t tls;  /* content type */
    uint8_t type; /* of the frame */
    size_t len;
    uint8_t *payload;
};

struct client {
    struct rig *rig;
    struct vc_session s; /* until rig_start */
    int fd;
    struct vc_tls_dir in, out;
    uint8_t raw[1 << 20];
    size_t raw_len;
    bool eof;
    struct got got[4096];
    size_t n_got, n_taken;

    int udp;
    struct vc_dtls_client handshake;
    struct vc_dtls_terms terms;
    struct vc_dtls_done keys;
    struct vc_dtls_out last; /* its own last flight, once it is complete */
};

/* ---- the rig ---- */

RIG_API unsigned count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static struct rig *rig_now; /* vc_worker_conf.random has no owner */

RIG_API void rig_random(void *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = (uint8_t)test_random(&rig_now->random);
}

RIG_API void rig_ended(void *owner, struct vc_live *live, enum vc_live_end how, const struct vc_fail *why)
{
    struct rig *r = owner;
    const struct vc_session *s = vc_live_session(live);
    assert_true(r->n_told < 64);
    r->told[r->n_told].id = s->facts.id;
    r->told[r->n_told].generation = s->facts.generation;
    r->told[r->n_told].how = how;
    r->told[r->n_told++].cause = why->cause;
    assert_int_not_equal(why->cause, VC_CAUSE_NONE);
    assert_int_not_equal(why->cause, VC_CAUSE_UNKNOWN);
}

RIG_API void rig_dtls(void *owner, struct vc_live *live, bool up)
{
    struct rig *r = owner;
    (void)live;
    if (up)
        r->n_up++;
    else
        r->n_down++;
}

RIG_API void rig_emit(void *owner, struct vc_event *e)
{
    struct rig *r = owner;
    assert_true(r->n_events < 4096);
    assert_int_not_equal(e->fail.cause, VC_CAUSE_UNKNOWN);
    if (e->outcome == VC_OUTCOME_FAILED || e->outcome == VC_OUTCOME_REFUSED)
        assert_int_not_equal(e->fail.cause, VC_CAUSE_NONE);
    r->events[r->n_events].id = e->id;
    r->events[r->n_events++].cause = e->fail.cause;
}

RIG_API unsigned count_events(const struct rig *r, enum vc_event_id id)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->n_events; i++)
        n += r->events[i].id == id;
    return n;
}

RIG_API void rig_tick_clock(struct ev_loop *ev, ev_check *check, int events)
{
    struct rig *r = check->data;
    (void)ev;
    (void)events;
    r->loop.now_ns = r->now;
}

RIG_API const struct vc_worker_ops *rig_ops(void);

struct rig_options {
    unsigned offloads;
    uint8_t dtls_cookie;
    bool no_udp;
    struct rig *door; /* another, to which the kernel gives what comes to the UDP socket, which they share */
    struct vc_prefix inner[2];
};

RIG_API struct rig *rig_new(struct rig_options o)
{
    struct rig *r = calloc(1, sizeof(*r));
    int pair[2], size = 4 << 20;
    bool gro;
    struct vc_fail fail;
    static const uint8_t key[32] = {7};
    r->n_fds = count_fds();
    r->now = 1000 * RIG_SECOND;
    r->random = 0x9e3779b97f4a7c15ULL;
    rig_now = r;
    assert_int_equal(vc_loop_init(&r->loop), 0);
    ev_check_init(&r->clock, rig_tick_clock);
    r->clock.data = r;
    ev_set_priority(&r->clock, EV_MAXPRI - 1); /* behind the loop's own reading, before the fds */
    ev_check_start(r->loop.ev, &r->clock);
    r->loop.now_ns = r->now;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i < 2; i++)
        (void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    r->tun = pair[0];
    int udp = -1;
    r->door = o.door;
    if (o.door) {
        udp = fcntl(o.door->udp, F_DUPFD_CLOEXEC, 0);
        assert_true(udp >= 0);
        r->gateway = o.door->gateway;
        r->now = o.door->now;
    } else if (!o.no_udp) {
        struct vc_endpoint any = {0};
        struct sockaddr_storage ss;
        socklen_t len = sizeof(ss);
        assert_true(vc_ip_parse(VC_STR("127.0.0.1"), &any.ip));
        udp = vc_udp_open(&any, &gro, &fail);
        assert_true(udp >= 0);
        assert_int_equal(getsockname(udp, (struct sockaddr *)&ss, &len), 0);
        assert_true(vc_endpoint_of(&ss, &r->gateway));
    }
    r->udp = udp;
    struct vc_worker_conf conf = {.end = VC_END_GATEWAY,
                                  .tun = pair[1],
                                  .udp = udp,
                                  .offloads = o.offloads,
                                  .dtls_cookie = o.dtls_cookie,
                                  .cookie_key = key,
                                  .inner = {o.inner[0], o.inner[1]},
                                  .random = rig_random};
    r->w = vc_worker_new(&r->loop, &conf, rig_ops(), r);
    assert_non_null(r->w);
    return r;
}

/** Everything that waits is served, at one moment. */
RIG_API void rig_turn(struct rig *r)
{
    for (int i = 0; i < 6; i++) {
        if (r->door) { /* first: it leaves nothing in the socket */
            r->now = r->now > r->door->now ? r->now : r->door->now;
            r->door->now = r->door->loop.now_ns = r->now;
            ev_run(r->door->loop.ev, EVRUN_NOWAIT);
            vc_worker_tick(r->door->w, r->now);
        }
        r->loop.now_ns = r->now;
        ev_run(r->loop.ev, EVRUN_NOWAIT);
        vc_worker_tick(r->w, r->now);
    }
}

/** Time passes, and whatever is due on the way happens when it is due. */
RIG_API void rig_pass(struct rig *r, uint64_t ns)
{
    uint64_t end = r->now + ns;
    for (int i = 0; vc_worker_due(r->w) <= end; i++) {
        assert_true(i < 20000); /* something is due for ever */
        if (vc_worker_due(r->w) > r->now)
            r->now = vc_worker_due(r->w);
        r->loop.now_ns = r->now;
        vc_worker_tick(r->w, r->now);
    }
    r->now = end;
    rig_turn(r);
}

/** The worker goes; nothing of it may be left. */
RIG_API void rig_free(struct rig *r)
{
    vc_worker_free(r->w);
    if (r->tun >= 0)
        (void)close(r->tun);
    ev_check_stop(r->loop.ev, &r->clock);
    vc_loop_deinit(&r->loop);
    assert_int_equal(count_fds(), r->n_fds);
    free(r);
}

/** A packet from the kernel. */
RIG_API void tun_put(struct rig *r, const uint8_t *packet, size_t len)
{
    static uint8_t frame[VC_TUN_FRAME_MAX];
    static const struct vc_super none;
    vc_tun_hdr_write(&none, frame);
    memcpy(frame + VC_TUN_HDR, packet, len);
    assert_int_equal(send(r->tun, frame, VC_TUN_HDR + len, 0), VC_TUN_HDR + len);
}

/** The next frame for the kernel; returns the length of its packet, 0: none. */
RIG_API size_t tun_get(struct rig *r, uint8_t *packet, struct vc_super *super)
{
    static uint8_t frame[VC_TUN_FRAME_MAX];
    struct vc_super unused;
    ssize_t n = recv(r->tun, frame, sizeof(frame), MSG_DONTWAIT);
    if (n < 0)
        return 0;
    size_t len = n > VC_TUN_HDR ? (size_t)n - VC_TUN_HDR : 0;
    assert_true(len > 0 && vc_tun_hdr_read(frame, super ? super : &unused));
    memcpy(packet, frame + VC_TUN_HDR, len);
    return len;
}

RIG_API unsigned tun_drain(struct rig *r)
{
    static uint8_t packet[65536];
    unsigned n = 0;
    while (tun_get(r, packet, NULL) > 0)
        n++;
    return n;
}

/** A UDP packet of @payload_len bytes between hosts 10.0.0.x. */
RIG_API size_t packet_of(uint8_t *out, uint8_t src, uint8_t dst, size_t payload_len, uint8_t fill)
{
    static uint8_t payload[65536];
    memset(payload, fill, payload_len);
    struct spec s = {.src = src,
                     .dst = dst,
                     .sport = 1000,
                     .dport = 2000,
                     .ttl = 64,
                     .payload = payload,
                     .payload_len = payload_len};
    return spec_build(&s, false, out);
}

/* ---- a client ---- */

enum rig_kind { RIG_12_AES128, RIG_12_AES256, RIG_12_CHACHA, RIG_13_AES128, RIG_13_AES256, RIG_13_CHACHA, RIG_N_KINDS };

RIG_API bool is_13(enum rig_kind kind)
{
    return kind >= RIG_13_AES128;
}

/** A client whose address is 10.0.0.@id, with a channel in the middle of its life. */
RIG_API struct client *client_new(struct rig *r, enum rig_kind kind, uint8_t id)
{
    static const enum vc_aead_alg algs[] = {VC_AEAD_AES_128_GCM, VC_AEAD_AES_256_GCM, VC_AEAD_CHACHA20_POLY1305};
    enum vc_aead_alg alg = algs[kind % 3];
    enum vc_hash hash = alg == VC_AEAD_AES_256_GCM ? VC_HASH_SHA384 : VC_HASH_SHA256;
    struct client *c = calloc(1, sizeof(*c));
    uint8_t a[48], b[48];
    assert_non_null(c);
    c->rig = r;
    c->fd = c->udp = -1;
    rig_random(a, sizeof(a));
    rig_random(b, sizeof(b));
    if (is_13(kind)) {
        assert_int_equal(vc_tls_dir_13(&c->out, alg, hash, a, 3), 0);
        assert_int_equal(vc_tls_dir_13(&c->in, alg, hash, b, 5), 0);
    } else {
        assert_int_equal(vc_tls_dirs_12(alg, hash, a, b, b + 16, &c->out, &c->in), 0);
        c->out.seq = 3;
        c->in.seq = 5;
        if (alg != VC_AEAD_CHACHA20_POLY1305) {
            c->out.explicit_next = 77;
            c->in.explicit_next = UINT64_MAX - 1; /* runs over in the test */
        }
    }
    c->s = (struct vc_session){
        .facts = {.id = id, .generation = 1, .v6_len = 128, .cstp_mtu = RIG_MTU, .dpd_s = 30, .keepalive_s = 20},
        .tcp = {.kind = is_13(kind) ? VC_CHANNEL_TLS_1_3 : VC_CHANNEL_TLS_1_2, .mtu = RIG_MTU}};
    c->s.facts.v4 = (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {10, 0, 0, id}};
    c->s.facts.v6 = (struct vc_ip){.family = VC_FAMILY_V6, .bytes = {0xfd, [15] = id}};
    c->s.tcp.peer = (struct vc_endpoint){.ip = {.family = VC_FAMILY_V4, .bytes = {127, 0, 0, 1}}, .port = 40000};
    c->s.tcp.tls.in = c->out;
    c->s.tcp.tls.out = c->in;
    return c;
}

/** With DTLS: before rig_start. */
RIG_API void client_terms(struct client *c, enum vc_dtls_mode mode, uint16_t suite)
{
    c->terms = (struct vc_dtls_terms){.mode = (uint8_t)mode, .suite = suite, .id_len = 32};
    rig_random(c->terms.secret, mode == VC_DTLS_MODE_PSK ? 32 : 48);
    rig_random(c->terms.id, sizeof(c->terms.id));
    c->s.facts.terms = c->terms;
    c->s.facts.dtls_mtu = RIG_MTU + 20;
}

RIG_API int try_start(struct client *c, const struct bytes *plain, const struct bytes *cipher, struct vc_fail *fail)
{
    int pair[2];
    struct bytes none = BYTES("");
    if (!plain)
        plain = &none;
    if (!cipher)
        cipher = &none;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    c->fd = pair[0];
    int r = vc_live_start(c->rig->w, &c->s, pair[1], plain->at, plain->len, cipher->at, cipher->len, fail);
    if (r != 0)
        (void)close(pair[1]);
    return r;
}

RIG_API struct vc_live *rig_start(struct client *c)
{
    struct vc_fail fail = {0};
    uint64_t id = c->s.facts.id;
    assert_int_equal(try_start(c, NULL, NULL, &fail), 0);
    assert_int_equal(c->s.facts.id, 0); /* moved, not copied */
    struct vc_live *l = vc_live_find(c->rig->w, id);
    assert_non_null(l);
    return l;
}

RIG_API void client_free(struct client *c)
{
    for (size_t i = 0; i < c->n_got; i++)
        free(c->got[i].payload);
    if (c->fd >= 0)
        (void)close(c->fd);
    if (c->udp >= 0)
        (void)close(c->udp);
    free(c);
}

struct buf {
    uint8_t at[1 << 20];
    size_t len;
};

RIG_API void put_record(struct client *c, struct buf *to, uint8_t type, const void *body, size_t len)
{
    uint8_t *at = to->at + to->len + vc_tls_head(&c->out);
    struct vc_tls_record rec = {.type = type, .body = at, .len = len};
    struct vc_aead *aead = vc_aead_new((enum vc_aead_alg)c->out.alg, c->out.key, VC_AEAD_AUTO);
    assert_true(to->len + len + 64 < sizeof(to->at));
    memcpy(at, body, len);
    assert_int_equal(vc_tls_seal(&c->out, aead, &rec, 1), 1);
    vc_aead_free(aead);
    to->len += rec.raw_len;
}

RIG_API size_t frame_of(uint8_t *out, uint8_t type, const void *payload, size_t len)
{
    assert_true(vc_cstp_header_write(out, type, len));
    if (len)
        memcpy(out + VC_CSTP_HEADER, payload, len);
    return VC_CSTP_HEADER + len;
}

RIG_API void put_frame(struct client *c, struct buf *to, uint8_t type, const void *payload, size_t len)
{
    static uint8_t frame[VC_CSTP_HEADER + VC_CSTP_PAYLOAD_MAX];
    put_record(c, to, VC_TLS_DATA, frame, frame_of(frame, type, payload, len));
}

RIG_API void send_all(struct client *c, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            rig_turn(c->rig);
            continue;
        }
        if (n < 0 && errno == EPIPE)
            return; /* closed meanwhile: the test looks at what came */
        assert_true(n > 0);
        bytes += n;
        len -= (size_t)n;
    }
}

RIG_API void send_record(struct client *c, uint8_t type, const void *body, size_t len)
{
    struct buf *b = calloc(1, sizeof(*b));
    put_record(c, b, type, body, len);
    send_all(c, b->at, b->len);
    free(b);
    rig_turn(c->rig);
}

RIG_API void send_frame(struct client *c, uint8_t type, const void *payload, size_t len)
{
    uint8_t frame[VC_CSTP_HEADER + VC_CSTP_PAYLOAD_MAX];
    send_record(c, VC_TLS_DATA, frame, frame_of(frame, type, payload, len));
}

RIG_API void keep_got(struct client *c, uint8_t tls, uint8_t type, const uint8_t *payload, size_t len)
{
    assert_true(c->n_got < 4096);
    c->got[c->n_got++] = (struct got){.tls = tls, .type = type, .len = len, .payload = exact(payload, len)};
}

/** Reads and opens whatever is there: opening in order, under keys of its own, is the proof that no number was used
 *  twice or left out. */
RIG_API void client_read(struct client *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, c->raw + c->raw_len, sizeof(c->raw) - c->raw_len, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            c->eof = true;
            break;
        }
        c->raw_len += (size_t)n;
        static struct vc_tls_record recs[8192];
        size_t used, want;
        enum vc_tls_fault fault;
        size_t found = vc_tls_scan(&c->in, c->raw, c->raw_len, recs, 8192, &used, &want, &fault);
        assert_int_equal(fault, VC_TLS_FINE);
        for (size_t i = 0; i < found;) {
            struct vc_aead *aead = vc_aead_new((enum vc_aead_alg)c->in.alg, c->in.key, VC_AEAD_AUTO);
            size_t opened = vc_tls_open(&c->in, aead, recs + i, found - i, &fault);
            vc_aead_free(aead);
            assert_int_equal(fault, VC_TLS_FINE);
            for (size_t k = i; k < i + opened; k++) {
                struct vc_cstp_frame f;
                if (recs[k].type == VC_TLS_DATA) {
                    assert_int_equal(vc_cstp_frame_read(recs[k].body, recs[k].len, &f), VC_CSTP_OK);
                    keep_got(c, VC_TLS_DATA, f.type, f.payload, f.len);
                } else {
                    keep_got(c, recs[k].type, 0xff, recs[k].body, recs[k].len);
                    if (recs[k].type == VC_TLS_HANDSHAKE && c->in.version == VC_TLS_1_3)
                        assert_int_equal(vc_tls_key_update(&c->in), 0);
                }
            }
            i += opened;
        }
        memmove(c->raw, c->raw + used, c->raw_len - used);
        c->raw_len -= used;
    }
}

/** The next thing that came; NULL: nothing. */
RIG_API const struct got *next_got(struct client *c)
{
    client_read(c);
    return c->n_taken < c->n_got ? &c->got[c->n_taken++] : NULL;
}

RIG_API void expect_frame(struct client *c, uint8_t type, const void *payload, size_t len)
{
    const struct got *g = next_got(c);
    assert_non_null(g);
    assert_int_equal(g->tls, VC_TLS_DATA);
    assert_int_equal(g->type, type);
    assert_int_equal(g->len, len);
    if (len)
        assert_memory_equal(g->payload, payload, len);
}

RIG_API void expect_alert(struct client *c, uint8_t level, uint8_t description)
{
    const struct got *g = next_got(c);
    assert_non_null(g);
    assert_int_equal(g->tls, VC_TLS_ALERT);
    assert_int_equal(g->len, 2);
    assert_int_equal(g->payload[0], level);
    assert_int_equal(g->payload[1], description);
}

RIG_API void expect_nothing(struct client *c)
{
    assert_null(next_got(c));
}

RIG_API void expect_end(struct client *c)
{
    assert_null(next_got(c));
    assert_true(c->eof);
}

/** The session was told to be over, once, and the connection is. */
RIG_API void expect_told(struct rig *r, uint64_t id, enum vc_live_end how, enum vc_cause cause)
{
    assert_int_equal(r->n_told, 1);
    assert_int_equal(r->told[0].id, id);
    assert_int_equal(r->told[0].how, how);
    assert_int_equal(r->told[0].cause, cause);
    assert_null(vc_live_find(r->w, id));
    r->n_told = 0;
}

/* ---- its DTLS ---- */

/** A socket at 127.0.0.@host, any port but that of the one before. */
RIG_API void client_udp(struct client *c, uint8_t host)
{
    struct sockaddr_storage to;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000U | host)};
    int before = c->udp; /* it has its port until the new one has another */
    c->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(c->udp >= 0 && bind(c->udp, (struct sockaddr *)&at, sizeof(at)) == 0);
    if (before >= 0)
        (void)close(before);
    socklen_t len = vc_sockaddr_of(&c->rig->gateway, AF_INET, &to);
    assert_int_equal(connect(c->udp, (struct sockaddr *)&to, len), 0);
}

RIG_API void udp_put(struct client *c, const uint8_t *bytes, size_t len)
{
    assert_int_equal(send(c->udp, bytes, len, 0), len);
}

/** 0: nothing came. */
RIG_API size_t udp_get(struct client *c, uint8_t *to, size_t cap)
{
    ssize_t n = recv(c->udp, to, cap, MSG_DONTWAIT);
    return n < 0 ? 0 : (size_t)n;
}

/** A ClientHello goes out. */
RIG_API void dtls_hello(struct client *c)
{
    uint8_t random[VC_DTLS_RANDOM];
    struct vc_dtls_out out = {0};
    rig_random(random, sizeof(random));
    assert_int_equal(vc_dtls_client_start(&c->handshake, &c->terms, random, 5, c->rig->now, &out, NULL), 0);
    udp_put(c, out.datagram, out.len);
}

/** Takes what came for the handshake; returns the last step. @last: its own last flight is sent. */
RIG_API int dtls_step(struct client *c, bool last)
{
    uint8_t in[2048];
    size_t len;
    int step = VC_DTLS_STEP_MORE;
    rig_turn(c->rig);
    while (step == VC_DTLS_STEP_MORE && (len = udp_get(c, in, sizeof(in))) > 0) {
        struct vc_dtls_out out = {0};
        struct vc_fail fail = {0};
        step = vc_dtls_client_datagram(&c->handshake, in, len, c->rig->now, &out, &c->keys, &fail);
        if (step == VC_DTLS_STEP_COMPLETE)
            c->last = out;
        if (out.len > 0 && (last || step != VC_DTLS_STEP_COMPLETE))
            udp_put(c, out.datagram, out.len);
        rig_turn(c->rig);
    }
    return step;
}

RIG_API void dtls_handshake(struct client *c)
{
    dtls_hello(c);
    assert_int_equal(dtls_step(c, true), VC_DTLS_STEP_COMPLETE);
    rig_pass(c->rig, 301 * (RIG_SECOND / 1000)); /* the gateway holds data back while a client may probe its MTU */
}

/** Seals one record; returns its length. */
RIG_API size_t dtls_seal(struct client *c, uint8_t record, uint8_t type, const void *payload, size_t len, uint8_t *to,
                         size_t cap)
{
    static uint8_t plain[VC_DTLS_PLAIN_MAX];
    struct vc_writer w = vc_writer_to(to, cap);
    plain[0] = type;
    if (len)
        memcpy(plain + 1, payload, len);
    vc_dtls_put_sealed(&w, &c->keys.send, NULL, record, plain, 1 + len);
    assert_false(w.bad);
    return vc_written(&w);
}

RIG_API void dtls_send(struct client *c, uint8_t type, const void *payload, size_t len)
{
    uint8_t bytes[20000];
    udp_put(c, bytes, dtls_seal(c, VC_DTLS_DATA, type, payload, len, bytes, sizeof(bytes)));
    rig_turn(c->rig);
}

/** Opens the next record that came over UDP into @to: type byte and payload. Returns its length; 0: nothing came. */
RIG_API size_t dtls_recv(struct client *c, uint8_t *to, uint8_t *record)
{
    static uint8_t in[65536];
    static struct vc_dtls_walk walk;
    struct vc_dtls_record rec;
    size_t len = 0;
    if (walk.left == 0 && (len = udp_get(c, in, sizeof(in))) > 0)
        walk = vc_dtls_walk_of(in, len);
    if (walk.left == 0 || !vc_dtls_next(&walk, &rec))
        return 0;
    assert_true(vc_dtls_open_one(&c->keys.recv, &c->keys.window, &rec));
    if (record)
        *record = rec.type;
    memcpy(to, rec.body, rec.len);
    return rec.len;
}

RIG_API void expect_dtls(struct client *c, uint8_t type, const void *payload, size_t len)
{
    static uint8_t plain[VC_DTLS_PLAIN_MAX];
    size_t n = dtls_recv(c, plain, NULL);
    assert_int_equal(n, 1 + len);
    assert_int_equal(plain[0], type);
    if (len)
        assert_memory_equal(plain + 1, payload, len);
}

/* ---- ops ---- */

RIG_API bool rig_stray_frame(void *owner, const uint8_t *frame, size_t len, const struct vc_ip *to)
{
    struct rig *r = owner;
    (void)frame;
    (void)len;
    (void)to;
    r->n_stray_frames++;
    return !r->no_neighbour;
}

RIG_API bool rig_claimed(void *owner, const struct vc_udp_train *train)
{
    struct rig *r = owner;
    (void)train;
    r->n_asked++;
    return r->claims;
}

RIG_API bool rig_stray_datagram(void *owner, const struct vc_udp_train *train, bool hello)
{
    struct rig *r = owner;
    (void)train;
    if (hello)
        r->n_stray_hellos++;
    else
        r->n_stray_sealed++;
    return hello;
}

RIG_API const struct vc_worker_ops *rig_ops(void)
{
    static const struct vc_worker_ops ops = {.ended = rig_ended,
                                             .dtls = rig_dtls,
                                             .stray_frame = rig_stray_frame,
                                             .claimed = rig_claimed,
                                             .stray_datagram = rig_stray_datagram,
                                             .emit = rig_emit};
    return &ops;
}

#endif
