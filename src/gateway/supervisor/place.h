#ifndef VC_GATEWAY_SUPERVISOR_PLACE_H
#define VC_GATEWAY_SUPERVISOR_PLACE_H

#include "event/fail.h"

#include <limits.h>
#include <sys/types.h>

/** Where this gateway lives: its name, its store, its run directory. Gateways with different configurations never share
 *  any of them (docs/architecture.md, "Defaults"). */
struct vc_place {
    char name[128];         /* "default", or base name-xxxxxxxx */
    char state[PATH_MAX];   /* 0700, owned by the authority's user; locked */
    char run[PATH_MAX];     /* 0755 */
    char control[PATH_MAX]; /* control.sock, or occtl-socket-file */
    int state_fd;           /* holds the lock */
    bool made_run;
    dev_t control_dev; /* the socket that we bound: only that one is removed */
    ino_t control_ino; /* 0: none */
};

#define VC_PLACE_NONE                                                                                                  \
    {                                                                                                                  \
        .state_fd = -1                                                                                                 \
    }

/** Makes what is missing and locks the store. A state directory that is there already must be empty or hold a store.
 *  -1 with *fail: STORE_LOCKED names the pid of who holds it. */
int vc_place_open(struct vc_place *p, const char *name, const char *state_dir, const char *control, uid_t uid,
                  gid_t gid, struct vc_fail *fail);
/** Opens the control socket. The fd, or -1 with *fail: somebody serves it, or it is no socket. */
int vc_place_listen(struct vc_place *p, struct vc_fail *fail);
/** Removes our socket and the run directory; the store stays. Harmless twice. */
void vc_place_close(struct vc_place *p);

#endif
