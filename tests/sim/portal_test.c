/* The hand-over as a portal sees it (2-tunnel.md 17): the real portal and the real signer, with a test in the place of
 * the supervisor, the authority and two tunnel processes; the client is OpenSSL. Whoever dies between which two
 * messages: OWN is said once, behind ADOPTED alone; else the client's connection ends at once, and the portal serves
 * the next one. */
#include "certs.h"
#include "process.h"
#include "wire_tls.h"

#include "gateway/portal/portal.h"
#include "session/channel.h"
#include "sys/file.h"
#include "sys/sock.h"
#include "sys/udp.h"
#include "wire/cookie.h"
#include "wire/cstp_frame.h"

#include <arpa/inet.h>
#include <dirent.h>

#define TUNNELS 2
#define FIRST_LOGIN 7000000001U

struct world {
    struct process p, signer;
    int authority, tunnel[TUNNELS];
    struct vc_endpoint at;
    uint64_t conn, session; /* of the CONNECT under way */
};

static struct {
    char *chain, *key;
    size_t chain_len, key_len;
} pair;

static void make_pair(void)
{
    EVP_PKEY *key = test_key("P-256");
    X509 *cert = test_cert(key, "portal.test", NULL, NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_X509(bio, cert) == 1);
    pair.chain = test_bio_text(bio, &pair.chain_len);
    bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    pair.key = test_bio_text(bio, &pair.key_len);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void start_with(struct world *w, uint16_t max_connections)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct vc_fail fail;
    int between = -1, listener;
    *w = (struct world){.authority = -1, .tunnel = {-1, -1}};
    assert_true(vc_ip_parse(VC_STR("127.0.0.1"), &w->at.ip));
    listener = vc_sock_listen(&w->at, &fail);
    assert_true(listener >= 0 && getsockname(listener, (struct sockaddr *)&ss, &len) == 0 &&
                vc_endpoint_of(&ss, &w->at));
    process_start(&w->signer, VC_ROLE_SIGNER, VC_SIGNER_PROGRAM);
    struct vc_msg m = {.type = VC_IPC_PRIVATE_KEY,
                       .PRIVATE_KEY = {.pem = {.at = (uint8_t *)pair.key, .len = pair.key_len}}};
    process_say(&w->signer, w->signer.supervisor, VC_ROLE_SUPERVISOR, &m, -1);
    process_introduce(&w->signer, VC_ROLE_PORTAL, 0, &between);
    process_go(&w->signer);

    process_start(&w->p, VC_ROLE_PORTAL, VC_PORTAL_PROGRAM);
    m = (struct vc_msg){.type = VC_IPC_PORTAL_SETUP,
                        .PORTAL_SETUP = {.first_login = FIRST_LOGIN,
                                         .logins_max = 2,
                                         .auth_timeout_s = 240,
                                         .max_connections = max_connections,
                                         .tls_priority = {.at = (const uint8_t *)"\0\0\0\0", .len = 4}}};
    process_say(&w->p, w->p.supervisor, VC_ROLE_SUPERVISOR, &m, -1);
    m = (struct vc_msg){.type = VC_IPC_PORTAL_CHAIN,
                        .PORTAL_CHAIN = {.chain = {.at = (uint8_t *)pair.chain, .len = pair.chain_len}}};
    process_say(&w->p, w->p.supervisor, VC_ROLE_SUPERVISOR, &m, -1);
    m = (struct vc_msg){.type = VC_IPC_SLOTS, .SLOTS = {.portals = 1}};
    int slots = vc_file_shared("slots", VC_SLOTS_BYTES(1), &fail);
    process_say(&w->p, w->p.supervisor, VC_ROLE_SUPERVISOR, &m, slots);
    (void)close(slots);
    m = (struct vc_msg){.type = VC_IPC_LISTENER};
    process_say(&w->p, w->p.supervisor, VC_ROLE_SUPERVISOR, &m, listener);
    (void)close(listener);
    m = (struct vc_msg){.type = VC_IPC_PEER, .PEER = {.role = VC_ROLE_SIGNER}};
    process_say(&w->p, w->p.supervisor, VC_ROLE_SUPERVISOR, &m, between);
    (void)close(between);
    process_introduce(&w->p, VC_ROLE_AUTHORITY, 0, &w->authority);
    for (uint16_t i = 0; i < TUNNELS; i++)
        process_introduce(&w->p, VC_ROLE_TUNNEL, i, &w->tunnel[i]);
    process_go(&w->p);
}

