#ifndef VC_PROTO_LOGIN_GATEWAY_H
#define VC_PROTO_LOGIN_GATEWAY_H

#include "base/addr.h"
#include "event/fail.h"
#include "wire/auth_xml.h"

/** The gateway's side of a login, phases 2 and 3 (1-login.md 4.6, 5, 6.1, 6.2, 9). No socket, clock, random source,
 *  password file or hash: the owner (the authority) brings requests, the time, random handles and verdicts, and does
 *  what comes back. It holds the records in a table keyed by handle, with a bound on their number, and does this:
 *
 *    a document came        c = vc_login_request_of(...); l = a COPY of the record under vc_login_handle(&c), or
 * zeroed; vc_login_request(&l, ...); then store(&l, &out) out says LOOK_UP       looks the name l.user up in the
 * password file; vc_login_user(&l, ...); stores l; has a verifier check the password of the request against the user's
 * hash, or, where there is no such user or hash, against a dummy of the same cost: always, whatever l.barred says, so
 * that a stranger cannot tell by time. The request waits; its answer is made by the verdict. the verifier answers   l =
 * a copy of the record; vc_login_verdict(&l, ...); store(&l, &out) vc_login_due           passed: removes the record
 *
 *    store(&l, &out):       removes the record under out.drop, if that is not 0; then, unless l.state is OVER, puts l
 * under l.handle.
 *
 *  A record whose password is being checked is never touched by a request: what comes with its handle meanwhile (a
 *  client that was too impatient) begins a login of its own. So no two checks of one login run at once.
 *
 *  Handles are fresh in every form: an older one is not known any more. 63 random bits, not 0, not in the table.
 *
 *  Beside this the owner limits tries by source and by user (bans, delays) before it calls vc_login_request, and may
 *  still refuse after SUCCESS (the gateway is full: VC_LOGIN_ERROR_FULL, VC_LOGIN_ERROR_TOO_MANY). */

#define VC_LOGIN_NAME_MAX 256 /* bytes of a user's or a group's name */
#define VC_LOGIN_TRIES 3      /* wrong answers */
#define VC_LOGIN_ROUNDS 32    /* requests that name one login */

/* ---- the configuration, as a login sees it ---- */

/** A group that can be chosen: an entry of select-group, or (auto-select-group) a group of the password file. */
struct vc_login_group {
    struct vc_str name;
    struct vc_str label; /* what people see; empty: the name */
};

/** Borrowed for a call. Texts are at most VC_LOGIN_NAME_MAX bytes; the configuration reader sees to it. */
struct vc_login_policy {
    const struct vc_login_group *groups; /* in the order of the configuration */
    size_t n_groups;
    struct vc_str own_label;  /* default-select-group: the entry for the user's own group; empty: no such entry */
    struct vc_str pre_banner; /* pre-login-banner */
    bool by_url;              /* select-group-by-url */
    bool hide_groups;         /* list-groups = false */
    bool reject_unknown_url;  /* unknown-url = reject */
    uint32_t auth_timeout_s;  /* 0: 240 */
    uint64_t config_hash;     /* ms since 1970 */
};

/* ---- what comes in ---- */

/** A client's document with where it came from. Views point into what the caller holds. */
struct vc_login_request {
    enum vc_auth_kind kind;
    uint32_t vhost;              /* number of the virtual host; a login stays on its own */
    struct vc_ip source;         /* told in events; not compared, clients change addresses */
    bool has_opaque, has_cookie; /* opaque came; webvpncontext came */
    uint64_t opaque, cookie;     /* 0: not a handle of ours */
    struct vc_str path;          /* of the request target: decoded, without query */
    bool has_access, has_select, has_user, has_password;
    struct vc_str access; /* group-access: a URL, as it came */
    struct vc_str select, user, password;
};

/** @cookie is the value of webvpncontext; at = NULL where none came. An <answer> counts as the password (6.3). */
struct vc_login_request vc_login_request_of(const struct vc_auth_client *c, struct vc_str path, struct vc_str cookie,
                                            uint32_t vhost, const struct vc_ip *source);
/** The key of the record this request belongs to, opaque before cookie; 0: it names none. */
uint64_t vc_login_handle(const struct vc_login_request *q);

/** What the password file says of l.user. A zeroed one is an unknown user. */
struct vc_login_user {
    bool known, locked, usable; /* usable: there is a hash, of a kind that can be verified */
    const struct vc_str *groups;
    size_t n_groups;
};

enum vc_login_verdict {
    VC_LOGIN_RIGHT,
    VC_LOGIN_WRONG,
    VC_LOGIN_BUSY, /* no verifier took it */
    VC_LOGIN_DIED, /* the verifier ended, or passed its deadline */
    VC_N_LOGIN_VERDICTS
};

/* ---- the record ---- */

enum vc_login_state {
    VC_LOGIN_NEW,      /* zeroed: no login yet */
    VC_LOGIN_FORM,     /* the first form is out: user name and password are wanted */
    VC_LOGIN_PASSWORD, /* the user name came alone: the form with only the password is out */
    VC_LOGIN_LOOKUP,   /* both are here: vc_login_user comes next */
    VC_LOGIN_CHECKING, /* vc_login_verdict comes next */
    VC_LOGIN_OVER,     /* refused, successful or logged out: remove it */
    VC_N_LOGIN_STATES
};

