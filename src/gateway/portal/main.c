/* varco-portal: setup, neighbours, and the loop. */
#include "gateway/portal/portal.h"

#include "crypto/hash.h"
#include "sys/file.h"
#include "sys/random.h"
#include "tls/pair.h"
#include "tls/wiping.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

static struct vc_portal portal;

static int ask_signer(void *arg, uint64_t handshake, uint16_t key, uint16_t scheme, const uint8_t *bytes, size_t len)
{
    struct vc_portal *p = arg;
    struct vc_msg m = {
        .type = VC_IPC_SIGN,
        .SIGN = {.handshake = handshake, .key = key, .scheme = scheme, .tbs = {.at = bytes, .len = len}}};
    return vc_port_send(&p->signer, &m, -1);
}

static void on_signer(struct vc_port *port, const struct vc_msg *m, int fd)
{
    (void)fd;
    if (m->type == VC_IPC_SIGNED)
        vc_conn_signed(port->owner, m);
}

static void on_signer_lost(struct vc_port *port, bool malformed)
{
    (void)port;
    (void)malformed; /* handshakes that wait for it run into their deadline */
}

static void on_authority(struct vc_port *port, const struct vc_msg *m, int fd)
{
    struct vc_portal *p = port->owner;
    struct vc_conn *c;
    (void)fd;
    /* an answer is taken only while its question is open; anything later is about a connection that gave up */
    switch (m->type) {
    case VC_IPC_FORM:
        c = vc_conn_find(p, m->FORM.conn);
        if (c && c->state == VC_CONN_ASKED)
            vc_request_form(c, m);
        break;
    case VC_IPC_SUCCESS:
        c = vc_conn_find(p, m->SUCCESS.conn);
        if (c && c->state == VC_CONN_ASKED)
            vc_request_success(c, m);
        break;
    case VC_IPC_LOGGED_OUT:
        c = vc_conn_find(p, m->LOGGED_OUT.conn);
        if (c && c->state == VC_CONN_ASKED)
            vc_request_logged_out(c);
        break;
    case VC_IPC_GRANT:
        c = vc_conn_find(p, m->GRANT.conn);
        if (c && c->state == VC_CONN_CONNECTING)
            vc_handover_grant(c, m);
        break;
    case VC_IPC_DENY:
        c = vc_conn_find(p, m->DENY.conn);
        if (c && c->state == VC_CONN_CONNECTING)
            vc_handover_deny(c, m);
        break;
    default:
        break;
    }
}

/** Nobody will answer what it was asked: those clients are told to come again in this turn of the loop, not when their
 *  deadline comes. */
static void authority_lost(struct vc_portal *p)
{
    size_t at = 0;
    for (struct vc_conn *c; (c = vc_map_next(&p->by_id, &at));) {
        if (c->state == VC_CONN_ASKED || c->state == VC_CONN_CONNECTING)
            vc_conn_deadline(c, 0);
    }
}

/** Those that waited for it ask it in this turn of the loop. */
static void authority_here(struct vc_portal *p)
{
    size_t at = 0;
    for (struct vc_conn *c; (c = vc_map_next(&p->by_id, &at));) {
        if (c->state == VC_CONN_WAITING)
            vc_conn_deadline(c, 0);
    }
}

static void on_authority_lost(struct vc_port *port, bool malformed)
{
    (void)malformed;
    authority_lost(port->owner);
}

static void on_tunnel(struct vc_port *port, const struct vc_msg *m, int fd)
{
    struct vc_portal *p = port->owner;
    (void)fd;
    if (m->type == VC_IPC_ADOPTED)
        vc_handover_adopted(p, port->index, m);
    else if (m->type == VC_IPC_NOT_ADOPTED)
        vc_handover_not_adopted(p, port->index, m);
}

static void on_tunnel_lost(struct vc_port *port, bool malformed)
{
    (void)malformed;
    vc_handover_tunnel_lost(port->owner, port->index);
}

static void peer(struct vc_child *child, enum vc_role role, uint16_t index, int fd)
{
    struct vc_portal *p = child->owner;
    if (role == VC_ROLE_SIGNER) {
        vc_port_close(&p->signer);
        vc_port_open(&p->signer, &child->loop, fd, VC_ROLE_PORTAL, role, index, on_signer, on_signer_lost, p);
    } else if (role == VC_ROLE_AUTHORITY) {
        vc_port_close(&p->authority);
        authority_lost(p);
        vc_port_open(&p->authority, &child->loop, fd, VC_ROLE_PORTAL, role, index, on_authority, on_authority_lost, p);
        authority_here(p);
    } else if (role == VC_ROLE_TUNNEL && index < VC_PORTAL_TUNNELS_MAX) {
        vc_port_close(&p->tunnels[index]);
        vc_handover_tunnel_lost(p, index);
        vc_port_open(&p->tunnels[index], &child->loop, fd, VC_ROLE_PORTAL, role, index, on_tunnel, on_tunnel_lost, p);
    } else {
        (void)close(fd);
    }
}

