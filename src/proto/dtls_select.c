#include "proto/dtls_select.h"

/** The first name of the list of this class, with an AEAD that is allowed. @gcm, @chacha: which kinds are looked for.
 */
static const struct vc_dtls_name *first(struct vc_str list, enum vc_dtls_class kind, enum vc_aead_alg only, bool gcm,
                                        bool chacha)
{
    while (list.len > 0) {
        const struct vc_dtls_name *n = vc_dtls_name_find(vc_str_trim(vc_str_cut(list, ':', &list)));
        if (!n || n->kind != kind)
            continue;
        bool is_chacha = n->aead == VC_AEAD_CHACHA20_POLY1305;
        if ((only == VC_AEAD_NONE || n->aead == only || kind == VC_DTLS_CLASS_NEGOTIATE) && (is_chacha ? chacha : gcm))
            return n;
    }
    return NULL;
}

/** The detail is cut anyway. */
static int shown(struct vc_str list)
{
    return list.len < 64 ? (int)list.len : 64;
}

static int not_offered(const struct vc_dtls_lists *lists, struct vc_fail *fail)
{
    struct vc_str a = vc_str_trim(lists->dtls), b = vc_str_trim(lists->dtls12);
    return vc_fail_set(fail, VC_CAUSE_DTLS_NOT_OFFERED, 0, "%s%.*s%s%.*s", a.len + b.len > 0 ? "offered: " : "",
                       shown(a), a.len > 0 ? a.at : "", a.len > 0 && b.len > 0 ? "; " : "", shown(b),
                       b.len > 0 ? b.at : "");
}

int vc_dtls_select(const struct vc_dtls_lists *lists, const struct vc_dtls_policy *policy, struct vc_dtls_choice *out,
                   struct vc_fail *fail)
{
    enum vc_aead_alg only = policy->match_tls ? lists->tls_aead : VC_AEAD_NONE;
    const struct vc_dtls_name *n = NULL;
    bool dtls12 = false;
    *out = (struct vc_dtls_choice){0};
    if (policy->match_tls && only == VC_AEAD_NONE)
        return vc_fail_set(fail, VC_CAUSE_DTLS_NOT_OFFERED, 0,
                           "match-tls-dtls-ciphers is on, and DTLS has not the cipher of this TLS connection");
    if (policy->psk) {
        n = first(lists->dtls, VC_DTLS_CLASS_NEGOTIATE, only, true, false);
        if (!n)
            n = first(lists->dtls12, VC_DTLS_CLASS_NEGOTIATE, only, true, false);
        if (n) {
            *out = (struct vc_dtls_choice){.name = n, .psk_aead = (uint8_t)only};
            return 0;
        }
    }
    if (policy->legacy != VC_DTLS_LEGACY_FALSE) {
        n = first(lists->dtls12, VC_DTLS_CLASS_X12, only, true, true);
        dtls12 = n != NULL;
        if (!n)
            n = first(lists->dtls, VC_DTLS_CLASS_OC, only, true, false);
        if (!n)
            n = first(lists->dtls, VC_DTLS_CLASS_OC, only, true, true);
    }
    if (!n)
        return not_offered(lists, fail);
    if (!lists->secret)
        return vc_fail_set(fail, VC_CAUSE_DTLS_BAD_SECRET, 0, "suite %s needs it", n->name);
    *out = (struct vc_dtls_choice){.name = n, .answer_dtls12 = dtls12};
    return 0;
}
