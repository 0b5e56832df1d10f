/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changing a configuration as `PUT …/config` and create do: who may set what, disks allocated or
 * attached, what a running guest takes only at its next start. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

/* Parameters that steer the call instead of being configuration. */
static const char *const steering[] = {"node",
                                       "vmid",
                                       "delete",
                                       "revert",
                                       "digest",
                                       "force",
                                       "skiplock",
                                       "background_delay",
                                       "import-working-storage",
                                       "start",
                                       "pool",
                                       "storage",
                                       "unique",
                                       "archive",
                                       "bwlimit",
                                       "live-restore"};
/* What a running guest takes at once (PVE's fast_plug_option, and NICs, which are hot-plugged). */
static const char *const fast[] = {"description",   "hookscript", "lock",   "migrate_downtime",
                                   "migrate_speed", "name",       "onboot", "protection",
                                   "shares",        "startup",    "tags",   "vmstatestorage"};

static bool in(const char *const *list, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (vf_streq(list[i], key))
            return true;
    return false;
}

static int check_rights(struct lab_call *c, const struct lab_vm *vm, const char *key,
                        const char *value, bool create)
{
    if (lab_need_config(c, vm->vmid, create ? lab_param(c, "pool") : NULL, key, value, create))
        return -1;
    if ((vf_starts(key, "serial") && vf_starts(value, "/dev/")) ||
        (vf_starts(key, "usb") && strstr(value, "host=")) ||
        (vf_starts(key, "hostpci") && !strstr(value, "mapping="))) {
        if (lab_is_root(c))
            return 0;
        lab_die(c, 500, "only root can set '%s' config for real devices", key);
        return -1;
    }
    return 0;
}

static char *normal_net(struct lab_call *c, const char *value)
{
    static const char *const models[] = {
        "virtio",        "e1000",         "e1000e",        "rtl8139", "vmxnet3",
        "ne2k_pci",      "pcnet",         "i82551",        "i82557b", "i82559er",
        "e1000-82540em", "e1000-82544gc", "e1000-82545em", "ne2k_isa"};
    lab_autojson json_t *props = lab_props_parse(value, "model");
    const char *bridge = json_string_value(json_object_get(props, "bridge")), *model = NULL;
    const char *mac = json_string_value(json_object_get(props, "macaddr"));
    for (size_t i = 0; !model && i < VF_COUNT(models); i++)
        if (json_object_get(props, models[i]))
            model = models[i];
    vf_autofree char *made = NULL;
    if (!bridge && !lab_is_root(c))
        return (char *)lab_die(c, 500, "no sdn vnet ID specified");
    if (bridge && lab_need_bridge(c, bridge, json_string_value(json_object_get(props, "tag"))))
        return NULL;
    if (model) {
        mac = json_string_value(json_object_get(props, model));
    } else {
        model = json_string_value(json_object_get(props, "model"));
        if (!model)
            return (char *)lab_die(c, 500, "unable to parse network options");
        if (!mac) {
            vf_autofree char *tail = vf_random_hex(3);
            mac = made = vf_asprintf("BC:24:11:%.2s:%.2s:%.2s", tail, tail + 2, tail + 4);
            for (char *p = made; *p; p++)
                if (*p >= 'a' && *p <= 'f')
                    *p -= 32;
        }
    }
    vf_autofree char *head = vf_asprintf("%s=%s", model, mac ? mac : "");
    json_object_set_new(props, "", json_string(head));
    json_object_del(props, model);
    json_object_del(props, "model");
    json_object_del(props, "macaddr");
    return lab_props_print(props, "");
}

/* A new image "STORE:GiB" (of an EFI disk: for firmware of 4 MiB, or 2); its volid, or NULL with
 * the call failed. */
static char *new_disk(struct lab_call *c, struct lab_vm *vm, const char *key, struct lab_storage *s,
                      double gib, const char *format, bool four_mib, uint64_t *bytes)
{
    vf_autoerror struct vf_error *err = NULL;
    const char *f = format ? format : "raw";
    *bytes = vf_starts(key, "efidisk")    ? (four_mib ? 528 : 128) * 1024
             : vf_starts(key, "tpmstate") ? 4 << 20
                                          : (uint64_t)(gib * (double)(1 << 30));
    vf_autofree char *name = lab_volume_next(vm->node, s, vm->vmid, f);
    if (lab_volume_create(vm->node, s, vm->vmid, name, f, *bytes, &err))
        return (char *)lab_die(c, 500, "%s", vf_error_text(err));
    return vf_asprintf("%s:%d/%s", s->name, vm->vmid, name);
}

static bool is_size(const char *s)
{
    return *s && s[strspn(s, "0123456789.")] == 0;
}

