#include "proto/login_gateway.h"

#include "table.h"

/* VC_STR for static tables, where ISO C wants constants. */
// clang-format off
#define S(text) {.at = (text), .len = sizeof(text) - 1}
// clang-format on

#define SECOND 1000000000ull
#define START (1000 * SECOND)

static const struct vc_login_group two[] = {
    {S("staff-tg"), S("Staff")},
    {S("Guests"), {0}},
};
static const struct vc_login_policy plain = {
    .groups = two, .n_groups = 2, .by_url = true, .config_hash = 1767225600000};
static const struct vc_login_policy with_own = {.groups = two, .n_groups = 2, .own_label = S("Mine"), .by_url = true};
static const struct vc_login_policy no_url = {.groups = two, .n_groups = 2};
static const struct vc_login_policy strict = {.groups = two, .n_groups = 2, .by_url = true, .reject_unknown_url = true};
static const struct vc_login_policy hidden = {.groups = two, .n_groups = 2, .by_url = true, .hide_groups = true};
static const struct vc_login_policy none = {.by_url = true};

static const struct vc_str alices[] = {S("staff-tg"), S("wheel")};
static const struct vc_login_user alice = {.known = true, .usable = true, .groups = alices, .n_groups = 2};

static const struct vc_login_request init = {.kind = VC_AUTH_INIT, .path = S("/")};
static const struct vc_login_request full = {.kind = VC_AUTH_REPLY,
                                             .path = S("/"),
                                             .has_user = true,
                                             .has_password = true,
                                             .user = S("alice"),
                                             .password = S("tr0ut & eel")};

static struct vc_login_request with_handle(struct vc_login_request q, uint64_t handle)
{
    q.has_opaque = true;
    q.opaque = handle;
    return q;
}

/* A login that got as far as @state, under handle 7. */
static struct vc_login at(enum vc_login_state state)
{
    struct vc_login l = {0};
    struct vc_login_out out;
    struct vc_login_request q = with_handle(full, 7);

    if (state == VC_LOGIN_NEW)
        return l;
    vc_login_request(&l, &plain, &init, state == VC_LOGIN_PASSWORD ? 6 : 7, START, &out);
    switch (state) {
    case VC_LOGIN_PASSWORD:
        q.has_password = false;
        vc_login_request(&l, &plain, &q, 7, START, &out);
        break;
    case VC_LOGIN_LOOKUP:
    case VC_LOGIN_CHECKING:
        vc_login_request(&l, &plain, &q, 8, START, &out);
        if (state == VC_LOGIN_CHECKING)
            vc_login_user(&l, &alice);
        break;
    case VC_LOGIN_OVER:
        q.kind = VC_AUTH_LOGOUT;
        vc_login_request(&l, &plain, &q, 8, START, &out);
        break;
    default:
        break;
    }
    assert_int_equal(l.state, state);
    assert_int_equal(l.handle, 7);
    return l;
}

/* ---- every state with every kind of request ---- */

enum input { INIT, EMPTY, USER, PASSWORD, BOTH, OTHER, LOGOUT, N_INPUTS };
static const char *const input_names[] = {"init",  "empty", "user", "password", "both", "another user and password",
                                          "logout"};

static struct vc_login_request request_of(enum input input)
{
    struct vc_login_request q = input == INIT ? init : full;
    q.has_user = input == USER || input == BOTH || input == OTHER;
    q.has_password = input == PASSWORD || input == BOTH || input == OTHER;
    if (input == OTHER)
        q.user = VC_STR("mallory");
    if (input == LOGOUT)
        q.kind = VC_AUTH_LOGOUT;
    return with_handle(q, 7);
}

/* What a request that belongs to no live login gets. */
// clang-format off
#define LOST_INIT  {VC_LOGIN_SHOW, VC_LOGIN_FORM, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_EXPIRED, VC_CAUSE_LOGIN_EXPIRED, false}
#define LOST_REPLY LOST_INIT, LOST_INIT, LOST_INIT, LOST_INIT, LOST_INIT
#define LOST_BYE   {VC_LOGIN_LOGGED_OUT, VC_LOGIN_OVER, VC_LOGIN_NO_FORM, VC_LOGIN_ERROR_NONE, VC_CAUSE_NONE, false}
#define LOST       {LOST_INIT, LOST_REPLY, LOST_BYE}
#define ANEW       {VC_LOGIN_SHOW, VC_LOGIN_FORM, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_NONE, VC_CAUSE_NONE, true}
#define CHECK      {VC_LOGIN_LOOK_UP, VC_LOGIN_LOOKUP, VC_LOGIN_NO_FORM, VC_LOGIN_ERROR_NONE, VC_CAUSE_NONE, false}
#define BYE        {VC_LOGIN_LOGGED_OUT, VC_LOGIN_OVER, VC_LOGIN_NO_FORM, VC_LOGIN_ERROR_NONE, VC_CAUSE_NONE, true}

