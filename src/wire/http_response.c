#include "wire/http_response.h"

/* Chunk headers, trailers and line ends of one answer: what chunking may add to the body's own limit. */
#define MAX_CHUNK_OVERHEAD 65536
#define MAX_CHUNK_LINE 1024

static enum vc_http_read answer_bad(struct vc_fail *fail, enum vc_http_step why, const char *what)
{
    (void)vc_fail_set(fail, why == VC_HTTP_STEP_LARGE ? VC_CAUSE_HTTP_ANSWER_TOO_LARGE : VC_CAUSE_HTTP_ANSWER_MALFORMED,
                      0, "%s", what);
    return VC_HTTP_BAD;
}

/* Obsolete folded lines: their line ends become blanks, so that every reader behind this one sees one line a header. */
static void unfold(uint8_t *bytes, size_t from, size_t to)
{
    for (size_t i = from + 2; i + 1 < to; i++) {
        if (bytes[i] == '\n' && (bytes[i + 1] == ' ' || bytes[i + 1] == '\t')) {
            bytes[i - 1] = ' ';
            bytes[i] = ' ';
        }
    }
}

static bool status_line_read(struct vc_str line, struct vc_http_response *out)
{
    struct vc_str rest;
    uint64_t status = 0;
    struct vc_str version = vc_str_cut(line, ' ', &rest);
    struct vc_str code = vc_str_cut(rest, ' ', &out->reason);
    if (!vc_str_starts(version, VC_STR("HTTP/1.")) || version.len != 8 ||
        (version.at[7] != '0' && version.at[7] != '1'))
        return false;
    if (code.len != 3 || !vc_str_u64(code, 599, &status) || status < 100)
        return false;
    out->minor = (uint8_t)(version.at[7] - '0');
    out->status = (int)status;
    return true;
}

enum framing { FRAMED_BAD, FRAMED_NONE, FRAMED_LENGTH, FRAMED_CHUNKS, FRAMED_CLOSE };

/* How the body ends (1-login.md 3.4, rules 2 and 3). */
static enum framing answer_framing(struct vc_http_response *out, enum vc_http_method asked,
                                   const struct vc_http_limits *limits, size_t *body_len, struct vc_fail *fail)
{
    struct vc_str block = out->headers;
    struct vc_http_header h;
    bool chunked = false, has_length = false, close = out->minor == 0;
    uint64_t n = 0;

    while (vc_http_header_next(&block, &h)) {
        if (vc_str_ieq(h.name, VC_STR("Transfer-Encoding"))) {
            if (chunked || !vc_str_ieq(h.value, VC_STR("chunked"))) {
                (void)answer_bad(fail, VC_HTTP_STEP_ODD, "a Transfer-Encoding other than chunked");
                return FRAMED_BAD;
            }
            chunked = true;
        } else if (vc_str_ieq(h.name, VC_STR("Content-Length"))) {
            uint64_t before = n;
            bool digits = vc_http_is_digits(h.value) && h.value.len <= 10;
            if (!digits || !vc_str_u64(h.value, limits->body, &n) || (has_length && before != n)) {
                (void)answer_bad(fail, digits && !has_length ? VC_HTTP_STEP_LARGE : VC_HTTP_STEP_ODD, "Content-Length");
                return FRAMED_BAD;
            }
            has_length = true;
        } else if (vc_str_ieq(h.name, VC_STR("Connection"))) {
            close = close || vc_http_list_has(h.value, VC_STR("close"));
        }
    }
    out->keep_alive = !close && !(chunked && has_length); /* both: the chunks win, and no byte behind them is trusted */
    *body_len = (size_t)n;
    if (asked == VC_HTTP_HEAD || (asked == VC_HTTP_CONNECT && out->status / 100 == 2) || out->status == 204 ||
        out->status == 304)
        return FRAMED_NONE;
    if (chunked)
        return FRAMED_CHUNKS;
    if (has_length)
        return FRAMED_LENGTH;
    if (asked == VC_HTTP_CONNECT) { /* ocserv's refusal says neither, and the connection is over */
        out->keep_alive = false;
        return FRAMED_NONE;
    }
    if (close)
        return FRAMED_CLOSE;
    (void)answer_bad(fail, VC_HTTP_STEP_ODD, "neither length nor chunks, and the connection stays open");
    return FRAMED_BAD;
}

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

static bool chunk_size_read(struct vc_str line, size_t max, size_t *size, enum vc_http_step *why)
{
    struct vc_str extension;
    struct vc_str digits = vc_str_trim(vc_str_cut(line, ';', &extension)); /* blanks behind: seen in the field */
    uint64_t n = 0;
    *why = VC_HTTP_STEP_ODD;
    if (digits.len == 0 || digits.len > 8 || digits.at != line.at) /* none before */
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        int d = vc_http_hex_digit(digits.at[i]);
        if (d < 0)
            return false;
        n = n << 4 | (unsigned)d;
    }
    *why = VC_HTTP_STEP_LARGE;
    *size = (size_t)n;
    return n <= max;
}

