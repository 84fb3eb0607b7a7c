#include "tls_ends.h"

#include "crypto/aead.h"
#include "crypto/wipe.h"
#include "tls/wiping.h"

#include <fcntl.h>
#include <unistd.h>

/* Connections leave OpenSSL for our record layer (2-tunnel.md 17): the client sends CONNECT and 20 records in one
 * burst, which arrives in two pieces, cut at every byte. */

#define RECORDS 20
#define HEAD "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n\r\n"
#define ANSWER "HTTP/1.1 200 CONNECTED\r\n\r\n"

static struct gateway gateways[2]; /* ECDSA, RSA */
static SSL_CTX *contexts[15];      /* of the clients: one for each combination */

static int start(void **state)
{
    (void)state;
    gateway_start(&gateways[0], VC_TLS_MAX_1_3, "P-256", NULL);
    gateway_start(&gateways[1], VC_TLS_MAX_1_3, "RSA-2048", NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    gateway_stop(&gateways[0]);
    gateway_stop(&gateways[1]);
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
        SSL_CTX_free(contexts[i]);
    return 0;
}

enum extra { PLAIN, TAIL, UPDATE_BEHIND, ASKING_BEHIND, UPDATE_BEFORE, ASKING_BEFORE };

struct combo {
    const char *name;
    int version;
    bool rsa;
    const char *suite;
};

static const struct combo combos[] = {
    {"1.3 AES-128, ECDSA", TLS1_3_VERSION, false, "TLS_AES_128_GCM_SHA256"},
    {"1.3 AES-256, ECDSA", TLS1_3_VERSION, false, "TLS_AES_256_GCM_SHA384"},
    {"1.3 ChaCha20, ECDSA", TLS1_3_VERSION, false, "TLS_CHACHA20_POLY1305_SHA256"},
    {"1.2 AES-128, ECDSA", TLS1_2_VERSION, false, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"1.2 AES-256, ECDSA", TLS1_2_VERSION, false, "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"1.2 ChaCha20, ECDSA", TLS1_2_VERSION, false, "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"1.3 AES-128, RSA", TLS1_3_VERSION, true, "TLS_AES_128_GCM_SHA256"},
    {"1.3 AES-256, RSA", TLS1_3_VERSION, true, "TLS_AES_256_GCM_SHA384"},
    {"1.3 ChaCha20, RSA", TLS1_3_VERSION, true, "TLS_CHACHA20_POLY1305_SHA256"},
    {"1.2 AES-128, RSA", TLS1_2_VERSION, true, "ECDHE-RSA-AES128-GCM-SHA256"},
    {"1.2 AES-256, RSA", TLS1_2_VERSION, true, "ECDHE-RSA-AES256-GCM-SHA384"},
    {"1.2 ChaCha20, RSA", TLS1_2_VERSION, true, "ECDHE-RSA-CHACHA20-POLY1305"},
    {"1.2 AES-128, DHE", TLS1_2_VERSION, true, "DHE-RSA-AES128-GCM-SHA256"},
    {"1.2 AES-256, DHE", TLS1_2_VERSION, true, "DHE-RSA-AES256-GCM-SHA384"},
    {"1.2 ChaCha20, DHE", TLS1_2_VERSION, true, "DHE-RSA-CHACHA20-POLY1305"},
};
#define N_COMBOS (sizeof(combos) / sizeof(combos[0]))
_Static_assert(N_COMBOS == sizeof(contexts) / sizeof(contexts[0]), "one for each");

/* ---- What the server has sent: no explicit nonce twice ---- */

struct sent {
    uint8_t bytes[16384];
    size_t len;
};

static void send_on(struct sent *sent, struct client *c, const uint8_t *bytes, size_t n)
{
    assert_true(sent->len + n <= sizeof(sent->bytes));
    memcpy(sent->bytes + sent->len, bytes, n);
    sent->len += n;
    assert_int_equal(BIO_write(c->in, bytes, (int)n), n);
}

static void send_out(struct sent *sent, struct client *c, struct vc_tls_conn *s)
{
    size_t n;
    const uint8_t *p = vc_tls_conn_out(s, &n);
    if (n == 0)
        return;
    send_on(sent, c, p, n);
    vc_tls_conn_sent(s, n);
}

static unsigned count_nonces(const struct sent *sent)
{
    uint64_t seen[64];
    unsigned n = 0;
    bool ccs = false;
    struct vc_reader r = vc_reader_of(sent->bytes, sent->len);
    while (r.left > 0) {
        uint8_t type = vc_take_u8(&r);
        (void)vc_take_u16(&r);
        struct vc_reader body = vc_take_sub(&r, vc_take_u16(&r));
        assert_false(r.bad);
        if (type == VC_TLS_CCS) {
            ccs = true;
        } else if (ccs) {
            assert_true(n < 64);
            seen[n] = vc_take_u64(&body);
            for (unsigned i = 0; i < n; i++)
                assert_int_not_equal(seen[i], seen[n]);
            assert_true(n == 0 || seen[n] == seen[n - 1] + 1);
            n++;
        }
    }
    return n;
}

/* ---- Our record layer takes over ---- */

struct layer {
    struct vc_tls_dir in, out;
    struct vc_aead *open, *seal;
    unsigned next; /* number of the record that must come next */
    unsigned updates;
};

static void frame(unsigned i, uint8_t to[12])
{
    memcpy(to, "STF\x01\x00\x04\x00\x00", 8);
    for (unsigned k = 0; k < 4; k++)
        to[8 + k] = (uint8_t)(i * 7 + k);
}

static void layer_take(struct layer *l, const uint8_t *data, size_t len, const char *name)
{
    while (len > 0) {
        uint8_t want[12];
        frame(l->next, want);
        if (len < 12 || memcmp(data, want, 12) != 0)
            fail_msg("%s: record %u is not as it was sent", name, l->next);
        l->next++;
        data += 12;
        len -= 12;
    }
}

static void layer_send(struct layer *l, struct sent *sent, struct client *c, uint8_t type, const void *bytes, size_t n)
{
    uint8_t room[256];
    struct vc_tls_record rec = {.type = type, .body = room + VC_TLS_HEAD_MAX, .len = n};
    memcpy(rec.body, bytes, n);
    assert_int_equal(vc_tls_seal(&l->out, l->seal, &rec, 1), 1);
    send_on(sent, c, rec.raw, rec.raw_len);
}

static void layer_read(struct layer *l, uint8_t *buf, size_t len, struct sent *sent, struct client *c, const char *name)
{
    while (len > 0) {
        struct vc_tls_record rec;
        size_t used, want;
        enum vc_tls_fault fault;
        if (vc_tls_scan(&l->in, buf, len, &rec, 1, &used, &want, &fault) != 1)
            fail_msg("%s: no whole record behind %u, %s", name, l->next, vc_tls_fault_name(fault));
        if (vc_tls_open(&l->in, l->open, &rec, 1, &fault) != 1)
            fail_msg("%s: record %u does not open, %s", name, l->next, vc_tls_fault_name(fault));
        buf += used;
        len -= used;
        if (rec.type == VC_TLS_DATA) {
            layer_take(l, rec.body, rec.len, name);
            continue;
        }
        assert_int_equal(rec.type, VC_TLS_HANDSHAKE);
        assert_true(rec.len == 5 && memcmp(rec.body, "\x18\0\0\x01", 4) == 0);
        bool asking = rec.body[4] == 1;
        assert_int_equal(vc_tls_key_update(&l->in), 0);
        vc_aead_free(l->open);
        l->open = vc_aead_new(l->in.alg, l->in.key, VC_AEAD_AUTO);
        l->updates++;
        if (!asking)
            continue;
        layer_send(l, sent, c, VC_TLS_HANDSHAKE, "\x18\0\0\x01\0", 5);
        assert_int_equal(vc_tls_key_update(&l->out), 0);
        vc_aead_free(l->seal);
        l->seal = vc_aead_new(l->out.alg, l->out.key, VC_AEAD_AUTO);
    }
}

/* ---- One connection, its burst cut at @split ---- */

static size_t burst_of(struct client *c, enum extra extra, uint8_t *to, size_t cap)
{
    uint8_t data[256];
    size_t n = sizeof(HEAD) - 1;
    unsigned i = 0;
    if (extra == UPDATE_BEFORE || extra == ASKING_BEFORE)
        assert_int_equal(
            SSL_key_update(c->ssl, extra == ASKING_BEFORE ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED),
            1);
    memcpy(data, HEAD, n);
    if (extra == TAIL) { /* the first frames in one record with the head */
        frame(0, data + n);
        frame(1, data + n + 12);
        n += 24;
        i = 2;
    }
    assert_int_equal(SSL_write(c->ssl, data, (int)n), n);
    for (; i < RECORDS; i++) {
        if (i == 3 && (extra == UPDATE_BEHIND || extra == ASKING_BEHIND))
            assert_int_equal(SSL_key_update(c->ssl, extra == ASKING_BEHIND ? SSL_KEY_UPDATE_REQUESTED
                                                                           : SSL_KEY_UPDATE_NOT_REQUESTED),
                             1);
        frame(i, data);
        assert_int_equal(SSL_write(c->ssl, data, 12), 12);
    }
    int len = BIO_read(c->out, to, (int)cap);
    assert_true(len > 0 && BIO_ctrl_pending(c->out) == 0);
    return (size_t)len;
}

/* Reads until the head is whole; what came with it and was read is copied behind it. */
static bool read_head(struct vc_tls_conn *s, enum extra extra, char *head, size_t *len)
{
    struct vc_fail fail = {0};
    for (;;) {
        size_t n;
        size_t cap = extra == TAIL ? 5 : 512; /* small: the rest stays in OpenSSL */
        int got = vc_tls_conn_read(s, head + *len, cap, &n, &fail);
        if (got == VC_TLS_GOT_NOTHING)
            return false;
        if (got != VC_TLS_GOT_BYTES)
            fail_msg("read: %s", fail.detail);
        *len += n;
        if (memmem(head, *len, "\r\n\r\n", 4))
            return true;
    }
}

/* Returns the length of the burst; @split 0 sends it whole. */
static size_t one(const struct combo *combo, enum extra extra, size_t split)
{
    struct gateway *g = &gateways[combo->rsa];
    struct client c;
    static struct sent sent;
    struct vc_fail fail = {0};
    uint8_t burst[4096], *rest;
    char head[1024];
    size_t head_len = 0;
    SSL_CTX **ctx = &contexts[combo - combos];
    sent.len = 0;
    if (!*ctx)
        *ctx = client_context(combo->version, combo->suite);
    client_start_in(&c, *ctx);
    struct vc_tls_conn *s = vc_tls_conn_new(g->server, &fail);
    assert_non_null(s);
    for (int i = 0; i < 3; i++) {
        (void)SSL_do_handshake(c.ssl);
        (void)to_server(&c, s);
        if (vc_tls_conn_handshake(s, &fail) < 0)
            fail_msg("%s: %s", combo->name, fail.detail);
        send_out(&sent, &c, s);
    }
    (void)SSL_do_handshake(c.ssl);
    assert_false(SSL_in_init(c.ssl));
    size_t len = burst_of(&c, extra, burst, sizeof(burst));
    if (split == 0)
        split = len;
    assert_int_equal(vc_tls_conn_feed(s, burst, split), split);
    size_t fed = split;
    if (!read_head(s, extra, head, &head_len)) {
        assert_int_equal(vc_tls_conn_feed(s, burst + split, len - split), len - split);
        fed = len;
        assert_true(read_head(s, extra, head, &head_len));
    }
    assert_int_equal(vc_tls_conn_write(s, ANSWER, sizeof(ANSWER) - 1, &fail), 0);
    struct vc_tls_cut cut;
    assert_int_equal(vc_tls_cut(s, &cut, &fail), -1); /* not drained yet */
    send_out(&sent, &c, s);
    if (vc_tls_cut(s, &cut, &fail) != 0)
        fail_msg("%s at %zu: %s", combo->name, split, fail.detail);
    vc_tls_conn_free(s);

    /* a new owner: what was opened, what was read, what is still in the socket */
    struct layer l = {.in = cut.in, .out = cut.out};
    l.open = vc_aead_new(l.in.alg, l.in.key, VC_AEAD_AUTO);
    l.seal = vc_aead_new(l.out.alg, l.out.key, VC_AEAD_AUTO);
    assert_true(l.open && l.seal);
    size_t over = sizeof(HEAD) - 1;
    uint8_t *opened = malloc(head_len - over + cut.plain_len + 1);
    memcpy(opened, head + over, head_len - over);
    if (cut.plain_len)
        memcpy(opened + head_len - over, cut.plain, cut.plain_len);
    layer_take(&l, opened, head_len - over + cut.plain_len, combo->name);
    free(opened);
    size_t rest_len = cut.cipher_len + len - fed;
    rest = malloc(rest_len + 1);
    if (cut.cipher_len)
        memcpy(rest, cut.cipher, cut.cipher_len);
    memcpy(rest + cut.cipher_len, burst + fed, len - fed);
    layer_read(&l, rest, rest_len, &sent, &c, combo->name);
    free(rest);
    if (l.next != RECORDS)
        fail_msg("%s at %zu: %u records of %d", combo->name, split, l.next, RECORDS);
    assert_int_equal(l.updates, extra == UPDATE_BEHIND || extra == ASKING_BEHIND);

    /* and in the other direction */
    char got[64];
    for (unsigned i = 0; i < 5; i++) {
        uint8_t f[12];
        frame(i, f);
        layer_send(&l, &sent, &c, VC_TLS_DATA, f, 12);
    }
    assert_int_equal(SSL_read(c.ssl, got, sizeof(got)), sizeof(ANSWER) - 1);
    assert_memory_equal(got, ANSWER, sizeof(ANSWER) - 1);
    for (unsigned i = 0; i < 5; i++) {
        uint8_t f[12];
        frame(i, f);
        if (SSL_read(c.ssl, got, sizeof(got)) != 12 || memcmp(got, f, 12) != 0)
            fail_msg("%s: OpenSSL does not read our record %u", combo->name, i);
    }
    if (combo->version == TLS1_2_VERSION && l.out.alg != VC_AEAD_CHACHA20_POLY1305)
        assert_int_equal(count_nonces(&sent), 1 + 1 + 5); /* Finished, the answer, ours */

    vc_aead_free(l.open);
    vc_aead_free(l.seal);
    vc_wipe(&l, sizeof(l));
    vc_tls_cut_wipe(&cut);
    vc_tls_cut_wipe(&cut);
    client_stop(&c);
    return len;
}

/* A handshake for each split takes its time. All bytes where records look different (1.3; 1.2, where ChaCha20 has no
 * explicit nonce); a sample where only the length of a key or who signed differs. */
static void every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_COMBOS; i++) {
        bool all = i == 0 || i == 3 || i == 5;
        size_t len = one(&combos[i], PLAIN, 0);
        for (size_t split = 1; split < len; split += all ? 1 : 23)
            (void)one(&combos[i], PLAIN, split);
    }
}

