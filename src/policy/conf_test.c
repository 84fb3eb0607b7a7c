#include "policy/conf_fields.h"

#include "table.h"

/* The least that starts; a case's lines come behind it (a last one wins), from line 6 on. */
#define BASE                                                                                                           \
    "auth = \"plain[passwd=/p]\"\n"                                                                                    \
    "tcp-port = 443\n"                                                                                                 \
    "server-cert = /c\n"                                                                                               \
    "server-key = /k\n"                                                                                                \
    "ipv4-network = 10.0.0.0/24\n"
#define V6 "ipv6-network = fd00:1::/48\n"

static char printed[1 << 16];

static int reading(const char *text, struct vc_conf *conf, struct vc_conf_notes *notes, struct vc_fail *fail)
{
    size_t len = strlen(text);
    char *in = exact(text, len);
    int r = vc_conf_read(conf, "f", in, len, notes, fail);
    free(in); /* nothing may point into it any more */
    printed[0] = 0;
    if (r == 0) {
        struct vc_writer w = vc_writer_to(printed, sizeof(printed));
        vc_conf_print(conf, true, &w);
        assert_true(vc_put_end_text(&w));
    }
    return r;
}

static bool has_note(const struct vc_conf_notes *notes, enum vc_conf_note_kind kind, const char *key, unsigned line,
                     const char *words)
{
    for (size_t i = 0; i < notes->n; i++) {
        const struct vc_conf_note *n = &notes->at[i];
        if (n->kind == kind && n->line == line && strcmp(n->key, key) == 0 && strstr(n->words, words))
            return true;
    }
    return false;
}

/* ---- keys that are served ---- */

struct good {
    const char *lines;
    const char *prints[3]; /* lines of vc_conf_print; "!x": x is nowhere in it */
};

