/* The supervisor at work: gives every process what it needs, renders their events, starts what died, stops in order. */
#include "gateway/supervisor/files.h"
#include "gateway/supervisor/gateway.h"
#include "gateway/supervisor/signals.h"

#include "gateway/common/child.h"

#include "crypto/wipe.h"
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSWORDS_NS 5000000000ULL  /* between two looks at the password file, beside inotify */
#define PORTAL_LOGINS 1000U         /* and a little more for some, so that not all are renewed at the same time */
#define LOGINS_A_LIFE 1000000000ULL /* login numbers: no two portals give the same, whoever they succeed */
#define STOP_S 4                    /* that each step of the stop has; who is not done then is killed */

/** On its way to whoever runs `varcoctl events`. False: it is lost. */
static bool tell_story(struct vc_gateway *g, const struct vc_event *e)
{
    struct vc_child_process *authority = vc_children_find(&g->children, VC_ROLE_AUTHORITY, 0);
    uint8_t buf[4000];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_event_pack(e, &w);
    struct vc_msg m = {.type = VC_IPC_STORY, .STORY = {.event = {.at = buf, .len = vc_written(&w)}}};
    return authority && !w.bad && vc_port_offer(&authority->port, &m) == 0;
}

bool vc_gateway_emit(struct vc_gateway *g, struct vc_event *e)
{
    if (!vc_quota_take(&g->quota, e, vc_clock_mono_ns()))
        return false;
    if (e->at_ns == 0)
        e->at_ns = vc_clock_wall_ns();
    vc_log_event(&g->log, e);
    if (!g->story)
        return true;
    if (g->story_lost > 0) {
        struct vc_event lost = vc_event_lost(e->at_ns, g->story_lost, "the authority was busy");
        if (tell_story(g, &lost))
            g->story_lost = 0;
    }
    if (!tell_story(g, e))
        g->story_lost++;
    return true;
}

static void tell_left_out(struct vc_gateway *g, uint64_t until_ns)
{
    struct vc_event e;
    while (vc_quota_tell(&g->quota, until_ns, &e))
        vc_gateway_emit(g, &e);
}

void vc_gateway_notice(struct vc_gateway *g, enum vc_event_id id, enum vc_outcome outcome, const struct vc_fail *fail)
{
    struct vc_event e = vc_event_of(id, outcome, 0, 0);
    e.fail = *fail;
    vc_gateway_emit(g, &e);
}

static void identity(void *owner, enum vc_role role, uid_t *uid, gid_t *gid, int *cwd)
{
    const struct vc_gateway *g = owner;
    bool net = role == VC_ROLE_PORTAL || role == VC_ROLE_TUNNEL;
    *uid = net ? g->net_uid : g->authority_uid;
    *gid = net ? g->net_gid : g->authority_gid;
    *cwd = role == VC_ROLE_AUTHORITY ? g->place.state_fd : -1;
}

static int send_fd(struct vc_child_process *c, const struct vc_msg *m, int fd, bool close_it)
{
    int r = vc_port_send(&c->port, m, fd);
    if (close_it && fd >= 0)
        (void)close(fd);
    return r;
}

static int send_chain(struct vc_gateway *g, struct vc_child_process *c)
{
    const struct vc_certificate *have = &g->certificate;
    const struct vc_msg m = {.type = VC_IPC_PORTAL_CHAIN,
                             .PORTAL_CHAIN = {.chain = {.at = have->chain, .len = have->chain_len}}};
    return vc_port_send(&c->port, &m, -1);
}

/** A signer that is started again takes the files as they are now, and the portals show the certificate that belongs to
 *  its key: they hear of it before they meet the new signer. A pair that does not fit (a renewal that is half done)
 *  changes nothing. */
static void read_certificate_again(struct vc_gateway *g, const struct vc_child_process *signer)
{
    struct vc_fail fail = {0};
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, 0, 0);
    if (!g->told_up)
        return; /* they were read just now */
    int r = vc_certificate_read(&g->certificate, &g->conf, g->config_path, &fail);
    if (r == 0)
        return;
    for (unsigned i = 0; r > 0 && i < g->children.n; i++) {
        if (g->children.all[i].role == VC_ROLE_PORTAL)
            (void)send_chain(g, &g->children.all[i]);
    }
    vc_event_text(&e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(signer->role)));
    vc_event_text(&e, VC_FIELD_KEY, vc_str_of(g->certificate.pair.pin_text));
    if (r < 0) {
        e.outcome = VC_OUTCOME_FAILED;
        e.fail = fail;
    }
    vc_gateway_emit(g, &e);
}

