#ifndef VC_POLICY_CONF_KEYS_H
#define VC_POLICY_CONF_KEYS_H

#include "base/str.h"

/** Every key that the configuration may hold: ocserv's and our own. docs/configuration.md
 * is this table (a test compares them). Columns:
 *  - id, name
 *  - scope: G global only, V also per virtual host, U also in files per user and group
 *  - reload: NOW changes with a reload, START does not
 *  - what a value is (the K_ macros of conf_keys.c); K_LIST: every line adds one; K_SAME: another name of that key
 *  - SERVED; LATER: known, not served yet; NOTHING: accepted, without effect here
 *  - the value when the key is absent, in the form that a line would have; "none": there is none
 *  - what it does, as an infinitive ("would " fits in front); for NOTHING a sentence: why it has no effect */
// clang-format off
#define VC_CONF_KEYS(X) \
    /* authentication and identity */ \
    X(AUTH, "auth", V, START, K_LIST(AUTH), SERVED, "none", "say how users log in: plain[passwd=FILE], a password file in ocpasswd's format; required") \
    X(ENABLE_AUTH, "enable-auth", V, START, K_LIST(TEXT), LATER, "none", "accept another method of login beside auth") \
    X(ACCT, "acct", V, START, K(TEXT), LATER, "none", "send accounting to RADIUS or PAM") \
    X(CERT_USER_OID, "cert-user-oid", V, NOW, K(TEXT), LATER, "none", "say where a client certificate holds the user name") \
    X(CERT_GROUP_OID, "cert-group-oid", V, NOW, K(TEXT), LATER, "none", "say where a client certificate holds the group") \
    X(SELECT_GROUP, "select-group", V, NOW, K_LIST(GROUP), SERVED, "none", "offer a group in the login form: name, or name[Label shown]; at most 96") \
    X(DEFAULT_SELECT_GROUP, "default-select-group", V, NOW, K_TEXT(256), SERVED, "none", "offer one more entry of this label: the user's own group") \
    X(AUTO_SELECT_GROUP, "auto-select-group", V, NOW, K(BOOL), LATER, "false", "offer every group that the password file or the system knows") \
    X(SELECT_GROUP_BY_URL, "select-group-by-url", V, NOW, K(BOOL), SERVED, "false", "let the path of the URL choose the group; on with cisco-client-compat") \
    X(COOKIE_TIMEOUT, "cookie-timeout", V, NOW, K_NUMBER(1, 2147483647), SERVED, "300", "keep a session without a tunnel for so many seconds") \
    X(PERSISTENT_COOKIES, "persistent-cookies", V, NOW, K(BOOL), SERVED, "false", "keep a session's token valid after logout and disconnect, until cookie-timeout") \
    X(DENY_ROAMING, "deny-roaming", U, NOW, K(BOOL), SERVED, "false", "refuse a session's token from any address but the one it was given to") \
    X(AUTH_TIMEOUT, "auth-timeout", G, NOW, K_NUMBER(1, 86400), SERVED, "240", "end a login that is not complete after so many seconds") \
    X(MAX_SAME_CLIENTS, "max-same-clients", U, NOW, K_NUMBER(0, 1000000), SERVED, "0", "limit the sessions of one user; 0: no limit") \
    X(PROXY_URL, "proxy-url", V, NOW, K_TEXT(1024), SERVED, "none", "tell clients where their proxy configuration (PAC) lies; %{U}, %{G}: user and group") \
    X(KKDCP, "kkdcp", V, NOW, K_LIST(TEXT), LATER, "none", "relay Kerberos requests from a path to a KDC") \
    /* listening and certificates */ \
    X(LISTEN_HOST, "listen-host", G, START, K(HOST), SERVED, "none", "listen on this address or host name only; absent: on all addresses") \
    X(UDP_LISTEN_HOST, "udp-listen-host", G, START, K(HOST), SERVED, "none", "listen for DTLS on this address or host name; absent: as listen-host") \
    X(LISTEN_HOST_IS_DYNDNS, "listen-host-is-dyndns", V, NOW, K(BOOL), SERVED, "false", "tell clients to resolve the gateway's name again before they reconnect") \
    X(LISTEN_NETNS, "listen-netns", G, START, K(TEXT), LATER, "none", "open the listening sockets in this network namespace") \
    X(TCP_PORT, "tcp-port", G, START, K_NUMBER(1, 65535), SERVED, "none", "listen for TLS on this TCP port; required") \
    X(UDP_PORT, "udp-port", G, START, K_NUMBER(0, 65535), SERVED, "0", "listen for DTLS on this UDP port; 0: no DTLS") \
    X(LISTEN_PROXY_PROTO, "listen-proxy-proto", G, NOW, K(BOOL), LATER, "false", "take the client's address from haproxy's PROXY header") \
    X(SERVER_CERT, "server-cert", V, START, K_LIST(PATH), SERVED, "none", "show the certificate chain in this PEM file; required; the first one is used") \
    X(SERVER_KEY, "server-key", V, START, K_LIST(PATH), SERVED, "none", "sign with the private key in this PEM file; required; the first one is used") \
    X(CA_CERT, "ca-cert", V, START, K(PATH), LATER, "none", "check client certificates against these CAs, and name them in the request") \
    X(CRL, "crl", V, NOW, K(PATH), LATER, "none", "refuse the client certificates on this revocation list") \
    X(OCSP_RESPONSE, "ocsp-response", V, NOW, K(PATH), LATER, "none", "staple this OCSP response to the certificate") \
    X(DH_PARAMS, "dh-params", V, START, K(PATH), NOTHING, "none", "the TLS library chooses its groups by itself") \
    X(PIN_FILE, "pin-file", V, START, K(PATH), LATER, "none", "open an encrypted key or token with the PIN in this file") \
    X(SRK_PIN_FILE, "srk-pin-file", V, START, K(PATH), LATER, "none", "open a TPM with the PIN in this file") \
    X(KEY_PIN, "key-pin", V, START, K(TEXT), LATER, "none", "open an encrypted key or token with this PIN") \
    X(SRK_PIN, "srk-pin", V, START, K(TEXT), LATER, "none", "open a TPM with this PIN") \
    X(TLS_PRIORITIES, "tls-priorities", V, NOW, K(TEXT), SERVED, "none", "restrict TLS versions, suites and groups by a GnuTLS priority string") \
    X(MATCH_TLS_DTLS_CIPHERS, "match-tls-dtls-ciphers", V, NOW, K(BOOL), SERVED, "false", "allow for DTLS only the cipher that TLS has; excludes dtls-legacy") \
    X(INCLUDED_HTTP_HEADERS, "included-http-headers", V, NOW, K_LIST(TEXT), LATER, "none", "add header lines to every HTTP answer") \
    X(CUSTOM_HEADER, "custom-header", V, NOW, K_LIST(TEXT), SERVED, "none", "add a header line, Name: value, to the answer to CONNECT; %{U}, %{G}: user and group; at most 32") \
    X(CAMOUFLAGE, "camouflage", V, NOW, K(BOOL), LATER, "false", "hide the gateway from whoever does not know a word in the URL") \
    X(CAMOUFLAGE_SECRET, "camouflage_secret", V, NOW, K(TEXT), LATER, "none", "set the word that camouflage asks for") \
    X(CAMOUFLAGE_REALM, "camouflage_realm", V, NOW, K(TEXT), LATER, "none", "make camouflage answer as a web server with this realm") \
    /* processes, files, logging */ \
    X(RUN_AS_USER, "run-as-user", G, START, K(NAME), SERVED, "varco-net", "run the processes that face the network as this user") \
    X(RUN_AS_GROUP, "run-as-group", G, START, K(NAME), SERVED, "varco-net", "run them as this group; absent beside run-as-user: that user's own") \
    X(SOCKET_FILE, "socket-file", G, START, K(PATH), NOTHING, "none", "the processes inherit their sockets, which have no names") \
    X(OCCTL_SOCKET_FILE, "occtl-socket-file", G, START, K_TEXT(107), SERVED, "none", "take commands on this socket; absent: control.sock in the run directory") \
    X(USE_OCCTL, "use-occtl", G, NOW, K(BOOL), SERVED, "true", "open the control socket") \
    X(CHROOT_DIR, "chroot-dir", G, START, K(PATH), NOTHING, "none", "the processes see no files at all, whatever their root is") \
    X(ISOLATE_WORKERS, "isolate-workers", G, NOW, K(BOOL), NOTHING, "true", "the processes are always separate and confined") \
    X(LIMIT_WORKER_MEMORY, "limit-worker-memory", G, NOW, K(BOOL), NOTHING, "true", "every table and queue has a limit of its own") \
    X(SEC_MOD_SCALE, "sec-mod-scale", G, START, K_NUMBER(0, 256), SERVED, "4", "start so many processes that check passwords; 0: as when absent") \
    X(PID_FILE, "pid-file", G, START, K(PATH), SERVED, "none", "write the supervisor's process number here") \
    X(LOG_LEVEL, "log-level", G, START, K_NUMBER(0, 9999), SERVED, "2", "say how much is logged: 0 little, 1 basic, 2 info, 3 and above debugging") \
    X(SYSLOG_FACILITY, "syslog-facility", G, START, K_CHOICE("daemon|user|auth|authpriv|local0|local1|local2|local3|local4|local5|local6|local7"), SERVED, "daemon", "log under this facility of syslog") \
    X(USE_UTMP, "use-utmp", G, NOW, K(BOOL), LATER, "true", "record sessions in utmp") \
    X(CONNECT_SCRIPT, "connect-script", G, NOW, K(PATH), LATER, "none", "run this program for every new tunnel, which may refuse it") \
    X(DISCONNECT_SCRIPT, "disconnect-script", G, NOW, K(PATH), LATER, "none", "run this program when a tunnel ends") \
    X(HOST_UPDATE_SCRIPT, "host-update-script", G, NOW, K(PATH), LATER, "none", "run this program when a client tells its host name") \
    X(SERVER_STATS_RESET_TIME, "server-stats-reset-time", G, START, K_NUMBER(0, 2147483647), LATER, "604800", "start the counters of show status anew after so many seconds") \
    X(STATS_REPORT_TIME, "stats-report-time", U, NOW, K_NUMBER(0, 2147483647), LATER, "0", "send accounting in between every so many seconds") \
    /* limits and abuse */ \
    X(MAX_CLIENTS, "max-clients", G, NOW, K_NUMBER(0, 1000000), SERVED, "8192", "limit the sessions of all users; 0: as when absent") \
    X(RATE_LIMIT_MS, "rate-limit-ms", G, NOW, K_NUMBER(0, 60000), LATER, "0", "pause between new connections while logins queue up") \
    X(SERVER_DRAIN_MS, "server-drain-ms", G, NOW, K_NUMBER(0, 3600000), LATER, "0", "go on with open tunnels for a while when told to stop") \
    X(MAX_BAN_SCORE, "max-ban-score", G, NOW, K_NUMBER(0, 2147483647), LATER, "80", "ban an address whose points reach this number") \
    X(BAN_TIME, "ban-time", G, NOW, K_NUMBER(0, 2147483647), LATER, "300", "ban for so many seconds") \
    X(BAN_RESET_TIME, "ban-reset-time", G, NOW, K_NUMBER(0, 2147483647), LATER, "1200", "forget an address's points after so many seconds") \
    X(BAN_POINTS_WRONG_PASSWORD, "ban-points-wrong-password", G, NOW, K_NUMBER(0, 2147483647), LATER, "10", "count so many points for a wrong password") \
    X(BAN_POINTS_CONNECTION, "ban-points-connection", G, NOW, K_NUMBER(0, 2147483647), LATER, "1", "count so many points for a connection") \
    X(BAN_POINTS_KKDCP, "ban-points-kkdcp", G, NOW, K_NUMBER(0, 2147483647), LATER, "1", "count so many points for a Kerberos request") \
    X(RX_DATA_PER_SEC, "rx-data-per-sec", U, NOW, K_NUMBER(0, 4294967295), LATER, "0", "limit the bytes per second that a client sends") \
    X(TX_DATA_PER_SEC, "tx-data-per-sec", U, NOW, K_NUMBER(0, 4294967295), LATER, "0", "limit the bytes per second that a client receives") \
    X(NET_PRIORITY, "net-priority", U, NOW, K(TEXT), LATER, "none", "mark a client's outer packets with a priority or TOS value") \
    /* timers and transport */ \
    X(KEEPALIVE, "keepalive", U, NOW, K_NUMBER(0, 31536000), SERVED, "20", "have a silent channel say something every so many seconds (absent: 120 for mobile clients); 0: off") \
    X(DPD, "dpd", U, NOW, K_NUMBER(0, 31536000), SERVED, "30", "ask a silent client whether it lives after so many seconds; 0: off") \
    X(MOBILE_DPD, "mobile-dpd", U, NOW, K_NUMBER(0, 31536000), SERVED, "300", "be dpd for mobile clients") \
    X(SWITCH_TO_TCP_TIMEOUT, "switch-to-tcp-timeout", V, NOW, K_NUMBER(0, 31536000), SERVED, "25", "send over TLS when no UDP came for so many seconds; 0: off") \
    X(IDLE_TIMEOUT, "idle-timeout", U, NOW, K_NUMBER(0, 2147483647), SERVED, "0", "end a session without data after so many seconds; 0: off") \
    X(MOBILE_IDLE_TIMEOUT, "mobile-idle-timeout", U, NOW, K_NUMBER(0, 2147483647), SERVED, "none", "be idle-timeout for mobile clients; absent: the same") \
    X(SESSION_TIMEOUT, "session-timeout", U, NOW, K_NUMBER(0, 2147483647), SERVED, "0", "end a session so many seconds after its login; 0: off") \
    X(REKEY_TIME, "rekey-time", V, NOW, K_NUMBER(0, 4294967295), SERVED, "86400", "change keys every so many seconds, at most 31536000; 0: only at the ciphers' limits") \
    X(REKEY_METHOD, "rekey-method", V, NOW, K_CHOICE("ssl|new-tunnel"), SERVED, "ssl", "change keys within the connection (ssl, TLS 1.3 only) or by a new one (new-tunnel)") \
    X(MTU, "mtu", U, NOW, K_NUMBER(576, 65535), SERVED, "none", "assume that no path carries larger packets; absent: no limit") \
    X(TRY_MTU_DISCOVERY, "try-mtu-discovery", G, NOW, K(BOOL), LATER, "false", "find a path's MTU by probes") \
    X(OUTPUT_BUFFER, "output-buffer", V, NOW, K_NUMBER(0, 65535), LATER, "0", "size the send buffer in packets") \
    X(NO_UDP, "no-udp", U, NOW, K(BOOL), SERVED, "false", "offer no DTLS") \
    X(COMPRESSION, "compression", V, NOW, K(BOOL), LATER, "false", "compress packets") \
    X(COMPRESSION_ALGO_PRIORITY, "compression-algo-priority", G, NOW, K(TEXT), LATER, "lz4:lzs", "order the ways of compression") \
    X(NO_COMPRESS_LIMIT, "no-compress-limit", V, NOW, K_NUMBER(0, 65535), LATER, "256", "leave packets below this size as they are") \
    X(CISCO_CLIENT_COMPAT, "cisco-client-compat", V, NOW, K(BOOL), SERVED, "false", "serve old AnyConnect clients: dtls-legacy and select-group-by-url are on") \
    X(DTLS_LEGACY, "dtls-legacy", V, NOW, K(BOOL), SERVED, "none", "resume DTLS from the client's secret: absent, with DTLS 1.2; true, also with 0x0100; false, not at all") \
    X(DTLS_PSK, "dtls-psk", G, NOW, K(BOOL), SERVED, "true", "negotiate DTLS with a key that comes from TLS (PSK-NEGOTIATE)") \
    X(CISCO_SVC_CLIENT_COMPAT, "cisco-svc-client-compat", V, NOW, K(BOOL), LATER, "false", "serve Cisco's desk phones") \
    X(CLIENT_BYPASS_PROTOCOL, "client-bypass-protocol", U, NOW, K(BOOL), SERVED, "false", "let a family for which the client has no address go past the tunnel; false: it is dropped") \
    /* addresses, routes, names */ \
    X(DEVICE, "device", G, NOW, K(DEVICE), SERVED, "vpns", "name the TUN device: this and a 0") \
    X(IPV4_NETWORK, "ipv4-network", U, NOW, K(NETWORK), SERVED, "none", "lease IPv4 addresses of this network; one of the two networks is required") \
    X(IPV4_NETMASK, "ipv4-netmask", U, NOW, K(ADDRESS), SERVED, "none", "be the mask of ipv4-network where that has no /length") \
    X(IPV6_NETWORK, "ipv6-network", U, NOW, K(NETWORK), SERVED, "none", "lease IPv6 addresses of this network") \
    X(IPV6_SUBNET_PREFIX, "ipv6-subnet-prefix", U, NOW, K_NUMBER(1, 128), SERVED, "128", "lease each client an IPv6 network of this length; 128: one address") \
    X(PREDICTABLE_IPS, "predictable-ips", V, NOW, K(BOOL), SERVED, "true", "lease a user the same address each time when it is free") \
    X(PING_LEASES, "ping-leases", G, NOW, K(BOOL), LATER, "false", "ping an address before it is leased") \
    X(DEFAULT_DOMAIN, "default-domain", V, NOW, K(DOMAINS), SERVED, "none", "give clients these search domains, separated by blanks") \
    X(DNS, "dns", U, NOW, K_LIST(ADDRESS), SERVED, "none", "give clients this name server") \
    X(IPV4_DNS, "ipv4-dns", U, NOW, K_SAME(DNS), SERVED, "none", "be another name of dns") \
    X(IPV6_DNS, "ipv6-dns", U, NOW, K_SAME(DNS), SERVED, "none", "be another name of dns") \
    X(NBNS, "nbns", U, NOW, K_LIST(ADDRESS), SERVED, "none", "give clients this NetBIOS (WINS) server") \
    X(IPV4_NBNS, "ipv4-nbns", U, NOW, K_SAME(NBNS), SERVED, "none", "be another name of nbns") \
    X(IPV6_NBNS, "ipv6-nbns", U, NOW, K_SAME(NBNS), SERVED, "none", "be another name of nbns") \
    X(SPLIT_DNS, "split-dns", U, NOW, K_LIST(DOMAIN), SERVED, "none", "send names below this domain to the tunnel's name servers") \
    X(TUNNEL_ALL_DNS, "tunnel-all-dns", U, NOW, K(BOOL), SERVED, "false", "forbid clients to ask other name servers") \
    X(ROUTE, "route", U, NOW, K_LIST(ROUTE), SERVED, "none", "route this network, or default, through the tunnel; absent: default") \
    X(NO_ROUTE, "no-route", U, NOW, K_LIST(NETWORK), SERVED, "none", "route this network past the tunnel") \
    X(EXPOSE_IROUTES, "expose-iroutes", V, NOW, K(BOOL), LATER, "false", "offer the networks behind clients to all others") \
    X(ROUTE_ADD_CMD, "route-add-cmd", G, NOW, K(TEXT), LATER, "none", "route the network behind a client with this command") \
    X(ROUTE_DEL_CMD, "route-del-cmd", G, NOW, K(TEXT), LATER, "none", "take that route away with this command") \
    X(RESTRICT_USER_TO_ROUTES, "restrict-user-to-routes", U, NOW, K(BOOL), LATER, "false", "confine clients to their routes by firewall rules") \
    X(RESTRICT_USER_TO_PORTS, "restrict-user-to-ports", U, NOW, K(TEXT), LATER, "none", "confine clients to these ports by firewall rules") \
    X(BANNER, "banner", V, NOW, K_TEXT(2048), SERVED, "none", "show this text after login") \
    X(PRE_LOGIN_BANNER, "pre-login-banner", V, NOW, K_TEXT(2048), SERVED, "none", "show this text above the login form") \
    X(USER_PROFILE, "user-profile", V, NOW, K(PATH), LATER, "none", "offer this XML profile for download") \
    X(CONFIG_PER_USER, "config-per-user", V, NOW, K(PATH), SERVED, "none", "read settings of single users from this directory") \
    X(CONFIG_PER_GROUP, "config-per-group", V, NOW, K(PATH), SERVED, "none", "read settings of groups from this directory") \
    X(DEFAULT_USER_CONFIG, "default-user-config", V, NOW, K(PATH), SERVED, "none", "read settings of users without a file from this one") \
    X(DEFAULT_GROUP_CONFIG, "default-group-config", V, NOW, K(PATH), SERVED, "none", "read settings of groups without a file from this one") \
    /* obsolete or undocumented in ocserv */ \
    X(APPEND_ROUTES, "append-routes", V, NOW, K(BOOL), SERVED, "false", "add the routes of users and groups to the global ones") \
    X(SEC_MOD_DB_CLEANUP_TIME, "sec-mod-db-cleanup-time", G, NOW, K_NUMBER(0, 2147483647), NOTHING, "none", "expired sessions leave the store when they expire") \
    X(DEBUG_NO_SECMOD_STATS, "debug-no-secmod-stats", G, NOW, K(BOOL), NOTHING, "none", "it is a test switch of ocserv") \
    X(USE_SECCOMP, "use-seccomp", G, NOW, K_SAME(ISOLATE_WORKERS), NOTHING, "none", "it is the old name of isolate-workers") \
    X(USE_DBUS, "use-dbus", G, NOW, K_SAME(USE_OCCTL), SERVED, "none", "be the old name of use-occtl") \
    X(ALWAYS_REQUIRE_CERT, "always-require-cert", V, NOW, K(BOOL), SERVED, "none", "when false: be cisco-client-compat = true") \
    X(SESSION_CONTROL, "session-control", V, NOW, K(BOOL), NOTHING, "none", "ocserv ignores it too") \
    X(LISTEN_CLEAR_FILE, "listen-clear-file", G, START, K(PATH), NOTHING, "none", "ocserv dropped the socket without TLS in 1.1.2") \
    X(CGROUP, "cgroup", U, NOW, K(TEXT), NOTHING, "none", "resources are limited by the service manager") \
    X(MIN_REAUTH_TIME, "min-reauth-time", G, NOW, K_SAME(BAN_TIME), LATER, "none", "be the old name of ban-time") \
    X(IPV6_PREFIX, "ipv6-prefix", U, NOW, K_NUMBER(1, 128), SERVED, "none", "be the length of ipv6-network where that has none") \
    /* ours */ \
    X(TLS_MAX, "tls-max", V, NOW, K_CHOICE("auto|1.2|1.3"), SERVED, "auto", "allow TLS up to this version; auto: 1.3, but 1.2 where 1.3 would fail old clients") \
    X(TLS_LEGACY, "tls-legacy", V, NOW, K_LIST(TEXT), LATER, "none", "allow old cipher suites: cbc, rsa-kx") \
    X(DTLS_COOKIE, "dtls-cookie", G, NOW, K_CHOICE("auto|on|off"), SERVED, "auto", "ask a DTLS client to prove its address first; auto: a new address, or under load") \
    X(STRAP, "strap", V, NOW, K_CHOICE("check|require"), LATER, "check", "check or demand the proof that CONNECT comes from the client that logged in") \
    X(SAME_CLIENTS, "same-clients", U, NOW, K_CHOICE("refuse|oldest"), SERVED, "refuse", "refuse a login beyond max-same-clients, or end the oldest session of this user") \
    X(CISCO_BYE, "cisco-bye", V, NOW, K_CHOICE("detach|logout"), SERVED, "detach", "keep (detach) or end (logout) the session of a client that leaves without saying why") \
    X(V1, "v1", V, NOW, K(BOOL), LATER, "true", "serve clients that log in without aggregate authentication") \
    X(LIST_GROUPS, "list-groups", V, NOW, K(BOOL), SERVED, "true", "show the groups in the login form; false: only the URL chooses") \
    X(UNKNOWN_URL, "unknown-url", V, NOW, K_CHOICE("default|reject"), SERVED, "default", "show the default group at a path that names none, or reject it") \
    X(SPLIT_EXCLUDE_DOMAIN, "split-exclude-domain", U, NOW, K_LIST(TEXT), LATER, "none", "send what belongs to this domain past the tunnel") \
    X(SPLIT_INCLUDE_DOMAIN, "split-include-domain", U, NOW, K_LIST(TEXT), LATER, "none", "send what belongs to this domain through the tunnel") \
    X(LANDING_PAGE, "landing-page", V, NOW, K(PATH), LATER, "none", "show this HTML file to browsers") \
    X(CLIENT_PACKAGES, "client-packages", V, NOW, K(PATH), LATER, "none", "offer the client packages in this directory") \
    X(NAT, "nat", G, NOW, K(BOOL), SERVED, "false", "masquerade the pools' packets that leave by another interface, and switch IPv4 forwarding on for it") \
    X(LISTEN_PROXY_FROM, "listen-proxy-from", G, NOW, K_LIST(TEXT), LATER, "none", "believe the PROXY header of these sources only") \
    X(TUNNEL_PROCESSES, "tunnel-processes", G, START, K_NUMBER(0, 256), SERVED, "0", "start so many processes that carry packets; 0: one per CPU") \
    X(PORTAL_PROCESSES, "portal-processes", G, START, K_NUMBER(0, 256), SERVED, "0", "start so many processes that take logins, of 512 connections each and 128 of one source; 0: one per CPU") \
    X(STATE_DIR, "state-dir", G, START, K(PATH), SERVED, "none", "keep the store in this directory; absent: /var/lib/varco/NAME") \
    X(LOG_FORMAT, "log-format", G, NOW, K_CHOICE("text|json"), SERVED, "text", "log events as text or as JSON, one a line") \
    X(CONSOLE, "console", G, START, K(TEXT), LATER, "none", "serve the web page, metrics and admin API")
