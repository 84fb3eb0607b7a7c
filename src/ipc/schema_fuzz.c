/* A message from another process, at every reader: what is accepted has its views inside the input, and packs to the
 * same bytes again. */
#include "ipc/schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t packed[128U << 10];
    for (unsigned from = 0; from < VC_N_ROLES; from++) {
        for (unsigned to = 0; to < VC_N_ROLES; to++) {
            struct vc_msg m;
            if (vc_ipc_unpack(&m, (enum vc_role)from, (enum vc_role)to, data, size) != 0)
                continue;
            MUST(size <= vc_ipc_largest(m.type) && vc_ipc_allowed(m.type, (enum vc_role)from, (enum vc_role)to));
            look(&m, data, size);
            struct vc_writer w = vc_writer_to(packed, sizeof(packed));
            vc_ipc_pack(&m, &w);
            MUST(!w.bad && vc_written(&w) == size && memcmp(packed, data, size) == 0);
        }
    }
    return 0;
}
