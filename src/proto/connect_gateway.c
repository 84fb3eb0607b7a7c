#include "proto/connect_gateway.h"

#define LEASE_S 1209600
#define ALERT_S 60
#define REKEY_MAX_S 31536000 /* a 32-bit openconnect overflows above */
#define REKEY_DEFAULT_S 86400

void vc_connect_policy_defaults(struct vc_connect_policy *p)
{
    *p = (struct vc_connect_policy){.dpd_s = 30,
                                    .mobile_dpd_s = 300,
                                    .keepalive_s = 20,
                                    .mobile_keepalive_s = 120,
                                    .cookie_timeout_s = 300,
                                    .rekey_s = REKEY_DEFAULT_S,
                                    .switch_to_tcp_s = 25};
}

static bool contains(struct vc_str text, struct vc_str what)
{
    for (; text.len >= what.len; text.at++, text.len--) {
        if (vc_str_istarts(text, what))
            return true;
    }
    return false;
}

/** A number at 3 or below, or none: an openconnect that knows only the first login protocol. */
static bool is_old_openconnect(struct vc_str agent)
{
    struct vc_str prefix = VC_STR("Open AnyConnect VPN Agent v");
    uint32_t major = 0;
    if (!vc_str_istarts(agent, prefix))
        return false;
    for (size_t i = prefix.len; i < agent.len && agent.at[i] >= '0' && agent.at[i] <= '9' && major < 100; i++)
        major = major * 10 + (uint32_t)(agent.at[i] - '0');
    return major <= 3;
}

enum vc_agent vc_connect_agent(struct vc_str agent)
{
    if (is_old_openconnect(agent))
        return VC_AGENT_OLD_OPENCONNECT;
    if (vc_str_istarts(agent, VC_STR("AnyConnect-compatible OpenConnect")))
        return VC_AGENT_OPENCONNECT;
    if (!vc_str_istarts(agent, VC_STR("AnyConnect")) && !vc_str_istarts(agent, VC_STR("Cisco AnyConnect")))
        return VC_AGENT_OPENCONNECT;
    return contains(agent, VC_STR(" for Apple")) || contains(agent, VC_STR("AppleSSLVPN")) ? VC_AGENT_CISCO_APPLE
                                                                                           : VC_AGENT_CISCO;
}

/** What of each family the client gets. */
struct families {
    bool v4;
    bool v6;
    bool v6_rest; /* IPv6 routes and servers too: not in the old form, not to an old openconnect */
};

static bool serves(const struct families *f, uint8_t family)
{
    return family == VC_FAMILY_V4 ? f->v4 : f->v6_rest;
}

static bool any_of(const struct vc_prefix *list, size_t n, uint8_t family)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].ip.family == family)
            return true;
    }
    return false;
}

static void decide_lists(const struct vc_connect_policy *p, const struct families *f, enum vc_agent agent,
                         struct vc_connect_store *store, struct vc_connect_answer *a)
{
    bool cisco = agent == VC_AGENT_CISCO || agent == VC_AGENT_CISCO_APPLE;
    for (size_t i = 0; i < p->n_dns; i++) {
        if (serves(f, p->dns[i].family))
            vc_connect_add_dns(a, store, &p->dns[i]);
    }
    for (size_t i = 0; f->v4 && i < p->n_nbns; i++) {
        if (p->nbns[i].family == VC_FAMILY_V4) /* there is no other form */
            vc_connect_add_nbns(a, store, &p->nbns[i]);
    }
    for (size_t i = 0; i < p->n_split_dns; i++)
        vc_connect_add_split_dns(a, store, p->split_dns[i]);
    for (size_t i = 0; i < p->n_routes; i++) {
        if (serves(f, p->routes[i].ip.family))
            vc_connect_add_include(a, store, &p->routes[i]);
    }
    if (agent == VC_AGENT_CISCO_APPLE && f->v6_rest && !any_of(p->routes, p->n_routes, VC_FAMILY_V6)) {
        /* full tunnel: iOS takes no IPv6 default route */
        struct vc_prefix unicast = {.ip = {.family = VC_FAMILY_V6, .bytes = {0x20}}, .len = 3};
        vc_connect_add_include(a, store, &unicast);
    }
    for (size_t i = 0; i < p->n_no_routes; i++) {
        uint8_t family = p->no_routes[i].ip.family;
        if (cisco && any_of(p->routes, p->n_routes, family)) /* it takes one kind only */
            continue;
        if (serves(f, family))
            vc_connect_add_exclude(a, store, &p->no_routes[i]);
    }
}

