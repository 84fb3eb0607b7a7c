#ifndef VC_PROTO_DTLS_SELECT_H
#define VC_PROTO_DTLS_SELECT_H

#include "base/str.h"
#include "event/fail.h"
#include "wire/dtls_names.h"

/** Which DTLS the gateway gives, from the two lists of CONNECT (2-tunnel.md 8.2). */
enum vc_dtls_legacy {
    VC_DTLS_LEGACY_ABSENT, /* resumption in DTLS 1.2 */
    VC_DTLS_LEGACY_TRUE,   /* and version 0100: not built yet, so the same */
    VC_DTLS_LEGACY_FALSE,  /* PSK alone */
};

struct vc_dtls_policy {
    bool psk;       /* dtls-psk */
    uint8_t legacy; /* dtls-legacy; enum vc_dtls_legacy */
    bool match_tls; /* match-tls-dtls-ciphers: only suites with the AEAD of the TLS channel */
};

struct vc_dtls_lists {
    struct vc_str dtls, dtls12; /* X-DTLS-CipherSuite, X-DTLS12-CipherSuite; empty: the header was absent */
    bool secret;                /* a well-formed X-DTLS-Master-Secret came with them */
    uint8_t tls_aead;           /* enum vc_aead_alg of the TLS channel */
};

struct vc_dtls_choice {
    const struct vc_dtls_name *name; /* static: what the answer names; kind NEGOTIATE: PSK, else resumption */
    bool answer_dtls12;              /* answer in X-DTLS12-CipherSuite; else in X-DTLS-CipherSuite */
    uint8_t psk_aead;                /* PSK under match_tls: the AEAD that the handshake is held to; else NONE */
};

/** Returns 0; or -1 with *fail set (DTLS_NOT_OFFERED, DTLS_BAD_SECRET): no DTLS for this connection. */
int vc_dtls_select(const struct vc_dtls_lists *lists, const struct vc_dtls_policy *policy, struct vc_dtls_choice *out,
                   struct vc_fail *fail);

#endif