// clang-format off
static const struct good goods[] = {
    {"",                                    {"auth = \"plain[passwd=/p]\" # f:1\n", "tcp-port = 443 # f:2\n", "dpd = 30 # default\n"}},
    {"",                                    {"ipv4-network = 10.0.0.0/24 # f:5\n", "run-as-group = \"varco-net\" # default\n", "!ipv6-network"}},
    {"# c\ndpd = 90\n",                     {"dpd = 90 # f:7\n"}},
    {"dpd = 90\ndpd = 91\n",                {"dpd = 91 # f:7\n", "!dpd = 90"}},
    {"dpd = 0\n",                           {"dpd = 0 "}},
    {"dpd = 31536000\n",                    {"dpd = 31536000 "}},
    {"keepalive = 32400\n",                 {"keepalive = 32400 # f:6\n"}},
    {"mobile-dpd = 1800\n",                 {"mobile-dpd = 1800 "}},
    {"auth-timeout = 1\n",                  {"auth-timeout = 1 "}},
    {"cookie-timeout = 2147483647\n",       {"cookie-timeout = 2147483647 "}},
    {"idle-timeout = 1200\n",               {"idle-timeout = 1200 "}},
    {"session-timeout = 86400\n",           {"session-timeout = 86400 "}},
    {"switch-to-tcp-timeout = 0\n",         {"switch-to-tcp-timeout = 0 # f:6\n"}},
    {"rekey-time = 0\n",                    {"rekey-time = 0 "}},
    {"rekey-time = 4294967295\n",           {"rekey-time = 31536000 # f:6\n"}},
    {"rekey-method = new-tunnel\n",         {"rekey-method = new-tunnel # f:6\n"}},
    {"rekey-method = ssl\n",                {"rekey-method = ssl # f:6\n"}},
    {"mtu = 576\n",                         {"mtu = 576 "}},
    {"",                                    {"!mtu"}},
    {"max-clients = 16\n",                  {"max-clients = 16 # f:6\n"}},
    {"max-clients = 0\n",                   {"max-clients = 8192 # f:6\n"}},
    {"max-same-clients = 2\n",              {"max-same-clients = 2 "}},
    {"tcp-port = 1\n",                      {"tcp-port = 1 # f:6\n"}},
    {"tcp-port: 65535\n",                   {"tcp-port = 65535 "}},
    {"udp-port = 443\n",                    {"udp-port = 443 # f:6\n"}},
    {"udp-port = 0\n",                      {"udp-port = 0 # f:6\n"}},
    {"listen-host = 192.0.2.1\n",           {"listen-host = \"192.0.2.1\" # f:6\n", "udp-listen-host = \"192.0.2.1\" # default\n"}},
    {"listen-host = vpn.example\nudp-listen-host = ::1\n",
                                            {"listen-host = \"vpn.example\" ", "udp-listen-host = \"::1\" # f:7\n"}},
    {"run-as-user = nobody\n",              {"run-as-user = \"nobody\" # f:6\n", "!run-as-group"}},
    {"run-as-group = daemon\n",             {"run-as-user = \"varco-net\" # default\n", "run-as-group = \"daemon\" # f:6\n"}},
    {"occtl-socket-file = /run/o.socket\n", {"occtl-socket-file = \"/run/o.socket\" "}},
    {"use-occtl = false\n",                 {"use-occtl = false # f:6\n"}},
    {"use-dbus = no\n",                     {"use-occtl = false # f:6\n"}},
    {"pid-file = /run/a b.pid\n",           {"pid-file = \"/run/a b.pid\" "}},
    {"log-level = 9999\n",                  {"log-level = 9999 "}},
    {"log-format = json\n",                 {"log-format = json "}},
    {"syslog-facility = local7\n",          {"syslog-facility = local7 "}},
    {"sec-mod-scale = 0\n",                 {"sec-mod-scale = 4 # f:6\n"}},
    {"sec-mod-scale = 7\n",                 {"sec-mod-scale = 7 "}},
    {"tunnel-processes = 2\nportal-processes = 3\n", {"tunnel-processes = 2 ", "portal-processes = 3 "}},
    {"state-dir = /var/lib/x\n",            {"state-dir = \"/var/lib/x\" "}},
    {"device = tun-a\n",                    {"device = \"tun-a\" # f:6\n"}},
    {"",                                    {"device = \"vpns\" # default\n"}},
    {"server-cert = /c2\nserver-key = /k2\n", {"server-cert = \"/c\"", "server-key = \"/k\""}},
    {"tls-max = 1.2\n",                     {"tls-max = 1.2 "}},
    {"tls-priorities = \"NORMAL:%COMPAT\"\n", {"tls-priorities = \"NORMAL:%COMPAT\" # f:6\n"}},
    {"dtls-cookie = off\n",                 {"dtls-cookie = off "}},
    {"cisco-bye = logout\n",                {"cisco-bye = logout "}},
    {"list-groups = No\n",                  {"list-groups = false # f:6\n"}},
    {"unknown-url = reject\n",              {"unknown-url = reject "}},
    {"same-clients = refuse\n",             {"same-clients = refuse # f:6\n"}},
    {"same-clients = oldest\n",             {"same-clients = oldest # f:6\n"}},
    {"nat = YES\n",                         {"nat = true # f:6\n"}},
    {"predictable-ips = false\n",           {"predictable-ips = false "}},
    {"persistent-cookies = true\n",         {"persistent-cookies = true "}},
    {"client-bypass-protocol = true\n",     {"client-bypass-protocol = true "}},
    {"tunnel-all-dns = true\n",             {"tunnel-all-dns = true "}},
    {"deny-roaming = true\n",               {"deny-roaming = true "}},
    {"listen-host-is-dyndns = true\n",      {"listen-host-is-dyndns = true "}},
    {"proxy-url = http://p/%{U}\n",         {"proxy-url = \"http://p/%{U}\" # f:6\n"}},
    {"custom-header = X-A: 1\ncustom-header = X-B:%{U}\n", {"custom-header = \"X-A: 1\" ", "custom-header = \"X-B:%{U}\" # f:7\n"}},
    {"idle-timeout = 50\n",                 {"mobile-idle-timeout = 50 # default\n"}},
    {"idle-timeout = 50\nmobile-idle-timeout = 9\n", {"mobile-idle-timeout = 9 # f:7\n"}},
    {"append-routes = true\n",              {"append-routes = true # f:6\n"}},
    {"config-per-user = /u\ndefault-user-config = /d\n", {"config-per-user = \"/u\" # f:6\n", "default-user-config = \"/d\" # f:7\n"}},
    {"config-per-group = /u\ndefault-group-config = /d\n", {"config-per-group = \"/u\" # f:6\n", "default-group-config = \"/d\" # f:7\n"}},
    {"no-udp = true\n",                     {"no-udp = true "}},
    {"dtls-psk = false\n",                  {"dtls-psk = false "}},
    {"dtls-legacy = true\n",                {"dtls-legacy = true # f:6\n"}},
    {"dtls-legacy = false\n",               {"dtls-legacy = false # f:6\n"}},
    {"",                                    {"!dtls-legacy", "select-group-by-url = false # default\n"}},
    {"cisco-client-compat = true\n",        {"dtls-legacy = true # f:6\n", "select-group-by-url = true # f:6\n"}},
    {"dtls-legacy = false\ncisco-client-compat = true\n", {"dtls-legacy = true # f:7\n"}},
    {"always-require-cert = false\n",       {"cisco-client-compat = true # f:6\n", "select-group-by-url = true # f:6\n"}},
    {"always-require-cert = true\n",        {"cisco-client-compat = false # default\n"}},
    {"match-tls-dtls-ciphers = true\n",     {"match-tls-dtls-ciphers = true ", "dtls-legacy = false # f:6\n"}},
    {"match-tls-dtls-ciphers = true\ndtls-legacy = false\n", {"dtls-legacy = false # f:7\n"}},
    {"select-group-by-url = true\n",        {"select-group-by-url = true "}},
    {"select-group = a\nselect-group = b [ Big B ]\nselect-group = c[]\n",
                                            {"select-group = \"a[a]\" ", "select-group = \"b[Big B]\" ", "select-group = \"c[c]\" "}},
    {"select-group = a[x]y]\n",             {"select-group = \"a[x]y]\" "}},
    {"select-group = a\n b[\xc3\xa4]\n",    {"select-group = \"a[a]\" # f:7\n", "select-group = \"b[\xc3\xa4]\" "}},
    {"default-select-group = \"My own\"\n", {"default-select-group = \"My own\" "}},
    {"banner = \"Hello & <welcome>\"\n",    {"banner = \"Hello & <welcome>\" "}},
    {"banner = x\nbanner =\n",              {"!banner"}},
    {"pre-login-banner = No trespassing # never\n", {"pre-login-banner = \"No trespassing\" "}},
    {"default-domain = a.example \t b.example\n", {"default-domain = \"a.example b.example\" "}},
    {"default-domain = a\ndefault-domain =\n", {"!default-domain"}},
    {"dns = 192.0.2.1\nipv4-dns = 192.0.2.2\nipv6-dns = 2001:db8::1\n",
                                            {"dns = 192.0.2.1 # f:8\n", "dns = 192.0.2.2 ", "dns = 2001:db8::1 "}},
    {"nbns = 192.0.2.1\nipv4-nbns = 192.0.2.2\nipv6-nbns = ::2\n",
                                            {"nbns = 192.0.2.1 ", "nbns = 192.0.2.2 ", "nbns = ::2 "}},
    {"split-dns = a.example\nsplit-dns = _b.example\n", {"split-dns = \"a.example\" ", "split-dns = \"_b.example\" "}},
    {"route = 10.1.2.3/255.255.0.0\nroute = 192.168.5.1\nroute = 2001:db8::1/32\n",
                                            {"route = 10.1.0.0/16 ", "route = 192.168.5.1/32 ", "route = 2001:db8::/32 "}},
    {"route = 10.1.0.0/16\nroute = default\nroute = 2001:db8::/32\n", {"route = default # f:8\n", "!route = 1", "!route = 2"}},
    {"route = 10.1.0.0/16\nroute = 0.0.0.0/0\nroute = 2001:db8::/32\n", {"!route = 10", "!route = 0", "route = 2001:db8::/32 "}},
    {"route = 10.1.0.0/16\nroute = ::/0\n", {"route = 10.1.0.0/16 ", "!route = ::"}},
    {"no-route = 10.9.0.0/16\nno-route = 0.0.0.0/255.255.255.255\n", {"no-route = 10.9.0.0/16 ", "no-route = 0.0.0.0/32 "}},
    {"ipv4-network = 192.168.1.0\nipv4-netmask = 255.255.255.0\n", {"ipv4-network = 192.168.1.0/24 # f:6\n"}},
    {"ipv4-netmask = 255.255.254.0\nipv4-network = 192.168.1.7\n", {"ipv4-network = 192.168.0.0/23 "}},
    {"ipv4-network = 192.168.1.0/24\nipv4-netmask = 255.255.255.0\n", {"ipv4-network = 192.168.1.0/24 "}},
    {"ipv4-network = 192.168.1.0/255.255.255.252\n", {"ipv4-network = 192.168.1.0/30 "}},
    {"ipv6-network = fd00:1::7/48\n",       {"ipv6-network = fd00:1::/48 # f:6\n", "ipv6-subnet-prefix = 128 # default\n"}},
    {"ipv6-network = fd00:1::7\nipv6-prefix = 48\n", {"ipv6-network = fd00:1::/48 "}},
    {"ipv6-network = fd00::/126\n",         {"ipv6-network = fd00::/126 "}},
    {"ipv6-network = fd00::/63\nipv6-subnet-prefix = 64\n", {"ipv6-subnet-prefix = 64 # f:7\n"}},
    {"auth-timeout = 60 # one minute\n",    {"auth-timeout = 60 "}},
};
// clang-format on

static void check_prints(const struct good *g)
{
    for (size_t k = 0; k < 3 && g->prints[k]; k++) {
        const char *p = g->prints[k];
        char line[512];
        if (*p == '!') {
            (void)snprintf(line, sizeof(line), "\n%s", p + 1);
            assert_case(p, !strstr(printed, line));
        } else {
            (void)snprintf(line, sizeof(line), "\n%s", p);
            if (!strstr(printed, line) && strncmp(printed, p, strlen(p)) != 0)
                fail_msg("'%s' does not print '%s' but:\n%s", g->lines, p, printed);
        }
    }
}

