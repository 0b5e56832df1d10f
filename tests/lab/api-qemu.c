/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls below /nodes/{node}/qemu. */
#include "config.h"
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include "tests/lab/lab.h"

struct lab_vm *lab_the_vm(struct lab_call *c)
{
    int id = lab_int(lab_param(c, "vmid"));
    struct lab_vm *vm = lab_vm_find(c->lab, id);
    if (vm && vm->node == c->node && !vm->lxc)
        return vm;
    lab_die(c, 500, "Configuration file 'nodes/%s/qemu-server/%d.conf' does not exist",
            c->node->name, id);
    return NULL;
}

json_t *lab_vm_status(const struct lab_vm *vm, enum lab_view view)
{
    bool up = vm->running || vm->incoming;
    const char *name = lab_vm_get(vm, "name"), *tags = lab_vm_get(vm, "tags");
    json_int_t cpus = lab_vm_num(vm, "cores", 1) * lab_vm_num(vm, "sockets", 1);
    json_int_t mem = lab_vm_num(vm, "memory", 512) << 20;
    json_t *j = json_pack(
        "{s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:i, s:i, s:i, s:i, s:i}", "vmid", vm->vmid,
        "name", name ? name : "VM", "status", up ? "running" : "stopped", "maxmem", mem, "mem",
        (json_int_t)(up ? 16 << 20 : 0), "maxdisk", (json_int_t)lab_vm_bootdisk_size(vm), "uptime",
        (json_int_t)(up ? (vf_clock_ms() - vm->started) / 1000 : 0), "cpu", up ? 0.01 : 0.0, "disk",
        0, "diskread", 0, "diskwrite", 0, "netin", 0, "netout", 0);
    if (!up)
        json_object_set_new(j, "cpu", json_integer(0));
    if (tags)
        json_object_set_new(j, "tags", json_string(tags));
    if (view == LAB_VIEW_RESOURCE) {
        json_object_set_new(j, "maxcpu", json_integer(cpus));
        json_object_set_new(j, "template", json_integer(lab_vm_num(vm, "template", 0)));
        json_object_set_new(j, "type", json_string(vm->lxc ? "lxc" : "qemu"));
        json_object_set_new(j, "node", json_string(vm->node->name));
        vf_autofree char *id = vf_asprintf("%s/%d", vm->lxc ? "lxc" : "qemu", vm->vmid);
        json_object_set_new(j, "id", json_string(id));
        return j;
    }
    json_object_set_new(j, "cpus", json_integer(cpus));
    if (up) {
        json_object_set_new(j, "pid", json_integer(vm->qemu));
        if (lab_vm_get(vm, "serial0"))
            json_object_set_new(j, "serial", json_integer(1));
    }
    if (lab_vm_get(vm, "lock"))
        json_object_set_new(j, "lock", json_string(lab_vm_get(vm, "lock")));
    if (lab_vm_num(vm, "template", 0))
        json_object_set_new(j, "template", json_integer(1));
    return j;
}

static json_t *list_vms(struct lab_call *c, bool lxc)
{
    json_t *out = json_array();
    for (size_t i = 0; i < c->lab->n_vms; i++) {
        const struct lab_vm *vm = c->lab->vms[i];
        if (!vm->gone && lab_may_at(c, "VM.Audit", "/vms/%d", vm->vmid) && vm->node == c->node &&
            vm->lxc == lxc)
            json_array_append_new(out, lab_vm_status(vm, LAB_VIEW_LIST));
    }
    return out;
}

static json_t *get_qemu(struct lab_call *c)
{
    return list_vms(c, false);
}

static json_t *get_lxc(struct lab_call *c)
{
    json_t *out = list_vms(c, true), *j;
    size_t i;
    json_array_foreach (out, i, j)
        json_object_set_new(j, "type", json_string("lxc"));
    return out;
}

