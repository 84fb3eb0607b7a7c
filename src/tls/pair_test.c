#include "certs.h"

#include "base/str.h"
#include "crypto/hash.h"
#include "tls/pair.h"

struct made {
    EVP_PKEY *key;
    X509 *cert;
    char *key_pem, *cert_pem;
    size_t key_len, cert_len;
};

static struct made make(const char *kind)
{
    struct made m = {.key = test_key(kind)};
    m.cert = test_cert(m.key, "vpn.example", NULL, NULL);
    m.key_pem = test_key_pem(m.key, NULL, &m.key_len);
    m.cert_pem = test_cert_pem(&m.cert, 1, &m.cert_len);
    return m;
}

static void unmake(struct made *m)
{
    EVP_PKEY_free(m->key);
    X509_free(m->cert);
    free(m->key_pem);
    free(m->cert_pem);
}

static int check(const void *chain, size_t chain_len, const void *key, size_t key_len, struct vc_pair *out,
                 struct vc_fail *fail)
{
    void *a = exact(chain, chain_len), *b = exact(key, key_len);
    int rc = vc_pair_check(a, chain_len, b, key_len, out, fail);
    free(a);
    free(b);
    return rc;
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        enum vc_tls_key_type type; /* NONE: refused, and the reason holds... */
        const char *reason;
    } rows[] = {
        {"RSA-2048", VC_TLS_KEY_RSA, ""},
        {"RSA-3072", VC_TLS_KEY_RSA, ""},
        {"RSA-2047", VC_TLS_KEY_NONE, "2048"},
        {"P-256", VC_TLS_KEY_P256, ""},
        {"P-384", VC_TLS_KEY_P384, ""},
        {"P-521", VC_TLS_KEY_P521, ""},
        {"secp256k1", VC_TLS_KEY_NONE, "curve"},
        {"ED25519", VC_TLS_KEY_NONE, "RSA and ECDSA"},
        {"RSAPSS-2048", VC_TLS_KEY_NONE, "RSA and ECDSA"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m = make(rows[i].kind);
        struct vc_pair pair;
        struct vc_fail fail = {0};
        int rc = check(m.cert_pem, m.cert_len, m.key_pem, m.key_len, &pair, &fail);
        assert_case(rows[i].kind, (rc == 0) == (rows[i].type != VC_TLS_KEY_NONE));
        assert_case(rows[i].kind, pair.type == rows[i].type);
        if (rc != 0) {
            assert_case(rows[i].kind, fail.cause == VC_CAUSE_CONFIG && strstr(fail.detail, rows[i].reason));
        } else {
            uint8_t *der = NULL, sha1[20];
            char hex[41];
            struct vc_piece piece = {.len = (size_t)i2d_X509(m.cert, &der)};
            piece.at = der;
            assert_int_equal(vc_hash(VC_HASH_SHA1, &piece, 1, sha1), 0);
            vc_hex_encode_upper(sha1, 20, hex);
            assert_string_equal(pair.cert_hash, hex);
            OPENSSL_free(der);
            uint8_t pin[32];
            der = NULL;
            piece.len = (size_t)i2d_PUBKEY(m.key, &der);
            piece.at = der;
            assert_int_equal(vc_hash(VC_HASH_SHA256, &piece, 1, pin), 0);
            assert_memory_equal(pair.pin, pin, 32);
            OPENSSL_free(der);
            char text[64] = "pin-sha256:";
            assert_true(vc_base64_encode(pin, 32, text + 11, sizeof(text) - 11));
            assert_string_equal(pair.pin_text, text);
            assert_int_equal(pair.n_chain, 1);
            assert_int_equal(pair.bits, EVP_PKEY_get_bits(m.key));
            assert_int_equal(pair.not_before_s, 1577836800);
            assert_int_equal(pair.not_after_s, 3155760000);
        }
        unmake(&m);
    }
}

