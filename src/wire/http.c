#include "wire/http.h"

#include "base/reader.h"

bool vc_http_header_of(const struct vc_http_request *req, struct vc_str name, struct vc_str *value)
{
    for (size_t i = req->n_headers; i > 0; i--) {
        if (vc_str_ieq(req->headers[i - 1].name, name)) {
            *value = req->headers[i - 1].value;
            return true;
        }
    }
    *value = (struct vc_str){0};
    return false;
}

static enum vc_http_read refuse(struct vc_http_request *out, struct vc_fail *fail, int status, const char *what)
{
    enum vc_cause cause = out->method == VC_HTTP_CONNECT ? VC_CAUSE_CONNECT_MALFORMED : VC_CAUSE_HTTP_MALFORMED;
    if (status == 413 || status == 431)
        cause = VC_CAUSE_HTTP_TOO_LARGE;
    if (status == 405)
        cause = VC_CAUSE_HTTP_METHOD;
    out->status = status;
    (void)vc_fail_set(fail, cause, 0, "%s", what);
    return VC_HTTP_BAD;
}

/* Percent-decodes @raw once. The view stays in the input where there is nothing to decode. */
static bool path_read(struct vc_str raw, char *room, struct vc_str *out)
{
    struct vc_writer w = vc_writer_to(room, VC_HTTP_MAX_REQUEST_LINE);
    struct vc_reader r = vc_reader_of(raw.at, raw.len);
    *out = raw;
    if (memchr(raw.at, '%', raw.len)) {
        while (r.left > 0 && !r.bad) {
            uint8_t c = vc_take_u8(&r);
            if (c == '%') {
                int high = vc_http_hex_digit((char)vc_take_u8(&r));
                int low = vc_http_hex_digit((char)vc_take_u8(&r));
                if (high < 0 || low < 0)
                    return false; /* a short one too: the poisoned reader gives 0, which is no digit */
                c = (uint8_t)(high << 4 | low);
            }
            vc_put_u8(&w, c);
        }
        if (w.bad)
            return false;
        *out = (struct vc_str){.at = room, .len = vc_written(&w)};
    }
    for (size_t i = 0; i < out->len; i++)
        if (vc_http_is_control((uint8_t)out->at[i]))
            return false;
    return vc_str_utf8(*out);
}

static enum vc_http_read request_line_read(struct vc_str line, char *path, struct vc_http_request *out,
                                           struct vc_fail *fail)
{
    struct vc_str rest;
    struct vc_str method = vc_str_cut(line, ' ', &rest);
    struct vc_str target = vc_str_cut(rest, ' ', &rest);
    struct vc_str version = rest;

    if (!vc_http_is_token(method) || target.len == 0 || !vc_http_is_field_text(target) ||
        memchr(target.at, '\t', target.len))
        return refuse(out, fail, 400, "malformed request line");
    if (vc_str_eq(version, VC_STR("HTTP/1.1")))
        out->minor = 1;
    else if (vc_str_eq(version, VC_STR("HTTP/1.0")))
        out->minor = 0;
    else if (version.len == 8 && vc_str_starts(version, VC_STR("HTTP/")) && version.at[6] == '.' &&
             vc_http_hex_digit(version.at[5]) >= 0 && vc_http_hex_digit(version.at[7]) >= 0)
        return refuse(out, fail, 505, "neither HTTP/1.1 nor HTTP/1.0");
    else
        return refuse(out, fail, 400, "malformed request line");
    out->method = vc_http_method_of(method);
    if (out->method == VC_HTTP_NO_METHOD)
        return refuse(out, fail, 405, "method not served");

    out->target = target;
    out->path = target;
    if (memchr(target.at, '#', target.len))
        return refuse(out, fail, 400, "a fragment in the request target");
    if (out->method == VC_HTTP_CONNECT) {
        out->tunnel = vc_str_eq(target, VC_STR("/CSCOSSLC/tunnel")) || vc_str_eq(target, VC_STR("CSCOSSLC/tunnel"));
        return VC_HTTP_OK;
    }
    if (target.at[0] != '/')
        return refuse(out, fail, 400, "the request target is not a path");
    out->has_query = memchr(target.at, '?', target.len) != NULL;
    if (!path_read(vc_str_cut(target, '?', &out->query), path, &out->path))
        return refuse(out, fail, 400, "malformed escape or character in the path");
    return VC_HTTP_OK;
}

