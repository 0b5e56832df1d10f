/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast files on this machine are read, tried for a moment. */
#include "config.h"
#include "provider/files/files.h"
#include "disk/recipe.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>

enum { UNIT = 1 << 20, MOST = 256 << 20, ENOUGH_MS = 1000 };

static double read_some(const struct vf_recipe_part *x, struct vf_error **err)
{
    vf_autofd int fd = open(x->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return vf_fail_errno(err, errno, "opening %s", x->path);
    vf_autofree void *buf = vf_xmalloc(UNIT);
    uint64_t done = 0, most = x->length < MOST ? x->length : MOST;
    int64_t began = vf_clock_ns(), took = 0;
    while (done < most && took / 1000000 < ENOUGH_MS) {
        size_t n = most - done < UNIT ? (size_t)(most - done) : UNIT;
        ssize_t got = vf_pread_full(fd, buf, n, x->offset + done);
        if (got < 0)
            return vf_fail_errno(err, errno, "reading %s", x->path);
        if ((size_t)got < n)
            return vf_fail(err, VF_E_CORRUPT, "%s ends before the disk in it does", x->path);
        done += n;
        took = vf_clock_ns() - began;
    }
    return (double)done * 1e9 / (double)(took > 0 ? took : 1);
}

double vf_files_try_read(struct vf_provider *p, const char *path, struct vf_error **err)
{
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_recipe_parse(path, err);
    const struct vf_recipe_part *x = r ? vf_recipe_largest(r) : NULL;
    if (!r)
        return -1;
    if (!x)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s: how fast it is unpacked shows when that is done",
                       r->name);
    return read_some(x, err);
}
