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

/* ---- costs ---- */

#define SHA2_ROUNDS_MAX 1000000
#define SHA1_ROUNDS_MAX 500000
#define BSDI_ROUNDS_MAX 1000000
#define SUN_MD5_ROUNDS_MAX 200000
#define BCRYPT_COST_MAX 13
#define SCRYPT_BLOCKS_MAX (1U << 20) /* N * r * p; 128 bytes each, where p is 1 */

/** A digit of crypt(3)'s base 64, which counts from '.'; 64: it is none. */
static uint32_t digit(char c)
{
    if (c == '.' || c == '/')
        return (uint32_t)(c - '.');
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 2;
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A') + 12;
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 38;
    return 64;
}

/** A number of so many digits, the lowest first; UINT64_MAX: it is none. */
static uint64_t number(struct vc_str digits)
{
    uint64_t v = 0;
    for (size_t i = digits.len; i-- > 0;) {
        uint32_t d = digit(digits.at[i]);
        if (d == 64)
            return UINT64_MAX;
        v = v << 6 | d;
    }
    return v;
}

static bool rounds_within(struct vc_str field, uint64_t max)
{
    uint64_t rounds;
    return vc_str_u64(field, max, &rounds);
}

static bool blocks_within(uint64_t log2_n, uint64_t r, uint64_t p)
{
    return log2_n <= 20 && r <= SCRYPT_BLOCKS_MAX && p <= SCRYPT_BLOCKS_MAX &&
           (UINT64_C(1) << log2_n) * r <= SCRYPT_BLOCKS_MAX && (UINT64_C(1) << log2_n) * r * p <= SCRYPT_BLOCKS_MAX;
}

/** "j9T": flavour, log2 N, r, a digit each up to 47; what may stand behind them, crypt_gensalt(3) never writes. */
static bool yescrypt_within(struct vc_str field)
{
    if (field.len != 3)
        return false;
    uint32_t flavour = digit(field.at[0]), n = digit(field.at[1]), r = digit(field.at[2]);
    return flavour < 48 && n < 48 && r < 48 && blocks_within(n + 1, r + 1, 1);
}

/** "CU..../....": log2 N, five digits of r, five of p. */
static bool scrypt_within(struct vc_str field)
{
    return field.len == 11 && blocks_within(digit(field.at[0]), number((struct vc_str){field.at + 1, 5}),
                                            number((struct vc_str){field.at + 6, 5}));
}

static bool within(struct vc_str cost)
{
    struct vc_str rest, id, field;
    if (cost.at[0] == '_')
        return number((struct vc_str){cost.at + 1, 4}) <= BSDI_ROUNDS_MAX;
    if (cost.at[0] != '$')
        return true; /* DES */
    id = vc_str_cut((struct vc_str){cost.at + 1, cost.len - 1}, '$', &rest);
    field = vc_str_cut(rest, '$', &rest);
    if (vc_str_starts(id, VC_STR("md5,rounds="))) {
        (void)vc_str_cut(id, '=', &field);
        return rounds_within(field, SUN_MD5_ROUNDS_MAX);
    }
    if (vc_str_eq(id, VC_STR("5")) || vc_str_eq(id, VC_STR("6"))) {
        (void)vc_str_cut(field, '=', &rest);
        return field.len == 0 || rounds_within(rest, SHA2_ROUNDS_MAX);
    }
    if (vc_str_eq(id, VC_STR("sha1")))
        return rounds_within(field, SHA1_ROUNDS_MAX);
    if (vc_str_eq(id, VC_STR("y")) || vc_str_eq(id, VC_STR("gy")))
        return yescrypt_within(field);
    if (vc_str_eq(id, VC_STR("7")))
        return scrypt_within(field);
    if (vc_str_starts(id, VC_STR("2")))
        return rounds_within(field, BCRYPT_COST_MAX);
    return vc_str_eq(id, VC_STR("md5")) || vc_str_eq(id, VC_STR("1")) || vc_str_eq(id, VC_STR("3"));
}

