/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/wizard/parts.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* ---- pages ---- */

static struct vf_list *list(struct vf_wizard *w)
{
    return &w->lists[w->page];
}

static void fill(struct vf_wizard *w, const struct vf_survey_answer *a)
{
    vf_list_clear(list(w));
    vf_pages[w->page].fill(w, list(w), a);
    if (list(w)->cursor >= list(w)->n_rows)
        list(w)->cursor = 0;
}

static void forget_wish(struct vf_wizard *w)
{
    w->want = false;
    w->number = 0;
    vf_error_free(VF_STEAL(w->error));
}

/* What came in is what the page shows. */
static void loaded(struct vf_wizard *w, const struct vf_survey_answer *a)
{
    const struct page_ops *ops = &vf_pages[w->page];
    size_t was = list(w)->cursor;
    fill(w, a);
    /* the first that can be chosen, unless one was */
    struct vf_list *l = list(w);
    while (!was && l->cursor + 1 < l->n_rows && l->rows[l->cursor].why_not)
        l->cursor++;
    if (l->n_rows && l->rows[l->cursor].why_not)
        l->cursor = was < l->n_rows ? was : 0;
    free(w->loaded[w->page]);
    w->loaded[w->page] = ops->key ? ops->key(w) : NULL;
}

void vf_wizard_go(struct vf_wizard *w, enum page page)
{
    const struct page_ops *ops = &vf_pages[page];
    /* between the plans' pages their check goes on */
    bool stays = page >= PAGE_SEVERAL && w->page >= PAGE_SEVERAL;
    w->arrived = page != w->page;
    if (page > PAGE_SHEET && page > w->page) /* it opens: cursor and filter were of another */
        vf_list_free(&w->lists[page]);
    w->page = page;
    if (!stays)
        forget_wish(w);
    if (page >= PAGE_SEVERAL) {
        w->refocus = w->refocus || !stays;
        w->want = w->want || (!w->number && !w->error && vf_sheet_needs(w));
        fill(w, NULL);
        return;
    }
    vf_autofree char *key = ops->key ? ops->key(w) : NULL;
    if (ops->survey < 0 || ops->done) {
        fill(w, NULL);
        return;
    }
    if (vf_streq(key, w->loaded[page]))
        return;
    vf_list_clear(list(w));
    vf_str_set(&w->loaded[page], NULL);
    w->want = true;
}

/* Looks it up again, whatever is known. */
static void refresh(struct vf_wizard *w)
{
    vf_str_set(&w->loaded[w->page], NULL);
    vf_wizard_go(w, w->page);
}

/* ---- questions to the clusters ---- */

/* The move that was chosen. */
static const struct vf_move *the_move(struct vf_wizard *w)
{
    w->move = (struct vf_move){.source = w->source,
                               .target = w->target,
                               .node = w->node,
                               .storage = w->storage,
                               .vm = w->vm,
                               .verify_tls = true,
                               .wait_before_stop = true};
    return &w->move;
}

bool vf_wizard_wants(struct vf_wizard *w, struct vf_survey_question *q)
{
    const struct page_ops *ops = &vf_pages[w->page];
    w->measures = !w->want && !w->number && vf_sheet_measures(w, q);
    if (!w->want)
        return w->measures || (!w->number && !w->measuring && vf_vms_want(w, q));
    *q = (struct vf_survey_question){.kind = (enum vf_survey_kind)ops->survey,
                                     .cluster = w->target,
                                     .node = w->node,
                                     .move = the_move(w)};
    if (w->page >= PAGE_SEVERAL)
        vf_sheet_wants(w, q);
    else if (ops->ask)
        ops->ask(w, q);
    return true;
}

void vf_wizard_asked(struct vf_wizard *w, unsigned number)
{
    if (w->want && w->measuring)
        vf_sheet_not_measured(w); /* what was under way is dropped */
    vf_str_set(&w->told, NULL);
    if (w->want)
        w->number = number;
    else if (w->measures)
        w->measuring = number;
    else
        w->background = number;
    w->want = false;
}

void vf_wizard_told(struct vf_wizard *w, const char *text)
{
    vf_str_set(&w->told, text);
}

