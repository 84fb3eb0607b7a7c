#include "policy/tls_priority.h"

#define PART_SHOWN 40 /* bytes of a part that a note repeats */

/** The lists that a string works on. */
enum list { VERSIONS, CIPHERS, KEY_EXCHANGES, MACS, GROUPS, SIGNATURES, OTHERS, N_LISTS };

/** What is noted of a part. */
enum say { QUIET, CBC, RSA_KX, NEVER, LACKING, DTLS, FINITE, OLD, NO_FLAG, UNKNOWN };

enum { TLS13 = 1, TLS12 };
enum { AES256 = 1, CHACHA, AES128 };
enum { ECDHE_ECDSA = 1, ECDHE_RSA, DHE_RSA };
enum { AEAD = 1 };
enum { ALL = 0xffff }; /* every row of the list that has a number */

/** The names, without "+", "-" and "!". The number is our own for the first four lists, IANA's for groups and
 * signatures; 0: the gateway has no such thing, so adding it may be noted, and taking it away is done. The order within
 * a list is that of a keyword or ALL which brings them together: GnuTLS's, but X25519 comes first, as it costs least.
 */
static const struct name {
    const char *name;
    enum list list;
    uint16_t id;
    enum say added, removed;
} names[] = {
    // clang-format off
    {"VERS-TLS1.3",             VERSIONS,      TLS13,       QUIET,   QUIET},
    {"VERS-TLS1.2",             VERSIONS,      TLS12,       QUIET,   QUIET},
    {"VERS-ALL",                VERSIONS,      ALL,         QUIET,   QUIET},
    {"VERS-TLS-ALL",            VERSIONS,      ALL,         QUIET,   QUIET},
    {"VERS-TLS1.1",             VERSIONS,      0,           NEVER,   QUIET},
    {"VERS-TLS1.0",             VERSIONS,      0,           NEVER,   QUIET},
    {"VERS-SSL3.0",             VERSIONS,      0,           NEVER,   QUIET},
    {"VERS-DTLS1.2",            OTHERS,        0,           QUIET,   DTLS},
    {"VERS-DTLS1.0",            OTHERS,        0,           NEVER,   QUIET},
    {"VERS-DTLS0.9",            OTHERS,        0,           DTLS,    DTLS},
    {"VERS-DTLS-ALL",           OTHERS,        0,           QUIET,   DTLS},

    {"AES-256-GCM",             CIPHERS,       AES256,      QUIET,   QUIET},
    {"CHACHA20-POLY1305",       CIPHERS,       CHACHA,      QUIET,   QUIET},
    {"AES-128-GCM",             CIPHERS,       AES128,      QUIET,   QUIET},
    {"CIPHER-ALL",              CIPHERS,       ALL,         QUIET,   QUIET},
    {"AES-128-CBC",             CIPHERS,       0,           CBC,     QUIET},
    {"AES-256-CBC",             CIPHERS,       0,           CBC,     QUIET},
    {"AES-192-CBC",             CIPHERS,       0,           NEVER,   QUIET},
    {"AES-192-GCM",             CIPHERS,       0,           NEVER,   QUIET},
    {"AES-128-CCM",             CIPHERS,       0,           NEVER,   QUIET},
    {"AES-256-CCM",             CIPHERS,       0,           NEVER,   QUIET},
    {"AES-128-CCM-8",           CIPHERS,       0,           NEVER,   QUIET},
    {"AES-256-CCM-8",           CIPHERS,       0,           NEVER,   QUIET},
    {"CAMELLIA-128-GCM",        CIPHERS,       0,           NEVER,   QUIET},
    {"CAMELLIA-256-GCM",        CIPHERS,       0,           NEVER,   QUIET},
    {"CAMELLIA-128-CBC",        CIPHERS,       0,           NEVER,   QUIET},
    {"CAMELLIA-192-CBC",        CIPHERS,       0,           NEVER,   QUIET},
    {"CAMELLIA-256-CBC",        CIPHERS,       0,           NEVER,   QUIET},
    {"3DES-CBC",                CIPHERS,       0,           NEVER,   QUIET},
    {"ARCFOUR-128",             CIPHERS,       0,           NEVER,   QUIET},
    {"ARCFOUR-40",              CIPHERS,       0,           NEVER,   QUIET},
    {"SALSA20-256",             CIPHERS,       0,           NEVER,   QUIET},
    {"ESTREAM-SALSA20-256",     CIPHERS,       0,           NEVER,   QUIET},
    {"NULL",                    CIPHERS,       0,           NEVER,   QUIET},

    {"ECDHE-ECDSA",             KEY_EXCHANGES, ECDHE_ECDSA, QUIET,   QUIET},
    {"ECDHE-RSA",               KEY_EXCHANGES, ECDHE_RSA,   QUIET,   QUIET},
    {"DHE-RSA",                 KEY_EXCHANGES, DHE_RSA,     QUIET,   QUIET},
    {"KX-ALL",                  KEY_EXCHANGES, ALL,         QUIET,   QUIET},
    {"RSA",                     KEY_EXCHANGES, 0,           RSA_KX,  QUIET},
    {"DHE-DSS",                 KEY_EXCHANGES, 0,           NEVER,   QUIET},
    {"RSA-EXPORT",              KEY_EXCHANGES, 0,           NEVER,   QUIET},
    {"ANON-DH",                 KEY_EXCHANGES, 0,           NEVER,   QUIET},
    {"ANON-ECDH",               KEY_EXCHANGES, 0,           NEVER,   QUIET},
    {"PSK",                     KEY_EXCHANGES, 0,           LACKING, QUIET},
    {"DHE-PSK",                 KEY_EXCHANGES, 0,           LACKING, QUIET},
    {"ECDHE-PSK",               KEY_EXCHANGES, 0,           LACKING, QUIET},
    {"RSA-PSK",                 KEY_EXCHANGES, 0,           LACKING, QUIET},
    {"SRP",                     KEY_EXCHANGES, 0,           LACKING, QUIET},
    {"SRP-RSA",                 KEY_EXCHANGES, 0,           LACKING, QUIET},
    {"SRP-DSS",                 KEY_EXCHANGES, 0,           LACKING, QUIET},

    {"AEAD",                    MACS,          AEAD,        QUIET,   QUIET},
    {"MAC-ALL",                 MACS,          ALL,         QUIET,   QUIET},
    {"SHA1",                    MACS,          0,           QUIET,   QUIET}, /* they go with CBC, which is noted itself */
    {"SHA256",                  MACS,          0,           QUIET,   QUIET},
    {"SHA384",                  MACS,          0,           QUIET,   QUIET},
    {"MD5",                     MACS,          0,           NEVER,   QUIET},
    {"UMAC-96",                 MACS,          0,           NEVER,   QUIET},
    {"UMAC-128",                MACS,          0,           NEVER,   QUIET},

    {"GROUP-X25519-MLKEM768",   GROUPS,        0x11ec,      QUIET,   QUIET},
    {"GROUP-X25519",            GROUPS,        29,          QUIET,   QUIET},
    {"GROUP-SECP256R1",         GROUPS,        23,          QUIET,   QUIET},
    {"GROUP-SECP384R1",         GROUPS,        24,          QUIET,   QUIET},
    {"GROUP-SECP521R1",         GROUPS,        25,          QUIET,   QUIET},
    {"GROUP-X448",              GROUPS,        30,          QUIET,   QUIET},
    {"GROUP-ALL",               GROUPS,        ALL,         QUIET,   QUIET},
    {"GROUP-EC-ALL",            GROUPS,        ALL,         QUIET,   QUIET},
    {"GROUP-DH-ALL",            GROUPS,        0,           QUIET,   FINITE},
    {"GROUP-FFDHE2048",         GROUPS,        0,           QUIET,   FINITE},
    {"GROUP-FFDHE3072",         GROUPS,        0,           QUIET,   FINITE},
    {"GROUP-FFDHE4096",         GROUPS,        0,           QUIET,   FINITE},
    {"GROUP-FFDHE6144",         GROUPS,        0,           QUIET,   FINITE},
    {"GROUP-FFDHE8192",         GROUPS,        0,           QUIET,   FINITE},
    {"GROUP-SECP192R1",         GROUPS,        0,           NEVER,   QUIET},
    {"GROUP-SECP224R1",         GROUPS,        0,           NEVER,   QUIET},

    /* GnuTLS has two names for one number: ECDSA with a hash (TLS 1.2), and with a curve too (TLS 1.3) */
    {"SIGN-ECDSA-SHA256",           SIGNATURES, VC_TLS_ECDSA_SHA256,     QUIET, QUIET},
    {"SIGN-ECDSA-SECP256R1-SHA256", SIGNATURES, VC_TLS_ECDSA_SHA256,     QUIET, QUIET},
    {"SIGN-ECDSA-SHA384",           SIGNATURES, VC_TLS_ECDSA_SHA384,     QUIET, QUIET},
    {"SIGN-ECDSA-SECP384R1-SHA384", SIGNATURES, VC_TLS_ECDSA_SHA384,     QUIET, QUIET},
    {"SIGN-ECDSA-SHA512",           SIGNATURES, VC_TLS_ECDSA_SHA512,     QUIET, QUIET},
    {"SIGN-ECDSA-SECP521R1-SHA512", SIGNATURES, VC_TLS_ECDSA_SHA512,     QUIET, QUIET},
    {"SIGN-RSA-PSS-RSAE-SHA256",    SIGNATURES, VC_TLS_RSA_PSS_SHA256,   QUIET, QUIET},
    {"SIGN-RSA-PSS-RSAE-SHA384",    SIGNATURES, VC_TLS_RSA_PSS_SHA384,   QUIET, QUIET},
    {"SIGN-RSA-PSS-RSAE-SHA512",    SIGNATURES, VC_TLS_RSA_PSS_SHA512,   QUIET, QUIET},
    {"SIGN-RSA-SHA256",             SIGNATURES, VC_TLS_RSA_PKCS1_SHA256, QUIET, QUIET},
    {"SIGN-RSA-SHA384",             SIGNATURES, VC_TLS_RSA_PKCS1_SHA384, QUIET, QUIET},
    {"SIGN-RSA-SHA512",             SIGNATURES, VC_TLS_RSA_PKCS1_SHA512, QUIET, QUIET},
    {"SIGN-RSA-PSS-SHA256",         SIGNATURES, 0x0809,                  QUIET, QUIET}, /* of keys for PSS alone */
    {"SIGN-RSA-PSS-SHA384",         SIGNATURES, 0x080a,                  QUIET, QUIET},
    {"SIGN-RSA-PSS-SHA512",         SIGNATURES, 0x080b,                  QUIET, QUIET},
    {"SIGN-EDDSA-ED25519",          SIGNATURES, 0x0807,                  QUIET, QUIET},
    {"SIGN-EDDSA-ED448",            SIGNATURES, 0x0808,                  QUIET, QUIET},
    {"SIGN-ALL",                    SIGNATURES, ALL,                     QUIET, QUIET},
    {"SIGN-RSA-SHA1",               SIGNATURES, 0,                       NEVER, QUIET},
    {"SIGN-RSA-SHA224",             SIGNATURES, 0,                       NEVER, QUIET},
    {"SIGN-RSA-MD5",                SIGNATURES, 0,                       NEVER, QUIET},
    {"SIGN-ECDSA-SHA1",             SIGNATURES, 0,                       NEVER, QUIET},
    {"SIGN-ECDSA-SHA224",           SIGNATURES, 0,                       NEVER, QUIET},
    {"SIGN-DSA-SHA1",               SIGNATURES, 0,                       NEVER, QUIET},
    {"SIGN-DSA-SHA256",             SIGNATURES, 0,                       NEVER, QUIET},

    {"CTYPE-X509",              OTHERS,        0,           QUIET,   LACKING},
    {"CTYPE-ALL",               OTHERS,        0,           QUIET,   LACKING},
    {"CTYPE-OPENPGP",           OTHERS,        0,           LACKING, QUIET},
    {"CTYPE-RAWPK",             OTHERS,        0,           LACKING, QUIET},
    {"COMP-NULL",               OTHERS,        0,           QUIET,   QUIET},
    {"COMP-ALL",                OTHERS,        0,           QUIET,   QUIET},
    {"COMP-DEFLATE",            OTHERS,        0,           NEVER,   QUIET},
    // clang-format on
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

#define ANY_VERSION "+VERS-TLS-ALL"
#define ALL_BUT_CIPHERS "+KX-ALL:+AEAD:+GROUP-ALL:+SIGN-ALL"
#define STRONG                                                                                                         \
    "+AES-256-GCM:+CHACHA20-POLY1305:+KX-ALL:+AEAD:+GROUP-SECP384R1:+GROUP-SECP521R1:"                                 \
    "+SIGN-RSA-SHA384:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-EDDSA-ED448:"                               \
    "+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA512:+SIGN-ECDSA-SECP521R1-SHA512:"                 \
    "+SIGN-RSA-SHA512:+SIGN-RSA-PSS-SHA512:+SIGN-RSA-PSS-RSAE-SHA512"

/** The keywords. Where one is not the first part it adds all but its versions. */
static const struct level {
    const char *name, *versions, *rest;
} levels[] = {
    {"NORMAL", ANY_VERSION, "+CIPHER-ALL:" ALL_BUT_CIPHERS},
    {"LEGACY", ANY_VERSION, "+CIPHER-ALL:" ALL_BUT_CIPHERS},
    {"PFS", ANY_VERSION, "+CIPHER-ALL:" ALL_BUT_CIPHERS},
    {"SECURE128", ANY_VERSION, "+CIPHER-ALL:" ALL_BUT_CIPHERS},
    {"PERFORMANCE", ANY_VERSION, "+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:" ALL_BUT_CIPHERS},
    {"SECURE192", ANY_VERSION, STRONG},
    {"SECURE256", ANY_VERSION, STRONG},
    {"SUITEB128", "+VERS-TLS1.2",
     "+AES-256-GCM:+AES-128-GCM:+ECDHE-ECDSA:+AEAD:+GROUP-SECP256R1:+GROUP-SECP384R1:"
     "+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SECP384R1-SHA384"},
    {"SUITEB192", "+VERS-TLS1.2",
     "+AES-256-GCM:+ECDHE-ECDSA:+AEAD:+GROUP-SECP384R1:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SECP384R1-SHA384"},
};

/** Behind "%". NO_FLAG: the gateway does not do it. The quiet ones are for clients, or as the gateway is anyway. */
static const struct flag {
    const char *name;
    enum say say;
} flags[] = {
    {"SERVER_PRECEDENCE", QUIET},
    {"COMPAT", QUIET},
    {"NO_TICKETS", QUIET},
    {"NO_TICKETS_TLS12", QUIET},
    {"SAFE_RENEGOTIATION", QUIET},
    {"PARTIAL_RENEGOTIATION", QUIET},
    {"LATEST_RECORD_VERSION", QUIET},
    {"SSL3_RECORD_VERSION", QUIET},
    {"FALLBACK_SCSV", QUIET},
    {"DUMBFW", QUIET},
    {"NEW_PADDING", QUIET},
    {"FORCE_ETM", QUIET}, /* without CBC there is nothing to force */
    {"NO_ETM", QUIET},
    {"STATELESS_COMPRESSION", QUIET},
    {"DISABLE_WILDCARDS", QUIET},
    {"UNSAFE_RENEGOTIATION", NO_FLAG},
    {"DISABLE_SAFE_RENEGOTIATION", NO_FLAG},
    {"NO_EXTENSIONS", NO_FLAG},
    {"NO_SESSION_HASH", NO_FLAG},
    {"FORCE_SESSION_HASH", NO_FLAG},
    {"DISABLE_TLS13_COMPAT_MODE", NO_FLAG},
    {"ALLOW_SMALL_RECORDS", NO_FLAG},
    {"DEBUG_ALLOW_KEY_USAGE_VIOLATIONS", NO_FLAG},
    {"VERIFY_ALLOW_BROKEN", NO_FLAG},
    {"VERIFY_ALLOW_SIGN_RSA_MD5", NO_FLAG},
    {"VERIFY_ALLOW_SIGN_WITH_SHA1", NO_FLAG},
    {"VERIFY_ALLOW_X509_V1_CA_CRT", NO_FLAG},
    {"VERIFY_DISABLE_CRL_CHECKS", NO_FLAG},
    {"PROFILE_VERY_WEAK", NO_FLAG},
    {"PROFILE_LOW", NO_FLAG},
    {"PROFILE_LEGACY", NO_FLAG},
    {"PROFILE_MEDIUM", NO_FLAG},
    {"PROFILE_HIGH", NO_FLAG},
    {"PROFILE_ULTRA", NO_FLAG},
    {"PROFILE_FUTURE", NO_FLAG},
    {"PROFILE_SUITEB128", NO_FLAG},
    {"PROFILE_SUITEB192", NO_FLAG},
};

/** What the record layer has (tls/export.c; a test there compares). */
static const struct suite {
    uint16_t code;
    uint8_t kx, cipher; /* kx 0: TLS 1.3 */
} suites[] = {
    {0x1302, 0, AES256},           {0x1303, 0, CHACHA},           {0x1301, 0, AES128},
    {0xc02c, ECDHE_ECDSA, AES256}, {0xcca9, ECDHE_ECDSA, CHACHA}, {0xc02b, ECDHE_ECDSA, AES128},
    {0xc030, ECDHE_RSA, AES256},   {0xcca8, ECDHE_RSA, CHACHA},   {0xc02f, ECDHE_RSA, AES128},
    {0x009f, DHE_RSA, AES256},     {0xccaa, DHE_RSA, CHACHA},     {0x009e, DHE_RSA, AES128},
};
#define N_SUITES (sizeof(suites) / sizeof(suites[0]))

/** A string that is being read. */
struct reading {
    const struct name *list[N_LISTS][N_NAMES]; /* in order, each once */
    size_t n[N_LISTS];
    bool server_order;
    struct vc_conf_notes *notes;
    unsigned line;
};

static void say(const struct reading *r, enum say what, struct vc_str part)
{
    static const struct {
        enum vc_conf_note_kind kind;
        const char *words;
    } notes[] = {
        [QUIET] = {VC_CONF_NOTE_NO_EFFECT, ""},
        [CBC] = {VC_CONF_NOTE_NOT_SERVED, "stays off: tls-legacy = cbc, which would allow it, is not served yet"},
        [RSA_KX] = {VC_CONF_NOTE_NOT_SERVED, "stays off: tls-legacy = rsa-kx, which would allow it, is not served yet"},
        [NEVER] = {VC_CONF_NOTE_NO_EFFECT, "stays off: it is too old, or our record layer lacks it"},
        [LACKING] = {VC_CONF_NOTE_NO_EFFECT, "has no effect: servers have X.509 certificates here, and nothing else"},
        [DTLS] = {VC_CONF_NOTE_NO_EFFECT, "has no effect: udp-port, dtls-psk and dtls-legacy decide about DTLS"},
        [FINITE] = {VC_CONF_NOTE_NO_EFFECT,
                    "has no effect: DHE takes a group as strong as the certificate; -DHE-RSA switches it off"},
        [OLD] = {VC_CONF_NOTE_NO_EFFECT, "counts as NORMAL: what it has beyond that is too old"},
        [NO_FLAG] = {VC_CONF_NOTE_NO_EFFECT, "has no effect here"},
        [UNKNOWN] = {VC_CONF_NOTE_UNKNOWN, "is no part that is known here: it is left out"},
    };
    int shown = part.len > PART_SHOWN ? PART_SHOWN : (int)part.len;
    if (what != QUIET)
        vc_conf_notes_add(r->notes, notes[what].kind, r->line, VC_STR("tls-priorities"), "'%.*s' %s", shown,
                          shown > 0 ? part.at : "", notes[what].words);
}

static void take_out(struct reading *r, const struct name *name)
{
    const struct name **list = r->list[name->list];
    size_t n = 0;
    for (size_t i = 0; i < r->n[name->list]; i++) {
        if (name->id != ALL && list[i] != name)
            list[n++] = list[i];
    }
    r->n[name->list] = n;
}

/* Behind the others; what is there already keeps its place. */
static void put_in(struct reading *r, const struct name *name)
{
    const struct name **list = r->list[name->list];
    for (size_t i = 0; i < r->n[name->list]; i++) {
        if (list[i] == name)
            return;
    }
    list[r->n[name->list]++] = name;
}

static void add(struct reading *r, const struct name *name)
{
    if (name->id != 0 && name->id != ALL)
        put_in(r, name);
    for (size_t i = 0; name->id == ALL && i < N_NAMES; i++) {
        if (names[i].list == name->list && names[i].id != 0 && names[i].id != ALL)
            put_in(r, &names[i]);
    }
}

static const struct name *find_name(struct vc_str part)
{
    bool curve = vc_str_istarts(part, VC_STR("CURVE-")); /* the older word for GROUP- */
    for (size_t i = 0; i < N_NAMES; i++) {
        struct vc_str name = vc_str_of(names[i].name);
        if (vc_str_ieq(part, name))
            return &names[i];
        if (curve && vc_str_starts(name, VC_STR("GROUP-")) &&
            vc_str_ieq((struct vc_str){part.at + 6, part.len - 6}, (struct vc_str){name.at + 6, name.len - 6}))
            return &names[i];
    }
    return NULL;
}

static const struct level *find_level(struct vc_str part)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (vc_str_ieq(part, vc_str_of(levels[i].name)))
            return &levels[i];
    }
    return NULL;
}

