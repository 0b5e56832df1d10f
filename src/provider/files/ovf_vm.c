/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VirtualSystem in the words of a VMX file. Hardware: DSP0243 9.1, Items after CIM's resource
 * allocation setting data (CIM_ResourceAllocationSettingData.ResourceType). */
#include "config.h"
#include "provider/files/ovf_int.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MOST_CONTROLLERS = 64, MOST_UNITS = 65, BUS_CONTROLLERS = 4, MAX_TEXT = 64 << 10 };

enum resource {
    PROCESSOR = 3,
    MEMORY = 4,
    IDE = 5,
    SCSI = 6,
    ETHERNET = 10,
    FLOPPY = 14,
    CD = 15,
    DVD = 16,
    DISK = 17,
    OTHER_STORAGE = 20,
    SERIAL = 21,
    PARALLEL = 22,
};

struct controller {
    char *instance;
    const char *bus;
    unsigned number;
};

struct vm {
    const struct vf_ovf *ovf;
    const char *name; /* of the file, for messages */
    struct vf_buf vmx;
    struct controller controllers[MOST_CONTROLLERS];
    size_t n_controllers;
    unsigned scsi, ide, sata, nvme; /* how many */
    bool used[4][BUS_CONTROLLERS][MOST_UNITS];
    unsigned cards, serial, parallel, floppies;
};

/* ---- lines ---- */

VF_PRINTF(3, 4) static void put(struct vm *v, const char *value, const char *key, ...)
{
    va_list ap;
    va_start(ap, key);
    vf_autofree char *name = vf_vasprintf(key, ap);
    va_end(ap);
    if (!value)
        return;
    vf_buf_printf(&v->vmx, "%s = \"", name);
    for (size_t i = 0; value[i] && i < MAX_TEXT; i++)
        if ((unsigned char)value[i] < ' ' || strchr("\"|", value[i]))
            vf_buf_printf(&v->vmx, "|%02X", (unsigned)(unsigned char)value[i]);
        else
            vf_buf_add(&v->vmx, value + i, 1);
    vf_buf_puts(&v->vmx, "\"\n");
}

VF_PRINTF(3, 4) static void put_number(struct vm *v, uint64_t value, const char *key, ...)
{
    va_list ap;
    va_start(ap, key);
    vf_autofree char *name = vf_vasprintf(key, ap);
    va_end(ap);
    vf_buf_printf(&v->vmx, "%s = \"%llu\"\n", name, (unsigned long long)value);
}

/* ---- controllers and what is at them ---- */

static bool mentions(const char *text, const char *word)
{
    return text && strcasestr(text, word);
}

static const char *bus_of(enum resource type, const char *subtype)
{
    return type == SCSI                ? "scsi"
           : type == IDE               ? "ide"
           : mentions(subtype, "nvme") ? "nvme"
           : mentions(subtype, "scsi") ? "scsi"
                                       : "sata";
}

static unsigned *count_of(struct vm *v, const char *bus)
{
    return vf_streq(bus, "scsi")   ? &v->scsi
           : vf_streq(bus, "ide")  ? &v->ide
           : vf_streq(bus, "nvme") ? &v->nvme
                                   : &v->sata;
}

/* What VMX files call a SCSI controller. */
static const char *scsi_device(const char *subtype)
{
    static const struct {
        const char *ovf, *vmx;
    } names[] = {{"VirtualSCSI", "pvscsi"},
                 {"lsilogicsas", "lsisas1068"},
                 {"lsilogic", "lsilogic"},
                 {"buslogic", "buslogic"}};
    for (size_t i = 0; subtype && i < VF_COUNT(names); i++)
        if (mentions(subtype, names[i].ovf))
            return names[i].vmx;
    return NULL;
}

