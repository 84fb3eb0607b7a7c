#include "gateway/supervisor/options.h"

#include "base/str.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] = "varcod: the gateway of Varco, an SSL VPN that speaks the AnyConnect protocol\n"
                           "\n"
                           "usage: varcod [-c FILE] [-f] [-t] [-d N] [-p FILE] [-e | -s]\n"
                           "       varcod [-c FILE] --explain USER [GROUP] [VHOST]\n"
                           "       varcod --migrate FILE\n"
                           "\n"
                           "  -c, --config=FILE      configuration; without it the first of /etc/varco/varcod.conf,\n"
                           "                         /etc/ocserv/ocserv.conf, /etc/ocserv.conf\n"
                           "  -t, --test-config      check the configuration and end: 0 if it is valid\n"
                           "      --explain=USER     print every value that holds for USER (in GROUP, through VHOST),\n"
                           "                         and the file and line that it came from; then end\n"
                           "      --migrate=FILE     print what an ocserv with this configuration would find\n"
                           "                         different here; then end: 0 if it would start\n"
                           "  -f, --foreground       stay in the foreground; log to stderr\n"
                           "  -d, --debug=N          log level 0..9999, overrides log-level\n"
                           "  -p, --pid-file=FILE    overrides pid-file\n"
                           "  -e, --log-stderr       log to stderr\n"
                           "  -s, --syslog           log to syslog (the default without -f)\n"
                           "      --no-chdir         keep the working directory\n"
                           "  -h, --help             this text\n"
                           "  -v, --version          the version\n";

int vc_options_read(struct vc_options *o, int argc, char **argv)
{
    enum { NO_CHDIR = 256, EXPLAIN, MIGRATE };
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"test-config", no_argument, NULL, 't'},
                                          {"foreground", no_argument, NULL, 'f'},
                                          {"debug", required_argument, NULL, 'd'},
                                          {"pid-file", required_argument, NULL, 'p'},
                                          {"log-stderr", no_argument, NULL, 'e'},
                                          {"syslog", no_argument, NULL, 's'},
                                          {"no-chdir", no_argument, NULL, NO_CHDIR},
                                          {"explain", required_argument, NULL, EXPLAIN},
                                          {"migrate", required_argument, NULL, MIGRATE},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {0}};
    int c;
    uint64_t n;
    *o = (struct vc_options){.debug = -1};
    while ((c = getopt_long(argc, argv, "c:tfd:p:eshv", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            if (optarg[0] == 0) {
                (void)fputs("varcod: the file name behind -c is empty: name the configuration\n", stderr);
                return 2;
            }
            o->config = optarg;
            break;
        case 't':
            o->test = true;
            break;
        case 'f':
            o->foreground = true;
            break;
        case 'd':
            if (!vc_str_u64(vc_str_of(optarg), 9999, &n)) {
                (void)fprintf(stderr, "varcod: --debug takes a number from 0 to 9999, not '%s'\n", optarg);
                return 2;
            }
            o->debug = (int)n;
            break;
        case 'p':
            o->pid_file = optarg;
            break;
        case 'e':
            o->log_stderr = true;
            break;
        case 's':
            o->syslog = true;
            break;
        case NO_CHDIR:
            o->no_chdir = true;
            break;
        case EXPLAIN:
            o->explain[0] = optarg;
            break;
        case MIGRATE:
            o->migrate = optarg;
            break;
        case 'h':
            (void)fputs(help, stdout);
            return 1;
        case 'v':
            (void)printf("varcod %s\n", VC_VERSION);
            return 1;
        default:
            (void)fputs("Try 'varcod --help'.\n", stderr);
            return 2;
        }
    }
    o->explain[1] = o->explain[2] = "";
    for (int i = 1; i < 3 && o->explain[0] && optind < argc; i++)
        o->explain[i] = argv[optind++];
    if (optind < argc) {
        (void)fprintf(stderr, "varcod: unexpected argument '%s'\nTry 'varcod --help'.\n", argv[optind]);
        return 2;
    }
    if (o->foreground && !o->syslog)
        o->log_stderr = true;
    return 0;
}
