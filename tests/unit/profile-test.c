/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/profile.h"
#include "base/buf.h"
#include "base/str.h"
#include "tests/unit/plan-one.h"
#include "tests/unit/tap.h"

#include <string.h>

/* A VM of VMware's as the provider describes it: N disks, drives at the end of the IDE bus. */
static struct vf_vm *foreign(enum vf_guest_age age, size_t disks, size_t drives)
{
    struct vf_vm *vm = vf_vm_new();
    vm->id = 12;
    vm->name = vf_strdup("web");
    vm->guest = age;
    vf_opts_set(&vm->opts, "ostype", age == VF_GUEST_WINDOWS ? "win10" : "l26");
    vf_opts_set(&vm->opts, "bios", "seabios");
    vf_opts_set(&vm->opts, "scsihw", "pvscsi");
    for (size_t i = 0; i < disks; i++) {
        struct vf_disk *d = vf_vm_add_disk(vm);
        d->slot = vf_asprintf("scsi%zu", i);
        d->volume = vf_asprintf("[ds] web/web_%zu.vmdk", i);
        d->format = vf_strdup("recipe");
        d->size = 1 << 20;
    }
    for (size_t i = 0; i < drives; i++)
        vf_vm_add_cdrom(vm)->slot = vf_asprintf("ide%zu", 3 - i);
    for (unsigned i = 0; i < 2; i++) {
        struct vf_nic *n = vf_vm_add_nic(vm);
        n->index = i;
        n->model = vf_strdup(i ? "e1000" : "vmxnet3");
        n->mac = vf_asprintf("00:50:56:00:00:0%u", i);
        n->bridge = vf_strdup("VM Network");
        n->tag = 7 * i;
    }
    return vm;
}

static struct vf_plan *plan_of(const struct vf_vm *vm, enum vf_profile profile)
{
    struct vf_plan *p = vf_plan_new();
    p->source = vf_strdup("esx");
    p->target = vf_strdup("beta");
    p->vm_id = vm->id;
    p->target_node = vf_strdup("b1");
    for (size_t i = 0; i < vm->n_disks; i++) {
        struct vf_plan_disk *d = vf_plan_add_disk(p);
        d->slot = vf_strdup(vm->disks[i].slot);
        d->volume = vf_strdup(vm->disks[i].volume);
        d->size = vm->disks[i].size;
        d->storage = vf_strdup(i ? "slow" : "fast");
        d->format = vf_strdup("raw");
    }
    for (size_t i = 0; i < vm->n_nics; i++) {
        struct vf_plan_nic *n = vf_plan_add_nic(p);
        n->index = vm->nics[i].index;
        n->bridge = vf_strdup("vmbr0");
    }
    vf_plan_set_profile(p, vm, profile);
    return p;
}

/* "scsi0 scsi1 | virtio virtio" */
static char *hardware(const struct vf_plan *p, const struct vf_vm *vm)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < p->n_disks; i++)
        vf_buf_printf(&b, "%s ", vf_plan_slot(&p->disks[i]));
    vf_buf_puts(&b, "|");
    for (size_t i = 0; i < p->n_nics; i++)
        vf_buf_printf(&b, " %s", p->nics[i].model ? p->nics[i].model : vm->nics[i].model);
    return vf_buf_take(&b);
}

static void test_proposals(void)
{
    ok(vf_profile_for(VF_GUEST_AS_IS) == VF_PROFILE_NONE, "Proxmox VE's stay as they are");
    ok(vf_profile_for(VF_GUEST_MODERN) == VF_PROFILE_MODERN, "modern");
    ok(vf_profile_for(VF_GUEST_OLD) == VF_PROFILE_OLD, "old");
    ok(vf_profile_for(VF_GUEST_UNSURE) == VF_PROFILE_OLD, "what starts in any case");
    ok(vf_profile_for(VF_GUEST_WINDOWS) == VF_PROFILE_WINDOWS, "Windows");
}

