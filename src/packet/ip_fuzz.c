/* Whatever is read lies inside the packet, and a packet without what lies behind its end reads the same. */
#include "packet/ip.h"

#include "packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_ip_packet ip, again;
    struct vc_ip src, dst;
    bool known = vc_ip_packet_addresses(data, size, &src, &dst);
    if (!vc_ip_packet_read(data, size, &ip))
        return 0;
    size_t n = ip.version == 4 ? 4 : 16;
    must(known && src.family == ip.version && dst.family == ip.version);
    must(memcmp(src.bytes, ip.src, n) == 0 && memcmp(dst.bytes, ip.dst, n) == 0);
    must(ip.src >= data && ip.dst + n <= data + ip.header_len);
    must(ip.header_len <= ip.total_len && ip.total_len <= size);
    must(!ip.more_or_offset || ip.fragment);
    uint8_t *exactly = malloc(ip.total_len);
    must(exactly);
    memcpy(exactly, data, ip.total_len);
    must(vc_ip_packet_read(exactly, ip.total_len, &again));
    must(again.protocol == ip.protocol && again.header_len == ip.header_len && again.total_len == ip.total_len &&
         again.fragment == ip.fragment && again.more_or_offset == ip.more_or_offset);
    must(!vc_ip_packet_read(exactly, ip.total_len - 1, &again));
    free(exactly);
    return 0;
}
