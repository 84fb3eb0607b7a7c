#include "table.h"

#include "proto/cstp.h"

#define S UINT64_C(1000000000)
#define START (1000 * S)

static struct vc_cstp channel(enum vc_end end, bool udp, bool compressed, bool bye_is_logout)
{
    struct vc_liveness live;
    struct vc_cstp c;
    vc_liveness_init(&live, end, udp, 30, 20, 0, START);
    vc_cstp_init(&c, &live, udp, compressed, bye_is_logout);
    return c;
}

#define G VC_END_GATEWAY
#define C VC_END_CLIENT
#define FRAME(type, len, payload) BYTES("STF\x01\0" len type "\0" payload)

// clang-format off
static const struct {
    const char *name;
    enum vc_end end;
    bool compressed, bye_is_logout;
    struct bytes rec;
    int ret;
    enum vc_cstp_do what;
    enum vc_bye bye;
    uint8_t reason;
    size_t text_len;
    bool note;
} records[] = {
    {"data",                   G, 0, 0, FRAME("\x00", "\x03", "abc"),     0, VC_CSTP_DELIVER, VC_BYE_NONE, 0, 0, 0},
    {"data to the client",     C, 0, 0, FRAME("\x00", "\x03", "abc"),     0, VC_CSTP_DELIVER, VC_BYE_NONE, 0, 0, 0},
    {"empty data",             G, 0, 0, FRAME("\x00", "\x00", ""),        0, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 0},
    {"DPD-REQ",                G, 0, 0, FRAME("\x03", "\x00", ""),        0, VC_CSTP_SEND,    VC_BYE_NONE, 0, 0, 0},
    {"DPD-RESP",               G, 0, 0, FRAME("\x04", "\x01", "x"),       0, VC_CSTP_HEARD,   VC_BYE_NONE, 0, 0, 0},
    {"keepalive",              G, 0, 0, FRAME("\x07", "\x00", ""),        0, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 0},
    {"compressed",             G, 1, 0, FRAME("\x08", "\x01", "x"),       0, VC_CSTP_EXPAND,  VC_BYE_NONE, 0, 0, 0},
    {"compressed, not agreed", G, 0, 0, FRAME("\x08", "\x01", "x"),      -1, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 0},
    {"unknown type",           G, 0, 0, FRAME("\x55", "\x01", "x"),       0, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 1},
    {"terminate to a gateway", G, 0, 0, FRAME("\x09", "\x00", ""),        0, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 1},
    {"terminate to a client",  C, 0, 0, FRAME("\x09", "\x00", ""),        0, VC_CSTP_BYE, VC_BYE_OVER,   0,    0, 0},
    {"bye B0 with text",       G, 0, 0, FRAME("\x05", "\x03", "\xb0hi"),  0, VC_CSTP_BYE, VC_BYE_LOGOUT, 0xb0, 2, 0},
    {"bye 70",                 G, 0, 0, FRAME("\x05", "\x01", "\x70"),    0, VC_CSTP_BYE, VC_BYE_LOGOUT, 0x70, 0, 0},
    {"bye, empty",             G, 0, 1, FRAME("\x05", "\x00", ""),        0, VC_CSTP_BYE, VC_BYE_DETACH, 0,    0, 0},
    {"bye 91",                 G, 0, 1, FRAME("\x05", "\x01", "\x91"),    0, VC_CSTP_BYE, VC_BYE_DETACH, 0x91, 0, 0},
    {"bye D1",                 G, 0, 1, FRAME("\x05", "\x01", "\xd1"),    0, VC_CSTP_BYE, VC_BYE_DETACH, 0xd1, 0, 0},
    {"bye 01",                 G, 0, 0, FRAME("\x05", "\x03", "\x01hi"),  0, VC_CSTP_BYE, VC_BYE_DETACH, 0x01, 2, 0},
    {"bye 01, logout",         G, 0, 1, FRAME("\x05", "\x03", "\x01hi"),  0, VC_CSTP_BYE, VC_BYE_LOGOUT, 0x01, 2, 0},
    {"bye 00, logout",         G, 0, 1, FRAME("\x05", "\x01", "\x00"),    0, VC_CSTP_BYE, VC_BYE_LOGOUT, 0x00, 0, 0},
    {"bye to a client",        C, 0, 0, FRAME("\x05", "\x02", "\xb0X"),   0, VC_CSTP_BYE, VC_BYE_OVER,   0xb0, 1, 0},
    {"empty bye to a client",  C, 0, 0, FRAME("\x05", "\x00", ""),        0, VC_CSTP_BYE, VC_BYE_OVER,   0,    0, 0},
    {"two frames",             G, 0, 0, BYTES("STF\x01\0\0\x07\0STF\x01\0\0\x07\0"), -1, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 0},
    {"no frame",               G, 0, 0, BYTES("GET / HTTP/1.1\r\n"),     -1, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 0},
    {"an empty record",        G, 0, 0, BYTES(""),                       -1, VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 0},
};
// clang-format on

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        const char *name = records[i].name;
        struct vc_cstp c = channel(records[i].end, false, records[i].compressed, records[i].bye_is_logout);
        struct vc_cstp_out out;
        struct vc_fail fail = {0};
        size_t len = records[i].rec.len;
        uint8_t *rec = exact(records[i].rec.at, len);
        int ret = vc_cstp_record(&c, rec, len, START + S, &out, &fail);
        assert_case(name, ret == records[i].ret);
        assert_case(name, out.what == records[i].what && out.bye == records[i].bye);
        assert_case(name, out.reason == records[i].reason && out.text_len == records[i].text_len);
        assert_case(name, out.note == records[i].note && c.n_unknown == records[i].note);
        if (ret == 0) {
            assert_case(name, out.frame.payload == rec + 8 && out.frame.len == len - 8);
            assert_case(name, c.live.heard_ns == START + S);
        } else {
            assert_case(name, fail.cause == VC_CAUSE_CSTP_FRAMING);
        }
        if (out.what == VC_CSTP_SEND)
            assert_case(name, out.send == VC_CSTP_DPD_RESP && c.live.sent_ns == START + S);
        free(rec);
    }
}

