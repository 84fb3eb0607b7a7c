/* CSTP over TLS: records of many packets in one receive and one send. */
#include "datapath/live.h"

#include "crypto/wipe.h"
#include "sys/sock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define UPDATES_MAX 32 /* a minute */
#define EMPTIES_MAX 32 /* in a row */
#define WARNINGS_MAX 16
#define ALERT_UNEXPECTED 10 /* unexpected_message */

static struct vc_tls_dir *in_of(struct vc_live *l)
{
    return &l->s.tcp.tls.in;
}

static struct vc_tls_dir *out_of(struct vc_live *l)
{
    return &l->s.tcp.tls.out;
}

/** The largest packets that the keys see: TLS carries what DTLS would (2-tunnel.md 4). */
static size_t mtu_of(const struct vc_live *l)
{
    const struct vc_session_facts *f = &l->s.facts;
    return f->dtls_mtu > f->cstp_mtu ? f->dtls_mtu : f->cstp_mtu;
}

static void broken(struct vc_live *l, enum vc_cause cause, int err, const char *detail)
{
    struct vc_fail why;
    vc_fail_set(&why, cause, err, "%s", detail);
    vc_live_end(l, VC_LIVE_LOST, NULL, &why);
}

/** The socket is of no use any more: what waits for it is lost. */
static void cut(struct vc_live *l, int err, const char *detail)
{
    l->cut = true;
    l->out_at = l->out_len = l->draining = 0;
    if (!l->closing) {
        broken(l, VC_CAUSE_CSTP_PEER_CLOSED, err, detail);
        return;
    }
    vc_watch_set(&l->watch, false, false); /* a broken socket is always ready */
    l->closing_ns = 0;
    vc_live_rearm(l);
}

/* ---- out ---- */

/** What the kernel did not take waits in the session's own buffer. False: no memory. */
static bool keep(struct vc_live *l, const uint8_t *bytes, size_t len)
{
    if (l->out_at > 0 && l->out_at + l->out_len + len > l->out_cap) {
        memmove(l->out, l->out + l->out_at, l->out_len);
        l->out_at = 0;
    }
    if (l->out_len + len > l->out_cap) {
        size_t cap = l->out_cap ? l->out_cap : 16384;
        while (cap < l->out_len + len)
            cap *= 2;
        uint8_t *bigger = realloc(l->out, cap);
        if (!bigger)
            return false;
        l->out = bigger;
        l->out_cap = cap;
    }
    memcpy(l->out + l->out_at + l->out_len, bytes, len);
    l->out_len += len;
    return true;
}

static void write_out(struct vc_live *l);

