#include "wire/dtls_handshake.h"
#include "table.h"

#define R32 "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"
#define HEAD "\xfe\xfd" R32

static void test_message(void **state)
{
    // clang-format off
    const struct {
        const char *name;
        struct bytes in;
        enum vc_dtls_read want;
        unsigned seq;
        size_t len, left;
    } cases[] = {
        {"empty body",            BYTES("\x0e\0\0\0\0\1\0\0\0\0\0\0"),          VC_DTLS_READ_OK,        1, 0, 0},
        {"body of 2",             BYTES("\x14\0\0\2\1\2\0\0\0\0\0\2ab"),        VC_DTLS_READ_OK,        0x102, 2, 0},
        {"another behind it",     BYTES("\x14\0\0\2\0\2\0\0\0\0\0\2abcd"),      VC_DTLS_READ_OK,        2, 2, 2},
        {"first fragment",        BYTES("\x14\0\0\4\0\2\0\0\0\0\0\2ab"),        VC_DTLS_READ_FRAGMENT,  0, 0, 0},
        {"last fragment",         BYTES("\x14\0\0\4\0\2\0\0\2\0\0\2ab"),        VC_DTLS_READ_FRAGMENT,  0, 0, 0},
        {"empty fragment",        BYTES("\x14\0\0\4\0\2\0\0\4\0\0\0"),          VC_DTLS_READ_FRAGMENT,  0, 0, 0},
        {"fragment beyond",       BYTES("\x14\0\0\4\0\2\0\0\3\0\0\2ab"),        VC_DTLS_READ_MALFORMED, 0, 0, 0},
        {"offset beyond",         BYTES("\x14\0\0\4\0\2\0\0\5\0\0\0"),          VC_DTLS_READ_MALFORMED, 0, 0, 0},
        {"offset near 2^24",      BYTES("\x14\0\0\4\0\2\xff\xff\xff\0\0\2ab"),  VC_DTLS_READ_MALFORMED, 0, 0, 0},
        {"body cut",              BYTES("\x14\0\0\4\0\2\0\0\0\0\0\4abc"),       VC_DTLS_READ_MALFORMED, 0, 0, 0},
        {"header cut",            BYTES("\x14\0\0\0\0\2\0\0\0\0\0"),            VC_DTLS_READ_MALFORMED, 0, 0, 0},
        {"nothing",               BYTES(""),                                    VC_DTLS_READ_MALFORMED, 0, 0, 0},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *in = exact(cases[i].in.at, cases[i].in.len);
        struct vc_reader r = vc_reader_of(in, cases[i].in.len);
        struct vc_dtls_message m = {0};
        assert_case(cases[i].name, vc_dtls_message_read(&r, &m) == cases[i].want);
        if (cases[i].want == VC_DTLS_READ_OK) {
            assert_case(cases[i].name, m.seq == cases[i].seq && m.len == cases[i].len && r.left == cases[i].left);
            assert_case(cases[i].name, m.raw == in && m.raw_len == 12 + m.len && m.body == in + 12);
        }
        free(in);
    }
}

enum { EMS = 1, INFO = 2, NULL_COMPRESSION = 4, APP = 8 };

