#include "wire_tunnel.h"

#include "crypto/wipe.h"
#include "proto/mtu.h"
#include "sys/loop.h"
#include "sys/random.h"
#include "sys/udp.h"
#include "wire/cstp_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_CAP (64U << 10)

void wire_connect_put(struct vc_writer *w, const struct wire_target *target, const struct wire_connect *c,
                      const uint8_t *secret)
{
    const struct vc_dtls_name *name = c->suite ? vc_dtls_name_find(vc_str_of(c->suite)) : NULL;
    char hex[2 * VC_CONNECT_MASTER_SECRET + 1];
    vc_put_fmt(w,
               "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHost: %s\r\nUser-Agent: AnyConnect Linux_64 5.1.2.42\r\n"
               "Cookie: webvpn=%s\r\nX-CSTP-Version: 1\r\nX-CSTP-Hostname: wireclient\r\n",
               target->host, c->token);
    if (c->base_mtu)
        vc_put_fmt(w, "X-CSTP-Base-MTU: %u\r\n", c->base_mtu);
    if (c->mtu)
        vc_put_fmt(w, "X-CSTP-MTU: %u\r\n", c->mtu);
    vc_put_fmt(w, "X-CSTP-Address-Type: %s\r\nX-CSTP-Full-IPv6-Capability: %s\r\n", c->ipv6 ? "IPv6,IPv4" : "IPv4",
               c->ipv6 ? "true" : "false");
    if (c->dtls == VC_DTLS_MODE_PSK) {
        vc_put_text(w, "X-DTLS-CipherSuite: PSK-NEGOTIATE\r\n");
    } else if (c->dtls == VC_DTLS_MODE_RESUME) {
        vc_hex_encode_upper(secret, VC_CONNECT_MASTER_SECRET, hex);
        vc_put_fmt(w, "X-DTLS-Master-Secret: %s\r\n", hex);
        vc_wipe(hex, sizeof(hex));
        if (!name || name->kind == VC_DTLS_CLASS_OC)
            vc_put_fmt(w, "X-DTLS-CipherSuite: %s\r\n",
                       name ? name->name : "OC-DTLS1_2-AES256-GCM:OC-DTLS1_2-AES128-GCM");
        if (!name || name->kind == VC_DTLS_CLASS_X12)
            vc_put_fmt(w, "X-DTLS12-CipherSuite: %s\r\n",
                       name ? name->name : "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256");
    }
    vc_put_text(w, c->headers ? c->headers : "");
    vc_put_text(w, "\r\n");
}

/** Reads until the head is whole. 0, or -1 with *fail. */
static int read_head(struct wire_tls *tls, struct wire_tunnel *t, size_t *used, struct vc_fail *fail)
{
    t->head = malloc(HEAD_CAP + 1);
    t->store = malloc(sizeof(*t->store));
    if (!t->head || !t->store)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "CONNECT");
    for (;;) {
        if (t->head_len == HEAD_CAP)
            return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "longer than %u bytes", HEAD_CAP);
        ssize_t n = wire_tls_read(tls, t->head + t->head_len, HEAD_CAP - t->head_len, fail);
        if (n < 0)
            return -1;
        if (n == 0)
            return vc_fail_set(fail, VC_CAUSE_HTTP_ANSWER_CUT, 0, "closed instead of an answer to CONNECT");
        t->head_len += (size_t)n;
        int r = vc_connect_answer_read(t->head, t->head_len, t->store, &t->answer, used, fail);
        if (r != VC_CONNECT_MORE)
            return r;
    }
}

static uint16_t u16_of(uint32_t v)
{
    return (uint16_t)(v > UINT16_MAX ? UINT16_MAX : v);
}

static void facts_of(struct wire_tunnel *t, const struct wire_target *target)
{
    const struct vc_connect_answer *a = &t->answer;
    struct vc_session_facts *f = &t->session.facts;
    bool psk = a->dtls.mode == VC_DTLS_MODE_PSK;
    f->id = vc_random_u64();
    f->generation = 1;
    f->v4 = a->v4.ip;
    f->v6 = a->v6.ip;
    f->v6_len = a->v6.ip.family ? 128 : 0;
    f->cstp_mtu = u16_of(a->mtu);
    f->dtls_mtu = u16_of(vc_mtu_client(a->mtu, a->dtls.mtu, a->base_mtu, psk, target->server.ip.family, 65535));
    f->dpd_s = a->dpd_s;
    f->keepalive_s = a->keepalive_s;
}

