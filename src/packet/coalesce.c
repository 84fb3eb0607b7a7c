#include "packet/coalesce.h"

#include "packet/checksum.h"
#include "packet/inside.h"

#include <string.h>

#define TOTAL_MAX 65535U

/* One packet that may be joined with others: its headers are the plain ones. */
struct candidate {
    struct vc_coalesce_key key;
    uint8_t *packet;
    size_t len;       /* as it came, with padding */
    size_t total_len; /* of the packet */
    bool v4, tcp;
    size_t ip_len, hdr_len, payload_len;
};

enum kind {
    JOINABLE,
    ALONE,   /* its flow is known: what is open of it goes first */
    ANOTHER, /* something of the same two addresses, or of no known ones */
};

void vc_coalesce_init(struct vc_coalescer *c, vc_coalesce_emit *emit, void *owner, bool tcp4, bool tcp6, bool udp)
{
    c->emit = emit;
    c->owner = owner;
    c->tcp4 = tcp4;
    c->tcp6 = tcp6;
    c->udp = udp;
    c->n_open = 0;
    for (uint8_t i = 0; i < VC_COALESCE_FLOWS; i++)
        c->open[i] = i;
}

static void emit_lone(struct vc_coalescer *c, uint8_t *packet, size_t len)
{
    struct vc_super none = {0};
    struct iovec iov = {.iov_base = packet, .iov_len = len};
    c->emit(c->owner, &none, &iov, 1, 1);
}

/* The first packet's header becomes that of all: lengths, the sum of the IPv4 header, and in place of the checksum the
 * sum of the pseudo-header, which whoever cuts goes on from. */
static void emit_joined(struct vc_coalescer *c, struct vc_coalesce_flow *f)
{
    uint8_t *ip = f->first, *l4 = ip + f->ip_len;
    uint16_t l4_len = (uint16_t)(f->total_len - f->ip_len);
    uint64_t pseudo;
    if (f->v4) {
        vc_set16(ip + VC_IP4_LEN, (uint16_t)f->total_len);
        vc_set16(ip + VC_IP4_SUM, 0);
        vc_set16(ip + VC_IP4_SUM, vc_sum_fold(vc_sum_add(0, ip, f->ip_len)));
        pseudo = vc_sum_pseudo(ip + VC_IP4_SRC, ip + VC_IP4_SRC + 4, 4, ip[VC_IP4_PROTOCOL], l4_len);
    } else {
        vc_set16(ip + VC_IP6_LEN, l4_len);
        pseudo = vc_sum_pseudo(ip + VC_IP6_SRC, ip + VC_IP6_SRC + 16, 16, ip[VC_IP6_NEXT], l4_len);
    }
    if (!f->tcp)
        vc_set16(l4 + VC_UDP_LEN, l4_len);
    struct vc_super super = {
        .needs_csum = true,
        .gso = !f->tcp ? VC_GSO_UDP
               : f->v4 ? VC_GSO_TCP4
                       : VC_GSO_TCP6,
        .hdr_len = (uint16_t)f->hdr_len,
        .gso_size = (uint16_t)f->gso_size,
        .csum_start = (uint16_t)f->ip_len,
        .csum_offset = f->tcp ? VC_TCP_SUM : VC_UDP_SUM,
    };
    vc_set16(l4 + super.csum_offset, (uint16_t)~vc_sum_fold(pseudo));
    c->emit(c->owner, &super, f->piece, (int)f->n, f->n);
}

/* Emits the flow at place @i of the list of open ones. */
static void emit_at(struct vc_coalescer *c, unsigned i)
{
    uint8_t place = c->open[i];
    struct vc_coalesce_flow *f = &c->flow[place];
    c->n_open--;
    memmove(c->open + i, c->open + i + 1, c->n_open - i);
    c->open[c->n_open] = place;
    if (f->n == 1)
        emit_lone(c, f->first, f->first_len);
    else
        emit_joined(c, f);
}

