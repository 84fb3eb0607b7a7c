/* Input: a script. First byte: which end, UDP or TLS, compression, cisco-bye. Then steps: kind, time to pass (16 bit,
 * in 100 ms), length (8 bit), bytes. Properties: what comes out lies inside what went in; a frame heard puts death off;
 * an answer is never longer than its question, nor are there more than the limit in a second; nobody dies who was not
 * asked. */
#include "proto/cstp.h"

#include <stdlib.h>

#define TENTH UINT64_C(100000000)

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void inside(const struct vc_cstp_out *out, const uint8_t *bytes, size_t len)
{
    must(out->frame.len <= len);
    if (out->frame.len > 0)
        must(out->frame.payload >= bytes && out->frame.payload + out->frame.len <= bytes + len);
    must(out->text_len <= out->frame.len && out->text_len <= VC_CSTP_BYE_TEXT_MAX);
    if (out->text_len > 0)
        must(out->text >= bytes && out->text + out->text_len <= bytes + len);
    must((out->what == VC_CSTP_BYE) == (out->bye != VC_BYE_NONE));
    must(vc_bye_name(out->bye)[0] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    struct vc_liveness live;
    struct vc_cstp c;
    uint64_t now = 1000000000;
    uint8_t flags = vc_take_u8(&r);
    bool udp = (flags & 2) != 0;
    enum vc_end end = (flags & 1) != 0 ? VC_END_CLIENT : VC_END_GATEWAY;
    vc_liveness_init(&live, end, udp, vc_take_u8(&r), vc_take_u8(&r), (int8_t)vc_take_u8(&r), now);
    vc_cstp_init(&c, &live, udp, (flags & 4) != 0, (flags & 8) != 0);

    while (r.left > 0) {
        uint8_t kind = vc_take_u8(&r);
        now += vc_take_u16(&r) * TENTH;
        uint8_t len = vc_take_u8(&r);
        const uint8_t *bytes = vc_take(&r, len);
        struct vc_cstp_out out = {0};
        struct vc_fail fail = {0};
        struct vc_cstp before = c;
        if (r.bad)
            break;
        if (kind % 4 == 0) { /* tick */
            uint64_t due = vc_cstp_due(&c);
            vc_cstp_tick(&c, now, &out);
            must(due <= now || out.what == VC_CSTP_NOTHING);
            must(due > now || out.what != VC_CSTP_NOTHING);
            must(out.what != VC_CSTP_DEAD || before.live.asked > 0);
            must(out.what == VC_CSTP_DEAD || vc_cstp_due(&c) > now || out.what == VC_CSTP_SEND);
        } else if (kind % 4 == 1) {
            vc_cstp_sent(&c, (kind & 4) != 0, now);
        } else if (udp) {
            vc_cstp_datagram(&c, bytes, len, now, &out);
            inside(&out, bytes, len);
            must(c.live.heard_ns == now && !c.live.dead);
            must(out.bye == VC_BYE_NONE || out.bye == VC_BYE_DTLS);
            must(out.what != VC_CSTP_SEND || out.frame.len + 1 == len);
        } else {
            int ret = vc_cstp_record(&c, bytes, len, now, &out, &fail);
            must(ret == 0 ? fail.cause == VC_CAUSE_NONE : fail.cause == VC_CAUSE_CSTP_FRAMING);
            inside(&out, bytes, len);
            must(out.bye != VC_BYE_DTLS);
            must(out.bye == VC_BYE_NONE || (end == VC_END_CLIENT) == (out.bye == VC_BYE_OVER));
            must(out.what != VC_CSTP_SEND || out.frame.len + VC_CSTP_HEADER == len);
            if (ret != 0)
                return 0; /* the connection is over */
        }
        must(c.answered <= VC_CSTP_ANSWERS_PER_SECOND);
        must(!out.note || (!before.noted && c.noted));
    }
    return 0;
}
