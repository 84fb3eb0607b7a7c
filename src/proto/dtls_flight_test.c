/* Both ends of both handshakes in one program: a virtual clock, and a link that loses, doubles and reorders by seed.
 * Whatever happens, both ends have the same keys at the end, or one of them says why not. */
#include "proto/dtls_client.h"
#include "proto/dtls_gateway.h"
#include "table.h"

#define MS UINT64_C(1000000) /* ns */
#define IN_FLIGHT 64

enum { TO_GATEWAY, TO_CLIENT };

struct datagram {
    uint64_t at_ns; /* arrives */
    uint8_t to;
    uint16_t len;
    uint8_t bytes[VC_DTLS_FLIGHT_MAX];
};

struct variant {
    const char *name;
    struct vc_dtls_terms terms;
    bool cookie; /* the gateway asks for one */
    bool ems;    /* PSK: the gateway sees it offered */
};

struct link {
    uint64_t random, now_ns;
    unsigned loss, twice, late; /* percent */
    struct datagram in_flight[IN_FLIGHT];
    size_t n;
    unsigned sent[2];
    unsigned gateways;   /* machines that the gateway started: each has keys of its own */
    uint64_t next[2][2]; /* by sender and epoch: the least record number that is new */
};

static bool chance(struct link *l, unsigned percent)
{
    return test_random(&l->random) % 100 < percent;
}

static void put(struct link *l, uint8_t to, const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return;
    l->sent[to]++;
    uint8_t copy[VC_DTLS_FLIGHT_MAX];
    struct vc_dtls_record rec;
    memcpy(copy, bytes, len);
    struct vc_dtls_walk walk = vc_dtls_walk_of(copy, len);
    while (vc_dtls_next(&walk, &rec)) { /* what is sent again is a new record: no nonce twice */
        if (to == TO_GATEWAY || (rec.epoch == 1 && l->gateways <= 1))
            assert_true(rec.seq >= l->next[to][rec.epoch]);
        l->next[to][rec.epoch] = rec.seq + 1;
    }
    assert_true(walk.left == 0 && walk.skipped == 0);
    for (unsigned copies = chance(l, l->twice) ? 2 : 1; copies > 0; copies--) {
        if (chance(l, l->loss))
            continue;
        if (l->n == IN_FLIGHT)
            fail_msg("%s", "more in flight than a handshake may make");
        struct datagram *d = &l->in_flight[l->n++];
        d->at_ns = l->now_ns + 20 * MS + (chance(l, l->late) ? test_random(&l->random) % (3000 * MS) : 0);
        d->to = to;
        d->len = (uint16_t)len;
        memcpy(d->bytes, bytes, len);
    }
}

/** The gateway's owner, in small. */
struct owner {
    const struct variant *v;
    const uint8_t *cookie_key;
    struct vc_dtls_gateway pending;
    bool complete, early;
    struct vc_dtls_done done;
    unsigned failed, started;
    uint64_t random;
};

static const struct vc_endpoint client_at = {.ip = {.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 1}}, .port = 4000};

/** A sealed record after the handshake, opened with the new keys; the machine's late answer. */
static void late(struct vc_dtls_done *d, uint8_t *bytes, size_t len, struct vc_dtls_out *out)
{
    struct vc_dtls_walk w = vc_dtls_walk_of(bytes, len);
    struct vc_dtls_record rec;
    out->len = 0;
    while (vc_dtls_next(&w, &rec))
        if (rec.epoch == 1 && rec.type == VC_DTLS_HANDSHAKE && vc_dtls_open_one(&d->recv, &d->window, &rec)) {
            struct vc_aead *aead = vc_aead_new(d->send.alg, d->send.key, VC_AEAD_AUTO);
            vc_dtls_late_answer(&d->late, &d->send, aead, rec.body, rec.len, out);
            vc_aead_free(aead);
        }
}

