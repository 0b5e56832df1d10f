/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked on the plan's page: new values, a file to save it in, the start. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "ui/plan_text.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* ---- questions ---- */

/* Opens one: with CHOICES (taken), or NULL to have TYPED edited. */
static void open_question(struct vf_wizard *w, const char *id, const char *title,
                          const char *detail, json_t *choices, const char *typed)
{
    vf_autojson json_t *ask =
        json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "id", id, "kind", choices ? "choice" : "text",
                  "title", title, "detail", detail, choices ? "safe" : "typed", typed);
    if (choices)
        json_object_set_new(ask, "choices", choices);
    vf_question_open(&w->question, ask);
}

static void ask_typed(struct vf_wizard *w, const struct vf_setting *f, const char *typed,
                      const char *detail)
{
    w->setting = f;
    open_question(w, "field", _(f->title), detail, NULL, typed ? typed : "");
}

void vf_sheet_ask_setting(struct vf_wizard *w, const struct vf_setting *f)
{
    vf_autofree char *now = f->get(w->sheet);
    const char *detail = vf_setting_detail(f, w->sheet);
    w->setting = f;
    if (!f->offer) {
        ask_typed(w, f, now, detail);
    } else if (f->list) {
        w->from = w->page;
        vf_wizard_go(w, PAGE_PICK);
    } else {
        json_t *choices = json_array();
        f->offer(w->sheet, choices);
        open_question(w, "field", _(f->title), detail, choices, now);
    }
}

void vf_sheet_set(struct vf_wizard *w, const char *value)
{
    const struct vf_setting *f = w->setting;
    if (f->typed && vf_streq(value, "enter")) {
        vf_autofree char *now = f->typed->get(w->sheet);
        ask_typed(w, f->typed, now, NULL);
        return;
    }
    const char *why = w->common ? vf_several_set(w, f, value) : f->set(w->sheet, value);
    if (why) /* what was typed stays to be corrected */
        ask_typed(w, f, value, why);
    else
        vf_sheet_edited(w);
}

/* ---- explanations ---- */

static void add_finding(struct vf_buf *b, const struct vf_finding *f)
{
    vf_autofree char *subject = vf_escape(f->subject), *text = vf_escape(f->text);
    vf_autofree char *cure = f->cure ? vf_escape(f->cure) : NULL;
    vf_buf_printf(b, "%s: %s\n%s\n", _(vf_severity_words[f->severity]), subject, text);
    if (cure)
        vf_buf_printf(b, _("What to do: %s\n"), cure);
    vf_buf_puts(b, "\n");
}

static void explain_data(struct vf_buf *b, const struct vf_sheet *s)
{
    vf_autofree char *way = vf_way_shown(s->seen->prepared.way, true);
    vf_autofree char *node = vf_escape(s->plan->target_node);
    if (way)
        vf_buf_printf(b, _("The source is looked at %s.\n\n"), way);
    vf_buf_printf(
        b,
        _("What is on the disks is read by this machine, and sent on to the target's host. Should "
          "that be slow, run vmferry on node %s: then it goes over the network only once. "
          "Passwords go to no other machine than the source.\n\n"),
        node);
}

/* What was found about row TAG of S, or (ALL) anything, the worst first. */
static void add_findings(struct vf_buf *b, const struct vf_sheet *s, size_t tag, bool all)
{
    const struct vf_findings *f = s->seen ? &s->seen->prepared.findings : NULL;
    for (int severity = VF_STOP; severity >= VF_INFO; severity--)
        for (size_t i = 0; f && i < f->n; i++)
            if ((int)f->v[i].severity == severity && (all || vf_finding_row(s, i) == tag))
                add_finding(b, &f->v[i]);
}

