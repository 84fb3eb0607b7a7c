/* Two ports over one pair of sockets in one process: order, fds, a slow peer, a peer that breaks the schema. */
#include "ipc/port.h"

#include "sys/fdpass.h"
#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct vc_loop loop;

static int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

/** What one end has heard. */
struct heard {
    unsigned n, n_fds;
    uint64_t last; /* number in the last message: each is one above it */
    bool out_of_order;
    unsigned lost, malformed;
    ino_t inode; /* of the last fd */
    void (*then)(struct vc_port *p);
};

static void handle(struct vc_port *p, const struct vc_msg *m, int fd)
{
    struct heard *h = p->owner;
    h->n++;
    if (m->type == VC_IPC_SIGN || m->type == VC_IPC_SIGNED) {
        uint64_t number = m->type == VC_IPC_SIGN ? m->SIGN.handshake : m->SIGNED.handshake;
        if (number != h->last + 1)
            h->out_of_order = true;
        h->last = number;
    }
    if (fd >= 0) {
        struct stat st;
        h->n_fds++;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        h->inode = st.st_ino;
        (void)close(fd);
    }
    if (h->then)
        h->then(p);
}

static void lost(struct vc_port *p, bool malformed)
{
    struct heard *h = p->owner;
    assert_false(vc_port_is_open(p));
    h->lost++;
    h->malformed += malformed;
}

/** A port of @self to @peer at one end; the raw other end is returned. */
static int half(struct vc_port *p, enum vc_role self, enum vc_role peer, struct heard *h)
{
    int fds[2];
    assert_int_equal(vc_fdpass_pair(fds), 0);
    vc_port_open(p, &loop, fds[0], self, peer, 3, handle, lost, h);
    return fds[1];
}

static void turns(int n)
{
    while (n-- > 0)
        ev_run(loop.ev, EVRUN_NOWAIT);
}

static struct vc_msg sign(uint64_t number, size_t len)
{
    static uint8_t tbs[4300];
    return (struct vc_msg){.type = VC_IPC_SIGN, .SIGN = {.handshake = number, .tbs = {.at = tbs, .len = len}}};
}

static int before;

static int setup(void **state)
{
    (void)state;
    before = count_fds();
    return vc_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    vc_loop_deinit(&loop);
    int after = count_fds();
    if (after != before)
        (void)fprintf(stderr, "fds: %d before, %d after\n", before, after);
    return after == before ? 0 : -1;
}

static void pair(struct vc_port *portal, struct heard *at_portal, struct vc_port *signer, struct heard *at_signer)
{
    int fds[2];
    assert_int_equal(vc_fdpass_pair(fds), 0);
    vc_port_open(portal, &loop, fds[0], VC_ROLE_PORTAL, VC_ROLE_SIGNER, 0, handle, lost, at_portal);
    vc_port_open(signer, &loop, fds[1], VC_ROLE_SIGNER, VC_ROLE_PORTAL, 7, handle, lost, at_signer);
}

static void messages_arrive_in_order(void **state)
{
    struct vc_port portal, signer;
    struct heard at_portal = {0}, at_signer = {0};
    (void)state;
    pair(&portal, &at_portal, &signer, &at_signer);
    assert_int_equal(signer.index, 7);
    for (uint64_t i = 1; i <= 200; i++) {
        struct vc_msg m = sign(i, i);
        struct vc_msg back = {.type = VC_IPC_SIGNED, .SIGNED = {.handshake = i, .ok = 1}};
        assert_int_equal(vc_port_send(&portal, &m, -1), 0);
        assert_int_equal(vc_port_send(&signer, &back, -1), 0);
    }
    turns(1);
    assert_true(at_signer.n > 0 && at_signer.n < 200); /* one peer does not hold the loop */
    turns(20);
    assert_int_equal(at_signer.n, 200);
    assert_int_equal(at_portal.n, 200);
    assert_false(at_signer.out_of_order || at_portal.out_of_order);
    vc_port_close(&portal);
    vc_port_close(&portal); /* harmless */
    assert_int_equal(at_portal.lost, 0);
    turns(2);
    assert_int_equal(at_signer.lost, 1);
    assert_int_equal(at_signer.malformed, 0);
    assert_false(vc_port_is_open(&signer));
    struct vc_msg m = sign(1, 1);
    assert_int_equal(vc_port_send(&portal, &m, -1), -1); /* does nothing */
}

