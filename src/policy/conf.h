#ifndef VC_POLICY_CONF_H
#define VC_POLICY_CONF_H

#include "base/addr.h"
#include "policy/conf_keys.h"
#include "policy/conf_note.h"
#include "policy/tls_priority.h"

/** The configuration as a value: every key that is served, read, checked, with its default where it is absent
 *  (docs/configuration.md). Made from bytes alone: several processes that read the same bytes hold the same model. No
 *  file is opened, no name resolved, no user looked up here. */
enum vc_conf_syslog_facility {
    VC_CONF_SYSLOG_DAEMON,
    VC_CONF_SYSLOG_USER,
    VC_CONF_SYSLOG_AUTH,
    VC_CONF_SYSLOG_AUTHPRIV,
    VC_CONF_SYSLOG_LOCAL0, /* up to LOCAL0 + 7 */
};
enum vc_conf_log_format { VC_CONF_LOG_TEXT, VC_CONF_LOG_JSON };
enum vc_conf_rekey { VC_CONF_REKEY_SSL, VC_CONF_REKEY_NEW_TUNNEL };
enum vc_conf_tls_max { VC_CONF_TLS_AUTO, VC_CONF_TLS_1_2, VC_CONF_TLS_1_3 };
enum vc_conf_dtls_cookie { VC_CONF_COOKIE_AUTO, VC_CONF_COOKIE_ON, VC_CONF_COOKIE_OFF };
enum vc_conf_bye { VC_CONF_BYE_DETACH, VC_CONF_BYE_LOGOUT };
enum vc_conf_unknown_url { VC_CONF_URL_DEFAULT, VC_CONF_URL_REJECT };
enum vc_conf_same { VC_CONF_SAME_REFUSE, VC_CONF_SAME_OLDEST };
enum vc_conf_dtls_legacy {
    VC_CONF_LEGACY_12,   /* key absent: resumption with DTLS 1.2 only */
    VC_CONF_LEGACY_ALL,  /* true: with 0x0100 too */
    VC_CONF_LEGACY_NONE, /* false: no resumption, PSK only */
};

#define VC_CONF_GROUPS_MAX 96
#define VC_CONF_DNS_MAX 64 /* of dns, and of nbns */
#define VC_CONF_SPLIT_DNS_MAX 1024
#define VC_CONF_ROUTES_MAX 4096 /* of route, and of no-route */
#define VC_CONF_VHOSTS_MAX 64
#define VC_CONF_HEADERS_MAX 32
#define VC_CONF_FILE_MAX (256U << 10) /* bytes of a file of a group or user */
#define VC_CONF_MAX_CLIENTS 8192
#define VC_CONF_VERIFIERS 4

struct vc_conf_group {
    const char *name;
    const char *label; /* never NULL */
};

/** Where a value came from. */
struct vc_conf_origin {
    const char *file; /* NULL: it is the default */
    unsigned line;    /* of the last line that set it */
};

/** All pointers are the configuration's own, or those of the one that it lies over, valid until vc_conf_deinit; strings
 *  end in NUL. NULL, a family NONE or a count of 0 where the key is absent and has no default. Times are in seconds. */
struct vc_conf {
    /* login */
    const char *passwd_file; /* ocpasswd format; never NULL */
    struct vc_conf_group *groups;
    size_t n_groups;
    const char *default_select_group; /* the label of "the user's own group"; NULL: no such entry */
    bool select_group_by_url;         /* as written: see vc_conf_by_url */
    bool list_groups;
    enum vc_conf_unknown_url unknown_url;
    const char *banner, *pre_login_banner;
    uint32_t auth_timeout_s, cookie_timeout_s;
    bool persistent_cookies, deny_roaming;
    uint32_t max_clients;      /* never 0 */
    uint32_t max_same_clients; /* 0: no limit */
    enum vc_conf_same same_clients;
    /* Folders with a file for each, and the file for those who have none there: for vc_conf_overlay. */
    const char *config_per_user, *config_per_group, *default_user_config, *default_group_config;

    /* listening, certificates */
    const char *listen_host;               /* NULL: all addresses */
    const char *udp_listen_host;           /* as listen_host when absent */
    struct vc_ip listen_ip, udp_listen_ip; /* the same where they are addresses; NONE: a host name, or absent */
    uint16_t tcp_port;                     /* never 0 */
    uint16_t udp_port;                     /* 0: no DTLS */
    const char *server_cert, *server_key;  /* PEM files; never NULL */
    const char *tls_priorities;            /* as written */
    struct vc_tls_priority tls_priority;
    enum vc_conf_tls_max tls_max;
    bool listen_host_is_dyndns;
    const char **custom_headers; /* "Name: value", with placeholders (policy/placeholders.h) */
    size_t n_custom_headers;
    const char *proxy_url; /* likewise */

