#include "wire/ocpasswd.h"

#include "table.h"

static void test_lines(void **state)
{
    (void)state;
    // clang-format off
    static const struct {
        const char *name;
        struct bytes in;
        enum vc_ocpasswd_line want;
        const char *user, *groups, *hash;
        bool locked;
    } rows[] = {
        {"plain",            BYTES("u:a,b:$5$x$y\n"),   VC_OCPASSWD_ENTRY, "u", "a,b", "$5$x$y", false},
        {"no line end",      BYTES("u:*:h"),            VC_OCPASSWD_ENTRY, "u", "*",   "h",      false},
        {"CR LF",            BYTES("u:*:h\r\n"),        VC_OCPASSWD_ENTRY, "u", "*",   "h",      false},
        {"no groups",        BYTES("u::h\n"),           VC_OCPASSWD_ENTRY, "u", "",    "h",      false},
        {"empty hash",       BYTES("u:*:\n"),           VC_OCPASSWD_ENTRY, "u", "*",   "",       false},
        {"empty hash, CR",   BYTES("u:*:\r\n"),         VC_OCPASSWD_ENTRY, "u", "*",   "",       false},
        {"locked",           BYTES("u:*:!h\n"),         VC_OCPASSWD_ENTRY, "u", "*",   "h",      true},
        {"locked twice",     BYTES("u:*:!!h\n"),        VC_OCPASSWD_ENTRY, "u", "*",   "!h",     true},
        {"locked, blank",    BYTES("u:*: ! h \n"),      VC_OCPASSWD_ENTRY, "u", "*",   "h",      true},
        {"locked, no hash",  BYTES("u:*:!\n"),          VC_OCPASSWD_ENTRY, "u", "*",   "",       true},
        {"blank in name",    BYTES("u v:*:h\n"),        VC_OCPASSWD_ENTRY, "u v", "*", "h",      false},
        {"utf-8 name",       BYTES("\xc3\xbc:*:h\n"),   VC_OCPASSWD_ENTRY, "\xc3\xbc", "*", "h", false},
        {"empty line",       BYTES("\n"),               VC_OCPASSWD_SKIP,  "", "", "", false},
        {"comment",          BYTES("#u:*:h\n"),         VC_OCPASSWD_SKIP,  "", "", "", false},
        {"two fields",       BYTES("u:h\n"),            VC_OCPASSWD_SKIP,  "", "", "", false},
        {"four fields",      BYTES("u:*:h:i\n"),        VC_OCPASSWD_SKIP,  "", "", "", false},
        {"no name",          BYTES(":*:h\n"),           VC_OCPASSWD_SKIP,  "", "", "", false},
        {"NUL",              BYTES("u\0:*:h\n"),        VC_OCPASSWD_SKIP,  "", "", "", false},
        {"nothing",          BYTES(""),                 VC_OCPASSWD_END,   "", "", "", false},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *copy = exact(rows[i].in.at, rows[i].in.len);
        struct vc_str rest = {.at = copy, .len = rows[i].in.len};
        struct vc_ocpasswd_entry e;
        assert_case(rows[i].name, vc_ocpasswd_next(&rest, &e) == rows[i].want);
        assert_case(rows[i].name, vc_str_eq(e.user, vc_str_of(rows[i].user)));
        assert_case(rows[i].name, vc_str_eq(e.groups, vc_str_of(rows[i].groups)));
        assert_case(rows[i].name, vc_str_eq(e.hash, vc_str_of(rows[i].hash)) && e.locked == rows[i].locked);
        assert_case(rows[i].name, vc_ocpasswd_next(&rest, &e) == VC_OCPASSWD_END);
        free(copy);
    }
}

static void test_line_limit(void **state)
{
    (void)state;
    for (size_t n = VC_OCPASSWD_MAX_LINE - 1; n <= VC_OCPASSWD_MAX_LINE + 1; n++) {
        char line[600];
        struct vc_ocpasswd_entry e;
        memset(line, 'h', sizeof(line));
        memcpy(line, "u:*:", 4);
        line[n] = '\n';
        assert_int_equal(vc_ocpasswd_find((struct vc_str){.at = line, .len = n + 1}, VC_STR("u"), &e),
                         n <= VC_OCPASSWD_MAX_LINE);
    }
}

static const char file[] = "# by hand\n"
                           "ann: Staff , Guests,*,x,,QA :h1\n"
                           "bob:*:!h2\r\n"
                           "\n"
                           "broken\n"
                           "ann:Other:h3\n"
                           "eve::h4";

