/* Addresses of the outer network: whose one is, and who is heard there (2-tunnel.md 9.5, 9.8). */
#include "datapath/live.h"

#include "crypto/hash.h"

#define STRANGERS_PER_SECOND 100 /* datagrams from one unknown source that are looked at */
#define HOUR_NS 3600000000000ULL

struct vc_live *vc_udp_path_owner(const struct vc_worker *w, const struct vc_endpoint *e)
{
    uint8_t key[VC_ENDPOINT_KEY];
    vc_endpoint_key(e, key);
    return vc_map_get(&w->by_peer, key);
}

int vc_udp_path_claim(struct vc_live *l, const struct vc_endpoint *e)
{
    uint8_t key[VC_ENDPOINT_KEY];
    vc_endpoint_key(e, key);
    return vc_map_put(&l->w->by_peer, key, l);
}

void vc_udp_path_release(struct vc_live *l, struct vc_endpoint e)
{
    uint8_t key[VC_ENDPOINT_KEY];
    vc_endpoint_key(&e, key);
    if (e.ip.family && !vc_endpoint_eq(&l->udp_peer, &e) && !vc_endpoint_eq(&l->probe.peer, &e) &&
        !vc_endpoint_eq(&l->old_peer, &e) && !(l->pending && vc_endpoint_eq(&l->pending->peer, &e)) &&
        vc_map_get(&l->w->by_peer, key) == l)
        (void)vc_map_remove(&l->w->by_peer, key);
}

void vc_udp_path_known(struct vc_live *l, unsigned which, const struct vc_ip *ip)
{
    static const struct vc_ip nowhere;
    uint8_t key[VC_ENDPOINT_KEY];
    if (which == 1 && vc_ip_eq(ip, &l->outer[0].ip))
        ip = &nowhere; /* once is enough */
    struct vc_outer *o = &l->outer[which];
    if (vc_ip_eq(&o->ip, ip))
        return;
    vc_endpoint_key(&(struct vc_endpoint){.ip = o->ip}, key);
    vc_group_remove(&l->w->by_outer, key, &o->in);
    o->ip = *ip;
    o->in.owner = l;
    vc_endpoint_key(&(struct vc_endpoint){.ip = *ip}, key);
    if (ip->family && vc_group_add(&l->w->by_outer, key, &o->in) != 0)
        o->ip = (struct vc_ip){0};
}

enum vc_worker_at vc_worker_at(const struct vc_worker *w, const struct vc_endpoint *peer)
{
    const struct vc_live *l = vc_udp_path_owner(w, peer);
    if (!l)
        return VC_AT_NOTHING;
    if (l->s.udp.kind == VC_CHANNEL_DTLS_1_2 && vc_endpoint_eq(&l->udp_peer, peer))
        return VC_AT_CHANNEL;
    return l->pending && l->pending->proved && vc_endpoint_eq(&l->pending->peer, peer) ? VC_AT_PROVED : VC_AT_UNPROVED;
}

void vc_worker_yield(struct vc_worker *w, const struct vc_endpoint *peer)
{
    uint8_t key[VC_ENDPOINT_KEY];
    vc_endpoint_key(peer, key);
    (void)vc_map_remove(&w->by_peer, key);
}

/** The key of an hour (2-tunnel.md 9.5). All processes have the same clock and the same key to make it of. */
static bool cookie_key(const struct vc_worker *w, uint64_t hour, uint8_t key[VC_DTLS_COOKIE_KEY])
{
    const struct vc_piece of = {&hour, sizeof(hour)};
    uint8_t mac[VC_HASH_MAX];
    if (vc_hmac(VC_HASH_SHA256, w->cookie_key, sizeof(w->cookie_key), &of, 1, mac) != 0)
        return false;
    memcpy(key, mac, VC_DTLS_COOKIE_KEY);
    return true;
}

bool vc_udp_path_proved(struct vc_worker *w, const struct vc_endpoint *from, const struct vc_ip *local,
                        const struct vc_dtls_peek *p)
{
    uint64_t hour = vc_worker_now(w) / HOUR_NS;
    uint8_t key[VC_DTLS_COOKIE_KEY], verify[VC_DTLS_HELLO_VERIFY_LEN];
    for (uint64_t back = 0; back < 2 && p->hello.cookie.len > 0; back++) {
        if (cookie_key(w, hour - back, key) && vc_dtls_cookie_right(key, from, p))
            return true;
    }
    if (cookie_key(w, hour, key))
        vc_udp_trains_plain(w, from, local, verify, vc_dtls_hello_verify(key, from, p, verify));
    return false;
}

bool vc_udp_path_flooded(struct vc_worker *w, const struct vc_ip *source)
{
    uint64_t now = vc_worker_now(w), hash = w->strangers_seed;
    for (size_t i = 0; i < (source->family == VC_FAMILY_V4 ? 4U : 8U); i++)
        hash = (hash ^ source->bytes[i]) * 0x100000001b3ULL;
    hash ^= hash >> 29;
    unsigned i = (unsigned)(hash % VC_STRANGERS);
    if (now - w->strangers[i].second_ns > 1000000000ULL) {
        w->strangers[i].second_ns = now;
        w->strangers[i].n = 0;
    }
    return ++w->strangers[i].n > STRANGERS_PER_SECOND;
}