static void test_client_hello(void **state)
{
    // clang-format off
    const struct {
        const char *name;
        struct bytes in;
        int want; /* found, or -1: malformed */
    } cases[] = {
        {"least",                    BYTES(HEAD "\0\0\0\2\0\x9c\1\0"),                                 NULL_COMPRESSION},
        {"session id and cookie",    BYTES(HEAD "\x20" R32 "\4cook\0\2\0\x9c\1\0"),                     NULL_COMPRESSION},
        {"compression without null", BYTES(HEAD "\0\0\0\2\0\x9c\2\1\2"),                               0},
        {"SCSV",                     BYTES(HEAD "\0\0\0\4\0\x9c\0\xff\1\0"),                           NULL_COMPRESSION | INFO},
        {"empty block",              BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\0"),                             NULL_COMPRESSION},
        {"EMS",                      BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\4\0\x17\0\0"),                   NULL_COMPRESSION | EMS},
        {"EMS and info",             BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\x9\0\x17\0\0\xff\1\0\1\0"),      NULL_COMPRESSION | EMS | INFO},
        {"unknown ones",             BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\xf\0\x23\0\0\0\x1c\0\2@\0\0\x0d\0\1x"), NULL_COMPRESSION},
        {"app id",                   BYTES(HEAD "\0\0\0\2\0\xa9\1\0\0\x8\xbb\x92\0\4\3abc"),           NULL_COMPRESSION | APP},
        {"EMS with a body",          BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\5\0\x17\0\1x"),                  -1},
        {"EMS twice",                BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\x8\0\x17\0\0\0\x17\0\0"),        -1},
        {"an unknown one twice",     BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\x8\0\x23\0\0\0\x23\0\0"),        -1},
        {"info of a renegotiation",  BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\x6\xff\1\0\2\1x"),               -1},
        {"info without length",      BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\x4\xff\1\0\0"),                  -1},
        {"empty app id",             BYTES(HEAD "\0\0\0\2\0\xa9\1\0\0\x5\xbb\x92\0\1\0"),              -1},
        {"bytes behind the app id",  BYTES(HEAD "\0\0\0\2\0\xa9\1\0\0\x7\xbb\x92\0\3\1ab"),            -1},
        {"app id cut",               BYTES(HEAD "\0\0\0\2\0\xa9\1\0\0\x6\xbb\x92\0\2\2a"),             -1},
        {"extension beyond block",   BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\4\0\x23\0\1x"),                  -1},
        {"half an extension",        BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\2\0\x23"),                       -1},
        {"block beyond message",     BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\5\0\x23\0\0"),                   -1},
        {"bytes behind the block",   BYTES(HEAD "\0\0\0\2\0\x9c\1\0\0\4\0\x23\0\0x"),                  -1},
        {"one byte behind",          BYTES(HEAD "\0\0\0\2\0\x9c\1\0x"),                                -1},
        {"session id of 33",         BYTES(HEAD "\x21" R32 "x\0\0\2\0\x9c\1\0"),                        -1},
        {"no suites",                BYTES(HEAD "\0\0\0\0\1\0"),                                       -1},
        {"half a suite",             BYTES(HEAD "\0\0\0\3\0\x9c\0\1\0"),                               -1},
        {"no compressions",          BYTES(HEAD "\0\0\0\2\0\x9c\0"),                                   -1},
        {"cookie cut",               BYTES(HEAD "\0\xff" "abc"),                                       -1},
        {"random cut",               BYTES("\xfe\xfd@ABC"),                                            -1},
        {"nothing",                  BYTES(""),                                                        -1},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *in = exact(cases[i].in.at, cases[i].in.len), again[512];
        struct vc_dtls_client_hello h = {0};
        enum vc_dtls_read r = vc_dtls_client_hello_read(in, cases[i].in.len, &h);
        assert_case(cases[i].name, r == (cases[i].want < 0 ? VC_DTLS_READ_MALFORMED : VC_DTLS_READ_OK));
        if (r == VC_DTLS_READ_OK) {
            int found = (h.ems ? EMS : 0) | (h.renegotiation ? INFO : 0) | (h.null_compression ? NULL_COMPRESSION : 0) |
                        (h.app_id.at ? APP : 0);
            struct vc_writer w = vc_writer_to(again, sizeof(again));
            vc_dtls_client_hello_put(&w, &h);
            assert_case(cases[i].name, found == cases[i].want);
            assert_case(cases[i].name, vc_written(&w) == cases[i].in.len && memcmp(again, in, vc_written(&w)) == 0);
        }
        free(in);
    }
}

static void test_too_many_extensions(void **state)
{
    uint8_t in[512];
    (void)state;
    for (unsigned n = VC_DTLS_EXTENSIONS_MAX - 1; n <= VC_DTLS_EXTENSIONS_MAX + 1; n++) {
        struct vc_writer w = vc_writer_to(in, sizeof(in));
        struct vc_dtls_client_hello h;
        vc_put(&w, HEAD "\0\0\0\2\0\x9c\1\0", 2 + 32 + 8);
        size_t block = vc_put_len_begin(&w, 2);
        for (unsigned i = 0; i < n; i++)
            vc_put_u32(&w, (0x1000 + i) << 16);
        vc_put_len_end(&w, block, 2);
        assert_int_equal(vc_dtls_client_hello_read(in, vc_written(&w), &h),
                         n <= VC_DTLS_EXTENSIONS_MAX ? VC_DTLS_READ_OK : VC_DTLS_READ_MALFORMED);
    }
}

static void test_offers(void **state)
{
    struct vc_dtls_client_hello h = {.suites = {(const uint8_t *)"\0\x9c\x9d\xc0\x30\0", 6}};
    (void)state;
    assert_true(vc_dtls_client_hello_offers(&h, 0x009c));
    assert_true(vc_dtls_client_hello_offers(&h, 0x3000));
    assert_false(vc_dtls_client_hello_offers(&h, 0xc030)); /* across two */
}

static void test_others(void **state)
{
    // clang-format off
    const struct {
        const char *name;
        uint8_t type; /* 21: alert */
        struct bytes in;
        bool ok;
    } cases[] = {
        {"ServerHello",               2,  BYTES(HEAD "\4abcd\0\x9c\0"),                          true},
        {"ServerHello, extensions",   2,  BYTES(HEAD "\0\0\xa9\0\0\x9\xff\1\0\1\0\0\x17\0\0"),   true},
        {"ServerHello, id of 33",     2,  BYTES(HEAD "\x21" R32 "x\0\x9c\0"),                    false},
        {"ServerHello, cut",          2,  BYTES(HEAD "\0\0\xa9"),                                false},
        {"ServerHello, twice EMS",    2,  BYTES(HEAD "\0\0\xa9\0\0\x8\0\x17\0\0\0\x17\0\0"),     false},
        {"HelloVerifyRequest",        3,  BYTES("\xfe\xff\3abc"),                                true},
        {"HelloVerifyRequest, empty", 3,  BYTES("\1\0\0"),                                       true},
        {"HelloVerifyRequest, cut",   3,  BYTES("\xfe\xff\4abc"),                                false},
        {"HelloVerifyRequest, long",  3,  BYTES("\xfe\xff\2abc"),                                false},
        {"ClientKeyExchange",         16, BYTES("\0\3psk"),                                      true},
        {"ClientKeyExchange, empty",  16, BYTES("\0\0"),                                         true},
        {"ClientKeyExchange, cut",    16, BYTES("\0\4psk"),                                      false},
        {"ClientKeyExchange, long",   16, BYTES("\0\2psk"),                                      false},
        {"Finished",                  20, BYTES("abcdefghijkl"),                                 true},
        {"Finished of 11",            20, BYTES("abcdefghijk"),                                  false},
        {"Finished of 13",            20, BYTES("abcdefghijklm"),                                false},
        {"warning",                   21, BYTES("\1\0"),                                         true},
        {"fatal",                     21, BYTES("\2\x28"),                                       true},
        {"alert of level 3",          21, BYTES("\3\x28"),                                       false},
        {"alert of 1",                21, BYTES("\2"),                                           false},
        {"alert of 3",                21, BYTES("\2\x28\0"),                                     false},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = cases[i].in.len;
        uint8_t *in = exact(cases[i].in.at, len), again[512];
        struct vc_writer w = vc_writer_to(again, sizeof(again));
        enum vc_dtls_read r = VC_DTLS_READ_MALFORMED;
        struct vc_dtls_server_hello sh;
        struct vc_dtls_hello_verify_request hv;
        struct vc_dtls_view identity;
        struct vc_dtls_alert alert;
        const uint8_t *verify;
        switch (cases[i].type) {
        case VC_DTLS_SERVER_HELLO:
            r = vc_dtls_server_hello_read(in, len, &sh);
            if (r == VC_DTLS_READ_OK)
                vc_dtls_server_hello_put(&w, &sh);
            break;
        case VC_DTLS_HELLO_VERIFY_REQUEST:
            r = vc_dtls_hello_verify_request_read(in, len, &hv);
            if (r == VC_DTLS_READ_OK)
                vc_dtls_hello_verify_request_put(&w, &hv);
            break;
        case VC_DTLS_CLIENT_KEY_EXCHANGE:
            r = vc_dtls_client_key_exchange_read(in, len, &identity);
            if (r == VC_DTLS_READ_OK)
                vc_dtls_client_key_exchange_put(&w, identity);
            break;
        case VC_DTLS_FINISHED:
            r = vc_dtls_finished_read(in, len, &verify);
            if (r == VC_DTLS_READ_OK)
                vc_dtls_finished_put(&w, verify);
            break;
        default:
            r = vc_dtls_alert_read(in, len, &alert);
            if (r == VC_DTLS_READ_OK) {
                vc_put_u8(&w, alert.level);
                vc_put_u8(&w, alert.code);
            }
        }
        assert_case(cases[i].name, (r == VC_DTLS_READ_OK) == cases[i].ok);
        assert_case(cases[i].name, vc_written(&w) == (cases[i].ok ? len : 0) && memcmp(again, in, vc_written(&w)) == 0);
        free(in);
    }
}

static void test_message_put(void **state)
{
    uint8_t out[32];
    struct vc_writer w = vc_writer_to(out, sizeof(out));
    (void)state;
    vc_put_u8(&w, 0xff); /* not at the start of the buffer */
    size_t where = vc_dtls_message_begin(&w, VC_DTLS_CLIENT_KEY_EXCHANGE, 0x0102);
    vc_dtls_client_key_exchange_put(&w, (struct vc_dtls_view){(const uint8_t *)"psk", 3});
    vc_dtls_message_end(&w, where);
    assert_false(w.bad);
    assert_int_equal(vc_written(&w), 18);
    assert_memory_equal(out, "\xff\x10\0\0\5\1\2\0\0\0\0\0\5\0\3psk", 18);
    w = vc_writer_to(out, 11); /* no room for the header */
    vc_dtls_message_end(&w, vc_dtls_message_begin(&w, VC_DTLS_FINISHED, 1));
    assert_true(w.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message), cmocka_unit_test(test_client_hello), cmocka_unit_test(test_too_many_extensions),
        cmocka_unit_test(test_offers),  cmocka_unit_test(test_others),       cmocka_unit_test(test_message_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
