/* What only root may open: read once, checked, held for the processes that need it. */
#include "gateway/supervisor/files.h"
#include "gateway/supervisor/gateway.h"

#include "crypto/wipe.h"
#include "policy/conf_name.h"
#include "sys/file.h"
#include "sys/netlink.h"
#include "sys/networks.h"
#include "sys/random.h"
#include "sys/sock.h"
#include "sys/tun.h"
#include "sys/udp.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define CONFIG_MAX (1U << 20)
#define PASSWORD_FILE_MAX (16U << 20)
#define GRACE_MS 1500
#define TXQUEUELEN 32 /* super-packets: what keeps latency under load low (docs/architecture.md, "Data path") */

static int find_config(struct vc_gateway *g, struct vc_fail *fail)
{
    static const char *const places[] = {"/etc/varco/varcod.conf", "/etc/ocserv/ocserv.conf", "/etc/ocserv.conf"};
    const char *path = g->options->config;
    for (size_t i = 0; !path && i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], F_OK) == 0)
            path = places[i];
    }
    if (!path)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, ENOENT,
                           "none of %s, %s, %s: write one with varcoctl init, or name yours with -c", places[0],
                           places[1], places[2]);
    if (!realpath(path, g->real_path))
        return vc_fail_set(fail, VC_CAUSE_CONFIG, errno, "%s", path);
    if (!vc_str_copy(vc_str_of(path), g->config_path, sizeof(g->config_path)))
        return vc_fail_set(fail, VC_CAUSE_CONFIG, ENAMETOOLONG, "-c");
    return vc_file_read(path, CONFIG_MAX, VC_CAUSE_CONFIG, &g->config_bytes, &g->config_len, fail);
}

/** "FILE:LINE: key: " in front of what is wrong with a value. */
static int bad_value(const struct vc_gateway *g, enum vc_conf_key key, const char *name, const struct vc_fail *why,
                     struct vc_fail *fail)
{
    return vc_fail_set(fail, VC_CAUSE_CONFIG, why->sys_errno, "%s:%u: %s: %s", g->config_path, g->conf.origin[key].line,
                       name, why->detail);
}

/** The same where the port is what is wrong, and not the address or the system. */
static int bad_port(const struct vc_gateway *g, enum vc_conf_key key, const char *name, const struct vc_fail *why,
                    struct vc_fail *fail)
{
    if (why->sys_errno == EADDRINUSE)
        return bad_value(g, key, name, why, fail);
    *fail = *why;
    return -1;
}

/** Only one user id exists here (an unprivileged user namespace): nothing to change to. */
static bool one_id_mapped(void)
{
    unsigned inside, outside, count;
    FILE *f = fopen("/proc/self/uid_map", "re");
    if (!f)
        return false;
    int n = fscanf(f, "%u %u %u", &inside, &outside, &count);
    (void)fclose(f);
    return n == 3 && count == 1;
}

static void find_user(struct vc_gateway *g, const char *name, uid_t *uid, gid_t *gid)
{
    const struct passwd *pw = getpwnam(name);
    if (!pw) {
        struct vc_fail fail;
        vc_fail_set(&fail, VC_CAUSE_NO_USER_ID, 0, "%s", name);
        vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, &fail);
        pw = getpwnam("nobody");
    }
    *uid = pw ? pw->pw_uid : 65534;
    *gid = pw ? pw->pw_gid : 65534;
}

static int find_users(struct vc_gateway *g, struct vc_fail *fail)
{
    struct vc_fail why;
    g->keep_ids = getuid() != 0 || one_id_mapped();
    if (g->keep_ids) {
        g->authority_uid = g->net_uid = geteuid();
        g->authority_gid = g->net_gid = getegid();
        vc_fail_set(&why, VC_CAUSE_NO_USER_ID, 0, "only one user id is mapped here: all processes keep it");
        vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, &why);
        return 0;
    }
    find_user(g, "varco", &g->authority_uid, &g->authority_gid);
    if (g->conf.origin[VC_CONF_KEY_RUN_AS_USER].file) {
        const struct passwd *pw = getpwnam(g->conf.run_as_user);
        if (!pw) {
            vc_fail_set(&why, VC_CAUSE_CONFIG, 0, "there is no user %s", g->conf.run_as_user);
            return bad_value(g, VC_CONF_KEY_RUN_AS_USER, "run-as-user", &why, fail);
        }
        g->net_uid = pw->pw_uid;
        g->net_gid = pw->pw_gid;
    } else {
        find_user(g, g->conf.run_as_user, &g->net_uid, &g->net_gid);
    }
    if (g->conf.origin[VC_CONF_KEY_RUN_AS_GROUP].file && g->conf.run_as_group) {
        const struct group *gr = getgrnam(g->conf.run_as_group);
        if (!gr) {
            vc_fail_set(&why, VC_CAUSE_CONFIG, 0, "there is no group %s", g->conf.run_as_group);
            return bad_value(g, VC_CONF_KEY_RUN_AS_GROUP, "run-as-group", &why, fail);
        }
        g->net_gid = gr->gr_gid;
    }
    return 0;
}

