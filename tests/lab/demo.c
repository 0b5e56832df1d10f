/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the demo clusters contain: storages, bridges, VMs and their disks, as tables. */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include "tests/lab/lab.h"

#define CONTENT_ALL "images,rootdir,iso,vztmpl,backup,snippets,import"
#define MB          (1ULL << 20)

struct demo_disk {
    int vmid;
    const char *key, *volume, *options; /* options behind the volume, with their comma */
    uint64_t size, data;
};

struct demo_vm {
    int vmid;
    unsigned node; /* 0, 1 */
    bool lxc, run, ignores_button;
    const char *pool;
    const char *conf; /* "key: value" lines */
};

struct demo {
    const char *profile, *cluster;
    struct lab_storage storages[4];
    const char *bridges[3];
    const char *pools[2][2];
    struct demo_vm vms[12];
    struct demo_disk disks[24];
};

/* One of everything that a VM can have. Fields in the old form too, as files keep them. */
static const char allthings[] =
    "name: allthings\nbios: ovmf\nmachine: pc\nostype: l26\ncores: 2\nsockets: 2\nvcpus: 3\n"
    "memory: 768\nballoon: 256\nshares: 900\ncpu: x86-64-v2-AES,flags=+aes\ncpuunits: 200\n"
    "cpulimit: 1.5\nnuma: 1\nnuma0: cpus=0-1,hostnodes=0,memory=768,policy=bind\n"
    "scsihw: virtio-scsi-single\nhotplug: disk,network\ntablet: 0\nlocaltime: 1\nkeyboard: de\n"
    "agent: 1,fstrim_cloned_disks=1\nonboot: 1\nstartup: order=3,up=30,down=60\nprotection: 1\n"
    "tags: all;b.c;x_y-z+1\nserial0: socket\nserial1: /dev/ttyS0\nvga: qxl,memory=32\n"
    "audio0: device=ich9-intel-hda,driver=spice\nwatchdog: model=i6300esb,action=reset\n"
    "rng0: source=/dev/urandom,max_bytes=1024,period=1000\nspice_enhancements: foldersharing=1\n"
    "args: -device virtio-balloon-pci\nhookscript: local:snippets/hook.sh\n"
    "usb0: mapping=stick\nusb1: spice\nusb2: host=1234:5678\nhostpci0: mapping=gpu\n"
    "hostpci1: mapping=other\nvirtiofs0: share,cache=auto\n"
    "smbios1: uuid=0b7c4a52-2b29-43a2-b36f-1a6cbb64a006,base64=1,manufacturer=QUNNRSA9IDE=\n"
    "net0: virtio=02:AA:BB:CC:DD:10,bridge=vmbr0,firewall=1,mtu=1400,queues=2,rate=12.5,tag=30,"
    "trunks=31;32\n"
    "net1: model=e1000,macaddr=02:aa:bb:cc:dd:11,bridge=vmbr1,link_down=1\n"
    "net2: vmxnet3=02:AA:BB:CC:DD:12,bridge=vnet10,firewall=0\n"
    "net31: rtl8139=02:AA:BB:CC:DD:13,bridge=vmbr1\n"
    "boot: order=scsi0;ide2;net0\nciuser: admin\ncipassword: $5$lab$nothing\ncitype: nocloud\n"
    "ciupgrade: 0\nsshkeys: ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5%2B%2F%3D%20me%40home%0Assh-rsa%20"
    "AAAAB3NzaC1yc2E%20two%0A\nipconfig0: ip=10.0.0.5/24,gw=10.0.0.1\nipconfig1: ip=dhcp,ip6=auto\n"
    "nameserver: 10.0.0.1 fd00::1\nsearchdomain: example.com\n"
    "cicustom: vendor=local:snippets/vendor.yaml\n"
    "description: \\n# Title: \"all\" 'things'\\n\\n\t100% %41 %zz a=b;c&d+e \\\\ \xe2\x82\xac "
    "\xf0\x9f\x90\xa7 \x01\x7f<b>\r\\nlast: line\n";

