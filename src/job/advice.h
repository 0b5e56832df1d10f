/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left to do in and around a VM that came from another hypervisor: a checklist made for
 * this VM. */
#ifndef VF_JOB_ADVICE_H
#define VF_JOB_ADVICE_H

#include "plan/plan.h"

/* What it is made from. All borrowed. */
struct vf_advised {
    const struct vf_plan *plan;
    const struct vf_vm *source, *target; /* target: as it was made, with its VMID */
    const char *source_name;             /* what the source is called now */
    bool started;                        /* it runs at the target */
    bool held;                           /* cards of it are still disconnected */
    bool agent;                          /* the agent in the guest answers there */
    bool tested;                         /* its ports were tried by the service test */
};

/* Short texts, translated, most urgent first; none without a profile. NULL-terminated, caller
 * frees. */
char **vf_advice(const struct vf_advised *a);

#endif
