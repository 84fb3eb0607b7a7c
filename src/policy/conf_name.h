#ifndef VC_POLICY_CONF_NAME_H
#define VC_POLICY_CONF_NAME_H

#include "event/fail.h"

/** Short enough for "/run/varco/NAME/console.sock" to be a socket's name. */
#define VC_CONF_NAME_MAX 64

/** NAME of docs/architecture.md, "Defaults": what keeps the state of gateways with different configurations apart.
 *  "default" when @path (as given) or @real_path (resolved, absolute) is one of the three places where a configuration
 * is looked for; else the base name of @real_path, '-', and the first 8 hex digits of the SHA-256 of @real_path. Only
 *  letters, digits, '.', '_' and '-' come out, no dot in front; a long base name is cut (the digits tell it apart).
 *  Returns 0, or -1 with *fail when the hash cannot be made. */
int vc_conf_name(const char *path, const char *real_path, char out[VC_CONF_NAME_MAX], struct vc_fail *fail);

#endif
