#include "wire/dtls_record.h"
#include "table.h"

static const struct {
    const char *suite;
    enum vc_aead_alg alg;
    enum vc_hash hash;
    size_t overhead;
} suites[] = {
    {"AES128-GCM-SHA256", VC_AEAD_AES_128_GCM, VC_HASH_SHA256, 37},
    {"AES256-GCM-SHA384", VC_AEAD_AES_256_GCM, VC_HASH_SHA384, 37},
    {"CHACHA20-POLY1305", VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256, 29},
};

static void fill(uint8_t *to, size_t n, uint64_t *rnd)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)test_random(rnd);
}

/* 2-tunnel.md 19: keys, and the record sealed and opened */
static void known_records(void **state)
{
    (void)state;
    const json_t *all = json_object_get(vectors(), "dtls_records"), *v;
    size_t i, found = 0;
    json_array_foreach(all, i, v)
    {
        const char *name = vector_text(v, "suite");
        for (size_t s = 0; s < 3; s++) {
            if (strcmp(name, suites[s].suite) != 0)
                continue;
            found++;
            struct vc_dtls_dir client, server;
            size_t n, key_n, iv_n, plain_n, record_n;
            uint8_t *master = vector_bytes(v, "master_secret", &n), *cr = vector_bytes(v, "client_random", &n);
            uint8_t *sr = vector_bytes(v, "server_random", &n), *plain = vector_bytes(v, "plain", &plain_n);
            uint8_t *record = vector_bytes(v, "record", &record_n), *p;
            assert_int_equal(vc_dtls_derive(suites[s].alg, suites[s].hash, master, cr, sr, &client, &server), 0);
            p = vector_bytes(v, "client_key", &key_n);
            assert_case(name, memcmp(client.key, p, key_n) == 0);
            free(p);
            p = vector_bytes(v, "server_key", &key_n);
            assert_case(name, memcmp(server.key, p, key_n) == 0);
            free(p);
            p = vector_bytes(v, "client_iv", &iv_n);
            assert_case(name, memcmp(client.iv, p, iv_n) == 0);
            free(p);
            p = vector_bytes(v, "server_iv", &iv_n);
            assert_case(name, memcmp(server.iv, p, iv_n) == 0);
            free(p);
            struct vc_aead *aead = vc_aead_new(client.alg, client.key, VC_AEAD_AUTO);
            assert_non_null(aead);

            struct vc_dtls_dir send = client;
            size_t head = vc_dtls_head(suites[s].alg);
            uint8_t *buf = malloc(plain_n + suites[s].overhead);
            assert_non_null(buf);
            memcpy(buf + head, plain, plain_n);
            struct vc_dtls_record rec = {.type = VC_DTLS_DATA, .body = buf + head, .len = plain_n};
            send.seq = 1;
            assert_int_equal(vc_dtls_seal(&send, aead, &rec, 1), 1);
            assert_int_equal(send.seq, 2);
            assert_ptr_equal(rec.raw, buf);
            assert_case(name, rec.raw_len == record_n && memcmp(buf, record, record_n) == 0);
            free(buf);

            struct vc_replay window = {0};
            struct vc_dtls_walk walk = vc_dtls_walk_of(record, record_n);
            assert_true(vc_dtls_next(&walk, &rec));
            assert_int_equal(vc_dtls_open(&client, aead, &window, &rec, 1), 1);
            assert_int_equal(rec.state, VC_DTLS_OPENED);
            assert_int_equal(rec.type, VC_DTLS_DATA);
            assert_case(name, rec.len == plain_n && memcmp(rec.body, plain, plain_n) == 0);
            assert_int_equal(client.seq, 2);
            assert_false(vc_dtls_next(&walk, &rec));
            vc_aead_free(aead);
            free(master);
            free(cr);
            free(sr);
            free(plain);
            free(record);
        }
    }
    assert_int_equal(found, 3);
}

static void derive_refuses(void **state)
{
    (void)state;
    uint8_t b[48] = {0};
    struct vc_dtls_dir c, s;
    static const struct vc_dtls_dir zero;
    assert_int_equal(vc_dtls_derive(VC_AEAD_NONE, VC_HASH_SHA256, b, b, b, &c, &s), -1);
    assert_int_equal(vc_dtls_derive(VC_AEAD_AES_128_GCM, VC_HASH_NONE, b, b, b, &c, &s), -1);
    assert_memory_equal(&c, &zero, sizeof(c));
    assert_memory_equal(&s, &zero, sizeof(s));
}

