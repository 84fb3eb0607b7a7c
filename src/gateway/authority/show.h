#ifndef VC_GATEWAY_AUTHORITY_SHOW_H
#define VC_GATEWAY_AUTHORITY_SHOW_H

#include "datapath/worker.h"
#include "gateway/authority/authority.h"

#include <jansson.h>

/** What the control socket shows, in occtl's shapes and order of keys (docs/configuration.md names them). Empty texts
 * are left out. A time is {"at": seconds since 1970, "ago": seconds}: varcoctl puts it into the reader's own clock. */

/** What the tunnel processes counted, added up. */
struct vc_show_counters {
    unsigned n_processes; /* that answered */
    uint64_t n_sessions;
    uint64_t value[VC_WORKER_N_COUNTERS]; /* in the order of VC_WORKER_COUNTERS */
};

/** One object. All of these return a new reference, or NULL: no memory. */
json_t *vc_show_status(const struct vc_authority *a, const struct vc_show_counters *c, int64_t now_s);
/** An array with every session that has a tunnel; with @user or @id (else NULL, 0) those of that user, or that one. */
json_t *vc_show_users(const struct vc_authority *a, const char *user, uint64_t id, int64_t now_s);

/** "48 bytes", "9.4 KB" */
void vc_show_bytes(uint64_t n, const char *behind, char out[32]);
/** "    5s", " 3m:20s", " 2h:05m", " 4days" */
void vc_show_interval(uint64_t seconds, char out[32]);

#endif
