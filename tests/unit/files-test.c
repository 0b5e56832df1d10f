/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exported VMs on this machine: OVF with its disks, an OVA made by tar, VMX directories made by
 * qemu-img in every subformat; checksums; what is refused, and how that is told. */
#include "config.h"
#include "provider/files/files.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"
#include "disk/recipe.h"
#include "tests/unit/tap.h"

#include <string.h>
#include <unistd.h>

static char *dir;

/* Status of a shell command in DIR. */
VF_PRINTF(1, 2) static int sh(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *command = vf_asprintf("cd %s && { %s; } 2>&1", dir, text);
    const char *argv[] = {"sh", "-c", command, NULL};
    struct vf_proc_result r = {0};
    if (vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL) < 0)
        return -1;
    vf_proc_result_free(&r);
    return r.status;
}

static void write_file(const char *name, const char *text)
{
    vf_autofree char *path = vf_asprintf("%s/%s", dir, name);
    vf_autoerror struct vf_error *e = NULL;
    if (vf_replace_file(path, text, strlen(text), 0644, &e) < 0)
        printf("Bail out! %s\n", vf_error_text(e));
}

static struct vf_provider *open_path(const char *name, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s%s%s", dir, *name ? "/" : "", name);
    struct vf_conf none = {0};
    const struct vf_cluster_conf *c = vf_conf_cluster(&none, path, err);
    return c ? vf_provider_open(c, true, NULL, NULL, err) : NULL;
}

static bool says(const struct vf_vm *vm, const char *word)
{
    for (size_t i = 0; i < vm->n_left_out; i++)
        if (strstr(vm->left_out[i].why, word) || strstr(vm->left_out[i].what, word))
            return true;
    return false;
}

static bool stops(const struct vf_vm *vm, const char *word)
{
    for (size_t i = 0; i < vm->n_left_out; i++)
        if (vm->left_out[i].stop && strstr(vm->left_out[i].why, word))
            return true;
    return false;
}

/* ---- OVF ---- */

#define ENVELOPE                                                                                   \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\"\n"                                 \
    " xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\"\n"                                      \
    " xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"                             \
    "CIM_ResourceAllocationSettingData\"\n"                                                        \
    " xmlns:vmw=\"http://www.vmware.com/schema/ovf\"\n"                                            \
    " xmlns:vssd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"                             \
    "CIM_VirtualSystemSettingData\">\n"
#define ITEM(type, id, more)                                                                       \
    "<Item><rasd:InstanceID>" id "</rasd:InstanceID><rasd:ResourceType>" type                      \
    "</rasd:ResourceType>" more "</Item>\n"

