#include "packet/coalesce.h"

#include "packets.h"
#include "table.h"

#include <time.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

static uint8_t payload[65535];
static const uint8_t stamp_a[40] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2},
                     stamp_b[40] = {1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 2};

/* Three packets in a row, of which the second (and what the third follows) is changed: how they come out. */
struct row {
    const char *name;
    void (*change)(struct spec *s); /* to the second of three */
    const char *emits;              /* packets of each, in order */
};

#define CHANGE(name)                                                                                                   \
    static void name(struct spec *s)                                                                                   \
    {                                                                                                                  \
        (void)s;
// clang-format off
CHANGE(nothing) }
CHANGE(pushed) s->flags |= PSH; }
CHANGE(finished) s->flags |= FIN; }
CHANGE(urgent) s->flags |= URG; s->urgent = 1; }
CHANGE(syn) s->flags |= SYN; }
CHANGE(rst) s->flags |= RST; }
CHANGE(cwr) s->flags |= CWR; }
CHANGE(ece) s->flags |= ECE; }
CHANGE(no_ack) s->flags = 0; }
CHANGE(accurate_ecn) s->reserved = 1; }
CHANGE(reserved) s->reserved = 8; }
CHANGE(urgent_pointer) s->urgent = 5; }
CHANGE(pure_ack) s->payload_len = 0; }
CHANGE(gap) s->seq++; }
CHANGE(duplicate) s->seq -= 100; }
CHANGE(acked_more) s->ack++; }
CHANGE(window) s->window++; }
CHANGE(larger) s->payload_len++; }
CHANGE(smaller) s->payload_len--; }
CHANGE(options) s->options = stamp_b; s->options_len = 12; }
CHANGE(no_options) s->options_len = 0; }
CHANGE(ttl) s->ttl++; }
CHANGE(dscp) s->tos |= 4; }
CHANGE(congestion) s->tos |= 3; }
CHANGE(label) s->flow_label++; }
CHANGE(df) s->place ^= 0x4000; }
CHANGE(evil) s->place |= 0x8000; }
CHANGE(id_jumps) s->id += 5; }
CHANGE(id_same) s->id--; }
CHANGE(first_fragment) s->place |= 0x2000; }
CHANGE(later_fragment) s->place |= 0x0010; }
CHANGE(ip_options) s->ip_options = 4; }
CHANGE(extension) s->extension = 8; }
CHANGE(bad_sum) s->spoil_l4 = 0x100; }
CHANGE(bad_ip_sum) s->spoil_ip4 = 1; }
CHANGE(no_sum) s->no_sum = true; }
CHANGE(udp_shorter) s->udp_less = 1; }
CHANGE(other_port) s->sport++; }
CHANGE(other_protocol) s->tcp = !s->tcp; s->options_len = 0; }

