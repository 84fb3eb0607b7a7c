/* Input: lines "Name: value", and the same bytes as a packed request. Property: every member keeps its grammar and
 * limit whatever came, the case of a header's name changes nothing, and what is packed is unpacked the same. */
#include "wire/connect_request.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void printable(const char *text, size_t cap)
{
    size_t n = strnlen(text, cap);
    must(n < cap);
    for (size_t i = 0; i < n; i++)
        must(text[i] >= 0x20 && text[i] < 0x7f);
}

static void of_family(const struct vc_ip *ip, enum vc_family family)
{
    must(ip->family == VC_FAMILY_NONE || ip->family == family);
}

/** Packs, unpacks, packs: the same bytes. */
static void there_and_back(const struct vc_connect_request *req)
{
    static uint8_t p1[VC_CONNECT_PACKED_MAX], p2[VC_CONNECT_PACKED_MAX];
    static struct vc_connect_request back;
    struct vc_writer w1 = vc_writer_to(p1, sizeof(p1)), w2 = vc_writer_to(p2, sizeof(p2));
    vc_connect_request_pack(req, &w1);
    must(!w1.bad);
    struct vc_reader r = vc_reader_of(p1, vc_written(&w1));
    vc_connect_request_unpack(&back, &r);
    must(vc_reader_done(&r));
    vc_connect_request_pack(&back, &w2);
    must(!w2.bad && vc_written(&w1) == vc_written(&w2) && memcmp(p1, p2, vc_written(&w1)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vc_connect_request a, b;
    struct vc_str rest = {.at = (const char *)data, .len = size};
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    while (rest.len > 0) {
        struct vc_str line = vc_str_cut(rest, '\n', &rest), value;
        struct vc_str name = vc_str_cut(line, ':', &value);
        char other[64];
        if (name.len > sizeof(other))
            continue;
        for (size_t i = 0; i < name.len; i++) {
            char c = name.at[i];
            if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
                c = (char)(c ^ 0x20);
            other[i] = c;
        }
        enum vc_connect_taken got = vc_connect_request_header(&a, name, value);
        must(got == vc_connect_request_header(&b, (struct vc_str){.at = other, .len = name.len}, value));
    }
    must(memcmp(&a, &b, sizeof(a)) == 0);

    printable(a.hostname, sizeof(a.hostname));
    for (const char *p = a.hostname; *p; p++)
        must(*p != '.' && *p != ' ' && *p != '/' && *p != '$');
    must(a.base_mtu == 0 || (a.base_mtu >= 576 && a.base_mtu <= 65535));
    must(a.mtu <= 65535);
    of_family(&a.address_v4, VC_FAMILY_V4);
    of_family(&a.address_v6, VC_FAMILY_V6);
    of_family(&a.local_v4, VC_FAMILY_V4);
    of_family(&a.remote_v6, VC_FAMILY_V6);
    must((a.dtls_encodings & VC_ENCODING_DEFLATE) == 0);
    must(vc_connect_request_wants(&a, VC_FAMILY_V4) || vc_connect_request_wants(&a, VC_FAMILY_V6));
    must(!a.has_secret || vc_connect_request_saw(&a, VC_CONNECT_SECRET_HEX));
    printable(a.ciphers, sizeof(a.ciphers));
    printable(a.ciphers12, sizeof(a.ciphers12));
    printable(a.user_agent, sizeof(a.user_agent));
    printable(a.platform, sizeof(a.platform));
    printable(a.device_type, sizeof(a.device_type));
    (void)vc_connect_request_is_mobile(&a);

    there_and_back(&a);
    struct vc_reader packed = vc_reader_of(data, size);
    vc_connect_request_unpack(&b, &packed);
    must(packed.bad ? b.seen == 0 && !b.has_secret : (b.base_mtu == 0 || b.base_mtu >= 576));
    printable(b.hostname, sizeof(b.hostname));
    printable(b.ciphers, sizeof(b.ciphers));
    printable(b.client_version, sizeof(b.client_version));
    there_and_back(&b);

    static const uint8_t zeros[VC_CONNECT_MASTER_SECRET];
    if (a.has_secret)
        vc_connect_request_wipe(&a);
    must(!a.has_secret && memcmp(a.secret, zeros, sizeof(zeros)) == 0);
    for (int h = 0; h < VC_N_CONNECT_HEADERS; h++)
        must(vc_connect_header_name((enum vc_connect_header)h)[0] != 0);
    return 0;
}