/** What the answer says about DTLS becomes terms; mode NONE where it gives none. */
static int terms_of(struct wire_tunnel *t, struct wire_tls *tls, const uint8_t *secret, struct vc_fail *fail)
{
    const struct vc_connect_answer_dtls *d = &t->answer.dtls;
    struct vc_dtls_terms *terms = &t->session.facts.terms;
    const struct vc_dtls_name *name = vc_dtls_name_find(d->suite);
    (void)vc_str_copy(d->suite, t->dtls_suite, sizeof(t->dtls_suite));
    if (d->mode == VC_DTLS_MODE_NONE || d->port == 0)
        return 0;
    t->udp_peer = (struct vc_endpoint){.ip = tls->peer.ip, .port = u16_of(d->port)};
    terms->mode = (uint8_t)d->mode;
    terms->id_len = d->id_len;
    memcpy(terms->id, d->id, sizeof(d->id));
    if (d->mode == VC_DTLS_MODE_PSK)
        return wire_tls_psk(tls, terms->secret, fail);
    if (!name || name->code == 0)
        return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "a DTLS suite that we do not know: %s", t->dtls_suite);
    terms->suite = name->code;
    memcpy(terms->secret, secret, VC_DTLS_MASTER);
    return 0;
}

int wire_connect(struct wire_tls *tls, const struct wire_target *target, const struct wire_connect *c,
                 struct wire_tunnel *t, struct vc_fail *fail)
{
    uint8_t secret[VC_CONNECT_MASTER_SECRET], request[16384];
    struct vc_writer w = vc_writer_to(request, sizeof(request));
    struct vc_tls_cut cut = {0};
    size_t used = 0;
    *t = (struct wire_tunnel){.fd = -1, .udp = -1};
    vc_random(secret, sizeof(secret));
    wire_connect_put(&w, target, c, secret);
    int r = w.bad ? vc_fail_set(fail, VC_CAUSE_HTTP_TOO_LARGE, 0, "our own CONNECT")
                  : wire_tls_write(tls, request, vc_written(&w), fail);
    vc_wipe(request, sizeof(request));
    if (r == 0)
        r = read_head(tls, t, &used, fail);
    if (r == 0 && t->answer.status != 200) {
        char phrase[80] = "", reason[80] = "";
        (void)vc_str_copy(t->answer.phrase, phrase, sizeof(phrase));
        (void)vc_str_copy(t->answer.reason, reason, sizeof(reason));
        (void)vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "%u %s %s", t->answer.status, phrase, reason);
        r = t->answer.status;
    }
    if (r == 0) {
        facts_of(t, target);
        r = terms_of(t, tls, secret, fail);
    }
    if (r == 0)
        r = wire_tls_cut(tls, &cut, fail);
    vc_wipe(secret, sizeof(secret));
    if (r != 0) {
        wire_tunnel_end(t);
        return r;
    }
    struct vc_channel *tcp = &t->session.tcp;
    tcp->kind = cut.in.version == VC_TLS_1_3 ? VC_CHANNEL_TLS_1_3 : VC_CHANNEL_TLS_1_2;
    tcp->mtu = t->session.facts.cstp_mtu;
    tcp->peer = tls->peer;
    tcp->tls.in = cut.in;
    tcp->tls.out = cut.out;
    t->local = tls->local.ip;
    t->fd = tls->fd;
    tls->fd = -1;
    t->plain_len = t->head_len - used + cut.plain_len;
    t->plain = malloc(t->plain_len + 1);
    if (t->plain) {
        memcpy(t->plain, t->head + used, t->head_len - used);
        if (cut.plain_len)
            memcpy(t->plain + t->head_len - used, cut.plain, cut.plain_len);
    }
    t->cipher = cut.cipher;
    t->cipher_len = cut.cipher_len;
    cut.cipher = NULL;
    cut.cipher_len = 0;
    vc_tls_cut_wipe(&cut);
    return t->plain ? 0 : vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "CONNECT");
}