static void explain_expected(struct vf_buf *b, const struct vf_sheet *s)
{
    vf_autofree char *text = vf_sheet_expected(s, false);
    vf_buf_printf(
        b, "%s\n\n%s\n", text,
        vf_sheet_imports(s)
            ? _("Down is the time from the shutdown until the VM starts at the target. Disks "
                "of other hypervisors are read while the VM is down; how long that takes "
                "shows then.")
            : _("Down is the time from the shutdown until the VM starts at the target. Raw "
                "disks of a running VM are copied before the shutdown, and only what has "
                "changed since is sent while it is down; disks of other formats are "
                "copied while it is down."));
}

void vf_sheet_explain(struct vf_wizard *w, size_t tag)
{
    vf_autobuf struct vf_buf b = {0};
    bool several = w->page == PAGE_SEVERAL, start = VF_ROW_KIND(tag) == ROW_START;
    if (several && start) /* which counts those of all VMs */
        for (size_t i = 0; i < w->n_vms; i++)
            add_findings(&b, &w->vms[i].sheet, tag, true);
    else if (VF_ROW_KIND(tag) == ROW_VM)
        add_findings(&b, &w->vms[VF_ROW_INDEX(tag)].sheet, tag, true);
    else
        add_findings(&b, w->sheet, tag, start);
    if (VF_ROW_KIND(tag) == ROW_DATA)
        explain_data(&b, w->sheet);
    if (VF_ROW_KIND(tag) == ROW_EXPECTED)
        explain_expected(&b, w->sheet);
    if (!b.len && several && !start && VF_ROW_KIND(tag) != ROW_VM)
        return; /* it is about rows of several plans */
    if (!b.len)
        vf_buf_printf(&b, "%s\n", _("nothing speaks against it"));
    vf_wizard_read(w, _("What was found"), vf_buf_take(&b));
}

/* ---- fixes ---- */

/* The fix that would help with what was found about row TAG; NULL: none. */
static const struct vf_finding *fixable(const struct vf_sheet *s, size_t tag)
{
    const struct vf_findings *f = &s->seen->prepared.findings;
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].fix && vf_finding_row(s, i) == tag)
            return &f->v[i];
    return NULL;
}

/* What is offered as FIX (translated), and what becomes of it; NULL: no such thing. */
static const char *fix_label(const char *fix, const char **after)
{
    static const char *const labels[VF_FIXES] = {
        N_("Take it out of high availability for the move"),
        N_("Switch its replication off for the move"),
        N_("Eject the medium for the move"),
        N_("Switch its protection off for the move"),
        N_("Switch the host's SSH service on for the import"),
    };
    *after = _("It is put back when the move is undone.");
    if (vf_streq(fix, VF_FIX_SNAPSHOTS)) {
        *after = _("They cannot be put back: the VM keeps the state it has now, not those of its "
                   "snapshots.");
        return _("Remove all its snapshots at the source");
    }
    if (vf_streq(fix, vf_fix_words[VF_FIX_SWITCH_SSH_ON]))
        *after = _("It is switched off again at the end, or when the import is undone.");
    for (unsigned i = 0; i < VF_FIXES; i++)
        if (vf_streq(fix, vf_fix_words[i]))
            return _(labels[i]);
    return NULL;
}

bool vf_sheet_ask_fix(struct vf_wizard *w, size_t tag)
{
    const struct vf_finding *f = fixable(w->sheet, tag);
    const char *after, *label = f ? fix_label(f->fix, &after) : NULL;
    if (!label)
        return false;
    vf_autofree char *text = vf_finding_text(f);
    json_t *choices = json_array();
    vf_offer(choices, f->fix, label);
    if (VF_ROW_KIND(tag) != ROW_FINDING)
        vf_offer(choices, "row", _("Change the plan instead"));
    vf_offer(choices, "back", _("Leave it as it is"));
    w->row = tag;
    open_question(w, "fix", text, after, choices, "back");
    return true;
}

