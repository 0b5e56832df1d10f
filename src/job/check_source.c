/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of the source: may it be touched, and what of it does not come along as it is? */
#include "config.h"
#include "job/check.h"
#include "job/state.h"
#include "plan/name.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>
#include <sys/statvfs.h>

/* The journal reserves a MiB; a log and the marks of copies come beside it. */
static const uint64_t state_needs = UINT64_C(1) << 20, state_wants = UINT64_C(16) << 20;

VF_CHECK(state_space)
{
    vf_autofree char *root = vf_state_root();
    vf_autofree char *dir = vf_strdup(root);
    struct statvfs s;
    /* it is made when it is needed: the nearest that is there */
    while (statvfs(dir, &s) < 0) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir)
            return 0;
        *slash = 0;
    }
    uint64_t avail = (uint64_t)s.f_bavail * s.f_frsize;
    vf_autofree char *have = vf_format_bytes(avail), *need = vf_format_bytes(state_wants);
    if (v->job_id || avail >= state_wants) /* a job has its journal already */
        return 0;
    vf_finding_add(f, avail < state_needs ? VF_STOP : VF_WARN, root,
                   _("make room there, or name another directory in XDG_STATE_HOME"),
                   _("%s are free for this machine's record of the job, which takes up to %s: "
                     "without it an interrupted move could not go on"),
                   have, need);
    return 0;
}

VF_CHECK(source_quorum)
{
    if (v->n_source_nodes && v->source_nodes[0].no_quorum)
        vf_finding_add(f, VF_STOP, v->plan->source,
                       _("most of its nodes must be up and see each other: see pvecm status"),
                       _("the source cluster has no quorum and refuses every change"));
    return 0;
}

VF_CHECK(claimed)
{
    const struct vf_vm *s = v->source;
    vf_autofree char *owner = vf_marker_find(s->description);
    if (owner && !vf_streq(owner, v->job_id))
        vf_finding_add(f, VF_STOP, s->name,
                       _("wait for it, or undo it with vmferry rollback; from another machine: "
                         "vmferry resume --at CLUSTER, of the one it goes to"),
                       _("job %s is moving this VM"), owner);
    return 0;
}

VF_CHECK(locked)
{
    const struct vf_vm *s = v->source;
    if (s->lock)
        vf_finding_add(f, VF_STOP, s->name, _("wait until the task that holds the lock has ended"),
                       _("its configuration is locked (%s)"), s->lock);
    return 0;
}

VF_CHECK(running_task)
{
    const struct vf_vm *s = v->source;
    vf_autostrv char **tasks = v->src->ops->tasks(v->src, s->node, s->id, err);
    if (!tasks)
        return -1;
    vf_autofree char *list = vf_strv_join(tasks, ", ");
    if (*tasks)
        vf_finding_add(f, VF_STOP, s->name, _("wait until it has ended, or stop it"),
                       _("a task runs about this VM on %s (%s): both would change it"), s->node,
                       list);
    return 0;
}

VF_CHECK(vm_name)
{
    const struct vf_vm *s = v->source;
    if (v->plan->vm_name && !vf_streq(s->name, v->plan->vm_name))
        vf_finding_add(f, VF_STOP, v->plan->vm_name,
                       _("make a new plan, or put its name into vm-name if it is the same VM"),
                       _("it is called %s now: it may be another one"), s->name);
    return 0;
}

/* Neither can it be shut down nor is what its memory holds on its disks. */
VF_CHECK(power_state)
{
    const struct vf_vm *s = v->source;
    const char *cure = vf_vm_state_cure(s->state);
    if (s->state == VF_VM_SUSPENDED)
        vf_finding_add(f, VF_STOP, s->name, cure,
                       _("it is suspended: its memory is in a file that is not copied, and its "
                         "disks alone are those of a crashed VM"));
    else if (cure)
        vf_finding_add(f, VF_STOP, s->name, cure, _("it neither runs nor is stopped (%s)"),
                       _(vf_vm_state_name(s->state)));
    return 0;
}

static const char *const suffixes[] = {VF_CREATING, VF_CLONING, VF_MIGRATED, VF_RETURNED, VF_TEST};

/* By whom it was begun, or that it is the other half of that. */
VF_CHECK(source_name)
{
    return vf_check_begun(v->plan, v->source, v->dst, v->vms, v->n_vms, f, err);
}