static const struct row tcp4[] = {
    {"nothing", nothing, "3"},           {"PSH", pushed, "21"},              {"FIN", finished, "21"},
    {"URG", urgent, "111"},              {"SYN", syn, "111"},                {"RST", rst, "111"},
    {"CWR", cwr, "111"},                 {"ECE", ece, "111"},                {"no ACK", no_ack, "111"},
    {"AE", accurate_ecn, "111"},         {"a reserved bit", reserved, "111"},{"urgent pointer", urgent_pointer, "111"},
    {"pure ACK", pure_ack, "111"},       {"gap", gap, "12"},                 {"duplicate", duplicate, "12"},
    {"another ACK", acked_more, "111"},  {"window", window, "111"},          {"larger", larger, "12"},
    {"smaller", smaller, "21"},          {"options", options, "111"},        {"no options", no_options, "111"},
    {"TTL", ttl, "111"},                 {"DSCP", dscp, "111"},              {"CE", congestion, "111"},
    {"DF", df, "111"},                   {"evil bit", evil, "111"},          {"id jumps", id_jumps, "12"},
    {"id again, no DF", id_same, "12"}, {"first fragment", first_fragment, "111"},
    {"later fragment", later_fragment, "111"},   {"IP options", ip_options, "111"},
    {"bad checksum", bad_sum, "111"},    {"bad IP checksum", bad_ip_sum, "111"},
    {"another flow", other_port, "11"},  {"UDP", other_protocol, "11"},
};
static const struct row tcp6[] = {
    {"nothing", nothing, "3"},           {"PSH", pushed, "21"},              {"flow label", label, "111"},
    {"hop limit", ttl, "111"},           {"traffic class", dscp, "111"},     {"extension", extension, "111"},
    {"bad checksum", bad_sum, "111"},    {"pure ACK", pure_ack, "111"},      {"gap", gap, "12"},
};
static const struct row udp4[] = {
    {"nothing", nothing, "3"},           {"larger", larger, "12"},           {"smaller", smaller, "21"},
    {"empty", pure_ack, "111"},          {"no checksum", no_sum, "111"},     {"bad checksum", bad_sum, "111"},
    {"TTL", ttl, "111"},                 {"CE", congestion, "111"},          {"first fragment", first_fragment, "111"},
    {"another flow", other_port, "11"},  {"TCP", other_protocol, "11"},      {"id jumps", id_jumps, "12"},
};
static const struct row udp6[] = {
    {"nothing", nothing, "3"},           {"bad checksum", bad_sum, "111"},   {"no checksum", no_sum, "111"},
    {"empty", pure_ack, "111"},          {"extension", extension, "111"},
};
/* What all three have in common: alone by nature, not by difference; or nothing that matters. */
static const struct row all4[] = {
    {"SYN", syn, "111"},                 {"RST", rst, "111"},                {"URG", urgent, "111"},
    {"CWR", cwr, "111"},                 {"no ACK", no_ack, "111"},          {"PSH", pushed, "111"},
    {"FIN", finished, "111"},            {"pure ACK", pure_ack, "111"},      {"bad checksum", bad_sum, "111"},
    {"evil bit", evil, "111"},           {"IP options", ip_options, "111"},  {"bad IP checksum", bad_ip_sum, "111"},
    {"first fragment", first_fragment, "111"}, {"later fragment", later_fragment, "111"},
    {"ECE", ece, "3"},                   {"AE", accurate_ecn, "3"},          {"CE", congestion, "3"},
    {"DF", df, "3"},                     {"no options", no_options, "3"},    {"urgent pointer", urgent_pointer, "3"},
};
static const struct row all_udp4[] = {
    {"no checksum", no_sum, "111"},      {"IP options", ip_options, "111"},  {"a length that lies", udp_shorter, "111"},
    {"bad checksum", bad_sum, "111"},    {"CE", congestion, "3"},
};
static const struct row all_tcp6[] = {
    {"extension", extension, "111"},     {"flow label", label, "3"},         {"SYN", syn, "111"},
};
// clang-format on

struct heard {
    struct trains trains; /* first: vc_coalesce_emit's owner */
    char emits[64];
    size_t n;
    struct vc_super last;
};

static void hear(void *owner, const struct vc_super *super, struct iovec *iov, int n_iov, unsigned packets)
{
    struct heard *h = owner;
    h->emits[h->n++] = (char)(packets < 10 ? '0' + packets : '*');
    h->last = *super;
    trains_emit(&h->trains, super, iov, n_iov, packets);
}

static struct spec plain(bool v6, bool tcp)
{
    return (struct spec){.v6 = v6,
                         .tcp = tcp,
                         .src = 1,
                         .dst = 2,
                         .sport = 443,
                         .dport = 50000,
                         .tos = 0,
                         .ttl = 64,
                         .id = 0xffff, /* ids wrap on the way */
                         .seq = 0xffffff80,
                         .ack = 1000,
                         .flags = ACK,
                         .window = 500,
                         .options = stamp_a,
                         .options_len = tcp ? 12 : 0,
                         .payload = payload,
                         .payload_len = 100};
}

