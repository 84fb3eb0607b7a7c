#include "proto/liveness.h"

#define SECOND_NS UINT64_C(1000000000)
#define CLIENT_DPD_S 60
#define QUICK_AFTER_NS (3 * SECOND_NS)
#define QUICK_EVERY_NS SECOND_NS
#define QUICK_MAX 3

static uint64_t period(uint32_t seconds, int jitter_percent)
{
    if (jitter_percent < -10)
        jitter_percent = -10;
    if (jitter_percent > 10)
        jitter_percent = 10;
    return seconds * (SECOND_NS / 100) * (uint64_t)(100 + jitter_percent);
}

void vc_liveness_init(struct vc_liveness *l, enum vc_end end, bool quick, uint32_t dpd_s, uint32_t keepalive_s,
                      int jitter_percent, uint64_t now_ns)
{
    if (end == VC_END_CLIENT && dpd_s == 0)
        dpd_s = CLIENT_DPD_S;
    *l = (struct vc_liveness){.end = (uint8_t)end,
                              .quick = quick && end == VC_END_CLIENT,
                              .dpd_ns = period(dpd_s, jitter_percent),
                              .keepalive_ns = period(keepalive_s, jitter_percent),
                              .heard_ns = now_ns,
                              .sent_ns = now_ns};
}

void vc_liveness_heard(struct vc_liveness *l, uint64_t now_ns)
{
    l->heard_ns = now_ns;
    l->asked = 0;
    l->quick_asked = 0;
    l->data_ns = 0;
    l->dead = false;
}

void vc_liveness_sent(struct vc_liveness *l, bool data, uint64_t now_ns)
{
    l->sent_ns = now_ns;
    if (data && l->data_ns == 0)
        l->data_ns = now_ns;
}

/** The next question, or the end of the wait for its answer. */
static uint64_t dpd_due(const struct vc_liveness *l)
{
    if (l->dpd_ns == 0)
        return UINT64_MAX;
    return l->asked == 0 ? l->heard_ns + l->dpd_ns : l->asked_ns + l->dpd_ns / 2;
}

static uint64_t quick_due(const struct vc_liveness *l)
{
    if (!l->quick || l->data_ns == 0)
        return UINT64_MAX;
    return l->quick_asked == 0 ? l->data_ns + QUICK_AFTER_NS : l->asked_ns + QUICK_EVERY_NS;
}

static uint64_t keepalive_due(const struct vc_liveness *l)
{
    return l->keepalive_ns == 0 ? UINT64_MAX : l->sent_ns + l->keepalive_ns;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t vc_liveness_due(const struct vc_liveness *l)
{
    if (l->dead)
        return UINT64_MAX;
    return earlier(earlier(dpd_due(l), quick_due(l)), keepalive_due(l));
}

static enum vc_liveness_do ask(struct vc_liveness *l, uint64_t now_ns)
{
    if (l->asked < UINT8_MAX)
        l->asked++;
    l->asked_ns = now_ns;
    vc_liveness_sent(l, false, now_ns);
    return VC_LIVENESS_ASK;
}

static enum vc_liveness_do die(struct vc_liveness *l)
{
    l->dead = true;
    return VC_LIVENESS_DEAD;
}

enum vc_liveness_do vc_liveness_tick(struct vc_liveness *l, uint64_t now_ns)
{
    bool client = l->end == VC_END_CLIENT;
    if (l->dead)
        return VC_LIVENESS_NOTHING;
    if (now_ns >= quick_due(l)) {
        if (l->quick_asked >= QUICK_MAX)
            return die(l);
        l->quick_asked++;
        return ask(l, now_ns);
    }
    if (now_ns >= dpd_due(l)) {
        uint64_t silent_ns = now_ns - l->heard_ns;
        if (silent_ns >= l->dpd_ns * (client ? 2 : 3) && l->asked >= (client ? 2 : 1))
            return die(l);
        return ask(l, now_ns);
    }
    if (now_ns >= keepalive_due(l)) {
        vc_liveness_sent(l, false, now_ns);
        return VC_LIVENESS_KEEPALIVE;
    }
    return VC_LIVENESS_NOTHING;
}
