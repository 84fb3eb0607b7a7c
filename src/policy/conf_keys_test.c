#include "policy/conf_fields.h"
#include "policy/conf_value.h"

#include "table.h"

#define MANUAL_ROW 1024

static void knows_every_name_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        const struct vc_conf_key_row *row = vc_conf_key_row((enum vc_conf_key)i);
        enum vc_conf_key found;
        assert_case(row->name, vc_conf_key_find(vc_str_of(row->name), &found) && found == (enum vc_conf_key)i);
        assert_case(row->name, strlen(row->does) > 10 && row->does[strlen(row->does) - 1] != '.');
        assert_case(row->name, row->kind != VC_CONF_KIND_NUMBER || row->least < row->most);
        assert_case(row->name, row->kind != VC_CONF_KIND_SAME || row->served == vc_conf_key_row(row->same_as)->served);
    }
    enum vc_conf_key none;
    assert_false(vc_conf_key_find(VC_STR("DPD"), &none));
    assert_false(vc_conf_key_find(VC_STR("dp"), &none));
    assert_false(vc_conf_key_find(VC_STR(""), &none));
}

/* Whoever changes a key's fate changes this line too. */
static void serves_what_it_says(void **state)
{
    (void)state;
    static const char served[] =
        " auth select-group default-select-group select-group-by-url cookie-timeout persistent-cookies auth-timeout"
        " max-same-clients listen-host udp-listen-host tcp-port udp-port server-cert server-key match-tls-dtls-ciphers"
        " run-as-user run-as-group occtl-socket-file use-occtl sec-mod-scale pid-file log-level syslog-facility"
        " max-clients keepalive dpd mobile-dpd switch-to-tcp-timeout idle-timeout session-timeout rekey-time"
        " rekey-method mtu no-udp cisco-client-compat dtls-legacy dtls-psk client-bypass-protocol device ipv4-network"
        " ipv4-netmask ipv6-network ipv6-subnet-prefix predictable-ips default-domain dns ipv4-dns ipv6-dns nbns"
        " ipv4-nbns ipv6-nbns split-dns tunnel-all-dns route no-route banner pre-login-banner use-dbus"
        " always-require-cert ipv6-prefix tls-max dtls-cookie same-clients cisco-bye list-groups unknown-url nat"
        " tunnel-processes portal-processes state-dir log-format append-routes"
        " tls-priorities config-per-user config-per-group default-user-config default-group-config"
        " deny-roaming proxy-url listen-host-is-dyndns custom-header mobile-idle-timeout ";
    static const char nothing[] =
        " dh-params socket-file chroot-dir isolate-workers limit-worker-memory sec-mod-db-cleanup-time"
        " debug-no-secmod-stats use-seccomp session-control listen-clear-file cgroup ";
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        const struct vc_conf_key_row *row = vc_conf_key_row((enum vc_conf_key)i);
        char word[64];
        (void)snprintf(word, sizeof(word), " %s ", row->name);
        assert_case(row->name, (strstr(served, word) != NULL) == (row->served == VC_CONF_SERVED));
        assert_case(row->name, (strstr(nothing, word) != NULL) == (row->served == VC_CONF_NOTHING));
    }
}

