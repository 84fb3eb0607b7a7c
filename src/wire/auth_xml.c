#include "wire/auth_xml.h"

#include "crypto/wipe.h"

#include <expat.h>
#include <stdlib.h>

/* ---- expat's heap ---- */

/* Text of documents passes through expat's pools, so each block is wiped when it is given back. Its size lies in front
 * of it; the union keeps what expat gets aligned for anything. */
union block {
    size_t size;
    max_align_t align;
};

static void *wiping_malloc(size_t size)
{
    if (size > SIZE_MAX - sizeof(union block))
        return NULL;
    union block *b = malloc(sizeof(union block) + size);
    if (!b)
        return NULL;
    b->size = size;
    return b + 1;
}

static void wiping_free(void *p)
{
    if (!p)
        return;
    union block *b = (union block *)p - 1;
    vc_wipe(p, b->size);
    free(b);
}

static void *wiping_realloc(void *p, size_t size)
{
    void *moved = wiping_malloc(size);
    if (!moved || !p)
        return moved;
    size_t had = ((union block *)p - 1)->size;
    memcpy(moved, p, had < size ? had : size);
    wiping_free(p);
    return moved;
}

static const XML_Memory_Handling_Suite wiping = {wiping_malloc, wiping_realloc, wiping_free};

/* ---- reading ---- */

enum place { CONFIG_AUTH, OPAQUE, AUTH, CAPABILITIES, FIELD, METHOD, SKIPPED };
enum how { CUT, TRIM, KEEP };

struct field {
    const char *element;
    enum place parent;
    enum how how;
    size_t max, offset;
};

static const struct field fields[] = {
#define X(id, element, parent, member, max, how) {element, parent, how, max, offsetof(struct vc_auth_client, member)},
    VC_AUTH_FIELDS(X)
#undef X
};
_Static_assert(VC_N_AUTH_FIELDS <= 32, "present is 32 bits");

static const struct {
    const char *attribute;
    size_t offset;
} device_attributes[] = {
#define X(attribute, member) {attribute, offsetof(struct vc_auth_client, member)},
    VC_AUTH_DEVICE(X)
#undef X
};

static const char *const methods[] = {
#define X(id, text) text,
    VC_AUTH_METHODS(X)
#undef X
};

#define TEXT_MAX 2048 /* of one element, blanks at its ends included */

struct reading {
    XML_Parser expat;
    struct vc_auth_client *out;
    enum vc_cause cause; /* NONE until one of ours stops expat */
    const char *why;     /* goes with it; never from the document */
    unsigned depth, elements;
    enum place places[VC_AUTH_DEPTH_MAX + 1]; /* by depth; the root has depth 1 */
    bool seen_capabilities;
    const struct field *field; /* whose text is collected */
    bool overlong;
    size_t text_len;
    char text[TEXT_MAX];
};

static void stop(struct reading *r, enum vc_cause cause, const char *why)
{
    if (r->cause == VC_CAUSE_NONE) {
        r->cause = cause;
        r->why = why;
    }
    (void)XML_StopParser(r->expat, XML_FALSE);
}

/* At most @max bytes of @s, whole characters; s is valid UTF-8. */
static struct vc_str cut(struct vc_str s, size_t max)
{
    if (s.len <= max)
        return s;
    while (max > 0 && ((uint8_t)s.at[max] & 0xc0) == 0x80)
        max--;
    return (struct vc_str){.at = s.at, .len = max};
}

static void read_device(struct vc_auth_client *out, const XML_Char **attributes)
{
    for (; attributes[0]; attributes += 2)
        for (size_t i = 0; i < sizeof(device_attributes) / sizeof(device_attributes[0]); i++)
            if (strcmp(attributes[0], device_attributes[i].attribute) == 0)
                (void)vc_str_copy(cut(vc_str_trim(vc_str_of(attributes[1])), VC_AUTH_DEVICE_MAX),
                                  (char *)out + device_attributes[i].offset, VC_AUTH_DEVICE_MAX + 1);
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

static void read_root(struct reading *r, const char *name, const XML_Char **attributes)
{
    static const struct {
        const char *type;
        enum vc_auth_kind kind;
    } types[] = {{"init", VC_AUTH_INIT}, {"auth-reply", VC_AUTH_REPLY}, {"logout", VC_AUTH_LOGOUT}};

    if (strcmp(name, "config-auth") != 0) {
        stop(r, VC_CAUSE_XML_UNEXPECTED, "the root is not config-auth");
        return;
    }
    const char *type = attribute(attributes, "type");
    for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i].type) == 0) {
            r->out->kind = types[i].kind;
            return;
        }
    }
    stop(r, VC_CAUSE_XML_UNEXPECTED, "the type of config-auth is not init, auth-reply or logout");
}

