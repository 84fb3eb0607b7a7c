/* TUN: super-packets from the kernel are cut and sealed into the lane of their session; what clients sent goes back as
 * super-packets. */
#include "datapath/live.h"

#include "packet/cut.h"
#include "packet/icmp.h"
#include "packet/ip.h"

#include <errno.h>

void vc_tun_lane_emit(void *worker, const struct vc_super *super, struct iovec *iov, int n_iov, unsigned packets)
{
    struct vc_worker *w = worker;
    struct iovec all[VC_COALESCE_PIECES + 2];
    uint8_t hdr[VC_TUN_HDR];
    vc_tun_hdr_write(super, hdr);
    all[0] = (struct iovec){.iov_base = hdr, .iov_len = sizeof(hdr)};
    memcpy(all + 1, iov, (size_t)n_iov * sizeof(*iov));
    w->count.tun_writes++;
    w->count.tun_out += packets;
    if (vc_tun_write(w->conf.tun, all, n_iov + 1) != 0)
        w->count.dropped_kernel += packets;
}

/** Whole packets of ours towards the host: ICMP. */
static void to_tun(struct vc_worker *w, uint8_t *packet, size_t len)
{
    static const struct vc_super plain;
    struct iovec iov = {.iov_base = packet, .iov_len = len};
    vc_tun_lane_emit(w, &plain, &iov, 1, 1);
}

static void sent(struct vc_live *l, size_t n, size_t bytes, bool data)
{
    l->s.count.tx_packets += n;
    l->s.count.tx_bytes += bytes;
    if (data && l->s.facts.idle_s)
        l->s.data_ns = vc_worker_now(l->w);
}

/** One packet over TLS. False: the client does not read, and the packet is lost. */
static bool one_over_tcp(struct vc_live *l, const uint8_t *packet, size_t len)
{
    uint8_t *room = vc_tcp_lane_room(l, len);
    struct vc_tls_record rec = {.type = VC_TLS_DATA, .body = room, .len = VC_CSTP_HEADER + len};
    if (!room) {
        l->w->count.dropped_slow++;
        l->s.count.tx_dropped++;
        return false;
    }
    (void)vc_cstp_header_write(room, VC_CSTP_DATA, len);
    memcpy(room + VC_CSTP_HEADER, packet, len);
    vc_tcp_lane_seal(l, &rec, 1);
    return true;
}

void vc_tun_lane_again(struct vc_worker *w)
{
    if (w->again_busy) /* a session that ends on the way flushes, too; and the stage must not move under us */
        return;
    w->again_busy = true;
    for (unsigned i = 0; i < w->n_again; i++) {
        struct vc_live *l = w->again[i].live;
        size_t len = w->again[i].len;
        if (l && !one_over_tcp(l, w->again_stage + w->again[i].at, len)) {
            l->s.count.tx_packets--;
            l->s.count.tx_bytes -= len;
        }
    }
    w->n_again = 0;
    w->again_staged = 0;
    w->again_busy = false;
}

/** One packet that is no part of a train: ICMP's fragments take this way. */
static void send_one(void *live, uint8_t *packet, size_t len)
{
    struct vc_live *l = live;
    if (vc_udp_lane_up(l) && vc_udp_lane_carries(l, len)) {
        uint8_t *room = vc_udp_trains_room(l, 1 + len);
        struct vc_dtls_record rec = {.type = VC_DTLS_DATA, .body = room, .len = 1 + len};
        room[0] = VC_CSTP_DATA;
        memcpy(room + 1, packet, len);
        vc_udp_lane_seal(l, &rec, 1);
        sent(l, 1, len, false);
    } else if (one_over_tcp(l, packet, len)) {
        sent(l, 1, len, false);
    }
}

/** Packets larger than the channel takes. */
static void drop_large(struct vc_live *l, size_t n)
{
    l->w->count.dropped_large += n;
    l->s.count.tx_dropped += n;
}

/** Larger than the channel takes: the sender is told, or its packets are cut where they may be. @n: how many they are.
 */
static void too_large(struct vc_live *l, struct vc_cut *cut, size_t n, uint16_t mtu)
{
    struct vc_worker *w = l->w;
    uint8_t icmp[VC_ICMP_MAX];
    size_t len = vc_cut_next(cut, w->scratch, sizeof(w->scratch));
    struct vc_ip src, client;
    w->count.tun_in += n;
    /* told in the client's name: a host drops what comes out of its TUN with an address of its own as the source */
    if (len == 0 || !vc_ip_packet_addresses(w->scratch, len, &src, &client)) {
        drop_large(l, n);
        return;
    }
    size_t icmp_len = vc_icmp_too_big(w->scratch, len, &client, mtu, icmp);
    if (icmp_len > 0) { /* once for all of them */
        drop_large(l, n);
        to_tun(w, icmp, icmp_len);
        return;
    }
    static uint8_t fragment[65536];
    do {
        if (vc_ip4_fragment(w->scratch, len, mtu, fragment, sizeof(fragment), send_one, l) == 0)
            drop_large(l, 1);
    } while ((len = vc_cut_next(cut, w->scratch, sizeof(w->scratch))) > 0);
}

static bool is_data(const uint8_t *packet)
{
    uint8_t protocol = packet[0] >> 4 == 4 ? packet[9] : packet[6];
    return protocol != 1 && protocol != 2 && protocol != 58;
}

/** How many packets of this size fit a stage at once. */
static size_t batch_of(size_t per_packet, size_t stage)
{
    size_t n = stage / per_packet;
    return n > VC_SEAL_MAX ? VC_SEAL_MAX : n;
}