static void gateway_takes(struct owner *o, struct link *l, struct datagram *d)
{
    struct vc_dtls_out out;
    struct vc_dtls_peek p;
    struct vc_fail fail = {0};
    uint8_t random[VC_DTLS_RANDOM], verify[VC_DTLS_HELLO_VERIFY_LEN], copy[VC_DTLS_FLIGHT_MAX];
    int step = VC_DTLS_STEP_OTHER;
    memcpy(copy, d->bytes, d->len);
    if (o->complete) {
        late(&o->done, d->bytes, d->len, &out);
        put(l, TO_CLIENT, out.datagram, out.len);
    }
    if (o->pending.state != VC_DTLS_GATEWAY_IDLE) {
        step = vc_dtls_gateway_datagram(&o->pending, d->bytes, d->len, &out, &o->done, &fail);
        put(l, TO_CLIENT, out.datagram, out.len);
        o->early |= out.early;
        if (step == VC_DTLS_STEP_COMPLETE)
            o->complete = true;
        if (step < 0) {
            assert_int_equal(fail.cause, VC_CAUSE_DTLS_HANDSHAKE);
            o->failed++;
        }
    }
    if (step != VC_DTLS_STEP_OTHER || vc_dtls_peek(copy, d->len, &p) != VC_DTLS_KIND_HELLO)
        return;
    if (o->complete && memcmp(p.hello.random, o->done.late.client_random, VC_DTLS_RANDOM) == 0)
        return; /* a late copy of the hello that began these keys */
    if (o->v->cookie && !vc_dtls_cookie_right(o->cookie_key, &client_at, &p)) {
        size_t n = vc_dtls_hello_verify(o->cookie_key, &client_at, &p, verify);
        assert_in_range(n, 1, d->len);
        put(l, TO_CLIENT, verify, n);
        return;
    }
    assert_int_equal(p.id.len, o->v->terms.id_len);
    assert_memory_equal(p.id.at, o->v->terms.id, p.id.len);
    p.hello.ems &= o->v->ems;
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)test_random(&o->random);
    o->started++;
    l->gateways++;
    step =
        vc_dtls_gateway_start(&o->pending, &o->v->terms, &p, random, (struct vc_dtls_view){0}, l->now_ns, &out, &fail);
    assert_int_equal(step, VC_DTLS_STEP_MORE);
    put(l, TO_CLIENT, out.datagram, out.len);
}

struct outcome {
    bool client_done, gateway_done;
    unsigned started;
    uint64_t took_ns;
};

