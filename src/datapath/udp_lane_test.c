/* DTLS through a whole worker: handshakes, replays, strangers, new addresses, and the way back to TLS. */
#include "faults.h"
#include "dtls_rig.h"

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
        cmocka_unit_test(hellos_are_limited),
        cmocka_unit_test(hellos_from_elsewhere_are_limited),
        cmocka_unit_test(alerts_are_limited),
        cmocka_unit_test(unknown_hello),
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
