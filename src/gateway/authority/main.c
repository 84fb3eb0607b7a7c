/* varco-authority: setup, neighbours, and the loop. */
#include "gateway/authority/authority.h"
#include "gateway/authority/control.h"

#include "sys/file.h"
#include "sys/random.h"

#include <stdlib.h>
#include <unistd.h>

static struct vc_authority authority;

#define CONFIG_MAX (4U << 20)
#define COSTLY_TOLD 64 /* lines of a password file that have an event of their own; the rest is counted */

void vc_authority_emit(struct vc_authority *a, struct vc_event *e)
{
    vc_child_emit(&a->child, e);
}

void vc_authority_replace(struct vc_authority *a, enum vc_role role, uint16_t index, const char *why)
{
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, 0, 0);
    struct vc_msg please = {.type = VC_IPC_PLEASE,
                            .PLEASE = {.what = VC_PLEASE_REPLACE, .role = (uint8_t)role, .index = index}};
    vc_event_text(&e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(role)));
    vc_event_number(&e, VC_FIELD_COUNT, index);
    vc_fail_set(&e.fail, role == VC_ROLE_VERIFIER ? VC_CAUSE_VERIFIER_DIED : VC_CAUSE_IPC_MALFORMED, 0, "%s", why);
    vc_authority_emit(a, &e);
    (void)vc_port_send(&a->child.supervisor, &please, -1);
}

/* ---- setup ---- */

static void read_config(struct vc_authority *a, const struct vc_msg *m, int fd)
{
    char path[512];
    uint8_t *bytes = NULL;
    size_t len;
    (void)vc_str_copy(m->AUTHORITY_SETUP.config_path, path, sizeof(path));
    (void)vc_str_copy(m->AUTHORITY_SETUP.device, a->device, sizeof(a->device));
    a->supervisor_pid = m->AUTHORITY_SETUP.supervisor_pid;
    enum vc_conf_key said_by;
    if (vc_file_read_fd(fd, CONFIG_MAX, &bytes, &len, &a->setup_fail) != 0)
        return;
    if (vc_conf_read(&a->conf, path, bytes, len, NULL, &a->setup_fail) == 0)
        a->has_conf = true;
    free(bytes);
    a->policy = (struct vc_login_policy){.groups = a->groups,
                                         .n_groups = a->conf.n_groups,
                                         .own_label = vc_str_of(a->conf.default_select_group),
                                         .pre_banner = vc_str_of(a->conf.pre_login_banner),
                                         .by_url = vc_conf_by_url(&a->conf, &said_by),
                                         .hide_groups = !a->conf.list_groups,
                                         .reject_unknown_url = a->conf.unknown_url == VC_CONF_URL_REJECT,
                                         .auth_timeout_s = a->conf.auth_timeout_s,
                                         .config_hash = m->AUTHORITY_SETUP.config_hash};
    for (size_t i = 0; i < a->conf.n_groups; i++)
        a->groups[i] = (struct vc_login_group){.name = vc_str_of(a->conf.groups[i].name),
                                               .label = vc_str_of(a->conf.groups[i].label)};
}

static void notice(struct vc_authority *a, enum vc_outcome outcome, const struct vc_fail *fail)
{
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, outcome, 0, 0);
    e.fail = *fail;
    vc_authority_emit(a, &e);
}

void vc_authority_tell_passwords(struct vc_authority *a)
{
    struct vc_str rest = {.at = (const char *)a->passwords.bytes, .len = a->passwords.len}, user;
    unsigned line = 0, n = 0;
    struct vc_fail fail;
    if (a->passwords.kinds.more) {
        vc_fail_set(&fail, VC_CAUSE_HASH_KINDS, 0, "more than %d methods and costs", VC_HASH_KINDS_MAX);
        notice(a, VC_OUTCOME_INFO, &fail);
    }
    while (vc_passwords_costly_next(&rest, &line, &user)) {
        struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, 0, 0);
        if (n++ >= COSTLY_TOLD)
            continue;
        e.fail.cause = VC_CAUSE_HASH_COSTLY;
        vc_event_text(&e, VC_FIELD_FILE, vc_str_of(a->conf.passwd_file));
        vc_event_number(&e, VC_FIELD_LINE, line);
        vc_event_text(&e, VC_FIELD_USER, user);
        vc_authority_emit(a, &e);
    }
    if (n > COSTLY_TOLD) {
        vc_fail_set(&fail, VC_CAUSE_HASH_COSTLY, 0, "and %u more lines of this file", n - COSTLY_TOLD);
        notice(a, VC_OUTCOME_INFO, &fail);
    }
}

