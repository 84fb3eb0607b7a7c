#include "gateway/tunnel/neighbours.h"

#include "proto/dtls_gateway.h"

#include <stdlib.h>
#include <unistd.h>

struct route {
    uint64_t session;
    uint16_t owner;
    struct vc_ip v4, v6;
    uint8_t v6_len;
    uint8_t dtls_id[32];
};

struct claim {
    struct vc_heap_node end;
    uint16_t owner;
    uint8_t key[VC_ENDPOINT_KEY];
};

static void v6_key(const struct vc_ip *ip, uint8_t len, uint8_t key[VC_PREFIX_KEY])
{
    struct vc_prefix p = vc_prefix_of(ip, len);
    vc_prefix_key(&p, key);
}

void vc_neighbours_init(struct vc_neighbours *n, struct vc_loop *loop, const uint64_t seed[2])
{
    n->loop = loop;
    for (int i = 0; i < VC_NEIGHBOURS_MAX; i++)
        n->ports[i].fd = -1;
    vc_map_init(&n->routes, 8, seed);
    vc_map_init(&n->route4, 4, seed);
    vc_map_init(&n->route6, VC_PREFIX_KEY, seed);
    vc_map_init(&n->route_id, 32, seed);
    vc_map_init(&n->claims, VC_ENDPOINT_KEY, seed);
}

/* ---- packets ---- */

void vc_neighbours_stray_frame(struct vc_neighbours *n, const uint8_t *frame, size_t len, const struct vc_ip *to)
{
    uint8_t key[VC_PREFIX_KEY];
    const struct route *r;
    if (to->family == VC_FAMILY_V4) {
        r = vc_map_get(&n->route4, to->bytes);
    } else {
        v6_key(to, n->v6_len, key);
        r = vc_map_get(&n->route6, key);
    }
    if (!r || r->owner == n->self || r->owner >= VC_NEIGHBOURS_MAX)
        return;
    struct vc_msg m = {.type = VC_IPC_PACKETS, .PACKETS = {.frame = {.at = frame, .len = len}}};
    (void)vc_port_offer(&n->ports[r->owner], &m);
}

/* ---- datagrams ---- */

static bool forward(struct vc_neighbours *n, uint16_t to, const struct vc_udp_train *train)
{
    struct vc_msg m = {.type = VC_IPC_FORWARD,
                       .FORWARD = {.from = train->peer,
                                   .local = train->local,
                                   .segment = (uint16_t)train->segment,
                                   .datagrams = {.at = train->at, .len = train->len}}};
    return to < VC_NEIGHBOURS_MAX && vc_port_offer(&n->ports[to], &m) == 0;
}

static void forget_claim(struct vc_neighbours *n, struct claim *c)
{
    (void)vc_map_remove(&n->claims, c->key);
    vc_heap_remove(&n->claim_ends, &c->end);
    free(c);
}

/** The datagrams of @from go to @owner. What the owner says replaces all; what only a ClientHello says replaces nothing
 *  that still holds. */
static void claim(struct vc_neighbours *n, const struct vc_endpoint *from, uint16_t owner, bool proved)
{
    uint8_t key[VC_ENDPOINT_KEY];
    uint64_t now = n->loop->now_ns;
    vc_endpoint_key(from, key);
    struct claim *c = vc_map_get(&n->claims, key);
    if (c && !proved && c->end.due > now)
        return;
    if (!c) {
        if (n->claims.n >= VC_CLAIMS_MAX || !(c = calloc(1, sizeof(*c))))
            return;
        c->end.owner = c;
        memcpy(c->key, key, sizeof(key));
        if (vc_map_put(&n->claims, key, c) != 0) {
            free(c);
            return;
        }
    }
    c->owner = owner;
    if (vc_heap_set(&n->claim_ends, &c->end, now + (proved ? VC_CLAIM_S : VC_CLAIM_UNPROVED_S) * 1000000000ULL) != 0)
        forget_claim(n, c);
}

