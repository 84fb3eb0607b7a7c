#ifndef VC_GATEWAY_AUTHORITY_HASH_FORM_H
#define VC_GATEWAY_AUTHORITY_HASH_FORM_H

#include "base/str.h"

/** Forms of crypt(3) hashes, by their text alone: nothing is hashed here. */

/** A kind of hash that can be verified: one of crypt(3)'s methods, and not the mark of a locked account. */
bool vc_hash_form_known(struct vc_str hash);
/** The part that decides how long verifying takes: method and cost, without the salt. Empty: not a known form. */
struct vc_str vc_hash_form_cost(struct vc_str hash);

#define VC_HASH_FORM_MAX 512

/** A hash that no password has, of the cost that most users of the password file have: with it an unknown user takes as
 *  long as a known one. NUL-terminated. */
void vc_hash_form_dummy(struct vc_str password_file, char out[VC_HASH_FORM_MAX]);

#endif
