#include "cli/fresh.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int there(char why[VC_CLI_FRESH_WHY], const char *folder, const char *name)
{
    (void)snprintf(why, VC_CLI_FRESH_WHY,
                   "'%.200s/%s' exists: nothing was written; move it away, or name another folder with --dir", folder,
                   name);
    return 1;
}

static int bad_folder(char why[VC_CLI_FRESH_WHY], const char *what, const char *folder)
{
    (void)snprintf(why, VC_CLI_FRESH_WHY, "cannot %s the folder '%.200s': %s; name another one with --dir", what,
                   folder, strerror(errno));
    return 1;
}

static int bad_file(char why[VC_CLI_FRESH_WHY], const char *folder, const char *name)
{
    (void)snprintf(why, VC_CLI_FRESH_WHY, "cannot write '%.200s/%s': %s; nothing was written", folder, name,
                   strerror(errno));
    return 1;
}

int vc_cli_fresh_check(const char *folder, const struct vc_cli_fresh *files, size_t n, char why[VC_CLI_FRESH_WHY])
{
    int rc = 0, fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return bad_folder(why, "open", folder);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct stat st;
        if (fstatat(fd, files[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            rc = there(why, folder, files[i].name);
    }
    (void)close(fd);
    return rc;
}

static bool put(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

/* Under a name of its own. False with errno, and the name is gone. */
static bool write_aside(int dir, const char *name, const struct vc_cli_fresh *file)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = put(fd, file->bytes, file->len) && fchmod(fd, file->mode) == 0;
    int e = errno;
    (void)close(fd); /* behind fsync() it has nothing more to say */
    if (!ok)
        (void)unlinkat(dir, name, 0);
    errno = e;
    return ok;
}

static int write_all(int dir, const char *folder, const struct vc_cli_fresh *files, size_t n,
                     char why[VC_CLI_FRESH_WHY])
{
    char aside[VC_CLI_FRESH_MAX][NAME_MAX + 1];
    size_t made = 0, placed = 0;
    int rc = 0;
    while (made < n && rc == 0) {
        (void)snprintf(aside[made], sizeof(aside[made]), ".%s.%ld", files[made].name, (long)getpid());
        if (write_aside(dir, aside[made], &files[made]))
            made++;
        else
            rc = bad_file(why, folder, files[made].name);
    }
    while (placed < n && rc == 0) {
        if (renameat2(dir, aside[placed], dir, files[placed].name, RENAME_NOREPLACE) == 0)
            placed++;
        else if (errno == EEXIST)
            rc = there(why, folder, files[placed].name);
        else
            rc = bad_file(why, folder, files[placed].name);
    }
    if (rc != 0) {
        for (size_t i = placed; i < made; i++)
            (void)unlinkat(dir, aside[i], 0);
        while (placed > 0)
            (void)unlinkat(dir, files[--placed].name, 0);
    }
    (void)fsync(dir); /* a file system that cannot do it is no reason to fail */
    return rc;
}

int vc_cli_fresh_write(const char *folder, const struct vc_cli_fresh *files, size_t n, char why[VC_CLI_FRESH_WHY])
{
    sigset_t block, old;
    int rc = 1;
    assert(n <= VC_CLI_FRESH_MAX);
    (void)sigemptyset(&block); /* an interrupt would leave a part behind; it waits for the few milliseconds */
    (void)sigaddset(&block, SIGINT);
    (void)sigaddset(&block, SIGTERM);
    (void)sigaddset(&block, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &block, &old);
    bool made = mkdir(folder, 0755) == 0;
    int dir = made || errno == EEXIST ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir < 0)
        (void)bad_folder(why, "make", folder);
    else
        rc = write_all(dir, folder, files, n, why);
    if (dir >= 0)
        (void)close(dir);
    if (rc != 0 && made)
        (void)rmdir(folder);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return rc;
}
