#include "wire_login.h"

#include "crypto/wipe.h"
#include "wire/auth_xml.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUTS_MAX 16
#define OPTIONS_MAX 64
#define ANSWER_MAX (1U << 20)
#define POST_MAX 65536

/* ---- HTTP ---- */

const char *wire_http_cookie(const struct wire_http *h, const char *name)
{
    for (size_t i = 0; i < h->n_cookies; i++)
        if (strcmp(h->cookies[i].name, name) == 0)
            return h->cookies[i].value;
    return NULL;
}

/** "name=value; attributes": the newest wins, an empty one deletes (1-login.md 3.7). */
static void take_cookie(struct wire_http *h, struct vc_str line)
{
    struct vc_str rest, value, name;
    struct wire_cookie c = {0};
    name = vc_str_cut(vc_str_cut(line, ';', &rest), '=', &value);
    if (!vc_str_copy(vc_str_trim(name), c.name, sizeof(c.name)) || !vc_str_copy(value, c.value, sizeof(c.value)))
        return;
    size_t i = 0;
    while (i < h->n_cookies && strcmp(h->cookies[i].name, c.name) != 0)
        i++;
    if (c.value[0] == 0 && i < h->n_cookies)
        h->cookies[i] = h->cookies[--h->n_cookies];
    else if (c.value[0] && i < sizeof(h->cookies) / sizeof(h->cookies[0])) {
        h->cookies[i] = c;
        h->n_cookies += i == h->n_cookies;
    }
}

static int put_request(struct wire_http *h, const char *path, const char *headers, const void *body, size_t len,
                       struct vc_fail *fail)
{
    uint8_t head[POST_MAX + 16384];
    struct vc_writer w = vc_writer_to(head, sizeof(head));
    vc_put_fmt(&w, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: " WIRE_AGENT "\r\n", body ? "POST" : "GET", path,
               h->target->host);
    for (size_t i = 0; i < h->n_cookies; i++)
        vc_put_fmt(&w, "%s%s=%s%s", i ? "; " : "Cookie: ", h->cookies[i].name, h->cookies[i].value,
                   i + 1 == h->n_cookies ? "\r\n" : "");
    vc_put_text(&w, "Accept: */*\r\nAccept-Encoding: identity\r\nX-Transcend-Version: 1\r\n");
    if (body)
        vc_put_fmt(&w, "X-Aggregate-Auth: 1\r\nContent-Type: application/xml; charset=utf-8\r\nContent-Length: %zu\r\n",
                   len);
    vc_put_text(&w, headers ? headers : "");
    vc_put_text(&w, "\r\n");
    if (body)
        vc_put(&w, body, len);
    int r = w.bad ? vc_fail_set(fail, VC_CAUSE_HTTP_TOO_LARGE, 0, "our own request")
                  : wire_tls_write(h->tls, head, vc_written(&w), fail);
    vc_wipe(head, sizeof(head));
    return r;
}

static int get_response(struct wire_http *h, enum vc_http_method asked, struct vc_fail *fail)
{
    struct vc_http_scan scan = {0};
    h->len = 0;
    for (;;) {
        if (h->cap < h->len + 16385) {
            uint8_t *bigger = h->len > ANSWER_MAX ? NULL : realloc(h->bytes, h->len + 65536);
            if (!bigger)
                return vc_fail_set(fail, VC_CAUSE_HTTP_ANSWER_TOO_LARGE, 0, "%zu bytes", h->len);
            h->bytes = bigger;
            h->cap = h->len + 65536;
        }
        ssize_t n = wire_tls_read(h->tls, h->bytes + h->len, h->cap - h->len, fail);
        if (n < 0)
            return -1;
        h->len += (size_t)n;
        if (n == 0 && h->len == 0)
            return vc_fail_set(fail, VC_CAUSE_HTTP_ANSWER_CUT, 0, "closed without an answer");
        int r =
            vc_http_response_read(&scan, h->bytes, h->len, n == 0, asked, &vc_http_client_limits, &h->response, fail);
        if (r == VC_HTTP_OK)
            return 0;
        if (r == VC_HTTP_BAD || n == 0)
            return -1;
    }
}

