/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From which cluster, and to which. */
#include "config.h"
#include "ui/wizard/parts.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { TAG_ADD = 1 << 20, TAG_FILES };

size_t vf_clusters_count(const struct vf_wizard *w, const char *type)
{
    size_t n = 0;
    for (size_t i = 0; i < w->conf->n_clusters; i++)
        n += vf_streq(w->conf->clusters[i].type, type);
    return n;
}

char *vf_source_title(const struct vf_wizard *w)
{
    return vf_strdup(w->imports ? _("Import from where?") : _("From which cluster?"));
}

/* VMs move from and to Proxmox clusters; they are imported from ESXi. */
static const char *wanted_type(const struct vf_wizard *w)
{
    return w->imports && w->page == PAGE_SOURCE ? "esxi" : "pve";
}

static void add_row(struct vf_list *l, size_t tag, const char *what, const char *more)
{
    struct vf_list_row *r = vf_list_add(l, tag);
    r->cells[0] = vf_strdup(what);
    r->cells[1] = vf_strdup(more);
}

void vf_clusters_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Cluster"), N_("Address"), N_("Login")};
    static const char *const hosts[] = {N_("Host"), N_("Address"), N_("Login")};
    bool target = w->page == PAGE_TARGET;
    const char *chosen = target ? w->target : w->source;
    bool esxi = vf_streq(wanted_type(w), "esxi");
    vf_page_heads(l, esxi ? hosts : names, VF_COUNT(names), 0);
    for (size_t i = 0; i < w->conf->n_clusters; i++) {
        const struct vf_cluster_conf *c = &w->conf->clusters[i];
        if (!vf_streq(c->type, wanted_type(w)))
            continue;
        struct vf_list_row *r = vf_list_add(l, i);
        r->cells[0] = vf_strdup(c->name);
        r->cells[1] = vf_strdup(c->urls ? c->urls[0] : NULL);
        r->cells[2] = vf_strdup(c->token ? c->token : c->user);
    }
    if (esxi) {
        add_row(l, TAG_ADD, _("Add a host"), _("ESXi, or a vCenter"));
        add_row(l, TAG_FILES, _("Exported files"), _(".vmx, .ovf, .ova or a directory"));
    } else {
        add_row(l, TAG_ADD, _("Add a cluster"), NULL);
    }
    if (chosen) {
        vf_list_find(l, *chosen == '/' ? _("Exported files") : chosen);
        return;
    }
    l->cursor = 0;
    if (!target)
        return;
    /* nearly always another one; of only one, that there is none */
    l->cursor = l->n_rows - 1;
    for (size_t i = l->n_rows - 1; i-- > 0;)
        if (!vf_streq(l->rows[i].cells[0], w->source))
            l->cursor = i;
}

/* Another one: what was chosen behind it no longer holds. */
static void set_choice(char **slot, const char *value, char **const *behind, size_t n)
{
    if (vf_streq(*slot, value))
        return;
    vf_str_set(slot, value);
    for (size_t i = 0; i < n; i++)
        vf_str_set(behind[i], NULL);
}

void vf_clusters_take(struct vf_wizard *w, bool target, const char *name)
{
    char **const places[] = {&w->node, &w->storage};
    if (!target) {
        if (!vf_streq(w->source, name))
            vf_wizard_choose_vms(w, NULL, 0);
        vf_str_set(&w->source, name);
        vf_wizard_go(w, PAGE_VM);
        return;
    }
    set_choice(&w->target, name, places, VF_COUNT(places));
    vf_wizard_go(w, PAGE_NODE);
}

static enum vf_wizard_end choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    if (row->tag == TAG_ADD) {
        w->connect_back = w->page;
        vf_wizard_go(w, PAGE_CONNECT);
    } else if (row->tag == TAG_FILES) {
        vf_wizard_go(w, PAGE_EXPORT);
    } else {
        /* the list is made anew while the row is in use */
        vf_autofree char *name = vf_strdup(row->cells[0]);
        vf_clusters_take(w, w->page == PAGE_TARGET, name);
    }
    return VF_WIZARD_GOES_ON;
}

enum vf_wizard_end vf_source_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    return choose(w, row);
}

enum vf_wizard_end vf_target_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    return choose(w, row);
}
