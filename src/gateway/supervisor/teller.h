#ifndef VC_GATEWAY_SUPERVISOR_TELLER_H
#define VC_GATEWAY_SUPERVISOR_TELLER_H

#include "event/event.h"
#include "ipc/schema.h"

#include <sys/types.h>

#define VC_TELLER_PER_SECOND 2000 /* events of one process; what is more is counted */

/** A process below the supervisor as the teller of events: it tells what its role sees and no more, at a bounded rate,
 *  and cannot hide behind another. Who it is is the owner's to set; the rest begins with zeros. */
struct vc_teller {
    enum vc_role role;
    uint16_t index;
    pid_t pid;
    uint64_t second;
    unsigned this_second;
    uint64_t lost; /* and not told yet */
};

enum vc_teller_took { VC_TELLER_TOOK, VC_TELLER_TOO_MANY };

/**
 * Reads an event that it told.
 * @lost  set to how many were lost before it
 * Returns TOOK, with its teller in *e; TOO_MANY: it is dropped; or -1 with *fail: it is malformed, or not this role's.
 */
int vc_teller_take(struct vc_teller *t, const struct vc_bytes *bytes, uint64_t now_ns, struct vc_event *e,
                   uint64_t *lost, struct vc_fail *fail);
/** The one that it took last was a stranger's, and left out: a flood of those does not use the rate up. */
void vc_teller_left_out(struct vc_teller *t);
/** Writes who told it; takes the place of another field where there is no room. */
void vc_teller_sign(const struct vc_teller *t, struct vc_event *e);

#endif
