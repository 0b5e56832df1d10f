/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the step table forwards, and backwards when something fails. */
#include "config.h"
#include "job/lease.h"
#include "job/resume.h"
#include "job/sums.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

/* Steps begin and end on screen; what they do inside is in the journal. */
void vf_job_say_phase(struct vf_job *job, const char *step, const char *title, const char *state,
                      double seconds)
{
    json_t *e = vf_event_new("phase");
    json_object_set_new(e, "step", json_string(step));
    json_object_set_new(e, "title", json_string(title));
    json_object_set_new(e, "state", json_string(state));
    json_object_set_new(e, "seconds", json_real(seconds));
    vf_bus_say(job->bus, vf_event_line(e));
}

bool vf_job_target_ran(const struct vf_job *job)
{
    return vf_journal_target_ran(job->journal);
}

const struct vf_record *vf_job_target_record(const struct vf_job *job)
{
    const struct vf_record *create = vf_journal_find(job->journal, "create");
    return create ? create : vf_journal_find(job->journal, "migrate");
}

size_t vf_job_starts(const struct vf_job *job)
{
    vf_autojson json_t *events = vf_journal_lines(job->journal);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(events); i++)
        n += vf_streq(vf_json_str(json_array_get(events, i), "type"), "start");
    return n;
}

static const struct vf_step *step_of(const char *key)
{
    size_t n = strcspn(key, "/");
    for (size_t i = 0; i < vf_n_steps; i++)
        if (strlen(vf_steps[i].name) == n && !strncmp(vf_steps[i].name, key, n))
            return &vf_steps[i];
    return NULL;
}

static int undo_one(struct vf_job *job, const struct vf_record *r, struct vf_error **err)
{
    const struct vf_step *step = r ? step_of(r->key) : NULL;
    if (!step || !step->undo || r->state == VF_REC_UNDONE)
        return 0;
    vf_autofree char *key = vf_strdup(r->key);
    vf_autoerror struct vf_error *why = NULL;
    if (vf_lease_check(job, &why) == 0 && step->undo(job, r, &why) == 0)
        return vf_job_undone(job, key, err);
    const char *what = _(step->title);
    vf_job_note(job, "warn", _("could not undo \"%s\": %s"), what, vf_error_text(why));
    /* what passes by itself is the lesser trouble */
    if (err && vf_error_is_transient(*err) && !vf_error_is_transient(why))
        vf_error_free(VF_STEAL(*err));
    return vf_fail(err, vf_error_code(why), _("undoing \"%s\": %s"), what, vf_error_text(why));
}

int vf_job_undo_hosts(struct vf_job *job, struct vf_error **err)
{
    return undo_one(job, vf_journal_find(job->journal, "hosts"), err);
}

int vf_job_undo_pool(struct vf_job *job, struct vf_error **err)
{
    return undo_one(job, vf_journal_find(job->journal, "pool"), err);
}

/* Steps whose undoing is about the target or the hosts, and nothing of the source VM. */
static bool is_elsewhere(const struct vf_step *step)
{
    static const char *const names[] = {"hosts", "pool", "create", "allocate", "migrate"};
    for (size_t i = 0; i < VF_COUNT(names); i++)
        if (!strcmp(step->name, names[i]))
            return true;
    return false;
}

int vf_job_undo_ha(struct vf_job *job, struct vf_error **err)
{
    return undo_one(job, vf_journal_find(job->journal, "ha"), err);
}

/* High availability starts what it is given: not a VM that this job has shut down and could not
 * start again, which may be because the other one runs. */
static bool stays_from_ha(struct vf_job *job, const struct vf_record *r)
{
    const struct vf_record *down = vf_journal_find(job->journal, "shutdown");
    if (strcmp(r->key, "ha") || !down || down->state == VF_REC_UNDONE)
        return false;
    vf_job_note(job, "warn",
                _("high availability leaves %s alone until it runs again at the source"),
                job->plan->vm_name);
    return true;
}

int vf_job_undo_source(struct vf_job *job, struct vf_error **err)
{
    int failed = 0;
    for (size_t i = vf_journal_count(job->journal); i-- > 0;) {
        const struct vf_record *r = vf_journal_at(job->journal, i);
        const struct vf_step *step = step_of(r->key);
        if (step && !is_elsewhere(step) && strcmp(step->name, "ha") && undo_one(job, r, err) < 0)
            failed = -1; /* the others are still tried: each is one less for a person to do */
    }
    return failed;
}

/* Written before anything is undone: from then on nothing that a way forwards would stand on can be
 * relied upon. */
static int turn_back(struct vf_job *job, struct vf_error **err)
{
    return vf_journal_find(job->journal, "rollback") ? 0
                                                     : vf_job_intend(job, "rollback", NULL, err);
}

