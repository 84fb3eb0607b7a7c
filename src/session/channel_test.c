#include "session/channel.h"
#include "table.h"

static const struct {
    const char *name;
    enum vc_channel_kind kind;
    enum vc_aead_alg alg;
    enum vc_hash hash;
} kinds[] = {
    {"none", VC_CHANNEL_NONE, VC_AEAD_NONE, VC_HASH_NONE},
    {"TLS 1.2, AES-128", VC_CHANNEL_TLS_1_2, VC_AEAD_AES_128_GCM, VC_HASH_SHA256},
    {"TLS 1.2, ChaCha20", VC_CHANNEL_TLS_1_2, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256},
    {"TLS 1.3, AES-256", VC_CHANNEL_TLS_1_3, VC_AEAD_AES_256_GCM, VC_HASH_SHA384},
    {"TLS 1.3, ChaCha20", VC_CHANNEL_TLS_1_3, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256},
    {"DTLS, AES-256", VC_CHANNEL_DTLS_1_2, VC_AEAD_AES_256_GCM, VC_HASH_SHA384},
    {"DTLS, ChaCha20", VC_CHANNEL_DTLS_1_2, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static struct vc_channel make(size_t k)
{
    struct vc_channel c = {.kind = (uint8_t)kinds[k].kind, .mtu = 1406, .peer.port = 50123};
    uint8_t s[48], other[48];
    memset(s, 0x5a, sizeof(s));
    memset(other, 0xa5, sizeof(other));
    assert_true(vc_ip_parse(VC_STR("2001:db8::7"), &c.peer.ip));
    switch (kinds[k].kind) {
    case VC_CHANNEL_NONE:
        c.mtu = 0;
        c.peer = (struct vc_endpoint){0};
        break;
    case VC_CHANNEL_TLS_1_2:
        assert_int_equal(vc_tls_dirs_12(kinds[k].alg, kinds[k].hash, s, s, other, &c.tls.in, &c.tls.out), 0);
        c.tls.in.seq = 7;
        c.tls.out.seq = 9;
        c.tls.out.explicit_next = kinds[k].alg == VC_AEAD_AES_128_GCM ? 0xfffffffffffffffe : 0;
        break;
    case VC_CHANNEL_TLS_1_3:
        assert_int_equal(vc_tls_dir_13(&c.tls.in, kinds[k].alg, kinds[k].hash, s, 11), 0);
        assert_int_equal(vc_tls_dir_13(&c.tls.out, kinds[k].alg, kinds[k].hash, other, 12), 0);
        break;
    case VC_CHANNEL_DTLS_1_2:
        assert_int_equal(vc_dtls_derive(kinds[k].alg, kinds[k].hash, s, s, other, &c.dtls.in, &c.dtls.out), 0);
        c.dtls.out.seq = 5;
        c.dtls.in.failed = 3;
        for (uint64_t seq = 0; seq < 3000; seq += 7)
            assert_true(vc_replay_mark(&c.dtls.window, seq));
        c.dtls.in.seq = c.dtls.window.next;
        break;
    }
    return c;
}

static size_t pack(const struct vc_channel *c, uint8_t out[VC_CHANNEL_PACKED_MAX])
{
    struct vc_writer w = vc_writer_to(out, VC_CHANNEL_PACKED_MAX);
    vc_channel_pack(c, &w);
    assert_false(w.bad);
    return vc_written(&w);
}

static bool unpacks(const uint8_t *from, size_t len, struct vc_channel *c)
{
    static const struct vc_channel none;
    uint8_t *p = exact(from, len);
    struct vc_reader r = vc_reader_of(p, len);
    memset(c, 0xee, sizeof(*c));
    vc_channel_unpack(c, &r);
    if (r.bad)
        assert_memory_equal(c, &none, sizeof(none)); /* no half of a key is left */
    free(p);
    return vc_reader_done(&r);
}

static void there_and_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct vc_channel c = make(k), back;
        uint8_t once[VC_CHANNEL_PACKED_MAX], again[VC_CHANNEL_PACKED_MAX];
        size_t n = pack(&c, once);
        assert_case(kinds[k].name, unpacks(once, n, &back));
        assert_case(kinds[k].name, pack(&back, again) == n && memcmp(once, again, n) == 0);
        assert_case(kinds[k].name, vc_endpoint_eq(&c.peer, &back.peer) && c.mtu == back.mtu && c.kind == back.kind);
        for (size_t cut = 1; cut <= n; cut++)
            assert_case(kinds[k].name, !unpacks(once, n - cut, &back));
        once[0]++; /* a version that is not known */
        assert_case(kinds[k].name, !unpacks(once, n, &back));
    }
}

