#include "packet/cut.h"

#include "packets.h"
#include "table.h"

#include <time.h>

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16, ECE = 64, CWR = 128 };

static struct vc_super super_of(const struct spec *s, uint16_t gso_size)
{
    return (struct vc_super){.needs_csum = true,
                             .gso = !s->tcp ? VC_GSO_UDP
                                    : s->v6 ? VC_GSO_TCP6
                                            : VC_GSO_TCP4,
                             .hdr_len = (uint16_t)spec_hdr_len(s),
                             .gso_size = gso_size,
                             .csum_start = (uint16_t)spec_ip_len(s),
                             .csum_offset = s->tcp ? 16 : 6};
}

/* Cuts, and compares with packets that were each built on their own. */
static void compare(const struct spec *s, uint16_t gso_size)
{
    static uint8_t whole[70000], want[70000];
    size_t len = spec_build(s, true, whole), n = (s->payload_len + gso_size - 1) / gso_size, at = 0, largest;
    struct vc_super super = super_of(s, gso_size);
    struct vc_cut cut;
    super.hdr_len = (uint16_t)(len * 7); /* nobody may believe it */
    uint8_t *packet = exact(whole, len);
    assert_int_equal(vc_cut_begin(&cut, &super, packet, len), n);
    largest = vc_cut_largest(&cut);
    uint8_t *out = malloc(largest);
    assert_non_null(out);
    for (size_t k = 0; k < n; k++) {
        struct spec one = *s;
        one.payload = s->payload + at;
        one.payload_len = s->payload_len - at < gso_size ? s->payload_len - at : gso_size;
        one.seq += (uint32_t)at;
        one.id = (uint16_t)(one.id + k);
        if (k > 0)
            one.flags &= (uint8_t)~CWR;
        if (k < n - 1)
            one.flags &= (uint8_t) ~(FIN | PSH);
        at += one.payload_len;
        size_t want_len = spec_build(&one, false, want);
        assert_int_equal(vc_cut_next(&cut, out, largest), want_len);
        assert_memory_equal(out, want, want_len);
    }
    assert_int_equal(vc_cut_next(&cut, out, largest), 0);
    free(out);
    free(packet);
}

static uint8_t payload[65535];
static const uint8_t timestamps[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};

static const struct {
    const char *name;
    struct spec s;
    uint16_t gso_size;
} shapes[] = {
    // clang-format off
    {"TCP over IPv4",            {.tcp = true, .payload_len = 5000, .flags = ACK | PSH}, 1400},
    {"whole packets only",       {.tcp = true, .payload_len = 4200, .flags = ACK | PSH | FIN, .place = 0x4000}, 1400},
    {"one packet",               {.tcp = true, .payload_len = 100, .flags = ACK | PSH | CWR | ECE}, 1400},
    {"exactly one",              {.tcp = true, .payload_len = 1400, .flags = ACK}, 1400},
    {"one byte more",            {.tcp = true, .payload_len = 1401, .flags = ACK | CWR}, 1400},
    {"the largest",              {.tcp = true, .payload_len = 65535 - 40, .flags = ACK}, 1348},
    {"ids and numbers wrap",     {.tcp = true, .payload_len = 9000, .flags = ACK, .id = 0xfffe, .seq = 0xfffff000}, 1000},
    {"TCP options",              {.tcp = true, .payload_len = 9000, .flags = ACK, .options = timestamps, .options_len = 12}, 1388},
    {"IPv4 options",             {.tcp = true, .payload_len = 9000, .flags = ACK, .ip_options = 40}, 1300},
    {"TCP over IPv6",            {.tcp = true, .v6 = true, .payload_len = 20000, .flags = ACK | FIN, .flow_label = 0x12345}, 1220},
    {"the largest over IPv6",    {.tcp = true, .v6 = true, .payload_len = 65535 - 20, .flags = ACK}, 1220},
    {"an extension header",      {.tcp = true, .v6 = true, .extension = 16, .payload_len = 20000, .flags = ACK}, 1220},
    {"UDP over IPv4",            {.payload_len = 12345, .tos = 0xb8}, 1200},
    {"UDP over IPv6",            {.v6 = true, .payload_len = 12001, .tos = 0xb8}, 1200},
    {"UDP, odd pieces",          {.payload_len = 1000}, 7},
    {"one byte each",            {.tcp = true, .payload_len = 300, .flags = ACK | CWR}, 1},
    // clang-format on
};