static int check_password_file(struct vc_gateway *g, struct vc_fail *fail)
{
    struct vc_fail why = {0};
    uint8_t *bytes = NULL;
    size_t len;
    if (vc_file_read(g->conf.passwd_file, PASSWORD_FILE_MAX, VC_CAUSE_CONFIG, &bytes, &len, &why) != 0)
        return bad_value(g, VC_CONF_KEY_AUTH, "auth", &why, fail);
    vc_wipe(bytes, len);
    free(bytes);
    return 0;
}

/** A relative path is meant from the folder where varcod was started, and a daemon leaves that: as ocserv does with -f.
 */
static int make_absolute(struct vc_gateway *g, const char **path, struct vc_fail *fail)
{
    char folder[PATH_MAX];
    if (!*path || **path == '/')
        return 0;
    if (!getcwd(folder, sizeof(folder)))
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "the folder that %s is relative to", *path);
    if (asprintf(&g->absolute[g->n_absolute], "%s/%s", folder, *path) < 0)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "%s", *path);
    *path = g->absolute[g->n_absolute++];
    return 0;
}

static int make_paths_absolute(struct vc_gateway *g, struct vc_fail *fail)
{
    g->pid_file = g->options->pid_file ? g->options->pid_file : g->conf.pid_file;
    const char **all[VC_GATEWAY_PATHS] = {&g->conf.server_cert,         &g->conf.server_key,
                                          &g->conf.passwd_file,         &g->conf.state_dir,
                                          &g->conf.occtl_socket_file,   &g->pid_file,
                                          &g->conf.config_per_user,     &g->conf.config_per_group,
                                          &g->conf.default_user_config, &g->conf.default_group_config};
    for (size_t i = 0; i < VC_GATEWAY_PATHS; i++) {
        if (make_absolute(g, all[i], fail) != 0)
            return -1;
    }
    return 0;
}

int vc_gateway_read(struct vc_gateway *g, struct vc_fail *fail)
{
    static const int facilities[] = {LOG_DAEMON, LOG_USER, LOG_AUTH, LOG_AUTHPRIV};
    struct vc_conf_notes notes = {0};
    if (find_config(g, fail) != 0)
        return -1;
    int r = vc_conf_read(&g->conf, g->config_path, g->config_bytes, g->config_len, &notes, fail);
    g->config_hash = vc_clock_wall_ns() / 1000000U;
    if (r == 0) {
        g->log.json = g->conf.log_format == VC_CONF_LOG_JSON;
        g->log.level = g->options->debug >= 0 ? g->options->debug : (int)g->conf.log_level;
        g->log.facility = g->conf.syslog_facility <= VC_CONF_SYSLOG_AUTHPRIV
                              ? facilities[g->conf.syslog_facility]
                              : LOG_LOCAL0 + (int)(g->conf.syslog_facility - VC_CONF_SYSLOG_LOCAL0) * 8;
        vc_log_open(&g->log);
    }
    for (size_t i = 0; i < notes.n; i++) {
        struct vc_event e = vc_conf_note_event(&notes.at[i], g->config_path);
        vc_gateway_emit(g, &e);
    }
    vc_conf_notes_deinit(&notes);
    if (r != 0 || make_paths_absolute(g, fail) != 0 ||
        vc_certificate_read(&g->certificate, &g->conf, g->config_path, fail) < 0 || check_password_file(g, fail) != 0 ||
        vc_files_check(&g->conf, fail) != 0)
        return -1;
    return find_users(g, fail);
}

/** listen-host may be a name; it is resolved once. */
static int resolve(const struct vc_gateway *g, enum vc_conf_key key, const char *name, const char *host,
                   const struct vc_ip *ip, uint16_t port, struct vc_endpoint *out, struct vc_fail *fail)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    *out = (struct vc_endpoint){.ip = *ip, .port = port};
    if (!host || ip->family != VC_FAMILY_NONE)
        return 0;
    int r = getaddrinfo(host, NULL, &hints, &found);
    if (r != 0)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "%s:%u: %s: %s: %s", g->config_path, g->conf.origin[key].line,
                           name, host, gai_strerror(r));
    struct sockaddr_storage ss = {0};
    memcpy(&ss, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    (void)vc_endpoint_of(&ss, out);
    out->port = port;
    return 0;
}

