/* UDP trains over a loopback device of our own: what goes in comes out, byte for byte, and from the right address. */
#include "sys/udp.h"

#include "netns.h"
#include "sys/netlink.h"

#include <poll.h>

#define ABSENT "198.18.0.2" /* a neighbour that never answers */

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct vc_endpoint at(const char *ip, uint16_t port)
{
    struct vc_endpoint e = {.port = port};
    if (*ip && !vc_ip_parse(vc_str_of(ip), &e.ip))
        fail_msg("not an address: %s", ip);
    return e;
}

/** An open socket; *where becomes what it is bound to. */
static int open_at(const char *ip, struct vc_endpoint *where)
{
    struct vc_endpoint local = at(ip, 0);
    struct vc_fail fail = {0};
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    bool gro;
    int fd = vc_udp_open(&local, &gro, &fail);
    if (fd < 0)
        fail_msg("%s: %s", ip, fail.detail);
    assert_true(gro);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
    assert_true(vc_endpoint_of(&ss, where));
    return fd;
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static uint8_t sent_bytes[VC_UDP_DATAGRAM_MAX * 2], buffers[VC_UDP_BATCH][65536];

static void fill(uint64_t seed)
{
    for (size_t i = 0; i < sizeof(sent_bytes); i++)
        sent_bytes[i] = (uint8_t)(test_random(&seed) >> 24);
}

/** Receives until @want bytes have come; compares them and the size of each datagram with what was sent. Returns how
 * many trains it took. */
static int expect(int fd, const uint8_t *want, size_t len, size_t segment, const struct vc_endpoint *from)
{
    size_t got = 0;
    int n_trains = 0;
    while (got < len) {
        struct vc_udp_train in[VC_UDP_BATCH];
        for (size_t i = 0; i < N(in); i++)
            in[i] = (struct vc_udp_train){.at = buffers[i], .len = sizeof(buffers[i])};
        assert_true(readable(fd, 5000));
        int n = vc_udp_recv(fd, in, N(in));
        assert_true(n > 0);
        for (int i = 0; i < n; i++) {
            assert_ptr_equal(in[i].at, buffers[i]);
            assert_true(vc_endpoint_eq(&in[i].peer, from));
            assert_true(in[i].len > 0 && in[i].len <= len - got);
            assert_memory_equal(in[i].at, want + got, in[i].len);
            size_t rest = len - got; /* from here on: each has the sender's size, but for a shorter last one */
            assert_int_equal(in[i].segment, rest < segment ? rest : segment < in[i].len ? segment : in[i].len);
            assert_true(in[i].len % segment == 0 || in[i].len == rest);
            got += in[i].len;
            n_trains++;
        }
    }
    assert_false(readable(fd, 0));
    return n_trains;
}

static void trains(void **state)
{
    static const struct {
        const char *name, *ip;
        size_t len, segment;
    } rows[] = {
        {"one datagram", "127.0.0.1", 1400, 1400},
        {"one byte", "127.0.0.1", 1, 1},
        {"two and a stub", "127.0.0.1", 2801, 1400},
        {"46 and a stub", "127.0.0.1", 46 * 1400 + 1, 1400},
        {"full, no stub", "127.0.0.1", 46 * 1421, 1421},
        {"the largest", "127.0.0.1", VC_UDP_TRAIN_MAX, 1420},
        {"the most datagrams", "127.0.0.1", VC_UDP_SEGMENTS_MAX * 100, 100},
        {"more than any kernel takes at once", "127.0.0.1", 300 * 100 - 1, 100},
        {"IPv6, the largest", "::1", VC_UDP_TRAIN_MAX, 1420},
        {"IPv6", "::1", 40 * 1400 + 77, 1400},
        {"IPv6, more than any kernel takes at once", "::1", 200 * 90, 90},
    };
    (void)state;
    fill(1);
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_endpoint here, there;
        int from = open_at(rows[i].ip, &here), to = open_at(rows[i].ip, &there), err;
        struct vc_udp_train out = {.peer = there, .at = sent_bytes, .len = rows[i].len, .segment = rows[i].segment};
        assert_case(rows[i].name, vc_udp_send(from, &out, 1, &err) == 1 && err == 0);
        int n = expect(to, sent_bytes, rows[i].len, rows[i].segment, &here);
        size_t datagrams = (rows[i].len + rows[i].segment - 1) / rows[i].segment;
        assert_case(rows[i].name, datagrams == 1 ? n == 1 : (size_t)n * 4 <= datagrams + 3); /* trains, not datagrams */
        (void)close(from);
        (void)close(to);
    }
}

