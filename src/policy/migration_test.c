#include "policy/migration.h"

#include "table.h"

#define BASE                                                                                                           \
    "auth = \"plain[passwd=/p]\"\ntcp-port = 443\nserver-cert = /c\nserver-key = /k\nipv4-network = 10.0.0.0/24\n"

static char printed[1 << 14];

static size_t migrate(const char *lines)
{
    struct vc_conf conf;
    struct vc_conf_notes notes = {0};
    struct vc_fail fail = {0};
    char text[1024];
    (void)snprintf(text, sizeof(text), BASE "%s", lines);
    assert_int_equal(vc_conf_read(&conf, "f", text, strlen(text), &notes, &fail), 0);
    struct vc_writer w = vc_writer_to(printed, sizeof(printed));
    size_t n = vc_migration_print(&conf, "f", &notes, &w), counted = 0;
    assert_true(vc_put_end_text(&w));
    for (const char *at = printed; (at = strchr(at, '\n')); at++)
        counted++;
    assert_int_equal(n, counted);
    vc_conf_deinit(&conf);
    vc_conf_notes_deinit(&notes);
    return n;
}

static void says(const char *lines, const char *want)
{
    (void)migrate(lines);
    if (!strstr(printed, want))
        fail_msg("%s: no '%s' in\n%s", lines, want, printed);
}

static void says_not(const char *lines, const char *unwanted)
{
    (void)migrate(lines);
    if (strstr(printed, unwanted))
        fail_msg("%s: '%s' in\n%s", lines, unwanted, printed);
}

static void what_differs(void **state)
{
    (void)state;
    says("", "f: dpd: absent: 30 s here; ocserv: 90\n");
    says_not("dpd = 90\n", ": dpd: ");
    says("", "f: dtls-legacy: absent: ");
    says_not("dtls-legacy = true\n", "dtls-legacy: absent");
    says_not("", "TLS 1.3 stays on");
    says("cisco-client-compat = true\n", "f:6: cisco-client-compat: TLS 1.3 stays on here");
    says_not("cisco-client-compat = false\n", "TLS 1.3 stays on");
    says("device = tun\n", "f:6: device: one interface for all clients");
    says("", "f: device: one interface for all clients");
    says("connect-script = /x\n", "f:6: connect-script: not served yet: it would run this program");
    says("socket-file = /x\n", "f:6: socket-file: no effect: ");
    says("frobnicate = 1\n", "f:6: frobnicate: unknown: no such key: ignored\n");
}

/* One that cannot be read still says what is known of it. */
static void of_a_bad_one(void **state)
{
    struct vc_conf conf;
    struct vc_conf_notes notes = {0};
    struct vc_fail fail = {0};
    static const char text[] = "frobnicate = 1\ntcp-port = x\n";
    (void)state;
    assert_int_equal(vc_conf_read(&conf, "f", text, sizeof(text) - 1, &notes, &fail), -1);
    struct vc_writer w = vc_writer_to(printed, sizeof(printed));
    assert_int_equal(vc_migration_print(NULL, "f", &notes, &w), 1);
    assert_true(vc_put_end_text(&w));
    assert_string_equal(printed, "f:1: frobnicate: unknown: no such key: ignored\n");
    vc_conf_notes_deinit(&notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_differs), cmocka_unit_test(of_a_bad_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
