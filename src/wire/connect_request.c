#include "wire/connect_request.h"

#include "crypto/wipe.h"

_Static_assert(VC_N_CONNECT_HEADERS < 32, "seen and bad are 32 bits");

static const char *const names[] = {
#define X(id, name) [VC_CONNECT_##id] = (name),
    VC_CONNECT_HEADERS(X)
#undef X
};

const char *vc_connect_header_name(enum vc_connect_header h)
{
    return names[h];
}

/** Letters, digits, hyphens inside, up to the first dot; 1..63 bytes. */
static bool take_hostname(struct vc_str value, char out[VC_CONNECT_HOSTNAME])
{
    struct vc_str rest;
    struct vc_str label = vc_str_cut(value, '.', &rest);
    if (label.len == 0 || label.len >= VC_CONNECT_HOSTNAME)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.at[i];
        bool inside = i > 0 && i + 1 < label.len;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c == '-' && inside)))
            return false;
    }
    return vc_str_copy(label, out, VC_CONNECT_HOSTNAME);
}

static bool take_number(struct vc_str value, uint32_t least, uint32_t most, uint32_t *out)
{
    uint64_t v;
    if (!vc_str_u64(value, UINT64_MAX, &v))
        return false;
    *out = v < least ? least : v > most ? most : (uint32_t)v;
    return true;
}

static bool take_word(struct vc_str value, const char *word, bool *out)
{
    if (!vc_str_ieq(value, vc_str_of(word)))
        return false;
    *out = true;
    return true;
}

static bool take_bool(struct vc_str value, bool *out)
{
    bool yes = vc_str_ieq(value, VC_STR("true"));
    if (!yes && !vc_str_ieq(value, VC_STR("false")))
        return false;
    *out = yes;
    return true;
}

static bool take_ip(struct vc_str value, enum vc_family family, struct vc_ip *out)
{
    struct vc_ip ip;
    if (!vc_ip_parse(value, &ip) || ip.family != family)
        return false;
    *out = ip;
    return true;
}

static bool take_address(struct vc_str value, struct vc_connect_request *req)
{
    return take_ip(value, VC_FAMILY_V4, &req->address_v4) || take_ip(value, VC_FAMILY_V6, &req->address_v6);
}

/** Unknown and empty items are skipped; without any known one the header says nothing. */
static bool take_address_type(struct vc_str value, struct vc_connect_request *req)
{
    bool v4 = false, v6 = false;
    while (value.len > 0) {
        struct vc_str item = vc_str_trim(vc_str_cut(value, ',', &value));
        v4 = v4 || vc_str_ieq(item, VC_STR("IPv4"));
        v6 = v6 || vc_str_ieq(item, VC_STR("IPv6"));
    }
    if (!v4 && !v6)
        return false;
    req->wants_v4 = v4;
    req->wants_v6 = v6;
    return true;
}

/** openconnect 8.x wrote a comma in front of the first item; unknown items are other peers' business. */
static bool take_encodings(struct vc_str value, uint8_t allowed, uint8_t *out)
{
    unsigned set = 0;
    while (value.len > 0) {
        struct vc_str item = vc_str_trim(vc_str_cut(value, ',', &value));
        if (vc_str_ieq(item, VC_STR("lzs")))
            set |= VC_ENCODING_LZS;
        else if (vc_str_ieq(item, VC_STR("oc-lz4")))
            set |= VC_ENCODING_OC_LZ4;
        else if (vc_str_ieq(item, VC_STR("deflate")))
            set |= VC_ENCODING_DEFLATE;
    }
    *out = (uint8_t)(set & allowed);
    return true;
}

static bool take_ciphers(struct vc_str value, char out[VC_CONNECT_CIPHERS])
{
    if (value.len >= VC_CONNECT_CIPHERS)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < 0x20 || value.at[i] >= 0x7f)
            return false;
    }
    return vc_str_copy(value, out, VC_CONNECT_CIPHERS);
}

static bool take_identifier(struct vc_str value, char out[VC_CONNECT_IDENTIFIER])
{
    size_t n = value.len < VC_CONNECT_IDENTIFIER ? value.len : VC_CONNECT_IDENTIFIER - 1;
    for (size_t i = 0; i < n; i++) {
        out[i] = value.at[i];
        if (out[i] < 0x20 || out[i] >= 0x7f)
            out[i] = '?';
    }
    memset(out + n, 0, VC_CONNECT_IDENTIFIER - n);
    return true;
}

static bool take_secret(struct vc_str value, struct vc_connect_request *req)
{
    vc_connect_request_wipe(req);
    req->has_secret = vc_hex_decode(value, req->secret, sizeof(req->secret));
    if (!req->has_secret)
        vc_connect_request_wipe(req); /* what was decoded before the bad digit */
    return req->has_secret;
}

