#ifndef VC_TESTS_PACKETS_H
#define VC_TESTS_PACKETS_H

/** Inner packets for tests and fuzz targets: a plain builder, a slow checksum, and the check that whatever was joined
 *  and cut again is what came. Aborts with a word on stderr when it is not, so that it serves both. */
#include "packet/coalesce.h"
#include "packet/cut.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_API static inline __attribute__((unused))

#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

PACKET_API uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
PACKET_API void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
PACKET_API void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/** The ones' complement sum of big-endian words, word by word; not inverted. */
PACKET_API uint16_t slow_sum(uint16_t start, const uint8_t *p, size_t len)
{
    uint32_t sum = start;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

/** Sum of the pseudo-header of a packet whose transport header begins at @l4. */
PACKET_API uint16_t slow_pseudo(const uint8_t *packet, size_t l4_len, uint8_t protocol)
{
    uint8_t tail[8] = {0};
    bool v4 = packet[0] >> 4 == 4;
    uint16_t sum = slow_sum(0, packet + (v4 ? 12 : 8), v4 ? 8 : 32);
    put32(tail, (uint32_t)l4_len);
    tail[7] = protocol;
    return slow_sum(sum, tail, sizeof(tail));
}

/** A packet as its parts. Zeroed: IPv4, UDP, no payload. */
struct spec {
    bool v6, tcp;
    uint8_t src, dst; /* last byte of the address */
    uint16_t sport, dport;
    uint8_t tos, ttl;
    uint32_t flow_label;
    uint16_t id, place; /* place: flags and fragment offset */
    size_t ip_options;  /* bytes of them, a multiple of 4 */
    size_t extension;   /* IPv6: bytes of a destination options header, a multiple of 8 */
    uint32_t seq, ack;
    uint8_t reserved, flags;
    uint16_t window, urgent;
    const uint8_t *options; /* TCP */
    size_t options_len;
    const uint8_t *payload;
    size_t payload_len;
    bool no_sum;                  /* UDP without a checksum */
    uint16_t udp_less;            /* UDP's length is that much too small */
    uint16_t spoil_l4, spoil_ip4; /* added to a checksum */
};

PACKET_API size_t spec_ip_len(const struct spec *s)
{
    return s->v6 ? 40 + s->extension : 20 + s->ip_options;
}
PACKET_API size_t spec_hdr_len(const struct spec *s)
{
    return spec_ip_len(s) + (s->tcp ? 20 + s->options_len : 8);
}

/** Writes the IPv4 header's checksum. */
PACKET_API void sum_ip4(uint8_t *packet)
{
    put16(packet + 10, 0);
    put16(packet + 10, (uint16_t)~slow_sum(0, packet, (size_t)(packet[0] & 15) * 4));
}

/** Returns the length. With @partial the transport checksum holds only the sum of the pseudo-header. */
PACKET_API size_t spec_build(const struct spec *s, bool partial, uint8_t *out)
{
    size_t ip_len = spec_ip_len(s), hdr_len = spec_hdr_len(s), len = hdr_len + s->payload_len;
    uint8_t protocol = s->tcp ? 6 : 17, *l4 = out + ip_len;
    memset(out, 0, hdr_len);
    if (s->v6) {
        put32(out, 0x60000000 | (uint32_t)s->tos << 20 | s->flow_label);
        put16(out + 4, (unsigned)(len - 40));
        out[6] = s->extension ? 60 : protocol;
        out[7] = s->ttl;
        out[8] = out[24] = 0xfd;
        out[23] = s->src;
        out[39] = s->dst;
        if (s->extension) {
            out[40] = protocol;
            out[41] = (uint8_t)(s->extension / 8 - 1);
            out[42] = 1; /* PadN over all of it */
            out[43] = (uint8_t)(s->extension - 4);
        }
    } else {
        out[0] = (uint8_t)(0x40 | ip_len / 4);
        out[1] = s->tos;
        put16(out + 2, (unsigned)len);
        put16(out + 4, s->id);
        put16(out + 6, s->place);
        out[8] = s->ttl;
        out[9] = protocol;
        out[12] = out[16] = 10;
        out[15] = s->src;
        out[19] = s->dst;
        memset(out + 20, 1, s->ip_options); /* no operation */
        sum_ip4(out);
        put16(out + 10, (unsigned)(get16(out + 10) + s->spoil_ip4));
    }
    put16(l4, s->sport);
    put16(l4 + 2, s->dport);
    if (s->tcp) {
        put32(l4 + 4, s->seq);
        put32(l4 + 8, s->ack);
        l4[12] = (uint8_t)((20 + s->options_len) / 4 << 4 | s->reserved);
        l4[13] = s->flags;
        put16(l4 + 14, s->window);
        put16(l4 + 18, s->urgent);
        if (s->options_len)
            memcpy(l4 + 20, s->options, s->options_len);
    } else {
        put16(l4 + 4, (unsigned)(len - ip_len - s->udp_less));
    }
    if (s->payload_len)
        memcpy(out + hdr_len, s->payload, s->payload_len);
    uint8_t *field = l4 + (s->tcp ? 16 : 6);
    uint16_t sum = slow_pseudo(out, len - ip_len, protocol);
    if (!partial) {
        sum = (uint16_t)~slow_sum(sum, l4, len - ip_len);
        if (!s->tcp && sum == 0)
            sum = 0xffff;
        sum = (uint16_t)(sum + s->spoil_l4);
    }
    put16(field, !s->tcp && s->no_sum ? 0 : sum);
    return len;
}

/* What a receiver sees as one flow. */
struct flow_id {
    enum { MALFORMED, ADDRESSES, PORTS } what;
    uint8_t version, protocol;
    uint8_t pair[32], ports[4];
};

PACKET_API struct flow_id flow_of(const uint8_t *p, size_t len)
{
    struct flow_id f = {.what = MALFORMED};
    size_t ip_len, total;
    bool fragment = false;
    if (len >= 20 && p[0] >> 4 == 4) {
        ip_len = (size_t)(p[0] & 15) * 4;
        total = get16(p + 2);
        f.protocol = p[9];
        fragment = (get16(p + 6) & 0x3fff) != 0;
        memcpy(f.pair, p + 12, 8);
    } else if (len >= 40 && p[0] >> 4 == 6) {
        ip_len = 40;
        total = 40 + (size_t)get16(p + 4);
        f.protocol = p[6];
        memcpy(f.pair, p + 8, 32);
    } else {
        return f;
    }
    f.version = p[0] >> 4;
    f.what = ADDRESSES;
    if (!fragment && (f.protocol == 6 || f.protocol == 17) && ip_len >= 20 && total <= len && total >= ip_len + 8) {
        f.what = PORTS;
        memcpy(f.ports, p + ip_len, 4);
    }
    return f;
}

PACKET_API bool same_pair(const struct flow_id *a, const struct flow_id *b)
{
    return a->version == b->version && memcmp(a->pair, b->pair, sizeof(a->pair)) == 0;
}
/** Their order must be kept. */
PACKET_API bool ordered(const struct flow_id *a, const struct flow_id *b)
{
    if (a->what == MALFORMED || b->what == MALFORMED)
        return true;
    if (a->what == ADDRESSES || b->what == ADDRESSES)
        return same_pair(a, b);
    return same_pair(a, b) && a->protocol == b->protocol && memcmp(a->ports, b->ports, 4) == 0;
}

#define TRAINS_MAX 256

/** One run of packets through the coalescer and each of what it emits through the cut. */
struct trains {
    struct {
        uint8_t *came; /* a block of exactly its size, given to the coalescer */
        uint8_t *copy;
        size_t len;
        struct flow_id flow;
        bool gone;
    } in[TRAINS_MAX];
    size_t n, n_gone;
    unsigned n_emits;
};

/* The packet that must be next: the first still here that @out may not overtake. */
PACKET_API size_t trains_next(struct trains *t, const uint8_t *out, size_t len)
{
    struct flow_id f = flow_of(out, len);
    for (size_t i = 0; i < t->n; i++) {
        if (!t->in[i].gone && ordered(&t->in[i].flow, &f)) {
            t->in[i].gone = true;
            t->n_gone++;
            return i;
        }
    }
    must(!"a packet that never came");
    return 0;
}

/* A sum of 0 has two forms, of which what is made anew has the usual one. */
PACKET_API void same_sum(uint8_t *in, const uint8_t *out, bool is_sum)
{
    if (is_sum && get16(in) == 0xffff && get16(out) == 0)
        put16(in, 0);
}

PACKET_API void trains_emit(void *owner, const struct vc_super *super, struct iovec *iov, int n_iov, unsigned packets)
{
    struct trains *t = owner;
    size_t len = 0, largest;
    t->n_emits++;
    must(n_iov >= 1 && n_iov <= VC_COALESCE_PIECES && packets >= 1);
    if (packets == 1) {
        size_t i = trains_next(t, iov[0].iov_base, iov[0].iov_len);
        must(n_iov == 1 && super->gso == VC_GSO_NONE && !super->needs_csum && !super->ecn && super->gso_size == 0);
        must(iov[0].iov_base == t->in[i].came && iov[0].iov_len == t->in[i].len);
        must(memcmp(t->in[i].copy, iov[0].iov_base, t->in[i].len) == 0);
        return;
    }
    for (int i = 0; i < n_iov; i++)
        len += iov[i].iov_len;
    must(len <= 65535 && super->gso != VC_GSO_NONE && super->needs_csum);
    uint8_t *whole = malloc(len), *out;
    must(whole);
    len = 0;
    for (int i = 0; i < n_iov; i++) {
        memcpy(whole + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    bool v4 = whole[0] >> 4 == 4;
    must(!v4 || slow_sum(0, whole, 20) == 0xffff);
    must(super->csum_start == (v4 ? 20 : 40) && super->hdr_len > super->csum_start);
    must(get16(whole + super->csum_start + super->csum_offset) ==
         slow_pseudo(whole, len - super->csum_start, v4 ? whole[9] : whole[6]));
    struct vc_cut cut;
    must(vc_cut_begin(&cut, super, whole, len) == packets);
    largest = vc_cut_largest(&cut);
    out = malloc(largest);
    must(out);
    size_t first = SIZE_MAX;
    for (unsigned k = 0; k < packets; k++) {
        size_t n = vc_cut_next(&cut, out, largest), i = trains_next(t, out, n);
        uint8_t *in = t->in[i].copy;
        must(n <= t->in[i].len); /* what came may have had padding */
        if (first == SIZE_MAX)
            first = i;
        /* ids that were all alike count up now, if no fragment can come of them */
        if (v4 && (in[6] & 0x40) && get16(in + 4) != get16(out + 4)) {
            must(get16(in + 4) == get16(t->in[first].copy + 4) && slow_sum(0, out, 20) == 0xffff);
            memcpy(in + 4, out + 4, 2);
            memcpy(in + 10, out + 10, 2);
            if (first == i) /* never: the first one keeps its id */
                must(!"the first id changed");
        }
        same_sum(in + 10, out + 10, v4);
        same_sum(in + super->csum_start + super->csum_offset, out + super->csum_start + super->csum_offset, true);
        must(memcmp(in, out, n) == 0);
    }
    must(vc_cut_next(&cut, out, largest) == 0);
    free(out);
    free(whole);
}

PACKET_API void trains_add(struct trains *t, struct vc_coalescer *c, const uint8_t *packet, size_t len)
{
    must(t->n < TRAINS_MAX);
    size_t i = t->n++;
    t->in[i].came = malloc(len ? len : 1);
    t->in[i].copy = malloc(len ? len : 1);
    must(t->in[i].came && t->in[i].copy);
    if (len) {
        memcpy(t->in[i].came, packet, len);
        memcpy(t->in[i].copy, packet, len);
    }
    t->in[i].len = len;
    t->in[i].flow = flow_of(packet, len);
    t->in[i].gone = false;
    vc_coalesce_add(c, t->in[i].came, len);
}

/** Flushes, checks that all came through, and empties @t. */
PACKET_API void trains_end(struct trains *t, struct vc_coalescer *c)
{
    vc_coalesce_flush(c);
    must(t->n_gone == t->n);
    for (size_t i = 0; i < t->n; i++) {
        free(t->in[i].came);
        free(t->in[i].copy);
    }
    t->n = t->n_gone = 0;
    t->n_emits = 0;
}

#endif