uint64_t vc_neighbours_due(const struct vc_neighbours *n)
{
    const struct vc_heap_node *first = vc_heap_first(&n->claim_ends);
    return first ? first->due : UINT64_MAX;
}

void vc_neighbours_tick(struct vc_neighbours *n, uint64_t now_ns)
{
    const struct vc_heap_node *first;
    while ((first = vc_heap_first(&n->claim_ends)) && first->due <= now_ns)
        forget_claim(n, first->owner);
}

bool vc_neighbours_claimed(struct vc_neighbours *n, const struct vc_udp_train *train)
{
    uint8_t key[VC_ENDPOINT_KEY];
    vc_endpoint_key(&train->peer, key);
    const struct claim *c = vc_map_get(&n->claims, key);
    if (c)
        (void)forward(n, c->owner, train);
    return c != NULL;
}

static void pass_hello(struct vc_neighbours *n, uint16_t owner, const struct vc_udp_train *train)
{
    (void)forward(n, owner, train);
    claim(n, &train->peer, owner, false); /* its next datagrams come at once */
}

static bool stray_hello(struct vc_neighbours *n, const struct vc_udp_train *train)
{
    struct vc_dtls_peek peek;
    struct vc_early_hello *h = &n->hellos[n->next_hello];
    if (train->len > sizeof(h->bytes) || vc_dtls_peek(train->at, train->len, &peek) != VC_DTLS_KIND_HELLO ||
        peek.id.len != sizeof(h->id))
        return false;
    const struct route *r = vc_map_get(&n->route_id, peek.id.at);
    if (r && r->owner != n->self) {
        pass_hello(n, r->owner, train);
        return true;
    }
    /* the client was faster than the words about its session: they will come, or this is forgotten */
    n->next_hello = (n->next_hello + 1) % VC_EARLY_HELLOS;
    h->at_ns = n->loop->now_ns;
    h->from = train->peer;
    h->local = train->local;
    memcpy(h->id, peek.id.at, sizeof(h->id));
    h->len = (uint16_t)train->len;
    memcpy(h->bytes, train->at, train->len);
    return false;
}

/** A client's address changed, and the kernel gave its datagrams to us: whoever can open them claims the address. */
static bool stray_sealed(struct vc_neighbours *n, const struct vc_udp_train *train)
{
    uint64_t now = n->loop->now_ns;
    bool sent = false;
    if (now - n->second_ns > 1000000000ULL) {
        n->second_ns = now;
        n->broadcasts = 0;
    }
    for (uint16_t i = 0; i < VC_NEIGHBOURS_MAX && n->broadcasts < VC_BROADCASTS_PER_SECOND; i++) {
        if (i == n->self || !vc_port_is_open(&n->ports[i]))
            continue;
        n->broadcasts++;
        sent = forward(n, i, train) || sent;
    }
    return sent;
}

bool vc_neighbours_stray_datagram(struct vc_neighbours *n, const struct vc_udp_train *train, bool hello)
{
    return hello ? stray_hello(n, train) : stray_sealed(n, train);
}

/** ClientHellos that waited for this id: to us, or to the owner. */
static void take_early(struct vc_neighbours *n, const uint8_t id[32], uint16_t owner)
{
    for (unsigned i = 0; i < VC_EARLY_HELLOS; i++) {
        struct vc_early_hello *h = &n->hellos[i];
        if (h->at_ns == 0 || memcmp(h->id, id, sizeof(h->id)) != 0)
            continue;
        struct vc_udp_train t = {.peer = h->from, .local = h->local, .at = h->bytes, .len = h->len, .segment = h->len};
        bool fresh = n->loop->now_ns - h->at_ns < VC_EARLY_HELLO_NS;
        h->at_ns = 0;
        if (!fresh)
            continue;
        if (owner != n->self)
            pass_hello(n, owner, &t);
        else if (n->worker)
            (void)vc_worker_train(n->worker, &t);
    }
}

void vc_neighbours_here(struct vc_neighbours *n, const uint8_t dtls_id[32])
{
    take_early(n, dtls_id, n->self);
}