static void frames_in_the_record_of_the_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_COMBOS; i++) {
        size_t len = one(&combos[i], TAIL, 0);
        for (size_t split = 1; split < len; split += combos[i].rsa ? 151 : 17)
            (void)one(&combos[i], TAIL, split);
    }
}

static void key_updates(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_COMBOS; i++) {
        if (combos[i].version != TLS1_3_VERSION)
            continue;
        for (enum extra e = UPDATE_BEHIND; e <= ASKING_BEFORE; e++) {
            size_t len = one(&combos[i], e, 0);
            for (size_t split = 1; split < len; split += combos[i].rsa ? 151 : 17)
                (void)one(&combos[i], e, split);
        }
    }
}

/* ---- The watch alone ---- */

static void written_in_any_pieces(void **state)
{
    (void)state;
    static const uint8_t stream[] = "\x16\x03\x03\x00\x0c"
                                    "in the clear"
                                    "\x14\x03\x03\x00\x01\x01"
                                    "\x16\x03\x03\x00\x0a\x01\x02\x03\x04\x05\x06\x07\x08xx"
                                    "\x17\x03\x03\x00\x09\xff\xff\xff\xff\xff\xff\xff\xffy";
    for (size_t step = 1; step < sizeof(stream); step++) {
        struct vc_tls_watch w = {0};
        size_t n = sizeof(stream) - 1, done = 0, at_finished = 45;
        for (; done + step <= at_finished; done += step)
            vc_tls_watch_written(&w, stream + done, step);
        vc_tls_watch_written(&w, stream + done, at_finished - done > 0 ? at_finished - done : 0);
        (void)n;
        assert_true(w.ccs);
        done = at_finished;
        if (w.head_len == 0)
            assert_int_equal(w.nonce, 0);
        for (; done < n; done += step)
            vc_tls_watch_written(&w, stream + done, done + step > n ? n - done : step);
        assert_true(w.head_len == 0 && w.nonce == UINT64_MAX);
    }
}