/* "scsi0" -> what QEMU counted for it. */
static json_t *blockstat(struct lab_vm *vm)
{
    lab_autojson json_t *all = lab_qmp(vm, "query-blockstats", NULL);
    json_t *out = json_object(), *e;
    size_t i;
    json_array_foreach (all, i, e) {
        const char *node = json_string_value(json_object_get(e, "node-name"));
        if (node && vf_starts(node, "drive-"))
            json_object_set(out, node + strlen("drive-"), json_object_get(e, "stats"));
    }
    return out;
}

static json_int_t sum(json_t *stats, const char *counter)
{
    json_int_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach (stats, key, v)
        n += json_integer_value(json_object_get(v, counter));
    return n;
}

static json_t *get_current(struct lab_call *c)
{
    struct lab_vm *vm = lab_the_vm(c);
    if (!vm)
        return NULL;
    json_t *j = lab_vm_status(vm, LAB_VIEW_LIST), *v;
    const char *agent = lab_vm_get(vm, "agent"), *key;
    vf_autofree char *sid = vf_asprintf("vm:%d", vm->vmid);
    json_object_set_new(j, "ha", json_pack("{s:b}", "managed", 0));
    json_object_set_new(json_object_get(j, "ha"), "managed",
                        json_integer(json_object_get(c->lab->ha, sid) != NULL));
    if (agent && agent[0] == '1')
        json_object_set_new(j, "agent", json_integer(1));
    if (!vm->running) {
        json_object_set_new(j, "qmpstatus", json_string(vm->incoming ? "inmigrate" : "stopped"));
        return j;
    }
    lab_autojson json_t *q = lab_qmp(vm, "query-status", NULL);
    const char *status = json_string_value(json_object_get(q, "status"));
    json_object_set_new(j, "qmpstatus", json_string(status ? status : "running"));
    json_object_set_new(j, "running-machine", json_string("pc-i440fx-7.2"));
    json_object_set_new(j, "running-qemu", json_string("7.2.22"));
    json_object_set_new(j, "proxmox-support", json_object());
    json_t *stats = blockstat(vm);
    json_object_set_new(j, "blockstat", stats);
    json_object_set_new(j, "diskread", json_integer(sum(stats, "rd_bytes")));
    json_object_set_new(j, "diskwrite", json_integer(sum(stats, "wr_bytes")));
    json_t *nics = json_object();
    json_object_foreach (vm->conf, key, v)
        if (vf_starts(key, "net")) {
            vf_autofree char *tap = vf_asprintf("tap%di%s", vm->vmid, key + 3);
            json_object_set_new(nics, tap, json_pack("{s:i, s:i}", "netin", 0, "netout", 0));
        }
    json_object_set_new(j, "nics", nics);
    return j;
}

static json_t *get_config(struct lab_call *c)
{
    struct lab_vm *vm = lab_the_vm(c);
    const char *snapshot = lab_param(c, "snapshot");
    json_t *then = vm && snapshot ? json_object_get(vm->snapshots, snapshot) : NULL;
    if (vm && snapshot && !then)
        return lab_die(c, 500, "snapshot '%s' does not exist", snapshot);
    if (then)
        return json_incref(then);
    return vm ? lab_vm_config(vm, lab_flag(c, "current", false)) : NULL;
}

static json_t *get_lxc_config(struct lab_call *c)
{
    struct lab_vm *vm = lab_vm_find(c->lab, lab_int(lab_param(c, "vmid")));
    if (vm && vm->node == c->node && vm->lxc)
        return lab_vm_config(vm, true);
    return lab_die(c, 500, "Configuration file 'nodes/%s/lxc/%s.conf' does not exist",
                   c->node->name, lab_param(c, "vmid"));
}

static json_t *get_pending(struct lab_call *c)
{
    struct lab_vm *vm = lab_the_vm(c);
    return vm ? lab_vm_pending(vm) : NULL;
}

