/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMware's own board is a 440BX: with that of the same family (i440fx, Proxmox VE's default, "pc")
 * a guest finds its devices where it is used to, and its cards keep names of the same kind: ens192
 * becomes ens18. */
#include "config.h"
#include "plan/profile.h"
#include "plan/slot.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* Where the disks go, one bus after the other; those of a CD-ROM drive are left free. */
struct hardware {
    enum vf_profile profile;
    const char *ostypes; /* of qm.conf(5) with blanks around; NULL: any */
    const char *buses[4];
    const char *model;       /* of the cards */
    const char *other_model; /* stays where it was that already; NULL: none does */
    const char *scsihw, *machine;
    const char *cache;
    const char *driver; /* bus of the small disk for its driver */
    int iothread;
    int disconnected;
};

/* The first that fits. Cache write back only for those that surely send flushes: ext3 of old
 * kernels does not unless told to. An IDE disk bears discard, too. Windows before Vista has no
 * driver for SATA (AHCI) nor for e1000, unless VMware gave it such a card. */
static const struct hardware table[] = {
    {.profile = VF_PROFILE_MODERN,
     .buses = {"scsi", "virtio"},
     .model = "virtio",
     .scsihw = "virtio-scsi-single",
     .cache = "writeback",
     .iothread = 1,
     .disconnected = -1},
    {.profile = VF_PROFILE_OLD,
     .buses = {"ide", "sata", "scsi"},
     .model = "e1000",
     .scsihw = "lsi",
     .machine = "pc",
     .iothread = -1,
     .disconnected = 1},
    {.profile = VF_PROFILE_WINDOWS,
     .ostypes = " w2k wxp w2k3 ",
     .buses = {"ide", "scsi"},
     .model = "rtl8139",
     .other_model = "e1000",
     .scsihw = "lsi",
     .machine = "pc",
     .driver = "virtio",
     .iothread = -1,
     .disconnected = -1},
    {.profile = VF_PROFILE_WINDOWS,
     .buses = {"sata", "ide", "scsi"},
     .model = "e1000",
     .scsihw = "virtio-scsi-single",
     .driver = "scsi",
     .iothread = -1,
     .disconnected = -1},
};

/* Bytes. The sizes of OVMF's variables and of a TPM's state are Proxmox VE's; it makes the other as
 * told, in GiB. */
#define EFI_BYTES    UINT64_C(540672)
#define TPM_BYTES    (UINT64_C(4) << 20)
#define DRIVER_BYTES (UINT64_C(1) << 30)

static const struct hardware *find(enum vf_profile profile, const struct vf_vm *source)
{
    const char *ostype = vf_opts_get(&source->opts, "ostype");
    vf_autofree char *word = vf_asprintf(" %s ", ostype ? ostype : "");
    for (size_t i = 0; i < VF_COUNT(table); i++)
        if (table[i].profile == profile &&
            (!table[i].ostypes || strstr(table[i].ostypes, word) != NULL))
            return &table[i];
    return NULL;
}

enum vf_profile vf_profile_for(enum vf_guest_age age)
{
    static const enum vf_profile profiles[] = {
        [VF_GUEST_AS_IS] = VF_PROFILE_NONE,      [VF_GUEST_MODERN] = VF_PROFILE_MODERN,
        [VF_GUEST_OLD] = VF_PROFILE_OLD,         [VF_GUEST_UNSURE] = VF_PROFILE_OLD,
        [VF_GUEST_WINDOWS] = VF_PROFILE_WINDOWS,
    };
    return profiles[age];
}

static bool has_drive(const struct vf_vm *vm, const char *slot)
{
    for (size_t i = 0; i < vm->n_cdroms; i++)
        if (vf_streq(vm->cdroms[i].slot, slot))
            return true;
    return false;
}

/* The next slot of H's buses after *BUS and *NUMBER that no drive of SOURCE has; NULL: they are
 * full. Caller frees. */
static char *next_slot(const struct hardware *h, const struct vf_vm *source, size_t *bus,
                       unsigned *number)
{
    for (; *bus < VF_COUNT(h->buses) && h->buses[*bus]; (*bus)++, *number = 0)
        for (;;) {
            vf_autofree char *slot = vf_asprintf("%s%u", h->buses[*bus], (*number)++);
            if (vf_slot_check(slot))
                break;
            if (!has_drive(source, slot))
                return VF_STEAL(slot);
        }
    return NULL;
}