static void strange_key_log(void **state)
{
    (void)state;
    struct vc_tls_watch w = {0};
    vc_tls_watch_keylog(&w, "CLIENT_RANDOM 00 00");
    vc_tls_watch_keylog(&w, "EXPORTER_SECRET 00 0011");
    vc_tls_watch_keylog(&w, "");
    assert_false(w.lost);
    vc_tls_watch_keylog(&w, "CLIENT_TRAFFIC_SECRET_0 00 0g");
    assert_true(w.lost);
    w = (struct vc_tls_watch){0};
    vc_tls_watch_message(&w, false, SSL3_RT_HANDSHAKE, "\x18\0\0\1\0", 5); /* no secret to go on from */
    assert_true(w.lost);
}

/* ---- The client's end ---- */

static struct vc_tls_watch seen; /* by the client */

static void client_keylog(const SSL *ssl, const char *line)
{
    (void)ssl;
    vc_tls_watch_keylog(&seen, line);
}

static void client_message(int write, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
    (void)version;
    (void)ssl;
    (void)arg;
    vc_tls_watch_message(&seen, write == 1, type, bytes, len);
}

/* What the client has for the server goes there, and is seen. */
static void client_out(struct client *c, struct vc_tls_conn *s, struct sent *sent)
{
    uint8_t bytes[4096];
    int n = BIO_read(c->out, bytes, sizeof(bytes));
    if (n <= 0)
        return;
    assert_true(sent->len + (size_t)n <= sizeof(sent->bytes));
    memcpy(sent->bytes + sent->len, bytes, (size_t)n);
    sent->len += (size_t)n;
    vc_tls_watch_written(&seen, bytes, (size_t)n);
    assert_int_equal(vc_tls_conn_feed(s, bytes, (size_t)n), n);
}