static json_t *get_snapshots(struct lab_call *c)
{
    struct lab_vm *vm = lab_the_vm(c);
    if (!vm)
        return NULL;
    vf_autofree char *digest = lab_vm_digest(vm);
    json_t *out = json_array(), *then;
    const char *name, *parent = lab_vm_get(vm, "parent");
    json_object_foreach (vm->snapshots, name, then) {
        const char *when = json_string_value(json_object_get(then, "snaptime"));
        json_array_append_new(out, json_pack("{s:s, s:s, s:I, s:i, s:s*}", "name", name,
                                             "description", "", "snaptime", (json_int_t)atoll(when),
                                             "vmstate", 0, "parent",
                                             json_string_value(json_object_get(then, "parent"))));
    }
    json_array_append_new(out, json_pack("{s:s, s:i, s:s, s:s, s:s*}", "name", "current", "running",
                                         vm->running, "description", "You are here!", "digest",
                                         digest, "parent", parent));
    return out;
}

static json_t *ask_agent(struct lab_call *c, json_t *(*answer)(const struct lab_vm *vm))
{
    struct lab_vm *vm = lab_the_vm(c);
    if (!vm)
        return NULL;
    const char *agent = lab_vm_get(vm, "agent");
    if (!vm->running)
        return lab_die(c, 500, "VM %d is not running", vm->vmid);
    if (!agent || agent[0] != '1')
        return lab_die(c, 500, "No QEMU guest agent configured");
    json_t *said = answer ? answer(vm) : NULL;
    return said ? said : lab_die(c, 500, "QEMU guest agent is not running");
}

static json_t *get_agent(struct lab_call *c)
{
    return ask_agent(c, NULL);
}

static json_t *get_interfaces(struct lab_call *c)
{
    return ask_agent(c, lab_guest_interfaces);
}

/* `ctl extra vms.ID.agent true` makes it answer. */
static json_t *get_agent_info(struct lab_call *c)
{
    const struct lab_vm *vm = lab_vm_find(c->lab, lab_int(lab_param(c, "vmid")));
    if (vm && json_is_true(json_object_get(lab_extra_vm(c->lab, vm->vmid), "agent")))
        return json_pack("{s:{s:s}}", "result", "version", "8.2.0");
    return get_agent(c);
}

static json_t *put_config(struct lab_call *c)
{
    struct lab_vm *vm = lab_the_vm(c);
    if (vm)
        lab_vm_update(c, vm, false);
    return NULL;
}

static int nothing_left(struct lab_task *t, struct vf_error **err)
{
    return 0;
}

static json_t *post_config(struct lab_call *c)
{
    struct lab_vm *vm = lab_the_vm(c);
    if (!vm || lab_vm_update(c, vm, false))
        return NULL;
    return lab_task_start(c, c->node, vm, "qmconfig", lab_param(c, "vmid"), NULL, nothing_left);
}

static int run_start(struct lab_task *t, struct vf_error **err)
{
    struct lab_vm *vm = t->vm;
    const char *key, *lock = lab_vm_get(vm, "lock");
    json_t *v;
    if (lab_vm_num(vm, "template", 0))
        return vf_fail(err, VF_E_CONFLICT, "you can't start a vm if it's a template");
    if (lock)
        return vf_fail(err, VF_E_CONFLICT, "VM is locked (%s)", lock);
    if (vm->running || vm->starting)
        return vf_fail(err, VF_E_CONFLICT, "VM %d already running", vm->vmid);
    json_object_foreach (vm->conf, key, v) {
        if (!vf_starts(key, "net") || !(key[3] >= '0' && key[3] <= '9'))
            continue;
        lab_autojson json_t *props = lab_props_parse(json_string_value(v), "model");
        const char *bridge = json_string_value(json_object_get(props, "bridge"));
        bool there = !bridge;
        size_t i;
        json_t *b;
        json_array_foreach (vm->node->bridges, i, b)
            there |= vf_streq(json_string_value(b), bridge);
        if (there)
            continue;
        lab_task_log(t, "bridge '%s' does not exist", bridge);
        lab_task_log(t,
                     "kvm: -netdev "
                     "type=tap,id=%s,ifname=tap%di%s,script=/usr/libexec/qemu-server/pve-bridge,"
                     "downscript=/usr/libexec/qemu-server/pve-bridgedown: network script "
                     "/usr/libexec/qemu-server/pve-bridge failed with status 512",
                     key, vm->vmid, key + 3);
        return vf_fail(err, VF_E_CONFLICT, "start failed: QEMU exited with code 1");
    }
    return lab_qemu_start(vm, t, err);
}

