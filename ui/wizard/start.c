/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first page: what is to be done. And a plan that is opened. */
#include "config.h"
#include "ui/wizard/parts.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { TAG_MOVE = 1, TAG_IMPORT, TAG_FILE, TAG_DEMO, TAG_QUIT, TAG_JOB };

void vf_start_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {""};
    vf_page_heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; i < w->n_jobs; i++) {
        const struct job_row *j = &w->jobs[i];
        struct vf_list_row *r = vf_list_add(l, TAG_JOB + i);
        r->cells[0] = vf_asprintf(j->runs ? _("Running: %s") : _("Not finished: %s"), j->service);
        r->whole = true;
    }
    vf_list_add(l, TAG_MOVE)->cells[0] =
        vf_strdup(_("Move VMs from one Proxmox cluster to another"));
    vf_list_add(l, TAG_IMPORT)->cells[0] =
        vf_strdup(_("Import VMs from ESXi, vCenter or exported files"));
    vf_list_add(l, TAG_FILE)->cells[0] = vf_strdup(_("Open a plan that was saved"));
    struct vf_list_row *r = vf_list_add(l, TAG_DEMO);
    r->cells[0] = vf_strdup(_("Watch a demo: two small clusters on this machine"));
    r->why_not = vf_strdup(w->hands.no_demo);
    vf_list_add(l, TAG_QUIT)->cells[0] = vf_strdup(_("Leave"));
}

/* Another kind of source: what was chosen of the other no longer holds. */
static void begin(struct vf_wizard *w, bool imports)
{
    if (w->imports != imports) {
        vf_list_free(&w->lists[PAGE_SOURCE]);
        w->sort = 0;
        vf_wizard_choose_vms(w, NULL, 0);
        vf_str_set(&w->source, NULL);
    }
    w->imports = imports;
    w->connect_back = PAGE_SOURCE;
    vf_wizard_go(w, imports || vf_clusters_count(w, "pve") ? PAGE_SOURCE : PAGE_CONNECT);
}

/* Of several, each is looked at when it is its turn. */
static void ask_batch(struct vf_wizard *w)
{
    const char *const choices[] = {"no", _("Not yet"), "yes", _("Yes, go on")};
    vf_wizard_choose(w, "batch", _("Go on with these VMs?"),
                     _("Those that were cut off go on, then the others begin, one after another. "
                       "One of them can be undone alone: it has a row of its own."),
                     "no", choices, 2);
}

enum vf_wizard_end vf_start_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    switch (row->tag) {
    case TAG_QUIT:
        return VF_WIZARD_QUIT;
    case TAG_DEMO:
        return VF_WIZARD_DEMO;
    case TAG_FILE:
        vf_wizard_go(w, PAGE_FILE);
        return VF_WIZARD_GOES_ON;
    case TAG_MOVE:
    case TAG_IMPORT:
        begin(w, row->tag == TAG_IMPORT);
        return VF_WIZARD_GOES_ON;
    }
    w->job_row = row->tag - TAG_JOB;
    vf_str_set(&w->job, w->jobs[w->job_row].id);
    if (w->jobs[w->job_row].runs)
        return VF_WIZARD_ATTACH;
    if (vf_starts(w->job, "batch-"))
        ask_batch(w);
    else
        vf_wizard_go(w, PAGE_JOB);
    return VF_WIZARD_GOES_ON;
}

enum vf_wizard_end vf_start_answered(struct vf_wizard *w, const char *id, const char *answer)
{
    return vf_streq(answer, "yes") ? VF_WIZARD_RESUME : VF_WIZARD_GOES_ON;
}

char *vf_start_status(const struct vf_wizard *w)
{
    const struct vf_list_row *r = vf_list_row(&w->lists[PAGE_START]);
    if (r && r->tag >= TAG_JOB) {
        const struct job_row *j = &w->jobs[r->tag - TAG_JOB];
        return vf_asprintf(
            j->runs ? _("%s. Enter looks at it.") : _("%s. Enter says what can be done."), j->what);
    }
    return !vf_clusters_count(w, "pve") && r && r->tag == TAG_MOVE
               ? vf_strdup(_("No cluster is configured yet: it begins with adding one."))
               : NULL;
}

/* ---- which plan ---- */

void vf_file_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    vf_form_clear(&w->form);
    vf_form_add_field(&w->form, VF_FIELD_TEXT, _("Plan file"),
                      _("as move --save-plan, or the wizard, has written it"));
    vf_field_set(&w->form.fields[0], w->file_name);
}

/* Why PLANS are none that can be shown together; NULL: they are. */
static const char *not_together(struct vf_plan *const *plans, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (!vf_streq(plans[i]->source, plans[0]->source) ||
            !vf_streq(plans[i]->target, plans[0]->target))
            return _("it has moves between different clusters: vmferry run carries it out");
    return NULL;
}

/* The plans (taken over) are those of the VMs that are chosen. */
static void take_plans(struct vf_wizard *w, struct vf_plan **plans, size_t n)
{
    struct chosen_vm *vms = vf_xcalloc(n, sizeof *vms);
    for (size_t i = 0; i < n; i++) {
        vms[i].vm = vf_asprintf("%u", plans[i]->vm_id);
        vms[i].name = plans[i]->vm_name ? vf_escape(plans[i]->vm_name) : vf_strdup(vms[i].vm);
    }
    vf_str_set(&w->source, plans[0]->source);
    vf_str_set(&w->target, plans[0]->target);
    vf_str_set(&w->node, plans[0]->target_node);
    vf_str_set(&w->storage, plans[0]->n_disks ? plans[0]->disks[0].storage : "");
    vf_wizard_choose_vms(w, vms, n);
    for (size_t i = 0; i < n; i++)
        vf_sheet_give(w, i, plans[i]);
    free(plans);
    w->from_file = true;
}

enum vf_wizard_end vf_file_done(struct vf_wizard *w)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_str_set(&w->file_name, w->form.fields[0].typed);
    struct vf_plan **plans;
    size_t n;
    if (w->hands.open_plans(w->hands.opaque, w->file_name, &plans, &n, &err) < 0) {
        vf_form_mark(&w->form, 0, vf_error_text(err));
        return VF_WIZARD_GOES_ON;
    }
    const char *why = not_together(plans, n);
    if (why) {
        vf_form_mark(&w->form, 0, why);
        vf_plans_free(plans, n);
        return VF_WIZARD_GOES_ON;
    }
    take_plans(w, plans, n);
    vf_wizard_go(w, n > 1 ? PAGE_SEVERAL : PAGE_SHEET);
    return VF_WIZARD_GOES_ON;
}
