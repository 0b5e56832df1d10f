/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the copying is: the "progress" event, from the counters that the transfer's threads write.
 */
#ifndef VF_JOB_SAMPLER_H
#define VF_JOB_SAMPLER_H

#include "job/job_priv.h"

struct vf_sampler;

/* JOB is borrowed. */
struct vf_sampler *vf_sampler_new(const struct vf_job *job);
void vf_sampler_free(struct vf_sampler *s);
/* The event at NOW (ms, never less than before), the caller's reference; NULL while nothing is
 * copied. To be called a few times a second, also while nobody listens. */
json_t *vf_sampler_take(struct vf_sampler *s, int64_t now);

#endif