/* A container that may occur once. */
static enum place once(struct reading *r, bool *seen, enum place place)
{
    if (*seen)
        stop(r, VC_CAUSE_XML_UNEXPECTED, "an element occurs twice");
    *seen = true;
    return place;
}

static enum place read_child(struct reading *r, enum place parent, const char *name, const XML_Char **attributes)
{
    struct vc_auth_client *out = r->out;

    if (parent == CAPABILITIES)
        return strcmp(name, "auth-method") == 0 ? METHOD : SKIPPED;
    if (parent == CONFIG_AUTH) {
        if (strcmp(name, "auth") == 0)
            return once(r, &out->auth, AUTH);
        if (strcmp(name, "capabilities") == 0)
            return once(r, &r->seen_capabilities, CAPABILITIES);
        if (strcmp(name, "opaque") == 0) {
            const char *whose = attribute(attributes, "is-for"); /* "vpn-client" is for the client's own parts (4.7) */
            return whose && strcmp(whose, "sg") != 0 ? SKIPPED : once(r, &out->opaque, OPAQUE);
        }
        if (strcmp(name, "client-cert-fail") == 0) {
            out->client_cert_fail = true;
            return SKIPPED;
        }
    }
    for (size_t i = 0; i < VC_N_AUTH_FIELDS; i++) {
        if (fields[i].parent != parent || strcmp(name, fields[i].element) != 0)
            continue;
        if (out->present & 1u << i) {
            stop(r, VC_CAUSE_XML_UNEXPECTED, "an element occurs twice");
            return SKIPPED;
        }
        out->present |= 1u << i;
        if (i == VC_AUTH_DEVICE)
            read_device(out, attributes);
        r->field = &fields[i];
        return FIELD;
    }
    return SKIPPED;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = data;
    size_t n_attributes = 0;

    if (r->cause != VC_CAUSE_NONE) /* expat still ends an empty element that it was stopped in */
        return;
    if (++r->elements > VC_AUTH_ELEMENTS_MAX) {
        stop(r, VC_CAUSE_XML_LIMIT, "too many elements");
        return;
    }
    if (++r->depth > VC_AUTH_DEPTH_MAX) {
        stop(r, VC_CAUSE_XML_LIMIT, "too deep");
        return;
    }
    while (attributes[2 * n_attributes])
        n_attributes++;
    if (n_attributes > VC_AUTH_ATTRIBUTES_MAX) {
        stop(r, VC_CAUSE_XML_LIMIT, "too many attributes");
        return;
    }
    if (r->depth == 1) {
        r->places[1] = CONFIG_AUTH;
        read_root(r, name, attributes);
        return;
    }
    enum place parent = r->places[r->depth - 1];
    r->places[r->depth] = parent <= CAPABILITIES ? read_child(r, parent, name, attributes)
                                                 : SKIPPED; /* in a field or under the unknown */
    if (r->places[r->depth] == FIELD || r->places[r->depth] == METHOD) {
        r->text_len = 0;
        r->overlong = false;
    }
}

static void XMLCALL on_text(void *data, const XML_Char *text, int len)
{
    struct reading *r = data;
    size_t n = (size_t)len;

    if (r->cause != VC_CAUSE_NONE || r->depth == 0)
        return;
    if (r->places[r->depth] != FIELD && r->places[r->depth] != METHOD)
        return;
    if (n > TEXT_MAX - r->text_len) {
        r->overlong = true;
        n = cut((struct vc_str){.at = text, .len = n}, TEXT_MAX - r->text_len).len;
    }
    memcpy(r->text + r->text_len, text, n);
    r->text_len += n;
}

