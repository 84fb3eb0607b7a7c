#ifndef VC_GATEWAY_SUPERVISOR_GATEWAY_H
#define VC_GATEWAY_SUPERVISOR_GATEWAY_H

#include "event/quota.h"
#include "gateway/common/slots.h"
#include "gateway/supervisor/certificate.h"
#include "gateway/supervisor/children.h"
#include "gateway/supervisor/firewall.h"
#include "gateway/supervisor/log.h"
#include "gateway/supervisor/options.h"
#include "gateway/supervisor/place.h"
#include "policy/conf.h"

#define VC_GATEWAY_PATHS 10 /* that the configuration may give as relative ones */

/** All that the supervisor holds: the configuration and everything that only root may open. */
struct vc_gateway {
    const struct vc_options *options;
    struct vc_log log;
    struct vc_quota quota; /* of events, for strangers */
    struct vc_loop loop;
    struct vc_place place;
    char config_path[PATH_MAX]; /* as found */
    char real_path[PATH_MAX];
    uint8_t *config_bytes;
    size_t config_len;
    struct vc_conf conf;
    char *absolute[VC_GATEWAY_PATHS]; /* in place of relative ones */
    size_t n_absolute;
    const char *pid_file; /* -p, or the key; NULL: none */
    uint64_t config_hash; /* ms since 1970: when it was read */
    struct vc_certificate certificate;

    uid_t authority_uid, net_uid;
    gid_t authority_gid, net_gid;
    bool keep_ids;

    int listener; /* TCP; -1 */
    int slots_fd; /* the connections of all portals; -1 */
    struct vc_slots_part *slots;
    unsigned n_portals; /* beside those that are about to leave */
    int control;        /* -1: use-occtl = false */
    unsigned n_tunnels;
    int tun[VC_PER_ROLE_MAX]; /* queue of each tunnel process; kept, so that a restarted one goes on with it */
    int udp[VC_PER_ROLE_MAX];
    char device[16];
    unsigned offloads;
    uint8_t cookie_key[32]; /* of HelloVerifyRequests: the same for all tunnel processes */
    struct vc_firewall firewall;

    struct vc_children children;
    uint64_t portal_lives; /* portals started so far */
    bool told_up, story, stopping;
    bool asked_to_stop;  /* by a signal: its end is in order, even before it was up */
    uint64_t story_lost; /* events that the authority did not take */
    unsigned stop_step;
    uint64_t stop_by_ns;   /* of this step; 0: it has not begun */
    uint64_t passwords_ns; /* when to look at the password file again */
    dev_t passwords_dev;   /* the one that the authority has */
    ino_t passwords_ino;
    int ready_pipe; /* the parent that waits for a daemon to be up; -1 */
};

/** Reads and checks the configuration, finds users and files. Prints notes as events. -1 with *fail. */
int vc_gateway_read(struct vc_gateway *g, struct vc_fail *fail);
/** Opens everything that needs rights: store, listeners, TUN, UDP, firewall. -1 with *fail. */
int vc_gateway_open(struct vc_gateway *g, struct vc_fail *fail);
/** Runs until told to stop; returns the exit status. */
int vc_gateway_serve(struct vc_gateway *g);
/** Gives everything back. Harmless on a gateway that was opened in part. */
void vc_gateway_close(struct vc_gateway *g);

/** To the log and to whoever follows. False: it is a stranger's who has caused too many (event/quota.h). */
bool vc_gateway_emit(struct vc_gateway *g, struct vc_event *e);
/** An event `process.*` with a cause. */
void vc_gateway_notice(struct vc_gateway *g, enum vc_event_id id, enum vc_outcome outcome, const struct vc_fail *fail);

#endif
