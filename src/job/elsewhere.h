/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs that another machine began: found at their target's cluster by the records they keep there,
 * and taken over when nobody works on them any more. */
#ifndef VF_JOB_ELSEWHERE_H
#define VF_JOB_ELSEWHERE_H

#include "conf/conf.h"
#include "job/resume.h"
#include "xfer/mirror.h"

struct vf_elsewhere_job {
    const char *id, *host; /* where its record is */
    char *vm, *source, *target;
    const struct vf_mirror_says *holder; /* OTHER: somebody works on it; LEFT: nobody does */
};

/* "joe@laptop (process 123, since 2026-11-21 02:14, last sign of life 4 s ago)"; caller frees. */
char *vf_holder_text(const struct vf_mirror_says *s);

struct vf_elsewhere;

/* Logs in at CLUSTER and all its hosts and reads which jobs have records there. CONF, ASKER and
 * CANCEL are borrowed and must outlive it. */
struct vf_elsewhere *vf_elsewhere_open(const struct vf_conf *conf, const char *cluster,
                                       const struct vf_asker *asker, struct vf_cancel *cancel,
                                       struct vf_error **err);
void vf_elsewhere_free(struct vf_elsewhere *e);
VF_DEFINE_CLEANUP(struct vf_elsewhere *, vf_elsewhere_free)

const struct vf_elsewhere_job *vf_elsewhere_jobs(const struct vf_elsewhere *e, size_t *n);
/* "alpha a2: ssh ...": what was not looked at and why. */
char *const *vf_elsewhere_unreachable(const struct vf_elsewhere *e);
/* Sentences about VMs there that a job has marked that has no record there. Caller frees. */
char **vf_elsewhere_unrecorded(struct vf_elsewhere *e, struct vf_error **err);

/* How job I stands, as vf_job_look(). The record is read, nothing is changed. */
int vf_elsewhere_look(struct vf_elsewhere *e, size_t i, struct vf_standing *out,
                      struct vf_error **err);
/* CONFLICT while the holder lives, or when this machine has the job. */
int vf_elsewhere_may_take(const struct vf_elsewhere *e, size_t i, struct vf_error **err);
/* Makes job I one of this machine, which may be resumed or rolled back here then. CONFLICT: its
 * holder lives, or it is here already. */
int vf_elsewhere_take(struct vf_elsewhere *e, size_t i, struct vf_error **err);

/* Removes the record of job I. CONFLICT while its holder lives. */
int vf_elsewhere_forget(struct vf_elsewhere *e, size_t i, struct vf_error **err);

#endif
