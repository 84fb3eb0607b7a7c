/* The catalogue of failures: complete, readable, and the same as its snapshot. */
#include "event/fail.h"

#include "base/str.h"
#include "base/writer.h"
#include "table.h"

#include <errno.h>

static bool is_name(const char *s)
{
    if (*s < 'a' || *s > 'z')
        return false;
    for (; *s; s++) {
        if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') && *s != '-')
            return false;
    }
    return true;
}

static void catalogue_is_complete(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VC_N_CAUSES; i++) {
        enum vc_cause cause = (enum vc_cause)i;
        const char *name = vc_cause_name(cause), *words = vc_cause_words(cause);
        struct vc_fail fail = {.cause = cause};
        char text[400];
        assert_case(name, is_name(name) && strlen(name) < 31); /* as long as that: cut */
        assert_case(name, strlen(words) >= 10);
        assert_case(name, words[strlen(words) - 1] != '.' && words[0] != ' ');
        assert_case(name, vc_str_utf8(vc_str_of(words)) && !strpbrk(words, "\n\t\"\\"));
        assert_case(name, vc_cause_phase(cause) < VC_N_PHASES);
        assert_case(name, is_name(vc_phase_name(vc_cause_phase(cause))));
        assert_case(name, is_name(vc_next_name(vc_cause_next(cause))));
        vc_fail_print(&fail, text, sizeof(text));
        assert_case(name, strcmp(text, words) == 0);
        for (unsigned k = 0; k < i; k++) {
            assert_case(name, strcmp(name, vc_cause_name((enum vc_cause)k)) != 0);
            assert_case(name, strcmp(words, vc_cause_words((enum vc_cause)k)) != 0);
        }
    }
    assert_string_equal(vc_cause_name(VC_CAUSE_COOKIE_UNKNOWN), "cookie-unknown");
    assert_string_equal(vc_cause_name(VC_CAUSE_NO_V2), "no-v2");
    assert_int_equal(vc_cause_next(VC_CAUSE_PASSWORD), VC_NEXT_ASK);
    assert_int_equal(vc_cause_phase(VC_CAUSE_PASSWORD), VC_PHASE_USER);
}

/** A number that is none of the table counts as UNKNOWN. */
static void outside_of_the_table(void **state)
{
    enum vc_cause none = (enum vc_cause)(VC_N_CAUSES + 3);
    (void)state;
    assert_string_equal(vc_cause_name(none), "unknown");
    assert_string_equal(vc_cause_words(none), vc_cause_words(VC_CAUSE_UNKNOWN));
    assert_int_equal(vc_cause_next(none), VC_NEXT_REPORT);
}

static void setting(void **state)
{
    static const struct {
        const char *name, *arg, *want;
    } rows[] = {
        {"plain", "file.c:7", "file.c:7"},
        {"control characters", "a\nb\033[1m", "a?b?[1m"},
        {"not UTF-8", "na\xefve", "na?ve"},
        {"UTF-8", "na\xc3\xafve", "na\xc3\xafve"},
        {"empty", "", ""},
    };
    struct vc_fail fail;
    char *large = malloc(2000);
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&fail, 0xee, sizeof(fail));
        assert_case(rows[i].name, vc_fail_set(&fail, VC_CAUSE_CONFIG, ENOENT, "%s", rows[i].arg) == -1);
        assert_case(rows[i].name, fail.cause == VC_CAUSE_CONFIG && fail.sys_errno == ENOENT);
        assert_case(rows[i].name, strcmp(fail.detail, rows[i].want) == 0);
    }
    assert_int_equal(vc_fail_set(NULL, VC_CAUSE_CONFIG, 0, "nobody listens %d", 1), -1);
    memset(large, 'x', 1999);
    large[1999] = 0;
    assert_int_equal(vc_fail_set(&fail, VC_CAUSE_SYSTEM, 0, "%s", large), -1);
    assert_int_equal(strlen(fail.detail), sizeof(fail.detail) - 1);
    /* a detail made from itself */
    vc_fail_set(&fail, VC_CAUSE_SYSTEM, 0, "inner");
    vc_fail_set(&fail, VC_CAUSE_CONFIG, 0, "outer: %s", fail.detail);
    assert_string_equal(fail.detail, "outer: inner");
    free(large);
}

static void printing(void **state)
{
    struct vc_fail fail;
    char text[400], small[20];
    (void)state;
    vc_fail_set(&fail, VC_CAUSE_STORE, ENOSPC, "writing varco.db");
    vc_fail_print(&fail, text, sizeof(text));
    assert_string_equal(text, "the store could not be read or written: check the disk and the rights of state-dir "
                              "(writing varco.db: No space left on device)");
    vc_fail_set(&fail, VC_CAUSE_STORE, ENOSPC, "%s", "");
    vc_fail_print(&fail, text, sizeof(text));
    assert_non_null(strstr(text, "state-dir (No space left on device)"));
    vc_fail_print(&fail, small, sizeof(small));
    assert_int_equal(strlen(small), sizeof(small) - 1);
}

static void as_committed(void **state)
{
    static char text[65536];
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    (void)state;
    vc_put_text(&w, "# cause | phase | next | words. Written by event/fail_test.c\n");
    for (unsigned i = 0; i < VC_N_CAUSES; i++) {
        enum vc_cause c = (enum vc_cause)i;
        vc_put_fmt(&w, "%s | %s | %s | %s\n", vc_cause_name(c), vc_phase_name(vc_cause_phase(c)),
                   vc_next_name(vc_cause_next(c)), vc_cause_words(c));
    }
    assert_true(vc_put_end_text(&w));
    snapshot("causes.txt", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalogue_is_complete),
        cmocka_unit_test(outside_of_the_table),
        cmocka_unit_test(setting),
        cmocka_unit_test(printing),
        cmocka_unit_test(as_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
