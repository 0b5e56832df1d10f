/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a whole cluster could be moved. */
#include "config.h"
#include "job/prepare_priv.h"
#include "base/i18n.h"
#include "base/str.h"

/* The online node with the most free memory; caller frees. */
static char *choose_node(struct vf_provider *dst, struct vf_error **err)
{
    struct vf_node *v = NULL;
    size_t n = 0;
    const struct vf_node *best = NULL;
    if (dst->ops->nodes(dst, &v, &n, err) < 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (v[i].online && (!best || v[i].memory_total - v[i].memory_used >
                                         best->memory_total - best->memory_used))
            best = &v[i];
    char *name = vf_strdup(best ? best->name : NULL);
    if (!name)
        vf_fail(err, VF_E_NOTFOUND, _("%s has no node that is online"), dst->conf->name);
    vf_nodes_free(v, n);
    return name;
}

/* WANTED of NODE, or the storage with the most room that takes disks; caller frees. */
static char *choose_storage(struct vf_provider *dst, const char *node, const char *wanted,
                            uint64_t *avail, struct vf_error **err)
{
    struct vf_storage *v = NULL;
    size_t n = 0;
    const struct vf_storage *best = NULL;
    if (dst->ops->storages(dst, node, &v, &n, err) < 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (wanted ? vf_streq(v[i].name, wanted)
                   : v[i].images && v[i].active && (!best || v[i].avail > best->avail))
            best = &v[i];
    char *name = vf_strdup(best ? best->name : NULL);
    *avail = best ? best->avail : 0;
    if (!name)
        vf_fail(err, VF_E_NOTFOUND,
                wanted ? _("node %s has no storage %s") : _("node %s has no storage for VM disks"),
                node, wanted);
    vf_storages_free(v, n);
    return name;
}

/* Whether the platform's own migration would do. */
static int check_live(const struct vf_conf *conf, struct vf_ends *e, const struct vf_prepared *p,
                      bool *live, struct vf_error **err)
{
    vf_autofindings struct vf_findings f = {0};
    vf_auto(vf_plan_free) struct vf_plan *plan = vf_plan_copy(p->plan);
    plan->method = VF_METHOD_REMOTE_MIGRATE;
    if (vf_preflight(conf, plan, p->source, e->src, e->dst, NULL, &f, err) < 0)
        return -1;
    *live = !vf_findings_stop(&f);
    return 0;
}

static int check_one(const struct vf_conf *conf, const struct vf_move *m, struct vf_ends *e,
                     unsigned id, struct vf_prepared *p, bool *live, struct vf_error **err)
{
    p->source = vf_describe_whole(e->src, id, err);
    return p->source && vf_make_plan(m, e->dst, p, err) == 0 &&
                   vf_preflight(conf, p->plan, p->source, e->src, e->dst, NULL, &p->findings,
                                err) == 0
               ? check_live(conf, e, p, live, err)
               : -1;
}

/* Nothing can be learned of any VM any more. */
static bool ends_it(const struct vf_error *why)
{
    return vf_error_code(why) == VF_E_CANCELLED || vf_error_code(why) == VF_E_AUTH ||
           vf_error_code(why) == VF_E_USAGE;
}

static int check_vms(const struct vf_conf *conf, const struct vf_move *m, struct vf_ends *e,
                     struct vf_vm **vms, size_t n, const struct vf_check_fns *fns,
                     struct vf_error **err)
{
    for (size_t i = 0; i < n; i++) {
        vf_autoerror struct vf_error *why = NULL;
        struct vf_prepared p = {.forecast_seconds = -1, .forecast_down_seconds = -1};
        struct vf_checked c = {.vm = vms[i]};
        if (!vms[i]->container && !vms[i]->template_) {
            if (check_one(conf, m, e, vms[i]->id, &p, &c.live, &why) == 0)
                c.prepared = &p;
            c.why = why;
        }
        bool over = ends_it(why);
        if (!over)
            fns->vm(fns->opaque, &c);
        vf_prepared_free(&p);
        if (over)
            return vf_fail_with(err, VF_STEAL(why));
    }
    return 0;
}

int vf_prepare_all(const struct vf_conf *conf, const struct vf_move *move,
                   const struct vf_asker *asker, struct vf_cancel *cancel,
                   const struct vf_check_fns *fns, uint64_t *avail, struct vf_error **err)
{
    VF_AUTOENDS struct vf_ends e = {0};
    struct vf_move m = *move;
    if (vf_ends_open(conf, m.source, m.target, m.verify_tls, asker, cancel, &e, err) < 0)
        return -1;
    vf_autofree char *node = m.node ? vf_strdup(m.node) : choose_node(e.dst, err);
    vf_autofree char *storage = node ? choose_storage(e.dst, node, m.storage, avail, err) : NULL;
    struct vf_vm **vms = NULL;
    size_t n = 0;
    if (!storage || e.src->ops->vms(e.src, &vms, &n, err) < 0)
        return -1;
    m.node = node;
    m.storage = storage;
    fns->begin(fns->opaque, node, storage);
    int r = check_vms(conf, &m, &e, vms, n, fns, err);
    vf_vms_free(vms, n);
    return r;
}
