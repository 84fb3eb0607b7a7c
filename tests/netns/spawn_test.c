/* What a started process has: by /proc, nothing that it does not need. The program is started again as its own child.
 */
#include "sys/spawn.h"

#include "netns.h"
#include "sys/harden.h"
#include "sys/fdpass.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define CHILD "varco-child"
#define COPY "/run/varco-test-child" /* where every user may run it */
#define UID 64001
#define GID 64002

static bool all_ids;

/** The child: says what only it knows, then waits for its port to close. */
static int child(void)
{
    char line[256], cwd[PATH_MAX];
    struct rlimit core, fds;
    sigset_t blocked;
    int ignored = 0, n_blocked = 0;
    (void)getrlimit(RLIMIT_CORE, &core);
    (void)getrlimit(RLIMIT_NOFILE, &fds);
    (void)sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction act;
        ignored += sig < 32 && sigaction(sig, NULL, &act) == 0 && act.sa_handler == SIG_IGN;
        n_blocked += sigismember(&blocked, sig) == 1;
    }
    extern char **environ;
    int n_env = 0;
    while (environ[n_env])
        n_env++;
    int n = snprintf(line, sizeof(line),
                     "core=%llu sid=%d cwd=%s ignored=%d blocked=%d path=%s home=%s env=%d dumpable=%d fds=%d",
                     (unsigned long long)core.rlim_max, getsid(0) == getpid(), getcwd(cwd, sizeof(cwd)) ? cwd : "?",
                     ignored, n_blocked, getenv("PATH"), getenv("HOME") ? "set" : "none", n_env,
                     prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), fds.rlim_cur == fds.rlim_max && fds.rlim_max == 900);
    if (write(3, line, (size_t)n) != n)
        return 3;
    struct pollfd p = {.fd = 3, .events = POLLIN};
    while (poll(&p, 1, -1) < 0)
        continue;
    return 42;
}

static char *read_file(pid_t pid, const char *what)
{
    static char text[16384];
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    assert_true(n >= 0);
    text[n] = 0;
    return text;
}

/** A line of /proc/PID/status, with blanks as they are there. */
static const char *status_of(pid_t pid, const char *key)
{
    static char value[256];
    char *text = read_file(pid, "status"), start[64];
    (void)snprintf(start, sizeof(start), "\n%s:", key);
    char *p = strstr(text, start);
    if (p)
        p += strlen(start);
    else if (strncmp(text, start + 1, strlen(start) - 1) == 0) /* the first line */
        p = text + strlen(start) - 1;
    assert_non_null(p);
    p += strspn(p, "\t ");
    (void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(p, "\n"), p);
    char *end = value + strlen(value);
    while (end > value && end[-1] == ' ')
        *--end = 0;
    return value;
}

static void heard(int port, char *line, size_t cap)
{
    struct pollfd p = {.fd = port, .events = POLLIN};
    assert_true(poll(&p, 1, 10000) == 1);
    ssize_t n = read(port, line, cap - 1);
    assert_true(n > 0);
    line[n] = 0;
}

static int ended(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct vc_spawn plan(int port)
{
    return (struct vc_spawn){
        .path = COPY, .name = CHILD, .uid = UID, .gid = GID, .keep_ids = !all_ids, .port = port, .cwd = -1};
}

static void nothing_but_what_it_needs(void **state)
{
    int ports[2], dir = open("/run", O_RDONLY | O_DIRECTORY);
    char line[256], path[64], link[PATH_MAX];
    struct vc_fail fail;
    sigset_t some;
    (void)state;
    /* what a parent may have that a child must not inherit */
    int strays[] = {open("/etc/passwd", O_RDONLY), socket(AF_INET, SOCK_STREAM, 0), dup2(1, 500)};
    assert_int_equal(vc_fdpass_pair(ports), 0);
    (void)setenv("HOME", "/root", 1);
    (void)setenv("LD_PRELOAD", "", 1);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &some, NULL);
    struct vc_spawn s = plan(ports[1]);
    pid_t pid = vc_spawn(&s, &fail);
    assert_true(pid > 0);
    (void)close(ports[1]);
    heard(ports[0], line, sizeof(line));
    assert_non_null(
        strstr(line, "core=0 sid=1 cwd=/ ignored=0 blocked=0 path=/usr/sbin:/usr/bin:/sbin:/bin home=none"));
    assert_non_null(strstr(line, getenv("ASAN_OPTIONS") ? "env=3" : "env=2"));

    if (all_ids) {
        char want[64];
        (void)snprintf(want, sizeof(want), "%d\t%d\t%d\t%d", UID, UID, UID, UID);
        assert_string_equal(status_of(pid, "Uid"), want);
        (void)snprintf(want, sizeof(want), "%d\t%d\t%d\t%d", GID, GID, GID, GID);
        assert_string_equal(status_of(pid, "Gid"), want);
        assert_string_equal(status_of(pid, "Groups"), "");
    }
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};
    for (size_t i = 0; i < N(sets); i++) /* for a uid of 0 too: exec gives it back nothing, for no_new_privs */
        assert_case(sets[i], strcmp(status_of(pid, sets[i]), "0000000000000000") == 0);
    assert_string_equal(status_of(pid, "NoNewPrivs"), "1");
    assert_string_equal(status_of(pid, "Name"), "varco-test-chil"); /* of the file; argv[0] is below */
    assert_string_equal(read_file(pid, "cmdline"), CHILD);

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        n++;
        ssize_t len = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
        assert_true(len > 0);
        link[len] = 0;
        int fd = e->d_name[0] - '0';
        assert_case(link, e->d_name[1] == 0 && fd >= 0 && fd <= 3);
        assert_case(link, fd == 3 ? strncmp(link, "socket:", 7) == 0 : strcmp(link, "/dev/null") == 0);
    }
    (void)closedir(d);
    assert_int_equal(n, 4);

    (void)close(ports[0]);
    assert_int_equal(ended(pid), 42);
    (void)sigprocmask(SIG_UNBLOCK, &some, NULL);
    for (size_t i = 0; i < N(strays); i++)
        (void)close(strays[i]);
    (void)close(dir);
}

