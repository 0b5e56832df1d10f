/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/place.h"
#include "base/i18n.h"
#include "base/str.h"

static void not_reached(const struct vf_place *p, char ***unreachable, const char *host,
                        const char *why)
{
    vf_strv_addf(unreachable, "%s%s%s: %s", p->conf.name, host ? " " : "", host ? host : "", why);
}

/* NODE and STORAGE as for vf_job_ssh(). */
static void reach(struct vf_place *p, char ***unreachable, const char *name, const char *node,
                  const char *storage)
{
    for (size_t i = 0; i < p->n_hosts; i++)
        if (vf_streq(p->hosts[i].name, name))
            return;
    vf_autoerror struct vf_error *why = NULL;
    struct vf_ssh *ssh = vf_job_ssh(p->job, false, node, storage, &why);
    if (!ssh) {
        not_reached(p, unreachable, name, vf_error_text(why));
        return;
    }
    *(struct vf_place_host *)vf_grow(&p->hosts, &p->n_hosts, sizeof *p->hosts) =
        (struct vf_place_host){.name = vf_strdup(name), .ssh = ssh};
}

void vf_place_reach(struct vf_place *p, char ***unreachable)
{
    struct vf_provider *pve = p->job->source_pve;
    struct vf_node *nodes = NULL;
    size_t n = 0;
    vf_autoerror struct vf_error *why = NULL;
    if (pve->ops->nodes(pve, &nodes, &n, &why) < 0)
        not_reached(p, unreachable, NULL, vf_error_text(why));
    for (size_t i = 0; i < n; i++) {
        if (nodes[i].online)
            reach(p, unreachable, nodes[i].name, nodes[i].name, NULL);
        else
            not_reached(p, unreachable, nodes[i].name, _("it is offline"));
    }
    for (size_t i = 0; i < p->conf.n_storages; i++) {
        const struct vf_storage_conf *s = &p->conf.storages[i];
        if (s->address)
            reach(p, unreachable, s->address, s->node ? s->node : "", s->name);
    }
    vf_nodes_free(nodes, n);
}

struct vf_place *vf_place_open(const struct vf_conf *conf, const struct vf_cluster_conf *cluster,
                               const struct vf_asker *asker, struct vf_cancel *cancel,
                               struct vf_error **err)
{
    struct vf_place *p = vf_xcalloc(1, sizeof *p);
    p->conf = *cluster;
    struct vf_provider *pve =
        vf_open_vouched(&p->conf, cluster->verify, asker, cancel, &p->ca, err);
    if (!pve) {
        free(p->ca);
        free(p);
        return NULL;
    }
    p->job = vf_xcalloc(1, sizeof *p->job);
    p->job->conf = (struct vf_conf *)conf;
    p->job->plan = vf_plan_new();
    vf_str_set(&p->job->plan->source, cluster->name);
    vf_str_set(&p->job->plan->target, cluster->name);
    p->job->source_pve = p->job->target_pve = pve;
    p->job->cancel = cancel;
    if (asker)
        p->job->asker = *asker;
    return p;
}

void vf_place_free(struct vf_place *p)
{
    if (!p)
        return;
    for (size_t k = 0; k < p->n_hosts; k++) {
        vf_ssh_free(p->hosts[k].ssh);
        free(p->hosts[k].name);
    }
    free(p->hosts);
    for (size_t k = 0; k < VF_COUNT(p->job->vouchers); k++)
        free(p->job->vouchers[k].node);
    vf_provider_free(p->job->source_pve);
    vf_plan_free(p->job->plan);
    free(p->job);
    free(p->ca);
    free(p);
}
