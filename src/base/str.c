#include "base/str.h"

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c + 32);
    return c;
}

bool vc_str_eq(struct vc_str a, struct vc_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool vc_str_ieq(struct vc_str a, struct vc_str b)
{
    return a.len == b.len && vc_str_istarts(a, b);
}

bool vc_str_starts(struct vc_str s, struct vc_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

bool vc_str_istarts(struct vc_str s, struct vc_str prefix)
{
    if (s.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        if (lower(s.at[i]) != lower(prefix.at[i]))
            return false;
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct vc_str vc_str_trim(struct vc_str s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

struct vc_str vc_str_cut(struct vc_str s, char sep, struct vc_str *rest)
{
    const char *p = s.len > 0 ? memchr(s.at, sep, s.len) : NULL;
    if (!p) {
        *rest = (struct vc_str){0};
        return s;
    }
    size_t n = (size_t)(p - s.at);
    *rest = (struct vc_str){.at = p + 1, .len = s.len - n - 1};
    return (struct vc_str){.at = s.at, .len = n};
}

bool vc_str_u64(struct vc_str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.at[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

bool vc_str_copy(struct vc_str s, char *to, size_t cap)
{
    if (cap == 0)
        return false;
    to[0] = 0;
    if (s.len >= cap || (s.len > 0 && memchr(s.at, 0, s.len)))
        return false;
    if (s.len > 0)
        memcpy(to, s.at, s.len);
    to[s.len] = 0;
    return true;
}

bool vc_str_utf8(struct vc_str s)
{
    const uint8_t *p = (const uint8_t *)s.at;
    size_t i = 0;
    while (i < s.len) {
        uint8_t c = p[i];
        size_t more;
        uint32_t v, least;
        if (c == 0)
            return false;
        if (c < 0x80) {
            i++;
            continue;
        }
        if ((c & 0xe0) == 0xc0) {
            more = 1, v = c & 0x1fU, least = 0x80;
        } else if ((c & 0xf0) == 0xe0) {
            more = 2, v = c & 0x0fU, least = 0x800;
        } else if ((c & 0xf8) == 0xf0) {
            more = 3, v = c & 0x07U, least = 0x10000;
        } else {
            return false;
        }
        if (s.len - i <= more)
            return false;
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            v = v << 6 | (p[i + k] & 0x3fU);
        }
        if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

void vc_str_clean(struct vc_str s, char *to, size_t cap)
{
    size_t n = s.len < cap - 1 ? s.len : cap - 1;
    if (n < s.len) { /* do not cut a character in two */
        while (n > 0 && ((uint8_t)s.at[n] & 0xc0) == 0x80)
            n--;
    }
    bool utf8 = vc_str_utf8((struct vc_str){.at = s.at, .len = n});
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)s.at[i];
        bool c1 = utf8 && c == 0xc2 && (uint8_t)s.at[i + 1] < 0xa0; /* U+0080 to U+009F */
        to[i] = s.at[i];
        if (c < 0x20 || c == 0x7f || c1 || (!utf8 && c >= 0x80))
            to[i] = '?';
        if (c1)
            to[++i] = '?';
    }
    to[n] = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool vc_hex_decode(struct vc_str s, uint8_t *to, size_t n)
{
    if (s.len != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(s.at[2 * i]), lo = hex_digit(s.at[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        to[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static void hex(const uint8_t *from, size_t n, char *to, const char *digits)
{
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * n] = 0;
}

void vc_hex_encode(const uint8_t *from, size_t n, char *to)
{
    hex(from, n, to, "0123456789abcdef");
}

void vc_hex_encode_upper(const uint8_t *from, size_t n, char *to)
{
    hex(from, n, to, "0123456789ABCDEF");
}

static const char std_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool b64_encode(const uint8_t *from, size_t n, char *to, size_t cap, const char *alphabet, bool pad)
{
    size_t full = n / 3, rest = n % 3;
    size_t len = full * 4 + (rest ? (pad ? 4 : rest + 1) : 0);
    if (n > SIZE_MAX / 2 || len >= cap)
        return false;
    char *o = to;
    for (size_t i = 0; i + 2 < n; i += 3) {
        uint32_t v = (uint32_t)from[i] << 16 | (uint32_t)from[i + 1] << 8 | from[i + 2];
        *o++ = alphabet[v >> 18];
        *o++ = alphabet[v >> 12 & 63];
        *o++ = alphabet[v >> 6 & 63];
        *o++ = alphabet[v & 63];
    }
    if (rest) {
        uint32_t v = (uint32_t)from[full * 3] << 16 | (rest == 2 ? (uint32_t)from[full * 3 + 1] << 8 : 0);
        *o++ = alphabet[v >> 18];
        *o++ = alphabet[v >> 12 & 63];
        if (rest == 2)
            *o++ = alphabet[v >> 6 & 63];
        else if (pad)
            *o++ = '=';
        if (pad)
            *o++ = '=';
    }
    *o = 0;
    return true;
}

static int b64_digit(char c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == alphabet[62])
        return 62;
    if (c == alphabet[63])
        return 63;
    return -1;
}

static bool b64_decode(struct vc_str s, uint8_t *to, size_t cap, size_t *n_out, const char *alphabet, bool pad)
{
    *n_out = 0;
    if (pad) {
        if (s.len % 4 != 0)
            return false;
        for (int k = 0; k < 2 && s.len > 0 && s.at[s.len - 1] == '='; k++)
            s.len--;
    }
    size_t rest = s.len % 4;
    if (rest == 1)
        return false;
    size_t n = s.len / 4 * 3 + (rest ? rest - 1 : 0);
    if (n > cap)
        return false;
    uint32_t v = 0;
    size_t o = 0;
    for (size_t i = 0; i < s.len; i++) {
        int d = b64_digit(s.at[i], alphabet);
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
        if (i % 4 == 3) {
            to[o++] = (uint8_t)(v >> 16);
            to[o++] = (uint8_t)(v >> 8);
            to[o++] = (uint8_t)v;
            v = 0;
        }
    }
    if (rest == 2) {
        if (v & 15)
            return false;
        to[o++] = (uint8_t)(v >> 4);
    } else if (rest == 3) {
        if (v & 3)
            return false;
        to[o++] = (uint8_t)(v >> 10);
        to[o++] = (uint8_t)(v >> 2);
    }
    *n_out = o;
    return true;
}

bool vc_base64_encode(const uint8_t *from, size_t n, char *to, size_t cap)
{
    return b64_encode(from, n, to, cap, std_alphabet, true);
}

bool vc_base64_decode(struct vc_str s, uint8_t *to, size_t cap, size_t *n_out)
{
    return b64_decode(s, to, cap, n_out, std_alphabet, true);
}

bool vc_base64url_encode(const uint8_t *from, size_t n, char *to, size_t cap)
{
    return b64_encode(from, n, to, cap, url_alphabet, false);
}

bool vc_base64url_decode(struct vc_str s, uint8_t *to, size_t cap, size_t *n_out)
{
    return b64_decode(s, to, cap, n_out, url_alphabet, false);
}
