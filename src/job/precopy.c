/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copying while the VM still runs. What comes of it is no copy of anything, since the guest writes
 * meanwhile: it only leaves less for the copy after the shutdown, which compares all of it. */
#include "config.h"
#include "job/forecast.h"
#include "job/steps.h"
#include "base/buf.h"
#include "base/clock.h"
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
    if (!passes(&d->result, e) || job->plan->rehearse)
        return vf_fail_with(err, VF_STEAL(e));
    vf_job_note(job, "warn", _("%s is not copied while the VM runs, only afterwards: %s"), d->slot,
                vf_error_text(e));
    return vf_job_failed(job, key, e, err);
}

static int copy_live(struct vf_job *job, size_t i, struct vf_error **err)
{
    struct vf_job_disk *d = &job->disks[i];
    struct vf_error *why = NULL;
    int r = vf_job_copy_disk(job, i, true, &why);
    if (r < 0)
        r = give_up(job, i, why, err);
    else {
        vf_autofree char *sent = vf_format_bytes(d->result.sent);
        vf_job_note(job, "info",
                    job->plan->rehearse
                        ? _("%s: %s copied while the VM runs, as they were read")
                        : _("%s: %s copied while the VM runs; all of it is compared again "
                            "when it is down"),
                    d->slot, sent);
    }
    /* the report is about the copy that counts */
    vf_copy_result_free(&d->result);
    d->result = (struct vf_copy_result){0};
    return r;
}

/* All disks that can be; with AGAIN also those that were, for what has changed since. *ANY: one
 * was.
 */
static int copy_all(struct vf_job *job, bool again, bool *any, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    *any = false;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        enum vf_vm_state state;
        vf_autofree char *key = vf_asprintf("precopy/%s", job->plan->disks[i].slot);
        if (!vf_plan_precopies(job->plan, s, i) || (!again && vf_job_was_done(job, key)))
            continue;
        if (job->source_pve->ops->state(job->source_pve, s->node, s->id, &state, err) < 0)
            return -1;
        if (state != VF_VM_RUNNING)
            return 0; /* nothing is won any more */
        /* cut off from here on it is copied again by the next start */
        if ((vf_job_was_done(job, key) && vf_job_undone(job, key, err) < 0) ||
            copy_live(job, i, err) < 0)
            return -1;
        *any = true;
    }
    return 0;
}

int vf_step_precopy(struct vf_job *job, struct vf_error **err)
{
    bool any;
    if (vf_job_rehearses_live(job) && vf_journal_find(job->journal, "rename"))
        return 0;
    if (copy_all(job, false, &any, err) < 0)
        return -1;
    if (vf_job_rehearses_live(job))
        return (any && copy_all(job, true, &any, err) < 0) ? -1 : vf_rehearsal_copied(job, err);
    if (any)
        vf_job_forecast_again(job);
    return 0;
}

bool vf_job_can_refresh(const struct vf_job *job)
{
    for (size_t i = 0; !vf_job_is_native(job) && i < job->plan->n_disks; i++)
        if (vf_plan_precopies(job->plan, job->source, i))
            return true;
    return false;
}

int vf_job_refresh(struct vf_job *job, struct vf_error **err)
{
    bool any;
    if (!job->carrier && vf_job_hosts_open(job, err) < 0)
        return -1;
    if (copy_all(job, true, &any, err) < 0)
        return -1;
    if (any)
        vf_job_forecast_again(job);
    else
        vf_job_note(job, "info", _("%s does not run any more: nothing is copied now"),
                    job->source->name);
    return 0;
}

/* "scsi0: 64 MiB copied, the last 1.2 MiB of it in 3.1 s, 2 min 05 s ago" */
static void add_disk_text(struct vf_job *job, size_t i, struct vf_buf *b)
{
    const char *slot = job->plan->disks[i].slot;
    vf_autofree char *key = vf_asprintf("precopy/%s", slot);
    vf_autofree char *size = vf_format_bytes(job->plan->disks[i].size);
    const struct vf_record *r = vf_job_was_done(job, key);
    if (!r) {
        vf_buf_printf(b, _("%s: %s, copied after the shutdown\n"), slot, size);
        return;
    }
    int64_t age = vf_clock_unix() - r->at;
    vf_autofree char *sent = vf_format_bytes((uint64_t)vf_json_int(r->result, "sent")),
                     *took = vf_format_duration(vf_json_num(r->result, "seconds")),
                     *ago = vf_format_duration(age > 0 ? (double)age : 0);
    vf_buf_printf(b,
                  r->begun > 1 ? _("%s: %s, copied again %s ago; %s had changed and took %s\n")
                               : _("%s: %s, copied %s ago; %s were sent in %s\n"),
                  slot, size, ago, sent, took);
}

char *vf_job_precopied_text(struct vf_job *job)
{
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *down = vf_forecast_text(vf_job_forecast_down(job));
    vf_buf_puts(&b, _("All that can be done while it runs is done."));
    vf_buf_puts(&b, "\n");
    for (size_t i = 0; job->plan->copy_disks && !vf_job_is_native(job) && i < job->plan->n_disks;
         i++)
        add_disk_text(job, i, &b);
    if (down)
        vf_buf_printf(&b, _("Expected downtime: %s.\n"), down);
    b.len -= b.len && b.data[b.len - 1] == '\n';
    return vf_strdup(vf_buf_str(&b));
}
