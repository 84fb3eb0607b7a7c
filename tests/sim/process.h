#ifndef VC_TESTS_SIM_PROCESS_H
#define VC_TESTS_SIM_PROCESS_H

/** A process of the gateway with a test in the place of its neighbours: each of them is a socket. Nothing sleeps:
 * whoever waits for a message fails the test when it does not come. */
#include "table.h"

#include "event/event.h"
#include "ipc/schema.h"
#include "sys/fdpass.h"
#include "sys/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 8000
#define PROCESS_API static inline __attribute__((unused))

struct process {
    enum vc_role role;
    pid_t pid; /* 0: not running */
    int supervisor;
    struct vc_event events[1024]; /* all that it told */
    unsigned n_events;
};

PROCESS_API void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

PROCESS_API void process_start(struct process *p, enum vc_role role, const char *path)
{
    int port[2];
    struct vc_fail fail;
    const struct vc_spawn s = {
        .path = path, .name = vc_role_name(role), .keep_ids = true, .cwd = -1, .with_stderr = true};
    struct vc_spawn spawn = s;
    *p = (struct process){.role = role};
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot be traced, which LeakSanitizer needs */
    assert_int_equal(vc_fdpass_pair(port), 0);
    spawn.port = port[1];
    p->pid = vc_spawn(&spawn, &fail);
    assert_true(p->pid > 0);
    (void)close(port[1]);
    p->supervisor = port[0];
}

PROCESS_API void process_say(struct process *p, int fd, enum vc_role from, const struct vc_msg *m, int pass)
{
    static uint8_t buf[131072];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    assert_true(vc_ipc_allowed(m->type, from, p->role));
    vc_ipc_pack(m, &w);
    assert_false(w.bad);
    assert_int_equal(vc_fdpass_send(fd, buf, vc_written(&w), pass), 0);
}

/** The next message but events, and its fd where one comes; NULL: the port closed. Its views live until the next call.
 */
PROCESS_API const struct vc_msg *process_hear(struct process *p, int fd, enum vc_role to, int *pass)
{
    static uint8_t buf[131072];
    static struct vc_msg m;
    int got = -1;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, PATIENCE_MS) != 1)
            fail_msg("nothing came for the %s", vc_role_name(to));
        ssize_t n = vc_fdpass_recv(fd, buf, sizeof(buf), &got);
        if (n <= 0)
            return NULL;
        assert_int_equal(vc_ipc_unpack(&m, p->role, to, buf, (size_t)n), 0);
        assert_int_equal(got >= 0, vc_ipc_fds(m.type) == 1);
        if (got >= 0)
            assert_non_null(pass);
        if (pass)
            *pass = got;
        if (m.type != VC_IPC_EVENT)
            return &m;
        struct vc_reader r = vc_reader_of(m.EVENT.event.at, m.EVENT.event.len);
        assert_true(p->n_events < sizeof(p->events) / sizeof(p->events[0]));
        vc_event_unpack(&p->events[p->n_events], &r);
        assert_true(vc_reader_done(&r));
        assert_int_not_equal(p->events[p->n_events++].fail.cause, VC_CAUSE_UNKNOWN);
    }
}

PROCESS_API const struct vc_msg *process_expect(struct process *p, int fd, enum vc_role to, enum vc_ipc_type type,
                                                int *pass)
{
    const struct vc_msg *m = process_hear(p, fd, to, pass);
    if (!m)
        fail_msg("%s: the port of the %s closed; last it said: %s", vc_ipc_name(type), vc_role_name(p->role),
                 p->n_events > 0 ? p->events[p->n_events - 1].fail.detail : "nothing");
    if (m->type != type)
        fail_msg("%s came instead of %s", vc_ipc_name(m->type), vc_ipc_name(type));
    return m;
}

/** Gives it a channel to a neighbour: *ours is the other end, the one before is closed. */
PROCESS_API void process_introduce(struct process *p, enum vc_role role, uint16_t index, int *ours)
{
    const struct vc_msg m = {.type = VC_IPC_PEER, .PEER = {.role = (uint8_t)role, .index = index}};
    int pair[2];
    assert_int_equal(vc_fdpass_pair(pair), 0);
    process_say(p, p->supervisor, VC_ROLE_SUPERVISOR, &m, pair[1]);
    (void)close(pair[1]);
    close_fd(ours);
    *ours = pair[0];
}

/** Everything that was set up is there. */
PROCESS_API void process_go(struct process *p)
{
    const struct vc_msg m = {.type = VC_IPC_START};
    process_say(p, p->supervisor, VC_ROLE_SUPERVISOR, &m, -1);
    (void)process_expect(p, p->supervisor, VC_ROLE_SUPERVISOR, VC_IPC_READY, NULL);
}

PROCESS_API void process_tell_stop(struct process *p)
{
    const struct vc_msg m = {.type = VC_IPC_STOP};
    process_say(p, p->supervisor, VC_ROLE_SUPERVISOR, &m, -1);
}

/** It was told to stop: it must end in order, with status 0. */
PROCESS_API void process_stopped(struct process *p)
{
    int status;
    if (p->pid > 0) {
        while (process_hear(p, p->supervisor, VC_ROLE_SUPERVISOR, NULL))
            continue;
        assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    p->pid = 0;
    close_fd(&p->supervisor);
}

PROCESS_API void process_stop(struct process *p)
{
    if (p->pid > 0)
        process_tell_stop(p);
    process_stopped(p);
}

PROCESS_API void process_kill(struct process *p)
{
    int status;
    assert_int_equal(kill(p->pid, SIGKILL), 0);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    p->pid = 0;
}

PROCESS_API unsigned process_events(const struct process *p, enum vc_event_id id, enum vc_cause cause)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n_events; i++)
        n += p->events[i].id == id && p->events[i].fail.cause == cause;
    return n;
}

#endif
