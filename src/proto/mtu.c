#include "proto/mtu.h"

#define UDP 8U
#define TCP 20U
#define TIMESTAMPS 12U
#define DTLS_RECORD 13U
#define TLS_RECORD 5U
#define CSTP 8U
#define TYPE 1U            /* first byte of a DTLS payload */
#define UNKNOWN_BASE 1500U /* neither client nor kernel said anything */

static uint32_t less(uint32_t from, uint32_t what)
{
    return from > what ? from - what : 0;
}

static uint32_t clamp(uint32_t v, uint32_t least, uint32_t most)
{
    return v < least ? least : v > most ? most : v;
}

static uint32_t outer_header(enum vc_family outer)
{
    return outer == VC_FAMILY_V6 ? 40 : 20;
}

uint32_t vc_mtu_exact(enum vc_mtu_class cls, uint32_t base, enum vc_family outer, bool timestamps)
{
    uint32_t in_udp = less(base, outer_header(outer) + UDP + DTLS_RECORD);
    uint32_t in_tcp = less(base, outer_header(outer) + TCP + (timestamps ? TIMESTAMPS : 0) + TLS_RECORD);
    switch (cls) {
    case VC_MTU_DTLS_GCM: /* explicit nonce, tag */
        return less(in_udp, 8 + 16 + TYPE);
    case VC_MTU_DTLS_CHACHA:
        return less(in_udp, 16 + TYPE);
    case VC_MTU_DTLS_CBC_SHA1: /* IV; then whole blocks, in them MAC and at least one byte of padding */
        return less(less(in_udp, 16) / 16 * 16, 20 + 1 + TYPE);
    case VC_MTU_TLS12_GCM:
        return less(in_tcp, 8 + 16 + CSTP);
    case VC_MTU_TLS12_CHACHA:
        return less(in_tcp, 16 + CSTP);
    case VC_MTU_TLS13: /* tag, inner type */
        return less(in_tcp, 16 + 1 + CSTP);
    }
    return 0;
}

static uint32_t gateway_base(const struct vc_mtu_facts *f)
{
    uint32_t base = 0;
    if (f->client_base > 0)
        base = clamp(f->client_base, VC_MTU_BASE_MIN, VC_MTU_BASE_MAX);
    else if (f->client_mtu > 0)
        base = clamp(clamp(f->client_mtu, 0, VC_MTU_BASE_MAX) + outer_header(f->outer) + UDP + 66, VC_MTU_BASE_MIN,
                     VC_MTU_BASE_MAX);
    if (f->limit > 0 && (base == 0 || f->limit < base))
        base = clamp(f->limit, VC_MTU_BASE_MIN, VC_MTU_BASE_MAX);
    if (f->tcp_pmtu > VC_MTU_BASE_MIN && (base == 0 || f->tcp_pmtu < base))
        base = clamp(f->tcp_pmtu, VC_MTU_BASE_MIN, VC_MTU_BASE_MAX);
    return base > 0 ? base : UNKNOWN_BASE;
}

void vc_mtu_gateway(const struct vc_mtu_facts *f, struct vc_mtu *out)
{
    uint32_t base = gateway_base(f);
    uint32_t cstp = vc_mtu_exact(f->tls, base, f->outer, f->timestamps);
    uint32_t dtls = f->has_dtls ? vc_mtu_exact(f->dtls, base, f->outer, false) : 0;
    bool v6 = f->wants_v6 && (f->has_dtls ? dtls : cstp) >= VC_MTU_DATA_MIN_V6;
    uint32_t least = v6 ? VC_MTU_DATA_MIN_V6 : VC_MTU_DATA_MIN;

    if (f->has_dtls) {
        dtls = clamp(dtls, least, VC_MTU_DATA_MAX);
        cstp = cstp < dtls ? cstp : dtls;
    }
    *out = (struct vc_mtu){.base = base, .dtls = dtls, .cstp = clamp(cstp, least, VC_MTU_DATA_MAX), .v6 = v6};
}

uint32_t vc_mtu_client(uint32_t cstp, uint32_t dtls, uint32_t base, bool psk, enum vc_family outer, uint32_t own_link)
{
    uint32_t mtu = !psk && dtls > 0 ? dtls : cstp > 0 ? cstp : dtls;
    if (psk && base > 0) {
        uint32_t exact = vc_mtu_exact(VC_MTU_DTLS_GCM, base, outer, false);
        mtu = exact < mtu ? exact : mtu;
    }
    if (own_link > 0) {
        uint32_t exact = vc_mtu_exact(VC_MTU_DTLS_CHACHA, own_link, outer, false); /* the least overhead there is */
        mtu = exact < mtu ? exact : mtu;
    }
    return clamp(mtu, VC_MTU_DATA_MIN, VC_MTU_DATA_MAX);
}
