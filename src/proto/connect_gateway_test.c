#include "table.h"

#include "proto/connect_gateway.h"

#define HEX96 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292A2B2C2D2E2F"

static struct vc_connect_store store;
static struct vc_connect_request request;
static struct vc_connect_answer answer;
static struct vc_tunnel_params params;
static char text[65536];

static struct vc_ip ip(const char *s)
{
    struct vc_ip out;
    assert_true(vc_ip_parse(vc_str_of(s), &out));
    return out;
}

static struct vc_prefix prefix(const char *s)
{
    struct vc_prefix out;
    assert_true(vc_prefix_parse(vc_str_of(s), &out));
    return out;
}

/** What the tables below set; everything else is as in `decide`. */
struct setting {
    bool no_v4, no_v6;      /* the session has no such lease */
    bool routes, no_routes; /* 10.1/16 and fd01::/64; 10.2/16 and fd02::/64 */
    bool v4_routes_only;    /* of the routes above */
    bool tls12, pmtu576, new_tunnel;
    enum vc_dtls_mode mode;
    enum vc_mtu_class dtls_class;
    bool header12, no_port, no_udp;
    uint32_t rekey_s; /* 0: default; 1: off */
    int jitter;
    uint32_t session_s, mtu;
    bool tunnel_all_dns, client_bypass, dyn_dns, own_hostname, bye_is_logout;
};

static int decide(const char *headers, const struct setting *s, struct vc_fail *fail)
{
    struct vc_connect_policy policy;
    struct vc_prefix routes[] = {prefix("10.1.0.0/16"), prefix("fd01::/64")};
    struct vc_prefix no_routes[] = {prefix("10.2.0.0/16"), prefix("fd02::/64")};
    struct vc_ip dns[] = {ip("10.0.0.1"), ip("fd00::53")}, nbns[] = {ip("10.0.0.2"), ip("fd00::2")};
    struct vc_str names[] = {VC_STR("a.example")}, custom[] = {VC_STR("X-Own: 1")}, http[] = {VC_STR("X-First: 1")};

    memset(&request, 0, sizeof(request));
    for (struct vc_str rest = vc_str_of(headers); rest.len > 0;) {
        struct vc_str value, line = vc_str_cut(rest, '\n', &rest);
        struct vc_str name = vc_str_cut(line, ':', &value);
        (void)vc_connect_request_header(&request, name, value);
    }
    vc_connect_policy_defaults(&policy);
    policy.routes = routes;
    policy.n_routes = s->routes ? (s->v4_routes_only ? 1 : 2) : 0;
    policy.no_routes = no_routes;
    policy.n_no_routes = s->no_routes ? 2 : 0;
    policy.dns = dns;
    policy.n_dns = 2;
    policy.nbns = nbns;
    policy.n_nbns = 2;
    policy.split_dns = names;
    policy.n_split_dns = 1;
    policy.http_headers = http;
    policy.n_http_headers = 1;
    policy.custom_headers = custom;
    policy.n_custom_headers = 1;
    policy.default_domain = VC_STR("example.org");
    policy.banner = VC_STR("welcome\nback");
    policy.gateway_name = VC_STR("gate");
    policy.idle_s = 1800;
    policy.mobile_idle_s = 3600;
    policy.rekey_s = s->rekey_s == 0 ? policy.rekey_s : s->rekey_s == 1 ? 0 : s->rekey_s;
    policy.rekey_new_tunnel = s->new_tunnel;
    policy.mtu = s->mtu;
    policy.udp_port = s->no_port ? 0 : 443;
    policy.no_udp = s->no_udp;
    policy.tunnel_all_dns = s->tunnel_all_dns;
    policy.client_bypass = s->client_bypass;
    policy.dyn_dns = s->dyn_dns;
    policy.bye_is_logout = s->bye_is_logout;
    if (s->own_hostname)
        policy.hostname = VC_STR("named");

    struct vc_connect_session session = {.session_timeout_s = s->session_s,
                                         .session_left_s = s->session_s / 2,
                                         .post_auth_xml = VC_STR("<config-auth/>")};
    if (!s->no_v4)
        session.v4 = (struct vc_prefix){.ip = ip("10.0.0.9"), .len = 24};
    if (!s->no_v6)
        session.v6 = (struct vc_prefix){.ip = ip("fd00::9"), .len = 128};
    struct vc_connect_tls tls = {.v13 = !s->tls12,
                                 .mtu_class = s->tls12 ? VC_MTU_TLS12_GCM : VC_MTU_TLS13,
                                 .tcp_pmtu = s->pmtu576 ? 600 : 1500,
                                 .tcp_timestamps = true,
                                 .outer = VC_FAMILY_V4};
    struct vc_connect_dtls dtls = {.mode = s->mode,
                                   .name = s->mode == VC_DTLS_MODE_PSK ? VC_STR("PSK-NEGOTIATE")
                                                                       : VC_STR("AES256-GCM-SHA384"),
                                   .header12 = s->header12,
                                   .mtu_class = s->dtls_class};
    memset(dtls.id, 0xab, sizeof(dtls.id));
    struct vc_connect_in in = {.request = &request,
                               .session = &session,
                               .policy = &policy,
                               .tls = &tls,
                               .dtls = &dtls,
                               .rekey_jitter_s = s->jitter};
    if (vc_connect_decide(&in, &store, &answer, &params, fail) != 0)
        return -1;
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    vc_connect_answer_print(&answer, &w);
    assert_true(vc_put_end_text(&w));
    return 0;
}

