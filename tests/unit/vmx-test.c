/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMX files as they are found, and the VMs they describe. */
#include "config.h"
#include "provider/esxi/describe.h"
#include "provider/esxi/guestos.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <string.h>

static struct vf_vmx *parse(const char *text)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_vmx *x = vf_vmx_parse(text, strlen(text), "t.vmx", &err);
    ok(x != NULL, "it is read%s%s", err ? ": " : "", err ? vf_error_text(err) : "");
    return x;
}

static void refuse(const char *text, size_t n, const char *why)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vmx_free) struct vf_vmx *x = vf_vmx_parse(text, n, "t.vmx", &err);
    is_str(x ? "read" : vf_error_text(err), why, "refused");
}

static void test_grammar(void)
{
    vf_auto(vf_vmx_free) struct vf_vmx *x =
        parse("#!/usr/bin/vmware\r\n.encoding = \"UTF-8\"\r\n"
              "# a comment\r\n\r\n"
              "DisplayName = \"web |22one|22 |7c x\"\r\n"
              "a.b=\"c=d\"  \r\n"
              "bare = 7\r\n"
              "annotation = \"one|0Atwo\"\r\n"
              "twice = \"1\"\r\ntwice2 = \"x\"\r\nTWICE = \"2\"\r\n"
              "odd = \"50|zz %|\"\r\n"
              "open = \"no end\r\n"
              "empty = \"\"\r\n"
              "ethernet1.present = \"FALSE\"\r\nethernet1.address = \"00:50:56:00:00:01\"");
    is_str(vf_vmx_get(x, "displayname"), "web \"one\" | x", "any case; characters as |XX");
    is_str(vf_vmx_get(x, "a.b"), "c=d", "an = in a value, none of the blanks");
    is_str(vf_vmx_get(x, "bare"), "7", "without quotes");
    is_str(vf_vmx_get(x, "annotation"), "one\ntwo", "lines");
    is_str(vf_vmx_get(x, "%s", "Twice"), "2", "the last counts");
    is_str(vf_vmx_get(x, "odd"), "50|zz %|", "what is no escape stays");
    is_str(vf_vmx_get(x, "open"), "no end", "a quote that is never closed");
    is_str(vf_vmx_get(x, "empty"), "", "empty");
    is_str(vf_vmx_get(x, "ethernet%d.address", 1), NULL, "of what is not present nothing");
    ok(!vf_vmx_true(x, true, "ethernet1.present"), "which is said");
    ok(vf_vmx_number(x, 10, 3, "bare") == 7 && vf_vmx_number(x, 6, 3, "bare") == 3 &&
           vf_vmx_number(x, 10, 4, "nothing") == 4,
       "numbers within limits");
}

static void test_encodings(void)
{
    vf_auto(vf_vmx_free) struct vf_vmx *west =
        parse(".encoding = \"windows-1252\"\ndisplayName = \"B\xfc"
              "cher \x80\"\n");
    is_str(vf_vmx_get(west, "displayName"), "B\u00fccher \u20ac", "windows-1252");
    vf_auto(vf_vmx_free) struct vf_vmx *mute = parse("displayName = \"B\xfc"
                                                     "cher\"\n");
    is_str(vf_vmx_get(mute, "displayName"), "B\u00fccher", "nothing said, and no UTF-8");
    vf_auto(vf_vmx_free) struct vf_vmx *utf8 = parse("\xef\xbb\xbf"
                                                     "displayName = \"B\u00fccher\"\n");
    is_str(vf_vmx_get(utf8, "displayName"), "B\u00fccher", "nothing said, UTF-8 with a mark");
    vf_auto(vf_vmx_free) struct vf_vmx *east =
        parse(".encoding = \"Shift_JIS\"\ndisplayName = \"\x96\xbc\x91\x4f\"\n");
    is_str(vf_vmx_get(east, "displayName"), "\u540d\u524d", "Shift_JIS");
    vf_auto(vf_vmx_free) struct vf_vmx *wrong = parse(".encoding = \"UTF-8\"\ndisplayName = \"a\xff"
                                                      "b\"\n");
    is_str(vf_vmx_get(wrong, "displayName"), "a?b", "a byte that is none of its characters");
    vf_auto(vf_vmx_free) struct vf_vmx *unknown =
        parse(".encoding = \"Klingon\"\ndisplayName = \"\xe9\"\n");
    is_str(vf_vmx_get(unknown, "displayName"), "\u00e9", "an encoding nobody knows");
    refuse("a\0b", 3, "t.vmx is no VMX file");
    refuse("", 0, "t.vmx is empty: no VMX file");
    refuse("<html>\n", 7, "t.vmx, line 1: no setting of a VMware VM");
}