/* What a packet in the middle changes of the one that follows: the place in the stream, and nothing else. */
static void run_row(const struct row *row, bool v6, bool tcp)
{
    static struct heard h;
    struct vc_coalescer c;
    uint8_t packet[1000];
    struct spec s = plain(v6, tcp), second;
    memset(&h, 0, sizeof(h));
    vc_coalesce_init(&c, hear, &h, true, true, true);
    trains_add(&h.trains, &c, packet, spec_build(&s, false, packet));
    s.seq += 100;
    s.id++;
    second = s;
    row->change(&second);
    trains_add(&h.trains, &c, packet, spec_build(&second, false, packet));
    s.seq = second.seq + (uint32_t)second.payload_len; /* so that only what is meant to keeps them apart */
    s.payload_len = second.payload_len ? second.payload_len : 100;
    s.id = (uint16_t)(second.id + 1);
    if (second.tcp == tcp && second.sport == s.sport)
        trains_add(&h.trains, &c, packet, spec_build(&s, false, packet));
    trains_end(&h.trains, &c);
    if (strcmp(h.emits, row->emits) != 0)
        fail_msg("%s %s: '%s' came as '%s'", tcp ? "TCP" : "UDP", v6 ? "IPv6" : "IPv4", row->name, h.emits);
}

static void rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tcp4) / sizeof(tcp4[0]); i++)
        run_row(&tcp4[i], false, true);
    for (size_t i = 0; i < sizeof(tcp6) / sizeof(tcp6[0]); i++)
        run_row(&tcp6[i], true, true);
    for (size_t i = 0; i < sizeof(udp4) / sizeof(udp4[0]); i++)
        run_row(&udp4[i], false, false);
    for (size_t i = 0; i < sizeof(udp6) / sizeof(udp6[0]); i++)
        run_row(&udp6[i], true, false);
}

static void run_all(const struct row *row, bool v6, bool tcp)
{
    static struct heard h;
    struct vc_coalescer c;
    struct spec s = plain(v6, tcp);
    memset(&h, 0, sizeof(h));
    vc_coalesce_init(&c, hear, &h, true, true, true);
    row->change(&s);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t packet[1000];
        trains_add(&h.trains, &c, packet, spec_build(&s, false, packet));
        s.seq += (uint32_t)s.payload_len;
        s.id++;
    }
    trains_end(&h.trains, &c);
    if (strcmp(h.emits, row->emits) != 0)
        fail_msg("%s %s: all '%s' came as '%s'", tcp ? "TCP" : "UDP", v6 ? "IPv6" : "IPv4", row->name, h.emits);
}

static void alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(all4) / sizeof(all4[0]); i++)
        run_all(&all4[i], false, true);
    for (size_t i = 0; i < sizeof(all_udp4) / sizeof(all_udp4[0]); i++)
        run_all(&all_udp4[i], false, false);
    for (size_t i = 0; i < sizeof(all_tcp6) / sizeof(all_tcp6[0]); i++)
        run_all(&all_tcp6[i], true, true);
}

/* Under DF ids may be alike or count, but not now this and then that. */
static void ids_change_their_mind(void **state)
{
    static const uint16_t ids[2][3] = {{5, 6, 5}, {5, 5, 7}};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        static struct heard h;
        struct vc_coalescer c;
        struct spec s = plain(false, true);
        memset(&h, 0, sizeof(h));
        vc_coalesce_init(&c, hear, &h, true, true, true);
        s.place = 0x4000;
        for (unsigned k = 0; k < 3; k++) {
            uint8_t packet[1000];
            s.id = ids[i][k];
            trains_add(&h.trains, &c, packet, spec_build(&s, false, packet));
            s.seq += (uint32_t)s.payload_len;
        }
        trains_end(&h.trains, &c);
        assert_string_equal(h.emits, "21");
    }
}

/* TCP and UDP between the same ports, and two of each, are flows of their own. */
static void interleaved(void **state)
{
    static struct heard h;
    struct vc_coalescer c;
    struct spec flows[4] = {plain(false, true), plain(false, false), plain(true, true), plain(true, false)};
    (void)state;
    memset(&h, 0, sizeof(h));
    vc_coalesce_init(&c, hear, &h, true, true, true);
    for (unsigned k = 0; k < 12; k++) {
        struct spec *s = &flows[k % 4];
        uint8_t packet[1000];
        trains_add(&h.trains, &c, packet, spec_build(s, false, packet));
        s->seq += (uint32_t)s->payload_len;
        s->id++;
    }
    trains_end(&h.trains, &c);
    assert_string_equal(h.emits, "3333");
}

