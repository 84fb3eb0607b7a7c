#include "certs.h"

#include "tls/pair.h"
#include "tls/self_signed.h"

#define NOW 1800000000 /* January 2027 */

static X509 *parsed(const struct vc_self_signed *s)
{
    BIO *bio = BIO_new_mem_buf(s->cert, (int)s->cert_len);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x);
    return x;
}

static void hosts(void **state)
{
    (void)state;
    char longest[VC_SELF_SIGNED_HOST_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    for (size_t i = 63; i < sizeof(longest); i += 64)
        longest[i] = '.';
    longest[VC_SELF_SIGNED_HOST_MAX] = 0;
    char longer[sizeof(longest)];
    memcpy(longer, longest, sizeof(longer));
    longer[VC_SELF_SIGNED_HOST_MAX] = 'a';
    longer[VC_SELF_SIGNED_HOST_MAX + 1] = 0;
    const struct {
        const char *host;
        int family;         /* of an address */
        const char *reason; /* NULL: good */
    } rows[] = {
        {"vpn.example.com", 0, NULL},
        {"VPN-2.Example.COM", 0, NULL},
        {"gateway", 0, NULL},
        {"1.example", 0, NULL},
        {"xn--bcher-kva.example", 0, NULL},
        {longest, 0, NULL},
        {"192.0.2.1", VC_FAMILY_V4, NULL},
        {"10.0.0.1", VC_FAMILY_V4, NULL},
        {"2001:db8::1", VC_FAMILY_V6, NULL},
        {"", 0, "no host name"},
        {".", 0, "no host name"},
        {"vpn.example.com.", 0, "dot"},
        {"vpn..example.com", 0, "no host name"},
        {"-vpn.example.com", 0, "no host name"},
        {"vpn-.example.com", 0, "no host name"},
        {"vpn_1.example.com", 0, "no host name"},
        {"https://vpn.example.com", 0, "without https://"},
        {"vpn.example.com:443", 0, "and port"},
        {"vpn example.com", 0, "no host name"},
        {"*.example.com", 0, "no host name"},
        {"b\xc3\xbc\x63her.example", 0, "xn--"},
        {"evil\x1b[31m", 0, "evil?[31m"},
        {"192.0.2", 0, "number"},
        {"192.0.2.256", 0, "number"},
        {"[2001:db8::1]", 0, "no host name"},
        {longer, 0, "253"},
        {"127.0.0.1", 0, "reach"},
        {"0.0.0.0", 0, "reach"},
        {"fe80::1", 0, "reach"},
        {"::1", 0, "reach"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_fail fail = {0};
        struct vc_ip ip;
        size_t len = strlen(rows[i].host);
        char *host = exact(rows[i].host, len);
        int rc = vc_self_signed_host((struct vc_str){host, len}, &ip, &fail);
        assert_case(rows[i].host, rc == (rows[i].reason ? -1 : 0));
        if (rc != 0)
            assert_case(rows[i].host, fail.cause == VC_CAUSE_CONFIG && strstr(fail.detail, rows[i].reason));
        else
            assert_case(rows[i].host, ip.family == rows[i].family);
        struct vc_self_signed made;
        assert_case(rows[i].host, vc_self_signed_make(&made, (struct vc_str){host, len}, NOW, &fail) == rc);
        assert_case(rows[i].host, (made.key_len > 0) == (rc == 0));
        if (rc == 0) {
            X509 *x = parsed(&made);
            assert_case(rows[i].host, (ip.family ? X509_check_ip_asc(x, rows[i].host, 0)
                                                 : X509_check_host(x, rows[i].host, len, 0, NULL)) == 1);
            assert_case(rows[i].host, X509_check_host(x, "other.example", 13, 0, NULL) == 0);
            X509_free(x);
        }
        vc_self_signed_deinit(&made);
        free(host);
    }
}

/* What clients and the gateway ask of it. */
static void content(void **state)
{
    (void)state;
    struct vc_self_signed a, b;
    struct vc_pair pair, other;
    struct vc_fail fail = {0};
    assert_int_equal(vc_self_signed_make(&a, VC_STR("vpn.example.com"), NOW, &fail), 0);
    assert_int_equal(vc_self_signed_make(&b, VC_STR("vpn.example.com"), NOW, &fail), 0);
    assert_true(strlen(a.key) == a.key_len && strlen(a.cert) == a.cert_len);
    assert_non_null(strstr(a.key, "-----BEGIN PRIVATE KEY-----"));
    assert_int_equal(vc_pair_check(a.cert, a.cert_len, a.key, a.key_len, &pair, &fail), 0);
    assert_int_equal(vc_pair_check(b.cert, b.cert_len, b.key, b.key_len, &other, &fail), 0);
    assert_int_equal(pair.type, VC_TLS_KEY_P256);
    assert_int_equal(pair.n_chain, 1);
    assert_int_equal(pair.not_before_s, NOW - 3600);
    assert_int_equal(pair.not_after_s - pair.not_before_s, VC_SELF_SIGNED_DAYS * 86400 - 1);
    assert_string_not_equal(pair.pin_text, other.pin_text); /* a key of its own each time */
    assert_int_equal(vc_pair_check(a.cert, a.cert_len, b.key, b.key_len, &other, &fail), -1);

    X509 *x = parsed(&a), *y = parsed(&b);
    assert_int_equal(X509_get_version(x), X509_VERSION_3);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(x), X509_get0_serialNumber(y)), 0);
    assert_int_equal(X509_self_signed(x, 1), 1);
    assert_int_equal(X509_check_ca(x), 0);
    assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 0);
    assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER);
    assert_non_null(X509_get0_subject_key_id(x));
    char cn[80];
    assert_int_equal(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn)), 15);
    assert_string_equal(cn, "vpn.example.com");

    /* taken as a trust anchor by who does not pin */
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, x), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, x, NULL), 1);
    X509_VERIFY_PARAM *how = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(how, NOW);
    assert_int_equal(X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_SERVER), 1);
    assert_int_equal(X509_VERIFY_PARAM_set1_host(how, "vpn.example.com", 0), 1);
    assert_int_equal(X509_verify_cert(ctx), 1);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(x);
    X509_free(y);
    vc_self_signed_deinit(&a);
    assert_true(a.key_len == 0 && a.key[0] == 0);
    vc_self_signed_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(content)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
