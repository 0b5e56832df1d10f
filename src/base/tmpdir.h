/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private directories that a process has while it lives. One that was killed leaves its own behind:
 * the next one of the same kind removes that. */
#ifndef VF_BASE_TMPDIR_H
#define VF_BASE_TMPDIR_H

struct vf_tmpdir {
    char *path;
    int lock; /* held until the process ends, however that comes; its children have it not */
};

/* Makes PARENT/PREFIXxxxxxx, for us alone, after those of dead processes of ours were removed. -1
 * with errno; OUT is to be given to vf_tmpdir_remove() in either case. */
int vf_tmpdir_make(const char *parent, const char *prefix, struct vf_tmpdir *out);
/* With the files in it; there are no directories. */
void vf_tmpdir_remove(struct vf_tmpdir *t);

#endif
