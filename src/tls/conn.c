#include "tls/inside.h"

#include "base/str.h"
#include "base/writer.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/err.h>

#define RECORD_BODY_MAX (VC_TLS_PLAIN_MAX + 2048) /* RFC 5246 6.2.3; OpenSSL refuses more in any version */

static_assert(VC_TLS_IN_MAX >= 2 * (VC_TLS_HEADER + RECORD_BODY_MAX), "a whole record always fits");

/* ---- Bytes between OpenSSL and us: a BIO over the buffers of the connection ---- */

/* Room for n more bytes behind buf[*at..*len); what lies before *at is gone. */
static bool grow(uint8_t **buf, size_t *at, size_t *len, size_t *cap, size_t n)
{
    if (*at > 0) {
        memmove(*buf, *buf + *at, *len - *at);
        *len -= *at;
        *at = 0;
    }
    if (*cap - *len >= n)
        return true;
    size_t want = *len + n < 1024 ? 1024 : *len + n;
    uint8_t *p = realloc(*buf, want);
    if (!p)
        return false;
    *buf = p;
    *cap = want;
    return true;
}

/* An idle connection keeps no buffer. */
static void let_go(uint8_t **buf, size_t *at, size_t *len, size_t *cap)
{
    if (*at < *len)
        return;
    free(*buf);
    *buf = NULL;
    *at = *len = *cap = 0;
}

static void let_go_in(struct vc_tls_conn *c)
{
    let_go(&c->in, &c->in_at, &c->in_len, &c->in_cap);
    if (!c->in)
        c->in_whole = 0;
}

static int bio_read(BIO *bio, char *to, size_t want, size_t *got)
{
    struct vc_tls_conn *c = BIO_get_data(bio);
    size_t n = c->in_whole - c->in_at;
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    if (n > want)
        n = want;
    memcpy(to, c->in + c->in_at, n);
    c->in_at += n;
    *got = n;
    return 1;
}

static int bio_write(BIO *bio, const char *from, size_t n, size_t *written)
{
    struct vc_tls_conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *written = 0;
    if (!grow(&c->out, &c->out_at, &c->out_len, &c->out_cap, n))
        return 0;
    memcpy(c->out + c->out_len, from, n);
    c->out_len += n;
    vc_tls_watch_written(&c->watch, (const uint8_t *)from, n);
    *written = n;
    return 1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *vc_tls_conn_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "varco");
    if (m && BIO_meth_set_read_ex(m, bio_read) && BIO_meth_set_write_ex(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))
        return m;
    BIO_meth_free(m);
    return NULL;
}

/* ---- Callbacks ---- */

void vc_tls_conn_keylog(const SSL *ssl, const char *line)
{
    struct vc_tls_conn *c = SSL_get_app_data(ssl);
    vc_tls_watch_keylog(&c->watch, line);
}

void vc_tls_conn_message(int write, int version, int content_type, const void *bytes, size_t len, SSL *ssl, void *conn)
{
    struct vc_tls_conn *c = conn;
    (void)version;
    (void)ssl;
    vc_tls_watch_message(&c->watch, write == 1, content_type, bytes, len);
}

/* A list of 16-bit numbers behind its length. */
static struct vc_reader numbers(SSL *ssl, unsigned extension, size_t n_len)
{
    const unsigned char *at = NULL;
    size_t len = 0;
    if (!SSL_client_hello_get0_ext(ssl, extension, &at, &len))
        return (struct vc_reader){.bad = true};
    struct vc_reader r = vc_reader_of(at, len);
    return vc_take_sub(&r, (size_t)vc_take_be(&r, n_len));
}

static bool offers_rsa_pss(SSL *ssl)
{
    struct vc_reader r = numbers(ssl, TLSEXT_TYPE_signature_algorithms, 2);
    while (!r.bad && r.left > 0) {
        uint16_t scheme = vc_take_u16(&r);
        if (scheme >= 0x0804 && scheme <= 0x0806)
            return true;
    }
    return false;
}

