/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is: nodes, VMs, storages, bridges, free numbers. */
#include "config.h"
#include "provider/pve/pve.h"
#include "provider/pve/propstr.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

/* A token with privileges of its own that nobody has given any is answered with 200 and empty
 * lists. */
static int explain_empty(struct vf_pve_client *c, const char *privilege, const char *path,
                         struct vf_error **err)
{
    vf_autojson json_t *all = vf_pve_object(c, "/access/permissions", err);
    if (!all)
        return -1;
    const char *where;
    json_t *rights;
    json_object_foreach (all, where, rights)
        if (json_object_get(rights, privilege))
            return 0; /* there is something to see, and
                         it is empty */
    return vf_fail(
        err, VF_E_PERMISSION,
        "cluster %s: %s has no right to see anything (%s is missing): give it a role on %s; an "
        "API token with privilege separation needs one of its own",
        c->conf->name, vf_pve_who(c), privilege, path);
}

int vf_pve_nodes(struct vf_provider *p, struct vf_node **out, size_t *n, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = NULL;
    *n = 0;
    vf_autojson json_t *nodes = vf_pve_list(c, "/nodes", err);
    vf_autojson json_t *status = NULL;
    if (!nodes || vf_pve_optional_list(c, "/cluster/status", &status, err) < 0)
        return -1;
    size_t i, k;
    json_t *e, *s;
    bool no_quorum = false;
    json_array_foreach (status, k, s)
        no_quorum |= json_object_get(s, "quorate") && !vf_json_bool(s, "quorate");
    json_array_foreach (nodes, i, e) {
        const char *name = vf_json_text(e, "node");
        if (!name)
            continue;
        struct vf_node *node = vf_grow(out, n, sizeof **out);
        node->name = vf_strdup(name);
        node->no_quorum = no_quorum;
        node->identity = vf_strdup(vf_json_text(e, "ssl_fingerprint"));
        node->online = vf_streq(vf_json_text(e, "status"), "online");
        node->memory_total = vf_json_u64(e, "maxmem");
        node->memory_used = vf_json_u64(e, "mem");
        node->cpus = (unsigned)vf_json_u64(e, "maxcpu");
        node->cpu = json_number_value(json_object_get(e, "cpu"));
        json_array_foreach (status, k, s)
            if (vf_streq(vf_json_text(s, "type"), "node") &&
                vf_streq(vf_json_text(s, "name"), name))
                vf_str_set(&node->address, vf_json_text(s, "ip"));
    }
    return 0;
}

/* ------------------------------------------------------------------ VMs */

static void fill_vm(struct vf_vm *vm, const json_t *e)
{
    vf_str_set(&vm->name, vf_json_text(e, "name"));
    vf_str_set(&vm->lock, vf_json_text(e, "lock"));
    vf_str_set(&vm->tags, vf_json_text(e, "tags"));
    vf_str_set(&vm->ha, vf_json_text(e, "hastate"));
    vm->state = vf_pve_state_of(e);
    vm->template_ = vf_json_bool(e, "template");
    vm->memory = vf_json_u64(e, "maxmem");
}

/* For up to 10 s after its creation the cluster's list knows neither name nor state of a VM; the
 * list of its node does, and is asked once for all of them. */
static void complete_vms(struct vf_pve_client *c, struct vf_vm **vms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (vms[i]->name)
            continue;
        vf_autoerror struct vf_error *why = NULL;
        vf_autofree char *path = vf_pve_path(vms[i]->node, vms[i]->container ? "/lxc" : "/qemu");
        vf_autojson json_t *list = NULL;
        if (vf_pve_optional_list(c, path, &list, &why) < 0)
            vf_warn("pve", "new VMs of node %s are shown without names: %s", vms[i]->node,
                    vf_error_text(why));
        for (size_t k = n; k-- > i;) {
            if (vms[k]->name || vms[k]->container != vms[i]->container ||
                !vf_streq(vms[k]->node, vms[i]->node))
                continue;
            size_t at;
            json_t *e;
            json_array_foreach (list, at, e)
                if (vf_json_u64(e, "vmid") == vms[k]->id)
                    fill_vm(vms[k], e);
            if (!vms[k]->name) /* its node does not answer */
                vms[k]->name = vf_asprintf("vm-%u", vms[k]->id);
        }
    }
}

