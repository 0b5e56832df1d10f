/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The target VM that a plan makes of its source, and whether the source is still the planned one.
 */
#include "config.h"
#include "plan/plan.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"
#include "plan/mac.h"
#include "plan/name.h"
#include "plan/profile.h"
#include "plan/slot.h"

#include <inttypes.h>
#include <string.h>

static const struct vf_plan_disk *planned_disk(const struct vf_plan *p, const char *slot)
{
    for (size_t i = 0; i < p->n_disks; i++)
        if (vf_streq(p->disks[i].slot, slot))
            return &p->disks[i];
    return NULL;
}

static const struct vf_plan_nic *planned_nic(const struct vf_plan *p, unsigned index)
{
    for (size_t i = 0; i < p->n_nics; i++)
        if (p->nics[i].index == index)
            return &p->nics[i];
    return NULL;
}

static bool has_nic(const struct vf_vm *vm, unsigned index)
{
    for (size_t i = 0; i < vm->n_nics; i++)
        if (vm->nics[i].index == index)
            return true;
    return false;
}

static int check_disk(const struct vf_plan_disk *d, const struct vf_vm *source,
                      struct vf_error **err)
{
    vf_autofree char *slot = vf_escape(d->slot);
    const struct vf_disk *s = vf_vm_disk(source, d->slot);
    if (!s)
        return vf_fail(err, VF_E_CONFLICT, "its disk %s is gone", slot);
    if (!vf_streq(s->volume, d->volume)) {
        vf_autofree char *is = vf_escape(s->volume), *was = vf_escape(d->volume);
        return vf_fail(err, VF_E_CONFLICT, "its disk %s is now %s, it was planned as %s", slot, is,
                       was);
    }
    if (s->size != d->size)
        return vf_fail(err, VF_E_CONFLICT,
                       "its disk %s now has %" PRIu64 " bytes, it was planned with %" PRIu64, slot,
                       s->size, d->size);
    return 0;
}

/* Both ways: what the plan names must be there, and nothing may be there that the plan does not
 * name: a disk would be left behind, a NIC would come up in whatever network has the same name. */
static int check_source(const struct vf_plan *p, const struct vf_vm *source, struct vf_error **err)
{
    if (source->id != p->vm_id)
        return vf_fail(err, VF_E_CONFLICT, "its VMID is %u, planned was %u", source->id, p->vm_id);
    for (size_t i = 0; i < p->n_disks; i++)
        if (check_disk(&p->disks[i], source, err) < 0)
            return -1;
    for (size_t i = 0; i < source->n_disks; i++)
        if (!planned_disk(p, source->disks[i].slot)) {
            vf_autofree char *slot = vf_escape(source->disks[i].slot);
            return vf_fail(err, VF_E_CONFLICT, "its disk %s is not in the plan", slot);
        }
    for (size_t i = 0; i < p->n_nics; i++)
        if (!has_nic(source, p->nics[i].index))
            return vf_fail(err, VF_E_CONFLICT, "its network interface net%u is gone",
                           p->nics[i].index);
    for (size_t i = 0; i < source->n_nics; i++)
        if (!planned_nic(p, source->nics[i].index))
            return vf_fail(err, VF_E_CONFLICT, "its network interface net%u is not in the plan",
                           source->nics[i].index);
    return 0;
}

static bool mac_taken(const struct vf_vm *vm, const struct vf_nic *but, const char *mac)
{
    for (size_t i = 0; i < vm->n_nics; i++)
        if (&vm->nics[i] != but && vf_streq(vm->nics[i].mac, mac))
            return true;
    return false;
}

static int apply_nic(struct vf_vm *vm, struct vf_nic *nic, const struct vf_plan_nic *plan,
                     bool rehearse, const char *mac_prefix, struct vf_error **err)
{
    if (plan->bridge)
        vf_str_set(&nic->bridge, plan->bridge);
    if (plan->model)
        vf_str_set(&nic->model, plan->model);
    if (plan->tag != VF_VLAN_KEEP)
        nic->tag = plan->tag;
    if (plan->disconnected >= 0)
        nic->link_down = plan->disconnected;
    if (rehearse)
        nic->link_down = true;
    if (plan->mac_mode == VF_MAC_GIVEN)
        vf_str_set(&nic->mac, plan->mac);
    if (plan->mac_mode != VF_MAC_NEW)
        return 0;
    do {
        free(nic->mac);
        nic->mac = vf_mac_random(mac_prefix, err);
        if (!nic->mac)
            return -1;
    } while (mac_taken(vm, nic, nic->mac));
    return 0;
}

static void set_switch(struct vf_opts *o, const char *key, int value, const char *on,
                       const char *off)
{
    if (value >= 0)
        vf_opts_set(o, key, value ? on : off);
}

