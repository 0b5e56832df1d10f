/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which way back a job has, and what it would cost. */
#include "config.h"
#include "job/back.h"
#include "job/job_priv.h"
#include "job/resume.h"
#include "job/state.h"
#include "plan/name.h"
#include "provider/native.h"
#include "base/i18n.h"
#include "base/str.h"

static bool begun(struct vf_journal *j, const char *key)
{
    const struct vf_record *r = vf_journal_find(j, key);
    return r && (r->state == VF_REC_INTENT || r->state == VF_REC_DONE);
}

enum vf_back vf_journal_back(struct vf_journal *j)
{
    const struct vf_record *back = vf_journal_find(j, "return"),
                           *undone = vf_journal_find(j, "rollback");
    if (back && back->state == VF_REC_DONE)
        return VF_BACK_RETURNED;
    if (back && back->state == VF_REC_INTENT)
        return VF_BACK_AGREED;
    if (undone && undone->state == VF_REC_DONE)
        return VF_BACK_NOTHING;
    /* with that the marker is taken off the target: it is no longer the job's alone */
    if (vf_journal_target_ran(j) || begun(j, "finish/description"))
        return VF_BACK_RETURN;
    return vf_journal_way(j) == VF_WAY_NONE ? VF_BACK_NOTHING : VF_BACK_UNDO;
}

/* ------------------------------------------------------------------ both VMs */

static const char *settings_uuid(const struct vf_job *job)
{
    const struct vf_record *r = vf_job_was_done(job, "preflight");
    return r ? vf_json_str(json_object_get(r->result, "settings"), "uuid") : NULL;
}

/* Is VM, of which the job's marker was taken, the one the job made? By a disk that it allocated, or
 * the UUID that both have. */
static bool made_by(const struct vf_job *job, const struct vf_vm *vm)
{
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        vf_autofree char *key = vf_asprintf("allocate/%s", job->plan->disks[i].slot);
        const struct vf_record *r = vf_job_was_done(job, key);
        const char *volume = r ? vf_json_str(r->result, "volume") : NULL;
        for (size_t k = 0; volume && k < vm->n_disks; k++)
            if (vf_streq(vm->disks[k].volume, volume))
                return true;
    }
    const char *uuid = settings_uuid(job);
    return uuid && vf_streq(uuid, vm->uuid);
}

static struct vf_vm *find_target(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *made = vf_job_target_record(job);
    if (!made) {
        vf_fail(err, VF_E_NOTFOUND, _("this job has made no VM at %s"), job->plan->target);
        return NULL;
    }
    unsigned id = (unsigned)vf_json_int(made->intent, "vmid");
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_describe_whole(job->target_pve, id, err);
    if (!vm)
        return NULL;
    vf_autofree char *owner = vf_marker_find(vm->description);
    bool ours = owner ? vf_streq(owner, job->id)
                      : begun(job->journal, "finish/description") && made_by(job, vm);
    if (!ours) {
        vf_fail(err, VF_E_CONFLICT,
                _("VM %u at %s is not, or no longer, the one that this job made: nothing is done "
                  "to it"),
                id, job->plan->target);
        return NULL;
    }
    return VF_STEAL(vm);
}

/* What there is to go back to: the same VM with the same disks, which nothing holds. */
static int check_source(struct vf_job *job, struct vf_vm **out, struct vf_error **err)
{
    const struct vf_vm *was = job->source;
    vf_auto(vf_vm_free) struct vf_vm *now = vf_describe_whole(job->source_pve, was->id, err);
    if (!now)
        return vf_fail_prefix(err, _("there is nothing to go back to"));
    const char *uuid = settings_uuid(job);
    bool same = !uuid || vf_streq(uuid, now->uuid);
    for (size_t i = 0; i < was->n_disks; i++) {
        const struct vf_disk *d = vf_vm_disk(now, was->disks[i].slot);
        same = same && d && vf_streq(d->volume, was->disks[i].volume);
    }
    vf_autofree char *owner = vf_marker_find(now->description), *called = vf_vm_called(was);
    if (!same || (owner && !vf_streq(owner, job->id)))
        return vf_fail(err, VF_E_CONFLICT,
                       _("%s at %s is not, or no longer, the one that was moved: there is nothing "
                         "to go back to"),
                       called, job->plan->source);
    if (now->lock)
        return vf_fail(err, VF_E_CONFLICT,
                       _("VM %u at %s is locked (%s): take that off first (`qm unlock %u` on its "
                         "node when nothing works on it any more)"),
                       was->id, job->plan->source, now->lock, was->id);
    *out = VF_STEAL(now);
    return 0;
}