static const char whole[] =
    ".encoding = \"UTF-8\"\nconfig.version = \"8\"\nvirtualHW.version = \"19\"\n"
    "displayName = \"web 01_prod.\"\nannotation = \"the shop|0Acall Ann\"\n"
    "guestOS = \"debian10-64\"\nmemSize = \"4096\"\nnumvcpus = \"6\"\n"
    "cpuid.coresPerSocket = \"2\"\nfirmware = \"efi\"\n"
    "uuid.bios = \"56 4d 0a 1b 2c 3d 4e 5f-60 71 82 93 a4 b5 c6 d7\"\n"
    "scsi0.present = \"TRUE\"\nscsi0.virtualDev = \"pvscsi\"\n"
    "scsi0:10.present = \"true\"\nscsi0:10.fileName = \"ten.vmdk\"\n"
    "scsi0:2.present = \"TRUE\"\nscsi0:2.fileName = \"/vmfs/volumes/ds2/web/two.vmdk\"\n"
    "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"web.vmdk\"\nscsi0:0.deviceType = "
    "\"scsi-hardDisk\"\n"
    "scsi0:3.present = \"FALSE\"\nscsi0:3.fileName = \"gone.vmdk\"\n"
    "scsi1.present = \"FALSE\"\nscsi1:0.present = \"TRUE\"\nscsi1:0.fileName = \"none.vmdk\"\n"
    "ide1:0.present = \"TRUE\"\nide1:0.deviceType = \"cdrom-image\"\nide1:0.fileName = "
    "\"/vmfs/volumes/ds/iso/d.iso\"\n"
    "sata0.present = \"TRUE\"\nsata0:1.present = \"TRUE\"\nsata0:1.fileName = \"s.vmdk\"\n"
    "ethernet0.present = \"TRUE\"\nethernet0.virtualDev = \"vmxnet3\"\nethernet0.networkName = "
    "\"VM Network\"\nethernet0.addressType = \"generated\"\nethernet0.generatedAddress = "
    "\"00:0c:29:aa:bb:cc\"\n"
    "ethernet10.present = \"TRUE\"\nethernet10.virtualDev = \"vlance\"\n"
    "ethernet2.present = \"TRUE\"\nethernet2.addressType = \"static\"\nethernet2.address = "
    "\"00:50:56:01:02:03\"\nethernet2.generatedAddress = \"00:0c:29:00:00:00\"\n"
    "ethernet2.startConnected = \"FALSE\"\nethernet2.virtualDev = \"sriov\"\n"
    "serial0.present = \"TRUE\"\nfloppy0.present = \"FALSE\"\nvtpm.present = \"TRUE\"\n";

static bool says(const struct vf_vm *vm, const char *what, bool stop)
{
    for (size_t i = 0; i < vm->n_left_out; i++)
        if (vf_streq(vm->left_out[i].what, what))
            return vm->left_out[i].stop == stop;
    return false;
}

