#include "certs.h"

#include "tls/keyring.h"

/* A CertificateVerify and a ServerKeyExchange (x25519). */
static const char spaces[] = "                                                                "
                             "TLS 1.3, server CertificateVerify\0"
                             "0123456789abcdef0123456789abcdef";
static const char exchange[] = "the client random of 32 bytes...the server random of 32 bytes...\x03\0\x1d\x20"
                               "0123456789abcdef0123456789abcdef";

static const char *const kinds[] = {"RSA-2048", "P-256", "P-384", "P-521"};
#define N 4

struct scheme {
    uint16_t scheme;
    const EVP_MD *(*hash)(void);
    bool pss;
    bool with[N], with_13[N];
};

static const struct scheme schemes[] = {
    {0x0401, EVP_sha256, false, {1, 0, 0, 0}, {0, 0, 0, 0}},
    {0x0501, EVP_sha384, false, {1, 0, 0, 0}, {0, 0, 0, 0}},
    {0x0601, EVP_sha512, false, {1, 0, 0, 0}, {0, 0, 0, 0}},
    {0x0804, EVP_sha256, true, {1, 0, 0, 0}, {1, 0, 0, 0}},
    {0x0805, EVP_sha384, true, {1, 0, 0, 0}, {1, 0, 0, 0}},
    {0x0806, EVP_sha512, true, {1, 0, 0, 0}, {1, 0, 0, 0}},
    {0x0403, EVP_sha256, false, {0, 1, 1, 1}, {0, 1, 0, 0}},
    {0x0503, EVP_sha384, false, {0, 1, 1, 1}, {0, 0, 1, 0}},
    {0x0603, EVP_sha512, false, {0, 1, 1, 1}, {0, 0, 0, 1}},
    {0x0201, EVP_sha1, false, {0}, {0}},
    {0x0807, EVP_sha512, false, {0}, {0}},
    {0x0809, EVP_sha256, true, {0}, {0}},
};

static bool verifies(EVP_PKEY *key, const struct scheme *s, const void *bytes, size_t len, const uint8_t *sig, size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    bool ok = EVP_DigestVerifyInit(ctx, &options, s->hash(), NULL, key) == 1;
    if (s->pss)
        ok = ok && EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(options, EVP_MD_get_size(s->hash())) == 1;
    ok = ok && EVP_DigestVerify(ctx, sig, n, bytes, len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static void signs(void **state)
{
    (void)state;
    struct vc_keyring *ring = vc_keyring_new();
    EVP_PKEY *keys[N];
    struct vc_fail fail = {0};
    for (uint16_t k = 0; k < N; k++) {
        size_t len;
        keys[k] = test_key(kinds[k]);
        char *pem = test_key_pem(keys[k], NULL, &len);
        void *p = exact(pem, len);
        assert_int_equal(vc_keyring_add(ring, (uint16_t)(10 + k), p, len, &fail), 0);
        assert_int_equal(vc_keyring_add(ring, (uint16_t)(10 + k), p, len, &fail), -1); /* the number is taken */
        free(p);
        free(pem);
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        for (uint16_t k = 0; k < N; k++) {
            for (int tls13 = 0; tls13 < 2; tls13++) {
                const void *bytes = tls13 ? spaces : exchange;
                size_t len = tls13 ? sizeof(spaces) - 1 : sizeof(exchange) - 1;
                bool want = tls13 ? schemes[i].with_13[k] : schemes[i].with[k];
                uint8_t sig[VC_TLS_SIGNATURE_MAX];
                size_t n = 1;
                int rc = vc_keyring_sign(ring, (uint16_t)(10 + k), schemes[i].scheme, bytes, len, sig, &n, &fail);
                if ((rc == 0) != want)
                    fail_msg("scheme %04x, %s, %d", schemes[i].scheme, kinds[k], tls13);
                if (rc == 0) {
                    assert_true(verifies(keys[k], &schemes[i], bytes, len, sig, n));
                } else {
                    assert_int_equal(fail.cause, VC_CAUSE_SIGNER_REFUSED);
                    assert_true(n == 0 && sig[0] == 0);
                }
            }
        }
    }
    uint8_t sig[VC_TLS_SIGNATURE_MAX];
    size_t n;
    assert_int_equal(vc_keyring_sign(ring, 10, 0x0804, (const uint8_t *)"a contract", 10, sig, &n, &fail), -1);
    assert_int_equal(fail.cause, VC_CAUSE_SIGNER_REFUSED);
    assert_int_equal(vc_keyring_sign(ring, 99, 0x0804, (const uint8_t *)spaces, sizeof(spaces) - 1, sig, &n, &fail),
                     -1);
    assert_int_equal(fail.cause, VC_CAUSE_SIGNER_REFUSED);
    for (uint16_t k = 0; k < N; k++)
        EVP_PKEY_free(keys[k]);
    vc_keyring_free(ring);
    vc_keyring_free(NULL);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"RSA-1024", "ED25519", "secp256k1"};
    struct vc_keyring *ring = vc_keyring_new();
    struct vc_fail fail = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EVP_PKEY *key = test_key(bad[i]);
        size_t len;
        char *pem = test_key_pem(key, NULL, &len);
        assert_case(bad[i], vc_keyring_add(ring, 1, pem, len, &fail) == -1 && fail.cause == VC_CAUSE_CONFIG);
        free(pem);
        EVP_PKEY_free(key);
    }
    EVP_PKEY *key = test_key("P-256");
    size_t len;
    char *pem = test_key_pem(key, NULL, &len);
    for (uint16_t i = 0; i < VC_KEYRING_MAX; i++)
        assert_int_equal(vc_keyring_add(ring, i, pem, len, &fail), 0);
    assert_int_equal(vc_keyring_add(ring, VC_KEYRING_MAX, pem, len, &fail), -1);
    free(pem);
    EVP_PKEY_free(key);
    vc_keyring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signs), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
