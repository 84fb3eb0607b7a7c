#include "wire/http_head.h"

#include "base/reader.h"

#include <stdio.h>

// clang-format off
const struct vc_http_limits vc_http_gateway_limits = {
    .line = VC_HTTP_MAX_REQUEST_LINE, .header = 8192, .head = 16384, .headers = VC_HTTP_MAX_HEADERS, .body = 262144};
const struct vc_http_limits vc_http_client_limits = {
    .line = 8192, .header = 16384, .head = 65536, .headers = 200, .body = 1048576};
const struct vc_http_limits vc_http_client_connect_limits = {
    .line = 8192, .header = 65536, .head = 524288, .headers = 8192, .body = 1048576};
// clang-format on

static const struct {
    const char *name;
    enum vc_http_method method;
} methods[] = {{"GET", VC_HTTP_GET}, {"HEAD", VC_HTTP_HEAD}, {"POST", VC_HTTP_POST}, {"CONNECT", VC_HTTP_CONNECT}};
#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

const char *vc_http_method_name(enum vc_http_method method)
{
    for (size_t i = 0; i < N_METHODS; i++)
        if (methods[i].method == method)
            return methods[i].name;
    return "none";
}

enum vc_http_method vc_http_method_of(struct vc_str name)
{
    for (size_t i = 0; i < N_METHODS; i++)
        if (vc_str_eq(name, vc_str_of(methods[i].name)))
            return methods[i].method;
    return VC_HTTP_NO_METHOD;
}

bool vc_http_is_token(struct vc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

bool vc_http_is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

bool vc_http_is_field_text(struct vc_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (vc_http_is_control((uint8_t)s.at[i]) && s.at[i] != '\t')
            return false;
    return true;
}

bool vc_http_is_digits(struct vc_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.len > 0;
}

int vc_http_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

struct vc_str vc_http_view(const uint8_t *bytes, size_t from, size_t to)
{
    struct vc_reader r = vc_reader_of(bytes, to);
    (void)vc_take(&r, from);
    return (struct vc_str){.at = (const char *)r.at, .len = r.left};
}

/* The next line of a block whose line ends were checked by vc_http_line_scan. */
bool vc_http_line_next(struct vc_str *block, struct vc_str *line)
{
    if (block->len == 0)
        return false;
    *line = vc_str_cut(*block, '\r', block); /* a CR stands only before its LF */
    if (block->len > 0)
        (void)vc_str_cut(*block, '\n', block);
    return true;
}

enum vc_http_step vc_http_line_scan(struct vc_http_scan *s, const uint8_t *bytes, size_t len, size_t max,
                                    struct vc_str *line)
{
    struct vc_reader r = vc_reader_of(bytes, len);
    (void)vc_take(&r, s->scanned);
    while (!r.bad && r.left > 0) {
        uint8_t c = vc_take_u8(&r);
        if (c == '\r') {
            if (r.left == 0)
                return VC_HTTP_STEP_MORE; /* looked at again together with what follows */
            if (vc_take_u8(&r) != '\n')
                return VC_HTTP_STEP_ODD;
            *line = vc_http_view(bytes, s->line, s->scanned);
            s->scanned += 2;
            s->line = s->scanned;
            return VC_HTTP_STEP_DONE;
        }
        if (vc_http_is_control(c) && c != '\t')
            return VC_HTTP_STEP_ODD;
        s->scanned++;
        if (s->scanned - s->line > max)
            return VC_HTTP_STEP_LARGE;
    }
    return VC_HTTP_STEP_MORE;
}

enum vc_http_step vc_http_head_scan(struct vc_http_scan *s, const uint8_t *bytes, size_t len,
                                    const struct vc_http_limits *limits)
{
    for (;;) {
        struct vc_str line;
        enum vc_http_step got =
            vc_http_line_scan(s, bytes, len, s->n_lines == 0 ? limits->line : limits->header, &line);
        if (s->scanned > limits->head || (got == VC_HTTP_STEP_MORE && len >= limits->head))
            return VC_HTTP_STEP_LARGE;
        if (got != VC_HTTP_STEP_DONE)
            return got;
        if (line.len == 0)
            break;
        if (++s->n_lines > limits->headers + 1)
            return VC_HTTP_STEP_LARGE;
    }
    if (s->n_lines == 0)
        return VC_HTTP_STEP_ODD; /* begins with an empty line */
    s->head = s->scanned;
    return VC_HTTP_STEP_DONE;
}

bool vc_http_header_split(struct vc_str line, struct vc_http_header *out)
{
    if (line.len == 0 || !memchr(line.at, ':', line.len))
        return false;
    out->name = vc_str_cut(line, ':', &out->value);
    out->value = vc_str_trim(out->value);
    return vc_http_is_token(out->name); /* so no blank before the colon, and no folded line */
}

bool vc_http_header_next(struct vc_str *block, struct vc_http_header *out)
{
    struct vc_str line;
    *out = (struct vc_http_header){0};
    return vc_http_line_next(block, &line) && vc_http_header_split(line, out);
}

bool vc_http_header_in(struct vc_str block, struct vc_str name, struct vc_str *value)
{
    struct vc_http_header h;
    bool found = false;
    *value = (struct vc_str){0};
    while (vc_http_header_next(&block, &h)) {
        if (vc_str_ieq(h.name, name)) {
            *value = h.value;
            found = true;
        }
    }
    return found;
}

bool vc_http_list_has(struct vc_str list, struct vc_str token)
{
    while (list.len > 0)
        if (vc_str_ieq(vc_str_trim(vc_str_cut(list, ',', &list)), token))
            return true;
    return false;
}

const char *vc_http_reason(int status)
{
    // clang-format off
    switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 302: return "Found";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
    // clang-format on
}

static void put_checked(struct vc_writer *w, struct vc_str s)
{
    if (!vc_http_is_field_text(s))
        w->bad = true;
    vc_put(w, s.at, s.len);
}

void vc_http_put_request_line(struct vc_writer *w, enum vc_http_method method, struct vc_str target)
{
    if (method == VC_HTTP_NO_METHOD || target.len == 0 || memchr(target.at, ' ', target.len) ||
        memchr(target.at, '\t', target.len))
        w->bad = true;
    vc_put_text(w, vc_http_method_name(method));
    vc_put_text(w, " ");
    put_checked(w, target);
    vc_put_text(w, " HTTP/1.1\r\n");
}

void vc_http_put_status_line(struct vc_writer *w, int status, const char *reason)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "HTTP/1.1 %d ", status);
    if (status < 100 || status > 599)
        w->bad = true;
    vc_put(w, text, (size_t)len);
    put_checked(w, vc_str_of(reason ? reason : vc_http_reason(status)));
    vc_put_text(w, "\r\n");
}

void vc_http_put_header(struct vc_writer *w, const char *name, struct vc_str value)
{
    if (!vc_http_is_token(vc_str_of(name)))
        w->bad = true;
    vc_put_text(w, name);
    vc_put_text(w, ": ");
    put_checked(w, value);
    vc_put_text(w, "\r\n");
}

void vc_http_put_header_u64(struct vc_writer *w, const char *name, uint64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    vc_http_put_header(w, name, (struct vc_str){.at = text, .len = (size_t)len});
}

void vc_http_put_head_end(struct vc_writer *w)
{
    vc_put_text(w, "\r\n");
}