/* The source will be called so: two of one name are not told apart afterwards. */
VF_CHECK(leftover_names)
{
    for (size_t i = 0; i < v->n_source_vms; i++)
        for (size_t k = 0; k < VF_COUNT(suffixes); k++) {
            const struct vf_vm *x = v->source_vms[i];
            vf_autofree char *name = vf_name_with(v->source->name, suffixes[k]);
            if (x->id == v->source->id || x->container || !vf_streq(x->name, name))
                continue;
            vf_autofree char *called = v->source->guest ? vf_strdup(x->name) : vf_vm_called(x);
            vf_finding_add(f, VF_WARN, name,
                           _("look at it, and remove or rename it when nobody needs it"),
                           _("%s at %s is what another move of a VM of this name left"), called,
                           v->plan->source);
        }
    return 0;
}

VF_CHECK(rehearsal)
{
    vf_check_rehearsal(v->plan, v->source, f);
    return 0;
}

VF_CHECK(service_test)
{
    vf_check_service(v->plan, v->source, f);
    return 0;
}

VF_CHECK(no_disks)
{
    bool refused = false; /* one that is, which is told already */
    for (size_t i = 0; v->source->guest && i < v->source->n_left_out; i++)
        refused |= v->source->left_out[i].stop;
    if (!v->source->n_disks && v->plan->copy_disks && !refused)
        vf_finding_add(f, VF_WARN, v->source->name, NULL, _("it has no disks to copy"));
    return 0;
}

void vf_tell_left_out(const struct vf_view *v, const struct vf_left_out *l, struct vf_findings *f)
{
    if (l->stop)
        vf_finding_add(f, VF_STOP, l->what, NULL, "%s", _(l->why));
    else if (v->plan->method != VF_METHOD_REMOTE_MIGRATE || !vf_native_carries(l))
        vf_finding_add(f, l->minor ? VF_INFO : VF_WARN, l->what, NULL,
                       l->there ? "%s" : _("not carried over; %s"), _(l->why));
}

VF_CHECK(pending)
{
    for (size_t i = 0; i < v->source->n_left_out; i++)
        if (v->source->left_out[i].stop)
            vf_tell_left_out(v, &v->source->left_out[i], f);
    return 0;
}

VF_CHECK(not_carried)
{
    for (size_t i = 0; i < v->source->n_left_out; i++)
        if (!v->source->left_out[i].stop)
            vf_tell_left_out(v, &v->source->left_out[i], f);
    return 0;
}

VF_CHECK(linked_clone)
{
    const struct vf_vm *s = v->source;
    for (size_t i = 0; v->plan->copy_disks && i < s->n_disks; i++)
        if (s->disks[i].linked)
            vf_finding_add(
                f, VF_INFO, s->disks[i].slot, NULL,
                _("it is a linked clone: at the target it becomes a whole disk, with what "
                  "its template holds"));
    return 0;
}

VF_CHECK(cloud_init)
{
    const struct vf_vm *s = v->source;
    for (size_t i = 0; v->plan->n_disks && i < s->n_cdroms; i++)
        if (s->cdroms[i].cloudinit)
            vf_finding_add(f, VF_INFO, s->cdroms[i].slot, NULL,
                           _("the cloud-init drive is made anew from the VM's settings; with the "
                             "same settings and MAC addresses the guest takes itself for the same "
                             "instance"));
    return 0;
}

VF_CHECK(cd_rom)
{
    const struct vf_vm *s = v->source;
    for (size_t i = 0; i < s->n_cdroms; i++)
        if (s->cdroms[i].media && !s->cdroms[i].cloudinit)
            vf_finding_add(f, VF_INFO, s->cdroms[i].slot, NULL,
                           _("the drive will be empty at the target (now %s)"), s->cdroms[i].media);
    return 0;
}

/* With "agent: 1" Proxmox asks the agent to shut the guest down, and nobody else. */
VF_CHECK(guest_agent)
{
    const struct vf_vm *s = v->source;
    const char *agent = vf_opts_get(&s->opts, "agent");
    if (s->state != VF_VM_RUNNING || v->plan->rehearse || !agent ||
        (!vf_starts(agent, "1") && !vf_starts(agent, "enabled=1")) ||
        v->src->ops->agent(v->src, s->node, s->id) != 0)
        return 0;
    vf_finding_add(
        f, VF_WARN, s->name,
        _("start qemu-guest-agent in the guest, or be ready to shut it down from inside"),
        _("its guest agent is switched on (agent) and does not answer: the shutdown that "
          "is asked for may not arrive, and waits %u s"),
        v->plan->shutdown_timeout);
    return 0;
}

