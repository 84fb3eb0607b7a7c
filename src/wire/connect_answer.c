#include "wire/connect_answer.h"

#include <stddef.h>

/** How a header's value is printed and read. */
enum kind {
    FIXED,    /* X-CSTP-Version: 1 */
    NUMBER,   /* always printed */
    NUMBER_1, /* printed unless 0 */
    SECONDS,  /* always printed; 0 is "none" */
    BOOL,
    BOOL_1,  /* printed only when true */
    LICENSE, /* "accept" */
    TEXT,    /* printed unless empty */
    ADDRESS,
    NETMASK,
    ADDRESS6,
    DNS, /* prints both families, in the order of the list */
    DNS6,
    NBNS,
    SPLIT_DNS,
    INCLUDE,
    INCLUDE6,
    EXCLUDE,
    EXCLUDE6,
    BANNER,
    METHOD,
    ENCODING,
    SESSION_ID,
    APP_ID,
    SUITE,
    SUITE12,
    REASON, /* read only */
};

#define A(member) offsetof(struct vc_connect_answer, member)

/** Every header that we know, in the order in which the gateway prints them: that of an ASA (2-tunnel.md 2.8). */
// clang-format off
static const struct header {
    const char *name;
    enum kind kind;
    bool dtls; /* printed only when DTLS is offered */
    size_t at;
} headers[] = {
    {"X-CSTP-Version",                        FIXED,      false, 0},
    {"X-CSTP-Address",                        ADDRESS,    false, 0},
    {"X-CSTP-Netmask",                        NETMASK,    false, 0},
    {"X-CSTP-Address-IP6",                    ADDRESS6,   false, 0},
    {"X-CSTP-Hostname",                       TEXT,       false, A(hostname)},
    {"X-CSTP-DNS",                            DNS,        false, 0},
    {"X-CSTP-DNS-IP6",                        DNS6,       false, 0},
    {"X-CSTP-NBNS",                           NBNS,       false, 0},
    {"X-CSTP-Lease-Duration",                 SECONDS,    false, A(lease_s)},
    {"X-CSTP-Session-Timeout",                SECONDS,    false, A(session_s)},
    {"X-CSTP-Session-Timeout-Alert-Interval", SECONDS,    false, A(session_alert_s)},
    {"X-CSTP-Session-Timeout-Remaining",      SECONDS,    false, A(session_left_s)},
    {"X-CSTP-Idle-Timeout",                   SECONDS,    false, A(idle_s)},
    {"X-CSTP-Disconnected-Timeout",           SECONDS,    false, A(disconnected_s)},
    {"X-CSTP-Default-Domain",                 TEXT,       false, A(default_domain)},
    {"X-CSTP-Split-DNS",                      SPLIT_DNS,  false, 0},
    {"X-CSTP-Split-Include",                  INCLUDE,    false, 0},
    {"X-CSTP-Split-Include-IP6",              INCLUDE6,   false, 0},
    {"X-CSTP-Split-Exclude",                  EXCLUDE,    false, 0},
    {"X-CSTP-Split-Exclude-IP6",              EXCLUDE6,   false, 0},
    {"X-CSTP-Banner",                         BANNER,     false, 0},
    {"X-CSTP-Keep",                           BOOL,       false, A(keep)},
    {"X-CSTP-Tunnel-All-DNS",                 BOOL,       false, A(tunnel_all_dns)},
    {"X-CSTP-Rekey-Time",                     NUMBER_1,   false, A(rekey_s)},
    {"X-CSTP-Rekey-Method",                   METHOD,     false, A(rekey)},
    {"X-CSTP-DPD",                            NUMBER,     false, A(dpd_s)},
    {"X-CSTP-Keepalive",                      NUMBER,     false, A(keepalive_s)},
    {"X-CSTP-MSIE-Proxy-PAC-URL",             TEXT,       false, A(pac_url)},
    {"X-CSTP-MSIE-Proxy-Lockdown",            BOOL,       false, A(msie_lockdown)},
    {"X-CSTP-Smartcard-Removal-Disconnect",   BOOL,       false, A(smartcard_removal_disconnect)},
    {"X-DTLS-Session-ID",                     SESSION_ID, true,  0},
    {"X-DTLS-App-ID",                         APP_ID,     true,  0},
    {"X-DTLS-Port",                           NUMBER_1,   true,  A(dtls.port)},
    {"X-DTLS-Keepalive",                      NUMBER,     true,  A(dtls.keepalive_s)},
    {"X-DTLS-DPD",                            NUMBER,     true,  A(dtls.dpd_s)},
    {"X-DTLS-Rekey-Time",                     NUMBER_1,   true,  A(dtls.rekey_s)},
    {"X-DTLS-Rekey-Method",                   METHOD,     true,  A(dtls.rekey)},
    {"X-CSTP-Base-MTU",                       NUMBER_1,   false, A(base_mtu)},
    {"X-CSTP-MTU",                            NUMBER_1,   false, A(mtu)},
    {"X-DTLS-MTU",                            NUMBER_1,   true,  A(dtls.mtu)},
    {"X-DTLS-CipherSuite",                    SUITE,      true,  0},
    {"X-DTLS12-CipherSuite",                  SUITE12,    true,  0},
    {"X-CSTP-Content-Encoding",               ENCODING,   false, A(encoding)},
    {"X-DTLS-Content-Encoding",               ENCODING,   true,  A(dtls.encoding)},
    {"X-CSTP-License",                        LICENSE,    false, A(license_accept)},
    {"X-CSTP-Routing-Filtering-Ignore",       BOOL,       false, A(routing_filtering_ignore)},
    {"X-CSTP-Quarantine",                     BOOL,       false, A(quarantine)},
    {"X-CSTP-Disable-Always-On-VPN",          BOOL,       false, A(disable_always_on)},
    {"X-CSTP-Client-Bypass-Protocol",         BOOL,       false, A(client_bypass)},
    {"X-CSTP-TCP-Keepalive",                  BOOL,       false, A(tcp_keepalive)},
    {"X-CSTP-DynDNS",                         BOOL_1,     false, A(dyn_dns)},
    {"X-CSTP-Post-Auth-XML",                  TEXT,       false, A(post_auth_xml)},
    {"X-Reason",                              REASON,     false, 0},
};
// clang-format on
#define N_HEADERS (sizeof(headers) / sizeof(headers[0]))

