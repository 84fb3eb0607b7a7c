#ifndef VC_EVENT_QUOTA_H
#define VC_EVENT_QUOTA_H

#include "base/addr.h"
#include "event/event.h"

/** How many events a stranger may cause (docs/threats.md, "Words"): a bucket for each source, an IPv4 address or an
 * IPv6 /64, so that a flood from one of them neither fills the log nor hides what others do. What is left out is
 * counted, and told by one event a source and minute. A stranger's is an event with a source and without a session;
 * what sessions and the gateway itself tell is never left out. No clock: the owner brings the time. Zeroed: nobody has
 * caused anything yet. */
#define VC_QUOTA_SOURCES 1024U /* with a bucket of their own, at a time; further ones share one */
#define VC_QUOTA_AT_ONCE 120U  /* more than a connection with its 100 requests gives */
#define VC_QUOTA_PER_MINUTE 10U

struct vc_quota_bucket {
    struct vc_prefix source; /* family NONE: free, or the shared one */
    uint64_t full_ns;        /* when as many as at first may come at once again */
    uint64_t tell_ns;        /* when what was left out is told; 0: nothing was */
    uint64_t left_out;       /* events, since that was told last */
    uint64_t kinds;          /* of those, a bit each */
};

struct vc_quota {
    struct vc_quota_bucket of[VC_QUOTA_SOURCES], shared;
    uint64_t due_ns; /* the first tell_ns; 0: none */
};

/** Whether this event is told. A login that succeeds, and a CONNECT that is granted, give their source all of its quota
 *  back: many people may come from behind one address. @now_ns: monotonic. */
bool vc_quota_take(struct vc_quota *q, const struct vc_event *e, uint64_t now_ns);
uint64_t vc_quota_due(const struct vc_quota *q); /* UINT64_MAX: nothing was left out */
/** The next of the events that tell what was left out, process.left-out; false: none is due. UINT64_MAX: all are. */
bool vc_quota_tell(struct vc_quota *q, uint64_t now_ns, struct vc_event *e);

#endif
