#include "policy/conf_reading.h"

#include <assert.h>

static int missing(struct vc_conf_reading *r, const char *what)
{
    return vc_conf_bad(r->fail, r->file, 0, "%s is missing", what);
}

static int bad_key(struct vc_conf_reading *r, enum vc_conf_key key, const char *why)
{
    return vc_conf_bad(r->fail, r->file, r->conf->origin[key].line, "%s: %s", vc_conf_key_row(key)->name, why);
}

static void note_key(struct vc_conf_reading *r, enum vc_conf_note_kind kind, enum vc_conf_key key, const char *words)
{
    if (r->layer == LAYER_GLOBAL || r->begun[key]) /* else the layer below has it */
        vc_conf_notes_add(r->notes, kind, r->conf->origin[key].line, vc_str_of(vc_conf_key_row(key)->name), "%s",
                          words);
}

static int check_login(struct vc_conf_reading *r)
{
    struct vc_conf *c = r->conf;
    if (!c->passwd_file)
        return missing(r, "auth");
    if (c->tcp_port == 0)
        return missing(r, "tcp-port");
    if (!c->server_cert)
        return missing(r, "server-cert");
    if (!c->server_key)
        return missing(r, "server-key");
    if (r->n_certs != r->n_keys)
        return bad_key(r, r->n_certs > r->n_keys ? VC_CONF_KEY_SERVER_CERT : VC_CONF_KEY_SERVER_KEY,
                       "there must be as many server-cert lines as server-key lines");
    if (c->origin[VC_CONF_KEY_RUN_AS_USER].file && !c->origin[VC_CONF_KEY_RUN_AS_GROUP].file)
        c->run_as_group = NULL;
    if (!c->udp_listen_host) {
        c->udp_listen_host = c->listen_host;
        c->udp_listen_ip = c->listen_ip;
    }
    if (c->max_clients == 0)
        c->max_clients = VC_CONF_MAX_CLIENTS;
    if (c->verifiers == 0)
        c->verifiers = VC_CONF_VERIFIERS;
    return 0;
}

static int check_tls(struct vc_conf_reading *r)
{
    struct vc_conf *c = r->conf;
    const char *why;
    bool own = r->layer == LAYER_GLOBAL || r->begun[VC_CONF_KEY_TLS_PRIORITIES]; /* else noted for the layer below */
    c->tls_priority = (struct vc_tls_priority){0};
    if (!c->tls_priorities)
        return 0;
    if (vc_tls_priority_read(vc_str_of(c->tls_priorities), &c->tls_priority, &why, own ? r->notes : NULL,
                             c->origin[VC_CONF_KEY_TLS_PRIORITIES].line) != 0)
        return bad_key(r, VC_CONF_KEY_TLS_PRIORITIES, why);
    if (c->tls_max == VC_CONF_TLS_1_2 && !vc_tls_priority_has(&c->tls_priority, false))
        return bad_key(r, VC_CONF_KEY_TLS_PRIORITIES, "nothing is left: tls-max takes away TLS 1.3");
    return 0;
}

/* Addresses that a client may have: not unspecified, loopback, multicast or reserved. */
static bool is_unicast(const struct vc_prefix *p)
{
    uint8_t first = p->ip.bytes[0];
    if (p->len < 8) /* so that the first byte tells */
        return false;
    if (p->ip.family == VC_FAMILY_V4)
        return first != 0 && first != 127 && first < 224;
    return first != 0 && first != 0xff;
}

static int check_pool4(struct vc_conf_reading *r)
{
    struct vc_conf *c = r->conf;
    unsigned has_network = c->ipv4_network.ip.family, has_mask = r->netmask.family;
    if (has_mask && !has_network)
        return bad_key(r, VC_CONF_KEY_IPV4_NETMASK, "there is no ipv4-network");
    if (!has_network)
        return 0;
    if (!has_mask && !r->v4_has_len)
        return bad_key(r, VC_CONF_KEY_IPV4_NETWORK, "no length: write address/length, or add ipv4-netmask");
    if (has_mask) {
        char text[2 * VC_IP_TEXT];
        char ip[VC_IP_TEXT], mask[VC_IP_TEXT];
        struct vc_writer w = vc_writer_to(text, sizeof(text));
        struct vc_prefix p;
        vc_ip_print(&c->ipv4_network.ip, ip);
        vc_ip_print(&r->netmask, mask);
        vc_put_fmt(&w, "%s/%s", ip, mask);
        if (r->netmask.family != VC_FAMILY_V4 || !vc_prefix_parse((struct vc_str){text, vc_written(&w)}, &p))
            return bad_key(r, VC_CONF_KEY_IPV4_NETMASK, "no IPv4 mask: it has holes or is no IPv4 address");
        if (r->v4_has_len && p.len != c->ipv4_network.len)
            return bad_key(r, VC_CONF_KEY_IPV4_NETMASK, "ipv4-network has another length");
        c->ipv4_network = p;
    }
    if (!is_unicast(&c->ipv4_network))
        return bad_key(r, VC_CONF_KEY_IPV4_NETWORK, "clients cannot have addresses of this network");
    if (c->ipv4_network.len > 30)
        return bad_key(r, VC_CONF_KEY_IPV4_NETWORK, "no room: the gateway and one client need a /30 at least");
    return 0;
}