// clang-format off
static const struct {
    const char *name;
    bool compressed;
    struct bytes plain;
    enum vc_cstp_do what;
    enum vc_bye bye;
    size_t len; /* of the frame */
    uint64_t n_unknown, n_unasked;
} datagrams[] = {
    {"data",                   false, BYTES("\0abc"),       VC_CSTP_DELIVER, VC_BYE_NONE, 3, 0, 0},
    {"DPD-REQ of one byte",    false, BYTES("\x03"),        VC_CSTP_SEND,    VC_BYE_NONE, 0, 0, 0},
    {"an MTU probe",           false, BYTES("\x03id..\0\0"), VC_CSTP_SEND,   VC_BYE_NONE, 6, 0, 0},
    {"an answer to ours",      false, BYTES("\x04id..\0\0"), VC_CSTP_HEARD,  VC_BYE_NONE, 6, 0, 0},
    {"bye closes DTLS only",   false, BYTES("\x05\xb0"),    VC_CSTP_BYE,     VC_BYE_DTLS, 1, 0, 0},
    {"terminate is unknown",   false, BYTES("\x09"),        VC_CSTP_NOTHING, VC_BYE_NONE, 0, 1, 0},
    {"keepalive",              false, BYTES("\x07"),        VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 0},
    {"compressed",             true,  BYTES("\x08x"),       VC_CSTP_EXPAND,  VC_BYE_NONE, 1, 0, 0},
    {"compressed, not agreed", false, BYTES("\x08x"),       VC_CSTP_NOTHING, VC_BYE_NONE, 1, 0, 1},
    {"unknown",                false, BYTES("\xffx"),       VC_CSTP_NOTHING, VC_BYE_NONE, 1, 1, 0},
    {"empty",                  false, BYTES(""),            VC_CSTP_NOTHING, VC_BYE_NONE, 0, 0, 1},
};
// clang-format on

static void test_datagrams(void **state)
{
    (void)state;
    for (int end = VC_END_GATEWAY; end <= VC_END_CLIENT; end++) {
        for (size_t i = 0; i < sizeof(datagrams) / sizeof(datagrams[0]); i++) {
            const char *name = datagrams[i].name;
            struct vc_cstp c = channel((enum vc_end)end, true, datagrams[i].compressed, true);
            struct vc_cstp_out out;
            uint8_t *plain = exact(datagrams[i].plain.at, datagrams[i].plain.len);
            vc_cstp_datagram(&c, plain, datagrams[i].plain.len, START + S, &out);
            assert_case(name, out.what == datagrams[i].what && out.bye == datagrams[i].bye);
            assert_case(name, out.frame.len == datagrams[i].len);
            assert_case(name, c.n_unknown == datagrams[i].n_unknown && c.n_unasked == datagrams[i].n_unasked);
            assert_case(name, c.live.heard_ns == START + S);
            free(plain);
        }
    }
}

