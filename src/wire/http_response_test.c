#include "wire/http_response.h"

#include "table.h"

// clang-format off
static const struct {
    const char *name;
    struct bytes in;
    enum vc_http_method asked;
    bool eof;
    enum vc_http_read want;
    enum vc_cause cause;
    int status;
    const char *body;
    size_t rest;
    bool keep;
} rows[] = {
#define OK(name, text, asked, eof, status, body, rest, keep) \
    {name, BYTES(text), VC_HTTP_##asked, eof, VC_HTTP_OK, VC_CAUSE_NONE, status, body, rest, keep}
#define MORE(name, text, asked) {name, BYTES(text), VC_HTTP_##asked, false, VC_HTTP_NEED_MORE, VC_CAUSE_NONE, 0, "", 0, false}
#define ODD(name, text, asked) \
    {name, BYTES(text), VC_HTTP_##asked, false, VC_HTTP_BAD, VC_CAUSE_HTTP_ANSWER_MALFORMED, 0, "", 0, false}
#define CUT(name, text, asked) \
    {name, BYTES(text), VC_HTTP_##asked, true, VC_HTTP_BAD, VC_CAUSE_HTTP_ANSWER_CUT, 0, "", 0, false}
#define LARGE(name, text) \
    {name, BYTES(text), VC_HTTP_GET, false, VC_HTTP_BAD, VC_CAUSE_HTTP_ANSWER_TOO_LARGE, 0, "", 0, false}
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    OK("length",        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",          POST, false, 200, "abc", 0, true),
    OK("length, close", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", POST, false, 200, "", 0, false),
    OK("1.0 keeps not", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na", POST, false, 200, "a", 0, false),
    OK("no phrase",     "HTTP/1.1 401\r\nContent-Length: 0\r\n\r\n",                GET,  false, 401, "", 0, true),
    OK("equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", GET, false, 200, "a", 0, true),
    OK("until close",   "HTTP/1.0 200 OK\r\n\r\nabc",                               GET,  true,  200, "abc", 0, false),
    OK("until close 1.1", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",        GET,  true,  200, "abc", 0, false),
    OK("chunks",        CHUNKED "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n",             GET,  false, 200, "abcde", 0, true),
    OK("chunks, upper hex, blanks, trailer", CHUNKED "A  \r\n0123456789\r\n000\r\nX: y\r\n\r\nz", GET, false, 200, "0123456789", 1, true),
    OK("chunks win",    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", GET, false, 200, "a", 0, false),
    OK("no body of 204", "HTTP/1.1 204 No\r\n\r\n",                                 GET,  false, 204, "", 0, true),
    OK("head",          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",             HEAD, false, 200, "", 0, true),
    OK("100 skipped",   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", POST, false, 200, "a", 0, true),
    OK("tunnel",        "HTTP/1.1 200 CONNECTED\r\nX-CSTP-Version: 1\r\n\r\nSTF\x01", CONNECT, false, 200, "", 4, true),
    OK("ocserv refuses", "HTTP/1.1 401 Cookie is not acceptable\r\n\r\n",           CONNECT, false, 401, "", 0, false),
    OK("refused, length", "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nab",         CONNECT, false, 503, "ab", 0, true),
    OK("second behind", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP",         POST, false, 200, "", 4, true),
    MORE("nothing",     "", GET),
    MORE("head",        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r", GET),
    MORE("body",        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", GET),
    MORE("until close", "HTTP/1.0 200 OK\r\n\r\nabc", GET),
    MORE("chunk size",  CHUNKED "1", GET),
    MORE("chunk data",  CHUNKED "2\r\na", GET),
    MORE("chunk end",   CHUNKED "1\r\na\r", GET),
    MORE("last chunk",  CHUNKED "1\r\na\r\n0\r\n", GET),
    MORE("after 100",   "HTTP/1.1 100 Continue\r\n\r\n", GET),
    CUT("nothing",      "", GET),
    CUT("head",         "HTTP/1.1 200 OK\r\n", GET),
    CUT("body",         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", GET),
    CUT("chunks",       CHUNKED "1\r\na\r\n", GET),
    ODD("no framing",   "HTTP/1.1 200 OK\r\n\r\n", GET),
    ODD("no framing, 302", "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", GET),
    ODD("101",          "HTTP/1.1 101 Switch\r\n\r\n", GET),
    ODD("version",      "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("version 1.2",  "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("two digits",   "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("four digits",  "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("below 100",    "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("above 599",    "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("not http",     "SSH-2.0-OpenSSH\r\n\r\n", GET),
    ODD("html at once", "<html>\n", GET),
    ODD("fold first",   "HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("no colon",     "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 0\r\n\r\n", GET),
    ODD("encoding",     "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", GET),
    ODD("two encodings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", GET),
    ODD("two lengths",  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", GET),
    ODD("length",       "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", GET),
    ODD("chunk size",   CHUNKED "x\r\n", GET),
    ODD("chunk signed", CHUNKED "+1\r\na\r\n", GET),
    ODD("chunk 0x",     CHUNKED "0x1\r\na\r\n", GET),
    ODD("blank before size", CHUNKED " 1\r\na\r\n", GET),
    ODD("chunk empty",  CHUNKED "\r\n", GET),
    ODD("chunk 9 digits", CHUNKED "000000001\r\na\r\n", GET),
    ODD("chunk runs on", CHUNKED "1\r\nab\r\n", GET),
    ODD("chunk LF",     CHUNKED "1\na\r\n", GET),
    LARGE("length",     "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n"),
    LARGE("chunk",      CHUNKED "100001\r\n"),
    LARGE("chunk sum",  CHUNKED "1\r\na\r\n100000\r\n"),
};
// clang-format on

static void check(size_t i, bool at_once)
{
    size_t len = rows[i].in.len;
    uint8_t *copy = exact(rows[i].in.at, len);
    struct vc_http_scan scan = {0};
    struct vc_http_response out = {0};
    struct vc_fail fail = {0};
    enum vc_http_read got = VC_HTTP_NEED_MORE;
    if (!at_once) /* a byte more each time, in one buffer as the caller has it; the first verdict stands */
        for (size_t n = 0; n < len && got == VC_HTTP_NEED_MORE; n++)
            got = vc_http_response_read(&scan, copy, n, false, rows[i].asked, &vc_http_client_limits, &out, &fail);
    if (got == VC_HTTP_NEED_MORE)
        got = vc_http_response_read(&scan, copy, len, rows[i].eof, rows[i].asked, &vc_http_client_limits, &out, &fail);
    assert_case(rows[i].name, got == rows[i].want);
    assert_case(rows[i].name, fail.cause == rows[i].cause);
    if (got == VC_HTTP_OK) {
        assert_case(rows[i].name, out.status == rows[i].status);
        assert_case(rows[i].name, vc_str_eq(out.body, vc_str_of(rows[i].body)));
        assert_case(rows[i].name, out.keep_alive == rows[i].keep);
        assert_case(rows[i].name, out.consumed == len - rows[i].rest);
        assert_case(rows[i].name, !at_once || out.rest.len == rows[i].rest);
    }
    free(copy);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check(i, true);
        check(i, false);
    }
}

static void test_headers(void **state)
{
    (void)state;
    struct bytes in =
        BYTES("HTTP/1.1 200 all is well\r\nSet-Cookie: a=b\r\nX-Folded: one\r\n\t two\r\n   \r\n three\r\n"
              "set-cookie:c=d\r\nContent-Length: 0\r\n\r\n");
    uint8_t *copy = exact(in.at, in.len);
    struct vc_http_scan scan = {0};
    struct vc_http_response out;
    struct vc_http_header h;
    struct vc_str value, block;
    size_t n = 0;
    assert_int_equal(vc_http_response_read(&scan, copy, in.len, false, VC_HTTP_GET, &vc_http_client_limits, &out, NULL),
                     VC_HTTP_OK);
    assert_true(vc_str_eq(out.reason, VC_STR("all is well")));
    assert_true(vc_http_header_in(out.headers, VC_STR("SET-COOKIE"), &value));
    assert_true(vc_str_eq(value, VC_STR("c=d")));
    assert_true(vc_http_header_in(out.headers, VC_STR("X-Folded"), &value));
    assert_true(vc_str_starts(value, VC_STR("one  \t two")));
    assert_int_equal(memcmp(value.at + value.len - 5, "three", 5), 0);
    assert_false(vc_http_header_in(out.headers, VC_STR("two"), &value));
    for (block = out.headers; vc_http_header_next(&block, &h);)
        n++;
    assert_int_equal(n, 4);
    assert_int_equal(block.len, 0);
    free(copy);
}

/* Chunking may not add more to a body than its own allowance, and neither skipped heads nor a body may pass theirs. */
static void test_floods(void **state)
{
    (void)state;
    enum { CAP = 2 * 1048576 };
    static const struct {
        const char *name, *start, *again;
        bool eof;
    } rows2[] = {
        {"chunks of one byte", CHUNKED, "1\r\na\r\n", false},
        {"trailers", CHUNKED "0\r\n", "X: y\r\n", false},
        {"a trailer line", CHUNKED "0\r\n", "y", false},
        {"1xx heads", "", "HTTP/1.1 100 Continue\r\n\r\n", false},
        {"headers", "HTTP/1.1 200 OK\r\n", "X: y\r\n", false},
        {"a header line", "HTTP/1.1 200 OK\r\n", "y", false},
        {"until close", "HTTP/1.0 200 OK\r\n\r\n", "y", false},
    };
    uint8_t *big = malloc(CAP);
    for (size_t i = 0; i < sizeof(rows2) / sizeof(rows2[0]); i++) {
        struct vc_writer w = vc_writer_to(big, CAP);
        struct vc_http_scan scan = {0};
        struct vc_http_response out;
        struct vc_fail fail = {0};
        vc_put_text(&w, rows2[i].start);
        while (w.left > 64)
            vc_put_text(&w, rows2[i].again);
        assert_case(rows2[i].name, vc_http_response_read(&scan, big, vc_written(&w), rows2[i].eof, VC_HTTP_GET,
                                                         &vc_http_client_limits, &out, &fail) == VC_HTTP_BAD);
        assert_case(rows2[i].name, fail.cause == VC_CAUSE_HTTP_ANSWER_TOO_LARGE);
    }
    free(big);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rows),
    cmocka_unit_test(test_headers),
    cmocka_unit_test(test_floods),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
