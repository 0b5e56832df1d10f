/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/say.h"
#include "ui/wizard/pages.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { MARGIN = 1, MIN_ROWS = 16, MIN_COLS = 60 };

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

void vf_wizard_go(struct vf_wizard *w, enum page page)
{
    const struct page_ops *ops = &vf_pages[page];
    /* between the plan's pages its check goes on */
    bool stays = page >= PAGE_SHEET && w->page >= PAGE_SHEET;
    w->arrived = page != w->page;
    w->page = page;
    if (stays) {
        fill(w, NULL);
        return;
    }
    forget_wish(w);
    vf_autofree char *key = ops->key ? ops->key(w) : NULL;
    if (ops->survey < 0) {
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

bool vf_wizard_wants(struct vf_wizard *w, struct vf_survey_question *q)
{
    if (!w->want)
        return false;
    bool source = w->page == PAGE_VM;
    bool plan = w->page >= PAGE_SHEET;
    w->move = (struct vf_move){.source = w->source,
                               .target = w->target,
                               .node = w->node,
                               .storage = w->storage,
                               .vm = w->vm,
                               .verify_tls = true,
                               .wait_before_stop = true};
    *q = (struct vf_survey_question){.kind = plan ? VF_SURVEY_PLAN
                                                  : (enum vf_survey_kind)vf_pages[w->page].survey,
                                     .cluster = source ? w->source : w->target,
                                     .node = w->node,
                                     .move = &w->move};
    if (plan)
        vf_sheet_wants(w, q);
    return true;
}

void vf_wizard_asked(struct vf_wizard *w, unsigned number)
{
    w->want = false;
    w->number = number;
}

bool vf_wizard_waits(const struct vf_wizard *w)
{
    return w->want || w->number;
}

void vf_wizard_take(struct vf_wizard *w, struct vf_survey_answer *a)
{
    vf_auto(vf_survey_answer_free) struct vf_survey_answer *answer = a;
    if (!w->number || a->number != w->number)
        return; /* nobody waits for it any more */
    w->number = 0;
    if (a->error) {
        w->error = VF_STEAL(a->error);
        if (w->page >= PAGE_SHEET)
            fill(w, NULL);
        return;
    }
    if (w->page >= PAGE_SHEET) {
        vf_sheet_answer(w, VF_STEAL(answer));
        return;
    }
    fill(w, a);
    const struct page_ops *ops = &vf_pages[w->page];
    free(w->loaded[w->page]);
    w->loaded[w->page] = ops->key ? ops->key(w) : NULL;
}

/* ---- keys ---- */

static enum vf_wizard_end back(struct vf_wizard *w)
{
    bool live = w->page >= PAGE_SHEET && !w->error;
    if ((vf_wizard_waits(w) || w->error) && !live) {
        bool empty = !list(w)->n_rows;
        forget_wish(w);
        if (!empty)
            return VF_WIZARD_GOES_ON;
    }
    if (w->page != PAGE_START)
        vf_wizard_go(w, w->page == PAGE_PICK ? w->from : vf_pages[w->page].back);
    return VF_WIZARD_GOES_ON;
}

static enum vf_wizard_end choose(struct vf_wizard *w)
{
    if (w->error && w->page >= PAGE_SHEET) {
        vf_error_free(VF_STEAL(w->error));
        w->want = true;
        fill(w, NULL);
        return VF_WIZARD_GOES_ON;
    }
    if (w->error) {
        refresh(w);
        return VF_WIZARD_GOES_ON;
    }
    const struct vf_list_row *row = vf_list_row(list(w));
    if (!row || row->why_not || (vf_wizard_waits(w) && w->page < PAGE_SHEET))
        return VF_WIZARD_GOES_ON;
    return vf_pages[w->page].choose(w, row);
}

static void ask_leave(struct vf_wizard *w)
{
    vf_autojson json_t *ask =
        json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "id", "leave", "kind",
                  "choice", "title", _("Leave vmferry? Nothing was changed."), "safe", "stay",
                  "choices", "key", "stay", "label", _("Stay"), "key", "yes", "label", _("Leave"));
    vf_question_open(&w->question, ask);
}

static enum vf_wizard_end question_key(struct vf_wizard *w, int key)
{
    struct vf_answer a = {0};
    enum vf_question_end end = vf_question_key(&w->question, key, &a);
    vf_autofree char *id = vf_strdup(vf_json_str(w->question.ask, "id"));
    vf_autofree char *text = VF_STEAL(a.text);
    vf_answer_clear(&a);
    if (end != VF_QUESTION_WAITS)
        vf_question_close(&w->question);
    if (end != VF_QUESTION_ANSWERED || !text)
        return VF_WIZARD_GOES_ON;
    if (vf_streq(id, "leave"))
        return vf_streq(text, "yes") ? VF_WIZARD_QUIT : VF_WIZARD_GOES_ON;
    return vf_pages[w->page].answered ? vf_pages[w->page].answered(w, id, text) : VF_WIZARD_GOES_ON;
}

enum vf_wizard_end vf_wizard_key(struct vf_wizard *w, int key)
{
    if (w->question.ask)
        return question_key(w, key);
    if (w->reader.text) {
        if (!vf_reader_key(&w->reader, key) && (key == VF_KEY_ESC || key == VF_KEY_ENTER))
            w->reader.text = NULL;
        return VF_WIZARD_GOES_ON;
    }
    if (vf_pages[w->page].press && !list(w)->filtering && vf_pages[w->page].press(w, key))
        return VF_WIZARD_GOES_ON;
    if (vf_list_key(list(w), key))
        return VF_WIZARD_GOES_ON;
    if (key == VF_KEY_ENTER || key == VF_KEY_RIGHT)
        return choose(w);
    if (key == VF_KEY_ESC || key == VF_KEY_LEFT || key == VF_KEY_BACKSPACE)
        return back(w);
    if (key == VF_KEY_F1 + 4 || key == 'r') {
        if (vf_pages[w->page].survey >= 0)
            refresh(w);
    } else if (key == 'q' || key == VF_KEY_F1 + 9 || key == VF_KEY_INTERRUPT) {
        ask_leave(w);
    }
    return VF_WIZARD_GOES_ON;
}

/* ---- drawing ---- */

/* What was chosen so far. */
static char *way(const struct vf_wizard *w)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, "vmferry");
    if (w->page > PAGE_SOURCE && w->source)
        vf_buf_printf(&b, "  %s%s%s", w->source, w->page > PAGE_VM && w->vm_name ? "/" : "",
                      w->page > PAGE_VM && w->vm_name ? w->vm_name : "");
    if (w->page > PAGE_TARGET && w->target)
        vf_buf_printf(&b, " -> %s%s%s", w->target, w->page > PAGE_NODE && w->node ? "/" : "",
                      w->page > PAGE_NODE && w->node ? w->node : "");
    return vf_buf_take(&b);
}