bool vf_wizard_waits(const struct vf_wizard *w)
{
    return w->want || w->number;
}

void vf_wizard_take(struct vf_wizard *w, struct vf_survey_answer *a)
{
    vf_auto(vf_survey_answer_free) struct vf_survey_answer *answer = a;
    const struct page_ops *ops = &vf_pages[w->page];
    if (w->background && a->number == w->background)
        vf_vms_take(w, a);
    if (w->measuring && a->number == w->measuring)
        vf_sheet_take_measured(w, a);
    if (!w->number || a->number != w->number)
        return; /* nobody waits for it any more */
    w->number = 0;
    if (a->error) {
        if (!ops->failed || !ops->failed(w, a))
            w->error = VF_STEAL(a->error);
        if (w->page >= PAGE_SEVERAL)
            fill(w, NULL);
        return;
    }
    if (w->page >= PAGE_SEVERAL) {
        vf_sheet_answer(w, VF_STEAL(answer));
        return;
    }
    if (ops->take) {
        ops->take(w, VF_STEAL(answer));
        return;
    }
    loaded(w, a);
}

/* ---- keys ---- */

/* Where Esc leads: most pages know one way to them. */
static enum page page_before(const struct vf_wizard *w)
{
    enum page back = vf_pages[w->page].back;
    if (w->page == PAGE_CONNECT && (w->imports || vf_clusters_count(w, "pve")))
        return w->connect_back;
    if (w->page == PAGE_VM && *w->source == '/')
        return PAGE_EXPORT;
    if (w->page == PAGE_PICK)
        return w->from;
    if (w->n_vms > 1 && (w->page == PAGE_SHEET || w->common))
        return PAGE_SEVERAL;
    if (w->from_file && (w->page == PAGE_SEVERAL || w->page == PAGE_SHEET))
        return PAGE_FILE;
    return back;
}

enum vf_wizard_end vf_wizard_back(struct vf_wizard *w)
{
    bool plans = w->page >= PAGE_SEVERAL && list(w)->n_rows; /* to be edited meanwhile */
    if (w->error || (vf_wizard_waits(w) && !plans)) {
        bool empty = !list(w)->n_rows && !vf_pages[w->page].done;
        forget_wish(w);
        if (plans)
            fill(w, NULL);
        if (!empty)
            return VF_WIZARD_GOES_ON;
    }
    if (w->page != PAGE_START)
        vf_wizard_go(w, page_before(w));
    return VF_WIZARD_GOES_ON;
}

static enum vf_wizard_end choose(struct vf_wizard *w)
{
    if (w->error) {
        if (w->page >= PAGE_SEVERAL)
            forget_wish(w);
        refresh(w);
        return VF_WIZARD_GOES_ON;
    }
    const struct vf_list_row *row = vf_list_row(list(w));
    if (!row || row->why_not || (vf_wizard_waits(w) && w->page < PAGE_SEVERAL))
        return VF_WIZARD_GOES_ON;
    return vf_pages[w->page].choose(w, row);
}

void vf_wizard_choose(struct vf_wizard *w, const char *id, const char *title, const char *detail,
                      const char *safe, const char *const *choices, size_t n)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            labels, json_pack("{s:s, s:s}", "key", choices[2 * i], "label", choices[2 * i + 1]));
    vf_autojson json_t *ask =
        json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o}", "id", id, "kind", "choice", "title", title,
                  "detail", detail, "safe", safe, "choices", labels);
    vf_question_open(&w->question, ask);
}

void vf_wizard_read(struct vf_wizard *w, const char *title, char *text)
{
    free(w->text);
    w->text = text;
    w->reader = (struct vf_reader){.title = title, .text = w->text};
}

static void ask_leave(struct vf_wizard *w)
{
    const char *const choices[] = {"stay", _("Stay"), "yes", _("Leave")};
    vf_wizard_choose(w, "leave", _("Leave vmferry? Nothing was changed."), NULL, "stay", choices,
                     2);
}