struct expected {
    enum vc_login_do what;
    enum vc_login_state state; /* afterwards */
    enum vc_login_form form;
    enum vc_login_error error;
    enum vc_cause cause;
    bool drops; /* handle 7 leaves the table */
};

static const struct expected table[VC_N_LOGIN_STATES][N_INPUTS] = {
    [VC_LOGIN_NEW] = LOST,
    [VC_LOGIN_FORM] = {
        ANEW,
        {VC_LOGIN_SHOW, VC_LOGIN_FORM, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_FAILED, VC_CAUSE_CREDENTIALS_MISSING, true},
        {VC_LOGIN_SHOW, VC_LOGIN_PASSWORD, VC_LOGIN_PASSWORD_FORM, VC_LOGIN_ERROR_NONE, VC_CAUSE_NONE, true},
        {VC_LOGIN_SHOW, VC_LOGIN_FORM, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_FAILED, VC_CAUSE_CREDENTIALS_MISSING, true},
        CHECK,
        CHECK,
        BYE,
    },
    [VC_LOGIN_PASSWORD] = {
        ANEW,
        {VC_LOGIN_SHOW, VC_LOGIN_PASSWORD, VC_LOGIN_PASSWORD_FORM, VC_LOGIN_ERROR_FAILED, VC_CAUSE_CREDENTIALS_MISSING, true},
        {VC_LOGIN_SHOW, VC_LOGIN_PASSWORD, VC_LOGIN_PASSWORD_FORM, VC_LOGIN_ERROR_FAILED, VC_CAUSE_CREDENTIALS_MISSING, true},
        CHECK,
        CHECK,
        {VC_LOGIN_SHOW, VC_LOGIN_FORM, VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_FAILED, VC_CAUSE_USER_CHANGED, true},
        BYE,
    },
    [VC_LOGIN_LOOKUP] = LOST,
    [VC_LOGIN_CHECKING] = LOST,
    [VC_LOGIN_OVER] = LOST,
};
// clang-format on

static void assert_step(const char *name, const struct vc_login *l, const struct vc_login_out *out,
                        const struct expected *want, uint64_t drops)
{
    assert_case(name, out->what == want->what);
    assert_case(name, l->state == want->state);
    assert_case(name, out->answer.form == want->form);
    assert_case(name, out->answer.error == want->error);
    assert_case(name, out->cause == want->cause);
    assert_case(name, out->drop == drops);
    if (out->what == VC_LOGIN_SHOW)
        assert_case(name, l->handle == 99 && out->answer.handle == 99);
    else
        assert_case(name, out->answer.handle == 0);
}

static void states(void **state)
{
    (void)state;
    for (int s = VC_LOGIN_NEW; s < VC_N_LOGIN_STATES; s++) {
        for (int i = 0; i < N_INPUTS; i++) {
            const struct expected *want = &table[s][i];
            struct vc_login_request q = request_of((enum input)i);
            struct vc_login_out out;
            char name[80];
            bool waits_for_form = s == VC_LOGIN_FORM || s == VC_LOGIN_PASSWORD;

            (void)snprintf(name, sizeof(name), "state %d, %s", s, input_names[i]);
            struct vc_login l = at((enum vc_login_state)s), before = l;
            vc_login_request(&l, &plain, &q, 99, START + 240 * SECOND - 1, &out);
            assert_step(name, &l, &out, want, want->drops ? 7 : 0);
            if (waits_for_form && want->what != VC_LOGIN_LOGGED_OUT)
                assert_case(name, l.expires_ns == before.expires_ns && l.rounds == before.rounds + 1);

            /* too late: as if it had never been, and the record goes */
            struct vc_login late = at((enum vc_login_state)s);
            vc_login_request(&late, &plain, &q, 99, START + 240 * SECOND, &out);
            assert_step(name, &late, &out, &table[VC_LOGIN_NEW][i], waits_for_form ? 7 : 0);
            assert_case(name, late.tries == 0);

            /* another virtual host's: as if it were not ours, and the record stays */
            struct vc_login foreign = at((enum vc_login_state)s);
            q.vhost = 1;
            vc_login_request(&foreign, &plain, &q, 99, START, &out);
            assert_step(name, &foreign, &out, &table[VC_LOGIN_NEW][i], 0);
            assert_case(name, foreign.vhost == 1);
        }
    }
}

/* ---- every verdict on every kind of user ---- */