static char *normal_disk(struct lab_call *c, struct lab_vm *vm, const char *key, const char *value)
{
    lab_autojson json_t *props = lab_props_parse(value, "file");
    if (json_object_get(props, "volume")) {
        json_object_set(props, "file", json_object_get(props, "volume"));
        json_object_del(props, "volume");
    }
    const char *file = json_string_value(json_object_get(props, "file"));
    const char *colon = file ? strchr(file, ':') : NULL;
    if (!file)
        return (char *)lab_bad_param(c, key,
                                     "invalid format - missing key in comma-separated list "
                                     "property: file");
    if (file[0] == '/' && !lab_is_root(c))
        return (char *)lab_die(c, 500, "Only root can pass arbitrary filesystem paths.");
    if (vf_streq(file, "none") || vf_streq(file, "cdrom"))
        return lab_props_print(props, "file");
    if (!colon)
        return (char *)lab_die(c, 500, "unable to parse volume ID '%s'", file);
    vf_autofree char *store = vf_strndup(file, colon - file);
    struct lab_storage *s = lab_storage_find(c->lab, store);
    if (!s)
        return (char *)lab_die(c, 500, "storage '%s' does not exist", store);
    uint64_t bytes = 0;
    if (is_size(colon + 1) || vf_streq(colon + 1, "cloudinit")
            ? lab_need(c, "Datastore.AllocateSpace", "/storage/%s", store)
            : lab_need_volume(c, file, vm->vmid))
        return NULL;
    if (vf_streq(colon + 1, "cloudinit")) {
        const char *format = json_string_value(json_object_get(props, "format"));
        vf_autofree char *volid = lab_new_cloudinit(c, vm, s, key, format);
        if (!volid)
            return NULL;
        json_object_set_new(props, "file", json_string(volid));
        json_object_set_new(props, "media", json_string("cdrom"));
        json_object_del(props, "format");
        return lab_props_print(props, "file");
    }
    if (is_size(colon + 1)) {
        const char *format = json_string_value(json_object_get(props, "format"));
        const char *efi = json_string_value(json_object_get(props, "efitype"));
        vf_autofree char *volid =
            new_disk(c, vm, key, s, strtod(colon + 1, NULL), format, vf_streq(efi, "4m"), &bytes);
        if (!volid)
            return NULL;
        json_object_set_new(props, "file", json_string(volid));
        json_object_del(props, "format");
    } else {
        json_t *info = NULL;
        if (lab_volume_info(vm->node, file, &info))
            return (char *)lab_die(c, 500, "volume %s does not exist", file);
        bytes = (uint64_t)json_integer_value(json_object_get(info, "size"));
        json_decref(info);
    }
    vf_autofree char *size = lab_format_size(bytes);
    json_object_set_new(props, "size", json_string(size));
    return lab_props_print(props, "file");
}

/* A disk that leaves the configuration is kept as unusedN. */
static void make_unused(struct lab_vm *vm, const char *text)
{
    lab_autojson json_t *props = lab_props_parse(text, "file");
    const char *file = json_string_value(json_object_get(props, "file"));
    if (!file || !strchr(file, ':') || strstr(file, ":iso/"))
        return;
    for (int n = 0;; n++) {
        vf_autofree char *key = vf_asprintf("unused%d", n);
        if (!lab_vm_get(vm, key)) {
            lab_vm_set(vm, key, file);
            return;
        }
    }
}

/* Another medium, or none, in a drive that stays. */
static bool is_cdrom(const char *text)
{
    return text && strstr(text, "media=cdrom");
}

static bool applies_at_once(const struct lab_vm *vm, const char *key)
{
    return !vm->running || is_cdrom(lab_vm_get(vm, key)) || in(fast, VF_COUNT(fast), key) ||
           vf_starts(key, "net") || vf_starts(key, "unused");
}

static void set_value(struct lab_vm *vm, const char *key, const char *value)
{
    if (!applies_at_once(vm, key)) {
        const char *have = lab_vm_get(vm, key);
        if (vf_streq(have, value))
            json_object_del(vm->pending, key);
        else
            json_object_set_new(vm->pending, key, json_string(value));
        return;
    }
    const char *old = lab_vm_get(vm, key);
    if (old && lab_is_disk_key(key)) {
        lab_autojson json_t *a = lab_props_parse(old, "file"), *b = lab_props_parse(value, "file");
        if (!json_equal(json_object_get(a, "file"), json_object_get(b, "file")))
            make_unused(vm, old);
    }
    lab_vm_set(vm, key, value);
}

