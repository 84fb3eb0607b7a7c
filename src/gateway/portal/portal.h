#ifndef VC_GATEWAY_PORTAL_PORTAL_H
#define VC_GATEWAY_PORTAL_PORTAL_H

#include "base/heap.h"
#include "base/map.h"
#include "gateway/common/child.h"
#include "gateway/common/slots.h"
#include "proto/login_gateway.h"
#include "tls/conn.h"
#include "wire/connect_request.h"
#include "wire/http.h"

/** varco-portal: TLS handshakes, HTTP, forms, CONNECT. Holds connections, never a login and never a packet: what it
 * asks the authority is tracked there, and after CONNECT the connection goes to a tunnel process. */

#define VC_PORTAL_TUNNELS_MAX 64
#define VC_PORTAL_GROUPS_MAX 96

/* Limits of docs/threats.md, "Promises by phase". Seconds are totals: a byte now and then extends none of them. */
#define VC_PORTAL_HANDSHAKE_S 10
#define VC_PORTAL_HEAD_S 10
#define VC_PORTAL_BODY_S 30
#define VC_PORTAL_IDLE_S 60
#define VC_PORTAL_ANSWER_S 10   /* of the authority */
#define VC_PORTAL_AUTHORITY_S 5 /* for another authority to come */
#define VC_PORTAL_ADOPT_S 5     /* of a tunnel process */
#define VC_PORTAL_CLOSING_S 5
#define VC_PORTAL_REQUESTS_MAX 100
#define VC_PORTAL_LEAVING_S                                                                                            \
    10 /* for what is under way; a login goes on over another connection: the authority knows it */

struct vc_portal {
    struct vc_child child;
    uint16_t index;
    struct vc_port signer, authority, tunnels[VC_PORTAL_TUNNELS_MAX];
    struct vc_tls_server *tls;
    uint8_t tls_max;
    struct vc_str tls_priority; /* vc_tls_priority_pack; into setup_bytes */
    int listener;
    struct vc_watch listen_watch;
    bool accepting;
    unsigned logins;
    unsigned logins_max; /* then a fresh process takes its place: what was taken over sees little */
    bool asked_renewal;
    uint64_t leaving_ns;      /* no new connections; ends with its last one, or then; 0: serves */
    uint64_t accept_again_ns; /* when to try again; 0: no pause */
    bool waited;              /* full, it has left the next one to portals with room for a while */

    uint32_t auth_timeout_s;
    uint16_t max_connections;
    struct vc_login_policy policy; /* what documents need; texts point into setup_bytes */
    struct vc_login_group groups[VC_PORTAL_GROUPS_MAX];
    struct vc_str banner;
    uint8_t *setup_bytes;
    uint8_t cert_sha1[20]; /* of the certificate that is shown now */
    struct vc_fail setup_fail;

    struct vc_map by_id; /* u64 -> vc_conn */
    struct vc_slots slots;
    struct vc_heap deadlines; /* has room for max_connections */
    uint64_t next_id;
};

enum vc_conn_state {
    VC_CONN_HANDSHAKE,
    VC_CONN_REQUEST,    /* reads a request */
    VC_CONN_WAITING,    /* a request is whole, and there is no authority to ask just now */
    VC_CONN_ASKED,      /* the authority was asked about a login or logout */
    VC_CONN_CONNECTING, /* the authority was asked about CONNECT */
    VC_CONN_GRANTED,    /* the 200 is being written */
    VC_CONN_ADOPTING,   /* a tunnel process has it, and has not said so yet */
    VC_CONN_CLOSING,    /* the last answer is being written, or has left and the client's end is waited for */
};

/** One connection. */
struct vc_conn {
    uint64_t id; /* told in events as the number of the login */
    struct vc_portal *portal;
    int fd;
    struct vc_watch watch;
    struct vc_heap_node deadline;
    enum vc_conn_state state;
    unsigned slot;  /* of portal->slots */
    bool form_sent; /* the rest of auth-timeout applies between requests */
    bool close_after;
    uint8_t cert_sha1[20]; /* of the certificate that it was shown */
    bool lingers;          /* CLOSING: all was written, tls is gone */
    uint64_t login_by_ns;  /* end of auth-timeout once a form was sent */
    struct vc_endpoint source, local;
    struct vc_tls_conn *tls;
    unsigned requests;

    uint8_t *in; /* plaintext of the request that is being read */
    size_t in_len, in_cap;
    struct vc_http_scan scan;

    /* CONNECT */
    struct vc_connect_request *connect; /* its headers; with the DTLS master secret: wiped when freed */
    size_t head_len;                    /* of the CONNECT request in `in`; what lies behind it goes along */
    uint8_t dtls_mode;                  /* enum vc_dtls_mode, of the grant */
    uint16_t tunnel;
    uint64_t session;
    uint8_t ticket[16];
};

/* conn.c */
/** A fresh connection begins its handshake. 0; or -1 with *fail: @fd and @slot are still the caller's. */
int vc_conn_begin(struct vc_portal *p, int fd, const struct vc_endpoint *source, const struct vc_endpoint *local,
                  unsigned slot, struct vc_fail *fail);
void vc_conn_go_on(struct vc_conn *c); /* after the signer or a writable socket */
void vc_conn_free(struct vc_conn *c);
void vc_conn_fail(struct vc_conn *c, enum vc_event_id id, const struct vc_fail *fail); /* event, then free */
void vc_conn_deadline(struct vc_conn *c, uint64_t seconds);
/** Whether there is no authority just now: then the request waits for another one and is handled anew when it comes. */
bool vc_conn_waits(struct vc_conn *c);
/** Writes an answer; the connection goes on, or closes behind it. */
void vc_conn_answer(struct vc_conn *c, struct vc_http_answer *a);
/** An event about this connection, with its source. */
struct vc_event vc_conn_event(const struct vc_conn *c, enum vc_event_id id, enum vc_outcome outcome);
/** Gives the signature that a handshake waits for. */
void vc_conn_signed(struct vc_portal *p, const struct vc_msg *m);
void vc_conn_timeout(struct vc_conn *c);
struct vc_conn *vc_conn_find(struct vc_portal *p, uint64_t id);

/** Ends it, because somebody else is to have its place. */
void vc_conn_dismiss(struct vc_conn *c, const struct vc_fail *fail);

/* door.c */
void vc_door_accept(struct vc_portal *p);
void vc_door_open(struct vc_portal *p); /* a place is free */

/* request.c */
void vc_request_handle(struct vc_conn *c, const struct vc_http_request *req);
void vc_request_form(struct vc_conn *c, const struct vc_msg *m);
void vc_request_success(struct vc_conn *c, const struct vc_msg *m);
void vc_request_logged_out(struct vc_conn *c);
/** An answer with a status and no body; @reason NULL: the usual phrase; @x_reason NULL: no X-Reason. */
void vc_request_status(struct vc_conn *c, int status, const char *reason, const char *x_reason, bool close);

/* handover.c */
void vc_handover_connect(struct vc_conn *c, const struct vc_http_request *req);
void vc_handover_grant(struct vc_conn *c, const struct vc_msg *m);
void vc_handover_deny(struct vc_conn *c, const struct vc_msg *m);
void vc_handover_written(struct vc_conn *c); /* the 200 has left: cut, and offer to the tunnel process */
void vc_handover_adopted(struct vc_portal *p, uint16_t tunnel, const struct vc_msg *m);
void vc_handover_not_adopted(struct vc_portal *p, uint16_t tunnel, const struct vc_msg *m);
void vc_handover_tunnel_lost(struct vc_portal *p, uint16_t tunnel);

#endif
