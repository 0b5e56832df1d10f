/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Proxmox's migration between clusters refuses, loses, or would find out too late: after the
 * disks are copied, when the configuration is written at the target. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const char copy_instead[] = "or use --method=copy";

/* Settings of the source's configuration. */
static const struct {
    const char *key; /* "usb" with NUMBERED is usb0, usb1 … */
    bool numbered, running;
    enum vf_severity severity;
    const char *only, *unless; /* parts of the value; NULL: any value */
    const char *text, *cure;
} settings[] = {
    {"hostpci", true, false, VF_STOP, NULL, NULL, "it is a device of the source node",
     "remove it, and add one at the target afterwards"},
    {"usb", true, false, VF_STOP, NULL, "spice", "it is a device of the source node",
     "remove it, and add one at the target afterwards"},
    {"serial", true, false, VF_STOP, NULL, "socket", "it is a device of the source node",
     "remove it"},
    {"parallel", true, false, VF_STOP, NULL, NULL, "it is a device of the source node",
     "remove it"},
    {"virtiofs", true, false, VF_STOP, NULL, NULL, "it is a directory of the source node",
     "remove it"},
    {"ivshmem", false, false, VF_STOP, NULL, NULL, "it is memory of the source node", "remove it"},
    {"rng", true, false, VF_STOP, "hwrng", NULL,
     "only root@pam may set it, which fails after the disks are copied",
     "let it read /dev/urandom"},
    {"vga", false, true, VF_STOP, "clipboard=vnc", NULL,
     "a running VM with the VNC clipboard cannot be migrated",
     "switch the clipboard off and start the VM anew"},
    {"unused", true, false, VF_STOP, NULL, NULL, "Proxmox's migration copies detached disks too",
     "remove it, or attach it"},
    {"cpu", false, false, VF_WARN, "custom-", NULL,
     "a CPU model of the source cluster's own must exist at the target and be the same", NULL},
};

static bool is_key(const char *key, const char *name, bool numbered)
{
    size_t n = strlen(name);
    return !strncmp(key, name, n) &&
           (numbered ? key[n] && !key[n + strspn(key + n, "0123456789")] : !key[n]);
}

static void check_settings(const json_t *config, bool running, struct vf_findings *f)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)config, key, value) {
        vf_autofree char *text = vf_json_as_text(value);
        /* of ivshmem it is told below what else is wrong with it */
        if (vf_pve_only_root_sets(key) && strcmp(key, "ivshmem") != 0)
            vf_finding_add(f, VF_STOP, key,
                           "remove it, and set it at the target afterwards; or use --method=copy",
                           "only root@pam may set it, which fails after the disks are copied");
        for (size_t i = 0; i < VF_COUNT(settings); i++)
            if (is_key(key, settings[i].key, settings[i].numbered) &&
                (running || !settings[i].running) &&
                (!settings[i].only || (text && strstr(text, settings[i].only))) &&
                (!settings[i].unless || !text || !strstr(text, settings[i].unless))) {
                vf_autofree char *cure =
                    settings[i].cure ? vf_asprintf("%s; %s", settings[i].cure, copy_instead) : NULL;
                vf_finding_add(f, settings[i].severity, key, cure, "%s", settings[i].text);
            }
    }
}

/* Lists whose entries of this VM are in the way. */
static int check_lists(struct vf_pve_client *c, const struct vf_vm *vm, struct vf_findings *f,
                       struct vf_error **err)
{
    vf_autofree char *snapshots = vf_pve_path(vm->node, "/qemu/%u/snapshot", vm->id);
    vf_autojson json_t *list = vf_pve_list(c, snapshots, err);
    if (!list)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_json_text(e, "name") && !vf_streq(vf_json_text(e, "name"), "current"))
            vf_finding_add(f, VF_STOP, vf_json_text(e, "name"),
                           "delete the snapshot; or use --method=copy",
                           "a VM with snapshots cannot be migrated to another cluster");
    vf_autojson json_t *jobs = NULL;
    /* who may not see them is told when the migration is asked for, before anything is touched */
    if (vf_pve_optional_list(c, "/cluster/replication", &jobs, err) < 0)
        return -1;
    json_array_foreach (jobs, i, e)
        if (vf_json_u64(e, "guest") == vm->id)
            vf_finding_add(f, VF_STOP, "replication",
                           "remove the replication job; or use --method=copy",
                           "a replicated VM cannot be migrated to another cluster");
    return 0;
}

