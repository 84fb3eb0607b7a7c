#include "table.h"

#include "wire/tls_sign.h"

/* Each case is built from parts, so that the table says what is in it. */
#define RANDOMS "the client random of 32 bytes...the server random of 32 bytes..."
#define SPACES "                                                                "
#define SERVER SPACES "TLS 1.3, server CertificateVerify\0"
#define H16 "0123456789abcdef"

/* Short names, so that a case fits on a line. */
#define RSA VC_TLS_KEY_RSA
#define P256 VC_TLS_KEY_P256
#define P384 VC_TLS_KEY_P384
#define P521 VC_TLS_KEY_P521
#define NONE VC_TLS_KEY_NONE
#define IS_13 VC_TLS_SIGN_13
#define IS_12_ECDHE VC_TLS_SIGN_12_ECDHE
#define IS_12_DHE VC_TLS_SIGN_12_DHE
#define BYTES_NO VC_TLS_SIGN_BAD_BYTES
#define SCHEME_NO VC_TLS_SIGN_BAD_SCHEME
#define NONE_MORE BYTES("")

struct row {
    const char *name;
    enum vc_tls_key_type key;
    uint16_t scheme;
    struct bytes head;
    size_t fill; /* bytes of 'x' behind head */
    struct bytes tail;
    enum vc_tls_sign want;
};

