#include "packet/checksum.h"

#include "packets.h"
#include "table.h"

#include <time.h>

static const struct {
    const char *name;
    struct bytes in;
    uint16_t sum; /* inverted */
} cases[] = {
    {"nothing", {NULL, 0}, 0xffff},
    {"one byte is a high one", BYTES("\x12"), 0xedff},
    {"RFC 1071, 3", BYTES("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7"), 0x220d},
    {"an IPv4 header", BYTES("\x45\0\0\x73\0\0\x40\0\x40\x11\0\0\xc0\xa8\0\x01\xc0\xa8\0\xc7"), 0xb861},
    {"carries twice", BYTES("\xff\xff\xff\xff\xff\xff\0\x01"), 0xfffe},
    {"all ones", BYTES("\xff\xff\xff\xff"), 0},
};

static void by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *p = exact(cases[i].in.at, cases[i].in.len);
        assert_case(cases[i].name, vc_sum_fold(vc_sum_add(0, p, cases[i].in.len)) == cases[i].sum);
        free(p);
    }
}

/* Every length, every alignment, against the sum that goes word by word. */
static void at_every_length(void **state)
{
    enum { MAX = 700, ALIGNS = 33 };
    static uint8_t from[MAX + ALIGNS], to[MAX + ALIGNS + 1];
    uint64_t seed = 1;
    (void)state;
    for (size_t i = 0; i < sizeof(from); i++)
        from[i] = (uint8_t)(test_random(&seed) | (i % 3 == 0 ? 0xff : 0)); /* many carries */
    for (size_t len = 0; len <= MAX; len++) {
        size_t at = len % ALIGNS, at_to = (len * 7) % ALIGNS;
        uint16_t want = (uint16_t)~slow_sum(0, from + at, len);
        assert_int_equal(vc_sum_fold(vc_sum_add(0, from + at, len)), want);
        memset(to, 0xa5, sizeof(to));
        assert_int_equal(vc_sum_fold(vc_sum_copy(0, to + at_to, from + at, len)), want);
        assert_memory_equal(to + at_to, from + at, len);
        assert_int_equal(to[at_to + len], 0xa5);
        if (at_to > 0)
            assert_int_equal(to[at_to - 1], 0xa5);
    }
}

static void of_all_ones(void **state)
{
    size_t len = 65535;
    uint8_t *p = malloc(len);
    (void)state;
    assert_non_null(p);
    memset(p, 0xff, len);
    assert_int_equal(vc_sum_fold(vc_sum_add(UINT64_MAX, p, len)), (uint16_t)~slow_sum(0xffff, p, len));
    free(p);
}

static void chained(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);
    uint8_t p[3000], q[3000];
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = test_random(&seed) % sizeof(p), cut = test_random(&seed) % (len + 1) & ~(size_t)1;
        for (size_t i = 0; i < 16; i++)
            p[test_random(&seed) % sizeof(p)] = (uint8_t)test_random(&seed);
        uint64_t sum = vc_sum_copy(vc_sum_add(0, p, cut), q, p + cut, len - cut);
        uint16_t a = (uint16_t)test_random(&seed);
        uint32_t b = (uint32_t)test_random(&seed);
        sum = vc_sum_u32(vc_sum_u16(vc_sum_join(sum, 0), a), b);
        uint8_t tail[6] = {(uint8_t)(a >> 8),  (uint8_t)a,        (uint8_t)(b >> 24),
                           (uint8_t)(b >> 16), (uint8_t)(b >> 8), (uint8_t)b};
        uint16_t want = (uint16_t)~slow_sum(slow_sum(0, tail, 6), p, len);
        /* chaining to an odd piece ends the chain, but numbers may still be added */
        assert_int_equal(vc_sum_fold(sum), want);
        assert_memory_equal(q, p + cut, len - cut);
    }
}

static void pseudo(void **state)
{
    uint8_t packet[40] = {0x60, 0};
    (void)state;
    for (size_t i = 8; i < sizeof(packet); i++)
        packet[i] = (uint8_t)(200 + i);
    assert_int_equal(vc_sum_fold(vc_sum_pseudo(packet + 8, packet + 24, 16, 6, 70000)),
                     (uint16_t)~slow_pseudo(packet, 70000, 6));
    packet[0] = 0x45;
    assert_int_equal(vc_sum_fold(vc_sum_pseudo(packet + 12, packet + 16, 4, 17, 1400)),
                     (uint16_t)~slow_pseudo(packet, 1400, 17));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand), cmocka_unit_test(at_every_length), cmocka_unit_test(of_all_ones),
        cmocka_unit_test(chained), cmocka_unit_test(pseudo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
