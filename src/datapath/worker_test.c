/* Sessions of a worker: they replace each other, come and go in any state, and leave nothing behind. */
#include "faults.h"
#include "rig.h"

static struct client *fresh(struct rig *r, uint8_t id, uint32_t generation, bool dtls)
{
    struct client *c = client_new(r, (enum rig_kind)((id + generation) % RIG_N_KINDS), id);
    c->s.facts.generation = generation;
    if (dtls) {
        client_terms(c, id % 2 ? VC_DTLS_MODE_RESUME : VC_DTLS_MODE_PSK, id % 2 ? 0x009d : 0);
        client_udp(c, 1);
    }
    return c;
}

/* A newer connection of the session: the older one ends with close_notify and FIN, without DISCONNECT; told once. */
static void takeover(void **state)
{
    (void)state;
    for (int dtls = 0; dtls < 2; dtls++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *before = NULL;
        uint8_t packet[200];
        for (uint32_t g = 1; g <= 5; g++) {
            struct client *c = fresh(r, 7, g, dtls);
            struct vc_live *l = rig_start(c);
            assert_int_equal(vc_live_session(l)->facts.generation, g);
            assert_int_equal(vc_worker_sessions(r->w), 1);
            if (before) {
                assert_int_equal(r->n_told, 1);
                assert_int_equal(r->told[0].generation, g - 1);
                assert_int_equal(r->told[0].how, VC_LIVE_CLOSED);
                assert_int_equal(r->told[0].cause, VC_CAUSE_CSTP_REPLACED);
                r->n_told = 0;
                rig_turn(r);
                size_t n = packet_of(packet, 7, 99, 20, 1);
                if (dtls) { /* its old channel is no way in any more */
                    dtls_send(before, VC_CSTP_DATA, packet, n);
                    dtls_hello(before);
                    rig_turn(r);
                }
                send_frame(before, VC_CSTP_DATA, packet, n);
                assert_int_equal(tun_drain(r), 0);
                expect_alert(before, 1, 0);
                expect_end(before);
                client_free(before);
            }
            if (dtls)
                dtls_handshake(c);
            size_t n = packet_of(packet, 7, 99, 20, 1);
            send_frame(c, VC_CSTP_DATA, packet, n);
            assert_int_equal(tun_drain(r), 1);
            before = c;
        }
        client_free(before);
        rig_free(r);
    }
}

/* The same client comes back from the same UDP port, with another session id of DTLS. */
static void takeover_at_one_port(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *one = fresh(r, 7, 1, true), *two = fresh(r, 7, 2, true), *other = fresh(r, 9, 1, true);
    uint8_t packet[200], plain[300];
    (void)state;
    rig_start(one);
    dtls_handshake(one);
    rig_start(two);
    while (udp_get(one, plain, sizeof(plain)) > 0)
        continue; /* close_notify */
    (void)close(two->udp);
    two->udp = dup(one->udp);
    dtls_handshake(two);
    dtls_send(two, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 20, 1));
    assert_int_equal(tun_drain(r), 1);
    /* and another session of the same host: one port, whoever shook hands last; that it hears us, it shows first */
    rig_start(other);
    (void)close(other->udp);
    other->udp = dup(one->udp);
    dtls_handshake(other);
    dtls_send(other, VC_CSTP_DATA, packet, packet_of(packet, 9, 99, 20, 1));
    assert_int_equal(tun_drain(r), 1);
    struct vc_fail why = {.cause = VC_CAUSE_ADMIN};
    vc_live_close(vc_live_find(r->w, 7), NULL, &why); /* what it had at this address is not its any more */
    rig_turn(r);
    dtls_send(other, VC_CSTP_DATA, packet, packet_of(packet, 9, 99, 20, 1));
    assert_int_equal(tun_drain(r), 1);
    client_free(one);
    client_free(two);
    client_free(other);
    rig_free(r);
}

/* Two sessions with one address: the newest has it, and keeps it when the other ends. */
static void one_address(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *one = fresh(r, 7, 1, false), *two = fresh(r, 8, 1, false);
    struct vc_fail why = {.cause = VC_CAUSE_ADMIN};
    uint8_t packet[200];
    (void)state;
    rig_start(one);
    two->s.facts.v4 = (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {10, 0, 0, 7}};
    rig_start(two);
    size_t n = packet_of(packet, 7, 99, 20, 1);
    send_frame(one, VC_CSTP_DATA, packet, n);
    assert_int_equal(tun_drain(r), 0);
    send_frame(two, VC_CSTP_DATA, packet, n);
    assert_int_equal(tun_drain(r), 1);
    vc_live_close(vc_live_find(r->w, 7), NULL, &why);
    send_frame(two, VC_CSTP_DATA, packet, n);
    assert_int_equal(tun_drain(r), 1);
    client_free(one);
    client_free(two);
    rig_free(r);
}