static const struct demo demos[] = {
    {
        "demo",
        "alpha",
        {{"local", "/var/lib/vz", CONTENT_ALL, false, -1, 0},
         {"shared", "/mnt/pve/shared", "images,iso", true, -1, 0}},
        {"vmbr0", "vmbr1", "vnet10"},
        {{"web", "web servers"}, {"prod", ""}},
        {
            {100, 0, false, true, false, "web",
             "name: web1\ncores: 1\nmemory: 512\nostype: l26\nscsihw: virtio-scsi-single\n"
             "net0: virtio=02:AA:BB:CC:DD:01,bridge=vmbr0,firewall=1,tag=20\n"
             "ide2: local:iso/tiny.iso,media=cdrom,size=1M\nboot: order=scsi0;ide2;net0\n"
             "description: web server of the caf\xc3\xa9 \xe2\x80\x93 a=b & 100%\ntags: "
             "prod;web\nonboot: 1\n"
             "agent: 0\nsmbios1: uuid=18c0567f-66fa-4f7f-bc36-fcdf9f847971\n"},
            {101, 0, false, false, false, "prod",
             "name: db1\ncores: 2\nmemory: 1024\nostype: l26\nscsihw: virtio-scsi-single\n"
             "net0: virtio=02:AA:BB:CC:DD:02,bridge=vmbr0\n"
             "net1: e1000=02:AA:BB:CC:DD:03,bridge=vmbr1,link_down=1\n"
             "boot: order=scsi0;net0\ntags: db;prod\nagent: 1\n"
             "smbios1: uuid=8ce18aee-48e3-4697-a53c-d772b0f0610a\n"},
            {102, 1, false, false, false, NULL,
             "name: old1\ncores: 1\nmemory: 256\nostype: other\nnet0: "
             "rtl8139=02:AA:BB:CC:DD:04,bridge=vmbr0\nboot: order=ide0\n"
             "smbios1: uuid=0b7c4a52-2b29-43a2-b36f-1a6cbb64a002\n"},
            {103, 1, false, true, true, NULL,
             "name: stubborn\ncores: 1\nmemory: 256\nostype: l26\nmachine: q35\nnet0: "
             "virtio=02:AA:BB:CC:DD:05,bridge=vmbr0\nboot: order=scsi0\n"
             "smbios1: uuid=0b7c4a52-2b29-43a2-b36f-1a6cbb64a003\n"},
            {104, 0, false, false, false, NULL,
             "name: golden\ncores: 1\nmemory: 256\nostype: l26\ntemplate: 1\nboot: order=scsi0\n"
             "smbios1: uuid=0b7c4a52-2b29-43a2-b36f-1a6cbb64a004\n"},
            {105, 0, false, false, false, NULL,
             "name: big1\ncores: 1\nmemory: 256\nostype: l26\nboot: order=scsi0\n"
             "smbios1: uuid=0b7c4a52-2b29-43a2-b36f-1a6cbb64a005\n"},
            {106, 0, false, false, false, NULL, allthings},
            {107, 0, false, false, false, NULL,
             "name: clone1\ncores: 1\nmemory: 256\nostype: l26\nboot: order=scsi0\n"
             "smbios1: uuid=0b7c4a52-2b29-43a2-b36f-1a6cbb64a007\n"},
            {110, 0, true, false, false, NULL,
             "name: ct1\ncores: 1\nmemory: 256\nostype: debian\nrootfs: "
             "local:110/vm-110-disk-0.raw,size=1G\n"},
        },
        {
            {100, "scsi0", "local:100/vm-100-disk-0.qcow2", ",discard=on,iothread=1", 1024 * MB,
             96 * MB},
            {101, "scsi0", "local:101/vm-101-disk-0.raw", ",discard=on,iothread=1,ssd=1", 64 * MB,
             24 * MB},
            {101, "scsi1", "shared:101/vm-101-disk-0.qcow2",
             ",backup=0,cache=writeback,iops_rd=4000,mbps_wr=50", 256 * MB, 16 * MB},
            {102, "ide0", "local:102/vm-102-disk-0.raw", "", 32 * MB, 8 * MB},
            {103, "scsi0", "local:103/vm-103-disk-0.qcow2", "", 64 * MB, 8 * MB},
            {104, "scsi0", "local:104/base-104-disk-0.qcow2", "", 64 * MB, 4 * MB},
            {105, "scsi0", "local:105/vm-105-disk-0.raw", "", 128 * MB, 64 * MB},
            {106, "scsi0", "local:106/vm-106-disk-0.raw", ",discard=on,iothread=1,serial=a%20b",
             32 * MB, 8 * MB},
            {106, "scsi1", "shared:106/vm-106-disk-0.qcow2", ",backup=0,cache=writeback", 24 * MB,
             4 * MB},
            {106, "virtio0", "local:106/vm-106-disk-1.qcow2", ",iops_rd=4000,mbps_wr=50", 16 * MB,
             4 * MB},
            {106, "sata0", "shared:106/vm-106-disk-1.raw", ",ssd=1", 8 * MB, 2 * MB},
            {106, "ide0", "local:106/vm-106-disk-2.raw", ",wwn=0x5000c50015ea71ac", 9 * MB, 3 * MB},
            {106, "efidisk0", "local:106/vm-106-disk-3.qcow2", ",efitype=4m,pre-enrolled-keys=1",
             528 * 1024, 100000},
            {106, "tpmstate0", "local:106/vm-106-disk-4.raw", ",version=v2.0", 4 * MB, 50000},
            {106, "ide2", "local:106/vm-106-cloudinit.qcow2", ",media=cdrom", 4 * MB, 0},
            {106, "unused0", "local:106/vm-106-disk-9.raw", "", 2 * MB, MB},
            {107, "scsi0", "local:104/base-104-disk-0.qcow2/107/vm-107-disk-0.qcow2", "", 64 * MB,
             0},
        },
    },
    {
        "demo",
        "beta",
        {{"local", "/var/lib/vz", CONTENT_ALL, false, -1, 0},
         {"shared", "/mnt/pve/shared", "images,iso", true, -1, 0},
         {"small", "/mnt/pve/small", "images", false, -1, 48 * MB}},
        {"vmbr0", "vmbr1", "vnet10"},
        {{"moved", "arrived from elsewhere"}},
        {{100, 0, false, true, false, NULL,
          "name: mon\ncores: 1\nmemory: 256\nostype: l26\nnet0: "
          "virtio=02:AA:BB:CC:EE:01,bridge=vmbr0\nboot: order=scsi0\n"
          "smbios1: uuid=0b7c4a52-2b29-43a2-b36f-1a6cbb64b000\n"}},
        {{100, "scsi0", "local:100/vm-100-disk-0.qcow2", "", 64 * MB, 4 * MB}},
    },
    {
        "many",
        "alpha",
        {{"local", "/var/lib/vz", CONTENT_ALL, false, -1, 0}},
        {"vmbr0"},
        {{NULL, NULL}},
        {{0}},
        {{0}},
    },
    {
        "many",
        "beta",
        {{"local", "/var/lib/vz", CONTENT_ALL, false, -1, 0}},
        {"vmbr0"},
        {{NULL, NULL}},
        {{0}},
        {{0}},
    },
    {
        "captures",
        "alpha",
        {{"local", "/var/lib/vz", CONTENT_ALL, false, -1, 0},
         {"extra", "/srv/extra", "images,iso", false, -1, 0}},
        {"vmbr0", "vmbr1"},
        {{"labpool", "lab pool"}},
        {
            {100, 0, false, true, false, NULL,
             "name: web1\ncores: 1\nmemory: 256\nostype: l26\nscsihw: virtio-scsi-pci\n"
             "net0: virtio=02:AA:BB:CC:DD:01,bridge=vmbr0\nboot: order=scsi0\nserial0: socket\n"
             "smbios1: uuid=18c0567f-66fa-4f7f-bc36-fcdf9f847971\n"},
            {101, 0, false, false, false, "labpool",
             "name: db1\ncores: 2\nmemory: 512\nostype: l26\nscsihw: virtio-scsi-single\n"
             "net0: virtio=02:AA:BB:CC:DD:02,bridge=vmbr0,firewall=0\n"
             "net1: e1000=02:AA:BB:CC:DD:03,bridge=vmbr1,link_down=1\n"
             "ide2: local:iso/tiny.iso,media=cdrom,size=16M\nboot: order=scsi0;ide2;net0\n"
             "description: line 1: a=b & 100%\\nline 2: \xc3\xa9\ntags: prod;db\nonboot: 1\nagent: "
             "1\n"
             "smbios1: uuid=8ce18aee-48e3-4697-a53c-d772b0f0610a\n"},
        },
        {
            {100, "scsi0", "local:100/vm-100-disk-0.qcow2", "", 64 * MB, 4 * MB},
            {101, "scsi0", "local:101/vm-101-disk-0.raw", ",discard=on,iothread=1,ssd=1", 64 * MB,
             4 * MB},
            {101, "scsi1", "extra:101/vm-101-disk-0.qcow2", ",backup=0", 1024 * MB, 4 * MB},
        },
    },
    {
        "captures",
        "beta",
        {{"local", "/var/lib/vz", CONTENT_ALL, false, -1, 0}},
        {"vmbr0", "vmbr1"},
        {{NULL, NULL}},
        {{0}},
        {{0}},
    },
};

