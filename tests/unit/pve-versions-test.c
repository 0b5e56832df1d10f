/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an older or newer Proxmox VE does not know, against their parameter lists where
 * VMFERRY_API_DATA names them. */
#include "config.h"
#include <jansson.h>
#include "base/str.h"
#include "provider/pve/vmconfig.h"
#include "provider/pve/versions.h"
#include "tests/unit/tap.h"

enum { N = 4 };
static const unsigned versions[N] = {6004, 7004, 8004, 9002};

static json_t *lists[N]; /* parameters of POST /nodes/{node}/qemu */

static bool load(const char *dir)
{
    static const char *const names[N] = {"6.4-15", "7.4-16", "8.4.5", "9.2.3"};
    for (size_t i = 0; i < N; i++) {
        vf_autofree char *path = vf_asprintf("%s/pve-%s.json", dir, names[i]);
        json_t *root = json_load_file(path, 0, NULL);
        json_t *methods = json_object_get(root, "methods");
        json_t *create = json_object_get(methods, "POST /nodes/{node}/qemu");
        lists[i] = json_incref(json_object_get(create, "params"));
        json_decref(root);
        if (!lists[i])
            return false;
    }
    return true;
}

static bool has_word(const json_t *values, const char *word)
{
    size_t i;
    json_t *v;
    json_array_foreach (values, i, v)
        if (vf_streq(json_string_value(v), word))
            return true;
    return false;
}

/* Each value that one version's ENUM has: the others have it, or the table says that they do not.
 */
static unsigned check_values(const char *key, const char *sub, json_t *const p[N])
{
    unsigned wrong = 0;
    for (size_t i = 0; i < N; i++) {
        size_t k;
        json_t *word;
        json_array_foreach (json_object_get(p[i], "enum"), k, word)
            for (size_t j = 0; j < N; j++) {
                json_t *values = json_object_get(p[j], "enum");
                const char *text = json_string_value(word);
                if (!values || has_word(values, text) == vf_pve_knows(versions[j], key, sub, text))
                    continue;
                printf("# %u: %s %s=%s\n", versions[j], key, sub ? sub : "", text);
                wrong++;
            }
    }
    return wrong;
}

/* Parts of KEY's property string. */
static unsigned check_parts(const char *key, json_t *const p[N])
{
    /* written by us without these, or by Proxmox alone */
    static const char *const ours[] = {"import-from", "format", "current", "type"};
    json_t *formats[N], *names = json_object();
    unsigned wrong = 0;
    for (size_t i = 0; i < N; i++) {
        formats[i] = json_object_get(p[i], "format");
        if (json_is_object(formats[i]))
            json_object_update(names, formats[i]);
    }
    const char *name;
    json_t *any;
    json_object_foreach (names, name, any) {
        bool skipped = vf_streq(key, "rng0"); /* spelled out by the older lists only */
        for (size_t i = 0; i < VF_COUNT(ours); i++)
            skipped |= vf_streq(ours[i], name) && strcmp(key, "vga");
        /* a card's model is a key of its own as well as a value */
        const char *sub = !strcmp(key, "net0") && !json_object_size(any) ? "model" : name;
        json_t *parts[N] = {0};
        for (size_t i = 0; i < N && !skipped; i++) {
            parts[i] = json_object_get(formats[i], name);
            bool there = parts[i] != NULL;
            if (!p[i] || there == vf_pve_knows(versions[i], key, sub, name))
                continue;
            printf("# %u: %s, %s is %s\n", versions[i], key, name, there ? "there" : "not there");
            wrong++;
        }
        if (!skipped)
            wrong += check_values(key, name, parts);
    }
    json_decref(names);
    return wrong;
}