static void verdicts(void **state)
{
    static const struct vc_str guests[] = {S("Guests")};
    static const struct {
        const char *name;
        struct vc_login_user user;
        enum vc_cause right, wrong; /* of the step; NONE with right: success */
    } cases[] = {
        {"a member", {true, false, true, alices, 2}, VC_CAUSE_NONE, VC_CAUSE_PASSWORD},
        {"unknown", {0}, VC_CAUSE_NO_SUCH_USER, VC_CAUSE_NO_SUCH_USER},
        {"locked", {true, true, true, alices, 2}, VC_CAUSE_USER_LOCKED, VC_CAUSE_USER_LOCKED},
        {"no hash", {true, false, false, alices, 2}, VC_CAUSE_HASH_UNUSABLE, VC_CAUSE_HASH_UNUSABLE},
        {"another group's", {true, false, true, guests, 1}, VC_CAUSE_NOT_IN_GROUP, VC_CAUSE_PASSWORD},
        {"no group's", {true, false, true, NULL, 0}, VC_CAUSE_NOT_IN_GROUP, VC_CAUSE_PASSWORD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int v = 0; v < VC_N_LOGIN_VERDICTS; v++) {
            for (unsigned tries = 0; tries < VC_LOGIN_TRIES; tries++) {
                struct vc_login l = at(VC_LOGIN_LOOKUP);
                struct vc_login_out out;
                bool in = v == VC_LOGIN_RIGHT && cases[i].right == VC_CAUSE_NONE;
                bool counts = !in && (v == VC_LOGIN_RIGHT || v == VC_LOGIN_WRONG);
                bool last = counts && tries + 1 == VC_LOGIN_TRIES;

                l.tries = tries;
                vc_login_user(&l, &cases[i].user);
                assert_case(cases[i].name, l.state == VC_LOGIN_CHECKING);
                vc_login_verdict(&l, &plain, (enum vc_login_verdict)v, 99, START + SECOND, &out);
                assert_case(cases[i].name, out.drop == 7);
                assert_case(cases[i].name, l.tries == tries + counts);
                assert_case(cases[i].name, (out.what == VC_LOGIN_SUCCESS) == in);
                if (in) {
                    assert_case(cases[i].name, l.state == VC_LOGIN_OVER && out.cause == VC_CAUSE_NONE);
                    assert_string_equal(l.user, "alice");
                    assert_string_equal(l.granted, "staff-tg");
                    continue;
                }
                enum vc_cause cause = v == VC_LOGIN_RIGHT   ? cases[i].right
                                      : v == VC_LOGIN_WRONG ? cases[i].wrong
                                      : v == VC_LOGIN_BUSY  ? VC_CAUSE_VERIFIER_BUSY
                                                            : VC_CAUSE_VERIFIER_DIED;
                assert_case(cases[i].name, out.cause == cause);
                assert_case(cases[i].name, out.then == (last ? VC_CAUSE_TOO_MANY_TRIES : VC_CAUSE_NONE));
                assert_case(cases[i].name, out.what == (last ? VC_LOGIN_REFUSE : VC_LOGIN_SHOW));
                assert_case(cases[i].name, l.state == (last ? VC_LOGIN_OVER : VC_LOGIN_FORM));
                assert_case(cases[i].name, out.answer.error == (counts ? VC_LOGIN_ERROR_FAILED : VC_LOGIN_ERROR_BUSY));
                assert_case(cases[i].name, l.user[0] == '\0' || last);
                assert_case(cases[i].name, l.granted[0] == '\0' || last);
            }
        }
    }
}

/* What a stranger sees of a wrong answer is the same document, whoever the user is. */
static void one_answer(void **state)
{
    static const struct vc_login_user users[] = {
        {true, false, true, alices, 2}, {0}, {true, true, true, alices, 2}, {true, false, true, NULL, 0}};
    char first[4096] = "", doc[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        struct vc_login l = at(VC_LOGIN_LOOKUP);
        struct vc_login_out out;
        struct vc_auth_option options[3];
        struct vc_auth_request r;
        struct vc_writer w = vc_writer_to(doc, sizeof(doc));

        vc_login_user(&l, &users[i]);
        vc_login_verdict(&l, &plain, i == 0 ? VC_LOGIN_WRONG : VC_LOGIN_RIGHT, 99, START, &out);
        vc_login_document(&out.answer, &plain, options, 3, &r);
        vc_auth_request_write(&w, &r);
        assert_true(vc_put_end_text(&w));
        if (i == 0)
            memcpy(first, doc, sizeof(first));
        assert_string_equal(doc, first);
        assert_non_null(strstr(doc, "<error id=\"88\" param1=\"\" param2=\"\">Login failed.</error>"));
    }
}

