#include "session/session.h"
#include "table.h"

static const struct {
    const char *name;
    enum vc_channel_kind tcp;
    enum vc_aead_alg alg;
    bool v6, udp;
    enum vc_dtls_mode mode;
} kinds[] = {
    {"TLS 1.2, v4", VC_CHANNEL_TLS_1_2, VC_AEAD_AES_128_GCM, false, false, VC_DTLS_MODE_NONE},
    {"TLS 1.3, both, DTLS to come", VC_CHANNEL_TLS_1_3, VC_AEAD_AES_256_GCM, true, false, VC_DTLS_MODE_PSK},
    {"TLS 1.3, both, DTLS", VC_CHANNEL_TLS_1_3, VC_AEAD_CHACHA20_POLY1305, true, true, VC_DTLS_MODE_RESUME},
    {"TLS 1.2, DTLS", VC_CHANNEL_TLS_1_2, VC_AEAD_AES_256_GCM, false, true, VC_DTLS_MODE_PSK},
    {"no channel", VC_CHANNEL_NONE, VC_AEAD_NONE, true, false, VC_DTLS_MODE_RESUME},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static struct vc_session make(size_t k)
{
    struct vc_session s = {0};
    uint8_t a[48], b[48];
    enum vc_hash hash = kinds[k].alg == VC_AEAD_AES_256_GCM ? VC_HASH_SHA384 : VC_HASH_SHA256;
    memset(a, 0x5a, sizeof(a));
    memset(b, 0xa5, sizeof(b));
    s.facts = (struct vc_session_facts){.id = 0x1122334455667788,
                                        .generation = 7,
                                        .cstp_mtu = 1406,
                                        .dpd_s = 30,
                                        .keepalive_s = 20,
                                        .idle_s = 1800,
                                        .end_ns = 0xfedcba9876543210,
                                        .key_update_s = 86400,
                                        .switch_to_tcp_s = 25,
                                        .bye_is_logout = true};
    assert_true(vc_ip_parse(VC_STR("10.9.8.7"), &s.facts.v4));
    if (kinds[k].v6) {
        assert_true(vc_ip_parse(VC_STR("fd00::7"), &s.facts.v6));
        s.facts.v6_len = 128;
    }
    if (kinds[k].mode != VC_DTLS_MODE_NONE) {
        s.facts.dtls_mtu = 1434;
        s.facts.terms = (struct vc_dtls_terms){
            .mode = (uint8_t)kinds[k].mode, .aead = VC_AEAD_AES_256_GCM, .suite = 0xc030, .id_len = 32};
        memset(s.facts.terms.secret, 0x77, kinds[k].mode == VC_DTLS_MODE_PSK ? 32 : 48);
        memset(s.facts.terms.id, 0x88, 32);
    }
    s.count = (struct vc_session_counters){1, 2, 3, 4, 5, 6};
    s.data_ns = 99;
    s.tcp.kind = (uint8_t)kinds[k].tcp;
    if (kinds[k].tcp == VC_CHANNEL_TLS_1_2)
        assert_int_equal(vc_tls_dirs_12(kinds[k].alg, hash, a, a, b, &s.tcp.tls.in, &s.tcp.tls.out), 0);
    if (kinds[k].tcp == VC_CHANNEL_TLS_1_3) {
        assert_int_equal(vc_tls_dir_13(&s.tcp.tls.in, kinds[k].alg, hash, a, 11), 0);
        assert_int_equal(vc_tls_dir_13(&s.tcp.tls.out, kinds[k].alg, hash, b, 12), 0);
    }
    if (kinds[k].udp) {
        s.udp.kind = VC_CHANNEL_DTLS_1_2;
        s.udp.mtu = 1434;
        assert_int_equal(vc_dtls_derive(kinds[k].alg, hash, a, a, b, &s.udp.dtls.in, &s.udp.dtls.out), 0);
        assert_true(vc_replay_mark(&s.udp.dtls.window, 500));
        s.udp.dtls.in.seq = 501;
        memset(&s.late.client_random, 0x31, sizeof(s.late.client_random));
        s.late.finished_seq = 2;
        s.late.peer_finished_seq = 2;
        s.late.last = true;
        s.late.seq0 = 4;
    }
    return s;
}

static size_t pack(const struct vc_session *s, uint8_t out[VC_SESSION_PACKED_MAX])
{
    struct vc_writer w = vc_writer_to(out, VC_SESSION_PACKED_MAX);
    vc_session_pack(s, &w);
    assert_false(w.bad);
    return vc_written(&w);
}

/** Unpacks from a block of exactly this size; what is refused leaves nothing behind. */
static bool unpacks(const uint8_t *from, size_t len, struct vc_session *s)
{
    static const struct vc_session none;
    uint8_t *p = exact(from, len);
    struct vc_reader r = vc_reader_of(p, len);
    memset(s, 0xee, sizeof(*s));
    vc_session_unpack(s, &r);
    if (r.bad)
        assert_memory_equal(s, &none, sizeof(none));
    free(p);
    return vc_reader_done(&r);
}

static void there_and_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct vc_session s = make(k), back;
        uint8_t once[VC_SESSION_PACKED_MAX], again[VC_SESSION_PACKED_MAX];
        size_t n = pack(&s, once);
        assert_case(kinds[k].name, unpacks(once, n, &back));
        assert_case(kinds[k].name, pack(&back, again) == n && memcmp(once, again, n) == 0);
        assert_int_equal(back.facts.id, s.facts.id);
        assert_int_equal(back.facts.end_ns, s.facts.end_ns);
        assert_memory_equal(&back.facts.terms, &s.facts.terms, sizeof(s.facts.terms));
        assert_memory_equal(&back.count, &s.count, sizeof(s.count));
        assert_memory_equal(&back.late, &s.late, sizeof(s.late));
        assert_int_equal(back.data_ns, 99);
        vc_session_wipe(&s);
        vc_session_wipe(&s); /* harmless twice */
    }
}