static void apply_disk(struct vf_disk *d, const struct vf_plan_disk *plan)
{
    vf_str_set(&d->storage, plan->storage);
    vf_str_set(&d->format, plan->format);
    vf_str_set(&d->volume, NULL);
    vf_str_set(&d->path, NULL);
    if (plan->target_slot && !vf_streq(plan->target_slot, d->slot)) {
        vf_str_set(&d->slot, plan->target_slot);
        for (size_t i = d->opts.n; i-- > 0;)
            if (!vf_slot_takes(d->slot, d->opts.v[i].key)) {
                vf_autofree char *key = vf_strdup(d->opts.v[i].key);
                vf_opts_remove(&d->opts, key);
            }
    }
    if (plan->cache)
        vf_opts_set(&d->opts, "cache", plan->cache);
    set_switch(&d->opts, "discard", plan->discard, "on", "ignore");
    set_switch(&d->opts, "ssd", plan->ssd, "1", "0");
    set_switch(&d->opts, "iothread", plan->iothread, "1", "0");
}

/* Every entry once, so that two disks may change places. */
static void apply_boot(struct vf_vm *vm, const struct vf_plan *p)
{
    for (char **b = vm->boot; b && *b; b++) {
        const struct vf_plan_disk *d = planned_disk(p, *b);
        if (d)
            vf_str_set(b, vf_plan_slot(d));
    }
}

/* The type is replaced; flags and what else is set of the processor stay. */
static void apply_cpu(struct vf_vm *vm, const char *type)
{
    const char *was = vf_opts_get(&vm->opts, "cpu");
    vf_autostrv char **parts = vf_strv_split(was ? was : "", ",");
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, type);
    for (char **part = parts; *part; part++)
        if (strchr(*part, '=') && !vf_starts(*part, "cputype="))
            vf_buf_printf(&b, ",%s", *part);
    vf_opts_set(&vm->opts, "cpu", vf_buf_str(&b));
}

/* Checked with what the source is, which the plan's file does not say. */
static int check_slots(const struct vf_plan *p, const struct vf_vm *source, struct vf_error **err)
{
    for (size_t i = 0; i < p->n_disks; i++)
        for (size_t k = 0; k < source->n_cdroms; k++)
            if (vf_streq(vf_plan_slot(&p->disks[i]), source->cdroms[k].slot))
                return vf_fail(err, VF_E_USAGE,
                               "disk %s cannot be at %s: there the VM has a CD-ROM drive",
                               p->disks[i].slot, source->cdroms[k].slot);
    return 0;
}

char *vf_plan_target_name(const struct vf_plan *p, const struct vf_vm *source)
{
    const char *name = p->target_name ? p->target_name : source->name;
    return p->rehearse ? vf_name_with(name, VF_TEST) : vf_strdup(name);
}

struct vf_vm *vf_plan_apply(const struct vf_plan *p, const struct vf_vm *source,
                            const char *mac_prefix, struct vf_error **err)
{
    struct vf_error *why = NULL;
    if (check_source(p, source, &why) < 0) {
        vf_autofree char *name = vf_escape(source->name ? source->name : p->vm_name);
        vf_fail(err, VF_E_CONFLICT, "the VM %s is no longer what was planned: %s; make a new plan",
                name, vf_error_text(why));
        vf_error_free(why);
        return NULL;
    }
    if (check_slots(p, source, err) < 0)
        return NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_copy(source);
    vm->id = p->target_id;
    free(vm->name);
    vm->name = vf_plan_target_name(p, source);
    if (p->target_name || p->rehearse)
        vm->unnamed = false;
    vf_str_set(&vm->node, p->target_node);
    vm->state = VF_VM_STOPPED;
    vf_str_set(&vm->lock, NULL);
    vf_str_set(&vm->digest, NULL);
    for (size_t i = 0; i < vm->n_disks; i++)
        apply_disk(&vm->disks[i], planned_disk(p, vm->disks[i].slot));
    apply_boot(vm, p);
    if (p->cpu)
        apply_cpu(vm, p->cpu);
    for (size_t i = 0; i < vm->n_nics; i++)
        if (apply_nic(vm, &vm->nics[i], planned_nic(p, vm->nics[i].index), p->rehearse, mac_prefix,
                      err) < 0)
            return NULL;
    for (size_t i = 0; i < vm->n_cdroms; i++) {
        vf_str_set(&vm->cdroms[i].media, NULL);
        /* of the few MiB that are made anew nobody wants to be asked where: with the first disk */
        vf_str_set(&vm->cdroms[i].storage, p->n_disks ? p->disks[0].storage : NULL);
        if (vm->cdroms[i].cloudinit && !p->n_disks) {
            vf_vm_leave_out(
                vm, vm->cdroms[i].slot,
                N_("the plan names no storage for the cloud-init drive, as the VM has no "
                   "disks: add a drive at the target"));
            vm->cdroms[i].cloudinit = false;
        }
    }
    vf_profile_apply(p, source, vm);
    return VF_STEAL(vm);
}

bool vf_plan_starts(const struct vf_plan *p, bool ran)
{
    return p->start && p->copy_disks && (ran || p->start_stopped || p->rehearse);
}

bool vf_plan_precopies(const struct vf_plan *p, const struct vf_vm *source, size_t i)
{
    const struct vf_disk *d = vf_vm_disk(source, p->disks[i].slot);
    /* the tables of other formats are partly in the memory of the VM's QEMU */
    return p->precopy && p->copy_disks && p->method == VF_METHOD_COPY &&
           source->state == VF_VM_RUNNING && d && vf_streq(d->format, "raw");
}
