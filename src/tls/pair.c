#include "tls/pair.h"

#include "base/str.h"

#include <limits.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

/* OpenSSL would ask the terminal. */
static int no_password(char *buf, int size, int writing, void *asked)
{
    (void)writing;
    if (size > 0)
        buf[0] = 0;
    *(bool *)asked = true;
    return -1;
}

/* OpenSSL's own words for what went last, else @otherwise. */
static const char *reason(const char *otherwise)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    return words ? words : otherwise;
}

enum vc_tls_key_type vc_pair_key_type(const EVP_PKEY *key, const char **why)
{
    *why = "only RSA and ECDSA keys are served";
    if (EVP_PKEY_is_a(key, "RSA")) {
        *why = "an RSA key must have 2048 to 8192 bits";
        int bits = EVP_PKEY_get_bits(key);
        return bits >= VC_KEY_RSA_BITS_MIN && bits <= VC_KEY_RSA_BITS_MAX ? VC_TLS_KEY_RSA : VC_TLS_KEY_NONE;
    }
    if (!EVP_PKEY_is_a(key, "EC"))
        return VC_TLS_KEY_NONE;
    *why = "an ECDSA key must be on the curve P-256, P-384 or P-521";
    char group[64];
    size_t len = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1)
        return VC_TLS_KEY_NONE;
    if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)
        return VC_TLS_KEY_P256;
    if (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0)
        return VC_TLS_KEY_P384;
    if (strcmp(group, "secp521r1") == 0 || strcmp(group, "P-521") == 0)
        return VC_TLS_KEY_P521;
    return VC_TLS_KEY_NONE;
}

int vc_pair_chain(OSSL_LIB_CTX *lib, const void *pem, size_t len, X509 *certs[VC_CHAIN_MAX], size_t *n,
                  struct vc_fail *fail)
{
    int rc = -1;
    size_t have = 0;
    bool asked = false;
    *n = 0;
    if (len > VC_CHAIN_PEM_MAX)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the certificate file is larger than %d bytes", VC_CHAIN_PEM_MAX);
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(len ? pem : "", (int)len);
    if (!bio)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "certificate");
    for (;;) {
        X509 *cert = X509_new_ex(lib, NULL);
        if (!cert) {
            (void)vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "certificate");
            goto out;
        }
        if (!PEM_read_bio_X509(bio, &cert, no_password, &asked)) {
            X509_free(cert); /* NULL where the parser has freed it */
            if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
                break;
            (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "certificate %zu of the chain: %s", have + 1,
                              reason("malformed"));
            goto out;
        }
        if (have == VC_CHAIN_MAX) {
            X509_free(cert);
            (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the chain has more than %d certificates", VC_CHAIN_MAX);
            goto out;
        }
        certs[have++] = cert;
    }
    if (have == 0) {
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "no certificate in PEM form (BEGIN CERTIFICATE)");
        goto out;
    }
    *n = have;
    have = 0;
    rc = 0;
out:
    while (have > 0)
        X509_free(certs[--have]);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

