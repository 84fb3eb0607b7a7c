#include "authority_rig.h"

#include "crypto/aead.h"
#include "sys/fdpass.h"
#include "sys/file.h"
#include "sys/spawn.h"
#include "wire/auth_xml.h"
#include "wire/connect_request.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char users[] = "alice:*:$5$alicesalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n"
                            "bob:sales,staff:$5$bobsalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n"
                            "carol:*:!$5$carolsalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n"
                            "erin:*:$6$erinsalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n";

static void put(const struct rig *r, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

void rig_open(struct rig *r, const char *more)
{
    char path[128];
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot be traced, which LeakSanitizer needs */
    *r = (struct rig){
        .dir = "/tmp/varco-authority-XXXXXX", .supervisor = -1, .portal = -1, .verifier = -1, .control = -1};
    r->tunnel[0] = r->tunnel[1] = -1;
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->config, sizeof(r->config),
                   "auth = plain[passwd=%s/passwd]\ntcp-port = 443\nudp-port = 443\nserver-cert = c\nserver-key = k\n"
                   "ipv4-network = 10.9.0.0/24\nroute = 192.0.2.0/24\n%s",
                   r->dir, more);
    (void)snprintf(path, sizeof(path), "%s/state", r->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    r->state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(r->state >= 0);
    put(r, "passwd", users);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_all(struct rig *r)
{
    close_fd(&r->supervisor);
    close_fd(&r->portal);
    close_fd(&r->verifier);
    close_fd(&r->control);
    for (int i = 0; i < TUNNELS; i++)
        close_fd(&r->tunnel[i]);
}

void rig_close(struct rig *r)
{
    if (r->pid > 0)
        rig_kill(r);
    close_all(r);
    (void)close(r->state);
    (void)nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- messages ---- */

static enum vc_role role_of(const struct rig *r, int fd)
{
    return fd == r->supervisor ? VC_ROLE_SUPERVISOR
           : fd == r->portal   ? VC_ROLE_PORTAL
           : fd == r->verifier ? VC_ROLE_VERIFIER
                               : VC_ROLE_TUNNEL;
}

void rig_send(int fd, enum vc_role from, const struct vc_msg *m, int pass)
{
    static uint8_t buf[131072];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    assert_true(vc_ipc_allowed(m->type, from, VC_ROLE_AUTHORITY));
    vc_ipc_pack(m, &w);
    assert_false(w.bad);
    assert_int_equal(vc_fdpass_send(fd, buf, vc_written(&w), pass), 0);
}

static void keep_event(struct rig *r, const struct vc_msg *m)
{
    struct vc_reader rd = vc_reader_of(m->EVENT.event.at, m->EVENT.event.len);
    assert_true(r->n_events < sizeof(r->events) / sizeof(r->events[0]));
    vc_event_unpack(&r->events[r->n_events], &rd);
    assert_true(vc_reader_done(&rd));
    assert_int_not_equal(r->events[r->n_events].fail.cause, VC_CAUSE_UNKNOWN);
    r->n_events++;
}

/** Any message; NULL: none came in @ms, or the other end closed. */
static const struct vc_msg *receive(struct rig *r, int fd, int ms)
{
    static uint8_t buf[131072];
    static struct vc_msg m;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int pass;
    if (poll(&p, 1, ms) <= 0)
        return NULL;
    ssize_t n = vc_fdpass_recv(fd, buf, sizeof(buf), &pass);
    if (n <= 0)
        return NULL;
    assert_int_equal(pass, -1);
    assert_int_equal(vc_ipc_unpack(&m, VC_ROLE_AUTHORITY, role_of(r, fd), buf, (size_t)n), 0);
    return &m;
}

const struct vc_msg *rig_next(struct rig *r, int fd, enum vc_ipc_type type)
{
    for (;;) {
        const struct vc_msg *m = receive(r, fd, PATIENCE_MS);
        if (!m)
            fail_msg("no %s came", vc_ipc_name(type));
        if (m->type == VC_IPC_EVENT && type != VC_IPC_EVENT) {
            keep_event(r, m);
            continue;
        }
        if (m->type != type)
            fail_msg("%s came instead of %s", vc_ipc_name(m->type), vc_ipc_name(type));
        return m;
    }
}

static struct vc_msg logout_of(uint64_t conn, const uint8_t token[32])
{
    return (struct vc_msg){.type = VC_IPC_LOGOUT, .LOGOUT = {.conn = conn, .token = {.at = token, .len = 32}}};
}

void rig_nothing(struct rig *r, int fd)
{
    static const uint8_t nobody[32];
    const struct vc_msg m = logout_of(999999, nobody);
    rig_send(r->portal, VC_ROLE_PORTAL, &m, -1);
    (void)rig_next(r, r->portal, VC_IPC_LOGGED_OUT); /* whatever was to be said before has been said */
    const struct vc_msg *got = receive(r, fd, 0);
    if (got)
        fail_msg("%s came", vc_ipc_name(got->type));
}

const struct vc_event *rig_event(struct rig *r, enum vc_event_id id, enum vc_cause cause)
{
    for (;;) {
        for (; r->looked < r->n_events; r->looked++) {
            const struct vc_event *e = &r->events[r->looked];
            if (e->id == id && e->fail.cause == cause) {
                r->looked++;
                return e;
            }
        }
        const struct vc_msg *m = receive(r, r->supervisor, PATIENCE_MS);
        if (!m)
            fail_msg("no event %s with cause %s", vc_event_name(id), vc_cause_name(cause));
        if (m->type == VC_IPC_EVENT)
            keep_event(r, m);
    }
}

void rig_forget(struct rig *r)
{
    r->looked = r->n_events = 0;
}

/* ---- life ---- */

static void introduce(struct rig *r, enum vc_role role, uint16_t index, int *ours)
{
    const struct vc_msg m = {.type = VC_IPC_PEER, .PEER = {.role = (uint8_t)role, .index = index}};
    int pair[2];
    assert_int_equal(vc_fdpass_pair(pair), 0);
    rig_send(r->supervisor, VC_ROLE_SUPERVISOR, &m, pair[1]);
    (void)close(pair[1]);
    close_fd(ours);
    *ours = pair[0];
}

static int listen_control(const struct rig *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/control", r->dir);
    (void)unlink(at.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

static void spawn(struct rig *r)
{
    struct vc_fail fail;
    char path[128];
    int pair[2];
    close_all(r);
    assert_int_equal(vc_fdpass_pair(pair), 0);
    const struct vc_spawn s = {.path = VC_AUTHORITY_PROGRAM,
                               .name = "varco-authority",
                               .keep_ids = true,
                               .port = pair[1],
                               .cwd = r->state,
                               .with_stderr = true};
    r->pid = vc_spawn(&s, &fail);
    assert_true(r->pid > 0);
    (void)close(pair[1]);
    r->supervisor = pair[0];
    int config = vc_file_memory("config", r->config, strlen(r->config), &fail);
    struct vc_msg m = {.type = VC_IPC_AUTHORITY_SETUP,
                       .AUTHORITY_SETUP = {.config_path = VC_STR("test.conf"),
                                           .supervisor_pid = (uint32_t)getpid(),
                                           .n_tunnels = TUNNELS,
                                           .device = VC_STR("vpns0")}};
    rig_send(r->supervisor, VC_ROLE_SUPERVISOR, &m, config);
    (void)close(config);
    (void)snprintf(path, sizeof(path), "%s/passwd", r->dir);
    int passwords = open(path, O_RDONLY | O_CLOEXEC);
    m = (struct vc_msg){.type = VC_IPC_PASSWORD_FILE};
    rig_send(r->supervisor, VC_ROLE_SUPERVISOR, &m, passwords);
    (void)close(passwords);
    int control = listen_control(r);
    m = (struct vc_msg){.type = VC_IPC_CONTROL_SOCKET};
    rig_send(r->supervisor, VC_ROLE_SUPERVISOR, &m, control);
    (void)close(control);
    introduce(r, VC_ROLE_PORTAL, 0, &r->portal);
    if (!r->no_verifier)
        introduce(r, VC_ROLE_VERIFIER, 0, &r->verifier);
    for (uint16_t i = 0; i < TUNNELS; i++)
        introduce(r, VC_ROLE_TUNNEL, i, &r->tunnel[i]);
    m = (struct vc_msg){.type = VC_IPC_START};
    rig_send(r->supervisor, VC_ROLE_SUPERVISOR, &m, -1);
}

void rig_start(struct rig *r)
{
    spawn(r);
    (void)rig_next(r, r->supervisor, VC_IPC_READY);
}

static int wait_end(struct rig *r)
{
    int status;
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < PATIENCE_MS / 5; i++) {
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
            r->pid = 0;
            return status;
        }
        (void)nanosleep(&pause, NULL); /* between two looks at a condition */
    }
    fail_msg("the authority does not end");
    return -1;
}

void rig_start_fails(struct rig *r, int status)
{
    spawn(r);
    int got = wait_end(r);
    assert_true(WIFEXITED(got));
    assert_int_equal(WEXITSTATUS(got), status);
}

void rig_stop(struct rig *r)
{
    const struct vc_msg m = {.type = VC_IPC_STOP};
    rig_send(r->supervisor, VC_ROLE_SUPERVISOR, &m, -1);
    rig_ended(r);
}

void rig_ended(struct rig *r)
{
    int status = wait_end(r);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void rig_pause(struct rig *r)
{
    int status;
    assert_int_equal(kill(r->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(r->pid, &status, WUNTRACED), r->pid);
}

void rig_resume(struct rig *r)
{
    assert_int_equal(kill(r->pid, SIGCONT), 0);
}

void rig_kill(struct rig *r)
{
    (void)kill(r->pid, SIGKILL);
    (void)wait_end(r);
}

void rig_new_verifier(struct rig *r)
{
    introduce(r, VC_ROLE_VERIFIER, 0, &r->verifier);
}

void rig_new_tunnel(struct rig *r, uint16_t index)
{
    introduce(r, VC_ROLE_TUNNEL, index, &r->tunnel[index]);
}

/* ---- logins ---- */

static const struct vc_endpoint client = {.ip = {.family = VC_FAMILY_V4, .bytes = {198, 51, 100, 7}}, .port = 50000};
static const struct vc_endpoint gateway = {.ip = {.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 1}}, .port = 443};

uint64_t rig_init(struct rig *r, uint64_t conn)
{
    const struct vc_msg m = {.type = VC_IPC_LOGIN,
                             .LOGIN = {.conn = conn,
                                       .kind = VC_AUTH_INIT,
                                       .source = client,
                                       .has = VC_HAS_ACCESS,
                                       .path = VC_STR("/"),
                                       .access = VC_STR("https://gateway.example/"),
                                       .agent = VC_STR("test 1.0")}};
    rig_send(r->portal, VC_ROLE_PORTAL, &m, -1);
    const struct vc_msg *form = rig_next(r, r->portal, VC_IPC_FORM);
    assert_int_equal(form->FORM.conn, conn);
    assert_int_not_equal(form->FORM.handle, 0);
    return form->FORM.handle;
}

void rig_ask_login(struct rig *r, uint64_t conn, uint64_t handle, const char *user, const char *password)
{
    const struct vc_msg m = {.type = VC_IPC_LOGIN,
                             .LOGIN = {.conn = conn,
                                       .kind = VC_AUTH_REPLY,
                                       .source = client,
                                       .has = VC_HAS_OPAQUE | VC_HAS_USER | VC_HAS_PASSWORD,
                                       .opaque = handle,
                                       .path = VC_STR("/"),
                                       .user = vc_str_of(user),
                                       .password = {.at = (const uint8_t *)password, .len = strlen(password)},
                                       .agent = VC_STR("test 1.0")}};
    rig_send(r->portal, VC_ROLE_PORTAL, &m, -1);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void note_work(struct rig *r, const struct vc_msg *v)
{
    char methods[16][8] = {0};
    size_t n = 1;
    struct vc_reader rd = vc_reader_of(v->VERIFY.beside.at, v->VERIFY.beside.len);
    memcpy(methods[0], v->VERIFY.hash.at, 3);
    while (!rd.bad && rd.left > 0 && n < 16) {
        size_t len = vc_take_u16(&rd);
        const uint8_t *hash = vc_take(&rd, len);
        assert_non_null(hash);
        memcpy(methods[n++], hash, 3);
    }
    qsort(methods, n, sizeof(methods[0]), by_name);
    r->work[0] = 0;
    for (size_t i = 0; i < n; i++)
        memcpy(r->work + 3 * i, methods[i], 4);
}

uint64_t rig_answer(struct rig *r, uint64_t conn, uint64_t handle, const char *user, const char *password,
                    char hash[512])
{
    rig_ask_login(r, conn, handle, user, password);
    if (r->no_verifier)
        return 0;
    const struct vc_msg *v = rig_next(r, r->verifier, VC_IPC_VERIFY);
    assert_int_equal(v->VERIFY.password.len, strlen(password));
    assert_memory_equal(v->VERIFY.password.at, password, strlen(password));
    note_work(r, v);
    if (hash)
        assert_true(
            vc_str_copy((struct vc_str){.at = (const char *)v->VERIFY.hash.at, .len = v->VERIFY.hash.len}, hash, 512));
    return v->VERIFY.job;
}

void rig_verdict(struct rig *r, uint64_t job, bool ok)
{
    const struct vc_msg m = {.type = VC_IPC_VERDICT, .VERDICT = {.job = job, .ok = ok}};
    rig_send(r->verifier, VC_ROLE_VERIFIER, &m, -1);
}

const struct vc_msg *rig_login(struct rig *r, uint64_t conn, const char *user)
{
    uint64_t handle = rig_init(r, conn);
    rig_verdict(r, rig_answer(r, conn, handle, user, "secret", NULL), true);
    const struct vc_msg *m = receive(r, r->portal, PATIENCE_MS);
    assert_non_null(m);
    return m;
}

struct rig_session rig_success(struct rig *r, uint64_t conn, const char *user)
{
    struct rig_session s;
    const struct vc_msg *m = rig_login(r, conn, user);
    assert_int_equal(m->type, VC_IPC_SUCCESS);
    assert_int_equal(m->SUCCESS.conn, conn);
    assert_int_equal(m->SUCCESS.token.len, 32);
    s.id = m->SUCCESS.session;
    memcpy(s.token, m->SUCCESS.token.at, 32);
    return s;
}

/* ---- CONNECT ---- */

void rig_ask_connect(struct rig *r, uint64_t conn, const uint8_t token[32])
{
    static const struct {
        struct vc_str name, value;
    } headers[] = {{VC_STR("User-Agent"), VC_STR("test 1.0")},
                   {VC_STR("X-CSTP-Hostname"), VC_STR("laptop")},
                   {VC_STR("X-CSTP-Base-MTU"), VC_STR("1500")},
                   {VC_STR("X-CSTP-Address-Type"), VC_STR("IPv6,IPv4")},
                   {VC_STR("X-CSTP-Full-IPv6-Capability"), VC_STR("true")},
                   {VC_STR("X-DTLS-CipherSuite"), VC_STR("PSK-NEGOTIATE:OC-DTLS1_2-AES256-GCM")}};
    static struct vc_connect_request req;
    uint8_t packed[16384];
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    memset(&req, 0, sizeof(req));
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(vc_connect_request_header(&req, headers[i].name, headers[i].value), VC_CONNECT_TAKEN);
    vc_connect_request_pack(&req, &w);
    const struct vc_msg m = {.type = VC_IPC_CONNECT,
                             .CONNECT = {.conn = conn,
                                         .source = client,
                                         .local = gateway,
                                         .token = {.at = token, .len = 32},
                                         .tls_version = 13,
                                         .aead = VC_AEAD_AES_256_GCM,
                                         .suite = VC_STR("TLS_AES_256_GCM_SHA384"),
                                         .pmtu = 1500,
                                         .timestamps = 1,
                                         .agent = VC_STR("test 1.0"),
                                         .request = {.at = packed, .len = vc_written(&w)}}};
    rig_send(r->portal, VC_ROLE_PORTAL, &m, -1);
}

void rig_connect(struct rig *r, uint64_t conn, const struct rig_session *s, struct rig_grant *g)
{
    rig_ask_connect(r, conn, s->token);
    const struct vc_msg *m = rig_next(r, r->portal, VC_IPC_GRANT);
    *g = (struct rig_grant){.tunnel = m->GRANT.tunnel, .session = m->GRANT.session, .dtls_mode = m->GRANT.dtls_mode};
    assert_int_equal(m->GRANT.conn, conn);
    assert_int_equal(g->session, s->id);
    assert_int_equal(m->GRANT.ticket.len, 16);
    memcpy(g->ticket, m->GRANT.ticket.at, 16);
    assert_true(vc_str_copy((struct vc_str){.at = (const char *)m->GRANT.head.at, .len = m->GRANT.head.len}, g->head,
                            sizeof(g->head)));
    assert_true(g->tunnel < TUNNELS);
    do /* it was sent before the grant: it is there, perhaps behind what the test was not interested in */
        m = receive(r, r->tunnel[g->tunnel], 0);
    while (m && (m->type == VC_IPC_CLOSE || m->type == VC_IPC_ROUTE));
    assert_true(m && m->type == VC_IPC_EXPECT);
    assert_memory_equal(m->EXPECT.ticket.at, g->ticket, 16);
    assert_int_equal(m->EXPECT.session, g->session);
    g->generation = m->EXPECT.generation;
    g->v4 = m->EXPECT.v4;
    g->v6 = m->EXPECT.v6;
    g->cstp_mtu = m->EXPECT.cstp_mtu;
    g->dtls_mtu = m->EXPECT.dtls_mtu;
    if (m->EXPECT.dtls_id.len == 32)
        memcpy(g->dtls_id, m->EXPECT.dtls_id.at, 32);
}

unsigned rig_denied(struct rig *r, uint64_t conn, const uint8_t token[32])
{
    rig_ask_connect(r, conn, token);
    const struct vc_msg *m = rig_next(r, r->portal, VC_IPC_DENY);
    assert_int_equal(m->DENY.conn, conn);
    return m->DENY.status;
}

void rig_up(struct rig *r, const struct rig_grant *g)
{
    const struct vc_msg m = {.type = VC_IPC_UP, .UP = {.session = g->session, .generation = g->generation}};
    rig_send(r->tunnel[g->tunnel], VC_ROLE_TUNNEL, &m, -1);
}

void rig_up_refused(struct rig *r, uint16_t tunnel, uint64_t session, uint32_t generation)
{
    const struct vc_msg up = {.type = VC_IPC_UP, .UP = {.session = session, .generation = generation}};
    rig_send(r->tunnel[tunnel], VC_ROLE_TUNNEL, &up, -1);
    const struct vc_msg *m = rig_next(r, r->tunnel[tunnel], VC_IPC_CLOSE);
    assert_int_equal(m->CLOSE.session, session);
    assert_int_equal(m->CLOSE.generation, generation);
    assert_int_equal(m->CLOSE.how, VC_CLOSE_QUIET);
}

void rig_up_routed(struct rig *r, const struct rig_grant *g)
{
    rig_up(r, g);
    for (int i = 0; i < TUNNELS; i++) {
        const struct vc_msg *m = rig_next(r, r->tunnel[i], VC_IPC_ROUTE);
        assert_int_equal(m->ROUTE.owner, g->tunnel);
        assert_int_equal(m->ROUTE.session, g->session);
        assert_true(vc_ip_eq(&m->ROUTE.v4, &g->v4));
        assert_int_equal(m->ROUTE.dtls_id.len, 32);
        assert_memory_equal(m->ROUTE.dtls_id.at, g->dtls_id, 32);
    }
}

void rig_down(struct rig *r, const struct rig_grant *g, enum vc_down_how how, enum vc_cause cause, uint64_t rx,
              uint64_t tx)
{
    const struct vc_msg m = {.type = VC_IPC_DOWN,
                             .DOWN = {.session = g->session,
                                      .generation = g->generation,
                                      .how = (uint8_t)how,
                                      .cause = (uint16_t)cause,
                                      .rx_bytes = rx,
                                      .tx_bytes = tx}};
    rig_send(r->tunnel[g->tunnel], VC_ROLE_TUNNEL, &m, -1);
}

void rig_unrouted(struct rig *r, uint64_t session)
{
    for (int i = 0; i < TUNNELS; i++) {
        const struct vc_msg *m = rig_next(r, r->tunnel[i], VC_IPC_ROUTE);
        assert_int_equal(m->ROUTE.owner, 0xffff);
        assert_int_equal(m->ROUTE.session, session);
    }
}

void rig_logout(struct rig *r, uint64_t conn, const uint8_t token[32])
{
    const struct vc_msg m = logout_of(conn, token);
    rig_send(r->portal, VC_ROLE_PORTAL, &m, -1);
    assert_int_equal(rig_next(r, r->portal, VC_IPC_LOGGED_OUT)->LOGGED_OUT.conn, conn);
}
