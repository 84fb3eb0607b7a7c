#include "wire/http.h"

#include "table.h"

static char path_room[VC_HTTP_MAX_REQUEST_LINE];

static enum vc_http_read read_once(struct bytes in, uint8_t **copy, struct vc_http_request *out, struct vc_fail *fail)
{
    struct vc_http_scan scan = {0};
    *copy = exact(in.at, in.len);
    return vc_http_request_read(&scan, *copy, in.len, &vc_http_gateway_limits, path_room, out, fail);
}

// clang-format off
static const struct {
    const char *name;
    struct bytes in;
    enum vc_http_read want;
    int status;
    enum vc_cause cause;
} verdicts[] = {
#define GOOD(name, text) {name, BYTES(text), VC_HTTP_OK, 0, VC_CAUSE_NONE}
#define MORE(name, text) {name, BYTES(text), VC_HTTP_NEED_MORE, 0, VC_CAUSE_NONE}
#define ODD(name, text) {name, BYTES(text), VC_HTTP_BAD, 400, VC_CAUSE_HTTP_MALFORMED}
#define H "Host: a\r\n"
    GOOD("get",                    "GET / HTTP/1.1\r\n" H "\r\n"),
    GOOD("1.0 without host",       "GET / HTTP/1.0\r\n\r\n"),
    GOOD("head",                   "HEAD / HTTP/1.1\r\n" H "\r\n"),
    GOOD("openconnect v1",         "GET / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
    GOOD("post",                   "POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab"),
    GOOD("post, no length",        "POST / HTTP/1.1\r\n" H "\r\n"),
    GOOD("no blank, tab, blanks",  "POST / HTTP/1.1\r\n" H "Content-Length:\t 2 \r\nX:\r\n\r\nab"),
    GOOD("utf-8 value",            "GET / HTTP/1.1\r\n" H "X: \xc3\xbc\r\n\r\n"),
    GOOD("utf-8 path as it is",    "GET /\xc3\xbc HTTP/1.1\r\n" H "\r\n"),
    GOOD("connect",                "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n" H "\r\nSTF"),
    GOOD("host with port, v6",     "GET / HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"),
    MORE("nothing",                ""),
    MORE("half a line",            "GET /"),
    MORE("up to the last LF",      "GET / HTTP/1.1\r\n" H "\r"),
    MORE("half a body",            "POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\na"),
    ODD("empty line first",        "\r\nGET / HTTP/1.1\r\n" H "\r\n"),
    ODD("LF only",                 "GET / HTTP/1.1\n" H "\r\n"),
    ODD("LF only, at once",        "GET /\n"),
    ODD("bare CR",                 "GET / HTTP/1.1\r\nX: a\rb\r\n" H "\r\n"),
    ODD("two CR",                  "GET / HTTP/1.1\r\r\n"),
    ODD("NUL",                     "GET / HTTP/1.1\r\nX: a\0b\r\n" H "\r\n"),
    ODD("escape in value",         "GET / HTTP/1.1\r\nX: a\x1b[0m\r\n" H "\r\n"),
    ODD("DEL",                     "GET / HTTP/1.1\r\nX: \x7f\r\n" H "\r\n"),
    ODD("tls on a plain port",     "\x16\x03\x01\x02\0\x01"),
    ODD("obs-fold",                "GET / HTTP/1.1\r\nX: a\r\n b\r\n" H "\r\n"),
    ODD("first header folded",     "GET / HTTP/1.1\r\n X: a\r\n" H "\r\n"),
    ODD("blank before colon",      "GET / HTTP/1.1\r\n" H "X : a\r\n\r\n"),
    ODD("no colon",                "GET / HTTP/1.1\r\n" H "X\r\n\r\n"),
    ODD("no name",                 "GET / HTTP/1.1\r\n" H ": a\r\n\r\n"),
    ODD("name no token",           "GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n"),
    ODD("name utf-8",              "GET / HTTP/1.1\r\n" H "\xc3\xbc: a\r\n\r\n"),
    ODD("http/0.9",                "GET /\r\n\r\n"),
    ODD("no target",               "GET  HTTP/1.1\r\n" H "\r\n"),
    ODD("two blanks",              "GET  / HTTP/1.1\r\n" H "\r\n"),
    ODD("tab for blank",           "GET /\tHTTP/1.1\r\n" H "\r\n"),
    ODD("tab in target",           "GET /a\tb HTTP/1.1\r\n" H "\r\n"),
    ODD("blank behind",            "GET / HTTP/1.1 \r\n" H "\r\n"),
    ODD("blank in front",          " GET / HTTP/1.1\r\n" H "\r\n"),
    ODD("method no token",         "G(T / HTTP/1.1\r\n" H "\r\n"),
    ODD("other protocol",          "GET / SIP/2.0x\r\n" H "\r\n"),
    ODD("version long",            "GET / HTTP/1.10\r\n" H "\r\n"),
    ODD("version small",           "GET / http/1.1\r\n" H "\r\n"),
    ODD("absolute form",           "GET https://a/ HTTP/1.1\r\n" H "\r\n"),
    ODD("asterisk",                "GET * HTTP/1.1\r\n" H "\r\n"),
    ODD("fragment",                "GET /#x HTTP/1.1\r\n" H "\r\n"),
    ODD("escape cut",              "GET /%4 HTTP/1.1\r\n" H "\r\n"),
    ODD("escape empty",            "GET /% HTTP/1.1\r\n" H "\r\n"),
    ODD("escape not hex",          "GET /%4g HTTP/1.1\r\n" H "\r\n"),
    ODD("escape first not hex",    "GET /%g4 HTTP/1.1\r\n" H "\r\n"),
    ODD("escaped NUL",             "GET /%00 HTTP/1.1\r\n" H "\r\n"),
    ODD("escaped CR LF",           "GET /%0d%0aX HTTP/1.1\r\n" H "\r\n"),
    ODD("escaped bad utf-8",       "GET /%c3 HTTP/1.1\r\n" H "\r\n"),
    ODD("bad utf-8",               "GET /\xff HTTP/1.1\r\n" H "\r\n"),
    ODD("no host in 1.1",          "GET / HTTP/1.1\r\n\r\n"),
    ODD("two hosts",               "GET / HTTP/1.1\r\n" H H "\r\n"),
    ODD("host with path",          "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ODD("host with user",          "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    ODD("two hosts in one",        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ODD("two lengths",             "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ODD("two equal lengths",       "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\ncontent-length: 1\r\n\r\na"),
    ODD("length list",             "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\na"),
    ODD("length signed",           "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\na"),
    ODD("length negative",         "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\na"),
    ODD("length hex",              "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\na"),
    ODD("length empty",            "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\na"),
    ODD("length with blank",       "POST / HTTP/1.1\r\n" H "Content-Length: 1 0\r\n\r\na"),
    ODD("length leading zero",     "POST / HTTP/1.1\r\n" H "Content-Length: 01\r\n\r\na"),
    ODD("length of 2^64 + 1",      "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\na"),
    ODD("length with chunked",     "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na"),
    ODD("chunked with length",     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na"),
    ODD("chunked in 1.0",          "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
    ODD("body of a get",           "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na"),
    {"chunked",     BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     VC_HTTP_BAD, 501, VC_CAUSE_HTTP_MALFORMED},
    {"encoding",    BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"),
     VC_HTTP_BAD, 501, VC_CAUSE_HTTP_MALFORMED},
    {"body too long", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 262145\r\n\r\n"),
     VC_HTTP_BAD, 413, VC_CAUSE_HTTP_TOO_LARGE},
    {"put",         BYTES("PUT / HTTP/1.1\r\n" H "\r\n"),          VC_HTTP_BAD, 405, VC_CAUSE_HTTP_METHOD},
    {"small get",   BYTES("get / HTTP/1.1\r\n" H "\r\n"),          VC_HTTP_BAD, 405, VC_CAUSE_HTTP_METHOD},
    {"http/2",      BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),     VC_HTTP_BAD, 505, VC_CAUSE_HTTP_MALFORMED},
    {"http/1.2",    BYTES("GET / HTTP/1.2\r\n" H "\r\n"),          VC_HTTP_BAD, 505, VC_CAUSE_HTTP_MALFORMED},
    {"connect with a body", BYTES("CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na"),
     VC_HTTP_BAD, 400, VC_CAUSE_CONNECT_MALFORMED},
    {"connect, bare LF", BYTES("CONNECT /CSCOSSLC/tunnel HTTP/1.1\n"), VC_HTTP_BAD, 400, VC_CAUSE_CONNECT_MALFORMED},
};
// clang-format on

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        struct vc_http_request out;
        struct vc_fail fail = {0};
        uint8_t *copy;
        enum vc_http_read got = read_once(verdicts[i].in, &copy, &out, &fail);
        assert_case(verdicts[i].name, got == verdicts[i].want);
        assert_case(verdicts[i].name, got != VC_HTTP_BAD || out.status == verdicts[i].status);
        assert_case(verdicts[i].name, fail.cause == verdicts[i].cause);
        free(copy);
    }
}

// clang-format off
static const struct {
    const char *target, *path, *query;
    bool has_query;
} targets[] = {
    {"/",                                      "/",                                        "",     false},
    {"/Staff?x=1",                             "/Staff",                                   "x=1",  true},
    {"/?",                                     "/",                                        "",     true},
    {"/a?b?c",                                 "/a",                                       "b?c",  true},
    {"/%53taff%20all",                         "/Staff all",                               "",     false},
    {"/%2541",                                 "/%41",                                     "",     false}, /* once */
    {"/a%2Fb%3Fc",                             "/a/b?c",                                   "",     false},
    {"/%c3%bc?%41",                            "/\xc3\xbc",                                "%41",  true},
    {"/+CSCOT+/translation-table?t%3Da",       "/+CSCOT+/translation-table",               "t%3Da", true},
};
// clang-format on

static void test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        char text[256];
        int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i].target);
        struct vc_http_request out;
        uint8_t *copy;
        enum vc_http_read got =
            read_once((struct bytes){.at = (const uint8_t *)text, .len = (size_t)n}, &copy, &out, NULL);
        assert_case(targets[i].target, got == VC_HTTP_OK);
        assert_case(targets[i].target, vc_str_eq(out.target, vc_str_of(targets[i].target)));
        assert_case(targets[i].target, vc_str_eq(out.path, vc_str_of(targets[i].path)));
        assert_case(targets[i].target, vc_str_eq(out.query, vc_str_of(targets[i].query)));
        assert_case(targets[i].target, out.has_query == targets[i].has_query);
        free(copy);
    }
}