static void many(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct spec s = shapes[i].s;
        s.payload = payload;
        s.src = 1;
        s.dst = 2;
        s.ttl = 64;
        s.sport = 443;
        s.dport = 50000;
        s.window = 500;
        print_message("%s\n", shapes[i].name);
        compare(&s, shapes[i].gso_size);
    }
}

static void at_random(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t r = test_random(&seed), q = test_random(&seed), t = test_random(&seed);
        struct spec s = {.v6 = r & 1,
                         .tcp = r & 2,
                         .src = (uint8_t)(r >> 8),
                         .dst = (uint8_t)(r >> 16),
                         .ttl = (uint8_t)(r >> 24),
                         .tos = (uint8_t)(r >> 32),
                         .sport = (uint16_t)q,
                         .dport = (uint16_t)(q >> 16),
                         .id = (uint16_t)(q >> 32),
                         .place = q >> 48 & 1 ? 0x4000 : 0,
                         .seq = (uint32_t)t,
                         .ack = (uint32_t)(t >> 32),
                         .flags = (uint8_t)(q >> 49) & (uint8_t)~SYN,
                         .reserved = (uint8_t)(r >> 40 & 15),
                         .window = (uint16_t)(r >> 44),
                         .options = payload + (t & 1023),
                         .options_len = (t >> 10 & 3) * 4,
                         .extension = (r & 1) && (t >> 12 & 7) == 0 ? 8 : 0,
                         .ip_options = (t >> 15 & 7) == 0 ? 8 : 0,
                         .payload = payload + (q & 4095)};
        s.payload_len = 1 + (q >> 5) % (r >> 60 == 0 ? 60000 : 3000);
        compare(&s,
                (uint16_t)(1 + (t >> 20) % (s.payload_len > 3000 ? 9000 : 1500) + (s.payload_len > 3000 ? 200 : 0)));
    }
}

/* One change to a good super-packet, and it is refused (or not). */
struct change {
    const char *name;
    enum vc_gso gso; /* of the good one */
    void (*make)(struct vc_super *h, uint8_t *packet, size_t *len);
    size_t n; /* packets that come, 0: refused */
};

#define CHANGE(name)                                                                                                   \
    static void name(struct vc_super *h, uint8_t *p, size_t *len)                                                      \
    {                                                                                                                  \
        (void)h;                                                                                                       \
        (void)p;                                                                                                       \
        (void)len;
// clang-format off
CHANGE(nothing) }
CHANGE(hint_wrong) h->hdr_len = 1; }
CHANGE(size_0) h->gso_size = 0; }
CHANGE(size_huge) h->gso_size = 65535; }
CHANGE(no_csum) h->needs_csum = false; }
CHANGE(start_2_less) h->csum_start = (uint16_t)(h->csum_start - 2); }
CHANGE(start_beyond) h->csum_start = 65535; }
CHANGE(start_0) h->csum_start = 0; }
CHANGE(start_last) h->csum_start = (uint16_t)(*len - 2); h->csum_offset = 0; }
CHANGE(start_last_beyond) h->csum_start = (uint16_t)(*len - 1); h->csum_offset = 0; }
CHANGE(offset_2_more) h->csum_offset = (uint16_t)(h->csum_offset + 2); }
CHANGE(offset_odd) h->csum_offset++; }
CHANGE(offset_beyond) h->csum_offset = 65534; }
CHANGE(longer) (*len)++; }
CHANGE(shorter) (*len)--; }
CHANGE(headers_only) *len = h->hdr_len; put16(p + (p[0] >> 4 == 4 ? 2 : 4), h->hdr_len - (p[0] >> 4 == 4 ? 0U : 40U)); }
CHANGE(tcp_cut) *len = h->csum_start + 19U; put16(p + 2, h->csum_start + 19U); }
CHANGE(tcp_cut_more) *len = h->csum_start + 9U; put16(p + 2, h->csum_start + 9U); }
CHANGE(udp_cut) *len = h->csum_start + 5U; put16(p + 2, h->csum_start + 5U); }
CHANGE(tcp_header_16) p[32] = 0x40; }
CHANGE(tcp_header_60) *len = 79; put16(p + 2, 79); p[32] = 0xf0; }
CHANGE(tcp_header_all) *len = 80; put16(p + 2, 80); p[32] = 0xf0; }
CHANGE(udp_length) put16(p + 24, get16(p + 24) - 1U); }
CHANGE(is_udp) p[9] = 17; }
CHANGE(is_tcp) p[9] = 6; }
CHANGE(other_family) h->gso = h->gso == VC_GSO_TCP4 ? VC_GSO_TCP6 : VC_GSO_TCP4; }
CHANGE(fragment) p[6] = 0x20; }
CHANGE(later_fragment) p[7] = 1; }
CHANGE(version_7) p[0] = 0x75; }
CHANGE(none) h->gso = VC_GSO_NONE; }
CHANGE(none_plain) h->gso = VC_GSO_NONE; h->needs_csum = false; h->csum_start = 65535; }
CHANGE(none_longer) h->gso = VC_GSO_NONE; (*len)++; }
CHANGE(none_shorter) h->gso = VC_GSO_NONE; (*len)--; }
CHANGE(none_in_header) h->gso = VC_GSO_NONE; h->csum_start = 10; }
CHANGE(none_start_beyond) none(h, p, len); start_beyond(h, p, len); }
CHANGE(none_start_last) none(h, p, len); start_last(h, p, len); }
CHANGE(none_start_last_beyond) none(h, p, len); start_last_beyond(h, p, len); }
CHANGE(none_offset_beyond) none(h, p, len); offset_beyond(h, p, len); }
CHANGE(none_offset_odd) none(h, p, len); offset_odd(h, p, len); }
// clang-format on

