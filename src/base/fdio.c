/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

ssize_t vf_read_full(int fd, void *buf, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(fd, (char *)buf + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

ssize_t vf_pread_full(int fd, void *buf, size_t n, uint64_t offset)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = pread(fd, (char *)buf + got, n - got, (off_t)(offset + got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

int vf_write_full(int fd, const void *buf, size_t n)
{
    size_t put = 0;
    while (put < n) {
        ssize_t r = write(fd, (const char *)buf + put, n - put);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        put += (size_t)r;
    }
    return 0;
}

int vf_pwrite_full(int fd, const void *buf, size_t n, uint64_t offset)
{
    size_t put = 0;
    while (put < n) {
        ssize_t r = pwrite(fd, (const char *)buf + put, n - put, (off_t)(offset + put));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0) {
            errno = ENOSPC; /* the end of a block device */
            return -1;
        }
        put += (size_t)r;
    }
    return 0;
}

int vf_set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -1;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

char *vf_read_fd(int fd, const char *name, size_t max, size_t *len, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    for (;;) {
        char *p = vf_buf_room(&b, 65536);
        ssize_t r = vf_read_full(fd, p, 65536);
        if (r < 0) {
            vf_fail_errno(err, errno, "%s", name);
            return NULL;
        }
        b.len += (size_t)r;
        if (b.len > max) {
            vf_fail(err, VF_E_CORRUPT, "%s is larger than %zu bytes", name, max);
            return NULL;
        }
        if (r < 65536)
            break;
    }
    if (len)
        *len = b.len;
    return vf_buf_take(&b);
}

char *vf_read_file(const char *path, size_t max, size_t *len, struct vf_error **err)
{
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        vf_fail_errno(err, errno, "%s", path);
        return NULL;
    }
    return vf_read_fd(fd, path, max, len, err);
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return vf_strdup(".");
    return slash == path ? vf_strdup("/") : vf_strndup(path, (size_t)(slash - path));
}

int vf_replace_file(const char *path, const void *data, size_t n, mode_t mode,
                    struct vf_error **err)
{
    vf_autofree char *dir = parent_of(path);
    vf_autofree char *tmp = vf_asprintf("%s.XXXXXX", path);
    vf_autofd int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return vf_fail_errno(err, errno, "%s", tmp);
    if (fchmod(fd, mode) < 0 || vf_write_full(fd, data, n) < 0 || fsync(fd) < 0 ||
        rename(tmp, path) < 0) {
        int e = errno;
        unlink(tmp);
        return vf_fail_errno(err, e, "%s", path);
    }
    vf_autofd int dfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dfd < 0 || fsync(dfd) < 0)
        return vf_fail_errno(err, errno, "%s", dir);
    return 0;
}

/* A new directory, its name on disk too; 0 also when another was quicker. */
static int make_dir(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0)
        return errno == EEXIST ? 0 : -1;
    vf_autofree char *dir = parent_of(path);
    vf_autofd int dfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dfd < 0 || fsync(dfd) < 0 ? -1 : 0;
}

int vf_mkdirs(const char *path, mode_t mode, struct vf_error **err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : vf_fail(err, VF_E_CONFLICT, "%s is not a directory", path);
    if (errno != ENOENT)
        return vf_fail_errno(err, errno, "%s", path);
    vf_autofree char *dir = parent_of(path);
    if (vf_streq(dir, path) || vf_mkdirs(dir, mode, err) < 0)
        return vf_fail(err, VF_E_NOTFOUND, "%s cannot be made", path);
    return make_dir(path, mode) < 0 ? vf_fail_errno(err, errno, "%s", path) : 0;
}
