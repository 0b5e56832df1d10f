/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The return to the source: first the target is taken out of service, each step of which can be
 * undone; when it is surely down, the source is put back. */
#include "config.h"
#include "job/back.h"
#include "job/lease.h"
#include "plan/name.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

#define OPS(job) ((job)->target_pve->ops)

/* The target as it was when somebody agreed: data of the record "return". */
struct was {
    unsigned id;
    const char *node, *name, *description, *ha;
    bool unnamed, onboot, running, remove;
};

static struct was was_of(const struct vf_job *job)
{
    const json_t *d = vf_journal_find(job->journal, "return")->intent;
    return (struct was){.id = (unsigned)vf_json_int(d, "vmid"),
                        .node = vf_json_str(d, "node"),
                        .name = vf_json_str(d, "name"),
                        .description = vf_json_str(d, "description"),
                        .ha = vf_json_str(d, "ha"),
                        .unnamed = vf_json_true(d, "unnamed"),
                        .onboot = vf_json_true(d, "onboot"),
                        .running = vf_json_true(d, "running"),
                        .remove = vf_json_true(d, "remove")};
}

/* As what vf_job_shut_down() takes. Caller frees. */
static struct vf_vm *as_vm(const struct was *w)
{
    struct vf_vm *vm = vf_vm_new();
    vm->id = w->id;
    vf_str_set(&vm->name, w->name);
    vf_str_set(&vm->node, w->node);
    return vm;
}

/* ------------------------------------------------------------------ the target, out of service */

/* When somebody agreed to the return; caller frees. */
static char *agreed(const struct vf_job *job)
{
    return vf_clock_stamp(vf_journal_find(job->journal, "return")->at);
}

/* What became of the VM; caller frees. */
static char *line_of(const struct vf_job *job, const struct was *w)
{
    vf_autofree char *stamp = agreed(job);
    return vf_asprintf(_("%s went back to %s (VMID %u) at %s"), w->name, job->plan->source,
                       job->source->id, stamp);
}

/* That line as it stands in TEXT, known by name and time: a job that goes on may speak another
 * language than the one that wrote it. NULL: it is not there. Caller frees. */
static char *line_in(const struct vf_job *job, const struct was *w, const char *text)
{
    vf_autofree char *stamp = agreed(job);
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    for (size_t i = 0; lines[i]; i++)
        if (strstr(lines[i], w->name) && strstr(lines[i], job->plan->source) &&
            strstr(lines[i], stamp))
            return vf_strdup(lines[i]);
    return NULL;
}

/* DESCRIPTION and LINE behind it; caller frees. */
static char *with_line(const char *description, const char *line)
{
    const char *d = description ? description : "";
    return vf_asprintf("%s%s%s", d, *d ? "\n\n" : "", line);
}

static int add_mark(struct vf_job *job, const char *now, void *opaque, char **out,
                    struct vf_error **err)
{
    vf_autofree char *line = line_of(job, opaque), *there = line_in(job, opaque, now),
                     *d = vf_notes_without_mark(job, now, NULL),
                     *text = there ? vf_strdup(d) : with_line(d, line);
    *out = vf_marker_add(text, job->marker);
    return 0;
}

static int take_mark_off(struct vf_job *job, const char *now, void *opaque, char **out,
                         struct vf_error **err)
{
    const struct was *w = opaque;
    vf_autofree char *there = line_in(job, w, now),
                     *line = there ? VF_STEAL(there) : line_of(job, w),
                     *ours = with_line(w->description, line),
                     *text = vf_notes_without_mark(job, now, ours),
                     *owner = vf_marker_find(w->description);
    char *at = strstr(text, line);
    if (at && vf_description_same(text, ours)) {
        *out = vf_strdup(w->description ? w->description : "");
        return 0;
    }
    if (at) { /* what somebody else has written beside it stays */
        char *begin = at;
        while (begin > text && begin[-1] == '\n')
            begin--;
        memmove(begin, at + strlen(line), strlen(at + strlen(line)) + 1);
    }
    *out = vf_streq(owner, job->id) ? vf_marker_add(text, job->marker) : VF_STEAL(text);
    return 0;
}

/* The marker, by which it is known as this job's from now on; it stays. */
static int mark(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    return vf_job_edit_notes(job, job->target_pve, w->node, w->id, add_mark, (void *)w, err);
}

static int unmark(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    return vf_job_edit_notes(job, job->target_pve, w->node, w->id, take_mark_off, (void *)w, err);
}

static int leave_ha(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    return w->ha ? OPS(job)->set_ha(job->target_pve, w->id, VF_HA_IGNORED, err) : 0;
}

/* It may start the target at once, which must not be beside the source. */
static int rejoin_ha(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    if (!w->ha)
        return 0;
    return vf_job_source_down(job, err) < 0
               ? -1
               : vf_job_give_to_ha(job, job->target_pve, w->id, w->ha, err);
}

static int onboot_off(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    return w->onboot ? OPS(job)->set_onboot(job->target_pve, w->node, w->id, false, err) : 0;
}

static int onboot_on(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    return w->onboot ? OPS(job)->set_onboot(job->target_pve, w->node, w->id, true, err) : 0;
}

