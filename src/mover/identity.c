/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Has an image changed since? Only a file that holds all of it can be asked: its file system stamps
 * every change. Not a block device, and not an image that takes data from another file. */
#include "config.h"
#include "mover/owner.h"
#include "base/fdio.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* qcow2 (docs/interop/qcow2.txt): magic, version, then the offset of the backing file's name; at
 * 72, from version 3 on, features without which it cannot be read, bit 2: data is in another file.
 */
static bool stands_alone(int fd)
{
    unsigned char h[80];
    if (vf_pread_full(fd, h, sizeof h, 0) != sizeof h || memcmp(h, "QFI\xfb", 4) != 0)
        return false;
    static const unsigned char none[8];
    return memcmp(h + 8, none, sizeof none) == 0 && (h[7] < 3 || !(h[79] & 4));
}

char *vf_image_identity(const char *path, const char *format)
{
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return vf_strdup("");
    if (!vf_streq(format, "raw") && !(vf_streq(format, "qcow2") && stands_alone(fd)))
        return vf_strdup("");
    return vf_asprintf("%llu:%llu:%lld:%lld.%09ld:%lld.%09ld", (unsigned long long)st.st_dev,
                       (unsigned long long)st.st_ino, (long long)st.st_size,
                       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                       (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}
