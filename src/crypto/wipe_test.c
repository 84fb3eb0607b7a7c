#include "crypto/wipe.h"
#include "table.h"

static void wipes_exactly(void **state)
{
    (void)state;
    uint8_t b[66];
    memset(b, 0xaa, sizeof(b));
    vc_wipe(b + 1, 64);
    assert_int_equal(b[0], 0xaa);
    assert_int_equal(b[65], 0xaa);
    for (int i = 1; i < 65; i++)
        assert_int_equal(b[i], 0);
    vc_wipe(NULL, 0);
}

static void same(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes a, b;
        bool same;
    } cases[] = {
        {"empty", BYTES(""), BYTES(""), true},
        {"equal", BYTES("abc\0d"), BYTES("abc\0d"), true},
        {"first", BYTES("abc"), BYTES("bbc"), false},
        {"last, behind a zero", BYTES("ab\0c"), BYTES("ab\0d"), false},
        {"a high bit", BYTES("\x80"), BYTES("\0"), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_case(cases[i].name, vc_same(cases[i].a.at, cases[i].b.at, cases[i].a.len) == cases[i].same);
    assert_true(vc_same(NULL, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wipes_exactly),
        cmocka_unit_test(same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