static int setup_signer(struct vc_gateway *g, struct vc_child_process *c, struct vc_fail *fail)
{
    uint8_t *pem;
    size_t len;
    read_certificate_again(g, c);
    if (vc_certificate_key(&g->certificate, &pem, &len, fail) != 0)
        return -1;
    struct vc_msg m = {.type = VC_IPC_PRIVATE_KEY, .PRIVATE_KEY = {.number = 0, .pem = {.at = pem, .len = len}}};
    int r = vc_port_send(&c->port, &m, -1);
    vc_wipe(pem, len);
    free(pem);
    return r;
}

/** The password file's fd, for the authority. What changed in place it sees itself, through the fd that it has. */
static int send_passwords(struct vc_gateway *g, struct vc_child_process *c)
{
    const struct vc_msg m = {.type = VC_IPC_PASSWORD_FILE};
    struct stat st;
    int fd = open(g->conf.passwd_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0) {
        g->passwords_dev = st.st_dev;
        g->passwords_ino = st.st_ino;
    }
    return send_fd(c, &m, fd, true);
}

/** Tools replace the file by a new one under its name. */
static void check_passwords(struct vc_gateway *g)
{
    struct vc_child_process *authority = vc_children_find(&g->children, VC_ROLE_AUTHORITY, 0);
    struct stat st;
    g->passwords_ns = vc_clock_mono_ns() + PASSWORDS_NS;
    if (authority && authority->ready && stat(g->conf.passwd_file, &st) == 0 &&
        (st.st_dev != g->passwords_dev || st.st_ino != g->passwords_ino))
        (void)send_passwords(g, authority);
}

static void on_password_folder(struct vc_watch *w, bool readable, bool writable)
{
    uint8_t events[4096];
    (void)readable;
    (void)writable;
    while (read(w->io.fd, events, sizeof(events)) > 0)
        continue; /* whatever it was: the file itself is looked at */
    check_passwords(w->owner);
}

/** A new file is seen at once; where the system has no inotify to spare, a little later. */
static void watch_password_folder(struct vc_gateway *g, struct vc_watch *w)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(g->conf.passwd_file, '/');
    size_t len = slash && slash > g->conf.passwd_file ? (size_t)(slash - g->conf.passwd_file) : 1;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return;
    if (vc_str_copy((struct vc_str){.at = slash ? g->conf.passwd_file : ".", .len = len}, folder, sizeof(folder)) &&
        inotify_add_watch(fd, folder, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR) >= 0)
        vc_watch_start(w, &g->loop, fd, true, false, on_password_folder, g);
    else
        (void)close(fd);
}

static int setup_authority(struct vc_gateway *g, struct vc_child_process *c, struct vc_fail *fail)
{
    int config = vc_file_memory("varcod.conf", g->config_bytes, g->config_len, fail);
    if (config < 0)
        return -1;
    struct vc_msg m = {.type = VC_IPC_AUTHORITY_SETUP,
                       .AUTHORITY_SETUP = {.config_path = vc_str_of(g->config_path),
                                           .supervisor_pid = (uint32_t)getpid(),
                                           .n_tunnels = (uint16_t)g->n_tunnels,
                                           .config_hash = g->config_hash,
                                           .device = vc_str_of(g->device)}};
    if (send_fd(c, &m, config, true) != 0)
        return -1;
    if (send_passwords(g, c) != 0)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, errno, "%s", g->conf.passwd_file);
    m = (struct vc_msg){.type = VC_IPC_CONTROL_SOCKET};
    return g->control >= 0 ? send_fd(c, &m, g->control, false) : 0;
}