/* "+NAME", "-NAME", "!NAME"; anything else is unknown. */
static void change(struct reading *r, struct vc_str part)
{
    struct vc_str rest = part.len > 0 ? (struct vc_str){part.at + 1, part.len - 1} : part;
    char sign = 0;
    if (part.len > 0)
        sign = part.at[0];
    const struct name *name = find_name(rest);
    if (!name || (sign != '+' && sign != '-' && sign != '!')) {
        say(r, UNKNOWN, part);
        return;
    }
    say(r, sign == '+' ? name->added : name->removed, part);
    if (sign == '+')
        add(r, name);
    else
        take_out(r, name);
}

static void apply_level(struct reading *r, const struct level *level, bool first, struct vc_str part)
{
    const char *const texts[] = {first ? level->versions : "", level->rest};
    for (int i = 0; i < 2; i++) {
        struct vc_str rest = vc_str_of(texts[i]);
        while (rest.len > 0)
            change(r, vc_str_cut(rest, ':', &rest));
    }
    if (vc_str_eq(vc_str_of(level->name), VC_STR("LEGACY")))
        say(r, OLD, part);
}

/* "@A,B": the first of these that a file of GnuTLS's defines, else that is a keyword. That file is not read here. */
static void apply_system(struct reading *r, struct vc_str part)
{
    struct vc_str rest = {part.at + 1, part.len - 1};
    const struct level *level = NULL;
    while (rest.len > 0 && !level)
        level = find_level(vc_str_trim(vc_str_cut(rest, ',', &rest)));
    level = level ? level : &levels[0];
    int shown = part.len > PART_SHOWN ? PART_SHOWN : (int)part.len;
    vc_conf_notes_add(r->notes, VC_CONF_NOTE_NO_EFFECT, r->line, VC_STR("tls-priorities"),
                      "'%.*s' counts as %s: GnuTLS's system-wide configuration is not read here", shown, part.at,
                      level->name);
    apply_level(r, level, true, part);
}