/* What cannot be taken up stays the caller's, as it was. */
static void not_taken(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *many[VC_WORKER_V6_LENS + 1];
    struct vc_fail fail = {0};
    (void)state;
    for (uint8_t i = 0; i <= VC_WORKER_V6_LENS; i++) { /* more prefix lengths than there are places */
        many[i] = fresh(r, (uint8_t)(10 + i), 1, false);
        many[i]->s.facts.v6_len = (uint8_t)(128 - i);
        many[i]->s.facts.v6.bytes[1] = i;
        if (i < VC_WORKER_V6_LENS) {
            rig_start(many[i]);
            continue;
        }
        assert_int_equal(try_start(many[i], NULL, NULL, &fail), -1);
        assert_int_equal(many[i]->s.facts.id, 10 + i);
        assert_int_not_equal(many[i]->s.tcp.kind, VC_CHANNEL_NONE);
        assert_null(vc_live_find(r->w, 10 + i));
    }
    rig_pass(r, 40 * RIG_SECOND);
    assert_int_equal(r->n_told, 0);
    struct vc_fail why = {.cause = VC_CAUSE_ADMIN};
    for (uint8_t i = 0; i < VC_WORKER_V6_LENS; i++)
        vc_live_close(vc_live_find(r->w, (uint64_t)(10 + i)), NULL, &why);
    (void)close(many[VC_WORKER_V6_LENS]->fd);
    rig_start(many[VC_WORKER_V6_LENS]); /* nobody has any of them now */
    for (uint8_t i = 0; i <= VC_WORKER_V6_LENS; i++)
        client_free(many[i]);
    rig_free(r);
}

/** What `next` does where the @nth allocation fails, beside @n_others. Returns whether it failed. */
static bool without_memory(unsigned nth, uint8_t n_others)
{
    static const uint8_t master[48], random[32];
    uint8_t packet[200];
    struct rig *r = rig_new((struct rig_options){0});
    struct client *before = fresh(r, 7, 1, true), *beside = fresh(r, 8, 1, true), *next = fresh(r, 7, 2, true);
    struct client *others[64];
    struct vc_channel *udp = &next->s.udp;
    struct vc_fail fail = {0};
    rig_start(before);
    dtls_handshake(before);
    rig_start(beside);
    for (uint8_t i = 0; i < n_others; i++)
        rig_start(others[i] = fresh(r, (uint8_t)(100 + i), 1, false));
    next->s.facts.v4 = (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {10, 0, 0, 8}}; /* of who is beside it */
    udp->kind = VC_CHANNEL_DTLS_1_2;
    udp->peer = *vc_live_udp_peer(vc_live_find(r->w, 7));
    assert_int_equal(
        vc_dtls_derive(VC_AEAD_AES_128_GCM, VC_HASH_SHA256, master, random, random, &udp->dtls.in, &udp->dtls.out), 0);
    fault_alloc = nth;
    int taken = try_start(next, NULL, NULL, &fail);
    bool failed = fault_alloc == 0;
    fault_alloc = 0;
    assert_true(taken == 0 || failed);
    if (taken != 0) {
        assert_int_equal(fail.cause, VC_CAUSE_NO_MEMORY);
        assert_int_equal(next->s.facts.id, 7);
        assert_int_equal(udp->kind, VC_CHANNEL_DTLS_1_2);
        assert_int_equal(r->n_told, 0);
        assert_int_equal(vc_live_session(vc_live_find(r->w, 7))->facts.generation, 1);
        dtls_send(before, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 20, 1));
        send_frame(before, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 20, 1));
        send_frame(beside, VC_CSTP_DATA, packet, packet_of(packet, 8, 99, 20, 1));
        assert_int_equal(tun_drain(r), 3);
        dtls_handshake(before); /* its id still leads to it */
    } else {
        assert_int_equal(r->told[0].cause, VC_CAUSE_CSTP_REPLACED);
    }
    client_free(before);
    client_free(beside);
    client_free(next);
    for (uint8_t i = 0; i < n_others; i++)
        client_free(others[i]);
    rig_free(r);
    return failed;
}

/* No memory at any moment of taking up a session: the one before goes on, and so does who has its address. */
static void not_taken_without_memory(void **state)
{
    (void)state;
    for (const uint8_t *n = (const uint8_t[]){0, 10, 62, 255}; *n < 255; n++) { /* tables that grow, and the heap */
        unsigned nth = 1;
        while (without_memory(nth, *n))
            nth++;
        assert_true(nth > 5); /* the session and its four keys, at least */
    }
}

/* The worker goes while its sessions are in every state; nobody hears of an end. */
static void freed_in_any_state(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c[6];
    struct vc_fail why = {.cause = VC_CAUSE_ADMIN};
    uint8_t packet[1400];
    (void)state;
    for (uint8_t i = 0; i < 6; i++) {
        c[i] = fresh(r, (uint8_t)(7 + i), 1, true);
        rig_start(c[i]);
    }
    dtls_handshake(c[1]);
    dtls_hello(c[2]); /* pending */
    dtls_handshake(c[3]);
    dtls_hello(c[3]); /* pending beside keys */
    rig_turn(r);
    for (int i = 0; i < 600; i++) { /* a queue that the client does not take */
        tun_put(r, packet, packet_of(packet, 99, 11, 1300, 1));
        if (i % 8 == 7)
            rig_turn(r);
    }
    vc_live_close(vc_live_find(r->w, 12), "Bye", &why); /* closing */
    r->n_told = 0;
    tun_put(r, packet, packet_of(packet, 99, 8, 1300, 1));
    vc_worker_free(r->w);
    assert_int_equal(r->n_told, 0);
    r->w = NULL;
    for (int i = 0; i < 6; i++)
        client_free(c[i]);
    rig_free(r);
}

