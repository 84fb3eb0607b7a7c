/* DTLS through a whole worker: handshakes, replays, strangers, new addresses, and the way back to TLS. */
#include "faults.h"
#include "proto/dtls_gateway.h"
#include "rig.h"

static const struct {
    const char *name;
    enum vc_dtls_mode mode;
    uint16_t suite;
    enum vc_aead_alg psk_aead;
} modes[] = {
    {"resumption, AES-128", VC_DTLS_MODE_RESUME, 0x009c, VC_AEAD_NONE},
    {"resumption, AES-256", VC_DTLS_MODE_RESUME, 0xc030, VC_AEAD_NONE},
    {"resumption, ChaCha20", VC_DTLS_MODE_RESUME, 0xcca8, VC_AEAD_NONE},
    {"PSK, AES-128", VC_DTLS_MODE_PSK, 0, VC_AEAD_AES_128_GCM},
    {"PSK, AES-256", VC_DTLS_MODE_PSK, 0, VC_AEAD_AES_256_GCM},
    {"PSK, ChaCha20", VC_DTLS_MODE_PSK, 0, VC_AEAD_CHACHA20_POLY1305},
};
#define N_MODES (sizeof(modes) / sizeof(*modes))

static struct client *client_of(struct rig *r, size_t mode, uint8_t id)
{
    struct client *c = client_new(r, RIG_13_AES128, id);
    client_terms(c, modes[mode].mode, modes[mode].suite);
    c->s.facts.terms.aead = c->terms.aead = (uint8_t)modes[mode].psk_aead;
    client_udp(c, 1);
    return c;
}

static void expect_packet(struct rig *r, const uint8_t *packet, size_t len)
{
    static uint8_t got[65536];
    assert_int_equal(tun_get(r, got, NULL), len);
    assert_memory_equal(got, packet, len);
}

/** A packet goes up over DTLS; true when it arrived. */
static bool up_arrives(struct client *c, uint8_t id)
{
    uint8_t packet[200];
    dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, id, 99, 30, 1));
    return tun_drain(c->rig) == 1;
}

enum way { NOWHERE, BY_TLS, BY_DTLS };

/** A packet goes down; says which way it took. */
static enum way down(struct client *c, uint8_t id)
{
    uint8_t packet[200], got[2048];
    size_t n = packet_of(packet, 99, id, 30, 2), len;
    const struct got *g;
    enum way way = NOWHERE;
    tun_put(c->rig, packet, n);
    rig_turn(c->rig);
    while ((g = next_got(c)))
        way = g->tls == VC_TLS_DATA && g->type == VC_CSTP_DATA && g->len == n ? BY_TLS : way;
    while (c->udp >= 0 && (len = dtls_recv(c, got, NULL)) > 0)
        way = got[0] == VC_CSTP_DATA && len == 1 + n ? BY_DTLS : way;
    return way;
}

static void handshakes(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODES; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7);
        uint8_t packet[1500], large[1400] = {0};
        struct vc_live *l = rig_start(c);
        assert_case(modes[k].name, down(c, 7) == BY_TLS);
        dtls_hello(c);
        rig_turn(r);
        while (udp_get(c, large, sizeof(large)) > 0)
            continue; /* lost */
        memset(large, 0, sizeof(large));
        assert_case(modes[k].name, down(c, 7) == BY_TLS);
        dtls_hello(c); /* another one takes over */
        assert_case(modes[k].name, dtls_step(c, true) == VC_DTLS_STEP_COMPLETE);
        assert_int_equal(r->n_up, 1);
        assert_int_equal(count_events(r, VC_EVENT_DTLS_UP), 1);
        for (size_t len = 0; len < 1390; len += 131) {
            size_t n = packet_of(packet, 7, 99, len, 1);
            dtls_send(c, VC_CSTP_DATA, packet, n);
            expect_packet(r, packet, n);
            n = packet_of(packet, 99, 7, len, 2);
            tun_put(r, packet, n);
            rig_turn(r);
            expect_dtls(c, VC_CSTP_DATA, packet, n);
        }
        expect_nothing(c); /* on TLS */
        dtls_send(c, VC_CSTP_DPD_REQ, large, sizeof(large));
        expect_dtls(c, VC_CSTP_DPD_RESP, large, sizeof(large));
        dtls_send(c, VC_CSTP_DPD_REQ, "", 0);
        expect_dtls(c, VC_CSTP_DPD_RESP, "", 0);
        send_frame(c, VC_CSTP_DPD_REQ, "x", 1); /* control stays where it came from */
        expect_frame(c, VC_CSTP_DPD_RESP, "x", 1);
        assert_int_equal(vc_live_session(l)->count.rx_packets, 11);
        assert_int_equal(r->n_down, 0);
        client_free(c);
        rig_free(r);
    }
}