/* Takes what there is of the chunks and moves their data together behind the head; DONE at the end of all. */
static enum vc_http_step chunks_scan(struct vc_http_scan *s, uint8_t *bytes, size_t len, size_t max_body)
{
    for (;;) {
        struct vc_str line;
        enum vc_http_step got = VC_HTTP_STEP_ODD;
        if ((enum chunk_state)s->chunk_state == CHUNK_DATA) {
            size_t n = len - s->scanned < s->chunk_left ? len - s->scanned : s->chunk_left;
            if (n > 0)
                memmove(bytes + s->head + s->chunk_data, bytes + s->scanned, n);
            s->scanned += n;
            s->chunk_data += n;
            s->chunk_left -= n;
            if (s->chunk_left > 0)
                return VC_HTTP_STEP_MORE;
            s->line = s->scanned;
            s->chunk_state = CHUNK_DATA_END;
        }
        got = vc_http_line_scan(s, bytes, len, MAX_CHUNK_LINE, &line);
        if (got != VC_HTTP_STEP_DONE)
            return got;
        s->chunk_overhead += line.len + 2;
        if (s->chunk_overhead > MAX_CHUNK_OVERHEAD)
            return VC_HTTP_STEP_LARGE;
        switch ((enum chunk_state)s->chunk_state) {
        case CHUNK_SIZE:
            if (!chunk_size_read(line, max_body - s->chunk_data, &s->chunk_left, &got))
                return got;
            s->chunk_state = s->chunk_left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
            break;
        case CHUNK_DATA_END:
            if (line.len > 0)
                return VC_HTTP_STEP_ODD;
            s->chunk_state = CHUNK_SIZE;
            break;
        case CHUNK_TRAILER:
            if (line.len == 0)
                return VC_HTTP_STEP_DONE;
            break;
        case CHUNK_DATA:
            break; /* left above */
        }
    }
}

static enum vc_http_read answer_more(bool eof, struct vc_fail *fail)
{
    if (!eof)
        return VC_HTTP_NEED_MORE;
    (void)vc_fail_set(fail, VC_CAUSE_HTTP_ANSWER_CUT, 0, "end of stream inside the answer");
    return VC_HTTP_BAD;
}

/* Status line and headers of the head at scan->start; folded lines are joined first. */
static enum vc_http_read answer_head_read(struct vc_http_scan *scan, uint8_t *bytes, struct vc_http_response *out,
                                          struct vc_fail *fail)
{
    struct vc_str block = vc_http_view(bytes, scan->start, scan->head - 2); /* without the empty line */
    struct vc_str line;
    struct vc_http_header h;

    *out = (struct vc_http_response){0};
    (void)vc_http_line_next(&block, &line);
    if (!status_line_read(line, out))
        return answer_bad(fail, VC_HTTP_STEP_ODD, "malformed status line");
    if (block.len > 0 && (block.at[0] == ' ' || block.at[0] == '\t'))
        return answer_bad(fail, VC_HTTP_STEP_ODD, "a folded line with no header before it");
    unfold(bytes, scan->head - 2 - block.len, scan->head - 2);
    out->headers = block;
    while (block.len > 0)
        if (!vc_http_header_next(&block, &h))
            return answer_bad(fail, VC_HTTP_STEP_ODD, "malformed header line");
    return VC_HTTP_OK;
}

enum vc_http_read vc_http_response_read(struct vc_http_scan *scan, uint8_t *bytes, size_t len, bool eof,
                                        enum vc_http_method asked, const struct vc_http_limits *limits,
                                        struct vc_http_response *out, struct vc_fail *fail)
{
    enum vc_http_step got;
    size_t body_len = 0;

    while (scan->head == 0) {
        got = vc_http_head_scan(scan, bytes, len, limits);
        if (got == VC_HTTP_STEP_MORE)
            return answer_more(eof, fail);
        if (got != VC_HTTP_STEP_DONE)
            return answer_bad(fail, got,
                              got == VC_HTTP_STEP_LARGE ? "the head is too long" : "control character in the head");
        if (answer_head_read(scan, bytes, out, fail) != VC_HTTP_OK)
            return VC_HTTP_BAD;
        if (out->status == 101)
            return answer_bad(fail, VC_HTTP_STEP_ODD, "a change of protocol that was not asked for");
        if (out->status < 200) {
            scan->start = scan->head;
            scan->head = 0;
            scan->n_lines = 0;
            continue;
        }
        scan->framing = (uint8_t)answer_framing(out, asked, limits, &body_len, fail);
    }

    /* Only the framing is looked at until all is there: the head is not read again for every byte of the body. */
    switch ((enum framing)scan->framing) {
    case FRAMED_BAD:
        return VC_HTTP_BAD;
    case FRAMED_NONE:
        scan->total = scan->head;
        break;
    case FRAMED_LENGTH:
        if (scan->total == 0)
            scan->total = scan->head + body_len;
        break;
    case FRAMED_CHUNKS:
        got = chunks_scan(scan, bytes, len, limits->body);
        if (got == VC_HTTP_STEP_MORE)
            return answer_more(eof, fail);
        if (got != VC_HTTP_STEP_DONE)
            return answer_bad(fail, got, got == VC_HTTP_STEP_LARGE ? "the chunks are too long" : "malformed chunks");
        scan->total = scan->scanned;
        break;
    case FRAMED_CLOSE:
        if (len - scan->head > limits->body)
            return answer_bad(fail, VC_HTTP_STEP_LARGE, "the body is too long");
        if (!eof)
            return VC_HTTP_NEED_MORE;
        scan->total = len;
        break;
    }
    if (len < scan->total)
        return answer_more(eof, fail);

    if (answer_head_read(scan, bytes, out, fail) != VC_HTTP_OK ||
        answer_framing(out, asked, limits, &body_len, fail) == FRAMED_BAD)
        return VC_HTTP_BAD;
    body_len = scan->framing == FRAMED_CHUNKS ? scan->chunk_data : scan->total - scan->head;
    out->body = vc_http_view(bytes, scan->head, scan->head + body_len);
    out->consumed = scan->total;
    out->rest = vc_http_view(bytes, scan->total, len);
    return VC_HTTP_OK;
}
