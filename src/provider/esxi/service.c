/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which way is taken, in words; and the host's SSH service, which the API can switch. */
#include "config.h"
#include "provider/esxi/esxi.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

static bool by_api(const struct vf_esxi *e)
{
    return vf_streq(e->way->ops->name, "api");
}

/* Both halves are translated where they are shown: see vf_way_shown(). */
static char *with_why(const struct vf_esxi *e, const char *why)
{
    const char *way = by_api(e) ? N_("by the API") : N_("by SSH");
    return why ? vf_asprintf("%s: %s", way, why) : vf_strdup(way);
}

char *vf_esxi_way_text(struct vf_provider *p)
{
    struct vf_esxi *e = vf_esxi_of(p);
    const char *version = e->way->ops->version(e->way);
    if (p->conf->way)
        return with_why(e, N_("as configured"));
    if (!by_api(e))
        return with_why(e, N_("its API does not answer"));
    if (e->way->ops->lacks(e->way))
        return with_why(e, N_("its licence lets nobody change anything that way"));
    /* "VMware ESXi 7.0.3 build-21424296": the build helps nobody choose a VM */
    const char *build = version ? strstr(version, " build") : NULL;
    size_t n = build ? (size_t)(build - version) : version ? strlen(version) : 0;
    vf_autofree char *name = n ? vf_strndup(version, n) : NULL;
    return with_why(e, name);
}

int vf_esxi_ssh_service(struct vf_provider *p, const char *node, struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    if (!by_api(e) || !e->doors.ssh_runs || p->conf->way || e->way->ops->is_vcenter(e->way))
        return vf_fail(err, VF_E_UNSUPPORTED, "%s: SSH is no other way there", p->conf->name);
    return e->doors.ssh_runs(e->way, node, err);
}

int vf_esxi_set_ssh_service(struct vf_provider *p, const char *node, bool on, struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    vf_autoerror struct vf_error *why = NULL;
    if (e->guard && e->guard(e->guard_opaque, err) < 0)
        return -1;
    if (!by_api(e))
        return vf_fail(err, VF_E_UNSUPPORTED, "%s is reached over SSH itself", p->conf->name);
    if (e->doors.set_ssh(e->way, node, on, &why) == 0) {
        vf_error_free(VF_STEAL(e->no_other)); /* it may be one by now */
        vf_error_free(VF_STEAL(e->away));
        return 0;
    }
    if (vf_error_code(why) != VF_E_UNSUPPORTED)
        return vf_fail_with(err, VF_STEAL(why));
    return vf_fail(err, VF_E_UNSUPPORTED,
                   "%s: its licence lets nobody switch the SSH service %s through the API: do it "
                   "at the host (Host, Actions, Services; or on its console, F2, Troubleshooting "
                   "Options)",
                   p->conf->name, on ? "on" : "off");
}