static void add_controller(struct vm *v, const xmlNode *item, enum resource type)
{
    vf_autofree char *subtype = vf_ovf_child_text(item, "ResourceSubType");
    const char *bus = bus_of(type, subtype);
    unsigned *count = count_of(v, bus);
    if (v->n_controllers == MOST_CONTROLLERS || *count == BUS_CONTROLLERS)
        return;
    struct controller *c = &v->controllers[v->n_controllers++];
    c->instance = vf_ovf_child_text(item, "InstanceID");
    if (!c->instance)
        c->instance = vf_ovf_child_text(item, "InstanceId"); /* OVF 0.9 */
    c->bus = bus;
    c->number = (*count)++;
    put(v, "TRUE", "%s%u.present", bus, c->number);
    if (vf_streq(bus, "scsi"))
        put(v, scsi_device(subtype), "scsi%u.virtualDev", c->number);
}

/* The controller that is ITEM's parent; a new one of SCSI for an orphan. */
static const struct controller *controller_of(struct vm *v, const xmlNode *item)
{
    vf_autofree char *parent = vf_ovf_child_text(item, "Parent");
    for (size_t i = 0; parent && i < v->n_controllers; i++)
        if (vf_streq(v->controllers[i].instance, parent))
            return &v->controllers[i];
    static const struct controller orphanage = {.bus = "scsi"};
    if (!v->scsi) {
        v->scsi = 1;
        put(v, "TRUE", "scsi0.present");
    }
    return &orphanage;
}

/* Where on its bus ITEM is: "scsi0:1"; caller frees. NULL: there is no room. */
static char *place_of(struct vm *v, const xmlNode *item)
{
    static const char *const buses[] = {"scsi", "ide", "sata", "nvme"};
    const struct controller *c = controller_of(v, item);
    vf_autofree char *address = vf_ovf_child_text(item, "AddressOnParent");
    size_t bus = 0;
    while (!vf_streq(buses[bus], c->bus))
        bus++;
    bool *used = v->used[bus][c->number];
    uint64_t unit = vf_ovf_number(address);
    for (uint64_t tries = 0; unit >= MOST_UNITS || used[unit]; tries++) {
        if (tries == MOST_UNITS)
            return NULL;
        unit = tries;
    }
    used[unit] = true;
    return vf_asprintf("%s%u:%llu", c->bus, c->number, (unsigned long long)unit);
}

/* What "ovf:/disk/ID" or "/file/ID" ends in, when it is of KIND; NULL: it is not. */
static const char *resource_id(const char *resource, const char *kind)
{
    vf_autofree char *begin = vf_asprintf("/%s/", kind);
    const char *at = resource ? strstr(resource, begin) : NULL;
    return at ? at + strlen(begin) : NULL;
}

static int add_disk(struct vm *v, const xmlNode *item, struct vf_error **err)
{
    vf_autofree char *resource = vf_ovf_child_text(item, "HostResource");
    vf_autofree char *shown = vf_escape(resource ? resource : "nothing");
    const char *id = resource_id(resource, "disk"), *file_id = resource_id(resource, "file");
    const struct vf_ovf_disk *disk = vf_ovf_disk_of(v->ovf, id);
    const struct vf_ovf_file *file = vf_ovf_file_of(v->ovf, disk ? disk->file : file_id);
    bool empty = disk && !disk->file;
    if (!empty && (!file || !file->href))
        return vf_fail(err, VF_E_CORRUPT, "%s has a VM with a disk of which it tells no file (%s)",
                       v->name, shown);
    if (disk && disk->parent)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s: its disk %s rests on another one: export the VM without snapshots and "
                       "linked clones",
                       v->name, shown);
    vf_autofree char *place = place_of(v, item);
    if (!place)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s has a VM with more disks than a controller takes",
                       v->name);
    vf_autofree char *name = empty ? vf_asprintf("#%s", disk->id) : vf_strdup(file->href);
    put(v, "TRUE", "%s.present", place);
    put(v, name, "%s.fileName", place);
    return 0;
}

static void add_drive(struct vm *v, const xmlNode *item)
{
    vf_autofree char *resource = vf_ovf_child_text(item, "HostResource");
    vf_autofree char *place = place_of(v, item);
    const struct vf_ovf_file *file = vf_ovf_file_of(v->ovf, resource_id(resource, "file"));
    if (!place)
        return;
    put(v, "TRUE", "%s.present", place);
    put(v, file ? "cdrom-image" : "atapi-cdrom", "%s.deviceType", place);
    put(v, file ? file->href : NULL, "%s.fileName", place);
}