    /* processes, files, logging */
    const char *run_as_user;
    const char *run_as_group;                             /* NULL: run_as_user's own */
    const char *occtl_socket_file, *pid_file, *state_dir; /* NULL: the places of docs/architecture.md, "Defaults" */
    bool use_occtl;
    uint32_t log_level;
    enum vc_conf_syslog_facility syslog_facility;
    enum vc_conf_log_format log_format;
    uint32_t tunnel_processes, portal_processes; /* 0: one per CPU */
    uint32_t verifiers;                          /* never 0 */

    /* addresses, routes, names */
    const char *device;                          /* front part; the interface is this and "0" */
    struct vc_prefix ipv4_network, ipv6_network; /* at least one is there, with room for a client */
    uint8_t ipv6_subnet_prefix;                  /* longer than ipv6_network's */
    bool predictable_ips, nat;
    struct vc_ip *dns, *nbns;
    size_t n_dns, n_nbns;
    const char **split_dns;
    size_t n_split_dns;
    const char *default_domain; /* one blank between two */
    bool tunnel_all_dns;
    struct vc_prefix *routes; /* a family without any: default route */
    size_t n_routes;
    struct vc_prefix *no_routes;
    size_t n_no_routes;
    bool append_routes; /* those of users and groups are added */
    bool client_bypass_protocol;

    /* timers and transport */
    uint32_t idle_timeout_s, mobile_idle_timeout_s, session_timeout_s; /* 0: off */
    uint32_t keepalive_s, mobile_keepalive_s, dpd_s, mobile_dpd_s;     /* 0: off */
    uint32_t switch_to_tcp_s;                                          /* 0: off */
    uint32_t rekey_s;                                                  /* 0: only at limits; at most 31536000 */
    enum vc_conf_rekey rekey_method;
    uint32_t mtu; /* of the link; 0: no limit */
    bool no_udp, dtls_psk, match_tls_dtls_ciphers;
    enum vc_conf_dtls_legacy dtls_legacy; /* as written: see vc_conf_dtls_legacy */
    bool cisco_client_compat;
    enum vc_conf_dtls_cookie dtls_cookie;
    enum vc_conf_bye cisco_bye;

    struct vc_conf_vhost {
        const char *name; /* in small letters */
        struct vc_conf *conf;
    } * vhosts; /* of the global part only */
    size_t n_vhosts;

    struct vc_conf_origin origin[VC_N_CONF_KEYS]; /* by main names */
    struct vc_conf_block *blocks;                 /* what the pointers point into, where it is our own */
};

/** What is in force after cisco-client-compat and match-tls-dtls-ciphers, and which key says so. */
bool vc_conf_by_url(const struct vc_conf *conf, enum vc_conf_key *said_by);
enum vc_conf_dtls_legacy vc_conf_dtls_legacy(const struct vc_conf *conf, enum vc_conf_key *said_by);

/**
 * Reads a whole configuration, and what each of its virtual hosts makes of it.
 * @conf       empty (zeroed); on failure it is left so
 * @file_name  for messages and origins; not opened
 * @bytes      the file's content; not needed afterwards
 * @notes      grows, whether or not the reading succeeds; may be NULL
 * Returns 0; or -1 with *fail (VC_CAUSE_CONFIG, "FILE:LINE: KEY: reason", or NO_MEMORY).
 */
int vc_conf_read(struct vc_conf *conf, const char *file_name, const void *bytes, size_t len,
                 struct vc_conf_notes *notes, struct vc_fail *fail);

/** The part for a server name of TLS (RFC 6066 3; any case, a dot at its end is no part of it): that of the virtual
 * host of this name, else @conf itself. */
const struct vc_conf *vc_conf_of_host(const struct vc_conf *conf, struct vc_str name);

/**
 * Lays a file of a group or a user over what holds without it: a key of scope U that is in the file takes the place of
 * the one below, a list as a whole, but routes add up where append-routes is on (docs/configuration.md, "Files"). Other
 * keys are noted and skipped. Parameters as above.
 * @conf  empty
 * @base  outlives @conf
 */
int vc_conf_overlay(struct vc_conf *conf, const struct vc_conf *base, const char *file_name, const void *bytes,
                    size_t len, struct vc_conf_notes *notes, struct vc_fail *fail);

/** Harmless on an empty one and twice. */
void vc_conf_deinit(struct vc_conf *conf);

/** Every effective value as a line of the same grammar. Without @origins what is printed reads back as the same model,
 *  virtual hosts included; with them the part alone is printed, as it is in force, and each line says where it came
 * from
 *  (" # FILE:7", " # default"). The writer is bad when it has no room. */
void vc_conf_print(const struct vc_conf *conf, bool origins, struct vc_writer *w);

#endif