void wire_tunnel_trim(struct wire_tunnel *t)
{
    free(t->head);
    free(t->store);
    t->head = NULL;
    t->store = NULL;
    t->answer = (struct vc_connect_answer){0};
}

void wire_tunnel_end(struct wire_tunnel *t)
{
    if (t->fd >= 0)
        (void)close(t->fd);
    if (t->udp >= 0)
        (void)close(t->udp);
    t->fd = t->udp = -1;
    wire_tunnel_trim(t);
    free(t->plain);
    free(t->cipher);
    t->plain = t->cipher = NULL;
    vc_session_wipe(&t->session);
}

/* ---- DTLS ---- */

static int send_datagram(struct wire_tunnel *t, const void *bytes, size_t len)
{
    int err = 0;
    struct vc_udp_train one = {.peer = t->udp_peer, .at = (uint8_t *)(uintptr_t)bytes, .len = len, .segment = len};
    if (len == 0)
        return 0;
    return vc_udp_send(t->udp, &one, 1, &err) == 1 ? 0 : -1;
}

/** A socket of its own port: vc_udp_open is for a gateway's group, whose members share one. */
static int open_udp(const struct vc_ip *local, struct vc_fail *fail)
{
    const struct vc_endpoint any = {.ip = *local};
    struct sockaddr_storage ss;
    int one = 1, size = 8 << 20, probe = IP_PMTUDISC_PROBE, family = local->family == VC_FAMILY_V6 ? AF_INET6 : AF_INET;
    socklen_t len = vc_sockaddr_of(&any, family, &ss);
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) != 0) {
        (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "UDP");
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    (void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one));
    (void)setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                     family == AF_INET ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &probe, sizeof(probe));
    return fd;
}

int wire_dtls(struct wire_tunnel *t, unsigned timeout_ms, struct vc_fail *fail)
{
    static uint8_t buf[65536];
    struct vc_dtls_client machine = {0};
    struct vc_dtls_out out = {0};
    struct vc_dtls_done done = {0};
    uint8_t random[VC_DTLS_RANDOM];
    uint64_t end = vc_clock_mono_ns() + timeout_ms * 1000000ULL;
    if (t->session.facts.terms.mode == VC_DTLS_MODE_NONE)
        return vc_fail_set(fail, VC_CAUSE_DTLS_NOT_OFFERED, 0, "the answer to CONNECT has none");
    if (t->udp < 0)
        t->udp = open_udp(&t->local, fail);
    if (t->udp < 0)
        return -1;
    vc_random(random, sizeof(random));
    int r =
        vc_dtls_client_start(&machine, &t->session.facts.terms, random, VC_DTLS_TRIES, vc_clock_mono_ns(), &out, fail);
    if (r == VC_DTLS_STEP_MORE)
        (void)send_datagram(t, out.datagram, out.len);
    while (r == VC_DTLS_STEP_MORE) {
        uint64_t now = vc_clock_mono_ns(), due = vc_dtls_client_due(&machine);
        if (now >= end) {
            r = vc_fail_set(fail, VC_CAUSE_DTLS_UNANSWERED, 0, "nothing within %u ms", timeout_ms);
            break;
        }
        if (due > end)
            due = end;
        if (!wire_wait(t->udp, due > now ? (unsigned)((due - now) / 1000000) + 1 : 0)) {
            r = vc_dtls_client_tick(&machine, vc_clock_mono_ns(), &out, fail);
        } else {
            struct vc_udp_train one = {.at = buf, .len = sizeof(buf)};
            if (vc_udp_recv(t->udp, &one, 1) != 1 || !vc_endpoint_eq(&one.peer, &t->udp_peer))
                continue;
            if (t->lose_last && machine.mode == VC_DTLS_MODE_PSK && machine.state == VC_DTLS_CLIENT_WAITS_FINISHED) {
                t->lose_last = false;
                continue;
            }
            for (size_t at = 0; at < one.len && r == VC_DTLS_STEP_MORE; at += one.segment) {
                size_t len = one.len - at < one.segment ? one.len - at : one.segment;
                r = vc_dtls_client_datagram(&machine, buf + at, len, vc_clock_mono_ns(), &out, &done, fail);
                if (r == VC_DTLS_STEP_COMPLETE && t->lose_last)
                    out.len = 0;
                (void)send_datagram(t, out.datagram, out.len);
                out.len = 0;
            }
        }
        (void)send_datagram(t, out.datagram, out.len);
        out.len = 0;
    }
    if (r == VC_DTLS_STEP_COMPLETE) {
        struct vc_channel *udp = &t->session.udp;
        const struct vc_dtls_name *name = vc_dtls_name_of_code(done.suite);
        udp->kind = VC_CHANNEL_DTLS_1_2;
        udp->mtu = t->session.facts.dtls_mtu;
        udp->peer = t->udp_peer;
        udp->dtls.in = done.recv;
        udp->dtls.out = done.send;
        udp->dtls.window = done.window;
        t->session.late = done.late;
        (void)snprintf(t->dtls_suite, sizeof(t->dtls_suite), "%s", name ? name->name : "?");
    }
    vc_dtls_client_wipe(&machine);
    vc_dtls_done_wipe(&done);
    return r == VC_DTLS_STEP_COMPLETE ? 0 : -1;
}