static void late_verdict(void **state)
{
    struct vc_login l = at(VC_LOGIN_CHECKING);
    struct vc_login_out out;

    (void)state;
    vc_login_verdict(&l, &plain, VC_LOGIN_RIGHT, 99, vc_login_due(&l), &out);
    assert_int_equal(out.what, VC_LOGIN_SHOW);
    assert_int_equal(out.cause, VC_CAUSE_LOGIN_EXPIRED);
    assert_int_equal(out.drop, 7);
    assert_int_equal(l.state, VC_LOGIN_FORM);
    assert_string_equal(l.group, "staff-tg");
    assert_true(vc_login_due(&l) == START + 480 * SECOND);
}

/* A configuration that was read again between two steps: the group is gone. */
static void group_gone(void **state)
{
    static const struct vc_login_policy less = {.groups = two + 1, .n_groups = 1};
    struct vc_login_request q = with_handle(full, 7);
    struct vc_login_out out;

    (void)state;
    struct vc_login l = at(VC_LOGIN_FORM);
    vc_login_request(&l, &less, &q, 99, START, &out);
    assert_int_equal(out.what, VC_LOGIN_SHOW);
    assert_int_equal(out.answer.error, VC_LOGIN_ERROR_EXPIRED);
    assert_string_equal(out.answer.group, "Guests");

    l = at(VC_LOGIN_CHECKING);
    vc_login_verdict(&l, &less, VC_LOGIN_RIGHT, 99, START, &out);
    assert_int_equal(out.what, VC_LOGIN_SHOW);
    assert_int_equal(out.answer.error, VC_LOGIN_ERROR_EXPIRED);
    assert_string_equal(out.answer.group, "Guests");
}

/* ---- limits ---- */

static void rounds(void **state)
{
    struct vc_login l = {0};
    struct vc_login_out out;

    (void)state;
    vc_login_request(&l, &plain, &init, 1, START, &out);
    for (uint64_t n = 2; n <= VC_LOGIN_ROUNDS; n++) {
        struct vc_login_request q = with_handle(n % 2 ? init : full, n - 1);
        q.has_password = false;
        vc_login_request(&l, &plain, &q, n, START, &out);
        assert_int_equal(out.what, VC_LOGIN_SHOW);
        assert_true(out.drop == n - 1);
    }
    struct vc_login_request q = with_handle(init, VC_LOGIN_ROUNDS);
    vc_login_request(&l, &plain, &q, 99, START, &out);
    assert_int_equal(out.what, VC_LOGIN_REFUSE);
    assert_int_equal(out.cause, VC_CAUSE_TOO_MANY_ROUNDS);
    assert_int_equal(out.then, VC_CAUSE_NONE); /* or it would be told twice */
    assert_int_equal(l.state, VC_LOGIN_OVER);
    assert_true(out.drop == VC_LOGIN_ROUNDS);
}

/* Three wrong answers end a login, and no init in between gives new tries. */
static void tries(void **state)
{
    struct vc_login l = {0};
    struct vc_login_out out;
    uint64_t handle = 1;

    (void)state;
    vc_login_request(&l, &plain, &init, handle, START, &out);
    for (unsigned n = 1; n <= VC_LOGIN_TRIES; n++) {
        struct vc_login_request again = with_handle(init, handle), q = with_handle(full, handle + 1);
        vc_login_request(&l, &plain, &again, ++handle, START, &out);
        vc_login_request(&l, &plain, &q, 90, START, &out);
        assert_int_equal(out.what, VC_LOGIN_LOOK_UP);
        vc_login_user(&l, &alice);
        vc_login_verdict(&l, &plain, VC_LOGIN_WRONG, ++handle, START, &out);
        assert_int_equal(out.what, n < VC_LOGIN_TRIES ? VC_LOGIN_SHOW : VC_LOGIN_REFUSE);
    }
}

static void timeouts(void **state)
{
    struct vc_login_policy policy = plain;
    struct vc_login l = {0};
    struct vc_login_out out;

    (void)state;
    vc_login_request(&l, &policy, &init, 1, START, &out);
    assert_true(vc_login_due(&l) == START + 240 * SECOND);
    policy.auth_timeout_s = 30;
    l = (struct vc_login){0};
    vc_login_request(&l, &policy, &init, 1, START, &out);
    assert_true(vc_login_due(&l) == START + 30 * SECOND);
}

static void names(void **state)
{
    char name[VC_LOGIN_NAME_MAX + 2];
    struct vc_login_out out;

    (void)state;
    memset(name, 'u', sizeof(name));
    for (size_t over = 0; over < 2; over++) {
        struct vc_login l = at(VC_LOGIN_FORM);
        struct vc_login_request q = with_handle(full, 7);
        q.user = (struct vc_str){.at = name, .len = VC_LOGIN_NAME_MAX + over};
        vc_login_request(&l, &plain, &q, 99, START, &out);
        assert_int_equal(out.what, over ? VC_LOGIN_SHOW : VC_LOGIN_LOOK_UP);
        assert_int_equal(l.tries, over);
    }
}

