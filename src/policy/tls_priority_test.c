#include "policy/tls_priority.h"

#include "table.h"

/* ---- What a string leaves: suites as `gnutls-cli -l --priority` lists them, less what the record layer lacks ---- */

#define S13 "1302 1303 1301"
#define EC "c02c cca9 c02b"
#define RS "c030 cca8 c02f"
#define DH "9f ccaa 9e"
#define STRONG13 "1302 1303"
#define STRONG12 "c02c cca9 c030 cca8 9f ccaa"
#define GROUPS_ALL "11ec 1d 17 18 19 1e"
#define SIGNS_ALL "403 503 603 804 805 806 401 501 601 809 80a 80b 807 808"

struct row {
    const char *text, *suites;
    const char *groups, *signatures; /* NULL: all */
    bool server_order;
};

// clang-format off
static const struct row rows[] = {
    {"NORMAL", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"normal", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"+NORMAL", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"PFS", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"SECURE128", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"LEGACY", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"PERFORMANCE", "1301 1302 1303 c02b c02c cca9 c02f c030 cca8 9e 9f ccaa", NULL, NULL, false},
    {"SECURE192", STRONG13 " " STRONG12, "18 19", "501 80a 805 808 503 603 601 80b 806", false},
    {"SECURE256", STRONG13 " " STRONG12, "18 19", "501 80a 805 808 503 603 601 80b 806", false},
    {"SUITEB128", "c02c c02b", "17 18", "403 503", false},
    {"SUITEB192", "c02c", "18", "503", false},
    {"SUITEB128:+VERS-TLS1.3", "1302 1301 c02c c02b", "17 18", "403 503", false},
    {"SUITEB128:NORMAL", "c02c c02b cca9 c030 c02f cca8 9f 9e ccaa", "17 18 11ec 1d 19 1e",
     "403 503 603 804 805 806 401 501 601 809 80a 80b 807 808", false},
    {"SECURE256:NORMAL", "1302 1303 1301 " EC " " RS " " DH, "18 19 11ec 1d 17 1e",
     "501 80a 805 808 503 603 601 80b 806 403 804 401 809 807", false},
    {"NORMAL:SECURE256", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"NONE:+SECURE256:+VERS-TLS-ALL", STRONG13 " " STRONG12, "18 19", "501 80a 805 808 503 603 601 80b 806", false},

    /* the samples of ocserv and of Debian */
    {"NORMAL:%SERVER_PRECEDENCE:%COMPAT", S13 " " EC " " RS " " DH, NULL, NULL, true},
    {"NORMAL:%SERVER_PRECEDENCE:%COMPAT:-RSA:-VERS-SSL3.0:-ARCFOUR-128", S13 " " EC " " RS " " DH, NULL, NULL, true},
    {"NORMAL:%SERVER_PRECEDENCE:%COMPAT:-RSA:-VERS-SSL3.0:-ARCFOUR-128:-VERS-TLS1.3", EC " " RS " " DH, NULL, NULL, true},
    {"NORMAL:%SERVER_PRECEDENCE:%COMPAT:-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1:-VERS-TLS1.3", EC " " RS " " DH, NULL, NULL, true},
    {"SECURE128:+SECURE192:-VERS-ALL:+VERS-TLS1.2", EC " " RS " " DH, NULL, NULL, false},
    {"NORMAL:%SERVER_PRECEDENCE:%COMPAT:-VERS-SSL3.0:-ARCFOUR-128:-3DES-CBC:-MD5:+SHA256", S13 " " EC " " RS " " DH, NULL, NULL, true},

    /* versions */
    {"NORMAL:-VERS-ALL:+VERS-TLS1.2", EC " " RS " " DH, NULL, NULL, false},
    {"NORMAL:-VERS-TLS-ALL:+VERS-TLS1.3", S13, NULL, NULL, false},
    {"NORMAL:!VERS-TLS1.2", S13, NULL, NULL, false},
    {"NORMAL:-vers-tls1.3:-rsa", EC " " RS " " DH, NULL, NULL, false},

    /* ciphers, in the order in which they came */
    {"NORMAL:-CHACHA20-POLY1305:-AES-128-GCM", "1302 c02c c030 9f", NULL, NULL, false},
    {"NORMAL:-AES-256-GCM:+AES-256-GCM", "1303 1301 1302 cca9 c02b c02c cca8 c02f c030 ccaa 9e 9f", NULL, NULL, false},
    {"NORMAL:+AES-128-GCM", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"NORMAL:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:-VERS-TLS1.2", "1301 1302", NULL, NULL, false},
    {"NORMAL:-AES-128-CBC:-AES-256-CBC:-3DES-CBC:-CAMELLIA-256-GCM", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"NORMAL:-CIPHER-ALL:+CIPHER-ALL", S13 " " EC " " RS " " DH, NULL, NULL, false},

    /* key exchanges have no part in TLS 1.3 */
    {"NORMAL:-KX-ALL", S13, NULL, NULL, false},
    {"NORMAL:-KX-ALL:+DHE-RSA:+ECDHE-RSA:-VERS-TLS1.3", DH " " RS, NULL, NULL, false},
    {"NORMAL:-ECDHE-ECDSA:-DHE-RSA", S13 " " RS, NULL, NULL, false},

    /* groups: without one there are only DHE suites */
    {"NORMAL:-GROUP-ALL:+GROUP-SECP384R1:+GROUP-X25519", S13 " " EC " " RS " " DH, "18 1d", NULL, false},
    {"NORMAL:-CURVE-ALL:+CURVE-SECP256R1", S13 " " EC " " RS " " DH, "17", NULL, false},
    {"NORMAL:-CURVE-SECP256R1:-CURVE-X25519", S13 " " EC " " RS " " DH, "11ec 18 19 1e", NULL, false},
    {"NORMAL:-GROUP-EC-ALL", DH, "", NULL, false},
    {"NONE:+VERS-TLS1.2:+AES-128-GCM:+DHE-RSA:+AEAD:+SIGN-ALL", "9e", "", NULL, false},
    {"NONE:+VERS-TLS1.3:+AES-128-GCM:+GROUP-ALL:+SIGN-ALL:+AEAD", "1301", NULL, NULL, false},
    {"NONE:+VERS-ALL:-VERS-TLS1.1:+AES-256-GCM:+AEAD:+ECDHE-RSA:+SIGN-ALL:+GROUP-X25519", "1302 c030", "1d", NULL, false},

    /* signatures: PKCS#1 signs nothing in TLS 1.3 */
    {"NORMAL:-SIGN-ALL:+SIGN-RSA-SHA256", RS " " DH, NULL, "401", false},
    {"NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256", S13 " " RS " " DH, NULL, "804", false},
    {"NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-SHA384", S13 " " RS " " DH, NULL, "80a", false},
    {"NORMAL:-SIGN-ALL:+SIGN-ECDSA-SHA384", S13 " " EC, NULL, "503", false},
    {"NORMAL:-SIGN-ALL:+SIGN-EdDSA-Ed25519", S13 " " EC, NULL, "807", false},
    {"NORMAL:-SIGN-ECDSA-SHA256", S13 " " EC " " RS " " DH, NULL, NULL, false}, /* the name of TLS 1.3 is left */
    {"NORMAL:-SIGN-ECDSA-SHA256:-SIGN-ECDSA-SECP256R1-SHA256", S13 " " EC " " RS " " DH, NULL,
     "503 603 804 805 806 401 501 601 809 80a 80b 807 808", false},

    /* blanks do no harm; what is not known is left out */
    {" NORMAL : -VERS-TLS1.3 ", EC " " RS " " DH, NULL, NULL, false},
    {"NORMAL::-VERS-TLS1.2:", S13, NULL, NULL, false},
    {"NORMAL:-FOO:VERS-TLS1.2:+:-:%:%FOO:@SYSTEM:NONE", S13 " " EC " " RS " " DH, NULL, NULL, false},
    {"@SYSTEM:-VERS-TLS1.3", EC " " RS " " DH, NULL, NULL, false},
    {"@VPN,suiteb192,NORMAL", "c02c", "18", "503", false},
    {"@", S13 " " EC " " RS " " DH, NULL, NULL, false},
};
// clang-format on

