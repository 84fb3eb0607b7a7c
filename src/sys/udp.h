#ifndef VC_SYS_UDP_H
#define VC_SYS_UDP_H

#include "base/addr.h"
#include "event/fail.h"

#include <sys/socket.h>

/** UDP in trains: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT. Arrays on both sides, from the first day. */
#define VC_UDP_TRAIN_MAX 65400    /* bytes to send: above 64 KiB with all headers the kernel cuts a train by itself */
#define VC_UDP_DATAGRAM_MAX 65507 /* what may be received, one datagram or a train */
#define VC_UDP_SEGMENTS_MAX 128
#define VC_UDP_BATCH 64

/** Finds out, before the first socket of a group is opened, whether anybody else receives what comes to @local: the
 *  kernel lets a second gateway into the group of the first without a word, and gives it a part of the first one's
 *  datagrams. 0: nobody does; -1 with *fail (EADDRINUSE: somebody, be it on one address where @local means all). */
int vc_udp_probe(const struct vc_endpoint *local, struct vc_fail *fail);
/** Socket of an SO_REUSEPORT group, non-blocking, with UDP_GRO where the kernel has it: @gro tells. An empty address
 *  means all of IPv6 and IPv4 in one socket; such a socket (as 0.0.0.0 and ::) says with each train which of the host's
 *  addresses it was sent to. */
int vc_udp_open(const struct vc_endpoint *local, bool *gro, struct vc_fail *fail);

struct vc_udp_train {
    struct vc_endpoint peer; /* from, or to */
    struct vc_ip local;      /* our address that the peer used, and sees as the source; none: bound to one, or any */
    uint8_t *at;             /* the caller's buffer */
    size_t len;              /* receive: capacity in, bytes out */
    size_t segment;          /* every datagram but the last has this size; receive: len when there is one */
};
/** Receives up to @n trains (n <= VC_UDP_BATCH). Returns how many came, 0: none waits; -1 with errno (an ICMP error
 *  that the kernel reports for an earlier send is not an error here: it is skipped). A datagram that did not fit keeps
 *  its place with length 0. */
int vc_udp_recv(int fd, struct vc_udp_train *trains, size_t n);
/** Sends up to VC_UDP_BATCH trains in one call. Returns how many were taken by the kernel; fewer than @n: *err says
 *  why the next one was not (EAGAIN, EMSGSIZE, ...); 0 when @n was more than one batch. A train with more datagrams
 *  than the kernel takes at once is sent in parts. */
size_t vc_udp_send(int fd, const struct vc_udp_train *trains, size_t n, int *err);

/** Addresses between kernel and us. IPv4-mapped IPv6 becomes IPv4. @family of the socket decides the form. */
socklen_t vc_sockaddr_of(const struct vc_endpoint *e, int family, struct sockaddr_storage *out);
bool vc_endpoint_of(const struct sockaddr_storage *ss, struct vc_endpoint *out);

#endif