/* 100 answers a second, and the next second again. */
static void test_dpd_flood(void **state)
{
    (void)state;
    struct vc_cstp c = channel(G, false, false, false);
    struct bytes req = FRAME("\x03", "\x02", "hi");
    struct vc_cstp_out out;
    for (int second = 0; second < 2; second++) {
        unsigned answers = 0;
        for (int i = 0; i < 150; i++) {
            assert_int_equal(vc_cstp_record(&c, req.at, req.len, START + (uint64_t)second * S, &out, NULL), 0);
            answers += out.what == VC_CSTP_SEND;
        }
        assert_int_equal(answers, VC_CSTP_ANSWERS_PER_SECOND);
    }
    assert_int_equal(c.n_withheld, 100);
}

/* Unknown types are told of once, and counted. */
static void test_note_once(void **state)
{
    (void)state;
    struct vc_cstp c = channel(G, false, false, false);
    struct bytes odd = FRAME("\x42", "\x00", "");
    struct vc_cstp_out out;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vc_cstp_record(&c, odd.at, odd.len, START, &out, NULL), 0);
        assert_int_equal(out.note, i == 0);
    }
    assert_int_equal(c.n_unknown, 3);
}

static void test_ticks(void **state)
{
    (void)state;
    struct vc_cstp c = channel(G, false, false, false);
    struct vc_cstp_out out;
    char log[64] = "";
    for (;;) {
        uint64_t due = vc_cstp_due(&c);
        if (due == UINT64_MAX)
            break;
        vc_cstp_tick(&c, due, &out);
        size_t n = strlen(log);
        const char *what = out.what == VC_CSTP_DEAD ? "D" : out.send == VC_CSTP_DPD_REQ ? "a" : "k";
        assert_true(out.what == VC_CSTP_DEAD || (out.what == VC_CSTP_SEND && out.frame.len == 0));
        (void)snprintf(log + n, sizeof(log) - n, "%s%u ", what, (unsigned)((due - START) / S));
    }
    assert_string_equal(log, "k20 a30 a45 a60 a75 D90 ");
    vc_cstp_tick(&c, START + 500 * S, &out);
    assert_int_equal(out.what, VC_CSTP_NOTHING);
}

/* Both ends, one clock: an idle channel lives for ever, and each side answers the other. */
static void test_both_ends(void **state)
{
    (void)state;
    struct vc_cstp end[2] = {channel(G, false, false, false), channel(C, false, false, false)};
    uint64_t now = START;
    unsigned sent = 0;
    while (now < START + 3600 * S) {
        int who = vc_cstp_due(&end[0]) <= vc_cstp_due(&end[1]) ? 0 : 1;
        struct vc_cstp_out out;
        now = vc_cstp_due(&end[who]);
        vc_cstp_tick(&end[who], now, &out);
        assert_int_equal(out.what, VC_CSTP_SEND);
        for (int to = !who; out.what == VC_CSTP_SEND; to = !to) { /* until nobody answers */
            uint8_t rec[64];
            assert_true(vc_cstp_header_write(rec, out.send, out.frame.len));
            assert_int_equal(vc_cstp_record(&end[to], rec, VC_CSTP_HEADER, now, &out, NULL), 0);
            sent++;
        }
    }
    assert_true(sent >= 300);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(vc_bye_name(VC_BYE_NONE), "none");
    assert_string_equal(vc_bye_name(VC_BYE_LOGOUT), "logout");
    assert_string_equal(vc_bye_name(VC_BYE_DETACH), "detach");
    assert_string_equal(vc_bye_name(VC_BYE_OVER), "over");
    assert_string_equal(vc_bye_name(VC_BYE_DTLS), "dtls");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),   cmocka_unit_test(test_datagrams), cmocka_unit_test(test_dpd_flood),
        cmocka_unit_test(test_note_once), cmocka_unit_test(test_ticks),     cmocka_unit_test(test_both_ends),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
