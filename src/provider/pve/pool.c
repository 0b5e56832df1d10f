/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pools: is there one, making it, removing it. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

#include <string.h>

/* Since 8.1 a pool may be in another ("a/b"), which fits into no path. */
static bool nested(const struct vf_pve_client *c)
{
    return c->version >= VF_PVE_VERSION(8, 1);
}

int vf_pve_pool(struct vf_provider *p, const char *name, enum vf_pool *out, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autojson json_t *list = vf_pve_list(c, "/pools", err);
    if (!list)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_streq(vf_json_text(e, "poolid"), name)) {
            *out = VF_POOL_THERE;
            return 0;
        }
    *out = VF_POOL_NEVER;
    if (strchr(name, '/') && !nested(c))
        return 0;
    vf_autofree char *path = vf_asprintf("/pool/%s", name);
    int may = vf_pve_may(p, path, "Pool.Allocate", err);
    if (may > 0)
        *out = VF_POOL_MAY;
    return may < 0 ? -1 : 0;
}

int vf_pve_make_pool(struct vf_provider *p, const char *name, struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, "poolid", name);
    if (vf_pve_do(vf_pve_of(p), "POST", "/pools", &form, 0, err) < 0)
        return vf_fail_prefix(err, "cannot create the pool %s", name);
    return 0;
}

int vf_pve_drop_pool(struct vf_provider *p, const char *name, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *encoded = vf_url_encode(name);
    vf_autofree char *path = vf_asprintf(nested(c) ? "/pools?poolid=%s" : "/pools/%s", encoded);
    if (vf_pve_do(c, "DELETE", path, NULL, 0, err) < 0)
        return vf_fail_prefix(err, "cannot remove the pool %s", name);
    return 0;
}
