/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as a page of the wizard: complete on arrival, a row for all that can be decided. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "ui/plan_text.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* What the plan of VM I is made for. */
static char *where(const struct vf_wizard *w, size_t i)
{
    return vf_asprintf("%s/%s %s/%s/%s", w->source, w->vms[i].vm, w->target, w->node, w->storage);
}

bool vf_sheet_is_checked(const struct vf_wizard *w, size_t i)
{
    vf_autofree char *at = where(w, i);
    return vf_sheet_checked(&w->vms[i].sheet, at);
}

/* ---- rows ---- */

struct vf_list_row *vf_sheet_add(struct vf_list *l, size_t tag, const char *label, char *value)
{
    struct vf_list_row *r = vf_list_add(l, tag);
    r->cells[0] = vf_strdup(label);
    r->cells[2] = value;
    r->wide = true;
    return r;
}

/* One that has to be read to the end. */
static struct vf_list_row *add_whole(struct vf_list *l, size_t tag, const char *label, char *value)
{
    struct vf_list_row *r = vf_sheet_add(l, tag, label, value);
    r->whole = true;
    return r;
}

static const char *vm_name(const struct vf_wizard *w)
{
    return w->sheet->plan ? w->sheet->plan->vm_name : w->vm_name;
}

/* Why it cannot be started now; NULL: it can. */
static const char *why_not(const struct vf_wizard *w)
{
    const struct vf_sheet *s = w->sheet;
    return vf_wizard_waits(w)                           ? _("it is still being checked")
           : w->error || !vf_sheet_is_checked(w, w->at) ? _("it was not checked: r checks it")
           : !s->seen->prepared.plan                    ? _("there is no such plan: see below")
           : vf_findings_stop(&s->seen->prepared.findings)
               ? _("it cannot be moved as things are: see the rows with STOP")
               : NULL;
}

/* Of several, one is not started alone. */
static void add_start(struct vf_wizard *w, struct vf_list *l)
{
    vf_autofree char *found = vf_wizard_waits(w)
                                  ? vf_strdup(_("checking"))
                                  : vf_sheet_counts(&w->sheet->seen->prepared.findings);
    if (w->n_vms > 1)
        add_whole(l, VF_ROW(ROW_START, 0), _("Done"),
                  vf_asprintf(_("back to all %zu VMs (%s)"), w->n_vms, found));
    else
        add_whole(l, VF_ROW(ROW_START, 0), _("Start"),
                  vf_asprintf(vf_sheet_imports(w->sheet) ? _("import %s now (%s)")
                                                         : _("move %s now (%s)"),
                              vm_name(w), found))
            ->why_not = vf_strdup(why_not(w));
}

static void add_findings(const struct vf_sheet *s, struct vf_list *l, bool notes)
{
    static const char *const labels[] = {N_("Note"), N_("Warning"), N_("STOP")};
    const struct vf_findings *f = &s->seen->prepared.findings;
    for (int severity = VF_STOP; severity >= VF_INFO; severity--)
        for (size_t i = 0; i < f->n; i++)
            if ((int)f->v[i].severity == severity && notes == (severity == VF_INFO) &&
                vf_finding_row(s, i) == VF_ROW(ROW_FINDING, i))
                vf_sheet_add(l, VF_ROW(ROW_FINDING, i), _(labels[severity]),
                             vf_finding_text(&f->v[i]));
}

static void add_settings(const struct vf_sheet *s, struct vf_list *l,
                         const struct vf_settings *fields, enum vf_sheet_row kind)
{
    for (size_t i = 0; i < fields->n; i++)
        if (!fields->v[i].applies || fields->v[i].applies(s))
            vf_sheet_add(l, VF_ROW(kind, i), _(fields->v[i].label),
                         vf_setting_show(&fields->v[i], s));
}

/* "2 disks on local, 1 on fast": where they are if not all are in one place. */
static char *storages(const struct vf_plan *p)
{
    vf_autostrv char **names = vf_strv_new();
    for (size_t i = 0; i < p->n_disks; i++)
        if (!vf_strv_has(names, p->disks[i].storage))
            vf_strv_add(&names, p->disks[i].storage);
    vf_autofree char *all = vf_strv_join(names, ", ");
    return vf_escape(all);
}