/* ---- the other devices ---- */

/* "0800277A2B3C" with colons; caller frees. */
static char *mac_of(const char *address)
{
    vf_autobuf struct vf_buf b = {0};
    size_t digits = 0;
    for (const char *p = address; p && *p; p++) {
        if (!isxdigit((unsigned char)*p))
            continue;
        vf_buf_printf(&b, "%s%c", digits && digits % 2 == 0 ? ":" : "", *p);
        digits++;
    }
    return digits == 12 ? vf_buf_take(&b) : NULL;
}

static void add_card(struct vm *v, const xmlNode *item)
{
    vf_autofree char *subtype = vf_ovf_child_text(item, "ResourceSubType");
    vf_autofree char *network = vf_ovf_child_text(item, "Connection");
    vf_autofree char *address = vf_ovf_child_text(item, "Address");
    vf_autofree char *connected = vf_ovf_child_text(item, "AutomaticAllocation");
    vf_autofree char *mac = mac_of(address);
    unsigned i = v->cards++;
    put(v, "TRUE", "ethernet%u.present", i);
    put(v, mentions(subtype, "pcnet") ? "vlance" : subtype, "ethernet%u.virtualDev", i);
    put(v, network, "ethernet%u.networkName", i);
    put(v, mac, "ethernet%u.generatedAddress", i);
    put(v, connected && !strcasecmp(connected, "false") ? "FALSE" : "TRUE",
        "ethernet%u.startConnected", i);
}

static int add_memory(struct vm *v, const xmlNode *item, struct vf_error **err)
{
    vf_autofree char *quantity = vf_ovf_child_text(item, "VirtualQuantity");
    vf_autofree char *units = vf_ovf_child_text(item, "AllocationUnits");
    uint64_t n = vf_ovf_number(quantity), unit = units ? vf_ovf_units(units) : 1 << 20;
    if (!n || !unit || n > INT64_MAX / unit || n * unit < 1 << 20)
        return vf_fail(err, VF_E_CORRUPT, "%s does not say how much memory its VM has", v->name);
    put_number(v, n * unit >> 20, "memSize");
    return 0;
}

static void add_processors(struct vm *v, const xmlNode *item)
{
    vf_autofree char *quantity = vf_ovf_child_text(item, "VirtualQuantity");
    vf_autofree char *cores = vf_ovf_child_text(item, "CoresPerSocket");
    uint64_t n = vf_ovf_number(quantity);
    put_number(v, n ? n : 1, "numvcpus");
    put(v, cores, "cpuid.coresPerSocket");
}

static int add_item(struct vm *v, const xmlNode *item, struct vf_error **err)
{
    vf_autofree char *type = vf_ovf_child_text(item, "ResourceType");
    vf_autofree char *subtype = vf_ovf_child_text(item, "ResourceSubType");
    switch ((enum resource)vf_ovf_number(type)) {
    case PROCESSOR:
        add_processors(v, item);
        break;
    case MEMORY:
        return add_memory(v, item, err);
    case ETHERNET:
        add_card(v, item);
        break;
    case CD:
    case DVD:
        add_drive(v, item);
        break;
    case DISK:
        return add_disk(v, item, err);
    case FLOPPY:
        put(v, "TRUE", "floppy%u.present", v->floppies++);
        break;
    case SERIAL:
        put(v, "TRUE", "serial%u.present", v->serial++);
        break;
    case PARALLEL:
        put(v, "TRUE", "parallel%u.present", v->parallel++);
        break;
    default:
        if (mentions(subtype, "vtpm"))
            put(v, "TRUE", "vtpm.present");
        if (mentions(subtype, "pciPassthrough"))
            put(v, "TRUE", "pciPassthru0.present");
    }
    return 0;
}

/* An entry of the hardware that counts: one of no other configuration, and no bound. Without a
 * CONFIGURATION none is another: see tells_apart(). */