static void reads_each_key(void **state)
{
    (void)state;
    static bool tried[VC_N_CONF_KEYS];
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        char text[1024], again[1 << 16];
        struct vc_conf conf, second;
        struct vc_conf_notes notes = {0};
        struct vc_fail fail = {0};
        (void)snprintf(text, sizeof(text), BASE "%s", goods[i].lines);
        if (reading(text, &conf, &notes, &fail) != 0)
            fail_msg("'%s': %s", goods[i].lines, fail.detail);
        check_prints(&goods[i]);
        for (size_t n = 0; n < notes.n; n++)
            assert_case(goods[i].lines, notes.at[n].kind != VC_CONF_NOTE_BOOLEAN);

        struct vc_writer w = vc_writer_to(again, sizeof(again));
        vc_conf_print(&conf, false, &w);
        assert_true(vc_put_end_text(&w));
        assert_int_equal(vc_conf_read(&second, "again", again, strlen(again), NULL, &fail), 0);
        assert_int_equal(second.mobile_keepalive_s, conf.mobile_keepalive_s);
        w = vc_writer_to(printed, sizeof(printed));
        vc_conf_print(&second, false, &w);
        assert_true(vc_put_end_text(&w));
        assert_string_equal(printed, again);
        vc_conf_deinit(&conf);
        vc_conf_deinit(&conf);
        vc_conf_deinit(&second);
        vc_conf_notes_deinit(&notes);

        struct vc_str rest = vc_str_of(text);
        while (rest.len > 0) {
            struct vc_str value, line = vc_str_cut(rest, '\n', &rest);
            enum vc_conf_key key;
            if (vc_conf_key_find(vc_str_trim(vc_str_cut(line, memchr(line.at, '=', line.len) ? '=' : ':', &value)),
                                 &key))
                tried[key] = true;
        }
    }
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        const struct vc_conf_key_row *row = vc_conf_key_row((enum vc_conf_key)i);
        assert_case(row->name, tried[i] == (row->served == VC_CONF_SERVED));
    }
}

/* ---- what stops the start ---- */

struct bad {
    const char *lines; /* behind BASE; "=": this alone */
    const char *detail;
};

