#include "cli/init.h"

#include "cli/ask.h"
#include "cli/fresh.h"
#include "cli/show.h"
#include "crypto/wipe.h"
#include "policy/conf.h"
#include "proto/login_gateway.h"
#include "sys/networks.h"
#include "tls/pair.h"
#include "tls/self_signed.h"
#include "tls/wiping.h"
#include "wire/ocpasswd.h"

#include <crypt.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_FOLDER "/etc/varco"
#define CONF "varcod.conf"
#define PASSWD "passwd"
#define KEY "server-key.pem"
#define CERT "server-cert.pem"
#define WHY VC_CLI_FRESH_WHY

static const char usage[] =
    "Usage: varcoctl init [--host HOST] [--pool NETWORK] [--user NAME] [--dir FOLDER]\n"
    "Writes a first configuration, a password file with one user, a key and a self-signed certificate, and prints its\n"
    "pin. What no option says is asked on the terminal; files that exist are left alone. The password is asked twice "
    "on\n"
    "a terminal, else it is one line of standard input.\n"
    "      --host=HOST      the host name or IP address that clients connect to\n"
    "      --pool=NETWORK   the network from which clients get addresses, such as 10.20.0.0/24\n"
    "      --user=NAME      the first user\n"
    "      --dir=FOLDER     where the files go; " DEFAULT_FOLDER "\n"
    "  -h, --help           this text\n"
    "  -v, --version        the version\n";

/* Answers are what people type: nothing in them may steer the terminal. */
__attribute__((format(printf, 1, 2))) static int complain(const char *fmt, ...)
{
    char text[2 * WHY];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)fputs("varcoctl init: ", stderr);
    vc_cli_put(stderr, text);
    (void)fputc('\n', stderr);
    return 1;
}

struct options {
    const char *host, *pool, *user, *folder;
};