static void a_batch_keeps_its_order(void **state)
{
    struct vc_endpoint here, there;
    int from = open_at("127.0.0.1", &here), to = open_at("127.0.0.1", &there), err;
    struct vc_udp_train out[10];
    (void)state;
    fill(2);
    for (size_t i = 0; i < N(out); i++) /* also with a long one in the middle, which goes in parts */
        out[i] = (struct vc_udp_train){
            .peer = there, .at = sent_bytes + i * 5000, .len = i == 5 ? 5000 : 1000, .segment = i == 5 ? 20 : 1000};
    assert_int_equal(vc_udp_send(from, out, N(out), &err), N(out));
    for (size_t i = 0; i < N(out); i++) {
        size_t got = 0;
        while (got < out[i].len) {
            struct vc_udp_train in = {.at = buffers[0], .len = sizeof(buffers[0])};
            assert_true(readable(to, 5000));
            assert_int_equal(vc_udp_recv(to, &in, 1), 1);
            assert_memory_equal(in.at, out[i].at + got, in.len);
            got += in.len;
        }
    }
    struct vc_udp_train in = {.at = buffers[0], .len = sizeof(buffers[0])};
    assert_int_equal(vc_udp_recv(to, &in, 1), 0); /* nothing waits: no error */
    (void)close(from);
    (void)close(to);
}