static void end_field(struct reading *r)
{
    const struct field *f = r->field;
    struct vc_str text = {.at = r->text, .len = r->text_len};

    if (f->how != KEEP)
        text = vc_str_trim(text);
    if (f->how == CUT)
        text = cut(text, f->max);
    else if (r->overlong || text.len > f->max) {
        stop(r, VC_CAUSE_XML_LIMIT, "the text of an element is too long");
        return;
    }
    (void)vc_str_copy(text, (char *)r->out + f->offset, f->max + 1);
}

static void end_method(struct reading *r)
{
    struct vc_str text = vc_str_trim((struct vc_str){.at = r->text, .len = r->text_len});

    for (size_t i = 0; !r->overlong && i < VC_N_AUTH_METHODS; i++)
        if (vc_str_eq(text, vc_str_of(methods[i])))
            r->out->methods |= 1u << i;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct reading *r = data;

    (void)name;
    if (r->cause != VC_CAUSE_NONE)
        return;
    if (r->places[r->depth] == FIELD)
        end_field(r);
    else if (r->places[r->depth] == METHOD)
        end_method(r);
    r->depth--;
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                               int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    stop(data, VC_CAUSE_XML_DTD, "a document type");
}

static void XMLCALL on_declaration(void *data, const XML_Char *version, const XML_Char *encoding, int standalone)
{
    (void)version, (void)standalone;
    if (encoding && !vc_str_ieq(vc_str_of(encoding), VC_STR("UTF-8")))
        stop(data, VC_CAUSE_XML_ENCODING, "declared as another encoding");
}

int vc_auth_xml_read(const void *doc, size_t len, struct vc_auth_client *out, struct vc_fail *fail)
{
    struct reading r = {.out = out};
    int result = -1;

    memset(out, 0, sizeof(*out));
    if (len > VC_AUTH_DOCUMENT_MAX)
        return vc_fail_set(fail, VC_CAUSE_XML_LIMIT, 0, "%zu bytes, at most %d", len, VC_AUTH_DOCUMENT_MAX);
    if (!vc_str_utf8((struct vc_str){.at = doc, .len = len})) /* so no byte order mark makes expat change its mind */
        return vc_fail_set(fail, VC_CAUSE_XML_ENCODING, 0, "bytes that are not UTF-8");

    r.expat = XML_ParserCreate_MM("UTF-8", &wiping, NULL); /* without a separator: prefixes are part of the names */
    if (!r.expat)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "the XML parser");
    XML_SetUserData(r.expat, &r);
    XML_SetElementHandler(r.expat, on_start, on_end);
    XML_SetCharacterDataHandler(r.expat, on_text);
    XML_SetStartDoctypeDeclHandler(r.expat, on_doctype);
    XML_SetXmlDeclHandler(r.expat, on_declaration);

    if (XML_Parse(r.expat, doc, (int)len, XML_TRUE) == XML_STATUS_OK && r.cause == VC_CAUSE_NONE) {
        result = 0;
    } else {
        enum XML_Error error = XML_GetErrorCode(r.expat);
        if (r.cause == VC_CAUSE_NONE) {
            r.cause = error == XML_ERROR_NO_MEMORY ? VC_CAUSE_NO_MEMORY : VC_CAUSE_XML_MALFORMED;
            r.why = XML_ErrorString(error);
        }
        (void)vc_fail_set(fail, r.cause, 0, "%s, line %lu, column %lu", r.why,
                          (unsigned long)XML_GetCurrentLineNumber(r.expat),
                          (unsigned long)XML_GetCurrentColumnNumber(r.expat));
        vc_auth_xml_wipe(out);
    }
    XML_ParserFree(r.expat);
    vc_wipe(r.text, sizeof(r.text));
    return result;
}

void vc_auth_xml_wipe(struct vc_auth_client *c)
{
    vc_wipe(c, sizeof(*c));
}

/* ---- writing ---- */

/* Where the text goes decides what must be a reference. */
enum into { ELEMENT, ATTRIBUTE, HEADER };

/* The first character of @s: its length with the code point in *code; 0 when the bytes are not UTF-8. */
static size_t next_char(struct vc_str s, uint32_t *code)
{
    uint8_t first = (uint8_t)s.at[0];
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (n > s.len || !vc_str_utf8((struct vc_str){.at = s.at, .len = n}))
        return 0;
    *code = n == 1 ? first : first & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        *code = *code << 6 | ((uint8_t)s.at[i] & 0x3f);
    return n;
}