_Static_assert(VC_PER_ROLE_MAX <= VC_SLOTS_PORTALS_MAX + 1, "a part of the table for each portal");

static unsigned n_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > VC_PER_ROLE_MAX ? VC_PER_ROLE_MAX : (unsigned)n;
}

static unsigned count_or(uint32_t wanted, unsigned otherwise)
{
    unsigned n = wanted ? wanted : otherwise;
    return n > VC_PER_ROLE_MAX ? VC_PER_ROLE_MAX : n;
}

/** A gateway that was killed a moment ago has processes that end behind it, and what they held is still there: whoever
 *  starts the next one at once need not know. Waits a little; false: long enough. */
static bool grace(unsigned n)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    if (n >= GRACE_MS / 20)
        return false;
    (void)nanosleep(&pause, NULL);
    return true;
}

/** A pool that another interface's network overlaps takes that one's packets, or never sees its own. */
static int check_pool(struct vc_gateway *g, enum vc_conf_key key, const char *name, const struct vc_prefix *pool,
                      struct vc_fail *fail)
{
    struct vc_networks_found found;
    struct vc_fail why;
    char text[VC_PREFIX_TEXT];
    int v = VC_NETWORKS_FREE;
    for (unsigned n = 0; pool->ip.family != VC_FAMILY_NONE; n++) {
        v = vc_networks_compare(pool, &found, fail);
        if (v != VC_NETWORKS_TAKEN || !grace(n))
            break;
    }
    if (v < 0 || v == VC_NETWORKS_FREE)
        return v;
    vc_prefix_print(&found.network, text);
    vc_fail_set(&why, v == VC_NETWORKS_TAKEN ? VC_CAUSE_POOL_TAKEN : VC_CAUSE_POOL_INSIDE, 0, "%s:%u: %s: %s has %s",
                g->config_path, g->conf.origin[key].line, name, found.interface, text);
    if (v == VC_NETWORKS_INSIDE) {
        vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, &why);
        return 0;
    }
    *fail = why;
    return -1;
}

static int check_pools(struct vc_gateway *g, struct vc_fail *fail)
{
    if (check_pool(g, VC_CONF_KEY_IPV4_NETWORK, "ipv4-network", &g->conf.ipv4_network, fail) != 0)
        return -1;
    return check_pool(g, VC_CONF_KEY_IPV6_NETWORK, "ipv6-network", &g->conf.ipv6_network, fail);
}

static int open_tun(struct vc_gateway *g, struct vc_fail *fail)
{
    char pattern[16];
    struct vc_ip ip;
    int n = snprintf(pattern, sizeof(pattern), "%s%%d", g->conf.device); /* the kernel finds a number that is free */
    if (n >= (int)sizeof(pattern)) /* the configuration's reader leaves room for two digits */
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "device: %s is too long", g->conf.device);
    if (vc_tun_open(pattern, g->n_tunnels, g->tun, g->device, &g->offloads, fail) != 0)
        return -1;
    unsigned all = VC_TUN_CSUM | VC_TUN_TSO4 | VC_TUN_TSO6 | VC_TUN_USO;
    if (g->offloads != all) {
        struct vc_fail why;
        vc_fail_set(&why, VC_CAUSE_NO_OFFLOAD, 0, "TUN has %s%s%s", g->offloads & VC_TUN_CSUM ? "checksums " : "",
                    g->offloads & VC_TUN_TSO4 ? "TSO " : "", g->offloads & VC_TUN_USO ? "USO" : "");
        vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, &why);
    }
    unsigned mtu = g->conf.mtu >= 1280 && g->conf.mtu < 1500 ? g->conf.mtu : 1500;
    if (vc_netlink_link_up(g->device, mtu, TXQUEUELEN, fail) != 0)
        return -1;
    if (vc_prefix_nth(&g->conf.ipv4_network, 1, &ip) &&
        vc_netlink_addr_add(g->device, &ip, g->conf.ipv4_network.len, fail) != 0)
        return -1;
    if (vc_prefix_nth(&g->conf.ipv6_network, 1, &ip) &&
        vc_netlink_addr_add(g->device, &ip, g->conf.ipv6_network.len, fail) != 0)
        return -1;
    return 0;
}