// clang-format off
static const struct bad bads[] = {
    {"dpd = x\n",                       "f:6: dpd: 'x' is not a number from 0 to 31536000"},
    {"dpd = 9x\n",                      "f:6: dpd: '9x' is not a number from 0 to 31536000"},
    {"dpd = -1\n",                      "f:6: dpd: '-1' is not a number from 0 to 31536000"},
    {"dpd =\n",                         "f:6: dpd: '' is not a number from 0 to 31536000"},
    {"dpd = 31536001\n",                "f:6: dpd: '31536001' is not a number from 0 to 31536000"},
    {"keepalive = 99999999999999999999\n", "f:6: keepalive: '99999999999999999999' is not a number from 0 to 31536000"},
    {"tcp-port = 0\n",                  "f:6: tcp-port: '0' is not a number from 1 to 65535"},
    {"tcp-port = 65536\n",              "f:6: tcp-port: '65536' is not a number from 1 to 65535"},
    {"udp-port = 65536\n",              "f:6: udp-port: '65536' is not a number from 0 to 65535"},
    {"mtu = 575\n",                     "f:6: mtu: '575' is not a number from 576 to 65535"},
    {"mtu = 65536\n",                   "f:6: mtu: '65536' is not a number from 576 to 65535"},
    {"auth-timeout = 0\n",              "f:6: auth-timeout: '0' is not a number from 1 to 86400"},
    {"ipv6-subnet-prefix = 0\n",        "f:6: ipv6-subnet-prefix: '0' is not a number from 1 to 128"},
    {"ipv6-subnet-prefix = 129\n",      "f:6: ipv6-subnet-prefix: '129' is not a number from 1 to 128"},
    {"rekey-method = renew\n",          "f:6: rekey-method: 'renew' is none of: ssl, new-tunnel"},
    {"rekey-method = SSL\n",            "f:6: rekey-method: 'SSL' is none of: ssl, new-tunnel"},
    {"tls-priorities = NORMAL:-VERS-ALL\n", "f:6: tls-priorities: nothing is left: neither TLS 1.2 nor TLS 1.3"},
    {"tls-priorities = NORMAL:-VERS-TLS1.2\n[vhost:a]\ntls-max = 1.2\n", "f:6: tls-priorities: nothing is left: tls-max takes away TLS 1.3"},
    {"[vhost:a]\ntls-priorities = NONE\n", "f:7: tls-priorities: nothing is left: neither TLS 1.2 nor TLS 1.3"},
    {"tls-max = 1.2\ntls-priorities = NORMAL:-VERS-TLS1.2\n", "f:7: tls-priorities: nothing is left: tls-max takes away TLS 1.3"},
    {"tls-max = 1.1\n",                 "f:6: tls-max: '1.1' is none of: auto, 1.2, 1.3"},
    {"log-format = xml\n",              "f:6: log-format: 'xml' is none of: text, json"},
    {"same-clients = newest\n",         "f:6: same-clients: 'newest' is none of: refuse, oldest"},
    {"syslog-facility = mail\n",        "f:6: syslog-facility: 'mail' is none of: daemon, user, auth, authpriv, local0, local1, local2, local3, local4, local5, local6, local7"},
    {"route = 10.0.0.0/33\n",           "f:6: route: '10.0.0.0/33' is no network: address/length, or an IPv4 address/mask without holes"},
    {"route = 10.0.0.0/255.0.255.0\n",  "f:6: route: '10.0.0.0/255.0.255.0' is no network: address/length, or an IPv4 address/mask without holes"},
    {"route = fd00::/129\n",            "f:6: route: 'fd00::/129' is no network: address/length, or an IPv4 address/mask without holes"},
    {"route = x\n",                     "f:6: route: 'x' is no network: address/length, or an IPv4 address/mask without holes"},
    {"no-route = default\n",            "f:6: no-route: 'default' is no network: address/length, or an IPv4 address/mask without holes"},
    {"route = 10.0.0.0/8\n  dpd = 90\n", "f:7: route: 'dpd = 90' is no network: address/length, or an IPv4 address/mask without holes (an indented line repeats the key above)"},
    {"dns = ns.example\n",              "f:6: dns: 'ns.example' is no address"},
    {"ipv6-dns = local\n",              "f:6: ipv6-dns: 'local' is no address"},
    {"split-dns = a b\n",               "f:6: split-dns: 'a b' is no domain name"},
    {"split-dns =\n",                   "f:6: split-dns: '' is no domain name"},
    {"default-domain = a, b\n",         "f:6: default-domain: 'a, b' is no list of domain names with blanks between them"},
    {"listen-host = a b\n",             "f:6: listen-host: 'a b' is neither an address nor a host name"},
    {"device = a/b\n",                  "f:6: device: 'a/b' is no front part of an interface's name (1 to 13 letters, digits, '-', '_', '.')"},
    {"device = .a\n",                   "f:6: device: '.a' is no front part of an interface's name (1 to 13 letters, digits, '-', '_', '.')"},
    {"device = 12345678901234\n",       "f:6: device: '12345678901234' is no front part of an interface's name (1 to 13 letters, digits, '-', '_', '.')"},
    {"device =\n",                      "f:6: device: '' is no front part of an interface's name (1 to 13 letters, digits, '-', '_', '.')"},
    {"run-as-user = a:b\n",             "f:6: run-as-user: 'a:b' is no name of a user or group"},
    {"run-as-group =\n",                "f:6: run-as-group: '' is no name of a user or group"},
    {"pid-file =\n",                    "f:6: pid-file: '' is no path of 1 to 1023 bytes"},
    {"occtl-socket-file = /0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678\n",
                                        "f:6: occtl-socket-file: '/0123456789012345678901234567890...' is longer than 107 bytes"},
    {"banner = a\x01" "b\n",            "f:6: banner: the value has control characters or is not UTF-8"},
    {"banner = \xff\n",                 "f:6: banner: the value has control characters or is not UTF-8"},
    {"dns = 0123456789012345678901234567890\xc3\xa4\n", "f:6: dns: '0123456789012345678901234567890...' is no address"},
    {"custom-header = nothing\n",           "f:6: custom-header: 'nothing' is no header of up to 512 bytes: Name: value"},
    {"custom-header = a b: c\n",            "f:6: custom-header: 'a b: c' is no header of up to 512 bytes: Name: value"},
    {"custom-header = : c\n",               "f:6: custom-header: ': c' is no header of up to 512 bytes: Name: value"},
    {"select-group = [x]\n",            "f:6: select-group: '[x]' has no group name of 1 to 256 bytes"},
    {"select-group =\n",                "f:6: select-group: '' has no group name of 1 to 256 bytes"},
    {"select-group = a[x\n",            "f:6: select-group: 'a[x' has a '[' without a ']' at the end"},
    {"select-group = a[\n",             "f:6: select-group: 'a[' has a '[' without a ']' at the end"},
    {"auth = pam\n",                    "f:6: auth: the method 'pam' is not served yet: only plain[passwd=FILE] is"},
    {"auth = certificate\n",            "f:6: auth: the method 'certificate' is not served yet: only plain[passwd=FILE] is"},
    {"auth = radius[config=/x]\n",      "f:6: auth: the method 'radius' is not served yet: only plain[passwd=FILE] is"},
    {"auth = magic\n",                  "f:6: auth: 'magic' is no method: plain[passwd=FILE] is"},
    {"auth =\n",                        "f:6: auth: '' is no method"},
    {"auth = plain[passwd=/q]\n",       "f:6: auth: two methods with passwords cannot be combined"},
    {"=auth = plain\n",                 "f:1: auth: plain needs a password file: plain[passwd=FILE]"},
    {"=auth = plain[]\n",               "f:1: auth: plain needs a password file: plain[passwd=FILE]"},
    {"=auth = plain[passwd=]\n",        "f:1: auth: plain needs a password file: plain[passwd=FILE]"},
    {"=auth = plain[/p\n",              "f:1: auth: plain needs a password file: plain[passwd=FILE]"},
    {"=auth = plain[/p,/q]\n",          "f:1: auth: a comma in 'plain[FILE]'; write plain[passwd=FILE]"},
    {"=auth = plain[passwd=/p,otp=/o]\n", "f:1: auth: one-time passwords (otp=) are not served yet, and without them logins would be weaker"},
    {"=auth = plain[file=/p]\n",        "f:1: auth: 'file' is no option of plain"},
    {"server-cert = /c2\n",             "f:6: server-cert: there must be as many server-cert lines as server-key lines"},
    {"server-key = /k2\n",              "f:6: server-key: there must be as many server-cert lines as server-key lines"},
    {"=server-key = pkcs11:object=x\n", "f:1: server-key: keys and certificates in a token are not served yet: name a PEM file"},
    {"=server-key = tpmkey:file=x\n",   "f:1: server-key: keys and certificates in a token are not served yet: name a PEM file"},
    {"ipv4-network = 192.168.1.0\n",    "f:6: ipv4-network: no length: write address/length, or add ipv4-netmask"},
    {"ipv4-network = fd00::/64\n",      "f:6: ipv4-network: not an IPv4 network"},
    {"ipv6-network = 10.0.0.0/8\n",     "f:6: ipv6-network: not an IPv6 network"},
    {"ipv4-network = 10.0.0.0\nipv4-netmask = 255.0.255.0\n", "f:7: ipv4-netmask: no IPv4 mask: it has holes or is no IPv4 address"},
    {"ipv4-network = 10.0.0.0\nipv4-netmask = ::1\n", "f:7: ipv4-netmask: no IPv4 mask: it has holes or is no IPv4 address"},
    {"ipv4-netmask = 24\n",             "f:6: ipv4-netmask: '24' is no address"},
    {"ipv4-netmask = 255.255.0.0\n",    "f:6: ipv4-netmask: ipv4-network has another length"},
    {"ipv4-network = 10.0.0.0/31\n",    "f:6: ipv4-network: no room: the gateway and one client need a /30 at least"},
    {"ipv4-network = 10.0.0.0/7\n",     "f:6: ipv4-network: clients cannot have addresses of this network"},
    {"ipv4-network = 127.0.0.0/24\n",   "f:6: ipv4-network: clients cannot have addresses of this network"},
    {"ipv4-network = 224.0.0.0/24\n",   "f:6: ipv4-network: clients cannot have addresses of this network"},
    {"ipv4-network = 0.0.0.0/0\n",      "f:6: ipv4-network: clients cannot have addresses of this network"},
    {"ipv6-network = fd00::1\n",        "f:6: ipv6-network: no length: write address/length"},
    {"ipv6-prefix = 64\n",              "f:6: ipv6-prefix: there is no ipv6-network"},
    {V6 "ipv6-prefix = 64\n",           "f:7: ipv6-prefix: ipv6-network has another length"},
    {V6 "ipv6-subnet-prefix = 48\n",    "f:6: ipv6-network: no room: its length must be below ipv6-subnet-prefix"},
    {"ipv6-network = fd00::/127\n",     "f:6: ipv6-network: no room: the gateway and one client need a /126 at least"},
    {"ipv6-network = ff00::/64\n",      "f:6: ipv6-network: clients cannot have addresses of this network"},
    {"ipv6-network = ::/64\n",          "f:6: ipv6-network: clients cannot have addresses of this network"},
    {"match-tls-dtls-ciphers = true\ndtls-legacy = true\n", "f:6: match-tls-dtls-ciphers: cannot go with dtls-legacy = true or cisco-client-compat = true"},
    {"cisco-client-compat = true\nmatch-tls-dtls-ciphers = true\n", "f:7: match-tls-dtls-ciphers: cannot go with dtls-legacy = true or cisco-client-compat = true"},
    {"[vhost:a.example]\ntcp-port = 444\n", "f:7: tcp-port: a global key, which cannot stand in a virtual host"},
    {"[vhost:a.example]\nsec-mod-scale = 4\n", "f:7: sec-mod-scale: a global key, which cannot stand in a virtual host"},
    {"[vhost:]\n",                      "f:6: a virtual host without a name"},
    {"nonsense\n",                      "f:6: neither '=' nor ':' on the line"},
    {"=",                               "f: auth is missing"},
    {"=auth = plain[/p]\n",             "f: tcp-port is missing"},
    {"=auth = plain[/p]\ntcp-port = 1\n", "f: server-cert is missing"},
    {"=auth = plain[/p]\ntcp-port = 1\nserver-cert = /c\n", "f: server-key is missing"},
    {"=auth = plain[/p]\ntcp-port = 1\nserver-cert = /c\nserver-key = /k\n", "f: a network for the clients (ipv4-network or ipv6-network) is missing"},
    {"=auth = plain[/p]\ntcp-port = 1\nserver-cert = /c\nserver-key = /k\nipv4-netmask = 255.0.0.0\n", "f:5: ipv4-netmask: there is no ipv4-network"},
};
// clang-format on

