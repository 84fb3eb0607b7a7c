#ifndef VC_SYS_TUN_H
#define VC_SYS_TUN_H

#include "event/fail.h"
#include "packet/super.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/** A multi-queue TUN device with IFF_VNET_HDR. Each frame read or written is a virtio-net header of VC_TUN_HDR bytes
 *  and one packet, or one super-packet that the kernel cuts or that we cut (docs/architecture.md, "Data path"). */
#define VC_TUN_HDR 10 /* struct virtio_net_hdr; little trouble: host byte order */
#define VC_TUN_FRAME_MAX (VC_TUN_HDR + 65535)

enum vc_tun_offload { VC_TUN_CSUM = 1, VC_TUN_TSO4 = 2, VC_TUN_TSO6 = 4, VC_TUN_USO = 8 };

/** The header that goes in front. */
void vc_tun_hdr_write(const struct vc_super *h, uint8_t out[VC_TUN_HDR]);
/** Returns false on a kind of frame that we do not know. */
bool vc_tun_hdr_read(const uint8_t in[VC_TUN_HDR], struct vc_super *h);

/** Makes the device with @n_queues queues; @pattern may hold one %d. The name and the offloads (mask of vc_tun_offload)
 *  that the kernel has come back. fds are non-blocking and close-on-exec, owned by the caller. The device goes when the
 *  last of them is closed. */
int vc_tun_open(const char *pattern, unsigned n_queues, int *fds, char name[16], unsigned *offloads,
                struct vc_fail *fail);

struct vc_tun_frame {
    uint8_t *at; /* the caller's buffer, at least VC_TUN_FRAME_MAX */
    size_t len;  /* header and packet */
};
/** Reads up to @n frames into the given buffers; returns how many came (0: none waits), or -1 with errno. */
int vc_tun_read(int fd, struct vc_tun_frame *frames, size_t n);
/** Writes one frame, gathered. Returns 0, or -1 with errno (EAGAIN: the queue is full, the frame is dropped). */
int vc_tun_write(int fd, const struct iovec *iov, int n_iov);

#endif
