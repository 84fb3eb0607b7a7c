/* CSTP over TLS through a whole worker: the client is driven by hand, every byte of it. */
#include "rig.h"

static const char *const kind_names[RIG_N_KINDS] = {"1.2 AES-128", "1.2 AES-256", "1.2 ChaCha20",
                                                    "1.3 AES-128", "1.3 AES-256", "1.3 ChaCha20"};

static void expect_packet(struct rig *r, const uint8_t *packet, size_t len)
{
    static uint8_t got[65536];
    assert_int_equal(tun_get(r, got, NULL), len);
    assert_memory_equal(got, packet, len);
}

static void data_both_ways(void **state)
{
    (void)state;
    for (int k = 0; k < RIG_N_KINDS; k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, (enum rig_kind)k, 7);
        uint8_t up[1500], down[1500];
        struct vc_live *l = rig_start(c);
        for (size_t len = 0; len <= 1400 - 28; len += 343) {
            size_t n = packet_of(up, 7, 99, len, 1), m = packet_of(down, 99, 7, len, 2);
            send_frame(c, VC_CSTP_DATA, up, n);
            expect_packet(r, up, n);
            tun_put(r, down, m);
            rig_turn(r);
            expect_frame(c, VC_CSTP_DATA, down, m);
        }
        send_frame(c, VC_CSTP_DATA, "", 0); /* ignored */
        assert_int_equal(tun_drain(r), 0);
        assert_int_equal(vc_live_session(l)->count.rx_packets, 5);
        assert_int_equal(vc_live_session(l)->count.tx_packets, 5);
        assert_int_equal(r->n_told, 0);
        if (r->n_events)
            fail_msg("%s: an event", kind_names[k]);
        client_free(c);
        rig_free(r);
    }
}

static void many_at_once(void **state)
{
    (void)state;
    for (int k = 0; k < RIG_N_KINDS; k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, (enum rig_kind)k, 7);
        struct buf *b = calloc(1, sizeof(*b));
        uint8_t packet[1500];
        rig_start(c);
        for (int i = 0; i < 600; i++) /* more than are opened in one call */
            put_frame(c, b, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 100, (uint8_t)i));
        send_all(c, b->at, b->len);
        unsigned came = 0;
        for (int i = 0; i < 20; i++) {
            rig_turn(r);
            came += tun_drain(r);
        }
        assert_int_equal(came, 600);
        const struct vc_worker_counters *count = vc_worker_counters(r->w);
        assert_int_equal(count->tcp_in, 600);
        assert_true(count->tcp_receives * 8 < 600);
        for (int i = 0; i < 64; i++)
            tun_put(r, packet, packet_of(packet, 99, 7, 1000, (uint8_t)i));
        rig_turn(r);
        rig_turn(r);
        for (int i = 0; i < 64; i++)
            expect_frame(c, VC_CSTP_DATA, packet, packet_of(packet, 99, 7, 1000, (uint8_t)i));
        assert_true(count->tcp_sends * 8 <= 64 + 8);
        assert_int_equal(count->tcp_out, 64);
        free(b);
        client_free(c);
        rig_free(r);
    }
}

static void split_at_every_byte(void **state)
{
    (void)state;
    for (int k = 0; k < RIG_N_KINDS; k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, (enum rig_kind)k, 7);
        struct buf *b = calloc(1, sizeof(*b));
        uint8_t one[200], two[200];
        size_t n1 = packet_of(one, 7, 99, 3, 1), n2 = packet_of(two, 7, 99, 0, 2);
        rig_start(c);
        for (size_t at = 0; at == 0 || at < b->len; at++) {
            b->len = 0;
            put_frame(c, b, VC_CSTP_DATA, one, n1);
            put_frame(c, b, VC_CSTP_DPD_RESP, "", 0);
            put_frame(c, b, VC_CSTP_DATA, two, n2);
            send_all(c, b->at, at);
            rig_turn(r);
            send_all(c, b->at + at, b->len - at);
            rig_turn(r);
            expect_packet(r, one, n1);
            expect_packet(r, two, n2);
        }
        for (size_t at = 0; at < b->len; at++) { /* and each byte alone */
            if (at == 0) {
                b->len = 0;
                put_frame(c, b, VC_CSTP_DATA, one, n1);
            }
            send_all(c, b->at + at, 1);
            rig_turn(r);
        }
        expect_packet(r, one, n1);
        assert_int_equal(r->n_told, 0);
        free(b);
        client_free(c);
        rig_free(r);
    }
}

