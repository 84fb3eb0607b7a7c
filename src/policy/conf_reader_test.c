#include "policy/conf_reader.h"

#include "table.h"

#define MAX_ENTRIES 4
#define IN(literal)                                                                                                    \
    {                                                                                                                  \
        .at = (const uint8_t *)(literal), .len = sizeof(literal) - 1                                                   \
    }

struct want {
    const char *section, *key, *value;
    unsigned line;
    bool repeated;
};

struct row {
    const char *name;
    struct bytes in;
    struct want want[MAX_ENTRIES]; /* up to one without a line; a header has no key */
    const char *error;             /* how it ends; NULL: well */
};

// clang-format off
static const struct row rows[] = {
    {"empty",                   IN(""),                          {{0}}, NULL},
    {"one",                     IN("dpd = 90\n"),                {{"", "dpd", "90", 1}}, NULL},
    {"no newline at the end",   IN("dpd=90"),                    {{"", "dpd", "90", 1}}, NULL},
    {"colon",                   IN("dpd: 90\n"),                 {{"", "dpd", "90", 1}}, NULL},
    {"first sign decides",      IN("a:b=c\nd=e:f\n"),            {{"", "a", "b=c", 1}, {"", "d", "e:f", 2}}, NULL},
    {"CRLF",                    IN("a = b\r\nc = d\r\n"),        {{"", "a", "b", 1}, {"", "c", "d", 2}}, NULL},
    {"lines are counted",       IN("\n# x\n; y\n\na=b\n"),       {{"", "a", "b", 5}}, NULL},
    {"indented comments",       IN("a=b\n  # c\n\t; d\n"),       {{"", "a", "b", 1}}, NULL},
    {"BOM",                     IN("\xef\xbb\xbf" "a=b\n"),      {{"", "a", "b", 1}}, NULL},
    {"BOM alone",               IN("\xef\xbb\xbf"),              {{0}}, NULL},
    {"half a BOM is text",      IN("\xef\xbb=b\n"),              {{"", "\xef\xbb", "b", 1}}, NULL},
    {"comment behind a blank",  IN("a = b # c\n"),               {{"", "a", "b", 1}}, NULL},
    {"comment behind a tab",    IN("a = b\t#c\n"),               {{"", "a", "b", 1}}, NULL},
    {"# without a blank",       IN("a = b#c\n"),                 {{"", "a", "b#c", 1}}, NULL},
    {"# at once",               IN("a =#c\n"),                   {{"", "a", "#c", 1}}, NULL},
    {"nothing but a comment",   IN("a = #c\n"),                  {{"", "a", "", 1}}, NULL},
    {"comment within quotes",   IN("a = \"b #c\"\n"),            {{"", "a", "b", 1}}, NULL},
    {"# within quotes",         IN("a = \"#c\"\n"),              {{"", "a", "#c", 1}}, NULL},
    {"; ends nothing",          IN("a = b ; c\n"),               {{"", "a", "b ; c", 1}}, NULL},
    {"quotes",                  IN("a = \"b c\"\n"),             {{"", "a", "b c", 1}}, NULL},
    {"quotes and blanks",       IN("a = \" \"b\" \"\n"),         {{"", "a", "b", 1}}, NULL},
    {"inner quotes stay",       IN("a = b\"c\"d\n"),             {{"", "a", "b\"c\"d", 1}}, NULL},
    {"only quotes",             IN("a = \"\"\n"),                {{"", "a", "", 1}}, NULL},
    {"quoted headers",          IN("included-http-headers = \"X: y\" \n"),
                                                                    {{"", "included-http-headers", "\"X: y\"", 1}}, NULL},
    {"empty value",             IN("a =\n"),                     {{"", "a", "", 1}}, NULL},
    {"blank in a key",          IN("a b = c\n"),                 {{"", "a b", "c", 1}}, NULL},
    {"repeated",                IN("route = x\n  y # z\n\tw\n"), {{"", "route", "x", 1}, {"", "route", "y", 2, true},
                                                                     {"", "route", "w", 3, true}}, NULL},
    {"repeated over a gap",     IN("route = x\n\n# c\n y\n"),    {{"", "route", "x", 1}, {"", "route", "y", 4, true}}, NULL},
    {"a key looks repeated",    IN("route = x\n dpd = 9\n"),     {{"", "route", "x", 1}, {"", "route", "dpd = 9", 2, true}}, NULL},
    {"repeated quotes",         IN("a = x\n \"y z\"\n"),         {{"", "a", "x", 1}, {"", "a", "y z", 2, true}}, NULL},
    {"indented first line",     IN("  a = b\n"),                 {{"", "a", "b", 1}}, NULL},
    {"section",                 IN("a=b\n[vhost:x]\nc=d\n"),     {{"", "a", "b", 1}, {"vhost:x", NULL, NULL, 2},
                                                                     {"vhost:x", "c", "d", 3}}, NULL},
    {"section, comment",        IN("[ x y ] # z\n[w];v\n"),      {{"x y", NULL, NULL, 1}, {"w", NULL, NULL, 2}}, NULL},
    {"a section ends a key",    IN("a=b\n[x]\n c=d\n"),          {{"", "a", "b", 1}, {"x", NULL, NULL, 2},
                                                                     {"x", "c", "d", 3}}, NULL},
    {"indented header is a value", IN("a=b\n [x]\n"),            {{"", "a", "b", 1}, {"", "a", "[x]", 2, true}}, NULL},
    {"indented header at first", IN(" [x]\n"),                   {{"x", NULL, NULL, 1}}, NULL},
    {"any bytes",               IN("a=\xff\x01\x80\n"),          {{"", "a", "\xff\x01\x80", 1}}, NULL},

    {"no sign",                 IN("a=b\nnonsense\n"),           {{"", "a", "b", 1}}, "f:2: neither '=' nor ':' on the line"},
    {"sign in the comment",     IN("a #b=c\n"),                  {{0}}, "f:1: neither '=' nor ':' on the line"},
    {"no key",                  IN("= b\n"),                     {{0}}, "f:1: no key before '='"},
    {"no key, colon",           IN(": b\n"),                     {{0}}, "f:1: no key before ':'"},
    {"open header",             IN("[x\n"),                      {{0}}, "f:1: a section header without ']'"},
    {"commented header",        IN("[x #]\n"),                   {{0}}, "f:1: a section header without ']'"},
    {"empty header",            IN("[ ]\n"),                     {{0}}, "f:1: a section header without a name"},
    {"text behind a header",    IN("[x] a=b\n"),                 {{0}}, "f:1: text behind a section header"},
    {"NUL",                     IN("a=b\0c\n"),                  {{0}}, "f:1: a NUL byte: this is not a text file"},
    {"NUL in a comment",        IN("a=b\n#\0\n"),                {{"", "a", "b", 1}}, "f:2: a NUL byte: this is not a text file"},
};
// clang-format on

