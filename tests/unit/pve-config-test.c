/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Property strings and VM configurations of Proxmox VE. */
#include "config.h"
#include "base/str.h"
#include "provider/pve/client.h"
#include "provider/pve/propstr.h"
#include "provider/pve/vmconfig.h"
#include "tests/unit/pve-fixture.h"
#include "tests/unit/tap.h"

/* ------------------------------------------------------------------ property strings,
 * configurations */

static void test_propstr(void)
{
    static const struct {
        const char *in, *key, *out; /* NULL: refused */
    } cases[] = {
        {"local:101/vm-101-disk-0.raw,discard=on,size=64M", "file",
         "local:101/vm-101-disk-0.raw,discard=on,size=64M"},
        {"discard=on,file=local:1/a.raw", "file", "discard=on,local:1/a.raw"},
        {"virtio=02:AA:BB:CC:DD:02,bridge=vmbr0", "model", "virtio=02:AA:BB:CC:DD:02,bridge=vmbr0"},
        {"uuid=1,serial=YQ==", NULL, "uuid=1,serial=YQ=="},
        {",,ssd=1,", NULL, "ssd=1"},
        {"", "file", ""},
        {"a=1,a=2", NULL, NULL},
        {"x,y", "file", NULL},
        {"x", NULL, NULL},
        {"a=", NULL, NULL},
        {"=a", NULL, NULL},
        {"a=\n", NULL, NULL},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        struct vf_opts o = {0};
        vf_autoerror struct vf_error *err = NULL;
        vf_autofree char *shown = vf_escape(cases[i].in);
        if (vf_propstr_parse(cases[i].in, cases[i].key, &o, &err) < 0) {
            ok(!cases[i].out && vf_error_code(err) == VF_E_CORRUPT, "refused: \"%s\"", shown);
        } else {
            vf_autofree char *text = vf_propstr_print(&o, cases[i].key);
            is_str(text, cases[i].out, "round trip");
        }
        vf_opts_free(&o);
    }
    ok(vf_propval_same("on", "1") && vf_propval_same("no", "0") && vf_propval_same("a", "a"),
       "same");
    ok(!vf_propval_same("on", "0") && !vf_propval_same("a", "b") && !vf_propval_same("1", NULL),
       "not the same");
}

static const char rich[] =
    "{\"digest\":\"1bd6\",\"name\":\"db1\",\"description\":\"line 1: a=b & 100%\\nline 2: é\","
    "\"tags\":\"prod,db\",\"memory\":\"current=2048\",\"cores\":2,\"sockets\":\"2\",\"onboot\":1,"
    "\"scsi0\":\"local:101/vm-101-disk-0.raw,discard=on,iothread=1,size=64M,ssd=1,mbps_rd=10\","
    "\"scsi10\":\"extra:101/vm-101-disk-2.qcow2,size=1G\","
    "\"scsi1\":\"extra:101/vm-101-disk-1.qcow2,backup=0,size=1G,serial=a%20b\","
    "\"ide2\":\"local:iso/tiny.iso,media=cdrom,size=16M\",\"ide3\":\"none,media=cdrom\","
    "\"net0\":\"virtio=02:aa:bb:cc:dd:02,bridge=vmbr0,firewall=0,tag=12,trunks=2;3,queues=4,rate=1."
    "5\","
    "\"net1\":\"model=e1000,macaddr=02:AA:BB:CC:DD:03,bridge=vmbr1,link_down=1,mtu=1\","
    "\"boot\":\"order=scsi0;ide2;net0;usb0\","
    "\"smbios1\":\"uuid=8CE18AEE-48e3-4697-a53c-d772b0f0610a,base64=1,manufacturer=QUNNRQ==\","
    "\"scsihw\":\"virtio-scsi-single\",\"machine\":\"q35\",\"cpu\":\"host,flags=+aes\",\"agent\":"
    "\"1\","
    "\"serial0\":\"socket\",\"serial1\":\"/dev/"
    "ttyS0\",\"usb0\":\"host=1234:5678\",\"usb1\":\"spice\","
    "\"numa\":0,\"numa0\":\"cpus=0-1,memory=1024\",\"args\":\"-nodefaults\",\"hostpci0\":\"0000:01:"
    "00.0\","
    "\"unused0\":\"local:101/"
    "vm-101-disk-9.raw\",\"vmgenid\":\"d994\",\"meta\":\"creation-qemu=7.2\","
    "\"startup\":\"order=1\",\"cipassword\":\"**********\",\"futuristic\":\"yes\"}";

