#ifndef VC_PACKET_COALESCE_H
#define VC_PACKET_COALESCE_H

#include "packet/super.h"

#include <stddef.h>
#include <sys/uio.h>

/** Gathers packets of one turn into super-packets for the TUN, without copying payloads: one iovec of a header and the
 *  payloads where they were opened. Conservative: same flow, consecutive TCP sequence numbers, same flags and options,
 *  equal size but the last, valid checksums (verified before); UDP: same flow, equal size but the last, valid non-zero
 *  checksums; no IP options or extension headers, no fragments, same TTL, TOS and DF. IPv4 ids must count up; under DF
 *  they may also be all alike, and count up when the kernel cuts (an id without fragments says nothing: RFC 6864).
 *  PSH and FIN may come with the last packet. Anything else goes through alone. Within a flow order is kept; what is
 *  written is, packet by packet, what one-by-one writing would have given. */
#define VC_COALESCE_FLOWS 16
#define VC_COALESCE_PIECES 64

struct vc_coalesce_key {
    uint64_t pair[4]; /* addresses as they lie in the header */
    uint32_t ports;   /* in the order of memory */
    uint32_t kind;    /* version and protocol */
};

/** Called with each (super-)packet, in order within a flow. A lone packet is one piece, as it came, with an empty
 * @super.
 *  @iov's pieces are borrowed until the callback returns; at most VC_COALESCE_PIECES. */
typedef void vc_coalesce_emit(void *owner, const struct vc_super *super, struct iovec *iov, int n_iov,
                              unsigned packets);

struct vc_coalescer {
    vc_coalesce_emit *emit;
    void *owner;
    bool tcp4, tcp6, udp; /* what the TUN takes: TSO4, TSO6, USO */
    unsigned n_open;
    uint8_t open[VC_COALESCE_FLOWS]; /* places in flow, the longest open first; behind n_open those that are free */
    struct vc_coalesce_flow {
        struct vc_coalesce_key key;
        bool tcp, verified;       /* verified: the first packet's checksums; looked at when a second one comes */
        bool id_alike, id_counts; /* what the ids so far allow */
        bool v4;
        uint8_t *first; /* the first packet; its header becomes that of all */
        size_t first_len, ip_len, hdr_len, gso_size, total_len;
        uint32_t next_seq;
        uint16_t first_id;
        unsigned n;
        struct iovec piece[VC_COALESCE_PIECES];
    } flow[VC_COALESCE_FLOWS];
};

void vc_coalesce_init(struct vc_coalescer *c, vc_coalesce_emit *emit, void *owner, bool tcp4, bool tcp6, bool udp);
/** Adds one packet, borrowed until the next vc_coalesce_flush (its header may be changed); may emit it and others. */
void vc_coalesce_add(struct vc_coalescer *c, uint8_t *packet, size_t len);
/** Emits everything; call once at the end of a turn, before the buffers are used again. */
void vc_coalesce_flush(struct vc_coalescer *c);

#endif
