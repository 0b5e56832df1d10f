/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/dialog.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { MARGIN = 1 };

/* Takes from *P what fits into COLS columns, words whole where they can be; caller frees. */
static char *next_line(const char **p, int cols)
{
    size_t n = strcspn(*p, "\n"), fit = vf_text_fit(*p, cols), end;
    if (fit >= n) {
        char *line = vf_strndup(*p, n);
        *p += n + ((*p)[n] == '\n');
        return line;
    }
    for (end = fit; end && (*p)[end] != ' ';)
        end--;
    if (!end) /* a word that is too long, as a path, goes on in the next line */
        end = fit ? fit : n;
    char *line = vf_strndup(*p, end);
    *p += end + ((*p)[end] == ' ');
    return line;
}

/* Lines of at most COLS columns. */
static char **lines_of(const char *text, int cols)
{
    char **lines = vf_strv_new();
    for (const char *p = text ? text : ""; *p;) {
        vf_autofree char *line = next_line(&p, cols);
        vf_strv_add(&lines, line);
    }
    return lines;
}

char **vf_text_lines(const char *text, int cols)
{
    vf_autofree char *wrapped = vf_wrap(text ? text : "", cols > 0 ? (size_t)cols : 1);
    return lines_of(wrapped, cols);
}

int vf_text_put(struct vf_canvas *c, int row, int bottom, int col, enum vf_look look,
                const char *text)
{
    int end = c->cols - MARGIN;
    vf_autostrv char **lines = vf_text_lines(text, end - col);
    for (size_t i = 0; lines[i] && row < bottom; i++, row++) {
        int at = col + vf_canvas_put(c, row, col, end - col, look, lines[i]);
        if (lines[i + 1] && row + 1 == bottom)
            vf_canvas_put(c, row, at < end ? at : end - 1, 1, look, c->ascii ? "~" : "…");
    }
    return row;
}

enum { LABEL = 5 }; /* columns before a choice's text */

/* Rows that the choices take. */
static int choice_rows(const struct vf_dialog *d, int width)
{
    int n = 0;
    for (size_t i = 0; i < d->n_labels; i++) {
        vf_autostrv char **lines = lines_of(d->labels[i], width - LABEL);
        n += (int)vf_strv_len(lines);
    }
    return n;
}

static void draw_choices(const struct vf_dialog *d, struct vf_canvas *c, int row, int col,
                         int width)
{
    for (size_t i = 0; i < d->n_labels; i++) {
        bool focus = i == d->focus;
        enum vf_look look = focus ? VF_LOOK_FOCUS : VF_LOOK_TEXT;
        vf_autostrv char **lines = lines_of(d->labels[i], width - LABEL);
        int n = (int)vf_strv_len(lines);
        vf_canvas_print(c, row, col, LABEL, look, "%s %zu  ", focus ? ">" : " ", i + 1);
        vf_canvas_spot(c, row, col, n, width, focus ? VF_KEY_ENTER : VF_KEY_ROW + (int)i);
        if (focus) {
            c->cursor_row = row;
            c->cursor_col = col;
        }
        for (int k = 0; k < n; k++)
            vf_canvas_put(c, row++, col + LABEL, width - LABEL, look, lines[k]);
    }
}

static void draw_field(const struct vf_dialog *d, struct vf_canvas *c, int row, int col, int width)
{
    vf_autofree char *stars = vf_strdup(d->typed);
    if (d->hidden)
        memset(stars, '*', strlen(stars));
    /* the end is what is being typed */
    const char *shown = stars;
    while (*shown && vf_text_columns(shown) > width - 1)
        for (shown++; (*shown & 0xc0) == 0x80;)
            shown++;
    vf_canvas_blank(c, row, col, width, VF_LOOK_FOCUS);
    c->cursor_col = col + vf_canvas_put(c, row, col, width, VF_LOOK_FOCUS, shown);
    c->cursor_row = row;
}

/* The part of the detail there is room for: the answers must be there. */
static int draw_detail(const struct vf_dialog *d, struct vf_canvas *c, char **detail, int most,
                       int row, int col, int inner)
{
    int n = (int)vf_strv_len(detail), shown = n < most ? n : most, top = d->top;
    if (top > n - shown)
        top = n - shown;
    for (int i = 0; i < shown; i++)
        vf_canvas_put(c, row + i, col, inner, VF_LOOK_TEXT, detail[top + i]);
    if (shown < n)
        vf_canvas_print(c, row + shown, col, inner, VF_LOOK_FAINT,
                        _("lines %d-%d of %d, Page Up/Down"), top + 1, top + shown, n);
    return shown < n ? shown + 1 : shown;
}