static const char *const method_names[] = {
    [VC_REKEY_ABSENT] = "", [VC_REKEY_NONE] = "none", [VC_REKEY_SSL] = "ssl", [VC_REKEY_NEW_TUNNEL] = "new-tunnel"};

static const struct {
    const char *name;
    enum vc_encoding encoding;
} encoding_names[] = {{"lzs", VC_ENCODING_LZS}, {"oc-lz4", VC_ENCODING_OC_LZ4}, {"deflate", VC_ENCODING_DEFLATE}};
#define N_ENCODINGS (sizeof(encoding_names) / sizeof(encoding_names[0]))

/* -- lists -- */

#define ADD(list, max, value)                                                                                          \
    do {                                                                                                               \
        if (a->n_##list >= (max)) {                                                                                    \
            a->n_surplus++;                                                                                            \
            return;                                                                                                    \
        }                                                                                                              \
        s->list[a->n_##list++] = (value);                                                                              \
        a->list = s->list;                                                                                             \
    } while (0)

void vc_connect_add_dns(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_ip *ip)
{
    ADD(dns, VC_CONNECT_DNS_MAX, *ip);
}

void vc_connect_add_nbns(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_ip *ip)
{
    ADD(nbns, VC_CONNECT_DNS_MAX, *ip);
}

void vc_connect_add_split_dns(struct vc_connect_answer *a, struct vc_connect_store *s, struct vc_str name)
{
    ADD(split_dns, VC_CONNECT_NAMES_MAX, name);
}

void vc_connect_add_include(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_prefix *p)
{
    ADD(includes, VC_CONNECT_ROUTES_MAX, *p);
}

void vc_connect_add_exclude(struct vc_connect_answer *a, struct vc_connect_store *s, const struct vc_prefix *p)
{
    ADD(excludes, VC_CONNECT_ROUTES_MAX, *p);
}

/* -- printing -- */

static void put_name(struct vc_writer *w, const char *name)
{
    vc_put_text(w, name);
    vc_put_text(w, ": ");
}

static void end_line(struct vc_writer *w)
{
    vc_put_text(w, "\r\n");
}

static bool is_control(char c)
{
    return (c >= 0 && c < 0x20) || c == 0x7f;
}

/** Text of somebody else's making, never more than one line. */
static void put_clean(struct vc_writer *w, struct vc_str text)
{
    uint8_t *to = vc_put_space(w, text.len);
    for (size_t i = 0; to && i < text.len; i++)
        to[i] = is_control(text.at[i]) ? ' ' : (uint8_t)text.at[i];
}

/** Without what would become blanks at its ends. */
static struct vc_str clean_ends(struct vc_str s)
{
    while (s.len > 0 && (s.at[0] == ' ' || is_control(s.at[0]))) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || is_control(s.at[s.len - 1])))
        s.len--;
    return s;
}

