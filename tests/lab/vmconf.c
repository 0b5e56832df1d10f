/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration of a VM: texts in order, pending changes, digest, property strings. */
#include "config.h"
#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>
#include "tests/lab/lab.h"

/* Keys the API gives as numbers; everything else is text. */
static const char *const numeric_keys[] = {
    "acpi",   "autostart", "balloon",   "ciupgrade", "cores",    "cpulimit",   "cpuunits",
    "freeze", "kvm",       "localtime", "numa",      "onboot",   "protection", "reboot",
    "shares", "sockets",   "tablet",    "tdf",       "template", "vcpus",      "migrate_speed",
};

struct lab_vm *lab_vm_find(struct lab *lab, int vmid)
{
    for (size_t i = 0; i < lab->n_vms; i++)
        if (!lab->vms[i]->gone && lab->vms[i]->vmid == vmid)
            return lab->vms[i];
    return NULL;
}

struct lab_vm *lab_vm_add(struct lab *lab, struct lab_node *node, int vmid, bool lxc)
{
    struct lab_vm *vm = vf_xcalloc(1, sizeof *vm);
    vm->node = node;
    vm->vmid = vmid;
    vm->lxc = lxc;
    vm->conf = json_object();
    vm->pending = json_object();
    vm->snapshots = json_object();
    vm->keeper = vm->qemu = -1;
    pthread_mutex_init(&vm->qmp_lock, NULL);
    *(struct lab_vm **)vf_grow(&lab->vms, &lab->n_vms, sizeof *lab->vms) = vm;
    return vm;
}

void lab_vm_set(struct lab_vm *vm, const char *key, const char *value)
{
    if (value)
        json_object_set_new(vm->conf, key, json_string(value));
    else
        json_object_del(vm->conf, key);
}

const char *lab_vm_get(const struct lab_vm *vm, const char *key)
{
    return json_string_value(json_object_get(vm->conf, key));
}

int64_t lab_vm_num(const struct lab_vm *vm, const char *key, int64_t dflt)
{
    const char *v = lab_vm_get(vm, key);
    return v ? strtoll(v, NULL, 10) : dflt;
}

static json_t *typed(const char *key, const char *value)
{
    for (size_t i = 0; i < VF_COUNT(numeric_keys); i++) {
        char *end;
        if (!vf_streq(key, numeric_keys[i]))
            continue;
        long long n = strtoll(value, &end, 10);
        if (!*end)
            return json_integer(n);
    }
    return json_string(value);
}

char *lab_vm_digest(const struct lab_vm *vm)
{
    vf_autofree char *a = json_dumps(vm->conf, JSON_COMPACT | JSON_SORT_KEYS);
    vf_autofree char *b = json_dumps(vm->pending, JSON_COMPACT | JSON_SORT_KEYS);
    vf_autofree char *all = vf_asprintf("%s%s", a, b);
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    vf_autobuf struct vf_buf out = {0};
    EVP_Digest(all, strlen(all), md, &n, EVP_sha1(), NULL);
    for (unsigned i = 0; i < n; i++)
        vf_buf_printf(&out, "%02x", md[i]);
    return vf_buf_take(&out);
}

json_t *lab_vm_config(const struct lab_vm *vm, bool current)
{
    json_t *out = json_object(), *v;
    const char *key;
    json_object_foreach (vm->conf, key, v)
        json_object_set_new(out, key, typed(key, json_string_value(v)));
    if (!current) {
        json_object_foreach (vm->pending, key, v) {
            if (json_is_null(v))
                json_object_del(out, key);
            else
                json_object_set_new(out, key, typed(key, json_string_value(v)));
        }
    }
    if (json_object_get(out, "cipassword"))
        json_object_set_new(out, "cipassword", json_string("**********"));
    vf_autofree char *digest = lab_vm_digest(vm);
    json_object_set_new(out, "digest", json_string(digest));
    return out;
}

