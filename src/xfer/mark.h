/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far a copy has come, kept in a file so that a later process goes on there. A mark proves
 * something only about the very disks it was made of: the same paths and sizes, the same volume, a
 * source that has not changed since. */
#ifndef VF_XFER_MARK_H
#define VF_XFER_MARK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/error.h"

struct vf_copy_mark {
    char *job;
    char *source, *source_format, *source_identity; /* see IDENTITY in vmferry-protocol(7) */
    char *target, *target_format, *target_volume;   /* the last: device and inode, or "" */
    uint64_t source_size, target_size;
    bool verify, delta;  /* how it was copied */
    uint64_t done;       /* 0: no mark */
    struct vf_buf state; /* the hasher's there, opaque */
};

void vf_copy_mark_clear(struct vf_copy_mark *m);
/* Is M a mark of the copy that NOW describes (DONE, STATE and DELTA aside)? */
bool vf_copy_mark_fits(const struct vf_copy_mark *m, const struct vf_copy_mark *now);

/* Replaces the file at PATH as a whole; on stable storage when it returns. */
int vf_copy_mark_save(const char *path, const struct vf_copy_mark *m, struct vf_error **err);
/* False when there is none, or none that this version reads. M is empty or to be cleared. */
bool vf_copy_mark_load(const char *path, struct vf_copy_mark *m);
/* Removes it, if it is there. */
void vf_copy_mark_remove(const char *path);

#endif
