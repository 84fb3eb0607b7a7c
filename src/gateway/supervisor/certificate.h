#ifndef VC_GATEWAY_SUPERVISOR_CERTIFICATE_H
#define VC_GATEWAY_SUPERVISOR_CERTIFICATE_H

#include "policy/conf.h"
#include "tls/pair.h"

/** The certificate chain and the private key that the gateway serves: a pair that fits, whatever the files hold
 *  meanwhile. The key lies in a sealed memory file of the supervisor's, for signers that are started again; no other
 *  process gets its fd. */
struct vc_certificate {
    struct vc_pair pair;
    uint8_t *chain; /* PEM */
    size_t chain_len;
    int key_fd; /* -1: nothing was read */
};

#define VC_CERTIFICATE_NONE                                                                                            \
    {                                                                                                                  \
        .key_fd = -1                                                                                                   \
    }

/** Reads and checks the files of server-cert and server-key. 0: they hold what we have; 1: another pair, and we have
 *  that now; -1 with *fail, which names file and line: what we have stays. */
int vc_certificate_read(struct vc_certificate *c, const struct vc_conf *conf, const char *config_path,
                        struct vc_fail *fail);
/** A copy of the key, PEM, for the caller to wipe and free. -1 with *fail. */
int vc_certificate_key(const struct vc_certificate *c, uint8_t **pem, size_t *len, struct vc_fail *fail);
void vc_certificate_deinit(struct vc_certificate *c);

#endif
