/* The life of a session: it begins with a login's success, is in the store before the client hears of it, and ends
 * once: by its client, by a timeout or by an administrator. */
#include "gateway/authority/authority.h"

#include "crypto/hash.h"
#include "sys/random.h"

#include <string.h>

#define NS 1000000000ULL

/* Waiting sessions have their addresses too: more of them than clients at once can only be left-overs. */
static size_t members_max(const struct vc_authority *a)
{
    return 2 * (size_t)a->conf.max_clients + 256;
}

static int64_t wall_s(void)
{
    return (int64_t)(vc_clock_wall_ns() / NS);
}

/** The wall clock's reading of a time to come. */
static int64_t wall_of(const struct vc_authority *a, uint64_t mono_ns)
{
    uint64_t now = vc_authority_now(a);
    return wall_s() + (mono_ns > now ? (int64_t)((mono_ns - now) / NS) : 0);
}

/* ---- the store ---- */

static void store_failed(struct vc_authority *a, uint64_t session, const struct vc_fail *fail)
{
    a->store_behind = true;
    if (a->store_failed)
        return; /* said once, until it works again */
    a->store_failed = true;
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, 0, session);
    vc_event_text(&e, VC_FIELD_FILE, VC_STR(VC_AUTHORITY_STORE));
    e.fail = *fail;
    vc_authority_emit(a, &e);
}

static struct vc_store_row row_of(const struct vc_authority *a, const struct vc_member *m)
{
    const struct vc_member_tunnel *t = m->pending.generation ? &m->pending : &m->live;
    struct vc_store_row row = {.id = m->id,
                               .source = m->source.ip,
                               .created_s = m->created_s,
                               .ends_s = m->end_ns == UINT64_MAX ? 0 : wall_of(a, m->end_ns),
                               .waits_s = vc_member_is_live(m) ? 0 : wall_of(a, m->wait_ns),
                               .v4 = m->v4,
                               .v6 = m->v6,
                               .generation = m->generation,
                               .process = t->process,
                               .up = m->live.generation,
                               .rx_bytes = m->rx_bytes,
                               .tx_bytes = m->tx_bytes,
                               .mtu = t->mtu,
                               .dpd_s = t->dpd_s,
                               .keepalive_s = t->keepalive_s};
    memcpy(row.token_hash, m->token_hash, sizeof(row.token_hash));
    memcpy(row.dtls_id, t->dtls_id, sizeof(row.dtls_id));
    (void)vc_str_copy(vc_str_of(m->user), row.user, sizeof(row.user));
    (void)vc_str_copy(vc_str_of(m->group), row.group, sizeof(row.group));
    (void)vc_str_copy(vc_str_of(m->agent), row.agent, sizeof(row.agent));
    (void)vc_str_copy(vc_str_of(t->suite), row.suite, sizeof(row.suite));
    (void)vc_str_copy(vc_str_of(t->hostname), row.hostname, sizeof(row.hostname));
    return row;
}

static int put(struct vc_authority *a, struct vc_member *m, struct vc_fail *fail)
{
    struct vc_store_row row = row_of(a, m);
    int r = vc_store_put(a->store, &row, fail);
    if (r == VC_STORE_TAKEN) { /* our table says whose an address is: who has it in the store has it no more */
        r = vc_store_take_addresses(a->store, &row, fail);
        if (r == 0)
            r = vc_store_put(a->store, &row, fail);
    }
    m->dirty = r != 0;
    if (r != 0)
        store_failed(a, m->id, fail);
    else if (a->store_behind && a->alive_ns > vc_authority_now(a) + NS)
        a->alive_ns = vc_authority_now(a) + NS; /* it works again: the rest need not wait long */
    return r == 0 ? 0 : -1;
}

void vc_sessions_save(struct vc_authority *a, struct vc_member *m)
{
    struct vc_fail fail;
    if (!m->token_void)
        (void)put(a, m, &fail);
}

static void forget_row(struct vc_authority *a, uint64_t id)
{
    struct vc_fail fail;
    if (vc_store_remove(a->store, id, &fail) != 0)
        store_failed(a, id, &fail); /* a token that was ended must not rise with our next life: it is tried again */
}

