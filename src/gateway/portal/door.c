/* Who is let in, and who goes for a newcomer. What a connection then says is conn.c's. */
#include "gateway/portal/portal.h"

#include "sys/random.h"
#include "sys/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PAUSE_NS 100000000U

/** Turned away at the door: @fd is closed. */
static void refuse(struct vc_portal *p, int fd, const struct vc_endpoint *source, enum vc_outcome outcome,
                   const struct vc_fail *fail)
{
    char text[VC_ENDPOINT_TEXT];
    struct vc_event e = vc_event_of(VC_EVENT_TLS_FAILED, outcome, 0, 0);
    vc_endpoint_print(source, text);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(text));
    e.fail = *fail;
    vc_child_emit(&p->child, &e);
    (void)close(fd);
}

/** Nobody is accepted until a connection ends, or for a while. */
static void pause_accepting(struct vc_portal *p, bool for_a_while)
{
    p->accepting = false;
    if (for_a_while)
        p->accept_again_ns = p->child.loop.now_ns + PAUSE_NS;
    vc_watch_set(&p->listen_watch, false, false);
}

void vc_door_open(struct vc_portal *p)
{
    if (p->accepting || p->accept_again_ns != 0 || p->leaving_ns != 0 || p->listener < 0)
        return;
    p->accepting = true;
    vc_watch_set(&p->listen_watch, true, false);
}

/* ---- Who goes ---- */

struct held {
    uint64_t source;
    struct vc_conn *conn;
};

static int by_source(const void *a, const void *b)
{
    uint64_t x = ((const struct held *)a)->source, y = ((const struct held *)b)->source;
    return (x > y) - (x < y);
}

/** It brought a cookie: it is about to leave for its tunnel, and goes for nobody. */
static bool stays(const struct vc_conn *c)
{
    switch (c->state) {
    case VC_CONN_CONNECTING:
    case VC_CONN_GRANTED:
    case VC_CONN_ADOPTING:
        return true;
    case VC_CONN_HANDSHAKE:
    case VC_CONN_REQUEST:
    case VC_CONN_WAITING:
    case VC_CONN_ASKED:
    case VC_CONN_CLOSING:
        return false;
    }
    return true;
}

static bool all_stay(const struct vc_portal *p)
{
    struct vc_conn *c;
    size_t at = 0;
    while ((c = vc_map_next(&p->by_id, &at)) && stays(c))
        continue;
    return !c;
}

/** A login in progress. The authority keeps it, and it goes on over another connection. */
static bool is_login(const struct vc_conn *c)
{
    return c->form_sent || c->session != 0 || c->state == VC_CONN_ASKED || c->state == VC_CONN_WAITING;
}

/** Of @held, in the order of their sources, only those of the sources that hold most stay. */
static size_t of_the_fullest(struct held *held, size_t n)
{
    size_t most = 0, kept = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0, j; i < n; i = j) {
            for (j = i; j < n && held[j].source == held[i].source; j++)
                continue;
            if (round == 0 && j - i > most)
                most = j - i;
            for (size_t k = i; round == 1 && j - i == most && k < j; k++)
                held[kept++] = held[k];
        }
    }
    return kept;
}

static size_t without_logins(struct held *held, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_login(held[i].conn))
            held[kept++] = held[i];
    }
    return kept;
}

/**
 * Who goes for a newcomer (docs/threats.md: tunnels are given up last, then who comes back by cookie, then logins in
 * progress, then new ones): one of the source that holds most, whatever its state, since states are to be had for a
 * request. Where several hold as many, logins stay as long as they have no more than half of the places: those who
 * only begin need some, too. Among those any one: a flood cannot know which.
 * @half_open  only of those in their handshake
 * @source     only of this source; 0: of any
 * NULL: there is none.
 */
static struct vc_conn *goes_first(struct vc_portal *p, bool half_open, uint64_t source)
{
    static struct held held[VC_SLOTS_CONNECTIONS];
    size_t n = 0, n_logins = 0, at = 0;
    for (struct vc_conn *c; (c = vc_map_next(&p->by_id, &at));) {
        uint64_t its = vc_slots_source(&c->source.ip);
        n_logins += is_login(c);
        if (!stays(c) && (!half_open || p->slots.mine[c->slot] == VC_SLOT_HALF_OPEN) && (source == 0 || source == its))
            held[n++] = (struct held){its, c};
    }
    qsort(held, n, sizeof(held[0]), by_source);
    n = of_the_fullest(held, n);
    size_t fewer = n_logins > p->max_connections / 2U ? 0 : without_logins(held, n);
    if (fewer > 0)
        n = fewer;
    return n > 0 ? held[vc_random_u64() % n].conn : NULL;
}

