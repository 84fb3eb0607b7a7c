/* Addresses through a whole worker: hellos from elsewhere, ports that change, copies, crowds, strangers. */
#include "dtls_rig.h"
#include "proto/dtls_gateway.h"

/* From an address that is not the session's: a HelloVerifyRequest, not longer than what came, and no state. */
static void hello_from_elsewhere(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODES; k++) {
        for (uint8_t cookie = 0; cookie < 2; cookie++) {
            struct rig *r = rig_new((struct rig_options){.dtls_cookie = cookie});
            struct client *c = client_of(r, k, 7);
            uint8_t in[2048];
            rig_start(c);
            dtls_handshake(c); /* with a HelloVerifyRequest where the configuration says so */
            struct vc_dtls_done before = c->keys;
            int home = c->udp;
            c->udp = -1;
            client_udp(c, 2);
            dtls_hello(c);
            rig_turn(r);
            size_t n = udp_get(c, in, sizeof(in));
            assert_case(modes[k].name, n == VC_DTLS_HELLO_VERIFY_LEN);
            assert_int_equal(in[13], VC_DTLS_HELLO_VERIFY_REQUEST);
            assert_int_equal(udp_get(c, in, sizeof(in)), 0);
            rig_pass(r, 30 * RIG_SECOND); /* nothing is repeated: nothing is kept */
            assert_int_equal(udp_get(c, in, sizeof(in)), 0);
            int elsewhere = c->udp;
            struct vc_dtls_done half = c->keys;
            c->udp = home;
            c->keys = before;
            while (udp_get(c, in, sizeof(in)) > 0)
                continue; /* DPD */
            assert_true(up_arrives(c, 7));
            assert_int_equal(down(c, 7), BY_DTLS); /* the channel is where it was */
            (void)close(home);
            c->udp = elsewhere;
            c->keys = half;
            dtls_handshake(c); /* whoever hears at that address moves the channel there */
            assert_true(up_arrives(c, 7));
            assert_int_equal(down(c, 7), BY_DTLS);
            client_free(c);
            rig_free(r);
        }
    }
}

/** What came to the client at its present socket: whether a question was among it, which it answers where @reply. */
static bool asked(struct client *c, bool reply)
{
    uint8_t got[2048];
    bool yes = false;
    for (size_t len; (len = dtls_recv(c, got, NULL)) > 0;)
        yes = yes || (len == 1 && got[0] == VC_CSTP_DPD_REQ);
    if (yes && reply)
        dtls_send(c, VC_CSTP_DPD_RESP, "", 0);
    return yes;
}

static uint64_t moves(const struct rig *r)
{
    return vc_worker_counters(r->w)->moved_peer;
}

/* NAT gave the client another port: an authentic record newer than all is taken, and the answer to what is asked there
 * moves it, nothing else does. */
static void rebinding(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODES; k++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_of(r, k, 7), *beside = client_of(r, k, 8);
        uint8_t packet[200], old[300], newer[600];
        rig_start(c);
        rig_start(beside);
        dtls_handshake(c);
        dtls_handshake(beside);
        rig_pass(r, 3 * RIG_SECOND);
        size_t n = packet_of(packet, 7, 99, 40, 3);
        size_t old_len = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, old, sizeof(old));
        assert_true(up_arrives(c, 7));
        int first = c->udp;
        c->udp = -1;
        client_udp(c, 1);
        udp_put(c, old, old_len); /* authentic, and held back by somebody: older than the newest */
        rig_turn(r);
        assert_false(asked(c, false));
        size_t len = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, newer, sizeof(newer));
        newer[len - 1] ^= 1;
        udp_put(c, newer, len);
        rig_turn(r);
        assert_false(asked(c, false));
        newer[len - 1] ^= 1;
        (void)tun_drain(r);
        len += dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, newer + len, sizeof(newer) - len);
        udp_put(c, newer, len); /* two records in one datagram: both count */
        rig_turn(r);
        assert_int_equal(tun_drain(r), 2);
        assert_int_equal(moves(r), 0);
        assert_true(asked(c, true));
        assert_case(modes[k].name, moves(r) == 1);
        assert_int_equal(down(c, 7), BY_DTLS);
        assert_int_equal(count_events(r, VC_EVENT_DTLS_MOVED), 1);
        assert_int_equal(down(beside, 8), BY_DTLS);
        /* not twice within 2 s, and not to another IP address */
        int second = c->udp;
        c->udp = first;
        dtls_send(c, VC_CSTP_DATA, packet, n);
        assert_false(asked(c, true));
        assert_int_equal(moves(r), 1);
        c->udp = second;
        rig_pass(r, 3 * RIG_SECOND);
        c->udp = -1;
        client_udp(c, 2);
        dtls_send(c, VC_CSTP_DATA, packet, n);
        assert_false(asked(c, true));
        assert_int_equal(moves(r), 1);
        (void)close(c->udp);
        c->udp = second;
        (void)asked(c, false);
        assert_int_equal(down(c, 7), BY_DTLS);
        c->udp = first; /* and back, where it was before */
        dtls_send(c, VC_CSTP_DATA, packet, n);
        assert_true(asked(c, true));
        assert_int_equal(moves(r), 2);
        assert_int_equal(down(c, 7), BY_DTLS);
        (void)close(second);
        client_free(c);
        client_free(beside);
        rig_free(r);
    }
}