static bool is_kept(void *arg, uint64_t id)
{
    const struct vc_authority *a = arg;
    const struct vc_member *m = vc_members_find(&a->members, id);
    return m && !m->token_void;
}

/** The store gets what it lacks and loses what is over. *n_left: rows that should be gone. */
static void catch_up(struct vc_authority *a, uint64_t *n_left)
{
    struct vc_member *m;
    struct vc_fail fail;
    a->store_behind = false; /* until something fails again */
    if (vc_store_sweep(a->store, is_kept, a, n_left, &fail) != 0)
        store_failed(a, 0, &fail);
    for (size_t at = 0; (m = vc_members_next(&a->members, &at));) {
        if (m->dirty)
            vc_sessions_save(a, m);
    }
}

/* ---- begin ---- */

static bool room_for(struct vc_authority *a, const struct vc_conf *conf, const char *user, enum vc_login_error *error,
                     struct vc_fail *fail)
{
    struct vc_member *fresh, *oldest;
    if (conf->max_same_clients > 0 &&
        vc_members_of_user(&a->members, user, &fresh, &oldest) >= conf->max_same_clients) {
        if (!fresh && conf->same_clients != VC_CONF_SAME_OLDEST) {
            *error = VC_LOGIN_ERROR_TOO_MANY;
            vc_fail_set(fail, VC_CAUSE_MAX_SAME_CLIENTS, 0, "max-same-clients is %u", conf->max_same_clients);
            return false;
        }
        /* a login that came to nothing blocks nobody */
        vc_sessions_end(a, fresh ? fresh : oldest, VC_CAUSE_MAX_SAME_CLIENTS,
                        fresh ? NULL : "A newer login of this user took the place of this session");
    }
    if (vc_members_count(&a->members) >= a->conf.max_clients || a->members.n >= members_max(a)) {
        *error = VC_LOGIN_ERROR_FULL;
        vc_fail_set(fail, VC_CAUSE_MAX_CLIENTS, 0, "max-clients is %u", a->conf.max_clients);
        return false;
    }
    return true;
}

/** A new number, and a token that is told once: only its hash is kept. */
static struct vc_member *add(struct vc_authority *a, uint8_t token[32])
{
    uint8_t hash[VC_HASH_MAX];
    vc_random(token, 32);
    do
        a->last_id = a->last_id < 0x7fffffffU ? a->last_id + 1 : 1; /* small numbers: people type them */
    while (vc_members_find(&a->members, a->last_id));
    const struct vc_piece piece = {token, 32};
    return vc_hash(VC_HASH_SHA256, &piece, 1, hash) == 0 ? vc_members_add(&a->members, a->last_id, hash) : NULL;
}

struct vc_member *vc_sessions_begin(struct vc_authority *a, const struct vc_conf *conf, const struct vc_waiting *who,
                                    uint8_t token[32], enum vc_login_error *error, struct vc_fail *fail)
{
    uint64_t now = vc_authority_now(a);
    *error = VC_LOGIN_ERROR_BUSY;
    if (!room_for(a, conf, who->login.user, error, fail))
        return NULL;
    struct vc_member *m = add(a, token);
    if (!m) {
        vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "a session");
        return NULL;
    }
    (void)vc_str_copy(vc_str_of(who->login.user), m->user, sizeof(m->user));
    (void)vc_str_copy(vc_str_of(who->login.granted), m->group, sizeof(m->group));
    (void)vc_str_copy(vc_str_of(who->agent), m->agent, sizeof(m->agent));
    m->source = who->source;
    m->created_s = wall_s();
    m->created_ns = now;
    if (conf->session_timeout_s > 0)
        m->end_ns = now + conf->session_timeout_s * NS;
    m->wait_ns = now + conf->cookie_timeout_s * NS;
    vc_member_schedule(&a->members, m);
    if (put(a, m, fail) != 0) { /* what is not in the store would be lost with us: then rather no session */
        vc_members_remove(&a->members, m, VC_CAUSE_STORE);
        return NULL;
    }
    return m;
}

