/* Logins in progress: records by handle, one answer to each question. What a request means is proto/login_gateway.h's
 * business; the order of the steps below is its header's. */
#include "gateway/authority/authority.h"

#include "crypto/hash.h"
#include "crypto/wipe.h"
#include "sys/random.h"

#include <stdlib.h>

/* ---- the table ---- */

void vc_logins_init(struct vc_logins *ls, const uint64_t seed[2])
{
    *ls = (struct vc_logins){0};
    vc_map_init(&ls->by_handle, sizeof(uint64_t), seed);
}

static void unlink_record(struct vc_logins *ls, struct vc_login_record *r)
{
    *(r->older ? &r->older->newer : &ls->oldest[r->answered]) = r->newer;
    *(r->newer ? &r->newer->older : &ls->newest[r->answered]) = r->older;
}

static void link_record(struct vc_logins *ls, struct vc_login_record *r)
{
    r->older = ls->newest[r->answered];
    r->newer = NULL;
    *(r->older ? &r->older->newer : &ls->oldest[r->answered]) = r;
    ls->newest[r->answered] = r;
}

static struct vc_login_record *find(const struct vc_logins *ls, uint64_t handle)
{
    return handle ? vc_map_get(&ls->by_handle, &handle) : NULL;
}

static void drop(struct vc_logins *ls, struct vc_login_record *r)
{
    (void)vc_map_remove(&ls->by_handle, &r->login.handle);
    vc_heap_remove(&ls->deadlines, &r->due);
    unlink_record(ls, r);
    ls->n--;
    free(r);
}

/** Room for one more: forms that nobody answered go first, then the oldest; never one whose password is being checked.
 */
static bool make_room(struct vc_logins *ls)
{
    for (int answered = 0; ls->n >= VC_LOGINS_MAX && answered < 2; answered++) {
        struct vc_login_record *r = ls->oldest[answered];
        while (r && r->login.state == VC_LOGIN_CHECKING)
            r = r->newer;
        if (r)
            drop(ls, r);
    }
    return ls->n < VC_LOGINS_MAX;
}

/** store() of login_gateway.h. False: there is no room or no memory. */
static bool store(struct vc_logins *ls, const struct vc_login *l, uint64_t dropped)
{
    struct vc_login_record *old = find(ls, dropped), *r = find(ls, l->handle);
    if (old && old != r)
        drop(ls, old);
    if (l->state == VC_LOGIN_OVER) {
        if (r)
            drop(ls, r);
        return true;
    }
    if (r) {
        unlink_record(ls, r);
    } else {
        r = make_room(ls) ? calloc(1, sizeof(*r)) : NULL;
        if (!r)
            return false;
        r->due.owner = r;
        if (vc_map_put(&ls->by_handle, &l->handle, r) != 0 || vc_heap_set(&ls->deadlines, &r->due, UINT64_MAX) != 0) {
            (void)vc_map_remove(&ls->by_handle, &l->handle);
            free(r);
            return false;
        }
        ls->n++;
    }
    r->login = *l;
    r->answered = l->tries > 0 || l->state == VC_LOGIN_PASSWORD || l->state == VC_LOGIN_CHECKING;
    link_record(ls, r);
    (void)vc_heap_set(&ls->deadlines, &r->due, l->state == VC_LOGIN_CHECKING ? UINT64_MAX : vc_login_due(l));
    return true;
}

void vc_logins_deinit(struct vc_logins *ls)
{
    for (int answered = 0; answered < 2; answered++) {
        while (ls->oldest[answered])
            drop(ls, ls->oldest[answered]);
    }
    vc_map_deinit(&ls->by_handle);
    vc_heap_deinit(&ls->deadlines);
}

uint64_t vc_logins_due(const struct vc_logins *ls)
{
    const struct vc_heap_node *first = vc_heap_first(&ls->deadlines);
    return first ? first->due : UINT64_MAX;
}

void vc_logins_tick(struct vc_authority *a, uint64_t now_ns)
{
    const struct vc_heap_node *first;
    while ((first = vc_heap_first(&a->logins.deadlines)) && first->due <= now_ns)
        drop(&a->logins, first->owner);
}

static uint64_t fresh_handle(const struct vc_logins *ls)
{
    uint64_t handle;
    do
        handle = vc_random_u64() >> 1;
    while (handle == 0 || find(ls, handle));
    return handle;
}

/* ---- answers and events ---- */

