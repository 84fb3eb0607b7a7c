#include "gateway/supervisor/certificate.h"

#include "crypto/wipe.h"
#include "sys/file.h"

#include <stdlib.h>
#include <unistd.h>

static int bad(const struct vc_conf *conf, const char *config_path, enum vc_conf_key key, const char *name,
               const struct vc_fail *why, struct vc_fail *fail)
{
    return vc_fail_set(fail, VC_CAUSE_CONFIG, why->sys_errno, "%s:%u: %s: %s", config_path, conf->origin[key].line,
                       name, why->detail);
}

/** Whether @chain and @key are what we have. */
static bool same(const struct vc_certificate *c, const uint8_t *chain, size_t chain_len, const uint8_t *key,
                 size_t key_len)
{
    uint8_t *had;
    size_t had_len;
    if (c->key_fd < 0 || chain_len != c->chain_len || memcmp(chain, c->chain, chain_len) != 0 ||
        vc_certificate_key(c, &had, &had_len, NULL) != 0)
        return false;
    bool r = had_len == key_len && vc_same(had, key, key_len);
    vc_wipe(had, had_len);
    free(had);
    return r;
}

int vc_certificate_read(struct vc_certificate *c, const struct vc_conf *conf, const char *config_path,
                        struct vc_fail *fail)
{
    struct vc_pair pair;
    struct vc_fail why = {0};
    uint8_t *chain = NULL, *key = NULL;
    size_t chain_len = 0, key_len = 0;
    int r = -1;
    if (vc_file_read(conf->server_cert, VC_CHAIN_PEM_MAX, VC_CAUSE_CONFIG, &chain, &chain_len, &why) != 0) {
        bad(conf, config_path, VC_CONF_KEY_SERVER_CERT, "server-cert", &why, fail);
        goto out;
    }
    if (vc_file_read(conf->server_key, VC_KEY_PEM_MAX, VC_CAUSE_CONFIG, &key, &key_len, &why) != 0) {
        bad(conf, config_path, VC_CONF_KEY_SERVER_KEY, "server-key", &why, fail);
        goto out;
    }
    if (vc_pair_check(chain, chain_len, key, key_len, &pair, &why) != 0) {
        bad(conf, config_path, VC_CONF_KEY_SERVER_CERT, "server-cert, server-key", &why, fail);
        goto out;
    }
    if (!vc_tls_priority_serves(&conf->tls_priority, pair.type, false) &&
        (conf->tls_max == VC_CONF_TLS_1_2 || !vc_tls_priority_serves(&conf->tls_priority, pair.type, true))) {
        (void)vc_fail_set(&why, VC_CAUSE_CONFIG, 0, "nothing is left for server-cert (%s)",
                          vc_tls_key_type_name(pair.type));
        bad(conf, config_path, VC_CONF_KEY_TLS_PRIORITIES, "tls-priorities", &why, fail);
        goto out;
    }
    r = 0;
    if (same(c, chain, chain_len, key, key_len))
        goto out;
    int fd = vc_file_memory("server-key", key, key_len, fail);
    if (fd < 0) {
        r = -1;
        goto out;
    }
    vc_certificate_deinit(c);
    *c = (struct vc_certificate){.pair = pair, .chain = chain, .chain_len = chain_len, .key_fd = fd};
    chain = NULL;
    r = 1;
out:
    if (key)
        vc_wipe(key, key_len);
    free(key);
    free(chain);
    return r;
}

int vc_certificate_key(const struct vc_certificate *c, uint8_t **pem, size_t *len, struct vc_fail *fail)
{
    return vc_file_read_fd(c->key_fd, VC_KEY_PEM_MAX, pem, len, fail);
}

void vc_certificate_deinit(struct vc_certificate *c)
{
    free(c->chain);
    if (c->key_fd >= 0)
        (void)close(c->key_fd);
    *c = (struct vc_certificate)VC_CERTIFICATE_NONE;
}
