/* wireclient: a client of the protocol for tests and bench. Not the product's client: it trusts every certificate, says
 * what it is told to say and prints what it sees as lines of JSON. */
#include "wireclient.h"

#include "crypto/wipe.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: wireclient COMMAND --server HOST[:PORT] [options]\n"
    "  login     phases 1 to 3: prints token and session id\n"
    "            --user U --password-stdin [--group G] [--path /P]\n"
    "  connect   one session with a TUN and the data path\n"
    "            --cookie-stdin, or --user U --password-stdin [--group G]\n"
    "            [--tun NAME | --no-tun] [--no-routes] [--dtls-wait MS] [--lose-last]; SIGTERM logs off, SIGUSR1 "
    "prints counters\n"
    "  load      many sessions without TUN; commands on stdin\n"
    "            --count N --user U (%d becomes 1 to N) --password-stdin [--inside ADDRESS]\n"
    "            stdin: status | ping ID|all [COUNT] | drop ID|all | frame ID TYPE HEX | record ID TYPE HEX |\n"
    "            payload ID TYPE HEX | datagram ID HEX; the end of stdin logs all off\n"
    "  handover  CONNECT and packets behind it in one segment, then cut in two at every byte\n"
    "            --cookie-stdin --inside ADDRESS --port P [--count N] [--splits FIRST-LAST[/STEP]]\n"
    "  all:      [--tls 1.2|1.3] [--tls-suite NAME] [--dtls none|psk|resume] [--suite NAME] [--base-mtu N] [--mtu N]\n"
    "            [--ipv6] [--header 'Name: value'] [--timeout MS]\n";

void wire_say(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    if (text)
        (void)puts(text);
    (void)fflush(stdout);
    free(text);
    json_decref(object);
}

int wire_say_fail(const char *event, const struct vc_fail *fail)
{
    char text[400];
    vc_fail_print(fail, text, sizeof(text));
    wire_say(json_pack("{ssssssss}", "event", event, "cause", vc_cause_name(fail->cause), "detail", fail->detail,
                       "text", text));
    return 1;
}

bool wire_read_line(char *to, size_t cap)
{
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0)
            return false;
        if (got == 0 || c == '\n')
            break;
        if (n + 1 < cap)
            to[n++] = c;
    }
    to[n] = 0;
    return n > 0;
}

static json_t *text_of(struct vc_str s)
{
    json_t *t = json_stringn(s.at ? s.at : "", s.len);
    return t ? t : json_string("?");
}

static json_t *ip_json(const struct vc_ip *ip)
{
    char text[VC_IP_TEXT];
    if (ip->family == VC_FAMILY_NONE)
        return json_null();
    vc_ip_print(ip, text);
    return json_string(text);
}

