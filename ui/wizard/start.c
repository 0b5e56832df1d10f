/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first page: what is to be done. And a plan that is opened. */
#include "config.h"
#include "ui/plan_text.h"
#include "ui/wizard/parts.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { TAG_MOVE = 1, TAG_FILE, TAG_DEMO, TAG_QUIT, TAG_JOB };

void vf_start_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {""};
    vf_page_heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; i < w->n_jobs; i++) {
        const struct job_row *j = &w->jobs[i];
        vf_list_add(l, TAG_JOB + i)->cells[0] =
            vf_asprintf(j->runs ? _("Running: %s") : _("Not finished: %s"), j->service);
    }
    vf_list_add(l, TAG_MOVE)->cells[0] =
        vf_strdup(_("Move VMs from one Proxmox cluster to another"));
    vf_list_add(l, TAG_FILE)->cells[0] = vf_strdup(_("Open a plan that was saved"));
    struct vf_list_row *r = vf_list_add(l, TAG_DEMO);
    r->cells[0] = vf_strdup(_("Watch a demo: two small clusters on this machine"));
    r->why_not = vf_strdup(w->hands.no_demo);
    vf_list_add(l, TAG_QUIT)->cells[0] = vf_strdup(_("Leave"));
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
        w->connect_back = PAGE_SOURCE;
        vf_wizard_go(w, w->conf->n_clusters ? PAGE_SOURCE : PAGE_CONNECT);
        return VF_WIZARD_GOES_ON;
    }
    w->job_row = row->tag - TAG_JOB;
    vf_str_set(&w->job, w->jobs[w->job_row].id);
    if (w->jobs[w->job_row].runs)
        return VF_WIZARD_ATTACH;
    vf_wizard_go(w, PAGE_JOB);
    return VF_WIZARD_GOES_ON;
}

char *vf_start_status(const struct vf_wizard *w)
{
    const struct vf_list_row *r = vf_list_row(&w->lists[PAGE_START]);
    if (r && r->tag >= TAG_JOB) {
        const struct job_row *j = &w->jobs[r->tag - TAG_JOB];
        return vf_asprintf(
            j->runs ? _("%s. Enter looks at it.") : _("%s. Enter says what can be done."), j->what);
    }
    return !w->conf->n_clusters && r && r->tag == TAG_MOVE
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

enum vf_wizard_end vf_file_done(struct vf_wizard *w)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_str_set(&w->file_name, w->form.fields[0].typed);
    struct vf_plan *p = w->hands.open_plan(w->hands.opaque, w->file_name, &err);
    if (!p) {
        vf_form_mark(&w->form, 0, vf_error_text(err));
        return VF_WIZARD_GOES_ON;
    }
    vf_plan_free(w->file_plan);
    w->file_plan = p;
    vf_str_set(&w->loaded[PAGE_PLAN], NULL); /* what was looked up was another's */
    vf_wizard_go(w, PAGE_PLAN);
    return VF_WIZARD_GOES_ON;
}

/* ---- that plan ---- */

enum { TAG_START = 1 };

char *vf_plan_key(const struct vf_wizard *w)
{
    return vf_strdup(w->file_name);
}

void vf_plan_ask(struct vf_wizard *w, struct vf_survey_question *q)
{
    q->plan = w->file_plan;
}

char *vf_plan_looking(const struct vf_wizard *w)
{
    return vf_asprintf(_("Checking at %s and %s ..."), w->file_plan->source, w->file_plan->target);
}

static char *name_of(const struct vf_plan *p)
{
    return p->vm_name ? vf_escape(p->vm_name) : vf_asprintf("%u", p->vm_id);
}

void vf_plan_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", ""};
    const struct vf_prepared *p = &a->prepared;
    vf_page_heads(l, names, VF_COUNT(names), 0);
    struct vf_list_row *r = vf_list_add(l, TAG_START);
    vf_autofree char *name = name_of(w->file_plan);
    r->cells[0] = vf_strdup(_("Start"));
    r->cells[1] = vf_asprintf(_("move %s now, as planned in %s"), name, w->file_name);
    if (!p->plan || vf_findings_stop(&p->findings))
        r->why_not = vf_strdup(_("it cannot be moved as things are: see above"));
}

enum vf_wizard_end vf_plan_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    const char *const choices[] = {"no", _("Not yet"), "yes", _("Yes, begin")};
    const struct vf_prepared *p = &w->plan->prepared;
    vf_autofree char *name = name_of(p->plan);
    vf_autofree char *title = p->source->state != VF_VM_STOPPED && !p->plan->wait_before_stop
                                  ? vf_asprintf(_("Shut %s down and move it now?"), name)
                                  : vf_asprintf(_("Move %s now?"), name);
    vf_wizard_choose(w, "start", title,
                     _("What goes wrong is put back; the source is never deleted."), "no", choices,
                     2);
    return VF_WIZARD_GOES_ON;
}

bool vf_plan_press(struct vf_wizard *w, int key)
{
    if (key != 'p' || !w->plan || !w->loaded[PAGE_PLAN])
        return false;
    vf_wizard_read(w, _("The whole plan"), vf_plan_summary(&w->plan->prepared));
    return true;
}

/* What the plan says, below what can be chosen. */
void vf_plan_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    int rows = (int)w->lists[PAGE_PLAN].n_rows + 2;
    vf_list_draw(&w->lists[PAGE_PLAN], c, row - 1, rows);
    if (!w->plan || !w->loaded[PAGE_PLAN])
        return;
    vf_autofree char *text = vf_plan_summary(&w->plan->prepared);
    int end = vf_page_text(c, row + rows - 1, bottom - 1, VF_LOOK_TEXT, text);
    if (end == bottom - 1)
        vf_page_text(c, end, bottom, VF_LOOK_FAINT, _("p shows the whole plan"));
}