int vc_tls_conn_client_hello(SSL *ssl, int *alert, void *server)
{
    struct vc_tls_server *s = server;
    struct vc_tls_conn *c = SSL_get_app_data(ssl);
    (void)alert;
    c->saw_hello = true;
    if (SSL_get_SSL_CTX(ssl) != s->ctx)
        (void)SSL_set_SSL_CTX(ssl, s->ctx); /* the certificates have changed since it connected */
    c->offered_version = (uint16_t)SSL_client_hello_get0_legacy_version(ssl);
    struct vc_reader r = numbers(ssl, TLSEXT_TYPE_supported_versions, 1);
    while (!r.bad && r.left > 0) {
        uint16_t version = vc_take_u16(&r);
        if (version >> 8 == 3 && version > c->offered_version)
            c->offered_version = version;
    }
    const unsigned char *at = NULL;
    size_t len = SSL_client_hello_get0_ciphers(ssl, &at);
    r = vc_reader_of(at, len);
    c->n_offered = 0;
    while (r.left >= 2 && c->n_offered < VC_TLS_HELLO_SUITES)
        c->offered[c->n_offered++] = vc_take_u16(&r);
    /* some clients offer 1.3 and cannot check what an RSA key signs there (1-login.md 1.1) */
    if (s->max == VC_TLS_MAX_AUTO && s->rsa_only && !offers_rsa_pss(ssl))
        (void)SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* ---- Beginning and end ---- */

struct vc_tls_conn *vc_tls_conn_new(struct vc_tls_server *s, struct vc_fail *fail)
{
    struct vc_tls_conn *c = calloc(1, sizeof(*c));
    BIO *bio = NULL;
    ERR_clear_error();
    if (!c || !(c->ssl = SSL_new(s->ctx)) || !(bio = BIO_new(s->bio))) {
        if (c)
            SSL_free(c->ssl);
        free(c);
        ERR_clear_error();
        (void)vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "TLS connection");
        return NULL;
    }
    c->server = s;
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->ssl, bio, bio);
    (void)SSL_set_app_data(c->ssl, c);
    SSL_set_msg_callback(c->ssl, vc_tls_conn_message);
    SSL_set_msg_callback_arg(c->ssl, c);
    SSL_set_accept_state(c->ssl);
    return c;
}

static void wait_for_signer(struct vc_tls_conn *c)
{
    if (c->here)
        return;
    c->next = c->server->waiting;
    if (c->next)
        c->next->here = &c->next;
    c->here = &c->server->waiting;
    c->server->waiting = c;
}

static void wait_no_more(struct vc_tls_conn *c)
{
    if (!c->here)
        return;
    *c->here = c->next;
    if (c->next)
        c->next->here = c->here;
    c->here = NULL;
}

static int drive(struct vc_tls_conn *c)
{
    vc_provider_enter(&c->question);
    int rc = SSL_do_handshake(c->ssl);
    vc_provider_enter(NULL);
    return rc;
}

static void drop_ssl(struct vc_tls_conn *c)
{
    if (!c->ssl)
        return;
    if (c->question.state == VC_QUESTION_WANTED || c->question.state == VC_QUESTION_ASKED ||
        c->question.state == VC_QUESTION_ANSWERED) {
        /* the paused job has a stack with things on it: let it run to its end, which is a failure now */
        c->question.state = VC_QUESTION_REFUSED;
        (void)drive(c);
    }
    SSL_set_quiet_shutdown(c->ssl, 1);
    SSL_free(c->ssl);
    ERR_clear_error();
    c->ssl = NULL;
}

void vc_tls_conn_free(struct vc_tls_conn *c)
{
    if (!c)
        return;
    wait_no_more(c);
    drop_ssl(c);
    free(c->in);
    free(c->out);
    vc_tls_watch_wipe(&c->watch);
    free(c);
}

void vc_tls_conn_set_owner(struct vc_tls_conn *c, void *owner)
{
    c->owner = owner;
}

void *vc_tls_conn_owner(const struct vc_tls_conn *c)
{
    return c->owner;
}

uint64_t vc_tls_conn_handshake_number(const struct vc_tls_conn *c)
{
    return c->handshake;
}

/* ---- Ciphertext in: cut into records here, so that OpenSSL never holds a part of one ---- */