/* More sessions behind one address than a datagram is tried on: the next ones are tried on the others. */
static void rebinding_in_a_crowd(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c[30];
    (void)state;
    for (uint8_t i = 0; i < 30; i++) {
        c[i] = client_of(r, i % N_MODES, (uint8_t)(10 + i));
        rig_start(c[i]);
        dtls_handshake(c[i]);
    }
    rig_pass(r, 3 * RIG_SECOND);
    for (uint8_t i = 0; i < 30; i++) {
        unsigned tries = 0;
        client_udp(c[i], 1);
        while (!up_arrives(c[i], (uint8_t)(10 + i)))
            assert_true(++tries <= 4);
        assert_true(asked(c[i], true));
        assert_int_equal(moves(r), i + 1);
        rig_pass(r, RIG_SECOND + 1);
    }
    for (uint8_t i = 0; i < 30; i++)
        client_free(c[i]);
    rig_free(r);
}

/* Somebody behind the client's own public address copies its records and is faster than they: what is copied arrives,
 * once, and the path stays where it is. */
static void copied(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t packet[200], record[300], got[2048];
    (void)state;
    rig_start(c);
    dtls_handshake(c);
    rig_pass(r, 3 * RIG_SECOND);
    assert_true(up_arrives(c, 7));
    (void)asked(c, true);
    int home = c->udp;
    c->udp = -1;
    client_udp(c, 1);
    int elsewhere = c->udp;
    size_t n = packet_of(packet, 7, 99, 40, 3), brought = 0, got_there = 0;
    for (int i = 0; i < 200; i++) {
        bool answer = i == 122; /* to what the session itself asked at home */
        c->udp = elsewhere;
        size_t len = dtls_seal(c, VC_DTLS_DATA, answer ? VC_CSTP_DPD_RESP : VC_CSTP_DATA, packet, answer ? 0 : n,
                               record, sizeof(record));
        udp_put(c, record, len);
        brought += len;
        rig_turn(r);
        c->udp = home;
        udp_put(c, record, len);
        rig_turn(r);
        assert_int_equal(tun_drain(r), answer ? 0 : 1);
        assert_int_equal(down(c, 7), BY_DTLS);
        c->udp = elsewhere;
        for (size_t k; (k = udp_get(c, got, sizeof(got))) > 0;)
            got_there += k;
        assert_true(got_there <= brought);
        c->udp = home;
        if (i == 120) {
            rig_pass(r, 31 * RIG_SECOND);
            assert_true(asked(c, false));
        } else if (i % 10 == 0) {
            rig_pass(r, RIG_SECOND / 5);
        }
    }
    assert_true(got_there > 0);
    assert_int_equal(moves(r), 0);
    assert_int_equal(count_events(r, VC_EVENT_DTLS_MOVED), 0);
    (void)close(elsewhere);
    client_free(c);
    rig_free(r);
}

