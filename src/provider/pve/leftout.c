/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hangs on a VM beside its configuration: firewall, pool and high availability are read; what
 * belongs to its cluster is left out, with what to do about it. */
#include "config.h"
#include "plan/firewall.h"
#include "provider/pve/pve.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

struct other {
    const char *path;               /* below the VM, or with '/cluster', '/access' of the cluster */
    const char *what, *label, *why; /* "snapshot", the field that names one */
    bool (*ours)(const json_t *entry, unsigned id);
    unsigned since; /* version; 0: all have it */
};

static bool is_snapshot(const json_t *e, unsigned id)
{
    return !vf_streq(vf_json_text(e, "name"), "current"); /* what it is now */
}

/* A job for all VMs, or for a pool, takes what is there. */
static bool backs_up(const json_t *e, unsigned id)
{
    vf_autofree char *list = vf_json_as_text(json_object_get(e, "vmid"));
    vf_autostrv char **ids = vf_strv_split(list ? list : "", ",; ");
    vf_autofree char *one = vf_asprintf("%u", id);
    return vf_strv_has(ids, one);
}

static bool replicates(const json_t *e, unsigned id)
{
    return vf_json_u64(e, "guest") == id;
}

static bool is_acl(const json_t *e, unsigned id)
{
    vf_autofree char *path = vf_asprintf("/vms/%u", id);
    return vf_streq(vf_json_text(e, "path"), path);
}

static bool in_rule(const json_t *e, unsigned id)
{
    const char *text = vf_json_text(e, "resources");
    vf_autostrv char **sids = vf_strv_split(text ? text : "", ",; ");
    vf_autofree char *sid = vf_asprintf("vm:%u", id);
    return vf_strv_has(sids, sid);
}

static const struct other others[] = {
    {"/snapshot", "snapshot", "name",
     N_("snapshots stay at the source: take a new one at the target when the VM runs well there"),
     is_snapshot, 0},
    {"/cluster/backup", "backup job", "id",
     N_("add the VM to a backup job of the target cluster, and take it out of this one"), backs_up,
     0},
    {"/cluster/replication", "replication job", "id",
     N_("it copies to a node of the source cluster: make one at the target if it is needed there"),
     replicates, 0},
    {"/cluster/ha/rules", "high availability rule", "rule",
     N_("make one at the target when the VM is under high availability there"), in_rule,
     VF_PVE_VERSION(9, 0)},
    {"/access/acl", "permission of", "ugid",
     N_("users and roles belong to a cluster: give it on the VM at the target"), is_acl, 0},
};

/* Who may not read a list, or whose version does not have it, moves without. */
static int read_other(struct vf_pve_client *c, struct vf_vm *vm, const struct other *o,
                      struct vf_error **err)
{
    vf_autojson json_t *list = NULL;
    if (c->version && c->version < o->since)
        return 0;
    bool cluster = vf_starts(o->path, "/cluster") || vf_starts(o->path, "/access");
    vf_autofree char *path =
        cluster ? vf_strdup(o->path) : vf_pve_path(vm->node, "/qemu/%u%s", vm->id, o->path);
    if (vf_pve_optional_list(c, path, &list, err) < 0)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e) {
        if (!o->ours(e, vm->id))
            continue;
        vf_autofree char *name = vf_json_as_text(json_object_get(e, o->label));
        const char *role = vf_json_text(e, "roleid");
        vf_autofree char *what = vf_asprintf("%s %s%s%s%s", o->what, name ? name : "?",
                                             role ? " (" : "", role ? role : "", role ? ")" : "");
        vf_autofree char *shown = vf_escape(what);
        vf_vm_leave_out(vm, shown, o->why);
    }
    return 0;
}

