#include "ipc/schema.h"

const char *vc_role_name(enum vc_role role)
{
    static const char *const names[] = {
#define X(id, name) [VC_ROLE_##id] = (name),
        VC_ROLES(X)
#undef X
    };
    return role < VC_N_ROLES ? names[role] : "any";
}

/* A secret in the message is found by the sizes: each SECRET field adds one. */
#define S_U8 0
#define S_U16 0
#define S_U32 0
#define S_U64 0
#define S_TEXT 0
#define S_BYTES 0
#define S_SECRET 1
#define S_IP 0
#define S_ENDPOINT 0
#define COUNT_SECRET(kind, name, max) +S_##kind

static const struct {
    const char *name;
    enum vc_role from, to;
    unsigned fds;
    size_t largest;
    enum vc_ipc_when when;
    int secrets;
} table[] = {
#define X(id, from, to, fds, largest, when)                                                                            \
    [VC_IPC_##id] = {#id, VC_ROLE_##from, VC_ROLE_##to, (fds), (largest), VC_WHEN_##when, 0 VC_MSG_##id(COUNT_SECRET)},
    VC_IPC_MESSAGES(X)
#undef X
};

const char *vc_ipc_name(enum vc_ipc_type type)
{
    return type < VC_N_IPC ? table[type].name : "?";
}

unsigned vc_ipc_fds(enum vc_ipc_type type)
{
    return table[type].fds;
}

size_t vc_ipc_largest(enum vc_ipc_type type)
{
    return table[type].largest;
}

enum vc_ipc_when vc_ipc_when(enum vc_ipc_type type)
{
    return table[type].when;
}

enum vc_ipc_type vc_ipc_question(enum vc_ipc_type type)
{
    static const struct {
        enum vc_ipc_type answer, question;
    } of[] = {
#define X(answer, question) {VC_IPC_##answer, VC_IPC_##question},
        VC_IPC_ANSWERS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        if (of[i].answer == type)
            return of[i].question;
    }
    return VC_N_IPC;
}

const char *vc_ipc_when_name(enum vc_ipc_when when)
{
    switch (when) {
    case VC_WHEN_AT_START:
        return "at start";
    case VC_WHEN_ALWAYS:
        return "always";
    case VC_WHEN_ANSWER:
        return "as an answer";
    case VC_WHEN_HANDSHAKE:
        return "once per handshake";
    case VC_WHEN_BEFORE_SUCCESS:
        return "before success";
    case VC_WHEN_WITH_TOKEN:
        return "with a token";
    case VC_WHEN_WITH_TICKET:
        return "once per ticket";
    case VC_WHEN_ADOPTING:
        return "in a hand-over";
    }
    return "?";
}

enum vc_role vc_ipc_from(enum vc_ipc_type type)
{
    return table[type].from;
}

enum vc_role vc_ipc_to(enum vc_ipc_type type)
{
    return table[type].to;
}

bool vc_ipc_has_secret(enum vc_ipc_type type)
{
    return table[type].secrets > 0;
}

bool vc_ipc_allowed(enum vc_ipc_type type, enum vc_role from, enum vc_role to)
{
    bool any = table[type].from == VC_ROLE_ANY || table[type].to == VC_ROLE_ANY; /* any other one, that is */
    return (table[type].from == from || table[type].from == VC_ROLE_ANY) &&
           (table[type].to == to || table[type].to == VC_ROLE_ANY) && !(any && from == to);
}

static void put_bytes(struct vc_writer *w, const void *at, size_t len, size_t max)
{
    if (len > max)
        w->bad = true;
    vc_put_u32(w, (uint32_t)len);
    vc_put(w, at, len);
}

static struct vc_bytes take_bytes(struct vc_reader *r, size_t max)
{
    size_t len = vc_take_u32(r);
    if (len > max)
        r->bad = true;
    const uint8_t *p = vc_take(r, len);
    return (struct vc_bytes){.at = p, .len = p ? len : 0};
}

static struct vc_str take_text(struct vc_reader *r, size_t max)
{
    struct vc_bytes b = take_bytes(r, max);
    struct vc_str s = {.at = (const char *)b.at, .len = b.len};
    if (!vc_str_utf8(s))
        r->bad = true;
    return s;
}

#define PUT_U8(f, max) vc_put_u8(w, (f));
#define PUT_U16(f, max) vc_put_u16(w, (f));
#define PUT_U32(f, max) vc_put_u32(w, (f));
#define PUT_U64(f, max) vc_put_u64(w, (f));
#define PUT_TEXT(f, max) put_bytes(w, (f).at, (f).len, (max));
#define PUT_BYTES(f, max) put_bytes(w, (f).at, (f).len, (max));
#define PUT_SECRET(f, max) put_bytes(w, (f).at, (f).len, (max));
#define PUT_IP(f, max) vc_put_ip(w, &(f));
#define PUT_ENDPOINT(f, max) vc_put_endpoint(w, &(f));

#define TAKE_U8(f, max) (f) = vc_take_u8(r);
#define TAKE_U16(f, max) (f) = vc_take_u16(r);
#define TAKE_U32(f, max) (f) = vc_take_u32(r);
#define TAKE_U64(f, max) (f) = vc_take_u64(r);
#define TAKE_TEXT(f, max) (f) = take_text(r, (max));
#define TAKE_BYTES(f, max) (f) = take_bytes(r, (max));
#define TAKE_SECRET(f, max) (f) = take_bytes(r, (max));
#define TAKE_IP(f, max) vc_take_ip(r, &(f));
#define TAKE_ENDPOINT(f, max) vc_take_endpoint(r, &(f));

void vc_ipc_pack(const struct vc_msg *m, struct vc_writer *w)
{
    if (m->type >= VC_N_IPC) {
        w->bad = true;
        return;
    }
    size_t before = vc_written(w);
    vc_put_u16(w, (uint16_t)m->type);
    switch (m->type) {
#define X(id, from, to, fds, largest, when)                                                                            \
    case VC_IPC_##id: {                                                                                                \
        __typeof__(&m->id) v = &m->id;                                                                                 \
        (void)v;                                                                                                       \
        VC_MSG_##id(PUT) break;                                                                                        \
    }
#define PUT(kind, name, max) PUT_##kind(v->name, max)
        VC_IPC_MESSAGES(X)
#undef X
    case VC_N_IPC:
        break;
    }
    if (vc_written(w) - before > table[m->type].largest)
        w->bad = true;
}

int vc_ipc_unpack(struct vc_msg *m, enum vc_role from, enum vc_role to, const void *bytes, size_t len)
{
    struct vc_reader reader = vc_reader_of(bytes, len), *r = &reader;
    unsigned type = vc_take_u16(r);
    if (r->bad || type >= VC_N_IPC || len > table[type].largest || !vc_ipc_allowed((enum vc_ipc_type)type, from, to))
        return -1;
    m->type = (enum vc_ipc_type)type;
    switch (m->type) {
#define X(id, from, to, fds, largest, when)                                                                            \
    case VC_IPC_##id: {                                                                                                \
        __typeof__(&m->id) v = &m->id;                                                                                 \
        (void)v;                                                                                                       \
        VC_MSG_##id(TAKE) break;                                                                                       \
    }
#define TAKE(kind, name, max) TAKE_##kind(v->name, max)
        VC_IPC_MESSAGES(X)
#undef X
    case VC_N_IPC:
        break;
    }
    return vc_reader_done(r) ? 0 : -1;
}