/* The start that the move announced, and nobody saw the end of, may still be on its way. */
static int await_start(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    const struct vf_record *start = vf_journal_find(job->journal, "start");
    enum vf_vm_state state = VF_VM_STOPPED;
    for (int late = start != NULL; late && state == VF_VM_STOPPED;) {
        late = vf_job_settle(job, start, "qmstart", w->id, false, err);
        if (late < 0 || OPS(job)->state(job->target_pve, w->node, w->id, &state, err) < 0)
            return -1;
    }
    return 0;
}

static int take_down(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = as_vm(w);
    return await_start(job, w, err) < 0 ? -1 : vf_job_shut_down(job, job->target_pve, vm, err);
}

/* Never beside the source, which somebody may have started meanwhile. */
static int bring_up(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    const struct vf_record *down = vf_journal_find(job->journal, "return/down");
    vf_auto(vf_vm_free) struct vf_vm *vm = as_vm(w);
    enum vf_vm_state state;
    if (!w->running)
        return 0;
    if (vf_job_source_down(job, err) < 0 ||
        OPS(job)->state(job->target_pve, w->node, w->id, &state, err) < 0 ||
        vf_job_await_down(job, job->target_pve, vm, down, &state, err) < 0)
        return -1;
    return state == VF_VM_STOPPED
               ? OPS(job)->power(job->target_pve, w->node, w->id, VF_POWER_START, 0, err)
               : 0;
}

static int name_returned(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    vf_autofree char *name = vf_name_with(w->name, VF_RETURNED);
    return OPS(job)->rename(job->target_pve, w->node, w->id, name, err);
}

static int name_back(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    return OPS(job)->rename(job->target_pve, w->node, w->id, w->unnamed ? NULL : w->name, err);
}

static const struct {
    const char *key, *title;
    int (*run)(struct vf_job *job, const struct was *w, struct vf_error **err);
    int (*undo)(struct vf_job *job, const struct was *w, struct vf_error **err);
} steps[] = {
    {"return/mark", N_("Mark the target VM"), mark, unmark},
    {"return/ha", N_("Take the target out of high availability"), leave_ha, rejoin_ha},
    {"return/onboot", N_("Keep the target from starting at boot"), onboot_off, onboot_on},
    {"return/down", N_("Shut the target VM down"), take_down, bring_up},
    {"return/name", N_("Rename the target to NAME--RETURNED"), name_returned, name_back},
};

static int retire_target(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    for (size_t i = 0; i < VF_COUNT(steps); i++) {
        if (vf_job_was_done(job, steps[i].key))
            continue;
        vf_job_say_phase(job, steps[i].key, _(steps[i].title), "begin", 0);
        json_t *since = json_pack("{s:I}", "since", (json_int_t)vf_clock_unix());
        if (vf_job_intend(job, steps[i].key, since, err) < 0 || steps[i].run(job, w, err) < 0 ||
            vf_job_done(job, steps[i].key, NULL, err) < 0)
            return -1;
        vf_job_say_phase(job, steps[i].key, _(steps[i].title), "done", 0);
    }
    return 0;
}

/* Given up before the source was touched: the target goes on as it was. */
static int restore_target(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    for (size_t i = VF_COUNT(steps); i-- > 0;) {
        const struct vf_record *r = vf_journal_find(job->journal, steps[i].key);
        if (r && r->state != VF_REC_UNDONE &&
            (steps[i].undo(job, w, err) < 0 || vf_job_undone(job, steps[i].key, err) < 0))
            return vf_fail_prefix(err, _("putting the target back"));
    }
    return vf_job_undone(job, "return", err);
}

/* ------------------------------------------------------------------ the source, into service */

/* Looked at each time, also by a process that only finishes what another began. First that nobody
 * would start it, then that it does not run: from there on it stays down. */
static int target_surely_down(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    enum vf_vm_state state;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_describe_whole(job->target_pve, w->id, err);
    if (!vm)
        return -1;
    if (vf_job_under_ha(vm))
        return vf_fail(err, VF_E_CONFLICT,
                       _("VM %u at %s is under high availability again (%s), which would start it: "
                         "take it out there (ha-manager set vm:%u --state ignored), then go on"),
                       w->id, job->plan->target, vm->ha, w->id);
    if (OPS(job)->state(job->target_pve, w->node, w->id, &state, err) < 0)
        return -1;
    return state == VF_VM_STOPPED
               ? 0
               : vf_fail(err, VF_E_CONFLICT,
                         _("VM %u at %s was started again: shut it down there, then go on"), w->id,
                         job->plan->target);
}

/* A migration has not shut it down, so there is no shutdown to undo. */
static int start_migrated(struct vf_job *job, struct vf_error **err)
{
    enum vf_vm_state state;
    struct vf_provider *p = job->source_pve;
    const struct vf_vm *s = job->source;
    if (!vf_job_is_native(job) || s->state == VF_VM_STOPPED)
        return 0;
    if (p->ops->state(p, s->node, s->id, &state, err) < 0)
        return -1;
    return state == VF_VM_STOPPED ? p->ops->power(p, s->node, s->id, VF_POWER_START, 0, err) : 0;
}

