/* The authority as its neighbours see it. */
#include "authority_rig.h"

#include "crypto/wipe.h"
#include "proto/login_gateway.h"
#include "wire/dtls_names.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig rig;

static void open_and_start(const char *more)
{
    rig_open(&rig, more);
    rig_start(&rig);
}

static int end(void **state)
{
    (void)state;
    if (rig.dir[0] != 0)
        rig_close(&rig);
    rig = (struct rig){0};
    return 0;
}

/* ---- logins ---- */

static void test_login_and_connect(void **state)
{
    struct rig_grant g;
    open_and_start("ipv6-network = fd00:9::/48\nipv6-subnet-prefix = 64\n");
    struct rig_session s = rig_success(&rig, 64, "bob");
    const struct vc_event *e = rig_event(&rig, VC_EVENT_USER_SUCCESS, VC_CAUSE_NONE);
    assert_int_equal(e->login, 64);
    assert_int_equal(e->session, s.id);
    rig_connect(&rig, 65, &s, &g);
    assert_int_equal(g.generation, 1);
    assert_int_equal(g.v4.family, VC_FAMILY_V4);
    assert_true(g.v4.bytes[0] == 10 && g.v4.bytes[1] == 9 && g.v4.bytes[3] > 1 && g.v4.bytes[3] < 255);
    assert_int_equal(g.v6.family, VC_FAMILY_V6);
    assert_int_equal(g.dtls_mode, VC_DTLS_MODE_PSK);
    size_t len = strlen(g.head);
    assert_memory_equal(g.head, "HTTP/1.1 200 ", 13);
    assert_true(len > 4 && strcmp(g.head + len - 2, "\r\n") == 0 && strcmp(g.head + len - 4, "\r\n\r\n") != 0);
    assert_null(strstr(g.head, "Post-Auth-XML"));
    assert_non_null(strstr(g.head, "X-CSTP-Split-Include: 192.0.2.0/255.255.255.0\r\n"));
    assert_non_null(strstr(g.head, "X-CSTP-Hostname: laptop\r\n"));
    rig_event(&rig, VC_EVENT_CSTP_CONNECT, VC_CAUSE_NONE);
    rig_event(&rig, VC_EVENT_DTLS_OFFERED, VC_CAUSE_NONE);
    rig_up_routed(&rig, &g);
    rig_stop(&rig);
    (void)state;
}

/* What the client sees is the same for all of these; the administrator hears the cause. */
static void test_refused(void **state)
{
    static const struct {
        const char *user;
        bool right;
        enum vc_cause cause;
    } cases[] = {
        {"alice", false, VC_CAUSE_PASSWORD},
        {"erin", false, VC_CAUSE_PASSWORD},
        {"nobody", false, VC_CAUSE_NO_SUCH_USER},
        {"nobody", true, VC_CAUSE_NO_SUCH_USER}, /* even if the dummy's password was guessed */
        {"carol", true, VC_CAUSE_USER_LOCKED},
    };
    open_and_start("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t handle = rig_init(&rig, 64 + i), job = rig_answer(&rig, 64 + i, handle, cases[i].user, "pw", NULL);
        rig_verdict(&rig, job, cases[i].right);
        const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_FORM);
        assert_int_equal(m->FORM.refuse, 0);
        assert_int_equal(m->FORM.form, VC_LOGIN_FIRST_FORM);
        assert_int_equal(m->FORM.error, VC_LOGIN_ERROR_FAILED);
        assert_true(m->FORM.handle != 0 && m->FORM.handle != handle);
        rig_event(&rig, VC_EVENT_USER_REFUSED, cases[i].cause);
        /* whoever is asked for, one hash of each kind in the file is computed */
        assert_string_equal(rig.work, "$5$$6$");
    }
    (void)state;
}

static void test_dummy_is_nobodys_hash(void **state)
{
    char alice[512], nobody[512];
    open_and_start("");
    uint64_t job = rig_answer(&rig, 64, rig_init(&rig, 64), "alice", "pw", alice);
    rig_verdict(&rig, job, false);
    (void)rig_next(&rig, rig.portal, VC_IPC_FORM);
    job = rig_answer(&rig, 65, rig_init(&rig, 65), "nobody", "pw", nobody);
    rig_verdict(&rig, job, false);
    assert_int_equal(strlen(nobody), strlen(alice));
    assert_string_not_equal(nobody, alice);
    (void)state;
}

static void test_many_kinds_of_hashes_are_told(void **state)
{
    char path[128];
    rig_open(&rig, "");
    (void)snprintf(path, sizeof(path), "%s/passwd", rig.dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    for (int i = 0; i < 9; i++)
        (void)fprintf(f, "u%d:*:$5$rounds=%d$salt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n", i, 1000 + i);
    assert_int_equal(fclose(f), 0);
    rig_start(&rig);
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_HASH_KINDS);
    (void)rig_success(&rig, 64, "u8");
    assert_int_equal(strlen(rig.work), 3 * 8);
    (void)state;
}