int vf_page_text(struct vf_canvas *c, int row, int bottom, enum vf_look look, const char *text)
{
    vf_autofree char *wrapped = vf_wrap(text, (size_t)(c->cols - 2 * MARGIN));
    for (char *p = wrapped, *end; *p && row < bottom; p = end, row++) {
        size_t n = strcspn(p, "\n");
        end = p + n + (p[n] == '\n');
        p[n] = 0;
        vf_canvas_put(c, row, MARGIN, c->cols - 2 * MARGIN, look, p);
    }
    return row;
}

/* What goes on, what went wrong, or why the row under the cursor cannot be chosen. */
static void draw_status(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    const struct vf_list_row *r = vf_list_row(list(w));
    enum vf_look look = VF_LOOK_TEXT;
    vf_autofree char *of_page =
        vf_pages[w->page].status && list(w)->n_rows ? vf_pages[w->page].status(w, &look) : NULL;
    if (w->error) {
        vf_autofree char *safe = vf_escape(vf_error_text(w->error));
        vf_autofree char *text = vf_asprintf(_("%s\nEnter tries again, Esc goes back."), safe);
        vf_page_text(c, row, bottom, VF_LOOK_BAD, text);
    } else if (of_page) {
        vf_page_text(c, row, bottom, look, of_page);
    } else if (vf_wizard_waits(w) && !(w->page >= PAGE_SHEET && list(w)->n_rows)) {
        bool plan = w->page >= PAGE_SHEET;
        vf_autofree char *text =
            plan ? vf_asprintf(_("Checking at %s and %s ..."), w->source, w->target)
                 : vf_asprintf(_("Looking at %s ..."), w->page == PAGE_VM ? w->source : w->target);
        vf_page_text(c, row, bottom, VF_LOOK_STRONG, text);
    } else if (r && r->why_not) {
        vf_page_text(c, row, bottom, VF_LOOK_WARN, r->why_not);
    } else if (!list(w)->n_rows) {
        vf_page_text(c, row, bottom, VF_LOOK_WARN, _("There is nothing to choose from."));
    }
}

