#include "wire/cookie.h"

#include "crypto/wipe.h"

#define ATTRIBUTES "; path=/; Secure; HttpOnly"

/* "name=value" of a Cookie or Set-Cookie line; false when there is no "=" or no name. */
static bool pair_read(struct vc_str pair, struct vc_str *name, struct vc_str *value)
{
    if (pair.len == 0 || !memchr(pair.at, '=', pair.len))
        return false;
    *name = vc_str_trim(vc_str_cut(pair, '=', value)); /* the value may hold more of them */
    *value = vc_str_trim(*value);
    return name->len > 0;
}

enum vc_cookie_found vc_cookie_find(const struct vc_http_request *req, struct vc_str name, struct vc_str *value)
{
    struct vc_str found = {0};
    bool any = false;

    *value = (struct vc_str){0};
    for (size_t i = 0; i < req->n_headers; i++) {
        struct vc_str list = req->headers[i].value;
        if (!vc_str_ieq(req->headers[i].name, VC_STR("Cookie")))
            continue;
        while (list.len > 0) {
            struct vc_str n, v;
            if (pair_read(vc_str_cut(list, ';', &list), &n, &v) && vc_str_eq(n, name)) {
                found = v;
                any = true;
            }
        }
    }
    if (!any)
        return VC_COOKIE_ABSENT;
    if (found.len > VC_COOKIE_VALUE_MAX)
        return VC_COOKIE_TOO_LONG;
    *value = found;
    return VC_COOKIE_FOUND;
}

bool vc_cookie_token_read(struct vc_str value, uint8_t token[VC_TOKEN_LEN])
{
    size_t n = 0;
    if (value.len == VC_TOKEN_TEXT - 1 && vc_base64url_decode(value, token, VC_TOKEN_LEN, &n) && n == VC_TOKEN_LEN)
        return true;
    memset(token, 0, VC_TOKEN_LEN);
    return false;
}

void vc_cookie_token_print(const uint8_t token[VC_TOKEN_LEN], char out[VC_TOKEN_TEXT])
{
    (void)vc_base64url_encode(token, VC_TOKEN_LEN, out, VC_TOKEN_TEXT); /* its size is right by construction */
}

void vc_cookie_put_webvpn(struct vc_writer *w, const uint8_t token[VC_TOKEN_LEN])
{
    char text[VC_TOKEN_TEXT];
    vc_cookie_token_print(token, text);
    vc_put_text(w, "webvpn=");
    vc_put_text(w, text);
    vc_put_text(w, ATTRIBUTES);
    vc_wipe(text, sizeof(text));
}

void vc_cookie_put_context(struct vc_writer *w, struct vc_str login_id)
{
    for (size_t i = 0; i < login_id.len; i++) { /* RFC 6265 4.1.1, cookie-octet */
        uint8_t c = (uint8_t)login_id.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
            w->bad = true;
    }
    vc_put_text(w, "webvpncontext=");
    vc_put(w, login_id.at, login_id.len);
    vc_put_text(w, ATTRIBUTES);
}

void vc_cookie_put_webvpnc(struct vc_writer *w, const uint8_t cert_sha1[20])
{
    char hex[41];
    vc_hex_encode_upper(cert_sha1, 20, hex);
    vc_put_text(w, "webvpnc=bu:/&p:t&iu:1/&sh:");
    vc_put_text(w, hex);
    vc_put_text(w, ATTRIBUTES);
}

void vc_cookie_put_clear(struct vc_writer *w, const char *name)
{
    if (!vc_http_is_token(vc_str_of(name)))
        w->bad = true;
    vc_put_text(w, name);
    vc_put_text(w, "=; expires=Thu, 01 Jan 1970 22:00:00 GMT" ATTRIBUTES);
}

static struct vc_str jar_name(const struct vc_jar_cookie *c)
{
    return (struct vc_str){.at = c->text, .len = c->name_len};
}

static struct vc_str jar_value(const struct vc_jar_cookie *c)
{
    return (struct vc_str){.at = &c->text[c->name_len], .len = c->value_len};
}

/* Where the cookie is; jar->n when it is not there. */
static size_t jar_index(const struct vc_jar *jar, struct vc_str name)
{
    size_t i = 0;
    while (i < jar->n && !vc_str_eq(jar_name(&jar->cookies[i]), name))
        i++;
    return i;
}

enum vc_jar_took vc_jar_take(struct vc_jar *jar, struct vc_str set_cookie)
{
    struct vc_str attributes, name, value;
    struct vc_str pair = vc_str_cut(set_cookie, ';', &attributes);

    if (!pair_read(pair, &name, &value) || !vc_http_is_field_text(pair))
        return VC_JAR_MALFORMED;
    size_t i = jar_index(jar, name);
    if (value.len == 0) {
        if (i < jar->n) {
            size_t behind = --jar->n - i;
            memmove(&jar->cookies[i], &jar->cookies[i + 1], behind * sizeof(jar->cookies[0]));
            vc_wipe(&jar->cookies[jar->n], sizeof(jar->cookies[0]));
        }
        return VC_JAR_DELETED;
    }
    if (name.len + value.len > VC_JAR_COOKIE)
        return VC_JAR_TOO_LONG;
    if (i == VC_JAR_COOKIES)
        return VC_JAR_FULL;
    struct vc_jar_cookie *c = &jar->cookies[i];
    vc_wipe(c, sizeof(*c));
    memcpy(c->text, name.at, name.len);
    memcpy(&c->text[name.len], value.at, value.len);
    c->name_len = (uint16_t)name.len;
    c->value_len = (uint16_t)value.len;
    if (i == jar->n)
        jar->n++;
    return VC_JAR_KEPT;
}

bool vc_jar_get(const struct vc_jar *jar, struct vc_str name, struct vc_str *value)
{
    size_t i = jar_index(jar, name);
    *value = (struct vc_str){0};
    if (i == jar->n)
        return false;
    *value = jar_value(&jar->cookies[i]);
    return true;
}

void vc_jar_put(struct vc_writer *w, const struct vc_jar *jar)
{
    size_t before = vc_written(w);
    for (size_t i = 0; i < jar->n; i++) {
        struct vc_str name = jar_name(&jar->cookies[i]), value = jar_value(&jar->cookies[i]);
        if (i > 0)
            vc_put_text(w, "; ");
        vc_put(w, name.at, name.len);
        vc_put_text(w, "=");
        vc_put(w, value.at, value.len);
    }
    if (vc_written(w) - before > VC_JAR_HEADER_MAX)
        w->bad = true;
}

void vc_jar_wipe(struct vc_jar *jar)
{
    vc_wipe(jar, sizeof(*jar));
}