static enum vf_wizard_end question_key(struct vf_wizard *w, int key)
{
    struct vf_answer a = {0};
    enum vf_question_end end = vf_question_key(&w->question, key, &a);
    if (end == VF_QUESTION_WAITS)
        return VF_WIZARD_GOES_ON;
    vf_autofree char *id = vf_strdup(vf_json_str(w->question.ask, "id"));
    vf_autofree char *word = VF_STEAL(a.text);
    vf_answer_clear(&a);
    vf_question_close(&w->question);
    bool yes = end == VF_QUESTION_ANSWERED && vf_streq(word, "yes");
    if (vf_streq(id, "leave"))
        return yes ? VF_WIZARD_QUIT : VF_WIZARD_GOES_ON;
    if (vf_streq(id, "start") && !vf_pages[w->page].answered)
        return yes ? VF_WIZARD_START : VF_WIZARD_GOES_ON;
    return vf_pages[w->page].answered && end == VF_QUESTION_ANSWERED
               ? vf_pages[w->page].answered(w, id, word)
               : VF_WIZARD_GOES_ON;
}

/* All keys, one a line. */
static void show_keys(struct vf_wizard *w)
{
    vf_autofree char *keys = vf_wizard_keys(w);
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, _("Up, Down, Page Up, Page Down, Home, End: to another row\n"));
    for (char *p = keys, *end; *p; p = end + strspn(end, " ")) {
        end = strstr(p, "  ") ? strstr(p, "  ") : p + strlen(p);
        vf_buf_printf(&b, "%.*s\n", (int)(end - p), p);
    }
    vf_buf_puts(&b, _("Left: back; Right: next; F5: again; F10: leave; Ctrl-L: draw anew\n"));
    vf_wizard_read(w, _("Keys"), vf_buf_take(&b));
}

static enum vf_wizard_end form_key(struct vf_wizard *w, int key)
{
    if (key == VF_KEY_F1 + 9 || key == VF_KEY_INTERRUPT) {
        ask_leave(w);
        return VF_WIZARD_GOES_ON;
    }
    if (vf_wizard_waits(w)) /* what was filled in is what is being tried */
        return key == VF_KEY_ESC ? vf_wizard_back(w) : VF_WIZARD_GOES_ON;
    switch (vf_form_key(&w->form, key)) {
    case VF_FORM_DONE:
        return vf_pages[w->page].done(w);
    case VF_FORM_LEFT:
        return vf_wizard_back(w);
    default:
        return VF_WIZARD_GOES_ON;
    }
}

static enum vf_wizard_end reader_key(struct vf_wizard *w, int key)
{
    if (!vf_reader_key(&w->reader, key) && (key == VF_KEY_ESC || key == VF_KEY_ENTER || key == 'q'))
        w->reader.text = NULL;
    return VF_WIZARD_GOES_ON;
}

enum vf_wizard_end vf_wizard_key(struct vf_wizard *w, int key)
{
    const struct page_ops *ops = &vf_pages[w->page];
    if (w->question.ask)
        return question_key(w, key);
    if (w->reader.text)
        return reader_key(w, key);
    if (ops->done)
        return form_key(w, key);
    if (list(w)->filtering && vf_list_key(list(w), key))
        return VF_WIZARD_GOES_ON;
    if (ops->press && ops->press(w, key))
        return VF_WIZARD_GOES_ON;
    if (vf_list_key(list(w), key))
        return VF_WIZARD_GOES_ON;
    if (key == VF_KEY_ENTER || key == VF_KEY_RIGHT)
        return choose(w);
    if (key == VF_KEY_ESC || key == VF_KEY_LEFT || key == VF_KEY_BACKSPACE)
        return vf_wizard_back(w);
    if (key == VF_KEY_F1 + 4 || key == 'r') {
        if (ops->survey >= 0)
            refresh(w);
    } else if (key == '?' || key == VF_KEY_F1) {
        show_keys(w);
    } else if (key == 'q' || key == VF_KEY_F1 + 9 || key == VF_KEY_INTERRUPT) {
        ask_leave(w);
    }
    return VF_WIZARD_GOES_ON;
}

/* ---- beginning and end ---- */

struct vf_wizard *vf_wizard_new(const struct vf_conf *conf, const struct vf_wizard_hands *hands)
{
    struct vf_wizard *w = vf_xcalloc(1, sizeof *w);
    w->conf = conf;
    w->hands = *hands;
    vf_wizard_go(w, PAGE_START);
    return w;
}

