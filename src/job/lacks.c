/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sources that are no Proxmox VE: what cannot be changed there is left out, and said. */
#include "config.h"
#include "job/steps.h"
#include "provider/native.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

unsigned vf_source_lacks(struct vf_provider *src)
{
    return src->ops->lacks ? src->ops->lacks(src) : 0;
}

unsigned vf_job_lacks(const struct vf_job *job)
{
    const struct vf_record *r = vf_journal_find(job->journal, "claim");
    return r && r->intent ? (unsigned)vf_json_int(r->intent, "lacks") : 0;
}

bool vf_job_fetches(const struct vf_job *job)
{
    return job->source_pve && job->source_pve->ops->disks == VF_DISKS_FETCHED;
}

/* A platform without a migration of its own has no locks of one either. */
int vf_job_glimpse(struct vf_provider *p, const char *node, unsigned id, struct vf_glimpse *out,
                   struct vf_error **err)
{
    if (p->ops->native)
        return p->ops->native->glimpse(p, node, id, out, err);
    vf_autoerror struct vf_error *why = NULL;
    *out = (struct vf_glimpse){0};
    if (p->ops->state(p, node, id, &out->state, &why) == 0)
        out->description = p->ops->notes(p, id, NULL, &why);
    out->there = !why;
    return !why || vf_error_code(why) == VF_E_NOTFOUND ? 0 : vf_fail_with(err, VF_STEAL(why));
}

/* Its starts are not on record there: when its disks were last written says as much. */
char *vf_job_disk_stamps(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < job->source->n_disks; i++) {
        struct vf_volume v = {0};
        vf_autoerror struct vf_error *why = NULL;
        int r = p->ops->volume(p, job->source->node, job->source->disks[i].volume, &v, &why);
        if (r < 0 && (vf_error_is_transient(why) || vf_error_code(why) == VF_E_CANCELLED))
            vf_fail_with(err, VF_STEAL(why));
        else if (r < 0) /* a running VM has them open */
            vf_fail(err, VF_E_PERMISSION, "%s", vf_error_text(why));
        if (r == 0 && !v.stamp)
            r = vf_fail(err, VF_E_PERMISSION, _("%s does not tell when disks were written"),
                        job->plan->source);
        if (r == 0)
            vf_buf_printf(&b, "%s%s", i ? " " : "", v.stamp);
        vf_volume_clear(&v);
        if (r < 0)
            return NULL;
    }
    return vf_buf_take(&b);
}

static const char written_key[] = "preflight/written";

static bool is_copied(const struct vf_job *job)
{
    bool any = false;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        vf_autofree char *key = vf_asprintf("copy/%s", job->plan->disks[i].slot);
        const struct vf_record *r = vf_journal_find(job->journal, key);
        any = any || (r && (r->state == VF_REC_INTENT || r->state == VF_REC_DONE));
    }
    return any;
}

int vf_job_note_written(struct vf_job *job, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (job->source_pve->ops->native || is_copied(job))
        return 0;
    vf_autofree char *stamps = vf_job_disk_stamps(job, &why);
    if (vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    /* not told now is not known later: then all is compared again when the job is resumed */
    return vf_job_fact(job, written_key, json_pack("{s:s?}", "last_start", stamps), err);
}

const struct vf_record *vf_job_written(const struct vf_job *job)
{
    return vf_job_was_done(job, written_key);
}

int vf_job_check_written(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *r = vf_job_written(job);
    const char *before = r ? vf_json_str(r->result, "last_start") : NULL;
    vf_autoerror struct vf_error *why = NULL;
    /* it may have run in all openness since */
    if (!before || vf_journal_find(job->journal, job->plan->rehearse ? "rename" : "start"))
        return 0;
    vf_autofree char *now = vf_job_disk_stamps(job, &why);
    if (why && vf_error_code(why) != VF_E_PERMISSION)
        return vf_fail_with(err, VF_STEAL(why));
    if (!now || vf_streq(now, before))
        return 0;
    return vf_fail(err, VF_E_CONFLICT,
                   _("disks of %s were written to at the source while they were copied: find out "
                     "by what; when the job is resumed, all of them are compared again"),
                   job->source->name);
}

/* ------------------------------------------------------------------ snapshots */

bool vf_job_drops_snapshots(const struct vf_job *job)
{
    return job->plan->remove_snapshots && !job->plan->rehearse && job->source_pve &&
           job->source_pve->ops->drop_snapshots &&
           (job->source->snapshots || vf_journal_find(job->journal, "snapshots"));
}

bool vf_job_drops_still(const struct vf_job *job)
{
    const struct vf_record *r = vf_journal_find(job->journal, "snapshots");
    return r && r->state == VF_REC_INTENT && job->source_pve->ops->drop_snapshots;
}

int vf_job_end_snapshots(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    if (!vf_job_drops_still(job))
        return 0;
    vf_job_note(
        job, "info",
        _("the removal of %s's snapshots was begun before: waiting until the host has ended "
          "it"),
        job->source->name);
    return p->ops->drop_snapshots(p, job->source->id, err) < 0
               ? vf_fail_prefix(err, _("removing the snapshots of %s"), job->source->name)
               : 0;
}

/* Its disks are read as they are without; going back does not bring them back, which was said. */
int vf_step_snapshots(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    struct vf_vm *s = job->source;
    if (vf_job_was_done(job, "snapshots"))
        return 0;
    if (vf_job_intend(job, "snapshots", json_pack("{s:i}", "count", (int)s->snapshots), err) < 0)
        return -1;
    if (p->ops->drop_snapshots(p, s->id, err) < 0)
        return vf_fail_prefix(err, _("removing the snapshots of %s"), s->name);
    vf_auto(vf_vm_free) struct vf_vm *now = p->ops->describe(p, s->id, err);
    if (!now)
        return -1;
    if (now->snapshots)
        return vf_fail(err, VF_E_CONFLICT, _("%s still has %u snapshots: remove them at the host"),
                       s->name, now->snapshots);
    /* the same disks as planned, and whole */
    vf_auto(vf_vm_free) struct vf_vm *planned = vf_plan_apply(job->plan, now, NULL, err);
    if (!planned)
        return vf_fail_prefix(err, _("after its snapshots were removed"));
    for (size_t i = 0; i < now->n_left_out; i++)
        if (now->left_out[i].stop)
            return vf_fail(err, VF_E_CONFLICT, _("after its snapshots were removed: %s: %s"),
                           now->left_out[i].what, now->left_out[i].why);
    s->snapshots = 0;
    return vf_job_done(job, "snapshots", NULL, err);
}