static void test_config(void)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = read_config(rich, &err);
    ok(vm != NULL, "a rich configuration: %s", err ? err->text : "read");
    is_str(vm->name, "db1", "name");
    is_str(vm->digest, "1bd6", "digest");
    is_str(vm->description, "line 1: a=b & 100%\nline 2: é", "description");
    is_str(vm->tags, "prod;db", "tags");
    is_str(vm->uuid, "8ce18aee-48e3-4697-a53c-d772b0f0610a", "uuid, lower case");
    is_str(vf_opts_get(&vm->opts, "smbios1"),
           "base64=1,manufacturer=QUNNRQ==", "the rest of smbios1");
    ok(vm->memory == UINT64_C(2048) << 20 && vm->cores == 2 && vm->sockets == 2 && vm->onboot,
       "numbers");
    ok(vm->n_disks == 3 && vm->n_nics == 2 && vm->n_cdroms == 2, "devices");
    is_str(vm->disks[2].slot, "scsi10", "scsi10 comes behind scsi1");
    is_str(vm->disks[1].storage, "extra", "storage");
    is_str(vm->disks[1].format, "qcow2", "format");
    vf_autofree char *d0 = vf_pve_disk_value(&vm->disks[0]), *d1 = vf_pve_disk_value(&vm->disks[1]);
    is_str(d0, "local:101/vm-101-disk-0.raw,discard=on,iothread=1,ssd=1,mbps_rd=10",
           "disk options, order");
    is_str(d1, "extra:101/vm-101-disk-1.qcow2,backup=0,serial=a%20b",
           "an encoded serial stays encoded");
    vf_autofree char *n0 = vf_pve_nic_value(&vm->nics[0]), *n1 = vf_pve_nic_value(&vm->nics[1]);
    is_str(n0,
           "virtio=02:AA:BB:CC:DD:02,bridge=vmbr0,firewall=0,trunks=2;3,queues=4,rate=1.5,tag=12",
           "NIC, short form");
    is_str(n1, "e1000=02:AA:BB:CC:DD:03,bridge=vmbr1,mtu=1,link_down=1", "NIC, long form");
    is_str(vm->cdroms[0].media, "local:iso/tiny.iso", "CD-ROM");
    ok(!vm->cdroms[1].media, "empty CD-ROM");
    vf_autofree char *boot = vf_strv_join(vm->boot, " ");
    is_str(boot, "scsi0 ide2 net0", "boot order without the device that stays behind");
    is_str(vf_opts_get(&vm->opts, "cpu"), "host,flags=+aes", "cpu is carried");
    is_str(vf_opts_get(&vm->opts, "serial0"), "socket", "so is a serial socket");
    is_str(vf_opts_get(&vm->opts, "usb1"), "spice", "and spice USB");
    is_str(vf_opts_get(&vm->opts, "numa0"), "cpus=0-1,memory=1024", "and NUMA nodes");
    is_str(vf_opts_get(&vm->opts, "numa"), "0", "and the switch of that name");
    is_str(vf_opts_get(&vm->opts, "args"), "-nodefaults", "and what the target may not let us set");
    static const char *const left[] = {"serial1", "usb0",       "hostpci0",
                                       "unused0", "cipassword", "futuristic"};
    for (size_t i = 0; i < VF_COUNT(left); i++)
        ok(why_left(vm, left[i]) && !vf_opts_get(&vm->opts, left[i]), "%s is left out, and said so",
           left[i]);
    ok(vm->n_left_out == VF_COUNT(left), "nothing else is (%zu)", vm->n_left_out);
    for (size_t i = 0; i < vm->n_left_out; i++)
        ok(!vm->left_out[i].minor && !vm->left_out[i].stop, "%s: somebody may have to do something",
           vm->left_out[i].what);

    bool masked = false;
    for (size_t i = 0; i < vm->n_left_out; i++)
        masked |= vf_streq(vm->left_out[i].what, "cipassword: ...");
    ok(masked, "the password's value is not shown");

    vf_autoform struct vf_form form = {0};
    ok(vf_pve_vm_to_form(vm, &form, &err) == 0, "as parameters");
    const char *s = vf_buf_str(&form.buf);
    static const char *const parts[] = {
        "vmid=101&",
        "&name=db1&",
        "&memory=2048&",
        "&onboot=0&",
        "&description=line%201%3A%20a%3Db%20%26%20100%25%0Aline%202%3A%20%C3%A9&",
        "&tags=prod%3Bdb&",
        "&smbios1=uuid%3D8ce18aee-48e3-4697-a53c-d772b0f0610a%2Cbase64%3D1%2Cmanufacturer%3DQUNNRQ%"
        "3D%3D&",
        "&cpu=host%2Cflags%3D%2Baes&",
        "&net0=virtio%3D02%3AAA%3ABB",
        "trunks%3D2%3B3",
        "&ide2=none%2Cmedia%3Dcdrom"};
    for (size_t i = 0; i < VF_COUNT(parts); i++)
        ok(strstr(s, parts[i]) != NULL, "has %s", parts[i]);
    static const char *const absent[] = {
        "scsi0=", "&boot=", "digest", "meta=", "cipassword", "unused", "lock", "start="};
    for (size_t i = 0; i < VF_COUNT(absent); i++)
        ok(!strstr(s, absent[i]), "has no %s", absent[i]);
}

