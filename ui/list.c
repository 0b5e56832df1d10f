/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/list.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum {
    MARGIN = 1,
    GAP = 2,
    LEAST = 6,
    NARROW = 8,
    LONG = 20,
    PAGE = 10,
    WIDE = 4,
    LAST_OF_WIDE = 2,
    NUMBER = 5
};

/* ---- rows ---- */

void vf_list_clear(struct vf_list *l)
{
    for (size_t i = 0; i < l->n_rows; i++) {
        for (size_t k = 0; k < VF_LIST_COLUMNS; k++)
            free(l->rows[i].cells[k]);
        free(l->rows[i].why_not);
    }
    free(l->rows);
    l->rows = NULL;
    l->n_rows = 0;
    memset(l->heads, 0, sizeof l->heads);
    memset(l->right, 0, sizeof l->right);
    l->spare = 0;
}

void vf_list_free(struct vf_list *l)
{
    vf_list_clear(l);
    *l = (struct vf_list){0};
}

struct vf_list_row *vf_list_add(struct vf_list *l, size_t tag)
{
    struct vf_list_row *r = vf_grow(&l->rows, &l->n_rows, sizeof *r);
    r->tag = tag;
    return r;
}

/* Any cell has the filter in it, whatever the case. */
bool vf_list_passes(const struct vf_list *l, const struct vf_list_row *r)
{
    for (size_t k = 0; k < VF_LIST_COLUMNS; k++)
        if (r->cells[k] && strcasestr(r->cells[k], l->filter))
            return true;
    return !l->filter[0];
}

/* The cursor goes to a row that passes: the next one, else the one before. */
static void settle(struct vf_list *l)
{
    size_t down = l->cursor, up = l->cursor;
    while (down < l->n_rows && !vf_list_passes(l, &l->rows[down]))
        down++;
    while (up > 0 && (up >= l->n_rows || !vf_list_passes(l, &l->rows[up])))
        up--;
    l->cursor = down < l->n_rows ? down : up;
}

void vf_list_find(struct vf_list *l, const char *name)
{
    for (size_t i = 0; i < l->n_rows; i++)
        if (name && vf_streq(l->rows[i].cells[0], name))
            l->cursor = i;
}

const struct vf_list_row *vf_list_row(const struct vf_list *l)
{
    return l->cursor < l->n_rows && vf_list_passes(l, &l->rows[l->cursor]) ? &l->rows[l->cursor]
                                                                           : NULL;
}

bool vf_list_number(struct vf_list *l, size_t n)
{
    for (size_t i = 0; i < l->n_rows; i++)
        if (vf_list_passes(l, &l->rows[i]) && !l->rows[i].why_not && n-- == 1) {
            l->cursor = i;
            return true;
        }
    return false;
}

/* ---- keys ---- */

static void step(struct vf_list *l, int by)
{
    size_t at = l->cursor;
    for (int left = by < 0 ? -by : by; left; left--) {
        size_t i = at;
        do
            i += by < 0 ? (size_t)-1 : 1;
        while (i < l->n_rows && !vf_list_passes(l, &l->rows[i]));
        if (i >= l->n_rows) /* in both directions */
            break;
        at = i;
    }
    l->cursor = at;
}

static bool filter_key(struct vf_list *l, int key)
{
    char c[4];
    size_t n = strlen(l->filter), len = vf_key_text(key, c);
    if (key == VF_KEY_ENTER) {
        l->filtering = false;
        return false; /* and chooses the row */
    }
    if (key == VF_KEY_ESC) {
        l->filter[0] = 0;
        l->filtering = false;
    } else if (key == VF_KEY_BACKSPACE) {
        while (n && ((unsigned char)l->filter[n - 1] & 0xc0) == 0x80)
            l->filter[--n] = 0;
        if (n)
            l->filter[n - 1] = 0;
    } else if (len) {
        if (n + len < sizeof l->filter) {
            memcpy(l->filter + n, c, len);
            l->filter[n + len] = 0;
        }
    } else {
        return false;
    }
    settle(l);
    return true;
}