static void take_passwords(struct vc_authority *a, int fd)
{
    struct vc_fail fail = {0};
    if (vc_passwords_take(&a->passwords, fd, &fail) != 0) {
        if (a->child.started)
            notice(a, VC_OUTCOME_FAILED, &fail);
        else
            a->setup_fail = fail;
    } else {
        vc_authority_tell_passwords(a);
    }
}

static void setup(struct vc_child *child, const struct vc_msg *m, int fd)
{
    struct vc_authority *a = child->owner;
    switch (m->type) {
    case VC_IPC_AUTHORITY_SETUP:
        read_config(a, m, fd);
        break;
    case VC_IPC_PASSWORD_FILE:
        take_passwords(a, fd);
        return;
    case VC_IPC_CONTROL_SOCKET:
        if (a->control_fd >= 0)
            (void)close(a->control_fd);
        a->control_fd = fd;
        return;
    case VC_IPC_STORY:
        vc_control_story(a, m);
        break;
    case VC_IPC_FILE:
        vc_policies_file(a, m, fd);
        return;
    case VC_IPC_FILES_END:
        vc_policies_end(a, m);
        break;
    default:
        break;
    }
    if (fd >= 0)
        (void)close(fd);
}

/* ---- neighbours ---- */

static void on_portal(struct vc_port *p, const struct vc_msg *m, int fd)
{
    struct vc_authority *a = p->owner;
    (void)fd;
    switch (m->type) {
    case VC_IPC_LOGIN:
        vc_logins_question(a, p->index, m);
        break;
    case VC_IPC_CONNECT:
        vc_connect_question(a, p->index, m);
        break;
    case VC_IPC_LOGOUT:
        vc_connect_logout(a, p->index, m);
        break;
    case VC_IPC_GONE:
        vc_jobs_cancel(a, p->index, m->GONE.conn);
        vc_policies_cancel(a, p->index, m->GONE.conn);
        break;
    default:
        break;
    }
}

static void on_portal_lost(struct vc_port *p, bool malformed)
{
    struct vc_authority *a = p->owner;
    vc_jobs_cancel(a, p->index, 0);
    vc_policies_cancel(a, p->index, 0);
    if (malformed)
        vc_authority_replace(a, VC_ROLE_PORTAL, p->index, "a malformed message");
}

static void on_verifier(struct vc_port *p, const struct vc_msg *m, int fd)
{
    (void)fd;
    if (m->type == VC_IPC_VERDICT)
        vc_jobs_answer(p->owner, p->index, m);
}

static void on_verifier_lost(struct vc_port *p, bool malformed)
{
    struct vc_authority *a = p->owner;
    vc_jobs_verifier_lost(a, p->index);
    if (malformed)
        vc_authority_replace(a, VC_ROLE_VERIFIER, p->index, "a malformed message");
}

static void peer(struct vc_child *child, enum vc_role role, uint16_t index, int fd)
{
    struct vc_authority *a = child->owner;
    if (index >= VC_AUTHORITY_PEERS_MAX) {
        (void)close(fd);
        return;
    }
    switch (role) {
    case VC_ROLE_PORTAL:
        vc_port_close(&a->portals[index]);
        vc_jobs_cancel(a, index, 0);
        vc_policies_cancel(a, index, 0);
        vc_port_open(&a->portals[index], &child->loop, fd, VC_ROLE_AUTHORITY, role, index, on_portal, on_portal_lost,
                     a);
        return;
    case VC_ROLE_VERIFIER:
        vc_port_close(&a->verifiers[index].port);
        vc_port_open(&a->verifiers[index].port, &child->loop, fd, VC_ROLE_AUTHORITY, role, index, on_verifier,
                     on_verifier_lost, a);
        vc_jobs_verifier_lost(a, index); /* what its predecessor had; and it can begin with what waits */
        return;
    case VC_ROLE_TUNNEL:
        vc_tunnels_peer(a, index, fd);
        return;
    case VC_ROLE_SUPERVISOR:
    case VC_ROLE_SIGNER:
    case VC_ROLE_AUTHORITY:
    case VC_N_ROLES:
        break;
    }
    (void)close(fd);
}

