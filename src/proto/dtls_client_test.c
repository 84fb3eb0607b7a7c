#include "proto/dtls_client.h"
#include "wire/dtls_names.h"
#include "table.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define SECOND 1000000000u

static void terms_of(struct vc_dtls_terms *t, uint8_t mode, uint16_t suite)
{
    *t = (struct vc_dtls_terms){.mode = mode, .suite = suite, .id_len = 32};
    memset(t->secret, 0x11, sizeof(t->secret));
    memset(t->id, 0x22, sizeof(t->id));
}

static void begin(struct vc_dtls_client *c, const struct vc_dtls_terms *t, struct vc_dtls_out *out)
{
    uint8_t random[VC_DTLS_RANDOM];
    memset(random, 0x40, sizeof(random));
    assert_int_equal(vc_dtls_client_start(c, t, random, VC_DTLS_TRIES, 0, out, NULL), VC_DTLS_STEP_MORE);
    assert_true(out->len > 0 && !out->alert);
}

/* ------ vectors ------ */

struct flight {
    uint8_t bytes[2048];
    size_t len;
};

/** The records of one end from *@at on, until the other end speaks or data comes. */
static struct flight flight_of(const json_t *records, size_t *at, const char *from)
{
    struct flight f = {0};
    for (; *at < json_array_size(records); (*at)++) {
        const json_t *r = json_array_get(records, *at);
        size_t len;
        if (strcmp(vector_text(r, "from"), from) != 0 || strncmp(vector_text(r, "note"), "data", 4) == 0)
            break;
        uint8_t *bytes = vector_bytes(r, "record", &len);
        memcpy(f.bytes + f.len, bytes, len);
        f.len += len;
        free(bytes);
    }
    return f;
}

static void copy_of(const json_t *v, const char *key, uint8_t *to, size_t want)
{
    size_t len;
    uint8_t *bytes = vector_bytes(v, key, &len);
    assert_int_equal(len, want);
    memcpy(to, bytes, len);
    free(bytes);
}

static void one_vector(const json_t *v, const struct vc_dtls_terms *terms)
{
    const json_t *records = json_object_get(v, "records");
    uint8_t random[VC_DTLS_RANDOM];
    struct vc_dtls_client c = {0};
    struct vc_dtls_out out;
    struct vc_dtls_done done = {0};
    struct vc_fail fail;
    size_t at = 0, n = json_array_size(records);
    int step = VC_DTLS_STEP_MORE;
    copy_of(v, "client_random", random, sizeof(random));
    assert_int_equal(vc_dtls_client_start(&c, terms, random, VC_DTLS_TRIES, 0, &out, &fail), VC_DTLS_STEP_MORE);
    while (at < n) {
        struct flight want = flight_of(records, &at, "client");
        assert_int_equal(out.len, want.len);
        assert_memory_equal(out.datagram, want.bytes, want.len);
        if (step == VC_DTLS_STEP_COMPLETE)
            break;
        struct flight in = flight_of(records, &at, "server");
        step = vc_dtls_client_datagram(&c, in.bytes, in.len, 0, &out, &done, &fail);
        assert_true(step == VC_DTLS_STEP_MORE || step == VC_DTLS_STEP_COMPLETE);
        assert_int_equal(out.used, in.len);
    }
    assert_int_equal(step, VC_DTLS_STEP_COMPLETE);
    assert_int_equal(c.state, VC_DTLS_CLIENT_IDLE);
    size_t len;
    const json_t *data = json_array_get(records, at);
    uint8_t *record = vector_bytes(data, "record", &len), sealed[256], plain[128];
    size_t plain_len = strlen(vector_text(data, "plain")) / 2;
    copy_of(data, "plain", plain, plain_len);
    struct vc_writer w = vc_writer_to(sealed, sizeof(sealed));
    vc_dtls_put_sealed(&w, &done.send, NULL, VC_DTLS_DATA, plain, plain_len);
    assert_int_equal(vc_written(&w), len);
    assert_memory_equal(sealed, record, len); /* record number 1: the Finished was 0 */
    free(record);
    if (at + 1 < n) { /* the gateway's keepalive */
        struct vc_dtls_record rec;
        record = vector_bytes(json_array_get(records, at + 1), "record", &len);
        struct vc_dtls_walk walk = vc_dtls_walk_of(record, len);
        assert_true(vc_dtls_next(&walk, &rec) && vc_dtls_open_one(&done.recv, &done.window, &rec));
        assert_true(rec.len == 1 && rec.body[0] == 7);
        free(record);
    }
}