/* ---- opaque and cookie ---- */

static void handles(void **state)
{
    static const struct {
        struct vc_login_request q;
        uint64_t handle;
        bool mismatch;
    } cases[] = {
        {{.kind = VC_AUTH_INIT}, 0, false},
        {{.has_opaque = true, .opaque = 5}, 5, false},
        {{.has_cookie = true, .cookie = 6}, 6, false},
        {{.has_opaque = true, .opaque = 5, .has_cookie = true, .cookie = 5}, 5, false},
        {{.has_opaque = true, .opaque = 5, .has_cookie = true, .cookie = 6}, 5, true},
        {{.has_opaque = true, .opaque = 0, .has_cookie = true, .cookie = 6}, 0, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_login l = {0};
        struct vc_login_out out;
        assert_true(vc_login_handle(&cases[i].q) == cases[i].handle);
        vc_login_request(&l, &plain, &cases[i].q, 99, START, &out);
        assert_int_equal(out.state_mismatch, cases[i].mismatch);
        /* only a lost opaque is told to the person: a cookie may be left over */
        assert_int_equal(out.answer.error, cases[i].q.has_opaque ? VC_LOGIN_ERROR_EXPIRED : VC_LOGIN_ERROR_NONE);
    }
}

/* ---- groups ---- */

// clang-format off
static const struct {
    const char *name;
    const struct vc_login_policy *policy;
    const char *path, *access, *select; /* NULL: absent */
    const char *group;                  /* "": the user's own; NULL: refused */
    bool shown, chosen, unknown;
} groups[] = {
    {"nothing said",             &plain,    "/",        "https://gw/",          NULL,       "staff-tg", true,  false, false},
    {"nothing said, own entry",  &with_own, "/",        NULL,                   NULL,       "",         true,  false, false},
    {"nothing configured",       &none,     "/",        "https://gw",           "Staff",    "",         false, false, true},
    {"by label",                 &plain,    "/",        NULL,                   "Staff",    "staff-tg", true,  true,  false},
    {"by name",                  &plain,    "/",        NULL,                   "staff-tg", "staff-tg", true,  true,  false},
    {"by label, any case",       &plain,    "/",        NULL,                   "sTAFF",    "staff-tg", true,  true,  false},
    {"by name, any case",        &plain,    "/",        NULL,                   "GUESTS",   "Guests",   true,  true,  false},
    {"the own entry",            &with_own, "/",        NULL,                   "Mine",     "",         true,  true,  false},
    {"the own entry, any case",  &with_own, "/",        NULL,                   "mine",     "",         true,  true,  false},
    {"no such entry",            &plain,    "/",        NULL,                   "Mine",     "staff-tg", true,  false, true},
    {"empty",                    &plain,    "/",        NULL,                   "",         "staff-tg", true,  false, false},
    {"by path",                  &plain,    "/guests",  NULL,                   NULL,       "Guests",   false, true,  false},
    {"by path with slashes",     &plain,    "//Guests/", NULL,                  NULL,       "Guests",   false, true,  false},
    {"by path and label",        &plain,    "/Staff",   NULL,                   NULL,       "staff-tg", false, true,  false},
    {"path before access",       &plain,    "/Guests",  "https://gw/Staff",     NULL,       "Guests",   false, true,  false},
    {"path before select",       &plain,    "/Guests",  NULL,                   "Staff",    "Guests",   false, true,  false},
    {"by access",                &plain,    "/",        "https://gw:4443/Guests", NULL,     "Guests",   false, true,  false},
    {"access before select",     &plain,    "/",        "HTTPS://gw/Guests/?x#y", "Staff",  "Guests",   false, true,  false},
    {"access decoded once",      &plain,    "/",        "https://gw/%47uest%73", NULL,      "Guests",   false, true,  false},
    {"access not twice",         &plain,    "/",        "https://gw/%2547uests", NULL,      "staff-tg", true,  false, true},
    {"access badly escaped",     &plain,    "/",        "https://gw/Guests%4",  NULL,       "staff-tg", true,  false, true},
    {"access with no hex",       &plain,    "/",        "https://gw/Guests%zz", NULL,       "staff-tg", true,  false, true},
    {"access that ends in %",    &plain,    "/",        "https://gw/Guests%",   NULL,       "staff-tg", true,  false, true},
    {"access with a query only", &plain,    "/",        "https://gw?Guests",    NULL,       "staff-tg", true,  false, false},
    {"access by another scheme", &plain,    "/",        "http://gw/Guests",     NULL,       "staff-tg", true,  false, true},
    {"access too short",         &plain,    "/",        "h",                    NULL,       "staff-tg", true,  false, true},
    {"access empty",             &plain,    "/",        "",                     NULL,       "staff-tg", true,  false, false},
    {"access in the path",       &plain,    "/x",       "https://gw/Guests",    NULL,       "Guests",   false, true,  false},
    {"unknown path",             &plain,    "/nobody",  NULL,                   NULL,       "staff-tg", true,  false, true},
    {"unknown path, select",     &plain,    "/nobody",  NULL,                   "Guests",   "Guests",   true,  true,  true},
    {"reserved /auth",           &strict,   "/auth",    NULL,                   NULL,       "staff-tg", true,  false, false},
    {"reserved /VPN",            &strict,   "/vpn/",    NULL,                   NULL,       "staff-tg", true,  false, false},
    {"reserved /svc",            &strict,   "/svc",     NULL,                   NULL,       "staff-tg", true,  false, false},
    {"reserved /+webvpn+/",      &strict,   "/+webvpn+/index.html", "https://gw/+webvpn+", NULL, "staff-tg", true, false, false},
    {"unknown path refused",     &strict,   "/nobody",  NULL,                   "Guests",   NULL,       false, false, true},
    {"unknown access refused",   &strict,   "/",        "https://gw/nobody",    NULL,       NULL,       false, false, true},
    {"known path not refused",   &strict,   "/Guests",  NULL,                   NULL,       "Guests",   false, true,  false},
    {"no groups by URL",         &no_url,   "/Guests",  "https://gw/Guests",    NULL,       "staff-tg", true,  false, false},
    {"list-groups = false",      &hidden,   "/",        NULL,                   "Guests",   "",         false, false, false},
    {"list-groups = false, URL", &hidden,   "/Guests",  NULL,                   NULL,       "Guests",   false, true,  false},
};
// clang-format on

static void choosing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (int reply = 0; reply < 2; reply++) { /* a lost reply chooses in the same way */
            struct vc_login l = {0};
            struct vc_login_out out;
            struct vc_login_request q = reply ? full : init;
            q.path = vc_str_of(groups[i].path);
            q.has_access = groups[i].access != NULL;
            q.access = vc_str_of(groups[i].access);
            q.has_select = groups[i].select != NULL;
            q.select = vc_str_of(groups[i].select);
            vc_login_request(&l, groups[i].policy, &q, 99, START, &out);
            assert_case(groups[i].name, out.what == (groups[i].group ? VC_LOGIN_SHOW : VC_LOGIN_REFUSE));
            assert_case(groups[i].name, out.group_chosen == groups[i].chosen);
            assert_case(groups[i].name, out.unknown_group == groups[i].unknown);
            assert_case(groups[i].name, out.answer.select == groups[i].shown);
            if (!groups[i].group) {
                assert_case(groups[i].name, out.answer.error == VC_LOGIN_ERROR_HOST && l.state == VC_LOGIN_OVER);
                assert_case(groups[i].name, out.cause == VC_CAUSE_UNKNOWN_GROUP && out.drop == 0);
                continue;
            }
            assert_case(groups[i].name, l.own == (groups[i].group[0] == '\0'));
            assert_string_equal(l.group, groups[i].group);
            assert_string_equal(out.answer.group, groups[i].group);
        }
    }
}