/* ---- Frame by frame ---- */

static struct vc_aead *expanded(uint8_t alg, const uint8_t *key)
{
    return vc_aead_new((enum vc_aead_alg)alg, key, VC_AEAD_AUTO);
}

int wire_link_dtls_up(struct wire_link *l, struct vc_fail *fail)
{
    const struct vc_channel *udp = &l->tunnel->session.udp;
    if (udp->kind != VC_CHANNEL_DTLS_1_2)
        return 0;
    l->dtls_in = expanded(udp->dtls.in.alg, udp->dtls.in.key);
    l->dtls_out = expanded(udp->dtls.out.alg, udp->dtls.out.key);
    return l->dtls_in && l->dtls_out ? 0 : vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "keys");
}

int wire_link_init(struct wire_link *l, struct wire_tunnel *t, struct vc_fail *fail)
{
    const struct vc_channel *tcp = &t->session.tcp;
    *l = (struct wire_link){.tunnel = t};
    l->tls_in = expanded(tcp->tls.in.alg, tcp->tls.in.key);
    l->tls_out = expanded(tcp->tls.out.alg, tcp->tls.out.key);
    if (l->tls_in && l->tls_out && wire_link_dtls_up(l, fail) == 0)
        return 0;
    wire_link_deinit(l);
    return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "keys");
}

void wire_link_deinit(struct wire_link *l)
{
    vc_aead_free(l->tls_in);
    vc_aead_free(l->tls_out);
    vc_aead_free(l->dtls_in);
    vc_aead_free(l->dtls_out);
    free(l->part);
    *l = (struct wire_link){0};
}

int wire_link_record(struct wire_link *l, uint8_t type, const void *bytes, size_t len)
{
    static uint8_t room[VC_TLS_RECORD_MAX];
    struct vc_tls_record rec = {.type = type, .body = room + VC_TLS_HEAD_MAX, .len = len};
    if (len > VC_TLS_PLAIN_MAX)
        return -1;
    if (len > 0)
        memcpy(rec.body, bytes, len);
    if (vc_tls_seal(&l->tunnel->session.tcp.tls.out, l->tls_out, &rec, 1) != 1)
        return -1;
    return wire_send(l->tunnel->fd, rec.raw, rec.raw_len, NULL);
}

int wire_link_frame(struct wire_link *l, uint8_t type, const void *payload, size_t len)
{
    static uint8_t frame[VC_CSTP_HEADER + VC_CSTP_PAYLOAD_MAX];
    if (!vc_cstp_header_write(frame, type, len))
        return -1;
    if (len > 0)
        memcpy(frame + VC_CSTP_HEADER, payload, len);
    return wire_link_record(l, VC_TLS_DATA, frame, VC_CSTP_HEADER + len);
}

