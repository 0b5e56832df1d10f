/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the files in a tar archive are, so that they are read in place (an OVA is such an archive).
 * Formats: tar(5) of libarchive: ustar, pax, GNU. */
#ifndef VF_PROVIDER_FILES_TAR_H
#define VF_PROVIDER_FILES_TAR_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* A plain file of the archive. */
struct vf_tar_member {
    char *name; /* as it is there, without "./" in front */
    uint64_t offset, size;
};

/* Lists the plain files of the archive in FD, SIZE bytes; PATH is for messages. CORRUPT when it is
 * none, damaged or cut off; UNSUPPORTED for one with sparse members. */
int vf_tar_list(int fd, uint64_t size, const char *path, struct vf_tar_member **out, size_t *n,
                struct vf_error **err);
void vf_tar_free(struct vf_tar_member *v, size_t n);

#endif
