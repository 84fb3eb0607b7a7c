#include "proto/dtls_gateway.h"
#include "proto/dtls_client.h"
#include "wire/dtls_names.h"
#include "table.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define MS 1000000u

static const struct vc_endpoint here = {.ip = {.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 1}}, .port = 4000};
static const struct vc_dtls_view no_id = {0};

static void terms_of(struct vc_dtls_terms *t, uint8_t mode, uint16_t suite)
{
    *t = (struct vc_dtls_terms){.mode = mode, .suite = suite, .id_len = 32};
    memset(t->secret, 0x11, sizeof(t->secret));
    memset(t->id, 0x22, sizeof(t->id));
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

static void check_dir(const json_t *v, const char *key, const char *iv, const struct vc_dtls_dir *d, uint64_t seq)
{
    size_t key_len, iv_len;
    uint8_t *k = vector_bytes(v, key, &key_len), *i = vector_bytes(v, iv, &iv_len);
    assert_memory_equal(d->key, k, key_len);
    assert_memory_equal(d->iv, i, iv_len);
    assert_int_equal(d->seq, seq);
    free(k);
    free(i);
}

static void one_vector(const json_t *v, const struct vc_dtls_terms *terms, struct vc_dtls_view fresh)
{
    const json_t *records = json_object_get(v, "records");
    uint8_t random[VC_DTLS_RANDOM];
    struct vc_dtls_gateway g = {0};
    struct vc_dtls_peek p;
    struct vc_dtls_out out;
    struct vc_dtls_done done;
    struct vc_fail fail;
    size_t at = 0;
    bool psk = terms->mode == VC_DTLS_MODE_PSK;
    copy_of(v, "server_random", random, sizeof(random));
    struct flight in = flight_of(records, &at, "client");
    if (json_is_true(json_object_get(v, "hello_verify"))) {
        (void)flight_of(records, &at, "server");
        in = flight_of(records, &at, "client");
    }
    assert_int_equal(vc_dtls_peek(in.bytes, in.len, &p), VC_DTLS_KIND_HELLO);
    assert_int_equal(vc_dtls_gateway_start(&g, terms, &p, random, fresh, 0, &out, &fail), VC_DTLS_STEP_MORE);
    struct flight want = flight_of(records, &at, "server");
    assert_int_equal(out.len, want.len);
    assert_memory_equal(out.datagram, want.bytes, want.len);
    in = flight_of(records, &at, "client");
    assert_int_equal(vc_dtls_gateway_datagram(&g, in.bytes, in.len, &out, &done, &fail), VC_DTLS_STEP_COMPLETE);
    assert_int_equal(out.used, in.len);
    want = psk ? flight_of(records, &at, "server") : (struct flight){0};
    assert_int_equal(out.len, want.len);
    assert_memory_equal(out.datagram, want.bytes, want.len);
    check_dir(v, "client_key", "client_iv", &done.recv, 1);
    check_dir(v, "server_key", "server_iv", &done.send, 1);
    assert_int_equal(g.state, VC_DTLS_GATEWAY_IDLE);

    size_t len, plain_len;
    const json_t *data = json_array_get(records, at);
    uint8_t *record = vector_bytes(data, "record", &len), *plain = vector_bytes(data, "plain", &plain_len);
    struct vc_dtls_walk walk = vc_dtls_walk_of(record, len);
    struct vc_dtls_record rec;
    assert_true(vc_dtls_next(&walk, &rec) && vc_dtls_open_one(&done.recv, &done.window, &rec));
    assert_int_equal(rec.len, plain_len);
    assert_memory_equal(rec.body, plain, plain_len);
    free(record);
    free(plain);
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
        one_vector(v, &t, no_id);
        done++;
    }
    assert_int_equal(done, 3);

    uint8_t fresh[32];
    t = (struct vc_dtls_terms){.mode = VC_DTLS_MODE_PSK, .id_len = 32};
    copy_of(psk, "psk", t.secret, VC_DTLS_PSK_LEN);
    for (i = 0; i < 32; i++)
        fresh[i] = (uint8_t)(0xe0 + i);
    one_vector(psk, &t, (struct vc_dtls_view){fresh, 32});
}

/* ------ peek, cookie ------ */

