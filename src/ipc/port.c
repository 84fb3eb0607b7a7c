#include "ipc/port.h"

#include "crypto/wipe.h"
#include "sys/fdpass.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct vc_port_queued {
    struct vc_port_queued *next;
    int fd; /* owned */
    bool secret;
    size_t len;
    uint8_t bytes[];
};

#define LARGEST (128U << 10)
#define TURN 64 /* messages taken in one turn, so that one peer cannot hold the loop */

static uint8_t in_buf[LARGEST], out_buf[LARGEST];

static void drop_queue(struct vc_port *p)
{
    while (p->queue) {
        struct vc_port_queued *q = p->queue;
        p->queue = q->next;
        if (q->fd >= 0)
            (void)close(q->fd);
        vc_wipe(q->bytes, q->len);
        free(q);
    }
    p->queue_end = &p->queue;
    p->queued = 0;
}

void vc_port_close(struct vc_port *p)
{
    if (p->fd < 0)
        return;
    vc_watch_stop(&p->watch);
    drop_queue(p);
    (void)close(p->fd);
    p->fd = -1;
}

static void lose(struct vc_port *p, bool malformed)
{
    vc_port_close(p);
    if (p->lost)
        p->lost(p, malformed);
}

static void write_queue(struct vc_port *p)
{
    while (p->queue) {
        struct vc_port_queued *q = p->queue;
        if (vc_fdpass_send(p->fd, q->bytes, q->len, q->fd) != 0) {
            if (errno == EAGAIN)
                return;
            lose(p, false);
            return;
        }
        p->queue = q->next;
        if (!p->queue)
            p->queue_end = &p->queue;
        p->queued -= q->len;
        if (q->fd >= 0)
            (void)close(q->fd);
        if (q->secret)
            vc_wipe(q->bytes, q->len);
        free(q);
    }
    vc_watch_set(&p->watch, true, false);
}

/** An answer uses up a question; what is no answer needs none. */
static bool was_asked(struct vc_port *p, enum vc_ipc_type type)
{
    enum vc_ipc_type question = vc_ipc_question(type);
    if (question == VC_N_IPC)
        return true;
    if (p->asked[question] == 0)
        return false;
    p->asked[question]--;
    return true;
}

static void read_messages(struct vc_port *p)
{
    for (int i = 0; i < TURN && p->fd >= 0; i++) {
        int fd;
        struct vc_msg m;
        ssize_t n = vc_fdpass_recv(p->fd, in_buf, sizeof(in_buf), &fd);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno == EMFILE)
            continue; /* out of fds: this message is lost, and whoever waits for an answer has a deadline */
        if (n <= 0) {
            lose(p, n < 0 && errno == EMSGSIZE);
            return;
        }
        if (vc_ipc_unpack(&m, p->peer, p->self, in_buf, (size_t)n) != 0 || (fd >= 0) != (vc_ipc_fds(m.type) == 1) ||
            !was_asked(p, m.type)) {
            if (fd >= 0)
                (void)close(fd);
            vc_wipe(in_buf, (size_t)n);
            lose(p, true);
            return;
        }
        bool secret = vc_ipc_has_secret(m.type);
        p->handle(p, &m, fd);
        if (secret)
            vc_wipe(in_buf, (size_t)n);
    }
}

void vc_port_drain(struct vc_port *p)
{
    while (p->fd >= 0) {
        struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
        if (poll(&pfd, 1, 0) <= 0)
            return;
        read_messages(p); /* the end closes it */
    }
}

static void on_ready(struct vc_watch *w, bool readable, bool writable)
{
    struct vc_port *p = w->owner;
    if (writable && p->fd >= 0)
        write_queue(p);
    if (readable && p->fd >= 0)
        read_messages(p);
}

void vc_port_open(struct vc_port *p, struct vc_loop *loop, int fd, enum vc_role self, enum vc_role peer, uint16_t index,
                  void (*handle)(struct vc_port *, const struct vc_msg *, int), void (*lost)(struct vc_port *, bool),
                  void *owner)
{
    *p = (struct vc_port){
        .fd = fd, .self = self, .peer = peer, .index = index, .handle = handle, .lost = lost, .owner = owner};
    p->queue_end = &p->queue;
    vc_watch_start(&p->watch, loop, fd, true, false, on_ready, p);
}

/** Packs into out_buf; 0 when the message breaks the schema. */
static size_t pack(const struct vc_port *p, const struct vc_msg *m, bool with_fd)
{
    struct vc_writer w = vc_writer_to(out_buf, sizeof(out_buf));
    vc_ipc_pack(m, &w);
    if (!w.bad && vc_ipc_allowed(m->type, p->self, p->peer) && with_fd == (vc_ipc_fds(m->type) == 1))
        return vc_written(&w);
    vc_wipe(out_buf, vc_written(&w));
    return 0;
}

static int enqueue(struct vc_port *p, size_t len, int fd, bool secret)
{
    struct vc_port_queued *q = p->queued + len <= VC_PORT_QUEUE_MAX ? malloc(sizeof(*q) + len) : NULL;
    int copy = q && fd >= 0 ? dup(fd) : -1;
    if (!q || (fd >= 0 && copy < 0)) {
        free(q);
        lose(p, false); /* a peer that stops reading is cut */
        return -1;
    }
    *q = (struct vc_port_queued){.fd = copy, .secret = secret, .len = len};
    memcpy(q->bytes, out_buf, len);
    *p->queue_end = q;
    p->queue_end = &q->next;
    p->queued += len;
    vc_watch_set(&p->watch, true, true);
    return 0;
}

int vc_port_send(struct vc_port *p, const struct vc_msg *m, int fd)
{
    if (p->fd < 0)
        return -1;
    size_t len = pack(p, m, fd >= 0);
    if (len == 0)
        return -1;
    bool secret = vc_ipc_has_secret(m->type);
    int r = 0;
    if (p->queue || vc_fdpass_send(p->fd, out_buf, len, fd) != 0) {
        if (p->queue || errno == EAGAIN) {
            r = enqueue(p, len, fd, secret);
        } else {
            lose(p, false);
            r = -1;
        }
    }
    if (r == 0)
        p->asked[m->type]++;
    if (secret)
        vc_wipe(out_buf, len);
    return r;
}

int vc_port_offer(struct vc_port *p, const struct vc_msg *m)
{
    if (p->fd < 0 || p->queue)
        return 1;
    size_t len = pack(p, m, false);
    return len > 0 && vc_fdpass_send(p->fd, out_buf, len, -1) == 0 ? 0 : 1;
}

void vc_port_flush(struct vc_port *p, int timeout_ms)
{
    uint64_t end = vc_clock_mono_ns() + (uint64_t)timeout_ms * 1000000U;
    while (p->fd >= 0 && p->queue) {
        uint64_t now = vc_clock_mono_ns();
        struct pollfd pfd = {.fd = p->fd, .events = POLLOUT};
        if (now >= end || poll(&pfd, 1, (int)((end - now) / 1000000U) + 1) < 0)
            return;
        write_queue(p);
    }
}
