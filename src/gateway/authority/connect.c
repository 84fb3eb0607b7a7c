/* CONNECT: a token becomes a tunnel. The session's addresses are leased with the first one and stay the same; each
 * grant has its own generation, ticket and DTLS id. The tunnel process hears of it first, so that it knows the ticket
 * before the portal brings the connection. */
#include "gateway/authority/authority.h"

#include "crypto/hash.h"
#include "crypto/wipe.h"
#include "policy/placeholders.h"
#include "proto/connect_gateway.h"
#include "proto/dtls_select.h"
#include "sys/random.h"

#include <stdlib.h>

#define NS 1000000000ULL
#define HEAD_MAX 100000

static void deny(struct vc_authority *a, uint16_t portal, const struct vc_msg *m, const struct vc_member *member,
                 uint16_t status, const char *reason, const struct vc_fail *fail)
{
    struct vc_event e =
        vc_event_of(VC_EVENT_CSTP_REFUSED, VC_OUTCOME_REFUSED, m->CONNECT.conn, member ? member->id : 0);
    char ip[VC_IP_TEXT];
    vc_ip_print(&m->CONNECT.source.ip, ip);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(ip));
    if (member)
        vc_event_text(&e, VC_FIELD_USER, vc_str_of(member->user));
    vc_event_number(&e, VC_FIELD_STATUS, status);
    e.fail = *fail;
    vc_authority_emit(a, &e);
    struct vc_msg answer = {.type = VC_IPC_DENY,
                            .DENY = {.conn = m->CONNECT.conn, .status = status, .reason = vc_str_of(reason)}};
    (void)vc_port_send(&a->portals[portal], &answer, -1);
}

/** The session of a token, or NULL with the cause. */
static struct vc_member *find(const struct vc_authority *a, const struct vc_bytes *token, enum vc_cause *why)
{
    uint8_t hash[VC_HASH_MAX];
    const struct vc_piece piece = {token->at, token->len};
    *why = VC_CAUSE_COOKIE_UNKNOWN;
    if (token->len != 32 || vc_hash(VC_HASH_SHA256, &piece, 1, hash) != 0)
        return NULL;
    return vc_members_by_token(&a->members, hash, why);
}

/** The same user begins to look at the same place. */
static uint64_t start_of(const struct vc_authority *a, const struct vc_member *m)
{
    uint8_t hash[VC_HASH_MAX];
    const struct vc_piece piece = {m->user, strlen(m->user)};
    uint64_t start;
    if (!a->conf.predictable_ips || vc_hash(VC_HASH_SHA256, &piece, 1, hash) != 0)
        return vc_random_u64();
    memcpy(&start, hash, sizeof(start));
    return start;
}

static int lease(struct vc_authority *a, struct vc_member *m, struct vc_fail *fail)
{
    if (m->leased)
        return 0;
    int r = vc_leases_take(&a->leases, start_of(a, m), &m->v4, &m->v6);
    if (r < 0)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "a lease");
    if (r > 0)
        return vc_fail_set(fail, VC_CAUSE_NO_ADDRESS, 0, "%zu addresses are given", vc_leases_n(&a->leases));
    m->v6_len = a->conf.ipv6_subnet_prefix;
    m->leased = true;
    return 0;
}

static enum vc_mtu_class tls_class(const struct vc_msg *m)
{
    if (m->CONNECT.tls_version == 13)
        return VC_MTU_TLS13;
    return m->CONNECT.aead == VC_AEAD_CHACHA20_POLY1305 ? VC_MTU_TLS12_CHACHA : VC_MTU_TLS12_GCM;
}

static void policy_of(const struct vc_authority *a, const struct vc_conf *c, struct vc_connect_policy *p,
                      struct vc_str *split_dns)
{
    vc_connect_policy_defaults(p);
    for (size_t i = 0; i < c->n_split_dns && i < VC_CONF_SPLIT_DNS_MAX; i++)
        split_dns[i] = vc_str_of(c->split_dns[i]);
    p->routes = c->routes;
    p->n_routes = c->n_routes;
    p->no_routes = c->no_routes;
    p->n_no_routes = c->n_no_routes;
    p->dns = c->dns;
    p->n_dns = c->n_dns;
    p->nbns = c->nbns;
    p->n_nbns = c->n_nbns;
    p->split_dns = split_dns;
    p->n_split_dns = c->n_split_dns;
    p->default_domain = vc_str_of(c->default_domain);
    p->banner = vc_str_of(c->banner);
    p->gateway_name = vc_str_of(a->gateway_name);
    p->dpd_s = c->dpd_s;
    p->mobile_dpd_s = c->mobile_dpd_s;
    p->keepalive_s = c->keepalive_s;
    p->mobile_keepalive_s = c->mobile_keepalive_s;
    p->idle_s = c->idle_timeout_s;
    p->mobile_idle_s = c->mobile_idle_timeout_s;
    p->dyn_dns = c->listen_host_is_dyndns;
    p->cookie_timeout_s = c->cookie_timeout_s;
    p->rekey_s = c->rekey_s;
    p->rekey_new_tunnel = c->rekey_method == VC_CONF_REKEY_NEW_TUNNEL;
    p->mtu = c->mtu;
    p->switch_to_tcp_s = c->switch_to_tcp_s;
    p->udp_port = c->udp_port;
    p->no_udp = c->no_udp;
    p->tunnel_all_dns = c->tunnel_all_dns;
    p->client_bypass = c->client_bypass_protocol;
    p->bye_is_logout = c->cisco_bye == VC_CONF_BYE_LOGOUT;
}

