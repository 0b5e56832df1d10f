/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps at the source VM: each notes what was there, so that it can be put back. */
#include "config.h"
#include "job/steps.h"
#include "plan/name.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { START_TRIES = 5 };

/* The source's description now, or NULL with *err; NOTFOUND when the VM is gone. */
static struct vf_vm *describe_source(struct vf_job *job, struct vf_error **err)
{
    struct vf_vm *vm = job->source_pve->ops->describe(job->source_pve, job->source->id, err);
    if (!vm)
        vf_fail_prefix(err, _("source VM %s"), job->plan->vm_name);
    return vm;
}

/* KEY is done, and with it the last start that is in order: a later one tells that the source ran
 * after all. */
static int note_stopped(struct vf_job *job, const char *key, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *last = vf_job_last_start(job, &why);
    if (why && vf_error_code(why) != VF_E_PERMISSION)
        return vf_fail_with(err, VF_STEAL(why));
    return vf_job_done(job, key, json_pack("{s:s?}", "last_start", last), err);
}

static int intend_claim(struct vf_job *job, unsigned lacks, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    return vf_job_intend(
        job, "claim", json_pack("{s:s?, s:i}", "description", s->description, "lacks", (int)lacks),
        err);
}

/* Written with the digest that was read: of two operators one loses here. 0 also where it turns out
 * only now that nothing can be written, which is noted. */
static int write_claim(struct vf_job *job, unsigned lacks, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    vf_autofree char *text = vf_marker_add(s->description, job->marker);
    vf_autoerror struct vf_error *why = NULL;
    if (lacks & VF_LACKS_CLAIM)
        return 0;
    int r =
        job->source_pve->ops->describe_as(job->source_pve, s->node, s->id, text, s->digest, &why);
    unsigned now = vf_source_lacks(job->source_pve);
    if (r < 0 && !(vf_error_code(why) == VF_E_UNSUPPORTED && now & VF_LACKS_CLAIM)) {
        vf_fail_with(err, VF_STEAL(why));
        return vf_fail_prefix(err, _("claiming %s"), s->name);
    }
    if (r < 0)
        vf_job_note(job, "warn", _("the source keeps its notes and its name: %s"),
                    vf_error_text(why));
    return now == lacks ? 0 : intend_claim(job, now, err);
}

int vf_step_claim(struct vf_job *job, struct vf_error **err)
{
    if (vf_job_was_done(job, "claim"))
        return 0;
    /* of a rehearsal the source is left alone: others may move it meanwhile */
    unsigned lacks = job->plan->rehearse ? 0 : vf_source_lacks(job->source_pve);
    if (intend_claim(job, lacks, err) < 0 ||
        (!job->plan->rehearse && write_claim(job, lacks, err) < 0))
        return -1;
    return note_stopped(job, "claim", err);
}

/* Wherever in its cluster it is by now. */
static int restore_notes(struct vf_job *job, vf_notes_fn *edit, void *opaque, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *now = describe_source(job, err);
    return now ? vf_job_edit_notes(job, job->source_pve, now->node, now->id, edit, opaque, err)
               : -1;
}

/* Never claimed, or somebody else's by now: it stays as it is. */
static int unclaim(struct vf_job *job, const char *now, void *before, char **out,
                   struct vf_error **err)
{
    *out = vf_notes_without_mark(job, now, before);
    return 0;
}

int vf_undo_claim(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    if (vf_job_lacks(job) & VF_LACKS_CLAIM)
        return 0;
    vf_autofree char *before = vf_strdup(vf_json_str(rec->intent, "description"));
    return restore_notes(job, unclaim, before, err);
}

/* Somebody started the source after it was shut down for this job. */
static int ask_to_shut_down_again(struct vf_job *job, struct vf_error **err)
{
    static const char *const keys[] = {"shutdown", "leave"};
    const struct vf_ask_choice choices[] = {
        {keys[0], _("shut it down again and go on")},
        {keys[1], _("leave everything as it is; the job can be resumed or rolled back later")},
    };
    const char *name = job->source->name;
    vf_autofree char *id = vf_asprintf("shutdown-again:%s", name);
    vf_autofree char *title =
        vf_asprintf(_("%s was started again at the source. Shut it down once more?"), name);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = _("What was copied is compared with it again after that."),
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .safe = keys[1]};
    struct vf_answer a = {0};
    job->stand_still = true;
    if (job->asker.ask(job->asker.opaque, &q, job->cancel, &a, err) < 0)
        return -1;
    bool go = vf_streq(a.text, keys[0]);
    vf_answer_clear(&a);
    if (!go)
        return vf_fail(err, VF_E_CONFLICT,
                       _("%s was started again at the source since this job shut it down, and is "
                         "left running"),
                       name);
    job->stand_still = false;
    return 0;
}

/* How the source is when it may go down: while it runs and the job is paused it may not. */
static int state_unpaused(struct vf_job *job, enum vf_vm_state *state, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    do {
        if (p->ops->state(p, job->source->node, job->source->id, state, err) < 0)
            return -1;
        if (*state == VF_VM_STOPPED || !atomic_load(&job->paused))
            return 0;
    } while (vf_job_await_continue(job, err) == 0);
    return -1;
}

