/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drives, network cards and the boot order of a configuration. */
#include "config.h"
#include "provider/pve/propstr.h"
#include "provider/pve/vmconfig.h"
#include "provider/pve/volid.h"
#include "base/str.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ------------------------------------------------------------------ drives */

/* An own copy of the option's value, which is removed; NULL when it is not there. */
static char *take(struct vf_opts *o, const char *key)
{
    char *v = vf_strdup(vf_opts_get(o, key));
    vf_opts_remove(o, key);
    return v;
}

static int check_volume(const struct vf_vm *vm, const char *slot, const char *file,
                        struct vf_volid *v, struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(file);
    if (*file == '/')
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "%s is %s of the node itself, not a volume of a storage: detach it, and move its "
            "data by hand",
            slot, shown);
    if (vf_volid_parse(file, v, err) < 0)
        return vf_fail_prefix(err, "%s", slot);
    return 0;
}

static int read_cdrom(struct vf_vm *vm, const char *slot, const char *file, struct vf_error **err)
{
    vf_autovolid struct vf_volid v = {0};
    bool empty = !strcmp(file, "none");
    if (!empty && *file != '/' && strcmp(file, "cdrom") &&
        check_volume(vm, slot, file, &v, err) < 0)
        return -1;
    *vf_vm_add_cdrom(vm) = (struct vf_cdrom){
        .slot = vf_strdup(slot),
        .media = empty ? NULL : vf_strdup(file),
        .cloudinit = v.cloudinit,
        .storage = VF_STEAL(v.storage),
    };
    return 0;
}

static int read_disk(struct vf_vm *vm, const char *slot, const char *file, struct vf_opts *opts,
                     struct vf_error **err)
{
    vf_autovolid struct vf_volid v = {0};
    vf_autofree char *shown = vf_escape(file);
    if (check_volume(vm, slot, file, &v, err) < 0)
        return -1;
    if (v.owner && v.owner != vm->id)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s (%s) belongs to VM %u: a disk of another VM is not moved", slot, shown,
                       v.owner);
    struct vf_disk *d = vf_vm_add_disk(vm);
    d->slot = vf_strdup(slot);
    d->volume = vf_strdup(file);
    d->storage = VF_STEAL(v.storage);
    d->linked = v.linked;
    const char *dot = strrchr(file, '.');
    d->format = vf_strdup(dot && !strcmp(dot, ".qcow2") ? "qcow2" : "raw");
    vf_opts_copy(&d->opts, opts);
    return 0;
}

int vf_pve_read_drive(struct vf_vm *vm, const char *slot, const char *value, struct vf_error **err)
{
    struct vf_opts o = {0};
    if (vf_propstr_parse(value, "file", &o, err) < 0)
        return vf_fail_prefix(err, "%s", slot);
    vf_autofree char *file = take(&o, "file"), *media = take(&o, "media");
    vf_opts_remove(&o, "size"); /* the storage knows it better */
    vf_opts_remove(&o, "format");
    int r = 0;
    if (!file) {
        r = vf_fail(err, VF_E_CORRUPT, "%s names no volume", slot);
    } else if (vf_streq(media, "cdrom") || !strcmp(file, "none") || !strcmp(file, "cdrom")) {
        r = read_cdrom(vm, slot, file, err);
    } else {
        r = read_disk(vm, slot, file, &o, err);
    }
    vf_opts_free(&o);
    return r;
}

bool vf_pve_is_firmware(const char *slot)
{
    return vf_starts(slot, "efidisk") || vf_starts(slot, "tpmstate");
}

char *vf_pve_disk_value(const struct vf_disk *d)
{
    struct vf_opts o = {0};
    vf_opts_set(&o, "file", d->volume);
    for (size_t i = 0; i < d->opts.n; i++)
        vf_opts_set(&o, d->opts.v[i].key, d->opts.v[i].value);
    char *s = vf_propstr_print(&o, "file");
    vf_opts_free(&o);
    return s;
}

/* ------------------------------------------------------------------ network cards */

static bool is_mac(const char *s)
{
    for (int i = 0; i < 17; i++)
        if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
            return false;
    return s[17] == '\0';
}

static bool is_nic_model(const char *name)
{
    for (size_t i = 0; vf_nic_models[i]; i++)
        if (vf_streq(vf_nic_models[i], name))
            return true;
    return false;
}

/* "virtio=02:…" has the model as its key; "model=virtio,macaddr=02:…" and "virtio" are the other
 * forms. */
static void take_model(struct vf_opts *o, char **model, char **mac)
{
    *model = take(o, "model");
    *mac = take(o, "macaddr");
    for (size_t i = 0; !*model && i < o->n; i++)
        if (is_nic_model(o->v[i].key)) {
            *model = vf_strdup(o->v[i].key);
            free(*mac);
            *mac = take(o, *model);
        }
    for (char *p = *mac; p && *p; p++)
        *p = (char)toupper((unsigned char)*p);
}

