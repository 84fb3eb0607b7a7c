#include "table.h"

#include "wire/connect_answer.h"

static struct vc_connect_store store;
static struct vc_connect_answer got;

static struct vc_ip ip(const char *text)
{
    struct vc_ip out;
    assert_true(vc_ip_parse(vc_str_of(text), &out));
    return out;
}

static struct vc_prefix prefix(const char *text)
{
    struct vc_prefix out;
    assert_true(vc_prefix_parse(vc_str_of(text), &out));
    return out;
}

/** Reads from a block of exactly its size. The texts of `got` stay valid until the next call. */
static int read_text(const char *text, size_t *used, struct vc_fail *fail)
{
    static uint8_t *head;
    free(head);
    head = exact(text, strlen(text));
    return vc_connect_answer_read(head, strlen(text), &store, &got, used, fail);
}

static const char *print(const struct vc_connect_answer *a)
{
    static char text[16384];
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    vc_connect_answer_print(a, &w);
    assert_true(vc_put_end_text(&w));
    return text;
}

/* The order and every spelling, once. */
static void test_print_all(void **state)
{
    (void)state;
    const struct vc_ip dns[] = {ip("10.0.0.1"), ip("fd00::1")}, nbns[] = {ip("10.0.0.2")};
    const struct vc_str names[] = {VC_STR("a.example"), VC_STR("b.example")};
    const struct vc_prefix in[] = {prefix("10.1.0.0/16"), prefix("fd01::/64")};
    const struct vc_prefix ex[] = {prefix("0.0.0.0/32"), prefix("::/128")};
    const struct vc_str first[] = {VC_STR("X-Frame-Options: deny")}, last[] = {VC_STR("X-Own: 1"), VC_STR("no colon")};
    struct vc_connect_answer a = {
        .v4 = {.ip = ip("10.0.0.9"), .len = 24},
        .v6 = {.ip = ip("fd00::9"), .len = 128},
        .dns6_form = true,
        .hostname = VC_STR("vm"),
        .default_domain = VC_STR("example.org example.net"),
        .banner = VC_STR(" 100%\r\nsafe "),
        .pac_url = VC_STR("http://p/x.pac"),
        .post_auth_xml = VC_STR("<a>\r\n<b/></a>\n"),
        .dns = dns,
        .n_dns = 2,
        .nbns = nbns,
        .n_nbns = 1,
        .split_dns = names,
        .n_split_dns = 2,
        .includes = in,
        .n_includes = 2,
        .excludes = ex,
        .n_excludes = 2,
        .http_headers = first,
        .n_http_headers = 1,
        .custom_headers = last,
        .n_custom_headers = 2,
        .lease_s = 1209600,
        .session_alert_s = 60,
        .idle_s = 1800,
        .disconnected_s = 300,
        .dpd_s = 30,
        .keepalive_s = 20,
        .rekey_s = 31536000,
        .rekey = VC_REKEY_SSL,
        .base_mtu = 1500,
        .mtu = 1418,
        .encoding = VC_ENCODING_LZS,
        .keep = true,
        .smartcard_removal_disconnect = true,
        .license_accept = true,
        .dyn_dns = true,
        .dtls = {.mode = VC_DTLS_MODE_RESUME,
                 .id_len = 32,
                 .port = 443,
                 .mtu = 1434,
                 .dpd_s = 30,
                 .keepalive_s = 20,
                 .rekey_s = 86400,
                 .rekey = VC_REKEY_NEW_TUNNEL,
                 .suite = VC_STR("AES256-GCM-SHA384"),
                 .suite12 = true,
                 .encoding = VC_ENCODING_OC_LZ4},
    };
    for (uint8_t i = 0; i < 32; i++)
        a.dtls.id[i] = (uint8_t)(0xa0 + i);
    assert_string_equal(print(&a),
                        "HTTP/1.1 200 CONNECTED\r\n"
                        "X-Frame-Options: deny\r\n"
                        "X-CSTP-Version: 1\r\n"
                        "X-CSTP-Address: 10.0.0.9\r\n"
                        "X-CSTP-Netmask: 255.255.255.0\r\n"
                        "X-CSTP-Address-IP6: fd00::9/128\r\n"
                        "X-CSTP-Hostname: vm\r\n"
                        "X-CSTP-DNS: 10.0.0.1\r\n"
                        "X-CSTP-DNS-IP6: fd00::1\r\n"
                        "X-CSTP-NBNS: 10.0.0.2\r\n"
                        "X-CSTP-Lease-Duration: 1209600\r\n"
                        "X-CSTP-Session-Timeout: none\r\n"
                        "X-CSTP-Session-Timeout-Alert-Interval: 60\r\n"
                        "X-CSTP-Session-Timeout-Remaining: none\r\n"
                        "X-CSTP-Idle-Timeout: 1800\r\n"
                        "X-CSTP-Disconnected-Timeout: 300\r\n"
                        "X-CSTP-Default-Domain: example.org example.net\r\n"
                        "X-CSTP-Split-DNS: a.example\r\n"
                        "X-CSTP-Split-DNS: b.example\r\n"
                        "X-CSTP-Split-Include: 10.1.0.0/255.255.0.0\r\n"
                        "X-CSTP-Split-Include-IP6: fd01::/64\r\n"
                        "X-CSTP-Split-Exclude: 0.0.0.0/255.255.255.255\r\n"
                        "X-CSTP-Split-Exclude-IP6: ::/128\r\n"
                        "X-CSTP-Banner: %20100%25%0D%0Asafe%20\r\n"
                        "X-CSTP-Keep: true\r\n"
                        "X-CSTP-Tunnel-All-DNS: false\r\n"
                        "X-CSTP-Rekey-Time: 31536000\r\n"
                        "X-CSTP-Rekey-Method: ssl\r\n"
                        "X-CSTP-DPD: 30\r\n"
                        "X-CSTP-Keepalive: 20\r\n"
                        "X-CSTP-MSIE-Proxy-PAC-URL: http://p/x.pac\r\n"
                        "X-CSTP-MSIE-Proxy-Lockdown: false\r\n"
                        "X-CSTP-Smartcard-Removal-Disconnect: true\r\n"
                        "X-DTLS-Session-ID: A0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF\r\n"
                        "X-DTLS-Port: 443\r\n"
                        "X-DTLS-Keepalive: 20\r\n"
                        "X-DTLS-DPD: 30\r\n"
                        "X-DTLS-Rekey-Time: 86400\r\n"
                        "X-DTLS-Rekey-Method: new-tunnel\r\n"
                        "X-CSTP-Base-MTU: 1500\r\n"
                        "X-CSTP-MTU: 1418\r\n"
                        "X-DTLS-MTU: 1434\r\n"
                        "X-DTLS12-CipherSuite: AES256-GCM-SHA384\r\n"
                        "X-CSTP-Content-Encoding: lzs\r\n"
                        "X-DTLS-Content-Encoding: oc-lz4\r\n"
                        "X-CSTP-License: accept\r\n"
                        "X-CSTP-Routing-Filtering-Ignore: false\r\n"
                        "X-CSTP-Quarantine: false\r\n"
                        "X-CSTP-Disable-Always-On-VPN: false\r\n"
                        "X-CSTP-Client-Bypass-Protocol: false\r\n"
                        "X-CSTP-TCP-Keepalive: false\r\n"
                        "X-CSTP-DynDNS: true\r\n"
                        "X-CSTP-Post-Auth-XML: <a>  <b/></a>\r\n"
                        "X-Own: 1\r\n"
                        "\r\n");

    /* and what was printed is read again */
    size_t used;
    struct vc_fail fail = {0};
    const char *text = print(&a);
    assert_int_equal(read_text(text, &used, &fail), 0);
    assert_int_equal(used, strlen(text));
    assert_int_equal(got.n_bad + got.n_unknown + got.n_surplus, 0);
    assert_int_equal(got.status, 200);
    assert_true(vc_str_eq(got.banner, VC_STR(" 100%\r\nsafe ")));
    assert_true(vc_str_eq(got.dtls.suite, VC_STR("AES256-GCM-SHA384")) && got.dtls.suite12);
    assert_memory_equal(got.dtls.id, a.dtls.id, 32);
    assert_memory_equal(&got.v4, &a.v4, sizeof(a.v4));
    assert_memory_equal(&got.v6, &a.v6, sizeof(a.v6));
    assert_memory_equal(got.includes, in, sizeof(in));
    assert_memory_equal(got.excludes, ex, sizeof(ex));
}

