#include "event/quota.h"

#define MINUTE_NS 60000000000ULL
#define COST_NS (MINUTE_NS / VC_QUOTA_PER_MINUTE) /* what an event takes out of a bucket, as time until it is back */

_Static_assert(VC_N_EVENTS <= 64, "a bit each");

/** Who caused it, from the text of an endpoint or of an address. */
static bool source_of(const struct vc_event *e, struct vc_prefix *out)
{
    struct vc_str rest, text = {0};
    struct vc_ip ip;
    for (unsigned i = 0; i < e->n_fields; i++) {
        if (e->fields[i].field == VC_FIELD_SOURCE)
            text = vc_str_of(e->fields[i].text);
    }
    if (text.len == 0)
        return false;
    if (text.at[0] == '[')
        text = vc_str_cut((struct vc_str){.at = text.at + 1, .len = text.len - 1}, ']', &rest);
    else if (!vc_ip_parse(text, &ip))
        text = vc_str_cut(text, ':', &rest);
    (void)vc_ip_parse(text, &ip); /* what is no address is one more source */
    *out = vc_prefix_of(&ip, ip.family == VC_FAMILY_V6 ? 64 : 32);
    return true;
}

static struct vc_quota_bucket *find(struct vc_quota *q, const struct vc_prefix *source)
{
    for (unsigned i = 0; i < VC_QUOTA_SOURCES; i++) {
        if (vc_ip_eq(&q->of[i].source.ip, &source->ip))
            return &q->of[i];
    }
    return NULL;
}

/** That of a source which has none yet. One that is full again says no more than a new one. */
static struct vc_quota_bucket *found(struct vc_quota *q, const struct vc_prefix *source, uint64_t now_ns)
{
    for (unsigned i = 0; source->ip.family != VC_FAMILY_NONE && i < VC_QUOTA_SOURCES; i++) {
        struct vc_quota_bucket *b = &q->of[i];
        if (b->full_ns <= now_ns && b->tell_ns == 0) { // NOLINT(clang-analyzer-core.NullDereference): q is not NULL
            *b = (struct vc_quota_bucket){.source = *source};
            return b;
        }
    }
    return &q->shared;
}

bool vc_quota_take(struct vc_quota *q, const struct vc_event *e, uint64_t now_ns)
{
    struct vc_prefix source;
    bool welcome = e->id == VC_EVENT_USER_SUCCESS || e->id == VC_EVENT_CSTP_CONNECT;
    if ((e->session != 0 && !welcome) || vc_event_phase(e->id) == VC_PHASE_PROCESS || !source_of(e, &source))
        return true;
    struct vc_quota_bucket *b = source.ip.family == VC_FAMILY_NONE ? NULL : find(q, &source);
    if (welcome) {
        if (b)
            b->full_ns = now_ns;
        return true;
    }
    if (!b)
        b = found(q, &source, now_ns);
    uint64_t full_ns = b->full_ns > now_ns ? b->full_ns : now_ns;
    if (full_ns - now_ns <= (VC_QUOTA_AT_ONCE - 1) * COST_NS) {
        b->full_ns = full_ns + COST_NS;
        return true;
    }
    b->left_out++;
    b->kinds |= 1ULL << e->id;
    if (b->tell_ns == 0) {
        b->tell_ns = now_ns + MINUTE_NS;
        if (q->due_ns == 0) /* else an earlier one is */
            q->due_ns = b->tell_ns;
    }
    return false;
}

uint64_t vc_quota_due(const struct vc_quota *q)
{
    return q->due_ns ? q->due_ns : UINT64_MAX;
}

/** "tls.accepted, tls.failed": as many as fit. */
static void put_kinds(uint64_t kinds, char *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    for (unsigned i = 0; i < VC_N_EVENTS; i++) {
        const char *name = vc_event_name((enum vc_event_id)i);
        if (!(kinds >> i & 1))
            continue;
        if (vc_written(&w) + strlen(name) + sizeof(", , ...") > cap) {
            vc_put_text(&w, ", ...");
            break;
        }
        vc_put_fmt(&w, "%s%s", vc_written(&w) ? ", " : "", name);
    }
    (void)vc_put_end_text(&w);
}

static void tell(struct vc_quota_bucket *b, struct vc_event *e)
{
    char source[VC_PREFIX_TEXT], kinds[sizeof(e->fail.detail)];
    *e = vc_event_of(VC_EVENT_LEFT_OUT, VC_OUTCOME_REFUSED, 0, 0);
    if (b->source.ip.family == VC_FAMILY_V4)
        vc_ip_print(&b->source.ip, source);
    else if (b->source.ip.family == VC_FAMILY_V6)
        vc_prefix_print(&b->source, source);
    else
        (void)vc_str_copy(VC_STR("others"), source, sizeof(source));
    vc_event_text(e, VC_FIELD_SOURCE, vc_str_of(source));
    vc_event_number(e, VC_FIELD_COUNT, b->left_out);
    put_kinds(b->kinds, kinds, sizeof(kinds));
    vc_fail_set(&e->fail, VC_CAUSE_SOURCE_FLOOD, 0, "%s", kinds);
    b->tell_ns = b->left_out = b->kinds = 0;
}

bool vc_quota_tell(struct vc_quota *q, uint64_t now_ns, struct vc_event *e)
{
    struct vc_quota_bucket *next = NULL;
    if (q->due_ns == 0 || q->due_ns > now_ns)
        return false;
    for (unsigned i = 0; i <= VC_QUOTA_SOURCES; i++) {
        struct vc_quota_bucket *b = i < VC_QUOTA_SOURCES ? &q->of[i] : &q->shared;
        if (b->tell_ns != 0 && (!next || b->tell_ns < next->tell_ns))
            next = b;
    }
    q->due_ns = next ? next->tell_ns : 0;
    if (!next || next->tell_ns > now_ns)
        return false;
    tell(next, e);
    return true;
}