static void test_vm(void)
{
    vf_auto(vf_vmx_free) struct vf_vmx *x = parse(whole);
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_esxi_describe(x, "/vmfs/volumes/ds/web");
    is_str(vm->name, "web-01-prod", "a name for DNS");
    is_str(vm->description, "the shop\ncall Ann", "the annotation");
    is_str(vm->uuid, "564d0a1b-2c3d-4e5f-6071-8293a4b5c6d7", "the UUID");
    ok(vm->memory == UINT64_C(4) << 30 && vm->sockets == 3 && vm->cores == 2, "its size");
    is_str(vf_opts_get(&vm->opts, "ostype"), "l26", "the system");
    is_str(vf_opts_get(&vm->opts, "bios"), "ovmf", "the firmware");
    is_str(vf_opts_get(&vm->opts, "scsihw"), "pvscsi", "the controller");
    is_str(vf_opts_get(&vm->opts, "serial0"), "socket", "the serial port");
    static const char *const volumes[] = {
        "/vmfs/volumes/ds/web/web.vmdk", "/vmfs/volumes/ds2/web/two.vmdk",
        "/vmfs/volumes/ds/web/ten.vmdk", "/vmfs/volumes/ds/web/s.vmdk"};
    ok(vm->n_disks == VF_COUNT(volumes), "disks that are there, and no others");
    for (size_t i = 0; i < VF_COUNT(volumes) && i < vm->n_disks; i++) {
        vf_autofree char *slot = vf_asprintf("scsi%zu", i);
        is_str(vm->disks[i].volume, volumes[i], "a disk, in the order of numbers");
        is_str(vm->disks[i].slot, slot, "its slot");
    }
    ok(vm->n_cdroms == 1, "a drive");
    is_str(vm->cdroms[0].media, "/vmfs/volumes/ds/iso/d.iso", "with what is in it");
    ok(vm->n_nics == 3, "three cards");
    is_str(vm->nics[0].mac, "00:0C:29:AA:BB:CC", "a generated address");
    is_str(vm->nics[0].bridge, "VM Network", "the port group");
    is_str(vm->nics[0].model, "vmxnet3", "the model");
    is_str(vm->nics[1].mac, "00:50:56:01:02:03", "a static address");
    ok(vm->nics[1].index == 1 && vm->nics[1].link_down && !vm->nics[0].link_down, "unplugged");
    is_str(vm->nics[2].model, "pcnet", "the tenth behind the second");
    is_str(vm->nics[1].model, "e1000", "what there is no such card of");
    ok(says(vm, "ethernet2.virtualDev", false) && says(vm, "serial0", false) &&
           says(vm, "TPM", false) && says(vm, "nvram", false) && !says(vm, "floppy0", false),
       "what stays behind is listed");
}

static void test_names(void)
{
    static const struct {
        const char *called, *name;
    } names[] = {
        {"web 01_prod.", "web-01-prod"},
        {"B\u00fccher Gr\u00f6\u00dfe", "Buecher-Groesse"},
        {"\u00c9t\u00e9 \u00e0 No\u00ebl", "Ete-a-Noel"},
        {"\u0141\u00f3d\u017a", "Lodz"},
        {"Web/DB\\old", "Web-DB-old"},
        {"100% \"q\" 's'", "100-q-s"},
        {"\u540d\u524d", "vm"},
        {"\u540d\u524d 12", "12"},
        {"---", "vm"},
        {"a--MIGRATED", "a--MIGRATED"},
        {"\xff\xc3", "vm"},
    };
    for (size_t i = 0; i < VF_COUNT(names); i++) {
        vf_autofree char *name = vf_esxi_name(names[i].called);
        is_str(name, names[i].name, "a name for DNS");
    }
    vf_autofree char *longest = vf_asprintf("%0200d", 0), *cut = vf_esxi_name(longest);
    ok(strlen(cut) == 63, "no longer than a label");
}

