/* varco-signer: holds the private keys and signs TLS handshakes. It reads no network; what it signs must look like a
 * handshake of a TLS server, and each handshake gets one signature. */
#include "gateway/common/child.h"
#include "tls/keyring.h"
#include "tls/wiping.h"

#include <stdlib.h>
#include <unistd.h>

/* A bound on what one portal can have signed: it serves at most 512 connections, and a handshake takes one signature.
 */
#define PER_SECOND 2000
#define PORTALS_MAX 64

static struct vc_child child;
static struct vc_keyring *ring;

static struct portal {
    struct vc_port port;
    uint64_t last;   /* handshake numbers only go up: none is signed twice */
    uint64_t second; /* the second of the count */
    unsigned this_second;
} portals[PORTALS_MAX];

static void on_question(struct vc_port *p, const struct vc_msg *m, int fd)
{
    struct portal *portal = p->owner;
    uint8_t sig[VC_TLS_SIGNATURE_MAX];
    size_t sig_len = 0;
    struct vc_fail fail = {0};
    (void)fd;
    if (m->type != VC_IPC_SIGN)
        return;
    struct vc_msg answer = {.type = VC_IPC_SIGNED, .SIGNED = {.handshake = m->SIGN.handshake}};
    uint64_t second = child.loop.now_ns / 1000000000U;
    if (second != portal->second) {
        portal->second = second;
        portal->this_second = 0;
    }
    if (m->SIGN.handshake <= portal->last)
        vc_fail_set(&fail, VC_CAUSE_SIGNER_REFUSED, 0, "a second signature for one handshake");
    else if (++portal->this_second > PER_SECOND)
        vc_fail_set(&fail, VC_CAUSE_SIGNER_REFUSED, 0, "more than %d signatures a second", PER_SECOND);
    else if (vc_keyring_sign(ring, m->SIGN.key, m->SIGN.scheme, m->SIGN.tbs.at, m->SIGN.tbs.len, sig, &sig_len,
                             &fail) == 0)
        answer.SIGNED.ok = 1;
    if (m->SIGN.handshake > portal->last)
        portal->last = m->SIGN.handshake;
    if (!answer.SIGNED.ok) {
        struct vc_event e = vc_event_of(VC_EVENT_TLS_FAILED, VC_OUTCOME_REFUSED, 0, 0);
        vc_event_text(&e, VC_FIELD_PROCESS, VC_STR("signer"));
        e.fail = fail;
        vc_child_emit(&child, &e);
    }
    answer.SIGNED.signature = (struct vc_bytes){.at = sig, .len = answer.SIGNED.ok ? sig_len : 0};
    (void)vc_port_send(p, &answer, -1);
}

static void on_portal_lost(struct vc_port *p, bool malformed)
{
    (void)p;
    (void)malformed; /* the supervisor ends and replaces it */
}

static void setup(struct vc_child *c, const struct vc_msg *m, int fd)
{
    struct vc_fail fail = {0};
    (void)c;
    if (fd >= 0)
        (void)close(fd);
    if (m->type == VC_IPC_PRIVATE_KEY &&
        vc_keyring_add(ring, m->PRIVATE_KEY.number, m->PRIVATE_KEY.pem.at, m->PRIVATE_KEY.pem.len, &fail) != 0) {
        struct vc_event e = vc_event_of(VC_EVENT_PROCESS_ENDED, VC_OUTCOME_FAILED, 0, 0);
        vc_event_text(&e, VC_FIELD_PROCESS, VC_STR("signer"));
        e.fail = fail;
        vc_child_emit(c, &e);
    }
}

static void peer(struct vc_child *c, enum vc_role role, uint16_t index, int fd)
{
    if (role != VC_ROLE_PORTAL || index >= PORTALS_MAX) {
        (void)close(fd);
        return;
    }
    struct portal *p = &portals[index];
    vc_port_close(&p->port);
    *p = (struct portal){.port = VC_PORT_CLOSED};
    vc_port_open(&p->port, &c->loop, fd, VC_ROLE_SIGNER, role, index, on_question, on_portal_lost, p);
}

int main(void)
{
    static const struct vc_child_ops ops = {.setup = setup, .peer = peer};
    vc_tls_wipe_freed(); /* before OpenSSL allocates anything */
    for (int i = 0; i < PORTALS_MAX; i++)
        portals[i].port.fd = -1;
    ring = vc_keyring_new();
    if (!ring)
        return 1;
    int status = vc_child_run(&child, VC_ROLE_SIGNER, &ops, NULL);
    vc_keyring_free(ring);
    return status;
}
