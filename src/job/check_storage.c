/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of the target storages: are they there, do they take the disks, is there room? */
#include "config.h"
#include "job/check.h"
#include "job/identity.h"
#include "base/i18n.h"
#include "base/str.h"

#define CHECK(name)                                                                                \
    static int name(const struct vf_view *v, struct vf_findings *f, struct vf_error **err)

const struct vf_storage *vf_view_storage(const struct vf_view *v, const char *name)
{
    for (size_t i = 0; i < v->n_storages; i++)
        if (vf_streq(v->storages[i].name, name))
            return &v->storages[i];
    return NULL;
}

static bool seen_before(const struct vf_plan *p, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (vf_streq(p->disks[k].storage, p->disks[i].storage))
            return true;
    return false;
}

/* Each storage of the plan once; NULL behind the last. *I: where to go on. */
static const char *next_storage(const struct vf_plan *p, size_t *i)
{
    for (; p->copy_disks && *i < p->n_disks; (*i)++)
        if (!seen_before(p, *i))
            return p->disks[(*i)++].storage;
    return NULL;
}

CHECK(storage)
{
    const char *name;
    for (size_t i = 0; (name = next_storage(v->plan, &i));) {
        const struct vf_storage *s = vf_view_storage(v, name);
        if (!s && v->blind)
            continue;
        if (!s)
            vf_finding_add(f, VF_STOP, name, NULL, _("node %s has no such storage"),
                           v->plan->target_node);
        else if (!s->images)
            vf_finding_add(f, VF_STOP, s->name, _("choose one whose content includes images"),
                           _("the storage takes no VM disks"));
        else if (!s->active)
            vf_finding_add(f, VF_STOP, s->name, NULL, _("the storage is not active on node %s"),
                           v->plan->target_node);
    }
    return 0;
}

CHECK(format)
{
    for (size_t i = 0; v->plan->copy_disks && i < v->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &v->plan->disks[i];
        const struct vf_storage *s = vf_view_storage(v, d->storage);
        if (!s || !s->images || !s->active || vf_strv_has(s->formats, d->format))
            continue;
        vf_autofree char *formats = vf_strv_join(s->formats, ", ");
        vf_finding_add(f, VF_STOP, d->slot, NULL, _("storage %s takes %s, not %s"), s->name,
                       formats, d->format);
    }
    return 0;
}

/* Bytes that all disks of the plan for S take when they are copied (*USED), and may come to. */
static uint64_t sum(const struct vf_view *v, const struct vf_storage *s, uint64_t *used)
{
    uint64_t size = 0;
    *used = 0;
    for (size_t k = 0; k < v->plan->n_disks; k++) {
        const struct vf_plan_disk *d = &v->plan->disks[k];
        const struct vf_disk *sd = vf_vm_disk(v->source, d->slot);
        if (!vf_streq(d->storage, s->name))
            continue;
        size += d->size;
        *used += sd && sd->used && sd->used < d->size && !s->thick ? sd->used : d->size;
    }
    return size;
}

CHECK(room)
{
    const char *name;
    for (size_t i = 0; (name = next_storage(v->plan, &i));) {
        const struct vf_storage *s = vf_view_storage(v, name);
        if (!s || !s->images || !s->active)
            continue;
        uint64_t used, size = sum(v, s, &used);
        vf_autofree char *need = vf_format_bytes(used), *full = vf_format_bytes(size);
        vf_autofree char *have = vf_format_bytes(s->avail);
        if (used > s->avail)
            vf_finding_add(f, VF_STOP, s->name, _("make room, or choose another storage"),
                           s->thick ? _("the disks take %s when they are made, for this storage "
                                        "gives nothing that it does not have; it has %s free")
                                    : _("the disks hold %s of data and the target storage has %s "
                                        "free"),
                           need, have);
        else if (size > s->avail)
            vf_finding_add(f, VF_WARN, s->name, _("watch the storage after the move"),
                           _("the disks can grow to %s and the target storage has %s free"), full,
                           have);
    }
    return 0;
}

/* Ceph's own limits: it warns at 85 % of an OSD, and stops every write at 95 %. */
CHECK(ceph_full)
{
    enum { NEARFULL = 85, FULL = 95 };
    const char *name;
    for (size_t i = 0; (name = next_storage(v->plan, &i));) {
        const struct vf_storage *s = vf_view_storage(v, name);
        uint64_t used;
        if (!s || (!vf_streq(s->type, "rbd") && !vf_streq(s->type, "cephfs")) || !s->total ||
            s->avail > s->total)
            continue;
        sum(v, s, &used);
        double percent = 100 * (double)(s->total - s->avail + used) / (double)s->total;
        if (percent < NEARFULL)
            continue;
        vf_finding_add(f, percent < FULL ? VF_WARN : VF_STOP, s->name,
                       _("make room, add OSDs, or choose another storage; see ceph osd df"),
                       percent < FULL
                           ? _("with the disks it is %.0f %% full, and Ceph warns from 85 %% on "
                               "(nearfull)")
                           : _("with the disks it would be %.0f %% full: at 95 %% Ceph stops every "
                               "write, of all VMs that are on it"),
                       percent);
    }
    return 0;
}

/* What is one although it has two names. */
CHECK(same_storage)
{
    vf_autofree char *store = NULL;
    if (vf_store_is_shared(v->plan, v->same_cluster, v->source->node, v->src, v->storages,
                           v->n_storages, &store, err) < 0)
        return -1;
    return store ? vf_check_shared_id(v->plan, store, v->src, f, err) : 0;
}

static const struct vf_check checks[] = {
    {"storage", VF_CHECK_NODE, storage},
    {"format", VF_CHECK_NODE, format},
    {"room", VF_CHECK_NODE, room},
    {"ceph-full", VF_CHECK_NODE, ceph_full},
    {"same-storage", VF_CHECK_NODE, same_storage},
};
const struct vf_checks vf_checks_storage = {checks, VF_COUNT(checks)};