static void apply_flag(struct reading *r, struct vc_str part)
{
    struct vc_str name = {part.at + 1, part.len - 1};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!vc_str_ieq(name, vc_str_of(flags[i].name)))
            continue;
        r->server_order = r->server_order || vc_str_ieq(name, VC_STR("SERVER_PRECEDENCE"));
        say(r, flags[i].say, part);
        return;
    }
    say(r, UNKNOWN, part);
}

static void apply(struct reading *r, struct vc_str part, bool first)
{
    struct vc_str bare = part.len > 0 && part.at[0] == '+' ? (struct vc_str){part.at + 1, part.len - 1} : part;
    const struct level *level = find_level(bare);
    if (level)
        apply_level(r, level, first, part);
    else if (first && vc_str_ieq(part, VC_STR("NONE")))
        return;
    else if (first && vc_str_starts(part, VC_STR("@")))
        apply_system(r, part);
    else if (vc_str_starts(part, VC_STR("%")))
        apply_flag(r, part);
    else
        change(r, part);
}

static bool listed(const struct reading *r, enum list list, uint16_t id)
{
    for (size_t i = 0; i < r->n[list]; i++) {
        if (r->list[list][i]->id == id)
            return true;
    }
    return false;
}

static void put_code(struct vc_tls_codes *to, uint16_t code)
{
    if (to->n < VC_TLS_CODES_MAX && !vc_tls_codes_have(to, code))
        to->at[to->n++] = code;
}

