#include "proto/login_gateway.h"

#include <assert.h>

#define NS 1000000000ull
#define AUTH_TIMEOUT_S 240

static const char no_group[] = "default"; /* tunnel-group and group-alias where nothing is configured */

/* ---- errors ---- */

static const struct {
    unsigned id; /* of a translation, as Cisco's gateways number them (4.4); 0: none is known */
    const char *text;
} errors[] = {
    [VC_LOGIN_ERROR_NONE] = {0, ""},
    [VC_LOGIN_ERROR_FAILED] = {88, "Login failed."},
    [VC_LOGIN_ERROR_EXPIRED] = {0, "Login expired, please start again."},
    [VC_LOGIN_ERROR_BUSY] = {0, "The gateway is busy, please try again."},
    [VC_LOGIN_ERROR_HOST] = {0, "Invalid host entry. Please re-enter."},
    [VC_LOGIN_ERROR_FULL] = {0, "The gateway is full, please try again later."},
    [VC_LOGIN_ERROR_TOO_MANY] = {0, "Too many sessions of this user, end another one first."},
    [VC_LOGIN_ERROR_SETTINGS] = {0, "Your settings could not be read, please tell the administrator."},
};
_Static_assert(sizeof(errors) / sizeof(errors[0]) == VC_N_LOGIN_ERRORS, "every error has a text");

const char *vc_login_error_text(enum vc_login_error error)
{
    return errors[error].text;
}

/* ---- groups ---- */

static struct vc_str label_of(const struct vc_login_group *g)
{
    return g->label.len > 0 ? g->label : g->name;
}

int vc_login_group_find(const struct vc_login_policy *policy, struct vc_str s)
{
    static bool (*const same[])(struct vc_str, struct vc_str) = {vc_str_eq, vc_str_ieq};

    for (size_t round = 0; s.len > 0 && round < 2; round++) {
        if (policy->own_label.len > 0 && same[round](s, policy->own_label))
            return (int)policy->n_groups;
        for (size_t i = 0; i < policy->n_groups; i++)
            if (same[round](s, label_of(&policy->groups[i])))
                return (int)i;
        for (size_t i = 0; i < policy->n_groups; i++)
            if (same[round](s, policy->groups[i].name))
                return (int)i;
    }
    return -1;
}

static void set_group(struct vc_login *l, const struct vc_login_policy *policy, int group)
{
    l->own = (size_t)group == policy->n_groups;
    l->group[0] = '\0';
    if (!l->own)
        (void)vc_str_copy(policy->groups[group].name, l->group, sizeof(l->group));
}

/* The entry of the record's group now; -1: it is gone since the configuration was read again. */
static int current_group(const struct vc_login_policy *policy, bool own, const char *name)
{
    if (own)
        return (int)policy->n_groups;
    for (size_t i = 0; i < policy->n_groups; i++)
        if (vc_str_eq(policy->groups[i].name, vc_str_of(name)))
            return (int)i;
    return -1;
}

static int default_group(const struct vc_login_policy *policy)
{
    bool first_shown = policy->own_label.len == 0 && !policy->hide_groups && policy->n_groups > 0;
    return first_shown ? 0 : (int)policy->n_groups;
}

