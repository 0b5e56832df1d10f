/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source host's own SHA-256 of what is copied, made while it is copied: the VM is down by then,
 * so that only what hashing takes longer than copying adds to its outage. One piece at a time. */
#ifndef VF_JOB_SUMS_H
#define VF_JOB_SUMS_H

#include "job/job_priv.h"

#ifndef VF_SUMS_PIECE /* a test has smaller ones */
#define VF_SUMS_PIECE (UINT64_C(256) << 20)
#endif

struct vf_sums;

/* Begins with the pieces of all disks of JOB, whose VM is down, but for the first and the last of
 * each: those are hashed after the copying, when what ran in between would show. NULL: nothing is
 * hashed there, or no disk has more pieces. */
struct vf_sums *vf_sums_begin(struct vf_job *job);
/* The sum of N bytes at OFFSET of disk I, waited for while it is being made; caller frees. NULL: it
 * will not be made here. */
char *vf_sums_take(struct vf_sums *s, size_t i, uint64_t n, uint64_t offset);
/* Ends what is under way. */
void vf_sums_free(struct vf_sums *s);

#endif
