/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/esxi/describe.h"
#include "provider/esxi/guestos.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* VMware's limits, vSphere 8.0's "Configuration Maximums". */
enum {
    CONTROLLERS = 4,
    MOST_UNITS = 65, /* of pvscsi, 0 to 64 */
    MOST_NICS = 32,  /* VMware has ten; net31 is the last of qm.conf(5) */
    MOST_SERIAL = 32,
    MOST_PCI = 32,
    MOST_MEMORY = 24 << 20, /* MiB */
    MOST_CPUS = 768,
    DEFAULT_MEMORY = 32, /* MiB */
    MAX_LABEL = 63,
    LAST_SLOT = 30, /* scsi30 */
    LAST_DRIVE = 3, /* ide3 */
};

struct vf_left_out *vf_esxi_leave_out(struct vf_vm *vm, bool stop, const char *what,
                                      const char *why, ...)
{
    va_list ap;
    va_start(ap, why);
    vf_autofree char *text = vf_vasprintf(why, ap);
    va_end(ap);
    struct vf_left_out *l = vf_vm_leave_out(vm, what, text);
    l->stop = stop;
    return l;
}

/* ---- name, processors, firmware ---- */

/* The letters of Latin-1 and Latin Extended-A without what is above and below them; "*": below. */
static const char *plain_letter(unsigned c)
{
    static const char west[] = "AAAA*A*CEEEEIIIIDNOOOO*xOUUU*YT*aaaa*a*ceeeeiiiidnoooo*-ouuu*yty",
                      east[] = "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLl"
                               "NnNnNnnNnOoOoOo**RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
    static const struct {
        unsigned c;
        const char *letters;
    } pairs[] = {{0xc4, "Ae"}, {0xc6, "Ae"},  {0xd6, "Oe"}, {0xdc, "Ue"},
                 {0xdf, "ss"}, {0xe4, "ae"},  {0xe6, "ae"}, {0xf6, "oe"},
                 {0xfc, "ue"}, {0x152, "Oe"}, {0x153, "oe"}};
    static _Thread_local char one[2];
    for (size_t i = 0; i < VF_COUNT(pairs); i++)
        if (pairs[i].c == c)
            return pairs[i].letters;
    one[0] = c >= 0xc0 && c < 0x100    ? west[c - 0xc0]
             : c >= 0x100 && c < 0x180 ? east[c - 0x100]
                                       : 0;
    return one;
}

/* S, which is UTF-8, with plain letters where it has others of Latin; caller frees. */
static char *plain(const char *s)
{
    vf_autobuf struct vf_buf b = {0};
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c >= 0xc3 && c <= 0xc5 && ((unsigned char)s[1] & 0xc0) == 0x80)
            vf_buf_puts(&b, plain_letter((c & 0x1fU) << 6 | ((unsigned char)*++s & 0x3fU)));
        else
            vf_buf_add(&b, s, 1);
    }
    return vf_buf_take(&b);
}

/* What is left of nothing is "vm". Dashes in a row stay: they are of our own suffixes. */
char *vf_esxi_name(const char *called)
{
    vf_autofree char *text = plain(called);
    const char *s = text;
    vf_autobuf struct vf_buf b = {0};
    bool made = false; /* the last dash is of something else */
    for (; s && *s && b.len < MAX_LABEL; s++) {
        bool dash = b.len && b.data[b.len - 1] == '-';
        if (isalnum((unsigned char)*s) || (*s == '.' && b.len && b.data[b.len - 1] != '.') ||
            (*s == '-' && b.len && !made))
            vf_buf_add(&b, s, 1);
        else if (strchr(" -_/\\", *s) && b.len && !dash)
            vf_buf_puts(&b, "-");
        made = b.len && b.data[b.len - 1] == '-' && (made ? true : *s != '-');
    }
    while (b.len && strchr("-.", b.data[b.len - 1]))
        b.len--;
    return b.len ? vf_strndup(vf_buf_str(&b), b.len) : vf_strdup("vm");
}

