#include "gateway/authority/leases.h"

#include "table.h"

static const uint64_t seed[2] = {1, 2};

static struct vc_prefix prefix(const char *text)
{
    struct vc_prefix p = {0};
    if (text)
        assert_true(vc_prefix_parse(vc_str_of(text), &p));
    return p;
}

static struct vc_ip ip(const char *text)
{
    struct vc_ip i = {0};
    if (text)
        assert_true(vc_ip_parse(vc_str_of(text), &i));
    return i;
}

static void init(struct vc_leases *l, const char *v4, const char *v6, uint8_t v6_len)
{
    struct vc_prefix p4 = prefix(v4), p6 = prefix(v6);
    vc_leases_init(l, &p4, &p6, v6_len, seed);
}

/* Taken one after the other until there is none: how many, and which come first from start 0. */
static void test_pools(void **state)
{
    static const struct {
        const char *name, *v4, *v6;
        uint8_t v6_len;
        unsigned n;
        const char *first4, *last4, *first6, *last6;
    } cases[] = {
        {"one client", "10.0.0.0/30", NULL, 0, 1, "10.0.0.2", "10.0.0.2", NULL, NULL},
        {"five", "10.0.0.8/29", NULL, 0, 5, "10.0.0.10", "10.0.0.14", NULL, NULL},
        {"over an octet", "10.0.254.0/23", NULL, 0, 509, "10.0.254.2", "10.0.255.254", NULL, NULL},
        {"IPv6 addresses", NULL, "fd00::/126", 128, 2, NULL, NULL, "fd00::2", "fd00::3"},
        {"IPv6 networks", NULL, "fd00::/62", 64, 3, NULL, NULL, "fd00:0:0:1::1", "fd00:0:0:3::1"},
        {"IPv6 pairs", NULL, "fd00::/125", 127, 3, NULL, NULL, "fd00::3", "fd00::7"},
        {"both, IPv4 is the shorter", "10.0.0.0/29", "fd00::/64", 128, 5, "10.0.0.2", "10.0.0.6", "fd00::2", "fd00::6"},
        {"both, IPv6 is the shorter", "10.0.0.0/24", "fd00::/126", 128, 2, "10.0.0.2", "10.0.0.3", "fd00::2",
         "fd00::3"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_leases l;
        struct vc_ip v4, v6, want;
        unsigned n = 0;
        init(&l, cases[i].v4, cases[i].v6, cases[i].v6_len);
        while (vc_leases_take(&l, 0, &v4, &v6) == 0) {
            if (n == 0) {
                want = ip(cases[i].first4);
                assert_case(cases[i].name, vc_ip_eq(&v4, &want));
                want = ip(cases[i].first6);
                assert_case(cases[i].name, vc_ip_eq(&v6, &want));
            }
            if (++n == cases[i].n) {
                want = ip(cases[i].last4);
                assert_case(cases[i].name, vc_ip_eq(&v4, &want));
                want = ip(cases[i].last6);
                assert_case(cases[i].name, vc_ip_eq(&v6, &want));
            }
        }
        assert_case(cases[i].name, n == cases[i].n);
        /* what was refused took nothing */
        assert_case(cases[i].name, vc_leases_n(&l) == (size_t)n * ((cases[i].v4 != NULL) + (cases[i].v6 != NULL)));
        vc_leases_deinit(&l);
    }
    (void)state;
}

static void test_claims(void **state)
{
    static const struct {
        const char *name, *v4, *v6;
        bool good;
    } cases[] = {
        {"in both", "10.0.0.9", "fd00::9", true},
        {"only IPv4", "10.0.0.9", NULL, true},
        {"nothing", NULL, NULL, true},
        {"the network", "10.0.0.0", NULL, false},
        {"the gateway", "10.0.0.1", NULL, false},
        {"broadcast", "10.0.0.255", NULL, false},
        {"another pool", "10.0.1.9", NULL, false},
        {"the gateway's IPv6", "10.0.0.9", "fd00::1", false},
        {"another IPv6 pool", "10.0.0.9", "fd01::9", false},
        {"families swapped", "fd00::9", "10.0.0.9", false},
        {"taken", "10.0.0.77", "fd00::9", false},
        {"taken IPv6", "10.0.0.9", "fd00::77", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_leases l;
        struct vc_ip v4 = ip("10.0.0.77"), v6 = ip("fd00::77");
        init(&l, "10.0.0.0/24", "fd00::/64", 128);
        assert_true(vc_leases_claim(&l, &v4, &v6));
        size_t before = vc_leases_n(&l);
        v4 = ip(cases[i].v4);
        v6 = ip(cases[i].v6);
        assert_case(cases[i].name, vc_leases_claim(&l, &v4, &v6) == cases[i].good);
        assert_case(cases[i].name, cases[i].good || vc_leases_n(&l) == before);
        vc_leases_deinit(&l);
    }
    (void)state;
}

static void test_same_start_same_address(void **state)
{
    struct vc_leases l;
    struct vc_ip a4, a6, b4, b6;
    init(&l, "10.0.0.0/16", "fd00::/48", 64);
    assert_int_equal(vc_leases_take(&l, 12345678901234567ULL, &a4, &a6), 0);
    assert_int_equal(vc_leases_take(&l, 12345678901234567ULL, &b4, &b6), 0); /* taken: the next one */
    assert_false(vc_ip_eq(&a4, &b4));
    vc_leases_free(&l, &a4, &a6);
    assert_int_equal(vc_leases_take(&l, 12345678901234567ULL, &b4, &b6), 0);
    assert_true(vc_ip_eq(&a4, &b4) && vc_ip_eq(&a6, &b6));
    vc_leases_deinit(&l);
    (void)state;
}

/* Against a slow reference, at random: never the same address twice, never one that no pool gives, none lost. */
static void test_at_random(void **state)
{
    struct vc_leases l;
    struct {
        struct vc_ip v4, v6;
    } held[200];
    unsigned n = 0;
    uint64_t random = 42;
    init(&l, "10.0.0.0/25", "fd00::/120", 128);
    for (int step = 0; step < 20000; step++) {
        if (test_random(&random) % 2 == 0 && n < 200) {
            struct vc_ip v4, v6;
            int r = vc_leases_take(&l, test_random(&random), &v4, &v6);
            assert_int_equal(r, n < 125 ? 0 : 1);
            if (r != 0)
                continue;
            assert_true(v4.bytes[3] >= 2 && v4.bytes[3] <= 126 && v6.bytes[15] >= 2);
            for (unsigned i = 0; i < n; i++)
                assert_false(vc_ip_eq(&held[i].v4, &v4) || vc_ip_eq(&held[i].v6, &v6));
            held[n].v4 = v4;
            held[n++].v6 = v6;
        } else if (n > 0) {
            unsigned i = (unsigned)(test_random(&random) % n);
            vc_leases_free(&l, &held[i].v4, &held[i].v6);
            held[i] = held[--n];
        }
        assert_int_equal(vc_leases_n(&l), 2 * n);
    }
    vc_leases_deinit(&l);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_same_start_same_address),
        cmocka_unit_test(test_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