int vf_job_roll_back(struct vf_job *job, struct vf_error **err)
{
    vf_sums_free(VF_STEAL(job->sums));
    if (vf_job_target_ran(job))
        return vf_fail(
            err, VF_E_CONFLICT,
            vf_job_was_done(job, "start") || vf_job_is_native(job)
                ? _("%s has run at the target: going back would lose what it wrote there")
                : _("%s may have run at the target (its start was begun, the answer is not "
                    "known): going back could lose what it wrote there"),
            job->plan->vm_name);
    /* the last thing a move does is to take its marker off the target */
    const struct vf_record *end = vf_journal_find(job->journal, "finish/description"),
                           *create = vf_job_target_record(job);
    if (end && create && create->state != VF_REC_UNDONE) {
        unsigned id = (unsigned)vf_json_int(create->intent, "vmid");
        int ours = vf_job_target_is_ours(job, id, err);
        if (ours < 0)
            return -1;
        if (!ours)
            return vf_fail(err, VF_E_CONFLICT,
                           _("the move of %s is finished: VM %u at %s is its operator's now"),
                           job->plan->vm_name, id, job->plan->target);
    }
    if (turn_back(job, err) < 0)
        return -1;
    /* movers first: they hold the disks' locks, and no source starts while they do */
    int failed = vf_job_undo_hosts(job, err);
    for (size_t i = vf_journal_count(job->journal); i-- > 0;)
        if (vf_cancel_check(job->cancel, err) < 0)
            return -1;
        else if (!stays_from_ha(job, vf_journal_at(job->journal, i)) &&
                 undo_one(job, vf_journal_at(job->journal, i), err) < 0) {
            failed = -1; /* the others are still tried: each is one less for a person to do */
            if (vf_job_target_ran(job) || vf_lease_lost(job))
                break; /* but not when it turned out that there is no way back */
        }
    return failed < 0 ? -1 : vf_job_done(job, "rollback", NULL, err);
}

static bool stop(struct vf_job *job, const char *why, bool keep)
{
    pthread_mutex_lock(&job->stop_lock);
    bool heard = !job->going_back;
    if (heard) {
        atomic_store(&job->keep, keep);
        vf_cancel_fire(job->cancel, why);
    }
    pthread_mutex_unlock(&job->stop_lock);
    if (!heard)
        vf_job_note(job, "info", _("%s: everything is being put back already"), why);
    return heard;
}

bool vf_job_stop(struct vf_job *job, const char *why)
{
    return stop(job, why, false);
}

bool vf_job_leave(struct vf_job *job, const char *why)
{
    return stop(job, why, true);
}

void vf_job_calm(struct vf_job *job)
{
    pthread_mutex_lock(&job->stop_lock);
    job->going_back = true; /* from here on only this thread uses job->cancel */
    bool cancelled = vf_cancel_fired(job->cancel);
    pthread_mutex_unlock(&job->stop_lock);
    if (!cancelled)
        return;
    job->fired = job->cancel;
    job->cancel = vf_cancel_new(NULL);
    struct vf_provider *const ends[] = {job->source_pve, job->target_pve};
    for (size_t i = 0; i < VF_COUNT(ends); i++)
        if (ends[i])
            ends[i]->ops->set_cancel(ends[i], job->cancel);
}

/* What is at the target is only something to compare with from here on: the source is about to
 * write to its disks. */
static int only_compare(struct vf_job *job, struct vf_error **err)
{
    bool any;
    vf_sums_free(VF_STEAL(job->sums));
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        vf_autofree char *mark = vf_job_mark_path(job, job->plan->disks[i].slot);
        vf_copy_forget(mark);
    }
    return vf_job_forget_copies(job, &any, err);
}

/* The source into service again, for as long as the job stands still: the target and its disks
 * stay. The copies first: they are of a source that is stopped. */
static int serve_meanwhile(struct vf_job *job, struct vf_error **err)
{
    static const char *const keys[] = {"cloning", "onboot", "shutdown", "ha"};
    vf_autoerror struct vf_error *why = NULL;
    if (vf_lease_check(job, err) < 0 || only_compare(job, err) < 0)
        return -1;
    /* movers hold the disks' locks; what could not be undone has been said, and at the target it
     * keeps nobody from starting */
    int failed = 0, hosts = vf_job_undo_hosts(job, &why);
    vf_debug("job", "hosts: %s", hosts < 0 ? vf_error_text(why) : "nothing is left there");
    for (size_t i = 0; i < VF_COUNT(keys); i++) {
        const struct vf_record *r = vf_journal_find(job->journal, keys[i]);
        if (r && !stays_from_ha(job, r) && undo_one(job, r, err) < 0)
            failed = -1; /* the others are still tried */
    }
    return failed;
}

/* What cannot be reached now can be later: what was copied by then, which may have taken hours, is
 * not thrown away. STATE: of the source, now. */