/** Texts of the answer that name the user. */
struct filled {
    struct vc_str headers[VC_CONF_HEADERS_MAX], pac_url;
    size_t n_headers;
    uint8_t room[VC_CONF_HEADERS_MAX * 1100];
};

static struct vc_str fill(struct vc_writer *w, const char *text, const struct vc_member *m, enum vc_placeholders_in in)
{
    const size_t from = vc_written(w);
    vc_placeholders_fill(vc_str_of(text), vc_str_of(m->user), vc_str_of(m->group), in, w);
    return w->bad ? (struct vc_str){0} : (struct vc_str){(const char *)w->start + from, vc_written(w) - from};
}

static int fill_all(const struct vc_conf *c, const struct vc_member *m, struct filled *f, struct vc_connect_policy *p,
                    struct vc_fail *fail)
{
    struct vc_writer w = vc_writer_to(f->room, sizeof(f->room));
    f->n_headers = c->n_custom_headers;
    for (size_t i = 0; i < f->n_headers; i++)
        f->headers[i] = fill(&w, c->custom_headers[i], m, VC_PLACEHOLDERS_IN_HEADER);
    if (c->proxy_url)
        p->pac_url = fill(&w, c->proxy_url, m, VC_PLACEHOLDERS_IN_URL);
    p->custom_headers = f->headers;
    p->n_custom_headers = f->n_headers;
    return w.bad ? vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0,
                               "custom-header or proxy-url is too long with these names")
                 : 0;
}

static uint32_t seconds_left(const struct vc_authority *a, const struct vc_member *m)
{
    uint64_t now = vc_authority_now(a);
    if (m->end_ns == UINT64_MAX)
        return 0;
    return m->end_ns > now + NS ? (uint32_t)((m->end_ns - now) / NS) : 1;
}

/** Everything that one grant is made of. */
struct grant {
    struct vc_connect_request req;
    struct vc_connect_store store;
    struct vc_connect_answer answer;
    struct vc_tunnel_params params;
    struct vc_connect_dtls dtls;
    uint16_t dtls_suite; /* resumption: what was agreed */
    uint8_t psk_aead;    /* PSK: the AEAD that the handshake is held to; NONE: any */
    struct vc_fail no_dtls;
    uint8_t ticket[16];
    uint8_t head[HEAD_MAX];
    size_t head_len;
};

static void choose_dtls(const struct vc_conf *conf, const struct vc_msg *m, struct grant *g)
{
    const struct vc_connect_request *req = &g->req;
    struct vc_connect_dtls *dtls = &g->dtls;
    enum vc_conf_key said_by;
    enum vc_conf_dtls_legacy legacy = vc_conf_dtls_legacy(conf, &said_by);
    const struct vc_dtls_policy policy = {.psk = conf->dtls_psk,
                                          .legacy = legacy == VC_CONF_LEGACY_NONE  ? VC_DTLS_LEGACY_FALSE
                                                    : legacy == VC_CONF_LEGACY_ALL ? VC_DTLS_LEGACY_TRUE
                                                                                   : VC_DTLS_LEGACY_ABSENT,
                                          .match_tls = conf->match_tls_dtls_ciphers};
    const struct vc_dtls_lists lists = {.dtls = vc_str_of(req->ciphers),
                                        .dtls12 = vc_str_of(req->ciphers12),
                                        .secret = req->has_secret,
                                        .tls_aead = m->CONNECT.aead};
    struct vc_dtls_choice choice;
    *dtls = (struct vc_connect_dtls){.mode = VC_DTLS_MODE_NONE};
    g->no_dtls = (struct vc_fail){0};
    g->dtls_suite = 0;
    g->psk_aead = VC_AEAD_NONE;
    if (conf->udp_port == 0 || conf->no_udp) {
        vc_fail_set(&g->no_dtls, VC_CAUSE_NO_DTLS, 0, "%s", conf->no_udp ? "no-udp" : "no udp-port");
        return;
    }
    if (vc_dtls_select(&lists, &policy, &choice, &g->no_dtls) != 0)
        return;
    vc_random(dtls->id, sizeof(dtls->id));
    dtls->name = vc_str_of(choice.name->name);
    dtls->header12 = choice.answer_dtls12;
    dtls->mtu_class = VC_MTU_DTLS_GCM;
    if (choice.name->kind != VC_DTLS_CLASS_NEGOTIATE) {
        dtls->mode = VC_DTLS_MODE_RESUME;
        g->dtls_suite = choice.name->code;
        if (choice.name->aead == VC_AEAD_CHACHA20_POLY1305)
            dtls->mtu_class = VC_MTU_DTLS_CHACHA;
        return;
    }
    dtls->mode = VC_DTLS_MODE_PSK;
    g->psk_aead = choice.psk_aead;
}

