#include "certs.h"

#include "tls/pair.h"
#include "tls/provider.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

static const char *const kinds[] = {"RSA-2048", "P-256", "P-384", "P-521"};

/* The key stands for its certificate's private key, says what OpenSSL must know of it, and gives nothing away. */
static void stands_for_a_key(void **state)
{
    (void)state;
    struct vc_fail fail = {0};
    struct vc_provider *p = vc_provider_new(&fail);
    assert_non_null(p);
    EVP_PKEY *other_key = test_key("P-256");
    X509 *other = test_cert(other_key, "other.example", NULL, NULL);
    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY *real = test_key(kinds[i]);
        X509 *cert = test_cert(real, "vpn.example", NULL, NULL);
        EVP_PKEY *key = vc_provider_key(p, X509_get0_pubkey(cert), (uint16_t)i, &fail);
        assert_non_null(key);
        assert_int_equal(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(real));
        assert_int_equal(EVP_PKEY_get_security_bits(key), EVP_PKEY_get_security_bits(real));
        assert_int_equal(EVP_PKEY_get_size(key), EVP_PKEY_get_size(real));
        assert_int_equal(X509_check_private_key(cert, key), 1);
        assert_int_equal(X509_check_private_key(other, key), 0);
        SSL_CTX *ctx = SSL_CTX_new_ex(vc_provider_lib(p), NULL, TLS_server_method());
        assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
        assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
        SSL_CTX_free(ctx);
        OSSL_PARAM *params = NULL;
        assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
        OSSL_PARAM_free(params);
        params = NULL;
        assert_int_not_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 1);
        EVP_PKEY_free(key);
        EVP_PKEY_free(real);
        X509_free(cert);
    }
    ERR_clear_error();
    EVP_PKEY_free(other_key);
    X509_free(other);
    vc_provider_free(p);
    vc_provider_free(NULL);
}

/* Outside of a handshake there is nobody to ask: a clean failure, and no use of OpenSSL's own signing. */
static void fails_outside_a_handshake(void **state)
{
    (void)state;
    struct vc_fail fail = {0};
    struct vc_provider *p = vc_provider_new(&fail);
    struct vc_question q = {0};
    for (int asked = 0; asked < 2; asked++) {
        vc_provider_enter(asked ? &q : NULL); /* a question, but no job that could be paused */
        for (size_t i = 0; i < 4; i++) {
            EVP_PKEY *real = test_key(kinds[i]);
            EVP_PKEY *key = vc_provider_key(p, real, 7, &fail);
            EVP_MD_CTX *ctx = EVP_MD_CTX_new();
            uint8_t sig[1024];
            size_t n = sizeof(sig);
            assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", vc_provider_lib(p), NULL, key, NULL), 1);
            assert_int_equal(EVP_DigestSign(ctx, NULL, &n, (const uint8_t *)"x", 1), 1);
            assert_int_equal(n, EVP_PKEY_get_size(real));
            assert_int_not_equal(EVP_DigestSign(ctx, sig, &n, (const uint8_t *)"x", 1), 1);
            EVP_MD_CTX_free(ctx);
            ctx = EVP_MD_CTX_new();
            assert_int_not_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA1", vc_provider_lib(p), NULL, key, NULL), 1);
            EVP_MD_CTX_free(ctx);
            EVP_PKEY_free(key);
            EVP_PKEY_free(real);
        }
    }
    vc_provider_enter(NULL);
    assert_int_equal(q.state, VC_QUESTION_NONE);
    ERR_clear_error();
    vc_provider_free(p);
}

static void refuses_strange_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {"RSA-1024", "ED25519", "secp256k1"};
    struct vc_fail fail = {0};
    struct vc_provider *p = vc_provider_new(&fail);
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *real = test_key(bad[i]);
        assert_case(bad[i], !vc_provider_key(p, real, 1, &fail) && fail.cause == VC_CAUSE_CONFIG);
        EVP_PKEY_free(real);
    }
    vc_provider_free(p);
}

/* Whoever does not ask for our keys gets OpenSSL's: ECDHE works in the same context. */
static void stays_out_of_the_way(void **state)
{
    (void)state;
    struct vc_fail fail = {0};
    struct vc_provider *p = vc_provider_new(&fail);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(vc_provider_lib(p), NULL, "EC", "P-256");
    assert_non_null(key);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "default");
    EVP_PKEY_free(key);
    vc_provider_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stands_for_a_key),
        cmocka_unit_test(fails_outside_a_handshake),
        cmocka_unit_test(refuses_strange_keys),
        cmocka_unit_test(stays_out_of_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
