/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/unfinished.h"
#include "ui/say.h"
#include "job/batch.h"
#include "job/back.h"
#include "job/job.h"
#include "job/resume.h"
#include "job/stage.h"
#include "job/state.h"
#include "base/i18n.h"
#include "base/str.h"

char *vf_unfinished_left(const char *dir, struct vf_journal *j)
{
    double seconds = vf_job_left(dir, j);
    if (seconds < 0)
        return NULL;
    return seconds < 60 ? vf_strdup(_("< 1 min")) : vf_asprintf(_("~%.0f min"), seconds / 60);
}

/* How its last process ended; NULL: it did not get that far. */
static const char *result(struct vf_journal *j)
{
    const json_t *events = vf_journal_events(j), *end = NULL;
    bool returns = false; /* one that was given up leaves the move as it was */
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        const char *type = vf_json_str(e, "type");
        if (vf_streq(type, "start")) {
            returns = vf_starts(vf_json_str(e, "mode"), "return");
            end = returns ? end : NULL;
        } else if (vf_streq(type, "end") && (!returns || vf_json_int(e, "exit") == 0))
            end = e;
    }
    if (vf_journal_back(j) == VF_BACK_AGREED)
        return NULL;
    const char *word = vf_json_str(json_object_get(end, "report"), "result");
    return vf_streq(word, "interrupted") ? NULL : word;
}

/* By enum vf_way: what can be done. */
static const char *const ways[] = {
    "",
    N_("; resume or rollback"),
    N_("; resume, or rollback (loses what the target wrote)"),
    N_("; rollback"),
};

/* Of a job that never began and is of a BATCH: what can be expected. */
static const char *not_begun(const char *batch, const char **way)
{
    vf_autofree char *dir = vf_batch_dir(batch);
    *way = "";
    if (vf_batch_is_stopped(batch))
        return _("not begun");
    if (vf_job_is_locked(dir, NULL, NULL))
        return _("waiting");
    *way = N_("; resume (its batch)");
    return _("WAITING");
}

static bool is_done_test(struct vf_journal *j)
{
    const struct vf_record *done = vf_journal_find(j, "finish/test");
    return vf_journal_is_rehearsal(j) && done && done->state == VF_REC_DONE &&
           !vf_journal_find(j, "rollback");
}

void vf_say_job(FILE *out, const char *id)
{
    vf_autofree char *dir = vf_job_dir(id);
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, &err);
    if (!j) {
        vf_autofree char *text = vf_escape(vf_error_text(err));
        vf_say(out, "%-24s  %s\n", id, text);
        return;
    }
    const json_t *job = vf_journal_last(j, "job");
    bool runs = vf_job_is_locked(dir, NULL, NULL);
    const char *word = runs                       ? _("running")
                       : vf_journal_taken_over(j) ? _("taken over")
                                                  : _(result(j)),
               *way = runs ? "" : ways[vf_journal_way(j)];
    const char *batch = vf_json_str(job, "batch");
    if (batch && !runs && !vf_journal_last(j, "start"))
        word = not_begun(batch, &way);
    if (!runs && is_done_test(j))
        way = N_(" (a test); rollback removes it");
    const char *vm = vf_json_str(job, "vm"), *source = vf_json_str(job, "source"),
               *target = vf_json_str(job, "target");
    word = word ? word : _("INTERRUPTED");
    vf_say(out, "%-24s  %-*s  %s: %s -> %s%s\n", id, vf_pad(word, 14), word, vm ? vm : "?",
           source ? source : "?", target ? target : "?", *way ? _(way) : "");
}

static bool is_unfinished(const char *id)
{
    vf_autofree char *dir = vf_job_dir(id);
    if (vf_job_is_locked(dir, NULL, NULL))
        return true;
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    const char *batch = j ? vf_json_str(vf_journal_last(j, "job"), "batch") : NULL;
    if (batch && !vf_journal_last(j, "start") && vf_batch_is_stopped(batch))
        return false; /* it was decided that it does not begin */
    /* a test that is done waits for nothing but to be removed */
    return j && vf_journal_way(j) != VF_WAY_NONE && !is_done_test(j);
}

