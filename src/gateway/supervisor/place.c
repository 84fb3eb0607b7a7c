#include "gateway/supervisor/place.h"

#include "base/str.h"
#include "sys/sock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/** mkdir -p; the last one with @mode. */
static int make(const char *path, mode_t mode, bool *made)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    *made = false;
    if (n == 0 || n >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(part, path, n + 1);
    for (size_t i = 1; i < n; i++) {
        if (part[i] != '/')
            continue;
        part[i] = 0;
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -1;
        part[i] = '/';
    }
    if (mkdir(part, mode) == 0)
        *made = true;
    else if (errno != EEXIST)
        return -1;
    return 0;
}

/** The kernel knows who holds a lock: the line of /proc/locks with this file's device and inode. 0: not found. */
static long holder_of(int fd)
{
    struct stat st;
    char line[256], want[64];
    long pid = 0;
    FILE *f = fopen("/proc/locks", "re");
    if (!f || fstat(fd, &st) != 0) {
        if (f)
            (void)fclose(f);
        return 0;
    }
    (void)snprintf(want, sizeof(want), " %02x:%02x:%lu ", major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino);
    while (pid == 0 && fgets(line, sizeof(line), f)) {
        const char *at = strstr(line, "WRITE ");
        if (strstr(line, want) && strstr(line, "FLOCK") && at)
            pid = strtol(at + 6, NULL, 10);
    }
    (void)fclose(f);
    return pid;
}

/** Closes what there is; returns -1, as whoever set *fail would have. */
static int give_up(struct vc_place *p)
{
    vc_place_close(p);
    return -1;
}

/** Nobody else's: empty, or with a store of ours in it. Whose it is becomes the authority's user, so that `state-dir =
 *  /srv` would take a host's folder away from it. */
static bool may_hold_a_store(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    bool empty = dir != NULL, store = false;
    if (!dir) {
        if (copy >= 0)
            (void)close(copy);
        return false;
    }
    for (const struct dirent *d; (d = readdir(dir));) {
        if (strcmp(d->d_name, "varco.db") == 0)
            store = true;
        else if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 && strcmp(d->d_name, "lost+found") != 0)
            empty = false;
    }
    (void)closedir(dir);
    return empty || store;
}

int vc_place_open(struct vc_place *p, const char *name, const char *state_dir, const char *control, uid_t uid,
                  gid_t gid, struct vc_fail *fail)
{
    bool made;
    *p = (struct vc_place)VC_PLACE_NONE;
    int n = snprintf(p->name, sizeof(p->name), "%s", name);
    int s = state_dir && *state_dir ? snprintf(p->state, sizeof(p->state), "%s", state_dir)
                                    : snprintf(p->state, sizeof(p->state), "%s/%s", VC_STATEDIR, name);
    int r = snprintf(p->run, sizeof(p->run), "/run/varco/%s", name);
    int c = control && *control ? snprintf(p->control, sizeof(p->control), "%s", control)
                                : snprintf(p->control, sizeof(p->control), "%.3900s/control.sock", p->run);
    if (n >= (int)sizeof(p->name) || s >= (int)sizeof(p->state) || r >= (int)sizeof(p->run) ||
        c >= (int)sizeof(p->control))
        return vc_fail_set(fail, VC_CAUSE_CONFIG, ENAMETOOLONG, "state-dir or occtl-socket-file");
    if (make(p->state, 0700, &made) != 0)
        return vc_fail_set(fail, VC_CAUSE_STORE, errno, "cannot make %s; another place is set with state-dir",
                           p->state);
    p->state_fd = open(p->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->state_fd < 0)
        return vc_fail_set(fail, VC_CAUSE_STORE, errno, "cannot open %s", p->state);
    if (flock(p->state_fd, LOCK_EX | LOCK_NB) != 0) {
        int e = errno;
        if (e == EWOULDBLOCK)
            vc_fail_set(fail, VC_CAUSE_STORE_LOCKED, 0, "the gateway with pid %ld holds %s", holder_of(p->state_fd),
                        p->state);
        else
            vc_fail_set(fail, VC_CAUSE_STORE, e, "cannot lock %s", p->state);
        return give_up(p);
    }
    if (!may_hold_a_store(p->state_fd)) {
        vc_fail_set(fail, VC_CAUSE_CONFIG, 0,
                    "state-dir: %s has other files in it: name a directory for the store alone", p->state);
        return give_up(p);
    }
    struct stat st;
    if (fstat(p->state_fd, &st) != 0 || (st.st_uid != uid && fchown(p->state_fd, uid, gid) != 0) ||
        ((st.st_mode & 07777) != 0700 && fchmod(p->state_fd, 0700) != 0)) {
        vc_fail_set(fail, VC_CAUSE_STORE, errno, "cannot give %s to its user", p->state);
        return give_up(p);
    }
    if (make(p->run, 0755, &p->made_run) != 0) {
        vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot make %s", p->run);
        return give_up(p);
    }
    p->made_run = true; /* ours by the lock, even if a crash left it behind */
    return 0;
}

int vc_place_listen(struct vc_place *p, struct vc_fail *fail)
{
    struct stat st;
    int fd = vc_sock_listen_unix(p->control, fail);
    if (fd >= 0 && lstat(p->control, &st) == 0) {
        p->control_dev = st.st_dev;
        p->control_ino = st.st_ino;
    }
    return fd;
}

void vc_place_close(struct vc_place *p)
{
    struct stat st;
    if (p->control_ino != 0 && lstat(p->control, &st) == 0 && st.st_dev == p->control_dev &&
        st.st_ino == p->control_ino)
        (void)unlink(p->control);
    if (p->made_run) {
        (void)rmdir(p->run);
        (void)rmdir("/run/varco"); /* the last one takes it along */
    }
    if (p->state_fd >= 0)
        (void)close(p->state_fd);
    *p = (struct vc_place)VC_PLACE_NONE;
}
