#include "gateway/supervisor/gateway.h"

#include "sys/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static void sysctl_path(char path[128], int version, const char *interface)
{
    (void)snprintf(path, 128, "/proc/sys/net/ipv%d/conf/%.20s/forwarding", version, interface);
}

static bool is_on(int version, const char *interface)
{
    char c = 0, path[128];
    sysctl_path(path, version, interface);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    if (fread(&c, 1, 1, f) != 1)
        c = 0;
    (void)fclose(f);
    return c == '1';
}

static int put(const char *interface, const char *value)
{
    char path[128];
    sysctl_path(path, 4, interface);
    return vc_file_put(path, value);
}

/** IPv4 forwarding of every interface that is there, the TUN device among them; remembered, so that it can be switched
 *  back. */
static int switch_forwarding_on(struct vc_firewall *f, struct vc_fail *fail)
{
    struct if_nameindex *all = if_nameindex();
    size_t n = 0;
    if (!all)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "the list of interfaces");
    while (all[n].if_index != 0)
        n++;
    f->forwarding = calloc(n + 1, sizeof(f->forwarding[0]));
    for (size_t i = 0; f->forwarding && i < n; i++) {
        const char *name = all[i].if_name;
        if (strcmp(name, "lo") != 0 && !is_on(4, name) && put(name, "1") == 0)
            (void)snprintf(f->forwarding[f->n_forwarding++], IF_NAMESIZE, "%s", name);
    }
    if_freenameindex(all);
    return f->forwarding ? 0 : vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "the list of interfaces");
}

static void tell_off(struct vc_gateway *g, int version, const char *sysctl)
{
    struct vc_fail why;
    if (is_on(version, g->device))
        return;
    vc_fail_set(&why, VC_CAUSE_NO_FORWARDING, 0, "%s = 0", sysctl);
    vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, &why);
}

int vc_firewall_open(struct vc_gateway *g, struct vc_fail *fail)
{
    bool v4 = g->conf.ipv4_network.ip.family == VC_FAMILY_V4, v6 = g->conf.ipv6_network.ip.family == VC_FAMILY_V6;
    if (g->conf.nat &&
        vc_nft_masquerade(&g->firewall.nft, g->device, &g->conf.ipv4_network, &g->conf.ipv6_network, fail) != 0)
        return -1;
    if (g->conf.nat && v4 && switch_forwarding_on(&g->firewall, fail) != 0)
        return -1;
    if (v4)
        tell_off(g, 4, "net.ipv4.ip_forward");
    if (v6)
        tell_off(g, 6, "net.ipv6.conf.all.forwarding");
    return 0;
}

static void tell(struct vc_gateway *g, enum vc_event_id id, pid_t pid, const struct vc_fail *fail)
{
    struct vc_event e = vc_event_of(id, fail->cause ? VC_OUTCOME_FAILED : VC_OUTCOME_OK, 0, 0);
    vc_event_text(&e, VC_FIELD_PROCESS, VC_STR("nft"));
    if (pid > 0)
        vc_event_number(&e, VC_FIELD_PID, (uint64_t)pid);
    e.fail = *fail;
    vc_gateway_emit(g, &e);
}

void vc_firewall_reap(struct vc_gateway *g)
{
    int status;
    struct vc_fail fail;
    pid_t pid = g->firewall.nft.pid;
    if (!vc_nft_ended(&g->firewall.nft, &status))
        return;
    vc_fail_set(&fail, VC_CAUSE_CHILD_DIED, 0, "%s %d: the table inet varco_%s went with it",
                WIFSIGNALED(status) ? "signal" : "exit status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), g->device);
    tell(g, VC_EVENT_PROCESS_ENDED, pid, &fail);
    g->firewall.again_ns = 1; /* at once */
}

/** The outcome of an attempt. */
static void attempted(struct vc_gateway *g, int r, const struct vc_fail *fail)
{
    struct vc_firewall *f = &g->firewall;
    f->again_ns = 0;
    if (r == VC_NFT_MADE) {
        f->n_failed = 0;
        tell(g, VC_EVENT_PROCESS_STARTED, f->nft.pid, fail);
        return;
    }
    f->again_ns = vc_clock_mono_ns() + (1000000000ULL << (f->n_failed < 5 ? f->n_failed++ : 5)); /* 1, 2, ... 32 s */
    tell(g, VC_EVENT_PROCESS_NOTICE, 0, fail);
}

static void on_answer(struct vc_watch *w, bool readable, bool writable)
{
    struct vc_gateway *g = w->owner;
    struct vc_fail fail = {0};
    (void)readable;
    (void)writable;
    vc_watch_stop(w); /* before it is closed */
    int r = vc_nft_read(&g->firewall.nft, &fail);
    if (r == VC_NFT_WAIT)
        vc_watch_start(w, &g->loop, g->firewall.nft.from, true, false, on_answer, g);
    else
        attempted(g, r, &fail);
}

uint64_t vc_firewall_due(const struct vc_firewall *f)
{
    return f->answer.loop ? f->answer_by_ns : f->again_ns ? f->again_ns : UINT64_MAX;
}

void vc_firewall_tick(struct vc_gateway *g, uint64_t now_ns)
{
    struct vc_firewall *f = &g->firewall;
    struct vc_fail fail = {0};
    if (now_ns < vc_firewall_due(f))
        return;
    if (f->answer.loop) {
        vc_watch_stop(&f->answer);
        attempted(g, vc_nft_late(&f->nft, &fail), &fail);
    } else if (vc_nft_begin(&f->nft, g->device, &g->conf.ipv4_network, &g->conf.ipv6_network, &fail) != 0) {
        attempted(g, -1, &fail);
    } else {
        f->answer_by_ns = now_ns + VC_NFT_ANSWER_S * 1000000000ULL;
        vc_watch_start(&f->answer, &g->loop, f->nft.from, true, false, on_answer, g);
    }
}

void vc_firewall_close(struct vc_firewall *f)
{
    vc_watch_stop(&f->answer);
    vc_nft_end(&f->nft);
    while (f->n_forwarding > 0)
        (void)put(f->forwarding[--f->n_forwarding], "0");
    free(f->forwarding);
    *f = (struct vc_firewall){0};
}