/* Many of a turn are one train. */
static void trains(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 1, 7);
    uint8_t packet[1500];
    int size = 4 << 20;
    (void)state;
    rig_start(c);
    dtls_handshake(c);
    (void)setsockopt(c->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    uint64_t sends = vc_worker_counters(r->w)->udp_sends, out = vc_worker_counters(r->w)->udp_out;
    for (int i = 0; i < 64; i++)
        tun_put(r, packet, packet_of(packet, 99, 7, i % 16 == 15 ? 300 : 1200, (uint8_t)i));
    rig_turn(r);
    rig_turn(r);
    assert_int_equal(vc_worker_counters(r->w)->udp_out - out, 64);
    assert_true((vc_worker_counters(r->w)->udp_sends - sends) * 8 <= 64 + 8);
    for (int i = 0; i < 64; i++)
        expect_dtls(c, VC_CSTP_DATA, packet, packet_of(packet, 99, 7, i % 16 == 15 ? 300 : 1200, (uint8_t)i));
    client_free(c);
    rig_free(r);
}

/* Data that overtakes the client's Finished waits for it: the first handshake, and one beside live keys. */
static void early_data(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7);
        uint8_t packet[200];
        rig_start(c);
        for (int round = 0; round < 3; round++) {
            dtls_hello(c);
            assert_int_equal(dtls_step(c, false), VC_DTLS_STEP_COMPLETE);
            for (size_t i = 0; i < 10; i++) /* 8 are held */
                dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 20 + i, (uint8_t)i));
            assert_int_equal(tun_drain(r), 0);
            if (round == 2)
                rig_pass(r, RIG_SECOND + 1); /* for a second */
            udp_put(c, c->last.datagram, c->last.len);
            rig_turn(r);
            assert_case(modes[k].name, tun_drain(r) == (round == 2 ? 0 : 8));
            assert_true(up_arrives(c, 7));
        }
        client_free(c);
        rig_free(r);
    }
}

/* A new handshake runs beside the keys that are up; they open what is on its way for 5 s. */
static void make_before_break(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODES; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7);
        uint8_t packet[200], late[300], again[300];
        rig_start(c);
        dtls_handshake(c);
        assert_true(up_arrives(c, 7));
        struct vc_dtls_done before = c->keys;
        rig_pass(r, RIG_SECOND);
        dtls_hello(c);
        rig_turn(r);
        size_t n = packet_of(packet, 7, 99, 40, 3);
        struct vc_dtls_done new_keys = c->keys;
        c->keys = before;
        for (int i = 0; i < 3; i++) { /* under the old ones, while the new ones are being made */
            dtls_send(c, VC_CSTP_DATA, packet, n);
            expect_packet(r, packet, n);
        }
        size_t late_len = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, late, sizeof(late));
        size_t again_len = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, again, sizeof(again));
        c->keys = new_keys;
        assert_int_equal(dtls_step(c, true), VC_DTLS_STEP_COMPLETE);
        assert_true(up_arrives(c, 7));
        assert_int_equal(down(c, 7), BY_DTLS); /* under the new ones at once */
        udp_put(c, late, late_len);
        udp_put(c, late, late_len);
        rig_turn(r);
        expect_packet(r, packet, n); /* once */
        assert_int_equal(tun_drain(r), 0);
        rig_pass(r, 5 * RIG_SECOND + 1);
        udp_put(c, again, again_len);
        rig_turn(r);
        assert_int_equal(tun_drain(r), 0);
        assert_true(up_arrives(c, 7));
        client_free(c);
        rig_free(r);
    }
}

static void replayed(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7);
        uint8_t packet[200], bytes[2000][100];
        size_t len[2000];
        rig_start(c);
        dtls_handshake(c);
        size_t n = packet_of(packet, 7, 99, 10, 3);
        for (int i = 0; i < 2000; i++)
            len[i] = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, bytes[i], sizeof(bytes[i]));
        udp_put(c, bytes[1999], len[1999]);
        udp_put(c, bytes[1999], len[1999]);
        udp_put(c, bytes[1999 - 1023], len[1999 - 1023]); /* the oldest that still counts */
        udp_put(c, bytes[1999 - 1023], len[1999 - 1023]);
        udp_put(c, bytes[1999 - 1024], len[1999 - 1024]);
        bytes[1500][len[1500] - 1] ^= 1; /* a wrong tag moves nothing */
        udp_put(c, bytes[1500], len[1500]);
        bytes[1500][len[1500] - 1] ^= 1;
        udp_put(c, bytes[1500], len[1500]);
        rig_turn(r);
        assert_int_equal(tun_drain(r), 3);
        client_free(c);
        rig_free(r);
    }
}

/* From an address that is not the session's: a HelloVerifyRequest, not longer than what came, and no state. */
static void hello_from_elsewhere(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODES; k++) {
        for (uint8_t cookie = 0; cookie < 2; cookie++) {
            struct rig *r = rig_new((struct rig_options){.dtls_cookie = cookie});
            struct client *c = client_of(r, k, 7);
            uint8_t in[2048];
            rig_start(c);
            dtls_handshake(c); /* with a HelloVerifyRequest where the configuration says so */
            struct vc_dtls_done before = c->keys;
            int home = c->udp;
            c->udp = -1;
            client_udp(c, 2);
            dtls_hello(c);
            rig_turn(r);
            size_t n = udp_get(c, in, sizeof(in));
            assert_case(modes[k].name, n == VC_DTLS_HELLO_VERIFY_LEN);
            assert_int_equal(in[13], VC_DTLS_HELLO_VERIFY_REQUEST);
            assert_int_equal(udp_get(c, in, sizeof(in)), 0);
            rig_pass(r, 30 * RIG_SECOND); /* nothing is repeated: nothing is kept */
            assert_int_equal(udp_get(c, in, sizeof(in)), 0);
            int elsewhere = c->udp;
            struct vc_dtls_done half = c->keys;
            c->udp = home;
            c->keys = before;
            while (udp_get(c, in, sizeof(in)) > 0)
                continue; /* DPD */
            assert_true(up_arrives(c, 7));
            assert_int_equal(down(c, 7), BY_DTLS); /* the channel is where it was */
            (void)close(home);
            c->udp = elsewhere;
            c->keys = half;
            dtls_handshake(c); /* whoever hears at that address moves the channel there */
            assert_true(up_arrives(c, 7));
            assert_int_equal(down(c, 7), BY_DTLS);
            client_free(c);
            rig_free(r);
        }
    }
}