/* Trains of every size and cipher, shuffled, with twins and spoilt ones: each is delivered at most once, and unspoilt.
 */
static void trains(void **state)
{
    (void)state;
    enum { N = 70, ROOM = 16384 + VC_DTLS_HEAD_MAX + VC_DTLS_TAIL_MAX };
    uint64_t rnd = 4711;
    static uint8_t plain[N][16384];
    static uint8_t *bufs[2 * N];
    for (int round = 0; round < 9; round++) {
        enum vc_aead_alg alg = suites[round % 3].alg;
        struct vc_dtls_dir send = {.alg = (uint8_t)alg, .epoch = 1, .seq = round > 2 ? (uint64_t)1 << 31 : 0};
        fill(send.key, vc_aead_key_len(alg), &rnd);
        fill(send.iv, round % 3 < 2 ? 4 : 12, &rnd);
        struct vc_dtls_dir receive = send;
        receive.seq = 0;
        uint64_t first = send.seq;
        struct vc_aead *aead = vc_aead_new(alg, send.key, VC_AEAD_AUTO);
        struct vc_dtls_record recs[N], in[2 * N];
        struct vc_replay window = {0};
        assert_non_null(aead);
        size_t head = vc_dtls_head(alg), overhead = vc_dtls_overhead(alg);
        for (size_t i = 0; i < N; i++) {
            size_t len = i == 0 ? 0 : i == 1 ? 16384 : (size_t)(test_random(&rnd) % 1500);
            fill(plain[i], len, &rnd);
            uint8_t *b = malloc(len + overhead);
            assert_non_null(b);
            memcpy(b + head, plain[i], len);
            recs[i] = (struct vc_dtls_record){
                .type = i % 7 == 0 ? VC_DTLS_ALERT : VC_DTLS_DATA, .body = b + head, .len = len};
        }
        assert_int_equal(vc_dtls_seal(&send, aead, recs, N), N);
        assert_int_equal(send.seq, first + N);
        size_t n = 0, spoilt = 0, twins = 0;
        bool good[N] = {0};
        for (size_t i = 0; i < N; i++) {
            uint64_t r = test_random(&rnd) % 8;
            for (int copies = r == 0 ? 2 : 1; copies > 0; copies--) {
                struct vc_dtls_walk w = vc_dtls_walk_of(bufs[n] = exact(recs[i].raw, recs[i].raw_len), recs[i].raw_len);
                assert_true(vc_dtls_next(&w, &in[n]));
                assert_int_equal(in[n].seq, first + i);
                assert_int_equal(in[n].epoch, 1);
                assert_int_equal(w.left, 0);
                n++;
            }
            twins += r == 0;
            good[i] = r != 1;
            if (r == 1) { /* one bit of the fragment: nonce, data or tag */
                spoilt++;
                uint8_t *b = bufs[n - 1];
                size_t at = VC_DTLS_HEADER + (size_t)(test_random(&rnd) % (recs[i].raw_len - VC_DTLS_HEADER));
                b[at] ^= (uint8_t)(1 << test_random(&rnd) % 8);
            }
            free(recs[i].raw);
        }
        uint8_t *mine[2 * N];
        memcpy(mine, bufs, sizeof(mine));
        for (size_t i = n - 1; i > 0; i--) { /* shuffle */
            size_t k = (size_t)(test_random(&rnd) % (i + 1));
            struct vc_dtls_record t = in[i];
            in[i] = in[k];
            in[k] = t;
        }
        assert_int_equal(vc_dtls_open(&receive, aead, &window, in, n), N - spoilt);
        assert_int_equal(receive.failed, spoilt);
        assert_int_equal(receive.seq, window.next);
        size_t seen_twins = 0;
        for (size_t i = 0; i < n; i++) {
            size_t k = (size_t)(in[i].seq - first);
            seen_twins += in[i].state == VC_DTLS_REPLAYED;
            if (in[i].state == VC_DTLS_FORGED) {
                assert_false(good[k]);
                for (size_t b = 0; b < in[i].len; b++)
                    assert_int_equal(in[i].body[b], 0);
            }
            if (in[i].state != VC_DTLS_OPENED)
                continue;
            assert_true(good[k]);
            good[k] = false; /* once */
            assert_int_equal(in[i].len, recs[k].len);
            assert_int_equal(in[i].type, recs[k].type);
            assert_memory_equal(in[i].body, plain[k], in[i].len);
        }
        assert_int_equal(seen_twins, twins);
        for (size_t i = 0; i < n; i++)
            free(mine[i]);
        vc_aead_free(aead);
    }
}