static size_t record_len(const uint8_t *head)
{
    return VC_TLS_HEADER + (size_t)(head[3] << 8 | head[4]);
}

/* Type and length of the ClientHello, however it is fragmented. */
static void look_at_hello(struct vc_tls_conn *c, const uint8_t *record, size_t len)
{
    for (size_t i = VC_TLS_HEADER; i < len && c->hello_len < sizeof(c->hello); i++)
        c->hello[c->hello_len++] = record[i];
    if (c->hello_len < sizeof(c->hello))
        return;
    size_t body = (size_t)(c->hello[1] << 16 | c->hello[2] << 8 | c->hello[3]);
    c->hello_too_large = c->hello[0] == SSL3_MT_CLIENT_HELLO && sizeof(c->hello) + body > VC_TLS_HELLO_MAX;
}

static void find_records(struct vc_tls_conn *c)
{
    for (;;) {
        const uint8_t *head = c->in + c->in_whole;
        size_t left = c->in_len - c->in_whole;
        /* a stranger is known by its first byte */
        if (c->hello_len == 0 && ((left > 0 && head[0] != VC_TLS_HANDSHAKE) || (left > 1 && head[1] != 3)))
            c->not_tls = true;
        if (left < VC_TLS_HEADER || c->not_tls)
            return;
        size_t len = record_len(head);
        if (len > VC_TLS_HEADER + RECORD_BODY_MAX) { /* OpenSSL says so to the peer */
            c->in_whole = c->in_len;
            return;
        }
        size_t before = c->hello_len;
        if (c->hello_len < sizeof(c->hello))
            look_at_hello(c, head, left < len ? left : len);
        if (left < len) {
            if (c->hello_len < sizeof(c->hello))
                c->hello_len = before; /* a part of a record: it is looked at again */
            return;
        }
        c->in_whole += len;
    }
}

size_t vc_tls_conn_room(const struct vc_tls_conn *c)
{
    if (c->failed || c->not_tls)
        return 0;
    return VC_TLS_IN_MAX - (c->in_len - c->in_at);
}

size_t vc_tls_conn_want(const struct vc_tls_conn *c)
{
    size_t left = c->in_len - c->in_whole;
    if (c->in_whole > c->in_at || vc_tls_conn_room(c) == 0)
        return 0;
    if (left < VC_TLS_HEADER)
        return VC_TLS_HEADER - left;
    return record_len(c->in + c->in_whole) - left;
}

size_t vc_tls_conn_feed(struct vc_tls_conn *c, const void *bytes, size_t len)
{
    size_t n = vc_tls_conn_room(c) < len ? vc_tls_conn_room(c) : len;
    size_t moved = c->in_at;
    if (n == 0 || !grow(&c->in, &c->in_at, &c->in_len, &c->in_cap, n))
        return 0;
    c->in_whole -= moved;
    memcpy(c->in + c->in_len, bytes, n);
    c->in_len += n;
    if (!c->up)
        c->in_total += n;
    find_records(c);
    return n;
}

const uint8_t *vc_tls_conn_out(const struct vc_tls_conn *c, size_t *len)
{
    *len = c->out_len - c->out_at;
    return c->out ? c->out + c->out_at : NULL;
}

void vc_tls_conn_sent(struct vc_tls_conn *c, size_t len)
{
    assert(len <= c->out_len - c->out_at);
    c->out_at += len;
    let_go(&c->out, &c->out_at, &c->out_len, &c->out_cap);
}

/* ---- Why it failed ---- */

static int fail_with(struct vc_tls_conn *c, struct vc_fail *fail)
{
    if (c->fail.cause == VC_CAUSE_NONE)
        (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_HANDSHAKE, 0, "this connection is not up");
    c->failed = true;
    wait_no_more(c);
    ERR_clear_error();
    if (fail)
        *fail = c->fail;
    return -1;
}

/* A fatal alert in the clear, where OpenSSL is not asked. */
static void put_alert(struct vc_tls_conn *c, uint8_t description)
{
    const uint8_t alert[] = {VC_TLS_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, description};
    if (!grow(&c->out, &c->out_at, &c->out_len, &c->out_cap, sizeof(alert)))
        return;
    memcpy(c->out + c->out_len, alert, sizeof(alert));
    c->out_len += sizeof(alert);
}