static void take_fix(struct vf_wizard *w, const char *word)
{
    struct vf_plan *p = w->sheet->plan;
    unsigned fixes = p->fixes;
    bool remove = p->remove_snapshots;
    if (vf_streq(word, "row"))
        vf_sheet_open_row(w, w->row);
    for (unsigned i = 0; i < VF_FIXES; i++)
        if (vf_streq(word, vf_fix_words[i]))
            p->fixes |= VF_FIX_BIT(i);
    p->remove_snapshots = remove || vf_streq(word, VF_FIX_SNAPSHOTS);
    if (p->fixes != fixes || p->remove_snapshots != remove)
        vf_sheet_edited(w);
}

/* ---- the start ---- */

static bool precopies(const struct vf_prepared *p)
{
    for (size_t i = 0; i < p->plan->n_disks; i++)
        if (vf_plan_precopies(p->plan, p->source, i))
            return true;
    return false;
}

/* It will be shut down, and nobody is asked before. */
static bool shuts_down(const struct vf_prepared *p)
{
    return p->source->state != VF_VM_STOPPED && p->plan->method == VF_METHOD_COPY &&
           !p->plan->wait_before_stop && !p->plan->rehearse;
}

static const char *what_happens(const struct vf_prepared *p)
{
    bool runs = p->source->state != VF_VM_STOPPED, starts = vf_plan_starts(p->plan, runs);
    return p->plan->rehearse                   ? _("It is a test: the source is left alone. ")
           : !runs && starts                   ? _("It is started at the target in the end. ")
           : !runs                             ? ""
           : p->plan->method != VF_METHOD_COPY ? _("It runs on, and is migrated with its memory. ")
           : p->plan->wait_before_stop
               ? _("It runs on until you are asked whether it may be shut down. ")
           : precopies(p) ? _("It runs on while its raw disks are copied; then it is shut down, "
                              "and is down until all are compared. ")
                          : _("It is shut down at once, and is down until its disks are copied "
                              "and compared. ");
}

static void ask_start(struct vf_wizard *w, const char *title, const char *detail)
{
    json_t *choices = json_array();
    vf_offer(choices, "yes", _("Yes, begin"));
    vf_offer(choices, "no", _("Not yet"));
    open_question(w, "start", title, detail, choices, "yes");
}

/* Of several: how many are shut down without being asked about. */
static size_t shut_down(const struct vf_wizard *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_vms; i++)
        n += shuts_down(&w->vms[i].sheet.seen->prepared);
    return n;
}

static void ask_start_all(struct vf_wizard *w)
{
    size_t n = shut_down(w);
    const char *detail = _("What goes wrong with one is put back; the sources are never deleted.");
    if (n) {
        vf_autofree char *title =
            vf_asprintf(_("%zu of these VMs will be shut down without asking you again, each when "
                          "it is its turn. Type this number to begin."),
                        n);
        open_question(w, "shut-down", title, detail, NULL, "");
        return;
    }
    vf_autofree char *title = vf_asprintf(
        w->imports ? _("Import these %zu VMs now?") : _("Move these %zu VMs now?"), w->n_vms);
    ask_start(w, title, detail);
}

void vf_sheet_ask_start(struct vf_wizard *w)
{
    if (w->n_vms > 1) {
        ask_start_all(w);
        return;
    }
    const struct vf_prepared *p = &w->sheet->seen->prepared;
    const char *what = what_happens(p);
    vf_autofree char *detail =
        vf_asprintf("%s%s", what, _("What goes wrong is put back; the source is never deleted."));
    if (shuts_down(p)) {
        vf_autofree char *title =
            vf_asprintf(_("%s will be shut down without asking you again. Type its name to begin."),
                        p->plan->vm_name);
        open_question(w, "shut-down", title, detail, NULL, "");
        return;
    }
    vf_autofree char *title = vf_asprintf(
        vf_sheet_imports(w->sheet) ? _("Import %s now?") : _("Move %s now?"), p->plan->vm_name);
    ask_start(w, title, detail);
}