/** As root it has no more rights than anybody (the verifier for PAM). */
static void root_without_capabilities(void **state)
{
    int ports[2];
    char line[256];
    struct vc_fail fail;
    (void)state;
    assert_int_equal(vc_fdpass_pair(ports), 0);
    struct vc_spawn s = plan(ports[1]);
    s.keep_ids = true;
    pid_t pid = vc_spawn(&s, &fail);
    assert_true(pid > 0);
    (void)close(ports[1]);
    heard(ports[0], line, sizeof(line));
    assert_string_equal(status_of(pid, "Uid"), "0\t0\t0\t0");
    assert_string_equal(status_of(pid, "CapPrm"), "0000000000000000");
    assert_string_equal(status_of(pid, "CapEff"), "0000000000000000");
    (void)close(ports[0]);
    assert_int_equal(ended(pid), 42);
}

static void stderr_and_cwd_on_demand(void **state)
{
    int ports[2], dir;
    char line[256], path[64], link[PATH_MAX];
    struct vc_fail fail;
    (void)state;
    assert_int_equal(mkdir("/run/place", 0755), 0);
    dir = open("/run/place", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(vc_fdpass_pair(ports), 0);
    struct vc_spawn s = plan(ports[1]);
    s.cwd = dir;
    s.with_stderr = true;
    pid_t pid = vc_spawn(&s, &fail);
    assert_true(pid > 0);
    (void)close(ports[1]);
    heard(ports[0], line, sizeof(line));
    assert_non_null(strstr(line, "cwd=/run/place "));
    struct stat ours, theirs;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)pid);
    assert_int_equal(fstat(2, &ours), 0);
    assert_int_equal(stat(path, &theirs), 0);
    assert_true(ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino);
    (void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
    ssize_t len = readlink(path, link, sizeof(link) - 1);
    assert_true(len > 0);
    (void)close(ports[0]);
    assert_int_equal(ended(pid), 42);
    (void)close(dir);
}

/** The port may have any number, also one that the child's own three stand in the way of. */
static void any_fd_can_be_the_port(void **state)
{
    static const int numbers[] = {0, 3, 4, 10, 200};
    (void)state;
    for (size_t i = 0; i < N(numbers); i++) {
        int ports[2], saved = fcntl(numbers[i], F_DUPFD_CLOEXEC, 300);
        char line[256], name[16];
        struct vc_fail fail;
        (void)snprintf(name, sizeof(name), "fd %d", numbers[i]);
        assert_int_equal(vc_fdpass_pair(ports), 0);
        int high[2] = {fcntl(ports[0], F_DUPFD_CLOEXEC, 400), fcntl(ports[1], F_DUPFD_CLOEXEC, 400)};
        (void)close(ports[0]);
        (void)close(ports[1]);
        assert_int_equal(dup3(high[1], numbers[i], O_CLOEXEC), numbers[i]);
        (void)close(high[1]);
        struct vc_spawn s = plan(numbers[i]);
        pid_t pid = vc_spawn(&s, &fail);
        assert_true(pid > 0);
        if (saved >= 0) {
            (void)dup2(saved, numbers[i]);
            (void)close(saved);
        } else {
            (void)close(numbers[i]);
        }
        heard(high[0], line, sizeof(line));
        assert_case(name, strncmp(line, "core=0", 6) == 0);
        (void)close(high[0]);
        assert_case(name, ended(pid) == 42);
    }
}

