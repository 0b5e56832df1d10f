/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/together.h"
#include "job/prepare_priv.h"
#include "job/vouch.h"
#include "plan/name.h"
#include "base/i18n.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* What a target has of something, and how much of it the moves so far want. */
struct room {
    char *cluster, *node, *storage; /* node NULL: of all nodes; storage NULL: memory */
    uint64_t avail;
    uint64_t used; /* what is there to be copied now */
    uint64_t size; /* what it can grow to */
};

struct together {
    struct room *rooms;
    size_t n;
    struct vf_prepared *const *before; /* those that are not stopped */
    size_t n_before;
};

static void add_room(struct together *t, const char *cluster, const char *node, const char *storage,
                     uint64_t avail)
{
    struct room *r = vf_grow(&t->rooms, &t->n, sizeof *t->rooms);
    r->cluster = vf_strdup(cluster);
    r->node = vf_strdup(node);
    r->storage = vf_strdup(storage);
    r->avail = avail;
}

static struct room *find_room(struct together *t, const char *cluster, const char *node,
                              const char *storage)
{
    for (size_t i = 0; i < t->n; i++) {
        struct room *r = &t->rooms[i];
        if (vf_streq(r->cluster, cluster) && (!r->node || vf_streq(r->node, node)) &&
            vf_streq(r->storage, storage))
            return r;
    }
    return NULL;
}

/* ------------------------------------------------------------------ what there is */

static int look_at_storages(struct together *t, struct vf_provider *dst, const char *node,
                            struct vf_error **err)
{
    struct vf_storage *v = NULL;
    size_t n = 0;
    if (dst->ops->storages(dst, node, &v, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!find_room(t, dst->conf->name, node, v[i].name))
            add_room(t, dst->conf->name, v[i].shared ? NULL : node, v[i].name, v[i].avail);
    vf_storages_free(v, n);
    return 0;
}

/* The nodes' memory, and the storages of those that are a target. */
static int look_at_cluster(struct together *t, struct vf_provider *dst,
                           struct vf_prepared *const *v, size_t n, struct vf_error **err)
{
    struct vf_node *nodes = NULL;
    size_t n_nodes = 0;
    if (dst->ops->nodes(dst, &nodes, &n_nodes, err) < 0)
        return -1;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n_nodes; i++) {
        const struct vf_node *node = &nodes[i];
        bool wanted = false;
        for (size_t k = 0; k < n; k++)
            wanted = wanted || (v[k]->plan && vf_streq(v[k]->plan->target, dst->conf->name) &&
                                vf_streq(v[k]->plan->target_node, node->name));
        if (!wanted || !node->online)
            continue;
        if (node->memory_total)
            add_room(t, dst->conf->name, node->name, NULL,
                     node->memory_total > node->memory_used ? node->memory_total - node->memory_used
                                                            : 0);
        r = look_at_storages(t, dst, node->name, err);
    }
    vf_nodes_free(nodes, n_nodes);
    return r;
}

static int look_at(struct together *t, const struct vf_conf *conf, const struct vf_plan *plan,
                   struct vf_prepared *const *v, size_t n, const struct vf_asker *asker,
                   struct vf_cancel *cancel, struct vf_error **err)
{
    const struct vf_cluster_conf *c = vf_conf_cluster(conf, plan->target, err);
    if (!c)
        return -1;
    struct vf_cluster_conf own = *c;
    vf_autofree char *ca = NULL;
    struct vf_provider *dst = vf_open_vouched(&own, plan->verify_tls, asker, cancel, &ca, err);
    int r = dst ? look_at_cluster(t, dst, v, n, err) : -1;
    vf_provider_free(dst);
    return r;
}

/* ------------------------------------------------------------------ what is wanted */

static bool starts(const struct vf_prepared *p)
{
    return p->plan->start && (p->source->state == VF_VM_RUNNING || p->plan->start_stopped);
}

/* Sums of the disks of P that go to STORAGE. */
static void wants(const struct vf_prepared *p, const char *storage, uint64_t *used, uint64_t *size)
{
    *used = *size = 0;
    for (size_t i = 0; i < p->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &p->plan->disks[i];
        const struct vf_disk *s = vf_vm_disk(p->source, d->slot);
        if (!vf_streq(d->storage, storage))
            continue;
        *size += d->size;
        *used += s && s->used && s->used < d->size ? s->used : d->size;
    }
}

