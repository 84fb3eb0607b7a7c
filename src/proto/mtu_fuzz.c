/* Facts from bytes. Property: the results keep their documented bounds, fit the base unless the least MTU is above it,
 * never rise with a fall to TLS, and a larger base never makes them smaller. */
#include "base/reader.h"
#include "proto/mtu.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

/** Sizes near the edges come as small numbers, anything else as four bytes. */
static uint32_t size_of(struct vc_reader *r)
{
    uint8_t what = vc_take_u8(r);
    if (what < 8)
        return what == 0 ? 0 : vc_take_u32(r);
    return what < 128 ? vc_take_u16(r) : 500 + vc_take_u16(r) % 1200U;
}

static enum vc_mtu_class class_of(struct vc_reader *r)
{
    return (enum vc_mtu_class)(vc_take_u8(r) % (VC_MTU_TLS13 + 1U));
}

static void bounds(const struct vc_mtu_facts *f, const struct vc_mtu *m)
{
    uint32_t least = m->v6 ? VC_MTU_DATA_MIN_V6 : VC_MTU_DATA_MIN;
    must(m->base >= VC_MTU_BASE_MIN && m->base <= VC_MTU_BASE_MAX);
    must(m->cstp >= least && m->cstp <= VC_MTU_DATA_MAX);
    must(!m->v6 || f->wants_v6);
    uint32_t cstp = vc_mtu_exact(f->tls, m->base, (enum vc_family)f->outer, f->timestamps);
    must(m->cstp <= cstp || m->cstp == least);
    must(f->limit == 0 || m->base <= f->limit || m->base == VC_MTU_BASE_MIN);
    if (!f->has_dtls) {
        must(m->dtls == 0);
        return;
    }
    uint32_t dtls = vc_mtu_exact(f->dtls, m->base, (enum vc_family)f->outer, false);
    must(m->dtls >= least && m->dtls <= VC_MTU_DATA_MAX && m->cstp <= m->dtls);
    must(m->dtls <= dtls || m->dtls == least);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    uint8_t flags = vc_take_u8(&r);
    struct vc_mtu_facts f = {.outer = flags & 1 ? VC_FAMILY_V6 : VC_FAMILY_V4,
                             .timestamps = flags & 2,
                             .has_dtls = flags & 4,
                             .wants_v6 = flags & 8,
                             .tls = class_of(&r),
                             .dtls = class_of(&r)};
    f.client_base = size_of(&r);
    f.client_mtu = size_of(&r);
    f.limit = size_of(&r);
    f.tcp_pmtu = size_of(&r);
    uint32_t more = size_of(&r);
    enum vc_family outer = (enum vc_family)f.outer;

    struct vc_mtu m, larger;
    vc_mtu_gateway(&f, &m);
    bounds(&f, &m);

    uint32_t exact = vc_mtu_exact(f.dtls, f.client_base, outer, f.timestamps);
    must(exact <= f.client_base);
    if (more <= UINT32_MAX - f.client_base)
        must(exact <= vc_mtu_exact(f.dtls, f.client_base + more, outer, f.timestamps));

    struct vc_mtu_facts g = f;
    if (f.client_base > 0 && more <= UINT32_MAX - f.client_base)
        g.client_base += more;
    else if (f.client_mtu > 0 && more <= UINT32_MAX - f.client_mtu)
        g.client_mtu += more;
    vc_mtu_gateway(&g, &larger);
    bounds(&g, &larger);
    must(larger.base >= m.base && larger.cstp >= m.cstp && larger.dtls >= m.dtls && larger.v6 >= m.v6);

    /* the client, with the gateway's answer or with anything */
    bool psk = flags & 16, said = flags & 32;
    uint32_t cstp = said ? m.cstp : f.client_mtu, dtls = said ? m.dtls : f.limit;
    uint32_t base = said ? m.base : f.tcp_pmtu, link = vc_take_u8(&r) % 2 ? more : 0;
    uint32_t own = vc_mtu_client(cstp, dtls, base, psk, outer, link);
    must(own >= VC_MTU_DATA_MIN && own <= VC_MTU_DATA_MAX);
    must(own == VC_MTU_DATA_MIN || own <= cstp || own <= dtls);
    must(link == 0 || own == VC_MTU_DATA_MIN || own < link);
    must(!psk || base == 0 || own == VC_MTU_DATA_MIN || own <= vc_mtu_exact(VC_MTU_DTLS_GCM, base, outer, false));
    must(own >= vc_mtu_client(cstp, dtls, base, psk, outer, link / 2 + 1) || link == 0);
    return 0;
}
