/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is not as a job left it when its last process ended: a table of rules, each of which decides
 * whether the job goes on, goes on with something done again, or stops for a person. */
#include "config.h"
#include "job/job_priv.h"
#include "job/resume.h"
#include "plan/name.h"
#include "provider/native.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

struct scene {
    struct vf_job *job;
    const struct vf_vm *now;    /* the source; NULL: cannot be read */
    const struct vf_error *why; /* then: why not */
    struct vf_glimpse source, target;
    const struct vf_record *made; /* the step that made the target VM; NULL: none was begun */
    unsigned target_id;
    bool target_ran;
};

static const struct vf_record *begun(const struct scene *s, const char *key)
{
    const struct vf_record *r = vf_journal_find(s->job->journal, key);
    return r && (r->state == VF_REC_INTENT || r->state == VF_REC_DONE) ? r : NULL;
}

static bool source_claimed(const struct scene *s)
{
    return vf_job_was_done(s->job, "claim") && !begun(s, "migrated/note") &&
           !(vf_job_lacks(s->job) & VF_LACKS_CLAIM);
}

/* ------------------------------------------------------------------ the source */

static int check_owner(struct scene *s, struct vf_findings *f, struct vf_error **err)
{
    const struct vf_plan *p = s->job->plan;
    vf_autofree char *owner = vf_marker_find(s->source.description);
    vf_autofree char *called = vf_vm_called(s->job->source);
    if (!s->source.there)
        vf_finding_add(f, VF_STOP, p->vm_name, _("find out where it is"),
                       _("%s is no longer on node %s of %s"), called, s->job->source->node,
                       p->source);
    else if (owner && !vf_streq(owner, s->job->id))
        vf_finding_add(f, VF_STOP, p->vm_name, _("let that job end first"),
                       _("it belongs to job %s now"), owner);
    else if (!owner && source_claimed(s) && !s->job->plan->rehearse)
        vf_finding_add(f, VF_WARN, p->vm_name, NULL,
                       _("the line vmferry-job was taken out of its notes: it is written again"));
    return 0;
}

static int check_lock(struct scene *s, struct vf_findings *f, struct vf_error **err)
{
    if (s->source.lock && !vf_job_is_native(s->job))
        vf_finding_add(f, VF_STOP, s->job->plan->vm_name,
                       _("wait until what locked it has ended (`qm unlock` when it is dead)"),
                       _("it is locked at the source (%s)"), s->source.lock);
    if (s->made && s->made->state == VF_REC_DONE && s->target.lock && !vf_job_is_native(s->job))
        vf_finding_add(f, VF_STOP, s->job->plan->vm_name,
                       _("wait until what locked it has ended (`qm unlock` when it is dead)"),
                       _("VM %u is locked at the target (%s)"), s->target_id, s->target.lock);
    return 0;
}

/* Its disks and cards are those of the plan: of a disk that was resized or exchanged nothing that
 * was copied is worth anything. */
static int check_plan(struct scene *s, struct vf_findings *f, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = vf_error_copy(s->why);
    vf_auto(vf_vm_free) struct vf_vm *target =
        s->now ? vf_plan_apply(s->job->plan, s->now, NULL, &why) : NULL;
    if (!target && s->source.there)
        vf_finding_add(f, VF_STOP, s->job->plan->vm_name,
                       s->target_ran ? _("set it back as it was")
                                     : _("undo this job (vmferry rollback), then move it again"),
                       "%s", vf_error_text(why));
    return 0;
}

