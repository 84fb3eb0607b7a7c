#include "policy/placeholders.h"

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static void put_name(struct vc_str name, enum vc_placeholders_in in, struct vc_writer *w)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = (uint8_t)name.at[i];
        if (in == VC_PLACEHOLDERS_IN_URL && !is_unreserved(c))
            vc_put_fmt(w, "%%%02X", c);
        else
            vc_put_u8(w, c < 0x20 || c == 0x7f ? '?' : c);
    }
}

void vc_placeholders_fill(struct vc_str text, struct vc_str user, struct vc_str group, enum vc_placeholders_in in,
                          struct vc_writer *w)
{
    while (text.len > 0) {
        bool is_user = vc_str_starts(text, VC_STR("%{U}")), is_group = vc_str_starts(text, VC_STR("%{G}"));
        size_t used = is_user || is_group ? 4 : 1;
        if (used == 4)
            put_name(is_user ? user : group, in, w);
        else
            vc_put_u8(w, (uint8_t)text.at[0]);
        text.at += used;
        text.len -= used;
    }
}
