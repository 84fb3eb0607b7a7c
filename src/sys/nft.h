#ifndef VC_SYS_NFT_H
#define VC_SYS_NFT_H

#include "base/addr.h"
#include "event/fail.h"

#include <stdbool.h>
#include <sys/types.h>

/** A table of our own with the owner flag, held by a child `nft -i` that reads its commands from us: the kernel
 *  removes the table when that child ends, and the child ends with us, kill -9 included. */
struct vc_nft {
    pid_t pid;    /* 0: not running */
    int to;       /* its stdin */
    int from;     /* what it answers, non-blocking; open while `asked` */
    bool asked;   /* it did not confirm the table yet */
    size_t n_got; /* of the answer, which is cut where it is longer */
    char got[2048];
};

#define VC_NFT_ANSWER_S 5 /* that a child has to confirm the table; one that hangs, or is stopped, never does */

enum vc_nft_answer { VC_NFT_MADE, VC_NFT_WAIT };

/** Starts the child and asks it for table `inet varco_DEVICE` with masquerading for packets from @pool4 and @pool6
 *  (either may be empty) that leave by another interface than @device. Does not wait: vc_nft_read takes the answer. -1
 *  with *fail: nothing was started. */
int vc_nft_begin(struct vc_nft *nft, const char *device, const struct vc_prefix *pool4, const struct vc_prefix *pool6,
                 struct vc_fail *fail);
/** When `from` is readable. MADE: the table is there; WAIT: there is more to come; -1 with *fail: no nft program, or it
 *  refused; the child is ended. */
int vc_nft_read(struct vc_nft *nft, struct vc_fail *fail);
/** It did not answer in VC_NFT_ANSWER_S: it is ended. Returns -1 with *fail. */
int vc_nft_late(struct vc_nft *nft, struct vc_fail *fail);
/** Both, for an owner that has nothing else to do: returns 0 when the table is there, or -1 with *fail in time. */
int vc_nft_masquerade(struct vc_nft *nft, const char *device, const struct vc_prefix *pool4,
                      const struct vc_prefix *pool6, struct vc_fail *fail);
/** After SIGCHLD: whether the child has ended by itself, and how (as from waitpid); then it is reaped. One that was
 *  asked is not: its answer ends, and vc_nft_read says why. */
bool vc_nft_ended(struct vc_nft *nft, int *status);
/** SIGKILL, which ends a stopped child too: the table goes with it either way. Waits for its end, 1 s at most. Harmless
 *  twice. */
void vc_nft_end(struct vc_nft *nft);

#endif