static bool allowed(uint32_t code) /* XML 1.0, 2.2 */
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code != 0xfffe && code != 0xffff);
}

static void put(struct vc_writer *w, struct vc_str s, enum into into)
{
    while (s.len > 0) {
        uint32_t code = 0;
        size_t n = next_char(s, &code);
        if (n == 0 || !allowed(code))
            vc_put_u8(w, '?');
        else if (code == '&')
            vc_put_text(w, "&amp;");
        else if (code == '<')
            vc_put_text(w, "&lt;");
        else if (code == '>')
            vc_put_text(w, "&gt;");
        else if (code == '"')
            vc_put_text(w, "&quot;");
        else if (code == '\'')
            vc_put_text(w, "&apos;");
        else if (code == '\r' || (code < 0x20 && into != ELEMENT) || (code >= 0x7f && into == HEADER))
            vc_put_fmt(w, "&#%u;", code); /* a reader would make a blank or a newline of it */
        else
            vc_put(w, s.at, n);
        n = n > 0 ? n : 1;
        s.at += n;
        s.len -= n;
    }
}

void vc_auth_xml_put(struct vc_writer *w, struct vc_str text)
{
    put(w, text, ELEMENT);
}

static void put_element(struct vc_writer *w, const char *name, struct vc_str text, enum into into)
{
    vc_put_fmt(w, "<%s>", name);
    put(w, text, into);
    vc_put_fmt(w, "</%s>", name);
}

static void put_attribute(struct vc_writer *w, const char *name, struct vc_str value)
{
    vc_put_fmt(w, " %s=\"", name);
    put(w, value, ATTRIBUTE);
    vc_put_u8(w, '"');
}

static void put_number(struct vc_writer *w, const char *name, uint64_t value)
{
    vc_put_fmt(w, "<%s>%llu</%s>", name, (unsigned long long)value, name);
}

static void put_sha1(struct vc_writer *w, const uint8_t *sha1)
{
    char hex[41];
    vc_hex_encode_upper(sha1, 20, hex);
    vc_put_text(w, hex);
}

static void put_message(struct vc_writer *w, const char *name, const struct vc_auth_message *m)
{
    vc_put_fmt(w, "<%s", name);
    if (m->numbered) {
        vc_put_fmt(w, " id=\"%u\"", m->id);
        put_attribute(w, "param1", m->param1);
        put_attribute(w, "param2", m->param2);
    }
    vc_put_u8(w, '>');
    put(w, m->text, ELEMENT);
    vc_put_fmt(w, "</%s>", name);
}

