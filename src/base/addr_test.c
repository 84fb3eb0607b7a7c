/* Addresses, networks, endpoints: text both ways, arithmetic, and their form between processes. */
#include "base/addr.h"

#include "table.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct vc_ip ip(const char *text)
{
    struct vc_ip out;
    if (!vc_ip_parse(vc_str_of(text), &out))
        fail_msg("not an address: %s", text);
    return out;
}

static struct vc_prefix net(const char *text)
{
    struct vc_prefix out;
    if (!vc_prefix_parse(vc_str_of(text), &out))
        fail_msg("not a network: %s", text);
    return out;
}

static void addresses(void **state)
{
    static const struct {
        const char *in;
        enum vc_family family;
        const char *print; /* NULL: as in */
    } rows[] = {
        {"0.0.0.0", VC_FAMILY_V4, NULL},
        {"192.0.2.255", VC_FAMILY_V4, NULL},
        {"2001:DB8:0::1", VC_FAMILY_V6, "2001:db8::1"},
        {"::", VC_FAMILY_V6, NULL},
        {"::ffff:192.0.2.1", VC_FAMILY_V6, NULL}, /* a text is taken as it is written */
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", VC_FAMILY_V6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"", VC_FAMILY_NONE, NULL},
        {"192.0.2", VC_FAMILY_NONE, NULL},
        {"192.0.2.1.1", VC_FAMILY_NONE, NULL},
        {"192.0.2.256", VC_FAMILY_NONE, NULL},
        {"192.0.2.1 ", VC_FAMILY_NONE, NULL},
        {" 192.0.2.1", VC_FAMILY_NONE, NULL},
        {"0x7f.1", VC_FAMILY_NONE, NULL},
        {"::1%eth0", VC_FAMILY_NONE, NULL},
        {"[::1]", VC_FAMILY_NONE, NULL},
        {":::", VC_FAMILY_NONE, NULL},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2550000", VC_FAMILY_NONE, NULL},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_ip out;
        char text[VC_IP_TEXT];
        bool ok = vc_ip_parse(vc_str_of(rows[i].in), &out);
        assert_case(rows[i].in, ok == (rows[i].family != VC_FAMILY_NONE) && out.family == rows[i].family);
        vc_ip_print(&out, text);
        assert_case(rows[i].in, strcmp(text, !ok ? "none" : rows[i].print ? rows[i].print : rows[i].in) == 0);
    }
    struct vc_ip out;
    assert_false(vc_ip_parse(VC_STR("192.0.2.1\0"), &out)); /* a NUL inside the view */
}

static void networks(void **state)
{
    static const struct {
        const char *in, *print; /* NULL: refused */
    } rows[] = {
        {"192.0.2.77/24", "192.0.2.0/24"},
        {"192.0.2.77/255.255.255.128", "192.0.2.0/25"},
        {"192.0.2.77/255.255.255.255", "192.0.2.77/32"},
        {"192.0.2.77/0.0.0.0", "0.0.0.0/0"},
        {"192.0.2.77", "192.0.2.77/32"},
        {"255.255.255.255/9", "255.128.0.0/9"},
        {"10.0.0.0/0", "0.0.0.0/0"},
        {"2001:db8::1/127", "2001:db8::/127"},
        {"2001:db8:ffff::/33", "2001:db8:8000::/33"},
        {"::1", "::1/128"},
        {"ffff::/0", "::/0"},
        {"192.0.2.0/33", NULL},
        {"192.0.2.0/255.0.255.0", NULL},
        {"192.0.2.0/255.255.255.253", NULL},
        {"192.0.2.0/0.0.0.255", NULL},
        {"192.0.2.0/", NULL},
        {"192.0.2.0/24/24", NULL},
        {"192.0.2.0/-1", NULL},
        {"192.0.2.0/ffff::", NULL},
        {"::/129", NULL},
        {"::/255.255.255.0", NULL},
        {"/24", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_prefix out;
        char text[VC_PREFIX_TEXT];
        bool ok = vc_prefix_parse(vc_str_of(rows[i].in), &out);
        assert_case(rows[i].in, ok == (rows[i].print != NULL));
        if (!ok)
            continue;
        vc_prefix_print(&out, text);
        assert_case(rows[i].in, strcmp(text, rows[i].print) == 0);
    }
}

static void membership(void **state)
{
    static const struct {
        const char *net, *ip;
        bool has;
    } rows[] = {
        {"10.1.0.0/16", "10.1.255.255", true},
        {"10.1.0.0/16", "10.2.0.0", false},
        {"10.1.0.0/17", "10.1.128.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "0.0.0.0", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe80::1", false},
        {"::1/128", "::1", true},
        {"::1/128", "::2", false},
    };
    struct vc_prefix none = {0};
    struct vc_ip nobody = {0};
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_prefix p = net(rows[i].net);
        struct vc_ip a = ip(rows[i].ip);
        assert_case(rows[i].net, vc_prefix_has(&p, &a) == rows[i].has);
    }
    assert_false(vc_prefix_has(&none, &nobody));
}

