/* What a request means: pages, forms, logins, log-offs. The authority decides; this file asks it and writes what it
 * decided. */
#include "gateway/portal/portal.h"

#include "crypto/wipe.h"
#include "wire/cookie.h"
#include "wire/stub_pages.h"

#define COOKIES_MAX 4

static void refused(struct vc_conn *c, enum vc_event_id id, const struct vc_fail *fail, int status)
{
    struct vc_event e = vc_conn_event(c, id, VC_OUTCOME_REFUSED);
    e.fail = *fail;
    vc_event_number(&e, VC_FIELD_STATUS, (uint64_t)status);
    vc_child_emit(&c->portal->child, &e);
}

void vc_request_status(struct vc_conn *c, int status, const char *reason, const char *x_reason, bool close)
{
    struct vc_http_extra extra[2];
    struct vc_http_answer a = {.status = status, .reason = reason, .close = close, .extra = extra};
    if (status == 405)
        extra[a.n_extra++] = (struct vc_http_extra){"Allow", VC_STR(VC_PAGE_ALLOW)};
    if (x_reason)
        extra[a.n_extra++] = (struct vc_http_extra){"X-Reason", vc_str_of(x_reason)};
    vc_conn_answer(c, &a);
}

/** Asks the authority. Without one the request waits for the next one; the client is told to come again when it fails.
 */
static void ask(struct vc_conn *c, const struct vc_msg *m)
{
    if (vc_conn_waits(c))
        return;
    if (vc_port_send(&c->portal->authority, m, -1) != 0) {
        struct vc_fail fail;
        vc_fail_set(&fail, VC_CAUSE_AUTHORITY_SILENT, 0, "it is being started again");
        refused(c, VC_EVENT_HTTP_REFUSED, &fail, 503);
        vc_request_status(c, 503, NULL, "The gateway is busy, try again", true);
        return;
    }
    c->state = VC_CONN_ASKED;
    vc_watch_set(&c->watch, false, false);
}

static void ask_logout(struct vc_conn *c, struct vc_str token_text)
{
    uint8_t token[VC_TOKEN_LEN];
    if (!vc_cookie_token_read(token_text, token)) {
        vc_request_logged_out(c); /* nothing to end; the answer is the same */
        return;
    }
    struct vc_msg m = {.type = VC_IPC_LOGOUT, .LOGOUT = {.conn = c->id, .token = {.at = token, .len = sizeof(token)}}};
    ask(c, &m);
    vc_wipe(token, sizeof(token));
}

static struct vc_str agent_of(const struct vc_http_request *req)
{
    struct vc_str agent;
    (void)vc_http_header_of(req, VC_STR("User-Agent"), &agent);
    if (agent.len > 64)
        agent.len = 64;
    for (size_t i = 0; i < agent.len; i++) {
        if (agent.at[i] < 0x20 || agent.at[i] > 0x7e)
            return VC_STR("?");
    }
    return agent;
}

static void ask_login(struct vc_conn *c, const struct vc_http_request *req, const struct vc_auth_client *doc)
{
    struct vc_str cookie = {0};
    if (vc_cookie_find(req, VC_STR("webvpncontext"), &cookie) != VC_COOKIE_FOUND || cookie.len == 0)
        cookie = (struct vc_str){0};
    struct vc_login_request q = vc_login_request_of(doc, req->path, cookie, 0, &c->source.ip);
    unsigned has = (q.has_opaque ? VC_HAS_OPAQUE : 0U) | (q.has_cookie ? VC_HAS_COOKIE : 0U) |
                   (q.has_access ? VC_HAS_ACCESS : 0U) | (q.has_select ? VC_HAS_SELECT : 0U) |
                   (q.has_user ? VC_HAS_USER : 0U) | (q.has_password ? VC_HAS_PASSWORD : 0U);
    struct vc_msg m = {.type = VC_IPC_LOGIN,
                       .LOGIN = {.conn = c->id,
                                 .kind = (uint8_t)q.kind,
                                 .source = c->source,
                                 .has = (uint8_t)has,
                                 .opaque = q.opaque,
                                 .cookie = q.cookie,
                                 .path = q.path,
                                 .access = q.access,
                                 .select = q.select,
                                 .user = q.user,
                                 .password = {.at = (const uint8_t *)q.password.at, .len = q.password.len},
                                 .agent = agent_of(req),
                                 .version = vc_str_of(doc->version)}};
    ask(c, &m);
}

