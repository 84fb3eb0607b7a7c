#include "gateway/supervisor/children.h"

#include "sys/fdpass.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who talks to whom (docs/architecture.md, "Processes of the gateway"). */
static const struct {
    enum vc_role a, b;
} wires[] = {
    {VC_ROLE_PORTAL, VC_ROLE_SIGNER},      {VC_ROLE_PORTAL, VC_ROLE_AUTHORITY}, {VC_ROLE_PORTAL, VC_ROLE_TUNNEL},
    {VC_ROLE_AUTHORITY, VC_ROLE_VERIFIER}, {VC_ROLE_AUTHORITY, VC_ROLE_TUNNEL}, {VC_ROLE_TUNNEL, VC_ROLE_TUNNEL},
};

#define LEAVE_S 15 /* a process that was succeeded ends sooner by itself */
#define BEAT_S 5   /* each is asked so often whether it answers */
#define BEATS 3    /* looks without an answer: then it is replaced */

int vc_children_init(struct vc_children *cs, struct vc_loop *loop, const struct vc_children_ops *ops, void *owner,
                     struct vc_fail *fail)
{
    char self[400], probe[600];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    cs->loop = loop;
    cs->ops = ops;
    cs->owner = owner;
    for (unsigned i = 0; i < VC_CHILDREN_MAX; i++)
        cs->all[i].port.fd = -1;
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = 0;
        (void)snprintf(cs->dir, sizeof(cs->dir), "%s/libexec", self);
        (void)snprintf(probe, sizeof(probe), "%s/varco-portal", cs->dir);
        if (access(probe, X_OK) == 0)
            return 0;
    }
    (void)snprintf(cs->dir, sizeof(cs->dir), "%s", VC_LIBEXEC);
    (void)snprintf(probe, sizeof(probe), "%s/varco-portal", cs->dir);
    if (access(probe, X_OK) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno,
                           "the gateway's programs are neither in %.60s/libexec nor in %.60s", n > 0 ? self : "?",
                           VC_LIBEXEC);
    return 0;
}

void vc_children_add(struct vc_children *cs, enum vc_role role, uint16_t index)
{
    if (cs->n < VC_CHILDREN_MAX)
        cs->all[cs->n++] = (struct vc_child_process){.role = role, .index = index, .port = VC_PORT_CLOSED};
}

void vc_children_add_spare(struct vc_children *cs, enum vc_role role, uint16_t index)
{
    vc_children_add(cs, role, index);
    cs->all[cs->n - 1].spare = true;
}

struct vc_child_process *vc_children_find(struct vc_children *cs, enum vc_role role, uint16_t index)
{
    for (unsigned i = 0; i < cs->n; i++) {
        if (cs->all[i].role == role && cs->all[i].index == index)
            return &cs->all[i];
    }
    return NULL;
}

/** The successor serves: whom it replaces may go. */
static void take_over(struct vc_child_process *c)
{
    const struct vc_msg leave = {.type = VC_IPC_LEAVE};
    struct vc_child_process *before = c->replaces;
    c->replaces = NULL;
    before->asks = false;
    before->leaving = true;
    before->leave_by_ns = vc_clock_mono_ns() + LEAVE_S * 1000000000ULL;
    (void)vc_port_send(&before->port, &leave, -1);
}

static struct vc_child_process *successor_of(struct vc_children *cs, const struct vc_child_process *c)
{
    for (unsigned i = 0; i < cs->n; i++) {
        if (cs->all[i].replaces == c)
            return &cs->all[i];
    }
    return NULL;
}

/** Who asked gets a successor where there is room for one. */
static void renew(struct vc_children *cs, uint64_t now_ns)
{
    for (unsigned i = 0; i < cs->n; i++) {
        struct vc_child_process *c = &cs->all[i];
        for (unsigned k = 0; k < cs->n && c->asks && !successor_of(cs, c); k++) {
            struct vc_child_process *room = &cs->all[k];
            if (!room->spare || room->role != c->role)
                continue;
            room->spare = false;
            room->replaces = c;
            room->restart_ns = now_ns;
        }
    }
}

static void on_message(struct vc_port *p, const struct vc_msg *m, int fd)
{
    struct vc_children *cs = p->owner;
    struct vc_child_process *c = vc_children_find(cs, p->peer, p->index);
    if (m->type == VC_IPC_READY && !c->ready) {
        c->ready = true;
        c->beat_ns = vc_clock_mono_ns() + BEAT_S * 1000000000ULL;
        cs->ops->ready(cs->owner, c);
        if (c->replaces)
            take_over(c);
        return;
    }
    if (m->type == VC_IPC_PONG) {
        c->n_silent = 0;
        return;
    }
    if (m->type == VC_IPC_RENEW) {
        c->asks = !c->leaving;
        return;
    }
    cs->ops->message(cs->owner, c, m, fd);
}