static void test_print_old_form(void **state)
{
    (void)state;
    struct vc_connect_answer a = {.v6 = {.ip = ip("fd00::9"), .len = 64}, .v6_old_form = true};
    const char *text = print(&a);
    assert_non_null(strstr(text, "X-CSTP-Address: fd00::9\r\nX-CSTP-Netmask: fd00::/64\r\n"));
    assert_null(strstr(text, "-IP6"));
    assert_null(strstr(text, "X-DTLS"));
    assert_null(strstr(text, "MTU"));
    size_t used;
    assert_int_equal(read_text(text, &used, NULL), 0);
    assert_true(got.v6_old_form && got.v6.len == 64);
}

/* No value can end its line, whatever it holds. */
static void test_no_injection(void **state)
{
    (void)state;
    const struct vc_str names[] = {VC_STR("a\r\nX-Evil: 1")}, lines[] = {VC_STR("X-A: 1\r\n\r\nSTF")};
    struct vc_connect_answer a = {.hostname = VC_STR("h\nX-Evil: 1"),
                                  .default_domain = VC_STR("d\rX-Evil: 1"),
                                  .banner = VC_STR("b\r\nX-Evil: 1"),
                                  .pac_url = VC_STR("\r\nX-Evil: 1"),
                                  .split_dns = names,
                                  .n_split_dns = 1,
                                  .custom_headers = lines,
                                  .n_custom_headers = 1};
    const char *text = print(&a);
    assert_null(strstr(text, "\nX-Evil"));
    assert_null(strstr(text, "\rX-Evil"));
    assert_ptr_equal(strstr(text, "\r\n\r\n"), text + strlen(text) - 4);
}