static void refuses_bad_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        char text[1024];
        struct vc_conf conf;
        struct vc_fail fail = {0};
        if (bads[i].lines[0] == '=')
            (void)snprintf(text, sizeof(text), "%s", bads[i].lines + 1);
        else
            (void)snprintf(text, sizeof(text), BASE "%s", bads[i].lines);
        assert_case(bads[i].lines, reading(text, &conf, NULL, &fail) == -1);
        assert_int_equal(fail.cause, VC_CAUSE_CONFIG);
        if (strcmp(fail.detail, bads[i].detail) != 0)
            fail_msg("'%s': %s; wanted: %s", bads[i].lines, fail.detail, bads[i].detail);
        assert_null(conf.blocks);
        assert_null(conf.routes);
    }
}

/* ---- what is said and does not stop the start ---- */

struct noted {
    const char *lines;
    enum vc_conf_note_kind kind;
    const char *key;
    unsigned line;
    const char *words;
};

// clang-format off
static const struct noted noteds[] = {
    {"",                              VC_CONF_NOTE_NO_DTLS,    "udp-port",        0, "no udp-port"},
    {"udp-port = 0\n",                VC_CONF_NOTE_NO_DTLS,    "udp-port",        6, "no udp-port"},
    {"udp-port = 443\ndtls-psk = false\ndtls-legacy = false\n", VC_CONF_NOTE_NO_DTLS, "dtls-psk", 7, "neither"},
    {"udp-port = 443\ndtls-legacy = true\n", VC_CONF_NOTE_NOT_SERVED, "dtls-legacy", 7, "0x0100"},
    {"udp-port = 443\ncisco-client-compat = true\n", VC_CONF_NOTE_NOT_SERVED, "cisco-client-compat", 7, "0x0100"},
    {"camouflage = true\n",           VC_CONF_NOTE_NOT_SERVED, "camouflage",      6, "it would hide the gateway"},
    {"min-reauth-time = 300\n",       VC_CONF_NOTE_NOT_SERVED, "min-reauth-time", 6, "it would ban for"},
    {"enable-auth = certificate\n",   VC_CONF_NOTE_NOT_SERVED, "enable-auth",     6, "it would accept another"},
    {"console = unix\n",              VC_CONF_NOTE_NOT_SERVED, "console",         6, "it would serve"},
    {"ban-time = not a number\n",     VC_CONF_NOTE_NOT_SERVED, "ban-time",        6, "it would ban for"},
    {"server-cert = /c2\nserver-key = /k2\n", VC_CONF_NOTE_NOT_SERVED, "server-cert", 6, "only the first pair"},
    {"server-cert = /c2\nserver-key = /k2\n", VC_CONF_NOTE_NOT_SERVED, "server-key", 7, "only the first pair"},
    {"[vhost:a]\ndns = ::1\n",        VC_CONF_NOTE_NOT_SERVED, "[vhost:a]",       6, "virtual hosts are not served yet"},
    {"[vhost:a]\nfrobnicate = 1\n",   VC_CONF_NOTE_UNKNOWN,    "frobnicate",      7, "no such key"},
    {"[other]\ntcp-port = x\n",       VC_CONF_NOTE_UNKNOWN,    "[other]",         6, "no such section"},
    {"frobnicate = 1\n",              VC_CONF_NOTE_UNKNOWN,    "frobnicate",      6, "no such key"},
    {"DPD = 90\n",                    VC_CONF_NOTE_UNKNOWN,    "DPD",             6, "no such key"},
    {"fr\xff\x01 = 1\n",              VC_CONF_NOTE_UNKNOWN,    "fr??",            6, "no such key"},
    {"socket-file = /x\n",            VC_CONF_NOTE_NO_EFFECT,  "socket-file",     6, "inherit their sockets"},
    {"chroot-dir = /x\n",             VC_CONF_NOTE_NO_EFFECT,  "chroot-dir",      6, "no files"},
    {"isolate-workers = false\n",     VC_CONF_NOTE_NO_EFFECT,  "isolate-workers", 6, "always"},
    {"use-seccomp = true\n",          VC_CONF_NOTE_NO_EFFECT,  "use-seccomp",     6, "always"},
    {"limit-worker-memory = true\n",  VC_CONF_NOTE_NO_EFFECT,  "limit-worker-memory", 6, "limit"},
    {"dh-params = /x\n",              VC_CONF_NOTE_NO_EFFECT,  "dh-params",       6, "TLS library"},
    {"tls-priorities = NORMAL:+AES-128-CBC\n", VC_CONF_NOTE_NOT_SERVED, "tls-priorities", 6, "'+AES-128-CBC' stays off: tls-legacy"},
    {"[vhost:a]\ntls-priorities = NORMAL:+RSA\n", VC_CONF_NOTE_NOT_SERVED, "tls-priorities", 7, "'+RSA' stays off: tls-legacy"},
    {"tls-priorities = NORMAL:+VERS-TLS1.1\n", VC_CONF_NOTE_NO_EFFECT, "tls-priorities", 6, "'+VERS-TLS1.1' stays off"},
    {"tls-priorities = NORMAL:-AES-128-GMC\n", VC_CONF_NOTE_UNKNOWN, "tls-priorities", 6, "'-AES-128-GMC' is no part"},
    {"nat = on\n",                    VC_CONF_NOTE_BOOLEAN,    "nat",             6, "'on' is neither true nor false"},
    {"use-occtl = 1\n",               VC_CONF_NOTE_BOOLEAN,    "use-occtl",       6, "'1'"},
    {"nat =\n",                       VC_CONF_NOTE_BOOLEAN,    "nat",             6, "''"},
    {"nat = \xff\n",                  VC_CONF_NOTE_BOOLEAN,    "nat",             6, "'?'"},
    {"select-group = a[x]\nselect-group = a[y]\n", VC_CONF_NOTE_IGNORED, "select-group", 7, "'a' is offered already"},
};
// clang-format on

