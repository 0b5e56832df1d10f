/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of the target: its cluster, its node, the names and numbers that are taken there, and what
 * its version makes of the VM. */
#include "config.h"
#include "job/check.h"
#include "job/identity.h"
#include "plan/name.h"
#include "base/i18n.h"
#include "base/str.h"

const struct vf_node *vf_view_node(const struct vf_view *v)
{
    for (size_t i = 0; i < v->n_nodes; i++)
        if (vf_streq(v->nodes[i].name, v->plan->target_node))
            return &v->nodes[i];
    return NULL;
}

VF_CHECK(target_quorum)
{
    if (v->n_nodes && v->nodes[0].no_quorum)
        vf_finding_add(f, VF_STOP, v->plan->target,
                       _("most of its nodes must be up and see each other: see pvecm status"),
                       _("the target cluster has no quorum and refuses every change"));
    return 0;
}

VF_CHECK(target_node)
{
    const struct vf_node *n = vf_view_node(v);
    if (n && !n->online)
        vf_finding_add(f, VF_STOP, n->name, _("choose another node"),
                       _("the target node is offline"));
    if (n)
        return 0;
    vf_autostrv char **names = vf_strv_new();
    for (size_t i = 0; i < v->n_nodes; i++)
        vf_strv_add(&names, v->nodes[i].name);
    vf_autofree char *known = vf_strv_join(names, ", ");
    vf_finding_add(f, VF_STOP, v->plan->target_node, NULL,
                   _("there is no such node at %s; it has %s"), v->plan->target,
                   *known ? known : _("none that this login may see"));
    return 0;
}

VF_CHECK(memory)
{
    const struct vf_node *n = vf_view_node(v);
    if (!n || !n->memory_total || n->memory_total - n->memory_used >= v->source->memory)
        return 0;
    vf_autofree char *need = vf_format_bytes(v->source->memory);
    vf_autofree char *have = vf_format_bytes(n->memory_total - n->memory_used);
    vf_finding_add(f, VF_WARN, n->name, _("choose another node, or make room before the start"),
                   _("the VM wants %s of memory, the node has %s free"), need, have);
    return 0;
}

VF_CHECK(cpus)
{
    const struct vf_node *n = vf_view_node(v);
    const struct vf_vm *s = v->source;
    unsigned wants = (s->sockets ? s->sockets : 1) * (s->cores ? s->cores : 1);
    if (!n || !n->cpus || wants <= n->cpus)
        return 0;
    vf_finding_add(f, vf_start_severity(v), n->name,
                   _("choose another node, or give the VM fewer cores before"),
                   _("the VM has %u processors and the node %u: Proxmox does not start it there"),
                   wants, n->cpus);
    return 0;
}

/* What is left out where is told one by one. */
VF_CHECK(older)
{
    unsigned s = v->src->ops->version(v->src), t = v->dst->ops->version(v->dst);
    if (s && t && t < s)
        vf_finding_add(f, VF_INFO, v->plan->target, NULL,
                       _("it runs Proxmox VE %u.%u, older than the source (%u.%u): settings that "
                         "it does not know are listed"),
                       t / 1000, t % 1000, s / 1000, s % 1000);
    return 0;
}

VF_CHECK(target_name)
{
    vf_autofree char *name = vf_plan_target_name(v->plan, v->source);
    for (size_t i = 0; i < v->n_vms; i++) {
        const struct vf_vm *x = v->vms[i];
        if (vf_streq(x->name, name) && !x->container &&
            !(v->same_cluster && x->id == v->source->id))
            vf_finding_add(f, v->plan->ignore_exists ? VF_WARN : VF_STOP, name,
                           v->plan->ignore_exists ? NULL
                                                  : _("rename or remove that VM, or give "
                                                      "--ignore-exists"),
                           _("VM %u at %s has this name already"), x->id, v->plan->target);
    }
    return 0;
}