int vf_step_shutdown(struct vf_job *job, struct vf_error **err)
{
    struct vf_vm *s = job->source;
    enum vf_vm_state state;
    if (state_unpaused(job, &state, err) < 0)
        return -1;
    const struct vf_record *r = vf_journal_find(job->journal, "shutdown");
    bool again = r && r->state == VF_REC_DONE;
    if (again && state == VF_VM_STOPPED) {
        job->down_since = vf_json_int(r->intent, "since");
        return 0;
    }
    if (again && ask_to_shut_down_again(job, err) < 0)
        return -1;
    /* asked by a process that is gone, and not down: it goes down from now on */
    bool anew = !r || state != VF_VM_STOPPED;
    if (anew) {
        if (vf_job_intend(job, "shutdown",
                          json_pack("{s:b, s:I}", "running", state != VF_VM_STOPPED, "since",
                                    (json_int_t)vf_clock_unix()),
                          err) < 0)
            return -1;
        r = vf_journal_find(job->journal, "shutdown");
    }
    job->down_since = vf_json_int(r->intent, "since");
    if (state != VF_VM_STOPPED) {
        job->down_ms = vf_clock_ms();
        if (vf_job_shut_down(job, job->source_pve, s, err) < 0)
            return -1;
    }
    return note_stopped(job, "shutdown", err);
}

/* The source could not be started, for the reason WHY: by when a mover that nobody reaches has let
 * go of its disks (milliseconds, awake). */
static int64_t await_mover(struct vf_job *job, const struct vf_error *why)
{
    int most = vf_clock_limit(VF_T_RECONNECT) + vf_clock_limit(VF_T_PEER_SILENCE);
    vf_autofree char *span = vf_format_duration(most / 1000.0);
    vf_job_note(
        job, "warn",
        _("%s does not start at the source yet: what this job runs on %s may hold its disks, "
          "and cannot be reached. It ends by itself; until then, for up to %s, the start is "
          "tried again (%s)"),
        job->source->name, job->source->node, span, vf_error_text(why));
    return vf_clock_awake_ms() + most;
}

/* The service depends on it: tried again, because what held a disk a moment ago may need another.
 */
static int start_again(struct vf_job *job, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    struct vf_provider *p = job->source_pve;
    int64_t end = 0;
    for (int left = START_TRIES;; left -= left > 1) {
        vf_autoerror struct vf_error *why = NULL;
        if (p->ops->power(p, s->node, s->id, VF_POWER_START, 0, &why) == 0)
            return 0;
        if (left == 1 && job->source_held && !end)
            end = await_mover(job, why);
        if ((left == 1 && vf_clock_awake_ms() >= end) ||
            vf_cancel_sleep(job->cancel, end ? vf_clock_limit(VF_T_RETRY_MOST) : 1000, NULL) < 0) {
            vf_fail_with(err, VF_STEAL(why));
            return vf_fail_prefix(err, _("starting %s again at the source"), s->name);
        }
    }
}

/* A shutdown that was asked for and not seen to its end may still be on its way through the guest,
 * which would go down after we found it running, and stay down. */
int vf_job_await_down(struct vf_job *job, struct vf_provider *p, const struct vf_vm *s,
                      const struct vf_record *rec, enum vf_vm_state *state, struct vf_error **err)
{
    if (!rec || rec->state != VF_REC_INTENT)
        return 0;
    int64_t left =
        vf_json_int(rec->intent, "since") + job->plan->shutdown_timeout - vf_clock_unix();
    if (left > job->plan->shutdown_timeout) /* the clock was set back */
        left = job->plan->shutdown_timeout;
    if (*state == VF_VM_STOPPED || left <= 0)
        return 0;
    vf_job_note(job, "info",
                _("%s was asked to shut down: waiting up to %d s to see whether it still does"),
                s->name, (int)left);
    int64_t end = vf_clock_ms() + left * 1000;
    while (*state != VF_VM_STOPPED && vf_clock_ms() < end)
        if (vf_cancel_sleep(job->cancel, 500, err) < 0 ||
            p->ops->state(p, s->node, s->id, state, err) < 0)
            return -1;
    return 0;
}

/* Somebody may have started what this job made, complete or not: they never run both. A target that
 * cannot be asked does not keep the service from coming back. */
int vf_job_target_rests(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *made = vf_job_target_record(job);
    struct vf_provider *p = job->target_pve;
    if (!p || job->target_away || !made || made->state == VF_REC_UNDONE ||
        made->state == VF_REC_FAILED)
        return 0;
    unsigned id = (unsigned)vf_json_int(made->intent, "vmid");
    enum vf_vm_state state;
    if (vf_job_target_is_ours(job, id, NULL) <= 0 ||
        p->ops->state(p, job->plan->target_node, id, &state, NULL) < 0 || state != VF_VM_RUNNING)
        return 0;
    return vf_fail(err, VF_E_CONFLICT,
                   _("VM %u at %s runs: stop it there first, or both would run"), id,
                   job->plan->target);
}

