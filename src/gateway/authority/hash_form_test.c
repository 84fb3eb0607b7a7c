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

static void test_costly(void **state)
{
    static const struct {
        const char *hash;
        bool costly;
    } cases[] = {
        {YESCRYPT, false},
        {SCRYPT, false},
        {BCRYPT, false},
        {"", false}, /* no hashes: unusable, and without work */
        {"*", false},
        {"$6$s$abcdefgh", false},
        {"$6$rounds=1000000$s$abcdefgh", false},
        {"$6$rounds=1000001$s$abcdefgh", true},
        {"$5$rounds=1000001$s$abcdefgh", true},
        {"$5$rounds=99999999999999999999999$s$abcdefgh", true},
        {"$5$rounds=-1$s$abcdefgh", true},
        {"$5$rounds=$s$abcdefgh", true},
        {"$2b$13$abcdefghijklmnopqrstuu", false},
        {"$2b$14$abcdefghijklmnopqrstuu", true},
        {"$2y$31$abcdefghijklmnopqrstuu", true},
        {"$2a$xx$abcdefghijklmnopqrstuu", true},
        {"$y$jCT$salt$hash", false}, /* N 2^15, r 32 */
        {"$y$jDT$salt$hash", true},
        {"$gy$jDT$salt$hash", true},
        {"$y$jzT$salt$hash", true},
        {"$y$j9z$salt$hash", true},
        {"$y$j9T..$salt$hash", true}, /* with parameters that no tool writes */
        {"$y$j9$salt$hash", true},
        {"$7$DU..../....salt$hash", false}, /* N 2^15, r 32, p 1 */
        {"$7$EU..../....salt$hash", true},
        {"$7$DU....0....salt$hash", true},
        {"$7$/zzzzzzzzzzsalt$hash", true},
        {"$7$/U$hash", true},
        {"$sha1$500000$abc$hash", false},
        {"$sha1$500001$abc$hash", true},
        {"$md5,rounds=200000$abc$$hash", false},
        {"$md5,rounds=200001$abc$$hash", true},
        {"$md5,x$abc$$hash", true},
        {"$md5$abc$$hash", false},
        {"$1$salt$hash", false},
        {"$3$$a9f0dd57e1edab5bb55a9ac0a99c15ec", false},
        {"abiQ6Ep3EYTHc", false},
        {"_J9..rasm3I3.7IOQ/Rk", false},
        {"_...2rasm3I3.7IOQ/Rk", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *hash = exact(cases[i].hash, strlen(cases[i].hash));
        struct vc_str s = {.at = hash, .len = strlen(cases[i].hash)};
        assert_case(cases[i].hash, vc_hash_form_costly(s) == cases[i].costly);
        free(hash);
    }
    (void)state;
}

static void test_kinds(void **state)
{
    static const struct {
        const char *name, *file, *costs; /* in their order */
    } cases[] = {
        {"no users", "", "$y$j9T$ "},
        {"only users without a password", "a:*:\nb:*:!\n", "$y$j9T$ "},
        {"one user", "a:*:" BCRYPT "\n", "$2b$05$ "},
        {"the dear one among cheap ones", "a:*:$5$s$abcdefgh\nb:*:$5$t$abcdefgh\nc:*:" YESCRYPT "\n", "$5$ $y$j9T$ "},
        {"costs are kinds", "a:*:$6$rounds=7000$s$abcdefgh\nb:*:$6$s$abcdefgh\nc:*:$6$t$abcdefgh\n",
         "$6$rounds=7000$ $6$ "},
        {"locked users do not count", "a:*:!" BCRYPT "\nb:*:$1$s$abcdefgh\n", "$1$ "},
        {"nor do costly ones", "a:*:$6$rounds=1000001$s$abcdefgh\nb:*:$1$s$abcdefgh\n", "$1$ "},
        {"DES", "a:*:abiQ6Ep3EYTHc\nb:*:*\n", "DES "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct vc_hash_kinds k;
        char costs[256] = "", *file = exact(cases[i].file, strlen(cases[i].file));
        vc_hash_kinds_read(&k, (struct vc_str){.at = file, .len = strlen(cases[i].file)});
        assert_case(cases[i].name, !k.more);
        for (unsigned j = 0; j < k.n; j++) {
            struct vc_str cost = vc_hash_form_cost(vc_str_of(k.dummy[j]));
            (void)snprintf(costs + strlen(costs), sizeof(costs) - strlen(costs), "%.*s ", (int)cost.len, cost.at);
            assert_case(cases[i].name, strstr(cases[i].file, k.dummy[j]) == NULL); /* nobody's */
            assert_case(cases[i].name, vc_hash_kinds_place(&k, vc_str_of(k.dummy[j])) == j);
        }
        assert_case(cases[i].name, strcmp(costs, cases[i].costs) == 0);
        free(file);
    }
    (void)state;
}

/* A file with a kind for each user: the most common ones have places, the others stand in for one of their method. */
static void test_more_kinds_than_places(void **state)
{
    static struct vc_hash_kinds k;
    static char file[65536];
    size_t n = 0;
    for (int i = 0; i < 300; i++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "u%d:*:$5$rounds=%d$salt$abcdefgh\n", i, 2000 + i);
    for (int i = 0; i < 3; i++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "y%d:*:" YESCRYPT "\n", i);
    vc_hash_kinds_read(&k, (struct vc_str){.at = file, .len = n});
    assert_true(k.more);
    assert_int_equal(k.n, VC_HASH_KINDS_MAX);
    unsigned near = vc_hash_kinds_place(&k, VC_STR("$5$rounds=9999$salt$abcdefgh"));
    assert_memory_equal(k.dummy[near], "$5$", 3);
    assert_int_equal(vc_hash_kinds_place(&k, VC_STR(BCRYPT)), 0);

    n = 0; /* the rarest one goes, though it came first */
    n += (size_t)snprintf(file + n, sizeof(file) - n, "x:*:" BCRYPT "\n");
    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "u%d:*:$6$rounds=%d$salt$abcdefgh\n", i, 2000 + i / 2);
    vc_hash_kinds_read(&k, (struct vc_str){.at = file, .len = n});
    assert_true(k.more);
    assert_int_equal(k.n, VC_HASH_KINDS_MAX);
    for (unsigned i = 0; i < k.n; i++)
        assert_memory_equal(k.dummy[i], "$6$", 3);
    assert_int_not_equal(vc_hash_kinds_place(&k, VC_STR("$6$rounds=2007$salt$abcdefgh")),
                         vc_hash_kinds_place(&k, VC_STR("$6$rounds=2006$salt$abcdefgh")));
    (void)state;
}

/* crypt(3) computes the dummies, and finds no match: not even with the password of the user whose hash it came from. */
static void test_dummy_takes_its_time(void **state)
{
    static const char *const files[] = {"", "a:*:" BCRYPT "\n", "a:*:" SCRYPT "\n", "a:*:abiQ6Ep3EYTHc\n",
                                        "a:*:$5$saltsalt$KxCq1DYUCTb3tKzKQpX0jvMnJhOeP1ZQwWnHZ8rJ4S3\n"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        static struct vc_hash_kinds k;
        vc_hash_kinds_read(&k, vc_str_of(files[i]));
        const char *out = crypt("x", k.dummy[0]);
        assert_int_equal(k.n, 1);
        assert_non_null(out);
        assert_int_not_equal(out[0], '*');
        assert_int_equal(strlen(out), strlen(k.dummy[0]));
        assert_string_not_equal(out, k.dummy[0]);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_costly),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_more_kinds_than_places),
        cmocka_unit_test(test_dummy_takes_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
