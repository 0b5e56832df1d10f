/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/pve/client.h"
#include "provider/pve/propstr.h"
#include "provider/pve/vmconfig.h"
#include "base/i18n.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

enum {
    MAX_SHOWN = 60, /* bytes of a value that is left out: SSH keys are long */
    MAX_DESCRIPTION = 8192
};

enum how {
    FIELD,   /* has a field of its own */
    CARRY,   /* an option, taken as it is (when it contains one of ONLY; else left out) */
    LEAVE,   /* not at the target; WHY is told */
    NOTHING, /* Proxmox's own bookkeeping, made anew at the target */
};

struct key {
    const char *name; /* "net" with NUMBERED is net0, net1 … */
    bool numbered;
    enum how how;
    int (*read)(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err);
    const char *only, *why; /* ONLY: words with '|' between them */
};

static int read_u64(const char *key, const char *value, uint64_t max, uint64_t *out,
                    struct vf_error **err)
{
    if (vf_parse_u64(value, 0, max, out) == 0)
        return 0;
    vf_autofree char *shown = vf_escape(value);
    return vf_fail(err, VF_E_CORRUPT, "%s has the value \"%s\", which is not a number", key, shown);
}

static int read_name(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    vf_str_set(&vm->name, value);
    return 0;
}

static int read_description(struct vf_vm *vm, const char *key, const char *value,
                            struct vf_error **err)
{
    vf_str_set(&vm->description, value);
    return 0;
}

static int read_digest(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    vf_str_set(&vm->digest, value);
    return 0;
}

static int read_tags(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    vf_autostrv char **tags = vf_strv_split(value, ";, ");
    free(vm->tags);
    vm->tags = vf_strv_join(tags, ";");
    return 0;
}

/* "512", or since 8.1 "current=512". */
static int read_memory(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    uint64_t mib;
    if (vf_starts(value, "current="))
        value += strlen("current=");
    if (read_u64(key, value, UINT64_MAX >> 20, &mib, err) < 0)
        return -1;
    vm->memory = mib << 20;
    return 0;
}

static int read_cores(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    uint64_t n;
    if (read_u64(key, value, 65535, &n, err) < 0)
        return -1;
    *(strcmp(key, "cores") ? &vm->sockets : &vm->cores) = (unsigned)n;
    return 0;
}

static int read_onboot(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    vm->onboot = vf_propval_true(value);
    return 0;
}

/* The UUID has a field; manufacturer, serial … stay an option (base64=1 says how they are written).
 */