/** A hello as a datagram: what our client sends, changed by hand. */
static size_t hello_of(const struct vc_dtls_terms *t, uint8_t out[VC_DTLS_FLIGHT_MAX], uint8_t first)
{
    struct vc_dtls_client c;
    struct vc_dtls_out o;
    uint8_t random[VC_DTLS_RANDOM];
    memset(random, first, sizeof(random));
    assert_int_equal(vc_dtls_client_start(&c, t, random, VC_DTLS_TRIES, 0, &o, NULL), 0);
    memcpy(out, o.datagram, o.len);
    return o.len;
}

static void test_peek(void **state)
{
    // clang-format off
    static const struct {
        const char *name;
        int at[4], to[4]; /* bytes that are changed */
        enum vc_dtls_kind want;
    } cases[] = {
        {"as it is",                    {0, 0, 0, 0},    {22, 22, 22, 22},  VC_DTLS_KIND_HELLO},
        {"record version FEFF",         {2, 2, 2, 2},    {0xff, 0xff, 0xff, 0xff}, VC_DTLS_KIND_HELLO},
        {"record version 0100",         {1, 2, 2, 2},    {1, 0, 0, 0},      VC_DTLS_KIND_NOTHING},
        {"version FEFF inside",         {26, 26, 26, 26}, {0xff, 0xff, 0xff, 0xff}, VC_DTLS_KIND_NOTHING},
        {"version 0100 inside",         {25, 26, 26, 26}, {1, 0, 0, 0},     VC_DTLS_KIND_NOTHING},
        {"epoch 1",                     {4, 4, 4, 4},    {1, 1, 1, 1},      VC_DTLS_KIND_SEALED},
        {"epoch 2",                     {4, 4, 4, 4},    {2, 2, 2, 2},      VC_DTLS_KIND_NOTHING},
        {"alert",                       {0, 0, 0, 0},    {21, 21, 21, 21},  VC_DTLS_KIND_OTHER},
        {"strange type",                {0, 0, 0, 0},    {24, 24, 24, 24},  VC_DTLS_KIND_NOTHING},
        {"another message",             {13, 13, 13, 13}, {16, 16, 16, 16}, VC_DTLS_KIND_OTHER},
        {"message_seq 3",               {18, 18, 18, 18}, {3, 3, 3, 3},     VC_DTLS_KIND_HELLO},
        {"message_seq 4",               {18, 18, 18, 18}, {4, 4, 4, 4},     VC_DTLS_KIND_NOTHING},
        {"message_seq 256",             {17, 17, 17, 17}, {1, 1, 1, 1},     VC_DTLS_KIND_NOTHING},
        {"a fragment",                  {16, 16, 16, 16}, {0xff, 0xff, 0xff, 0xff}, VC_DTLS_KIND_NOTHING},
        {"fragment offset",             {21, 21, 21, 21}, {1, 1, 1, 1},     VC_DTLS_KIND_NOTHING},
        {"record number 2^47",          {5, 5, 5, 5},    {0x80, 0x80, 0x80, 0x80}, VC_DTLS_KIND_NOTHING},
        {"session id of 33",            {59, 59, 59, 59}, {33, 33, 33, 33}, VC_DTLS_KIND_NOTHING},
    };
    // clang-format on
    struct vc_dtls_terms t;
    struct vc_dtls_peek p;
    uint8_t hello[VC_DTLS_FLIGHT_MAX];
    (void)state;
    terms_of(&t, VC_DTLS_MODE_RESUME, 0x009c);
    size_t len = hello_of(&t, hello, 0x40);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *in = exact(hello, len);
        for (size_t k = 0; k < 4; k++)
            in[cases[i].at[k]] = (uint8_t)cases[i].to[k];
        assert_case(cases[i].name, vc_dtls_peek(in, len, &p) == cases[i].want);
        if (cases[i].want == VC_DTLS_KIND_HELLO)
            assert_case(cases[i].name, p.id.len == 32 && p.id.at[0] == 0x22 && p.len == len && p.hello.cookie.len == 0);
        free(in);
    }
    for (size_t n = 0; n < len; n++) {
        uint8_t *in = exact(hello, n);
        assert_int_equal(vc_dtls_peek(in, n, &p), VC_DTLS_KIND_NOTHING);
        free(in);
    }
    memset(hello + 27, 0, VC_DTLS_RANDOM);
    assert_int_equal(vc_dtls_peek(hello, len, &p), VC_DTLS_KIND_NOTHING);
}

