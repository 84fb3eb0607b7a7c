#include "wire/ocpasswd.h"

#include "base/glyph.h"
#include "base/reader.h"

/* One line of the file with its end, as it stands there. */
static bool raw_line(struct vc_str *rest, struct vc_str *line)
{
    struct vc_str all = *rest;
    if (all.len == 0)
        return false;
    (void)vc_str_cut(all, '\n', rest);
    *line = (struct vc_str){.at = all.at, .len = all.len - rest->len};
    return true;
}

static bool entry_read(struct vc_str line, struct vc_ocpasswd_entry *out)
{
    struct vc_str text = line, rest;

    *out = (struct vc_ocpasswd_entry){0};
    if (text.len > 0 && text.at[text.len - 1] == '\n')
        text.len--;
    if (text.len == 0 || text.len > VC_OCPASSWD_MAX_LINE || text.at[0] == '#' || memchr(text.at, 0, text.len))
        return false;
    unsigned colons = 0;
    for (size_t i = 0; i < text.len; i++)
        colons += text.at[i] == ':';
    if (colons != 2)
        return false;
    out->user = vc_str_cut(text, ':', &rest);
    out->groups = vc_str_cut(rest, ':', &rest);
    out->hash = vc_str_trim(rest);
    if (vc_str_starts(out->hash, VC_STR("!"))) {
        (void)vc_str_cut(out->hash, '!', &out->hash);
        out->hash = vc_str_trim(out->hash); /* as it was read before the mark came */
        out->locked = true;
    }
    return out->user.len > 0;
}

enum vc_ocpasswd_line vc_ocpasswd_next(struct vc_str *rest, struct vc_ocpasswd_entry *out)
{
    struct vc_str line;
    *out = (struct vc_ocpasswd_entry){0};
    if (!raw_line(rest, &line))
        return VC_OCPASSWD_END;
    if (entry_read(line, out))
        return VC_OCPASSWD_ENTRY;
    *out = (struct vc_ocpasswd_entry){0};
    return VC_OCPASSWD_SKIP;
}

bool vc_ocpasswd_find(struct vc_str file, struct vc_str user, struct vc_ocpasswd_entry *out)
{
    enum vc_ocpasswd_line got;
    while ((got = vc_ocpasswd_next(&file, out)) != VC_OCPASSWD_END)
        if (got == VC_OCPASSWD_ENTRY && vc_str_eq(out->user, user))
            return true;
    return false; /* *out is zeroed */
}

bool vc_ocpasswd_group_next(struct vc_str *rest, struct vc_str *group)
{
    while (rest->len > 0) {
        *group = vc_str_trim(vc_str_cut(*rest, ',', rest));
        if (group->len > 1)
            return true;
    }
    *group = (struct vc_str){0};
    return false;
}

bool vc_ocpasswd_in_group(const struct vc_ocpasswd_entry *e, struct vc_str group)
{
    struct vc_str rest = e->groups, g;
    while (vc_ocpasswd_group_next(&rest, &g))
        if (vc_str_eq(g, group))
            return true;
    return false;
}

static bool is_field(struct vc_str s)
{
    bool utf8 = vc_str_utf8(s);
    while (s.len > 0) {
        uint32_t cp = vc_glyph_take(&s);
        if (cp == ':' || vc_glyph_steers(cp))
            return false;
    }
    return utf8;
}

int vc_ocpasswd_user_check(struct vc_str user, struct vc_fail *fail)
{
    if (user.len == 0)
        return vc_fail_set(fail, VC_CAUSE_PASSWD_FIELD, 0, "the user name is empty");
    if (!is_field(user) || user.at[0] == '#' || vc_str_trim(user).len != user.len)
        return vc_fail_set(
            fail, VC_CAUSE_PASSWD_FIELD, 0,
            "the user name has a colon, a control or invisible character, a blank at an end, a # in front, or is not "
            "UTF-8");
    return 0;
}

int vc_ocpasswd_groups_check(struct vc_str groups, struct vc_fail *fail)
{
    if (!is_field(groups))
        return vc_fail_set(fail, VC_CAUSE_PASSWD_FIELD, 0,
                           "a group name has a colon, a control or an invisible character, or is not UTF-8");
    return 0;
}

