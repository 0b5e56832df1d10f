/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The copying: hosts, disks, verification. */
#include "config.h"
#include "job/identity.h"
#include "job/job_text.h"
#include "job/steps.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

int vf_step_hosts(struct vf_job *job, struct vf_error **err)
{
    bool all = true;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        vf_autofree char *key = vf_asprintf("copy/%s", job->plan->disks[i].slot);
        all = all && vf_job_was_done(job, key);
    }
    if (all)
        return 0;
    if (vf_job_intend(job, "hosts", NULL, err) < 0 || vf_job_hosts_open(job, err) < 0 ||
        vf_job_find_shared(job, err) < 0)
        return -1;
    if (vf_route_suspect(job->route))
        vf_job_note(job, "warn", "%s", vf_route_suspect(job->route));
    if (vf_route_why(job->route))
        vf_job_note(job, "info", _("%s; disk data goes %s"), vf_route_why(job->route),
                    vf_route_text(job->route));
    else
        vf_job_note(job, "info", _("disk data goes %s"), vf_route_text(job->route));
    return vf_job_done(job, "hosts", json_pack("{s:s}", "route", vf_route_text(job->route)), err);
}

/* Keys and helper files left on either host: whatever ended this job's movers, they go now. */
int vf_undo_hosts(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    vf_job_hosts_close(job);
    int failed = 0;
    for (int target = 0; target < 2; target++) {
        vf_autoerror struct vf_error *why = NULL;
        const struct vf_plan_disk *d = &job->plan->disks[0];
        const struct vf_disk *s = vf_vm_disk(job->source, d->slot);
        vf_auto(vf_ssh_free) struct vf_ssh *ssh =
            vf_job_ssh(job, target, target ? job->plan->target_node : job->source->node,
                       target ? d->storage
                       : s    ? s->storage
                              : NULL,
                       &why);
        if (!ssh || vf_mover_cleanup(ssh, job->id, false, &why) < 0) {
            vf_fail_with(err, VF_STEAL(why));
            failed = -1;
        }
    }
    return failed;
}

int vf_job_source_down(struct vf_job *job, struct vf_error **err)
{
    enum vf_vm_state state;
    if (job->source_pve->ops->state(job->source_pve, job->source->node, job->source->id, &state,
                                    err) < 0)
        return -1;
    if (state == VF_VM_STOPPED)
        return 0;
    return vf_fail(err, VF_E_CONFLICT,
                   _("%s runs again at the source: what is copied is no longer what it has"),
                   job->source->name);
}

static json_t *result_json(const struct vf_copy_result *r)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?, s:s?, s:s?}", "size",
                     (json_int_t)r->size, "read", (json_int_t)r->read, "sent", (json_int_t)r->sent,
                     "zero", (json_int_t)r->zero, "same", (json_int_t)r->same, "committed",
                     (json_int_t)r->committed, "verified", (json_int_t)r->verified, "wire",
                     (json_int_t)r->wire, "source_hash", r->source_hash, "target_hash",
                     r->target_hash, "verified_how", r->verified_how);
}

static int copy_one(struct vf_job *job, size_t i, struct vf_error **err)
{
    const struct vf_plan_disk *d = &job->plan->disks[i];
    struct vf_job_disk *jd = &job->disks[i];
    vf_autofree char *key = vf_asprintf("copy/%s", d->slot);
    if (vf_job_was_done(job, key)) { /* by an earlier start */
        atomic_store(&jd->progress.done, d->size);
        return 0;
    }
    bool first = vf_journal_find(job->journal, key) == NULL;
    struct vf_volume sv = {0}, tv = {0};
    vf_autofree char *from = vf_job_volume_path(job, false, job->source->node, d->volume, &sv, err);
    vf_autofree char *to =
        from ? vf_job_volume_path(job, true, job->plan->target_node, jd->volume, &tv, err) : NULL;
    int r = to ? vf_job_source_down(job, err) : -1;
    /* somebody may have put another volume in its place since it was made */
    if (r == 0 && (tv.size < d->size || !vf_streq(tv.format, d->format)))
        r = vf_fail(err, VF_E_CONFLICT,
                    _("volume %s at the target is not the one this job made: nothing is written"),
                    jd->volume);
    if (r == 0)
        r = vf_job_intend(job, key, json_pack("{s:s, s:s}", "from", from, "to", to), err);
    if (r == 0) {
        struct vf_copy_opts o = {
            .source = {.path = from, .format = sv.format, .size = d->size},
            .target = {.path = to, .format = tv.format, .size = d->size},
            .rate = job->plan->rate,
            .compress = job->plan->compress,
            .verify = job->plan->verify == VF_VERIFY_FULL,
            .target_fresh = first,
            .delta = !first, /* an earlier start may have brought most of it */
            .cancel = job->cancel,
        };
        atomic_store(&jd->copying, true);
        r = vf_copy_disk(job->route, &o, &jd->progress, &jd->result, err);
        atomic_store(&jd->copying, false);
        if (r < 0)
            vf_fail_prefix(err, _("copying %s"), d->slot);
    }
    vf_volume_clear(&sv);
    vf_volume_clear(&tv);
    if (r == 0)
        r = vf_job_source_down(job, err); /* what was read is only good if nobody wrote meanwhile */
    if (r < 0 || vf_job_done(job, key, result_json(&jd->result), err) < 0)
        return -1;
    vf_autofree char *sent = vf_format_bytes(jd->result.sent),
                     *zero = vf_format_bytes(jd->result.zero);
    vf_job_note(job, "info", _("%s: %s copied, %s of zeroes skipped, %s"), d->slot, sent, zero,
                vf_verified_text(jd->result.verified_how));
    return 0;
}

int vf_step_copy(struct vf_job *job, struct vf_error **err)
{
    for (size_t i = 0; i < job->plan->n_disks; i++)
        if (copy_one(job, i, err) < 0)
            return -1;
    return 0;
}

/* Nothing is believed here but the journal's record of a finished, compared copy. */
int vf_step_verify(struct vf_job *job, struct vf_error **err)
{
    /* a disk that was copied an hour ago has not been locked since */
    if (vf_job_source_down(job, err) < 0)
        return -1;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        vf_autofree char *key = vf_asprintf("copy/%s", d->slot);
        const struct vf_record *r = vf_job_was_done(job, key);
        const char *ours = r ? vf_json_str(r->result, "source_hash") : NULL;
        bool full = job->plan->verify == VF_VERIFY_FULL;
        if (!r || (uint64_t)vf_json_int(r->result, "size") != d->size)
            return vf_fail(err, VF_E_CORRUPT, _("disk %s was not copied completely"), d->slot);
        if (full && (!ours || !vf_streq(ours, vf_json_str(r->result, "target_hash"))))
            return vf_fail(err, VF_E_CORRUPT, _("disk %s at the target is not what the source has"),
                           d->slot);
        struct vf_volume v = {0};
        if (job->target_pve->ops->volume(job->target_pve, job->plan->target_node,
                                         job->disks[i].volume, &v, err) < 0)
            return -1;
        bool right = v.size >= d->size && vf_streq(v.format, d->format);
        vf_volume_clear(&v);
        if (!right)
            return vf_fail(err, VF_E_CORRUPT, _("disk %s at the target changed its size or format"),
                           d->slot);
    }
    return 0;
}