static void a_slow_peer_gets_all_of_it(void **state)
{
    struct vc_port portal, signer;
    struct heard at_portal = {0}, at_signer = {0};
    uint64_t n = 0;
    (void)state;
    pair(&portal, &at_portal, &signer, &at_signer);
    vc_watch_set(&signer.watch, false, false); /* it does not read */
    while (portal.queued < 500000) {
        struct vc_msg m = sign(++n, 4300);
        assert_int_equal(vc_port_send(&portal, &m, -1), 0);
    }
    struct vc_msg m = sign(n + 1, 10);
    assert_int_equal(vc_port_offer(&portal, &m), 1); /* rather dropped than overtaking */
    turns(5);
    assert_true(portal.queued > 400000);
    vc_watch_set(&signer.watch, true, false);
    for (int i = 0; i < 1000 && at_signer.n < n; i++)
        turns(1);
    assert_int_equal(at_signer.n, n);
    assert_false(at_signer.out_of_order);
    assert_int_equal(portal.queued, 0);
    assert_null(portal.queue);
    m = sign(++n, 10);
    assert_int_equal(vc_port_offer(&portal, &m), 0);
    turns(1);
    assert_int_equal(at_signer.last, n);
    vc_port_close(&portal);
    vc_port_close(&signer);
}

static void a_peer_that_stops_reading_is_cut(void **state)
{
    struct vc_port portal;
    struct heard h = {0};
    int other = half(&portal, VC_ROLE_PORTAL, VC_ROLE_SIGNER, &h);
    unsigned n = 0;
    (void)state;
    while (h.lost == 0 && n < 5000) {
        struct vc_msg m = sign(++n, 4300);
        int r = vc_port_send(&portal, &m, -1);
        assert_int_equal(r, h.lost ? -1 : 0);
        assert_true(portal.queued <= VC_PORT_QUEUE_MAX);
    }
    assert_int_equal(h.lost, 1);
    assert_int_equal(h.malformed, 0);
    assert_true(n > VC_PORT_QUEUE_MAX / 4400);
    assert_int_equal(portal.queued, 0);
    (void)close(other);
}

static void fds_go_along(void **state)
{
    struct vc_port supervisor;
    struct heard h = {0}, none = {0};
    struct vc_port portal;
    int fds[2], other[2];
    struct stat st;
    (void)state;
    assert_int_equal(vc_fdpass_pair(fds), 0);
    vc_port_open(&supervisor, &loop, fds[0], VC_ROLE_SUPERVISOR, VC_ROLE_PORTAL, 0, handle, lost, &none);
    vc_port_open(&portal, &loop, fds[1], VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, 0, handle, lost, &h);
    assert_int_equal(pipe(other), 0);
    assert_int_equal(fstat(other[0], &st), 0);
    struct vc_msg m = {.type = VC_IPC_PEER, .PEER = {.role = VC_ROLE_SIGNER}};
    assert_int_equal(vc_port_send(&supervisor, &m, other[0]), 0);
    turns(1);
    assert_int_equal(h.n_fds, 1);
    assert_int_equal(h.inode, st.st_ino);
    assert_int_equal(fcntl(other[0], F_GETFD) & FD_CLOEXEC, 0); /* still the caller's own */

    /* those that wait in the queue survive the caller's close, and go in order with the rest */
    vc_watch_set(&portal.watch, false, false);
    static const uint8_t zeros[65536];
    struct vc_msg chain = {.type = VC_IPC_PORTAL_CHAIN, .PORTAL_CHAIN = {.chain = {.at = zeros, .len = sizeof(zeros)}}};
    unsigned sent = 0;
    while (supervisor.queued < 300000) {
        assert_int_equal(vc_port_send(&supervisor, &chain, -1), 0);
        sent++;
    }
    assert_int_equal(vc_port_send(&supervisor, &m, other[1]), 0);
    assert_int_equal(fstat(other[1], &st), 0);
    (void)close(other[1]);
    vc_watch_set(&portal.watch, true, false);
    turns(50);
    assert_int_equal(h.n, 1 + sent + 1);
    assert_int_equal(h.n_fds, 2);
    assert_int_equal(h.inode, st.st_ino);

    /* and those that nobody takes any more are closed with the port */
    vc_watch_set(&portal.watch, false, false);
    while (supervisor.queued < 1000)
        assert_int_equal(vc_port_send(&supervisor, &m, other[0]), 0);
    vc_port_close(&supervisor);
    vc_port_close(&portal);
    (void)close(other[0]);
}