static void tell_replication(const struct vf_view *v, const struct vf_replication *r,
                             struct vf_findings *f)
{
    vf_autofree char *what = vf_asprintf(_("replication job %s"), r->id);
    if (vf_plan_fixes(v->plan, VF_FIX_SUSPEND_REPLICATION)) {
        vf_finding_add(f, VF_INFO, what, NULL,
                       _("it is switched off for the move, and on again when the move is undone; "
                         "after the move it stays off"));
        return;
    }
    vf_finding_add(f, VF_WARN, what, _("switch it off for the move"),
                   _("it copies the same disks to %s while they are read, which slows both down, "
                     "and goes on with the source when that is no longer needed"),
                   r->target ? r->target : "?");
    vf_finding_fix(f, vf_fix_words[VF_FIX_SUSPEND_REPLICATION]);
}

VF_CHECK(replication)
{
    struct vf_replication *jobs = NULL;
    size_t n = 0, on = 0;
    if (v->plan->rehearse) /* leaves the source alone */
        return 0;
    if (v->src->ops->replications(v->src, v->source->id, &jobs, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (jobs[i].enabled) {
            tell_replication(v, &jobs[i], f);
            on++;
        }
    vf_replications_free(jobs, n);
    if (!on || !vf_plan_fixes(v->plan, VF_FIX_SUSPEND_REPLICATION))
        return 0;
    int may = v->src->ops->may_replicate(v->src, v->source->id, err);
    if (may == 0)
        vf_finding_add(f, VF_STOP, v->plan->source,
                       _("leave suspend-replication out, or give this login Datastore.Allocate on "
                         "/storage (since Proxmox VE 9: VM.Replicate on the VM)"),
                       _("this login may not switch replication jobs"));
    return may < 0 ? -1 : 0;
}

/* The API may not be enough: a free licence lets nobody change anything through it, and what a disk
 * is compared with is better made by the host itself. */
VF_CHECK(ssh_service)
{
    struct vf_provider *p = v->src;
    vf_autoerror struct vf_error *why = NULL;
    bool switched = vf_plan_fixes(v->plan, VF_FIX_SWITCH_SSH_ON);
    if (!p->ops->ssh_service || v->plan->rehearse)
        return 0;
    int on = p->ops->ssh_service(p, v->source->node, &why);
    if (on < 0 && switched)
        vf_finding_add(f, VF_STOP, v->plan->source, _("leave switch-ssh-on out"), "%s",
                       vf_error_text(why));
    if (on != 0)
        return 0;
    vf_autofree char *what = vf_asprintf(_("SSH service of %s"), v->plan->source);
    if (switched) {
        vf_finding_add(f, VF_INFO, what, NULL,
                       _("it is switched on for the import, and off again at its end"));
        return 0;
    }
    bool needed = p->ops->lacks && p->ops->lacks(p);
    vf_finding_add(
        f, needed ? VF_WARN : VF_INFO, what,
        _("switch it on at the host (Host, Actions, Services), or let vmferry do it"), "%s",
        needed ? _("it is off, and the host's licence lets nobody change anything through the API: "
                   "the source stays as it is, neither renamed nor kept from being started")
               : _("it is off: with it the host itself makes the checksums that the disks at the "
                   "target are compared with; without it a sample is read a second time"));
    vf_finding_fix(f, vf_fix_words[VF_FIX_SWITCH_SSH_ON]);
    return 0;
}

static const struct vf_check checks[] = {
    {"state-space", VF_CHECK_ALWAYS, state_space},
    {"source-quorum", VF_CHECK_PVE, source_quorum},
    {"claimed", VF_CHECK_ALWAYS, claimed},
    {"lock", VF_CHECK_PVE, locked},
    {"running-task", VF_CHECK_PVE, running_task},
    {"vm-name", VF_CHECK_ALWAYS, vm_name},
    {"power-state", VF_CHECK_ALWAYS, power_state},
    {"source-name", VF_CHECK_ALWAYS, source_name},
    {"leftover-names", VF_CHECK_ALWAYS, leftover_names},
    {"no-disks", VF_CHECK_ALWAYS, no_disks},
    {"rehearsal", VF_CHECK_ALWAYS, rehearsal},
    {"service-test", VF_CHECK_PVE, service_test},
    {"pending", VF_CHECK_ALWAYS, pending},
    {"not-carried", VF_CHECK_ALWAYS, not_carried},
    {"linked-clone", VF_CHECK_COPY | VF_CHECK_PVE, linked_clone},
    {"cloud-init", VF_CHECK_COPY | VF_CHECK_PVE, cloud_init},
    {"cd-rom", VF_CHECK_COPY, cd_rom},
    {"guest-agent", VF_CHECK_COPY | VF_CHECK_PVE, guest_agent},
    {"replication", VF_CHECK_COPY | VF_CHECK_PVE, replication},
    {"ssh-service", VF_CHECK_COPY | VF_CHECK_OTHER, ssh_service},
};
const struct vf_checks vf_checks_source = {checks, VF_COUNT(checks)};