static void event(struct vc_authority *a, enum vc_event_id id, enum vc_outcome outcome, uint64_t conn,
                  const struct vc_login *l, const struct vc_endpoint *source, const struct vc_fail *fail)
{
    struct vc_event e = vc_event_of(id, outcome, conn, 0);
    char ip[VC_IP_TEXT];
    vc_ip_print(&source->ip, ip);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(ip));
    if (l->user[0] != 0)
        vc_event_text(&e, VC_FIELD_USER, vc_str_of(l->user));
    if (l->own && a->policy.own_label.len > 0)
        vc_event_text(&e, VC_FIELD_GROUP, a->policy.own_label);
    else if (l->group[0] != 0)
        vc_event_text(&e, VC_FIELD_GROUP, vc_str_of(l->group));
    if (fail)
        e.fail = *fail;
    vc_authority_emit(a, &e);
}

static void event_cause(struct vc_authority *a, enum vc_event_id id, uint64_t conn, const struct vc_login *l,
                        const struct vc_endpoint *source, enum vc_cause cause)
{
    struct vc_fail fail = {.cause = cause};
    event(a, id, VC_OUTCOME_REFUSED, conn, l, source, &fail);
}

/** Why an answer was not accepted; and, where a limit made it the last one, that. */
static void refused(struct vc_authority *a, uint64_t conn, const struct vc_login *l, const struct vc_endpoint *source,
                    const struct vc_login_out *out)
{
    if (out->cause != VC_CAUSE_NONE)
        event_cause(a, VC_EVENT_USER_REFUSED, conn, l, source, out->cause);
    if (out->then != VC_CAUSE_NONE)
        event_cause(a, VC_EVENT_USER_REFUSED, conn, l, source, out->then);
    a->stats.failures += out->cause != VC_CAUSE_NONE || out->then != VC_CAUSE_NONE;
}

static void send_form(struct vc_authority *a, uint16_t portal, uint64_t conn, bool refuse,
                      const struct vc_login_answer *answer)
{
    struct vc_msg m = {.type = VC_IPC_FORM,
                       .FORM = {.conn = conn,
                                .refuse = refuse,
                                .form = (uint8_t)answer->form,
                                .error = (uint8_t)answer->error,
                                .handle = answer->handle,
                                .own = answer->own,
                                .select = answer->select,
                                .group = vc_str_of(answer->group)}};
    (void)vc_port_send(&a->portals[portal], &m, -1);
}

static void refuse(struct vc_authority *a, uint16_t portal, uint64_t conn, enum vc_login_error error)
{
    struct vc_login_answer answer = {.form = VC_LOGIN_NO_FORM, .error = error};
    send_form(a, portal, conn, true, &answer);
}

/** Puts the record away and sends the form; when there is no room for the record, the client is told to try again. */
static void show(struct vc_authority *a, uint16_t portal, uint64_t conn, const struct vc_login *l,
                 const struct vc_login_out *out, const struct vc_endpoint *source)
{
    if (!store(&a->logins, l, out->drop)) {
        event_cause(a, VC_EVENT_USER_REFUSED, conn, l, source, VC_CAUSE_NO_MEMORY);
        refuse(a, portal, conn, VC_LOGIN_ERROR_BUSY);
        return;
    }
    refused(a, conn, l, source, out);
    if (out->what == VC_LOGIN_SHOW && out->answer.form == VC_LOGIN_PASSWORD_FORM && out->cause == VC_CAUSE_NONE)
        event(a, VC_EVENT_USER_ANSWER, VC_OUTCOME_INFO, conn, l, source, NULL);
    else if (out->what == VC_LOGIN_SHOW)
        event(a, VC_EVENT_GROUP_FORM, VC_OUTCOME_OK, conn, l, source, NULL);
    send_form(a, portal, conn, out->what == VC_LOGIN_REFUSE, &out->answer);
}

/* ---- a question ---- */

