/* A script of requests, verdicts and time against a table of four records, kept as the header says an owner keeps it.
 * Whatever the script: never a success without a RIGHT for a user who may, in time and within three tries; never a
 * fourth wrong answer, never a 33rd round; one record a handle; a refusal has no form; what is shown is a document that
 * names a handle which then exists. */
#include "proto/login_gateway.h"

#include "base/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

#define N 4
#define SECOND 1000000000ull

struct owner {
    struct vc_login records[N];
    uint64_t next_handle, now_ns;
};

static struct vc_login *find(struct owner *o, uint64_t handle)
{
    for (size_t i = 0; handle != 0 && i < N; i++)
        if (o->records[i].handle == handle)
            return &o->records[i];
    return NULL;
}

static void store(struct owner *o, const struct vc_login *l, const struct vc_login_out *out)
{
    struct vc_login *old = find(o, out->drop);
    must(out->drop == 0 || old);
    if (old)
        *old = (struct vc_login){0};
    if (l->state == VC_LOGIN_OVER)
        return;
    must(l->handle != 0);
    struct vc_login *place = find(o, l->handle);
    for (size_t i = 0; !place && i < N; i++)
        if (o->records[i].handle == 0)
            place = &o->records[i];
    if (!place) /* full: the oldest makes room */
        place = &o->records[o->next_handle % N];
    *place = *l;
}

static void check(struct owner *o, const struct vc_login_policy *policy, const struct vc_login *l,
                  const struct vc_login_out *out)
{
    static char doc[65536];
    struct vc_auth_option options[4];
    struct vc_auth_request r;
    struct vc_writer w = vc_writer_to(doc, sizeof(doc));

    must(l->tries <= VC_LOGIN_TRIES && l->rounds <= VC_LOGIN_ROUNDS + 1);
    must(out->cause != VC_CAUSE_UNKNOWN);
    must(memchr(l->user, 0, sizeof(l->user)) && memchr(l->group, 0, sizeof(l->group)));
    switch (out->what) {
    case VC_LOGIN_SHOW:
        must(l->state == VC_LOGIN_FORM || l->state == VC_LOGIN_PASSWORD);
        must(l->tries < VC_LOGIN_TRIES && l->rounds <= VC_LOGIN_ROUNDS);
        must(out->answer.form != VC_LOGIN_NO_FORM && out->answer.handle == l->handle && find(o, l->handle));
        must(l->expires_ns > o->now_ns);
        break;
    case VC_LOGIN_REFUSE:
        must(l->state == VC_LOGIN_OVER && out->cause != VC_CAUSE_NONE);
        must(out->answer.form == VC_LOGIN_NO_FORM && out->answer.error != VC_LOGIN_ERROR_NONE);
        must(out->answer.handle == 0 && !out->answer.select);
        break;
    case VC_LOGIN_LOOK_UP:
        must(l->state == VC_LOGIN_LOOKUP && l->user[0] != '\0' && find(o, l->handle) && out->drop == 0);
        return;
    case VC_LOGIN_SUCCESS:
    case VC_LOGIN_LOGGED_OUT:
        must(l->state == VC_LOGIN_OVER && out->cause == VC_CAUSE_NONE);
        return;
    }
    vc_login_document(&out->answer, policy, options, 4, &r);
    vc_auth_request_write(&w, &r);
    must(!w.bad && r.form == (out->what == VC_LOGIN_SHOW) && r.opaque == r.form);
    must(r.n_options == 0 || r.options[0].selected);
}

static struct vc_str text(struct vc_reader *r)
{
    static const struct {
        const char *at;
        size_t len;
    } words[] = {{"alice", 5},    {"bob", 3},      {"Staff", 5},
                 {"staff-tg", 8}, {"/Guests/", 8}, {"https://gw/%47uests?x", 21},
                 {"Mine", 4},     {"/", 1},        {"", 0}};
    uint8_t which = vc_take_u8(r);
    if (which < sizeof(words) / sizeof(words[0]))
        return (struct vc_str){.at = words[which].at, .len = words[which].len};
    size_t n = which % 64;
    n = n < r->left ? n : r->left;
    return (struct vc_str){.at = (const char *)vc_take(r, n), .len = n};
}

static uint64_t handle(struct owner *o, struct vc_reader *r)
{
    uint8_t back = vc_take_u8(r);
    return back < o->next_handle ? o->next_handle - back : back; /* one of the last, or never given */
}

