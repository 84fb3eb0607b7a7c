#include "gateway/verifier/hashes.h"

#include "table.h"

#include <crypt.h>

/* Every call of crypt(3) passes here: what was computed, in its order. */
static char computed[256];

char *__real_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
    (void)snprintf(computed + strlen(computed), sizeof(computed) - strlen(computed), "%.3s ", setting);
    return __real_crypt_r(phrase, setting, data);
}

static char own[CRYPT_OUTPUT_SIZE], md5[CRYPT_OUTPUT_SIZE], sha256[CRYPT_OUTPUT_SIZE];

static int make(void **state)
{
    (void)state;
    (void)snprintf(own, sizeof(own), "%s", crypt("secret", "$6$rounds=1000$salt$"));
    (void)snprintf(md5, sizeof(md5), "%s", crypt("secret", "$1$salt$"));
    (void)snprintf(sha256, sizeof(sha256), "%s", crypt("secret", "$5$rounds=1000$salt$"));
    return own[0] == '$' && md5[0] == '$' && sha256[0] == '$' ? 0 : -1;
}

static struct vc_bytes bytes_of(const char *text)
{
    return (struct vc_bytes){.at = (const uint8_t *)text, .len = strlen(text)};
}

static bool verify(const char *password, const char *hash, const uint8_t *beside, size_t len)
{
    const struct vc_bytes p = bytes_of(password), h = bytes_of(hash);
    uint8_t *copy = exact(beside, len);
    const struct vc_bytes b = {.at = copy, .len = len};
    computed[0] = 0;
    bool ok = vc_hashes_verify(&p, &h, &b);
    free(copy);
    return ok;
}

/* The same hashes are computed whatever comes out: nobody learns from the time whether, or how far, it was right. */
static void test_the_work_is_the_same(void **state)
{
    uint8_t others[512];
    struct vc_writer w = vc_writer_to(others, sizeof(others));
    vc_put_u16(&w, (uint16_t)strlen(md5));
    vc_put(&w, md5, strlen(md5));
    vc_put_u16(&w, (uint16_t)strlen(sha256));
    vc_put(&w, sha256, strlen(sha256));
    assert_true(verify("secret", own, others, vc_written(&w)));
    assert_string_equal(computed, "$6$ $1$ $5$ ");
    assert_false(verify("Secret", own, others, vc_written(&w)));
    assert_string_equal(computed, "$6$ $1$ $5$ ");
    assert_false(verify("", own, others, vc_written(&w)));
    assert_string_equal(computed, "$6$ $1$ $5$ ");
    own[strlen(own) - 1] ^= 1; /* only the one in front is compared, though the password fits the others */
    assert_false(verify("secret", own, others, vc_written(&w)));
    assert_string_equal(computed, "$6$ $1$ $5$ ");
    own[strlen(own) - 1] ^= 1;
    assert_true(verify("secret", own, others, 0));
    assert_string_equal(computed, "$6$ ");
    (void)state;
}

static void test_odd(void **state)
{
    static const uint8_t cut[] = {0, 1, '$', 0, 9, '$'}, half[] = {0};
    assert_true(verify("secret", own, cut, sizeof(cut))); /* what is malformed beside it decides nothing */
    assert_true(verify("secret", own, half, sizeof(half)));
    assert_false(verify("secret", "", NULL, 0));
    assert_false(verify("secret", "*0", NULL, 0));
    assert_false(verify("secret", "*", NULL, 0));
    assert_false(verify("secret", "$nosuch$salt$hash", NULL, 0));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_work_is_the_same),
        cmocka_unit_test(test_odd),
    };
    return cmocka_run_group_tests_name("gateway/verifier_hashes", tests, make, NULL);
}
