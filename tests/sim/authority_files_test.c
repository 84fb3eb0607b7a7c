/* Settings of groups and users: who waits for them, what comes in the meantime. */
#include "authority_rig.h"

#include "proto/login_gateway.h"
#include "sys/file.h"

#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;

static void open_and_start(void)
{
    rig_open(&rig, "config-per-user = /users\nconfig-per-group = /groups\n");
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

/** The supervisor is asked for the files of @user. Returns the query. */
static uint64_t asked_for(const char *group, const char *user)
{
    const struct vc_msg *m = rig_next(&rig, rig.supervisor, VC_IPC_FILES);
    assert_true(vc_str_eq(m->FILES.user, vc_str_of(user)));
    assert_true(vc_str_eq(m->FILES.group, vc_str_of(group)));
    assert_int_equal(m->FILES.vhost.len, 0);
    return m->FILES.query;
}

static void give(uint64_t query, const char *path, const char *text)
{
    struct vc_fail fail;
    const struct vc_msg m = {.type = VC_IPC_FILE, .FILE = {.query = query, .path = vc_str_of(path)}};
    int fd = vc_file_memory("settings", text, strlen(text), &fail);
    assert_true(fd >= 0);
    rig_send(rig.supervisor, VC_ROLE_SUPERVISOR, &m, fd);
    (void)close(fd);
}

static void that_was_all(uint64_t query, enum vc_cause cause)
{
    const struct vc_msg m = {
        .type = VC_IPC_FILES_END,
        .FILES_END = {.query = query, .cause = (uint16_t)cause, .detail = VC_STR("/users/x: no regular file")}};
    rig_send(rig.supervisor, VC_ROLE_SUPERVISOR, &m, -1);
}

/** A password that is right: the files are asked for. Returns the query. */
static uint64_t right_password(uint64_t conn, const char *user)
{
    char hash[512];
    uint64_t job = rig_answer(&rig, conn, rig_init(&rig, conn), user, "secret", hash);
    rig_verdict(&rig, job, true);
    return asked_for("", user);
}

static struct rig_session logged_in(uint64_t conn, const char *user)
{
    struct rig_session s;
    that_was_all(right_password(conn, user), VC_CAUSE_NONE);
    const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_SUCCESS);
    s.id = m->SUCCESS.session;
    memcpy(s.token, m->SUCCESS.token.at, sizeof(s.token));
    return s;
}

static void refused(enum vc_login_error error)
{
    const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_FORM);
    assert_true(m->FORM.refuse && m->FORM.error == error);
}

static void test_what_they_say_holds(void **state)
{
    (void)state;
    open_and_start();
    struct rig_session s = logged_in(64, "alice");
    rig_ask_connect(&rig, 65, s.token);
    uint64_t query = asked_for("", "alice");
    rig_nothing(&rig, rig.portal);
    give(query, "/groups/x", "dpd = 41\ndns = 10.9.9.1\n");
    give(query, "/users/alice", "dpd = 42\n");
    that_was_all(query, VC_CAUSE_NONE);
    const struct vc_msg *m = rig_next(&rig, rig.portal, VC_IPC_GRANT);
    char head[16384];
    assert_true(vc_str_copy((struct vc_str){(const char *)m->GRANT.head.at, m->GRANT.head.len}, head, sizeof(head)));
    assert_non_null(strstr(head, "X-CSTP-DPD: 42\r\n"));
    assert_non_null(strstr(head, "X-CSTP-DNS: 10.9.9.1\r\n"));
    rig_stop(&rig);
}

/* Whatever of them cannot be read: nobody gets in with other settings than meant. */
static void test_what_cannot_be_read_refuses(void **state)
{
    (void)state;
    open_and_start();
    that_was_all(right_password(64, "alice"), VC_CAUSE_USER_FILE);
    refused(VC_LOGIN_ERROR_SETTINGS);
    (void)rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_USER_FILE);
    uint64_t query = right_password(65, "alice");
    give(query, "/groups/x", "dpd = soon\n");
    give(query, "/users/alice", "dpd = 42\n");
    that_was_all(query, VC_CAUSE_NONE);
    refused(VC_LOGIN_ERROR_SETTINGS);
    query = right_password(66, "alice");
    for (int i = 0; i < 3; i++) /* one more than there can be */
        give(query, "/users/alice", "dpd = 42\n");
    that_was_all(query, VC_CAUSE_NONE);
    refused(VC_LOGIN_ERROR_SETTINGS);
    (void)logged_in(67, "alice");
    rig_stop(&rig);
}

static void test_who_leaves_meanwhile_gets_nothing(void **state)
{
    const struct vc_msg gone = {.type = VC_IPC_GONE, .GONE = {.conn = 64}};
    (void)state;
    open_and_start();
    uint64_t query = right_password(64, "alice");
    rig_send(rig.portal, VC_ROLE_PORTAL, &gone, -1);
    rig_nothing(&rig, rig.portal);
    give(query, "/users/alice", "dpd = 42\n");
    that_was_all(query, VC_CAUSE_NONE);
    rig_nothing(&rig, rig.portal);
    struct rig_session s = logged_in(65, "alice");
    rig_ask_connect(&rig, 64, s.token);
    query = asked_for("", "alice");
    rig_send(rig.portal, VC_ROLE_PORTAL, &gone, -1);
    rig_nothing(&rig, rig.portal);
    that_was_all(query, VC_CAUSE_NONE);
    rig_nothing(&rig, rig.portal);
    rig_nothing(&rig, rig.tunnel[0]);
    rig_nothing(&rig, rig.tunnel[1]);
    rig_stop(&rig);
}

static void test_a_session_that_ends_meanwhile(void **state)
{
    (void)state;
    open_and_start();
    struct rig_session s = logged_in(64, "alice");
    rig_ask_connect(&rig, 65, s.token);
    uint64_t query = asked_for("", "alice");
    rig_logout(&rig, 66, s.token);
    that_was_all(query, VC_CAUSE_NONE);
    assert_int_equal(rig_next(&rig, rig.portal, VC_IPC_DENY)->DENY.status, 401);
    rig_stop(&rig);
}

static void test_one_question_at_a_time(void **state)
{
    (void)state;
    open_and_start();
    struct rig_session s = logged_in(64, "alice");
    rig_ask_connect(&rig, 65, s.token);
    (void)asked_for("", "alice");
    rig_ask_connect(&rig, 65, s.token);
    const struct vc_msg *m = rig_next(&rig, rig.supervisor, VC_IPC_PLEASE);
    assert_int_equal(m->PLEASE.what, VC_PLEASE_REPLACE);
    assert_int_equal(m->PLEASE.role, VC_ROLE_PORTAL);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_what_they_say_holds, end),
        cmocka_unit_test_teardown(test_what_cannot_be_read_refuses, end),
        cmocka_unit_test_teardown(test_who_leaves_meanwhile_gets_nothing, end),
        cmocka_unit_test_teardown(test_a_session_that_ends_meanwhile, end),
        cmocka_unit_test_teardown(test_one_question_at_a_time, end),
    };
    return cmocka_run_group_tests_name("sim/authority_files", tests, NULL, NULL);
}
