/* CONNECT, and the hand-over of the connection to a tunnel process (2-tunnel.md 17). The channel is moved, never
 * copied:
 *
 *    portal                        tunnel process
 *    writes the 200, cuts, freezes
 *      -- ADOPT (channel, fd) -->  holds it, sends nothing
 *      <-------- ADOPTED --------
 *    wipes its copy
 *      ---------- OWN ---------->  goes on with it
 *
 * Whoever dies in between takes the channel along: the client comes back by its token. */
#include "gateway/portal/portal.h"

#include "crypto/wipe.h"
#include "session/channel.h"
#include "sys/sock.h"
#include "wire/connect_answer.h"
#include "wire/cookie.h"

#include <stdlib.h>

static void refuse(struct vc_conn *c, enum vc_cause cause, const char *detail, int status, const char *reason,
                   const char *x_reason)
{
    struct vc_event e = vc_conn_event(c, VC_EVENT_CSTP_REFUSED, VC_OUTCOME_REFUSED);
    vc_fail_set(&e.fail, cause, 0, "%s", detail);
    vc_event_number(&e, VC_FIELD_STATUS, (uint64_t)status);
    vc_child_emit(&c->portal->child, &e);
    vc_request_status(c, status, reason, x_reason, true);
}

void vc_handover_connect(struct vc_conn *c, const struct vc_http_request *req)
{
    static uint8_t packed[VC_CONNECT_PACKED_MAX];
    struct vc_str value;
    uint8_t token[VC_TOKEN_LEN];
    uint16_t pmtu;
    bool timestamps;
    if (!req->tunnel) {
        refuse(c, VC_CAUSE_HTTP_NOT_FOUND, "CONNECT to another path", 404, NULL, NULL);
        return;
    }
    if (vc_cookie_find(req, VC_STR("webvpn"), &value) != VC_COOKIE_FOUND || value.len == 0) {
        refuse(c, VC_CAUSE_COOKIE_MISSING, "", 401, "Cookie is not acceptable", "Log in first");
        return;
    }
    if (!vc_cookie_token_read(value, token)) {
        refuse(c, VC_CAUSE_COOKIE_MALFORMED, "", 401, "Cookie is not acceptable", "Log in again");
        return;
    }
    if (vc_conn_waits(c)) {
        vc_wipe(token, sizeof(token));
        return;
    }
    c->connect = calloc(1, sizeof(*c->connect));
    if (!c->connect) {
        vc_wipe(token, sizeof(token));
        refuse(c, VC_CAUSE_NO_MEMORY, "CONNECT", 503, NULL, "Out of memory");
        return;
    }
    for (size_t i = 0; i < req->n_headers; i++)
        (void)vc_connect_request_header(c->connect, req->headers[i].name, req->headers[i].value);
    c->head_len = req->consumed;
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    vc_connect_request_pack(c->connect, &w);
    vc_sock_tcp_facts(c->fd, &pmtu, &timestamps);
    struct vc_tls_facts facts;
    vc_tls_conn_facts(c->tls, &facts);
    struct vc_msg m = {.type = VC_IPC_CONNECT,
                       .CONNECT = {.conn = c->id,
                                   .source = c->source,
                                   .local = c->local,
                                   .token = {.at = token, .len = sizeof(token)},
                                   .tls_version = facts.suite->version == VC_TLS_1_3 ? 13 : 12,
                                   .aead = (uint8_t)facts.suite->alg,
                                   .suite = vc_str_of(facts.suite->name),
                                   .pmtu = pmtu,
                                   .timestamps = timestamps,
                                   .agent = vc_str_of(c->connect->user_agent),
                                   .request = {.at = packed, .len = vc_written(&w)}}};
    int r = w.bad ? -1 : vc_port_send(&c->portal->authority, &m, -1);
    vc_wipe(token, sizeof(token));
    if (r != 0) {
        refuse(c, VC_CAUSE_AUTHORITY_SILENT, "it is being started again", 503, NULL, "The gateway is busy, try again");
        return;
    }
    c->state = VC_CONN_CONNECTING;
    vc_watch_set(&c->watch, false, false);
}

void vc_handover_deny(struct vc_conn *c, const struct vc_msg *m)
{
    char reason[201];
    (void)vc_str_copy(m->DENY.reason, reason, sizeof(reason));
    vc_request_status(c, m->DENY.status, m->DENY.status == 401 ? "Cookie is not acceptable" : NULL, reason, true);
}

