/* Passwords on their way through the verifiers: one at a time each, a bounded queue before them, a deadline over both.
 */
#include "gateway/authority/authority.h"

#include "crypto/wipe.h"

static void release(struct vc_job *job)
{
    vc_wipe(job, sizeof(*job));
}

struct vc_job *vc_jobs_find(struct vc_authority *a, uint16_t portal, uint64_t conn)
{
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        struct vc_job *j = &a->jobs[i];
        if (j->id != 0 && !j->gone && j->portal == portal && j->conn == conn)
            return j;
    }
    return NULL;
}

static struct vc_job *by_id(struct vc_authority *a, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < VC_JOBS_MAX; i++) {
        if (a->jobs[i].id == id)
            return &a->jobs[i];
    }
    return NULL;
}

struct vc_job *vc_jobs_new(struct vc_authority *a)
{
    struct vc_job *spare = NULL;
    unsigned waiting = 0;
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        if (a->jobs[i].id == 0)
            spare = &a->jobs[i];
        else if (!a->jobs[i].running)
            waiting++;
    }
    if (!spare || waiting >= VC_JOBS_WAITING)
        return NULL;
    spare->id = ++a->last_job;
    spare->by_ns = vc_authority_now(a) + VC_JOB_S * 1000000000ULL;
    spare->verifier = VC_NO_TUNNEL;
    return spare;
}

/** The one that waits longest. */
static struct vc_job *next_waiting(struct vc_authority *a)
{
    struct vc_job *first = NULL;
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        struct vc_job *j = &a->jobs[i];
        if (j->id != 0 && !j->running && (!first || j->id < first->id))
            first = j;
    }
    return first;
}

static void feed(struct vc_authority *a)
{
    for (uint16_t v = 0; v < VC_AUTHORITY_PEERS_MAX; v++) {
        struct vc_verifier *verifier = &a->verifiers[v];
        struct vc_job *job = vc_port_is_open(&verifier->port) && verifier->job == 0 ? next_waiting(a) : NULL;
        if (!job)
            continue;
        struct vc_msg m = {.type = VC_IPC_VERIFY,
                           .VERIFY = {.job = job->id,
                                      .password = {.at = job->password, .len = job->password_len},
                                      .hash = {.at = (const uint8_t *)job->hash, .len = strlen(job->hash)}}};
        job->running = true;
        job->verifier = v;
        verifier->job = job->id;
        (void)vc_port_send(&verifier->port, &m, -1); /* when it fails the port is lost, and that answers the job */
        vc_wipe(job->password, sizeof(job->password));
    }
}

void vc_jobs_start(struct vc_authority *a, struct vc_job *job)
{
    (void)job;
    feed(a);
}

static void answer(struct vc_authority *a, struct vc_job *job, enum vc_login_verdict verdict)
{
    job->running = true; /* its portal may be lost while it is told, which cancels what waits */
    vc_logins_verdict(a, job, verdict);
    release(job);
}

void vc_jobs_cancel(struct vc_authority *a, uint16_t portal, uint64_t conn)
{
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        struct vc_job *j = &a->jobs[i];
        if (j->id == 0 || j->portal != portal || (conn != 0 && j->conn != conn))
            continue;
        j->gone = true;
        if (!j->running) /* what a verifier has is told by its verdict: a guess counts, waited for or not */
            answer(a, j, VC_LOGIN_DIED);
    }
}

void vc_jobs_answer(struct vc_authority *a, uint16_t verifier, const struct vc_msg *m)
{
    struct vc_verifier *v = &a->verifiers[verifier];
    struct vc_job *job = by_id(a, m->VERDICT.job);
    if (v->job == 0 || v->job != m->VERDICT.job) {
        vc_authority_replace(a, VC_ROLE_VERIFIER, verifier, "a verdict that nobody asked for");
        return;
    }
    v->job = 0;
    if (job)
        answer(a, job, m->VERDICT.ok == 1 ? VC_LOGIN_RIGHT : VC_LOGIN_WRONG);
    feed(a);
}

void vc_jobs_verifier_lost(struct vc_authority *a, uint16_t verifier)
{
    struct vc_job *job = by_id(a, a->verifiers[verifier].job);
    a->verifiers[verifier].job = 0;
    if (job)
        answer(a, job, VC_LOGIN_DIED);
    feed(a);
}

uint64_t vc_jobs_due(const struct vc_authority *a)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        if (a->jobs[i].id != 0 && a->jobs[i].by_ns < due)
            due = a->jobs[i].by_ns;
    }
    return due;
}

void vc_jobs_tick(struct vc_authority *a, uint64_t now_ns)
{
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        struct vc_job *j = &a->jobs[i];
        if (j->id == 0 || j->by_ns > now_ns)
            continue;
        uint16_t verifier = j->running ? j->verifier : VC_NO_TUNNEL;
        answer(a, j, verifier != VC_NO_TUNNEL ? VC_LOGIN_DIED : VC_LOGIN_BUSY);
        if (verifier != VC_NO_TUNNEL)
            vc_authority_replace(a, VC_ROLE_VERIFIER, verifier, "no verdict in time");
    }
}