/* Somebody floods the port from elsewhere: channels that are up lose nothing, new and moving ones get in. */
static void flood_of_strangers(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 1, 7), *late = client_of(r, 2, 8), *flood = client_of(r, 0, 9);
    uint8_t junk[100] = {23, 0xfe, 0xfd, 0, 1, [12] = 87};
    (void)state;
    rig_start(c);
    rig_start(late);
    dtls_handshake(c);
    client_udp(flood, 3);
    for (int i = 0; i < 2000; i++) {
        junk[20] = (uint8_t)i;
        udp_put(flood, junk, sizeof(junk));
        if (i % 3 == 0) {
            flood->terms.id[5] = (uint8_t)i;
            dtls_hello(flood);
        }
        if (i % 20 == 0) {
            rig_turn(r);
            assert_true(up_arrives(c, 7));
        }
    }
    assert_true(r->n_asked > 100);
    assert_int_equal(r->n_stray_hellos + r->n_stray_sealed, 100); /* of one source, in a second */
    dtls_handshake(late);
    assert_int_equal(down(late, 8), BY_DTLS);
    rig_pass(r, RIG_SECOND / 2);
    for (int i = 0; i < 200; i++)
        udp_put(flood, junk, sizeof(junk));
    (void)close(c->udp);
    c->udp = -1;
    client_udp(c, 1);
    rig_turn(r);
    assert_true(up_arrives(c, 7)); /* moves, in spite of the flood */
    assert_true(asked(c, true));
    assert_int_equal(vc_worker_counters(r->w)->moved_peer, 1);
    client_free(c);
    client_free(late);
    client_free(flood);
    rig_free(r);
}

/* A neighbour had this address; the hello that comes from it now is for us, or for whom it names. */
static void claimed_address(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_of(r, 0, 7);
    uint8_t packet[200];
    (void)state;
    rig_start(c);
    r->claims = true;
    dtls_handshake(c);
    assert_int_equal(r->n_asked, 0);
    assert_int_equal(down(c, 7), BY_DTLS);
    (void)close(c->udp);
    c->udp = -1;
    client_udp(c, 1);
    dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 30, 1));
    assert_int_equal(r->n_asked, 1); /* not ours while a neighbour says so */
    assert_int_equal(vc_worker_counters(r->w)->moved_peer, 0);
    client_free(c);
    rig_free(r);
}

/* Cookies: good for an hour and the next, from one address; under load everybody needs one. */
static void cookies(void **state)
{
    (void)state;
    for (unsigned hours = 0; hours < 3; hours++) {
        struct rig *r = rig_new((struct rig_options){.dtls_cookie = 1});
        struct client *c = client_of(r, 0, 7);
        uint8_t in[2048];
        struct vc_dtls_out out = {0};
        struct vc_fail fail;
        c->s.facts.dpd_s = c->s.facts.keepalive_s = 0;
        rig_start(c);
        dtls_hello(c);
        rig_turn(r);
        size_t n = udp_get(c, in, sizeof(in));
        assert_int_equal(vc_dtls_client_datagram(&c->handshake, in, n, r->now, &out, &c->keys, &fail), 0);
        rig_pass(r, hours * (3600 * RIG_SECOND));
        udp_put(c, out.datagram, out.len);
        rig_turn(r);
        assert_true(udp_get(c, in, sizeof(in)) > 13);
        assert_int_equal(in[13], hours < 2 ? VC_DTLS_SERVER_HELLO : VC_DTLS_HELLO_VERIFY_REQUEST);
        client_free(c);
        rig_free(r);
    }
    struct rig *r = rig_new((struct rig_options){0});
    struct client *many[60];
    uint8_t in[2048];
    unsigned at_once = 0, asked = 0;
    for (uint8_t i = 0; i < 60; i++) {
        many[i] = client_of(r, 0, (uint8_t)(10 + i));
        rig_start(many[i]);
    }
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 60; i++) {
            dtls_hello(many[i]);
            rig_turn(r);
            while (udp_get(many[i], in, sizeof(in)) > 0) {
                at_once += in[13] == VC_DTLS_SERVER_HELLO;
                asked += in[13] == VC_DTLS_HELLO_VERIFY_REQUEST;
            }
        }
    }
    assert_int_equal(at_once, 200);
    assert_int_equal(asked, 40);
    for (int i = 0; i < 60; i++)
        client_free(many[i]);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_from_elsewhere),
        cmocka_unit_test(rebinding),
        cmocka_unit_test(rebinding_in_a_crowd),
        cmocka_unit_test(copied),
        cmocka_unit_test(flood_of_strangers),
        cmocka_unit_test(claimed_address),
        cmocka_unit_test(cookies),
    };
    return cmocka_run_group_tests_name("datapath/udp_paths", tests, NULL, NULL);
}
