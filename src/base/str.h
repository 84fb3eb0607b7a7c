#ifndef VC_BASE_STR_H
#define VC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Text inside something else: not NUL-terminated, borrowed. Zeroed is the empty view. */
struct vc_str {
    const char *at;
    size_t len;
};

#define VC_STR(literal) ((struct vc_str){.at = (literal), .len = sizeof(literal) - 1})

static inline struct vc_str vc_str_of(const char *s)
{
    return (struct vc_str){.at = s, .len = s ? strlen(s) : 0};
}

bool vc_str_eq(struct vc_str a, struct vc_str b);
bool vc_str_ieq(struct vc_str a, struct vc_str b); /* ASCII letters in any case */
bool vc_str_starts(struct vc_str s, struct vc_str prefix);
bool vc_str_istarts(struct vc_str s, struct vc_str prefix);
/** Without blanks, tabs, CR, LF at both ends. */
struct vc_str vc_str_trim(struct vc_str s);
/** Cuts at the first @sep: returns what is before it, *rest becomes what is behind (empty when there is no sep). */
struct vc_str vc_str_cut(struct vc_str s, char sep, struct vc_str *rest);

/** The whole view is decimal digits, at least one, and the value is at most @max. No sign, no blank. */
bool vc_str_u64(struct vc_str s, uint64_t max, uint64_t *out);

/** NUL-terminated copy; false when it does not fit @cap (with the NUL) or holds a NUL: *to is then "". */
bool vc_str_copy(struct vc_str s, char *to, size_t cap);

/** Valid UTF-8 without NUL (RFC 3629: no surrogates, no overlong forms). */
bool vc_str_utf8(struct vc_str s);

/** Printable copy of text that a stranger may have chosen, NUL-terminated: cut at a character's edge where it does not
 *  fit @cap (at least 1); control characters (C0, DEL, C1) become '?', and so do all bytes above 0x7f of what is not
 *  UTF-8. The result is UTF-8; cleaning it again changes nothing. */
void vc_str_clean(struct vc_str s, char *to, size_t cap);

/** Hexadecimal. Decoding takes either case and exactly 2 * @n digits. Encoding writes 2 * n digits and a NUL. */
bool vc_hex_decode(struct vc_str s, uint8_t *to, size_t n);
void vc_hex_encode(const uint8_t *from, size_t n, char *to);
void vc_hex_encode_upper(const uint8_t *from, size_t n, char *to);

/** Base64 (RFC 4648). Encoding pads and writes a NUL; @cap must be at least 4 * ceil(n / 3) + 1, else false.
 *  Decoding is strict: padding where due, no blank, no unused bits; length out in *n_out; false if malformed or more
 *  than @cap bytes. */
bool vc_base64_encode(const uint8_t *from, size_t n, char *to, size_t cap);
bool vc_base64_decode(struct vc_str s, uint8_t *to, size_t cap, size_t *n_out);
/** base64url without padding (RFC 4648 5). */
bool vc_base64url_encode(const uint8_t *from, size_t n, char *to, size_t cap);
bool vc_base64url_decode(struct vc_str s, uint8_t *to, size_t cap, size_t *n_out);

#endif