/* LINES behind a small VM: WHAT of it stops the import; NULL: nothing does. */
static void stops(const char *lines, const char *what)
{
    vf_autofree char *text =
        vf_asprintf("displayName = \"x\"\nscsi0.present = \"TRUE\"\nscsi0:0.present = \"TRUE\"\n"
                    "scsi0:0.fileName = \"x.vmdk\"\n%s",
                    lines);
    vf_auto(vf_vmx_free) struct vf_vmx *x = vf_vmx_parse(text, strlen(text), "t", NULL);
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_esxi_describe(x, NULL);
    bool any = false;
    for (size_t i = 0; i < vm->n_left_out; i++)
        any = any || vm->left_out[i].stop;
    vf_autofree char *safe = vf_escape(lines);
    ok(what ? says(vm, what, true) : !any, "%s: %s", safe, what ? what : "nothing stops it");
}

static void test_suspended(void)
{
    static const char head[] = "displayName = \"x\"\ncheckpoint.vmState = ";
    static const struct {
        const char *file;
        enum vf_vm_state state;
    } cases[] = {{"\"\"", VF_VM_UNKNOWN}, {"\"x.vmss\"", VF_VM_SUSPENDED}};
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autofree char *text = vf_asprintf("%s%s\n", head, cases[i].file);
        vf_auto(vf_vmx_free) struct vf_vmx *x = vf_vmx_parse(text, strlen(text), "t", NULL);
        vf_auto(vf_vm_free) struct vf_vm *vm = vf_esxi_describe(x, NULL);
        ok(vm->state == cases[i].state, "a memory file %s", cases[i].file);
    }
}

static void test_refused(void)
{
    stops("", NULL);
    stops("scsi0.sharedBus = \"none\"", NULL);
    stops("scsi0.sharedBus = \"virtual\"", "scsi0:0");
    stops("scsi0:0.sharing = \"multi-writer\"", "scsi0:0");
    stops("scsi0:0.deviceType = \"rawDisk\"", "scsi0:0");
    stops("scsi0:0.mode = \"independent-persistent\"", NULL);
    stops("scsi0:0.mode = \"independent-nonpersistent\"", "scsi0:0");
    stops("scsi0:0.fileName = \"\"", "scsi0:0");
    stops("scsi0:0.present = \"FALSE\"\nscsi0:0.fileName = \"\"", NULL);
    stops("pciPassthru0.present = \"TRUE\"", "pciPassthru0");
    stops("encryption.keySafe = \"vmware:key\"", "x");
    stops("floppy0.present = \"TRUE\"\nparallel0.present = \"TRUE\"", NULL);
    stops("numvcpus = \"3\"\ncpuid.coresPerSocket = \"2\"", NULL);
}

/* Each card has a word that a bridge can be chosen for. */
static void test_networks(void)
{
    static const char text[] =
        "displayName = \"x\"\n"
        "ethernet0.present = \"TRUE\"\nethernet0.networkName = \"VM Network\"\n"
        "ethernet1.present = \"TRUE\"\nethernet1.opaqueNetwork.id = \"3f2a7c1e-11d2\"\n"
        "ethernet1.opaqueNetwork.type = \"nsx.LogicalSwitch\"\n"
        "ethernet2.present = \"TRUE\"\nethernet2.connectionType = \"nat\"\n"
        "ethernet3.present = \"TRUE\"\n";
    static const char *const names[] = {"VM Network", "3f2a7c1e-11d2", "nat", "bridged"};
    vf_auto(vf_vmx_free) struct vf_vmx *x = parse(text);
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_esxi_describe(x, NULL);
    ok(vm->n_nics == VF_COUNT(names), "all cards");
    for (size_t i = 0; i < VF_COUNT(names) && i < vm->n_nics; i++)
        is_str(vm->nics[i].bridge, names[i], "a card's network");
    ok(!says(vm, "net0", false) && says(vm, "net1", false) && says(vm, "net2", false) &&
           says(vm, "net3", false),
       "what has no name is told of");
    bool nsx = false;
    for (size_t i = 0; i < vm->n_left_out; i++)
        nsx = nsx || (strstr(vm->left_out[i].why, "NSX") && vm->left_out[i].there);
    ok(nsx, "that it is of NSX, as something that will be there");
}