static void test_find(void **state)
{
    (void)state;
    struct vc_ocpasswd_entry e;
    struct vc_str rest, group;
    static const char *const groups[] = {"Staff", "Guests", "QA"};
    assert_true(vc_ocpasswd_find(vc_str_of(file), VC_STR("ann"), &e)); /* the first */
    assert_true(vc_str_eq(e.hash, VC_STR("h1")));
    rest = e.groups;
    for (size_t i = 0; i < 3; i++) {
        assert_true(vc_ocpasswd_group_next(&rest, &group));
        assert_true(vc_str_eq(group, vc_str_of(groups[i])));
        assert_true(vc_ocpasswd_in_group(&e, vc_str_of(groups[i])));
    }
    assert_false(vc_ocpasswd_group_next(&rest, &group));
    assert_false(vc_ocpasswd_in_group(&e, VC_STR("*")));
    assert_false(vc_ocpasswd_in_group(&e, VC_STR("x")));
    assert_false(vc_ocpasswd_in_group(&e, VC_STR("staff")));
    assert_false(vc_ocpasswd_in_group(&e, VC_STR("Other")));
    assert_false(vc_ocpasswd_in_group(&e, VC_STR("")));
    assert_true(vc_ocpasswd_find(vc_str_of(file), VC_STR("bob"), &e) && e.locked);
    assert_false(vc_ocpasswd_in_group(&e, VC_STR("*")));
    assert_true(vc_ocpasswd_find(vc_str_of(file), VC_STR("eve"), &e) && !e.locked);
    static const char *const nobody[] = {"", "an", "annn", "ANN", "# by hand", "broken", "ann: Staff "};
    for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
        assert_case(nobody[i], !vc_ocpasswd_find(vc_str_of(file), vc_str_of(nobody[i]), &e));
        assert_case(nobody[i], e.user.len == 0 && e.hash.len == 0);
    }
}

static void test_edit(void **state)
{
    (void)state;
#define HEAD "# by hand\n"
#define ANN "ann: Staff , Guests,*,x,,QA :h1\n"
#define BOB "bob:*:!h2\r\n"
#define MID "\nbroken\n"
#define ANN2 "ann:Other:h3\n"
#define EVE "eve::h4"
    // clang-format off
    static const struct {
        const char *name;
        enum vc_ocpasswd_what what;
        const char *user;
        size_t n;
        const char *then;
    } rows[] = {
        {"set new",       VC_OCPASSWD_SET,    "zoe", 0, HEAD ANN BOB MID ANN2 EVE "\nzoe:Staff:$y$\n"},
        {"set last",      VC_OCPASSWD_SET,    "eve", 1, HEAD ANN BOB MID ANN2 "eve:Staff:$y$\n"},
        {"set both",      VC_OCPASSWD_SET,    "ann", 2, HEAD "ann:Staff:$y$\n" BOB MID "ann:Staff:$y$\n" EVE},
        {"set locked",    VC_OCPASSWD_SET,    "bob", 1, HEAD ANN "bob:Staff:$y$\n" MID ANN2 EVE},
        {"delete both",   VC_OCPASSWD_DELETE, "ann", 2, HEAD BOB MID EVE},
        {"delete last",   VC_OCPASSWD_DELETE, "eve", 1, HEAD ANN BOB MID ANN2},
        {"delete nobody", VC_OCPASSWD_DELETE, "zoe", 0, HEAD ANN BOB MID ANN2 EVE},
        {"lock both",     VC_OCPASSWD_LOCK,   "ann", 2, HEAD "ann: Staff , Guests,*,x,,QA :!h1\n" BOB MID "ann:Other:!h3\n" EVE},
        {"lock locked",   VC_OCPASSWD_LOCK,   "bob", 1, HEAD ANN BOB MID ANN2 EVE},
        {"lock last",     VC_OCPASSWD_LOCK,   "eve", 1, HEAD ANN BOB MID ANN2 "eve::!h4"},
        {"unlock",        VC_OCPASSWD_UNLOCK, "bob", 1, HEAD ANN "bob:*:h2\r\n" MID ANN2 EVE},
        {"unlock open",   VC_OCPASSWD_UNLOCK, "ann", 2, HEAD ANN BOB MID ANN2 EVE},
        {"unlock nobody", VC_OCPASSWD_UNLOCK, "an",  0, HEAD ANN BOB MID ANN2 EVE},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_ocpasswd_edit edit = {
            .what = rows[i].what, .user = vc_str_of(rows[i].user), .groups = VC_STR("Staff"), .hash = VC_STR("$y$")};
        char *copy = exact(file, sizeof(file) - 1);
        struct vc_str in = {.at = copy, .len = sizeof(file) - 1};
        size_t room = vc_ocpasswd_edit_room(in, edit.user), n = 99;
        char *out = malloc(room);
        struct vc_writer w = vc_writer_to(out, room);
        assert_case(rows[i].name, vc_ocpasswd_edit(in, &edit, &w, &n, NULL) == 0 && n == rows[i].n);
        assert_case(rows[i].name,
                    vc_str_eq((struct vc_str){.at = out, .len = vc_written(&w)}, vc_str_of(rows[i].then)));
        free(out);
        free(copy);
    }
}