void vc_coalesce_flush(struct vc_coalescer *c)
{
    while (c->n_open > 0)
        emit_at(c, 0);
}

static struct vc_coalesce_key key_of(const uint8_t *addresses, bool v4, const uint8_t *ports, uint8_t protocol)
{
    struct vc_coalesce_key key = {.kind = (v4 ? 0x400U : 0x600U) | protocol};
    if (v4)
        memcpy(key.pair, addresses, 8);
    else
        memcpy(key.pair, addresses, 32);
    memcpy(&key.ports, ports, 4);
    return key;
}

static bool same_pair(const struct vc_coalesce_key *a, const struct vc_coalesce_key *b)
{
    return ((a->pair[0] ^ b->pair[0]) | (a->pair[1] ^ b->pair[1]) | (a->pair[2] ^ b->pair[2]) |
            (a->pair[3] ^ b->pair[3])) == 0;
}

static bool same_key(const struct vc_coalesce_key *a, const struct vc_coalesce_key *b)
{
    return a->ports == b->ports && a->kind == b->kind && same_pair(a, b);
}

/* Fields up to the transport header, whose ports are read here, too. */
static enum kind read_ip(struct candidate *p)
{
    const uint8_t *ip = p->packet;
    uint8_t protocol;
    bool plain;
    if (p->len >= VC_IP4_HEADER && ip[0] >> 4 == 4) {
        p->ip_len = (size_t)(ip[0] & 0x0f) * 4;
        p->total_len = vc_get16(ip + VC_IP4_LEN);
        protocol = ip[VC_IP4_PROTOCOL];
        plain = p->ip_len == VC_IP4_HEADER && (ip[VC_IP4_PLACE] & 0x80) == 0;
        if (p->ip_len < VC_IP4_HEADER || (vc_get16(ip + VC_IP4_PLACE) & 0x3fff) != 0)
            return ANOTHER;
    } else if (p->len >= VC_IP6_HEADER && ip[0] >> 4 == 6) {
        p->ip_len = VC_IP6_HEADER;
        p->total_len = VC_IP6_HEADER + (size_t)vc_get16(ip + VC_IP6_LEN);
        protocol = ip[VC_IP6_NEXT];
        plain = true;
    } else {
        return ANOTHER;
    }
    p->v4 = ip[0] >> 4 == 4;
    p->tcp = protocol == VC_PROTO_TCP;
    if (p->total_len > p->len || p->total_len < p->ip_len + VC_UDP_HEADER || (!p->tcp && protocol != VC_PROTO_UDP))
        return ANOTHER;
    p->key = key_of(ip + (p->v4 ? VC_IP4_SRC : VC_IP6_SRC), p->v4, ip + p->ip_len, protocol);
    return plain ? JOINABLE : ALONE;
}

static enum kind read_packet(const struct vc_coalescer *c, struct candidate *p)
{
    enum kind kind = read_ip(p);
    if (kind != JOINABLE)
        return kind;
    const uint8_t *l4 = p->packet + p->ip_len;
    size_t l4_len = p->total_len - p->ip_len, l4_hdr = VC_UDP_HEADER;
    if (p->tcp) {
        const uint8_t never = VC_TCP_SYN | VC_TCP_RST | VC_TCP_URG | VC_TCP_CWR;
        if (!(p->v4 ? c->tcp4 : c->tcp6) || l4_len < VC_TCP_HEADER)
            return ALONE;
        l4_hdr = (size_t)(l4[VC_TCP_DATA] >> 4) * 4;
        if (l4_hdr < VC_TCP_HEADER || (l4[VC_TCP_FLAGS] & never) != 0 || (l4[VC_TCP_FLAGS] & VC_TCP_ACKED) == 0)
            return ALONE;
    } else if (!c->udp || vc_get16(l4 + VC_UDP_LEN) != l4_len || vc_get16(l4 + VC_UDP_SUM) == 0) {
        return ALONE;
    }
    if (l4_len <= l4_hdr)
        return ALONE;
    p->hdr_len = p->ip_len + l4_hdr;
    p->payload_len = p->total_len - p->hdr_len;
    return JOINABLE;
}

