#include "gateway/common/slots.h"

#include "table.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORTALS 4
#define PER_SOURCE (PORTALS * VC_SLOTS_PER_SOURCE)

static struct vc_slots portal[PORTALS];
static struct vc_slots_part *all;

static void start(void)
{
    if (!all)
        all = mmap(NULL, VC_SLOTS_BYTES(PORTALS), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(all, MAP_FAILED);
    memset(all, 0, VC_SLOTS_BYTES(PORTALS));
    for (unsigned i = 0; i < PORTALS; i++) {
        vc_slots_init(&portal[i], all, PORTALS, i);
        vc_slots_serve(&portal[i], true);
    }
}

static struct vc_ip ip(const char *text)
{
    struct vc_ip got;
    assert_true(vc_ip_parse(vc_str_of(text), &got));
    return got;
}

/** The @n-th of many IPv4 addresses. */
static struct vc_ip stranger(unsigned n)
{
    return (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static unsigned taken(void)
{
    unsigned n = 0;
    for (unsigned k = 0; k <= PORTALS; k++) {
        for (unsigned i = 0; i < VC_SLOTS_PER_PORTAL; i++)
            n += all[k].slot[i].stage != VC_SLOT_FREE;
    }
    return n;
}

static void test_sixteen_half_open_per_source_over_all_portals(void **state)
{
    unsigned at[VC_SLOTS_HALF_OPEN_PER_SOURCE], other;
    struct vc_ip a = ip("192.0.2.7"), b = ip("192.0.2.8");
    (void)state;
    start();
    for (unsigned i = 0; i < VC_SLOTS_HALF_OPEN_PER_SOURCE; i++)
        assert_int_equal(vc_slots_take(&portal[i % PORTALS], &a, &at[i]), VC_SLOTS_TOOK);
    for (unsigned i = 0; i < PORTALS; i++)
        assert_int_equal(vc_slots_take(&portal[i], &a, &other), VC_SLOTS_SOURCE_HALF_OPEN_FULL);
    assert_int_equal(taken(), VC_SLOTS_HALF_OPEN_PER_SOURCE);
    assert_int_equal(vc_slots_take(&portal[0], &b, &other), VC_SLOTS_TOOK);
    vc_slots_give(&portal[3], at[3]);
    assert_int_equal(vc_slots_take(&portal[1], &a, &at[3]), VC_SLOTS_TOOK);
    assert_int_equal(vc_slots_take(&portal[1], &a, &other), VC_SLOTS_SOURCE_HALF_OPEN_FULL);
    vc_slots_up(&portal[1], at[3]); /* its handshake is over */
    assert_int_equal(vc_slots_take(&portal[2], &a, &other), VC_SLOTS_TOOK);
    assert_int_equal(vc_slots_take(&portal[2], &a, &other), VC_SLOTS_SOURCE_HALF_OPEN_FULL);
}

static void test_a_quarter_per_source_over_all_portals(void **state)
{
    unsigned at[PER_SOURCE], other;
    struct vc_ip a = ip("192.0.2.7"), b = ip("192.0.2.8");
    (void)state;
    start();
    assert_int_equal(vc_slots_per_source(&portal[0]), PER_SOURCE);
    for (unsigned i = 0; i < PER_SOURCE; i++) {
        assert_int_equal(vc_slots_take(&portal[i % PORTALS], &a, &at[i]), VC_SLOTS_TOOK);
        vc_slots_up(&portal[i % PORTALS], at[i]);
    }
    for (unsigned i = 0; i < PORTALS; i++)
        assert_int_equal(vc_slots_take(&portal[i], &a, &other), VC_SLOTS_SOURCE_FULL);
    assert_int_equal(taken(), PER_SOURCE);
    assert_int_equal(vc_slots_take(&portal[0], &b, &other), VC_SLOTS_TOOK);
    vc_slots_give(&portal[1], at[1]);
    assert_int_equal(vc_slots_take(&portal[2], &a, &other), VC_SLOTS_TOOK);
    assert_int_equal(vc_slots_take(&portal[2], &a, &other), VC_SLOTS_SOURCE_FULL);
}

static void test_what_is_one_source(void **state)
{
    static const struct {
        const char *name, *held, *asks;
        bool one;
    } rows[] = {
        {"the same IPv4 address", "192.0.2.7", "192.0.2.7", true},
        {"its neighbour", "192.0.2.7", "192.0.2.6", false},
        {"one /64", "2001:db8:0:1::1", "2001:db8:0:1:ffff::9", true},
        {"the next /64", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"IPv4 and an IPv6 address with its bytes", "32.1.13.184", "2001:db8::1", false},
        {"0.0.0.1 and the /64 of ::", "0.0.0.1", "::1", false},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        unsigned at;
        struct vc_ip held = ip(rows[k].held), asks = ip(rows[k].asks);
        start();
        for (unsigned i = 0; i < VC_SLOTS_HALF_OPEN_PER_SOURCE; i++)
            assert_int_equal(vc_slots_take(&portal[0], &held, &at), VC_SLOTS_TOOK);
        if (vc_slots_take(&portal[1], &asks, &at) != (rows[k].one ? VC_SLOTS_SOURCE_HALF_OPEN_FULL : VC_SLOTS_TOOK))
            fail_msg("%s", rows[k].name);
    }
}

static void test_a_thousand_and_24_half_open_in_all(void **state)
{
    unsigned at[VC_SLOTS_HALF_OPEN], other;
    struct vc_ip who;
    (void)state;
    start();
    for (unsigned i = 0; i < VC_SLOTS_HALF_OPEN; i++) {
        assert_false(vc_slots_half_open_full(&portal[0]));
        who = stranger(i);
        assert_int_equal(vc_slots_take(&portal[i % PORTALS], &who, &at[i]), VC_SLOTS_TOOK);
    }
    assert_true(vc_slots_half_open_full(&portal[0]));
    assert_int_equal(portal[1].n_half_open, VC_SLOTS_HALF_OPEN / PORTALS);
    who = stranger(VC_SLOTS_HALF_OPEN);
    assert_int_equal(vc_slots_take(&portal[0], &who, &other), VC_SLOTS_HALF_OPEN_FULL);
    vc_slots_give(&portal[1], at[1]);
    assert_int_equal(vc_slots_take(&portal[0], &who, &other), VC_SLOTS_TOOK);
    assert_int_equal(vc_slots_take(&portal[0], &who, &other), VC_SLOTS_HALF_OPEN_FULL);
    vc_slots_up(&portal[2], at[2]);
    assert_int_equal(portal[2].n_half_open, VC_SLOTS_HALF_OPEN / PORTALS - 1);
    assert_int_equal(vc_slots_take(&portal[0], &who, &other), VC_SLOTS_TOOK);
}

/** 512 and one of each portal; and whether another one has room. */
static void test_all_of_a_portal(void **state)
{
    unsigned at[PORTALS][VC_SLOTS_PER_PORTAL], other, n = 0;
    struct vc_ip who;
    (void)state;
    start();
    for (unsigned k = 0; k < PORTALS; k++) {
        for (unsigned i = 0; i < VC_SLOTS_CONNECTIONS; i++) {
            assert_true(vc_slots_room_elsewhere(&portal[0]));
            who = stranger(n++);
            assert_int_equal(vc_slots_take(&portal[k], &who, &at[k][i]), VC_SLOTS_TOOK);
            vc_slots_up(&portal[k], at[k][i]);
        }
    }
    for (unsigned k = 0; k < PORTALS; k++)
        assert_false(vc_slots_room_elsewhere(&portal[k]));
    vc_slots_give(&portal[2], at[2][7]);
    assert_true(vc_slots_room_elsewhere(&portal[0]));
    assert_false(vc_slots_room_elsewhere(&portal[2])); /* its own is not elsewhere */
    vc_slots_serve(&portal[2], false);
    assert_false(vc_slots_room_elsewhere(&portal[0])); /* it is about to leave */
    who = stranger(n++);
    assert_int_equal(vc_slots_take(&portal[0], &who, &other), VC_SLOTS_TOOK); /* the one for a newcomer */
    assert_int_equal(vc_slots_take(&portal[0], &who, &other), VC_SLOTS_ALL_FULL);
}

static void test_a_portal_that_died_gives_all_back(void **state)
{
    unsigned at;
    struct vc_ip a = ip("2001:db8::1"), b = ip("192.0.2.1");
    (void)state;
    start();
    for (unsigned i = 0; i < VC_SLOTS_HALF_OPEN_PER_SOURCE; i++) {
        assert_int_equal(vc_slots_take(&portal[2], &a, &at), VC_SLOTS_TOOK);
        assert_int_equal(vc_slots_take(&portal[1], &b, &at), VC_SLOTS_TOOK);
    }
    vc_slots_forget(all, 2);
    assert_int_equal(taken(), VC_SLOTS_HALF_OPEN_PER_SOURCE);
    vc_slots_init(&portal[2], all, PORTALS, 2);
    for (unsigned i = 0; i < VC_SLOTS_HALF_OPEN_PER_SOURCE; i++)
        assert_int_equal(vc_slots_take(&portal[2], &a, &at), VC_SLOTS_TOOK);
    assert_int_equal(vc_slots_take(&portal[2], &b, &at), VC_SLOTS_SOURCE_HALF_OPEN_FULL);
}

/** A portal that was taken over writes what it likes: the others stay within their own memory and their own slots. */
static void test_what_others_wrote_is_not_believed(void **state)
{
    unsigned at, first;
    struct vc_ip a = ip("192.0.2.1");
    (void)state;
    start();
    assert_int_equal(vc_slots_take(&portal[0], &a, &first), VC_SLOTS_TOOK);
    memset(all, 0, VC_SLOTS_BYTES(PORTALS)); /* "free": it is not given twice */
    assert_int_equal(vc_slots_take(&portal[0], &a, &at), VC_SLOTS_TOOK);
    assert_int_not_equal(at, first);
    memset(all, 0xff, VC_SLOTS_BYTES(PORTALS));
    for (unsigned i = 0; i < VC_SLOTS_PER_PORTAL; i++)
        all[1].slot[i].stage = all[2].slot[i].stage = VC_SLOT_HALF_OPEN;
    assert_int_equal(vc_slots_take(&portal[0], &a, &at), VC_SLOTS_HALF_OPEN_FULL);
}

/** Processes that ask all the time: what one was given, it holds with at most 15 others. */
static void test_at_the_same_time(void **state)
{
    pid_t pid[PORTALS];
    struct vc_ip a = ip("192.0.2.7");
    (void)state;
    start();
    _Atomic unsigned *given = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(given, MAP_FAILED);
    for (unsigned k = 0; k < PORTALS; k++) {
        pid[k] = fork();
        assert_true(pid[k] >= 0);
        unsigned held[VC_SLOTS_HALF_OPEN_PER_SOURCE + 1], n = 0;
        for (unsigned round = 0; pid[k] == 0 && round < 3000; round++) {
            if (vc_slots_take(&portal[k], &a, &held[n]) == VC_SLOTS_TOOK) {
                n++;
                if (atomic_fetch_add(given, 1) >= VC_SLOTS_HALF_OPEN_PER_SOURCE)
                    _exit(1);
            } else {
                while (n > 0) {
                    (void)atomic_fetch_sub(given, 1); /* before, so that it never counts what is free already */
                    vc_slots_give(&portal[k], held[--n]);
                }
            }
        }
        if (pid[k] == 0)
            (void)raise(SIGKILL); /* with whatever it holds */
    }
    for (unsigned k = 0; k < PORTALS; k++) {
        int status;
        assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    for (unsigned k = 0; k < PORTALS; k++)
        vc_slots_forget(all, k);
    assert_int_equal(taken(), 0);
    (void)munmap(given, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sixteen_half_open_per_source_over_all_portals),
        cmocka_unit_test(test_a_quarter_per_source_over_all_portals),
        cmocka_unit_test(test_what_is_one_source),
        cmocka_unit_test(test_a_thousand_and_24_half_open_in_all),
        cmocka_unit_test(test_all_of_a_portal),
        cmocka_unit_test(test_a_portal_that_died_gives_all_back),
        cmocka_unit_test(test_what_others_wrote_is_not_believed),
        cmocka_unit_test(test_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
