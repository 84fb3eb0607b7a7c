#ifndef VC_TESTS_WIRE_LOGIN_H
#define VC_TESTS_WIRE_LOGIN_H

#include "wire_tls.h"

#include "wire/http_response.h"

/** Phases 2 and 3 as a client (1-login.md 3, 4): forms are answered until the gateway says success or no. */

struct wire_cookie {
    char name[64], value[1100];
};

/** What one attempt carries from request to request. Zeroed: nothing. */
struct wire_http {
    const struct wire_target *target;
    struct wire_tls *tls; /* NULL: opened when needed */
    struct wire_cookie cookies[16];
    size_t n_cookies;
    uint8_t *bytes; /* the last answer; response points into it */
    size_t len, cap;
    struct vc_http_response response;
};
#define WIRE_AGENT "AnyConnect Linux_64 5.1.2.42"

/** One request and its answer; a connection that was closed meanwhile is opened anew. @headers: whole lines with CRLF,
 *  behind the usual ones; may be NULL. @body NULL: GET. */
int wire_http_ask(struct wire_http *h, const char *path, const char *headers, const void *body, size_t len,
                  struct vc_fail *fail);
const char *wire_http_cookie(const struct wire_http *h, const char *name); /* NULL: none */
void wire_http_end(struct wire_http *h);

struct wire_login {
    const char *user, *password, *group; /* group NULL: the gateway's default */
    const char *path;                    /* NULL: "/" */
};

struct wire_logged {
    char token[1100];
    char session_id[65];
    char group[257]; /* that was selected, where there were any */
    char banner[1024];
    char error[256];    /* what the gateway said where it refused */
    char cert_hash[41]; /* server-cert-hash */
    unsigned rounds;    /* POSTs */
};
int wire_login(struct wire_http *h, const struct wire_login *l, struct wire_logged *out, struct vc_fail *fail);

#endif