static void gives_defaults_that_can_be_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        const struct vc_conf_key_row *row = vc_conf_key_row((enum vc_conf_key)i);
        const struct vc_conf_field *f = vc_conf_field_of((enum vc_conf_key)i);
        struct vc_conf_value v;
        char why[VC_CONF_WHY];
        if (strcmp(row->value, "none") != 0)
            assert_case(row->name, vc_conf_value_read(row, vc_str_of(row->value), &v, why) == 0 && !v.odd);
        if (!f)
            continue;
        bool text = vc_conf_kind_is_text(row->kind);
        assert_case(row->name, row->served == VC_CONF_SERVED);
        assert_case(row->name, text == (f->size == sizeof(char *)));
        assert_case(row->name, row->kind != VC_CONF_KIND_BOOL || f->size == sizeof(bool));
        assert_case(row->name, row->kind != VC_CONF_KIND_CHOICE || f->size == sizeof(enum vc_conf_rekey));
        assert_case(row->name, row->kind != VC_CONF_KIND_NUMBER || f->size == 4 || row->most >> (8 * f->size) == 0);
        struct vc_conf conf = {0};
        if (text) {
            vc_conf_field_set_text(&conf, f, row->name);
            assert_case(row->name, vc_conf_field_text(&conf, f) == row->name);
        } else {
            uint64_t n = row->kind == VC_CONF_KIND_NUMBER ? row->most : 1;
            vc_conf_field_set_number(&conf, f, n);
            assert_case(row->name, vc_conf_field_number(&conf, f) == n);
        }
    }
}

static void finds_choices(void **state)
{
    (void)state;
    unsigned at = 9;
    assert_true(vc_conf_choice("a|bc|d", VC_STR("a"), &at) && at == 0);
    assert_true(vc_conf_choice("a|bc|d", VC_STR("bc"), &at) && at == 1);
    assert_true(vc_conf_choice("a|bc|d", VC_STR("d"), &at) && at == 2);
    assert_false(vc_conf_choice("a|bc|d", VC_STR("b"), &at));
    assert_false(vc_conf_choice("a|bc|d", VC_STR("a|bc"), &at));
    assert_false(vc_conf_choice("a|bc|d", VC_STR(""), &at));
    assert_true(vc_str_eq(vc_conf_choice_name("a|bc|d", 1), VC_STR("bc")));
    assert_true(vc_str_eq(vc_conf_choice_name("a|bc|d", 2), VC_STR("d")));
    assert_int_equal(vc_conf_choice_name("a|bc|d", 3).len, 0);
}

static void manual_row(const struct vc_conf_key_row *row, char *out, size_t cap)
{
    static const char *const scopes[] = {"G", "V", "U"}, *const served[] = {"yes", "not yet", "no effect"};
    char kind[128];
    vc_conf_kind_print(row, kind, sizeof(kind));
    (void)snprintf(out, cap, "| `%s` | %s%s | %s | %s | %s | %s |", row->name, scopes[row->scope],
                   row->reload == VC_CONF_RELOAD_START ? "*" : "", kind, row->value, served[row->served], row->does);
}

/* docs/configuration.md has one row for each key, exactly as made from the table, and no other. To write the rows anew:
 * VC_PRINT_KEYS=1 in the environment. */
static void agrees_with_the_manual(void **state)
{
    (void)state;
    bool print = getenv("VC_PRINT_KEYS") != NULL;
    unsigned rows = 0, wanted = 0;
    char want[MANUAL_ROW], got[MANUAL_ROW];
    FILE *f = fopen(VC_DOCS "/configuration.md", "r");
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        manual_row(vc_conf_key_row((enum vc_conf_key)i), want, sizeof(want));
        if (print)
            puts(want);
    }
    if (print && !f)
        return;
    assert_non_null(f);
    while (fgets(got, sizeof(got), f)) {
        got[strcspn(got, "\n")] = 0;
        if (strncmp(got, "| `", 3) != 0)
            continue;
        char *name = got + 3, *end = strchr(name, '`');
        enum vc_conf_key key;
        assert_non_null(end);
        if (!vc_conf_key_find((struct vc_str){name, (size_t)(end - name)}, &key))
            fail_msg("no such key: %s", got);
        manual_row(vc_conf_key_row(key), want, sizeof(want));
        if (!print)
            assert_string_equal(got, want);
        rows++;
    }
    (void)fclose(f);
    wanted = VC_N_CONF_KEYS;
    if (!print)
        assert_int_equal(rows, wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_name_once),           cmocka_unit_test(serves_what_it_says),
        cmocka_unit_test(gives_defaults_that_can_be_read), cmocka_unit_test(finds_choices),
        cmocka_unit_test(agrees_with_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