int vf_undo_shutdown(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    if (!vf_json_true(rec->intent, "running"))
        return 0;
    struct vf_vm *s = job->source;
    enum vf_vm_state state;
    struct vf_provider *p = job->source_pve;
    if (p->ops->state(p, s->node, s->id, &state, err) < 0 ||
        vf_job_await_down(job, p, s, rec, &state, err) < 0)
        return -1;
    if (state == VF_VM_STOPPED && (vf_job_target_rests(job, err) < 0 || start_again(job, err) < 0))
        return -1;
    if (rec->state == VF_REC_DONE)
        job->down_seconds = (double)(vf_clock_unix() - vf_json_int(rec->intent, "since"));
    return 0;
}

int vf_step_onboot(struct vf_job *job, struct vf_error **err)
{
    if (vf_job_was_done(job, "onboot"))
        return 0;
    struct vf_vm *s = job->source;
    if (vf_job_intend(job, "onboot", json_pack("{s:b}", "onboot", s->onboot), err) < 0)
        return -1;
    if (s->onboot &&
        job->source_pve->ops->set_onboot(job->source_pve, s->node, s->id, false, err) < 0)
        return -1;
    return vf_job_done(job, "onboot", NULL, err);
}

int vf_undo_onboot(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    struct vf_vm *s = job->source;
    if (!vf_json_true(rec->intent, "onboot"))
        return 0;
    return job->source_pve->ops->set_onboot(job->source_pve, s->node, s->id, true, err);
}

static int rename_source(struct vf_job *job, const char *key, const char *suffix,
                         struct vf_error **err)
{
    if (vf_job_was_done(job, key))
        return 0;
    struct vf_vm *s = job->source;
    vf_autofree char *name = vf_name_with(s->name, suffix);
    const char *from = s->unnamed ? NULL : s->called ? s->called : s->name;
    if (vf_job_intend(job, key, json_pack("{s:s?, s:s}", "from", from, "to", name), err) < 0 ||
        job->source_pve->ops->rename(job->source_pve, s->node, s->id, name, err) < 0)
        return vf_fail_prefix(err, _("renaming the source"));
    return vf_job_done(job, key, NULL, err);
}

int vf_step_cloning(struct vf_job *job, struct vf_error **err)
{
    return rename_source(job, "cloning", VF_CLONING, err);
}

int vf_undo_cloning(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    struct vf_vm *s = job->source;
    return job->source_pve->ops->rename(job->source_pve, s->node, s->id,
                                        vf_json_str(rec->intent, "from"), err);
}

/* Where it went, in place of the claim. What is written is in the journal first: by that it is
 * known again, after an interruption or to be taken back. */
static int note_move(struct vf_job *job, const char *now, void *opaque, char **out,
                     struct vf_error **err)
{
    const struct vf_record *earlier = vf_journal_find(job->journal, "migrated/note");
    if (earlier && earlier->state == VF_REC_INTENT &&
        vf_description_same(now, vf_json_str(earlier->intent, "description")))
        return 0;
    vf_autofree char *stamp = vf_clock_stamp(vf_clock_unix());
    vf_autofree char *d = vf_notes_without_mark(job, now, job->source->description);
    /* Proxmox shows the description as Markdown: a line of its own */
    vf_autofree char *text = vf_asprintf(
        _("%s%sMoved to %s (VMID %u on %s) by vmferry at %s as %s"), d, *d ? "\n\n" : "",
        job->plan->target, job->target->id, job->plan->target_node, stamp, job->target->name);
    if (!vf_description_fits(text))
        vf_str_set(&text, d); /* the name tells it too */
    if (vf_job_intend(job, "migrated/note",
                      json_pack("{s:s, s:s}", "description", text, "before", d), err) < 0)
        return -1;
    *out = VF_STEAL(text);
    return 0;
}

int vf_step_migrated(struct vf_job *job, struct vf_error **err)
{
    if (!vf_job_was_done(job, "migrated") && !(vf_job_lacks(job) & VF_LACKS_RENAME)) {
        if (rename_source(job, "migrated", VF_MIGRATED, err) < 0)
            return -1;
    }
    if (vf_job_was_done(job, "migrated/note") || vf_job_lacks(job) & VF_LACKS_CLAIM)
        return 0;
    if (vf_job_edit_notes(job, job->source_pve, job->source->node, job->source->id, note_move, NULL,
                          err) < 0)
        return -1;
    return vf_job_done(job, "migrated/note", NULL, err);
}

/* The note took the claim's place in the description, and gives it back until that is undone:
 * whoever goes on with that has to be told by it. What anybody else wrote there stays. */
static int take_note_back(struct vf_job *job, const char *now, void *opaque, char **out,
                          struct vf_error **err)
{
    const struct vf_record *rec = opaque;
    const char *before = vf_json_str(rec->intent, "before");
    if (vf_description_same(now, vf_json_str(rec->intent, "description")))
        *out = vf_marker_add(before ? before : job->source->description, job->marker);
    return 0;
}

int vf_undo_migrated(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    return vf_streq(rec->key, "migrated/note")
               ? restore_notes(job, take_note_back, (void *)rec, err)
               : vf_undo_cloning(job, rec, err);
}
