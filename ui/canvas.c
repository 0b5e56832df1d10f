/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/canvas.h"
#include "ui/keys.h"
#include "base/buf.h"
#include "base/str.h"

#include <string.h>
#include <wchar.h>

struct vf_canvas *vf_canvas_new(int rows, int cols, bool ascii)
{
    struct vf_canvas *c = vf_xcalloc(1, sizeof *c);
    *c = (struct vf_canvas){
        .rows = rows, .cols = cols, .ascii = ascii, .cursor_row = -1, .cursor_col = -1};
    c->cells = vf_xcalloc((size_t)rows * (size_t)cols, sizeof *c->cells);
    for (int i = 0; i < rows; i++)
        vf_canvas_blank(c, i, 0, cols, VF_LOOK_TEXT);
    return c;
}

void vf_canvas_free(struct vf_canvas *c)
{
    if (!c)
        return;
    free(c->cells);
    free(c->spots);
    free(c);
}

/* The character at *S as a code point, and its bytes; what is not UTF-8 is one byte and 0xfffd. */
static uint32_t decode(const char *s, size_t *n)
{
    const unsigned char *p = (const unsigned char *)s;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80             ? 1
                 : (p[0] & 0xe0) == 0xc0 ? 2
                 : (p[0] & 0xf0) == 0xe0 ? 3
                 : (p[0] & 0xf8) == 0xf0 ? 4
                                         : 0;
    uint32_t v = len == 1 ? p[0] : len ? p[0] & (0x7fU >> len) : 0xfffd;
    *n = 1;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0xfffd;
        v = v << 6 | (p[i] & 0x3f);
    }
    if (!len || v < least[len])
        return 0xfffd;
    *n = len;
    return v;
}

/* One step of drawing: the bytes of the next character and its columns. */
struct glyph {
    const char *text;
    size_t bytes; /* of what is drawn */
    size_t taken; /* of what it was made from */
    int columns;
};

static struct glyph next_glyph(const char *s, bool ascii)
{
    struct glyph g = {.text = s};
    uint32_t v = decode(s, &g.taken);
    int w = wcwidth((wchar_t)v);
    g.bytes = g.taken;
    g.columns = w;
    if (w < 0 || v == 0xfffd || (ascii && v >= 0x80)) {
        g.text = "?";
        g.bytes = 1;
        /* a combining character that cannot be shown is left out */
        g.columns = w == 0 ? 0 : 1;
        if (!g.columns)
            g.bytes = 0;
    }
    return g;
}

int vf_text_columns(const char *text)
{
    int n = 0;
    while (*text) {
        struct glyph g = next_glyph(text, false);
        n += g.columns;
        text += g.taken;
    }
    return n;
}

size_t vf_text_fit(const char *text, int width)
{
    const char *p = text;
    int used = 0;
    while (*p) {
        struct glyph g = next_glyph(p, false);
        if (used + g.columns > width)
            break;
        used += g.columns;
        p += g.taken;
    }
    return (size_t)(p - text);
}

static struct vf_cell *cell(struct vf_canvas *c, int row, int col)
{
    return &c->cells[(size_t)row * (size_t)c->cols + (size_t)col];
}

/* COL and WIDTH cut to what there is of ROW. */
static bool clip(const struct vf_canvas *c, int row, int col, int *width)
{
    if (*width > c->cols - col)
        *width = c->cols - col;
    return row >= 0 && row < c->rows && col >= 0 && *width > 0;
}

static void set(struct vf_cell *at, const char *text, size_t n, enum vf_look look)
{
    memcpy(at->text, text, n);
    at->text[n] = 0;
    at->look = (uint8_t)look;
}

/* As set(); half a wide character that is left over becomes a blank. */
static struct vf_cell *place(struct vf_canvas *c, int row, int col, const char *text, size_t n,
                             enum vf_look look)
{
    struct vf_cell *at = cell(c, row, col);
    if (!at->text[0] && col > 0)
        set(at - 1, " ", 1, (enum vf_look)at[-1].look);
    if (col + 1 < c->cols && !at[1].text[0])
        set(at + 1, " ", 1, (enum vf_look)at[1].look);
    set(at, text, n, look);
    return at;
}

static void combine(struct vf_cell *at, const struct glyph *g)
{
    size_t have = strlen(at->text);
    if (have + g->bytes < VF_CELL_TEXT) {
        memcpy(at->text + have, g->text, g->bytes);
        at->text[have + g->bytes] = 0;
    }
}

/* Draws what begins in the first WIDTH columns; true when that was all of TEXT. */
static bool draw(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                 const char *text, int *used)
{
    struct vf_cell *last = NULL;
    *used = 0;
    while (*text) {
        struct glyph g = next_glyph(text, c->ascii);
        if (*used + g.columns > width)
            return false;
        if (g.columns) {
            last = place(c, row, col + *used, g.text, g.bytes, look);
            for (int i = 1; i < g.columns; i++)
                place(c, row, col + *used + i, " ", 1, look);
            for (int i = 1; i < g.columns; i++)
                set(cell(c, row, col + *used + i), "", 0, look);
        } else if (last) {
            combine(last, &g);
        }
        *used += g.columns;
        text += g.taken;
    }
    return true;
}