static int decide(struct vc_authority *a, const struct vc_conf *conf, const struct vc_msg *m,
                  const struct vc_member *member, struct grant *g, struct vc_fail *fail)
{
    static struct vc_str split_dns[VC_CONF_SPLIT_DNS_MAX];
    static struct filled filled;
    struct vc_connect_policy policy;
    const struct vc_connect_session session = {.v4 = {.ip = member->v4, .len = a->conf.ipv4_network.len},
                                               .v6 = {.ip = member->v6, .len = a->conf.ipv6_subnet_prefix},
                                               .session_timeout_s = conf->session_timeout_s,
                                               .session_left_s = seconds_left(a, member)};
    const struct vc_connect_tls tls = {.v13 = m->CONNECT.tls_version == 13,
                                       .mtu_class = tls_class(m),
                                       .tcp_pmtu = m->CONNECT.pmtu,
                                       .tcp_timestamps = m->CONNECT.timestamps != 0,
                                       .outer = m->CONNECT.source.ip.family};
    choose_dtls(conf, m, g);
    policy_of(a, conf, &policy, split_dns);
    if (fill_all(conf, member, &filled, &policy, fail) != 0)
        return -1;
    const struct vc_connect_in in = {.request = &g->req,
                                     .session = &session,
                                     .policy = &policy,
                                     .tls = &tls,
                                     .dtls = &g->dtls,
                                     .rekey_jitter_s = (int)(vc_random_u64() % 61) - 30};
    if (vc_connect_decide(&in, &g->store, &g->answer, &g->params, fail) != 0)
        return -1;
    struct vc_writer w = vc_writer_to(g->head, sizeof(g->head));
    vc_connect_answer_print(&g->answer, &w);
    if (w.bad || vc_written(&w) < 2)
        return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "more than %d bytes: too many routes or names", HEAD_MAX);
    g->head_len = vc_written(&w) - 2; /* the portal adds a header and the end */
    return 0;
}

static int expect(struct vc_authority *a, const struct vc_member *member, const struct vc_msg *m, uint16_t process,
                  const struct grant *g)
{
    const struct vc_tunnel_params *p = &g->params;
    bool dtls = p->dtls != VC_DTLS_MODE_NONE;
    struct vc_msg e = {.type = VC_IPC_EXPECT,
                       .EXPECT = {.ticket = {.at = g->ticket, .len = sizeof(g->ticket)},
                                  .session = member->id,
                                  .generation = member->generation,
                                  .v4 = p->v4,
                                  .v6 = p->v6,
                                  .v6_len = p->v6_len,
                                  .cstp_mtu = (uint16_t)p->mtu.cstp,
                                  .dtls_mtu = dtls ? (uint16_t)p->mtu.dtls : 0,
                                  .dpd_s = p->dpd_s,
                                  .keepalive_s = p->keepalive_s,
                                  .idle_s = p->idle_s,
                                  .remaining_s = seconds_left(a, member),
                                  .rekey_s = p->key_update_s,
                                  .rekey_ssl = m->CONNECT.tls_version == 13 && g->answer.rekey == VC_REKEY_SSL,
                                  .dtls_mode = (uint8_t)p->dtls,
                                  .dtls_suite = dtls ? g->dtls_suite : 0,
                                  .dtls_aead = dtls ? g->psk_aead : 0,
                                  .dtls_id = {.at = p->dtls_id, .len = dtls ? sizeof(p->dtls_id) : 0},
                                  .bye_logout = p->bye_is_logout,
                                  .switch_to_tcp_s = p->switch_to_tcp_s,
                                  .user = vc_str_of(member->user)}};
    return vc_port_send(&a->tunnels[process], &e, -1);
}

