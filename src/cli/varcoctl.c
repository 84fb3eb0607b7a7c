/* varcoctl: asks a running gateway, writes a first configuration, edits password files. Started through a link named
 * occtl or ocpasswd it is that. */
#include "base/str.h"
#include "cli/control.h"
#include "cli/init.h"
#include "cli/passwd.h"
#include "cli/show.h"
#include "proto/login_gateway.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1, NOT_FOUND = 2 };

enum what { STATUS, TABLE, USER, DISCONNECT, FOLLOW, SAID };

// clang-format off
static const struct command {
    const char *words, *argument, *asks, *help;
    enum what what;
} commands[] = {
    {"disconnect user", "[NAME]", "disconnect user", "Disconnect the specified user",                       DISCONNECT},
    {"disconnect id",   "[ID]",   "disconnect id",   "Disconnect the specified ID",                         DISCONNECT},
    {"reload",          NULL,     "reload",          "Reloads the server configuration",                    SAID},
    {"show status",     NULL,     "show status",     "Prints the status and statistics of the server",      STATUS},
    {"show users",      NULL,     "show users",      "Prints the connected users",                          TABLE},
    {"show user",       "[NAME]", "show user",       "Prints information on the specified user",            USER},
    {"show id",         "[ID]",   "show id",         "Prints information on the specified ID",              USER},
    {"show events",     NULL,     "events",          "Follows what happens, step by step",                  FOLLOW},
    {"events",          NULL,     "events",          "Follows what happens, step by step",                  FOLLOW},
    {"stop now",        NULL,     "stop now",        "Terminates the server",                               SAID},
};
// clang-format on
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *self = "varcoctl";

static void help(FILE *out)
{
    (void)fprintf(out,
                  "Usage: %s [-s SOCKET] [-j] [-n] [--debug] COMMAND\n"
                  "       varcoctl init | passwd ...\n"
                  "  -s, --socket-file=FILE  the gateway's control socket\n"
                  "  -j, --json              JSON for programs\n"
                  "  -n, --no-pager          accepted; there is no pager\n"
                  "  -h, --help              this text\n"
                  "  -v, --version           the version\n\nCommands:\n",
                  self);
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)fprintf(out, "%17s %-6s  %s\n", commands[i].words, commands[i].argument ? commands[i].argument : "",
                      commands[i].help);
    (void)fprintf(out, "%17s %-6s  %s\n", "init", "...", "Writes a first configuration");
    (void)fprintf(out, "%17s %-6s  %s\n", "passwd", "...", "Edits a password file");
}

/** The command whose words stand first in @argv; *argument is the one behind them. NULL: there is none. */
static const struct command *find(int argc, char **argv, const char **argument)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        struct vc_str rest = vc_str_of(commands[i].words);
        int used = 0;
        bool same = true;
        while (rest.len > 0 && same) {
            struct vc_str word = vc_str_cut(rest, ' ', &rest);
            same = used < argc && vc_str_eq(word, vc_str_of(argv[used]));
            used++;
        }
        *argument = commands[i].argument && used < argc ? argv[used] : NULL;
        if (same && argc == used + (commands[i].argument ? 1 : 0) && (!commands[i].argument || argv[used][0] != 0))
            return &commands[i];
    }
    return NULL;
}

static int complain(const char *why)
{
    (void)fprintf(stderr, "%s: ", self);
    vc_cli_put(stderr, why);
    (void)fputc('\n', stderr);
    return FAILED;
}

/** Lines as they come, until the gateway ends or somebody interrupts. */
static int follow(int fd)
{
    char buf[16384]; /* events are made without control characters: they go out as they come */
    ssize_t n;
    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(STDOUT_FILENO, buf + done, (size_t)(n - done));
            if (w <= 0)
                return FAILED;
            done += w;
        }
    }
    return complain("the gateway ended, or closed the connection");
}