static void start(struct world *w)
{
    start_with(w, 512);
}

static void stop(struct world *w)
{
    process_stop(&w->p);
    process_stop(&w->signer);
    close_fd(&w->authority);
    close_fd(&w->tunnel[0]);
    close_fd(&w->tunnel[1]);
}

static unsigned its_fds(const struct world *w)
{
    char path[64];
    unsigned n = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", w->p.pid);
    DIR *d = opendir(path);
    while (d && readdir(d))
        n++;
    if (d)
        (void)closedir(d);
    return n;
}

/* ---- a client ---- */

/** From 127.0.0.@last. */
static struct wire_tls *dial_from(struct world *w, uint8_t last, unsigned tls)
{
    struct wire_target t = {.server = w->at,
                            .source = {.ip = {.family = VC_FAMILY_V4, .bytes = {127, 0, 0, last}}},
                            .host = "portal.test",
                            .tls = tls,
                            .timeout_ms = PATIENCE_MS};
    struct vc_fail fail = {0};
    struct wire_tls *c = wire_tls_open(&t, &fail);
    if (!c)
        fail_msg("no TLS: %s, errno %d", fail.detail, fail.sys_errno);
    return c;
}

static struct wire_tls *dial(struct world *w, unsigned tls)
{
    return dial_from(w, 1, tls);
}

static void ask(struct wire_tls *c, const char *request)
{
    struct vc_fail fail;
    assert_int_equal(wire_tls_write(c, request, strlen(request), &fail), 0);
}

/** The head of the next answer; its status. */
static int status_of(struct wire_tls *c)
{
    char text[4096];
    size_t len = 0;
    struct vc_fail fail;
    int status = 0;
    while (len + 1 < sizeof(text)) {
        ssize_t n = wire_tls_read(c, text + len, sizeof(text) - 1 - len, &fail);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        text[len] = 0;
        if (strstr(text, "\r\n\r\n"))
            break;
    }
    return sscanf(text, "HTTP/1.1 %d", &status) == 1 ? status : -1;
}

/** The client's connection ends: FIN or RST, whatever was on its way. */
static void expect_gone(struct wire_tls *c)
{
    char byte[512];
    ssize_t n;
    while (wire_wait(c->fd, 3000) && (n = recv(c->fd, byte, sizeof(byte), 0)) > 0)
        continue;
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1);
}

/** The portal serves whoever comes next. */
static void expect_serving(struct world *w)
{
    struct wire_tls *c = dial(w, 13);
    ask(c, "GET /nothing/here HTTP/1.1\r\nHost: portal.test\r\n\r\n");
    assert_int_equal(status_of(c), 404);
    wire_tls_free(c);
}

