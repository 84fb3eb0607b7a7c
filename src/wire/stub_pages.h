#ifndef VC_WIRE_STUB_PAGES_H
#define VC_WIRE_STUB_PAGES_H

#include "base/str.h"

#include <stdint.h>

/** What a gateway answers to a GET or HEAD of phases 1 and 4 without a file (1-login.md 3.9, 8.2): a fixed table, so no
 *  path from outside ever names anything. The stubs keep Cisco's downloader content: nothing there is ever newer than
 *  what it has. They need no token. */

enum vc_page_kind {
    VC_PAGE_NOT_FOUND, /* 404, no body, Connection: close */
    VC_PAGE_STUB,      /* 200 with type and body, Cache-Control: no-store */
    VC_PAGE_PROBE,     /* the same, then Connection: close: SC's agent looks whether the network is captive */
    VC_PAGE_PROFILE,   /* under profiles/: 403 without the token of a session; with one, its profile or 404 */
    VC_PAGE_LOGOUT,    /* 200 without a body; clears the cookie webvpn and ends its session (11) */
};

struct vc_page {
    enum vc_page_kind kind;
    const char *type; /* Content-Type; NULL without a body */
    struct vc_str body;
};

/**
 * @path   decoded once, without query; a trailing ":443" or the like is ignored (8.1)
 * @agent  User-Agent, empty when absent
 * The views in the answer are constants.
 */
struct vc_page vc_stub_page(struct vc_str path, struct vc_str agent);

/** 405 carries this as Allow. */
#define VC_PAGE_ALLOW "GET, HEAD, POST, CONNECT"

#endif