int vf_canvas_put(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                  const char *text)
{
    int used;
    if (!text || !clip(c, row, col, &width))
        return 0;
    if (vf_text_columns(text) <= width) {
        draw(c, row, col, width, look, text, &used);
        return used;
    }
    draw(c, row, col, width - 1, look, text, &used);
    return used + vf_canvas_put(c, row, col + used, 1, look, c->ascii ? "~" : "…");
}

int vf_canvas_put_way(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                      const char *from, const char *to)
{
    int n = vf_canvas_put(c, row, col, width - vf_text_columns(to), look, from);
    return n + vf_canvas_put(c, row, col + n, width - n, look, to);
}

int vf_canvas_print(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                    const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    return vf_canvas_put(c, row, col, width, look, text);
}

int vf_canvas_put_right(struct vf_canvas *c, int row, int end, enum vf_look look, const char *text)
{
    int n = vf_text_columns(text), col = n < end ? end - n : 0;
    vf_canvas_put(c, row, col, end - col, look, text);
    return col;
}

static void repeat(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                   const char *text)
{
    if (!clip(c, row, col, &width))
        return;
    for (int i = 0; i < width; i++)
        place(c, row, col + i, text, strlen(text), look);
}

void vf_canvas_line(struct vf_canvas *c, int row, int col, int width)
{
    repeat(c, row, col, width, VF_LOOK_FAINT, c->ascii ? "-" : "─");
}

void vf_canvas_blank(struct vf_canvas *c, int row, int col, int width, enum vf_look look)
{
    repeat(c, row, col, width, look, " ");
}

void vf_canvas_bar(struct vf_canvas *c, int row, int col, int width, double full)
{
    int n = (int)(full * width + 0.5);
    n = n < 0 ? 0 : n > width ? width : n;
    if (n == width && full < 1)
        n--; /* full is only what is full */
    repeat(c, row, col, n, VF_LOOK_BAR, c->ascii ? "#" : "█");
    repeat(c, row, col + n, width - n, VF_LOOK_FAINT, c->ascii ? "." : "░");
}

void vf_canvas_graph(struct vf_canvas *c, int row, int col, int width, const uint64_t *values,
                     size_t n, uint64_t max)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const signs[] = {"_", ".", ",", "-", "=", "+", "*", "#"};
    const char *const *steps = c->ascii ? signs : blocks;
    size_t from = n > (size_t)width ? n - (size_t)width : 0;
    for (size_t i = from; i < n; i++) {
        size_t level = max ? (size_t)((double)values[i] * 8 / (double)max) : 0;
        repeat(c, row, col + (int)(i - from), 1, VF_LOOK_BAR, steps[level < 8 ? level : 7]);
    }
}

void vf_canvas_box(struct vf_canvas *c, int row, int col, int rows, int cols)
{
    static const char *const fine[] = {"┌", "┐", "└", "┘", "│"};
    static const char *const plain[] = {"+", "+", "+", "+", "|"};
    const char *const *p = c->ascii ? plain : fine;
    for (int i = 0; i < rows; i++) {
        bool edge = i == 0 || i == rows - 1;
        vf_canvas_blank(c, row + i, col, cols, VF_LOOK_TEXT);
        if (edge)
            vf_canvas_line(c, row + i, col + 1, cols - 2);
        repeat(c, row + i, col, 1, VF_LOOK_FAINT, p[!edge ? 4 : i ? 2 : 0]);
        repeat(c, row + i, col + cols - 1, 1, VF_LOOK_FAINT, p[!edge ? 4 : i ? 3 : 1]);
    }
}

void vf_canvas_spot(struct vf_canvas *c, int row, int col, int rows, int cols, int key)
{
    struct vf_spot *s = vf_grow(&c->spots, &c->n_spots, sizeof *s);
    *s = (struct vf_spot){row, col, rows, cols, key};
}

int vf_canvas_spot_at(const struct vf_canvas *c, int row, int col)
{
    for (size_t i = c->n_spots; i-- > 0;) {
        const struct vf_spot *s = &c->spots[i];
        if (row >= s->row && row < s->row + s->rows && col >= s->col && col < s->col + s->cols)
            return s->key;
    }
    return VF_KEY_NONE;
}

char *vf_canvas_row(const struct vf_canvas *c, int row)
{
    vf_autobuf struct vf_buf b = {0};
    for (int i = 0; i < c->cols; i++)
        vf_buf_puts(&b, c->cells[(size_t)row * (size_t)c->cols + (size_t)i].text);
    while (b.len && b.data[b.len - 1] == ' ')
        b.data[--b.len] = 0;
    return vf_buf_take(&b);
}
