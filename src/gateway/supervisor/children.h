#ifndef VC_GATEWAY_SUPERVISOR_CHILDREN_H
#define VC_GATEWAY_SUPERVISOR_CHILDREN_H

#include "gateway/supervisor/teller.h"
#include "ipc/port.h"
#include "sys/loop.h"
#include "sys/spawn.h"

#define VC_CHILDREN_MAX 200
#define VC_PER_ROLE_MAX 64

/** The processes below the supervisor: started, wired to each other, watched, started again. */
struct vc_children {
    struct vc_loop *loop;
    const struct vc_children_ops *ops;
    void *owner;
    char dir[512]; /* where their programs are */
    bool keep_ids; /* only one id is mapped */
    bool with_stderr;
    bool stopping;
    unsigned n;
    struct vc_child_process {
        enum vc_role role;
        uint16_t index;
        pid_t pid; /* 0: not running */
        struct vc_port port;
        struct vc_teller teller;
        bool ready;
        bool told_stop;
        bool killed;       /* by us, for a reason that was told */
        unsigned silent_s; /* 0, or how long it had, and was killed then */
        uint64_t beat_ns;  /* when it is asked again whether it answers */
        unsigned n_silent; /* such looks without an answer */
        uint64_t started_ns;
        uint64_t restart_ns; /* 0, or when to start it again */
        bool spare;          /* not wanted now: room for a successor of one of its role */
        bool asks;           /* it asks for a successor */
        bool leaving;        /* the successor serves: it ends by itself, or is killed */
        uint64_t leave_by_ns;
        struct vc_child_process *replaces; /* whom it succeeds, until it is ready */
        unsigned n_failed;                 /* starts in a row that came to nothing because of what it needs */
    } all[VC_CHILDREN_MAX];
};

struct vc_children_ops {
    /** Ids, working directory (-1: "/") of a role. */
    void (*identity)(void *owner, enum vc_role role, uid_t *uid, gid_t *gid, int *cwd);
    /** Send what the process needs before its neighbours. -1 with *fail when it cannot be had. */
    int (*setup)(void *owner, struct vc_child_process *c, struct vc_fail *fail);
    void (*message)(void *owner, struct vc_child_process *c, const struct vc_msg *m, int fd);
    void (*ready)(void *owner, struct vc_child_process *c);
    /** It could not be started again; that is tried later. */
    void (*failed)(void *owner, struct vc_child_process *c, const struct vc_fail *why);
    /** It is gone; @status as from waitpid. It will be started again unless the gateway stops. */
    void (*ended)(void *owner, struct vc_child_process *c, int status);
};

/** Finds the programs: `libexec/` beside the running program, else the installed place. */
int vc_children_init(struct vc_children *cs, struct vc_loop *loop, const struct vc_children_ops *ops, void *owner,
                     struct vc_fail *fail);
/** Adds one to the table; vc_children_start starts all that were added and wires them, but for spares. */
void vc_children_add(struct vc_children *cs, enum vc_role role, uint16_t index);
/** Adds room for one more, which is started when one of the role asks for a successor: that one serves until the
 *  successor is ready, and its place is the spare one then. One renewal of a role at a time for each spare. */
void vc_children_add_spare(struct vc_children *cs, enum vc_role role, uint16_t index);
int vc_children_start(struct vc_children *cs, struct vc_fail *fail);
/** It broke the rules: that is told, it is ended, and a fresh one takes its place. */
void vc_children_refuse(struct vc_children *cs, struct vc_child_process *c, const struct vc_fail *why);
/** After SIGCHLD. */
void vc_children_reap(struct vc_children *cs);
uint64_t vc_children_due(const struct vc_children *cs);
void vc_children_tick(struct vc_children *cs, uint64_t now_ns);
bool vc_children_all_ready(const struct vc_children *cs);
struct vc_child_process *vc_children_find(struct vc_children *cs, enum vc_role role, uint16_t index);
/** Tells those of @role to stop: each once. */
void vc_children_tell_stop(struct vc_children *cs, enum vc_role role);
unsigned vc_children_alive(const struct vc_children *cs, enum vc_role role);
/** Kills those of @role that are left: they had @had_s to end. */
void vc_children_kill(struct vc_children *cs, enum vc_role role, unsigned had_s);

#endif
