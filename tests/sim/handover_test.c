/* The hand-over as a tunnel process sees it (2-tunnel.md 17): the real program, with a test in the place of the
 * supervisor, the authority, two portals and the clients. Whoever dies between which two messages: a channel that was
 * not given for good sends no byte, its connection ends, and no fd stays behind. */
#include "process.h"
#include "rig.h"

#include <sys/resource.h>

#define PORTALS 2

struct world {
    struct process p;
    int authority, portal[PORTALS], tun;
    struct rig rig; /* only what clients need of one */
};

/** All that it needs is said but START. */
static void prepare(struct world *w)
{
    static const uint8_t key[32] = {1};
    int tun[2];
    *w = (struct world){.authority = -1, .portal = {-1, -1}, .tun = -1};
    w->rig.random = 0x1234567;
    rig_now = &w->rig;
    w->rig.n_fds = count_fds();
    process_start(&w->p, VC_ROLE_TUNNEL, VC_TUNNEL_PROGRAM);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, tun), 0);
    w->tun = tun[0];
    struct vc_msg m = {.type = VC_IPC_TUNNEL_SETUP,
                       .TUNNEL_SETUP = {.count = 1, .cookie_key = {.at = key, .len = sizeof(key)}}};
    process_say(&w->p, w->p.supervisor, VC_ROLE_SUPERVISOR, &m, -1);
    m = (struct vc_msg){.type = VC_IPC_TUN_QUEUE, .TUN_QUEUE = {.device = VC_STR("test")}};
    process_say(&w->p, w->p.supervisor, VC_ROLE_SUPERVISOR, &m, tun[1]);
    (void)close(tun[1]);
    process_introduce(&w->p, VC_ROLE_AUTHORITY, 0, &w->authority);
    for (uint16_t i = 0; i < PORTALS; i++)
        process_introduce(&w->p, VC_ROLE_PORTAL, i, &w->portal[i]);
}

static void start(struct world *w)
{
    prepare(w);
    process_go(&w->p);
}

static void stopped(struct world *w)
{
    process_stopped(&w->p);
    close_fd(&w->authority);
    close_fd(&w->portal[0]);
    close_fd(&w->portal[1]);
    close_fd(&w->tun);
    assert_int_equal(count_fds(), w->rig.n_fds);
}

static void stop(struct world *w)
{
    if (w->p.pid > 0)
        process_tell_stop(&w->p);
    stopped(w);
}

