#ifndef VC_PROTO_CONNECT_GATEWAY_H
#define VC_PROTO_CONNECT_GATEWAY_H

#include "event/fail.h"
#include "proto/mtu.h"
#include "wire/connect_answer.h"
#include "wire/connect_request.h"

/** The gateway's decision about a CONNECT whose cookie was accepted: a pure function from what the client asked, what
 * its session and policy say and what TLS is, to the answer and to what the tunnel process must know (2-tunnel.md 2 to
 * 4, 13 to 15). Nothing is printed here. */

/** The policy that holds for this session, already resolved over global, vhost, group and user. All borrowed. */
struct vc_connect_policy {
    const struct vc_prefix *routes; /* none: default route into the tunnel */
    size_t n_routes;
    const struct vc_prefix *no_routes;
    size_t n_no_routes;
    const struct vc_ip *dns; /* both families */
    size_t n_dns;
    const struct vc_ip *nbns;
    size_t n_nbns;
    const struct vc_str *split_dns;
    size_t n_split_dns;
    const struct vc_str *http_headers; /* included-http-headers: "Name: value" */
    size_t n_http_headers;
    const struct vc_str *custom_headers; /* custom-header, %{U} and %{G} already replaced */
    size_t n_custom_headers;
    struct vc_str default_domain;
    struct vc_str banner;
    struct vc_str pac_url;
    struct vc_str hostname;     /* `hostname` of a user's file: overrides the client's own; empty: not set */
    struct vc_str gateway_name; /* told where neither the policy nor the client names one */

    uint32_t dpd_s, mobile_dpd_s, keepalive_s, mobile_keepalive_s; /* 0: off */
    uint32_t idle_s, mobile_idle_s;                                /* 0: none */
    uint32_t cookie_timeout_s;                                     /* told as Disconnected-Timeout */
    uint32_t rekey_s;                                              /* 0: new keys at the limits only */
    bool rekey_new_tunnel;                                         /* rekey-method = new-tunnel */
    uint32_t mtu;                                                  /* link MTU; 0: no limit */
    uint32_t switch_to_tcp_s;                                      /* 0: off */
    uint16_t udp_port;                                             /* 0: no DTLS */
    bool no_udp;
    bool tunnel_all_dns, client_bypass, dyn_dns;
    bool bye_is_logout; /* cisco-bye = logout */
};

/** What holds where the configuration says nothing (compat.md 2.6, 2.9); the lists are empty, udp_port is 0. */
void vc_connect_policy_defaults(struct vc_connect_policy *p);

struct vc_connect_session {
    struct vc_prefix v4;        /* the lease, with host bits; len: the pool's mask. Family NONE: no lease */
    struct vc_prefix v6;        /* len: what the client is given, 128 or 64 */
    uint32_t session_timeout_s; /* 0: none */
    uint32_t session_left_s;    /* of it, now; at least 1 */
    struct vc_str post_auth_xml;
};

struct vc_connect_tls {
    bool v13;
    enum vc_mtu_class mtu_class;
    uint32_t tcp_pmtu; /* 0: not known */
    bool tcp_timestamps;
    uint8_t outer; /* enum vc_family of the TLS peer */
};

/** The chosen DTLS (dtls_select). */
struct vc_connect_dtls {
    enum vc_dtls_mode mode; /* NONE: nothing was chosen; the rest is ignored */
    struct vc_str name;     /* as it stands in the header; static */
    bool header12;          /* X-DTLS12-CipherSuite */
    enum vc_mtu_class mtu_class;
    uint8_t id[32]; /* fresh and random, by the caller */
};

struct vc_connect_in {
    const struct vc_connect_request *request;
    const struct vc_connect_session *session;
    const struct vc_connect_policy *policy;
    const struct vc_connect_tls *tls;
    const struct vc_connect_dtls *dtls;
    int rekey_jitter_s; /* -30..30, the caller's random choice */
};

/** How a User-Agent is served (1-login.md 2.1); unknown ones as openconnect. */
enum vc_agent {
    VC_AGENT_OPENCONNECT,
    VC_AGENT_OLD_OPENCONNECT, /* version 3 and lower: no IPv6 routes */
    VC_AGENT_CISCO,
    VC_AGENT_CISCO_APPLE,
};
enum vc_agent vc_connect_agent(struct vc_str user_agent);

/** What the tunnel process needs of the decision; a value. */
struct vc_tunnel_params {
    struct vc_ip v4, v6; /* assigned: the only inner sources allowed; family NONE: not assigned */
    uint8_t v6_len;
    bool mobile;
    bool bye_is_logout;
    uint32_t dpd_s, keepalive_s; /* both channels */
    uint32_t idle_s;             /* 0: none */
    uint32_t key_update_s;       /* own KeyUpdate with update_requested each so many s; 0: at the limits only */
    uint32_t switch_to_tcp_s;
    struct vc_mtu mtu;
    enum vc_dtls_mode dtls;
    uint8_t dtls_id[32];
};

/**
 * @store   the answer's lists are built here
 * @answer  borrows from the store, the policy, the request and the session
 * Returns 0; or -1 with *fail (NO_ADDRESS) when the session has no address of a family that the client takes: 503.
 */
int vc_connect_decide(const struct vc_connect_in *in, struct vc_connect_store *store, struct vc_connect_answer *answer,
                      struct vc_tunnel_params *params, struct vc_fail *fail);

#endif