static void test_edit_refuses(void **state)
{
    (void)state;
    char long_name[VC_OCPASSWD_MAX_LINE + 1];
    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = 0;
    const struct {
        const char *name, *user, *groups, *hash;
        bool good;
    } rows[] = {
        {"plain", "u", "*", "h", true},
        {"blank inside", "u v", "a b", "h", true},
        {"empty hash", "u", "*", "", true},
        {"no name", "", "*", "h", false},
        {"colon in name", "u:v", "*", "h", false},
        {"line end in name", "u\nroot", "*", "h", false},
        {"DEL in name", "u\x7f", "*", "h", false},
        {"comment", "#u", "*", "h", false},
        {"blank first", " u", "*", "h", false},
        {"blank last", "u ", "*", "h", false},
        {"bad utf-8", "\xff", "*", "h", false},
        {"colon in group", "u", "a:b", "h", false},
        {"line end in group", "u", "a\nb", "h", false},
        {"bad utf-8 group", "u", "\xff", "h", false},
        {"colon in hash", "u", "*", "a:b", false},
        {"line end in hash", "u", "*", "a\n", false},
        {"510 bytes", long_name + 4, "*", "", true},
        {"511 bytes", long_name + 3, "*", "", true},
        {"512 bytes", long_name + 2, "*", "", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char buf[1024];
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        struct vc_fail fail = {0};
        struct vc_ocpasswd_edit edit = {.what = VC_OCPASSWD_SET,
                                        .user = vc_str_of(rows[i].user),
                                        .groups = vc_str_of(rows[i].groups),
                                        .hash = vc_str_of(rows[i].hash)};
        size_t n;
        assert_case(rows[i].name, vc_ocpasswd_edit(VC_STR(""), &edit, &w, &n, &fail) == (rows[i].good ? 0 : -1));
        assert_case(rows[i].name, fail.cause == (rows[i].good ? VC_CAUSE_NONE : VC_CAUSE_PASSWD_FIELD));
    }
}

static void test_no_room(void **state)
{
    (void)state;
    char buf[sizeof(file)];
    struct vc_writer w = vc_writer_to(buf, sizeof(file) - 2);
    struct vc_ocpasswd_edit edit = {.what = VC_OCPASSWD_UNLOCK, .user = VC_STR("nobody")};
    struct vc_fail fail = {0};
    size_t n;
    assert_int_equal(vc_ocpasswd_edit(vc_str_of(file), &edit, &w, &n, &fail), -1);
    assert_int_equal(fail.cause, VC_CAUSE_NO_MEMORY);

    char line[VC_OCPASSWD_MAX_LINE + 1]; /* a mark in a full line would hide the user from every reader */
    memset(line, 'h', sizeof(line));
    memcpy(line, "u:*:", 4);
    line[VC_OCPASSWD_MAX_LINE] = '\n';
    edit = (struct vc_ocpasswd_edit){.what = VC_OCPASSWD_LOCK, .user = VC_STR("u")};
    for (size_t len = VC_OCPASSWD_MAX_LINE; len <= VC_OCPASSWD_MAX_LINE + 1; len++) { /* without and with line end */
        char out[2048];
        w = vc_writer_to(out, sizeof(out));
        assert_int_equal(vc_ocpasswd_edit((struct vc_str){.at = line, .len = len}, &edit, &w, &n, &fail), -1);
        assert_int_equal(fail.cause, VC_CAUSE_PASSWD_FIELD);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lines), cmocka_unit_test(test_line_limit),   cmocka_unit_test(test_find),
    cmocka_unit_test(test_edit),  cmocka_unit_test(test_edit_refuses), cmocka_unit_test(test_no_room),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
