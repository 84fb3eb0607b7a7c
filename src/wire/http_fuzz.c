/* A request that is accepted: every view lies inside the input; byte after byte it is the same request; printed and
 * read again it is the same request. An answer with the input's bytes in it is refused by the writer, or a client reads
 * just those bytes. */
#include "wire/http.h"
#include "wire/http_response.h"

#include <stdlib.h>

#define REQUIRE(x)                                                                                                     \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static bool inside(struct vc_str v, const void *start, size_t len)
{
    uintptr_t from = (uintptr_t)start, at = (uintptr_t)v.at;
    return v.len == 0 || (at >= from && at - from <= len && v.len <= len - (at - from));
}

static void same(const struct vc_http_request *a, const struct vc_http_request *b)
{
    REQUIRE(a->method == b->method && a->tunnel == b->tunnel && a->has_query == b->has_query);
    REQUIRE(a->n_headers == b->n_headers);
    REQUIRE(vc_str_eq(a->target, b->target) && vc_str_eq(a->path, b->path) && vc_str_eq(a->query, b->query));
    REQUIRE(vc_str_eq(a->host, b->host) && vc_str_eq(a->body, b->body));
    for (size_t i = 0; i < a->n_headers; i++) {
        REQUIRE(vc_str_eq(a->headers[i].name, b->headers[i].name));
        REQUIRE(vc_str_eq(a->headers[i].value, b->headers[i].value));
    }
}

static void print_again(const struct vc_http_request *req, size_t len)
{
    struct vc_http_limits wide = vc_http_gateway_limits; /* a blank behind each colon makes it longer */
    size_t cap = len + 256;
    uint8_t *printed = malloc(cap);
    static char path[VC_HTTP_MAX_REQUEST_LINE];
    struct vc_http_scan scan = {0};
    struct vc_http_request again;
    struct vc_fail fail;
    struct vc_writer w;

    REQUIRE(printed);
    w = vc_writer_to(printed, cap);
    wide.header += 1;
    wide.head += 64;
    vc_http_put_request_line(&w, req->method, req->target);
    for (size_t i = 0; i < req->n_headers; i++) {
        char name[8300];
        REQUIRE(vc_str_copy(req->headers[i].name, name, sizeof(name)));
        vc_http_put_header(&w, name, req->headers[i].value);
    }
    vc_http_put_head_end(&w);
    vc_put(&w, req->body.at, req->body.len);
    REQUIRE(!w.bad);
    /* 1.1 is printed always; what 1.0 lets pass, no Host, it does not */
    if (req->minor == 1) {
        REQUIRE(vc_http_request_read(&scan, printed, vc_written(&w), &wide, path, &again, &fail) == VC_HTTP_OK);
        same(req, &again);
        REQUIRE(req->keep_alive == again.keep_alive && req->expects == again.expects && again.rest.len == 0);
    }
    free(printed);
}

static void answer(struct vc_str value, struct vc_str body, bool v2)
{
    struct vc_http_extra extra = {"X-Reason", value};
    struct vc_http_answer a = {.status = v2 ? 200 : 404,
                               .v2 = v2,
                               .close = !v2,
                               .type = v2 ? VC_HTTP_XML : NULL,
                               .body = body,
                               .cookies = &value,
                               .n_cookies = v2,
                               .extra = &extra,
                               .n_extra = 1};
    size_t cap = 2 * value.len + body.len + 1024;
    uint8_t *printed = malloc(cap);
    struct vc_writer w = vc_writer_to(printed, cap);
    struct vc_http_scan scan = {0};
    struct vc_http_response out;
    struct vc_str got;
    size_t at = 0;

    REQUIRE(printed);
    vc_http_put_answer(&w, &a);
    while (at < value.len && (value.at[at] == '\t' || !vc_http_is_control((uint8_t)value.at[at])))
        at++;
    REQUIRE(w.bad == (at < value.len));
    if (!w.bad) {
        REQUIRE(vc_http_response_read(&scan, printed, vc_written(&w), false, VC_HTTP_POST,
                                      &vc_http_client_connect_limits, &out, NULL) == VC_HTTP_OK);
        REQUIRE(out.status == a.status && out.keep_alive == !a.close && out.rest.len == 0);
        REQUIRE(vc_str_eq(out.body, body) && vc_http_header_in(out.headers, VC_STR("x-reason"), &got));
        REQUIRE(vc_str_eq(got, vc_str_trim(value)));
        REQUIRE(vc_http_header_in(out.headers, VC_STR("Set-Cookie"), &got) == v2);
    }
    free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[VC_HTTP_MAX_REQUEST_LINE], path2[VC_HTTP_MAX_REQUEST_LINE];
    struct vc_http_request req = {0}, step = {0};
    struct vc_http_scan scan = {0};
    struct vc_fail fail = {0};
    enum vc_http_read slow = VC_HTTP_NEED_MORE;
    enum vc_http_read got = vc_http_request_read(&scan, data, size, &vc_http_gateway_limits, path, &req, &fail);

    struct vc_str in = {.at = (const char *)data, .len = size};
    answer(in, in, size & 1);
    scan = (struct vc_http_scan){0};
    for (size_t n = 0; n <= size && slow == VC_HTTP_NEED_MORE; n++)
        slow = vc_http_request_read(&scan, data, n, &vc_http_gateway_limits, path2, &step, NULL);
    REQUIRE(slow == got);
    if (got == VC_HTTP_BAD)
        REQUIRE(req.status >= 400 && req.status <= 505 && vc_http_reason(req.status)[0] && fail.cause);
    if (got != VC_HTTP_OK)
        return 0;
    REQUIRE(inside(req.target, data, size) && inside(req.query, data, size) && inside(req.host, data, size));
    REQUIRE(inside(req.path, data, size) || inside(req.path, path, sizeof(path)));
    REQUIRE(inside(req.body, data, size) && inside(req.rest, data, size));
    REQUIRE(req.consumed + req.rest.len == size && req.n_headers <= VC_HTTP_MAX_HEADERS);
    REQUIRE(!req.pipelined || req.method != VC_HTTP_CONNECT);
    for (size_t i = 0; i < req.n_headers; i++) {
        struct vc_str last;
        REQUIRE(inside(req.headers[i].name, data, size) && inside(req.headers[i].value, data, size));
        REQUIRE(vc_http_header_of(&req, req.headers[i].name, &last));
        REQUIRE(i + 1 < req.n_headers || vc_str_eq(last, req.headers[i].value));
    }
    same(&req, &step);
    print_again(&req, size);
    return 0;
}