static void test_peek_app_id(void **state)
{
    uint8_t random[VC_DTLS_RANDOM] = {1}, in[256], message[256];
    static const uint8_t app[] = "\xbb\x92\0\4\3abc";
    struct vc_dtls_peek p;
    (void)state;
    for (unsigned with = 0; with < 4; with++) { /* bit 0: session id, bit 1: extension */
        struct vc_writer m = vc_writer_to(message, sizeof(message)), w = vc_writer_to(in, sizeof(in));
        size_t where = vc_dtls_message_begin(&m, VC_DTLS_CLIENT_HELLO, 0);
        vc_dtls_client_hello_put(&m, &(struct vc_dtls_client_hello){
                                         .version = VC_DTLS_1_2,
                                         .random = random,
                                         .session_id = {(const uint8_t *)"sid", with & 1 ? 3 : 0},
                                         .suites = {(const uint8_t *)"\0\xa9", 2},
                                         .compressions = {(const uint8_t *)"", 1},
                                         .extensions = {app, sizeof(app) - 1},
                                         .has_extensions = with & 2,
                                     });
        vc_dtls_message_end(&m, where);
        vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, 0, message, vc_written(&m));
        assert_int_equal(vc_dtls_peek(in, vc_written(&w), &p), with == 0 ? VC_DTLS_KIND_NOTHING : VC_DTLS_KIND_HELLO);
        if (with > 0) {
            assert_int_equal(p.id.len, 3);
            assert_memory_equal(p.id.at, with & 2 ? "abc" : "sid", 3); /* the extension first */
        }
    }
}

static void test_cookie(void **state)
{
    static const uint8_t key[VC_DTLS_COOKIE_KEY] = {7}, old[VC_DTLS_COOKIE_KEY] = {8};
    uint8_t first[VC_DTLS_FLIGHT_MAX], verify[VC_DTLS_HELLO_VERIFY_LEN], random[VC_DTLS_RANDOM];
    struct vc_dtls_terms t;
    struct vc_dtls_peek p;
    struct vc_dtls_client c;
    struct vc_dtls_out out;
    struct vc_dtls_done done;
    struct vc_endpoint other = here;
    (void)state;
    terms_of(&t, VC_DTLS_MODE_RESUME, 0x009c);
    size_t len = hello_of(&t, first, 0x40);
    assert_int_equal(vc_dtls_peek(first, len, &p), VC_DTLS_KIND_HELLO);
    assert_false(vc_dtls_cookie_right(key, &here, &p));
    assert_int_equal(vc_dtls_hello_verify(key, &here, &p, verify), VC_DTLS_HELLO_VERIFY_LEN);
    assert_memory_equal(verify, "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x23\3\0\0\x17\0\0\0\0\0\0\0\x17\xfe\xfd\x14", 28);
    p.len = VC_DTLS_HELLO_VERIFY_LEN - 1; /* never more than came */
    assert_int_equal(vc_dtls_hello_verify(key, &here, &p, verify), 0);

    memset(random, 0x40, sizeof(random));
    assert_int_equal(vc_dtls_client_start(&c, &t, random, VC_DTLS_TRIES, 0, &out, NULL), 0);
    assert_int_equal(vc_dtls_client_datagram(&c, verify, sizeof(verify), 1, &out, &done, NULL), VC_DTLS_STEP_MORE);
    assert_int_equal(vc_dtls_peek(out.datagram, out.len, &p), VC_DTLS_KIND_HELLO);
    assert_int_equal(p.message.seq, 1);
    assert_int_equal(p.record_seq, 1);
    assert_true(vc_dtls_cookie_right(key, &here, &p));
    assert_false(vc_dtls_cookie_right(old, &here, &p));
    other.port++;
    assert_false(vc_dtls_cookie_right(key, &other, &p));
    other = here;
    other.ip.bytes[3]++;
    assert_false(vc_dtls_cookie_right(key, &other, &p));
    for (size_t i = 0; i < out.len; i++) { /* random, session id, the cookie itself */
        bool covered = (i >= 27 && i < 59) || (i >= 60 && i < 92) || (i >= 93 && i < 113);
        out.datagram[i] ^= 1;
        if (covered)
            assert_true(vc_dtls_peek(out.datagram, out.len, &p) != VC_DTLS_KIND_HELLO ||
                        !vc_dtls_cookie_right(key, &here, &p));
        out.datagram[i] ^= 1;
    }
    /* the flight behind a cookie: message_seq 1, record 1 */
    struct vc_dtls_gateway g = {0};
    struct vc_dtls_out flight;
    assert_int_equal(vc_dtls_peek(out.datagram, out.len, &p), VC_DTLS_KIND_HELLO);
    assert_int_equal(vc_dtls_gateway_start(&g, &t, &p, random, no_id, 0, &flight, NULL), VC_DTLS_STEP_MORE);
    assert_memory_equal(flight.datagram, "\x16\xfe\xfd\0\0\0\0\0\0\0\1\0\x52\2\0\0\x46\0\1", 19);
}