/** For a reason that was told, or will be. */
static void kill_it(struct vc_child_process *c)
{
    c->killed = true;
    (void)kill(c->pid, SIGKILL);
}

void vc_children_refuse(struct vc_children *cs, struct vc_child_process *c, const struct vc_fail *why)
{
    vc_port_close(&c->port); /* what else it says is not heard */
    cs->ops->failed(cs->owner, c, why);
    if (c->pid > 0)
        kill_it(c);
}

static void on_lost(struct vc_port *p, bool malformed)
{
    struct vc_children *cs = p->owner;
    struct vc_child_process *c = vc_children_find(cs, p->peer, p->index);
    struct vc_fail fail = {0};
    if (malformed) {
        vc_fail_set(&fail, VC_CAUSE_IPC_MALFORMED, 0, "a malformed message");
        vc_children_refuse(cs, c, &fail);
        return;
    }
    if (c->pid > 0 && !cs->stopping && !c->leaving)
        (void)kill(c->pid, SIGKILL); /* without a port it is of no use; SIGCHLD tells the rest */
}

/** One that dies young waits a second, so that a fault does not spin; what it needs and is not there comes less often
 *  the longer it is missing. */
static uint64_t pause_ns(const struct vc_child_process *c, bool young)
{
    unsigned doublings = c->n_failed > 5 ? 5 : c->n_failed;
    return young || c->n_failed > 0 ? 1000000000ULL << (doublings > 0 ? doublings - 1 : 0) : 0;
}

static int spawn(struct vc_children *cs, struct vc_child_process *c, struct vc_fail *fail)
{
    int pair[2], cwd = -1;
    char path[600], name[64];
    if (vc_fdpass_pair(pair) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "socket pair");
    (void)snprintf(name, sizeof(name), "varco-%s", vc_role_name(c->role));
    (void)snprintf(path, sizeof(path), "%s/%s", cs->dir, name);
    struct vc_spawn s = {
        .path = path, .name = name, .port = pair[1], .keep_ids = cs->keep_ids, .with_stderr = cs->with_stderr};
    cs->ops->identity(cs->owner, c->role, &s.uid, &s.gid, &cwd);
    s.cwd = cwd;
    pid_t pid = vc_spawn(&s, fail);
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return -1;
    }
    c->pid = pid;
    c->teller = (struct vc_teller){.role = c->role, .index = c->index, .pid = pid};
    c->ready = c->told_stop = c->killed = c->asks = c->leaving = false;
    c->restart_ns = 0;
    c->silent_s = c->n_silent = 0;
    c->started_ns = vc_clock_mono_ns();
    vc_port_open(&c->port, cs->loop, pair[0], VC_ROLE_SUPERVISOR, c->role, c->index, on_message, on_lost, cs);
    return cs->ops->setup(cs->owner, c, fail);
}

static int introduce(struct vc_child_process *a, struct vc_child_process *b, struct vc_fail *fail)
{
    int pair[2];
    if (vc_fdpass_pair(pair) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "socket pair");
    struct vc_msg to_a = {.type = VC_IPC_PEER, .PEER = {.role = (uint8_t)b->role, .index = b->index}};
    struct vc_msg to_b = {.type = VC_IPC_PEER, .PEER = {.role = (uint8_t)a->role, .index = a->index}};
    (void)vc_port_send(&a->port, &to_a, pair[0]);
    (void)vc_port_send(&b->port, &to_b, pair[1]);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return 0;
}

static bool wired(enum vc_role a, enum vc_role b)
{
    for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        if ((wires[i].a == a && wires[i].b == b) || (wires[i].a == b && wires[i].b == a))
            return true;
    }
    return false;
}

/** Wires @c to every running neighbour with a lower place in the table, or to all of them after a restart. */
static int wire(struct vc_children *cs, struct vc_child_process *c, unsigned up_to, struct vc_fail *fail)
{
    for (unsigned i = 0; i < up_to; i++) {
        struct vc_child_process *other = &cs->all[i];
        if (other != c && other->pid > 0 && vc_port_is_open(&other->port) && wired(c->role, other->role) &&
            introduce(c, other, fail) != 0)
            return -1;
    }
    return 0;
}

static void send_start(struct vc_child_process *c)
{
    struct vc_msg m = {.type = VC_IPC_START};
    (void)vc_port_send(&c->port, &m, -1);
}

int vc_children_start(struct vc_children *cs, struct vc_fail *fail)
{
    for (unsigned i = 0; i < cs->n; i++) {
        if (!cs->all[i].spare && (spawn(cs, &cs->all[i], fail) != 0 || wire(cs, &cs->all[i], i, fail) != 0))
            return -1;
    }
    for (unsigned i = 0; i < cs->n; i++) {
        if (!cs->all[i].spare)
            send_start(&cs->all[i]);
    }
    return 0;
}

