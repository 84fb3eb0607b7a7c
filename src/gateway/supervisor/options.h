#ifndef VC_GATEWAY_SUPERVISOR_OPTIONS_H
#define VC_GATEWAY_SUPERVISOR_OPTIONS_H

#include <stdbool.h>

/** varcod's command line: ocserv's options (docs/man/varcod.8). */
struct vc_options {
    const char *config;     /* -c; NULL: the default paths are tried */
    const char *pid_file;   /* -p; NULL: the key pid-file */
    bool test;              /* -t */
    const char *explain[3]; /* --explain: user, group, virtual host; [0] NULL: nothing to explain */
    const char *migrate;    /* --migrate: a configuration of ocserv; NULL: none */
    bool foreground;        /* -f */
    bool log_stderr;        /* -e, or -f without -s */
    bool syslog;            /* -s */
    bool no_chdir;
    int debug; /* -d N; -1: the key log-level */
};

/** Returns 0: go on; otherwise the exit status plus 1: help, version, or a mistake was printed. */
int vc_options_read(struct vc_options *o, int argc, char **argv);

#endif
