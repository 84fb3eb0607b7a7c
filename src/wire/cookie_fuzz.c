/* The input as the value of a Cookie header, as a token, as a login's id and, line by line, as what a gateway sets.
 * What the jar prints is found again in the Cookie header that it makes; what a gateway prints, its client keeps. */
#include "wire/cookie.h"

#include <stdlib.h>

#define REQUIRE(x)                                                                                                     \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static struct vc_jar jar; /* empty between inputs */

static void as_token(struct vc_str in)
{
    char line[256];
    struct vc_writer w = vc_writer_to(line, sizeof(line));
    struct vc_str kept;
    uint8_t token[VC_TOKEN_LEN];
    char text[VC_TOKEN_TEXT];
    if (!vc_cookie_token_read(in, token))
        return;
    vc_cookie_token_print(token, text);
    REQUIRE(vc_str_eq(in, vc_str_of(text)));
    vc_cookie_put_webvpn(&w, token);
    REQUIRE(!w.bad && vc_jar_take(&jar, (struct vc_str){line, vc_written(&w)}) == VC_JAR_KEPT);
    REQUIRE(vc_jar_get(&jar, VC_STR("webvpn"), &kept) && vc_str_eq(kept, in));
    w = vc_writer_to(line, sizeof(line));
    vc_cookie_put_webvpnc(&w, token);
    REQUIRE(!w.bad && vc_jar_take(&jar, (struct vc_str){line, vc_written(&w)}) == VC_JAR_KEPT);
    w = vc_writer_to(line, sizeof(line));
    vc_cookie_put_clear(&w, "webvpn");
    REQUIRE(!w.bad && vc_jar_take(&jar, (struct vc_str){line, vc_written(&w)}) == VC_JAR_DELETED && jar.n == 1);
    vc_jar_wipe(&jar);
}

static void as_login_id(struct vc_str in)
{
    static char line[VC_JAR_HEADER_MAX];
    struct vc_writer w = vc_writer_to(line, sizeof(line));
    struct vc_str kept;
    if (in.len == 0 || in.len > 1024)
        return;
    vc_cookie_put_context(&w, in);
    if (w.bad)
        return;
    REQUIRE(vc_jar_take(&jar, (struct vc_str){line, vc_written(&w)}) == VC_JAR_KEPT);
    REQUIRE(vc_jar_get(&jar, VC_STR("webvpncontext"), &kept) && vc_str_eq(kept, in));
    vc_jar_wipe(&jar);
}

static void as_cookie_header(struct vc_str in)
{
    static const char *const names[] = {"webvpn", "webvpncontext", "a"};
    static struct vc_http_request req;
    req.n_headers = 1;
    req.headers[0] = (struct vc_http_header){VC_STR("Cookie"), in};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct vc_str value;
        enum vc_cookie_found got = vc_cookie_find(&req, vc_str_of(names[i]), &value);
        REQUIRE(got == VC_COOKIE_FOUND || value.len == 0);
        REQUIRE(value.len <= in.len && value.len <= VC_COOKIE_VALUE_MAX);
        REQUIRE(value.len == 0 || memchr(value.at, ';', value.len) == NULL);
    }
}

static void as_answers(struct vc_str in)
{
    static struct vc_http_request req;
    static char line[VC_JAR_HEADER_MAX];
    struct vc_writer w = vc_writer_to(line, sizeof(line));
    while (in.len > 0) {
        enum vc_jar_took took = vc_jar_take(&jar, vc_str_cut(in, '\n', &in));
        REQUIRE(took <= VC_JAR_FULL && jar.n <= VC_JAR_COOKIES);
    }
    vc_jar_put(&w, &jar);
    if (!w.bad) {
        req.n_headers = 1;
        req.headers[0] = (struct vc_http_header){VC_STR("Cookie"), {line, vc_written(&w)}};
        for (size_t i = 0; i < jar.n; i++) {
            const struct vc_jar_cookie *c = &jar.cookies[i];
            struct vc_str name = {c->text, c->name_len}, held, sent;
            REQUIRE(c->name_len + c->value_len <= VC_JAR_COOKIE && c->name_len > 0 && c->value_len > 0);
            REQUIRE(vc_jar_get(&jar, name, &held) && vc_cookie_find(&req, name, &sent) == VC_COOKIE_FOUND);
            REQUIRE(vc_str_eq(held, sent));
        }
    }
    for (size_t i = 0; i < jar.n; i++) /* the jar is large: only what was used is cleared */
        jar.cookies[i].name_len = jar.cookies[i].value_len = 0;
    jar.n = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_str in = {.at = (const char *)data, .len = size};
    as_token(in);
    as_login_id(in);
    as_cookie_header(in);
    as_answers(in);
    return 0;
}
