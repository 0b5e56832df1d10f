/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages of the wizard as a table: what each lists, and what choosing does. */
#include "config.h"
#include "ui/wizard/pages.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

static void heads(struct vf_list *l, const char *const *names, size_t n, unsigned right)
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
    heads(l, names, VF_COUNT(names), 0);
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
    heads(l, names, VF_COUNT(names), 0);
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
    if (!vf_streq(w->target, row->cells[0])) { /* its bridges are others */
        vf_strv_free(w->rules);
        w->rules = vf_strv_new();
    }
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
    heads(l, names, VF_COUNT(names), 1 << 1 | 1 << 4);
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
    heads(l, names, VF_COUNT(names), 1 << 1 | 1 << 2);
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
    heads(l, names, VF_COUNT(names), 1 << 2 | 1 << 3);
    vf_strv_free(w->bridges);
    w->bridges = vf_strv_new();
    for (size_t i = 0; a->bridges && a->bridges[i]; i++)
        vf_strv_add(&w->bridges, a->bridges[i]);
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

/* ---- the plan ---- */

enum { TAG_START = 1, TAG_RUN_IT, TAG_COMPARE, TAG_NOTHING, TAG_NIC };

static char *sheet_key(const struct vf_wizard *w)
{
    vf_autofree char *rules = vf_strv_join(w->rules, " ");
    return vf_asprintf("%s/%s %s/%s/%s %s %d%d", w->source, w->vm, w->target, w->node, w->storage,
                       rules, w->no_start, w->no_verify);
}

static bool seen_before(const struct vf_vm *v, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (vf_streq(v->nics[k].bridge, v->nics[i].bridge))
            return true;
    return false;
}

/* A row for each bridge the VM is on. Where the target has none of that name, one has to be chosen:
 * the cursor goes there. */
static void add_networks(const struct vf_wizard *w, const struct vf_prepared *p, struct vf_list *l)
{
    const struct vf_vm *v = p->source;
    bool open = false;
    for (size_t i = 0; i < v->n_nics && i < p->plan->n_nics; i++) {
        if (!v->nics[i].bridge || seen_before(v, i))
            continue;
        struct vf_list_row *r = vf_list_add(l, TAG_NIC + i);
        r->cells[0] = vf_strdup(_("Network"));
        const char *to = p->plan->nics[i].bridge;
        bool known = to && vf_strv_has(w->bridges, to);
        r->cells[1] = vf_asprintf("%s -> %s%s", v->nics[i].bridge, known ? to : "?",
                                  known ? "" : _("   choose one"));
        if (!known && !open)
            l->cursor = l->n_rows - 1;
        open = open || !known;
    }
}

static void fill_sheet(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", ""};
    const struct vf_prepared *p = &a->prepared;
    bool stop = vf_findings_stop(&p->findings);
    heads(l, names, VF_COUNT(names), 0);
    struct vf_list_row *r = vf_list_add(l, TAG_START);
    r->cells[0] = vf_strdup(_("Start"));
    r->cells[1] = vf_asprintf(_("move %s now"), w->vm_name);
    r->why_not =
        vf_strdup(stop || !p->plan ? _("it cannot be moved as things are: see below") : NULL);
    if (!p->plan)
        return;
    vf_autofree char *bytes = vf_format_bytes(p->bytes);
    r = vf_list_add(l, TAG_NOTHING);
    r->cells[0] = vf_strdup(_("Disks"));
    r->cells[1] =
        vf_asprintf(_("%zu, about %s to copy, to storage %s"), p->plan->n_disks, bytes, w->storage);
    r->why_not = vf_strdup(_("p shows the whole plan"));
    add_networks(w, p, l);
    if (p->source->state != VF_VM_STOPPED) {
        r = vf_list_add(l, TAG_RUN_IT);
        r->cells[0] = vf_strdup(_("Start there"));
        r->cells[1] = vf_strdup(w->no_start ? _("no, leave it stopped") : _("yes"));
    }
    r = vf_list_add(l, TAG_COMPARE);
    r->cells[0] = vf_strdup(_("Verify"));
    r->cells[1] = vf_strdup(w->no_verify ? _("no, trust the target's storage")
                                         : _("yes, every disk is read back and compared"));
}

static bool precopies(const struct vf_prepared *p)
{
    for (size_t i = 0; i < p->plan->n_disks; i++)
        if (vf_plan_precopies(p->plan, p->source, i))
            return true;
    return false;
}

static void ask_start(struct vf_wizard *w)
{
    const struct vf_prepared *p = &w->plan->prepared;
    bool down = p->source->state != VF_VM_STOPPED, later = down && precopies(p);
    vf_autofree char *title = down && !later
                                  ? vf_asprintf(_("Shut %s down and move it now?"), w->vm_name)
                                  : vf_asprintf(_("Move %s now?"), w->vm_name);
    const char *when = later ? _("It runs on while its raw disks are copied; then it is shut down, "
                                 "and is down until "
                                 "all are compared. ")
                       : down ? _("It is down until its disks are copied and compared. ")
                              : "";
    vf_autofree char *detail =
        vf_asprintf("%s%s", when, _("What goes wrong is put back; the source is never deleted."));
    vf_autojson json_t *ask =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "id", "start", "kind",
                  "choice", "title", title, "detail", detail, "safe", "no", "choices", "key", "no",
                  "label", _("Not yet"), "key", "yes", "label", _("Yes, begin"));
    vf_question_open(&w->question, ask);
}

static enum vf_wizard_end choose_sheet(struct vf_wizard *w, const struct vf_list_row *row)
{
    if (row->tag == TAG_START) {
        ask_start(w);
        return VF_WIZARD_GOES_ON;
    }
    if (row->tag >= TAG_NIC) {
        vf_str_set(&w->bridge, w->plan->prepared.source->nics[row->tag - TAG_NIC].bridge);
        vf_wizard_go(w, PAGE_BRIDGE);
        return VF_WIZARD_GOES_ON;
    }
    bool *toggle = row->tag == TAG_RUN_IT ? &w->no_start : &w->no_verify;
    *toggle = !*toggle;
    vf_wizard_go(w, PAGE_SHEET);
    return VF_WIZARD_GOES_ON;
}

/* ---- bridges ---- */

static void fill_bridges(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Bridge at the target")};
    heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; w->bridges && w->bridges[i]; i++)
        vf_list_add(l, i)->cells[0] = vf_escape(w->bridges[i]);
    vf_list_find(l, w->bridge);
}

static char *bridge_key(const struct vf_wizard *w)
{
    return vf_strdup(w->bridge);
}

static enum vf_wizard_end choose_bridge(struct vf_wizard *w, const struct vf_list_row *row)
{
    vf_autofree char *prefix = vf_asprintf("%s=", w->bridge);
    char **rules = vf_strv_new();
    for (size_t i = 0; w->rules[i]; i++)
        if (!vf_starts(w->rules[i], prefix))
            vf_strv_add(&rules, w->rules[i]);
    vf_strv_addf(&rules, "%s%s", prefix, row->cells[0]);
    vf_strv_free(w->rules);
    w->rules = rules;
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
    [PAGE_SHEET] = {N_("Is this right?"), PAGE_STORAGE, VF_SURVEY_PLAN, sheet_key, fill_sheet,
                    choose_sheet, N_("p plan  ")},
    [PAGE_BRIDGE] = {N_("To which bridge?"), PAGE_SHEET, -1, bridge_key, fill_bridges,
                     choose_bridge, N_("/ filter  ")},
};
