#include "wire/tls_record.h"
#include "table.h"

static const struct {
    const char *name;
    enum vc_tls_version version;
    enum vc_aead_alg alg;
    enum vc_hash hash;
    size_t head, overhead;
} suites[] = {
    {"ECDHE-RSA-AES128-GCM-SHA256", VC_TLS_1_2, VC_AEAD_AES_128_GCM, VC_HASH_SHA256, 13, 29},
    {"ECDHE-RSA-AES256-GCM-SHA384", VC_TLS_1_2, VC_AEAD_AES_256_GCM, VC_HASH_SHA384, 13, 29},
    {"ECDHE-RSA-CHACHA20-POLY1305", VC_TLS_1_2, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256, 5, 21},
    {"TLS_AES_128_GCM_SHA256", VC_TLS_1_3, VC_AEAD_AES_128_GCM, VC_HASH_SHA256, 5, 22},
    {"TLS_AES_256_GCM_SHA384", VC_TLS_1_3, VC_AEAD_AES_256_GCM, VC_HASH_SHA384, 5, 22},
    {"TLS_CHACHA20_POLY1305_SHA256", VC_TLS_1_3, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256, 5, 22},
};
#define N_SUITES (sizeof(suites) / sizeof(*suites))

static void fill(uint8_t *to, size_t n, uint64_t *rnd)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)test_random(rnd);
}

static void same_bytes(const json_t *v, const char *key, const uint8_t *got)
{
    size_t n;
    uint8_t *want = vector_bytes(v, key, &n);
    assert_case(key, memcmp(want, got, n) == 0);
    free(want);
}

/* Seals what the vector has in the clear, opens what it has sealed. */
static void one_record(const json_t *v, struct vc_tls_dir dir, uint8_t type)
{
    size_t n, record_n, used, want;
    uint8_t *plain = vector_bytes(v, "plain", &n), *record = vector_bytes(v, "record", &record_n);
    struct vc_aead *aead = vc_aead_new(dir.alg, dir.key, VC_AEAD_AUTO);
    struct vc_tls_dir send = dir, receive = dir;
    uint8_t *buf = malloc(n + vc_tls_overhead(&dir));
    assert_true(aead && buf);
    memcpy(buf + vc_tls_head(&dir), plain, n);
    struct vc_tls_record rec = {.type = type, .body = buf + vc_tls_head(&dir), .len = n};
    send.explicit_next = send.seq; /* the vectors count the nonce as the records */
    assert_int_equal(vc_tls_seal(&send, aead, &rec, 1), 1);
    assert_int_equal(send.seq, dir.seq + 1);
    assert_int_equal(rec.raw_len, record_n);
    assert_ptr_equal(rec.raw, buf);
    assert_memory_equal(rec.raw, record, record_n);
    free(buf);

    enum vc_tls_fault fault;
    assert_int_equal(vc_tls_scan(&receive, record, record_n, &rec, 1, &used, &want, &fault), 1);
    assert_int_equal(used, record_n);
    assert_int_equal(vc_tls_open(&receive, aead, &rec, 1, &fault), 1);
    assert_int_equal(rec.type, type);
    assert_int_equal(rec.len, n);
    assert_memory_equal(rec.body, plain, n);
    assert_int_equal(receive.seq, dir.seq + 1);
    vc_aead_free(aead);
    free(plain);
    free(record);
}