/* Control characters become blanks, but none at an end of a line. */
static void test_no_blank_ends(void **state)
{
    (void)state;
    const struct vc_str names[] = {VC_STR("a.example\r\n"), VC_STR("\r\n"), VC_STR("\x7f b.example \x01")};
    const struct vc_str lines[] = {VC_STR("X-A: 1\r\n"), VC_STR("\v\nX-B: 2\f ")};
    struct vc_connect_answer a = {.hostname = VC_STR("host\n\n"),
                                  .default_domain = VC_STR("\n d\re \n"),
                                  .split_dns = names,
                                  .n_split_dns = 3,
                                  .custom_headers = lines,
                                  .n_custom_headers = 2};
    const char *text = print(&a);
    assert_null(strstr(text, " \r\n"));
    assert_null(strstr(text, ":  "));
    assert_non_null(strstr(text, "X-CSTP-Hostname: host\r\n"));
    assert_non_null(strstr(text, "X-CSTP-Default-Domain: d e\r\n"));
    assert_non_null(strstr(text, "X-CSTP-Split-DNS: a.example\r\nX-CSTP-Split-DNS: b.example\r\n"));
    assert_non_null(strstr(text, "\r\nX-A: 1\r\nX-B: 2\r\n"));
}

static void test_print_too_small(void **state)
{
    (void)state;
    char small[64];
    struct vc_writer w = vc_writer_to(small, sizeof(small));
    struct vc_connect_answer a = {0};
    vc_connect_answer_print(&a, &w);
    assert_true(w.bad);
    a.dtls.mode = VC_DTLS_MODE_PSK;
    a.dtls.id_len = 33; /* our own mistake: nothing is read beyond */
    char large[4096];
    w = vc_writer_to(large, sizeof(large));
    vc_connect_answer_print(&a, &w);
    assert_true(w.bad);
}

