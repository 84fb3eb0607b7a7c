/* The TUN device, in a network of our own: frames and super-packets both ways, and the header in front of them. */
#include "sys/tun.h"

#include "netns.h"
#include "sys/netlink.h"
#include "sys/udp.h"

#include <poll.h>

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HERE "10.9.0.1"
#define THERE "10.9.0.2"

static char device[16];
static int queues[2];
static unsigned offloads;

static struct vc_ip ip_of(const char *text)
{
    struct vc_ip ip;
    assert_true(vc_ip_parse(vc_str_of(text), &ip));
    return ip;
}

static void header_comes_back(void **state)
{
    static const struct {
        const char *name;
        struct vc_super h;
    } rows[] = {
        {"plain", {0}},
        {"checksum to be done", {.needs_csum = true, .csum_start = 20, .csum_offset = 6}},
        {"TCP, IPv4",
         {.needs_csum = true,
          .gso = VC_GSO_TCP4,
          .hdr_len = 52,
          .gso_size = 1360,
          .csum_start = 20,
          .csum_offset = 16}},
        {"TCP with CWR",
         {.needs_csum = true,
          .ecn = true,
          .gso = VC_GSO_TCP4,
          .hdr_len = 40,
          .gso_size = 1,
          .csum_start = 20,
          .csum_offset = 16}},
        {"TCP, IPv6",
         {.needs_csum = true,
          .gso = VC_GSO_TCP6,
          .hdr_len = 72,
          .gso_size = 65535,
          .csum_start = 40,
          .csum_offset = 16}},
        {"UDP",
         {.needs_csum = true, .gso = VC_GSO_UDP, .hdr_len = 28, .gso_size = 1372, .csum_start = 20, .csum_offset = 6}},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        uint8_t bytes[VC_TUN_HDR];
        struct vc_super back;
        const struct vc_super *h = &rows[i].h;
        vc_tun_hdr_write(h, bytes);
        assert_case(rows[i].name, vc_tun_hdr_read(bytes, &back));
        assert_case(rows[i].name, back.needs_csum == h->needs_csum && back.ecn == h->ecn && back.gso == h->gso &&
                                      back.hdr_len == h->hdr_len && back.gso_size == h->gso_size &&
                                      back.csum_start == h->csum_start && back.csum_offset == h->csum_offset);
    }
    uint8_t unknown[VC_TUN_HDR] = {0, 3}; /* UFO, which we do not switch on */
    struct vc_super h;
    assert_false(vc_tun_hdr_read(unknown, &h));
    unknown[1] = 0x7f;
    assert_false(vc_tun_hdr_read(unknown, &h));
}

/** A UDP socket on our address, connected to the one behind the device. */
static int socket_at(uint16_t port, uint16_t to)
{
    struct sockaddr_storage ss;
    struct vc_endpoint here = {.ip = ip_of(HERE), .port = port}, there = {.ip = ip_of(THERE), .port = to};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = vc_sockaddr_of(&here, AF_INET, &ss);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
    len = vc_sockaddr_of(&there, AF_INET, &ss);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
    return fd;
}

static uint16_t sum(const uint8_t *p, size_t n, uint32_t start)
{
    for (size_t i = 0; i < n; i++)
        start += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (start >> 16)
        start = (start & 0xffff) + (start >> 16);
    return (uint16_t)start;
}

/** IPv4 and UDP headers of a datagram from THERE to HERE; the checksum of UDP as offloads want it. */
static void headers(uint8_t out[28], uint16_t from, uint16_t to, size_t payload)
{
    struct vc_ip src = ip_of(THERE), dst = ip_of(HERE);
    struct vc_writer w = vc_writer_to(out, 28);
    uint8_t pseudo[12];
    vc_put_u16(&w, 0x4500);
    vc_put_u16(&w, (uint16_t)(28 + payload));
    vc_put_u32(&w, 0x00004000);
    vc_put_u16(&w, 0x4011);
    vc_put_u16(&w, 0);
    vc_put(&w, src.bytes, 4);
    vc_put(&w, dst.bytes, 4);
    uint16_t csum = (uint16_t)~sum(out, 20, 0);
    out[10] = (uint8_t)(csum >> 8);
    out[11] = (uint8_t)csum;
    vc_put_u16(&w, from);
    vc_put_u16(&w, to);
    vc_put_u16(&w, (uint16_t)(8 + payload));
    struct vc_writer pw = vc_writer_to(pseudo, sizeof(pseudo));
    vc_put(&pw, src.bytes, 4);
    vc_put(&pw, dst.bytes, 4);
    vc_put_u16(&pw, 17);
    vc_put_u16(&pw, (uint16_t)(8 + payload));
    vc_put_u16(&w, sum(pseudo, 12, 0));
    assert_false(w.bad || pw.bad);
}