static void chains(void **state)
{
    (void)state;
    struct made a = make("P-256"), b = make("P-256"), r = make("RSA-2048");
    X509 *certs[VC_CHAIN_MAX + 1];
    for (size_t i = 0; i < VC_CHAIN_MAX + 1; i++)
        certs[i] = i == 0 ? a.cert : b.cert;
    size_t ten_len, eleven_len;
    char *ten = test_cert_pem(certs, VC_CHAIN_MAX, &ten_len),
         *eleven = test_cert_pem(certs, VC_CHAIN_MAX + 1, &eleven_len);
    size_t locked_len;
    char *locked = test_key_pem(a.key, "secret", &locked_len);
    char *both = NULL;
    int both_len = asprintf(&both, "a comment\n%s%sanother\n", a.key_pem, a.cert_pem);
    char *cut = strndup(a.cert_pem, a.cert_len / 2);
    char *bent = strdup(a.cert_pem);
    strchr(bent, '\n')[1] = 'A'; /* no SEQUENCE any more */
    char *large = calloc(1, VC_CHAIN_PEM_MAX + 1);
    memset(large, '\n', VC_CHAIN_PEM_MAX + 1);
    memcpy(large, a.cert_pem, a.cert_len);
    const struct {
        const char *name;
        const char *chain;
        size_t chain_len;
        const char *key;
        size_t key_len;
        const char *reason; /* NULL: good */
        unsigned n_chain;
    } rows[] = {
        {"one", a.cert_pem, a.cert_len, a.key_pem, a.key_len, NULL, 1},
        {"ten", ten, ten_len, a.key_pem, a.key_len, NULL, 10},
        {"eleven", eleven, eleven_len, a.key_pem, a.key_len, "more than 10", 0},
        {"key and certificate in one file", both, (size_t)both_len, both, (size_t)both_len, NULL, 1},
        {"64 KiB", large, VC_CHAIN_PEM_MAX, a.key_pem, a.key_len, NULL, 1},
        {"64 KiB and a byte", large, VC_CHAIN_PEM_MAX + 1, a.key_pem, a.key_len, "larger than 65536", 0},
        {"another key of the kind", a.cert_pem, a.cert_len, b.key_pem, b.key_len, "does not belong", 0},
        {"another kind of key", a.cert_pem, a.cert_len, r.key_pem, r.key_len, "does not belong", 0},
        {"the key of the second certificate", ten, ten_len, b.key_pem, b.key_len, "does not belong", 0},
        {"an encrypted key", a.cert_pem, a.cert_len, locked, locked_len, "encrypted", 0},
        {"a certificate for a key", a.cert_pem, a.cert_len, a.cert_pem, a.cert_len, "no private key", 0},
        {"a key for a certificate", a.key_pem, a.key_len, a.key_pem, a.key_len, "no certificate", 0},
        {"no certificate", "", 0, a.key_pem, a.key_len, "no certificate", 0},
        {"no key", a.cert_pem, a.cert_len, "", 0, "no private key", 0},
        {"half a certificate", cut, strlen(cut), a.key_pem, a.key_len, "certificate", 0},
        {"a byte changed in the DER", bent, strlen(bent), a.key_pem, a.key_len, "certificate", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_pair pair;
        struct vc_fail fail = {0};
        int rc = check(rows[i].chain, rows[i].chain_len, rows[i].key, rows[i].key_len, &pair, &fail);
        if ((rc == 0) != (rows[i].reason == NULL) || (rc != 0 && !strstr(fail.detail, rows[i].reason)))
            fail_msg("case '%s': %d %s", rows[i].name, rc, fail.detail);
        assert_case(rows[i].name, pair.n_chain == rows[i].n_chain);
        assert_case(rows[i].name, rc == 0 || fail.cause == VC_CAUSE_CONFIG);
    }
    free(ten);
    free(eleven);
    free(locked);
    free(both);
    free(cut);
    free(bent);
    free(large);
    unmake(&a);
    unmake(&b);
    unmake(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(chains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
