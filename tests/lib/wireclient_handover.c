/* CONNECT and N packets behind it, in one segment and then in two, cut at every byte: whatever a portal has read by
 * then goes with the hand-over, and no packet is lost or out of its place. OpenSSL seals all of it, as a client's
 * would. */
#include "wireclient.h"

#include "crypto/wipe.h"
#include "packet/checksum.h"
#include "sys/loop.h"
#include "wire/cstp_frame.h"

#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BURST_MAX 65536
#define PAUSE_NS                                                                                                       \
    500000 /* a gateway that reads at once has read the first part by then; one that does not passes too               \
            */

/** A UDP datagram of 3 bytes: the split, and its place in the burst. */
static size_t datagram(const struct vc_ip *from, const struct vc_ip *to, unsigned port, unsigned split, unsigned place,
                       uint8_t packet[31])
{
    memset(packet, 0, 31);
    packet[0] = 0x45;
    packet[3] = 31;
    packet[8] = 64;
    packet[9] = 17;
    memcpy(packet + 12, from->bytes, 4);
    memcpy(packet + 16, to->bytes, 4);
    uint16_t sum = vc_sum_fold(vc_sum_add(0, packet, 20));
    packet[10] = (uint8_t)(sum >> 8);
    packet[11] = (uint8_t)sum;
    packet[20] = packet[22] = (uint8_t)(port >> 8);
    packet[21] = packet[23] = (uint8_t)port;
    packet[25] = 11;
    packet[28] = (uint8_t)(split >> 8);
    packet[29] = (uint8_t)split;
    packet[30] = (uint8_t)place;
    return 31;
}

static int put_frame(struct wire_tls *tls, uint8_t type, const void *payload, size_t len, struct vc_writer *w)
{
    uint8_t frame[VC_CSTP_HEADER + 64];
    (void)vc_cstp_header_write(frame, type, len);
    memcpy(frame + VC_CSTP_HEADER, payload, len);
    return wire_tls_seal(tls, frame, VC_CSTP_HEADER + len, w);
}

/** Waits until the kernel has an acknowledgement of all that was sent. */
static void acknowledged(int fd)
{
    struct timespec t = {.tv_nsec = 100000};
    int left = 0;
    for (int i = 0; i < 1000 && ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0; i++)
        (void)nanosleep(&t, NULL);
    t.tv_nsec = PAUSE_NS;
    (void)nanosleep(&t, NULL);
}

/** Reads the answer until the DPD answer of this burst has come: everything before it was taken. */
static int confirmed(struct wire_tls *tls, const uint8_t mark[4], struct vc_fail *fail)
{
    static uint8_t got[BURST_MAX];
    size_t len = 0;
    for (;;) {
        ssize_t n = len == sizeof(got) ? -1 : wire_tls_read(tls, got + len, sizeof(got) - len, fail);
        if (n <= 0)
            return fail->cause ? -1 : vc_fail_set(fail, VC_CAUSE_HTTP_ANSWER_CUT, 0, "closed after %zu bytes", len);
        len += (size_t)n;
        if (len > 13 && memcmp(got, "HTTP/1.1 200 ", 13) != 0)
            return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "%.40s", got);
        uint8_t answer[12] = "STF\x01\x00\x04\x04";
        memcpy(answer + 8, mark, 4);
        if (memmem(got, len, answer, sizeof(answer)))
            return 0;
    }
}

/** One connection; @split 0: one segment. Returns the length of the burst, or -1. */
static long one(const struct wire_options *o, const struct vc_ip *from, unsigned split, struct vc_fail *fail)
{
    static uint8_t burst[BURST_MAX];
    struct vc_writer w = vc_writer_to(burst, sizeof(burst));
    char head[1400];
    struct vc_writer h = vc_writer_to(head, sizeof(head));
    struct wire_tls *tls = wire_tls_open(&o->target, fail);
    long r = -1;
    if (!tls)
        return -1;
    vc_put_fmt(&h, "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHost: %s\r\nCookie: webvpn=%s\r\n\r\n", o->target.host,
               o->connect.token);
    bool good = !h.bad && wire_tls_seal(tls, head, vc_written(&h), &w) == 0;
    for (unsigned i = 0; i < o->count && good; i++) {
        uint8_t packet[31];
        good = put_frame(tls, VC_CSTP_DATA, packet, datagram(from, &o->inside, o->port, split, i, packet), &w) == 0;
    }
    uint8_t mark[4] = {0xd0, 0x0d, (uint8_t)(split >> 8), (uint8_t)split};
    good = good && put_frame(tls, VC_CSTP_DPD_REQ, mark, 4, &w) == 0;
    vc_wipe(head, sizeof(head));
    size_t len = vc_written(&w);
    if (!good) {
        (void)vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "sealing");
    } else if (split == 0 || split >= len) {
        r = wire_send(tls->fd, burst, len, fail);
    } else if ((r = wire_send(tls->fd, burst, split, fail)) == 0) {
        acknowledged(tls->fd);
        r = wire_send(tls->fd, burst + split, len - split, fail);
    }
    if (r == 0)
        r = confirmed(tls, mark, fail);
    wire_tls_free(tls);
    return r == 0 ? (long)len : -1;
}

int wireclient_handover(const struct wire_options *given)
{
    struct wire_options o = *given;
    struct vc_fail fail = {0};
    struct wire_tunnel t;
    struct wire_connect c = o.connect;
    unsigned n = 0, split;
    c.dtls = VC_DTLS_MODE_NONE;
    o.count = o.count ? o.count : 20;
    if (o.inside.family != VC_FAMILY_V4 || o.port == 0 || !c.token || o.count > 256)
        return 2;
    /* the lease, which the packets must come from: the same at every CONNECT with this cookie */
    struct wire_tls *tls = wire_tls_open(&o.target, &fail);
    if (!tls || wire_connect(tls, &o.target, &c, &t, &fail) != 0) {
        wire_tls_free(tls);
        return wire_say_fail("failed", &fail);
    }
    struct vc_ip from = t.session.facts.v4;
    char text[VC_IP_TEXT];
    vc_ip_print(&from, text);
    wire_tunnel_end(&t);
    long len = one(&o, &from, 0, &fail);
    unsigned last = o.last && (long)o.last < len ? o.last : (unsigned)(len > 0 ? len - 1 : 0);
    wire_say(json_pack("{ss ss sI ss ss}", "event", "whole", "address4", text, "bytes", (json_int_t)len, "tls",
                       tls->version, "tls-suite", tls->suite));
    wire_tls_free(tls);
    for (split = o.first ? o.first : 1; len > 0 && split <= last; split += o.step, n++)
        if (one(&o, &from, split, &fail) < 0)
            break;
    if (fail.cause != VC_CAUSE_NONE)
        (void)wire_say_fail("failed", &fail);
    wire_say(json_pack("{ss si si sI sb}", "event", "done", "splits", (int)n, "at", (int)split, "bytes",
                       (json_int_t)len, "ok", (int)(fail.cause == VC_CAUSE_NONE)));
    return fail.cause == VC_CAUSE_NONE ? 0 : 1;
}