static void test_vectors(void **state)
{
    const json_t *all = json_object_get(vectors(), "dtls_resumptions"), *v;
    const json_t *psk = json_object_get(vectors(), "dtls_psk");
    struct vc_dtls_terms t = {.mode = VC_DTLS_MODE_RESUME, .id_len = 32};
    unsigned done = 0;
    size_t i, len;
    (void)state;
    json_array_foreach(all, i, v)
    {
        if (strcmp(vector_text(v, "version"), "fefd") != 0)
            continue; /* 0100 is not built */
        uint8_t *code = vector_bytes(v, "code", &len);
        t.suite = (uint16_t)(code[0] << 8 | code[1]);
        free(code);
        copy_of(v, "master_secret", t.secret, sizeof(t.secret));
        copy_of(v, "session_id", t.id, sizeof(t.id));
        one_vector(v, &t);
        done++;
    }
    assert_int_equal(done, 3);
    t = (struct vc_dtls_terms){.mode = VC_DTLS_MODE_PSK, .id_len = 32};
    copy_of(psk, "psk", t.secret, VC_DTLS_PSK_LEN);
    for (i = 0; i < 32; i++)
        t.id[i] = (uint8_t)(0xa0 + i);
    one_vector(psk, &t);
}

/* ------ the machine ------ */

static void test_start_refuses(void **state)
{
    struct vc_dtls_client c;
    struct vc_dtls_terms t;
    struct vc_dtls_out out;
    struct vc_fail fail;
    uint8_t random[VC_DTLS_RANDOM] = {1};
    (void)state;
    terms_of(&t, VC_DTLS_MODE_RESUME, 0x002f); /* CBC */
    assert_int_equal(vc_dtls_client_start(&c, &t, random, 5, 0, &out, &fail), -1);
    assert_int_equal(fail.cause, VC_CAUSE_DTLS_NOT_OFFERED);
    terms_of(&t, VC_DTLS_MODE_NONE, 0);
    assert_int_equal(vc_dtls_client_start(&c, &t, random, 5, 0, &out, &fail), -1);
    terms_of(&t, VC_DTLS_MODE_PSK, 0);
    t.id_len = 0;
    assert_int_equal(vc_dtls_client_start(&c, &t, random, 5, 0, &out, &fail), -1);
    assert_true(vc_dtls_client_due(&c) == UINT64_MAX && out.len == 0);
}

static void test_schedule(void **state)
{
    static const unsigned due_s[] = {1, 3, 7, 15, 31};
    struct vc_dtls_client c;
    struct vc_dtls_terms t;
    struct vc_dtls_out out;
    struct vc_fail fail;
    uint8_t random[VC_DTLS_RANDOM] = {1}, first[VC_DTLS_FLIGHT_MAX];
    uint64_t start = 1000;
    (void)state;
    terms_of(&t, VC_DTLS_MODE_RESUME, 0x009c);
    for (unsigned tries = VC_DTLS_TRIES_QUIET; tries <= VC_DTLS_TRIES; tries += 2) {
        assert_int_equal(vc_dtls_client_start(&c, &t, random, tries, start, &out, &fail), 0);
        memcpy(first, out.datagram, out.len);
        for (unsigned i = 0; i < tries; i++) {
            uint64_t due = start + due_s[i] * (uint64_t)SECOND;
            assert_true(vc_dtls_client_due(&c) == due);
            assert_int_equal(vc_dtls_client_tick(&c, due - 1, &out, &fail), VC_DTLS_STEP_MORE);
            assert_int_equal(out.len, 0);
            int step = vc_dtls_client_tick(&c, due, &out, &fail);
            assert_int_equal(step, i + 1 < tries ? VC_DTLS_STEP_MORE : -1);
            if (step < 0)
                break;
            first[10] = (uint8_t)(i + 1); /* a new record number; all else stays */
            assert_memory_equal(out.datagram, first, out.len);
        }
        assert_int_equal(fail.cause, VC_CAUSE_DTLS_UNANSWERED);
        assert_true(vc_dtls_client_due(&c) == UINT64_MAX && out.len == 0);
    }
}