/* Another group in the middle of a login (5.2). */
static void switching(void **state)
{
    struct vc_login_out out;
    struct vc_login_request q = with_handle(init, 7);

    (void)state;
    q.has_select = true;
    q.select = VC_STR("Guests");
    struct vc_login l = at(VC_LOGIN_PASSWORD); /* by init: the same login, another form */
    l.tries = 2;
    vc_login_request(&l, &plain, &q, 99, START, &out);
    assert_int_equal(out.what, VC_LOGIN_SHOW);
    assert_true(out.drop == 7 && out.group_chosen && l.tries == 2);
    assert_string_equal(out.answer.group, "Guests");
    assert_string_equal(l.user, "");

    q = with_handle(full, 7); /* by a reply: switches, and the answer counts */
    q.has_select = true;
    q.select = VC_STR("Guests");
    l = at(VC_LOGIN_FORM);
    vc_login_request(&l, &plain, &q, 99, START, &out);
    assert_int_equal(out.what, VC_LOGIN_LOOK_UP);
    assert_true(out.group_chosen);
    assert_string_equal(l.group, "Guests");
    vc_login_user(&l, &alice);
    assert_int_equal(l.barred, VC_CAUSE_NOT_IN_GROUP);

    q.has_user = q.has_password = false; /* nothing typed yet: the new group's form, without an error */
    l = at(VC_LOGIN_FORM);
    vc_login_request(&l, &plain, &q, 99, START, &out);
    assert_int_equal(out.what, VC_LOGIN_SHOW);
    assert_int_equal(out.answer.error, VC_LOGIN_ERROR_NONE);
    assert_int_equal(out.cause, VC_CAUSE_NONE);
    assert_string_equal(out.answer.group, "Guests");

    q = with_handle(full, 7);
    q.has_select = true;
    q.select = VC_STR("Staff"); /* the same one */
    l = at(VC_LOGIN_FORM);
    vc_login_request(&l, &plain, &q, 99, START, &out);
    assert_true(out.what == VC_LOGIN_LOOK_UP && !out.group_chosen);
    q.select = VC_STR("nobody"); /* remembered from long ago: as if absent */
    l = at(VC_LOGIN_FORM);
    vc_login_request(&l, &plain, &q, 99, START, &out);
    assert_true(out.what == VC_LOGIN_LOOK_UP && !out.group_chosen && out.unknown_group);
    assert_string_equal(l.group, "staff-tg");

    q.select = VC_STR("Guests"); /* the URL decided: a select is not obeyed */
    l = at(VC_LOGIN_FORM);
    l.by_url = true;
    vc_login_request(&l, &plain, &q, 99, START, &out);
    assert_true(out.what == VC_LOGIN_LOOK_UP && !out.group_chosen);
    assert_string_equal(l.group, "staff-tg");
}