/* Of a locked user and of one with a costly hash the work is that of an unknown one: theirs may be of a kind of its
 * own.
 */
static void test_unusable_hashes_are_not_computed(void **state)
{
    char path[128];
    rig_open(&rig, "");
    (void)snprintf(path, sizeof(path), "%s/passwd", rig.dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    (void)fputs("alice:*:$5$salt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n"
                "locked:*:!$5$rounds=9000$salt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n"
                "costly:*:$5$rounds=1000001$salt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n",
                f);
    assert_int_equal(fclose(f), 0);
    rig_start(&rig);
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_HASH_COSTLY);
    static const char *const users[] = {"nobody", "locked", "costly"};
    char hashes[3][512];
    for (size_t i = 0; i < 3; i++) {
        uint64_t job = rig_answer(&rig, 64 + i, rig_init(&rig, 64 + i), users[i], "pw", hashes[i]);
        rig_verdict(&rig, job, false);
        (void)rig_next(&rig, rig.portal, VC_IPC_FORM);
        assert_string_equal(rig.work, "$5$");
        assert_string_equal(hashes[i], hashes[0]);
    }
    (void)state;
}

static void test_three_tries(void **state)
{
    uint64_t handle;
    open_and_start("");
    handle = rig_init(&rig, 64);
    for (int i = 0; i < 3; i++) {
        rig_verdict(&rig, rig_answer(&rig, 64, handle, "alice", "pw", NULL), false);
        const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_FORM);
        assert_int_equal(m->FORM.refuse, i == 2);
        handle = m->FORM.handle;
    }
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_TOO_MANY_TRIES);
    (void)state;
}

static void test_verifier_dies(void **state)
{
    open_and_start("");
    (void)rig_answer(&rig, 64, rig_init(&rig, 64), "alice", "secret", NULL);
    (void)shutdown(rig.verifier, SHUT_RDWR);
    const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_FORM);
    assert_int_equal(m->FORM.error, VC_LOGIN_ERROR_BUSY);
    assert_int_equal(m->FORM.refuse, 0);
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_VERIFIER_DIED);
    (void)state;
}

static void test_queue_is_bounded(void **state)
{
    rig_open(&rig, "");
    rig.no_verifier = true;
    rig_start(&rig);
    for (uint64_t conn = 0; conn < 65; conn++)
        (void)rig_answer(&rig, 64 + conn, rig_init(&rig, 64 + conn), "alice", "secret", NULL);
    const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_FORM); /* 64 wait, one is sent away */
    assert_int_equal(m->FORM.conn, 64 + 64);
    assert_int_equal(m->FORM.error, VC_LOGIN_ERROR_BUSY);
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_VERIFIER_BUSY);
    const struct vc_msg gone = {.type = VC_IPC_GONE, .GONE = {.conn = 64}};
    rig_send(rig.portal, VC_ROLE_PORTAL, &gone, -1); /* one gives up: there is room again */
    (void)rig_answer(&rig, 200, rig_init(&rig, 200), "alice", "secret", NULL);
    rig_nothing(&rig, rig.portal);
    (void)state;
}

static void expect_form(uint64_t conn, enum vc_login_error error, enum vc_cause cause)
{
    const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_FORM);
    assert_int_equal(m->FORM.conn, conn);
    assert_int_equal(m->FORM.error, error);
    rig_event(&rig, VC_EVENT_USER_REFUSED, cause);
}

/* A verifier has its own time, from when it is asked; what has no hope of its turn is told so, early where that can be
 * known. So overload ends no verifier. */
static void test_deadlines_of_passwords(void **state)
{
    open_and_start("");
    (void)rig_answer(&rig, 64, rig_init(&rig, 64), "alice", "secret", NULL);
    rig_ask_login(&rig, 65, rig_init(&rig, 65), "alice", "secret");
    expect_form(65, VC_LOGIN_ERROR_BUSY, VC_CAUSE_VERIFIER_BUSY); /* after its 4 s; the verifier has a second left */
    rig_nothing(&rig, rig.verifier);
    expect_form(64, VC_LOGIN_ERROR_BUSY, VC_CAUSE_VERIFIER_DIED);
    const struct vc_msg *m = rig_next(&rig, rig.supervisor, VC_IPC_PLEASE);
    assert_int_equal(m->PLEASE.what, VC_PLEASE_REPLACE);
    assert_int_equal(m->PLEASE.role, VC_ROLE_VERIFIER);
    rig_new_verifier(&rig);
    uint64_t job = rig_answer(&rig, 66, rig_init(&rig, 66), "alice", "secret", NULL);
    rig_ask_login(&rig, 67, rig_init(&rig, 67), "bob", "secret"); /* the next one may have luck */
    rig_ask_login(&rig, 68, rig_init(&rig, 68), "bob", "secret"); /* behind it: 5 s at least, as far as we know */
    expect_form(68, VC_LOGIN_ERROR_BUSY, VC_CAUSE_VERIFIER_BUSY);
    rig_verdict(&rig, job, true);
    assert_int_equal(rig_next(&rig, rig.portal, VC_IPC_SUCCESS)->SUCCESS.conn, 66);
    rig_verdict(&rig, rig_next(&rig, rig.verifier, VC_IPC_VERIFY)->VERIFY.job, true);
    assert_int_equal(rig_next(&rig, rig.portal, VC_IPC_SUCCESS)->SUCCESS.conn, 67);
    (void)state;
}