static void run(const struct variant *v, struct link *l, struct outcome *what)
{
    static const uint8_t key[VC_DTLS_COOKIE_KEY] = {1, 2, 3};
    struct owner o = {.v = v, .cookie_key = key, .random = l->random ^ 77};
    struct vc_dtls_client c = {0};
    struct vc_dtls_done done = {0};
    struct vc_dtls_out out;
    struct vc_fail fail = {0};
    uint8_t random[VC_DTLS_RANDOM];
    bool complete = false, failed = false;
    *what = (struct outcome){0};
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)test_random(&l->random);
    assert_int_equal(vc_dtls_client_start(&c, &v->terms, random, VC_DTLS_TRIES, l->now_ns, &out, &fail), 0);
    put(l, TO_GATEWAY, out.datagram, out.len);

    for (unsigned rounds = 0;; rounds++) {
        uint64_t next = vc_dtls_client_due(&c);
        size_t first = SIZE_MAX;
        if (rounds > 400)
            fail_msg("%s", "the handshake does not end");
        if (vc_dtls_gateway_due(&o.pending) < next)
            next = vc_dtls_gateway_due(&o.pending);
        for (size_t i = 0; i < l->n; i++)
            if (l->in_flight[i].at_ns <= next &&
                (first == SIZE_MAX || l->in_flight[i].at_ns < l->in_flight[first].at_ns))
                first = i;
        if (first == SIZE_MAX && next == UINT64_MAX)
            break;
        l->now_ns = first == SIZE_MAX ? next : l->in_flight[first].at_ns;
        if (first == SIZE_MAX) {
            if (vc_dtls_client_due(&c) <= l->now_ns) {
                failed |= vc_dtls_client_tick(&c, l->now_ns, &out, &fail) < 0;
                put(l, TO_GATEWAY, out.datagram, out.len);
            }
            if (vc_dtls_gateway_due(&o.pending) <= l->now_ns) {
                o.failed += vc_dtls_gateway_tick(&o.pending, l->now_ns, &out, &fail) < 0;
                put(l, TO_CLIENT, out.datagram, out.len);
            }
            continue;
        }
        struct datagram d = l->in_flight[first];
        l->in_flight[first] = l->in_flight[--l->n];
        if (d.to == TO_GATEWAY) {
            gateway_takes(&o, l, &d);
        } else if (complete) {
            late(&done, d.bytes, d.len, &out);
            put(l, TO_GATEWAY, out.datagram, out.len);
        } else {
            int step = vc_dtls_client_datagram(&c, d.bytes, d.len, l->now_ns, &out, &done, &fail);
            put(l, TO_GATEWAY, out.datagram, out.len);
            if (step == VC_DTLS_STEP_COMPLETE) {
                complete = true;
                what->took_ns = l->now_ns;
            }
            failed |= step < 0;
        }
    }

    assert_case(v->name, complete != failed);
    if (failed)
        assert_true(fail.cause == VC_CAUSE_DTLS_HANDSHAKE || fail.cause == VC_CAUSE_DTLS_UNANSWERED ||
                    fail.cause == VC_CAUSE_DTLS_ONE_WAY);
    what->client_done = complete;
    what->gateway_done = o.complete;
    what->started = o.started;
    if (complete && o.complete) {
        assert_memory_equal(o.done.late.client_random, random, sizeof(random));
        assert_memory_equal(done.send.key, o.done.recv.key, VC_AEAD_KEY_MAX);
        assert_memory_equal(done.recv.key, o.done.send.key, VC_AEAD_KEY_MAX);
        assert_memory_equal(done.send.iv, o.done.recv.iv, VC_AEAD_NONCE);
        assert_memory_equal(done.recv.iv, o.done.send.iv, VC_AEAD_NONCE);
        assert_memory_not_equal(done.send.key, done.recv.key, 16);
        assert_int_equal(done.suite, o.done.suite);
        assert_int_equal(done.ems, o.done.ems);
        assert_true(done.send.seq >= o.done.recv.seq && o.done.send.seq >= done.recv.seq);
    }
}

static void variants(struct variant *out, size_t *n)
{
    // clang-format off
    static const struct { const char *name; uint8_t mode, aead; uint16_t suite; bool cookie, ems; } all[] = {
        {"AES128-GCM",             VC_DTLS_MODE_RESUME, 0, 0x009c, false, true},
        {"AES256-GCM, cookie",     VC_DTLS_MODE_RESUME, 0, 0x009d, true,  true},
        {"DHE AES128",             VC_DTLS_MODE_RESUME, 0, 0x009e, false, true},
        {"DHE AES256",             VC_DTLS_MODE_RESUME, 0, 0x009f, false, true},
        {"ECDHE-ECDSA AES128",     VC_DTLS_MODE_RESUME, 0, 0xc02b, true,  true},
        {"ECDHE-ECDSA AES256",     VC_DTLS_MODE_RESUME, 0, 0xc02c, false, true},
        {"ECDHE-RSA AES128",       VC_DTLS_MODE_RESUME, 0, 0xc02f, false, true},
        {"ECDHE-RSA AES256",       VC_DTLS_MODE_RESUME, 0, 0xc030, true,  true},
        {"ECDHE-RSA ChaCha",       VC_DTLS_MODE_RESUME, 0, 0xcca8, false, true},
        {"ECDHE-ECDSA ChaCha",     VC_DTLS_MODE_RESUME, 0, 0xcca9, true,  true},
        {"DHE ChaCha",             VC_DTLS_MODE_RESUME, 0, 0xccaa, false, true},
        {"OC2 ChaCha",             VC_DTLS_MODE_RESUME, 0, 0xccab, true,  true},
        {"PSK",                    VC_DTLS_MODE_PSK, VC_AEAD_NONE, 0, false, true},
        {"PSK AES128, no EMS",     VC_DTLS_MODE_PSK, VC_AEAD_AES_128_GCM, 0, false, false},
        {"PSK AES256, cookie",     VC_DTLS_MODE_PSK, VC_AEAD_AES_256_GCM, 0, true, true},
        {"PSK ChaCha, cookie, no EMS", VC_DTLS_MODE_PSK, VC_AEAD_CHACHA20_POLY1305, 0, true, false},
    };
    // clang-format on
    *n = sizeof(all) / sizeof(all[0]);
    for (size_t i = 0; i < *n; i++) {
        out[i] = (struct variant){
            .name = all[i].name,
            .cookie = all[i].cookie,
            .ems = all[i].ems,
            .terms = {
                .mode = all[i].mode, .aead = all[i].aead, .suite = all[i].suite, .id_len = VC_DTLS_SESSION_ID_MAX}};
        memset(out[i].terms.secret, 0x30 + (int)i, VC_DTLS_MASTER);
        memset(out[i].terms.id, 0x60 + (int)i, VC_DTLS_SESSION_ID_MAX);
    }
}

