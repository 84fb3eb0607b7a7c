#include "tls_ends.h"

#include "base/writer.h"
#include "tls/wiping.h"

/* ---- What is agreed ---- */

static void agrees(void **state)
{
    (void)state;
    static const char no_pss[] = "ECDSA+SHA256:RSA+SHA256:RSA+SHA384";
    static const struct {
        const char *name;
        const char *kind, *kind2;
        enum vc_tls_max max;
        int client_version;
        const char *client_suite;
        const char *client_sigalgs;
        uint16_t version, suite;
    } rows[] = {
        {"auto, RSA", "RSA-2048", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, VC_TLS_1_3, 0x1302},
        {"auto, ECDSA", "P-256", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, VC_TLS_1_3, 0x1302},
        {"auto, P-384", "P-384", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, VC_TLS_1_3, 0x1302},
        {"auto, P-521", "P-521", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, VC_TLS_1_3, 0x1302},
        {"1.2, P-384", "P-384", NULL, VC_TLS_MAX_1_2, 0, NULL, NULL, VC_TLS_1_2, 0xc02c},
        {"1.2, P-521", "P-521", NULL, VC_TLS_MAX_1_2, 0, NULL, NULL, VC_TLS_1_2, 0xc02c},
        {"auto, RSA, no PSS", "RSA-2048", NULL, VC_TLS_MAX_AUTO, 0, NULL, no_pss, VC_TLS_1_2, 0xc030},
        {"auto, ECDSA, no PSS", "P-256", NULL, VC_TLS_MAX_AUTO, 0, NULL, no_pss, VC_TLS_1_3, 0x1302},
        {"auto, both, no PSS", "RSA-2048", "P-256", VC_TLS_MAX_AUTO, 0, NULL, no_pss, VC_TLS_1_3, 0x1302},
        {"1.2, both, RSA only", "RSA-2048", "P-256", VC_TLS_MAX_1_2, 0, NULL, "RSA+SHA256", VC_TLS_1_2, 0xc030},
        {"1.2, both", "RSA-2048", "P-256", VC_TLS_MAX_1_2, 0, NULL, NULL, VC_TLS_1_2, 0xc02c},
        {"1.3 to a client of 1.2", "P-256", NULL, VC_TLS_MAX_1_3, TLS1_2_VERSION, NULL, NULL, VC_TLS_1_2, 0xc02c},
        {"1.2 to a client of both", "RSA-2048", NULL, VC_TLS_MAX_1_2, 0, NULL, NULL, VC_TLS_1_2, 0xc030},
        {"ours first", "RSA-2048", NULL, VC_TLS_MAX_AUTO, TLS1_2_VERSION,
         "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", NULL, VC_TLS_1_2, 0xc030},
        {"ChaCha20 where the client wants it most", "RSA-2048", NULL, VC_TLS_MAX_AUTO, TLS1_2_VERSION,
         "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384", NULL, VC_TLS_1_2, 0xcca8},
        {"DHE", "RSA-2048", NULL, VC_TLS_MAX_AUTO, TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL, VC_TLS_1_2, 0x9e},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gateway g;
        struct client c;
        struct vc_fail fail = {0};
        struct vc_tls_facts facts;
        gateway_start(&g, rows[i].max, rows[i].kind, rows[i].kind2);
        client_start(&c, rows[i].client_version, rows[i].client_suite);
        if (rows[i].client_sigalgs)
            assert_int_equal(SSL_set1_sigalgs_list(c.ssl, rows[i].client_sigalgs), 1);
        assert_int_equal(SSL_set_tlsext_host_name(c.ssl, "nobody.knows.this"), 1);
        struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
        if (shake(s, &c, &fail) != VC_TLS_STEP_DONE)
            fail_msg("case '%s': %s", rows[i].name, fail.detail);
        vc_tls_conn_facts(s, &facts);
        assert_non_null(facts.suite);
        if (facts.suite->version != rows[i].version || facts.suite->id != rows[i].suite)
            fail_msg("case '%s': %s %s", rows[i].name, facts.version, facts.suite->name);
        assert_case(rows[i].name, strcmp(facts.version, rows[i].version == VC_TLS_1_3 ? "TLSv1.3" : "TLSv1.2") == 0);
        assert_case(rows[i].name, strcmp(facts.server_name, "nobody.knows.this") == 0);
        assert_case(rows[i].name, g.asked == 1);
        /* the keys of PSK-NEGOTIATE are the client's */
        uint8_t ours[32], theirs[32];
        assert_int_equal(vc_tls_conn_psk(s, ours, &fail), 0);
        assert_int_equal(SSL_export_keying_material(c.ssl, theirs, 32, "EXPORTER-openconnect-psk", 24, NULL, 0, 0), 1);
        assert_memory_equal(ours, theirs, 32);
        /* nothing follows the handshake: no ticket */
        size_t n;
        (void)vc_tls_conn_out(s, &n);
        assert_int_equal(n, 0);
        assert_case(rows[i].name, !SSL_SESSION_has_ticket(SSL_get_session(c.ssl)));
        if (rows[i].version == VC_TLS_1_2) {
            unsigned id_len = 0;
            (void)SSL_SESSION_get_id(SSL_get_session(c.ssl), &id_len);
            assert_case(rows[i].name, id_len == 32);
        }
        vc_tls_conn_free(s);
        client_stop(&c);
        gateway_stop(&g);
    }
}

