#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

static uint8_t bits_of(const struct vc_ip *ip)
{
    return ip->family == VC_FAMILY_V4 ? 32 : 128;
}

bool vc_ip_parse(struct vc_str s, struct vc_ip *out)
{
    char text[VC_IP_TEXT];
    *out = (struct vc_ip){0};
    if (!vc_str_copy(s, text, sizeof(text)))
        return false;
    if (inet_pton(AF_INET, text, out->bytes) == 1)
        out->family = VC_FAMILY_V4;
    else if (inet_pton(AF_INET6, text, out->bytes) == 1)
        out->family = VC_FAMILY_V6;
    return out->family != VC_FAMILY_NONE;
}

void vc_ip_print(const struct vc_ip *ip, char out[VC_IP_TEXT])
{
    int af = ip->family == VC_FAMILY_V4 ? AF_INET : AF_INET6;
    if (ip->family == VC_FAMILY_NONE || !inet_ntop(af, ip->bytes, out, VC_IP_TEXT))
        (void)snprintf(out, VC_IP_TEXT, "none");
}

bool vc_ip_eq(const struct vc_ip *a, const struct vc_ip *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool vc_endpoint_eq(const struct vc_endpoint *a, const struct vc_endpoint *b)
{
    return a->port == b->port && vc_ip_eq(&a->ip, &b->ip);
}

void vc_endpoint_print(const struct vc_endpoint *e, char out[VC_ENDPOINT_TEXT])
{
    char ip[VC_IP_TEXT];
    vc_ip_print(&e->ip, ip);
    (void)snprintf(out, VC_ENDPOINT_TEXT, e->ip.family == VC_FAMILY_V6 ? "[%s]:%u" : "%s:%u", ip, e->port);
}

static void clear_host_bits(struct vc_prefix *p)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned first = i * 8;
        if (first >= p->len)
            p->ip.bytes[i] = 0;
        else if (p->len - first < 8)
            p->ip.bytes[i] &= (uint8_t)(0xff << (8 - (p->len - first)));
    }
}

bool vc_prefix_parse(struct vc_str s, struct vc_prefix *out)
{
    struct vc_str len_text;
    struct vc_str ip_text = vc_str_cut(s, '/', &len_text);
    uint64_t len;
    struct vc_ip mask;

    *out = (struct vc_prefix){0};
    if (!vc_ip_parse(ip_text, &out->ip))
        return false;
    if (ip_text.len == s.len) { /* no slash */
        out->len = bits_of(&out->ip);
        return true;
    }
    if (vc_str_u64(len_text, bits_of(&out->ip), &len)) {
        out->len = (uint8_t)len;
    } else if (out->ip.family == VC_FAMILY_V4 && vc_ip_parse(len_text, &mask) && mask.family == VC_FAMILY_V4) {
        while (out->len < 32 && mask.bytes[out->len / 8] & 0x80U >> out->len % 8)
            out->len++;
        struct vc_ip whole = vc_ip_mask4(out->len);
        if (!vc_ip_eq(&mask, &whole))
            return false;
    } else {
        return false;
    }
    clear_host_bits(out);
    return true;
}

void vc_prefix_print(const struct vc_prefix *p, char out[VC_PREFIX_TEXT])
{
    char ip[VC_IP_TEXT];
    vc_ip_print(&p->ip, ip);
    (void)snprintf(out, VC_PREFIX_TEXT, "%s/%u", ip, p->len);
}

struct vc_prefix vc_prefix_of(const struct vc_ip *ip, uint8_t len)
{
    struct vc_prefix p = {.ip = *ip, .len = len};
    clear_host_bits(&p);
    return p;
}

void vc_prefix_key(const struct vc_prefix *p, uint8_t key[VC_PREFIX_KEY])
{
    struct vc_writer w = vc_writer_to(key, VC_PREFIX_KEY);
    vc_put_prefix(&w, p);
}

void vc_endpoint_key(const struct vc_endpoint *e, uint8_t key[VC_ENDPOINT_KEY])
{
    struct vc_writer w = vc_writer_to(key, VC_ENDPOINT_KEY);
    vc_put_endpoint(&w, e);
}