static void hellos_are_limited(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t in[2048];
    (void)state;
    rig_start(c);
    for (int s = 0; s < 3; s++) {
        unsigned answers = 0;
        for (int i = 0; i < 50; i++) {
            dtls_hello(c);
            rig_turn(r);
        }
        while (udp_get(c, in, sizeof(in)) > 0)
            answers++;
        assert_int_equal(answers, 4);
        rig_pass(r, RIG_SECOND + 1);
        while (udp_get(c, in, sizeof(in)) > 0)
            continue; /* the timer of the last one */
    }
    client_free(c);
    rig_free(r);
}

/* Hellos from elsewhere have a limit of their own: they take nothing from those of the session's address. */
static void hellos_from_elsewhere_are_limited(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t in[2048];
    unsigned answers = 0;
    (void)state;
    rig_start(c);
    int home = c->udp;
    c->udp = -1;
    client_udp(c, 2);
    for (int i = 0; i < 50; i++) {
        dtls_hello(c);
        rig_turn(r);
    }
    while (udp_get(c, in, sizeof(in)) > 0)
        answers++;
    assert_int_equal(answers, 4);
    (void)close(c->udp);
    c->udp = home;
    dtls_handshake(c);
    assert_true(up_arrives(c, 7));
    client_free(c);
    rig_free(r);
}

/* Alerts of handshakes: one a second, in all. */
static void alerts_are_limited(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t in[2048];
    (void)state;
    rig_start(c);
    c->terms.suite = 0x009d; /* not what was agreed */
    for (int s = 0; s < 3; s++) {
        unsigned answers = 0;
        for (int i = 0; i < 4; i++) {
            dtls_hello(c);
            rig_turn(r);
        }
        for (; udp_get(c, in, sizeof(in)) > 0; answers++)
            assert_int_equal(in[0], VC_DTLS_ALERT);
        assert_int_equal(answers, 1);
        rig_pass(r, RIG_SECOND + 1);
    }
    assert_true(count_events(r, VC_EVENT_DTLS_FAILED) >= 3);
    client_free(c);
    rig_free(r);
}

static void unknown_hello(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t in[2048];
    (void)state;
    rig_start(c);
    c->terms.id[0] ^= 1;
    dtls_hello(c);
    rig_turn(r);
    assert_int_equal(udp_get(c, in, sizeof(in)), 0); /* no answer at all */
    assert_int_equal(r->n_stray_hellos, 1);
    client_free(c);
    rig_free(r);
}

/** What came to the client at its present socket: whether a question was among it, which it answers where @reply. */
static bool asked(struct client *c, bool reply)
{
    uint8_t got[2048];
    bool yes = false;
    for (size_t len; (len = dtls_recv(c, got, NULL)) > 0;)
        yes = yes || (len == 1 && got[0] == VC_CSTP_DPD_REQ);
    if (yes && reply)
        dtls_send(c, VC_CSTP_DPD_RESP, "", 0);
    return yes;
}

static uint64_t moves(const struct rig *r)
{
    return vc_worker_counters(r->w)->moved_peer;
}

/* NAT gave the client another port: an authentic record newer than all is taken, and the answer to what is asked there
 * moves it, nothing else does. */
static void rebinding(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODES; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7), *beside = client_of(r, k, 8);
        uint8_t packet[200], old[300], newer[600];
        rig_start(c);
        rig_start(beside);
        dtls_handshake(c);
        dtls_handshake(beside);
        rig_pass(r, 3 * RIG_SECOND);
        size_t n = packet_of(packet, 7, 99, 40, 3);
        size_t old_len = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, old, sizeof(old));
        assert_true(up_arrives(c, 7));
        int first = c->udp;
        c->udp = -1;
        client_udp(c, 1);
        udp_put(c, old, old_len); /* authentic, and held back by somebody: older than the newest */
        rig_turn(r);
        assert_false(asked(c, false));
        size_t len = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, newer, sizeof(newer));
        newer[len - 1] ^= 1;
        udp_put(c, newer, len);
        rig_turn(r);
        assert_false(asked(c, false));
        newer[len - 1] ^= 1;
        (void)tun_drain(r);
        len += dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, newer + len, sizeof(newer) - len);
        udp_put(c, newer, len); /* two records in one datagram: both count */
        rig_turn(r);
        assert_int_equal(tun_drain(r), 2);
        assert_int_equal(moves(r), 0);
        assert_true(asked(c, true));
        assert_case(modes[k].name, moves(r) == 1);
        assert_int_equal(down(c, 7), BY_DTLS);
        assert_int_equal(count_events(r, VC_EVENT_DTLS_MOVED), 1);
        assert_int_equal(down(beside, 8), BY_DTLS);
        /* not twice within 2 s, and not to another IP address */
        int second = c->udp;
        c->udp = first;
        dtls_send(c, VC_CSTP_DATA, packet, n);
        assert_false(asked(c, true));
        assert_int_equal(moves(r), 1);
        c->udp = second;
        rig_pass(r, 3 * RIG_SECOND);
        c->udp = -1;
        client_udp(c, 2);
        dtls_send(c, VC_CSTP_DATA, packet, n);
        assert_false(asked(c, true));
        assert_int_equal(moves(r), 1);
        (void)close(c->udp);
        c->udp = second;
        (void)asked(c, false);
        assert_int_equal(down(c, 7), BY_DTLS);
        c->udp = first; /* and back, where it was before */
        dtls_send(c, VC_CSTP_DATA, packet, n);
        assert_true(asked(c, true));
        assert_int_equal(moves(r), 2);
        assert_int_equal(down(c, 7), BY_DTLS);
        (void)close(second);
        client_free(c);
        client_free(beside);
        rig_free(r);
    }
}