#define INIT                                                                                                           \
    "POST /auth HTTP/1.1\r\nHost: localhost:9444\r\nUser-Agent: Open AnyConnect VPN Agent v9.01-3\r\n"                 \
    "Cookie: webvpncontext=AODq=\r\nX-Aggregate-Auth: 1\r\nX-Pad: 00\r\nx-pad: 000\r\nExpect: 100-continue\r\n"        \
    "Content-Length: 6\r\n\r\n<?xml>"
static const struct bytes init = {.at = (const uint8_t *)INIT, .len = sizeof(INIT) - 1};

static void test_fields(void **state)
{
    (void)state;
    struct vc_http_request out;
    struct vc_str value;
    uint8_t *copy;
    assert_int_equal(read_once(init, &copy, &out, NULL), VC_HTTP_OK);
    assert_int_equal(out.method, VC_HTTP_POST);
    assert_int_equal(out.minor, 1);
    assert_true(out.keep_alive && out.expects && !out.tunnel && !out.pipelined);
    assert_int_equal(out.n_headers, 8);
    assert_true(vc_str_eq(out.host, VC_STR("localhost:9444")));
    assert_true(vc_str_eq(out.body, VC_STR("<?xml>")));
    assert_int_equal(out.consumed, init.len);
    assert_int_equal(out.rest.len, 0);
    assert_true(vc_http_header_of(&out, VC_STR("USER-AGENT"), &value));
    assert_true(vc_str_eq(value, VC_STR("Open AnyConnect VPN Agent v9.01-3")));
    assert_true(vc_http_header_of(&out, VC_STR("X-Pad"), &value)); /* the last wins */
    assert_true(vc_str_eq(value, VC_STR("000")));
    assert_false(vc_http_header_of(&out, VC_STR("X-Pa"), &value));
    assert_int_equal(value.len, 0);
    free(copy);
}