static int restore_source(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    if (vf_job_was_done(job, "return/source"))
        return 0;
    if (target_surely_down(job, w, err) < 0 || vf_job_intend(job, "return/source", NULL, err) < 0)
        return -1;
    vf_job_say_phase(job, "return/source", _("Put the source back"), "begin", 0);
    vf_job_calm(job);
    /* movers hold the disks' locks; those of a finished move have ended */
    if (!vf_journal_find(job->journal, "finish/description")) {
        vf_autoerror struct vf_error *why = NULL;
        if (vf_job_undo_hosts(job, &why) < 0)
            vf_job_note(job, "warn", "%s", vf_error_text(why));
    }
    /* high availability last: it gets a VM that runs already, or is to stay stopped */
    if (vf_job_undo_source(job, err) < 0 || start_migrated(job, err) < 0 ||
        vf_job_undo_ha(job, err) < 0)
        return -1;
    const struct vf_record *down = vf_journal_find(job->journal, "return/down");
    if (w->running && down)
        job->down_seconds = (double)(vf_clock_unix() - vf_json_int(down->intent, "since"));
    vf_job_say_phase(job, "return/source", _("Put the source back"), "done", 0);
    return vf_job_done(job, "return/source", NULL, err);
}

static int remove_target(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    const struct vf_record *pool = vf_journal_find(job->journal, "pool");
    if (!w->remove || vf_job_was_done(job, "return/remove"))
        return 0;
    vf_job_say_phase(job, "return/remove", _("Remove the target VM"), "begin", 0);
    if (!vf_journal_find(job->journal, "return/remove") &&
        vf_job_intend(job, "return/remove", NULL, err) < 0)
        return -1;
    int ours = vf_job_target_is_ours(job, w->id, err); /* 0: an earlier process removed it */
    if (ours < 0 || (ours && target_surely_down(job, w, err) < 0) ||
        (ours && OPS(job)->destroy(job->target_pve, w->node, w->id, err) < 0) ||
        (pool && vf_job_undo_pool(job, err) < 0))
        return -1;
    vf_job_say_phase(job, "return/remove", _("Remove the target VM"), "done", 0);
    return vf_job_done(job, "return/remove", NULL, err);
}

/* ------------------------------------------------------------------ all of it */

static int agree(struct vf_job *job, bool remove, struct vf_error **err)
{
    const struct vf_record *r = vf_journal_find(job->journal, "return");
    vf_auto(vf_vm_free) struct vf_vm *source = NULL;
    vf_auto(vf_vm_free) struct vf_vm *t = NULL;
    if (r && r->state == VF_REC_INTENT)
        return 0;
    if (vf_journal_back(job->journal) != VF_BACK_RETURN)
        return vf_fail(err, VF_E_CONFLICT, _("this job has no target that has run"));
    if (vf_back_check(job, remove, &source, &t, err) < 0)
        return -1;
    json_t *data = json_pack("{s:i, s:s, s:s, s:s?, s:s?, s:b, s:b, s:b, s:b}", "vmid", (int)t->id,
                             "node", t->node, "name", t->name, "description", t->description, "ha",
                             vf_job_under_ha(t) ? t->ha : NULL, "unnamed", t->unnamed, "onboot",
                             t->onboot, "running", t->state != VF_VM_STOPPED, "remove", remove);
    return vf_job_intend(job, "return", data, err);
}

/* Before the source is touched all can be put back; afterwards there is only the rest of the way.
 */
static enum vf_exit give_up(struct vf_job *job, const struct was *w, struct vf_error **err)
{
    bool again = vf_error_is_transient(*err);
    if (vf_journal_find(job->journal, "return/source"))
        return again ? VF_EXIT_INTERRUPTED : VF_EXIT_PERSON;
    if (again)
        return VF_EXIT_INTERRUPTED;
    vf_autoerror struct vf_error *why = NULL;
    vf_job_calm(job);
    vf_job_note(job, "warn", _("%s; the target is put back into service"), vf_error_text(*err));
    if (restore_target(job, w, &why) == 0)
        return VF_EXIT_FAILED;
    vf_job_note(job, "warn", "%s", vf_error_text(why));
    return vf_error_is_transient(why) ? VF_EXIT_INTERRUPTED : VF_EXIT_PERSON;
}

enum vf_exit vf_job_return(struct vf_job *job, bool remove, struct vf_error **err)
{
    if (vf_job_connect(job, err) < 0)
        return VF_EXIT_INTERRUPTED;
    if (vf_job_load_source(job, err) < 0 || vf_lease_again(job, err) < 0 ||
        agree(job, remove, err) < 0)
        return vf_error_is_transient(*err) ? VF_EXIT_INTERRUPTED : VF_EXIT_FAILED;
    struct was w = was_of(job);
    if ((vf_journal_find(job->journal, "return/source") || retire_target(job, &w, err) == 0) &&
        restore_source(job, &w, err) == 0 && remove_target(job, &w, err) == 0 &&
        vf_job_done(job, "return", NULL, err) == 0)
        return VF_EXIT_DONE;
    return give_up(job, &w, err);
}
