/* What a turn sends over UDP: records one behind the other, sent as trains. */
#include "datapath/live.h"

#include <errno.h>

/** The caller has counted it as sent. */
static void lost(struct vc_live *l, size_t len)
{
    l->s.count.tx_packets--;
    l->s.count.tx_bytes -= len;
    l->s.count.tx_dropped++;
    l->w->count.dropped_kernel++;
}

void vc_udp_trains_again(struct vc_live *l, const uint8_t *packet, size_t len)
{
    struct vc_worker *w = l->w;
    if (w->n_again == VC_AGAIN_MAX || len > sizeof(w->again_stage) - w->again_staged) {
        lost(l, len);
        return;
    }
    memcpy(w->again_stage + w->again_staged, packet, len);
    w->again[w->n_again].live = l;
    w->again[w->n_again].at = w->again_staged;
    w->again[w->n_again++].len = len;
    w->again_staged += len;
}

void vc_udp_trains_forget(struct vc_live *l)
{
    for (unsigned i = 0; i < l->w->n_again; i++) {
        if (l->w->again[i].live == l)
            l->w->again[i].live = NULL;
    }
}

/** Datagrams larger than the way there: their packets go over TLS (2-tunnel.md 11). They are sealed already, by a key
 *  that opens them, too; nothing of this costs those that fit. What is no packet is lost: the answer to a question of
 *  this size would say that it fits. */
static void too_large(struct vc_live *l, const struct vc_udp_train *t)
{
    struct vc_dtls_dir own = l->s.udp.dtls.out; /* opening spends no number of the original */
    for (size_t at = 0; at < t->len; at += t->segment) {
        size_t len = t->len - at < t->segment ? t->len - at : t->segment;
        struct vc_dtls_walk walk = vc_dtls_walk_of(t->at + at, len);
        struct vc_replay any = {0};
        struct vc_dtls_record rec;
        if (l->udp_out && vc_dtls_next(&walk, &rec) && vc_dtls_open(&own, l->udp_out, &any, &rec, 1) == 1 &&
            rec.type == VC_DTLS_DATA && rec.len > 1 && rec.body[0] == VC_CSTP_DATA)
            vc_udp_trains_again(l, rec.body + 1, rec.len - 1);
        else
            l->w->count.dropped_kernel++;
    }
    vc_dtls_dir_wipe(&own);
}

/** A train was not taken. What to do about it waits for the end of the turn: the session is in the middle of something.
 */
static void not_sent(struct vc_live *l, const struct vc_udp_train *t, int err)
{
    if (err == EMSGSIZE) {
        if (l->udp_max == 0 || t->segment < l->udp_max)
            l->udp_max = (uint16_t)t->segment;
        too_large(l, t);
        return;
    }
    l->w->count.dropped_kernel += (t->len + t->segment - 1) / t->segment;
    if (err == EAGAIN || err == ENOBUFS || err == ENOMEM)
        return; /* lost, as on any path */
    if (!vc_endpoint_eq(&t->peer, &l->udp_peer))
        return; /* a question to an address that is not the session's */
    l->udp_errno = err;
    vc_live_rearm(l);
}

void vc_udp_trains_send(struct vc_worker *w)
{
    size_t done = 0, n = w->n_trains;
    w->n_trains = 0;
    w->train_open = false;
    while (done < n) {
        int err;
        size_t sent = vc_udp_send(w->conf.udp, w->trains + done, n - done, &err);
        w->count.udp_sends++;
        for (size_t i = done; i < done + sent; i++)
            w->count.udp_out += (w->trains[i].len + w->trains[i].segment - 1) / w->trains[i].segment;
        done += sent;
        if (sent > 0)
            continue;
        struct vc_udp_train *t = &w->trains[done];
        if (t->segment < t->len && (err == EIO || err == EINVAL || err == EMSGSIZE)) {
            /* a card or kernel without segmentation, or the last one alone would fit: one by one */
            for (size_t at = 0; at < t->len; at += t->segment) {
                struct vc_udp_train one = *t;
                one.at = t->at + at;
                one.len = one.segment = t->len - at < t->segment ? t->len - at : t->segment;
                if (vc_udp_send(w->conf.udp, &one, 1, &err) == 1)
                    w->count.udp_out++;
                else
                    not_sent(w->train_live[done], &one, err);
                w->count.udp_sends++;
            }
        } else {
            not_sent(w->train_live[done], t, err);
        }
        done++;
    }
}

void vc_udp_trains_flush(struct vc_worker *w)
{
    if (w->n_trains > 0)
        vc_udp_trains_send(w);
    w->udp_staged = 0;
}

uint8_t *vc_udp_trains_room(struct vc_live *l, size_t len)
{
    struct vc_worker *w = l->w;
    size_t head = vc_dtls_head((enum vc_aead_alg)l->s.udp.dtls.out.alg);
    if (w->udp_staged + head + len + VC_AEAD_TAG > sizeof(w->udp_stage))
        vc_udp_trains_flush(w);
    return w->udp_stage + w->udp_staged + head;
}

void vc_udp_trains_add(struct vc_live *l, const struct vc_endpoint *to, const struct vc_ip *local, uint8_t *raw,
                       size_t len)
{
    struct vc_worker *w = l->w;
    struct vc_udp_train *t = w->n_trains > 0 ? &w->trains[w->n_trains - 1] : NULL;
    if (t && w->train_open && w->train_live[w->n_trains - 1] == l && t->at + t->len == raw && len <= t->segment &&
        t->len + len <= VC_UDP_TRAIN_MAX && t->len / t->segment < VC_UDP_SEGMENTS_MAX && vc_endpoint_eq(&t->peer, to)) {
        t->len += len;
        w->train_open = len == t->segment; /* a shorter one is the last */
        return;
    }
    if (w->n_trains == VC_UDP_BATCH)
        vc_udp_trains_send(w);
    w->train_live[w->n_trains] = l;
    w->trains[w->n_trains++] =
        (struct vc_udp_train){.peer = *to, .local = *local, .at = raw, .len = len, .segment = len};
    w->train_open = true;
}

void vc_udp_trains_plain(struct vc_worker *w, const struct vc_endpoint *to, const struct vc_ip *local,
                         const uint8_t *bytes, size_t len)
{
    int err;
    struct vc_udp_train t = {
        .peer = *to, .local = *local, .at = (uint8_t *)(uintptr_t)bytes, .len = len, .segment = len};
    if (len == 0)
        return;
    w->count.udp_sends++;
    if (vc_udp_send(w->conf.udp, &t, 1, &err) == 1)
        w->count.udp_out++;
    else
        w->count.dropped_kernel++;
}