/* ------ the machine ------ */

struct pair {
    struct vc_dtls_terms terms;
    struct vc_dtls_client c;
    struct vc_dtls_gateway g;
    struct vc_dtls_out to_gateway, to_client;
    struct vc_dtls_done c_done, g_done;
    struct vc_fail fail;
};

/** Both machines, with the gateway's first flight in to_client. */
static void begin(struct pair *p, uint8_t mode, uint16_t suite)
{
    struct vc_dtls_peek peek;
    uint8_t random[VC_DTLS_RANDOM];
    memset(p, 0, sizeof(*p));
    terms_of(&p->terms, mode, suite);
    memset(random, 0x40, sizeof(random));
    assert_int_equal(vc_dtls_client_start(&p->c, &p->terms, random, VC_DTLS_TRIES, 0, &p->to_gateway, &p->fail), 0);
    assert_int_equal(vc_dtls_peek(p->to_gateway.datagram, p->to_gateway.len, &peek), VC_DTLS_KIND_HELLO);
    memset(random, 0x80, sizeof(random));
    assert_int_equal(vc_dtls_gateway_start(&p->g, &p->terms, &peek, random, no_id, 0, &p->to_client, &p->fail), 0);
}

static int client_takes(struct pair *p)
{
    return vc_dtls_client_datagram(&p->c, p->to_client.datagram, p->to_client.len, 0, &p->to_gateway, &p->c_done,
                                   &p->fail);
}

static int gateway_takes(struct pair *p, uint8_t *bytes, size_t len)
{
    return vc_dtls_gateway_datagram(&p->g, bytes, len, &p->to_client, &p->g_done, &p->fail);
}

static void test_start_refuses(void **state)
{
    // clang-format off
    const struct {
        const char *name;
        uint8_t mode;
        uint16_t suite;
        struct bytes suites, compressions;
        uint8_t id; /* first byte of the session id */
        int alert;  /* 0: none */
    } cases[] = {
        {"agreed suite is not offered", VC_DTLS_MODE_RESUME, 0x009d, BYTES("\0\x9c"),         BYTES("\0"), 0x22, 40},
        {"no PSK suite of ours",        VC_DTLS_MODE_PSK,    0,      BYTES("\0\x9c\0\xae"),   BYTES("\0"), 0x22, 40},
        {"PSK in resumption's code",    VC_DTLS_MODE_PSK,    0,      BYTES("\xc0\x30"),       BYTES("\0"), 0x22, 40},
        {"no null compression",         VC_DTLS_MODE_RESUME, 0x009c, BYTES("\0\x9c"),         BYTES("\1"), 0x22, 47},
        {"another session id",          VC_DTLS_MODE_RESUME, 0x009c, BYTES("\0\x9c"),         BYTES("\0"), 0x23, 40},
        {"no DTLS agreed",              VC_DTLS_MODE_NONE,   0,      BYTES("\0\x9c"),         BYTES("\0"), 0x22, 0},
        {"good",                        VC_DTLS_MODE_RESUME, 0x009c, BYTES("\0\x9d\0\x9c"),   BYTES("\1\0"), 0x22, -1},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_dtls_terms t;
        struct vc_dtls_gateway g = {0};
        struct vc_dtls_out out;
        struct vc_fail fail = {0};
        uint8_t random[VC_DTLS_RANDOM] = {1}, id[32];
        terms_of(&t, cases[i].mode, cases[i].suite);
        memset(id, 0x22, sizeof(id));
        id[0] = cases[i].id;
        struct vc_dtls_peek p = {
            .hello = {.version = VC_DTLS_1_2,
                      .random = random,
                      .session_id = {id, 32},
                      .suites = {cases[i].suites.at, cases[i].suites.len},
                      .compressions = {cases[i].compressions.at, cases[i].compressions.len},
                      .null_compression = memchr(cases[i].compressions.at, 0, cases[i].compressions.len) != NULL},
            .message = {.raw = id, .raw_len = sizeof(id)}};
        int r = vc_dtls_gateway_start(&g, &t, &p, random, no_id, 0, &out, &fail);
        assert_case(cases[i].name, r == (cases[i].alert < 0 ? 0 : -1));
        assert_case(cases[i].name, (g.state == VC_DTLS_GATEWAY_IDLE) == (r < 0));
        assert_case(cases[i].name, r == 0 || fail.cause == VC_CAUSE_DTLS_HANDSHAKE);
        assert_case(cases[i].name, out.alert == (cases[i].alert > 0));
        if (cases[i].alert > 0)
            assert_case(cases[i].name, out.len == 15 && out.datagram[0] == 21 && out.datagram[13] == 2 &&
                                           out.datagram[14] == cases[i].alert);
    }
}

