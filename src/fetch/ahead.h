/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading ahead: pieces of what lies in a row in a datastore's files, fetched by the pool before
 * they are asked for. */
#ifndef VF_FETCH_AHEAD_H
#define VF_FETCH_AHEAD_H

#include "fetch/pool.h"

struct vf_ahead;

/* A run of bytes: at OFFSET of FILE, or (FILE NULL) zeroes. */
struct vf_ahead_run {
    uint64_t start, length; /* in the row */
    const struct vf_esxi_file *file;
    uint64_t offset;
};

/* RUNS (in order, without gaps) and POOL are borrowed. WHOLE: it will be read from its beginning.
 */
struct vf_ahead *vf_ahead_new(const struct vf_ahead_run *runs, size_t n, bool whole,
                              struct vf_fetch_pool *pool, struct vf_cancel *cancel);
void vf_ahead_free(struct vf_ahead *a); /* waits for what is under way, which is ended */

/* The last of N sorted runs that begins at or before OFFSET. */
size_t vf_ahead_find(const struct vf_ahead_run *runs, size_t n, uint64_t offset);

int vf_ahead_read(struct vf_ahead *a, void *buf, size_t n, uint64_t offset, struct vf_error **err);
void vf_ahead_interrupt(struct vf_ahead *a, bool on);
/* How long what is transient is tried again. */
void vf_ahead_patience(struct vf_ahead *a, int ms);

#endif