json_t *lab_vm_pending(const struct lab_vm *vm)
{
    json_t *out = json_array(), *v, *p;
    const char *key;
    json_object_foreach (vm->conf, key, v) {
        json_t *e = json_object();
        json_object_set_new(e, "key", json_string(key));
        json_object_set_new(e, "value",
                            vf_streq(key, "cipassword") ? json_string("**********")
                                                        : typed(key, json_string_value(v)));
        p = json_object_get(vm->pending, key);
        if (json_is_null(p))
            json_object_set_new(e, "delete", json_integer(1));
        else if (p)
            json_object_set_new(e, "pending", typed(key, json_string_value(p)));
        json_array_append_new(out, e);
    }
    json_object_foreach (vm->pending, key, v)
        if (json_is_string(v) && !json_object_get(vm->conf, key))
            json_array_append_new(out, json_pack("{s:s, s:o}", "key", key, "pending",
                                                 typed(key, json_string_value(v))));
    vf_autofree char *digest = lab_vm_digest(vm);
    json_array_append_new(out, json_pack("{s:s, s:s}", "key", "digest", "value", digest));
    return out;
}

void lab_vm_apply_pending(struct lab_vm *vm)
{
    const char *key;
    json_t *v;
    json_object_foreach (vm->pending, key, v)
        lab_vm_set(vm, key, json_string_value(v));
    json_object_clear(vm->pending);
}

void lab_vm_snapshot(struct lab_vm *vm, const char *name)
{
    vf_autofree char *when = vf_asprintf("%lld", (long long)vf_clock_unix());
    json_t *then = json_copy(vm->conf);
    json_object_set_new(then, "snaptime", json_string(when));
    json_object_set_new(vm->snapshots, name, then);
    lab_vm_set(vm, "parent", name);
}

bool lab_is_disk_key(const char *key)
{
    static const char *const buses[] = {"ide", "sata", "scsi", "virtio", "efidisk", "tpmstate"};
    for (size_t i = 0; i < VF_COUNT(buses); i++) {
        size_t n = strlen(buses[i]);
        if (vf_starts(key, buses[i]) && key[n] && key[n + strspn(key + n, "0123456789")] == 0)
            return true;
    }
    return false;
}

json_t *lab_props_parse(const char *text, const char *dflt)
{
    json_t *out = json_object();
    vf_autostrv char **parts = vf_strv_split(text, ",");
    for (size_t i = 0; parts[i]; i++) {
        char *eq = strchr(parts[i], '=');
        if (eq)
            *eq = 0;
        json_object_set_new(out, eq ? parts[i] : dflt, json_string(eq ? eq + 1 : parts[i]));
    }
    return out;
}

char *lab_props_print(json_t *props, const char *first)
{
    vf_autobuf struct vf_buf b = {0};
    const char *head = json_string_value(json_object_get(props, first));
    if (head)
        vf_buf_puts(&b, head);
    /* jansson sorts keys only when it dumps: walk them in order of a simple selection */
    const char *last = "";
    for (;;) {
        const char *key, *next = NULL;
        json_t *v;
        json_object_foreach (props, key, v)
            if (strcmp(key, first) && strcmp(key, last) > 0 && (!next || strcmp(key, next) < 0))
                next = key;
        if (!next)
            break;
        vf_buf_printf(&b, "%s%s=%s", b.len ? "," : "", next,
                      json_string_value(json_object_get(props, next)));
        last = next;
    }
    return vf_buf_take(&b);
}

static uint64_t parse_size(const char *s)
{
    char *end;
    double v = strtod(s, &end);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : *end == 'T' ? 40 : 0;
    return (uint64_t)(v * (double)(1ULL << shift));
}

uint64_t lab_vm_bootdisk_size(const struct lab_vm *vm)
{
    const char *boot = lab_vm_get(vm, "boot"), *key, *first = NULL;
    json_t *v;
    if (boot && vf_starts(boot, "order=")) {
        vf_autostrv char **order = vf_strv_split(boot + 6, ";");
        for (size_t i = 0; order[i] && !first; i++) {
            const char *text = lab_vm_get(vm, order[i]);
            if (lab_is_disk_key(order[i]) && text && !strstr(text, "media=cdrom"))
                first = text;
        }
    }
    json_object_foreach (vm->conf, key, v)
        if (!first && vm->lxc && vf_streq(key, "rootfs"))
            first = json_string_value(v);
    if (!first)
        return 0;
    lab_autojson json_t *props = lab_props_parse(first, "file");
    const char *size = json_string_value(json_object_get(props, "size"));
    return size ? parse_size(size) : 0;
}