static void handle_post(struct vc_conn *c, const struct vc_http_request *req)
{
    static struct vc_auth_client doc;
    struct vc_fail fail = {0};
    struct vc_str body = vc_str_trim(req->body);
    if (body.len == 0 || body.at[0] != '<') {
        vc_fail_set(&fail, VC_CAUSE_NO_V2, 0, "a POST without an XML document");
        refused(c, VC_EVENT_HTTP_REFUSED, &fail, 400);
        vc_request_status(c, 400, NULL, NULL, true);
        return;
    }
    if (vc_auth_xml_read(body.at, body.len, &doc, &fail) != 0) {
        refused(c, VC_EVENT_HTTP_REFUSED, &fail, 400);
        vc_request_status(c, 400, NULL, NULL, true);
        return;
    }
    if (doc.kind == VC_AUTH_LOGOUT)
        ask_logout(c, vc_str_of(doc.session_token));
    else
        ask_login(c, req, &doc);
    vc_auth_xml_wipe(&doc);
}

static void handle_page(struct vc_conn *c, const struct vc_http_request *req)
{
    struct vc_fail fail;
    struct vc_str token = {0}, version;
    struct vc_page page = vc_stub_page(req->path, agent_of(req));
    struct vc_http_answer a = {
        .status = 200, .head_only = req->method == VC_HTTP_HEAD, .type = page.type, .body = page.body};
    (void)vc_cookie_find(req, VC_STR("webvpn"), &token);
    switch (page.kind) {
    case VC_PAGE_STUB:
    case VC_PAGE_PROBE: {
        struct vc_event e = vc_conn_event(c, VC_EVENT_DOWNLOAD_SENT, VC_OUTCOME_OK);
        vc_event_text(&e, VC_FIELD_PATH, req->path);
        vc_child_emit(&c->portal->child, &e);
        a.close = page.kind == VC_PAGE_PROBE;
        vc_conn_answer(c, &a);
        return;
    }
    case VC_PAGE_LOGOUT:
        ask_logout(c, token);
        return;
    case VC_PAGE_PROFILE: { /* no profile is configured yet: whoever has no token learns nothing */
        uint8_t bytes[VC_TOKEN_LEN];
        bool shaped = vc_cookie_token_read(token, bytes);
        vc_wipe(bytes, sizeof(bytes));
        vc_fail_set(&fail, shaped ? VC_CAUSE_NOTHING_TO_FETCH : VC_CAUSE_DOWNLOAD_NO_TOKEN, 0, "a profile");
        refused(c, VC_EVENT_DOWNLOAD_REFUSED, &fail, shaped ? 404 : 403);
        vc_request_status(c, shaped ? 404 : 403, NULL, NULL, false);
        return;
    }
    case VC_PAGE_NOT_FOUND:
        break;
    }
    bool v1 = vc_http_header_of(req, VC_STR("X-Transcend-Version"), &version);
    vc_fail_set(&fail, v1 ? VC_CAUSE_NO_V2 : VC_CAUSE_HTTP_NOT_FOUND, 0, "%.*s",
                (int)(req->path.len < 100 ? req->path.len : 100), req->path.at);
    refused(c, VC_EVENT_HTTP_REFUSED, &fail, 404);
    vc_request_status(c, 404, NULL, NULL, true);
}

void vc_request_handle(struct vc_conn *c, const struct vc_http_request *req)
{
    struct vc_fail fail;
    c->close_after = !req->keep_alive;
    if (req->method == VC_HTTP_CONNECT) {
        vc_handover_connect(c, req);
        return;
    }
    if (req->pipelined) {
        vc_fail_set(&fail, VC_CAUSE_HTTP_MALFORMED, 0, "a second request before the first was answered");
        refused(c, VC_EVENT_HTTP_REFUSED, &fail, 400);
        vc_request_status(c, 400, NULL, NULL, true);
        return;
    }
    switch (req->method) {
    case VC_HTTP_POST:
        handle_post(c, req);
        return;
    case VC_HTTP_GET:
    case VC_HTTP_HEAD:
        handle_page(c, req);
        return;
    case VC_HTTP_CONNECT:
    case VC_HTTP_NO_METHOD:
        break;
    }
    vc_fail_set(&fail, VC_CAUSE_HTTP_METHOD, 0, "method");
    refused(c, VC_EVENT_HTTP_REFUSED, &fail, 405);
    vc_request_status(c, 405, NULL, NULL, true);
}

/** A Set-Cookie value in one of the slots of @room. */
#define COOKIE_ROOM 160
static void add_cookie(struct vc_http_answer *a, struct vc_str *cookies, const struct vc_writer *w)
{
    if (!w->bad)
        cookies[a->n_cookies++] = (struct vc_str){.at = (const char *)w->start, .len = vc_written(w)};
}

static void answer_document(struct vc_conn *c, struct vc_writer *doc, struct vc_http_answer *a)
{
    a->status = 200;
    a->v2 = true;
    a->type = VC_HTTP_XML;
    a->body = (struct vc_str){.at = (const char *)doc->start, .len = vc_written(doc)};
    if (doc->bad) {
        struct vc_fail fail;
        vc_fail_set(&fail, VC_CAUSE_NO_MEMORY, 0, "a form that does not fit");
        refused(c, VC_EVENT_HTTP_REFUSED, &fail, 500);
        vc_request_status(c, 500, NULL, NULL, true);
        return;
    }
    vc_conn_answer(c, a);
}