// clang-format on

enum vc_conf_key {
#define X(id, name, scope, reload, kind, served, value, does) VC_CONF_KEY_##id,
    VC_CONF_KEYS(X)
#undef X
        VC_N_CONF_KEYS
};

enum vc_conf_scope { VC_CONF_SCOPE_G, VC_CONF_SCOPE_V, VC_CONF_SCOPE_U };
enum vc_conf_reload { VC_CONF_RELOAD_NOW, VC_CONF_RELOAD_START };
enum vc_conf_served { VC_CONF_SERVED, VC_CONF_LATER, VC_CONF_NOTHING };

/** What a value is; how each is checked is conf_value.h's. */
enum vc_conf_kind {
    VC_CONF_KIND_BOOL,    /* true or yes in any case; all else is false */
    VC_CONF_KIND_NUMBER,  /* decimal digits, least..most */
    VC_CONF_KIND_CHOICE,  /* one of choices, as written there */
    VC_CONF_KIND_TEXT,    /* UTF-8 without control characters, up to most bytes (0: any); empty: as if absent */
    VC_CONF_KIND_PATH,    /* as text, not empty, up to 1023 bytes */
    VC_CONF_KIND_NAME,    /* of a user or group of the system, or its number */
    VC_CONF_KIND_HOST,    /* address or host name */
    VC_CONF_KIND_ADDRESS, /* IPv4 or IPv6 */
    VC_CONF_KIND_NETWORK, /* address, address/length, or IPv4 address/mask */
    VC_CONF_KIND_ROUTE,   /* network, or "default" */
    VC_CONF_KIND_DOMAIN,  /* letters, digits, '-', '_', dots */
    VC_CONF_KIND_DOMAINS, /* several, separated by blanks */
    VC_CONF_KIND_DEVICE,  /* front part of an interface's name */
    VC_CONF_KIND_GROUP,   /* name, or name[Label] */
    VC_CONF_KIND_AUTH,    /* method, or method[options] */
    VC_CONF_KIND_SAME,    /* see same_as */
};

struct vc_conf_key_row {
    const char *name;
    enum vc_conf_scope scope;
    enum vc_conf_reload reload;
    enum vc_conf_kind kind;
    enum vc_conf_served served;
    bool list;
    uint64_t least, most;
    const char *choices; /* "a|b|c" */
    enum vc_conf_key same_as;
    const char *value; /* when absent; "none" */
    const char *does;
};

/** @key below VC_N_CONF_KEYS. */
const struct vc_conf_key_row *vc_conf_key_row(enum vc_conf_key key);

/** By the name as written (names are case-sensitive); false: there is no such key. */
bool vc_conf_key_find(struct vc_str name, enum vc_conf_key *out);

/** The position of @value among "a|b|c"; false: it is none of them. */
bool vc_conf_choice(const char *choices, struct vc_str value, unsigned *out);
/** The other way round; empty when there are fewer. */
struct vc_str vc_conf_choice_name(const char *choices, unsigned at);

/** "number 1 to 65535" and the like, for messages and the manual. NUL-terminated. */
void vc_conf_kind_print(const struct vc_conf_key_row *row, char *out, size_t cap);

#endif