static int run_stop(struct lab_task *t, struct vf_error **err)
{
    struct lab_vm *vm = t->vm;
    if (lab_vm_get(vm, "lock"))
        return vf_fail(err, VF_E_CONFLICT, "VM is locked (%s)", lab_vm_get(vm, "lock"));
    vm->incoming = false;
    if (!vm->running && !vm->starting)
        return 0;
    json_t *r = lab_qmp(vm, "quit", NULL);
    json_decref(r);
    if (lab_qemu_wait_stopped(vm, 5000))
        return 0;
    kill(vm->qemu, SIGKILL);
    return lab_qemu_wait_stopped(vm, LAB_PATIENCE)
               ? 0
               : vf_fail(err, VF_E_INTERNAL, "VM still running");
}

static int run_shutdown(struct lab_task *t, struct vf_error **err)
{
    struct lab_vm *vm = t->vm;
    int64_t seconds = json_integer_value(json_object_get(t->args, "timeout"));
    if (!vm->running && !vm->starting)
        return vf_fail(err, VF_E_CONFLICT, "VM %d not running", vm->vmid);
    /* pressed again and again: a guest that is still booting does not notice */
    int64_t left = seconds * 1000;
    do {
        json_t *r = lab_qmp(vm, "system_powerdown", NULL);
        json_decref(r);
        if (lab_qemu_wait_stopped(vm, left < 1000 ? left : 1000))
            return 0;
        left -= 1000;
    } while (left > 0);
    if (json_is_true(json_object_get(t->args, "force"))) {
        lab_task_log(t, "VM quit/powerdown failed - terminating now with SIGTERM");
        return run_stop(t, err);
    }
    return vf_fail(err, VF_E_NET, "VM quit/powerdown failed - got timeout");
}

static json_t *power(struct lab_call *c, const char *type,
                     int (*run)(struct lab_task *t, struct vf_error **err))
{
    struct lab_vm *vm = lab_the_vm(c);
    const char *timeout = lab_param(c, "timeout");
    if (!vm)
        return NULL;
    json_t *by_ha = lab_ha_power(c, vm, run == run_start);
    if (by_ha)
        return by_ha;
    json_t *args = json_pack("{s:I, s:b}", "timeout", (json_int_t)(timeout ? atoll(timeout) : 180),
                             "force", (int)lab_flag(c, "forceStop", false));
    return lab_task_start(c, c->node, vm, type, lab_param(c, "vmid"), args, run);
}

static json_t *post_start(struct lab_call *c)
{
    return power(c, "qmstart", run_start);
}

static json_t *post_stop(struct lab_call *c)
{
    return power(c, "qmstop", run_stop);
}

static json_t *post_shutdown(struct lab_call *c)
{
    return power(c, "qmshutdown", run_shutdown);
}

static int run_create(struct lab_task *t, struct vf_error **err)
{
    lab_vm_set(t->vm, "lock", NULL);
    if (json_is_true(json_object_get(t->args, "start"))) {
        vf_autoerror struct vf_error *ignored = NULL; /* such a create still ends OK */
        run_start(t, &ignored);
    }
    return 0;
}

static char *new_uuid(void)
{
    vf_autofree char *h = vf_random_hex(16);
    return vf_asprintf("%.8s-%.4s-4%.3s-a%.3s-%.12s", h, h + 8, h + 13, h + 17, h + 20);
}