/* What Proxmox makes itself is asked for when the VM is created. */
static void test_fresh(void)
{
    static const struct {
        const char *slot, *key, *value, *want;
        uint64_t size;
    } disks[] = {
        {"efidisk0", "efitype", "4m", "local%3A1%2Cefitype%3D4m", 540672},
        {"tpmstate0", "version", "v2.0", "local%3A1%2Cversion%3Dv2.0", 4 << 20},
        {"scsi0", NULL, NULL, "local%3A1", 1 << 30},
        {"scsi1", NULL, NULL, "local%3A2", (1 << 30) + 1},
    };
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_new();
    vf_autoform struct vf_form form = {0};
    vf_autoerror struct vf_error *err = NULL;
    vm->name = vf_strdup("web");
    for (size_t i = 0; i < VF_COUNT(disks); i++) {
        struct vf_disk *d = vf_vm_add_disk(vm);
        d->slot = vf_strdup(disks[i].slot);
        d->storage = vf_strdup("local");
        d->size = disks[i].size;
        d->fresh = true;
        if (disks[i].key)
            vf_opts_set(&d->opts, disks[i].key, disks[i].value);
    }
    struct vf_disk *copied = vf_vm_add_disk(vm);
    copied->slot = vf_strdup("scsi2");
    copied->storage = vf_strdup("local");
    ok(vf_pve_vm_to_form(vm, &form, &err) == 0, "a VM with fresh disks");
    for (size_t i = 0; i < VF_COUNT(disks); i++) {
        vf_autofree char *want = vf_asprintf("&%s=%s", disks[i].slot, disks[i].want);
        const char *at = strstr(vf_buf_str(&form.buf), want);
        ok(at && strchr("&", at[strlen(want)]), "has %s", want);
    }
    ok(!strstr(vf_buf_str(&form.buf), "scsi2"), "what is copied comes later");
}

/* What the firmware remembers are disks; a cloud-init drive is made anew from settings that go as
 * they read back. */
