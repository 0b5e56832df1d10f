/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a provider does to VMs and volumes, at Proxmox VE. */
#include "config.h"
#include "base/str.h"
#include "provider/pve/pve.h"
#include "provider/pve/vmconfig.h"
#include "tests/unit/pve-fixture.h"
#include "tests/unit/tap.h"

#include <signal.h>

/* ------------------------------------------------------------------ operations */

static void test_describe(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"GET", "/cluster/resources?type=vm", NULL,
         "{\"data\":[{\"type\":\"qemu\",\"vmid\":100,\"node\":\"a1\",\"name\":\"web1\",\"status\":"
         "\"running\","
         "\"maxmem\":268435456,\"template\":0,\"pool\":\"labpool\"},"
         "{\"type\":\"lxc\",\"vmid\":103,\"node\":\"a1\",\"name\":\"ct\",\"status\":\"running\"},"
         "{\"type\":\"qemu\",\"vmid\":104,\"node\":\"a1\",\"status\":\"unknown\"},"
         "{\"type\":\"qemu\",\"vmid\":105,\"node\":\"a1\",\"name\":\"changed\",\"status\":"
         "\"running\"}]}",
         NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu", NULL,
         "{\"data\":[{\"vmid\":104,\"name\":\"fresh\",\"status\":\"stopped\",\"maxmem\":1}]}", NULL,
         0, 0, false},
        {"GET", "/nodes/a1/qemu/100/config?current=1", NULL,
         "{\"data\":{\"name\":\"web1\",\"memory\":\"256\",\"digest\":\"c79e\",\"scsi0\":"
         "\"local:100/vm-100-disk-0.qcow2,size=64M\"}}",
         NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/100/pending", NULL,
         "{\"data\":[{\"key\":\"memory\",\"value\":\"256\"}]}", NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/100/status/current", NULL,
         "{\"data\":{\"status\":\"running\",\"qmpstatus\":\"running\",\"ha\":{\"managed\":1}}}",
         NULL, 0, 0, false},
        {"GET", "/nodes/a1/storage/local/content/local%3A100%2Fvm-100-disk-0.qcow2", NULL,
         "{\"data\":{\"format\":\"qcow2\",\"used\":331776,\"size\":67108864,\"path\":\"/var/lib/vz/"
         "images/100/"
         "vm-100-disk-0.qcow2\"}}",
         NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/105/config?current=1", NULL, "{\"data\":{\"name\":\"changed\"}}",
         NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/105/pending", NULL,
         "{\"data\":[{\"key\":\"memory\",\"value\":\"256\",\"pending\":\"512\"},{\"key\":\"vga\","
         "\"delete\":1,"
         "\"value\":\"std\"}]}",
         NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/105/status/current", NULL, "{\"data\":{\"status\":\"running\"}}",
         NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    struct vf_vm **vms = NULL;
    size_t n = 0;
    ok(p->ops->vms(p, &vms, &n, &err) == 0 && n == 4 && vms[1]->container && !vms[2]->container,
       "VMs and a container");
    is_str(vms[2]->name, "fresh", "a new VM's name is looked up at its node");
    ok(vms[2]->state == VF_VM_STOPPED && vms[0]->state == VF_VM_RUNNING, "states");
    vf_vms_free(vms, n);

    struct vf_vm *vm = p->ops->describe(p, 100, &err);
    ok(vm != NULL, "describe: %s", err ? err->text : "done");
    if (vm) {
        ok(vm->state == VF_VM_RUNNING && vm->n_disks == 1 && vm->disks[0].size == 67108864 &&
               vm->disks[0].used == 331776,
           "state and true size");
        is_str(vm->disks[0].path, "/var/lib/vz/images/100/vm-100-disk-0.qcow2", "path");
    }
    vf_vm_free(vm);
    ok(!p->ops->describe(p, 103, &err), "a container");
    is_error(&err, VF_E_UNSUPPORTED, "VM 103 (ct): it is a container", "is refused");
    vm = p->ops->describe(p, 105, &err);
    ok(vm && vm->n_left_out == 2 && vm->left_out[0].stop && vm->left_out[1].stop,
       "waiting changes stop: %s", err ? err->text : "both");
    if (vm && vm->n_left_out == 2) {
        is_str(vm->left_out[0].what, "memory: 256, after the next start 512", "named with values");
        is_str(vm->left_out[1].what, "vga: std, after the next start not set", "deletions too");
        ok(strstr(vm->left_out[0].why, "qm set 105 --revert memory") != NULL, "with the cure");
    }
    vf_vm_free(vm);
    ok(!p->ops->describe(p, 999, &err), "no such VM");
    is_error(&err, VF_E_NOTFOUND, "there is no VM 999", "is said");
    vf_provider_free(p);
    drop(&f);
}

static void test_lists(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"GET", "/nodes", NULL,
         "{\"data\":[{\"node\":\"a1\",\"status\":\"online\",\"maxmem\":1000,\"mem\":400},{\"node\":"
         "\"a2\","
         "\"status\":\"offline\"}]}",
         NULL, 0, 0, false},
        {"GET", "/cluster/status", NULL,
         "{\"data\":[{\"type\":\"cluster\",\"name\":\"a1\"},{\"type\":\"node\",\"name\":\"a1\","
         "\"ip\":"
         "\"10.0.0.1\"}]}",
         NULL, 0, 0, false},
        {"GET", "/nodes/a1/storage", NULL,
         "{\"data\":[{\"storage\":\"local\",\"type\":\"dir\",\"content\":\"iso,images\",\"active\":"
         "1,"
         "\"enabled\":1,\"total\":270553174016,\"avail\":70168911872,\"shared\":0},"
         "{\"storage\":\"iso\",\"type\":\"nfs\",\"content\":\"iso\",\"active\":0,\"enabled\":1,"
         "\"shared\":1},"
         "{\"storage\":\"tank\",\"type\":\"zfspool\",\"content\":\"images,rootdir\",\"active\":1,"
         "\"enabled\":1}]}",
         NULL, 0, 0, false},
        {"GET", "/storage", NULL,
         "{\"data\":[{\"storage\":\"local\",\"path\":\"/var/lib/vz\",\"format\":\"qcow2\"}]}", NULL,
         0, 0, false},
        {"GET", "/nodes/a1/network?type=any_bridge", NULL,
         "{\"data\":[{\"iface\":\"vmbr0\",\"type\":\"bridge\",\"bridge_vlan_aware\":1},{\"iface\":"
         "\"vmbr1\","
         "\"type\":\"bridge\"}]}",
         NULL, 0, 0, false},
        {"GET", "/cluster/sdn/vnets", NULL, "{\"data\":[{\"vnet\":\"blue\"}]}", NULL, 0, 0, false},
        {"GET", "/cluster/options", NULL, "{\"data\":{\"mac_prefix\":\"BC:24:11\"}}", NULL, 0, 0,
         false},
        {"GET", "/cluster/nextid?vmid=100", "400 Parameter verification failed.",
         "{\"errors\":{\"vmid\":\"VM 100 already exists\"},\"message\":\"Parameter verification "
         "failed.\\n\",\"data\":null}",
         NULL, 0, 0, false},
        {"GET", "/cluster/nextid?vmid=200", NULL, "{\"data\":\"200\"}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    struct vf_node *nodes;
    struct vf_storage *st;
    struct vf_bridge *br;
    size_t n;
    ok(p->ops->nodes(p, &nodes, &n, &err) == 0 && n == 2, "nodes");
    is_str(nodes[0].address, "10.0.0.1", "address");
    ok(nodes[0].online && !nodes[1].online && !nodes[1].address && nodes[0].memory_used == 400,
       "fields");
    vf_nodes_free(nodes, n);
    ok(p->ops->storages(p, "a1", &st, &n, &err) == 0 && n == 3, "storages");
    is_str(st[0].path, "/var/lib/vz", "path");
    vf_autofree char *formats = vf_strv_join(st[0].formats, " "),
                     *block = vf_strv_join(st[2].formats, " ");
    is_str(formats, "qcow2 raw vmdk", "formats, the configured one first");
    is_str(block, "raw", "block storage");
    ok(st[0].images && !st[1].images && !st[1].active && st[1].shared && st[0].avail == 70168911872,
       "fields");
    vf_storages_free(st, n);
    ok(p->ops->bridges(p, "a1", &br, &n, &err) == 0 && n == 3, "bridges and VNets");
    ok(vf_streq(br[0].name, "blue") && br[1].vlan_aware && !br[2].vlan_aware, "fields");
    vf_bridges_free(br, n);
    vf_autofree char *prefix = p->ops->mac_prefix(p);
    is_str(prefix, "BC:24:11", "MAC prefix");
    unsigned id = 0;
    ok(p->ops->free_id(p, 100, &id, &err) < 0, "a number in use");
    is_error(&err, VF_E_CONFLICT, "VM 100 already exists", "is a conflict");
    ok(p->ops->free_id(p, 200, &id, &err) == 0 && id == 200, "a free one");
    vf_provider_free(p);
    drop(&f);
}

#define CONTENT "/nodes/b1/storage/local/content"
#define VOL(n)  CONTENT "/local%3A200%2Fvm-200-disk-" n
#define STORAGE_STATUS                                                                             \
    {"GET", "/nodes/b1/storage/local/status",                                                      \
     NULL,  "{\"data\":{\"type\":\"dir\",\"content\":\"images,iso\"}}",                            \
     NULL,  0,                                                                                     \
     0,     false},                                                                                \
        {"GET", "/nodes/b1/storage/iso/status",                                                    \
         NULL,  "{\"data\":{\"type\":\"nfs\",\"content\":\"iso\"}}",                               \
         NULL,  0,                                                                                 \
         0,     false},                                                                            \
    {                                                                                              \
        "GET", "/nodes/b1/storage/tank/status", NULL,                                              \
            "{\"data\":{\"type\":\"zfspool\",\"content\":\"images\"}}", NULL, 0, 0, false          \
    }

#define LISTED "?content=images&vmid=200"
#define MAKING(name, size, used)                                                                   \
    "{\"data\":[{\"volid\":\"local:200/vm-200-disk-" name "\",\"size\":" size ",\"used\":" used    \
    "}]}"

/* pveproxy gives a request up after 30 s, and the node goes on with it. Steps of what is listed are
 * longer than what counts as settled. */
static void test_allocate_late(void)
{
    enum { LOOKS = 12, SETTLED_MS = 40, POSTED = 5 }; /* the row of the POST */
    static const struct route qcow2[] = {
        LOGIN,
        API_VERSION,
        STORAGE_STATUS,
        {"POST", CONTENT, "596 Connection timed out", "{\"data\":null}", "disk-0", 1, 0, false},
        {"GET", CONTENT LISTED, NULL, "{\"data\":[]}", NULL, LOOKS, 0, false},
        {"GET", CONTENT LISTED, NULL, MAKING("0.qcow2", "0", "262144"), NULL, LOOKS, 0, false},
        {"GET", CONTENT LISTED, "595 No route to host", "{\"data\":null}", NULL, 2, 0, false},
        {"GET", CONTENT LISTED, NULL, MAKING("0.qcow2", "1073741824", "263168"), NULL, 0, 0, false},
        {"GET", VOL("0.qcow2"), NULL,
         "{\"data\":{\"format\":\"qcow2\",\"size\":1073741824,\"path\":\"/x\"}}", NULL, 0, 0,
         false},
    };
    static const struct route raw[] = {
        LOGIN,
        API_VERSION,
        STORAGE_STATUS,
        {"POST", CONTENT, NULL, NULL, "disk-1", 1, 0, true},
        {"GET", CONTENT LISTED, NULL, MAKING("1.raw", "1073741824", "2097152"), NULL, LOOKS, 0,
         false},
        {"GET", CONTENT LISTED, NULL, MAKING("1.raw", "1073741824", "1073741824"), NULL, 0, 0,
         false},
        {"GET", VOL("1.raw"), NULL,
         "{\"data\":{\"format\":\"raw\",\"size\":1073741824,\"path\":\"/x\"}}", NULL, 0, 0, false},
    };
    static const struct route nothing[] = {
        LOGIN,
        API_VERSION,
        STORAGE_STATUS,
        {"POST", CONTENT, "596 Connection timed out", "{\"data\":null}", "disk-2", 1, 0, false},
        {"GET", CONTENT LISTED, NULL, MAKING("1.raw", "1073741824", "1073741824"), NULL, 0, 0,
         false},
    };
    static const struct {
        const struct route *routes;
        size_t n;
        unsigned number;
        const char *format, *made, *text;
    } rows[] = {
        {qcow2, VF_COUNT(qcow2), 0, "qcow2", "local:200/vm-200-disk-0.qcow2",
         "a volume that is made while nobody answers is waited for until it has its size"},
        {raw, VF_COUNT(raw), 1, "raw", "local:200/vm-200-disk-1.raw",
         "one that is filled, until it is full"},
        {nothing, VF_COUNT(nothing), 2, "raw", NULL, "one that does not appear is given up"},
    };
    for (size_t i = 0; i < VF_COUNT(rows); i++) {
        struct fixture f;
        struct vf_error *err = NULL;
        char *volume = NULL;
        serve(&f, rows[i].routes, rows[i].n);
        struct vf_provider *p = log_in(&f);
        vf_pve_of(p)->settled_ms = SETTLED_MS;
        vf_pve_of(p)->storage_ms = rows[i].made ? 60000 : 100;
        int r = p->ops->allocate(p, "b1", "local", 200, rows[i].number, rows[i].format, 1 << 30,
                                 &volume, &err);
        ok((r == 0) == (rows[i].made != NULL), "%s: %s", rows[i].text, err ? err->text : volume);
        if (rows[i].made)
            is_str(volume, rows[i].made, "it is the one that was asked for");
        else
            is_error(&err, VF_E_NET, "did not appear", "with the reason");
        unsigned looks = 0;
        pthread_mutex_lock(&f.cluster.lock);
        for (size_t k = POSTED + 1; k < rows[i].n; k++)
            looks += f.cluster.used[k] > 0;
        ok(f.cluster.used[POSTED] == 1, "it was asked for once");
        pthread_mutex_unlock(&f.cluster.lock);
        ok(looks == rows[i].n - POSTED - 1, "and looked at until then");
        vf_error_free(err);
        free(volume);
        vf_provider_free(p);
        drop(&f);
    }
}

static void test_allocate(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        STORAGE_STATUS,
        {"POST", CONTENT, NULL, "{\"data\":\"local:200/vm-200-disk-0.raw\"}",
         "vmid=200&filename=vm-200-disk-0.raw&size=65537&format=raw", 0, 0, false},
        {"GET", VOL("0.raw"), NULL,
         "{\"data\":{\"format\":\"raw\",\"size\":67109888,\"path\":\"/x\"}}", NULL, 0, 0, false},
        {"POST", CONTENT, NULL, "{\"data\":\"local:200/vm-200-disk-1.qcow2\"}", "disk-1.qcow2", 0,
         0, false},
        {"GET", VOL("1.qcow2"), NULL,
         "{\"data\":{\"format\":\"qcow2\",\"size\":1024,\"path\":\"/x\"}}", NULL, 0, 0, false},
        {"POST", CONTENT, "500 disk image '/x' already exists",
         "{\"message\":\"disk image '/x' already exists\\n\",\"data\":null}", "disk-2", 0, 0,
         false},
        {"POST", CONTENT, "500 x", "{\"message\":\"cannot allocate: No space left on device\\n\"}",
         "disk-3", 0, 0, false},
        {"POST", "/nodes/b1/storage/tank/content", NULL, "{\"data\":\"tank:vm-200-disk-0\"}",
         "filename=vm-200-disk-0&size=5", 0, 0, false},
        {"GET", "/nodes/b1/storage/tank/content/tank%3Avm-200-disk-0", NULL,
         "{\"data\":{\"format\":\"raw\",\"size\":8192,\"path\":\"/dev/zvol/tank/vm-200-disk-0\"}}",
         NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    char *volume = NULL;
    vf_autofree char *name = p->ops->volume_name(p, "b1", "local", 200, 0, "raw", &err);
    is_str(name, "local:200/vm-200-disk-0.raw", "the name a volume will get");
    vf_autofree char *block = p->ops->volume_name(p, "b1", "tank", 200, 0, "raw", &err);
    is_str(block, "tank:vm-200-disk-0", "on block storage");
    ok(p->ops->allocate(p, "b1", "local", 200, 0, "raw", 67108864 + 512, &volume, &err) == 0,
       "a size in KiB, rounded up: %s", err ? err->text : "made");
    is_str(volume, name, "the volume made");
    free(volume);
    ok(p->ops->allocate(p, "b1", "local", 200, 1, "qcow2", 1 << 30, &volume, &err) < 0 && !volume,
       "a volume of the wrong size");
    is_error(&err, VF_E_CORRUPT, "1024 bytes", "is noticed");
    ok(p->ops->allocate(p, "b1", "local", 200, 2, "raw", 1 << 20, &volume, &err) < 0,
       "one that is there");
    is_error(&err, VF_E_CONFLICT, "already exists", "is a conflict");
    ok(p->ops->allocate(p, "b1", "local", 200, 3, "raw", 1 << 20, &volume, &err) < 0,
       "a full storage");
    is_error(&err, VF_E_NOSPACE, "No space left", "is said");
    ok(p->ops->allocate(p, "b1", "tank", 200, 0, "raw", 5120, &volume, &err) == 0,
       "block storage rounds up");
    free(volume);
    volume = NULL;
    ok(p->ops->allocate(p, "b1", "tank", 200, 0, "qcow2", 4096, &volume, &err) < 0,
       "a format not taken");
    is_error(&err, VF_E_UNSUPPORTED, "takes no disks of format qcow2", "is refused");
    ok(p->ops->allocate(p, "b1", "iso", 200, 0, "raw", 4096, &volume, &err) < 0,
       "a storage for ISOs");
    is_error(&err, VF_E_UNSUPPORTED, "takes no VM disks", "is refused");
    vf_provider_free(p);
    drop(&f);
}

#define CONFIG_URL "/nodes/b1/qemu/200/config"
#define NOW(json)                                                                                  \
    {                                                                                              \
        "GET", CONFIG_URL, NULL, "{\"data\":{\"digest\":\"d1\"" json "}}", NULL, 1, 0, false       \
    }

static void test_attach(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"PUT", CONFIG_URL, NULL, "{\"data\":null}", NULL, 0, 0, false},
        NOW(),
        NOW(",\"scsi0\":\"local:200/vm-200-disk-0.raw,iothread=1,cache=none,size=64M\""),
        NOW(",\"scsi0\":\"local:200/vm-200-disk-0.raw,size=64M\""), /* a repeated step */
        NOW(",\"scsi0\":\"local:200/vm-200-disk-0.raw,cache=none,size=64M\""),
        NOW(",\"scsi0\":\"local:200/vm-200-disk-9.raw,size=64M\""),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    struct vf_disk d = {.slot = (char *)"scsi0", .volume = (char *)"local:200/vm-200-disk-0.raw"};
    vf_opts_set(&d.opts, "cache", "none");
    vf_opts_set(&d.opts, "iothread", "on");
    ok(p->ops->attach(p, "b1", 200, &d, &err) == 0, "attach: %s", err ? err->text : "done");
    ok(count(&f.cluster,
             "PUT " CONFIG_URL " scsi0=local%3A200%2Fvm-200-disk-0.raw%2Ccache%3Dnone%2C"
             "iothread%3Don&digest=d1\n") == 1,
       "with its options, on the configuration that was seen");
    ok(p->ops->attach(p, "b1", 200, &d, &err) < 0, "an option that does not stick");
    is_error(&err, VF_E_UNSUPPORTED, "iothread=on", "is noticed");
    ok(p->ops->attach(p, "b1", 200, &d, &err) < 0, "a slot that is taken");
    is_error(&err, VF_E_CONFLICT, "taken by local:200/vm-200-disk-9.raw", "is not overwritten");
    d.volume = (char *)"local:201/vm-201-disk-0.raw";
    ok(p->ops->attach(p, "b1", 200, &d, &err) < 0, "another VM's volume");
    is_error(&err, VF_E_CONFLICT, "belongs to VM 201", "is refused");
    ok(count(&f.cluster, "PUT") == 2, "without asking");
    vf_opts_free(&d.opts);
    vf_provider_free(p);
    drop(&f);
}

static void test_removal(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"GET", "/cluster/resources?type=vm", NULL,
         "{\"data\":[{\"type\":\"qemu\",\"vmid\":200,\"node\":\"b1\"}]}", NULL, 0, 0, false},
        {"GET", CONFIG_URL, NULL,
         "{\"data\":{\"scsi0\":\"local:200/vm-200-disk-0.raw,size=1G\",\"unused0\":"
         "\"local:200/vm-200-disk-1.raw\"}}",
         NULL, 0, 0, false},
        {"DELETE", VOL("10.raw"), NULL, "{\"data\":null}", NULL, 0, 0, false},
        {"DELETE", CONTENT "/local%3A300%2Fvm-300-disk-0.raw", NULL, "{\"data\":null}", NULL, 0, 0,
         false},
        {"DELETE", "/nodes/b1/qemu/200?purge=0&destroy-unreferenced-disks=0", NULL,
         "{\"data\":null}", NULL, 1, 0, false},
        {"DELETE", "/nodes/b1/qemu/200?purge=0&destroy-unreferenced-disks=0",
         "500 VM 200 is running - destroy failed", NULL, NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    ok(p->ops->free_volume(p, "b1", "local:200/vm-200-disk-0.raw", &err) < 0, "a volume in use");
    is_error(&err, VF_E_CONFLICT, "is scsi0 of VM 200", "is not deleted");
    ok(p->ops->free_volume(p, "b1", "local:200/vm-200-disk-1.raw", &err) < 0,
       "nor one that is detached");
    is_error(&err, VF_E_CONFLICT, "is unused0 of VM 200", "but named");
    ok(p->ops->free_volume(p, "b1", "local:iso/a.iso", &err) < 0, "nor one of nobody");
    is_error(&err, VF_E_UNSUPPORTED, "whose it is", "as is said");
    ok(count(&f.cluster, "DELETE") == 0, "nothing was asked for");
    ok(p->ops->free_volume(p, "b1", "local:200/vm-200-disk-10.raw", &err) == 0, "an unused one is");
    ok(p->ops->free_volume(p, "b1", "local:300/vm-300-disk-0.raw", &err) == 0,
       "and one of a VM that is gone");
    ok(p->ops->destroy(p, "b1", 200, &err) == 0, "a VM is removed");
    ok(p->ops->destroy(p, "b1", 200, &err) < 0, "but not while it runs");
    is_error(&err, VF_E_CONFLICT, "is running", "which is said");
    vf_provider_free(p);
    drop(&f);
}

static void test_writes(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"PUT", CONFIG_URL, "500 checksum mismatch (file change by other user?)", NULL,
         "digest=old", 0, 0, false},
        {"PUT", CONFIG_URL, NULL, "{\"data\":null}", NULL, 0, 0, false},
        {"POST", "/nodes/b1/qemu",
         "500 unable to create VM 200 - VM 200 already exists on node 'b1'", NULL, NULL, 0, 0,
         false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    ok(p->ops->describe_as(p, "b1", 200, "a=b;c+d\n", "old", &err) < 0,
       "a description on an old digest");
    is_error(&err, VF_E_CONFLICT, "checksum mismatch", "is a conflict");
    ok(p->ops->describe_as(p, "b1", 200, "a=b;c+d\n", "new", &err) == 0, "on the current one");
    ok(count(&f.cluster, "description=a%3Db%3Bc%2Bd%0A&digest=new\n") == 1, "every sign encoded");
    ok(p->ops->describe_as(p, "b1", 200, "", NULL, &err) == 0 &&
           count(&f.cluster, "delete=description\n"),
       "an empty description is deleted");
    char *boot[] = {(char *)"scsi0", (char *)"net0", NULL}, *none[] = {NULL};
    ok(p->ops->set_boot(p, "b1", 200, boot, &err) == 0 &&
           count(&f.cluster, "boot=order%3Dscsi0%3Bnet0\n"),
       "boot order");
    ok(p->ops->set_boot(p, "b1", 200, none, &err) == 0 && count(&f.cluster, "delete=boot\n"),
       "no boot order");
    vf_auto(vf_vm_free) struct vf_vm *vm = read_config("{\"name\":\"web1\"}", &err);
    vm->id = 200;
    vf_str_set(&vm->node, "b1");
    ok(p->ops->create(p, vm, &err) < 0, "a number that is taken");
    is_error(&err, VF_E_CONFLICT, "cannot create VM 200 (web1) on b1", "is a conflict");
    vf_provider_free(p);
    drop(&f);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_describe();
    test_lists();
    test_allocate();
    test_allocate_late();
    test_attach();
    test_removal();
    test_writes();
    return done_testing();
}