static struct vc_str keep(const struct vc_str *s, uint8_t **room)
{
    struct vc_str kept = {.at = (char *)*room, .len = s->len};
    if (s->len)
        memcpy(*room, s->at, s->len);
    *room += s->len;
    return kept;
}

static void take_setup(struct vc_portal *p, const struct vc_msg *m)
{
    size_t need = m->PORTAL_SETUP.own_label.len + m->PORTAL_SETUP.pre_banner.len + m->PORTAL_SETUP.banner.len +
                  m->PORTAL_SETUP.groups.len + m->PORTAL_SETUP.tls_priority.len;
    uint8_t *room = malloc(need + 1);
    if (!room)
        return;
    free(p->setup_bytes);
    p->setup_bytes = room;
    p->index = m->PORTAL_SETUP.index;
    p->tls_max = m->PORTAL_SETUP.tls_max;
    p->auth_timeout_s = m->PORTAL_SETUP.auth_timeout_s;
    p->max_connections =
        m->PORTAL_SETUP.max_connections < VC_SLOTS_CONNECTIONS ? m->PORTAL_SETUP.max_connections : VC_SLOTS_CONNECTIONS;
    p->policy = (struct vc_login_policy){.groups = p->groups,
                                         .own_label = keep(&m->PORTAL_SETUP.own_label, &room),
                                         .pre_banner = keep(&m->PORTAL_SETUP.pre_banner, &room),
                                         .hide_groups = m->PORTAL_SETUP.hide_groups,
                                         .auth_timeout_s = m->PORTAL_SETUP.auth_timeout_s,
                                         .config_hash = m->PORTAL_SETUP.config_hash};
    p->banner = keep(&m->PORTAL_SETUP.banner, &room);
    struct vc_str groups = {.at = (const char *)m->PORTAL_SETUP.groups.at, .len = m->PORTAL_SETUP.groups.len};
    groups = keep(&groups, &room);
    p->tls_priority =
        (struct vc_str){.at = (const char *)m->PORTAL_SETUP.tls_priority.at, .len = m->PORTAL_SETUP.tls_priority.len};
    p->tls_priority = keep(&p->tls_priority, &room);
    struct vc_reader r = vc_reader_of(groups.at, groups.len);
    while (r.left > 0 && !r.bad && p->policy.n_groups < VC_PORTAL_GROUPS_MAX) {
        struct vc_login_group *g = &p->groups[p->policy.n_groups];
        g->name.len = vc_take_u16(&r);
        g->name.at = (const char *)vc_take(&r, g->name.len);
        g->label.len = vc_take_u16(&r);
        g->label.at = (const char *)vc_take(&r, g->label.len);
        if (!r.bad)
            p->policy.n_groups++;
    }
    p->next_id = m->PORTAL_SETUP.first_login;
    p->logins_max = m->PORTAL_SETUP.logins_max;
}

/** The certificate to show from now on: at the start, and when its files were replaced. */
static int use_chain(struct vc_portal *p, const struct vc_bytes *pem, struct vc_fail *fail)
{
    struct vc_tls_cert cert = {.chain_pem = pem->at, .chain_len = pem->len, .key = 0};
    struct vc_tls_server_conf conf = {
        .max = (enum vc_tls_max)p->tls_max, .certs = &cert, .n_certs = 1, .ask = ask_signer, .arg = p};
    struct vc_reader priority = vc_reader_of(p->tls_priority.at, p->tls_priority.len);
    X509 *chain[VC_CHAIN_MAX];
    uint8_t sha1[sizeof(p->cert_sha1)];
    unsigned len = sizeof(sha1);
    size_t n;
    if (!vc_tls_priority_unpack(&priority, &conf.priority))
        return vc_fail_set(fail, VC_CAUSE_IPC_MALFORMED, 0, "tls_priority");
    if (vc_pair_chain(NULL, pem->at, pem->len, chain, &n, fail) != 0)
        return -1;
    int ok = X509_digest(chain[0], EVP_sha1(), sha1, &len);
    while (n > 0)
        X509_free(chain[--n]);
    if (ok != 1)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "certificate");
    if (p->tls && vc_tls_server_certs(p->tls, &cert, 1, fail) != 0)
        return -1;
    if (!p->tls)
        p->tls = vc_tls_server_new(&conf, fail);
    memcpy(p->cert_sha1, sha1, sizeof(sha1));
    return p->tls ? 0 : -1;
}

static void leave(struct vc_portal *p)
{
    p->leaving_ns = p->child.loop.now_ns + VC_PORTAL_LEAVING_S * 1000000000ULL;
    vc_slots_serve(&p->slots, false);
    p->accepting = false;
    p->accept_again_ns = 0;
    vc_watch_set(&p->listen_watch, false, false);
}