static void walks(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes in;
        size_t records;
        unsigned skipped;
        uint8_t last_type;
        size_t last_len;
    } cases[] = {
        {"nothing", BYTES(""), 0, 0, 0, 0},
        {"one, plain, 1.2", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x09\0\x02hi"), 1, 0, 22, 2},
        {"one, plain, 1.0 in the header", BYTES("\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x02hi"), 1, 0, 22, 2},
        {"1.0 in epoch 1", BYTES("\x16\xfe\xff\0\x01\0\0\0\0\0\0\0\x02hi"), 0, 1, 0, 0},
        {"an empty fragment", BYTES("\x17\xfe\xfd\0\x01\0\0\0\0\0\0\0\0"), 1, 0, 23, 0},
        {"two", BYTES("\x14\xfe\xfd\0\0\0\0\0\0\0\x01\0\x01\x01\x16\xfe\xfd\0\x01\0\0\0\0\0\0\0\x03xyz"), 2, 0, 22, 3},
        {"strange type, then one",
         BYTES("\x18\xfe\xfd\0\0\0\0\0\0\0\x01\0\x01\x01\x16\xfe\xfd\0\x01\0\0\0\0\0\0\0\x03xyz"), 1, 1, 22, 3},
        {"0x0100, then one", BYTES("\x17\x01\0\0\0\0\0\0\0\0\x01\0\x01\x01\x16\xfe\xfd\0\x01\0\0\0\0\0\0\0\x03xyz"), 1,
         1, 22, 3},
        {"epoch 2, then one",
         BYTES("\x17\xfe\xfd\0\x02\0\0\0\0\0\x01\0\x01\x01\x16\xfe\xfd\0\x01\0\0\0\0\0\0\0\x03xyz"), 1, 1, 22, 3},
        {"one, then a short header", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x09\0\x02hi\x16\xfe\xfd\0\0\0\0\0\0\0\0\0"), 1,
         1, 22, 2},
        {"one, then a long length", BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x09\0\x02hi\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x02x"),
         1, 1, 22, 2},
        {"a CSTP frame", BYTES("STF\x01\0\0\x03\0"), 0, 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t *in = exact(cases[i].in.at, cases[i].in.len), *end = in + cases[i].in.len;
        struct vc_dtls_walk w = vc_dtls_walk_of(in, cases[i].in.len);
        struct vc_dtls_record rec, last = {0};
        size_t n = 0;
        while (vc_dtls_next(&w, &rec)) {
            assert_true(rec.raw >= in && rec.raw + rec.raw_len <= end && rec.body + rec.len == rec.raw + rec.raw_len);
            assert_int_equal(rec.state, VC_DTLS_CLOSED);
            last = rec;
            n++;
        }
        assert_null(rec.raw);
        assert_case(cases[i].name, n == cases[i].records && w.skipped == cases[i].skipped);
        assert_case(cases[i].name, last.type == cases[i].last_type && last.len == cases[i].last_len);
        free(in);
    }
    /* fragments of 2^14 + 2048, and one more */
    static uint8_t big[VC_DTLS_HEADER + VC_DTLS_FRAGMENT_MAX + 1] = {0x17, 0xfe, 0xfd, 0, 1};
    for (size_t over = 0; over < 2; over++) {
        size_t len = VC_DTLS_FRAGMENT_MAX + over;
        struct vc_dtls_record rec;
        big[11] = (uint8_t)(len >> 8);
        big[12] = (uint8_t)len;
        struct vc_dtls_walk w = vc_dtls_walk_of(big, VC_DTLS_HEADER + len);
        assert_int_equal(vc_dtls_next(&w, &rec), over == 0);
        assert_int_equal(w.skipped, over);
    }
}

static void misfits(void **state)
{
    (void)state;
    struct vc_dtls_dir dir = {.alg = VC_AEAD_AES_256_GCM, .epoch = 1};
    struct vc_aead *aead = vc_aead_new(dir.alg, dir.key, VC_AEAD_AUTO);
    static uint8_t body[VC_DTLS_FRAGMENT_MAX];
    const struct {
        const char *name;
        uint16_t version, epoch;
        size_t len;
        enum vc_dtls_state state;
    } cases[] = {
        {"epoch 0", VC_DTLS_1_2, 0, 100, VC_DTLS_MISFIT},
        {"epoch 2", VC_DTLS_1_2, 2, 100, VC_DTLS_MISFIT},
        {"version 1.0", VC_DTLS_1_0, 1, 100, VC_DTLS_MISFIT},
        {"empty", VC_DTLS_1_2, 1, 0, VC_DTLS_MISFIT},
        {"less than the nonce", VC_DTLS_1_2, 1, 7, VC_DTLS_MISFIT},
        {"less than nonce and tag", VC_DTLS_1_2, 1, 23, VC_DTLS_MISFIT},
        {"nonce and tag", VC_DTLS_1_2, 1, 24, VC_DTLS_FORGED},
        {"the longest", VC_DTLS_1_2, 1, 24 + 16384, VC_DTLS_FORGED},
        {"longer", VC_DTLS_1_2, 1, 24 + 16385, VC_DTLS_MISFIT},
    };
    assert_non_null(aead);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct vc_replay window = {0};
        struct vc_dtls_record rec = {
            .type = VC_DTLS_DATA, .version = cases[i].version, .epoch = cases[i].epoch, .seq = 5};
        dir.failed = 0;
        rec.body = exact(body, cases[i].len);
        rec.len = cases[i].len;
        void *block = rec.body;
        assert_int_equal(vc_dtls_open(&dir, aead, &window, &rec, 1), 0);
        assert_case(cases[i].name, rec.state == cases[i].state);
        assert_case(cases[i].name, dir.failed == (cases[i].state == VC_DTLS_FORGED));
        assert_int_equal(window.next, 0); /* never moves for what nobody authenticated */
        assert_int_equal(dir.seq, 0);
        free(block);
    }
    vc_aead_free(aead);
}