bool vc_prefix_has(const struct vc_prefix *p, const struct vc_ip *ip)
{
    if (p->ip.family != ip->family || ip->family == VC_FAMILY_NONE)
        return false;
    struct vc_prefix cut = vc_prefix_of(ip, p->len);
    return vc_ip_eq(&cut.ip, &p->ip);
}

struct vc_ip vc_ip_mask4(uint8_t len)
{
    struct vc_ip mask = {.family = VC_FAMILY_V4};
    for (unsigned i = 0; i < len && i < 32; i++)
        mask.bytes[i / 8] |= (uint8_t)(0x80U >> i % 8);
    return mask;
}

bool vc_prefix_nth(const struct vc_prefix *p, uint64_t n, struct vc_ip *out)
{
    unsigned bits = bits_of(&p->ip);
    unsigned host_bits = bits - p->len;
    if (p->ip.family == VC_FAMILY_NONE || (host_bits < 64 && n >> host_bits != 0))
        return false;
    *out = p->ip;
    for (unsigned i = bits / 8; n != 0 && i > 0; i--, n >>= 8)
        out->bytes[i - 1] |= (uint8_t)n; /* host bits are zero: nothing carries */
    return true;
}

/** Bytes that an address of this family uses. */
static size_t used(uint8_t family)
{
    return family == VC_FAMILY_V6 ? 16 : family == VC_FAMILY_V4 ? 4 : 0;
}

void vc_put_ip(struct vc_writer *w, const struct vc_ip *ip)
{
    uint8_t bytes[16] = {0}; /* one form for each address, so that memcmp compares */
    memcpy(bytes, ip->bytes, used(ip->family));
    vc_put_u8(w, ip->family);
    vc_put(w, bytes, sizeof(bytes));
}

void vc_take_ip(struct vc_reader *r, struct vc_ip *ip)
{
    ip->family = vc_take_u8(r);
    vc_take_copy(r, ip->bytes, sizeof(ip->bytes));
    if (ip->family != VC_FAMILY_NONE && ip->family != VC_FAMILY_V4 && ip->family != VC_FAMILY_V6)
        r->bad = true;
    for (size_t i = used(ip->family); i < sizeof(ip->bytes); i++) {
        if (ip->bytes[i] != 0)
            r->bad = true;
    }
    if (r->bad)
        *ip = (struct vc_ip){0};
}

void vc_put_endpoint(struct vc_writer *w, const struct vc_endpoint *e)
{
    vc_put_ip(w, &e->ip);
    vc_put_u16(w, e->port);
}

void vc_take_endpoint(struct vc_reader *r, struct vc_endpoint *e)
{
    vc_take_ip(r, &e->ip);
    e->port = vc_take_u16(r);
}

void vc_put_prefix(struct vc_writer *w, const struct vc_prefix *p)
{
    vc_put_ip(w, &p->ip);
    vc_put_u8(w, p->len);
}

void vc_take_prefix(struct vc_reader *r, struct vc_prefix *p)
{
    vc_take_ip(r, &p->ip);
    p->len = vc_take_u8(r);
    struct vc_prefix cut = *p;
    clear_host_bits(&cut);
    if (p->len > 8 * used(p->ip.family) || !vc_ip_eq(&cut.ip, &p->ip))
        r->bad = true;
    if (r->bad)
        *p = (struct vc_prefix){0};
}

bool vc_ip_is_loopback(const struct vc_ip *ip)
{
    static const uint8_t one[16] = {[15] = 1};
    return ip->family == VC_FAMILY_V4 ? ip->bytes[0] == 127
                                      : ip->family == VC_FAMILY_V6 && memcmp(ip->bytes, one, 16) == 0;
}

bool vc_ip_is_martian(const struct vc_ip *to)
{
    static const uint8_t zeros[16], ones[4] = {0xff, 0xff, 0xff, 0xff};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *b = to->bytes;
    if (vc_ip_is_loopback(to))
        return true;
    if (to->family == VC_FAMILY_V4)
        return b[0] == 0 || (b[0] == 169 && b[1] == 254) || (b[0] & 0xf0) == 0xe0 || memcmp(b, ones, 4) == 0;
    return to->family == VC_FAMILY_V6 && (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
                                          memcmp(b, zeros, 16) == 0 || memcmp(b, mapped, 12) == 0);
}
