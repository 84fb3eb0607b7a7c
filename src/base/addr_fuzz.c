/* The input is text and a packed value. What parses prints, and what was printed parses equal; what is unpacked packs
 * into the same bytes, which are its key in a map; a network holds its own addresses. */
#include "base/addr.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void networks(const struct vc_prefix *p)
{
    char text[VC_PREFIX_TEXT];
    struct vc_prefix again;
    struct vc_ip ip;
    uint8_t key[VC_PREFIX_KEY];
    vc_prefix_key(p, key);
    struct vc_reader r = vc_reader_of(key, sizeof(key));
    vc_take_prefix(&r, &again);
    must(vc_reader_done(&r) && memcmp(p, &again, sizeof(again)) == 0);
    vc_prefix_print(p, text);
    must(vc_prefix_parse(vc_str_of(text), &again) && memcmp(p, &again, sizeof(again)) == 0);
    again = vc_prefix_of(&p->ip, p->len);
    must(memcmp(p, &again, sizeof(again)) == 0 && vc_prefix_has(p, &p->ip));
    bool loopback = vc_ip_is_loopback(&p->ip);
    for (uint64_t n = 1; n != 0; n <<= 1) {
        if (!vc_prefix_nth(p, n, &ip))
            continue;
        must(vc_prefix_has(p, &ip) && !vc_ip_eq(&ip, &p->ip));
        must(p->ip.family == VC_FAMILY_V6 || p->len < 8 || vc_ip_is_loopback(&ip) == loopback); /* 127.0.0.0/8 */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_str s = {.at = (const char *)data, .len = size};
    struct vc_prefix p;
    struct vc_ip ip, again;
    struct vc_endpoint e;
    char text[VC_IP_TEXT], both[VC_ENDPOINT_TEXT];
    uint8_t packed[32];
    if (vc_ip_parse(s, &ip)) {
        vc_ip_print(&ip, text);
        must(vc_ip_parse(vc_str_of(text), &again) && vc_ip_eq(&ip, &again));
        must(vc_prefix_parse(s, &p) && vc_ip_eq(&p.ip, &ip) && p.len == (ip.family == VC_FAMILY_V4 ? 32 : 128));
    }
    if (vc_prefix_parse(s, &p)) {
        must(p.len <= (p.ip.family == VC_FAMILY_V4 ? 32 : 128));
        networks(&p);
    }

    struct vc_reader r = vc_reader_of(data, size);
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    vc_take_prefix(&r, &p);
    if (!r.bad) {
        vc_put_prefix(&w, &p);
        must(!w.bad && vc_written(&w) + r.left == size && memcmp(packed, data, vc_written(&w)) == 0);
        if (p.ip.family != VC_FAMILY_NONE)
            networks(&p);
    }
    r = vc_reader_of(data, size);
    w = vc_writer_to(packed, sizeof(packed));
    vc_take_endpoint(&r, &e);
    if (!r.bad) {
        vc_put_endpoint(&w, &e);
        must(!w.bad && vc_written(&w) + r.left == size && memcmp(packed, data, vc_written(&w)) == 0);
        vc_endpoint_print(&e, both);
        must(strlen(both) < sizeof(both));
        uint8_t key[VC_ENDPOINT_KEY];
        struct vc_endpoint back;
        struct vc_reader of_key = vc_reader_of(key, sizeof(key));
        vc_endpoint_key(&e, key);
        vc_take_endpoint(&of_key, &back);
        must(vc_reader_done(&of_key) && vc_endpoint_eq(&e, &back));
        back.port++;
        must(!vc_endpoint_eq(&e, &back));
    }
    return 0;
}