static void a_failed_exec_shows(void **state)
{
    int ports[2];
    struct vc_fail fail;
    (void)state;
    assert_int_equal(vc_fdpass_pair(ports), 0);
    struct vc_spawn s = plan(ports[1]);
    s.path = "/run/there-is-no-such-program";
    pid_t pid = vc_spawn(&s, &fail);
    assert_true(pid > 0);
    assert_int_equal(ended(pid), 127);
    (void)close(ports[0]);
    (void)close(ports[1]);
}

/** kill -9 of the parent takes the child along: its end of the port closes. */
static void it_dies_with_its_parent(void **state)
{
    int ports[2], said[2];
    char line[256];
    (void)state;
    assert_int_equal(vc_fdpass_pair(ports), 0);
    assert_int_equal(pipe(said), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct vc_fail fail;
        struct vc_spawn s = plan(ports[1]);
        pid_t pid = vc_spawn(&s, &fail);
        (void)!write(said[1], &pid, sizeof(pid));
        for (;;)
            (void)pause();
    }
    (void)close(ports[1]);
    (void)close(said[1]);
    pid_t pid = 0;
    assert_int_equal(read(said[0], &pid, sizeof(pid)), sizeof(pid));
    assert_true(pid > 0);
    heard(ports[0], line, sizeof(line));
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(ended(parent), -SIGKILL);
    struct pollfd p = {.fd = ports[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_int_equal(read(ports[0], line, sizeof(line)), 0);
    (void)close(ports[0]);
    (void)close(said[0]);
}

/** What the supervisor keeps, and that it still can start the others. */
static void the_supervisor_keeps_seven(void **state)
{
    (void)state;
    if (!all_ids) {
        print_message("needs root: not run\n");
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct vc_fail fail = {0};
        char line[256];
        int ports[2];
        /* CHOWN 0, DAC_READ_SEARCH 2, KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10, NET_ADMIN 12 */
        static const char seven[] = "00000000000014e5";
        if (vc_spawn_limit_supervisor(&fail) != 0) {
            (void)fprintf(stderr, "%s\n", fail.detail);
            _exit(1);
        }
        if (strcmp(status_of(getpid(), "CapEff"), seven) != 0 || strcmp(status_of(getpid(), "CapPrm"), seven) != 0 ||
            strcmp(status_of(getpid(), "CapBnd"), seven) != 0 ||
            strcmp(status_of(getpid(), "CapInh"), "0000000000000000") != 0)
            _exit(2);
        if (vc_fdpass_pair(ports) != 0)
            _exit(3);
        struct vc_spawn s = plan(ports[1]);
        pid_t child_pid = vc_spawn(&s, &fail);
        if (child_pid < 0)
            _exit(4);
        heard(ports[0], line, sizeof(line));
        if (strcmp(status_of(child_pid, "CapEff"), "0000000000000000") != 0 ||
            strcmp(status_of(child_pid, "CapBnd"), seven) != 0)
            _exit(5);
        (void)close(ports[0]);
        (void)close(ports[1]);
        _exit(ended(child_pid) == 42 ? 0 : 6);
    }
    assert_int_equal(ended(pid), 0);
}

static void hardening(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit core;
        struct sigaction act;
        vc_harden_self();
        bool ok = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
        static const int ignored[] = {SIGPIPE, SIGINT, SIGHUP};
        for (size_t i = 0; i < N(ignored); i++)
            ok = ok && sigaction(ignored[i], NULL, &act) == 0 && act.sa_handler == SIG_IGN;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(ended(pid), 0);
}

static bool copy_self(void)
{
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(COPY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    static char buf[1 << 16];
    ssize_t n = -1;
    while (from >= 0 && to >= 0 && (n = read(from, buf, sizeof(buf))) > 0) {
        if (write(to, buf, (size_t)n) != n)
            return false;
    }
    (void)close(from);
    (void)close(to);
    return n == 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_what_it_needs),  cmocka_unit_test(root_without_capabilities),
        cmocka_unit_test(stderr_and_cwd_on_demand),   cmocka_unit_test(any_fd_can_be_the_port),
        cmocka_unit_test(a_failed_exec_shows),        cmocka_unit_test(it_dies_with_its_parent),
        cmocka_unit_test(the_supervisor_keeps_seven), cmocka_unit_test(hardening),
    };
    if (argc > 0 && strcmp(argv[0], CHILD) == 0)
        return child();
    own_world(&all_ids);
    if (!copy_self())
        skip_program("no room in /run");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