static void test_gone_cancels(void **state)
{
    open_and_start("");
    uint64_t job = rig_answer(&rig, 64, rig_init(&rig, 64), "alice", "secret", NULL);
    const struct vc_msg gone = {.type = VC_IPC_GONE, .GONE = {.conn = 64}};
    rig_send(rig.portal, VC_ROLE_PORTAL, &gone, -1);
    rig_nothing(&rig, rig.verifier);
    rig_verdict(&rig, job, true);
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_HTTP_PEER_CLOSED);
    rig_nothing(&rig, rig.portal); /* no session was made for nobody */
    (void)state;
}

static void test_second_question_replaces_the_portal(void **state)
{
    open_and_start("");
    uint64_t handle = rig_init(&rig, 64);
    (void)rig_answer(&rig, 64, handle, "alice", "secret", NULL);
    const struct vc_msg again = {.type = VC_IPC_LOGIN, .LOGIN = {.conn = 64, .kind = 0, .path = VC_STR("/")}};
    rig_send(rig.portal, VC_ROLE_PORTAL, &again, -1);
    const struct vc_msg *m = rig_next(&rig, rig.supervisor, VC_IPC_PLEASE);
    assert_int_equal(m->PLEASE.what, VC_PLEASE_REPLACE);
    assert_int_equal(m->PLEASE.role, VC_ROLE_PORTAL);
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_IPC_MALFORMED);
    (void)state;
}

static void test_password_file_changes(void **state)
{
    char path[128], hash[512];
    open_and_start("");
    (void)snprintf(path, sizeof(path), "%s/passwd", rig.dir);
    FILE *f = fopen(path, "ae");
    assert_non_null(f);
    (void)fputs("dave:*:$5$davesalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n", f);
    assert_int_equal(fclose(f), 0);
    uint64_t job = rig_answer(&rig, 64, rig_init(&rig, 64), "dave", "secret", hash);
    assert_non_null(strstr(hash, "davesalt"));
    rig_verdict(&rig, job, true);
    (void)rig_next(&rig, rig.portal, VC_IPC_SUCCESS);
    (void)state;
}

static void test_limits(void **state)
{
    struct rig_grant g;
    open_and_start("max-clients = 3\nmax-same-clients = 2\n");
    struct rig_session first = rig_success(&rig, 64, "alice"), second = rig_success(&rig, 65, "alice");
    /* the first never connected: it gives way */
    struct rig_session third = rig_success(&rig, 66, "alice");
    rig_event(&rig, VC_EVENT_SESSION_ENDED, VC_CAUSE_MAX_SAME_CLIENTS);
    assert_int_equal(rig_denied(&rig, 67, first.token), 401);
    rig_connect(&rig, 68, &second, &g);
    rig_up_routed(&rig, &g);
    rig_connect(&rig, 69, &third, &g);
    rig_up_routed(&rig, &g);
    const struct vc_msg *m = rig_login(&rig, 70, "alice");
    assert_int_equal(m->type, VC_IPC_FORM);
    assert_int_equal(m->FORM.error, VC_LOGIN_ERROR_TOO_MANY);
    assert_int_equal(m->FORM.refuse, 1);
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_MAX_SAME_CLIENTS);
    (void)rig_success(&rig, 71, "bob");
    m = rig_login(&rig, 72, "erin");
    assert_int_equal(m->type, VC_IPC_FORM);
    assert_int_equal(m->FORM.error, VC_LOGIN_ERROR_FULL);
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_MAX_CLIENTS);
    rig_connect(&rig, 73, &third, &g); /* known sessions come back all the same */
    (void)state;
}

/* ---- tokens ---- */

static void test_unknown_token(void **state)
{
    static const uint8_t foreign[32] = {1, 2, 3};
    open_and_start("");
    assert_int_equal(rig_denied(&rig, 64, foreign), 401);
    rig_event(&rig, VC_EVENT_CSTP_REFUSED, VC_CAUSE_COOKIE_UNKNOWN);
    (void)state;
}