static void our_own_faults_send_nothing(void **state)
{
    struct vc_port portal;
    struct heard h = {0};
    int other = half(&portal, VC_ROLE_PORTAL, VC_ROLE_SIGNER, &h), fd;
    uint8_t buf[8192];
    struct vc_msg too_long = sign(1, 4300), wrong_way = {.type = VC_IPC_SIGNED, .SIGNED = {.handshake = 1}};
    struct vc_msg m = sign(1, 1);
    (void)state;
    too_long.SIGN.tbs.len = 4301;
    too_long.SIGN.tbs.at = buf;
    assert_int_equal(vc_port_send(&portal, &too_long, -1), -1);
    assert_int_equal(vc_port_send(&portal, &wrong_way, -1), -1);
    assert_int_equal(vc_port_send(&portal, &m, other), -1); /* an fd that has no place in it */
    assert_int_equal(vc_port_offer(&portal, &wrong_way), 1);
    assert_int_equal(vc_fdpass_recv(other, buf, sizeof(buf), &fd), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(vc_port_is_open(&portal));
    vc_port_close(&portal);
    (void)close(other);
}

/** Sends bytes with @n_fds fds, as no process of ours would. */
static void send_raw(int to, const void *bytes, size_t len, int n_fds)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[8];
    if (n_fds > 0) {
        for (int i = 0; i < n_fds; i++)
            fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (size_t)n_fds * sizeof(int));
    }
    assert_int_equal(sendmsg(to, &msg, MSG_NOSIGNAL), len);
    for (int i = 0; i < n_fds; i++)
        (void)close(fds[i]);
}