/* What came behind the CONNECT head: opened frames in one record, then ciphertext, then the rest of it from the socket.
 */
static void behind_the_head(void **state)
{
    (void)state;
    for (int k = 0; k < RIG_N_KINDS; k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        uint8_t packet[4][200], plain[600];
        size_t n[4], plain_len = 0;
        for (size_t i = 0; i < 4; i++)
            n[i] = packet_of(packet[i], 7, 99, 10 + i, (uint8_t)i);
        plain_len += frame_of(plain, VC_CSTP_DATA, packet[0], n[0]);
        plain_len += frame_of(plain + plain_len, VC_CSTP_DPD_REQ, "abc", 3);
        plain_len += frame_of(plain + plain_len, VC_CSTP_DATA, packet[1], n[1]);
        for (size_t cut = 0;; cut++) {
            struct client *c = client_new(r, (enum rig_kind)k, 7);
            struct buf *b = calloc(1, sizeof(*b));
            struct vc_fail fail = {0};
            put_frame(c, b, VC_CSTP_DATA, packet[2], n[2]);
            put_frame(c, b, VC_CSTP_DATA, packet[3], n[3]);
            bool last = cut == b->len;
            uint8_t *exact_plain = exact(plain, plain_len), *exact_cipher = exact(b->at, cut);
            assert_int_equal(
                try_start(c, &(struct bytes){exact_plain, plain_len}, &(struct bytes){exact_cipher, cut}, &fail), 0);
            free(exact_plain);
            free(exact_cipher);
            send_all(c, b->at + cut, b->len - cut);
            rig_turn(r);
            for (int i = 0; i < 4; i++)
                expect_packet(r, packet[i], n[i]);
            expect_frame(c, VC_CSTP_DPD_RESP, "abc", 3);
            assert_int_equal(r->n_told, 0);
            struct vc_fail why = {.cause = VC_CAUSE_ADMIN};
            vc_live_close(vc_live_find(r->w, 7), NULL, &why);
            r->n_told = 0;
            client_free(c);
            free(b);
            rig_turn(r);
            if (last)
                break;
        }
        rig_free(r);
    }
}

static void half_a_frame_behind_the_head(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_13_AES128, 7);
    struct vc_fail fail = {0};
    uint8_t plain[64];
    (void)state;
    struct bytes b = {plain, frame_of(plain, VC_CSTP_DPD_REQ, "abc", 3) - 1};
    assert_int_equal(try_start(c, &b, NULL, &fail), 0);
    expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_FRAMING);
    rig_turn(r);
    expect_alert(c, 1, 0); /* it is not left to wonder */
    expect_end(c);
    client_free(c);
    rig_free(r);
}

/* ---- keys ---- */

static void update_keys(struct client *c, struct buf *b, bool ask)
{
    const uint8_t message[5] = {24, 0, 0, 1, ask};
    put_record(c, b, VC_TLS_HANDSHAKE, message, sizeof(message));
    assert_int_equal(vc_tls_key_update(&c->out), 0);
}

static void key_updates(void **state)
{
    (void)state;
    for (int k = RIG_13_AES128; k < RIG_N_KINDS; k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, (enum rig_kind)k, 7);
        struct buf *b = calloc(1, sizeof(*b));
        uint8_t packet[200];
        size_t n = packet_of(packet, 7, 99, 20, 3);
        rig_start(c);
        /* in the middle of a burst: what follows has the new keys already */
        for (int i = 0; i < 8; i++) {
            put_frame(c, b, VC_CSTP_DATA, packet, n);
            update_keys(c, b, i % 2 == 1);
        }
        put_frame(c, b, VC_CSTP_DATA, packet, n);
        send_all(c, b->at, b->len);
        rig_turn(r);
        for (int i = 0; i < 9; i++)
            expect_packet(r, packet, n);
        for (int i = 0; i < 4; i++) { /* one for each that was asked for */
            const struct got *g = next_got(c);
            assert_non_null(g);
            assert_int_equal(g->tls, VC_TLS_HANDSHAKE);
            assert_int_equal(g->len, 5);
            assert_memory_equal(g->payload, "\x18\0\0\x01\0", 5);
        }
        expect_nothing(c);
        assert_int_equal(count_events(r, VC_EVENT_CSTP_REKEYED), 8);
        n = packet_of(packet, 99, 7, 20, 4);
        tun_put(r, packet, n);
        rig_turn(r);
        expect_frame(c, VC_CSTP_DATA, packet, n); /* under the fourth generation */
        free(b);
        client_free(c);
        rig_free(r);
    }
}

