/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is what has two names one, and is what looks alike two? */
#ifndef VF_JOB_IDENTITY_H
#define VF_JOB_IDENTITY_H

#include "job/job_priv.h"

/* Are source and target one cluster, whatever they are called in the configuration? By the nodes S
 * of the one and T of the other. */
bool vf_same_cluster(const struct vf_plan *plan, const struct vf_node *s, size_t n_s,
                     const struct vf_node *t, size_t n_t);

/* *OUT: one of the target's storages T that the plan uses and the source cluster has too, as far as
 * the APIs tell (caller frees); NULL: none. */
int vf_store_is_shared(const struct vf_plan *plan, bool same_cluster, const char *source_node,
                       struct vf_provider *src, const struct vf_storage *t, size_t n_t, char **out,
                       struct vf_error **err);
/* On the storage STORE that both have, no VM of the source may have the VMID that is asked for. */
int vf_check_shared_id(const struct vf_plan *plan, const char *store, struct vf_provider *src,
                       struct vf_findings *f, struct vf_error **err);
/* Sets job->shared_store, by the APIs and by looking at directories on both hosts. */
int vf_job_find_shared(struct vf_job *job, struct vf_error **err);
/* The VMID to create: the plan's or the next free one; on a shared storage none that the source
 * cluster uses. */
int vf_choose_id(struct vf_job *job, unsigned *id, struct vf_error **err);

/* Guests at the target with the same addresses or UUID. */
int vf_check_twins(const struct vf_plan *plan, const struct vf_vm *source, bool same_cluster,
                   struct vf_provider *dst, struct vf_findings *f, struct vf_error **err);

#endif
