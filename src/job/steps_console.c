/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An old VM from another hypervisor runs for the first time on other hardware, with its cards
 * disconnected: somebody looks at its console before it is seen on the network. After an
 * interruption the question is put again, until it has an answer; what follows is done once. */
#include "config.h"
#include "job/steps.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#define OPS(job) ((job)->target_pve->ops)

/* Is the Ith card of the plan disconnected because of this step alone? */
static bool is_held_back(const struct vf_job *job, size_t i)
{
    const struct vf_plan_nic *n = &job->plan->nics[i];
    for (size_t k = 0; k < job->source->n_nics; k++)
        if (job->source->nics[k].index == n->index)
            return n->disconnected == 1 && !job->source->nics[k].link_down;
    return false;
}

bool vf_job_holds_cards_back(const struct vf_job *job)
{
    for (size_t i = 0; i < job->plan->n_nics; i++)
        if (job->plan->profile == VF_PROFILE_OLD && is_held_back(job, i))
            return true;
    return false;
}

static const struct vf_nic *target_nic(const struct vf_job *job, unsigned index)
{
    for (size_t i = 0; i < job->target->n_nics; i++)
        if (job->target->nics[i].index == index)
            return &job->target->nics[i];
    return NULL;
}

/* "net0 (00:50:56:00:00:01, vmbr0), net1 (…)"; caller frees. */
static char *cards(const struct vf_job *job)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < job->plan->n_nics; i++) {
        const struct vf_nic *n = target_nic(job, job->plan->nics[i].index);
        if (!n || !is_held_back(job, i))
            continue;
        vf_buf_printf(&b, "%snet%u (%s, %s)", b.len ? ", " : "", n->index, n->mac ? n->mac : "-",
                      n->bridge ? n->bridge : "-");
    }
    return vf_buf_take(&b);
}

static int ask_person(struct vf_job *job, enum vf_console *out, struct vf_error **err)
{
    const struct vf_ask_choice choices[] = {
        {vf_console_words[VF_CONSOLE_CONNECT], _("it is fine: connect its cards")},
        {vf_console_words[VF_CONSOLE_REBOOT],
         _("it is fine: connect its cards and reboot it, so that it sets them up")},
        {vf_console_words[VF_CONSOLE_LEAVE], _("leave them disconnected: I see to it myself")},
    };
    vf_autofree char *list = cards(job);
    vf_autofree char *id = vf_asprintf("console-fine:%s", job->source->name);
    vf_autofree char *title =
        vf_asprintf(_("%s runs at %s. Is its console fine?"), job->target->name, job->plan->target);
    vf_autofree char *detail = vf_asprintf(
        _("Open the console of VM %u at Proxmox VE: it should have come up to its login "
          "prompt, with all file systems mounted.\n"
          "Disconnected until then: %s."),
        job->target->id, list);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = detail,
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .safe = vf_console_words[VF_CONSOLE_LEAVE]};
    struct vf_answer a = {0};
    if (job->asker.ask(job->asker.opaque, &q, job->cancel, &a, err) < 0)
        return -1;
    *out = VF_CONSOLE_LEAVE;
    for (int i = 0; vf_console_words[i]; i++)
        if (vf_streq(a.text, vf_console_words[i]))
            *out = (enum vf_console)i;
    vf_answer_clear(&a);
    return 0;
}

/* The plan's answer, or a person's, once. */
static int answer(struct vf_job *job, enum vf_console *out, struct vf_error **err)
{
    const struct vf_record *r = vf_job_was_done(job, "console/answer");
    *out = job->plan->console;
    for (int i = 0; r && vf_console_words[i]; i++)
        if (vf_streq(vf_json_str(r->result, "answer"), vf_console_words[i]))
            *out = (enum vf_console)i;
    if (r)
        return 0;
    if (*out == VF_CONSOLE_ASK && ask_person(job, out, err) < 0)
        return -1;
    return vf_job_fact(job, "console/answer", json_pack("{s:s}", "answer", vf_console_words[*out]),
                       err);
}

static int connect_cards(struct vf_job *job, struct vf_error **err)
{
    for (size_t i = 0; i < job->plan->n_nics; i++) {
        unsigned index = job->plan->nics[i].index;
        vf_autofree char *key = vf_asprintf("console/net%u", index);
        if (!is_held_back(job, i) || vf_job_was_done(job, key))
            continue;
        if (vf_job_intend(job, key, NULL, err) < 0 ||
            OPS(job)->set_link(job->target_pve, job->plan->target_node, job->target->id, index,
                               true, err) < 0 ||
            vf_job_done(job, key, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int start_again(struct vf_job *job, struct vf_error **err)
{
    const char *node = job->plan->target_node;
    enum vf_vm_state state;
    if (vf_job_intend(job, "console/start", NULL, err) < 0 ||
        OPS(job)->state(job->target_pve, node, job->target->id, &state, err) < 0)
        return -1;
    if (state == VF_VM_STOPPED &&
        OPS(job)->power(job->target_pve, node, job->target->id, VF_POWER_START, 0, err) < 0)
        return vf_fail_prefix(err, _("starting %s again"), job->target->name);
    return vf_job_done(job, "console/start", NULL, err);
}

/* A guest that does not listen is no reason to stop it hard: who looked at its console reboots it
 * there. */
static int reboot(struct vf_job *job, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (vf_job_was_done(job, "console/reboot"))
        return 0;
    if (vf_journal_find(job->journal, "console/start"))
        return start_again(job, err) < 0 ? -1 : vf_job_done(job, "console/reboot", NULL, err);
    enum vf_vm_state state;
    if (vf_job_intend(job, "console/reboot", NULL, err) < 0 ||
        OPS(job)->state(job->target_pve, job->plan->target_node, job->target->id, &state, err) < 0)
        return -1;
    if (state != VF_VM_STOPPED &&
        OPS(job)->power(job->target_pve, job->plan->target_node, job->target->id, VF_POWER_SHUTDOWN,
                        job->plan->shutdown_timeout, &why) < 0) {
        if (vf_error_code(why) != VF_E_CONFLICT)
            return vf_fail_with(err, VF_STEAL(why));
        vf_job_note(job, "warn", _("%s did not shut down when asked to: reboot it in its console"),
                    job->target->name);
        return vf_job_failed(job, "console/reboot", why, err);
    }
    return start_again(job, err) < 0 ? -1 : vf_job_done(job, "console/reboot", NULL, err);
}

int vf_step_console(struct vf_job *job, struct vf_error **err)
{
    enum vf_console what;
    if (vf_job_was_done(job, "console") || !vf_job_was_done(job, "start"))
        return 0;
    if (answer(job, &what, err) < 0)
        return -1;
    if (what == VF_CONSOLE_LEAVE) {
        vf_autofree char *list = cards(job);
        vf_job_note(job, "warn", _("%s runs disconnected: %s"), job->target->name, list);
    } else if (connect_cards(job, err) < 0) {
        return -1;
    }
    const struct vf_record *tried = vf_journal_find(job->journal, "console/reboot");
    if (what == VF_CONSOLE_REBOOT && !(tried && tried->state == VF_REC_FAILED) &&
        reboot(job, err) < 0)
        return -1;
    return vf_job_fact(job, "console", json_pack("{s:s}", "answer", vf_console_words[what]), err);
}
