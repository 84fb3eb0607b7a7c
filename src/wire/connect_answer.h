#ifndef VC_WIRE_CONNECT_ANSWER_H
#define VC_WIRE_CONNECT_ANSWER_H

#include "base/addr.h"
#include "event/fail.h"
#include "wire/connect_request.h"
#include "wire/dtls_names.h"

/** The answer to CONNECT as a value (2-tunnel.md 2): decided by proto/connect_gateway, printed and read here. */
#define VC_CONNECT_DNS_MAX 64
#define VC_CONNECT_ROUTES_MAX 4096 /* includes, and as many excludes */
#define VC_CONNECT_NAMES_MAX 1024  /* split DNS */

#define VC_CONNECT_LINE_MAX 65536
#define VC_CONNECT_LINES_MAX 8192
#define VC_CONNECT_HEAD_MAX 524288 /* 512 KiB */

enum vc_rekey { VC_REKEY_ABSENT, VC_REKEY_NONE, VC_REKEY_SSL, VC_REKEY_NEW_TUNNEL };

struct vc_connect_answer_dtls {
    enum vc_dtls_mode mode; /* VC_DTLS_MODE_NONE: nothing of this block is printed */
    uint8_t id[32];
    uint8_t id_len;
    uint32_t port; /* 0: none */
    uint32_t mtu;  /* 0: not said */
    uint32_t dpd_s, keepalive_s;
    uint32_t rekey_s;
    enum vc_rekey rekey;
    struct vc_str suite; /* one name; a reader may find a list: take the first that is known */
    bool suite12;        /* in X-DTLS12-CipherSuite */
    enum vc_encoding encoding;
};

/** Zeroed: says nothing. Texts and lists are borrowed: from the policy (gateway), from the head and the store (client).
 *  Seconds: 0 is none. */
struct vc_connect_answer {
    uint16_t status;      /* reader: 200, or what came; the printer writes 200 always */
    struct vc_str phrase; /* reader */
    struct vc_str reason; /* reader: X-Reason */

    struct vc_prefix v4; /* the address itself, with host bits; len: its netmask, 0: none */
    struct vc_prefix v6; /* likewise; len 0: not said */
    bool v6_old_form;    /* X-CSTP-Address and -Netmask instead of X-CSTP-Address-IP6 */
    bool dns6_form;      /* IPv6 servers in X-CSTP-DNS-IP6 instead of X-CSTP-DNS */

    struct vc_str hostname;
    struct vc_str default_domain; /* one, or several separated by blanks */
    struct vc_str banner;         /* plain text, may hold newlines; %XX-escaped on the wire */
    struct vc_str pac_url;
    struct vc_str post_auth_xml; /* newlines become blanks when printed; may hold the session token: redact */
    const struct vc_ip *dns;     /* both families, in order */
    size_t n_dns;
    const struct vc_ip *nbns; /* IPv4 */
    size_t n_nbns;
    const struct vc_str *split_dns;
    size_t n_split_dns;
    const struct vc_prefix *includes; /* both families; none of a family: its default route */
    size_t n_includes;
    const struct vc_prefix *excludes; /* 0.0.0.0/32, ::/128: the local network */
    size_t n_excludes;
    const struct vc_str *http_headers; /* printer: whole lines "Name: value" behind the status line */
    size_t n_http_headers;
    const struct vc_str *custom_headers; /* printer: whole lines behind all others */
    size_t n_custom_headers;

    uint32_t lease_s, session_s, session_alert_s, session_left_s, idle_s, disconnected_s;
    uint32_t dpd_s, keepalive_s;
    uint32_t rekey_s;
    enum vc_rekey rekey;
    uint32_t base_mtu, mtu; /* 0: not said */
    enum vc_encoding encoding;
    bool keep, tunnel_all_dns, msie_lockdown, smartcard_removal_disconnect, license_accept;
    bool routing_filtering_ignore, quarantine, disable_always_on, client_bypass, tcp_keepalive, dyn_dns;

    struct vc_connect_answer_dtls dtls;

    uint32_t n_bad;     /* reader: lines that do not parse; each counts as absent */
    uint32_t n_unknown; /* reader: X-CSTP- and X-DTLS- lines that we do not know */
    uint32_t n_surplus; /* list entries beyond the limits above */
};

/** Where the lists of an answer live when somebody builds them: the reader, or the gateway's decision. Large (about
 *  300 KiB): never on the stack. */
struct vc_connect_store {
    struct vc_ip dns[VC_CONNECT_DNS_MAX];
    struct vc_ip nbns[VC_CONNECT_DNS_MAX];
    struct vc_str split_dns[VC_CONNECT_NAMES_MAX];
    struct vc_prefix includes[VC_CONNECT_ROUTES_MAX];
    struct vc_prefix excludes[VC_CONNECT_ROUTES_MAX];
    char banner[VC_CONNECT_LINE_MAX]; /* unescaped, no NUL at the end */
};

/** Adds to a list; a full one counts into answer->n_surplus. The list's pointer must be the store's array (or NULL
 * while it is empty). */
void vc_connect_add_dns(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_ip *ip);
void vc_connect_add_nbns(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_ip *ip);
void vc_connect_add_split_dns(struct vc_connect_answer *a, struct vc_connect_store *s, struct vc_str name);
void vc_connect_add_include(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_prefix *p);
void vc_connect_add_exclude(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_prefix *p);

/** Status line, headers in the order and spelling of 2-tunnel.md 2.8, empty line. Control characters in texts become
 *  blanks, so that no value can end its line. Ask w->bad. */
void vc_connect_answer_print(const struct vc_connect_answer *a, struct vc_writer *w);

enum { VC_CONNECT_MORE = 1 };

/**
 * Reads a whole head: status line to empty line. Names in any case.
 * @head, @len  what came so far; borrowed: the answer's texts point into it
 * @store       the answer's lists point into it
 * @used        bytes of the head; CSTP begins behind them
 * Returns 0; VC_CONNECT_MORE while the empty line has not come; -1 with *fail: not HTTP/1.1, or past a limit. Any
 * status is read: the caller looks at out->status.
 */
int vc_connect_answer_read(const uint8_t *head, size_t len, struct vc_connect_store *store,
                           struct vc_connect_answer *out, size_t *used, struct vc_fail *fail);

#endif