static void put_line(struct vc_writer *w, const char *name, struct vc_str value)
{
    value = clean_ends(value);
    if (value.len == 0)
        return;
    put_name(w, name);
    put_clean(w, value);
    end_line(w);
}

static void put_whole_lines(struct vc_writer *w, const struct vc_str *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct vc_str line = clean_ends(lines[i]);
        if (line.len == 0 || !memchr(line.at, ':', line.len))
            continue;
        put_clean(w, line);
        end_line(w);
    }
}

static void put_ip_line(struct vc_writer *w, const char *name, const struct vc_ip *ip)
{
    char text[VC_IP_TEXT];
    vc_ip_print(ip, text);
    vc_put_fmt(w, "%s: %s\r\n", name, text);
}

/** Secure Client wants the dotted mask. */
static void put_route_lines(struct vc_writer *w, const char *name, const struct vc_prefix *list, size_t n,
                            enum vc_family family)
{
    for (size_t i = 0; i < n; i++) {
        char text[VC_PREFIX_TEXT], mask_text[VC_IP_TEXT];
        if (list[i].ip.family != family)
            continue;
        if (family == VC_FAMILY_V6) {
            vc_prefix_print(&list[i], text);
            vc_put_fmt(w, "%s: %s\r\n", name, text);
        } else {
            struct vc_ip mask = vc_ip_mask4(list[i].len);
            vc_ip_print(&list[i].ip, text);
            vc_ip_print(&mask, mask_text);
            vc_put_fmt(w, "%s: %s/%s\r\n", name, text, mask_text);
        }
    }
}

static void put_address_lines(struct vc_writer *w, const struct vc_connect_answer *a)
{
    if (a->v4.ip.family == VC_FAMILY_V4) {
        put_ip_line(w, "X-CSTP-Address", &a->v4.ip);
        if (a->v4.len > 0) {
            struct vc_ip mask = vc_ip_mask4(a->v4.len);
            put_ip_line(w, "X-CSTP-Netmask", &mask);
        }
    }
    if (a->v6.ip.family == VC_FAMILY_V6 && a->v6_old_form) {
        char text[VC_PREFIX_TEXT];
        struct vc_prefix net;
        put_ip_line(w, "X-CSTP-Address", &a->v6.ip);
        vc_prefix_print(&a->v6, text);
        if (a->v6.len > 0 && vc_prefix_parse(vc_str_of(text), &net)) { /* clears the host bits */
            vc_prefix_print(&net, text);
            vc_put_fmt(w, "X-CSTP-Netmask: %s\r\n", text);
        }
    }
}

static void put_address6_line(struct vc_writer *w, const struct vc_connect_answer *a)
{
    if (a->v6.ip.family == VC_FAMILY_V6 && !a->v6_old_form) {
        struct vc_prefix v6 = a->v6;
        char text[VC_PREFIX_TEXT];
        if (v6.len == 0)
            v6.len = 128;
        vc_prefix_print(&v6, text);
        vc_put_fmt(w, "X-CSTP-Address-IP6: %s\r\n", text);
    }
}

static void put_dns_lines(struct vc_writer *w, const struct vc_connect_answer *a)
{
    for (size_t i = 0; i < a->n_dns; i++) {
        bool own_form = a->dns6_form && a->dns[i].family == VC_FAMILY_V6;
        put_ip_line(w, own_form ? "X-CSTP-DNS-IP6" : "X-CSTP-DNS", &a->dns[i]);
    }
}