/* All of its checksums hold: the joined packet's are made anew, and would hide that they did not. */
static bool verify(const uint8_t *packet, size_t total_len, bool v4)
{
    size_t ip_len = v4 ? VC_IP4_HEADER : VC_IP6_HEADER, l4_len = total_len - ip_len;
    uint64_t sum;
    if (v4) {
        uint64_t pair = vc_sum_words(packet + VC_IP4_SRC, 2);
        if (vc_sum_fold(vc_sum_words(packet, 3) + pair) != 0)
            return false;
        sum = vc_sum_u16(pair, packet[VC_IP4_PROTOCOL]);
    } else {
        sum = vc_sum_u16(vc_sum_words(packet + VC_IP6_SRC, 8), packet[VC_IP6_NEXT]);
    }
    return vc_sum_fold(vc_sum_add(vc_sum_u16(sum, (uint16_t)l4_len), packet + ip_len, l4_len)) == 0;
}

static void open_flow(struct vc_coalescer *c, const struct candidate *p, bool verified)
{
    if (c->n_open == VC_COALESCE_FLOWS)
        emit_at(c, 0);
    struct vc_coalesce_flow *f = &c->flow[c->open[c->n_open++]];
    f->key = p->key;
    f->tcp = p->tcp;
    f->verified = verified;
    f->id_alike = f->id_counts = true;
    f->v4 = p->v4;
    f->first = p->packet;
    f->first_len = p->len;
    f->ip_len = p->ip_len;
    f->hdr_len = p->hdr_len;
    f->gso_size = p->payload_len;
    f->total_len = p->total_len;
    f->first_id = vc_get16(p->packet + VC_IP4_ID);
    f->next_seq = p->tcp ? vc_get32(p->packet + p->ip_len + VC_TCP_SEQ) + (uint32_t)p->payload_len : 0;
    f->n = 1;
    f->piece[0] = (struct iovec){.iov_base = p->packet, .iov_len = p->total_len};
}

/* Headers alike but for what a place in the stream changes. */
static bool fits(struct vc_coalesce_flow *f, const struct candidate *p)
{
    const uint8_t *a = f->first, *b = p->packet;
    if (f->hdr_len != p->hdr_len || p->payload_len > f->gso_size || f->total_len + p->payload_len > TOTAL_MAX ||
        f->n == VC_COALESCE_PIECES)
        return false;
    if (p->v4) {
        bool df = (a[VC_IP4_PLACE] & 0x40) != 0;
        uint16_t id = vc_get16(b + VC_IP4_ID);
        bool counts = f->id_counts && id == (uint16_t)(f->first_id + f->n);
        bool alike = f->id_alike && df && id == f->first_id;
        if (a[1] != b[1] || a[VC_IP4_PLACE] != b[VC_IP4_PLACE] || a[VC_IP4_TTL] != b[VC_IP4_TTL] || !(counts || alike))
            return false;
        f->id_counts = counts;
        f->id_alike = alike;
    } else if (vc_word(a) != vc_word(b) || a[VC_IP6_HOPS] != b[VC_IP6_HOPS]) {
        return false;
    }
    if (!f->tcp)
        return true;
    const uint8_t last_only = VC_TCP_FIN | VC_TCP_PSH;
    const uint8_t *tcp_a = a + f->ip_len, *tcp_b = b + f->ip_len;
    if (vc_get32(tcp_b + VC_TCP_SEQ) != f->next_seq || vc_word(tcp_a + VC_TCP_ACK) != vc_word(tcp_b + VC_TCP_ACK) ||
        tcp_a[VC_TCP_DATA] != tcp_b[VC_TCP_DATA] || ((tcp_a[VC_TCP_FLAGS] ^ tcp_b[VC_TCP_FLAGS]) & ~last_only) != 0 ||
        vc_get16(tcp_a + VC_TCP_WINDOW) != vc_get16(tcp_b + VC_TCP_WINDOW) ||
        vc_get16(tcp_a + VC_TCP_URGENT) != vc_get16(tcp_b + VC_TCP_URGENT))
        return false;
    for (size_t i = f->ip_len + VC_TCP_HEADER; i < f->hdr_len; i += 4) { /* options */
        if (vc_word(a + i) != vc_word(b + i))
            return false;
    }
    return true;
}