#define RECORD(n, len) "\x16\xfe\xfd\0\0\0\0\0\0\0" n "\0" len
#define VERIFY(n, cookie) RECORD(n, "\x13") "\3\0\0\7\0" n "\0\0\0\0\0\7\xfe\xff\4" cookie

static void test_hello_verify(void **state)
{
    const struct {
        const char *name;
        struct bytes in;
        int message_seq; /* of the hello that answers; -1: none */
    } steps[] = {
        {"the first", BYTES(VERIFY("\0", "abcd")), 1},
        {"the same again", BYTES(VERIFY("\0", "abcd")), -1},
        {"ahead of us", BYTES(VERIFY("\2", "wxyz")), -1},
        {"empty", BYTES(RECORD("\1", "\x0f") "\3\0\0\3\0\1\0\0\0\0\0\3\xfe\xff\0"), -1},
        {"malformed", BYTES(RECORD("\1", "\x10") "\3\0\0\4\0\1\0\0\0\0\0\4\xfe\xff\2a"), -1},
        {"the second", BYTES(VERIFY("\1", "efgh")), 2},
        {"a third", BYTES(VERIFY("\2", "ijkl")), -1},
    };
    struct vc_dtls_client c;
    struct vc_dtls_terms t;
    struct vc_dtls_out out;
    struct vc_dtls_done done;
    struct vc_fail fail;
    (void)state;
    terms_of(&t, VC_DTLS_MODE_PSK, 0);
    begin(&c, &t, &out);
    unsigned sent = 1;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint8_t *in = exact(steps[i].in.at, steps[i].in.len);
        assert_case(steps[i].name, vc_dtls_client_datagram(&c, in, steps[i].in.len, 1, &out, &done, &fail) == 0);
        assert_case(steps[i].name, (out.len > 0) == (steps[i].message_seq >= 0));
        if (out.len > 0) {
            assert_case(steps[i].name, out.datagram[18] == steps[i].message_seq && out.datagram[10] == sent);
            assert_case(steps[i].name, memcmp(out.datagram + 92, in + 27, 5) == 0); /* the cookie with its length */
            sent++;
        }
        free(in);
    }
    assert_true(vc_dtls_client_due(&c) == SECOND); /* the schedule is the first hello's */
}

#define R32 "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"
#define ID32                                                                                                           \
    "\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22"                                                 \
    "\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22\x22"
#define HELLO(len, rest) "\2\0\0" len "\0\0\0\0\0\0\0" len rest