static void test_firmware(void)
{
    static const char json[] =
        "{\"efidisk0\":\"local:101/vm-101-disk-1.qcow2,efitype=4m,ms-cert=2023,pre-enrolled-keys=1,"
        "size=528K\",\"tpmstate0\":\"tank:vm-101-disk-2,size=4M,version=v2.0\",\"bios\":\"ovmf\","
        "\"scsi1\":\"local:101/vm-101-disk-0.raw\",\"boot\":\"cdn\",\"ciuser\":\"admin\","
        "\"ide2\":\"local:101/vm-101-cloudinit.qcow2,media=cdrom,size=4M\","
        "\"ide0\":\"tank:vm-101-cloudinit,media=cdrom\",\"ide1\":\"local:cloudinit,media=cdrom\","
        "\"sshkeys\":\"ssh-ed25519%20AAAA%2B%3D%20a%40b%0A\",\"ipconfig1\":\"ip=dhcp,ip6=auto\","
        "\"cipassword\":\"**********\",\"cicustom\":\"user=local:snippets/u.yaml\","
        "\"usb0\":\"mapping=stick,usb3=1\",\"hostpci0\":\"mapping=gpu,pcie=1\","
        "\"virtiofs0\":\"share,cache=auto\",\"parallel0\":\"/dev/parport0\"}";
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = read_config(json, &err);
    ok(vm && vm->n_disks == 3 && vm->n_cdroms == 3, "EFI disk, TPM, cloud-init: %s",
       err ? err->text : "read");
    if (!vm)
        return;
    vf_autofree char *efi = vf_pve_disk_value(&vm->disks[0]),
                     *tpm = vf_pve_disk_value(&vm->disks[2]);
    is_str(efi, "local:101/vm-101-disk-1.qcow2,efitype=4m,ms-cert=2023,pre-enrolled-keys=1",
           "EFI disk with its options");
    is_str(tpm, "tank:vm-101-disk-2,version=v2.0", "TPM with its version");
    vf_autofree char *boot = vf_strv_join(vm->boot, " ");
    is_str(boot, "scsi1 ide0 ide1 ide2", "nobody boots from them");
    for (size_t i = 0; i < vm->n_cdroms; i++) {
        ok(vm->cdroms[i].cloudinit, "%s is a cloud-init drive", vm->cdroms[i].slot);
        vf_str_set(&vm->cdroms[i].storage, "fast");
    }
    vf_autoform struct vf_form form = {0};
    ok(vf_pve_vm_to_form(vm, &form, &err) == 0, "as parameters");
    static const char *const parts[] = {
        "&ide2=fast%3Acloudinit",
        "&sshkeys=ssh-ed25519%2520AAAA%252B%253D%2520a%2540b%250A&",
        "&ciuser=admin&",
        "&ipconfig1=ip%3Ddhcp%2Cip6%3Dauto&",
        "&cicustom=user%3Dlocal%3Asnippets%2Fu.yaml&",
        "&usb0=mapping%3Dstick",
        "&hostpci0=mapping%3Dgpu",
        "&virtiofs0=share",
    };
    for (size_t i = 0; i < VF_COUNT(parts); i++)
        ok(strstr(vf_buf_str(&form.buf), parts[i]) != NULL, "has %s", parts[i]);
    static const char *const absent[] = {"cipassword", "efidisk0", "tpmstate0", "parallel0", "***"};
    for (size_t i = 0; i < VF_COUNT(absent); i++)
        ok(!strstr(vf_buf_str(&form.buf), absent[i]), "has no %s", absent[i]);
    ok(why_left(vm, "cipassword") && strstr(why_left(vm, "cipassword"), "--cipassword"),
       "how to set the password again is said");
}