static void nth(void **state)
{
    static const struct {
        const char *net;
        uint64_t n;
        const char *want; /* NULL: outside */
    } rows[] = {
        {"10.1.0.0/16", 0, "10.1.0.0"},
        {"10.1.0.0/16", 65535, "10.1.255.255"},
        {"10.1.0.0/16", 65536, NULL},
        {"10.1.2.3/32", 0, "10.1.2.3"},
        {"10.1.2.3/32", 1, NULL},
        {"0.0.0.0/0", 0xffffffff, "255.255.255.255"},
        {"0.0.0.0/0", 0x100000000, NULL},
        {"fd00::/64", UINT64_MAX, "fd00::ffff:ffff:ffff:ffff"},
        {"fd00::/65", 0x8000000000000000, NULL},
        {"fd00::/65", 0x7fffffffffffffff, "fd00::7fff:ffff:ffff:ffff"},
        {"::/0", 0x0102, "::102"},
        {"fd00::1/128", 1, NULL},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_prefix p = net(rows[i].net);
        struct vc_ip out, want;
        bool ok = vc_prefix_nth(&p, rows[i].n, &out);
        assert_case(rows[i].net, ok == (rows[i].want != NULL));
        if (!ok)
            continue;
        want = ip(rows[i].want);
        assert_case(rows[i].want, vc_ip_eq(&out, &want) && vc_prefix_has(&p, &out));
    }
    struct vc_prefix none = {0};
    struct vc_ip out;
    assert_false(vc_prefix_nth(&none, 0, &out));
}

static void masks(void **state)
{
    static const struct {
        uint8_t len;
        const char *want;
    } rows[] = {{0, "0.0.0.0"}, {1, "128.0.0.0"}, {9, "255.128.0.0"}, {24, "255.255.255.0"}, {32, "255.255.255.255"}};
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_ip got = vc_ip_mask4(rows[i].len), want = ip(rows[i].want);
        assert_case(rows[i].want, vc_ip_eq(&got, &want));
    }
}

static void loopback(void **state)
{
    static const struct {
        const char *ip;
        bool yes;
    } rows[] = {{"127.0.0.1", true},  {"127.255.255.255", true},
                {"128.0.0.1", false}, {"0.0.0.0", false},
                {"::1", true},        {"::", false},
                {"::2", false},       {"7f00::1", false}};
    struct vc_ip none = {0};
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_ip a = ip(rows[i].ip);
        assert_case(rows[i].ip, vc_ip_is_loopback(&a) == rows[i].yes);
    }
    assert_false(vc_ip_is_loopback(&none));
}

static void martians(void **state)
{
    static const struct {
        const char *ip;
        bool yes;
    } rows[] = {{"0.0.0.0", true},
                {"0.1.2.3", true},
                {"1.0.0.0", false},
                {"127.0.0.1", true},
                {"126.255.255.255", false},
                {"128.0.0.0", false},
                {"169.254.0.1", true},
                {"169.253.255.255", false},
                {"169.255.0.0", false},
                {"224.0.0.0", true},
                {"239.255.255.255", true},
                {"223.255.255.255", false},
                {"240.0.0.1", false},
                {"255.255.255.255", true},
                {"255.255.255.254", false},
                {"10.0.0.255", false},
                {"::", true},
                {"::1", true},
                {"::2", false},
                {"ff02::1", true},
                {"ff0e::5", true},
                {"feff::1", false},
                {"fe80::1", true},
                {"febf::1", true},
                {"fe7f::1", false},
                {"fec0::1", false},
                {"::ffff:10.0.0.1", true},
                {"::fffe:10.0.0.1", false},
                {"2001:db8::1", false},
                {"fd00::1", false}};
    struct vc_ip none = {0};
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_ip a = ip(rows[i].ip);
        assert_case(rows[i].ip, vc_ip_is_martian(&a) == rows[i].yes);
    }
    assert_false(vc_ip_is_martian(&none));
}

