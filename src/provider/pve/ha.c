/* SPDX-License-Identifier: GPL-3.0-or-later */
/* High availability: its manager restarts what somebody else stops, unless it is told to look away.
 */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/clock.h"
#include "base/str.h"

#include <string.h>

/* Its manager and its agents look at what was asked for every 10 s. */
enum { LET_GO_MS = 90 * 1000, LET_GO_STEP_MS = 500 };

/* Does the manager still act on SID? */
static int tracked(struct vf_pve_client *c, const char *sid, bool *out, struct vf_error **err)
{
    vf_autojson json_t *list = vf_pve_list(c, "/cluster/ha/status/current", err);
    if (!list)
        return -1;
    *out = false;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_streq(vf_json_text(e, "sid"), sid))
            *out = vf_json_text(e, "crm_state") != NULL;
    return 0;
}

static int let_go(struct vf_pve_client *c, const char *sid, struct vf_error **err)
{
    for (int64_t start = vf_clock_ms();;) {
        bool still;
        if (tracked(c, sid, &still, err) < 0)
            return -1;
        if (!still)
            return 0;
        if (vf_clock_ms() - start >= LET_GO_MS)
            return vf_fail(err, VF_E_CONFLICT,
                           "its manager still watches it after %d s: look at ha-manager status",
                           LET_GO_MS / 1000);
        if (vf_cancel_sleep(c->cancel, LET_GO_STEP_MS, err) < 0)
            return -1;
    }
}

int vf_pve_set_ha(struct vf_provider *p, unsigned id, const char *state, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *sid = vf_asprintf("vm:%u", id);
    vf_autofree char *path = vf_asprintf("/cluster/ha/resources/%s", sid);
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, "state", state);
    if (vf_pve_do(c, "PUT", path, &form, 0, err) < 0 ||
        (!strcmp(state, VF_HA_IGNORED) && let_go(c, sid, err) < 0))
        return vf_fail_prefix(err, "cannot set the high availability state of VM %u to %s", id,
                              state);
    return 0;
}
