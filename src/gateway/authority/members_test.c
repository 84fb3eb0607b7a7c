#include "gateway/authority/members.h"

#include "table.h"

#define S 1000000000ULL
#define NEVER UINT64_MAX

static const uint64_t seed[2] = {1, 2};

/* What happens to a session, and when. */
static void test_what_happens(void **state)
{
    static const struct {
        const char *name;
        uint64_t end_ns, wait_ns, pending_ns, closing_ns; /* pending 0: no grant */
        bool live;
        uint64_t due_ns;
        enum vc_member_what what;
    } cases[] = {
        {"waits for its client", NEVER, 300 * S, 0, 0, false, 300 * S, VC_MEMBER_COOKIE_OVER},
        {"a tunnel keeps the cookie", NEVER, 300 * S, 0, 0, true, NEVER, VC_MEMBER_NOTHING},
        {"session-timeout while it waits", 100 * S, 300 * S, 0, 0, false, 100 * S, VC_MEMBER_SESSION_OVER},
        {"session-timeout: the tunnel process comes first", 100 * S, 300 * S, 0, 0, true, 103 * S,
         VC_MEMBER_SESSION_OVER},
        {"a grant that comes to nothing", NEVER, 10 * S, 15 * S, 0, false, 15 * S, VC_MEMBER_NOT_TAKEN_UP},
        {"a second grant beside a tunnel", NEVER, 10 * S, 15 * S, 0, true, 15 * S, VC_MEMBER_NOT_TAKEN_UP},
        {"session-timeout during a grant", 12 * S, 10 * S, 15 * S, 0, false, 12 * S, VC_MEMBER_SESSION_OVER},
        {"its tunnel is being closed", 1 * S, 2 * S, 0, 5 * S, true, 5 * S, VC_MEMBER_CLOSED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_member m = {.end_ns = cases[i].end_ns,
                              .wait_ns = cases[i].wait_ns,
                              .pending_ns = cases[i].pending_ns,
                              .closing_ns = cases[i].closing_ns,
                              .pending.generation = cases[i].pending_ns ? 2 : 0,
                              .live.generation = cases[i].live ? 1 : 0};
        assert_case(cases[i].name, vc_member_due(&m) == cases[i].due_ns);
        if (cases[i].due_ns != NEVER) {
            assert_case(cases[i].name, vc_member_happens(&m, cases[i].due_ns - 1) == VC_MEMBER_NOTHING);
            assert_case(cases[i].name, vc_member_happens(&m, cases[i].due_ns) == cases[i].what);
        }
    }
    (void)state;
}

static struct vc_member *add(struct vc_members *ms, uint64_t id, const char *user)
{
    uint8_t hash[32] = {(uint8_t)id};
    struct vc_member *m = vc_members_add(ms, id, hash);
    assert_non_null(m);
    assert_true(vc_str_copy(vc_str_of(user), m->user, sizeof(m->user)));
    m->created_ns = id * S;
    return m;
}

static void test_tokens(void **state)
{
    struct vc_members ms;
    enum vc_cause why;
    uint8_t hash[32] = {1}, other[32] = {2};
    vc_members_init(&ms, seed);
    struct vc_member *m = add(&ms, 1, "alice");
    assert_null(vc_members_add(&ms, 1, other)); /* the number is taken */
    assert_null(vc_members_add(&ms, 2, hash));  /* the token is */
    assert_int_equal(ms.n, 1);
    assert_ptr_equal(vc_members_by_token(&ms, hash, &why), m);
    assert_null(vc_members_by_token(&ms, other, &why));
    assert_int_equal(why, VC_CAUSE_COOKIE_UNKNOWN);
    vc_members_void_token(&ms, m, VC_CAUSE_LOGOUT);
    assert_null(vc_members_by_token(&ms, hash, &why));
    assert_int_equal(why, VC_CAUSE_COOKIE_UNKNOWN); /* logged out: nothing to be told */
    assert_ptr_equal(vc_members_find(&ms, 1), m);   /* its tunnel is still there */
    vc_members_remove(&ms, m, VC_CAUSE_LOGOUT);
    assert_null(vc_members_find(&ms, 1));
    m = add(&ms, 2, "alice");
    vc_members_remove(&ms, m, VC_CAUSE_COOKIE_EXPIRED);
    assert_null(vc_members_by_token(&ms, other, &why));
    assert_int_equal(why, VC_CAUSE_COOKIE_EXPIRED);
    for (uint64_t id = 3; id < 3 + 256; id++) { /* it is remembered for a while only */
        uint8_t h[32] = {(uint8_t)id, 1};
        vc_members_remove(&ms, vc_members_add(&ms, id, h), VC_CAUSE_LOGOUT);
    }
    assert_null(vc_members_by_token(&ms, other, &why));
    assert_int_equal(why, VC_CAUSE_COOKIE_UNKNOWN);
    vc_members_deinit(&ms);
    (void)state;
}

static void test_who_counts(void **state)
{
    struct vc_members ms;
    struct vc_member *fresh, *oldest;
    vc_members_init(&ms, seed);
    struct vc_member *a = add(&ms, 1, "alice"), *b = add(&ms, 2, "alice"), *c = add(&ms, 3, "alice"),
                     *d = add(&ms, 4, "bob");
    assert_int_equal(vc_members_count(&ms), 4);
    assert_int_equal(vc_members_of_user(&ms, "alice", &fresh, &oldest), 3);
    assert_ptr_equal(fresh, a);
    assert_ptr_equal(oldest, a);
    a->pending = (struct vc_member_tunnel){.generation = 1, .process = 5}; /* on its way */
    assert_int_equal(vc_members_of_user(&ms, "alice", &fresh, &oldest), 3);
    assert_ptr_equal(fresh, b);
    assert_ptr_equal(oldest, a); /* whether it is connected or not */
    b->live.generation = 1;
    b->connected_once = true;
    assert_int_equal(vc_members_of_user(&ms, "alice", &fresh, &oldest), 3);
    assert_ptr_equal(fresh, c);
    b->live.generation = 0; /* waits for its client: its place is free */
    c->connected_once = true;
    assert_int_equal(vc_members_of_user(&ms, "alice", &fresh, &oldest), 1);
    assert_null(fresh);
    vc_members_void_token(&ms, d, VC_CAUSE_ADMIN);
    assert_int_equal(vc_members_count(&ms), 3); /* as it was told */
    vc_member_schedule(&ms, a);
    vc_member_schedule(&ms, b);
    vc_member_schedule(&ms, c);
    assert_int_equal(vc_members_count(&ms), 1);
    assert_int_equal(ms.n_process[5], 1);
    assert_int_equal(vc_members_of_user(&ms, "nobody", &fresh, &oldest), 0);
    vc_members_deinit(&ms);
    (void)state;
}

/* The counts that are kept beside are what a walk over all would give, whatever happens to whom. */
static void test_counts_are_kept(void **state)
{
    struct vc_members ms;
    struct vc_member *m[40] = {0};
    uint64_t rnd = 99, next_id = 1;
    vc_members_init(&ms, seed);
    for (int step = 0; step < 20000; step++) {
        rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
        struct vc_member **one = &m[rnd >> 33 & 31], *x = *one;
        uint16_t process = (uint16_t)(rnd >> 40 & 3);
        if (!x) {
            uint8_t hash[32] = {(uint8_t)next_id, (uint8_t)(next_id >> 8)};
            *one = vc_members_add(&ms, next_id++, hash);
            assert_non_null(*one);
            continue;
        }
        switch (rnd >> 50 & 7) {
        case 0:
            vc_members_remove(&ms, x, VC_CAUSE_LOGOUT);
            *one = NULL;
            break;
        case 1:
            vc_members_void_token(&ms, x, VC_CAUSE_ADMIN);
            break;
        case 2:
        case 3:
            x->pending = (struct vc_member_tunnel){.generation = 1, .process = process};
            vc_member_schedule(&ms, x);
            break;
        case 4:
        case 5:
            x->live = (struct vc_member_tunnel){.generation = 1, .process = process};
            x->connected_once = true;
            x->pending = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
            vc_member_schedule(&ms, x);
            break;
        default:
            x->live = (struct vc_member_tunnel){.process = VC_NO_TUNNEL};
            vc_member_schedule(&ms, x);
            break;
        }
        size_t n = 0, of[VC_MEMBER_PROCESSES_MAX] = {0};
        for (int i = 0; i < 40; i++) {
            if (!m[i])
                continue;
            n += vc_member_counts(m[i]);
            if (m[i]->live.generation != 0)
                of[m[i]->live.process]++;
            else if (m[i]->pending.generation != 0)
                of[m[i]->pending.process]++;
        }
        assert_int_equal(vc_members_count(&ms), n);
        assert_memory_equal(ms.n_process, of, sizeof(of));
    }
    vc_members_deinit(&ms);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_happens),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_who_counts),
        cmocka_unit_test(test_counts_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