static void cut_short(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct vc_session s = make(k), back;
        uint8_t bytes[VC_SESSION_PACKED_MAX + 1];
        size_t n = pack(&s, bytes);
        for (size_t len = 0; len < n; len++)
            assert_case(kinds[k].name, !unpacks(bytes, len, &back));
        bytes[n] = 0;
        assert_case(kinds[k].name, !unpacks(bytes, n + 1, &back));
        struct vc_writer w = vc_writer_to(bytes, n - 1);
        vc_session_pack(&s, &w);
        assert_true(w.bad);
    }
}

/* One byte changed: refused, or another value that packs to just these bytes. */
static void one_byte_changed(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct vc_session s = make(k), back;
        uint8_t bytes[VC_SESSION_PACKED_MAX], again[VC_SESSION_PACKED_MAX];
        size_t n = pack(&s, bytes);
        for (size_t i = 0; i < n; i++) {
            static const uint8_t flips[] = {0x01, 0x02, 0x04, 0x80, 0xff};
            for (size_t f = 0; f < sizeof(flips); f++) {
                bytes[i] ^= flips[f];
                if (unpacks(bytes, n, &back)) {
                    assert_case(kinds[k].name, pack(&back, again) == n && memcmp(bytes, again, n) == 0);
                    assert_true(vc_session_facts_sane(&back.facts));
                }
                bytes[i] ^= flips[f];
            }
        }
        bytes[0]++; /* another version */
        assert_false(unpacks(bytes, n, &back));
    }
}

static void insane_facts(void **state)
{
    static const char *const names[] = {
        "as they are", "v6 as v4",           "v4 as v6", "prefix of 0", "prefix of 129", "MTU of 0", "MTU too large",
        "DTLS MTU 0",  "DTLS MTU too large", "mode",     "AEAD",        "id of 33",      "id of 0"};
    (void)state;
    for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
        struct vc_session s = make(2);
        struct vc_session_facts *f = &s.facts;
        struct vc_ip v4 = f->v4;
        switch (k) {
        case 1:
            f->v4 = f->v6;
            break;
        case 2:
            f->v6 = v4;
            break;
        case 3:
            f->v6_len = 0;
            break;
        case 4:
            f->v6_len = 129;
            break;
        case 5:
            f->cstp_mtu = 0;
            break;
        case 6:
            f->cstp_mtu = VC_CSTP_PAYLOAD_MAX + 1;
            break;
        case 7:
            f->dtls_mtu = 0;
            break;
        case 8:
            f->dtls_mtu = VC_CSTP_PAYLOAD_MAX + 1;
            break;
        case 9:
            f->terms.mode = VC_N_DTLS_MODES;
            break;
        case 10:
            f->terms.aead = VC_N_AEADS;
            break;
        case 11:
            f->terms.id_len = 33;
            break;
        case 12:
            f->terms.id_len = 0;
            break;
        default:
            break;
        }
        uint8_t bytes[VC_SESSION_PACKED_MAX];
        struct vc_session back;
        size_t n = pack(&s, bytes);
        assert_case(names[k], vc_session_facts_sane(f) == (k == 0));
        assert_case(names[k], unpacks(bytes, n, &back) == (k == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(one_byte_changed),
        cmocka_unit_test(insane_facts),
    };
    return cmocka_run_group_tests_name("session/session", tests, NULL, NULL);
}