static void test_slots(void)
{
    static const struct {
        enum vf_profile profile;
        const char *ostype;
        size_t disks, drives;
        const char *want;
    } cases[] = {
        {VF_PROFILE_MODERN, "l26", 2, 1, "scsi0 scsi1 | virtio virtio"},
        {VF_PROFILE_OLD, "l26", 1, 1, "ide0 | e1000 e1000"},
        {VF_PROFILE_OLD, "l26", 4, 0, "ide0 ide1 ide2 ide3 | e1000 e1000"},
        {VF_PROFILE_OLD, "l26", 5, 0, "ide0 ide1 ide2 ide3 sata0 | e1000 e1000"},
        {VF_PROFILE_OLD, "l26", 5, 1, "ide0 ide1 ide2 sata0 sata1 | e1000 e1000"},
        {VF_PROFILE_OLD, "l26", 4, 2, "ide0 ide1 sata0 sata1 | e1000 e1000"},
        {VF_PROFILE_OLD, "l24", 11, 1,
         "ide0 ide1 ide2 sata0 sata1 sata2 sata3 sata4 sata5 scsi0 scsi1 | e1000 e1000"},
        {VF_PROFILE_WINDOWS, "win10", 2, 1, "sata0 sata1 | e1000 e1000"},
        {VF_PROFILE_WINDOWS, "w2k8", 7, 1,
         "sata0 sata1 sata2 sata3 sata4 sata5 ide0 | e1000 e1000"},
        {VF_PROFILE_WINDOWS, "w2k3", 2, 1, "ide0 ide1 | rtl8139 e1000"},
        {VF_PROFILE_WINDOWS, "w2k", 1, 0, "ide0 | rtl8139 e1000"},
        {VF_PROFILE_NONE, "l26", 2, 1, "scsi0 scsi1 | vmxnet3 e1000"},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_auto(vf_vm_free) struct vf_vm *vm =
            foreign(VF_GUEST_MODERN, cases[i].disks, cases[i].drives);
        vf_opts_set(&vm->opts, "ostype", cases[i].ostype);
        vf_auto(vf_plan_free) struct vf_plan *p = plan_of(vm, cases[i].profile);
        vf_autofree char *got = hardware(p, vm);
        is_str(got, cases[i].want, vf_profile_words[cases[i].profile]);
    }
    vf_auto(vf_vm_free) struct vf_vm *vm = foreign(VF_GUEST_MODERN, 31, 0);
    vf_auto(vf_plan_free) struct vf_plan *p = plan_of(vm, VF_PROFILE_MODERN);
    is_str(vf_plan_slot(&p->disks[30]), "scsi30", "as many as there may be");
}

static void test_change(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = foreign(VF_GUEST_MODERN, 2, 1);
    vf_auto(vf_plan_free) struct vf_plan *p = plan_of(vm, VF_PROFILE_MODERN);
    const struct vf_plan_disk *d = &p->disks[0];
    ok(!d->target_slot && vf_streq(d->cache, "writeback") && d->discard == 1 && d->iothread == 1 &&
           d->ssd == -1 && p->nics[0].disconnected == -1,
       "modern: what is set of a disk");
    p->disks[1].iothread = 0;
    vf_plan_set_profile(p, vm, VF_PROFILE_OLD);
    ok(vf_streq(d->target_slot, "ide0") && !d->cache && d->discard == 1 && d->iothread == -1,
       "old: IDE has no iothread");
    ok(p->nics[0].disconnected == 1 && vf_streq(p->nics[0].model, "e1000") && !p->nics[1].model,
       "its cards wait");
    vf_autofree char *old = vf_plan_text(p);
    vf_auto(vf_plan_free) struct vf_plan *back = parse_plan(old, NULL);
    vf_autofree char *again = back ? vf_plan_text(back) : NULL;
    is_str(again, old, "such a plan can be written and read");
    p->driver_disk = true;
    vf_plan_set_profile(p, vm, VF_PROFILE_WINDOWS);
    ok(p->driver_disk && p->nics[0].disconnected == -1 && d->discard == 1, "Windows");
    vf_plan_set_profile(p, vm, VF_PROFILE_MODERN);
    vf_auto(vf_plan_free) struct vf_plan *fresh = plan_of(vm, VF_PROFILE_MODERN);
    vf_autofree char *a = vf_plan_text(p), *b = vf_plan_text(fresh);
    is_str(a, b, "and back: nothing is left of the others");
    vf_plan_set_profile(p, vm, VF_PROFILE_NONE);
    ok(!d->cache && d->discard == -1 && d->iothread == -1 && !p->nics[0].model, "none");
}