static void decide_rekey(const struct vc_connect_in *in, struct vc_connect_answer *a, struct vc_tunnel_params *params)
{
    const struct vc_connect_policy *p = in->policy;
    uint32_t configured = p->rekey_s > 0 && p->rekey_s < REKEY_MAX_S ? p->rekey_s : REKEY_MAX_S;
    if (in->tls->v13 && !p->rekey_new_tunnel) {
        a->rekey =
            VC_REKEY_SSL; /* a client's own KeyUpdate can meet ours, which ends a GnuTLS: so it never sends one */
        a->rekey_s = REKEY_MAX_S;
        params->key_update_s = p->rekey_s > 0 ? configured : 0;
    } else {
        int64_t jittered = (int64_t)configured + in->rekey_jitter_s; /* not everybody at once */
        a->rekey = VC_REKEY_NEW_TUNNEL;
        a->rekey_s = jittered < 1 || jittered > REKEY_MAX_S ? configured : (uint32_t)jittered;
    }
    a->dtls.rekey_s = configured;
    a->dtls.rekey = VC_REKEY_ABSENT; /* `ssl` would make openconnect rehandshake inside the epochs */
}

static void decide_dtls(const struct vc_connect_in *in, enum vc_dtls_mode mode, const struct vc_mtu *mtu,
                        struct vc_connect_answer *a, struct vc_tunnel_params *params)
{
    params->dtls = mode;
    a->dtls.mode = mode;
    if (mode == VC_DTLS_MODE_NONE)
        return;
    memcpy(a->dtls.id, in->dtls->id, sizeof(a->dtls.id));
    memcpy(params->dtls_id, in->dtls->id, sizeof(params->dtls_id));
    a->dtls.id_len = sizeof(a->dtls.id);
    a->dtls.port = in->policy->udp_port;
    a->dtls.mtu = mtu->dtls;
    a->dtls.dpd_s = params->dpd_s;
    a->dtls.keepalive_s = params->keepalive_s;
    a->dtls.suite = in->dtls->name;
    a->dtls.suite12 = in->dtls->header12;
}

/** A mode needs its port, and resumption a secret that is beyond doubt. */
static enum vc_dtls_mode dtls_mode(const struct vc_connect_in *in)
{
    if (in->policy->udp_port == 0 || in->policy->no_udp)
        return VC_DTLS_MODE_NONE;
    if (in->dtls->mode == VC_DTLS_MODE_RESUME && !in->request->has_secret)
        return VC_DTLS_MODE_NONE;
    return in->dtls->mode;
}

static struct vc_str hostname(const struct vc_connect_in *in)
{
    if (in->policy->hostname.len > 0)
        return in->policy->hostname;
    if (in->request->hostname[0] != 0)
        return vc_str_of(in->request->hostname);
    return in->policy->gateway_name;
}

int vc_connect_decide(const struct vc_connect_in *in, struct vc_connect_store *store, struct vc_connect_answer *answer,
                      struct vc_tunnel_params *params, struct vc_fail *fail)
{
    const struct vc_connect_request *req = in->request;
    const struct vc_connect_session *s = in->session;
    const struct vc_connect_policy *p = in->policy;
    enum vc_agent agent = vc_connect_agent(vc_str_of(req->user_agent));
    enum vc_dtls_mode mode = dtls_mode(in);
    bool mobile = vc_connect_request_is_mobile(req);