/** A login: a value without secrets. The owner reads it; only the functions below change it. */
struct vc_login {
    enum vc_login_state state;
    uint32_t vhost;
    uint64_t handle;
    uint64_t created_ns, expires_ns; /* monotonic; expires is total, nothing extends it */
    unsigned tries, rounds;          /* wrong answers; requests that named it */
    bool own;                        /* the user's own group, whatever it will be; else: */
    bool by_url;                     /* the URL chose the group: no select is shown and none is obeyed */
    char group[VC_LOGIN_NAME_MAX + 1];
    char user[VC_LOGIN_NAME_MAX + 1];    /* "" while no name came, and after a wrong answer */
    char granted[VC_LOGIN_NAME_MAX + 1]; /* the group of the session, "" for none; valid at SUCCESS */
    enum vc_cause barred;                /* why this user cannot succeed whatever the verdict; NONE: can */
    struct vc_ip source;                 /* of the request that began it */
};

/* ---- what to do ---- */

enum vc_login_do {
    VC_LOGIN_SHOW,       /* answer with out->answer: a form; also set the cookie webvpncontext to its handle */
    VC_LOGIN_REFUSE,     /* answer with out->answer: an error without a form; clear webvpncontext; close */
    VC_LOGIN_LOOK_UP,    /* the user name l->user and the request's password are to be checked */
    VC_LOGIN_SUCCESS,    /* the user l->user is in, as a member of l->granted */
    VC_LOGIN_LOGGED_OUT, /* end the session of the token that the document carries; answer 200 with an empty body */
};

enum vc_login_error {
    VC_LOGIN_ERROR_NONE,
    VC_LOGIN_ERROR_FAILED,  /* "Login failed.": the one answer to every wrong one */
    VC_LOGIN_ERROR_EXPIRED, /* the login is not known (any more) */
    VC_LOGIN_ERROR_BUSY,
    VC_LOGIN_ERROR_HOST,     /* unknown-url = reject */
    VC_LOGIN_ERROR_FULL,     /* max-clients; for the owner, after SUCCESS */
    VC_LOGIN_ERROR_TOO_MANY, /* max-same-clients; for the owner, after SUCCESS */
    VC_LOGIN_ERROR_SETTINGS, /* the user's settings cannot be read; for the owner, after SUCCESS */
    VC_N_LOGIN_ERRORS
};

enum vc_login_form { VC_LOGIN_NO_FORM, VC_LOGIN_FIRST_FORM, VC_LOGIN_PASSWORD_FORM, VC_N_LOGIN_FORMS };

/** What the client is to see: a value, so that the process that holds the records need not be the one that writes. */
struct vc_login_answer {
    enum vc_login_form form;
    enum vc_login_error error;
    uint64_t handle; /* of the form; 0 without one */
    bool own;        /* the group, as in the record */
    bool select;     /* the other groups are shown beside it */
    char group[VC_LOGIN_NAME_MAX + 1];
};

struct vc_login_out {
    enum vc_login_do what;
    uint64_t drop; /* see store() above */
    struct vc_login_answer answer;
    enum vc_cause cause; /* for the event of this step (group.form, user.answer, user.refused ...); NONE: all is well */
    enum vc_cause then;  /* a REFUSE that a limit caused beside the cause: TOO_MANY_TRIES */
    bool state_mismatch; /* also an event user.state-mismatch */
    bool unknown_group;  /* also an event group.unknown: a group-select or a URL named none of ours */
    bool group_chosen;   /* also an event group.chosen */
};

/**
 * A document came.
 * @l      a copy of the record that vc_login_handle names, or zeroed
 * @fresh  a new handle
 * @now_ns monotonic
 */
void vc_login_request(struct vc_login *l, const struct vc_login_policy *policy, const struct vc_login_request *q,
                      uint64_t fresh, uint64_t now_ns, struct vc_login_out *out);
/** The user was looked up; state LOOKUP becomes CHECKING. Sets barred and granted; both are told to nobody but the
 *  administrator until the verdict is in. */
void vc_login_user(struct vc_login *l, const struct vc_login_user *user);
/** The verifier answered; state CHECKING. A RIGHT that comes too late (expires_ns) is no success. */
void vc_login_verdict(struct vc_login *l, const struct vc_login_policy *policy, enum vc_login_verdict verdict,
                      uint64_t fresh, uint64_t now_ns, struct vc_login_out *out);
/** When the record is to be removed; monotonic ns. */
uint64_t vc_login_due(const struct vc_login *l);

/**
 * The document of a SHOW or REFUSE, for vc_auth_request_write.
 * @options  room for the select, borrowed by *doc: policy->n_groups + 1 entries are always enough; what does not fit
 *           @n_options is left out, never the current group
 * Everything in *doc points into answer, policy and options.
 */
void vc_login_document(const struct vc_login_answer *answer, const struct vc_login_policy *policy,
                       struct vc_auth_option *options, size_t n_options, struct vc_auth_request *doc);

/** The group that a name, a label or the path of a URL means (5.1): label, then name, exactly; then either in any case
 *  of ASCII letters. -1: none; n_groups: the user's own group. */
int vc_login_group_find(const struct vc_login_policy *policy, struct vc_str s);

const char *vc_login_error_text(enum vc_login_error error);

#endif
