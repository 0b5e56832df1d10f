/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several moves that are to be made one after another, or at the same time: what each could do
 * alone, all of them perhaps cannot. */
#ifndef VF_JOB_TOGETHER_H
#define VF_JOB_TOGETHER_H

#include "job/job.h"

/* Adds to the findings of each of the N, which were prepared alone, what stands against it behind
 * those before it: room on the target storages and memory of the target nodes, both summed up, and
 * names and VMIDs that are wanted twice. What is stopped, alone or by this, counts for nothing.
 * Looks at the target clusters; changes nothing. */
int vf_check_together(const struct vf_conf *conf, struct vf_prepared *const *v, size_t n,
                      const struct vf_asker *asker, struct vf_cancel *cancel,
                      struct vf_error **err);

/* What a target has. */
struct vf_room {
    const char *cluster, *node, *storage; /* node NULL: of all nodes; storage NULL: memory */
    uint64_t avail;                       /* bytes */
};

/* The same by what is known of the ROOMS already; what is found goes to F. */
void vf_check_together_in(const struct vf_room *rooms, size_t n_rooms, struct vf_prepared *const *v,
                          size_t n, struct vf_findings *f);

#endif
