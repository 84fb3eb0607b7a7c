#ifndef VC_TESTS_CERTS_H
#define VC_TESTS_CERTS_H

/** Keys and certificates for tests, made when the test runs. */
#include "table.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/** "RSA-2048", "P-256", "ED25519", ...; NULL: ends the test. */
static inline EVP_PKEY *test_key(const char *kind)
{
    EVP_PKEY *key = NULL;
    if (strncmp(kind, "RSA-", 4) == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(kind + 4, NULL, 10));
    else if (strncmp(kind, "RSAPSS-", 7) == 0) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
        assert_true(EVP_PKEY_keygen_init(ctx) == 1 &&
                    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)strtol(kind + 7, NULL, 10)) == 1 &&
                    EVP_PKEY_generate(ctx, &key) == 1);
        EVP_PKEY_CTX_free(ctx);
    } else if (strncmp(kind, "ED", 2) == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    assert_non_null(key);
    return key;
}

/** A certificate over @key, self-signed or signed by @issuer's key. */
static inline X509 *test_cert(EVP_PKEY *key, const char *name, EVP_PKEY *issuer_key, X509 *issuer)
{
    X509 *x = X509_new();
    X509_NAME *n = X509_NAME_new();
    static long serial = 1;
    assert_true(x && n && X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), serial++));
    assert_true(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0));
    assert_true(X509_set_subject_name(x, n) && X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : n));
    assert_true(ASN1_TIME_set_string(X509_getm_notBefore(x), "20200101000000Z"));
    assert_true(ASN1_TIME_set_string(X509_getm_notAfter(x), "20700101000000Z"));
    assert_true(X509_set_pubkey(x, key));
    EVP_PKEY *by = issuer_key ? issuer_key : key;
    assert_true(X509_sign(x, by, EVP_PKEY_is_a(by, "ED25519") ? NULL : EVP_sha256()) > 0);
    X509_NAME_free(n);
    return x;
}

/** Text of a memory BIO, as a block of its own with a NUL behind; frees the BIO. */
static inline char *test_bio_text(BIO *bio, size_t *len)
{
    char *at = NULL;
    long n = BIO_get_mem_data(bio, &at);
    char *text = malloc((size_t)n + 1);
    assert_true(text && n > 0);
    memcpy(text, at, (size_t)n);
    text[n] = 0;
    if (len)
        *len = (size_t)n;
    BIO_free(bio);
    return text;
}

static inline char *test_cert_pem(X509 *const *certs, size_t n, size_t *len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    for (size_t i = 0; i < n; i++)
        assert_true(PEM_write_bio_X509(bio, certs[i]) == 1);
    return test_bio_text(bio, len);
}

/** @password NULL: not encrypted. */
static inline char *test_key_pem(EVP_PKEY *key, const char *password, size_t *len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PKCS8PrivateKey(bio, key, password ? EVP_aes_256_cbc() : NULL, NULL, 0, NULL,
                                              (void *)(uintptr_t)password) == 1);
    return test_bio_text(bio, len);
}

#endif