/* ---- end ---- */

static void count_end(struct vc_authority *a, const struct vc_member *m, uint64_t seconds)
{
    a->stats.handled++;
    a->stats.session_s += seconds;
    if (seconds > a->stats.session_max_s)
        a->stats.session_max_s = seconds;
    a->stats.rx += m->rx_bytes;
    a->stats.tx += m->tx_bytes;
    if (m->end_cause == VC_CAUSE_SESSION_TIMEOUT)
        a->stats.timed_out++;
    else if (m->end_cause == VC_CAUSE_IDLE_TIMEOUT)
        a->stats.idle_out++;
    else if (m->end_cause == VC_CAUSE_COOKIE_EXPIRED)
        a->stats.errors++;
}

void vc_sessions_finish(struct vc_authority *a, struct vc_member *m)
{
    uint64_t seconds = (vc_authority_now(a) - m->created_ns) / NS;
    struct vc_event e = vc_event_of(VC_EVENT_SESSION_ENDED, VC_OUTCOME_OK, 0, m->id);
    char ip[VC_IP_TEXT];
    if (vc_member_is_live(m)) { /* its tunnel said nothing more */
        m->rx_bytes += m->live_rx;
        m->tx_bytes += m->live_tx;
    }
    e.fail.cause = m->end_cause;
    vc_event_text(&e, VC_FIELD_USER, vc_str_of(m->user));
    if (m->v4.family != VC_FAMILY_NONE) {
        vc_ip_print(&m->v4, ip);
        vc_event_text(&e, VC_FIELD_ADDRESS4, vc_str_of(ip));
    }
    if (m->v6.family != VC_FAMILY_NONE) {
        vc_ip_print(&m->v6, ip);
        vc_event_text(&e, VC_FIELD_ADDRESS6, vc_str_of(ip));
    }
    vc_event_number(&e, VC_FIELD_BYTES_IN, m->rx_bytes);
    vc_event_number(&e, VC_FIELD_BYTES_OUT, m->tx_bytes);
    vc_event_number(&e, VC_FIELD_SECONDS, seconds);
    vc_authority_emit(a, &e);
    count_end(a, m, seconds);
    if (m->leased) {
        vc_tunnels_route(a, m, VC_NO_TUNNEL);
        vc_leases_free(&a->leases, &m->v4, &m->v6);
    }
    vc_members_remove(&a->members, m, m->end_cause);
}

void vc_sessions_end(struct vc_authority *a, struct vc_member *m, enum vc_cause cause, const char *bye)
{
    if (m->closing_ns != 0)
        return;
    m->end_cause = cause;
    vc_members_void_token(&a->members, m, cause);
    forget_row(a, m->id);
    if (m->pending.generation != 0)
        vc_tunnels_close(a, m, &m->pending, VC_CLOSE_BYE, cause, bye);
    if (!vc_member_is_live(m)) {
        vc_sessions_finish(a, m);
        return;
    }
    vc_tunnels_close(a, m, &m->live, VC_CLOSE_BYE, cause, bye);
    m->pending = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
    m->closing_ns = vc_authority_now(a) + VC_CLOSING_S * NS; /* nobody else gets its addresses before it is down */
    vc_member_schedule(&a->members, m);
}

void vc_sessions_leave(struct vc_authority *a, struct vc_member *m, enum vc_cause cause, const char *bye)
{
    if (!a->conf.persistent_cookies) {
        vc_sessions_end(a, m, cause, bye);
        return;
    }
    if (m->pending.generation != 0)
        vc_tunnels_close(a, m, &m->pending, VC_CLOSE_BYE, cause, bye);
    vc_tunnels_close(a, m, &m->live, VC_CLOSE_BYE, cause, bye); /* its DOWN makes the session wait */
}

void vc_sessions_wait(struct vc_authority *a, struct vc_member *m)
{
    m->live = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
    m->live_rx = m->live_tx = m->live_idle_s = 0;
    m->dtls_up = false;
    m->wait_ns = vc_authority_now(a) + a->conf.cookie_timeout_s * NS;
    vc_member_schedule(&a->members, m);
    vc_sessions_save(a, m);
}