static void test_answers(void **state)
{
    enum { GOES_ON, IGNORED, ENDS };
    const struct {
        const char *name;
        uint8_t mode;
        struct bytes in; /* a handshake fragment */
        int want;
        int alert;
    } cases[] = {
        {"resumed", VC_DTLS_MODE_RESUME, BYTES(HELLO("\x46", "\xfe\xfd" R32 "\x20" ID32 "\0\x9c\0")), GOES_ON, 0},
        {"with extensions", VC_DTLS_MODE_RESUME,
         BYTES(HELLO("\x4d", "\xfe\xfd" R32 "\x20" ID32 "\0\x9c\0\0\5\xff\1\0\1\0")), GOES_ON, 0},
        {"full handshake", VC_DTLS_MODE_RESUME, BYTES(HELLO("\x26", "\xfe\xfd" R32 "\0\0\x9c\0")), ENDS, 40},
        {"another suite", VC_DTLS_MODE_RESUME, BYTES(HELLO("\x46", "\xfe\xfd" R32 "\x20" ID32 "\0\x9d\0")), ENDS, 47},
        {"version FEFF", VC_DTLS_MODE_RESUME, BYTES(HELLO("\x46", "\xfe\xff" R32 "\x20" ID32 "\0\x9c\0")), ENDS, 47},
        {"compression", VC_DTLS_MODE_RESUME, BYTES(HELLO("\x46", "\xfe\xfd" R32 "\x20" ID32 "\0\x9c\1")), ENDS, 47},
        {"malformed", VC_DTLS_MODE_RESUME, BYTES(HELLO("\x47", "\xfe\xfd" R32 "\x20" ID32 "\0\x9c\0x")), ENDS, 47},
        {"message_seq 1", VC_DTLS_MODE_RESUME, BYTES("\2\0\0\x46\0\1\0\0\0\0\0\x46\xfe\xfd" R32 "\x20" ID32 "\0\x9c\0"),
         IGNORED, 0},
        {"a fragment", VC_DTLS_MODE_RESUME, BYTES("\2\0\0\x46\0\0\0\0\0\0\0\2\xfe\xfd"), IGNORED, 0},
        {"ServerHelloDone in resumption", VC_DTLS_MODE_RESUME, BYTES("\x0e\0\0\0\0\1\0\0\0\0\0\0"), IGNORED, 0},
        {"PSK", VC_DTLS_MODE_PSK, BYTES(HELLO("\x26", "\xfe\xfd" R32 "\0\0\xa8\0")), GOES_ON, 0},
        {"PSK, both in one record", VC_DTLS_MODE_PSK,
         BYTES(HELLO("\x26", "\xfe\xfd" R32 "\0\0\xa8\0") "\x0e\0\0\0\0\1\0\0\0\0\0\0"), GOES_ON, 0},
        {"PSK resumed", VC_DTLS_MODE_PSK, BYTES(HELLO("\x46", "\xfe\xfd" R32 "\x20" ID32 "\0\xa8\0")), ENDS, 47},
        {"PSK answered with GCM alone", VC_DTLS_MODE_PSK, BYTES(HELLO("\x26", "\xfe\xfd" R32 "\0\0\x9c\0")), ENDS, 47},
        {"PSK with a key exchange", VC_DTLS_MODE_PSK,
         BYTES(HELLO("\x26", "\xfe\xfd" R32 "\0\0\xa8\0") "\x0c\0\0\2\0\1\0\0\0\0\0\2\0\0"), ENDS, 40},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_dtls_client c;
        struct vc_dtls_terms t;
        struct vc_dtls_out out;
        struct vc_dtls_done done;
        struct vc_fail fail = {0};
        uint8_t in[256];
        struct vc_writer w = vc_writer_to(in, sizeof(in));
        terms_of(&t, cases[i].mode, 0x009c);
        begin(&c, &t, &out);
        vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, 0, cases[i].in.at, cases[i].in.len);
        int step = vc_dtls_client_datagram(&c, in, vc_written(&w), 1, &out, &done, &fail);
        assert_case(cases[i].name, step == (cases[i].want == ENDS ? -1 : VC_DTLS_STEP_MORE));
        bool waits = c.state == VC_DTLS_CLIENT_WAITS_FINISHED || c.server_hello_len > 0;
        assert_case(cases[i].name, waits == (cases[i].want == GOES_ON));
        assert_case(cases[i].name, out.alert == (cases[i].alert > 0));
        if (step < 0) {
            assert_case(cases[i].name, fail.cause == VC_CAUSE_DTLS_HANDSHAKE);
            assert_case(cases[i].name, out.len == 15 && out.datagram[0] == 21 && out.datagram[14] == cases[i].alert);
        }
    }
}

/** PSK: the second flight goes out when both messages are there, in either order; and again when asked or by its timer.
 */