/* The handshake and some records of each side by OpenSSL; then the client goes on with our record layer. */
static void clients_end(void **state)
{
    (void)state;
    static struct sent sent;
    for (size_t i = 0; i < N_COMBOS; i++) {
        const struct combo *combo = &combos[i];
        struct client c;
        struct vc_fail fail = {0};
        struct layer l = {0};
        char got[512];
        size_t n;
        sent.len = 0;
        seen = (struct vc_tls_watch){.client = true};
        client_start(&c, combo->version, combo->suite);
        SSL_CTX_set_keylog_callback(c.ctx, client_keylog);
        SSL_set_msg_callback(c.ssl, client_message);
        struct vc_tls_conn *s = vc_tls_conn_new(gateways[combo->rsa].server, &fail);
        for (int k = 0; k < 4; k++) {
            (void)SSL_do_handshake(c.ssl);
            client_out(&c, s, &sent);
            if (vc_tls_conn_handshake(s, &fail) < 0)
                fail_msg("%s: %s", combo->name, fail.detail);
            to_client(s, &c);
        }
        for (int k = 0; k < 3; k++) {
            assert_int_equal(SSL_write(c.ssl, HEAD, sizeof(HEAD) - 1), sizeof(HEAD) - 1);
            client_out(&c, s, &sent);
            assert_int_equal(vc_tls_conn_read(s, got, sizeof(got), &n, &fail), VC_TLS_GOT_BYTES);
            assert_int_equal(vc_tls_conn_write(s, ANSWER, sizeof(ANSWER) - 1, &fail), 0);
            to_client(s, &c);
            assert_int_equal(SSL_read(c.ssl, got, sizeof(got)), sizeof(ANSWER) - 1);
        }
        if (vc_tls_watch_export(&seen, c.ssl, &l.in, &l.out, &fail) != 0)
            fail_msg("%s: %s", combo->name, fail.detail);
        l.open = vc_aead_new(l.in.alg, l.in.key, VC_AEAD_AUTO);
        l.seal = vc_aead_new(l.out.alg, l.out.key, VC_AEAD_AUTO);
        for (unsigned k = 0; k < 5; k++) {
            uint8_t f[12], room[256];
            struct vc_tls_record rec = {.type = VC_TLS_DATA, .body = room + VC_TLS_HEAD_MAX, .len = 12};
            frame(k, f);
            memcpy(rec.body, f, 12);
            assert_int_equal(vc_tls_seal(&l.out, l.seal, &rec, 1), 1);
            memcpy(sent.bytes + sent.len, rec.raw, rec.raw_len);
            sent.len += rec.raw_len;
            assert_int_equal(vc_tls_conn_feed(s, rec.raw, rec.raw_len), rec.raw_len);
            if (vc_tls_conn_read(s, got, sizeof(got), &n, &fail) != VC_TLS_GOT_BYTES || n != 12 ||
                memcmp(got, f, 12) != 0)
                fail_msg("%s: OpenSSL does not read our record %u: %s", combo->name, k, fail.detail);
            assert_int_equal(vc_tls_conn_write(s, f, 12, &fail), 0);
            const uint8_t *raw = vc_tls_conn_out(s, &n);
            assert_true(n <= sizeof(room));
            memcpy(room, raw, n);
            vc_tls_conn_sent(s, n);
            layer_read(&l, room, n, NULL, NULL, combo->name);
        }
        assert_int_equal(l.next, 5);
        if (combo->version == TLS1_2_VERSION && l.out.alg != VC_AEAD_CHACHA20_POLY1305)
            assert_int_equal(count_nonces(&sent), 1 + 3 + 5); /* Finished, OpenSSL's, ours */
        vc_aead_free(l.open);
        vc_aead_free(l.seal);
        vc_tls_conn_free(s);
        client_stop(&c);
    }
    vc_tls_watch_wipe(&seen);
}

