#ifndef VC_BASE_GLYPH_H
#define VC_BASE_GLYPH_H

#include "base/str.h"

/** Characters of UTF-8 as a person sees them, or does not. */

/** Takes one character off *s, which is not empty: its code point; U+FFFD, and one byte, where it is not UTF-8. */
uint32_t vc_glyph_take(struct vc_str *s);

/** Steers what stands beside it, on a terminal or in an editor: C0, DEL, C1; marks and overrides of direction,
 *  zero-width characters, line separators; and U+FFFD, which stands for what could. */
bool vc_glyph_steers(uint32_t code_point);

#endif