static void endpoints(void **state)
{
    char text[VC_ENDPOINT_TEXT];
    struct vc_endpoint a = {.ip = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), .port = 65535}, b = a;
    (void)state;
    vc_endpoint_print(&a, text);
    assert_string_equal(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    assert_true(vc_endpoint_eq(&a, &b));
    b.port = 1;
    assert_false(vc_endpoint_eq(&a, &b));
    b = (struct vc_endpoint){.ip = ip("192.0.2.1"), .port = 443};
    assert_false(vc_endpoint_eq(&a, &b));
    vc_endpoint_print(&b, text);
    assert_string_equal(text, "192.0.2.1:443");
    vc_endpoint_print(&(struct vc_endpoint){.port = 443}, text);
    assert_string_equal(text, "none:443");
}

static void between_processes(void **state)
{
    static const char *const texts[] = {"192.0.2.1", "0.0.0.0", "2001:db8::1", "::"};
    uint8_t buf[64];
    (void)state;
    for (size_t i = 0; i <= N(texts); i++) {
        struct vc_endpoint e = {.port = (uint16_t)(i * 1000)}, back;
        struct vc_prefix p = {0}, p_back;
        if (i < N(texts)) {
            e.ip = ip(texts[i]);
            p = net(texts[i]);
        }
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_put_endpoint(&w, &e);
        vc_put_prefix(&w, &p);
        assert_int_equal(vc_written(&w), 17 + 2 + 17 + 1);
        uint8_t *in = exact(buf, vc_written(&w));
        struct vc_reader r = vc_reader_of(in, vc_written(&w));
        vc_take_endpoint(&r, &back);
        vc_take_prefix(&r, &p_back);
        assert_true(vc_reader_done(&r));
        assert_memory_equal(&e.ip, &back.ip, sizeof(e.ip));
        assert_int_equal(e.port, back.port);
        assert_memory_equal(&p, &p_back, sizeof(p));
        free(in);
    }
}

// clang-format off
static void packed_oddities(void **state)
{
#define ZEROS16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    static const struct {
        const char *name;
        struct bytes in; /* 17 bytes of an address, one of a prefix length */
        bool bad;
    } rows[] = {
        {"IPv4",                     BYTES("\x04" "\xff\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\x09"), false},
        {"IPv6",                     BYTES("\x06" "\xff\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\x09"), false},
        {"none",                     BYTES("\0"   ZEROS16 "\0"),                                  false},
        {"IPv4 with dirt behind it", BYTES("\x04" "abcdDIRTDIRTDIRT" "\x20"),                     true},
        {"none with dirt",           BYTES("\0"   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" "\0"),       true},
        {"none with a length",       BYTES("\0"   ZEROS16 "\x01"),                                true},
        {"unknown family",           BYTES("\x05" ZEROS16 "\0"),                                  true},
        {"short",                    BYTES("\x04" "abcd"),                                        true},
        {"IPv4 /33",                 BYTES("\x04" ZEROS16 "\x21"),                                true},
        {"IPv6 /129",                BYTES("\x06" ZEROS16 "\x81"),                                true},
        {"host bits",                BYTES("\x04" "\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\x09"), true},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        uint8_t *in = exact(rows[i].in.at, rows[i].in.len), out[18];
        struct vc_reader r = vc_reader_of(in, rows[i].in.len);
        struct vc_writer w = vc_writer_to(out, sizeof(out));
        struct vc_prefix p;
        vc_take_prefix(&r, &p);
        assert_case(rows[i].name, r.bad == rows[i].bad);
        vc_put_prefix(&w, &p);
        assert_case(rows[i].name, vc_written(&w) == 18 && memcmp(out, r.bad ? (const uint8_t *)ZEROS16 "\0" : in, 18) == 0);
        free(in);
    }
    /* whatever lies behind an address in memory stays here */
    struct vc_ip dirty = {.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 1, 7, 7, 7}};
    uint8_t out[17];
    struct vc_writer w = vc_writer_to(out, sizeof(out));
    vc_put_ip(&w, &dirty);
    assert_memory_equal(out, "\x04\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\0", 17);
}
// clang-format on

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(networks),
        cmocka_unit_test(membership),
        cmocka_unit_test(nth),
        cmocka_unit_test(masks),
        cmocka_unit_test(loopback),
        cmocka_unit_test(martians),
        cmocka_unit_test(endpoints),
        cmocka_unit_test(between_processes),
        cmocka_unit_test(packed_oddities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
