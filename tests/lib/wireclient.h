#ifndef VC_TESTS_WIRECLIENT_H
#define VC_TESTS_WIRECLIENT_H

#include "wire_login.h"
#include "wire_tunnel.h"

#include <jansson.h>

/** The wire-level client of tests and bench: what its commands share. Each returns an exit status. */
struct wire_options {
    struct wire_target target;
    struct wire_login login;
    struct wire_connect connect;
    const char *tun;            /* pattern; NULL: none */
    bool no_routes;             /* the tunnel's routes are not set */
    bool lose_last;             /* of the flights of the DTLS handshake */
    unsigned dtls_ms;           /* how long a DTLS handshake may take before the session goes on without */
    unsigned count;             /* sessions; packets of a burst */
    struct vc_ip inside;        /* address inside that answers echo requests, or takes datagrams */
    unsigned port;              /* of the datagrams */
    unsigned first, last, step; /* splits of a burst; last 0: to its end */
};

int wireclient_login(const struct wire_options *o);
int wireclient_connect(const struct wire_options *o);
int wireclient_load(const struct wire_options *o);
int wireclient_handover(const struct wire_options *o);

/** One line of JSON on stdout; takes the reference. */
void wire_say(json_t *object);
/** {"event": @event, "cause", "text"}; returns 1. */
int wire_say_fail(const char *event, const struct vc_fail *fail);
/** What CONNECT agreed. */
json_t *wire_answer_json(const struct wire_tunnel *t, const struct wire_tls *tls);
/** A line of stdin without what is behind it: later lines are read by somebody else. False at the end. */
bool wire_read_line(char *to, size_t cap);

#endif