static void put_head(struct vc_writer *w, const char *type)
{
    vc_put_text(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    vc_put_fmt(w, "<config-auth client=\"vpn\" type=\"%s\" aggregate-auth-version=\"2\">", type);
    vc_put_text(w, "<version who=\"sg\">1.0(1)</version>");
}

static void put_input(struct vc_writer *w, const struct vc_auth_input *i)
{
    static const char *const types[] = {"text", "password", "hidden"};

    vc_put_text(w, "<input");
    put_attribute(w, "type", vc_str_of(types[i->type]));
    put_attribute(w, "name", vc_str_of(i->name));
    if (i->label)
        put_attribute(w, "label", vc_str_of(i->label));
    if (i->value.len > 0)
        put_attribute(w, "value", i->value);
    vc_put_text(w, "></input>");
}

static void put_option(struct vc_writer *w, const struct vc_auth_option *o)
{
    vc_put_text(w, "<option");
    if (!vc_str_eq(o->value, o->label))
        put_attribute(w, "value", o->value);
    if (o->selected)
        put_attribute(w, "selected", VC_STR("true"));
    vc_put_u8(w, '>');
    put(w, o->label, ELEMENT);
    vc_put_text(w, "</option>");
}

static void put_form(struct vc_writer *w, const struct vc_auth_request *r)
{
    vc_put_text(w, "<form>");
    for (size_t i = 0; i < r->n_inputs; i++)
        put_input(w, &r->inputs[i]);
    if (r->n_options > 0) {
        vc_put_text(w, "<select name=\"group_list\" label=\"GROUP:\">");
        for (int selected = 1; selected >= 0; selected--)
            for (size_t i = 0; i < r->n_options; i++)
                if (r->options[i].selected == (selected == 1))
                    put_option(w, &r->options[i]);
        vc_put_text(w, "</select>");
    }
    vc_put_text(w, "</form>");
}

void vc_auth_request_write(struct vc_writer *w, const struct vc_auth_request *r)
{
    put_head(w, "auth-request");
    if (r->opaque) {
        vc_put_text(w, "<opaque is-for=\"sg\">");
        put_element(w, "tunnel-group", r->tunnel_group, ELEMENT);
        put_element(w, "group-alias", r->group_alias, ELEMENT);
        put_number(w, "aggauth-handle", r->handle);
        put_number(w, "config-hash", r->config_hash);
        vc_put_text(w, "</opaque>");
    }
    vc_put_text(w, "<auth");
    put_attribute(w, "id", vc_str_of(r->id));
    vc_put_u8(w, '>');
    if (r->title.len > 0)
        put_element(w, "title", r->title, ELEMENT);
    if (r->message.text.len > 0)
        put_message(w, "message", &r->message);
    if (r->banner.len > 0)
        put_element(w, "banner", r->banner, ELEMENT);
    if (r->error.text.len > 0)
        put_message(w, "error", &r->error);
    if (r->form)
        put_form(w, r);
    vc_put_text(w, "</auth></config-auth>");
}

static void put_custom(struct vc_writer *w, const char *name, struct vc_str list, enum into into)
{
    if (list.len == 0)
        return;
    vc_put_fmt(w, "<%s><![CDATA[", name);
    while (list.len > 0) { /* names of hosts: what could end a CDATA section or a header line is in none of them */
        uint32_t code = 0;
        size_t n = next_char(list, &code);
        bool fits = n > 0 && code > 0x20 && allowed(code) && code != ']' && (code < 0x7f || into != HEADER);
        if (fits)
            vc_put(w, list.at, n);
        else
            vc_put_u8(w, '?');
        n = n > 0 ? n : 1;
        list.at += n;
        list.len -= n;
    }
    vc_put_fmt(w, "]]></%s>", name);
}

static void put_complete(struct vc_writer *w, const struct vc_auth_complete *c, bool token, enum into into)
{
    put_head(w, "complete");
    if (c->session_id > 0)
        put_number(w, "session-id", c->session_id);
    if (token && c->token.len > 0)
        put_element(w, "session-token", c->token, into);
    vc_put_text(w, "<auth id=\"success\">");
    if (c->banner.len > 0)
        put_element(w, "banner", c->banner, into);
    vc_put_text(w, "<message id=\"0\" param1=\"\" param2=\"\"></message></auth>"
                   "<capabilities><crypto-supported>ssl-dhe</crypto-supported></capabilities>"
                   "<config client=\"vpn\" type=\"private\"><vpn-base-config><nopkg></nopkg>");
    if (c->server_cert_sha1) {
        vc_put_text(w, "<server-cert-hash>");
        put_sha1(w, c->server_cert_sha1);
        vc_put_text(w, "</server-cert-hash>");
    }
    vc_put_text(w, "</vpn-base-config>");
    if (c->split_exclude.len > 0 || c->split_include.len > 0) {
        vc_put_text(w, "<opaque is-for=\"vpn-client\"><custom-attr>");
        put_custom(w, "dynamic-split-exclude-domains", c->split_exclude, into);
        put_custom(w, "dynamic-split-include-domains", c->split_include, into);
        vc_put_text(w, "</custom-attr></opaque>");
    }
    if (c->profile_uri.len > 0) {
        vc_put_text(w, "<vpn-profile-manifest><vpn rev=\"1.0\"><file type=\"profile\" service-type=\"user\">");
        put_element(w, "uri", c->profile_uri, into);
        vc_put_text(w, "<hash type=\"sha1\">");
        put_sha1(w, c->profile_sha1);
        vc_put_text(w, "</hash></file></vpn></vpn-profile-manifest>");
    }
    vc_put_text(w, "</config></config-auth>");
}

void vc_auth_complete_write(struct vc_writer *w, const struct vc_auth_complete *c)
{
    put_complete(w, c, true, ELEMENT);
}

void vc_auth_post_auth_write(struct vc_writer *w, const struct vc_auth_complete *c)
{
    put_complete(w, c, false, HEADER);
}
