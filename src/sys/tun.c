#include "sys/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Newer than Debian 12's headers; probed at run time. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#define GSO_UDP_L4 5 /* VIRTIO_NET_HDR_GSO_UDP_L4 */

_Static_assert(sizeof(struct virtio_net_hdr) == VC_TUN_HDR, "the header that the kernel puts in front");

void vc_tun_hdr_write(const struct vc_super *h, uint8_t out[VC_TUN_HDR])
{
    static const uint8_t types[] = {[VC_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
                                    [VC_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
                                    [VC_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
                                    [VC_GSO_UDP] = GSO_UDP_L4};
    struct virtio_net_hdr v = {
        .flags = h->needs_csum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
        .gso_type = (uint8_t)(types[h->gso] | (h->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0)),
        .hdr_len = h->hdr_len,
        .gso_size = h->gso_size,
        .csum_start = h->csum_start,
        .csum_offset = h->csum_offset,
    };
    memcpy(out, &v, sizeof(v));
}

bool vc_tun_hdr_read(const uint8_t in[VC_TUN_HDR], struct vc_super *h)
{
    struct virtio_net_hdr v;
    memcpy(&v, in, sizeof(v));
    *h = (struct vc_super){
        .needs_csum = (v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0,
        .ecn = (v.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0,
        .hdr_len = v.hdr_len,
        .gso_size = v.gso_size,
        .csum_start = v.csum_start,
        .csum_offset = v.csum_offset,
    };
    switch (v.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        h->gso = VC_GSO_NONE;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        h->gso = VC_GSO_TCP4;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        h->gso = VC_GSO_TCP6;
        return true;
    case GSO_UDP_L4:
        h->gso = VC_GSO_UDP;
        return true;
    default:
        return false;
    }
}

static int open_queue(const char *name, char got[16], struct vc_fail *fail)
{
    struct ifreq ifr = {0};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot open /dev/net/tun");
    ifr.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
    (void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
        int e = errno;
        (void)close(fd);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, e, "cannot make the TUN device %s", name);
    }
    (void)snprintf(got, 16, "%s", ifr.ifr_name);
    return fd;
}

static unsigned set_offloads(int fd)
{
    static const struct {
        unsigned kernel, ours;
    } levels[] = {
        {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
         VC_TUN_CSUM | VC_TUN_TSO4 | VC_TUN_TSO6 | VC_TUN_USO},
        {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, VC_TUN_CSUM | VC_TUN_TSO4 | VC_TUN_TSO6},
        {TUN_F_CSUM, VC_TUN_CSUM},
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (ioctl(fd, TUNSETOFFLOAD, levels[i].kernel) == 0)
            return levels[i].ours;
    }
    return 0;
}

int vc_tun_open(const char *pattern, unsigned n_queues, int *fds, char name[16], unsigned *offloads,
                struct vc_fail *fail)
{
    unsigned n = 0;
    for (; n < n_queues; n++) {
        fds[n] = open_queue(n == 0 ? pattern : name, name, fail);
        if (fds[n] < 0)
            goto fail;
    }
    *offloads = set_offloads(fds[0]);
    return 0;
fail:
    while (n > 0)
        (void)close(fds[--n]);
    return -1;
}

int vc_tun_read(int fd, struct vc_tun_frame *frames, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t len = read(fd, frames[got].at, VC_TUN_FRAME_MAX);
        if (len < 0 && errno == EINTR)
            continue;
        if (len == 0)
            errno = ENODEV; /* whatever stands in for a TUN has closed its end */
        if (len <= 0)
            return got > 0 || (len < 0 && errno == EAGAIN) ? (int)got : -1;
        if (len <= VC_TUN_HDR)
            continue;
        frames[got++].len = (size_t)len;
    }
    return (int)got;
}

int vc_tun_write(int fd, const struct iovec *iov, int n_iov)
{
    ssize_t n;
    do
        n = writev(fd, iov, n_iov);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}
