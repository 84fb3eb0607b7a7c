#include "gateway/common/slots.h"

uint64_t vc_slots_source(const struct vc_ip *ip)
{
    /* IPv6: the /64. IPv4: below a prefix that no source has (multicast). */
    unsigned n = ip->family == VC_FAMILY_V6 ? 8 : 4;
    uint64_t v = ip->family == VC_FAMILY_V6 ? 0 : UINT32_MAX;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | ip->bytes[i];
    return v;
}

void vc_slots_init(struct vc_slots *s, struct vc_slots_part *all, unsigned portals, unsigned portal)
{
    *s = (struct vc_slots){.all = all, .own = &all[portal], .portals = portals};
}

void vc_slots_serve(struct vc_slots *s, bool serves)
{
    atomic_store(&s->own->serves, serves);
}

unsigned vc_slots_per_source(const struct vc_slots *s)
{
    return VC_SLOTS_PER_SOURCE * s->portals;
}

struct counts {
    unsigned half_open, of_source, half_open_of_source;
};

static struct counts count(const struct vc_slots *s, uint64_t source)
{
    struct counts n = {0};
    for (size_t i = 0; i < (s->portals + 1U) * (size_t)VC_SLOTS_PER_PORTAL; i++) {
        const struct vc_slot *slot = &s->all[i / VC_SLOTS_PER_PORTAL].slot[i % VC_SLOTS_PER_PORTAL];
        uint32_t stage = atomic_load(&slot->stage);
        if (stage == VC_SLOT_FREE)
            continue;
        bool its = atomic_load(&slot->source) == source;
        n.half_open += stage == VC_SLOT_HALF_OPEN;
        n.of_source += its;
        n.half_open_of_source += its && stage == VC_SLOT_HALF_OPEN;
    }
    return n;
}

static void set(struct vc_slots *s, unsigned slot, enum vc_slot_stage stage)
{
    s->n_half_open -= s->mine[slot] == VC_SLOT_HALF_OPEN;
    s->n_half_open += stage == VC_SLOT_HALF_OPEN;
    s->mine[slot] = stage;
    atomic_store(&s->own->slot[slot].stage, (uint32_t)stage);
}

enum vc_slots_took vc_slots_take(struct vc_slots *s, const struct vc_ip *ip, unsigned *slot)
{
    uint64_t source = vc_slots_source(ip);
    unsigned i = 0;
    while (i < VC_SLOTS_PER_PORTAL && s->mine[i] != VC_SLOT_FREE)
        i++;
    if (i == VC_SLOTS_PER_PORTAL)
        return VC_SLOTS_ALL_FULL;
    atomic_store(&s->own->slot[i].source, source); /* first, so that it is not counted under another one's */
    set(s, i, VC_SLOT_HALF_OPEN);
    /* counted when it is written: of two portals that do so at the same time, at least one sees both */
    struct counts n = count(s, source);
    *slot = i;
    if (n.half_open_of_source <= VC_SLOTS_HALF_OPEN_PER_SOURCE && n.of_source <= vc_slots_per_source(s) &&
        n.half_open <= VC_SLOTS_HALF_OPEN)
        return VC_SLOTS_TOOK;
    vc_slots_give(s, i);
    if (n.half_open_of_source > VC_SLOTS_HALF_OPEN_PER_SOURCE)
        return VC_SLOTS_SOURCE_HALF_OPEN_FULL;
    return n.of_source > vc_slots_per_source(s) ? VC_SLOTS_SOURCE_FULL : VC_SLOTS_HALF_OPEN_FULL;
}

void vc_slots_up(struct vc_slots *s, unsigned slot)
{
    set(s, slot, VC_SLOT_UP);
}

void vc_slots_give(struct vc_slots *s, unsigned slot)
{
    set(s, slot, VC_SLOT_FREE);
}

bool vc_slots_half_open_full(const struct vc_slots *s)
{
    return count(s, 0).half_open >= VC_SLOTS_HALF_OPEN;
}

bool vc_slots_room_elsewhere(const struct vc_slots *s)
{
    for (unsigned k = 0; k <= s->portals; k++) {
        const struct vc_slots_part *its = &s->all[k];
        unsigned n = 0;
        if (its == s->own || atomic_load(&its->serves) == 0)
            continue;
        for (unsigned i = 0; i < VC_SLOTS_PER_PORTAL; i++)
            n += atomic_load(&its->slot[i].stage) != VC_SLOT_FREE;
        if (n < VC_SLOTS_CONNECTIONS)
            return true;
    }
    return false;
}

void vc_slots_forget(struct vc_slots_part *all, unsigned portal)
{
    atomic_store(&all[portal].serves, 0);
    for (unsigned i = 0; i < VC_SLOTS_PER_PORTAL; i++)
        atomic_store(&all[portal].slot[i].stage, VC_SLOT_FREE);
}
