/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the target has: runs of equal chunks with the hash of one, in order and without a gap, of a
 * window of the disk. Both sides of a delta keep it: the target adds what it reads and forgets what
 * the source has answered, the source adds what it is told and forgets what it has passed. */
#ifndef VF_MOVER_KNOWN_H
#define VF_MOVER_KNOWN_H

#include "mover/hash.h"
#include "mover/wire.h"

enum {
    VF_KNOWN_MAX = 1024, /* runs in the window */
    VF_KNOWN_SUMS = VF_WIRE_PARTS * VF_WIRE_SUM,
};

struct vf_known_run {
    uint64_t offset, len; /* bytes: whole chunks, or the disk's short last one */
    struct vf_hash hash;
};

struct vf_known {
    struct vf_known_run runs[VF_KNOWN_MAX];
    size_t head, n;
    uint64_t end;                         /* behind the last run */
    unsigned char (*sums)[VF_KNOWN_SUMS]; /* of each run; NULL: not kept */
};

struct vf_known *vf_known_new(bool sums);
void vf_known_free(struct vf_known *k);
/* SUMS: of the parts of a run of one chunk. False when the window is full, or when the run is not
 * where it must be on a disk of SIZE. */
bool vf_known_add(struct vf_known *k, const struct vf_known_run *run, const unsigned char *sums,
                  uint64_t size);
bool vf_known_full(const struct vf_known *k);
/* The part of a run from OFFSET on, at most MAX bytes; false when that is not in the window. */
bool vf_known_find(const struct vf_known *k, uint64_t offset, uint64_t max,
                   struct vf_known_run *out);
/* The sums of the run of one chunk at OFFSET, where they are until that is forgotten; NULL for
 * longer runs. */
const unsigned char *vf_known_sums(const struct vf_known *k, uint64_t offset);
/* Forgets what lies before OFFSET. */
void vf_known_forget(struct vf_known *k, uint64_t offset);

#endif