/* ---- another life ---- */

static uint64_t clamped(int64_t seconds, uint64_t least, uint64_t most)
{
    uint64_t s = seconds < 0 ? 0 : (uint64_t)seconds;
    return s < least ? least : s > most ? most : s;
}

struct loading {
    struct vc_authority *a;
    int64_t now_s, alive_s; /* alive: when our last life was seen to live, not in the future */
    bool over;              /* there are rows that are of no use any more */
};

/** The tunnels that our last life knew of, in the one process that they were in; nobody else has a claim. */
static void recall_tunnels(struct vc_member *m, const struct vc_store_row *row, uint64_t now_ns)
{
    struct vc_member_tunnel t = {.generation = row->generation,
                                 .process = row->process,
                                 .dtls_id_len = sizeof(t.dtls_id),
                                 .mtu = row->mtu,
                                 .dpd_s = row->dpd_s,
                                 .keepalive_s = row->keepalive_s};
    memcpy(t.dtls_id, row->dtls_id, sizeof(t.dtls_id));
    (void)vc_str_copy(vc_str_of(row->suite), t.suite, sizeof(t.suite));
    (void)vc_str_copy(vc_str_of(row->hostname), t.hostname, sizeof(t.hostname));
    if (row->process >= VC_AUTHORITY_PEERS_MAX)
        return;
    if (row->up == row->generation) {
        m->outlived = t;
        return;
    }
    if (row->up != 0)
        m->outlived = (struct vc_member_tunnel){.generation = row->up, .process = row->process};
    m->pending = t; /* its client may be on the way to it */
    m->pending_ns = now_ns + VC_PENDING_S * NS;
}

/** Remaining lifetimes are computed here, once: afterwards the wall clock may do what it likes. */
static int load_row(void *arg, const struct vc_store_row *row)
{
    struct loading *l = arg;
    struct vc_authority *a = l->a;
    uint64_t now = vc_authority_now(a), cookie_s = a->conf.cookie_timeout_s, waits;
    bool ended = row->ends_s != 0 && row->ends_s <= l->now_s;
    if (row->waits_s ==
        0) /* it was up: since the end of our last life it waits, or its tunnel lives on and will say so */
        waits = clamped(l->alive_s + VC_ALIVE_S + (int64_t)cookie_s - l->now_s, VC_RESTORED_S, cookie_s);
    else
        waits = clamped(row->waits_s - l->now_s, 0, cookie_s);
    if (ended || waits == 0 || a->members.n >= members_max(a)) {
        l->over = true;
        return 0;
    }
    struct vc_member *m = vc_members_add(&a->members, row->id, row->token_hash);
    if (!m)
        return -1;
    (void)vc_str_copy(vc_str_of(row->user), m->user, sizeof(m->user));
    (void)vc_str_copy(vc_str_of(row->group), m->group, sizeof(m->group));
    (void)vc_str_copy(vc_str_of(row->agent), m->agent, sizeof(m->agent));
    m->source.ip = row->source;
    m->created_s = row->created_s;
    uint64_t age = clamped(l->now_s - row->created_s, 0, now / NS);
    m->created_ns = now - age * NS;
    if (row->ends_s != 0)
        m->end_ns =
            now +
            clamped(row->ends_s - l->now_s, 1, a->conf.session_timeout_s ? a->conf.session_timeout_s : UINT32_MAX) * NS;
    m->wait_ns = now + waits * NS;
    m->generation = row->generation;
    m->connected_once = row->generation > 0;
    recall_tunnels(m, row, now);
    m->rx_bytes = row->rx_bytes;
    m->tx_bytes = row->tx_bytes;
    bool has_lease = row->v4.family != VC_FAMILY_NONE || row->v6.family != VC_FAMILY_NONE;
    if (has_lease &&
        vc_leases_claim(&a->leases, &row->v4, &row->v6)) { /* else the pools have changed: it gets new ones */
        m->v4 = row->v4;
        m->v6 = row->v6;
        m->v6_len = a->conf.ipv6_subnet_prefix;
        m->leased = true;
    }
    vc_member_schedule(&a->members, m);
    return 0;
}