/* Each suite that a priority string can name is one of the record layer's, and the other way round. */
static void has_the_suites_of_priorities(void **state)
{
    (void)state;
    struct vc_tls_priority all;
    const char *why;
    assert_int_equal(vc_tls_priority_read(VC_STR("NORMAL"), &all, &why, NULL, 0), 0);
    assert_int_equal(all.suites.n, vc_tls_n_suites);
    for (size_t i = 0; i < vc_tls_n_suites; i++) {
        struct vc_tls_priority one = {.suites = {.at = {vc_tls_suites[i].id}, .n = 1}};
        assert_case(vc_tls_suites[i].name, vc_tls_codes_have(&all.suites, vc_tls_suites[i].id));
        assert_case(vc_tls_suites[i].name, vc_tls_priority_has(&one, true) == (vc_tls_suites[i].version == VC_TLS_1_3));
    }
}

static void obeys_priorities(void **state)
{
    (void)state;
    static const char only_256[] = "NORMAL:-CIPHER-ALL:+AES-256-GCM";
    static const struct {
        const char *priorities, *kind, *kind2;
        enum vc_tls_max max;
        int client_version;
        const char *client_suite, *client_groups;
        uint16_t suite; /* 0: none is agreed on */
    } rows[] = {
        {"NORMAL:-VERS-TLS1.3", "RSA-2048", NULL, VC_TLS_MAX_1_3, 0, NULL, NULL, 0xc030},
        {"NORMAL:-VERS-TLS1.3", "RSA-2048", NULL, VC_TLS_MAX_AUTO, TLS1_3_VERSION, NULL, NULL, 0},
        {"NORMAL:-VERS-TLS1.2", "RSA-2048", NULL, VC_TLS_MAX_AUTO, TLS1_2_VERSION, NULL, NULL, 0},
        {"NORMAL:-VERS-TLS1.2", "RSA-2048", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, 0x1302},
        {"NORMAL", "RSA-2048", NULL, VC_TLS_MAX_1_2, 0, NULL, NULL, 0xc030},
        {only_256, "P-256", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, 0x1302},
        {only_256, "P-256", NULL, VC_TLS_MAX_AUTO, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", NULL, 0},
        {only_256, "P-256", NULL, VC_TLS_MAX_AUTO, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, 0},
        {"NORMAL", "RSA-2048", NULL, VC_TLS_MAX_AUTO, TLS1_2_VERSION,
         "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", NULL, 0xc02f},
        {"NORMAL:%SERVER_PRECEDENCE", "RSA-2048", NULL, VC_TLS_MAX_AUTO, TLS1_2_VERSION,
         "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", NULL, 0xc030},
        {"PERFORMANCE:%SERVER_PRECEDENCE", "RSA-2048", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, 0x1301},
        {"NORMAL:-KX-ALL:+DHE-RSA", "RSA-2048", NULL, VC_TLS_MAX_1_2, 0, NULL, NULL, 0x9f},
        {"NORMAL:-GROUP-ALL", "RSA-2048", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, 0x9f},
        {"NORMAL:-GROUP-ALL:+GROUP-SECP521R1", "P-256", NULL, VC_TLS_MAX_AUTO, 0, NULL, "P-521", 0x1302},
        {"NORMAL:-GROUP-ALL:+GROUP-SECP521R1", "P-256", NULL, VC_TLS_MAX_AUTO, TLS1_3_VERSION, NULL, "X25519", 0},
        {"SUITEB128", "RSA-2048", "P-256", VC_TLS_MAX_AUTO, 0, NULL, NULL, 0xc02c},
        {"NORMAL:-SIGN-ALL:+SIGN-RSA-SHA256", "RSA-2048", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, 0xc030},
        {"SECURE256", "P-256", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, 0xc02c}, /* 1.3 has SHA-256 for P-256 */
        {"SECURE256", "P-384", NULL, VC_TLS_MAX_AUTO, 0, NULL, NULL, 0x1302},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gateway g;
        struct client c;
        struct vc_fail fail = {0};
        struct vc_tls_facts facts;
        gateway_start_with(&g, rows[i].max, rows[i].priorities, rows[i].kind, rows[i].kind2);
        client_start(&c, rows[i].client_version, rows[i].client_suite);
        if (rows[i].client_groups)
            assert_int_equal(SSL_set1_groups_list(c.ssl, rows[i].client_groups), 1);
        struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
        int step = shake(s, &c, &fail);
        if (rows[i].suite == 0) {
            assert_case(rows[i].priorities, step == -1 && (fail.cause == VC_CAUSE_TLS_VERSION ||
                                                           fail.cause == VC_CAUSE_TLS_NO_SHARED_SUITE));
        } else {
            if (step != VC_TLS_STEP_DONE)
                fail_msg("'%s', %s: %s", rows[i].priorities, rows[i].kind, fail.detail);
            vc_tls_conn_facts(s, &facts);
            if (facts.suite->id != rows[i].suite)
                fail_msg("'%s', %s: %s", rows[i].priorities, rows[i].kind, facts.suite->name);
        }
        vc_tls_conn_free(s);
        client_stop(&c);
        gateway_stop(&g);
    }
}

static void resumes_nothing(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct gateway g;
    struct vc_fail fail = {0};
    gateway_start(&g, VC_TLS_MAX_1_3, "P-256", NULL);
    for (int i = 0; i < 2; i++) {
        struct client c, again;
        client_start(&c, versions[i], NULL);
        client_start(&again, versions[i], NULL);
        struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
        assert_int_equal(shake(s, &c, &fail), VC_TLS_STEP_DONE);
        assert_int_equal(SSL_set_session(again.ssl, SSL_get_session(c.ssl)), 1);
        vc_tls_conn_free(s);
        s = vc_tls_conn_new(g.server, &fail);
        assert_int_equal(shake(s, &again, &fail), VC_TLS_STEP_DONE);
        assert_int_equal(SSL_session_reused(again.ssl), 0);
        vc_tls_conn_free(s);
        client_stop(&c);
        client_stop(&again);
    }
    gateway_stop(&g);
}

static void alpn(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct {
            const char *at;
            unsigned len;
        } offer;
        const char *want;
    } rows[] = {
        {"http/1.1", {"\x08http/1.1", 9}, "http/1.1"},
        {"h2 and http/1.1", {"\x02h2\x08http/1.1", 12}, "http/1.1"},
        {"h2", {"\x02h2", 3}, ""},
    };
    struct gateway g;
    struct vc_fail fail = {0};
    gateway_start(&g, VC_TLS_MAX_1_3, "P-256", NULL);
    for (size_t i = 0; i < 3; i++) {
        struct client c;
        const uint8_t *got;
        unsigned n;
        client_start(&c, 0, NULL);
        assert_int_equal(SSL_set_alpn_protos(c.ssl, (const uint8_t *)rows[i].offer.at, rows[i].offer.len), 0);
        struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
        assert_case(rows[i].name, shake(s, &c, &fail) == VC_TLS_STEP_DONE);
        SSL_get0_alpn_selected(c.ssl, &got, &n);
        assert_case(rows[i].name, n == strlen(rows[i].want) && (n == 0 || memcmp(got, rows[i].want, n) == 0));
        vc_tls_conn_free(s);
        client_stop(&c);
    }
    gateway_stop(&g);
}

