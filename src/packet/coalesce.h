#ifndef VC_PACKET_COALESCE_H
#define VC_PACKET_COALESCE_H

#include "packet/super.h"

#include <stddef.h>
#include <sys/uio.h>

/** Gathers packets of one turn into super-packets for the TUN, without copying payloads: one iovec of a header and the
 *  payloads where they were opened. Conservative: same flow, consecutive TCP sequence numbers, same flags and options,
 *  equal size but the last, valid checksums (verified before); UDP: same flow, equal size but the last, valid non-zero
 *  checksums; no IP options or extension headers, no fragments, same TTL, TOS and DF, IPv4 ids that count up or are all
 *  alike. Anything else goes through alone. Within a flow order is kept; what is written is, packet by packet, what
 *  one-by-one writing would have given. */
#define VC_COALESCE_FLOWS 16
#define VC_COALESCE_PIECES 64
#define VC_COALESCE_HDR 128 /* copy of the first packet's headers, to be changed */

/** Called with each (super-)packet, in order within a flow. @iov's pieces are borrowed until the callback returns. */
typedef void vc_coalesce_emit(void *owner, const struct vc_super *super, struct iovec *iov, int n_iov, unsigned packets);

struct vc_coalescer {
    vc_coalesce_emit *emit;
    void *owner;
    bool tcp4, tcp6, udp; /* what the TUN takes: TSO4, TSO6, USO */
    unsigned n_open;
    struct vc_coalesce_flow {
        bool open;
        uint8_t hdr[VC_COALESCE_HDR];
        size_t hdr_len, ip_len, payload_len, gso_size;
        uint32_t next_seq;
        uint16_t next_id;
        bool ids_count, closed; /* closed: a short or pushed packet was the last */
        unsigned n;
        uint64_t order;
        struct iovec piece[VC_COALESCE_PIECES + 1];
    } flow[VC_COALESCE_FLOWS];
};

void vc_coalesce_init(struct vc_coalescer *c, vc_coalesce_emit *emit, void *owner, bool tcp4, bool tcp6, bool udp);
/** Adds one packet, borrowed until the next vc_coalesce_flush; may emit others to make room. */
void vc_coalesce_add(struct vc_coalescer *c, uint8_t *packet, size_t len);
/** Emits everything; call once at the end of a turn, before the buffers are used again. */
void vc_coalesce_flush(struct vc_coalescer *c);

#endif
