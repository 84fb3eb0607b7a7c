/* A script of packets through the coalescer and back through the cut: each receiver's flow is what came. The first byte
 * is what the TUN takes. Each packet begins with 2 bytes: how long it is, and what is done to it: bit 0 makes lengths
 * and checksums agree, bit 1 starts from the packet before (in its place in the stream) and lays the bytes over it. */
#include "packet/coalesce.h"

#include "base/reader.h"
#include "packets.h"

static void repair(uint8_t *p, size_t len)
{
    bool v4 = p[0] >> 4 == 4;
    size_t ip_len = v4 ? (size_t)(p[0] & 15) * 4 : 40;
    if (len < 28 || ip_len < 20 || len < ip_len + 8)
        return;
    uint8_t protocol = v4 ? p[9] : p[6], *l4 = p + ip_len;
    size_t field = protocol == 6 ? 16 : 6;
    if (v4) {
        put16(p + 2, (unsigned)len);
        sum_ip4(p);
    } else {
        put16(p + 4, (unsigned)(len - 40));
    }
    if (len < ip_len + field + 2)
        return;
    if (protocol == 17)
        put16(l4 + 4, (unsigned)(len - ip_len));
    put16(l4 + field, 0);
    uint16_t sum = (uint16_t)~slow_sum(slow_pseudo(p, len - ip_len, protocol), l4, len - ip_len);
    put16(l4 + field, protocol == 17 && sum == 0 ? 0xffff : sum);
}

/* The place in the stream behind the packet at @p. */
static void step(uint8_t *p, size_t len)
{
    bool v4 = p[0] >> 4 == 4;
    size_t ip_len = v4 ? (size_t)(p[0] & 15) * 4 : 40;
    if (v4 && len >= 20)
        put16(p + 4, get16(p + 4) + 1U);
    if (len < ip_len + 20 || (v4 ? p[9] : p[6]) != 6)
        return;
    size_t hdr_len = ip_len + (size_t)(p[ip_len + 12] >> 4) * 4;
    uint32_t seq = (uint32_t)get16(p + ip_len + 4) << 16 | get16(p + ip_len + 6);
    put32(p + ip_len + 4, seq + (uint32_t)(len - (hdr_len < len ? hdr_len : len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trains t;
    struct vc_coalescer c;
    struct vc_reader r = vc_reader_of(data, size);
    uint8_t takes = vc_take_u8(&r), packet[2048] = {0};
    size_t len = 0;
    vc_coalesce_init(&c, trains_emit, &t, takes & 1, takes & 2, takes & 4);
    while (r.left >= 2 && t.n < TRAINS_MAX) {
        size_t n = vc_take_u8(&r);
        uint8_t how = vc_take_u8(&r);
        n = n < r.left ? n : r.left;
        if (how & 2)
            step(packet, len);
        else
            len = n;
        vc_take_copy(&r, packet, n < len ? n : len);
        if (n > len)
            (void)vc_take(&r, n - len);
        if (how & 4) /* over the first 2048 / 8 and so on, larger ones */
            len = len * 2 < sizeof(packet) ? len * 2 : len;
        if (how & 1)
            repair(packet, len);
        trains_add(&t, &c, packet, len);
    }
    trains_end(&t, &c);
    return 0;
}
