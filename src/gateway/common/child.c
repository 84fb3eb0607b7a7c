#include "gateway/common/child.h"

#include "sys/harden.h"

#include <stdlib.h>
#include <unistd.h>

#define SUPERVISOR_FD 3

static uint64_t events_lost;

static int try_emit(struct vc_child *c, struct vc_event *e)
{
    uint8_t buf[4000];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_event_pack(e, &w);
    struct vc_msg m = {.type = VC_IPC_EVENT, .EVENT = {.event = {.at = buf, .len = vc_written(&w)}}};
    return w.bad ? 1 : vc_port_offer(&c->supervisor, &m);
}

void vc_child_emit(struct vc_child *c, struct vc_event *e)
{
    e->at_ns = vc_clock_wall_ns();
    if (events_lost > 0) {
        struct vc_event lost = vc_event_lost(e->at_ns, events_lost, "the supervisor was busy");
        vc_event_text(&lost, VC_FIELD_PROCESS, vc_str_of(vc_role_name(c->role)));
        if (try_emit(c, &lost) == 0)
            events_lost = 0;
    }
    if (try_emit(c, e) != 0)
        events_lost++;
}

void vc_child_end(struct vc_child *c)
{
    vc_port_flush(&c->supervisor, 500);
    vc_loop_stop(&c->loop);
}

static void take_peer(struct vc_child *c, const struct vc_msg *m, int fd)
{
    enum vc_role role = m->PEER.role < VC_N_ROLES ? (enum vc_role)m->PEER.role : VC_N_ROLES;
    unsigned i = 0;
    if (role == VC_N_ROLES || !c->ops->peer) {
        (void)close(fd);
        return;
    }
    if (c->started) {
        c->ops->peer(c, role, m->PEER.index, fd);
        return;
    }
    while (i < c->n_waiting && (c->waiting[i].role != role || c->waiting[i].index != m->PEER.index))
        i++;
    if (i < c->n_waiting) { /* it was started anew before we were */
        (void)close(c->waiting[i].fd);
    } else if (c->n_waiting < VC_CHILD_WAITING_MAX) {
        c->n_waiting++;
    } else {
        (void)close(fd);
        return;
    }
    c->waiting[i] = (struct vc_child_waiting){.role = role, .index = m->PEER.index, .fd = fd};
}

static void take_start(struct vc_child *c)
{
    struct vc_fail fail = {0};
    struct vc_msg ready = {.type = VC_IPC_READY};
    c->started = true;
    if (c->ops->start && c->ops->start(c, &fail) != 0) {
        struct vc_event e = vc_event_of(VC_EVENT_PROCESS_ENDED, VC_OUTCOME_FAILED, 0, 0);
        vc_event_text(&e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(c->role)));
        e.fail = fail;
        vc_child_emit(c, &e);
        _exit(3);
    }
    for (unsigned i = 0; i < c->n_waiting; i++)
        c->ops->peer(c, c->waiting[i].role, c->waiting[i].index, c->waiting[i].fd);
    c->n_waiting = 0;
    (void)vc_port_send(&c->supervisor, &ready, -1);
}

static void on_message(struct vc_port *p, const struct vc_msg *m, int fd)
{
    struct vc_child *c = p->owner;
    if (c->stopped || (vc_ipc_when(m->type) == VC_WHEN_AT_START && c->started)) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    switch (m->type) {
    case VC_IPC_PEER:
        take_peer(c, m, fd);
        break;
    case VC_IPC_START:
        take_start(c);
        break;
    case VC_IPC_PING: {
        const struct vc_msg pong = {.type = VC_IPC_PONG};
        (void)vc_port_send(&c->supervisor, &pong, -1);
        break;
    }
    case VC_IPC_STOP:
        c->stopped = true;
        if (c->ops->stop)
            c->ops->stop(c);
        if (!c->lingers)
            vc_child_end(c);
        break;
    default:
        c->ops->setup(c, m, fd);
        break;
    }
}

static void on_lost(struct vc_port *p, bool malformed)
{
    struct vc_child *c = p->owner;
    (void)malformed;
    vc_loop_stop(&c->loop); /* without the supervisor nothing of ours goes on */
}

int vc_child_run(struct vc_child *c, enum vc_role role, const struct vc_child_ops *ops, void *owner)
{
    vc_harden_self();
    c->role = role;
    c->ops = ops;
    c->owner = owner;
    if (vc_loop_init(&c->loop) != 0)
        return 1;
    vc_port_open(&c->supervisor, &c->loop, SUPERVISOR_FD, role, VC_ROLE_SUPERVISOR, 0, on_message, on_lost, c);
    const struct vc_loop_owner who = {.due = ops->due, .tick = ops->tick, .owner = owner};
    vc_loop_run(&c->loop, &who);
    for (unsigned i = 0; i < c->n_waiting; i++)
        (void)close(c->waiting[i].fd);
    if (ops->end)
        ops->end(c);
    vc_port_close(&c->supervisor);
    vc_loop_deinit(&c->loop);
    return c->status;
}