    bool wants_v6 = vc_connect_request_wants(req, VC_FAMILY_V6) && s->v6.ip.family == VC_FAMILY_V6;
    struct vc_mtu_facts facts = {.client_base = req->base_mtu,
                                 .client_mtu = req->mtu,
                                 .limit = p->mtu,
                                 .tcp_pmtu = in->tls->tcp_pmtu,
                                 .outer = in->tls->outer,
                                 .timestamps = in->tls->tcp_timestamps,
                                 .tls = in->tls->mtu_class,
                                 .has_dtls = mode != VC_DTLS_MODE_NONE,
                                 .dtls = in->dtls->mtu_class,
                                 .wants_v6 = wants_v6};
    struct vc_mtu mtu;
    vc_mtu_gateway(&facts, &mtu);

    struct families f = {.v4 = vc_connect_request_wants(req, VC_FAMILY_V4) && s->v4.ip.family == VC_FAMILY_V4,
                         .v6 = mtu.v6};
    f.v6_rest = f.v6 && req->full_ipv6 && agent != VC_AGENT_OLD_OPENCONNECT;
    if (!f.v4 && !f.v6)
        return vc_fail_set(
            fail, VC_CAUSE_NO_ADDRESS, 0, "asked for%s%s, the session has%s%s%s",
            vc_connect_request_wants(req, VC_FAMILY_V4) ? " IPv4" : "",
            vc_connect_request_wants(req, VC_FAMILY_V6) ? " IPv6" : "", s->v4.ip.family == VC_FAMILY_V4 ? " IPv4" : "",
            s->v6.ip.family == VC_FAMILY_V6 ? " IPv6" : "", wants_v6 ? ", the MTU is too small for IPv6" : "");

    *params = (struct vc_tunnel_params){.mobile = mobile,
                                        .bye_is_logout = p->bye_is_logout,
                                        .dpd_s = mobile ? p->mobile_dpd_s : p->dpd_s,
                                        .keepalive_s = mobile ? p->mobile_keepalive_s : p->keepalive_s,
                                        .idle_s = mobile ? p->mobile_idle_s : p->idle_s,
                                        .switch_to_tcp_s = p->switch_to_tcp_s,
                                        .mtu = mtu};
    *answer = (struct vc_connect_answer){.status = 200,
                                         .v6_old_form = !req->full_ipv6,
                                         .dns6_form = agent == VC_AGENT_CISCO || agent == VC_AGENT_CISCO_APPLE,
                                         .hostname = hostname(in),
                                         .default_domain = p->default_domain,
                                         .banner = p->banner,
                                         .pac_url = p->pac_url,
                                         .post_auth_xml = s->post_auth_xml,
                                         .http_headers = p->http_headers,
                                         .n_http_headers = p->n_http_headers,
                                         .custom_headers = p->custom_headers,
                                         .n_custom_headers = p->n_custom_headers,
                                         .lease_s = LEASE_S,
                                         .session_s = s->session_timeout_s,
                                         .session_alert_s = ALERT_S,
                                         .session_left_s = s->session_timeout_s > 0 ? s->session_left_s : 0,
                                         .idle_s = params->idle_s,
                                         .disconnected_s = p->cookie_timeout_s > 0 ? p->cookie_timeout_s : 1,
                                         .dpd_s = params->dpd_s,
                                         .keepalive_s = params->keepalive_s,
                                         .base_mtu = mtu.base,
                                         .mtu = mtu.cstp,
                                         .keep = true,
                                         .tunnel_all_dns = p->tunnel_all_dns,
                                         .smartcard_removal_disconnect = true,
                                         .license_accept = true,
                                         .client_bypass = p->client_bypass,
                                         .dyn_dns = p->dyn_dns};
    if (f.v4) {
        answer->v4 = s->v4;
        params->v4 = s->v4.ip;
    }
    if (f.v6) {
        answer->v6 = s->v6;
        params->v6 = s->v6.ip;
        params->v6_len = s->v6.len;
    }
    decide_lists(p, &f, agent, store, answer);
    decide_rekey(in, answer, params);
    decide_dtls(in, mode, &mtu, answer, params);
    return 0;
}