static void limits(void **state)
{
    (void)state;
    const uint64_t one = 1;
    const struct {
        const char *name;
        struct vc_dtls_dir dir;
        size_t mtu;
        enum vc_key_limit limit;
    } cases[] = {
        {"new", {.alg = VC_AEAD_AES_128_GCM}, 1406, VC_KEY_GOOD},
        {"records below", {.alg = VC_AEAD_AES_128_GCM, .seq = (one << 28) - 1}, 1406, VC_KEY_GOOD},
        {"records", {.alg = VC_AEAD_AES_128_GCM, .seq = one << 28}, 1406, VC_KEY_RENEW},
        {"records, large MTU", {.alg = VC_AEAD_AES_128_GCM, .seq = one << 28}, 9000, VC_KEY_SPENT},
        {"failed below", {.alg = VC_AEAD_CHACHA20_POLY1305, .failed = (one << 35) - 1}, 1406, VC_KEY_GOOD},
        {"failed", {.alg = VC_AEAD_CHACHA20_POLY1305, .failed = one << 35}, 1406, VC_KEY_RENEW},
        {"failed below the stop", {.alg = VC_AEAD_CHACHA20_POLY1305, .failed = (one << 36) - 1}, 1406, VC_KEY_RENEW},
        {"failed at the stop", {.alg = VC_AEAD_CHACHA20_POLY1305, .failed = one << 36}, 1406, VC_KEY_SPENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_case(cases[i].name, vc_dtls_limit(&cases[i].dir, cases[i].mtu) == cases[i].limit);

    for (size_t s = 0; s < 3; s++) { /* sealing ends with the key */
        struct vc_dtls_dir dir = {.alg = (uint8_t)suites[s].alg, .epoch = 1, .seq = vc_key_end(suites[s].alg) - 2};
        struct vc_aead *aead = vc_aead_new(dir.alg, dir.key, VC_AEAD_AUTO);
        uint8_t bufs[3][VC_DTLS_HEAD_MAX + VC_DTLS_TAIL_MAX];
        struct vc_dtls_record recs[3];
        for (size_t i = 0; i < 3; i++)
            recs[i] = (struct vc_dtls_record){.type = VC_DTLS_DATA, .body = bufs[i] + VC_DTLS_HEAD_MAX};
        assert_non_null(aead);
        assert_int_equal(vc_dtls_seal(&dir, aead, recs, 3), 2);
        assert_null(recs[2].raw);
        assert_int_equal(vc_dtls_seal(&dir, aead, recs + 2, 1), 0);
        assert_int_equal(vc_dtls_head(suites[s].alg) + 16, vc_dtls_overhead(suites[s].alg));
        assert_int_equal(suites[s].overhead, vc_dtls_overhead(suites[s].alg));
        vc_aead_free(aead);
    }
    assert_int_equal(vc_dtls_overhead(VC_AEAD_NONE), 13);
}

static void plain(void **state)
{
    (void)state;
    uint8_t buf[32];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_0, 7, "abc", 3);
    assert_false(w.bad);
    assert_int_equal(vc_written(&w), 16);
    assert_memory_equal(buf,
                        "\x16\xfe\xff\0\0\0\0\0\0\0\x07\0\x03"
                        "abc",
                        16);
    vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, VC_DTLS_SEQ_END, "", 0);
    assert_true(w.bad);
    w = vc_writer_to(buf, sizeof(buf));
    vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, 0, buf, 20);
    assert_true(w.bad);
    static uint8_t big[VC_DTLS_HEADER + VC_DTLS_PLAIN_MAX + 1];
    w = vc_writer_to(big, sizeof(big));
    vc_dtls_put_plain(&w, VC_DTLS_DATA, VC_DTLS_1_2, 0, big, VC_DTLS_PLAIN_MAX + 1);
    assert_true(w.bad);
}

