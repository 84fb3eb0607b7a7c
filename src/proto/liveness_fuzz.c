/* A script of one channel's life: time goes on, the peer is heard, something is sent, the owner ticks (in time or
 * late). Property: after a tick nothing is due in the past, each moment has at most one action, the peer is never dead
 * without having been asked and given its time, and with DPD on it is dead in the end. */
#include "base/reader.h"
#include "proto/liveness.h"

#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)

static void must(bool holds)
{
    if (!holds)
        abort();
}

/** What the script knows of the channel by itself. */
struct seen {
    unsigned asked; /* since the peer was last heard */
    uint64_t heard_ns, last_asked_ns;
    bool dead;
};

static void tick(struct vc_liveness *l, struct seen *s, uint64_t now)
{
    bool was_due = vc_liveness_due(l) <= now;
    enum vc_liveness_do what = vc_liveness_tick(l, now);
    must((what != VC_LIVENESS_NOTHING) == was_due);
    must(!s->dead || what == VC_LIVENESS_NOTHING);
    switch (what) {
    case VC_LIVENESS_ASK:
        must(now > s->heard_ns);
        s->asked++;
        s->last_asked_ns = now;
        break;
    case VC_LIVENESS_DEAD: {
        unsigned least = l->end == VC_END_CLIENT ? 2 : 1;
        must(s->asked >= least && now > s->last_asked_ns && now - s->heard_ns >= 3 * SECOND_NS / 2);
        must(l->quick || now - s->heard_ns >= l->dpd_ns * (l->end == VC_END_CLIENT ? 2 : 3));
        s->dead = true;
        break;
    }
    case VC_LIVENESS_KEEPALIVE:
        must(l->keepalive_ns > 0);
        break;
    case VC_LIVENESS_NOTHING:
        break;
    }
    must(vc_liveness_due(l) > now);
    must(vc_liveness_tick(l, now) == VC_LIVENESS_NOTHING);
    must(!s->dead || vc_liveness_due(l) == UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    uint8_t flags = vc_take_u8(&r);
    enum vc_end end = flags & 1 ? VC_END_CLIENT : VC_END_GATEWAY;
    uint32_t dpd_s = flags & 4 ? vc_take_u24(&r) : vc_take_u8(&r);
    uint32_t keepalive_s = flags & 8 ? vc_take_u24(&r) : vc_take_u8(&r);
    int jitter = (int8_t)vc_take_u8(&r);
    uint64_t now = 1 + vc_take_u48(&r);
    struct vc_liveness l;
    vc_liveness_init(&l, end, flags & 2, dpd_s, keepalive_s, jitter, now);
    struct seen s = {.heard_ns = now};
    must(l.dpd_ns <= (dpd_s ? dpd_s : 60) * (SECOND_NS / 100 * 110) && (l.dpd_ns > 0) == (dpd_s > 0 || end));
    must(vc_liveness_due(&l) > now);

    for (unsigned steps = 0; r.left > 0 && steps < 1000; steps++) {
        uint8_t what = vc_take_u8(&r);
        switch (what % 6) {
        case 0: /* ms */
            now += (uint64_t)vc_take_u16(&r) * 1000000;
            break;
        case 1: /* a process that slept */
            now += (uint64_t)vc_take_u24(&r) * SECOND_NS;
            break;
        case 2:
            vc_liveness_heard(&l, now);
            s = (struct seen){.heard_ns = now};
            break;
        case 3:
            vc_liveness_sent(&l, what & 128, now);
            break;
        case 4: { /* in time */
            uint64_t due = vc_liveness_due(&l);
            if (due != UINT64_MAX && due - now < DAY_NS)
                now = due > now ? due : now;
            tick(&l, &s, now);
            break;
        }
        default:
            tick(&l, &s, now);
        }
    }

    /* the peer says nothing any more */
    for (unsigned n = 0; n < 16 && vc_liveness_due(&l) != UINT64_MAX && keepalive_s == 0; n++) {
        uint64_t due = vc_liveness_due(&l);
        now = due > now ? due : now;
        tick(&l, &s, now);
    }
    must(s.dead || keepalive_s > 0 || l.dpd_ns == 0);
    return 0;
}
