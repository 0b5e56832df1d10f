/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a recipe in a row, as bytes: of files on this machine, or of files in a datastore,
 * which are read ahead. */
#ifndef VF_FETCH_PARTS_H
#define VF_FETCH_PARTS_H

#include "base/cancel.h"
#include "disk/recipe.h"

struct vf_parts;
struct vf_fetch_pool;

/* RECIPE and POOL (NULL: there are only local files) are borrowed. Opens, checks and locks local
 * files, asks for size and time stamp of the others: CORRUPT when one is shorter than its part. */
struct vf_parts *vf_parts_open(const struct vf_recipe *recipe, struct vf_fetch_pool *pool,
                               struct vf_cancel *cancel, struct vf_error **err);
void vf_parts_close(struct vf_parts *p);
VF_DEFINE_CLEANUP(struct vf_parts *, vf_parts_close)

/* Where part I begins. */
uint64_t vf_parts_start(const struct vf_parts *p, size_t i);
/* Of struct vf_disk; caller frees. */
char *vf_parts_identity(const struct vf_parts *p);
/* Several threads may read at once; who reads on where the last read ended is read ahead for. The
 * range is checked by the caller. */
int vf_parts_read(struct vf_parts *p, void *buf, size_t n, uint64_t offset, struct vf_error **err);
/* Up to *END, from OFFSET on, it is all data, or (true) all zeroes that need not be read. */
bool vf_parts_zero(struct vf_parts *p, uint64_t offset, uint64_t *end);
/* As vf_disk_interrupt(). */
void vf_parts_interrupt(struct vf_parts *p, bool on);
/* From now on there is time: what fails for a while is tried again. */
void vf_parts_opened(struct vf_parts *p);

/* local.c: a regular file, with a reader's lock of QEMU's. STATE changes when it does; caller
 * frees.
 */
int vf_local_open(const char *path, uint64_t *size, char **state, struct vf_error **err);
/* The same question of a file: [AT, END) of FD. */
bool vf_local_zero(int fd, uint64_t at, uint64_t *end);

#endif
