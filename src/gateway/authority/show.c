#include "gateway/authority/show.h"

#include "crypto/hash.h"
#include "wire/dtls_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NS 1000000000ULL

void vc_show_bytes(uint64_t n, const char *behind, char out[32])
{
    static const char *const units[] = {"KB", "MB", "GB"};
    double value = (double)n / 1000;
    size_t unit = 0;
    while (value >= 1000 && unit < 2) {
        value /= 1000;
        unit++;
    }
    if (n < 1000)
        (void)snprintf(out, 32, "%" PRIu64 " bytes%s", n, behind);
    else
        (void)snprintf(out, 32, "%.1f %s%s", value, units[unit], behind);
}

void vc_show_interval(uint64_t s, char out[32])
{
    if (s >= UINT64_C(48) * 3600)
        (void)snprintf(out, 32, "%2" PRIu64 "days", s / 86400);
    else if (s >= 3600)
        (void)snprintf(out, 32, "%2uh:%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else if (s >= 60)
        (void)snprintf(out, 32, "%2um:%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else
        (void)snprintf(out, 32, "%5us", (unsigned)s);
}

/* ---- members of an object: a value that is empty or cannot be made is left out ---- */

static void put_text(json_t *o, const char *key, const char *text)
{
    if (text[0] != 0)
        (void)json_object_set_new(o, key, json_string(text));
}

static void put_number(json_t *o, const char *key, uint64_t n)
{
    (void)json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void put_number_text(json_t *o, const char *key, uint64_t n)
{
    (void)json_object_set_new(o, key, json_sprintf("%" PRIu64, n));
}

static void put_time(json_t *o, const char *key, int64_t at_s, int64_t now_s)
{
    (void)json_object_set_new(
        o, key, json_pack("{s:I, s:I}", "at", (json_int_t)at_s, "ago", (json_int_t)(now_s > at_s ? now_s - at_s : 0)));
}

static void put_interval(json_t *o, const char *key, const char *raw_key, uint64_t seconds)
{
    char text[32];
    vc_show_interval(seconds, text);
    put_text(o, key, text);
    put_number(o, raw_key, seconds);
}

static void put_bytes(json_t *o, const char *key, const char *raw_key, uint64_t n)
{
    char text[32];
    vc_show_bytes(n, "", text);
    put_text(o, key, text);
    put_number(o, raw_key, n);
}

static void put_ip(json_t *o, const char *key, const struct vc_ip *ip)
{
    char text[VC_IP_TEXT];
    if (ip->family == VC_FAMILY_NONE)
        return;
    vc_ip_print(ip, text);
    put_text(o, key, text);
}

/* ---- status ---- */

/** How many packets one call moved, as a person wants to see it. */
static void put_ratio(json_t *o, const char *key, uint64_t packets, uint64_t calls)
{
    if (calls > 0)
        (void)json_object_set_new(o, key, json_sprintf("%.2f", (double)packets / (double)calls));
}

static json_t *show_counters(const struct vc_show_counters *c)
{
    struct vc_worker_counters n;
    const uint64_t *from = c->value;
    json_t *o = json_object();
    put_number(o, "Tunnel processes", c->n_processes);
    put_number(o, "Sessions in them", c->n_sessions);
#define X(name, what)                                                                                                  \
    n.name = *from++;                                                                                                  \
    put_number(o, #name, n.name);
    VC_WORKER_COUNTERS(X)
#undef X
    put_ratio(o, "Packets per TUN read", n.tun_in, n.tun_reads);
    put_ratio(o, "Packets per TUN write", n.tun_out, n.tun_writes);
    put_ratio(o, "Datagrams per UDP receive", n.udp_in, n.udp_receives);
    put_ratio(o, "Datagrams per UDP send", n.udp_out, n.udp_sends);
    put_ratio(o, "Records per TCP receive", n.tcp_in, n.tcp_receives);
    put_ratio(o, "Records per TCP send", n.tcp_out, n.tcp_sends);
    return o;
}

json_t *vc_show_status(const struct vc_authority *a, const struct vc_show_counters *c, int64_t now_s)
{
    const struct vc_member *m;
    uint64_t live = 0, rx = a->stats.rx, tx = a->stats.tx, verifiers = 0;
    json_t *o = json_object();
    for (size_t at = 0; (m = vc_members_next(&a->members, &at));) {
        live += vc_member_is_live(m) && m->closing_ns == 0;
        rx += m->rx_bytes + m->live_rx;
        tx += m->tx_bytes + m->live_tx;
    }
    for (size_t i = 0; i < VC_AUTHORITY_PEERS_MAX; i++)
        verifiers += vc_port_is_open(&a->verifiers[i].port);
    put_text(o, "Status", "online");
    put_number(o, "Server PID", a->supervisor_pid);
    put_number(o, "Sec-mod PID", (uint64_t)getpid());
    put_number(o, "Sec-mod instance count", verifiers);
    put_time(o, "Up since", a->started_s, now_s);
    put_number(o, "raw_up_since", (uint64_t)a->started_s);
    put_number(o, "uptime", (vc_authority_now(a) - a->started_ns) / NS);
    put_number(o, "Active sessions", live);
    put_number(o, "Total sessions", a->stats.handled);
    put_number(o, "Total authentication failures", a->stats.failures);
    put_number(o, "IPs in ban list", 0);
    put_time(o, "Last stats reset", a->started_s, now_s);
    put_number(o, "raw_last_stats_reset", (uint64_t)a->started_s);
    put_number(o, "Sessions handled", a->stats.handled);
    put_number(o, "Timed out sessions", a->stats.timed_out);
    put_number(o, "Timed out (idle) sessions", a->stats.idle_out);
    put_number(o, "Closed due to error sessions", a->stats.errors);
    put_number(o, "Authentication failures", a->stats.failures);
    put_interval(o, "Average auth time", "raw_avg_auth_time",
                 a->stats.auth_n ? a->stats.auth_ns / a->stats.auth_n / NS : 0);
    put_interval(o, "Max auth time", "raw_max_auth_time", a->stats.auth_max_ns / NS);
    put_interval(o, "Average session time", "raw_avg_session_time",
                 a->stats.handled ? a->stats.session_s / a->stats.handled : 0);
    put_interval(o, "Max session time", "raw_max_session_time", a->stats.session_max_s);
    if (a->stats.min_mtu > 0) {
        put_number(o, "Min MTU", a->stats.min_mtu);
        put_number(o, "Max MTU", a->stats.max_mtu);
    }
    put_bytes(o, "RX", "raw_rx", rx);
    put_bytes(o, "TX", "raw_tx", tx);
    (void)json_object_set_new(o, "Varco", show_counters(c));
    return o;
}

/* ---- users ---- */

/** A name for a session that its token cannot be found from: it is a hash of the stored hash. */
static void session_name(const struct vc_member *m, char full[29], char brief[7])
{
    uint8_t hash[VC_HASH_MAX];
    const struct vc_piece piece = {m->token_hash, sizeof(m->token_hash)};
    full[0] = brief[0] = 0;
    if (vc_hash(VC_HASH_SHA256, &piece, 1, hash) != 0 || !vc_base64_encode(hash, 20, full, 29))
        return;
    memcpy(brief, full, 6);
    brief[6] = 0;
}

/** As ocserv writes it: "(DTLS1.2)-(PSK)-(AES-256-GCM)". */
static void put_dtls(json_t *o, const struct vc_member *m)
{
    static const char *const aeads[] = {[VC_AEAD_AES_128_GCM] = "AES-128-GCM",
                                        [VC_AEAD_AES_256_GCM] = "AES-256-GCM",
                                        [VC_AEAD_CHACHA20_POLY1305] = "CHACHA20-POLY1305"};
    const struct vc_dtls_name *name = m->dtls_up ? vc_dtls_name_find(vc_str_of(m->dtls_suite)) : NULL;
    if (name && name->aead > VC_AEAD_NONE && name->aead < VC_N_AEADS)
        (void)json_object_set_new(
            o, "DTLS cipher",
            json_sprintf("(DTLS1.2)-(%s)-(%s)", name->kind == VC_DTLS_CLASS_PSK ? "PSK" : "RSA", aeads[name->aead]));
}

static json_t *ip_list(const struct vc_ip *ips, size_t n)
{
    json_t *list = json_array();
    char text[VC_IP_TEXT];
    for (size_t i = 0; i < n; i++) {
        vc_ip_print(&ips[i], text);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

/** IPv4 with a dotted mask, IPv6 with a length. */
static json_t *route_list(const struct vc_prefix *routes, size_t n)
{
    json_t *list = json_array();
    char text[VC_IP_TEXT], mask[VC_IP_TEXT];
    for (size_t i = 0; i < n; i++) {
        vc_ip_print(&routes[i].ip, text);
        struct vc_ip m = vc_ip_mask4(routes[i].len);
        vc_ip_print(&m, mask);
        (void)json_array_append_new(list, routes[i].ip.family == VC_FAMILY_V4
                                              ? json_sprintf("%s/%s", text, mask)
                                              : json_sprintf("%s/%u", text, routes[i].len));
    }
    return list;
}

static json_t *text_list(const char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *show_user(const struct vc_authority *a, const struct vc_member *m, int64_t now_s)
{
    const struct vc_conf *conf = &a->conf;
    const struct vc_member_tunnel *t = &m->live;
    uint64_t rx = m->rx_bytes + m->live_rx, tx = m->tx_bytes + m->live_tx;
    uint64_t up_s = m->up_ns ? (vc_authority_now(a) - m->up_ns) / NS : 0;
    char text[32], full[29], brief[7];
    struct vc_ip ptp;
    json_t *o = json_object();
    put_number(o, "ID", m->id);
    put_text(o, "Username", m->user);
    put_text(o, "Groupname", m->group[0] ? m->group : "(none)");
    put_text(o, "State", "connected");
    put_text(o, "vhost", "default");
    put_text(o, "Device", a->device);
    if (m->live_mtu || t->mtu)
        put_number_text(o, "MTU", m->live_mtu ? m->live_mtu : t->mtu);
    put_ip(o, "Remote IP", &m->source.ip);
    put_text(o, "Location", "unknown");
    put_ip(o, "Local Device IP", &m->local.ip);
    put_ip(o, "IPv4", &m->v4);
    if (m->v4.family && vc_prefix_nth(&conf->ipv4_network, 1, &ptp))
        put_ip(o, "P-t-P IPv4", &ptp);
    put_ip(o, "IPv6", &m->v6);
    if (m->v6.family && vc_prefix_nth(&conf->ipv6_network, 1, &ptp))
        put_ip(o, "P-t-P IPv6", &ptp);
    put_text(o, "User-Agent", m->agent);
    put_number_text(o, "RX", rx);
    put_number_text(o, "TX", tx);
    vc_show_bytes(rx, "", text);
    put_text(o, "_RX", text);
    vc_show_bytes(tx, "", text);
    put_text(o, "_TX", text);
    vc_show_bytes(up_s ? m->live_rx / up_s : 0, "/sec", text);
    put_text(o, "Average RX", text);
    vc_show_bytes(up_s ? m->live_tx / up_s : 0, "/sec", text);
    put_text(o, "Average TX", text);
    put_number_text(o, "DPD", t->dpd_s);
    put_number_text(o, "KeepAlive", t->keepalive_s);
    put_text(o, "Hostname", t->hostname);
    put_time(o, "Last connected at", m->up_s, now_s);
    put_time(o, "Session started at", m->created_s, now_s);
    put_number(o, "raw_connected_at", (uint64_t)m->up_s);
    put_number(o, "raw_session_started_at", (uint64_t)m->created_s);
    session_name(m, full, brief);
    put_text(o, "Full session", full);
    put_text(o, "Session", brief);
    put_text(o, "TLS ciphersuite", t->suite);
    put_dtls(o, m);
    (void)json_object_set_new(o, "DNS", ip_list(conf->dns, conf->n_dns));
    (void)json_object_set_new(o, "NBNS", ip_list(conf->nbns, conf->n_nbns));
    (void)json_object_set_new(o, "Split-DNS-Domains", text_list(conf->split_dns, conf->n_split_dns));
    (void)json_object_set_new(o, "Routes",
                              conf->n_routes ? route_list(conf->routes, conf->n_routes) : json_string("defaultroute"));
    (void)json_object_set_new(o, "No-routes", route_list(conf->no_routes, conf->n_no_routes));
    (void)json_object_set_new(o, "iRoutes", json_array());
    put_text(o, "Restricted to routes", "False");
    (void)json_object_set_new(o, "Restricted to ports", json_array());
    return o;
}

static int by_id(const void *a, const void *b)
{
    const struct vc_member *const *x = a, *const *y = b;
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

json_t *vc_show_users(const struct vc_authority *a, const char *user, uint64_t id, int64_t now_s)
{
    const struct vc_member **found = calloc(a->members.n + 1, sizeof(const struct vc_member *)), *m;
    json_t *list = json_array();
    size_t n = 0;
    for (size_t at = 0; found && (m = vc_members_next(&a->members, &at));) {
        bool wanted = (!user || strcmp(m->user, user) == 0) && (id == 0 || m->id == id);
        if (wanted && vc_member_is_live(m) && m->closing_ns == 0)
            found[n++] = m;
    }
    if (n > 0)
        qsort(found, n, sizeof(const struct vc_member *), by_id);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, show_user(a, found[i], now_s));
    free(found);
    return list;
}
