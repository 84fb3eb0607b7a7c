#ifndef VC_PACKET_INSIDE_H
#define VC_PACKET_INSIDE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Inside of the packet layer: where fields lie. Only for headers whose length was checked before. */
enum {
    VC_IP4_LEN = 2,
    VC_IP4_ID = 4,
    VC_IP4_PLACE = 6, /* flags and fragment offset */
    VC_IP4_TTL = 8,
    VC_IP4_PROTOCOL = 9,
    VC_IP4_SUM = 10,
    VC_IP4_SRC = 12,
    VC_IP4_HEADER = 20, /* without options */
    VC_IP6_LEN = 4,
    VC_IP6_NEXT = 6,
    VC_IP6_HOPS = 7,
    VC_IP6_SRC = 8,
    VC_IP6_HEADER = 40,
    VC_TCP_SEQ = 4,
    VC_TCP_ACK = 8,
    VC_TCP_DATA = 12, /* header length, reserved bits, AE */
    VC_TCP_FLAGS = 13,
    VC_TCP_WINDOW = 14,
    VC_TCP_SUM = 16,
    VC_TCP_URGENT = 18,
    VC_TCP_HEADER = 20,
    VC_UDP_LEN = 4,
    VC_UDP_SUM = 6,
    VC_UDP_HEADER = 8,
};
enum { VC_PROTO_ICMP = 1, VC_PROTO_TCP = 6, VC_PROTO_UDP = 17, VC_PROTO_ICMP6 = 58 };
enum {
    VC_TCP_FIN = 1,
    VC_TCP_SYN = 2,
    VC_TCP_RST = 4,
    VC_TCP_PSH = 8,
    VC_TCP_ACKED = 16,
    VC_TCP_URG = 32,
    VC_TCP_ECE = 64,
    VC_TCP_CWR = 128
};
#define VC_IP4_DF 0x4000U
#define VC_IP4_MF 0x2000U

static inline uint16_t vc_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t vc_get32(const uint8_t *p)
{
    return (uint32_t)vc_get16(p) << 16 | vc_get16(p + 2);
}
/** A word in memory order, for comparing and for sums. */
static inline uint32_t vc_word(const uint8_t *p)
{
    uint32_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}
/** For vc_sum_join: the sum of @n words, few enough that no carry leaves 64 bits. */
static inline uint64_t vc_sum_words(const uint8_t *p, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += vc_word(p + i * 4);
    return sum;
}
static inline void vc_set16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void vc_set32(uint8_t *p, uint32_t v)
{
    vc_set16(p, (uint16_t)(v >> 16));
    vc_set16(p + 2, (uint16_t)v);
}

#endif