static void add_target(const struct vf_sheet *s, struct vf_list *l)
{
    vf_autofree char *on = storages(s->plan), *node = vf_escape(s->plan->target_node);
    vf_sheet_add(l, VF_ROW(ROW_TARGET, 0), _("Target"),
                 *on ? vf_asprintf(_("node %s, storage %s"), node, on)
                     : vf_asprintf(_("node %s"), node));
}

/* Where an import's data goes, and by which way it is read. */
static void add_data(const struct vf_sheet *s, struct vf_list *l)
{
    const struct vf_prepared *p = &s->seen->prepared;
    vf_autofree char *node = vf_escape(s->plan->target_node);
    vf_autofree char *way = vf_way_shown(p->way, false);
    vf_sheet_add(l, VF_ROW(ROW_DATA, 0), _("Data"),
                 vf_asprintf(_("via this machine%s%s; fastest on %s"), way ? ", " : "",
                             way ? way : "", node));
}

static void add_disk(const struct vf_sheet *s, struct vf_list *l, size_t i)
{
    const struct vf_plan_disk *d = &s->plan->disks[i];
    const struct vf_disk *from = vf_sheet_disk(s, i);
    vf_autofree char *size = vf_format_bytes(d->size);
    vf_autofree char *used = from && from->used ? vf_format_bytes(from->used) : NULL;
    struct vf_list_row *r = vf_list_add(l, VF_ROW(ROW_DISK, i));
    r->cells[0] = vf_asprintf(_("Disk %s"), d->slot);
    vf_autofree char *text =
        vf_asprintf(used ? _("%s (%s used) %s %s") : _("%s%.0s %s %s"), size, used ? used : "",
                    from ? from->storage : "?", from ? from->format : "?");
    r->cells[2] = vf_escape(text);
    const char *slot = vf_plan_slot(d);
    vf_autofree char *to =
        vf_asprintf("-> %s %s%s%s", d->storage, d->format,
                    vf_streq(slot, d->slot) ? "" : _(", as "), vf_streq(slot, d->slot) ? "" : slot);
    r->cells[3] = vf_escape(to);
}

/* What the firmware remembers, and what Windows is shown: nothing is copied to those. */
static void add_fresh(const struct vf_sheet *s, struct vf_list *l)
{
    vf_auto(vf_vm_free) struct vf_vm *vm =
        vf_sheet_imports(s) ? vf_plan_apply(s->plan, vf_sheet_source(s), NULL, NULL) : NULL;
    for (size_t i = 0; vm && i < vm->n_disks; i++) {
        const struct vf_disk *d = &vm->disks[i];
        if (!d->fresh)
            continue;
        vf_autofree char *size = vf_format_bytes(d->size), *to = vf_escape(d->storage);
        struct vf_list_row *r = vf_list_add(l, VF_ROW(ROW_FRESH, i));
        r->cells[0] = vf_asprintf(_("Disk %s"), d->slot);
        r->cells[2] = vf_asprintf(_("%s, empty, made there"), size);
        r->cells[3] = vf_asprintf("-> %s", to);
    }
}

/* "vmbr5", "vmbr5 tag 20" */
char *vf_sheet_network(const char *bridge, unsigned tag)
{
    vf_autofree char *safe = vf_escape(bridge ? bridge : _("no bridge"));
    return tag ? vf_asprintf(_("%s tag %u"), safe, tag) : VF_STEAL(safe);
}

/* What the cards of a network are beside their bridge, where it is not as at the source. */
static const char *beside(const struct vf_sheet *s, size_t first)
{
    for (size_t i = first; i < s->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &s->plan->nics[i];
        if (vf_sheet_first(s, i) != first)
            continue;
        if (n->disconnected > 0)
            return _(", disconnected");
        if (n->mac_mode != VF_MAC_KEEP)
            return _(", other MAC");
        if (n->model && !vf_sheet_imports(s))
            return _(", other model");
    }
    return "";
}

