#include "crypto/selftest.h"

#include "table.h"

static void test_passes_here(void **state)
{
    (void)state;
    const char *failed = vc_crypto_selftest();
    if (failed)
        fail_msg("%s", failed);
}

/** Each member of the vectors, however deep. */
static bool stands_in(const json_t *v, const char *hex)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_string(v))
        return strcmp(json_string_value(v), hex) == 0;
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        if (stands_in(member, hex))
            return true;
    }
    json_array_foreach(v, i, member)
    {
        if (stands_in(member, hex))
            return true;
    }
    return false;
}

/* What is believed to be right is what others computed. Hashes are not among the vectors: hash_test.c has them. */
static void test_answers_are_the_vectors(void **state)
{
    (void)state;
    for (const struct vc_known_answer *k = vc_known_answers; k->name; k++)
        assert_case(k->name, k->what == VC_KNOWN_HASH || k->what == VC_KNOWN_HMAC || stands_in(vectors(), k->out));
}

/* A library that is wrong looks like an answer that is: any changed byte, of the whole answer, is seen. */
static void test_a_wrong_answer_is_refused(void **state)
{
    unsigned seen = 0;
    (void)state;
    for (const struct vc_known_answer *k = vc_known_answers; k->name; k++) {
        char *out = strdup(k->out);
        struct vc_known_answer wrong = *k;
        wrong.out = out;
        for (size_t i = 0; out[i]; i++) {
            char right = out[i];
            out[i] = right == '0' ? '1' : '0';
            assert_case(k->name, vc_known_check(&wrong) == k->name);
            out[i] = right;
        }
        assert_null(vc_known_check(&wrong));
        out[strlen(out) - 2] = 0; /* nor does a beginning do, where the length is not ours to choose */
        if (k->what != VC_KNOWN_HKDF && k->what != VC_KNOWN_PRF)
            assert_case(k->name, vc_known_check(&wrong) == k->name);
        seen |= 1U << k->what;
        free(out);
    }
    assert_int_equal(seen, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_here),
        cmocka_unit_test(test_answers_are_the_vectors),
        cmocka_unit_test(test_a_wrong_answer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
