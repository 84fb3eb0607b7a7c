#include "wire/tls_sign.h"

#include "base/reader.h"

/* Who may sign what. In TLS 1.3 an ECDSA scheme names the curve too, and PKCS#1 v1.5 is for certificates only. */
struct rule {
    uint16_t scheme;
    bool rsa;
    bool in_13;
    enum vc_tls_key_type curve_13;
};

// clang-format off
static const struct rule rules[] = {
    {VC_TLS_RSA_PKCS1_SHA256, true,  false, VC_TLS_KEY_NONE},
    {VC_TLS_RSA_PKCS1_SHA384, true,  false, VC_TLS_KEY_NONE},
    {VC_TLS_RSA_PKCS1_SHA512, true,  false, VC_TLS_KEY_NONE},
    {VC_TLS_RSA_PSS_SHA256,   true,  true,  VC_TLS_KEY_NONE},
    {VC_TLS_RSA_PSS_SHA384,   true,  true,  VC_TLS_KEY_NONE},
    {VC_TLS_RSA_PSS_SHA512,   true,  true,  VC_TLS_KEY_NONE},
    {VC_TLS_ECDSA_SHA256,     false, true,  VC_TLS_KEY_P256},
    {VC_TLS_ECDSA_SHA384,     false, true,  VC_TLS_KEY_P384},
    {VC_TLS_ECDSA_SHA512,     false, true,  VC_TLS_KEY_P521},
};

/* Supported groups of RFC 8422 and 7748: the length of a point as TLS writes it, and its first byte (0: any). */
static const struct curve { uint16_t id; uint8_t len; uint8_t first; } curves[] = {
    {23, 65,  4}, /* secp256r1 */
    {24, 97,  4}, /* secp384r1 */
    {25, 133, 4}, /* secp521r1 */
    {29, 32,  0}, /* x25519 */
    {30, 56,  0}, /* x448 */
};
// clang-format on

#define PAD 64
static const char context_13[] = "TLS 1.3, server CertificateVerify"; /* its NUL is the separator of RFC 8446 */

static bool allowed(enum vc_tls_key_type key, uint16_t scheme, bool tls13)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *r = &rules[i];
        if (r->scheme != scheme)
            continue;
        if (key == VC_TLS_KEY_NONE || r->rsa != (key == VC_TLS_KEY_RSA))
            return false;
        return !tls13 || (r->in_13 && (r->rsa || r->curve_13 == key));
    }
    return false;
}

static bool is_13(const uint8_t *bytes, size_t len)
{
    struct vc_reader r = vc_reader_of(bytes, len);
    const uint8_t *pad = vc_take(&r, PAD);
    const uint8_t *context = vc_take(&r, sizeof(context_13));
    if (r.bad || memcmp(context, context_13, sizeof(context_13)) != 0)
        return false;
    for (size_t i = 0; i < PAD; i++) {
        if (pad[i] != ' ')
            return false;
    }
    return r.left == 32 || r.left == 48 || r.left == 64; /* a transcript hash */
}

/* The randoms are anyone's; what follows them must be parameters of a key exchange and nothing else. */
static bool is_ecdhe(const uint8_t *bytes, size_t len)
{
    struct vc_reader r = vc_reader_of(bytes, len);
    (void)vc_take(&r, 64);
    uint8_t curve_type = vc_take_u8(&r);
    uint16_t id = vc_take_u16(&r);
    struct vc_reader point = vc_take_sub(&r, vc_take_u8(&r));
    if (!vc_reader_done(&r) || curve_type != 3 /* named_curve */)
        return false;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (curves[i].id == id)
            return point.left == curves[i].len && (curves[i].first == 0 || point.at[0] == curves[i].first);
    }
    return false;
}

static bool is_dhe(const uint8_t *bytes, size_t len)
{
    struct vc_reader r = vc_reader_of(bytes, len);
    (void)vc_take(&r, 64);
    struct vc_reader p = vc_take_sub(&r, vc_take_u16(&r));
    struct vc_reader g = vc_take_sub(&r, vc_take_u16(&r));
    struct vc_reader ys = vc_take_sub(&r, vc_take_u16(&r));
    if (!vc_reader_done(&r) || p.left < 2048 / 8 || p.left > 8192 / 8 || p.at[0] < 0x80)
        return false;
    return g.left > 0 && g.left <= p.left && ys.left > 0 && ys.left <= p.left;
}

enum vc_tls_sign vc_tls_sign_check(enum vc_tls_key_type key, uint16_t scheme, const uint8_t *bytes, size_t len)
{
    if (is_13(bytes, len))
        return allowed(key, scheme, true) ? VC_TLS_SIGN_13 : VC_TLS_SIGN_BAD_SCHEME;
    bool ecdhe = is_ecdhe(bytes, len);
    if (!ecdhe && !is_dhe(bytes, len))
        return VC_TLS_SIGN_BAD_BYTES;
    if (!allowed(key, scheme, false))
        return VC_TLS_SIGN_BAD_SCHEME;
    return ecdhe ? VC_TLS_SIGN_12_ECDHE : VC_TLS_SIGN_12_DHE;
}

bool vc_tls_sign_ok(enum vc_tls_sign verdict)
{
    return verdict == VC_TLS_SIGN_13 || verdict == VC_TLS_SIGN_12_ECDHE || verdict == VC_TLS_SIGN_12_DHE;
}

const char *vc_tls_sign_name(enum vc_tls_sign verdict)
{
    switch (verdict) {
    case VC_TLS_SIGN_13:
        return "CertificateVerify of TLS 1.3";
    case VC_TLS_SIGN_12_ECDHE:
        return "ServerKeyExchange of TLS 1.2, ECDHE";
    case VC_TLS_SIGN_12_DHE:
        return "ServerKeyExchange of TLS 1.2, DHE";
    case VC_TLS_SIGN_BAD_SCHEME:
        return "a signature scheme that this key may not use there";
    case VC_TLS_SIGN_BAD_BYTES:
        return "not what a TLS server signs";
    }
    return "not what a TLS server signs";
}

const char *vc_tls_key_type_name(enum vc_tls_key_type key)
{
    switch (key) {
    case VC_TLS_KEY_NONE:
        return "none";
    case VC_TLS_KEY_RSA:
        return "RSA";
    case VC_TLS_KEY_P256:
        return "ECDSA P-256";
    case VC_TLS_KEY_P384:
        return "ECDSA P-384";
    case VC_TLS_KEY_P521:
        return "ECDSA P-521";
    }
    return "none";
}
