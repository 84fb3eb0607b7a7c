#include "cli/fresh.h"

#include "table.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct vc_cli_fresh two[] = {
    {.name = "first", .mode = 0600, .bytes = "a secret\n", .len = 9},
    {.name = "second", .mode = 0644, .bytes = "", .len = 0},
};

static char *path(const char *folder, const char *name)
{
    static char text[200];
    (void)snprintf(text, sizeof(text), "%s/%s", folder, name);
    return text;
}

/** Names in the folder, whatever they are; -1: there is no folder. */
static int count(const char *folder)
{
    DIR *d = opendir(folder);
    int n = -2; /* . and .. */
    if (!d)
        return -1;
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void written(void **state)
{
    (void)state;
    char above[] = "/tmp/fresh-XXXXXX", folder[100], why[VC_CLI_FRESH_WHY] = "";
    struct stat st;
    assert_non_null(mkdtemp(above));
    (void)snprintf(folder, sizeof(folder), "%s/varco", above);
    mode_t before = umask(077); /* whatever it is, the modes are as asked for */
    assert_int_equal(vc_cli_fresh_check(folder, two, 2, why), 0);
    assert_int_equal(count(folder), -1);
    assert_int_equal(vc_cli_fresh_write(folder, two, 2, why), 0);
    (void)umask(before);
    assert_int_equal(count(folder), 2);
    assert_int_equal(stat(path(folder, "first"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 9);
    assert_int_equal(stat(path(folder, "second"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);

    assert_int_equal(vc_cli_fresh_check(folder, two, 2, why), 1);
    assert_non_null(strstr(why, "/first' exists"));
    assert_int_equal(vc_cli_fresh_write(folder, two, 2, why), 1);
    assert_int_equal(count(folder), 2);
    assert_int_equal(unlink(path(folder, "first")) | unlink(path(folder, "second")) | rmdir(folder) | rmdir(above), 0);
}

/** One that came after the check: those that were there before it are gone, it is as it was. */
static void taken_back(void **state)
{
    (void)state;
    char folder[] = "/tmp/fresh-XXXXXX", why[VC_CLI_FRESH_WHY] = "", target[100];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(symlink("nowhere", path(folder, "second")), 0); /* even a link that leads nowhere */
    assert_int_equal(vc_cli_fresh_check(folder, two, 2, why), 1);
    assert_int_equal(vc_cli_fresh_write(folder, two, 2, why), 1);
    assert_non_null(strstr(why, "/second' exists"));
    assert_int_equal(count(folder), 1);
    assert_int_equal(readlink(path(folder, "second"), target, sizeof(target)), 7);
    assert_int_equal(unlink(path(folder, "second")) | rmdir(folder), 0);
}

static void no_folder(void **state)
{
    (void)state;
    char why[VC_CLI_FRESH_WHY] = "";
    assert_int_equal(vc_cli_fresh_check("/dev/null", two, 2, why), 1);
    assert_non_null(strstr(why, "Not a directory"));
    assert_int_equal(vc_cli_fresh_write("/dev/null", two, 2, why), 1);
    assert_int_equal(vc_cli_fresh_write("/dev/null/varco", two, 2, why), 1);
    assert_non_null(strstr(why, "'/dev/null/varco'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(written), cmocka_unit_test(taken_back),
                                       cmocka_unit_test(no_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
