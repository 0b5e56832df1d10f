/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several VMs to one target: a plan for each, which opens as the plan of one VM does. */
#include "config.h"
#include "ui/plan_text.h"
#include "ui/wizard/parts.h"
#include "ui/wizard/sheet.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { TAG_START = 1, TAG_VM };

/* Which VMs they are; caller frees. */
char *vf_several_key(const struct vf_wizard *w)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < w->n_vms; i++)
        vf_buf_printf(&b, "%s%s", i ? "," : "", w->vms[i].vm);
    return vf_buf_take(&b);
}

/* VM I is the one that is looked at: its plan is the wizard's. */
static void look_at(struct vf_wizard *w, size_t i)
{
    w->at = i;
    vf_str_set(&w->vm, w->vms[i].vm);
    vf_str_set(&w->vm_name, w->vms[i].name);
}

/* What the plan of the VM that is looked at is of; caller frees. */
static char *plan_key(const struct vf_wizard *w)
{
    return w->vms[w->at].given ? vf_strdup(w->file_name) : vf_sheet_key(w);
}

/* The plan that was changed on its own page goes back to its VM. */
static void put_back(struct vf_wizard *w)
{
    struct chosen_vm *v = &w->vms[w->at];
    if (!v->lent)
        return;
    v->lent = false;
    vf_survey_answer_free(v->plan);
    v->plan = VF_STEAL(w->plan);
    look_at(w, w->at);
    vf_str_set(&v->plan_key, w->loaded[PAGE_SHEET]);
    vf_str_set(&w->loaded[PAGE_SHEET], NULL);
}

/* The first that has no plan, or one of something else by now; N: none. */
static size_t next_open(struct vf_wizard *w)
{
    for (size_t i = 0; i < w->n_vms; i++) {
        look_at(w, i);
        vf_autofree char *key = plan_key(w);
        if (!w->vms[i].plan || !vf_streq(key, w->vms[i].plan_key))
            return i;
    }
    return w->n_vms;
}

static char *state_of(const struct vf_prepared *p)
{
    size_t n[3] = {0};
    for (size_t i = 0; i < p->findings.n; i++)
        n[p->findings.v[i].severity]++;
    vf_autofree char *bytes = vf_format_bytes(p->bytes);
    return n[VF_STOP]   ? vf_asprintf(_("STOP: %zu to be solved"), n[VF_STOP])
           : n[VF_WARN] ? vf_asprintf(_("about %s, %zu warnings"), bytes, n[VF_WARN])
                        : vf_asprintf(_("about %s"), bytes);
}

/* Why they cannot be started; NULL: they can. */
static const char *not_yet(const struct vf_wizard *w)
{
    for (size_t i = 0; i < w->n_vms; i++) {
        const struct vf_survey_answer *a = w->vms[i].plan;
        if (!a)
            return _("not all of them are checked yet");
        if (!a->prepared.plan || vf_findings_stop(&a->prepared.findings))
            return _("not all of them can be moved as things are: Enter on one says why");
    }
    return NULL;
}

static void show(struct vf_wizard *w, struct vf_list *l)
{
    static const char *const names[] = {N_("VM"), N_("State"), N_("Plan")};
    vf_list_clear(l);
    vf_page_heads(l, names, VF_COUNT(names), 0);
    struct vf_list_row *r = vf_list_add(l, TAG_START);
    r->cells[0] = vf_strdup(_("Start"));
    r->cells[2] = vf_asprintf(_("move these %zu now, one after another"), w->n_vms);
    r->why_not = vf_strdup(not_yet(w));
    for (size_t i = 0; i < w->n_vms; i++) {
        const struct vf_survey_answer *a = w->vms[i].plan;
        r = vf_list_add(l, TAG_VM + i);
        r->cells[0] = vf_strdup(w->vms[i].name);
        r->cells[1] = a && a->prepared.source
                          ? vf_strdup(_(vf_vm_state_name(a->prepared.source->state)))
                          : NULL;
        r->cells[2] = a ? state_of(&a->prepared) : vf_strdup("...");
        if (!a)
            r->why_not = vf_strdup(_("it is not checked yet"));
    }
}

/* The wish for the next one that has to be looked up. */
static void go_on(struct vf_wizard *w)
{
    size_t i = next_open(w);
    w->want = i < w->n_vms;
    if (w->want)
        vf_survey_answer_free(VF_STEAL(w->vms[i].plan));
    show(w, &w->lists[PAGE_SEVERAL]);
}

/* Nothing is looked up for the page as a whole. */
void vf_several_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    put_back(w);
    go_on(w);
}

void vf_several_ask(struct vf_wizard *w, struct vf_survey_question *q)
{
    q->kind = VF_SURVEY_PLAN;
    if (w->vms[w->at].given)
        q->plan = w->vms[w->at].given;
}

void vf_several_take(struct vf_wizard *w, struct vf_survey_answer *a)
{
    struct chosen_vm *v = &w->vms[w->at];
    v->plan = a;
    free(v->plan_key);
    v->plan_key = plan_key(w);
    go_on(w);
}

char *vf_several_looking(const struct vf_wizard *w)
{
    const struct vf_plan *p = w->vms[w->at].given;
    return vf_asprintf(_("Checking %s (%zu of %zu) at %s and %s ..."), w->vm_name, w->at + 1,
                       w->n_vms, p ? p->source : w->source, p ? p->target : w->target);
}

static void ask_start(struct vf_wizard *w)
{
    const char *const choices[] = {"no", _("Not yet"), "yes", _("Yes, begin")};
    size_t down = 0;
    for (size_t i = 0; i < w->n_vms; i++)
        down += w->vms[i].plan->prepared.source->state != VF_VM_STOPPED;
    vf_autofree char *title = vf_asprintf(_("Move these %zu VMs now?"), w->n_vms);
    vf_autofree char *detail = vf_asprintf(
        _("%zu of them run and will be shut down, each when it is its turn. What goes wrong with "
          "one is put back; the sources are never deleted."),
        down);
    vf_wizard_choose(w, "start", title, detail, "no", choices, 2);
}

enum vf_wizard_end vf_several_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    if (row->tag == TAG_START) {
        ask_start(w);
        return VF_WIZARD_GOES_ON;
    }
    size_t i = row->tag - TAG_VM;
    look_at(w, i);
    if (w->vms[i].given) {
        vf_wizard_read(w, _("The whole plan"), vf_plan_summary(&w->vms[i].plan->prepared));
        return VF_WIZARD_GOES_ON;
    }
    vf_survey_answer_free(w->plan);
    w->plan = VF_STEAL(w->vms[i].plan);
    w->vms[i].lent = true;
    vf_wizard_show_plan(w);
    return VF_WIZARD_GOES_ON;
}

void vf_several_open(struct vf_wizard *w, struct vf_plan **plans, size_t n)
{
    struct chosen_vm *vms = vf_xcalloc(n, sizeof *vms);
    for (size_t i = 0; i < n; i++) {
        vms[i].vm = vf_asprintf("%u", plans[i]->vm_id);
        vms[i].name = plans[i]->vm_name ? vf_escape(plans[i]->vm_name) : vf_strdup(vms[i].vm);
        vms[i].given = plans[i];
    }
    free(plans);
    vf_wizard_choose_vms(w, vms, n);
    vf_wizard_go(w, PAGE_SEVERAL);
}
