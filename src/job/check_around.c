/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of what hangs on a VM beside its configuration: firewall, pool, high availability. */
#include "config.h"
#include "job/check.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

static const char *ref_name(const char *ref)
{
    return strchr(ref, '/') + 1;
}

static const char *ref_kind(const char *ref)
{
    return vf_starts(ref, "group/")   ? _("security group")
           : vf_starts(ref, "ipset/") ? _("IP set")
                                      : _("alias");
}

/* A rule that names what the target does not have cannot be made there: without it the VM would be
 * open, or closed, where nobody expects it. */
static void missing(const struct vf_plan *plan, const struct vf_vm *source, const char *ref,
                    struct vf_findings *f)
{
    vf_autostrv char **active = vf_firewall_uses(source->firewall, ref, true, false);
    vf_autostrv char **all = vf_firewall_uses(source->firewall, ref, false, false);
    if (!*active && plan->method == VF_METHOD_REMOTE_MIGRATE)
        return; /* goes along, switched off as it is */
    vf_autofree char *rows = vf_strv_join(*active ? active : all, "; ");
    vf_autofree char *what = vf_asprintf("%s %s", ref_kind(ref), ref_name(ref));
    vf_autofree char *cure = vf_asprintf(
        _("make the %s %s at %s (Datacenter > Firewall), or switch the rule off at the source"),
        ref_kind(ref), ref_name(ref), plan->target);
    vf_finding_add(f, *active ? VF_STOP : VF_WARN, what, cure,
                   *active ? _("%s does not have it, and the VM's firewall uses it: %s")
                           : _("%s does not have it; left out, because nothing is filtered by it "
                               "now: %s"),
                   plan->target, rows);
}

/* 1 there, with *TEXT; 0 not there, or not to be seen (*SEEN false); -1. */
static int look(struct vf_provider *p, const char *ref, char **text, bool *seen,
                struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    *text = p->ops->firewall_shared(p, ref, &why);
    enum vf_error_code code = vf_error_code(why);
    *seen = *text || code == VF_E_NOTFOUND;
    if (*text || code == VF_E_NOTFOUND || code == VF_E_PERMISSION)
        return *text != NULL;
    return vf_fail_with(err, VF_STEAL(why));
}

static int check_ref(const struct vf_plan *plan, const struct vf_vm *source, const char *ref,
                     struct vf_provider *src, struct vf_provider *dst, struct vf_findings *f,
                     struct vf_error **err)
{
    vf_autofree char *here = NULL, *there = NULL;
    bool here_seen, there_seen;
    if (look(src, ref, &here, &here_seen, err) < 0 || look(dst, ref, &there, &there_seen, err) < 0)
        return -1;
    vf_autofree char *what = vf_asprintf("%s %s", ref_kind(ref), ref_name(ref));
    if (there_seen && !there)
        missing(plan, source, ref, f);
    else if (!there_seen || !here_seen)
        vf_finding_add(f, VF_WARN, what, _("compare them by hand"),
                       _("the VM's firewall uses it, and this login may not look at the one of %s "
                         "(Sys.Audit on /)"),
                       there_seen ? plan->source : plan->target);
    else if (here && !vf_streq(here, there))
        vf_finding_add(f, VF_WARN, what, _("compare them before the VM starts there"),
                       _("the VM's firewall uses it, and it is another one at %s"), plan->target);
    return 0;
}