/** And holds as many fds as before: soon, as it closes what its clients have closed. */
static void expect_back_at(struct world *w, unsigned fds)
{
    expect_serving(w);
    for (unsigned ms = 0; its_fds(w) > fds; ms++) {
        if (ms == PATIENCE_MS)
            fail_msg("%u fds, and %u before", its_fds(w), fds);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- CONNECT ---- */

static const uint8_t ticket[16] = "a ticket for it", wrong[16] = "of another world";

static const uint8_t sent_token[VC_TOKEN_LEN] = {1, 2, 3};

/** CONNECT with @behind frames in the same record. */
static struct wire_tls *send_connect(struct world *w, unsigned tls, unsigned behind)
{
    uint8_t record[4096];
    char text[VC_TOKEN_TEXT];
    struct vc_fail fail;
    struct wire_tls *c = dial(w, tls);
    vc_cookie_token_print(sent_token, text);
    int n = snprintf((char *)record, sizeof(record),
                     "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHost: portal.test\r\nCookie: webvpn=%s\r\n"
                     "X-CSTP-Version: 1\r\nX-CSTP-Hostname: test\r\n\r\n",
                     text);
    size_t len = (size_t)n;
    for (unsigned i = 0; i < behind; i++) {
        assert_true(vc_cstp_header_write(record + len, VC_CSTP_KEEPALIVE, 0));
        len += VC_CSTP_HEADER;
    }
    assert_int_equal(wire_tls_write(c, record, len, &fail), 0);
    return c;
}

/** The authority hears of it. */
static void hear_connect(struct world *w)
{
    const struct vc_msg *m = process_expect(&w->p, w->authority, VC_ROLE_AUTHORITY, VC_IPC_CONNECT, NULL);
    assert_memory_equal(m->CONNECT.token.at, sent_token, sizeof(sent_token));
    w->conn = m->CONNECT.conn;
}

static struct wire_tls *connect_it(struct world *w, unsigned tls, unsigned behind)
{
    struct wire_tls *c = send_connect(w, tls, behind);
    hear_connect(w);
    return c;
}

static void grant(struct world *w, uint16_t tunnel)
{
    static const char head[] = "HTTP/1.1 200 CONNECTED\r\nX-CSTP-Version: 1\r\n";
    const struct vc_msg m = {.type = VC_IPC_GRANT,
                             .GRANT = {.conn = w->conn,
                                       .session = 77,
                                       .ticket = {.at = ticket, .len = sizeof(ticket)},
                                       .tunnel = tunnel,
                                       .head = {.at = (const uint8_t *)head, .len = sizeof(head) - 1}}};
    process_say(&w->p, w->authority, VC_ROLE_AUTHORITY, &m, -1);
}

/** ADOPT came: its fd, and its channel. */
static int adopt(struct world *w, uint16_t tunnel, struct vc_channel *channel, size_t *plain_len)
{
    int fd = -1;
    const struct vc_msg *m = process_expect(&w->p, w->tunnel[tunnel], VC_ROLE_TUNNEL, VC_IPC_ADOPT, &fd);
    assert_memory_equal(m->ADOPT.ticket.at, ticket, sizeof(ticket));
    struct vc_reader r = vc_reader_of(m->ADOPT.channel.at, m->ADOPT.channel.len);
    struct vc_channel unused;
    vc_channel_unpack(channel ? channel : &unused, &r);
    assert_true(vc_reader_done(&r) && fd >= 0);
    if (plain_len)
        *plain_len = m->ADOPT.plain.len;
    return fd;
}

static void answer(struct world *w, uint16_t tunnel, enum vc_ipc_type type, const uint8_t *about)
{
    struct vc_msg m = {.type = type};
    if (type == VC_IPC_ADOPTED)
        m.ADOPTED.ticket = (struct vc_bytes){.at = about, .len = 16};
    else
        m.NOT_ADOPTED.ticket = (struct vc_bytes){.at = about, .len = 16}, m.NOT_ADOPTED.cause = VC_CAUSE_HANDOVER_LOST;
    process_say(&w->p, w->tunnel[tunnel], VC_ROLE_TUNNEL, &m, -1);
}

/** What we, as the tunnel process, hold is what the client's OpenSSL goes on with: its next record opens, ours is read.
 */
static void expect_moved(struct wire_tls *c, int fd, struct vc_channel *ch)
{
    uint8_t bytes[1024], got[64];
    struct vc_tls_record rec;
    size_t used, want, have = 0;
    enum vc_tls_fault fault;
    struct vc_fail fail;
    assert_int_equal(wire_tls_write(c, "from the client", 15, &fail), 0);
    do {
        assert_true(wire_wait(fd, PATIENCE_MS));
        ssize_t n = recv(fd, bytes + have, sizeof(bytes) - have, 0);
        assert_true(n > 0);
        have += (size_t)n;
    } while (vc_tls_scan(&ch->tls.in, bytes, have, &rec, 1, &used, &want, &fault) == 0);
    struct vc_aead *in = vc_aead_new(ch->tls.in.alg, ch->tls.in.key, VC_AEAD_AUTO);
    struct vc_aead *out = vc_aead_new(ch->tls.out.alg, ch->tls.out.key, VC_AEAD_AUTO);
    assert_int_equal(vc_tls_open(&ch->tls.in, in, &rec, 1, &fault), 1);
    assert_true(rec.len == 15 && memcmp(rec.body, "from the client", 15) == 0);
    rec = (struct vc_tls_record){.type = VC_TLS_DATA, .body = bytes + vc_tls_head(&ch->tls.out), .len = 9};
    memcpy(rec.body, "from here", 9);
    assert_int_equal(vc_tls_seal(&ch->tls.out, out, &rec, 1), 1);
    assert_int_equal(send(fd, rec.raw, rec.raw_len, MSG_NOSIGNAL), rec.raw_len);
    assert_int_equal(wire_tls_read(c, got, sizeof(got), &fail), 9);
    assert_memory_equal(got, "from here", 9);
    vc_aead_free(in);
    vc_aead_free(out);
}

/* ---- tests ---- */

static void in_order(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    unsigned fds = its_fds(&w);
    for (unsigned tls = 12; tls <= 13; tls++) {
        struct vc_channel ch;
        size_t plain_len;
        struct wire_tls *c = connect_it(&w, tls, 3);
        grant(&w, 1);
        assert_int_equal(status_of(c), 200);
        int fd = adopt(&w, 1, &ch, &plain_len);
        assert_int_equal(plain_len, 3 * VC_CSTP_HEADER);
        assert_int_equal(ch.kind, tls == 13 ? VC_CHANNEL_TLS_1_3 : VC_CHANNEL_TLS_1_2);
        answer(&w, 1, VC_IPC_ADOPTED, wrong);  /* about something else */
        answer(&w, 0, VC_IPC_ADOPTED, ticket); /* from somebody else */
        answer(&w, 1, VC_IPC_ADOPTED, ticket);
        const struct vc_msg *m = process_expect(&w.p, w.tunnel[1], VC_ROLE_TUNNEL, VC_IPC_OWN, NULL);
        assert_memory_equal(m->OWN.ticket.at, ticket, sizeof(ticket));
        answer(&w, 1, VC_IPC_ADOPTED, ticket); /* twice: it has nothing any more */
        expect_moved(c, fd, &ch);
        close_fd(&fd);
        expect_gone(c); /* nobody else holds it: the portal let go */
        wire_tls_free(c);
        expect_back_at(&w, fds);
    }
    stop(&w);
}

/** A whole handshake: whatever was said to the portal before has been heard, on whatever port. */
static void catch_up(struct world *w)
{
    wire_tls_free(dial(w, 13));
}

/* The tunnel process dies, or is replaced, between each two messages. */
static void tunnel_dies(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    unsigned fds = its_fds(&w);
    for (int replaced = 0; replaced < 2; replaced++) {
        for (int at = 0; at < 4; at++) {
            struct wire_tls *c = connect_it(&w, 13, 0);
            int fd = -1;
            if (at > 0) {
                grant(&w, 0);
                assert_int_equal(status_of(c), 200); /* ADOPT lies in the port */
            }
            if (at > 1)
                fd = adopt(&w, 0, NULL, NULL);
            if (at > 2)
                answer(&w, 0, VC_IPC_ADOPTED, ticket); /* its last word */
            if (replaced)
                process_introduce(&w.p, VC_ROLE_TUNNEL, 0, &w.tunnel[0]);
            else
                close_fd(&w.tunnel[0]);
            catch_up(&w);
            if (at == 0)
                grant(&w, 0);
            if (at == 0 && !replaced)
                assert_int_equal(status_of(c), 503);
            if (at == 0 && replaced) { /* its successor does not know the ticket */
                fd = adopt(&w, 0, NULL, NULL);
                answer(&w, 0, VC_IPC_NOT_ADOPTED, ticket);
            }
            if (at == 3)
                close_fd(&fd); /* OWN may have been on its way already: then it was ours, and dies with us */
            expect_gone(c);    /* though we, the dead one, may hold the fd */
            wire_tls_free(c);
            close_fd(&fd);
            if (!replaced)
                process_introduce(&w.p, VC_ROLE_TUNNEL, 0, &w.tunnel[0]);
            expect_back_at(&w, fds);
        }
    }
    stop(&w);
    assert_true(process_events(&w.p, VC_EVENT_CSTP_HANDOVER, VC_CAUSE_HANDOVER_LOST) > 0);
}

static void not_adopted(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    unsigned fds = its_fds(&w);
    struct wire_tls *c = connect_it(&w, 12, 0);
    grant(&w, 0);
    int fd = adopt(&w, 0, NULL, NULL);
    answer(&w, 0, VC_IPC_NOT_ADOPTED, wrong);
    answer(&w, 1, VC_IPC_NOT_ADOPTED, ticket);
    answer(&w, 0, VC_IPC_NOT_ADOPTED, ticket);
    assert_int_equal(status_of(c), 200);
    expect_gone(c);
    answer(&w, 0, VC_IPC_ADOPTED, ticket); /* too late */
    expect_back_at(&w, fds);
    close_fd(&fd);
    wire_tls_free(c);
    stop(&w);
}

/* Nobody says ADOPTED: after 5 s the connection is over, whoever has its fd, and an answer that comes then is too late.
 */
static void silent_tunnel(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    expect_serving(&w);
    struct wire_tls *c = connect_it(&w, 13, 0), *next;
    grant(&w, 0);
    int fd = adopt(&w, 0, NULL, NULL);
    assert_int_equal(status_of(c), 200);
    assert_true(wire_wait(c->fd, 7000));
    expect_gone(c);
    answer(&w, 0, VC_IPC_ADOPTED, ticket);
    next = connect_it(&w, 13, 0); /* what the portal says next is about the next one */
    grant(&w, 0);
    close_fd(&fd);
    fd = adopt(&w, 0, NULL, NULL);
    close_fd(&fd);
    wire_tls_free(c);
    wire_tls_free(next);
    stop(&w);
}

/* The authority dies, or is replaced, with a question open: the client is told at once, not when nobody has answered
 * for so long; an answer to the question of before is nobody's. */
static void authority_dies(void **state)
{
    (void)state;
    for (int replaced = 0; replaced < 2; replaced++) {
        struct world w;
        start(&w);
        unsigned fds = its_fds(&w);
        struct wire_tls *c = connect_it(&w, 13, 0);
        if (replaced)
            process_introduce(&w.p, VC_ROLE_AUTHORITY, 0, &w.authority);
        else
            close_fd(&w.authority);
        assert_true(wire_wait(c->fd, VC_PORTAL_ANSWER_S * 1000 / 2));
        assert_int_equal(status_of(c), 503);
        if (replaced)
            grant(&w, 0);
        wire_tls_free(c);
        expect_back_at(&w, fds);
        stop(&w);
    }
}

/* A request that comes while there is no authority waits for the next one, whole, with what lies behind it. */
static void no_authority(void **state)
{
    (void)state;
    for (unsigned tls = 12; tls <= 13; tls++) {
        struct world w;
        size_t plain_len;
        start(&w);
        unsigned fds = its_fds(&w);
        close_fd(&w.authority);
        catch_up(&w);
        struct wire_tls *c = send_connect(&w, tls, 3);
        catch_up(&w);
        process_introduce(&w.p, VC_ROLE_AUTHORITY, 0, &w.authority);
        hear_connect(&w);
        grant(&w, 1);
        assert_int_equal(status_of(c), 200);
        int fd = adopt(&w, 1, NULL, &plain_len);
        assert_int_equal(plain_len, 3 * VC_CSTP_HEADER);
        close_fd(&fd);
        answer(&w, 1, VC_IPC_NOT_ADOPTED, ticket);
        wire_tls_free(c);
        expect_back_at(&w, fds);
        if (tls == 13) { /* nobody comes: it is told so */
            close_fd(&w.authority);
            catch_up(&w);
            c = send_connect(&w, tls, 0);
            assert_true(wire_wait(c->fd, (VC_PORTAL_AUTHORITY_S + 10) * 1000));
            assert_int_equal(status_of(c), 503);
            wire_tls_free(c);
            expect_back_at(&w, fds - 1);
        }
        stop(&w);
    }
}

/* The portal dies: before OWN nothing of its connection goes on. */
static void portal_dies(void **state)
{
    (void)state;
    for (int at = 0; at < 3; at++) {
        struct world w;
        start(&w);
        struct wire_tls *c = connect_it(&w, 12, 0);
        int fd = -1;
        if (at > 0) {
            grant(&w, 0);
            fd = adopt(&w, 0, NULL, NULL);
        }
        if (at > 1) {
            answer(&w, 0, VC_IPC_ADOPTED, ticket);
            (void)process_expect(&w.p, w.tunnel[0], VC_ROLE_TUNNEL, VC_IPC_OWN, NULL);
        }
        process_kill(&w.p);
        assert_null(process_hear(&w.p, w.tunnel[0], VC_ROLE_TUNNEL, NULL));
        close_fd(&fd); /* as the tunnel process does when the port ends */
        expect_gone(c);
        wire_tls_free(c);
        stop(&w);
    }
}

/* All places are taken by connections that say nothing: whoever means it gets in. */
static void full(void **state)
{
    struct world w;
    int idle[40];
    struct sockaddr_storage ss;
    (void)state;
    start_with(&w, 16);
    struct wire_tls *connecting = connect_it(&w, 13, 0); /* in the middle of something: it stays */
    socklen_t len = vc_sockaddr_of(&w.at, AF_INET, &ss);
    for (int i = 0; i < 40; i++) { /* 127.0.0.x: one source may have 16 half-open ones */
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002U + (unsigned)i)};
        idle[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(bind(idle[i], (struct sockaddr *)&from, sizeof(from)) == 0 &&
                    connect(idle[i], (struct sockaddr *)&ss, len) == 0);
    }
    for (int i = 0; i < 5; i++) {
        struct wire_tls *c = dial(&w, 13);
        ask(c, "GET /nothing/here HTTP/1.1\r\nHost: portal.test\r\n\r\n");
        assert_int_equal(status_of(c), 404);
        wire_tls_free(c);
    }
    grant(&w, 0);
    int fd = adopt(&w, 0, NULL, NULL);
    answer(&w, 0, VC_IPC_ADOPTED, ticket);
    (void)process_expect(&w.p, w.tunnel[0], VC_ROLE_TUNNEL, VC_IPC_OWN, NULL);
    close_fd(&fd);
    wire_tls_free(connecting);
    for (int i = 0; i < 40; i++)
        close_fd(&idle[i]);
    stop(&w);
    assert_true(process_events(&w.p, VC_EVENT_TLS_FAILED, VC_CAUSE_TOO_MANY) >= 20);
}

/* A second request before the first was answered: refused, in one record or in two of one segment. */
static void two_at_once(void **state)
{
    static const char get[] = "GET /nothing/here HTTP/1.1\r\nHost: portal.test\r\n\r\n";
    struct world w;
    (void)state;
    start(&w);
    for (unsigned tls = 12; tls <= 13; tls++) {
        struct wire_tls *c = dial(&w, tls);
        uint8_t both[1024];
        struct vc_writer wr = vc_writer_to(both, sizeof(both));
        struct vc_fail fail;
        assert_int_equal(wire_tls_seal(c, get, sizeof(get) - 1, &wr), 0);
        assert_int_equal(wire_tls_seal(c, get, sizeof(get) - 1, &wr), 0);
        assert_int_equal(wire_send(c->fd, both, vc_written(&wr), &fail), 0);
        assert_int_equal(status_of(c), 400);
        assert_int_equal(status_of(c), 0);
        wire_tls_free(c);
    }
    stop(&w);
}

/** Begins a login; the number of the attempt. */
static uint64_t ask_form(struct world *w, struct wire_tls *c)
{
    static const char xml[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><config-auth client=\"vpn\" type=\"init\" "
                              "aggregate-auth-version=\"2\"><version who=\"vpn\">v9.01</version>"
                              "<group-access>https://portal.test</group-access></config-auth>";
    char request[1024];
    (void)snprintf(request, sizeof(request),
                   "POST / HTTP/1.1\r\nHost: portal.test\r\nX-Aggregate-Auth: 1\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(xml), xml);
    ask(c, request);
    return process_expect(&w->p, w->authority, VC_ROLE_AUTHORITY, VC_IPC_LOGIN, NULL)->LOGIN.conn;
}

/** A login, from the form on: the authority says yes. Returns the number of the attempt. */
static uint64_t log_in(struct world *w)
{
    uint8_t token[VC_TOKEN_LEN] = {4};
    struct wire_tls *c = dial(w, 13);
    const struct vc_msg yes = {
        .type = VC_IPC_SUCCESS,
        .SUCCESS = {.conn = ask_form(w, c), .session = 5, .token = {.at = token, .len = sizeof(token)}}};
    process_say(&w->p, w->authority, VC_ROLE_AUTHORITY, &yes, -1);
    assert_int_equal(status_of(c), 200);
    wire_tls_free(c);
    return yes.SUCCESS.conn;
}

/* ---- who goes for a newcomer ---- */

#define STUB                                                                                                           \
    "GET /1/binaries/update.txt HTTP/1.1\r\nHost: portal.test\r\n\r\n" /* answered, and the connection goes on */

static void expect_served(struct wire_tls *c)
{
    ask(c, STUB);
    assert_int_equal(status_of(c), 200);
}

/** A form comes; the rest of auth-timeout is the client's to answer it. */
static void get_form(struct world *w, struct wire_tls *c)
{
    const struct vc_msg form = {.type = VC_IPC_FORM,
                                .FORM = {.conn = ask_form(w, c), .form = VC_LOGIN_FIRST_FORM, .handle = 9}};
    process_say(&w->p, w->authority, VC_ROLE_AUTHORITY, &form, -1);
    assert_int_equal(status_of(c), 200);
}

static void say_nothing(struct world *w, struct wire_tls *c)
{
    (void)w;
    (void)c;
}

static void wait_for_answer(struct world *w, struct wire_tls *c)
{
    (void)ask_form(w, c);
}

static void slow_head(struct world *w, struct wire_tls *c)
{
    (void)w;
    ask(c, "GET / HTTP/1.1\r\nHost:");
}

static void slow_body(struct world *w, struct wire_tls *c)
{
    (void)w;
    ask(c, "POST / HTTP/1.1\r\nHost: portal.test\r\nContent-Length: 1000\r\n\r\n<");
}

/* A source that holds all it can get, in whatever state, makes room: not who brought a cookie, nor the login of
 * another. */
static void one_source_holds_most(void **state)
{
    static const struct {
        const char *name;
        void (*begin)(struct world *w, struct wire_tls *c);
    } rows[] = {{"silence", say_nothing},
                {"a form", get_form},
                {"an answer of the authority", wait_for_answer},
                {"a head", slow_head},
                {"a body", slow_body}};
    (void)state;
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        struct world w;
        struct wire_tls *its[14], *comes[10];
        start_with(&w, 16);
        struct wire_tls *connecting = connect_it(&w, 13, 0), *login = dial_from(&w, 2, 13);
        get_form(&w, login);
        for (int i = 0; i < 14; i++) {
            its[i] = dial_from(&w, 3, 13);
            rows[k].begin(&w, its[i]);
        }
        for (uint8_t i = 0; i < 10; i++) {
            comes[i] = dial_from(&w, 10 + i, 13);
            expect_served(comes[i]);
        }
        expect_served(login);
        for (uint8_t i = 0; i < 10; i++)
            expect_served(comes[i]);
        grant(&w, 0);
        assert_int_equal(status_of(connecting), 200);
        int fd = adopt(&w, 0, NULL, NULL);
        close_fd(&fd);
        for (int i = 0; i < 14; i++)
            wire_tls_free(its[i]);
        for (int i = 0; i < 10; i++)
            wire_tls_free(comes[i]);
        wire_tls_free(login);
        wire_tls_free(connecting);
        stop(&w);
        if (process_events(&w.p, VC_EVENT_HTTP_REFUSED, VC_CAUSE_TOO_MANY) != 10)
            fail_msg("%s: %u went", rows[k].name, process_events(&w.p, VC_EVENT_HTTP_REFUSED, VC_CAUSE_TOO_MANY));
    }
}

/* Where all hold as many, logins in progress stay and who only began goes. */
static void logins_stay(void **state)
{
    struct world w;
    struct wire_tls *login[7], *idle[9], *comes[30];
    (void)state;
    start_with(&w, 16);
    for (uint8_t i = 0; i < 7; i++) {
        login[i] = dial_from(&w, 10 + i, 13);
        get_form(&w, login[i]);
    }
    for (uint8_t i = 0; i < 9; i++)
        idle[i] = dial_from(&w, 30 + i, 13);
    for (uint8_t i = 0; i < 30; i++) {
        comes[i] = dial_from(&w, 50 + i, 13);
        expect_served(comes[i]);
    }
    for (uint8_t i = 0; i < 7; i++) {
        expect_served(login[i]);
        wire_tls_free(login[i]);
    }
    for (uint8_t i = 0; i < 9; i++)
        wire_tls_free(idle[i]);
    for (uint8_t i = 0; i < 30; i++)
        wire_tls_free(comes[i]);
    stop(&w);
}

/* Forms alone, of as many sources, keep nobody out either. */
static void logins_of_many(void **state)
{
    struct world w;
    struct wire_tls *login[40];
    (void)state;
    start_with(&w, 16);
    for (uint8_t i = 0; i < 40; i++) {
        login[i] = dial_from(&w, 10 + i, 13);
        get_form(&w, login[i]);
    }
    for (uint8_t i = 0; i < 40; i++)
        wire_tls_free(login[i]);
    stop(&w);
    assert_int_equal(process_events(&w.p, VC_EVENT_HTTP_REFUSED, VC_CAUSE_TOO_MANY), 24);
}

/* A quarter of all places is one source's: beyond it, it pushes out its own. (Here one portal of one.) */
static void share_of_a_source(void **state)
{
    struct world w;
    struct wire_tls *its[VC_SLOTS_PER_SOURCE + 5];
    (void)state;
    start(&w);
    struct wire_tls *neighbour = dial_from(&w, 9, 13);
    for (size_t i = 0; i < VC_SLOTS_PER_SOURCE + 5; i++) {
        its[i] = dial_from(&w, 3, 13);
        expect_served(its[i]);
    }
    expect_served(neighbour);
    wire_tls_free(neighbour);
    for (size_t i = 0; i < VC_SLOTS_PER_SOURCE + 5; i++)
        wire_tls_free(its[i]);
    stop(&w);
    assert_int_equal(process_events(&w.p, VC_EVENT_HTTP_REFUSED, VC_CAUSE_TOO_MANY), 5);
}

/* After its share of logins it asks for a successor, once, and serves on until it hears that there is one; then it
 * takes no more, and ends with its last connection. Attempts have numbers from where it was told to begin. */
static void makes_room(void **state)
{
    struct world w;
    const struct vc_msg leave = {.type = VC_IPC_LEAVE};
    int status;
    (void)state;
    start(&w);
    assert_int_equal(log_in(&w), FIRST_LOGIN);
    assert_int_equal(log_in(&w), FIRST_LOGIN + 1);
    (void)process_expect(&w.p, w.p.supervisor, VC_ROLE_SUPERVISOR, VC_IPC_RENEW, NULL);
    assert_int_equal(log_in(&w), FIRST_LOGIN + 2);
    struct wire_tls *last = dial(&w, 13);
    process_say(&w.p, w.p.supervisor, VC_ROLE_SUPERVISOR, &leave, -1);
    ask(last, "GET /nothing/here HTTP/1.1\r\nHost: portal.test\r\n\r\n");
    assert_int_equal(status_of(last), 404);
    wire_tls_free(last);
    assert_null(process_hear(&w.p, w.p.supervisor, VC_ROLE_SUPERVISOR, NULL)); /* no second RENEW: it ends */
    assert_int_equal(waitpid(w.p.pid, &status, 0), w.p.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == VC_CHILD_RENEWED);
    w.p.pid = 0;
    stop(&w);
}

int main(void)
{
    make_pair();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(tunnel_dies),
        cmocka_unit_test(not_adopted),
        cmocka_unit_test(silent_tunnel),
        cmocka_unit_test(authority_dies),
        cmocka_unit_test(no_authority),
        cmocka_unit_test(portal_dies),
        cmocka_unit_test(full),
        cmocka_unit_test(two_at_once),
        cmocka_unit_test(makes_room),
        cmocka_unit_test(one_source_holds_most),
        cmocka_unit_test(logins_stay),
        cmocka_unit_test(logins_of_many),
        cmocka_unit_test(share_of_a_source),
    };
    int failed = cmocka_run_group_tests_name("sim/portal", tests, NULL, NULL);
    free(pair.chain);
    free(pair.key);
    return failed;
}
