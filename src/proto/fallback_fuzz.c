/* A script of events on the two channels. Property: the way and its reason agree, every change has a documented cause
 * and its earliest time, changes are told exactly once, and nothing is due in the past after a tick. */
#include "base/reader.h"
#include "proto/fallback.h"

#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)

static void must(bool holds)
{
    if (!holds)
        abort();
}

struct script {
    struct vc_fallback f;
    uint64_t now, connect, heard, finished, tcp_flip;
    uint32_t switch_s;
    bool offered, hello, silent, was_finished;
};

static bool goes_by_udp(uint8_t why)
{
    return why == VC_WAY_FINISHED || why == VC_WAY_UDP_ALIVE;
}

static void tick(struct script *s)
{
    struct vc_fallback *f = &s->f;
    uint8_t way = f->way;
    bool was_due = vc_fallback_due(f) <= s->now;
    enum vc_fallback_do what = vc_fallback_tick(f, s->now);
    must((what != VC_FALLBACK_NOTHING) == was_due);
    if (what == VC_FALLBACK_SILENT) {
        must(s->offered && !s->hello && !s->silent && s->now - s->connect >= 35 * SECOND_NS);
        must(f->way == way);
        s->silent = true;
    } else if (what == VC_FALLBACK_TO_TCP) {
        must(way == VC_WAY_DTLS && f->way == VC_WAY_CSTP && f->why == VC_WAY_UDP_SILENT);
        must(s->switch_s > 0 && s->now - s->heard >= s->switch_s * SECOND_NS);
    } else {
        must(f->way == way);
    }
    must(vc_fallback_due(f) > s->now);
}

static bool event(struct script *s, uint8_t what)
{
    struct vc_fallback *f = &s->f, was = s->f;
    bool data = what & 128, changed = false;
    switch (what % 5) {
    case 0:
        changed = vc_fallback_finished(f, s->now);
        s->hello = s->was_finished = true;
        s->finished = s->heard = s->now;
        if (data)
            vc_fallback_hold(f, s->now);
        must(f->why == VC_WAY_FINISHED);
        break;
    case 1:
        changed = vc_fallback_udp_heard(f, data, s->now);
        s->heard = s->now;
        must(!changed || was.why == VC_WAY_DEAD || was.why == VC_WAY_UDP_SILENT ||
             (was.why == VC_WAY_TCP_DATA && data && s->now - s->tcp_flip >= SECOND_NS));
        must(changed == (f->why != was.why) && (!changed || f->why == VC_WAY_UDP_ALIVE));
        break;
    case 2:
        changed = vc_fallback_tcp_data(f, s->now);
        if (changed) {
            must(f->why == VC_WAY_TCP_DATA && s->now - s->finished >= 3 * SECOND_NS);
            must(was.tcp_data_ns > 0 && s->now - was.tcp_data_ns <= SECOND_NS); /* the second of two */
            s->tcp_flip = s->now;
        }
        must(changed || f->why == was.why);
        break;
    case 3:
        changed = vc_fallback_dead(f);
        must(f->why == (was.why == VC_WAY_START || was.why == VC_WAY_CLOSED ? was.why : VC_WAY_DEAD));
        break;
    default:
        changed = vc_fallback_closed(f);
        must(f->why == (was.why == VC_WAY_START ? VC_WAY_START : VC_WAY_CLOSED));
    }
    must(changed == (f->way != was.way));
    return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    struct script s = {.offered = vc_take_u8(&r) & 1, .switch_s = vc_take_u8(&r), .now = 1 + vc_take_u32(&r)};
    s.connect = s.now;
    vc_fallback_init(&s.f, s.offered, s.switch_s, s.now);
    must(s.f.way == VC_WAY_CSTP && s.f.why == VC_WAY_START);
    for (unsigned steps = 0; r.left > 0 && steps < 1000; steps++) {
        uint8_t what = vc_take_u8(&r);
        switch (what & 7) {
        case 0:
            s.now += (uint64_t)vc_take_u16(&r) * 1000000;
            break;
        case 1:
            vc_fallback_hello(&s.f);
            s.hello = true;
            break;
        case 2: {
            uint64_t due = vc_fallback_due(&s.f);
            if (due != UINT64_MAX && due > s.now && due - s.now < DAY_NS)
                s.now = due;
            tick(&s);
            break;
        }
        case 3:
            tick(&s);
            break;
        default:
            (void)event(&s, vc_take_u8(&r));
        }
        must((s.f.way == VC_WAY_DTLS) == goes_by_udp(s.f.why));
        must(s.was_finished == (s.f.why != VC_WAY_START));
        must(vc_way_why_name((enum vc_way_why)s.f.why)[0] != 0);
        if (s.f.way == VC_WAY_CSTP)
            must(vc_fallback_way(&s.f, s.now) == VC_WAY_CSTP);
        else if (vc_fallback_way(&s.f, s.now) == VC_WAY_CSTP) /* held back, not for long */
            must(s.now - s.finished < 10 * SECOND_NS + SECOND_NS / 2);
    }
    return 0;
}
