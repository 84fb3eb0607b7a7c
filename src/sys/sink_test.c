#include "sys/sink.h"

#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/** Lines of @len bytes, numbered, until one is lost; how many were taken. */
static unsigned fill(struct vc_sink *s, size_t len)
{
    char line[VC_SINK_LINE];
    unsigned n = 0;
    for (;; n++) {
        memset(line, 'x', len);
        (void)snprintf(line, sizeof(line), "%06u", n);
        line[6] = ' ';
        line[len - 1] = '\n';
        if (!vc_sink_write(s, line, len))
            return n;
        assert_in_range(n, 0, 100000);
    }
}

/** Reads what is there: whole lines, numbered from @first, and at the end what began, of which there may be some. */
static unsigned drain(int fd, size_t len, unsigned first, char *began, size_t *began_len)
{
    char bytes[65536];
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n <= 0)
            return first;
        for (ssize_t i = 0; i < n; i++) {
            began[(*began_len)++] = bytes[i];
            assert_in_range(*began_len, 1, len);
            if (bytes[i] != '\n')
                continue;
            assert_int_equal(*began_len, len);
            assert_int_equal(strtoul(began, NULL, 10), first++);
            *began_len = 0;
        }
    }
}

/** Whatever its length, no line is lost in its middle, and nothing waits. */
static void check_full(struct vc_sink *s, int reader, size_t len)
{
    char began[VC_SINK_LINE];
    size_t began_len = 0;
    assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
    unsigned n = fill(s, len);
    assert_in_range(n, 1, 100000);
    assert_int_equal(fill(s, len), 0); /* still full */
    unsigned got = drain(reader, len, 0, began, &began_len);
    char last[] = "999999 goes on\n";
    assert_true(vc_sink_write(s, last, len < sizeof(last) ? len : sizeof(last) - 1));
    if (began_len > 0) { /* the one that was cut comes whole */
        char rest[VC_SINK_LINE];
        assert_int_equal(read(reader, rest, len - began_len), (ssize_t)(len - began_len));
        assert_int_equal(rest[len - began_len - 1], '\n');
        got++;
    }
    assert_int_equal(got, n);
    char end[64] = "";
    assert_int_equal(read(reader, end, sizeof(end) - 1), (ssize_t)(sizeof(last) - 1));
    assert_string_equal(end, last);
}

static void test_a_full_pipe(void **state)
{
    static const size_t lens[] = {100, 4096, 4097, 4600};
    (void)state;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        int fd[2];
        struct vc_sink s;
        assert_int_equal(pipe(fd), 0);
        vc_sink_to_fd(&s, fd[1]);
        assert_int_equal(s.kind, VC_SINK_FILE);
        check_full(&s, fd[0], lens[i]);
        assert_int_equal(fcntl(fd[1], F_GETFL) & O_NONBLOCK, 0); /* others share it */
        vc_sink_close(&s);
        /* where the pipe cannot be opened once more */
        s = (struct vc_sink){.fd = fd[1], .kind = VC_SINK_POLLED};
        check_full(&s, fd[0], lens[i]);
        (void)close(fd[0]);
        (void)close(fd[1]);
    }
}

static void test_a_socket_that_is_not_read(void **state)
{
    int fd[2];
    struct vc_sink s;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    vc_sink_to_fd(&s, fd[1]);
    check_full(&s, fd[0], 300);
    (void)close(fd[0]);
    assert_false(vc_sink_write(&s, "gone\n", 5));
    (void)close(fd[1]);
}

static int logger(const char *path, int type)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    (void)unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_true(type == SOCK_DGRAM || listen(fd, 4) == 0);
    return fd;
}

static void test_a_logger(void **state)
{
    char folder[] = "/tmp/varco-sink-XXXXXX", path[64], got[64];
    struct vc_sink s;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    vc_sink_to_syslog(&s, path);
    assert_false(vc_sink_write(&s, "nobody", 6));
    int fd = logger(path, SOCK_DGRAM);
    assert_true(vc_sink_write(&s, "one", 3));
    assert_int_equal(read(fd, got, sizeof(got)), 3);
    assert_in_range(fill(&s, 200), 1, 100000); /* it hangs */
    (void)close(fd);                           /* and is started anew */
    fd = logger(path, SOCK_DGRAM);
    assert_true(vc_sink_write(&s, "two", 3));
    assert_int_equal(read(fd, got, sizeof(got)), 3);
    assert_memory_equal(got, "two", 3);
    (void)close(fd);
    fd = logger(path, SOCK_STREAM);
    assert_true(vc_sink_write(&s, "three", 5));
    int conn = accept(fd, NULL, NULL);
    assert_true(conn >= 0);
    assert_int_equal(read(conn, got, sizeof(got)), 6);
    assert_memory_equal(got, "three", 6);
    vc_sink_close(&s);
    (void)close(conn);
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_pipe),
        cmocka_unit_test(test_a_socket_that_is_not_read),
        cmocka_unit_test(test_a_logger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
