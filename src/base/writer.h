#ifndef VC_BASE_WRITER_H
#define VC_BASE_WRITER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A cursor that fills a buffer of known capacity. The first write that does not fit poisons the rest; nothing is ever
 *  truncated in silence: ask `bad` once at the end. Zeroed is a valid writer of capacity 0. */
struct vc_writer {
    uint8_t *start; /* borrowed */
    uint8_t *at;
    size_t left;
    bool bad;
};

static inline struct vc_writer vc_writer_to(void *buf, size_t cap)
{
    return (struct vc_writer){.start = (uint8_t *)buf, .at = (uint8_t *)buf, .left = cap};
}

/** Bytes written so far. */
static inline size_t vc_written(const struct vc_writer *w)
{
    return w->start ? (size_t)(w->at - w->start) : 0;
}

/** Room for @n bytes to be filled by the caller, or NULL (and bad). */
uint8_t *vc_put_space(struct vc_writer *w, size_t n);
void vc_put(struct vc_writer *w, const void *bytes, size_t n);
/** Big-endian, @n <= 8 bytes. A value that does not fit in n bytes poisons. */
void vc_put_be(struct vc_writer *w, uint64_t v, size_t n);

static inline void vc_put_u8(struct vc_writer *w, uint8_t v)
{
    vc_put_be(w, v, 1);
}
static inline void vc_put_u16(struct vc_writer *w, uint16_t v)
{
    vc_put_be(w, v, 2);
}
static inline void vc_put_u24(struct vc_writer *w, uint32_t v)
{
    vc_put_be(w, v, 3);
}
static inline void vc_put_u32(struct vc_writer *w, uint32_t v)
{
    vc_put_be(w, v, 4);
}
static inline void vc_put_u48(struct vc_writer *w, uint64_t v)
{
    vc_put_be(w, v, 6);
}
static inline void vc_put_u64(struct vc_writer *w, uint64_t v)
{
    vc_put_be(w, v, 8);
}

/** A NUL-terminated string, without the NUL. */
void vc_put_text(struct vc_writer *w, const char *s);
/** printf into the buffer, without the NUL; needs one spare byte of room for it. */
__attribute__((format(printf, 2, 3))) void vc_put_fmt(struct vc_writer *w, const char *fmt, ...);

/** Leaves @n bytes (1..4) for a length and returns where they are; vc_put_len_end fills in how much was written since.
 *  Too long for n bytes: poisons. */
size_t vc_put_len_begin(struct vc_writer *w, size_t n);
void vc_put_len_end(struct vc_writer *w, size_t where, size_t n);

/** Ends text with a NUL (which is not counted by vc_written); false when there was no room or the writer was bad. */
bool vc_put_end_text(struct vc_writer *w);

#endif
