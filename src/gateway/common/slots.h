#ifndef VC_GATEWAY_COMMON_SLOTS_H
#define VC_GATEWAY_COMMON_SLOTS_H

#include "base/addr.h"
#include "event/fail.h"

#include <stdatomic.h>

/** The connections of all portals of the gateway, counted per source (an IPv4 address, an IPv6 /64): a table in memory
 *  that the portals share, with a slot for each connection that one of them may hold. A portal takes a slot before the
 *  handshake and gives it back when the connection ends or moves on; it writes among its own alone, and counts all. Of
 *  one that died, the supervisor gives back what it held. No locks: who is killed while it holds a slot stops nobody.
 *  What another process wrote there is compared, and never used for more: a portal that was taken over can keep
 *  newcomers out, which it could anyway, as all portals accept from one listener. */
#define VC_SLOTS_PORTALS_MAX 63U                        /* and room for the successor of one that leaves */
#define VC_SLOTS_CONNECTIONS 512U                       /* of one portal */
#define VC_SLOTS_PER_PORTAL (VC_SLOTS_CONNECTIONS + 1U) /* a newcomer has its own before another one goes for it */
#define VC_SLOTS_PER_SOURCE (VC_SLOTS_CONNECTIONS / 4U) /* for each portal there is: a quarter of all */
#define VC_SLOTS_HALF_OPEN 1024U                        /* in their handshake, of all portals */
#define VC_SLOTS_HALF_OPEN_PER_SOURCE 16U

enum vc_slot_stage { VC_SLOT_FREE, VC_SLOT_HALF_OPEN, VC_SLOT_UP };

/** What one portal writes. */
struct vc_slots_part {
    _Atomic uint32_t serves; /* it accepts connections */
    struct vc_slot {
        _Atomic uint64_t source;
        _Atomic uint32_t stage; /* enum vc_slot_stage */
    } slot[VC_SLOTS_PER_PORTAL];
};

#define VC_SLOTS_BYTES(portals) (((portals) + 1U) * sizeof(struct vc_slots_part))

/** The table as one portal sees it. */
struct vc_slots {
    struct vc_slots_part *all, *own; /* shared; the owner's to unmap */
    unsigned portals;
    enum vc_slot_stage mine[VC_SLOTS_PER_PORTAL]; /* what this portal knows to hold: the table is not believed */
    unsigned n_half_open;                         /* of them */
};

enum vc_slots_took {
    VC_SLOTS_TOOK,
    VC_SLOTS_SOURCE_FULL,
    VC_SLOTS_SOURCE_HALF_OPEN_FULL,
    VC_SLOTS_HALF_OPEN_FULL,
    VC_SLOTS_ALL_FULL, /* of this portal */
};

/** @all: VC_SLOTS_BYTES(portals), zeroed by whoever made it. @portals: so many serve, 1 to VC_SLOTS_PORTALS_MAX.
 * @portal: up to that. */
void vc_slots_init(struct vc_slots *s, struct vc_slots_part *all, unsigned portals, unsigned portal);
/** Whether this portal accepts connections, as the others see it. */
void vc_slots_serve(struct vc_slots *s, bool serves);
/** A slot for a connection from @ip whose handshake begins; *slot goes back with vc_slots_give. Of several portals that
 *  ask at once, the limits may refuse one more than they must, never one less. */
enum vc_slots_took vc_slots_take(struct vc_slots *s, const struct vc_ip *ip, unsigned *slot);
void vc_slots_up(struct vc_slots *s, unsigned slot); /* the handshake is over */
void vc_slots_give(struct vc_slots *s, unsigned slot);
/** As many half-open ones as there may be. */
bool vc_slots_half_open_full(const struct vc_slots *s);
/** Another portal serves and holds less than it may. */
bool vc_slots_room_elsewhere(const struct vc_slots *s);
/** So many connections of one source. */
unsigned vc_slots_per_source(const struct vc_slots *s);
/** What counts as one source; never 0. */
uint64_t vc_slots_source(const struct vc_ip *ip);
/** What a portal that has ended held is free again. Only while none with this index runs. */
void vc_slots_forget(struct vc_slots_part *all, unsigned portal);

#endif
