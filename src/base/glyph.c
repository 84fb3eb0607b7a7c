#include "base/glyph.h"

uint32_t vc_glyph_take(struct vc_str *s)
{
    const unsigned char *at = (const unsigned char *)s->at;
    unsigned char c = at[0];
    size_t n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 0;
    uint32_t v = n > 1 ? c & (0x7fU >> n) : c;
    bool good = n > 0 && n <= s->len;
    for (size_t i = 1; good && i < n; i++) {
        good = (at[i] & 0xc0) == 0x80;
        v = v << 6 | (at[i] & 0x3fU);
    }
    n = good ? n : 1;
    s->at += n;
    s->len -= n;
    return good ? v : 0xfffd;
}

bool vc_glyph_steers(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) || code_point == 0xfffd ||
           code_point == 0x61c || (code_point >= 0x200b && code_point <= 0x200f) ||
           (code_point >= 0x2028 && code_point <= 0x202e) || (code_point >= 0x2060 && code_point <= 0x2069) ||
           code_point == 0xfeff;
}