/* More sessions behind one address than a datagram is tried on: the next ones are tried on the others. */
static void rebinding_in_a_crowd(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c[30];
    (void)state;
    for (uint8_t i = 0; i < 30; i++) {
        c[i] = client_of(r, i % N_MODES, (uint8_t)(10 + i));
        rig_start(c[i]);
        dtls_handshake(c[i]);
    }
    rig_pass(r, 3 * RIG_SECOND);
    for (uint8_t i = 0; i < 30; i++) {
        unsigned tries = 0;
        client_udp(c[i], 1);
        while (!up_arrives(c[i], (uint8_t)(10 + i)))
            assert_true(++tries <= 4);
        assert_true(asked(c[i], true));
        assert_int_equal(moves(r), i + 1);
        rig_pass(r, RIG_SECOND + 1);
    }
    for (uint8_t i = 0; i < 30; i++)
        client_free(c[i]);
    rig_free(r);
}

/* Somebody behind the client's own public address copies its records and is faster than they: what is copied arrives,
 * once, and the path stays where it is. */
static void copied(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t packet[200], record[300], got[2048];
    (void)state;
    rig_start(c);
    dtls_handshake(c);
    rig_pass(r, 3 * RIG_SECOND);
    assert_true(up_arrives(c, 7));
    (void)asked(c, true);
    int home = c->udp;
    c->udp = -1;
    client_udp(c, 1);
    int elsewhere = c->udp;
    size_t n = packet_of(packet, 7, 99, 40, 3), brought = 0, got_there = 0;
    for (int i = 0; i < 200; i++) {
        bool answer = i == 122; /* to what the session itself asked at home */
        c->udp = elsewhere;
        size_t len = dtls_seal(c, VC_DTLS_DATA, answer ? VC_CSTP_DPD_RESP : VC_CSTP_DATA, packet, answer ? 0 : n,
                               record, sizeof(record));
        udp_put(c, record, len);
        brought += len;
        rig_turn(r);
        c->udp = home;
        udp_put(c, record, len);
        rig_turn(r);
        assert_int_equal(tun_drain(r), answer ? 0 : 1);
        assert_int_equal(down(c, 7), BY_DTLS);
        c->udp = elsewhere;
        for (size_t k; (k = udp_get(c, got, sizeof(got))) > 0;)
            got_there += k;
        assert_true(got_there <= brought);
        c->udp = home;
        if (i == 120) {
            rig_pass(r, 31 * RIG_SECOND);
            assert_true(asked(c, false));
        } else if (i % 10 == 0) {
            rig_pass(r, RIG_SECOND / 5);
        }
    }
    assert_true(got_there > 0);
    assert_int_equal(moves(r), 0);
    assert_int_equal(count_events(r, VC_EVENT_DTLS_MOVED), 0);
    (void)close(elsewhere);
    client_free(c);
    rig_free(r);
}

/* Somebody floods the port from elsewhere: channels that are up lose nothing, new and moving ones get in. */
static void flood_of_strangers(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 1, 7), *late = client_of(r, 2, 8), *flood = client_of(r, 0, 9);
    uint8_t junk[100] = {23, 0xfe, 0xfd, 0, 1, [12] = 87};
    (void)state;
    rig_start(c);
    rig_start(late);
    dtls_handshake(c);
    client_udp(flood, 3);
    for (int i = 0; i < 2000; i++) {
        junk[20] = (uint8_t)i;
        udp_put(flood, junk, sizeof(junk));
        if (i % 3 == 0) {
            flood->terms.id[5] = (uint8_t)i;
            dtls_hello(flood);
        }
        if (i % 20 == 0) {
            rig_turn(r);
            assert_true(up_arrives(c, 7));
        }
    }
    assert_true(r->n_asked > 100);
    assert_int_equal(r->n_stray_hellos + r->n_stray_sealed, 100); /* of one source, in a second */
    dtls_handshake(late);
    assert_int_equal(down(late, 8), BY_DTLS);
    rig_pass(r, RIG_SECOND / 2);
    for (int i = 0; i < 200; i++)
        udp_put(flood, junk, sizeof(junk));
    (void)close(c->udp);
    c->udp = -1;
    client_udp(c, 1);
    rig_turn(r);
    assert_true(up_arrives(c, 7)); /* moves, in spite of the flood */
    assert_true(asked(c, true));
    assert_int_equal(vc_worker_counters(r->w)->moved_peer, 1);
    client_free(c);
    client_free(late);
    client_free(flood);
    rig_free(r);
}