#define OC                                                                                                             \
    "User-Agent: Open AnyConnect VPN Agent v9.01-3\nX-CSTP-Hostname: vm\nX-CSTP-Base-MTU: 1500\n"                      \
    "X-CSTP-Address-Type: IPv6,IPv4\nX-CSTP-Full-IPv6-Capability: true\nX-DTLS-Master-Secret: " HEX96 "\n"
#define SC                                                                                                             \
    "User-Agent: Cisco AnyConnect VPN Agent for Windows 5.1\nX-CSTP-Base-MTU: 1500\n"                                  \
    "X-CSTP-Address-Type: IPv6,IPv4\nX-CSTP-Full-IPv6-Capability: true\nX-DTLS-Master-Secret: " HEX96 "\n"
#define IOS                                                                                                            \
    "User-Agent: Cisco AnyConnect VPN Agent for Apple iPhone 5.1\nX-CSTP-Base-MTU: 1500\nX-CSTP-License: mobile\n"     \
    "X-CSTP-Address-Type: IPv6,IPv4\nX-CSTP-Full-IPv6-Capability: true\n"

/* The whole answer to openconnect over TLS 1.3 with PSK. */
static void test_whole(void **state)
{
    (void)state;
    struct setting s = {.mode = VC_DTLS_MODE_PSK, .routes = true, .no_routes = true, .session_s = 7200};
    assert_int_equal(decide(OC, &s, NULL), 0);
    assert_string_equal(text, "HTTP/1.1 200 CONNECTED\r\n"
                              "X-First: 1\r\n"
                              "X-CSTP-Version: 1\r\n"
                              "X-CSTP-Address: 10.0.0.9\r\n"
                              "X-CSTP-Netmask: 255.255.255.0\r\n"
                              "X-CSTP-Address-IP6: fd00::9/128\r\n"
                              "X-CSTP-Hostname: vm\r\n"
                              "X-CSTP-DNS: 10.0.0.1\r\n"
                              "X-CSTP-DNS: fd00::53\r\n"
                              "X-CSTP-NBNS: 10.0.0.2\r\n"
                              "X-CSTP-Lease-Duration: 1209600\r\n"
                              "X-CSTP-Session-Timeout: 7200\r\n"
                              "X-CSTP-Session-Timeout-Alert-Interval: 60\r\n"
                              "X-CSTP-Session-Timeout-Remaining: 3600\r\n"
                              "X-CSTP-Idle-Timeout: 1800\r\n"
                              "X-CSTP-Disconnected-Timeout: 300\r\n"
                              "X-CSTP-Default-Domain: example.org\r\n"
                              "X-CSTP-Split-DNS: a.example\r\n"
                              "X-CSTP-Split-Include: 10.1.0.0/255.255.0.0\r\n"
                              "X-CSTP-Split-Include-IP6: fd01::/64\r\n"
                              "X-CSTP-Split-Exclude: 10.2.0.0/255.255.0.0\r\n"
                              "X-CSTP-Split-Exclude-IP6: fd02::/64\r\n"
                              "X-CSTP-Banner: welcome%0Aback\r\n"
                              "X-CSTP-Keep: true\r\n"
                              "X-CSTP-Tunnel-All-DNS: false\r\n"
                              "X-CSTP-Rekey-Time: 31536000\r\n"
                              "X-CSTP-Rekey-Method: ssl\r\n"
                              "X-CSTP-DPD: 30\r\n"
                              "X-CSTP-Keepalive: 20\r\n"
                              "X-CSTP-MSIE-Proxy-Lockdown: false\r\n"
                              "X-CSTP-Smartcard-Removal-Disconnect: true\r\n"
                              "X-DTLS-App-ID: ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB\r\n"
                              "X-DTLS-Port: 443\r\n"
                              "X-DTLS-Keepalive: 20\r\n"
                              "X-DTLS-DPD: 30\r\n"
                              "X-DTLS-Rekey-Time: 86400\r\n"
                              "X-CSTP-Base-MTU: 1500\r\n"
                              "X-CSTP-MTU: 1418\r\n"
                              "X-DTLS-MTU: 1434\r\n"
                              "X-DTLS-CipherSuite: PSK-NEGOTIATE\r\n"
                              "X-CSTP-License: accept\r\n"
                              "X-CSTP-Routing-Filtering-Ignore: false\r\n"
                              "X-CSTP-Quarantine: false\r\n"
                              "X-CSTP-Disable-Always-On-VPN: false\r\n"
                              "X-CSTP-Client-Bypass-Protocol: false\r\n"
                              "X-CSTP-TCP-Keepalive: false\r\n"
                              "X-CSTP-Post-Auth-XML: <config-auth/>\r\n"
                              "X-Own: 1\r\n"
                              "\r\n");
    struct vc_ip v4 = ip("10.0.0.9"), v6 = ip("fd00::9");
    assert_true(vc_ip_eq(&params.v4, &v4) && vc_ip_eq(&params.v6, &v6) && params.v6_len == 128);
    assert_int_equal(params.dpd_s, 30);
    assert_int_equal(params.keepalive_s, 20);
    assert_int_equal(params.idle_s, 1800);
    assert_int_equal(params.key_update_s, 86400);
    assert_int_equal(params.switch_to_tcp_s, 25);
    assert_int_equal(params.mtu.dtls, 1434);
    assert_int_equal(params.dtls, VC_DTLS_MODE_PSK);
    assert_int_equal(params.dtls_id[31], 0xab);
    assert_false(params.mobile || params.bye_is_logout);
}