/** Blanks at the ends would be lost on the way, everything else printable reads better as it is. */
static void put_banner_line(struct vc_writer *w, struct vc_str banner)
{
    if (banner.len == 0)
        return;
    put_name(w, "X-CSTP-Banner");
    for (size_t i = 0; i < banner.len; i++) {
        char c = banner.at[i];
        bool edge = i == 0 || i + 1 == banner.len;
        if (c < 0x20 || c >= 0x7f || c == '%' || (c == ' ' && edge))
            vc_put_fmt(w, "%%%02X", (unsigned char)c);
        else
            vc_put_u8(w, (uint8_t)c);
    }
    end_line(w);
}

static void put_id_line(struct vc_writer *w, const char *name, const struct vc_connect_answer_dtls *d)
{
    char hex[2 * sizeof(d->id) + 1];
    if (d->id_len > sizeof(d->id)) {
        w->bad = true;
        return;
    }
    vc_hex_encode_upper(d->id, d->id_len, hex);
    vc_put_fmt(w, "%s: %s\r\n", name, hex);
}

static void put_encoding_line(struct vc_writer *w, const char *name, enum vc_encoding encoding)
{
    for (size_t i = 0; i < N_ENCODINGS; i++) {
        if (encoding_names[i].encoding == encoding)
            vc_put_fmt(w, "%s: %s\r\n", name, encoding_names[i].name);
    }
}

static void print_header(const struct header *h, const struct vc_connect_answer *a, struct vc_writer *w)
{
    const char *member = (const char *)a + h->at;
    uint32_t number = 0;
    bool yes = false;
    if (h->kind == NUMBER || h->kind == NUMBER_1 || h->kind == SECONDS)
        memcpy(&number, member, sizeof(number));
    if (h->kind == BOOL || h->kind == BOOL_1 || h->kind == LICENSE)
        memcpy(&yes, member, sizeof(yes));

    switch (h->kind) {
    case FIXED:
        vc_put_fmt(w, "%s: 1\r\n", h->name);
        break;
    case NUMBER_1:
        if (number == 0)
            break;
        /* fall through */
    case NUMBER:
        vc_put_fmt(w, "%s: %u\r\n", h->name, number);
        break;
    case SECONDS:
        if (number == 0)
            vc_put_fmt(w, "%s: none\r\n", h->name);
        else
            vc_put_fmt(w, "%s: %u\r\n", h->name, number);
        break;
    case BOOL_1:
        if (!yes)
            break;
        /* fall through */
    case BOOL:
        vc_put_fmt(w, "%s: %s\r\n", h->name, yes ? "true" : "false");
        break;
    case LICENSE:
        if (yes)
            vc_put_fmt(w, "%s: accept\r\n", h->name);
        break;
    case TEXT: {
        struct vc_str text;
        memcpy(&text, member, sizeof(text));
        put_line(w, h->name, text);
        break;
    }
    case ADDRESS:
        put_address_lines(w, a);
        break;
    case ADDRESS6:
        put_address6_line(w, a);
        break;
    case DNS:
        put_dns_lines(w, a);
        break;
    case NBNS:
        for (size_t i = 0; i < a->n_nbns; i++)
            put_ip_line(w, h->name, &a->nbns[i]);
        break;
    case SPLIT_DNS:
        for (size_t i = 0; i < a->n_split_dns; i++)
            put_line(w, h->name, a->split_dns[i]);
        break;
    case INCLUDE:
        put_route_lines(w, h->name, a->includes, a->n_includes, VC_FAMILY_V4);
        break;
    case INCLUDE6:
        put_route_lines(w, h->name, a->includes, a->n_includes, VC_FAMILY_V6);
        break;
    case EXCLUDE:
        put_route_lines(w, h->name, a->excludes, a->n_excludes, VC_FAMILY_V4);
        break;
    case EXCLUDE6:
        put_route_lines(w, h->name, a->excludes, a->n_excludes, VC_FAMILY_V6);
        break;
    case BANNER:
        put_banner_line(w, a->banner);
        break;
    case METHOD: {
        enum vc_rekey method;
        memcpy(&method, member, sizeof(method));
        put_line(w, h->name, vc_str_of(method_names[method]));
        break;
    }
    case ENCODING: {
        enum vc_encoding encoding;
        memcpy(&encoding, member, sizeof(encoding));
        put_encoding_line(w, h->name, encoding);
        break;
    }
    case SESSION_ID:
        if (a->dtls.mode == VC_DTLS_MODE_RESUME)
            put_id_line(w, h->name, &a->dtls);
        break;
    case APP_ID:
        if (a->dtls.mode == VC_DTLS_MODE_PSK)
            put_id_line(w, h->name, &a->dtls);
        break;
    case SUITE:
        if (!a->dtls.suite12)
            put_line(w, h->name, a->dtls.suite);
        break;
    case SUITE12:
        if (a->dtls.suite12)
            put_line(w, h->name, a->dtls.suite);
        break;
    case NETMASK: /* printed with its address */
    case DNS6:    /* printed with the others */
    case REASON:
        break;
    }
}