static int setup_portal(struct vc_gateway *g, struct vc_child_process *c)
{
    static uint8_t groups[51000];
    uint8_t priority[VC_TLS_PRIORITY_PACKED];
    struct vc_writer tls = vc_writer_to(priority, sizeof(priority));
    struct vc_writer w = vc_writer_to(groups, sizeof(groups));
    vc_tls_priority_pack(&g->conf.tls_priority, &tls);
    for (size_t i = 0; i < g->conf.n_groups; i++) {
        const char *texts[] = {g->conf.groups[i].name, g->conf.groups[i].label};
        for (int k = 0; k < 2; k++) {
            size_t where = vc_put_len_begin(&w, 2);
            vc_put_text(&w, texts[k]);
            vc_put_len_end(&w, where, 2);
        }
    }
    struct vc_msg m = {.type = VC_IPC_PORTAL_SETUP,
                       .PORTAL_SETUP = {.index = c->index,
                                        .first_login = ++g->portal_lives * LOGINS_A_LIFE + 1,
                                        .logins_max = PORTAL_LOGINS + c->index % 8 * (PORTAL_LOGINS / 20),
                                        .tls_max = (uint8_t)g->conf.tls_max,
                                        .tls_priority = {.at = priority, .len = vc_written(&tls)},
                                        .auth_timeout_s = g->conf.auth_timeout_s,
                                        .max_connections = VC_SLOTS_CONNECTIONS,
                                        .hide_groups = !g->conf.list_groups,
                                        .own_label = vc_str_of(g->conf.default_select_group),
                                        .pre_banner = vc_str_of(g->conf.pre_login_banner),
                                        .banner = vc_str_of(g->conf.banner),
                                        .config_hash = g->config_hash,
                                        .groups = {.at = groups, .len = vc_written(&w)}}};
    if (w.bad || tls.bad || vc_port_send(&c->port, &m, -1) != 0)
        return -1;
    if (send_chain(g, c) != 0)
        return -1;
    m = (struct vc_msg){.type = VC_IPC_SLOTS, .SLOTS = {.portals = (uint16_t)g->n_portals}};
    if (send_fd(c, &m, g->slots_fd, false) != 0)
        return -1;
    m = (struct vc_msg){.type = VC_IPC_LISTENER};
    return send_fd(c, &m, g->listener, false);
}

static int setup_tunnel(struct vc_gateway *g, struct vc_child_process *c)
{
    struct vc_msg m = {.type = VC_IPC_TUNNEL_SETUP,
                       .TUNNEL_SETUP = {.index = c->index,
                                        .count = (uint16_t)g->n_tunnels,
                                        .dtls_cookie = (uint8_t)g->conf.dtls_cookie,
                                        .cookie_key = {.at = g->cookie_key, .len = sizeof(g->cookie_key)},
                                        .v4 = g->conf.ipv4_network.ip,
                                        .v4_len = g->conf.ipv4_network.len,
                                        .v6 = g->conf.ipv6_network.ip,
                                        .v6_len = g->conf.ipv6_network.len}};
    if (vc_port_send(&c->port, &m, -1) != 0)
        return -1;
    m = (struct vc_msg){.type = VC_IPC_TUN_QUEUE,
                        .TUN_QUEUE = {.device = vc_str_of(g->device), .offloads = g->offloads}};
    if (send_fd(c, &m, g->tun[c->index], false) != 0)
        return -1;
    m = (struct vc_msg){.type = VC_IPC_UDP_SOCKET};
    return g->udp[c->index] >= 0 ? send_fd(c, &m, g->udp[c->index], false) : 0;
}

static int setup(void *owner, struct vc_child_process *c, struct vc_fail *fail)
{
    struct vc_gateway *g = owner;
    int r = 0;
    switch (c->role) {
    case VC_ROLE_SIGNER:
        r = setup_signer(g, c, fail);
        break;
    case VC_ROLE_AUTHORITY:
        r = setup_authority(g, c, fail);
        break;
    case VC_ROLE_PORTAL:
        r = setup_portal(g, c);
        break;
    case VC_ROLE_TUNNEL:
        r = setup_tunnel(g, c);
        break;
    case VC_ROLE_VERIFIER:
    case VC_ROLE_SUPERVISOR:
    case VC_N_ROLES:
        break;
    }
    if (r != 0 && fail->cause == VC_CAUSE_NONE)
        vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "setting up %s", vc_role_name(c->role));
    return r;
}

static void begin_stop(struct vc_gateway *g)
{
    if (g->stopping)
        return;
    struct vc_event e = vc_event_of(VC_EVENT_GATEWAY_STOPPING, VC_OUTCOME_OK, 0, 0);
    vc_gateway_emit(g, &e);
    g->stopping = g->children.stopping = true;
    if (g->listener >= 0)
        (void)close(g->listener);
    g->listener = -1;
}

