/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/wizard/edit.h"
#include "base/str.h"

#include <stdlib.h>

void vf_sheet_clear(struct vf_sheet *s)
{
    vf_plan_free(s->base);
    vf_plan_free(s->plan);
    vf_survey_answer_free(s->seen);
    free(s->where);
    free(s->checked);
    *s = (struct vf_sheet){0};
}

/* ---- what there is ---- */

const struct vf_vm *vf_sheet_source(const struct vf_sheet *s)
{
    return s->seen ? s->seen->prepared.source : NULL;
}

const struct vf_nic *vf_sheet_nic(const struct vf_sheet *s, size_t i)
{
    const struct vf_vm *v = vf_sheet_source(s);
    for (size_t k = 0; v && i < s->plan->n_nics && k < v->n_nics; k++)
        if (v->nics[k].index == s->plan->nics[i].index)
            return &v->nics[k];
    return NULL;
}

const struct vf_disk *vf_sheet_disk(const struct vf_sheet *s, size_t i)
{
    const struct vf_vm *v = vf_sheet_source(s);
    return v && i < s->plan->n_disks ? vf_vm_disk(v, s->plan->disks[i].slot) : NULL;
}

const struct vf_seen_storage *vf_sheet_storage(const struct vf_sheet *s, const char *name)
{
    for (size_t i = 0; s->seen && i < s->seen->n_storages; i++)
        if (vf_streq(s->seen->storages[i].name, name))
            return &s->seen->storages[i];
    return NULL;
}

bool vf_sheet_has_bridge(const struct vf_sheet *s, const char *bridge)
{
    return !s->seen || !s->seen->bridges || vf_strv_has(s->seen->bridges, bridge);
}

/* ---- networks ---- */

static bool together(const struct vf_sheet *s, size_t a, size_t b)
{
    const struct vf_nic *x = vf_sheet_nic(s, a), *y = vf_sheet_nic(s, b);
    return x && y && x->tag == y->tag && vf_streq(x->bridge, y->bridge);
}

size_t vf_sheet_first(const struct vf_sheet *s, size_t nic)
{
    for (size_t i = 0; i < nic; i++)
        if (together(s, i, nic))
            return i;
    return nic;
}

size_t vf_sheet_count(const struct vf_sheet *s, size_t first)
{
    size_t n = 0;
    for (size_t i = first; i < s->plan->n_nics; i++)
        n += together(s, first, i);
    return n;
}

unsigned vf_sheet_tag(const struct vf_sheet *s, size_t i)
{
    const struct vf_nic *n = vf_sheet_nic(s, i);
    unsigned tag = s->plan->nics[i].tag;
    return tag != VF_VLAN_KEEP ? tag : n ? n->tag : 0;
}

void vf_sheet_set_tag(struct vf_sheet *s, size_t i, unsigned tag)
{
    const struct vf_nic *n = vf_sheet_nic(s, i);
    s->plan->nics[i].tag = n && n->tag == tag ? VF_VLAN_KEEP : tag;
}

bool vf_sheet_same(const struct vf_sheet *s, size_t first)
{
    const struct vf_plan_nic *n = s->plan->nics;
    for (size_t i = first; i < s->plan->n_nics; i++)
        if (together(s, first, i) && (!vf_streq(n[i].bridge, n[first].bridge) ||
                                      vf_sheet_tag(s, i) != vf_sheet_tag(s, first)))
            return false;
    return true;
}

bool vf_sheet_open(const struct vf_sheet *s, size_t first)
{
    for (size_t i = first; i < s->plan->n_nics; i++)
        if (together(s, first, i) && s->plan->nics[i].bridge &&
            !vf_sheet_has_bridge(s, s->plan->nics[i].bridge))
            return true;
    return false;
}

void vf_sheet_map(struct vf_sheet *s, size_t first, const char *bridge, unsigned tag)
{
    const struct vf_nic *n = vf_sheet_nic(s, first);
    vf_autofree char *to = vf_strdup(bridge); /* it may be one of those that are replaced */
    for (size_t i = first; n && i < s->plan->n_nics; i++)
        if (together(s, first, i)) {
            if (to)
                vf_str_set(&s->plan->nics[i].bridge, to);
            vf_sheet_set_tag(s, i, tag);
        }
    const char *is = s->plan->nics[first].bridge;
    if (n && n->bridge && is && vf_sheet_same(s, first))
        vf_networks_set(s->known, s->plan->source, s->plan->target, n->bridge, n->tag, is, tag);
}

/* Cards that nobody changed go where their network went the last time. */
static void propose(struct vf_sheet *s)
{
    for (size_t i = 0; i < s->plan->n_nics; i++) {
        struct vf_plan_nic *to = &s->plan->nics[i];
        const struct vf_plan_nic *was = &s->base->nics[i];
        const struct vf_nic *n = vf_sheet_nic(s, i);
        const struct vf_network *k =
            n && n->bridge && vf_streq(to->bridge, was->bridge) && to->tag == was->tag
                ? vf_networks_find(s->known, s->plan->source, s->plan->target, n->bridge, n->tag)
                : NULL;
        if (!k || !vf_sheet_has_bridge(s, k->bridge))
            continue;
        vf_str_set(&to->bridge, k->bridge);
        vf_sheet_set_tag(s, i, k->tag);
    }
}

/* ---- answers ---- */

static bool differ(const struct vf_plan *a, const struct vf_plan *b)
{
    vf_autofree char *x = vf_plan_text(a), *y = vf_plan_text(b);
    return !vf_streq(x, y);
}

/* Where the plan goes and what it is. */
static char *key(const struct vf_sheet *s, const char *where)
{
    vf_autofree char *text = s->plan ? vf_plan_text(s->plan) : NULL;
    return vf_asprintf("%s\n%s", where, text ? text : "");
}

static void take_made(struct vf_sheet *s)
{
    struct vf_plan *fresh = vf_plan_copy(s->seen->prepared.plan);
    struct vf_plan *base = vf_plan_copy(fresh);
    if (s->base)
        vf_plan_rebase(fresh, s->base, s->plan, s->seen);
    vf_plan_free(s->base);
    vf_plan_free(s->plan);
    s->base = base;
    s->plan = fresh;
    propose(s);
}

void vf_sheet_take(struct vf_sheet *s, bool made, const char *where, struct vf_survey_answer *a)
{
    vf_survey_answer_free(s->seen);
    s->seen = a;
    const struct vf_plan *plan = a->prepared.plan;
    if (made && plan)
        take_made(s);
    if (made) {
        s->none = !plan;
        s->anew = false;
        vf_str_set(&s->where, where);
    }
    /* addresses that were made for it are its own from now on */
    for (size_t i = 0; plan && i < s->plan->n_nics; i++)
        if (!made && s->plan->nics[i].mac_mode == VF_MAC_NEW) {
            s->plan->nics[i].mac_mode = plan->nics[i].mac_mode;
            vf_str_set(&s->plan->nics[i].mac, plan->nics[i].mac);
        }
    free(s->checked);
    s->checked = made && plan && differ(plan, s->plan) ? NULL : key(s, where);
}

bool vf_sheet_checked(const struct vf_sheet *s, const char *where)
{
    vf_autofree char *now = key(s, where);
    return !s->anew && vf_streq(now, s->checked);
}
