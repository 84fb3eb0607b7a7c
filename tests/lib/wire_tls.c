#include "wire_tls.h"

#include "base/str.h"
#include "crypto/wipe.h"
#include "sys/loop.h"
#include "sys/udp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAW_READ 65536

int wire_target_of(const char *text, struct wire_target *out, struct vc_fail *fail)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
    struct sockaddr_storage ss = {0};
    char name[256], port[8] = "443";
    struct vc_str whole = vc_str_of(text), rest = {0}, host;
    if (whole.len > 0 && text[0] == '[') {
        host = vc_str_cut((struct vc_str){whole.at + 1, whole.len - 1}, ']', &rest);
        if (rest.len > 1 && rest.at[0] == ':')
            rest = (struct vc_str){rest.at + 1, rest.len - 1};
    } else {
        host = vc_str_cut(whole, ':', &rest);
    }
    if (!vc_str_copy(host, name, sizeof(name)) || (rest.len > 0 && !vc_str_copy(rest, port, sizeof(port))) ||
        getaddrinfo(name, port, &hints, &found) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "no such server: %s", text);
    memcpy(&ss, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (!vc_endpoint_of(&ss, &out->server))
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "neither IPv4 nor IPv6: %s", text);
    bool v6 = strchr(name, ':') != NULL;
    (void)snprintf(out->host, sizeof(out->host), out->server.port == 443 ? "%s%s%s" : "%s%s%s:%u", v6 ? "[" : "", name,
                   v6 ? "]" : "", out->server.port);
    return 0;
}

bool wire_wait(int fd, unsigned timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;
    do
        n = poll(&p, 1, (int)timeout_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

int wire_send(int fd, const void *bytes, size_t len, struct vc_fail *fail)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            if (poll(&p, 1, 15000) > 0)
                continue;
        }
        if (n < 0)
            return vc_fail_set(fail, VC_CAUSE_CSTP_PEER_CLOSED, errno, "sending");
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static struct wire_tls *tls_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/** For us, and for whoever opens a capture: the file that SSLKEYLOGFILE names. */
static void on_keylog(const SSL *ssl, const char *line)
{
    const char *path = getenv("SSLKEYLOGFILE");
    FILE *log = path ? fopen(path, "ae") : NULL;
    vc_tls_watch_keylog(&tls_of(ssl)->watch, line);
    if (log) {
        (void)fprintf(log, "%s\n", line);
        (void)fclose(log);
    }
}

static void on_message(int write, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
    struct wire_tls *t = arg;
    (void)version;
    (void)ssl;
    vc_tls_watch_message(&t->watch, write == 1, type, bytes, len);
}

/** What OpenSSL wrote goes to @to, or to the socket. */
static int drain(struct wire_tls *t, struct vc_writer *to, struct vc_fail *fail)
{
    uint8_t bytes[16384];
    int n;
    while ((n = BIO_read(SSL_get_wbio(t->ssl), bytes, sizeof(bytes))) > 0) {
        vc_tls_watch_written(&t->watch, bytes, (size_t)n);
        if (to)
            vc_put(to, bytes, (size_t)n);
        else if (wire_send(t->fd, bytes, (size_t)n, fail) != 0)
            return -1;
    }
    return 0;
}

/** Gives OpenSSL one whole record, read from the socket as far as needed. 0; -1 with *fail; 1: the peer closed. */
static int feed(struct wire_tls *t, struct vc_fail *fail)
{
    for (;;) {
        size_t want = VC_TLS_HEADER;
        if (t->raw_len >= VC_TLS_HEADER)
            want += (size_t)(t->raw[3] << 8 | t->raw[4]);
        if (t->raw_len >= want && want > VC_TLS_HEADER) {
            (void)BIO_write(SSL_get_rbio(t->ssl), t->raw, (int)want);
            t->raw_len -= want;
            memmove(t->raw, t->raw + want, t->raw_len);
            return 0;
        }
        if (t->eof)
            return 1;
        if (t->raw_cap < t->raw_len + RAW_READ) {
            uint8_t *bigger = realloc(t->raw, t->raw_len + RAW_READ);
            if (!bigger)
                return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "reading");
            t->raw = bigger;
            t->raw_cap = t->raw_len + RAW_READ;
        }
        if (!wire_wait(t->fd, t->timeout_ms))
            return vc_fail_set(fail, VC_CAUSE_HTTP_TIMEOUT, 0, "nothing came for %u ms", t->timeout_ms);
        ssize_t n = recv(t->fd, t->raw + t->raw_len, t->raw_cap - t->raw_len, 0);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return vc_fail_set(fail, VC_CAUSE_HTTP_PEER_CLOSED, errno, "reading");
        t->eof = n == 0;
        t->raw_len += (size_t)n;
    }
}