static int alert_failed(struct vc_tls_conn *c, struct vc_fail *fail)
{
    if (c->watch.alert_in == SSL_AD_CLOSE_NOTIFY)
        (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_PEER_CLOSED, 0, "close_notify");
    else
        (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_ALERT, 0, "alert %d: %s", c->watch.alert_in,
                          SSL_alert_desc_string_long(c->watch.alert_in));
    return fail_with(c, fail);
}

/* The suites that the client offers, by name: the administrator sees what would be needed. */
static void name_offer(const struct vc_tls_conn *c, char *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    for (size_t i = 0; i < c->n_offered; i++) {
        const uint8_t id[2] = {(uint8_t)(c->offered[i] >> 8), (uint8_t)c->offered[i]};
        const SSL_CIPHER *cipher = SSL_CIPHER_find(c->ssl, id);
        const char *name = cipher ? SSL_CIPHER_get_name(cipher) : NULL;
        struct vc_writer before = w;
        vc_put_text(&w, i > 0 ? " " : "");
        if (name)
            vc_put_text(&w, name);
        else
            vc_put_fmt(&w, "%04x", (unsigned)c->offered[i]);
        if (w.bad || w.left == 0) {
            w = before;
            break;
        }
    }
    (void)vc_put_end_text(&w);
}

static const char *version_name(uint16_t version)
{
    switch (version) {
    case 0x0300:
        return "SSL 3.0";
    case 0x0301:
        return "TLS 1.0";
    case 0x0302:
        return "TLS 1.1";
    case 0x0303:
        return "TLS 1.2";
    case 0x0304:
        return "TLS 1.3";
    default:
        return "an unknown version";
    }
}

static enum vc_cause cause_of_refusal(const struct vc_question *q)
{
    return q->unasked ? VC_CAUSE_SIGNER_ABSENT : VC_CAUSE_SIGNER_REFUSED;
}

static int handshake_failed(struct vc_tls_conn *c, struct vc_fail *fail)
{
    char offer[120] = "";
    unsigned long error = ERR_peek_error();
    const char *words = ERR_reason_error_string(error);
    if (c->question.state == VC_QUESTION_REFUSED) {
        (void)vc_fail_set(&c->fail, cause_of_refusal(&c->question), 0, "scheme %04x, key %u",
                          (unsigned)c->question.scheme, (unsigned)c->question.key);
        return fail_with(c, fail);
    }
    if (c->watch.alert_seen)
        return alert_failed(c, fail);
    enum vc_cause cause = VC_CAUSE_TLS_HANDSHAKE;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
        switch (ERR_GET_REASON(error)) {
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SHARED_GROUPS:
            cause = VC_CAUSE_TLS_NO_SHARED_SUITE;
            break;
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_UNKNOWN_PROTOCOL:
            cause = VC_CAUSE_TLS_VERSION;
            break;
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
            cause = c->saw_hello ? VC_CAUSE_TLS_HANDSHAKE : VC_CAUSE_TLS_NOT_TLS;
            break;
        default:
            break;
        }
    }
    if (!words)
        words = error ? "an error without a name" : "no memory";
    if (cause == VC_CAUSE_TLS_NO_SHARED_SUITE) {
        name_offer(c, offer, sizeof(offer));
        (void)vc_fail_set(&c->fail, cause, 0, "%s; offered: %s", words, offer);
    } else if (cause == VC_CAUSE_TLS_VERSION) {
        (void)vc_fail_set(&c->fail, cause, 0, "%s; offered: %s", words, version_name(c->offered_version));
    } else {
        (void)vc_fail_set(&c->fail, cause, 0, "%s", words);
    }
    return fail_with(c, fail);
}

/* ---- The handshake ---- */

