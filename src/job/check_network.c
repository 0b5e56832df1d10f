/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of the target's bridges and VNets: Proxmox takes any name and any tag into a
 * configuration, and refuses them only when the VM is started. */
#include "config.h"
#include "job/check.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

static const struct vf_bridge *bridge(const struct vf_view *v, const char *name)
{
    for (size_t i = 0; name && i < v->n_bridges; i++)
        if (vf_streq(v->bridges[i].name, name))
            return &v->bridges[i];
    return NULL;
}

static const struct vf_nic *source_nic(const struct vf_view *v, unsigned index)
{
    for (size_t i = 0; i < v->source->n_nics; i++)
        if (v->source->nics[i].index == index)
            return &v->source->nics[i];
    return NULL;
}

/* A port group of VMware's, for which no bridge was chosen: it is not missing there. */
static void unmapped(const struct vf_view *v, const struct vf_plan_nic *n, const char *what,
                     struct vf_findings *f)
{
    vf_autofree char *cure =
        vf_asprintf(_("choose one (--bridge '%s=BRIDGE', or '*=BRIDGE' for all)"), n->bridge);
    vf_finding_add(f, vf_start_severity(v), what, cure,
                   _("no bridge of node %s is chosen for its network %s"), v->plan->target_node,
                   n->bridge);
}

VF_CHECK(bridges)
{
    for (size_t i = 0; i < v->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &v->plan->nics[i];
        if (!n->bridge || v->blind || bridge(v, n->bridge))
            continue;
        vf_autofree char *what = vf_asprintf("net%u", n->index);
        const struct vf_nic *s = source_nic(v, n->index);
        if (v->source->guest && s && vf_streq(s->bridge, n->bridge)) {
            unmapped(v, n, what, f);
            continue;
        }
        const char *from = s && s->bridge ? s->bridge : n->bridge; /* what the option is about */
        vf_autofree char *cure = vf_asprintf(
            strchr(from, ' ') ? _("map it: --bridge '%s=BRIDGE'; or create it at the target")
                              : _("map it: --bridge %s=BRIDGE; or create it at the target"),
            from);
        vf_finding_add(f, vf_start_severity(v), what, cure,
                       _("node %s has no bridge %s that this login may use"), v->plan->target_node,
                       n->bridge);
    }
    return 0;
}

VF_CHECK(vnets)
{
    for (size_t i = 0; i < v->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &v->plan->nics[i];
        const struct vf_bridge *b = bridge(v, n->bridge);
        if (!b || !b->absent || v->blind)
            continue;
        vf_autofree char *what = vf_asprintf("net%u", n->index);
        vf_finding_add(f, vf_start_severity(v), what,
                       _("apply the SDN configuration (Datacenter > SDN), add the node to the "
                         "VNet's zone, or map it with --bridge"),
                       _("VNet %s is configured at %s, but not there on node %s"), b->name,
                       v->plan->target, v->plan->target_node);
    }
    return 0;
}

/* A tag on a bridge that is not VLAN-aware gets a VLAN interface of its own; trunks cannot, nor can
 * either on a VNet. */
VF_CHECK(vlan)
{
    for (size_t i = 0; i < v->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &v->plan->nics[i];
        const struct vf_nic *s = source_nic(v, n->index);
        const struct vf_bridge *b = bridge(v, n->bridge);
        const char *trunks = s ? vf_opts_get(&s->opts, "trunks") : NULL;
        unsigned tag = n->tag != VF_VLAN_KEEP ? n->tag : s ? s->tag : 0;
        if (!b || b->vlan_aware || !b->vlan_told || (!trunks && !(tag && b->vnet)))
            continue;
        vf_autofree char *what = vf_asprintf("net%u", n->index);
        vf_autofree char *uses =
            trunks ? vf_asprintf(_("trunks %s"), trunks) : vf_asprintf(_("VLAN tag %u"), tag);
        vf_finding_add(f, vf_start_severity(v), what,
                       _("make it VLAN-aware, map the card with --bridge, or change the card"),
                       b->vnet ? _("VNet %s of %s is not VLAN-aware and the card has %s: Proxmox "
                                   "does not start the VM")
                               : _("bridge %s of %s is not VLAN-aware and the card has %s: Proxmox "
                                   "does not start the VM"),
                       b->name, v->plan->target_node, uses);
    }
    return 0;
}

VF_CHECK(mtu)
{
    for (size_t i = 0; i < v->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &v->plan->nics[i];
        const struct vf_nic *s = source_nic(v, n->index);
        const struct vf_bridge *b = bridge(v, n->bridge);
        const char *text = s ? vf_opts_get(&s->opts, "mtu") : NULL;
        uint64_t mtu;
        if (!b || !b->mtu || !text || vf_parse_u64(text, 0, 65535, &mtu) < 0 || mtu <= b->mtu)
            continue;
        vf_autofree char *what = vf_asprintf("net%u", n->index);
        vf_finding_add(
            f, vf_start_severity(v), what, _("raise the bridge's MTU, or lower the card's"),
            _("the card has an MTU of %u and bridge %s of %s one of %u: Proxmox does not "
              "start the VM"),
            (unsigned)mtu, b->name, v->plan->target_node, b->mtu);
    }
    return 0;
}

static const struct vf_check checks[] = {
    {"bridge", VF_CHECK_NODE, bridges},
    {"vnet", VF_CHECK_NODE, vnets},
    {"vlan", VF_CHECK_NODE, vlan},
    {"mtu", VF_CHECK_NODE, mtu},
};
const struct vf_checks vf_checks_network = {checks, VF_COUNT(checks)};