bool vc_tls_codes_have(const struct vc_tls_codes *codes, uint16_t code)
{
    for (size_t i = 0; i < codes->n; i++) {
        if (codes->at[i] == code)
            return true;
    }
    return false;
}

static void put_codes(const struct reading *r, enum list list, struct vc_tls_codes *to)
{
    for (size_t i = 0; i < r->n[list]; i++)
        put_code(to, r->list[list][i]->id);
}

static bool is_rsa(uint16_t scheme)
{
    return (scheme & 0xff) == 1 || (scheme >= VC_TLS_RSA_PSS_SHA256 && scheme <= VC_TLS_RSA_PSS_SHA512) ||
           (scheme >= 0x0809 && scheme <= 0x080b);
}

/* Is there a signature for a suite of this key exchange? In TLS 1.3 PKCS#1 is none (RFC 8446 4.2.3). */
static bool can_sign(const struct vc_tls_codes *signatures, unsigned kx)
{
    for (size_t i = 0; i < signatures->n; i++) {
        uint16_t scheme = signatures->at[i];
        if (kx == 0 ? (scheme & 0xff) != 1 : is_rsa(scheme) == (kx != ECDHE_ECDSA))
            return true;
    }
    return false;
}

/* The suites of one key exchange, by the order of the ciphers. */
static void put_suites(const struct reading *r, struct vc_tls_priority *out, unsigned kx)
{
    if (!can_sign(&out->signatures, kx) || (kx != DHE_RSA && out->groups.n == 0))
        return;
    for (size_t i = 0; i < r->n[CIPHERS]; i++) {
        for (size_t k = 0; k < N_SUITES; k++) {
            if (suites[k].kx == kx && suites[k].cipher == r->list[CIPHERS][i]->id)
                put_code(&out->suites, suites[k].code);
        }
    }
}

