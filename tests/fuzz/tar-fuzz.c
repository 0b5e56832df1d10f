/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tar archives: refused with one sentence, or files that are within the archive. */
#include "config.h"
#include "provider/files/tar.h"
#include "base/fdio.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("tar", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) < 0 || vf_pwrite_full(fd, data, size, 0) < 0)
        abort();
    vf_autoerror struct vf_error *err = NULL;
    struct vf_tar_member *v = NULL;
    size_t n = 0;
    int r = vf_tar_list(fd, size, "f.ova", &v, &n, &err);
    if ((r < 0) != !!err || (r < 0 && (v || n)) || (r == 0 && !n))
        abort();
    for (size_t i = 0; i < n; i++)
        if (!v[i].name || v[i].offset > size || v[i].size > size - v[i].offset)
            abort();
    vf_tar_free(v, n);
    return 0;
}