int wire_link_datagram(struct wire_link *l, const void *bytes, size_t len)
{
    return send_datagram(l->tunnel, bytes, len);
}

int wire_link_dtls(struct wire_link *l, uint8_t type, const void *bytes, size_t len)
{
    static uint8_t room[VC_DTLS_HEAD_MAX + VC_DTLS_PLAIN_MAX + VC_DTLS_TAIL_MAX];
    struct vc_dtls_record rec = {.type = type, .body = room + VC_DTLS_HEAD_MAX, .len = len};
    if (!l->dtls_out || len > VC_DTLS_PLAIN_MAX)
        return -1;
    if (len > 0)
        memcpy(rec.body, bytes, len);
    if (vc_dtls_seal(&l->tunnel->session.udp.dtls.out, l->dtls_out, &rec, 1) != 1)
        return -1;
    return wire_link_datagram(l, rec.raw, rec.raw_len);
}

int wire_link_payload(struct wire_link *l, uint8_t type, const void *payload, size_t len)
{
    static uint8_t plain[VC_DTLS_PLAIN_MAX];
    if (len + 1 > sizeof(plain))
        return -1;
    plain[0] = type;
    if (len > 0)
        memcpy(plain + 1, payload, len);
    return wire_link_dtls(l, VC_DTLS_DATA, plain, 1 + len);
}

static bool update(struct vc_tls_dir *dir, struct vc_aead **aead)
{
    vc_aead_free(*aead);
    *aead = vc_tls_key_update(dir) == 0 ? expanded(dir->alg, dir->key) : NULL;
    return *aead != NULL;
}

/** A record that is no data. -1: the connection is over. */
static int take_other(struct wire_link *l, const struct vc_tls_record *rec, struct vc_fail *fail)
{
    struct vc_channel *tcp = &l->tunnel->session.tcp;
    if (rec->type == VC_TLS_ALERT) {
        l->closed = true;
        return vc_fail_set(fail, VC_CAUSE_CSTP_PEER_CLOSED, 0, "alert %d", rec->len == 2 ? rec->body[1] : -1);
    }
    if (rec->type == VC_TLS_HANDSHAKE && rec->len > 0 && rec->body[0] == 4) {
        l->tickets++;
        return 0;
    }
    if (rec->type != VC_TLS_HANDSHAKE || rec->len != 5 || rec->body[0] != 24)
        return vc_fail_set(fail, VC_CAUSE_CSTP_RECORD, 0, "a record of type %u", rec->type);
    bool asked = rec->body[4] == 1;
    l->key_updates++;
    if (!update(&tcp->tls.in, &l->tls_in))
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "KeyUpdate");
    if (asked &&
        (wire_link_record(l, VC_TLS_HANDSHAKE, "\x18\0\0\x01\0", 5) != 0 || !update(&tcp->tls.out, &l->tls_out)))
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "KeyUpdate");
    return 0;
}

/** All whole records of @buf. Returns bytes used, or -1. */
static ssize_t take_stream(struct wire_link *l, uint8_t *buf, size_t len, wire_frame_fn *fn, void *owner,
                           struct vc_fail *fail)
{
    struct vc_tls_dir *in = &l->tunnel->session.tcp.tls.in;
    size_t total = 0, used, want;
    struct vc_tls_record rec;
    struct vc_cstp_frame frame;
    enum vc_tls_fault fault;
    while (vc_tls_scan(in, buf + total, len - total, &rec, 1, &used, &want, &fault) == 1) {
        if (vc_tls_open(in, l->tls_in, &rec, 1, &fault) != 1)
            break;
        total += used;
        if (rec.type != VC_TLS_DATA) {
            if (take_other(l, &rec, fail) != 0)
                return -1;
            continue;
        }
        if (vc_cstp_frame_read(rec.body, rec.len, &frame) != VC_CSTP_OK)
            return vc_fail_set(fail, VC_CAUSE_CSTP_FRAMING, 0, "from the gateway: %zu bytes", rec.len);
        fn(owner, false, &frame);
    }
    if (fault != VC_TLS_FINE)
        return vc_fail_set(fail, VC_CAUSE_CSTP_RECORD, 0, "%s", vc_tls_fault_name(fault));
    return (ssize_t)total;
}

