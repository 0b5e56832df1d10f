/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QEMU's image locks. Every user of an image holds a shared lock on the byte 100 + N for each
 * permission N it uses and on 200 + N for each permission it does not let others use; after taking
 * its own it looks whether anybody holds the opposite byte. The bytes need not exist. */
#include "config.h"
#include "disk/disk.h"

#include <errno.h>
#include <fcntl.h>

enum { USED_BASE = 100, UNSHARED_BASE = 200, N_PERMISSIONS = 4 };

/* Bits of QEMU's BLK_PERM_*. */
enum { CONSISTENT_READ = 1, WRITE = 2, WRITE_UNCHANGED = 4, RESIZE = 8 };

struct permissions {
    unsigned used, unshared;
};

static const struct permissions reader = {CONSISTENT_READ, WRITE | RESIZE};
static const struct permissions writer = {CONSISTENT_READ | WRITE | RESIZE,
                                          CONSISTENT_READ | WRITE | WRITE_UNCHANGED | RESIZE};

static int take(int fd, off_t byte)
{
    struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &l);
}

/* 1: somebody else holds BYTE. */
static int held(int fd, off_t byte)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    if (fcntl(fd, F_OFD_GETLK, &l) < 0)
        return -1;
    return l.l_type != F_UNLCK;
}

int vf_qemu_lock(int fd, bool write, const char *path, struct vf_error **err)
{
    const struct permissions *p = write ? &writer : &reader;
    for (unsigned i = 0; i < N_PERMISSIONS; i++) {
        unsigned bit = 1U << i;
        if (((p->used & bit) && take(fd, USED_BASE + i) < 0) ||
            ((p->unshared & bit) && take(fd, UNSHARED_BASE + i) < 0)) {
            if (errno == EAGAIN || errno == EACCES)
                return vf_fail(err, VF_E_CONFLICT,
                               "%s is in use (a lock of its image is held exclusively)", path);
            return vf_fail_errno(err, errno, "locking %s", path);
        }
    }
    for (unsigned i = 0; i < N_PERMISSIONS; i++) {
        unsigned bit = 1U << i;
        int a = (p->used & bit) ? held(fd, UNSHARED_BASE + i) : 0;
        int b = (p->unshared & bit) ? held(fd, USED_BASE + i) : 0;
        if (a < 0 || b < 0)
            return vf_fail_errno(err, errno, "asking for locks of %s", path);
        if (a || b)
            return vf_fail(
                err, VF_E_CONFLICT,
                "%s is in use by another process (a running VM, a backup or another copy)", path);
    }
    return 0;
}
