#include "sys/nft.h"

#include "base/writer.h"
#include "sys/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(struct vc_nft *nft, struct vc_fail *fail)
{
    int in[2], out[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0) /* not a pipe: no SIGPIPE where there is no nft */
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "socketpair");
    if (pipe2(out, O_CLOEXEC) != 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) != 0) {
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
        (void)signal(SIGPIPE, SIG_DFL);
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
    *nft = (struct vc_nft){.pid = pid, .to = in[1], .from = out[0], .asked = true};
    return 0;
}

int vc_nft_begin(struct vc_nft *nft, const char *device, const struct vc_prefix *pool4, const struct vc_prefix *pool6,
                 struct vc_fail *fail)
{
    char text[2048], p4[VC_PREFIX_TEXT], p6[VC_PREFIX_TEXT];
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
    if (start(nft, fail) != 0)
        return -1;
    /* what it does not take now it has left: its end is read */
    (void)send(nft->to, text, vc_written(&w), MSG_NOSIGNAL | MSG_DONTWAIT);
    return 0;
}

static int refused(struct vc_nft *nft, struct vc_fail *fail)
{
    vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "nft (is the package nftables installed?): %.100s", nft->got);
    vc_nft_end(nft);
    return -1;
}

static void answered(struct vc_nft *nft)
{
    if (nft->asked)
        (void)close(nft->from);
    nft->asked = false;
}

int vc_nft_read(struct vc_nft *nft, struct vc_fail *fail)
{
    for (;;) {
        size_t room = sizeof(nft->got) - 1 - nft->n_got;
        ssize_t n = room > 0 ? read(nft->from, nft->got + nft->n_got, room) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return VC_NFT_WAIT;
        if (n <= 0)
            return refused(nft, fail);
        nft->n_got += (size_t)n;
        nft->got[nft->n_got] = 0;
        if (strstr(nft->got, "rror:"))
            return refused(nft, fail);
        if (strstr(nft->got, "masquerade\n\t}\n}")) {
            answered(nft);
            return VC_NFT_MADE;
        }
    }
}

int vc_nft_late(struct vc_nft *nft, struct vc_fail *fail)
{
    vc_fail_set(fail, VC_CAUSE_CHILD_SILENT, 0, "nft did not answer for %d s", VC_NFT_ANSWER_S);
    vc_nft_end(nft);
    return -1;
}

int vc_nft_masquerade(struct vc_nft *nft, const char *device, const struct vc_prefix *pool4,
                      const struct vc_prefix *pool6, struct vc_fail *fail)
{
    uint64_t by_ns = vc_clock_mono_ns() + VC_NFT_ANSWER_S * 1000000000ULL;
    if (vc_nft_begin(nft, device, pool4, pool6, fail) != 0)
        return -1;
    int r = VC_NFT_WAIT;
    while (r == VC_NFT_WAIT) {
        uint64_t now_ns = vc_clock_mono_ns();
        struct pollfd pfd = {.fd = nft->from, .events = POLLIN};
        if (now_ns >= by_ns)
            return vc_nft_late(nft, fail);
        (void)poll(&pfd, 1, (int)((by_ns - now_ns) / 1000000U) + 1);
        r = vc_nft_read(nft, fail);
    }
    return r;
}

static void forget(struct vc_nft *nft)
{
    answered(nft);
    (void)close(nft->to);
    *nft = (struct vc_nft){0};
}

bool vc_nft_ended(struct vc_nft *nft, int *status)
{
    if (nft->pid <= 0 || nft->asked || waitpid(nft->pid, status, WNOHANG) != nft->pid)
        return false;
    forget(nft);
    return true;
}

void vc_nft_end(struct vc_nft *nft)
{
    if (nft->pid <= 0)
        return;
    struct pollfd pfd = {.fd = (int)syscall(SYS_pidfd_open, nft->pid, 0), .events = POLLIN};
    (void)kill(nft->pid, SIGKILL);
    if (pfd.fd >= 0) {
        while (poll(&pfd, 1, 1000) < 0 && errno == EINTR)
            continue;
        (void)close(pfd.fd);
    }
    (void)waitpid(nft->pid, NULL, WNOHANG);
    forget(nft);
}
