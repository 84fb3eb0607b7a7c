#include "cli/passwd.h"

#include "cli/ask.h"
#include "crypto/wipe.h"
#include "wire/ocpasswd.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_FILE "/etc/ocserv/ocpasswd"
#define MAX_FILE (16UL << 20)

static const char usage[] =
    "Usage: varcoctl passwd [-c FILE] [-g GROUP[,GROUP]] [-d | -l | -u] USER\n"
    "Without -d, -l, -u the password is set: asked twice on a terminal, else one line from standard input.\n"
    "  -c, --passwd=FILE       the password file; " DEFAULT_FILE "\n"
    "  -g, --groupname=GROUPS  the user's groups, separated by commas; none without it\n"
    "  -d, --delete            delete the user\n"
    "  -l, --lock              lock the user: no password is accepted\n"
    "  -u, --unlock            unlock the user\n"
    "  -h, --help              this text\n"
    "  -v, --version           the version\n";

__attribute__((format(printf, 1, 2))) static int complain(const char *fmt, ...)
{
    va_list ap;
    (void)fputs("varcoctl passwd: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    return 1;
}

struct args {
    const char *file, *groups, *user;
    char target[PATH_MAX];
    bool delete, lock, unlock;
};

static int usage_error(const char *what)
{
    (void)complain("%s", what);
    (void)fputs(usage, stderr);
    return 1;
}

/* -1: go on; else the exit code. */
static int args_read(int argc, char **argv, struct args *out)
{
    static const struct option options[] = {
        {"passwd", required_argument, NULL, 'c'}, {"groupname", required_argument, NULL, 'g'},
        {"delete", no_argument, NULL, 'd'},       {"lock", no_argument, NULL, 'l'},
        {"unlock", no_argument, NULL, 'u'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
    };
    int c;
    *out = (struct args){0};
    optind = 0; /* the caller may have read options of its own */
    opterr = 0;
    while ((c = getopt_long(argc, argv, "c:g:dluhv", options, NULL)) != -1) {
        bool *flag = c == 'd' ? &out->delete : c == 'l' ? &out->lock : &out->unlock;
        switch (c) {
        case 'c':
            if (out->file)
                return usage_error("-c was given twice");
            out->file = optarg;
            break;
        case 'g':
            if (out->groups)
                return usage_error("-g was given twice");
            out->groups = optarg;
            break;
        case 'd':
        case 'l':
        case 'u':
            if (out->delete || out->lock || out->unlock)
                return usage_error("only one of -d, -l, -u can be given, once");
            *flag = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        case 'v':
            (void)printf("varcoctl passwd %s\n", VC_VERSION);
            return 0;
        default:
            return usage_error("there is no such option, or its value is missing");
        }
    }
    if (argc - optind != 1)
        return usage_error(argc == optind ? "the user's name is missing" : "more than one user name was given");
    out->user = argv[optind];
    if (!out->file)
        out->file = DEFAULT_FILE;
    if (!out->groups)
        out->groups = "*";
    return -1;
}

struct old_file {
    char *bytes;
    size_t len;
    struct stat st;
    bool exists;
};

/* The file as it is; one that is missing counts as empty where it may be made. */
static int old_read(const char *path, bool may_miss, struct old_file *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int rc = 1;

    *out = (struct old_file){0};
    if (fd < 0 && errno == ENOENT && may_miss)
        return 0;
    if (fd < 0)
        return complain("cannot open '%s' for reading: %s; name the file with -c", path, strerror(errno));
    if (fstat(fd, &out->st) != 0 || !S_ISREG(out->st.st_mode)) {
        (void)complain("'%s' is not a regular file: name the password file with -c", path);
    } else if ((size_t)out->st.st_size > MAX_FILE) {
        (void)complain("'%s' is larger than %lu MiB: that is no password file", path, MAX_FILE >> 20);
    } else if (!(out->bytes = malloc((size_t)out->st.st_size + 1))) {
        (void)complain("no memory left");
    } else {
        size_t size = (size_t)out->st.st_size;
        ssize_t got = 1;
        while (out->len < size && (got = read(fd, &out->bytes[out->len], size - out->len)) > 0)
            out->len += (size_t)got;
        rc = got < 0 ? complain("cannot read '%s': %s", path, strerror(errno)) : 0;
        out->exists = true;
    }
    (void)close(fd);
    return rc;
}

/* Owner and mode of the old file, where this user may give them; else its own, and nobody else's eyes. */
static void keep_rights(int fd, const struct old_file *old, const char *path)
{
    if (!old->exists)
        return;
    if ((old->st.st_uid == geteuid() && old->st.st_gid == getegid()) ||
        fchown(fd, old->st.st_uid, old->st.st_gid) == 0) {
        if (fchmod(fd, old->st.st_mode & 0777) == 0)
            return;
    }
    (void)complain("note: owner and mode of '%s' could not be kept (%s): it is now yours alone", path, strerror(errno));
}

static int new_write(int fd, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, &bytes[at], len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += (size_t)n;
    }
    return fsync(fd);
}

/* So that the rename survives a power cut. A file system that cannot do it is no reason to fail. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    int fd;
    if (!vc_str_copy((struct vc_str){.at = path, .len = n}, folder, sizeof(folder)))
        return;
    fd = open(n ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

/* Where the name is a link, the file behind it is the one that is replaced, and the lock lies there. */
static int path_resolve(struct args *args)
{
    struct stat st;
    if (lstat(args->file, &st) != 0 || !S_ISLNK(st.st_mode))
        return 0;
    if (!realpath(args->file, args->target))
        return complain("the link '%s' leads nowhere: %s; name the password file with -c", args->file, strerror(errno));
    args->file = args->target;
    return 0;
}

/* The new copy beside the old file is also the lock, which ocpasswd respects and sets itself. */
static int file_change(const struct args *args, const struct vc_ocpasswd_edit *edit)
{
    char tmp[PATH_MAX];
    struct old_file old = {0};
    struct vc_fail fail = {0};
    char *bytes = NULL, text[512];
    size_t n = 0;
    int rc = 1, fd;

    if ((size_t)snprintf(tmp, sizeof(tmp), "%s.tmp", args->file) >= sizeof(tmp))
        return complain("the file's name is too long");
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return complain("file '%s' is locked: '%s' exists, so another change is under way, or one was interrupted; if "
                        "none runs, remove that file",
                        args->file, tmp);
    if (fd < 0)
        return complain("cannot open '%s' for writing: %s; check the folder and your rights there", tmp,
                        strerror(errno));
    if (old_read(args->file, edit->what == VC_OCPASSWD_SET, &old) != 0)
        goto out;

    struct vc_str before = {.at = old.bytes, .len = old.len};
    size_t room = vc_ocpasswd_edit_room(before, edit->user);
    bytes = malloc(room);
    if (!bytes) {
        (void)complain("no memory left");
        goto out;
    }
    struct vc_writer w = vc_writer_to(bytes, room);
    if (vc_ocpasswd_edit(before, edit, &w, &n, &fail) != 0) {
        vc_fail_print(&fail, text, sizeof(text));
        (void)complain("%s", text);
        goto out;
    }
    keep_rights(fd, &old, args->file);
    if (new_write(fd, bytes, vc_written(&w)) != 0 || rename(tmp, args->file) != 0) {
        (void)complain("cannot write '%s': %s; the old file is as it was", args->file, strerror(errno));
        goto out;
    }
    sync_folder(args->file);
    rc = 0;
    if (n == 0 && edit->what != VC_OCPASSWD_SET) /* ocpasswd takes it for success: so do scripts */
        (void)complain("note: there is no user '%s' in '%s': nothing was changed", args->user, args->file);
out:
    if (rc != 0)
        (void)unlink(tmp);
    (void)close(fd);
    if (bytes)
        vc_wipe(bytes, room);
    free(bytes);
    if (old.bytes)
        vc_wipe(old.bytes, old.len);
    free(old.bytes);
    return rc;
}

int vc_cli_passwd(int argc, char **argv)
{
    struct args args;
    struct vc_ocpasswd_edit edit = {.what = VC_OCPASSWD_SET};
    char hash[CRYPT_OUTPUT_SIZE] = "";
    struct vc_fail fail = {0};
    sigset_t block, old;
    int rc = args_read(argc, argv, &args);

    if (rc >= 0)
        return rc;
    (void)umask(066);
    edit.user = vc_str_of(args.user);
    edit.groups = vc_str_of(args.groups);
    if (args.delete)
        edit.what = VC_OCPASSWD_DELETE;
    if (args.lock)
        edit.what = VC_OCPASSWD_LOCK;
    if (args.unlock)
        edit.what = VC_OCPASSWD_UNLOCK;
    if (edit.what == VC_OCPASSWD_SET) {
        /* before the password is asked for */
        if (vc_ocpasswd_user_check(edit.user, &fail) != 0 || vc_ocpasswd_groups_check(edit.groups, &fail) != 0) {
            char text[512];
            vc_fail_print(&fail, text, sizeof(text));
            return complain("%s", text);
        }
        const char *why;
        if (vc_cli_ask_hash(hash, sizeof(hash), &why) != VC_CLI_ANSWERED)
            return complain("%s", why);
        edit.hash = vc_str_of(hash);
    }
    (void)sigemptyset(&block); /* an interrupt would leave the lock behind; it waits for the few milliseconds */
    (void)sigaddset(&block, SIGINT);
    (void)sigaddset(&block, SIGTERM);
    (void)sigaddset(&block, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &block, &old);
    rc = path_resolve(&args) == 0 ? file_change(&args, &edit) : 1;
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    vc_wipe(hash, sizeof(hash));
    return rc;
}