/** What came behind the head of the answer. */
static int take_first(struct wire_link *l, wire_frame_fn *fn, void *owner, struct vc_fail *fail)
{
    struct wire_tunnel *t = l->tunnel;
    struct vc_reader r = vc_reader_of(t->plain, t->plain_len);
    struct vc_cstp_frame frame;
    while (r.left > 0) {
        if (vc_cstp_frame_next(&r, &frame) != VC_CSTP_OK)
            return vc_fail_set(fail, VC_CAUSE_CSTP_FRAMING, 0, "behind the head");
        fn(owner, false, &frame);
    }
    free(t->plain);
    t->plain = NULL;
    t->plain_len = 0;
    l->part = t->cipher;
    l->part_len = l->part_cap = t->cipher_len;
    t->cipher = NULL;
    t->cipher_len = 0;
    return 0;
}

int wire_link_tcp(struct wire_link *l, wire_frame_fn *fn, void *owner, struct vc_fail *fail)
{
    static uint8_t buf[256U << 10];
    size_t len = 0;
    if (l->tunnel->plain && take_first(l, fn, owner, fail) != 0)
        return -1;
    if (l->part_len > 0)
        memcpy(buf, l->part, l->part_len);
    len = l->part_len;
    ssize_t n = recv(l->tunnel->fd, buf + len, sizeof(buf) - len, MSG_DONTWAIT);
    bool eof = n == 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return vc_fail_set(fail, VC_CAUSE_CSTP_PEER_CLOSED, errno, "reading");
    len += n > 0 ? (size_t)n : 0;
    ssize_t used = take_stream(l, buf, len, fn, owner, fail);
    if (used < 0)
        return -1;
    size_t left = len - (size_t)used;
    free(l->part); /* an idle one holds no buffer */
    l->part = left > 0 ? malloc(left) : NULL;
    l->part_len = l->part_cap = l->part ? left : 0;
    if (l->part)
        memcpy(l->part, buf + used, left);
    l->closed |= eof;
    return eof ? vc_fail_set(fail, VC_CAUSE_CSTP_PEER_CLOSED, 0, "FIN") : 0;
}

int wire_link_udp(struct wire_link *l, wire_frame_fn *fn, void *owner, struct vc_fail *fail)
{
    static uint8_t buf[65536];
    struct vc_channel *udp = &l->tunnel->session.udp;
    struct vc_udp_train one = {.at = buf, .len = sizeof(buf)};
    int n = vc_udp_recv(l->tunnel->udp, &one, 1);
    if (n < 0)
        return vc_fail_set(fail, VC_CAUSE_DTLS_UNREACHABLE, errno, "reading");
    if (n == 0 || !l->dtls_in)
        return 0;
    for (size_t at = 0; at < one.len; at += one.segment) {
        struct vc_dtls_walk walk = vc_dtls_walk_of(buf + at, one.len - at < one.segment ? one.len - at : one.segment);
        struct vc_dtls_record rec;
        struct vc_cstp_frame frame;
        while (vc_dtls_next(&walk, &rec)) {
            if (vc_dtls_open(&udp->dtls.in, l->dtls_in, &udp->dtls.window, &rec, 1) != 1)
                continue;
            if (rec.type == VC_DTLS_ALERT)
                return vc_fail_set(fail, VC_CAUSE_DTLS_CLOSED, 0, "alert");
            if (rec.type == VC_DTLS_HANDSHAKE) {
                struct vc_dtls_out out = {0};
                vc_dtls_late_answer(&l->tunnel->session.late, &udp->dtls.out, l->dtls_out, rec.body, rec.len, &out);
                (void)wire_link_datagram(l, out.datagram, out.len);
            } else if (rec.type == VC_DTLS_DATA && vc_cstp_datagram_read(rec.body, rec.len, &frame)) {
                fn(owner, true, &frame);
            }
        }
    }
    return 0;
}
