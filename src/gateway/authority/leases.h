#ifndef VC_GATEWAY_AUTHORITY_LEASES_H
#define VC_GATEWAY_AUTHORITY_LEASES_H

#include "base/addr.h"
#include "base/map.h"

/** The addresses that clients can have, and who has one: a value without I/O. The network address, the gateway's own
 *  (the first one) and the broadcast address are never given. An IPv6 client gets a slice of the network: its first
 *  address, or the one behind it where the slice has room; the first slice is the gateway's (2-tunnel.md 2.3). */
struct vc_leases {
    struct vc_prefix v4, v6; /* family NONE: no such pool */
    uint8_t v6_len;          /* of a slice */
    struct vc_map taken;     /* struct vc_ip, as it was given */
};

void vc_leases_init(struct vc_leases *l, const struct vc_prefix *v4, const struct vc_prefix *v6, uint8_t v6_len,
                    const uint64_t seed[2]);
void vc_leases_deinit(struct vc_leases *l);

/**
 * Takes an address of each pool. The same @start finds the same ones while they are free.
 * Returns 0; 1: a pool has none left; -1: no memory. Then nothing was taken, and both are NONE.
 */
int vc_leases_take(struct vc_leases *l, uint64_t start, struct vc_ip *v4, struct vc_ip *v6);
/** Takes exactly these, which an earlier life of ours gave (family NONE: not that one). False: one is taken, or is not
 *  one that these pools give; then nothing was taken. */
bool vc_leases_claim(struct vc_leases *l, const struct vc_ip *v4, const struct vc_ip *v6);
void vc_leases_free(struct vc_leases *l, const struct vc_ip *v4, const struct vc_ip *v6);
static inline size_t vc_leases_n(const struct vc_leases *l)
{
    return l->taken.n;
}

#endif