static void test_timer(void **state)
{
    static const unsigned due_ms[] = {400, 1200, 2800, 6000, 12400, 25200};
    struct pair p;
    (void)state;
    for (unsigned psk = 0; psk < 2; psk++) {
        begin(&p, psk ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME, 0x009c);
        size_t len = p.to_client.len;
        for (size_t i = 0; i < 5; i++) {
            uint64_t due = due_ms[i] * (uint64_t)MS;
            assert_int_equal(vc_dtls_gateway_due(&p.g), due);
            assert_int_equal(vc_dtls_gateway_tick(&p.g, due - 1, &p.to_client, &p.fail), VC_DTLS_STEP_MORE);
            assert_int_equal(p.to_client.len, 0);
            assert_int_equal(vc_dtls_gateway_tick(&p.g, due, &p.to_client, &p.fail), VC_DTLS_STEP_MORE);
            assert_int_equal(p.to_client.len, len);
            assert_int_equal(p.to_client.datagram[10], 2 * (i + 1)); /* records 2, 4, ... */
        }
        assert_int_equal(vc_dtls_gateway_tick(&p.g, due_ms[5] * (uint64_t)MS, &p.to_client, &p.fail), -1);
        assert_int_equal(p.fail.cause, VC_CAUSE_DTLS_ONE_WAY);
        assert_int_equal(p.to_client.len, 0);
        assert_true(vc_dtls_gateway_due(&p.g) == UINT64_MAX);
    }
}

static void test_hello_again(void **state)
{
    struct pair p;
    uint8_t hello[VC_DTLS_FLIGHT_MAX];
    (void)state;
    begin(&p, VC_DTLS_MODE_RESUME, 0x009c);
    size_t len = hello_of(&p.terms, hello, 0x40), flight = p.to_client.len;
    for (unsigned i = 1; i <= VC_DTLS_REPEATS + 2; i++) {
        assert_int_equal(gateway_takes(&p, hello, len), VC_DTLS_STEP_MORE);
        assert_int_equal(p.to_client.len, i <= VC_DTLS_REPEATS ? flight : 0);
    }
    hello[18] = 1; /* as if a HelloVerifyRequest had reached the client */
    assert_int_equal(gateway_takes(&p, hello, len), VC_DTLS_STEP_OTHER);
    hello[18] = 0;
    hello[27] ^= 1; /* another random */
    assert_int_equal(gateway_takes(&p, hello, len), VC_DTLS_STEP_OTHER);
    assert_int_equal(p.to_client.len, 0);
    begin(&p, VC_DTLS_MODE_RESUME, 0x009c); /* still undisturbed */
    assert_int_equal(gateway_takes(&p, hello, len), VC_DTLS_STEP_OTHER);
    assert_int_equal(p.g.state, VC_DTLS_GATEWAY_WAITS_FINISHED);
}