/* Limits that OpenSSL does not know. */
static int check_limits(struct vc_tls_conn *c, struct vc_fail *fail)
{
    if (c->not_tls) {
        (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_NOT_TLS, 0, "the first byte is %02x",
                          (unsigned)(c->in_len > c->in_whole ? c->in[c->in_whole] : 0));
        return fail_with(c, fail);
    }
    if (c->hello_too_large) {
        put_alert(c, SSL_AD_ILLEGAL_PARAMETER);
        (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_HELLO_TOO_LARGE, 0, "%u bytes, the limit is %d",
                          4u + (unsigned)(c->hello[1] << 16 | c->hello[2] << 8 | c->hello[3]), VC_TLS_HELLO_MAX);
        return fail_with(c, fail);
    }
    if (c->in_total > VC_TLS_HANDSHAKE_MAX) {
        put_alert(c, SSL_AD_HANDSHAKE_FAILURE);
        (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_HANDSHAKE, 0, "more than %d bytes from the client",
                          VC_TLS_HANDSHAKE_MAX);
        return fail_with(c, fail);
    }
    return 0;
}

int vc_tls_conn_handshake(struct vc_tls_conn *c, struct vc_fail *fail)
{
    if (c->failed || !c->ssl)
        return fail_with(c, fail);
    if (c->up)
        return VC_TLS_STEP_DONE;
    if (check_limits(c, fail))
        return -1;
    for (;;) {
        struct vc_question *q = &c->question;
        if (q->state == VC_QUESTION_ASKED)
            return VC_TLS_STEP_SIGNER;
        ERR_clear_error();
        int rc = drive(c);
        if (rc == 1)
            break;
        switch (SSL_get_error(c->ssl, rc)) {
        case SSL_ERROR_WANT_READ:
            let_go_in(c);
            return VC_TLS_STEP_MORE;
        case SSL_ERROR_WANT_ASYNC:
            /* the callback runs here, not on the small stack of the paused job */
            assert(q->state == VC_QUESTION_WANTED); /* nothing else pauses */
            q->state = VC_QUESTION_ASKED;
            c->handshake = ++c->server->last_handshake;
            wait_for_signer(c);
            if (c->server->ask(c->server->arg, c->handshake, q->key, q->scheme, q->bytes, q->len) != 0) {
                q->state = VC_QUESTION_REFUSED;
                q->unasked = true;
            }
            continue;
        default:
            return handshake_failed(c, fail);
        }
    }
    wait_no_more(c);
    c->up = true;
    (void)SSL_clear_mode(c->ssl, SSL_MODE_ASYNC); /* nothing is signed any more: no jobs */
    return VC_TLS_STEP_DONE;
}

int vc_tls_conn_eof(const struct vc_tls_conn *c, struct vc_fail *fail)
{
    if (c->not_tls || (c->in_total == 0 && !c->saw_hello))
        return vc_fail_set(fail, c->not_tls ? VC_CAUSE_TLS_NOT_TLS : VC_CAUSE_TLS_PEER_CLOSED, 0,
                           "before a ClientHello");
    return vc_fail_set(fail, VC_CAUSE_TLS_PEER_CLOSED, 0, "in state: %s",
                       c->ssl ? SSL_state_string_long(c->ssl) : "handed over");
}

/* ---- Plaintext ---- */

static int record_failed(struct vc_tls_conn *c, struct vc_fail *fail)
{
    if (c->watch.alert_seen)
        return alert_failed(c, fail);
    const char *words = ERR_reason_error_string(ERR_peek_error());
    (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_RECORD, 0, "%s", words ? words : "no memory");
    return fail_with(c, fail);
}