static void test_systems(void)
{
    static const struct {
        const char *id, *details, *ostype;
        enum vf_guest_age age;
        unsigned hardware;
    } cases[] = {
        {"ubuntu", NULL, "l26", VF_GUEST_UNSURE, 7},
        {"ubuntu64Guest", NULL, "l26", VF_GUEST_UNSURE, 9},
        {"ubuntu-64", NULL, "l26", VF_GUEST_MODERN, 13},
        {"ubuntu", "distroName='Ubuntu' distroVersion='14.04'", "l26", VF_GUEST_MODERN, 7},
        {"debian9-64", NULL, "l26", VF_GUEST_MODERN, 7},
        {NULL, NULL, "l26", VF_GUEST_UNSURE, 4},
        {"debian10-64", NULL, "l26", VF_GUEST_MODERN, 0},
        {"debian10_64Guest", NULL, "l26", VF_GUEST_MODERN, 0},
        {"debian7", NULL, "l26", VF_GUEST_OLD, 0},
        {"debian8-64", NULL, "l26", VF_GUEST_UNSURE, 0},
        {"ubuntu-64", NULL, "l26", VF_GUEST_MODERN, 0},
        {"ubuntu-64", "distroName='Ubuntu' distroVersion='12.04'", "l26", VF_GUEST_OLD, 0},
        {"debian10-64", "distroName='Debian GNU/Linux' distroVersion='7.11'", "l26", VF_GUEST_OLD,
         0},
        {"debian6", "distroName='Debian GNU/Linux' distroVersion='12'", "l26", VF_GUEST_MODERN, 0},
        {"rhel5-64", NULL, "l26", VF_GUEST_OLD, 0},
        {"centos7-64", NULL, "l26", VF_GUEST_MODERN, 0},
        {"other24xLinux", NULL, "l24", VF_GUEST_OLD, 0},
        {"windows9Server-64", NULL, "win10", VF_GUEST_WINDOWS, 0},
        {"windows2019srvNext-64", NULL, "win11", VF_GUEST_WINDOWS, 0},
        {"windows2019srv-64", NULL, "win10", VF_GUEST_WINDOWS, 0},
        {"windows7Server-64", NULL, "w2k8", VF_GUEST_WINDOWS, 0},
        {"windows7-64", NULL, "win7", VF_GUEST_WINDOWS, 0},
        {"winNetStandard", NULL, "w2k3", VF_GUEST_WINDOWS, 0},
        {"winXPPro", NULL, "wxp", VF_GUEST_WINDOWS, 0},
        {"win98", NULL, "other", VF_GUEST_OLD, 0},
        {"solaris10-64", NULL, "solaris", VF_GUEST_OLD, 0},
        {"something-new", NULL, "l26", VF_GUEST_MODERN, 0},
        {"other", NULL, "other", VF_GUEST_UNSURE, 0},
        {"otherlinux-64", NULL, "l26", VF_GUEST_MODERN, 0},
        {NULL, NULL, "l26", VF_GUEST_MODERN, 0},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        struct vf_guest_os os = vf_guest_os(cases[i].id, cases[i].details, cases[i].hardware);
        ok(vf_streq(os.ostype, cases[i].ostype) && os.age == cases[i].age, "%s %s: %s, %d",
           cases[i].id ? cases[i].id : "-", cases[i].details ? cases[i].details : "", os.ostype,
           os.age);
    }
}

int main(void)
{
    test_grammar();
    test_encodings();
    test_vm();
    test_names();
    test_suspended();
    test_refused();
    test_networks();
    test_systems();
    return done_testing();
}
