/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shutting a VM down: its guest is asked, and what happens when it does not is a person's word. */
#include "config.h"
#include "job/job_priv.h"
#include "base/i18n.h"
#include "base/str.h"

struct guest {
    struct vf_job *job;
    struct vf_provider *p;
    const struct vf_vm *vm;
};

/* Does it go down after all, while nobody has answered yet? */
static bool went_down(void *opaque)
{
    const struct guest *g = opaque;
    enum vf_vm_state state;
    return g->p->ops->state(g->p, g->vm->node, g->vm->id, &state, NULL) == 0 &&
           state == VF_VM_STOPPED;
}

enum after_timeout { NOT_YET, ASK_AGAIN, HARD_STOP, GIVE_UP };

/* Hard stop, wait on or give up: never decided without an answer; the job waits for one. */
static int ask_person(struct guest *g, const struct vf_error *why, enum after_timeout *out,
                      struct vf_error **err)
{
    static const char *const keys[] = {
        [ASK_AGAIN] = "again", [HARD_STOP] = "stop", [GIVE_UP] = "back", [NOT_YET] = "wait"};
    struct vf_job *job = g->job;
    vf_autofree char *again = vf_asprintf(_("ask it once more to shut down, and wait another %u s"),
                                          job->plan->shutdown_timeout);
    const struct vf_ask_choice choices[] = {
        {keys[ASK_AGAIN], again},
        {keys[HARD_STOP], _("stop (hard): as if the power was cut")},
        {keys[GIVE_UP], _("give up and put everything back")},
        {keys[NOT_YET], _("not yet: the job waits, and goes on by itself when it is down")},
    };
    vf_autofree char *id = vf_asprintf("shutdown-force:%s", g->vm->name);
    vf_autofree char *title = vf_asprintf(_("%s did not shut down. What now?"), g->vm->name);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = vf_error_text(why),
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .safe = keys[NOT_YET],
                       .waits = true,
                       .settled = went_down,
                       .opaque = g};
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
static int ask_guest(struct guest *g, struct vf_error **why, struct vf_error **err)
{
    if (g->p->ops->power(g->p, g->vm->node, g->vm->id, VF_POWER_SHUTDOWN,
                         g->job->plan->shutdown_timeout, why) == 0 ||
        went_down(g)) /* while we gave up waiting */
        return 0;
    return vf_error_code(*why) == VF_E_CONFLICT ? 1 : vf_fail_with(err, VF_STEAL(*why));
}

int vf_job_shut_down(struct vf_job *job, struct vf_provider *p, const struct vf_vm *vm,
                     struct vf_error **err)
{
    struct guest g = {job, p, vm};
    enum after_timeout choice = ASK_AGAIN;
    vf_autoerror struct vf_error *why = NULL;
    for (;;) {
        if (choice == ASK_AGAIN) {
            vf_error_free(VF_STEAL(why));
            int r = ask_guest(&g, &why, err);
            if (r <= 0)
                return r;
        }
        if (ask_person(&g, why, &choice, err) < 0)
            return -1;
        if (went_down(&g)) {
            vf_job_note(job, "info", _("%s has shut down after all"), vm->name);
            return 0;
        }
        if (choice == HARD_STOP) {
            vf_job_note(job, "warn", _("%s is stopped hard, as was answered"), vm->name);
            return p->ops->power(p, vm->node, vm->id, VF_POWER_STOP, job->plan->shutdown_timeout,
                                 err);
        }
        if (choice == GIVE_UP)
            return vf_fail_with(err, VF_STEAL(why));
    }
}