static bool take(struct vc_connect_request *req, enum vc_connect_header h, struct vc_str value)
{
    switch (h) {
    case VC_CONNECT_USER_AGENT:
        return take_identifier(value, req->user_agent);
    case VC_CONNECT_VERSION:
        return vc_str_eq(value, VC_STR("1"));
    case VC_CONNECT_HOST_NAME:
        return take_hostname(value, req->hostname);
    case VC_CONNECT_BASE_MTU:
        return take_number(value, 576, 65535, &req->base_mtu);
    case VC_CONNECT_MTU:
        return take_number(value, 0, 65535, &req->mtu);
    case VC_CONNECT_ADDRESS_TYPE:
        return take_address_type(value, req);
    case VC_CONNECT_FULL_IPV6:
        return take_bool(value, &req->full_ipv6);
    case VC_CONNECT_ADDRESS:
        return take_address(value, req);
    case VC_CONNECT_LOCAL_IP4:
        return take_ip(value, VC_FAMILY_V4, &req->local_v4);
    case VC_CONNECT_LOCAL_IP6:
        return take_ip(value, VC_FAMILY_V6, &req->local_v6);
    case VC_CONNECT_REMOTE_IP4:
        return take_ip(value, VC_FAMILY_V4, &req->remote_v4);
    case VC_CONNECT_REMOTE_IP6:
        return take_ip(value, VC_FAMILY_V6, &req->remote_v6);
    case VC_CONNECT_ACCEPT_ENCODING:
        return take_encodings(value, VC_ENCODING_LZS | VC_ENCODING_OC_LZ4 | VC_ENCODING_DEFLATE, &req->encodings);
    case VC_CONNECT_LICENSE:
        return take_word(value, "mobile", &req->mobile);
    case VC_CONNECT_FIPS_MODE:
        return take_word(value, "enabled", &req->fips);
    case VC_CONNECT_SECRET_HEX:
        return take_secret(value, req);
    case VC_CONNECT_CIPHER_LIST:
        return take_ciphers(value, req->ciphers);
    case VC_CONNECT_CIPHER_LIST12:
        return take_ciphers(value, req->ciphers12);
    case VC_CONNECT_DTLS_ENCODING: /* deflate needs a stream: never over UDP */
        return take_encodings(value, VC_ENCODING_LZS | VC_ENCODING_OC_LZ4, &req->dtls_encodings);
    case VC_CONNECT_PLATFORM:
        return take_identifier(value, req->platform);
    case VC_CONNECT_PLATFORM_VERSION:
        return take_identifier(value, req->platform_version);
    case VC_CONNECT_DEVICE_TYPE:
        return take_identifier(value, req->device_type);
    case VC_CONNECT_UNIQUE_ID:
        return take_identifier(value, req->unique_id);
    case VC_CONNECT_CLIENT_VERSION:
        return take_identifier(value, req->client_version);
    case VC_CONNECT_PROTOCOL: /* that it came is all there is to know */
    case VC_CONNECT_TCP_KEEPALIVE:
    case VC_CONNECT_PAD_LENGTH:
    case VC_CONNECT_STRAP_PUBKEY:
    case VC_CONNECT_STRAP_VERIFY:
    case VC_N_CONNECT_HEADERS:
        break;
    }
    return true;
}

enum vc_connect_taken vc_connect_request_header(struct vc_connect_request *req, struct vc_str name, struct vc_str value)
{
    for (int h = 0; h < VC_N_CONNECT_HEADERS; h++) {
        if (!vc_str_ieq(name, vc_str_of(names[h])))
            continue;
        if (take(req, (enum vc_connect_header)h, vc_str_trim(value))) {
            req->seen |= 1U << h;
            return VC_CONNECT_TAKEN;
        }
        req->bad |= 1U << h;
        return VC_CONNECT_BAD;
    }
    return VC_CONNECT_UNKNOWN;
}

bool vc_connect_request_wants(const struct vc_connect_request *req, enum vc_family family)
{
    if (!req->wants_v4 && !req->wants_v6)
        return family == VC_FAMILY_V4;
    return family == VC_FAMILY_V4 ? req->wants_v4 : family == VC_FAMILY_V6 && req->wants_v6;
}

bool vc_connect_request_is_mobile(const struct vc_connect_request *req)
{
    struct vc_str platform = vc_str_of(req->platform);
    return req->mobile || vc_str_istarts(platform, VC_STR("apple-ios")) || vc_str_istarts(platform, VC_STR("android"));
}

void vc_connect_request_wipe(struct vc_connect_request *req)
{
    vc_wipe(req->secret, sizeof(req->secret));
    req->has_secret = false;
}

/* -- between processes -- */

static void put_text16(struct vc_writer *w, const char *text)
{
    size_t len = strlen(text);
    vc_put_u16(w, (uint16_t)len);
    vc_put(w, text, len);
}