static int check_pool6(struct vc_conf_reading *r)
{
    struct vc_conf *c = r->conf;
    if (c->ipv6_network.ip.family == VC_FAMILY_NONE)
        return r->v6_len > 0 ? bad_key(r, VC_CONF_KEY_IPV6_PREFIX, "there is no ipv6-network") : 0;
    if (!r->v6_has_len && r->v6_len == 0)
        return bad_key(r, VC_CONF_KEY_IPV6_NETWORK, "no length: write address/length");
    if (r->v6_has_len && r->v6_len > 0 && r->v6_len != c->ipv6_network.len)
        return bad_key(r, VC_CONF_KEY_IPV6_PREFIX, "ipv6-network has another length");
    if (!r->v6_has_len) {
        char text[VC_PREFIX_TEXT], ip[VC_IP_TEXT];
        struct vc_writer w = vc_writer_to(text, sizeof(text));
        vc_ip_print(&c->ipv6_network.ip, ip);
        vc_put_fmt(&w, "%s/%u", ip, r->v6_len);
        bool good = vc_prefix_parse((struct vc_str){text, vc_written(&w)}, &c->ipv6_network);
        assert(good); /* an address that was printed, a length in range */
        (void)good;
    }
    if (!is_unicast(&c->ipv6_network))
        return bad_key(r, VC_CONF_KEY_IPV6_NETWORK, "clients cannot have addresses of this network");
    if (c->ipv6_network.len >= c->ipv6_subnet_prefix)
        return bad_key(r, VC_CONF_KEY_IPV6_NETWORK, "no room: its length must be below ipv6-subnet-prefix");
    if (c->ipv6_subnet_prefix == 128 && c->ipv6_network.len > 126)
        return bad_key(r, VC_CONF_KEY_IPV6_NETWORK, "no room: the gateway and one client need a /126 at least");
    return 0;
}

/* The answer to CONNECT has no word for a default route: a family without routes has one (2-tunnel.md 2.4). */
static void apply_default_routes(struct vc_conf_reading *r)
{
    struct vc_conf *c = r->conf;
    if (r->layer == LAYER_FILE && !r->begun[VC_CONF_KEY_ROUTE])
        return; /* the list is not our own */
    bool all4 = r->default_route, all6 = r->default_route;
    size_t n = 0;
    for (size_t i = 0; i < c->n_routes; i++) {
        if (c->routes[i].len == 0)
            *(c->routes[i].ip.family == VC_FAMILY_V4 ? &all4 : &all6) = true;
    }
    for (size_t i = 0; i < c->n_routes; i++) {
        if (!(c->routes[i].ip.family == VC_FAMILY_V4 ? all4 : all6))
            c->routes[n++] = c->routes[i];
    }
    c->n_routes = n;
}

static void check_files(struct vc_conf_reading *r)
{
    const struct vc_conf *c = r->conf;
    if (c->default_user_config && !c->config_per_user)
        note_key(r, VC_CONF_NOTE_IGNORED, VC_CONF_KEY_DEFAULT_USER_CONFIG, "it is read where config-per-user is set");
    if (c->default_group_config && !c->config_per_group)
        note_key(r, VC_CONF_NOTE_IGNORED, VC_CONF_KEY_DEFAULT_GROUP_CONFIG, "it is read where config-per-group is set");
}

static int check_transport(struct vc_conf_reading *r)
{
    struct vc_conf *c = r->conf;
    enum vc_conf_key said_by;
    enum vc_conf_dtls_legacy legacy;
    if (c->origin[VC_CONF_KEY_KEEPALIVE].file)
        c->mobile_keepalive_s = c->keepalive_s;
    if (!c->origin[VC_CONF_KEY_MOBILE_IDLE_TIMEOUT].file)
        c->mobile_idle_timeout_s = c->idle_timeout_s;
    if (c->rekey_s > 31536000) /* the most that is ever announced */
        c->rekey_s = 31536000;
    legacy = vc_conf_dtls_legacy(c, &said_by);
    if (c->match_tls_dtls_ciphers && legacy == VC_CONF_LEGACY_ALL)
        return bad_key(r, VC_CONF_KEY_MATCH_TLS_DTLS_CIPHERS,
                       "cannot go with dtls-legacy = true or cisco-client-compat = true");
    if (c->udp_port == 0 && !c->no_udp)
        note_key(r, VC_CONF_NOTE_NO_DTLS, VC_CONF_KEY_UDP_PORT, "no udp-port: clients stay on TLS");
    if (c->udp_port == 0 || c->no_udp)
        return 0;
    if (legacy == VC_CONF_LEGACY_ALL)
        note_key(r, VC_CONF_NOTE_NOT_SERVED, said_by,
                 "DTLS 0x0100 is not served yet: clients that know nothing newer stay on TLS");
    if (!c->dtls_psk && legacy == VC_CONF_LEGACY_NONE)
        note_key(r, VC_CONF_NOTE_NO_DTLS, VC_CONF_KEY_DTLS_PSK,
                 "neither dtls-psk nor dtls-legacy is on: clients stay on TLS");
    return 0;
}

int vc_conf_check(struct vc_conf_reading *r)
{
    if (check_login(r) != 0 || check_tls(r) != 0 || check_pool4(r) != 0 || check_pool6(r) != 0)
        return -1;
    if (r->conf->ipv4_network.ip.family == VC_FAMILY_NONE && r->conf->ipv6_network.ip.family == VC_FAMILY_NONE)
        return missing(r, "a network for the clients (ipv4-network or ipv6-network)");
    apply_default_routes(r);
    check_files(r);
    return check_transport(r);
}