static const char *missing(const struct reading *r)
{
    if (!listed(r, VERSIONS, TLS12) && !listed(r, VERSIONS, TLS13))
        return "nothing is left: neither TLS 1.2 nor TLS 1.3";
    if (!listed(r, CIPHERS, AES256) && !listed(r, CIPHERS, CHACHA) && !listed(r, CIPHERS, AES128))
        return "nothing is left: neither AES-GCM nor ChaCha20";
    if (!listed(r, MACS, AEAD))
        return "nothing is left: all ciphers here need AEAD";
    return "nothing is left: no suite has a key exchange, a group and a signature";
}

int vc_tls_priority_read(struct vc_str text, struct vc_tls_priority *out, const char **why, struct vc_conf_notes *notes,
                         unsigned line)
{
    struct reading r = {.notes = notes, .line = line};
    struct vc_str rest = text;
    bool first = true;
    *out = (struct vc_tls_priority){0};
    do {
        apply(&r, vc_str_trim(vc_str_cut(rest, ':', &rest)), first);
        first = false;
    } while (rest.len > 0);

    put_codes(&r, GROUPS, &out->groups);
    put_codes(&r, SIGNATURES, &out->signatures);
    out->server_order = r.server_order;
    if (listed(&r, MACS, AEAD)) {
        if (listed(&r, VERSIONS, TLS13))
            put_suites(&r, out, 0);
        for (size_t i = 0; listed(&r, VERSIONS, TLS12) && i < r.n[KEY_EXCHANGES]; i++)
            put_suites(&r, out, r.list[KEY_EXCHANGES][i]->id);
    }
    if (out->suites.n > 0)
        return 0;
    *out = (struct vc_tls_priority){0};
    *why = missing(&r);
    return 1;
}