/* The target was made from what the source was then. */
static int check_settings(struct scene *s, struct vf_findings *f, struct vf_error **err)
{
    const struct vf_record *preflight = vf_job_was_done(s->job, "preflight");
    const json_t *was = preflight ? json_object_get(preflight->result, "settings") : NULL;
    if (!s->now || !was || !s->made || s->target_ran || vf_job_is_native(s->job))
        return 0;
    vf_autojson json_t *is = vf_vm_settings(s->now);
    vf_autojson json_t *all = json_object();
    json_object_update(all, (json_t *)was);
    json_object_update(all, is);
    const char *key;
    json_t *unused;
    json_object_foreach (all, key, unused) {
        const char *before = vf_json_str(was, key), *after = vf_json_str(is, key);
        if (vf_streq(before, after))
            continue;
        vf_autofree char *shown = vf_escape(key), *old = vf_escape(before ? before : _("nothing")),
                         *new = vf_escape(after ? after : _("nothing"));
        /* attached and compared with what the source has */
        bool hard = strchr(key, ' ') != NULL;
        vf_finding_add(f, hard ? VF_STOP : VF_WARN, shown,
                       hard ? _("set it back at the source, or undo this job (vmferry rollback) "
                                "and move it again")
                            : NULL,
                       hard ? _("it was %s when the target was made and is %s now")
                            : _("it was %s when the target was made, which keeps that; now it is "
                                "%s"),
                       old, new);
    }
    return 0;
}

static int check_power(struct scene *s, struct vf_findings *f, struct vf_error **err)
{
    const char *vm = s->job->plan->vm_name;
    bool runs = s->source.there && s->source.state != VF_VM_STOPPED;
    const struct vf_record *down = vf_journal_find(s->job->journal, "shutdown");
    if (vf_job_is_native(s->job) || (s->job->plan->rehearse && begun(s, "rename")))
        return 0;
    if (runs && s->target_ran)
        vf_finding_add(f, VF_STOP, vm,
                       _("find out which of both holds the newer data, and shut the other down"),
                       _("it was started again at the source, though the target may have run"));
    else if (runs && s->job->source->state == VF_VM_STOPPED)
        vf_finding_add(f, VF_STOP, vm, _("shut it down, then resume"),
                       _("it was stopped when this job began and runs at the source now"));
    else if (runs && vf_job_was_done(s->job, "shutdown"))
        vf_finding_add(f, VF_WARN, vm, NULL,
                       _("it was started again at the source: before it is shut down once more "
                         "you are asked, and all that was copied is compared again"));
    else if (runs && down && down->state == VF_REC_UNDONE)
        vf_finding_add(f, VF_WARN, vm, NULL,
                       _("the job started it again at the source when it could not go on: it is "
                         "shut down once more, and all that was copied is compared again"));
    return 0;
}

/* ------------------------------------------------------------------ the target */

static int check_target(struct scene *s, struct vf_findings *f, struct vf_error **err)
{
    const struct vf_plan *p = s->job->plan;
    vf_autofree char *owner = vf_marker_find(s->target.description);
    vf_autofree char *what = vf_asprintf(_("VM %u at %s"), s->target_id, p->target);
    const char *back = s->target_ran ? NULL : _("undo this job (vmferry rollback)");
    if (!s->made || s->made->state != VF_REC_DONE)
        return 0;
    if (!s->target.there)
        vf_finding_add(f, VF_STOP, what, back, _("this job made it and it is gone"));
    else if (!vf_streq(owner, s->job->id) && !begun(s, "finish/description"))
        vf_finding_add(f, VF_STOP, what,
                       _("put the line back, or undo this job (vmferry rollback), which then "
                         "leaves that VM alone"),
                       _("it is no longer this job's: its notes have no line \"%s\""),
                       s->job->marker);
    else if (!s->target_ran && s->target.state != VF_VM_STOPPED && !vf_job_is_native(s->job) &&
             !begun(s, "start"))
        vf_finding_add(f, VF_STOP, what,
                       _("stop it there and undo this job (vmferry rollback), then move it again"),
                       _("somebody started it, with disks that may not be complete"));
    else if (vf_job_was_done(s->job, "start") && s->target.state == VF_VM_STOPPED &&
             !begun(s, "console/reboot"))
        vf_finding_add(f, VF_WARN, what, _("start it when the move is finished"),
                       _("this job started it; it does not run any more"));
    return 0;
}