static void set_disk(struct vf_plan_disk *d, const struct hardware *h, const char *slot)
{
    vf_str_set(&d->target_slot, slot && !vf_streq(slot, d->slot) ? slot : NULL);
    slot = vf_plan_slot(d);
    vf_str_set(&d->cache, h && vf_slot_takes(slot, "cache") ? h->cache : NULL);
    d->discard = h && vf_slot_takes(slot, "discard") ? 1 : -1;
    d->ssd = -1;
    d->iothread = h && vf_slot_takes(slot, "iothread") ? h->iothread : -1;
}

static const struct vf_nic *source_nic(const struct vf_vm *vm, unsigned index)
{
    for (size_t i = 0; i < vm->n_nics; i++)
        if (vm->nics[i].index == index)
            return &vm->nics[i];
    return NULL;
}

static void set_nic(struct vf_plan_nic *n, const struct vf_nic *s, const struct hardware *h)
{
    bool stays = h && s && (vf_streq(s->model, h->model) || vf_streq(s->model, h->other_model));
    vf_str_set(&n->model, h && !stays ? h->model : NULL);
    n->disconnected = h ? h->disconnected : -1;
}

void vf_plan_set_profile(struct vf_plan *p, const struct vf_vm *source, enum vf_profile profile)
{
    const struct hardware *h = find(profile, source);
    size_t bus = 0;
    unsigned number = 0;
    p->profile = profile;
    p->driver_disk = p->driver_disk && h && h->driver;
    for (size_t i = 0; i < p->n_disks; i++) {
        vf_autofree char *slot = h ? next_slot(h, source, &bus, &number) : NULL;
        set_disk(&p->disks[i], h, slot);
    }
    for (size_t i = 0; i < p->n_nics; i++)
        set_nic(&p->nics[i], source_nic(source, p->nics[i].index), h);
}

/* ---- the VM as a whole ---- */

const char *vf_profile_scsihw(const struct vf_plan *p, const struct vf_vm *source)
{
    const struct hardware *h = find(p->profile, source);
    return h ? h->scsihw : vf_opts_get(&source->opts, "scsihw");
}

static struct vf_disk *add_fresh(struct vf_vm *vm, const char *slot, const char *storage,
                                 uint64_t size)
{
    struct vf_disk *d = vf_vm_add_disk(vm);
    d->slot = vf_strdup(slot);
    d->storage = vf_strdup(storage);
    d->format = vf_strdup("raw");
    d->size = size;
    d->fresh = true;
    return d;
}

/* Of the few MiB nobody wants to be asked where: with the first disk, as a cloud-init drive. */
static void add_fresh_disks(const struct vf_plan *p, const struct vf_vm *source,
                            const struct hardware *h, struct vf_vm *vm)
{
    const char *storage = p->disks[0].storage;
    if (vf_streq(vf_opts_get(&vm->opts, "bios"), "ovmf") && !vf_vm_disk(vm, "efidisk0")) {
        struct vf_disk *d = add_fresh(vm, "efidisk0", storage, EFI_BYTES);
        vf_opts_set(&d->opts, "efitype", "4m");
        if (source->secure_boot)
            vf_opts_set(&d->opts, "pre-enrolled-keys", "1");
    }
    if (source->tpm && !vf_vm_disk(vm, "tpmstate0"))
        vf_opts_set(&add_fresh(vm, "tpmstate0", storage, TPM_BYTES)->opts, "version", "v2.0");
    for (unsigned i = 0; p->driver_disk && h->driver; i++) {
        vf_autofree char *slot = vf_asprintf("%s%u", h->driver, i);
        if (vf_slot_check(slot))
            break;
        if (vf_vm_disk(vm, slot))
            continue;
        add_fresh(vm, slot, storage, DRIVER_BYTES);
        break;
    }
}

/* All disks in their order, for the one with the loader need not be the first; then the drives. */
static void set_boot(const struct vf_plan *p, struct vf_vm *vm)
{
    vf_strv_free(vm->boot);
    vm->boot = vf_strv_new();
    for (size_t i = 0; i < p->n_disks && p->copy_disks; i++)
        vf_strv_add(&vm->boot, vf_plan_slot(&p->disks[i]));
    for (size_t i = 0; i < vm->n_cdroms; i++)
        vf_strv_add(&vm->boot, vm->cdroms[i].slot);
}

void vf_profile_apply(const struct vf_plan *p, const struct vf_vm *source, struct vf_vm *vm)
{
    const struct hardware *h = find(p->profile, source);
    if (!h)
        return;
    vf_opts_set(&vm->opts, "scsihw", h->scsihw);
    if (h->machine)
        vf_opts_set(&vm->opts, "machine", h->machine);
    set_boot(p, vm);
    if (p->copy_disks && p->n_disks)
        add_fresh_disks(p, source, h, vm);
}