static bool counts(const xmlNode *item, const char *configuration)
{
    vf_autofree char *of = vf_ovf_attribute(item, "configuration");
    vf_autofree char *bound = vf_ovf_attribute(item, "bound");
    vf_autostrv char **words = of ? vf_strv_split(of, " ") : NULL;
    return (vf_ovf_is(item, "Item") || vf_ovf_is(item, "StorageItem") ||
            vf_ovf_is(item, "EthernetPortItem")) &&
           (!words || !configuration || vf_strv_has(words, configuration)) &&
           (!bound || vf_streq(bound, "normal"));
}

/* Is there hardware of some configurations only? */
static bool tells_apart(const xmlNode *section)
{
    bool some = false;
    for (const xmlNode *n = section->children; n && !some; n = n->next) {
        vf_autofree char *of = counts(n, NULL) ? vf_ovf_attribute(n, "configuration") : NULL;
        some = of != NULL;
    }
    return some;
}

static int add_hardware(struct vm *v, const xmlNode *section, const char *configuration,
                        struct vf_error **err)
{
    if (!configuration && tells_apart(section))
        return vf_fail(err, VF_E_CORRUPT,
                       "%s tells hardware apart by configurations and does not say which there "
                       "are (DeploymentOptionSection): export it again",
                       v->name);
    /* controllers first, in whatever order they stand */
    for (const xmlNode *n = section->children; n; n = n->next) {
        vf_autofree char *type =
            counts(n, configuration) ? vf_ovf_child_text(n, "ResourceType") : NULL;
        uint64_t t = vf_ovf_number(type);
        if (t == IDE || t == SCSI || t == OTHER_STORAGE)
            add_controller(v, n, (enum resource)t);
    }
    for (const xmlNode *n = section->children; n; n = n->next)
        if (counts(n, configuration) && add_item(v, n, err) < 0)
            return -1;
    return 0;
}

/* ---- firmware, system, words ---- */

static bool is_true(const char *s)
{
    return s && (!strcasecmp(s, "true") || !strcmp(s, "1"));
}

/* VMware's settings: <vmw:Config vmw:key="firmware" vmw:value="efi"/>. VirtualBox's own description
 * (vbox:Machine) says <Firmware type="EFI"/>. */
static void add_settings(struct vm *v, const xmlNode *n, int depth)
{
    enum { DEEP = 6 };
    for (; n && depth < DEEP; n = n->next) {
        if (n->type != XML_ELEMENT_NODE)
            continue;
        vf_autofree char *key = vf_ovf_attribute(n, "key"), *value = vf_ovf_attribute(n, "value");
        vf_autofree char *type = vf_ovf_is(n, "Firmware") ? vf_ovf_attribute(n, "type") : NULL;
        if (vf_streq(key, "firmware"))
            put(v, value, "firmware");
        if (vf_streq(key, "bootOptions.efiSecureBootEnabled") && is_true(value))
            put(v, "TRUE", "uefi.secureBoot.enabled");
        if (type && !strncasecmp(type, "EFI", 3))
            put(v, "efi", "firmware");
        add_settings(v, n->children, depth + 1);
    }
}

/* CIM_OperatingSystem.OsType, for writers that say no more, by the names of VMX files. */
static const struct {
    unsigned cim;
    const char *guest;
} systems[] = {
    {36, "otherlinux"},
    {58, "win2000"},
    {67, "winXPPro"},
    {68, "winXPPro-64"},
    {69, "winNetStandard"},
    {70, "winNetStandard-64"},
    {73, "winVista"},
    {74, "winVista-64"},
    {76, "longhorn"},
    {77, "longhorn-64"},
    {79, "rhel6"},
    {80, "rhel6-64"},
    {84, "sles"},
    {85, "sles-64"},
    {93, "ubuntu"},
    {94, "ubuntu-64"},
    {95, "debian"},
    {96, "debian-64"},
    {101, "otherlinux-64"},
    {103, "windows7Server-64"},
    {105, "windows7-64"},
    {106, "centos"},
    {107, "centos-64"},
    {113, "windows8-64"},
    {114, "windows8"},
    {115, "windows8Server-64"},
    {116, "windows8Server-64"},
    {117, "windows9-64"},
    {119, "windows9Server-64"},
    {120, "windows9-64"},
};

