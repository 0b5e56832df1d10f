/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job that ended before its work was done: what can become of it. */
#include "config.h"
#include "job/resume.h"
#include "job/back.h"
#include "job/job_priv.h"
#include "job/state.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

/* ------------------------------------------------------------------ where the service is */

static const json_t *job_line(struct vf_journal *j)
{
    const json_t *events = vf_journal_events(j);
    for (size_t i = 0; i < json_array_size(events); i++)
        if (vf_streq(vf_json_str(json_array_get(events, i), "type"), "job"))
            return json_array_get(events, i);
    return NULL;
}

/* "since 2026-11-21 02:14 (3 h 12 min)", local time as on the wall of who reads it */
char *vf_since_text(int64_t since)
{
    time_t t = (time_t)since;
    struct tm tm = {0};
    char stamp[32] = "";
    localtime_r(&t, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M", &tm);
    int64_t seconds = vf_clock_unix() - since;
    vf_autofree char *length = vf_format_duration(seconds > 0 ? (double)seconds : 0);
    return vf_asprintf(_("since %s (%s)"), stamp, length);
}

/* The shutdown of a target that ran, for a return to the source; NULL: none. */
static const struct vf_record *returned_down(struct vf_journal *j)
{
    const struct vf_record *down = vf_journal_find(j, "return/down"),
                           *agreed = vf_journal_find(j, "return");
    bool ran = agreed && vf_json_true(agreed->intent, "running");
    return ran && down && down->state != VF_REC_UNDONE ? down : NULL;
}

/* What last took the service down: the move, or the return to the source. NULL: neither. */
static const struct vf_record *last_down(struct vf_journal *j)
{
    const struct vf_record *back = returned_down(j), *start = vf_journal_find(j, "start");
    if (back)
        return back;
    return start && start->state == VF_REC_DONE ? NULL : vf_journal_find(j, "shutdown");
}

/* By the journal alone. */
static char *remembered(struct vf_journal *j, const char *vm)
{
    const struct vf_record *start = vf_journal_find(j, "start"),
                           *down = vf_journal_find(j, "shutdown");
    const struct vf_record *back = returned_down(j);
    bool ran = down && vf_json_true(down->intent, "running");
    if (back && !(down && down->state == VF_REC_UNDONE)) {
        vf_autofree char *since = vf_since_text(vf_json_int(back->intent, "since"));
        return vf_asprintf(_("%s is DOWN %s, as this job left it"), vm, since);
    }
    if (!back && vf_journal_target_ran(j))
        return vf_asprintf(start && start->state == VF_REC_INTENT
                               ? _("%s may run at the target (its start was begun)")
                               : _("%s runs at the target, as this job left it"),
                           vm);
    if (ran && down->state == VF_REC_UNDONE)
        return vf_asprintf(_("%s was started again at the source"), vm);
    if (!ran)
        return vf_asprintf(_("%s is at the source as it was: this job did not shut it down"), vm);
    vf_autofree char *since = vf_since_text(vf_json_int(down->intent, "since"));
    return vf_asprintf(down->state == VF_REC_DONE
                           ? _("%s is DOWN %s, as this job left it")
                           : _("%s was asked to shut down, %s, and may be DOWN"),
                       vm, since);
}

char *vf_service_text(struct vf_journal *j, enum vf_vm_state source, enum vf_vm_state target)
{
    const json_t *job = job_line(j);
    const char *word = vf_json_str(job, "vm"), *vm = word ? word : "?";
    const struct vf_record *down = vf_journal_find(j, "shutdown"), *since_then = last_down(j);
    bool here = source != VF_VM_STOPPED;
    /* one that is paused waits for a migration to arrive */
    bool there = target == VF_VM_RUNNING || (target == VF_VM_PAUSED && !here);
    if (vf_journal_is_rehearsal(j)) /* what runs there is not the VM */
        there = false;
    if (source == VF_VM_UNKNOWN || target == VF_VM_UNKNOWN)
        return remembered(j, vm);
    if (here && there)
        return vf_asprintf(_("%s runs at BOTH ends (%s and %s)"), vm, vf_json_str(job, "source"),
                           vf_json_str(job, "target"));
    if (here)
        return vf_asprintf(_("%s runs at the source (%s)"), vm, vf_json_str(job, "source"));
    if (there)
        return vf_asprintf(_("%s runs at the target (%s)"), vm, vf_json_str(job, "target"));
    if (vf_journal_find(j, "preflight") && !(down && vf_json_true(down->intent, "running")) &&
        !vf_journal_target_ran(j))
        return vf_asprintf(_("%s is stopped, and this job did not shut it down"), vm);
    if (!since_then)
        return vf_asprintf(_("%s is DOWN: it runs at neither end"), vm);
    vf_autofree char *since = vf_since_text(vf_json_int(since_then->intent, "since"));
    return vf_asprintf(_("%s is DOWN %s"), vm, since);
}

/* ------------------------------------------------------------------ how a job stands */

/* The last step of the table that has a record which is done. */
static const char *last_step(struct vf_journal *j)
{
    const char *title = NULL;
    for (size_t i = 0; i < vf_n_steps; i++)
        for (size_t k = 0; k < vf_journal_count(j); k++) {
            const struct vf_record *r = vf_journal_at(j, k);
            size_t n = strcspn(r->key, "/");
            if (r->state == VF_REC_DONE && strlen(vf_steps[i].name) == n &&
                !strncmp(vf_steps[i].name, r->key, n))
                title = vf_steps[i].title;
        }
    return title;
}

/* What both clusters say. */
static int ask_clusters(struct vf_job *job, struct vf_standing *out, struct vf_error **err)
{
    enum vf_vm_state source, target;
    vf_autoerror struct vf_error *why = NULL;
    if (vf_job_connect(job, err) < 0 || vf_job_load_source(job, err) < 0 ||
        vf_job_states(job, &source, &target, err) < 0)
        return -1;
    vf_str_set(&out->service, NULL);
    out->service = vf_service_text(job->journal, source, target);
    if (vf_job_drops_still(job)) {
        vf_finding_add(
            &out->changes, VF_WARN, job->plan->vm_name, NULL,
            _("the removal of its snapshots was begun: when the job is resumed, it first "
              "waits until the host has ended that"));
        return 0;
    }
    vf_auto(vf_vm_free) struct vf_vm *now =
        vf_describe_whole(job->source_pve, job->source->id, &why);
    if (vf_error_is_transient(why))
        return vf_fail_with(err, VF_STEAL(why));
    return vf_job_changes(job, now, why, &out->changes, err);
}

int vf_job_look(const char *id, const struct vf_asker *asker, struct vf_standing *out,
                struct vf_error **err)
{
    vf_autofree char *dir = vf_job_dir(id);
    return vf_job_look_in(dir, asker, out, err);
}

int vf_job_look_in(const char *dir, const struct vf_asker *asker, struct vf_standing *out,
                   struct vf_error **err)
{
    *out = (struct vf_standing){0};
    vf_auto(vf_job_free) struct vf_job *job = vf_job_load(dir, true, err);
    if (!job)
        return -1;
    job->asker = *asker;
    out->way = vf_journal_way(job->journal);
    out->done = (vf_job_was_done(job, "finish/description") &&
                 vf_journal_back(job->journal) == VF_BACK_RETURN) ||
                vf_job_was_done(job, "finish/test");
    out->taken = vf_strdup(vf_journal_taken_over(job->journal));
    out->touched = vf_journal_find(job->journal, "claim") != NULL;
    out->last = vf_strdup(last_step(job->journal));
    out->disks = job->plan->copy_disks && !vf_job_is_native(job) ? job->plan->n_disks : 0;
    for (size_t i = 0; i < out->disks; i++) {
        vf_autofree char *key = vf_asprintf("copy/%s", job->plan->disks[i].slot);
        out->copied += vf_job_was_done(job, key) != NULL;
    }
    const json_t *report = json_object_get(vf_journal_last(job->journal, "end"), "report");
    if (out->way == VF_WAY_BOTH)
        out->kept = vf_strdup(vf_json_str(report, "kept"));
    out->service = vf_service_text(job->journal, VF_VM_UNKNOWN, VF_VM_UNKNOWN);
    vf_autoerror struct vf_error *why = NULL;
    if (out->touched && out->way != VF_WAY_NONE && ask_clusters(job, out, &why) < 0)
        out->unseen = vf_strdup(vf_error_text(why));
    return 0;
}

void vf_standing_clear(struct vf_standing *s)
{
    free(s->service);
    free(s->unseen);
    free(s->taken);
    free(s->last);
    free(s->kept);
    vf_findings_free(&s->changes);
    *s = (struct vf_standing){0};
}