/* An ignored VM is none of HA's business, and its status says so. */
static void check_ha(const struct vf_plan *plan, const struct vf_vm *vm, struct vf_findings *f)
{
    if (!vm->ha || !strcmp(vm->ha, VF_HA_IGNORED) || vf_plan_fixes(plan, VF_FIX_SUSPEND_HA))
        return;
    vf_finding_add(f, VF_STOP, "high availability",
                   "take it out of HA for the move; or use --method=copy",
                   "a VM under HA cannot be migrated to another cluster");
    vf_finding_fix(f, vf_fix_words[VF_FIX_SUSPEND_HA]);
}

static void check_protection(const struct vf_plan *plan, const json_t *config,
                             struct vf_findings *f)
{
    if (!vf_json_bool(config, "protection"))
        return;
    if (vf_plan_fixes(plan, VF_FIX_LIFT_PROTECTION)) {
        vf_finding_add(f, VF_INFO, "protection", "switch it on again where the VM is to stay",
                       "it is switched off for the move, and on again when the move is undone");
        return;
    }
    vf_finding_add(f, VF_STOP, "protection",
                   "switch protection off for the move; or use --method=copy",
                   "what a failed migration leaves at the target could not be removed");
    vf_finding_fix(f, vf_fix_words[VF_FIX_LIFT_PROTECTION]);
}

/* May this login empty a drive with MEDIA, and fill it again? */
static int may_eject(struct vf_provider *p, const struct vf_vm *vm, const char *media,
                     struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("/vms/%u", vm->id);
    vf_autofree char *store = vf_asprintf("/storage/%.*s", (int)strcspn(media, ":"), media);
    int r = vf_pve_may(p, path, "VM.Config.CDROM", err);
    if (r <= 0 || !strchr(media, ':'))
        return r;
    r = vf_pve_may(p, store, "Datastore.Audit", err);
    return r ? r : vf_pve_may(p, store, "Datastore.AllocateSpace", err);
}

static int check_media(struct vf_provider *p, const struct vf_plan *plan, const struct vf_vm *vm,
                       struct vf_findings *f, struct vf_error **err)
{
    int may = 1;
    for (size_t i = 0; i < vm->n_cdroms; i++) {
        const struct vf_cdrom *c = &vm->cdroms[i];
        if (!c->media || c->cloudinit)
            continue;
        if (vf_plan_fixes(plan, VF_FIX_EJECT_ISO)) {
            vf_finding_add(f, VF_INFO, c->slot, NULL,
                           "its medium (%s) is ejected before the migration, and put back when the "
                           "move is undone",
                           c->media);
            may = may == 1 ? may_eject(p, vm, c->media, err) : may;
            continue;
        }
        vf_finding_add(f, VF_STOP, c->slot, "eject it (Do not use any media); or use --method=copy",
                       "a medium in a drive cannot be migrated (%s)", c->media);
        vf_finding_fix(f, vf_fix_words[VF_FIX_EJECT_ISO]);
    }
    if (may == 0)
        vf_finding_add(f, VF_STOP, vf_pve_who(vf_pve_of(p)),
                       "give it VM.Config.CDROM on the VM and Datastore.Audit on the medium's "
                       "storage, or eject the medium by hand",
                       "it may not eject the medium, or not put it back");
    return may < 0 ? -1 : 0;
}

int vf_pve_native_refusals(struct vf_provider *p, const struct vf_plan *plan,
                           const struct vf_vm *vm, struct vf_findings *f, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *path = vf_pve_path(vm->node, "/qemu/%u/config?current=1", vm->id);
    vf_autojson json_t *config = vf_pve_object(c, path, err);
    if (!config)
        return -1;
    check_settings(config, vm->state != VF_VM_STOPPED, f);
    check_ha(plan, vm, f);
    check_protection(plan, config, f);
    return check_media(p, plan, vm, f, err) < 0 ? -1 : check_lists(c, vm, f, err);
}