static void over_tcp(struct vc_live *l, struct vc_cut *cut)
{
    struct vc_tls_record recs[VC_SEAL_MAX];
    size_t head = vc_tls_head(&l->s.tcp.tls.out), largest = vc_cut_largest(cut), len = 1;
    size_t tail = vc_tls_overhead(&l->s.tcp.tls.out) - head;
    while (len > 0) {
        size_t n = 0, bytes = 0, batch = batch_of(largest + VC_CSTP_HEADER + head + tail, VC_TCP_STAGE / 2);
        uint8_t *body = vc_tcp_lane_room(l, (largest + VC_CSTP_HEADER + head + tail) * batch);
        if (!body) { /* the client does not read: its own packets are lost, nobody else's */
            while (vc_cut_next(cut, l->w->scratch, sizeof(l->w->scratch)) > 0) {
                l->w->count.tun_in++;
                l->w->count.dropped_slow++;
                l->s.count.tx_dropped++;
            }
            return;
        }
        while (n < batch && (len = vc_cut_next(cut, body + VC_CSTP_HEADER, largest)) > 0) {
            (void)vc_cstp_header_write(body, VC_CSTP_DATA, len);
            recs[n++] = (struct vc_tls_record){.type = VC_TLS_DATA, .body = body, .len = VC_CSTP_HEADER + len};
            bytes += len;
            body += VC_CSTP_HEADER + len + tail + head;
        }
        if (n == 0)
            return;
        vc_tcp_lane_seal(l, recs, n);
        sent(l, n, bytes, is_data(cut->packet));
        l->w->count.tun_in += n;
    }
}

static void over_udp(struct vc_live *l, struct vc_cut *cut)
{
    struct vc_dtls_record recs[VC_SEAL_MAX];
    size_t head = vc_dtls_head((enum vc_aead_alg)l->s.udp.dtls.out.alg), largest = vc_cut_largest(cut), len = 1;
    while (len > 0) {
        if (!vc_udp_lane_up(l)) { /* its key ended on the way */
            over_tcp(l, cut);
            return;
        }
        size_t n = 0, bytes = 0, batch = batch_of(1 + largest + head + VC_AEAD_TAG, VC_UDP_STAGE / 2);
        /* all of a batch lies one behind the other, so that it can be one train */
        uint8_t *body = vc_udp_trains_room(l, (1 + largest + head + VC_AEAD_TAG) * batch);
        while (n < batch && (len = vc_cut_next(cut, body + 1, largest)) > 0) {
            body[0] = VC_CSTP_DATA;
            recs[n++] = (struct vc_dtls_record){.type = VC_DTLS_DATA, .body = body, .len = 1 + len};
            bytes += len;
            body += 1 + len + VC_AEAD_TAG + head;
        }
        if (n == 0)
            return;
        vc_udp_lane_seal(l, recs, n);
        sent(l, n, bytes, is_data(cut->packet));
        l->w->count.tun_in += n;
    }
}

void vc_tun_lane_frame(struct vc_worker *w, uint8_t *frame, size_t len, bool forwarded)
{
    struct vc_super super;
    struct vc_cut cut;
    struct vc_ip src, dst;
    if (len <= VC_TUN_HDR || !vc_tun_hdr_read(frame, &super) ||
        !vc_ip_packet_addresses(frame + VC_TUN_HDR, len - VC_TUN_HDR, &src, &dst)) {
        w->count.dropped_stray++;
        return;
    }
    struct vc_live *l = vc_worker_for(w, &dst);
    if (!l) {
        if (forwarded || !w->ops->stray_frame || !w->ops->stray_frame(w->owner, frame, len, &dst))
            w->count.dropped_stray++;
        return;
    }
    size_t n = vc_cut_begin(&cut, &super, frame + VC_TUN_HDR, len - VC_TUN_HDR);
    if (n == 0) {
        w->count.dropped_stray++;
        return;
    }
    const struct vc_session_facts *f = &l->s.facts;
    bool udp = vc_udp_lane_up(l);
    /* TLS carries what DTLS would: TCP cuts it (2-tunnel.md 4) */
    uint16_t mtu = udp ? f->dtls_mtu : f->dtls_mtu > f->cstp_mtu ? f->dtls_mtu : f->cstp_mtu;
    if (vc_cut_largest(&cut) > mtu)
        too_large(l, &cut, n, mtu);
    else if (udp && vc_udp_lane_carries(l, vc_cut_largest(&cut)))
        over_udp(l, &cut);
    else
        over_tcp(l, &cut);
}

static void on_tun(struct vc_watch *watch, bool readable, bool writable)
{
    struct vc_worker *w = watch->owner;
    struct vc_tun_frame frames[VC_WORKER_TUN_BUFFERS];
    (void)readable;
    (void)writable;
    for (int i = 0; i < VC_WORKER_TUN_BUFFERS; i++)
        frames[i].at = w->tun_in[i];
    int n = vc_tun_read(w->conf.tun, frames, VC_WORKER_TUN_BUFFERS);
    if (n < 0) { /* somebody removed the device: its fd would be ready for ever */
        struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, 0, 0);
        vc_fail_set(&e.fail, VC_CAUSE_SYSTEM, errno, "the TUN is gone, no packets flow any more");
        vc_watch_stop(&w->tun_watch);
        w->ops->emit(w->owner, &e);
    }
    if (n <= 0)
        return;
    w->count.tun_reads += (uint64_t)n;
    w->count.tun_frames += (uint64_t)n;
    for (int i = 0; i < n; i++)
        vc_tun_lane_frame(w, frames[i].at, frames[i].len, false);
    vc_worker_flush(w);
}

void vc_tun_lane_open(struct vc_worker *w)
{
    vc_watch_start(&w->tun_watch, w->loop, w->conf.tun, true, false, on_tun, w);
}