/* Profile "many": VMs enough for a list to take its time, without images. */
enum { MANY_FIRST = 1000, MANY = 300 };

static const struct demo *find_demo(const struct lab *lab, const char *profile)
{
    for (size_t i = 0; i < VF_COUNT(demos); i++)
        if (vf_streq(demos[i].profile, profile) && vf_streq(demos[i].cluster, lab->name))
            return &demos[i];
    return NULL;
}

void lab_demo_shape(struct lab *lab, const char *profile)
{
    const struct demo *d = find_demo(lab, profile);
    for (size_t i = 0; d && i < VF_COUNT(d->storages) && d->storages[i].name; i++)
        *(struct lab_storage *)vf_grow(&lab->storages, &lab->n_storages, sizeof *lab->storages) =
            d->storages[i];
    for (size_t n = 0; n < lab->n_nodes; n++) {
        lab->nodes[n].bridges = json_array();
        for (size_t i = 0; d && i < VF_COUNT(d->bridges) && d->bridges[i]; i++)
            json_array_append_new(lab->nodes[n].bridges, json_string(d->bridges[i]));
    }
    for (size_t i = 0; d && i < VF_COUNT(d->pools) && d->pools[i][0]; i++)
        json_object_set_new(lab->pools, d->pools[i][0], json_string(d->pools[i][1]));
}

