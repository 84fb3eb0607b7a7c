#ifndef VC_WIRE_HTTP_RESPONSE_H
#define VC_WIRE_HTTP_RESPONSE_H

#include "event/fail.h"
#include "wire/http_head.h"

/** An answer as a client reads it (1-login.md 3.4). */
struct vc_http_response {
    uint8_t minor;
    int status;            /* 200..599: 1xx are skipped */
    bool keep_alive;       /* another request may follow on this connection */
    struct vc_str reason;  /* the phrase, perhaps empty */
    struct vc_str headers; /* the block of lines, for vc_http_header_next; folded lines are joined */
    struct vc_str body;    /* without chunk framing */
    size_t consumed;
    struct vc_str rest; /* bytes behind it: the tunnel's first ones after CONNECT, else nothing good */
};

/**
 * Reads one answer from the start of @bytes, which is changed when OK: folded lines are joined and chunks moved
 * together in place.
 * @eof   the peer closed in an orderly way: no more will come
 * @asked the method of the request: HEAD has no body, a 2xx to CONNECT neither (2-tunnel.md 2.2), and a refusal of
 *        CONNECT has none unless it says so
 * Returns OK; NEED_MORE; BAD with *fail set: the connection is over.
 */
enum vc_http_read vc_http_response_read(struct vc_http_scan *scan, uint8_t *bytes, size_t len, bool eof,
                                        enum vc_http_method asked, const struct vc_http_limits *limits,
                                        struct vc_http_response *out, struct vc_fail *fail);

#endif
