#include "policy/conf_name.h"

#include "table.h"

struct row {
    const char *path, *real_path, *want;
};

/* The digits: printf PATH | sha256sum */
static const struct row rows[] = {
    {"/etc/varco/varcod.conf", "/etc/varco/varcod.conf", "default"},
    {"/etc/ocserv/ocserv.conf", "/etc/ocserv/ocserv.conf", "default"},
    {"/etc/ocserv.conf", "/etc/ocserv.conf", "default"},
    {"/etc/ocserv.conf", "/srv/vpn/x.conf", "default"}, /* a link at a known place */
    {"ocserv.conf", "/etc/ocserv/ocserv.conf", "default"},
    {"x.conf", "/srv/vpn/x.conf", "x.conf-@"},
    {"/srv/vpn/y.conf", "/srv/vpn/x.conf", "x.conf-@"},
    {"x", "/srv/other/x.conf", "x.conf-@"},
    {"x", "/etc/ocserv/ocserv.conf2", "ocserv.conf2-@"},
    {"x", "/srv/.hidden", "_hidden-@"},
    {"x", "/srv/a b\n\xc3\xa4", "a_b___-@"},
    {"x", "/srv/..", "_.-@"},
    {"x", "/a/0123456789012345678901234567890123456789012345678901234567890123456789",
     "012345678901234567890123456789012345678901234567890123-@"},
};

static void names_a_configuration(void **state)
{
    (void)state;
    char seen[16][VC_CONF_NAME_MAX];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_fail fail;
        char *name = seen[i];
        const char *digits = strchr(rows[i].want, '@');
        assert_int_equal(vc_conf_name(rows[i].path, rows[i].real_path, name, &fail), 0);
        assert_true(strlen(name) < VC_CONF_NAME_MAX);
        if (!digits) {
            assert_string_equal(name, rows[i].want);
            continue;
        }
        size_t front = (size_t)(digits - rows[i].want);
        assert_case(rows[i].real_path, strncmp(name, rows[i].want, front) == 0);
        assert_case(rows[i].real_path, strspn(name + front, "0123456789abcdef") == 8 && strlen(name) == front + 8);
        for (size_t k = 0; k < i; k++) /* the same name for the same file, and for no other */
            assert_case(rows[i].real_path,
                        strchr(rows[k].want, '@') == NULL ||
                            (strcmp(seen[k], name) == 0) == (strcmp(rows[k].real_path, rows[i].real_path) == 0));
    }
}

static void uses_sha256(void **state)
{
    (void)state;
    char name[VC_CONF_NAME_MAX];
    assert_int_equal(vc_conf_name("abc", "abc", name, NULL), 0);
    assert_string_equal(name, "abc-ba7816bf"); /* FIPS 180's "abc" */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_a_configuration),
        cmocka_unit_test(uses_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
