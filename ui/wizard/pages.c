/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages of the wizard as a table: what each lists, and what choosing does. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

void vf_page_heads(struct vf_list *l, const char *const *names, size_t n, unsigned right)
{
    for (size_t i = 0; i < n; i++) {
        l->heads[i] = _(names[i]);
        l->right[i] = (right >> i) & 1;
    }
}

static char *bytes_of(uint64_t n)
{
    return n ? vf_format_bytes(n) : NULL;
}

/* ---- start ---- */

enum { TAG_MOVE = 1, TAG_QUIT, TAG_JOB };

static void fill_start(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {""};
    vf_page_heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; i < w->n_jobs; i++) {
        const struct job_row *j = &w->jobs[i];
        struct vf_list_row *r = vf_list_add(l, TAG_JOB + i);
        r->cells[0] = j->runs ? vf_asprintf(_("Look at: %s (running)"), j->what)
                              : vf_asprintf(_("Not finished: %s"), j->what);
        r->why_not = vf_strdup(j->runs ? NULL : j->what_next);
    }
    vf_list_add(l, TAG_MOVE)->cells[0] = vf_strdup(_("Move a VM from one cluster to another"));
    vf_list_add(l, TAG_QUIT)->cells[0] = vf_strdup(_("Leave"));
}

static enum vf_wizard_end choose_start(struct vf_wizard *w, const struct vf_list_row *row)
{
    if (row->tag == TAG_QUIT)
        return VF_WIZARD_QUIT;
    if (row->tag == TAG_MOVE) {
        vf_wizard_go(w, PAGE_SOURCE);
        return VF_WIZARD_GOES_ON;
    }
    vf_str_set(&w->job, w->jobs[row->tag - TAG_JOB].id);
    return VF_WIZARD_ATTACH;
}

/* ---- clusters ---- */

static void fill_clusters(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Cluster"), N_("Address"), N_("Login")};
    vf_page_heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; i < w->conf->n_clusters; i++) {
        const struct vf_cluster_conf *c = &w->conf->clusters[i];
        struct vf_list_row *r = vf_list_add(l, i);
        r->cells[0] = vf_strdup(c->name);
        r->cells[1] = vf_strdup(c->urls ? c->urls[0] : NULL);
        r->cells[2] = vf_strdup(c->token ? c->token : c->user);
    }
    if (w->page != PAGE_TARGET || w->target)
        return;
    /* nearly always another one */
    for (size_t i = l->n_rows; i-- > 0;)
        if (!vf_streq(l->rows[i].cells[0], w->source))
            l->cursor = i;
}

/* Another cluster: what was chosen behind it no longer holds. */
static void set_choice(char **slot, const char *value, char **const *behind, size_t n)
{
    if (vf_streq(*slot, value))
        return;
    vf_str_set(slot, value);
    for (size_t i = 0; i < n; i++)
        vf_str_set(behind[i], NULL);
}

static enum vf_wizard_end choose_source(struct vf_wizard *w, const struct vf_list_row *row)
{
    char **const behind[] = {&w->vm, &w->vm_name};
    set_choice(&w->source, row->cells[0], behind, VF_COUNT(behind));
    vf_wizard_go(w, PAGE_VM);
    return VF_WIZARD_GOES_ON;
}

static enum vf_wizard_end choose_target(struct vf_wizard *w, const struct vf_list_row *row)
{
    char **const behind[] = {&w->node, &w->storage};
    set_choice(&w->target, row->cells[0], behind, VF_COUNT(behind));
    vf_wizard_go(w, PAGE_NODE);
    return VF_WIZARD_GOES_ON;
}

static char *source_key(const struct vf_wizard *w)
{
    return vf_strdup(w->source);
}

static char *target_key(const struct vf_wizard *w)
{
    return vf_strdup(w->target);
}

/* ---- VMs ---- */

static const char *cannot_move(const struct vf_vm *v)
{
    return v->container   ? _("a container: Proxmox's own backup and restore move it")
           : v->template_ ? _("a template: clone it, and move the clone")
           : v->lock      ? _("locked: something is going on with it")
                          : NULL;
}

static void fill_vms(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Name"),  N_("VMID"),   N_("Node"),
                                        N_("State"), N_("Memory"), N_("Tags")};
    vf_page_heads(l, names, VF_COUNT(names), 1 << 1 | 1 << 4);
    for (size_t i = 0; i < a->n_vms; i++) {
        const struct vf_vm *v = a->vms[i];
        struct vf_list_row *r = vf_list_add(l, v->id);
        r->cells[0] = vf_escape(v->name ? v->name : "");
        r->cells[1] = vf_asprintf("%u", v->id);
        r->cells[2] = vf_escape(v->node ? v->node : "");
        r->cells[3] = vf_strdup(_(vf_vm_state_name(v->state)));
        r->cells[4] = bytes_of(v->memory);
        r->cells[5] = v->tags ? vf_escape(v->tags) : NULL;
        r->why_not = vf_strdup(cannot_move(v));
    }
}

