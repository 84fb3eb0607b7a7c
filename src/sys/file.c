#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int vc_file_read_fd(int fd, size_t max, uint8_t **bytes, size_t *len, struct vc_fail *fail)
{
    struct stat st;
    *bytes = NULL;
    if (fstat(fd, &st) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "file");
    if (!S_ISREG(st.st_mode))
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, 0, "not a regular file");
    if (st.st_size < 0 || (uint64_t)st.st_size > max)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, EFBIG, "larger than %zu bytes", max);
    size_t size = (size_t)st.st_size, got = 0;
    uint8_t *p = malloc(size + 1);
    if (!p)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "file of %zu bytes", size);
    while (got < size) {
        ssize_t n = pread(fd, p + got, size - got, (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int e = errno;
            free(p);
            return vc_fail_set(fail, VC_CAUSE_SYSTEM, e, "reading");
        }
        if (n == 0)
            break; /* it shrank: take what is there */
        got += (size_t)n;
    }
    p[got] = 0;
    *bytes = p;
    *len = got;
    return 0;
}

int vc_file_read(const char *path, size_t max, enum vc_cause cause, uint8_t **bytes, size_t *len, struct vc_fail *fail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return vc_fail_set(fail, cause, errno, "cannot open %s", path);
    struct vc_fail inner;
    int r = vc_file_read_fd(fd, max, bytes, len, &inner);
    (void)close(fd);
    return r == 0 ? 0 : vc_fail_set(fail, cause, inner.sys_errno, "%s: %s", path, inner.detail);
}

int vc_file_memory(const char *name, const void *bytes, size_t len, struct vc_fail *fail)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "memory file");
    const uint8_t *p = bytes;
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, p + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int e = errno;
            (void)close(fd);
            return vc_fail_set(fail, VC_CAUSE_SYSTEM, e, "memory file");
        }
        done += (size_t)n;
    }
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return fd;
}

int vc_file_shared(const char *name, size_t len, struct vc_fail *fail)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && ftruncate(fd, (off_t)len) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    int e = errno;
    if (fd >= 0)
        (void)close(fd);
    return vc_fail_set(fail, VC_CAUSE_SYSTEM, e, "shared memory");
}

void *vc_file_map_shared(int fd, size_t len, struct vc_fail *fail)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(fd, &st) != 0 || (uint64_t)st.st_size != len) {
        vc_fail_set(fail, VC_CAUSE_SYSTEM, seals < 0 ? errno : 0, "not the shared memory that was expected");
        return NULL;
    }
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        return p;
    vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "shared memory");
    return NULL;
}

int vc_file_open_beneath(const char *folder, const char *name)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
    int why = errno;
    (void)close(dir);
    errno = why;
    return fd;
}

int vc_file_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int e = errno;
    (void)close(fd);
    errno = e;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}