static void dismiss(struct vc_conn *c, unsigned most, const char *what)
{
    struct vc_fail fail;
    vc_fail_set(&fail, VC_CAUSE_TOO_MANY, 0, "%u %s, and more come", most, what);
    vc_conn_dismiss(c, &fail);
}

/* ---- Who comes in ---- */

/** A slot for a newcomer; where its share or all are taken, one of ours goes for it. */
static enum vc_slots_took take_slot(struct vc_portal *p, const struct vc_ip *ip, unsigned *slot)
{
    enum vc_slots_took took = vc_slots_take(&p->slots, ip, slot);
    struct vc_conn *goes = NULL;
    if (took == VC_SLOTS_SOURCE_FULL && (goes = goes_first(p, false, vc_slots_source(ip))))
        dismiss(goes, vc_slots_per_source(&p->slots), "connections of this source");
    else if (took == VC_SLOTS_HALF_OPEN_FULL && (goes = goes_first(p, true, 0)))
        dismiss(goes, VC_SLOTS_HALF_OPEN, "half-open connections");
    return goes ? vc_slots_take(&p->slots, ip, slot) : took;
}

static void let_in(struct vc_portal *p, int fd, const struct vc_endpoint *source, const struct vc_endpoint *local)
{
    struct vc_fail fail = {0};
    unsigned slot;
    switch (take_slot(p, &source->ip, &slot)) {
    case VC_SLOTS_TOOK:
        break;
    case VC_SLOTS_SOURCE_FULL: /* at other portals */
        vc_fail_set(&fail, VC_CAUSE_TOO_MANY, 0, "%u connections of this source", vc_slots_per_source(&p->slots));
        break;
    case VC_SLOTS_SOURCE_HALF_OPEN_FULL:
        vc_fail_set(&fail, VC_CAUSE_TOO_MANY, 0, "%u half-open connections from this source",
                    VC_SLOTS_HALF_OPEN_PER_SOURCE);
        break;
    case VC_SLOTS_HALF_OPEN_FULL: /* other portals took the last ones meanwhile */
        vc_fail_set(&fail, VC_CAUSE_TOO_MANY, 0, "%u half-open connections", VC_SLOTS_HALF_OPEN);
        break;
    case VC_SLOTS_ALL_FULL:
        vc_fail_set(&fail, VC_CAUSE_TOO_MANY, 0, "%u connections", VC_SLOTS_CONNECTIONS);
        break;
    }
    if (fail.cause != VC_CAUSE_NONE) {
        refuse(p, fd, source, VC_OUTCOME_REFUSED, &fail);
        return;
    }
    struct vc_conn *goes = p->by_id.n >= p->max_connections ? goes_first(p, false, 0) : NULL;
    if (goes)
        dismiss(goes, p->max_connections, "connections");
    if (vc_conn_begin(p, fd, source, local, slot, &fail) != 0) {
        vc_slots_give(&p->slots, slot);
        refuse(p, fd, source, VC_OUTCOME_FAILED, &fail);
    }
}

void vc_door_accept(struct vc_portal *p)
{
    for (int i = 0; i < 16; i++) {
        struct vc_endpoint source, local;
        bool full = p->by_id.n >= p->max_connections;
        if (full && !p->waited && vc_slots_room_elsewhere(&p->slots)) {
            p->waited = true; /* only for a while: whoever has room may stand still */
            pause_accepting(p, true);
            return;
        }
        if (full && all_stay(p)) { /* others wait in the backlog until one ends */
            pause_accepting(p, false);
            return;
        }
        if (p->slots.n_half_open == 0 &&
            vc_slots_half_open_full(&p->slots)) { /* left to a portal that has one to give */
            pause_accepting(p, true);
            return;
        }
        int fd = vc_sock_accept(p->listener, &source, &local);
        p->waited = false;
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(p, true); /* instead of spinning */
            return;
        }
        let_in(p, fd, &source, &local);
    }
}