/* A neighbour had this address; the hello that comes from it now is for us, or for whom it names. */
static void claimed_address(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t packet[200];
    (void)state;
    rig_start(c);
    r->claims = true;
    dtls_handshake(c);
    assert_int_equal(r->n_asked, 0);
    assert_int_equal(down(c, 7), BY_DTLS);
    (void)close(c->udp);
    c->udp = -1;
    client_udp(c, 1);
    dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 30, 1));
    assert_int_equal(r->n_asked, 1); /* not ours while a neighbour says so */
    assert_int_equal(vc_worker_counters(r->w)->moved_peer, 0);
    client_free(c);
    rig_free(r);
}

/* Cookies: good for an hour and the next, from one address; under load everybody needs one. */
static void cookies(void **state)
{
    (void)state;
    for (unsigned hours = 0; hours < 3; hours++) {
        struct rig *r = rig_new((struct rig_options){.dtls_cookie = 1});
        struct client *c = client_of(r, 0, 7);
        uint8_t in[2048];
        struct vc_dtls_out out = {0};
        struct vc_fail fail;
        c->s.facts.dpd_s = c->s.facts.keepalive_s = 0;
        rig_start(c);
        dtls_hello(c);
        rig_turn(r);
        size_t n = udp_get(c, in, sizeof(in));
        assert_int_equal(vc_dtls_client_datagram(&c->handshake, in, n, r->now, &out, &c->keys, &fail), 0);
        rig_pass(r, hours * (3600 * RIG_SECOND));
        udp_put(c, out.datagram, out.len);
        rig_turn(r);
        assert_true(udp_get(c, in, sizeof(in)) > 13);
        assert_int_equal(in[13], hours < 2 ? VC_DTLS_SERVER_HELLO : VC_DTLS_HELLO_VERIFY_REQUEST);
        client_free(c);
        rig_free(r);
    }
    struct rig *r = rig_new((struct rig_options){0});
    struct client *many[60];
    uint8_t in[2048];
    unsigned at_once = 0, asked = 0;
    for (uint8_t i = 0; i < 60; i++) {
        many[i] = client_of(r, 0, (uint8_t)(10 + i));
        rig_start(many[i]);
    }
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 60; i++) {
            dtls_hello(many[i]);
            rig_turn(r);
            while (udp_get(many[i], in, sizeof(in)) > 0) {
                at_once += in[13] == VC_DTLS_SERVER_HELLO;
                asked += in[13] == VC_DTLS_HELLO_VERIFY_REQUEST;
            }
        }
    }
    assert_int_equal(at_once, 200);
    assert_int_equal(asked, 40);
    for (int i = 0; i < 60; i++)
        client_free(many[i]);
    rig_free(r);
}

/* What anybody can write stops nothing. */
static void forgeries(void **state)
{
    static const struct bytes junk[] = {
        BYTES("\x15\xfe\xfd\0\0\0\0\0\0\0\x09\0\x02\x02\x28"),                   /* fatal alert, epoch 0 */
        BYTES("\x15\xfe\xfd\0\0\0\0\0\0\0\x09\0\x02\x01\0"),                     /* close_notify, epoch 0 */
        BYTES("\x14\xfe\xfd\0\0\0\0\0\0\0\x09\0\x01\x01"),                       /* CCS */
        BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x09\0\x0c\x01\0\0\0\0\0\0\0\0\0\0\0"), /* an empty ClientHello */
        BYTES("\x17\xfe\xfd\0\x01\0\0\0\0\0\x09\0\x00"),
        BYTES("\x17\xfe\xfd\0\x01\0\0\0\0\0\x09\xff\xff"),
        BYTES("\x17\xfe\xfd\0\x02\0\0\0\0\0\x09\0\x01\0"),
        BYTES("\x17"),
        BYTES("GET / HTTP/1.0\r\n\r\n"),
    };
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t in[2048], packet[200], mixed[600];
    (void)state;
    rig_start(c);
    dtls_handshake(c);
    for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
        udp_put(c, junk[i].at, junk[i].len);
        rig_turn(r);
        assert_int_equal(udp_get(c, in, sizeof(in)), 0);
        assert_true(up_arrives(c, 7));
        assert_int_equal(down(c, 7), BY_DTLS);
        /* in front of a good record in the same datagram */
        size_t n = packet_of(packet, 7, 99, 40, 3), len = junk[i].len;
        memcpy(mixed, junk[i].at, len);
        len += dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, mixed + len, sizeof(mixed) - len);
        udp_put(c, mixed, len);
        rig_turn(r);
        (void)tun_drain(r);
    }
    assert_int_equal(r->n_down, 0);
    client_free(c);
    rig_free(r);
}

