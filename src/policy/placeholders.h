#ifndef VC_POLICY_PLACEHOLDERS_H
#define VC_POLICY_PLACEHOLDERS_H

#include "base/str.h"
#include "base/writer.h"

/** %{U} and %{G} in a value of the configuration: the user's name and the group's. */
enum vc_placeholders_in {
    VC_PLACEHOLDERS_IN_HEADER, /* names as they are, control characters as '?': they can end no line */
    VC_PLACEHOLDERS_IN_URL,    /* names %XX-escaped (RFC 3986 2.1): they can begin no other part of it */
};

/** Writes @text with the names in the place of their placeholders; any other '%' stays. */
void vc_placeholders_fill(struct vc_str text, struct vc_str user, struct vc_str group, enum vc_placeholders_in in,
                          struct vc_writer *w);

#endif
