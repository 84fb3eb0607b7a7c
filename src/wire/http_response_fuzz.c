/* First byte: what was asked, and whether the peer closed. An answer that is accepted: every view lies inside the
 * input; byte after byte it is the same answer; its body is never longer than what came. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_http_response one = {0}, two = {0};
    struct vc_http_scan scan = {0};
    struct vc_fail fail = {0};
    enum vc_http_read got, slow = VC_HTTP_NEED_MORE;

    if (size == 0)
        return 0;
    enum vc_http_method asked = data[0] & 1 ? VC_HTTP_CONNECT : data[0] & 2 ? VC_HTTP_HEAD : VC_HTTP_POST;
    const struct vc_http_limits *limits = data[0] & 1 ? &vc_http_client_connect_limits : &vc_http_client_limits;
    bool eof = (data[0] & 4) != 0;
    size_t len = size - 1;
    uint8_t *a = malloc(len + 1), *b = malloc(len + 1);
    REQUIRE(a && b);
    memcpy(a, data + 1, len);
    memcpy(b, data + 1, len);

    got = vc_http_response_read(&scan, a, len, eof, asked, limits, &one, &fail);
    scan = (struct vc_http_scan){0};
    for (size_t n = 0; n < len && slow == VC_HTTP_NEED_MORE; n++)
        slow = vc_http_response_read(&scan, b, n, false, asked, limits, &two, NULL);
    if (slow == VC_HTTP_NEED_MORE)
        slow = vc_http_response_read(&scan, b, len, eof, asked, limits, &two, NULL);
    REQUIRE(slow == got);
    if (got == VC_HTTP_BAD)
        REQUIRE(fail.cause != VC_CAUSE_NONE);
    if (got == VC_HTTP_OK) {
        struct vc_str block = one.headers;
        struct vc_http_header h;
        REQUIRE(one.status >= 200 && one.status < 600 && one.status == two.status);
        REQUIRE(inside(one.reason, a, len) && inside(one.headers, a, len) && inside(one.body, a, len));
        REQUIRE(one.consumed + one.rest.len == len && inside(one.rest, a, len));
        REQUIRE(one.consumed == two.consumed && one.keep_alive == two.keep_alive);
        REQUIRE(vc_str_eq(one.headers, two.headers) && vc_str_eq(one.body, two.body));
        while (block.len > 0) {
            struct vc_str last;
            REQUIRE(vc_http_header_next(&block, &h)); /* the whole block was checked */
            REQUIRE(h.name.len > 0 && vc_http_header_in(one.headers, h.name, &last));
            REQUIRE(block.len > 0 || vc_str_eq(last, h.value));
        }
    }
    free(a);
    free(b);
    return 0;
}