static const struct suite *find_suite(uint16_t code)
{
    for (size_t i = 0; i < N_SUITES; i++) {
        if (suites[i].code == code)
            return &suites[i];
    }
    return NULL;
}

bool vc_tls_priority_has(const struct vc_tls_priority *p, bool tls13)
{
    for (size_t i = 0; i < p->suites.n; i++) {
        const struct suite *s = find_suite(p->suites.at[i]);
        if (s && (s->kx == 0) == tls13)
            return true;
    }
    return p->suites.n == 0;
}

/* As wire/tls_sign.c has it: a curve has one hash in TLS 1.3. */
static bool key_signs(enum vc_tls_key_type key, uint16_t scheme, bool tls13)
{
    bool ecdsa = scheme == VC_TLS_ECDSA_SHA256 || scheme == VC_TLS_ECDSA_SHA384 || scheme == VC_TLS_ECDSA_SHA512;
    switch (key) {
    case VC_TLS_KEY_NONE:
        return false;
    case VC_TLS_KEY_RSA:
        return (scheme >= VC_TLS_RSA_PSS_SHA256 && scheme <= VC_TLS_RSA_PSS_SHA512) || (!tls13 && (scheme & 0xff) == 1);
    case VC_TLS_KEY_P256:
        return tls13 ? scheme == VC_TLS_ECDSA_SHA256 : ecdsa;
    case VC_TLS_KEY_P384:
        return tls13 ? scheme == VC_TLS_ECDSA_SHA384 : ecdsa;
    case VC_TLS_KEY_P521:
        return tls13 ? scheme == VC_TLS_ECDSA_SHA512 : ecdsa;
    }
    return false;
}

