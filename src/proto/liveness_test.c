#include "table.h"

#include "proto/liveness.h"

#define S UINT64_C(1000000000)
#define START (1000 * S)

/** A script: at each line something happens, then every tick that is due up to there is taken and written down. */
enum what { HEARD, SENT, DATA, RUN, STOPPED /* our process did not run until here */ };
struct step {
    uint64_t at_ms; /* since START */
    enum what what;
};
#define MAX_STEPS 8

static void tick_until(struct vc_liveness *l, uint64_t until, char *log, size_t cap)
{
    while (vc_liveness_due(l) <= until) {
        uint64_t now = vc_liveness_due(l);
        size_t n = strlen(log);
        enum vc_liveness_do what = vc_liveness_tick(l, now);
        static const char letter[] = {'-', 'a', 'k', 'D'};
        (void)snprintf(log + n, cap - n, "%c%llu ", letter[what], (unsigned long long)((now - START) / 1000000));
        assert_true(strlen(log) + 32 < cap);
    }
}

// clang-format off
static const struct {
    const char *name;
    enum vc_end end;
    bool quick;
    uint32_t dpd_s, keepalive_s;
    int jitter;
    struct step steps[MAX_STEPS]; /* ends with at_ms 0 */
    const char *want;             /* what was said, and at which ms */
} scripts[] = {
    {"gateway, silent peer", VC_END_GATEWAY, false, 30, 0, 0,
     {{200000, RUN}}, "a30000 a45000 a60000 a75000 D90000 "},
    {"gateway, jitter up", VC_END_GATEWAY, false, 30, 0, 10,
     {{200000, RUN}}, "a33000 a49500 a66000 a82500 D99000 "},
    {"gateway, jitter down", VC_END_GATEWAY, false, 30, 0, -10,
     {{200000, RUN}}, "a27000 a40500 a54000 a67500 D81000 "},
    {"gateway, too much jitter is cut", VC_END_GATEWAY, false, 30, 0, -99,
     {{27000, RUN}}, "a27000 "},
    {"gateway, the other way", VC_END_GATEWAY, false, 30, 0, 99,
     {{33000, RUN}}, "a33000 "},
    {"gateway, DPD off", VC_END_GATEWAY, false, 0, 0, 0,
     {{9000000, RUN}}, ""},
    {"an answer in time", VC_END_GATEWAY, false, 30, 0, 0,
     {{31000, HEARD}, {62000, RUN}}, "a30000 a61000 "},
    {"the last answer", VC_END_GATEWAY, false, 30, 0, 0,
     {{89999, HEARD}, {119998, RUN}}, "a30000 a45000 a60000 a75000 "},
    {"life after death", VC_END_GATEWAY, false, 30, 0, 0,
     {{95000, HEARD}, {125000, RUN}}, "a30000 a45000 a60000 a75000 D90000 a125000 "},
    {"our own stop kills nobody unasked", VC_END_GATEWAY, false, 30, 0, 0,
     {{500000, STOPPED}, {520000, RUN}}, "a500000 D515000 "},
    {"keepalive when nothing is sent", VC_END_GATEWAY, false, 0, 20, 0,
     {{15000, SENT}, {60000, RUN}}, "k35000 k55000 "},
    {"data holds the keepalive back", VC_END_GATEWAY, false, 0, 20, 0,
     {{10000, DATA}, {25000, DATA}, {46000, RUN}}, "k45000 "},
    {"a question is a sign too", VC_END_GATEWAY, false, 30, 20, 0,
     {{55000, RUN}}, "k20000 a30000 a45000 "},
    {"client, silent peer", VC_END_CLIENT, false, 30, 0, 0,
     {{200000, RUN}}, "a30000 a45000 D60000 "},
    {"client, DPD absent", VC_END_CLIENT, false, 0, 0, 0,
     {{200000, RUN}}, "a60000 a90000 D120000 "},
    {"client, our own stop: two questions first", VC_END_CLIENT, false, 30, 0, 0,
     {{500000, STOPPED}, {600000, RUN}}, "a500000 a515000 D530000 "},
    {"quick probe", VC_END_CLIENT, true, 30, 0, 0,
     {{10000, DATA}, {11000, DATA}, {100000, RUN}}, "a13000 a14000 a15000 D16000 "},
    {"quick probe answered", VC_END_CLIENT, true, 30, 0, 0,
     {{10000, DATA}, {14500, HEARD}, {30000, RUN}}, "a13000 a14000 "},
    {"data after an answer starts anew", VC_END_CLIENT, true, 30, 0, 0,
     {{10000, DATA}, {12000, HEARD}, {13000, DATA}, {15999, RUN}}, ""},
    {"questions alone are no data", VC_END_CLIENT, true, 30, 0, 0,
     {{10000, SENT}, {29999, RUN}}, ""},
    {"no quick probe on TLS", VC_END_CLIENT, false, 30, 0, 0,
     {{10000, DATA}, {29999, RUN}}, ""},
    {"no quick probe at a gateway", VC_END_GATEWAY, true, 30, 0, 0,
     {{10000, DATA}, {29999, RUN}}, ""},
};
// clang-format on

static void test_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct vc_liveness l;
        char log[1024] = "";
        vc_liveness_init(&l, scripts[i].end, scripts[i].quick, scripts[i].dpd_s, scripts[i].keepalive_s,
                         scripts[i].jitter, START);
        for (const struct step *s = scripts[i].steps; s < scripts[i].steps + MAX_STEPS && s->at_ms > 0; s++) {
            uint64_t now = START + s->at_ms * 1000000;
            if (s->what == STOPPED) {
                size_t n = strlen(log);
                assert_int_equal(vc_liveness_tick(&l, now), VC_LIVENESS_ASK);
                (void)snprintf(log + n, sizeof(log) - n, "a%llu ", (unsigned long long)s->at_ms);
                continue;
            }
            tick_until(&l, now - (s->what == RUN ? 0 : 1), log, sizeof(log));
            if (s->what == HEARD)
                vc_liveness_heard(&l, now);
            else if (s->what == SENT || s->what == DATA)
                vc_liveness_sent(&l, s->what == DATA, now);
        }
        if (strcmp(log, scripts[i].want) != 0)
            fail_msg("case '%s': said '%s'", scripts[i].name, log);
    }
}

/* Before it is due, a tick says nothing; after death it says nothing more. */
static void test_early(void **state)
{
    (void)state;
    struct vc_liveness l;
    vc_liveness_init(&l, VC_END_GATEWAY, false, 30, 20, 0, START);
    assert_int_equal(vc_liveness_tick(&l, START + 20 * S - 1), VC_LIVENESS_NOTHING);
    while (vc_liveness_tick(&l, vc_liveness_due(&l)) != VC_LIVENESS_DEAD)
        ;
    assert_true(vc_liveness_due(&l) == UINT64_MAX);
    assert_int_equal(vc_liveness_tick(&l, UINT64_MAX), VC_LIVENESS_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