/* A migration carries the firewall too, but not what its rules name of the cluster's. */
VF_CHECK(firewall)
{
    const struct vf_plan *plan = v->plan;
    const struct vf_vm *source = v->source;
    struct vf_provider *src = v->src, *dst = v->dst;
    if (v->same_cluster)
        return 0;
    vf_autostrv char **refs = vf_firewall_refs(source->firewall);
    for (size_t i = 0; refs[i]; i++)
        if (check_ref(plan, source, refs[i], src, dst, f, err) < 0)
            return -1;
    if (!vf_firewall_enabled(source->firewall))
        return 0;
    vf_autofree char *here = NULL, *there = NULL;
    bool seen;
    if (look(src, "switch", &here, &seen, err) < 0 || look(dst, "switch", &there, &seen, err) < 0)
        return -1;
    if (vf_streq(there, "off") && !vf_streq(here, "off"))
        vf_finding_add(f, VF_WARN, _("firewall"),
                       _("switch it on there (Datacenter > Firewall > Options)"),
                       _("the VM's is on, but that of the cluster %s is off: nothing would be "
                         "filtered there"),
                       plan->target);
    else if (!seen)
        vf_finding_add(f, VF_WARN, _("firewall"), NULL,
                       _("the VM's is on; this login may not see whether that of the cluster %s is "
                         "(Sys.Audit on /)"),
                       plan->target);
    return 0;
}

VF_CHECK(pool)
{
    const struct vf_plan *plan = v->plan;
    const struct vf_vm *source = v->source;
    struct vf_provider *dst = v->dst;
    enum vf_pool state;
    if (!source->pool)
        return 0;
    if (dst->ops->pool(dst, source->pool, &state, err) < 0)
        return vf_fail_prefix(err, _("pool %s"), source->pool);
    vf_autofree char *what = vf_asprintf(_("pool %s"), source->pool);
    if (state == VF_POOL_MAY)
        vf_finding_add(f, VF_INFO, what, NULL, _("it is made at %s"), plan->target);
    if (state == VF_POOL_NEVER)
        vf_finding_add(
            f, VF_WARN, what,
            _("add the VM to a pool by hand, or give this login Pool.Allocate on the pool"),
            _("it is not at %s, or not shown to this login, and cannot be made there: the VM "
              "arrives "
              "without a pool"),
            plan->target);
    return 0;
}

/* Proxmox's own migration refuses a VM that is managed at all; native_check.c says so unless it was
 * agreed to suspend it. */
VF_CHECK(high_availability)
{
    /* to set the state it is in; to see that it was noticed */
    static const char *const needed[] = {"Sys.Console", "Sys.Audit"};
    const struct vf_vm *source = v->source;
    if (!vf_job_suspends_ha(v->plan, source))
        return 0;
    vf_finding_add(f, VF_INFO, source->name, NULL,
                   _("high availability is told to leave it alone (ignored) during the move, and "
                     "put back (%s) when the move is undone; after the move it stays so"),
                   source->ha);
    for (size_t i = 0; i < VF_COUNT(needed); i++) {
        int may = v->src->ops->may(v->src, "/", needed[i], err);
        if (may < 0)
            return -1;
        vf_autofree char *cure = vf_asprintf(
            _("give it that privilege, or on a node of %s: ha-manager set vm:%u --state ignored"),
            v->plan->source, source->id);
        if (!may)
            vf_finding_add(f, VF_STOP, source->name, cure,
                           _("it is under high availability (%s), which would start it again, and "
                             "this login may not take it out (%s on /)"),
                           source->ha, needed[i]);
    }
    return 0;
}

bool vf_job_suspends_ha(const struct vf_plan *plan, const struct vf_vm *source)
{
    if (plan->method == VF_METHOD_REMOTE_MIGRATE)
        return source->ha && !vf_streq(source->ha, VF_HA_IGNORED) &&
               vf_plan_fixes(plan, VF_FIX_SUSPEND_HA);
    return !plan->rehearse && vf_job_under_ha(source);
}

bool vf_job_under_ha(const struct vf_vm *source)
{
    static const char *const idle[] = {"stopped", "disabled", VF_HA_IGNORED};
    for (size_t i = 0; i < VF_COUNT(idle); i++)
        if (vf_streq(source->ha, idle[i]))
            return false;
    return source->ha != NULL;
}

static const struct vf_check checks[] = {
    {"firewall", VF_CHECK_NODE | VF_CHECK_PVE, firewall},
    {"pool", VF_CHECK_NODE | VF_CHECK_COPY | VF_CHECK_PVE, pool},
    {"high-availability", VF_CHECK_PVE, high_availability},
};
const struct vf_checks vf_checks_around = {checks, VF_COUNT(checks)};
