/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls below /version, /cluster. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

static json_t *get_version(struct lab_call *c)
{
    const struct lab_version *v = lab_version(c->lab);
    return json_pack("{s:s, s:s, s:s}", "release", v->name, "repoid", v->repoid, "version",
                     v->release);
}

static json_t *get_cluster_status(struct lab_call *c)
{
    json_t *out = json_array();
    if (c->lab->n_nodes > 1)
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:i, s:i, s:i}", "type", "cluster",
                                             "id", "cluster", "name", c->lab->name, "nodes",
                                             (int)c->lab->n_nodes, "quorate", !c->lab->no_quorum,
                                             "version", 2));
    for (size_t i = 0; i < c->lab->n_nodes; i++) {
        const struct lab_node *n = &c->lab->nodes[i];
        vf_autofree char *id = vf_asprintf("node/%s", n->name);
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:i, s:i}", "type",
                                             "node", "id", id, "name", n->name, "ip", n->addr,
                                             "nodeid", c->lab->n_nodes > 1 ? n->id : 0, "level", "",
                                             "online", !n->offline, "local", n == c->here));
    }
    return out;
}

static json_t *get_nextid(struct lab_call *c)
{
    const char *want = lab_param(c, "vmid");
    int id = want ? lab_int(want) : 100;
    if (want && lab_vm_find(c->lab, id))
        return lab_bad_param(c, "vmid", "VM %d already exists", id);
    while (!want && lab_vm_find(c->lab, id))
        id++;
    vf_autofree char *text = vf_asprintf("%d", id);
    return json_string(text);
}

json_t *lab_node_status(const struct lab_node *n)
{
    vf_autofree char *id = vf_asprintf("node/%s", n->name);
    if (n->offline)
        return json_pack("{s:s, s:s, s:s, s:s, s:s}", "node", n->name, "type", "node", "id", id,
                         "status", "offline", "level", "");
    uint64_t total = 0, used = 0, avail = 0;
    lab_storage_space((struct lab_node *)n, &n->lab->storages[0], &total, &used, &avail);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:f, s:I, s:I, s:I, s:I, s:I}", "node", n->name, "type",
        "node", "id", id, "status", "online", "level", "", "maxcpu", 8, "cpu", 0.05, "maxmem",
        (json_int_t)25276510208, "mem", (json_int_t)11022237696, "maxdisk", (json_int_t)total,
        "disk", (json_int_t)used, "uptime", (json_int_t)((vf_clock_ms() - n->lab->booted) / 1000));
}

static json_t *vm_resource(const struct lab_vm *vm)
{
    if (vm->node->offline || (vm->created && vf_clock_ms() - vm->created < 10000)) {
        const char *type = vm->lxc ? "lxc" : "qemu";
        vf_autofree char *id = vf_asprintf("%s/%d", type, vm->vmid);
        return json_pack("{s:s, s:s, s:s, s:s, s:i}", "status", "unknown", "type", type, "node",
                         vm->node->name, "id", id, "vmid", vm->vmid);
    }
    return lab_vm_status(vm, LAB_VIEW_RESOURCE);
}

static void add_storages(struct lab_call *c, json_t *out, struct lab_node *n)
{
    for (size_t s = 0; s < n->lab->n_storages; s++) {
        struct lab_storage *st = &n->lab->storages[s];
        uint64_t total, used, avail;
        if (!lab_may_at(c, "Datastore.Audit|Datastore.AllocateSpace", "/storage/%s", st->name))
            continue;
        vf_autofree char *id = vf_asprintf("storage/%s/%s", n->name, st->name);
        if (n->offline) {
            json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "storage",
                                                 "id", id, "storage", st->name, "node", n->name,
                                                 "status", "unknown"));
            continue;
        }
        lab_storage_space(n, st, &total, &used, &avail);
        json_array_append_new(
            out, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:s}", "type", "storage",
                           "id", id, "storage", st->name, "node", n->name, "status", "available",
                           "plugintype", "dir", "shared", (int)st->shared, "disk", (json_int_t)used,
                           "maxdisk", (json_int_t)total, "content", st->content));
    }
}

