/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plan changes of the hardware that the guest sees, and what that means for it. */
#include "config.h"
#include "job/job_priv.h"
#include "plan/profile.h"
#include "plan/slot.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

static bool windows(const struct vf_vm *vm)
{
    const char *ostype = vf_opts_get(&vm->opts, "ostype");
    return ostype && (ostype[0] == 'w'); /* win11, w2k, wxp, wvista */
}

/* Options that its new bus does not have. */
static void tell_lost_options(const struct vf_disk *s, const char *slot, struct vf_findings *f)
{
    vf_autostrv char **lost = vf_strv_new();
    for (size_t i = 0; i < s->opts.n; i++)
        if (!vf_slot_takes(slot, s->opts.v[i].key))
            vf_strv_addf(&lost, "%s=%s", s->opts.v[i].key, s->opts.v[i].value);
    vf_autofree char *list = vf_strv_join(lost, ", ");
    if (*lost)
        vf_finding_add(f, VF_WARN, s->slot, NULL, _("not carried over; a disk at %s has no %s"),
                       slot, list);
}

static void check_bus(const struct vf_vm *source, const struct vf_disk *s, const char *slot,
                      struct vf_findings *f)
{
    const char *from = vf_slot_bus(s->slot), *to = vf_slot_bus(slot);
    bool boots = vf_strv_has(source->boot, s->slot);
    if (vf_streq(s->slot, slot))
        return;
    if (vf_streq(from, to)) {
        vf_finding_add(f, VF_INFO, s->slot, NULL,
                       _("it becomes %s: a guest that names disks by their order may find another"),
                       slot);
        return;
    }
    vf_finding_add(
        f, VF_WARN, s->slot,
        windows(source) ? _("install the drivers in the guest first (virtio-win), or keep the bus")
                        : _("have the driver in the guest's initramfs, and mount by UUID or label"),
        boots ? _("it becomes %s: a guest without a driver for that bus does not boot")
              : _("it becomes %s: a guest without a driver for that bus does not see it"),
        slot);
    tell_lost_options(s, slot, f);
}

/* A SCSI disk has a thread of its own only where it has a controller of its own. */
static void check_iothread(const char *hw, const struct vf_plan_disk *d, struct vf_findings *f)
{
    if (d->iothread == 1 && vf_streq(vf_slot_bus(vf_plan_slot(d)), "scsi") &&
        !vf_streq(hw, "virtio-scsi-single"))
        vf_finding_add(f, VF_WARN, d->slot, _("leave iothread out, or put the disk on virtio"),
                       _("iothread has no effect with the SCSI controller %s"), hw ? hw : "lsi");
}

static const struct vf_nic *nic(const struct vf_vm *vm, unsigned index)
{
    for (size_t i = 0; i < vm->n_nics; i++)
        if (vm->nics[i].index == index)
            return &vm->nics[i];
    return NULL;
}

static void check_nic(const struct vf_vm *source, const struct vf_plan_nic *n,
                      enum vf_profile profile, struct vf_findings *f)
{
    const struct vf_nic *s = nic(source, n->index);
    vf_autofree char *what = vf_asprintf("net%u", n->index);
    if (s && !profile && n->model && !vf_streq(n->model, s->model))
        vf_finding_add(f, VF_WARN, what,
                       windows(source) ? _("install the driver in the guest first (virtio-win)")
                                       : _("look at the interface's name in the guest's network "
                                           "settings"),
                       _("the card becomes %s (now %s): to the guest it is another card, without "
                         "its addresses where it goes by the card"),
                       n->model, s->model);
    if (s && n->disconnected == 1 && !s->link_down)
        vf_finding_add(f, VF_INFO, what, NULL,
                       profile == VF_PROFILE_OLD
                           ? _("it is disconnected at the target until somebody has seen the VM "
                               "start")
                           : _("it is disconnected at the target until somebody connects it"));
}

/* Whether the guest starts with the hardware it gets. */
static void check_profile(const struct vf_plan *p, const struct vf_vm *s, struct vf_findings *f)
{
    vf_autofree char *system = vf_escape(s->system ? s->system : _("unknown"));
    if (p->profile == VF_PROFILE_OLD && s->guest == VF_GUEST_UNSURE)
        vf_finding_add(
            f, VF_WARN, "profile",
            _("choose the profile modern where the guest is known to start from VirtIO "
              "disks: it is faster, and its cards are connected at once"),
            _("whether its system (%s) has VirtIO drivers is not known: it gets hardware "
              "that old systems start on, too"),
            system);
    else if (p->profile == VF_PROFILE_MODERN && s->guest == VF_GUEST_UNSURE)
        vf_finding_add(f, VF_WARN, "profile", _("should it not start, choose the profile old"),
                       _("whether its system (%s) has VirtIO drivers is not known"), system);
    else if (p->profile == VF_PROFILE_MODERN && s->guest == VF_GUEST_OLD)
        vf_finding_add(
            f, VF_WARN, "profile", _("choose the profile old"),
            _("its system (%s) may have no VirtIO drivers in its initramfs: it would not "
              "find its disks"),
            system);
    else if (p->profile != VF_PROFILE_WINDOWS && s->guest == VF_GUEST_WINDOWS)
        vf_finding_add(f, VF_WARN, "profile", _("choose the profile windows"),
                       p->profile == VF_PROFILE_MODERN
                           ? _("Windows without VirtIO drivers stops when it starts (0x7B)")
                           : _("Windows may lack the driver for the bus of its disks"));
}

void vf_check_guest(const struct vf_plan *plan, const struct vf_vm *source, struct vf_findings *f)
{
    for (size_t i = 0; i < plan->n_disks; i++) {
        const struct vf_disk *s = vf_vm_disk(source, plan->disks[i].slot);
        if (s && !plan->profile)
            check_bus(source, s, vf_plan_slot(&plan->disks[i]), f);
        check_iothread(vf_profile_scsihw(plan, source), &plan->disks[i], f);
    }
    for (size_t i = 0; i < plan->n_nics; i++)
        check_nic(source, &plan->nics[i], plan->profile, f);
    const char *cpu = vf_opts_get(&source->opts, "cpu");
    if (plan->profile || source->guest)
        check_profile(plan, source, f);
    else if (plan->cpu)
        vf_finding_add(f, VF_WARN, "cpu", NULL,
                       _("the guest sees a processor of type %s (now %s): what was built for or "
                         "licensed to the other may not run"),
                       plan->cpu, cpu ? cpu : _("the default"));
}
