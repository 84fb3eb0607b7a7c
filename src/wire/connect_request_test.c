#include "table.h"

#include "wire/connect_request.h"

#define HEX96 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292A2B2C2D2E2F"

static struct vc_connect_request req;

/** Takes "Name: value\n..." from blocks of exactly their size; returns what the last one gave. */
static enum vc_connect_taken take_lines(const char *lines)
{
    enum vc_connect_taken last = VC_CONNECT_UNKNOWN;
    struct vc_str rest = vc_str_of(lines);
    memset(&req, 0, sizeof(req));
    while (rest.len > 0) {
        struct vc_str line = vc_str_cut(rest, '\n', &rest), value;
        struct vc_str name = vc_str_cut(line, ':', &value);
        char *n = exact(name.at, name.len), *v = exact(value.at, value.len);
        last = vc_connect_request_header(&req, (struct vc_str){n, name.len}, (struct vc_str){v, value.len});
        free(n);
        free(v);
    }
    return last;
}

/* 2-tunnel.md 1.3 */
static void test_openconnect(void **state)
{
    (void)state;
    take_lines("Host: localhost:9441\n"
               "User-Agent: Open AnyConnect VPN Agent v9.01-3\n"
               "Cookie: webvpn=AM5hEBVH\n"
               "X-CSTP-Version: 1\n"
               "X-CSTP-Hostname: vm\n"
               "X-CSTP-Accept-Encoding: oc-lz4,lzs\n"
               "X-CSTP-Base-MTU: 1500\n"
               "X-CSTP-MTU: 1390\n"
               "X-CSTP-Address-Type: IPv6,IPv4\n"
               "X-CSTP-Full-IPv6-Capability: true\n"
               "X-DTLS-Master-Secret: " HEX96 "\n"
               "X-DTLS-CipherSuite: PSK-NEGOTIATE:OC-DTLS1_2-AES256-GCM\n"
               "X-DTLS12-CipherSuite: ECDHE-RSA-AES256-GCM-SHA384:AES128-GCM-SHA256\n"
               "X-DTLS-Accept-Encoding: oc-lz4,lzs\n");
    assert_int_equal(req.bad, 0);
    assert_string_equal(req.user_agent, "Open AnyConnect VPN Agent v9.01-3");
    assert_string_equal(req.hostname, "vm");
    assert_int_equal(req.encodings, VC_ENCODING_LZS | VC_ENCODING_OC_LZ4);
    assert_int_equal(req.dtls_encodings, VC_ENCODING_LZS | VC_ENCODING_OC_LZ4);
    assert_int_equal(req.base_mtu, 1500);
    assert_int_equal(req.mtu, 1390);
    assert_true(vc_connect_request_wants(&req, VC_FAMILY_V4) && vc_connect_request_wants(&req, VC_FAMILY_V6));
    assert_true(req.full_ipv6);
    assert_true(req.has_secret);
    for (int i = 0; i < VC_CONNECT_MASTER_SECRET; i++)
        assert_int_equal(req.secret[i], i);
    assert_string_equal(req.ciphers, "PSK-NEGOTIATE:OC-DTLS1_2-AES256-GCM");
    assert_string_equal(req.ciphers12, "ECDHE-RSA-AES256-GCM-SHA384:AES128-GCM-SHA256");
    assert_false(vc_connect_request_is_mobile(&req));
    assert_true(vc_connect_request_saw(&req, VC_CONNECT_VERSION));
    assert_false(vc_connect_request_saw(&req, VC_CONNECT_PROTOCOL));

    vc_connect_request_wipe(&req);
    assert_false(req.has_secret);
    for (int i = 0; i < VC_CONNECT_MASTER_SECRET; i++)
        assert_int_equal(req.secret[i], 0);
}

