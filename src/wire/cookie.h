#ifndef VC_WIRE_COOKIE_H
#define VC_WIRE_COOKIE_H

#include "wire/http.h"

/** Cookies of both ends (1-login.md 3.7) and the session token in them. */

#define VC_COOKIE_VALUE_MAX 4096
#define VC_TOKEN_LEN 32
#define VC_TOKEN_TEXT 44 /* 43 characters of base64url, with NUL */

/* --- the gateway: cookies of a request --- */

enum vc_cookie_found { VC_COOKIE_FOUND, VC_COOKIE_ABSENT, VC_COOKIE_TOO_LONG };

/** The value of the cookie @name (exact) in any Cookie header of the request; when it was sent twice the last wins.
 *  *value is a view into the request, empty unless FOUND (and perhaps then: "webvpn=" is a cookie). */
enum vc_cookie_found vc_cookie_find(const struct vc_http_request *req, struct vc_str name, struct vc_str *value);

/** The session token: exactly 43 characters of base64url without spare bits. Its form is checked before anything is
 *  decoded; on false @token is zeroed. The token is a bearer secret: wipe it. */
bool vc_cookie_token_read(struct vc_str value, uint8_t token[VC_TOKEN_LEN]);
void vc_cookie_token_print(const uint8_t token[VC_TOKEN_LEN], char out[VC_TOKEN_TEXT]);

/* Values of Set-Cookie lines, to be listed in struct vc_http_answer. All with path=/; Secure; HttpOnly. */

void vc_cookie_put_webvpn(struct vc_writer *w, const uint8_t token[VC_TOKEN_LEN]);
/** The login's id between its forms. Anything but the characters of a cookie value poisons the writer. */
void vc_cookie_put_context(struct vc_writer *w, struct vc_str login_id);
/** The short form: with a profile in it SC on iOS never reaches CONNECT. @cert_sha1: of the gateway's certificate. */
void vc_cookie_put_webvpnc(struct vc_writer *w, const uint8_t cert_sha1[20]);
/** Empty, and expired in 1970. */
void vc_cookie_put_clear(struct vc_writer *w, const char *name);

/* --- the client: a jar for one attempt at one host --- */

#define VC_JAR_COOKIES 64
#define VC_JAR_COOKIE 4096     /* bytes of name and value together */
#define VC_JAR_HEADER_MAX 8192 /* bytes of one Cookie line's value */

struct vc_jar_cookie {
    uint16_t name_len, value_len;
    char text[VC_JAR_COOKIE]; /* the name, and at once behind it the value */
};

/** Zeroed: empty. Large (over 256 KiB) and full of secrets: not on a stack, and vc_jar_wipe at the end. */
struct vc_jar {
    size_t n;
    struct vc_jar_cookie cookies[VC_JAR_COOKIES]; /* in the order of their first appearance */
};

enum vc_jar_took {
    VC_JAR_KEPT,
    VC_JAR_DELETED,   /* an empty value deletes; also when there was nothing to delete */
    VC_JAR_MALFORMED, /* no "=", no name, or a control character: ignored */
    VC_JAR_TOO_LONG,  /* over 4 KiB: ignored */
    VC_JAR_FULL,      /* a 65th cookie: ignored */
};

/** Takes the value of one Set-Cookie line. The name alone is the key, the latest value wins, attributes are ignored. */
enum vc_jar_took vc_jar_take(struct vc_jar *jar, struct vc_str set_cookie);
bool vc_jar_get(const struct vc_jar *jar, struct vc_str name, struct vc_str *value);
/** The value of the Cookie header, "a=b; c=d"; more than 8 KiB poisons. Nothing when the jar is empty. */
void vc_jar_put(struct vc_writer *w, const struct vc_jar *jar);
void vc_jar_wipe(struct vc_jar *jar);

#endif