static void too_many_key_updates(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_13_AES256, 7);
    struct buf *b = calloc(1, sizeof(*b));
    (void)state;
    rig_start(c);
    for (int i = 0; i < 32; i++)
        update_keys(c, b, false);
    send_all(c, b->at, b->len);
    rig_turn(r);
    assert_int_equal(r->n_told, 0);
    rig_pass(r, 61 * RIG_SECOND); /* a new minute; DPD went unanswered, it is not dead yet */
    b->len = 0;
    for (int i = 0; i < 33; i++)
        update_keys(c, b, false);
    send_all(c, b->at, b->len);
    rig_turn(r);
    expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_FLOOD);
    free(b);
    client_free(c);
    rig_free(r);
}

static void own_key_update(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_13_AES128, 7);
    uint8_t packet[200];
    const struct got *g;
    (void)state;
    c->s.facts.key_update_s = 10;
    c->s.facts.dpd_s = c->s.facts.keepalive_s = 0;
    rig_start(c);
    for (int i = 1; i <= 3; i++) {
        rig_pass(r, 10 * RIG_SECOND - 1);
        expect_nothing(c);
        rig_pass(r, 1);
        g = next_got(c);
        assert_true(g && g->tls == VC_TLS_HANDSHAKE);
        assert_memory_equal(g->payload, "\x18\0\0\x01\x01", 5);
    }
    size_t n = packet_of(packet, 99, 7, 20, 4);
    tun_put(r, packet, n);
    rig_turn(r);
    expect_frame(c, VC_CSTP_DATA, packet, n);
    client_free(c);
    rig_free(r);
}

/* The limits of 2-tunnel.md 10: new keys at the first, the end at the second; none of it waits for a timer. */
static void key_limits(void **state)
{
    static const struct {
        const char *name;
        enum rig_kind kind;
        uint16_t mtu;
        uint64_t out, in;
        bool update, over;
    } cases[] = {
        {"1.3, below", RIG_13_AES128, 1400, (1ULL << 28) - 10, 3, false, false},
        {"1.3, new keys", RIG_13_AES128, 1400, (1ULL << 28) - 2, 3, true, false},
        {"1.3, large MTU, new keys", RIG_13_AES128, 4000, (1ULL << 24) - 2, 3, true, false},
        {"1.3, theirs at the end", RIG_13_AES128, 1400, 3, (1ULL << 32) - 2, false, true},
        {"1.3, theirs, large MTU", RIG_13_AES256, 4000, 3, (1ULL << 28) - 2, false, true},
        {"1.2, goes on", RIG_12_AES128, 1400, (1ULL << 28) + 5, 3, false, false},
        {"1.2, the end", RIG_12_AES128, 1400, (1ULL << 32) - 3, 3, false, true},
        {"1.2, large MTU, the end", RIG_12_AES256, 4000, (1ULL << 28) - 3, 3, false, true},
        {"1.2, theirs", RIG_12_AES256, 4000, 3, (1ULL << 28) - 2, false, true},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, cases[k].kind, 7);
        uint8_t packet[200];
        size_t n = packet_of(packet, 99, 7, 20, 4);
        c->s.facts.dpd_s = c->s.facts.keepalive_s = 0; /* no timer comes to help */
        c->s.facts.cstp_mtu = cases[k].mtu;
        c->in.seq = c->s.tcp.tls.out.seq = cases[k].out;
        c->out.seq = c->s.tcp.tls.in.seq = cases[k].in;
        rig_start(c);
        rig_pass(r, 2 * RIG_SECOND); /* at most one update a second */
        unsigned updates = 0;
        for (int i = 0; i < 4 && r->n_told == 0; i++) {
            uint8_t up[200];
            send_frame(c, VC_CSTP_DATA, up, packet_of(up, 7, 99, 20, 5));
            tun_put(r, packet, n);
            rig_turn(r);
        }
        const struct got *g;
        while ((g = next_got(c)))
            updates += g->tls == VC_TLS_HANDSHAKE;
        assert_case(cases[k].name, (updates > 0) == cases[k].update);
        assert_case(cases[k].name, updates <= 1);
        assert_case(cases[k].name, (r->n_told > 0) == cases[k].over);
        if (cases[k].over) {
            assert_true(c->eof);
            expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_KEY_LIMIT);
        }
        client_free(c);
        rig_free(r);
    }
}

/* ---- what a peer may do wrong ---- */

