#ifndef VC_WIRE_TLS_SIGN_H
#define VC_WIRE_TLS_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a server's key may be asked to sign in a TLS handshake (RFC 8446 4.4.3, RFC 5246 7.4.3, RFC 8422 5.4). The
 * signer sees the bytes, not a hash of them, and so can refuse all that is not a server's handshake: a portal that was
 * taken over gets no signature over anything else. */

/** The kinds of keys that the gateway serves. */
enum vc_tls_key_type { VC_TLS_KEY_NONE, VC_TLS_KEY_RSA, VC_TLS_KEY_P256, VC_TLS_KEY_P384, VC_TLS_KEY_P521 };

/** SignatureScheme (RFC 8446 4.2.3); a number from the wire or from IPC stays a uint16_t until the check below. */
enum vc_tls_scheme {
    VC_TLS_RSA_PKCS1_SHA256 = 0x0401,
    VC_TLS_RSA_PKCS1_SHA384 = 0x0501,
    VC_TLS_RSA_PKCS1_SHA512 = 0x0601,
    VC_TLS_ECDSA_SHA256 = 0x0403,
    VC_TLS_ECDSA_SHA384 = 0x0503,
    VC_TLS_ECDSA_SHA512 = 0x0603,
    VC_TLS_RSA_PSS_SHA256 = 0x0804,
    VC_TLS_RSA_PSS_SHA384 = 0x0805,
    VC_TLS_RSA_PSS_SHA512 = 0x0806,
};

enum vc_tls_sign {
    VC_TLS_SIGN_13,         /* a TLS 1.3 CertificateVerify of a server */
    VC_TLS_SIGN_12_ECDHE,   /* a TLS 1.2 ServerKeyExchange with a named curve */
    VC_TLS_SIGN_12_DHE,     /* a TLS 1.2 ServerKeyExchange with a finite field group of 2048 to 8192 bits */
    VC_TLS_SIGN_BAD_SCHEME, /* no scheme that this kind of key may sign with in this version */
    VC_TLS_SIGN_BAD_BYTES,  /* not one of the three */
};

#define VC_TLS_SIGN_BYTES_MAX (64 + 3 * (2 + 1024)) /* the largest of the three; no need to read more */
#define VC_TLS_SIGNATURE_MAX 1024                   /* RSA of 8192 bits */

/** Pure: looks at @bytes, keeps nothing. The forms cannot be mistaken for each other, whatever the peer's random is. */
enum vc_tls_sign vc_tls_sign_check(enum vc_tls_key_type key, uint16_t scheme, const uint8_t *bytes, size_t len);
bool vc_tls_sign_ok(enum vc_tls_sign verdict);
const char *vc_tls_sign_name(enum vc_tls_sign verdict); /* for the detail of a failure */
const char *vc_tls_key_type_name(enum vc_tls_key_type key);

#endif
