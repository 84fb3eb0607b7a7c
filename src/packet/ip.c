#include "packet/ip.h"

#define EXTENSIONS_MAX 8

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, DESTINATION = 60 };

static bool read4(const uint8_t *packet, size_t len, struct vc_ip_packet *out)
{
    struct vc_reader r = vc_reader_of(packet, len);
    size_t header_len = (size_t)(vc_take_u8(&r) & 0x0f) * 4;
    out->version = 4;
    out->tos = vc_take_u8(&r);
    out->total_len = vc_take_u16(&r);
    (void)vc_take_u16(&r); /* id */
    uint16_t place = vc_take_u16(&r);
    out->ttl = vc_take_u8(&r);
    out->protocol = vc_take_u8(&r);
    (void)vc_take_u16(&r); /* header checksum */
    out->src = vc_take(&r, 4);
    out->dst = vc_take(&r, 4);
    out->header_len = header_len;
    out->more_or_offset = (place & 0x1fff) != 0;
    out->fragment = (place & 0x3fff) != 0;
    return !r.bad && header_len >= 20 && out->total_len >= header_len && out->total_len <= len;
}

/* Walks @r, which begins with the first extension header, up to what is none. */
static bool walk6(struct vc_reader *r, uint8_t next, struct vc_ip_packet *out)
{
    unsigned n = 0;
    for (; n < EXTENSIONS_MAX && !out->more_or_offset; n++) {
        uint8_t type = next;
        if (type != HOP_BY_HOP && type != ROUTING && type != FRAGMENT && type != AUTHENTICATION && type != DESTINATION)
            break;
        next = vc_take_u8(r);
        size_t units = vc_take_u8(r); /* of 8 bytes behind the first 8; AH: of 4 bytes behind the first 8 */
        if (type == FRAGMENT) {
            uint16_t place = vc_take_u16(r);
            (void)vc_take_u32(r); /* identification */
            out->more_or_offset = place >> 3 != 0;
            out->fragment = out->fragment || (place & 0xfff9) != 0; /* one that is whole is none: RFC 6946 */
        } else {
            (void)vc_take(r, type == AUTHENTICATION ? units * 4 + 6 : units * 8 + 6);
        }
    }
    out->protocol = next;
    return !r->bad;
}

static bool read6(const uint8_t *packet, size_t len, struct vc_ip_packet *out)
{
    struct vc_reader r = vc_reader_of(packet, len);
    uint32_t first = vc_take_u32(&r);
    size_t payload_len = vc_take_u16(&r);
    uint8_t next = vc_take_u8(&r);
    out->version = 6;
    out->tos = (uint8_t)(first >> 20);
    out->ttl = vc_take_u8(&r);
    out->src = vc_take(&r, 16);
    out->dst = vc_take(&r, 16);
    out->total_len = 40 + payload_len;
    struct vc_reader body = vc_take_sub(&r, payload_len);
    if (!walk6(&body, next, out))
        return false;
    out->header_len = out->total_len - body.left;
    return true;
}

bool vc_ip_packet_read(const uint8_t *packet, size_t len, struct vc_ip_packet *out)
{
    *out = (struct vc_ip_packet){0};
    if (len == 0)
        return false;
    switch (packet[0] >> 4) {
    case 4:
        return read4(packet, len, out);
    case 6:
        return read6(packet, len, out);
    default:
        return false;
    }
}

bool vc_ip_packet_addresses(const uint8_t *packet, size_t len, struct vc_ip *src, struct vc_ip *dst)
{
    struct vc_reader r = vc_reader_of(packet, len);
    uint8_t version = vc_take_u8(&r) >> 4;
    if (r.bad || (version != 4 && version != 6))
        return false;
    size_t n = version == 4 ? 4 : 16;
    (void)vc_take(&r, version == 4 ? 11 : 7);
    *src = (struct vc_ip){.family = version};
    *dst = (struct vc_ip){.family = version};
    vc_take_copy(&r, src->bytes, n);
    vc_take_copy(&r, dst->bytes, n);
    return !r.bad;
}
