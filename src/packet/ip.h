#ifndef VC_PACKET_IP_H
#define VC_PACKET_IP_H

#include "base/addr.h"

/** The IP header of a packet, IPv4 or IPv6, and where its payload is. Views into the packet. */
struct vc_ip_packet {
    uint8_t version;     /* 4 or 6 */
    uint8_t protocol;    /* of the payload; IPv6: behind the extension headers that are walked (at most 8) */
    bool fragment;       /* any fragment, the first too */
    bool more_or_offset; /* not the first fragment: no transport header here */
    uint8_t tos;         /* DSCP and ECN */
    uint8_t ttl;
    const uint8_t *src, *dst; /* 4 or 16 bytes */
    size_t header_len;        /* up to the transport header */
    size_t total_len;         /* as the header says; <= len */
};

/** Returns false for anything that is not a whole, well-formed packet: version, header length, total length (a longer
 *  buffer is fine, the rest is padding), IPv4 header checksum is NOT looked at. Any bytes are safe. */
bool vc_ip_packet_read(const uint8_t *packet, size_t len, struct vc_ip_packet *out);

/** Cheap: only version and addresses, for finding the session. False when too short or of another version. */
bool vc_ip_packet_addresses(const uint8_t *packet, size_t len, struct vc_ip *src, struct vc_ip *dst);

#endif
