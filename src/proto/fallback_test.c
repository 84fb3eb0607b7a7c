#include "table.h"

#include "proto/fallback.h"

#define MS UINT64_C(1000000)
#define START (UINT64_C(1000) * 1000 * MS)

enum what { END, HELLO, FINISHED, UDP, UDP_DATA, TCP_DATA, DEAD, CLOSED, TICK };
struct step {
    enum what what;
    uint64_t at_ms;
    bool changed; /* TICK: something was due */
    enum vc_way way;
    enum vc_way_why why;
};
#define MAX_STEPS 10
#define T VC_WAY_CSTP
#define D VC_WAY_DTLS

// clang-format off
static const struct {
    const char *name;
    bool offered;
    uint32_t switch_s;
    struct step steps[MAX_STEPS];
} scripts[] = {
    {"the usual way", true, 25, {
        {HELLO,       500, false, T, VC_WAY_START},
        {TCP_DATA,    550, false, T, VC_WAY_START},
        {FINISHED,    600, true,  D, VC_WAY_FINISHED},
        {UDP_DATA,    700, false, D, VC_WAY_FINISHED}}},
    {"no ClientHello", true, 25, {
        {TICK,      34999, false, T, VC_WAY_START},
        {TICK,      35000, true,  T, VC_WAY_START},
        {TICK,      99999, false, T, VC_WAY_START},
        {FINISHED, 100000, true,  D, VC_WAY_FINISHED}}},
    {"a ClientHello is enough", true, 25, {
        {HELLO,     34999, false, T, VC_WAY_START},
        {TICK,      99999, false, T, VC_WAY_START}}},
    {"DTLS was not offered", false, 25, {
        {TICK,      99999, false, T, VC_WAY_START}}},
    {"late TCP data does not flip", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {TCP_DATA,   1100, false, D, VC_WAY_FINISHED},
        {TCP_DATA,   1200, false, D, VC_WAY_FINISHED},
        {TCP_DATA,   3999, false, D, VC_WAY_FINISHED},
        {TCP_DATA,   4000, false, D, VC_WAY_FINISHED}, /* the first that counts */
        {TCP_DATA,   5000, true,  T, VC_WAY_TCP_DATA}}},
    {"two within a second", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {TCP_DATA,   5000, false, D, VC_WAY_FINISHED},
        {TCP_DATA,   6001, false, D, VC_WAY_FINISHED},
        {TCP_DATA,   7001, true,  T, VC_WAY_TCP_DATA},
        {TCP_DATA,   7002, false, T, VC_WAY_TCP_DATA}}},
    {"and back by data over UDP", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {TCP_DATA,   5000, false, D, VC_WAY_FINISHED},
        {TCP_DATA,   5001, true,  T, VC_WAY_TCP_DATA},
        {UDP_DATA,   6000, false, T, VC_WAY_TCP_DATA}, /* was on its way */
        {UDP,        9000, false, T, VC_WAY_TCP_DATA}, /* a DPD proves one direction only */
        {UDP_DATA,   9001, true,  D, VC_WAY_UDP_ALIVE},
        {TCP_DATA,   9002, false, D, VC_WAY_UDP_ALIVE}, /* the old one does not count */
        {TCP_DATA,   9003, true,  T, VC_WAY_TCP_DATA}}},
    {"a new handshake", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {TCP_DATA,   5000, false, D, VC_WAY_FINISHED},
        {TCP_DATA,   5001, true,  T, VC_WAY_TCP_DATA},
        {FINISHED,   5002, true,  D, VC_WAY_FINISHED},
        {FINISHED,   6002, false, D, VC_WAY_FINISHED}}},
    {"dead, and alive again", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {DEAD,      90000, true,  T, VC_WAY_DEAD},
        {UDP,       91000, true,  D, VC_WAY_UDP_ALIVE}}},
    {"closed stays closed", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {CLOSED,     2000, true,  T, VC_WAY_CLOSED},
        {UDP_DATA,   2001, false, T, VC_WAY_CLOSED},
        {DEAD,       2002, false, T, VC_WAY_CLOSED},
        {FINISHED,   3000, true,  D, VC_WAY_FINISHED}}},
    {"nothing ends what was not", true, 0, {
        {DEAD,       1000, false, T, VC_WAY_START},
        {CLOSED,     1001, false, T, VC_WAY_START},
        {UDP_DATA,   1002, false, T, VC_WAY_START}}},
    {"dead, then closed", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {DEAD,       2000, true,  T, VC_WAY_DEAD},
        {CLOSED,     2001, false, T, VC_WAY_CLOSED},
        {UDP,        2002, false, T, VC_WAY_CLOSED}}},
    {"switch-to-tcp-timeout", true, 25, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {UDP,       10000, false, D, VC_WAY_FINISHED},
        {TICK,      34999, false, D, VC_WAY_FINISHED},
        {TICK,      35000, true,  T, VC_WAY_UDP_SILENT},
        {TICK,      99999, false, T, VC_WAY_UDP_SILENT},
        {UDP,      100000, true,  D, VC_WAY_UDP_ALIVE},
        {TICK,     125000, true,  T, VC_WAY_UDP_SILENT}}},
    {"switch-to-tcp-timeout = 0", true, 0, {
        {FINISHED,   1000, true,  D, VC_WAY_FINISHED},
        {TICK,    9999999, false, D, VC_WAY_FINISHED}}},
};
// clang-format on

