#include "gateway/authority/members.h"

#include <stdlib.h>

/* The tunnel process ends a session at session-timeout by itself, with a word to the client; this is for one that does
 * not. */
#define TUNNEL_FIRST_NS 3000000000ULL

void vc_members_init(struct vc_members *ms, const uint64_t seed[2])
{
    *ms = (struct vc_members){0};
    vc_map_init(&ms->by_id, sizeof(uint64_t), seed);
    vc_map_init(&ms->by_token, 32, seed);
}

void vc_members_deinit(struct vc_members *ms)
{
    struct vc_member *m;
    for (size_t at = 0; (m = vc_map_next(&ms->by_id, &at));)
        free(m);
    vc_map_deinit(&ms->by_id);
    vc_map_deinit(&ms->by_token);
    vc_heap_deinit(&ms->deadlines);
}

static void count(struct vc_members *ms, struct vc_member *m, bool counts, uint16_t process)
{
    ms->n_count = ms->n_count - m->in_count + counts;
    if (m->in_process < VC_MEMBER_PROCESSES_MAX)
        ms->n_process[m->in_process]--;
    if (process < VC_MEMBER_PROCESSES_MAX)
        ms->n_process[process]++;
    m->in_count = counts;
    m->in_process = process;
}

static void count_anew(struct vc_members *ms, struct vc_member *m)
{
    const struct vc_member_tunnel *t = vc_member_is_live(m) ? &m->live : &m->pending;
    count(ms, m, vc_member_counts(m), t->generation != 0 ? t->process : VC_NO_TUNNEL);
}

struct vc_member *vc_members_add(struct vc_members *ms, uint64_t id, const uint8_t token_hash[32])
{
    struct vc_member *m;
    if (vc_map_get(&ms->by_id, &id) || vc_map_get(&ms->by_token, token_hash) || !(m = calloc(1, sizeof(*m))))
        return NULL;
    m->id = id;
    m->end_ns = m->wait_ns = UINT64_MAX;
    m->live.process = m->pending.process = m->outlived.process = m->in_process = VC_NO_TUNNEL;
    m->due.owner = m;
    memcpy(m->token_hash, token_hash, sizeof(m->token_hash));
    if (vc_map_put(&ms->by_id, &id, m) == 0 && vc_map_put(&ms->by_token, token_hash, m) == 0 &&
        vc_heap_set(&ms->deadlines, &m->due, UINT64_MAX) == 0) {
        ms->n++;
        count_anew(ms, m);
        return m;
    }
    (void)vc_map_remove(&ms->by_id, &id);
    (void)vc_map_remove(&ms->by_token, token_hash);
    free(m);
    return NULL;
}

void vc_members_void_token(struct vc_members *ms, struct vc_member *m, enum vc_cause why)
{
    if (m->token_void)
        return;
    m->token_void = true;
    (void)vc_map_remove(&ms->by_token, m->token_hash);
    unsigned at = ms->at_ended++ % (sizeof(ms->ended) / sizeof(ms->ended[0]));
    memcpy(ms->ended[at].token_hash, m->token_hash, sizeof(m->token_hash));
    ms->ended[at].cause = why;
    count_anew(ms, m);
}

void vc_members_remove(struct vc_members *ms, struct vc_member *m, enum vc_cause why)
{
    vc_members_void_token(ms, m, why);
    count(ms, m, false, VC_NO_TUNNEL);
    vc_heap_remove(&ms->deadlines, &m->due);
    (void)vc_map_remove(&ms->by_id, &m->id);
    ms->n--;
    free(m);
}

struct vc_member *vc_members_find(const struct vc_members *ms, uint64_t id)
{
    return vc_map_get(&ms->by_id, &id);
}

struct vc_member *vc_members_by_token(const struct vc_members *ms, const uint8_t token_hash[32], enum vc_cause *why)
{
    struct vc_member *m = vc_map_get(&ms->by_token, token_hash);
    *why = VC_CAUSE_COOKIE_UNKNOWN;
    for (size_t i = 0; !m && i < sizeof(ms->ended) / sizeof(ms->ended[0]); i++) {
        enum vc_cause c = ms->ended[i].cause;
        if ((c == VC_CAUSE_COOKIE_EXPIRED || c == VC_CAUSE_SESSION_TIMEOUT) &&
            memcmp(ms->ended[i].token_hash, token_hash, 32) == 0)
            *why = VC_CAUSE_COOKIE_EXPIRED;
    }
    return m;
}

struct vc_member *vc_members_next(const struct vc_members *ms, size_t *at)
{
    return vc_map_next(&ms->by_id, at);
}

bool vc_member_counts(const struct vc_member *m)
{
    return !m->token_void && (vc_member_is_live(m) || m->pending.generation != 0 || !m->connected_once);
}

size_t vc_members_of_user(const struct vc_members *ms, const char *user, struct vc_member **fresh,
                          struct vc_member **oldest)
{
    struct vc_member *m;
    size_t n = 0;
    *fresh = *oldest = NULL;
    for (size_t at = 0; (m = vc_map_next(&ms->by_id, &at));) {
        if (!vc_member_counts(m) || strcmp(m->user, user) != 0)
            continue;
        n++;
        if (!*oldest || m->created_ns < (*oldest)->created_ns)
            *oldest = m;
        if (!vc_member_is_live(m) && m->pending.generation == 0 && (!*fresh || m->created_ns < (*fresh)->created_ns))
            *fresh = m;
    }
    return n;
}

uint64_t vc_member_due(const struct vc_member *m)
{
    uint64_t due = m->end_ns;
    if (m->closing_ns != 0)
        return m->closing_ns;
    if (vc_member_is_live(m) && due < UINT64_MAX - TUNNEL_FIRST_NS)
        due += TUNNEL_FIRST_NS;
    if (m->pending.generation != 0)
        return m->pending_ns < due ? m->pending_ns : due;
    if (!vc_member_is_live(m) && m->wait_ns < due)
        due = m->wait_ns;
    return due;
}

void vc_member_schedule(struct vc_members *ms, struct vc_member *m)
{
    (void)vc_heap_set(&ms->deadlines, &m->due, vc_member_due(m)); /* it is in the heap: this cannot fail */
    count_anew(ms, m);
}

enum vc_member_what vc_member_happens(const struct vc_member *m, uint64_t now_ns)
{
    if (vc_member_due(m) > now_ns)
        return VC_MEMBER_NOTHING;
    if (m->closing_ns != 0)
        return VC_MEMBER_CLOSED;
    if (m->end_ns <= now_ns)
        return VC_MEMBER_SESSION_OVER;
    return m->pending.generation != 0 ? VC_MEMBER_NOT_TAKEN_UP : VC_MEMBER_COOKIE_OVER;
}