/* Adds @n packets of @s, one behind the other; @ids is added to the id each time. */
static void add_stream(struct heard *h, struct vc_coalescer *c, struct spec s, unsigned n, unsigned ids)
{
    static uint8_t packet[65536];
    for (unsigned i = 0; i < n; i++) {
        trains_add(&h->trains, c, packet, spec_build(&s, false, packet));
        s.seq += (uint32_t)s.payload_len;
        s.id = (uint16_t)(s.id + ids);
    }
}

/* As many as fit: @n of @len bytes of payload. */
static const struct {
    const char *name;
    bool v6, tcp, df;
    size_t len;
    unsigned n, ids;
    const char *emits; /* "*": more than 9 */
} streams[] = {
    {"64 pieces", false, true, false, 100, 64, 1, "*"},
    {"65 pieces", false, true, false, 100, 65, 1, "*1"},
    {"130 pieces", false, false, false, 100, 130, 1, "**2"},
    {"65535 bytes", false, true, false, 65483 / 7, 7, 1, "7"}, /* 65483 = 65535 - 52 = 7 * 9354 + 5 */
    {"one packet more than 65535", false, true, false, 65483 / 7, 8, 1, "71"},
    {"IPv6: 65535 bytes", true, true, false, 13092, 5, 1, "5"}, /* 65460 + 72 */
    {"IPv6: three more", true, true, false, 13093, 5, 1, "41"}, /* each one more: 65537 */
    {"ids all alike under DF", false, true, true, 100, 9, 0, "9"},
    {"ids that count under DF", false, true, true, 100, 9, 1, "9"},
    {"ids by two under DF", false, true, true, 100, 4, 2, "1111"},
    {"ids all alike without DF", false, false, false, 100, 4, 0, "1111"},
};

static void limits(void **state)
{
    static struct heard h;
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct vc_coalescer c;
        struct spec s = plain(streams[i].v6, streams[i].tcp);
        memset(&h, 0, sizeof(h));
        vc_coalesce_init(&c, hear, &h, true, true, true);
        s.payload_len = streams[i].len;
        s.place = streams[i].df ? 0x4000 : 0;
        add_stream(&h, &c, s, streams[i].n, streams[i].ids);
        trains_end(&h.trains, &c);
        if (strcmp(h.emits, streams[i].emits) != 0)
            fail_msg("'%s' came as '%s'", streams[i].name, h.emits);
    }
}

/* The header that the kernel gets. */
static void super_header(void **state)
{
    static struct heard h;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct vc_coalescer c;
        bool v6 = i & 1, tcp = i & 2;
        struct spec s = plain(v6, tcp);
        memset(&h, 0, sizeof(h));
        vc_coalesce_init(&c, hear, &h, true, true, true);
        add_stream(&h, &c, s, 3, 1);
        trains_end(&h.trains, &c);
        assert_true(h.last.needs_csum && !h.last.ecn);
        assert_int_equal(h.last.gso, !tcp ? VC_GSO_UDP : v6 ? VC_GSO_TCP6 : VC_GSO_TCP4);
        assert_int_equal(h.last.gso_size, 100);
        assert_int_equal(h.last.csum_start, v6 ? 40 : 20);
        assert_int_equal(h.last.csum_offset, tcp ? 16 : 6);
        assert_int_equal(h.last.hdr_len, (v6 ? 40 : 20) + (tcp ? 32 : 8));
    }
}

/* What the TUN does not take goes through alone. */
static void offloads(void **state)
{
    static struct heard h;
    (void)state;
    for (unsigned mask = 0; mask < 8; mask++) {
        for (unsigned i = 0; i < 4; i++) {
            struct vc_coalescer c;
            bool v6 = i & 1, tcp = i & 2, takes = tcp ? mask & (v6 ? 2 : 1) : mask & 4;
            memset(&h, 0, sizeof(h));
            vc_coalesce_init(&c, hear, &h, mask & 1, mask & 2, mask & 4);
            add_stream(&h, &c, plain(v6, tcp), 3, 1);
            trains_end(&h.trains, &c);
            assert_string_equal(h.emits, takes ? "3" : "111");
        }
    }
}

