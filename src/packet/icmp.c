#include "packet/icmp.h"

#include "packet/checksum.h"
#include "packet/inside.h"
#include "packet/ip.h"

#define QUOTE4_TOTAL 576U /* RFC 1812 4.3.2.3: as much as fits this */
#define ICMP_HEADER 8U
#define ANSWER_TTL 64U

/* Types that report errors: they are never answered (RFC 1122 3.2.2, RFC 4443 2.4 e). */
static bool is_error(const struct vc_ip_packet *ip, const uint8_t *l4, size_t l4_len)
{
    if (ip->version == 4 && ip->protocol == VC_PROTO_ICMP)
        return l4_len < 1 || l4[0] == 3 || l4[0] == 4 || l4[0] == 5 || l4[0] == 11 || l4[0] == 12;
    if (ip->version == 6 && ip->protocol == VC_PROTO_ICMP6)
        return l4_len < 1 || l4[0] < 128 || l4[0] == 137; /* redirect */
    return false;
}

/* Addresses that name one host, as the source of what is answered and the destination that was meant must. */
static bool is_unicast4(const uint8_t *a)
{
    return a[0] != 0 && a[0] != 127 && a[0] < 224;
}
static bool is_unicast6(const uint8_t *a)
{
    static const uint8_t zero[15];
    return a[0] != 0xff && !(memcmp(a, zero, 15) == 0 && a[15] <= 1);
}

static void answer4(struct vc_writer *w, const struct vc_ip *from, const uint8_t *to, uint16_t len, uint8_t protocol)
{
    uint8_t *header = w->at;
    vc_put_be(w, 0x4500, 2);
    vc_put_u16(w, len);
    vc_put_u16(w, 0);
    vc_put_u16(w, VC_IP4_DF);
    vc_put_u8(w, ANSWER_TTL);
    vc_put_u8(w, protocol);
    vc_put_u16(w, 0);
    vc_put(w, from->bytes, 4);
    vc_put(w, to, 4);
    if (!w->bad)
        vc_set16(header + VC_IP4_SUM, vc_sum_fold(vc_sum_add(0, header, VC_IP4_HEADER)));
}

static void answer6(struct vc_writer *w, const struct vc_ip *from, const uint8_t *to, uint16_t payload_len)
{
    vc_put_u32(w, 0x60000000);
    vc_put_u16(w, payload_len);
    vc_put_u8(w, VC_PROTO_ICMP6);
    vc_put_u8(w, ANSWER_TTL);
    vc_put(w, from->bytes, 16);
    vc_put(w, to, 16);
}

size_t vc_icmp_too_big(const uint8_t *packet, size_t len, const struct vc_ip *from, uint16_t mtu,
                       uint8_t out[VC_ICMP_MAX])
{
    struct vc_ip_packet ip;
    struct vc_writer w = vc_writer_to(out, VC_ICMP_MAX);
    if (!vc_ip_packet_read(packet, len, &ip) || ip.version != from->family || ip.total_len <= mtu ||
        ip.more_or_offset || is_error(&ip, packet + ip.header_len, ip.total_len - ip.header_len))
        return 0;
    size_t ip_len = ip.version == 4 ? VC_IP4_HEADER : VC_IP6_HEADER;
    size_t room = (ip.version == 4 ? QUOTE4_TOTAL : VC_ICMP_MAX) - ip_len - ICMP_HEADER;
    size_t quote = ip.total_len < room ? ip.total_len : room;
    if (ip.version == 4) {
        if ((vc_get16(packet + VC_IP4_PLACE) & VC_IP4_DF) == 0 || !is_unicast4(ip.src) || !is_unicast4(ip.dst))
            return 0;
        answer4(&w, from, ip.src, (uint16_t)(ip_len + ICMP_HEADER + quote), VC_PROTO_ICMP);
    } else {
        if (!is_unicast6(ip.src) || !is_unicast6(ip.dst))
            return 0;
        answer6(&w, from, ip.src, (uint16_t)(ICMP_HEADER + quote));
    }
    vc_put_be(&w, ip.version == 4 ? 0x0304 : 0x0200, 2); /* "fragmentation needed", "packet too big" */
    vc_put_u16(&w, 0);                                   /* checksum */
    vc_put_u32(&w, mtu);                                 /* RFC 1191: unused, then the MTU: the same 4 bytes */
    vc_put(&w, packet, quote);
    if (w.bad)
        return 0;
    size_t icmp_len = ICMP_HEADER + quote;
    uint64_t sum = 0;
    if (ip.version == 6)
        sum = vc_sum_pseudo(out + VC_IP6_SRC, out + VC_IP6_SRC + 16, 16, VC_PROTO_ICMP6, (uint32_t)icmp_len);
    vc_set16(out + ip_len + 2, vc_sum_fold(vc_sum_add(sum, out + ip_len, icmp_len)));
    return vc_written(&w);
}