void vc_connect_answer_print(const struct vc_connect_answer *a, struct vc_writer *w)
{
    vc_put_text(w, "HTTP/1.1 200 CONNECTED\r\n");
    put_whole_lines(w, a->http_headers, a->n_http_headers);
    for (size_t i = 0; i < N_HEADERS; i++) {
        if (!headers[i].dtls || a->dtls.mode != VC_DTLS_MODE_NONE)
            print_header(&headers[i], a, w);
    }
    put_whole_lines(w, a->custom_headers, a->n_custom_headers);
    end_line(w);
}

/* -- reading -- */

static bool read_number(struct vc_str value, uint32_t *out)
{
    uint64_t v = 0;
    if (!vc_str_ieq(value, VC_STR("none")) && !vc_str_u64(value, UINT32_MAX, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool read_bool(struct vc_str value, bool *out)
{
    bool yes = vc_str_ieq(value, VC_STR("true"));
    if (!yes && !vc_str_ieq(value, VC_STR("false")))
        return false;
    *out = yes;
    return true;
}

static bool read_address(struct vc_str value, struct vc_connect_answer *a)
{
    struct vc_ip ip;
    if (!vc_ip_parse(value, &ip))
        return false;
    if (ip.family == VC_FAMILY_V4) {
        a->v4.ip = ip;
    } else {
        a->v6.ip = ip;
        a->v6_old_form = true;
    }
    return true;
}

static bool read_netmask(struct vc_str value, struct vc_connect_answer *a)
{
    struct vc_prefix p;
    struct vc_ip mask;
    if (vc_ip_parse(value, &mask) && mask.family == VC_FAMILY_V4) {
        for (uint8_t len = 0; len <= 32; len++) {
            struct vc_ip whole = vc_ip_mask4(len);
            if (vc_ip_eq(&mask, &whole)) {
                a->v4.len = len;
                return true;
            }
        }
        return false; /* holes */
    }
    if (!vc_prefix_parse(value, &p) || p.ip.family != VC_FAMILY_V6)
        return false;
    a->v6.len = p.len;
    return true;
}

static bool read_address6(struct vc_str value, struct vc_connect_answer *a)
{
    struct vc_str rest;
    struct vc_prefix p;
    struct vc_ip ip;
    if (!vc_prefix_parse(value, &p) || !vc_ip_parse(vc_str_cut(value, '/', &rest), &ip) || ip.family != VC_FAMILY_V6)
        return false;
    a->v6 = (struct vc_prefix){.ip = ip, .len = p.len};
    a->v6_old_form = false;
    return true;
}

static bool read_dns(struct vc_str value, bool own_form, struct vc_connect_answer *a, struct vc_connect_store *s)
{
    struct vc_ip ip;
    if (!vc_ip_parse(value, &ip) || (own_form && ip.family != VC_FAMILY_V6))
        return false;
    a->dns6_form = a->dns6_form || own_form;
    vc_connect_add_dns(a, s, &ip);
    return true;
}

static bool read_nbns(struct vc_str value, struct vc_connect_answer *a, struct vc_connect_store *s)
{
    struct vc_ip ip;
    if (!vc_ip_parse(value, &ip) || ip.family != VC_FAMILY_V4)
        return false;
    vc_connect_add_nbns(a, s, &ip);
    return true;
}

/** Some gateways send one name a line, some a comma list. */
static bool read_split_dns(struct vc_str value, struct vc_connect_answer *a, struct vc_connect_store *s)
{
    while (value.len > 0) {
        struct vc_str name = vc_str_trim(vc_str_cut(value, ',', &value));
        if (name.len > 0)
            vc_connect_add_split_dns(a, s, name);
    }
    return true;
}

static bool read_route(struct vc_str value, bool exclude, struct vc_connect_answer *a, struct vc_connect_store *s)
{
    struct vc_prefix p;
    if (!vc_prefix_parse(value, &p))
        return false;
    if (exclude)
        vc_connect_add_exclude(a, s, &p);
    else
        vc_connect_add_include(a, s, &p);
    return true;
}

/** A '%' without two digits behind it stands for itself. */
static bool read_banner(struct vc_str value, struct vc_connect_answer *a, struct vc_connect_store *s)
{
    size_t n = 0;
    if (value.len > sizeof(s->banner))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte;
        if (value.at[i] == '%' && value.len - i > 2 &&
            vc_hex_decode((struct vc_str){.at = value.at + i + 1, .len = 2}, &byte, 1)) {
            s->banner[n++] = (char)byte;
            i += 2;
        } else {
            s->banner[n++] = value.at[i];
        }
    }
    a->banner = (struct vc_str){.at = s->banner, .len = n};
    return true;
}

static bool read_method(struct vc_str value, enum vc_rekey *out)
{
    for (int m = VC_REKEY_NONE; m <= VC_REKEY_NEW_TUNNEL; m++) {
        if (vc_str_ieq(value, vc_str_of(method_names[m]))) {
            *out = (enum vc_rekey)m;
            return true;
        }
    }
    return false;
}

static bool read_encoding(struct vc_str value, enum vc_encoding *out)
{
    *out = VC_ENCODING_UNKNOWN; /* the client must end: it cannot read what will come */
    for (size_t i = 0; i < N_ENCODINGS; i++) {
        if (vc_str_ieq(value, vc_str_of(encoding_names[i].name)))
            *out = encoding_names[i].encoding;
    }
    return *out != VC_ENCODING_UNKNOWN;
}

static bool read_id(struct vc_str value, bool app, struct vc_connect_answer_dtls *d)
{
    uint8_t id[sizeof(d->id)];
    size_t n = value.len / 2;
    if (n == 0 || n > sizeof(id) || (!app && n != sizeof(id)) || !vc_hex_decode(value, id, n))
        return false;
    memset(d->id, 0, sizeof(d->id));
    memcpy(d->id, id, n);
    d->id_len = (uint8_t)n;
    d->mode = app ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME;
    return true;
}

static bool read_suite(struct vc_str value, bool suite12, struct vc_connect_answer_dtls *d)
{
    if (value.len == 0)
        return false;
    d->suite = value;
    d->suite12 = suite12;
    return true;
}

static bool read_value(const struct header *h, struct vc_str value, struct vc_connect_answer *a,
                       struct vc_connect_store *s)
{
    void *member = (char *)a + h->at;
    switch (h->kind) {
    case FIXED:
        return vc_str_eq(value, VC_STR("1"));
    case NUMBER:
    case NUMBER_1:
    case SECONDS:
        return read_number(value, member);
    case BOOL:
    case BOOL_1:
        return read_bool(value, member);
    case LICENSE:
        a->license_accept = vc_str_ieq(value, VC_STR("accept"));
        return a->license_accept;
    case TEXT:
        memcpy(member, &value, sizeof(value));
        return true;
    case ADDRESS:
        return read_address(value, a);
    case NETMASK:
        return read_netmask(value, a);
    case ADDRESS6:
        return read_address6(value, a);
    case DNS:
        return read_dns(value, false, a, s);
    case DNS6:
        return read_dns(value, true, a, s);
    case NBNS:
        return read_nbns(value, a, s);
    case SPLIT_DNS:
        return read_split_dns(value, a, s);
    case INCLUDE:
    case INCLUDE6:
        return read_route(value, false, a, s);
    case EXCLUDE:
    case EXCLUDE6:
        return read_route(value, true, a, s);
    case BANNER:
        return read_banner(value, a, s);
    case METHOD:
        return read_method(value, member);
    case ENCODING:
        return read_encoding(value, member);
    case SESSION_ID:
        return read_id(value, false, &a->dtls);
    case APP_ID:
        return read_id(value, true, &a->dtls);
    case SUITE:
        return read_suite(value, false, &a->dtls);
    case SUITE12:
        return read_suite(value, true, &a->dtls);
    case REASON:
        a->reason = value;
        return true;
    }
    return false;
}

/** Some gateways spell the headers of the UDP channel X-DTLS12-: they mean the same, but for the suite. */
static bool is_header(struct vc_str name, const char *known)
{
    struct vc_str dtls12 = VC_STR("X-DTLS12-"), dtls = VC_STR("X-DTLS-");
    if (vc_str_ieq(name, vc_str_of(known)))
        return true;
    if (!vc_str_istarts(name, dtls12) || !vc_str_istarts(vc_str_of(known), dtls))
        return false;
    return vc_str_ieq((struct vc_str){.at = name.at + dtls12.len, .len = name.len - dtls12.len},
                      vc_str_of(known + dtls.len));
}

static void read_header(struct vc_str line, struct vc_connect_answer *a, struct vc_connect_store *s)
{
    struct vc_str value;
    struct vc_str name = vc_str_trim(vc_str_cut(line, ':', &value));
    for (size_t i = 0; i < line.len; i++) {
        if (is_control(line.at[i]) && line.at[i] != '\t') {
            a->n_bad++;
            return;
        }
    }
    const struct header *found = NULL;
    for (size_t i = 0; i < N_HEADERS; i++) {
        if (vc_str_ieq(name, vc_str_of(headers[i].name))) {
            found = &headers[i];
            break;
        }
        if (!found && is_header(name, headers[i].name))
            found = &headers[i];
    }
    if (found) {
        if (!read_value(found, vc_str_trim(value), a, s))
            a->n_bad++;
    } else if (vc_str_istarts(name, VC_STR("X-CSTP-")) || vc_str_istarts(name, VC_STR("X-DTLS"))) {
        a->n_unknown++;
    }
}

static bool read_status(struct vc_str line, struct vc_connect_answer *a)
{
    struct vc_str version = VC_STR("HTTP/1.1 "), phrase;
    uint64_t status;
    if (!vc_str_starts(line, version))
        return false;
    struct vc_str rest = {.at = line.at + version.len, .len = line.len - version.len};
    struct vc_str digits = vc_str_cut(rest, ' ', &phrase);
    if (digits.len != 3 || !vc_str_u64(digits, 599, &status) || status < 100)
        return false;
    a->status = (uint16_t)status;
    a->phrase = vc_str_trim(phrase);
    return true;
}

int vc_connect_answer_read(const uint8_t *head, size_t len, struct vc_connect_store *store,
                           struct vc_connect_answer *out, size_t *used, struct vc_fail *fail)
{
    struct vc_str rest = {.at = (const char *)head, .len = len};
    *out = (struct vc_connect_answer){0};
    *used = 0;
    for (unsigned n = 0;; n++) {
        const char *newline = rest.len > 0 ? memchr(rest.at, '\n', rest.len) : NULL;
        size_t line_len = newline ? (size_t)(newline - rest.at) + 1 : rest.len;
        if (line_len > VC_CONNECT_LINE_MAX)
            return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "a line is longer than %d bytes", VC_CONNECT_LINE_MAX);
        if (*used + line_len > VC_CONNECT_HEAD_MAX)
            return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "the head is longer than %d bytes",
                               VC_CONNECT_HEAD_MAX);
        if (n > VC_CONNECT_LINES_MAX)
            return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "more than %d lines", VC_CONNECT_LINES_MAX);
        if (!newline)
            return VC_CONNECT_MORE;
        struct vc_str line = vc_str_trim(vc_str_cut(rest, '\n', &rest));
        *used += line_len;
        if (n == 0) {
            if (!read_status(line, out))
                return vc_fail_set(fail, VC_CAUSE_CONNECT_ANSWER, 0, "it does not begin with an HTTP/1.1 status");
        } else if (line.len == 0) {
            return 0;
        } else {
            read_header(line, out, store);
        }
    }
}
