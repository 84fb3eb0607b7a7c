#ifndef VC_PACKET_CHECKSUM_H
#define VC_PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/** The Internet checksum (RFC 1071). Sums may be chained: sum = vc_sum_add(vc_sum_add(0, a, n), b, m) as long as every
 *  piece but the last has even length. A sum is opaque (64 bits wide, in the order of memory); 0 is the empty one. */
uint64_t vc_sum_add(uint64_t sum, const void *bytes, size_t len);
uint16_t vc_sum_fold(uint64_t sum); /* the ones' complement, in host order: store big-endian */
/** Copies and sums in one pass. */
uint64_t vc_sum_copy(uint64_t sum, void *to, const void *from, size_t len);
/** Pseudo-header of IPv4 (addresses 4 bytes) or IPv6 (16 bytes). */
uint64_t vc_sum_pseudo(const uint8_t *src, const uint8_t *dst, size_t addr_len, uint8_t protocol, uint32_t len);

/** Adds what another call summed, or a word in memory order. */
static inline uint64_t vc_sum_join(uint64_t sum, uint64_t other)
{
    sum += other;
    return sum + (sum < other); /* end-around carry */
}
/** Adds a number that lies in the packet as two big-endian bytes at an even offset. */
static inline uint64_t vc_sum_u16(uint64_t sum, uint16_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap16(v);
#endif
    return vc_sum_join(sum, v);
}
static inline uint64_t vc_sum_u32(uint64_t sum, uint32_t v)
{
    return vc_sum_u16(vc_sum_u16(sum, (uint16_t)(v >> 16)), (uint16_t)v);
}

#endif