static const char web_ovf[] =
    ENVELOPE "<References><File ovf:href=\"web-disk1.vmdk\" ovf:id=\"file1\"/>\n"
             "<File ovf:href=\"web%20disk2.vmdk\" ovf:id=\"file2\"/>\n"
             "<File ovf:href=\"tools.iso\" ovf:id=\"file3\" ovf:size=\"2048\"/></References>\n"
             "<DiskSection><Info>Disks</Info>\n"
             "<Disk ovf:capacity=\"8\" ovf:capacityAllocationUnits=\"byte * 2^20\" "
             "ovf:diskId=\"vmdisk1\" ovf:fileRef=\"file1\" "
             "ovf:format=\"http://www.vmware.com/interfaces/specifications/"
             "vmdk.html#streamOptimized\"/>\n"
             "<Disk ovf:capacity=\"3145728\" ovf:diskId=\"vmdisk2\" ovf:fileRef=\"file2\"/>\n"
             "<Disk ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"GigaBytes\" "
             "ovf:diskId=\"vmdisk3\"/></DiskSection>\n"
             "<NetworkSection><Info/><Network ovf:name=\"VM Network\"/></NetworkSection>\n"
             "<DeploymentOptionSection><Info/><Configuration ovf:id=\"small\"/>"
             "<Configuration ovf:id=\"big\" ovf:default=\"true\"/></DeploymentOptionSection>\n"
             "<VirtualSystem ovf:id=\"web 01\"><Info>A VM</Info><Name>web 01</Name>\n"
             "<AnnotationSection><Info/><Annotation>first \"line\" | x\nsecond</Annotation>"
             "</AnnotationSection>\n"
             "<OperatingSystemSection ovf:id=\"96\" vmw:osType=\"debian7_64Guest\"><Info/>"
             "<Description>Debian GNU/Linux 7 (64-bit)</Description></OperatingSystemSection>\n"
             "<VirtualHardwareSection><Info/>\n"
    /* disks stand before their controller, and out of order */
    ITEM(
        "17", "9",
        "<rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:Parent>3</rasd:Parent>"
        "<rasd:HostResource>ovf:/disk/vmdisk2</rasd:HostResource>") ITEM("17", "8",
                                                                         "<rasd:AddressOnParent>0</"
                                                                         "rasd:AddressOnParent><"
                                                                         "rasd:Parent>3</"
                                                                         "rasd:Parent>"
                                                                         "<rasd:HostResource>ovf:/"
                                                                         "disk/vmdisk1</"
                                                                         "rasd:HostResource>") ITEM("17",
                                                                                                    "7",
                                                                                                    "<rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:Parent>4</rasd:Parent>"
                                                                                                    "<rasd:HostResource>ovf:/disk/vmdisk3</rasd:HostResource>")
        ITEM(
            "3", "1",
            "<rasd:VirtualQuantity>4</rasd:VirtualQuantity>"
            "<vmw:CoresPerSocket ovf:required=\"false\">2</vmw:CoresPerSocket>") "<Item "
                                                                                 "ovf:"
                                                                                 "configuration="
                                                                                 "\"small\"><rasd:"
                                                                                 "InstanceID>2</"
                                                                                 "rasd:InstanceID><"
                                                                                 "rasd:"
                                                                                 "ResourceType>4"
                                                                                 "</"
                                                                                 "rasd:"
                                                                                 "ResourceType><"
                                                                                 "rasd:"
                                                                                 "VirtualQuantity>"
                                                                                 "512</"
                                                                                 "rasd:"
                                                                                 "VirtualQuantity><"
                                                                                 "/Item>\n"
                                                                                 "<Item "
                                                                                 "ovf:"
                                                                                 "configuration="
                                                                                 "\"big\"><rasd:"
                                                                                 "AllocationUnits>"
                                                                                 "byte * "
                                                                                 "2^30</"
                                                                                 "rasd:"
                                                                                 "AllocationUnits>"
                                                                                 "<rasd:InstanceID>"
                                                                                 "2</"
                                                                                 "rasd:InstanceID><"
                                                                                 "rasd:"
                                                                                 "ResourceType>4</"
                                                                                 "rasd:"
                                                                                 "ResourceType>"
                                                                                 "<rasd:"
                                                                                 "VirtualQuantity>"
                                                                                 "3</"
                                                                                 "rasd:"
                                                                                 "VirtualQuantity><"
                                                                                 "/Item>\n"
                                                                                 "<Item "
                                                                                 "ovf:bound="
                                                                                 "\"max\"><rasd:"
                                                                                 "InstanceID>2</"
                                                                                 "rasd:InstanceID><"
                                                                                 "rasd:"
                                                                                 "ResourceType>4"
                                                                                 "</"
                                                                                 "rasd:"
                                                                                 "ResourceType><"
                                                                                 "rasd:"
                                                                                 "VirtualQuantity>"
                                                                                 "99</"
                                                                                 "rasd:"
                                                                                 "VirtualQuantity><"
                                                                                 "/Item>\n" ITEM(
                                                                                     "6", "3",
                                                                                     "<rasd:"
                                                                                     "ResourceSubTy"
                                                                                     "pe>"
                                                                                     "VirtualSCSI</"
                                                                                     "rasd:"
                                                                                     "ResourceSubTy"
                                                                                     "pe>") ITEM("2"
                                                                                                 "0",
                                                                                                 "4",
                                                                                                 "<"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "R"
                                                                                                 "e"
                                                                                                 "s"
                                                                                                 "o"
                                                                                                 "u"
                                                                                                 "r"
                                                                                                 "c"
                                                                                                 "e"
                                                                                                 "S"
                                                                                                 "u"
                                                                                                 "b"
                                                                                                 "T"
                                                                                                 "y"
                                                                                                 "p"
                                                                                                 "e"
                                                                                                 ">"
                                                                                                 "v"
                                                                                                 "m"
                                                                                                 "w"
                                                                                                 "a"
                                                                                                 "r"
                                                                                                 "e"
                                                                                                 "."
                                                                                                 "s"
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "a"
                                                                                                 "."
                                                                                                 "a"
                                                                                                 "h"
                                                                                                 "c"
                                                                                                 "i"
                                                                                                 "<"
                                                                                                 "/"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "R"
                                                                                                 "e"
                                                                                                 "s"
                                                                                                 "o"
                                                                                                 "u"
                                                                                                 "r"
                                                                                                 "c"
                                                                                                 "e"
                                                                                                 "S"
                                                                                                 "u"
                                                                                                 "b"
                                                                                                 "T"
                                                                                                 "y"
                                                                                                 "p"
                                                                                                 "e"
                                                                                                 ">")
                                                                                     ITEM("5", "5", "") ITEM(
                                                                                         "15", "6",
                                                                                         "<rasd:"
                                                                                         "AddressOn"
                                                                                         "Parent>0<"
                                                                                         "/rasd:"
                                                                                         "AddressOn"
                                                                                         "Parent><"
                                                                                         "rasd:"
                                                                                         "Parent>5<"
                                                                                         "/rasd:"
                                                                                         "Parent>"
                                                                                         "<rasd:"
                                                                                         "HostResou"
                                                                                         "rce>ovf:/"
                                                                                         "file/"
                                                                                         "file3</"
                                                                                         "rasd:"
                                                                                         "HostResou"
                                                                                         "rce>")
                                                                                         ITEM(
                                                                                             "10",
                                                                                             "11",
                                                                                             "<rasd"
                                                                                             ":Conn"
                                                                                             "ectio"
                                                                                             "n>VM "
                                                                                             "Netwo"
                                                                                             "rk</"
                                                                                             "rasd:"
                                                                                             "Conne"
                                                                                             "ction"
                                                                                             ">"
                                                                                             "<rasd"
                                                                                             ":Reso"
                                                                                             "urceS"
                                                                                             "ubTyp"
                                                                                             "e>"
                                                                                             "VmxNe"
                                                                                             "t3</"
                                                                                             "rasd:"
                                                                                             "Resou"
                                                                                             "rceSu"
                                                                                             "bType"
                                                                                             ">"
                                                                                             "<rasd"
                                                                                             ":Addr"
                                                                                             "ess>"
                                                                                             "00:"
                                                                                             "50:"
                                                                                             "56:"
                                                                                             "aa:"
                                                                                             "bb:"
                                                                                             "cc</"
                                                                                             "rasd:"
                                                                                             "Addre"
                                                                                             "ss>")
                                                                                             ITEM(
                                                                                                 "1"
                                                                                                 "0",
                                                                                                 "1"
                                                                                                 "2",
                                                                                                 "<"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "C"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 "n"
                                                                                                 "e"
                                                                                                 "c"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 ">"
                                                                                                 "D"
                                                                                                 "M"
                                                                                                 "Z"
                                                                                                 " "
                                                                                                 "&"
                                                                                                 "a"
                                                                                                 "m"
                                                                                                 "p"
                                                                                                 ";"
                                                                                                 " "
                                                                                                 "&"
                                                                                                 "l"
                                                                                                 "t"
                                                                                                 ";"
                                                                                                 "m"
                                                                                                 "o"
                                                                                                 "r"
                                                                                                 "e"
                                                                                                 "&"
                                                                                                 "g"
                                                                                                 "t"
                                                                                                 ";"
                                                                                                 "<"
                                                                                                 "/"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "C"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 "n"
                                                                                                 "e"
                                                                                                 "c"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 ">"
                                                                                                 "<"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "R"
                                                                                                 "e"
                                                                                                 "s"
                                                                                                 "o"
                                                                                                 "u"
                                                                                                 "r"
                                                                                                 "c"
                                                                                                 "e"
                                                                                                 "S"
                                                                                                 "u"
                                                                                                 "b"
                                                                                                 "T"
                                                                                                 "y"
                                                                                                 "p"
                                                                                                 "e"
                                                                                                 ">"
                                                                                                 "E"
                                                                                                 "1"
                                                                                                 "0"
                                                                                                 "0"
                                                                                                 "0"
                                                                                                 "<"
                                                                                                 "/"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "R"
                                                                                                 "e"
                                                                                                 "s"
                                                                                                 "o"
                                                                                                 "u"
                                                                                                 "r"
                                                                                                 "c"
                                                                                                 "e"
                                                                                                 "S"
                                                                                                 "u"
                                                                                                 "b"
                                                                                                 "T"
                                                                                                 "y"
                                                                                                 "p"
                                                                                                 "e"
                                                                                                 ">"
                                                                                                 "<"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "A"
                                                                                                 "u"
                                                                                                 "t"
                                                                                                 "o"
                                                                                                 "m"
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "c"
                                                                                                 "A"
                                                                                                 "l"
                                                                                                 "l"
                                                                                                 "o"
                                                                                                 "c"
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 ">"
                                                                                                 "f"
                                                                                                 "a"
                                                                                                 "l"
                                                                                                 "s"
                                                                                                 "e"
                                                                                                 "<"
                                                                                                 "/"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "s"
                                                                                                 "d"
                                                                                                 ":"
                                                                                                 "A"
                                                                                                 "u"
                                                                                                 "t"
                                                                                                 "o"
                                                                                                 "m"
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "c"
                                                                                                 "A"
                                                                                                 "l"
                                                                                                 "l"
                                                                                                 "o"
                                                                                                 "c"
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 ">")
                                                                                                 ITEM(
                                                                                                     "14",
                                                                                                     "13",
                                                                                                     "")
                                                                                                     ITEM(
                                                                                                         "21",
                                                                                                         "14",
                                                                                                         "") "<vmw:Config ovf:required=\"false\" vmw:key=\"firmware\" vmw:value=\"efi\"/>"
                                                                                                             "</VirtualHardwareSection></VirtualSystem></Envelope>\n";

