#include "gateway/supervisor/teller.h"

#include <assert.h>
#include <stdio.h>

static_assert(VC_BY_SUPERVISOR == 1 << VC_ROLE_SUPERVISOR && VC_BY_SIGNER == 1 << VC_ROLE_SIGNER &&
                  VC_BY_AUTHORITY == 1 << VC_ROLE_AUTHORITY && VC_BY_VERIFIER == 1 << VC_ROLE_VERIFIER &&
                  VC_BY_PORTAL == 1 << VC_ROLE_PORTAL && VC_BY_TUNNEL == 1 << VC_ROLE_TUNNEL && VC_N_ROLES == 6,
              "events name the roles in the schema's order");

void vc_teller_sign(const struct vc_teller *t, struct vc_event *e)
{
    char by[64];
    (void)snprintf(by, sizeof(by), "%s-%u[%d]", vc_role_name(t->role), t->index, (int)t->pid);
    if (e->n_fields == VC_EVENT_FIELDS_MAX)
        e->n_fields--;
    vc_event_text(e, VC_FIELD_BY, vc_str_of(by));
    if (e->id == VC_EVENT_PROCESS_ENDED) /* its own end */
        vc_event_text(e, VC_FIELD_PROCESS, vc_str_of(vc_role_name(t->role)));
}

void vc_teller_left_out(struct vc_teller *t)
{
    t->this_second--;
}

int vc_teller_take(struct vc_teller *t, const struct vc_bytes *bytes, uint64_t now_ns, struct vc_event *e,
                   uint64_t *lost, struct vc_fail *fail)
{
    struct vc_reader r = vc_reader_of(bytes->at, bytes->len);
    uint64_t second = now_ns / 1000000000U;
    *lost = 0;
    vc_event_unpack(e, &r);
    if (!vc_reader_done(&r))
        return vc_fail_set(fail, VC_CAUSE_IPC_MALFORMED, 0, "a malformed event");
    if ((vc_event_by(e->id) >> t->role & 1) == 0)
        return vc_fail_set(fail, VC_CAUSE_IPC_MALFORMED, 0, "%s is not what a %s can tell", vc_event_name(e->id),
                           vc_role_name(t->role));
    if (second != t->second) {
        t->second = second;
        t->this_second = 0;
    }
    if (t->this_second >= VC_TELLER_PER_SECOND) {
        t->lost++;
        return VC_TELLER_TOO_MANY;
    }
    t->this_second++;
    *lost = t->lost;
    t->lost = 0;
    vc_teller_sign(t, e);
    return VC_TELLER_TOOK;
}
