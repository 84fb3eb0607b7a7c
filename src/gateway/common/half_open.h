#ifndef VC_GATEWAY_COMMON_HALF_OPEN_H
#define VC_GATEWAY_COMMON_HALF_OPEN_H

#include "base/addr.h"
#include "event/fail.h"

#include <stdatomic.h>

/** Connections whose TLS handshake is under way, counted over all portals of the gateway: a table in memory that they
 *  share, with a place for each of them. A portal takes a place before the handshake and gives it back behind it; of
 * one that died, the supervisor gives back what it held. No locks: who is killed while it holds a place stops nobody.
 *  What another process wrote there is compared, and never used for more: a portal that was taken over can keep
 *  newcomers out, which it could anyway, as all portals accept from one listener. */
#define VC_HALF_OPEN_MAX 1024U
#define VC_HALF_OPEN_PER_SOURCE 16U /* source: an IPv4 address, an IPv6 /64 */

struct vc_half_open_place {
    _Atomic uint32_t holder; /* index of a portal + 1; 0: free */
    _Atomic uint64_t source;
};

#define VC_HALF_OPEN_BYTES (VC_HALF_OPEN_MAX * sizeof(struct vc_half_open_place))

/** The table as one portal sees it. */
struct vc_half_open {
    struct vc_half_open_place *places; /* shared; the owner's to unmap */
    uint32_t self;
    bool mine[VC_HALF_OPEN_MAX]; /* what this portal knows to hold: the table alone is not believed */
    unsigned n_mine;
};

enum vc_half_open_took { VC_HALF_OPEN_TOOK, VC_HALF_OPEN_SOURCE_FULL, VC_HALF_OPEN_ALL_FULL };

/** @places: VC_HALF_OPEN_BYTES, zeroed by whoever made it. */
void vc_half_open_init(struct vc_half_open *h, struct vc_half_open_place *places, uint16_t portal);
/** A place for a connection from @ip; *place goes back with vc_half_open_give. Of several portals that ask at once, the
 *  limits may refuse one more than they must, never one less. */
enum vc_half_open_took vc_half_open_take(struct vc_half_open *h, const struct vc_ip *ip, unsigned *place);
void vc_half_open_give(struct vc_half_open *h, unsigned place);
/** No place is free. */
bool vc_half_open_is_full(const struct vc_half_open *h);
/** What a portal that has ended held is free again. Only while none with this index runs. */
void vc_half_open_forget(struct vc_half_open_place *places, uint16_t portal);

#endif