static void create_defaults(struct lab_vm *vm)
{
    vf_autofree char *uuid = new_uuid(), *gen = new_uuid();
    vf_autofree char *smbios = vf_asprintf("uuid=%s", uuid);
    vf_autofree char *meta =
        vf_asprintf("creation-qemu=7.2.22,ctime=%lld", (long long)vf_clock_unix());
    const char *key;
    json_t *v;
    if (!lab_vm_get(vm, "smbios1"))
        lab_vm_set(vm, "smbios1", smbios);
    if (!lab_vm_get(vm, "vmgenid"))
        lab_vm_set(vm, "vmgenid", gen);
    if (vm->node->lab->version >= 7000)
        lab_vm_set(vm, "meta", meta);
    if (!lab_vm_get(vm, "boot")) {
        vf_autofree char *order = NULL;
        json_object_foreach (vm->conf, key, v)
            if (!order && lab_is_disk_key(key) && !strstr(json_string_value(v), "media=cdrom"))
                order = vf_asprintf("order=%s", key);
        lab_vm_set(vm, "boot", order ? order : " ");
    }
}

static json_t *post_qemu(struct lab_call *c)
{
    int id = lab_int(lab_param(c, "vmid"));
    struct lab_vm *vm = lab_vm_find(c->lab, id);
    const char *pool = lab_param(c, "pool");
    if (!lab_may_at(c, "VM.Allocate", "/vms/%d", id) &&
        !(pool && lab_may_at(c, "VM.Allocate", "/pool/%s", pool)))
        return lab_die(c, 403, "Permission check failed");
    if (vm)
        return lab_die(c, 500, "unable to create VM %d - VM %d already exists on node '%s'", id, id,
                       vm->node->name);
    if (pool && !json_object_get(c->lab->pools, pool))
        return lab_die(c, 500, "no such pool '%s'", pool);
    vm = lab_vm_add(c->lab, c->node, id, false);
    if (lab_vm_update(c, vm, true)) {
        vm->gone = true;
        return NULL;
    }
    create_defaults(vm);
    vf_str_set(&vm->pool, pool);
    vm->created = vf_clock_ms();
    lab_vm_set(vm, "lock", "create");
    return lab_task_start(c, c->node, vm, "qmcreate", lab_param(c, "vmid"),
                          json_pack("{s:b}", "start", (int)lab_flag(c, "start", false)),
                          run_create);
}

/* Frees the images of VM that it names and that carry its number. */
static void free_disks(struct lab_vm *vm, bool unreferenced)
{
    const char *key;
    json_t *v;
    vf_autofree char *mine = vf_asprintf(":%d/", vm->vmid);
    vf_autofree char *linked = vf_asprintf("/%d/", vm->vmid);
    json_object_foreach (vm->conf, key, v) {
        lab_autojson json_t *props = lab_props_parse(json_string_value(v), "file");
        const char *file = json_string_value(json_object_get(props, "file"));
        if ((lab_is_disk_key(key) || vf_starts(key, "unused")) && file &&
            (strstr(file, mine) || strstr(file, linked)))
            lab_volume_delete(vm->node, file, NULL);
    }
    for (size_t i = 0; unreferenced && i < vm->node->lab->n_storages; i++) {
        lab_autojson json_t *list =
            lab_volume_list(vm->node, &vm->node->lab->storages[i], vm->vmid, "images");
        size_t n;
        json_array_foreach (list, n, v)
            lab_volume_delete(vm->node, json_string_value(json_object_get(v, "volid")), NULL);
    }
}

static int run_destroy(struct lab_task *t, struct vf_error **err)
{
    struct lab_vm *vm = t->vm;
    if (vm->running)
        return vf_fail(err, VF_E_CONFLICT, "VM %d is running - destroy failed", vm->vmid);
    free_disks(vm, json_is_true(json_object_get(t->args, "unreferenced")));
    vf_autofree char *sid = vf_asprintf("vm:%d", vm->vmid);
    json_object_del(t->lab->ha, sid); /* with purge=1 */
    lab_extra_forget(t->lab, vm->vmid);
    vm->gone = true;
    return 0;
}

