/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of sources that are no Proxmox VE: hosts of VMware, exported files. */
#include "config.h"
#include "job/check.h"
#include "base/i18n.h"
#include "base/str.h"

VF_CHECK(snapshots)
{
    const struct vf_vm *s = v->source;
    if (!s->snapshots || !v->plan->copy_disks)
        return 0;
    if (!v->plan->remove_snapshots || v->plan->rehearse)
        vf_finding_add(f, VF_STOP, s->name,
                       v->plan->rehearse
                           ? _("remove them at the host first: a rehearsal changes nothing there")
                           : _("remove them at the host, or have them removed once it is shut down "
                               "(--remove-snapshots)"),
                       _("it has snapshots (%u): its disks hold only what they were before the "
                         "first"),
                       s->snapshots);
    else
        vf_finding_add(f, VF_WARN, s->name, NULL,
                       _("its snapshots (%u) are removed at the source once it is shut down; its "
                         "disks stay as they are now, but no way back brings the snapshots back"),
                       s->snapshots);
    return 0;
}

static const struct {
    unsigned bit;
    const char *what;
} lacking[] = {
    {VF_LACKS_CLAIM, N_("nothing can be written into its notes there: nobody sees that it is being "
                        "moved; let nobody else move it")},
    {VF_LACKS_RENAME, N_("it keeps its name there: never start it again beside the new one")},
    {VF_LACKS_ONBOOT, N_("whether the host starts it by itself stays as it is: look at that before "
                         "the host is restarted")},
};

VF_CHECK(source_changes)
{
    const struct vf_vm *s = v->source;
    unsigned lacks = v->plan->rehearse ? 0 : vf_source_lacks(v->src);
    if (v->src->ops->login) /* of files there is nobody to be told */
        for (size_t i = 0; i < VF_COUNT(lacking); i++)
            if (lacks & lacking[i].bit && (lacking[i].bit != VF_LACKS_ONBOOT || s->onboot))
                vf_finding_add(f, VF_WARN, s->name, NULL, "%s", _(lacking[i].what));
    if (lacks & VF_LACKS_POWER && s->state == VF_VM_RUNNING)
        vf_finding_add(f, VF_STOP, s->name, _("shut it down at the host, then move it"),
                       _("it runs, and cannot be shut down from here"));
    return 0;
}

VF_CHECK(beside)
{
    const struct vf_vm *s = v->source;
    /* files do not tell whether what they were exported from runs again */
    if (!v->src->ops->login && !v->plan->rehearse && vf_plan_starts(v->plan, false))
        vf_finding_add(f, VF_WARN, s->name,
                       _("see that it is down there before you begin, or ask before it is started "
                         "(--wait-before-start)"),
                       _("it is started at the target: where it was exported from it may still "
                         "run, with the same addresses"));
    return 0;
}

VF_CHECK(tools)
{
    const struct vf_vm *s = v->source;
    if (s->state != VF_VM_RUNNING || v->plan->rehearse ||
        v->src->ops->agent(v->src, s->node, s->id) != 0)
        return 0;
    vf_finding_add(
        f, VF_WARN, s->name,
        _("shut it down inside before the move, or be ready to do so when asked"),
        _("VMware Tools do not run in it: it cannot be asked from outside to shut down"));
    if (v->plan->service_ports && !v->plan->service_addresses)
        vf_finding_add(f, VF_WARN, s->name, _("give them with --address"),
                       _("which ports of it answer cannot be tried: without VMware Tools nobody "
                         "tells its addresses, and none were given"));
    return 0;
}

static const struct vf_check checks[] = {
    {"snapshots", VF_CHECK_OTHER, snapshots},
    {"source-changes", VF_CHECK_OTHER, source_changes},
    {"exported-from", VF_CHECK_OTHER, beside},
    {"vmware-tools", VF_CHECK_OTHER, tools},
};
const struct vf_checks vf_checks_import = {checks, VF_COUNT(checks)};
