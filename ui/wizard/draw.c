/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages as they are drawn. */
#include "config.h"
#include "ui/say.h"
#include "ui/wizard/parts.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { MARGIN = 1, MIN_ROWS = 16, MIN_COLS = 60 };

/* What was chosen so far: of the source, ... */
static char *way_from(const struct vf_wizard *w)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, "vmferry");
    bool vm = w->page > PAGE_VM && w->n_vms;
    if (w->page > PAGE_SOURCE && w->source)
        vf_buf_printf(&b, "  %s", vf_source_shown(w));
    if (vm && w->n_vms > 1 && (w->page < PAGE_SHEET || w->common))
        vf_buf_printf(&b, _("/%zu VMs"), w->n_vms);
    else if (vm)
        vf_buf_printf(&b, "/%s", w->vm_name);
    return vf_buf_take(&b);
}

/* ... and of the target. */
static char *way_to(const struct vf_wizard *w)
{
    bool node = w->page > PAGE_NODE && w->node;
    return w->page > PAGE_TARGET && w->target && w->page != PAGE_CONNECT
               ? vf_asprintf(" -> %s%s%s", w->target, node ? "/" : "", node ? w->node : "")
               : vf_strdup("");
}

int vf_page_text(struct vf_canvas *c, int row, int bottom, enum vf_look look, const char *text)
{
    return vf_text_put(c, row, bottom, MARGIN, look, text);
}

/* What goes on, what went wrong, or why the row under the cursor cannot be chosen. */
static void draw_status(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    const struct page_ops *ops = &vf_pages[w->page];
    const struct vf_list_row *r = vf_list_row((&w->lists[w->page]));
    bool plans = w->page >= PAGE_SEVERAL && w->lists[w->page].n_rows; /* to be edited meanwhile */
    vf_autofree char *of_page = ops->status ? ops->status(w) : NULL;
    if (w->error) {
        vf_autofree char *safe = vf_escape(vf_error_text(w->error));
        vf_autofree char *text = vf_asprintf(_("%s\nEnter tries again, Esc goes back."), safe);
        vf_page_text(c, row, bottom, VF_LOOK_BAD, text);
    } else if (vf_wizard_waits(w) && w->told) {
        vf_page_text(c, row, bottom, VF_LOOK_WARN, w->told);
    } else if (plans && of_page) {
        vf_page_text(c, row, bottom, ops->status_look(w), of_page);
    } else if (vf_wizard_waits(w) && !plans) {
        vf_autofree char *text =
            ops->looking ? ops->looking(w) : vf_asprintf(_("Looking at %s ..."), w->target);
        vf_page_text(c, row, bottom, VF_LOOK_STRONG, text);
    } else if (r && r->why_not) {
        row = vf_page_text(c, row, bottom, VF_LOOK_WARN, r->why_not);
        if (w->page == PAGE_VM && of_page) /* how many are marked, wherever the cursor is */
            vf_page_text(c, row, bottom, VF_LOOK_TEXT, of_page);
    } else if (!ops->done && !w->lists[w->page].n_rows) {
        vf_page_text(c, row, bottom, VF_LOOK_WARN, _("There is nothing to choose from."));
    } else if (of_page) {
        vf_page_text(c, row, bottom, VF_LOOK_TEXT, of_page);
    }
}

/* The keys of the page that is a list; caller frees. */
char *vf_wizard_keys(const struct vf_wizard *w)
{
    const struct page_ops *ops = &vf_pages[w->page];
    return vf_asprintf("%s%s%s%s%s", _("Enter next  "),
                       w->page == PAGE_START ? "" : _("Esc back  "), *ops->help ? _(ops->help) : "",
                       ops->survey < 0 ? "" : _("r again  "), _("q leave"));
}

/* KEYS as far as whole ones fit in COLS columns; the last of them tells of the others. */
static void shorten(char *keys, int cols)
{
    const char *more = _("? keys");
    if (vf_text_columns(keys) <= cols)
        return;
    char *end = keys;
    for (char *p = keys; (p = strstr(p, "  ")); p += 2) {
        vf_autofree char *left = vf_strndup(keys, (size_t)(p + 2 - keys));
        if (vf_text_columns(left) + vf_text_columns(more) <= cols)
            end = p + 2;
    }
    memcpy(end, more, strlen(more) + 1);
}

void vf_wizard_draw_keys(struct vf_canvas *c, const char *keys)
{
    vf_canvas_blank(c, c->rows - 1, 0, c->cols, VF_LOOK_TITLE);
    vf_canvas_put(c, c->rows - 1, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, keys);
}

static void draw_help(struct vf_wizard *w, struct vf_canvas *c)
{
    const struct page_ops *ops = &vf_pages[w->page];
    vf_autofree char *keys = w->question.ask  ? vf_strdup(vf_question_help(&w->question))
                             : w->reader.text ? vf_strdup(_("Up/Down scroll  Esc back"))
                             : vf_wizard_waits(w) && ops->done ? vf_strdup(_("Esc stop"))
                             : ops->done                       ? vf_strdup(vf_form_help(&w->form))
                                                               : vf_wizard_keys(w);
    shorten(keys, c->cols - 2 * MARGIN);
    vf_wizard_draw_keys(c, keys);
}

bool vf_wizard_draw(struct vf_wizard *w, struct vf_canvas *c)
{
    if (c->rows < MIN_ROWS || c->cols < MIN_COLS) {
        vf_autofree char *text =
            vf_asprintf(_("need %dx%d, have %dx%d"), MIN_COLS, MIN_ROWS, c->cols, c->rows);
        vf_text_put(c, 0, c->rows, 0, VF_LOOK_STRONG, text);
        return false;
    }
    vf_autofree char *from = way_from(w), *to = way_to(w);
    vf_autofree char *named = vf_pages[w->page].name ? vf_pages[w->page].name(w) : NULL;
    const char *question = named ? named : _(vf_pages[w->page].title);
    int bottom = c->rows - 1, status = bottom - 3, row = 4;
    vf_canvas_blank(c, 0, 0, c->cols, VF_LOOK_TITLE);
    vf_canvas_put_way(c, 0, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, from, to);
    vf_canvas_put(c, 2, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_STRONG, question);
    if (vf_pages[w->page].done)
        vf_form_draw(&w->form, c, row, status);
    else if (vf_pages[w->page].draw)
        vf_pages[w->page].draw(w, c, row, status);
    else
        vf_list_draw((&w->lists[w->page]), c, row, status - row);
    draw_status(w, c, status, bottom);
    if (w->reader.text)
        vf_reader_draw(&w->reader, c);
    if (w->question.ask)
        vf_dialog_draw(vf_question_dialog(&w->question), c);
    draw_help(w, c);
    return true;
}