void vf_dialog_draw(const struct vf_dialog *d, struct vf_canvas *c)
{
    int width = c->cols - 8 < 76 ? c->cols - 8 : 76, inner = width - 4;
    vf_autostrv char **title = lines_of(d->title, inner);
    vf_autostrv char **detail = lines_of(d->detail, inner);
    int answers = d->labels ? choice_rows(d, inner) : 1;
    int n_title = (int)vf_strv_len(title), n_detail = (int)vf_strv_len(detail);
    int room = c->rows - 2 - 3 - n_title - answers, most = room < n_detail ? room - 1 : n_detail;
    if (most < 0)
        most = 0;
    int shown = !n_detail || !most ? 0 : most < n_detail ? most + 1 : n_detail;
    int rows = 2 + n_title + (shown ? shown + 1 : 0) + 1 + answers;
    int row = (c->rows - rows) / 2, col = (c->cols - width) / 2;
    if (row < 0)
        row = 0;
    vf_canvas_box(c, row, col, rows, width);
    vf_canvas_spot(c, 0, 0, c->rows, c->cols, VF_KEY_NONE); /* what is behind is out of reach */
    row++;
    for (int i = 0; i < n_title; i++)
        vf_canvas_put(c, row++, col + 2, inner, VF_LOOK_STRONG, title[i]);
    if (shown)
        row += 1 + draw_detail(d, c, detail, most, row + 1, col + 2, inner);
    row++;
    if (d->labels)
        draw_choices(d, c, row, col + 2, inner);
    else
        draw_field(d, c, row, col + 2, inner);
}

void vf_help_text(struct vf_canvas *c, const char *text)
{
    int row = c->rows - 1;
    vf_canvas_blank(c, row, 0, c->cols, VF_LOOK_TITLE);
    vf_canvas_put(c, row, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, text);
}

void vf_help_draw(struct vf_canvas *c, const struct vf_help_key *keys, size_t n)
{
    int row = c->rows - 1, col = MARGIN, end = c->cols - MARGIN;
    vf_canvas_blank(c, row, 0, c->cols, VF_LOOK_TITLE);
    vf_canvas_spot(c, row, 0, 1, c->cols, VF_KEY_NONE);
    vf_autofree char *last =
        n ? vf_asprintf("%s %s", keys[n - 1].name, keys[n - 1].label) : vf_strdup("");
    for (size_t i = 0; i < n; i++) {
        vf_autofree char *text = vf_asprintf("%s %s", keys[i].name, keys[i].label);
        int width = vf_text_columns(text);
        if (i + 1 < n && col + width + 2 + vf_text_columns(last) > end)
            continue; /* a shorter one may still fit */
        vf_canvas_put(c, row, col, end - col, VF_LOOK_TITLE, text);
        vf_canvas_spot(c, row, col, 1, width, keys[i].key);
        col += width + 2;
    }
}

void vf_reader_draw(struct vf_reader *r, struct vf_canvas *c)
{
    vf_autostrv char **lines = vf_text_lines(r->text, c->cols - 2 * MARGIN);
    int n = (int)vf_strv_len(lines), rows = c->rows - 3;
    if (r->top > n - rows)
        r->top = n - rows;
    if (r->top < 0)
        r->top = 0;
    r->at_end = r->top + rows >= n;
    for (int i = 1; i < c->rows - 1; i++)
        vf_canvas_blank(c, i, 0, c->cols, VF_LOOK_TEXT);
    vf_canvas_spot(c, 1, 0, c->rows - 2, c->cols, VF_KEY_NONE);
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
    } moves[] = {{VF_KEY_UP, -1},        {'k', -1},
                 {VF_KEY_DOWN, 1},       {'j', 1},
                 {VF_KEY_PAGE_UP, -10},  {' ', 10},
                 {VF_KEY_PAGE_DOWN, 10}, {VF_KEY_HOME, -(1 << 20)},
                 {VF_KEY_END, 1 << 20},  {VF_KEY_WHEEL_UP, -3},
                 {VF_KEY_WHEEL_DOWN, 3}};
    for (size_t i = 0; i < VF_COUNT(moves); i++)
        if (moves[i].key == key) {
            r->top += moves[i].lines;
            return true;
        }
    return false;
}
