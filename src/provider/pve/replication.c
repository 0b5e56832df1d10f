/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Storage replication: its jobs for a VM, switching one off and on. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

int vf_pve_replications(struct vf_provider *p, unsigned id, struct vf_replication **out, size_t *n,
                        struct vf_error **err)
{
    vf_autojson json_t *list = NULL;
    *out = NULL;
    *n = 0;
    if (vf_pve_optional_list(vf_pve_of(p), "/cluster/replication", &list, err) < 0)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e) {
        const char *job = vf_json_text(e, "id");
        if (vf_json_u64(e, "guest") != id || !job)
            continue;
        struct vf_replication *r = vf_grow(out, n, sizeof **out);
        r->id = vf_strdup(job);
        r->target = vf_strdup(vf_json_text(e, "target"));
        r->enabled = !vf_json_bool(e, "disable");
    }
    return 0;
}

/* Since 9.0 it is a right on the guest. */
int vf_pve_may_replicate(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    vf_autofree char *vm = vf_asprintf("/vms/%u", id);
    if (vf_pve_of(p)->version >= VF_PVE_VERSION(9, 0))
        return vf_pve_may(p, vm, "VM.Replicate", err);
    return vf_pve_may(p, "/storage", "Datastore.Allocate", err);
}

int vf_pve_set_replication(struct vf_provider *p, const char *job, bool enabled,
                           struct vf_error **err)
{
    vf_autofree char *id = vf_url_encode(job);
    vf_autofree char *path = vf_asprintf("/cluster/replication/%s", id);
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, "disable", enabled ? "0" : "1");
    if (vf_pve_do(vf_pve_of(p), "PUT", path, &form, 0, err) < 0)
        return vf_fail_prefix(err, "cannot switch replication job %s %s", job,
                              enabled ? "on" : "off");
    return 0;
}
