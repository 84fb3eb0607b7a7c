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
    struct vc_group same_outer;
    struct vc_ip outer; /* of its TLS connection */
};

/** Whose the datagrams of an address are: what its owner said last, and until then what a ClientHello said. */
struct claim {
    struct vc_heap_node end; /* in hint_ends while `at` is NOTHING, else in claim_ends */
    uint64_t used_ns;
    uint16_t owner;
    uint8_t at; /* enum vc_worker_at */
    uint8_t key[VC_ENDPOINT_KEY];
};

#define TELL_ME 0xff        /* believed of a hint: its owner says in any case what is so */
#define ROUTES_LOOKED_AT 64 /* of one IP address, for one datagram */
_Static_assert(VC_NEIGHBOURS_MAX <= 64, "a bit each");

static void outer_key(const struct vc_ip *ip, uint8_t key[VC_ENDPOINT_KEY])
{
    vc_endpoint_key(&(struct vc_endpoint){.ip = *ip}, key);
}

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
    vc_map_init(&n->route_outer, VC_ENDPOINT_KEY, seed);
}

/* ---- packets ---- */

bool vc_neighbours_stray_frame(struct vc_neighbours *n, const uint8_t *frame, size_t len, const struct vc_ip *to)
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
        return false;
    struct vc_msg m = {.type = VC_IPC_PACKETS, .PACKETS = {.frame = {.at = frame, .len = len}}};
    return vc_port_offer(&n->ports[r->owner], &m) == 0;
}

/* ---- datagrams ---- */

static struct claim *claim_of(const struct vc_neighbours *n, const struct vc_endpoint *from)
{
    uint8_t key[VC_ENDPOINT_KEY];
    vc_endpoint_key(from, key);
    return vc_map_get(&n->claims, key);
}

static bool forward(struct vc_neighbours *n, uint16_t to, const struct vc_udp_train *train, struct claim *c)
{
    bool its = c && c->owner == to, settled = its && c->at != VC_AT_NOTHING; /* by its owner: nobody else has it */
    struct vc_msg m = {
        .type = VC_IPC_FORWARD,
        .FORWARD = {.from = train->peer,
                    .local = train->local,
                    .segment = (uint16_t)train->segment,
                    .believed = !its                     ? VC_AT_NOTHING
                                : c->at == VC_AT_NOTHING ? TELL_ME
                                                         : c->at,
                    .taken = !settled && ((c && !its && c->at == VC_AT_CHANNEL) ||
                                          (n->worker && vc_worker_at(n->worker, &train->peer) != VC_AT_NOTHING)),
                    .datagrams = {.at = train->at, .len = train->len}}};
    if (settled)
        c->used_ns = n->loop->now_ns;
    return to < VC_NEIGHBOURS_MAX && vc_port_offer(&n->ports[to], &m) == 0;
}

static void forget_claim(struct vc_neighbours *n, struct claim *c)
{
    (void)vc_map_remove(&n->claims, c->key);
    vc_heap_remove(c->at == VC_AT_NOTHING ? &n->hint_ends : &n->claim_ends, &c->end);
    free(c);
}

static uint64_t end_of(const struct claim *c)
{
    return c->used_ns + (c->at == VC_AT_CHANNEL ? VC_CLAIM_S : VC_CLAIM_UNPROVED_S) * 1000000000ULL;
}

static struct claim *new_claim(struct vc_neighbours *n, const struct vc_endpoint *from)
{
    struct vc_heap_node *oldest = n->hint_ends.n >= VC_HINTS_MAX ? vc_heap_first(&n->hint_ends) : NULL;
    if (oldest)
        forget_claim(n, oldest->owner);
    struct claim *c = n->claims.n < VC_CLAIMS_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (!c)
        return NULL;
    c->end.owner = c;
    vc_endpoint_key(from, c->key);
    if (vc_map_put(&n->claims, c->key, c) != 0) {
        free(c);
        return NULL;
    }
    return c;
}

/** It has nothing at this address (any more). */
static void unclaim(struct vc_neighbours *n, const struct vc_endpoint *from, uint16_t owner)
{
    struct claim *c = claim_of(n, from);
    if (c && c->owner == owner)
        forget_claim(n, c);
}

