/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moves that are recognised by the names of their VMs: by proxmove, by hand, or by a job of vmferry
 * that this machine does not know. Names prove nothing but that somebody began; which copy is whole
 * nobody can tell from outside, so a person tidies up, by commands that are given. */
#include "config.h"
#include "job/job_priv.h"
#include "plan/name.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

struct scene {
    const struct vf_plan *plan;
    const struct vf_vm *source;
    char *name;                   /* without suffix */
    const struct vf_vm *creating; /* NAME--CREATING at the target; NULL: none */
    const struct vf_vm *named;    /* NAME at the target */
    struct vf_findings *f;
};

/* NAME without SUFFIX, or NULL. */
static char *without(const char *name, const char *suffix)
{
    return vf_ends(name, suffix) ? vf_strndup(name, strlen(name) - strlen(suffix)) : NULL;
}

static char *put_back(const struct scene *s)
{
    return vf_asprintf(_("on %s: qm set %u --name %s (and qm start %u to have the service back at "
                         "once)"),
                       s->source->node, s->source->id, s->name, s->source->id);
}

static void shut_down_for(const struct scene *s)
{
    const struct vf_vm *copy = s->creating ? s->creating : s->named;
    vf_autofree char *back = put_back(s);
    if (!copy)
        vf_finding_add(s->f, VF_STOP, s->source->name, back,
                       _("the name says that a move shut it down to copy its disks, but %s has no "
                         "copy of it: was it to go to another cluster?"),
                       s->plan->target);
    else if (copy->state != VF_VM_STOPPED)
        vf_finding_add(s->f, VF_STOP, s->source->name,
                       _("find out which of both holds the newer data before you start or remove "
                         "either"),
                       _("a move that vmferry did not begin (proxmove names VMs so) left its copy, "
                         "VM %u (%s) on %s, running"),
                       copy->id, copy->name, copy->node);
    else {
        vf_autofree char *cure = vf_asprintf(
            _("make sure that nobody goes on with that move; then %s; on %s: qm destroy "
              "%u, unless you want to keep what is there; then move it again"),
            back, copy->node, copy->id);
        vf_finding_add(
            s->f, VF_STOP, s->source->name, cure,
            _("a move that vmferry did not begin (proxmove names VMs so) shut it down to "
              "copy its disks to VM %u (%s) on %s. They may be incomplete there, "
              "whatever their size; the source has everything"),
            copy->id, copy->name, copy->node);
    }
}

static void was_moved(const struct scene *s)
{
    vf_autofree char *back = put_back(s);
    if (s->named)
        vf_finding_add(s->f, VF_STOP, s->source->name, _("nothing is left to do; never run both"),
                       _("it was moved already: VM %u (%s) on %s is its copy, and %s"),
                       s->named->id, s->named->name, s->named->node,
                       _(vf_vm_state_name(s->named->state)));
    else
        vf_finding_add(
            s->f, VF_STOP, s->source->name, back,
            _("the name says that it was moved already, but %s has no VM %s: was it moved "
              "to another cluster?"),
            s->plan->target, s->name);
}

static void is_a_copy(const struct scene *s)
{
    vf_finding_add(s->f, VF_STOP, s->source->name,
                   _("finish or undo that move first, then move its result"),
                   _("the name says that it is itself the unfinished copy of another move"));
}

static void went_back(const struct scene *s)
{
    vf_finding_add(s->f, VF_STOP, s->source->name, _("give it another name if it is to be moved"),
                   _("the name says that it is a copy that was given up when its move went back to "
                     "the source"));
}

/* A copy was begun, the source not yet shut down for it. */
static int check_copy(const struct scene *s, struct vf_provider *dst, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *notes = dst->ops->notes(dst, s->creating->id, NULL, &why);
    if (!notes && vf_error_is_transient(why))
        return vf_fail_with(err, VF_STEAL(why));
    vf_autofree char *owner = vf_marker_find(notes);
    vf_autofree char *cure =
        owner
            ? vf_asprintf(_("vmferry resume %s, or from another machine: vmferry resume --at %s "
                            "%s"),
                          owner, s->plan->target, owner)
            : vf_asprintf(_("make sure that nobody goes on with that move; then on %s: qm destroy "
                            "%u, and move it again"),
                          s->creating->node, s->creating->id);
    if (owner)
        vf_finding_add(s->f, VF_STOP, s->creating->name, cure,
                       _("VM %u on %s was made by job %s, which is not finished"), s->creating->id,
                       s->creating->node, owner);
    else
        vf_finding_add(s->f, VF_STOP, s->creating->name, cure,
                       _("VM %u on %s is the beginning of a move that vmferry did not begin "
                         "(proxmove names VMs so); the source was not shut down for it"),
                       s->creating->id, s->creating->node);
    return 0;
}

static void is_a_test(const struct scene *s)
{
    vf_finding_add(s->f, VF_STOP, s->source->name,
                   _("move its source, or rename this one when it is the one to keep"),
                   _("the name says that it is the test VM of a rehearsal"));
}

static const struct {
    const char *suffix;
    void (*say)(const struct scene *s);
} rules[] = {
    {VF_CLONING, shut_down_for}, {VF_MIGRATED, was_moved}, {VF_CREATING, is_a_copy},
    {VF_RETURNED, went_back},    {VF_TEST, is_a_test},
};

int vf_check_begun(const struct vf_plan *plan, const struct vf_vm *source, struct vf_provider *dst,
                   struct vf_vm *const *vms, size_t n, struct vf_findings *f, struct vf_error **err)
{
    struct scene s = {.plan = plan, .source = source, .f = f};
    size_t rule = 0;
    while (rule < VF_COUNT(rules) && !vf_ends(source->name, rules[rule].suffix))
        rule++;
    vf_autofree char *name = vf_plan_target_name(plan, source);
    vf_autofree char *base =
        rule < VF_COUNT(rules) ? without(source->name, rules[rule].suffix) : vf_strdup(name);
    vf_autofree char *creating = vf_name_with(base, VF_CREATING);
    s.name = base;
    for (size_t i = 0; i < n; i++) {
        if (vf_streq(vms[i]->name, creating))
            s.creating = vms[i];
        if (vf_streq(vms[i]->name, base) && !vms[i]->container)
            s.named = vms[i];
    }
    if (rule < VF_COUNT(rules)) {
        rules[rule].say(&s);
        return 0;
    }
    return s.creating ? check_copy(&s, dst, err) : 0;
}

char *vf_begun_hint(const char *name, struct vf_vm *const *vms, size_t n)
{
    static const char *const suffixes[] = {VF_CLONING, VF_MIGRATED};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < VF_COUNT(suffixes); k++) {
            vf_autofree char *other = vf_name_with(name, suffixes[k]);
            if (vf_streq(vms[i]->name, other))
                return vf_asprintf(
                    k ? _("VM %u (%s) was moved already")
                      : _("VM %u (%s) is in the middle of a move: vmferry jobs, or vmferry resume "
                          "--at CLUSTER from another machine; if proxmove began it, vmferry move "
                          "-n "
                          "with this very name says how things are"),
                    vms[i]->id, other);
        }
    return NULL;
}