static enum vf_wizard_end choose_vm(struct vf_wizard *w, const struct vf_list_row *row)
{
    vf_str_set(&w->vm, row->cells[1]);
    vf_str_set(&w->vm_name, row->cells[0]);
    vf_wizard_go(w, PAGE_TARGET);
    return VF_WIZARD_GOES_ON;
}

/* ---- nodes and storages ---- */

static void fill_nodes(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Node"), N_("Memory free"), N_("of")};
    vf_page_heads(l, names, VF_COUNT(names), 1 << 1 | 1 << 2);
    for (size_t i = 0; i < a->n_nodes; i++) {
        const struct vf_seen_node *n = &a->nodes[i];
        struct vf_list_row *r = vf_list_add(l, i);
        r->cells[0] = vf_escape(n->name);
        if (n->memory_total > n->memory_used)
            r->cells[1] = bytes_of(n->memory_total - n->memory_used);
        r->cells[2] = bytes_of(n->memory_total);
        r->why_not = vf_strdup(!n->online     ? _("offline")
                               : n->no_quorum ? _("its cluster has no quorum and refuses changes")
                                              : NULL);
    }
}

static enum vf_wizard_end choose_node(struct vf_wizard *w, const struct vf_list_row *row)
{
    char **const behind[] = {&w->storage};
    set_choice(&w->node, row->cells[0], behind, VF_COUNT(behind));
    vf_wizard_go(w, PAGE_STORAGE);
    return VF_WIZARD_GOES_ON;
}

static char *node_key(const struct vf_wizard *w)
{
    return vf_asprintf("%s/%s", w->target, w->node);
}

static void fill_storages(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Storage"), N_("Type"), N_("Free"), N_("of"), ""};
    vf_page_heads(l, names, VF_COUNT(names), 1 << 2 | 1 << 3);
    for (size_t i = 0; i < a->n_storages; i++) {
        const struct vf_seen_storage *s = &a->storages[i];
        struct vf_list_row *r = vf_list_add(l, i);
        r->cells[0] = vf_escape(s->name);
        r->cells[1] = vf_strdup(s->type);
        r->cells[2] = bytes_of(s->avail);
        r->cells[3] = bytes_of(s->total);
        r->cells[4] = vf_strdup(s->shared ? _("shared by all nodes") : NULL);
        r->why_not = vf_strdup(s->total && !s->avail ? _("full") : NULL);
    }
}

static enum vf_wizard_end choose_storage(struct vf_wizard *w, const struct vf_list_row *row)
{
    vf_str_set(&w->storage, row->cells[0]);
    vf_wizard_go(w, PAGE_SHEET);
    return VF_WIZARD_GOES_ON;
}

const struct page_ops vf_pages[PAGES] = {
    [PAGE_START] = {N_("What is to be done?"), PAGE_START, -1, NULL, fill_start, choose_start, ""},
    [PAGE_SOURCE] = {N_("From which cluster?"), PAGE_START, -1, NULL, fill_clusters, choose_source,
                     ""},
    [PAGE_VM] = {N_("Which VM?"), PAGE_SOURCE, VF_SURVEY_VMS, source_key, fill_vms, choose_vm,
                 N_("/ filter  ")},
    [PAGE_TARGET] = {N_("To which cluster?"), PAGE_VM, -1, NULL, fill_clusters, choose_target, ""},
    [PAGE_NODE] = {N_("To which node?"), PAGE_TARGET, VF_SURVEY_NODES, target_key, fill_nodes,
                   choose_node, N_("/ filter  ")},
    [PAGE_STORAGE] = {N_("To which storage?"), PAGE_NODE, VF_SURVEY_PLACES, node_key, fill_storages,
                      choose_storage, N_("/ filter  ")},
#define SHEET                                                                                      \
    .draw = vf_sheet_draw, .press = vf_sheet_press, .status = vf_sheet_status,                     \
    .answered = vf_sheet_answered
    [PAGE_SHEET] = {N_("Is this right?"), PAGE_STORAGE, VF_SURVEY_PLAN, vf_sheet_key, vf_sheet_fill,
                    vf_sheet_choose, N_("e explain  p plan  s save  "), SHEET},
    [PAGE_NET] = {N_("To which bridge?"), PAGE_SHEET, -1, NULL, vf_net_fill, vf_net_choose,
                  N_("/ filter  "), .name = vf_net_title, SHEET},
    [PAGE_NIC] = {N_("Network card"), PAGE_NET, -1, NULL, vf_nic_fill, vf_fields_choose, "",
                  .name = vf_nic_title, SHEET},
    [PAGE_DISK] = {N_("Disk"), PAGE_SHEET, -1, NULL, vf_disk_fill, vf_fields_choose, "",
                   .name = vf_disk_title, SHEET},
    [PAGE_OPTIONS] = {N_("What is rarely changed"), PAGE_SHEET, -1, NULL, vf_options_fill,
                      vf_fields_choose, "", SHEET},
    [PAGE_PICK] = {N_("Which one?"), PAGE_SHEET, -1, NULL, vf_pick_fill, vf_pick_choose,
                   N_("/ filter  "), .name = vf_pick_title, SHEET},
#undef SHEET
};