static void what_stops_a_batch_is_told(void **state)
{
    struct vc_endpoint here, there;
    int from = open_at("127.0.0.1", &here), to = open_at("127.0.0.1", &there), err, small = 5000;
    struct vc_udp_train out[20];
    (void)state;
    for (size_t i = 0; i < N(out); i++)
        out[i] = (struct vc_udp_train){.peer = there, .at = sent_bytes, .len = 9000, .segment = 9000};
    out[3].len = VC_UDP_DATAGRAM_MAX + 1;
    out[3].segment = out[3].len;
    assert_int_equal(vc_udp_send(from, out, N(out), &err), 3);
    assert_int_equal(err, EMSGSIZE);
    assert_int_equal(vc_udp_send(from, out + 3, 1, &err), 0);
    assert_int_equal(err, EMSGSIZE);
    for (size_t i = 0; i < N(out); i++) {
        out[i].len = out[i].segment = 1400;
        out[i].peer.ip = at(ABSENT, 0).ip; /* all wait until somebody answers ARP */
    }
    close(from);
    from = open_at("0.0.0.0", &here);
    assert_int_equal(setsockopt(from, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    size_t n = vc_udp_send(from, out, N(out), &err); /* until what waits fills the socket's buffer */
    assert_true(n > 0 && n < N(out));
    assert_int_equal(err, EAGAIN);
    assert_int_equal(vc_udp_send(from, out + n, 1, &err), 0);
    assert_int_equal(err, EAGAIN);
    (void)close(from);
    (void)close(to);
}

static void too_large_for_the_buffer(void **state)
{
    struct vc_endpoint here, there;
    int from = open_at("127.0.0.1", &here), to = open_at("127.0.0.1", &there), err;
    struct vc_udp_train out[] = {{.peer = there, .at = sent_bytes, .len = 100, .segment = 100},
                                 {.peer = there, .at = sent_bytes, .len = 101, .segment = 101},
                                 {.peer = there, .at = sent_bytes, .len = 99, .segment = 99}};
    struct vc_udp_train in[3];
    (void)state;
    for (size_t i = 0; i < N(in); i++)
        in[i] = (struct vc_udp_train){.at = exact(buffers[i], 100), .len = 100};
    assert_int_equal(vc_udp_send(from, out, N(out), &err), N(out));
    assert_int_equal(vc_udp_recv(to, in, N(in)), 3);
    assert_int_equal(in[0].len, 100);
    assert_int_equal(in[1].len, 0); /* not a part of it */
    assert_int_equal(in[2].len, 99);
    for (size_t i = 0; i < N(in); i++)
        free(in[i].at);
    (void)close(from);
    (void)close(to);
}

static void an_unreachable_peer_breaks_nothing(void **state)
{
    struct vc_endpoint here, there;
    int from = open_at("127.0.0.1", &here), to = open_at("127.0.0.1", &there), err;
    struct vc_udp_train dead = {.peer = at("127.0.0.1", 9), .at = sent_bytes, .len = 3000, .segment = 1000},
                        live = {.peer = here, .at = sent_bytes, .len = 10, .segment = 10};
    struct vc_udp_train in = {.at = buffers[0], .len = sizeof(buffers[0])};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(vc_udp_send(from, &dead, 1, &err), 1); /* ICMP port unreachable comes back */
    assert_int_equal(vc_udp_send(to, &live, 1, &err), 1);
    assert_true(readable(from, 5000));
    assert_int_equal(vc_udp_recv(from, &in, 1), 1);
    assert_int_equal(in.len, 10);
    assert_int_equal(vc_udp_send(from, &dead, 1, &err), 1);
    (void)close(from);
    (void)close(to);
}

/** A client that accepts answers only from the address it asked. */
static int client_of(const struct vc_endpoint *server)
{
    struct sockaddr_storage ss;
    int family = server->ip.family == VC_FAMILY_V4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = vc_sockaddr_of(server, family, &ss);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
    return fd;
}

/** A wildcard socket answers from the address that was asked, one datagram or a train; where the kernel is left to
 *  choose, the client hears nothing. */
static void answers_come_from_the_address_asked(void **state)
{
    static const struct {
        const char *name, *bound, *asked;
    } rows[] = {
        {"both families, IPv4", "", "192.0.2.1"},
        {"both families, second IPv4", "", "198.51.100.7"},
        {"both families, IPv6", "", "2001:db8::1"},
        {"both families, second IPv6", "", "2001:db8:1::7"},
        {"all of IPv4", "0.0.0.0", "198.51.100.7"},
        {"all of IPv6", "::", "2001:db8:1::7"},
        {"one address: nothing told", "192.0.2.1", "192.0.2.1"},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_endpoint server, asked;
        uint8_t got[5000];
        int err, fd = open_at(rows[i].bound, &server);
        asked = at(rows[i].asked, server.port);
        int client = client_of(&asked);
        assert_case(rows[i].name, send(client, "hello", 5, 0) == 5);
        struct vc_udp_train t = {.at = buffers[0], .len = sizeof(buffers[0])};
        assert_true(readable(fd, 5000));
        assert_case(rows[i].name, vc_udp_recv(fd, &t, 1) == 1 && t.len == 5);
        if (strcmp(rows[i].bound, rows[i].asked) == 0)
            assert_case(rows[i].name, t.local.family == VC_FAMILY_NONE);
        else
            assert_case(rows[i].name, vc_ip_eq(&t.local, &asked.ip));
        if (vc_udp_send(fd, &t, 1, &err) != 1)
            fail_msg("%s: %s", rows[i].name, strerror(err));
        assert_case(rows[i].name, readable(client, 5000) && recv(client, got, sizeof(got), 0) == 5);

        struct vc_udp_train train = {.peer = t.peer, .local = t.local, .at = sent_bytes, .len = 2500, .segment = 1000};
        assert_case(rows[i].name, vc_udp_send(fd, &train, 1, &err) == 1);
        for (size_t n = 0; n < 3; n++) {
            size_t want = n < 2 ? 1000 : 500;
            assert_case(rows[i].name, recv(client, got, sizeof(got), 0) == (ssize_t)want);
            assert_case(rows[i].name, memcmp(got, sent_bytes + n * 1000, want) == 0);
        }
        (void)close(client);
        (void)close(fd);
    }
}

static void left_to_choose_the_kernel_errs(void **state)
{
    struct vc_endpoint server, asked, other = at("192.0.2.1", 0);
    struct sockaddr_storage ss;
    int err, fd = open_at("", &server), client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)state;
    asked = at("198.51.100.7", server.port);
    socklen_t len = vc_sockaddr_of(&other, AF_INET, &ss);
    assert_int_equal(bind(client, (struct sockaddr *)&ss, len), 0);
    len = vc_sockaddr_of(&asked, AF_INET, &ss);
    assert_int_equal(connect(client, (struct sockaddr *)&ss, len), 0);
    assert_int_equal(send(client, "hello", 5, 0), 5);
    struct vc_udp_train t = {.at = buffers[0], .len = sizeof(buffers[0])};
    assert_true(readable(fd, 5000));
    assert_int_equal(vc_udp_recv(fd, &t, 1), 1);
    assert_true(vc_ip_eq(&t.local, &asked.ip));
    struct vc_udp_train careless = t;
    careless.local = (struct vc_ip){0};
    assert_int_equal(vc_udp_send(fd, &careless, 1, &err), 1);
    assert_int_equal(vc_udp_send(fd, &t, 1, &err), 1);
    uint8_t got[16];
    assert_true(readable(client, 5000));
    assert_int_equal(recv(client, got, sizeof(got), MSG_DONTWAIT), 5);
    assert_int_equal(recv(client, got, sizeof(got), MSG_DONTWAIT), -1); /* one came, the second */
    assert_int_equal(errno, EAGAIN);
    (void)close(client);
    (void)close(fd);
}

static void an_address_that_went_away(void **state)
{
    struct vc_endpoint here, there;
    int from = open_at("", &here), to = open_at("127.0.0.1", &there), err;
    struct vc_udp_train out[2] = {{.peer = there, .at = sent_bytes, .len = 10, .segment = 10},
                                  {.peer = there, .at = sent_bytes, .len = 10, .segment = 10}};
    (void)state;
    out[1].local = at("203.0.113.9", 0).ip; /* not ours */
    assert_int_equal(vc_udp_send(from, out, 2, &err), 1);
    assert_int_not_equal(err, 0);
    assert_int_not_equal(err, EAGAIN);
    (void)close(from);
    (void)close(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains),
        cmocka_unit_test(a_batch_keeps_its_order),
        cmocka_unit_test(what_stops_a_batch_is_told),
        cmocka_unit_test(too_large_for_the_buffer),
        cmocka_unit_test(an_unreachable_peer_breaks_nothing),
        cmocka_unit_test(answers_come_from_the_address_asked),
        cmocka_unit_test(left_to_choose_the_kernel_errs),
        cmocka_unit_test(an_address_that_went_away),
    };
    bool all_ids;
    own_world(&all_ids);
    static const struct {
        const char *ip;
        unsigned len;
    } ours[] = {{"192.0.2.1", 32}, {"198.51.100.7", 32}, {"2001:db8::1", 128}, {"2001:db8:1::7", 128}};
    for (size_t i = 0; i < N(ours); i++) {
        struct vc_ip ip;
        struct vc_fail fail;
        if (!vc_ip_parse(vc_str_of(ours[i].ip), &ip) || vc_netlink_addr_add("lo", &ip, ours[i].len, &fail) != 0) {
            (void)fprintf(stderr, "%s: %s\n", ours[i].ip, fail.detail);
            return 1;
        }
    }
    static const char *const links[] = {
        "sh", "-c",
        "ip link add absent0 type veth peer name absent1 && ip link set absent1 up && ip link set absent0 up && "
        "ip addr add 198.18.0.1/24 dev absent0",
        NULL};
    char out[256];
    if (run(links, out, sizeof(out)) != 0)
        skip_program("no veth devices here");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