/* The client ends DTLS: data goes over TLS, and a handshake that is under way goes on. */
static void closed_by_the_client(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODES; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7);
        uint8_t bytes[200];
        struct vc_writer w;
        rig_start(c);
        dtls_handshake(c);
        assert_int_equal(down(c, 7), BY_DTLS);
        struct vc_dtls_done before = c->keys;
        dtls_hello(c); /* the new handshake overtakes the close of the old channel */
        rig_turn(r);
        w = vc_writer_to(bytes, sizeof(bytes));
        vc_dtls_put_sealed(&w, &before.send, NULL, VC_DTLS_ALERT, "\x01", 2);
        udp_put(c, bytes, vc_written(&w));
        rig_turn(r);
        assert_int_equal(r->n_down, 1);
        assert_case(modes[k].name, dtls_step(c, true) == VC_DTLS_STEP_COMPLETE);
        assert_case(modes[k].name, up_arrives(c, 7));
        assert_int_equal(down(c, 7), BY_DTLS);
        assert_int_equal(r->n_up, 2);
        dtls_send(c, VC_CSTP_DISCONNECT, "\xb0", 1); /* over UDP it ends this channel only */
        assert_int_equal(r->n_down, 2);
        assert_int_equal(down(c, 7), BY_TLS);
        assert_int_equal(r->n_told, 0);
        client_free(c);
        rig_free(r);
    }
}

/* DTLS falls silent: asked, dead, over TLS; heard again, back. */
static void dead_and_back(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t got[2048];
    unsigned asked = 0;
    (void)state;
    c->s.facts.keepalive_s = 0;
    rig_start(c);
    dtls_handshake(c);
    for (int i = 0; i < 24; i++) {
        send_frame(c, VC_CSTP_DPD_RESP, "", 0); /* TLS is alive */
        rig_pass(r, 5 * RIG_SECOND);
        for (size_t n; (n = dtls_recv(c, got, NULL)) > 0;)
            asked += n == 1 && got[0] == VC_CSTP_DPD_REQ;
    }
    assert_in_range(asked, 4, 6);
    assert_int_equal(r->n_down, 1);
    assert_int_equal(r->n_told, 0);
    assert_int_equal(down(c, 7), BY_TLS);
    assert_true(up_arrives(c, 7)); /* still the same keys */
    assert_int_equal(r->n_up, 2);
    assert_int_equal(down(c, 7), BY_DTLS);
    asked = 0;
    for (int i = 0; i < 8; i++) { /* and it is asked again: its timer runs */
        send_frame(c, VC_CSTP_DPD_RESP, "", 0);
        rig_pass(r, 5 * RIG_SECOND);
        for (size_t n; (n = dtls_recv(c, got, NULL)) > 0;)
            asked += n == 1 && got[0] == VC_CSTP_DPD_REQ;
    }
    assert_true(asked > 0);
    client_free(c);
    rig_free(r);
}

/* As above without any other timer: what becomes due by a packet is waited for. */
static void switch_to_tcp(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    (void)state;
    c->s.facts.keepalive_s = c->s.facts.dpd_s = 0;
    c->s.facts.switch_to_tcp_s = 25;
    rig_start(c);
    dtls_handshake(c);
    assert_true(up_arrives(c, 7)); /* the first sign of life that is counted from */
    for (int round = 1; round <= 3; round++) {
        rig_pass(r, 25 * RIG_SECOND - 1);
        assert_int_equal(r->n_down, round - 1);
        rig_pass(r, 1);
        assert_int_equal(r->n_down, round);
        assert_int_equal(down(c, 7), BY_TLS);
        assert_true(up_arrives(c, 7));
        assert_int_equal(r->n_up, 1 + round);
    }
    client_free(c);
    rig_free(r);
}

static void client_goes_to_tcp(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t packet[200];
    (void)state;
    rig_start(c);
    dtls_handshake(c);
    size_t n = packet_of(packet, 7, 99, 40, 3);
    for (int i = 0; i < 5; i++)
        send_frame(c, VC_CSTP_DATA, packet, n); /* late ones, right behind the switch */
    assert_int_equal(r->n_down, 0);
    rig_pass(r, 3 * RIG_SECOND);
    send_frame(c, VC_CSTP_DATA, packet, n);
    assert_int_equal(r->n_down, 0); /* one is none */
    send_frame(c, VC_CSTP_DATA, packet, n);
    assert_int_equal(r->n_down, 1);
    assert_int_equal(down(c, 7), BY_TLS);
    rig_pass(r, 2 * RIG_SECOND);
    assert_int_equal(tun_drain(r), 7);
    assert_true(up_arrives(c, 7));
    assert_int_equal(down(c, 7), BY_DTLS);
    client_free(c);
    rig_free(r);
}

/* What waits for TLS leaves first; DTLS does not wait for what comes after it. */
static void tls_queue_first(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    static uint8_t packet[1500], got[2048];
    (void)state;
    rig_start(c);
    size_t n = packet_of(packet, 99, 7, 1300, 4);
    for (int i = 0; i < 400; i++) { /* more than a socket takes, less than the limit */
        tun_put(r, packet, n);
        if (i % 8 == 7)
            rig_turn(r);
    }
    dtls_hello(c);
    assert_int_equal(dtls_step(c, true), VC_DTLS_STEP_COMPLETE);
    rig_pass(r, 301 * (RIG_SECOND / 1000));
    tun_put(r, packet, n);
    rig_turn(r);
    assert_int_equal(dtls_recv(c, got, NULL), 0);
    /* the client reads slowly, and more comes for it all the time */
    unsigned by_dtls = 0;
    for (int i = 0; i < 200 && by_dtls == 0; i++) {
        ssize_t some = recv(c->fd, c->raw, 20000, MSG_DONTWAIT);
        assert_true(some > 0);
        for (int k = 0; k < 20; k++)
            tun_put(r, packet, n);
        rig_turn(r);
        rig_turn(r);
        rig_turn(r);
        while (dtls_recv(c, got, NULL) > 0)
            by_dtls++;
    }
    assert_true(by_dtls > 0);
    client_free(c);
    rig_free(r);
}