/** The tunnel process has served all that was said to it before, on whatever port. */
static void settle(struct world *w)
{
    static const uint8_t nobody[16] = {0xff};
    for (int i = 0; i < PORTALS; i++) {
        int pair[2];
        if (w->portal[i] < 0)
            continue;
        const struct vc_msg m = {.type = VC_IPC_ADOPT, .ADOPT = {.ticket = {.at = nobody, .len = sizeof(nobody)}}};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        process_say(&w->p, w->portal[i], VC_ROLE_PORTAL, &m, pair[1]);
        (void)close(pair[1]);
        const struct vc_msg *a = process_expect(&w->p, w->portal[i], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
        assert_memory_equal(a->NOT_ADOPTED.ticket.at, nobody, sizeof(nobody));
        (void)close(pair[0]);
    }
}

static unsigned its_fds(const struct world *w)
{
    char path[64];
    unsigned n = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", w->p.pid);
    DIR *d = opendir(path);
    if (!d)
        return 0; /* not root: nobody may look */
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

/* ---- sessions on their way ---- */

static const uint8_t tickets[4][16] = {"ticket number 0", "ticket number 1", "ticket number 2", "ticket number 3"};

static struct vc_msg expect_of(const struct client *c, int ticket, uint32_t generation)
{
    const struct vc_session_facts *f = &c->s.facts;
    return (struct vc_msg){.type = VC_IPC_EXPECT,
                           .EXPECT = {.ticket = {.at = tickets[ticket], .len = 16},
                                      .session = f->id,
                                      .generation = generation,
                                      .v4 = f->v4,
                                      .v6 = f->v6,
                                      .v6_len = 128,
                                      .cstp_mtu = f->cstp_mtu,
                                      .dpd_s = 30,
                                      .keepalive_s = 20}};
}

static void announce(struct world *w, const struct client *c, int ticket, uint32_t generation)
{
    const struct vc_msg m = expect_of(c, ticket, generation);
    process_say(&w->p, w->authority, VC_ROLE_AUTHORITY, &m, -1);
}

/** The portal gives the connection away, and keeps nothing of it. What lies behind the CONNECT head asks for an answer,
 *  both in the clear and sealed: whoever sends too early shows it. */
static void bring(struct world *w, int portal, struct client *c, int ticket)
{
    struct buf *b = calloc(1, sizeof(*b));
    uint8_t packed[VC_CHANNEL_PACKED_MAX], plain[64];
    struct vc_writer wr = vc_writer_to(packed, sizeof(packed));
    int pair[2];
    vc_channel_pack(&c->s.tcp, &wr);
    size_t plain_len = frame_of(plain, VC_CSTP_DPD_REQ, "clear", 5);
    put_frame(c, b, VC_CSTP_DPD_REQ, "sealed", 6);
    const struct vc_msg m = {.type = VC_IPC_ADOPT,
                             .ADOPT = {.ticket = {.at = tickets[ticket], .len = 16},
                                       .channel = {.at = packed, .len = vc_written(&wr)},
                                       .plain = {.at = plain, .len = plain_len},
                                       .cipher = {.at = b->at, .len = b->len}}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    c->fd = pair[0];
    process_say(&w->p, w->portal[portal], VC_ROLE_PORTAL, &m, pair[1]);
    (void)close(pair[1]);
    free(b);
}

static void adopted(struct world *w, int portal, int ticket)
{
    const struct vc_msg *m = process_expect(&w->p, w->portal[portal], VC_ROLE_PORTAL, VC_IPC_ADOPTED, NULL);
    assert_memory_equal(m->ADOPTED.ticket.at, tickets[ticket], 16);
}

static void give(struct world *w, int portal, int ticket)
{
    const struct vc_msg m = {.type = VC_IPC_OWN, .OWN = {.ticket = {.at = tickets[ticket], .len = 16}}};
    process_say(&w->p, w->portal[portal], VC_ROLE_PORTAL, &m, -1);
}

static bool readable(const struct client *c, int ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static void wait_frame(struct client *c, uint8_t type, const char *payload, size_t len)
{
    while (c->n_taken == c->n_got && readable(c, PATIENCE_MS) && !c->eof)
        client_read(c);
    expect_frame(c, type, payload, len);
}

/** The connection ends without a byte; at once, not when OWN is waited for no longer. */
static void expect_silence(struct client *c)
{
    uint8_t byte;
    assert_true(readable(c, 5000));
    assert_int_equal(recv(c->fd, &byte, 1, MSG_DONTWAIT), 0);
}

/** Nothing was sent, and the connection is there. */
static void expect_patience(struct world *w, struct client *c)
{
    settle(w);
    assert_false(readable(c, 0));
}

/** It is up: what was behind the head is answered, in order, under the next record numbers, and packets flow. */
static void expect_up(struct world *w, struct client *c, uint32_t generation)
{
    const struct vc_msg *m = process_expect(&w->p, w->authority, VC_ROLE_AUTHORITY, VC_IPC_UP, NULL);
    uint8_t packet[200], got[2048];
    struct pollfd p = {.fd = w->tun, .events = POLLIN};
    assert_int_equal(m->UP.session, c->s.facts.id);
    assert_int_equal(m->UP.generation, generation);
    wait_frame(c, VC_CSTP_DPD_RESP, "clear", 5);
    wait_frame(c, VC_CSTP_DPD_RESP, "sealed", 6);
    size_t n = packet_of(packet, (uint8_t)c->s.facts.id, 99, 20, 1);
    struct buf *b = calloc(1, sizeof(*b));
    put_frame(c, b, VC_CSTP_DATA, packet, n);
    assert_int_equal(send(c->fd, b->at, b->len, MSG_NOSIGNAL), b->len);
    free(b);
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(w->tun, got, sizeof(got), 0), VC_TUN_HDR + n);
    assert_memory_equal(got + VC_TUN_HDR, packet, n);
}

static void expect_down(struct world *w, uint64_t session, uint32_t generation, enum vc_down_how how)
{
    const struct vc_msg *m = process_expect(&w->p, w->authority, VC_ROLE_AUTHORITY, VC_IPC_DOWN, NULL);
    assert_int_equal(m->DOWN.session, session);
    assert_int_equal(m->DOWN.generation, generation);
    assert_int_equal(m->DOWN.how, how);
}

/* ---- tests ---- */

static void in_order(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    unsigned before = its_fds(&w);
    for (int k = 0; k < RIG_N_KINDS; k++) {
        struct client *c = client_new(&w.rig, (enum rig_kind)k, (uint8_t)(10 + k));
        announce(&w, c, 0, 1);
        bring(&w, 0, c, 0);
        adopted(&w, 0, 0);
        expect_patience(&w, c);
        give(&w, 0, 0);
        expect_up(&w, c, 1);
        assert_true(before == 0 || its_fds(&w) == before + 1);
        close_fd(&c->fd);
        expect_down(&w, c->s.facts.id, 1, VC_DOWN_LOST);
        client_free(c);
    }
    settle(&w);
    assert_true(before == 0 || its_fds(&w) <= before + 1); /* the last one may not be closed yet */
    stop(&w);
}

/* ADOPT may overtake EXPECT: they come over different channels. Without EXPECT there is nothing to adopt. */
static void announced_late_or_never(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct client *c = client_new(&w.rig, RIG_13_AES128, 7), *d = client_new(&w.rig, RIG_13_AES128, 8);
    assert_int_equal(kill(w.p.pid, SIGSTOP), 0); /* so that both wait for it */
    announce(&w, c, 0, 1);
    bring(&w, 0, c, 0);
    assert_int_equal(kill(w.p.pid, SIGCONT), 0);
    adopted(&w, 0, 0);
    give(&w, 0, 0);
    expect_up(&w, c, 1);
    bring(&w, 0, d, 1);
    (void)process_expect(&w.p, w.portal[0], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
    expect_silence(d);
    give(&w, 0, 1);
    settle(&w);
    client_free(c);
    client_free(d);
    stop(&w);
}

/* The supervisor may pause between PEER and START, and the neighbours speak at once. */
static void before_it_started(void **state)
{
    const struct vc_msg ping = {.type = VC_IPC_PING};
    struct world w;
    (void)state;
    prepare(&w);
    struct client *c = client_new(&w.rig, RIG_13_AES128, 7);
    announce(&w, c, 0, 1);
    bring(&w, 0, c, 0);
    for (int turn = 0; turn < 2; turn++) { /* in the second one whatever it would read is read */
        process_say(&w.p, w.p.supervisor, VC_ROLE_SUPERVISOR, &ping, -1);
        (void)process_expect(&w.p, w.p.supervisor, VC_ROLE_SUPERVISOR, VC_IPC_PONG, NULL);
    }
    process_introduce(&w.p, VC_ROLE_PORTAL, 1, &w.portal[1]); /* in the place of the one before */
    process_go(&w.p);
    adopted(&w, 0, 0);
    give(&w, 0, 0);
    expect_up(&w, c, 1);
    settle(&w);
    client_free(c);
    stop(&w);
}

static void out_of_order(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct client *c = client_new(&w.rig, RIG_12_AES128, 7), *d = client_new(&w.rig, RIG_12_AES128, 7);
    announce(&w, c, 0, 1);
    settle(&w);
    give(&w, 0, 0); /* nothing is there yet */
    bring(&w, 0, c, 0);
    adopted(&w, 0, 0);
    expect_patience(&w, c);
    give(&w, 1, 0); /* another portal knows the ticket */
    expect_patience(&w, c);
    bring(&w, 1, d, 0); /* and brings a connection of its own */
    (void)process_expect(&w.p, w.portal[1], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
    expect_silence(d);
    expect_patience(&w, c);
    give(&w, 0, 0);
    expect_up(&w, c, 1);
    give(&w, 0, 0); /* twice */
    settle(&w);
    client_free(d);
    d = client_new(&w.rig, RIG_12_AES128, 7);
    bring(&w, 0, d, 0); /* the ticket is used up */
    (void)process_expect(&w.p, w.portal[0], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
    expect_silence(d);
    client_free(c);
    client_free(d);
    stop(&w);
}

/* The portal dies, or is replaced, between each two messages. */
static void portal_dies(void **state)
{
    (void)state;
    for (int replaced = 0; replaced < 2; replaced++) {
        for (int at = 0; at < 4; at++) {
            struct world w;
            start(&w);
            struct client *c = client_new(&w.rig, RIG_13_CHACHA, 7);
            announce(&w, c, 0, 1);
            settle(&w);
            if (at > 0)
                bring(&w, 0, c, 0);
            if (at > 1)
                adopted(&w, 0, 0);
            if (at > 2)
                give(&w, 0, 0);
            if (!replaced)
                close_fd(&w.portal[0]);
            else
                process_introduce(&w.p, VC_ROLE_PORTAL, 0, &w.portal[0]);
            if (at == 0) { /* it was announced: the next portal may bring it */
                bring(&w, 1, c, 0);
                adopted(&w, 1, 0);
                give(&w, 1, 0);
                expect_up(&w, c, 1);
            } else if (at < 3) {
                expect_silence(c);
                give(&w, 1, 0);
                settle(&w);
            } else if (!replaced) {
                expect_up(&w, c, 1); /* it had given it for good */
            } else {                 /* its last word and its end race, either is right: all or nothing */
                (void)readable(c, PATIENCE_MS);
                client_read(c);
                assert_true(c->n_got > 0 || c->eof);
            }
            client_free(c);
            stop(&w);
        }
    }
}

/* The tunnel process dies between each two messages: the portal hears it, and the client gets nothing or all. */
static void tunnel_dies(void **state)
{
    (void)state;
    for (int at = 0; at < 3; at++) {
        struct world w;
        start(&w);
        struct client *c = client_new(&w.rig, RIG_12_CHACHA, 7);
        announce(&w, c, 0, 1);
        settle(&w);
        bring(&w, 0, c, 0);
        if (at > 0)
            adopted(&w, 0, 0);
        if (at > 1) {
            give(&w, 0, 0);
            expect_up(&w, c, 1);
        }
        process_kill(&w.p);
        if (at == 0) {
            const struct vc_msg *m;
            while ((m = process_hear(&w.p, w.portal[0], VC_ROLE_PORTAL, NULL)))
                assert_int_equal(m->type, VC_IPC_ADOPTED); /* it may have come so far */
        } else {
            assert_null(process_hear(&w.p, w.portal[0], VC_ROLE_PORTAL, NULL));
        }
        expect_silence(c);
        client_free(c);
        stop(&w);
    }
}

static void authority_takes_it_back(void **state)
{
    (void)state;
    for (int at = 0; at < 2; at++) {
        struct world w;
        start(&w);
        struct client *c = client_new(&w.rig, RIG_13_AES256, 7);
        const struct vc_msg close = {.type = VC_IPC_CLOSE,
                                     .CLOSE = {.session = 7, .generation = 1, .cause = VC_CAUSE_ADMIN}};
        const struct vc_msg other = {.type = VC_IPC_CLOSE,
                                     .CLOSE = {.session = 7, .generation = 2, .cause = VC_CAUSE_ADMIN}};
        announce(&w, c, 0, 1);
        settle(&w);
        bring(&w, 0, c, 0);
        adopted(&w, 0, 0);
        process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &other, -1);
        if (at == 1)
            process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &close, -1);
        if (at == 1) {
            expect_silence(c);
            give(&w, 0, 0);
            settle(&w);
        } else {
            give(&w, 0, 0);
            expect_up(&w, c, 1);
        }
        client_free(c);
        stop(&w);
    }
}

/* One session connects twice: the newer connection takes over, whichever is faster. */
static void the_newest_wins(void **state)
{
    (void)state;
    for (int newer_first = 0; newer_first < 2; newer_first++) {
        struct world w;
        start(&w);
        struct client *one = client_new(&w.rig, RIG_13_AES128, 7), *two = client_new(&w.rig, RIG_12_AES256, 7);
        announce(&w, one, 0, 1);
        announce(&w, two, 1, 2);
        settle(&w);
        bring(&w, 0, one, 0);
        bring(&w, 1, two, 1);
        adopted(&w, 0, 0);
        adopted(&w, 1, 1);
        if (newer_first) {
            give(&w, 1, 1);
            expect_up(&w, two, 2);
            give(&w, 0, 0);
            expect_silence(one);
        } else {
            give(&w, 0, 0);
            expect_up(&w, one, 1);
            give(&w, 1, 1);
            expect_up(&w, two, 2);
            expect_down(&w, 7, 1, VC_DOWN_REPLACED);
            assert_true(readable(one, PATIENCE_MS));
            expect_alert(one, 1, 0); /* and no DISCONNECT */
            expect_end(one);
        }
        settle(&w);
        client_free(one);
        client_free(two);
        stop(&w);
    }
}

/* A CONNECT that a newer one overtook is told as that, wherever it was on its way. */
static void overtaken(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct client *c[4];
    for (int i = 0; i < 4; i++)
        c[i] = client_new(&w.rig, RIG_13_AES128, 7);
    struct vc_msg close = {
        .type = VC_IPC_CLOSE,
        .CLOSE = {.session = 7, .generation = 1, .how = VC_CLOSE_QUIET, .cause = VC_CAUSE_CSTP_REPLACED}};
    announce(&w, c[0], 0, 1);
    process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &close, -1); /* the newer went to another process */
    settle(&w);
    bring(&w, 0, c[0], 0);
    const struct vc_msg *m = process_expect(&w.p, w.portal[0], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
    assert_memory_equal(m->NOT_ADOPTED.ticket.at, tickets[0], 16);
    assert_int_equal(m->NOT_ADOPTED.cause, VC_CAUSE_CSTP_REPLACED);
    expect_silence(c[0]);

    announce(&w, c[1], 1, 2);
    announce(&w, c[2], 2, 3);
    settle(&w);
    bring(&w, 1, c[2], 2);
    adopted(&w, 1, 2);
    give(&w, 1, 2);
    expect_up(&w, c[2], 3);
    bring(&w, 0, c[1], 1); /* the newer is up here already */
    m = process_expect(&w.p, w.portal[0], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
    assert_int_equal(m->NOT_ADOPTED.cause, VC_CAUSE_CSTP_REPLACED);
    expect_silence(c[1]);

    announce(&w, c[3], 3, 4);
    settle(&w);
    bring(&w, 0, c[3], 3);
    adopted(&w, 0, 3);
    close.CLOSE.generation = 4; /* held, not owned yet: nobody but us can tell it */
    process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &close, -1);
    expect_silence(c[3]);
    for (int i = 0; i < 4; i++)
        client_free(c[i]);
    stop(&w);
    assert_int_equal(process_events(&w.p, VC_EVENT_CSTP_DOWN, VC_CAUSE_CSTP_REPLACED), 1);
}

/* Nobody says OWN: the connection goes after 10 s, without a byte. */
static void forgotten(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct client *c = client_new(&w.rig, RIG_13_AES128, 7);
    announce(&w, c, 0, 1);
    settle(&w);
    bring(&w, 0, c, 0);
    adopted(&w, 0, 0);
    assert_true(readable(c, 15000));
    expect_silence(c);
    give(&w, 0, 0);
    settle(&w);
    client_free(c);
    stop(&w);
}

static void malformed(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    uint8_t packed[VC_CHANNEL_PACKED_MAX], junk[VC_CHANNEL_PACKED_MAX] = {1, 2, 3};
    struct client *honest = client_new(&w.rig, RIG_13_AES128, 9);
    announce(&w, honest, 3, 1);
    settle(&w);
    bring(&w, 1, honest, 3);
    adopted(&w, 1, 3);
    give(&w, 1, 3);
    expect_up(&w, honest, 1);
    for (int k = 0; k < 5; k++) {
        struct client *c = client_new(&w.rig, RIG_12_AES128, 7);
        struct vc_writer wr = vc_writer_to(packed, sizeof(packed));
        int pair[2];
        announce(&w, c, 0, 1);
        settle(&w);
        if (k == 3)
            c->s.tcp.kind = VC_CHANNEL_NONE;
        vc_channel_pack(&c->s.tcp, &wr);
        const struct vc_msg m = {
            .type = VC_IPC_ADOPT,
            .ADOPT = {.ticket = {.at = tickets[0], .len = 16},
                      .channel = {.at = k == 0 ? junk : packed, .len = k == 1 ? vc_written(&wr) - 1 : vc_written(&wr)},
                      .dtls_secret = {.at = junk, .len = k == 2 ? 48U : 0U}}}; /* without DTLS no secret */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        c->fd = pair[0];
        if (k < 4) {
            process_say(&w.p, w.portal[0], VC_ROLE_PORTAL, &m, pair[1]);
            (void)close(pair[1]);
            (void)process_expect(&w.p, w.portal[0], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
            const struct vc_msg close = {.type = VC_IPC_CLOSE, .CLOSE = {.session = 7, .generation = 1}};
            process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &close, -1); /* the ticket may be announced again */
        } else { /* not of the schema at all: the port ends, and whatever was on its way over it */
            (void)vc_fdpass_send(w.portal[0], junk, sizeof(junk), pair[1]);
            (void)close(pair[1]);
            assert_null(process_hear(&w.p, w.portal[0], VC_ROLE_PORTAL, NULL));
            close_fd(&w.portal[0]);
        }
        expect_silence(c);
        client_free(c);
    }
    struct buf *b = calloc(1, sizeof(*b));
    put_frame(honest, b, VC_CSTP_DPD_REQ, "still", 5);
    assert_int_equal(send(honest->fd, b->at, b->len, MSG_NOSIGNAL), b->len);
    wait_frame(honest, VC_CSTP_DPD_RESP, "still", 5);
    free(b);
    client_free(honest);
    stop(&w);
}

/* What the data path could not bear is not announced, as far as this process is concerned. */
static void announced_nonsense(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct client *c = client_new(&w.rig, RIG_12_AES128, 7);
    for (int k = 0; k < 6; k++) {
        struct vc_msg m = expect_of(c, k == 5 ? 1 : 0, 1);
        if (k == 0)
            m.EXPECT.cstp_mtu = 0;
        else if (k == 1)
            m.EXPECT.cstp_mtu = 20000;
        else if (k == 2)
            m.EXPECT.v6_len = 129;
        else if (k == 3)
            m.EXPECT.v4 = m.EXPECT.v6;
        else if (k == 4)
            m.EXPECT.ticket.len = 15;
        process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &m, -1);
        if (k == 5)
            process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &m, -1); /* twice the same */
    }
    settle(&w);
    bring(&w, 0, c, 0);
    (void)process_expect(&w.p, w.portal[0], VC_ROLE_PORTAL, VC_IPC_NOT_ADOPTED, NULL);
    expect_silence(c);
    client_free(c);
    c = client_new(&w.rig, RIG_12_AES128, 7);
    bring(&w, 0, c, 1);
    adopted(&w, 0, 1);
    give(&w, 0, 1);
    expect_up(&w, c, 1);
    close_fd(&c->fd);
    stop(&w);
    assert_int_equal(process_events(&w.p, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_IPC_MALFORMED), 6);
    client_free(c);
}

/* A packet for nobody, here or in a process beside: it is counted. */
static void for_nobody(void **state)
{
    struct world w;
    uint8_t frame[VC_TUN_HDR + 200] = {0};
    const size_t at = offsetof(struct vc_worker_counters, dropped_stray), last = at + 7;
    (void)state;
    start(&w);
    size_t n = packet_of(frame + VC_TUN_HDR, 99, 50, 20, 1);
    assert_int_equal(send(w.tun, frame, VC_TUN_HDR + n, 0), VC_TUN_HDR + n);
    for (unsigned dropped = 0, query = 1; dropped != 1; query++) {
        const struct vc_msg ask = {.type = VC_IPC_COUNT, .COUNT = {.query = query}};
        process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &ask, -1);
        const struct vc_msg *m = process_expect(&w.p, w.authority, VC_ROLE_AUTHORITY, VC_IPC_COUNTS, NULL);
        assert_int_equal(m->COUNTS.query, query);
        assert_int_equal(m->COUNTS.counters.len, sizeof(struct vc_worker_counters));
        dropped = m->COUNTS.counters.at[last];
        assert_true(query < 1000); /* it is asked again until the TUN was read */
    }
    stop(&w);
}

/* More announcements than any portal can bring: said once; and when there is room again, they are taken. */
static void announced_too_often(void **state)
{
    struct world w;
    uint8_t ticket[16] = {0};
    (void)state;
    start(&w);
    struct client *c = client_new(&w.rig, RIG_12_AES128, 7);
    for (unsigned i = 0; i < 4096 + 3; i++) {
        struct vc_msg m = expect_of(c, 0, 1 + i);
        memcpy(ticket, &i, sizeof(i));
        m.EXPECT.ticket.at = ticket;
        process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &m, -1);
        if (i % 16 == 0)
            settle(&w);
    }
    const struct vc_msg back = {.type = VC_IPC_CLOSE, .CLOSE = {.session = 7, .generation = 1}};
    process_say(&w.p, w.authority, VC_ROLE_AUTHORITY, &back, -1);
    announce(&w, c, 0, 5000);
    settle(&w);
    bring(&w, 0, c, 0);
    adopted(&w, 0, 0);
    give(&w, 0, 0);
    expect_up(&w, c, 5000);
    close_fd(&c->fd);
    stop(&w);
    assert_int_equal(process_events(&w.p, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_HANDOVERS_MAX), 1);
    client_free(c);
}