bool vf_list_key(struct vf_list *l, int key)
{
    static const struct {
        int key, by;
    } moves[] = {{VF_KEY_UP, -1},           {'k', -1},
                 {VF_KEY_DOWN, 1},          {'j', 1},
                 {VF_KEY_PAGE_UP, -PAGE},   {VF_KEY_PAGE_DOWN, PAGE},
                 {VF_KEY_HOME, -(1 << 20)}, {VF_KEY_END, 1 << 20},
                 {VF_KEY_WHEEL_UP, -1},     {VF_KEY_WHEEL_DOWN, 1}};
    if (l->filtering && filter_key(l, key))
        return true;
    if (key >= VF_KEY_ROW && (size_t)(key - VF_KEY_ROW) < l->n_rows) {
        l->cursor = (size_t)(key - VF_KEY_ROW);
        return true;
    }
    if (key == '/') {
        l->filtering = true;
        return true;
    }
    for (size_t i = 0; i < VF_COUNT(moves); i++)
        if (moves[i].key == key) {
            step(l, moves[i].by);
            return true;
        }
    return false;
}

/* ---- drawing ---- */

static size_t n_columns(const struct vf_list *l)
{
    size_t n = 0;
    while (n < VF_LIST_COLUMNS && l->heads[n])
        n++;
    return n;
}

/* As wide as what is in them; where that is too much, columns that can be spared are narrow or left
 * out, and then the widest is made narrower. Returns how many are left. */
static size_t set_widths(const struct vf_list *l, size_t n, int room, int *widths)
{
    int total = 0, spared = 0;
    for (size_t k = 0; k < n; k++) {
        widths[k] = vf_text_columns(l->heads[k]);
        for (size_t i = 0; i < l->n_rows; i++)
            if (l->rows[i].cells[k] && !(l->rows[i].wide && k == LAST_OF_WIDE) &&
                vf_text_columns(l->rows[i].cells[k]) > widths[k])
                widths[k] = vf_text_columns(l->rows[i].cells[k]);
        total += widths[k] + (k ? GAP : 0);
    }
    /* one long name takes nothing away from the other columns, but has what they leave */
    int whole = widths[0];
    int most = room / 3 > LONG ? room / 3 : LONG;
    for (int over = total - room; over > 0 && l->spare && widths[0] > most; over--, total--)
        widths[0]--;
    for (; spared < (int)l->spare && total > room; spared++) {
        int others = total - widths[n - 1];
        if (others + NARROW <= room) {
            widths[n - 1] = room - others;
            total = room;
            break;
        }
        if (total - WIDE <= room)
            break;
        total -= widths[--n] + GAP;
    }
    for (; widths[0] < whole && total < room; total++)
        widths[0]++;
    while (total > room) {
        size_t widest = 0;
        for (size_t k = 1; k < n; k++)
            widest = widths[k] > widths[widest] ? k : widest;
        if (widths[widest] <= LEAST)
            break;
        widths[widest]--;
        total--;
    }
    return n;
}

/* Where cell K begins. */
static int column_of(const struct vf_list *l, const int *widths, size_t k)
{
    int col = MARGIN + 2 + (l->numbered ? NUMBER : 0);
    for (size_t i = 0; i < k; i++)
        col += widths[i] + GAP;
    return col;
}

/* The last of its N cells that is drawn. */
static size_t last_cell(const struct vf_list_row *r, size_t n)
{
    return r->wide && n > LAST_OF_WIDE ? LAST_OF_WIDE : n - 1;
}

/* The lines of R's last cell; NULL: it is cut to one. Caller frees. */
static char **lines_of(const struct vf_list *l, const struct vf_list_row *r, const int *widths,
                       size_t n, int cols)
{
    size_t k = n ? last_cell(r, n) : 0;
    if (!n || !r->whole || !r->cells[k])
        return NULL;
    int room = cols - MARGIN - column_of(l, widths, k);
    vf_autofree char *text = room > 0 ? vf_wrap(r->cells[k], (size_t)room) : NULL;
    return text ? vf_strv_split(text, "\n") : NULL;
}

static size_t height_of(const struct vf_list *l, const struct vf_list_row *r, const int *widths,
                        size_t n, int cols)
{
    vf_autostrv char **lines = lines_of(l, r, widths, n, cols);
    size_t h = vf_strv_len(lines);
    return h ? h : 1;
}

static void draw_cells(const struct vf_list *l, const char *const *cells, bool wide,
                       const int *widths, size_t n, struct vf_canvas *c, int row, enum vf_look look)
{
    for (size_t k = 0; k < n; k++) {
        const char *text = cells[k] ? cells[k] : "";
        int col = column_of(l, widths, k);
        if (wide && k == LAST_OF_WIDE) {
            vf_canvas_put(c, row, col, c->cols - MARGIN - col, look, text);
            break;
        }
        int w = vf_text_columns(text), at = l->right[k] && w < widths[k] ? widths[k] - w : 0;
        vf_canvas_put(c, row, col + at, widths[k] - at, look, text);
    }
}