static void test_lists(void)
{
    /* what steers the call instead of being a setting */
    static const char *const steering[] = {"ha-managed", "import-working-storage"};
    json_t *names = json_object();
    const char *name;
    json_t *any;
    unsigned wrong = 0, n = 0;
    for (size_t i = 0; i < N; i++)
        json_object_update(names, lists[i]);
    json_object_foreach (names, name, any) {
        if (vf_streq(name, steering[0]) || vf_streq(name, steering[1]))
            continue;
        char *bracket = strchr(name, '[');
        vf_autofree char *key =
            bracket ? vf_asprintf("%.*s0", (int)(bracket - name), name) : vf_strdup(name);
        json_t *p[N];
        for (size_t i = 0; i < N; i++) {
            p[i] = json_object_get(lists[i], name);
            if ((p[i] != NULL) == vf_pve_knows(versions[i], key, NULL, NULL))
                continue;
            printf("# %u: %s is %s\n", versions[i], key, p[i] ? "there" : "not there");
            wrong++;
        }
        wrong += check_values(key, NULL, p) + check_parts(key, p);
        n++;
    }
    json_decref(names);
    ok(n > 80 && !wrong, "the table says what the lists say (%u settings, %u differences)", n,
       wrong);
}

static struct vf_vm *sample(void)
{
    static const char text[] =
        "{\"name\":\"new1\",\"ostype\":\"win11\",\"affinity\":\"0-1\",\"allow-ksm\":0,"
        "\"agent\":\"1,freeze-fs-on-backup=0\",\"machine\":\"q35,viommu=intel\","
        "\"vga\":\"virtio-gl,memory=64\",\"cpuunits\":1,"
        "\"hostpci0\":\"mapping=gpu,pcie=1\",\"usb0\":\"mapping=stick,usb3=1\","
        "\"usb1\":\"spice,usb3=1\","
        "\"scsi0\":\"local:1/vm-1-disk-0.raw,aio=io_uring,ro=1,ssd=1\","
        "\"ide0\":\"local:1/vm-1-disk-1.raw,cyls=10,heads=16\","
        "\"net0\":\"e1000e=02:AA:BB:CC:DD:02,bridge=vmbr0,mtu=1400\"}";
    vf_autoerror struct vf_error *err = NULL;
    json_t *j = json_loads(text, 0, NULL);
    struct vf_vm *vm = vf_pve_vm_from_config(1, "n", j, &err);
    json_decref(j);
    ok(vm && !vm->n_left_out, "a VM of every version%s%s", err ? ": " : "", err ? err->text : "");
    return vm;
}

static void is_left_out(const struct vf_vm *vm, const char *what)
{
    for (size_t i = 0; i < vm->n_left_out; i++)
        if (vf_streq(vm->left_out[i].what, what)) {
            ok(true, "%s: %s", what, vm->left_out[i].why);
            return;
        }
    ok(false, "%s is told", what);
}

static void test_old(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = sample();
    vf_autoerror struct vf_error *err = NULL;
    if (!vm)
        return;
    ok(vf_pve_fit_version(6004, vm, &err) == 0, "made to fit 6.4: %s", err ? err->text : "done");
    is_str(vf_opts_get(&vm->opts, "ostype"), "win10", "the nearest value");
    is_str(vf_opts_get(&vm->opts, "vga"), "virtio,memory=64", "in a property string too");
    is_str(vf_opts_get(&vm->opts, "machine"), "q35", "a part less");
    is_str(vf_opts_get(&vm->opts, "agent"), "1", "and another");
    is_str(vf_opts_get(&vm->opts, "cpuunits"), "2", "a number that is too low");
    is_str(vf_opts_get(&vm->opts, "affinity"), NULL, "a setting less");
    is_str(vf_opts_get(&vm->opts, "allow-ksm"), NULL, "and another");
    is_str(vf_opts_get(&vm->opts, "hostpci0"), NULL,
           "a mapped device, whose other parts are nothing");
    is_str(vf_opts_get(&vm->opts, "usb0"), NULL, "without it");
    is_str(vf_opts_get(&vm->opts, "usb1"), "spice,usb3=1", "but not another");
    is_str(vm->nics[0].model, "e1000", "another card");
    is_str(vf_opts_get(&vm->nics[0].opts, "mtu"), "1400", "with what all know");
    const struct vf_disk *scsi = vf_vm_disk(vm, "scsi0"), *ide = vf_vm_disk(vm, "ide0");
    is_str(vf_opts_get(&scsi->opts, "aio"), NULL, "an option of a disk less");
    is_str(vf_opts_get(&scsi->opts, "ro"), NULL, "and another");
    is_str(vf_opts_get(&scsi->opts, "ssd"), "1", "not the others");
    is_str(vf_opts_get(&ide->opts, "cyls"), "10", "nor what only old versions know");
    is_left_out(vm, "ostype: win11");
    is_left_out(vm, "affinity: 0-1");
    is_left_out(vm, "machine: viommu=intel");
    is_left_out(vm, "hostpci0: mapping=gpu");
    is_left_out(vm, "scsi0: aio=io_uring");
    is_left_out(vm, "net0: model=e1000e");
    size_t n = vm->n_left_out;
    ok(vf_pve_fit_version(6004, vm, &err) == 0 && vm->n_left_out == n, "nothing is told twice");
}

