#ifndef VC_GATEWAY_TUNNEL_NEIGHBOURS_H
#define VC_GATEWAY_TUNNEL_NEIGHBOURS_H

#include "base/group.h"
#include "base/heap.h"
#include "datapath/worker.h"
#include "ipc/port.h"

/** The tunnel processes beside this one, and what belongs to whom. The kernel deals datagrams and packets out by hash:
 *  a session's first ones may arrive elsewhere. What comes to the wrong process is passed to the owner once. */
#define VC_NEIGHBOURS_MAX 64
#define VC_CLAIM_S 3600 /* after the last datagram of a channel */
#define VC_CLAIM_UNPROVED_S                                                                                            \
    10 /* after the last one of a handshake, or of a ClientHello of which its owner said nothing */
#define VC_CLAIMS_MAX 65536
#define VC_HINTS_MAX 4096      /* addresses of which only a ClientHello spoke: the oldest makes room */
#define VC_EARLY_HELLOS 32     /* ClientHellos that came before their session did */
#define VC_EARLY_HELLO_MAX 600 /* the largest seen has 293 bytes */
#define VC_EARLY_HELLO_NS 1000000000ULL

struct vc_neighbours {
    struct vc_loop *loop;
    struct vc_worker *worker; /* NULL until the process has started */
    uint16_t self;
    struct vc_port ports[VC_NEIGHBOURS_MAX];
    struct vc_map routes, route4, route6, route_id, claims;
    struct vc_map route_outer; /* groups */
    struct vc_heap claim_ends, hint_ends;
    uint8_t v6_len; /* one prefix length for all clients of a gateway */
    unsigned next_hello;
    struct vc_early_hello {
        uint64_t at_ns; /* 0: free */
        struct vc_endpoint from;
        struct vc_ip local;
        uint8_t id[32];
        uint16_t len;
        uint8_t bytes[VC_EARLY_HELLO_MAX];
    } hellos[VC_EARLY_HELLOS];
};

void vc_neighbours_init(struct vc_neighbours *n, struct vc_loop *loop, const uint64_t seed[2]);
void vc_neighbours_deinit(struct vc_neighbours *n);
/** A channel to a neighbour; a second one for the same index replaces the first. */
void vc_neighbours_meet(struct vc_neighbours *n, uint16_t index, int fd);
/** ROUTE of the authority: whose session this is. */
void vc_neighbours_route(struct vc_neighbours *n, const struct vc_msg *m);
/** A session came up here: its ClientHello may have been faster. */
void vc_neighbours_here(struct vc_neighbours *n, const uint8_t dtls_id[32]);

/* What the worker does not know: its ops of the same names. */
bool vc_neighbours_stray_frame(struct vc_neighbours *n, const uint8_t *frame, size_t len, const struct vc_ip *to);
bool vc_neighbours_claimed(struct vc_neighbours *n, const struct vc_udp_train *train);
bool vc_neighbours_stray_datagram(struct vc_neighbours *n, const struct vc_udp_train *train, bool hello);

uint64_t vc_neighbours_due(const struct vc_neighbours *n); /* claims end */
void vc_neighbours_tick(struct vc_neighbours *n, uint64_t now_ns);

#endif