static void forget_claims_of(struct vc_neighbours *n, uint16_t owner)
{
    struct claim *c;
    for (size_t at = 0; (c = vc_map_next(&n->claims, &at));) {
        if (c->owner != owner)
            continue;
        forget_claim(n, c);
        at = 0; /* removing moves others */
    }
}

/** @owner says what it has at this address; NOTHING of an address that is not its own: a hint, its ClientHello. Only
 * who showed that it hears there takes an address from another, and nothing takes one for a hint. */
static void claim(struct vc_neighbours *n, const struct vc_endpoint *from, uint16_t owner, enum vc_worker_at at)
{
    struct claim *c = claim_of(n, from);
    bool other = c && c->owner != owner;
    if (c && at == VC_AT_NOTHING && (other ? c->at != VC_AT_NOTHING : true))
        return;
    if (other && at == VC_AT_UNPROVED && c->at > VC_AT_UNPROVED)
        return;
    if (!c && !(c = new_claim(n, from)))
        return;
    vc_heap_remove(c->at == VC_AT_NOTHING ? &n->hint_ends : &n->claim_ends, &c->end);
    c->owner = owner;
    c->at = (uint8_t)at;
    c->used_ns = n->loop->now_ns;
    if (vc_heap_set(at == VC_AT_NOTHING ? &n->hint_ends : &n->claim_ends, &c->end, end_of(c)) != 0)
        forget_claim(n, c);
    else if (n->worker && at > VC_AT_UNPROVED)
        vc_worker_yield(n->worker, from);
}

uint64_t vc_neighbours_due(const struct vc_neighbours *n)
{
    const struct vc_heap_node *claim = vc_heap_first(&n->claim_ends), *hint = vc_heap_first(&n->hint_ends);
    uint64_t due = claim ? claim->due : UINT64_MAX;
    return hint && hint->due < due ? hint->due : due;
}

static void end_claims(struct vc_neighbours *n, struct vc_heap *ends, uint64_t now_ns)
{
    struct vc_heap_node *first;
    while ((first = vc_heap_first(ends)) && first->due <= now_ns) {
        struct claim *c = first->owner;
        if (end_of(c) > now_ns)
            (void)vc_heap_set(ends, first,
                              end_of(c)); /* it was used meanwhile; it has its place, so this cannot fail */
        else
            forget_claim(n, c);
    }
}

void vc_neighbours_tick(struct vc_neighbours *n, uint64_t now_ns)
{
    end_claims(n, &n->claim_ends, now_ns);
    end_claims(n, &n->hint_ends, now_ns);
}

bool vc_neighbours_claimed(struct vc_neighbours *n, const struct vc_udp_train *train)
{
    struct claim *c = claim_of(n, &train->peer);
    if (c)
        (void)forward(n, c->owner, train, c);
    return c != NULL;
}

static void pass_hello(struct vc_neighbours *n, uint16_t owner, const struct vc_udp_train *train)
{
    claim(n, &train->peer, owner, VC_AT_NOTHING); /* its next datagrams come at once */
    (void)forward(n, owner, train, claim_of(n, &train->peer));
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

/** A client's address changed, and the kernel gave its datagrams to us: they go to each neighbour with a session of
 * this IP address, and whoever can open them claims it. */
static bool stray_sealed(struct vc_neighbours *n, const struct vc_udp_train *train)
{
    uint8_t key[VC_ENDPOINT_KEY];
    uint64_t passed = 0;
    outer_key(&train->peer.ip, key);
    struct vc_group *first = vc_group_of(&n->route_outer, key), *g = first;
    for (unsigned looked = 0; g && looked < ROUTES_LOOKED_AT && (looked == 0 || g != first); looked++, g = g->next) {
        const struct route *r = g->owner;
        if (r->owner == n->self || r->owner >= VC_NEIGHBOURS_MAX || passed & (1ULL << r->owner))
            continue;
        if (forward(n, r->owner, train, NULL))
            passed |= 1ULL << r->owner;
    }
    if (g && g != first)
        vc_group_turn(&n->route_outer, key, g); /* many behind one address: the next datagram looks at others */
    return passed != 0;
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
            (void)vc_worker_train(n->worker, &t, claim_of(n, &t.peer) != NULL);
    }
}