static void print(const struct vc_tls_codes *codes, char to[200])
{
    struct vc_writer w = vc_writer_to(to, 200);
    for (size_t i = 0; i < codes->n; i++)
        vc_put_fmt(&w, "%s%x", i > 0 ? " " : "", codes->at[i]);
    assert_true(vc_put_end_text(&w));
}

static void same(const char *text, const char *what, const struct vc_tls_codes *codes, const char *wanted)
{
    char have[200];
    print(codes, have);
    if (strcmp(have, wanted) != 0)
        fail_msg("'%s': %s are %s; wanted: %s", text, what, have, wanted);
}

static void leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *t = &rows[i];
        struct vc_tls_priority p, again;
        const char *why = NULL;
        char *text = exact(t->text, strlen(t->text));
        uint8_t packed[VC_TLS_PRIORITY_PACKED], twice[VC_TLS_PRIORITY_PACKED];
        struct vc_writer w = vc_writer_to(packed, sizeof(packed)), w2 = vc_writer_to(twice, sizeof(twice));
        if (vc_tls_priority_read((struct vc_str){text, strlen(t->text)}, &p, &why, NULL, 1) != 0)
            fail_msg("'%s': %s", t->text, why);
        free(text);
        same(t->text, "suites", &p.suites, t->suites);
        same(t->text, "groups", &p.groups, t->groups ? t->groups : GROUPS_ALL);
        same(t->text, "signatures", &p.signatures, t->signatures ? t->signatures : SIGNS_ALL);
        assert_case(t->text, p.server_order == t->server_order);
        assert_case(t->text, vc_tls_priority_has(&p, true) == (strstr(t->suites, "13") != NULL));
        assert_case(t->text, vc_tls_priority_has(&p, false) == (strpbrk(t->suites, "c9") != NULL));

        vc_tls_priority_pack(&p, &w);
        assert_false(w.bad);
        for (size_t len = 0; len <= vc_written(&w); len++) {
            void *copy = exact(packed, len);
            struct vc_reader r = vc_reader_of(copy, len);
            bool whole = vc_tls_priority_unpack(&r, &again);
            assert_case(t->text, whole == (len == vc_written(&w)));
            assert_case(t->text, whole || again.suites.n == 0);
            free(copy);
        }
        vc_tls_priority_pack(&again, &w2);
        assert_case(t->text, vc_written(&w2) == vc_written(&w) && memcmp(packed, twice, vc_written(&w)) == 0);
    }
}

