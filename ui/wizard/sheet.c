/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as a page of the wizard, and what opens from it. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "ui/plan_text.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* ---- the plan ---- */

enum { TAG_START = 1, TAG_RUN_IT, TAG_COMPARE, TAG_NOTHING, TAG_NIC };

char *vf_sheet_key(const struct vf_wizard *w)
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

void vf_sheet_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", ""};
    const struct vf_prepared *p = &a->prepared;
    bool stop = vf_findings_stop(&p->findings);
    vf_page_heads(l, names, VF_COUNT(names), 0);
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

enum vf_wizard_end vf_sheet_choose(struct vf_wizard *w, const struct vf_list_row *row)
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

void vf_bridge_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Bridge at the target")};
    vf_page_heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; w->bridges && w->bridges[i]; i++)
        vf_list_add(l, i)->cells[0] = vf_escape(w->bridges[i]);
    vf_list_find(l, w->bridge);
}

char *vf_bridge_key(const struct vf_wizard *w)
{
    return vf_strdup(w->bridge);
}

enum vf_wizard_end vf_bridge_choose(struct vf_wizard *w, const struct vf_list_row *row)
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

/* ---- keys and drawing ---- */

static void show_plan(struct vf_wizard *w)
{
    free(w->text);
    w->text = vf_plan_summary(&w->plan->prepared);
    w->reader = (struct vf_reader){.title = _("The whole plan"), .text = w->text};
}

bool vf_sheet_press(struct vf_wizard *w, int key)
{
    if (key != 'p' || !w->plan || !w->loaded[PAGE_SHEET])
        return false;
    show_plan(w);
    return true;
}

static int draw_findings(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    static const enum vf_look looks[] = {VF_LOOK_TEXT, VF_LOOK_WARN, VF_LOOK_BAD};
    static const char *const words[] = {N_("note"), N_("warning"), N_("STOP")};
    const struct vf_findings *f = &w->plan->prepared.findings;
    for (int severity = VF_STOP; severity >= VF_INFO; severity--)
        for (size_t i = 0; i < f->n; i++) {
            if ((int)f->v[i].severity != severity)
                continue;
            vf_autofree char *text =
                vf_asprintf("%s  %s: %s%s%s", _(words[severity]), f->v[i].subject, f->v[i].text,
                            f->v[i].cure ? "; " : "", f->v[i].cure ? f->v[i].cure : "");
            vf_autofree char *safe = vf_escape(text);
            if (row == bottom - 1)
                return vf_page_text(c, row, bottom, VF_LOOK_FAINT,
                                    _("more: p shows the whole plan"));
            row = vf_page_text(c, row, bottom - 1, looks[severity], safe);
        }
    return row;
}

void vf_sheet_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    struct vf_list *l = &w->lists[PAGE_SHEET];
    int rows = (int)l->n_rows + 2;
    if (rows > bottom - row)
        rows = bottom - row;
    vf_list_draw(l, c, row - 1, rows);
    if (w->plan && w->loaded[PAGE_SHEET])
        draw_findings(w, c, row + rows - 1, bottom);
}
