#include "sys/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void vc_sink_to_fd(struct vc_sink *s, int fd)
{
    struct stat st;
    char path[64];
    *s = (struct vc_sink){.fd = fd, .kind = VC_SINK_FILE};
    if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
        return;
    if (S_ISSOCK(st.st_mode)) {
        s->kind = VC_SINK_SOCKET;
        return;
    }
    /* O_NONBLOCK would be everybody's who holds this pipe or terminal: an open of our own has flags of its own */
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    s->kind = own < 0 ? VC_SINK_POLLED : VC_SINK_FILE;
    s->own = own >= 0;
    s->fd = own < 0 ? fd : own;
}

static void dial(struct vc_sink *s)
{
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (strlen(s->path) >= sizeof(un.sun_path))
        return;
    memcpy(un.sun_path, s->path, strlen(s->path) + 1);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        s->fd = socket(AF_UNIX, types[i] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        s->stream = types[i] == SOCK_STREAM;
        s->rest_len = 0;
        if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&un, sizeof(un)) == 0)
            return;
        int err = errno;
        (void)close(s->fd);
        s->fd = -1;
        if (err != EPROTOTYPE)
            return;
    }
}

void vc_sink_to_syslog(struct vc_sink *s, const char *path)
{
    *s = (struct vc_sink){.fd = -1, .kind = VC_SINK_SYSLOG, .own = true, .path = path};
    dial(s);
}

static ssize_t put(const struct vc_sink *s, const char *at, size_t len)
{
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};
    switch (s->kind) {
    case VC_SINK_FILE:
        return write(s->fd, at, len);
    case VC_SINK_POLLED: /* a pipe that polls as writable takes this much */
        return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) ? write(s->fd, at, len < PIPE_BUF ? len : PIPE_BUF) : -1;
    case VC_SINK_SOCKET:
    case VC_SINK_SYSLOG:
        return send(s->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    case VC_SINK_CLOSED:
        break;
    }
    return -1;
}

/** How much of it left. */
static size_t put_all(const struct vc_sink *s, const char *at, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = put(s, at + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static bool write_line(struct vc_sink *s, const char *line, size_t len)
{
    size_t done = put_all(s, s->rest, s->rest_len);
    memmove(s->rest, s->rest + done, s->rest_len - done);
    s->rest_len -= done;
    if (s->rest_len > 0 || len > sizeof(s->rest))
        return false;
    done = put_all(s, line, len);
    if (done == 0)
        return false;
    memcpy(s->rest, line + done, len - done);
    s->rest_len = len - done;
    return true;
}

bool vc_sink_write(struct vc_sink *s, const char *line, size_t len)
{
    if (s->kind != VC_SINK_SYSLOG)
        return s->kind != VC_SINK_CLOSED && write_line(s, line, len);
    if (s->fd < 0)
        dial(s);
    if (s->fd < 0)
        return false;
    if (write_line(s, line, len + s->stream)) /* with its NUL */
        return true;
    if (errno == EAGAIN)
        return false;
    (void)close(s->fd); /* the logger was started anew */
    s->fd = -1;
    dial(s);
    return s->fd >= 0 && write_line(s, line, len + s->stream);
}

void vc_sink_close(struct vc_sink *s)
{
    if (s->own && s->fd >= 0)
        (void)close(s->fd);
    *s = (struct vc_sink){.fd = -1};
}