/* ocserv 1.1.6 to openconnect 9.01, PSK (2-tunnel.md 2.8), and bytes of CSTP behind it. */
static void test_read_ocserv(void **state)
{
    (void)state;
    const char *head =
        "HTTP/1.1 200 CONNECTED\r\nX-CSTP-Version: 1\r\nX-CSTP-Server-Name: ocserv 1.1.6\r\n"
        "X-CSTP-Hostname: vm\r\nX-CSTP-DPD: 60\r\nX-CSTP-Default-Domain: example.org\r\n"
        "X-CSTP-Address: 192.168.77.5\r\nX-CSTP-Netmask: 255.255.255.0\r\n"
        "X-CSTP-Address-IP6: fd91::1/64\r\nX-CSTP-DNS: 192.168.77.1\r\nX-CSTP-DNS: fd91::53\r\n"
        "X-CSTP-Split-DNS: example.com\r\nX-CSTP-Split-Include: 10.0.0.0/255.0.0.0\r\n"
        "X-CSTP-Split-Include-IP6: fd92::/48\r\nX-CSTP-Tunnel-All-DNS: false\r\n"
        "X-CSTP-Client-Bypass-Protocol: false\r\nX-CSTP-Split-Exclude: 10.9.0.0/255.255.0.0\r\n"
        "X-CSTP-Keepalive: 300\r\nX-CSTP-Idle-Timeout: none\r\n"
        "X-CSTP-Smartcard-Removal-Disconnect: true\r\nX-CSTP-Rekey-Time: 172792\r\n"
        "X-CSTP-Rekey-Method: ssl\r\nX-CSTP-Session-Timeout: 0\r\n"
        "X-CSTP-Session-Timeout-Remaining: 0\r\nX-CSTP-Disconnected-Timeout: none\r\n"
        "X-CSTP-Keep: true\r\nX-CSTP-TCP-Keepalive: true\r\nX-CSTP-License: accept\r\n"
        "X-DTLS-DPD: 60\r\nX-DTLS-Port: 4443\r\nX-DTLS-Rekey-Time: 172802\r\nX-DTLS-Rekey-Method: ssl\r\n"
        "X-DTLS-Keepalive: 300\r\n"
        "X-DTLS-App-ID: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\r\n"
        "X-DTLS-CipherSuite: PSK-NEGOTIATE\r\nX-CSTP-Base-MTU: 1500\r\nX-CSTP-MTU: 1434\r\n\r\n"
        "STF\x01";
    size_t used;
    struct vc_fail fail = {0};
    assert_int_equal(read_text(head, &used, &fail), 0);
    assert_int_equal(used, strlen(head) - 4);
    assert_int_equal(got.n_bad, 0);
    assert_int_equal(got.n_unknown, 1); /* Server-Name */
    struct vc_ip v4 = ip("192.168.77.5"), v6 = ip("fd91::1"), dns6 = ip("fd91::53");
    assert_true(vc_ip_eq(&got.v4.ip, &v4) && got.v4.len == 24);
    assert_true(vc_ip_eq(&got.v6.ip, &v6) && got.v6.len == 64 && !got.v6_old_form);
    assert_int_equal(got.n_dns, 2);
    assert_true(vc_ip_eq(&got.dns[1], &dns6) && !got.dns6_form);
    assert_int_equal(got.n_includes, 2);
    assert_int_equal(got.n_excludes, 1);
    assert_int_equal(got.n_split_dns, 1);
    assert_int_equal(got.dpd_s, 60);
    assert_int_equal(got.keepalive_s, 300);
    assert_int_equal(got.rekey, VC_REKEY_SSL);
    assert_int_equal(got.rekey_s, 172792);
    assert_int_equal(got.idle_s + got.session_s + got.disconnected_s, 0);
    assert_int_equal(got.dtls.mode, VC_DTLS_MODE_PSK);
    assert_int_equal(got.dtls.id_len, 32);
    assert_int_equal(got.dtls.id[31], 0xff);
    assert_int_equal(got.dtls.port, 4443);
    assert_int_equal(got.dtls.rekey, VC_REKEY_SSL);
    assert_true(vc_str_eq(got.dtls.suite, VC_STR("PSK-NEGOTIATE")) && !got.dtls.suite12);
    assert_int_equal(got.base_mtu, 1500);
    assert_int_equal(got.mtu, 1434);
    assert_true(got.tcp_keepalive && got.license_accept && got.keep);

    /* cut anywhere: more is wanted, nothing is wrong */
    for (size_t n = 0; n < used; n++) {
        uint8_t *cut = exact(head, n);
        size_t ignored;
        assert_int_equal(vc_connect_answer_read(cut, n, &store, &got, &ignored, &fail), VC_CONNECT_MORE);
        free(cut);
    }
}

