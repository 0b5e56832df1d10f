/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A screen as it should look: rows of cells, without a terminal. Screens draw on one, which tests
 * can read; screen.c brings it to the terminal. */
#ifndef VF_UI_CANVAS_H
#define VF_UI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cleanup.h"

/* What a cell means; how that is shown is the terminal's matter. Nothing is said by look alone. */
enum vf_look {
    VF_LOOK_TEXT,
    VF_LOOK_TITLE,
    VF_LOOK_STRONG,
    VF_LOOK_FAINT,
    VF_LOOK_GOOD,
    VF_LOOK_WARN,
    VF_LOOK_BAD,
    VF_LOOK_BAR,
    VF_LOOK_FOCUS,
    VF_LOOK_COUNT,
};

enum { VF_CELL_TEXT = 16 };

struct vf_cell {
    char text[VF_CELL_TEXT]; /* a character of UTF-8 and what combines with it; "" behind a wide one
                              */
    uint8_t look;
};

/* Where a click is the same as a key. */
struct vf_spot {
    int row, col, rows, cols, key;
};

struct vf_canvas {
    int rows, cols;
    bool ascii;                 /* only ASCII is drawn */
    int cursor_row, cursor_col; /* on what has the focus; -1: nowhere */
    struct vf_cell *cells;
    struct vf_spot *spots;
    size_t n_spots;
};

struct vf_canvas *vf_canvas_new(int rows, int cols, bool ascii);
void vf_canvas_free(struct vf_canvas *c);
VF_DEFINE_CLEANUP(struct vf_canvas *, vf_canvas_free)

/* TEXT (UTF-8; control characters become '?') from ROW, COL on, in at most WIDTH columns (and those
 * there are): what does not fit is cut and ends in an ellipsis. Returns the columns it took. */
int vf_canvas_put(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                  const char *text);
/* FROM and, behind it, TO, which is there whole: where there is too little room, FROM is cut. */
int vf_canvas_put_way(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                      const char *from, const char *to);
/* As vf_canvas_put(), formatted. */
int vf_canvas_print(struct vf_canvas *c, int row, int col, int width, enum vf_look look,
                    const char *fmt, ...) VF_PRINTF(6, 7);
/* TEXT so that it ends before column END; returns where it begins. */
int vf_canvas_put_right(struct vf_canvas *c, int row, int end, enum vf_look look, const char *text);
/* A horizontal line; blanks. */
void vf_canvas_line(struct vf_canvas *c, int row, int col, int width);
void vf_canvas_blank(struct vf_canvas *c, int row, int col, int width, enum vf_look look);
/* A bar of WIDTH columns, FULL of 1 of it filled, that can be told from empty without colours. */
void vf_canvas_bar(struct vf_canvas *c, int row, int col, int width, double full);
/* The last WIDTH of N values as columns of a small graph, one row high; MAX is a full column. */
void vf_canvas_graph(struct vf_canvas *c, int row, int col, int width, const uint64_t *values,
                     size_t n, uint64_t max);
/* A frame with blanks inside. */
void vf_canvas_box(struct vf_canvas *c, int row, int col, int rows, int cols);

/* A click there is KEY (VF_KEY_NONE: nothing); what was said last is in front. */
void vf_canvas_spot(struct vf_canvas *c, int row, int col, int rows, int cols, int key);
/* The key for a click at ROW, COL; VF_KEY_NONE: none. */
int vf_canvas_spot_at(const struct vf_canvas *c, int row, int col);

/* The text of a row, without blanks at its end; caller frees. */
char *vf_canvas_row(const struct vf_canvas *c, int row);
/* Columns that TEXT takes. */
int vf_text_columns(const char *text);
/* Bytes of TEXT that fit into WIDTH columns, whole characters with what combines with them. */
size_t vf_text_fit(const char *text, int width);

#endif
