#include "tls/self_signed.h"

#include "crypto/wipe.h"

#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define COMMON_NAME_MAX 64 /* RFC 5280 A.1, ub-common-name */
#define LABEL_MAX 63
#define HOUR_S 3600
#define DAY_S 86400

static int no(struct vc_fail *fail, struct vc_str host, const char *why)
{
    char shown[48];
    vc_str_clean(host, shown, sizeof(shown));
    return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "'%s' %s", shown, why);
}

static bool is_label(struct vc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-')
            return false;
    }
    return s.len > 0 && s.len <= LABEL_MAX && s.at[0] != '-' && s.at[s.len - 1] != '-';
}

int vc_self_signed_host(struct vc_str host, struct vc_ip *ip, struct vc_fail *fail)
{
    struct vc_str rest = host, label = {0};
    uint64_t n;
    *ip = (struct vc_ip){0};
    if (vc_ip_parse(host, ip))
        return vc_ip_is_martian(ip) ? no(fail, host, "is an address that no client can reach: write another") : 0;
    if (host.len > VC_SELF_SIGNED_HOST_MAX)
        return no(fail, host, "is longer than the 253 bytes of a host name");
    do {
        label = vc_str_cut(rest, '.', &rest);
        if (!is_label(label))
            return no(fail, host, "is no host name: write it without https:// and port; beyond ASCII in its xn-- form");
    } while (rest.len > 0);
    if (host.at[host.len - 1] == '.')
        return no(fail, host, "ends in a dot: leave it out");
    if (vc_str_u64(label, UINT64_MAX, &n)) /* browsers and resolvers take it for an IPv4 address */
        return no(fail, host, "is no whole IP address, and no host name ends in a number");
    return 0;
}

static bool add_name(X509 *x, struct vc_str host)
{
    struct vc_str cn = host.len <= COMMON_NAME_MAX ? host : VC_STR("Varco gateway");
    X509_NAME *name = X509_NAME_new();
    bool ok = name &&
              X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, (const uint8_t *)cn.at, (int)cn.len, -1,
                                         0) == 1 &&
              X509_set_subject_name(x, name) == 1 && X509_set_issuer_name(x, name) == 1;
    X509_NAME_free(name);
    return ok;
}

static bool add_alt_name(X509 *x, struct vc_str host, const struct vc_ip *ip)
{
    bool is_ip = ip->family != VC_FAMILY_NONE;
    const void *at = is_ip ? (const void *)ip->bytes : host.at;
    size_t len = !is_ip ? host.len : ip->family == VC_FAMILY_V4 ? 4 : 16;
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_STRING *value = ASN1_STRING_type_new(is_ip ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    bool ok = all && one && value && ASN1_STRING_set(value, at, (int)len) == 1;
    if (ok) {
        GENERAL_NAME_set0_value(one, is_ip ? GEN_IPADD : GEN_DNS, value);
        value = NULL;
        ok = sk_GENERAL_NAME_push(all, one) > 0;
        if (ok)
            one = NULL;
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_STRING_free(value);
    GENERAL_NAME_free(one);
    GENERAL_NAMES_free(all);
    return ok;
}

/* No CA, and good for nothing but a TLS server. */
static bool add_uses(X509 *x)
{
    BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new(); /* CA: false */
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    EXTENDED_KEY_USAGE *further = EXTENDED_KEY_USAGE_new();
    bool ok = basic && usage && further && ASN1_BIT_STRING_set_bit(usage, 0, 1) == 1 && /* digitalSignature */
              sk_ASN1_OBJECT_push(further, OBJ_nid2obj(NID_server_auth)) > 0 &&
              X509_add1_ext_i2d(x, NID_basic_constraints, basic, 1, X509V3_ADD_DEFAULT) == 1 &&
              X509_add1_ext_i2d(x, NID_key_usage, usage, 1, X509V3_ADD_DEFAULT) == 1 &&
              X509_add1_ext_i2d(x, NID_ext_key_usage, further, 0, X509V3_ADD_DEFAULT) == 1;
    BASIC_CONSTRAINTS_free(basic);
    ASN1_BIT_STRING_free(usage);
    EXTENDED_KEY_USAGE_free(further);
    return ok;
}

static bool add_key_id(X509 *x)
{
    uint8_t sha1[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    bool ok = id && X509_pubkey_digest(x, EVP_sha1(), sha1, &n) == 1 && ASN1_OCTET_STRING_set(id, sha1, (int)n) == 1 &&
              X509_add1_ext_i2d(x, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_OCTET_STRING_free(id);
    return ok;
}

static bool add_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool ok = n && BN_rand(n, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static X509 *certify(EVP_PKEY *key, struct vc_str host, const struct vc_ip *ip, int64_t now_s)
{
    time_t from = (time_t)now_s - HOUR_S,
           until = from + (time_t)VC_SELF_SIGNED_DAYS * DAY_S - 1; /* both seconds count */
    X509 *x = X509_new();
    if (x && X509_set_version(x, X509_VERSION_3) == 1 && add_serial(x) && add_name(x, host) &&
        ASN1_TIME_set(X509_getm_notBefore(x), from) && ASN1_TIME_set(X509_getm_notAfter(x), until) &&
        X509_set_pubkey(x, key) == 1 && add_alt_name(x, host, ip) && add_uses(x) && add_key_id(x) &&
        X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

/* A NUL behind it, as for any text. */
static bool take(BIO *bio, char *to, size_t cap, size_t *len)
{
    char *at = NULL;
    long n = BIO_get_mem_data(bio, &at);
    if (n <= 0 || (size_t)n >= cap)
        return false;
    memcpy(to, at, (size_t)n);
    to[n] = 0;
    *len = (size_t)n;
    return true;
}

int vc_self_signed_make(struct vc_self_signed *out, struct vc_str host, int64_t now_s, struct vc_fail *fail)
{
    struct vc_ip ip;
    X509 *cert = NULL;
    BIO *key_pem = NULL, *cert_pem = NULL;
    int rc = -1;
    *out = (struct vc_self_signed){0};
    if (vc_self_signed_host(host, &ip, fail) != 0)
        return -1;
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    cert = key ? certify(key, host, &ip, now_s) : NULL;
    key_pem = BIO_new(BIO_s_secmem());
    cert_pem = BIO_new(BIO_s_mem());
    if (cert && key_pem && cert_pem && PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(cert_pem, cert) == 1 && take(key_pem, out->key, sizeof(out->key), &out->key_len) &&
        take(cert_pem, out->cert, sizeof(out->cert), &out->cert_len)) {
        rc = 0;
    } else {
        const char *words = ERR_reason_error_string(ERR_peek_last_error());
        vc_self_signed_deinit(out);
        (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "libcrypto made no certificate: %s", words ? words : "no reason");
        ERR_clear_error();
    }
    BIO_free(key_pem);
    BIO_free(cert_pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

void vc_self_signed_deinit(struct vc_self_signed *s)
{
    vc_wipe(s, sizeof(*s));
}
