/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Things that are one although they have two names, and things that look alike although they are
 * two: clusters, storages, network addresses. */
#include "config.h"
#include "job/identity.h"
#include "base/i18n.h"
#include "base/str.h"
#include "xfer/host.h"

#include <string.h>

/* A cluster is known by its nodes, and a node by its certificate: neither needs more than a login.
 */
bool vf_same_cluster(const struct vf_plan *plan, const struct vf_node *s, size_t n_s,
                     const struct vf_node *t, size_t n_t)
{
    bool same = vf_streq(plan->source, plan->target);
    for (size_t i = 0; i < n_t; i++)
        for (size_t k = 0; k < n_s; k++)
            same |= t[i].identity && vf_streq(t[i].identity, s[k].identity) &&
                    vf_streq(t[i].name, s[k].name);
    return same;
}

static const struct vf_storage *find(const struct vf_storage *v, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (vf_streq(v[i].name, name))
            return &v[i];
    return NULL;
}

static bool one_store(const struct vf_storage *a, const struct vf_storage *b)
{
    return a && b && a->identity && vf_streq(a->identity, b->identity);
}

/* The target storage, of those the plan uses, that the source cluster has too; NULL: none. */
static const struct vf_storage *shared_store(const struct vf_plan *plan, bool same_cluster,
                                             const struct vf_storage *s, size_t n_s,
                                             const struct vf_storage *t, size_t n_t)
{
    for (size_t i = 0; plan->copy_disks && i < plan->n_disks; i++) {
        const struct vf_storage *to = find(t, n_t, plan->disks[i].storage);
        if (to && same_cluster)
            return to;
        for (size_t k = 0; k < n_s; k++)
            if (one_store(&s[k], to))
                return to;
    }
    return NULL;
}

int vf_store_is_shared(const struct vf_plan *plan, bool same_cluster, const char *source_node,
                       struct vf_provider *src, const struct vf_storage *t, size_t n_t, char **out,
                       struct vf_error **err)
{
    struct vf_storage *s = NULL;
    size_t n_s = 0;
    vf_autoerror struct vf_error *why = NULL;
    *out = NULL;
    /* a login that sees no storages at the source cannot compare them: the hosts will */
    if (src->ops->storages(src, source_node, &s, &n_s, &why) < 0 &&
        vf_error_code(why) != VF_E_PERMISSION)
        return vf_fail_with(err, VF_STEAL(why));
    const struct vf_storage *x = shared_store(plan, same_cluster, s, n_s, t, n_t);
    *out = x ? vf_strdup(x->name) : NULL;
    vf_storages_free(s, n_s);
    return 0;
}

/* Its volumes would get the names of another VM's, and removing either VM could take the other's
 * disks along. 1: the source cluster has VMID ID. */
static int has_id(struct vf_provider *src, unsigned id, struct vf_error **err)
{
    unsigned got;
    vf_autoerror struct vf_error *why = NULL;
    if (src->ops->free_id(src, id, &got, &why) == 0)
        return 0;
    if (vf_error_code(why) == VF_E_CONFLICT || vf_error_code(why) == VF_E_UNSUPPORTED)
        return 1;
    return vf_fail_with(err, VF_STEAL(why));
}

int vf_check_shared_id(const struct vf_plan *plan, const char *store, struct vf_provider *src,
                       struct vf_findings *f, struct vf_error **err)
{
    int taken = plan->target_id ? has_id(src, plan->target_id, err) : 0;
    if (taken < 0)
        return -1;
    if (taken)
        vf_finding_add(f, VF_STOP, store, _("choose another VMID, or none"),
                       _("both clusters have this storage, and VMID %u is in use at %s: its "
                         "disks have the names that the new ones would get"),
                       plan->target_id, plan->source);
    else
        vf_finding_add(f, VF_INFO, store, NULL,
                       _("both clusters have this storage: the VM gets a VMID that neither uses"));
    return 0;
}

