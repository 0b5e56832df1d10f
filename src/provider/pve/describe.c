/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One VM: its configuration, its state, and the true size of its disks. */
#include "config.h"
#include "provider/pve/propstr.h"
#include "provider/pve/pve.h"
#include "provider/pve/vmconfig.h"
#include "base/str.h"

#include <string.h>

static int read_status(struct vf_pve_client *c, struct vf_vm *vm, struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(vm->node, "/qemu/%u/status/current", vm->id);
    vf_autojson json_t *status = vf_pve_object(c, path, err);
    if (!status)
        return -1;
    vm->state = vf_pve_state_of(status);
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
        d->used = d->linked ? 0 : v.used; /* that is without what it rests on */
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
    const char *node = vf_json_text(entry, "node");
    if (vf_streq(vf_json_text(entry, "type"), "lxc")) {
        vf_pve_refuse_container(entry, id, err);
        return NULL;
    }
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/config?current=1", id);
    vf_autojson json_t *config = vf_pve_object(c, path, err);
    if (!config)
        return NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_pve_vm_from_config(id, node, config, err);
    if (!vm || vf_pve_note_pending(c, vm, err) < 0 || read_status(c, vm, err) < 0 ||
        read_volumes(p, vm, err) < 0)
        return NULL;
    size_unused(p, vm);
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

/* Is there a device of the node's in it, which no other node has? */
static bool passes_through(const json_t *config)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)config, key, value)
        if (vf_starts(key, "hostpci") ||
            (vf_starts(key, "usb") && !vf_starts(json_string_value(value), "spice")))
            return true;
    return false;
}

/* "32G", as a drive's size is written; 0 for what is none. */
static uint64_t size_of(const char *text)
{
    static const char units[] = "KMGT";
    size_t digits = text ? strspn(text, "0123456789") : 0;
    vf_autofree char *number = text ? vf_strndup(text, digits) : NULL;
    const char *unit = text && text[digits] ? strchr(units, text[digits]) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    uint64_t n = 0;
    if (!digits || vf_parse_u64(number, 0, UINT64_MAX >> shift, &n) < 0)
        return 0;
    return n << shift;
}

/* The size that is configured of each disk; its storage knows it better. */
static void read_sizes(struct vf_vm *vm, const json_t *config)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        struct vf_opts o = {0};
        const char *value = vf_json_text(config, vm->disks[i].slot);
        if (value && vf_propstr_parse(value, "file", &o, NULL) == 0)
            vm->disks[i].size = size_of(vf_opts_get(&o, "size"));
        vf_opts_free(&o);
    }
}

int vf_pve_outline(struct vf_provider *p, const struct vf_vm *listed, struct vf_outline *out,
                   struct vf_error **err)
{
    *out = (struct vf_outline){0};
    vf_autofree char *path = vf_pve_path(listed->node, "/qemu/%u/config?current=1", listed->id);
    vf_autojson json_t *config = vf_pve_object(vf_pve_of(p), path, err);
    if (!config)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    out->vm = vf_pve_vm_from_config(listed->id, listed->node, config, &why);
    if (!out->vm)
        out->why = vf_strdup(vf_error_text(why));
    if (out->vm)
        read_sizes(out->vm, config);
    out->description = vf_strdup(vf_json_text(config, "description"));
    out->snapshots = json_object_get(config, "parent") != NULL;
    out->passthrough = passes_through(config);
    return 0;
}

char *vf_pve_notes(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err)
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
    if (digest)
        *digest = vf_strdup(vf_json_text(config, "digest"));
    return config ? vf_strdup(text ? text : "") : NULL;
}
