#ifndef VC_PACKET_CHECKSUM_H
#define VC_PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/** The Internet checksum (RFC 1071). Sums may be chained: sum = vc_sum_add(vc_sum_add(0, a, n), b, m) as long as every
 *  piece but the last has even length. */
uint64_t vc_sum_add(uint64_t sum, const void *bytes, size_t len);
uint16_t vc_sum_fold(uint64_t sum); /* the ones' complement, in host order: store big-endian */
/** Copies and sums in one pass. */
uint64_t vc_sum_copy(uint64_t sum, void *to, const void *from, size_t len);
/** Pseudo-header of IPv4 (addresses 4 bytes) or IPv6 (16 bytes). */
uint64_t vc_sum_pseudo(const uint8_t *src, const uint8_t *dst, size_t addr_len, uint8_t protocol, uint32_t len);

#endif
