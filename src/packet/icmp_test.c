#include "packet/icmp.h"

#include "packet/ip.h"
#include "packets.h"
#include "table.h"

static uint8_t payload[4000];

/* A good packet of 1428 bytes over IPv4 (1448 over IPv6), changed; does "too big" answer it? */
struct row {
    const char *name;
    bool v6;
    void (*change)(uint8_t *p);
    bool answered;
};

#define CHANGE(name)                                                                                                   \
    static void name(uint8_t *p)                                                                                       \
    {                                                                                                                  \
        (void)p;
// clang-format off
CHANGE(nothing) }
CHANGE(no_df) p[6] = 0; }
CHANGE(first_fragment) p[6] = 0x60; }
CHANGE(later_fragment) p[7] = 1; }
CHANGE(from_multicast) p[12] = 224; }
CHANGE(from_broadcast) memset(p + 12, 255, 4); }
CHANGE(from_nobody) memset(p + 12, 0, 4); }
CHANGE(from_loopback) p[12] = 127; }
CHANGE(to_multicast) p[16] = 239; }
CHANGE(echo) p[9] = 1; p[20] = 8; }
CHANGE(echo_reply) p[9] = 1; p[20] = 0; }
CHANGE(unreachable) p[9] = 1; p[20] = 3; }
CHANGE(quench) p[9] = 1; p[20] = 4; }
CHANGE(redirect) p[9] = 1; p[20] = 5; }
CHANGE(exceeded) p[9] = 1; p[20] = 11; }
CHANGE(parameter) p[9] = 1; p[20] = 12; }
CHANGE(bad_length) put16(p + 2, 65535); }
CHANGE(fits) put16(p + 2, 1400); }
CHANGE(one_more) put16(p + 2, 1401); }
CHANGE(from_multicast6) p[8] = 0xff; }
CHANGE(from_nobody6) memset(p + 8, 0, 16); }
CHANGE(from_loopback6) memset(p + 8, 0, 15); p[23] = 1; }
CHANGE(to_multicast6) p[24] = 0xff; }
CHANGE(echo6) p[6] = 58; p[40] = 128; }
CHANGE(unreachable6) p[6] = 58; p[40] = 1; }
CHANGE(error6) p[6] = 58; p[40] = 127; }
CHANGE(redirect6) p[6] = 58; p[40] = 137; }
CHANGE(first_fragment6) p[6] = 44; p[40] = 17; p[42] = 0; p[43] = 1; }
CHANGE(later_fragment6) p[6] = 44; p[40] = 17; p[42] = 1; p[43] = 0; }
CHANGE(hidden_error6) p[6] = 60; p[40] = 58; p[41] = 0; p[48] = 1; }
// clang-format on

static const struct row rows[] = {
    {"v4: nothing", false, nothing, true},
    {"v4: no DF", false, no_df, false},
    {"v4: a first fragment", false, first_fragment, true},
    {"v4: a later fragment", false, later_fragment, false},
    {"v4: from a group", false, from_multicast, false},
    {"v4: from all", false, from_broadcast, false},
    {"v4: from nobody", false, from_nobody, false},
    {"v4: from itself", false, from_loopback, false},
    {"v4: to a group", false, to_multicast, false},
    {"v4: echo", false, echo, true},
    {"v4: echo reply", false, echo_reply, true},
    {"v4: unreachable", false, unreachable, false},
    {"v4: quench", false, quench, false},
    {"v4: redirect", false, redirect, false},
    {"v4: time exceeded", false, exceeded, false},
    {"v4: parameter problem", false, parameter, false},
    {"v4: malformed", false, bad_length, false},
    {"v4: it fits", false, fits, false},
    {"v4: a byte too long", false, one_more, true},
    {"v6: nothing", true, nothing, true},
    {"v6: from a group", true, from_multicast6, false},
    {"v6: from nobody", true, from_nobody6, false},
    {"v6: from itself", true, from_loopback6, false},
    {"v6: to a group", true, to_multicast6, false},
    {"v6: echo", true, echo6, true},
    {"v6: unreachable", true, unreachable6, false},
    {"v6: the last of the errors", true, error6, false},
    {"v6: redirect", true, redirect6, false},
    {"v6: a first fragment", true, first_fragment6, true},
    {"v6: a later fragment", true, later_fragment6, false},
    {"v6: an error behind options", true, hidden_error6, false},
};

