/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/dialog.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { MARGIN = 1 };

static char **wrapped_lines(const char *text, int cols)
{
    vf_autofree char *wrapped = vf_wrap(text ? text : "", (size_t)cols);
    char **lines = vf_strv_new();
    for (char *p = wrapped, *end; p && *p; p = end) {
        size_t n = strcspn(p, "\n");
        end = p + n + (p[n] == '\n');
        p[n] = 0;
        vf_strv_add(&lines, p);
    }
    return lines;
}

static void draw_choices(const struct vf_dialog *d, struct vf_canvas *c, int row, int col,
                         int width)
{
    for (size_t i = 0; i < d->n_labels; i++, row++) {
        bool focus = i == d->focus;
        vf_autofree char *text = vf_asprintf("%s %zu  %s", focus ? ">" : " ", i + 1, d->labels[i]);
        vf_canvas_put(c, row, col, width, focus ? VF_LOOK_FOCUS : VF_LOOK_TEXT, text);
        if (focus) {
            c->cursor_row = row;
            c->cursor_col = col;
        }
    }
}

static void draw_field(const struct vf_dialog *d, struct vf_canvas *c, int row, int col, int width)
{
    vf_autofree char *stars = vf_strdup(d->typed);
    if (d->hidden)
        memset(stars, '*', strlen(stars));
    /* the end is what is being typed */
    const char *shown = stars;
    while (vf_text_columns(shown) > width - 1)
        for (shown++; (*shown & 0xc0) == 0x80;)
            shown++;
    vf_canvas_blank(c, row, col, width, VF_LOOK_FOCUS);
    c->cursor_col = col + vf_canvas_put(c, row, col, width, VF_LOOK_FOCUS, shown);
    c->cursor_row = row;
}

void vf_dialog_draw(const struct vf_dialog *d, struct vf_canvas *c)
{
    int width = c->cols - 8 < 76 ? c->cols - 8 : 76, inner = width - 4;
    vf_autostrv char **title = wrapped_lines(d->title, inner);
    vf_autostrv char **detail = wrapped_lines(d->detail, inner);
    int answers = d->labels ? (int)d->n_labels : 1;
    int n_title = (int)vf_strv_len(title), n_detail = (int)vf_strv_len(detail);
    int most = c->rows - 2 - 3 - n_title - answers; /* of the detail: the answers must be there */
    if (n_detail > most)
        n_detail = most > 0 ? most : 0;
    int rows = 2 + n_title + (n_detail ? n_detail + 1 : 0) + 1 + answers;
    int row = (c->rows - rows) / 2, col = (c->cols - width) / 2;
    if (row < 0)
        row = 0;
    vf_canvas_box(c, row, col, rows, width);
    row++;
    for (int i = 0; i < n_title; i++)
        vf_canvas_put(c, row++, col + 2, inner, VF_LOOK_STRONG, title[i]);
    row += n_detail ? 1 : 0;
    for (int i = 0; i < n_detail; i++)
        vf_canvas_put(c, row++, col + 2, inner, VF_LOOK_TEXT, detail[i]);
    row++;
    if (d->labels)
        draw_choices(d, c, row, col + 2, inner);
    else
        draw_field(d, c, row, col + 2, inner);
}

void vf_reader_draw(struct vf_reader *r, struct vf_canvas *c)
{
    vf_autostrv char **lines = wrapped_lines(r->text, c->cols - 2 * MARGIN);
    int n = (int)vf_strv_len(lines), rows = c->rows - 3;
    if (r->top > n - rows)
        r->top = n - rows;
    if (r->top < 0)
        r->top = 0;
    for (int i = 1; i < c->rows - 1; i++)
        vf_canvas_blank(c, i, 0, c->cols, VF_LOOK_TEXT);
    vf_canvas_put(c, 1, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_STRONG, r->title);
    for (int i = 0; i < rows && r->top + i < n; i++)
        vf_canvas_put(c, 2 + i, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TEXT, lines[r->top + i]);
    if (n > rows) {
        vf_autofree char *where = vf_asprintf(_("lines %d-%d of %d"), r->top + 1,
                                              r->top + rows < n ? r->top + rows : n, n);
        vf_canvas_put_right(c, 1, c->cols - MARGIN, VF_LOOK_FAINT, where);
    }
}

bool vf_reader_key(struct vf_reader *r, int key)
{
    static const struct {
        int key, lines;
    } moves[] = {
        {VF_KEY_UP, -1},       {'k', -1}, {VF_KEY_DOWN, 1},       {'j', 1},
        {VF_KEY_PAGE_UP, -10}, {' ', 10}, {VF_KEY_PAGE_DOWN, 10}, {VF_KEY_HOME, -(1 << 20)},
        {VF_KEY_END, 1 << 20}};
    for (size_t i = 0; i < VF_COUNT(moves); i++)
        if (moves[i].key == key) {
            r->top += moves[i].lines;
            return true;
        }
    return false;
}
