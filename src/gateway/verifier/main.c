/* varco-verifier: computes password hashes, one question at a time, and says only whether they agree. It may take long,
 * block or die: then one login is lost, and the authority has waited for nothing. */
#include "gateway/common/child.h"
#include "gateway/verifier/hashes.h"

#include <unistd.h>

static struct vc_child child;
static struct vc_port authority = VC_PORT_CLOSED;

static void on_question(struct vc_port *p, const struct vc_msg *m, int fd)
{
    (void)fd;
    if (m->type != VC_IPC_VERIFY)
        return;
    struct vc_msg answer = {
        .type = VC_IPC_VERDICT,
        .VERDICT = {.job = m->VERIFY.job,
                    .ok = vc_hashes_verify(&m->VERIFY.password, &m->VERIFY.hash, &m->VERIFY.beside)}};
    (void)vc_port_send(p, &answer, -1);
}

static void on_authority_lost(struct vc_port *p, bool malformed)
{
    (void)p;
    (void)malformed; /* the supervisor gives us its successor */
}

static void setup(struct vc_child *c, const struct vc_msg *m, int fd)
{
    (void)c;
    (void)m;
    if (fd >= 0)
        (void)close(fd);
}

static void peer(struct vc_child *c, enum vc_role role, uint16_t index, int fd)
{
    if (role != VC_ROLE_AUTHORITY) {
        (void)close(fd);
        return;
    }
    vc_port_close(&authority);
    vc_port_open(&authority, &c->loop, fd, VC_ROLE_VERIFIER, role, index, on_question, on_authority_lost, NULL);
}

int main(void)
{
    static const struct vc_child_ops ops = {.setup = setup, .peer = peer};
    return vc_child_run(&child, VC_ROLE_VERIFIER, &ops, NULL);
}
