/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in front of a screen: a question, or text to be read. */
#ifndef VF_UI_DIALOG_H
#define VF_UI_DIALOG_H

#include "ui/canvas.h"
#include "ui/keys.h"

/* A question as it stands on the screen. */
struct vf_dialog {
    const char *title, *detail; /* DETAIL may be NULL */
    const char *const *labels;  /* of the choices; NULL: a line is typed */
    size_t n_labels;
    size_t focus;
    const char *typed; /* what was typed so far */
    bool hidden;       /* shown as stars */
    int top;           /* first line shown of a detail there is no room for */
};

/* Text that is read: scrolled by lines. */
struct vf_reader {
    const char *title, *text;
    int top;     /* first line shown; drawing corrects it */
    bool at_end; /* the last line is shown; drawing says so */
};

/* A key of the last row. */
struct vf_help_key {
    int key; /* what a click there is */
    const char *name, *label;
};

/* TEXT as lines of at most COLS columns, with a hanging indent; a word that is longer goes on in
 * the next line. Caller frees. */
char **vf_text_lines(const char *text, int cols);
/* Draws TEXT so from COL to the margin, in the rows from ROW to before BOTTOM; where there is more
 * an ellipsis says so. Returns the row behind it. */
int vf_text_put(struct vf_canvas *c, int row, int bottom, int col, enum vf_look look,
                const char *text);
/* The last row of C: as many of the keys as there is room for, the last one always. */
void vf_help_draw(struct vf_canvas *c, const struct vf_help_key *keys, size_t n);
/* That row as text. */
void vf_help_text(struct vf_canvas *c, const char *text);
void vf_dialog_draw(const struct vf_dialog *d, struct vf_canvas *c);
void vf_reader_draw(struct vf_reader *r, struct vf_canvas *c);
/* True when KEY scrolled. */
bool vf_reader_key(struct vf_reader *r, int key);

#endif
