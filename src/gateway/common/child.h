#ifndef VC_GATEWAY_COMMON_CHILD_H
#define VC_GATEWAY_COMMON_CHILD_H

#include "event/event.h"
#include "ipc/port.h"
#include "sys/loop.h"

#define VC_CHILD_RENEWED 10 /* exit status: it asks for a fresh process in its place */

#define VC_CHILD_WAITING_MAX 256 /* neighbours: no role has more */

/** What all processes of the gateway but the supervisor share: they begin with nothing but the supervisor's port on fd
 * 3, get what they need over it (setup messages, then PEER for each neighbour, then START), and end when it closes.
 * A neighbour may speak as soon as it has its end: until START its channel waits unread. */
struct vc_child {
    enum vc_role role;
    struct vc_loop loop;
    struct vc_port supervisor;
    bool started, stopped;
    bool lingers; /* set by `stop`: last words are on their way, and vc_child_end is called when they have left */
    int status;   /* of the process when its loop ends; 0 unless it says otherwise */
    unsigned n_waiting;
    struct vc_child_waiting {
        enum vc_role role;
        uint16_t index;
        int fd; /* owned */
    } waiting[VC_CHILD_WAITING_MAX];
    const struct vc_child_ops *ops;
    void *owner;
};

struct vc_child_ops {
    /** A message from the supervisor that is not PEER, START or STOP. @fd is the handler's when not -1. */
    void (*setup)(struct vc_child *c, const struct vc_msg *m, int fd);
    /** A channel to a neighbour, never before START; a second one for the same neighbour replaces the first: it was
     * started anew. */
    void (*peer)(struct vc_child *c, enum vc_role role, uint16_t index, int fd);
    /** Everything is there but the neighbours, which follow. Return 0, or -1 with *fail: the process ends and says so.
     */
    int (*start)(struct vc_child *c, struct vc_fail *fail);
    /** The gateway stops: say goodbye to clients; the process ends behind it, unless it lingers. NULL: nothing to say.
     */
    void (*stop)(struct vc_child *c);
    /** The loop is over; give back what hangs on it. NULL: nothing does. */
    void (*end)(struct vc_child *c);
    uint64_t (*due)(void *owner);
    void (*tick)(void *owner, uint64_t now_ns);
};

/** The whole life of the process; returns its exit status. */
int vc_child_run(struct vc_child *c, enum vc_role role, const struct vc_child_ops *ops, void *owner);

/** The process ends after this turn. */
void vc_child_end(struct vc_child *c);

/** Stamps the time and sends the event to the supervisor. Never waits: what does not fit is counted and told later. */
void vc_child_emit(struct vc_child *c, struct vc_event *e);

#endif