// clang-format off
static const struct {
    const char *name;
    const char *line;
    uint32_t n_bad, n_unknown;
} lines[] = {
    {"other header",           "Server: x",                                    0, 0},
    {"unknown of ours",        "X-CSTP-Tunnel-All-Networks: true",             0, 1},
    {"no colon",               "X-CSTP-DPD",                                   1, 0},
    {"control character",      "X-CSTP-Hostname: a\x01z",                      1, 0},
    {"version 2",              "X-CSTP-Version: 2",                            1, 0},
    {"number with text",       "X-CSTP-DPD: 30s",                              1, 0},
    {"number beyond 32 bits",  "X-CSTP-DPD: 4294967296",                       1, 0},
    {"neither true nor false", "X-CSTP-Keep: maybe",                           1, 0},
    {"no address",             "X-CSTP-Address: 10.0.0",                       1, 0},
    {"mask with holes",        "X-CSTP-Netmask: 255.0.255.0",                  1, 0},
    {"mask that is a v4 net",  "X-CSTP-Netmask: 10.0.0.0/8",                   1, 0},
    {"v4 in -IP6",             "X-CSTP-Address-IP6: 10.0.0.1/24",              1, 0},
    {"prefix of 129",          "X-CSTP-Address-IP6: fd00::1/129",              1, 0},
    {"v4 in DNS-IP6",          "X-CSTP-DNS-IP6: 10.0.0.1",                     1, 0},
    {"name as DNS",            "X-CSTP-DNS: a.example",                        1, 0},
    {"v6 as NBNS",             "X-CSTP-NBNS: ::1",                             1, 0},
    {"route with holes",       "X-CSTP-Split-Include: 10.0.0.0/255.0.255.0",   1, 0},
    {"route without form",     "X-CSTP-Split-Exclude-IP6: x",                  1, 0},
    {"method",                 "X-CSTP-Rekey-Method: magic",                   1, 0},
    {"encoding",               "X-CSTP-Content-Encoding: zip",                 1, 0},
    {"short session id",       "X-DTLS-Session-ID: 00",                        1, 0},
    {"odd app id",             "X-DTLS-App-ID: 123",                           1, 0},
    {"empty app id",           "X-DTLS-App-ID:",                               1, 0},
    {"app id of 33",           "X-DTLS-App-ID: 000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f00", 1, 0},
    {"empty suite",            "X-DTLS12-CipherSuite:",                        1, 0},
    {"licence",                "X-CSTP-License: no",                           1, 0},
};
// clang-format on

static void test_read_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char head[512];
        size_t used;
        (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s\r\n\r\n", lines[i].line);
        assert_case(lines[i].name, read_text(head, &used, NULL) == 0);
        assert_case(lines[i].name, got.n_bad == lines[i].n_bad && got.n_unknown == lines[i].n_unknown);
    }
}

static void test_read_forms(void **state)
{
    (void)state;
    size_t used;
    assert_int_equal(read_text("HTTP/1.1 200 OK\r\nx-cstp-address: fd00::5\r\nX-CSTP-NETMASK: fd00::/64\r\n"
                               "X-CSTP-Split-DNS: a.example, b.example,\r\nX-CSTP-Banner: 5%25 %zz%4\r\n"
                               "X-DTLS12-Port: 444\r\nX-DTLS12-MTU: 1400\r\nX-DTLS-CipherSuite: AES128-SHA\r\n"
                               "X-DTLS12-CipherSuite: AES128-GCM-SHA256\r\nX-CSTP-DPD: 10\r\nX-CSTP-DPD: none\r\n"
                               "X-CSTP-MSIE-Proxy-Pac-Url: http://x\r\nX-CSTP-Split-Include: 10.1.2.3/8\r\n\r\n",
                               &used, NULL),
                     0);
    assert_int_equal(got.n_bad + got.n_unknown, 0);
    assert_true(got.v6_old_form && got.v6.len == 64);
    assert_int_equal(got.n_split_dns, 2);
    assert_true(vc_str_eq(got.split_dns[1], VC_STR("b.example")));
    assert_true(vc_str_eq(got.banner, VC_STR("5% %zz%4")));
    assert_int_equal(got.dtls.port, 444);
    assert_int_equal(got.dtls.mtu, 1400);
    assert_true(vc_str_eq(got.dtls.suite, VC_STR("AES128-GCM-SHA256")) && got.dtls.suite12);
    assert_int_equal(got.dpd_s, 0);
    assert_true(vc_str_eq(got.pac_url, VC_STR("http://x")));
    struct vc_prefix want = prefix("10.0.0.0/8");
    assert_memory_equal(&got.includes[0], &want, sizeof(want));

    assert_int_equal(
        read_text("HTTP/1.1 503 Service Unavailable\r\nX-Reason: No address available\r\n\r\n", &used, NULL), 0);
    assert_int_equal(got.status, 503);
    assert_true(vc_str_eq(got.phrase, VC_STR("Service Unavailable")));
    assert_true(vc_str_eq(got.reason, VC_STR("No address available")));
}

