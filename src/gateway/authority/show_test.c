#include "gateway/authority/show.h"

#include "table.h"

static struct vc_authority a;
static const uint64_t seed[2] = {1, 2};

static struct vc_member *add(uint64_t id, const char *user)
{
    uint8_t hash[32] = {(uint8_t)id};
    struct vc_member *m = vc_members_add(&a.members, id, hash);
    assert_non_null(m);
    assert_true(vc_str_copy(vc_str_of(user), m->user, sizeof(m->user)));
    m->live.generation = 1;
    m->live.process = 0;
    m->live.mtu = 1400;
    return m;
}

static int begin(void **state)
{
    (void)state;
    a = (struct vc_authority){.device = "vpns0", .started_s = 1000};
    vc_members_init(&a.members, seed);
    a.child.loop.now_ns = 100000000000ULL;
    assert_true(vc_prefix_parse(VC_STR("10.0.0.0/24"), &a.conf.ipv4_network));
    for (int i = 0; i < VC_AUTHORITY_PEERS_MAX; i++)
        a.verifiers[i].port.fd = -1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    vc_members_deinit(&a.members);
    return 0;
}

/** The keys of @o stand in the order of @keys, which may have more. */
static void assert_order(const json_t *o, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        while (*keys && strcmp(*keys, key) != 0)
            keys++;
        if (!*keys)
            fail_msg("%s is unknown, or in the wrong place", key);
    }
}

/* compat.md 7, with our additions at the end; the twins with "_" are varcoctl's work. */
static const char *const status_keys[] = {"Status",
                                          "Server PID",
                                          "Sec-mod PID",
                                          "Sec-mod instance count",
                                          "Up since",
                                          "raw_up_since",
                                          "uptime",
                                          "Active sessions",
                                          "Total sessions",
                                          "Total authentication failures",
                                          "IPs in ban list",
                                          "Last stats reset",
                                          "raw_last_stats_reset",
                                          "Sessions handled",
                                          "Timed out sessions",
                                          "Timed out (idle) sessions",
                                          "Closed due to error sessions",
                                          "Authentication failures",
                                          "Average auth time",
                                          "raw_avg_auth_time",
                                          "Max auth time",
                                          "raw_max_auth_time",
                                          "Average session time",
                                          "raw_avg_session_time",
                                          "Max session time",
                                          "raw_max_session_time",
                                          "Min MTU",
                                          "Max MTU",
                                          "RX",
                                          "raw_rx",
                                          "TX",
                                          "raw_tx",
                                          "Varco",
                                          NULL};
static const char *const user_keys[] = {"ID",
                                        "Username",
                                        "Groupname",
                                        "State",
                                        "vhost",
                                        "Device",
                                        "MTU",
                                        "Remote IP",
                                        "Location",
                                        "Local Device IP",
                                        "IPv4",
                                        "P-t-P IPv4",
                                        "IPv6",
                                        "P-t-P IPv6",
                                        "User-Agent",
                                        "Limit RX",
                                        "Limit TX",
                                        "RX",
                                        "TX",
                                        "_RX",
                                        "_TX",
                                        "Average RX",
                                        "Average TX",
                                        "DPD",
                                        "KeepAlive",
                                        "Hostname",
                                        "Last connected at",
                                        "Session started at",
                                        "raw_connected_at",
                                        "raw_session_started_at",
                                        "Full session",
                                        "Session",
                                        "TLS ciphersuite",
                                        "DTLS cipher",
                                        "CSTP compression",
                                        "DTLS compression",
                                        "DNS",
                                        "NBNS",
                                        "Split-DNS-Domains",
                                        "Routes",
                                        "No-routes",
                                        "iRoutes",
                                        "Restricted to routes",
                                        "Restricted to ports",
                                        NULL};

static void test_status(void **state)
{
    struct vc_show_counters c = {.n_processes = 2, .value = {2, 3, 20}};
    struct vc_member *m = add(1, "alice");
    m->rx_bytes = 1000;
    m->live_rx = 500;
    (void)add(2, "bob");
    add(3, "waiting")->live.generation = 0;
    a.stats.rx = 10;
    a.stats.min_mtu = a.stats.max_mtu = 1400;
    json_t *o = vc_show_status(&a, &c, 1060);
    assert_order(o, status_keys);
    assert_int_equal(json_integer_value(json_object_get(o, "Active sessions")), 2);
    assert_int_equal(json_integer_value(json_object_get(o, "raw_rx")), 1510);
    assert_string_equal(json_string_value(json_object_get(o, "RX")), "1.5 KB");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "Up since"), "ago")), 60);
    json_t *varco = json_object_get(o, "Varco");
    assert_int_equal(json_integer_value(json_object_get(varco, "tun_reads")), 2);
    assert_string_equal(json_string_value(json_object_get(varco, "Packets per TUN read")), "10.00");
    assert_null(json_object_get(varco, "Packets per TUN write")); /* none was made */
    json_decref(o);
    (void)state;
}

