#include "crypto/prf.h"
#include "table.h"

static enum vc_hash hash_named(const char *name)
{
    if (strcmp(name, "sha256") == 0)
        return VC_HASH_SHA256;
    if (strcmp(name, "sha384") == 0)
        return VC_HASH_SHA384;
    if (strcmp(name, "md5-sha1") == 0)
        return VC_HASH_MD5_SHA1;
    fail_msg("hash '%s'", name);
    return VC_HASH_NONE;
}

/* 2-tunnel.md 9.3: the key blocks of every suite, PRFs of TLS 1.0 and 1.2 */
static void key_blocks(void **state)
{
    (void)state;
    const json_t *all = json_object_get(vectors(), "dtls_records"), *v;
    size_t i;
    json_array_foreach(all, i, v)
    {
        size_t master_n, client_n, server_n, n;
        uint8_t *master = vector_bytes(v, "master_secret", &master_n);
        uint8_t *client = vector_bytes(v, "client_random", &client_n);
        uint8_t *server = vector_bytes(v, "server_random", &server_n);
        uint8_t *want = vector_bytes(v, "key_block", &n), *got = malloc(n);
        assert_non_null(got);
        assert_int_equal(vc_prf(hash_named(vector_text(v, "prf")), master, master_n, "key expansion", server, server_n,
                                client, client_n, got, n),
                         0);
        assert_case(vector_text(v, "suite"), memcmp(got, want, n) == 0);
        free(master);
        free(client);
        free(server);
        free(want);
        free(got);
    }
    assert_int_equal(i, 5);
}

/* 2-tunnel.md 8.4, RFC 5705 and RFC 8446 7.5 */
static void exporters(void **state)
{
    (void)state;
    const json_t *all = json_object_get(vectors(), "exporters"), *v;
    size_t i;
    json_array_foreach(all, i, v)
    {
        size_t n;
        uint8_t *want = vector_bytes(v, "psk", &n), got[32];
        const char *label = vector_text(v, "label");
        assert_int_equal(n, sizeof(got));
        if (strcmp(vector_text(v, "tls"), "1.2") == 0) {
            size_t master_n, client_n, server_n;
            uint8_t *master = vector_bytes(v, "master_secret", &master_n);
            uint8_t *client = vector_bytes(v, "client_random", &client_n);
            uint8_t *server = vector_bytes(v, "server_random", &server_n);
            assert_int_equal(vc_prf(hash_named(vector_text(v, "prf")), master, master_n, label, client, client_n,
                                    server, server_n, got, sizeof(got)),
                             0);
            free(master);
            free(client);
            free(server);
        } else {
            enum vc_hash hash = hash_named(vector_text(v, "hash"));
            size_t secret_n, len = vc_hash_len(hash);
            uint8_t *secret = vector_bytes(v, "exporter_master_secret", &secret_n);
            uint8_t empty[VC_HASH_MAX], derived[VC_HASH_MAX];
            assert_int_equal(secret_n, len);
            assert_int_equal(vc_hash(hash, NULL, 0, empty), 0);
            assert_int_equal(vc_hkdf_expand_label(hash, secret, label, empty, len, derived, len), 0);
            assert_int_equal(vc_hkdf_expand_label(hash, derived, "exporter", empty, len, got, sizeof(got)), 0);
            free(secret);
        }
        assert_case(vector_text(v, "tls"), memcmp(got, want, n) == 0);
        free(want);
    }
    assert_int_equal(i, 3);
}

static void refused(void **state)
{
    (void)state;
    uint8_t out[4] = {1, 2, 3, 4}, secret[32] = {0};
    static const uint8_t zero[4];
    char long_label[300];
    memset(long_label, 'x', sizeof(long_label) - 1);
    long_label[sizeof(long_label) - 1] = 0;
    assert_int_equal(vc_hkdf_expand_label(VC_HASH_SHA256, secret, long_label, NULL, 0, out, sizeof(out)), -1);
    assert_memory_equal(out, zero, sizeof(out));
    out[0] = 1;
    assert_int_equal(vc_prf(VC_HASH_NONE, secret, 32, "x", NULL, 0, NULL, 0, out, sizeof(out)), -1);
    assert_memory_equal(out, zero, sizeof(out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_blocks),
        cmocka_unit_test(exporters),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
