#include "gateway/authority/leases.h"

#define SLICES_MAX (1ULL << 48) /* more are never looked at */

/** A pool as numbers: which of its members can be given, from @first on. */
struct range {
    const struct vc_prefix *net;
    unsigned shift; /* a member is 2^shift addresses */
    uint64_t first, n;
    uint8_t plus; /* of the member's first address */
};

static struct range range_of(const struct vc_leases *l, enum vc_family family)
{
    struct range r = {.net = family == VC_FAMILY_V4 ? &l->v4 : &l->v6};
    if (r.net->ip.family != family)
        return (struct range){0};
    if (family == VC_FAMILY_V4) {
        uint64_t all = 1ULL << (32 - r.net->len);
        r.first = 2;
        r.n = all > 3 ? all - 3 : 0; /* without network, gateway, broadcast */
        return r;
    }
    unsigned bits = l->v6_len > r.net->len ? (unsigned)(l->v6_len - r.net->len) : 0;
    uint64_t all = bits < 48 ? 1ULL << bits : SLICES_MAX;
    r.shift = 128U - l->v6_len;
    r.first = r.shift == 0 ? 2 : 1; /* ::0 is every router's, ::1 the gateway's: one slice, or two */
    r.n = all > r.first ? all - r.first : 0;
    r.plus = r.shift == 0 ? 0 : 1;
    return r;
}

static struct vc_ip member(const struct range *r, uint64_t number)
{
    struct vc_ip ip = r->net->ip;
    unsigned last = ip.family == VC_FAMILY_V4 ? 32 : 128;
    for (unsigned b = 0; b < 64; b++) {
        unsigned up = r->shift + b + 1;
        if ((number >> b & 1U) != 0 && up <= last)
            ip.bytes[(last - up) / 8] |= (uint8_t)(1U << (7 - (last - up) % 8));
    }
    ip.bytes[last / 8 - 1] |= r->plus;
    return ip;
}

/** Whether the pool gives this address: the same number gives it back. */
static bool gives(const struct range *r, const struct vc_ip *ip)
{
    unsigned last = ip->family == VC_FAMILY_V4 ? 32 : 128;
    uint64_t number = 0;
    if (r->n == 0 || !vc_prefix_has(r->net, ip))
        return false;
    for (unsigned b = 0; b < 64 && r->shift + b + 1 <= last - r->net->len; b++) {
        unsigned at = last - (r->shift + b + 1);
        if ((ip->bytes[at / 8] >> (7 - at % 8) & 1) != 0)
            number |= 1ULL << b;
    }
    if (number < r->first || number - r->first >= r->n)
        return false;
    struct vc_ip again = member(r, number);
    return vc_ip_eq(&again, ip);
}

void vc_leases_init(struct vc_leases *l, const struct vc_prefix *v4, const struct vc_prefix *v6, uint8_t v6_len,
                    const uint64_t seed[2])
{
    *l = (struct vc_leases){.v4 = *v4, .v6 = *v6, .v6_len = v6_len};
    vc_map_init(&l->taken, sizeof(struct vc_ip), seed);
}

void vc_leases_deinit(struct vc_leases *l)
{
    vc_map_deinit(&l->taken);
}

static int take_one(struct vc_leases *l, enum vc_family family, uint64_t start, struct vc_ip *out)
{
    struct range r = range_of(l, family);
    *out = (struct vc_ip){0};
    if (!r.net)
        return 0;
    /* among n + 1 different members one is free, when n are taken */
    for (uint64_t i = 0; i < r.n && i <= l->taken.n; i++) {
        struct vc_ip ip = member(&r, r.first + (start % r.n + i) % r.n);
        if (vc_map_get(&l->taken, &ip))
            continue;
        if (vc_map_put(&l->taken, &ip, l) != 0)
            return -1;
        *out = ip;
        return 0;
    }
    return 1;
}

int vc_leases_take(struct vc_leases *l, uint64_t start, struct vc_ip *v4, struct vc_ip *v6)
{
    int r = take_one(l, VC_FAMILY_V4, start, v4);
    *v6 = (struct vc_ip){0};
    if (r != 0)
        return r;
    r = take_one(l, VC_FAMILY_V6, start, v6);
    if (r != 0) {
        vc_leases_free(l, v4, v6);
        *v4 = (struct vc_ip){0};
    }
    return r;
}

static bool claim_one(struct vc_leases *l, enum vc_family family, const struct vc_ip *ip)
{
    struct range r = range_of(l, family);
    if (ip->family == VC_FAMILY_NONE)
        return true;
    return ip->family == family && r.net && gives(&r, ip) && !vc_map_get(&l->taken, ip) &&
           vc_map_put(&l->taken, ip, l) == 0;
}

bool vc_leases_claim(struct vc_leases *l, const struct vc_ip *v4, const struct vc_ip *v6)
{
    if (!claim_one(l, VC_FAMILY_V4, v4))
        return false;
    if (claim_one(l, VC_FAMILY_V6, v6))
        return true;
    (void)vc_map_remove(&l->taken, v4);
    return false;
}

void vc_leases_free(struct vc_leases *l, const struct vc_ip *v4, const struct vc_ip *v6)
{
    if (v4->family != VC_FAMILY_NONE)
        (void)vc_map_remove(&l->taken, v4);
    if (v6->family != VC_FAMILY_NONE)
        (void)vc_map_remove(&l->taken, v6);
}
