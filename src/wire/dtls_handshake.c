#include "wire/dtls_handshake.h"

enum vc_dtls_read vc_dtls_message_read(struct vc_reader *r, struct vc_dtls_message *out)
{
    const uint8_t *raw = r->at;
    uint8_t type = vc_take_u8(r);
    uint32_t len = vc_take_u24(r);
    uint16_t seq = vc_take_u16(r);
    uint32_t offset = vc_take_u24(r);
    uint32_t part = vc_take_u24(r);
    const uint8_t *body = vc_take(r, part);
    if (r->bad || offset > len || part > len - offset)
        return VC_DTLS_READ_MALFORMED;
    if (part != len)
        return VC_DTLS_READ_FRAGMENT;
    *out = (struct vc_dtls_message){
        .type = type, .seq = seq, .body = body, .len = len, .raw = raw, .raw_len = VC_DTLS_MESSAGE_HEADER + len};
    return VC_DTLS_READ_OK;
}

size_t vc_dtls_message_begin(struct vc_writer *w, uint8_t type, uint16_t seq)
{
    size_t where = vc_written(w);
    vc_put_u8(w, type);
    vc_put_u24(w, 0);
    vc_put_u16(w, seq);
    vc_put_u24(w, 0);
    vc_put_u24(w, 0);
    return where;
}

void vc_dtls_message_end(struct vc_writer *w, size_t where)
{
    if (w->bad)
        return;
    size_t len = vc_written(w) - where - VC_DTLS_MESSAGE_HEADER;
    struct vc_writer length = vc_writer_to(w->start + where + 1, 3);
    struct vc_writer part = vc_writer_to(w->start + where + 9, 3);
    vc_put_be(&length, len, 3);
    vc_put_be(&part, len, 3);
    w->bad = length.bad || part.bad;
}

static struct vc_dtls_view take_view(struct vc_reader *r, size_t n_len)
{
    size_t len = vc_take_be(r, n_len);
    const uint8_t *at = vc_take(r, len);
    return at ? (struct vc_dtls_view){.at = at, .len = len} : (struct vc_dtls_view){0};
}

static void put_view(struct vc_writer *w, struct vc_dtls_view v, size_t n_len)
{
    vc_put_be(w, v.len, n_len);
    vc_put(w, v.at, v.len);
}

struct found {
    bool ems, renegotiation;
    struct vc_dtls_view app_id;
};

/** The block that may end a hello: absent, or reaching exactly to the end. No type twice (RFC 5246 7.4.1.4). */
static void take_extensions(struct vc_reader *r, struct vc_dtls_view *block, bool *there, struct found *found)
{
    uint16_t seen[VC_DTLS_EXTENSIONS_MAX];
    size_t n = 0;
    if (r->bad || r->left == 0)
        return;
    *there = true;
    *block = take_view(r, 2);
    struct vc_reader in = vc_reader_of(block->at, block->len);
    while (in.left > 0 && !in.bad) {
        uint16_t type = vc_take_u16(&in);
        struct vc_dtls_view body = take_view(&in, 2);
        for (size_t i = 0; i < n; i++)
            in.bad |= seen[i] == type;
        if (n == VC_DTLS_EXTENSIONS_MAX)
            in.bad = true;
        if (in.bad)
            break;
        seen[n++] = type;
        struct vc_reader b = vc_reader_of(body.at, body.len);
        switch (type) {
        case VC_DTLS_EXT_EMS:
            found->ems = true;
            in.bad = b.left != 0;
            break;
        case VC_DTLS_EXT_RENEGOTIATION_INFO:
            found->renegotiation = true;
            in.bad = vc_take_u8(&b) != 0 || !vc_reader_done(&b);
            break;
        case VC_DTLS_EXT_APP_ID:
            found->app_id = take_view(&b, 1);
            in.bad = found->app_id.len == 0 || !vc_reader_done(&b);
            break;
        default: /* ignored: 2-tunnel.md 9.3 */
            break;
        }
    }
    r->bad |= in.bad;
}

enum vc_dtls_read vc_dtls_client_hello_read(const uint8_t *body, size_t len, struct vc_dtls_client_hello *out)
{
    struct vc_reader r = vc_reader_of(body, len);
    struct vc_dtls_client_hello h = {0};
    struct found found = {0};
    h.version = vc_take_u16(&r);
    h.random = vc_take(&r, VC_DTLS_RANDOM);
    h.session_id = take_view(&r, 1);
    h.cookie = take_view(&r, 1);
    h.suites = take_view(&r, 2);
    h.compressions = take_view(&r, 1);
    take_extensions(&r, &h.extensions, &h.has_extensions, &found);
    if (!vc_reader_done(&r) || h.session_id.len > VC_DTLS_SESSION_ID_MAX)
        return VC_DTLS_READ_MALFORMED;
    if (h.suites.len == 0 || h.suites.len % 2 != 0 || h.compressions.len == 0)
        return VC_DTLS_READ_MALFORMED;
    h.null_compression = memchr(h.compressions.at, 0, h.compressions.len) != NULL;
    h.ems = found.ems;
    h.renegotiation = found.renegotiation || vc_dtls_client_hello_offers(&h, VC_DTLS_SCSV);
    h.app_id = found.app_id;
    *out = h;
    return VC_DTLS_READ_OK;
}