/* ---- routes ---- */

static void forget_route(struct vc_neighbours *n, struct route *r)
{
    uint8_t key[VC_PREFIX_KEY];
    if (r->v4.family && vc_map_get(&n->route4, r->v4.bytes) == r)
        (void)vc_map_remove(&n->route4, r->v4.bytes);
    if (r->v6.family) {
        v6_key(&r->v6, r->v6_len, key);
        if (vc_map_get(&n->route6, key) == r)
            (void)vc_map_remove(&n->route6, key);
    }
    if (vc_map_get(&n->route_id, r->dtls_id) == r)
        (void)vc_map_remove(&n->route_id, r->dtls_id);
    (void)vc_map_remove(&n->routes, &r->session);
    free(r);
}

void vc_neighbours_route(struct vc_neighbours *n, const struct vc_msg *m)
{
    uint8_t key[VC_PREFIX_KEY];
    struct route *r = vc_map_get(&n->routes, &m->ROUTE.session);
    if (r)
        forget_route(n, r);
    if (m->ROUTE.owner == 0xffff || !(r = calloc(1, sizeof(*r))))
        return;
    *r = (struct route){.session = m->ROUTE.session,
                        .owner = m->ROUTE.owner,
                        .v4 = m->ROUTE.v4,
                        .v6 = m->ROUTE.v6,
                        .v6_len = m->ROUTE.v6_len};
    if (vc_map_put(&n->routes, &r->session, r) != 0) {
        free(r);
        return;
    }
    if (r->v4.family)
        (void)vc_map_put(&n->route4, r->v4.bytes, r);
    if (r->v6.family) {
        n->v6_len = r->v6_len;
        v6_key(&r->v6, r->v6_len, key);
        (void)vc_map_put(&n->route6, key, r);
    }
    if (m->ROUTE.dtls_id.len == sizeof(r->dtls_id)) {
        memcpy(r->dtls_id, m->ROUTE.dtls_id.at, sizeof(r->dtls_id));
        (void)vc_map_put(&n->route_id, r->dtls_id, r);
        if (r->owner != n->self)
            take_early(n, r->dtls_id, r->owner);
    }
}

/* ---- the neighbours themselves ---- */

static void on_message(struct vc_port *port, const struct vc_msg *m, int fd)
{
    static uint8_t copy[65600]; /* the worker works in place */
    struct vc_neighbours *n = port->owner;
    (void)fd;
    if (!n->worker)
        return;
    switch (m->type) {
    case VC_IPC_PACKETS:
        memcpy(copy, m->PACKETS.frame.at, m->PACKETS.frame.len);
        vc_worker_frame(n->worker, copy, m->PACKETS.frame.len);
        break;
    case VC_IPC_FORWARD: {
        struct vc_udp_train train = {.peer = m->FORWARD.from,
                                     .local = m->FORWARD.local,
                                     .at = copy,
                                     .len = m->FORWARD.datagrams.len,
                                     .segment = m->FORWARD.segment};
        memcpy(copy, m->FORWARD.datagrams.at, train.len);
        if (vc_worker_train(n->worker, &train)) {
            struct vc_msg mine = {.type = VC_IPC_CLAIM, .CLAIM = {.from = train.peer, .claimed = 1}};
            (void)vc_port_offer(port, &mine);
        }
        break;
    }
    case VC_IPC_CLAIM:
        claim(n, &m->CLAIM.from, port->index, true);
        break;
    default:
        break;
    }
}

static void on_lost(struct vc_port *port, bool malformed)
{
    (void)port;
    (void)malformed; /* the supervisor brings its successor */
}

void vc_neighbours_meet(struct vc_neighbours *n, uint16_t index, int fd)
{
    if (index >= VC_NEIGHBOURS_MAX) {
        (void)close(fd);
        return;
    }
    vc_port_close(&n->ports[index]);
    vc_port_open(&n->ports[index], n->loop, fd, VC_ROLE_TUNNEL, VC_ROLE_TUNNEL, index, on_message, on_lost, n);
}