static void test_logout_voids_the_token(void **state)
{
    struct rig_grant g;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 64, &s, &g);
    rig_up_routed(&rig, &g);
    rig_logout(&rig, 65, s.token);
    const struct vc_msg *m = rig_next(&rig, rig.tunnel[g.tunnel], VC_IPC_CLOSE);
    assert_int_equal(m->CLOSE.how, VC_CLOSE_BYE);
    assert_int_equal(m->CLOSE.cause, VC_CAUSE_LOGOUT);
    assert_int_equal(rig_denied(&rig, 66, s.token), 401);
    rig_event(&rig, VC_EVENT_CSTP_REFUSED, VC_CAUSE_COOKIE_UNKNOWN);
    rig_down(&rig, &g, VC_DOWN_CLOSED, VC_CAUSE_LOGOUT, 1000, 2000);
    rig_unrouted(&rig, s.id);
    const struct vc_event *e = rig_event(&rig, VC_EVENT_SESSION_ENDED, VC_CAUSE_LOGOUT);
    char text[1024];
    assert_true(vc_event_print(e, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "1000"));
    assert_non_null(strstr(text, "2000"));
    rig_logout(&rig, 67, s.token); /* twice: the same answer */
    (void)state;
}

/* DOWN.how -> what becomes of the token. */
static void test_ends(void **state)
{
    static const struct {
        enum vc_down_how how;
        enum vc_cause cause;
        bool kept;
    } cases[] = {
        {VC_DOWN_LOST, VC_CAUSE_CSTP_PEER_CLOSED, true}, {VC_DOWN_DETACHED, VC_CAUSE_CSTP_PEER_CLOSED, true},
        {VC_DOWN_CLOSED, VC_CAUSE_STOPPING, true},       {VC_DOWN_LOGOUT, VC_CAUSE_LOGOUT, false},
        {VC_DOWN_IDLE, VC_CAUSE_IDLE_TIMEOUT, false},    {VC_DOWN_IDLE, VC_CAUSE_SESSION_TIMEOUT, false},
    };
    struct rig_grant g, again;
    open_and_start("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig_session s = rig_success(&rig, 64, "alice");
        rig_connect(&rig, 65, &s, &g);
        rig_up_routed(&rig, &g);
        rig_down(&rig, &g, cases[i].how, cases[i].cause, 1, 1);
        rig_unrouted(&rig, s.id);
        if (cases[i].kept) {
            rig_connect(&rig, 66, &s, &again);
            assert_true(vc_ip_eq(&again.v4, &g.v4));
            assert_int_equal(again.generation, g.generation + 1);
            assert_memory_not_equal(again.dtls_id, g.dtls_id, 32);
            assert_memory_not_equal(again.ticket, g.ticket, 16);
            rig_logout(&rig, 67, s.token);
            (void)rig_next(&rig, rig.tunnel[again.tunnel], VC_IPC_CLOSE);
            rig_unrouted(&rig, s.id);
        } else {
            rig_event(&rig, VC_EVENT_SESSION_ENDED, cases[i].cause);
            assert_int_equal(rig_denied(&rig, 66, s.token), 401);
        }
    }
    (void)state;
}

static void test_persistent_cookies(void **state)
{
    struct rig_grant g;
    open_and_start("persistent-cookies = true\n");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    rig_up_routed(&rig, &g);
    rig_down(&rig, &g, VC_DOWN_LOGOUT, VC_CAUSE_LOGOUT, 1, 1);
    rig_unrouted(&rig, s.id);
    rig_connect(&rig, 66, &s, &g);
    (void)state;
}

static void test_cookie_expires(void **state)
{
    struct rig_grant g;
    open_and_start("cookie-timeout = 1\n");
    struct rig_session fresh = rig_success(&rig, 64, "alice"), s = rig_success(&rig, 65, "bob");
    rig_connect(&rig, 66, &s, &g);
    rig_up_routed(&rig, &g);
    rig_event(&rig, VC_EVENT_SESSION_ENDED, VC_CAUSE_COOKIE_EXPIRED); /* never connected */
    assert_int_equal(rig_denied(&rig, 67, fresh.token), 401);
    rig_event(&rig, VC_EVENT_CSTP_REFUSED, VC_CAUSE_COOKIE_EXPIRED);
    rig_down(&rig, &g, VC_DOWN_LOST, VC_CAUSE_CSTP_PEER_CLOSED, 1, 1); /* a tunnel that is up keeps it alive */
    rig_unrouted(&rig, s.id);
    rig_event(&rig, VC_EVENT_SESSION_ENDED, VC_CAUSE_COOKIE_EXPIRED);
    assert_int_equal(rig_denied(&rig, 68, s.token), 401);
    (void)state;
}

/* ---- addresses ---- */

