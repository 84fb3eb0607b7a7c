#ifndef VC_BASE_READER_H
#define VC_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** A cursor over untrusted bytes. The first short read poisons the rest, so that no check in the middle can be
 *  forgotten: read the whole message straight down, ask `bad` once at the end. Allocates nothing; what it returns
 * points into the input and lives as long as the input does. Zeroed is a valid, empty reader. */
struct vc_reader {
    const uint8_t *at; /* borrowed; never copied */
    size_t left;
    bool bad;
};

static inline struct vc_reader vc_reader_of(const void *bytes, size_t len)
{
    return (struct vc_reader){.at = (const uint8_t *)bytes, .left = len};
}

/** The next @n bytes, or NULL when there are fewer; n = 0 gives a pointer that may not be dereferenced. */
static inline const uint8_t *vc_take(struct vc_reader *r, size_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL; /* and every later read gives NULL or 0 */
    }
    const uint8_t *p = r->at;
    if (n > 0) { /* an empty reader's NULL must not be moved */
        r->at += n;
        r->left -= n;
    }
    return p;
}

/** Big-endian unsigned number of @n bytes, n <= 8; 0 when there are fewer. */
static inline uint64_t vc_take_be(struct vc_reader *r, size_t n)
{
    const uint8_t *p = vc_take(r, n);
    uint64_t v = 0;
    for (size_t i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static inline uint8_t vc_take_u8(struct vc_reader *r)
{
    return (uint8_t)vc_take_be(r, 1);
}
static inline uint16_t vc_take_u16(struct vc_reader *r)
{
    return (uint16_t)vc_take_be(r, 2);
}
static inline uint32_t vc_take_u24(struct vc_reader *r)
{
    return (uint32_t)vc_take_be(r, 3);
}
static inline uint32_t vc_take_u32(struct vc_reader *r)
{
    return (uint32_t)vc_take_be(r, 4);
}
static inline uint64_t vc_take_u48(struct vc_reader *r)
{
    return vc_take_be(r, 6);
}
static inline uint64_t vc_take_u64(struct vc_reader *r)
{
    return vc_take_be(r, 8);
}

/** Copies exactly @n bytes to @to; zeroes it when there are fewer. */
static inline void vc_take_copy(struct vc_reader *r, void *to, size_t n)
{
    const uint8_t *p = vc_take(r, n);
    if (n == 0)
        return;
    if (p)
        memcpy(to, p, n);
    else
        memset(to, 0, n);
}

/** A reader over the next @n bytes; poisoned (with the outer one) when there are fewer. */
static inline struct vc_reader vc_take_sub(struct vc_reader *r, size_t n)
{
    const uint8_t *p = vc_take(r, n);
    return (struct vc_reader){.at = p, .left = p ? n : 0, .bad = r->bad};
}

/** Nothing was short and nothing is left: the usual last question. */
static inline bool vc_reader_done(const struct vc_reader *r)
{
    return !r->bad && r->left == 0;
}

#endif