/** One message from a process that was taken over: the port ends, once, and no fd of it stays here. */
static void what_breaks_the_schema_ends_the_port(void **state)
{
    uint8_t start[64], peer[64];
    static uint8_t huge[200000];
    struct vc_msg m = {.type = VC_IPC_START};
    struct vc_writer w = vc_writer_to(start, sizeof(start));
    vc_ipc_pack(&m, &w);
    size_t start_len = vc_written(&w);
    m = (struct vc_msg){.type = VC_IPC_PEER};
    w = vc_writer_to(peer, sizeof(peer));
    vc_ipc_pack(&m, &w);
    size_t peer_len = vc_written(&w);
    const struct {
        const char *name;
        const void *bytes;
        size_t len;
        int n_fds;
        enum vc_role self, from;
        bool fine;
    } rows[] = {
        {"START", start, start_len, 0, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, true},
        {"START with an fd", start, start_len, 1, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, false},
        {"START with two fds", start, start_len, 2, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, false},
        {"START from another", start, start_len, 0, VC_ROLE_PORTAL, VC_ROLE_TUNNEL, false},
        {"PEER with its fd", peer, peer_len, 1, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, true},
        {"PEER without", peer, peer_len, 0, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, false},
        {"PEER with two", peer, peer_len, 2, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, false},
        {"PEER with eight", peer, peer_len, 8, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, false},
        {"PEER, cut, with its fd", peer, peer_len - 1, 1, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, false},
        {"rubbish", "\xff\xff\xff", 3, 0, VC_ROLE_SIGNER, VC_ROLE_PORTAL, false},
        {"larger than any message", huge, sizeof(huge), 0, VC_ROLE_SIGNER, VC_ROLE_PORTAL, false},
        {"nothing but an fd", "", 0, 1, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fds_before = count_fds();
        struct vc_port port;
        struct heard h = {0};
        int other = half(&port, rows[i].self, rows[i].from, &h);
        send_raw(other, rows[i].bytes, rows[i].len, rows[i].n_fds);
        send_raw(other, rows[i].bytes, rows[i].len, rows[i].n_fds); /* not read any more behind a bad one */
        turns(3);
        assert_case(rows[i].name, h.n == (rows[i].fine ? 2 : 0));
        assert_case(rows[i].name, h.n_fds == (rows[i].fine ? 2 * (unsigned)rows[i].n_fds : 0));
        assert_case(rows[i].name, h.lost == !rows[i].fine && h.malformed == !rows[i].fine);
        assert_case(rows[i].name, vc_port_is_open(&port) == rows[i].fine);
        vc_port_close(&port);
        (void)close(other);
        assert_case(rows[i].name, count_fds() == fds_before);
    }
}

/* One answer a question, whoever sends it; the second one, or one to nothing, breaks the schema. */
static void answers_need_a_question(void **state)
{
    static const struct {
        const char *name;
        int questions, answers, heard;
    } rows[] = {
        {"none asked", 0, 1, 0}, {"one of each", 1, 1, 1}, {"one too many", 2, 3, 2}, {"not answered", 2, 1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_port portal, signer;
        struct heard at_portal = {0}, at_signer = {0};
        pair(&portal, &at_portal, &signer, &at_signer);
        for (int k = 1; k <= rows[i].questions; k++) {
            struct vc_msg m = sign((uint64_t)k, 10);
            assert_int_equal(vc_port_send(&portal, &m, -1), 0);
        }
        for (int k = 1; k <= rows[i].answers; k++) {
            struct vc_msg back = {.type = VC_IPC_SIGNED, .SIGNED = {.handshake = (uint64_t)k, .ok = 1}};
            assert_int_equal(vc_port_send(&signer, &back, -1), 0);
        }
        turns(3);
        bool broken = rows[i].answers > rows[i].heard;
        assert_case(rows[i].name, (int)at_portal.n == rows[i].heard);
        assert_case(rows[i].name, at_portal.lost == broken && at_portal.malformed == broken);
        vc_port_close(&portal);
        vc_port_close(&signer);
    }
}

static void last_words_are_heard(void **state)
{
    struct vc_port signer;
    struct heard h = {0};
    int other = half(&signer, VC_ROLE_SIGNER, VC_ROLE_PORTAL, &h);
    uint8_t buf[64];
    struct vc_msg m = sign(1, 4);
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    (void)state;
    vc_ipc_pack(&m, &w);
    send_raw(other, buf, vc_written(&w), 0);
    (void)close(other); /* dead before we looked */
    turns(3);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.lost, 1);
    assert_int_equal(h.malformed, 0);
}

static void sending_to_the_dead(void **state)
{
    struct vc_port portal;
    struct heard h = {0};
    int other = half(&portal, VC_ROLE_PORTAL, VC_ROLE_SIGNER, &h);
    struct vc_msg m = sign(1, 4);
    (void)state;
    (void)close(other);
    assert_int_equal(vc_port_send(&portal, &m, -1), -1);
    assert_int_equal(h.lost, 1);
    assert_int_equal(vc_port_send(&portal, &m, -1), -1);
    assert_int_equal(h.lost, 1);
    turns(2);
}

static void close_it(struct vc_port *p)
{
    vc_port_close(p);
}

static void a_handler_may_close_its_port(void **state)
{
    struct vc_port signer;
    struct heard h = {.then = close_it};
    int other = half(&signer, VC_ROLE_SIGNER, VC_ROLE_PORTAL, &h);
    uint8_t buf[64];
    struct vc_msg m = sign(1, 4);
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    (void)state;
    vc_ipc_pack(&m, &w);
    send_raw(other, buf, vc_written(&w), 0);
    send_raw(other, buf, vc_written(&w), 0);
    turns(3);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.lost, 0);
    (void)close(other);
}

static void flush_writes_what_waits(void **state)
{
    struct vc_port portal, signer;
    struct heard at_portal = {0}, at_signer = {0};
    uint64_t n = 0;
    (void)state;
    pair(&portal, &at_portal, &signer, &at_signer);
    while (!portal.queue) {
        struct vc_msg m = sign(++n, 4300);
        assert_int_equal(vc_port_send(&portal, &m, -1), 0);
    }
    vc_port_flush(&portal, 20); /* nobody reads: it gives up in time */
    assert_non_null(portal.queue);
    vc_watch_set(&portal.watch, false, false); /* only flush may write */
    turns(20);
    vc_port_flush(&portal, 1000);
    assert_null(portal.queue);
    turns(20);
    assert_int_equal(at_signer.n, n);
    vc_port_close(&signer);
    vc_port_flush(&portal, 1000); /* nothing waits: returns at once */
    vc_port_close(&portal);
    vc_port_flush(&portal, 1000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(messages_arrive_in_order),
        T(a_slow_peer_gets_all_of_it),
        T(a_peer_that_stops_reading_is_cut),
        T(fds_go_along),
        T(our_own_faults_send_nothing),
        T(what_breaks_the_schema_ends_the_port),
        T(answers_need_a_question),
        T(last_words_are_heard),
        T(sending_to_the_dead),
        T(a_handler_may_close_its_port),
        T(flush_writes_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