static json_t *delete_vm(struct lab_call *c)
{
    struct lab_vm *vm = lab_the_vm(c);
    if (!vm)
        return NULL;
    const char *lock = lab_vm_get(vm, "lock");
    vf_autofree char *sid = vf_asprintf("vm:%d", vm->vmid);
    if (json_object_get(c->lab->ha, sid) && !lab_flag(c, "purge", false))
        return lab_die(c, 500,
                       "unable to remove VM %d - used in HA resources and purge parameter not set.",
                       vm->vmid);
    if (lab_vm_num(vm, "protection", 0))
        return lab_die(c, 500, "can't remove VM %d - protection mode enabled", vm->vmid);
    if (vm->running || vm->starting || vm->incoming)
        return lab_die(c, 500, "VM %d is running - destroy failed", vm->vmid);
    if (lock)
        return lab_die(c, 500, "VM is locked (%s)", lock);
    return lab_task_start(
        c, c->node, vm, "qmdestroy", lab_param(c, "vmid"),
        json_pack("{s:b}", "unreferenced", (int)lab_flag(c, "destroy-unreferenced-disks", false)),
        run_destroy);
}

int lab_boot_vm(struct lab_vm *vm, struct vf_error **err)
{
    struct lab_task t = {.lab = vm->node->lab, .node = vm->node, .vm = vm};
    int r = run_start(&t, err);
    vf_strv_free(t.log);
    return r;
}

int lab_power_vm(struct lab_vm *vm, bool on, struct vf_error **err)
{
    struct lab *lab = vm->node->lab;
    struct lab_user root = {.name = "root@pam"};
    struct lab_call c = {.lab = lab, .node = vm->node, .user = &root};
    vf_autofree char *id = vf_asprintf("%d", vm->vmid);
    lab_autojson json_t *upid = lab_task_start(&c, vm->node, vm, on ? "qmstart" : "qmstop", id,
                                               NULL, on ? run_start : run_stop);
    const struct lab_task *t = lab_task_find(lab, json_string_value(upid));
    while (!t->end)
        pthread_cond_wait(&lab->changed, &lab->lock);
    return vf_streq(t->exit, "OK") ? 0 : vf_fail(err, VF_E_CONFLICT, "%s", t->exit);
}

#define VM "/nodes/{node}/qemu/{vmid}"
#define ANY_CONFIG                                                                                 \
    "/vms/{vmid}:VM.Config.Disk|VM.Config.CDROM|VM.Config.CPU|VM.Config.Memory|"                   \
    "VM.Config.Network|VM.Config.HWType|VM.Config.Options|VM.Config.Cloudinit"
const struct lab_route lab_routes_qemu[] = {
    {"GET", "/nodes/{node}/qemu", get_qemu, NULL},
    {"GET", "/nodes/{node}/lxc", get_lxc, NULL},
    {"POST", "/nodes/{node}/qemu", post_qemu, NULL},
    {"DELETE", VM, delete_vm, "/vms/{vmid}:VM.Allocate"},
    {"GET", "/nodes/{node}/lxc/{vmid}/config", get_lxc_config, "/vms/{vmid}:VM.Audit"},
    {"GET", VM "/config", get_config, "/vms/{vmid}:VM.Audit"},
    {"PUT", VM "/config", put_config, ANY_CONFIG},
    {"POST", VM "/config", post_config, ANY_CONFIG},
    {"GET", VM "/pending", get_pending, "/vms/{vmid}:VM.Audit"},
    {"GET", VM "/snapshot", get_snapshots, "/vms/{vmid}:VM.Audit"},
    {"GET", VM "/agent/info", get_agent_info, "/vms/{vmid}:VM.Monitor|VM.GuestAgent.Audit"},
    {"GET", VM "/agent/network-get-interfaces", get_interfaces,
     "/vms/{vmid}:VM.Monitor|VM.GuestAgent.Audit"},
    {"GET", VM "/status/current", get_current, "/vms/{vmid}:VM.Audit"},
    {"POST", VM "/status/start", post_start, "/vms/{vmid}:VM.PowerMgmt"},
    {"POST", VM "/status/stop", post_stop, "/vms/{vmid}:VM.PowerMgmt"},
    {"POST", VM "/status/shutdown", post_shutdown, "/vms/{vmid}:VM.PowerMgmt"},
    {NULL, NULL, NULL, NULL},
};