static void test_second_flight(void **state)
{
    static const struct {
        const char *frag;
        size_t len;
    } parts[] = {{HELLO("\x26", "\xfe\xfd" R32 "\0\0\xa9\0"), 12 + 38}, {"\x0e\0\0\0\0\1\0\0\0\0\0\0", 12}};
    (void)state;
    for (unsigned swap = 0; swap < 2; swap++) {
        struct vc_dtls_client c;
        struct vc_dtls_terms t;
        struct vc_dtls_out out;
        struct vc_dtls_done done;
        struct vc_fail fail;
        uint8_t in[2][128];
        size_t len[2];
        terms_of(&t, VC_DTLS_MODE_PSK, 0);
        begin(&c, &t, &out);
        for (unsigned i = 0; i < 2; i++) {
            struct vc_writer w = vc_writer_to(in[i], sizeof(in[i]));
            vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, i, parts[i].frag, parts[i].len);
            len[i] = vc_written(&w);
        }
        assert_int_equal(vc_dtls_client_datagram(&c, in[swap], len[swap], 1, &out, &done, &fail), 0);
        assert_int_equal(out.len, 0);
        assert_int_equal(vc_dtls_client_datagram(&c, in[!swap], len[!swap], 2, &out, &done, &fail), 0);
        size_t flight = out.len;
        assert_int_equal(flight, 13 + 12 + 5 + 14 + 13 + 8 + 24 + 16);
        assert_int_equal(vc_dtls_client_datagram(&c, in[0], len[0], 3, &out, &done, &fail), 0);
        assert_int_equal(out.len, 0); /* a ServerHello alone asks for nothing */
        assert_int_equal(vc_dtls_client_datagram(&c, in[1], len[1], 3, &out, &done, &fail), 0);
        assert_int_equal(out.len, flight);
        assert_int_equal(out.datagram[10], 3);           /* records 1 and 2 were the first time */
        assert_int_equal(out.datagram[30 + 14 + 10], 1); /* epoch 1, the second */
        for (unsigned k = 0; k < 5; k++) {               /* 1, 2, 4, 8, 16 s after it: the last one is cut at 31 s */
            uint64_t due = vc_dtls_client_due(&c);
            assert_true(due == (k < 4 ? 2 + ((1u << (k + 1)) - 1) * (uint64_t)SECOND : 31 * (uint64_t)SECOND));
            assert_int_equal(vc_dtls_client_tick(&c, due, &out, &fail), k < 4 ? VC_DTLS_STEP_MORE : -1);
            assert_int_equal(out.len, k < 4 ? flight : 0);
        }
        assert_int_equal(fail.cause, VC_CAUSE_DTLS_HANDSHAKE);
    }
}

/* ------ OpenSSL's server ------ */

static unsigned psk_server(SSL *ssl, const char *identity, unsigned char *psk, unsigned psk_max)
{
    (void)ssl;
    assert_string_equal(identity, "psk");
    assert_true(psk_max >= VC_DTLS_PSK_LEN);
    memset(psk, 0x11, VC_DTLS_PSK_LEN);
    return VC_DTLS_PSK_LEN;
}

static int cookie_make(SSL *ssl, unsigned char *cookie, unsigned *len)
{
    (void)ssl;
    memset(cookie, 0x55, 32);
    *len = 32;
    return 1;
}

static int cookie_check(SSL *ssl, const unsigned char *cookie, unsigned len)
{
    (void)ssl;
    return len == 32 && cookie[0] == 0x55 && cookie[31] == 0x55;
}