static void renegotiation(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_12_AES128, 7);
    uint8_t packet[200];
    (void)state;
    rig_start(c);
    for (int i = 0; i < 16; i++) {
        send_record(c, VC_TLS_HANDSHAKE, "\x01\0\0\x02\x03\x03", 6);
        expect_alert(c, 1, 100);
    }
    size_t n = packet_of(packet, 7, 99, 20, 4);
    send_frame(c, VC_CSTP_DATA, packet, n);
    expect_packet(r, packet, n); /* the connection goes on */
    assert_int_equal(r->n_told, 0);
    send_record(c, VC_TLS_HANDSHAKE, "\x01\0\0\x02\x03\x03", 6);
    expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_FLOOD);
    client_free(c);
    rig_free(r);
}

static void alerts(void **state)
{
    static const struct {
        const char *name;
        enum rig_kind kind;
        struct bytes alert;
        bool answered, over;
    } cases[] = {
        {"1.2 close_notify", RIG_12_AES128, BYTES("\x01\x00"), true, true},
        {"1.3 close_notify", RIG_13_AES128, BYTES("\x01\x00"), true, true},
        {"1.2 warning", RIG_12_AES128, BYTES("\x01\x5a"), false, false},
        {"1.2 fatal", RIG_12_AES128, BYTES("\x02\x14"), false, true},
        {"1.3 fatal", RIG_13_AES128, BYTES("\x02\x14"), false, true},
        {"1.3 level means nothing", RIG_13_AES128, BYTES("\x01\x14"), false, true},
        {"1.2 of three bytes", RIG_12_AES128, BYTES("\x01\x00\x00"), false, true},
        {"1.2 of one byte", RIG_12_AES128, BYTES("\x01"), false, true},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, cases[k].kind, 7);
        rig_start(c);
        send_record(c, VC_TLS_ALERT, cases[k].alert.at, cases[k].alert.len);
        if (cases[k].answered)
            expect_alert(c, 1, 0);
        assert_case(cases[k].name, (r->n_told == 1) == cases[k].over);
        client_read(c);
        assert_case(cases[k].name, c->eof == cases[k].over);
        if (cases[k].over)
            expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_PEER_CLOSED);
        for (int i = 0; i < 16 && !cases[k].over; i++)
            send_record(c, VC_TLS_ALERT, cases[k].alert.at, cases[k].alert.len);
        if (!cases[k].over)
            expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_FLOOD);
        client_free(c);
        rig_free(r);
    }
}

