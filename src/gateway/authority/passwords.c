#include "gateway/authority/passwords.h"

#include "crypto/wipe.h"
#include "sys/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_again(struct vc_passwords *p, int fd, struct vc_fail *fail)
{
    struct stat st;
    uint8_t *bytes;
    size_t len;
    if (fstat(fd, &st) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "password file");
    if (vc_file_read_fd(fd, VC_PASSWORDS_MAX, &bytes, &len, fail) != 0)
        return -1;
    if (p->bytes)
        vc_wipe(p->bytes, p->len);
    free(p->bytes);
    p->bytes = bytes;
    p->len = len;
    p->changed = st.st_mtim;
    vc_hash_kinds_read(&p->kinds, (struct vc_str){.at = (const char *)bytes, .len = len});
    return 0;
}

int vc_passwords_take(struct vc_passwords *p, int fd, struct vc_fail *fail)
{
    if (read_again(p, fd, fail) != 0) {
        (void)close(fd);
        return -1;
    }
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = fd;
    return 0;
}

int vc_passwords_refresh(struct vc_passwords *p, struct vc_fail *fail)
{
    struct stat st;
    if (p->fd < 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "there is no password file");
    if (fstat(p->fd, &st) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "password file");
    if (st.st_mtim.tv_sec == p->changed.tv_sec && st.st_mtim.tv_nsec == p->changed.tv_nsec &&
        (size_t)st.st_size == p->len)
        return 0;
    return read_again(p, p->fd, fail) == 0 ? 1 : -1;
}

bool vc_passwords_costly_next(struct vc_str *rest, unsigned *line, struct vc_str *user)
{
    struct vc_ocpasswd_entry e;
    enum vc_ocpasswd_line got;
    while ((got = vc_ocpasswd_next(rest, &e)) != VC_OCPASSWD_END) {
        ++*line;
        if (got == VC_OCPASSWD_ENTRY && vc_hash_form_costly(e.hash)) {
            *user = e.user;
            return true;
        }
    }
    return false;
}

void vc_passwords_deinit(struct vc_passwords *p)
{
    if (p->bytes)
        vc_wipe(p->bytes, p->len);
    free(p->bytes);
    if (p->fd >= 0)
        (void)close(p->fd);
    *p = (struct vc_passwords)VC_PASSWORDS_NONE;
}

void vc_passwords_find(const struct vc_passwords *p, struct vc_str name, struct vc_passwords_user *out)
{
    struct vc_str rest = {.at = (const char *)p->bytes, .len = p->len}, groups, group;
    struct vc_ocpasswd_entry e, found = {0};
    enum vc_ocpasswd_line line;
    out->user = (struct vc_login_user){.groups = out->groups};
    out->hash = (struct vc_str){0};
    while ((line = vc_ocpasswd_next(&rest, &e)) != VC_OCPASSWD_END) {
        if (line == VC_OCPASSWD_ENTRY && vc_str_eq(e.user, name) && !out->user.known) {
            out->user.known = true;
            found = e;
        }
    }
    if (!out->user.known)
        return;
    out->user.locked = found.locked;
    out->user.usable = vc_hash_form_known(found.hash) && !vc_hash_form_costly(found.hash);
    if (out->user.usable && !found.locked) /* of a locked one the kind may be nobody else's: as for an unknown user */
        out->hash = found.hash;
    groups = found.groups;
    while (out->user.n_groups < VC_PASSWORDS_GROUPS_MAX && vc_ocpasswd_group_next(&groups, &group))
        out->groups[out->user.n_groups++] = group;
}
