#include "wire/key_limit.h"
#include "table.h"

/* Each limit: one below, at it. */
static void limits(void **state)
{
    (void)state;
    const uint64_t one = 1;
    const struct {
        const char *name;
        enum vc_aead_alg alg;
        size_t mtu;
        uint64_t renew, spent;
    } cases[] = {
        {"AES-128", VC_AEAD_AES_128_GCM, 1406, one << 28, one << 32},
        {"AES-256 at 2048", VC_AEAD_AES_256_GCM, 2048, one << 28, one << 32},
        {"AES-256 at 2049", VC_AEAD_AES_256_GCM, 2049, one << 24, one << 28},
        {"AES-128 at 16376", VC_AEAD_AES_128_GCM, 16376, one << 24, one << 28},
        {"ChaCha20", VC_AEAD_CHACHA20_POLY1305, 1406, one << 47, (one << 48) - 1},
        {"ChaCha20 at 16376", VC_AEAD_CHACHA20_POLY1305, 16376, one << 47, (one << 48) - 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        enum vc_aead_alg alg = cases[i].alg;
        size_t mtu = cases[i].mtu;
        assert_case(cases[i].name, vc_key_limit(alg, 0, mtu) == VC_KEY_GOOD);
        assert_case(cases[i].name, vc_key_limit(alg, cases[i].renew - 1, mtu) == VC_KEY_GOOD);
        assert_case(cases[i].name, vc_key_limit(alg, cases[i].renew, mtu) == VC_KEY_RENEW);
        assert_case(cases[i].name, vc_key_limit(alg, cases[i].spent - 1, mtu) == VC_KEY_RENEW);
        assert_case(cases[i].name, vc_key_limit(alg, cases[i].spent, mtu) == VC_KEY_SPENT);
        assert_case(cases[i].name, vc_key_limit(alg, UINT64_MAX, mtu) == VC_KEY_SPENT);
        assert_case(cases[i].name, vc_key_end(alg) >= cases[i].spent);
    }
    assert_int_equal(vc_key_limit(VC_AEAD_NONE, 0, 1400), VC_KEY_SPENT);
    assert_int_equal(vc_key_end(VC_AEAD_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