static void read_conf(struct lab_vm *vm, const char *text)
{
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    for (size_t i = 0; lines[i]; i++) {
        char *colon = strstr(lines[i], ": ");
        *colon = 0;
        /* "%" and "\n" as written in the tables above */
        vf_autobuf struct vf_buf b = {0};
        for (const char *p = colon + 2; *p; p++) {
            if (vf_starts(p, "\\n") || vf_starts(p, "\\\\")) {
                vf_buf_puts(&b, p[1] == 'n' ? "\n" : "\\");
                p++;
            } else {
                vf_buf_add(&b, p, 1);
            }
        }
        lab_vm_set(vm, lines[i], vf_buf_str(&b));
    }
}

/* A linked clone: an image over its template's. */
static int add_clone(struct lab_vm *vm, const char *volume, struct vf_error **err)
{
    vf_autofree char *path = lab_volume_path(vm->node, volume, NULL), *dir = vf_strdup(path);
    *strrchr(dir, '/') = 0;
    vf_autofree char *host = vf_asprintf("%s%s", vm->node->root, dir);
    const char *start = strchr(volume, ':') + 1, *end = strchr(strstr(start, "base-"), '/');
    vf_autofree char *base = vf_asprintf("../%.*s", (int)(end - start), start);
    const char *argv[] = {"qemu-img", "create", "-q",    "-f", "qcow2", "-b",
                          base,       "-F",     "qcow2", path, NULL};
    vf_autobuf struct vf_buf out = {0};
    if (vf_mkdirs(host, 0755, err))
        return -1;
    int status = lab_node_run(vm->node, argv, &out, err);
    if (status > 0)
        vf_fail(err, VF_E_INTERNAL, "cannot clone: %s", vf_buf_str(&out));
    return status ? -1 : 0;
}

static int add_disk(struct lab *lab, const struct demo *d, const struct demo_disk *disk,
                    struct vf_error **err)
{
    struct lab_vm *vm = lab_vm_find(lab, disk->vmid);
    struct lab_storage *s = NULL;
    free(lab_volume_path(vm->node, disk->volume, &s)); /* for its storage */
    const char *name = strrchr(disk->volume, '/') + 1, *format = strrchr(name, '.') + 1;
    bool ignores = false;
    bool linked = strstr(disk->volume, "/base-") && strstr(disk->volume, "/vm-");
    if (linked ? add_clone(vm, disk->volume, err)
               : lab_volume_create(vm->node, s, disk->vmid, name, format, disk->size, err))
        return -1;
    for (size_t i = 0; i < VF_COUNT(d->vms); i++)
        ignores |= d->vms[i].vmid == disk->vmid && d->vms[i].ignores_button;
    vf_autofree char *host = lab_volume_host_path(vm->node, disk->volume);
    if (!linked && lab_image_fill(host, format, disk->size, disk->data,
                                  (uint64_t)disk->vmid * 16 + strlen(disk->key), ignores, err))
        return -1;
    vf_autofree char *size = lab_format_size(disk->size);
    vf_autofree char *text = vf_asprintf("%s%s,size=%s", disk->volume, disk->options, size);
    lab_autojson json_t *props = lab_props_parse(text, "file");
    vf_autofree char *value = lab_props_print(props, "file");
    lab_vm_set(vm, disk->key, vf_starts(disk->key, "unused") ? disk->volume : value);
    return 0;
}

