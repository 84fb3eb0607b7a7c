#include "sys/spawn.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void no_core(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

/** As many fds as the system lets us have: a session holds one or two. Nothing of ours uses select(). */
static void all_fds(void)
{
    struct rlimit n;
    if (getrlimit(RLIMIT_NOFILE, &n) == 0) {
        n.rlim_cur = n.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &n);
    }
}

static int take_ids(const struct vc_spawn *s)
{
    if (s->keep_ids)
        return 0;
    return setgroups(0, NULL) || setresgid(s->gid, s->gid, s->gid) || setresuid(s->uid, s->uid, s->uid);
}

/** In the child, between fork and exec; never returns. Writes nothing: the parent sees the exit status. */
static void become(const struct vc_spawn *s, pid_t parent)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int sig = 1; sig < NSIG; sig++) {
        if (sig != SIGKILL && sig != SIGSTOP)
            (void)signal(sig, SIG_DFL);
    }
    (void)setsid();
    int port = fcntl(s->port, F_DUPFD, 10); /* out of the way of 0..3, not close-on-exec */
    if (null < 0 || port < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || (!s->with_stderr && dup2(null, 2) < 0))
        _exit(126);
    if (s->cwd >= 0 ? fchdir(s->cwd) != 0 : chdir("/") != 0)
        _exit(126);
    if (dup2(port, 3) < 0 || syscall(SYS_close_range, 4U, ~0U, 0U) != 0)
        _exit(126);
    if (take_ids(s) != 0)
        _exit(125);
    capng_clear(CAPNG_SELECT_CAPS); /* bounding set: the supervisor's, and useless under no_new_privs */
    if (capng_apply(CAPNG_SELECT_CAPS) != 0)
        _exit(125);
    no_core();
    all_fds();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        _exit(125);
    if (getppid() != parent) /* it died before the line above */
        _exit(125);
    char *argv[] = {(char *)s->name, NULL};
    char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL, NULL};
    const char *asan = getenv("ASAN_OPTIONS");
    char asan_env[512];
    if (asan && snprintf(asan_env, sizeof(asan_env), "ASAN_OPTIONS=%s", asan) < (int)sizeof(asan_env))
        env[2] = asan_env;
    (void)execve(s->path, argv, env);
    _exit(127);
}

pid_t vc_spawn(const struct vc_spawn *s, struct vc_fail *fail)
{
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(s, self);
    if (pid < 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot start %s", s->name);
    return pid;
}

int vc_spawn_limit_supervisor(struct vc_fail *fail)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (capng_updatev(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET), CAP_NET_ADMIN,
                      CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_CHOWN, CAP_DAC_READ_SEARCH, -1) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "capability list");
    int r = capng_apply(CAPNG_SELECT_BOTH);
    if (r != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot give up capabilities (%d)", r);
    return 0;
}