void vc_handover_grant(struct vc_conn *c, const struct vc_msg *m)
{
    static uint8_t head[131072];
    struct vc_fail fail = {0};
    struct vc_auth_complete doc = {.banner = c->portal->banner, .server_cert_sha1 = c->cert_sha1};
    c->session = m->GRANT.session;
    c->tunnel = m->GRANT.tunnel;
    c->dtls_mode = m->GRANT.dtls_mode;
    if (m->GRANT.ticket.len != sizeof(c->ticket) || c->tunnel >= VC_PORTAL_TUNNELS_MAX ||
        !vc_port_is_open(&c->portal->tunnels[c->tunnel])) {
        refuse(c, VC_CAUSE_NO_TUNNEL, "", 503, NULL, "The gateway is busy, try again");
        return;
    }
    memcpy(c->ticket, m->GRANT.ticket.at, sizeof(c->ticket));
    struct vc_writer w = vc_writer_to(head, sizeof(head));
    vc_put(&w, m->GRANT.head.at, m->GRANT.head.len);
    vc_put_text(&w, "X-CSTP-Post-Auth-XML: ");
    vc_auth_post_auth_write(&w, &doc);
    vc_put_text(&w, "\r\n\r\n");
    if (w.bad || vc_tls_conn_write(c->tls, head, vc_written(&w), &fail) != 0) {
        if (fail.cause == VC_CAUSE_NONE)
            vc_fail_set(&fail, VC_CAUSE_NO_MEMORY, 0, "an answer that does not fit");
        vc_conn_fail(c, VC_EVENT_CSTP_REFUSED, &fail);
        return;
    }
    c->state = VC_CONN_GRANTED;
    vc_conn_deadline(c, VC_PORTAL_ADOPT_S);
    vc_conn_go_on(c);
}

/** What both ends of DTLS start from: the client's master secret, or a PSK out of this TLS connection. */
static int dtls_secret(struct vc_conn *c, uint8_t secret[48], size_t *len, struct vc_fail *fail)
{
    *len = 0;
    switch ((enum vc_dtls_mode)c->dtls_mode) {
    case VC_DTLS_MODE_NONE:
        return 0;
    case VC_DTLS_MODE_RESUME:
        memcpy(secret, c->connect->secret, 48);
        *len = 48;
        return 0;
    case VC_DTLS_MODE_PSK:
        *len = 32;
        return vc_tls_conn_psk(c->tls, secret, fail);
    case VC_N_DTLS_MODES:
        break;
    }
    return vc_fail_set(fail, VC_CAUSE_IPC_MALFORMED, 0, "DTLS mode %u", c->dtls_mode);
}

void vc_handover_written(struct vc_conn *c)
{
    static uint8_t plain[40000];
    struct vc_portal *p = c->portal;
    struct vc_fail fail = {0};
    struct vc_tls_cut cut = {0};
    struct vc_channel channel = {.peer = c->source};
    uint8_t packed[VC_CHANNEL_PACKED_MAX], secret[48];
    size_t secret_len = 0;
    if (dtls_secret(c, secret, &secret_len, &fail) != 0 || vc_tls_cut(c->tls, &cut, &fail) != 0) {
        vc_wipe(secret, sizeof(secret));
        vc_conn_fail(c, VC_EVENT_CSTP_HANDOVER, &fail);
        return;
    }
    channel.kind = cut.in.version == VC_TLS_1_3 ? VC_CHANNEL_TLS_1_3 : VC_CHANNEL_TLS_1_2;
    channel.mtu = 0; /* the tunnel process knows it from the authority */
    channel.tls.in = cut.in;
    channel.tls.out = cut.out;
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    struct vc_writer pw = vc_writer_to(plain, sizeof(plain));
    vc_channel_pack(&channel, &w);
    vc_put(&pw, c->in + c->head_len, c->in_len - c->head_len); /* read behind the head */
    vc_put(&pw, cut.plain, cut.plain_len);
    struct vc_msg m = {.type = VC_IPC_ADOPT,
                       .ADOPT = {.ticket = {.at = c->ticket, .len = sizeof(c->ticket)},
                                 .channel = {.at = packed, .len = vc_written(&w)},
                                 .plain = {.at = plain, .len = vc_written(&pw)},
                                 .cipher = {.at = cut.cipher, .len = cut.cipher_len},
                                 .dtls_secret = {.at = secret, .len = secret_len}}};
    int r = w.bad || pw.bad ? -1 : vc_port_send(&p->tunnels[c->tunnel], &m, c->fd);
    /* whatever becomes of it: from here on this process has no key of it any more */
    vc_channel_wipe(&channel);
    vc_tls_cut_wipe(&cut);
    vc_wipe(packed, sizeof(packed));
    vc_wipe(secret, sizeof(secret));
    vc_wipe(plain, vc_written(&pw));
    vc_connect_request_wipe(c->connect);
    vc_tls_conn_free(c->tls);
    c->tls = NULL;
    c->state = VC_CONN_ADOPTING;
    if (r != 0) {
        vc_fail_set(&fail, VC_CAUSE_HANDOVER_LOST, 0, "tunnel process %u is gone", c->tunnel);
        vc_conn_fail(c, VC_EVENT_CSTP_HANDOVER, &fail);
        return;
    }
    vc_watch_stop(&c->watch);
    vc_conn_deadline(c, VC_PORTAL_ADOPT_S);
}

