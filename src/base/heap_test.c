#include "base/heap.h"

#include "table.h"

/** Random settings and removals; the first is always the smallest of a plain array. */
static void test_against_array(void **state)
{
    static struct vc_heap_node nodes[100];
    struct vc_heap h = {0};
    uint64_t random = 3;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct vc_heap_node *node = &nodes[test_random(&random) % 100];
        if (test_random(&random) % 4 == 0)
            vc_heap_remove(&h, node);
        else
            assert_int_equal(vc_heap_set(&h, node, test_random(&random) % 1000), 0);
        uint64_t least = UINT64_MAX;
        size_t n = 0;
        for (int k = 0; k < 100; k++) {
            if (nodes[k].at) {
                n++;
                least = nodes[k].due < least ? nodes[k].due : least;
                assert_ptr_equal(h.nodes[nodes[k].at - 1], &nodes[k]);
            }
        }
        assert_int_equal(h.n, n);
        if (n)
            assert_int_equal(vc_heap_first(&h)->due, least);
        else
            assert_null(vc_heap_first(&h));
    }
    vc_heap_deinit(&h);
}

/** What was reserved is there: adding moves nothing. */
static void test_reserved(void **state)
{
    static struct vc_heap_node nodes[1000];
    struct vc_heap h = {0};
    (void)state;
    for (size_t n = 1; n <= 1000; n += 333) {
        assert_int_equal(vc_heap_reserve(&h, n), 0);
        assert_int_equal(h.cap, n);
        struct vc_heap_node **before = h.nodes;
        for (size_t i = h.n; i < n; i++)
            assert_int_equal(vc_heap_set(&h, &nodes[i], 1000 - i), 0);
        assert_ptr_equal(h.nodes, before);
        assert_int_equal(h.cap, n);
        assert_int_equal(vc_heap_reserve(&h, n - 1), 0);
        assert_int_equal(vc_heap_first(&h)->due, 1001 - n);
    }
    assert_int_equal(h.n, 1000);
    vc_heap_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_array), cmocka_unit_test(test_reserved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
