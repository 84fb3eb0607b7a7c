#ifndef VC_TLS_PROVIDER_H
#define VC_TLS_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/fail.h"
#include "wire/tls_sign.h"

struct evp_pkey_st;
struct ossl_lib_ctx_st;

/** OpenSSL with keys that are elsewhere: a library context of our own (it reads no configuration file) with OpenSSL's
 *  default provider and a small one of ours. A key of ours holds the public half and a number. Asked for a signature
 * inside a TLS handshake it writes the question down and pauses that handshake alone (an ASYNC job; SSL_MODE_ASYNC);
 * anywhere else it fails. */
struct vc_provider;

/** One handshake's question to the signer; embedded in the connection. Zeroed: nothing was asked. */
struct vc_question {
    enum vc_question_state {
        VC_QUESTION_NONE,
        VC_QUESTION_WANTED,   /* the handshake is paused: key, scheme, bytes and len are set, nobody was asked yet */
        VC_QUESTION_ASKED,    /* the signer was asked */
        VC_QUESTION_ANSWERED, /* signature is set; the handshake may go on */
        VC_QUESTION_REFUSED,  /* no signature; the handshake may go on and will fail */
        VC_QUESTION_TAKEN,    /* the handshake has its signature; it gets no second one */
    } state;
    bool unasked; /* REFUSED, as nobody could be asked */
    uint16_t key;
    uint16_t scheme;      /* enum vc_tls_scheme */
    const uint8_t *bytes; /* borrowed from the paused handshake: until it goes on */
    size_t len;
    uint8_t signature[VC_TLS_SIGNATURE_MAX];
    size_t signature_len;
};

struct vc_provider *vc_provider_new(struct vc_fail *fail);
void vc_provider_free(struct vc_provider *p); /* NULL is fine; after everything made in its context */
struct ossl_lib_ctx_st *vc_provider_lib(struct vc_provider *p);

/** A private key by proxy: the public half of @public (a certificate's key) under the signer's number. The caller frees
 * it with EVP_PKEY_free. NULL: not a kind that is served (cause CONFIG), or no memory. */
struct evp_pkey_st *vc_provider_key(struct vc_provider *p, struct evp_pkey_st *public, uint16_t number,
                                    struct vc_fail *fail);

/** Around each call that may run a handshake's job: the question that belongs to it; NULL behind it. (One thread: what
 * is asked for a signature in between is this handshake.) */
void vc_provider_enter(struct vc_question *question);

#endif