/** Ends a process on the authority's word; that it died brings its successor. */
static void replace(struct vc_gateway *g, enum vc_role role, uint16_t index)
{
    const struct vc_child_process *c = vc_children_find(&g->children, role, index);
    if (c && c->pid > 0 && role != VC_ROLE_AUTHORITY)
        (void)kill(c->pid, SIGKILL);
}

static void heard(struct vc_gateway *g, struct vc_child_process *c, const struct vc_bytes *bytes)
{
    struct vc_event e;
    struct vc_fail fail = {0};
    uint64_t lost;
    int took = vc_teller_take(&c->teller, bytes, vc_clock_mono_ns(), &e, &lost, &fail);
    if (took < 0)
        vc_children_refuse(&g->children, c, &fail);
    if (took != VC_TELLER_TOOK)
        return;
    if (lost > 0) {
        struct vc_event more = vc_event_lost(e.at_ns, lost, "more than a process may tell in a second");
        vc_teller_sign(&c->teller, &more);
        vc_gateway_emit(g, &more);
    }
    if (!vc_gateway_emit(g, &e))
        vc_teller_left_out(&c->teller);
}

/** The settings of a group and a user, for the authority. */
static void give_files(const struct vc_gateway *g, struct vc_child_process *c, const struct vc_msg *m)
{
    const struct vc_str names[] = {[VC_FILES_GROUP] = m->FILES.group, [VC_FILES_USER] = m->FILES.user};
    struct vc_msg end = {.type = VC_IPC_FILES_END, .FILES_END = {.query = m->FILES.query}};
    const struct vc_conf *conf = vc_conf_of_host(&g->conf, m->FILES.vhost);
    struct vc_fail fail = {0};
    char path[PATH_MAX];
    for (int of = VC_FILES_GROUP; of <= VC_FILES_USER && fail.cause == VC_CAUSE_NONE; of++) {
        int fd = vc_files_open(conf, (enum vc_files_of)of, names[of], path, &fail);
        const struct vc_msg file = {.type = VC_IPC_FILE, .FILE = {.query = m->FILES.query, .path = vc_str_of(path)}};
        if (fd >= 0 && send_fd(c, &file, fd, true) != 0)
            vc_fail_set(&fail, VC_CAUSE_USER_FILE, 0, "%s", "its path is no UTF-8");
    }
    end.FILES_END.cause = (uint16_t)fail.cause;
    end.FILES_END.sys_errno = (uint32_t)fail.sys_errno;
    end.FILES_END.detail = vc_str_of(fail.detail);
    if (!vc_str_utf8(end.FILES_END.detail))
        end.FILES_END.detail = (struct vc_str){0};
    (void)vc_port_send(&c->port, &end, -1);
}

static void message(void *owner, struct vc_child_process *c, const struct vc_msg *m, int fd)
{
    struct vc_gateway *g = owner;
    if (fd >= 0)
        (void)close(fd);
    switch (m->type) {
    case VC_IPC_EVENT:
        heard(g, c, &m->EVENT.event);
        break;
    case VC_IPC_FILES:
        give_files(g, c, m);
        break;
    case VC_IPC_PLEASE:
        if (m->PLEASE.what == VC_PLEASE_STOP) {
            begin_stop(g);
        } else if (m->PLEASE.what == VC_PLEASE_STORY_ON) {
            g->story = true;
            g->story_lost = 0;
        } else if (m->PLEASE.what == VC_PLEASE_STORY_OFF) {
            g->story = false;
        } else if (m->PLEASE.what == VC_PLEASE_REPLACE && m->PLEASE.role < VC_N_ROLES) {
            replace(g, (enum vc_role)m->PLEASE.role, m->PLEASE.index);
        }
        break;
    default:
        break;
    }
}

static void write_pid_file(struct vc_gateway *g)
{
    const char *path = g->pid_file;
    FILE *f = path ? fopen(path, "we") : NULL;
    if (!path)
        return;
    if (f)
        (void)fprintf(f, "%d\n", (int)getpid());
    if (!f || fclose(f) != 0) {
        struct vc_fail why;
        vc_fail_set(&why, VC_CAUSE_SYSTEM, errno, "pid file %s", path);
        vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, &why);
    }
}

static void remove_pid_file(const struct vc_gateway *g)
{
    if (g->pid_file && g->told_up)
        (void)unlink(g->pid_file);
}

