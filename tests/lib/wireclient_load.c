/* Many sessions in one process, without TUN and data path: each holds its two channels, answers what it is asked, and
 * pings when told. It is the load of "memory per idle session", so it is idle itself. */
#include "wireclient.h"

#include "crypto/wipe.h"
#include "packet/checksum.h"
#include "proto/liveness.h"
#include "sys/loop.h"
#include "wire/cstp_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PING_MS 2000
#define PINGS_MAX 64
#define PING_GROUP 16 /* at once: all answers come back through one short queue of a TUN */

struct one {
    struct wire_tunnel t;
    struct wire_link link;
    struct vc_liveness tcp, udp;
    bool up, dtls;
    unsigned replies; /* to the pings of this command */
    uint64_t frames;  /* from the gateway, all types */
    char gone[160];   /* why it is not up */
};

struct load {
    const struct wire_options *o;
    struct one *all;
    struct pollfd *fds; /* 2 for each, and stdin */
    unsigned n, at;     /* at: whose frames are taken */
    unsigned waiting;   /* for replies */
    char line[70000];
    size_t line_len;
    bool eof;
};

/* ---- packets ---- */

/** An echo request; returns its length. */
static size_t echo(const struct vc_ip *from, const struct vc_ip *to, uint16_t id, uint16_t seq, uint8_t packet[88])
{
    bool v4 = from->family == VC_FAMILY_V4;
    size_t addr = v4 ? 4 : 16, head = v4 ? 20 : 40, len = 8 + 32;
    uint8_t *icmp = packet + head;
    memset(packet, 0, 88);
    icmp[0] = v4 ? 8 : 128;
    icmp[4] = (uint8_t)(id >> 8);
    icmp[5] = (uint8_t)id;
    icmp[6] = (uint8_t)(seq >> 8);
    icmp[7] = (uint8_t)seq;
    uint64_t sum = v4 ? 0 : vc_sum_pseudo(from->bytes, to->bytes, 16, 58, (uint32_t)len);
    uint16_t fold = vc_sum_fold(vc_sum_add(sum, icmp, len));
    icmp[2] = (uint8_t)(fold >> 8);
    icmp[3] = (uint8_t)fold;
    memcpy(packet + (v4 ? 12 : 8), from->bytes, addr);
    memcpy(packet + (v4 ? 16 : 24), to->bytes, addr);
    if (v4) {
        packet[0] = 0x45;
        packet[3] = (uint8_t)(head + len);
        packet[8] = 64;
        packet[9] = 1;
        fold = vc_sum_fold(vc_sum_add(0, packet, 20));
        packet[10] = (uint8_t)(fold >> 8);
        packet[11] = (uint8_t)fold;
    } else {
        packet[0] = 0x60;
        packet[5] = (uint8_t)len;
        packet[6] = 58;
        packet[7] = 64;
    }
    return head + len;
}

static bool is_reply(const uint8_t *p, size_t len)
{
    if (len >= 28 && p[0] == 0x45)
        return p[9] == 1 && p[20] == 0;
    return len >= 48 && p[0] >> 4 == 6 && p[6] == 58 && p[40] == 129;
}

/* ---- one session ---- */

static void over(struct one *s, const char *why)
{
    s->up = s->dtls = false;
    (void)snprintf(s->gone, sizeof(s->gone), "%s", why);
    wire_link_deinit(&s->link);
    wire_tunnel_end(&s->t);
}

static int send_on(struct one *s, bool udp, uint8_t type, const void *payload, size_t len)
{
    vc_liveness_sent(udp ? &s->udp : &s->tcp, type == VC_CSTP_DATA, vc_clock_mono_ns());
    return udp ? wire_link_payload(&s->link, type, payload, len) : wire_link_frame(&s->link, type, payload, len);
}

static void on_frame(void *owner, bool udp, const struct vc_cstp_frame *f)
{
    struct load *l = owner;
    struct one *s = &l->all[l->at];
    s->frames++;
    vc_liveness_heard(udp ? &s->udp : &s->tcp, vc_clock_mono_ns());
    switch (f->type) {
    case VC_CSTP_DPD_REQ:
        (void)send_on(s, udp, VC_CSTP_DPD_RESP, f->payload, f->len);
        break;
    case VC_CSTP_DATA:
        if (is_reply(f->payload, f->len)) {
            s->replies++;
            l->waiting -= l->waiting > 0;
        }
        break;
    case VC_CSTP_DISCONNECT:
    case VC_CSTP_TERMINATE:
        (void)snprintf(s->gone, sizeof(s->gone), "DISCONNECT %02x", f->len > 0 ? f->payload[0] : 0);
        break;
    default:
        break;
    }
}