static bool same(struct vc_str got, const char *want)
{
    return vc_str_eq(got, vc_str_of(want));
}

static void reads_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *t = &rows[i];
        void *in = exact(t->in.at, t->in.len);
        struct vc_conf_reader r = vc_conf_reader_of("f", in, t->in.len);
        struct vc_conf_entry e;
        struct vc_fail fail = {0};
        for (size_t k = 0; k < MAX_ENTRIES && t->want[k].line > 0; k++) {
            const struct want *w = &t->want[k];
            int got = vc_conf_reader_next(&r, &e, &fail);
            assert_case(t->name, got == (w->key ? VC_CONF_ENTRY : VC_CONF_SECTION));
            assert_case(t->name, same(e.section, w->section) && same(e.key, w->key) && same(e.value, w->value));
            assert_case(t->name, e.line == w->line && e.repeated == w->repeated);
        }
        int end = vc_conf_reader_next(&r, &e, &fail);
        assert_case(t->name, end == (t->error ? -1 : VC_CONF_END));
        assert_case(t->name, e.line == 0);
        if (t->error) {
            assert_int_equal(fail.cause, VC_CAUSE_CONFIG);
            assert_string_equal(fail.detail, t->error);
        }
        free(in);
    }
}

static void limits_a_line(void **state)
{
    (void)state;
    static char long_line[VC_CONF_LINE_MAX + 2];
    struct vc_conf_entry e;
    struct vc_fail fail;
    memset(long_line, 'x', sizeof(long_line));
    memcpy(long_line, "a=", 2);
    for (size_t over = 0; over < 2; over++) {
        size_t len = VC_CONF_LINE_MAX + over;
        char *in = exact(long_line, len + 1);
        in[len] = '\n';
        struct vc_conf_reader r = vc_conf_reader_of("f", in, len + 1);
        assert_int_equal(vc_conf_reader_next(&r, &e, &fail), over ? -1 : VC_CONF_ENTRY);
        if (over)
            assert_string_equal(fail.detail, "f:1: longer than 2048 bytes");
        else
            assert_int_equal(e.value.len, len - 2);
        free(in);
    }
}

static void keeps_the_reason_of_a_long_name(void **state)
{
    (void)state;
    struct vc_fail fail;
    char name[301];
    memset(name, 'd', 300);
    memcpy(name + 295, "/conf", 6);
    assert_int_equal(vc_conf_bad(&fail, name, 7, "the reason"), -1);
    assert_non_null(strstr(fail.detail, "/conf:7: the reason"));
    assert_int_equal(strncmp(fail.detail, "...d", 4), 0);
    assert_int_equal(vc_conf_bad(&fail, "f", 0, "whole"), -1);
    assert_string_equal(fail.detail, "f: whole");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(limits_a_line),
        cmocka_unit_test(keeps_the_reason_of_a_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