bool vc_tls_priority_serves(const struct vc_tls_priority *p, enum vc_tls_key_type key, bool tls13)
{
    bool suite = false;
    if (p->suites.n == 0)
        return true;
    for (size_t i = 0; i < p->suites.n; i++) {
        const struct suite *s = find_suite(p->suites.at[i]);
        if (s && (tls13 ? s->kx == 0 : s->kx != 0 && (s->kx == ECDHE_ECDSA) == (key != VC_TLS_KEY_RSA)))
            suite = true;
    }
    for (size_t i = 0; suite && i < p->signatures.n; i++) {
        if (key_signs(key, p->signatures.at[i], tls13))
            return true;
    }
    return false;
}

void vc_tls_priority_pack(const struct vc_tls_priority *p, struct vc_writer *w)
{
    const struct vc_tls_codes *const lists[] = {&p->suites, &p->groups, &p->signatures};
    vc_put_u8(w, p->server_order);
    for (int i = 0; i < 3; i++) {
        vc_put_u8(w, lists[i]->n);
        for (size_t k = 0; k < lists[i]->n; k++)
            vc_put_u16(w, lists[i]->at[k]);
    }
}

bool vc_tls_priority_unpack(struct vc_reader *r, struct vc_tls_priority *out)
{
    *out = (struct vc_tls_priority){.server_order = vc_take_u8(r) != 0};
    struct vc_tls_codes *const lists[] = {&out->suites, &out->groups, &out->signatures};
    for (int i = 0; i < 3; i++) {
        uint8_t n = vc_take_u8(r);
        if (n > VC_TLS_CODES_MAX)
            r->bad = true;
        for (; !r->bad && lists[i]->n < n; lists[i]->n++)
            lists[i]->at[lists[i]->n] = vc_take_u16(r);
    }
    if (!r->bad)
        return true;
    *out = (struct vc_tls_priority){0};
    return false;
}