static void start(struct load *l, unsigned i)
{
    struct one *s = &l->all[i];
    const struct wire_options *o = l->o;
    char user[300];
    struct wire_login login = o->login;
    struct wire_http http = {.target = &o->target};
    struct wire_logged logged;
    struct wire_connect c = o->connect;
    struct vc_fail fail = {0};
    const char *number = strstr(login.user, "%d");
    (void)snprintf(user, sizeof(user), number ? "%.*s%u%s" : "%.*s", number ? (int)(number - login.user) : 280,
                   login.user, i + 1, number ? number + 2 : "");
    login.user = user;
    s->t = (struct wire_tunnel){.fd = -1, .udp = -1};
    struct wire_tls *tls = NULL;
    bool good = wire_login(&http, &login, &logged, &fail) == 0;
    if (good) {
        c.token = logged.token;
        tls = http.tls ? http.tls : wire_tls_open(&o->target, &fail);
        http.tls = NULL;
        good = tls && wire_connect(tls, &o->target, &c, &s->t, &fail) == 0;
    }
    if (good && l->o->inside.family == VC_FAMILY_NONE && i == 0)
        wire_say(wire_answer_json(&s->t, tls));
    if (good)
        good = wire_link_init(&s->link, &s->t, &fail) == 0;
    if (good) {
        const struct vc_session_facts *f = &s->t.session.facts;
        uint64_t now = vc_clock_mono_ns();
        vc_liveness_init(&s->tcp, VC_END_CLIENT, false, f->dpd_s, f->keepalive_s, 0, now);
        vc_liveness_init(&s->udp, VC_END_CLIENT, true, f->dpd_s, f->keepalive_s, 0, now);
        s->up = true;
        int flags = fcntl(s->t.fd, F_GETFL);
        (void)fcntl(s->t.fd, F_SETFL, flags | O_NONBLOCK);
    } else {
        (void)wire_say_fail("session-failed", &fail);
        over(s, fail.detail);
    }
    vc_wipe(&logged, sizeof(logged));
    wire_tls_free(tls);
    wire_http_end(&http);
}

/** The handshakes come when all sessions are up, as those of clients do that set their host up first. */
static void start_dtls(struct one *s, unsigned timeout_ms)
{
    struct vc_fail fail = {0};
    if (!s->up || s->t.session.facts.terms.mode == VC_DTLS_MODE_NONE)
        return;
    s->dtls = wire_dtls(&s->t, timeout_ms, &fail) == 0 && wire_link_dtls_up(&s->link, &fail) == 0;
    if (!s->dtls)
        (void)wire_say_fail("dtls-failed", &fail);
    vc_liveness_heard(&s->udp, vc_clock_mono_ns());
}

/* ---- all of them ---- */

static void tick(struct one *s, bool udp, uint64_t now)
{
    struct vc_liveness *l = udp ? &s->udp : &s->tcp;
    while (s->up && vc_liveness_due(l) <= now) {
        switch (vc_liveness_tick(l, now)) {
        case VC_LIVENESS_NOTHING:
            return;
        case VC_LIVENESS_ASK:
            (void)send_on(s, udp, VC_CSTP_DPD_REQ, NULL, 0);
            break;
        case VC_LIVENESS_KEEPALIVE:
            (void)send_on(s, udp, VC_CSTP_KEEPALIVE, NULL, 0);
            break;
        case VC_LIVENESS_DEAD:
            if (udp)
                s->dtls = false;
            else
                over(s, "the gateway does not answer");
            return;
        }
    }
}

static void take(struct load *l, unsigned i, bool udp)
{
    struct one *s = &l->all[i];
    struct vc_fail fail = {0};
    l->at = i;
    int r = udp ? wire_link_udp(&s->link, on_frame, l, &fail) : wire_link_tcp(&s->link, on_frame, l, &fail);
    if (r == 0)
        return;
    if (udp)
        s->dtls = false;
    else
        over(s, s->gone[0] ? s->gone : fail.detail);
}

/** Serves the sessions until @end_ns, or until a line of stdin waits, or until no reply is waited for. */
static void serve(struct load *l, uint64_t end_ns, bool commands)
{
    for (;;) {
        uint64_t now = vc_clock_mono_ns(), due = end_ns;
        for (unsigned i = 0; i < l->n; i++) {
            struct one *s = &l->all[i];
            tick(s, false, now);
            if (s->dtls)
                tick(s, true, now);
            if (s->up && vc_liveness_due(&s->tcp) < due)
                due = vc_liveness_due(&s->tcp);
            if (s->up && s->dtls && vc_liveness_due(&s->udp) < due)
                due = vc_liveness_due(&s->udp);
            l->fds[2 * i] = (struct pollfd){.fd = s->up ? s->t.fd : -1, .events = POLLIN};
            l->fds[2 * i + 1] = (struct pollfd){.fd = s->up ? s->t.udp : -1, .events = POLLIN};
        }
        l->fds[2 * l->n] = (struct pollfd){.fd = commands ? STDIN_FILENO : -1, .events = POLLIN};
        if (now >= end_ns || (!commands && l->waiting == 0))
            return;
        int ms = due - now > 1000000000ULL ? 1000 : (int)((due - now) / 1000000) + 1;
        if (poll(l->fds, 2 * l->n + 1, ms) < 0 && errno != EINTR)
            return;
        for (unsigned i = 0; i < l->n; i++) {
            if (l->all[i].up && l->fds[2 * i + 1].revents)
                take(l, i, true);
            if (l->all[i].up && l->fds[2 * i].revents)
                take(l, i, false);
        }
        if (commands && l->fds[2 * l->n].revents)
            return;
    }
}

