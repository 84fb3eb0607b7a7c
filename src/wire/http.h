#ifndef VC_WIRE_HTTP_H
#define VC_WIRE_HTTP_H

#include "event/fail.h"
#include "wire/http_head.h"

/** HTTP/1.1 at the gateway: requests read, answers written (1-login.md 3; 2-tunnel.md 1.1). Strict where two readers
 *  could disagree about the framing. No socket and no clock: the owner appends what arrived to one buffer and asks
 *  again, keeps the deadlines (3.10), and answers 408 itself. */

/** A request. Views point into the input, @path perhaps into the caller's path buffer; they live as long as those. */
struct vc_http_request {
    enum vc_http_method method;
    uint8_t minor;        /* 0 or 1 of HTTP/1.x; an answer always says 1.1 */
    bool keep_alive;      /* the client would go on after the answer; never in HTTP/1.0 */
    bool tunnel;          /* CONNECT for /CSCOSSLC/tunnel, with or without its first slash */
    bool pipelined;       /* bytes lie behind a message that is no CONNECT: answer 400 and close (1-login.md 3.6) */
    bool expects;         /* Expect: 100-continue was there */
    bool has_query;       /* a question mark, perhaps with nothing behind it */
    int status;           /* what to answer when the reader said BAD; else 0 */
    struct vc_str target; /* as sent */
    struct vc_str path;   /* percent-decoded once: UTF-8, no control character; for CONNECT the target as sent */
    struct vc_str query;  /* as sent, without the question mark; not decoded */
    struct vc_str host;   /* as sent, perhaps with a port; empty when absent (HTTP/1.0) */
    struct vc_http_header headers[VC_HTTP_MAX_HEADERS]; /* all, in the order of the request */
    size_t n_headers;
    struct vc_str body;
    size_t consumed;    /* bytes of this message */
    struct vc_str rest; /* bytes behind it: the tunnel's first ones after CONNECT */
};

/**
 * Reads one request from the start of @bytes.
 * @scan       kept by the owner between calls with the same, growing, input
 * @bytes,@len all that arrived since the last message; borrowed
 * @path       room for a decoded path, VC_HTTP_MAX_REQUEST_LINE bytes; used only when the target holds an escape
 * @out        filled when OK; when BAD, out->status is the answer before the connection is closed: 400, 405 (with
 *             Allow), 413, 431, 501, 505
 * Returns OK; NEED_MORE (scan->head, scan->total, scan->want_continue say more); BAD with *fail set.
 */
enum vc_http_read vc_http_request_read(struct vc_http_scan *scan, const uint8_t *bytes, size_t len,
                                       const struct vc_http_limits *limits, char *path, struct vc_http_request *out,
                                       struct vc_fail *fail);

/** The last header of this name (it wins: 2-tunnel.md 1.2); false when there is none, *value is then empty. */
bool vc_http_header_of(const struct vc_http_request *req, struct vc_str name, struct vc_str *value);

struct vc_http_extra {
    const char *name;
    struct vc_str value;
};

/** What a gateway answers in phases 2 to 4 and at a refused CONNECT: everything but the 200 to CONNECT. */
struct vc_http_answer {
    int status;
    const char *reason; /* NULL: the usual phrase */
    bool v2;            /* an aggregate-auth document: the two X- headers that say so */
    bool close;         /* the gateway closes after it */
    bool head_only;     /* answers HEAD: Content-Length of the body, but not the body */
    const char *type;   /* Content-Type; NULL: none (no body) */
    struct vc_str body;
    const struct vc_str *cookies; /* values of Set-Cookie (wire/cookie.h) in this order: SC minds it */
    size_t n_cookies;
    const struct vc_http_extra *extra; /* Allow, X-Reason, WWW-Authenticate, ... */
    size_t n_extra;
};
#define VC_HTTP_XML "text/xml; charset=utf-8"
#define VC_HTTP_HTML "text/html; charset=utf-8"

/** The whole answer, headers in the order of 1-login.md 3.3, Content-Length always. */
void vc_http_put_answer(struct vc_writer *w, const struct vc_http_answer *a);

#endif
