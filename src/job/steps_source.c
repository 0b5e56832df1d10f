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

int vf_step_claim(struct vf_job *job, struct vf_error **err)
{
    if (vf_job_was_done(job, "claim"))
        return 0;
    struct vf_vm *s = job->source;
    vf_autofree char *text = vf_marker_add(s->description, job->marker);
    json_t *before = s->description ? json_string(s->description) : json_null();
    if (vf_job_intend(job, "claim", json_pack("{s:o}", "description", before), err) < 0)
        return -1;
    if (job->plan->rehearse) /* the source is left alone: others may move it meanwhile */
        return note_stopped(job, "claim", err);
    /* written with the digest that was read: of two operators one loses here */
    if (job->source_pve->ops->describe_as(job->source_pve, s->node, s->id, text, s->digest, err) <
        0)
        return vf_fail_prefix(err, _("claiming %s"), s->name);
    return note_stopped(job, "claim", err);
}

int vf_undo_claim(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *now = describe_source(job, err);
    if (!now)
        return -1;
    vf_autofree char *owner = vf_marker_find(now->description);
    if (!vf_streq(owner, job->id))
        return 0; /* never claimed, or somebody else's by now */
    const char *before = vf_json_str(rec->intent, "description");
    vf_autofree char *ours = vf_marker_add(before, job->marker);
    /* what anybody wrote there since stays */
    vf_autofree char *text = vf_description_same(now->description, ours)
                                 ? vf_strdup(before ? before : "")
                                 : vf_marker_remove(now->description, job->marker);
    return job->source_pve->ops->describe_as(job->source_pve, now->node, now->id, text, now->digest,
                                             err);
}

/* Does the guest go down after all, while nobody has answered yet? */
static bool went_down(void *opaque)
{
    struct vf_job *job = opaque;
    enum vf_vm_state state;
    return job->source_pve->ops->state(job->source_pve, job->source->node, job->source->id, &state,
                                       NULL) == 0 &&
           state == VF_VM_STOPPED;
}

enum after_timeout { NOT_YET, ASK_AGAIN, HARD_STOP, GIVE_UP };

/* Hard stop, wait on or give up: never decided without an answer; the job waits for one. */
static int ask_about_shutdown(struct vf_job *job, const struct vf_error *why,
                              enum after_timeout *out, struct vf_error **err)
{
    static const char *const keys[] = {
        [ASK_AGAIN] = "again", [HARD_STOP] = "stop", [GIVE_UP] = "back", [NOT_YET] = "wait"};
    vf_autofree char *again = vf_asprintf(_("ask it once more to shut down, and wait another %u s"),
                                          job->plan->shutdown_timeout);
    const struct vf_ask_choice choices[] = {
        {keys[ASK_AGAIN], again},
        {keys[HARD_STOP], _("stop (hard): as if the power was cut")},
        {keys[GIVE_UP], _("give up and put everything back")},
        {keys[NOT_YET], _("not yet: the job waits, and goes on by itself when it is down")},
    };
    vf_autofree char *id = vf_asprintf("shutdown-force:%s", job->source->name);
    vf_autofree char *title = vf_asprintf(_("%s did not shut down. What now?"), job->source->name);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = vf_error_text(why),
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .safe = keys[NOT_YET],
                       .waits = true,
                       .settled = went_down,
                       .opaque = job};
    struct vf_answer a = {0};
    *out = NOT_YET;
    if (job->asker.ask(job->asker.opaque, &q, job->cancel, &a, err) < 0)
        return -1;
    for (size_t i = 0; i < VF_COUNT(keys); i++)
        if (vf_streq(a.text, keys[i]))
            *out = (enum after_timeout)i;
    vf_answer_clear(&a);
    return 0;
}

/* 0 when it is down, 1 when it did not within the time it has, with *WHY. */
static int ask_guest(struct vf_job *job, struct vf_error **why, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    struct vf_provider *p = job->source_pve;
    if (p->ops->power(p, s->node, s->id, VF_POWER_SHUTDOWN, job->plan->shutdown_timeout, why) ==
            0 ||
        went_down(job)) /* while we gave up waiting */
        return 0;
    return vf_error_code(*why) == VF_E_CONFLICT ? 1 : vf_fail_with(err, VF_STEAL(*why));
}