static void openssl_server(const char *name, const struct vc_dtls_terms *t, uint16_t code, uint64_t options)
{
    uint8_t in[4096], id[2] = {(uint8_t)(code >> 8), (uint8_t)code}, master[VC_DTLS_MASTER];
    struct vc_dtls_client c = {0};
    struct vc_dtls_done done;
    struct vc_dtls_out out;
    struct vc_fail fail = {0};
    int step = VC_DTLS_STEP_MORE, r = 0, n;
    bool psk = t->mode == VC_DTLS_MODE_PSK;

    SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
    assert_non_null(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | options);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(ctx, psk ? "PSK:@SECLEVEL=0" : "ALL:PSK:@SECLEVEL=0"), 1);
    SSL_CTX_set_psk_server_callback(ctx, psk_server);
    SSL_CTX_set_cookie_generate_cb(ctx, cookie_make);
    SSL_CTX_set_cookie_verify_cb(ctx, cookie_check);
    assert_int_equal(SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"varco", 5), 1);
    SSL *ssl = SSL_new(ctx);
    BIO *from = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
    assert_true(ssl && from && to);
    BIO_set_mem_eof_return(from, -1);
    SSL_set_bio(ssl, from, to);
    SSL_set_accept_state(ssl);
    (void)SSL_set_mtu(ssl, 1400);

    SSL_SESSION *session = SSL_SESSION_new();
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, id);
    assert_case(name, session && cipher);
    memset(master, 0x11, sizeof(master));
    assert_int_equal(SSL_SESSION_set1_master_key(session, master, sizeof(master)), 1);
    assert_int_equal(SSL_SESSION_set1_id(session, t->id, t->id_len), 1);
    assert_int_equal(SSL_SESSION_set1_id_context(session, (const uint8_t *)"varco", 5), 1);
    assert_int_equal(SSL_SESSION_set_cipher(session, cipher), 1);
    assert_int_equal(SSL_SESSION_set_protocol_version(session, DTLS1_2_VERSION), 1);
    if (!psk)
        assert_int_equal(SSL_CTX_add_session(ctx, session), 1);

    begin(&c, t, &out);
    for (unsigned turn = 0; turn < 8 && (step != VC_DTLS_STEP_COMPLETE || r != 1); turn++) {
        assert_int_equal(BIO_write(from, out.datagram, (int)out.len), (int)out.len);
        r = SSL_do_handshake(ssl);
        assert_case(name, r == 1 || SSL_get_error(ssl, r) == SSL_ERROR_WANT_READ);
        out.len = 0;
        n = BIO_read(to, in, sizeof(in));
        if (n <= 0)
            continue;
        step = vc_dtls_client_datagram(&c, in, (size_t)n, 1, &out, &done, &fail);
        assert_case(name, step >= 0);
    }
    assert_case(name, step == VC_DTLS_STEP_COMPLETE && r == 1);
    assert_case(name, SSL_session_reused(ssl) == !psk);
    assert_case(name, SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)) == done.suite);
    assert_case(name, done.ems == (psk && !(options & SSL_OP_NO_EXTENDED_MASTER_SECRET)));

    /* data both ways */
    struct vc_dtls_record rec;
    struct vc_writer w = vc_writer_to(out.datagram, sizeof(out.datagram));
    assert_int_equal(SSL_write(ssl, "\7", 1), 1);
    n = BIO_read(to, in, sizeof(in));
    struct vc_dtls_walk walk = vc_dtls_walk_of(in, n > 0 ? (size_t)n : 0);
    assert_case(name, vc_dtls_next(&walk, &rec) && vc_dtls_open_one(&done.recv, &done.window, &rec));
    assert_case(name, rec.type == VC_DTLS_DATA && rec.len == 1 && rec.body[0] == 7);
    vc_dtls_put_sealed(&w, &done.send, NULL, VC_DTLS_DATA, "varco", 5);
    assert_int_equal(BIO_write(from, out.datagram, (int)vc_written(&w)), (int)vc_written(&w));
    assert_case(name, SSL_read(ssl, in, sizeof(in)) == 5 && memcmp(in, "varco", 5) == 0);

    SSL_SESSION_free(session);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void test_openssl_server(void **state)
{
    struct vc_dtls_terms t;
    (void)state;
    for (size_t i = 0; vc_dtls_name_at(i); i++) {
        const struct vc_dtls_name *n = vc_dtls_name_at(i);
        if (n->aead == VC_AEAD_NONE)
            continue;
        for (unsigned k = 0; k < 4; k++) {
            bool psk = n->kind == VC_DTLS_CLASS_PSK;
            terms_of(&t, psk ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME, psk ? 0 : n->code);
            t.aead = psk ? n->aead : VC_AEAD_NONE;
            openssl_server(n->name, &t, n->code,
                           (k & 1 ? SSL_OP_NO_EXTENDED_MASTER_SECRET : 0) | (k & 2 ? SSL_OP_COOKIE_EXCHANGE : 0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_start_refuses),
        cmocka_unit_test(test_schedule),       cmocka_unit_test(test_hello_verify),
        cmocka_unit_test(test_answers),        cmocka_unit_test(test_second_flight),
        cmocka_unit_test(test_openssl_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
