#include "gateway/supervisor/place.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/** mkdir -p; the last one with @mode. An existing one is taken as it is. */
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
        long pid = holder_of(p->state_fd);
        vc_place_close(p);
        return e == EWOULDBLOCK ? vc_fail_set(fail, VC_CAUSE_STORE_LOCKED, 0,
                                              "%.80s is held by the gateway with pid %ld", p->state, pid)
                                : vc_fail_set(fail, VC_CAUSE_STORE, e, "cannot lock %s", p->state);
    }
    struct stat st;
    if (fstat(p->state_fd, &st) != 0 || (st.st_uid != uid && fchown(p->state_fd, uid, gid) != 0) ||
        ((st.st_mode & 07777) != 0700 && fchmod(p->state_fd, 0700) != 0)) {
        int e = errno;
        vc_place_close(p);
        return vc_fail_set(fail, VC_CAUSE_STORE, e, "cannot give %s to its user", p->state);
    }
    if (make(p->run, 0755, &p->made_run) != 0) {
        int e = errno;
        vc_place_close(p);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, e, "cannot make %s", p->run);
    }
    p->made_run = true; /* ours by the lock, even if a crash left it behind */
    return 0;
}

void vc_place_close(struct vc_place *p)
{
    if (p->made_run) {
        (void)unlink(p->control);
        (void)rmdir(p->run);
        (void)rmdir("/run/varco"); /* the last one takes it along */
    }
    if (p->state_fd >= 0)
        (void)close(p->state_fd);
    *p = (struct vc_place)VC_PLACE_NONE;
}