static void into_the_host(void **state)
{
    static const struct {
        const char *name;
        size_t len, each; /* payload, and of each datagram */
    } rows[] = {{"one packet", 500, 500}, {"a super-packet", 10 * 1000, 1000}, {"with a stub", 10 * 1000 + 1, 1000}};
    static uint8_t payload[20000], got[2000];
    uint64_t seed = 9;
    (void)state;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)test_random(&seed);
    int fd = socket_at(7000, 7001);
    for (size_t i = 0; i < N(rows); i++) {
        bool super = rows[i].len > rows[i].each;
        if (super && !(offloads & VC_TUN_USO))
            continue; /* an older kernel */
        struct vc_super h = {.needs_csum = true, .csum_start = 20, .csum_offset = 6, .hdr_len = 28};
        uint8_t hdr[VC_TUN_HDR], ip[28];
        if (super) {
            h.gso = VC_GSO_UDP;
            h.gso_size = (uint16_t)rows[i].each;
        }
        vc_tun_hdr_write(&h, hdr);
        headers(ip, 7001, 7000, rows[i].len);
        /* gathered, the payload in two pieces */
        struct iovec iov[] = {{hdr, sizeof(hdr)}, {ip, sizeof(ip)}, {payload, 123}, {payload + 123, rows[i].len - 123}};
        assert_case(rows[i].name, vc_tun_write(queues[0], iov, N(iov)) == 0);
        for (size_t done = 0; done < rows[i].len;) {
            size_t want = rows[i].len - done < rows[i].each ? rows[i].len - done : rows[i].each;
            assert_case(rows[i].name, recv(fd, got, sizeof(got), 0) == (ssize_t)want);
            assert_case(rows[i].name, memcmp(got, payload + done, want) == 0);
            done += want;
        }
    }
    struct vc_super plain = {0};
    uint8_t hdr[VC_TUN_HDR];
    vc_tun_hdr_write(&plain, hdr);
    struct iovec bad[] = {{hdr, sizeof(hdr)}, {(void *)"\x00rubbish", 8}};
    assert_int_equal(vc_tun_write(queues[0], bad, 2), -1); /* neither IPv4 nor IPv6 */
    (void)close(fd);
}

/** What the host sends comes out of one of the queues, one frame at a time; its own IPv6 chatter is passed over.
 * Returns which queue; -1: there is none within @ms. */
static int next_frame(struct vc_tun_frame *frame, int ms)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = queues[0], .events = POLLIN}, {.fd = queues[1], .events = POLLIN}};
        if (poll(p, 2, ms) == 0)
            return -1;
        int q = p[0].revents ? 0 : 1, n = vc_tun_read(queues[q], frame, 1);
        assert_true(n >= 0);
        if (n > 0 && frame->len > VC_TUN_HDR + 20 && frame->at[VC_TUN_HDR] >> 4 == 4)
            return q;
    }
}