/* Each ends the connection, not the session, with an alert or close_notify that the client can read. */
static void bad_records(void **state)
{
    enum what { RAW, SEALED, SPOILED };
    static const struct {
        const char *name;
        enum rig_kind kind;
        enum what what;
        uint8_t type;
        struct bytes bytes;
        enum vc_cause cause;
        uint8_t level, alert;
    } cases[] = {
        {"CCS", RIG_13_AES128, RAW, 0, BYTES("\x14\x03\x03\0\x01\x01"), VC_CAUSE_CSTP_RECORD, 2, 10},
        {"1.3 alert in the clear", RIG_13_AES128, RAW, 0, BYTES("\x15\x03\x03\0\x02\x01\0"), VC_CAUSE_CSTP_RECORD, 2,
         10},
        {"HTTP", RIG_12_AES128, RAW, 0, BYTES("GET / HTTP/1.1\r\n\r\n"), VC_CAUSE_CSTP_RECORD, 2, 10},
        {"version", RIG_12_AES128, RAW, 0, BYTES("\x17\x03\x01\0\x40"), VC_CAUSE_CSTP_RECORD, 2, 70},
        {"too long", RIG_12_AES128, RAW, 0, BYTES("\x17\x03\x03\xff\xff"), VC_CAUSE_CSTP_RECORD, 2, 22},
        {"too short", RIG_12_AES128, RAW, 0, BYTES("\x17\x03\x03\0\x03...."), VC_CAUSE_CSTP_RECORD, 2, 20},
        {"bad tag", RIG_12_AES128, SPOILED, VC_TLS_DATA, BYTES("STF\x01\0\0\x07\0"), VC_CAUSE_CSTP_RECORD, 2, 20},
        {"bad tag", RIG_12_CHACHA, SPOILED, VC_TLS_DATA, BYTES("STF\x01\0\0\x07\0"), VC_CAUSE_CSTP_RECORD, 2, 20},
        {"bad tag", RIG_13_AES256, SPOILED, VC_TLS_DATA, BYTES("STF\x01\0\0\x07\0"), VC_CAUSE_CSTP_RECORD, 2, 20},
        {"no inner type", RIG_13_AES256, SEALED, 0, BYTES("\0\0\0"), VC_CAUSE_CSTP_RECORD, 2, 10},
        {"1.3 ClientHello", RIG_13_AES128, SEALED, VC_TLS_HANDSHAKE, BYTES("\x01\0\0\0"), VC_CAUSE_CSTP_RECORD, 2, 10},
        {"KeyUpdate of 2", RIG_13_AES128, SEALED, VC_TLS_HANDSHAKE, BYTES("\x18\0\0\x01\x02"), VC_CAUSE_CSTP_RECORD, 2,
         10},
        {"ticket", RIG_13_AES128, SEALED, VC_TLS_HANDSHAKE, BYTES("\x04\0\0\x01\x02"), VC_CAUSE_CSTP_RECORD, 2, 10},
        {"two frames", RIG_13_AES128, SEALED, VC_TLS_DATA, BYTES("STF\x01\0\0\x07\0STF\x01\0\0\x07\0"),
         VC_CAUSE_CSTP_FRAMING, 1, 0},
        {"two frames", RIG_12_AES128, SEALED, VC_TLS_DATA, BYTES("STF\x01\0\0\x07\0STF\x01\0\0\x07\0"),
         VC_CAUSE_CSTP_FRAMING, 1, 0},
        {"half a frame", RIG_12_AES128, SEALED, VC_TLS_DATA, BYTES("STF\x01\0\x05\0\0abc"), VC_CAUSE_CSTP_FRAMING, 1,
         0},
        {"bad magic", RIG_12_AES128, SEALED, VC_TLS_DATA, BYTES("STG\x01\0\0\x07\0"), VC_CAUSE_CSTP_FRAMING, 1, 0},
        {"byte 7", RIG_12_AES128, SEALED, VC_TLS_DATA, BYTES("STF\x01\0\0\x07\1"), VC_CAUSE_CSTP_FRAMING, 1, 0},
        {"compressed", RIG_13_AES128, SEALED, VC_TLS_DATA, BYTES("STF\x01\0\x01\x08\0x"), VC_CAUSE_CSTP_FRAMING, 1, 0},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, cases[k].kind, 7), *beside = client_new(r, RIG_13_AES128, 8);
        struct buf *b = calloc(1, sizeof(*b));
        uint8_t packet[200];
        size_t n = packet_of(packet, 7, 99, 20, 4);
        rig_start(c);
        rig_start(beside);
        put_frame(c, b, VC_CSTP_DATA, packet, n);
        if (cases[k].what == RAW) {
            memcpy(b->at + b->len, cases[k].bytes.at, cases[k].bytes.len);
            b->len += cases[k].bytes.len;
        } else {
            put_record(c, b, cases[k].type, cases[k].bytes.at, cases[k].bytes.len);
            if (cases[k].what == SPOILED)
                b->at[b->len - 20] ^= 1;
            put_frame(c, b, VC_CSTP_DATA, packet, n); /* nobody reads this any more */
        }
        send_all(c, b->at, b->len);
        rig_turn(r);
        expect_packet(r, packet, n); /* what came before it counts */
        assert_int_equal(tun_drain(r), 0);
        assert_case(cases[k].name, r->n_told == 1 && r->told[0].cause == cases[k].cause);
        expect_told(r, 7, VC_LIVE_LOST, cases[k].cause);
        const struct got *g = next_got(c);
        assert_case(cases[k].name, g && g->tls == VC_TLS_ALERT);
        assert_case(cases[k].name, g->payload[0] == cases[k].level && g->payload[1] == cases[k].alert);
        expect_end(c);
        n = packet_of(packet, 8, 99, 20, 4);
        send_frame(beside, VC_CSTP_DATA, packet, n);
        expect_packet(r, packet, n);
        free(b);
        client_free(c);
        client_free(beside);
        rig_free(r);
    }
}

static void empty_records(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_13_CHACHA, 7);
    (void)state;
    rig_start(c);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 32; i++)
            send_record(c, VC_TLS_DATA, "", 0);
        send_frame(c, VC_CSTP_KEEPALIVE, "", 0); /* not in a row any more */
    }
    assert_int_equal(r->n_told, 0);
    for (int i = 0; i < 33; i++)
        send_record(c, VC_TLS_DATA, "", 0);
    expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_FLOOD);
    client_free(c);
    rig_free(r);
}

static void unknown_types(void **state)
{
    static const uint8_t types[] = {0x01, 0x02, 0x06, 0x09, 0x0a, 0x80, 0xff};
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_12_AES256, 7);
    (void)state;
    rig_start(c);
    for (size_t i = 0; i < sizeof(types); i++)
        send_frame(c, types[i], "xyz", 3);
    assert_int_equal(r->n_told, 0);
    assert_int_equal(count_events(r, VC_EVENT_CSTP_NOTICE), 1);
    expect_nothing(c);
    client_free(c);
    rig_free(r);
}

