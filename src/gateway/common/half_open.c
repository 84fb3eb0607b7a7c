#include "gateway/common/half_open.h"

/** IPv6: the /64. IPv4: below a prefix that no source has (multicast). */
static uint64_t source_of(const struct vc_ip *ip)
{
    unsigned n = ip->family == VC_FAMILY_V6 ? 8 : 4;
    uint64_t v = ip->family == VC_FAMILY_V6 ? 0 : UINT32_MAX;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | ip->bytes[i];
    return v;
}

void vc_half_open_init(struct vc_half_open *h, struct vc_half_open_place *places, uint16_t portal)
{
    *h = (struct vc_half_open){.places = places, .self = portal + 1U};
}

/** A place that claims to be this portal's, and is not, is what somebody else wrote. */
static bool is_free(const struct vc_half_open *h, unsigned i, uint32_t holder)
{
    return holder == 0 || (holder == h->self && !h->mine[i]);
}

static unsigned held_by(const struct vc_half_open *h, uint64_t source)
{
    unsigned n = 0;
    for (unsigned i = 0; i < VC_HALF_OPEN_MAX; i++)
        n += !is_free(h, i, atomic_load(&h->places[i].holder)) && atomic_load(&h->places[i].source) == source;
    return n;
}

enum vc_half_open_took vc_half_open_take(struct vc_half_open *h, const struct vc_ip *ip, unsigned *place)
{
    uint64_t source = source_of(ip);
    if (held_by(h, source) >= VC_HALF_OPEN_PER_SOURCE)
        return VC_HALF_OPEN_SOURCE_FULL;
    unsigned i = 0;
    for (;; i++) {
        if (i == VC_HALF_OPEN_MAX)
            return VC_HALF_OPEN_ALL_FULL;
        uint32_t holder = atomic_load(&h->places[i].holder);
        if (is_free(h, i, holder) && atomic_compare_exchange_strong(&h->places[i].holder, &holder, h->self))
            break;
    }
    h->mine[i] = true;
    h->n_mine++;
    atomic_store(&h->places[i].source, source);
    /* another portal may have counted at the same time: of two that wrote first, at least one now sees both */
    if (held_by(h, source) > VC_HALF_OPEN_PER_SOURCE) {
        vc_half_open_give(h, i);
        return VC_HALF_OPEN_SOURCE_FULL;
    }
    *place = i;
    return VC_HALF_OPEN_TOOK;
}

static void clear(struct vc_half_open_place *p)
{
    atomic_store(&p->source, 0); /* first, so that the next holder is not counted under it */
    atomic_store(&p->holder, 0);
}

void vc_half_open_give(struct vc_half_open *h, unsigned place)
{
    h->mine[place] = false;
    h->n_mine--;
    clear(&h->places[place]);
}

bool vc_half_open_is_full(const struct vc_half_open *h)
{
    for (unsigned i = 0; i < VC_HALF_OPEN_MAX; i++) {
        if (is_free(h, i, atomic_load(&h->places[i].holder)))
            return false;
    }
    return true;
}

void vc_half_open_forget(struct vc_half_open_place *places, uint16_t portal)
{
    for (unsigned i = 0; i < VC_HALF_OPEN_MAX; i++) {
        if (atomic_load(&places[i].holder) == portal + 1U)
            clear(&places[i]);
    }
}