int vf_pve_vms(struct vf_provider *p, struct vf_vm ***out, size_t *n, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = NULL;
    *n = 0;
    vf_autojson json_t *list = vf_pve_list(c, "/cluster/resources?type=vm", err);
    if (!list)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e) {
        const char *node = vf_json_text(e, "node");
        if (!node)
            continue;
        struct vf_vm *vm = vf_vm_new();
        vm->container = vf_streq(vf_json_text(e, "type"), "lxc");
        vm->id = (unsigned)vf_json_u64(e, "vmid");
        vm->node = vf_strdup(node);
        fill_vm(vm, e);
        *(struct vf_vm **)vf_grow(out, n, sizeof **out) = vm;
    }
    complete_vms(c, *out, *n);
    return *n ? 0 : explain_empty(c, "VM.Audit", "/vms", err);
}

json_t *vf_pve_find(struct vf_pve_client *c, unsigned id, struct vf_error **err)
{
    vf_autojson json_t *list = vf_pve_list(c, "/cluster/resources?type=vm", err);
    if (!list)
        return NULL;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_json_u64(e, "vmid") == id && vf_json_text(e, "node"))
            return json_incref(e);
    vf_fail(err, VF_E_NOTFOUND, "cluster %s: there is no VM %u, or %s may not see it",
            c->conf->name, id, vf_pve_who(c));
    return NULL;
}

int vf_pve_free_id(struct vf_provider *p, unsigned wanted, unsigned *out, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *path =
        wanted ? vf_asprintf("/cluster/nextid?vmid=%u", wanted) : vf_strdup("/cluster/nextid");
    vf_autojson json_t *id = vf_pve_call(c, "GET", path, NULL, err);
    if (!id)
        return wanted ? vf_fail_prefix(err, "VM number %u", wanted) : -1;
    vf_autofree char *text = vf_json_as_text(id);
    uint64_t n = 0;
    if (vf_parse_u64(text, VF_FIRST_VMID, VF_LAST_VMID, &n) < 0)
        return vf_fail(err, VF_E_UNSUPPORTED, "cluster %s: the next free VM number is not a number",
                       c->conf->name);
    *out = (unsigned)n;
    return 0;
}

char *vf_pve_mac_prefix(struct vf_provider *p)
{
    vf_autojson json_t *o = vf_pve_object(vf_pve_of(p), "/cluster/options", NULL);
    return vf_strdup(vf_json_text(o, "mac_prefix"));
}

/* ------------------------------------------------------------------ storages */

static void fill_formats(struct vf_storage *s, const char *configured)
{
    const struct vf_storage_type *t = vf_storage_type(s->type);
    s->formats = vf_strv_new();
    for (size_t i = 0; t && t->formats[i]; i++)
        if (vf_streq(t->formats[i], configured))
            vf_strv_add(&s->formats, configured);
    for (size_t i = 0; t && t->formats[i]; i++)
        if (!vf_streq(t->formats[i], configured))
            vf_strv_add(&s->formats, t->formats[i]);
}

static const json_t *find_named(const json_t *list, const char *key, const char *name)
{
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_streq(vf_json_text(e, key), name))
            return e;
    return NULL;
}

/* Where the data of a network storage is, in words that are the same in every cluster; NULL for one
 * that is on its node. Caller frees. */
static char *store_identity(const char *type, const json_t *conf)
{
    static const struct {
        const char *type, *keys[3];
    } kinds[] = {
        {"nfs", {"server", "export"}},
        {"cifs", {"server", "share", "subdir"}},
        {"glusterfs", {"server", "volume"}},
        {"cephfs", {"monhost", "fs-name", "subdir"}},
        {"rbd", {"monhost", "pool", "namespace"}},
        {"iscsi", {"portal", "target"}},
        {"iscsidirect", {"portal", "target"}},
        {"zfs", {"portal", "target", "pool"}},
    };
    for (size_t i = 0; i < VF_COUNT(kinds); i++) {
        /* without its first word (a cluster's own Ceph) the rest names nothing */
        if (!vf_streq(kinds[i].type, type) || !vf_json_text(conf, kinds[i].keys[0]))
            continue;
        vf_autobuf struct vf_buf b = {0};
        vf_buf_puts(&b, type);
        for (size_t k = 0; k < VF_COUNT(kinds[i].keys) && kinds[i].keys[k]; k++) {
            const char *value = vf_json_text(conf, kinds[i].keys[k]);
            size_t n = value ? strlen(value) : 0;
            while (n > 1 && value[n - 1] == '/')
                n--;
            vf_buf_printf(&b, " %.*s", (int)n, value ? value : "");
        }
        return vf_buf_take(&b);
    }
    return NULL;
}