static void ready(void *owner, struct vc_child_process *c)
{
    struct vc_gateway *g = owner;
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_STARTED, VC_OUTCOME_OK, 0, 0);
    vc_event_text(&e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(c->role)));
    vc_event_number(&e, VC_FIELD_COUNT, c->index);
    vc_event_number(&e, VC_FIELD_PID, (uint64_t)c->pid);
    vc_gateway_emit(g, &e);
    if (g->told_up || !vc_children_all_ready(&g->children))
        return;
    g->told_up = true;
    write_pid_file(g);
    e = vc_event_of(VC_EVENT_GATEWAY_UP, VC_OUTCOME_OK, 0, 0);
    vc_event_text(&e, VC_FIELD_FILE, vc_str_of(g->config_path));
    vc_event_text(&e, VC_FIELD_VERSION, vc_str_of(VC_VERSION));
    vc_event_text(&e, VC_FIELD_KEY, vc_str_of(g->certificate.pair.pin_text));
    vc_gateway_emit(g, &e);
    if (g->ready_pipe >= 0) {
        char ok = 0;
        if (g->log.failures_to_stderr) {
            int null = open("/dev/null", O_RDWR | O_CLOEXEC);
            if (null >= 0) {
                (void)dup2(null, STDERR_FILENO);
                (void)close(null);
            }
            g->log.failures_to_stderr = false;
        }
        (void)!write(g->ready_pipe, &ok, 1);
        (void)close(g->ready_pipe);
        g->ready_pipe = -1;
    }
}

/** What nobody needs to look at. A crash while the gateway stops is still a crash. */
static bool in_order(const struct vc_gateway *g, const struct vc_child_process *c, int status)
{
    if (WIFEXITED(status))
        return (c->leaving && WEXITSTATUS(status) == VC_CHILD_RENEWED) || (g->stopping && WEXITSTATUS(status) == 0);
    return c->killed && c->silent_s == 0 && WTERMSIG(status) == SIGKILL;
}

static void failed(void *owner, struct vc_child_process *c, const struct vc_fail *why)
{
    struct vc_gateway *g = owner;
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, 0, 0);
    vc_event_text(&e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(c->role)));
    vc_event_number(&e, VC_FIELD_COUNT, c->index);
    e.fail = *why;
    vc_gateway_emit(g, &e);
}

static void ended(void *owner, struct vc_child_process *c, int status)
{
    struct vc_gateway *g = owner;
    bool good = in_order(g, c, status);
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_ENDED, good ? VC_OUTCOME_OK : VC_OUTCOME_FAILED, 0, 0);
    vc_event_text(&e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(c->role)));
    vc_event_number(&e, VC_FIELD_COUNT, c->index);
    vc_event_number(&e, VC_FIELD_PID, (uint64_t)c->pid);
    if (c->silent_s > 0)
        vc_event_number(&e, VC_FIELD_SECONDS, c->silent_s); /* that it had, and took */
    if (c->role == VC_ROLE_AUTHORITY)
        g->story = false;          /* who followed the events is gone with it */
    if (c->role == VC_ROLE_PORTAL) /* its connections ended with it */
        vc_slots_forget(g->slots, c->index);
    if (!good) {
        if (c->silent_s > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            vc_fail_set(&e.fail, VC_CAUSE_CHILD_SILENT, 0, "%s for %u s",
                        c->told_stop ? "told to stop, it went on" : "it gave no answer", c->silent_s);
        else if (WIFSIGNALED(status))
            vc_fail_set(&e.fail, VC_CAUSE_CHILD_DIED, 0, "signal %d", WTERMSIG(status));
        else
            vc_fail_set(&e.fail, VC_CAUSE_CHILD_DIED, 0, "exit status %d", WEXITSTATUS(status));
        if (!g->told_up) /* it never worked: going round would help nobody */
            begin_stop(g);
    }
    vc_gateway_emit(g, &e);
}

/** Live sessions go on. */
static void tell_unserved(struct vc_gateway *g, int number)
{
    struct vc_fail why;
    vc_fail_set(&why, VC_CAUSE_SIGNAL_NOT_SERVED, 0, "SIG%s%s", sigabbrev_np(number),
                number == SIGHUP ? ": the configuration is read at the start alone" : "");
    vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, &why);
}

static void on_signal(struct vc_watch *w, bool readable, bool writable)
{
    struct vc_gateway *g = w->owner;
    struct signalfd_siginfo info;
    (void)readable;
    (void)writable;
    while (read(w->io.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            vc_children_reap(&g->children);
            vc_firewall_reap(g);
            break;
        case SIGTERM:
        case SIGINT:
        case SIGQUIT:
            g->asked_to_stop |= !g->stopping;
            begin_stop(g);
            break;
        default:
            tell_unserved(g, (int)info.ssi_signo);
            break;
        }
    }
}

