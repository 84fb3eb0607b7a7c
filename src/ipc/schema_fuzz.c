/* The input is a message from another process, at every reader: what is accepted has its views inside the input, and
 * packs to the same bytes again. And it is, behind the type, the values of a message for the writer: what that takes,
 * the readers of the table's line and no others give back; it refuses what is too large, and nothing else. */
#include "ipc/schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

enum { LONGEST = 128 << 10 }; /* as the ports' buffers */

static void inside(const void *at, size_t len, const uint8_t *data, size_t size)
{
    const uint8_t *p = at;
    MUST(p >= data && p <= data + size && len <= (size_t)(data + size - p));
}

#define SEE_U8(f)
#define SEE_U16(f)
#define SEE_U32(f)
#define SEE_U64(f)
#define SEE_TEXT(f)                                                                                                    \
    inside((f).at, (f).len, data, size);                                                                               \
    MUST(vc_str_utf8(f));
#define SEE_BYTES(f) inside((f).at, (f).len, data, size);
#define SEE_SECRET(f) inside((f).at, (f).len, data, size);
#define SEE_IP(f) MUST((f).family == 0 || (f).family == 4 || (f).family == 6);
#define SEE_ENDPOINT(f) SEE_IP((f).ip)
#define SEE(kind, name, max) SEE_##kind(v->name)

static void look(const struct vc_msg *m, const uint8_t *data, size_t size)
{
    switch (m->type) {
#define X(id, from, to, fds, largest, when)                                                                            \
    case VC_IPC_##id: {                                                                                                \
        __typeof__(&m->id) v = &m->id;                                                                                 \
        (void)v;                                                                                                       \
        VC_MSG_##id(SEE) break;                                                                                        \
    }
        VC_IPC_MESSAGES(X)
#undef X
    case VC_N_IPC:
        MUST(false);
    }
}

/** Values from the input; zeros behind its end. */
struct values {
    struct vc_reader from;
    size_t size; /* of the message */
    unsigned secrets;
    bool too_large; /* one of the fields */
};

/** A length up to @max, and one above. */
static size_t length(struct values *from, size_t max)
{
    uint8_t what = vc_take_u8(&from->from);
    size_t len = what == 255 ? max + 1 : what == 254 ? max : what < 64 && what < max ? what : max * what / 256;
    from->size += 4 + len;
    from->too_large = from->too_large || len > max;
    return len;
}

static void make_text(struct values *from, size_t max, struct vc_str *out)
{
    static char letters[LONGEST + 1];
    if (!letters[0])
        memset(letters, 'x', sizeof(letters));
    *out = (struct vc_str){.at = letters, .len = length(from, max)};
}

static void make_bytes(struct values *from, size_t max, struct vc_bytes *out)
{
    static const uint8_t zeros[LONGEST + 1];
    out->len = length(from, max);
    out->at = out->len <= from->from.left ? vc_take(&from->from, out->len) : zeros;
}

static void make_ip(struct values *from, struct vc_ip *out)
{
    static const uint8_t family[] = {VC_FAMILY_NONE, VC_FAMILY_V4, VC_FAMILY_V6, VC_FAMILY_V4}, bytes[] = {0, 4, 16, 4};
    uint8_t what = vc_take_u8(&from->from) % 4;
    *out = (struct vc_ip){.family = family[what]};
    vc_take_copy(&from->from, out->bytes, bytes[what]);
    from->size += 17;
}

#define MAKE_U8(f, max) from->size += 1, (f) = vc_take_u8(&from->from);
#define MAKE_U16(f, max) from->size += 2, (f) = vc_take_u16(&from->from);
#define MAKE_U32(f, max) from->size += 4, (f) = vc_take_u32(&from->from);
#define MAKE_U64(f, max) from->size += 8, (f) = vc_take_u64(&from->from);
#define MAKE_TEXT(f, max) make_text(from, (max), &(f));
#define MAKE_BYTES(f, max) make_bytes(from, (max), &(f));
#define MAKE_SECRET(f, max) from->secrets++, make_bytes(from, (max), &(f));
#define MAKE_IP(f, max) make_ip(from, &(f));
#define MAKE_ENDPOINT(f, max) make_ip(from, &(f).ip), from->size += 2, (f).port = vc_take_u16(&from->from);
#define MAKE(kind, name, max) MAKE_##kind(v->name, max)

static void make(struct vc_msg *m, struct values *from)
{
    switch (m->type) {
#define X(id, from_role, to_role, fds, largest, when)                                                                  \
    case VC_IPC_##id: {                                                                                                \
        __typeof__(&m->id) v = &m->id;                                                                                 \
        (void)v;                                                                                                       \
        VC_MSG_##id(MAKE) break;                                                                                       \
    }
        VC_IPC_MESSAGES(X)
#undef X
    case VC_N_IPC:
        break;
    }
}

/** What the table says of a message holds together. */
static void line(enum vc_ipc_type type, bool has_secret)
{
    enum vc_role from = vc_ipc_from(type), to = vc_ipc_to(type);
    MUST(strcmp(vc_ipc_name(type), "?") != 0 && strcmp(vc_ipc_when_name(vc_ipc_when(type)), "?") != 0);
    MUST((from == VC_ROLE_ANY) == (strcmp(vc_role_name(from), "any") == 0));
    MUST(from == VC_ROLE_ANY || to == VC_ROLE_ANY || vc_ipc_allowed(type, from, to));
    MUST(vc_ipc_fds(type) <= 1 && vc_ipc_has_secret(type) == has_secret);
    enum vc_ipc_type question = vc_ipc_question(type);
    MUST(question != type && (question == VC_N_IPC || vc_ipc_question(question) == VC_N_IPC));
}

static uint8_t packed[LONGEST], again[LONGEST];

static void read(const uint8_t *data, size_t size)
{
    for (unsigned from = 0; from < VC_N_ROLES; from++) {
        for (unsigned to = 0; to < VC_N_ROLES; to++) {
            struct vc_msg m;
            if (vc_ipc_unpack(&m, (enum vc_role)from, (enum vc_role)to, data, size) != 0)
                continue;
            MUST(size <= vc_ipc_largest(m.type) && vc_ipc_allowed(m.type, (enum vc_role)from, (enum vc_role)to));
            look(&m, data, size);
            struct vc_writer w = vc_writer_to(again, sizeof(again));
            vc_ipc_pack(&m, &w);
            MUST(!w.bad && vc_written(&w) == size && memcmp(again, data, size) == 0);
        }
    }
}

static void write(const uint8_t *data, size_t size)
{
    struct values v = {.from = vc_reader_of(data, size), .size = 2};
    unsigned type = vc_take_u16(&v.from);
    struct vc_msg back, m = {.type = type < VC_N_IPC ? (enum vc_ipc_type)type : VC_N_IPC};
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    make(&m, &v);
    vc_ipc_pack(&m, &w);
    MUST(w.bad == (m.type == VC_N_IPC || v.too_large || v.size > vc_ipc_largest(m.type)));
    if (m.type != VC_N_IPC)
        line(m.type, v.secrets > 0);
    if (w.bad)
        return;
    MUST(vc_written(&w) == v.size);
    for (unsigned from = 0; from < VC_N_ROLES; from++) {
        for (unsigned to = 0; to < VC_N_ROLES; to++)
            MUST((vc_ipc_unpack(&back, (enum vc_role)from, (enum vc_role)to, packed, v.size) == 0) ==
                 vc_ipc_allowed(m.type, (enum vc_role)from, (enum vc_role)to));
    }
    read(packed, v.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read(data, size);
    write(data, size);
    return 0;
}