static void add_net(const struct vf_sheet *s, struct vf_list *l, size_t first)
{
    const struct vf_nic *from = vf_sheet_nic(s, first);
    const struct vf_plan_nic *to = &s->plan->nics[first];
    size_t n = vf_sheet_count(s, first);
    if (!from)
        return;
    vf_autofree char *was = vf_sheet_network(from->bridge, from->tag);
    vf_autofree char *is = vf_sheet_network(to->bridge, vf_sheet_tag(s, first));
    struct vf_list_row *r = vf_list_add(l, VF_ROW(ROW_NET, first));
    r->cells[0] = n > 1 ? vf_asprintf(_("Network (%zu)"), n) : vf_strdup(_("Network"));
    r->cells[2] = VF_STEAL(was);
    r->cells[3] = vf_sheet_open(s, first)    ? vf_strdup(_("-> ?  choose one"))
                  : !vf_sheet_same(s, first) ? vf_strdup(_("-> several"))
                                             : vf_asprintf("-> %s%s", is, beside(s, first));
}

static void add_marks(const struct vf_sheet *s, struct vf_list *l)
{
    for (size_t i = 0; i < l->n_rows; i++) {
        size_t n;
        const struct vf_finding *f = vf_row_finding(s, l->rows[i].tag, &n);
        if (f)
            vf_sheet_mark(&l->rows[i], f);
    }
}

/* Where a person is needed: what has no answer yet, then what stops it, then the start. */
static void focus(struct vf_wizard *w, struct vf_list *l)
{
    const struct vf_sheet *s = w->sheet;
    size_t stop = 0, n;
    bool checked = !vf_wizard_waits(w); /* else what stops it is not known yet */
    w->refocus = !checked;
    for (size_t i = 0; i < l->n_rows; i++) {
        size_t tag = l->rows[i].tag;
        const struct vf_finding *f = vf_row_finding(s, tag, &n);
        if (VF_ROW_KIND(tag) == ROW_NET && vf_sheet_open(s, VF_ROW_INDEX(tag))) {
            l->cursor = i;
            return;
        }
        if (checked && !stop && f && f->severity == VF_STOP)
            stop = i;
    }
    l->cursor = stop;
}

void vf_sheet_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", "", N_("Source"), N_("Target")};
    const struct vf_sheet *s = w->sheet;
    vf_page_heads(l, names, VF_COUNT(names), 0);
    vf_autofree char *at = where(w, w->at);
    if (!s->seen || !vf_streq(s->where, at)) /* nothing is known, or of another place */
        return;
    add_start(w, l);
    if (!s->plan || s->none || !vf_sheet_source(s)) {
        add_findings(s, l, false);
        add_findings(s, l, true);
        return;
    }
    add_whole(l, VF_ROW(ROW_EXPECTED, 0), _("Expected"),
              vf_sheet_expected(s, w->measuring && w->measured == w->at));
    add_findings(s, l, false);
    add_settings(s, l, &vf_name_settings, ROW_NAME);
    add_settings(s, l, &vf_import_settings, ROW_IMPORT);
    add_target(s, l);
    for (size_t i = 0; i < s->plan->n_disks; i++)
        add_disk(s, l, i);
    add_fresh(s, l);
    for (size_t i = 0; i < s->plan->n_nics; i++)
        if (vf_sheet_first(s, i) == i)
            add_net(s, l, i);
    if (vf_sheet_imports(s) && s->plan->copy_disks)
        add_data(s, l);
    add_settings(s, l, &vf_plan_settings, ROW_PLAN);
    vf_sheet_add(l, VF_ROW(ROW_OPTIONS, 0), _("Options"),
                 vf_strdup(_("what is rarely changed ...")));
    vf_sheet_add(l, VF_ROW(ROW_SAVE, 0), _("Save"),
                 vf_strdup(_("this plan in a file, to be run later ...")));
    add_findings(s, l, true);
    add_marks(s, l);
    if (w->refocus)
        focus(w, l);
}

void vf_sheet_edited(struct vf_wizard *w)
{
    w->want = true;
    w->number = 0; /* what is under way is of another plan */
    vf_wizard_go(w, w->page);
}

static void page_of(struct vf_wizard *w, enum vf_sheet_row kind, size_t i)
{
    if (kind == ROW_DISK) {
        w->sheet->disk = i;
        vf_wizard_go(w, PAGE_DISK);
    } else if (kind == ROW_NET) {
        w->sheet->nic = i;
        vf_wizard_go(w, PAGE_NET);
    } else if (kind == ROW_OPTIONS) {
        vf_wizard_go(w, PAGE_OPTIONS);
    } else if (kind == ROW_TARGET) {
        vf_wizard_go(w, PAGE_NODE);
    }
}