static int delete_keys(struct lab_call *c, struct lab_vm *vm, const char *list)
{
    vf_autostrv char **keys = vf_strv_split(list, ",; ");
    for (size_t i = 0; keys[i]; i++) {
        const char *old = lab_vm_get(vm, keys[i]);
        const char *colon = old ? strchr(old, ':') : NULL;
        if (lab_need_config(c, vm->vmid, NULL, keys[i], old, false))
            return -1;
        if (vf_starts(keys[i], "unused") && colon &&
            (lab_need(c, "VM.Config.Disk", "/vms/%d", vm->vmid) ||
             lab_need(c, "Datastore.AllocateSpace", "/storage/%.*s", (int)(colon - old), old)))
            return -1;
        if (!old) {
            json_object_del(vm->pending, keys[i]);
            continue;
        }
        if (!applies_at_once(vm, keys[i])) {
            json_object_set_new(vm->pending, keys[i], json_null());
            continue;
        }
        vf_autofree char *text = vf_strdup(old);
        lab_vm_set(vm, keys[i], NULL);
        if (lab_is_disk_key(keys[i]))
            make_unused(vm, text);
        else if (vf_starts(keys[i], "unused"))
            lab_volume_delete(vm->node, text, NULL);
    }
    return 0;
}

static int check_boot(struct lab_call *c, const struct lab_vm *vm, const char *value)
{
    if (!vf_starts(value, "order="))
        return 0;
    vf_autostrv char **order = vf_strv_split(value + 6, ";");
    for (size_t i = 0; order[i]; i++)
        if (!lab_vm_get(vm, order[i]) && !lab_param(c, order[i]) &&
            !json_object_get(vm->pending, order[i])) {
            lab_die(c, 500, "invalid bootorder: device '%s' does not exist'", order[i]);
            return -1;
        }
    return 0;
}

static int check_call(struct lab_call *c, struct lab_vm *vm)
{
    const char *digest = lab_param(c, "digest"), *lock = lab_vm_get(vm, "lock");
    vf_autofree char *have = lab_vm_digest(vm);
    if (lab_param(c, "skiplock") && !lab_is_root(c)) {
        lab_bad_param(c, "skiplock", "Only root may use this option.");
        return -1;
    }
    if (digest && strcmp(digest, have)) {
        lab_die(c, 500, "checksum mismatch (file change by other user?)");
        return -1;
    }
    if (lock && !lab_flag(c, "skiplock", false)) {
        lab_die(c, 500, "VM is locked (%s)", lock);
        return -1;
    }
    return 0;
}

/* Of a create that fails: what it has made so far. */
static void drop_made(struct lab_call *c, struct lab_vm *vm, json_t *fresh)
{
    const char *key;
    json_t *v;
    json_object_foreach (fresh, key, v) {
        lab_autojson json_t *asked = lab_props_parse(lab_param(c, key), "file");
        lab_autojson json_t *is = lab_props_parse(json_string_value(v), "file");
        const char *file = json_string_value(json_object_get(is, "file"));
        if (lab_is_disk_key(key) && file && strchr(file, ':') &&
            !json_equal(json_object_get(asked, "file"), json_object_get(is, "file")))
            lab_volume_delete(vm->node, file, NULL);
    }
}

int lab_vm_update(struct lab_call *c, struct lab_vm *vm, bool create)
{
    lab_autojson json_t *fresh = json_object();
    const char *key, *list = lab_param(c, "delete");
    json_t *v;
    if (!create && check_call(c, vm))
        return -1;
    json_object_foreach (c->params, key, v) {
        const char *value = json_string_value(v);
        if (in(steering, VF_COUNT(steering), key))
            continue;
        if (check_rights(c, vm, key, value, create) ||
            (vf_streq(key, "boot") && check_boot(c, vm, value)))
            return -1;
    }
    json_object_foreach (c->params, key, v) {
        const char *value = json_string_value(v);
        if (in(steering, VF_COUNT(steering), key))
            continue;
        vf_autofree char *text = NULL;
        if (lab_is_disk_key(key))
            text = normal_disk(c, vm, key, value);
        else if (vf_starts(key, "net") && key[3] >= '0' && key[3] <= '9')
            text = normal_net(c, value);
        else
            text = lab_kept_value(c, vm, key, value);
        if (!text) {
            drop_made(c, vm, fresh);
            return -1;
        }
        json_object_set_new(fresh, key, json_string(text));
    }
    if (list && delete_keys(c, vm, list))
        return -1;
    const char *revert = lab_param(c, "revert");
    vf_autostrv char **keys = vf_strv_split(revert ? revert : "", ",; ");
    for (size_t i = 0; keys[i]; i++)
        json_object_del(vm->pending, keys[i]);
    json_object_foreach (fresh, key, v)
        set_value(vm, key, json_string_value(v));
    return 0;
}