static void make_disks(void)
{
    ok(sh("truncate -s 8M a.raw && printf hello | dd of=a.raw conv=notrunc bs=1 seek=1M && "
          "truncate -s 3M b.raw && "
          "qemu-img convert -O vmdk -o subformat=streamOptimized a.raw web-disk1.vmdk && "
          "qemu-img convert -O vmdk -o subformat=streamOptimized b.raw 'web disk2.vmdk' && "
          "truncate -s 2048 tools.iso") == 0,
       "disks are made");
}

static void check_web(struct vf_provider *p, const char *where)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
    if (!ok(vm && vm->n_disks == 3, "%s: a VM with three disks", where))
        printf("# %s\n", vf_error_text(e));
    for (size_t i = 0; vm && i < vm->n_left_out; i++)
        printf("# left out: %s: %s\n", vm->left_out[i].what, vm->left_out[i].why);
    if (!vm || vm->n_disks != 3)
        return;
    ok(vf_streq(vm->name, "web-01"), "%s: its name", where);
    ok(vm->memory == 3ULL << 30 && vm->sockets == 2 && vm->cores == 2,
       "%s: memory of the chosen configuration, sockets and cores", where);
    ok(vf_streq(vm->description, "first \"line\" | x\nsecond"), "%s: the annotation", where);
    ok(vf_streq(vm->system, "Debian GNU/Linux 7 (64-bit)"), "%s: the system", where);
    ok(vm->guest == VF_GUEST_OLD, "%s: which is an old one", where);
    ok(vf_streq(vf_opts_get(&vm->opts, "bios"), "ovmf"), "%s: firmware", where);
    ok(vm->state == VF_VM_STOPPED && vm->id == 1, "%s: stopped, the first", where);
    ok(vm->disks[0].size == 8 << 20 && vm->disks[1].size == 3 << 20 &&
           vm->disks[2].size == 1ULL << 30,
       "%s: disks in the order of their addresses, with their sizes", where);
    ok(vf_ends(vm->disks[0].volume, "/web-disk1.vmdk") && vf_ends(vm->disks[2].volume, "/#vmdisk3"),
       "%s: their names", where);
    ok(vm->n_nics == 2 && vf_streq(vm->nics[0].model, "vmxnet3") &&
           vf_streq(vm->nics[0].mac, "00:50:56:AA:BB:CC") &&
           vf_streq(vm->nics[0].bridge, "VM Network") && !vm->nics[0].link_down,
       "%s: a card", where);
    ok(vm->n_nics == 2 && vf_streq(vm->nics[1].bridge, "DMZ & <more>") && !vm->nics[1].mac &&
           vm->nics[1].link_down,
       "%s: a card without an address, not connected", where);
    ok(vm->n_cdroms == 1 && vf_streq(vm->cdroms[0].media, "tools.iso"), "%s: a CD drive", where);
    ok(vm->digest && strlen(vm->digest) == 64, "%s: a digest", where);
    for (size_t i = 0; i < 3; i++) {
        struct vf_volume v = {0};
        vf_auto(vf_recipe_free) struct vf_recipe *r = NULL;
        if (p->ops->volume(p, vm->node, vm->disks[i].volume, &v, &e) == 0)
            r = vf_recipe_parse(v.path, &e);
        ok(r && vf_streq(v.format, "recipe") && r->size == vm->disks[i].size && r->n_parts == 1 &&
               (i == 2 ? !r->image && !r->parts[0].path : vf_streq(r->image, "vmdk")),
           "%s: recipe %zu", where, i);
        vf_volume_clear(&v);
    }
}

