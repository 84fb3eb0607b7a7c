#include "table.h"

#include "proto/mtu.h"

static const struct {
    const char *key;
    enum vc_mtu_class cls;
    bool timestamps;
} columns[] = {
    {"dtls_gcm", VC_MTU_DTLS_GCM, false},
    {"dtls_chacha", VC_MTU_DTLS_CHACHA, false},
    {"dtls_cbc_sha1", VC_MTU_DTLS_CBC_SHA1, false},
    {"tls12_gcm", VC_MTU_TLS12_GCM, false},
    {"tls12_chacha", VC_MTU_TLS12_CHACHA, false},
    {"tls13", VC_MTU_TLS13, false},
    {"tls12_gcm_tcp_timestamps", VC_MTU_TLS12_GCM, true},
    {"tls13_tcp_timestamps", VC_MTU_TLS13, true},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void test_vectors(void **state)
{
    (void)state;
    size_t i, seen = 0;
    json_t *row;
    json_array_foreach(json_object_get(vectors(), "mtu"), i, row)
    {
        uint32_t base = (uint32_t)json_integer_value(json_object_get(row, "base"));
        enum vc_family outer = strcmp(vector_text(row, "family"), "ipv6") == 0 ? VC_FAMILY_V6 : VC_FAMILY_V4;
        for (size_t c = 0; c < N_COLUMNS; c++) {
            json_t *want = json_object_get(row, columns[c].key);
            assert_non_null(want);
            assert_case(columns[c].key,
                        vc_mtu_exact(columns[c].cls, base, outer, columns[c].timestamps) == json_integer_value(want));
            seen++;
        }
    }
    assert_int_equal(seen, 8 * N_COLUMNS);
}

/* 2-tunnel.md 4, the table as printed there. */
// clang-format off
static const struct {
    uint32_t base;
    enum vc_family outer;
    uint32_t gcm, chacha, cbc, tls12, tls12_ts, tls13, tls13_ts;
} rows[] = {
    {1500, VC_FAMILY_V4, 1434, 1442, 1418, 1423, 1411, 1430, 1418},
    {1500, VC_FAMILY_V6, 1414, 1422, 1386, 1403, 1391, 1410, 1398},
    {1492, VC_FAMILY_V4, 1426, 1434, 1402, 1415, 1403, 1422, 1410},
    {1280, VC_FAMILY_V4, 1214, 1222, 1194, 1203, 1191, 1210, 1198},
};
// clang-format on

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t b = rows[i].base;
        enum vc_family o = rows[i].outer;
        assert_int_equal(vc_mtu_exact(VC_MTU_DTLS_GCM, b, o, false), rows[i].gcm);
        assert_int_equal(vc_mtu_exact(VC_MTU_DTLS_CHACHA, b, o, false), rows[i].chacha);
        assert_int_equal(vc_mtu_exact(VC_MTU_DTLS_CBC_SHA1, b, o, false), rows[i].cbc);
        assert_int_equal(vc_mtu_exact(VC_MTU_TLS12_GCM, b, o, false), rows[i].tls12);
        assert_int_equal(vc_mtu_exact(VC_MTU_TLS12_GCM, b, o, true), rows[i].tls12_ts);
        assert_int_equal(vc_mtu_exact(VC_MTU_TLS13, b, o, false), rows[i].tls13);
        assert_int_equal(vc_mtu_exact(VC_MTU_TLS13, b, o, true), rows[i].tls13_ts);
    }
    for (int cls = VC_MTU_DTLS_GCM; cls <= VC_MTU_TLS13; cls++) /* nothing fits: nothing wraps */
        for (uint32_t b = 0; b < 60; b++)
            assert_int_equal(vc_mtu_exact((enum vc_mtu_class)cls, b, VC_FAMILY_V6, true), 0);
}