static struct vf_vm *with_fresh(void)
{
    static const char *const slots[] = {"tpmstate0", "efidisk0", "scsi5"};
    struct vf_vm *vm = vf_vm_new();
    for (size_t i = 0; i < VF_COUNT(slots); i++) {
        struct vf_disk *d = vf_vm_add_disk(vm);
        d->slot = vf_strdup(slots[i]);
        d->fresh = true;
        vf_opts_set(&d->opts, i ? "discard" : "version", i ? "on" : "v2.0");
    }
    vf_opts_remove(&vm->disks[1].opts, "discard");
    vf_opts_set(&vm->disks[1].opts, "efitype", "4m");
    vf_opts_set(&vm->disks[1].opts, "pre-enrolled-keys", "1");
    return vm;
}

/* What Proxmox makes itself can be left out. */
static void test_fresh(void)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = with_fresh();
    ok(vf_pve_fit_version(6004, vm, &err) == 0, "made to fit 6.4: %s", err ? err->text : "done");
    ok(vm->n_disks == 2 && !vf_vm_disk(vm, "tpmstate0"), "there is no TPM");
    is_left_out(vm, "tpmstate0");
    is_left_out(vm, "efidisk0: pre-enrolled-keys");
    const struct vf_disk *efi = vf_vm_disk(vm, "efidisk0"), *disk = vf_vm_disk(vm, "scsi5");
    ok(efi && efi->fresh && !efi->opts.n, "the EFI disk is as 6.4 makes it");
    is_str(vf_opts_get(&disk->opts, "discard"), "on", "what all know stays");
    vf_auto(vf_vm_free) struct vf_vm *now = with_fresh();
    ok(vf_pve_fit_version(7004, now, &err) == 0 && now->n_disks == 3 && !now->n_left_out &&
           now->disks[1].opts.n == 2,
       "7.4 knows all of it");
}

static void test_new(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = sample();
    vf_autoerror struct vf_error *err = NULL;
    if (!vm)
        return;
    ok(vf_pve_fit_version(9002, vm, &err) == 0 && vm->n_left_out == 2, "made to fit 9.2: %s",
       err ? err->text : "done");
    is_left_out(vm, "ide0: cyls=10");
    is_str(vf_opts_get(&vm->opts, "ostype"), "win11", "what it knows stays");
    vf_auto(vf_vm_free) struct vf_vm *other = sample();
    ok(vf_pve_fit_version(0, other, &err) == 0 && !other->n_left_out,
       "a version that is not known");
    struct vf_disk *tpm = vf_vm_add_disk(other);
    vf_str_set(&tpm->slot, "tpmstate0");
    ok(vf_pve_fit_version(8004, other, &err) == 0, "a TPM");
    ok(vf_pve_fit_version(6004, other, &err) < 0, "not where there is none");
    ok(vf_error_code(err) == VF_E_UNSUPPORTED && strstr(vf_error_text(err), "newer target"),
       "with the cure: %s", vf_error_text(err));
}

int main(void)
{
    const char *dir = getenv("VMFERRY_API_DATA");
    if (!dir || !*dir)
        skip("the table against Proxmox's parameter lists", "VMFERRY_API_DATA is not set");
    else if (load(dir))
        test_lists();
    else
        ok(false, "the parameter lists can be read");
    for (size_t i = 0; i < N; i++)
        json_decref(lists[i]);
    test_old();
    test_new();
    test_fresh();
    return done_testing();
}
