#ifndef VC_WIRE_OCPASSWD_H
#define VC_WIRE_OCPASSWD_H

#include "base/str.h"
#include "base/writer.h"
#include "event/fail.h"

/** The password file of ocserv: lines "user:group1,group2:hash". Bytes in, views and bytes out; who opens and renames
 *  the file is elsewhere. */

#define VC_OCPASSWD_MAX_LINE 511 /* without the line end */

struct vc_ocpasswd_entry {
    struct vc_str user;
    struct vc_str groups; /* as written, for vc_ocpasswd_group_next */
    struct vc_str hash;   /* crypt(3) form, without the "!" of a locked one; perhaps empty: nothing matches it */
    bool locked;
};

enum vc_ocpasswd_line {
    VC_OCPASSWD_ENTRY,
    VC_OCPASSWD_SKIP, /* empty, a comment, too long, or not three fields: nobody's line */
    VC_OCPASSWD_END,
};

/** Takes one line off *rest (which begins as the whole file). Views live as long as the file's bytes. */
enum vc_ocpasswd_line vc_ocpasswd_next(struct vc_str *rest, struct vc_ocpasswd_entry *out);

/** The first entry of @user, who is compared byte for byte. */
bool vc_ocpasswd_find(struct vc_str file, struct vc_str user, struct vc_ocpasswd_entry *out);

/** Takes one group off *rest (which begins as entry.groups): blanks around it are cut, and names of one character, such
 *  as "*", mean none and are left out. False at the end. A line has no room for more than 170 of them. */
bool vc_ocpasswd_group_next(struct vc_str *rest, struct vc_str *group);
bool vc_ocpasswd_in_group(const struct vc_ocpasswd_entry *e, struct vc_str group);

enum vc_ocpasswd_what { VC_OCPASSWD_SET, VC_OCPASSWD_DELETE, VC_OCPASSWD_LOCK, VC_OCPASSWD_UNLOCK };

struct vc_ocpasswd_edit {
    enum vc_ocpasswd_what what;
    struct vc_str user;
    struct vc_str groups; /* SET: as written to the file; "*" for none */
    struct vc_str hash;   /* SET */
};

/** Whether a new user's name or list of groups can stand in a file: UTF-8 without colon and without what
 *  steers the text beside it (base/glyph.h); a name
 *  also not empty, without "#" first and without blanks at its ends. -1 with *fail. */
int vc_ocpasswd_user_check(struct vc_str user, struct vc_fail *fail);
int vc_ocpasswd_groups_check(struct vc_str groups, struct vc_fail *fail);

/** Bytes that vc_ocpasswd_edit needs at most. */
size_t vc_ocpasswd_edit_room(struct vc_str file, struct vc_str user);

/**
 * Writes the file as it is after one change. All lines of the user change, as with ocpasswd; every other line, and what
 * we do not understand, stays byte for byte. SET adds the user at the end when there is none.
 * @n_changed  lines that were the user's; 0 with DELETE, LOCK, UNLOCK: there is no such user
 * Returns 0; or -1 with *fail: a field cannot stand in a file, or a line or the file would be too long.
 */
int vc_ocpasswd_edit(struct vc_str file, const struct vc_ocpasswd_edit *edit, struct vc_writer *w, size_t *n_changed,
                     struct vc_fail *fail);

#endif