static int check_volumes(struct scene *s, struct vf_findings *f, struct vf_error **err)
{
    const struct vf_plan *p = s->job->plan;
    for (size_t i = 0; i < p->n_disks && !s->target_ran && s->target.there; i++) {
        vf_autofree char *key = vf_asprintf("allocate/%s", p->disks[i].slot);
        const struct vf_record *r = vf_job_was_done(s->job, key);
        const char *volume = r ? vf_json_str(r->result, "volume") : NULL;
        struct vf_volume v = {0};
        vf_autoerror struct vf_error *why = NULL;
        if (!volume)
            continue;
        int there =
            s->job->target_pve->ops->volume(s->job->target_pve, p->target_node, volume, &v, &why);
        bool same = there == 0 && v.size >= p->disks[i].size &&
                    vf_streq(v.format, vf_json_str(r->intent, "format"));
        vf_volume_clear(&v);
        if (there < 0 && vf_error_is_transient(why))
            return vf_fail_with(err, VF_STEAL(why));
        vf_autofree char *shown = vf_escape(volume);
        if (!same)
            vf_finding_add(f, VF_STOP, shown,
                           _("undo this job (vmferry rollback), then move it again"),
                           there < 0 ? _("this volume for %s is gone from the target")
                                     : _("this volume for %s has another size or format now"),
                           p->disks[i].slot);
    }
    return 0;
}

static int (*const rules[])(struct scene *, struct vf_findings *, struct vf_error **) = {
    check_owner, check_lock, check_plan, check_settings, check_power, check_target, check_volumes,
};

static int look(struct scene *s, struct vf_error **err)
{
    struct vf_job *job = s->job;
    s->made = vf_job_target_record(job);
    if (s->made && (s->made->state == VF_REC_UNDONE || s->made->state == VF_REC_FAILED))
        s->made = NULL;
    s->target_id = s->made ? (unsigned)vf_json_int(s->made->intent, "vmid") : 0;
    s->target_ran = vf_job_target_ran(job);
    if (vf_job_glimpse(job->source_pve, job->source->node, job->source->id, &s->source, err) < 0)
        return -1;
    return s->made ? vf_job_glimpse(job->target_pve, job->plan->target_node, s->target_id,
                                    &s->target, err)
                   : 0;
}

static void clear(struct scene *s)
{
    vf_glimpse_clear(&s->source);
    vf_glimpse_clear(&s->target);
}

int vf_job_changes(struct vf_job *job, const struct vf_vm *now, const struct vf_error *why,
                   struct vf_findings *f, struct vf_error **err)
{
    struct scene s = {.job = job, .now = now, .why = why};
    int r = look(&s, err);
    for (size_t i = 0; r == 0 && i < VF_COUNT(rules); i++)
        r = rules[i](&s, f, err);
    clear(&s);
    return r;
}

int vf_job_states(struct vf_job *job, enum vf_vm_state *source, enum vf_vm_state *target,
                  struct vf_error **err)
{
    struct scene s = {.job = job};
    int r = look(&s, err);
    *source = s.source.there ? s.source.state : VF_VM_STOPPED;
    *target = s.target.there ? s.target.state : VF_VM_STOPPED;
    clear(&s);
    return r;
}

/* ------------------------------------------------------------------ what is compared */

static void put_opts(json_t *o, const char *prefix, const struct vf_opts *opts)
{
    for (size_t i = 0; i < opts->n; i++) {
        vf_autofree char *key = vf_asprintf("%s%s", prefix, opts->v[i].key);
        json_object_set_new(o, key, json_string(opts->v[i].value));
    }
}

json_t *vf_vm_settings(const struct vf_vm *vm)
{
    json_t *o = json_object();
    vf_autofree char *memory = vf_format_bytes(vm->memory);
    json_object_set_new(o, "memory", json_string(memory));
    json_object_set_new(o, "sockets", json_sprintf("%u", vm->sockets));
    json_object_set_new(o, "cores", json_sprintf("%u", vm->cores));
    if (vm->uuid)
        json_object_set_new(o, "uuid", json_string(vm->uuid));
    put_opts(o, "", &vm->opts);
    /* with a space: of a disk or a card, compared when it is attached */
    for (size_t i = 0; i < vm->n_disks; i++) {
        vf_autofree char *prefix = vf_asprintf("%s ", vm->disks[i].slot);
        put_opts(o, prefix, &vm->disks[i].opts);
    }
    for (size_t i = 0; i < vm->n_nics; i++) {
        const struct vf_nic *n = &vm->nics[i];
        vf_autofree char *prefix = vf_asprintf("net%u ", n->index);
        vf_autofree char *what = vf_asprintf("%scard", prefix);
        json_object_set_new(o, what,
                            json_sprintf("%s %s %s tag %u%s", n->model, n->mac ? n->mac : "-",
                                         n->bridge ? n->bridge : "-", n->tag,
                                         n->link_down ? " down" : ""));
        put_opts(o, prefix, &n->opts);
    }
    return o;
}

