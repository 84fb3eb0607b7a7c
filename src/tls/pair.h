#ifndef VC_TLS_PAIR_H
#define VC_TLS_PAIR_H

#include "event/fail.h"
#include "wire/tls_sign.h"

/** A certificate chain and its private key, as PEM files hold them: checked before anything is started, so that a bad
 * value stops the start with a reason. Used by the supervisor (both files), the signer (the key) and the portals (the
 * chain). Nothing here reads a file, the clock or OpenSSL's configuration. */

#define VC_CHAIN_MAX 10        /* certificates, the leaf among them (docs/threats.md) */
#define VC_CHAIN_PEM_MAX 65536 /* bytes */
#define VC_KEY_PEM_MAX 32768   /* bytes */
#define VC_KEY_RSA_BITS_MIN 2048
#define VC_KEY_RSA_BITS_MAX 8192

/** What the gateway says about the certificate that it serves. A value without secrets. */
struct vc_pair {
    enum vc_tls_key_type type;
    unsigned bits;
    unsigned n_chain;
    char cert_hash[41];   /* SHA-1 of the leaf, upper-case hex: server-cert-hash (1-login.md 1.3, 4.7) */
    uint8_t pin[32];      /* SHA-256 of the leaf's SubjectPublicKeyInfo */
    char pin_text[64];    /* "pin-sha256:<base64>", as clients take it */
    int64_t not_before_s; /* seconds since 1970; the caller has the clock */
    int64_t not_after_s;
};

/** The chain parses (leaf first, other PEM blocks are skipped), the key is of a kind that is served, the two belong
 *  together. Returns 0; or -1 with cause CONFIG and in the detail what is wrong, without the file's name. */
int vc_pair_check(const void *chain_pem, size_t chain_len, const void *key_pem, size_t key_len, struct vc_pair *out,
                  struct vc_fail *fail);

/* For the other files of this folder; OpenSSL's types by their tags, so that its headers stay out of ours. */
struct x509_st;
struct evp_pkey_st;
struct ossl_lib_ctx_st;

/** Parses a chain into certs[0..*n), the leaf first; the caller frees each with X509_free. @lib NULL: the default one.
 */
int vc_pair_chain(struct ossl_lib_ctx_st *lib, const void *pem, size_t len, struct x509_st *certs[VC_CHAIN_MAX],
                  size_t *n, struct vc_fail *fail);
/** Parses a private key, unencrypted, of a kind that is served; the caller frees it with EVP_PKEY_free. */
struct evp_pkey_st *vc_pair_key(const void *pem, size_t len, enum vc_tls_key_type *type, struct vc_fail *fail);
/** NONE: of no kind that is served; *why then says so. */
enum vc_tls_key_type vc_pair_key_type(const struct evp_pkey_st *key, const char **why);

#endif