/* STOP: the client hears close_notify and the end, and what it sends meanwhile is no reason for a reset. It is waited
 * for, but not for one that does not go. */
static void stops_in_order(void **state)
{
    static const uint8_t bulk[1000];
    (void)state;
    for (int goes = 0; goes < 2; goes++) {
        struct world w;
        start(&w);
        struct client *c = client_new(&w.rig, RIG_13_AES128, 7);
        struct buf *b = calloc(1, sizeof(*b));
        announce(&w, c, 0, 1);
        settle(&w);
        bring(&w, 0, c, 0);
        adopted(&w, 0, 0);
        give(&w, 0, 0);
        expect_up(&w, c, 1);
        process_tell_stop(&w.p);
        while (!c->eof) {
            struct pollfd ready = {.fd = c->fd, .events = POLLIN};
            assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
            client_read(c);
        }
        expect_alert(c, 1, 0);
        for (int i = 0; i < 20; i++) {
            b->len = 0;
            put_frame(c, b, VC_CSTP_DATA, bulk, sizeof(bulk));
            assert_int_equal(send(c->fd, b->at, b->len, MSG_NOSIGNAL), b->len);
        }
        if (goes)
            close_fd(&c->fd);
        process_stopped(&w.p);
        close_fd(&c->fd);
        free(b);
        stopped(&w);
        client_free(c);
    }
}