static int shut_down(struct vf_job *job, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    struct vf_provider *p = job->source_pve;
    enum after_timeout choice = ASK_AGAIN;
    vf_autoerror struct vf_error *why = NULL;
    for (;;) {
        if (choice == ASK_AGAIN) {
            vf_error_free(VF_STEAL(why));
            int r = ask_guest(job, &why, err);
            if (r <= 0)
                return r;
        }
        if (ask_about_shutdown(job, why, &choice, err) < 0)
            return -1;
        if (went_down(job)) {
            vf_job_note(job, "info", _("%s has shut down after all"), s->name);
            return 0;
        }
        if (choice == HARD_STOP) {
            vf_job_note(job, "warn", _("%s is stopped hard, as was answered"), s->name);
            return p->ops->power(p, s->node, s->id, VF_POWER_STOP, job->plan->shutdown_timeout,
                                 err);
        }
        if (choice == GIVE_UP)
            return vf_fail_with(err, VF_STEAL(why));
    }
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

int vf_step_shutdown(struct vf_job *job, struct vf_error **err)
{
    struct vf_vm *s = job->source;
    enum vf_vm_state state;
    if (job->source_pve->ops->state(job->source_pve, s->node, s->id, &state, err) < 0)
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
        if (shut_down(job, err) < 0)
            return -1;
    }
    return note_stopped(job, "shutdown", err);
}

/* The service depends on it: tried again, because what held a disk a moment ago may need another.
 */
static int start_again(struct vf_job *job, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    struct vf_provider *p = job->source_pve;
    for (int left = START_TRIES;; left--) {
        vf_autoerror struct vf_error *why = NULL;
        if (p->ops->power(p, s->node, s->id, VF_POWER_START, 0, &why) == 0)
            return 0;
        if (left == 1 || vf_cancel_sleep(job->cancel, 1000, NULL) < 0) {
            vf_fail_with(err, VF_STEAL(why));
            return vf_fail_prefix(err, _("starting %s again at the source"), s->name);
        }
    }
}

/* A shutdown that was asked for and not seen to its end may still be on its way through the guest,
 * which would go down after we found it running, and stay down. */
static int await_shutdown(struct vf_job *job, const struct vf_record *rec, enum vf_vm_state *state,
                          struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    int64_t left =
        vf_json_int(rec->intent, "since") + job->plan->shutdown_timeout - vf_clock_unix();
    if (left > job->plan->shutdown_timeout) /* the clock was set back */
        left = job->plan->shutdown_timeout;
    if (rec->state != VF_REC_INTENT || *state == VF_VM_STOPPED || left <= 0)
        return 0;
    vf_job_note(job, "info",
                _("%s was asked to shut down: waiting up to %d s to see whether it still does"),
                s->name, (int)left);
    int64_t end = vf_clock_ms() + left * 1000;
    while (*state != VF_VM_STOPPED && vf_clock_ms() < end)
        if (vf_cancel_sleep(job->cancel, 500, err) < 0 ||
            job->source_pve->ops->state(job->source_pve, s->node, s->id, state, err) < 0)
            return -1;
    return 0;
}

int vf_undo_shutdown(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    if (!vf_json_true(rec->intent, "running"))
        return 0;
    struct vf_vm *s = job->source;
    enum vf_vm_state state;
    struct vf_provider *p = job->source_pve;
    if (p->ops->state(p, s->node, s->id, &state, err) < 0 ||
        await_shutdown(job, rec, &state, err) < 0)
        return -1;
    if (state == VF_VM_STOPPED && start_again(job, err) < 0)
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
    const char *from = s->unnamed ? NULL : s->name;
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

int vf_step_migrated(struct vf_job *job, struct vf_error **err)
{
    struct vf_vm *s = job->source;
    if (!vf_job_was_done(job, "migrated")) {
        if (rename_source(job, "migrated", VF_MIGRATED, err) < 0)
            return -1;
    }
    if (vf_job_was_done(job, "migrated/note"))
        return 0;
    vf_autofree char *stamp = vf_clock_stamp(vf_clock_unix());
    const char *d = s->description ? s->description : "";
    /* Proxmox shows the description as Markdown: a line of its own */
    vf_autofree char *text = vf_asprintf(
        _("%s%sMoved to %s (VMID %u on %s) by vmferry at %s as %s"), d, *d ? "\n\n" : "",
        job->plan->target, job->target->id, job->plan->target_node, stamp, job->target->name);
    if (!vf_description_fits(text))
        vf_str_set(&text, d); /* the name tells it too */
    if (vf_job_intend(job, "migrated/note", json_pack("{s:s}", "description", text), err) < 0 ||
        job->source_pve->ops->describe_as(job->source_pve, s->node, s->id, text, NULL, err) < 0)
        return -1;
    return vf_job_done(job, "migrated/note", NULL, err);
}

/* The note took the claim's place in the description; what anybody else wrote there stays. */
static int undo_note(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *now = describe_source(job, err);
    if (!now)
        return -1;
    if (!vf_description_same(now->description, vf_json_str(rec->intent, "description")))
        return 0;
    return job->source_pve->ops->describe_as(job->source_pve, now->node, now->id,
                                             job->source->description, now->digest, err);
}

int vf_undo_migrated(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    return vf_streq(rec->key, "migrated/note") ? undo_note(job, rec, err)
                                               : vf_undo_cloning(job, rec, err);
}