/** What is remembered of a grant until its tunnel is up, and while it is. */
static void remember(struct vc_authority *a, const struct vc_conf *conf, struct vc_member *member,
                     const struct vc_msg *m, uint16_t process, const struct grant *g)
{
    const struct vc_tunnel_params *p = &g->params;
    bool dtls = p->dtls != VC_DTLS_MODE_NONE;
    member->pending = (struct vc_member_tunnel){.generation = member->generation,
                                                .process = process,
                                                .dtls_id_len = dtls ? sizeof(p->dtls_id) : 0,
                                                .mtu = (uint16_t)(dtls ? p->mtu.dtls : p->mtu.cstp),
                                                .dpd_s = p->dpd_s,
                                                .keepalive_s = p->keepalive_s};
    memcpy(member->pending.dtls_id, p->dtls_id, sizeof(p->dtls_id));
    (void)vc_str_copy(m->CONNECT.suite, member->pending.suite, sizeof(member->pending.suite));
    (void)vc_str_copy(vc_str_of(g->req.hostname), member->pending.hostname, sizeof(member->pending.hostname));
    if (m->CONNECT.agent.len > 0)
        (void)vc_str_copy(m->CONNECT.agent, member->agent, sizeof(member->agent));
    member->source = m->CONNECT.source;
    member->local = m->CONNECT.local;
    member->pending_ns = vc_authority_now(a) + VC_PENDING_S * NS;
    member->wait_ns = vc_authority_now(a) + conf->cookie_timeout_s * NS;
    if (a->stats.min_mtu == 0 || member->pending.mtu < a->stats.min_mtu)
        a->stats.min_mtu = member->pending.mtu;
    if (member->pending.mtu > a->stats.max_mtu)
        a->stats.max_mtu = member->pending.mtu;
    vc_member_schedule(&a->members, member);
}

static void tell(struct vc_authority *a, const struct vc_member *member, const struct vc_msg *m, const struct grant *g)
{
    struct vc_event e = vc_event_of(VC_EVENT_CSTP_CONNECT, VC_OUTCOME_OK, m->CONNECT.conn, member->id);
    char ip[VC_IP_TEXT];
    vc_event_text(&e, VC_FIELD_USER, vc_str_of(member->user));
    vc_ip_print(&m->CONNECT.source.ip, ip);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(ip));
    if (g->params.v4.family != VC_FAMILY_NONE) {
        vc_ip_print(&g->params.v4, ip);
        vc_event_text(&e, VC_FIELD_ADDRESS4, vc_str_of(ip));
    }
    if (g->params.v6.family != VC_FAMILY_NONE) {
        vc_ip_print(&g->params.v6, ip);
        vc_event_text(&e, VC_FIELD_ADDRESS6, vc_str_of(ip));
    }
    vc_event_number(&e, VC_FIELD_MTU, g->params.mtu.cstp);
    vc_event_number(&e, VC_FIELD_TUNNEL, member->pending.process);
    vc_event_text(&e, VC_FIELD_SUITE, m->CONNECT.suite);
    vc_authority_emit(a, &e);

    bool dtls = g->params.dtls != VC_DTLS_MODE_NONE;
    e = vc_event_of(dtls ? VC_EVENT_DTLS_OFFERED : VC_EVENT_DTLS_NONE, dtls ? VC_OUTCOME_OK : VC_OUTCOME_INFO,
                    m->CONNECT.conn, member->id);
    if (dtls) {
        vc_event_text(&e, VC_FIELD_MODE, g->params.dtls == VC_DTLS_MODE_PSK ? VC_STR("psk") : VC_STR("resumption"));
        vc_event_text(&e, VC_FIELD_SUITE, g->dtls.name);
        vc_event_number(&e, VC_FIELD_MTU, g->params.mtu.dtls);
    } else {
        e.fail = g->no_dtls;
    }
    vc_authority_emit(a, &e);
}

/** The session that a CONNECT is for; NULL: it was answered. */
static struct vc_member *member_of(struct vc_authority *a, uint16_t portal, const struct vc_msg *m)
{
    enum vc_cause why;
    struct vc_fail fail = {0};
    struct vc_member *member = find(a, &m->CONNECT.token, &why);
    if (member && member->generation == UINT32_MAX) { /* no number may come twice */
        member = NULL;
        why = VC_CAUSE_COOKIE_EXPIRED;
    }
    if (!member) {
        fail.cause = why;
        deny(a, portal, m, NULL, 401, "Log in again", &fail);
    }
    return member;
}

