#ifndef VC_TESTS_NETNS_H
#define VC_TESTS_NETNS_H

/** What tests include that need a network of their own: namespaces for the calling process, which end with it. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77 /* Meson's word for it */

/** Ends the program as skipped, or as failed where VARCO_REQUIRE names the suite. */
static inline void skip_program(const char *why)
{
    const char *required = getenv("VARCO_REQUIRE");
    (void)fprintf(stderr, "skipped: %s\n", why);
    exit(required && strstr(required, "netns") ? 1 : SKIPPED);
}

static inline bool put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/** Runs a program (NULL ends @argv) and gives its output, NUL-terminated; returns its exit status. */
static inline int run(const char *const *argv, char *out, size_t cap)
{
    int pipe_fds[2], status;
    size_t got = 0;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(pipe_fds[1], 1);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(pipe_fds[1]);
    for (ssize_t n; got < cap - 1 && (n = read(pipe_fds[0], out + got, cap - 1 - got)) > 0;)
        got += (size_t)n;
    out[got] = 0;
    (void)close(pipe_fds[0]);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/** A network with nothing but a loopback device that is up, and an empty /run. Without root rights in a user namespace
 *  with one id; *all_ids tells. */
static inline void own_world(bool *all_ids)
{
    char map[64];
    unsigned uid = geteuid(), gid = getegid();
    *all_ids = uid == 0;
    if (unshare((uid == 0 ? 0 : CLONE_NEWUSER) | CLONE_NEWNET | CLONE_NEWNS) != 0)
        skip_program("no namespaces here");
    if (uid != 0) {
        (void)snprintf(map, sizeof(map), "0 %u 1", uid);
        if (!put_file("/proc/self/setgroups", "deny") || !put_file("/proc/self/uid_map", map))
            skip_program("no user namespaces here");
        (void)snprintf(map, sizeof(map), "0 %u 1", gid);
        if (!put_file("/proc/self/gid_map", map))
            skip_program("no user namespaces here");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") != 0)
        skip_program("no mounts here");
    struct ifreq lo = {.ifr_name = "lo"};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || ioctl(s, SIOCGIFFLAGS, &lo) != 0)
        skip_program("no loopback device");
    lo.ifr_flags |= IFF_UP;
    if (ioctl(s, SIOCSIFFLAGS, &lo) != 0)
        skip_program("the loopback device does not come up");
    (void)close(s);
}

#endif