static void test_ovf(void)
{
    vf_autoerror struct vf_error *e = NULL;
    write_file("web.ovf", web_ovf);
    struct vf_provider *p = open_path("web.ovf", &e);
    if (!p)
        printf("# %s\n", vf_error_text(e));
    check_web(p, "OVF");
    vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(vm && says(vm, "no checksums"), "no manifest is said");
    struct vf_vm **list = NULL;
    size_t n = 0;
    ok(p && p->ops->vms(p, &list, &n, &e) == 0 && n == 1 && vf_streq(list[0]->name, "web-01") &&
           list[0]->memory == 3ULL << 30,
       "it is listed");
    vf_vms_free(list, n);
    ok(p && p->ops->lacks(p) ==
                (VF_LACKS_CLAIM | VF_LACKS_RENAME | VF_LACKS_ONBOOT | VF_LACKS_POWER),
       "nothing of it can be changed");
    vf_provider_free(p);
}

struct seen {
    uint64_t done, total;
    unsigned calls;
};

static void on_progress(void *opaque, uint64_t done, uint64_t total)
{
    struct seen *s = opaque;
    s->done = done;
    s->total = total;
    s->calls++;
}

static void test_ova(void)
{
    vf_autoerror struct vf_error *e = NULL, *wrong = NULL, *changed = NULL;
    ok(sh("sed 's/%%20/ /' web.ovf >x && mv x web.ovf && "
          "for f in web.ovf web-disk1.vmdk 'web disk2.vmdk'; do "
          "echo \"SHA256($f)= $(sha256sum \"$f\" | cut -c1-64)\"; done >web.mf && "
          "echo sig >web.cert && "
          "tar -cf web.ova --format=ustar web.ovf web.mf web.cert web-disk1.vmdk 'web "
          "disk2.vmdk'") == 0,
       "an OVA is made");
    struct vf_provider *p = open_path("web.ova", &e);
    if (!p)
        printf("# %s\n", vf_error_text(e));
    check_web(p, "OVA");
    vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(vm && !says(vm, "no checksums") && says(vm, "signature"), "its signature is not checked");
    unsigned files = 0;
    struct seen seen = {0};
    ok(p && p->ops->vouch(p, 1, on_progress, &seen, &files, &e) == 0 && files == 3,
       "its checksums are right");
    ok(seen.calls >= 3 && seen.done == seen.total && seen.total > 0, "progress is told");
    struct vf_volume v = {0};
    vf_auto(vf_recipe_free) struct vf_recipe *r = NULL;
    if (vm && p->ops->volume(p, vm->node, vm->disks[0].volume, &v, &e) == 0)
        r = vf_recipe_parse(v.path, &e);
    vf_autofree char *got =
        r ? vf_asprintf("dd if=web.ova of=piece bs=512 skip=%llu status=none && "
                        "truncate -s %llu piece && cmp piece web-disk1.vmdk",
                        (unsigned long long)r->parts[0].offset / 512,
                        (unsigned long long)r->parts[0].length)
          : NULL;
    ok(got && sh("%s", got) == 0, "the recipe's part is the disk");
    vf_volume_clear(&v);
    vf_provider_free(p);

    struct vf_cancel *stop = vf_cancel_new(NULL);
    p = open_path("web.ova", &e);
    if (p)
        p->ops->set_cancel(p, stop);
    vf_cancel_fire(stop, "a test");
    vf_autoerror struct vf_error *cancelled = NULL;
    ok(p && p->ops->vouch(p, 1, NULL, NULL, &files, &cancelled) < 0 &&
           vf_error_code(cancelled) == VF_E_CANCELLED,
       "summing up is cancelled");
    vf_provider_free(p);
    vf_cancel_free(stop);

    /* one byte of a disk, then one of the description */
    ok(sh("cp web.ova bad.ova && printf X | dd of=bad.ova bs=1 conv=notrunc seek=%llu",
          r ? (unsigned long long)r->parts[0].offset + 70000 : 0) == 0,
       "a disk is damaged");
    p = open_path("bad.ova", &e);
    ok(p && p->ops->vouch(p, 1, NULL, NULL, &files, &wrong) < 0 &&
           vf_error_code(wrong) == VF_E_CORRUPT &&
           strstr(vf_error_text(wrong), "not as it was exported"),
       "a wrong checksum is refused");
    vf_provider_free(p);
    ok(sh("sed 's/>web 01</>web 02</' web.ova >bad.ova") == 0, "the description is changed");
    p = open_path("bad.ova", &changed);
    ok(!p && vf_error_code(changed) == VF_E_CORRUPT && strstr(vf_error_text(changed), "SHA256"),
       "which is noticed at once");
    if (!changed)
        vf_provider_free(p);
    sh("rm -f bad.ova web.mf web.cert piece");
}

/* What of FILES the VM of web.ovf says WHY, in order; caller frees. */
static char *told_of(const struct vf_vm *vm, const char *why)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; vm && i < vm->n_left_out; i++)
        if (strstr(vm->left_out[i].why, why))
            vf_buf_printf(&b, "%s;", vm->left_out[i].what);
    return vf_buf_take(&b);
}

/* A manifest that is not about all files, and about others; lines end as at Windows, and the OVF
 * encodes what the manifest does not. */