static const struct change changes[] = {
    {"nothing", VC_GSO_TCP4, nothing, 3},
    {"nothing", VC_GSO_TCP6, nothing, 3},
    {"nothing", VC_GSO_UDP, nothing, 3},
    {"a wrong hint", VC_GSO_TCP4, hint_wrong, 3},
    {"gso_size 0", VC_GSO_TCP4, size_0, 0},
    {"gso_size 0", VC_GSO_UDP, size_0, 0},
    {"gso_size 65535", VC_GSO_TCP4, size_huge, 1},
    {"many packets, no checksum wanted", VC_GSO_TCP4, no_csum, 0},
    {"csum_start before TCP", VC_GSO_TCP4, start_2_less, 0},
    {"csum_start beyond the end", VC_GSO_TCP6, start_beyond, 0},
    {"csum_start 0", VC_GSO_UDP, start_0, 0},
    {"csum_offset not TCP's", VC_GSO_TCP4, offset_2_more, 0},
    {"csum_offset not UDP's", VC_GSO_UDP, offset_odd, 0},
    {"csum_offset beyond the end", VC_GSO_UDP, offset_beyond, 0},
    {"padding", VC_GSO_TCP4, longer, 0},
    {"padding", VC_GSO_TCP6, longer, 0},
    {"cut short", VC_GSO_TCP4, shorter, 0},
    {"cut short", VC_GSO_TCP6, shorter, 0},
    {"headers only", VC_GSO_TCP4, headers_only, 0},
    {"headers only", VC_GSO_TCP6, headers_only, 0},
    {"TCP header cut", VC_GSO_TCP4, tcp_cut, 0},
    {"TCP header cut further", VC_GSO_TCP4, tcp_cut_more, 0},
    {"UDP header cut", VC_GSO_UDP, udp_cut, 0},
    {"TCP header of 16", VC_GSO_TCP4, tcp_header_16, 0},
    {"TCP header longer than all", VC_GSO_TCP4, tcp_header_60, 0},
    {"TCP header as long as all", VC_GSO_TCP4, tcp_header_all, 0},
    {"UDP length is another", VC_GSO_UDP, udp_length, 0},
    {"TCP announced, UDP inside", VC_GSO_TCP4, is_udp, 0},
    {"UDP announced, TCP inside", VC_GSO_UDP, is_tcp, 0},
    {"IPv6 announced, IPv4 inside", VC_GSO_TCP4, other_family, 0},
    {"IPv4 announced, IPv6 inside", VC_GSO_TCP6, other_family, 0},
    {"a first fragment", VC_GSO_TCP4, fragment, 0},
    {"a later fragment", VC_GSO_UDP, later_fragment, 0},
    {"IP version 7", VC_GSO_TCP4, version_7, 0},
    {"one packet", VC_GSO_TCP4, none, 1},
    {"one packet", VC_GSO_TCP6, none, 1},
    {"one packet", VC_GSO_UDP, none, 1},
    {"one packet as it is", VC_GSO_TCP4, none_plain, 1},
    {"one with padding", VC_GSO_TCP4, none_longer, 1},
    {"one cut short", VC_GSO_TCP4, none_shorter, 0},
    {"one, csum_start in its IP header", VC_GSO_TCP4, none_in_header, 0},
    {"one, csum_start beyond the end", VC_GSO_TCP4, none_start_beyond, 0},
    {"one, a checksum in the last bytes", VC_GSO_TCP4, none_start_last, 1},
    {"one, a checksum beyond them", VC_GSO_TCP4, none_start_last_beyond, 0},
    {"one, csum_offset beyond the end", VC_GSO_UDP, none_offset_beyond, 0},
    {"one, csum_offset odd", VC_GSO_UDP, none_offset_odd, 0},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct spec s = {.v6 = changes[i].gso == VC_GSO_TCP6,
                         .tcp = changes[i].gso != VC_GSO_UDP,
                         .ttl = 64,
                         .flags = ACK,
                         .payload = payload,
                         .payload_len = 250};
        uint8_t whole[600] = {0};
        struct vc_super super = super_of(&s, 100);
        size_t len = spec_build(&s, true, whole), n = 0;
        changes[i].make(&super, whole, &len);
        uint8_t *packet = exact(whole, len), out[600];
        struct vc_cut cut;
        assert_case(changes[i].name, vc_cut_begin(&cut, &super, packet, len) == changes[i].n);
        while (vc_cut_next(&cut, out, sizeof(out)) > 0)
            n++;
        assert_case(changes[i].name, n == changes[i].n);
        free(packet);
    }
}