int wire_http_ask(struct wire_http *h, const char *path, const char *headers, const void *body, size_t len,
                  struct vc_fail *fail)
{
    struct vc_fail why = {0};
    for (int again = 0;; again++) {
        bool kept = h->tls != NULL;
        if (!kept && !(h->tls = wire_tls_open(h->target, fail)))
            return -1;
        if (put_request(h, path, headers, body, len, &why) == 0 &&
            get_response(h, body ? VC_HTTP_POST : VC_HTTP_GET, &why) == 0)
            break;
        wire_tls_free(h->tls);
        h->tls = NULL;
        if (!kept || again > 0 || h->len > 0) { /* only a kept connection may have ended before the request */
            *fail = why;
            return -1;
        }
    }
    struct vc_str block = h->response.headers;
    struct vc_http_header header;
    while (vc_http_header_next(&block, &header))
        if (vc_str_ieq(header.name, VC_STR("Set-Cookie")))
            take_cookie(h, header.value);
    if (!h->response.keep_alive) {
        wire_tls_free(h->tls);
        h->tls = NULL;
    }
    return 0;
}

void wire_http_end(struct wire_http *h)
{
    wire_tls_free(h->tls);
    if (h->bytes)
        vc_wipe(h->bytes, h->cap);
    free(h->bytes);
    vc_wipe(h, sizeof(*h));
}

/* ---- The gateway's documents ---- */

struct document {
    XML_Parser parser;
    char type[32], auth[32];
    char path[16][32]; /* names of open elements */
    unsigned depth;
    long opaque_from, opaque_to; /* its bytes in the document, echoed as they stand */
    char text[1100];
    size_t text_len;
    bool form, select, authentication_complete, too_large;
    char action[256];
    struct {
        char name[64], type[16], value[256];
    } inputs[INPUTS_MAX];
    size_t n_inputs;
    struct {
        char value[257], label[257];
        bool selected;
    } options[OPTIONS_MAX];
    size_t n_options;
    char token[1100], session_id[65], banner[1024], error[256], cert_hash[41];
};

static const char *attribute(const char **at, const char *name)
{
    for (; at[0]; at += 2)
        if (strcmp(at[0], name) == 0)
            return at[1];
    return "";
}

static bool copy(char *to, size_t cap, const char *from)
{
    return vc_str_copy(vc_str_of(from), to, cap);
}

static void on_start(void *arg, const char *name, const char **at)
{
    struct document *d = arg;
    d->text_len = 0;
    if (d->depth < 16)
        (void)copy(d->path[d->depth], sizeof(d->path[0]), name);
    d->depth++;
    if (strcmp(name, "config-auth") == 0) {
        (void)copy(d->type, sizeof(d->type), attribute(at, "type"));
    } else if (strcmp(name, "opaque") == 0 && d->depth == 2) {
        d->opaque_from = (long)XML_GetCurrentByteIndex(d->parser);
    } else if (strcmp(name, "auth") == 0) {
        (void)copy(d->auth, sizeof(d->auth), attribute(at, "id"));
    } else if (strcmp(name, "form") == 0) {
        d->form = true;
        (void)copy(d->action, sizeof(d->action), attribute(at, "action"));
    } else if (strcmp(name, "authentication-complete") == 0) {
        d->authentication_complete = true;
    } else if (strcmp(name, "input") == 0 && d->n_inputs < INPUTS_MAX) {
        (void)copy(d->inputs[d->n_inputs].name, sizeof(d->inputs[0].name), attribute(at, "name"));
        (void)copy(d->inputs[d->n_inputs].type, sizeof(d->inputs[0].type), attribute(at, "type"));
        (void)copy(d->inputs[d->n_inputs].value, sizeof(d->inputs[0].value), attribute(at, "value"));
        d->n_inputs++;
    } else if (strcmp(name, "select") == 0) {
        d->select = true;
    } else if (strcmp(name, "option") == 0 && d->n_options < OPTIONS_MAX) {
        (void)copy(d->options[d->n_options].value, sizeof(d->options[0].value), attribute(at, "value"));
        d->options[d->n_options].selected = strcmp(attribute(at, "selected"), "true") == 0;
    }
}