static void test_odd_manifest(void)
{
    vf_autoerror struct vf_error *e = NULL, *wrong = NULL;
    ok(sh("sed 's/href=\"web disk2/href=\"web%%20disk2/' web.ovf >odd.ovf && "
          "for f in 'web disk2.vmdk' web-disk1.vmdk; do "
          "printf 'SHA256(%%s)= %%s\\r\\n' \"$f\" \"$(sha256sum \"$f\" | cut -c1-64)\"; done "
          ">odd.mf && grep -q 'web%%20disk2' odd.ovf && sed -i '$d' odd.mf && "
          "printf 'SHA1(gone.nvram)= %%040d\\r\\n' 1 >>odd.mf") == 0,
       "a manifest of other files");
    struct vf_provider *p = open_path("odd.ovf", &e);
    vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
    vf_autofree char *gone = told_of(vm, "it is not there"),
                     *bare = told_of(vm, "has no checksum of it");
    is_str(gone, "gone.nvram;", "what is named and not there is told");
    is_str(bare, "odd.ovf;web-disk1.vmdk;tools.iso;",
           "so is what it does not vouch for, and nothing else");
    unsigned files = 0;
    ok(p && p->ops->vouch(p, 1, NULL, NULL, &files, &e) == 0 && files == 1,
       "the rest is compared: a disk whose name is encoded");
    vf_provider_free(p);
    ok(sh("printf 'SHA256(web disk2.vmdk)= %%064d\\n' 0 >odd.mf") == 0, "another sum");
    p = open_path("odd.ovf", &e);
    ok(p && p->ops->vouch(p, 1, NULL, NULL, &files, &wrong) < 0 &&
           vf_error_code(wrong) == VF_E_CORRUPT,
       "is noticed: %s", vf_error_text(wrong));
    vf_provider_free(p);
    sh("rm -f odd.ovf odd.mf");
}

/* Archives in other formats, with the members in any order. */
static void test_tars(void)
{
    static const char *const formats[] = {"gnu", "pax", "v7", "ustar"};
    sh("mkdir -p long; cp web.ovf long");
    for (size_t i = 0; i < VF_COUNT(formats); i++) {
        vf_autoerror struct vf_error *e = NULL;
        ok(sh("tar -cf t.ova --format=%s web-disk1.vmdk ./'web disk2.vmdk' web.ovf", formats[i]) ==
               0,
           "an archive of format %s", formats[i]);
        struct vf_provider *p = open_path("t.ova", &e);
        vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
        if (!ok(vm && vm->n_disks == 3, "is read"))
            printf("# %s\n", vf_error_text(e));
        vf_provider_free(p);
    }
    static const struct {
        const char *how, *word;
    } bad[] = {
        {"head -c 100000 web.ova >t.ova", "cut off"},
        {"head -c 700 web.ova >t.ova", "cut off"},
        {": >t.ova", "cut off"},
        {"head -c 10240 /dev/zero >t.ova", "no files"},
        {"cp web.ova t.ova && printf X | dd of=t.ova conv=notrunc bs=1", "no OVA"},
        {"tar -cf t.ova web-disk1.vmdk", "no .ovf"},
        {"truncate -s 1M hole && tar -Scf t.ova hole web.ovf && rm hole", "sparse members"},
        {"truncate -s 1M hole && tar -Scf t.ova --format=pax hole web.ovf && rm hole",
         "sparse members"},
    };
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        vf_autoerror struct vf_error *e = NULL;
        sh("%s", bad[i].how);
        struct vf_provider *p = open_path("t.ova", &e);
        if (!ok(!p && strstr(vf_error_text(e), bad[i].word), "an archive refused: %s", bad[i].word))
            printf("# %s\n", vf_error_text(e));
        if (p)
            vf_provider_free(p);
    }
    sh("rm -rf t.ova long");
}

/* What is wrong with a disk is said of the VM. */
static void test_bad_ovf(void)
{
    static const struct {
        const char *sed, *word, *what;
    } bad[] = {
        {"s/ovf:id=\"file1\"/ovf:compression=\"gzip\" &/", "gunzip", "a compressed file"},
        {"s/ovf:id=\"file1\"/ovf:chunkSize=\"1000000\" &/", "cat ", "a file in pieces"},
        {"s/ovf:id=\"file1\"/ovf:size=\"17\" &/", "copy it again", "a file of another size"},
        {"s/web-disk1.vmdk/gone.vmdk/", "cannot be read", "a missing file"},
        {"s|web-disk1.vmdk|../web-disk1.vmdk|", "not followed", "a file elsewhere"},
        {"s|web-disk1.vmdk|/etc/hostname|", "cannot be read", "a file of the system"},
        {"s|web-disk1.vmdk|link.vmdk|", "link to elsewhere", "a link out of the directory"},
        {"s|web-disk1.vmdk|tools.iso|", "qemu-img convert", "a file that is no vmdk"},
        {"s|web-disk1.vmdk|z.vmdk|", "gunzip", "a gzip without a word about it"},
    };
    sh("ln -sf /etc/hostname link.vmdk; gzip -c web-disk1.vmdk >z.vmdk");
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        vf_autoerror struct vf_error *e = NULL;
        sh("sed '%s' web.ovf >bad.ovf", bad[i].sed);
        struct vf_provider *p = open_path("bad.ovf", &e);
        vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
        if (!ok(vm && stops(vm, bad[i].word) && vm->n_disks == 2, "stops: %s", bad[i].what)) {
            printf("# %s\n", vf_error_text(e));
            for (size_t k = 0; vm && k < vm->n_left_out; k++)
                printf("# %s: %s\n", vm->left_out[k].what, vm->left_out[k].why);
        }
        vf_provider_free(p);
    }
    static const struct {
        const char *sed, *word, *what;
    } none[] = {
        {"s/ovf:diskId=\"vmdisk2\"/ovf:parentRef=\"vmdisk1\" &/", "rests on another",
         "a linked disk"},
        {"s/ovf:capacity=\"8\"/ovf:capacity=\"x\"/", "how large", "no capacity"},
        {"s/ovf:capacity=\"8\"/ovf:capacity=\"9223372036854775807\"/", "how large",
         "a capacity that wraps"},
        {"s/ovf:.disk.vmdisk1/ovf:\\/disk\\/other/", "tells no file", "a disk that is not there"},
        {"s/VirtualSystem/VirtualThing/", "describes no VM", "no VM"},
        {"s/<VirtualHardwareSection>/<Hardware>/;s/.VirtualHardwareSection>/\\/Hardware>/",
         "what hardware", "no hardware"},
        {"s/DeploymentOptionSection/Other/g", "which there are",
         "configurations that nobody names"},
        {"20q", "cut off", "half a file"},
        {"2i <!DOCTYPE x [<!ENTITY e SYSTEM \"/etc/passwd\">]>", "document type", "an entity"},
        {"s/.*/hello/", "cut off", "another text"},
    };
    for (size_t i = 0; i < VF_COUNT(none); i++) {
        vf_autoerror struct vf_error *e = NULL;
        sh("sed '%s' web.ovf >bad.ovf", none[i].sed);
        struct vf_provider *p = open_path("bad.ovf", &e);
        if (!ok(!p && strstr(vf_error_text(e), none[i].word), "refused: %s", none[i].what))
            printf("# %s\n", vf_error_text(e));
        if (p)
            vf_provider_free(p);
    }
    sh("rm -f bad.ovf link.vmdk z.vmdk");
}

