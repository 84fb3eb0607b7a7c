/* No memory at the door: the newcomer is closed and told, and its slot is free again. */
#include "gateway/portal/portal.h"

#include "table.h"

#include "sys/fdpass.h"
#include "sys/sock.h"
#include "sys/udp.h"

#include <sys/socket.h>
#include <unistd.h>

struct vc_tls_conn *__wrap_vc_tls_conn_new(struct vc_tls_server *s, struct vc_fail *fail);

struct vc_tls_conn *__wrap_vc_tls_conn_new(struct vc_tls_server *s, struct vc_fail *fail)
{
    (void)s;
    vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "TLS connection");
    return NULL;
}

static void unused(struct vc_port *port, const struct vc_msg *m, int fd)
{
    (void)port;
    (void)m;
    (void)fd;
}

static void lost(struct vc_port *port, bool malformed)
{
    (void)port;
    (void)malformed;
}

static void on_listener(struct vc_watch *w, bool readable, bool writable)
{
    (void)w;
    (void)readable;
    (void)writable;
}

static void no_memory(void **state)
{
    static struct vc_portal p;
    static struct vc_slots_part all[2];
    static const uint64_t seed[2] = {1, 2};
    struct vc_endpoint at = {.ip = {.family = VC_FAMILY_V4, .bytes = {127, 0, 0, 1}}};
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct vc_fail fail;
    int pair[2];
    (void)state;
    p.max_connections = 4;
    p.accepting = true;
    assert_int_equal(vc_loop_init(&p.child.loop), 0);
    assert_int_equal(vc_fdpass_pair(pair), 0);
    vc_port_open(&p.child.supervisor, &p.child.loop, pair[0], VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, 0, unused, lost, &p);
    vc_map_init(&p.by_id, sizeof(uint64_t), seed);
    vc_slots_init(&p.slots, all, 1, 0);
    assert_int_equal(vc_heap_reserve(&p.deadlines, p.max_connections), 0);
    p.listener = vc_sock_listen(&at, &fail);
    assert_true(p.listener >= 0);
    vc_watch_start(&p.listen_watch, &p.child.loop, p.listener, true, false, on_listener, &p);
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&ss, &len), 0);
    for (int i = 0; i < 3; i++) {
        uint8_t buf[4096], byte;
        struct vc_msg m;
        struct vc_event e;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), passed = -1;
        assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
        vc_door_accept(&p);
        assert_true(recv(fd, &byte, 1, 0) <= 0); /* closed */
        (void)close(fd);
        ssize_t n = vc_fdpass_recv(pair[1], buf, sizeof(buf), &passed);
        assert_true(n > 0);
        assert_int_equal(vc_ipc_unpack(&m, VC_ROLE_PORTAL, VC_ROLE_SUPERVISOR, buf, (size_t)n), 0);
        struct vc_reader r = vc_reader_of(m.EVENT.event.at, m.EVENT.event.len);
        vc_event_unpack(&e, &r);
        assert_true(e.id == VC_EVENT_TLS_FAILED && e.fail.cause == VC_CAUSE_NO_MEMORY);
        assert_int_equal(e.outcome, VC_OUTCOME_FAILED);
        assert_int_equal(p.slots.n_half_open, 0);
        assert_int_equal(p.by_id.n, 0);
        assert_true(p.accepting);
    }
    vc_watch_stop(&p.listen_watch);
    vc_port_close(&p.child.supervisor);
    vc_loop_deinit(&p.child.loop);
    vc_heap_deinit(&p.deadlines);
    vc_map_deinit(&p.by_id);
    (void)close(p.listener);
    (void)close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