/* ---- What fails, and how it is told ---- */

static int refuse_all(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    X509_STORE_CTX_set_error(ctx, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
    return 0;
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *kind;
        int min, max;
        const char *suites;
        const char *sigalgs;
        bool distrusts;
        enum vc_cause cause;
        const char *detail;
    } rows[] = {
        {"CBC only", "RSA-2048", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256:AES128-SHA", NULL, false,
         VC_CAUSE_TLS_NO_SHARED_SUITE, "ECDHE-RSA-AES128-SHA256 AES128-SHA"},
        {"RSA key transport only", "RSA-2048", TLS1_2_VERSION, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL, false,
         VC_CAUSE_TLS_NO_SHARED_SUITE, "AES128-GCM-SHA256"},
        {"CCM only", "RSA-2048", TLS1_2_VERSION, TLS1_2_VERSION, "DHE-RSA-AES128-CCM", NULL, false,
         VC_CAUSE_TLS_NO_SHARED_SUITE, "DHE-RSA-AES128-CCM"},
        {"ECDSA suites, RSA key", "RSA-2048", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL,
         false, VC_CAUSE_TLS_NO_SHARED_SUITE, "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {"1.3 CCM only", "P-256", TLS1_3_VERSION, TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", NULL, false,
         VC_CAUSE_TLS_NO_SHARED_SUITE, "TLS_AES_128_CCM_SHA256"},
        {"SHA-1 only", "RSA-2048", TLS1_2_VERSION, TLS1_2_VERSION, NULL, "RSA+SHA1", false,
         VC_CAUSE_TLS_NO_SHARED_SUITE, ""},
        {"TLS 1.1", "RSA-2048", TLS1_1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL, false, VC_CAUSE_TLS_VERSION,
         "TLS 1.1"},
        {"TLS 1.0", "RSA-2048", TLS1_VERSION, TLS1_VERSION, "ALL:@SECLEVEL=0", NULL, false, VC_CAUSE_TLS_VERSION,
         "TLS 1.0"},
        {"an untrusted certificate, 1.2", "P-256", TLS1_2_VERSION, TLS1_2_VERSION, NULL, NULL, true, VC_CAUSE_TLS_ALERT,
         "unknown CA"},
        {"an untrusted certificate, 1.3", "P-256", TLS1_3_VERSION, TLS1_3_VERSION, NULL, NULL, true, VC_CAUSE_TLS_ALERT,
         "unknown CA"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gateway g;
        struct client c;
        struct vc_fail fail = {0}, again = {0};
        gateway_start(&g, VC_TLS_MAX_1_3, rows[i].kind, NULL);
        client_start(&c, 0, NULL);
        SSL_set_security_level(c.ssl, 0);
        assert_int_equal(SSL_set_min_proto_version(c.ssl, rows[i].min), 1);
        assert_int_equal(SSL_set_max_proto_version(c.ssl, rows[i].max), 1);
        if (rows[i].suites && rows[i].max == TLS1_3_VERSION)
            assert_int_equal(SSL_set_ciphersuites(c.ssl, rows[i].suites), 1);
        else if (rows[i].suites)
            assert_int_equal(SSL_set_cipher_list(c.ssl, rows[i].suites), 1);
        if (rows[i].sigalgs)
            assert_int_equal(SSL_set1_sigalgs_list(c.ssl, rows[i].sigalgs), 1);
        if (rows[i].distrusts)
            SSL_set_verify(c.ssl, SSL_VERIFY_PEER, refuse_all);
        struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
        int rc = shake(s, &c, &fail);
        if (rc != -1 || fail.cause != rows[i].cause || !strstr(fail.detail, rows[i].detail))
            fail_msg("case '%s': %d, %s, %s", rows[i].name, rc, vc_cause_name(fail.cause), fail.detail);
        /* it stays so */
        assert_case(rows[i].name, vc_tls_conn_handshake(s, &again) == -1 && again.cause == fail.cause);
        assert_case(rows[i].name, vc_tls_conn_room(s) == 0);
        /* the client was told, where it did not end it itself */
        if (!rows[i].distrusts) {
            ERR_clear_error();
            assert_int_equal(SSL_do_handshake(c.ssl), -1);
            assert_case(rows[i].name, ERR_GET_REASON(ERR_peek_last_error()) > SSL_AD_REASON_OFFSET);
        }
        ERR_clear_error();
        vc_tls_conn_free(s);
        client_stop(&c);
        gateway_stop(&g);
    }
}

/* Bytes that no client of ours sends. */
static void raw_bytes(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct bytes bytes;
        enum vc_cause cause; /* NONE: more is wanted */
        size_t out;
    } rows[] = {
        {"HTTP", BYTES("GET / HTTP/1.1\r\n\r\n"), VC_CAUSE_TLS_NOT_TLS, 0},
        {"one letter", BYTES("G"), VC_CAUSE_TLS_NOT_TLS, 0},
        {"SSH", BYTES("SSH-2.0-x\r\n"), VC_CAUSE_TLS_NOT_TLS, 0},
        {"SSL 2", BYTES("\x80\x2e\x01\x00\x02"), VC_CAUSE_TLS_NOT_TLS, 0},
        {"data first", BYTES("\x17\x03\x03\x00\x01x"), VC_CAUSE_TLS_NOT_TLS, 0},
        {"another major version", BYTES("\x16\x04\x03"), VC_CAUSE_TLS_NOT_TLS, 0},
        {"a header", BYTES("\x16\x03\x01\x00\x05"), VC_CAUSE_NONE, 0},
        {"half a header", BYTES("\x16\x03"), VC_CAUSE_NONE, 0},
        {"nothing", BYTES(""), VC_CAUSE_NONE, 0},
        {"a ServerHello", BYTES("\x16\x03\x01\x00\x04\x02\x00\x00\x00"), VC_CAUSE_TLS_HANDSHAKE, 7},
        {"an empty ClientHello", BYTES("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), VC_CAUSE_TLS_HANDSHAKE, 7},
        {"a record of 65535", BYTES("\x16\x03\x01\xff\xff\x01"), VC_CAUSE_TLS_HANDSHAKE, 7},
        {"a hello of 65536", BYTES("\x16\x03\x01\x00\x05\x01\x00\xff\xfc!"), VC_CAUSE_NONE, 0},
        {"a hello of 65537", BYTES("\x16\x03\x01\x00\x05\x01\x00\xff\xfd!"), VC_CAUSE_TLS_HELLO_TOO_LARGE, 7},
        {"the same in a record that is not whole", BYTES("\x16\x03\x01\x40\x00\x01\x00\xff\xfd"),
         VC_CAUSE_TLS_HELLO_TOO_LARGE, 7},
        {"the same in five records",
         BYTES("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x01\x00\x16\x03\x01\x00\x01\xff"
               "\x16\x03\x01\x00\x01\xfd\x16\x03\x01\x00\x01!"),
         VC_CAUSE_TLS_HELLO_TOO_LARGE, 7},
        {"16 MiB", BYTES("\x16\x03\x01\x00\x05\x01\xff\xff\xff!"), VC_CAUSE_TLS_HELLO_TOO_LARGE, 7},
    };
    struct gateway g;
    gateway_start(&g, VC_TLS_MAX_AUTO, "P-256", NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int drip = 0; drip < 2; drip++) { /* at once, and byte by byte */
            struct vc_fail fail = {0};
            struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
            int rc = vc_tls_conn_handshake(s, &fail);
            assert_int_equal(rc, VC_TLS_STEP_MORE);
            uint8_t *p = exact(rows[i].bytes.at, rows[i].bytes.len);
            if (drip) {
                for (size_t k = 0; k < rows[i].bytes.len && rc == VC_TLS_STEP_MORE; k++) {
                    assert_int_equal(vc_tls_conn_feed(s, p + k, 1), 1);
                    rc = vc_tls_conn_handshake(s, &fail);
                }
            } else {
                assert_int_equal(vc_tls_conn_feed(s, p, rows[i].bytes.len), rows[i].bytes.len);
                rc = vc_tls_conn_handshake(s, &fail);
            }
            free(p);
            size_t n;
            (void)vc_tls_conn_out(s, &n);
            if (rc != (rows[i].cause ? -1 : VC_TLS_STEP_MORE) || fail.cause != rows[i].cause || n != rows[i].out)
                fail_msg("case '%s', %d: %d, %s, %s, %zu bytes", rows[i].name, drip, rc, vc_cause_name(fail.cause),
                         fail.detail, n);
            vc_tls_conn_free(s);
        }
    }
    gateway_stop(&g);
}

/* Records without end that never make a message. */
static void endless_handshake(void **state)
{
    (void)state;
    struct gateway g;
    struct vc_fail fail = {0};
    static uint8_t record[5 + 16384] = {0x16, 3, 1, 0x40, 0};
    static const uint8_t start[] = {1, 0, 0xff, 0xfc};
    gateway_start(&g, VC_TLS_MAX_AUTO, "P-256", NULL);
    struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
    memcpy(record + 5, start, 4);
    size_t fed = 0;
    int rc = VC_TLS_STEP_MORE;
    while (rc == VC_TLS_STEP_MORE && fed < (1 << 20)) {
        fed += vc_tls_conn_feed(s, record, sizeof(record));
        rc = vc_tls_conn_handshake(s, &fail);
    }
    assert_int_equal(rc, -1);
    assert_true(fed <= VC_TLS_HANDSHAKE_MAX + sizeof(record));
    vc_tls_conn_free(s);
    gateway_stop(&g);
}

static void ends_of_file(void **state)
{
    (void)state;
    struct gateway g;
    struct client c;
    struct vc_fail fail = {0};
    gateway_start(&g, VC_TLS_MAX_AUTO, "P-256", NULL);
    client_start(&c, 0, NULL);
    struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
    assert_int_equal(vc_tls_conn_eof(s, &fail), -1);
    assert_true(fail.cause == VC_CAUSE_TLS_PEER_CLOSED && strstr(fail.detail, "before"));
    (void)SSL_do_handshake(c.ssl);
    (void)to_server(&c, s);
    assert_int_equal(vc_tls_conn_handshake(s, &fail), VC_TLS_STEP_MORE);
    assert_int_equal(vc_tls_conn_eof(s, &fail), -1);
    assert_true(fail.cause == VC_CAUSE_TLS_PEER_CLOSED && strstr(fail.detail, "in state"));
    vc_tls_conn_free(s);
    client_stop(&c);
    gateway_stop(&g);
}

/* ---- Large and fragmented hellos are fine ---- */

static int add_large(SSL *ssl, unsigned type, unsigned context, const uint8_t **out, size_t *len, X509 *x, size_t chain,
                     int *alert, void *arg)
{
    static const uint8_t zeros[65536];
    (void)ssl;
    (void)type;
    (void)context;
    (void)x;
    (void)chain;
    (void)alert;
    *out = zeros;
    *len = *(size_t *)arg;
    return 1;
}

static void large_hellos(void **state)
{
    (void)state;
    static const struct {
        size_t extension, fragment;
    } rows[] = {{0, 1},         {0, 2},         {0, 7},         {300, 100},  {2000, 512},
                {17000, 16384}, {40000, 16384}, {60000, 16384}, {20000, 333}};
    struct gateway g;
    struct vc_fail fail = {0};
    gateway_start(&g, VC_TLS_MAX_AUTO, "P-256", NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client c;
        size_t size = rows[i].extension;
        static uint8_t hello[70000], wire[500000];
        client_start(&c, 0, NULL);
        assert_int_equal(SSL_CTX_add_custom_ext(c.ctx, 65280, SSL_EXT_CLIENT_HELLO, add_large, NULL, &size, NULL, NULL),
                         1);
        SSL_free(c.ssl); /* extensions are taken when it is made */
        c.ssl = SSL_new(c.ctx);
        c.in = BIO_new(BIO_s_mem());
        c.out = BIO_new(BIO_s_mem());
        BIO_set_mem_eof_return(c.in, -1);
        SSL_set_bio(c.ssl, c.in, c.out);
        SSL_set_connect_state(c.ssl);
        (void)SSL_do_handshake(c.ssl);
        /* out of its records, into others */
        size_t n = 0, w = 0;
        uint8_t head[5];
        while (BIO_read(c.out, head, 5) == 5) {
            int len = head[3] << 8 | head[4];
            assert_int_equal(BIO_read(c.out, hello + n, len), len);
            n += (size_t)len;
        }
        for (size_t at = 0; at < n; at += rows[i].fragment) {
            size_t len = n - at < rows[i].fragment ? n - at : rows[i].fragment;
            memcpy(wire + w, (const uint8_t[]){0x16, 3, 1, (uint8_t)(len >> 8), (uint8_t)len}, 5);
            memcpy(wire + w + 5, hello + at, len);
            w += 5 + len;
        }
        struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
        int rc = VC_TLS_STEP_MORE;
        for (size_t at = 0; at < w && rc == VC_TLS_STEP_MORE;) {
            size_t took = vc_tls_conn_feed(s, wire + at, w - at);
            assert_true(took > 0);
            at += took;
            rc = vc_tls_conn_handshake(s, &fail);
        }
        if (rc != VC_TLS_STEP_MORE)
            fail_msg("%zu in pieces of %zu: %s", rows[i].extension, rows[i].fragment, fail.detail);
        to_client(s, &c);
        assert_int_equal(shake(s, &c, &fail), VC_TLS_STEP_DONE);
        vc_tls_conn_free(s);
        client_stop(&c);
    }
    gateway_stop(&g);
}

/* ---- The signer ---- */

static void a_slow_signer_holds_up_one(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const char *const kinds[] = {"P-256", "RSA-2048"};
    for (int k = 0; k < 4; k++) {
        struct gateway g;
        struct client a, b, last;
        struct vc_fail fail = {0};
        struct vc_tls_conn *again;
        gateway_start(&g, VC_TLS_MAX_1_3, kinds[k / 2], NULL);
        g.hold = true;
        client_start(&a, versions[k % 2], NULL);
        client_start(&b, versions[k % 2], NULL);
        /* numbers go up in the order of the questions, not of the connections: the signer refuses what goes back */
        struct vc_tls_conn *early = vc_tls_conn_new(g.server, &fail);
        struct vc_tls_conn *one = vc_tls_conn_new(g.server, &fail), *two = vc_tls_conn_new(g.server, &fail);
        assert_int_equal(shake(one, &a, &fail), VC_TLS_STEP_SIGNER);
        assert_int_equal(shake(two, &b, &fail), VC_TLS_STEP_SIGNER);
        assert_int_equal(g.n_kept, 2);
        client_start(&last, versions[k % 2], NULL);
        assert_int_equal(shake(early, &last, &fail), VC_TLS_STEP_SIGNER);
        assert_true(vc_tls_conn_handshake_number(one) < vc_tls_conn_handshake_number(two));
        assert_true(vc_tls_conn_handshake_number(two) < vc_tls_conn_handshake_number(early));
        vc_tls_conn_free(early);
        client_stop(&last);
        assert_int_equal(vc_tls_conn_handshake(one, &fail), VC_TLS_STEP_SIGNER); /* driven without an answer */
        assert_int_equal(g.asked, 3);
        /* the second first */
        gateway_answer(&g, 1, true, &again);
        assert_ptr_equal(again, two);
        assert_int_equal(shake(two, &b, &fail), VC_TLS_STEP_DONE);
        gateway_answer(&g, 1, true, &again); /* an answer too many */
        assert_null(again);
        assert_int_equal(vc_tls_conn_handshake(one, &fail), VC_TLS_STEP_SIGNER);
        gateway_answer(&g, 0, true, &again);
        assert_ptr_equal(again, one);
        assert_int_equal(shake(one, &a, &fail), VC_TLS_STEP_DONE);
        assert_int_equal(g.asked, 3); /* once per handshake */
        char got[8];
        size_t n;
        assert_int_equal(SSL_write(a.ssl, "alive", 5), 5);
        assert_true(to_server(&a, one) > 0);
        assert_int_equal(vc_tls_conn_read(one, got, sizeof(got), &n, &fail), VC_TLS_GOT_BYTES);
        assert_true(n == 5 && memcmp(got, "alive", 5) == 0);
        vc_tls_conn_free(one);
        vc_tls_conn_free(two);
        client_stop(&a);
        client_stop(&b);
        gateway_stop(&g);
    }
}

static void a_signer_that_fails(void **state)
{
    (void)state;
    enum { REFUSED, ABSENT, TOO_LONG, EMPTY, GARBAGE, GONE };
    static const char *const names[] = {"refused", "absent", "too long", "empty", "garbage", "gone"};
    for (int how = REFUSED; how <= GONE; how++) {
        for (int k = 0; k < 2; k++) {
            struct gateway g;
            struct client c;
            struct vc_fail fail = {0};
            uint8_t sig[VC_TLS_SIGNATURE_MAX + 1] = {0};
            gateway_start(&g, VC_TLS_MAX_1_3, k ? "RSA-2048" : "P-256", NULL);
            g.hold = true;
            g.absent = how == ABSENT;
            client_start(&c, 0, NULL);
            struct vc_tls_conn *s = vc_tls_conn_new(g.server, &fail);
            int rc = shake(s, &c, &fail);
            uint64_t number = vc_tls_conn_handshake_number(s);
            if (how != ABSENT) {
                assert_int_equal(rc, VC_TLS_STEP_SIGNER);
                assert_null(vc_tls_signed(g.server, number + 1, true, sig, 64)); /* nobody's */
            }
            switch (how) {
            case ABSENT:
                break;
            case REFUSED:
                assert_ptr_equal(vc_tls_signed(g.server, number, false, NULL, 0), s);
                break;
            case TOO_LONG:
                assert_ptr_equal(vc_tls_signed(g.server, number, true, sig, sizeof(sig)), s);
                break;
            case EMPTY:
                assert_ptr_equal(vc_tls_signed(g.server, number, true, sig, 0), s);
                break;
            case GARBAGE:
                assert_ptr_equal(vc_tls_signed(g.server, number, true, sig, 64), s);
                break;
            case GONE: /* the client leaves while the signer works: nothing leaks, the answer finds nobody */
                vc_tls_conn_free(s);
                assert_null(vc_tls_signed(g.server, number, true, sig, 64));
                client_stop(&c);
                gateway_stop(&g);
                continue;
            default:
                break;
            }
            rc = shake(s, &c, &fail);
            enum vc_cause want = how == GARBAGE  ? VC_CAUSE_TLS_ALERT
                                 : how == ABSENT ? VC_CAUSE_SIGNER_ABSENT
                                                 : VC_CAUSE_SIGNER_REFUSED;
            if (rc != -1 || fail.cause != want)
                fail_msg("%s: %d, %s, %s", names[how], rc, vc_cause_name(fail.cause), fail.detail);
            vc_tls_conn_free(s);
            client_stop(&c);
            gateway_stop(&g);
        }
    }
}

/* ---- Data ---- */

struct pair {
    struct gateway g;
    struct client c;
    struct vc_tls_conn *s;
};

static void up(struct pair *p, int version)
{
    struct vc_fail fail = {0};
    gateway_start(&p->g, VC_TLS_MAX_1_3, "P-256", NULL);
    client_start(&p->c, version, NULL);
    p->s = vc_tls_conn_new(p->g.server, &fail);
    assert_int_equal(shake(p->s, &p->c, &fail), VC_TLS_STEP_DONE);
}

static void down(struct pair *p)
{
    vc_tls_conn_free(p->s);
    client_stop(&p->c);
    gateway_stop(&p->g);
}

static void carries_data(void **state)
{
    (void)state;
    static uint8_t large[100000], got[100000];
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct pair p;
        struct vc_fail fail = {0};
        size_t n, done = 0;
        up(&p, version);
        for (size_t i = 0; i < sizeof(large); i++)
            large[i] = (uint8_t)(i * 31);
        /* to the gateway, never more than it wants: nothing of the next record is taken */
        assert_int_equal(SSL_write(p.c.ssl, large, sizeof(large)), sizeof(large));
        while (done < sizeof(large)) {
            uint8_t piece[20000];
            int rc = vc_tls_conn_read(p.s, got + done, sizeof(got) - done, &n, &fail);
            done += n;
            if (rc == VC_TLS_GOT_BYTES)
                continue;
            assert_int_equal(rc, VC_TLS_GOT_NOTHING);
            size_t want = vc_tls_conn_want(p.s);
            assert_true(want > 0 && want <= sizeof(piece));
            int m = BIO_read(p.c.out, piece, (int)want);
            assert_true(m > 0);
            assert_int_equal(vc_tls_conn_feed(p.s, piece, (size_t)m), m);
        }
        assert_memory_equal(got, large, sizeof(large));
        /* to the client */
        assert_int_equal(vc_tls_conn_write(p.s, large, sizeof(large), &fail), 0);
        to_client(p.s, &p.c);
        memset(got, 0, sizeof(got));
        for (done = 0; done < sizeof(large);) {
            int m = SSL_read(p.c.ssl, got + done, (int)(sizeof(got) - done));
            assert_true(m > 0);
            done += (size_t)m;
        }
        assert_memory_equal(got, large, sizeof(large));
        /* ends */
        assert_int_equal(SSL_shutdown(p.c.ssl), 0);
        (void)to_server(&p.c, p.s);
        assert_int_equal(vc_tls_conn_read(p.s, got, sizeof(got), &n, &fail), VC_TLS_GOT_CLOSE);
        vc_tls_conn_close(p.s);
        to_client(p.s, &p.c);
        assert_int_equal(SSL_shutdown(p.c.ssl), 1);
        down(&p);
    }
}

