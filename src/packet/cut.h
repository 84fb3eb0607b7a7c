#ifndef VC_PACKET_CUT_H
#define VC_PACKET_CUT_H

#include "packet/super.h"

#include <stddef.h>

/** Cuts a super-packet from the TUN into the packets that one-by-one sending would have given (threats.md, coalescing):
 *  IPv4 id counts up, TCP sequence numbers, FIN and PSH only in the last, CWR only in the first, UDP lengths, all
 *  checksums complete. A packet that is none (gso NONE) comes out once, its checksum completed where it is asked for,
 *  without what lies behind its total length. What the header says is checked against the packet: csum_start and
 *  csum_offset must be those of its TCP or UDP header, lengths must agree, hdr_len is not looked at. The checksum field
 *  is believed to hold the sum of the pseudo-header, as the kernel believes it: IP options and extension headers, and
 *  with them addresses other than those of the header, make no difference. */
struct vc_cut {
    const uint8_t *packet;
    size_t len;
    struct vc_super super;
    size_t header_len, ip_len; /* IP + transport; IP alone */
    size_t at;                 /* payload bytes cut so far */
    uint32_t n;                /* packets so far */
    uint64_t partial;          /* sum of what does not change between packets: pseudo-header and transport header */
    uint64_t ip_partial;       /* the same of the IPv4 header */
    uint32_t seq;              /* TCP, of the first packet */
    uint16_t id;               /* IPv4, of the first packet */
    bool done;
};

/** Returns how many packets will come, or 0 when the super-packet is malformed (drop it). Borrowed until the last
 *  vc_cut_next. */
size_t vc_cut_begin(struct vc_cut *c, const struct vc_super *super, const uint8_t *packet, size_t len);
/** Writes the next packet to @out and returns its length; 0: no more, or @cap is less than it (then there are no more,
 *  either). @cap must be at least vc_cut_largest(). The payload is copied once and summed in the same pass. */
size_t vc_cut_next(struct vc_cut *c, uint8_t *out, size_t cap);
/** The length of the largest packet that will come (the first, unless there is one only). */
size_t vc_cut_largest(const struct vc_cut *c);

#endif
