#include "crypto/hash.h"
#include "table.h"

static const struct {
    const char *name;
    enum vc_hash hash;
    size_t len;
    const char *abc; /* FIPS 180-4; RFC 1321 and 3174 for the pair */
} hashes[] = {
    {"sha1", VC_HASH_SHA1, 20, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"sha256", VC_HASH_SHA256, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"sha384", VC_HASH_SHA384, 48,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {"md5 and sha1", VC_HASH_MD5_SHA1, 36, "900150983cd24fb0d6963f7d28e17f72a9993e364706816aba3e25717850c26c9cd0d89d"},
};

static void hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
        const struct vc_piece pieces[] = {{"a", 1}, {"", 0}, {"bc", 2}};
        size_t n;
        uint8_t *want = unhex(hashes[i].abc, &n);
        uint8_t *out = malloc(n);
        assert_non_null(out);
        assert_int_equal(vc_hash_len(hashes[i].hash), hashes[i].len);
        assert_int_equal(n, hashes[i].len);
        assert_case(hashes[i].name, vc_hash(hashes[i].hash, pieces, 3, out) == 0 && memcmp(out, want, n) == 0);
        free(want);
        free(out);
    }
    assert_int_equal(vc_hash_len(VC_HASH_NONE), 0);
    uint8_t none[1] = {7};
    assert_int_equal(vc_hash(VC_HASH_NONE, NULL, 0, none), -1);
}

static void hmac(void **state)
{
    (void)state;
    const struct {
        const char *name;
        enum vc_hash hash;
        struct bytes key;
        const char *data, *mac; /* RFC 2202, RFC 4231: case 2; and an empty key */
    } cases[] = {
        {"sha1", VC_HASH_SHA1, BYTES("Jefe"), "what do ya want for nothing?",
         "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {"sha256", VC_HASH_SHA256, BYTES("Jefe"), "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"sha384", VC_HASH_SHA384, BYTES("Jefe"), "what do ya want for nothing?",
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
        {"empty key", VC_HASH_SHA256, BYTES(""), "",
         "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t half = strlen(cases[i].data) / 2, n;
        const struct vc_piece pieces[] = {{cases[i].data, half}, {cases[i].data + half, strlen(cases[i].data) - half}};
        uint8_t *want = unhex(cases[i].mac, &n);
        uint8_t out[VC_HASH_MAX];
        assert_case(cases[i].name, vc_hmac(cases[i].hash, cases[i].key.at, cases[i].key.len, pieces, 2, out) == 0 &&
                                       memcmp(out, want, n) == 0);
        free(want);
    }
    uint8_t out[36] = {1};
    assert_int_equal(vc_hmac(VC_HASH_MD5_SHA1, "k", 1, NULL, 0, out), -1);
    assert_int_equal(out[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash),
        cmocka_unit_test(hmac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