static void out_of_the_host(void **state)
{
    static uint8_t room[VC_TUN_FRAME_MAX];
    struct vc_tun_frame frame = {.at = room};
    static uint8_t payload[12 * 1000 + 5];
    struct vc_super h;
    int err;
    (void)state;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 31 >> 3);
    int fd = socket_at(7002, 7003);
    assert_int_equal(send(fd, payload, 700, 0), 700);
    assert_true(next_frame(&frame, 5000) >= 0);
    assert_int_equal(frame.len, VC_TUN_HDR + 28 + 700);
    assert_true(vc_tun_hdr_read(room, &h));
    assert_int_equal(h.gso, VC_GSO_NONE);
    assert_true(h.needs_csum); /* with offloads on the kernel leaves it to us */
    assert_int_equal(h.csum_start, 20);
    assert_int_equal(h.csum_offset, 6);
    assert_memory_equal(room + VC_TUN_HDR + 28, payload, 700);
    (void)close(fd);

    struct vc_endpoint from = {.ip = ip_of(HERE), .port = 7004};
    struct vc_fail fail;
    bool gro;
    fd = vc_udp_open(&from, &gro, &fail);
    assert_true(fd >= 0);
    struct vc_udp_train train = {
        .peer = {.ip = ip_of(THERE), .port = 7005}, .at = payload, .len = sizeof(payload), .segment = 1000};
    assert_int_equal(vc_udp_send(fd, &train, 1, &err), 1);
    size_t got = 0;
    unsigned n_frames = 0;
    for (; got < sizeof(payload); n_frames++) {
        assert_true(next_frame(&frame, 5000) >= 0);
        size_t len = frame.len - VC_TUN_HDR - 28;
        assert_true(vc_tun_hdr_read(room, &h));
        assert_memory_equal(room + VC_TUN_HDR + 28, payload + got, len);
        if (offloads & VC_TUN_USO) {
            assert_int_equal(h.gso, VC_GSO_UDP);
            assert_int_equal(h.gso_size, 1000);
        }
        got += len;
    }
    if (offloads & VC_TUN_USO)
        assert_int_equal(n_frames, 1); /* one read, thirteen packets */
    assert_int_equal(next_frame(&frame, 0), -1);
    (void)close(fd);
}

/** After a flow's packet was written into a queue the answers come out of that one. */
static void a_flow_stays_with_its_queue(void **state)
{
    static uint8_t room[VC_TUN_FRAME_MAX];
    struct vc_tun_frame frame = {.at = room};
    (void)state;
    for (int q = 1; q >= 0; q--) {
        uint16_t port = (uint16_t)(7100 + q);
        struct vc_super h = {.needs_csum = true, .csum_start = 20, .csum_offset = 6};
        uint8_t hdr[VC_TUN_HDR], ip[28], got[16];
        int fd = socket_at(port, 7200);
        vc_tun_hdr_write(&h, hdr);
        headers(ip, 7200, port, 4);
        struct iovec iov[] = {{hdr, sizeof(hdr)}, {ip, sizeof(ip)}, {(void *)"ping", 4}};
        for (int i = 0; i < 5; i++) {
            assert_int_equal(vc_tun_write(queues[q], iov, N(iov)), 0);
            assert_int_equal(recv(fd, got, sizeof(got), 0), 4);
            assert_int_equal(send(fd, "pong", 4, 0), 4);
            assert_int_equal(next_frame(&frame, 5000), q);
        }
        (void)close(fd);
    }
}

static void names_and_failures(void **state)
{
    int fds[2];
    char name[16], second[16];
    unsigned mask;
    struct vc_fail fail = {0};
    (void)state;
    assert_int_equal(vc_tun_open("vt%d", 1, fds, name, &mask, &fail), 0);
    assert_string_equal(name, "vt0");
    assert_int_equal(vc_tun_open("vt%d", 1, fds + 1, second, &mask, &fail), 0);
    assert_string_equal(second, "vt1");
    assert_int_equal(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    (void)close(fds[0]);
    (void)close(fds[1]);
    assert_int_equal(if_nametoindex("vt0"), 0); /* it goes with its last fd */
    assert_int_equal(vc_tun_open("lo", 1, fds, name, &mask, &fail), -1);
    assert_int_equal(fail.cause, VC_CAUSE_SYSTEM);
    assert_non_null(strstr(fail.detail, "lo"));
    assert_int_equal(vc_netlink_link_up("vt0", 1400, 32, &fail), -1);
    struct vc_ip ip = ip_of(HERE);
    assert_int_equal(vc_netlink_addr_add("vt0", &ip, 24, &fail), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_comes_back),  cmocka_unit_test(into_the_host),
        cmocka_unit_test(out_of_the_host),    cmocka_unit_test(a_flow_stays_with_its_queue),
        cmocka_unit_test(names_and_failures),
    };
    bool all_ids;
    struct vc_fail fail = {0};
    struct vc_ip here;
    own_world(&all_ids);
    if (access("/dev/net/tun", R_OK | W_OK) != 0)
        skip_program("no /dev/net/tun");
    if (vc_tun_open("vpns%d", 2, queues, device, &offloads, &fail) != 0 || !vc_ip_parse(VC_STR(HERE), &here) ||
        vc_netlink_addr_add(device, &here, 24, &fail) != 0 || vc_netlink_link_up(device, 1400, 32, &fail) != 0) {
        (void)fprintf(stderr, "%s: %d\n", fail.detail, fail.sys_errno);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
