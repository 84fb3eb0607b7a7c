#include "cli/show.h"

#include "table.h"

#include <time.h>

/** What @show prints of the JSON in @text. */
static char *printed(void (*show)(FILE *, const json_t *), const char *text)
{
    char *out = NULL;
    size_t len;
    FILE *f = open_memstream(&out, &len);
    json_t *doc = json_loads(text, 0, NULL), *ready = vc_cli_times(doc);
    assert_non_null(f);
    assert_non_null(doc);
    show(f, ready);
    (void)fclose(f);
    json_decref(ready);
    json_decref(doc);
    return out;
}

static void json_program(FILE *f, const json_t *doc)
{
    vc_cli_show_json(f, doc, false);
}

static void json_terminal(FILE *f, const json_t *doc)
{
    vc_cli_show_json(f, doc, true);
}

static void test_put(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"alice", "alice"},
        {"J\xc3\xb6rg \xf0\x9f\x94\x91", "J\xc3\xb6rg \xf0\x9f\x94\x91"},
        {"\x1b[31m", "?[31m"},
        {"a\r\nb\t\x7f", "a??b??"},
        {"\xc2\x9b"
         "31m",
         "?31m"}, /* CSI as one character */
        {"\xe2\x80\xae"
         "abc",
         "?abc"}, /* right to left from here on */
        {"\xe2\x81\xa6"
         "abc",
         "?abc"},
        {"a\xe2\x80\x8b"
         "b",
         "a?b"}, /* nothing to be seen */
        {"\xff\xfe", "??"},
        {"\xe2\x80", "??"}, /* cut off */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *out = NULL;
        size_t len;
        FILE *f = open_memstream(&out, &len);
        vc_cli_put(f, cases[i].in);
        (void)fclose(f);
        assert_string_equal(out, cases[i].out);
        free(out);
    }
    (void)state;
}

static void test_times(void **state)
{
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    char *out = printed(json_program, "{\"a\": {\"at\": 86400, \"ago\": 3725}, \"b\": [{\"at\": 1}], \"c\": \"x\"}");
    assert_string_equal(
        out, "{\n  \"a\": \"1970-01-02 00:00\",\n  \"_a\": \" 1h:02m\",\n  \"b\": [\n    {\n      \"at\": 1\n    }\n"
             "  ],\n  \"c\": \"x\"\n}\n");
    free(out);
    (void)state;
}

static void test_json_on_a_terminal(void **state)
{
    char *out = printed(json_terminal, "[\"\\u009b31m \\u202e \\u00f6\"]");
    for (const char *c = out; *c; c++)
        assert_true(*c == '\n' || ((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f));
    free(out);
    out = printed(json_program, "[\"\\u00f6\"]");
    assert_non_null(strstr(out, "\xc3\xb6"));
    free(out);
    out = printed(json_program,
                  "[\"\\u009b31m \\u202e\\u2066\\u200b\\u007f \\u00f6\"]"); /* nor elsewhere, and it is the same */
    assert_string_equal(out, "[\n  \"\\u009b31m \\u202e\\u2066\\u200b\\u007f \xc3\xb6\"\n]\n");
    free(out);
    (void)state;
}

static void test_users(void **state)
{
    char *out =
        printed(vc_cli_show_users, "[{\"ID\": 7, \"Username\": \"a-name-that-is-longer-than-its-column\","
                                   "\"vhost\": \"default\", \"Remote IP\": \"192.0.2.7\", \"IPv4\": \"10.0.0.7\","
                                   "\"Device\": \"vpns0\", \"Last connected at\": {\"at\": 0, \"ago\": 5},"
                                   "\"DTLS cipher\": \"(DTLS1.2)-(PSK)-(AES-256-GCM)\", \"State\": \"connected\"},"
                                   "{\"ID\": 8, \"Username\": \"b\", \"IPv6\": \"fd00::8\"}]");
    char *second = strchr(out, '\n') + 1, *third = strchr(second, '\n') + 1;
    assert_memory_equal(out, "      id ", 9);
    assert_non_null(strstr(second, " a-name-that-is-longer-than-its-\xe2\x80\xa6 ")); /* 32 columns */
    assert_non_null(strstr(second, " 5s  (AES-256-GCM) connected\n"));
    assert_non_null(strstr(third, "fd00::8"));
    assert_non_null(strstr(third, "(no-dtls)"));
    assert_int_equal(second - out, third - second - 2); /* columns are columns: the ellipsis has three bytes */
    free(out);
    out = printed(vc_cli_show_users, "[]");
    assert_null(strchr(strchr(out, '\n') + 1, '\n')); /* the heads of the columns, alone */
    free(out);
    (void)state;
}

static void test_user(void **state)
{
    char *out =
        printed(vc_cli_show_user, "[{\"ID\": 7, \"Username\": \"x\\u001b[2J\", \"Groupname\": \"g\", \"RX\": \"48\","
                                  "\"_RX\": \"48 bytes\", \"DNS\": [\"192.0.2.1\", \"192.0.2.2\"], \"NBNS\": [],"
                                  "\"Routes\": \"defaultroute\"}]");
    assert_string_equal(out, "\tID: 7\n\tUsername: x?[2J   Groupname: g\n\tRX: 48 (48 bytes)\n\n"
                             "\tDNS: 192.0.2.1\n\t\t192.0.2.2\n\tRoutes: defaultroute\n\n");
    free(out);
    (void)state;
}

static void test_status(void **state)
{
    char *out = printed(vc_cli_show_status, "{\"Status\": \"online\", \"Server PID\": 1, \"RX\": \"0 bytes\","
                                            "\"Varco\": {\"tun_reads\": 4}}");
    assert_string_equal(out,
                        "General info:\n\tStatus: online\n\tServer PID: 1\n\nCurrent stats period:\n\tRX: 0 bytes\n\n"
                        "Data path:\n\ttun_reads: 4\n");
    free(out);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),   cmocka_unit_test(test_times), cmocka_unit_test(test_json_on_a_terminal),
        cmocka_unit_test(test_users), cmocka_unit_test(test_user),  cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
