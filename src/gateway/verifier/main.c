/* varco-verifier: computes password hashes, one at a time, and says only whether they agree. It may take long, block or
 * die: then one login is lost, and the authority has waited for nothing. */
#include "crypto/wipe.h"
#include "gateway/common/child.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct vc_child child;
static struct vc_port authority = VC_PORT_CLOSED;

/** The hash of @password in the form of @hash; equal means right. A form that this system lacks is never equal. */
static bool verify(const struct vc_bytes *password, const struct vc_bytes *hash)
{
    static struct crypt_data data;
    char phrase[CRYPT_MAX_PASSPHRASE_SIZE + 1], setting[CRYPT_OUTPUT_SIZE];
    bool ok = false;
    if (password->len >= sizeof(phrase) || hash->len >= sizeof(setting) || hash->len == 0 ||
        memchr(password->at, 0, password->len) || memchr(hash->at, 0, hash->len))
        return false;
    memcpy(phrase, password->at, password->len);
    phrase[password->len] = 0;
    memcpy(setting, hash->at, hash->len);
    setting[hash->len] = 0;
    memset(&data, 0, sizeof(data));
    const char *out = crypt_r(phrase, setting, &data);
    if (out && out[0] != '*') {
        size_t len = strlen(out);
        ok = len == hash->len && vc_same(out, setting, len);
    }
    vc_wipe(&data, sizeof(data));
    vc_wipe(phrase, sizeof(phrase));
    vc_wipe(setting, sizeof(setting));
    return ok;
}

static void on_question(struct vc_port *p, const struct vc_msg *m, int fd)
{
    (void)fd;
    if (m->type != VC_IPC_VERIFY)
        return;
    struct vc_msg answer = {.type = VC_IPC_VERDICT,
                            .VERDICT = {.job = m->VERIFY.job, .ok = verify(&m->VERIFY.password, &m->VERIFY.hash)}};
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