static void notes_what_does_not_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(noteds) / sizeof(noteds[0]); i++) {
        const struct noted *t = &noteds[i];
        char text[1024], json[4096];
        struct vc_conf conf;
        struct vc_conf_notes notes = {0};
        struct vc_fail fail = {0};
        (void)snprintf(text, sizeof(text), BASE "%s", t->lines);
        assert_case(t->lines, reading(text, &conf, &notes, &fail) == 0);
        assert_case(t->lines, has_note(&notes, t->kind, t->key, t->line, t->words));
        if (t->kind == VC_CONF_NOTE_BOOLEAN)
            assert_case(t->lines, !conf.nat && conf.use_occtl == (strncmp(t->key, "use", 3) != 0));
        for (size_t n = 0; n < notes.n; n++) {
            struct vc_event e = vc_conf_note_event(&notes.at[n], "f");
            assert_int_equal(e.id, VC_EVENT_CONFIG_KEY);
            assert_case(t->lines, e.fail.cause != VC_CAUSE_NONE && e.fail.cause != VC_CAUSE_UNKNOWN);
            assert_case(t->lines, vc_event_print_json(&e, json, sizeof(json)) > 0);
        }
        vc_conf_deinit(&conf);
        vc_conf_notes_deinit(&notes);
        vc_conf_notes_deinit(&notes);
    }
}

static void says_nothing_of_a_good_one(void **state)
{
    (void)state;
    struct vc_conf conf;
    struct vc_conf_notes notes = {0};
    struct vc_fail fail;
    assert_int_equal(reading(BASE "udp-port = 443\n", &conf, &notes, &fail), 0);
    assert_int_equal(notes.n, 0);
    assert_int_equal(conf.keepalive_s, 20);
    assert_int_equal(conf.mobile_keepalive_s, 120);
    assert_int_equal(conf.mobile_dpd_s, 300);
    assert_int_equal(conf.rekey_s, 86400);
    assert_int_equal(conf.dtls_legacy, VC_CONF_LEGACY_12);
    vc_conf_deinit(&conf);
    assert_int_equal(reading(BASE "no-udp = true\n", &conf, &notes, &fail), 0);
    assert_int_equal(notes.n, 0); /* as was asked for */
    vc_conf_deinit(&conf);
    assert_int_equal(reading(BASE "keepalive = 50\n", &conf, NULL, &fail), 0);
    assert_int_equal(conf.mobile_keepalive_s, 50);
    vc_conf_deinit(&conf);
    assert_int_equal(reading(BASE "listen-host = ::1\n", &conf, NULL, &fail), 0);
    assert_int_equal(conf.udp_listen_ip.family, VC_FAMILY_V6);
    vc_conf_deinit(&conf);
    assert_int_equal(reading(BASE "listen-host = ::1\nlisten-host = host\n", &conf, NULL, &fail), 0);
    assert_int_equal(conf.listen_ip.family, VC_FAMILY_NONE);
    vc_conf_deinit(&conf);
}

/* ---- limits ---- */

static void limits_lists(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        unsigned max;
    } lists[] = {
        {"select-group = g%u\n", VC_CONF_GROUPS_MAX}, {"dns = 10.0.0.%u\n", VC_CONF_DNS_MAX},
        {"nbns = 10.0.0.%u\n", VC_CONF_DNS_MAX},      {"split-dns = d%u\n", VC_CONF_SPLIT_DNS_MAX},
        {"route = fd00::%u\n", VC_CONF_ROUTES_MAX},   {"no-route = fd00::%u\n", VC_CONF_ROUTES_MAX},
    };
    static char text[1 << 18];
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (unsigned over = 0; over < 2; over++) {
            struct vc_writer w = vc_writer_to(text, sizeof(text));
            struct vc_conf conf;
            struct vc_fail fail = {0};
            char why[64];
            vc_put_text(&w, BASE);
            for (unsigned n = 0; n < lists[i].max + over; n++) {
                char line[64];
                (void)snprintf(line, sizeof(line), lists[i].format, n);
                vc_put_text(&w, line);
            }
            assert_false(w.bad);
            assert_int_equal(vc_conf_read(&conf, "f", text, vc_written(&w), NULL, &fail), over ? -1 : 0);
            (void)snprintf(why, sizeof(why), "more than %u lines", lists[i].max);
            if (over)
                assert_non_null(strstr(fail.detail, why));
            vc_conf_deinit(&conf);
        }
    }
}

static void limits_notes(void **state)
{
    (void)state;
    static char text[1 << 16];
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    struct vc_conf conf;
    struct vc_conf_notes notes = {0};
    struct vc_fail fail;
    vc_put_text(&w, BASE "udp-port = 1\n");
    for (unsigned n = 0; n < VC_CONF_NOTES_MAX + 3; n++)
        vc_put_text(&w, "x = y\n");
    assert_int_equal(vc_conf_read(&conf, "f", text, vc_written(&w), &notes, &fail), 0);
    assert_int_equal(notes.n, VC_CONF_NOTES_MAX);
    assert_int_equal(notes.left_off, 3);
    vc_conf_deinit(&conf);
    vc_conf_notes_deinit(&notes);
}

/* ---- a file of the shape that Debian's ocserv installs ---- */

static const char shape[] = "\xef\xbb\xbf### these do not change with a reload\n"
                            "auth = \"plain[passwd=/etc/ocserv/passwd]\"\n"
                            "#auth = \"pam\"\n"
                            "tcp-port = 443\n"
                            "udp-port = 443\n"
                            "run-as-user = ocserv\n"
                            "run-as-group = ocserv\n"
                            "socket-file = /run/ocserv-socket\n"
                            "chroot-dir = /var/lib/ocserv\n"
                            "server-cert = /etc/ocserv/cert.pem\r\n"
                            "server-key = /etc/ocserv/key.pem\r\n"
                            "\n"
                            "isolate-workers = true\n"
                            "max-clients = 16\n"
                            "max-same-clients = 2\n"
                            "rate-limit-ms = 100\n"
                            "keepalive = 32400\n"
                            "dpd = 90\n"
                            "mobile-dpd = 1800\n"
                            "try-mtu-discovery = false\n"
                            "cert-user-oid = 0.9.2342.19200300.100.1.1\n"
                            "tls-priorities = \"NORMAL:%SERVER_PRECEDENCE:%COMPAT\"\n"
                            "min-reauth-time = 300\n"
                            "max-ban-score = 80\n"
                            "rekey-time = 172800\n"
                            "rekey-method = ssl\n"
                            "use-occtl = true\n"
                            "pid-file = /run/ocserv.pid\n"
                            "log-level = 1\n"
                            "device = vpns\n"
                            "predictable-ips = true\n"
                            "default-domain = example.com\n"
                            "ipv4-network = 192.168.1.0\n"
                            "ipv4-netmask = 255.255.255.0\n"
                            "dns = 192.168.1.1\n"
                            "ping-leases = false\n"
                            "route = 10.0.0.0/8\n"
                            "  172.16.0.0/12\n"
                            "route = 192.168.0.0/255.255.0.0\n"
                            "cisco-client-compat = true\n"
                            "dtls-legacy = true\n"
                            "\n"
                            "[vhost:www.example.com]\n"
                            "auth = \"plain[passwd=/etc/ocserv/other]\"\n"
                            "ipv4-network = 192.168.2.0\n";