/* openconnect throws away what comes over UDP while it probes its MTU: data waits for its first packet, or for its
 * silence. */
static void probing_client(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    (void)state;
    rig_start(c);
    dtls_hello(c);
    assert_int_equal(dtls_step(c, true), VC_DTLS_STEP_COMPLETE);
    for (int i = 0; i < 5; i++) {
        dtls_send(c, VC_CSTP_DPD_REQ, "probe", 5);
        expect_dtls(c, VC_CSTP_DPD_RESP, "probe", 5);
        assert_int_equal(down(c, 7), BY_TLS);
        rig_pass(r, 200 * (RIG_SECOND / 1000));
    }
    assert_true(up_arrives(c, 7));
    assert_int_equal(down(c, 7), BY_DTLS);
    client_free(c);
    rig_free(r);
}

/* ---- a session that brings a DTLS channel ---- */

static void bring_channel(struct client *c, enum vc_aead_alg alg, uint64_t out, uint64_t in)
{
    struct vc_session *s = &c->s;
    uint8_t master[48] = {1}, a[32] = {2}, b[32] = {3};
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    enum vc_hash hash = alg == VC_AEAD_AES_256_GCM ? VC_HASH_SHA384 : VC_HASH_SHA256;
    s->udp.kind = VC_CHANNEL_DTLS_1_2;
    s->udp.mtu = s->facts.dtls_mtu;
    assert_int_equal(vc_dtls_derive(alg, hash, master, a, b, &s->udp.dtls.in, &s->udp.dtls.out), 0);
    s->udp.dtls.out.seq = out;
    for (uint64_t i = in > 10 ? in - 10 : 0; i < in; i++)
        assert_true(vc_replay_mark(&s->udp.dtls.window, i));
    s->udp.dtls.in.seq = in;
    assert_int_equal(getsockname(c->udp, (struct sockaddr *)&ss, &len), 0);
    assert_true(vc_endpoint_of(&ss, &s->udp.peer));
    c->keys = (struct vc_dtls_done){.send = s->udp.dtls.in, .recv = s->udp.dtls.out};
    c->keys.recv.seq = 0;
}

static void takes_up_a_channel(void **state)
{
    static const enum vc_aead_alg algs[] = {VC_AEAD_AES_128_GCM, VC_AEAD_AES_256_GCM, VC_AEAD_CHACHA20_POLY1305};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7);
        uint8_t packed[VC_SESSION_PACKED_MAX];
        bring_channel(c, algs[k], 1000, 500);
        struct vc_writer w = vc_writer_to(packed, sizeof(packed));
        vc_session_pack(&c->s, &w);
        struct vc_reader rd = vc_reader_of(packed, vc_written(&w));
        vc_session_wipe(&c->s);
        vc_session_unpack(&c->s, &rd);
        assert_true(vc_reader_done(&rd));
        rig_start(c);
        assert_int_equal(down(c, 7), BY_DTLS);
        assert_int_equal(c->keys.recv.seq, 1001); /* went on with the next number */
        assert_true(up_arrives(c, 7));
        dtls_handshake(c); /* and the terms are there for a new one */
        assert_int_equal(down(c, 7), BY_DTLS);
        client_free(c);
        rig_free(r);
    }
}

/* At its limit a key seals nothing more: data over TLS, questions unanswered, told once; a new handshake helps. */
static void key_limit(void **state)
{
    static const struct {
        const char *name;
        uint16_t mtu;
        uint64_t out, in;
    } cases[] = {
        {"ours", 1400, (1ULL << 32) - 3, 500},
        {"ours, large MTU", 4000, (1ULL << 28) - 3, 500},
        {"theirs", 1400, 500, (1ULL << 32) - 2},
        {"theirs, large MTU", 4000, 500, (1ULL << 28) - 2},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, 0, 7);
        uint8_t packet[200], got[2048];
        c->s.facts.dtls_mtu = cases[k].mtu;
        bring_channel(c, VC_AEAD_AES_128_GCM, cases[k].out, cases[k].in);
        rig_start(c);
        unsigned by_dtls = 0, by_tls = 0;
        for (int i = 0; i < 8; i++) {
            if (cases[k].out == 500 && r->n_down == 0)
                dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 30, 1));
            tun_put(r, packet, packet_of(packet, 99, 7, 30, 2));
            rig_turn(r);
            while (dtls_recv(c, got, NULL) > 0)
                by_dtls++;
        }
        for (const struct got *g; (g = next_got(c));)
            by_tls += g->type == VC_CSTP_DATA;
        assert_case(cases[k].name, by_dtls > 0 && by_dtls <= 3 && by_tls >= 5 && by_dtls + by_tls >= 7);
        assert_int_equal(r->n_down, 1);
        assert_int_equal(count_events(r, VC_EVENT_DTLS_DOWN), 1);
        if (cases[k].out > 500)
            dtls_send(c, VC_CSTP_DPD_REQ, "", 0);
        rig_pass(r, 60 * RIG_SECOND);
        assert_int_equal(dtls_recv(c, got, NULL), 0);
        assert_case(cases[k].name, count_events(r, VC_EVENT_DTLS_DOWN) == 1);
        c->n_taken = c->n_got;
        dtls_handshake(c);
        assert_int_equal(down(c, 7), BY_DTLS);
        client_free(c);
        rig_free(r);
    }
}

