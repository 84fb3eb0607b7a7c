/* varcod: the supervisor. Reads the configuration, opens what only root may open, starts the other processes and
 * watches them. It parses nothing that comes from the network. */
#include "gateway/supervisor/explanation.h"
#include "gateway/supervisor/gateway.h"
#include "gateway/supervisor/signals.h"

#include <signal.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int tell(const struct vc_fail *fail)
{
    char text[600];
    vc_fail_print(fail, text, sizeof(text));
    (void)fprintf(stderr, "varcod: %s\n", text);
    return 1;
}

/** Goes to the background; the first process stays until the gateway serves (exit 0) or has failed (1). Until then the
 *  daemon keeps its stderr, to say why it failed. Returns -1 in the daemon, else the exit status of the first. */
static int daemonize(struct vc_gateway *g, bool keep_dir)
{
    int ready[2];
    char c;
    struct vc_fail fail;
    pid_t pid = -1;
    if (pipe2(ready, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        vc_fail_set(&fail, VC_CAUSE_SYSTEM, errno, "cannot go to the background");
        return tell(&fail);
    }
    if (pid > 0) {
        (void)close(ready[1]);
        vc_signals_release(); /* to be interrupted: the daemon goes on */
        return read(ready[0], &c, 1) == 1 ? 0 : 1;
    }
    (void)close(ready[0]);
    (void)setsid();
    if (!keep_dir && chdir("/") != 0) {
        vc_fail_set(&fail, VC_CAUSE_SYSTEM, errno, "cannot change to /");
        return tell(&fail);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, 0);
        (void)dup2(null, 1);
        if (null > 2)
            (void)close(null);
    }
    g->ready_pipe = ready[1];
    g->log.failures_to_stderr = !g->log.to_stderr;
    return -1;
}

int main(int argc, char **argv)
{
    static struct vc_gateway gateway;
    struct vc_gateway *g = &gateway;
    struct vc_options options;
    struct vc_fail fail = {0};
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk: writes fail, and are told */
    int r = vc_options_read(&options, argc, argv);
    if (r != 0)
        return r - 1;
    if (options.migrate)
        return vc_explanation_migrate(options.migrate, stdout, &fail) == 0 ? 0 : tell(&fail);
    bool serves = !options.test && !options.explain[0];
    if (serves)
        vc_signals_hold();
    g->options = &options;
    g->log = (struct vc_log){.to_stderr = options.log_stderr || !serves, .level = 2};
    g->place = (struct vc_place)VC_PLACE_NONE;
    g->certificate = (struct vc_certificate)VC_CERTIFICATE_NONE;
    g->listener = g->slots_fd = g->control = g->ready_pipe = -1;
    for (unsigned i = 0; i < VC_PER_ROLE_MAX; i++)
        g->tun[i] = g->udp[i] = -1;
    /* 0, 1 and 2 must be open, or a socket of ours would land there */
    int null;
    while ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && null <= 2)
        continue;
    if (null > 2)
        (void)close(null);
    (void)umask(022);
    if (vc_gateway_read(g, &fail) != 0) {
        vc_gateway_close(g);
        return tell(&fail);
    }
    if (options.explain[0]) {
        const struct vc_explanation x = {options.explain[0], options.explain[1], options.explain[2]};
        r = vc_explanation_print(&x, &g->conf, stdout, &fail);
        vc_gateway_close(g);
        return r == 0 ? 0 : tell(&fail);
    }
    if (options.test) {
        vc_gateway_close(g);
        (void)printf("%s: the configuration is valid\n", g->config_path);
        return 0;
    }
    if (!options.foreground) {
        r = daemonize(g, options.no_chdir);
        if (r >= 0)
            return r;
    }
    if (vc_gateway_open(g, &fail) != 0) {
        vc_gateway_close(g);
        return tell(&fail);
    }
    if (!g->keep_ids && vc_spawn_limit_supervisor(&fail) != 0) {
        vc_gateway_close(g);
        return tell(&fail);
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int status = vc_gateway_serve(g);
    vc_gateway_close(g);
    return status;
}