static void test_secure_client(void **state)
{
    (void)state;
    take_lines("User-Agent: Cisco AnyConnect VPN Agent for Apple iPhone 4.10.06079 and a rest that is cut somewhere\n"
               "x-cstp-protocol: Copyright (c) 2004 Cisco Systems, Inc.\n"
               "X-CSTP-LICENSE: mobile\n"
               "X-CSTP-FIPS-Mode: enabled\n"
               "X-CSTP-TCP-Keepalive: false\n"
               "X-CSTP-Address-Type: IPv6\n"
               "X-CSTP-Local-Address-IP4: 192.0.2.7\n"
               "X-CSTP-Remote-Address-IP6: 2001:db8::1\n"
               "X-CSTP-Remote-Address-IP4: 192.0.2.1\n"
               "X-CSTP-Local-Address-IP6: 2001:db8::7\n"
               "X-CSTP-Address: 10.0.0.9\n"
               "X-CSTP-Address: fd00::9\n"
               "X-DTLS-Header-Pad-Length: 0\n"
               "X-AnyConnect-STRAP-Pubkey: MFkw\n"
               "X-AnyConnect-STRAP-Verify: MEUC\n"
               "X-AnyConnect-Identifier-Platform: apple-ios\n"
               "X-AnyConnect-Identifier-PlatformVersion: 17.1\n"
               "X-AnyConnect-Identifier-DeviceType: iPhone\xc3\xa4\n"
               "X-AnyConnect-Identifier-Device-UniqueID: AB12\n"
               "X-AnyConnect-Identifier-ClientVersion: 5.1\n");
    assert_int_equal(req.bad, 0);
    assert_int_equal(strlen(req.user_agent), 64);
    assert_true(req.mobile && req.fips && vc_connect_request_is_mobile(&req));
    assert_true(!vc_connect_request_wants(&req, VC_FAMILY_V4) && vc_connect_request_wants(&req, VC_FAMILY_V6));
    assert_false(vc_connect_request_wants(&req, VC_FAMILY_NONE));
    assert_false(req.full_ipv6);
    assert_int_equal(req.address_v4.bytes[3], 9);
    assert_int_equal(req.address_v6.bytes[15], 9);
    assert_int_equal(req.local_v4.bytes[3], 7);
    assert_int_equal(req.local_v6.bytes[15], 7);
    assert_int_equal(req.remote_v4.bytes[3], 1);
    assert_int_equal(req.remote_v6.bytes[15], 1);
    assert_string_equal(req.device_type, "iPhone??");
    assert_string_equal(req.platform_version, "17.1");
    assert_string_equal(req.unique_id, "AB12");
    assert_string_equal(req.client_version, "5.1");
    assert_true(vc_connect_request_saw(&req, VC_CONNECT_STRAP_PUBKEY));
    assert_true(vc_connect_request_saw(&req, VC_CONNECT_STRAP_VERIFY));
    take_lines("X-AnyConnect-Identifier-Platform: Android 14\n");
    assert_true(vc_connect_request_is_mobile(&req));
}

