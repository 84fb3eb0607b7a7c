#ifndef VC_TESTS_SIM_AUTHORITY_RIG_H
#define VC_TESTS_SIM_AUTHORITY_RIG_H

/** The real authority, with a test in the place of every other process: supervisor, a portal, a verifier and two tunnel
 *  processes, each a socket. Nothing sleeps: whoever waits for a message fails the test when it does not come. */
#include "table.h"

#include "event/event.h"
#include "ipc/schema.h"

#include <sys/types.h>

#define TUNNELS 2
#define PATIENCE_MS 8000

struct rig {
    char dir[64]; /* temporary: state/, passwd, config; removed at the end */
    char config[4096], passwords[4096];
    pid_t pid; /* 0: not running */
    int state, supervisor, portal, verifier, tunnel[TUNNELS], control;
    bool no_verifier;
    struct vc_event events[512]; /* all that it told so far */
    unsigned n_events;
    unsigned looked; /* events that a test has looked at */
    char work[128];  /* what the verifier was last asked to compute: the methods, sorted */
};

/** A fresh folder, a configuration with @more lines, users alice, bob (group sales), carol (locked). */
void rig_open(struct rig *r, const char *more);
void rig_close(struct rig *r);
/** Starts the authority; it must say READY. */
void rig_start(struct rig *r);
/** As above, but it must end with this exit status. */
void rig_start_fails(struct rig *r, int status);
void rig_stop(struct rig *r);  /* by STOP */
void rig_ended(struct rig *r); /* the second half of it: it must end in order */
void rig_kill(struct rig *r);  /* by SIGKILL */
/** It does nothing until it goes on: then it finds all at once what was said meanwhile. */
void rig_pause(struct rig *r);
void rig_resume(struct rig *r);

/** The next message on one of the sockets; events are put aside. Its views live until the next call. */
const struct vc_msg *rig_next(struct rig *r, int fd, enum vc_ipc_type type);
/** Nothing has come on this socket, up to the answer of a question that is asked now. */
void rig_nothing(struct rig *r, int fd);
void rig_send(int fd, enum vc_role from, const struct vc_msg *m, int pass);
/** Waits for an event that no test has looked at yet. */
const struct vc_event *rig_event(struct rig *r, enum vc_event_id id, enum vc_cause cause);
/** Room for more of them: those that came so far are forgotten. */
void rig_forget(struct rig *r);

/* ---- what the neighbours do ---- */

struct rig_session {
    uint64_t id;
    uint8_t token[32];
};

/** Sends the first document; returns the handle of the form. */
uint64_t rig_init(struct rig *r, uint64_t conn);
/** Sends name and password; with a verifier that has no time for it. */
void rig_ask_login(struct rig *r, uint64_t conn, uint64_t handle, const char *user, const char *password);
/** Sends name and password; the question is at the verifier now. Returns its job; *hash: what it is compared with. */
uint64_t rig_answer(struct rig *r, uint64_t conn, uint64_t handle, const char *user, const char *password,
                    char hash[512]);
void rig_verdict(struct rig *r, uint64_t job, bool ok);
/** All of it with the right password; the last message is the portal's answer. */
const struct vc_msg *rig_login(struct rig *r, uint64_t conn, const char *user);
/** As above, and it must be SUCCESS. */
struct rig_session rig_success(struct rig *r, uint64_t conn, const char *user);

struct rig_grant {
    uint16_t tunnel;
    uint64_t session;
    uint32_t generation;
    uint8_t ticket[16], dtls_id[32];
    struct vc_ip v4, v6;
    uint16_t cstp_mtu, dtls_mtu;
    uint8_t dtls_mode;
    char head[16384];
};

void rig_ask_connect(struct rig *r, uint64_t conn, const uint8_t token[32]);
/** CONNECT that is granted: the tunnel process hears of it, then the portal. */
void rig_connect(struct rig *r, uint64_t conn, const struct rig_session *s, struct rig_grant *g);
/** CONNECT that is denied: its status. */
unsigned rig_denied(struct rig *r, uint64_t conn, const uint8_t token[32]);
void rig_up(struct rig *r, const struct rig_grant *g);
/** A tunnel process says UP of what it has no right to, and is told to close it. */
void rig_up_refused(struct rig *r, uint16_t tunnel, uint64_t session, uint32_t generation);
/** UP, and the route that all tunnel processes hear of. */
void rig_up_routed(struct rig *r, const struct rig_grant *g);
void rig_down(struct rig *r, const struct rig_grant *g, enum vc_down_how how, enum vc_cause cause, uint64_t rx,
              uint64_t tx);
/** Every tunnel process hears that nobody has the session. */
void rig_unrouted(struct rig *r, uint64_t session);
void rig_logout(struct rig *r, uint64_t conn, const uint8_t token[32]);
/** A tunnel process, the verifier is started anew. */
void rig_new_tunnel(struct rig *r, uint16_t index);
void rig_new_verifier(struct rig *r);

#endif