static void status(struct load *l)
{
    json_t *list = json_array();
    unsigned up = 0, dtls = 0;
    for (unsigned i = 0; i < l->n; i++) {
        const struct one *s = &l->all[i];
        char v4[VC_IP_TEXT], v6[VC_IP_TEXT];
        up += s->up;
        dtls += s->dtls;
        vc_ip_print(&s->t.session.facts.v4, v4);
        vc_ip_print(&s->t.session.facts.v6, v6);
        (void)json_array_append_new(list, json_pack("{si sb sb ss ss sI si ss}", "id", (int)i + 1, "up", (int)s->up,
                                                    "dtls", (int)s->dtls, "address4", v4, "address6", v6, "frames",
                                                    (json_int_t)s->frames, "key-updates", (int)s->link.key_updates,
                                                    "gone", s->gone));
    }
    wire_say(json_pack("{ss si si so}", "event", "status", "up", (int)up, "dtls", (int)dtls, "sessions", list));
}

/** Runs over one session, or all: true while *i is one of them. */
static bool chosen(const struct load *l, struct vc_str who, unsigned *i)
{
    uint64_t id;
    if (vc_str_eq(who, VC_STR("all")))
        return *i < l->n;
    if (!vc_str_u64(who, l->n, &id) || id == 0 || *i >= id)
        return false;
    *i = (unsigned)id - 1;
    return true;
}

static void ping(struct load *l, struct vc_str who, unsigned count)
{
    unsigned sent = 0, received = 0;
    json_t *lost = json_array();
    for (unsigned i = 0; i < l->n; i++)
        l->all[i].replies = 0;
    for (unsigned round = 1; round <= count; round++) {
        l->waiting = 0;
        for (unsigned i = 0; chosen(l, who, &i); i++) {
            struct one *s = &l->all[i];
            const struct vc_session_facts *f = &s->t.session.facts;
            const struct vc_ip *from = l->o->inside.family == VC_FAMILY_V6 ? &f->v6 : &f->v4;
            uint8_t packet[88];
            sent++;
            if (s->up && send_on(s, s->dtls, VC_CSTP_DATA, packet,
                                 echo(from, &l->o->inside, (uint16_t)i, (uint16_t)round, packet)) == 0)
                l->waiting++;
            if (sent % PING_GROUP == 0) {
                serve(l, vc_clock_mono_ns() + PING_MS * 1000000ULL, false);
                l->waiting = 0;
            }
        }
        serve(l, vc_clock_mono_ns() + PING_MS * 1000000ULL, false);
    }
    for (unsigned i = 0; chosen(l, who, &i); i++) {
        received += l->all[i].replies;
        if (l->all[i].replies < count)
            (void)json_array_append_new(lost, json_integer(i + 1));
    }
    wire_say(json_pack("{ss si si si so}", "event", "ping", "sent", (int)sent, "received", (int)received, "lost",
                       (int)(sent - received), "incomplete", lost));
}

/** frame, record, payload ID TYPE HEX; datagram ID HEX: bytes of the test's choice. */
static int odd(struct load *l, struct vc_str verb, struct vc_str words)
{
    static uint8_t bytes[32768];
    struct vc_str rest, type = {0}, who = vc_str_cut(words, ' ', &rest);
    uint64_t t = 0;
    unsigned i = 0;
    bool datagram = vc_str_eq(verb, VC_STR("datagram"));
    if (!datagram)
        type = vc_str_cut(rest, ' ', &rest);
    size_t len = rest.len / 2;
    if ((!datagram && !vc_str_u64(type, 255, &t)) || len > sizeof(bytes) || !vc_hex_decode(rest, bytes, len) ||
        vc_str_eq(who, VC_STR("all")) || !chosen(l, who, &i) || !l->all[i].up)
        return -1;
    struct wire_link *k = &l->all[i].link;
    if (datagram)
        return wire_link_datagram(k, bytes, len);
    if (vc_str_eq(verb, VC_STR("frame")))
        return wire_link_frame(k, (uint8_t)t, bytes, len);
    if (vc_str_eq(verb, VC_STR("record")))
        return wire_link_record(k, (uint8_t)t, bytes, len);
    return wire_link_payload(k, (uint8_t)t, bytes, len);
}

