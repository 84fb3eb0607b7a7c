#include "wire/replay.h"
#include "table.h"

static void by_hand(void **state)
{
    (void)state;
    static const struct {
        uint64_t seq;
        bool fresh;
        const char *why;
    } steps[] = {
        {1, true, "the first"},
        {1, false, "again"},
        {0, true, "before the first"},
        {0, false, "that again"},
        {1024, true, "ahead by a window"},
        {1, false, "seen, the oldest inside"},
        {0, false, "now outside"},
        {2, true, "inside, not seen"},
        {5000, true, "a leap"},
        {5000 - 1023, true, "the oldest inside"},
        {5000 - 1023, false, "again"},
        {5000 - 1024, false, "one too old"},
        {4999, true, "not seen: what was there a ring ago does not count"},
        {2, false, "long gone"},
        {5000 + 64 * VC_REPLAY_WORDS, true, "just a ring further"},
        {5000 + 64 * VC_REPLAY_WORDS - 1, true, "its neighbour"},
        {((uint64_t)1 << 48) - 1, true, "the last number"},
        {((uint64_t)1 << 48) - 1, false, "again"},
        {((uint64_t)1 << 48) - 2, true, "the one before"},
        {5001, false, "long gone"},
    };
    struct vc_replay w = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        struct vc_replay before = w;
        assert_case(steps[i].why, vc_replay_fresh(&w, steps[i].seq) == steps[i].fresh);
        assert_memory_equal(&before, &w, sizeof(w)); /* asking moves nothing */
        assert_case(steps[i].why, vc_replay_mark(&w, steps[i].seq) == steps[i].fresh);
        if (!steps[i].fresh)
            assert_memory_equal(&before, &w, sizeof(w));
    }
}

/* The slow reference: a list of all that was marked. */
static void at_random(void **state)
{
    (void)state;
    enum { N = 6000 };
    static uint64_t marked[N];
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t rnd = seed * 7919, top = 0, base = seed % 3 ? 0 : (uint64_t)1 << 40;
        size_t n = 0, taken = 0, refused = 0;
        struct vc_replay w = {0};
        for (size_t i = 0; i < N; i++) {
            uint64_t far = test_random(&rnd) % 200 == 0 ? 3000 : 40, r = test_random(&rnd);
            uint64_t seq = base + top;
            if (r % 4 == 0)
                seq -= (r >> 8) % 1100 < top ? (r >> 8) % 1100 : top;
            else
                seq += (r >> 8) % far;
            bool want = n == 0 || seq + VC_REPLAY_WINDOW > base + top;
            for (size_t k = 0; want && k < n; k++)
                want = marked[k] != seq;
            assert_int_equal(vc_replay_fresh(&w, seq), want);
            if (r >> 62 == 0)
                continue; /* fresh, but its tag was wrong */
            assert_int_equal(vc_replay_mark(&w, seq), want);
            if (!want) {
                refused++;
                continue;
            }
            marked[n++] = seq;
            taken++;
            if (seq - base > top)
                top = seq - base;
        }
        assert_true(taken > 1000 && refused > 100);
        uint8_t packed[sizeof(w)];
        struct vc_writer to = vc_writer_to(packed, sizeof(packed));
        vc_replay_pack(&w, &to);
        assert_false(to.bad);
        struct vc_reader from = vc_reader_of(packed, vc_written(&to));
        struct vc_replay back;
        vc_replay_unpack(&back, &from);
        assert_true(vc_reader_done(&from));
        assert_memory_equal(&back, &w, sizeof(w));
    }
}

static void unpack_refuses(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct vc_replay w;
        bool sane;
    } cases[] = {
        {"empty", {0}, true},
        {"one", {.next = 1, .seen = {1}}, true},
        {"the last",
         {.next = (uint64_t)1 << 48, .seen = {[(((uint64_t)1 << 48) - 1) / 64 % VC_REPLAY_WORDS] = (uint64_t)1 << 63}},
         true},
        {"beyond the last",
         {.next = ((uint64_t)1 << 48) + 1, .seen = {[((uint64_t)1 << 48) / 64 % VC_REPLAY_WORDS] = 1}},
         false},
        {"empty, but seen", {.next = 0, .seen = {[3] = 1}}, false},
        {"the newest is not marked", {.next = 3, .seen = {3}}, false},
        {"one above the newest", {.next = 3, .seen = {15}}, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t packed[sizeof(struct vc_replay)];
        struct vc_writer to = vc_writer_to(packed, sizeof(packed));
        vc_replay_pack(&cases[i].w, &to);
        struct vc_reader from = vc_reader_of(packed, vc_written(&to));
        struct vc_replay back;
        vc_replay_unpack(&back, &from);
        assert_case(cases[i].name, from.bad == !cases[i].sane);
        if (from.bad)
            assert_case(cases[i].name, back.next == 0);
        from = vc_reader_of(packed, vc_written(&to) - 1);
        vc_replay_unpack(&back, &from);
        assert_true(from.bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(at_random),
        cmocka_unit_test(unpack_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
