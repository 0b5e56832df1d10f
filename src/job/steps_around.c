/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps for what hangs on a VM beside its configuration: pool, firewall, high availability. */
#include "config.h"
#include "job/steps.h"
#include "base/i18n.h"
#include "base/str.h"

#define OPS(job) ((job)->target_pve->ops)

/* ------------------------------------------------------------------ pool */

void vf_leave_out_pool(struct vf_vm *vm)
{
    vf_autofree char *shown = vf_escape(vm->pool);
    vf_autofree char *what = vf_asprintf("pool %s", shown); /* see vf_native_carries() */
    vf_vm_leave_out(vm, what, _("add the VM to a pool of the target cluster by hand"));
    vf_str_set(&vm->pool, NULL);
}

void vf_job_without_pool(struct vf_job *job, const char *why)
{
    vf_job_note(job, "warn", _("pool %s: the VM arrives without it: %s"), job->target->pool, why);
    vf_leave_out_pool(job->target);
}

/* Makes the pool where it is missing. 1: it is there now; 0: it may not be made. AGAIN: an earlier
 * process was about to make it, and may have. */
static int provide_pool(struct vf_job *job, const char *name, bool again, bool *made,
                        struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (OPS(job)->make_pool(job->target_pve, name, &why) == 0) {
        *made = true;
        return 1;
    }
    if (vf_error_code(why) == VF_E_CONFLICT) { /* there, but this login does not see it */
        *made = again;
        return 1;
    }
    return vf_error_code(why) == VF_E_PERMISSION ? 0 : vf_fail_with(err, VF_STEAL(why));
}

int vf_step_pool(struct vf_job *job, struct vf_error **err)
{
    const char *name = job->target->pool;
    const struct vf_record *r = vf_journal_find(job->journal, "pool");
    enum vf_pool state;
    if (!r || r->state == VF_REC_UNDONE) {
        if (OPS(job)->pool(job->target_pve, name, &state, err) < 0)
            return vf_fail_prefix(err, _("pool %s"), name);
        /* missing: what is there after this line and empty is ours */
        if (vf_job_intend(job, "pool",
                          json_pack("{s:s, s:b}", "pool", name, "missing", state == VF_POOL_MAY),
                          err) < 0)
            return -1;
        r = vf_journal_find(job->journal, "pool");
    } else {
        state = vf_json_true(r->intent, "missing") ? VF_POOL_MAY : VF_POOL_THERE;
    }
    bool joins = true, made = false;
    if (r->state == VF_REC_DONE) {
        joins = vf_json_true(r->result, "joins");
    } else if (state != VF_POOL_THERE) {
        int there = state == VF_POOL_MAY ? provide_pool(job, name, r->earlier, &made, err) : 0;
        if (there < 0)
            return -1;
        joins = there;
    }
    if (r->state != VF_REC_DONE &&
        vf_job_done(job, "pool", json_pack("{s:b, s:b}", "joins", joins, "made", made), err) < 0)
        return -1;
    if (!joins)
        vf_job_without_pool(job,
                            _("it is not there, or not shown to this login, and cannot be made"));
    return 0;
}

int vf_undo_pool(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    const char *name = vf_json_str(rec->intent, "pool");
    enum vf_pool state;
    if (!vf_json_true(rec->intent, "missing"))
        return 0;
    if (rec->result && !vf_json_true(rec->result, "made"))
        return 0; /* somebody else was quicker */
    if (OPS(job)->pool(job->target_pve, name, &state, err) < 0)
        return -1;
    if (state != VF_POOL_THERE)
        return 0;
    vf_autoerror struct vf_error *why = NULL;
    if (OPS(job)->drop_pool(job->target_pve, name, &why) == 0)
        return 0;
    if (vf_error_code(why) != VF_E_CONFLICT)
        return vf_fail_with(err, VF_STEAL(why));
    vf_job_note(job, "info", _("pool %s stays: something else is in it by now"), name);
    return 0;
}

/* ------------------------------------------------------------------ firewall */

