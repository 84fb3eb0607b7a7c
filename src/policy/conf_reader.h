#ifndef VC_POLICY_CONF_READER_H
#define VC_POLICY_CONF_READER_H

#include "base/str.h"
#include "event/fail.h"

/** The grammar of ocserv.conf, line by line (docs/configuration.md, "Grammar"); what keys mean is conf_keys.h's. Also
 * that of the files per user and per group, which have no sections.
 *  - `key = value` or `key: value`, whichever sign comes first; the key goes back to the first character of the line.
 *  - A line whose first character behind blanks is `#` or `;` is a comment; ` #` (behind a blank) ends a line, within
 *    quotes too.
 *  - An indented line is one more value of the last key above it in its section.
 *  - Blanks and double quotes at both ends of a value are no part of it (quotes are for `included-http-headers`).
 *  - `[text]` opens a section. A UTF-8 byte order mark in front is skipped. A carriage return at the end is a blank.
 *  Allocates nothing: all views point into the bytes. */
#define VC_CONF_LINE_MAX 2048 /* bytes of a line without its newline */

struct vc_conf_reader {
    const char *file; /* borrowed; for messages */
    struct vc_str rest;
    struct vc_str section; /* of the lines to come; empty before the first header */
    struct vc_str key;     /* that an indented line repeats; empty: none */
    unsigned line;         /* the last one read, from 1 */
};

struct vc_conf_entry {
    struct vc_str section;
    struct vc_str key;   /* empty for a section's header */
    struct vc_str value; /* may be empty */
    unsigned line;
    bool repeated; /* the key stands on a line above */
};

enum vc_conf_read {
    VC_CONF_END = 0,
    VC_CONF_ENTRY,
    VC_CONF_SECTION, /* entry->section has just begun */
};

/** @file (for messages) and @bytes are borrowed for as long as the reader and its entries are used. */
struct vc_conf_reader vc_conf_reader_of(const char *file, const void *bytes, size_t len);

/** The next entry or section header: an enum vc_conf_read; or -1 with *fail (VC_CAUSE_CONFIG, "FILE:LINE: reason") for
 * a line that is too long, holds a NUL, has no `=` or `:`, no key, or a malformed section header. */
int vc_conf_reader_next(struct vc_conf_reader *r, struct vc_conf_entry *out, struct vc_fail *fail);

/** "FILE:LINE: " before a reason, with a long @file cut at its front so that the reason stays readable. Returns -1. */
__attribute__((format(printf, 4, 5))) int vc_conf_bad(struct vc_fail *fail, const char *file, unsigned line,
                                                      const char *fmt, ...);

#endif
