#include "proto/dtls_select.h"
#include "table.h"

#define OC_LIST "PSK-NEGOTIATE:OC-DTLS1_2-AES256-GCM:OC2-DTLS1_2-CHACHA20-POLY1305:OC-DTLS1_2-AES128-GCM:AES128-SHA"
#define SC_LIST "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-GCM-SHA256"
#define ANY VC_AEAD_NONE
#define A128 VC_AEAD_AES_128_GCM
#define A256 VC_AEAD_AES_256_GCM
#define CHA VC_AEAD_CHACHA20_POLY1305

static void test_table(void **state)
{
    // clang-format off
    const struct {
        const char *name, *dtls, *dtls12;
        bool secret;
        struct vc_dtls_policy policy; /* psk, legacy, match_tls */
        enum vc_aead_alg tls;
        const char *want; /* NULL: none */
        bool in12;
        enum vc_aead_alg psk_aead;
        enum vc_cause cause;
    } cases[] = {
        {"openconnect: PSK beats all",      OC_LIST, SC_LIST, true, {true, 0, false}, A256, "PSK-NEGOTIATE", false, ANY, 0},
        {"PSK needs no secret",             OC_LIST, SC_LIST, false, {true, 0, false}, A256, "PSK-NEGOTIATE", false, ANY, 0},
        {"PSK in the other header",         "", "PSK-NEGOTIATE", false, {true, 0, false}, A256, "PSK-NEGOTIATE", false, ANY, 0},
        {"PSK held to the TLS cipher",      OC_LIST, "", true, {true, 0, true}, A128, "PSK-NEGOTIATE", false, A128, 0},
        {"PSK when legacy is false",        OC_LIST, SC_LIST, true, {true, VC_DTLS_LEGACY_FALSE, false}, A256, "PSK-NEGOTIATE", false, ANY, 0},
        {"dtls-psk off: X-DTLS12",          OC_LIST, SC_LIST, true, {false, 0, false}, A256, "ECDHE-RSA-AES256-GCM-SHA384", true, ANY, 0},
        {"legacy false and psk off: none",  OC_LIST, SC_LIST, true, {false, VC_DTLS_LEGACY_FALSE, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"legacy false, no PSK: none",      "AES128-SHA", SC_LIST, true, {true, VC_DTLS_LEGACY_FALSE, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"the client's order",              "", "AES128-GCM-SHA256:AES256-GCM-SHA384", true, {true, 0, false}, A256, "AES128-GCM-SHA256", true, ANY, 0},
        {"matching the TLS cipher",         "", "AES128-GCM-SHA256:AES256-GCM-SHA384", true, {true, 0, true}, A256, "AES256-GCM-SHA384", true, ANY, 0},
        {"nothing matches the TLS cipher",  "OC-DTLS1_2-AES128-GCM", "AES128-GCM-SHA256", true, {true, 0, true}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"the TLS cipher is none of ours",  OC_LIST, SC_LIST, true, {true, 0, true}, ANY, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"unknown and empty names skipped", "", ":\r\n:X:DHE-DSS-AES128-SHA::AES256-GCM-SHA384\r\n", true, {true, 0, false}, A128, "AES256-GCM-SHA384", true, ANY, 0},
        {"ChaCha in front of GCM",          "", "ECDHE-RSA-CHACHA20-POLY1305:AES256-GCM-SHA384", true, {true, 0, false}, A256, "ECDHE-RSA-CHACHA20-POLY1305", true, ANY, 0},
        {"ChaCha behind GCM",               "", "AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305", true, {true, 0, false}, CHA, "AES256-GCM-SHA384", true, ANY, 0},
        {"ChaCha alone in X-DTLS12",        "OC-DTLS1_2-AES256-GCM", "ECDHE-ECDSA-CHACHA20-POLY1305", true, {true, 0, false}, A256, "ECDHE-ECDSA-CHACHA20-POLY1305", true, ANY, 0},
        {"OC names",                        "OC-DTLS1_2-AES128-GCM:OC-DTLS1_2-AES256-GCM", "", true, {true, 0, false}, A256, "OC-DTLS1_2-AES128-GCM", false, ANY, 0},
        {"OC GCM before OC2, any order",    "OC2-DTLS1_2-CHACHA20-POLY1305:OC-DTLS1_2-AES256-GCM", "", true, {true, 0, false}, A256, "OC-DTLS1_2-AES256-GCM", false, ANY, 0},
        {"OC2 alone",                       "OC2-DTLS1_2-CHACHA20-POLY1305:AES128-SHA", "", true, {true, 0, false}, A256, "OC2-DTLS1_2-CHACHA20-POLY1305", false, ANY, 0},
        {"OC2 matching the TLS cipher",     "OC2-DTLS1_2-CHACHA20-POLY1305:OC-DTLS1_2-AES256-GCM", "", true, {false, 0, true}, CHA, "OC2-DTLS1_2-CHACHA20-POLY1305", false, ANY, 0},
        {"OC names only in X-DTLS",         "", "OC-DTLS1_2-AES128-GCM", true, {true, 0, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"X-DTLS12 names only there",       "AES128-GCM-SHA256", "", true, {true, 0, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"PSK suites are no names",         "PSK-AES128-GCM-SHA256", "PSK-AES256-GCM-SHA384", true, {true, 0, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"0100 is never selected",          "AES256-SHA:AES128-SHA:DES-CBC3-SHA", "", true, {true, VC_DTLS_LEGACY_TRUE, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"CBC in 1.2 neither",              "", "AES128-SHA:AES256-SHA256:DHE-RSA-AES256-SHA", true, {true, VC_DTLS_LEGACY_TRUE, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
        {"no secret",                       "OC-DTLS1_2-AES128-GCM", SC_LIST, false, {true, 0, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_BAD_SECRET},
        {"no lists",                        "", "", true, {true, 0, false}, A256, NULL, false, ANY, VC_CAUSE_DTLS_NOT_OFFERED},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_dtls_lists lists = {.secret = cases[i].secret, .tls_aead = cases[i].tls};
        struct vc_dtls_choice c;
        struct vc_fail fail = {0};
        char *dtls = exact(cases[i].dtls, strlen(cases[i].dtls));
        char *dtls12 = exact(cases[i].dtls12, strlen(cases[i].dtls12));
        lists.dtls = (struct vc_str){dtls, strlen(cases[i].dtls)};
        lists.dtls12 = (struct vc_str){dtls12, strlen(cases[i].dtls12)};
        int r = vc_dtls_select(&lists, &cases[i].policy, &c, &fail);
        assert_case(cases[i].name, r == (cases[i].want ? 0 : -1));
        assert_case(cases[i].name, r == 0 || fail.cause == cases[i].cause);
        assert_case(cases[i].name, r != 0 || strcmp(c.name->name, cases[i].want) == 0);
        assert_case(cases[i].name, r == 0 || c.name == NULL);
        assert_case(cases[i].name, c.answer_dtls12 == cases[i].in12 && c.psk_aead == cases[i].psk_aead);
        free(dtls);
        free(dtls12);
    }
    struct vc_dtls_choice c;
    assert_int_equal(
        vc_dtls_select(&(struct vc_dtls_lists){.secret = true}, &(struct vc_dtls_policy){.psk = true}, &c, NULL),
        -1); /* both headers absent */
}

static void test_detail(void **state)
{
    static const struct {
        const char *dtls, *dtls12, *detail;
    } cases[] = {
        {"", "", ""},
        {" ", "", ""},
        {"AES256-SHA", "", "offered: AES256-SHA"},
        {"", "AES256-SHA", "offered: AES256-SHA"},
        {"AES128-SHA", "AES256-SHA", "offered: AES128-SHA; AES256-SHA"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_dtls_lists lists = {.dtls = vc_str_of(cases[i].dtls), .dtls12 = vc_str_of(cases[i].dtls12)};
        struct vc_dtls_choice c;
        struct vc_fail fail = {0};
        assert_int_equal(vc_dtls_select(&lists, &(struct vc_dtls_policy){.psk = true}, &c, &fail), -1);
        assert_string_equal(fail.detail, cases[i].detail);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_detail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