static int read_smbios(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    struct vf_opts o = {0};
    if (vf_propstr_parse(value, NULL, &o, err) < 0)
        return vf_fail_prefix(err, "%s", key);
    vf_str_set(&vm->uuid, vf_opts_get(&o, "uuid"));
    for (char *p = vm->uuid; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    vf_opts_remove(&o, "uuid");
    vf_autofree char *rest = vf_propstr_print(&o, NULL);
    if (*rest)
        vf_opts_set(&vm->opts, key, rest);
    vf_opts_free(&o);
    return 0;
}

static int read_nic(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    uint64_t n;
    return read_u64(key, key + strlen("net"), 255, &n, err) < 0
               ? -1
               : vf_pve_read_nic(vm, (unsigned)n, value, err);
}

static int read_template(struct vf_vm *vm, const char *key, const char *value,
                         struct vf_error **err)
{
    vm->template_ = vf_propval_true(value);
    return vm->template_
               ? vf_fail(err, VF_E_UNSUPPORTED,
                         "it is a template, which cannot be moved: make a full clone of it and "
                         "move that")
               : 0;
}

static int read_lock(struct vf_vm *vm, const char *key, const char *value, struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(value);
    vf_str_set(&vm->lock, value);
    /* a migration that we may be driving ourselves; whoever plans a move looks at the lock */
    if (vf_streq(value, "migrate"))
        return 0;
    return vf_fail(
        err, VF_E_CONFLICT,
        "it is locked (%s): wait until that has ended, or if nothing runs any more, unlock it "
        "on its node with `qm unlock %u`",
        shown, vm->id);
}

static const char why_device[] = N_("it is a device of the source node");

/* Every key of qm.conf(5), Proxmox VE 6.4 to 9. What is not here is left out, and said so. */
static const struct key keys[] = {
    {"name", false, FIELD, read_name, NULL, NULL},
    {"description", false, FIELD, read_description, NULL, NULL},
    {"digest", false, FIELD, read_digest, NULL, NULL},
    {"tags", false, FIELD, read_tags, NULL, NULL},
    {"memory", false, FIELD, read_memory, NULL, NULL},
    {"cores", false, FIELD, read_cores, NULL, NULL},
    {"sockets", false, FIELD, read_cores, NULL, NULL},
    {"onboot", false, FIELD, read_onboot, NULL, NULL},
    {"smbios1", false, FIELD, read_smbios, NULL, NULL},
    {"template", false, FIELD, read_template, NULL, NULL},
    {"lock", false, FIELD, read_lock, NULL, NULL},
    {"ide", true, FIELD, vf_pve_read_drive, NULL, NULL},
    {"sata", true, FIELD, vf_pve_read_drive, NULL, NULL},
    {"scsi", true, FIELD, vf_pve_read_drive, NULL, NULL},
    {"virtio", true, FIELD, vf_pve_read_drive, NULL, NULL},
    {"efidisk", true, FIELD, vf_pve_read_drive, NULL, NULL},
    {"tpmstate", true, FIELD, vf_pve_read_drive, NULL, NULL},
    {"net", true, FIELD, read_nic, NULL, NULL},
    {"boot", false, NOTHING, NULL, NULL, NULL}, /* read when all devices are known */
    {"bootdisk", false, NOTHING, NULL, NULL, NULL},

    {"acpi", false, CARRY, NULL, NULL, NULL},
    {"affinity", false, CARRY, NULL, NULL, NULL},
    {"agent", false, CARRY, NULL, NULL, NULL},
    {"allow-ksm", false, CARRY, NULL, NULL, NULL},
    {"amd-sev", false, CARRY, NULL, NULL, NULL},
    {"arch", false, CARRY, NULL, NULL, NULL},
    {"args", false, CARRY, NULL, NULL, NULL},
    {"audio", true, CARRY, NULL, NULL, NULL},
    {"autostart", false, CARRY, NULL, NULL, NULL},
    {"balloon", false, CARRY, NULL, NULL, NULL},
    {"bios", false, CARRY, NULL, NULL, NULL},
    {"cicustom", false, CARRY, NULL, NULL, NULL},
    {"citype", false, CARRY, NULL, NULL, NULL},
    {"ciupgrade", false, CARRY, NULL, NULL, NULL},
    {"ciuser", false, CARRY, NULL, NULL, NULL},
    {"cpu", false, CARRY, NULL, NULL, NULL},
    {"cpulimit", false, CARRY, NULL, NULL, NULL},
    {"cpuunits", false, CARRY, NULL, NULL, NULL},
    {"freeze", false, CARRY, NULL, NULL, NULL},
    {"hookscript", false, CARRY, NULL, NULL, NULL},
    {"hostpci", true, CARRY, NULL, "mapping=", why_device},
    {"hotplug", false, CARRY, NULL, NULL, NULL},
    {"hugepages", false, CARRY, NULL, NULL, NULL},
    {"intel-tdx", false, CARRY, NULL, NULL, NULL},
    {"ipconfig", true, CARRY, NULL, NULL, NULL},
    {"ivshmem", false, CARRY, NULL, NULL, NULL},
    {"keephugepages", false, CARRY, NULL, NULL, NULL},
    {"keyboard", false, CARRY, NULL, NULL, NULL},
    {"kvm", false, CARRY, NULL, NULL, NULL},
    {"localtime", false, CARRY, NULL, NULL, NULL},
    {"machine", false, CARRY, NULL, NULL, NULL},
    {"migrate_downtime", false, CARRY, NULL, NULL, NULL},
    {"migrate_speed", false, CARRY, NULL, NULL, NULL},
    {"nameserver", false, CARRY, NULL, NULL, NULL},
    {"numa", false, CARRY, NULL, NULL, NULL},
    {"numa", true, CARRY, NULL, NULL, NULL},
    {"ostype", false, CARRY, NULL, NULL, NULL},
    {"reboot", false, CARRY, NULL, NULL, NULL},
    {"rng", true, CARRY, NULL, "random", "the node's hardware generator is for root@pam only"},
    {"scsihw", false, CARRY, NULL, NULL, NULL},
    {"searchdomain", false, CARRY, NULL, NULL, NULL},
    {"serial", true, CARRY, NULL, "socket", why_device},
    {"shares", false, CARRY, NULL, NULL, NULL},
    {"smp", false, CARRY, NULL, NULL, NULL},
    {"spice_enhancements", false, CARRY, NULL, NULL, NULL},
    {"sshkeys", false, CARRY, NULL, NULL, NULL}, /* URL-encoded, and sent so */
    {"startdate", false, CARRY, NULL, NULL, NULL},
    {"startup", false, CARRY, NULL, NULL, NULL},
    {"tablet", false, CARRY, NULL, NULL, NULL},
    {"tdf", false, CARRY, NULL, NULL, NULL},
    {"usb", true, CARRY, NULL, "spice|mapping=", why_device},
    {"vcpus", false, CARRY, NULL, NULL, NULL},
    {"vga", false, CARRY, NULL, NULL, NULL},
    {"virtiofs", true, CARRY, NULL, NULL, NULL},
    {"vmgenid", false, CARRY, NULL, NULL, NULL},
    {"watchdog", false, CARRY, NULL, NULL, NULL},

    {"cipassword", false, LEAVE, NULL, NULL,
     N_("Proxmox does not give passwords out: do not let the VM be started, and set it with qm set "
        "VMID --cipassword before you start it, or cloud-init takes the VM for a new one and may "
        "lock the password")},
    {"parallel", true, LEAVE, NULL, NULL, why_device},
    {"protection", false, LEAVE, NULL, NULL,
     N_("a protected VM could not be removed if the move failed: set it when all is well")},
    {"vmstatestorage", false, LEAVE, NULL, NULL, N_("it names a storage of the source")},
    {"unused", true, LEAVE, NULL, NULL, N_("a detached disk stays at the source")},

    {"meta", false, NOTHING, NULL, NULL, NULL},
    {"parent", false, NOTHING, NULL, NULL, NULL}, /* snapshots are listed by themselves */
    {"runningcpu", false, NOTHING, NULL, NULL, NULL},
    {"runningmachine", false, NOTHING, NULL, NULL, NULL},
    {"running-nets-host-mtu", false, NOTHING, NULL, NULL, NULL},
    {"snaptime", false, NOTHING, NULL, NULL, NULL},
    {"vmstate", false, NOTHING, NULL, NULL, NULL},
};

static size_t stem_length(const char *key)
{
    size_t n = strlen(key);
    while (n && isdigit((unsigned char)key[n - 1]))
        n--;
    return n;
}

static const struct key *find_key(const char *name)
{
    size_t stem = stem_length(name);
    for (size_t i = 0; i < VF_COUNT(keys); i++) {
        if (!keys[i].numbered && !strcmp(keys[i].name, name))
            return &keys[i];
        if (keys[i].numbered && name[stem] && strlen(keys[i].name) == stem &&
            !strncmp(keys[i].name, name, stem))
            return &keys[i];
    }
    return NULL;
}

/* Does VALUE contain one of the words of ONLY? */
static bool is_one_of(const char *value, const char *only)
{
    vf_autostrv char **words = vf_strv_split(only, "|");
    for (char **w = words; *w; w++)
        if (strstr(value, *w))
            return true;
    return false;
}

static int take_key(struct vf_vm *vm, const char *name, const char *value, struct vf_error **err)
{
    const struct key *k = find_key(name);
    size_t n = strlen(value);
    bool secret = !strcmp(name, "cipassword"), cut = n > MAX_SHOWN;
    vf_autofree char *shown = vf_escape_n(value, cut ? MAX_SHOWN : n), *label = vf_escape(name);
    vf_autofree char *what =
        vf_asprintf("%s: %s%s", label, secret ? "" : shown, secret || cut ? "..." : "");
    if (!k) {
        vf_vm_leave_out(vm, what, N_("vmferry does not know this setting: set it by hand"));
        return 0;
    }
    switch (k->how) {
    case FIELD:
        return k->read(vm, name, value, err);
    case CARRY:
        if (k->only && !is_one_of(value, k->only))
            vf_vm_leave_out(vm, what, k->why);
        else
            vf_opts_set(&vm->opts, name, value);
        return 0;
    case LEAVE:
        vf_vm_leave_out(vm, what, k->why);
        return 0;
    case NOTHING:
        break;
    }
    return 0;
}

/* ide0, ide2, ide10: by name, then by number, so that lists come in the order people expect. */
static int by_name(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t m = stem_length(x), n = stem_length(y);
    int r = strncmp(x, y, m < n ? m : n);
    if (r || m != n)
        return r ? r : (m > n) - (m < n);
    unsigned long i = strtoul(x + m, NULL, 10), j = strtoul(y + n, NULL, 10);
    return (i > j) - (i < j);
}

struct vf_vm *vf_pve_vm_from_config(unsigned id, const char *node, const json_t *config,
                                    struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_new();
    vm->id = id;
    vm->node = vf_strdup(node);
    vm->sockets = vm->cores = 1; /* Proxmox's defaults for what is not set */
    vm->memory = UINT64_C(512) << 20;
    vf_autostrv char **names = vf_strv_new();
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)config, name, value)
        vf_strv_add(&names, name);
    qsort(names, vf_strv_len(names), sizeof *names, by_name);
    for (char **p = names; *p; p++) {
        vf_autofree char *text = vf_json_as_text(json_object_get(config, *p));
        if (take_key(vm, *p, text ? text : "", err) < 0)
            return NULL;
    }
    vm->unnamed = !vm->name;
    if (vm->unnamed) /* Proxmox shows "VM 101", which is no name that it would take */
        vm->name = vf_asprintf("vm-%u", id);
    if (vf_pve_read_boot(vm, vf_json_text(config, "boot"), vf_json_text(config, "bootdisk"), err) <
        0)
        return NULL;
    return VF_STEAL(vm);
}

