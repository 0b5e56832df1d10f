/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is a file that is being written still where it was? */
#include "config.h"
#include "disk/disk.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void vf_kept_hold(struct vf_kept *k, const char *path, uint64_t least)
{
    struct stat st;
    *k = (struct vf_kept){.fd = open(path, O_PATH | O_CLOEXEC), .least = least};
    if (k->fd >= 0 && fstat(k->fd, &st) == 0 && S_ISREG(st.st_mode))
        k->path = vf_strdup(path);
}

/* Not the times: NFS would write all that it has not written yet before it tells them. */
static int look(int fd, const char *path, struct statx *out)
{
    return statx(fd, path, *path ? 0 : AT_EMPTY_PATH, STATX_INO | STATX_SIZE, out);
}

int vf_kept_check(struct vf_kept *k, bool grows, struct vf_error **err)
{
    struct statx ours, there;
    if (!k->path)
        return 0;
    bool found = look(AT_FDCWD, k->path, &there) == 0;
    if ((!found && errno != ENOENT) || look(k->fd, "", &ours) < 0)
        return vf_fail_errno(err, errno, "looking whether it is still there");
    if (!found)
        return vf_fail(err, VF_E_CONFLICT,
                       "it is no longer there: somebody removed it while it was written");
    if (there.stx_dev_major != ours.stx_dev_major || there.stx_dev_minor != ours.stx_dev_minor ||
        there.stx_ino != ours.stx_ino)
        return vf_fail(err, VF_E_CONFLICT,
                       "somebody has put another file in its place while it was written");
    if (ours.stx_size < k->least)
        return vf_fail(err, VF_E_CORRUPT,
                       "somebody has cut it off while it was written: it has %llu bytes, not %llu",
                       (unsigned long long)ours.stx_size, (unsigned long long)k->least);
    if (grows)
        k->least = ours.stx_size;
    return 0;
}

void vf_kept_clear(struct vf_kept *k)
{
    free(k->path);
    if (k->fd >= 0)
        close(k->fd);
    *k = (struct vf_kept){.fd = -1};
}
