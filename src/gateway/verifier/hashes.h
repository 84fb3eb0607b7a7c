#ifndef VC_GATEWAY_VERIFIER_HASHES_H
#define VC_GATEWAY_VERIFIER_HASHES_H

#include "ipc/schema.h"

/** True: @hash is the hash of @password. A form that this system lacks is nobody's. The hashes of @beside (u16 length
 * and text, one behind the other) are computed too, whatever came of the first: the work says nothing about the user.
 */
bool vc_hashes_verify(const struct vc_bytes *password, const struct vc_bytes *hash, const struct vc_bytes *beside);

#endif
