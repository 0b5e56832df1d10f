/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copying while the VM still runs. What comes of it is no copy of anything, since the guest writes
 * meanwhile: it only leaves less for the copy after the shutdown, which compares all of it. */
#include "config.h"
#include "job/steps.h"
#include "base/i18n.h"
#include "base/str.h"

/* May it be that WHY is only so because the VM runs? Somebody holds the image, or what was sent
 * twice had changed in between. All else would be so with the VM down, too. */
static bool passes(const struct vf_copy_result *r, const struct vf_error *why)
{
    enum vf_error_code code = vf_error_code(why);
    return code == VF_E_CORRUPT ||
           (r->at_source && (code == VF_E_CONFLICT || code == VF_E_IO || code == VF_E_PERMISSION));
}

static int give_up(struct vf_job *job, size_t i, struct vf_error *why, struct vf_error **err)
{
    vf_autoerror struct vf_error *e = why;
    const struct vf_job_disk *d = &job->disks[i];
    vf_autofree char *key = vf_asprintf("precopy/%s", d->slot);
    if (!passes(&d->result, e))
        return vf_fail_with(err, VF_STEAL(e));
    vf_job_note(job, "warn", _("%s is not copied while the VM runs, only afterwards: %s"), d->slot,
                vf_error_text(e));
    return vf_job_failed(job, key, e, err);
}

static int copy_live(struct vf_job *job, size_t i, struct vf_error **err)
{
    struct vf_job_disk *d = &job->disks[i];
    vf_autofree char *key = vf_asprintf("precopy/%s", d->slot);
    if (vf_job_was_done(job, key)) /* by an earlier start */
        return 0;
    struct vf_error *why = NULL;
    int r = vf_job_copy_disk(job, i, true, &why);
    if (r < 0)
        r = give_up(job, i, why, err);
    else {
        vf_autofree char *sent = vf_format_bytes(d->result.sent);
        vf_job_note(job, "info",
                    _("%s: %s copied while the VM runs; all of it is compared again "
                      "when it is down"),
                    d->slot, sent);
    }
    /* the report is about the copy that counts */
    vf_copy_result_free(&d->result);
    d->result = (struct vf_copy_result){0};
    return r;
}

int vf_step_precopy(struct vf_job *job, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        enum vf_vm_state state;
        if (!vf_plan_precopies(job->plan, s, i))
            continue;
        if (job->source_pve->ops->state(job->source_pve, s->node, s->id, &state, err) < 0)
            return -1;
        if (state != VF_VM_RUNNING)
            return 0; /* nothing is won any more */
        if (copy_live(job, i, err) < 0)
            return -1;
    }
    return 0;
}