static bool obeys_select(const struct vc_login_policy *policy, const struct vc_login_request *q)
{
    return q->has_select && q->select.len > 0 && !policy->hide_groups;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The path of https://host[:port]/path?query, percent-decoded once; what no group can be called gives "?". */
static struct vc_str access_path(struct vc_str url, char *buf, size_t cap)
{
    const struct vc_str scheme = VC_STR("https://"), impossible = VC_STR("?");
    size_t n = 0, i = 0;

    if (!vc_str_istarts(url, scheme))
        return url.len == 0 ? url : impossible;
    for (i = scheme.len; i < url.len && url.at[i] != '/'; i++)
        if (url.at[i] == '?' || url.at[i] == '#')
            return (struct vc_str){0};
    for (; i < url.len && url.at[i] != '?' && url.at[i] != '#'; i++) {
        char c = url.at[i];
        if (c == '%') {
            int high = url.len - i > 2 ? hex_digit(url.at[i + 1]) : -1;
            int low = url.len - i > 2 ? hex_digit(url.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return impossible;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (n == cap)
            return impossible;
        buf[n++] = c;
    }
    return (struct vc_str){.at = buf, .len = n};
}

static struct vc_str without_slashes(struct vc_str path)
{
    while (path.len > 0 && path.at[0] == '/') {
        path.at++;
        path.len--;
    }
    while (path.len > 0 && path.at[path.len - 1] == '/')
        path.len--;
    return path;
}

static bool never_a_group(struct vc_str path)
{
    return path.len == 0 || vc_str_ieq(path, VC_STR("auth")) || vc_str_ieq(path, VC_STR("VPN")) ||
           vc_str_ieq(path, VC_STR("svc")) || vc_str_ieq(path, VC_STR("+webvpn+")) ||
           vc_str_istarts(path, VC_STR("+webvpn+/"));
}

/* Finds the group of a request that begins a login, or begins it anew (5.1). False: unknown-url = reject. */
static bool choose(struct vc_login *l, const struct vc_login_policy *policy, const struct vc_login_request *q,
                   struct vc_login_out *out)
{
    char decoded[VC_LOGIN_NAME_MAX + 2];
    struct vc_str paths[] = {q->path,
                             q->has_access ? access_path(q->access, decoded, sizeof(decoded)) : (struct vc_str){0}};
    bool unknown_url = false;

    for (size_t i = 0; i < 2; i++) {
        struct vc_str path = without_slashes(paths[i]);
        if (never_a_group(path))
            continue;
        int group = policy->by_url ? vc_login_group_find(policy, path) : -1;
        if (group >= 0) {
            set_group(l, policy, group);
            l->by_url = true;
            out->group_chosen = true;
            return true;
        }
        unknown_url = true;
    }
    l->by_url = false;
    if (unknown_url) {
        out->unknown_group = policy->by_url;
        if (policy->reject_unknown_url)
            return false;
    }
    int group = obeys_select(policy, q) ? vc_login_group_find(policy, q->select) : -1;
    if (group >= 0)
        out->group_chosen = true;
    else if (obeys_select(policy, q))
        out->unknown_group = true;
    set_group(l, policy, group >= 0 ? group : default_group(policy));
    return true;
}

/* ---- answers ---- */

static void answer(struct vc_login *l, const struct vc_login_policy *policy, enum vc_login_form form,
                   enum vc_login_error error, struct vc_login_out *out)
{
    bool entries = policy->n_groups > 0 || policy->own_label.len > 0;

    out->answer = (struct vc_login_answer){
        .form = form,
        .error = error,
        .handle = form == VC_LOGIN_NO_FORM ? 0 : l->handle,
        .own = l->own,
        .select = form == VC_LOGIN_FIRST_FORM && entries && !policy->hide_groups && !l->by_url,
    };
    memcpy(out->answer.group, l->group, sizeof(l->group));
}

/* A form goes out: the record moves to the fresh handle. */
static void show(struct vc_login *l, const struct vc_login_policy *policy, enum vc_login_form form,
                 enum vc_login_error error, uint64_t fresh, struct vc_login_out *out)
{
    assert(fresh > 0 && fresh <= INT64_MAX);
    if (l->handle != 0)
        out->drop = l->handle;
    l->handle = fresh;
    l->state = form == VC_LOGIN_FIRST_FORM ? VC_LOGIN_FORM : VC_LOGIN_PASSWORD;
    if (form == VC_LOGIN_FIRST_FORM)
        l->user[0] = '\0'; /* the form asks for it again, and a person may correct it */
    l->granted[0] = '\0';
    l->barred = VC_CAUSE_NONE;
    out->what = VC_LOGIN_SHOW;
    answer(l, policy, form, error, out);
}

static void end(struct vc_login *l, enum vc_login_do what, struct vc_login_out *out)
{
    if (l->handle != 0)
        out->drop = l->handle;
    l->state = VC_LOGIN_OVER;
    out->what = what;
}

static void refuse(struct vc_login *l, const struct vc_login_policy *policy, enum vc_login_error error,
                   struct vc_login_out *out)
{
    end(l, VC_LOGIN_REFUSE, out);
    answer(l, policy, VC_LOGIN_NO_FORM, error, out);
}

static void wrong(struct vc_login *l, const struct vc_login_policy *policy, enum vc_cause cause, uint64_t fresh,
                  struct vc_login_out *out)
{
    out->cause = cause;
    if (++l->tries >= VC_LOGIN_TRIES) {
        out->then = VC_CAUSE_TOO_MANY_TRIES;
        refuse(l, policy, VC_LOGIN_ERROR_FAILED, out);
        return;
    }
    show(l, policy, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_FAILED, fresh, out);
}

static void begin(struct vc_login *l, const struct vc_login_policy *policy, uint32_t vhost, const struct vc_ip *source,
                  uint64_t now_ns)
{
    uint64_t timeout_s = policy->auth_timeout_s > 0 ? policy->auth_timeout_s : AUTH_TIMEOUT_S;

    *l = (struct vc_login){
        .state = VC_LOGIN_FORM,
        .vhost = vhost,
        .created_ns = now_ns,
        .expires_ns = now_ns + timeout_s * NS,
        .rounds = 1,
        .source = *source,
    };
}

/* ---- requests ---- */

struct vc_login_request vc_login_request_of(const struct vc_auth_client *c, struct vc_str path, struct vc_str cookie,
                                            uint32_t vhost, const struct vc_ip *source)
{
    bool select = vc_auth_has(c, VC_AUTH_GROUP_SELECT);
    bool password = vc_auth_has(c, VC_AUTH_PASSWORD);

    return (struct vc_login_request){
        .kind = c->kind,
        .vhost = vhost,
        .source = *source,
        .has_opaque = c->opaque,
        .has_cookie = cookie.at != NULL,
        .opaque = vc_auth_handle_parse(vc_str_of(c->aggauth_handle)),
        .cookie = vc_auth_handle_parse(cookie),
        .path = path,
        .has_access = vc_auth_has(c, VC_AUTH_GROUP_ACCESS),
        .access = vc_str_of(c->group_access),
        .has_select = select || vc_auth_has(c, VC_AUTH_GROUP_LIST),
        .select = vc_str_of(select ? c->group_select : c->group_list),
        .has_user = vc_auth_has(c, VC_AUTH_USERNAME),
        .user = vc_str_of(c->username),
        .has_password = password || vc_auth_has(c, VC_AUTH_ANSWER),
        .password = vc_str_of(password ? c->password : c->answer),
    };
}

uint64_t vc_login_handle(const struct vc_login_request *q)
{
    if (q->has_opaque)
        return q->opaque;
    return q->has_cookie ? q->cookie : 0;
}

/* The request belongs to this record and may move it. What does not, begins anew; a record that expired is dropped, one
 * that is another's, or that waits for its verdict, stays as it is in the owner's table. */
static bool is_live(const struct vc_login *l, const struct vc_login_request *q, uint64_t now_ns,
                    struct vc_login_out *out)
{
    switch (l->state) {
    case VC_LOGIN_NEW:
    case VC_LOGIN_LOOKUP:
    case VC_LOGIN_CHECKING:
    case VC_LOGIN_OVER:
        return false;
    case VC_LOGIN_FORM:
    case VC_LOGIN_PASSWORD:
    case VC_N_LOGIN_STATES:
        break;
    }
    if (l->vhost != q->vhost)
        return false;
    if (now_ns >= l->expires_ns) {
        out->drop = l->handle;
        return false;
    }
    return true;
}

static void take_init(struct vc_login *l, const struct vc_login_policy *policy, const struct vc_login_request *q,
                      bool live, uint64_t fresh, struct vc_login_out *out)
{
    bool lost = !live && q->has_opaque; /* a cookie alone may be left over from a login long past */

    if (!choose(l, policy, q, out)) {
        out->cause = VC_CAUSE_UNKNOWN_GROUP;
        refuse(l, policy, VC_LOGIN_ERROR_HOST, out);
        return;
    }
    if (lost)
        out->cause = VC_CAUSE_LOGIN_EXPIRED;
    show(l, policy, VC_LOGIN_FIRST_FORM, lost ? VC_LOGIN_ERROR_EXPIRED : VC_LOGIN_ERROR_NONE, fresh, out);
}

/* An auth-reply that names another group than its record (5.2): all groups have the same inputs, so it just switches.
 */
static bool take_switch(struct vc_login *l, const struct vc_login_policy *policy, const struct vc_login_request *q,
                        struct vc_login_out *out)
{
    if (l->by_url || !obeys_select(policy, q))
        return false;
    int group = vc_login_group_find(policy, q->select);
    if (group < 0) {
        out->unknown_group = true;
        return false;
    }
    if (group == current_group(policy, l->own, l->group))
        return false;
    set_group(l, policy, group);
    out->group_chosen = true;
    return true;
}

static void take_reply(struct vc_login *l, const struct vc_login_policy *policy, const struct vc_login_request *q,
                       uint64_t fresh, struct vc_login_out *out)
{
    bool first = l->state == VC_LOGIN_FORM;
    bool user = q->has_user && q->user.len > 0;

    bool switched = take_switch(l, policy, q, out);
    if (current_group(policy, l->own, l->group) < 0) { /* taken out of the configuration meanwhile */
        set_group(l, policy, default_group(policy));
        out->cause = VC_CAUSE_LOGIN_EXPIRED;
        show(l, policy, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_EXPIRED, fresh, out);
        return;
    }
    if (first && !user) {
        if (!switched)
            out->cause = VC_CAUSE_CREDENTIALS_MISSING;
        show(l, policy, VC_LOGIN_FIRST_FORM, switched ? VC_LOGIN_ERROR_NONE : VC_LOGIN_ERROR_FAILED, fresh, out);
        return;
    }
    if (first && !vc_str_copy(q->user, l->user, sizeof(l->user))) { /* the reader refuses such names already */
        wrong(l, policy, VC_CAUSE_PASSWORD, fresh, out);
        return;
    }
    if (!first && user && !vc_str_eq(q->user, vc_str_of(l->user))) {
        wrong(l, policy, VC_CAUSE_USER_CHANGED, fresh, out);
        return;
    }
    if (!q->has_password) {
        if (!first)
            out->cause = VC_CAUSE_CREDENTIALS_MISSING;
        show(l, policy, VC_LOGIN_PASSWORD_FORM, first ? VC_LOGIN_ERROR_NONE : VC_LOGIN_ERROR_FAILED, fresh, out);
        return;
    }
    l->state = VC_LOGIN_LOOKUP;
    out->what = VC_LOGIN_LOOK_UP;
}

void vc_login_request(struct vc_login *l, const struct vc_login_policy *policy, const struct vc_login_request *q,
                      uint64_t fresh, uint64_t now_ns, struct vc_login_out *out)
{
    *out = (struct vc_login_out){0};
    out->state_mismatch = q->has_opaque && q->has_cookie && q->opaque != q->cookie;

    bool live = is_live(l, q, now_ns, out);
    if (!live)
        begin(l, policy, q->vhost, &q->source, now_ns);
    else if (++l->rounds > VC_LOGIN_ROUNDS && q->kind != VC_AUTH_LOGOUT) {
        out->cause = VC_CAUSE_TOO_MANY_ROUNDS;
        refuse(l, policy, VC_LOGIN_ERROR_FAILED, out);
        return;
    }
    switch (q->kind) {
    case VC_AUTH_LOGOUT:
        end(l, VC_LOGIN_LOGGED_OUT, out);
        return;
    case VC_AUTH_INIT:
        take_init(l, policy, q, live, fresh, out);
        return;
    case VC_AUTH_REPLY:
        if (live) {
            take_reply(l, policy, q, fresh, out);
            return;
        }
        if (!choose(l, policy, q, out)) {
            out->cause = VC_CAUSE_UNKNOWN_GROUP;
            refuse(l, policy, VC_LOGIN_ERROR_HOST, out);
            return;
        }
        out->cause = VC_CAUSE_LOGIN_EXPIRED;
        show(l, policy, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_EXPIRED, fresh, out);
        return;
    }
}

/* ---- the check ---- */

static enum vc_cause bar(struct vc_login *l, const struct vc_login_user *user)
{
    if (!user->known)
        return VC_CAUSE_NO_SUCH_USER;
    if (user->locked)
        return VC_CAUSE_USER_LOCKED;
    if (!user->usable)
        return VC_CAUSE_HASH_UNUSABLE;
    if (l->own) { /* as in ocserv: the first group of the file, or none */
        if (user->n_groups > 0 && !vc_str_copy(user->groups[0], l->granted, sizeof(l->granted)))
            return VC_CAUSE_NOT_IN_GROUP;
        return VC_CAUSE_NONE;
    }
    for (size_t i = 0; i < user->n_groups; i++) {
        if (vc_str_eq(user->groups[i], vc_str_of(l->group))) {
            memcpy(l->granted, l->group, sizeof(l->granted));
            return VC_CAUSE_NONE;
        }
    }
    return VC_CAUSE_NOT_IN_GROUP;
}

void vc_login_user(struct vc_login *l, const struct vc_login_user *user)
{
    assert(l->state == VC_LOGIN_LOOKUP);
    l->granted[0] = '\0';
    l->barred = bar(l, user);
    l->state = VC_LOGIN_CHECKING;
}

void vc_login_verdict(struct vc_login *l, const struct vc_login_policy *policy, enum vc_login_verdict verdict,
                      uint64_t fresh, uint64_t now_ns, struct vc_login_out *out)
{
    assert(l->state == VC_LOGIN_CHECKING);
    *out = (struct vc_login_out){0};

    if (current_group(policy, l->own, l->group) < 0 || now_ns >= l->expires_ns) {
        struct vc_login old = *l;
        begin(l, policy, old.vhost, &old.source, now_ns);
        l->handle = old.handle; /* so that show() drops it */
        l->by_url = old.by_url;
        set_group(l, policy, default_group(policy));
        if (current_group(policy, old.own, old.group) >= 0)
            set_group(l, policy, current_group(policy, old.own, old.group));
        out->cause = VC_CAUSE_LOGIN_EXPIRED;
        show(l, policy, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_EXPIRED, fresh, out);
        return;
    }
    switch (verdict) {
    case VC_LOGIN_RIGHT:
        if (l->barred == VC_CAUSE_NONE)
            end(l, VC_LOGIN_SUCCESS, out);
        else
            wrong(l, policy, l->barred, fresh, out);
        return;
    case VC_LOGIN_WRONG: /* of one in another group no more is known than that the password is wrong */
        wrong(l, policy,
              l->barred == VC_CAUSE_NONE || l->barred == VC_CAUSE_NOT_IN_GROUP ? VC_CAUSE_PASSWORD : l->barred, fresh,
              out);
        return;
    case VC_LOGIN_BUSY:
    case VC_LOGIN_DIED:
    case VC_N_LOGIN_VERDICTS:
        out->cause = verdict == VC_LOGIN_BUSY ? VC_CAUSE_VERIFIER_BUSY : VC_CAUSE_VERIFIER_DIED;
        show(l, policy, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_BUSY, fresh, out);
        return;
    }
}

uint64_t vc_login_due(const struct vc_login *l)
{
    return l->expires_ns;
}

/* ---- the document ---- */

static const struct vc_auth_input inputs[] = {
    {.type = VC_AUTH_INPUT_TEXT, .name = "username", .label = "Username:"},
    {.type = VC_AUTH_INPUT_PASSWORD, .name = "password", .label = "Password:"},
};

void vc_login_document(const struct vc_login_answer *a, const struct vc_login_policy *policy,
                       struct vc_auth_option *options, size_t n_options, struct vc_auth_request *doc)
{
    int current = current_group(policy, a->own, a->group);
    struct vc_str alias = policy->own_label.len > 0 ? policy->own_label : vc_str_of(no_group), name = alias;

    *doc = (struct vc_auth_request){
        .id = "main",
        .title = VC_STR("Login"),
        .error = {.text = vc_str_of(errors[a->error].text), .id = errors[a->error].id, .numbered = true},
    };
    if (a->form == VC_LOGIN_NO_FORM)
        return;
    if (!a->own) {
        name = vc_str_of(a->group);
        alias = current >= 0 ? label_of(&policy->groups[current]) : name;
    }
    bool first = a->form == VC_LOGIN_FIRST_FORM;
    doc->opaque = true;
    doc->tunnel_group = name;
    doc->group_alias = alias;
    doc->handle = a->handle;
    doc->config_hash = policy->config_hash;
    doc->message.text =
        first ? VC_STR("Please enter your username and password.") : VC_STR("Please enter your password.");
    doc->banner = policy->pre_banner;
    doc->form = true;
    doc->inputs = first ? &inputs[0] : &inputs[1];
    doc->n_inputs = first ? 2 : 1;
    if (!a->select || n_options == 0)
        return;

    /* the current one first, then the user's own, then the rest in the order of the configuration */
    size_t n = 0;
    doc->options = options;
    options[n++] = (struct vc_auth_option){.value = name, .label = alias, .selected = true};
    if (!a->own && policy->own_label.len > 0 && n < n_options)
        options[n++] = (struct vc_auth_option){.value = policy->own_label, .label = policy->own_label};
    for (size_t i = 0; i < policy->n_groups && n < n_options; i++) {
        const struct vc_login_group *g = &policy->groups[i];
        if ((int)i != current || a->own)
            options[n++] = (struct vc_auth_option){.value = g->name, .label = label_of(g)};
    }
    doc->n_options = n;
}