static void packs(void **state)
{
    (void)state;
    uint64_t rnd = 99;
    for (size_t s = 0; s < 3; s++) {
        struct vc_dtls_dir dir, back;
        memset(&dir, 0, sizeof(dir));
        dir.alg = (uint8_t)suites[s].alg;
        dir.epoch = 1;
        dir.seq = VC_DTLS_SEQ_END;
        dir.failed = UINT64_MAX;
        fill(dir.key, vc_aead_key_len(suites[s].alg), &rnd);
        fill(dir.iv, s < 2 ? 4 : 12, &rnd);
        uint8_t buf[sizeof(dir)];
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_dtls_dir_pack(&dir, &w);
        assert_false(w.bad);
        size_t n = vc_written(&w);
        for (size_t cut = 0; cut <= n; cut++) {
            void *p = exact(buf, n - cut);
            struct vc_reader r = vc_reader_of(p, n - cut);
            memset(&back, 0, sizeof(back));
            vc_dtls_dir_unpack(&back, &r);
            assert_int_equal(vc_reader_done(&r), cut == 0);
            if (cut == 0) {
                uint8_t again[sizeof(dir)];
                struct vc_writer w2 = vc_writer_to(again, sizeof(again));
                vc_dtls_dir_pack(&back, &w2);
                assert_int_equal(vc_written(&w2), n);
                assert_memory_equal(again, buf, n);
                assert_memory_equal(back.key, dir.key, sizeof(dir.key));
                assert_int_equal(back.seq, dir.seq);
                assert_int_equal(back.failed, dir.failed);
            } else {
                assert_int_equal(back.alg, 0);
            }
            free(p);
        }
        /* each field that is checked */
        const struct {
            uint8_t alg;
            uint16_t epoch;
            uint64_t seq;
        } bad[] = {{0, 1, 0}, {VC_N_AEADS, 1, 0}, {dir.alg, 0, 0}, {dir.alg, 2, 0}, {dir.alg, 1, VC_DTLS_SEQ_END + 1}};
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
            struct vc_dtls_dir d = dir;
            d.epoch = bad[i].epoch;
            d.seq = bad[i].seq;
            w = vc_writer_to(buf, sizeof(buf));
            vc_dtls_dir_pack(&d, &w);
            buf[0] = bad[i].alg;
            struct vc_reader r = vc_reader_of(buf, vc_written(&w));
            vc_dtls_dir_unpack(&back, &r);
            assert_true(r.bad);
        }
        vc_dtls_dir_wipe(&dir);
        static const struct vc_dtls_dir zero;
        assert_memory_equal(&dir, &zero, sizeof(dir));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_records), cmocka_unit_test(derive_refuses), cmocka_unit_test(trains),
        cmocka_unit_test(walks),         cmocka_unit_test(misfits),        cmocka_unit_test(limits),
        cmocka_unit_test(plain),         cmocka_unit_test(packs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
