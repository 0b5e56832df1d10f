/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads of one disk that are under way at once: a storage gives its speed only to who asks for the
 * next piece before the last one has come. Chunks are asked for in advance and taken in the same
 * order. For one thread; those that read are its own. */
#ifndef VF_MOVER_READS_H
#define VF_MOVER_READS_H

#include "disk/disk.h"

enum { VF_READS_CHUNKS = 3 }; /* the memory this takes */

struct vf_reads;

/* DISK is borrowed. BACK: by vf_disk_read_back(), else by vf_disk_read(). */
struct vf_reads *vf_reads_new(struct vf_disk *disk, bool back);
/* What has begun is waited for; what has not is left out. R may be NULL. */
void vf_reads_free(struct vf_reads *r);
VF_DEFINE_CLEANUP(struct vf_reads *, vf_reads_free)

bool vf_reads_full(const struct vf_reads *r);
/* Asks for N bytes, at most a chunk, at OFFSET. Not when it is full. */
void vf_reads_begin(struct vf_reads *r, uint64_t offset, size_t n);
/* Whether the next chunk to be taken begins in the LEN bytes at OFFSET. */
bool vf_reads_next_in(const struct vf_reads *r, uint64_t offset, uint64_t len);
/* Takes the next chunk, which must have been asked for: waits until all of it was read. *BUF is
 * ours until vf_reads_done(), which has to follow, also after an error. */
int vf_reads_take(struct vf_reads *r, uint64_t *offset, size_t *n, void **buf,
                  struct vf_error **err);
void vf_reads_done(struct vf_reads *r);

#endif
