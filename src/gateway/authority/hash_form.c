#include "gateway/authority/hash_form.h"

#include "wire/ocpasswd.h"

/* What stands behind the method in the part that decides the cost. */
enum cost {
    FIXED,  /* nothing */
    NEXT,   /* the next field: "$y$j9T$" */
    ROUNDS, /* "rounds=N$" where it is there */
    SCRYPT, /* the first 11 characters of the next field */
};

// clang-format off
static const struct {
    struct vc_str id;
    enum cost cost;
} methods[] = {
    {{"y", 1},    NEXT},
    {{"gy", 2},   NEXT},
    {{"7", 1},    SCRYPT},
    {{"2a", 2},   NEXT},
    {{"2b", 2},   NEXT},
    {{"2x", 2},   NEXT},
    {{"2y", 2},   NEXT},
    {{"6", 1},    ROUNDS},
    {{"5", 1},    ROUNDS},
    {{"sha1", 4}, NEXT},
    {{"md5", 3},  FIXED},
    {{"1", 1},    FIXED},
    {{"3", 1},    FIXED},
};
// clang-format on

static bool is_base64(struct vc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '/'))
            return false;
    }
    return true;
}

struct vc_str vc_hash_form_cost(struct vc_str hash)
{
    struct vc_str rest, id, none = {0}, whole = hash;
    if (hash.len == 0 || hash.len >= VC_HASH_FORM_MAX)
        return none;
    if (hash.at[0] == '_') /* BSDi: four characters of rounds, four of salt */
        return hash.len == 20 && is_base64((struct vc_str){hash.at + 1, 19}) ? (struct vc_str){hash.at, 5} : none;
    if (hash.at[0] != '$') /* DES; an empty prefix would mean "unknown", so the length stands for it */
        return hash.len == 13 && is_base64(hash) ? (struct vc_str){"DES", 3} : none;
    hash.at++;
    hash.len--;
    id = vc_str_cut(hash, '$', &rest);
    if (vc_str_starts(id, VC_STR("md5,"))) /* SunMD5 with rounds */
        return (struct vc_str){whole.at, id.len + 2};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && rest.len > 0; i++) {
        if (!vc_str_eq(id, methods[i].id))
            continue;
        size_t len = id.len + 2; /* "$id$" */
        struct vc_str behind, next = vc_str_cut(rest, '$', &behind);
        switch (methods[i].cost) {
        case FIXED:
            break;
        case NEXT:
            if (behind.len == 0)
                return none;
            len += next.len + 1;
            break;
        case ROUNDS:
            if (vc_str_starts(next, VC_STR("rounds=")))
                len += next.len + 1;
            break;
        case SCRYPT:
            len += next.len < 11 ? next.len : 11;
            break;
        }
        return len < whole.len ? (struct vc_str){whole.at, len} : none;
    }
    return none;
}

bool vc_hash_form_known(struct vc_str hash)
{
    return vc_hash_form_cost(hash).len > 0;
}

/* What varcoctl passwd writes: for a file without users. */
static const struct vc_str newest = {"$y$j9T$yS2hVVF4kDVw4ixV5bAxB/$uzuXJuhmyHNVHh9Y8sBUmFZAbsZv0CyeQZtcKbOeGFC", 73};

#define KINDS 16

void vc_hash_form_dummy(struct vc_str password_file, char out[VC_HASH_FORM_MAX])
{
    struct {
        struct vc_str cost, hash;
        size_t n;
    } kinds[KINDS] = {0}, *best = &kinds[0];
    struct vc_ocpasswd_entry e;
    enum vc_ocpasswd_line line;
    while ((line = vc_ocpasswd_next(&password_file, &e)) != VC_OCPASSWD_END) {
        struct vc_str cost = line == VC_OCPASSWD_ENTRY ? vc_hash_form_cost(e.hash) : (struct vc_str){0};
        for (size_t i = 0; cost.len > 0 && i < KINDS; i++) {
            if (kinds[i].n > 0 && !vc_str_eq(kinds[i].cost, cost))
                continue;
            if (kinds[i].n++ == 0) {
                kinds[i].cost = cost;
                kinds[i].hash = e.hash;
            }
            if (kinds[i].n > best->n)
                best = &kinds[i];
            break;
        }
    }
    struct vc_str hash = best->n > 0 ? best->hash : newest;
    (void)vc_str_copy(hash, out, VC_HASH_FORM_MAX);
    /* the last character belongs to the digest: another one, and no password has it any more */
    out[hash.len - 1] = out[hash.len - 1] == '.' ? '/' : '.';
}