/* Rows that name what the target does not have go; where they mattered, preflight has stopped. */
static int leave_out_rows(struct vf_job *job, struct vf_firewall *f, struct vf_error **err)
{
    vf_autostrv char **refs = vf_firewall_refs(f);
    for (size_t i = 0; refs[i]; i++) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autofree char *there = OPS(job)->firewall_shared(job->target_pve, refs[i], &why);
        if (there || vf_error_code(why) == VF_E_PERMISSION)
            continue;
        if (vf_error_code(why) != VF_E_NOTFOUND)
            return vf_fail_with(err, VF_STEAL(why));
        vf_autostrv char **active = vf_firewall_uses(f, refs[i], true, false);
        if (*active)
            return vf_fail(err, VF_E_CONFLICT, _("%s has no %s any more, which the VM's %s needs"),
                           job->plan->target, refs[i], active[0]);
        vf_autostrv char **gone = vf_firewall_uses(f, refs[i], false, true);
        for (size_t k = 0; gone[k]; k++) {
            vf_autofree char *shown = vf_escape(gone[k]);
            vf_autofree char *what = vf_asprintf(_("firewall %s"), shown);
            vf_autofree char *cure = vf_asprintf(
                _("the target cluster has no %s: make both by hand if they are needed"), refs[i]);
            vf_vm_leave_out(job->target, what, cure);
        }
    }
    return 0;
}

int vf_step_firewall(struct vf_job *job, struct vf_error **err)
{
    const char *node = job->plan->target_node;
    unsigned id = job->target->id;
    vf_auto(vf_firewall_free) struct vf_firewall *want = vf_firewall_copy(job->target->firewall);
    if (leave_out_rows(job, want, err) < 0)
        return -1;
    if (vf_job_was_done(job, "firewall"))
        return 0;
    if (vf_job_intend(job, "firewall", json_pack("{s:i}", "vmid", (int)id), err) < 0 ||
        OPS(job)->set_firewall(job->target_pve, node, id, want, err) < 0)
        return -1;
    vf_auto(vf_firewall_free) struct vf_firewall *got =
        OPS(job)->firewall(job->target_pve, node, id, err);
    if (!got)
        return -1;
    vf_autofree char *diff = vf_firewall_diff(want, got);
    if (diff) {
        vf_autofree char *shown = vf_escape(diff);
        return vf_fail(err, VF_E_CONFLICT,
                       _("the firewall of the target VM is not the source's: %s"), shown);
    }
    return vf_job_done(job, "firewall", NULL, err);
}

/* ------------------------------------------------------------------ high availability */

/* Ignored, not stopped: asked to stop a VM, high availability cuts its power after a minute. */
int vf_step_ha(struct vf_job *job, struct vf_error **err)
{
    struct vf_vm *s = job->source;
    if (vf_job_was_done(job, "ha"))
        return 0;
    /* nor is it to be without high availability for longer than it must */
    if (vf_job_await_continue(job, err) < 0 ||
        vf_job_intend(job, "ha", json_pack("{s:s}", "state", s->ha), err) < 0 ||
        job->source_pve->ops->set_ha(job->source_pve, s->id, VF_HA_IGNORED, err) < 0)
        return -1;
    return vf_job_done(job, "ha", NULL, err);
}

int vf_job_give_to_ha(struct vf_job *job, struct vf_provider *p, unsigned id, const char *state,
                      struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (p->ops->set_ha(p, id, state, &why) == 0)
        return 0;
    if (vf_error_code(why) != VF_E_NOTFOUND)
        return vf_fail_with(err, VF_STEAL(why));
    vf_job_note(job, "warn",
                _("VM %u at %s is no longer under high availability: somebody took it out, and it "
                  "stays so"),
                id, p->conf->name);
    return 0;
}

/* It may start the source at once: the VM runs again by now, or is to be left to it as before. */
int vf_undo_ha(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    const struct vf_record *back = vf_journal_find(job->journal, "return");
    bool returns = back && back->state == VF_REC_INTENT; /* which has seen to the target */
    if (!returns && vf_job_target_rests(job, err) < 0)
        return -1;
    return vf_job_give_to_ha(job, job->source_pve, job->source->id,
                             vf_json_str(rec->intent, "state"), err);
}
