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

static void ip_of(const struct in6_addr *from, struct vc_ip *to)
{
    *to = (struct vc_ip){0};
    if (IN6_IS_ADDR_V4MAPPED(from)) {
        to->family = VC_FAMILY_V4;
        memcpy(to->bytes, &from->s6_addr[12], 4);
    } else {
        to->family = VC_FAMILY_V6;
        memcpy(to->bytes, from, 16);
    }
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
    ip_of(&in6->sin6_addr, &out->ip);
    return true;
}

static bool is_any(const struct vc_ip *ip)
{
    static const uint8_t zeros[16];
    return memcmp(ip->bytes, zeros, sizeof(zeros)) == 0;
}

/** Makes and binds, alone or as one of a group; -1 with errno. */
static int bound(const struct vc_endpoint *local, int family, bool alone)
{
    struct sockaddr_storage ss;
    int one = 1, v6only = local->ip.family == VC_FAMILY_V6, err;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    socklen_t len = vc_sockaddr_of(local, family, &ss);
    /* no SO_REUSEADDR: by that any user of the host could get our datagrams at a port from 1024 on */
    if ((alone || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0) &&
        (family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) == 0) &&
        /* whoever asks one of our addresses is answered from it */
        (!is_any(&local->ip) ||
         (family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one))
                            : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one))) == 0) &&
        bind(fd, (struct sockaddr *)&ss, len) == 0)
        return fd;
    err = errno;
    (void)close(fd);
    errno = err;
    return -1;
}

static int open_bound(const struct vc_endpoint *local, bool alone, int *family, struct vc_fail *fail)
{
    *family = local->ip.family == VC_FAMILY_V4 ? AF_INET : AF_INET6;
    int fd = bound(local, *family, alone);
    if (fd < 0 && local->ip.family == VC_FAMILY_NONE && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        fd = bound(local, *family = AF_INET, alone); /* a host without IPv6 */
    if (fd < 0) {
        char text[VC_ENDPOINT_TEXT];
        int err = errno;
        vc_endpoint_print(local, text);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, err, "cannot open UDP %s", text);
    }
    return fd;
}

int vc_udp_probe(const struct vc_endpoint *local, struct vc_fail *fail)
{
    int family;
    int fd = open_bound(local, true, &family, fail);
    if (fd < 0)
        return -1;
    (void)close(fd);
    return 0;
}

int vc_udp_open(const struct vc_endpoint *local, bool *gro, struct vc_fail *fail)
{
    int one = 1, size = 8 << 20, probe = IP_PMTUDISC_PROBE; /* DF set, the kernel's own guess ignored */
    int family;
    int fd = open_bound(local, false, &family, fail);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof(probe));
    *gro = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one)) == 0;
    return fd;
}

/** Room for what comes with a train: the size of its datagrams, and our address of one family. */
struct control {
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void take_control(struct msghdr *hdr, struct vc_udp_train *t)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof(size));
            if (size > 0)
                t->segment = (size_t)size;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            t->local.family = VC_FAMILY_V4;
            memcpy(t->local.bytes, &info.ipi_spec_dst, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) /* nothing is sent from such an address */
                ip_of(&info.ipi6_addr, &t->local);
        }
    }
}

int vc_udp_recv(int fd, struct vc_udp_train *trains, size_t n)
{
    static struct mmsghdr msgs[VC_UDP_BATCH];
    static struct iovec iov[VC_UDP_BATCH];
    static struct sockaddr_storage from[VC_UDP_BATCH];
    static struct control control[VC_UDP_BATCH];
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
    for (int i = 0; i < got; i++) {
        struct vc_udp_train t = {.at = trains[i].at, .len = msgs[i].msg_len, .segment = msgs[i].msg_len};
        take_control(&msgs[i].msg_hdr, &t);
        if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC || !vc_endpoint_of(&from[i], &t.peer))
            t.len = 0; /* kept in its place, so that the buffers stay the caller's; nothing is in it */
        trains[i] = t;
    }
    return got;
}