static void on_text(void *arg, const char *text, int len)
{
    struct document *d = arg;
    size_t n = (size_t)len;
    if (d->text_len + n >= sizeof(d->text))
        n = sizeof(d->text) - 1 - d->text_len;
    memcpy(d->text + d->text_len, text, n);
    d->text_len += n;
}

static void on_end(void *arg, const char *name)
{
    struct document *d = arg;
    char text[1100];
    (void)vc_str_copy(vc_str_trim((struct vc_str){d->text, d->text_len}), text, sizeof(text));
    d->text_len = 0;
    d->depth--;
    if (strcmp(name, "opaque") == 0 && d->depth == 1)
        d->opaque_to = (long)XML_GetCurrentByteIndex(d->parser) + XML_GetCurrentByteCount(d->parser);
    else if (strcmp(name, "session-token") == 0)
        (void)copy(d->token, sizeof(d->token), text);
    else if (strcmp(name, "session-id") == 0)
        (void)copy(d->session_id, sizeof(d->session_id), text);
    else if (strcmp(name, "banner") == 0)
        (void)copy(d->banner, sizeof(d->banner), text);
    else if (strcmp(name, "error") == 0)
        (void)copy(d->error, sizeof(d->error), text);
    else if (strcmp(name, "server-cert-hash") == 0)
        (void)copy(d->cert_hash, sizeof(d->cert_hash), text);
    else if (strcmp(name, "option") == 0 && d->n_options < OPTIONS_MAX)
        (void)copy(d->options[d->n_options++].label, sizeof(d->options[0].label), text);
}

static int read_document(struct document *d, struct vc_str body, struct vc_fail *fail)
{
    *d = (struct document){.parser = XML_ParserCreate(NULL)};
    if (!d->parser)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "XML");
    XML_SetUserData(d->parser, d);
    XML_SetElementHandler(d->parser, on_start, on_end);
    XML_SetCharacterDataHandler(d->parser, on_text);
    bool good = XML_Parse(d->parser, body.at, (int)body.len, 1) == XML_STATUS_OK;
    XML_ParserFree(d->parser);
    if (!good || strcmp(d->path[0], "config-auth") != 0)
        return vc_fail_set(fail, VC_CAUSE_XML_MALFORMED, 0, "the gateway's document");
    return 0;
}

static void put_element(struct vc_writer *w, const char *name, const char *text)
{
    vc_put_fmt(w, "<%s>", name);
    vc_auth_xml_put(w, vc_str_of(text));
    vc_put_fmt(w, "</%s>", name);
}

static void begin(struct vc_writer *w, const char *type)
{
    vc_put_fmt(w,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?><config-auth client=\"vpn\" type=\"%s\" "
               "aggregate-auth-version=\"2\"><version who=\"vpn\">5.1.2.42</version><device-id>linux-64</device-id>",
               type);
}

/** What an input is answered with. */
static const char *answer_of(const struct wire_login *l, const struct document *d, size_t i)
{
    if (strcmp(d->inputs[i].name, "username") == 0)
        return l->user;
    if (strcmp(d->inputs[i].type, "password") == 0)
        return l->password;
    return d->inputs[i].value;
}

