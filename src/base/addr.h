#ifndef VC_BASE_ADDR_H
#define VC_BASE_ADDR_H

#include "base/reader.h"
#include "base/str.h"
#include "base/writer.h"

enum vc_family { VC_FAMILY_NONE = 0, VC_FAMILY_V4 = 4, VC_FAMILY_V6 = 6 };

/** An IP address. Network byte order; IPv4 in the first 4 bytes, the rest 0, so that memcmp compares. Zeroed: none. */
struct vc_ip {
    uint8_t family; /* enum vc_family */
    uint8_t bytes[16];
};

/** A network: host bits are zero after vc_prefix_parse. */
struct vc_prefix {
    struct vc_ip ip;
    uint8_t len; /* 0..32, 0..128 */
};

struct vc_endpoint {
    struct vc_ip ip;
    uint16_t port; /* host order */
};

#define VC_IP_TEXT 46       /* longest text of an address, with NUL */
#define VC_PREFIX_TEXT 50   /* with "/128" */
#define VC_ENDPOINT_TEXT 54 /* "[v6]:65535" */

bool vc_ip_parse(struct vc_str s, struct vc_ip *out);
void vc_ip_print(const struct vc_ip *ip, char out[VC_IP_TEXT]); /* "none" for an empty one */
bool vc_ip_eq(const struct vc_ip *a, const struct vc_ip *b);
bool vc_endpoint_eq(const struct vc_endpoint *a, const struct vc_endpoint *b);
void vc_endpoint_print(const struct vc_endpoint *e, char out[VC_ENDPOINT_TEXT]);

/** "a.b.c.d/len", "a.b.c.d/m.m.m.m" (no holes in the mask), "v6/len"; without a slash the whole address.
 *  Host bits are cleared. */
bool vc_prefix_parse(struct vc_str s, struct vc_prefix *out);
void vc_prefix_print(const struct vc_prefix *p, char out[VC_PREFIX_TEXT]);
/** The network of @ip at this length: host bits cleared. */
struct vc_prefix vc_prefix_of(const struct vc_ip *ip, uint8_t len);
bool vc_prefix_has(const struct vc_prefix *p, const struct vc_ip *ip);
/** IPv4 mask of a prefix length, as an address. */
struct vc_ip vc_ip_mask4(uint8_t len);
/** The @n-th address of the prefix counted from its network address; false when it lies outside. */
bool vc_prefix_nth(const struct vc_prefix *p, uint64_t n, struct vc_ip *out);

/** Values between processes: family byte and 16 bytes, always. What the writers do not write poisons the reader: an
 *  unknown family, unused bytes or host bits that are not zero. */
void vc_put_ip(struct vc_writer *w, const struct vc_ip *ip);
void vc_take_ip(struct vc_reader *r, struct vc_ip *ip);
void vc_put_endpoint(struct vc_writer *w, const struct vc_endpoint *e);
void vc_take_endpoint(struct vc_reader *r, struct vc_endpoint *e);
void vc_put_prefix(struct vc_writer *w, const struct vc_prefix *p);
void vc_take_prefix(struct vc_reader *r, struct vc_prefix *p);

/** Keys for maps: equal for equal values. */
#define VC_PREFIX_KEY 18
#define VC_ENDPOINT_KEY 19
void vc_prefix_key(const struct vc_prefix *p, uint8_t key[VC_PREFIX_KEY]);
void vc_endpoint_key(const struct vc_endpoint *e, uint8_t key[VC_ENDPOINT_KEY]);

/** 127.0.0.0/8, ::1. */
bool vc_ip_is_loopback(const struct vc_ip *ip);
/** No router passes on a packet to there: 0.0.0.0/8, loopback, link-local, multicast, 255.255.255.255; the IPv6 forms
 * of them, and IPv4-mapped ones. */
bool vc_ip_is_martian(const struct vc_ip *to);

#endif