void vf_pve_form_description(struct vf_form *form, const char *text)
{
    vf_autobuf struct vf_buf b = {0};
    size_t characters = 0;
    for (const char *p = text; *p; p++) {
        bool escape = *p == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]);
        vf_buf_add(&b, p, 1);
        vf_buf_puts(&b, escape ? "25" : "");
        characters += escape ? 3 : ((unsigned char)*p & 0xc0) != 0x80;
    }
    /* better a letter in the wrong place than a description that is refused */
    vf_form_add(form, "description", characters > MAX_DESCRIPTION ? text : vf_buf_str(&b));
}

int vf_pve_vm_to_form(const struct vf_vm *vm, struct vf_form *form, struct vf_error **err)
{
    if (vm->memory & 0xfffff)
        return vf_fail(err, VF_E_UNSUPPORTED, "the memory size is not a whole number of MiB");
    vf_form_addf(form, "vmid", "%u", vm->id);
    vf_form_add(form, "name", vm->name);
    vf_form_addf(form, "memory", "%llu", (unsigned long long)(vm->memory >> 20));
    vf_form_addf(form, "cores", "%u", vm->cores);
    vf_form_addf(form, "sockets", "%u", vm->sockets);
    vf_form_add(form, "onboot", "0");
    if (vm->description && *vm->description)
        vf_pve_form_description(form, vm->description);
    if (vm->tags && *vm->tags)
        vf_form_add(form, "tags", vm->tags);
    const char *smbios = vf_opts_get(&vm->opts, "smbios1");
    if (vm->uuid || smbios)
        vf_form_addf(form, "smbios1", "%s%s%s%s", vm->uuid ? "uuid=" : "", vm->uuid ? vm->uuid : "",
                     vm->uuid && smbios ? "," : "", smbios ? smbios : "");
    for (size_t i = 0; i < vm->opts.n; i++)
        if (strcmp(vm->opts.v[i].key, "smbios1"))
            vf_form_add(form, vm->opts.v[i].key, vm->opts.v[i].value);
    for (size_t i = 0; i < vm->n_nics; i++) {
        vf_autofree char *key = vf_asprintf("net%u", vm->nics[i].index);
        vf_autofree char *value = vf_pve_nic_value(&vm->nics[i]);
        vf_form_add(form, key, value);
    }
    for (size_t i = 0; i < vm->n_disks; i++)
        if (vm->disks[i].fresh && !vm->disks[i].volume) {
            vf_autofree char *value = vf_pve_fresh_value(&vm->disks[i]);
            vf_form_add(form, vm->disks[i].slot, value);
        }
    for (size_t i = 0; i < vm->n_cdroms; i++)
        if (vm->cdroms[i].cloudinit)
            vf_form_addf(form, vm->cdroms[i].slot, "%s:cloudinit", vm->cdroms[i].storage);
        else
            vf_form_add(form, vm->cdroms[i].slot, "none,media=cdrom");
    return 0;
}
