#ifndef VC_PROTO_MTU_H
#define VC_PROTO_MTU_H

#include "base/addr.h"

/** MTU arithmetic (2-tunnel.md 4). "Data MTU" is the largest inner IP packet; a base is an outer link MTU. */
enum vc_mtu_class {
    VC_MTU_DTLS_GCM,
    VC_MTU_DTLS_CHACHA,
    VC_MTU_DTLS_CBC_SHA1,
    VC_MTU_TLS12_GCM,
    VC_MTU_TLS12_CHACHA,
    VC_MTU_TLS13, /* any suite */
};

#define VC_MTU_BASE_MIN 576
#define VC_MTU_BASE_MAX 65535
#define VC_MTU_DATA_MIN 576
#define VC_MTU_DATA_MIN_V6 1280
#define VC_MTU_DATA_MAX 16376 /* what one CSTP frame carries */

/** Data MTU that fits one outer packet exactly; not clamped, 0 when nothing fits.
 *  @timestamps  TCP timestamps are on (TLS classes only) */
uint32_t vc_mtu_exact(enum vc_mtu_class cls, uint32_t base, enum vc_family outer, bool timestamps);

/** What the gateway's choice depends on. */
struct vc_mtu_facts {
    uint32_t client_base; /* X-CSTP-Base-MTU; 0: absent */
    uint32_t client_mtu;  /* X-CSTP-MTU; 0: absent; counts only without a base */
    uint32_t limit;       /* `mtu` of the configuration, a link MTU; 0: none */
    uint32_t tcp_pmtu;    /* tcpi_pmtu of the TLS connection; 0: not known */
    uint8_t outer;        /* enum vc_family of the outer packets */
    bool timestamps;
    enum vc_mtu_class tls;
    bool has_dtls;
    enum vc_mtu_class dtls; /* PSK: the largest overhead of the suites we accept, GCM */
    bool wants_v6;          /* IPv6 would be assigned if it fits */
};

struct vc_mtu {
    uint32_t base; /* X-CSTP-Base-MTU */
    uint32_t dtls; /* X-DTLS-MTU; 0 without DTLS */
    uint32_t cstp; /* X-CSTP-MTU: with DTLS never above it, so that a fall to TLS never raises the MTU */
    bool v6;       /* wanted, and the data MTU is at least 1280 */
};

void vc_mtu_gateway(const struct vc_mtu_facts *f, struct vc_mtu *out);

/** MTU of the client's adapter at the start: X-DTLS-MTU; with PSK, or where it was not said, the smaller of X-CSTP-MTU
 * and what fits the answer's Base-MTU; never above @own_link's. 0 for what was not said. */
uint32_t vc_mtu_client(uint32_t cstp, uint32_t dtls, uint32_t base, bool psk, enum vc_family outer, uint32_t own_link);

#endif