/* ---- saving ---- */

static void tell(struct vf_wizard *w, const char *title, const char *detail)
{
    json_t *choices = json_array();
    vf_offer(choices, "back", _("Back"));
    open_question(w, "told", title, detail, choices, "back");
}

void vf_sheet_ask_save(struct vf_wizard *w)
{
    for (size_t i = 0; i < w->n_vms; i++)
        if ((w->page == PAGE_SEVERAL || i == w->at) && !w->vms[i].sheet.plan) {
            tell(w, _("There is no plan yet."), NULL);
            return;
        }
    vf_autofree char *path =
        vf_asprintf("%s.plan", w->page == PAGE_SEVERAL ? w->target : w->sheet->plan->vm_name);
    open_question(w, "save", _("In which file is the plan to be saved?"),
                  _("vmferry check FILE looks at it again later, vmferry run FILE carries it out."),
                  NULL, path);
}

static int write_plans(struct vf_wizard *w, const char *path, bool replace, struct vf_error **err)
{
    struct vf_plan *only[] = {w->sheet->plan};
    if (w->page != PAGE_SEVERAL)
        return w->hands.save_plans(w->hands.opaque, only, 1, path, replace, err);
    struct vf_plan **v = vf_xcalloc(w->n_vms, sizeof *v);
    for (size_t i = 0; i < w->n_vms; i++)
        v[i] = w->vms[i].sheet.plan;
    int r = w->hands.save_plans(w->hands.opaque, v, w->n_vms, path, replace, err);
    free(v);
    return r;
}

static void ask_replace(struct vf_wizard *w, const char *path)
{
    vf_autofree char *safe = vf_escape(path);
    vf_autofree char *title = vf_asprintf(_("There is a file %s already. Replace it?"), safe);
    json_t *choices = json_array();
    vf_str_set(&w->path, path);
    vf_offer(choices, "no", _("No, keep it"));
    vf_offer(choices, "yes", _("Yes, replace it"));
    open_question(w, "replace", title, NULL, choices, "no");
}

static void save(struct vf_wizard *w, const char *path, bool replace)
{
    vf_autoerror struct vf_error *err = NULL;
    if (!*path)
        return;
    if (write_plans(w, path, replace, &err) < 0 && vf_error_code(err) == VF_E_CONFLICT) {
        ask_replace(w, path);
        return;
    }
    vf_autofree char *safe = vf_escape(path), *why = err ? vf_escape(vf_error_text(err)) : NULL;
    vf_autofree char *title = err ? vf_asprintf(_("The plan was not saved in %s."), safe)
                                  : vf_asprintf(_("The plan was saved in %s."), safe);
    tell(w, title, why);
}

/* ---- answers ---- */

static enum vf_wizard_end shut_down_typed(struct vf_wizard *w, const char *text)
{
    vf_autofree char *wanted =
        w->n_vms > 1 ? vf_asprintf("%zu", shut_down(w)) : vf_strdup(w->sheet->plan->vm_name);
    if (vf_streq(text, wanted))
        return VF_WIZARD_START;
    tell(w, _("That is not what was asked for. Nothing was begun."), NULL);
    return VF_WIZARD_GOES_ON;
}

enum vf_wizard_end vf_sheet_answered(struct vf_wizard *w, const char *id, const char *text)
{
    bool yes = vf_streq(text, "yes");
    if (vf_streq(id, "field"))
        vf_sheet_set(w, text);
    else if (vf_streq(id, "start") && yes)
        return VF_WIZARD_START;
    else if (vf_streq(id, "shut-down"))
        return shut_down_typed(w, text);
    else if (vf_streq(id, "fix"))
        take_fix(w, text);
    else if (vf_streq(id, "save"))
        save(w, text, false);
    else if (vf_streq(id, "replace") && yes)
        save(w, w->path, true);
    return VF_WIZARD_GOES_ON;
}