static void test_config_refused(void)
{
    static const struct {
        const char *json;
        enum vf_error_code code;
        const char *part;
    } cases[] = {
        {"{\"template\":1}", VF_E_UNSUPPORTED, "template"},
        {"{\"lock\":\"backup\"}", VF_E_CONFLICT, "locked (backup)"},
        {"{\"efidisk0\":\"local:102/vm-102-disk-1.raw,size=528K\"}", VF_E_UNSUPPORTED,
         "belongs to VM 102"},
        {"{\"scsi0\":\"local:100/base-100-disk-0.qcow2/102/vm-102-disk-0.qcow2\"}",
         VF_E_UNSUPPORTED, "belongs to VM 102"},
        {"{\"scsi0\":\"/dev/sdb,size=1G\"}", VF_E_UNSUPPORTED, "/dev/sdb"},
        {"{\"scsi0\":\"local:102/vm-102-disk-0.raw\"}", VF_E_UNSUPPORTED, "belongs to VM 102"},
        {"{\"scsi0\":\"size=1G\"}", VF_E_CORRUPT, "names no volume"},
        {"{\"memory\":\"lots\"}", VF_E_CORRUPT, "lots"},
        {"{\"net0\":\"bridge=vmbr0\"}", VF_E_CORRUPT, "net0"},
        {"{\"net0\":\"virtio=02:AA:BB:CC:DD:02,tag=5000\"}", VF_E_CORRUPT, "VLAN"},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        struct vf_error *err = NULL;
        struct vf_vm *vm = read_config(cases[i].json, &err);
        ok(!vm, "refused: %s", cases[i].json);
        is_error(&err, cases[i].code, cases[i].part, "with the reason");
        vf_vm_free(vm);
    }
}

static void test_linked(void)
{
    static const char *const volumes[] = {
        "local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2",
        "tank:base-100-disk-0/vm-101-disk-0",
        "local:101/vm-101-disk-0.qcow2",
    };
    for (size_t i = 0; i < VF_COUNT(volumes); i++) {
        vf_autoerror struct vf_error *err = NULL;
        vf_autofree char *json = vf_asprintf("{\"scsi0\":\"%s\"}", volumes[i]);
        vf_auto(vf_vm_free) struct vf_vm *vm = read_config(json, &err);
        ok(vm && vm->n_disks == 1 && vf_streq(vm->disks[0].volume, volumes[i]) &&
               vm->disks[0].linked == (i < 2),
           "%s is %s", volumes[i], i < 2 ? "a linked clone" : "none");
    }
}

static void test_boot(void)
{
    static const struct {
        const char *boot, *order;
    } cases[] = {
        {"\"boot\":\"order=net0;scsi0\"", "net0 scsi0"},
        {"\"boot\":\"cdn\",\"bootdisk\":\"scsi1\"", "scsi1 ide2 net0 net1"},
        {"\"boot\":\"legacy=dc\",\"bootdisk\":\"scsi1\"", "ide2 scsi1"},
        {"\"boot\":\"n\"", "net0 net1"},
        {"\"boot\":\" \"", "scsi0 ide2 net0 net1"},
        {"\"cores\":1", "scsi0 ide2 net0 net1"},
        {"\"boot\":\"order=\"", NULL},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autofree char *json =
            vf_asprintf("{%s,\"scsi0\":\"local:101/vm-101-disk-0.raw\",\"scsi1\":\"local:101/"
                        "vm-101-disk-1.raw\","
                        "\"ide2\":\"none,media=cdrom\",\"net0\":\"virtio=02:AA:BB:CC:DD:02\","
                        "\"net1\":\"virtio\"}",
                        cases[i].boot);
        vf_autoerror struct vf_error *err = NULL;
        vf_auto(vf_vm_free) struct vf_vm *vm = read_config(json, &err);
        vf_autofree char *order = vm ? vf_strv_join(vm->boot, " ") : NULL;
        is_str(order, cases[i].order, cases[i].boot);
    }
}

int main(void)
{
    test_propstr();
    test_config();
    test_fresh();
    test_firmware();
    test_config_refused();
    test_linked();
    test_boot();
    return done_testing();
}