void vf_wizard_add_job(struct vf_wizard *w, const char *id, const char *what, const char *service,
                       const char *left, bool runs)
{
    struct job_row *j = vf_grow(&w->jobs, &w->n_jobs, sizeof *j);
    *j = (struct job_row){.id = vf_strdup(id),
                          .what = vf_escape(what),
                          .service = vf_escape(service),
                          .left = vf_strdup(left),
                          .runs = runs};
    if (w->page == PAGE_START)
        vf_wizard_go(w, PAGE_START);
}

size_t vf_wizard_plans(const struct vf_wizard *w)
{
    return w->page == PAGE_SEVERAL ? w->n_vms : vf_wizard_prepared(w) ? 1 : 0;
}

const struct vf_plan *vf_wizard_plan(const struct vf_wizard *w, size_t i)
{
    const struct vf_survey_answer *a = w->page == PAGE_SEVERAL ? w->vms[i].sheet.seen : NULL;
    const struct vf_prepared *p = a ? &a->prepared : vf_wizard_prepared(w);
    return p ? p->plan : NULL;
}

const struct vf_prepared *vf_wizard_prepared(const struct vf_wizard *w)
{
    const struct vf_survey_answer *a = w->sheet ? w->sheet->seen : NULL;
    return a ? &a->prepared : NULL;
}

const char *vf_wizard_job(const struct vf_wizard *w)
{
    return w->job;
}

void vf_wizard_look_at(struct vf_wizard *w, size_t i)
{
    w->at = i;
    w->sheet = i < w->n_vms ? &w->vms[i].sheet : NULL;
    vf_str_set(&w->vm, w->sheet ? w->vms[i].vm : NULL);
    vf_str_set(&w->vm_name, w->sheet ? w->vms[i].name : NULL);
}

/* What was edited of a VM's plan stays; of the only one, what makes sense for another. */
static void keep_sheets(struct vf_wizard *w, struct chosen_vm *vms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < w->n_vms; k++)
            if (vf_streq(vms[i].vm, w->vms[k].vm) || (n == 1 && w->n_vms == 1)) {
                vms[i].sheet = w->vms[k].sheet;
                w->vms[k].sheet = (struct vf_sheet){0};
            }
        vms[i].sheet.known = w->hands.networks;
    }
}

void vf_wizard_choose_vms(struct vf_wizard *w, struct chosen_vm *vms, size_t n)
{
    keep_sheets(w, vms, n);
    for (size_t i = 0; i < w->n_vms; i++) {
        free(w->vms[i].vm);
        free(w->vms[i].name);
        vf_sheet_clear(&w->vms[i].sheet);
    }
    free(w->vms);
    w->vms = vms;
    w->n_vms = n;
    vf_wizard_look_at(w, 0);
}

static void free_jobs(struct vf_wizard *w)
{
    for (size_t i = 0; i < w->n_jobs; i++) {
        free(w->jobs[i].id);
        free(w->jobs[i].what);
        free(w->jobs[i].service);
        free(w->jobs[i].left);
    }
    free(w->jobs);
    vf_standing_clear(&w->standing);
}

void vf_wizard_free(struct vf_wizard *w)
{
    if (!w)
        return;
    free_jobs(w);
    for (size_t i = 0; i < PAGES; i++) {
        vf_list_free(&w->lists[i]);
        free(w->loaded[i]);
    }
    vf_vms_forget(w);
    free(w->to_ask);
    vf_wizard_choose_vms(w, NULL, 0);
    vf_form_clear(&w->form);
    for (size_t i = 0; i < w->n_candidates; i++)
        vf_conf_free(w->candidates[i]);
    free(w->candidates);
    vf_secret_free(w->secret);
    vf_conf_free(w->added);
    char *texts[] = {w->source,      w->vm,          w->vm_name,   w->target,
                     w->node,        w->storage,     w->path,      w->text,
                     w->job,         w->seen_of,     w->file_name, w->compared,
                     w->compared_at, w->export_name, w->seen_way,  w->told};
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        free(texts[i]);
    vf_error_free(w->error);
    vf_question_close(&w->question);
    free(w);
}