/* A flood is taken as far as there is room. */
static void has_a_limit(void **state)
{
    (void)state;
    struct pair p;
    static uint8_t large[100000];
    up(&p, TLS1_3_VERSION);
    assert_int_equal(SSL_write(p.c.ssl, large, sizeof(large)), sizeof(large));
    assert_int_equal(to_server(&p.c, p.s), VC_TLS_IN_MAX);
    assert_int_equal(vc_tls_conn_room(p.s), 0);
    assert_int_equal(vc_tls_conn_want(p.s), 0);
    assert_int_equal(to_server(&p.c, p.s), 0);
    size_t n;
    struct vc_fail fail = {0};
    assert_int_equal(vc_tls_conn_read(p.s, large, sizeof(large), &n, &fail), VC_TLS_GOT_BYTES);
    assert_int_equal(n, 16384); /* one record a call */
    assert_true(to_server(&p.c, p.s) > 0);
    down(&p);
}

static void breaks(void **state)
{
    (void)state;
    enum { BIT, CLEAR, UPDATES, ALERT, OVERSIZE };
    static const struct {
        const char *name;
        int version, how;
        enum vc_cause cause;
    } rows[] = {
        {"a bit, 1.2", TLS1_2_VERSION, BIT, VC_CAUSE_TLS_RECORD},
        {"a bit, 1.3", TLS1_3_VERSION, BIT, VC_CAUSE_TLS_RECORD},
        {"a record in the clear", TLS1_3_VERSION, CLEAR, VC_CAUSE_TLS_RECORD},
        {"33 KeyUpdates", TLS1_3_VERSION, UPDATES, VC_CAUSE_TLS_RECORD},
        {"a fatal alert, 1.2", TLS1_2_VERSION, ALERT, VC_CAUSE_TLS_ALERT},
        {"a record too long", TLS1_3_VERSION, OVERSIZE, VC_CAUSE_TLS_RECORD},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pair p;
        struct vc_fail fail = {0};
        uint8_t wire[4096], got[64];
        size_t n;
        int len = 0;
        up(&p, rows[i].version);
        switch (rows[i].how) {
        case BIT:
            assert_int_equal(SSL_write(p.c.ssl, "hello", 5), 5);
            len = BIO_read(p.c.out, wire, sizeof(wire));
            wire[len - 1] ^= 1;
            break;
        case CLEAR:
            memcpy(wire, "\x16\x03\x03\0\x04\0\0\0\0", len = 9);
            break;
        case UPDATES:
            for (int k = 0; k <= VC_TLS_KEY_UPDATES_MAX; k++) {
                assert_int_equal(SSL_key_update(p.c.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
                assert_int_equal(SSL_do_handshake(p.c.ssl), 1);
            }
            len = BIO_read(p.c.out, wire, sizeof(wire));
            break;
        case ALERT: /* the client's, who finds the server's record broken */
            assert_int_equal(vc_tls_conn_write(p.s, "hello", 5, &fail), 0);
            {
                size_t m;
                const uint8_t *out = vc_tls_conn_out(p.s, &m);
                memcpy(wire, out, m);
                wire[m - 1] ^= 1;
                assert_int_equal(BIO_write(p.c.in, wire, (int)m), m);
                vc_tls_conn_sent(p.s, m);
            }
            assert_int_equal(SSL_read(p.c.ssl, got, sizeof(got)), -1);
            len = BIO_read(p.c.out, wire, sizeof(wire));
            break;
        default:
            memcpy(wire, "\x17\x03\x03\xff\xff", len = 5);
            break;
        }
        assert_int_equal(vc_tls_conn_feed(p.s, wire, (size_t)len), len);
        int rc;
        do {
            rc = vc_tls_conn_read(p.s, got, sizeof(got), &n, &fail);
        } while (rc == VC_TLS_GOT_BYTES);
        if (rc != -1 || fail.cause != rows[i].cause)
            fail_msg("case '%s': %d, %s, %s", rows[i].name, rc, vc_cause_name(fail.cause), fail.detail);
        struct vc_fail again = {0};
        assert_int_equal(vc_tls_conn_write(p.s, "x", 1, &again), -1);
        struct vc_tls_cut cut;
        assert_int_equal(vc_tls_cut(p.s, &cut, &again), -1);
        assert_int_equal(again.cause, rows[i].cause);
        ERR_clear_error();
        down(&p);
    }
}

/* A renegotiation is declined and the connection goes on (2-tunnel.md 14). */
static void declines_renegotiation(void **state)
{
    (void)state;
    struct pair p;
    struct vc_fail fail = {0};
    uint8_t got[64];
    size_t n;
    up(&p, TLS1_2_VERSION);
    assert_int_equal(SSL_renegotiate(p.c.ssl), 1);
    (void)SSL_do_handshake(p.c.ssl);
    assert_true(to_server(&p.c, p.s) > 0);
    assert_int_equal(vc_tls_conn_read(p.s, got, sizeof(got), &n, &fail), VC_TLS_GOT_NOTHING);
    (void)vc_tls_conn_out(p.s, &n);
    assert_true(n > 0); /* the warning */
    assert_int_equal(vc_tls_conn_write(p.s, "x", 1, &fail), 0);
    ERR_clear_error();
    down(&p);
}

static void bad_certificates(void **state)
{
    (void)state;
    struct vc_fail fail = {0};
    struct vc_tls_cert cert = {"nothing", 7, 1};
    struct vc_tls_server_conf conf = {.certs = &cert, .n_certs = 1, .ask = gateway_ask};
    assert_null(vc_tls_server_new(&conf, &fail));
    assert_int_equal(fail.cause, VC_CAUSE_CONFIG);
    conf.n_certs = 0;
    assert_null(vc_tls_server_new(&conf, &fail));
    assert_int_equal(fail.cause, VC_CAUSE_CONFIG);
    vc_tls_server_free(NULL);
    vc_tls_conn_free(NULL);
}

/** Certificates that were replaced while the server runs: who is connected goes on, and who has said nothing yet sees
 *  the new one. */
static void other_certificates(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct pair p;
        struct client c;
        struct vc_fail fail = {0};
        size_t n, pem_len, key_len;
        char byte;
        up(&p, version);
        client_start(&c, version, NULL);
        struct vc_tls_conn *s = vc_tls_conn_new(p.g.server, &fail);
        struct vc_tls_cert cert = {"nothing", 7, 1};
        assert_int_equal(vc_tls_server_certs(p.g.server, &cert, 1, &fail), -1); /* the old ones stay */
        assert_int_equal(fail.cause, VC_CAUSE_CONFIG);
        EVP_PKEY *key = test_key("P-384"), *ca_key = test_key("P-256");
        X509 *ca = test_cert(ca_key, "CA", NULL, NULL), *leaf = test_cert(key, "new.example", ca_key, ca);
        X509 *chain[2] = {leaf, ca};
        char *key_pem = test_key_pem(key, NULL, &key_len), *pem = test_cert_pem(chain, 2, &pem_len);
        vc_keyring_free(p.g.ring); /* the new signer has the new key only */
        p.g.ring = vc_keyring_new();
        assert_int_equal(vc_keyring_add(p.g.ring, 40, key_pem, key_len, &fail), 0);
        cert = (struct vc_tls_cert){pem, pem_len, 40};
        assert_int_equal(vc_tls_server_certs(p.g.server, &cert, 1, &fail), 0);
        assert_int_equal(shake(s, &c, &fail), VC_TLS_STEP_DONE);
        X509 *seen = SSL_get1_peer_certificate(c.ssl);
        assert_int_equal(X509_cmp(seen, leaf), 0);
        X509_free(seen);
        assert_int_equal(SSL_write(p.c.ssl, "x", 1), 1);
        (void)to_server(&p.c, p.s);
        assert_int_equal(vc_tls_conn_read(p.s, &byte, 1, &n, &fail), VC_TLS_GOT_BYTES);
        free(key_pem);
        free(pem);
        X509_free(leaf);
        X509_free(ca);
        EVP_PKEY_free(key);
        EVP_PKEY_free(ca_key);
        vc_tls_conn_free(s);
        client_stop(&c);
        down(&p);
    }
}

static void wipes_in_time_only(void **state)
{
    (void)state;
    assert_int_equal(vc_tls_wipe_freed(), -1); /* OpenSSL has allocated by now */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees),
        cmocka_unit_test(has_the_suites_of_priorities),
        cmocka_unit_test(obeys_priorities),
        cmocka_unit_test(resumes_nothing),
        cmocka_unit_test(alpn),
        cmocka_unit_test(refuses),
        cmocka_unit_test(raw_bytes),
        cmocka_unit_test(endless_handshake),
        cmocka_unit_test(ends_of_file),
        cmocka_unit_test(large_hellos),
        cmocka_unit_test(a_slow_signer_holds_up_one),
        cmocka_unit_test(a_signer_that_fails),
        cmocka_unit_test(carries_data),
        cmocka_unit_test(has_a_limit),
        cmocka_unit_test(breaks),
        cmocka_unit_test(declines_renegotiation),
        cmocka_unit_test(bad_certificates),
        cmocka_unit_test(other_certificates),
        cmocka_unit_test(wipes_in_time_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
