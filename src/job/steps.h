/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of a move, in the order of the table in steps.c. */
#ifndef VF_JOB_STEPS_H
#define VF_JOB_STEPS_H

#include "job/job_priv.h"

/* steps_wait.c: before the VM goes down: returns when the job is not, or no longer, paused. */
int vf_job_await_continue(struct vf_job *job, struct vf_error **err);

#define VF_STEP(name) int vf_step_##name(struct vf_job *job, struct vf_error **err)
#define VF_UNDO(name)                                                                              \
    int vf_undo_##name(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)

VF_STEP(preflight);
VF_STEP(checksums);
VF_STEP(hosts);
VF_UNDO(hosts);
VF_STEP(claim);
VF_UNDO(claim);
VF_STEP(token);
VF_STEP(pool);
VF_UNDO(pool);
VF_STEP(create);
VF_UNDO(create);
VF_UNDO(with_target); /* nothing to do: it goes with the target VM */
VF_STEP(firewall);
VF_STEP(allocate);
VF_UNDO(allocate);
VF_STEP(ready_stop);
VF_STEP(service);
VF_STEP(migrate);
VF_UNDO(migrate);
VF_STEP(arrived);
VF_STEP(unlock);
VF_STEP(precopy);
VF_STEP(replication);
VF_UNDO(replication);
VF_STEP(ssh_service);
VF_UNDO(ssh_service);
VF_STEP(ssh_back);
/* Other jobs of this machine have switched the source host's SSH service on, and run: this one,
 * about to use what there is, becomes one of those of whom the last switches it off. */
int vf_job_share_ssh(struct vf_job *job, struct vf_error **err);
/* Is it on still, because of this job? */
bool vf_job_leaves_ssh_on(const struct vf_job *job);
VF_STEP(eject);
VF_UNDO(eject);
VF_STEP(protection);
VF_UNDO(protection);
VF_STEP(ha);
VF_UNDO(ha);
VF_STEP(shutdown);
VF_UNDO(shutdown);
VF_STEP(onboot);
VF_UNDO(onboot);
VF_STEP(cloning);
VF_UNDO(cloning);
VF_STEP(snapshots);
VF_STEP(copy);
VF_STEP(verify);
VF_STEP(source_hash);
VF_STEP(attach);
VF_STEP(rename);
VF_UNDO(rename);
VF_STEP(ready_start);
VF_STEP(start);
VF_STEP(console);
VF_STEP(migrated);
VF_UNDO(migrated);
VF_STEP(service_after);
VF_STEP(finish);

#endif