static json_t *get_resources(struct lab_call *c)
{
    const char *type = lab_param(c, "type"), *pool;
    json_t *out = json_array(), *v;
    if (!type || vf_streq(type, "pool"))
        json_object_foreach (c->lab->pools, pool, v) {
            if (!lab_may_at(c, "Pool.Audit|Pool.Allocate", "/pool/%s", pool))
                continue;
            vf_autofree char *id = vf_asprintf("/pool/%s", pool);
            json_array_append_new(
                out, json_pack("{s:s, s:s, s:s}", "pool", pool, "id", id, "type", "pool"));
        }
    for (size_t i = 0; (!type || vf_streq(type, "vm")) && i < c->lab->n_vms; i++) {
        const struct lab_vm *vm = c->lab->vms[i];
        if (vm->gone || !lab_may_at(c, "VM.Audit", "/vms/%d", vm->vmid))
            continue;
        json_t *j = vm_resource(vm);
        vf_autofree char *priv =
            vf_asprintf("/pool/%s:Pool.Audit|Pool.Allocate", vm->pool ? vm->pool : "");
        if (vm->pool && lab_may(c, priv))
            json_object_set_new(j, "pool", json_string(vm->pool));
        if (c->lab->version < 7000) /* there only the list of a node has them */
            json_object_del(j, "tags");
        json_array_append_new(out, j);
    }
    for (size_t i = 0; i < c->lab->n_nodes; i++) {
        struct lab_node *n = &c->lab->nodes[i];
        if (!type || vf_streq(type, "node")) {
            json_t *j = lab_node_status(n);
            json_object_set_new(j, "cgroup-mode", json_integer(2));
            json_array_append_new(out, j);
        }
        if (!type || vf_streq(type, "storage"))
            add_storages(c, out, n);
        if ((!type || vf_streq(type, "sdn")) && c->lab->version >= 7000 &&
            lab_may_at(c, "SDN.Audit|SDN.Use|SDN.Allocate", "/sdn/zones/localnetwork")) {
            vf_autofree char *id = vf_asprintf("sdn/%s/localnetwork", n->name);
            json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:s}", "sdn", "localnetwork",
                                                 "id", id, "node", n->name, "status", "ok", "type",
                                                 "sdn"));
        }
    }
    return out;
}

static json_t *get_options(struct lab_call *c)
{
    json_t *j = json_pack("{s:[s, s], s:s, s:s}", "allowed-tags", "db", "prod", "description", "",
                          "mac_prefix", "BC:24:11");
    if (c->lab->version < 7000)
        json_object_del(j, "allowed-tags");
    return j;
}

static json_t *get_replication(struct lab_call *c)
{
    return lab_extra_list(c->lab, "replication");
}

static json_t *put_replication(struct lab_call *c)
{
    const char *id = lab_param(c, "id");
    lab_autojson json_t *all = lab_extra_list(c->lab, "replication");
    size_t i;
    json_t *e;
    json_array_foreach (all, i, e) {
        if (!vf_streq(json_string_value(json_object_get(e, "id")), id))
            continue;
        int vmid = (int)json_integer_value(json_object_get(e, "guest"));
        if (c->lab->version < 9000 ? lab_need(c, "Datastore.Allocate", "/storage")
                                   : lab_need(c, "VM.Replicate", "/vms/%d", vmid))
            return NULL;
        if (lab_param(c, "disable") && lab_flag(c, "disable", false))
            json_object_set_new(e, "disable", json_integer(1));
        else if (lab_param(c, "disable"))
            json_object_del(e, "disable");
        return NULL;
    }
    return lab_die(c, 500, "no such replication job '%s'", id);
}

/* Those that run from this node, with their state. */
static json_t *get_node_replication(struct lab_call *c)
{
    json_t *out = json_array(), *e;
    lab_autojson json_t *all = lab_extra_list(c->lab, "replication");
    const char *guest = lab_param(c, "guest");
    size_t i;
    json_array_foreach (all, i, e) {
        int id = (int)json_integer_value(json_object_get(e, "guest"));
        struct lab_vm *vm = lab_vm_find(c->lab, id);
        if (!vm || vm->node != c->node || (guest && lab_int(guest) != id))
            continue;
        json_t *j = json_copy(e);
        json_object_update_new(j, json_pack("{s:i, s:I, s:f}", "fail_count", 0, "last_sync",
                                            (json_int_t)(vf_clock_unix() - 600), "duration", 1.5));
        json_array_append_new(out, j);
    }
    return out;
}

static json_t *get_empty(struct lab_call *c)
{
    return json_array();
}

const struct lab_route lab_routes_cluster[] = {
    {"GET", "/version", get_version, NULL},
    {"GET", "/cluster/status", get_cluster_status, "/:Sys.Audit"},
    {"GET", "/cluster/nextid", get_nextid, NULL},
    {"GET", "/cluster/resources", get_resources, NULL},
    {"GET", "/cluster/options", get_options, NULL},
    {"GET", "/cluster/replication", get_replication, NULL},
    {"PUT", "/cluster/replication/{id}", put_replication, NULL},
    {"GET", "/nodes/{node}/replication", get_node_replication, NULL},
    {"GET", "/cluster/sdn/zones", get_empty, NULL},
    {"GET", "/cluster/sdn/vnets", lab_get_vnets, NULL},
    {"GET", "/cluster/mapping/pci", lab_get_pci_mappings, NULL},
    {"GET", "/cluster/mapping/usb", lab_get_usb_mappings, NULL},
    {"GET", "/cluster/mapping/dir", lab_get_dir_mappings, NULL},
    {NULL, NULL, NULL, NULL},
};