#define MAX_PARTS 8
// clang-format off
static const struct {
    const char *name;
    const char *headers;
    struct setting s;
    const char *has[MAX_PARTS];    /* whole lines, or their beginnings */
    const char *lacks[MAX_PARTS];
} cases[] = {
    {"openconnect takes IPv6 servers in X-CSTP-DNS", OC, {0},
     {"X-CSTP-DNS: fd00::53\r\n"}, {"X-CSTP-DNS-IP6"}},
    {"Secure Client has a header for them", SC, {0},
     {"X-CSTP-DNS: 10.0.0.1\r\n", "X-CSTP-DNS-IP6: fd00::53\r\n"}, {"X-CSTP-DNS: fd"}},
    {"Secure Client takes one kind of route", SC, {.routes = true, .no_routes = true},
     {"X-CSTP-Split-Include: 10.1", "X-CSTP-Split-Include-IP6: fd01"}, {"X-CSTP-Split-Exclude"}},
    {"per family", SC, {.routes = true, .v4_routes_only = true, .no_routes = true},
     {"X-CSTP-Split-Include: 10.1", "X-CSTP-Split-Exclude-IP6: fd02"}, {"X-CSTP-Split-Exclude: ", "X-CSTP-Split-Include-IP6"}},
    {"excludes alone", SC, {.no_routes = true},
     {"X-CSTP-Split-Exclude: 10.2", "X-CSTP-Split-Exclude-IP6: fd02"}, {"X-CSTP-Split-Include"}},
    {"iOS needs an include", IOS, {0},
     {"X-CSTP-Split-Include-IP6: 2000::/3\r\n"}, {"X-CSTP-Split-Include: "}},
    {"iOS with routes of its own", IOS, {.routes = true},
     {"X-CSTP-Split-Include-IP6: fd01::/64\r\n"}, {"2000::/3"}},
    {"mobile timers", IOS, {0},
     {"X-CSTP-DPD: 300\r\n", "X-CSTP-Keepalive: 120\r\n", "X-CSTP-Idle-Timeout: 3600\r\n"}, {0}},
    {"mobile by its platform", "X-AnyConnect-Identifier-Platform: android\n", {0},
     {"X-CSTP-DPD: 300\r\n"}, {0}},
    {"no statement about families", "User-Agent: x\n", {.routes = true},
     {"X-CSTP-Address: 10.0.0.9\r\n", "X-CSTP-DNS: 10.0.0.1\r\n"}, {"fd0", "IP6"}},
    {"the old form of IPv6", "X-CSTP-Address-Type: IPv6,IPv4\n", {.routes = true, .no_routes = true},
     {"X-CSTP-Address: 10.0.0.9\r\n", "X-CSTP-Address: fd00::9\r\nX-CSTP-Netmask: fd00::9/128\r\n", "X-CSTP-Split-Include: 10.1"},
     {"IP6", "DNS: fd", "fd01", "fd02"}},
    {"IPv6 alone", "X-CSTP-Address-Type: IPv6\nX-CSTP-Full-IPv6-Capability: true\n", {.routes = true},
     {"X-CSTP-Address-IP6: fd00::9/128\r\n", "X-CSTP-DNS: fd00::53\r\n", "X-CSTP-Split-Include-IP6: fd01"},
     {"10.0.0", "10.1", "X-CSTP-NBNS"}},
    {"an old openconnect", "User-Agent: Open AnyConnect VPN Agent v3.20\nX-CSTP-Address-Type: IPv6,IPv4\nX-CSTP-Full-IPv6-Capability: true\n",
     {.routes = true}, {"X-CSTP-Address-IP6: fd00::9/128\r\n"}, {"fd01", "DNS: fd"}},
    {"no IPv6 lease", OC, {.no_v6 = true, .routes = true},
     {"X-CSTP-Address: 10.0.0.9\r\n"}, {"fd0", "IP6"}},
    {"no IPv6 where the MTU is too small", OC, {.mtu = 1300, .routes = true},
     {"X-CSTP-Address: 10.0.0.9\r\n", "X-CSTP-MTU: 1218\r\n"}, {"fd0", "IP6"}},
    {"no DTLS was chosen", OC, {0},
     {"X-CSTP-Base-MTU: 1500\r\nX-CSTP-MTU: 1418\r\n"}, {"X-DTLS"}},
    {"resumption under an OC- name", OC, {.mode = VC_DTLS_MODE_RESUME},
     {"X-DTLS-Session-ID: ABAB", "X-DTLS-CipherSuite: AES256", "X-DTLS-MTU: 1434\r\n"}, {"X-DTLS12", "X-DTLS-App-ID", "X-DTLS-Rekey-Method"}},
    {"resumption under an X-DTLS12 name", OC, {.mode = VC_DTLS_MODE_RESUME, .header12 = true, .dtls_class = VC_MTU_DTLS_CHACHA},
     {"X-DTLS12-CipherSuite: AES256", "X-DTLS-MTU: 1442\r\n", "X-CSTP-MTU: 1418\r\n"}, {"X-DTLS-CipherSuite"}},
    {"CSTP's MTU is never above DTLS's", OC, {.mode = VC_DTLS_MODE_RESUME, .dtls_class = VC_MTU_DTLS_CBC_SHA1, .tls12 = true, .mtu = 1492},
     {"X-DTLS-MTU: 1402\r\n", "X-CSTP-MTU: 1402\r\n", "X-CSTP-Base-MTU: 1492\r\n"}, {0}},
    {"no resumption without a good secret", "X-DTLS-Master-Secret: 00\n", {.mode = VC_DTLS_MODE_RESUME},
     {"X-CSTP-MTU"}, {"X-DTLS"}},
    {"PSK needs none", "X-DTLS-Master-Secret: 00\n", {.mode = VC_DTLS_MODE_PSK},
     {"X-DTLS-App-ID"}, {0}},
    {"no udp-port", OC, {.mode = VC_DTLS_MODE_PSK, .no_port = true},
     {"X-CSTP-MTU"}, {"X-DTLS"}},
    {"no-udp", OC, {.mode = VC_DTLS_MODE_PSK, .no_udp = true},
     {"X-CSTP-MTU"}, {"X-DTLS"}},
    {"TLS 1.2: new tunnel, with jitter", OC, {.tls12 = true, .jitter = -17, .mode = VC_DTLS_MODE_PSK},
     {"X-CSTP-Rekey-Time: 86383\r\nX-CSTP-Rekey-Method: new-tunnel\r\n", "X-DTLS-Rekey-Time: 86400\r\n"}, {0}},
    {"new-tunnel is told over TLS 1.3 too", OC, {.new_tunnel = true, .jitter = 30, .rekey_s = 3600},
     {"X-CSTP-Rekey-Time: 3630\r\nX-CSTP-Rekey-Method: new-tunnel\r\n"}, {0}},
    {"rekey off, TLS 1.2", OC, {.tls12 = true, .rekey_s = 1, .jitter = 30, .mode = VC_DTLS_MODE_PSK},
     {"X-CSTP-Rekey-Time: 31536000\r\nX-CSTP-Rekey-Method: new-tunnel\r\n", "X-DTLS-Rekey-Time: 31536000\r\n"}, {0}},
    {"never above a year", OC, {.tls12 = true, .rekey_s = UINT32_MAX, .mode = VC_DTLS_MODE_PSK},
     {"X-CSTP-Rekey-Time: 31536000\r\n", "X-DTLS-Rekey-Time: 31536000\r\n"}, {0}},
    {"jitter larger than the time", OC, {.tls12 = true, .rekey_s = 20, .jitter = -30},
     {"X-CSTP-Rekey-Time: 20\r\n"}, {0}},
    {"ssl", OC, {.rekey_s = 3600, .jitter = 30},
     {"X-CSTP-Rekey-Time: 31536000\r\nX-CSTP-Rekey-Method: ssl\r\n"}, {0}},
    {"no session timeout", OC, {0},
     {"X-CSTP-Session-Timeout: none\r\n", "X-CSTP-Session-Timeout-Remaining: none\r\n"}, {0}},
    {"a name of the gateway", "User-Agent: x\n", {0},
     {"X-CSTP-Hostname: gate\r\n"}, {0}},
    {"a name of the policy", OC, {.own_hostname = true},
     {"X-CSTP-Hostname: named\r\n"}, {0}},
    {"switches", OC, {.tunnel_all_dns = true, .client_bypass = true, .dyn_dns = true},
     {"X-CSTP-Tunnel-All-DNS: true\r\n", "X-CSTP-Client-Bypass-Protocol: true\r\n", "X-CSTP-DynDNS: true\r\n"}, {0}},
};

