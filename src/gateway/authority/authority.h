#ifndef VC_GATEWAY_AUTHORITY_AUTHORITY_H
#define VC_GATEWAY_AUTHORITY_AUTHORITY_H

#include "gateway/authority/leases.h"
#include "gateway/authority/members.h"
#include "gateway/authority/passwords.h"
#include "gateway/authority/store.h"
#include "gateway/common/child.h"
#include "policy/conf.h"
#include "proto/login_gateway.h"

/** varco-authority: users, groups, policy, leases, sessions. It decides, and never waits: password hashes are the
 *  verifiers' work, packets the tunnel processes', bytes from strangers the portals'. Its store is varco.db in its
 * working directory; it opens no other file. */

#define VC_AUTHORITY_PEERS_MAX 64 /* of each role */
#define VC_AUTHORITY_STORE "varco.db"

/* Limits of docs/threats.md, "Promises by phase". */
#define VC_LOGINS_MAX 4096 /* records of logins in progress */
#define VC_JOBS_WAITING 64 /* passwords that wait for a verifier; the surplus is told to try again */
#define VC_JOB_WAIT_S 4    /* until a verifier has time for it */
#define VC_VERIFY_S 5      /* for a verifier; a portal waits 10 in all */
#define VC_PENDING_S 15    /* from GRANT to UP */
#define VC_CLOSING_S 5     /* from CLOSE to DOWN */
#define VC_ALIVE_S 30      /* between two signs of life in the store */
#define VC_RESTORED_S 10   /* at least so long a tunnel that outlived us may take to say so */

struct vc_login_record {
    struct vc_login login;
    struct vc_heap_node due;
    struct vc_login_record *older, *newer; /* among those that have not been answered yet, or among the others */
    bool answered;
};

struct vc_logins {
    struct vc_map by_handle;
    struct vc_heap deadlines;
    struct vc_login_record *oldest[2], *newest[2]; /* [0]: only a form is out, [1]: an answer came */
    size_t n;
};

/** A password on its way through a verifier, and the question that waits for it. */
struct vc_job {
    uint64_t id;  /* 0: free */
    bool running; /* a verifier has it */
    bool gone;    /* nobody waits for the answer any more */
    uint16_t portal, verifier;
    uint64_t conn, handle;
    uint64_t since_ns, began_ns; /* when it came; when a verifier got it */
    struct vc_endpoint source;
    char agent[65];
    uint8_t password[1024];
    size_t password_len;
    char hash[VC_HASH_FORM_MAX]; /* empty: the user has none */
};

#define VC_JOBS_MAX (VC_JOBS_WAITING + VC_AUTHORITY_PEERS_MAX)

#define VC_WAITING_MAX 1024
#define VC_WAITING_FILES 2 /* of the group, of the user */

struct vc_authority;

/** Who waits for the settings of a group and a user (policies.c), and what goes on then. */
struct vc_waiting {
    uint64_t query;
    enum { VC_WAITS_FOR_SESSION, VC_WAITS_FOR_TUNNEL } kind;
    uint16_t portal;
    uint64_t conn;
    struct vc_login login; /* FOR_SESSION: that succeeded */
    struct vc_endpoint source;
    char agent[65];
    struct vc_msg connect; /* FOR_TUNNEL: CONNECT; its views live as long as this */
    /** @conf: what holds for the user, good during the call only. *fail NONE; else it could not be found out. */
    void (*done)(struct vc_authority *a, const struct vc_waiting *w, const struct vc_conf *conf,
                 const struct vc_fail *fail);
    struct vc_conf files[VC_WAITING_FILES]; /* each over the one before */
    unsigned n_files;
    struct vc_fail fail;
    uint8_t *block;
    size_t block_len;
};

struct vc_verifier {
    struct vc_port port;
    uint64_t job; /* that it works at, perhaps one that was given up; 0: idle */
};

struct vc_authority {
    struct vc_child child;
    struct vc_conf conf;
    bool has_conf;
    struct vc_fail setup_fail; /* what went wrong before START */
    struct vc_login_policy policy;
    struct vc_login_group groups[VC_CONF_GROUPS_MAX];
    char device[17], gateway_name[65];
    uint32_t supervisor_pid;
    int64_t started_s;
    uint64_t started_ns;

    struct vc_passwords passwords;
    struct vc_port portals[VC_AUTHORITY_PEERS_MAX];
    struct vc_verifier verifiers[VC_AUTHORITY_PEERS_MAX];
    struct vc_port tunnels[VC_AUTHORITY_PEERS_MAX];

    struct vc_logins logins;
    struct vc_job jobs[VC_JOBS_MAX];
    uint64_t last_job;
    uint64_t verify_ns;    /* how long a verifier takes, by the last ones; 0: not known yet */
    struct vc_map waiting; /* by query */
    uint64_t last_query;
    struct vc_members members;
    uint64_t last_id; /* of a session */
    struct vc_leases leases;
    struct vc_store *store;
    bool store_behind; /* it lacks something, or has what is over: all of that is tried again at each sign of life */
    bool store_failed; /* that was said, once until it has caught up */
    uint64_t alive_ns; /* when the next sign of life is due */

    int control_fd; /* before START; -1 */
    struct vc_control *control;
    struct {
        uint64_t handled, failures, timed_out, idle_out, errors; /* sessions that ended; refused logins */
        uint64_t auth_ns, auth_n, auth_max_ns, session_s, session_max_s, rx, tx;
        uint16_t min_mtu, max_mtu;
    } stats;
};