/* ---- the process ---- */

static int start(struct vc_child *child, struct vc_fail *fail)
{
    struct vc_authority *a = child->owner;
    uint64_t seed[2] = {vc_random_u64(), vc_random_u64()};
    if (!a->has_conf || a->passwords.fd < 0) {
        *fail = a->setup_fail;
        return fail->cause ? -1
                           : vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "started without configuration or password file");
    }
    if (gethostname(a->gateway_name, sizeof(a->gateway_name) - 1) != 0)
        a->gateway_name[0] = 0;
    a->started_ns = vc_clock_mono_ns();
    a->started_s = (int64_t)(vc_clock_wall_ns() / 1000000000U);
    vc_leases_init(&a->leases, &a->conf.ipv4_network, &a->conf.ipv6_network, a->conf.ipv6_subnet_prefix, seed);
    if (vc_store_open(&a->store, VC_AUTHORITY_STORE, fail) != 0 || vc_sessions_load(a, fail) != 0)
        return -1;
    a->alive_ns = 0; /* at once */
    if (a->control_fd >= 0)
        a->control = vc_control_new(a, a->control_fd);
    a->control_fd = -1;
    return 0;
}

static void end(struct vc_child *child)
{
    struct vc_authority *a = child->owner;
    vc_control_free(a->control);
    a->control = NULL;
    for (int i = 0; i < VC_AUTHORITY_PEERS_MAX; i++) {
        vc_port_close(&a->portals[i]);
        vc_port_close(&a->verifiers[i].port);
        vc_port_close(&a->tunnels[i]);
    }
}

static void stop(struct vc_child *child)
{
    struct vc_authority *a = child->owner;
    if (!a->store)
        return;
    for (int i = 0; i < VC_AUTHORITY_PEERS_MAX; i++)
        vc_port_drain(&a->tunnels[i]); /* their last words: who logged off, how many bytes */
    end(child);                        /* nobody is heard any more: there is no store to answer from */
    vc_sessions_stop(a);
    vc_store_close(a->store);
    a->store = NULL;
}

static uint64_t due(void *owner)
{
    const struct vc_authority *a = owner;
    uint64_t all[] = {vc_logins_due(&a->logins), vc_jobs_due(a), vc_sessions_due(a), vc_control_due(a)},
             first = UINT64_MAX;
    if (!a->store)
        return UINT64_MAX;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        first = all[i] < first ? all[i] : first;
    return first;
}

static void tick(void *owner, uint64_t now_ns)
{
    struct vc_authority *a = owner;
    if (!a->store)
        return;
    vc_logins_tick(a, now_ns);
    vc_jobs_tick(a, now_ns);
    vc_sessions_tick(a, now_ns);
    vc_control_tick(a, now_ns);
}

int main(void)
{
    static const struct vc_child_ops ops = {
        .setup = setup, .peer = peer, .start = start, .stop = stop, .end = end, .due = due, .tick = tick};
    struct vc_authority *a = &authority;
    uint64_t seed[2] = {vc_random_u64(), vc_random_u64()};
    a->passwords = (struct vc_passwords)VC_PASSWORDS_NONE;
    a->control_fd = -1;
    for (int i = 0; i < VC_AUTHORITY_PEERS_MAX; i++)
        a->portals[i].fd = a->verifiers[i].port.fd = a->tunnels[i].fd = -1;
    vc_logins_init(&a->logins, seed);
    vc_map_init(&a->waiting, 8, seed);
    vc_members_init(&a->members, seed);
    int status = vc_child_run(&a->child, VC_ROLE_AUTHORITY, &ops, a);
    for (uint16_t i = 0; i < VC_AUTHORITY_PEERS_MAX; i++)
        vc_policies_cancel(a, i, 0);
    vc_map_deinit(&a->waiting);
    vc_logins_deinit(&a->logins);
    vc_store_close(a->store);
    vc_passwords_deinit(&a->passwords);
    vc_members_deinit(&a->members);
    vc_leases_deinit(&a->leases);
    vc_conf_deinit(&a->conf);
    return status;
}