/** Appends one control message; the header's control length grows with it. */
static void put_control(struct msghdr *hdr, struct control *control, int level, int type, const void *value, size_t len)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)(control->space + hdr->msg_controllen);
    hdr->msg_control = control->space;
    hdr->msg_controllen += CMSG_SPACE(len);
    memset(c, 0, CMSG_SPACE(len));
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), value, len);
}

static void put_local(struct msghdr *hdr, struct control *control, const struct vc_ip *local)
{
    if (local->family == VC_FAMILY_V4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->bytes, 4);
        put_control(hdr, control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, local->bytes, 16);
        put_control(hdr, control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
}

static size_t send_batch(int fd, const struct vc_udp_train *trains, size_t n, int *err)
{
    static struct mmsghdr msgs[VC_UDP_BATCH];
    static struct iovec iov[VC_UDP_BATCH];
    static struct sockaddr_storage to[VC_UDP_BATCH];
    static struct control control[VC_UDP_BATCH];
    for (size_t i = 0; i < n; i++) {
        const struct vc_udp_train *t = &trains[i];
        struct msghdr *hdr = &msgs[i].msg_hdr;
        iov[i] = (struct iovec){.iov_base = t->at, .iov_len = t->len};
        *hdr = (struct msghdr){.msg_name = &to[i], .msg_iov = &iov[i], .msg_iovlen = 1};
        /* IPv4 as it is: a socket for both families takes either form, and we need not ask what kind ours is */
        hdr->msg_namelen = vc_sockaddr_of(&t->peer, t->peer.ip.family == VC_FAMILY_V4 ? AF_INET : AF_INET6, &to[i]);
        if (t->local.family != VC_FAMILY_NONE && t->local.family == t->peer.ip.family)
            put_local(hdr, &control[i], &t->local);
        if (t->segment > 0 && t->segment < t->len) {
            uint16_t size = (uint16_t)t->segment;
            put_control(hdr, &control[i], IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
        }
    }
    int sent;
    do
        sent = sendmmsg(fd, msgs, (unsigned)n, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    *err = sent < 0 ? errno : 0;
    return sent < 0 ? 0 : (size_t)sent;
}

#define OLD_SEGMENTS_MAX 64 /* datagrams that Linux before 6.9 takes in one train */

static bool is_long(const struct vc_udp_train *t)
{
    return t->segment > 0 && t->len > t->segment * OLD_SEGMENTS_MAX;
}

/** Sends one train in parts that every kernel takes. What a full socket buffer cuts off is lost, as on any path. */
static bool send_parts(int fd, const struct vc_udp_train *train, int *err)
{
    struct vc_udp_train part = *train;
    size_t most = train->segment * OLD_SEGMENTS_MAX, done = 0;
    while (done < train->len) {
        part.at = train->at + done;
        part.len = train->len - done < most ? train->len - done : most;
        if (send_batch(fd, &part, 1, err) != 1)
            return done > 0; /* the beginning is on its way: not to be sent again */
        done += part.len;
    }
    return true;
}

size_t vc_udp_send(int fd, const struct vc_udp_train *trains, size_t n, int *err)
{
    static bool old_kernel;
    size_t done = 0;
    *err = 0;
    if (n > VC_UDP_BATCH)
        n = VC_UDP_BATCH;
    while (done < n) {
        size_t whole = 0; /* trains from here on that need not be parted: all, but for an old kernel */
        while (done + whole < n && !(old_kernel && is_long(&trains[done + whole])))
            whole++;
        if (whole > 0) {
            size_t sent = send_batch(fd, trains + done, whole, err);
            done += sent;
            if (sent > 0)
                continue; /* why it stopped there is told to the next call only */
            if (*err != EINVAL || !is_long(&trains[done]))
                return done;
        }
        if (!send_parts(fd, &trains[done], err))
            return done;
        done++;
        if (whole > 0) /* whole it was refused, in parts it went */
            old_kernel = true;
    }
    *err = 0;
    return done;
}
