#include "crypto/selftest.h"

#include "table.h"

static void test_passes_here(void **state)
{
    (void)state;
    const char *failed = vc_crypto_selftest();
    if (failed)
        fail_msg("%s", failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_passes_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