static void test_addresses_exhausted(void **state)
{
    struct rig_session s[6];
    struct rig_grant g[6];
    open_and_start("ipv4-network = 10.9.1.0/29\n"); /* .2 to .6 */
    for (unsigned i = 0; i < 6; i++)
        s[i] = rig_success(&rig, 64 + i, i % 2 ? "alice" : "bob");
    for (unsigned i = 0; i < 5; i++) {
        rig_connect(&rig, 80 + i, &s[i], &g[i]);
        for (unsigned k = 0; k < i; k++)
            assert_false(vc_ip_eq(&g[i].v4, &g[k].v4));
    }
    assert_int_equal(rig_denied(&rig, 90, s[5].token), 503);
    rig_event(&rig, VC_EVENT_CSTP_REFUSED, VC_CAUSE_NO_ADDRESS);
    rig_connect(&rig, 91, &s[0], &g[0]); /* who has one comes back */
    rig_logout(&rig, 92, s[1].token);
    rig_connect(&rig, 93, &s[5], &g[5]);
    assert_true(vc_ip_eq(&g[5].v4, &g[1].v4));
    (void)state;
}

static void test_the_same_user_finds_the_same_address(void **state)
{
    struct rig_grant g, again;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    rig_logout(&rig, 66, s.token);
    s = rig_success(&rig, 67, "alice");
    rig_connect(&rig, 68, &s, &again);
    assert_true(vc_ip_eq(&g.v4, &again.v4));
    (void)state;
}

/* ---- tunnel processes ---- */

static void test_takeover(void **state)
{
    struct rig_grant old, new;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &old);
    rig_up_routed(&rig, &old);
    rig_connect(&rig, 66, &s, &new);
    assert_int_equal(new.tunnel, old.tunnel); /* where it lives already */
    assert_true(vc_ip_eq(&old.v4, &new.v4));
    rig_down(&rig, &old, VC_DOWN_REPLACED, VC_CAUSE_CSTP_REPLACED, 10, 10);
    rig_up_routed(&rig, &new);
    rig_down(&rig, &old, VC_DOWN_LOST, VC_CAUSE_CSTP_PEER_CLOSED, 10, 10); /* stale: nothing happens */
    rig_nothing(&rig, rig.tunnel[0]);
    rig_nothing(&rig, rig.tunnel[1]);
    (void)state;
}

static uint64_t number_of(const struct vc_event *e, enum vc_field field)
{
    for (unsigned i = 0; i < e->n_fields; i++)
        if (e->fields[i].field == field)
            return e->fields[i].number;
    fail_msg("%s is missing", vc_field_name(field));
    return 0;
}

/* The newer tunnel says UP before the older one says how much it moved. */
static void test_takeover_keeps_bytes(void **state)
{
    struct rig_grant old, new;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &old);
    rig_up_routed(&rig, &old);
    struct vc_msg counts = {.type = VC_IPC_SESSION_COUNTS,
                            .SESSION_COUNTS = {.session = s.id, .rx_bytes = 400, .tx_bytes = 5000}};
    rig_send(rig.tunnel[old.tunnel], VC_ROLE_TUNNEL, &counts, -1);
    rig_connect(&rig, 66, &s, &new);
    rig_up_routed(&rig, &new);
    rig_down(&rig, &old, VC_DOWN_REPLACED, VC_CAUSE_CSTP_REPLACED, 1000, 6000);
    rig_down(&rig, &old, VC_DOWN_REPLACED, VC_CAUSE_CSTP_REPLACED, 1000, 6000); /* counts once */
    rig_down(&rig, &new, VC_DOWN_LOGOUT, VC_CAUSE_LOGOUT, 10, 20);
    const struct vc_event *e = rig_event(&rig, VC_EVENT_SESSION_ENDED, VC_CAUSE_LOGOUT);
    assert_int_equal(number_of(e, VC_FIELD_BYTES_IN), 1010);
    assert_int_equal(number_of(e, VC_FIELD_BYTES_OUT), 6020);
    (void)state;
}

static void test_stray_tunnels_are_closed(void **state)
{
    struct rig_grant g, stray;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    stray = g;
    rig_connect(&rig, 66, &s, &g); /* a second CONNECT before the first came up */
    if (stray.tunnel != g.tunnel)
        assert_int_equal(rig_next(&rig, rig.tunnel[stray.tunnel], VC_IPC_CLOSE)->CLOSE.how, VC_CLOSE_QUIET);
    rig_up(&rig, &stray);
    const struct vc_msg *m = rig_next(&rig, rig.tunnel[stray.tunnel], VC_IPC_CLOSE);
    assert_int_equal(m->CLOSE.how, VC_CLOSE_QUIET);
    assert_int_equal(m->CLOSE.generation, stray.generation);
    rig_up_routed(&rig, &g);
    stray = (struct rig_grant){.session = 4711, .generation = 1};
    rig_up(&rig, &stray); /* of a session that nobody knows */
    m = rig_next(&rig, rig.tunnel[0], VC_IPC_CLOSE);
    assert_int_equal(m->CLOSE.session, 4711);
    assert_int_equal(m->CLOSE.how, VC_CLOSE_BYE);
    (void)state;
}