/* What moves that went away from there left; of NAME--CREATING see vf_check_begun(). */
VF_CHECK(unfinished)
{
    static const struct {
        const char *suffix, *what, *cure;
        enum vf_severity severity;
    } kinds[] = {
        {VF_CLONING, N_("it is being moved away from there, or was and nobody finished that"),
         N_("look at it: it may hold the newer data"), VF_WARN},
        {VF_MIGRATED, N_("it was moved away from there once"), NULL, VF_INFO},
    };
    vf_autofree char *name = vf_plan_target_name(v->plan, v->source);
    for (size_t k = 0; k < VF_COUNT(kinds); k++) {
        vf_autofree char *other = vf_name_with(name, kinds[k].suffix);
        for (size_t i = 0; i < v->n_vms; i++)
            if (vf_streq(v->vms[i]->name, other) && !v->same_cluster)
                vf_finding_add(f, kinds[k].severity, other, kinds[k].cure ? _(kinds[k].cure) : NULL,
                               _("VM %u at %s: %s"), v->vms[i]->id, v->plan->target,
                               _(kinds[k].what));
    }
    return 0;
}

VF_CHECK(vmid)
{
    for (size_t i = 0; v->plan->target_id && i < v->n_vms; i++) {
        const struct vf_vm *x = v->vms[i];
        if (x->id == v->plan->target_id)
            vf_finding_add(f, VF_STOP, v->source->name, _("choose another VMID, or none"),
                           _("VMID %u is taken at %s (by %s)"), x->id, v->plan->target,
                           x->name ? x->name : "?");
    }
    return 0;
}

VF_CHECK(same_cluster)
{
    vf_autofree char *name = vf_plan_target_name(v->plan, v->source);
    if (v->same_cluster && v->plan->ignore_exists)
        vf_finding_add(
            f, VF_WARN, name, _("never start the source again beside it"),
            _("source and target are the same cluster: both VMs have the same addresses"));
    else if (v->same_cluster)
        vf_finding_add(f, VF_STOP, name,
                       _("use Proxmox's own migration inside a cluster, or --ignore-exists"),
                       _("source and target are the same cluster"));
    return 0;
}

VF_CHECK(migration)
{
    return vf_native_preflight(v->plan, v->source, v->src, v->dst, v->storages, v->n_storages, f,
                               err);
}

int vf_fit_plan(const struct vf_plan *plan, struct vf_provider *dst, struct vf_vm *vm,
                struct vf_error **err)
{
    if (plan->method == VF_METHOD_COPY)
        return dst->ops->fit(dst, vm, err);
    if (vm->pool) /* all else is the migration's, which checks it itself */
        vf_leave_out_pool(vm);
    return 0;
}

VF_CHECK(settings)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_plan_apply(v->plan, v->source, NULL, err);
    if (!vm)
        return -1;
    if (vf_fit_plan(v->plan, v->dst, vm, &why) < 0 && vf_error_code(why) != VF_E_UNSUPPORTED)
        return vf_fail_with(err, VF_STEAL(why));
    if (why)
        vf_finding_add(f, VF_STOP, v->source->name, NULL, "%s", vf_error_text(why));
    for (size_t i = v->source->n_left_out; i < vm->n_left_out; i++)
        vf_tell_left_out(v, &vm->left_out[i], f);
    return 0;
}

VF_CHECK(hardware)
{
    vf_check_guest(v->plan, v->source, f);
    return 0;
}

VF_CHECK(same_address)
{
    return vf_check_twins(v->plan, v->source, v->same_cluster, v->dst, f, err);
}

static const struct vf_check checks[] = {
    {"target-quorum", VF_CHECK_ALWAYS, target_quorum},
    {"target-node", VF_CHECK_ALWAYS, target_node},
    {"memory", VF_CHECK_NODE, memory},
    {"cpus", VF_CHECK_NODE, cpus},
    {"older-target", VF_CHECK_NODE | VF_CHECK_PVE, older},
    {"name", VF_CHECK_NODE, target_name},
    {"unfinished-move", VF_CHECK_NODE, unfinished},
    {"vmid", VF_CHECK_NODE, vmid},
    {"same-cluster", VF_CHECK_NODE, same_cluster},
    {"migration", VF_CHECK_NODE | VF_CHECK_NATIVE, migration},
    {"settings", VF_CHECK_NODE, settings},
    {"hardware", VF_CHECK_NODE | VF_CHECK_PVE, hardware},
    {"same-address", VF_CHECK_NODE, same_address},
};
const struct vf_checks vf_checks_target = {checks, VF_COUNT(checks)};