/* Come and go in any order, with anything on the wire; only sanitizers and counts say what was wrong. */
static void soup(void **state)
{
    uint64_t seed = 0x5eed5eed5eed5eedULL;
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct rig *r = rig_new((struct rig_options){.offloads = round ? VC_TUN_TSO4 | VC_TUN_TSO6 | VC_TUN_USO : 0,
                                                     .dtls_cookie = (uint8_t)round});
        struct client *all[8] = {0};
        uint32_t generation = 0;
        uint8_t packet[1500], junk[1500];
        printf("seed %llx\n", (unsigned long long)seed);
        for (int step = 0; step < 4000; step++) {
            size_t i = test_random(&seed) % 8;
            uint8_t id = (uint8_t)(10 + i);
            uint64_t what = test_random(&seed) % 24;
            struct client *c = all[i];
            if (!c || what == 0) { /* a new one, or a newer one in its place */
                struct client *n = fresh(r, id, ++generation, test_random(&seed) % 4 != 0);
                n->s.facts.idle_s = test_random(&seed) % 3 ? 0 : 50;
                n->s.facts.key_update_s = test_random(&seed) % 2 ? 0 : 7;
                rig_start(n);
                if (c)
                    client_free(c);
                all[i] = n;
                continue;
            }
            size_t n =
                packet_of(packet, id, (uint8_t)(10 + test_random(&seed) % 9), test_random(&seed) % 1300, (uint8_t)step);
            switch (what) {
            case 1:
                client_free(c);
                all[i] = NULL;
                break;
            case 2:
                if (vc_live_find(r->w, id)) {
                    struct vc_fail why = {.cause = VC_CAUSE_ADMIN};
                    vc_live_close(vc_live_find(r->w, id), step % 2 ? "Bye" : NULL, &why);
                }
                break;
            case 3:
                for (size_t k = 0; k < sizeof(junk); k++)
                    junk[k] = (uint8_t)test_random(&seed);
                send_all(c, junk, test_random(&seed) % 64);
                break;
            case 4:
                if (c->udp >= 0)
                    dtls_hello(c);
                break;
            case 5:
            case 6:
            case 7:
                if (c->udp >= 0)
                    (void)dtls_step(c, test_random(&seed) % 8 != 0);
                break;
            case 8:
            case 9:
            case 10:
                if (c->udp >= 0 && c->keys.send.alg != VC_AEAD_NONE)
                    dtls_send(c, (uint8_t)(test_random(&seed) % 10), packet, n);
                break;
            case 11:
                if (c->udp >= 0)
                    client_udp(c, (uint8_t)(1 + test_random(&seed) % 3));
                break;
            case 12:
                rig_pass(r, test_random(&seed) % (20 * RIG_SECOND));
                break;
            case 13:
                send_frame(c, (uint8_t)(test_random(&seed) % 12), packet, n);
                break;
            case 14:
                if (c->out.version == VC_TLS_1_3) {
                    send_record(c, VC_TLS_HANDSHAKE, step % 2 ? "\x18\0\0\x01\x01" : "\x18\0\0\x01\0", 5);
                    assert_int_equal(vc_tls_key_update(&c->out), 0);
                }
                break;
            case 15:
                if (!c->eof)
                    client_read(c);
                break;
            case 16:
                (void)shutdown(c->fd, test_random(&seed) % 2 ? SHUT_RD : SHUT_WR);
                break;
            case 17:
            case 18:
                tun_put(r, packet, packet_of(packet, 99, id, test_random(&seed) % 1450, (uint8_t)step));
                break;
            default:
                send_frame(c, VC_CSTP_DATA, packet, n);
            }
            rig_turn(r);
            (void)tun_drain(r);
            if (r->n_told > 32)
                r->n_told = 0;
            if (r->n_events > 4000)
                r->n_events = 0;
        }
        for (size_t i = 0; i < 8; i++) {
            if (all[i])
                client_free(all[i]);
        }
        rig_pass(r, 200 * RIG_SECOND);
        assert_int_equal(vc_worker_sessions(r->w), 0); /* all are gone, and nothing is due any more */
        assert_int_equal(vc_worker_due(r->w), UINT64_MAX);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takeover),  cmocka_unit_test(takeover_at_one_port),     cmocka_unit_test(one_address),
        cmocka_unit_test(not_taken), cmocka_unit_test(not_taken_without_memory), cmocka_unit_test(freed_in_any_state),
        cmocka_unit_test(soup),
    };
    return cmocka_run_group_tests_name("datapath/worker", tests, NULL, NULL);
}