static struct vc_ip gateway(bool v6)
{
    struct vc_ip ip;
    assert_true(vc_ip_parse(v6 ? VC_STR("fd00::fe") : VC_STR("10.0.0.254"), &ip));
    return ip;
}

static void too_big(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spec s = {
            .v6 = rows[i].v6, .src = 1, .dst = 2, .ttl = 64, .place = 0x4000, .payload = payload, .payload_len = 1400};
        struct vc_ip from = gateway(s.v6), other = gateway(!s.v6);
        uint8_t whole[2000], out[VC_ICMP_MAX];
        size_t len = spec_build(&s, false, whole);
        rows[i].change(whole);
        uint8_t *packet = exact(whole, len);
        size_t n = vc_icmp_too_big(packet, len, &from, 1400, out);
        assert_case(rows[i].name, (n > 0) == rows[i].answered);
        assert_case(rows[i].name, vc_icmp_too_big(packet, len, &other, 1400, out) == 0);
        if (n > 0) {
            struct vc_ip src, dst, asker, asked;
            bool v6 = rows[i].v6;
            size_t ip_len = v6 ? 40 : 20, quoted = n - ip_len - 8;
            assert_int_equal(vc_icmp_too_big(packet, len, &from, 1400, out), n);
            assert_true(vc_ip_packet_addresses(out, n, &src, &dst) &&
                        vc_ip_packet_addresses(packet, len, &asker, &asked));
            assert_true(vc_ip_eq(&src, &from) && vc_ip_eq(&dst, &asker));
            assert_case(rows[i].name, n == (v6 ? 1280 : 576));
            assert_case(rows[i].name, v6 || slow_sum(0, out, 20) == 0xffff);
            assert_case(rows[i].name, (v6 ? get16(out + 4) + 40U : get16(out + 2)) == n);
            assert_case(rows[i].name, out[v6 ? 6 : 9] == (v6 ? 58 : 1));
            assert_case(rows[i].name,
                        slow_sum(v6 ? slow_pseudo(out, n - 40, 58) : 0, out + ip_len, n - ip_len) == 0xffff);
            assert_case(rows[i].name, get16(out + ip_len) == (v6 ? 0x0200 : 0x0304));
            assert_case(rows[i].name, get16(out + ip_len + 4) == 0 && get16(out + ip_len + 6) == 1400);
            assert_memory_equal(out + ip_len + 8, packet, quoted);
        }
        free(packet);
    }
}

/* A packet that is shorter than a quote may be is quoted whole, without what lies behind it. */
static void short_quote(void **state)
{
    struct spec s = {.src = 1, .dst = 2, .ttl = 64, .place = 0x4000, .payload = payload, .payload_len = 200};
    struct vc_ip from = gateway(false);
    uint8_t whole[300], out[VC_ICMP_MAX];
    size_t len = spec_build(&s, false, whole);
    (void)state;
    assert_int_equal(vc_icmp_too_big(whole, len + 20, &from, 100, out), 28 + len);
    assert_memory_equal(out + 28, whole, len);
}

/* ---- fragments ---- */

struct pieces {
    uint8_t bytes[5000];
    bool have[5000];
    size_t n, largest, end; /* end: of the whole payload, 0 while unknown */
    size_t header_len[8];
    uint16_t places[8];
};

static void take(void *owner, uint8_t *p, size_t len)
{
    struct pieces *g = owner;
    size_t header_len = (size_t)(p[0] & 15) * 4, at = (size_t)(get16(p + 6) & 0x1fff) * 8;
    must(get16(p + 2) == len && slow_sum(0, p, header_len) == 0xffff);
    if (g->n < 8) {
        g->header_len[g->n] = header_len;
        g->places[g->n] = get16(p + 6);
    }
    g->n++;
    if (len > g->largest)
        g->largest = len;
    for (size_t i = header_len; i < len; i++, at++) {
        must(at < sizeof(g->bytes) && !g->have[at]);
        g->bytes[at] = p[i];
        g->have[at] = true;
    }
    if (!(get16(p + 6) & 0x2000))
        g->end = at;
}