EVP_PKEY *vc_pair_key(const void *pem, size_t len, enum vc_tls_key_type *type, struct vc_fail *fail)
{
    bool asked = false;
    const char *why = "";
    *type = VC_TLS_KEY_NONE;
    if (len > VC_KEY_PEM_MAX) {
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the key file is larger than %d bytes", VC_KEY_PEM_MAX);
        return NULL;
    }
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(len ? pem : "", (int)len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, &asked) : NULL;
    BIO_free(bio);
    if (!key) {
        if (asked)
            (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the private key is encrypted: store it without a password");
        else if (len == 0 || !memmem(pem, len, "PRIVATE KEY-----", 16))
            (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "no private key in PEM form (BEGIN PRIVATE KEY)");
        else
            (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the private key is malformed or of an unknown kind (%s)",
                              reason("no reason"));
        ERR_clear_error();
        return NULL;
    }
    *type = vc_pair_key_type(key, &why);
    if (*type == VC_TLS_KEY_NONE) {
        EVP_PKEY_free(key);
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the private key: %s", why);
        return NULL;
    }
    return key;
}

/* A signature proves more than equal public halves: a PEM file may hold a public half that is not its private one's. */
static bool belongs(EVP_PKEY *public, EVP_PKEY *private)
{
    static const uint8_t text[] = "varco: do these two belong together?";
    uint8_t sig[VC_TLS_SIGNATURE_MAX];
    size_t len = sizeof(sig);
    bool ok = false;
    EVP_MD_CTX *sign = EVP_MD_CTX_new();
    EVP_MD_CTX *verify = EVP_MD_CTX_new();
    if (EVP_PKEY_eq(public, private) != 1 || !sign || !verify)
        goto out;
    ok = EVP_DigestSignInit_ex(sign, NULL, "SHA256", NULL, NULL, private, NULL) == 1 &&
         EVP_DigestSign(sign, sig, &len, text, sizeof(text)) == 1 &&
         EVP_DigestVerifyInit_ex(verify, NULL, "SHA256", NULL, NULL, public, NULL) == 1 &&
         EVP_DigestVerify(verify, sig, len, text, sizeof(text)) == 1;
out:
    EVP_MD_CTX_free(sign);
    EVP_MD_CTX_free(verify);
    return ok;
}

static bool seconds(const ASN1_TIME *when, int64_t *out)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(when, &tm))
        return false;
    *out = timegm(&tm);
    return true;
}

static int describe(X509 *leaf, struct vc_pair *out, struct vc_fail *fail)
{
    uint8_t sha1[SHA_DIGEST_LENGTH];
    uint8_t *spki = NULL;
    unsigned n = 0;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
    bool ok = len > 0 && X509_digest(leaf, EVP_sha1(), sha1, &n) == 1 &&
              EVP_Digest(spki, (size_t)len, out->pin, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(spki);
    if (!ok)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the certificate: %s", reason("cannot be hashed"));
    if (!seconds(X509_get0_notBefore(leaf), &out->not_before_s) ||
        !seconds(X509_get0_notAfter(leaf), &out->not_after_s))
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the certificate: its validity is malformed");
    vc_hex_encode_upper(sha1, sizeof(sha1), out->cert_hash);
    memcpy(out->pin_text, "pin-sha256:", 11);
    (void)vc_base64_encode(out->pin, sizeof(out->pin), out->pin_text + 11, sizeof(out->pin_text) - 11);
    return 0;
}

int vc_pair_check(const void *chain_pem, size_t chain_len, const void *key_pem, size_t key_len, struct vc_pair *out,
                  struct vc_fail *fail)
{
    X509 *certs[VC_CHAIN_MAX] = {NULL};
    size_t n = 0;
    enum vc_tls_key_type key_type;
    const char *why = "";
    int rc = -1;
    *out = (struct vc_pair){0};
    if (vc_pair_chain(NULL, chain_pem, chain_len, certs, &n, fail))
        return -1;
    EVP_PKEY *key = vc_pair_key(key_pem, key_len, &key_type, fail);
    if (!key)
        goto out;
    EVP_PKEY *public = X509_get0_pubkey(certs[0]);
    enum vc_tls_key_type type = public ? vc_pair_key_type(public, &why) : VC_TLS_KEY_NONE;
    if (type == VC_TLS_KEY_NONE) {
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "the certificate's key: %s", public ? why : "malformed");
        goto out;
    }
    if (type != key_type || !belongs(public, key)) {
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0,
                          "the private key does not belong to the first certificate of the chain (%s, %s)",
                          vc_tls_key_type_name(key_type), vc_tls_key_type_name(type));
        goto out;
    }
    if (describe(certs[0], out, fail))
        goto out;
    out->type = type;
    out->bits = (unsigned)EVP_PKEY_get_bits(public);
    out->n_chain = (unsigned)n;
    rc = 0;
out:
    EVP_PKEY_free(key);
    while (n > 0)
        X509_free(certs[--n]);
    ERR_clear_error();
    return rc;
}
