#include "gateway/common/half_open.h"

#include "table.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORTALS 4

static struct vc_half_open portal[PORTALS];
static struct vc_half_open_place *places;

static void start(void)
{
    if (!places)
        places = mmap(NULL, VC_HALF_OPEN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(places, MAP_FAILED);
    memset(places, 0, VC_HALF_OPEN_BYTES);
    for (uint16_t i = 0; i < PORTALS; i++)
        vc_half_open_init(&portal[i], places, i);
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
    for (unsigned i = 0; i < VC_HALF_OPEN_MAX; i++)
        n += places[i].holder != 0;
    return n;
}

static void test_sixteen_per_source_over_all_portals(void **state)
{
    unsigned at[VC_HALF_OPEN_PER_SOURCE], other;
    struct vc_ip a = ip("192.0.2.7"), b = ip("192.0.2.8");
    (void)state;
    start();
    for (unsigned i = 0; i < VC_HALF_OPEN_PER_SOURCE; i++)
        assert_int_equal(vc_half_open_take(&portal[i % PORTALS], &a, &at[i]), VC_HALF_OPEN_TOOK);
    for (unsigned i = 0; i < PORTALS; i++)
        assert_int_equal(vc_half_open_take(&portal[i], &a, &other), VC_HALF_OPEN_SOURCE_FULL);
    assert_int_equal(taken(), VC_HALF_OPEN_PER_SOURCE);
    assert_int_equal(vc_half_open_take(&portal[0], &b, &other), VC_HALF_OPEN_TOOK);
    vc_half_open_give(&portal[3], at[3]);
    assert_int_equal(vc_half_open_take(&portal[1], &a, &at[3]), VC_HALF_OPEN_TOOK);
    assert_int_equal(vc_half_open_take(&portal[1], &a, &other), VC_HALF_OPEN_SOURCE_FULL);
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
        for (unsigned i = 0; i < VC_HALF_OPEN_PER_SOURCE; i++)
            assert_int_equal(vc_half_open_take(&portal[0], &held, &at), VC_HALF_OPEN_TOOK);
        if (vc_half_open_take(&portal[1], &asks, &at) != (rows[k].one ? VC_HALF_OPEN_SOURCE_FULL : VC_HALF_OPEN_TOOK))
            fail_msg("%s", rows[k].name);
    }
}

static void test_a_thousand_and_24_in_all(void **state)
{
    unsigned at[VC_HALF_OPEN_MAX], other;
    struct vc_ip who;
    (void)state;
    start();
    for (unsigned i = 0; i < VC_HALF_OPEN_MAX; i++) {
        assert_false(vc_half_open_is_full(&portal[0]));
        who = stranger(i);
        assert_int_equal(vc_half_open_take(&portal[i % PORTALS], &who, &at[i]), VC_HALF_OPEN_TOOK);
    }
    assert_true(vc_half_open_is_full(&portal[0]));
    assert_int_equal(portal[1].n_mine, VC_HALF_OPEN_MAX / PORTALS);
    who = stranger(VC_HALF_OPEN_MAX);
    assert_int_equal(vc_half_open_take(&portal[0], &who, &other), VC_HALF_OPEN_ALL_FULL);
    vc_half_open_give(&portal[1], at[1]);
    assert_int_equal(vc_half_open_take(&portal[0], &who, &other), VC_HALF_OPEN_TOOK);
    assert_int_equal(other, at[1]);
}

static void test_a_portal_that_died_gives_all_back(void **state)
{
    unsigned at;
    struct vc_ip a = ip("2001:db8::1"), b = ip("192.0.2.1");
    (void)state;
    start();
    for (unsigned i = 0; i < VC_HALF_OPEN_PER_SOURCE; i++) {
        assert_int_equal(vc_half_open_take(&portal[2], &a, &at), VC_HALF_OPEN_TOOK);
        assert_int_equal(vc_half_open_take(&portal[1], &b, &at), VC_HALF_OPEN_TOOK);
    }
    vc_half_open_forget(places, 2);
    assert_int_equal(taken(), VC_HALF_OPEN_PER_SOURCE);
    vc_half_open_init(&portal[2], places, 2);
    for (unsigned i = 0; i < VC_HALF_OPEN_PER_SOURCE; i++)
        assert_int_equal(vc_half_open_take(&portal[2], &a, &at), VC_HALF_OPEN_TOOK);
    assert_int_equal(vc_half_open_take(&portal[2], &b, &at), VC_HALF_OPEN_SOURCE_FULL);
}

/** A portal that was taken over writes what it likes: the others stay within their own memory, and a place that says it
 *  is theirs without being so is free. */
static void test_what_others_wrote_is_not_believed(void **state)
{
    unsigned at;
    struct vc_ip a = ip("192.0.2.1");
    (void)state;
    start();
    for (unsigned i = 0; i < VC_HALF_OPEN_MAX; i++)
        places[i].holder = portal[1].self;
    assert_true(vc_half_open_is_full(&portal[0]));
    assert_int_equal(vc_half_open_take(&portal[1], &a, &at), VC_HALF_OPEN_TOOK);
    memset(places, 0xff, VC_HALF_OPEN_BYTES);
    assert_int_equal(vc_half_open_take(&portal[0], &a, &at), VC_HALF_OPEN_ALL_FULL);
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
    for (uint16_t k = 0; k < PORTALS; k++) {
        pid[k] = fork();
        assert_true(pid[k] >= 0);
        unsigned held[VC_HALF_OPEN_PER_SOURCE + 1], n = 0;
        for (unsigned round = 0; pid[k] == 0 && round < 3000; round++) {
            if (vc_half_open_take(&portal[k], &a, &held[n]) == VC_HALF_OPEN_TOOK) {
                n++;
                if (atomic_fetch_add(given, 1) >= VC_HALF_OPEN_PER_SOURCE)
                    _exit(1);
            } else {
                while (n > 0) {
                    (void)atomic_fetch_sub(given, 1); /* before, so that it never counts what is free already */
                    vc_half_open_give(&portal[k], held[--n]);
                }
            }
        }
        if (pid[k] == 0)
            (void)raise(SIGKILL); /* with whatever it holds */
    }
    for (uint16_t k = 0; k < PORTALS; k++) {
        int status;
        assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    for (uint16_t k = 0; k < PORTALS; k++)
        vc_half_open_forget(places, k);
    assert_int_equal(taken(), 0);
    (void)munmap(given, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sixteen_per_source_over_all_portals),
        cmocka_unit_test(test_what_is_one_source),
        cmocka_unit_test(test_a_thousand_and_24_in_all),
        cmocka_unit_test(test_a_portal_that_died_gives_all_back),
        cmocka_unit_test(test_what_others_wrote_is_not_believed),
        cmocka_unit_test(test_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
