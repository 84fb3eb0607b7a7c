#ifndef VC_WIRE_DTLS_NAMES_H
#define VC_WIRE_DTLS_NAMES_H

#include "base/str.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

/** The suites that X-DTLS-CipherSuite and X-DTLS12-CipherSuite name (2-tunnel.md 8.1), as a table. */
enum vc_dtls_class {
    VC_DTLS_CLASS_NEGOTIATE,   /* PSK-NEGOTIATE: in either header; the suite is found by the handshake */
    VC_DTLS_CLASS_OC,          /* X-DTLS-: DTLS 1.2 resumption under a name of openconnect's */
    VC_DTLS_CLASS_X12,         /* X-DTLS12-: DTLS 1.2 resumption under OpenSSL's name */
    VC_DTLS_CLASS_PSK,         /* in no header: what PSK-NEGOTIATE ends in */
    VC_DTLS_CLASS_LEGACY,      /* X-DTLS-: version 0100; not built yet, never selected */
    VC_DTLS_CLASS_UNSUPPORTED, /* known and never selected */
};

/** How the keys of a DTLS channel come about: from the client's master secret, or from a PSK of the TLS connection. */
enum vc_dtls_mode { VC_DTLS_MODE_NONE, VC_DTLS_MODE_RESUME, VC_DTLS_MODE_PSK, VC_N_DTLS_MODES };

struct vc_dtls_name {
    const char *name;
    uint16_t code; /* in the hellos; 0: PSK-NEGOTIATE */
    uint8_t aead;  /* enum vc_aead_alg; NONE: no AEAD of ours */
    uint8_t hash;  /* enum vc_hash: PRF and handshake hash */
    uint8_t kind;  /* enum vc_dtls_class */
};

/** Exact spelling; NULL when the name is unknown. */
const struct vc_dtls_name *vc_dtls_name_find(struct vc_str name);
/** The suite that a hello names, among those that Varco speaks (classes OC, X12, PSK). Names that
 *  share a code have one meaning. NULL: none of ours. The name returned is OpenSSL's. */
const struct vc_dtls_name *vc_dtls_name_of_code(uint16_t code);
/** As above, for a handshake that is over: a code that PSK and a resumption share has two names. */
const struct vc_dtls_name *vc_dtls_name_agreed(uint16_t code, enum vc_dtls_mode mode);
/** The @i-th line of the table, NULL behind the last. */
const struct vc_dtls_name *vc_dtls_name_at(size_t i);

#endif
