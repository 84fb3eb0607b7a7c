#include "sys/udp.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

socklen_t vc_sockaddr_of(const struct vc_endpoint *e, int family, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(e->port);
        memcpy(&in->sin_addr, e->ip.bytes, 4);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(e->port);
    if (e->ip.family == VC_FAMILY_V4) { /* ::ffff:a.b.c.d */
        in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
        memcpy(&in6->sin6_addr.s6_addr[12], e->ip.bytes, 4);
    } else {
        memcpy(&in6->sin6_addr, e->ip.bytes, 16);
    }
    return sizeof(*in6);
}

bool vc_endpoint_of(const struct sockaddr_storage *ss, struct vc_endpoint *out)
{
    *out = (struct vc_endpoint){0};
    if (ss->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
        out->ip.family = VC_FAMILY_V4;
        memcpy(out->ip.bytes, &in->sin_addr, 4);
        out->port = ntohs(in->sin_port);
        return true;
    }
    if (ss->ss_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
    out->port = ntohs(in6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        out->ip.family = VC_FAMILY_V4;
        memcpy(out->ip.bytes, &in6->sin6_addr.s6_addr[12], 4);
    } else {
        out->ip.family = VC_FAMILY_V6;
        memcpy(out->ip.bytes, &in6->sin6_addr, 16);
    }
    return true;
}

int vc_udp_open(const struct vc_endpoint *local, bool *gro, struct vc_fail *fail)
{
    char text[VC_ENDPOINT_TEXT];
    struct sockaddr_storage ss;
    int family = local->ip.family == VC_FAMILY_V4 ? AF_INET : AF_INET6;
    int one = 1, off = 0, size = 8 << 20, probe = 3; /* IP_PMTUDISC_PROBE: DF set, the kernel's own guess ignored */
    vc_endpoint_print(local, text);
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "UDP socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, local->ip.family == VC_FAMILY_NONE ? &off : &one,
                                          sizeof(one)) != 0))
        goto fail;
    socklen_t len = vc_sockaddr_of(local, family, &ss);
    if (bind(fd, (struct sockaddr *)&ss, len) != 0)
        goto fail;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof(probe));
    *gro = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one)) == 0;
    return fd;
fail:
    vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "UDP %s", text);
    (void)close(fd);
    return -1;
}

struct gso_control {
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))];
};

int vc_udp_recv(int fd, struct vc_udp_train *trains, size_t n)
{
    static struct mmsghdr msgs[VC_UDP_BATCH];
    static struct iovec iov[VC_UDP_BATCH];
    static struct sockaddr_storage from[VC_UDP_BATCH];
    static struct gso_control control[VC_UDP_BATCH];
    if (n > VC_UDP_BATCH)
        n = VC_UDP_BATCH;
    for (size_t i = 0; i < n; i++) {
        iov[i] = (struct iovec){.iov_base = trains[i].at, .iov_len = trains[i].len};
        msgs[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                          .msg_namelen = sizeof(from[i]),
                                          .msg_iov = &iov[i],
                                          .msg_iovlen = 1,
                                          .msg_control = control[i].space,
                                          .msg_controllen = sizeof(control[i].space)};
    }
    int got;
    for (int tries = 0;; tries++) {
        got = recvmmsg(fd, msgs, (unsigned)n, MSG_DONTWAIT, NULL);
        if (got >= 0)
            break;
        if (errno == EAGAIN)
            return 0;
        /* EINTR, or what an ICMP message about some peer left on the shared socket */
        if (tries >= 16 || (errno != EINTR && errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH &&
                            errno != EMSGSIZE))
            return -1;
    }
    int out = 0;
    for (int i = 0; i < got; i++) {
        struct vc_udp_train t = {.at = trains[i].at, .len = msgs[i].msg_len, .segment = msgs[i].msg_len};
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&msgs[i].msg_hdr); c; c = CMSG_NXTHDR(&msgs[i].msg_hdr, c)) {
            if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
                int size;
                memcpy(&size, CMSG_DATA(c), sizeof(size));
                t.segment = size > 0 ? (size_t)size : t.len;
            }
        }
        if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC || !vc_endpoint_of(&from[i], &t.peer))
            t.len = 0; /* kept in its place, so that the buffers stay the caller's; nothing is in it */
        trains[out++] = t;
    }
    return out;
}

size_t vc_udp_send(int fd, const struct vc_udp_train *trains, size_t n, int *err)
{
    static struct mmsghdr msgs[VC_UDP_BATCH];
    static struct iovec iov[VC_UDP_BATCH];
    static struct sockaddr_storage to[VC_UDP_BATCH];
    static struct gso_control control[VC_UDP_BATCH];
    struct sockaddr_storage local;
    socklen_t local_len = sizeof(local);
    static int known_fd = -1, family;
    *err = 0;
    if (fd != known_fd) {
        if (getsockname(fd, (struct sockaddr *)&local, &local_len) != 0) {
            *err = errno;
            return 0;
        }
        known_fd = fd;
        family = local.ss_family;
    }
    if (n > VC_UDP_BATCH)
        n = VC_UDP_BATCH;
    for (size_t i = 0; i < n; i++) {
        iov[i] = (struct iovec){.iov_base = trains[i].at, .iov_len = trains[i].len};
        socklen_t len = vc_sockaddr_of(&trains[i].peer, family, &to[i]);
        msgs[i].msg_hdr =
            (struct msghdr){.msg_name = &to[i], .msg_namelen = len, .msg_iov = &iov[i], .msg_iovlen = 1};
        if (trains[i].segment > 0 && trains[i].segment < trains[i].len) {
            memset(&control[i], 0, sizeof(control[i]));
            msgs[i].msg_hdr.msg_control = control[i].space;
            msgs[i].msg_hdr.msg_controllen = CMSG_SPACE(sizeof(uint16_t));
            struct cmsghdr *c = CMSG_FIRSTHDR(&msgs[i].msg_hdr);
            uint16_t size = (uint16_t)trains[i].segment;
            c->cmsg_level = IPPROTO_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(sizeof(size));
            memcpy(CMSG_DATA(c), &size, sizeof(size));
        }
    }
    int sent;
    do
        sent = sendmmsg(fd, msgs, (unsigned)n, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        *err = errno;
        return 0;
    }
    return (size_t)sent;
}
