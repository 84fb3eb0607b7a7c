#include "gateway/authority/hash_form.h"

#include "table.h"

#include <crypt.h>

/* Made by libxcrypt, all of the password "x". */
#define YESCRYPT "$y$j9T$yS2hVVF4kDVw4ixV5bAxB/$qxpKpKfd9/tVJAtWC/PKWoTiv7Pm5i8QsMs5XgZdzi7"
#define SCRYPT "$7$CU..../....abcdefgh$19TzpFZ5AwP26vdEMbfvWacoVUfd2MfVusFAVFilh.C"
#define BCRYPT "$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO"

static void test_cost(void **state)
{
    static const struct {
        const char *hash, *cost;
    } cases[] = {
        {YESCRYPT, "$y$j9T$"},
        {SCRYPT, "$7$CU..../...."},
        {BCRYPT, "$2b$05$"},
        {"$5$saltsalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3", "$5$"},
        {"$5$rounds=9000$salt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3", "$5$rounds=9000$"},
        {"$6$rounds=9000$salt$x", "$6$rounds=9000$"},
        {"$1$salt$hashhash", "$1$"},
        {"$sha1$48000$abc$IOt6asAa/0U7PcRcOzAMzMXoXgpb", "$sha1$48000$"},
        {"$md5,rounds=904$abc$$YPwPP5b5CYkj9vORNZiX4/", "$md5,rounds=904$"},
        {"$3$$a9f0dd57e1edab5bb55a9ac0a99c15ec", "$3$"},
        {"abiQ6Ep3EYTHc", "DES"},
        {"_J9..rasm3I3.7IOQ/Rk", "_J9.."},
        /* no hashes */
        {"", ""},
        {"*", ""},
        {"!", ""},
        {"x", ""},
        {"abiQ6Ep3EYTH", ""},
        {"abiQ6Ep3EYTHcc", ""},
        {"abiQ6:p3EYTHc", ""},
        {"$", ""},
        {"$$", ""},
        {"$9$salt$hash", ""},
        {"$6$", ""},
        {"$y$j9T", ""},
        {"$y$j9T$", ""},
        {"$5$rounds=9000$", ""},
        {"_J9..rasm3I3.7IOQ/R", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *hash = exact(cases[i].hash, strlen(cases[i].hash));
        struct vc_str cost = vc_hash_form_cost((struct vc_str){.at = hash, .len = strlen(cases[i].hash)});
        assert_case(cases[i].hash, vc_str_eq(cost, vc_str_of(cases[i].cost)));
        assert_case(cases[i].hash, vc_hash_form_known(vc_str_of(cases[i].hash)) == (cases[i].cost[0] != 0));
        free(hash);
    }
    (void)state;
}

static void test_dummy(void **state)
{
    static const struct {
        const char *name, *file, *cost;
    } cases[] = {
        {"no users", "", "$y$j9T$"},
        {"only users without a password", "a:*:\nb:*:!\n", "$y$j9T$"},
        {"one user", "a:*:" BCRYPT "\n", "$2b$05$"},
        {"the most common kind, not the first", "a:*:" BCRYPT "\nb:*:" YESCRYPT "\nc:*:" YESCRYPT "\n", "$y$j9T$"},
        {"costs are kinds", "a:*:$6$rounds=7000$s$abcdefgh\nb:*:$6$s$abcdefgh\nc:*:$6$t$abcdefgh\n", "$6$"},
        {"locked users count", "a:*:!" BCRYPT "\n", "$2b$05$"},
        {"DES", "a:*:abiQ6Ep3EYTHc\n", "DES"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char dummy[VC_HASH_FORM_MAX], *file = exact(cases[i].file, strlen(cases[i].file));
        vc_hash_form_dummy((struct vc_str){.at = file, .len = strlen(cases[i].file)}, dummy);
        assert_case(cases[i].name, vc_str_eq(vc_hash_form_cost(vc_str_of(dummy)), vc_str_of(cases[i].cost)));
        assert_case(cases[i].name, strstr(cases[i].file, dummy) == NULL); /* nobody's */
        free(file);
    }
    (void)state;
}

/* crypt(3) computes the dummies, and finds no match: not even with the password of the user whose hash it came from. */
static void test_dummy_takes_its_time(void **state)
{
    static const char *const files[] = {"", "a:*:" BCRYPT "\n", "a:*:" SCRYPT "\n", "a:*:abiQ6Ep3EYTHc\n",
                                        "a:*:$5$saltsalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char dummy[VC_HASH_FORM_MAX];
        vc_hash_form_dummy(vc_str_of(files[i]), dummy);
        const char *out = crypt("x", dummy);
        assert_non_null(out);
        assert_int_not_equal(out[0], '*');
        assert_int_equal(strlen(out), strlen(dummy));
        assert_string_not_equal(out, dummy);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_dummy),
        cmocka_unit_test(test_dummy_takes_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
