/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps that wait for a person's word: before the source goes down, before the target comes up.
 * Nothing is noted: after an interruption the question is put again, unless what it is about was
 * begun. */
#include "config.h"
#include "job/steps.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

enum { LOOK_MS = 200 };

/* A question that waits for a word. */
struct word {
    const char *what, *title, *detail, *go;
    bool refresh; /* the disks can be copied again first */
};

enum said { SAID_WAIT, SAID_GO, SAID_BACK, SAID_REFRESH };

/* "wait" and no answer are the same. */
static int hear_word(struct vf_job *job, const struct word *w, enum said *said,
                     struct vf_error **err)
{
    static const char *const keys[] = {
        [SAID_GO] = "go", [SAID_WAIT] = "wait", [SAID_BACK] = "back", [SAID_REFRESH] = "refresh"};
    const struct vf_ask_choice choices[] = {
        {keys[SAID_GO], w->go},
        {keys[SAID_WAIT], _("not yet: the job waits, vmferry attach asks again")},
        {keys[SAID_BACK], _("give up and put everything back")},
        {keys[SAID_REFRESH], _("copy what has changed while it runs on, then ask again")},
    };
    vf_autofree char *id = vf_asprintf("%s:%s", w->what, job->source->name);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = w->title,
                       .detail = w->detail,
                       .choices = choices,
                       .n_choices = VF_COUNT(choices) - !w->refresh,
                       .safe = keys[SAID_WAIT],
                       .waits = true};
    struct vf_answer a = {0};
    *said = SAID_WAIT;
    if (job->asker.ask(job->asker.opaque, &q, job->cancel, &a, err) < 0)
        return -1;
    for (size_t i = 0; i < VF_COUNT(keys); i++)
        if (vf_streq(a.text, keys[i]))
            *said = (enum said)i;
    vf_answer_clear(&a);
    if (*said == SAID_BACK)
        return vf_fail(err, VF_E_CANCELLED, _("given up by the operator at the question: %s"),
                       w->title);
    return 0;
}

/* The word to go of a paused job. TOLD: whoever gave it knew, and means both; else it was paused
 * while the question was open, and it is put again. */
static int go_though_paused(struct vf_job *job, bool told, enum said *said, struct vf_error **err)
{
    if (!atomic_load(&job->paused))
        return 0;
    if (told)
        return vf_job_pause(job, false, NULL, err);
    *said = SAID_WAIT;
    vf_job_note(job, "warn",
                _("%s is not shut down: the job is paused, and the VM would be down "
                  "for as long as that lasts"),
                job->source->name);
    return 0;
}

int vf_step_ready_stop(struct vf_job *job, struct vf_error **err)
{
    bool native = vf_job_is_native(job);
    const struct vf_record *begun = vf_journal_find(job->journal, native ? "migrate" : "shutdown");
    if (begun && begun->state != VF_REC_UNDONE) /* what was taken back is asked about again */
        return 0;
    vf_autofree char *title = vf_asprintf(
        native ? _("Ready to migrate %s?") : _("Ready to shut down %s?"), job->source->name);
    struct word w = {.what = "ready-to-stop", .title = title, .refresh = vf_job_can_refresh(job)};
    for (enum said said = SAID_WAIT; said != SAID_GO;) {
        bool paused = atomic_load(&job->paused);
        vf_autofree char *copied = vf_job_precopied_text(job);
        vf_autofree char *detail =
            paused ? vf_asprintf("%s\n%s", copied, _("The job is paused: nothing is copied."))
                   : VF_STEAL(copied);
        w.detail = detail;
        w.go = native   ? _("migrate it now")
               : paused ? _("end the pause, and shut it down now")
                        : _("shut it down now");
        if (hear_word(job, &w, &said, err) < 0 ||
            (said == SAID_REFRESH && vf_job_refresh(job, err) < 0) ||
            (said == SAID_GO && go_though_paused(job, paused, &said, err) < 0))
            return -1;
    }
    return 0;
}

int vf_job_await_continue(struct vf_job *job, struct vf_error **err)
{
    if (atomic_load(&job->paused))
        vf_job_note(job, "warn",
                    _("%s is not shut down while the job is paused; go on with: "
                      "vmferry continue"),
                    job->source->name);
    while (atomic_load(&job->paused))
        if (vf_cancel_sleep(job->cancel, LOOK_MS, err) < 0)
            return -1;
    return 0;
}

/* What is to be known while it is down. Providers that let an address (a failover IP) only to a MAC
 * that they know are told it now. */
static char *start_detail(const struct vf_job *job)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, _("It is down until it is started. If networks or addresses have to "
                      "be moved, now is the time."));
    for (size_t i = 0; job->plan->profile && i < job->target->n_nics; i++) {
        const struct vf_nic *n = &job->target->nics[i];
        vf_buf_puts(&b,
                    i ? "\n" : _("\nMAC addresses, for a provider that binds an IP to them:\n"));
        vf_buf_printf(&b, "net%u %s %s", n->index, n->mac ? n->mac : "-",
                      n->bridge ? n->bridge : "-");
    }
    return vf_buf_take(&b);
}

int vf_step_ready_start(struct vf_job *job, struct vf_error **err)
{
    if (vf_journal_find(job->journal, "start"))
        return 0;
    vf_autofree char *title =
        vf_asprintf(_("Ready to start %s at %s?"), job->target->name, job->plan->target);
    vf_autofree char *detail = start_detail(job);
    struct word w = {
        .what = "ready-to-start", .title = title, .detail = detail, .go = _("start it now")};
    enum said said;
    do
        if (hear_word(job, &w, &said, err) < 0)
            return -1;
    while (said != SAID_GO);
    return 0;
}