static void unpacks_no_longer_list(void **state)
{
    (void)state;
    uint8_t bytes[100] = {0, VC_TLS_CODES_MAX + 1};
    struct vc_reader r = vc_reader_of(bytes, sizeof(bytes));
    struct vc_tls_priority p;
    assert_false(vc_tls_priority_unpack(&r, &p));
    assert_int_equal(p.suites.n, 0);
}

static void leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } nothings[] = {
        {"", "TLS 1.2"},
        {"NONE", "TLS 1.2"},
        {"NORMAL:-VERS-ALL", "TLS 1.2"},
        {"NORMAL:-VERS-TLS1.2:-VERS-TLS1.3", "TLS 1.2"},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", "TLS 1.2"},
        {"NONE:NORMAL", "TLS 1.2"}, /* a later keyword brings no version */
        {"-RSA", "TLS 1.2"},
        {"FOO", "TLS 1.2"},
        {"AES-128-GCM", "TLS 1.2"},
        {"-NORMAL", "TLS 1.2"},
        {"NORMAL:-CIPHER-ALL", "AES-GCM"},
        {"NORMAL:-CIPHER-ALL:+AES-256-CBC:+3DES-CBC", "AES-GCM"},
        {"NORMAL:-AEAD", "AEAD"},
        {"NORMAL:-MAC-ALL:+SHA1", "AEAD"},
        {"NORMAL:-VERS-TLS1.3:-KX-ALL:+RSA", "no suite"},
        {"NORMAL:-VERS-TLS1.2:-GROUP-ALL", "no suite"},
        {"NORMAL:-SIGN-ALL", "no suite"},
        {"NORMAL:-SIGN-ALL:+SIGN-RSA-SHA1", "no suite"},
        {"NORMAL:-VERS-TLS1.2:-SIGN-ALL:+SIGN-RSA-SHA256", "no suite"},
        {"SUITEB128:-ECDHE-ECDSA:+ECDHE-RSA", "no suite"}, /* its signatures are ECDSA's */
    };
    for (size_t i = 0; i < sizeof(nothings) / sizeof(nothings[0]); i++) {
        struct vc_tls_priority p;
        const char *why = "";
        assert_case(nothings[i].text, vc_tls_priority_read(vc_str_of(nothings[i].text), &p, &why, NULL, 0) == 1);
        assert_case(nothings[i].text, strstr(why, nothings[i].why) != NULL);
        assert_case(nothings[i].text, p.suites.n == 0 && p.groups.n == 0 && p.signatures.n == 0 && !p.server_order);
    }
}

