#ifndef VC_SYS_SPAWN_H
#define VC_SYS_SPAWN_H

#include "event/fail.h"

#include <sys/types.h>

/** How a process of ours is started: by exec, with ids and without rights of its own. */
struct vc_spawn {
    const char *path;
    const char *name; /* argv[0] */
    uid_t uid;        /* taken unless keep_ids */
    gid_t gid;
    bool keep_ids;    /* only one id is mapped here (user namespace), or we are not root */
    int port;         /* becomes fd 3; still the caller's here */
    int cwd;          /* working directory, or -1 for "/" */
    bool with_stderr; /* else /dev/null */
};

/** Forks and executes. In the child: session of its own, ids, empty capability sets, no new privileges, no core dumps,
 *  the hard limit of fds, killed when its parent dies, signals back to default, fds 0 and 1 on /dev/null, 2 as asked, 3
 *  the port, nothing else. Returns the pid, or -1 with *fail. A failed exec shows as exit status 127 of the child. */
pid_t vc_spawn(const struct vc_spawn *s, struct vc_fail *fail);

/** Keeps only what the supervisor needs: effective, permitted and bounding set (docs/architecture.md, "Defaults").
 *  Returns 0, or -1 with *fail. */
int vc_spawn_limit_supervisor(struct vc_fail *fail);

#endif