static void test_connection(void **state)
{
    (void)state;
    // clang-format off
    static const struct { const char *name; struct bytes in; bool keep, tunnel, pipelined, expects; size_t rest; } rows[] = {
        {"1.1",          BYTES("GET / HTTP/1.1\r\n" H "\r\n"),                                 true,  false, false, false, 0},
        {"close",        BYTES("GET / HTTP/1.1\r\n" H "Connection: Close\r\n\r\n"),            false, false, false, false, 0},
        {"close in list", BYTES("GET / HTTP/1.1\r\n" H "Connection: TE ,\tclose\r\n\r\n"),     false, false, false, false, 0},
        {"keep-alive",   BYTES("GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\n\r\n"),       true,  false, false, false, 0},
        {"1.0",          BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),            false, false, false, false, 0},
        {"second behind", BYTES("GET / HTTP/1.1\r\n" H "\r\nGET"),                             true,  false, true,  false, 3},
        {"body, second", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na\r\n"),      true,  false, true,  false, 2},
        {"tunnel",       BYTES("CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n" H "\r\nSTF\x01"),       true,  true,  false, false, 4},
        {"clavister",    BYTES("CONNECT CSCOSSLC/tunnel HTTP/1.1\r\n" H "\r\n"),               true,  true,  false, false, 0},
        {"other target", BYTES("CONNECT a:443 HTTP/1.1\r\n" H "\r\n"),                         true,  false, false, false, 0},
        {"almost",       BYTES("CONNECT //CSCOSSLC/tunnel HTTP/1.1\r\n" H "\r\n"),             true,  false, false, false, 0},
        {"tunnel get",   BYTES("GET /CSCOSSLC/tunnel HTTP/1.1\r\n" H "\r\n"),                  true,  false, false, false, 0},
        {"expect",       BYTES("GET / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n"),         true,  false, false, true,  0},
        {"expect other", BYTES("GET / HTTP/1.1\r\n" H "Expect: more\r\n\r\n"),                 true,  false, false, false, 0},
        {"expect in 1.0", BYTES("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"),             false, false, false, false, 0},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_http_request out;
        uint8_t *copy;
        assert_case(rows[i].name, read_once(rows[i].in, &copy, &out, NULL) == VC_HTTP_OK);
        assert_case(rows[i].name, out.keep_alive == rows[i].keep && out.tunnel == rows[i].tunnel);
        assert_case(rows[i].name, out.pipelined == rows[i].pipelined && out.expects == rows[i].expects);
        assert_case(rows[i].name, out.rest.len == rows[i].rest && out.consumed == rows[i].in.len - rows[i].rest);
        free(copy);
    }
}

