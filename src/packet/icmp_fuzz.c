/* Two bytes of MTU, then a packet. Answers are well-formed and quote it; fragments fit the MTU and are the packet, when
 * put together. */
#include "packet/icmp.h"

#include "packet/ip.h"
#include "packets.h"

struct whole {
    const uint8_t *payload;
    size_t base, at, len, mtu, n;
    bool more;
};

static void take(void *owner, uint8_t *p, size_t len)
{
    struct whole *w = owner;
    struct vc_ip_packet ip;
    must(len <= w->mtu && vc_ip_packet_read(p, len, &ip) && ip.version == 4 && ip.total_len == len);
    must(slow_sum(0, p, ip.header_len) == 0xffff);
    size_t n = len - ip.header_len;
    must((size_t)(get16(p + 6) & 0x1fff) * 8 == w->base + w->at && w->at + n <= w->len);
    must(memcmp(p + ip.header_len, w->payload + w->at, n) == 0);
    w->at += n;
    w->n++;
    must(((get16(p + 6) & 0x2000) != 0) == (w->at < w->len || w->more));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    uint16_t mtu = vc_take_u16(&r);
    struct vc_ip from = {.family = r.left > 0 ? r.at[0] >> 4 : 0, .bytes = {10, 0, 0, 254}};
    struct vc_ip_packet ip, answer;
    uint8_t out[VC_ICMP_MAX];
    if (r.bad)
        return 0;
    bool good = vc_ip_packet_read(r.at, r.left, &ip);
    size_t n = vc_icmp_too_big(r.at, r.left, &from, mtu, out);
    if (n > 0) {
        must(good && ip.total_len > mtu && vc_ip_packet_read(out, n, &answer) && answer.total_len == n);
        must(answer.version == ip.version && answer.protocol == (ip.version == 4 ? 1 : 58));
        size_t addr_len = ip.version == 4 ? 4 : 16, quoted = n - answer.header_len - 8;
        must(memcmp(answer.dst, ip.src, addr_len) == 0 && memcmp(answer.src, from.bytes, addr_len) == 0);
        must(slow_sum(ip.version == 4 ? 0 : slow_pseudo(out, n - 40, 58), out + answer.header_len,
                      n - answer.header_len) == 0xffff);
        must(ip.version == 6 || (slow_sum(0, out, 20) == 0xffff && n <= 576));
        must(quoted <= ip.total_len && memcmp(out + answer.header_len + 8, r.at, quoted) == 0);
        must(vc_icmp_too_big(out, n, &from, 0, out) == 0); /* an error is never answered */
    }
    size_t cap = (size_t)mtu + 1;
    uint8_t *scratch = malloc(cap);
    must(scratch);
    struct whole w = {.mtu = mtu};
    if (good) {
        w.payload = r.at + ip.header_len;
        w.len = ip.total_len - ip.header_len;
        w.base = ip.version == 4 ? (size_t)(get16(r.at + 6) & 0x1fff) * 8 : 0;
        w.more = ip.version == 4 && (get16(r.at + 6) & 0x2000) != 0;
    }
    n = vc_ip4_fragment(r.at, r.left, mtu, scratch, cap, take, &w);
    must(n == w.n && (n == 0 || (good && w.at == w.len)));
    free(scratch);
    return 0;
}