/* Nothing may follow: a short one, or one whose flags stand in the last packet only. */
static bool is_last(const struct vc_coalesce_flow *f, const struct candidate *p)
{
    return p->payload_len < f->gso_size ||
           (f->tcp && (p->packet[p->ip_len + VC_TCP_FLAGS] & (VC_TCP_FIN | VC_TCP_PSH)) != 0);
}

static void join(struct vc_coalescer *c, unsigned i, const struct candidate *p)
{
    struct vc_coalesce_flow *f = &c->flow[c->open[i]];
    f->piece[f->n++] = (struct iovec){.iov_base = p->packet + p->hdr_len, .iov_len = p->payload_len};
    f->total_len += p->payload_len;
    f->next_seq += (uint32_t)p->payload_len;
    if (f->tcp)
        f->first[f->ip_len + VC_TCP_FLAGS] |= p->packet[p->ip_len + VC_TCP_FLAGS] & (VC_TCP_FIN | VC_TCP_PSH);
    if (is_last(f, p))
        emit_at(c, i);
}

/* Flows between the packet's two addresses, all when it has none. */
static void emit_related(struct vc_coalescer *c, const uint8_t *packet, size_t len)
{
    uint8_t version = len >= VC_IP4_HEADER ? packet[0] >> 4 : 0;
    if (version != 4 && (version != 6 || len < VC_IP6_HEADER)) {
        vc_coalesce_flush(c);
        return;
    }
    bool v4 = version == 4;
    struct vc_coalesce_key key = key_of(packet + (v4 ? VC_IP4_SRC : VC_IP6_SRC), v4, packet, 0); /* ports: no matter */
    for (unsigned i = 0; i < c->n_open;) {
        const struct vc_coalesce_flow *f = &c->flow[c->open[i]];
        if (f->v4 == v4 && same_pair(&f->key, &key))
            emit_at(c, i);
        else
            i++;
    }
}

void vc_coalesce_add(struct vc_coalescer *c, uint8_t *packet, size_t len)
{
    struct candidate p = {.packet = packet, .len = len};
    enum kind kind = read_packet(c, &p);
    if (kind == ANOTHER) {
        emit_related(c, packet, len);
        emit_lone(c, packet, len);
        return;
    }
    unsigned i = 0;
    while (i < c->n_open && !same_key(&c->flow[c->open[i]].key, &p.key))
        i++;
    bool known = i < c->n_open, verified = false;
    if (kind == JOINABLE && known && fits(&c->flow[c->open[i]], &p)) {
        struct vc_coalesce_flow *f = &c->flow[c->open[i]];
        verified = verify(packet, p.total_len, p.v4);
        f->verified = f->verified || (verified && verify(f->first, f->total_len, f->v4));
        if (verified && f->verified) {
            join(c, i, &p);
            return;
        }
    }
    if (known)
        emit_at(c, i);
    bool last = kind == JOINABLE && p.tcp && (packet[p.ip_len + VC_TCP_FLAGS] & (VC_TCP_FIN | VC_TCP_PSH)) != 0;
    if (kind == ALONE || last)
        emit_lone(c, packet, len);
    else
        open_flow(c, &p, verified);
}