/* In rows from ROW to BOTTOM, which is below the last. */
static void draw_row(const struct vf_list *l, size_t i, const int *widths, size_t n,
                     struct vf_canvas *c, int row, int bottom)
{
    const struct vf_list_row *r = &l->rows[i];
    bool focus = i == l->cursor;
    enum vf_look look = focus ? VF_LOOK_FOCUS : r->why_not ? VF_LOOK_FAINT : (enum vf_look)r->look;
    vf_autostrv char **lines = lines_of(l, r, widths, n, c->cols);
    const char *cells[VF_LIST_COLUMNS];
    memcpy(cells, r->cells, sizeof cells);
    size_t h = vf_strv_len(lines), k = h ? last_cell(r, n) : 0;
    if (focus) {
        c->cursor_row = row;
        c->cursor_col = MARGIN;
    }
    for (size_t at = 0; at < (h ? h : 1) && row + (int)at < bottom; at++) {
        int y = row + (int)at;
        if (focus)
            vf_canvas_blank(c, y, MARGIN, c->cols - 2 * MARGIN, look);
        vf_canvas_spot(c, y, 0, 1, c->cols, focus ? VF_KEY_ENTER : VF_KEY_ROW + (int)i);
        if (at)
            memset(cells, 0, sizeof cells);
        if (h)
            cells[k] = lines[at];
        draw_cells(l, cells, r->wide, widths, n, c, y, look);
    }
    vf_canvas_put(c, row, MARGIN, 1, look, focus ? ">" : r->why_not ? "-" : " ");
    vf_canvas_put(c, row, MARGIN + 1, 1, look, r->marked ? "*" : " ");
}

/* Corrects TOP, so that the cursor's row is among VISIBLE lines. Returns how many lines there are
 * of the rows that pass; *AT: the cursor's among them, *SHOWN: how many they are. */
static size_t scroll(struct vf_list *l, const int *widths, size_t n, int cols, size_t visible,
                     size_t *at, size_t *shown)
{
    vf_autofree size_t *heights = vf_xcalloc(l->n_rows + 1, sizeof *heights);
    size_t lines = 0, wanted = 0;
    *at = *shown = 0;
    for (size_t i = 0; i < l->n_rows; i++) {
        if (i == l->cursor)
            *at = *shown;
        if (vf_list_passes(l, &l->rows[i]))
            lines += heights[(*shown)++] = height_of(l, &l->rows[i], widths, n, cols);
    }
    if (*at < l->top)
        l->top = *at;
    for (size_t i = l->top; i <= *at && i < *shown; i++)
        wanted += heights[i];
    while (visible && wanted > visible && l->top < *at)
        wanted -= heights[l->top++];
    if (lines <= visible)
        l->top = 0;
    return lines;
}

void vf_list_draw(struct vf_list *l, struct vf_canvas *c, int row, int rows)
{
    size_t n = n_columns(l), shown, at, visible = rows > 2 ? (size_t)rows - 2 : 0;
    int widths[VF_LIST_COLUMNS] = {0};
    n = set_widths(l, n, c->cols - 2 * MARGIN - 2 - (l->numbered ? NUMBER : 0), widths);
    draw_cells(l, l->heads, false, widths, n, c, row, VF_LOOK_FAINT);
    size_t lines = scroll(l, widths, n, c->cols, visible, &at, &shown);
    size_t seen = 0, number = 0;
    int next = row + 1, bottom = next + (int)visible;
    for (size_t i = 0; i < l->n_rows; i++) {
        if (!vf_list_passes(l, &l->rows[i]))
            continue;
        number += !l->rows[i].why_not;
        if (seen++ < l->top || next >= bottom)
            continue;
        draw_row(l, i, widths, n, c, next, bottom);
        if (l->numbered && !l->rows[i].why_not)
            vf_canvas_print(c, next, MARGIN + 2, NUMBER, VF_LOOK_TEXT, "%3zu", number);
        next += (int)height_of(l, &l->rows[i], widths, n, c->cols);
    }
    int last = row + rows - 1;
    if (l->filtering || l->filter[0]) {
        int col = MARGIN + vf_canvas_print(c, last, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_STRONG,
                                           _("filter: %s"), l->filter);
        if (l->filtering) {
            c->cursor_row = last;
            c->cursor_col = col;
        }
    }
    if (lines > visible || l->filter[0])
        vf_canvas_print(c, last, c->cols - 24, 23, VF_LOOK_FAINT, _("%zu of %zu"),
                        shown ? at + 1 : 0, shown);
}