static void known_12(void **state)
{
    (void)state;
    const json_t *all = json_object_get(vectors(), "tls12_records"), *v;
    size_t i, found = 0, n;
    json_array_foreach(all, i, v)
    {
        for (size_t s = 0; s < N_SUITES; s++) {
            if (strcmp(vector_text(v, "suite"), suites[s].name) != 0)
                continue;
            struct vc_tls_dir client, server;
            uint8_t *master = vector_bytes(v, "master_secret", &n), *cr = vector_bytes(v, "client_random", &n);
            uint8_t *sr = vector_bytes(v, "server_random", &n);
            assert_int_equal(vc_tls_dirs_12(suites[s].alg, suites[s].hash, master, cr, sr, &client, &server), 0);
            same_bytes(v, "client_key", client.key);
            same_bytes(v, "server_key", server.key);
            same_bytes(v, "client_iv", client.iv);
            same_bytes(v, "server_iv", server.iv);
            assert_int_equal(client.seq + server.seq + client.explicit_next, 0);
            client.seq = (uint64_t)json_integer_value(json_object_get(v, "seq"));
            one_record(v, client, VC_TLS_DATA);
            free(master);
            free(cr);
            free(sr);
            found++;
        }
    }
    assert_int_equal(found, 6);
}

static void known_13(void **state)
{
    (void)state;
    const json_t *all = json_object_get(vectors(), "tls13_records"), *v, *gen, *rec;
    size_t i, g, k, found = 0, n;
    json_array_foreach(all, i, v)
    {
        struct vc_tls_dir dir = {0};
        size_t s = 0;
        while (strcmp(vector_text(v, "suite"), suites[s].name) != 0)
            assert_true(++s < N_SUITES);
        json_array_foreach(json_object_get(v, "generations"), g, gen)
        {
            if (g == 0) {
                uint8_t *secret = vector_bytes(gen, "traffic_secret", &n);
                assert_int_equal(n, vc_hash_len(suites[s].hash));
                assert_int_equal(vc_tls_dir_13(&dir, suites[s].alg, suites[s].hash, secret, 0), 0);
                free(secret);
            } else {
                dir.seq = 77;
                assert_int_equal(vc_tls_key_update(&dir), 0);
                assert_int_equal(dir.seq, 0);
            }
            same_bytes(gen, "traffic_secret", dir.secret);
            same_bytes(gen, "key", dir.key);
            same_bytes(gen, "iv", dir.iv);
            json_array_foreach(json_object_get(gen, "records"), k, rec)
            {
                dir.seq = (uint64_t)json_integer_value(json_object_get(rec, "seq"));
                one_record(rec, dir, (uint8_t)json_integer_value(json_object_get(rec, "inner_type")));
                found++;
            }
        }
    }
    assert_int_equal(found, 15);
}

/* The stream of a generation, KeyUpdate in its middle, opened as it would be by whoever owns it. */
static void through_a_key_update(void **state)
{
    (void)state;
    const json_t *v = json_array_get(json_object_get(vectors(), "tls13_records"), 1), *gen, *rec;
    uint8_t stream[1024];
    size_t len = 0, g, k, n, used, want, updates = 0, data = 0;
    struct vc_tls_dir dir;
    json_array_foreach(json_object_get(v, "generations"), g, gen)
        json_array_foreach(json_object_get(gen, "records"), k, rec)
    {
        uint8_t *p = vector_bytes(rec, "record", &n);
        assert_true(len + n <= sizeof(stream));
        memcpy(stream + len, p, n);
        len += n;
        free(p);
    }
    uint8_t *secret = vector_bytes(json_array_get(json_object_get(v, "generations"), 0), "traffic_secret", &n);
    assert_int_equal(vc_tls_dir_13(&dir, VC_AEAD_AES_256_GCM, VC_HASH_SHA384, secret, 0), 0);
    struct vc_aead *aead = vc_aead_new(dir.alg, dir.key, VC_AEAD_AUTO);
    struct vc_tls_record recs[8];
    enum vc_tls_fault fault;
    size_t found = vc_tls_scan(&dir, stream, len, recs, 8, &used, &want, &fault);
    assert_int_equal(found, 5);
    assert_int_equal(used, len);
    for (size_t done = 0; done < found;) {
        size_t got = vc_tls_open(&dir, aead, recs + done, found - done, &fault);
        assert_int_equal(fault, VC_TLS_FINE);
        assert_true(got > 0);
        done += got;
        if (recs[done - 1].type == VC_TLS_HANDSHAKE) {
            assert_int_equal(recs[done - 1].len, 5);
            assert_memory_equal(recs[done - 1].body, "\x18\0\0\x01\0", 5);
            assert_int_equal(vc_tls_key_update(&dir), 0);
            vc_aead_free(aead);
            aead = vc_aead_new(dir.alg, dir.key, VC_AEAD_AUTO);
            updates++;
            got--;
        }
        data += got;
    }
    assert_int_equal(updates, 1);
    assert_int_equal(data, 4);
    assert_int_equal(dir.seq, 2);
    vc_aead_free(aead);
    free(secret);
}