static void test_user(void **state)
{
    struct vc_member *m = add(7, "alice");
    assert_true(vc_ip_parse(VC_STR("10.0.0.9"), &m->v4));
    m->live_rx = 48;
    json_t *list = vc_show_users(&a, "alice", 0, 1060), *o = json_array_get(list, 0);
    assert_order(o, user_keys);
    assert_true(json_is_integer(json_object_get(o, "ID")));
    assert_string_equal(json_string_value(json_object_get(o, "MTU")), "1400"); /* a string, as with occtl */
    assert_string_equal(json_string_value(json_object_get(o, "Groupname")), "(none)");
    assert_string_equal(json_string_value(json_object_get(o, "P-t-P IPv4")), "10.0.0.1");
    assert_string_equal(json_string_value(json_object_get(o, "_RX")), "48 bytes");
    assert_string_equal(json_string_value(json_object_get(o, "Routes")), "defaultroute");
    assert_int_equal(strlen(json_string_value(json_object_get(o, "Session"))), 6);
    assert_null(json_object_get(o, "IPv6"));
    assert_null(json_object_get(o, "DTLS cipher"));
    json_decref(list);
    m->dtls_up = true;
    assert_true(vc_str_copy(VC_STR("PSK-AES256-GCM-SHA384"), m->dtls_suite, sizeof(m->dtls_suite)));
    list = vc_show_users(&a, NULL, 7, 1060);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "DTLS cipher")),
                        "(DTLS1.2)-(PSK)-(AES-256-GCM)");
    json_decref(list);
    (void)state;
}

/* Whatever a user is called, the document is JSON and gives the name back as it was. */
static void test_hostile_names(void **state)
{
    static const char *const names[] = {"\"}],\"x\":[{\"",
                                        "a\nb\tc\x01",
                                        "\x1b[2J\x1b]0;owned\x07",
                                        "</script>",
                                        "J\xc3\xb6rg",
                                        "\xf0\x9f\x94\x91",
                                        ("\xe2\x80\xae"
                                         "fdp.exe"),
                                        "%s%n%x",
                                        "\\\\server\\share",
                                        ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)add(i + 1, names[i]);
    json_t *list = vc_show_users(&a, NULL, 0, 1060);
    char *text = json_dumps(list, JSON_COMPACT);
    json_t *again = json_loads(text, 0, NULL);
    assert_true(json_equal(list, again));
    assert_int_equal(json_array_size(again), sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) { /* in the order of their numbers */
        const char *name = json_string_value(json_object_get(json_array_get(again, i), "Username"));
        assert_string_equal(name ? name : "", names[i]);
    }
    for (const char *c = text; *c; c++)
        assert_true((unsigned char)*c >= 0x20);
    free(text);
    json_decref(again);
    json_decref(list);
    (void)state;
}

static void test_words(void **state)
{
    static const struct {
        uint64_t n;
        const char *bytes, *interval;
    } cases[] = {
        {0, "0 bytes", "    0s"},
        {59, "59 bytes", "   59s"},
        {60, "60 bytes", " 1m:00s"},
        {999, "999 bytes", "16m:39s"},
        {1000, "1.0 KB", "16m:40s"},
        {3600, "3.6 KB", " 1h:00m"},
        {172799, "172.8 KB", "47h:59m"},
        {172800, "172.8 KB", " 2days"},
        {1500000, "1.5 MB", "17days"},
        {2500000000, "2.5 GB", "28935days"},
        {UINT64_MAX, "18446744073.7 GB", "213503982334601days"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        vc_show_bytes(cases[i].n, "", text);
        assert_string_equal(text, cases[i].bytes);
        vc_show_interval(cases[i].n, text);
        assert_string_equal(text, cases[i].interval);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_status, begin, end),
        cmocka_unit_test_setup_teardown(test_user, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile_names, begin, end),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