static void look_up(struct vc_authority *a, uint16_t portal, const struct vc_msg *m, struct vc_login *l,
                    uint64_t dropped)
{
    static struct vc_passwords_user found;
    struct vc_login_out out = {.drop = dropped};
    struct vc_fail fail = {0};
    struct vc_job *job = NULL;
    int read = vc_passwords_refresh(&a->passwords, &fail);
    if (read > 0)
        vc_authority_tell_passwords(a);
    if (read < 0) { /* what was read before stays in force */
        struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_FAILED, m->LOGIN.conn, 0);
        e.fail = fail;
        vc_authority_emit(a, &e);
    }
    vc_passwords_find(&a->passwords, vc_str_of(l->user), &found);
    vc_login_user(l, &found.user);
    event(a, VC_EVENT_USER_ANSWER, VC_OUTCOME_OK, m->LOGIN.conn, l, &m->LOGIN.source, NULL);
    bool kept = store(&a->logins, l, dropped);
    if (kept)
        job = vc_jobs_new(a);
    if (!job) {
        vc_login_verdict(l, &a->policy, VC_LOGIN_BUSY, fresh_handle(&a->logins), vc_authority_now(a), &out);
        show(a, portal, m->LOGIN.conn, l, &out, &m->LOGIN.source);
        return;
    }
    job->portal = portal;
    job->conn = m->LOGIN.conn;
    job->handle = l->handle;
    job->source = m->LOGIN.source;
    (void)vc_str_copy(m->LOGIN.agent, job->agent, sizeof(job->agent));
    job->password_len = m->LOGIN.password.len;
    if (job->password_len > 0)
        memcpy(job->password, m->LOGIN.password.at, job->password_len);
    (void)vc_str_copy(found.hash, job->hash, sizeof(job->hash));
    vc_jobs_start(a, job);
}

static struct vc_login_request request_of(const struct vc_msg *m)
{
    unsigned has = m->LOGIN.has;
    return (struct vc_login_request){
        .kind = (enum vc_auth_kind)m->LOGIN.kind,
        .source = m->LOGIN.source.ip,
        .has_opaque = (has & VC_HAS_OPAQUE) != 0,
        .has_cookie = (has & VC_HAS_COOKIE) != 0,
        .has_access = (has & VC_HAS_ACCESS) != 0,
        .has_select = (has & VC_HAS_SELECT) != 0,
        .has_user = (has & VC_HAS_USER) != 0,
        .has_password = (has & VC_HAS_PASSWORD) != 0,
        .opaque = m->LOGIN.opaque,
        .cookie = m->LOGIN.cookie,
        .path = m->LOGIN.path,
        .access = m->LOGIN.access,
        .select = m->LOGIN.select,
        .user = m->LOGIN.user,
        .password = {.at = (const char *)m->LOGIN.password.at, .len = m->LOGIN.password.len}};
}

void vc_logins_question(struct vc_authority *a, uint16_t portal, const struct vc_msg *m)
{
    struct vc_login_request q = request_of(m);
    struct vc_login_out out;
    uint64_t conn = m->LOGIN.conn;
    if (m->LOGIN.kind != VC_AUTH_INIT && m->LOGIN.kind != VC_AUTH_REPLY) {
        vc_authority_replace(a, VC_ROLE_PORTAL, portal, "a login of no kind");
        return;
    }
    if (vc_jobs_find(a, portal, conn) || vc_policies_waits(a, portal, conn)) {
        vc_authority_replace(a, VC_ROLE_PORTAL, portal, "a second question of one connection");
        return;
    }
    const struct vc_login_record *known = find(&a->logins, vc_login_handle(&q));
    struct vc_login l = known ? known->login : (struct vc_login){0};
    vc_login_request(&l, &a->policy, &q, fresh_handle(&a->logins), vc_authority_now(a), &out);
    if (out.state_mismatch)
        event_cause(a, VC_EVENT_USER_STATE_MISMATCH, conn, &l, &m->LOGIN.source, VC_CAUSE_STATE_MISMATCH);
    if (out.unknown_group)
        event_cause(a, VC_EVENT_GROUP_UNKNOWN, conn, &l, &m->LOGIN.source, VC_CAUSE_UNKNOWN_GROUP);
    if (out.group_chosen)
        event(a, VC_EVENT_GROUP_CHOSEN, VC_OUTCOME_OK, conn, &l, &m->LOGIN.source, NULL);
    switch (out.what) {
    case VC_LOGIN_LOOK_UP:
        look_up(a, portal, m, &l, out.drop);
        break;
    case VC_LOGIN_SHOW:
    case VC_LOGIN_REFUSE:
        show(a, portal, conn, &l, &out, &m->LOGIN.source);
        break;
    case VC_LOGIN_SUCCESS:    /* only a verdict brings it */
    case VC_LOGIN_LOGGED_OUT: /* a log-off is a message of its own */
        refuse(a, portal, conn, VC_LOGIN_ERROR_BUSY);
        break;
    }
}