int vc_sessions_load(struct vc_authority *a, struct vc_fail *fail)
{
    struct loading l = {.a = a, .now_s = wall_s()};
    l.alive_s = vc_store_last_alive(a->store);
    a->last_id = vc_store_last_id(a->store);
    if (l.alive_s > l.now_s)
        l.alive_s = l.now_s;
    *fail = (struct vc_fail){0};
    if (vc_store_load(a->store, load_row, &l, fail) != 0)
        return fail->cause ? -1 : vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "the sessions of the store");
    if (l.over)
        catch_up(a, NULL);
    return 0;
}

void vc_sessions_stop(struct vc_authority *a)
{
    struct vc_member *m;
    struct vc_fail fail;
    uint64_t n_left = 0;
    for (size_t at = 0; (m = vc_members_next(&a->members, &at));) {
        if (vc_member_is_live(m)) {
            m->rx_bytes += m->live_rx;
            m->tx_bytes += m->live_tx;
            vc_sessions_wait(a, m);
        }
    }
    if (a->store_behind)
        catch_up(a, &n_left);
    if (n_left > 0) { /* the last word: with our memory goes what we know of them */
        struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, 0, 0);
        vc_event_text(&e, VC_FIELD_FILE, VC_STR(VC_AUTHORITY_STORE));
        vc_event_number(&e, VC_FIELD_COUNT, n_left);
        vc_fail_set(&e.fail, VC_CAUSE_STORE, 0,
                    "ended sessions could not be removed: after a restart their cookies may be good again, for "
                    "cookie-timeout at most");
        vc_authority_emit(a, &e);
    }
    (void)vc_store_alive(a->store, wall_s(), &fail);
}

/* ---- time ---- */

uint64_t vc_sessions_due(const struct vc_authority *a)
{
    const struct vc_heap_node *first = vc_heap_first(&a->members.deadlines);
    uint64_t due = first ? first->due : UINT64_MAX;
    return a->alive_ns < due ? a->alive_ns : due;
}

static void sign_of_life(struct vc_authority *a, uint64_t now_ns)
{
    struct vc_fail fail;
    a->alive_ns = now_ns + VC_ALIVE_S * NS;
    if (vc_store_alive(a->store, wall_s(), &fail) != 0)
        store_failed(a, 0, &fail);
    else if (a->store_behind)
        catch_up(a, NULL);
    if (a->store_behind || !a->store_failed)
        return;
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_OK, 0, 0);
    vc_event_text(&e, VC_FIELD_FILE, VC_STR(VC_AUTHORITY_STORE));
    vc_authority_emit(a, &e);
    a->store_failed = false;
}

static void on_due(struct vc_authority *a, struct vc_member *m, uint64_t now_ns)
{
    switch (vc_member_happens(m, now_ns)) {
    case VC_MEMBER_CLOSED:
        vc_sessions_finish(a, m);
        return;
    case VC_MEMBER_SESSION_OVER:
        vc_sessions_end(a, m, VC_CAUSE_SESSION_TIMEOUT, "Max time exceeded");
        return;
    case VC_MEMBER_COOKIE_OVER:
        vc_sessions_end(a, m, VC_CAUSE_COOKIE_EXPIRED, NULL);
        return;
    case VC_MEMBER_NOT_TAKEN_UP:
        m->pending = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
        break;
    case VC_MEMBER_NOTHING:
        break;
    }
    vc_member_schedule(&a->members, m);
}

void vc_sessions_tick(struct vc_authority *a, uint64_t now_ns)
{
    const struct vc_heap_node *first;
    while ((first = vc_heap_first(&a->members.deadlines)) && first->due <= now_ns)
        on_due(a, first->owner, now_ns);
    if (a->alive_ns <= now_ns)
        sign_of_life(a, now_ns);
}