/* ---- What is noted ---- */

// clang-format off
static const struct {
    const char *text;
    enum vc_conf_note_kind kind;
    const char *words; /* NULL: nothing is noted */
} noteds[] = {
    {"NORMAL:%SERVER_PRECEDENCE:%COMPAT:-RSA:-VERS-SSL3.0:-ARCFOUR-128", 0, NULL},
    {"NORMAL:%SERVER_PRECEDENCE:%COMPAT:-VERS-TLS1.3:-VERS-TLS1.0:-VERS-TLS1.1:-AES-128-CBC:+SHA256", 0, NULL},
    {"PERFORMANCE:+GROUP-FFDHE3072:+CTYPE-X509:-CTYPE-OPENPGP:+COMP-NULL:-COMP-ALL:%NO_TICKETS:%SAFE_RENEGOTIATION", 0, NULL},
    {"NORMAL:+AES-256-CBC",       VC_CONF_NOTE_NOT_SERVED, "'+AES-256-CBC' stays off: tls-legacy = cbc,"},
    {"NORMAL:+rsa",               VC_CONF_NOTE_NOT_SERVED, "'+rsa' stays off: tls-legacy = rsa-kx,"},
    {"NORMAL:+VERS-TLS1.0",       VC_CONF_NOTE_NO_EFFECT,  "'+VERS-TLS1.0' stays off: it is too old"},
    {"NORMAL:+VERS-SSL3.0",       VC_CONF_NOTE_NO_EFFECT,  "'+VERS-SSL3.0' stays off"},
    {"NORMAL:+3DES-CBC",          VC_CONF_NOTE_NO_EFFECT,  "'+3DES-CBC' stays off"},
    {"NORMAL:+AES-128-CCM",       VC_CONF_NOTE_NO_EFFECT,  "'+AES-128-CCM' stays off"},
    {"NORMAL:+SIGN-RSA-SHA1",     VC_CONF_NOTE_NO_EFFECT,  "'+SIGN-RSA-SHA1' stays off"},
    {"NORMAL:+ECDHE-PSK",         VC_CONF_NOTE_NO_EFFECT,  "'+ECDHE-PSK' has no effect: servers have X.509"},
    {"NORMAL:+CTYPE-OPENPGP",     VC_CONF_NOTE_NO_EFFECT,  "'+CTYPE-OPENPGP' has no effect"},
    {"NORMAL:-VERS-DTLS1.2",      VC_CONF_NOTE_NO_EFFECT,  "'-VERS-DTLS1.2' has no effect: udp-port"},
    {"NORMAL:-GROUP-FFDHE2048",   VC_CONF_NOTE_NO_EFFECT,  "'-GROUP-FFDHE2048' has no effect: DHE"},
    {"NORMAL:%UNSAFE_RENEGOTIATION", VC_CONF_NOTE_NO_EFFECT, "'%UNSAFE_RENEGOTIATION' has no effect here"},
    {"NORMAL:%PROFILE_HIGH",      VC_CONF_NOTE_NO_EFFECT,  "'%PROFILE_HIGH' has no effect here"},
    {"LEGACY",                    VC_CONF_NOTE_NO_EFFECT,  "'LEGACY' counts as NORMAL"},
    {"@SYSTEM",                   VC_CONF_NOTE_NO_EFFECT,  "'@SYSTEM' counts as NORMAL: GnuTLS's"},
    {"@VPN,PFS:-VERS-TLS1.3",     VC_CONF_NOTE_NO_EFFECT,  "'@VPN,PFS' counts as PFS:"},
    {"NORMAL:-AES-128-GMC",       VC_CONF_NOTE_UNKNOWN,    "'-AES-128-GMC' is no part that is known"},
    {"NORMAL:AES-128-GCM",        VC_CONF_NOTE_UNKNOWN,    "'AES-128-GCM' is no part"},
    {"NORMAL:%FOO",               VC_CONF_NOTE_UNKNOWN,    "'%FOO' is no part"},
    {"NORMAL::-RSA",              VC_CONF_NOTE_UNKNOWN,    "'' is no part"},
    {"NORMAL:-NORMAL",            VC_CONF_NOTE_UNKNOWN,    "'-NORMAL' is no part"},
    {"NORMAL:NONE",               VC_CONF_NOTE_UNKNOWN,    "'NONE' is no part"},
    {"NORMAL:+CURVE-SECP256K1",   VC_CONF_NOTE_UNKNOWN,    "'+CURVE-SECP256K1' is no part"},
    {"NORMAL:+0123456789012345678901234567890123456789", VC_CONF_NOTE_UNKNOWN,
     "'+012345678901234567890123456789012345678' is no part that is known here: it is left out"},
};
// clang-format on