static void test_read_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"HTTP/1.0 200 OK\r\n\r\n",
                                      "ICY 200 OK\r\n\r\n",
                                      "HTTP/1.1 20 OK\r\n\r\n",
                                      "HTTP/1.1 2000 OK\r\n\r\n",
                                      "HTTP/1.1 0x1 O\r\n\r\n",
                                      "HTTP/1.1 099 O\r\n\r\n",
                                      "\r\n\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t used;
        struct vc_fail fail = {0};
        assert_case(bad[i], read_text(bad[i], &used, &fail) == -1);
        assert_case(bad[i], fail.cause == VC_CAUSE_CONNECT_ANSWER);
    }
}

/** A head of @n_lines lines, each of @line_len bytes with its newline, then the empty line. */
static int read_many(size_t n_lines, size_t line_len)
{
    static char head[2 * VC_CONNECT_HEAD_MAX];
    size_t at = 17, used;
    memcpy(head, "HTTP/1.1 200 OK\r\n", at);
    for (size_t i = 0; i < n_lines; i++) {
        memset(head + at, 'a', line_len - 1);
        head[at + line_len - 1] = '\n';
        at += line_len;
    }
    memcpy(head + at, "\r\n", 2);
    return vc_connect_answer_read((uint8_t *)head, at + 2, &store, &got, &used, NULL);
}

static void test_read_limits(void **state)
{
    (void)state;
    assert_int_equal(read_many(1, VC_CONNECT_LINE_MAX), 0);
    assert_int_equal(read_many(1, VC_CONNECT_LINE_MAX + 1), -1);
    assert_int_equal(read_many(VC_CONNECT_LINES_MAX - 1, 2), 0);
    assert_int_equal(read_many(VC_CONNECT_LINES_MAX, 2), -1);
    assert_int_equal(read_many(8, (VC_CONNECT_HEAD_MAX - 17 - 2) / 8), 0);
    assert_int_equal(read_many(8, VC_CONNECT_HEAD_MAX / 8), -1);
    /* no newline ever comes */
    static uint8_t endless[VC_CONNECT_LINE_MAX + 1];
    size_t used;
    memset(endless, 'a', sizeof(endless));
    assert_int_equal(vc_connect_answer_read(endless, VC_CONNECT_LINE_MAX, &store, &got, &used, NULL), VC_CONNECT_MORE);
    assert_int_equal(vc_connect_answer_read(endless, sizeof(endless), &store, &got, &used, NULL), -1);
}

static void test_list_limits(void **state)
{
    (void)state;
    struct vc_connect_answer a = {0};
    struct vc_ip dns = ip("10.0.0.1");
    struct vc_prefix p = prefix("10.0.0.0/8");
    for (int i = 0; i <= VC_CONNECT_DNS_MAX; i++)
        vc_connect_add_dns(&a, &store, &dns);
    assert_int_equal(a.n_dns, VC_CONNECT_DNS_MAX);
    for (int i = 0; i <= VC_CONNECT_DNS_MAX; i++)
        vc_connect_add_nbns(&a, &store, &dns);
    for (int i = 0; i <= VC_CONNECT_NAMES_MAX; i++)
        vc_connect_add_split_dns(&a, &store, VC_STR("x"));
    for (int i = 0; i <= VC_CONNECT_ROUTES_MAX; i++)
        vc_connect_add_include(&a, &store, &p);
    for (int i = 0; i <= VC_CONNECT_ROUTES_MAX; i++)
        vc_connect_add_exclude(&a, &store, &p);
    assert_int_equal(a.n_includes, VC_CONNECT_ROUTES_MAX);
    assert_int_equal(a.n_surplus, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_all),   cmocka_unit_test(test_print_old_form),  cmocka_unit_test(test_no_injection),
        cmocka_unit_test(test_read_ocserv), cmocka_unit_test(test_print_too_small), cmocka_unit_test(test_read_lines),
        cmocka_unit_test(test_read_forms),  cmocka_unit_test(test_read_refused),    cmocka_unit_test(test_read_limits),
        cmocka_unit_test(test_list_limits), cmocka_unit_test(test_no_blank_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