static void obey(struct load *l, struct vc_str line)
{
    struct vc_str rest, more, verb = vc_str_cut(vc_str_trim(line), ' ', &rest);
    struct vc_str who = vc_str_cut(rest, ' ', &more);
    uint64_t count = 1;
    if (vc_str_eq(verb, VC_STR("status"))) {
        status(l);
    } else if (vc_str_eq(verb, VC_STR("ping"))) {
        (void)vc_str_u64(more, PINGS_MAX, &count);
        ping(l, who, (unsigned)count);
    } else if (vc_str_eq(verb, VC_STR("drop"))) {
        unsigned n = 0;
        for (unsigned i = 0; chosen(l, who, &i); i++, n++)
            over(&l->all[i], "dropped");
        wire_say(json_pack("{ss si}", "event", "dropped", "sessions", (int)n));
    } else if (vc_str_eq(verb, VC_STR("frame")) || vc_str_eq(verb, VC_STR("record")) ||
               vc_str_eq(verb, VC_STR("payload")) || vc_str_eq(verb, VC_STR("datagram"))) {
        wire_say(json_pack("{ss sb}", "event", "sent", "ok", odd(l, verb, rest) == 0));
    } else if (verb.len > 0) {
        wire_say(json_pack("{ss}", "event", "no-such-command"));
    }
}

/** Reads what stdin has, and obeys its whole lines. */
static void commands(struct load *l)
{
    ssize_t n = read(STDIN_FILENO, l->line + l->line_len, sizeof(l->line) - l->line_len);
    if (n <= 0) {
        l->eof = n == 0 || errno != EINTR;
        return;
    }
    l->line_len += (size_t)n;
    char *end;
    while ((end = memchr(l->line, '\n', l->line_len))) {
        size_t used = (size_t)(end - l->line) + 1;
        obey(l, (struct vc_str){l->line, used - 1});
        l->line_len -= used;
        memmove(l->line, l->line + used, l->line_len);
    }
    if (l->line_len == sizeof(l->line))
        l->line_len = 0; /* longer than any command */
}

static void log_off(struct one *s)
{
    uint8_t payload[1 + VC_CSTP_BYE_TEXT_MAX];
    if (!s->up)
        return;
    size_t len = vc_cstp_bye_write(payload, VC_CSTP_BYE_USER, "Client logout");
    (void)wire_link_frame(&s->link, VC_CSTP_DISCONNECT, payload, len);
    (void)wire_link_record(&s->link, VC_TLS_ALERT, "\x01\x00", 2);
    over(s, "logged off");
}

int wireclient_load(const struct wire_options *given)
{
    static struct load l;
    struct wire_options o = *given;
    unsigned up = 0, dtls = 0;
    l = (struct load){.o = &o, .n = o.count ? o.count : 1};
    l.all = calloc(l.n, sizeof(*l.all));
    l.fds = calloc(2 * l.n + 1, sizeof(*l.fds));
    if (!l.all || !l.fds || !o.login.user || !o.login.password) {
        free(l.all);
        free(l.fds);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < l.n; i++) {
        start(&l, i);
        const struct vc_prefix *v4 = &l.all[i].t.answer.v4;
        if (l.all[i].up && o.inside.family == VC_FAMILY_NONE && v4->ip.family) {
            struct vc_prefix net = *v4;
            char text[VC_PREFIX_TEXT];
            vc_prefix_print(&net, text); /* the gateway is the first address of the network */
            if (!vc_prefix_parse(vc_str_of(text), &net) || !vc_prefix_nth(&net, 1, &o.inside))
                o.inside = (struct vc_ip){0};
        }
        wire_tunnel_trim(&l.all[i].t);
        l.waiting = 1;
        serve(&l, vc_clock_mono_ns(), false); /* those that are up are not forgotten meanwhile */
    }
    for (unsigned i = 0; i < l.n; i++) {
        start_dtls(&l.all[i], o.dtls_ms);
        serve(&l, vc_clock_mono_ns(), false);
        up += l.all[i].up;
        dtls += l.all[i].dtls;
    }
    wire_say(json_pack("{ss si si si}", "event", "up", "count", (int)up, "dtls", (int)dtls, "pid", (int)getpid()));
    while (!l.eof) {
        serve(&l, UINT64_MAX, true);
        commands(&l);
    }
    for (unsigned i = 0; i < l.n; i++)
        log_off(&l.all[i]);
    wire_say(json_pack("{ss}", "event", "ended"));
    free(l.all);
    free(l.fds);
    return up == l.n ? 0 : 1;
}