/** Printable ASCII that fits, with its NUL; nothing else ever lies in a request. */
static void take_text16(struct vc_reader *r, char *out, size_t cap)
{
    struct vc_str text = {.len = vc_take_u16(r)};
    text.at = (const char *)vc_take(r, text.len);
    for (size_t i = 0; !r->bad && i < text.len; i++)
        r->bad = text.at[i] < 0x20 || text.at[i] >= 0x7f;
    if (r->bad || !vc_str_copy(text, out, cap))
        r->bad = true;
}

static bool take_flag(struct vc_reader *r)
{
    uint8_t v = vc_take_u8(r);
    if (v > 1)
        r->bad = true;
    return v == 1;
}

static void take_ip_of(struct vc_reader *r, struct vc_ip *ip, enum vc_family family)
{
    vc_take_ip(r, ip);
    if (ip->family != VC_FAMILY_NONE && ip->family != family)
        r->bad = true;
}

void vc_connect_request_pack(const struct vc_connect_request *req, struct vc_writer *w)
{
    vc_put_u32(w, req->seen);
    vc_put_u32(w, req->bad);
    put_text16(w, req->hostname);
    vc_put_u16(w, (uint16_t)req->base_mtu);
    vc_put_u16(w, (uint16_t)req->mtu);
    vc_put_u8(w, req->wants_v4);
    vc_put_u8(w, req->wants_v6);
    vc_put_u8(w, req->full_ipv6);
    vc_put_ip(w, &req->address_v4);
    vc_put_ip(w, &req->address_v6);
    vc_put_ip(w, &req->local_v4);
    vc_put_ip(w, &req->local_v6);
    vc_put_ip(w, &req->remote_v4);
    vc_put_ip(w, &req->remote_v6);
    vc_put_u8(w, req->encodings);
    vc_put_u8(w, req->dtls_encodings);
    vc_put_u8(w, req->mobile);
    vc_put_u8(w, req->fips);
    vc_put_u8(w, req->has_secret);
    put_text16(w, req->ciphers);
    put_text16(w, req->ciphers12);
    put_text16(w, req->user_agent);
    put_text16(w, req->platform);
    put_text16(w, req->platform_version);
    put_text16(w, req->device_type);
    put_text16(w, req->unique_id);
    put_text16(w, req->client_version);
}

void vc_connect_request_unpack(struct vc_connect_request *req, struct vc_reader *r)
{
    const uint32_t known = (1U << VC_N_CONNECT_HEADERS) - 1;
    char hostname[VC_CONNECT_HOSTNAME] = "";
    memset(req, 0, sizeof(*req));
    req->seen = vc_take_u32(r);
    req->bad = vc_take_u32(r);
    take_text16(r, hostname, sizeof(hostname));
    req->base_mtu = vc_take_u16(r);
    req->mtu = vc_take_u16(r);
    req->wants_v4 = take_flag(r);
    req->wants_v6 = take_flag(r);
    req->full_ipv6 = take_flag(r);
    take_ip_of(r, &req->address_v4, VC_FAMILY_V4);
    take_ip_of(r, &req->address_v6, VC_FAMILY_V6);
    take_ip_of(r, &req->local_v4, VC_FAMILY_V4);
    take_ip_of(r, &req->local_v6, VC_FAMILY_V6);
    take_ip_of(r, &req->remote_v4, VC_FAMILY_V4);
    take_ip_of(r, &req->remote_v6, VC_FAMILY_V6);
    req->encodings = vc_take_u8(r);
    req->dtls_encodings = vc_take_u8(r);
    req->mobile = take_flag(r);
    req->fips = take_flag(r);
    req->has_secret = take_flag(r);
    take_text16(r, req->ciphers, sizeof(req->ciphers));
    take_text16(r, req->ciphers12, sizeof(req->ciphers12));
    take_text16(r, req->user_agent, sizeof(req->user_agent));
    take_text16(r, req->platform, sizeof(req->platform));
    take_text16(r, req->platform_version, sizeof(req->platform_version));
    take_text16(r, req->device_type, sizeof(req->device_type));
    take_text16(r, req->unique_id, sizeof(req->unique_id));
    take_text16(r, req->client_version, sizeof(req->client_version));

    bool odd = ((req->seen | req->bad) & ~known) != 0 || (req->base_mtu != 0 && req->base_mtu < 576) ||
               req->encodings > (VC_ENCODING_LZS | VC_ENCODING_OC_LZ4 | VC_ENCODING_DEFLATE) ||
               req->dtls_encodings > (VC_ENCODING_LZS | VC_ENCODING_OC_LZ4);
    if (!r->bad && hostname[0] != 0 && (strchr(hostname, '.') || !take_hostname(vc_str_of(hostname), req->hostname)))
        odd = true;
    if (r->bad || odd) {
        r->bad = true;
        memset(req, 0, sizeof(*req));
    }
}