static int read_firewall(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_firewall_free(vm->firewall);
    vm->firewall = vf_pve_firewall(p, vm->node, vm->id, &why);
    for (size_t i = 0; vm->firewall && vm->firewall->unknown[i]; i++) {
        vf_autofree char *shown = vf_escape(vm->firewall->unknown[i]);
        vf_autofree char *what = vf_asprintf("firewall: %s", shown);
        vf_vm_leave_out(vm, what, N_("vmferry does not know this setting: set it by hand"));
    }
    if (vm->firewall)
        return 0;
    if (vf_error_code(why) != VF_E_PERMISSION && vf_error_code(why) != VF_E_UNSUPPORTED)
        return vf_fail_with(err, VF_STEAL(why));
    vf_vm_leave_out(vm, "firewall of the VM",
                    N_("this login may not read it (VM.Audit): if it has rules, set them by hand"));
    return 0;
}

/* The status says whether it is under HA, to everybody; how, is for who may look at the cluster.
 * *GROUP (may be NULL; caller frees) is the one it is in. */
static int read_state(struct vf_pve_client *c, const char *node, unsigned id, char **state,
                      char **group, struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/status/current", id);
    vf_autojson json_t *status = vf_pve_object(c, path, err);
    *state = NULL;
    if (!status)
        return -1;
    if (!vf_json_bool(json_object_get(status, "ha"), "managed"))
        return 0;
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *where = vf_asprintf("/cluster/ha/resources/vm:%u", id);
    vf_autojson json_t *r = vf_pve_object(c, where, &why);
    if (!r && vf_error_code(why) != VF_E_PERMISSION)
        return vf_fail_with(err, VF_STEAL(why));
    const char *told = vf_json_text(r, "state");
    *state = vf_strdup(r && !told ? VF_HA_STARTED : r ? told : "unknown");
    if (group)
        *group = vf_strdup(vf_json_text(r, "group"));
    return 0;
}

int vf_pve_ha(struct vf_provider *p, const char *node, unsigned id, char **state,
              struct vf_error **err)
{
    return read_state(vf_pve_of(p), node, id, state, NULL, err) < 0
               ? vf_fail_prefix(err, "VM %u", id)
               : 0;
}

static int read_ha(struct vf_pve_client *c, struct vf_vm *vm, struct vf_error **err)
{
    vf_autofree char *state = NULL, *group = NULL;
    if (read_state(c, vm->node, vm->id, &state, &group, err) < 0)
        return -1;
    if (!state)
        return 0;
    vf_str_set(&vm->ha, state);
    vf_autofree char *what = vf_asprintf("high availability (%s%s%s)", vm->ha,
                                         group ? ", group " : "", group ? group : "");
    vf_autofree char *shown = vf_escape(what);
    vf_vm_leave_out(vm, shown,
                    N_("add the VM at the target under Datacenter > HA, and take it out at the "
                       "source when the VM there is no longer needed"));
    return 0;
}

static int read_pool(struct vf_pve_client *c, struct vf_vm *vm, struct vf_error **err)
{
    /* a pool that this login may not see is not there for it */
    vf_autojson json_t *entry = vf_pve_find(c, vm->id, err);
    if (!entry)
        return -1;
    vf_str_set(&vm->pool, vf_json_text(entry, "pool"));
    return 0;
}

int vf_pve_surroundings(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    if (read_firewall(p, vm, err) < 0 || read_ha(c, vm, err) < 0 || read_pool(c, vm, err) < 0)
        return vf_fail_prefix(err, "VM %u", vm->id);
    for (size_t i = 0; i < VF_COUNT(others); i++)
        if (read_other(c, vm, &others[i], err) < 0)
            return vf_fail_prefix(err, "VM %u", vm->id);
    return 0;
}

void vf_pve_refuse_container(const json_t *entry, unsigned id, struct vf_error **err)
{
    const char *node = vf_json_text(entry, "node");
    vf_autofree char *shown = vf_escape(node);
    vf_fail(err, VF_E_UNSUPPORTED,
            "it is a container, and vmferry moves virtual machines only. Proxmox VE offers a "
            "backup, on %s `vzdump %u --mode stop --storage STORAGE`, then at the target `pct "
            "restore NEWID FILE --storage STORAGE`; or from 7.3 on, on %s, `pct remote-migrate %u "
            "NEWID 'host=HOST,apitoken=PVEAPIToken=...,fingerprint=...' --target-storage STORAGE "
            "--target-bridge BRIDGE --restart`",
            shown, id, shown, id);
}
