/* Input: the headers of a CONNECT, a line each, up to a NUL; behind it bytes from which session, policy and channel are
 * made. Property: the answer that was decided is printed without a byte that could break a line and without a line
 * nobody asked for, and reads back equal; what a client did not ask for or has no lease of, it does not get. */
#include "proto/connect_gateway.h"

#include <stdlib.h>

enum { LIST = 8 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct vc_connect_store store1, store2;
static struct vc_connect_request request;
static struct vc_connect_answer answer, back;
static uint8_t print1[1 << 20], print2[1 << 20];

/** All that a policy borrows. */
static struct lists {
    struct vc_prefix routes[LIST], no_routes[LIST];
    struct vc_ip dns[LIST], nbns[LIST];
    struct vc_str names[LIST], http[LIST], custom[LIST];
} lists;

static struct vc_str text(struct vc_reader *r)
{
    size_t n = vc_take_u8(r);
    if (n > r->left)
        n = r->left;
    return (struct vc_str){.at = (const char *)vc_take(r, n), .len = n};
}

static struct vc_ip address(struct vc_reader *r, uint8_t family)
{
    struct vc_ip ip = {.family = family};
    vc_take_copy(r, ip.bytes, family == VC_FAMILY_V4 ? 4 : 16);
    return ip;
}

static uint8_t family(struct vc_reader *r)
{
    return vc_take_u8(r) & 1 ? VC_FAMILY_V6 : VC_FAMILY_V4;
}

static size_t networks(struct vc_reader *r, struct vc_prefix *to)
{
    size_t n = vc_take_u8(r) % (LIST + 1);
    for (size_t i = 0; i < n; i++) {
        uint8_t f = family(r), len = (uint8_t)(vc_take_u8(r) % (f == VC_FAMILY_V4 ? 33U : 129U));
        struct vc_ip ip = address(r, f);
        to[i] = vc_prefix_of(&ip, len);
    }
    return n;
}

static size_t addresses(struct vc_reader *r, struct vc_ip *to)
{
    size_t n = vc_take_u8(r) % (LIST + 1);
    for (size_t i = 0; i < n; i++)
        to[i] = address(r, family(r));
    return n;
}

static size_t texts(struct vc_reader *r, struct vc_str *to, bool names)
{
    size_t n = vc_take_u8(r) % (LIST + 1), kept = 0;
    for (size_t i = 0; i < n; i++) {
        to[kept] = text(r);
        if (!names || (to[kept].len > 0 && !memchr(to[kept].at, ',', to[kept].len))) /* a comma parts two names */
            kept++;
    }
    return kept;
}

static void make_policy(struct vc_reader *r, struct vc_connect_policy *p)
{
    uint8_t flags = vc_take_u8(r);
    vc_connect_policy_defaults(p);
    p->routes = lists.routes;
    p->n_routes = networks(r, lists.routes);
    p->no_routes = lists.no_routes;
    p->n_no_routes = networks(r, lists.no_routes);
    p->dns = lists.dns;
    p->n_dns = addresses(r, lists.dns);
    p->nbns = lists.nbns;
    p->n_nbns = addresses(r, lists.nbns);
    p->split_dns = lists.names;
    p->n_split_dns = texts(r, lists.names, true);
    p->http_headers = lists.http;
    p->n_http_headers = texts(r, lists.http, false);
    p->custom_headers = lists.custom;
    p->n_custom_headers = texts(r, lists.custom, false);
    p->default_domain = text(r);
    p->banner = text(r);
    p->pac_url = text(r);
    p->hostname = text(r);
    p->gateway_name = text(r);
    p->dpd_s = vc_take_u8(r);
    p->mobile_keepalive_s = vc_take_u8(r);
    p->idle_s = vc_take_u32(r);
    p->cookie_timeout_s = vc_take_u16(r);
    p->rekey_s = vc_take_u32(r);
    p->mtu = vc_take_u16(r);
    p->udp_port = vc_take_u16(r);
    p->rekey_new_tunnel = flags & 1;
    p->no_udp = flags & 2;
    p->tunnel_all_dns = flags & 4;
    p->client_bypass = flags & 8;
    p->dyn_dns = flags & 16;
    p->bye_is_logout = flags & 32;
}

static bool is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

/** The text as a line carries it. */
static void same_text(struct vc_str decided, struct vc_str read)
{
    static char clean[VC_CONNECT_LINE_MAX];
    must(decided.len <= sizeof(clean));
    decided = vc_str_trim(decided);
    for (size_t i = 0; i < decided.len; i++) {
        clean[i] = decided.at[i];
        if (is_control((uint8_t)clean[i]))
            clean[i] = ' ';
    }
    must(vc_str_eq(vc_str_trim((struct vc_str){.at = clean, .len = decided.len}), read));
}

static size_t count_lines(const uint8_t *p, size_t n)
{
    size_t lines = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\r') {
            must(i + 1 < n && p[i + 1] == '\n' && (i == 0 || p[i - 1] != '\n' || i + 2 == n)); /* one empty line */
            lines++;
            i++;
        } else {
            must(!is_control(p[i]));
        }
    }
    return lines;
}

