#ifndef VC_POLICY_TLS_PRIORITY_H
#define VC_POLICY_TLS_PRIORITY_H

#include "base/reader.h"
#include "base/writer.h"
#include "policy/conf_note.h"
#include "wire/tls_sign.h"

/** What a GnuTLS priority string (tls-priorities) leaves of what the gateway has (docs/configuration.md, "TLS
 *  priorities"; 1-login.md 1.1). It can only take away: what the record layer lacks stays off whatever it asks for. */

#define VC_TLS_CODES_MAX 16
#define VC_TLS_PRIORITY_PACKED 100 /* bytes, at most */

/** Numbers of IANA's registries, the one that counts most first. */
struct vc_tls_codes {
    uint16_t at[VC_TLS_CODES_MAX];
    uint8_t n;
};

/** A value. Zeroed: no string, nothing is taken away. */
struct vc_tls_priority {
    struct vc_tls_codes suites;     /* of TLS 1.3, then of TLS 1.2; empty only when zeroed */
    struct vc_tls_codes groups;     /* may be empty: then all suites are DHE */
    struct vc_tls_codes signatures; /* also some that no key of the gateway's can make yet */
    bool server_order;              /* else the client's order of suites and groups counts */
};

/**
 * Reads a priority string.
 * @notes, @line  each part that cannot be translated, or asks for what is not served, is noted with this line; NULL is
 *                fine
 * Returns 0; or 1 when nothing is left that could be negotiated: @out is zeroed and *why says what is missing, in words
 * that fit behind "KEY: ".
 */
int vc_tls_priority_read(struct vc_str text, struct vc_tls_priority *out, const char **why, struct vc_conf_notes *notes,
                         unsigned line);

/** Has it suites of TLS 1.3 (or else 1.2)? */
bool vc_tls_priority_has(const struct vc_tls_priority *p, bool tls13);
/** Can a certificate with such a key be used with TLS 1.3 (or else 1.2)? */
bool vc_tls_priority_serves(const struct vc_tls_priority *p, enum vc_tls_key_type key, bool tls13);
bool vc_tls_codes_have(const struct vc_tls_codes *codes, uint16_t code);

void vc_tls_priority_pack(const struct vc_tls_priority *p, struct vc_writer *w);
/** False: not what pack writes; @out is zeroed. */
bool vc_tls_priority_unpack(struct vc_reader *r, struct vc_tls_priority *out);

#endif
