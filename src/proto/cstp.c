#include "proto/cstp.h"

#define SECOND_NS UINT64_C(1000000000)

void vc_cstp_init(struct vc_cstp *c, const struct vc_liveness *live, bool udp, bool compressed, bool bye_is_logout)
{
    *c = (struct vc_cstp){.live = *live, .udp = udp, .compressed = compressed, .bye_is_logout = bye_is_logout};
}

static bool may_answer(struct vc_cstp *c, uint64_t now_ns)
{
    if (c->answered == 0 || now_ns - c->second_ns >= SECOND_NS) {
        c->second_ns = now_ns;
        c->answered = 0;
    }
    if (c->answered >= VC_CSTP_ANSWERS_PER_SECOND) {
        c->n_withheld++;
        return false;
    }
    c->answered++;
    return true;
}

static void unknown(struct vc_cstp *c, struct vc_cstp_out *out)
{
    c->n_unknown++;
    out->note = !c->noted;
    c->noted = true;
}

static void bye(const struct vc_cstp *c, struct vc_cstp_out *out)
{
    out->what = VC_CSTP_BYE;
    out->reason = vc_cstp_bye_read(&out->frame, &out->text, &out->text_len);
    if (c->udp) {
        out->bye = VC_BYE_DTLS; /* the TLS channel will tell more */
    } else if (c->live.end == VC_END_CLIENT) {
        out->bye = VC_BYE_OVER;
    } else if (out->frame.len == 0) {
        out->bye = VC_BYE_DETACH;
    } else {
        switch (out->reason) {
        case VC_CSTP_BYE_USER:
        case VC_CSTP_BYE_LOCAL_ERROR:
            out->bye = VC_BYE_LOGOUT;
            break;
        case VC_CSTP_BYE_NETWORK:
        case VC_CSTP_BYE_PAUSE:
            out->bye = VC_BYE_DETACH;
            break;
        default:
            out->bye = c->bye_is_logout ? VC_BYE_LOGOUT : VC_BYE_DETACH;
        }
    }
}

int vc_cstp_take(struct vc_cstp *c, const struct vc_cstp_frame *frame, uint64_t now_ns, struct vc_cstp_out *out,
                 struct vc_fail *fail)
{
    *out = (struct vc_cstp_out){.what = VC_CSTP_NOTHING, .frame = *frame};
    vc_liveness_heard(&c->live, now_ns); /* any frame is proof of life */
    switch (frame->type) {
    case VC_CSTP_DATA:
        if (frame->len > 0)
            out->what = VC_CSTP_DELIVER;
        break;
    case VC_CSTP_DPD_REQ:
        if (may_answer(c, now_ns)) {
            out->what = VC_CSTP_SEND;
            out->send = VC_CSTP_DPD_RESP;
            vc_cstp_sent(c, false, now_ns);
        }
        break;
    case VC_CSTP_DPD_RESP:
        out->what = VC_CSTP_HEARD;
        break;
    case VC_CSTP_DISCONNECT:
        bye(c, out);
        break;
    case VC_CSTP_KEEPALIVE: /* never answered */
        break;
    case VC_CSTP_COMPRESSED:
        if (c->compressed)
            out->what = VC_CSTP_EXPAND;
        else if (c->udp)
            c->n_unasked++;
        else
            return vc_fail_set(fail, VC_CAUSE_CSTP_FRAMING, 0, "a compressed frame, and no compression was agreed");
        break;
    case VC_CSTP_TERMINATE: /* from gateway to client, on TLS only */
        if (c->live.end == VC_END_CLIENT && !c->udp) {
            out->what = VC_CSTP_BYE;
            out->bye = VC_BYE_OVER;
        } else {
            unknown(c, out);
        }
        break;
    default:
        unknown(c, out);
    }
    return 0;
}

int vc_cstp_record(struct vc_cstp *c, const uint8_t *rec, size_t len, uint64_t now_ns, struct vc_cstp_out *out,
                   struct vc_fail *fail)
{
    struct vc_cstp_frame frame;
    enum vc_cstp_read got = vc_cstp_frame_read(rec, len, &frame);
    *out = (struct vc_cstp_out){.what = VC_CSTP_NOTHING};
    if (got != VC_CSTP_OK)
        return vc_fail_set(fail, VC_CAUSE_CSTP_FRAMING, 0, "a record of %zu bytes is not one frame: %s", len,
                           vc_cstp_read_name(got));
    return vc_cstp_take(c, &frame, now_ns, out, fail);
}

void vc_cstp_datagram(struct vc_cstp *c, const uint8_t *plain, size_t len, uint64_t now_ns, struct vc_cstp_out *out)
{
    struct vc_cstp_frame frame;
    *out = (struct vc_cstp_out){.what = VC_CSTP_NOTHING};
    if (!vc_cstp_datagram_read(plain, len, &frame)) {
        c->n_unasked++;
        vc_liveness_heard(&c->live, now_ns); /* its record was authentic */
        return;
    }
    (void)vc_cstp_take(c, &frame, now_ns, out, NULL); /* fails on TLS only */
}

void vc_cstp_tick(struct vc_cstp *c, uint64_t now_ns, struct vc_cstp_out *out)
{
    *out = (struct vc_cstp_out){.what = VC_CSTP_NOTHING};
    switch (vc_liveness_tick(&c->live, now_ns)) {
    case VC_LIVENESS_NOTHING:
        break;
    case VC_LIVENESS_ASK:
        out->what = VC_CSTP_SEND;
        out->send = VC_CSTP_DPD_REQ;
        break;
    case VC_LIVENESS_KEEPALIVE:
        out->what = VC_CSTP_SEND;
        out->send = VC_CSTP_KEEPALIVE;
        break;
    case VC_LIVENESS_DEAD:
        out->what = VC_CSTP_DEAD;
        break;
    }
}

const char *vc_bye_name(enum vc_bye bye)
{
    switch (bye) {
    case VC_BYE_NONE:
        return "none";
    case VC_BYE_LOGOUT:
        return "logout";
    case VC_BYE_DETACH:
        return "detach";
    case VC_BYE_OVER:
        return "over";
    case VC_BYE_DTLS:
        return "dtls";
    }
    return "";
}