static void test_quiet_link(void **state)
{
    struct variant all[32];
    size_t n;
    (void)state;
    variants(all, &n);
    for (size_t i = 0; i < n; i++) {
        struct link l = {.random = 1 + i};
        struct outcome what;
        bool psk = all[i].terms.mode == VC_DTLS_MODE_PSK;
        run(&all[i], &l, &what);
        assert_case(all[i].name, what.client_done && what.gateway_done && what.started == 1);
        assert_case(all[i].name, what.took_ns == (40 + (all[i].cookie ? 40 : 0) + (psk ? 40 : 0)) * MS);
        assert_case(all[i].name, l.sent[TO_GATEWAY] == (all[i].cookie ? 3 : 2));
        assert_case(all[i].name, l.sent[TO_CLIENT] == 1u + (all[i].cookie ? 1 : 0) + (psk ? 1 : 0));
    }
}

static unsigned running; /* the seed, while one runs */

static int tell_seed(void **state)
{
    (void)state;
    if (running)
        print_message("the seed was %u\n", running);
    return 0;
}

static void test_lossy_link(void **state)
{
    struct variant all[32];
    size_t n;
    const char *asked = getenv("VARCO_SEEDS");
    unsigned seeds = asked ? (unsigned)strtoul(asked, NULL, 10) : 3000;
    unsigned completed = 0, both = 0;
    (void)state;
    variants(all, &n);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        struct link l = {.random = seed * 0x9e3779b97f4a7c15u + 1};
        struct outcome what;
        l.loss = (unsigned)(test_random(&l.random) % 60);
        l.twice = (unsigned)(test_random(&l.random) % 40);
        l.late = (unsigned)(test_random(&l.random) % 60);
        running = seed;
        run(&all[seed % n], &l, &what);
        completed += what.client_done;
        both += what.client_done && what.gateway_done;
    }
    running = 0;
    print_message("%u seeds: %u complete at the client, %u at both\n", seeds, completed, both);
    assert_true(completed > seeds * 8 / 10);
    assert_true(both > completed * 8 / 10);
}

static void test_dead_link(void **state)
{
    struct variant all[32];
    size_t n;
    (void)state;
    variants(all, &n);
    for (size_t i = 0; i < n; i++) {
        struct link l = {.random = 1 + i, .loss = 100};
        struct outcome what;
        run(&all[i], &l, &what);
        assert_case(all[i].name, !what.client_done && what.started == 0);
        assert_case(all[i].name, l.sent[TO_GATEWAY] == VC_DTLS_TRIES && l.now_ns == 31000 * MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quiet_link),
                                       cmocka_unit_test_teardown(test_lossy_link, tell_seed),
                                       cmocka_unit_test(test_dead_link)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
