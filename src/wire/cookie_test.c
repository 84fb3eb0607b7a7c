#include "wire/cookie.h"

#include "table.h"

static void test_find(void **state)
{
    (void)state;
    // clang-format off
    static const struct { const char *name, *line1, *line2, *value; enum vc_cookie_found want; } rows[] = {
        {"alone",               "webvpn=abc",                       NULL,             "abc",    VC_COOKIE_FOUND},
        {"among others",        "webvpncontext=1; webvpn=abc;x=y",  NULL,             "abc",    VC_COOKIE_FOUND},
        {"blanks",              " ;; webvpn = abc ;",               NULL,             "abc",    VC_COOKIE_FOUND},
        {"equal signs, at",     "webvpn=a=b@c==",                   NULL,             "a=b@c==", VC_COOKIE_FOUND},
        {"empty",               "webvpn=",                          NULL,             "",       VC_COOKIE_FOUND},
        {"second header",       "a=b",                              "webvpn=abc",     "abc",    VC_COOKIE_FOUND},
        {"the last wins",       "webvpn=1; webvpn=2",               "webvpn=3",       "3",      VC_COOKIE_FOUND},
        {"longer name",         "webvpnc=1; xwebvpn=2",             "webvpncontext=3", "",      VC_COOKIE_ABSENT},
        {"other case",          "WebVPN=1",                         NULL,             "",       VC_COOKIE_ABSENT},
        {"no equal sign",       "webvpn",                           NULL,             "",       VC_COOKIE_ABSENT},
        {"in another's value",  "a=webvpn; b==webvpn=1",            NULL,             "",       VC_COOKIE_ABSENT},
        {"nothing",             "",                                 NULL,             "",       VC_COOKIE_ABSENT},
    };
    // clang-format on
    static struct vc_http_request req;
    struct vc_str value;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        req.headers[0] = (struct vc_http_header){VC_STR("COOKIE"), vc_str_of(rows[i].line1)};
        req.headers[1] = (struct vc_http_header){VC_STR("X-Cookie"), VC_STR("webvpn=no")};
        req.headers[2] = (struct vc_http_header){VC_STR("Cookie"), vc_str_of(rows[i].line2)};
        req.n_headers = rows[i].line2 ? 3 : 2;
        assert_case(rows[i].name, vc_cookie_find(&req, VC_STR("webvpn"), &value) == rows[i].want);
        assert_case(rows[i].name, vc_str_eq(value, vc_str_of(rows[i].value)));
    }
    char big[VC_COOKIE_VALUE_MAX + 16] = "webvpn=";
    memset(big + 7, 'x', VC_COOKIE_VALUE_MAX + 1);
    for (size_t n = VC_COOKIE_VALUE_MAX - 1; n <= VC_COOKIE_VALUE_MAX + 1; n++) {
        req.headers[0].value = (struct vc_str){.at = big, .len = 7 + n};
        req.n_headers = 1;
        assert_int_equal(vc_cookie_find(&req, VC_STR("webvpn"), &value),
                         n <= VC_COOKIE_VALUE_MAX ? VC_COOKIE_FOUND : VC_COOKIE_TOO_LONG);
        assert_int_equal(value.len, n <= VC_COOKIE_VALUE_MAX ? n : 0);
    }
}