static int open_udp(struct vc_gateway *g, struct vc_fail *fail)
{
    struct vc_endpoint local;
    struct vc_fail why;
    bool gro = true;
    if (g->conf.udp_port == 0 || g->conf.no_udp)
        return 0; /* the configuration's notes say so */
    const char *host = g->conf.udp_listen_host ? g->conf.udp_listen_host : g->conf.listen_host;
    const struct vc_ip *ip = g->conf.udp_listen_host ? &g->conf.udp_listen_ip : &g->conf.listen_ip;
    if (resolve(g, VC_CONF_KEY_UDP_LISTEN_HOST, "udp-listen-host", host, ip, g->conf.udp_port, &local, fail) != 0)
        return -1;
    int r = vc_udp_probe(&local, &why);
    for (unsigned n = 0; r != 0 && why.sys_errno == EADDRINUSE && grace(n); n++)
        r = vc_udp_probe(&local, &why);
    if (r != 0)
        return bad_port(g, VC_CONF_KEY_UDP_PORT, "udp-port", &why, fail);
    for (unsigned i = 0; i < g->n_tunnels; i++) {
        g->udp[i] = vc_udp_open(&local, &gro, fail);
        if (g->udp[i] < 0)
            return -1;
    }
    if (!gro) {
        vc_fail_set(&why, VC_CAUSE_NO_OFFLOAD, 0, "UDP has no GRO");
        vc_gateway_notice(g, VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, &why);
    }
    return 0;
}

int vc_gateway_open(struct vc_gateway *g, struct vc_fail *fail)
{
    char name[VC_CONF_NAME_MAX];
    struct vc_endpoint local;
    struct vc_fail why;
    unsigned cpus = n_cpus();
    if (vc_conf_name(g->config_path, g->real_path, name, fail) != 0 ||
        vc_place_open(&g->place, name, g->conf.state_dir, g->conf.occtl_socket_file, g->authority_uid, g->authority_gid,
                      fail) != 0 ||
        resolve(g, VC_CONF_KEY_LISTEN_HOST, "listen-host", g->conf.listen_host, &g->conf.listen_ip, g->conf.tcp_port,
                &local, fail) != 0)
        return -1;
    g->listener = vc_sock_listen(&local, &why);
    if (g->listener < 0)
        return bad_port(g, VC_CONF_KEY_TCP_PORT, "tcp-port", &why, fail);
    g->n_portals = count_or(g->conf.portal_processes, cpus);
    if (g->n_portals == VC_PER_ROLE_MAX) /* one place is for a successor */
        g->n_portals--;
    g->slots_fd = vc_file_shared("slots", VC_SLOTS_BYTES(g->n_portals), fail);
    g->slots = g->slots_fd < 0 ? NULL : vc_file_map_shared(g->slots_fd, VC_SLOTS_BYTES(g->n_portals), fail);
    if (!g->slots)
        return -1;
    if (g->conf.use_occtl) {
        g->control = vc_place_listen(&g->place, fail);
        if (g->control < 0)
            return -1;
    }
    g->n_tunnels = count_or(g->conf.tunnel_processes, cpus);
    vc_random(g->cookie_key, sizeof(g->cookie_key));
    if (open_udp(g, fail) != 0 || check_pools(g, fail) != 0 || open_tun(g, fail) != 0 || vc_firewall_open(g, fail) != 0)
        return -1;
    vc_children_add(&g->children, VC_ROLE_SIGNER, 0);
    vc_children_add(&g->children, VC_ROLE_AUTHORITY, 0);
    unsigned n_verifiers = count_or(g->conf.verifiers, VC_CONF_VERIFIERS);
    for (unsigned i = 0; i < n_verifiers && i < cpus; i++)
        vc_children_add(&g->children, VC_ROLE_VERIFIER, (uint16_t)i);
    for (unsigned i = 0; i < g->n_tunnels; i++)
        vc_children_add(&g->children, VC_ROLE_TUNNEL, (uint16_t)i);
    for (unsigned i = 0; i < g->n_portals; i++)
        vc_children_add(&g->children, VC_ROLE_PORTAL, (uint16_t)i);
    vc_children_add_spare(&g->children, VC_ROLE_PORTAL, (uint16_t)g->n_portals);
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void vc_gateway_close(struct vc_gateway *g)
{
    vc_firewall_close(&g->firewall);
    close_fd(&g->listener);
    close_fd(&g->control);
    close_fd(&g->slots_fd);
    if (g->slots)
        (void)munmap(g->slots, VC_SLOTS_BYTES(g->n_portals));
    g->slots = NULL;
    for (unsigned i = 0; i < VC_PER_ROLE_MAX; i++) {
        close_fd(&g->tun[i]);
        close_fd(&g->udp[i]);
    }
    vc_place_close(&g->place);
    vc_log_close(&g->log);
    vc_conf_deinit(&g->conf);
    vc_certificate_deinit(&g->certificate);
    while (g->n_absolute > 0)
        free(g->absolute[--g->n_absolute]);
    free(g->config_bytes);
    g->config_bytes = NULL;
    vc_wipe(g->cookie_key, sizeof(g->cookie_key));
}
