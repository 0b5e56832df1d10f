/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose a job is, by what its VMs carry: for when the host of its record does not say. */
#include "config.h"
#include "job/lease.h"
#include "base/i18n.h"
#include "base/str.h"

static bool is_begun(const struct vf_job *job, const char *key)
{
    const struct vf_record *r = vf_journal_find(job->journal, key);
    return r && (r->state == VF_REC_INTENT || r->state == VF_REC_DONE);
}

/* VM ID of P carries this job's mark, EXACT: as this machine has written it. 1 yes, 0 no. */
static int carries_mark(const struct vf_job *job, struct vf_provider *p, unsigned id, bool exact,
                        struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *notes = p->ops->notes(p, id, NULL, &why);
    if (!notes && vf_error_code(why) == VF_E_NOTFOUND)
        return 0;
    if (!notes)
        return vf_fail_with(err, VF_STEAL(why));
    vf_autofree char *owner = vf_marker_find(notes);
    return vf_streq(owner, job->id) && (!exact || vf_marker_there(notes, job->marker));
}

/* Who took the job over says so at the source, for the case that the host of the record does not
 * answer the one it was taken from. */
int vf_lease_mark_source(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    if (!vf_job_was_done(job, "claim") || is_begun(job, "migrated/note") ||
        vf_job_lacks(job) & VF_LACKS_CLAIM)
        return 0;
    vf_auto(vf_vm_free) struct vf_vm *now = p->ops->describe(p, job->plan->vm_id, err);
    if (!now)
        return -1;
    vf_autofree char *owner = vf_marker_find(now->description);
    if (!vf_streq(owner, job->id) || vf_marker_there(now->description, job->marker))
        return 0;
    vf_autofree char *text = vf_marker_replace(now->description, job->marker);
    return p->ops->describe_as(p, now->node, now->id, text, now->digest, err);
}

/* Has the source to carry it? A rehearsal leaves its source alone, and who returns to it takes the
 * mark off again. */
static bool source_carries(const struct vf_job *job)
{
    return vf_job_was_done(job, "claim") && !is_begun(job, "migrated/note") &&
           !job->plan->rehearse && !is_begun(job, "return") &&
           !(vf_job_lacks(job) & VF_LACKS_CLAIM);
}

static int is_marked(struct vf_job *job, bool exact, struct vf_error **err)
{
    const struct vf_record *made = vf_job_target_record(job);
    bool target = made && made->state == VF_REC_DONE && !is_begun(job, "finish/description") &&
                  !is_begun(job, "return/remove");
    if (source_carries(job))
        return carries_mark(job, job->source_pve, job->plan->vm_id, exact, err);
    if (target)
        return carries_mark(job, job->target_pve, (unsigned)vf_json_int(made->intent, "vmid"),
                            false, err);
    return 1;
}

int vf_job_is_marked(struct vf_job *job, struct vf_error **err)
{
    return is_marked(job, false, err);
}

/* The host says nothing. As long as a VM carries the mark nobody has ended the job, and as long as
 * the target does not run nobody has started it. */
int vf_lease_ask_clusters(struct vf_job *job, const char *host, struct vf_error **err)
{
    enum vf_vm_state source, target;
    vf_autoerror struct vf_error *why = NULL;
    int marked = is_marked(job, true, err);
    if (marked < 0)
        return -1;
    /* whoever takes the job over changes the mark at the source before anything else: where that is
     * ours, the source is nobody else's to start, whether the target can be asked or not */
    bool alone = marked && job->going_back && source_carries(job);
    if (alone && job->target_away) /* it was asked a moment ago, and the service waits */
        return 0;
    bool both = vf_job_states(job, &source, &target, &why) == 0;
    if (!both && !(alone && vf_error_is_transient(why)))
        return vf_fail_with(err, VF_STEAL(why));
    job->target_away = !both;
    if (!marked)
        return vf_fail(err, VF_E_CONFLICT,
                       _("the VM no longer carries the mark of this job: another machine has taken "
                         "the job, or somebody took the line \"%s\" out of its notes. Nothing was "
                         "changed"),
                       job->marker);
    /* of a finished move it is its operator's */
    if (both && target == VF_VM_RUNNING && !vf_job_target_ran(job) && !is_begun(job, "start") &&
        !is_begun(job, "finish/description") && !vf_job_is_native(job))
        return vf_fail(err, VF_E_CONFLICT,
                       _("%s runs at the target, and this process did not start it: another "
                         "machine goes on with this job. Nothing was changed"),
                       job->plan->vm_name);
    if (host && !both)
        vf_job_note(job, "warn",
                    _("neither %s nor the target VM's node answers. The source still carries the "
                      "mark of this job, which another machine would have changed: the source is "
                      "put back into service"),
                    host);
    else if (host)
        vf_job_note(job, "warn",
                    _("%s does not answer, which knows whether another machine has taken this job "
                      "over. Both clusters say that nobody has: it goes on"),
                    host);
    return 0;
}