bool vc_hash_form_costly(struct vc_str hash)
{
    struct vc_str cost = vc_hash_form_cost(hash);
    return cost.len > 0 && !within(cost);
}

/* ---- kinds ---- */

/* What varcoctl passwd writes: for a file without users. */
static const struct vc_str newest = {"$y$j9T$yS2hVVF4kDVw4ixV5bAxB/$uzuXJuhmyHNVHh9Y8sBUmFZAbsZv0CyeQZtcKbOeGFC", 73};

#define SEEN_MAX 256 /* kinds that are told apart while the file is read */

struct kind {
    struct vc_str cost, hash;
    size_t users;
};

/** Counts one more user of this kind; false: too many kinds. */
static bool count(struct kind *seen, unsigned *n, struct vc_str cost, struct vc_str hash)
{
    for (unsigned i = 0; i < *n; i++) {
        if (vc_str_eq(seen[i].cost, cost)) {
            seen[i].users++;
            return true;
        }
    }
    if (*n == SEEN_MAX)
        return false;
    seen[(*n)++] = (struct kind){.cost = cost, .hash = hash, .users = 1};
    return true;
}

static void add_dummy(struct vc_hash_kinds *k, struct vc_str hash)
{
    char *out = k->dummy[k->n++];
    (void)vc_str_copy(hash, out, VC_HASH_FORM_MAX);
    /* the last character belongs to the digest: another one, and no password has it any more */
    out[hash.len - 1] = out[hash.len - 1] == '.' ? '/' : '.';
}

void vc_hash_kinds_read(struct vc_hash_kinds *k, struct vc_str password_file)
{
    struct kind seen[SEEN_MAX];
    struct vc_ocpasswd_entry e;
    enum vc_ocpasswd_line line;
    unsigned n = 0;
    *k = (struct vc_hash_kinds){0};
    while ((line = vc_ocpasswd_next(&password_file, &e)) != VC_OCPASSWD_END) {
        bool counts = line == VC_OCPASSWD_ENTRY && !e.locked && !vc_hash_form_costly(e.hash);
        struct vc_str cost = counts ? vc_hash_form_cost(e.hash) : (struct vc_str){0};
        if (cost.len > 0 && !count(seen, &n, cost, e.hash))
            k->more = true;
    }
    k->more = k->more || n > VC_HASH_KINDS_MAX;
    while (n > VC_HASH_KINDS_MAX) {
        unsigned rarest = 0;
        for (unsigned i = 1; i < n; i++) {
            if (seen[i].users < seen[rarest].users)
                rarest = i;
        }
        seen[rarest] = seen[--n];
    }
    for (unsigned i = 0; i < n; i++)
        add_dummy(k, seen[i].hash);
    if (n == 0)
        add_dummy(k, newest);
}

/** "$6$" of "$6$rounds=9000$"; the other forms have no parts. */
static struct vc_str method_of(struct vc_str cost)
{
    struct vc_str rest;
    if (cost.len == 0 || cost.at[0] != '$')
        return (struct vc_str){cost.at, cost.len > 0};
    struct vc_str id = vc_str_cut((struct vc_str){cost.at + 1, cost.len - 1}, '$', &rest), name;
    name = vc_str_cut(id, ',', &rest); /* SunMD5 */
    return (struct vc_str){cost.at, name.len + 1};
}

unsigned vc_hash_kinds_place(const struct vc_hash_kinds *k, struct vc_str hash)
{
    struct vc_str cost = vc_hash_form_cost(hash);
    unsigned near = 0;
    for (unsigned i = k->n; i-- > 0;) {
        struct vc_str c = vc_hash_form_cost(vc_str_of(k->dummy[i]));
        if (vc_str_eq(c, cost))
            return i;
        if (vc_str_eq(method_of(c), method_of(cost)))
            near = i;
    }
    return near;
}
