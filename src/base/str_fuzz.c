/* The input is text to decode and bytes to encode. What was decoded encodes to an equal text (hexadecimal: but for the
 * case of its digits), what was encoded decodes to equal bytes; cut pieces lie inside; clean text stays as it is. */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX = 1024 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void hexadecimal(struct vc_str s, const uint8_t *bytes, size_t n)
{
    uint8_t back[MAX];
    char text[2 * MAX + 1], upper[2 * MAX + 1];
    vc_hex_encode(bytes, n, text);
    vc_hex_encode_upper(bytes, n, upper);
    must(strlen(text) == 2 * n && vc_str_ieq(vc_str_of(text), vc_str_of(upper)));
    must(vc_hex_decode(vc_str_of(text), back, n) && (n == 0 || memcmp(back, bytes, n) == 0));
    must(vc_hex_decode(vc_str_of(upper), back, n) && (n == 0 || memcmp(back, bytes, n) == 0));
    must(!vc_hex_decode(vc_str_of(text), back, n + 1));
    if (vc_hex_decode(s, back, s.len / 2)) {
        vc_hex_encode(back, s.len / 2, text);
        must(vc_str_ieq(s, vc_str_of(text)));
    }
}

static void base64(struct vc_str s, const uint8_t *bytes, size_t n)
{
    uint8_t back[MAX];
    char text[2 * MAX];
    size_t got, need = (n + 2) / 3 * 4 + 1;
    must(vc_base64_encode(bytes, n, text, need) && strlen(text) == need - 1);
    must(vc_base64_decode(vc_str_of(text), back, n, &got) && got == n && (n == 0 || memcmp(back, bytes, n) == 0));
    must(n == 0 || !vc_base64_decode(vc_str_of(text), back, n - 1, &got));
    must(!vc_base64_encode(bytes, n, text, need - 1));
    if (vc_base64_decode(s, back, sizeof(back), &got)) { /* strict: there is one spelling */
        must(vc_base64_encode(back, got, text, sizeof(text)) && vc_str_eq(s, vc_str_of(text)));
    }

    must(vc_base64url_encode(bytes, n, text, sizeof(text)));
    must(vc_base64url_decode(vc_str_of(text), back, n, &got) && got == n && (n == 0 || memcmp(back, bytes, n) == 0));
    if (vc_base64url_decode(s, back, sizeof(back), &got)) {
        must(vc_base64url_encode(back, got, text, sizeof(text)) && vc_str_eq(s, vc_str_of(text)));
    }
}

static void number(struct vc_str s)
{
    uint64_t v = 7, again;
    char text[24];
    if (!vc_str_u64(s, UINT64_MAX, &v)) {
        must(v == 7);
        return;
    }
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
    must(vc_str_u64(vc_str_of(text), v, &again) && again == v);
    must(v == 0 || !vc_str_u64(s, v - 1, &again));
    while (s.len > 1 && s.at[0] == '0') {
        s.at++;
        s.len--;
    }
    must(vc_str_eq(s, vc_str_of(text)));
}

static void cleaned(struct vc_str s, size_t cap)
{
    char once[MAX + 1], twice[MAX + 1];
    vc_str_clean(s, once, cap);
    struct vc_str text = vc_str_of(once);
    must(text.len < cap && text.len <= s.len && vc_str_utf8(text));
    for (size_t i = 0; i < text.len; i++)
        must((uint8_t)once[i] >= 0x20 && once[i] != 0x7f);
    vc_str_clean(text, twice, sizeof(twice));
    must(vc_str_eq(text, vc_str_of(twice)));
}

static void pieces(struct vc_str s)
{
    size_t total = 0;
    for (struct vc_str rest = s; rest.len > 0;) {
        struct vc_str before = rest, piece = vc_str_cut(rest, ',', &rest), trimmed = vc_str_trim(piece);
        must(vc_str_starts(before, piece) && vc_str_istarts(before, piece));
        must(piece.len + rest.len + 1 == before.len || piece.len == before.len);
        must(!piece.len || !memchr(piece.at, ',', piece.len));
        must(trimmed.len == 0 || (trimmed.at >= piece.at && trimmed.at + trimmed.len <= piece.at + piece.len));
        must(vc_str_eq(trimmed, vc_str_trim(trimmed)));
        total += before.len - rest.len;
    }
    must(total == s.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MAX)
        return 0;
    struct vc_str s = {.at = (const char *)data, .len = size};
    char copy[MAX + 1];
    hexadecimal(s, data, size);
    base64(s, data, size);
    number(s);
    cleaned(s, sizeof(copy));
    cleaned(s, size / 2 + 1);
    pieces(s);
    bool has_nul = size > 0 && memchr(data, 0, size);
    must(vc_str_copy(s, copy, size + 1) == !has_nul && (has_nul ? copy[0] == 0 : vc_str_eq(s, vc_str_of(copy))));
    must(!vc_str_copy(s, copy, size) && !(has_nul && vc_str_utf8(s)));
    return 0;
}
