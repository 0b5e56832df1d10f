/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything about one VM: its configuration, what else hangs on it, and the true size of its
 * disks. */
#include "config.h"
#include "provider/pve/pve.h"
#include "provider/pve/vmconfig.h"
#include "base/str.h"

#include <string.h>

/* Lists that belong to a VM but not to its configuration. Who may not read one, or whose version
 * does not have it, moves without. */
static int note_others(struct vf_pve_client *c, struct vf_vm *vm, struct vf_error **err)
{
    static const struct {
        const char *path; /* below the VM, or with '/cluster' of the cluster */
        const char *what, *field, *why;
    } lists[] = {
        {"/snapshot", "snapshot", "name", "snapshots stay at the source"},
        {"/firewall/rules", "firewall rule", "pos", "firewall rules are not moved"},
        {"/cluster/replication", "replication job", "id", "it belongs to the source cluster"},
    };
    for (size_t i = 0; i < VF_COUNT(lists); i++) {
        vf_autoerror struct vf_error *why = NULL;
        bool cluster = vf_starts(lists[i].path, "/cluster");
        vf_autofree char *path = cluster
                                     ? vf_strdup(lists[i].path)
                                     : vf_pve_path(vm->node, "/qemu/%u%s", vm->id, lists[i].path);
        vf_autojson json_t *list = vf_pve_list(c, path, &why);
        enum vf_error_code code = vf_error_code(why);
        if (!list && code != VF_E_PERMISSION && code != VF_E_UNSUPPORTED && code != VF_E_NOTFOUND)
            return vf_fail_with(err, VF_STEAL(why));
        size_t k;
        json_t *e;
        json_array_foreach (list, k, e) {
            vf_autofree char *name = vf_json_as_text(json_object_get(e, lists[i].field));
            vf_autofree char *shown = vf_escape(name ? name : "?");
            vf_autofree char *what = vf_asprintf("%s %s", lists[i].what, shown);
            bool others = cluster && vf_json_u64(e, "guest") != vm->id;
            if (!others && !vf_streq(name, "current"))
                vf_vm_leave_out(vm, what, lists[i].why);
        }
    }
    return 0;
}

static int read_status(struct vf_pve_client *c, struct vf_vm *vm, struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(vm->node, "/qemu/%u/status/current", vm->id);
    vf_autojson json_t *status = vf_pve_object(c, path, err);
    if (!status)
        return -1;
    vm->state = vf_pve_state_of(status);
    if (vf_json_bool(json_object_get(status, "ha"), "managed"))
        vf_vm_leave_out(vm, "high availability", "add the VM to the target cluster's HA by hand");
    return 0;
}

static int read_volumes(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        struct vf_disk *d = &vm->disks[i];
        struct vf_volume v = {0};
        if (vf_pve_volume(p, vm->node, d->volume, &v, err) < 0)
            return vf_fail_prefix(err, "%s", d->slot);
        d->size = v.size;
        d->used = v.used;
        vf_str_set(&d->path, v.path);
        vf_str_set(&d->format, v.format);
        vf_volume_clear(&v);
    }
    return 0;
}

/* How big what stays behind is, where the storage says so. */
static void size_unused(struct vf_provider *p, struct vf_vm *vm)
{
    for (size_t i = 0; i < vm->n_left_out; i++) {
        struct vf_left_out *l = &vm->left_out[i];
        const char *volume = vf_starts(l->what, "unused") ? strchr(l->what, ' ') : NULL;
        struct vf_volume v = {0};
        if (!volume || vf_pve_volume(p, vm->node, volume + 1, &v, NULL) < 0)
            continue;
        vf_autofree char *size = vf_format_bytes(v.size);
        vf_autofree char *what = vf_asprintf("%s (%s)", l->what, size);
        vf_str_set(&l->what, what);
        vf_volume_clear(&v);
    }
}

static struct vf_vm *read_vm(struct vf_provider *p, const json_t *entry, unsigned id,
                             struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    const char *node = vf_json_text(entry, "node"), *pool = vf_json_text(entry, "pool");
    if (vf_streq(vf_json_text(entry, "type"), "lxc")) {
        vf_fail(err, VF_E_UNSUPPORTED, "it is a container: vmferry moves virtual machines only");
        return NULL;
    }
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/config?current=1", id);
    vf_autojson json_t *config = vf_pve_object(c, path, err);
    if (!config)
        return NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_pve_vm_from_config(id, node, config, err);
    if (!vm || vf_pve_note_pending(c, vm, err) < 0 || read_status(c, vm, err) < 0 ||
        note_others(c, vm, err) < 0 || read_volumes(p, vm, err) < 0)
        return NULL;
    size_unused(p, vm);
    if (pool) {
        vf_autofree char *shown = vf_escape(pool), *what = vf_asprintf("pool %s", shown);
        vf_vm_leave_out(vm, what, "add the VM to a pool of the target cluster by hand");
    }
    return VF_STEAL(vm);
}

struct vf_vm *vf_pve_describe(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    vf_autojson json_t *entry = vf_pve_find(vf_pve_of(p), id, err);
    struct vf_vm *vm = entry ? read_vm(p, entry, id, err) : NULL;
    if (entry && !vm) {
        const char *name = vf_json_text(entry, "name");
        vf_autofree char *shown = vf_escape(name ? name : "without a name");
        vf_fail_prefix(err, "VM %u (%s)", id, shown);
    }
    return vm;
}

char *vf_pve_notes(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autojson json_t *entry = vf_pve_find(c, id, err);
    if (!entry)
        return NULL;
    if (vf_streq(vf_json_text(entry, "type"), "lxc")) {
        vf_fail(err, VF_E_UNSUPPORTED, "%u is a container", id);
        return NULL;
    }
    vf_autofree char *path = vf_pve_path(vf_json_text(entry, "node"), "/qemu/%u/config", id);
    vf_autojson json_t *config = vf_pve_object(c, path, err);
    const char *text = vf_json_text(config, "description");
    return config ? vf_strdup(text ? text : "") : NULL;
}