/* A packet that is last by its flags waits for nothing; one flow too many makes room. */
static void what_waits(void **state)
{
    static struct heard h;
    struct vc_coalescer c;
    struct spec s = plain(false, true);
    (void)state;
    memset(&h, 0, sizeof(h));
    vc_coalesce_init(&c, hear, &h, true, true, true);
    s.flags = ACK | PSH;
    add_stream(&h, &c, s, 1, 1);
    assert_string_equal(h.emits, "1");
    s.flags = ACK;
    for (unsigned i = 0; i < VC_COALESCE_FLOWS; i++) {
        s.sport = (uint16_t)(1000 + i);
        add_stream(&h, &c, s, i == 0 ? 2 : 1, 1);
    }
    assert_string_equal(h.emits, "1");
    s.sport = 2000;
    add_stream(&h, &c, s, 1, 1);
    assert_string_equal(h.emits, "12");
    trains_end(&h.trains, &c);
    assert_int_equal(h.n, 2 + VC_COALESCE_FLOWS);
}

/* ---- the differential test: flows that do all that a flow may, and some that none should ---- */

#define FLOWS 20

struct flow {
    struct spec s;
    size_t mss;
    unsigned ids; /* how its ids go: 0 alike, 1 count, 2 jump */
};

static void new_flow(struct flow *f, uint64_t *seed)
{
    static const size_t sizes[] = {1, 2, 7, 8, 100, 101, 536, 1348, 1400};
    uint64_t r = test_random(seed), q = test_random(seed);
    *f = (struct flow){.s = {.v6 = r & 1,
                             .tcp = r >> 1 & 3,
                             .src = (uint8_t)(r >> 3 & 1),
                             .dst = (uint8_t)(r >> 4 & 1),
                             .sport = (uint16_t)(r >> 5 & 3),
                             .dport = (uint16_t)(r >> 7 & 3),
                             .ttl = 64,
                             .tos = (r >> 9 & 7) == 0 ? 2 : 0,
                             .id = (uint16_t)q,
                             .place = r >> 12 & 1 ? 0x4000 : 0,
                             .seq = (uint32_t)(q >> 16),
                             .ack = (uint32_t)(q >> 20),
                             .flags = ACK,
                             .window = 1000,
                             .options = stamp_a,
                             .options_len = r >> 13 & 1 ? 12 : 0,
                             .payload = payload + (q & 1023)},
                       .mss = sizes[(r >> 20) % (sizeof(sizes) / sizeof(sizes[0]))],
                       .ids = (unsigned)((r >> 30) % 5 == 0 ? 2 : (r >> 33 & 3) != 0)};
    if (!f->s.tcp)
        f->s.options_len = 0;
    f->s.payload_len = f->mss;
}