static int openssl_failed(const struct wire_tls *t, struct vc_fail *fail)
{
    char text[120] = "closed";
    unsigned long e = ERR_peek_last_error();
    if (e)
        ERR_error_string_n(e, text, sizeof(text));
    ERR_clear_error();
    if (t->watch.alert_seen)
        return vc_fail_set(fail, VC_CAUSE_TLS_ALERT, 0, "alert %d", t->watch.alert_in);
    return vc_fail_set(fail, VC_CAUSE_TLS_HANDSHAKE, 0, "%s", text);
}

static int shake(struct wire_tls *t, struct vc_fail *fail)
{
    for (;;) {
        ERR_clear_error();
        int rc = SSL_do_handshake(t->ssl);
        if (drain(t, NULL, fail) != 0)
            return -1;
        if (rc == 1)
            return 0;
        if (SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ)
            return openssl_failed(t, fail);
        int fed = feed(t, fail);
        if (fed != 0)
            return fed < 0 ? -1 : vc_fail_set(fail, VC_CAUSE_TLS_PEER_CLOSED, 0, "FIN in the handshake");
    }
}

/** The suites that our record layer speaks, of one version. */
static void own_suites(uint16_t version, char *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    for (size_t i = 0; i < vc_tls_n_suites; i++)
        if (vc_tls_suites[i].version == version)
            vc_put_fmt(&w, "%s%s", vc_written(&w) ? ":" : "", vc_tls_suites[i].openssl);
    (void)vc_put_end_text(&w);
}