int vf_back_check(struct vf_job *job, bool remove, struct vf_vm **source, struct vf_vm **target,
                  struct vf_error **err)
{
    if (vf_job_connect(job, err) < 0 || vf_job_load_source(job, err) < 0 ||
        check_source(job, source, err) < 0)
        return -1;
    *target = find_target(job, err);
    if (!*target)
        return -1;
    /* Proxmox would refuse it when all else is done */
    if (remove && (*target)->ha)
        return vf_fail(err, VF_E_CONFLICT,
                       _("VM %u at %s is highly available, so it cannot be removed: take it out "
                         "first (ha-manager remove vm:%u), or do not ask for that"),
                       (*target)->id, job->plan->target, (*target)->id);
    return 0;
}

/* ------------------------------------------------------------------ as sentences */

/* When somebody last started the target, of which this job knows nothing: unix seconds by its
 * node's clock, 0: nobody has. Earlier VMs may have had its number, so it counts only after it was
 * made. */
static int64_t started_there(struct vf_job *job, const struct vf_vm *t)
{
    const struct vf_native_ops *n = job->target_pve->ops->native;
    vf_autofree char *made = n->find(job->target_pve, t->node, t->id, "qmcreate", NULL);
    vf_autofree char *start = n->find(job->target_pve, t->node, t->id, "qmstart", NULL);
    int64_t at = start ? n->began(start) : 0;
    return at && (!made || n->began(made) <= at) ? at : 0;
}

static char *lost_text(struct vf_job *job, const struct vf_vm *target)
{
    const char *at = job->plan->target;
    const struct vf_record *start = vf_journal_find(job->journal, "start");
    if (!start)
        start = vf_journal_find(job->journal, "migrate");
    bool ran = vf_job_target_ran(job) && start;
    vf_autofree char *since = ran ? vf_since_text(start->at) : NULL;
    if (ran && start->state == VF_REC_DONE)
        return vf_asprintf(_("It has run at %s %s. Whatever it has written there is lost."), at,
                           since);
    if (ran)
        return vf_asprintf(_("It may have run at %s %s: its start was begun. Whatever it has "
                             "written there is lost."),
                           at, since);
    int64_t began = started_there(job, target);
    vf_autofree char *then = began ? vf_since_text(began) : vf_strdup("");
    if (began || target->state != VF_VM_STOPPED)
        return vf_asprintf(
            _("Somebody has started it at %s: it runs, or ran, there%s%s. Whatever it has "
              "written there is lost."),
            at, began ? " " : "", then);
    return vf_asprintf(_("As far as %s tells it has not run there: nothing is lost."), at);
}

static void describe(struct vf_job *job, const struct vf_vm *source, const struct vf_vm *target,
                     bool remove, struct vf_loss *out)
{
    vf_autofree char *kept = vf_name_with(job->source->name, VF_RETURNED);
    const char *first = target->state == VF_VM_STOPPED ? "" : _("It is shut down first. ");
    out->vm = vf_strdup(job->plan->vm_name);
    out->service = vf_service_text(job->journal, source->state, target->state);
    out->lost = lost_text(job, target);
    out->target =
        remove ? vf_asprintf(_("%sVM %u on %s is REMOVED with its disks when the source runs"),
                             first, target->id, target->node)
               : vf_asprintf(_("%sVM %u on %s does not start at boot any more, and is kept as %s"),
                             first, target->id, target->node, kept);
    vf_autofree char *called = vf_vm_called(source);
    if (*job->plan->source == '/')
        out->source = vf_strdup(_("The exported files stay as they are, nothing runs from them"));
    else
        out->source =
            vf_asprintf(job->source->state == VF_VM_STOPPED
                            ? _("%s on %s gets back its name and settings, and stays stopped")
                            : _("%s on %s gets back its name and settings, and is started with its "
                                "disks as they were when it was moved"),
                        called, source->node);
}

int vf_job_loss(const char *id, const struct vf_asker *asker, bool remove, struct vf_loss *out,
                struct vf_error **err)
{
    *out = (struct vf_loss){0};
    vf_autofree char *dir = vf_job_dir(id);
    vf_auto(vf_job_free) struct vf_job *job = vf_job_load(dir, true, err);
    if (!job)
        return -1;
    job->asker = *asker;
    vf_auto(vf_vm_free) struct vf_vm *source = NULL;
    vf_auto(vf_vm_free) struct vf_vm *target = NULL;
    if (vf_back_check(job, remove, &source, &target, err) < 0)
        return -1;
    describe(job, source, target, remove, out);
    return 0;
}

void vf_loss_clear(struct vf_loss *l)
{
    free(l->vm);
    free(l->service);
    free(l->lost);
    free(l->target);
    free(l->source);
    *l = (struct vf_loss){0};
}
