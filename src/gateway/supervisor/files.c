#include "gateway/supervisor/files.h"

#include "policy/conf_reader.h"
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 255U

struct places {
    enum vc_conf_key key, fallback_key;
    const char *folder, *fallback;
};

static struct places places_of(const struct vc_conf *conf, enum vc_files_of of)
{
    if (of == VC_FILES_GROUP)
        return (struct places){VC_CONF_KEY_CONFIG_PER_GROUP, VC_CONF_KEY_DEFAULT_GROUP_CONFIG, conf->config_per_group,
                               conf->default_group_config};
    return (struct places){VC_CONF_KEY_CONFIG_PER_USER, VC_CONF_KEY_DEFAULT_USER_CONFIG, conf->config_per_user,
                           conf->default_user_config};
}

static bool is_file_name(struct vc_str s)
{
    if (s.len > NAME_MAX_BYTES || vc_str_eq(s, VC_STR(".")) || vc_str_eq(s, VC_STR("..")))
        return false;
    return !memchr(s.at, '/', s.len) && !memchr(s.at, 0, s.len);
}

/** A regular file, and nothing that blocks; else closed, with *fail. */
static int regular(int fd, const char *path, struct vc_fail *fail)
{
    struct stat st;
    if (fd < 0)
        return vc_fail_set(fail, VC_CAUSE_USER_FILE, errno, "%s", path);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    (void)close(fd);
    return vc_fail_set(fail, VC_CAUSE_USER_FILE, 0, "%s: no regular file", path);
}

int vc_files_open(const struct vc_conf *conf, enum vc_files_of of, struct vc_str name, char path[PATH_MAX],
                  struct vc_fail *fail)
{
    struct places p = places_of(conf, of);
    char text[NAME_MAX_BYTES + 1];
    *fail = (struct vc_fail){0};
    path[0] = 0;
    if (!p.folder || name.len == 0)
        return -1;
    if (!is_file_name(name) || !vc_str_copy(name, text, sizeof(text)))
        return vc_fail_set(fail, VC_CAUSE_USER_FILE, 0, "%s: this name cannot be that of a file in it", p.folder);
    (void)snprintf(path, PATH_MAX, "%s/%s", p.folder, text);
    int fd = vc_file_open_beneath(p.folder, text);
    if (fd >= 0 || errno != ENOENT || access(p.folder, F_OK) != 0)
        return regular(fd, path, fail);
    if (!p.fallback)
        return -1;
    (void)snprintf(path, PATH_MAX, "%s", p.fallback);
    return regular(open(p.fallback, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), path, fail);
}

static int bad_place(const struct vc_conf *conf, enum vc_conf_key key, const char *path, int why, struct vc_fail *fail)
{
    const struct vc_conf_origin *from = &conf->origin[key];
    (void)vc_conf_bad(fail, from->file, from->line, "%s: %s", vc_conf_key_row(key)->name, path);
    fail->sys_errno = why;
    return -1;
}

int vc_files_check(const struct vc_conf *conf, struct vc_fail *fail)
{
    for (int of = VC_FILES_GROUP; of <= VC_FILES_USER; of++) {
        struct places p = places_of(conf, (enum vc_files_of)of);
        struct stat st;
        if (!p.folder)
            continue;
        if (stat(p.folder, &st) != 0)
            return bad_place(conf, p.key, p.folder, errno, fail);
        if (!S_ISDIR(st.st_mode))
            return bad_place(conf, p.key, p.folder, ENOTDIR, fail);
        if (p.fallback && access(p.fallback, R_OK) != 0)
            return bad_place(conf, p.fallback_key, p.fallback, errno, fail);
    }
    return 0;
}
