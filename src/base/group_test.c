#include "base/group.h"
#include "table.h"

#define N 100

struct thing {
    struct vc_group in;
    unsigned key, n;
};

/* Members come, go and take turns as in a plain array; each key's ring holds exactly its own, in both directions. */
static void as_an_array(void **state)
{
    static struct thing things[N];
    const uint64_t seed[2] = {1, 2};
    struct vc_map groups;
    uint32_t dice = 1;
    (void)state;
    vc_map_init(&groups, sizeof(unsigned), seed);
    for (unsigned i = 0; i < N; i++)
        things[i] = (struct thing){.in.owner = &things[i], .key = i % 7, .n = i};
    for (int step = 0; step < 20000; step++) {
        dice = dice * 1664525 + 1013904223;
        struct thing *t = &things[(dice >> 8) % N];
        if (!t->in.next)
            assert_int_equal(vc_group_add(&groups, &t->key, &t->in), 0);
        else if (dice >> 31)
            vc_group_remove(&groups, &t->key, &t->in);
        else
            vc_group_turn(&groups, &t->key, &t->in);
        if (t->in.next)
            assert_non_null(vc_group_of(&groups, &t->key));
        for (unsigned key = 0; key < 7; key++) {
            unsigned in = 0, seen = 0;
            for (unsigned i = key; i < N; i += 7)
                in += things[i].in.next != NULL;
            struct vc_group *first = vc_group_of(&groups, &key), *g = first;
            if (first) {
                do {
                    assert_int_equal(((struct thing *)g->owner)->key, key);
                    assert_ptr_equal(g->next->prev, g);
                    assert_true(++seen <= in);
                    g = g->next;
                } while (g != first);
            }
            assert_int_equal(seen, in);
        }
    }
    for (unsigned i = 0; i < N; i++)
        vc_group_remove(&groups, &things[i].key, &things[i].in);
    assert_int_equal(groups.n, 0);
    vc_map_deinit(&groups);
}

/* Whoever takes a turn is found first, and all others behind it. */
static void turns(void **state)
{
    static struct thing things[3];
    const uint64_t seed[2] = {1, 2};
    struct vc_map groups;
    (void)state;
    vc_map_init(&groups, sizeof(unsigned), seed);
    for (unsigned i = 0; i < 3; i++) {
        things[i].in.owner = &things[i];
        assert_int_equal(vc_group_add(&groups, &things[i].key, &things[i].in), 0);
    }
    assert_ptr_equal(vc_group_of(&groups, &things[0].key), &things[0].in);
    vc_group_turn(&groups, &things[0].key, &things[1].in);
    struct vc_group *g = vc_group_of(&groups, &things[0].key);
    assert_ptr_equal(g, &things[1].in);
    assert_ptr_equal(g->next, &things[2].in);
    assert_ptr_equal(g->next->next, &things[0].in);
    vc_group_remove(&groups, &things[1].key, &things[1].in);
    assert_ptr_equal(vc_group_of(&groups, &things[0].key), &things[2].in);
    vc_map_deinit(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_an_array),
        cmocka_unit_test(turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