static json_t *prefixes_json(const struct vc_prefix *p, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        char text[VC_PREFIX_TEXT];
        vc_prefix_print(&p[i], text);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

json_t *wire_answer_json(const struct wire_tunnel *t, const struct wire_tls *tls)
{
    static const char *const modes[] = {"none", "resume", "psk"};
    const struct vc_connect_answer *a = &t->answer;
    json_t *dns = json_array();
    for (size_t i = 0; i < a->n_dns; i++)
        (void)json_array_append_new(dns, ip_json(&a->dns[i]));
    return json_pack("{ss so si so si so so so so sI sI sI sI sI sI sI s{ss si ss sI sI} ss ss}", "event", "connected",
                     "address4", ip_json(&a->v4.ip), "len4", (int)a->v4.len, "address6", ip_json(&a->v6.ip), "len6",
                     (int)a->v6.len, "dns", dns, "routes", prefixes_json(a->includes, a->n_includes), "excludes",
                     prefixes_json(a->excludes, a->n_excludes), "domain", text_of(a->default_domain), "mtu",
                     (json_int_t)a->mtu, "base-mtu", (json_int_t)a->base_mtu, "dpd", (json_int_t)a->dpd_s, "keepalive",
                     (json_int_t)a->keepalive_s, "rekey", (json_int_t)a->rekey_s, "idle", (json_int_t)a->idle_s,
                     "disconnected", (json_int_t)a->disconnected_s, "dtls", "mode", modes[a->dtls.mode], "port",
                     (int)a->dtls.port, "suite", t->dtls_suite, "mtu", (json_int_t)a->dtls.mtu, "dpd",
                     (json_int_t)a->dtls.dpd_s, "tls", tls->version, "tls-suite", tls->suite);
}

int wireclient_login(const struct wire_options *o)
{
    struct wire_http http = {.target = &o->target};
    struct wire_logged logged;
    struct vc_fail fail = {0};
    int r = wire_login(&http, &o->login, &logged, &fail);
    if (r != 0) {
        r = wire_say_fail("failed", &fail);
    } else {
        wire_say(json_pack("{ss ss ss ss ss ss ss}", "event", "logged-in", "token", logged.token, "session",
                           logged.session_id, "group", logged.group, "banner", logged.banner, "server-cert-hash",
                           logged.cert_hash, "tls", http.tls ? http.tls->version : ""));
    }
    vc_wipe(&logged, sizeof(logged));
    wire_http_end(&http);
    return r;
}

static bool number(const char *text, unsigned max, unsigned *out)
{
    uint64_t v;
    if (!vc_str_u64(vc_str_of(text), max, &v))
        return false;
    *out = (unsigned)v;
    return true;
}

/** "FIRST-LAST/STEP", "FIRST-" */
static bool splits(const char *text, struct wire_options *o)
{
    struct vc_str rest, step, last = {0};
    uint64_t a, b = 0, c = 1;
    struct vc_str first = vc_str_cut(vc_str_cut(vc_str_of(text), '/', &step), '-', &rest);
    last = rest;
    if (!vc_str_u64(first, 65535, &a) || (last.len > 0 && !vc_str_u64(last, 65535, &b)) ||
        (step.len > 0 && (!vc_str_u64(step, 65535, &c) || c == 0)))
        return false;
    o->first = (unsigned)a;
    o->last = (unsigned)b;
    o->step = (unsigned)c;
    return true;
}

enum {
    SERVER = 256,
    USER,
    PASSWORD,
    COOKIE,
    GROUP,
    PATH,
    TLS,
    TLS_SUITE,
    DTLS,
    SUITE,
    TUN,
    NO_TUN,
    NO_ROUTES,
    BASE_MTU,
    MTU,
    IPV6,
    COUNT,
    INSIDE,
    PORT,
    SPLITS,
    HEADER,
    TIMEOUT,
    DTLS_WAIT,
    LOSE_LAST
};

// clang-format off
static const struct option options[] = {
    {"server", 1, NULL, SERVER}, {"user", 1, NULL, USER}, {"password-stdin", 0, NULL, PASSWORD},
    {"cookie-stdin", 0, NULL, COOKIE}, {"group", 1, NULL, GROUP}, {"path", 1, NULL, PATH}, {"tls", 1, NULL, TLS},
    {"tls-suite", 1, NULL, TLS_SUITE}, {"dtls", 1, NULL, DTLS}, {"suite", 1, NULL, SUITE}, {"tun", 1, NULL, TUN},
    {"no-tun", 0, NULL, NO_TUN}, {"no-routes", 0, NULL, NO_ROUTES}, {"base-mtu", 1, NULL, BASE_MTU},
    {"mtu", 1, NULL, MTU}, {"ipv6", 0, NULL, IPV6}, {"count", 1, NULL, COUNT}, {"inside", 1, NULL, INSIDE},
    {"port", 1, NULL, PORT}, {"splits", 1, NULL, SPLITS}, {"header", 1, NULL, HEADER}, {"timeout", 1, NULL, TIMEOUT},
    {"dtls-wait", 1, NULL, DTLS_WAIT}, {"lose-last", 0, NULL, LOSE_LAST}, {NULL, 0, NULL, 0},
};
// clang-format on

static char password[1100], token[1100], headers[4096];

/** Returns NULL, or what is wrong. */
static const char *parse(int argc, char **argv, struct wire_options *o)
{
    static char what[400];
    struct vc_fail fail = {0};
    struct vc_writer extra = vc_writer_to(headers, sizeof(headers) - 1);
    bool want_password = false, want_cookie = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool good = true;
        switch (c) {
        case SERVER:
            good = wire_target_of(optarg, &o->target, &fail) == 0;
            break;
        case USER:
            o->login.user = optarg;
            break;
        case PASSWORD:
            want_password = true;
            break;
        case COOKIE:
            want_cookie = true;
            break;
        case GROUP:
            o->login.group = optarg;
            break;
        case PATH:
            o->login.path = optarg;
            break;
        case TLS:
            good = strcmp(optarg, "1.2") == 0 || strcmp(optarg, "1.3") == 0;
            o->target.tls = strcmp(optarg, "1.2") == 0 ? 12 : 13;
            break;
        case TLS_SUITE:
            o->target.suites = optarg;
            break;
        case DTLS:
            good = strcmp(optarg, "none") == 0 || strcmp(optarg, "psk") == 0 || strcmp(optarg, "resume") == 0;
            o->connect.dtls = optarg[0] == 'p'   ? VC_DTLS_MODE_PSK
                              : optarg[0] == 'r' ? VC_DTLS_MODE_RESUME
                                                 : VC_DTLS_MODE_NONE;
            break;
        case SUITE:
            o->connect.suite = optarg;
            good = vc_dtls_name_find(vc_str_of(optarg)) != NULL;
            break;
        case TUN:
            o->tun = optarg;
            break;
        case NO_TUN:
            o->tun = NULL;
            break;
        case NO_ROUTES:
            o->no_routes = true;
            break;
        case BASE_MTU:
            good = number(optarg, 65535, &o->connect.base_mtu);
            break;
        case MTU:
            good = number(optarg, 65535, &o->connect.mtu);
            break;
        case IPV6:
            o->connect.ipv6 = true;
            break;
        case COUNT:
            good = number(optarg, 65535, &o->count);
            break;
        case INSIDE:
            good = vc_ip_parse(vc_str_of(optarg), &o->inside);
            break;
        case PORT:
            good = number(optarg, 65535, &o->port);
            break;
        case SPLITS:
            good = splits(optarg, o);
            break;
        case HEADER:
            vc_put_fmt(&extra, "%s\r\n", optarg);
            break;
        case TIMEOUT:
            good = number(optarg, 600000, &o->target.timeout_ms);
            break;
        case LOSE_LAST:
            o->lose_last = true;
            break;
        case DTLS_WAIT:
            good = number(optarg, 600000, &o->dtls_ms);
            break;
        default:
            return "an option that is not known";
        }
        if (!good) {
            (void)snprintf(what, sizeof(what), "a value that is not right: %s %s", optarg, fail.detail);
            return what;
        }
    }
    if (o->target.server.port == 0)
        return "--server is missing";
    if (optind < argc || extra.bad)
        return "too many words";
    if (vc_written(&extra) > 0)
        o->connect.headers = headers;
    if (want_password && !wire_read_line(password, sizeof(password)))
        return "no password on stdin";
    if (want_cookie && !wire_read_line(token, sizeof(token)))
        return "no cookie on stdin";
    if (want_password)
        o->login.password = password;
    if (want_cookie)
        o->connect.token = strncmp(token, "webvpn=", 7) == 0 ? token + 7 : token;
    if (!want_cookie && !(o->login.user && want_password))
        return "neither --cookie-stdin nor --user and --password-stdin";
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct wire_options *);
    } commands[] = {{"login", wireclient_login},
                    {"connect", wireclient_connect},
                    {"load", wireclient_load},
                    {"handover", wireclient_handover}};
    struct wire_options o = {.connect = {.dtls = VC_DTLS_MODE_PSK}, .tun = "wire%d", .dtls_ms = 5000, .step = 1};
    const char *wrong = "no such command";
    size_t i = 0;
    while (argc > 1 && i < 4 && strcmp(commands[i].name, argv[1]) != 0)
        i++;
    if (argc > 1 && i < 4)
        wrong = parse(argc - 1, argv + 1, &o);
    if (wrong) {
        (void)fprintf(stderr, "wireclient: %s\n%s", wrong, usage);
        return 2;
    }
    int r = commands[i].run(&o);
    vc_wipe(password, sizeof(password));
    vc_wipe(token, sizeof(token));
    return r;
}