/** Data that overtakes the Finished, and data behind it in the same datagram. */
static void test_data_around_finished(void **state)
{
    struct pair p;
    uint8_t data[128], both[VC_DTLS_FLIGHT_MAX];
    (void)state;
    for (unsigned psk = 0; psk < 2; psk++) {
        begin(&p, psk ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME, 0x009c);
        assert_int_equal(client_takes(&p), psk ? VC_DTLS_STEP_MORE : VC_DTLS_STEP_COMPLETE);
        struct vc_writer w = vc_writer_to(data, sizeof(data));
        vc_dtls_put_sealed(&w, psk ? &p.c.send : &p.c_done.send, NULL, VC_DTLS_DATA, "\7", 1);
        size_t n = vc_written(&w), finished = p.to_gateway.len;
        memcpy(both, p.to_gateway.datagram, finished);
        memcpy(both + finished, data, n);
        assert_int_equal(gateway_takes(&p, data, n), VC_DTLS_STEP_MORE);
        assert_true(p.to_client.early && p.to_client.len == 0);
        assert_int_equal(gateway_takes(&p, both, finished + n), VC_DTLS_STEP_COMPLETE);
        assert_int_equal(p.to_client.used, finished);
        assert_false(p.to_client.early);
        struct vc_dtls_walk walk = vc_dtls_walk_of(both + finished, n);
        struct vc_dtls_record rec;
        assert_true(vc_dtls_next(&walk, &rec) && vc_dtls_open_one(&p.g_done.recv, &p.g_done.window, &rec));
        assert_int_equal(rec.body[0], 7);
    }
}

/** The records of the client's PSK flight one by one: ClientKeyExchange, ChangeCipherSpec, Finished. */
static void test_order(void **state)
{
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    for (unsigned o = 0; o < 6; o++) {
        struct pair p;
        struct vc_dtls_record rec[3];
        int step = VC_DTLS_STEP_MORE;
        begin(&p, VC_DTLS_MODE_PSK, 0);
        assert_int_equal(client_takes(&p), VC_DTLS_STEP_MORE);
        struct vc_dtls_walk walk = vc_dtls_walk_of(p.to_gateway.datagram, p.to_gateway.len);
        for (unsigned i = 0; i < 3; i++)
            assert_true(vc_dtls_next(&walk, &rec[i]));
        for (unsigned i = 0; i < 3 && step == VC_DTLS_STEP_MORE; i++)
            step = gateway_takes(&p, rec[orders[o][i]].raw, rec[orders[o][i]].raw_len);
        assert_int_equal(step, VC_DTLS_STEP_COMPLETE); /* a Finished in front is held */
        assert_int_equal(client_takes(&p), VC_DTLS_STEP_COMPLETE);
        assert_memory_equal(p.c_done.send.key, p.g_done.recv.key, VC_AEAD_KEY_MAX);
    }
}