static enum vf_exit stand_by(struct vf_job *job, enum vf_vm_state state,
                             const struct vf_error *cause)
{
    const struct vf_record *down = vf_journal_find(job->journal, "shutdown");
    bool begun = down && down->state != VF_REC_UNDONE;
    const char *vm = job->source->name, *text = vf_error_text(cause);
    vf_autoerror struct vf_error *why = NULL;
    if (begun && vf_json_true(down->intent, "running"))
        vf_job_note(job, "warn",
                    _("%s; what was copied is kept (%s), and %s is started again at the source "
                      "until the job goes on"),
                    text, job->kept, vm);
    else if (!begun && state != VF_VM_STOPPED)
        vf_job_note(job, "warn", _("%s; what was copied is kept (%s); %s runs on at the source"),
                    text, job->kept, vm);
    else {
        vf_job_note(job, "warn", _("%s; what was copied is kept (%s)"), text, job->kept);
        return VF_EXIT_INTERRUPTED;
    }
    if (serve_meanwhile(job, &why) < 0)
        vf_job_note(job, "warn", _("the source could not be put into service again: %s"),
                    vf_error_text(why));
    return VF_EXIT_INTERRUPTED;
}

/* Can the source be put back now? Its cluster decides: the service is there. What is at the target
 * harms nobody, and can be removed later. */
static int source_answers(struct vf_job *job, enum vf_vm_state *state, struct vf_error **err)
{
    if (vf_job_connect(job, err) < 0 && !job->source_pve)
        return -1;
    vf_error_free(VF_STEAL(*err));
    return job->source_pve->ops->state(job->source_pve, job->source->node, job->source->id, state,
                                       err);
}

/* Left as it is: what can be tried again later, or is for a person to decide. */
static bool waits(const struct vf_job *job, const struct vf_error *why)
{
    bool again = vf_error_is_transient(why);
    /* once it may run there is only the rest, which a resume does whatever kept it from it */
    if (vf_job_target_ran(job) && !vf_job_is_native(job))
        return true;
    if (job->stand_still || vf_lease_lost(job) || atomic_load(&job->keep))
        return true;
    if (vf_job_target_ran(job))
        return again || vf_error_code(why) == VF_E_CANCELLED;
    return again && vf_job_starts(job) > 1; /* who resumed it may do so once more */
}

static enum vf_exit give_up(struct vf_job *job, struct vf_error **err)
{
    enum vf_vm_state state;
    job->kept = vf_job_kept_text(job);
    if (waits(job, *err))
        return VF_EXIT_INTERRUPTED;
    if (vf_job_target_ran(job))
        return VF_EXIT_PERSON;
    vf_job_calm(job);
    vf_autoerror struct vf_error *why = NULL;
    if (source_answers(job, &state, &why) < 0) {
        vf_job_note(job, "warn", _("%s; nothing can be put back now: %s"), vf_error_text(*err),
                    vf_error_text(why));
        return VF_EXIT_INTERRUPTED;
    }
    if (vf_error_is_transient(*err) && job->kept)
        return stand_by(job, state, *err);
    vf_job_note(job, "warn", _("%s; putting everything back"), vf_error_text(*err));
    int r = vf_job_connect(job, &why);
    if (r == 0)
        r = vf_job_roll_back(job, &why);
    if (r == 0)
        return VF_EXIT_FAILED;
    vf_job_note(job, "warn", _("not everything could be put back: %s"), vf_error_text(why));
    return vf_error_is_transient(why) ? VF_EXIT_INTERRUPTED : VF_EXIT_PERSON;
}

/* A job that began to go back goes nowhere else. */
static enum vf_exit only_back(const struct vf_job *job, const struct vf_record *back,
                              struct vf_error **err)
{
    bool over = back->state == VF_REC_DONE;
    vf_fail(err, VF_E_CONFLICT,
            over
                ? _("the move of %s was undone: start it again")
                : _("the move of %s is being undone, which can only be finished: vmferry rollback"),
            job->plan->vm_name);
    return over ? VF_EXIT_FAILED : VF_EXIT_INTERRUPTED;
}

enum vf_exit vf_job_run(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *back = vf_journal_find(job->journal, "return");
    if (!back || back->state == VF_REC_UNDONE)
        back = vf_job_target_ran(job) ? NULL : vf_journal_find(job->journal, "rollback");
    if (back)
        return only_back(job, back, err);
    for (size_t i = 0; i < vf_n_steps; i++) {
        const struct vf_step *step = &vf_steps[i];
        int64_t begun = vf_clock_ms();
        if (step->applies && !step->applies(job))
            continue;
        vf_job_say_phase(job, step->name, _(step->title), "begin", 0);
        int r = vf_cancel_check(job->cancel, err);
        if (r == 0)
            r = vf_lease_check(job, err);
        if (r == 0)
            r = step->run(job, err);
        double seconds = (double)(vf_clock_ms() - begun) / 1000;
        json_array_append_new(job->step_times,
                              json_pack("{s:s, s:s, s:f}", "step", step->name, "title",
                                        _(step->title), "seconds", seconds));
        vf_job_say_phase(job, step->name, _(step->title), r < 0 ? "failed" : "done", seconds);
        if (r == 0)
            continue;
        bool changed = vf_journal_find(job->journal, "claim") != NULL;
        if (!changed)
            return vf_error_code(*err) == VF_E_USAGE ? VF_EXIT_STOPPED : VF_EXIT_FAILED;
        return give_up(job, err);
    }
    return VF_EXIT_DONE;
}