static int set_up(struct wire_tls *t, const struct wire_target *target, struct vc_fail *fail)
{
    char suites12[1024], suites13[256], host[300];
    struct vc_ip ip;
    own_suites(VC_TLS_1_2, suites12, sizeof(suites12));
    own_suites(VC_TLS_1_3, suites13, sizeof(suites13));
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (!t->ctx)
        return openssl_failed(t, fail);
    const char *wanted = target->suites;
    bool is13 = wanted && strncmp(wanted, "TLS_", 4) == 0;
    SSL_CTX_set_security_level(t->ctx, 1);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_keylog_callback(t->ctx, on_keylog);
    if (SSL_CTX_set_min_proto_version(t->ctx, target->tls == 13 || is13 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(t->ctx,
                                      target->tls == 12 || (wanted && !is13) ? TLS1_2_VERSION : TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(t->ctx, wanted && !is13 ? wanted : suites12) != 1 ||
        SSL_CTX_set_ciphersuites(t->ctx, is13 ? wanted : suites13) != 1 || !(t->ssl = SSL_new(t->ctx)))
        return openssl_failed(t, fail);
    SSL_set_app_data(t->ssl, t);
    SSL_set_msg_callback(t->ssl, on_message);
    SSL_set_msg_callback_arg(t->ssl, t);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (!in || !out) {
        BIO_free(in);
        BIO_free(out);
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "TLS");
    }
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(t->ssl, in, out);
    SSL_set_connect_state(t->ssl);
    struct vc_str rest, name = vc_str_cut(vc_str_of(target->host), ':', &rest);
    if (target->host[0] != '[' && !vc_ip_parse(name, &ip) && vc_str_copy(name, host, sizeof(host)))
        (void)SSL_set_tlsext_host_name(t->ssl, host);
    return 0;
}

static void facts(struct wire_tls *t)
{
    uint8_t digest[20] = {0};
    unsigned len = sizeof(digest);
    X509 *cert = SSL_get1_peer_certificate(t->ssl);
    const struct vc_tls_suite *s = vc_tls_suite(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(t->ssl)));
    if (cert && X509_digest(cert, EVP_sha1(), digest, &len) == 1)
        vc_hex_encode_upper(digest, sizeof(digest), t->cert_sha1);
    X509_free(cert);
    (void)snprintf(t->version, sizeof(t->version), "%s", SSL_version(t->ssl) == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    (void)snprintf(t->suite, sizeof(t->suite), "%s", s ? s->name : "?");
}

struct wire_tls *wire_tls_open(const struct wire_target *target, struct vc_fail *fail)
{
    struct sockaddr_storage ss;
    socklen_t len = vc_sockaddr_of(&target->server, target->server.ip.family == VC_FAMILY_V6 ? AF_INET6 : AF_INET, &ss);
    int one = 1;
    struct wire_tls *t = calloc(1, sizeof(*t));
    if (!t) {
        (void)vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "TLS");
        return NULL;
    }
    t->watch.client = true;
    t->timeout_ms = target->timeout_ms ? target->timeout_ms : 15000;
    t->peer = target->server;
    struct timeval limit = {.tv_sec = t->timeout_ms / 1000, .tv_usec = (int)(t->timeout_ms % 1000) * 1000};
    t->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (target->source.ip.family != VC_FAMILY_NONE) {
        struct sockaddr_storage from;
        socklen_t from_len = vc_sockaddr_of(&target->source, ss.ss_family, &from);
        if (bind(t->fd, (struct sockaddr *)&from, from_len) != 0) {
            (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "source address");
            goto bad;
        }
    }
    if (t->fd < 0 || setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
        connect(t->fd, (struct sockaddr *)&ss, len) != 0) {
        (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot connect to %s", target->host);
        goto bad;
    }
    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    len = sizeof(ss);
    if (getsockname(t->fd, (struct sockaddr *)&ss, &len) == 0)
        (void)vc_endpoint_of(&ss, &t->local);
    if (set_up(t, target, fail) != 0 || shake(t, fail) != 0)
        goto bad;
    facts(t);
    return t;
bad:
    wire_tls_free(t);
    return NULL;
}

void wire_tls_free(struct wire_tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    vc_tls_watch_wipe(&t->watch);
    free(t->raw);
    if (t->fd >= 0)
        (void)close(t->fd);
    free(t);
}

ssize_t wire_tls_read(struct wire_tls *t, void *to, size_t cap, struct vc_fail *fail)
{
    for (;;) {
        size_t n = 0;
        ERR_clear_error();
        int rc = SSL_read_ex(t->ssl, to, cap, &n);
        if (drain(t, NULL, fail) != 0)
            return -1;
        if (rc == 1)
            return (ssize_t)n;
        switch (SSL_get_error(t->ssl, rc)) {
        case SSL_ERROR_ZERO_RETURN:
            return 0;
        case SSL_ERROR_WANT_READ:
            break;
        default:
            return openssl_failed(t, fail);
        }
        int fed = feed(t, fail);
        if (fed != 0)
            return fed < 0 ? -1 : 0;
    }
}

int wire_tls_seal(struct wire_tls *t, const void *bytes, size_t len, struct vc_writer *to)
{
    size_t n = 0;
    if (SSL_write_ex(t->ssl, bytes, len, &n) != 1 || n != len)
        return openssl_failed(t, NULL);
    (void)drain(t, to, NULL);
    return to->bad ? -1 : 0;
}

int wire_tls_write(struct wire_tls *t, const void *bytes, size_t len, struct vc_fail *fail)
{
    size_t n = 0;
    if (SSL_write_ex(t->ssl, bytes, len, &n) != 1 || n != len)
        return openssl_failed(t, fail);
    return drain(t, NULL, fail);
}

int wire_tls_psk(struct wire_tls *t, uint8_t psk[32], struct vc_fail *fail)
{
    static const char label[] = "EXPORTER-openconnect-psk";
    if (SSL_export_keying_material(t->ssl, psk, 32, label, sizeof(label) - 1, NULL, 0, 0) != 1)
        return openssl_failed(t, fail);
    return 0;
}

int wire_tls_cut(struct wire_tls *t, struct vc_tls_cut *cut, struct vc_fail *fail)
{
    *cut = (struct vc_tls_cut){0};
    size_t pending = (size_t)SSL_pending(t->ssl);
    if (pending > 0) {
        size_t n = 0;
        cut->plain = malloc(pending);
        if (!cut->plain || SSL_read_ex(t->ssl, cut->plain, pending, &n) != 1) {
            free(cut->plain);
            cut->plain = NULL;
            return openssl_failed(t, fail);
        }
        cut->plain_len = n;
    }
    if (vc_tls_watch_export(&t->watch, t->ssl, &cut->in, &cut->out, fail) != 0) {
        vc_tls_cut_wipe(cut);
        return -1;
    }
    cut->cipher = t->raw;
    cut->cipher_len = t->raw_len;
    t->raw = NULL;
    t->raw_len = t->raw_cap = 0;
    SSL_set_quiet_shutdown(t->ssl, 1);
    SSL_free(t->ssl);
    t->ssl = NULL;
    vc_tls_watch_wipe(&t->watch);
    return 0;
}