static void test_token(void **state)
{
    (void)state;
    // clang-format off
    static const struct { const char *name; struct bytes in; bool good; } rows[] = {
        {"good",            BYTES("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGU"),  true},
        {"both signs",      BYTES("-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8"),  true},
        {"zeros",           BYTES("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),  true},
        {"spare bits",      BYTES("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGV"),  false},
        {"42",              BYTES("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaG"),   false},
        {"44",              BYTES("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGUA"), false},
        {"padded (ocserv)", BYTES("AM5hEBVHZm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW4="), false},
        {"pad for the last", BYTES("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaG="), false},
        {"plus",            BYTES("+m9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGU"),  false},
        {"blank",           BYTES(" m9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGU"),  false},
        {"NUL",             BYTES("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcga\0U"), false},
        {"empty",           BYTES(""),                                             false},
    };
    // clang-format on
    static const uint8_t zeros[VC_TOKEN_LEN];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t token[VC_TOKEN_LEN];
        char text[VC_TOKEN_TEXT];
        char *copy = exact(rows[i].in.at, rows[i].in.len);
        struct vc_str in = {.at = copy, .len = rows[i].in.len};
        memset(token, 0xff, sizeof(token));
        assert_case(rows[i].name, vc_cookie_token_read(in, token) == rows[i].good);
        if (rows[i].good) {
            vc_cookie_token_print(token, text);
            assert_case(rows[i].name, vc_str_eq(in, vc_str_of(text)));
        } else {
            assert_case(rows[i].name, memcmp(token, zeros, sizeof(zeros)) == 0);
        }
        free(copy);
    }
}

static void test_print(void **state)
{
    (void)state;
    uint8_t token[VC_TOKEN_LEN], sha1[20];
    char buf[512];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    assert_true(vc_cookie_token_read(VC_STR("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGU"), token));
    assert_true(vc_hex_decode(VC_STR("0A1B2C3D4E5F60718293A4B5C6D7E8F901234567"), sha1, 20));
    vc_cookie_put_webvpn(&w, token);
    vc_put_text(&w, "\n");
    vc_cookie_put_context(&w, VC_STR("4417095523816650931"));
    vc_put_text(&w, "\n");
    vc_cookie_put_webvpnc(&w, sha1);
    vc_put_text(&w, "\n");
    vc_cookie_put_clear(&w, "webvpncontext");
    assert_true(vc_put_end_text(&w));
    assert_string_equal(buf, /* 1-login.md 10, E1 and E3 */
                        "webvpn=Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGU; path=/; Secure; HttpOnly\n"
                        "webvpncontext=4417095523816650931; path=/; Secure; HttpOnly\n"
                        "webvpnc=bu:/&p:t&iu:1/&sh:0A1B2C3D4E5F60718293A4B5C6D7E8F901234567; path=/; Secure; HttpOnly\n"
                        "webvpncontext=; expires=Thu, 01 Jan 1970 22:00:00 GMT; path=/; Secure; HttpOnly");
    static const char *const bad[] = {"a;b", "a b", "a,b", "a\"", "a\\", "a\r\nb", "\x7f", "\xc3\xbc"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        w = vc_writer_to(buf, sizeof(buf));
        vc_cookie_put_context(&w, vc_str_of(bad[i]));
        assert_case(bad[i], w.bad);
    }
    w = vc_writer_to(buf, sizeof(buf));
    vc_cookie_put_clear(&w, "a;b");
    assert_true(w.bad);
}

static int setup_jar(void **state)
{
    *state = calloc(1, sizeof(struct vc_jar));
    return *state ? 0 : -1;
}

static int free_jar(void **state)
{
    free(*state);
    return 0;
}

static void assert_jar(const struct vc_jar *jar, const char *want)
{
    char buf[VC_JAR_HEADER_MAX + 1];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_jar_put(&w, jar);
    assert_true(vc_put_end_text(&w));
    assert_string_equal(buf, want);
}

static void test_jar(void **state)
{
    struct vc_jar *jar = *state;
    struct vc_str value;
    // clang-format off
    static const struct { const char *in; enum vc_jar_took took; const char *then; } rows[] = {
        {"webvpnlogin=1; path=/; secure",          VC_JAR_KEPT,      "webvpnlogin=1"},
        {"webvpn=; expires=Thu, 01 Jan 1970",      VC_JAR_DELETED,   "webvpnlogin=1"},
        {" tg = 1U3R=@ ;secure",                   VC_JAR_KEPT,      "webvpnlogin=1; tg=1U3R=@"},
        {"webvpnlogin=22",                         VC_JAR_KEPT,      "webvpnlogin=22; tg=1U3R=@"},
        {"noequals; a=b",                          VC_JAR_MALFORMED, "webvpnlogin=22; tg=1U3R=@"},
        {"=a",                                     VC_JAR_MALFORMED, "webvpnlogin=22; tg=1U3R=@"},
        {"a=b\rX: y",                              VC_JAR_MALFORMED, "webvpnlogin=22; tg=1U3R=@"},
        {"",                                       VC_JAR_MALFORMED, "webvpnlogin=22; tg=1U3R=@"},
        {"webvpn=x",                               VC_JAR_KEPT,      "webvpnlogin=22; tg=1U3R=@; webvpn=x"},
        {"webvpnlogin=",                           VC_JAR_DELETED,   "tg=1U3R=@; webvpn=x"},
        {"TG=1",                                   VC_JAR_KEPT,      "tg=1U3R=@; webvpn=x; TG=1"},
    };
    // clang-format on
    assert_jar(jar, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_case(rows[i].in, vc_jar_take(jar, vc_str_of(rows[i].in)) == rows[i].took);
        assert_jar(jar, rows[i].then);
    }
    assert_true(vc_jar_get(jar, VC_STR("tg"), &value));
    assert_true(vc_str_eq(value, VC_STR("1U3R=@")));
    assert_false(vc_jar_get(jar, VC_STR("webvpnlogin"), &value));
    assert_int_equal(value.len, 0);
    vc_jar_wipe(jar);
    for (size_t i = 0; i < sizeof(*jar); i++)
        assert_int_equal(((uint8_t *)jar)[i], 0);
}

static void test_jar_limits(void **state)
{
    struct vc_jar *jar = *state;
    char line[VC_JAR_COOKIE + 16] = "a=";
    char out[VC_JAR_HEADER_MAX + 64];
    memset(line + 2, 'x', VC_JAR_COOKIE);
    for (size_t n = VC_JAR_COOKIE - 1; n <= VC_JAR_COOKIE + 1; n++) /* the name counts too */
        assert_int_equal(vc_jar_take(jar, (struct vc_str){.at = line, .len = n + 1}),
                         n <= VC_JAR_COOKIE ? VC_JAR_KEPT : VC_JAR_TOO_LONG);

    for (int extra = 0; extra <= 1; extra++) { /* "a=4095; b=4088..." is 8192 bytes: fits; one more does not */
        struct vc_writer w = vc_writer_to(out, sizeof(out));
        line[0] = 'b';
        assert_int_equal(vc_jar_take(jar, (struct vc_str){.at = line, .len = (size_t)(2 + 4091 + extra)}), VC_JAR_KEPT);
        vc_jar_put(&w, jar);
        assert_int_equal(w.bad, extra);
    }
    vc_jar_wipe(jar);
    for (int i = 0; i <= VC_JAR_COOKIES; i++) {
        (void)snprintf(line, sizeof(line), "c%d=%d", i, i);
        assert_int_equal(vc_jar_take(jar, vc_str_of(line)), i < VC_JAR_COOKIES ? VC_JAR_KEPT : VC_JAR_FULL);
    }
    assert_int_equal(vc_jar_take(jar, VC_STR("c63=new")), VC_JAR_KEPT); /* a full jar still changes */
    assert_int_equal(vc_jar_take(jar, VC_STR("c0=")), VC_JAR_DELETED);
    assert_int_equal(vc_jar_take(jar, VC_STR("d=1")), VC_JAR_KEPT);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_find),
    cmocka_unit_test(test_token),
    cmocka_unit_test(test_print),
    cmocka_unit_test_setup_teardown(test_jar, setup_jar, free_jar),
    cmocka_unit_test_setup_teardown(test_jar_limits, setup_jar, free_jar),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
