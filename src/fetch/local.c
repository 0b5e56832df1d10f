/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of this machine that parts lie in. */
#include "config.h"
#include "base/str.h"
#include "disk/disk.h"
#include "fetch/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int vf_local_open(const char *path, uint64_t *size, char **state, struct vf_error **err)
{
    struct stat st;
    if (path[0] != '/')
        return vf_fail(err, VF_E_USAGE, "%s is not an absolute path", path);
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return vf_fail_errno(err, errno, "opening %s", path);
    if (fstat(fd, &st) < 0)
        return vf_fail_errno(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return vf_fail(err, VF_E_UNSUPPORTED, "%s is not a regular file", path);
    if (vf_qemu_lock(fd, false, path, err) < 0)
        return -1;
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *size = (uint64_t)st.st_size;
    *state = vf_asprintf("%llu:%llu:%lld.%09ld:%lld.%09ld", (unsigned long long)st.st_dev,
                         (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
                         st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    return VF_STEAL_FD(fd);
}

/* A hole behind the end of a file is none: it was cut off, which reading shows. */
bool vf_local_zero(int fd, uint64_t at, uint64_t *end)
{
    struct stat st;
    off_t data = lseek(fd, (off_t)at, SEEK_DATA);
    if (data < 0 && errno == ENXIO && fstat(fd, &st) == 0 && (uint64_t)st.st_size >= *end)
        data = (off_t)*end;
    if (data < 0)
        return false;
    bool zero = (uint64_t)data > at;
    off_t to = zero ? data : lseek(fd, (off_t)at, SEEK_HOLE);
    if (to > (off_t)at && (uint64_t)to < *end)
        *end = (uint64_t)to;
    return zero;
}