int vc_tls_conn_read(struct vc_tls_conn *c, void *to, size_t cap, size_t *len, struct vc_fail *fail)
{
    *len = 0;
    if (c->failed || !c->up || !c->ssl)
        return fail_with(c, fail);
    ERR_clear_error();
    int rc = SSL_read_ex(c->ssl, to, cap, len);
    let_go_in(c);
    if (c->watch.in.key_updates > VC_TLS_KEY_UPDATES_MAX) {
        (void)vc_fail_set(&c->fail, VC_CAUSE_TLS_RECORD, 0, "more than %d KeyUpdates", VC_TLS_KEY_UPDATES_MAX);
        return fail_with(c, fail);
    }
    if (rc == 1)
        return VC_TLS_GOT_BYTES;
    switch (SSL_get_error(c->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return VC_TLS_GOT_NOTHING;
    case SSL_ERROR_ZERO_RETURN:
        return VC_TLS_GOT_CLOSE;
    default:
        return record_failed(c, fail);
    }
}

int vc_tls_conn_write(struct vc_tls_conn *c, const void *bytes, size_t len, struct vc_fail *fail)
{
    size_t written = 0;
    if (c->failed || !c->up || !c->ssl)
        return fail_with(c, fail);
    if (len == 0)
        return 0;
    ERR_clear_error();
    if (SSL_write_ex(c->ssl, bytes, len, &written) != 1 || written != len)
        return record_failed(c, fail);
    return 0;
}

void vc_tls_conn_close(struct vc_tls_conn *c)
{
    if (c->failed || !c->up || !c->ssl)
        return;
    (void)SSL_shutdown(c->ssl);
    ERR_clear_error();
}

void vc_tls_conn_facts(const struct vc_tls_conn *c, struct vc_tls_facts *out)
{
    *out = (struct vc_tls_facts){.version = ""};
    if (!c->up || !c->ssl)
        return;
    const char *name = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
    const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);
    out->suite = cipher ? vc_tls_suite(SSL_CIPHER_get_protocol_id(cipher)) : NULL;
    out->version = SSL_version(c->ssl) == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2";
    if (name)
        (void)vc_str_copy(vc_str_of(name), out->server_name, sizeof(out->server_name));
}

int vc_tls_conn_psk(struct vc_tls_conn *c, uint8_t psk[32], struct vc_fail *fail)
{
    static const char label[] = "EXPORTER-openconnect-psk";
    memset(psk, 0, 32);
    if (c->failed || !c->up || !c->ssl)
        return fail_with(c, fail);
    if (SSL_export_keying_material(c->ssl, psk, 32, label, sizeof(label) - 1, NULL, 0, 0) == 1)
        return 0;
    ERR_clear_error();
    return vc_fail_set(fail, VC_CAUSE_TLS_HANDSHAKE, 0, "no keying material can be exported");
}

/* ---- The cut ---- */

int vc_tls_cut(struct vc_tls_conn *c, struct vc_tls_cut *cut, struct vc_fail *fail)
{
    *cut = (struct vc_tls_cut){0};
    if (c->failed || !c->up || !c->ssl)
        return fail_with(c, fail);
    if (c->out_len > c->out_at)
        return vc_fail_set(fail, VC_CAUSE_TLS_HANDSHAKE, 0, "this connection cannot be handed over: unsent bytes");
    size_t pending = (size_t)SSL_pending(c->ssl);
    if (pending > 0) {
        size_t n = 0;
        cut->plain = malloc(pending);
        if (!cut->plain)
            return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "hand-over");
        if (SSL_read_ex(c->ssl, cut->plain, pending, &n) != 1 || n != pending) {
            vc_tls_cut_wipe(cut);
            return record_failed(c, fail);
        }
        cut->plain_len = n;
    }
    if (SSL_has_pending(c->ssl)) {
        vc_tls_cut_wipe(cut);
        return vc_fail_set(fail, VC_CAUSE_TLS_HANDSHAKE, 0, "this connection cannot be handed over: half a record");
    }
    if (vc_tls_watch_export(&c->watch, c->ssl, &cut->in, &cut->out, fail)) {
        vc_tls_cut_wipe(cut);
        return -1;
    }
    if (c->in_len > c->in_at) {
        (void)grow(&c->in, &c->in_at, &c->in_len, &c->in_cap, 0); /* to the front of its block */
        cut->cipher = c->in;
        cut->cipher_len = c->in_len;
        c->in = NULL;
        c->in_at = c->in_whole = c->in_len = c->in_cap = 0;
    }
    drop_ssl(c);
    vc_tls_watch_wipe(&c->watch);
    return 0;
}

void vc_tls_cut_wipe(struct vc_tls_cut *cut)
{
    if (cut->plain)
        vc_wipe(cut->plain, cut->plain_len);
    free(cut->plain);
    free(cut->cipher);
    vc_wipe(cut, sizeof(*cut));
}