static void makers_refuse(void **state)
{
    (void)state;
    static const struct vc_tls_dir zero;
    struct vc_tls_dir a, b;
    uint8_t s[48] = {0};
    assert_int_equal(vc_tls_dir_13(&a, VC_AEAD_NONE, VC_HASH_SHA256, s, 0), -1);
    assert_memory_equal(&a, &zero, sizeof(a));
    assert_int_equal(vc_tls_dir_13(&a, VC_AEAD_AES_128_GCM, VC_HASH_SHA1, s, 0), -1);
    assert_memory_equal(&a, &zero, sizeof(a));
    assert_int_equal(vc_tls_dirs_12(VC_AEAD_NONE, VC_HASH_SHA256, s, s, s, &a, &b), -1);
    assert_int_equal(vc_tls_dirs_12(VC_AEAD_AES_128_GCM, VC_HASH_MD5_SHA1, s, s, s, &a, &b), -1);
    assert_memory_equal(&a, &zero, sizeof(a));
    assert_memory_equal(&b, &zero, sizeof(b));
}

/* Trains in every suite: sealed together, scanned in pieces that end anywhere, opened, compared. */
static void trains(void **state)
{
    (void)state;
    enum { N = 70, ROOM = N * 2048 + 3 * (VC_TLS_RECORD_MAX + 1) };
    uint64_t rnd = 20;
    uint8_t *plain = malloc(ROOM), *stream = malloc(ROOM);
    assert_true(plain && stream);
    for (size_t s = 0; s < N_SUITES; s++) {
        struct vc_tls_dir send = {.version = (uint16_t)suites[s].version, .alg = (uint8_t)suites[s].alg, .seq = 5};
        fill(send.key, sizeof(send.key), &rnd);
        fill(send.iv, sizeof(send.iv), &rnd);
        struct vc_tls_dir receive = send;
        send.explicit_next = UINT64_MAX - 3; /* runs over: any 8 bytes may stand there */
        struct vc_aead *aead = vc_aead_new(send.alg, send.key, VC_AEAD_AUTO);
        struct vc_tls_record out[N], in[N];
        size_t len = 0, plain_len = 0, head = vc_tls_head(&send);
        assert_non_null(aead);
        assert_int_equal(head, suites[s].head);
        assert_int_equal(vc_tls_overhead(&send), suites[s].overhead);
        for (size_t i = 0; i < N; i++) {
            size_t n = i == 3 ? 0 : i == 4 || i == N - 1 ? VC_TLS_PLAIN_MAX : (size_t)(test_random(&rnd) % 1500);
            fill(plain + plain_len, n, &rnd);
            out[i] = (struct vc_tls_record){
                .type = (uint8_t)(i % 10 == 9 ? VC_TLS_HANDSHAKE : VC_TLS_DATA), .body = stream + len + head, .len = n};
            memcpy(out[i].body, plain + plain_len, n);
            plain_len += n;
            len += n + vc_tls_overhead(&send);
        }
        assert_int_equal(vc_tls_seal(&send, aead, out, N), N);
        assert_int_equal(send.seq, 5 + N);
        size_t at = 0, arrived = 0, taken = 0, plain_at = 0;
        while (taken < N) {
            arrived += (size_t)(test_random(&rnd) % 4000);
            arrived = arrived > len ? len : arrived;
            size_t used, want, done = 0;
            enum vc_tls_fault fault;
            uint8_t *piece = exact(stream + at, arrived - at);
            size_t n = vc_tls_scan(&receive, piece, arrived - at, in, N, &used, &want, &fault);
            assert_int_equal(fault, VC_TLS_FINE);
            if (want > 0)
                assert_int_equal(want, out[taken + n].raw_len);
            while (done < n) {
                size_t got = vc_tls_open(&receive, aead, in + done, n - done, &fault);
                assert_int_equal(fault, VC_TLS_FINE);
                assert_true(got > 0);
                for (size_t i = done; i < done + got; i++, taken++) {
                    assert_int_equal(in[i].type, out[taken].type);
                    assert_int_equal(in[i].len, out[taken].len);
                    assert_memory_equal(in[i].body, plain + plain_at, in[i].len);
                    plain_at += in[i].len;
                }
                done += got;
            }
            at += used;
            free(piece);
        }
        assert_int_equal(at, len);
        assert_int_equal(receive.seq, send.seq);
        vc_aead_free(aead);
    }
    free(plain);
    free(stream);
}