/** What anybody can send from the client's address must not keep the handshake from completing. */
static void test_noise(void **state)
{
    const struct {
        const char *name;
        struct bytes in;
        bool fails;
    } cases[] = {
        {"ClientKeyExchange of another", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x9\0\x10\x10\0\0\4\0\1\0\0\0\0\0\4\0\2no"),
         false},
        {"ClientKeyExchange, malformed", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x9\0\x10\x10\0\0\4\0\1\0\0\0\0\0\4\0\3no"),
         false},
        {"ClientKeyExchange, message_seq 2",
         BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x9\0\x10\x10\0\0\4\0\2\0\0\0\0\0\4\0\2no"), false},
        {"a certificate", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x9\0\x0d\x0b\0\0\1\0\1\0\0\0\0\0\1x"), false},
        {"a fragment", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x9\0\x0e\x10\0\0\4\0\1\0\0\0\0\0\2ab"), false},
        {"half a message", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x9\0\2\x10\0"), false},
        {"ChangeCipherSpec", BYTES("\x14\xfe\xfd\0\0\0\0\0\0\0\x9\0\1\1"), false},
        {"warning", BYTES("\x15\xfe\xfd\0\0\0\0\0\0\0\x9\0\2\1\x5a"), false},
        {"fatal alert", BYTES("\x15\xfe\xfd\0\0\0\0\0\0\0\x9\0\2\2\x28"), true},
        {"a forged Finished",
         BYTES("\x16\xfe\xfd\0\1\0\0\0\0\0\0\0\x30"
               "0123456789012345678901234567890123456789abcdefgh"),
         false},
        {"a forged alert",
         BYTES("\x15\xfe\xfd\0\1\0\0\0\0\0\0\0\x1a"
               "01234567890123456789abcdef"),
         false},
        {"data in epoch 0", BYTES("\x17\xfe\xfd\0\0\0\0\0\0\0\0\0\1\7"), false},
        {"nothing", BYTES(""), false},
        {"a cut record", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x9\xff\xff\x10"), false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (unsigned when = 0; when < 4; when++) {
            struct pair p;
            begin(&p, when & 1 ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME, 0x009c);
            (void)client_takes(&p);
            struct vc_dtls_out flight = p.to_gateway;
            uint8_t *in = exact(cases[i].in.at, cases[i].in.len);
            size_t cut = 0;
            if (when & 2 && when & 1) { /* between the ClientKeyExchange and the rest */
                cut = 13 + 12 + 5;
                assert_int_equal(gateway_takes(&p, flight.datagram, cut), VC_DTLS_STEP_MORE);
            }
            int step = gateway_takes(&p, in, cases[i].in.len);
            assert_case(cases[i].name, step == (cases[i].fails ? -1 : VC_DTLS_STEP_MORE));
            assert_case(cases[i].name, p.to_client.len == 0);
            if (!cases[i].fails && !(cut && i == 0))
                assert_case(cases[i].name,
                            gateway_takes(&p, flight.datagram + cut, flight.len - cut) == VC_DTLS_STEP_COMPLETE);
            else if (!cases[i].fails) /* that Finished does not open; the client sends its flight again */
                assert_case(cases[i].name,
                            gateway_takes(&p, flight.datagram + cut, flight.len - cut) == VC_DTLS_STEP_MORE &&
                                vc_dtls_client_tick(&p.c, vc_dtls_client_due(&p.c), &p.to_gateway, NULL) == 0 &&
                                gateway_takes(&p, p.to_gateway.datagram, p.to_gateway.len) == VC_DTLS_STEP_COMPLETE);
            free(in);
        }
}

/** Somebody changed the hello on its way. */
static void test_tampered(void **state)
{
    struct pair p;
    struct vc_dtls_peek peek;
    uint8_t random[VC_DTLS_RANDOM] = {9};
    (void)state;
    for (unsigned psk = 0; psk < 2; psk++) {
        memset(&p, 0, sizeof(p));
        terms_of(&p.terms, psk ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME, 0x009c);
        assert_int_equal(vc_dtls_client_start(&p.c, &p.terms, random, 5, 0, &p.to_gateway, &p.fail), 0);
        if (psk) /* EMS is hidden, which the keys do not show but the hash does */
            p.to_gateway.datagram[p.to_gateway.len - 3] = 0x18;
        else
            p.to_gateway.datagram[10] = 0; /* the record header is not part of the hash: nothing happens */
        assert_int_equal(vc_dtls_peek(p.to_gateway.datagram, p.to_gateway.len, &peek), VC_DTLS_KIND_HELLO);
        assert_int_equal(vc_dtls_gateway_start(&p.g, &p.terms, &peek, random, no_id, 0, &p.to_client, &p.fail), 0);
        assert_int_equal(client_takes(&p), psk ? VC_DTLS_STEP_MORE : VC_DTLS_STEP_COMPLETE);
        assert_int_equal(gateway_takes(&p, p.to_gateway.datagram, p.to_gateway.len), psk ? -1 : VC_DTLS_STEP_COMPLETE);
        if (!psk)
            continue;
        assert_int_equal(p.fail.cause, VC_CAUSE_DTLS_HANDSHAKE);
        assert_true(p.to_client.alert && p.to_client.datagram[0] == 21 && p.to_client.datagram[14] == 51);
        assert_int_equal(client_takes(&p), -1);
        assert_int_equal(p.fail.cause, VC_CAUSE_DTLS_HANDSHAKE);
    }
    /* another master secret: the client cannot open the gateway's Finished, nor the other way round */
    begin(&p, VC_DTLS_MODE_RESUME, 0x009c);
    p.c.secret[0] ^= 1;
    assert_int_equal(client_takes(&p), VC_DTLS_STEP_MORE);
    assert_int_equal(p.to_gateway.len, 0);
}

/* ------ OpenSSL's client ------ */

static unsigned psk_client(SSL *ssl, const char *hint, char *identity, unsigned identity_max, unsigned char *psk,
                           unsigned psk_max)
{
    (void)ssl;
    (void)hint;
    (void)snprintf(identity, identity_max, "psk");
    assert_true(psk_max >= VC_DTLS_PSK_LEN);
    memset(psk, 0x11, VC_DTLS_PSK_LEN);
    return VC_DTLS_PSK_LEN;
}

static void openssl_client(const char *name, const struct vc_dtls_terms *t, uint16_t code, long options, bool verify)
{
    static const uint8_t key[VC_DTLS_COOKIE_KEY] = {3};
    uint8_t in[4096], id[2] = {(uint8_t)(code >> 8), (uint8_t)code}, random[VC_DTLS_RANDOM], master[VC_DTLS_MASTER];
    struct vc_dtls_gateway g = {0};
    struct vc_dtls_done done = {0};
    struct vc_dtls_out out;
    struct vc_dtls_peek p;
    struct vc_fail fail = {0};
    int step = VC_DTLS_STEP_MORE, r = 0, n;
    bool psk = t->mode == VC_DTLS_MODE_PSK;

    SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_options(ctx,
                        (uint64_t)(SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | options));
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(ctx, psk ? "PSK:@SECLEVEL=0" : "ALL:PSK:@SECLEVEL=0"), 1);
    SSL_CTX_set_psk_client_callback(ctx, psk_client);
    SSL *ssl = SSL_new(ctx);
    BIO *from = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
    assert_true(ssl && from && to);
    BIO_set_mem_eof_return(from, -1);
    SSL_set_bio(ssl, from, to);
    SSL_set_connect_state(ssl);
    (void)SSL_set_mtu(ssl, 1400);

    SSL_SESSION *session = SSL_SESSION_new();
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, id);
    assert_case(name, session && cipher);
    memset(master, 0x11, sizeof(master));
    assert_int_equal(SSL_SESSION_set1_master_key(session, master, sizeof(master)), 1);
    assert_int_equal(SSL_SESSION_set1_id(session, t->id, t->id_len), 1);
    assert_int_equal(SSL_SESSION_set_cipher(session, cipher), 1);
    assert_int_equal(SSL_SESSION_set_protocol_version(session, DTLS1_2_VERSION), 1);
    assert_int_equal(SSL_set_session(ssl, session), 1);

    memset(random, 0x80, sizeof(random));
    for (unsigned turn = 0; turn < 8 && (step != VC_DTLS_STEP_COMPLETE || r != 1); turn++) {
        r = SSL_do_handshake(ssl);
        assert_case(name, r == 1 || SSL_get_error(ssl, r) == SSL_ERROR_WANT_READ);
        n = BIO_read(to, in, sizeof(in));
        if (n <= 0)
            continue;
        out.len = 0;
        if (g.state != VC_DTLS_GATEWAY_IDLE) {
            step = vc_dtls_gateway_datagram(&g, in, (size_t)n, &out, &done, &fail);
            assert_case(name, step >= 0);
        } else {
            assert_case(name, vc_dtls_peek(in, (size_t)n, &p) == VC_DTLS_KIND_HELLO);
            if (verify && !vc_dtls_cookie_right(key, &here, &p))
                out.len = vc_dtls_hello_verify(key, &here, &p, out.datagram);
            else
                step = vc_dtls_gateway_start(&g, t, &p, random, no_id, 0, &out, &fail);
            assert_case(name, step == VC_DTLS_STEP_MORE && out.len > 0);
        }
        assert_int_equal(BIO_write(from, out.datagram, (int)out.len), (int)out.len);
    }
    assert_case(name, step == VC_DTLS_STEP_COMPLETE && r == 1);
    assert_case(name, SSL_session_reused(ssl) == !psk);
    assert_case(name, SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)) == done.suite);
    assert_case(name, (SSL_get_extms_support(ssl) == 1) == done.ems);

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

static void test_openssl_client(void **state)
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
            openssl_client(n->name, &t, n->code, k & 1 ? SSL_OP_NO_EXTENDED_MASTER_SECRET : 0, k & 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),       cmocka_unit_test(test_peek),
        cmocka_unit_test(test_peek_app_id),   cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_start_refuses), cmocka_unit_test(test_timer),
        cmocka_unit_test(test_hello_again),   cmocka_unit_test(test_data_around_finished),
        cmocka_unit_test(test_order),         cmocka_unit_test(test_noise),
        cmocka_unit_test(test_tampered),      cmocka_unit_test(test_openssl_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