static uint64_t due(void *owner)
{
    const struct vc_gateway *g = owner;
    uint64_t all[] = {vc_children_due(&g->children), g->stopping ? g->stop_by_ns : g->passwords_ns,
                      g->stopping ? UINT64_MAX : vc_firewall_due(&g->firewall), vc_quota_due(&g->quota)};
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        first = all[i] < first ? all[i] : first;
    return first;
}

/** Clients first; then the authority, which hears of them from the tunnel processes; then who only serves others. Who
 *  hangs is killed alone, and costs the next ones nothing. */
static void stop_step(struct vc_gateway *g, uint64_t now_ns)
{
    static const enum vc_role steps[][2] = {
        {VC_ROLE_PORTAL, VC_ROLE_TUNNEL}, {VC_ROLE_AUTHORITY, VC_ROLE_AUTHORITY}, {VC_ROLE_VERIFIER, VC_ROLE_SIGNER}};
    for (; g->stop_step < sizeof(steps) / sizeof(steps[0]); g->stop_step++) {
        const enum vc_role *who = steps[g->stop_step];
        bool late = g->stop_by_ns != 0 && now_ns >= g->stop_by_ns;
        if (g->stop_by_ns == 0)
            g->stop_by_ns = now_ns + STOP_S * 1000000000ULL;
        for (int i = 0; i < 2; i++) {
            if (late)
                vc_children_kill(&g->children, who[i], STOP_S);
            else
                vc_children_tell_stop(&g->children, who[i]);
        }
        if (late)
            g->stop_by_ns = UINT64_MAX;
        if (vc_children_alive(&g->children, who[0]) + vc_children_alive(&g->children, who[1]) > 0)
            return;
        g->stop_by_ns = 0;
    }
    vc_loop_stop(&g->loop);
}

static void tick(void *owner, uint64_t now_ns)
{
    struct vc_gateway *g = owner;
    vc_children_tick(&g->children, now_ns);
    tell_left_out(g, now_ns);
    if (!g->stopping) {
        if (now_ns >= g->passwords_ns)
            check_passwords(g);
        vc_firewall_tick(g, now_ns);
        return;
    }
    stop_step(g, now_ns);
}

static const struct vc_children_ops children_ops = {
    .identity = identity, .setup = setup, .message = message, .ready = ready, .failed = failed, .ended = ended};

int vc_gateway_serve(struct vc_gateway *g)
{
    struct vc_fail fail = {0};
    struct vc_watch signals = {0}, folder = {0};
    int sfd = vc_signals_open();
    int status = 0;
    if (sfd < 0 || vc_loop_init(&g->loop) != 0) {
        vc_fail_set(&fail, VC_CAUSE_SYSTEM, errno, "event loop");
        goto failed;
    }
    vc_watch_start(&signals, &g->loop, sfd, true, false, on_signal, g);
    watch_password_folder(g, &folder);
    g->children.keep_ids = g->keep_ids;
    g->children.with_stderr = g->log.to_stderr;
    if (vc_children_init(&g->children, &g->loop, &children_ops, g, &fail) != 0)
        goto failed;
    if (vc_children_start(&g->children, &fail) != 0) {
        vc_gateway_notice(g, VC_EVENT_PROCESS_ENDED, VC_OUTCOME_FAILED, &fail);
        begin_stop(g);
        tick(g, vc_clock_mono_ns()); /* whoever runs already is told: nothing else would wake the loop */
    }
    const struct vc_loop_owner who = {.due = due, .tick = tick, .owner = g};
    vc_loop_run(&g->loop, &who);
    tell_left_out(g, UINT64_MAX);
    status = g->told_up || g->asked_to_stop ? 0 : 1;
    remove_pid_file(g);
    if (folder.loop) {
        vc_watch_stop(&folder);
        (void)close(folder.io.fd);
    }
    vc_watch_stop(&signals);
    (void)close(sfd);
    return status;
failed:
    vc_gateway_notice(g, VC_EVENT_PROCESS_ENDED, VC_OUTCOME_FAILED, &fail);
    if (sfd >= 0)
        (void)close(sfd);
    return 1;
}