/* Makes the flow's next packet at @out, usually an ordinary one. */
static size_t next_packet(struct flow *f, uint64_t *seed, bool odd, uint8_t *out)
{
    uint64_t r = test_random(seed);
    struct spec s = f->s;
    size_t len;
    bool advance = true;
    s.payload += r >> 40 & 1023;
    switch (odd ? r % 32 : 100) {
    case 0:
        s.seq += (uint32_t)(r >> 8 & 3);
        break;
    case 1:
        s.seq -= (uint32_t)s.payload_len;
        break;
    case 2:
        s.flags |= PSH;
        break;
    case 3:
        s.flags |= FIN;
        break;
    case 4:
        s.flags = (uint8_t)(r >> 8);
        break;
    case 5:
        s.flags |= CWR;
        break;
    case 6:
        s.flags |= ECE;
        break;
    case 7:
        f->s.flags ^= ECE;
        break;
    case 8:
        s.reserved = (uint8_t)(r >> 8 & 15);
        break;
    case 9:
        s.options = stamp_b;
        break;
    case 10:
        s.options_len = s.tcp ? (r >> 8 & 7) * 4 : 0;
        break;
    case 11:
        s.place |= 0x2000;
        break;
    case 12:
        s.place |= (uint16_t)(r >> 8 & 0x1fff);
        break;
    case 13:
        s.place ^= 0x4000;
        break;
    case 14:
        s.payload_len = r >> 8 & 1 ? s.payload_len / 2 : s.payload_len + 1;
        break;
    case 15:
        s.payload_len = 0;
        break;
    case 16:
        s.spoil_l4 = (uint16_t)(1 + (r >> 8) % 65534);
        break;
    case 17:
        s.spoil_ip4 = (uint16_t)(1 + (r >> 8) % 65534);
        break;
    case 18:
        s.tos ^= (uint8_t)(1 << (r >> 8 & 7));
        break;
    case 19:
        s.ttl--;
        break;
    case 20:
        s.no_sum = true;
        break;
    case 21:
        s.ip_options = 4 + (r >> 8 & 7) * 4;
        break;
    case 22:
        s.extension = 8 + (r >> 8 & 1) * 8;
        break;
    case 23:
        s.ack++;
        break;
    case 24:
        f->s.ack++;
        break;
    case 25:
        f->s.window++;
        break;
    case 26:
        s.urgent = 1;
        break;
    case 27:
        s.flow_label = 1;
        break;
    case 28:
        s.id += (uint16_t)(r >> 8 & 3);
        break;
    case 29:
        advance = false;
        break; /* the same again */
    default:
        break;
    }
    len = spec_build(&s, false, out);
    if (odd && r % 32 == 30)
        out[r % len] ^= (uint8_t)(1 << (r >> 8 & 7)); /* anything */
    if (odd && r % 32 == 31)
        out[s.v6 ? 6 : 9] = (uint8_t)(r >> 8 & 1 ? 1 : 58);
    if ((r >> 20 & 31) == 0 && odd)
        len = r >> 25 & 1 ? len - (r >> 26) % (len + 1) : len + (r >> 26 & 15);
    if (advance) {
        f->s.seq += (uint32_t)f->s.payload_len;
        f->s.id = (uint16_t)(f->s.id + (f->ids == 2 ? r >> 30 & 3 : f->ids));
    }
    return len;
}

static void differential(uint64_t seed, unsigned rounds, unsigned *packets, unsigned *emits)
{
    static struct trains t;
    static uint8_t packet[4096];
    struct flow flows[FLOWS];
    struct vc_coalescer c;
    print_message("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout); /* a failure aborts */
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t r = test_random(&seed);
        unsigned n_flows = 1 + (unsigned)(r % FLOWS), oddity = 1U << (r >> 8 & 7), n = 1 + (unsigned)((r >> 16) % 200);
        vc_coalesce_init(&c, trains_emit, &t, (r >> 40 & 7) != 0, (r >> 43 & 7) != 0, (r >> 46 & 7) != 0);
        for (unsigned i = 0; i < n_flows; i++)
            new_flow(&flows[i], &seed);
        for (unsigned i = 0; i < n;) {
            struct flow *f = &flows[test_random(&seed) % n_flows];
            for (uint64_t burst = 1 + test_random(&seed) % 40; burst > 0 && i < n; burst--, i++) {
                size_t len = next_packet(f, &seed, test_random(&seed) % oddity == 0, packet);
                trains_add(&t, &c, packet, len);
            }
        }
        *packets += n;
        vc_coalesce_flush(&c);
        *emits += t.n_emits;
        trains_end(&t, &c);
    }
}

static void one_by_one_would_have_given(void **state)
{
    unsigned packets = 0, emits = 0;
    (void)state;
    differential(1, 1500, &packets, &emits);
    differential((uint64_t)time(NULL), 1500, &packets, &emits);
    print_message("%u packets in %u\n", packets, emits);
    assert_true(emits < packets / 2); /* or it tests nothing */
}

int main(void)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)test_random(&seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),        cmocka_unit_test(alike),      cmocka_unit_test(ids_change_their_mind),
        cmocka_unit_test(interleaved), cmocka_unit_test(limits),     cmocka_unit_test(super_header),
        cmocka_unit_test(offloads),    cmocka_unit_test(what_waits), cmocka_unit_test(one_by_one_would_have_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
