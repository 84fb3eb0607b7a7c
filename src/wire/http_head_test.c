#include "wire/http_head.h"

#include "table.h"

/* No byte that could end a line or move a terminal is ever written, from wherever it comes. */
static void test_put_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct bytes value;
        bool bad;
    } rows[] = {
        {"plain", BYTES("a b\t\xc3\xbc"), false},
        {"empty", BYTES(""), false},
        {"CR", BYTES("a\rb"), true},
        {"LF", BYTES("a\nb"), true},
        {"NUL", BYTES("a\0b"), true},
        {"ESC", BYTES("a\x1b"), true},
        {"DEL", BYTES("\x7f"), true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char buf[128];
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_http_put_header(&w, "X-Reason",
                           (struct vc_str){.at = (const char *)rows[i].value.at, .len = rows[i].value.len});
        assert_case(rows[i].name, w.bad == rows[i].bad);
    }
    static const char *const names[] = {"", "a b", "a:", "a\r\n", "\xc3\xbc"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char buf[128];
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_http_put_header(&w, names[i], VC_STR("a"));
        assert_true(w.bad);
    }
}

static void test_put_lines(void **state)
{
    (void)state;
    char buf[256];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_http_put_request_line(&w, VC_HTTP_CONNECT, VC_STR("/CSCOSSLC/tunnel"));
    vc_http_put_status_line(&w, 200, "CONNECTED");
    vc_http_put_status_line(&w, 408, NULL);
    vc_http_put_header_u64(&w, "Content-Length", UINT64_MAX);
    vc_http_put_head_end(&w);
    assert_true(vc_put_end_text(&w));
    assert_string_equal(buf, "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHTTP/1.1 200 CONNECTED\r\n"
                             "HTTP/1.1 408 Request Timeout\r\nContent-Length: 18446744073709551615\r\n\r\n");

    static const struct {
        const char *name;
        enum vc_http_method method;
        struct vc_str target;
        int status;
        const char *reason;
    } bad[] = {
        {"no method", VC_HTTP_NO_METHOD, VC_STR("/"), 200, NULL},  {"no target", VC_HTTP_GET, VC_STR(""), 200, NULL},
        {"blank", VC_HTTP_GET, VC_STR("/a b"), 200, NULL},         {"tab", VC_HTTP_GET, VC_STR("/\t"), 200, NULL},
        {"line end", VC_HTTP_GET, VC_STR("/\r\nX: y"), 200, NULL}, {"status", VC_HTTP_GET, VC_STR("/"), 99, NULL},
        {"status", VC_HTTP_GET, VC_STR("/"), 600, NULL},           {"reason", VC_HTTP_GET, VC_STR("/"), 200, "a\nb"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        w = vc_writer_to(buf, sizeof(buf));
        vc_http_put_request_line(&w, bad[i].method, bad[i].target);
        vc_http_put_status_line(&w, bad[i].status, bad[i].reason);
        assert_case(bad[i].name, w.bad);
    }
}

static void test_every_answer_has_words(void **state)
{
    (void)state;
    static const int statuses[] = {100, 200, 302, 400, 401, 403, 404, 405, 408, 413, 431, 500, 501, 503, 505};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        assert_true(vc_http_reason(statuses[i])[0] != 0);
    assert_string_equal(vc_http_reason(299), "");
}

static void test_methods(void **state)
{
    (void)state;
    for (enum vc_http_method m = VC_HTTP_GET; m <= VC_HTTP_CONNECT; m++)
        assert_int_equal(vc_http_method_of(vc_str_of(vc_http_method_name(m))), m);
    assert_int_equal(vc_http_method_of(VC_STR("get")), VC_HTTP_NO_METHOD);
    assert_int_equal(vc_http_method_of(VC_STR("none")), VC_HTTP_NO_METHOD);
    assert_int_equal(vc_http_method_of(VC_STR("")), VC_HTTP_NO_METHOD);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(vc_http_list_has(VC_STR("a, Close"), VC_STR("close")));
    assert_true(vc_http_list_has(VC_STR(",,close\t,b"), VC_STR("close")));
    assert_false(vc_http_list_has(VC_STR("closed, clos"), VC_STR("close")));
    assert_false(vc_http_list_has(VC_STR(""), VC_STR("close")));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_put_refuses), cmocka_unit_test(test_put_lines), cmocka_unit_test(test_every_answer_has_words),
    cmocka_unit_test(test_methods),     cmocka_unit_test(test_lists),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
