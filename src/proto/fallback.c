#include "proto/fallback.h"

#define SECOND_NS UINT64_C(1000000000)
#define SILENT_AFTER_NS (35 * SECOND_NS)
#define GRACE_NS (3 * SECOND_NS) /* late TCP data right after the switch must not flip it */
#define PAIR_NS SECOND_NS
#define HOLD_NS (300 * UINT64_C(1000000)) /* openconnect asks six times, 50 ms apart, for each size */
#define HOLD_MAX_NS (10 * SECOND_NS)      /* and gives up after ten seconds */
#define SETTLE_NS SECOND_NS               /* late UDP data right after the flip must not undo it */

void vc_fallback_init(struct vc_fallback *f, bool dtls_offered, uint32_t switch_to_tcp_s, uint64_t now_ns)
{
    *f = (struct vc_fallback){.way = VC_WAY_CSTP,
                              .why = VC_WAY_START,
                              .offered = dtls_offered,
                              .connect_ns = now_ns,
                              .switch_ns = switch_to_tcp_s * SECOND_NS};
}

static bool go(struct vc_fallback *f, enum vc_way way, enum vc_way_why why)
{
    bool changed = f->way != way;
    f->way = (uint8_t)way;
    f->why = (uint8_t)why;
    f->tcp_data_ns = 0;
    return changed;
}

bool vc_fallback_finished(struct vc_fallback *f, uint64_t now_ns)
{
    f->hello_seen = true;
    f->finished_ns = now_ns;
    f->heard_ns = now_ns;
    return go(f, VC_WAY_DTLS, VC_WAY_FINISHED);
}

void vc_fallback_hold(struct vc_fallback *f, uint64_t now_ns)
{
    f->hold_ns = now_ns + HOLD_NS;
}

bool vc_fallback_udp_heard(struct vc_fallback *f, bool data, uint64_t now_ns)
{
    f->heard_ns = now_ns;
    if (data)
        f->hold_ns = 0;
    else if (now_ns < f->hold_ns && now_ns - f->finished_ns < HOLD_MAX_NS)
        f->hold_ns = now_ns + HOLD_NS;
    switch ((enum vc_way_why)f->why) {
    case VC_WAY_START:
    case VC_WAY_CLOSED:
    case VC_WAY_FINISHED:
    case VC_WAY_UDP_ALIVE:
        return false;
    case VC_WAY_DEAD:
    case VC_WAY_UDP_SILENT:
        return go(f, VC_WAY_DTLS, VC_WAY_UDP_ALIVE);
    case VC_WAY_TCP_DATA: /* a mere DPD may still come through a path that loses what we send */
        if (!data || now_ns - f->flipped_ns < SETTLE_NS)
            return false;
        return go(f, VC_WAY_DTLS, VC_WAY_UDP_ALIVE);
    }
    return false;
}

bool vc_fallback_tcp_data(struct vc_fallback *f, uint64_t now_ns)
{
    if (f->way != VC_WAY_DTLS || now_ns - f->finished_ns < GRACE_NS)
        return false;
    if (f->tcp_data_ns == 0 || now_ns - f->tcp_data_ns > PAIR_NS) {
        f->tcp_data_ns = now_ns;
        return false;
    }
    f->flipped_ns = now_ns;
    return go(f, VC_WAY_CSTP, VC_WAY_TCP_DATA);
}

bool vc_fallback_dead(struct vc_fallback *f)
{
    if (f->why == VC_WAY_START || f->why == VC_WAY_CLOSED)
        return false;
    return go(f, VC_WAY_CSTP, VC_WAY_DEAD);
}

bool vc_fallback_closed(struct vc_fallback *f)
{
    if (f->why == VC_WAY_START)
        return false;
    return go(f, VC_WAY_CSTP, VC_WAY_CLOSED);
}

static uint64_t silent_due(const struct vc_fallback *f)
{
    bool waits = f->offered && !f->hello_seen && !f->silent_told;
    return waits ? f->connect_ns + SILENT_AFTER_NS : UINT64_MAX;
}

static uint64_t switch_due(const struct vc_fallback *f)
{
    return f->way == VC_WAY_DTLS && f->switch_ns > 0 ? f->heard_ns + f->switch_ns : UINT64_MAX;
}

uint64_t vc_fallback_due(const struct vc_fallback *f)
{
    uint64_t silent = silent_due(f), to_tcp = switch_due(f);
    return silent < to_tcp ? silent : to_tcp;
}

enum vc_fallback_do vc_fallback_tick(struct vc_fallback *f, uint64_t now_ns)
{
    if (now_ns >= silent_due(f)) {
        f->silent_told = true;
        return VC_FALLBACK_SILENT;
    }
    if (now_ns >= switch_due(f)) {
        (void)go(f, VC_WAY_CSTP, VC_WAY_UDP_SILENT);
        return VC_FALLBACK_TO_TCP;
    }
    return VC_FALLBACK_NOTHING;
}

const char *vc_way_why_name(enum vc_way_why why)
{
    switch (why) {
    case VC_WAY_START:
        return "start";
    case VC_WAY_FINISHED:
        return "finished";
    case VC_WAY_UDP_ALIVE:
        return "udp-alive";
    case VC_WAY_CLOSED:
        return "closed";
    case VC_WAY_DEAD:
        return "dead";
    case VC_WAY_UDP_SILENT:
        return "udp-silent";
    case VC_WAY_TCP_DATA:
        return "tcp-data";
    }
    return "";
}
