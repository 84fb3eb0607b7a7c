/* Tunnel processes beside each other, as one program: the kernel gives what comes over UDP to the door (0), sessions
 * live there or in the two behind it (1, 2). */
#include "gateway/tunnel/neighbours.h"

#include "datapath/live.h"
#include "proto/dtls_gateway.h"
#include "rig.h"
#include "sys/fdpass.h"

#define N 3

static struct {
    struct rig *rig;
    struct vc_neighbours n;
} at[N];

static struct vc_neighbours *of(void *owner)
{
    for (unsigned i = 0; i < N; i++) {
        if (at[i].rig == owner)
            return &at[i].n;
    }
    fail();
    return NULL;
}

static bool is_claimed(void *owner, const struct vc_udp_train *t)
{
    return vc_neighbours_claimed(of(owner), t);
}

static bool stray(void *owner, const struct vc_udp_train *t, bool hello)
{
    return vc_neighbours_stray_datagram(of(owner), t, hello);
}

static void begin_all(void)
{
    static struct vc_worker_ops ops;
    const uint64_t seed[2] = {1, 2};
    for (uint16_t i = 0; i < N; i++) {
        at[i].rig = rig_new((struct rig_options){.door = i ? at[0].rig : NULL});
        ops = *at[i].rig->w->ops;
        ops.claimed = is_claimed;
        ops.stray_datagram = stray;
        at[i].rig->w->ops = &ops;
        memset(&at[i].n, 0, sizeof(at[i].n));
        vc_neighbours_init(&at[i].n, &at[i].rig->loop, seed);
        at[i].n.self = i;
        at[i].n.worker = at[i].rig->w;
    }
    for (uint16_t i = 0; i < N; i++) {
        for (uint16_t j = (uint16_t)(i + 1); j < N; j++) {
            int pair[2];
            assert_int_equal(vc_fdpass_pair(pair), 0);
            vc_neighbours_meet(&at[i].n, j, pair[0]);
            vc_neighbours_meet(&at[j].n, i, pair[1]);
        }
    }
}

static void turn(void)
{
    for (int k = 0; k < 2; k++) {
        for (int i = N - 1; i >= 0; i--)
            rig_turn(at[i].rig);
    }
}

static void pass(uint64_t ns)
{
    uint64_t end = at[0].rig->now + ns;
    for (int i = N - 1; i >= 0; i--) {
        if (at[i].rig->now < end)
            rig_pass(at[i].rig, end - at[i].rig->now);
    }
    for (int i = 0; i < N; i++)
        vc_neighbours_tick(&at[i].n, at[i].rig->now);
    turn();
}

/** A client of a session in process @where, all neighbours told of it; its TLS connection comes from 127.0.0.@host. */
static struct client *client_at(uint16_t where, uint8_t id, uint8_t host)
{
    struct client *c = client_new(at[where].rig, RIG_13_AES128, id);
    client_terms(c, VC_DTLS_MODE_RESUME, 0x009c);
    client_udp(c, 1);
    c->s.facts.dpd_s = c->s.facts.keepalive_s = 0; /* silence ends nothing */
    c->s.tcp.peer.ip = (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {127, 0, 0, host}};
    struct vc_msg m = {.type = VC_IPC_ROUTE,
                       .ROUTE = {.owner = where,
                                 .session = id,
                                 .v4 = c->s.facts.v4,
                                 .dtls_id = {.at = c->terms.id, .len = 32},
                                 .outer = c->s.tcp.peer.ip}};
    for (int i = 0; i < N; i++)
        vc_neighbours_route(&at[i].n, &m);
    rig_start(c);
    return c;
}