static void takes_a_usual_file(void **state)
{
    (void)state;
    struct vc_conf conf;
    struct vc_conf_notes notes = {0};
    struct vc_fail fail = {0};
    if (reading(shape, &conf, &notes, &fail) != 0)
        fail_msg("%s", fail.detail);
    assert_string_equal(conf.passwd_file, "/etc/ocserv/passwd");
    assert_string_equal(conf.server_key, "/etc/ocserv/key.pem");
    assert_int_equal(conf.n_routes, 3);
    assert_int_equal(conf.ipv4_network.len, 24);
    assert_int_equal(conf.ipv4_network.ip.bytes[2], 1);
    enum vc_conf_key said_by;
    assert_true(vc_conf_by_url(&conf, &said_by) && said_by == VC_CONF_KEY_CISCO_CLIENT_COMPAT);
    static const struct noted wanted[] = {
        {"", VC_CONF_NOTE_NO_EFFECT, "socket-file", 8, ""},
        {"", VC_CONF_NOTE_NO_EFFECT, "chroot-dir", 9, ""},
        {"", VC_CONF_NOTE_NO_EFFECT, "isolate-workers", 13, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "rate-limit-ms", 16, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "try-mtu-discovery", 20, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "cert-user-oid", 21, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "min-reauth-time", 23, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "max-ban-score", 24, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "ping-leases", 36, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "[vhost:www.example.com]", 43, ""},
        {"", VC_CONF_NOTE_NOT_SERVED, "dtls-legacy", 41, "0x0100"},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        assert_case(wanted[i].key, has_note(&notes, wanted[i].kind, wanted[i].key, wanted[i].line, wanted[i].words));
    assert_int_equal(notes.n, sizeof(wanted) / sizeof(wanted[0]));
    vc_conf_deinit(&conf);
    vc_conf_notes_deinit(&notes);
}

/* ---- layers ---- */

struct layered {
    const char *global; /* lines behind BASE and V6; they begin at line 7 */
    const char *above;  /* lines of the virtual host, or of the file */
    const char *prints[4];
};

static void print_origins(const struct vc_conf *conf)
{
    struct vc_writer w = vc_writer_to(printed, sizeof(printed));
    vc_conf_print(conf, true, &w);
    assert_true(vc_put_end_text(&w));
}

static void check_layer(const struct layered *t)
{
    for (size_t k = 0; k < 4 && t->prints[k]; k++) {
        const char *want = t->prints[k];
        bool found = strstr(printed, want[0] == '!' ? want + 1 : want) != NULL;
        if (found == (want[0] == '!'))
            fail_msg("%s| %s: wanted %s in\n%s", t->global, t->above, want, printed);
    }
}

// clang-format off
static const struct layered vhosts[] = {
    /* {"", header is line 7} */
    {"",                          "",                               {"auth = \"plain[passwd=/p]\" # f:1\n", "server-cert = \"/c\" # f:3\n", "dpd = 30 # default\n"}},
    {"",                          "dpd = 90\n",                     {"dpd = 90 # f:8\n", "tcp-port = 443 # f:2\n"}},
    {"dpd = 10\n",                "dpd = 90\n",                     {"dpd = 90 # f:9\n", "!dpd = 10"}},
    {"dpd = 10\n",                "",                               {"dpd = 10 # f:7\n"}},
    {"dns = 9.9.9.9\ndns = 8.8.8.8\n", "dns = 1.1.1.1\n",          {"dns = 1.1.1.1 # f:10\n", "!9.9.9.9", "!8.8.8.8"}},
    {"dns = 9.9.9.9\n",           "ipv6-dns = ::2\nipv4-dns = 1.1.1.1\n", {"dns = ::2 # f:10\n", "dns = 1.1.1.1 # f:10\n", "!9.9.9.9"}},
    {"dns = 9.9.9.9\n",           "nbns = 1.1.1.1\n",               {"dns = 9.9.9.9 # f:7\n", "nbns = 1.1.1.1 # f:9\n"}},
    {"route = 10.1.0.0/16\n",     "route = 10.2.0.0/16\nroute = 10.3.0.0/16\n",
                                                                    {"route = 10.2.0.0/16 ", "route = 10.3.0.0/16 ", "!10.1.0.0"}},
    {"route = 10.1.0.0/16\n",     "route = default\n",              {"route = default # f:9\n", "!10.1.0.0"}},
    {"route = default\n",         "route = 10.1.0.0/16\n",          {"route = 10.1.0.0/16 # f:9\n", "!route = default"}},
    {"route = 10.1.0.0/16\n",     "route = default\nroute = fd01::/64\n", {"route = default # f:10\n", "!10.1.0.0", "!fd01"}},
    {"route = 10.1.0.0/16\nappend-routes = true\n", "route = 10.2.0.0/16\n", {"route = 10.2.0.0/16 ", "!10.1.0.0"}},
    {"no-route = 10.1.0.0/16\n",  "no-route = 10.2.0.0/16\n",       {"no-route = 10.2.0.0/16 ", "!10.1.0.0"}},
    {"split-dns = a.example\n",   "split-dns = b.example\n",        {"split-dns = \"b.example\" # f:9\n", "!a.example"}},
    {"select-group = a\n",        "select-group = b\nselect-group = a[A]\n", {"select-group = \"b[b]\" # f:10\n", "select-group = \"a[A]\" # f:10\n", "!a[a]"}},
    {"select-group = a\n",        "select-group = a[A]\n",          {"select-group = \"a[A]\" # f:9\n"}},
    {"custom-header = A: 1\n",    "custom-header = B: 2\n",         {"custom-header = \"B: 2\" ", "!A: 1"}},
    {"banner = hello\n",          "banner = \n",                    {"!banner"}},
    {"",                          "auth = plain[passwd=/q]\n",      {"auth = \"plain[passwd=/q]\" # f:8\n"}},
    {"",                          "server-cert = /c2\nserver-key = /k2\n", {"server-cert = \"/c2\" # f:8\n", "server-key = \"/k2\" # f:9\n"}},
    {"",                          "ipv4-network = 10.9.0.0/16\n",   {"ipv4-network = 10.9.0.0/16 # f:8\n", "ipv6-network = fd00:1::/48 # f:6\n"}},
    {"",                          "ipv4-network = 10.9.0.0\n",      {"ipv4-network = 10.9.0.0/24 # f:8\n"}},
    {"",                          "ipv4-netmask = 255.255.255.128\n", {"ipv4-network = 10.0.0.0/25 # f:8\n"}},
    {"ipv4-network = 10.1.0.0\nipv4-netmask = 255.255.0.0\n", "ipv4-network = 10.9.0.0\n", {"ipv4-network = 10.9.0.0/16 # f:10\n"}},
    {"ipv4-network = 10.1.0.0\nipv4-netmask = 255.255.0.0\n", "ipv4-network = 10.9.0.0/24\n", {"ipv4-network = 10.9.0.0/24 # f:10\n"}},
    {"",                          "ipv6-network = fd00:2::\n",      {"ipv6-network = fd00:2::/48 # f:8\n"}},
    {"",                          "ipv6-prefix = 64\n",             {"ipv6-network = fd00:1::/64 # f:8\n"}},
    {"cisco-client-compat = true\n", "cisco-client-compat = false\n", {"select-group-by-url = false # default\n", "!dtls-legacy", "cisco-client-compat = false # f:9\n"}},
    {"",                          "cisco-client-compat = true\n",   {"select-group-by-url = true # f:8\n", "dtls-legacy = true # f:8\n"}},
    {"dtls-legacy = false\ncisco-client-compat = true\n", "cisco-client-compat = false\n", {"dtls-legacy = false # f:7\n"}},
    {"keepalive = 50\n",          "",                               {"keepalive = 50 # f:7\n"}},
    {"",                          "route = 10.1.0.0/16\n[vhost:other]\nroute = 10.2.0.0/16\n[vhost:A.Example]\nroute = 10.3.0.0/16\n",
                                                                    {"route = 10.1.0.0/16 ", "route = 10.3.0.0/16 ", "!10.2.0.0"}},
};
// clang-format on

static void a_virtual_host_inherits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vhosts) / sizeof(vhosts[0]); i++) {
        const struct layered *t = &vhosts[i];
        struct vc_conf conf, again;
        struct vc_fail fail = {0};
        char text[1024];
        static char plain[1 << 16];
        (void)snprintf(text, sizeof(text), BASE V6 "%s[vhost:a.example]\n%s", t->global, t->above);
        if (reading(text, &conf, NULL, &fail) != 0)
            fail_msg("%s: %s", text, fail.detail);
        const struct vc_conf *part = vc_conf_of_host(&conf, VC_STR("A.example."));
        assert_ptr_not_equal(part, &conf);
        assert_ptr_equal(vc_conf_of_host(&conf, VC_STR("b.example")), &conf);
        assert_ptr_equal(vc_conf_of_host(&conf, VC_STR("")), &conf);
        print_origins(part);
        check_layer(t);
        struct vc_writer w = vc_writer_to(plain, sizeof(plain));
        vc_conf_print(&conf, false, &w);
        assert_true(vc_put_end_text(&w));
        if (reading(plain, &again, NULL, &fail) != 0)
            fail_msg("%s: %s", plain, fail.detail);
        w = vc_writer_to(printed, sizeof(printed));
        vc_conf_print(&again, false, &w);
        assert_true(vc_put_end_text(&w));
        assert_string_equal(printed, plain);
        vc_conf_deinit(&conf);
        vc_conf_deinit(&again);
    }
}