static void put_reply(struct vc_writer *w, const struct wire_login *l, const struct document *d, struct vc_str body,
                      struct wire_logged *out)
{
    begin(w, "auth-reply");
    if (d->opaque_to > d->opaque_from)
        vc_put(w, body.at + d->opaque_from, (size_t)(d->opaque_to - d->opaque_from));
    vc_put_text(w, "<auth>");
    for (size_t i = 0; i < d->n_inputs; i++)
        if (strcmp(d->inputs[i].type, "submit") != 0 && strcmp(d->inputs[i].type, "reset") != 0)
            put_element(w, strcmp(d->inputs[i].name, "answer") == 0 ? "password" : d->inputs[i].name,
                        answer_of(l, d, i));
    vc_put_text(w, "</auth>");
    if (d->select && d->n_options > 0) {
        size_t chosen = 0;
        for (size_t i = 0; i < d->n_options; i++)
            if (d->options[i].selected)
                chosen = i;
        const char *value = d->options[chosen].value[0] ? d->options[chosen].value : d->options[chosen].label;
        value = l->group ? l->group : value;
        put_element(w, "group-select", value);
        (void)copy(out->group, sizeof(out->group), value);
    }
    vc_put_text(w, "</config-auth>");
}

int wire_login(struct wire_http *h, const struct wire_login *l, struct wire_logged *out, struct vc_fail *fail)
{
    static char doc[POST_MAX];
    static struct document d;
    char path[256] = "/";
    struct vc_writer w = vc_writer_to(doc, sizeof(doc));
    bool answered = false;
    *out = (struct wire_logged){0};
    if (l->path && !copy(path, sizeof(path), l->path))
        return vc_fail_set(fail, VC_CAUSE_HTTP_TOO_LARGE, 0, "path");
    begin(&w, "init");
    if (l->group)
        put_element(&w, "group-select", l->group);
    vc_put_fmt(&w, "<group-access>https://%s%s</group-access></config-auth>", h->target->host, path);
    for (;;) {
        if (w.bad || out->rounds == 8)
            return vc_fail_set(fail, VC_CAUSE_TOO_MANY_ROUNDS, 0, "%u rounds", out->rounds);
        int r = wire_http_ask(h, path, NULL, doc, vc_written(&w), fail);
        vc_wipe(doc, vc_written(&w));
        out->rounds++;
        if (r != 0)
            return -1;
        if (h->response.status != 200) {
            (void)vc_str_copy(h->response.reason, out->error, sizeof(out->error));
            return vc_fail_set(fail, VC_CAUSE_PASSWORD, 0, "HTTP %d %s", h->response.status, out->error);
        }
        struct vc_str body = h->response.body;
        if (read_document(&d, body, fail) != 0)
            return -1;
        if (strcmp(d.type, "complete") == 0 || strcmp(d.auth, "success") == 0)
            break;
        (void)copy(out->error, sizeof(out->error), d.error);
        if ((d.error[0] && answered) || (!d.form && !d.authentication_complete))
            return vc_fail_set(fail, VC_CAUSE_PASSWORD, 0, "%s", d.error[0] ? d.error : "no form");
        for (size_t i = 0; i < d.n_inputs; i++)
            answered |= strcmp(d.inputs[i].type, "password") == 0;
        if (d.action[0])
            (void)copy(path, sizeof(path), d.action);
        w = vc_writer_to(doc, sizeof(doc));
        put_reply(&w, l, &d, body, out);
    }
    const char *cookie = wire_http_cookie(h, "webvpn");
    if (!d.token[0] && !cookie)
        return vc_fail_set(fail, VC_CAUSE_COOKIE_MISSING, 0, "success without a token");
    (void)copy(out->token, sizeof(out->token), d.token[0] ? d.token : cookie);
    (void)copy(out->session_id, sizeof(out->session_id), d.session_id);
    (void)copy(out->banner, sizeof(out->banner), d.banner);
    (void)copy(out->cert_hash, sizeof(out->cert_hash), d.cert_hash);
    vc_wipe(&d, sizeof(d));
    return 0;
}
