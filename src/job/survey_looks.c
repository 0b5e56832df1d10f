/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a survey asks of a cluster. */
#include "config.h"
#include "job/job_priv.h"
#include "job/state.h"
#include "job/survey_priv.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdlib.h>
#include <strings.h>

static int by_name(const void *a, const void *b)
{
    const struct vf_vm *x = *(struct vf_vm *const *)a, *y = *(struct vf_vm *const *)b;
    int r = strcasecmp(x->name ? x->name : "", y->name ? y->name : "");
    return r ? r : (x->id > y->id) - (x->id < y->id);
}

static void see_nodes(struct vf_survey_answer *a, const struct vf_node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct vf_seen_node *to = vf_grow(&a->nodes, &a->n_nodes, sizeof *to);
        *to = (struct vf_seen_node){.name = vf_strdup(nodes[i].name),
                                    .online = nodes[i].online,
                                    .no_quorum = nodes[i].no_quorum,
                                    .memory_total = nodes[i].memory_total,
                                    .memory_used = nodes[i].memory_used,
                                    .cpus = nodes[i].cpus,
                                    .cpu = nodes[i].cpu};
    }
}

static int look_nodes(struct vf_provider *p, const struct vf_survey_job *q,
                      struct vf_survey_answer *a, struct vf_error **err)
{
    struct vf_node *nodes = NULL;
    size_t n = 0;
    if (p->ops->nodes(p, &nodes, &n, err) < 0)
        return -1;
    see_nodes(a, nodes, n);
    vf_nodes_free(nodes, n);
    return 0;
}

/* Also the nodes: which of them are offline. */
static int look_vms(struct vf_provider *p, const struct vf_survey_job *q,
                    struct vf_survey_answer *a, struct vf_error **err)
{
    if (p->ops->vms(p, &a->vms, &a->n_vms, err) < 0 || look_nodes(p, q, a, err) < 0)
        return -1;
    a->way = p->ops->way ? p->ops->way(p) : NULL;
    if (a->n_vms)
        qsort(a->vms, a->n_vms, sizeof(struct vf_vm *), by_name);
    return 0;
}

int vf_survey_places(struct vf_provider *p, const char *node, struct vf_survey_answer *a,
                     struct vf_error **err)
{
    struct vf_storage *storages = NULL;
    struct vf_bridge *bridges = NULL;
    size_t n = 0, n_bridges = 0;
    if (p->ops->storages(p, node, &storages, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!storages[i].images || !storages[i].active)
            continue;
        struct vf_seen_storage *to = vf_grow(&a->storages, &a->n_storages, sizeof *to);
        *to = (struct vf_seen_storage){.name = vf_strdup(storages[i].name),
                                       .type = vf_strdup(storages[i].type),
                                       .shared = storages[i].shared,
                                       .total = storages[i].total,
                                       .avail = storages[i].avail};
        to->formats = VF_STEAL(storages[i].formats);
    }
    vf_storages_free(storages, n);
    if (p->ops->bridges(p, node, &bridges, &n_bridges, err) < 0)
        return -1;
    a->bridges = vf_strv_new();
    for (size_t i = 0; i < n_bridges; i++)
        vf_strv_add(&a->bridges, bridges[i].name);
    vf_bridges_free(bridges, n_bridges);
    return 0;
}

static int look_places(struct vf_provider *p, const struct vf_survey_job *q,
                       struct vf_survey_answer *a, struct vf_error **err)
{
    return vf_survey_places(p, q->node, a, err);
}

vf_survey_look *const vf_survey_looks[] = {
    [VF_SURVEY_VMS] = look_vms,
    [VF_SURVEY_NODES] = look_nodes,
    [VF_SURVEY_PLACES] = look_places,
    [VF_SURVEY_LOGIN] = NULL,
};

/* ------------------------------------------------------------------ outlines */

/* What is known of VM V of Q, or why that is not; false: nothing more is to be asked. */
static bool outline(struct vf_provider *p, const struct vf_survey_job *q, const struct vf_vm *v,
                    struct vf_seen_vm *out)
{
    struct vf_outline o;
    vf_autoerror struct vf_error *why = NULL;
    out->id = v->id;
    if (p->ops->outline(p, v, &o, &why) < 0) {
        /* a node that does not answer: its VMs cannot be moved now */
        out->why = vf_strdup(vf_error_text(why));
        return vf_error_code(why) != VF_E_CANCELLED;
    }
    out->vm = VF_STEAL(o.vm);
    out->why = VF_STEAL(o.why);
    out->snapshots = o.snapshots;
    out->passthrough = o.passthrough;
    out->job = vf_marker_find(o.description);
    vf_autostrv char **ids = out->job ? vf_job_ids() : NULL;
    out->ours = ids && vf_strv_has(ids, out->job);
    vf_outline_clear(&o);
    return true;
}

int vf_survey_outlines(struct vf_provider *p, const struct vf_survey_job *q,
                       struct vf_queue *answers, struct vf_error **err)
{
    for (size_t i = 0; i < q->n_vms; i++) {
        vf_auto(vf_survey_answer_free) struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
        a->number = q->number;
        a->kind = q->kind;
        a->more = true;
        if (!outline(p, q, q->vms[i], &a->outline))
            return vf_fail(err, VF_E_CANCELLED, _("cancelled"));
        vf_queue_push(answers, VF_STEAL(a));
    }
    return 0;
}