/* Byte after byte gives what all at once gives, looks at each byte of the head once, and asks for the 100 once. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    struct vc_http_scan scan = {0};
    struct vc_http_request out = {0};
    unsigned asked = 0;
    for (size_t n = 1; n <= init.len; n++) {
        uint8_t *copy = exact(init.at, n); /* another place each time: the scan holds offsets only */
        size_t before = scan.scanned;
        enum vc_http_read got = vc_http_request_read(&scan, copy, n, &vc_http_gateway_limits, path_room, &out, NULL);
        assert_int_equal(got, n < init.len ? VC_HTTP_NEED_MORE : VC_HTTP_OK);
        assert_true(scan.scanned - before <= 2);
        if (scan.want_continue) {
            assert_int_equal(n, init.len - 6);
            assert_int_equal(scan.head, n);
            assert_int_equal(scan.total, init.len);
            scan.want_continue = false;
            asked++;
        }
        free(copy);
    }
    assert_int_equal(asked, 1);
    assert_int_equal(out.n_headers, 8);
}

static void test_no_continue_with_body(void **state)
{
    (void)state;
    struct vc_http_scan scan = {0};
    struct vc_http_request out;
    assert_int_equal(vc_http_request_read(&scan, init.at, init.len - 1, &vc_http_gateway_limits, path_room, &out, NULL),
                     VC_HTTP_NEED_MORE);
    assert_false(scan.want_continue);
}

