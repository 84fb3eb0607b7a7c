#include "sys/sock.h"

#include "sys/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_on(const struct vc_endpoint *local, int family, int *err)
{
    struct sockaddr_storage ss;
    int one = 1, v6only = local->ip.family == VC_FAMILY_V6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *err = errno;
    if (fd < 0)
        return -1;
    socklen_t len = vc_sockaddr_of(local, family, &ss);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) != 0) ||
        bind(fd, (struct sockaddr *)&ss, len) != 0 || listen(fd, 1024) != 0) {
        *err = errno;
        (void)close(fd);
        return -1;
    }
    return fd;
}

int vc_sock_listen(const struct vc_endpoint *local, struct vc_fail *fail)
{
    int err;
    int fd = listen_on(local, local->ip.family == VC_FAMILY_V4 ? AF_INET : AF_INET6, &err);
    if (fd < 0 && local->ip.family == VC_FAMILY_NONE && (err == EAFNOSUPPORT || err == EADDRNOTAVAIL))
        fd = listen_on(local, AF_INET, &err); /* a host without IPv6 */
    if (fd < 0) {
        char text[VC_ENDPOINT_TEXT];
        vc_endpoint_print(local, text);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, err, "cannot listen on TCP %s", text);
    }
    return fd;
}

int vc_sock_accept(int fd, struct vc_endpoint *peer, struct vc_endpoint *local)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int one = 1;
    int conn = accept4(fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (conn < 0)
        return -1;
    if (!vc_endpoint_of(&ss, peer))
        *peer = (struct vc_endpoint){0};
    len = sizeof(ss);
    if (getsockname(conn, (struct sockaddr *)&ss, &len) != 0 || !vc_endpoint_of(&ss, local))
        *local = (struct vc_endpoint){0};
    (void)setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return conn;
}

void vc_sock_local(int fd, struct vc_endpoint *local)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    *local = (struct vc_endpoint){0};
    if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
        (void)vc_endpoint_of(&ss, local);
}

void vc_sock_tcp_facts(int fd, uint16_t *pmtu, bool *timestamps)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    *pmtu = 0;
    *timestamps = false;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return;
    *pmtu = info.tcpi_pmtu > 65535 ? 65535 : (uint16_t)info.tcpi_pmtu;
    *timestamps = (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0;
}

/** Removes a socket that a crash left behind: one that nobody serves. 0; -1 with *fail: something else is there. */
static int make_room(int fd, const struct sockaddr_un *un, struct vc_fail *fail)
{
    struct stat st;
    if (lstat(un->sun_path, &st) != 0)
        return 0; /* nothing there, or bind says what is wrong */
    if (!S_ISSOCK(st.st_mode))
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "%s is no socket: it stays", un->sun_path);
    if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 || errno != ECONNREFUSED)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "another process serves the socket %s", un->sun_path);
    (void)unlink(un->sun_path);
    return 0;
}

int vc_sock_listen_unix(const char *path, struct vc_fail *fail)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!vc_str_copy(vc_str_of(path), un.sun_path, sizeof(un.sun_path)))
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "path of a socket is too long: %s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "Unix socket");
    if (make_room(fd, &un, fail) != 0) {
        (void)close(fd);
        return -1;
    }
    mode_t old = umask(0177);
    int r = bind(fd, (struct sockaddr *)&un, sizeof(un));
    int err = errno;
    (void)umask(old);
    if (r != 0 || listen(fd, 64) != 0) {
        (void)close(fd);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, err, "cannot listen on %s", path);
    }
    return fd;
}

int vc_sock_peer_uid(int fd, unsigned *uid, int *pid)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return -1;
    *uid = who.uid;
    *pid = who.pid;
    return 0;
}

void vc_sock_notsent_lowat(int fd, int bytes)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}