static const struct {
    const char *name;
    uint16_t place;
    size_t len; /* of what follows the IP header */
    uint16_t mtu;
    size_t cap, n; /* n: 0 refused */
    struct bytes options;
    size_t second_header;
} cuts[] = {
    {"fits", 0, 1000, 1020, 1020, 1, {NULL, 0}, 0},
    {"one byte too long", 0, 1000, 1019, 1019, 2, {NULL, 0}, 20},
    {"DF", 0x4000, 1000, 600, 600, 0, {NULL, 0}, 0},
    {"DF, but it fits", 0x4000, 1000, 1020, 1020, 1, {NULL, 0}, 0},
    {"no room to build in", 0, 1000, 600, 599, 0, {NULL, 0}, 0},
    {"no room for what fits", 0, 1000, 1020, 1019, 0, {NULL, 0}, 0},
    {"smallest MTU", 0, 64, 28, 28, 8, {NULL, 0}, 20},
    {"below it", 0, 64, 27, 28, 0, {NULL, 0}, 0},
    {"a first fragment", 0x2000, 1000, 600, 600, 2, {NULL, 0}, 20},
    {"a fragment in the middle", 0x2010, 1000, 600, 600, 2, {NULL, 0}, 20},
    {"the last fragment", 0x0010, 1000, 600, 600, 2, {NULL, 0}, 20},
    {"one that would end beyond 65535", 0x1fff, 1000, 600, 600, 0, {NULL, 0}, 0},
    {"option for all", 0, 1000, 600, 600, 2, BYTES("\x94\x04\0\0"), 24},
    {"option for the first", 0, 1000, 600, 600, 2, BYTES("\x07\x07\x04\0\0\0\0\0"), 20},
    {"both and padding", 0, 1000, 600, 600, 2, BYTES("\x01\x07\x03\x04\x82\x03\0\0"), 24},
    {"option of length 1", 0, 1000, 600, 600, 0, BYTES("\x94\x01\0\0"), 0},
    {"option beyond the header", 0, 1000, 600, 600, 0, BYTES("\x94\x05\0\0"), 0},
    {"option without a length", 0, 1000, 600, 600, 0, BYTES("\x01\x01\x01\x94"), 0},
};

static void fragments(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        static struct pieces g;
        struct spec s = {.src = 1,
                         .dst = 2,
                         .ttl = 64,
                         .id = 77,
                         .place = cuts[i].place,
                         .ip_options = cuts[i].options.len,
                         .payload = payload,
                         .payload_len = cuts[i].len - 8};
        uint8_t whole[2000];
        size_t len = spec_build(&s, false, whole), header_len = len - cuts[i].len,
               base = (size_t)(cuts[i].place & 0x1fff) * 8;
        if (cuts[i].options.len)
            memcpy(whole + 20, cuts[i].options.at, cuts[i].options.len);
        sum_ip4(whole);
        uint8_t *packet = exact(whole, len), *scratch = malloc(cuts[i].cap);
        memset(&g, 0, sizeof(g));
        assert_case(cuts[i].name,
                    vc_ip4_fragment(packet, len, cuts[i].mtu, scratch, cuts[i].cap, take, &g) == cuts[i].n);
        assert_case(cuts[i].name, g.n == cuts[i].n && g.largest <= cuts[i].mtu);
        if (cuts[i].n > 0) {
            assert_memory_equal(g.bytes + base, packet + header_len, cuts[i].len);
            assert_case(cuts[i].name, g.end == (cuts[i].place & 0x2000 ? 0 : base + cuts[i].len));
            assert_case(cuts[i].name, g.header_len[0] == header_len);
        }
        if (cuts[i].n > 1)
            assert_case(cuts[i].name, g.header_len[1] == cuts[i].second_header);
        free(scratch);
        free(packet);
    }
}

/* Nothing but a whole IPv4 packet with a header that is right: a new checksum must not hide an old wrong one. */
static void not_fragmented(void **state)
{
    static struct pieces g;
    struct spec s = {.src = 1, .dst = 2, .ttl = 64, .payload = payload, .payload_len = 1000, .spoil_ip4 = 1};
    uint8_t whole[2000], scratch[2000];
    (void)state;
    assert_int_equal(vc_ip4_fragment(whole, spec_build(&s, false, whole), 600, scratch, sizeof(scratch), take, &g), 0);
    s.spoil_ip4 = 0;
    assert_int_equal(vc_ip4_fragment(whole, spec_build(&s, false, whole) - 1, 600, scratch, sizeof(scratch), take, &g),
                     0);
    s.v6 = true;
    assert_int_equal(vc_ip4_fragment(whole, spec_build(&s, false, whole), 600, scratch, sizeof(scratch), take, &g), 0);
    assert_int_equal(g.n, 0);
}

int main(void)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)test_random(&seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_big),
        cmocka_unit_test(short_quote),
        cmocka_unit_test(fragments),
        cmocka_unit_test(not_fragmented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