static void test_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct vc_fallback f;
        vc_fallback_init(&f, scripts[i].offered, scripts[i].switch_s, START);
        for (size_t k = 0; k < MAX_STEPS && scripts[i].steps[k].what != END; k++) {
            const struct step *s = &scripts[i].steps[k];
            uint64_t now = START + s->at_ms * MS;
            bool changed = false;
            switch (s->what) {
            case HELLO:
                vc_fallback_hello(&f);
                break;
            case FINISHED:
                changed = vc_fallback_finished(&f, now);
                break;
            case UDP:
            case UDP_DATA:
                changed = vc_fallback_udp_heard(&f, s->what == UDP_DATA, now);
                break;
            case TCP_DATA:
                changed = vc_fallback_tcp_data(&f, now);
                break;
            case DEAD:
                changed = vc_fallback_dead(&f);
                break;
            case CLOSED:
                changed = vc_fallback_closed(&f);
                break;
            case TICK: {
                bool due = vc_fallback_due(&f) <= now;
                enum vc_fallback_do what = vc_fallback_tick(&f, now);
                changed = what != VC_FALLBACK_NOTHING;
                assert_case(scripts[i].name, changed == due);
                assert_case(scripts[i].name,
                            !changed || what == (f.why == VC_WAY_START ? VC_FALLBACK_SILENT : VC_FALLBACK_TO_TCP));
                break;
            }
            case END:
                break;
            }
            if (changed != s->changed || f.way != s->way || f.why != s->why)
                fail_msg("case '%s', step %zu: changed %d, way %d, why %s", scripts[i].name, k, changed, f.way,
                         vc_way_why_name((enum vc_way_why)f.why));
        }
    }
}

/* Every pair of state and event, whatever the order: the way and the reason always agree. */
static void test_all_pairs(void **state)
{
    (void)state;
    for (uint32_t path = 0; path < 7U * 7 * 7 * 7 * 7; path++) {
        struct vc_fallback f;
        uint64_t now = START;
        vc_fallback_init(&f, true, 25, now);
        uint32_t left = path;
        for (int k = 0; k < 5; k++, left /= 7) {
            now += 4000 * MS;
            uint8_t before = f.way;
            bool changed = false;
            switch (left % 7) {
            case 0:
                changed = vc_fallback_finished(&f, now);
                break;
            case 1:
                changed = vc_fallback_udp_heard(&f, true, now);
                break;
            case 2:
                changed = vc_fallback_udp_heard(&f, false, now);
                break;
            case 3:
                changed = vc_fallback_tcp_data(&f, now) || vc_fallback_tcp_data(&f, now + 1);
                break;
            case 4:
                changed = vc_fallback_dead(&f);
                break;
            case 5:
                changed = vc_fallback_closed(&f);
                break;
            default:
                now += 40000 * MS;
                while (vc_fallback_due(&f) <= now)
                    changed = vc_fallback_tick(&f, now) == VC_FALLBACK_TO_TCP || changed;
            }
            bool on_dtls = f.why == VC_WAY_FINISHED || f.why == VC_WAY_UDP_ALIVE;
            assert_true(changed == (before != f.way) && on_dtls == (f.way == VC_WAY_DTLS));
            assert_true(strlen(vc_way_why_name((enum vc_way_why)f.why)) > 0);
        }
    }
}

/** Data waits while the client probes its MTU, and not longer. */
static void test_hold(void **state)
{
    static const uint64_t ms = 1000000;
    struct vc_fallback f;
    uint64_t t = 5000 * ms;
    (void)state;
    vc_fallback_init(&f, true, 0, t);
    assert_int_equal(vc_fallback_way(&f, t), VC_WAY_CSTP);
    assert_true(vc_fallback_finished(&f, t));
    vc_fallback_hold(&f, t);
    assert_int_equal(vc_fallback_way(&f, t + 299 * ms), VC_WAY_CSTP);
    assert_int_equal(vc_fallback_way(&f, t + 300 * ms), VC_WAY_DTLS); /* nothing was asked */
    (void)vc_fallback_udp_heard(&f, false, t + 200 * ms);
    assert_int_equal(vc_fallback_way(&f, t + 499 * ms), VC_WAY_CSTP); /* a question puts it off */
    assert_int_equal(vc_fallback_way(&f, t + 500 * ms), VC_WAY_DTLS);
    (void)vc_fallback_udp_heard(&f, false, t + 600 * ms);
    assert_int_equal(vc_fallback_way(&f, t + 600 * ms), VC_WAY_DTLS); /* not once it was over */
    vc_fallback_hold(&f, t + 700 * ms);
    (void)vc_fallback_udp_heard(&f, true, t + 710 * ms);
    assert_int_equal(vc_fallback_way(&f, t + 710 * ms), VC_WAY_DTLS); /* a packet of its own: it is ready */
    assert_true(vc_fallback_closed(&f));
    assert_int_equal(vc_fallback_way(&f, t + 9000 * ms), VC_WAY_CSTP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_all_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
