#include "tls/export.h"

#include "base/str.h"
#include "crypto/prf.h"
#include "crypto/wipe.h"

#include <openssl/ssl.h>

// clang-format off
const struct vc_tls_suite vc_tls_suites[] = {
    {0x1302, VC_TLS_1_3, VC_AEAD_AES_256_GCM, VC_HASH_SHA384,
     "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
    {0x1303, VC_TLS_1_3, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256,
     "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
    {0x1301, VC_TLS_1_3, VC_AEAD_AES_128_GCM, VC_HASH_SHA256,
     "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
    {0xc02c, VC_TLS_1_2, VC_AEAD_AES_256_GCM, VC_HASH_SHA384,
     "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {0xc030, VC_TLS_1_2, VC_AEAD_AES_256_GCM, VC_HASH_SHA384,
     "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {0xcca9, VC_TLS_1_2, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256,
     "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {0xcca8, VC_TLS_1_2, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256,
     "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {0xc02b, VC_TLS_1_2, VC_AEAD_AES_128_GCM, VC_HASH_SHA256,
     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {0xc02f, VC_TLS_1_2, VC_AEAD_AES_128_GCM, VC_HASH_SHA256,
     "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {0x009f, VC_TLS_1_2, VC_AEAD_AES_256_GCM, VC_HASH_SHA384,
     "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"},
    {0xccaa, VC_TLS_1_2, VC_AEAD_CHACHA20_POLY1305, VC_HASH_SHA256,
     "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "DHE-RSA-CHACHA20-POLY1305"},
    {0x009e, VC_TLS_1_2, VC_AEAD_AES_128_GCM, VC_HASH_SHA256,
     "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256"},
};
// clang-format on
const size_t vc_tls_n_suites = sizeof(vc_tls_suites) / sizeof(vc_tls_suites[0]);

const struct vc_tls_suite *vc_tls_suite(uint16_t id)
{
    for (size_t i = 0; i < vc_tls_n_suites; i++) {
        if (vc_tls_suites[i].id == id)
            return &vc_tls_suites[i];
    }
    return NULL;
}

/* "LABEL <client random, 64 digits> <secret, 64 or 96 digits>" */
void vc_tls_watch_keylog(struct vc_tls_watch *w, const char *line)
{
    struct vc_str rest;
    struct vc_tls_watch_way *way;
    struct vc_str label = vc_str_cut(vc_str_of(line), ' ', &rest);
    if (vc_str_eq(label, VC_STR("CLIENT_TRAFFIC_SECRET_0")))
        way = w->client ? &w->out : &w->in;
    else if (vc_str_eq(label, VC_STR("SERVER_TRAFFIC_SECRET_0")))
        way = w->client ? &w->in : &w->out;
    else
        return;
    (void)vc_str_cut(rest, ' ', &rest);
    if (rest.len / 2 > sizeof(way->secret) || !vc_hex_decode(rest, way->secret, rest.len / 2)) {
        w->lost = true;
        return;
    }
    way->secret_len = rest.len / 2;
    way->seq = 0; /* the line comes when the direction switches */
}

/* 1.3, RFC 8446 7.2: OpenSSL logs only the first secret. */
static void key_update(struct vc_tls_watch *w, struct vc_tls_watch_way *way)
{
    uint8_t next[VC_HASH_MAX];
    enum vc_hash hash = way->secret_len == 48 ? VC_HASH_SHA384 : VC_HASH_SHA256;
    if (way->secret_len == 0 ||
        vc_hkdf_expand_label(hash, way->secret, "traffic upd", NULL, 0, next, way->secret_len) != 0) {
        w->lost = true;
        return;
    }
    memcpy(way->secret, next, way->secret_len);
    vc_wipe(next, sizeof(next));
    way->seq = 0;
    way->key_updates++;
}

void vc_tls_watch_message(struct vc_tls_watch *w, bool write, int content_type, const void *bytes, size_t len)
{
    struct vc_tls_watch_way *way = write ? &w->out : &w->in;
    const uint8_t *b = bytes;
    if (len < 1)
        return;
    switch (content_type) {
    case SSL3_RT_HEADER: /* once per record, with its outer type */
        if (b[0] != VC_TLS_CCS)
            way->seq++;
        else if (way->secret_len ==
                 0) /* 1.2: new keys; OpenSSL calls with the message itself only when it writes one */
            way->seq = 0;
        break;
    case SSL3_RT_HANDSHAKE:
        if (b[0] == SSL3_MT_KEY_UPDATE)
            key_update(w, way);
        break;
    case SSL3_RT_ALERT:
        if (!write && len >= 2) {
            w->alert_seen = true;
            w->alert_in = b[1];
        }
        break;
    default:
        break;
    }
}

void vc_tls_watch_written(struct vc_tls_watch *w, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t n;
        if (w->head_len < VC_TLS_HEADER) {
            n = VC_TLS_HEADER - w->head_len < len ? VC_TLS_HEADER - w->head_len : len;
            memcpy(w->head + w->head_len, bytes, n);
            w->head_len += n;
            if (w->head_len == VC_TLS_HEADER)
                w->body_left = (size_t)(w->head[3] << 8 | w->head[4]);
        } else {
            n = w->body_left < len ? w->body_left : len;
            for (size_t i = 0; i < n && w->head_len < sizeof(w->head); i++)
                w->head[w->head_len++] = bytes[i];
            w->body_left -= n;
        }
        bytes += n;
        len -= n;
        if (w->head_len < VC_TLS_HEADER || w->body_left > 0)
            continue;
        if (w->head[0] == VC_TLS_CCS) {
            w->ccs = true;
        } else if (w->ccs && w->head_len == sizeof(w->head)) {
            struct vc_reader r = vc_reader_of(w->head + VC_TLS_HEADER, 8);
            w->nonce = vc_take_u64(&r);
        }
        w->head_len = 0;
    }
}

void vc_tls_watch_wipe(struct vc_tls_watch *w)
{
    vc_wipe(w, sizeof(*w));
}

static int export_12(const struct vc_tls_watch *w, SSL *ssl, const struct vc_tls_suite *suite, struct vc_tls_dir *in,
                     struct vc_tls_dir *out)
{
    uint8_t master[48], client[32], server[32];
    int rc = -1;
    if (SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master)) == sizeof(master) &&
        SSL_get_client_random(ssl, client, sizeof(client)) == sizeof(client) &&
        SSL_get_server_random(ssl, server, sizeof(server)) == sizeof(server))
        rc =
            vc_tls_dirs_12(suite->alg, suite->hash, master, client, server, w->client ? out : in, w->client ? in : out);
    vc_wipe(master, sizeof(master));
    if (rc == 0 && suite->alg != VC_AEAD_CHACHA20_POLY1305)
        out->explicit_next = w->nonce + 1; /* OpenSSL began anywhere: only its own counter is sure not to repeat */
    return rc;
}

int vc_tls_watch_export(const struct vc_tls_watch *w, SSL *ssl, struct vc_tls_dir *in, struct vc_tls_dir *out,
                        struct vc_fail *fail)
{
    int rc = -1;
    *in = *out = (struct vc_tls_dir){0};
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const struct vc_tls_suite *suite = cipher ? vc_tls_suite(SSL_CIPHER_get_protocol_id(cipher)) : NULL;
    if (!SSL_is_init_finished(ssl) || !suite || suite->version != SSL_version(ssl) || w->lost || w->head_len > 0)
        return vc_fail_set(fail, VC_CAUSE_TLS_HANDSHAKE, 0, "this connection cannot be handed over: %s",
                           !suite ? "its suite is not ours" : "it is not at rest");
    if (suite->version == VC_TLS_1_2) {
        rc = w->ccs ? export_12(w, ssl, suite, in, out) : -1;
    } else if (w->in.secret_len == vc_hash_len(suite->hash) && w->out.secret_len == w->in.secret_len) {
        rc = vc_tls_dir_13(in, suite->alg, suite->hash, w->in.secret, 0);
        if (rc == 0)
            rc = vc_tls_dir_13(out, suite->alg, suite->hash, w->out.secret, 0);
    }
    if (rc != 0) {
        vc_tls_dir_wipe(in);
        vc_tls_dir_wipe(out);
        return vc_fail_set(fail, VC_CAUSE_TLS_HANDSHAKE, 0, "this connection cannot be handed over: no keys");
    }
    in->seq = w->in.seq;
    out->seq = w->out.seq;
    return 0;
}