/* The entry for the user's own group: the first one of the password file, or none. */
static void own_group(void **state)
{
    static const struct {
        const struct vc_str *groups;
        size_t n_groups;
        const char *granted;
    } cases[] = {{alices, 2, "staff-tg"}, {alices + 1, 1, "wheel"}, {NULL, 0, ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_login l = {0};
        struct vc_login_out out;
        struct vc_login_request q = with_handle(full, 7);
        vc_login_request(&l, &with_own, &init, 7, START, &out);
        vc_login_request(&l, &with_own, &q, 8, START, &out);
        vc_login_user(&l, &(struct vc_login_user){true, false, true, cases[i].groups, cases[i].n_groups});
        assert_int_equal(l.barred, VC_CAUSE_NONE);
        vc_login_verdict(&l, &with_own, VC_LOGIN_RIGHT, 9, START, &out);
        assert_int_equal(out.what, VC_LOGIN_SUCCESS);
        assert_string_equal(l.granted, cases[i].granted);
    }
}

/* ---- documents ---- */

#define HEAD                                                                                                           \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><config-auth client=\"vpn\" type=\"auth-request\" "                     \
    "aggregate-auth-version=\"2\"><version who=\"sg\">1.0(1)</version>"
#define OPAQUE(name, alias, handle, hash)                                                                              \
    "<opaque is-for=\"sg\"><tunnel-group>" name "</tunnel-group><group-alias>" alias                                   \
    "</group-alias><aggauth-handle>" handle "</aggauth-handle><config-hash>" hash "</config-hash></opaque>"
#define PASSWORD_INPUT "<input type=\"password\" name=\"password\" label=\"Password:\"></input>"
#define BOTH_INPUTS "<input type=\"text\" name=\"username\" label=\"Username:\"></input>" PASSWORD_INPUT
#define PLEASE "<auth id=\"main\"><title>Login</title><message>Please enter your username and password.</message>"
#define SELECT "<select name=\"group_list\" label=\"GROUP:\">"
#define TAIL "</form></auth></config-auth>"

static void documents(void **state)
{
    static const struct vc_login_policy banner = {.pre_banner = S("Mind <the> gap")};
    static const struct {
        const struct vc_login_policy *policy;
        struct vc_login_answer answer;
        size_t options;
        const char *doc;
    } cases[] = {
        {&plain,
         {VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_NONE, 44, false, true, "staff-tg"},
         3,
         HEAD OPAQUE("staff-tg", "Staff", "44", "1767225600000") PLEASE
         "<form>" BOTH_INPUTS SELECT "<option value=\"staff-tg\" selected=\"true\">Staff</option>"
         "<option>Guests</option></select>" TAIL},
        {&with_own,
         {VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_EXPIRED, 44, false, true, "Guests"},
         3,
         HEAD OPAQUE("Guests", "Guests", "44", "0") PLEASE
         "<error id=\"0\" param1=\"\" param2=\"\">Login expired, please start again.</error><form>" BOTH_INPUTS SELECT
         "<option selected=\"true\">Guests</option><option>Mine</option>"
         "<option value=\"staff-tg\">Staff</option></select>" TAIL},
        {&with_own,
         {VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_NONE, 44, true, true, ""},
         3,
         HEAD OPAQUE("Mine", "Mine", "44", "0") PLEASE
         "<form>" BOTH_INPUTS SELECT "<option selected=\"true\">Mine</option><option value=\"staff-tg\">"
         "Staff</option><option>Guests</option></select>" TAIL},
        {&with_own,
         {VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_NONE, 44, false, true, "Guests"},
         1, /* room for one: the current group */
         HEAD OPAQUE("Guests", "Guests", "44", "0") PLEASE "<form>" BOTH_INPUTS SELECT
                                                           "<option selected=\"true\">Guests</option></select>" TAIL},
        {&plain,
         {VC_LOGIN_PASSWORD_FORM, VC_LOGIN_ERROR_NONE, 9223372036854775807u, false, false, "Guests"},
         3,
         HEAD OPAQUE("Guests", "Guests", "9223372036854775807",
                     "1767225600000") "<auth id=\"main\"><title>Login</title><message>Please enter your "
                                      "password.</message><form>" PASSWORD_INPUT TAIL},
        {&banner,
         {VC_LOGIN_FIRST_FORM, VC_LOGIN_ERROR_NONE, 1, true, false, ""},
         3,
         HEAD OPAQUE("default", "default", "1", "0") PLEASE
         "<banner>Mind &lt;the&gt; gap</banner><form>" BOTH_INPUTS TAIL},
        {&plain,
         {VC_LOGIN_NO_FORM, VC_LOGIN_ERROR_FAILED, 0, false, false, "Guests"},
         3,
         HEAD
         "<auth id=\"main\"><title>Login</title><error id=\"88\" param1=\"\" param2=\"\">Login failed.</error></auth>"
         "</config-auth>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_auth_option options[3];
        struct vc_auth_request r;
        char doc[4096];
        struct vc_writer w = vc_writer_to(doc, sizeof(doc));
        vc_login_document(&cases[i].answer, cases[i].policy, options, cases[i].options, &r);
        vc_auth_request_write(&w, &r);
        assert_true(vc_put_end_text(&w));
        assert_string_equal(doc, cases[i].doc);
    }
    for (int e = VC_LOGIN_ERROR_FAILED; e < VC_N_LOGIN_ERRORS; e++)
        assert_true(vc_login_error_text((enum vc_login_error)e)[0] != '\0');
}

/* From a client's document to a request. */
static void from_documents(void **state)
{
    static const char doc[] =
        "<config-auth type='auth-reply'><opaque><aggauth-handle>44</aggauth-handle></opaque><auth>"
        "<username> alice</username><answer>12</answer><group_list>Guests</group_list></auth>"
        "<group-access>https://gw/</group-access></config-auth>";
    struct vc_ip source = {.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 1}};
    struct vc_auth_client c;
    struct vc_login_request q;

    (void)state;
    assert_int_equal(vc_auth_xml_read(doc, sizeof(doc) - 1, &c, NULL), 0);
    q = vc_login_request_of(&c, VC_STR("/x"), VC_STR("45"), 3, &source);
    assert_int_equal(q.kind, VC_AUTH_REPLY);
    assert_true(q.has_opaque && q.opaque == 44 && q.has_cookie && q.cookie == 45 && q.vhost == 3);
    assert_true(vc_ip_eq(&q.source, &source));
    assert_true(vc_str_eq(q.path, VC_STR("/x")) && q.has_access && vc_str_eq(q.access, VC_STR("https://gw/")));
    assert_true(q.has_user && vc_str_eq(q.user, VC_STR(" alice")));
    assert_true(q.has_password && vc_str_eq(q.password, VC_STR("12")));
    assert_true(q.has_select && vc_str_eq(q.select, VC_STR("Guests")));

    q = vc_login_request_of(&c, VC_STR("/"), (struct vc_str){0}, 0, &source);
    assert_false(q.has_cookie);
    q = vc_login_request_of(&c, VC_STR("/"), VC_STR("zzz"), 0, &source);
    assert_true(q.has_cookie && q.cookie == 0);
    vc_auth_xml_wipe(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),       cmocka_unit_test(verdicts),   cmocka_unit_test(one_answer),
        cmocka_unit_test(late_verdict), cmocka_unit_test(group_gone), cmocka_unit_test(rounds),
        cmocka_unit_test(tries),        cmocka_unit_test(timeouts),   cmocka_unit_test(names),
        cmocka_unit_test(handles),      cmocka_unit_test(choosing),   cmocka_unit_test(switching),
        cmocka_unit_test(own_group),    cmocka_unit_test(documents),  cmocka_unit_test(from_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