static int show(const struct command *c, const char *argument, const json_t *result, bool json)
{
    json_t *doc = vc_cli_times(result);
    switch (c->what) {
    case STATUS:
    case TABLE:
    case USER:
        if (json)
            vc_cli_show_json(stdout, doc, isatty(STDOUT_FILENO) != 0);
        else if (c->what == STATUS)
            vc_cli_show_status(stdout, doc);
        else if (c->what == TABLE)
            vc_cli_show_users(stdout, doc);
        else
            vc_cli_show_user(stdout, doc);
        break;
    case DISCONNECT:
        (void)fputs(strcmp(c->words, "disconnect user") == 0 ? "user '" : "connection ID '", stdout);
        vc_cli_put(stdout, argument);
        (void)fputs("' was disconnected\n", stdout);
        break;
    case FOLLOW:
    case SAID:
        break;
    }
    json_decref(doc);
    return fflush(stdout) == 0 ? DONE : FAILED;
}

static int run(const struct command *c, const char *argument, const char *socket_path, bool json)
{
    char why[VC_CLI_WHY];
    int fd = vc_cli_connect(socket_path, why), code = FAILED;
    if (fd < 0) {
        if (c->what == STATUS)
            (void)puts(json ? "{\n  \"Status\": \"offline\"\n}" : "General info:\n\tStatus: offline");
        return complain(why);
    }
    json_t *answer = NULL;
    bool sent = vc_cli_send(fd, c->asks, argument, json, why) == 0;
    if (sent && c->what == FOLLOW) {
        code = follow(fd);
    } else if (!sent || !(answer = vc_cli_answer(fd, why))) {
        (void)complain(why);
    } else {
        code = (int)json_integer_value(json_object_get(answer, "code"));
        const char *error = json_string_value(json_object_get(answer, "error"));
        if (code == DONE)
            code = show(c, argument, json_object_get(answer, "result"), json);
        else if (code == NOT_FOUND && json && c->what == USER)
            (void)puts("[\n]");
        else
            (void)complain(error ? error : "the gateway says no");
    }
    json_decref(answer);
    (void)close(fd);
    return code;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"socket-file", required_argument, NULL, 's'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"no-pager", no_argument, NULL, 'n'},
                                          {"debug", no_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    const char *socket_path = NULL, *argument = NULL;
    bool json = false;
    int o;
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk: writes fail, and are told */
    if (argc > 0 && argv[0][0] != 0) {
        const char *slash = strrchr(argv[0], '/');
        self = slash ? slash + 1 : argv[0];
    }
    if (strcmp(self, "ocpasswd") == 0)
        return vc_cli_passwd(argc, argv);
    while ((o = getopt_long(argc, argv, "+s:jnhv", longs, NULL)) != -1) {
        switch (o) {
        case 's':
            socket_path = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'n':
        case 'd': /* what it would add is not counted yet */
            break;
        case 'h':
            help(stdout);
            return DONE;
        case 'v':
            (void)printf("%s %s\n", self, VC_VERSION);
            return DONE;
        default:
            return FAILED;
        }
    }
    if (optind >= argc) {
        help(stderr);
        return FAILED;
    }
    if (strcmp(argv[optind], "init") == 0)
        return vc_cli_init(argc - optind, argv + optind);
    if (strcmp(argv[optind], "passwd") == 0)
        return vc_cli_passwd(argc - optind, argv + optind);
    if (strcmp(argv[optind], "help") == 0 || strcmp(argv[optind], "?") == 0) {
        help(stdout);
        return DONE;
    }
    if (strcmp(argv[optind], "version") == 0) {
        (void)printf("%s %s\n", self, VC_VERSION);
        return DONE;
    }
    const struct command *c = find(argc - optind, argv + optind, &argument);
    if (!c) {
        (void)fprintf(stderr, "%s: unknown command, or not enough words:", self);
        for (int i = optind; i < argc; i++) {
            (void)fputc(' ', stderr);
            vc_cli_put(stderr, argv[i]);
        }
        (void)fprintf(stderr, "\nuse %s help to get a list of the commands\n", self);
        return FAILED;
    }
    if (argument && strlen(argument) > VC_LOGIN_NAME_MAX) {
        (void)fprintf(stderr, "%s: what stands behind '%s' is longer than the %d bytes that a user's name can have\n",
                      self, c->words, VC_LOGIN_NAME_MAX);
        return FAILED;
    }
    return run(c, argument, socket_path, json);
}