/* ------------------------------------------------------------------ taking it up */

char *vf_job_last_start(struct vf_job *job, struct vf_error **err)
{
    if (!job->source_pve->ops->native)
        return vf_job_disk_stamps(job, err);
    return job->source_pve->ops->native->find(job->source_pve, job->source->node, job->source->id,
                                              "qmstart", err);
}

/* The step that saw the source stopped, with the newest start before it; or, later, that began to
 * copy: removing snapshots writes to disks, too. */
static const struct vf_record *stopped_since(const struct vf_job *job)
{
    const struct vf_record *down = vf_job_was_done(
                               job, job->source->state == VF_VM_STOPPED ? "claim" : "shutdown"),
                           *written = vf_job_written(job);
    return down && written && written->at >= down->at ? written : down;
}

/* Has the source run since this job saw it stopped? 0 only when that is sure: who is not shown
 * others' tasks does not see others start it. */
static int source_ran(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    const struct vf_record *down = stopped_since(job);
    enum vf_vm_state state;
    if (!down)
        return 0;
    if (p->ops->state(p, job->source->node, job->source->id, &state, err) < 0)
        return -1;
    vf_autofree char *nodes = vf_asprintf("/nodes/%s", job->source->node);
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *last = vf_job_last_start(job, &why);
    int sees = why ? -1 : p->ops->may(p, nodes, "Sys.Audit", &why);
    if (why && vf_error_code(why) != VF_E_PERMISSION)
        return vf_fail_with(err, VF_STEAL(why));
    return state != VF_VM_STOPPED || sees <= 0 ||
           !vf_streq(last, vf_json_str(down->result, "last_start"));
}

int vf_job_forget_copies(struct vf_job *job, bool *any, struct vf_error **err)
{
    *any = false;
    /* the files that were as they were exported may be others by now */
    if (vf_job_was_done(job, "checksums") && vf_job_undone(job, "checksums", err) < 0)
        return -1;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        vf_autofree char *key = vf_asprintf("copy/%s", job->plan->disks[i].slot);
        const struct vf_record *r = vf_journal_find(job->journal, key);
        if (!r || r->state == VF_REC_UNDONE)
            continue;
        *any = true;
        vf_autofree char *proof = vf_asprintf("source-hash/%s", job->plan->disks[i].slot);
        if (vf_job_undone(job, key, err) < 0 ||
            (vf_journal_find(job->journal, proof) && vf_job_undone(job, proof, err) < 0))
            return -1;
    }
    return 0;
}

int vf_job_take_up(struct vf_job *job, const struct vf_vm *now, struct vf_error **err)
{
    struct scene s = {.job = job};
    if (vf_job_is_native(job) ||
        vf_journal_find(job->journal, job->plan->rehearse ? "rename" : "start"))
        return 0;
    bool any = false;
    int ran = source_ran(job, err);
    if (ran < 0 || (ran && vf_job_forget_copies(job, &any, err) < 0))
        return -1;
    if (any)
        vf_job_note(job, "warn",
                    _("%s may have run at the source since: all that was copied is compared again"),
                    job->source->name);
    vf_autofree char *owner = vf_marker_find(now->description);
    if (owner || !source_claimed(&s) || job->plan->rehearse)
        return 0;
    vf_autofree char *text = vf_marker_add(now->description, job->marker);
    return job->source_pve->ops->describe_as(job->source_pve, now->node, now->id, text, now->digest,
                                             err);
}