/* ---- liveness ---- */

static void dpd_of_the_client(void **state)
{
    static uint8_t large[VC_CSTP_PAYLOAD_MAX];
    (void)state;
    for (int k = 0; k < RIG_N_KINDS; k++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, (enum rig_kind)k, 7);
        rig_start(c);
        send_frame(c, VC_CSTP_DPD_REQ, "", 0);
        expect_frame(c, VC_CSTP_DPD_RESP, "", 0);
        send_frame(c, VC_CSTP_DPD_REQ, large, sizeof(large));
        expect_frame(c, VC_CSTP_DPD_RESP, large, sizeof(large));
        for (int i = 0; i < 200; i++)
            send_frame(c, VC_CSTP_DPD_REQ, "x", 1);
        client_read(c);
        assert_int_equal(c->n_got, 100); /* in one second */
        send_frame(c, VC_CSTP_KEEPALIVE, "", 0);
        expect_nothing((c->n_taken = c->n_got, c)); /* never answered */
        client_free(c);
        rig_free(r);
    }
}

static void dpd_of_the_gateway(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_13_AES128, 7);
    const struct got *g;
    unsigned asked = 0, alive = 0;
    (void)state;
    c->s.facts.keepalive_s = 9;
    rig_start(c);
    rig_pass(r, 26 * RIG_SECOND);
    while ((g = next_got(c))) {
        asked += g->type == VC_CSTP_DPD_REQ;
        alive += g->type == VC_CSTP_KEEPALIVE;
    }
    assert_int_equal(asked, 0);
    assert_in_range(alive, 2, 3); /* each 9 s, +-10 % */
    rig_pass(r, 8 * RIG_SECOND);
    while ((g = next_got(c)))
        asked += g->type == VC_CSTP_DPD_REQ;
    assert_int_equal(asked, 1);
    send_frame(c, VC_CSTP_DPD_RESP, "", 0); /* shorter than the question, if that had anything in it */
    rig_pass(r, 80 * RIG_SECOND);
    while ((g = next_got(c)))
        asked += g->type == VC_CSTP_DPD_REQ;
    assert_in_range(asked, 4, 5); /* at 30, 45, 60, 75 */
    assert_int_equal(r->n_told, 0);
    rig_pass(r, 20 * RIG_SECOND);
    expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_DEAD_PEER);
    while (next_got(c))
        continue;
    assert_true(c->eof);
    client_free(c);
    rig_free(r);
}

static void limits_of_time(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_13_AES128, 7), *d = client_new(r, RIG_13_AES128, 8);
    uint8_t packet[200], bye[] = "\xb0Idle Timeout", over[] = "\xb0Max time exceeded";
    const struct got *g;
    (void)state;
    c->s.facts.idle_s = 100;
    c->s.facts.dpd_s = c->s.facts.keepalive_s = 0;
    d->s.facts.dpd_s = d->s.facts.keepalive_s = 0;
    d->s.facts.end_ns = r->now + 250 * RIG_SECOND;
    rig_start(c);
    rig_start(d);
    rig_pass(r, 90 * RIG_SECOND);
    tun_put(r, packet, packet_of(packet, 99, 7, 20, 4));
    rig_turn(r);
    rig_pass(r, 90 * RIG_SECOND);
    assert_int_equal(r->n_told, 0);
    size_t n = packet_of(packet, 7, 99, 20, 4);
    packet[9] = 1; /* ICMP keeps nothing alive */
    sum_ip4(packet);
    send_frame(c, VC_CSTP_DATA, packet, n);
    send_frame(c, VC_CSTP_DPD_REQ, "", 0);
    rig_pass(r, 10 * RIG_SECOND);
    expect_told(r, 7, VC_LIVE_OVER, VC_CAUSE_IDLE_TIMEOUT);
    while ((g = next_got(c)) && g->type != VC_CSTP_DISCONNECT)
        continue;
    assert_non_null(g);
    assert_int_equal(g->len, sizeof(bye) - 1);
    assert_memory_equal(g->payload, bye, sizeof(bye) - 1);
    expect_alert(c, 1, 0);
    expect_end(c);
    rig_pass(r, 60 * RIG_SECOND);
    expect_told(r, 8, VC_LIVE_OVER, VC_CAUSE_SESSION_TIMEOUT);
    expect_frame(d, VC_CSTP_DISCONNECT, over, sizeof(over) - 1);
    client_free(c);
    client_free(d);
    rig_free(r);
}