/* A volume group gives away what a disk may become; so does ZFS unless it is told not to. */
static bool is_thick(const char *type, const json_t *conf)
{
    return vf_streq(type, "lvm") ||
           (vf_streq(type, "zfspool") && conf && !vf_json_bool(conf, "sparse"));
}

int vf_pve_storages(struct vf_provider *p, const char *node, struct vf_storage **out, size_t *n,
                    struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = NULL;
    *n = 0;
    vf_autofree char *path = vf_pve_path(node, "/storage");
    vf_autojson json_t *list = vf_pve_list(c, path, err);
    vf_autojson json_t *config = NULL;
    if (!list || vf_pve_optional_list(c, "/storage", &config, err) < 0)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e) {
        const char *name = vf_json_text(e, "storage"), *type = vf_json_text(e, "type");
        const char *content = vf_json_text(e, "content");
        if (!name || !type)
            continue;
        const json_t *conf = find_named(config, "storage", name);
        vf_autostrv char **holds = vf_strv_split(content, ",");
        struct vf_storage *s = vf_grow(out, n, sizeof **out);
        s->name = vf_strdup(name);
        s->type = vf_strdup(type);
        s->path = vf_strdup(vf_json_text(conf, "path"));
        s->identity = store_identity(type, conf);
        s->thick = is_thick(type, conf);
        s->shared = vf_json_bool(e, "shared");
        s->active = vf_json_bool(e, "active") && vf_json_bool(e, "enabled");
        s->images = vf_strv_has(holds, "images");
        s->total = vf_json_u64(e, "total");
        s->avail = vf_json_u64(e, "avail");
        fill_formats(s, vf_json_text(conf, "format"));
    }
    return *n ? 0 : explain_empty(c, "Datastore.Audit", "/storage", err);
}

/* ------------------------------------------------------------------ bridges */

static struct vf_bridge *find_bridge(struct vf_bridge *v, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (vf_streq(v[i].name, name))
            return &v[i];
    return NULL;
}

static struct vf_bridge *take_bridge(struct vf_bridge **out, size_t *n, const char *name)
{
    struct vf_bridge *b = find_bridge(*out, *n, name);
    if (b)
        return b;
    b = vf_grow(out, n, sizeof **out);
    b->name = vf_strdup(name);
    return b;
}

int vf_pve_bridges(struct vf_provider *p, const char *node, struct vf_bridge **out, size_t *n,
                   struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = NULL;
    *n = 0;
    vf_autofree char *path = vf_pve_path(node, "/network?type=any_bridge");
    vf_autojson json_t *list = vf_pve_list(c, path, err);
    vf_autojson json_t *vnets = NULL;
    /* without the SDN packages there is no such path */
    if (!list || vf_pve_optional_list(c, "/cluster/sdn/vnets", &vnets, err) < 0)
        return -1;
    size_t i;
    json_t *e;
    /* first: the other list may have them too, with less of what is known */
    json_array_foreach (vnets, i, e) {
        if (!vf_json_text(e, "vnet"))
            continue;
        struct vf_bridge *b = take_bridge(out, n, vf_json_text(e, "vnet"));
        b->vnet = true;
        b->vlan_aware |= vf_json_bool(e, "vlanaware");
        b->vlan_told = true;
        /* since 8 a node lists those that are made on it */
        b->absent = c->version >= VF_PVE_VERSION(8, 0);
    }
    json_array_foreach (list, i, e) {
        if (!vf_json_text(e, "iface"))
            continue;
        struct vf_bridge *b = take_bridge(out, n, vf_json_text(e, "iface"));
        b->absent = false;
        b->vnet |= vf_streq(vf_json_text(e, "type"), "vnet");
        b->vlan_told |= !b->vnet;
        b->mtu = (unsigned)vf_json_u64(e, "mtu");
        b->vlan_aware |=
            vf_json_bool(e, "bridge_vlan_aware") || vf_streq(vf_json_text(e, "type"), "OVSBridge");
    }
    return 0;
}
