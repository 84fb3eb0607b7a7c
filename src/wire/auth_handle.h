#ifndef VC_WIRE_AUTH_HANDLE_H
#define VC_WIRE_AUTH_HANDLE_H

#include "base/str.h"

/** A handle of ours, in <aggauth-handle> or the cookie webvpncontext: 1 to 19 decimal digits, 1 to 2^63 - 1, written
 *  without leading zeros. 0 for anything else. */
uint64_t vc_auth_handle_parse(struct vc_str s);

#endif