/* ---- ends ---- */

static void disconnects(void **state)
{
    static const struct {
        const char *name;
        struct bytes payload;
        bool bye_is_logout;
        enum vc_live_end how;
    } cases[] = {
        {"empty", BYTES(""), false, VC_LIVE_DETACHED},
        {"user", BYTES("\xb0"), false, VC_LIVE_LOGOUT},
        {"user with text",
         BYTES("\xb0"
               "Aborted by caller"),
         false, VC_LIVE_LOGOUT},
        {"text that is no text", BYTES("\xb0\xff\xfe\0\x1b[31m\xc3"), false, VC_LIVE_LOGOUT},
        {"local error", BYTES("\x70x"), false, VC_LIVE_LOGOUT},
        {"network", BYTES("\x91Reconnecting the VPN tunnel."), false, VC_LIVE_DETACHED},
        {"pause", BYTES("\xd1"), false, VC_LIVE_DETACHED},
        {"unknown", BYTES("\x01hi"), false, VC_LIVE_DETACHED},
        {"unknown, cisco-bye = logout", BYTES("\x01hi"), true, VC_LIVE_LOGOUT},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        for (int gone = 0; gone < 2; gone++) { /* the client may be gone before we read it */
            struct rig *r = rig_new((struct rig_options){.no_udp = true});
            struct client *c = client_new(r, RIG_12_AES128, 7);
            struct buf *b = calloc(1, sizeof(*b));
            c->s.facts.bye_is_logout = cases[k].bye_is_logout;
            rig_start(c);
            put_frame(c, b, VC_CSTP_DISCONNECT, cases[k].payload.at, cases[k].payload.len);
            send_all(c, b->at, b->len);
            if (gone) {
                (void)close(c->fd);
                c->fd = -1;
            }
            rig_turn(r);
            assert_case(cases[k].name, r->n_told == 1 && r->told[0].how == cases[k].how);
            if (!gone) {
                expect_alert(c, 1, 0);
                expect_end(c);
            }
            free(b);
            client_free(c);
            rig_free(r);
        }
    }
}

static void closed_without_a_word(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        struct client *c = client_new(r, RIG_12_AES128, 7);
        uint8_t packet[200];
        rig_start(c);
        if (i == 0) {
            (void)shutdown(c->fd, SHUT_WR);
        } else {
            (void)close(c->fd);
            c->fd = -1;
        }
        if (i == 2)
            tun_put(r, packet, packet_of(packet, 99, 7, 20, 4)); /* we may notice by sending */
        rig_turn(r);
        expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_PEER_CLOSED);
        client_free(c);
    }
    rig_free(r);
}

static void told_to_close(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct vc_fail why;
    (void)state;
    vc_fail_set(&why, VC_CAUSE_ADMIN, 0, "%s", "");
    for (int i = 0; i < 6; i++) {
        struct client *c = client_new(r, i % 2 ? RIG_12_CHACHA : RIG_13_AES256, 7);
        struct vc_live *l = rig_start(c);
        if (i >= 4)
            (void)shutdown(c->fd, SHUT_RD); /* what we send meets nobody */
        vc_live_close(l, i < 2 ? "Bye" : NULL, &why);
        expect_told(r, 7, VC_LIVE_CLOSED, VC_CAUSE_ADMIN);
        rig_turn(r);
        if (i < 4) {
            if (i < 2)
                expect_frame(c, VC_CSTP_DISCONNECT,
                             "\xb0"
                             "Bye",
                             4);
            expect_alert(c, 1, 0);
            expect_end(c);
        }
        rig_pass(r, 3 * RIG_SECOND); /* the client never closes: we don't wait longer */
        assert_int_equal(vc_worker_due(r->w), UINT64_MAX);
        client_free(c);
    }
    rig_free(r);
}

/* ---- a client that does not read ---- */

static size_t bytes_now(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long size, resident;
    assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
    (void)fclose(f);
    return resident * 4096;
}

static void fill(struct rig *r, uint8_t id)
{
    uint8_t packet[1500];
    size_t n = packet_of(packet, 99, id, 1300, 4);
    for (int i = 0; i < 2000; i++) {
        tun_put(r, packet, n);
        if (i % 16 == 15)
            rig_turn(r);
    }
}

