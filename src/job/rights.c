/* SPDX-License-Identifier: GPL-3.0-or-later */
/* May the logins do what a move needs? Asked before anything is touched. */
#include "config.h"
#include "job/job_priv.h"
#include "base/str.h"

int vf_rights_unseen(struct vf_provider *src, unsigned id, struct vf_findings *out,
                     struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_new();
    vm->id = id;
    struct vf_use use = {.vm = vm, .disks = true, .power = true};
    return src->ops->rights(src, &use, out, err);
}

int vf_rights_check(const struct vf_plan *plan, const struct vf_vm *source, struct vf_provider *src,
                    struct vf_provider *dst, struct vf_findings *out, struct vf_error **err)
{
    bool running = source->state != VF_VM_STOPPED;
    struct vf_use use = {
        .vm = source, .disks = plan->copy_disks, .power = running && !plan->rehearse};
    if (src->ops->rights(src, &use, out, err) < 0)
        return -1;
    /* a source that is no longer the planned one is not this check's to refuse */
    vf_auto(vf_vm_free) struct vf_vm *target = vf_plan_apply(plan, source, NULL, NULL);
    if (!target)
        return 0;
    use = (struct vf_use){.target = true,
                          .vm = target,
                          .disks = plan->copy_disks,
                          .power = plan->rehearse || vf_plan_starts(plan, running)};
    return dst->ops->rights(dst, &use, out, err);
}
