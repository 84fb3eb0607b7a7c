/* One session with a TUN, at work in the data path that the gateway has: trains on both sides. */
#include "wireclient.h"

#include "crypto/wipe.h"
#include "datapath/worker.h"
#include "sys/netlink.h"
#include "sys/random.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct engine {
    struct vc_loop loop;
    struct vc_worker *worker;
    struct vc_live *live; /* NULL: over */
    struct vc_watch signals;
    int status;
};

static const char *end_name(enum vc_live_end how)
{
    static const char *const names[] = {"lost", "detached", "logout", "over", "closed"};
    return names[how];
}

static void say_counters(const struct engine *e)
{
    json_t *o = json_pack("{ss}", "event", "counters");
    const struct vc_worker_counters *c = vc_worker_counters(e->worker);
#define X(name, what) (void)json_object_set_new(o, #name, json_integer((json_int_t)c->name));
    VC_WORKER_COUNTERS(X)
#undef X
    wire_say(o);
}

static void on_ended(void *owner, struct vc_live *live, enum vc_live_end how, const struct vc_fail *why)
{
    struct engine *e = owner;
    const struct vc_session *s = vc_live_session(live);
    wire_say(json_pack("{ss ss ss ss sI sI}", "event", "ended", "how", end_name(how), "cause",
                       vc_cause_name(why->cause), "text", why->detail, "rx-packets", (json_int_t)s->count.rx_packets,
                       "tx-packets", (json_int_t)s->count.tx_packets));
    say_counters(e);
    e->live = NULL;
    e->status = how == VC_LIVE_CLOSED ? 0 : 1;
}

static void on_dtls(void *owner, struct vc_live *live, bool up)
{
    (void)owner;
    (void)live;
    wire_say(json_pack("{ss}", "event", up ? "data-on-dtls" : "data-on-tls"));
}

static void on_emit(void *owner, struct vc_event *ev)
{
    char text[4096];
    (void)owner;
    if (vc_event_print_json(ev, text, sizeof(text)) > 0)
        wire_say(json_pack("{ss so}", "event", "worker", "told", json_loads(text, 0, NULL)));
}

static void on_signal(struct vc_watch *watch, bool readable, bool writable)
{
    struct engine *e = watch->owner;
    struct signalfd_siginfo info;
    (void)readable;
    (void)writable;
    if (read(watch->io.fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGUSR1) {
        say_counters(e);
    } else if (e->live) {
        struct vc_fail why;
        (void)vc_fail_set(&why, VC_CAUSE_LOGOUT, 0, "signal %u", info.ssi_signo);
        /* SIGHUP: goes without logging off, the cookie stays good */
        vc_live_close(e->live, info.ssi_signo == SIGHUP ? NULL : "Client logout", &why);
    }
}

static uint64_t due(void *owner)
{
    struct engine *e = owner;
    return vc_worker_due(e->worker);
}

static void tick(void *owner, uint64_t now_ns)
{
    struct engine *e = owner;
    vc_worker_tick(e->worker, now_ns);
    if (!e->live && vc_worker_due(e->worker) == UINT64_MAX) /* the last bytes have left */
        vc_loop_stop(&e->loop);
}

/* ---- the host's side ---- */

static void route(const char *device, const struct vc_prefix *p)
{
    char text[VC_PREFIX_TEXT];
    pid_t pid;
    int status;
    vc_prefix_print(p, text);
    char *argv[] = {
        "ip", p->ip.family == VC_FAMILY_V6 ? "-6" : "-4", "route", "replace", text, "dev", (char *)(uintptr_t)device,
        NULL};
    if (posix_spawnp(&pid, "ip", NULL, NULL, argv, environ) == 0)
        (void)waitpid(pid, &status, 0);
}

/** Returns the TUN's fd, or one that never has anything to read. */
static int open_tun(const struct wire_options *o, const struct wire_tunnel *t, char name[16], unsigned *offloads,
                    struct vc_fail *fail)
{
    const struct vc_session_facts *f = &t->session.facts;
    const struct vc_connect_answer *a = &t->answer;
    int fd = -1, pair[2];
    if (!o->tun) {
        name[0] = 0;
        *offloads = 0;
        return pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0 ? pair[0] : vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "pipe");
    }
    unsigned mtu = f->dtls_mtu > f->cstp_mtu ? f->dtls_mtu : f->cstp_mtu;
    if (vc_tun_open(o->tun, 1, &fd, name, offloads, fail) != 0)
        return -1;
    if (vc_netlink_link_up(name, mtu, 32, fail) != 0 ||
        (f->v4.family && vc_netlink_addr_add(name, &f->v4, 32, fail) != 0) ||
        (f->v6.family && vc_netlink_addr_add(name, &f->v6, 128, fail) != 0)) {
        (void)close(fd);
        return -1;
    }
    bool any4 = false, any6 = false;
    for (size_t i = 0; i < a->n_includes && !o->no_routes; i++) {
        route(name, &a->includes[i]);
        any4 |= a->includes[i].ip.family == VC_FAMILY_V4;
        any6 |= a->includes[i].ip.family == VC_FAMILY_V6;
    }
    struct vc_prefix all4 = {.ip.family = VC_FAMILY_V4}, all6 = {.ip.family = VC_FAMILY_V6}, net4 = a->v4;
    if (!o->no_routes && f->v4.family && a->v4.len && !any4)
        route(name, &all4);
    else if (!o->no_routes && f->v4.family && a->v4.len) {
        char text[VC_PREFIX_TEXT];
        vc_prefix_print(&net4, text);
        if (vc_prefix_parse(vc_str_of(text), &net4)) /* without host bits */
            route(name, &net4);
    }
    if (!o->no_routes && f->v6.family && !any6)
        route(name, &all6);
    return fd;
}