static const struct {
    const char *name;
    const char *headers;
    struct setting s;
} refused[] = {
    {"no lease at all",               OC,                                                   {.no_v4 = true, .no_v6 = true}},
    {"IPv6 asked for, IPv4 leased",   "X-CSTP-Address-Type: IPv6\n",                        {.no_v6 = true}},
    {"nothing asked for, no IPv4",    "User-Agent: x\n",                                    {.no_v4 = true}},
    {"IPv6 alone, and it cannot fit", "X-CSTP-Address-Type: IPv6\nX-CSTP-Base-MTU: 1000\n", {0}},
};

static const struct {
    const char *agent;
    enum vc_agent want;
} agents[] = {
    {"AnyConnect Windows 4.10.06079",                        VC_AGENT_CISCO},
    {"Cisco AnyConnect VPN Agent for Windows 4.10",          VC_AGENT_CISCO},
    {"cisco anyconnect vpn agent for linux",                 VC_AGENT_CISCO},
    {"Cisco AnyConnect VPN Agent for Apple iPhone",          VC_AGENT_CISCO_APPLE},
    {"AnyConnect AppleSSLVPN_Darwin_ARM (iPhone) 4.0",       VC_AGENT_CISCO_APPLE},
    {"AnyConnect-compatible OpenConnect VPN Agent v9.20",    VC_AGENT_OPENCONNECT},
    {"Open AnyConnect VPN Agent v9.01-3",                    VC_AGENT_OPENCONNECT},
    {"Open AnyConnect VPN Agent v10",                        VC_AGENT_OPENCONNECT},
    {"Open AnyConnect VPN Agent v3.99",                      VC_AGENT_OLD_OPENCONNECT},
    {"Open AnyConnect VPN Agent v",                          VC_AGENT_OLD_OPENCONNECT},
    {"Open AnyConnect VPN Agent v4.00",                      VC_AGENT_OPENCONNECT},
    {"OpenConnect VPN Agent (NetworkManager)",               VC_AGENT_OPENCONNECT},
    {"AnyLink Secure Client/0.9",                            VC_AGENT_OPENCONNECT},
    {"",                                                     VC_AGENT_OPENCONNECT},
};
// clang-format on

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_case(cases[i].name, decide(cases[i].headers, &cases[i].s, NULL) == 0);
        for (size_t k = 0; k < MAX_PARTS && cases[i].has[k]; k++) {
            if (!strstr(text, cases[i].has[k]))
                fail_msg("case '%s': lacks '%s' in\n%s", cases[i].name, cases[i].has[k], text);
        }
        for (size_t k = 0; k < MAX_PARTS && cases[i].lacks[k]; k++) {
            if (strstr(text, cases[i].lacks[k]))
                fail_msg("case '%s': has '%s' in\n%s", cases[i].name, cases[i].lacks[k], text);
        }
        /* the tunnel process is told what the client is told */
        assert_case(cases[i].name, params.dpd_s == answer.dpd_s && params.keepalive_s == answer.keepalive_s);
        assert_case(cases[i].name, params.mtu.cstp == answer.mtu && params.mtu.base == answer.base_mtu);
        assert_case(cases[i].name, params.dtls == answer.dtls.mode);
        assert_case(cases[i].name, vc_ip_eq(&params.v4, &answer.v4.ip) && vc_ip_eq(&params.v6, &answer.v6.ip));
        assert_case(cases[i].name,
                    params.dtls == VC_DTLS_MODE_NONE ? params.mtu.dtls == 0 : params.mtu.dtls >= params.mtu.cstp);
    }
}

