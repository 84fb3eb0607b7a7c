#include "packet/cut.h"

#include "packet/checksum.h"
#include "packet/inside.h"
#include "packet/ip.h"

#include <string.h>

/* UDP says by 0 that there is no checksum, and writes a sum of 0 so; it is right for all others, too. */
static uint16_t never_zero(uint16_t folded)
{
    return folded ? folded : 0xffffU;
}

/* csum_start is known to lie behind the IP header; a field at an odd place is no Internet checksum. */
static size_t begin_single(struct vc_cut *c, const struct vc_ip_packet *ip)
{
    const struct vc_super *s = &c->super;
    c->len = ip->total_len;
    if (s->needs_csum && (s->csum_start < ip->header_len || s->csum_offset % 2 != 0 ||
                          (size_t)s->csum_start + s->csum_offset + 2 > c->len))
        return 0;
    c->header_len = s->needs_csum ? s->csum_start : c->len;
    return 1;
}

static size_t begin_many(struct vc_cut *c, const struct vc_ip_packet *ip)
{
    const struct vc_super *s = &c->super;
    bool tcp = s->gso != VC_GSO_UDP;
    size_t field = tcp ? VC_TCP_SUM : VC_UDP_SUM, l4_len = tcp ? VC_TCP_HEADER : VC_UDP_HEADER;
    const uint8_t *l4 = c->packet + ip->header_len;
    size_t l4_left = c->len - ip->header_len;
    if ((s->gso == VC_GSO_TCP4 && ip->version != 4) || (s->gso == VC_GSO_TCP6 && ip->version != 6) ||
        ip->protocol != (tcp ? VC_PROTO_TCP : VC_PROTO_UDP) || ip->fragment || s->gso_size == 0 || !s->needs_csum ||
        s->csum_start != ip->header_len || s->csum_offset != field || l4_left < l4_len)
        return 0;
    if (tcp)
        l4_len = (size_t)(l4[VC_TCP_DATA] >> 4) * 4;
    else if (vc_get16(l4 + VC_UDP_LEN) != l4_left)
        return 0;
    if (l4_len < (tcp ? VC_TCP_HEADER : VC_UDP_HEADER) || l4_left <= l4_len)
        return 0;
    c->header_len = c->ip_len + l4_len;

    /* the field holds the pseudo-header with the length of all; each packet adds its own in its place */
    uint16_t all_len = (uint16_t)l4_left;
    c->partial = vc_sum_u16(vc_sum_add(0, l4, l4_len), (uint16_t)~all_len);
    if (tcp) {
        c->seq = vc_get32(l4 + VC_TCP_SEQ);
        c->partial = vc_sum_u32(c->partial, ~c->seq);
        c->partial = vc_sum_u16(c->partial, (uint16_t)~vc_get16(l4 + VC_TCP_DATA));
    } else {
        c->partial = vc_sum_u16(c->partial, (uint16_t)~all_len); /* it is in the UDP header, too */
    }
    if (ip->version == 4) {
        c->id = vc_get16(c->packet + VC_IP4_ID);
        c->ip_partial = vc_sum_add(0, c->packet, c->ip_len);
        c->ip_partial = vc_sum_u16(c->ip_partial, (uint16_t)~vc_get16(c->packet + VC_IP4_LEN));
        c->ip_partial = vc_sum_u16(c->ip_partial, (uint16_t)~c->id);
        c->ip_partial = vc_sum_u16(c->ip_partial, (uint16_t)~vc_get16(c->packet + VC_IP4_SUM));
    }
    return (l4_left - l4_len + s->gso_size - 1) / s->gso_size;
}

size_t vc_cut_begin(struct vc_cut *c, const struct vc_super *super, const uint8_t *packet, size_t len)
{
    struct vc_ip_packet ip;
    size_t n = 0;
    *c = (struct vc_cut){.packet = packet, .len = len, .super = *super};
    if (vc_ip_packet_read(packet, len, &ip)) {
        c->ip_len = ip.header_len;
        if (super->gso == VC_GSO_NONE)
            n = begin_single(c, &ip);
        else if (ip.total_len == len)
            n = begin_many(c, &ip);
    }
    c->done = n == 0;
    return n;
}

size_t vc_cut_largest(const struct vc_cut *c)
{
    size_t whole = c->len;
    if (c->super.gso != VC_GSO_NONE && whole - c->header_len > c->super.gso_size)
        whole = c->header_len + c->super.gso_size;
    return whole;
}

static size_t next_single(struct vc_cut *c, uint8_t *out, size_t cap)
{
    c->done = true;
    if (c->len > cap)
        return 0;
    c->n = 1;
    memcpy(out, c->packet, c->header_len);
    if (c->super.needs_csum) {
        uint64_t sum = vc_sum_copy(0, out + c->header_len, c->packet + c->header_len, c->len - c->header_len);
        vc_set16(out + c->header_len + c->super.csum_offset, never_zero(vc_sum_fold(sum)));
    }
    return c->len;
}

size_t vc_cut_next(struct vc_cut *c, uint8_t *out, size_t cap)
{
    if (c->done)
        return 0;
    if (c->super.gso == VC_GSO_NONE)
        return next_single(c, out, cap);

    size_t left = c->len - c->header_len - c->at, payload = left < c->super.gso_size ? left : c->super.gso_size;
    size_t len = c->header_len + payload;
    bool last = payload == left;
    if (len > cap) {
        c->done = true;
        return 0;
    }
    memcpy(out, c->packet, c->header_len);

    uint16_t l4_len = (uint16_t)(len - c->ip_len);
    if (out[0] >> 4 == 4) {
        uint16_t id = (uint16_t)(c->id + c->n);
        vc_set16(out + VC_IP4_LEN, (uint16_t)len);
        vc_set16(out + VC_IP4_ID, id);
        vc_set16(out + VC_IP4_SUM, vc_sum_fold(vc_sum_u16(vc_sum_u16(c->ip_partial, (uint16_t)len), id)));
    } else {
        vc_set16(out + VC_IP6_LEN, (uint16_t)(len - VC_IP6_HEADER));
    }

    uint8_t *l4 = out + c->ip_len;
    uint64_t sum = vc_sum_u16(c->partial, l4_len);
    if (c->super.gso == VC_GSO_UDP) {
        vc_set16(l4 + VC_UDP_LEN, l4_len);
        sum = vc_sum_u16(sum, l4_len);
    } else {
        uint32_t seq = c->seq + (uint32_t)c->at;
        vc_set32(l4 + VC_TCP_SEQ, seq);
        if (!last)
            l4[VC_TCP_FLAGS] &= (uint8_t) ~(VC_TCP_FIN | VC_TCP_PSH);
        if (c->n > 0)
            l4[VC_TCP_FLAGS] &= (uint8_t)~VC_TCP_CWR;
        sum = vc_sum_u16(vc_sum_u32(sum, seq), vc_get16(l4 + VC_TCP_DATA));
    }
    sum = vc_sum_join(sum, vc_sum_copy(0, out + c->header_len, c->packet + c->header_len + c->at, payload));
    if (c->super.gso == VC_GSO_UDP)
        vc_set16(l4 + VC_UDP_SUM, never_zero(vc_sum_fold(sum)));
    else
        vc_set16(l4 + VC_TCP_SUM, vc_sum_fold(sum));

    c->at += payload;
    c->n++;
    c->done = last;
    return len;
}