static struct vc_conn *find(struct vc_portal *p, uint16_t tunnel, const struct vc_bytes *ticket)
{
    size_t at = 0;
    for (struct vc_conn *c; (c = vc_map_next(&p->by_id, &at));) {
        if (c->state == VC_CONN_ADOPTING && c->tunnel == tunnel && ticket->len == sizeof(c->ticket) &&
            vc_same(c->ticket, ticket->at, sizeof(c->ticket)))
            return c;
    }
    return NULL;
}

void vc_handover_adopted(struct vc_portal *p, uint16_t tunnel, const struct vc_msg *m)
{
    struct vc_conn *c = find(p, tunnel, &m->ADOPTED.ticket);
    if (!c)
        return; /* given up meanwhile: without OWN the tunnel process lets go of it too */
    struct vc_msg own = {.type = VC_IPC_OWN, .OWN = {.ticket = {.at = c->ticket, .len = sizeof(c->ticket)}}};
    uint64_t id = c->id;
    if (vc_port_send(&p->tunnels[tunnel], &own, -1) != 0) {
        struct vc_fail fail;
        c = vc_conn_find(p, id); /* a port that is lost in the sending has ended it already */
        vc_fail_set(&fail, VC_CAUSE_HANDOVER_LOST, 0, "tunnel process %u is gone", tunnel);
        if (c)
            vc_conn_fail(c, VC_EVENT_CSTP_HANDOVER, &fail);
        return;
    }
    struct vc_event e = vc_conn_event(c, VC_EVENT_CSTP_HANDOVER, VC_OUTCOME_OK);
    vc_event_number(&e, VC_FIELD_TUNNEL, tunnel);
    vc_child_emit(&p->child, &e);
    vc_conn_free(c);
}

void vc_handover_not_adopted(struct vc_portal *p, uint16_t tunnel, const struct vc_msg *m)
{
    struct vc_conn *c = find(p, tunnel, &m->NOT_ADOPTED.ticket);
    struct vc_fail fail;
    if (!c)
        return;
    vc_fail_set(&fail,
                m->NOT_ADOPTED.cause < VC_N_CAUSES ? (enum vc_cause)m->NOT_ADOPTED.cause : VC_CAUSE_HANDOVER_LOST, 0,
                "tunnel process %u did not take it", tunnel);
    vc_conn_fail(c, VC_EVENT_CSTP_HANDOVER, &fail);
}

void vc_handover_tunnel_lost(struct vc_portal *p, uint16_t tunnel)
{
    for (;;) { /* freeing changes the map: begin anew after each */
        size_t at = 0;
        struct vc_conn *c;
        while ((c = vc_map_next(&p->by_id, &at)) && !(c->state == VC_CONN_ADOPTING && c->tunnel == tunnel))
            continue;
        if (!c)
            return;
        struct vc_fail fail;
        vc_fail_set(&fail, VC_CAUSE_HANDOVER_LOST, 0, "tunnel process %u ended", tunnel);
        vc_conn_fail(c, VC_EVENT_CSTP_HANDOVER, &fail);
    }
}