static void request(struct owner *o, const struct vc_login_policy *policy, struct vc_reader *r, uint8_t flags)
{
    struct vc_login_request q = {.kind = (enum vc_auth_kind)(flags % 3), .vhost = flags >> 7};
    struct vc_login_out out;

    uint8_t has = vc_take_u8(r);
    q.has_opaque = has & 1;
    q.has_cookie = has & 2;
    q.has_access = has & 4;
    q.has_select = has & 8;
    q.has_user = has & 16;
    q.has_password = has & 32;
    q.opaque = q.has_opaque ? handle(o, r) : 0;
    q.cookie = q.has_cookie ? handle(o, r) : 0;
    q.path = has & 64 ? text(r) : VC_STR("/");
    q.access = q.has_access ? text(r) : (struct vc_str){0};
    q.select = q.has_select ? text(r) : (struct vc_str){0};
    q.user = q.has_user ? text(r) : (struct vc_str){0};

    struct vc_login *found = find(o, vc_login_handle(&q)), before = {0};
    if (found)
        before = *found;
    struct vc_login l = before;
    vc_login_request(&l, policy, &q, ++o->next_handle, o->now_ns, &out);
    must(out.what != VC_LOGIN_SUCCESS); /* only a verdict can */
    must(l.rounds > before.rounds || l.rounds == 1);
    if (before.state == VC_LOGIN_LOOKUP || before.state == VC_LOGIN_CHECKING)
        must(out.drop == 0 && l.handle != before.handle);
    store(o, &l, &out);
    check(o, policy, &l, &out);
}

/* Answers every login that waits, each by the next byte of the script. */
static void answer(struct owner *o, const struct vc_login_policy *policy, struct vc_reader *r)
{
    static const struct vc_str in[] = {{"staff-tg", 8}, {"Guests", 6}};

    for (size_t i = 0; i < N; i++) {
        struct vc_login l = o->records[i], before = l;
        struct vc_login_out out;
        uint8_t how = vc_take_u8(r);
        struct vc_login_user user = {how & 16, how & 32, how & 64, in + (how >> 7), how & 4 ? 1 : 0};

        if (l.state == VC_LOGIN_LOOKUP) {
            vc_login_user(&l, &user);
            must(l.state == VC_LOGIN_CHECKING);
            bool may = user.known && !user.locked && user.usable &&
                       (l.own || (user.n_groups > 0 && vc_str_eq(user.groups[0], vc_str_of(l.group))));
            must((l.barred == VC_CAUSE_NONE) == may);
            o->records[i] = l;
        } else if (l.state == VC_LOGIN_CHECKING) {
            enum vc_login_verdict verdict = (enum vc_login_verdict)(how % VC_N_LOGIN_VERDICTS);
            vc_login_verdict(&l, policy, verdict, ++o->next_handle, o->now_ns, &out);
            must(out.drop == before.handle);
            if (out.what == VC_LOGIN_SUCCESS) {
                must(verdict == VC_LOGIN_RIGHT && before.barred == VC_CAUSE_NONE);
                must(before.tries < VC_LOGIN_TRIES && before.expires_ns > o->now_ns);
                must(before.own || strcmp(l.granted, before.group) == 0);
            }
            store(o, &l, &out);
            check(o, policy, &l, &out);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vc_login_group two[] = {{{"staff-tg", 8}, {"Staff", 5}}, {{"Guests", 6}, {NULL, 0}}};
    struct vc_reader r = vc_reader_of(data, size);
    struct owner o = {.next_handle = 1, .now_ns = SECOND};

    uint8_t set = vc_take_u8(&r);
    struct vc_login_policy policy = {
        .groups = two,
        .n_groups = set % 3,
        .own_label = set & 4 ? VC_STR("Mine") : (struct vc_str){0},
        .by_url = set & 8,
        .hide_groups = set & 16,
        .reject_unknown_url = set & 32,
        .auth_timeout_s = set & 64 ? 30 : 0,
    };
    while (r.left > 0 && o.next_handle < 1000) {
        uint8_t step = vc_take_u8(&r);
        if (step < 0x20)
            o.now_ns += step * SECOND * 5;
        else if (step < 0x60)
            answer(&o, &policy, &r);
        else if (step == 0x60)
            policy.n_groups = 2 - policy.n_groups; /* the configuration was read again */
        else
            request(&o, &policy, &r, step);
        for (size_t i = 0; i < N; i++)
            if (o.records[i].handle != 0 && vc_login_due(&o.records[i]) + 60 * SECOND < o.now_ns)
                o.records[i] = (struct vc_login){0};
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < i; j++)
                must(o.records[i].handle == 0 || o.records[i].handle != o.records[j].handle);
    }
    return 0;
}