static bool read_request(const struct vc_msg *m, struct vc_connect_request *req)
{
    struct vc_reader r = vc_reader_of(m->CONNECT.request.at, m->CONNECT.request.len);
    vc_connect_request_unpack(req, &r);
    return vc_reader_done(&r);
}

static void answer(struct vc_authority *a, const struct vc_waiting *who, const struct vc_conf *conf,
                   const struct vc_fail *bad)
{
    static struct grant g;
    const struct vc_msg *m = &who->connect;
    uint16_t portal = who->portal;
    struct vc_fail fail = *bad;
    struct vc_member *member = member_of(a, portal, m); /* it may have ended meanwhile */
    if (!member)
        return;
    if (bad->cause != VC_CAUSE_NONE || !read_request(m, &g.req)) {
        deny(a, portal, m, member, 503,
             bad->cause == VC_CAUSE_USER_FILE ? vc_login_error_text(VC_LOGIN_ERROR_SETTINGS)
                                              : "The gateway is busy, try again",
             &fail);
        return;
    }
    if (conf->deny_roaming && !vc_ip_eq(&m->CONNECT.source.ip, &member->source.ip)) {
        char ip[VC_IP_TEXT];
        vc_ip_print(&member->source.ip, ip);
        vc_fail_set(&fail, VC_CAUSE_ROAMING_DENIED, 0, "it was given to %s", ip);
        deny(a, portal, m, member, 401, "Log in again", &fail);
        return;
    }
    uint16_t process = vc_tunnels_choose(a, member);
    if (process == VC_NO_TUNNEL) {
        fail.cause = VC_CAUSE_NO_TUNNEL;
        deny(a, portal, m, member, 503, "The gateway is busy, try again", &fail);
        return;
    }
    if (lease(a, member, &fail) != 0 || decide(a, conf, m, member, &g, &fail) != 0) {
        deny(a, portal, m, member, 503, fail.cause == VC_CAUSE_NO_ADDRESS ? "No address available" : "Server error",
             &fail);
        return;
    }
    vc_random(g.ticket, sizeof(g.ticket));
    member->generation++;
    if (expect(a, member, m, process, &g) != 0) {
        fail.cause = VC_CAUSE_NO_TUNNEL;
        deny(a, portal, m, member, 503, "The gateway is busy, try again", &fail);
        return;
    }
    if (member->pending.generation != 0 &&
        member->pending.process != process) /* an earlier grant: only the newest counts */
        vc_tunnels_close(a, member, &member->pending, VC_CLOSE_QUIET, VC_CAUSE_CSTP_REPLACED, NULL);
    remember(a, conf, member, m, process, &g);
    vc_sessions_save(a, member);
    struct vc_msg grant = {.type = VC_IPC_GRANT,
                           .GRANT = {.conn = m->CONNECT.conn,
                                     .session = member->id,
                                     .ticket = {.at = g.ticket, .len = sizeof(g.ticket)},
                                     .tunnel = process,
                                     .dtls_mode = (uint8_t)g.params.dtls,
                                     .head = {.at = g.head, .len = g.head_len}}};
    (void)vc_port_send(&a->portals[portal], &grant, -1);
    tell(a, member, m, &g);
    vc_wipe(g.ticket, sizeof(g.ticket));
}

void vc_connect_question(struct vc_authority *a, uint16_t portal, const struct vc_msg *m)
{
    static struct vc_connect_request req;
    struct vc_waiting who = {
        .kind = VC_WAITS_FOR_TUNNEL, .portal = portal, .conn = m->CONNECT.conn, .connect = *m, .done = answer};
    if (!read_request(m, &req) || m->CONNECT.aead >= VC_N_AEADS || m->CONNECT.token.len != 32 ||
        vc_policies_waits(a, portal, m->CONNECT.conn)) {
        vc_authority_replace(a, VC_ROLE_PORTAL, portal, "a malformed CONNECT");
        return;
    }
    const struct vc_member *member = member_of(a, portal, m);
    if (member)
        vc_policies_ask(a, &who, member->group, member->user);
}

void vc_connect_logout(struct vc_authority *a, uint16_t portal, const struct vc_msg *m)
{
    enum vc_cause why;
    struct vc_member *member = find(a, &m->LOGOUT.token, &why);
    struct vc_msg answer = {.type = VC_IPC_LOGGED_OUT, .LOGGED_OUT = {.conn = m->LOGOUT.conn}};
    if (member) /* whoever has no session learns nothing */
        vc_sessions_leave(a, member, VC_CAUSE_LOGOUT, "Logged out");
    (void)vc_port_send(&a->portals[portal], &answer, -1);
}