static bool first_on_its_storage(const struct vf_plan *p, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (vf_streq(p->disks[k].storage, p->disks[i].storage))
            return false;
    return true;
}

static void check_room(const struct room *r, uint64_t used, uint64_t size, struct vf_findings *f)
{
    vf_autofree char *need = vf_format_bytes(r->used + used),
                     *full = vf_format_bytes(r->size + size), *have = vf_format_bytes(r->avail);
    if (!r->size) /* it is the first: what it wants alone was checked */
        return;
    if (r->used + used > r->avail)
        vf_finding_add(f, VF_STOP, r->storage,
                       _("make room, choose another storage, or leave a VM out"),
                       _("its disks and those of the VMs before it hold %s of data and the target "
                         "storage has %s free"),
                       need, have);
    else if (r->size + size > r->avail && size <= r->avail)
        vf_finding_add(f, VF_WARN, r->storage, _("watch the storage after the moves"),
                       _("its disks and those of the VMs before it can grow to %s and the target "
                         "storage has %s free"),
                       full, have);
}

static void check_memory(const struct vf_prepared *p, const struct room *r, struct vf_findings *f)
{
    uint64_t need = r->used + p->source->memory;
    if (!r->used || need <= r->avail || p->source->memory > r->avail)
        return;
    vf_autofree char *all = vf_format_bytes(need), *have = vf_format_bytes(r->avail);
    vf_finding_add(f, VF_WARN, p->plan->target_node,
                   _("choose another node for some, or make room before the start"),
                   _("it and the VMs before it that are started want %s of memory, the node has %s "
                     "free"),
                   all, have);
}

static const char *name_of(const struct vf_prepared *p)
{
    return p->plan->target_name ? p->plan->target_name : p->source->name;
}

static void check_pair(const struct vf_prepared *before, const struct vf_prepared *p,
                       struct vf_findings *f)
{
    const struct vf_plan *a = before->plan, *b = p->plan;
    if (vf_streq(a->source, b->source) && a->vm_id == b->vm_id)
        vf_finding_add(f, VF_STOP, p->source->name, _("name it once"),
                       _("VM %u of %s is to be moved twice"), b->vm_id, b->source);
    if (!vf_streq(a->target, b->target))
        return;
    if (a->target_id && a->target_id == b->target_id)
        vf_finding_add(f, VF_STOP, p->source->name, _("choose another VMID, or none"),
                       _("VMID %u is for VM %u (%s), which comes before it"), b->target_id,
                       a->vm_id, before->source->name);
    vf_autofree char *x = vf_name_with(name_of(before), VF_CREATING),
                     *y = vf_name_with(name_of(p), VF_CREATING);
    bool same = vf_streq(name_of(before), name_of(p));
    /* what is being made is told apart by its name */
    if (vf_streq(x, y))
        vf_finding_add(f, VF_STOP, name_of(p), _("give one of them another name, or move it later"),
                       same ? _("VM %u (%s), which comes before it, gets this name at %s")
                            : _("VM %u (%s), which comes before it, gets a name at %s that begins "
                                "with the same letters: while they are made both would be called "
                                "alike"),
                       a->vm_id, before->source->name, b->target);
}

/* The address that NIC of P has at the target. */
static const char *mac_of(const struct vf_prepared *p, const struct vf_plan_nic *nic)
{
    if (nic->mac)
        return nic->mac;
    for (size_t i = 0; i < p->source->n_nics; i++)
        if (p->source->nics[i].index == nic->index)
            return p->source->nics[i].mac;
    return NULL;
}

/* An address that was given for both is a mistake; one that both have already may be meant so. */
static void check_macs(const struct vf_prepared *before, const struct vf_prepared *p,
                       struct vf_findings *f)
{
    if (!vf_streq(before->plan->target, p->plan->target))
        return;
    for (size_t i = 0; i < p->plan->n_nics; i++)
        for (size_t k = 0; k < before->plan->n_nics; k++) {
            const struct vf_plan_nic *nic = &p->plan->nics[i];
            const char *a = mac_of(before, &before->plan->nics[k]), *b = mac_of(p, nic);
            if (!a || !b || strcasecmp(a, b) != 0)
                continue;
            vf_autofree char *what = vf_asprintf("net%u", nic->index);
            vf_finding_add(f, nic->mac ? VF_STOP : VF_WARN, what,
                           _("give one of them another address, or a new one (--mac new)"),
                           _("VM %u (%s), which comes before it, has the same MAC address %s"),
                           before->plan->vm_id, before->source->name, b);
        }
}