void vf_say_batch(FILE *out, const char *id)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_batch_entry *v;
    size_t n, by_state[4] = {0};
    bool runs;
    if (vf_batch_read(id, &v, &n, &runs, &err) < 0) {
        vf_autofree char *text = vf_escape(vf_error_text(err));
        vf_say(out, "%s  %s\n", id, text);
        return;
    }
    for (size_t i = 0; i < n; i++)
        by_state[v[i].state]++;
    vf_batch_entries_free(v, n);
    const char *word = runs                       ? _("running")
                       : by_state[VF_BATCH_WAITS] ? _("INTERRUPTED; resume")
                                                  : _("over");
    vf_say(out, _("%s  %s: %zu VMs, %zu ended, %zu running, %zu waiting, %zu left out\n"), id, word,
           n, by_state[VF_BATCH_ENDED], by_state[VF_BATCH_RUNS], by_state[VF_BATCH_WAITS],
           by_state[VF_BATCH_SKIPPED]);
}

char **vf_unfinished_jobs(void)
{
    vf_stage_tidy();
    vf_autostrv char **ids = vf_job_ids();
    char **v = vf_strv_new();
    for (size_t i = 0; ids[i]; i++)
        if (is_unfinished(ids[i]))
            vf_strv_add(&v, ids[i]);
    return v;
}

void vf_say_ways(const char *id)
{
    vf_autofree char *dir = vf_job_dir(id);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    switch (j ? vf_journal_way(j) : VF_WAY_BOTH) {
    case VF_WAY_BOTH:
        vf_say(stderr, _("Go on: vmferry resume %s; or undo what it did: vmferry rollback %s\n"),
               id, id);
        return;
    case VF_WAY_ON:
        vf_say(stderr,
               _("Go on: vmferry resume %s; or return to the source, which loses what the target "
                 "wrote: vmferry rollback %s\n"),
               id, id);
        return;
    case VF_WAY_BACK:
        vf_say(stderr, _("Finish undoing it: vmferry rollback %s\n"), id);
        return;
    default:
        return;
    }
}

/* The batch that all of IDS are of, or NULL. Caller frees. */
static char *batch_of_all(char *const *ids)
{
    vf_autofree char *batch = ids[0] ? vf_batch_of(ids[0]) : NULL;
    for (size_t i = 1; batch && ids[i]; i++) {
        vf_autofree char *other = vf_batch_of(ids[i]);
        if (!vf_streq(other, batch))
            return NULL;
    }
    return VF_STEAL(batch);
}

char *vf_only_unfinished(int *code)
{
    vf_autostrv char **ids = vf_unfinished_jobs();
    size_t n = vf_strv_len(ids);
    vf_autofree char *batch = batch_of_all(ids);
    if (batch)
        return VF_STEAL(batch);
    if (n == 1)
        return vf_strdup(ids[0]);
    *code = VF_EXIT_USAGE;
    if (!n) {
        vf_say(stderr, _("vmferry: there is no unfinished job; vmferry jobs lists all. One that "
                         "another machine began: vmferry resume --at CLUSTER\n"));
        return NULL;
    }
    vf_say(stderr, _("vmferry: several jobs are unfinished; give one of them:\n"));
    for (size_t i = 0; i < n; i++)
        vf_say_job(stderr, ids[i]);
    return NULL;
}

void vf_remind_unfinished(void)
{
    vf_autostrv char **ids = vf_unfinished_jobs();
    if (ids[0])
        vf_say(stderr, _("\nUnfinished jobs:\n"));
    for (size_t i = 0; ids[i]; i++)
        vf_say_job(stderr, ids[i]);
}
