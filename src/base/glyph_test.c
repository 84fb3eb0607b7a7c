#include "base/glyph.h"

#include "table.h"

static void test_take(void **state)
{
    static const struct {
        const char *text;
        uint32_t code_points[4]; /* 0: the end */
    } cases[] = {
        {"a", {'a'}},
        {"\x7f", {0x7f}},
        {"\xc2\x9b", {0x9b}},
        {"\xe2\x80\xae.", {0x202e, '.'}},
        {"\xf0\x9f\x94\x91", {0x1f511}},
        {"\xe2\x80", {0xfffd, 0xfffd}}, /* cut off */
        {"\xff\x80"
         "a",
         {0xfffd, 0xfffd, 'a'}},
        {"\xc2"
         "a",
         {0xfffd, 'a'}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = exact(cases[i].text, strlen(cases[i].text));
        struct vc_str s = {.at = text, .len = strlen(cases[i].text)};
        for (size_t k = 0; cases[i].code_points[k]; k++)
            assert_case(cases[i].text, s.len > 0 && vc_glyph_take(&s) == cases[i].code_points[k]);
        assert_case(cases[i].text, s.len == 0);
        free(text);
    }
    (void)state;
}

static void test_steers(void **state)
{
    static const uint32_t steer[] = {0,      0x1b,   0x7f,   0x80,   0x9f,   0x61c,  0x200b, 0x200f,
                                     0x2028, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0xfeff, 0xfffd};
    static const uint32_t stay[] = {' ', '~', 0xa0, 0xf6, 0x200a, 0x2010, 0x2027, 0x202f, 0x206a, 0x540d, 0x1f511};
    for (size_t i = 0; i < sizeof(steer) / sizeof(steer[0]); i++)
        assert_true(vc_glyph_steers(steer[i]));
    for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
        assert_false(vc_glyph_steers(stay[i]));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_take), cmocka_unit_test(test_steers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