int vf_choose_id(struct vf_job *job, unsigned *id, struct vf_error **err)
{
    enum { TRIES = 1000 };
    struct vf_provider *dst = job->target_pve;
    if (dst->ops->free_id(dst, job->plan->target_id, id, err) < 0)
        return -1;
    for (unsigned i = 0; job->shared_store; i++) {
        int taken = has_id(job->source_pve, *id, err);
        if (taken <= 0)
            return taken;
        if (job->plan->target_id || i == TRIES)
            return vf_fail(err, VF_E_CONFLICT,
                           _("VMID %u is in use at %s, which has the same storage: choose "
                             "another"),
                           *id, job->plan->source);
        /* the next that is free at the target */
        vf_autoerror struct vf_error *why = NULL;
        unsigned next = *id + 1;
        while (dst->ops->free_id(dst, next, id, &why) < 0) {
            if (vf_error_code(why) != VF_E_CONFLICT && vf_error_code(why) != VF_E_UNSUPPORTED)
                return vf_fail_with(err, VF_STEAL(why));
            vf_error_free(why);
            why = NULL;
            next++;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ directories, by the hosts */

/* What names a directory wherever it is mounted: of a network file system its source and inode,
 * else the machine (by its boot), device and inode. NULL: the host does not say. */
static char *directory_identity(struct vf_ssh *ssh, const char *path)
{
    static const char script[] =
        "set -- $(stat -Lc '%d %i' -- \"$1\") $(findmnt -nro FSTYPE,SOURCE -T \"$1\" | tail -n 1)\n"
        "[ $# = 4 ] || exit 1\n"
        "case $3 in\n"
        "nfs*|cifs|smb3|ceph|fuse.glusterfs) echo \"$4 $2\" ;;\n"
        "*) echo \"$(cat /proc/sys/kernel/random/boot_id) $1 $2\" ;;\n"
        "esac\n";
    char *args[] = {(char *)path, NULL};
    char *out = vf_host_shell(ssh, script, args, NULL, NULL);
    if (out)
        out[strcspn(out, "\n")] = 0;
    return out;
}

static char *store_directory(struct vf_job *job, bool target, const char *storage,
                             const struct vf_storage *v, size_t n)
{
    const struct vf_cluster_conf *c =
        vf_conf_cluster(job->conf, target ? job->plan->target : job->plan->source, NULL);
    const char *node = target ? job->plan->target_node : job->source->node;
    const struct vf_storage_conf *sc = c ? vf_conf_storage(c, storage, node) : NULL;
    const struct vf_storage *s = find(v, n, storage);
    const char *path = sc && sc->path ? sc->path : s ? s->path : NULL;
    struct vf_ssh *ssh = job->carrier ? vf_carrier_ssh(job->carrier, target) : NULL;
    return path ? directory_identity(ssh, path) : NULL;
}

int vf_job_find_shared(struct vf_job *job, struct vf_error **err)
{
    struct vf_storage *s = NULL, *t = NULL;
    struct vf_node *from = NULL, *to = NULL;
    size_t n_s = 0, n_t = 0, n_from = 0, n_to = 0;
    vf_autofree char *by_name = NULL;
    int r = job->target_pve->ops->nodes(job->target_pve, &to, &n_to, err);
    if (r == 0)
        r = job->source_pve->ops->nodes(job->source_pve, &from, &n_from, err);
    bool same = r == 0 && vf_same_cluster(job->plan, from, n_from, to, n_to);
    if (r == 0)
        r = job->target_pve->ops->storages(job->target_pve, job->plan->target_node, &t, &n_t, err);
    if (r == 0)
        r = vf_store_is_shared(job->plan, same, job->source->node, job->source_pve, t, n_t,
                               &by_name, err);
    job->shared_store = by_name != NULL;
    if (r == 0 && !job->shared_store && job->carrier && vf_carrier_ssh(job->carrier, false))
        job->source_pve->ops->storages(job->source_pve, job->source->node, &s, &n_s, NULL);
    vf_autostrv char **theirs = vf_strv_new();
    /* all of them: other VMs' disks count as well as this one's */
    for (size_t i = 0; r == 0 && i < n_s; i++) {
        vf_autofree char *a = store_directory(job, false, s[i].name, s, n_s);
        if (a)
            vf_strv_add(&theirs, a);
    }
    for (size_t i = 0; *theirs && !job->shared_store && i < job->plan->n_disks; i++) {
        vf_autofree char *b = store_directory(job, true, job->plan->disks[i].storage, t, n_t);
        job->shared_store = b && vf_strv_has(theirs, b);
    }
    if (job->shared_store)
        vf_job_note(job, "info",
                    _("both clusters have the target storage: the VM gets a VMID that "
                      "neither uses"));
    vf_storages_free(s, n_s);
    vf_storages_free(t, n_t);
    vf_nodes_free(from, n_from);
    vf_nodes_free(to, n_to);
    return r;
}

/* ------------------------------------------------------------------ addresses */

/* STARTS: this one will run at the target. */
static void mac_finding(const struct vf_plan *plan, const struct vf_vm *vm, bool starts,
                        const struct vf_twin *t, struct vf_findings *f)
{
    const struct vf_nic *nic = NULL;
    for (size_t i = 0; i < vm->n_nics; i++)
        if ((int)vm->nics[i].index == t->nic)
            nic = &vm->nics[i];
    vf_autofree char *what = vf_asprintf("net%d", t->nic);
    bool same_net = nic && vf_streq(nic->bridge, t->bridge) && nic->tag == t->tag;
    /* a card that is disconnected meets nobody: that of a test VM, above all; but those of an old
     * VM are connected in the end */
    bool alone = nic && nic->link_down && (plan->rehearse || plan->profile != VF_PROFILE_OLD);
    bool stop = starts && t->running && same_net && !t->disconnected && !alone;
    vf_finding_add(f, stop ? VF_STOP : VF_WARN, what,
                   stop ? _("give this one new addresses: --mac new; or shut that VM down")
                        : _("never let both run in one network, or use --mac new"),
                   t->running && t->disconnected
                       ? _("VM %u (%s) runs at %s with the same MAC address %s, its card "
                           "disconnected")
                   : t->unknown
                       ? _("VM %u (%s) at %s has the same MAC address %s; whether it runs Proxmox "
                           "does not tell, so that it counts as running")
                   : t->running ? _("VM %u (%s) runs at %s with the same MAC address %s")
                                : _("VM %u (%s) at %s has the same MAC address %s; it is stopped"),
                   t->id, t->name, plan->target, nic ? nic->mac : "?");
}

int vf_check_twins(const struct vf_plan *plan, const struct vf_vm *source, bool same_cluster,
                   struct vf_provider *dst, struct vf_findings *f, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_plan_apply(plan, source, NULL, NULL);
    struct vf_twins twins = {0};
    bool starts = plan->start && (source->state != VF_VM_STOPPED || plan->start_stopped);
    if (!vm)
        return 0; /* the source is no longer the planned one: not for this check to say */
    if (dst->ops->twins(dst, vm, same_cluster ? source->id : 0, &twins, err) < 0)
        return -1;
    for (size_t i = 0; i < twins.n; i++) {
        const struct vf_twin *t = &twins.v[i];
        if (t->nic >= 0)
            mac_finding(plan, vm, starts, t, f);
        else
            vf_finding_add(f, VF_WARN, "smbios1",
                           _("software that is bound to it sees one machine"),
                           _("VM %u (%s) at %s has the same UUID"), t->id, t->name, plan->target);
    }
    if (twins.unseen)
        vf_finding_add(f, VF_INFO, plan->target, NULL,
                       _("the addresses of %u guests there could not be compared"), twins.unseen);
    vf_twins_free(&twins);
    return 0;
}