static void check_one(struct together *t, const struct vf_prepared *p, struct vf_findings *f)
{
    const struct vf_plan *plan = p->plan;
    uint64_t used, size;
    for (size_t i = 0; i < t->n_before; i++) {
        check_pair(t->before[i], p, f);
        check_macs(t->before[i], p, f);
    }
    for (size_t i = 0; plan->copy_disks && i < plan->n_disks; i++) {
        const struct room *r =
            find_room(t, plan->target, plan->target_node, plan->disks[i].storage);
        if (!r || !first_on_its_storage(plan, i))
            continue;
        wants(p, r->storage, &used, &size);
        check_room(r, used, size, f);
    }
    const struct room *memory = find_room(t, plan->target, plan->target_node, NULL);
    if (memory && starts(p))
        check_memory(p, memory, f);
}

/* What P takes from those behind it. */
static void take(struct together *t, const struct vf_prepared *p)
{
    const struct vf_plan *plan = p->plan;
    uint64_t used, size;
    for (size_t i = 0; plan->copy_disks && i < plan->n_disks; i++) {
        struct room *r = find_room(t, plan->target, plan->target_node, plan->disks[i].storage);
        if (!r || !first_on_its_storage(plan, i))
            continue;
        wants(p, r->storage, &used, &size);
        r->used += used;
        r->size += size;
    }
    struct room *memory = find_room(t, plan->target, plan->target_node, NULL);
    if (memory && starts(p))
        memory->used += p->source->memory;
}

static bool counts(const struct vf_prepared *p)
{
    return p->plan && p->source && !vf_findings_stop(&p->findings);
}

/* What is found goes to ALL, or (NULL) to each one's own findings. */
static void check_in_order(struct together *t, struct vf_prepared *const *v, size_t n,
                           struct vf_findings *all)
{
    struct vf_prepared **before = vf_xcalloc(n, sizeof *before);
    t->before = before;
    for (size_t i = 0; i < n; i++) {
        vf_autofindings struct vf_findings f = {0};
        if (!counts(v[i]))
            continue;
        check_one(t, v[i], &f);
        for (size_t k = 0; k < f.n; k++)
            vf_finding_add(all ? all : &v[i]->findings, f.v[k].severity, f.v[k].subject,
                           f.v[k].cure, "%s", f.v[k].text);
        if (vf_findings_stop(&f))
            continue;
        take(t, v[i]);
        before[t->n_before++] = v[i];
    }
    t->before = NULL;
    free(before);
}

static void clear(struct together *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->rooms[i].cluster);
        free(t->rooms[i].node);
        free(t->rooms[i].storage);
    }
    free(t->rooms);
}

int vf_check_together(const struct vf_conf *conf, struct vf_prepared *const *v, size_t n,
                      const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_error **err)
{
    struct together t = {0};
    vf_autostrv char **targets = vf_strv_new();
    int r = 0;
    for (size_t i = 0; r == 0 && n > 1 && i < n; i++)
        if (counts(v[i]) && !vf_strv_has(targets, v[i]->plan->target)) {
            vf_strv_add(&targets, v[i]->plan->target);
            r = look_at(&t, conf, v[i]->plan, v, n, asker, cancel, err);
        }
    if (r == 0)
        check_in_order(&t, v, n, NULL);
    clear(&t);
    return r;
}

void vf_check_together_in(const struct vf_room *rooms, size_t n_rooms, struct vf_prepared *const *v,
                          size_t n, struct vf_findings *f)
{
    struct together t = {0};
    for (size_t i = 0; i < n_rooms; i++)
        if (!find_room(&t, rooms[i].cluster, rooms[i].node, rooms[i].storage))
            add_room(&t, rooms[i].cluster, rooms[i].node, rooms[i].storage, rooms[i].avail);
    check_in_order(&t, v, n, f);
    clear(&t);
}