/* ---- a verdict ---- */

static void admit(struct vc_authority *a, const struct vc_waiting *who, const struct vc_conf *conf,
                  const struct vc_fail *bad)
{
    uint8_t token[32];
    enum vc_login_error error = bad->cause == VC_CAUSE_USER_FILE ? VC_LOGIN_ERROR_SETTINGS : VC_LOGIN_ERROR_BUSY;
    struct vc_fail fail = *bad;
    const struct vc_member *m =
        bad->cause == VC_CAUSE_NONE ? vc_sessions_begin(a, conf, who, token, &error, &fail) : NULL;
    if (!m) {
        event(a, VC_EVENT_USER_REFUSED, VC_OUTCOME_REFUSED, who->conn, &who->login, &who->source, &fail);
        a->stats.failures++;
        refuse(a, who->portal, who->conn, error);
        return;
    }
    struct vc_event e = vc_event_of(VC_EVENT_USER_SUCCESS, VC_OUTCOME_OK, who->conn, m->id);
    char ip[VC_IP_TEXT];
    vc_ip_print(&who->source.ip, ip);
    vc_event_text(&e, VC_FIELD_USER, vc_str_of(m->user));
    if (m->group[0] != 0)
        vc_event_text(&e, VC_FIELD_GROUP, vc_str_of(m->group));
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(ip));
    if (m->agent[0] != 0)
        vc_event_text(&e, VC_FIELD_AGENT, vc_str_of(m->agent));
    vc_event_secret(&e, VC_FIELD_TOKEN, m->token_hash);
    vc_authority_emit(a, &e);
    struct vc_msg answer = {
        .type = VC_IPC_SUCCESS,
        .SUCCESS = {.conn = who->conn, .session = m->id, .token = {.at = token, .len = sizeof(token)}}};
    (void)vc_port_send(&a->portals[who->portal], &answer, -1);
    vc_wipe(token, sizeof(token));
}

static void succeed(struct vc_authority *a, const struct vc_job *job, const struct vc_login *l)
{
    struct vc_waiting who = {.kind = VC_WAITS_FOR_SESSION,
                             .portal = job->portal,
                             .conn = job->conn,
                             .login = *l,
                             .source = job->source,
                             .done = admit};
    (void)vc_str_copy(vc_str_of(job->agent), who.agent, sizeof(who.agent));
    vc_policies_ask(a, &who, l->granted, l->user);
}

void vc_logins_verdict(struct vc_authority *a, struct vc_job *job, enum vc_login_verdict verdict)
{
    const struct vc_login_record *r = find(&a->logins, job->handle);
    struct vc_login_out out;
    if (!r) { /* cannot be: a record that is being checked is not touched */
        if (!job->gone)
            refuse(a, job->portal, job->conn, VC_LOGIN_ERROR_EXPIRED);
        return;
    }
    struct vc_login l = r->login;
    char user[sizeof(l.user)];
    memcpy(user, l.user, sizeof(user)); /* a wrong answer clears it; the event still names it */
    uint64_t took = vc_authority_now(a) - job->since_ns;
    if (verdict == VC_LOGIN_RIGHT || verdict == VC_LOGIN_WRONG) {
        a->stats.auth_ns += took;
        a->stats.auth_n++;
        if (took > a->stats.auth_max_ns)
            a->stats.auth_max_ns = took;
    }
    vc_login_verdict(&l, &a->policy, verdict, fresh_handle(&a->logins), vc_authority_now(a), &out);
    if (out.what != VC_LOGIN_SUCCESS) {
        struct vc_login told = l;
        memcpy(told.user, user, sizeof(user));
        refused(a, job->conn, &told, &job->source, &out);
        bool kept = store(&a->logins, &l, out.drop);
        if (!job->gone && kept)
            send_form(a, job->portal, job->conn, out.what == VC_LOGIN_REFUSE, &out.answer);
        else if (!job->gone)
            refuse(a, job->portal, job->conn, VC_LOGIN_ERROR_BUSY);
        return;
    }
    (void)store(&a->logins, &l, out.drop);
    if (job->gone)
        event_cause(a, VC_EVENT_USER_REFUSED, job->conn, &l, &job->source, VC_CAUSE_HTTP_PEER_CLOSED);
    else
        succeed(a, job, &l);
}
