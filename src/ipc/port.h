#ifndef VC_IPC_PORT_H
#define VC_IPC_PORT_H

#include "ipc/schema.h"
#include "sys/loop.h"

/** One end of a channel between two processes. Messages are checked against the schema before anybody sees them. A
 *  malformed message, a surplus or missing fd, an answer that nobody asked for, or a peer that stops reading (more than
 *  VC_PORT_QUEUE_MAX bytes waiting) ends the port: `lost` is called once, and the owner decides what that means. A
 * message whose fd finds no place in this process is lost, the port is not. */
struct vc_port {
    int fd; /* -1: closed */
    enum vc_role self, peer;
    uint16_t index; /* of the peer */
    struct vc_watch watch;
    struct vc_port_queued *queue, **queue_end; /* waiting for the peer to read */
    size_t queued;
    uint64_t asked[VC_N_IPC]; /* questions of each type that were sent, less the answers to them */
    void *owner;
    /** @fd: -1, or owned by the handler. Views in @m end with the handler. */
    void (*handle)(struct vc_port *p, const struct vc_msg *m, int fd);
    /** Called when the port is over, after it was closed. @malformed: the peer broke the schema. */
    void (*lost)(struct vc_port *p, bool malformed);
};

#define VC_PORT_CLOSED                                                                                                 \
    {                                                                                                                  \
        .fd = -1                                                                                                       \
    }
#define VC_PORT_QUEUE_MAX (4U << 20)

/** Takes over @fd. The port must not move while it is open. */
void vc_port_open(struct vc_port *p, struct vc_loop *loop, int fd, enum vc_role self, enum vc_role peer, uint16_t index,
                  void (*handle)(struct vc_port *, const struct vc_msg *, int),
                  void (*lost)(struct vc_port *, bool malformed), void *owner);
void vc_port_close(struct vc_port *p); /* harmless twice; `lost` is not called */
static inline bool vc_port_is_open(const struct vc_port *p)
{
    return p->fd >= 0;
}

/** Sends; @fd (or -1) stays the caller's. Waits in the port's own queue when the peer is slow. Sending on a closed port
 *  does nothing. Returns 0; -1: the message breaks the schema (a fault of ours), the port is closed or was lost now. */
int vc_port_send(struct vc_port *p, const struct vc_msg *m, int fd);
/** As send, but rather drops than waits: for packets and events. Returns 0, or 1 when it was dropped. */
int vc_port_offer(struct vc_port *p, const struct vc_msg *m);
/** Handles everything that the peer has sent: its last words, when it has ended. Does not block. */
void vc_port_drain(struct vc_port *p);
/** Blocks until the queue is written or the peer is gone or @timeout_ms have passed: for the last words of a process.
 */
void vc_port_flush(struct vc_port *p, int timeout_ms);

#endif
