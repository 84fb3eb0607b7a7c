#include "packet/checksum.h"

#include <stdbool.h>
#include <string.h>

#define WIDE_MIN 128U /* shorter ones, headers above all, are done before a wide loop has begun */

/* Whole lanes of @LANE bytes. Each 64-bit word w = 2^32 h + l adds w to `all`, modulo 2^64, and h to `high`; the sum of
 * the l follows at the end as all - 2^32 high, so that carries cost three operations a lane. 2^32 is 1 in ones'
 * complement of 16 bits: high and low halves weigh the same, and the result is far below 2^64. */
// clang-format off
#define DEFINE_SUM_WIDE(name, TARGET, LANE)                                                                            \
    TARGET static uint64_t name(const uint8_t *from, uint8_t *to, bool copy, size_t len)                               \
    {                                                                                                                  \
        typedef uint64_t lanes __attribute__((vector_size(LANE)));                                                     \
        const lanes zero = {0};                                                                                        \
        lanes all0 = zero, all1 = zero, high0 = zero, high1 = zero, v0, v1;                                            \
        for (; len >= 2 * LANE; len -= 2 * LANE, from += 2 * LANE) {                                                   \
            memcpy(&v0, from, LANE);                                                                                   \
            memcpy(&v1, from + LANE, LANE);                                                                            \
            all0 += v0;                                                                                                \
            all1 += v1;                                                                                                \
            high0 += v0 >> 32;                                                                                         \
            high1 += v1 >> 32;                                                                                         \
            if (copy) {                                                                                                \
                memcpy(to, &v0, LANE);                                                                                 \
                memcpy(to + LANE, &v1, LANE);                                                                          \
                to += 2 * LANE;                                                                                        \
            }                                                                                                          \
        }                                                                                                              \
        if (len >= LANE) {                                                                                             \
            memcpy(&v0, from, LANE);                                                                                   \
            all0 += v0;                                                                                                \
            high0 += v0 >> 32;                                                                                         \
            if (copy)                                                                                                  \
                memcpy(to, &v0, LANE);                                                                                 \
        }                                                                                                              \
        lanes high = high0 + high1, both = (all0 + all1 - (high << 32)) + high;                                        \
        uint64_t sum = 0;                                                                                              \
        for (size_t i = 0; i < LANE / 8; i++)                                                                          \
            sum += both[i];                                                                                            \
        return sum;                                                                                                    \
    }
// clang-format on

#define BASELINE_LANE ((size_t)16) /* what every processor with vectors has */
DEFINE_SUM_WIDE(sum_baseline, , BASELINE_LANE)

#if defined(__x86_64__)
#define AVX2_LANE ((size_t)32)
DEFINE_SUM_WIDE(sum_avx2, __attribute__((target("avx2"))), AVX2_LANE)
#define HAS_AVX2 __builtin_cpu_supports("avx2")
#else
#define AVX2_LANE BASELINE_LANE
#define sum_avx2 sum_baseline
#define HAS_AVX2 0
#endif

/* What fills whole lanes of either kind. */
static size_t wide_part(size_t len)
{
    return len >= WIDE_MIN ? len - len % AVX2_LANE : 0;
}

/* The rest; an odd last byte counts as if a zero followed. */
static inline __attribute__((always_inline)) uint64_t sum_narrow(uint64_t sum, const uint8_t *from, uint8_t *to,
                                                                 bool copy, size_t len)
{
    uint64_t w;
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&w, from + i, 8);
        sum = vc_sum_join(sum, w);
        if (copy)
            memcpy(to + i, &w, 8);
    }
    if (len & 4) {
        uint32_t w4;
        memcpy(&w4, from + i, 4);
        sum = vc_sum_join(sum, w4);
        if (copy)
            memcpy(to + i, &w4, 4);
        i += 4;
    }
    if (len & 2) {
        uint16_t w2;
        memcpy(&w2, from + i, 2);
        sum = vc_sum_join(sum, w2);
        if (copy)
            memcpy(to + i, &w2, 2);
        i += 2;
    }
    if (len & 1) {
        sum = vc_sum_u16(sum, (uint16_t)(from[i] << 8));
        if (copy)
            to[i] = from[i];
    }
    return sum;
}

uint64_t vc_sum_add(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    size_t wide = wide_part(len);
    if (wide)
        sum = vc_sum_join(sum, HAS_AVX2 ? sum_avx2(from, NULL, false, wide) : sum_baseline(from, NULL, false, wide));
    return sum_narrow(sum, from + wide, NULL, false, len - wide);
}

uint64_t vc_sum_copy(uint64_t sum, void *to, const void *from, size_t len)
{
    const uint8_t *f = from;
    uint8_t *t = to;
    size_t wide = wide_part(len);
    if (wide)
        sum = vc_sum_join(sum, HAS_AVX2 ? sum_avx2(f, t, true, wide) : sum_baseline(f, t, true, wide));
    return sum_narrow(sum, f + wide, t + wide, true, len - wide);
}

uint16_t vc_sum_fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & 0xffffffffU);
    sum = (sum >> 32) + (sum & 0xffffffffU);
    sum = (sum >> 16) + (sum & 0xffffU);
    sum = (sum >> 16) + (sum & 0xffffU);
    sum = (sum >> 16) + (sum & 0xffffU);
    uint16_t folded = (uint16_t)~sum;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    folded = __builtin_bswap16(folded);
#endif
    return folded;
}

uint64_t vc_sum_pseudo(const uint8_t *src, const uint8_t *dst, size_t addr_len, uint8_t protocol, uint32_t len)
{
    uint64_t sum = vc_sum_add(vc_sum_add(0, src, addr_len), dst, addr_len);
    return vc_sum_u16(vc_sum_u32(sum, len), protocol);
}