static void draw_help(struct vf_wizard *w, struct vf_canvas *c)
{
    vf_autofree char *keys =
        w->question.ask ? vf_strdup(vf_question_help(&w->question))
        : w->reader.text
            ? vf_strdup(_("Up/Down scroll  Esc back"))
            : vf_asprintf(_("Up/Down  Enter next  %s%s%sq leave"),
                          w->page == PAGE_START ? "" : _("Esc back  "), _(vf_pages[w->page].help),
                          vf_pages[w->page].survey < 0 ? "" : _("r again  "));
    vf_canvas_blank(c, c->rows - 1, 0, c->cols, VF_LOOK_TITLE);
    vf_canvas_put(c, c->rows - 1, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, keys);
}

void vf_wizard_draw(struct vf_wizard *w, struct vf_canvas *c)
{
    if (c->rows < MIN_ROWS || c->cols < MIN_COLS) {
        vf_canvas_print(c, 0, 0, c->cols, VF_LOOK_STRONG, _("need %dx%d, have %dx%d"), MIN_COLS,
                        MIN_ROWS, c->cols, c->rows);
        return;
    }
    vf_autofree char *title = way(w);
    vf_autofree char *named = vf_pages[w->page].name ? vf_pages[w->page].name(w) : NULL;
    const char *question = named ? named : _(vf_pages[w->page].title);
    int bottom = c->rows - 1, status = bottom - 3, row = 4;
    vf_canvas_blank(c, 0, 0, c->cols, VF_LOOK_TITLE);
    vf_canvas_put(c, 0, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, title);
    vf_canvas_put(c, 2, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_STRONG, question);
    if (vf_pages[w->page].draw)
        vf_pages[w->page].draw(w, c, row, status);
    else
        vf_list_draw(list(w), c, row, status - row);
    draw_status(w, c, status, bottom);
    if (w->reader.text)
        vf_reader_draw(&w->reader, c);
    if (w->question.ask)
        vf_dialog_draw(vf_question_dialog(&w->question), c);
    draw_help(w, c);
}

/* ---- beginning and end ---- */

struct vf_wizard *vf_wizard_new(const struct vf_conf *conf)
{
    struct vf_wizard *w = vf_xcalloc(1, sizeof *w);
    w->conf = conf;
    w->networks = vf_networks_load();
    w->sheet.known = w->networks;
    vf_wizard_go(w, PAGE_START);
    return w;
}

void vf_wizard_add_job(struct vf_wizard *w, const char *id, const char *what, bool runs,
                       const char *what_next)
{
    struct job_row *j = vf_grow(&w->jobs, &w->n_jobs, sizeof *j);
    *j = (struct job_row){.id = vf_strdup(id),
                          .what = vf_escape(what),
                          .runs = runs,
                          .what_next = vf_strdup(what_next)};
    if (w->page == PAGE_START)
        vf_wizard_go(w, PAGE_START);
}

const struct vf_prepared *vf_wizard_prepared(const struct vf_wizard *w)
{
    return w->sheet.seen ? &w->sheet.seen->prepared : NULL;
}

const char *vf_wizard_job(const struct vf_wizard *w)
{
    return w->job;
}

void vf_wizard_free(struct vf_wizard *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n_jobs; i++) {
        free(w->jobs[i].id);
        free(w->jobs[i].what);
        free(w->jobs[i].what_next);
    }
    free(w->jobs);
    for (size_t i = 0; i < PAGES; i++) {
        vf_list_free(&w->lists[i]);
        free(w->loaded[i]);
    }
    char *texts[] = {w->source,  w->vm,   w->vm_name, w->target, w->node,
                     w->storage, w->path, w->text,    w->job};
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        free(texts[i]);
    vf_error_free(w->error);
    vf_sheet_clear(&w->sheet);
    vf_networks_free(w->networks);
    vf_question_close(&w->question);
    free(w);
}