#define VMX(name, file)                                                                            \
    ".encoding = \"UTF-8\"\nvirtualHW.version = \"13\"\ndisplayName = \"" name "\"\n"              \
    "guestOS = \"debian10-64\"\nmemSize = \"1024\"\nscsi0.present = \"TRUE\"\n"                    \
    "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"" file "\"\n"

/* Archives and descriptors as people make and change them by hand. */
static void test_by_hand(void)
{
    static const struct {
        const char *how, *word;
    } bad[] = {
        {"gzip -c web.ova >t.ova", "compressed (gzip)"},
        {"printf 'PK\\003\\004%600s' x >t.ova", "no OVA"},
    };
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        vf_autoerror struct vf_error *e = NULL;
        sh("%s", bad[i].how);
        struct vf_provider *p = open_path("t.ova", &e);
        if (!ok(!p && strstr(vf_error_text(e), bad[i].word), "an archive: %s", bad[i].word))
            printf("# %s\n", vf_error_text(e));
    }
    static const struct {
        const char *how, *what;
    } good[] = {
        {"mkdir -p f/web && cp web.ovf web-disk1.vmdk 'web disk2.vmdk' f/web && "
         "tar -cf t.ova -C f web",
         "an archive of a directory"},
        {"tar -cPf t.ova --transform 's,^,/x/,' web.ovf web-disk1.vmdk 'web disk2.vmdk'",
         "an archive with whole paths"},
        {"(printf '\\377\\376'; sed s/UTF-8/UTF-16/ web.ovf | iconv -t UTF-16LE) >wide.ovf && "
         "tar -cf t.ova wide.ovf web-disk1.vmdk 'web disk2.vmdk'",
         "a descriptor in UTF-16"},
    };
    for (size_t i = 0; i < VF_COUNT(good); i++) {
        vf_autoerror struct vf_error *e = NULL;
        sh("%s", good[i].how);
        struct vf_provider *p = open_path("t.ova", &e);
        vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
        if (!ok(vm && vm->n_disks == 3, "%s is read", good[i].what))
            printf("# %s\n", vf_error_text(e));
        vf_provider_free(p);
    }
    static const struct {
        const char *sed;
        bool told;
        const char *what;
    } sizes[] = {
        {"s/capacity=\"8\"/capacity=\"9\"/", true, "a disk smaller than its description"},
        {"s/capacity=\"8\"/capacity=\"7\"/", true, "a larger one"},
        {"s/capacity=\"8\" ovf:capacityAllocationUnits=\"byte . 2^20\"/capacity=\"1\" "
         "ovf:capacityAllocationUnits=\"byte * 2^30\"/",
         false, "one rounded up to whole units"},
    };
    for (size_t i = 0; i < VF_COUNT(sizes); i++) {
        vf_autoerror struct vf_error *e = NULL;
        sh("sed '%s' web.ovf >bad.ovf", sizes[i].sed);
        struct vf_provider *p = open_path("bad.ovf", &e);
        vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
        ok(vm && vm->n_disks == 3 && says(vm, "the right file") == sizes[i].told, "%s",
           sizes[i].what);
        vf_provider_free(p);
    }
    /* of a machine with Windows */
    vf_autoerror struct vf_error *e = NULL;
    sh("mkdir -p w && qemu-img create -q -f vmdk -o subformat=monolithicFlat w/d.vmdk 1M");
    sh("mv w/d-flat.vmdk \"$(printf 'w/B\\303\\274cher-flat.vmdk')\"; "
       "LC_ALL=C sed -i \"$(printf 's/d-flat/B\\374cher-flat/')\" w/d.vmdk");
    write_file("w/vm.vmx", VMX("west", "D:\\VMs\\web\\d.vmdk"));
    struct vf_provider *p = open_path("w/vm.vmx", &e);
    vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
    if (!ok(vm && vm->n_disks == 1, "a path of Windows, and a descriptor in windows-1252"))
        printf("# %s\n", vm && vm->n_left_out ? vm->left_out[0].why : vf_error_text(e));
    vf_provider_free(p);
    sh("rm -rf t.ova f w bad.ovf wide.ovf");
}

static void test_units(void)
{
    ok(vf_ovf_units("byte * 2^30") == 1 << 30 && vf_ovf_units("byte*2^20") == 1 << 20 &&
           vf_ovf_units("byte * 10^3") == 1000 && vf_ovf_units("byte * 512") == 512 &&
           vf_ovf_units(NULL) == 1 && vf_ovf_units("byte") == 1 &&
           vf_ovf_units("MegaBytes") == 1 << 20 && vf_ovf_units("GB") == 1 << 30,
       "units");
    ok(!vf_ovf_units("hertz * 10^6") && !vf_ovf_units("byte * 2^99") && !vf_ovf_units("byte * x"),
       "units that are none");
}

