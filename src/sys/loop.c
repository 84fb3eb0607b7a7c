#include "sys/loop.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

uint64_t vc_clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t vc_clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

static void on_check(struct ev_loop *ev, ev_check *check, int events)
{
    struct vc_loop *loop = check->data;
    (void)ev;
    (void)events;
    loop->now_ns = vc_clock_mono_ns();
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)timer;
    (void)events; /* it only ends the sleep; the owner is asked after each turn anyway */
}

int vc_loop_init(struct vc_loop *loop)
{
    *loop = (struct vc_loop){0};
    loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!loop->ev)
        return -1;
    ev_check_init(&loop->check, on_check);
    loop->check.data = loop;
    ev_set_priority(&loop->check, EV_MAXPRI);
    ev_check_start(loop->ev, &loop->check);
    ev_timer_init(&loop->timer, on_timer, 0., 0.);
    loop->now_ns = vc_clock_mono_ns();
    return 0;
}

void vc_loop_deinit(struct vc_loop *loop)
{
    if (!loop->ev)
        return;
    ev_timer_stop(loop->ev, &loop->timer);
    ev_check_stop(loop->ev, &loop->check);
    ev_loop_destroy(loop->ev);
    *loop = (struct vc_loop){0};
}

void vc_loop_run(struct vc_loop *loop, const struct vc_loop_owner *owner)
{
    while (!loop->stopping) {
        uint64_t due = owner->due ? owner->due(owner->owner) : UINT64_MAX;
        int how = EVRUN_ONCE;
        ev_timer_stop(loop->ev, &loop->timer);
        if (due != UINT64_MAX) {
            uint64_t now = vc_clock_mono_ns();
            if (due <= now) {
                how = EVRUN_NOWAIT;
            } else {
                ev_now_update(loop->ev);
                ev_timer_set(&loop->timer, (double)(due - now) / 1e9, 0.);
                ev_timer_start(loop->ev, &loop->timer);
            }
        }
        ev_run(loop->ev, how);
        if (owner->tick)
            owner->tick(owner->owner, loop->now_ns);
    }
}

void vc_loop_stop(struct vc_loop *loop)
{
    loop->stopping = true;
    ev_break(loop->ev, EVBREAK_ALL);
}

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
    struct vc_watch *w = io->data;
    (void)ev;
    w->fn(w, (events & EV_READ) != 0, (events & EV_WRITE) != 0);
}

static int mask_of(bool read, bool write)
{
    return (read ? EV_READ : 0) | (write ? EV_WRITE : 0);
}

void vc_watch_start(struct vc_watch *w, struct vc_loop *loop, int fd, bool read, bool write,
                    void (*fn)(struct vc_watch *, bool, bool), void *owner)
{
    w->loop = loop;
    w->fn = fn;
    w->owner = owner;
    ev_io_init(&w->io, on_io, fd, mask_of(read, write));
    w->io.data = w;
    if (read || write)
        ev_io_start(loop->ev, &w->io);
}

void vc_watch_set(struct vc_watch *w, bool read, bool write)
{
    if (!w->loop)
        return;
    int mask = mask_of(read, write);
    if (ev_is_active(&w->io) && (w->io.events & (EV_READ | EV_WRITE)) == mask)
        return;
    ev_io_stop(w->loop->ev, &w->io);
    ev_io_set(&w->io, w->io.fd, mask);
    if (mask)
        ev_io_start(w->loop->ev, &w->io);
}

void vc_watch_stop(struct vc_watch *w)
{
    if (w->loop)
        ev_io_stop(w->loop->ev, &w->io);
    w->loop = NULL;
}