/* ---- Nothing stays behind ---- */

/* How often each of @secrets, 16 bytes of it, lies in our writable memory, where it is given included. */
static void count_in_memory(const uint8_t *const secrets[2], unsigned found[2])
{
    static uint8_t page[1 << 16];
    enum { LEN = 16 };
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(maps && mem >= 0);
    found[0] = found[1] = 0;
    while (fgets(line, sizeof(line), maps)) {
        unsigned long from, to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w' ||
            to - from > 1UL << 29) /* the shadow of a sanitizer */
            continue;
        for (unsigned long at = from; at < to; at += sizeof(page) - LEN) {
            size_t n = to - at < sizeof(page) ? to - at : sizeof(page);
            ssize_t got = pread(mem, page, n, (off_t)at);
            for (int i = 0; i < 2 && got >= LEN; i++) {
                uint8_t *hit = page;
                while ((hit = memmem(hit, (size_t)(page + got - hit), secrets[i], LEN))) {
                    unsigned long where = at + (unsigned long)(hit - page);
                    bool ours = where >= (unsigned long)page && where < (unsigned long)page + sizeof(page);
                    found[i] += !ours;
                    hit++;
                }
            }
        }
    }
    (void)fclose(maps);
    (void)close(mem);
    vc_wipe(page, sizeof(page));
}

