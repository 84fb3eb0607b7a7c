#include "policy/placeholders.h"

#include "table.h"

static void fills(void **state)
{
    static const struct {
        const char *text, *user, *group;
        enum vc_placeholders_in in;
        const char *want;
    } cases[] = {
        {"", "u", "g", VC_PLACEHOLDERS_IN_HEADER, ""},
        {"X: 1", "u", "g", VC_PLACEHOLDERS_IN_HEADER, "X: 1"},
        {"X: %{U} of %{G}", "alice", "staff", VC_PLACEHOLDERS_IN_HEADER, "X: alice of staff"},
        {"%{U}%{U}", "a", "", VC_PLACEHOLDERS_IN_HEADER, "aa"},
        {"%{G}", "a", "", VC_PLACEHOLDERS_IN_HEADER, ""},
        {"100% %{u} %{U", "a", "g", VC_PLACEHOLDERS_IN_HEADER, "100% %{u} %{U"},
        {"X: %{U}", "a\r\nY: b", "", VC_PLACEHOLDERS_IN_HEADER, "X: a??Y: b"},
        {"X: %{U}", "%{G}", "g", VC_PLACEHOLDERS_IN_HEADER, "X: %{G}"},
        {"https://p/%{U}?g=%{G}", "a/b c", "r&d", VC_PLACEHOLDERS_IN_URL, "https://p/a%2Fb%20c?g=r%26d"},
        {"https://p/%41/%{U}", "\xc3\xa4-._~", "", VC_PLACEHOLDERS_IN_URL, "https://p/%41/%C3%A4-._~"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[128];
        struct vc_writer w = vc_writer_to(out, sizeof(out));
        vc_placeholders_fill(vc_str_of(cases[i].text), vc_str_of(cases[i].user), vc_str_of(cases[i].group), cases[i].in,
                             &w);
        assert_case(cases[i].text, vc_put_end_text(&w) && strcmp(out, cases[i].want) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