static size_t whole_lines(const struct vc_str *list, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct vc_str line = vc_str_trim(list[i]);
        count += line.len > 0 && memchr(line.at, ':', line.len);
    }
    return count;
}

static void reads_back(const struct vc_connect_policy *p)
{
    struct vc_fail fail = {0};
    size_t used, own_lines = whole_lines(p->http_headers, p->n_http_headers);
    own_lines += whole_lines(p->custom_headers, p->n_custom_headers);
    struct vc_writer w = vc_writer_to(print1, sizeof(print1));
    vc_connect_answer_print(&answer, &w);
    must(!w.bad);
    size_t all = count_lines(print1, vc_written(&w));

    answer.n_http_headers = answer.n_custom_headers = 0; /* they may say anything, our own names too */
    w = vc_writer_to(print1, sizeof(print1));
    vc_connect_answer_print(&answer, &w);
    must(!w.bad && count_lines(print1, vc_written(&w)) + own_lines == all);
    must(vc_connect_answer_read(print1, vc_written(&w), &store2, &back, &used, &fail) == 0);
    must(used == vc_written(&w) && back.status == 200 && back.n_unknown == 0 && back.n_surplus == 0);
    must(back.n_bad == 0);

    must(vc_ip_eq(&answer.v4.ip, &back.v4.ip) && vc_ip_eq(&answer.v6.ip, &back.v6.ip));
    must(answer.v4.len == back.v4.len && answer.v6.len == back.v6.len);
    same_text(answer.hostname, back.hostname);
    same_text(answer.default_domain, back.default_domain);
    same_text(answer.pac_url, back.pac_url);
    same_text(answer.post_auth_xml, back.post_auth_xml);
    must(vc_str_eq(answer.banner, back.banner));
    must(answer.n_dns == back.n_dns && answer.n_nbns == back.n_nbns);
    for (size_t i = 0; i < back.n_dns; i++)
        must(vc_ip_eq(&answer.dns[i], &back.dns[i]));
    must(answer.n_includes == back.n_includes && answer.n_excludes == back.n_excludes);
    must(answer.base_mtu == back.base_mtu && answer.mtu == back.mtu && answer.dpd_s == back.dpd_s);
    must(answer.keepalive_s == back.keepalive_s && answer.idle_s == back.idle_s && answer.rekey == back.rekey);
    must(answer.rekey_s == back.rekey_s && answer.session_s == back.session_s);
    must(answer.dtls.mode == back.dtls.mode && memcmp(answer.dtls.id, back.dtls.id, sizeof(back.dtls.id)) == 0);
    if (answer.dtls.mode != VC_DTLS_MODE_NONE)
        must(answer.dtls.port == back.dtls.port && answer.dtls.mtu == back.dtls.mtu &&
             answer.dtls.suite12 == back.dtls.suite12 && vc_str_eq(answer.dtls.suite, back.dtls.suite));

    /* control characters at a text's ends left blanks, which reading took away: from there on nothing changes */
    struct vc_writer again = vc_writer_to(print2, sizeof(print2));
    vc_connect_answer_print(&back, &again);
    must(!again.bad && vc_written(&again) <= vc_written(&w));
    must(vc_connect_answer_read(print2, vc_written(&again), &store2, &back, &used, &fail) == 0 && back.n_bad == 0);
    w = vc_writer_to(print1, sizeof(print1));
    vc_connect_answer_print(&back, &w);
    must(!w.bad && vc_written(&w) == vc_written(&again) && memcmp(print1, print2, vc_written(&w)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_str behind, head = vc_str_cut((struct vc_str){.at = (const char *)data, .len = size}, 0, &behind);
    memset(&request, 0, sizeof(request));
    while (head.len > 0) {
        struct vc_str value, line = vc_str_cut(head, '\n', &head), name = vc_str_cut(line, ':', &value);
        (void)vc_connect_request_header(&request, vc_str_trim(name), vc_str_trim(value));
    }

    struct vc_reader r = vc_reader_of(behind.at, behind.len);
    uint8_t flags = vc_take_u8(&r), name_at = vc_take_u8(&r);
    const struct vc_dtls_name *name = vc_dtls_name_at(name_at);
    struct vc_connect_dtls dtls = {.mode = (enum vc_dtls_mode)(vc_take_u8(&r) % VC_N_DTLS_MODES),
                                   .name = vc_str_of(name ? name->name : "PSK-NEGOTIATE"),
                                   .header12 = flags & 1,
                                   .mtu_class = flags & 2 ? VC_MTU_DTLS_CHACHA : VC_MTU_DTLS_GCM};
    struct vc_connect_tls tls = {.v13 = flags & 4,
                                 .mtu_class = flags & 4 ? VC_MTU_TLS13 : VC_MTU_TLS12_GCM,
                                 .tcp_pmtu = vc_take_u16(&r),
                                 .tcp_timestamps = flags & 8,
                                 .outer = flags & 16 ? VC_FAMILY_V6 : VC_FAMILY_V4};
    struct vc_connect_session session = {.session_timeout_s = vc_take_u32(&r), .session_left_s = 1 + vc_take_u16(&r)};
    if (flags & 32)
        session.v4 = (struct vc_prefix){.ip = address(&r, VC_FAMILY_V4), .len = vc_take_u8(&r) % 33};
    if (flags & 64)
        session.v6 = (struct vc_prefix){.ip = address(&r, VC_FAMILY_V6), .len = flags & 128 ? 64 : 128};
    session.post_auth_xml = text(&r);
    int jitter = (int)(vc_take_u8(&r) % 61) - 30;
    vc_take_copy(&r, dtls.id, sizeof(dtls.id));
    struct vc_connect_policy policy;
    make_policy(&r, &policy);

    struct vc_connect_in in = {.request = &request,
                               .session = &session,
                               .policy = &policy,
                               .tls = &tls,
                               .dtls = &dtls,
                               .rekey_jitter_s = jitter};
    struct vc_tunnel_params params;
    struct vc_fail fail = {0};
    if (vc_connect_decide(&in, &store1, &answer, &params, &fail) != 0) {
        must(fail.cause == VC_CAUSE_NO_ADDRESS);
        return 0;
    }
    bool v4 = params.v4.family != VC_FAMILY_NONE, v6 = params.v6.family != VC_FAMILY_NONE;
    must(v4 || v6);
    must(!v4 || (vc_connect_request_wants(&request, VC_FAMILY_V4) && vc_ip_eq(&params.v4, &session.v4.ip)));
    must(!v6 || (vc_connect_request_wants(&request, VC_FAMILY_V6) && vc_ip_eq(&params.v6, &session.v6.ip)));
    must(!v6 || params.mtu.cstp >= VC_MTU_DATA_MIN_V6);
    must(vc_ip_eq(&answer.v4.ip, &params.v4) && vc_ip_eq(&answer.v6.ip, &params.v6));
    for (size_t i = 0; i < answer.n_dns; i++)
        must(answer.dns[i].family == VC_FAMILY_V4 ? v4 : v6);
    for (size_t i = 0; i < answer.n_includes; i++)
        must(answer.includes[i].ip.family == VC_FAMILY_V4 ? v4 : v6);
    for (size_t i = 0; i < answer.n_excludes; i++)
        must(answer.excludes[i].ip.family == VC_FAMILY_V4 ? v4 : v6);
    must(params.dtls == answer.dtls.mode && (params.dtls == VC_DTLS_MODE_NONE || params.dtls == dtls.mode));
    must(params.dtls == VC_DTLS_MODE_NONE || (policy.udp_port > 0 && !policy.no_udp));
    must(params.dtls != VC_DTLS_MODE_RESUME || request.has_secret);
    must(answer.rekey_s > 0 && answer.rekey_s <= 31536000 && answer.disconnected_s > 0);
    reads_back(&policy);
    return 0;
}