/* -1: go on; else the exit code. */
static int options_read(int argc, char **argv, struct options *o)
{
    enum { HOST = 256, POOL, USER, DIR };
    static const struct option longs[] = {
        {"host", required_argument, NULL, HOST},
        {"pool", required_argument, NULL, POOL},
        {"user", required_argument, NULL, USER},
        {"dir", required_argument, NULL, DIR},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int c;
    *o = (struct options){.folder = DEFAULT_FOLDER};
    optind = 0; /* the caller may have read options of its own */
    opterr = 0;
    while ((c = getopt_long(argc, argv, "hv", longs, NULL)) != -1) {
        switch (c) {
        case HOST:
            o->host = optarg;
            break;
        case POOL:
            o->pool = optarg;
            break;
        case USER:
            o->user = optarg;
            break;
        case DIR:
            o->folder = optarg;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        case 'v':
            (void)printf("varcoctl init %s\n", VC_VERSION);
            return 0;
        default:
            (void)complain("there is no such option, or its value is missing");
            (void)fputs(usage, stderr);
            return 1;
        }
    }
    if (optind == argc)
        return -1;
    (void)complain("'%.100s' is no option", argv[optind]);
    (void)fputs(usage, stderr);
    return 1;
}

/* -- the answers -- */

struct answers {
    char host[VC_SELF_SIGNED_HOST_MAX + 1];
    char pool[VC_PREFIX_TEXT];
    char user[VC_LOGIN_NAME_MAX + 1];
};

/* Takes @text as the answer. 0; or 1 with what is wrong with it, and what to type instead. */
typedef int take(struct answers *a, const char *text, char why[WHY]);

static int take_host(struct answers *a, const char *text, char why[WHY])
{
    struct vc_fail fail = {0};
    struct vc_ip ip;
    if (vc_self_signed_host(vc_str_of(text), &ip, &fail) == 0 && vc_str_copy(vc_str_of(text), a->host, sizeof(a->host)))
        return 0;
    (void)snprintf(why, WHY, "%s", fail.detail);
    return 1;
}

static enum vc_networks_verdict where(const struct vc_prefix *pool, struct vc_networks_found *found)
{
    struct vc_fail fail;
    int v = vc_networks_compare(pool, found, &fail);
    return v < 0 ? VC_NETWORKS_FREE : (enum vc_networks_verdict)v; /* varcod compares again, and tells a failure */
}

/* A private /24 that no interface of this host has to do with. "" where there is none. */
static void propose_pool(char out[VC_PREFIX_TEXT])
{
    static const struct {
        uint8_t first[3];
        unsigned grows, last; /* which byte of them, and up to what */
    } ranges[] = {{{10, 20, 0}, 1, 255}, {{172, 16, 0}, 1, 31}, {{192, 168, 20}, 2, 255}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct vc_prefix p = {.ip = {.family = VC_FAMILY_V4}, .len = 24};
        struct vc_networks_found found;
        memcpy(p.ip.bytes, ranges[i].first, sizeof(ranges[i].first));
        for (unsigned n = ranges[i].first[ranges[i].grows]; n <= ranges[i].last; n++) {
            p.ip.bytes[ranges[i].grows] = (uint8_t)n;
            vc_prefix_print(&p, out);
            if (where(&p, &found) == VC_NETWORKS_FREE)
                return;
        }
    }
    out[0] = 0;
}

static int take_pool(struct answers *a, const char *text, char why[WHY])
{
    struct vc_prefix p;
    struct vc_networks_found found;
    char free_one[VC_PREFIX_TEXT], network[VC_PREFIX_TEXT];
    propose_pool(free_one);
    if (!strchr(text, '/') || !vc_prefix_parse(vc_str_of(text), &p) || p.ip.family != VC_FAMILY_V4 || p.len < 8 ||
        p.len > 30 || p.ip.bytes[0] == 0 || p.ip.bytes[0] == 127 || p.ip.bytes[0] >= 224) {
        (void)snprintf(why, WHY,
                       "'%.60s' is no IPv4 network of /8 to /30 that clients can have addresses of: write "
                       "address/length, such as %s",
                       text, free_one[0] ? free_one : "10.20.0.0/24");
        return 1;
    }
    enum vc_networks_verdict v = where(&p, &found);
    vc_prefix_print(&p, a->pool);
    if (v == VC_NETWORKS_FREE)
        return 0;
    vc_prefix_print(&found.network, network);
    if (v == VC_NETWORKS_INSIDE) {
        (void)complain("note: %s is a part of %s, the network of %s: its hosts find clients only by proxy ARP", a->pool,
                       network, found.interface);
        return 0;
    }
    (void)snprintf(why, WHY, "%s overlaps %s, the network of %s: choose another%s%s", a->pool, network, found.interface,
                   free_one[0] ? ", such as " : "", free_one);
    return 1;
}

static int take_user(struct answers *a, const char *text, char why[WHY])
{
    struct vc_fail fail = {0};
    if (vc_ocpasswd_user_check(vc_str_of(text), &fail) != 0)
        (void)snprintf(why, WHY, "%s: choose another", fail.detail);
    else if (!vc_str_copy(vc_str_of(text), a->user, sizeof(a->user)))
        (void)snprintf(why, WHY, "the user name is longer than %d bytes: choose a shorter one", VC_LOGIN_NAME_MAX);
    else
        return 0;
    return 1;
}

/* @given is what an option says, @proposal what an empty line means; either may be NULL. */
static int answer(struct answers *a, take *take_it, const char *given, const char *name, const char *question,
                  const char *proposal)
{
    char line[512], prompt[512], why[WHY];
    const char *words;
    if (given)
        return take_it(a, given, why) == 0 ? 0 : complain("--%s: %s", name, why);
    if (!isatty(STDIN_FILENO))
        return complain("--%s is missing, and there is no terminal to ask on: add --%s %s", name, name,
                        proposal ? proposal : "NAME");
    (void)snprintf(prompt, sizeof(prompt), "%s%s%s%s: ", question, proposal ? " [" : "", proposal ? proposal : "",
                   proposal ? "]" : "");
    for (;;) {
        enum vc_cli_asked asked = vc_cli_ask_line(prompt, line, sizeof(line), &words);
        if (asked == VC_CLI_OVER)
            return complain("%s", words);
        if (asked == VC_CLI_REFUSED)
            (void)complain("%s", words);
        else if (take_it(a, line[0] == 0 && proposal ? proposal : line, why) == 0)
            return 0;
        else
            (void)complain("%s", why);
    }
}

static int hash_ask(char hash[CRYPT_OUTPUT_SIZE])
{
    const char *why;
    enum vc_cli_asked asked;
    while ((asked = vc_cli_ask_hash(hash, CRYPT_OUTPUT_SIZE, &why)) != VC_CLI_ANSWERED) {
        (void)complain("%s", why);
        if (asked == VC_CLI_OVER || !isatty(STDIN_FILENO))
            return 1;
    }
    return 0;
}

static int answers_ask(const struct options *o, struct answers *a)
{
    char own[VC_SELF_SIGNED_HOST_MAX + 1] = "", free_pool[VC_PREFIX_TEXT], why[WHY];
    bool has_own =
        gethostname(own, sizeof(own) - 1) == 0 && take_host(a, own, why) == 0 && strcmp(own, "localhost") != 0;
    propose_pool(free_pool);
    return answer(a, take_host, o->host, "host", "Host name or IP address that clients connect to",
                  has_own ? own : NULL) != 0 ||
           answer(a, take_pool, o->pool, "pool", "Network from which clients get addresses",
                  free_pool[0] ? free_pool : NULL) != 0 ||
           answer(a, take_user, o->user, "user", "Name of the first user", NULL) != 0;
}

/* -- the files -- */

/* The folder's absolute name, whether or not it is there: the configuration names files by it. */
static int folder_find(const char *given, char out[PATH_MAX])
{
    char above[PATH_MAX], real[PATH_MAX];
    struct vc_str s = vc_str_of(given);
    if (realpath(given, out))
        return 0;
    while (s.len > 0 && s.at[s.len - 1] == '/')
        s.len--;
    size_t cut = s.len;
    while (cut > 0 && s.at[cut - 1] != '/')
        cut--;
    struct vc_str base = {.at = s.at + cut, .len = s.len - cut};
    if (errno != ENOENT || base.len == 0 || vc_str_eq(base, VC_STR(".")) || vc_str_eq(base, VC_STR("..")))
        return complain("the folder '%.200s': %s; name another one with --dir", given, strerror(errno));
    if (!vc_str_copy((struct vc_str){.at = s.at, .len = cut}, above, sizeof(above)) ||
        !realpath(cut ? above : ".", real))
        return complain("cannot make the folder '%.200s': %s; make the one above it first", given, strerror(errno));
    int n = snprintf(out, PATH_MAX, "%s/%.*s", strcmp(real, "/") == 0 ? "" : real, (int)base.len, base.at);
    return n < PATH_MAX ? 0 : complain("the folder's name is too long: name another one with --dir");
}

static void configure(struct vc_writer *w, const char *folder, const struct answers *a)
{
    bool has_nft = access("/usr/sbin/nft", X_OK) == 0 || access("/sbin/nft", X_OK) == 0;
    vc_put_fmt(w,
               "# Configuration of varcod, written by \"varcoctl init\" for %s.\n"
               "# Check what you change with \"varcod -t\". Further keys: man varcod, docs/configuration.md.\n"
               "\n"
               "# Who may log in. More users: varcoctl passwd -c '%s/" PASSWD "' NAME\n"
               "auth = \"plain[passwd=%s/" PASSWD "]\"\n"
               "\n"
               "# TLS, and DTLS beside it\n"
               "tcp-port = 443\n"
               "udp-port = 443\n"
               "\n"
               "# Self-signed: clients are told its pin. One that a CA has signed comes here with its chain.\n"
               "server-cert = %s/" CERT "\n"
               "server-key = %s/" KEY "\n"
               "\n",
               a->host, folder, folder, folder, folder);
    vc_put_fmt(w,
               "# Clients get addresses of this network.\n"
               "ipv4-network = %s\n"
               "\n"
               "# Networks that clients reach through the tunnel, and name servers. Without a route: everything.\n"
               "#route = 192.168.1.0/24\n"
               "#dns = 192.168.1.1\n"
               "\n"
               "# Let clients out under this host's address, and switch IPv4 forwarding on for it%s.\n"
               "%snat = true\n",
               a->pool, has_nft ? "" : ": needs the program nft", has_nft ? "" : "#");
    if (!has_nft)
        (void)complain(
            "note: there is no nft here, so clients reach this host only: install nftables, then remove the # "
            "in front of nat in %.200s/" CONF,
            folder);
}

/* What was written reads back as what was meant, and nothing in it is odd. */
static bool conf_holds(const char *folder, const struct answers *a, struct vc_str text)
{
    struct vc_conf conf = {0};
    struct vc_conf_notes notes = {0};
    struct vc_fail fail;
    char passwd[PATH_MAX], cert[PATH_MAX], pool[VC_PREFIX_TEXT];
    bool ok = vc_conf_read(&conf, CONF, text.at, text.len, &notes, &fail) == 0 && notes.n == 0;
    if (ok) {
        vc_prefix_print(&conf.ipv4_network, pool);
        ok = snprintf(passwd, sizeof(passwd), "%s/" PASSWD, folder) < PATH_MAX &&
             snprintf(cert, sizeof(cert), "%s/" CERT, folder) < PATH_MAX && strcmp(conf.passwd_file, passwd) == 0 &&
             strcmp(conf.server_cert, cert) == 0 && strcmp(pool, a->pool) == 0;
    }
    vc_conf_deinit(&conf);
    vc_conf_notes_deinit(&notes);
    return ok;
}

/* -- what to do with them -- */

/* A word of a command that a shell takes as it is. */
static void put_word(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%_+=:,./-";
    if (word[strspn(word, plain)] == 0) {
        (void)fputs(word, stdout);
        return;
    }
    (void)fputc('\'', stdout);
    for (struct vc_str rest = vc_str_of(word), part; rest.len > 0;) {
        char text[PATH_MAX];
        part = vc_str_cut(rest, '\'', &rest);
        if (vc_str_copy(part, text, sizeof(text)))
            vc_cli_put(stdout, text);
        if (part.at[part.len] == '\'') /* else it is the end */
            (void)fputs("'\\''", stdout);
    }
    (void)fputc('\'', stdout);
}

static int say(const char *given, const char *folder, const struct answers *a, const char *pin)
{
    bool is_default = strcmp(given, DEFAULT_FOLDER) == 0 || strcmp(folder, DEFAULT_FOLDER) == 0;
    (void)fputs("Written to ", stdout);
    vc_cli_put(stdout, folder);
    (void)printf(": " KEY ", " CERT ", " PASSWD ", " CONF "\n"
                 "The certificate's pin: %s\n"
                 "To serve:              varcod -f",
                 pin);
    if (!is_default) {
        char path[PATH_MAX + sizeof(CONF)];
        (void)snprintf(path, sizeof(path), "%s/" CONF, folder);
        (void)fputs(" -c ", stdout);
        put_word(path);
    }
    (void)printf("\nTo connect:            openconnect --servercert %s --user ", pin);
    put_word(a->user);
    (void)fputc(' ', stdout);
    if (strchr(a->host, ':')) {
        char url[sizeof(a->host) + 12];
        (void)snprintf(url, sizeof(url), "https://[%s]", a->host);
        put_word(url);
    } else {
        put_word(a->host);
    }
    (void)fputc('\n', stdout);
    if (is_default && access("/etc/ocserv/ocserv.conf", F_OK) == 0)
        (void)complain("note: without -c, varcod reads " DEFAULT_FOLDER "/" CONF
                       " now, and no longer /etc/ocserv/ocserv.conf");
    return fflush(stdout) == 0 ? 0 : 1;
}

int vc_cli_init(int argc, char **argv)
{
    struct options o;
    struct answers a = {0};
    struct vc_self_signed made = {0};
    struct vc_pair pair;
    struct vc_fail fail = {0};
    char folder[PATH_MAX], hash[CRYPT_OUTPUT_SIZE] = "", why[WHY], conf[4 * PATH_MAX], users[VC_OCPASSWD_MAX_LINE + 2];
    enum { N = 4, AT_KEY = 0, AT_CERT, AT_PASSWD, AT_CONF };
    struct vc_cli_fresh files[N] = {
        /* varcod looks for the last one */
        [AT_KEY] = {.name = KEY, .mode = 0600},
        [AT_CERT] = {.name = CERT, .mode = 0644},
        [AT_PASSWD] = {.name = PASSWD, .mode = 0600},
        [AT_CONF] = {.name = CONF, .mode = 0600},
    };
    size_t n;
    int rc = options_read(argc, argv, &o);

    if (rc >= 0)
        return rc;
    (void)vc_tls_wipe_freed();
    (void)umask(022);
    /* before anything is asked for */
    if (folder_find(o.folder, folder) != 0)
        return 1;
    if (vc_cli_fresh_check(folder, files, N, why) != 0)
        return complain("%s", why);
    if (answers_ask(&o, &a) != 0 || hash_ask(hash) != 0)
        return 1;

    struct vc_writer w = vc_writer_to(conf, sizeof(conf));
    configure(&w, folder, &a);
    files[AT_CONF].bytes = conf;
    files[AT_CONF].len = vc_written(&w);
    struct vc_writer u = vc_writer_to(users, sizeof(users));
    const struct vc_ocpasswd_edit first = {
        .what = VC_OCPASSWD_SET, .user = vc_str_of(a.user), .groups = VC_STR("*"), .hash = vc_str_of(hash)};
    rc = 1;
    if (w.bad || !conf_holds(folder, &a, (struct vc_str){.at = conf, .len = vc_written(&w)})) {
        (void)complain("the name of the folder '%.200s' cannot stand in a configuration: name another one with --dir",
                       folder);
        goto out;
    }
    if (vc_ocpasswd_edit((struct vc_str){.at = "", .len = 0}, &first, &u, &n, &fail) != 0 ||
        vc_self_signed_make(&made, vc_str_of(a.host), (int64_t)time(NULL), &fail) != 0 ||
        vc_pair_check(made.cert, made.cert_len, made.key, made.key_len, &pair, &fail) != 0) {
        (void)complain("%s", fail.detail);
        goto out;
    }
    files[AT_PASSWD].bytes = users;
    files[AT_PASSWD].len = vc_written(&u);
    files[AT_KEY].bytes = made.key;
    files[AT_KEY].len = made.key_len;
    files[AT_CERT].bytes = made.cert;
    files[AT_CERT].len = made.cert_len;
    rc =
        vc_cli_fresh_write(folder, files, N, why) == 0 ? say(o.folder, folder, &a, pair.pin_text) : complain("%s", why);
out:
    vc_self_signed_deinit(&made);
    vc_wipe(hash, sizeof(hash));
    vc_wipe(users, sizeof(users));
    return rc;
}
