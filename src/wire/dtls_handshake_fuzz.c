/* Any bytes as the fragment of a handshake record: every message that can be read lies inside the input, and writing it
 * again gives the same bytes. */
#include "wire/dtls_handshake.h"

#include <stdlib.h>

static const uint8_t *start;
static size_t size_of;

static void inside(const uint8_t *at, size_t len)
{
    if (len > 0 && (at < start || len > size_of || (size_t)(at - start) > size_of - len))
        abort();
}

static void inside_view(struct vc_dtls_view v)
{
    inside(v.at, v.len);
}

static bool body_put(struct vc_writer *w, const struct vc_dtls_message *m)
{
    struct vc_dtls_client_hello ch;
    struct vc_dtls_server_hello sh;
    struct vc_dtls_hello_verify_request hv;
    struct vc_dtls_view identity;
    const uint8_t *verify;
    switch (m->type) {
    case VC_DTLS_CLIENT_HELLO:
        if (vc_dtls_client_hello_read(m->body, m->len, &ch) != VC_DTLS_READ_OK)
            return false;
        inside(ch.random, VC_DTLS_RANDOM);
        inside_view(ch.session_id);
        inside_view(ch.cookie);
        inside_view(ch.suites);
        inside_view(ch.compressions);
        inside_view(ch.extensions);
        inside_view(ch.app_id);
        if (ch.session_id.len > VC_DTLS_SESSION_ID_MAX || (ch.app_id.at && ch.app_id.len == 0))
            abort();
        vc_dtls_client_hello_put(w, &ch);
        return true;
    case VC_DTLS_SERVER_HELLO:
        if (vc_dtls_server_hello_read(m->body, m->len, &sh) != VC_DTLS_READ_OK)
            return false;
        inside(sh.random, VC_DTLS_RANDOM);
        inside_view(sh.session_id);
        inside_view(sh.extensions);
        vc_dtls_server_hello_put(w, &sh);
        return true;
    case VC_DTLS_HELLO_VERIFY_REQUEST:
        if (vc_dtls_hello_verify_request_read(m->body, m->len, &hv) != VC_DTLS_READ_OK)
            return false;
        inside_view(hv.cookie);
        vc_dtls_hello_verify_request_put(w, &hv);
        return true;
    case VC_DTLS_CLIENT_KEY_EXCHANGE:
        if (vc_dtls_client_key_exchange_read(m->body, m->len, &identity) != VC_DTLS_READ_OK)
            return false;
        inside_view(identity);
        vc_dtls_client_key_exchange_put(w, identity);
        return true;
    case VC_DTLS_FINISHED:
        if (vc_dtls_finished_read(m->body, m->len, &verify) != VC_DTLS_READ_OK)
            return false;
        inside(verify, VC_DTLS_VERIFY_DATA);
        vc_dtls_finished_put(w, verify);
        return true;
    default:
        return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    struct vc_dtls_message m;
    struct vc_dtls_alert alert;
    enum vc_dtls_read how;
    start = data;
    size_of = size;
    (void)vc_dtls_alert_read(data, size, &alert);
    while (r.left > 0 && (how = vc_dtls_message_read(&r, &m)) != VC_DTLS_READ_MALFORMED) {
        if (how == VC_DTLS_READ_FRAGMENT)
            continue;
        inside(m.raw, m.raw_len);
        inside(m.body, m.len);
        uint8_t *again = malloc(m.raw_len);
        if (!again)
            abort();
        struct vc_writer w = vc_writer_to(again, m.raw_len);
        size_t where = vc_dtls_message_begin(&w, m.type, m.seq);
        if (body_put(&w, &m)) {
            vc_dtls_message_end(&w, where);
            if (w.bad || vc_written(&w) != m.raw_len || memcmp(again, m.raw, m.raw_len) != 0)
                abort();
        }
        free(again);
    }
    return 0;
}