size_t vc_ocpasswd_edit_room(struct vc_str file, struct vc_str user)
{
    size_t room = file.len + VC_OCPASSWD_MAX_LINE + 2; /* a line at the end, and the line end that was missing there */
    struct vc_ocpasswd_entry e;
    enum vc_ocpasswd_line got;
    while ((got = vc_ocpasswd_next(&file, &e)) != VC_OCPASSWD_END)
        if (got == VC_OCPASSWD_ENTRY && vc_str_eq(e.user, user))
            room += VC_OCPASSWD_MAX_LINE + 1;
    return room;
}

static void put_entry(struct vc_writer *w, const struct vc_ocpasswd_edit *edit)
{
    vc_put(w, edit->user.at, edit->user.len);
    vc_put_text(w, ":");
    vc_put(w, edit->groups.at, edit->groups.len);
    vc_put_text(w, ":");
    vc_put(w, edit->hash.at, edit->hash.len);
    vc_put_text(w, "\n");
}

/* The line as it stands, with one "!" more or less before its hash. */
static void put_marked(struct vc_writer *w, struct vc_str line, const struct vc_ocpasswd_entry *e, bool lock)
{
    struct vc_reader r = vc_reader_of(line.at, line.len);
    size_t front = e->user.len + e->groups.len + 2; /* both colons */
    vc_put(w, vc_take(&r, front), front);
    if (lock && !e->locked) {
        vc_put_text(w, "!");
    } else if (!lock && e->locked) {
        struct vc_str marked = {.at = (const char *)r.at, .len = r.left}, behind;
        struct vc_str blanks = vc_str_cut(marked, '!', &behind);
        vc_put(w, blanks.at, blanks.len);
        r = vc_reader_of(behind.at, behind.len);
    }
    vc_put(w, r.at, r.left);
}

int vc_ocpasswd_edit(struct vc_str file, const struct vc_ocpasswd_edit *edit, struct vc_writer *w, size_t *n_changed,
                     struct vc_fail *fail)
{
    struct vc_ocpasswd_entry e;
    struct vc_str rest = file, line;

    *n_changed = 0;
    if (edit->what == VC_OCPASSWD_SET) {
        if (vc_ocpasswd_user_check(edit->user, fail) != 0 || vc_ocpasswd_groups_check(edit->groups, fail) != 0)
            return -1;
        if (!is_field(edit->hash))
            return vc_fail_set(fail, VC_CAUSE_PASSWD_FIELD, 0, "the hash has a colon or a control character");
        if (edit->user.len + edit->groups.len + edit->hash.len + 2 > VC_OCPASSWD_MAX_LINE)
            return vc_fail_set(fail, VC_CAUSE_PASSWD_FIELD, 0, "the line would be longer than %d bytes",
                               VC_OCPASSWD_MAX_LINE);
    }
    while (raw_line(&rest, &line)) {
        if (!entry_read(line, &e) || !vc_str_eq(e.user, edit->user)) {
            vc_put(w, line.at, line.len);
            continue;
        }
        ++*n_changed;
        size_t text_len = line.len - (line.at[line.len - 1] == '\n');
        if (edit->what == VC_OCPASSWD_LOCK && !e.locked && text_len == VC_OCPASSWD_MAX_LINE)
            return vc_fail_set(fail, VC_CAUSE_PASSWD_FIELD, 0, "no room for the mark in a line of %d bytes",
                               VC_OCPASSWD_MAX_LINE);
        switch (edit->what) {
        case VC_OCPASSWD_SET:
            put_entry(w, edit);
            break;
        case VC_OCPASSWD_DELETE:
            break;
        case VC_OCPASSWD_LOCK:
            put_marked(w, line, &e, true);
            break;
        case VC_OCPASSWD_UNLOCK:
            put_marked(w, line, &e, false);
            break;
        }
    }
    if (edit->what == VC_OCPASSWD_SET && *n_changed == 0) {
        if (file.len > 0 && file.at[file.len - 1] != '\n')
            vc_put_text(w, "\n");
        put_entry(w, edit);
    }
    if (w->bad)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "no room for the edited password file");
    return 0;
}
