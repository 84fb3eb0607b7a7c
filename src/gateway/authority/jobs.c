/* Passwords on their way through the verifiers: one at a time each, a bounded queue before them, a deadline for either.
 * A verifier's time runs from when it got the password: one that is asked late is not blamed for it. */
#include "gateway/authority/authority.h"

#include "crypto/wipe.h"

#define NS 1000000000ULL

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

static uint64_t by_ns(const struct vc_job *j)
{
    return j->running ? j->began_ns + VC_VERIFY_S * NS : j->since_ns + VC_JOB_WAIT_S * NS;
}

/** Those that wait already take longer than another one may wait. */
static bool hopeless(const struct vc_authority *a, unsigned waiting)
{
    uint64_t verifiers = 0;
    for (size_t v = 0; v < VC_AUTHORITY_PEERS_MAX; v++)
        verifiers += vc_port_is_open(&a->verifiers[v].port);
    return verifiers > 0 && waiting * a->verify_ns > verifiers * VC_JOB_WAIT_S * NS;
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
    if (!spare || waiting >= VC_JOBS_WAITING || hopeless(a, waiting))
        return NULL;
    spare->id = ++a->last_job;
    spare->since_ns = vc_authority_now(a);
    spare->verifier = VC_NO_TUNNEL;
    return spare;
}

/** The one that waits longest, of those that have not waited too long. */
static struct vc_job *next_waiting(struct vc_authority *a)
{
    struct vc_job *first = NULL;
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        struct vc_job *j = &a->jobs[i];
        if (j->id != 0 && !j->running && by_ns(j) > vc_authority_now(a) && (!first || j->id < first->id))
            first = j;
    }
    return first;
}

/** The hash to compare with, and one of each other kind. */
static struct vc_str pick_hashes(const struct vc_hash_kinds *k, const struct vc_job *job, struct vc_writer *beside)
{
    struct vc_str own = vc_str_of(job->hash);
    unsigned place = own.len > 0 ? vc_hash_kinds_place(k, own) : 0;
    for (unsigned i = 0; i < k->n; i++) {
        struct vc_str dummy = vc_str_of(k->dummy[i]);
        if (i == place)
            continue;
        vc_put_u16(beside, (uint16_t)dummy.len);
        vc_put(beside, dummy.at, dummy.len);
    }
    return own.len > 0 ? own : vc_str_of(k->dummy[place]);
}

static void begin(struct vc_authority *a, struct vc_verifier *verifier, struct vc_job *job)
{
    uint8_t bytes[(VC_HASH_KINDS_MAX - 1) * (VC_HASH_FORM_MAX + 2)];
    struct vc_writer beside = vc_writer_to(bytes, sizeof(bytes));
    struct vc_str hash = pick_hashes(&a->passwords.kinds, job, &beside);
    struct vc_msg m = {.type = VC_IPC_VERIFY,
                       .VERIFY = {.job = job->id,
                                  .password = {.at = job->password, .len = job->password_len},
                                  .hash = {.at = (const uint8_t *)hash.at, .len = hash.len},
                                  .beside = {.at = bytes, .len = vc_written(&beside)}}};
    job->running = true;
    job->began_ns = vc_authority_now(a);
    verifier->job = job->id;
    (void)vc_port_send(&verifier->port, &m, -1); /* when it fails the port is lost, and that answers the job */
    vc_wipe(job->password, sizeof(job->password));
}

static void feed(struct vc_authority *a)
{
    for (uint16_t v = 0; v < VC_AUTHORITY_PEERS_MAX; v++) {
        struct vc_verifier *verifier = &a->verifiers[v];
        struct vc_job *job = vc_port_is_open(&verifier->port) && verifier->job == 0 ? next_waiting(a) : NULL;
        if (job) {
            job->verifier = v;
            begin(a, verifier, job);
        }
    }
}

/** The next ones are expected to take as long as the last ones did. */
static void measure(struct vc_authority *a, const struct vc_job *job)
{
    uint64_t took = vc_authority_now(a) - job->began_ns;
    a->verify_ns = a->verify_ns == 0 ? took : (7 * a->verify_ns + took) / 8;
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
    if (job) {
        measure(a, job);
        answer(a, job, m->VERDICT.ok == 1 ? VC_LOGIN_RIGHT : VC_LOGIN_WRONG);
    }
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
        if (a->jobs[i].id != 0 && by_ns(&a->jobs[i]) < due)
            due = by_ns(&a->jobs[i]);
    }
    return due;
}

void vc_jobs_tick(struct vc_authority *a, uint64_t now_ns)
{
    for (size_t i = 0; i < VC_JOBS_MAX; i++) {
        struct vc_job *j = &a->jobs[i];
        if (j->id == 0 || by_ns(j) > now_ns)
            continue;
        uint16_t verifier = j->running ? j->verifier : VC_NO_TUNNEL;
        if (j->running)
            measure(a, j);
        answer(a, j, verifier != VC_NO_TUNNEL ? VC_LOGIN_DIED : VC_LOGIN_BUSY);
        if (verifier != VC_NO_TUNNEL)
            vc_authority_replace(a, VC_ROLE_VERIFIER, verifier, "no verdict in time");
    }
}
