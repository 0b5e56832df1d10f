/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

static void pve_free(struct vf_provider *p)
{
    vf_pve_client_free(vf_pve_of(p));
    free(p);
}

static void set_cancel(struct vf_provider *p, struct vf_cancel *cancel)
{
    vf_pve_set_cancel(vf_pve_of(p), cancel);
}

static void set_guard(struct vf_provider *p, vf_guard_fn *guard, void *opaque)
{
    struct vf_pve_client *c = vf_pve_of(p);
    c->guard = guard;
    c->guard_opaque = opaque;
}

static const struct vf_provider_ops ops = {
    .type = "pve",
    .nodes = vf_pve_nodes,
    .vms = vf_pve_vms,
    .storages = vf_pve_storages,
    .bridges = vf_pve_bridges,
    .outline = vf_pve_outline,
    .describe = vf_pve_describe,
    .notes = vf_pve_notes,
    .surroundings = vf_pve_surroundings,
    .ha = vf_pve_ha,
    .firewall = vf_pve_firewall,
    .firewall_shared = vf_pve_firewall_shared,
    .pool = vf_pve_pool,
    .may = vf_pve_may,
    .mac_prefix = vf_pve_mac_prefix,
    .state = vf_pve_state,
    .free_id = vf_pve_free_id,
    .addresses = vf_pve_addresses,
    .twins = vf_pve_twins,
    .rights = vf_pve_rights,
    .volume = vf_pve_volume,
    .version = vf_pve_version,
    .abilities = vf_pve_abilities,
    .tasks = vf_pve_tasks,
    .agent = vf_pve_agent,
    .replications = vf_pve_replications,
    .may_replicate = vf_pve_may_replicate,
    .option = vf_pve_option,
    .set_replication = vf_pve_set_replication,
    .set_option = vf_pve_set_option,
    .describe_as = vf_pve_describe_as,
    .rename = vf_pve_rename,
    .set_onboot = vf_pve_set_onboot,
    .fit = vf_pve_fit,
    .set_firewall = vf_pve_set_firewall,
    .make_pool = vf_pve_make_pool,
    .drop_pool = vf_pve_drop_pool,
    .set_ha = vf_pve_set_ha,
    .set_link = vf_pve_set_link,
    .create = vf_pve_create,
    .volume_name = vf_pve_volume_name,
    .allocate = vf_pve_allocate,
    .free_volume = vf_pve_free_volume,
    .attach = vf_pve_attach,
    .set_boot = vf_pve_set_boot,
    .power = vf_pve_power,
    .destroy = vf_pve_destroy,
    .password_user = vf_pve_password_user,
    .make_token = vf_pve_make_token,
    .remove_token = vf_pve_remove_token,
    .own_tokens = vf_pve_own_tokens,
    .set_cancel = set_cancel,
    .set_guard = set_guard,
    .free = pve_free,
    .native = &vf_pve_native,
};

struct vf_provider *vf_pve_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                const struct vf_asker *asker, struct vf_cancel *cancel,
                                struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_client_open(conf, verify_tls, asker, cancel, err);
    if (!c)
        return NULL;
    struct vf_pve *p = vf_xcalloc(1, sizeof *p);
    p->base.ops = &ops;
    p->base.conf = conf;
    p->client = c;
    return &p->base;
}

char *vf_pve_path(const char *node, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *rest = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *n = vf_url_encode(node);
    return vf_asprintf("/nodes/%s%s", n, rest);
}

char *vf_pve_storage_path(const char *node, const char *storage, const char *what,
                          const char *volume)
{
    vf_autofree char *n = vf_url_encode(node), *s = vf_url_encode(storage);
    vf_autofree char *v = volume ? vf_url_encode(volume) : NULL;
    return vf_asprintf("/nodes/%s/storage/%s/%s%s%s", n, s, what, v ? "/" : "", v ? v : "");
}