/* No memory for a handshake: told, and the next one is a new chance. */
static void no_memory_for_a_handshake(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    (void)state;
    rig_start(c);
    fault_alloc = 1;
    dtls_hello(c);
    rig_turn(r);
    assert_int_equal(fault_alloc, 0);
    assert_int_equal(count_events(r, VC_EVENT_DTLS_FAILED), 1);
    assert_int_equal(r->events[r->n_events - 1].cause, VC_CAUSE_NO_MEMORY);
    dtls_handshake(c);
    assert_int_equal(down(c, 7), BY_DTLS);
    client_free(c);
    rig_free(r);
}

/* Nothing can be sent there: over TLS, while the turn that finds it out goes on unharmed. */
static void unreachable(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7), *beside = client_of(r, 0, 8);
    uint8_t packet[200], got[2048];
    (void)state;
    bring_channel(c, VC_AEAD_AES_128_GCM, 100, 50);
    c->s.udp.peer = (struct vc_endpoint){.ip = {.family = VC_FAMILY_V6, .bytes = {0xfd, [15] = 9}}, .port = 9};
    rig_start(c);
    rig_start(beside);
    dtls_handshake(beside);
    unsigned by_tls = 0, by_dtls = 0;
    for (int i = 0; i < 300; i++) { /* in turns: each packet is a train of its own, more than are sent at once */
        tun_put(r, packet, packet_of(packet, 99, 7, 30, 2));
        tun_put(r, packet, packet_of(packet, 99, 8, 30, 2));
        if (i % 4 == 3) {
            rig_turn(r);
            while (dtls_recv(beside, got, NULL) > 0)
                by_dtls++;
        }
    }
    for (const struct got *g; (g = next_got(c));)
        by_tls += g->type == VC_CSTP_DATA;
    assert_int_equal(by_dtls, 300);
    assert_true(by_tls > 280);
    assert_int_equal(r->n_down, 1);
    assert_int_equal(count_events(r, VC_EVENT_DTLS_DOWN), 1);
    client_free(c);
    client_free(beside);
    rig_free(r);
}

/* The session goes while its address is claimed and its handshake runs: nobody finds it any more. */
static void ends_clean(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct vc_fail why = {.cause = VC_CAUSE_ADMIN};
    uint8_t got[2048], record = 0;
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct client *c = client_of(r, (size_t)round, 7);
        struct vc_live *l = rig_start(c);
        if (round > 0)
            dtls_handshake(c);
        if (round != 1)
            dtls_hello(c);
        rig_turn(r);
        while (round != 1 && udp_get(c, got, sizeof(got)) > 0)
            continue;
        vc_live_close(l, NULL, &why);
        rig_turn(r);
        if (round == 1) {
            assert_int_equal(dtls_recv(c, got, &record), 2);
            assert_int_equal(record, VC_DTLS_ALERT); /* close_notify */
        }
        while (udp_get(c, got, sizeof(got)) > 0)
            continue;
        dtls_hello(c);
        rig_turn(r);
        assert_int_equal(udp_get(c, got, sizeof(got)), 0);
        client_free(c);
        rig_pass(r, 3 * RIG_SECOND);
        assert_int_equal(r->n_told, round + 1);
    }
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes),
        cmocka_unit_test(trains),
        cmocka_unit_test(early_data),
        cmocka_unit_test(make_before_break),
        cmocka_unit_test(replayed),
        cmocka_unit_test(hello_from_elsewhere),
        cmocka_unit_test(hellos_are_limited),
        cmocka_unit_test(hellos_from_elsewhere_are_limited),
        cmocka_unit_test(alerts_are_limited),
        cmocka_unit_test(unknown_hello),
        cmocka_unit_test(rebinding),
        cmocka_unit_test(rebinding_in_a_crowd),
        cmocka_unit_test(copied),
        cmocka_unit_test(flood_of_strangers),
        cmocka_unit_test(claimed_address),
        cmocka_unit_test(cookies),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(closed_by_the_client),
        cmocka_unit_test(dead_and_back),
        cmocka_unit_test(switch_to_tcp),
        cmocka_unit_test(client_goes_to_tcp),
        cmocka_unit_test(tls_queue_first),
        cmocka_unit_test(probing_client),
        cmocka_unit_test(takes_up_a_channel),
        cmocka_unit_test(key_limit),
        cmocka_unit_test(no_memory_for_a_handshake),
        cmocka_unit_test(unreachable),
        cmocka_unit_test(ends_clean),
    };
    return cmocka_run_group_tests_name("datapath/udp_lane", tests, NULL, NULL);
}