/* The header of every fragment but the first: options only where they ask to be copied. False: malformed options. */
static bool later_header(const uint8_t *packet, size_t header_len, uint8_t to[60], size_t *to_len)
{
    struct vc_reader r = vc_reader_of(packet, header_len);
    struct vc_writer w = vc_writer_to(to, 60);
    vc_put(&w, vc_take(&r, VC_IP4_HEADER), VC_IP4_HEADER);
    while (r.left > 0) {
        const uint8_t *option = r.at;
        uint8_t type = vc_take_u8(&r);
        if (type == 0) /* end of options */
            break;
        if (type == 1) /* no operation */
            continue;
        uint8_t option_len = vc_take_u8(&r);
        if (option_len < 2 || !vc_take(&r, option_len - 2U))
            return false;
        if (type & 0x80)
            vc_put(&w, option, option_len);
    }
    while (vc_written(&w) % 4 != 0)
        vc_put_u8(&w, 0);
    if (r.bad || w.bad)
        return false;
    *to_len = vc_written(&w);
    to[0] = (uint8_t)(0x40 | *to_len / 4);
    return true;
}

size_t vc_ip4_fragment(const uint8_t *packet, size_t len, uint16_t mtu, uint8_t *scratch, size_t cap,
                       void (*emit)(void *owner, uint8_t *fragment, size_t len), void *owner)
{
    struct vc_ip_packet ip;
    uint8_t later[60];
    size_t later_len;
    if (!vc_ip_packet_read(packet, len, &ip) || ip.version != 4 ||
        vc_sum_fold(vc_sum_add(0, packet, ip.header_len)) != 0)
        return 0;
    if (ip.total_len <= mtu) {
        if (ip.total_len > cap)
            return 0;
        memcpy(scratch, packet, ip.total_len);
        emit(owner, scratch, ip.total_len);
        return 1;
    }
    uint16_t place = vc_get16(packet + VC_IP4_PLACE);
    size_t payload_len = ip.total_len - ip.header_len, base = (size_t)(place & 0x1fff) * 8;
    if ((place & VC_IP4_DF) != 0 || mtu < ip.header_len + 8 || mtu > cap || base + payload_len > 65535 ||
        !later_header(packet, ip.header_len, later, &later_len))
        return 0;
    size_t n = 0;
    for (size_t at = 0; at < payload_len; n++) {
        const uint8_t *header = at == 0 ? packet : later;
        size_t header_len = at == 0 ? ip.header_len : later_len, left = payload_len - at;
        size_t piece = left <= mtu - header_len ? left : (mtu - header_len) / 8 * 8;
        bool more = piece < left || (place & VC_IP4_MF) != 0;
        memcpy(scratch, header, header_len);
        memcpy(scratch + header_len, packet + ip.header_len + at, piece);
        vc_set16(scratch + VC_IP4_LEN, (uint16_t)(header_len + piece));
        vc_set16(scratch + VC_IP4_PLACE, (uint16_t)((place & 0x8000U) | (more ? VC_IP4_MF : 0) | ((base + at) / 8)));
        vc_set16(scratch + VC_IP4_SUM, 0);
        vc_set16(scratch + VC_IP4_SUM, vc_sum_fold(vc_sum_add(0, scratch, header_len)));
        emit(owner, scratch, header_len + piece);
        at += piece;
    }
    return n;
}