void vf_sheet_open_row(struct vf_wizard *w, size_t tag)
{
    enum vf_sheet_row kind = VF_ROW_KIND(tag);
    size_t i = VF_ROW_INDEX(tag);
    const struct vf_setting *f = vf_sheet_setting(w, tag);
    if (kind == ROW_START && w->n_vms > 1)
        vf_wizard_go(w, PAGE_SEVERAL);
    else if (kind == ROW_START)
        vf_sheet_ask_start(w);
    else if (f)
        vf_sheet_ask_setting(w, f);
    else if (kind == ROW_SAVE)
        vf_sheet_ask_save(w);
    else if (kind == ROW_FINDING || kind == ROW_EXPECTED || kind == ROW_DATA)
        vf_sheet_explain(w, tag);
    else
        page_of(w, kind, i);
}

enum vf_wizard_end vf_sheet_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    if (!vf_sheet_ask_fix(w, row->tag))
        vf_sheet_open_row(w, row->tag);
    return VF_WIZARD_GOES_ON;
}

/* ---- keys and drawing ---- */

static void look_anew(struct vf_wizard *w)
{
    for (size_t i = 0; i < w->n_vms; i++)
        w->vms[i].sheet.anew = w->vms[i].sheet.anew || w->page == PAGE_SEVERAL || i == w->at;
    vf_sheet_edited(w);
}

bool vf_sheet_press(struct vf_wizard *w, int key)
{
    const struct vf_list_row *row = vf_list_row(&w->lists[w->page]);
    w->refocus = false; /* the cursor is a person's now */
    if (key == '/' && w->page <= PAGE_SHEET)
        return true; /* all rows of a plan stay in sight */
    if (key == 'r' || key == VF_KEY_F1 + 4)
        look_anew(w);
    else if (!row || !w->sheet->seen)
        return false;
    else if (key == 'p' && w->page != PAGE_SEVERAL)
        vf_wizard_read(w, _("The whole plan"), vf_plan_summary(&w->sheet->seen->prepared));
    else if (key == 's')
        vf_sheet_ask_save(w);
    else if (key == 'e' && w->page <= PAGE_SHEET)
        vf_sheet_explain(w, row->tag);
    else
        return false;
    return true;
}

/* The row of the plan's page that the page shown is about. */
static size_t row_of(const struct vf_wizard *w)
{
    const struct vf_sheet *s = w->sheet;
    const struct vf_list_row *row = vf_list_row(&w->lists[PAGE_SHEET]);
    bool nic = w->page == PAGE_NET || w->page == PAGE_NIC;
    return w->page == PAGE_DISK ? VF_ROW(ROW_DISK, s->disk)
           : nic && s->plan     ? VF_ROW(ROW_NET, vf_sheet_first(s, s->nic))
           : row                ? row->tag
                                : VF_ROW(ROW_START, 0);
}

/* What the row under the cursor is about, where there is more to be said than stands there. */
static char *hint(const struct vf_wizard *w)
{
    const struct vf_list_row *row = vf_list_row(&w->lists[w->page]);
    const struct vf_setting *f = row ? vf_sheet_setting(w, row->tag) : NULL;
    return f ? vf_strdup(vf_setting_detail(f, w->sheet)) : NULL;
}

/* What was found about the row under the cursor; NULL: nothing. */
static const struct vf_finding *finding(const struct vf_wizard *w, size_t *n)
{
    const struct vf_list_row *row = vf_list_row(&w->lists[w->page]);
    *n = 1;
    if (w->page != PAGE_SEVERAL)
        return w->common ? NULL : vf_row_finding(w->sheet, row_of(w), n);
    return row && VF_ROW_KIND(row->tag) == ROW_VM
               ? vf_worst_finding(&w->vms[VF_ROW_INDEX(row->tag)].sheet)
               : NULL;
}

char *vf_sheet_status(const struct vf_wizard *w)
{
    size_t n;
    const struct vf_list_row *row = vf_list_row(&w->lists[w->page]);
    const struct vf_finding *f = finding(w, &n);
    if (row && row->why_not)
        return vf_strdup(row->why_not);
    if (!f)
        return hint(w);
    vf_autofree char *text = vf_finding_text(f);
    return n > 1 ? vf_asprintf(_("%s: %s (and %zu more: e)"), _(vf_severity_words[f->severity]),
                               text, n - 1)
                 : vf_asprintf("%s: %s", _(vf_severity_words[f->severity]), text);
}