// clang-format off
static const struct {
    const char *name;
    struct vc_mtu_facts f;
    struct vc_mtu want;
} cases[] = {
    {"openconnect, PSK over TLS 1.3",
     {.client_base = 1500, .client_mtu = 1390, .tcp_pmtu = 1500, .outer = 4, .timestamps = true, .tls = VC_MTU_TLS13,
      .has_dtls = true, .dtls = VC_MTU_DTLS_GCM, .wants_v6 = true},
     {1500, 1434, 1418, true}},
    {"no timestamps",
     {.client_base = 1500, .outer = 4, .tls = VC_MTU_TLS13, .has_dtls = true, .dtls = VC_MTU_DTLS_GCM},
     {1500, 1434, 1430, false}},
    {"CSTP is never above DTLS",
     {.client_base = 1500, .outer = 4, .tls = VC_MTU_TLS13, .has_dtls = true, .dtls = VC_MTU_DTLS_CBC_SHA1},
     {1500, 1418, 1418, false}},
    {"no DTLS",
     {.client_base = 1500, .outer = 4, .tls = VC_MTU_TLS13, .dtls = VC_MTU_DTLS_CBC_SHA1},
     {1500, 0, 1430, false}},
    {"only X-CSTP-MTU",
     {.client_mtu = 1300, .outer = 4, .tls = VC_MTU_TLS13, .has_dtls = true, .dtls = VC_MTU_DTLS_GCM},
     {1394, 1328, 1324, false}},
    {"only X-CSTP-MTU, IPv6 outside",
     {.client_mtu = 1300, .outer = 6, .tls = VC_MTU_TLS13},
     {1414, 0, 1324, false}},
    {"the configuration's mtu is the least",
     {.client_base = 1500, .limit = 1400, .tcp_pmtu = 1500, .outer = 4, .tls = VC_MTU_TLS13},
     {1400, 0, 1330, false}},
    {"the configuration's mtu is not",
     {.client_base = 1500, .limit = 9000, .tcp_pmtu = 1500, .outer = 4, .tls = VC_MTU_TLS13},
     {1500, 0, 1430, false}},
    {"the path's MTU is the least",
     {.client_base = 1500, .tcp_pmtu = 1350, .outer = 4, .tls = VC_MTU_TLS13},
     {1350, 0, 1280, false}},
    {"a path MTU of 576 is not believed",
     {.client_base = 1500, .tcp_pmtu = 576, .outer = 4, .tls = VC_MTU_TLS13},
     {1500, 0, 1430, false}},
    {"nothing is known",
     {.outer = 4, .tls = VC_MTU_TLS13},
     {1500, 0, 1430, false}},
    {"only the path is known",
     {.tcp_pmtu = 1492, .outer = 4, .tls = VC_MTU_TLS13},
     {1492, 0, 1422, false}},
    {"smallest base",
     {.client_base = 1, .outer = 4, .tls = VC_MTU_TLS13, .has_dtls = true, .dtls = VC_MTU_DTLS_GCM, .wants_v6 = true},
     {576, 576, 576, false}},
    {"smallest MTU",
     {.client_mtu = 1, .outer = 4, .tls = VC_MTU_TLS13},
     {576, 0, 576, false}},
    {"openconnect over loopback",
     {.client_base = 65535, .tcp_pmtu = 65535, .outer = 4, .tls = VC_MTU_TLS13, .has_dtls = true,
      .dtls = VC_MTU_DTLS_GCM, .wants_v6 = true},
     {65535, 16376, 16376, true}},
    {"beyond all numbers",
     {.client_mtu = UINT32_MAX, .limit = UINT32_MAX, .tcp_pmtu = UINT32_MAX, .outer = 4, .tls = VC_MTU_TLS13},
     {65535, 0, 16376, false}},
    {"IPv6 does not fit by one",
     {.client_base = 1345, .outer = 4, .tls = VC_MTU_TLS13, .has_dtls = true, .dtls = VC_MTU_DTLS_GCM, .wants_v6 = true},
     {1345, 1279, 1275, false}},
    {"IPv6 fits exactly; TLS then cuts its segments",
     {.client_base = 1346, .outer = 4, .tls = VC_MTU_TLS13, .has_dtls = true, .dtls = VC_MTU_DTLS_GCM, .wants_v6 = true},
     {1346, 1280, 1280, true}},
    {"IPv6 does not fit without DTLS",
     {.client_base = 1349, .outer = 4, .tls = VC_MTU_TLS13, .wants_v6 = true},
     {1349, 0, 1279, false}},
};

static const struct {
    const char *name;
    uint32_t cstp, dtls, base;
    bool psk;
    uint32_t own, want;
} clients[] = {
    {"resumption takes X-DTLS-MTU",      1367, 1390, 0,    false, 0,    1390},
    {"X-DTLS-MTU may be lower",          1406, 1390, 0,    false, 0,    1390},
    {"only X-CSTP-MTU",                  1406, 0,    0,    false, 0,    1406},
    {"PSK: what Base-MTU allows",        1434, 0,    1400, true,  0,    1334},
    {"PSK: X-CSTP-MTU if it is less",    1300, 1434, 1500, true,  0,    1300},
    {"PSK without Base-MTU",             1300, 1434, 0,    true,  0,    1300},
    {"PSK with X-DTLS-MTU alone",        0,    1434, 0,    true,  0,    1434},
    {"our own link",                     1434, 1434, 1500, false, 1300, 1242},
    {"nothing said",                     0,    0,    0,    false, 0,    576},
    {"too much said",                    99999, 0,   0,    false, 0,    16376},
};
// clang-format on

static void test_gateway(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_mtu got;
        vc_mtu_gateway(&cases[i].f, &got);
        assert_case(cases[i].name, got.base == cases[i].want.base);
        assert_case(cases[i].name, got.dtls == cases[i].want.dtls);
        assert_case(cases[i].name, got.cstp == cases[i].want.cstp);
        assert_case(cases[i].name, got.v6 == cases[i].want.v6);
    }
}

static void test_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
        assert_case(clients[i].name, vc_mtu_client(clients[i].cstp, clients[i].dtls, clients[i].base, clients[i].psk,
                                                   VC_FAMILY_V4, clients[i].own) == clients[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_gateway),
        cmocka_unit_test(test_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