/* main.c */
void vc_authority_emit(struct vc_authority *a, struct vc_event *e);
/** Tells what of the password file, as it was just read, an administrator should mend. */
void vc_authority_tell_passwords(struct vc_authority *a);
/** A neighbour of ours broke the rules: the supervisor is asked to replace it. */
void vc_authority_replace(struct vc_authority *a, enum vc_role role, uint16_t index, const char *why);
static inline uint64_t vc_authority_now(const struct vc_authority *a)
{
    return a->child.loop.now_ns;
}

/* logins.c */
void vc_logins_init(struct vc_logins *ls, const uint64_t seed[2]);
void vc_logins_deinit(struct vc_logins *ls);
void vc_logins_question(struct vc_authority *a, uint16_t portal, const struct vc_msg *m);
void vc_logins_verdict(struct vc_authority *a, struct vc_job *job, enum vc_login_verdict verdict);
uint64_t vc_logins_due(const struct vc_logins *ls);
void vc_logins_tick(struct vc_authority *a, uint64_t now_ns);

/* jobs.c */
/** The open question of a connection; NULL: there is none. */
struct vc_job *vc_jobs_find(struct vc_authority *a, uint16_t portal, uint64_t conn);
/** A job to be filled in and given to vc_jobs_start; NULL: too many wait, or a verifier would hardly come to it in
 * time.
 */
struct vc_job *vc_jobs_new(struct vc_authority *a);
void vc_jobs_start(struct vc_authority *a, struct vc_job *job);
/** Nobody waits for it any more. @conn 0: for none of this portal's. */
void vc_jobs_cancel(struct vc_authority *a, uint16_t portal, uint64_t conn);
void vc_jobs_answer(struct vc_authority *a, uint16_t verifier, const struct vc_msg *m);
void vc_jobs_verifier_lost(struct vc_authority *a, uint16_t verifier);
uint64_t vc_jobs_due(const struct vc_authority *a);
void vc_jobs_tick(struct vc_authority *a, uint64_t now_ns);

/* policies.c */
/** Finds out what holds for a user, and calls who->done with it: at once where there are no files, else
 * with a copy of *who. */
void vc_policies_ask(struct vc_authority *a, const struct vc_waiting *who, const char *group, const char *user);
void vc_policies_file(struct vc_authority *a, const struct vc_msg *m, int fd); /* FILE; @fd is its own */
void vc_policies_end(struct vc_authority *a, const struct vc_msg *m);          /* FILES_END */
bool vc_policies_waits(const struct vc_authority *a, uint16_t portal, uint64_t conn);
/** Nobody waits for it any more. @conn 0: for none of this portal's. */
void vc_policies_cancel(struct vc_authority *a, uint16_t portal, uint64_t conn);

/* sessions.c */
/** Makes the session of a login: row in the store first. NULL with *error for the client and *fail for the
 *  administrator. @conf: what holds for its user. @token: told to the client alone. */
struct vc_member *vc_sessions_begin(struct vc_authority *a, const struct vc_conf *conf, const struct vc_waiting *who,
                                    uint8_t token[32], enum vc_login_error *error, struct vc_fail *fail);
/** Ends it for good: token void, tunnel closed with @bye, addresses freed when that is done. */
void vc_sessions_end(struct vc_authority *a, struct vc_member *m, enum vc_cause cause, const char *bye);
/** As the client or an administrator wishes: with persistent-cookies only the tunnel ends. */
void vc_sessions_leave(struct vc_authority *a, struct vc_member *m, enum vc_cause cause, const char *bye);
/** Its tunnel is down: frees what the session held and says how it was. The member is gone afterwards. */
void vc_sessions_finish(struct vc_authority *a, struct vc_member *m);
/** There is no tunnel any more: the token is good for cookie-timeout from now on. */
void vc_sessions_wait(struct vc_authority *a, struct vc_member *m);
void vc_sessions_save(struct vc_authority *a, struct vc_member *m);
int vc_sessions_load(struct vc_authority *a, struct vc_fail *fail);
/** Before the process ends: what the next life needs to know. */
void vc_sessions_stop(struct vc_authority *a);
uint64_t vc_sessions_due(const struct vc_authority *a);
void vc_sessions_tick(struct vc_authority *a, uint64_t now_ns);

/* connect.c */
void vc_connect_question(struct vc_authority *a, uint16_t portal, const struct vc_msg *m);
void vc_connect_logout(struct vc_authority *a, uint16_t portal, const struct vc_msg *m);

/* tunnels.c */
void vc_tunnels_peer(struct vc_authority *a, uint16_t index, int fd);
/** Where a session goes: where it lives already, else where the fewest are. VC_NO_TUNNEL: there is no process. */
uint16_t vc_tunnels_choose(struct vc_authority *a, const struct vc_member *m);
/** Tells all tunnel processes who has a session's addresses; VC_NO_TUNNEL: nobody. */
void vc_tunnels_route(struct vc_authority *a, const struct vc_member *m, uint16_t owner);
void vc_tunnels_close(struct vc_authority *a, const struct vc_member *m, const struct vc_member_tunnel *t,
                      enum vc_close_how how, enum vc_cause cause, const char *reason);

#endif