void vc_dtls_client_hello_put(struct vc_writer *w, const struct vc_dtls_client_hello *h)
{
    vc_put_u16(w, h->version);
    vc_put(w, h->random, VC_DTLS_RANDOM);
    put_view(w, h->session_id, 1);
    put_view(w, h->cookie, 1);
    put_view(w, h->suites, 2);
    put_view(w, h->compressions, 1);
    if (h->has_extensions)
        put_view(w, h->extensions, 2);
}

bool vc_dtls_client_hello_offers(const struct vc_dtls_client_hello *h, uint16_t suite)
{
    struct vc_reader r = vc_reader_of(h->suites.at, h->suites.len);
    bool found = false;
    while (r.left >= 2)
        found |= vc_take_u16(&r) == suite;
    return found;
}

enum vc_dtls_read vc_dtls_server_hello_read(const uint8_t *body, size_t len, struct vc_dtls_server_hello *out)
{
    struct vc_reader r = vc_reader_of(body, len);
    struct vc_dtls_server_hello h = {0};
    struct found found = {0};
    h.version = vc_take_u16(&r);
    h.random = vc_take(&r, VC_DTLS_RANDOM);
    h.session_id = take_view(&r, 1);
    h.suite = vc_take_u16(&r);
    h.compression = vc_take_u8(&r);
    take_extensions(&r, &h.extensions, &h.has_extensions, &found);
    if (!vc_reader_done(&r) || h.session_id.len > VC_DTLS_SESSION_ID_MAX)
        return VC_DTLS_READ_MALFORMED;
    h.ems = found.ems;
    h.renegotiation = found.renegotiation;
    *out = h;
    return VC_DTLS_READ_OK;
}

void vc_dtls_server_hello_put(struct vc_writer *w, const struct vc_dtls_server_hello *h)
{
    vc_put_u16(w, h->version);
    vc_put(w, h->random, VC_DTLS_RANDOM);
    put_view(w, h->session_id, 1);
    vc_put_u16(w, h->suite);
    vc_put_u8(w, h->compression);
    if (h->has_extensions)
        put_view(w, h->extensions, 2);
}

enum vc_dtls_read vc_dtls_hello_verify_request_read(const uint8_t *body, size_t len,
                                                    struct vc_dtls_hello_verify_request *out)
{
    struct vc_reader r = vc_reader_of(body, len);
    uint16_t version = vc_take_u16(&r);
    struct vc_dtls_view cookie = take_view(&r, 1);
    if (!vc_reader_done(&r))
        return VC_DTLS_READ_MALFORMED;
    *out = (struct vc_dtls_hello_verify_request){.version = version, .cookie = cookie};
    return VC_DTLS_READ_OK;
}

void vc_dtls_hello_verify_request_put(struct vc_writer *w, const struct vc_dtls_hello_verify_request *h)
{
    vc_put_u16(w, h->version);
    put_view(w, h->cookie, 1);
}

enum vc_dtls_read vc_dtls_client_key_exchange_read(const uint8_t *body, size_t len, struct vc_dtls_view *identity)
{
    struct vc_reader r = vc_reader_of(body, len);
    struct vc_dtls_view v = take_view(&r, 2);
    if (!vc_reader_done(&r))
        return VC_DTLS_READ_MALFORMED;
    *identity = v;
    return VC_DTLS_READ_OK;
}

void vc_dtls_client_key_exchange_put(struct vc_writer *w, struct vc_dtls_view identity)
{
    put_view(w, identity, 2);
}

enum vc_dtls_read vc_dtls_finished_read(const uint8_t *body, size_t len, const uint8_t **verify_data)
{
    struct vc_reader r = vc_reader_of(body, len);
    const uint8_t *v = vc_take(&r, VC_DTLS_VERIFY_DATA);
    if (!vc_reader_done(&r))
        return VC_DTLS_READ_MALFORMED;
    *verify_data = v;
    return VC_DTLS_READ_OK;
}

void vc_dtls_finished_put(struct vc_writer *w, const uint8_t *verify_data)
{
    vc_put(w, verify_data, VC_DTLS_VERIFY_DATA);
}

enum vc_dtls_read vc_dtls_alert_read(const uint8_t *body, size_t len, struct vc_dtls_alert *out)
{
    struct vc_reader r = vc_reader_of(body, len);
    uint8_t level = vc_take_u8(&r);
    uint8_t code = vc_take_u8(&r);
    if (!vc_reader_done(&r) || (level != VC_DTLS_WARNING && level != VC_DTLS_FATAL))
        return VC_DTLS_READ_MALFORMED;
    *out = (struct vc_dtls_alert){.level = level, .code = code};
    return VC_DTLS_READ_OK;
}