/* What a client knows stays in the test's memory: so it is freed first. (And this is tried before the others: ASan
 * keeps what they free, and that would take long to look through.) */
static void nothing_stays_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct client c;
        struct vc_fail fail = {0};
        struct vc_tls_cut cut;
        client_start(&c, combos[i].version, combos[i].suite);
        struct vc_tls_conn *s = vc_tls_conn_new(gateways[0].server, &fail);
        assert_int_equal(shake(s, &c, &fail), VC_TLS_STEP_DONE);
        client_stop(&c);
        assert_int_equal(vc_tls_cut(s, &cut, &fail), 0);
        vc_tls_conn_free(s);
        bool tls13 = combos[i].version == TLS1_3_VERSION;
        const uint8_t *const secrets[2] = {tls13 ? cut.in.secret : cut.in.key, tls13 ? cut.out.secret : cut.out.key};
        unsigned n[2];
        count_in_memory(secrets, n);
        if (n[0] != 1 || n[1] != 1)
            fail_msg("%s: the traffic secrets are there %u and %u times", combos[i].name, n[0], n[1]);
        vc_tls_cut_wipe(&cut);
    }
}

int main(void)
{
    if (vc_tls_wipe_freed() != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stays_behind),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(frames_in_the_record_of_the_head),
        cmocka_unit_test(key_updates),
        cmocka_unit_test(written_in_any_pieces),
        cmocka_unit_test(strange_key_log),
        cmocka_unit_test(clients_end),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