void vc_request_form(struct vc_conn *c, const struct vc_msg *m)
{
    static uint8_t body[65536];
    static struct vc_auth_option options[VC_PORTAL_GROUPS_MAX + 1];
    char room[COOKIE_ROOM], number[24];
    struct vc_str cookies[COOKIES_MAX];
    struct vc_auth_request doc;
    struct vc_http_answer a = {.cookies = cookies, .close = m->FORM.refuse != 0};
    struct vc_login_answer answer = {.form = (enum vc_login_form)m->FORM.form,
                                     .error = (enum vc_login_error)m->FORM.error,
                                     .handle = m->FORM.handle,
                                     .own = m->FORM.own,
                                     .select = m->FORM.select};
    if (m->FORM.form >= VC_N_LOGIN_FORMS || m->FORM.error >= VC_N_LOGIN_ERRORS ||
        !vc_str_copy(m->FORM.group, answer.group, sizeof(answer.group))) {
        vc_request_status(c, 500, NULL, NULL, true);
        return;
    }
    vc_login_document(&answer, &c->portal->policy, options, VC_PORTAL_GROUPS_MAX + 1, &doc);
    struct vc_writer w = vc_writer_to(body, sizeof(body)), cw = vc_writer_to(room, sizeof(room));
    vc_auth_request_write(&w, &doc);
    if (answer.handle != 0) {
        struct vc_writer nw = vc_writer_to(number, sizeof(number));
        vc_put_fmt(&nw, "%llu", (unsigned long long)answer.handle);
        vc_cookie_put_context(&cw, (struct vc_str){.at = number, .len = vc_written(&nw)});
    } else {
        vc_cookie_put_clear(&cw, "webvpncontext");
    }
    add_cookie(&a, cookies, &cw);
    if (!c->form_sent && answer.handle != 0) {
        c->form_sent = true;
        c->login_by_ns = c->portal->child.loop.now_ns + c->portal->auth_timeout_s * 1000000000ULL;
    }
    answer_document(c, &w, &a);
}

void vc_request_success(struct vc_conn *c, const struct vc_msg *m)
{
    static uint8_t body[16384];
    char room[3][COOKIE_ROOM], token[VC_TOKEN_TEXT];
    struct vc_str cookies[COOKIES_MAX];
    struct vc_http_answer a = {.cookies = cookies};
    if (m->SUCCESS.token.len != VC_TOKEN_LEN) {
        vc_request_status(c, 500, NULL, NULL, true);
        return;
    }
    c->session = m->SUCCESS.session;
    c->form_sent = false;
    c->portal->logins++;
    vc_cookie_token_print(m->SUCCESS.token.at, token);
    struct vc_auth_complete doc = {.session_id = m->SUCCESS.session,
                                   .token = vc_str_of(token),
                                   .banner = c->portal->banner,
                                   .server_cert_sha1 = c->cert_sha1};
    struct vc_writer w = vc_writer_to(body, sizeof(body));
    vc_auth_complete_write(&w, &doc);
    struct vc_writer cw = vc_writer_to(room[0], COOKIE_ROOM);
    vc_cookie_put_clear(&cw, "webvpncontext");
    add_cookie(&a, cookies, &cw);
    cw = vc_writer_to(room[1], COOKIE_ROOM);
    vc_cookie_put_webvpn(&cw, m->SUCCESS.token.at);
    add_cookie(&a, cookies, &cw);
    cw = vc_writer_to(room[2], COOKIE_ROOM);
    vc_cookie_put_webvpnc(&cw, c->cert_sha1);
    add_cookie(&a, cookies, &cw);
    struct vc_event e = vc_conn_event(c, VC_EVENT_DOWNLOAD_NOTHING, VC_OUTCOME_INFO);
    vc_child_emit(&c->portal->child, &e);
    answer_document(c, &w, &a);
    vc_wipe(token, sizeof(token));
    vc_wipe(room, sizeof(room));
    vc_wipe(body, sizeof(body));
}

void vc_request_logged_out(struct vc_conn *c)
{
    char room[2][COOKIE_ROOM];
    struct vc_str cookies[COOKIES_MAX];
    struct vc_http_answer a = {.status = 200, .cookies = cookies};
    struct vc_writer cw = vc_writer_to(room[0], COOKIE_ROOM);
    vc_cookie_put_clear(&cw, "webvpncontext");
    add_cookie(&a, cookies, &cw);
    cw = vc_writer_to(room[1], COOKIE_ROOM);
    vc_cookie_put_clear(&cw, "webvpn");
    add_cookie(&a, cookies, &cw);
    vc_conn_answer(c, &a);
}