static void test_tunnel_process_dies(void **state)
{
    struct rig_grant a, b;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice"), t = rig_success(&rig, 65, "bob");
    rig_connect(&rig, 66, &s, &a);
    rig_up_routed(&rig, &a);
    rig_connect(&rig, 67, &t, &b);
    rig_up_routed(&rig, &b);
    assert_int_not_equal(a.tunnel, b.tunnel); /* the fewest sessions */
    rig_new_tunnel(&rig, a.tunnel);
    const struct vc_msg *m = rig_next(&rig, rig.tunnel[b.tunnel], VC_IPC_ROUTE);
    assert_int_equal(m->ROUTE.owner, 0xffff);
    assert_int_equal(m->ROUTE.session, s.id);
    m = rig_next(&rig, rig.tunnel[a.tunnel], VC_IPC_ROUTE); /* the fresh one hears who is where */
    assert_int_equal(m->ROUTE.owner, b.tunnel);
    assert_int_equal(m->ROUTE.session, t.id);
    struct rig_grant again;
    rig_connect(&rig, 68, &s, &again);
    assert_true(vc_ip_eq(&again.v4, &a.v4));
    rig_up_routed(&rig, &again);
    (void)state;
}

/* An answer that nobody asked for is no slip of an honest process. */
static void test_counts_that_nobody_asked_for(void **state)
{
    const struct vc_msg counts = {.type = VC_IPC_COUNTS, .COUNTS = {.query = 1}};
    open_and_start("");
    rig_send(rig.tunnel[1], VC_ROLE_TUNNEL, &counts, -1);
    const struct vc_msg *m = rig_next(&rig, rig.supervisor, VC_IPC_PLEASE);
    assert_int_equal(m->PLEASE.what, VC_PLEASE_REPLACE);
    assert_int_equal(m->PLEASE.role, VC_ROLE_TUNNEL);
    assert_int_equal(m->PLEASE.index, 1);
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_IPC_MALFORMED);
    (void)state;
}

/* ---- another life ---- */

static void test_restart_keeps_sessions(void **state)
{
    struct rig_grant a, b, again;
    open_and_start("ipv6-network = fd00:9::/64\n");
    struct rig_session s = rig_success(&rig, 64, "alice"), t = rig_success(&rig, 65, "bob");
    struct rig_session over = rig_success(&rig, 66, "bob");
    rig_connect(&rig, 67, &s, &a);
    rig_up_routed(&rig, &a);
    rig_connect(&rig, 68, &t, &b);
    rig_up_routed(&rig, &b);
    rig_logout(&rig, 69, over.token);
    rig_kill(&rig);
    rig_start(&rig);
    rig_up_routed(&rig, &a);           /* its tunnel outlived the authority, and says so */
    rig_connect(&rig, 70, &t, &again); /* this one's client comes back by itself */
    assert_true(vc_ip_eq(&again.v4, &b.v4) && vc_ip_eq(&again.v6, &b.v6));
    assert_int_equal(again.generation, b.generation + 1);
    assert_int_equal(rig_denied(&rig, 71, over.token), 401);
    struct rig_session u = rig_success(&rig, 72, "bob");
    assert_true(u.id > over.id); /* no number comes twice */
    struct rig_grant c;
    rig_connect(&rig, 73, &u, &c);
    assert_false(vc_ip_eq(&c.v4, &b.v4));
    assert_false(vc_ip_eq(&c.v4, &a.v4));
    rig_stop(&rig);
    rig_start(&rig);
    rig_connect(&rig, 74, &s, &again);
    assert_true(vc_ip_eq(&again.v4, &a.v4) && vc_ip_eq(&again.v6, &a.v6));
    (void)state;
}

static bool holds(const char *name, const uint8_t *what, size_t n)
{
    static uint8_t buf[1 << 20];
    int fd = openat(rig.state, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, buf, sizeof(buf));
    (void)close(fd);
    return len > 0 && memmem(buf, (size_t)len, what, n) != NULL;
}

static void test_no_token_on_disk(void **state)
{
    struct rig_grant g;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    rig_up_routed(&rig, &g);
    for (int i = 0; i < 2; i++) {
        const char *const names[] = {"varco.db", "varco.db-wal", "varco.db-shm", "varco.db-journal"};
        bool user = false;
        for (size_t k = 0; k < 4; k++) {
            assert_false(holds(names[k], s.token, sizeof(s.token)));
            assert_false(holds(names[k], (const uint8_t *)"secret", 6)); /* the password */
            user = user || holds(names[k], (const uint8_t *)"alice", 5);
        }
        assert_true(user); /* it is there, and we look at the right files */
        if (i == 0)
            rig_stop(&rig);
    }
    (void)state;
}

