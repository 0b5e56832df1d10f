/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/provider.h"
#include "provider/esxi/esxi.h"
#include "provider/files/files.h"
#include "provider/pve/pve.h"
#include "base/str.h"

typedef struct vf_provider *open_fn(const struct vf_cluster_conf *conf, bool verify_tls,
                                    const struct vf_asker *asker, struct vf_cancel *cancel,
                                    struct vf_error **err);

/* One line per platform. */
static const struct {
    const char *type;
    open_fn *open;
} platforms[] = {
    {"pve", vf_pve_open},
    {"esxi", vf_esxi_open},
    {"files", vf_files_open},
};

struct vf_provider *vf_provider_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                     const struct vf_asker *asker, struct vf_cancel *cancel,
                                     struct vf_error **err)
{
    for (size_t i = 0; i < VF_COUNT(platforms); i++)
        if (vf_streq(conf->type, platforms[i].type))
            return platforms[i].open(conf, verify_tls, asker, cancel, err);
    vf_autostrv char **known = vf_strv_new();
    for (size_t i = 0; i < VF_COUNT(platforms); i++)
        vf_strv_add(&known, platforms[i].type);
    vf_autofree char *list = vf_strv_join(known, ", ");
    vf_fail(err, VF_E_USAGE, "cluster %s: there is no type \"%s\"; known: %s", conf->name,
            conf->type ? conf->type : "", list);
    return NULL;
}

void vf_provider_free(struct vf_provider *p)
{
    if (p)
        p->ops->free(p);
}

struct vf_vm *vf_describe_whole(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = p->ops->describe(p, id, err);
    if (!vm || p->ops->surroundings(p, vm, err) < 0)
        return NULL;
    return VF_STEAL(vm);
}

void vf_nodes_free(struct vf_node *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].name);
        free(v[i].address);
        free(v[i].identity);
    }
    free(v);
}

void vf_vms_free(struct vf_vm **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        vf_vm_free(v[i]);
    free(v);
}

void vf_storages_free(struct vf_storage *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].name);
        free(v[i].type);
        free(v[i].path);
        free(v[i].identity);
        vf_strv_free(v[i].formats);
    }
    free(v);
}

void vf_bridges_free(struct vf_bridge *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i].name);
    free(v);
}

void vf_twins_free(struct vf_twins *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->v[i].name);
        free(t->v[i].bridge);
    }
    free(t->v);
    *t = (struct vf_twins){0};
}

void vf_abilities_clear(struct vf_abilities *a)
{
    vf_strv_free(a->machines);
    vf_strv_free(a->cpus);
    vf_strv_free(a->cpu_flags);
    free(a->cpu_model);
    *a = (struct vf_abilities){0};
}

void vf_replications_free(struct vf_replication *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].id);
        free(v[i].target);
    }
    free(v);
}

void vf_outline_clear(struct vf_outline *o)
{
    vf_vm_free(o->vm);
    free(o->why);
    free(o->description);
    *o = (struct vf_outline){0};
}

void vf_volume_clear(struct vf_volume *v)
{
    free(v->path);
    free(v->format);
    free(v->stamp);
    *v = (struct vf_volume){0};
}