static void slow_peer(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *slow = client_new(r, RIG_13_AES128, 7), *beside = client_new(r, RIG_12_AES128, 8);
    uint8_t packet[200];
    (void)state;
    slow->s.facts.dpd_s = slow->s.facts.keepalive_s = 0;
    rig_start(slow);
    rig_start(beside);
    fill(r, 7);
    assert_true(vc_worker_counters(r->w)->dropped_slow > 500);
    size_t n = packet_of(packet, 99, 8, 20, 4);
    tun_put(r, packet, n);
    rig_turn(r);
    expect_frame(beside, VC_CSTP_DATA, packet, n); /* its neighbour loses nothing */
    rig_pass(r, 30 * RIG_SECOND - 1);
    assert_int_equal(r->n_told, 0);
    rig_pass(r, 1);
    expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_SLOW_PEER);
    client_free(slow);
    client_free(beside);
    rig_free(r);
}

static void slow_then_reads(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_13_AES128, 7);
    uint8_t packet[200];
    (void)state;
    c->s.facts.dpd_s = c->s.facts.keepalive_s = 0;
    rig_start(c);
    fill(r, 7);
    rig_pass(r, 29 * RIG_SECOND);
    for (int i = 0; i < 50; i++) { /* all that was kept comes, whole records in order */
        client_read(c);
        rig_turn(r);
    }
    rig_pass(r, 60 * RIG_SECOND);
    assert_int_equal(r->n_told, 0);
    assert_true(c->n_got > 150);
    c->n_taken = c->n_got;
    size_t n = packet_of(packet, 99, 7, 20, 4);
    tun_put(r, packet, n);
    rig_turn(r);
    expect_frame(c, VC_CSTP_DATA, packet, n);
    client_free(c);
    rig_free(r);
}

/* Reading a little now and then wins no time (docs/threats.md, rule 6); reading on in earnest does. */
static void trickle(void **state)
{
    static uint8_t some[400000];
    (void)state;
    for (int enough = 0; enough < 2; enough++) {
        struct rig *r = rig_new((struct rig_options){.no_udp = true});
        struct client *c = client_new(r, RIG_13_AES128, 7);
        c->s.facts.dpd_s = c->s.facts.keepalive_s = 0;
        rig_start(c);
        fill(r, 7);
        for (int i = 0; i < 20 && r->n_told == 0; i++) {
            ssize_t n = 0;
            for (size_t want = enough ? sizeof(some) : 40000; want > 0 && n >= 0; want -= n > 0 ? (size_t)n : 0)
                n = recv(c->fd, some, want, MSG_DONTWAIT);
            rig_pass(r, 6 * RIG_SECOND);
            fill(r, 7);
        }
        if (enough)
            assert_int_equal(r->n_told, 0);
        else
            expect_told(r, 7, VC_LIVE_LOST, VC_CAUSE_CSTP_SLOW_PEER);
        client_free(c);
        rig_free(r);
    }
}

/* Answers wait in the same queue: who asks and does not read must not fill our memory. */
static void questions_without_reading(void **state)
{
    static uint8_t large[VC_CSTP_PAYLOAD_MAX];
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_12_AES128, 7);
    (void)state;
    rig_start(c);
    size_t before = bytes_now();
    for (int s = 0; s < 28; s++) {
        for (int i = 0; i < 100; i++)
            send_frame(c, VC_CSTP_DPD_REQ, large, sizeof(large));
        rig_pass(r, RIG_SECOND);
    }
    assert_true(bytes_now() < before + (24 << 20)); /* 45 MB of answers were asked for */
    client_free(c);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_both_ways),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(split_at_every_byte),
        cmocka_unit_test(behind_the_head),
        cmocka_unit_test(half_a_frame_behind_the_head),
        cmocka_unit_test(key_updates),
        cmocka_unit_test(too_many_key_updates),
        cmocka_unit_test(own_key_update),
        cmocka_unit_test(key_limits),
        cmocka_unit_test(renegotiation),
        cmocka_unit_test(alerts),
        cmocka_unit_test(bad_records),
        cmocka_unit_test(empty_records),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(dpd_of_the_client),
        cmocka_unit_test(dpd_of_the_gateway),
        cmocka_unit_test(limits_of_time),
        cmocka_unit_test(disconnects),
        cmocka_unit_test(closed_without_a_word),
        cmocka_unit_test(told_to_close),
        cmocka_unit_test(slow_peer),
        cmocka_unit_test(slow_then_reads),
        cmocka_unit_test(trickle),
        cmocka_unit_test(questions_without_reading),
    };
    return cmocka_run_group_tests_name("datapath/tcp_lane", tests, NULL, NULL);
}