static void test_damaged_store(void **state)
{
    static uint8_t junk[8192], after[8192];
    rig_open(&rig, "");
    memset(junk, 0x5a, sizeof(junk));
    int fd = openat(rig.state, "varco.db", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
    rig_start_fails(&rig, 3);
    rig_event(&rig, VC_EVENT_PROCESS_ENDED, VC_CAUSE_STORE);
    assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
    assert_memory_equal(junk, after, sizeof(junk)); /* untouched */
    (void)close(fd);
    (void)state;
}

/* A full disk, played by a limit on the size of files. */
static void test_full_store(void **state)
{
    struct rlimit full = {4096, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    struct rig_grant g, again;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    rig_up_routed(&rig, &g);
    assert_int_equal(prlimit(rig.pid, RLIMIT_FSIZE, &full, NULL), 0);
    const struct vc_msg *m = rig_login(&rig, 66, "bob");
    assert_int_equal(m->type, VC_IPC_FORM);
    assert_int_equal(m->FORM.refuse, 1);
    assert_int_equal(m->FORM.error, VC_LOGIN_ERROR_BUSY);
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_STORE);
    rig_down(&rig, &g, VC_DOWN_LOST, VC_CAUSE_CSTP_PEER_CLOSED, 1, 1);
    rig_unrouted(&rig, s.id);
    rig_connect(&rig, 67, &s, &again); /* who is in comes back */
    assert_true(vc_ip_eq(&again.v4, &g.v4));
    rig_up_routed(&rig, &again);
    assert_int_equal(prlimit(rig.pid, RLIMIT_FSIZE, &none, NULL), 0);
    (void)rig_success(&rig, 68, "bob");
    rig_kill(&rig);
    rig_start(&rig); /* and the store is intact */
    rig_connect(&rig, 69, &s, &again);
    assert_true(vc_ip_eq(&again.v4, &g.v4));
    (void)state;
}

/* ---- control ---- */

static int control_connect(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/control", rig.dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static json_t *control_read(int fd)
{
    static char buf[65536];
    size_t len = 0;
    ssize_t n;
    while (len < sizeof(buf) && (n = recv(fd, buf + len, sizeof(buf) - len, 0)) > 0)
        len += (size_t)n;
    (void)close(fd);
    return json_loadb(buf, len, 0, NULL);
}

static int control_ask(const char *request)
{
    int fd = control_connect();
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

static json_int_t code_of(json_t *doc)
{
    json_t *code = json_object_get(doc, "code");
    assert_true(json_is_integer(code));
    json_int_t n = json_integer_value(code);
    json_decref(doc);
    return n;
}

static void test_control_shows_and_disconnects(void **state)
{
    struct rig_grant g;
    open_and_start("");
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    rig_up_routed(&rig, &g);
    int fd = control_ask("{\"command\": \"show users\"}\n");
    uint8_t counters[8 * 30] = {[7] = 3};
    for (int i = 0; i < TUNNELS; i++) {
        const struct vc_msg *q = rig_next(&rig, rig.tunnel[i], VC_IPC_COUNT);
        struct vc_msg one = {.type = VC_IPC_SESSION_COUNTS,
                             .SESSION_COUNTS = {.session = s.id, .rx_bytes = 111, .tx_bytes = 222, .mtu = 1400}};
        struct vc_msg all = {.type = VC_IPC_COUNTS,
                             .COUNTS = {.query = q->COUNT.query, .counters = {.at = counters, .len = 160}}};
        rig_send(rig.tunnel[i], VC_ROLE_TUNNEL, &one, -1);
        rig_send(rig.tunnel[i], VC_ROLE_TUNNEL, &all, -1);
    }
    json_t *doc = control_read(fd);
    json_t *user = json_array_get(json_object_get(doc, "result"), 0);
    assert_string_equal(json_string_value(json_object_get(user, "Username")), "alice");
    assert_string_equal(json_string_value(json_object_get(user, "RX")), "111");
    assert_string_equal(json_string_value(json_object_get(user, "TX")), "222");
    assert_string_equal(json_string_value(json_object_get(user, "MTU")), "1400");
    json_decref(doc);

    assert_int_equal(code_of(control_read(control_ask("{\"command\":\"disconnect user\",\"argument\":\"nobody\"}\n"))),
                     2);
    assert_int_equal(code_of(control_read(control_ask("{\"command\":\"disconnect id\",\"argument\":\"99\"}\n"))), 2);
    assert_int_equal(code_of(control_read(control_ask("{\"command\":\"disconnect user\",\"argument\":\"alice\"}\n"))),
                     0);
    const struct vc_msg *m = rig_next(&rig, rig.tunnel[g.tunnel], VC_IPC_CLOSE);
    assert_int_equal(m->CLOSE.how, VC_CLOSE_BYE);
    assert_int_equal(m->CLOSE.cause, VC_CAUSE_ADMIN);
    assert_int_equal(rig_denied(&rig, 66, s.token), 401);
    rig_down(&rig, &g, VC_DOWN_CLOSED, VC_CAUSE_ADMIN, 111, 222);
    rig_event(&rig, VC_EVENT_SESSION_ENDED, VC_CAUSE_ADMIN);
    (void)state;
}

/* A tunnel process that does not count in time holds nobody up. */
static void test_control_does_not_wait_for_ever(void **state)
{
    open_and_start("");
    json_t *doc = control_read(control_ask("{\"command\": \"show status\"}\n"));
    json_t *status = json_object_get(doc, "result");
    assert_string_equal(json_string_value(json_object_get(status, "Status")), "online");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "Varco"), "Tunnel processes")), 0);
    json_decref(doc);
    (void)state;
}

