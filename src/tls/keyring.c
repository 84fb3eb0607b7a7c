#include "tls/keyring.h"

#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

struct vc_keyring {
    size_t n;
    struct entry {
        uint16_t number;
        enum vc_tls_key_type type;
        EVP_PKEY *key;
    } keys[VC_KEYRING_MAX];
};

struct vc_keyring *vc_keyring_new(void)
{
    return calloc(1, sizeof(struct vc_keyring));
}

void vc_keyring_free(struct vc_keyring *ring)
{
    for (size_t i = 0; ring && i < ring->n; i++)
        EVP_PKEY_free(ring->keys[i].key); /* libcrypto clears the private numbers */
    free(ring);
}

static struct entry *find(const struct vc_keyring *ring, uint16_t number)
{
    for (size_t i = 0; i < ring->n; i++) {
        if (ring->keys[i].number == number)
            return (struct entry *)&ring->keys[i];
    }
    return NULL;
}

int vc_keyring_add(struct vc_keyring *ring, uint16_t number, const void *pem, size_t len, struct vc_fail *fail)
{
    struct entry e = {.number = number};
    if (ring->n == VC_KEYRING_MAX)
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "more than %d private keys", VC_KEYRING_MAX);
    if (find(ring, number))
        return vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "private key %u is there already", (unsigned)number);
    e.key = vc_pair_key(pem, len, &e.type, fail);
    if (!e.key)
        return -1;
    ring->keys[ring->n++] = e;
    return 0;
}

/* The low byte of a PSS scheme and the high byte of the others name the hash (RFC 8446 4.2.3). */
static const char *digest_of(uint16_t scheme, bool pss)
{
    switch (pss ? scheme & 0xff : scheme >> 8) {
    case 4:
        return "SHA256";
    case 5:
        return "SHA384";
    case 6:
        return "SHA512";
    default:
        return NULL;
    }
}

int vc_keyring_sign(struct vc_keyring *ring, uint16_t number, uint16_t scheme, const uint8_t *bytes, size_t len,
                    uint8_t sig[VC_TLS_SIGNATURE_MAX], size_t *sig_len, struct vc_fail *fail)
{
    bool pss = scheme >> 8 == 8;
    const char *digest = digest_of(scheme, pss);
    size_t n = VC_TLS_SIGNATURE_MAX;
    EVP_PKEY_CTX *options = NULL; /* owned by the context */
    memset(sig, 0, n);
    *sig_len = 0;
    struct entry *e = find(ring, number);
    if (!e)
        return vc_fail_set(fail, VC_CAUSE_SIGNER_REFUSED, 0, "there is no private key %u", (unsigned)number);
    enum vc_tls_sign verdict = vc_tls_sign_check(e->type, scheme, bytes, len);
    if (!vc_tls_sign_ok(verdict) || !digest)
        return vc_fail_set(fail, VC_CAUSE_SIGNER_REFUSED, 0, "%s (%s key, scheme %04x, %zu bytes)",
                           vc_tls_sign_name(verdict), vc_tls_key_type_name(e->type), (unsigned)scheme, len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit_ex(ctx, &options, digest, NULL, NULL, e->key, NULL) == 1;
    if (ok && pss)
        ok = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestSign(ctx, sig, &n, bytes, len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        memset(sig, 0, VC_TLS_SIGNATURE_MAX);
        (void)vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "libcrypto did not sign: %s",
                          ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
        return -1;
    }
    *sig_len = n;
    return 0;
}