/* A checksum that is asked for is written, one that is not is left as it is. */
static void completes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct spec s = {.v6 = i & 1, .tcp = i & 2, .ttl = 64, .flags = ACK, .payload = payload, .payload_len = 101};
        uint8_t whole[300] = {0}, want[300], out[300];
        struct vc_super super = super_of(&s, 0);
        size_t len = spec_build(&s, true, whole), want_len = spec_build(&s, false, want);
        struct vc_cut cut;
        super.gso = VC_GSO_NONE;
        assert_int_equal(vc_cut_begin(&cut, &super, whole, len), 1);
        assert_int_equal(vc_cut_largest(&cut), len);
        assert_int_equal(vc_cut_next(&cut, out, len), want_len);
        assert_memory_equal(out, want, want_len);
        assert_int_equal(vc_cut_begin(&cut, &super, whole, len + 3), 1); /* padding stays behind */
        assert_int_equal(vc_cut_largest(&cut), len);
        assert_int_equal(vc_cut_next(&cut, out, len), want_len);
        assert_memory_equal(out, want, want_len);
        super.needs_csum = false;
        assert_int_equal(vc_cut_begin(&cut, &super, whole, len), 1);
        assert_int_equal(vc_cut_next(&cut, out, len), len);
        assert_memory_equal(out, whole, len);
    }
}

/* UDP says "no checksum" by 0: a sum that comes to 0 is written as 0xffff. */
static void udp_sum_is_never_0(void **state)
{
    uint8_t two[2], whole[64], out[64];
    struct spec s = {.ttl = 64, .payload = two, .payload_len = 2};
    (void)state;
    put16(two, 0);
    (void)spec_build(&s, false, whole);
    put16(two, get16(whole + 26)); /* what is missing to all ones */
    for (unsigned many_or_one = 0; many_or_one < 2; many_or_one++) {
        struct vc_super super = super_of(&s, 2);
        struct vc_cut cut;
        size_t len = spec_build(&s, true, whole);
        if (!many_or_one)
            super.gso = VC_GSO_NONE;
        assert_int_equal(vc_cut_begin(&cut, &super, whole, len), 1);
        assert_int_equal(vc_cut_next(&cut, out, sizeof(out)), len);
        assert_int_equal(get16(out + 26), 0xffff);
    }
}

static void no_room(void **state)
{
    struct spec s = {.tcp = true, .ttl = 64, .flags = ACK, .payload = payload, .payload_len = 250};
    uint8_t whole[600], out[600];
    size_t len = spec_build(&s, true, whole);
    struct vc_cut cut;
    (void)state;
    for (unsigned gso = 0; gso < 2; gso++) {
        struct vc_super super = super_of(&s, 100);
        if (!gso)
            super.gso = VC_GSO_NONE;
        assert_true(vc_cut_begin(&cut, &super, whole, len) > 0);
        size_t largest = vc_cut_largest(&cut);
        assert_int_equal(largest, gso ? 140 : len);
        assert_int_equal(vc_cut_next(&cut, out, largest - 1), 0);
        assert_int_equal(vc_cut_next(&cut, out, largest), 0); /* a hole in the stream is worse than its end */
    }
}

int main(void)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)test_random(&seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many),      cmocka_unit_test(at_random),          cmocka_unit_test(refuses),
        cmocka_unit_test(completes), cmocka_unit_test(udp_sum_is_never_0), cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