/* Executable files for hook scripts and cloud-init; beta has one only. */
static int add_snippets(struct lab *lab, struct vf_error **err)
{
    static const char *const names[] = {"hook.sh", "vendor.yaml"};
    static const char text[] = "#!/bin/sh\n";
    for (size_t i = 0; i < (vf_streq(lab->name, "alpha") ? 2 : 1); i++) {
        vf_autofree char *volid = vf_asprintf("local:snippets/%s", names[i]);
        vf_autofree char *path = lab_volume_host_path(&lab->nodes[0], volid);
        vf_autofree char *dir = vf_strndup(path, (size_t)(strrchr(path, '/') - path));
        if (vf_mkdirs(dir, 0755, err) || vf_replace_file(path, text, strlen(text), 0755, err))
            return -1;
    }
    return 0;
}

static int add_iso(struct lab *lab, const char *profile, struct vf_error **err)
{
    vf_autofree char *path = lab_volume_host_path(&lab->nodes[0], "local:iso/tiny.iso");
    vf_autofree char *zeros = vf_xcalloc(1, MB);
    memcpy(zeros + 32769, "CD001", 5);
    if (vf_replace_file(path, zeros, MB, 0644, err) || strcmp(profile, "captures"))
        return err && *err ? -1 : 0;
    vf_autofree char *dir = vf_asprintf("%s/vz/import", lab->nodes[0].dir);
    vf_autofree char *image = vf_asprintf("%s/tiny.qcow2", dir);
    return vf_mkdirs(dir, 0755, err) || vf_replace_file(image, zeros, MB, 0644, err) ? -1 : 0;
}

/* What ties VMs of alpha to their cluster: 105 is highly available, 103 has a snapshot. */
static void add_ties(struct lab *lab)
{
    json_object_set_new(lab->ha, "vm:105",
                        json_pack("{s:s, s:s, s:s, s:s}", "sid", "vm:105", "type", "vm", "state",
                                  "stopped", "digest", "0000000000000000000000000000000000000000"));
    lab_vm_snapshot(lab_vm_find(lab, 103), "before-update");
}

static void add_many(struct lab *lab)
{
    for (int i = 0; i < MANY; i++) {
        struct lab_vm *vm =
            lab_vm_add(lab, &lab->nodes[(size_t)i % lab->n_nodes], MANY_FIRST + i, false);
        vf_autofree char *conf = vf_asprintf("name: vm%d\nmemory: 256\nboot: order=net0\n"
                                             "net0: virtio=02:AA:00:00:%02X:%02X,bridge=vmbr0\n",
                                             i, i >> 8, i & 255);
        read_conf(vm, conf);
    }
}

int lab_demo_fill(struct lab *lab, const char *profile, struct vf_error **err)
{
    const struct demo *d = find_demo(lab, profile);
    if (!d)
        return vf_fail(err, VF_E_USAGE, "there is no profile '%s'", profile);
    if (add_iso(lab, profile, err) || (!strcmp(profile, "demo") && add_snippets(lab, err)))
        return -1;
    for (size_t i = 0; i < VF_COUNT(d->vms) && d->vms[i].vmid; i++) {
        const struct demo_vm *v = &d->vms[i];
        struct lab_vm *vm = lab_vm_add(lab, &lab->nodes[v->node], v->vmid, v->lxc);
        vf_autofree char *gen = vf_random_hex(16);
        vf_autofree char *genid =
            vf_asprintf("%.8s-%.4s-%.4s-%.4s-%.12s", gen, gen + 8, gen + 12, gen + 16, gen + 20);
        read_conf(vm, v->conf);
        vf_str_set(&vm->pool, v->pool);
        if (!v->lxc) {
            lab_vm_set(vm, "meta", "creation-qemu=7.2.22,ctime=1795235193");
            lab_vm_set(vm, "vmgenid", genid);
        }
    }
    if (vf_streq(profile, "many") && vf_streq(lab->name, "alpha"))
        add_many(lab);
    for (size_t i = 0; i < VF_COUNT(d->disks) && d->disks[i].vmid; i++)
        if (add_disk(lab, d, &d->disks[i], err))
            return -1;
    if (vf_streq(profile, "demo") && vf_streq(lab->name, "alpha"))
        add_ties(lab);
    for (size_t i = 0; i < VF_COUNT(d->vms) && d->vms[i].vmid; i++)
        if (d->vms[i].run && lab_boot_vm(lab_vm_find(lab, d->vms[i].vmid), err))
            return -1;
    return 0;
}
