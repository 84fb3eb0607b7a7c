/* What is accepted, printed again and read again, is the same; texts end inside their members; a refusal leaves nothing
 * behind. And whatever text a gateway is given, its documents stay well-formed. */
#include "wire/auth_xml.h"

#include "crypto/wipe.h"

#include <expat.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

enum parent { CONFIG_AUTH, OPAQUE, AUTH };

static void print_fields(struct vc_writer *w, const struct vc_auth_client *c, enum parent wanted)
{
#define X(id, element, parent, member, max, how)                                                                       \
    if (wanted == (parent) && VC_AUTH_##id != VC_AUTH_DEVICE && vc_auth_has(c, VC_AUTH_##id)) {                        \
        vc_put_fmt(w, "<%s>", element);                                                                                \
        vc_auth_xml_put(w, vc_str_of(c->member));                                                                      \
        vc_put_fmt(w, "</%s>", element);                                                                               \
    }
    VC_AUTH_FIELDS(X)
#undef X
}

/* In an attribute blanks need references, or a reader makes spaces of them. */
static void print_attribute(struct vc_writer *w, const char *name, const char *value)
{
    vc_put_fmt(w, " %s=\"", name);
    while (*value) {
        size_t n = strcspn(value, "\t\n");
        vc_auth_xml_put(w, (struct vc_str){.at = value, .len = n});
        value += n;
        if (*value)
            vc_put_fmt(w, "&#%d;", *value++);
    }
    vc_put_u8(w, '"');
}

static void print(struct vc_writer *w, const struct vc_auth_client *c)
{
    static const char *const types[] = {"init", "auth-reply", "logout"};
    static const char *const methods[] = {
#define X(id, text) text,
        VC_AUTH_METHODS(X)
#undef X
    };

    vc_put_fmt(w, "<config-auth type='%s'>", types[c->kind]);
    print_fields(w, c, CONFIG_AUTH);
    if (vc_auth_has(c, VC_AUTH_DEVICE)) {
        vc_put_text(w, "<device-id");
#define X(attribute, member) print_attribute(w, attribute, c->member);
        VC_AUTH_DEVICE(X)
#undef X
        vc_put_u8(w, '>');
        vc_auth_xml_put(w, vc_str_of(c->device));
        vc_put_text(w, "</device-id>");
    }
    if (c->opaque) {
        vc_put_text(w, "<opaque is-for='sg'>");
        print_fields(w, c, OPAQUE);
        vc_put_text(w, "</opaque>");
    }
    if (c->auth) {
        vc_put_text(w, "<auth>");
        print_fields(w, c, AUTH);
        vc_put_text(w, "</auth>");
    }
    vc_put_text(w, "<capabilities>");
    for (size_t i = 0; i < VC_N_AUTH_METHODS; i++)
        if (c->methods & 1u << i)
            vc_put_fmt(w, "<auth-method>%s</auth-method>", methods[i]);
    vc_put_text(w, "</capabilities>");
    if (c->client_cert_fail)
        vc_put_text(w, "<client-cert-fail/>");
    vc_put_text(w, "</config-auth>");
}

static bool same(const struct vc_auth_client *a, const struct vc_auth_client *b)
{
    bool same = a->kind == b->kind && a->auth == b->auth && a->opaque == b->opaque &&
                a->client_cert_fail == b->client_cert_fail && a->present == b->present && a->methods == b->methods;
#define X(id, element, parent, member, max, how) same = same && strcmp(a->member, b->member) == 0;
    VC_AUTH_FIELDS(X)
#undef X
#define X(attribute, member) same = same && strcmp(a->member, b->member) == 0;
    VC_AUTH_DEVICE(X)
#undef X
    return same;
}

static void check_reader(const uint8_t *data, size_t size)
{
    static const struct vc_auth_client zero;
    static char doc[VC_AUTH_DOCUMENT_MAX];
    struct vc_auth_client one, two;
    struct vc_fail fail = {0};

    if (vc_auth_xml_read(data, size, &one, &fail) < 0) {
        must(fail.cause != VC_CAUSE_NONE && fail.cause != VC_CAUSE_UNKNOWN);
        must(vc_same(&one, &zero, sizeof(zero)));
        return;
    }
#define X(id, element, parent, member, max, how)                                                                       \
    must(memchr(one.member, 0, sizeof(one.member)) && vc_str_utf8(vc_str_of(one.member)));                             \
    must(vc_auth_has(&one, VC_AUTH_##id) || one.member[0] == '\0');
    VC_AUTH_FIELDS(X)
#undef X

    struct vc_writer w = vc_writer_to(doc, sizeof(doc));
    print(&w, &one);
    must(!w.bad);
    must(vc_auth_xml_read(doc, vc_written(&w), &two, &fail) == 0);
    must(same(&one, &two));
    vc_auth_xml_wipe(&one);
    must(vc_same(&one, &zero, sizeof(zero)));
}

static void must_be_well_formed(const struct vc_writer *w)
{
    XML_Parser p = XML_ParserCreate(NULL);
    must(!w->bad && p);
    must(XML_Parse(p, (const char *)w->start, (int)vc_written(w), 1) == XML_STATUS_OK);
    XML_ParserFree(p);
}

static void check_writers(const uint8_t *data, size_t size)
{
    static char doc[65536];
    struct vc_str text = {.at = (const char *)data, .len = size < 256 ? size : 256};
    const struct vc_auth_input input = {VC_AUTH_INPUT_HIDDEN, "name", "label", text};
    const struct vc_auth_option options[] = {{text, VC_STR("x"), false}, {VC_STR("y"), text, true}};
    const struct vc_auth_message message = {text, text, text, 1, true};
    struct vc_writer w = vc_writer_to(doc, sizeof(doc));

    vc_auth_request_write(&w, &(struct vc_auth_request){.opaque = true,
                                                        .tunnel_group = text,
                                                        .group_alias = text,
                                                        .id = "main",
                                                        .title = text,
                                                        .message = message,
                                                        .banner = text,
                                                        .error = message,
                                                        .form = true,
                                                        .inputs = &input,
                                                        .n_inputs = 1,
                                                        .options = options,
                                                        .n_options = 2});
    must_be_well_formed(&w);

    const struct vc_auth_complete complete = {.token = text,
                                              .banner = text,
                                              .server_cert_sha1 = (const uint8_t *)"01234567890123456789",
                                              .split_exclude = text,
                                              .split_include = text};
    w = vc_writer_to(doc, sizeof(doc));
    vc_auth_complete_write(&w, &complete);
    must_be_well_formed(&w);
    w = vc_writer_to(doc, sizeof(doc));
    vc_auth_post_auth_write(&w, &complete);
    must_be_well_formed(&w);
    for (size_t i = 0; i < vc_written(&w); i++) /* one line of a header */
        must(doc[i] >= 0x20 && doc[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_reader(data, size);
    check_writers(data, size);
    return 0;
}