/* "56 4d 12 34 …-…" is 564d1234-…; NULL when it is none. */
static char *clean_uuid(const char *s)
{
    char hex[33];
    size_t n = 0;
    for (; s && *s && n < sizeof hex - 1; s++)
        if (isxdigit((unsigned char)*s))
            hex[n++] = (char)tolower((unsigned char)*s);
    return n == sizeof hex - 1 ? vf_asprintf("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                                             hex + 16, hex + 20)
                               : NULL;
}

/* prettyName='Debian GNU/Linux 7 (wheezy)' of what VMware Tools reported, else the ID. */
static char *system_name(const char *id, const char *details)
{
    static const char key[] = "prettyName='";
    const char *at = details ? strstr(details, key) : NULL;
    at = at ? at + strlen(key) : NULL;
    size_t n = at ? strcspn(at, "'") : 0;
    return n ? vf_strndup(at, n) : vf_strdup(id);
}

static void describe_processors(const struct vf_vmx *x, struct vf_vm *vm)
{
    unsigned cpus = (unsigned)vf_vmx_number(x, MOST_CPUS, 1, "numvcpus");
    unsigned cores = (unsigned)vf_vmx_number(x, MOST_CPUS, 1, "cpuid.coresPerSocket");
    cpus = cpus ? cpus : 1;
    bool even = cores && cpus % cores == 0;
    vm->cores = even ? cores : 1;
    vm->sockets = cpus / vm->cores;
    if (!even) {
        vf_autofree char *why =
            vf_asprintf("%u processors are no whole number of sockets with %u cores each: it "
                        "gets %u sockets",
                        cpus, cores, cpus);
        struct vf_left_out *l = vf_vm_leave_out(vm, "cpuid.coresPerSocket", why);
        l->minor = l->there = true;
    }
    vm->memory = vf_vmx_number(x, MOST_MEMORY, DEFAULT_MEMORY, "memSize") << 20;
}

static void describe_firmware(const struct vf_vmx *x, struct vf_vm *vm)
{
    const char *firmware = vf_vmx_get(x, "firmware");
    bool efi = firmware && !strcasecmp(firmware, "efi");
    vf_opts_set(&vm->opts, "bios", efi ? "ovmf" : "seabios");
    if (efi)
        vf_esxi_leave_out(
            vm, false, "nvram",
            N_("the firmware's boot entries stay behind: should it not boot, choose the "
               "loader in the firmware's menu once"))
            ->there = true;
    vm->secure_boot = efi && vf_vmx_true(x, false, "uefi.secureBoot.enabled");
    if (vm->secure_boot)
        vf_esxi_leave_out(
            vm, false, "Secure Boot",
            N_("it is on with Microsoft's keys; keys of your own are to be enrolled again"))
            ->there = true;
}

/* ---- disks and drives ---- */

struct unit {
    const char *bus;
    unsigned controller, number;
    char name[24]; /* "scsi0:1" */
};

static bool says(const char *value, const char *word)
{
    return value && !strcasecmp(value, word);
}

static bool begins(const char *value, const char *word)
{
    return value && !strncasecmp(value, word, strlen(word));
}

/* Why a disk is not to be copied, NULL: it may be. */
static const char *refused(const struct vf_vmx *x, const struct unit *u)
{
    const char *type = vf_vmx_get(x, "%s.deviceType", u->name);
    const char *shared = vf_vmx_get(x, "%s%u.sharedBus", u->bus, u->controller);
    const char *sharing = vf_vmx_get(x, "%s.sharing", u->name);
    if (says(type, "rawDisk") || says(type, "scsi-passthru"))
        return N_(
            "a raw device mapping: its data is on a LUN, not in a file; attach the LUN to the "
            "new VM, or turn the disk into a virtual one first");
    if ((shared && !says(shared, "none")) || says(sharing, "multi-writer"))
        return N_("shared with other VMs: a copy would part from theirs");
    if (says(vf_vmx_get(x, "%s.mode", u->name), "independent-nonpersistent"))
        return N_("it forgets what is written at each power off (independent-nonpersistent): make "
                  "it persistent first, knowing what is on it");
    return NULL;
}

static char *full_path(const char *dir, const char *file)
{
    return *file == '/' || !dir ? vf_strdup(file) : vf_asprintf("%s/%s", dir, file);
}

static void add_disk(const struct vf_vmx *x, const struct unit *u, const char *dir,
                     struct vf_vm *vm)
{
    const char *file = vf_vmx_get(x, "%s.fileName", u->name);
    const char *why = refused(x, u);
    if (vm->n_disks > LAST_SLOT)
        why = N_("Proxmox VE has room for 31 SCSI disks");
    if (!file || !*file)
        why = why ? why : N_("the VM has this disk, but its file is not named");
    if (why) {
        vf_esxi_leave_out(vm, true, u->name, "%s", why);
        return;
    }
    struct vf_disk *d = vf_vm_add_disk(vm);
    d->slot = vf_asprintf("scsi%zu", vm->n_disks - 1);
    d->volume = full_path(dir, file);
    d->format = vf_strdup("vmdk");
}

static void add_drive(const struct vf_vmx *x, const struct unit *u, struct vf_vm *vm)
{
    const char *file = vf_vmx_get(x, "%s.fileName", u->name);
    bool image = says(vf_vmx_get(x, "%s.deviceType", u->name), "cdrom-image");
    if (vm->n_cdroms > LAST_DRIVE) {
        vf_esxi_leave_out(vm, false, u->name, N_("one CD drive too many for the IDE bus"));
        return;
    }
    struct vf_cdrom *c = vf_vm_add_cdrom(vm);
    c->slot = vf_asprintf("ide%zu", LAST_DRIVE - (vm->n_cdroms - 1));
    c->media = image && file && *file ? vf_strdup(file) : NULL;
}

static void describe_units(const struct vf_vmx *x, const char *dir, struct vf_vm *vm)
{
    static const char *const buses[] = {"scsi", "sata", "ide", "nvme"};
    for (size_t b = 0; b < VF_COUNT(buses); b++)
        for (unsigned c = 0; c < CONTROLLERS; c++)
            for (unsigned n = 0; n < MOST_UNITS; n++) {
                struct unit u = {buses[b], c, n, ""};
                snprintf(u.name, sizeof u.name, "%s%u:%u", buses[b], c, n);
                /* IDE has its controllers always */
                if (!vf_vmx_true(x, false, "%s.present", u.name) ||
                    !vf_vmx_true(x, true, "%s%u.present", buses[b], c))
                    continue;
                const char *type = vf_vmx_get(x, "%s.deviceType", u.name);
                if (type && strcasestr(type, "cdrom"))
                    add_drive(x, &u, vm);
                else
                    add_disk(x, &u, dir, vm);
            }
}

/* ---- network ---- */

static const struct {
    const char *vmware, *model;
} cards[] = {
    {"vmxnet3", "vmxnet3"}, {"e1000e", "e1000e"}, {"e1000", "e1000"},
    {"vlance", "pcnet"},    {"vmxnet2", "pcnet"}, {"vmxnet", "pcnet"}, /* compatible with it */
};

static char *upper(const char *s)
{
    char *copy = vf_strdup(s);
    for (char *c = copy; c && *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return copy;
}

/* Each card has some word for its network, for a bridge is to be chosen for it. */
static void describe_network(const struct vf_vmx *x, unsigned i, struct vf_vm *vm, struct vf_nic *n)
{
    /* of a distributed switch's port group only the key is here; vCenter knows the name */
    static const char *const names[] = {"dvs.portgroupId", "networkName"};
    vf_autofree char *what = vf_asprintf("net%u", n->index);
    for (size_t k = 0; k < VF_COUNT(names) && !n->bridge; k++) {
        const char *name = vf_vmx_get(x, "ethernet%u.%s", i, names[k]);
        n->bridge = name && *name ? vf_strdup(name) : NULL;
    }
    const char *nsx = vf_vmx_get(x, "ethernet%u.opaqueNetwork.id", i);
    if (!n->bridge && nsx && *nsx) {
        n->bridge = vf_strdup(nsx);
        vf_esxi_leave_out(
            vm, false, what,
            N_("its network is one of NSX, known here by its ID alone: nothing tells which "
               "bridge and VLAN it was; choose them"))
            ->there = true;
    }
    if (n->bridge)
        return;
    /* VMware Workstation's have kinds instead of names */
    const char *kind = vf_vmx_get(x, "ethernet%u.connectionType", i);
    n->bridge = vf_strdup(kind && *kind ? kind : "bridged");
    vf_esxi_leave_out(vm, false, what, N_("its network has no name there: choose its bridge"))
        ->there = true;
}

static void describe_cards(const struct vf_vmx *x, struct vf_vm *vm)
{
    for (unsigned i = 0; i < MOST_NICS; i++) {
        if (!vf_vmx_true(x, false, "ethernet%u.present", i))
            continue;
        struct vf_nic *n = vf_vm_add_nic(vm);
        const char *device = vf_vmx_get(x, "ethernet%u.virtualDev", i);
        const char *given = vf_vmx_get(x, "ethernet%u.address", i);
        const char *made = vf_vmx_get(x, "ethernet%u.generatedAddress", i);
        bool fixed = says(vf_vmx_get(x, "ethernet%u.addressType", i), "static");
        n->index = (unsigned)(vm->n_nics - 1);
        n->model = vf_strdup(device ? NULL : "e1000");
        for (size_t k = 0; device && k < VF_COUNT(cards); k++)
            if (!strcasecmp(device, cards[k].vmware))
                vf_str_set(&n->model, cards[k].model);
        if (!n->model) {
            n->model = vf_strdup("e1000");
            vf_autofree char *what = vf_asprintf("ethernet%u.virtualDev", i);
            vf_esxi_leave_out(vm, false, what, "there is no card like %s: it gets an e1000", device)
                ->there = true;
        }
        n->mac = upper((fixed || !made) && given ? given : made);
        describe_network(x, i, vm, n);
        n->link_down = !vf_vmx_true(x, true, "ethernet%u.startConnected", i);
    }
}

/* ---- what stays behind ---- */

static const struct {
    const char *name, *why;
    bool stop, minor;
} devices[] = {
    {"pciPassthru",
     N_("a PCI device handed through: take it out of the VM, and give the new one its own"), true,
     false},
    {"parallel", N_("Proxmox VE has no parallel ports"), false, false},
    {"floppy", N_("Proxmox VE has no floppy drives"), false, true},
};

static void describe_devices(const struct vf_vmx *x, struct vf_vm *vm)
{
    for (size_t k = 0; k < VF_COUNT(devices); k++)
        for (unsigned i = 0; i < MOST_PCI; i++) {
            if (!vf_vmx_true(x, false, "%s%u.present", devices[k].name, i))
                continue;
            vf_autofree char *what = vf_asprintf("%s%u", devices[k].name, i);
            struct vf_left_out *l = vf_vm_leave_out(vm, what, devices[k].why);
            l->stop = devices[k].stop;
            l->minor = devices[k].minor;
        }
    for (unsigned i = 0, n = 0; i < MOST_SERIAL; i++) {
        if (!vf_vmx_true(x, false, "serial%u.present", i))
            continue;
        enum { SERIAL_PORTS = 4 }; /* of qm.conf(5) */
        vf_autofree char *what = vf_asprintf("serial%u", i), *port = vf_asprintf("serial%u", n);
        if (n++ < SERIAL_PORTS)
            vf_opts_set(&vm->opts, port, "socket");
        vf_esxi_leave_out(vm, false, what,
                          n > SERIAL_PORTS ? N_("Proxmox VE has four serial ports")
                                           : N_("it becomes a socket at the target node"))
            ->there = n <= SERIAL_PORTS;
    }
    vm->tpm = vf_vmx_true(x, false, "vtpm.present");
    if (vm->tpm)
        vf_esxi_leave_out(
            vm, false, "TPM",
            N_("what it holds stays behind: have the recovery keys at hand (BitLocker), or "
               "suspend the protection while it still runs there"));
}

/* Nothing of such a VM is what its next start would see. */
static void describe_state(const struct vf_vmx *x, struct vf_vm *vm)
{
    static const char *const encrypted[] = {"encryption.keySafe", "encryptedVM.guid",
                                            "encryption.data", "dataFileKey"};
    const char *memory = vf_vmx_get(x, "checkpoint.vmState");
    if (memory && *memory)
        vm->state = VF_VM_SUSPENDED;
    for (size_t i = 0; i < VF_COUNT(encrypted); i++)
        if (vf_vmx_get(x, "%s", encrypted[i])) {
            vf_esxi_leave_out(vm, true, vm->name,
                              N_("it is encrypted: decrypt it at the host first (storage policy)"));
            return;
        }
}

struct vf_vm *vf_esxi_describe(const struct vf_vmx *x, const char *dir)
{
    struct vf_vm *vm = vf_vm_new();
    const char *details = vf_vmx_get(x, "guestOS.detailed.data");
    details = details ? details : vf_vmx_get(x, "guestInfo.detailed.data");
    const char *name = vf_vmx_get(x, "displayName"), *scsi = vf_vmx_get(x, "scsi0.virtualDev");
    struct vf_guest_os os = vf_guest_os(vf_vmx_get(x, "guestOS"), details,
                                        vf_vmx_number(x, 999, 0, "virtualHW.version"));
    vm->name = vf_esxi_name(name);
    vm->unnamed = !name || !*name;
    vm->called = vm->unnamed || vf_streq(name, vm->name) ? NULL : vf_strdup(name);
    vm->guest = os.age;
    vm->system = system_name(vf_vmx_get(x, "guestOS"), details);
    vm->description = vf_strdup(vf_vmx_get(x, "annotation"));
    vm->uuid = clean_uuid(vf_vmx_get(x, "uuid.bios"));
    vf_opts_set(&vm->opts, "ostype", os.ostype);
    vf_opts_set(&vm->opts, "scsihw",
                begins(scsi, "lsi")    ? "lsi"
                : says(scsi, "pvscsi") ? "pvscsi"
                                       : "virtio-scsi-single");
    describe_processors(x, vm);
    describe_firmware(x, vm);
    describe_units(x, dir, vm);
    describe_cards(x, vm);
    describe_devices(x, vm);
    describe_state(x, vm);
    return vm;
}