static void test_key_update(void **state)
{
    (void)state;
    static const struct {
        struct setting s;
        uint32_t want;
    } updates[] = {
        {{0}, 86400}, {{.rekey_s = 1}, 0}, {{.rekey_s = 600}, 600}, {{.new_tunnel = true}, 0}, {{.tls12 = true}, 0},
    };
    for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
        assert_int_equal(decide(OC, &updates[i].s, NULL), 0);
        assert_int_equal(params.key_update_s, updates[i].want);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct vc_fail fail = {0};
        assert_case(refused[i].name, decide(refused[i].headers, &refused[i].s, &fail) == -1);
        assert_case(refused[i].name, fail.cause == VC_CAUSE_NO_ADDRESS && fail.detail[0] != 0);
    }
}

static void test_agents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
        assert_case(agents[i].agent, vc_connect_agent(vc_str_of(agents[i].agent)) == agents[i].want);
}

/* The same four values again for the same session, whatever else changes (2-tunnel.md 2.3). */
static void test_same_addresses(void **state)
{
    (void)state;
    struct setting a = {.mode = VC_DTLS_MODE_PSK}, b = {.tls12 = true, .mtu = 1400, .routes = true};
    assert_int_equal(decide(OC, &a, NULL), 0);
    struct vc_prefix v4 = answer.v4, v6 = answer.v6;
    assert_int_equal(decide(SC, &b, NULL), 0);
    assert_memory_equal(&v4, &answer.v4, sizeof(v4));
    assert_memory_equal(&v6, &answer.v6, sizeof(v6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_cases),  cmocka_unit_test(test_key_update),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_agents), cmocka_unit_test(test_same_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
