#include "wire/dtls_names.h"
#include "table.h"

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; vc_dtls_name_at(i); i++) {
        const struct vc_dtls_name *n = vc_dtls_name_at(i);
        assert_ptr_equal(vc_dtls_name_find(vc_str_of(n->name)), n); /* no name twice */
        bool ours = n->kind == VC_DTLS_CLASS_OC || n->kind == VC_DTLS_CLASS_X12 || n->kind == VC_DTLS_CLASS_PSK;
        assert_case(n->name, ours == (n->aead != VC_AEAD_NONE));
        const struct vc_dtls_name *of_code = vc_dtls_name_of_code(n->code);
        assert_case(n->name, ours == (of_code != NULL));
        if (!of_code)
            continue;
        assert_case(n->name, of_code->code == n->code && of_code->aead == n->aead && of_code->hash == n->hash);
        assert_case(n->name, of_code->kind != VC_DTLS_CLASS_OC);
        assert_case(n->name, (n->aead == VC_AEAD_AES_256_GCM) == (n->hash == VC_HASH_SHA384));
    }
}

static void test_find(void **state)
{
    // clang-format off
    static const struct {
        const char *name;
        int code; /* -1: unknown */
        enum vc_dtls_class kind;
    } cases[] = {
        {"PSK-NEGOTIATE",                 0x0000, VC_DTLS_CLASS_NEGOTIATE},
        {"OC-DTLS1_2-AES128-GCM",         0x009c, VC_DTLS_CLASS_OC},
        {"OC-DTLS1_2-AES256-GCM",         0x009d, VC_DTLS_CLASS_OC},
        {"OC2-DTLS1_2-CHACHA20-POLY1305", 0xccab, VC_DTLS_CLASS_OC},
        {"ECDHE-RSA-AES256-GCM-SHA384",   0xc030, VC_DTLS_CLASS_X12},
        {"AES128-SHA",                    0x002f, VC_DTLS_CLASS_LEGACY},
        {"DES-CBC3-SHA",                  0x000a, VC_DTLS_CLASS_UNSUPPORTED},
        {"aes128-sha",                    -1,     0},
        {"AES128-SHA ",                   -1,     0},
        {"",                              -1,     0},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct vc_dtls_name *n = vc_dtls_name_find(vc_str_of(cases[i].name));
        assert_case(cases[i].name, (n ? n->code : -1) == cases[i].code);
        assert_case(cases[i].name, !n || n->kind == cases[i].kind);
    }
    assert_null(vc_dtls_name_of_code(0));
    assert_null(vc_dtls_name_of_code(0x002f));
    assert_null(vc_dtls_name_of_code(0x1301));
}

static void test_agreed(void **state)
{
    // clang-format off
    static const struct {
        uint16_t code;
        enum vc_dtls_mode mode;
        const char *name;
    } rows[] = {
        {0xccab, VC_DTLS_MODE_PSK,    "PSK-CHACHA20-POLY1305"},
        {0xccab, VC_DTLS_MODE_RESUME, "OC2-DTLS1_2-CHACHA20-POLY1305"},
        {0x00a9, VC_DTLS_MODE_PSK,    "PSK-AES256-GCM-SHA384"},
        {0x00a9, VC_DTLS_MODE_RESUME, NULL},
        {0x009c, VC_DTLS_MODE_RESUME, "AES128-GCM-SHA256"},
        {0xcca8, VC_DTLS_MODE_RESUME, "ECDHE-RSA-CHACHA20-POLY1305"},
        {0xcca8, VC_DTLS_MODE_PSK,    NULL},
        {0,      VC_DTLS_MODE_RESUME, NULL},
        {0x002f, VC_DTLS_MODE_RESUME, NULL},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct vc_dtls_name *n = vc_dtls_name_agreed(rows[i].code, rows[i].mode);
        assert_case(rows[i].name ? rows[i].name : "none", rows[i].name ? n && !strcmp(n->name, rows[i].name) : !n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_find),
                                       cmocka_unit_test(test_agreed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