static char *opts_text(const struct vf_opts *o)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < o->n; i++)
        vf_buf_printf(&b, "%s%s=%s", i ? "," : "", o->v[i].key, o->v[i].value);
    return vf_buf_take(&b);
}

static void is_fresh(const struct vf_vm *vm, const char *slot, const char *opts)
{
    const struct vf_disk *d = vf_vm_disk(vm, slot);
    if (!ok(d && d->fresh && !d->volume && d->size && vf_streq(d->storage, "fast"), "%s is made",
            slot))
        return;
    vf_autofree char *got = opts_text(&d->opts);
    is_str(got, opts, slot);
}

static void test_apply(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = foreign(VF_GUEST_OLD, 2, 1);
    vf_auto(vf_plan_free) struct vf_plan *p = plan_of(vm, VF_PROFILE_OLD);
    vf_auto(vf_vm_free) struct vf_vm *t = vf_plan_apply(p, vm, NULL, NULL);
    is_str(vf_opts_get(&t->opts, "machine"), "pc", "old: i440fx, said");
    is_str(vf_opts_get(&t->opts, "scsihw"), "lsi", "a controller that old systems know");
    vf_autofree char *boot = vf_strv_join(t->boot, " ");
    is_str(boot, "ide0 ide1 ide3", "the disks come first");
    ok(t->nics[0].link_down && vf_streq(t->nics[0].mac, "00:50:56:00:00:00"),
       "disconnected, with its address");
    ok(t->nics[1].tag == 7 && vf_streq(t->nics[1].bridge, "vmbr0"), "VLAN tag and bridge");
    ok(t->n_disks == 2 && !t->cdroms[0].media, "no disk besides; drives are empty");

    vf_plan_set_profile(p, vm, VF_PROFILE_MODERN);
    vf_auto(vf_vm_free) struct vf_vm *m = vf_plan_apply(p, vm, NULL, NULL);
    ok(!vf_opts_get(&m->opts, "machine"), "modern: Proxmox VE's default board");
    is_str(vf_opts_get(&m->opts, "scsihw"), "virtio-scsi-single", "controller");
    vf_autofree char *opts = opts_text(&m->disks[0].opts);
    is_str(opts, "cache=writeback,discard=on,iothread=1", "its disks");

    vf_auto(vf_vm_free) struct vf_vm *win = foreign(VF_GUEST_WINDOWS, 2, 1);
    vf_opts_set(&win->opts, "bios", "ovmf");
    win->secure_boot = win->tpm = true;
    vf_auto(vf_plan_free) struct vf_plan *w = plan_of(win, VF_PROFILE_WINDOWS);
    w->driver_disk = true;
    vf_auto(vf_vm_free) struct vf_vm *wt = vf_plan_apply(w, win, NULL, NULL);
    ok(wt->n_disks == 5, "three disks are made");
    is_fresh(wt, "efidisk0", "efitype=4m,pre-enrolled-keys=1");
    is_fresh(wt, "tpmstate0", "version=v2.0");
    is_fresh(wt, "scsi0", "");
    vf_autofree char *wboot = vf_strv_join(wt->boot, " ");
    is_str(wboot, "sata0 sata1 ide3", "none of them is booted from");
    win->secure_boot = win->tpm = w->driver_disk = false;
    vf_auto(vf_vm_free) struct vf_vm *plain = vf_plan_apply(w, win, NULL, NULL);
    ok(plain->n_disks == 3, "only what is asked for");
    is_fresh(plain, "efidisk0", "efitype=4m");
    w->copy_disks = false;
    vf_auto(vf_vm_free) struct vf_vm *bare = vf_plan_apply(w, win, NULL, NULL);
    ok(bare->n_disks == 2, "a VM without disks gets none of these");
    vf_opts_set(&win->opts, "ostype", "wxp");
    w->copy_disks = w->driver_disk = true;
    vf_plan_set_profile(w, win, VF_PROFILE_WINDOWS);
    vf_auto(vf_vm_free) struct vf_vm *xp = vf_plan_apply(w, win, NULL, NULL);
    is_fresh(xp, "virtio0", "");
}

int main(void)
{
    test_proposals();
    test_slots();
    test_change();
    test_apply();
    return done_testing();
}
