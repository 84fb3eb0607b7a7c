#ifndef VC_PACKET_SUPER_H
#define VC_PACKET_SUPER_H

#include <stdbool.h>
#include <stdint.h>

/** What a virtio-net header says of the packet behind it, in our words: a super-packet stands for many packets of one
 *  flow that differ only in their place in the stream. Offsets count from the start of the packet. */
enum vc_gso { VC_GSO_NONE, VC_GSO_TCP4, VC_GSO_TCP6, VC_GSO_UDP };

struct vc_super {
    bool needs_csum; /* the checksum at csum_start + csum_offset holds only the sum of the pseudo-header */
    bool ecn;        /* TCP: CWR stands in the first packet only */
    enum vc_gso gso;
    uint16_t hdr_len;  /* IP and TCP or UDP header; a hint from outside: checked before use */
    uint16_t gso_size; /* payload of each packet but the last */
    uint16_t csum_start, csum_offset;
};

#endif
