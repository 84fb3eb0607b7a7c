#ifndef VC_SYS_LOOP_H
#define VC_SYS_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

/** The event loop of a process: libev below, one reading of the monotonic clock a turn, and one question "when next?"
 * to the owner before each sleep. Nobody sets timers behind the loop. */
struct vc_loop {
    struct ev_loop *ev;
    ev_check check;
    ev_timer timer;
    uint64_t now_ns; /* monotonic; read once a turn, right after the sleep */
    bool stopping;
};

/** Who is asked. Both may be NULL. */
struct vc_loop_owner {
    uint64_t (*due)(void *owner);               /* monotonic ns of the next thing to do; UINT64_MAX: nothing */
    void (*tick)(void *owner, uint64_t now_ns); /* once a turn, after the fds were served */
    void *owner;
};

/** Returns 0, or -1 when the kernel refuses an epoll instance. */
int vc_loop_init(struct vc_loop *loop);
void vc_loop_deinit(struct vc_loop *loop);
void vc_loop_run(struct vc_loop *loop, const struct vc_loop_owner *owner);
/** Ends vc_loop_run after this turn. */
void vc_loop_stop(struct vc_loop *loop);

/** Interest in one fd; embedded in its owner, which is found by container_of or the pointer. Zeroed: not watching. */
struct vc_watch {
    ev_io io;
    struct vc_loop *loop;
    void (*fn)(struct vc_watch *w, bool readable, bool writable);
    void *owner;
};

void vc_watch_start(struct vc_watch *w, struct vc_loop *loop, int fd, bool read, bool write,
                    void (*fn)(struct vc_watch *, bool, bool), void *owner);
/** Changes what is waited for; both false pauses. */
void vc_watch_set(struct vc_watch *w, bool read, bool write);
void vc_watch_stop(struct vc_watch *w);

/** Monotonic and wall clock, ns. The loop's own reading is to be preferred. */
uint64_t vc_clock_mono_ns(void);
uint64_t vc_clock_wall_ns(void);

#endif
