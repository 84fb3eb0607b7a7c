#include "sys/nft.h"

#include "base/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(struct vc_nft *nft, int *from, struct vc_fail *fail)
{
    int in[2], out[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0) /* not a pipe: no SIGPIPE where there is no nft */
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "socketpair");
    if (pipe2(out, O_CLOEXEC) != 0) {
        (void)close(in[0]);
        (void)close(in[1]);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "pipe");
    }
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        char *const argv[] = {"nft", "-i", NULL};
        char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=dumb", NULL};
        sigset_t none;
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)setsid();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != self || dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 ||
            dup2(out[1], 2) < 0 || chdir("/") != 0)
            _exit(126);
        (void)execve("/usr/sbin/nft", argv, env);
        (void)execve("/sbin/nft", argv, env);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    if (pid < 0) {
        (void)close(in[1]);
        (void)close(out[0]);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot start nft");
    }
    *nft = (struct vc_nft){.pid = pid, .to = in[1]};
    *from = out[0];
    return 0;
}

int vc_nft_masquerade(struct vc_nft *nft, const char *device, const struct vc_prefix *pool4,
                      const struct vc_prefix *pool6, struct vc_fail *fail)
{
    char text[2048], p4[VC_PREFIX_TEXT], p6[VC_PREFIX_TEXT], answer[2048];
    int from = -1;
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    vc_prefix_print(pool4, p4);
    vc_prefix_print(pool6, p6);
    /* `add table` with flags takes ownership; echo of the list is how we know that all was taken */
    vc_put_fmt(&w, "add table inet varco_%s { flags owner; }\n", device);
    vc_put_fmt(&w, "add chain inet varco_%s nat { type nat hook postrouting priority 100; }\n", device);
    if (pool4->ip.family == VC_FAMILY_V4)
        vc_put_fmt(&w, "add rule inet varco_%s nat ip saddr %s oifname != \"%s\" masquerade\n", device, p4, device);
    if (pool6->ip.family == VC_FAMILY_V6)
        vc_put_fmt(&w, "add rule inet varco_%s nat ip6 saddr %s oifname != \"%s\" masquerade\n", device, p6, device);
    vc_put_fmt(&w, "list table inet varco_%s\n", device);
    if (w.bad)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "nft commands too long");
    if (start(nft, &from, fail) != 0)
        return -1;
    bool ok = send(nft->to, text, vc_written(&w), MSG_NOSIGNAL) == (ssize_t)vc_written(&w);
    size_t got = 0;
    while (ok && got < sizeof(answer) - 1) {
        struct pollfd pfd = {.fd = from, .events = POLLIN};
        int ready;
        do
            ready = poll(&pfd, 1, 10000);
        while (ready < 0 && errno == EINTR);
        ssize_t n = ready == 1 ? read(from, answer + got, sizeof(answer) - 1 - got) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            ok = false;
            break;
        }
        got += (size_t)n;
        answer[got] = 0;
        ok = !strstr(answer, "Error") && !strstr(answer, "rror:");
        if (strstr(answer, "masquerade\n\t}\n}"))
            break;
    }
    (void)close(from);
    if (!ok) {
        answer[got] = 0;
        vc_nft_end(nft);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "nft (is the package nftables installed?): %.100s", answer);
    }
    return 0;
}

bool vc_nft_ended(struct vc_nft *nft, int *status)
{
    if (nft->pid <= 0 || waitpid(nft->pid, status, WNOHANG) != nft->pid)
        return false;
    (void)close(nft->to);
    *nft = (struct vc_nft){0};
    return true;
}

void vc_nft_end(struct vc_nft *nft)
{
    if (nft->pid <= 0)
        return;
    (void)close(nft->to);
    (void)kill(nft->pid, SIGTERM);
    while (waitpid(nft->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    *nft = (struct vc_nft){0};
}
