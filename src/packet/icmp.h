#ifndef VC_PACKET_ICMP_H
#define VC_PACKET_ICMP_H

#include "base/addr.h"

#define VC_ICMP_MAX 1280

/** The answer to a packet that is too large for a session's MTU: ICMPv4 "fragmentation needed" (RFC 1191; only where DF
 *  is set) or ICMPv6 "packet too big" (RFC 4443), from @from (the gateway's inner address) to the packet's source,
 *  quoting its start. Returns its length, or 0 when none must be sent: ICMP errors, fragments but the first, multicast,
 *  IPv4 without DF (that one is fragmented: vc_ip4_fragment). */
size_t vc_icmp_too_big(const uint8_t *packet, size_t len, const struct vc_ip *from, uint16_t mtu,
                       uint8_t out[VC_ICMP_MAX]);

/** Cuts an IPv4 packet without DF into fragments of at most @mtu bytes; calls @emit for each. Returns how many, or 0.
 */
size_t vc_ip4_fragment(const uint8_t *packet, size_t len, uint16_t mtu, uint8_t *scratch, size_t cap,
                       void (*emit)(void *owner, uint8_t *fragment, size_t len), void *owner);

#endif