static void scans(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes in;
        struct {
            size_t n, used, want;
            enum vc_tls_fault fault;
        } v12, v13; /* with AES-GCM: least 24 and 17 bytes */
    } cases[] = {
        {"nothing", BYTES(""), {0, 0, 0, 0}, {0, 0, 0, 0}},
        {"4 bytes of a header", BYTES("\x17\x03\x03\0"), {0, 0, 0, 0}, {0, 0, 0, 0}},
        {"a header", BYTES("\x17\x03\x03\0\x20"), {0, 0, 37, 0}, {0, 0, 37, 0}},
        {"all but a byte",
         BYTES("\x17\x03\x03\0\x18"
               "12345678901234567890123"),
         {0, 0, 29, 0},
         {0, 0, 29, 0}},
        {"one",
         BYTES("\x17\x03\x03\0\x18"
               "123456789012345678901234"),
         {1, 29, 0, 0},
         {1, 29, 0, 0}},
        {"one and a half",
         BYTES("\x17\x03\x03\0\x18"
               "123456789012345678901234\x17\x03\x03\x01\x18"
               "abc"),
         {1, 29, 285, 0},
         {1, 29, 285, 0}},
        {"one and a CCS",
         BYTES("\x17\x03\x03\0\x18"
               "123456789012345678901234\x14\x03\x03\0\x01\x01"),
         {1, 29, 0, VC_TLS_BAD_TYPE},
         {1, 29, 0, VC_TLS_BAD_TYPE}},
        {"an alert",
         BYTES("\x15\x03\x03\0\x18"
               "123456789012345678901234"),
         {1, 29, 0, 0},
         {0, 0, 0, VC_TLS_BAD_TYPE}},
        {"a handshake", BYTES("\x16\x03\x03\0\x18"), {0, 0, 29, 0}, {0, 0, 0, VC_TLS_BAD_TYPE}},
        {"heartbeat", BYTES("\x18\x03\x03\0\x18"), {0, 0, 0, VC_TLS_BAD_TYPE}, {0, 0, 0, VC_TLS_BAD_TYPE}},
        {"TLS 1.1", BYTES("\x17\x03\x02\0\x18"), {0, 0, 0, VC_TLS_BAD_VERSION}, {0, 0, 0, VC_TLS_BAD_VERSION}},
        {"TLS 1.3 in the header",
         BYTES("\x17\x03\x04\0\x18"),
         {0, 0, 0, VC_TLS_BAD_VERSION},
         {0, 0, 0, VC_TLS_BAD_VERSION}},
        {"HTTP", BYTES("GET / HTTP/1.1"), {0, 0, 0, VC_TLS_BAD_TYPE}, {0, 0, 0, VC_TLS_BAD_TYPE}},
        {"24", BYTES("\x17\x03\x03\0\x18"), {0, 0, 29, 0}, {0, 0, 29, 0}},
        {"23", BYTES("\x17\x03\x03\0\x17"), {0, 0, 0, VC_TLS_TOO_SHORT}, {0, 0, 28, 0}},
        {"17", BYTES("\x17\x03\x03\0\x11"), {0, 0, 0, VC_TLS_TOO_SHORT}, {0, 0, 22, 0}},
        {"16", BYTES("\x17\x03\x03\0\x10"), {0, 0, 0, VC_TLS_TOO_SHORT}, {0, 0, 0, VC_TLS_TOO_SHORT}},
        {"2^14 + 17", BYTES("\x17\x03\x03\x40\x11"), {0, 0, 16406, 0}, {0, 0, 16406, 0}},
        {"2^14 + 18", BYTES("\x17\x03\x03\x40\x12"), {0, 0, 16407, 0}, {0, 0, 0, VC_TLS_TOO_LONG}},
        {"2^14 + 24", BYTES("\x17\x03\x03\x40\x18"), {0, 0, 16413, 0}, {0, 0, 0, VC_TLS_TOO_LONG}},
        {"2^14 + 25", BYTES("\x17\x03\x03\x40\x19"), {0, 0, 0, VC_TLS_TOO_LONG}, {0, 0, 0, VC_TLS_TOO_LONG}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (int v13 = 0; v13 < 2; v13++) {
            struct vc_tls_dir dir = {.version = v13 ? VC_TLS_1_3 : VC_TLS_1_2, .alg = VC_AEAD_AES_128_GCM};
            struct vc_tls_record recs[4];
            size_t used = 9, want = 9;
            enum vc_tls_fault fault;
            uint8_t *in = exact(cases[i].in.at, cases[i].in.len);
            size_t n = vc_tls_scan(&dir, in, cases[i].in.len, recs, 4, &used, &want, &fault);
            assert_case(cases[i].name, n == (v13 ? cases[i].v13.n : cases[i].v12.n));
            assert_case(cases[i].name, used == (v13 ? cases[i].v13.used : cases[i].v12.used));
            assert_case(cases[i].name, want == (v13 ? cases[i].v13.want : cases[i].v12.want));
            assert_case(cases[i].name, fault == (v13 ? cases[i].v13.fault : cases[i].v12.fault));
            free(in);
        }
    /* as many as fit, then the rest */
    uint8_t many[5 * 22];
    struct vc_tls_dir dir = {.version = VC_TLS_1_3, .alg = VC_AEAD_AES_128_GCM};
    struct vc_tls_record recs[3];
    size_t used, want;
    enum vc_tls_fault fault;
    for (size_t i = 0; i < sizeof(many); i += 22)
        memcpy(many + i,
               "\x17\x03\x03\0\x11"
               "12345678901234567",
               22);
    assert_int_equal(vc_tls_scan(&dir, many, sizeof(many), recs, 3, &used, &want, &fault), 3);
    assert_int_equal(used, 66);
    assert_int_equal(want, 0);
    assert_int_equal(vc_tls_scan(&dir, many + used, sizeof(many) - used, recs, 3, &used, &want, &fault), 2);
    assert_int_equal(used, 44);
}

/* What a peer with the right keys may still do wrong, and what somebody without them does. Sealed here by hand: our own
 * sealing cannot make these. */
static void opens(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes inner; /* content, type, padding */
        enum vc_tls_fault fault;
        uint8_t type;
        size_t len;
    } cases[] = {
        {"data", BYTES("abc\x17"), VC_TLS_FINE, 23, 3},
        {"data, padded", BYTES("abc\x17\0\0\0\0"), VC_TLS_FINE, 23, 3},
        {"data that ends in zeros", BYTES("a\0\0\x17\0"), VC_TLS_FINE, 23, 3},
        {"empty data", BYTES("\x17"), VC_TLS_FINE, 23, 0},
        {"empty, padded", BYTES("\x17\0\0"), VC_TLS_FINE, 23, 0},
        {"an alert", BYTES("\x01\0\x15"), VC_TLS_FINE, 21, 2},
        {"only padding", BYTES("\0\0\0"), VC_TLS_NO_INNER, 0, 0},
        {"a byte of it", BYTES("\0"), VC_TLS_NO_INNER, 0, 0},
        {"CCS inside", BYTES("\x01\x14"), VC_TLS_NO_INNER, 0, 0},
        {"a type that does not exist", BYTES("abc\x18"), VC_TLS_NO_INNER, 0, 0},
    };
    struct vc_tls_dir dir = {.version = VC_TLS_1_3, .alg = VC_AEAD_CHACHA20_POLY1305};
    struct vc_aead *aead = vc_aead_new(dir.alg, dir.key, VC_AEAD_AUTO);
    assert_non_null(aead);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (int spoilt = 0; spoilt < 2; spoilt++) {
            uint8_t rec_bytes[64] = {0x17, 3, 3, 0, (uint8_t)(cases[i].inner.len + VC_AEAD_TAG)};
            size_t len = cases[i].inner.len, used, want;
            memcpy(rec_bytes + 5, cases[i].inner.at, len);
            struct vc_aead_op op = {
                .aad = rec_bytes, .aad_len = 5, .data = rec_bytes + 5, .len = len, .tag = rec_bytes + 5 + len};
            dir.seq = 0; /* key and iv are zero, and so is the nonce */
            vc_aead_seal(aead, &op, 1);
            rec_bytes[5 + len + 3] ^= (uint8_t)spoilt;
            struct vc_tls_record rec;
            enum vc_tls_fault fault;
            assert_int_equal(vc_tls_scan(&dir, rec_bytes, 21 + len, &rec, 1, &used, &want, &fault), 1);
            size_t n = vc_tls_open(&dir, aead, &rec, 1, &fault);
            if (spoilt) {
                assert_case(cases[i].name, n == 0 && fault == VC_TLS_BAD_TAG && dir.seq == 0);
                assert_int_equal(rec.body[0], 0);
                continue;
            }
            assert_case(cases[i].name, fault == cases[i].fault && n == (fault == VC_TLS_FINE));
            if (fault == VC_TLS_FINE)
                assert_case(cases[i].name, rec.type == cases[i].type && rec.len == cases[i].len);
        }
    /* records that no scan would give: refused all the same */
    struct vc_tls_record odd = {.type = VC_TLS_DATA, .body = (uint8_t[16]){0}, .len = 15};
    enum vc_tls_fault fault;
    assert_int_equal(vc_tls_open(&dir, aead, &odd, 1, &fault), 0);
    assert_int_equal(fault, VC_TLS_TOO_SHORT);
    static uint8_t big[VC_TLS_PLAIN_MAX + 18];
    odd = (struct vc_tls_record){.type = VC_TLS_DATA, .body = big, .len = sizeof(big)};
    assert_int_equal(vc_tls_open(&dir, aead, &odd, 1, &fault), 0);
    assert_int_equal(fault, VC_TLS_TOO_LONG);
    vc_aead_free(aead);
}