/* ------------------------------------------------------------------ rights and versions */

static bool has_startup(const struct vf_vm *vm)
{
    return vf_opts_get(&vm->opts, "startup") != NULL;
}

static bool has_cdrom(const struct vf_vm *vm)
{
    return vm->n_cdroms > 0;
}

static bool has_cloudinit(const struct vf_vm *vm)
{
    for (size_t i = 0; i < vm->n_cdroms; i++)
        if (vm->cdroms[i].cloudinit)
            return true;
    return false;
}

/* What it needs beyond the rights that any move needs (permissions.c). */
static const struct need {
    bool target;
    const char *path; /* NULL: of the VM there */
    const char *privilege;
    bool (*when)(const struct vf_vm *vm); /* NULL: always */
    const char *why;
} needs[] = {
    {false, NULL, "VM.Migrate", NULL, "to migrate it away"},
    {true, "/", "Sys.Incoming", NULL, "to receive migrations from another cluster"},
    {true, "/", "Sys.Modify", has_startup, "to set its start order (or remove the order)"},
    {true, NULL, "VM.Config.CDROM", has_cdrom, "to set its CD-ROM drives"},
    {true, NULL, "VM.Config.Cloudinit", has_cloudinit, "to set its cloud-init drive"},
};

static int check_need(struct vf_provider *p, const struct need *n, const char *path,
                      struct vf_findings *f, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    int r = vf_pve_may(p, path, n->privilege, err);
    if (r < 0)
        return -1;
    const char *who = vf_pve_who(c);
    if (!r) {
        vf_autofree char *cure = vf_asprintf(
            "give it a role with %s on %s%s; %s", n->privilege, path,
            c->conf->token ? " (a token with privilege separation: the token itself)" : "",
            copy_instead);
        vf_finding_add(f, VF_STOP, who, cure, "it lacks %s at %s, needed %s", n->privilege,
                       c->conf->name, n->why);
    }
    return 0;
}

static void check_versions(const struct vf_pve_client *s, const struct vf_pve_client *t,
                           struct vf_findings *f)
{
    const struct vf_pve_client *both[] = {s, t};
    for (size_t i = 0; i < 2; i++)
        if (both[i]->version < VF_PVE_VERSION(7, 3))
            vf_finding_add(f, VF_STOP, both[i]->conf->name, "upgrade it; or use --method=copy",
                           "it runs Proxmox VE %u.%u, and migration between clusters needs 7.3",
                           both[i]->version / 1000, both[i]->version % 1000);
    if (t->version < s->version)
        vf_finding_add(f, VF_WARN, t->conf->name, copy_instead + strlen("or "),
                       "it is older than the source (%u.%u, %u.%u): a running VM may have a "
                       "machine that its QEMU does not know, then it stays at the source",
                       t->version / 1000, t->version % 1000, s->version / 1000, s->version % 1000);
}

int vf_pve_native_rights(struct vf_provider *source, struct vf_provider *target,
                         const struct vf_plan *plan, const struct vf_vm *vm, struct vf_findings *f,
                         struct vf_error **err)
{
    struct vf_pve_client *s = vf_pve_of(source), *t = vf_pve_of(target);
    check_versions(s, t, f);
    vf_autofree char *here = vf_asprintf("/vms/%u", vm->id),
                     *there = plan->target_id ? vf_asprintf("/vms/%u", plan->target_id)
                                              : vf_strdup("/vms");
    for (size_t i = 0; i < VF_COUNT(needs); i++) {
        const struct need *n = &needs[i];
        const char *vm_path = n->target ? there : here;
        if (n->when && !n->when(vm))
            continue;
        if (check_need(n->target ? target : source, n, n->path ? n->path : vm_path, f, err) < 0)
            return -1;
    }
    return 0;
}