// clang-format off
static const struct layered files[] = {
    {"",                          "",                               {"dpd = 30 # default\n", "tcp-port = 443 # f:2\n"}},
    {"dpd = 10\n",                "dpd = 90\n",                     {"dpd = 90 # users/u:1\n", "!dpd = 10"}},
    {"route = 10.1.0.0/16\n",     "\nroute = 10.2.0.0/16\n",        {"route = 10.2.0.0/16 # users/u:2\n", "!10.1.0.0"}},
    {"route = 10.1.0.0/16\nappend-routes = true\n", "route = 10.2.0.0/16\n", {"route = 10.2.0.0/16 ", "route = 10.1.0.0/16 "}},
    {"append-routes = true\n",    "route = 10.2.0.0/16\n",          {"route = 10.2.0.0/16 ", "!route = default"}},
    {"route = 10.1.0.0/16\nappend-routes = true\n", "route = default\n", {"route = default # users/u:1\n", "!10.1.0.0"}},
    {"no-route = 10.1.0.0/16\nappend-routes = true\n", "no-route = 10.2.0.0/16\n", {"no-route = 10.2.0.0/16 ", "no-route = 10.1.0.0/16 "}},
    {"dns = 9.9.9.9\nappend-routes = true\n", "dns = 1.1.1.1\n",    {"dns = 1.1.1.1 # users/u:1\n", "!9.9.9.9"}},
    {"",                          "ipv4-network = 10.9.0.0/24\n",   {"ipv4-network = 10.0.0.0/24 # f:5\n"}},
    {"",                          "max-same-clients = 3\nno-udp = true\n", {"max-same-clients = 3 # users/u:1\n", "no-udp = true # users/u:2\n"}},
    {"idle-timeout = 50\n",       "idle-timeout = 60\n",            {"mobile-idle-timeout = 60 # default\n"}},
    {"mobile-idle-timeout = 9\n", "idle-timeout = 60\n",            {"mobile-idle-timeout = 9 # f:7\n"}},
    {"",                          "banner = x\n",                   {"!banner"}},
    {"",                          "tcp-port = 1\n",                 {"tcp-port = 443 # f:2\n"}},
};
// clang-format on

static void a_file_lies_over_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const struct layered *t = &files[i];
        struct vc_conf conf, top;
        struct vc_conf_notes notes = {0};
        struct vc_fail fail = {0};
        char text[512];
        (void)snprintf(text, sizeof(text), BASE V6 "%s", t->global);
        assert_int_equal(reading(text, &conf, NULL, &fail), 0);
        char *in = exact(t->above, strlen(t->above));
        assert_int_equal(vc_conf_overlay(&top, &conf, "users/u", in, strlen(t->above), &notes, &fail), 0);
        free(in);
        print_origins(&top);
        check_layer(t);
        bool foreign = strstr(t->above, "banner") || strstr(t->above, "ipv4-network") || strstr(t->above, "tcp-port");
        assert_int_equal(notes.n, foreign ? 1 : 0);
        vc_conf_deinit(&top);
        print_origins(&conf); /* what is below is as it was */
        assert_null(strstr(printed, "users/u"));
        vc_conf_deinit(&conf);
        vc_conf_notes_deinit(&notes);
    }
}

static void a_bad_file_lies_over_nothing(void **state)
{
    static const struct {
        const char *above, *says;
    } bad[] = {
        {"dpd = x\n", "users/u:1: dpd: 'x' is not a number"},
        {"[vhost:a]\n", "users/u:1: a section"},
        {"dpd\n", "users/u:1: "},
        {"mtu = 1\n", "users/u:1: mtu: '1' is not a number"},
    };
    struct vc_conf conf, top;
    struct vc_fail fail = {0};
    (void)state;
    assert_int_equal(reading(BASE V6, &conf, NULL, &fail), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vc_conf_overlay(&top, &conf, "users/u", bad[i].above, strlen(bad[i].above), NULL, &fail), -1);
        if (!strstr(fail.detail, bad[i].says))
            fail_msg("%s: %s", bad[i].above, fail.detail);
        assert_null(top.blocks);
    }
    vc_conf_deinit(&conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_key),
        cmocka_unit_test(refuses_bad_values),
        cmocka_unit_test(notes_what_does_not_stop),
        cmocka_unit_test(says_nothing_of_a_good_one),
        cmocka_unit_test(limits_lists),
        cmocka_unit_test(limits_notes),
        cmocka_unit_test(takes_a_usual_file),
        cmocka_unit_test(a_virtual_host_inherits),
        cmocka_unit_test(a_file_lies_over_the_rest),
        cmocka_unit_test(a_bad_file_lies_over_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