static void faults(void **state)
{
    (void)state;
    assert_string_equal(vc_tls_fault_name(VC_TLS_BAD_TAG), "bad-tag");
    assert_int_equal(vc_tls_fault_alert(VC_TLS_BAD_TAG), 20);
    assert_int_equal(vc_tls_fault_alert(VC_TLS_TOO_LONG), 22);
    for (int i = 1; i < VC_TLS_N_FAULTS; i++) {
        assert_non_null(vc_tls_fault_name((enum vc_tls_fault)i));
        assert_true(vc_tls_fault_alert((enum vc_tls_fault)i) > 0);
    }
}

static void limits(void **state)
{
    (void)state;
    struct vc_tls_dir dir = {.version = VC_TLS_1_3, .alg = VC_AEAD_AES_256_GCM, .seq = ((uint64_t)1 << 28) - 1};
    assert_int_equal(vc_tls_limit(&dir, 1400), VC_KEY_GOOD);
    dir.seq++;
    assert_int_equal(vc_tls_limit(&dir, 1400), VC_KEY_RENEW);
    assert_int_equal(vc_tls_limit(&dir, 9000), VC_KEY_SPENT);
    struct vc_aead *aead = vc_aead_new(dir.alg, dir.key, VC_AEAD_AUTO);
    uint8_t bufs[3][VC_TLS_HEAD_MAX + VC_TLS_TAIL_MAX];
    struct vc_tls_record recs[3];
    assert_non_null(aead);
    for (size_t i = 0; i < 3; i++)
        recs[i] = (struct vc_tls_record){.type = VC_TLS_DATA, .body = bufs[i] + VC_TLS_HEAD_MAX};
    dir.seq = vc_key_end(dir.alg) - 2;
    assert_int_equal(vc_tls_seal(&dir, aead, recs, 3), 2);
    assert_null(recs[2].raw);
    assert_int_equal(vc_tls_seal(&dir, aead, recs + 2, 1), 0);
    dir.seq = UINT64_MAX;
    assert_int_equal(vc_tls_seal(&dir, aead, recs + 2, 1), 0);
    vc_aead_free(aead);
}

