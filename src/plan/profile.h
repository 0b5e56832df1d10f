/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The virtual hardware that a VM from another hypervisor gets at Proxmox VE. */
#ifndef VF_PLAN_PROFILE_H
#define VF_PLAN_PROFILE_H

#include "plan/plan.h"

/* What is proposed for a guest of that age; NONE for one from Proxmox VE. Of two that may both be
 * right the one that starts in any case: an old VM starts slower, a modern one without the drivers
 * not at all. */
enum vf_profile vf_profile_for(enum vf_guest_age age);

/* From now on P gives SOURCE the hardware of PROFILE: the slots of all disks and what can be set of
 * them, the model of all cards and whether they are connected, whatever was set of these before.
 * NONE: all as at the source. */
void vf_plan_set_profile(struct vf_plan *p, const struct vf_vm *source, enum vf_profile profile);

/* The SCSI controller that P gives SOURCE; NULL: none that is told. */
const char *vf_profile_scsihw(const struct vf_plan *p, const struct vf_vm *source);

/* The part of vf_plan_apply() that is about the VM as a whole: board, SCSI controller, boot order,
 * and the disks that Proxmox VE makes itself (fresh). VM is what the rest of PLAN has made of
 * SOURCE. Nothing without a profile. */
void vf_profile_apply(const struct vf_plan *p, const struct vf_vm *source, struct vf_vm *vm);

#endif
