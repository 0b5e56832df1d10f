/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks of format "recipe" (disk/recipe.h): what vmferry-fetch adds to a mover. (Of the two kinds
 * of struct vf_disk, that of disk/disk.h and that of plan/vm.h, a file here can know only one.) */
#ifndef VF_FETCH_FETCH_H
#define VF_FETCH_FETCH_H

#include "mover/wire.h"

struct vf_disk_kind;
struct vf_fetch_pool;

/* Where disks in datastores are read from, for all disks opened from now on; POOL (NULL: nowhere)
 * is borrowed. By the thread that opens them. */
void vf_fetch_use(struct vf_fetch_pool *pool);
extern const struct vf_disk_kind vf_fetch_kind;

/* What there is to be told to the operator goes to NOTE. */
void vf_fetch_begin(void (*note)(const char *text));
/* Logs out, unless a disk is still open. */
void vf_fetch_end(void);
/* Takes the login that SOURCE brings. A second one is CONFLICT. */
int vf_fetch_source(const struct vf_frame *f, struct vf_error **err);

#endif