static void packs(void **state)
{
    (void)state;
    uint64_t rnd = 77;
    for (size_t s = 0; s < N_SUITES; s++) {
        struct vc_tls_dir dir, back;
        uint8_t secret[48], buf[sizeof(dir)], again[sizeof(dir)];
        fill(secret, sizeof(secret), &rnd);
        if (suites[s].version == VC_TLS_1_3)
            assert_int_equal(vc_tls_dir_13(&dir, suites[s].alg, suites[s].hash, secret, 3), 0);
        else
            assert_int_equal(vc_tls_dirs_12(suites[s].alg, suites[s].hash, secret, secret, secret, &back, &dir), 0);
        dir.seq = test_random(&rnd);
        dir.explicit_next = test_random(&rnd);
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_tls_dir_pack(&dir, &w);
        assert_false(w.bad);
        size_t n = vc_written(&w);
        for (size_t cut = 0; cut <= n; cut++) {
            void *p = exact(buf, n - cut);
            struct vc_reader r = vc_reader_of(p, n - cut);
            vc_tls_dir_unpack(&back, &r);
            assert_int_equal(vc_reader_done(&r), cut == 0);
            assert_int_equal(back.alg, cut == 0 ? dir.alg : 0);
            free(p);
            if (cut > 0)
                continue;
            assert_memory_equal(back.key, dir.key, sizeof(dir.key));
            assert_memory_equal(back.iv, dir.iv, sizeof(dir.iv));
            assert_memory_equal(back.secret, dir.secret, sizeof(dir.secret));
            assert_true(back.seq == dir.seq && back.explicit_next == dir.explicit_next && back.hash == dir.hash);
            w = vc_writer_to(again, sizeof(again));
            vc_tls_dir_pack(&back, &w);
            assert_int_equal(vc_written(&w), n);
            assert_memory_equal(again, buf, n);
        }
        static const struct {
            const char *name;
            size_t at;
            uint8_t value;
        } bad[] = {{"version", 1, 2}, {"version, high", 0, 4},    {"no cipher", 2, 0}, {"cipher", 2, VC_N_AEADS},
                   {"no hash", 3, 0}, {"SHA-1", 3, VC_HASH_SHA1}, {"hash", 3, 200}};
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
            memcpy(again, buf, n);
            again[bad[i].at] = bad[i].value;
            struct vc_reader r = vc_reader_of(again, n);
            vc_tls_dir_unpack(&back, &r);
            assert_case(bad[i].name, r.bad && back.alg == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_12),      cmocka_unit_test(known_13), cmocka_unit_test(through_a_key_update),
        cmocka_unit_test(makers_refuse), cmocka_unit_test(trains),   cmocka_unit_test(scans),
        cmocka_unit_test(opens),         cmocka_unit_test(faults),   cmocka_unit_test(limits),
        cmocka_unit_test(packs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