/* An archive of two exports: disks of one name in two directories of it. */
static void test_several(void)
{
    vf_autoerror struct vf_error *e = NULL, *broken = NULL;
    ok(sh("mkdir -p s/a s/b && for d in a b; do sed \"s/>web</>web-$d</\" web.ovf >s/$d/vm.ovf && "
          "cp web-disk1.vmdk 'web disk2.vmdk' s/$d/ || exit; done; tar -cf two.ova -C s a b") == 0,
       "an archive of two exports");
    struct vf_provider *p = open_path("two.ova", &e);
    struct vf_vm **list = NULL;
    size_t n = 0;
    ok(p && p->ops->vms(p, &list, &n, &e) == 0 && n == 2, "it has two VMs");
    vf_vms_free(list, n);
    unsigned long long at[2] = {0, 0};
    for (unsigned i = 0; p && i < 2; i++) {
        vf_auto(vf_vm_free) struct vf_vm *vm = p->ops->describe(p, i + 1, &e);
        struct vf_volume v = {0};
        vf_auto(vf_recipe_free) struct vf_recipe *r = NULL;
        if (vm && vm->n_disks && p->ops->volume(p, NULL, vm->disks[0].volume, &v, &e) == 0)
            r = vf_recipe_parse(v.path, &e);
        at[i] = r ? (unsigned long long)r->parts[0].offset : 0;
        vf_volume_clear(&v);
    }
    ok(at[0] && at[1] &&
           sh("b=$(tar -tRf two.ova | sed -n 's,^block \\([0-9]*\\): b/$,\\1,p') && "
              "test %llu -lt $b -a %llu -gt $b",
              at[0] / 512, at[1] / 512) == 0,
       "each with its own disks, whatever they are called");
    vf_provider_free(p);

    sh("echo hello >s/b/vm.ovf && tar -cf two.ova -C s a b");
    p = open_path("two.ova", &e);
    vf_auto(vf_vm_free) struct vf_vm *first = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(first && !p->ops->describe(p, 2, &broken) && broken,
       "of two the second cannot be read: it is listed, and why: %s",
       broken ? vf_error_text(broken) : "");
    vf_provider_free(p);
}

/* What of a directory is not listed is told of those that are. */
static void test_passed_over(void)
{
    vf_autoerror struct vf_error *e = NULL, *none = NULL;
    sh("mkdir -p deep/one/two/three deep/empty/of/vms deep/lost+found deep/locked");
    write_file("deep/one/two/vm.vmx", VMX("two", "d.vmdk"));
    ok(!open_path("deep", &none) && strstr(vf_error_text(none), "deep/one/two: VMs in it are not"),
       "none is near: where there are some is the answer");
    sh("mkdir -p far/a/b/c/d/e");
    write_file("far/a/b/c/d/e/vm.vmx", VMX("far", "d.vmdk"));
    vf_autoerror struct vf_error *far = NULL;
    ok(!open_path("far", &far) && strstr(vf_error_text(far), "far/a/b/c/d/e: VMs in it are not"),
       "however far down they are");
    vf_error_free(VF_STEAL(far));
    sh("d=farther; for i in $(seq 40); do d=$d/x; done; mkdir -p $d; : >$d/vm.vmx");
    ok(!open_path("farther", &far) && strstr(vf_error_text(far), "x: it was not looked whether"),
       "where that is too far it is told that nobody looked");
    write_file("deep/one/vm.vmx", VMX("one", "d.vmdk"));
    sh("chmod 0 deep/locked deep/lost+found");
    struct vf_provider *p = open_path("deep", &e);
    vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(vm && says(vm, "more than one level down") && says(vm, "deep/one/two"),
       "VMs farther down are told of");
    ok(vm && (geteuid() == 0 || says(vm, "cannot be read, and VMs in it")),
       "and directories that cannot be read");
    ok(vm && !says(vm, "deep/empty") && !says(vm, "lost+found"), "others are not");
    vf_provider_free(p);
    sh("chmod 755 deep/locked deep/lost+found");
}

/* ---- VMX ---- */

/* Every subformat, in a directory of directories. */
static void test_vmx(void)
{
    static const struct {
        const char *subformat;
        bool image;
        size_t parts;
    } all[] = {
        {"monolithicFlat", false, 1},      {"monolithicSparse", true, 1},
        {"streamOptimized", true, 1},      {"twoGbMaxExtentFlat", false, 2},
        {"twoGbMaxExtentSparse", true, 3},
    };
    for (size_t i = 0; i < VF_COUNT(all); i++) {
        const char *s = all[i].subformat;
        ok(sh("mkdir -p all/%s && cd all/%s && qemu-img create -q -f vmdk -o subformat=%s d.vmdk "
              "%s",
              s, s, s, all[i].parts > 1 ? "3G" : "8M") == 0,
           "a disk of subformat %s", s);
        vf_autofree char *name = vf_asprintf("all/%s/vm.vmx", s);
        vf_autofree char *text = vf_asprintf(VMX("%s", "d.vmdk"), s);
        write_file(name, text);
    }
    write_file("all/broken.vmx", "hello");
    vf_autoerror struct vf_error *e = NULL, *broken = NULL;
    struct vf_provider *p = open_path("all", &e);
    struct vf_vm **list = NULL;
    size_t n = 0;
    ok(p && p->ops->vms(p, &list, &n, &e) == 0 && n == 6, "a directory of VMs");
    ok(n == 6 && list[0]->id == 1 && vf_streq(list[0]->name, "broken.vmx") &&
           !p->ops->describe(p, 1, &broken) && vf_error_code(broken) == VF_E_UNSUPPORTED,
       "one that cannot be read is listed, and why");
    for (size_t i = 0; n == 6 && i < VF_COUNT(all); i++) {
        vf_auto(vf_vm_free) struct vf_vm *vm = p->ops->describe(p, (unsigned)i + 2, &e);
        struct vf_volume v = {0};
        vf_auto(vf_recipe_free) struct vf_recipe *r = NULL;
        if (vm && vm->n_disks == 1 && p->ops->volume(p, vm->node, vm->disks[0].volume, &v, &e) == 0)
            r = vf_recipe_parse(v.path, &e);
        ok(r && vf_streq(vm->name, all[i].subformat) && !!r->image == all[i].image &&
               r->n_parts == all[i].parts && r->size == vm->disks[0].size,
           "%s: its recipe", all[i].subformat);
        if (vm)
            ok(vm->guest == VF_GUEST_MODERN && vm->memory == 1ULL << 30, "and the VM");
        vf_volume_clear(&v);
    }
    vf_vms_free(list, n);
    vf_provider_free(p);
}

