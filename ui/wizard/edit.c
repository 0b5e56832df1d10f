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
    free(s->measured);
    vf_findings_free(&s->hosts);
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
    if (s->known && n && n->bridge && is && vf_sheet_same(s, first))
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
            s->known && n && n->bridge && vf_streq(to->bridge, was->bridge) && to->tag == was->tag
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

/* ---- hosts ---- */

/* What of the plan matters to hosts and time: neither names nor networks. */
static char *measure_key(const struct vf_sheet *s)
{
    vf_auto(vf_plan_free) struct vf_plan *p = vf_plan_copy(s->plan);
    vf_str_set(&p->target_name, NULL);
    vf_str_set(&p->cpu, NULL);
    p->target_id = 0;
    for (size_t i = 0; i < p->n_nics; i++)
        vf_plan_reset_nic(&p->nics[i]);
    return vf_plan_text(p);
}

static void add_finding(struct vf_findings *to, const struct vf_finding *f)
{
    size_t from = to->n;
    vf_finding_add(to, f->severity, f->subject, f->cure, "%s", f->text);
    if (f->fix)
        vf_finding_fix(to, f->fix);
    if (f->check)
        vf_findings_name(to, from, f->check);
}

/* A check of the plan alone does not know what was measured for it before. */
static void add_measured(struct vf_sheet *s)
{
    struct vf_prepared *p = &s->seen->prepared;
    vf_autofree char *now = s->plan ? measure_key(s) : NULL;
    bool known = s->measured && vf_streq(now, s->measured);
    p->forecast_seconds = known ? s->forecast : -1;
    p->forecast_down_seconds = known ? s->forecast_down : -1;
    p->forecast_lacks = known ? s->forecast_lacks : NULL;
    for (size_t i = 0; known && i < s->hosts.n; i++)
        add_finding(&p->findings, &s->hosts.v[i]);
}

bool vf_sheet_measure(struct vf_sheet *s)
{
    if (!s->plan || s->none || !s->seen->prepared.plan)
        return false;
    vf_autofree char *now = measure_key(s);
    if (vf_streq(now, s->measured))
        return false;
    vf_str_set(&s->measured, now);
    vf_findings_free(&s->hosts);
    s->hosts = (struct vf_findings){0};
    s->forecast = s->forecast_down = -1;
    return true;
}

void vf_sheet_measured(struct vf_sheet *s, const struct vf_survey_answer *a)
{
    const struct vf_findings *f = &a->prepared.findings;
    if (a->error || !a->prepared.plan)
        return;
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; vf_host_checks[k]; k++)
            if (vf_streq(f->v[i].check, vf_host_checks[k]))
                add_finding(&s->hosts, &f->v[i]);
    s->forecast = a->prepared.forecast_seconds;
    s->forecast_down = a->prepared.forecast_down_seconds;
    s->forecast_lacks = a->prepared.forecast_lacks;
    add_measured(s);
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
    add_measured(s);
    free(s->checked);
    s->checked = made && plan && differ(plan, s->plan) ? NULL : key(s, where);
}

bool vf_sheet_checked(const struct vf_sheet *s, const char *where)
{
    vf_autofree char *now = key(s, where);
    return !s->anew && vf_streq(now, s->checked);
}
