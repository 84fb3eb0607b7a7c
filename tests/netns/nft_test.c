/* Our table in the firewall, in a network of our own: what is in it, and that it goes with us, kill -9 included. */
#include "sys/nft.h"

#include "netns.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct vc_prefix pool4, pool6, none;

static char *ruleset(void)
{
    static char text[8192];
    static const char *const list[] = {"nft", "list", "ruleset", NULL};
    assert_int_equal(run(list, text, sizeof(text)), 0);
    return text;
}

static int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void table_comes_and_goes(void **state)
{
    static const struct {
        const char *name;
        const struct vc_prefix *v4, *v6;
    } rows[] = {{"both", &pool4, &pool6}, {"IPv4", &pool4, &none}, {"IPv6", &none, &pool6}};
    int before = count_fds();
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_nft nft = {0};
        struct vc_fail fail = {0};
        if (vc_nft_masquerade(&nft, "vpns0", rows[i].v4, rows[i].v6, &fail) != 0)
            fail_msg("%s: %s", rows[i].name, fail.detail);
        char *text = ruleset();
        assert_case(rows[i].name, strstr(text, "table inet varco_vpns0 {") != NULL);
        assert_case(rows[i].name, strstr(text, "flags owner") != NULL);
        assert_case(rows[i].name,
                    !!strstr(text, "ip saddr 10.20.0.0/16 oifname != \"vpns0\" masquerade") == (rows[i].v4 == &pool4));
        assert_case(rows[i].name,
                    !!strstr(text, "ip6 saddr fd20::/64 oifname != \"vpns0\" masquerade") == (rows[i].v6 == &pool6));
        vc_nft_end(&nft);
        vc_nft_end(&nft); /* harmless */
        assert_case(rows[i].name, !strstr(ruleset(), "varco"));
        assert_case(rows[i].name, count_fds() == before);
    }
}

static void refused_is_told(void **state)
{
    struct vc_nft nft = {0}, second = {0};
    struct vc_fail fail = {0};
    int before = count_fds();
    (void)state;
    assert_int_equal(vc_nft_masquerade(&nft, "a b", &pool4, &none, &fail), -1); /* not a name */
    assert_int_equal(fail.cause, VC_CAUSE_SYSTEM);
    assert_non_null(strstr(fail.detail, "nft"));
    assert_int_equal(nft.pid, 0);
    /* a table that somebody else owns */
    assert_int_equal(vc_nft_masquerade(&nft, "vpns0", &pool4, &none, &fail), 0);
    assert_int_equal(vc_nft_masquerade(&second, "vpns0", &pool4, &none, &fail), -1);
    assert_int_equal(second.pid, 0);
    assert_non_null(strstr(ruleset(), "varco_vpns0"));                              /* the first one's is untouched */
    assert_int_equal(vc_nft_masquerade(&second, "vpns1", &pool4, &none, &fail), 0); /* another gateway beside it */
    vc_nft_end(&nft);
    char *text = ruleset();
    assert_null(strstr(text, "varco_vpns0"));
    assert_non_null(strstr(text, "varco_vpns1"));
    vc_nft_end(&second);
    assert_int_equal(count_fds(), before);
}

static void without_the_program(void **state)
{
    struct vc_nft nft = {0};
    struct vc_fail fail = {0};
    (void)state;
    assert_int_equal(mount("/dev/null", "/usr/sbin/nft", NULL, MS_BIND, NULL), 0);
    int r = vc_nft_masquerade(&nft, "vpns0", &pool4, &none, &fail);
    assert_int_equal(umount2("/usr/sbin/nft", MNT_DETACH), 0);
    assert_int_equal(r, -1);
    assert_non_null(strstr(fail.detail, "package nftables"));
    assert_int_equal(nft.pid, 0);
}

static void it_goes_with_us(void **state)
{
    int said[2];
    pid_t nft_pid = 0;
    (void)state;
    assert_int_equal(pipe(said), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct vc_nft nft = {0};
        struct vc_fail fail;
        if (vc_nft_masquerade(&nft, "vpns0", &pool4, &pool6, &fail) != 0)
            _exit(1);
        (void)!write(said[1], &nft.pid, sizeof(nft.pid));
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(said[0], &nft_pid, sizeof(nft_pid)), sizeof(nft_pid));
    int holder = (int)syscall(SYS_pidfd_open, nft_pid, 0);
    assert_true(holder >= 0);
    assert_non_null(strstr(ruleset(), "varco_vpns0"));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    struct pollfd p = {.fd = holder, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1); /* the child that held it has ended too */
    assert_null(strstr(ruleset(), "varco"));
    (void)close(holder);
    (void)close(said[0]);
    (void)close(said[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_comes_and_goes),
        cmocka_unit_test(refused_is_told),
        cmocka_unit_test(without_the_program),
        cmocka_unit_test(it_goes_with_us),
    };
    bool all_ids;
    own_world(&all_ids);
    static const char *const list[] = {"nft", "list", "ruleset", NULL};
    char text[8192];
    if (run(list, text, sizeof(text)) != 0)
        skip_program("nft does not work here");
    if (!vc_prefix_parse(VC_STR("10.20.0.0/16"), &pool4) || !vc_prefix_parse(VC_STR("fd20::/64"), &pool6))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
