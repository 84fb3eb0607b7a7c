#ifndef VC_SYS_NFT_H
#define VC_SYS_NFT_H

#include "base/addr.h"
#include "event/fail.h"

#include <stdbool.h>
#include <sys/types.h>

/** A table of our own with the owner flag, held by a child `nft -i` that reads its commands from us: the kernel
 *  removes the table when that child ends, and the child ends with us, kill -9 included. */
struct vc_nft {
    pid_t pid; /* 0: not running */
    int to;    /* its stdin */
};

/** Starts the child and makes table `inet varco_DEVICE` with masquerading for packets from @pool4 and @pool6 (either
 * may be empty) that leave by another interface than @device. -1 with *fail: no nft program, or it refused. */
int vc_nft_masquerade(struct vc_nft *nft, const char *device, const struct vc_prefix *pool4,
                      const struct vc_prefix *pool6, struct vc_fail *fail);
/** After SIGCHLD: whether the child has ended by itself, and how (as from waitpid); then it is reaped. */
bool vc_nft_ended(struct vc_nft *nft, int *status);
void vc_nft_end(struct vc_nft *nft); /* harmless twice; waits for the child */

#endif