/** Sets the host up, brings DTLS up, and runs the session until it ends. */
static int run(const struct wire_options *o, struct wire_tunnel *t)
{
    static const struct vc_worker_ops ops = {.ended = on_ended, .dtls = on_dtls, .emit = on_emit};
    struct engine e = {.status = 1};
    struct vc_fail fail = {0};
    unsigned offloads = 0;
    char device[16];
    sigset_t set;
    int tun = open_tun(o, t, device, &offloads, &fail);
    if (tun < 0)
        return wire_say_fail("failed", &fail);
    t->lose_last = o->lose_last;
    if (t->session.facts.terms.mode != VC_DTLS_MODE_NONE) {
        if (wire_dtls(t, o->dtls_ms, &fail) == 0)
            wire_say(json_pack("{ss ss}", "event", "dtls-up", "suite", t->dtls_suite));
        else
            (void)wire_say_fail("dtls-failed", &fail);
    }
    (void)sigemptyset(&set);
    for (const int *s = (const int[]){SIGTERM, SIGINT, SIGHUP, SIGUSR1, 0}; *s; s++)
        (void)sigaddset(&set, *s);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || vc_loop_init(&e.loop) != 0) {
        (void)close(tun);
        return 1;
    }
    e.loop.now_ns = vc_clock_mono_ns();
    struct vc_worker_conf conf = {
        .end = VC_END_CLIENT, .tun = tun, .udp = t->udp, .offloads = offloads, .random = vc_random};
    e.worker = vc_worker_new(&e.loop, &conf, &ops, &e);
    t->udp = -1;
    uint64_t id = t->session.facts.id;
    if (!e.worker ||
        vc_live_start(e.worker, &t->session, t->fd, t->plain, t->plain_len, t->cipher, t->cipher_len, &fail) != 0)
        return wire_say_fail("failed", &fail);
    t->fd = -1;
    e.live = vc_live_find(e.worker, id);
    vc_watch_start(&e.signals, &e.loop, signals, true, false, on_signal, &e);
    wire_say(json_pack("{ss ss si}", "event", "up", "device", device, "pid", (int)getpid()));
    struct vc_loop_owner owner = {.due = due, .tick = tick, .owner = &e};
    vc_loop_run(&e.loop, &owner);
    vc_watch_stop(&e.signals);
    vc_worker_free(e.worker);
    vc_loop_deinit(&e.loop);
    (void)close(signals);
    return e.status;
}

int wireclient_connect(const struct wire_options *o)
{
    struct wire_http http = {.target = &o->target};
    struct wire_logged logged = {0};
    struct wire_connect c = o->connect;
    struct wire_tunnel t = {.fd = -1, .udp = -1};
    struct wire_tls *tls = NULL;
    struct vc_fail fail = {0};
    int r = 1;
    if (!c.token && wire_login(&http, &o->login, &logged, &fail) != 0) {
        r = wire_say_fail("failed", &fail);
        goto out;
    }
    if (!c.token) {
        c.token = logged.token;
        wire_say(json_pack("{ss ss ss}", "event", "logged-in", "token", logged.token, "session", logged.session_id));
    }
    tls = http.tls ? http.tls : wire_tls_open(&o->target, &fail); /* the login's own connection, as openconnect does */
    http.tls = NULL;
    if (!tls || wire_connect(tls, &o->target, &c, &t, &fail) != 0) {
        r = wire_say_fail("failed", &fail);
        goto out;
    }
    wire_say(wire_answer_json(&t, tls));
    r = run(o, &t);
out:
    wire_tunnel_end(&t);
    wire_tls_free(tls);
    wire_http_end(&http);
    vc_wipe(&logged, sizeof(logged));
    return r;
}