#define LABEL63 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// clang-format off
static const struct {
    const char *lines;
    enum vc_connect_taken want; /* of the last line */
    const char *hostname;
    uint32_t base_mtu, mtu;
    bool v4, v6, secret;
    uint8_t encodings;
} cases[] = {
    {"X-Unheard-Of: 1",                              VC_CONNECT_UNKNOWN, "",   0, 0, true, false, false, 0},
    {"X-CSTP-Version: 2",                            VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: vm.example.org",              VC_CONNECT_TAKEN,   "vm", 0, 0, true, false, false, 0},
    {"X-CSTP-Hostname:",                             VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: .example",                    VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: -vm",                         VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: vm-",                         VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: my vm",                       VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: v;reboot",                    VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: 1" LABEL63,                   VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: a\nX-CSTP-Hostname: b",       VC_CONNECT_TAKEN,   "b",  0, 0, true, false, false, 0},
    {"X-CSTP-Hostname: a\nX-CSTP-Hostname: ?",       VC_CONNECT_BAD,     "a",  0, 0, true, false, false, 0},
    {"X-CSTP-Base-MTU: 575",                         VC_CONNECT_TAKEN,   "",   576, 0, true, false, false, 0},
    {"X-CSTP-Base-MTU: 576",                         VC_CONNECT_TAKEN,   "",   576, 0, true, false, false, 0},
    {"X-CSTP-Base-MTU: 65535",                       VC_CONNECT_TAKEN,   "",   65535, 0, true, false, false, 0},
    {"X-CSTP-Base-MTU: 65536",                       VC_CONNECT_TAKEN,   "",   65535, 0, true, false, false, 0},
    {"X-CSTP-Base-MTU: 18446744073709551616",        VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Base-MTU: -1",                          VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Base-MTU: 1500x",                       VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-MTU: 0",                                VC_CONNECT_TAKEN,   "",   0, 0, true, false, false, 0},
    {"X-CSTP-MTU: 99999",                            VC_CONNECT_TAKEN,   "",   0, 65535, true, false, false, 0},
    {"X-CSTP-Address-Type: IPv4, IPv6",              VC_CONNECT_TAKEN,   "",   0, 0, true, true, false, 0},
    {"X-CSTP-Address-Type: ipv6",                    VC_CONNECT_TAKEN,   "",   0, 0, false, true, false, 0},
    {"X-CSTP-Address-Type: IPX",                     VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Full-IPv6-Capability: yes",             VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Address: 10.0.0.0/8",                   VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Local-Address-IP4: ::1",                VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-License: free",                         VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-CSTP-Accept-Encoding:,oc-lz4,lzs",           VC_CONNECT_TAKEN,   "",   0, 0, true, false, false, 3},
    {"X-CSTP-Accept-Encoding: lzs,,zip, deflate",    VC_CONNECT_TAKEN,   "",   0, 0, true, false, false, 5},
    {"X-DTLS-Master-Secret: " HEX96,                 VC_CONNECT_TAKEN,   "",   0, 0, true, false, true,  0},
    {"X-DTLS-Master-Secret: " HEX96 "0",             VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-DTLS-Master-Secret: " HEX96 "00",            VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-DTLS-Master-Secret: 00",                     VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
    {"X-DTLS-Master-Secret: " HEX96 "\nX-DTLS-Master-Secret: 00", VC_CONNECT_BAD, "", 0, 0, true, false, false, 0},
    {"X-DTLS-CipherSuite: A\x01",                    VC_CONNECT_BAD,     "",   0, 0, true, false, false, 0},
};
// clang-format on

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = cases[i].lines;
        assert_case(name, take_lines(name) == cases[i].want);
        assert_case(name, strcmp(req.hostname, cases[i].hostname) == 0);
        assert_case(name, req.base_mtu == cases[i].base_mtu && req.mtu == cases[i].mtu);
        assert_case(name, vc_connect_request_wants(&req, VC_FAMILY_V4) == cases[i].v4);
        assert_case(name, vc_connect_request_wants(&req, VC_FAMILY_V6) == cases[i].v6);
        assert_case(name, req.has_secret == cases[i].secret);
        assert_case(name, req.encodings == cases[i].encodings);
        assert_case(name, (req.bad != 0) == (cases[i].want == VC_CONNECT_BAD));
        for (int k = 0; !req.has_secret && k < VC_CONNECT_MASTER_SECRET; k++)
            assert_case(name, req.secret[k] == 0);
    }
}

static void test_cipher_limit(void **state)
{
    (void)state;
    static char value[VC_CONNECT_CIPHERS];
    memset(value, 'A', sizeof(value));
    memset(&req, 0, sizeof(req));
    assert_int_equal(
        vc_connect_request_header(&req, VC_STR("x-dtls12-ciphersuite"), (struct vc_str){value, VC_CONNECT_CIPHERS - 1}),
        VC_CONNECT_TAKEN);
    assert_int_equal(strlen(req.ciphers12), VC_CONNECT_CIPHERS - 1);
    assert_int_equal(
        vc_connect_request_header(&req, VC_STR("X-DTLS-CipherSuite"), (struct vc_str){value, VC_CONNECT_CIPHERS}),
        VC_CONNECT_BAD);
    assert_string_equal(req.ciphers, "");
}

/* What was packed is unpacked the same, but for the secret; every byte matters; every cut is refused. */
static void test_pack(void **state)
{
    (void)state;
    static uint8_t buf[VC_CONNECT_PACKED_MAX], again[VC_CONNECT_PACKED_MAX];
    static struct vc_connect_request back;
    take_lines(
        "User-Agent: AnyConnect Linux_64 5.1\nX-CSTP-Hostname: vm\nX-CSTP-Base-MTU: 1500\nX-CSTP-MTU: 1390\n"
        "X-CSTP-Address-Type: IPv6,IPv4\nX-CSTP-Full-IPv6-Capability: true\nX-CSTP-Address: 10.0.0.9\n"
        "X-CSTP-Address: fd00::9\nX-CSTP-Local-Address-IP4: 192.0.2.7\nX-CSTP-Remote-Address-IP6: 2001:db8::1\n"
        "X-CSTP-Accept-Encoding: lzs,deflate\nX-DTLS-Accept-Encoding: lzs\nX-CSTP-License: mobile\n"
        "X-CSTP-FIPS-Mode: enabled\nX-DTLS-Master-Secret: " HEX96 "\nX-DTLS-CipherSuite: PSK-NEGOTIATE\n"
        "X-DTLS12-CipherSuite: AES128-GCM-SHA256\nX-AnyConnect-Identifier-Platform: linux-64\nX-CSTP-Version: 2\n");
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_connect_request_pack(&req, &w);
    assert_false(w.bad);
    size_t len = vc_written(&w);
    struct vc_reader r = vc_reader_of(buf, len);
    vc_connect_request_unpack(&back, &r);
    assert_true(vc_reader_done(&r));
    assert_true(back.has_secret);
    memset(req.secret, 0, sizeof(req.secret));
    assert_memory_equal(&req, &back, sizeof(req));
    assert_null(memmem(buf, len, "\x00\x01\x02\x03\x04\x05\x06\x07", 8));

    for (size_t n = 0; n < len; n++) {
        uint8_t *cut = exact(buf, n);
        r = vc_reader_of(cut, n);
        vc_connect_request_unpack(&back, &r);
        assert_true(r.bad && back.seen == 0 && back.hostname[0] == 0);
        free(cut);
    }
    for (size_t n = 0; n < len; n++) { /* changed by one bit: refused, or another value */
        buf[n] ^= 0x40;
        r = vc_reader_of(buf, len);
        vc_connect_request_unpack(&back, &r);
        if (!r.bad) {
            w = vc_writer_to(again, sizeof(again));
            vc_connect_request_pack(&back, &w);
            assert_true(vc_written(&w) == len - r.left);
        }
        buf[n] ^= 0x40;
    }
}

/* The largest request there can be fits what is promised. */
static void test_pack_largest(void **state)
{
    (void)state;
    static uint8_t buf[VC_CONNECT_PACKED_MAX];
    memset(&req, 0, sizeof(req));
    memset(req.hostname, 'a', sizeof(req.hostname) - 1);
    memset(req.ciphers, 'a', sizeof(req.ciphers) - 1);
    memset(req.ciphers12, 'a', sizeof(req.ciphers12) - 1);
    char *texts[] = {req.user_agent,  req.platform,  req.platform_version,
                     req.device_type, req.unique_id, req.client_version};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        memset(texts[i], 'a', VC_CONNECT_IDENTIFIER - 1);
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_connect_request_pack(&req, &w);
    assert_false(w.bad);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(vc_connect_header_name(VC_CONNECT_SECRET_HEX), "X-DTLS-Master-Secret");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openconnect),  cmocka_unit_test(test_secure_client), cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cipher_limit), cmocka_unit_test(test_names),         cmocka_unit_test(test_pack),
        cmocka_unit_test(test_pack_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