static void test_control_bad_requests(void **state)
{
    static char huge[8192];
    static const char *const bad[] = {"\n",
                                      "nonsense\n",
                                      "{}\n",
                                      "[]\n",
                                      "{\"command\": 7}\n",
                                      "{\"command\": \"show user\"}\n",
                                      "{\"command\": \"show users\", \"argument\": \"x\"}\n",
                                      "{\"command\": \"rm -rf\"}\n",
                                      "{\"command\": \"show users\", \"command\": \"stop now\"}\n",
                                      "{\"command\": \"reload\"}\n"};
    open_and_start("");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(code_of(control_read(control_ask(bad[i]))), 1);
    memset(huge, ' ', sizeof(huge) - 1);
    assert_int_equal(code_of(control_read(control_ask(huge))), 1);
    (void)state;
}

static void test_control_events(void **state)
{
    char line[8192];
    open_and_start("");
    int fd = control_ask("{\"command\": \"events\", \"json\": true}\n");
    assert_int_equal(rig_next(&rig, rig.supervisor, VC_IPC_PLEASE)->PLEASE.what, VC_PLEASE_STORY_ON);
    struct vc_event e = vc_event_of(VC_EVENT_TLS_UP, VC_OUTCOME_OK, 7, 0);
    uint8_t packed[4000];
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    vc_event_pack(&e, &w);
    const struct vc_msg story = {.type = VC_IPC_STORY, .STORY = {.event = {.at = packed, .len = vc_written(&w)}}};
    rig_send(rig.supervisor, VC_ROLE_SUPERVISOR, &story, -1);
    ssize_t n = recv(fd, line, sizeof(line) - 1, 0);
    assert_true(n > 0 && line[n - 1] == '\n');
    json_t *doc = json_loadb(line, (size_t)n, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(doc, "event")), "tls.up");
    json_decref(doc);
    (void)close(fd);
    assert_int_equal(rig_next(&rig, rig.supervisor, VC_IPC_PLEASE)->PLEASE.what, VC_PLEASE_STORY_OFF);
    (void)state;
}

/** In a process of its own, as another user: 0 when it was sent away without a word. No assert: it is not the test. */
static int try_as(uid_t uid, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char c;
    (void)vc_str_copy(vc_str_of(path), to.sun_path, sizeof(to.sun_path));
    int fd = setuid(uid) == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        return 2;
    return recv(fd, &c, 1, 0) <= 0 ? 0 : 1;
}

static void test_control_refuses_other_users(void **state)
{
    char path[128];
    int status;
    if (geteuid() != 0)
        skip();
    open_and_start("");
    (void)snprintf(path, sizeof(path), "%s/control", rig.dir);
    assert_int_equal(chmod(rig.dir, 0755), 0); /* as if somebody had widened the rights */
    assert_int_equal(chmod(path, 0777), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(try_as(64002, path));
    rig_event(&rig, VC_EVENT_CONTROL, VC_CAUSE_CONTROL_REFUSED);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)state;
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        T(test_login_and_connect),
        T(test_refused),
        T(test_dummy_is_nobodys_hash),
        T(test_many_kinds_of_hashes_are_told),
        T(test_unusable_hashes_are_not_computed),
        T(test_three_tries),
        T(test_verifier_dies),
        T(test_queue_is_bounded),
        T(test_deadlines_of_passwords),
        T(test_gone_cancels),
        T(test_second_question_replaces_the_portal),
        T(test_password_file_changes),
        T(test_limits),
        T(test_unknown_token),
        T(test_logout_voids_the_token),
        T(test_ends),
        T(test_persistent_cookies),
        T(test_cookie_expires),
        T(test_addresses_exhausted),
        T(test_the_same_user_finds_the_same_address),
        T(test_takeover),
        T(test_takeover_keeps_bytes),
        T(test_stray_tunnels_are_closed),
        T(test_tunnel_process_dies),
        T(test_counts_that_nobody_asked_for),
        T(test_restart_keeps_sessions),
        T(test_no_token_on_disk),
        T(test_damaged_store),
        T(test_full_store),
        T(test_control_shows_and_disconnects),
        T(test_control_does_not_wait_for_ever),
        T(test_control_bad_requests),
        T(test_control_events),
        T(test_control_refuses_other_users),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
