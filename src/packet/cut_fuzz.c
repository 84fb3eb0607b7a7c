/* A virtio-net header in our words (10 bytes) and a packet. Bit 4 of the first byte makes lengths and checksums agree,
 * so that what follows them is reached. Whatever comes out is well-formed, as long as was said, and holds the payload;
 * and its checksums are right where those of the super-packet were. */
#include "packet/cut.h"

#include "packet/ip.h"
#include "packets.h"

static bool repair(struct vc_super *h, uint8_t *p, size_t len)
{
    struct vc_ip_packet ip;
    bool v4 = p[0] >> 4 == 4;
    if (len < 40 || len > 65535)
        return false;
    if (v4) {
        put16(p + 2, (unsigned)len);
        if ((size_t)(p[0] & 15) * 4 > len || (p[0] & 15) < 5)
            return false;
        sum_ip4(p);
    } else {
        put16(p + 4, (unsigned)(len - 40));
    }
    if (!vc_ip_packet_read(p, len, &ip) || len - ip.header_len < 20)
        return false;
    h->needs_csum = true;
    h->csum_start = (uint16_t)ip.header_len;
    h->csum_offset = ip.protocol == 6 ? 16 : 6;
    if (ip.protocol != 6)
        put16(p + ip.header_len + 4, (unsigned)(len - ip.header_len));
    put16(p + ip.header_len + h->csum_offset, slow_pseudo(p, len - ip.header_len, ip.protocol));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    uint8_t bits = vc_take_u8(&r);
    struct vc_super h = {.gso = (enum vc_gso)(bits & 3), .needs_csum = bits & 4, .ecn = bits & 8};
    (void)vc_take_u8(&r);
    h.hdr_len = vc_take_u16(&r);
    h.gso_size = vc_take_u16(&r);
    h.csum_start = vc_take_u16(&r);
    h.csum_offset = vc_take_u16(&r);
    if (r.bad || r.left == 0)
        return 0;
    size_t len = r.left, at = 0, k = 0, got;
    uint8_t *packet = malloc(len);
    must(packet);
    memcpy(packet, r.at, len);
    bool right = (bits & 16) != 0 && repair(&h, packet, len);
    struct vc_cut cut;
    size_t n = vc_cut_begin(&cut, &h, packet, len);
    if (n > 0) {
        struct vc_ip_packet whole, ip;
        size_t largest = vc_cut_largest(&cut), head = 0;
        uint8_t *out = malloc(largest);
        must(out && largest > 0 && largest <= len && vc_ip_packet_read(packet, len, &whole));
        while ((got = vc_cut_next(&cut, out, largest)) > 0) {
            must(got <= largest && (k > 0 || got == largest));
            must(vc_ip_packet_read(out, got, &ip) && ip.total_len == got && ip.header_len == whole.header_len);
            if (h.gso != VC_GSO_NONE) {
                uint8_t protocol = h.gso == VC_GSO_UDP ? 17 : 6;
                const uint8_t *l4 = out + ip.header_len;
                size_t l4_len = got - ip.header_len;
                head = ip.header_len + (protocol == 6 ? (size_t)(l4[12] >> 4) * 4 : 8);
                must(got - head == (k + 1 < n ? h.gso_size : whole.total_len - head - at));
                must(memcmp(out + head, packet + head + at, got - head) == 0);
                if (right) {
                    must(ip.version == 6 || slow_sum(0, out, ip.header_len) == 0xffff);
                    must(slow_sum(slow_pseudo(out, l4_len, protocol), l4, l4_len) == 0xffff);
                }
                at += got - head;
            } else if (right) {
                must(slow_sum(slow_pseudo(out, got - ip.header_len, ip.protocol), out + ip.header_len,
                              got - ip.header_len) == 0xffff);
            } else if (!h.needs_csum) {
                must(memcmp(out, packet, got) == 0);
            }
            k++;
        }
        must(k == n && (h.gso == VC_GSO_NONE || head + at == len));
        free(out);
    }
    must(vc_cut_next(&cut, packet, len) == 0);
    free(packet);
    return 0;
}