void vc_neighbours_here(struct vc_neighbours *n, const uint8_t dtls_id[32])
{
    take_early(n, dtls_id, n->self);
}

/* ---- routes ---- */

static void forget_route(struct vc_neighbours *n, struct route *r)
{
    uint8_t key[VC_ENDPOINT_KEY];
    if (r->v4.family && vc_map_get(&n->route4, r->v4.bytes) == r)
        (void)vc_map_remove(&n->route4, r->v4.bytes);
    if (r->v6.family) {
        v6_key(&r->v6, r->v6_len, key);
        if (vc_map_get(&n->route6, key) == r)
            (void)vc_map_remove(&n->route6, key);
    }
    if (vc_map_get(&n->route_id, r->dtls_id) == r)
        (void)vc_map_remove(&n->route_id, r->dtls_id);
    outer_key(&r->outer, key);
    vc_group_remove(&n->route_outer, key, &r->same_outer);
    (void)vc_map_remove(&n->routes, &r->session);
    free(r);
}

void vc_neighbours_route(struct vc_neighbours *n, const struct vc_msg *m)
{
    uint8_t key[VC_ENDPOINT_KEY];
    struct route *r = vc_map_get(&n->routes, &m->ROUTE.session);
    if (r)
        forget_route(n, r);
    if (m->ROUTE.owner == 0xffff || !(r = calloc(1, sizeof(*r))))
        return;
    *r = (struct route){.session = m->ROUTE.session,
                        .owner = m->ROUTE.owner,
                        .v4 = m->ROUTE.v4,
                        .v6 = m->ROUTE.v6,
                        .v6_len = m->ROUTE.v6_len,
                        .same_outer.owner = r,
                        .outer = m->ROUTE.outer};
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
        outer_key(&r->outer, key);
        if (r->outer.family)
            (void)vc_group_add(&n->route_outer, key, &r->same_outer);
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
        enum vc_worker_at at = vc_worker_train(n->worker, &train, m->FORWARD.taken);
        if (at != m->FORWARD.believed) {
            struct vc_msg mine = {.type = VC_IPC_CLAIM, .CLAIM = {.from = train.peer, .at = (uint8_t)at}};
            (void)vc_port_offer(port, &mine);
        }
        break;
    }
    case VC_IPC_CLAIM:
        if (m->CLAIM.at == VC_AT_NOTHING)
            unclaim(n, &m->CLAIM.from, port->index);
        else if (m->CLAIM.at <= VC_AT_CHANNEL)
            claim(n, &m->CLAIM.from, port->index, m->CLAIM.at);
        break;
    default:
        break;
    }
}

static void on_lost(struct vc_port *port, bool malformed)
{
    (void)malformed; /* the supervisor brings its successor */
    forget_claims_of(port->owner, port->index);
}

void vc_neighbours_meet(struct vc_neighbours *n, uint16_t index, int fd)
{
    if (index >= VC_NEIGHBOURS_MAX) {
        (void)close(fd);
        return;
    }
    vc_port_close(&n->ports[index]);
    forget_claims_of(n, index);
    vc_port_open(&n->ports[index], n->loop, fd, VC_ROLE_TUNNEL, VC_ROLE_TUNNEL, index, on_message, on_lost, n);
}

void vc_neighbours_deinit(struct vc_neighbours *n)
{
    struct claim *c;
    struct route *r;
    for (size_t at = 0; (c = vc_map_next(&n->claims, &at)); at = 0)
        forget_claim(n, c);
    for (size_t at = 0; (r = vc_map_next(&n->routes, &at)); at = 0)
        forget_route(n, r);
    for (int i = 0; i < VC_NEIGHBOURS_MAX; i++)
        vc_port_close(&n->ports[i]);
    vc_map_deinit(&n->routes);
    vc_map_deinit(&n->route4);
    vc_map_deinit(&n->route6);
    vc_map_deinit(&n->route_id);
    vc_map_deinit(&n->route_outer);
    vc_map_deinit(&n->claims);
    vc_heap_deinit(&n->claim_ends);
    vc_heap_deinit(&n->hint_ends);
}
