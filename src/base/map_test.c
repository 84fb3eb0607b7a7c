#include "base/map.h"

#include "table.h"

static const uint64_t seed[2] = {1, 2};

/** Random puts and removes against a plain array. */
static void test_against_array(void **state)
{
    (void)state;
    static int present[512];
    struct vc_map m;
    uint64_t random = 7;
    size_t n = 0;
    vc_map_init(&m, 4, seed);
    for (int i = 0; i < 200000; i++) {
        uint32_t key = (uint32_t)(test_random(&random) % 512);
        int had = present[key];
        if (test_random(&random) % 2) {
            assert_int_equal(vc_map_put(&m, &key, &present[key]), 0);
            present[key] = 1;
            n += !had;
        } else {
            void *was = vc_map_remove(&m, &key);
            assert_ptr_equal(was, had ? &present[key] : NULL);
            present[key] = 0;
            n -= (size_t)had;
        }
        key = (uint32_t)(test_random(&random) % 512);
        assert_ptr_equal(vc_map_get(&m, &key), present[key] ? &present[key] : NULL);
        assert_int_equal(m.n, n);
    }
    size_t at = 0, seen = 0;
    while (vc_map_next(&m, &at))
        seen++;
    assert_int_equal(seen, n);
    vc_map_deinit(&m);
}

static void test_empty(void **state)
{
    struct vc_map m;
    uint32_t key = 1;
    (void)state;
    vc_map_init(&m, 4, seed);
    assert_null(vc_map_get(&m, &key));
    assert_null(vc_map_remove(&m, &key));
    vc_map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_array), cmocka_unit_test(test_empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
