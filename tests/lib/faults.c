#include "faults.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define UDP_SEGMENT_OPTION 103

unsigned fault_alloc;
size_t fault_datagram_max;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t each);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags);

static bool fails(void)
{
    return fault_alloc > 0 && --fault_alloc == 0;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t each)
{
    return fails() ? NULL : __real_calloc(n, each);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return fails() ? NULL : __real_aligned_alloc(align, n);
}

static size_t datagram_of(struct msghdr *hdr)
{
    uint16_t segment;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT_OPTION) {
            memcpy(&segment, CMSG_DATA(c), sizeof(segment));
            return segment;
        }
    }
    return hdr->msg_iov[0].iov_len;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    unsigned good = 0;
    while (good < n && (fault_datagram_max == 0 || datagram_of(&msgs[good].msg_hdr) <= fault_datagram_max))
        good++;
    if (good > 0 || n == 0)
        return __real_sendmmsg(fd, msgs, good, flags);
    errno = EMSGSIZE;
    return -1;
}