enum vf_look vf_sheet_look(const struct vf_wizard *w)
{
    static const enum vf_look looks[] = {VF_LOOK_TEXT, VF_LOOK_WARN, VF_LOOK_BAD};
    size_t n;
    const struct vf_list_row *row = vf_list_row(&w->lists[w->page]);
    const struct vf_finding *f = finding(w, &n);
    return row && row->why_not ? VF_LOOK_WARN : f ? looks[f->severity] : VF_LOOK_FAINT;
}

void vf_sheet_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    struct vf_list *l = &w->lists[w->page];
    vf_list_draw(l, c, row - 1, bottom - row + 1);
    if (vf_wizard_waits(w) && l->n_rows)
        vf_canvas_put_right(c, row - 2, c->cols - 1, VF_LOOK_STRONG, _("checking ..."));
}

/* ---- answers ---- */

/* The VM whose plan is to be looked up next; N_VMS: none of those that are shown. */
static size_t next_one(const struct vf_wizard *w)
{
    bool all = w->page == PAGE_SEVERAL || w->common;
    for (size_t i = 0; i < w->n_vms; i++)
        if ((all || i == w->at) && !vf_sheet_is_checked(w, i))
            return i;
    return w->n_vms;
}

bool vf_sheet_needs(const struct vf_wizard *w)
{
    return next_one(w) < w->n_vms;
}

void vf_sheet_give(struct vf_wizard *w, size_t i, struct vf_plan *plan)
{
    struct vf_sheet *s = &w->vms[i].sheet;
    vf_sheet_clear(s);
    s->known = w->hands.networks;
    s->base = vf_plan_neutral(plan, w->storage);
    s->base->wait_before_stop = true; /* as of a plan that is made here */
    s->plan = plan;
    s->where = where(w, i);
}

void vf_sheet_wants(struct vf_wizard *w, struct vf_survey_question *q)
{
    w->asked = vf_sheet_needs(w) ? next_one(w) : w->at;
    const struct vf_sheet *s = &w->vms[w->asked].sheet;
    vf_autofree char *at = where(w, w->asked);
    w->made = !s->plan || s->none || s->anew || !vf_streq(at, s->where);
    w->move.vm = w->vms[w->asked].vm;
    q->kind = VF_SURVEY_PLAN;
    q->plan = w->made ? NULL : s->plan;
}

void vf_sheet_answer(struct vf_wizard *w, struct vf_survey_answer *a)
{
    vf_autofree char *at = where(w, w->asked);
    w->refocus = w->refocus || !a->prepared.plan;
    vf_sheet_take(&w->vms[w->asked].sheet, w->made, at, a);
    w->want = vf_sheet_needs(w);
    vf_wizard_go(w, w->page);
}

/* ---- what takes longer ---- */

bool vf_sheet_measures(struct vf_wizard *w, struct vf_survey_question *q)
{
    bool all = w->page == PAGE_SEVERAL || w->common;
    if (w->page < PAGE_SEVERAL || w->measuring || w->error || vf_sheet_needs(w))
        return false;
    for (size_t i = 0; i < w->n_vms; i++) {
        struct vf_sheet *s = &w->vms[i].sheet;
        if ((!all && i != w->at) || !vf_sheet_measure(s))
            continue;
        w->measured = i;
        *q = (struct vf_survey_question){
            .kind = VF_SURVEY_PLAN, .plan = s->seen->prepared.plan, .measure = true};
        return true;
    }
    return false;
}

void vf_sheet_take_measured(struct vf_wizard *w, const struct vf_survey_answer *a)
{
    w->measuring = 0;
    if (w->measured < w->n_vms)
        vf_sheet_measured(&w->vms[w->measured].sheet, a);
    if (w->page >= PAGE_SEVERAL)
        vf_wizard_go(w, w->page);
}

void vf_sheet_not_measured(struct vf_wizard *w)
{
    w->measuring = 0;
    if (w->measured < w->n_vms)
        vf_str_set(&w->vms[w->measured].sheet.measured, NULL);
}