// clang-format off
static void checks(void **state)
{
    const struct row rows[] = {
    {"1.3 rsa-pss, SHA-256",      RSA,  0x0804, BYTES(SERVER), 32, NONE_MORE, IS_13},
    {"1.3 rsa-pss, SHA-384",      RSA,  0x0805, BYTES(SERVER), 48, NONE_MORE, IS_13},
    {"1.3 rsa-pss, SHA-512",      RSA,  0x0806, BYTES(SERVER), 64, NONE_MORE, IS_13},
    {"1.3 P-256",                 P256, 0x0403, BYTES(SERVER), 32, NONE_MORE, IS_13},
    {"1.3 P-384",                 P384, 0x0503, BYTES(SERVER), 48, NONE_MORE, IS_13},
    {"1.3 P-521",                 P521, 0x0603, BYTES(SERVER), 48, NONE_MORE, IS_13},
    {"1.3 a scheme of another curve", P256, 0x0503, BYTES(SERVER), 48, NONE_MORE, SCHEME_NO},
    {"1.3 PKCS#1",                RSA,  0x0401, BYTES(SERVER), 32, NONE_MORE, SCHEME_NO},
    {"1.3 RSA key, ECDSA scheme", RSA,  0x0403, BYTES(SERVER), 32, NONE_MORE, SCHEME_NO},
    {"1.3 EC key, RSA scheme",    P256, 0x0804, BYTES(SERVER), 32, NONE_MORE, SCHEME_NO},
    {"1.3 SHA-1",                 RSA,  0x0201, BYTES(SERVER), 32, NONE_MORE, SCHEME_NO},
    {"1.3 no key",                NONE, 0x0804, BYTES(SERVER), 32, NONE_MORE, SCHEME_NO},
    {"1.3 hash of 31",            RSA,  0x0804, BYTES(SERVER), 31, NONE_MORE, BYTES_NO},
    {"1.3 hash of 33",            RSA,  0x0804, BYTES(SERVER), 33, NONE_MORE, BYTES_NO},
    {"1.3 no hash",               RSA,  0x0804, BYTES(SERVER), 0,  NONE_MORE, BYTES_NO},
    {"1.3 a client's context",    RSA,  0x0804, BYTES(SPACES "TLS 1.3, client CertificateVerify\0"), 32,
     NONE_MORE, BYTES_NO},
    {"1.3 without the zero",      RSA,  0x0804, BYTES(SPACES "TLS 1.3, server CertificateVerify "), 32,
     NONE_MORE, BYTES_NO},
    {"1.3 63 spaces and a tab",   RSA,  0x0804, BYTES("\t                              "
     "                                 TLS 1.3, server CertificateVerify\0"), 32, NONE_MORE, BYTES_NO},
    {"1.3 context of a delegated credential", RSA, 0x0804,
     BYTES(SPACES "TLS, server delegated credentials\0"),
     32, NONE_MORE, BYTES_NO},
    {"1.2 P-256 point, PKCS#1",   RSA,  0x0401, BYTES(RANDOMS "\x03\0\x17\x41\x04"), 64, NONE_MORE, IS_12_ECDHE},
    {"1.2 P-384 point, PSS",      RSA,  0x0805, BYTES(RANDOMS "\x03\0\x18\x61\x04"), 96, NONE_MORE, IS_12_ECDHE},
    {"1.2 P-521 point",           P521, 0x0603, BYTES(RANDOMS "\x03\0\x19\x85\x04"), 132, NONE_MORE, IS_12_ECDHE},
    {"1.2 x25519",                P256, 0x0403, BYTES(RANDOMS "\x03\0\x1d\x20"), 32, NONE_MORE, IS_12_ECDHE},
    {"1.2 x448, any hash with any curve", P256, 0x0603, BYTES(RANDOMS "\x03\0\x1e\x38"), 56, NONE_MORE, IS_12_ECDHE},
    {"1.2 SHA-1",                 RSA,  0x0201, BYTES(RANDOMS "\x03\0\x1d\x20"), 32, NONE_MORE, SCHEME_NO},
    {"1.2 a byte too much",       RSA,  0x0401, BYTES(RANDOMS "\x03\0\x1d\x20"), 33, NONE_MORE, BYTES_NO},
    {"1.2 a byte too few",        RSA,  0x0401, BYTES(RANDOMS "\x03\0\x1d\x20"), 31, NONE_MORE, BYTES_NO},
    {"1.2 wrong length for the curve", RSA, 0x0401, BYTES(RANDOMS "\x03\0\x1d\x21"), 33, NONE_MORE, BYTES_NO},
    {"1.2 compressed point",      RSA,  0x0401, BYTES(RANDOMS "\x03\0\x17\x41\x02"), 64, NONE_MORE, BYTES_NO},
    {"1.2 unknown curve",         RSA,  0x0401, BYTES(RANDOMS "\x03\0\x16\x41\x04"), 64, NONE_MORE, BYTES_NO},
    {"1.2 explicit curve",        RSA,  0x0401, BYTES(RANDOMS "\x01\0\x1d\x20"), 32, NONE_MORE, BYTES_NO},
    {"1.2 DHE 2048",              RSA,  0x0401, BYTES(RANDOMS "\x01\0\xff"), 255, BYTES("\0\x01\x02\0\x04yyyy"), IS_12_DHE},
    {"1.2 DHE 8192",              RSA,  0x0806, BYTES(RANDOMS "\x04\0\xff"), 1023, BYTES("\0\x01\x02\0\x04yyyy"), IS_12_DHE},
    {"1.2 DHE one byte below",    RSA,  0x0401, BYTES(RANDOMS "\0\xff\xff"), 254, BYTES("\0\x01\x02\0\x04yyyy"), BYTES_NO},
    {"1.2 DHE one byte above",    RSA,  0x0401, BYTES(RANDOMS "\x04\x01\xff"), 1024, BYTES("\0\x01\x02\0\x04yyyy"), BYTES_NO},
    {"1.2 DHE 2047 bit",          RSA,  0x0401, BYTES(RANDOMS "\x01\0\x7f"), 255, BYTES("\0\x01\x02\0\x04yyyy"), BYTES_NO},
    {"1.2 DHE no g",              RSA,  0x0401, BYTES(RANDOMS "\x01\0\xff"), 255, BYTES("\0\0\0\x04yyyy"), BYTES_NO},
    {"1.2 DHE no Ys",             RSA,  0x0401, BYTES(RANDOMS "\x01\0\xff"), 255, BYTES("\0\x01\x02\0\0"), BYTES_NO},
    {"1.2 DHE more behind",       RSA,  0x0401, BYTES(RANDOMS "\x01\0\xff"), 255, BYTES("\0\x01\x02\0\x04yyyyz"), BYTES_NO},
    {"nothing",                   RSA,  0x0401, NONE_MORE, 0, NONE_MORE, BYTES_NO},
    {"a hash",                    RSA,  0x0401, BYTES(H16 H16), 0, NONE_MORE, BYTES_NO},
    {"a document",                RSA,  0x0804, BYTES("I owe you "), 4000, NONE_MORE, BYTES_NO},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        uint8_t raw[8192];
        size_t n = 0;
        memcpy(raw, r->head.at, r->head.len);
        n += r->head.len;
        memset(raw + n, 'x', r->fill);
        n += r->fill;
        memcpy(raw + n, r->tail.at, r->tail.len);
        n += r->tail.len;
        uint8_t *p = exact(raw, n);
        enum vc_tls_sign got = vc_tls_sign_check(r->key, r->scheme, p, n);
        if (got != r->want)
            fail_msg("case '%s': %s", r->name, vc_tls_sign_name(got));
        assert_case(r->name, vc_tls_sign_ok(got) == (r->want <= VC_TLS_SIGN_12_DHE));
        free(p);
    }
}

/* No message of one form is one of the other: the client chooses its random, not what follows the two. */
static void forms_are_disjoint(void **state)
{
    (void)state;
    uint8_t bytes[64 + 34 + 32];
    memset(bytes, ' ', 64);
    memcpy(bytes + 64, "TLS 1.3, server CertificateVerify", 34);
    for (int b = 0; b < 256; b++) {
        memset(bytes + 98, b, 32);
        assert_int_equal(vc_tls_sign_check(VC_TLS_KEY_RSA, VC_TLS_RSA_PKCS1_SHA256, bytes, sizeof(bytes)),
                         VC_TLS_SIGN_BAD_SCHEME);
    }
    bytes[0] = 'x'; /* a random now, and what follows is no key exchange */
    assert_int_equal(vc_tls_sign_check(VC_TLS_KEY_RSA, VC_TLS_RSA_PSS_SHA256, bytes, sizeof(bytes)),
                     VC_TLS_SIGN_BAD_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checks), cmocka_unit_test(forms_are_disjoint)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