/* Each limit: one below, one at, one above. */
enum limit { LINE, HEADER, HEAD, HEADERS, BODY };
static size_t build(enum limit which, size_t n, uint8_t *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    size_t pad;
    vc_put_text(&w, "POST /");
    for (size_t i = 0; which == LINE && i < n - 15; i++)
        vc_put_u8(&w, 'a');
    vc_put_text(&w, " HTTP/1.1\r\n");
    if (which == LINE)
        assert_int_equal(vc_written(&w), n + 2);
    vc_put_text(&w, H);
    if (which == HEADER) {
        vc_put_text(&w, "X:");
        for (size_t i = 0; i < n - 2; i++)
            vc_put_u8(&w, 'x');
        vc_put_text(&w, "\r\n");
    }
    for (size_t i = 0; which == HEADERS && i < n - 1; i++)
        vc_put_text(&w, "X: y\r\n");
    while (which == HEAD && (pad = n - vc_written(&w) - 2) > 0) {
        size_t line = pad > 8000 ? 4000 : pad;
        vc_put_text(&w, "X:");
        for (size_t i = 4; i < line; i++)
            vc_put_u8(&w, 'x');
        vc_put_text(&w, "\r\n");
    }
    if (which == BODY)
        vc_put_fmt(&w, "Content-Length: %zu\r\n", n);
    vc_put_text(&w, "\r\n");
    for (size_t i = 0; which == BODY && i < n; i++)
        vc_put_u8(&w, 'b');
    assert_false(w.bad);
    if (which == HEAD)
        assert_int_equal(vc_written(&w), n);
    return vc_written(&w);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum limit which;
        size_t limit;
        int status;
    } rows[] = {
        {"line", LINE, 4096, 431},     {"header", HEADER, 8192, 431}, {"head", HEAD, 16384, 431},
        {"headers", HEADERS, 64, 431}, {"body", BODY, 262144, 413},
    };
    enum { CAP = 300000 };
    uint8_t *big = malloc(CAP);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t n = rows[i].limit - 1; n <= rows[i].limit + 1; n++) {
            struct vc_http_request out;
            struct vc_fail fail = {0};
            uint8_t *copy;
            size_t len = build(rows[i].which, n, big, CAP);
            enum vc_http_read got = read_once((struct bytes){.at = big, .len = len}, &copy, &out, &fail);
            assert_case(rows[i].name, got == (n <= rows[i].limit ? VC_HTTP_OK : VC_HTTP_BAD));
            if (got == VC_HTTP_BAD) {
                assert_case(rows[i].name, out.status == rows[i].status);
                assert_case(rows[i].name, fail.cause == VC_CAUSE_HTTP_TOO_LARGE);
            }
            free(copy);
        }
    }
    /* a head that does not end is refused when the limit is reached, not one byte later: a buffer of that size is
     * enough */
    struct vc_http_scan scan = {0};
    struct vc_http_request out;
    size_t len = build(HEADERS, 64, big, CAP) - 2;
    struct vc_http_limits tight = vc_http_gateway_limits;
    tight.head = len;
    assert_int_equal(vc_http_request_read(&scan, big, len - 1, &tight, path_room, &out, NULL), VC_HTTP_NEED_MORE);
    assert_int_equal(vc_http_request_read(&scan, big, len, &tight, path_room, &out, NULL), VC_HTTP_BAD);
    assert_int_equal(out.status, 431);
    free(big);
}

static void test_answer(void **state)
{
    (void)state;
    const struct vc_str cookies[] = {VC_STR("webvpn=; path=/"), VC_STR("webvpn=a; path=/")};
    const struct vc_http_extra allow = {"Allow", VC_STR("GET, POST")};
    char buf[1024];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    struct vc_http_answer a = {
        .status = 200, .v2 = true, .type = VC_HTTP_XML, .body = VC_STR("<a/>"), .cookies = cookies, .n_cookies = 2};
    static const char v2[] = "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 4\r\n"
                             "Connection: Keep-Alive\r\nX-Transcend-Version: 1\r\nX-Aggregate-Auth: 1\r\n"
                             "Cache-Control: no-store\r\nPragma: no-cache\r\nSet-Cookie: webvpn=; path=/\r\n"
                             "Set-Cookie: webvpn=a; path=/\r\nX-Frame-Options: SAMEORIGIN\r\n"
                             "Strict-Transport-Security: max-age=31536000\r\n\r\n<a/>";
    vc_http_put_answer(&w, &a);
    assert_true(vc_put_end_text(&w));
    assert_string_equal(buf, v2);

    w = vc_writer_to(buf, sizeof(buf)); /* exactly enough, and one byte less */
    w.left = sizeof(v2) - 1;
    vc_http_put_answer(&w, &a);
    assert_false(w.bad);
    w = vc_writer_to(buf, sizeof(v2) - 2);
    vc_http_put_answer(&w, &a);
    assert_true(w.bad);

    w = vc_writer_to(buf, sizeof(buf));
    a = (struct vc_http_answer){
        .status = 405, .close = true, .head_only = true, .body = VC_STR("no"), .extra = &allow, .n_extra = 1};
    vc_http_put_answer(&w, &a);
    assert_true(vc_put_end_text(&w));
    assert_string_equal(buf, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 2\r\nConnection: close\r\n"
                             "Cache-Control: no-store\r\nPragma: no-cache\r\nX-Frame-Options: SAMEORIGIN\r\n"
                             "Strict-Transport-Security: max-age=31536000\r\nAllow: GET, POST\r\n\r\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_verdicts),     cmocka_unit_test(test_targets),
    cmocka_unit_test(test_fields),       cmocka_unit_test(test_connection),
    cmocka_unit_test(test_byte_by_byte), cmocka_unit_test(test_no_continue_with_body),
    cmocka_unit_test(test_limits),       cmocka_unit_test(test_answer),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