/* The other process goes on where this one stopped: its record is the next one for the peer. */
static void goes_on(void **state)
{
    (void)state;
    for (size_t k = 1; k < N_KINDS; k++) {
        struct vc_channel c = make(k), moved;
        uint8_t packed[VC_CHANNEL_PACKED_MAX], bufs[2][64];
        assert_true(unpacks(packed, pack(&c, packed), &moved));
        for (size_t i = 0; i < 2; i++) {
            struct vc_channel *owner = i == 0 ? &c : &moved;
            memset(bufs[i], 'x', sizeof(bufs[i]));
            if (kinds[k].kind == VC_CHANNEL_DTLS_1_2) {
                struct vc_aead *a = vc_aead_new(owner->dtls.out.alg, owner->dtls.out.key, VC_AEAD_AUTO);
                struct vc_dtls_record rec = {.type = VC_DTLS_DATA, .body = bufs[i] + VC_DTLS_HEAD_MAX, .len = 20};
                assert_int_equal(vc_dtls_seal(&owner->dtls.out, a, &rec, 1), 1);
                vc_aead_free(a);
            } else {
                struct vc_aead *a = vc_aead_new(owner->tls.out.alg, owner->tls.out.key, VC_AEAD_AUTO);
                struct vc_tls_record rec = {.type = VC_TLS_DATA, .body = bufs[i] + VC_TLS_HEAD_MAX, .len = 20};
                assert_int_equal(vc_tls_seal(&owner->tls.out, a, &rec, 1), 1);
                vc_aead_free(a);
            }
        }
        assert_case(kinds[k].name, memcmp(bufs[0], bufs[1], sizeof(bufs[0])) == 0);
    }
}

static void unpack_refuses(void **state)
{
    (void)state;
    uint8_t packed[VC_CHANNEL_PACKED_MAX];
    struct vc_channel c, out;

    size_t n = (c = make(1), pack(&c, packed));
    packed[1] = VC_CHANNEL_DTLS_1_2 + 1; /* a kind that is not known */
    assert_false(unpacks(packed, n, &out));
    packed[1] = VC_CHANNEL_TLS_1_3; /* directions of another version */
    assert_false(unpacks(packed, n, &out));
    packed[1] = VC_CHANNEL_TLS_1_2;
    assert_true(unpacks(packed, n, &out));

    c.tls.out.version = VC_TLS_1_3;
    assert_false(unpacks(packed, pack(&c, packed), &out));
    c = make(3);
    c.tls.out.alg = VC_AEAD_CHACHA20_POLY1305; /* as long a key, but not the other direction's cipher */
    assert_false(unpacks(packed, pack(&c, packed), &out));
    c = make(4);
    c.tls.in.hash = VC_HASH_SHA384;
    assert_false(unpacks(packed, pack(&c, packed), &out));
    c = make(5);
    c.dtls.out.alg = VC_AEAD_AES_128_GCM;
    assert_false(unpacks(packed, pack(&c, packed), &out));
    c = make(5);
    c.dtls.in.seq++; /* not what the window says */
    assert_false(unpacks(packed, pack(&c, packed), &out));
    c = make(5);
    c.dtls.window.next = 0;
    assert_false(unpacks(packed, pack(&c, packed), &out));
}

static void limit(void **state)
{
    (void)state;
    struct vc_channel c = {0};
    assert_int_equal(vc_channel_limit(&c), VC_KEY_SPENT);
    for (size_t k = 1; k < N_KINDS; k++) {
        for (int out = 0; out < 2; out++) {
            c = make(k);
            assert_case(kinds[k].name, vc_channel_limit(&c) == VC_KEY_GOOD);
            uint64_t *seq = kinds[k].kind == VC_CHANNEL_DTLS_1_2 ? out ? &c.dtls.out.seq : &c.dtls.in.seq
                            : out                                ? &c.tls.out.seq
                                                                 : &c.tls.in.seq;
            *seq = (uint64_t)1 << (kinds[k].alg == VC_AEAD_CHACHA20_POLY1305 ? 47 : 28);
            assert_case(kinds[k].name, vc_channel_limit(&c) == VC_KEY_RENEW);
            *seq = (uint64_t)1 << (kinds[k].alg == VC_AEAD_CHACHA20_POLY1305 ? 48 : 32);
            assert_case(kinds[k].name, vc_channel_limit(&c) == VC_KEY_SPENT);
        }
        vc_channel_wipe(&c);
        static const struct vc_channel none;
        assert_memory_equal(&c, &none, sizeof(c));
        vc_channel_wipe(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(goes_on),
        cmocka_unit_test(unpack_refuses),
        cmocka_unit_test(limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
