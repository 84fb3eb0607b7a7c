#ifndef VC_WIRE_HTTP_HEAD_H
#define VC_WIRE_HTTP_HEAD_H

#include "base/str.h"
#include "base/writer.h"

/** What requests and answers of HTTP/1.1 have in common: lines, headers, limits, and writing them. The messages are in
 *  wire/http.h (the gateway's side) and wire/http_response.h (the client's). */

#define VC_HTTP_MAX_HEADERS 64
#define VC_HTTP_MAX_REQUEST_LINE 4096

enum vc_http_method { VC_HTTP_NO_METHOD, VC_HTTP_GET, VC_HTTP_HEAD, VC_HTTP_POST, VC_HTTP_CONNECT };

const char *vc_http_method_name(enum vc_http_method method);
enum vc_http_method vc_http_method_of(struct vc_str name); /* exact: methods are case-sensitive */

/** Bytes without line ends; whole head: with them. A message at the limit passes, one byte more does not. */
struct vc_http_limits {
    size_t line;    /* request or status line; for requests at most VC_HTTP_MAX_REQUEST_LINE */
    size_t header;  /* one header line; for answers every line of a folded one counts by itself */
    size_t head;    /* everything up to the empty line, that included; skipped 1xx heads count too */
    size_t headers; /* lines; for requests at most VC_HTTP_MAX_HEADERS */
    size_t body;
};
extern const struct vc_http_limits vc_http_gateway_limits;        /* 1-login.md 3.10 */
extern const struct vc_http_limits vc_http_client_limits;         /* 1-login.md 3.10 */
extern const struct vc_http_limits vc_http_client_connect_limits; /* 2-tunnel.md 2.2 */

struct vc_http_header {
    struct vc_str name;
    struct vc_str value; /* without blanks at its ends; no control character but tab; UTF-8 is not checked */
};

/** Where reading of one message stands, so that a peer that sends byte after byte costs no more than one that sends all
 *  at once. Offsets only: the buffer may move while it grows. Zeroed: nothing seen yet; zero it again for the next
 *  message. */
struct vc_http_scan {
    size_t scanned; /* bytes that need not be looked at again */
    size_t line;    /* where the line being scanned begins */
    size_t start;   /* answers: where the head begins, behind skipped 1xx heads */
    size_t head;    /* bytes up to the body; 0: the head is not complete. The owner's deadline changes with it */
    size_t total;   /* bytes of the whole message once that is known; 0: not yet. Room of that size is enough */
    size_t n_lines;
    bool want_continue; /* the client waits for "HTTP/1.1 100 Continue": send it once, then clear this */
    size_t chunk_left, chunk_data, chunk_overhead;
    uint8_t chunk_state, framing; /* of answers, as the fields before */
};

enum vc_http_read { VC_HTTP_BAD = -1, VC_HTTP_OK = 0, VC_HTTP_NEED_MORE = 1 };

/** The next header of a checked block: false at its end. */
bool vc_http_header_next(struct vc_str *block, struct vc_http_header *out);
/** The last header of this name (it wins: 2-tunnel.md 1.2); false when there is none, *value is then empty. */
bool vc_http_header_in(struct vc_str block, struct vc_str name, struct vc_str *value);
/** "a, b": @token stands in the list, in any case of its letters. */
bool vc_http_list_has(struct vc_str list, struct vc_str token);

/* For the two readers of messages. */

enum vc_http_step { VC_HTTP_STEP_DONE, VC_HTTP_STEP_MORE, VC_HTTP_STEP_ODD, VC_HTTP_STEP_LARGE };

/** Goes on to the end of the current line: only CR LF ends one, and no other control character but tab may stand in it.
 *  *line is set when DONE. */
enum vc_http_step vc_http_line_scan(struct vc_http_scan *s, const uint8_t *bytes, size_t len, size_t max,
                                    struct vc_str *line);
/** Goes on to the empty line that ends the head, and sets s->head. */
enum vc_http_step vc_http_head_scan(struct vc_http_scan *s, const uint8_t *bytes, size_t len,
                                    const struct vc_http_limits *limits);
/** The next line of a block that was scanned; false at its end. */
bool vc_http_line_next(struct vc_str *block, struct vc_str *line);
/** "name: value"; false when it is malformed: no colon, a blank before it or at the start of the line, no name. */
bool vc_http_header_split(struct vc_str line, struct vc_http_header *out);
/** Bytes @from..@to of the input, as text. */
struct vc_str vc_http_view(const uint8_t *bytes, size_t from, size_t to);
bool vc_http_is_control(uint8_t c);
bool vc_http_is_token(struct vc_str s);      /* RFC 9110 5.6.2 */
bool vc_http_is_field_text(struct vc_str s); /* no control character but tab */
bool vc_http_is_digits(struct vc_str s);
int vc_http_hex_digit(char c); /* -1: none */

/* Writing. Whatever could break a line (CR, LF, NUL, any control character but tab) poisons the writer: such bytes are
 * never sent, from wherever they come. */
void vc_http_put_request_line(struct vc_writer *w, enum vc_http_method method, struct vc_str target);
/** @reason NULL: the usual phrase of @status. */
void vc_http_put_status_line(struct vc_writer *w, int status, const char *reason);
void vc_http_put_header(struct vc_writer *w, const char *name, struct vc_str value);
void vc_http_put_header_u64(struct vc_writer *w, const char *name, uint64_t value);
void vc_http_put_head_end(struct vc_writer *w);
const char *vc_http_reason(int status);
#define VC_HTTP_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

#endif