static void notes_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(noteds) / sizeof(noteds[0]); i++) {
        struct vc_tls_priority p;
        struct vc_conf_notes notes = {0};
        const char *why, *text = noteds[i].text;
        assert_case(text, vc_tls_priority_read(vc_str_of(text), &p, &why, &notes, 7) == 0);
        assert_case(text, notes.n == (noteds[i].words ? 1 : 0));
        if (noteds[i].words) {
            assert_case(text, notes.at[0].kind == noteds[i].kind && notes.at[0].line == 7);
            assert_case(text, strcmp(notes.at[0].key, "tls-priorities") == 0);
            assert_case(text, strncmp(notes.at[0].words, noteds[i].words, strlen(noteds[i].words)) == 0);
        }
        vc_conf_notes_deinit(&notes);
    }
}

/* ---- Which keys it can be used with ---- */

static void serves_keys(void **state)
{
    (void)state;
    static const enum vc_tls_key_type keys[] = {VC_TLS_KEY_NONE, VC_TLS_KEY_RSA, VC_TLS_KEY_P256, VC_TLS_KEY_P384,
                                                VC_TLS_KEY_P521};
    static const struct {
        const char *text;
        const char *with_12, *with_13; /* a sign for each of keys[] */
    } served[] = {
        {"NORMAL", "-++++", "-++++"},
        {"NORMAL:-VERS-TLS1.3", "-++++", "-----"},
        {"NORMAL:-VERS-TLS1.2", "-----", "-++++"},
        {"SUITEB128", "--+++", "-----"},
        {"SUITEB128:+VERS-TLS1.3", "--+++", "--++-"},
        {"SECURE256", "-++++", "-+-++"}, /* P-256 goes with SHA-256 in TLS 1.3 */
        {"NORMAL:-ECDHE-ECDSA", "-+---", "-++++"},
        {"NORMAL:-KX-ALL:+ECDHE-ECDSA", "--+++", "-++++"},
        {"NORMAL:-SIGN-ALL:+SIGN-RSA-SHA256", "-+---", "-----"},
        {"NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA384", "-+---", "-+---"},
        {"NORMAL:-SIGN-ALL:+SIGN-ECDSA-SECP521R1-SHA512", "--+++", "----+"},
        {"NORMAL:-SIGN-ALL:+SIGN-EDDSA-ED25519", "-----", "-----"},
    };
    const struct vc_tls_priority all = {0};
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
        assert_true(vc_tls_priority_serves(&all, keys[k], true) && vc_tls_priority_serves(&all, keys[k], false));
    assert_true(vc_tls_priority_has(&all, true) && vc_tls_priority_has(&all, false));
    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
        struct vc_tls_priority p;
        const char *why;
        assert_case(served[i].text, vc_tls_priority_read(vc_str_of(served[i].text), &p, &why, NULL, 0) == 0);
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            assert_case(served[i].text, vc_tls_priority_serves(&p, keys[k], false) == (served[i].with_12[k] == '+'));
            assert_case(served[i].text, vc_tls_priority_serves(&p, keys[k], true) == (served[i].with_13[k] == '+'));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves),         cmocka_unit_test(unpacks_no_longer_list),
        cmocka_unit_test(leaves_nothing), cmocka_unit_test(notes_parts),
        cmocka_unit_test(serves_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