static void end_all(void)
{
    struct vc_fail why;
    vc_fail_set(&why, VC_CAUSE_STOPPING, 0, "%s", "");
    for (int i = 0; i < N; i++) { /* each rig counts its fds when it goes: no other's sessions may hold some */
        struct vc_live *l;
        for (size_t k = 0; (l = vc_live_next(at[i].rig->w, &k)); k = 0)
            vc_live_close(l, NULL, &why);
    }
    pass(3 * RIG_SECOND);
    for (int i = N - 1; i >= 0; i--)
        vc_neighbours_deinit(&at[i].n);
    for (int i = N - 1; i >= 0; i--)
        rig_free(at[i].rig);
}

static bool up_arrives(struct client *c, uint8_t id)
{
    uint8_t packet[200];
    dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, id, 99, 30, 1));
    turn();
    return tun_drain(c->rig) == 1;
}

static uint64_t udp_in(unsigned i)
{
    return vc_worker_counters(at[i].rig->w)->udp_in;
}

/** A ClientHello for this client's session, from an address that may be anybody's. */
static void hello_from(const struct client *c, const struct vc_endpoint *from)
{
    struct vc_dtls_client machine;
    struct vc_dtls_out out = {0};
    uint8_t random[VC_DTLS_RANDOM] = {9}, copy[600];
    assert_int_equal(vc_dtls_client_start(&machine, &c->terms, random, 5, c->rig->now, &out, NULL), 0);
    assert_true(out.len <= sizeof(copy));
    memcpy(copy, out.datagram, out.len);
    struct vc_udp_train t = {.peer = *from, .at = copy, .len = out.len, .segment = out.len};
    vc_udp_lane_train(at[0].rig->w, &t, false);
    vc_worker_flush(at[0].rig->w);
    vc_dtls_client_wipe(&machine);
}

/* Handshake, data, an hour without a word: all through the door; it asks nobody twice. */
static void through_the_door(void **state)
{
    (void)state;
    begin_all();
    struct client *c = client_at(2, 7, 1), *here = client_at(0, 8, 1);
    dtls_handshake(c);
    dtls_handshake(here);
    assert_int_equal(at[0].n.claims.n, 1);
    assert_int_equal(vc_worker_at(at[2].rig->w, vc_live_udp_peer(vc_live_find(at[2].rig->w, 7))), VC_AT_CHANNEL);
    for (int i = 0; i < 10; i++) {
        assert_true(up_arrives(c, 7));
        assert_true(up_arrives(here, 8));
        pass(20 * RIG_SECOND); /* longer than a handshake's claim */
    }
    assert_int_equal(udp_in(1), 0);
    pass(3570 * RIG_SECOND);
    assert_int_equal(at[0].n.claims.n, 1);
    pass(20 * RIG_SECOND);
    assert_int_equal(at[0].n.claims.n, 0);
    assert_true(up_arrives(c, 7)); /* found by the address of its TLS connection */
    assert_int_equal(at[0].n.claims.n, 1);
    client_free(here);
    client_free(c);
    end_all();
}

/* A ClientHello for one session, said to come from another's address: it takes nothing, wherever its sender lives. */
static void hello_in_anothers_name(void **state)
{
    (void)state;
    for (uint8_t host = 1; host <= 99; host = (uint8_t)(host + 98)) { /* behind the same address, and elsewhere */
        begin_all();
        struct client *victim = client_at(2, 7, 1), *attacker = client_at(1, 8, host);
        uint8_t in[2048];
        dtls_handshake(victim);
        const struct vc_endpoint where = *vc_live_udp_peer(vc_live_find(at[2].rig->w, 7));
        for (int i = 0; i < 20; i++) {
            hello_from(attacker, &where);
            turn();
            assert_true(up_arrives(victim, 7));
            while (udp_get(victim, in, sizeof(in)) > 0)
                continue; /* a HelloVerifyRequest, of which the victim knows nothing */
            if (i % 4 == 0)
                pass(RIG_SECOND);
        }
        assert_int_equal(count_events(at[1].rig, VC_EVENT_DTLS_HELLO), 0);
        assert_int_equal(at[0].n.claims.n, 1);
        client_free(attacker);
        client_free(victim);
        end_all();
    }
}