static void test_flat(void)
{
    vf_autoerror struct vf_error *e = NULL, *many = NULL;
    /* where it was on its host is not where it is */
    write_file("all/monolithicFlat/vm.vmx", VMX("flat", "/vmfs/volumes/5f1/web/d.vmdk"));
    struct vf_provider *p = open_path("all/monolithicFlat/vm.vmx", &e);
    vf_auto(vf_vm_free) struct vf_vm *vm = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(vm && vm->n_disks == 1 && vm->disks[0].size == 8 << 20, "a path of its host is found here");
    sh("printf flat | dd of=all/monolithicFlat/d-flat.vmdk bs=1 seek=4096 conv=notrunc");
    struct vf_volume before = {0}, after = {0};
    ok(vm && p->ops->volume(p, NULL, vm->disks[0].volume, &before, NULL) == 0 && before.stamp,
       "when it was written to is told");
    sh("touch -d '2001-02-03' all/monolithicFlat/d-flat.vmdk");
    ok(vm && p->ops->volume(p, NULL, vm->disks[0].volume, &after, NULL) == 0 &&
           !vf_streq(before.stamp, after.stamp),
       "and when it was again");
    vf_volume_clear(&before);
    vf_volume_clear(&after);
    bool by_host = false;
    vf_autofree char *hash =
        vm ? p->ops->hash(p, NULL, vm->disks[0].volume, 4096, 4096, &by_host, &e) : NULL;
    vf_autofree char *want = vf_asprintf(
        "test $(tail -c +4097 all/monolithicFlat/d-flat.vmdk | head -c 4096 | sha256sum | "
        "cut -c1-64) = %s",
        hash ? hash : "none");
    ok(hash && by_host && sh("%s", want) == 0, "a hash of a piece");
    vf_auto(vf_vm_free) struct vf_vm *again = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(vm && again && !vf_streq(vm->digest, again->digest), "written to, it has another digest");
    sh("truncate -s 7M all/monolithicFlat/d-flat.vmdk");
    vf_auto(vf_vm_free) struct vf_vm *cut = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(cut && stops(cut, "cut off") && !cut->n_disks, "a cut extent stops");
    sh("truncate -s 9M all/monolithicFlat/d-flat.vmdk");
    vf_auto(vf_vm_free) struct vf_vm *longer = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(longer && says(longer, "enlarged") && !stops(longer, "enlarged"), "a longer one is told");
    sh("rm all/monolithicFlat/d-flat.vmdk");
    vf_auto(vf_vm_free) struct vf_vm *gone = p ? p->ops->describe(p, 1, &e) : NULL;
    ok(gone && stops(gone, "cannot be read"), "a missing one stops");
    vf_provider_free(p);

    p = open_path("all/twoGbMaxExtentFlat/vm.vmx", &many);
    vf_auto(vf_vm_free) struct vf_vm *two = p ? p->ops->describe(p, 1, &many) : NULL;
    vf_autofree char *none = two ? p->ops->hash(p, NULL, two->disks[0].volume, 1 << 20,
                                                (2ULL << 30) - 4096, &by_host, &many)
                                 : NULL;
    ok(two && !none && vf_error_code(many) == VF_E_UNSUPPORTED, "no hash of two files at once");
    vf_provider_free(p);
}

static void test_paths(void)
{
    static const struct {
        const char *path, *word;
        enum vf_error_code code;
    } bad[] = {
        {"nowhere", "No such file", VF_E_NOTFOUND},
        {"a.raw", "neither a .vmx", VF_E_UNSUPPORTED},
        {"empty", "holds no exported VM", VF_E_NOTFOUND},
    };
    sh("mkdir -p empty; mkfifo pipe.vmx");
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        vf_autoerror struct vf_error *e = NULL;
        struct vf_provider *p = open_path(bad[i].path, &e);
        if (!ok(!p && vf_error_code(e) == bad[i].code && strstr(vf_error_text(e), bad[i].word),
                "refused: %s", bad[i].word))
            printf("# %s\n", vf_error_text(e));
    }
    vf_autoerror struct vf_error *e = NULL;
    ok(!open_path("pipe.vmx", &e) && strstr(vf_error_text(e), "not a file"), "a pipe is refused");
}

static void test_manifest(void)
{
    vf_autoerror struct vf_error *e = NULL;
    struct vf_manifest m;
    ok(vf_manifest_parse("SHA1(a (b)=c.vmdk)= DA39A3EE5E6B4B0D3255BFEF95601890AFD80709\r\n\n"
                         "SHA256 (x)=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8"
                         "55\n",
                         "t.mf", &m, &e) == 0 &&
           m.n == 2,
       "a manifest is read");
    const struct vf_manifest_entry *a = vf_manifest_find(&m, "a (b)=c.vmdk");
    ok(a && vf_streq(a->algorithm, "SHA1") && vf_starts(a->hex, "da39"), "names with brackets");
    ok(vf_manifest_find(&m, "x") && !vf_manifest_find(&m, "y"), "and without");
    vf_manifest_clear(&m);
    static const char *const bad[] = {"MD5(x)= d41d8cd98f00b204e9800998ecf8427e", "SHA256(x)= 12",
                                      "hello", "SHA1(x)",
                                      "SHA1(x)= zz39a3ee5e6b4b0d3255bfef95601890afd80709"};
    for (size_t i = 0; i < VF_COUNT(bad); i++)
        ok(vf_manifest_parse(bad[i], "t.mf", &m, NULL) < 0, "a line that is none (%zu)", i);
}

int main(void)
{
    char where[] = "/tmp/vmferry-files.XXXXXX";
    dir = mkdtemp(where);
    if (!dir || sh("command -v qemu-img") != 0)
        return skip("exported VMs", "needs qemu-img"), done_testing();
    test_units();
    test_manifest();
    make_disks();
    test_ovf();
    test_ova();
    test_odd_manifest();
    test_tars();
    test_bad_ovf();
    test_by_hand();
    test_several();
    test_passed_over();
    test_vmx();
    test_flat();
    test_paths();
    sh("cd / && rm -rf %s", where);
    return done_testing();
}