/* "Windows10_64" of VirtualBox is windows9-64 there. */
static char *guest_of_vbox(const char *type)
{
    static const struct {
        const char *vbox, *vmx;
    } names[] = {
        {"Windows2022", "windows2022srvNext"},
        {"Windows2019", "windows2019srv"},
        {"Windows2016", "windows9Server"},
        {"Windows2012", "windows8Server"},
        {"Windows2008", "longhorn"},
        {"Windows2003", "winNetStandard"},
        {"Windows2000", "win2000"},
        {"WindowsXP", "winXPPro"},
        {"WindowsVista", "winVista"},
        {"Windows10", "windows9"},
        {"Windows11", "windows11"},
        {"Windows81", "windows8"},
        {"Windows8", "windows8"},
        {"Windows7", "windows7"},
        {"RedHat", "rhel"},
    };
    for (size_t i = 0; i < VF_COUNT(names); i++)
        if (vf_starts(type, names[i].vbox))
            return vf_asprintf("%s%s", names[i].vmx, vf_ends(type, "_64") ? "-64" : "");
    char *guest = vf_strdup(type);
    for (char *p = guest; *p; p++)
        *p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
    return guest;
}

static void add_system(struct vm *v, const xmlNode *section, struct vf_ovf_vm *out)
{
    vf_autofree char *vmware = vf_ovf_attribute(section, "osType");
    vf_autofree char *vbox = vf_ovf_child_text(section, "OSType");
    vf_autofree char *cim = vf_ovf_attribute(section, "id");
    vf_autofree char *guest = vmware ? vf_strdup(vmware) : vbox ? guest_of_vbox(vbox) : NULL;
    for (size_t i = 0; !guest && i < VF_COUNT(systems); i++)
        if (systems[i].cim == vf_ovf_number(cim))
            guest = vf_strdup(systems[i].guest);
    put(v, guest, "guestOS");
    out->system = vf_ovf_child_text(section, "Description");
    if (!out->system)
        out->system = VF_STEAL(guest);
}

static void free_controllers(struct vm *v)
{
    for (size_t i = 0; i < v->n_controllers; i++)
        free(v->controllers[i].instance);
    vf_buf_free(&v->vmx);
}

/* The section called LOCAL; in OVF 0.9 it is <Section xsi:type="ovf:LOCAL_Type">. */
static const xmlNode *section_of(const xmlNode *system, const char *local)
{
    vf_autofree char *old = vf_asprintf("%s_Type", local);
    for (const xmlNode *n = system->children; n; n = n->next) {
        vf_autofree char *type = vf_ovf_is(n, "Section") ? vf_ovf_attribute(n, "type") : NULL;
        if (vf_ovf_is(n, local) || (type && vf_ends(type, old)))
            return n;
    }
    return NULL;
}

int vf_ovf_read_vm(const struct vf_ovf *o, const xmlNode *system, const char *configuration,
                   const char *name, struct vf_ovf_vm *out, struct vf_error **err)
{
    struct vm *v = vf_xcalloc(1, sizeof *v);
    const xmlNode *hardware = section_of(system, "VirtualHardwareSection");
    const xmlNode *os = section_of(system, "OperatingSystemSection");
    const xmlNode *notes = section_of(system, "AnnotationSection");
    vf_autofree char *called = vf_ovf_child_text(system, "Name");
    vf_autofree char *words = vf_ovf_child_text(notes, "Annotation");
    v->ovf = o;
    v->name = name;
    out->id = vf_ovf_attribute(system, "id");
    put(v, called ? called : out->id, "displayName");
    put(v, words, "annotation");
    if (os)
        add_system(v, os, out);
    if (hardware)
        add_settings(v, hardware->children, 0);
    for (const xmlNode *n = system->children; n; n = n->next)
        if (vf_ovf_is(n, "Machine"))
            add_settings(v, n->children, 0);
    int r = hardware ? add_hardware(v, hardware, configuration, err)
                     : vf_fail(err, VF_E_CORRUPT, "%s does not say what hardware its VM has", name);
    if (r == 0)
        out->vmx = vf_buf_take(&v->vmx);
    free_controllers(v);
    free(v);
    return r;
}