/* Hellos from everywhere for one session: others begin and go on. */
static void hellos_from_everywhere(void **state)
{
    (void)state;
    begin_all();
    struct client *known = client_at(2, 7, 1), *late = client_at(2, 9, 1), *attacker = client_at(1, 8, 99);
    dtls_handshake(known);
    for (unsigned i = 0; i < 3 * VC_HINTS_MAX; i++) {
        struct vc_endpoint from = {
            .ip = {.family = VC_FAMILY_V4, .bytes = {50, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}},
            .port = 7};
        hello_from(attacker, &from);
        if (i >= 2 * VC_HINTS_MAX && i % 64 == 0) /* before that its owner is too slow to say anything */
            turn();
        assert_true(at[0].n.claims.n <= VC_HINTS_MAX + 2);
    }
    dtls_handshake(late);
    assert_true(up_arrives(late, 9));
    assert_true(up_arrives(known, 7));
    client_free(attacker);
    client_free(late);
    client_free(known);
    end_all();
}

/* The same address and port, but another session, in another process: with a cookie, and the one before is not in the
 * way. */
static void address_changes_hands(void **state)
{
    (void)state;
    for (uint16_t before = 0; before < 2; before++) {
        begin_all();
        struct client *first = client_at(before, 7, 1), *second = client_at(2, 8, 1);
        dtls_handshake(first);
        assert_true(up_arrives(first, 7));
        (void)close(second->udp);
        second->udp = first->udp;
        first->udp = -1;
        dtls_handshake(second);
        assert_true(up_arrives(second, 8));
        assert_int_equal(count_events(at[2].rig, VC_EVENT_DTLS_COOKIE), 1);
        client_free(second);
        client_free(first);
        end_all();
    }
}

/* NAT gave the client another port: its records find it behind the door, from its own IP address only. */
static void another_port(void **state)
{
    (void)state;
    begin_all();
    struct client *c = client_at(2, 7, 1), *beside = client_at(1, 8, 1), *far = client_at(1, 9, 99);
    uint8_t got[2048];
    size_t len;
    dtls_handshake(c);
    dtls_handshake(beside);
    pass(3 * RIG_SECOND);
    int home = c->udp;
    c->udp = -1;
    client_udp(c, 3);
    uint64_t two = udp_in(2);
    assert_false(up_arrives(c, 7)); /* nobody has a session from there */
    assert_int_equal(udp_in(2), two);
    client_udp(c, 1);
    assert_true(up_arrives(c, 7));
    bool asked = false;
    while ((len = dtls_recv(c, got, NULL)) > 0)
        asked = asked || (len == 1 && got[0] == VC_CSTP_DPD_REQ);
    assert_true(asked);
    assert_int_equal(vc_worker_counters(at[2].rig->w)->moved_peer, 0);
    dtls_send(c, VC_CSTP_DPD_RESP, "", 0);
    turn();
    assert_int_equal(vc_worker_counters(at[2].rig->w)->moved_peer, 1);
    assert_true(up_arrives(c, 7));
    assert_true(up_arrives(beside, 8));
    (void)close(home);
    client_free(far);
    client_free(beside);
    client_free(c);
    end_all();
}

/* A neighbour died: what it claimed is nobody's, and what its session became elsewhere is found there. */
static void successor(void **state)
{
    (void)state;
    begin_all();
    struct client *c = client_at(2, 7, 1);
    int pair[2];
    dtls_handshake(c);
    assert_int_equal(at[0].n.claims.n, 1);
    assert_int_equal(vc_fdpass_pair(pair), 0);
    vc_neighbours_meet(&at[0].n, 2, pair[0]);
    assert_int_equal(at[0].n.claims.n, 0);
    (void)close(pair[1]);
    turn();
    client_free(c);
    end_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(through_the_door),       cmocka_unit_test(hello_in_anothers_name),
        cmocka_unit_test(hellos_from_everywhere), cmocka_unit_test(address_changes_hands),
        cmocka_unit_test(another_port),           cmocka_unit_test(successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