/* A new authority hears what is up here; the tunnel did not notice. */
static void new_authority(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct client *c = client_new(&w.rig, RIG_13_AES128, 7);
    announce(&w, c, 0, 3);
    settle(&w);
    bring(&w, 0, c, 0);
    adopted(&w, 0, 0);
    give(&w, 0, 0);
    expect_up(&w, c, 3);
    process_introduce(&w.p, VC_ROLE_AUTHORITY, 0, &w.authority);
    const struct vc_msg *m = process_expect(&w.p, w.authority, VC_ROLE_AUTHORITY, VC_IPC_UP, NULL);
    assert_true(m->UP.session == 7 && m->UP.generation == 3);
    client_free(c);
    stop(&w);
}

/* Out of fds: this connection is lost, the portal and the sessions are not. */
static void out_of_fds(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct client *c = client_new(&w.rig, RIG_13_AES128, 7), *d = client_new(&w.rig, RIG_13_AES128, 8);
    struct rlimit all, few;
    announce(&w, c, 0, 1);
    announce(&w, d, 1, 1);
    settle(&w);
    bring(&w, 0, c, 0);
    adopted(&w, 0, 0);
    give(&w, 0, 0);
    expect_up(&w, c, 1);
    assert_int_equal(prlimit(w.p.pid, RLIMIT_NOFILE, NULL, &all), 0);
    few = all;
    few.rlim_cur = 3;
    assert_int_equal(prlimit(w.p.pid, RLIMIT_NOFILE, &few, NULL), 0);
    bring(&w, 0, d, 1);
    expect_silence(d); /* the fd never arrived */
    assert_int_equal(prlimit(w.p.pid, RLIMIT_NOFILE, &all, NULL), 0);
    settle(&w); /* the port is still there */
    struct buf *b = calloc(1, sizeof(*b));
    put_frame(c, b, VC_CSTP_DPD_REQ, "still", 5);
    assert_int_equal(send(c->fd, b->at, b->len, MSG_NOSIGNAL), b->len);
    wait_frame(c, VC_CSTP_DPD_RESP, "still", 5);
    free(b);
    client_free(c);
    client_free(d);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),          cmocka_unit_test(announced_late_or_never),
        cmocka_unit_test(out_of_order),      cmocka_unit_test(portal_dies),
        cmocka_unit_test(tunnel_dies),       cmocka_unit_test(authority_takes_it_back),
        cmocka_unit_test(the_newest_wins),   cmocka_unit_test(forgotten),
        cmocka_unit_test(malformed),         cmocka_unit_test(announced_nonsense),
        cmocka_unit_test(new_authority),     cmocka_unit_test(out_of_fds),
        cmocka_unit_test(for_nobody),        cmocka_unit_test(announced_too_often),
        cmocka_unit_test(stops_in_order),    cmocka_unit_test(overtaken),
        cmocka_unit_test(before_it_started),
    };
    return cmocka_run_group_tests_name("sim/handover", tests, NULL, NULL);
}
