/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps that wait for a person's word: before the source goes down, before the target comes up.
 * Nothing is noted: after an interruption the question is put again, unless what it is about was
 * begun. */
#include "config.h"
#include "job/steps.h"
#include "base/i18n.h"
#include "base/str.h"

/* Until somebody says go or gives up; "wait" and no answer are the same. */
static int wait_for_word(struct vf_job *job, const char *what, const char *title,
                         const char *detail, const char *go, struct vf_error **err)
{
    const struct vf_ask_choice choices[] = {
        {"go", go},
        {"wait", _("not yet: the job waits, vmferry attach asks again")},
        {"back", _("give up and put everything back")},
    };
    vf_autofree char *id = vf_asprintf("%s:%s", what, job->source->name);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = detail,
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .safe = "wait",
                       .waits = true};
    for (;;) {
        struct vf_answer a = {0};
        if (job->asker.ask(job->asker.opaque, &q, job->cancel, &a, err) < 0)
            return -1;
        bool went = vf_streq(a.text, "go"), back = vf_streq(a.text, "back");
        vf_answer_clear(&a);
        if (went)
            return 0;
        if (back)
            return vf_fail(err, VF_E_CANCELLED, _("given up by the operator at the question: %s"),
                           title);
    }
}

int vf_step_ready_stop(struct vf_job *job, struct vf_error **err)
{
    bool native = vf_job_is_native(job);
    if (vf_journal_find(job->journal, native ? "migrate" : "shutdown"))
        return 0;
    vf_autofree char *title = vf_asprintf(
        native ? _("Ready to migrate %s?") : _("Ready to shut down %s?"), job->source->name);
    return wait_for_word(job, "ready-to-stop", title,
                         _("All that can be done while it runs is done."),
                         native ? _("migrate it now") : _("shut it down now"), err);
}

int vf_step_ready_start(struct vf_job *job, struct vf_error **err)
{
    if (vf_journal_find(job->journal, "start"))
        return 0;
    vf_autofree char *title =
        vf_asprintf(_("Ready to start %s at %s?"), job->target->name, job->plan->target);
    return wait_for_word(job, "ready-to-start", title,
                         _("It is down until it is started. If networks or addresses have to be "
                           "moved, now is the time."),
                         _("start it now"), err);
}