static void take_slots(struct vc_portal *p, unsigned portals, int fd)
{
    struct vc_slots_part *all = NULL;
    if (p->index <= portals && portals <= VC_SLOTS_PORTALS_MAX && !p->slots.all)
        all = vc_file_map_shared(fd, VC_SLOTS_BYTES(portals), NULL);
    if (all)
        vc_slots_init(&p->slots, all, portals, p->index);
}

static void setup(struct vc_child *child, const struct vc_msg *m, int fd)
{
    struct vc_portal *p = child->owner;
    switch (m->type) {
    case VC_IPC_PORTAL_SETUP:
        take_setup(p, m);
        break;
    case VC_IPC_PORTAL_CHAIN:
        if (use_chain(p, &m->PORTAL_CHAIN.chain, &p->setup_fail) != 0 && p->tls) {
            struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, 0, 0);
            vc_event_text(&e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(VC_ROLE_PORTAL)));
            e.fail = p->setup_fail;
            vc_child_emit(child, &e);
        }
        break;
    case VC_IPC_SLOTS:
        take_slots(p, m->SLOTS.portals, fd);
        break;
    case VC_IPC_LEAVE:
        leave(p);
        break;
    case VC_IPC_LISTENER:
        p->listener = fd;
        fd = -1;
        break;
    default:
        break;
    }
    if (fd >= 0)
        (void)close(fd);
}

static void on_listener(struct vc_watch *w, bool readable, bool writable)
{
    (void)readable;
    (void)writable;
    vc_door_accept(w->owner);
}

static int start(struct vc_child *child, struct vc_fail *fail)
{
    struct vc_portal *p = child->owner;
    if (!p->tls && p->setup_fail.cause) {
        *fail = p->setup_fail;
        return -1;
    }
    if (!p->tls || p->listener < 0 || !p->slots.all || vc_heap_reserve(&p->deadlines, p->max_connections) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "portal without certificate, listener or memory");
    p->accepting = true;
    vc_slots_serve(&p->slots, true);
    vc_watch_start(&p->listen_watch, &child->loop, p->listener, true, false, on_listener, p);
    return 0;
}

static uint64_t due(void *owner)
{
    const struct vc_portal *p = owner;
    const struct vc_heap_node *first = vc_heap_first(&p->deadlines);
    uint64_t d = first ? first->due : UINT64_MAX;
    if (p->leaving_ns != 0 && p->leaving_ns < d)
        d = p->leaving_ns;
    return p->accept_again_ns != 0 && p->accept_again_ns < d ? p->accept_again_ns : d;
}

/** After so many logins the process makes room for a fresh one: it serves until that does, then sees its last
 *  connections off. */
static void renew(struct vc_portal *p, uint64_t now_ns)
{
    if (!p->asked_renewal && p->logins >= p->logins_max) {
        const struct vc_msg m = {.type = VC_IPC_RENEW};
        p->asked_renewal = true;
        (void)vc_port_send(&p->child.supervisor, &m, -1);
    }
    if (p->leaving_ns != 0 && (p->by_id.n == 0 || p->leaving_ns <= now_ns)) {
        vc_port_flush(&p->child.supervisor, 500);
        p->child.status = VC_CHILD_RENEWED;
        vc_loop_stop(&p->child.loop);
    }
}

static void tick(void *owner, uint64_t now_ns)
{
    struct vc_portal *p = owner;
    const struct vc_heap_node *first;
    while ((first = vc_heap_first(&p->deadlines)) && first->due <= now_ns)
        vc_conn_timeout(first->owner);
    if (p->accept_again_ns != 0 && p->accept_again_ns <= now_ns) {
        p->accept_again_ns = 0;
        p->accepting = true;
        vc_watch_set(&p->listen_watch, true, false);
    }
    renew(p, now_ns);
}

static void stop(struct vc_child *child)
{
    struct vc_portal *p = child->owner;
    struct vc_conn *c;
    for (size_t at = 0; (c = vc_map_next(&p->by_id, &at)); at = 0)
        vc_conn_free(c);
}

int main(void)
{
    static const struct vc_child_ops ops = {
        .setup = setup, .peer = peer, .start = start, .stop = stop, .due = due, .tick = tick};
    struct vc_portal *p = &portal;
    vc_tls_wipe_freed(); /* before OpenSSL allocates anything */
    uint64_t seed[2] = {vc_random_u64(), vc_random_u64()};
    p->signer.fd = p->authority.fd = p->listener = -1;
    for (int i = 0; i < VC_PORTAL_TUNNELS_MAX; i++)
        p->tunnels[i].fd = -1;
    vc_map_init(&p->by_id, sizeof(uint64_t), seed);
    return vc_child_run(&p->child, VC_ROLE_PORTAL, &ops, p);
}