void vc_children_reap(struct vc_children *cs)
{
    for (unsigned i = 0; i < cs->n; i++) {
        struct vc_child_process *c = &cs->all[i];
        int status;
        if (c->pid <= 0 || waitpid(c->pid, &status, WNOHANG) != c->pid)
            continue;
        bool young = vc_clock_mono_ns() - c->started_ns < 1000000000U;
        pid_t pid = c->pid;
        c->pid = 0;              /* reaped: nobody may signal it any more */
        vc_port_drain(&c->port); /* why it ended, if it could say so */
        vc_port_close(&c->port);
        c->pid = pid;
        cs->ops->ended(cs->owner, c, status);
        c->pid = 0;
        c->ready = false;
        struct vc_child_process *successor = successor_of(cs, c);
        if (successor)
            successor->replaces = NULL;
        c->spare = c->leaving || successor;
        c->asks = c->leaving = false;
        if (!cs->stopping && !c->spare)
            c->restart_ns = vc_clock_mono_ns() + pause_ns(c, young);
    }
}

/** Looks are counted, not seconds: where all of us were stopped for a while (a suspended host, a frozen group) it has
 *  answered before the next ones. */
static void beat(struct vc_child_process *c, uint64_t now_ns)
{
    const struct vc_msg ping = {.type = VC_IPC_PING};
    c->beat_ns = now_ns + BEAT_S * 1000000000ULL;
    if (c->n_silent == BEATS) {
        c->silent_s = BEATS * BEAT_S;
        kill_it(c);
        return;
    }
    if (c->n_silent++ == 0)
        (void)vc_port_send(&c->port, &ping, -1);
}

static bool beats(const struct vc_child_process *c)
{
    return c->pid > 0 && c->ready && !c->killed;
}

uint64_t vc_children_due(const struct vc_children *cs)
{
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < cs->n; i++) {
        const struct vc_child_process *c = &cs->all[i];
        if (c->restart_ns != 0 && c->restart_ns < due)
            due = c->restart_ns;
        if (c->leaving && !c->killed && c->leave_by_ns < due)
            due = c->leave_by_ns;
        if (beats(c) && !cs->stopping && c->beat_ns < due)
            due = c->beat_ns;
    }
    return due;
}

void vc_children_tick(struct vc_children *cs, uint64_t now_ns)
{
    if (!cs->stopping)
        renew(cs, now_ns);
    for (unsigned i = 0; i < cs->n && !cs->stopping; i++) {
        struct vc_fail fail = {0};
        struct vc_child_process *c = &cs->all[i];
        if (c->leaving && !c->killed && c->leave_by_ns <= now_ns)
            kill_it(c);
        if (beats(c) && c->beat_ns <= now_ns)
            beat(c, now_ns);
        if (c->restart_ns == 0 || c->restart_ns > now_ns)
            continue;
        if (spawn(cs, c, &fail) != 0 || wire(cs, c, cs->n, &fail) != 0) {
            c->n_failed++;
            cs->ops->failed(cs->owner, c, &fail);
            if (c->pid > 0)
                kill_it(c);
            else
                c->restart_ns = now_ns + pause_ns(c, true);
            continue;
        }
        c->n_failed = 0;
        send_start(c);
    }
}

bool vc_children_all_ready(const struct vc_children *cs)
{
    for (unsigned i = 0; i < cs->n; i++) {
        if (!cs->all[i].ready && !cs->all[i].spare)
            return false;
    }
    return true;
}

void vc_children_tell_stop(struct vc_children *cs, enum vc_role role)
{
    struct vc_msg m = {.type = VC_IPC_STOP};
    for (unsigned i = 0; i < cs->n; i++) {
        struct vc_child_process *c = &cs->all[i];
        if (c->role != role || c->pid <= 0 || c->told_stop)
            continue;
        c->told_stop = true;
        (void)vc_port_send(&c->port, &m, -1);
    }
}

unsigned vc_children_alive(const struct vc_children *cs, enum vc_role role)
{
    unsigned n = 0;
    for (unsigned i = 0; i < cs->n; i++)
        n += cs->all[i].pid > 0 && cs->all[i].role == role;
    return n;
}

void vc_children_kill(struct vc_children *cs, enum vc_role role, unsigned had_s)
{
    for (unsigned i = 0; i < cs->n; i++) {
        struct vc_child_process *c = &cs->all[i];
        if (c->role != role || c->pid <= 0 || c->killed)
            continue;
        c->silent_s = had_s;
        kill_it(c);
    }
}
