#include "session/session.h"

#include "crypto/wipe.h"

#define VERSION 1

bool vc_session_facts_sane(const struct vc_session_facts *f)
{
    bool dtls = f->terms.mode != VC_DTLS_MODE_NONE;
    return (f->v4.family == VC_FAMILY_V4 || f->v4.family == VC_FAMILY_NONE) &&
           (f->v6.family == VC_FAMILY_NONE || (f->v6.family == VC_FAMILY_V6 && f->v6_len > 0)) && f->v6_len <= 128 &&
           f->cstp_mtu > 0 && f->cstp_mtu <= VC_CSTP_PAYLOAD_MAX && f->dtls_mtu <= VC_CSTP_PAYLOAD_MAX &&
           f->terms.mode < VC_N_DTLS_MODES && f->terms.aead < VC_N_AEADS && f->terms.id_len <= sizeof(f->terms.id) &&
           (!dtls || (f->dtls_mtu > 0 && f->terms.id_len > 0));
}

void vc_session_wipe(struct vc_session *s)
{
    vc_channel_wipe(&s->tcp);
    vc_channel_wipe(&s->udp);
    vc_dtls_terms_wipe(&s->facts.terms);
    vc_wipe(s, sizeof(*s));
}

static void pack_terms(const struct vc_dtls_terms *t, struct vc_writer *w)
{
    vc_put_u8(w, t->mode);
    vc_put_u8(w, t->aead);
    vc_put_u16(w, t->suite);
    vc_put(w, t->secret, sizeof(t->secret));
    vc_put_u8(w, t->id_len);
    vc_put(w, t->id, sizeof(t->id));
}

static void unpack_terms(struct vc_dtls_terms *t, struct vc_reader *r)
{
    t->mode = vc_take_u8(r);
    t->aead = vc_take_u8(r);
    t->suite = vc_take_u16(r);
    vc_take_copy(r, t->secret, sizeof(t->secret));
    t->id_len = vc_take_u8(r);
    vc_take_copy(r, t->id, sizeof(t->id));
}

void vc_session_pack(const struct vc_session *s, struct vc_writer *w)
{
    const struct vc_session_facts *f = &s->facts;
    vc_put_u8(w, VERSION);
    vc_put_u64(w, f->id);
    vc_put_u32(w, f->generation);
    vc_put_ip(w, &f->v4);
    vc_put_ip(w, &f->v6);
    vc_put_u8(w, f->v6_len);
    vc_put_u16(w, f->cstp_mtu);
    vc_put_u16(w, f->dtls_mtu);
    vc_put_u32(w, f->dpd_s);
    vc_put_u32(w, f->keepalive_s);
    vc_put_u32(w, f->idle_s);
    vc_put_u64(w, f->end_ns);
    vc_put_u32(w, f->key_update_s);
    vc_put_u32(w, f->switch_to_tcp_s);
    vc_put_u8(w, f->bye_is_logout);
    pack_terms(&f->terms, w);
    vc_put_u64(w, s->count.rx_packets);
    vc_put_u64(w, s->count.rx_bytes);
    vc_put_u64(w, s->count.tx_packets);
    vc_put_u64(w, s->count.tx_bytes);
    vc_put_u64(w, s->count.rx_dropped);
    vc_put_u64(w, s->count.tx_dropped);
    vc_put_u64(w, s->data_ns);
    vc_channel_pack(&s->tcp, w);
    vc_channel_pack(&s->udp, w);
    vc_put(w, s->late.client_random, sizeof(s->late.client_random));
    vc_put(w, s->late.finished, sizeof(s->late.finished));
    vc_put_u16(w, s->late.finished_seq);
    vc_put_u16(w, s->late.peer_finished_seq);
    vc_put_u8(w, s->late.last);
    vc_put_u64(w, s->late.seq0);
}

void vc_session_unpack(struct vc_session *s, struct vc_reader *r)
{
    struct vc_session_facts *f = &s->facts;
    *s = (struct vc_session){0};
    if (vc_take_u8(r) != VERSION)
        r->bad = true;
    f->id = vc_take_u64(r);
    f->generation = vc_take_u32(r);
    vc_take_ip(r, &f->v4);
    vc_take_ip(r, &f->v6);
    f->v6_len = vc_take_u8(r);
    f->cstp_mtu = vc_take_u16(r);
    f->dtls_mtu = vc_take_u16(r);
    f->dpd_s = vc_take_u32(r);
    f->keepalive_s = vc_take_u32(r);
    f->idle_s = vc_take_u32(r);
    f->end_ns = vc_take_u64(r);
    f->key_update_s = vc_take_u32(r);
    f->switch_to_tcp_s = vc_take_u32(r);
    unsigned bye = vc_take_u8(r);
    f->bye_is_logout = bye == 1;
    unpack_terms(&f->terms, r);
    s->count.rx_packets = vc_take_u64(r);
    s->count.rx_bytes = vc_take_u64(r);
    s->count.tx_packets = vc_take_u64(r);
    s->count.tx_bytes = vc_take_u64(r);
    s->count.rx_dropped = vc_take_u64(r);
    s->count.tx_dropped = vc_take_u64(r);
    s->data_ns = vc_take_u64(r);
    vc_channel_unpack(&s->tcp, r);
    vc_channel_unpack(&s->udp, r);
    vc_take_copy(r, s->late.client_random, sizeof(s->late.client_random));
    vc_take_copy(r, s->late.finished, sizeof(s->late.finished));
    s->late.finished_seq = vc_take_u16(r);
    s->late.peer_finished_seq = vc_take_u16(r);
    unsigned last = vc_take_u8(r);
    s->late.last = last == 1;
    s->late.seq0 = vc_take_u64(r);
    bool kinds =
        s->tcp.kind != VC_CHANNEL_DTLS_1_2 && (s->udp.kind == VC_CHANNEL_NONE || s->udp.kind == VC_CHANNEL_DTLS_1_2);
    if (!vc_session_facts_sane(f) || !kinds || bye > 1 || last > 1 || s->late.seq0 > VC_DTLS_SEQ_END)
        r->bad = true;
    if (r->bad)
        vc_session_wipe(s);
}