int vf_pve_read_nic(struct vf_vm *vm, unsigned index, const char *value, struct vf_error **err)
{
    struct vf_opts o = {0};
    if (vf_propstr_parse(value, "model", &o, err) < 0)
        return vf_fail_prefix(err, "net%u", index);
    vf_autofree char *model = NULL, *mac = NULL;
    take_model(&o, &model, &mac);
    vf_autofree char *bridge = take(&o, "bridge"), *tag = take(&o, "tag");
    vf_autofree char *down = take(&o, "link_down");
    uint64_t vlan = 0;
    int r = 0;
    if (!is_nic_model(model) || (mac && !is_mac(mac)))
        r = vf_fail(err, VF_E_CORRUPT, "net%u names no model and address that can be understood",
                    index);
    else if (tag && vf_parse_u64(tag, 0, VF_LAST_VLAN, &vlan) < 0)
        r = vf_fail(err, VF_E_CORRUPT, "net%u has a VLAN tag that is none", index);
    if (r == 0) {
        struct vf_nic *n = vf_vm_add_nic(vm);
        n->index = index;
        n->model = VF_STEAL(model);
        n->mac = VF_STEAL(mac);
        n->bridge = VF_STEAL(bridge);
        n->tag = (unsigned)vlan;
        n->link_down = vf_propval_true(down);
        vf_opts_copy(&n->opts, &o);
    }
    vf_opts_free(&o);
    return r;
}

char *vf_pve_fresh_value(const struct vf_disk *d)
{
    enum { GIB_SHIFT = 30 };
    uint64_t gib = (d->size + (UINT64_C(1) << GIB_SHIFT) - 1) >> GIB_SHIFT;
    vf_autofree char *opts = vf_propstr_print(&d->opts, NULL);
    return vf_asprintf("%s:%" PRIu64 "%s%s", d->storage, gib, *opts ? "," : "", opts);
}

char *vf_pve_nic_value(const struct vf_nic *n)
{
    struct vf_opts o = {0};
    vf_opts_set(&o, n->mac ? n->model : "model", n->mac ? n->mac : n->model);
    if (n->bridge)
        vf_opts_set(&o, "bridge", n->bridge);
    for (size_t i = 0; i < n->opts.n; i++)
        vf_opts_set(&o, n->opts.v[i].key, n->opts.v[i].value);
    if (n->link_down)
        vf_opts_set(&o, "link_down", "1");
    if (n->tag) {
        vf_autofree char *tag = vf_asprintf("%u", n->tag);
        vf_opts_set(&o, "tag", tag);
    }
    char *s = vf_propstr_print(&o, NULL);
    vf_opts_free(&o);
    return s;
}

/* ------------------------------------------------------------------ boot order */

static bool has_device(const struct vf_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->n_cdroms; i++)
        if (vf_streq(vm->cdroms[i].slot, name))
            return true;
    for (size_t i = 0; i < vm->n_nics; i++) {
        vf_autofree char *net = vf_asprintf("net%u", vm->nics[i].index);
        if (vf_streq(net, name))
            return true;
    }
    return vf_vm_disk(vm, name) != NULL;
}

static void add_boot(struct vf_vm *vm, const char *name)
{
    /* a device that is not carried (a USB stick) cannot be booted from */
    if (has_device(vm, name) && !vf_strv_has(vm->boot, name))
        vf_strv_add(&vm->boot, name);
}

/* One letter of the old form: c is the boot disk, d the CD-ROMs, n the network (qm.conf(5)). */
static void add_legacy(struct vf_vm *vm, char letter, const char *bootdisk)
{
    if (letter == 'c' && bootdisk)
        add_boot(vm, bootdisk);
    for (size_t i = 0; letter == 'c' && !bootdisk && i < vm->n_disks; i++)
        if (!vf_pve_is_firmware(vm->disks[i].slot)) {
            add_boot(vm, vm->disks[i].slot);
            break;
        }
    for (size_t i = 0; letter == 'd' && i < vm->n_cdroms; i++)
        add_boot(vm, vm->cdroms[i].slot);
    for (size_t i = 0; letter == 'n' && i < vm->n_nics; i++) {
        vf_autofree char *net = vf_asprintf("net%u", vm->nics[i].index);
        add_boot(vm, net);
    }
}

int vf_pve_read_boot(struct vf_vm *vm, const char *boot, const char *bootdisk,
                     struct vf_error **err)
{
    struct vf_opts o = {0};
    /* a VM made through the API has " " there until somebody sets it */
    boot = boot ? boot + strspn(boot, " ") : "";
    if (vf_propstr_parse(boot, "legacy", &o, err) < 0)
        return vf_fail_prefix(err, "boot");
    vm->boot = vf_strv_new();
    const char *order = vf_opts_get(&o, "order"), *legacy = vf_opts_get(&o, "legacy");
    if (order) {
        vf_autostrv char **names = vf_strv_split(order, "; ");
        for (char **p = names; *p; p++)
            add_boot(vm, *p);
    } else {
        for (const char *p = legacy ? legacy : "cdn"; *p; p++)
            add_legacy(vm, *p, bootdisk);
    }
    vf_opts_free(&o);
    return 0;
}