/** Sends @len bytes now or keeps them. */
static void push(struct vc_live *l, const uint8_t *bytes, size_t len)
{
    struct vc_worker *w = l->w;
    size_t done = 0;
    if (l->cut)
        return;
    if (l->out_len == 0) {
        ssize_t n;
        do
            n = send(l->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        w->count.tcp_sends++;
        if (n < 0 && errno != EAGAIN) {
            cut(l, errno, "sending");
            return;
        }
        done = n > 0 ? (size_t)n : 0;
    }
    if (done == len)
        return;
    if (!keep(l, bytes + done, len - done)) {
        broken(l, VC_CAUSE_NO_MEMORY, 0, "records that wait");
        return;
    }
    /* a client reads no more of its own host's packets; what this turn has read already still fits */
    if (w->conf.end == VC_END_CLIENT && l->out_len > VC_TCP_UNSENT_MAX)
        vc_watch_set(&w->tun_watch, false, false);
    if (l->stuck_ns == 0) {
        l->stuck_ns = vc_worker_now(w);
        l->stuck_left = l->out_len;
        vc_live_rearm(l);
    }
    vc_watch_set(&l->watch, true, true);
}

static void write_out(struct vc_live *l)
{
    while (l->out_len > 0) {
        ssize_t n = send(l->fd, l->out + l->out_at, l->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        l->w->count.tcp_sends++;
        if (n < 0) {
            if (errno != EAGAIN)
                cut(l, errno, "sending");
            return;
        }
        l->out_at += (size_t)n;
        l->out_len -= (size_t)n;
        l->draining -= (size_t)n < l->draining ? (size_t)n : l->draining;
        if ((size_t)n < l->stuck_left) {
            l->stuck_left -= (size_t)n; /* a byte now and then wins no time: docs/threats.md, rule 6 */
        } else {
            l->stuck_ns = vc_worker_now(l->w);
            l->stuck_left = l->out_len;
        }
    }
    l->stuck_ns = 0;
    free(l->out);
    l->out = NULL;
    l->out_at = l->out_cap = 0;
    vc_watch_set(&l->watch, true, false);
    if (l->w->conf.end == VC_END_CLIENT)
        vc_watch_set(&l->w->tun_watch, true, false);
    if (l->closing)
        (void)shutdown(l->fd, SHUT_WR);
}

void vc_tcp_lane_flush(struct vc_worker *w)
{
    struct vc_live *l = w->tcp_live;
    size_t len = w->tcp_staged;
    if (!l)
        return;
    w->tcp_live = NULL;
    w->tcp_staged = 0;
    w->count.tcp_out += w->tcp_staged_records;
    w->tcp_staged_records = 0;
    if (len > 0)
        push(l, w->tcp_stage, len);
}

/** Where @len bytes of plaintext go, behind what the turn staged for this session; what was staged for another leaves
 *  first, and may end that one. NULL: this one ended, or so much never fits. */
static uint8_t *stage(struct vc_live *l, size_t len)
{
    struct vc_worker *w = l->w;
    size_t need = vc_tls_overhead(out_of(l)) + len;
    if (need > sizeof(w->tcp_stage))
        return NULL;
    while (w->tcp_live && (w->tcp_live != l || w->tcp_staged + need > sizeof(w->tcp_stage)))
        vc_tcp_lane_flush(w);
    if (l->closing || l->mute)
        return NULL;
    w->tcp_live = l;
    return w->tcp_stage + w->tcp_staged + vc_tls_head(out_of(l));
}

uint8_t *vc_tcp_lane_room(struct vc_live *l, size_t len)
{
    if (l->closing || (l->out_len > VC_TCP_UNSENT_MAX && l->w->conf.end == VC_END_GATEWAY))
        return NULL;
    return stage(l, VC_CSTP_HEADER + len);
}

void vc_tcp_lane_seal(struct vc_live *l, struct vc_tls_record *recs, size_t n)
{
    struct vc_worker *w = l->w;
    if (vc_tls_seal(out_of(l), l->tcp_out, recs, n) != n) {
        w->tcp_live = NULL; /* nothing of the batch leaves: its numbers are spent */
        w->tcp_staged = w->tcp_staged_records = 0;
        l->mute = true;
        broken(l, VC_CAUSE_CSTP_KEY_LIMIT, 0, "no more records under our key");
        return;
    }
    const struct vc_tls_record *last = &recs[n - 1];
    w->tcp_staged = (size_t)(last->raw + last->raw_len - w->tcp_stage);
    w->tcp_staged_records += n;
    vc_cstp_sent(&l->s.cstp, true, vc_worker_now(w));
    switch (vc_tls_limit(out_of(l), mtu_of(l))) {
    case VC_KEY_GOOD:
        break;
    case VC_KEY_RENEW:
        if (vc_tcp_lane_due(l) < l->timer.due)
            vc_live_rearm(l);
        break;
    case VC_KEY_SPENT: /* of what there is to seal, only the end is left */
        broken(l, VC_CAUSE_CSTP_KEY_LIMIT, 0, "no more records under our key");
        break;
    }
}

/** One record of any type, sealed behind what the turn staged, whatever waits already. */
static void put_record(struct vc_live *l, uint8_t type, const uint8_t *bytes, size_t len)
{
    uint8_t *body = stage(l, len);
    struct vc_tls_record rec = {.type = type, .body = body, .len = len};
    if (!body)
        return;
    memcpy(body, bytes, len);
    vc_tcp_lane_seal(l, &rec, 1);
}

void vc_tcp_lane_send(struct vc_live *l, uint8_t type, const uint8_t *payload, size_t len)
{
    if (l->out_len > VC_TCP_UNSENT_MAX && type != VC_CSTP_DISCONNECT)
        return; /* who asks without reading does not fill our memory */
    uint8_t *body = len <= VC_CSTP_PAYLOAD_MAX ? stage(l, VC_CSTP_HEADER + len) : NULL;
    struct vc_tls_record rec = {.type = VC_TLS_DATA, .body = body, .len = VC_CSTP_HEADER + len};
    if (!body || !vc_cstp_header_write(body, type, len))
        return;
    if (len > 0)
        memcpy(body + VC_CSTP_HEADER, payload, len);
    vc_tcp_lane_seal(l, &rec, 1);
}

static void send_alert(struct vc_live *l, uint8_t level, uint8_t description)
{
    const uint8_t alert[2] = {level, description};
    put_record(l, VC_TLS_ALERT, alert, sizeof(alert));
    if (level == 2 || description == 0)
        l->mute = true; /* nothing follows those */
}

/** Over, and the client hears why. */
static void refuse(struct vc_live *l, uint8_t alert, enum vc_cause cause, const char *detail)
{
    send_alert(l, 2, alert);
    broken(l, cause, 0, detail);
}

/** New keys for what we send (1.3). @ask: the peer is asked to do the same. */
static void update_out(struct vc_live *l, bool ask)
{
    const uint8_t message[5] = {24, 0, 0, 1, ask};
    put_record(l, VC_TLS_HANDSHAKE, message, sizeof(message));
    if (l->closing)
        return;
    struct vc_aead *fresh = vc_tls_key_update(out_of(l)) == 0
                                ? vc_aead_new((enum vc_aead_alg)out_of(l)->alg, out_of(l)->key, VC_AEAD_AUTO)
                                : NULL;
    if (!fresh) {
        l->mute = true; /* the key that is expanded is not the one of the numbers any more */
        broken(l, VC_CAUSE_NO_MEMORY, 0, "KeyUpdate");
        return;
    }
    vc_aead_free(l->tcp_out);
    l->tcp_out = fresh;
    l->s.rekey_ns = vc_worker_now(l->w);
}

void vc_tcp_lane_goodbye(struct vc_live *l, const char *bye)
{
    if (bye) {
        uint8_t payload[1 + VC_CSTP_BYE_TEXT_MAX];
        size_t len = vc_cstp_bye_write(payload, VC_CSTP_BYE_USER, bye);
        vc_tcp_lane_send(l, VC_CSTP_DISCONNECT, payload, len);
    }
    send_alert(l, 1, 0); /* close_notify */
    vc_tcp_lane_flush(l->w);
}

/* ---- in ---- */

void vc_tcp_lane_act(struct vc_live *l, const struct vc_cstp_out *out)
{
    struct vc_worker *w = l->w;
    struct vc_fail why;
    if (out->note) {
        struct vc_event e = vc_live_event(l, VC_EVENT_CSTP_NOTICE, VC_OUTCOME_INFO);
        vc_fail_set(&e.fail, VC_CAUSE_CSTP_UNKNOWN_FRAME, 0, "type %u", out->frame.type);
        w->ops->emit(w->owner, &e);
    }
    switch (out->what) {
    case VC_CSTP_NOTHING:
    case VC_CSTP_HEARD:
    case VC_CSTP_EXPAND: /* never negotiated here: the machine does not say it */
        break;
    case VC_CSTP_DELIVER:
        /* only the gateway follows: a client that is on DTLS stays there (2-tunnel.md 11) */
        if (w->conf.end == VC_END_GATEWAY && vc_fallback_tcp_data(&l->s.fallback, vc_worker_now(w))) {
            struct vc_event e = vc_live_event(l, VC_EVENT_DTLS_DOWN, VC_OUTCOME_INFO);
            vc_fail_set(&e.fail, VC_CAUSE_DTLS_TCP_DATA, 0, "%s", "");
            w->ops->emit(w->owner, &e);
            w->ops->dtls(w->owner, l, false);
        }
        vc_worker_deliver(l, (uint8_t *)(uintptr_t)out->frame.payload, out->frame.len);
        break;
    case VC_CSTP_SEND:
        vc_tcp_lane_send(l, out->send, out->frame.payload, out->frame.len);
        break;
    case VC_CSTP_BYE: {
        char text[VC_CSTP_BYE_TEXT_MAX + 1];
        size_t n = out->text_len < sizeof(text) - 1 ? out->text_len : sizeof(text) - 1;
        memcpy(text, out->text ? (const char *)out->text : "", out->text ? n : 0);
        text[out->text ? n : 0] = 0;
        bool logout = out->bye == VC_BYE_LOGOUT || out->bye == VC_BYE_OVER;
        vc_fail_set(&why, logout ? VC_CAUSE_LOGOUT : VC_CAUSE_CSTP_DETACHED, 0, "0x%02x %s", out->reason, text);
        vc_live_end(l, logout ? VC_LIVE_LOGOUT : VC_LIVE_DETACHED, NULL, &why);
        break;
    }
    case VC_CSTP_DEAD:
        vc_fail_set(&why, VC_CAUSE_CSTP_DEAD_PEER, 0, "%s", "");
        vc_live_end(l, VC_LIVE_LOST, NULL, &why);
        break;
    }
}

/** Whether the peer stays below the limits of docs/threats.md (32 KeyUpdates a minute). */
static bool update_allowed(struct vc_live *l)
{
    uint64_t now = vc_worker_now(l->w);
    if (now - l->update_window_ns > 60000000000ULL) {
        l->update_window_ns = now;
        l->updates = 0;
    }
    return ++l->updates <= UPDATES_MAX;
}

static void take_handshake(struct vc_live *l, const uint8_t *body, size_t len)
{
    if (in_of(l)->version == VC_TLS_1_2) { /* renegotiation: refused, the connection goes on */
        if (++l->warnings > WARNINGS_MAX)
            refuse(l, ALERT_UNEXPECTED, VC_CAUSE_CSTP_FLOOD, "renegotiation attempts");
        else
            send_alert(l, 1, 100); /* no_renegotiation */
        return;
    }
    if (len >= 1 && body[0] == 4 && l->w->conf.end == VC_END_CLIENT)
        return; /* NewSessionTicket: never used */
    if (len != 5 || memcmp(body, "\x18\0\0\x01", 4) != 0 || body[4] > 1) {
        refuse(l, ALERT_UNEXPECTED, VC_CAUSE_CSTP_RECORD, "a handshake message that is no KeyUpdate");
        return;
    }
    if (!update_allowed(l)) {
        refuse(l, ALERT_UNEXPECTED, VC_CAUSE_CSTP_FLOOD, "more than 32 KeyUpdates a minute");
        return;
    }
    struct vc_aead *fresh = vc_tls_key_update(in_of(l)) == 0
                                ? vc_aead_new((enum vc_aead_alg)in_of(l)->alg, in_of(l)->key, VC_AEAD_AUTO)
                                : NULL;
    if (!fresh) {
        broken(l, VC_CAUSE_NO_MEMORY, 0, "KeyUpdate");
        return;
    }
    vc_aead_free(l->tcp_in);
    l->tcp_in = fresh;
    if (body[4] == 1)
        update_out(l, false);
    struct vc_event e = vc_live_event(l, VC_EVENT_CSTP_REKEYED, VC_OUTCOME_OK);
    l->w->ops->emit(l->w->owner, &e);
}

static void take_alert(struct vc_live *l, const uint8_t *body, size_t len)
{
    char detail[40];
    if (len == 2 && body[1] == 0) {
        send_alert(l, 1, 0); /* ours in return */
        broken(l, VC_CAUSE_CSTP_PEER_CLOSED, 0, "close_notify");
    } else if (len == 2 && body[0] == 1 && in_of(l)->version == VC_TLS_1_2) {
        if (++l->warnings > WARNINGS_MAX)
            refuse(l, ALERT_UNEXPECTED, VC_CAUSE_CSTP_FLOOD, "warning alerts");
    } else {
        l->mute = true; /* it reads nothing after its own fatal alert */
        (void)snprintf(detail, sizeof(detail), "alert %d", len == 2 ? body[1] : -1);
        broken(l, VC_CAUSE_CSTP_PEER_CLOSED, 0, detail);
    }
}

/** One opened record. */
static void take(struct vc_live *l, const struct vc_tls_record *rec)
{
    struct vc_cstp_out out = {0};
    struct vc_fail why = {0};
    if (rec->type == VC_TLS_HANDSHAKE) {
        take_handshake(l, rec->body, rec->len);
        return;
    }
    if (rec->type == VC_TLS_ALERT) {
        take_alert(l, rec->body, rec->len);
        return;
    }
    if (rec->len == 0) {
        if (++l->empties > EMPTIES_MAX)
            refuse(l, ALERT_UNEXPECTED, VC_CAUSE_CSTP_FLOOD, "empty records");
        return;
    }
    l->empties = 0;
    if (vc_cstp_record(&l->s.cstp, rec->body, rec->len, vc_worker_now(l->w), &out, &why) != 0)
        vc_live_end(l, VC_LIVE_LOST, NULL, &why);
    else
        vc_tcp_lane_act(l, &out);
}

/** Everything that @buf holds; returns how many bytes were used up. */
static size_t take_stream(struct vc_live *l, uint8_t *buf, size_t len)
{
    struct vc_worker *w = l->w;
    size_t total = 0;
    while (!l->closing) {
        enum vc_tls_fault fault;
        size_t used, want;
        size_t n = vc_tls_scan(in_of(l), buf + total, len - total, w->tls_recs, VC_RECORDS_MAX, &used, &want, &fault);
        w->count.tcp_in += n;
        for (size_t i = 0; i < n && !l->closing;) {
            enum vc_tls_fault open_fault;
            size_t opened = vc_tls_open(in_of(l), l->tcp_in, &w->tls_recs[i], n - i, &open_fault);
            for (size_t k = 0; k < opened && !l->closing; k++)
                take(l, &w->tls_recs[i + k]);
            i += opened;
            if (open_fault != VC_TLS_FINE && !l->closing)
                refuse(l, vc_tls_fault_alert(open_fault), VC_CAUSE_CSTP_RECORD, vc_tls_fault_name(open_fault));
        }
        total += used;
        if (!l->closing && vc_tls_limit(in_of(l), mtu_of(l)) == VC_KEY_SPENT)
            broken(l, VC_CAUSE_CSTP_KEY_LIMIT, 0, "no more records under the client's key");
        if (fault != VC_TLS_FINE && !l->closing)
            refuse(l, vc_tls_fault_alert(fault), VC_CAUSE_CSTP_RECORD, vc_tls_fault_name(fault));
        if (n < VC_RECORDS_MAX)
            break;
    }
    return total;
}

/** Keeps the begin of a record whose rest has not come. */
static void keep_part(struct vc_live *l, const uint8_t *bytes, size_t len)
{
    if (len > 0 && !l->part)
        l->part = malloc(VC_TLS_RECORD_MAX);
    if (len > 0 && (!l->part || len > VC_TLS_RECORD_MAX)) {
        broken(l, VC_CAUSE_NO_MEMORY, 0, "a record in parts");
        return;
    }
    if (len > 0)
        memcpy(l->part, bytes, len);
    l->part_len = len;
}

static void on_tcp(struct vc_watch *watch, bool readable, bool writable)
{
    struct vc_live *l = watch->owner;
    struct vc_worker *w = l->w;
    if (writable)
        write_out(l);
    if (!readable || l->fd < 0)
        return;
    if (l->closing) {
        ssize_t n = recv(l->fd, w->tcp_read, sizeof(w->tcp_read), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) /* the end that was waited for */
            cut(l, 0, "");
        return;
    }
    if (l->part_len > 0)
        memcpy(w->tcp_read, l->part, l->part_len);
    ssize_t n = recv(l->fd, w->tcp_read + l->part_len, sizeof(w->tcp_read) - l->part_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        cut(l, n < 0 ? errno : 0, n < 0 ? "" : "FIN without close_notify");
        return;
    }
    w->count.tcp_receives++;
    size_t len = l->part_len + (size_t)n;
    size_t used = take_stream(l, w->tcp_read, len);
    if (!l->closing)
        keep_part(l, w->tcp_read + used, len - used);
    vc_worker_flush(w);
    if (!l->closing && vc_tcp_lane_due(l) < l->timer.due)
        vc_live_rearm(l);
}

int vc_tcp_lane_open(struct vc_live *l, int fd, struct vc_fail *fail)
{
    l->tcp_in = vc_aead_new((enum vc_aead_alg)in_of(l)->alg, in_of(l)->key, VC_AEAD_AUTO);
    l->tcp_out = vc_aead_new((enum vc_aead_alg)out_of(l)->alg, out_of(l)->key, VC_AEAD_AUTO);
    if (!l->tcp_in || !l->tcp_out)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "keys");
    l->fd = fd;
    vc_sock_local(fd, &l->our_end);
    vc_sock_notsent_lowat(fd, 128 << 10);
    vc_watch_start(&l->watch, l->w->loop, fd, true, false, on_tcp, l);
    return 0;
}

void vc_tcp_lane_begin(struct vc_live *l, const uint8_t *plain, size_t plain_len, const uint8_t *cipher,
                       size_t cipher_len)
{
    struct vc_worker *w = l->w;
    struct vc_reader r;
    struct vc_cstp_frame frame;
    enum vc_cstp_read how = VC_CSTP_OK;
    if (plain_len + cipher_len > sizeof(w->tcp_read)) {
        broken(l, VC_CAUSE_CSTP_FRAMING, 0, "too much behind the CONNECT head");
        return;
    }
    /* frames behind the head may share a record; from the next record on each fills one */
    if (plain_len > 0)
        memcpy(w->tcp_read, plain, plain_len);
    r = vc_reader_of(w->tcp_read, plain_len);
    while (!l->closing && r.left > 0 && (how = vc_cstp_frame_next(&r, &frame)) == VC_CSTP_OK) {
        struct vc_cstp_out out = {0};
        struct vc_fail why = {0};
        if (vc_cstp_take(&l->s.cstp, &frame, vc_worker_now(w), &out, &why) != 0)
            vc_live_end(l, VC_LIVE_LOST, NULL, &why);
        else
            vc_tcp_lane_act(l, &out);
    }
    if (how != VC_CSTP_OK && !l->closing) {
        broken(l, VC_CAUSE_CSTP_FRAMING, 0, vc_cstp_read_name(how));
        return;
    }
    vc_worker_flush(w); /* packets in tcp_read are borrowed until here */
    if (l->closing || cipher_len == 0)
        return;
    memcpy(w->tcp_read, cipher, cipher_len);
    size_t used = take_stream(l, w->tcp_read, cipher_len);
    if (!l->closing)
        keep_part(l, w->tcp_read + used, cipher_len - used);
}

void vc_tcp_lane_close(struct vc_live *l)
{
    if (l->w->tcp_live == l) {
        l->w->tcp_live = NULL;
        l->w->tcp_staged = l->w->tcp_staged_records = 0;
    }
    vc_watch_stop(&l->watch);
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    vc_aead_free(l->tcp_in);
    vc_aead_free(l->tcp_out);
    l->tcp_in = l->tcp_out = NULL;
    free(l->part);
    l->part = NULL;
    free(l->out);
    l->out = NULL;
    l->out_len = l->out_at = l->out_cap = 0;
}

/** When we are to make new keys of our own accord: each key_update_s, and near the limit, at most once a second. */
static uint64_t update_due(const struct vc_live *l)
{
    const struct vc_tls_dir *out = &l->s.tcp.tls.out;
    uint64_t due = VC_NEVER;
    if (out->version != VC_TLS_1_3)
        return VC_NEVER;
    if (l->s.facts.key_update_s)
        due = l->s.rekey_ns + l->s.facts.key_update_s * 1000000000ULL;
    if (vc_tls_limit(out, mtu_of(l)) == VC_KEY_RENEW && l->s.rekey_ns + 1000000000ULL < due)
        due = l->s.rekey_ns + 1000000000ULL;
    return due;
}

uint64_t vc_tcp_lane_due(const struct vc_live *l)
{
    uint64_t due = vc_cstp_due(&l->s.cstp), t = update_due(l);
    due = t < due ? t : due;
    t = l->stuck_ns ? l->stuck_ns + VC_TCP_SLOW_S * 1000000000ULL : VC_NEVER;
    return t < due ? t : due;
}

void vc_tcp_lane_tick(struct vc_live *l, uint64_t now_ns)
{
    while (!l->closing && vc_cstp_due(&l->s.cstp) <= now_ns) {
        struct vc_cstp_out out = {0};
        vc_cstp_tick(&l->s.cstp, now_ns, &out);
        vc_tcp_lane_act(l, &out);
        if (out.what == VC_CSTP_NOTHING)
            break;
    }
    if (!l->closing && l->part_len == 0 && l->part && l->s.cstp.live.heard_ns + 5000000000ULL < now_ns) {
        free(l->part); /* an idle session holds no buffer */
        l->part = NULL;
    }
    uint32_t every_s = l->s.facts.key_update_s;
    if (!l->closing && update_due(l) <= now_ns) /* at its time the client is asked for new ones, too */
        update_out(l, every_s && l->s.rekey_ns + every_s * 1000000000ULL <= now_ns);
}