/* The headers that decide about framing and connection; every other one is somebody else's. Sets *body_len. */
static enum vc_http_read request_framing(struct vc_http_request *out, const struct vc_http_limits *limits,
                                         size_t *body_len, struct vc_fail *fail)
{
    const struct vc_str *length = NULL, *encoding = NULL, *host = NULL;
    uint64_t n = 0;

    out->keep_alive = out->minor == 1;
    for (size_t i = 0; i < out->n_headers; i++) {
        const struct vc_http_header *h = &out->headers[i];
        if (vc_str_ieq(h->name, VC_STR("Content-Length"))) {
            if (length)
                return refuse(out, fail, 400, "two Content-Length headers");
            length = &h->value;
        } else if (vc_str_ieq(h->name, VC_STR("Transfer-Encoding"))) {
            encoding = &h->value;
        } else if (vc_str_ieq(h->name, VC_STR("Host"))) {
            if (host)
                return refuse(out, fail, 400, "two Host headers");
            host = &h->value;
        } else if (vc_str_ieq(h->name, VC_STR("Connection"))) {
            if (vc_http_list_has(h->value, VC_STR("close")))
                out->keep_alive = false;
        } else if (vc_str_ieq(h->name, VC_STR("Expect"))) {
            out->expects = out->minor == 1 && vc_str_ieq(h->value, VC_STR("100-continue"));
        }
    }
    if (encoding && (length || out->minor == 0))
        return refuse(out, fail, 400, "Transfer-Encoding with a length or in HTTP/1.0");
    if (encoding)
        return refuse(out, fail, 501, "Transfer-Encoding in a request");
    if (!host && out->minor == 1)
        return refuse(out, fail, 400, "no Host header");
    if (host) {
        for (size_t i = 0; i < host->len; i++)
            if (memchr(" \t/\\?#@<>\"", host->at[i], 10))
                return refuse(out, fail, 400, "malformed Host header");
        out->host = *host;
    }
    if (length) {
        if (!vc_http_is_digits(*length) || length->len > 10 || (length->len > 1 && length->at[0] == '0'))
            return refuse(out, fail, 400, "malformed Content-Length");
        if (!vc_str_u64(*length, limits->body, &n))
            return refuse(out, fail, 413, "the body is longer than the limit");
        if (n > 0 && out->method != VC_HTTP_POST)
            return refuse(out, fail, 400, "a body where the method has none");
    }
    *body_len = (size_t)n;
    return VC_HTTP_OK;
}

static enum vc_http_read request_head_read(struct vc_str head, const struct vc_http_limits *limits, char *path,
                                           size_t *body_len, struct vc_http_request *out, struct vc_fail *fail)
{
    struct vc_str line;
    enum vc_http_read got;

    (void)vc_http_line_next(&head, &line);
    got = request_line_read(line, path, out, fail);
    if (got != VC_HTTP_OK)
        return got;
    while (vc_http_line_next(&head, &line)) {
        if (line.len == 0)
            break;
        if (out->n_headers == VC_HTTP_MAX_HEADERS)
            return refuse(out, fail, 431, "too many headers");
        if (!vc_http_header_split(line, &out->headers[out->n_headers++]))
            return refuse(out, fail, 400, "malformed header line");
    }
    return request_framing(out, limits, body_len, fail);
}

enum vc_http_read vc_http_request_read(struct vc_http_scan *scan, const uint8_t *bytes, size_t len,
                                       const struct vc_http_limits *limits, char *path, struct vc_http_request *out,
                                       struct vc_fail *fail)
{
    size_t body_len = 0;

    if (scan->head == 0) {
        enum vc_http_step got = vc_http_head_scan(scan, bytes, len, limits);
        if (got == VC_HTTP_STEP_MORE)
            return VC_HTTP_NEED_MORE;
        if (got != VC_HTTP_STEP_DONE) {
            /* for the cause alone: what failed was perhaps a CONNECT, which is another phase */
            bool connect = vc_str_starts(vc_http_view(bytes, 0, len), VC_STR("CONNECT "));
            *out = (struct vc_http_request){.method = connect ? VC_HTTP_CONNECT : VC_HTTP_NO_METHOD};
            return got == VC_HTTP_STEP_ODD ? refuse(out, fail, 400, "control character or bare line end in the head")
                                           : refuse(out, fail, 431, "the head is longer than the limit");
        }
    } else if (len < scan->total) {
        return VC_HTTP_NEED_MORE;
    }

    *out = (struct vc_http_request){0};
    enum vc_http_read got = request_head_read(vc_http_view(bytes, 0, scan->head), limits, path, &body_len, out, fail);
    if (got != VC_HTTP_OK)
        return got;
    scan->total = scan->head + body_len;
    if (len < scan->total) {
        scan->want_continue = out->expects && len == scan->head; /* some of the body: it did not wait */
        return VC_HTTP_NEED_MORE;
    }
    scan->want_continue = false;
    out->body = vc_http_view(bytes, scan->head, scan->total);
    out->consumed = scan->total;
    out->rest = vc_http_view(bytes, scan->total, len);
    out->pipelined = out->rest.len > 0 && out->method != VC_HTTP_CONNECT;
    return VC_HTTP_OK;
}

void vc_http_put_answer(struct vc_writer *w, const struct vc_http_answer *a)
{
    vc_http_put_status_line(w, a->status, a->reason);
    if (a->type)
        vc_http_put_header(w, "Content-Type", vc_str_of(a->type));
    vc_http_put_header_u64(w, "Content-Length", a->body.len);
    vc_http_put_header(w, "Connection", a->close ? VC_STR("close") : VC_STR("Keep-Alive"));
    if (a->v2) {
        vc_http_put_header(w, "X-Transcend-Version", VC_STR("1"));
        vc_http_put_header(w, "X-Aggregate-Auth", VC_STR("1"));
    }
    vc_http_put_header(w, "Cache-Control", VC_STR("no-store"));
    vc_http_put_header(w, "Pragma", VC_STR("no-cache"));
    for (size_t i = 0; i < a->n_cookies; i++)
        vc_http_put_header(w, "Set-Cookie", a->cookies[i]);
    vc_http_put_header(w, "X-Frame-Options", VC_STR("SAMEORIGIN"));
    vc_http_put_header(w, "Strict-Transport-Security", VC_STR("max-age=31536000"));
    for (size_t i = 0; i < a->n_extra; i++)
        vc_http_put_header(w, a->extra[i].name, a->extra[i].value);
    vc_http_put_head_end(w);
    if (!a->head_only)
        vc_put(w, a->body.at, a->body.len);
}
