#ifndef VC_GATEWAY_AUTHORITY_HASH_FORM_H
#define VC_GATEWAY_AUTHORITY_HASH_FORM_H

#include "base/str.h"

/** Forms of crypt(3) hashes, by their text alone: nothing is hashed here. */

/** A kind of hash that can be verified: one of crypt(3)'s methods, and not the mark of a locked account. */
bool vc_hash_form_known(struct vc_str hash);
/** The part that decides how long verifying takes: method and cost, without the salt. Empty: not a known form. */
struct vc_str vc_hash_form_cost(struct vc_str hash);
/** A known form that takes longer than a login may: its cost is above the method's bound, or not one that crypt(3)
 *  writes. Each bound is a few tenths of a second of work (docs/configuration.md names them). */
bool vc_hash_form_costly(struct vc_str hash);

#define VC_HASH_FORM_MAX 512
#define VC_HASH_KINDS_MAX 8

/** A hash of each kind (method and cost) that the users of a password file can log in with, NUL-terminated: locked and
 *  costly ones are not among them. No password has one of these. A password is compared with the user's own hash in the
 *  place of the one of its kind, and all others are computed beside it: who asks for a user of any kind, or for one who
 *  does not exist, causes the same work. */
struct vc_hash_kinds {
    unsigned n; /* at least 1: a file without users has the kind that varcoctl passwd writes */
    bool more;  /* the file has more kinds: the rarest have no place of their own, and time may tell them apart */
    char dummy[VC_HASH_KINDS_MAX][VC_HASH_FORM_MAX];
};

void vc_hash_kinds_read(struct vc_hash_kinds *k, struct vc_str password_file);
/** The place of a known hash's kind; for one without a place that of another kind of the same method, else the first.
 */
unsigned vc_hash_kinds_place(const struct vc_hash_kinds *k, struct vc_str hash);

#endif
