/* The input as a password file. Views lie inside it; an edit does to the edited user what it says and leaves every
 * other byte where it was; locking and unlocking gives the file back. */
#include "wire/ocpasswd.h"

#include <stdlib.h>

#define REQUIRE(x)                                                                                                     \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static bool inside(struct vc_str v, struct vc_str in)
{
    uintptr_t from = (uintptr_t)in.at, at = (uintptr_t)v.at;
    return v.len == 0 || (at >= from && at - from <= in.len && v.len <= in.len - (at - from));
}

/* The edited file, to be freed; {0} when the edit was refused. */
static struct vc_str edited(struct vc_str file, enum vc_ocpasswd_what what, struct vc_str user, size_t *n)
{
    struct vc_ocpasswd_edit edit = {.what = what, .user = user, .groups = VC_STR("Staff"), .hash = VC_STR("$y$x")};
    size_t room = vc_ocpasswd_edit_room(file, user);
    char *to = malloc(room);
    struct vc_writer w = vc_writer_to(to, room);
    struct vc_fail fail = {0};
    REQUIRE(to);
    if (vc_ocpasswd_edit(file, &edit, &w, n, &fail) != 0) {
        REQUIRE(fail.cause == VC_CAUSE_PASSWD_FIELD); /* never that the room was too small */
        free(to);
        return (struct vc_str){0};
    }
    return (struct vc_str){.at = to, .len = vc_written(&w)};
}

static size_t entries(struct vc_str file, struct vc_str user)
{
    struct vc_ocpasswd_entry e;
    enum vc_ocpasswd_line got;
    size_t n = 0;
    while ((got = vc_ocpasswd_next(&file, &e)) != VC_OCPASSWD_END)
        n += got == VC_OCPASSWD_ENTRY && vc_str_eq(e.user, user);
    return n;
}

static void edit_all(struct vc_str file, const struct vc_ocpasswd_entry *first)
{
    struct vc_ocpasswd_entry e;
    struct vc_str locked, unlocked, set, deleted;
    size_t n = 0, n2 = 0;

    locked = edited(file, VC_OCPASSWD_LOCK, first->user, &n);
    if (locked.at) {
        REQUIRE(n == entries(file, first->user));
        REQUIRE(vc_ocpasswd_find(locked, first->user, &e) && e.locked && vc_str_eq(e.hash, first->hash));
        unlocked = edited(locked, VC_OCPASSWD_UNLOCK, first->user, &n2);
        REQUIRE(unlocked.at && n2 == n && vc_ocpasswd_find(unlocked, first->user, &e));
        if (!first->locked && n == 1)
            REQUIRE(vc_str_eq(unlocked, file));
        free((void *)unlocked.at);
    }
    free((void *)locked.at);

    deleted = edited(file, VC_OCPASSWD_DELETE, first->user, &n);
    REQUIRE(deleted.at && n == entries(file, first->user) && !vc_ocpasswd_find(deleted, first->user, &e));
    REQUIRE(deleted.len < file.len);
    free((void *)deleted.at);

    set = edited(file, VC_OCPASSWD_SET, first->user, &n);
    if (set.at) {
        REQUIRE(entries(set, first->user) == n);
        REQUIRE(vc_ocpasswd_find(set, first->user, &e) && !e.locked && vc_str_eq(e.hash, VC_STR("$y$x")));
        REQUIRE(vc_ocpasswd_in_group(&e, VC_STR("Staff")));
    }
    free((void *)set.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_str file = {.at = (const char *)data, .len = size}, rest = file, added;
    struct vc_ocpasswd_entry e, found;
    enum vc_ocpasswd_line got;
    unsigned edits = 0;
    size_t n = 0;

    while ((got = vc_ocpasswd_next(&rest, &e)) != VC_OCPASSWD_END) {
        struct vc_str groups = e.groups, g;
        if (got == VC_OCPASSWD_SKIP)
            continue;
        REQUIRE(inside(e.user, file) && inside(e.groups, file) && inside(e.hash, file) && inside(rest, file));
        REQUIRE(e.user.len > 0 && e.user.len + e.groups.len + e.hash.len + 2 <= VC_OCPASSWD_MAX_LINE);
        while (vc_ocpasswd_group_next(&groups, &g)) {
            REQUIRE(g.len > 1 && inside(g, file) && vc_ocpasswd_in_group(&e, g));
        }
        REQUIRE(vc_ocpasswd_find(file, e.user, &found) && vc_str_eq(found.user, e.user));
        if (edits++ < 4)
            edit_all(file, &found);
    }
    if (!vc_ocpasswd_find(file, VC_STR("new user"), &found)) {
        added = edited(file, VC_OCPASSWD_SET, VC_STR("new user"), &n);
        REQUIRE(added.at && n == 0 && vc_str_starts(added, file) &&
                vc_ocpasswd_find(added, VC_STR("new user"), &found));
        free((void *)added.at);
    }
    return 0;
}
