/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list to choose one row of: columns, a cursor, a filter. */
#ifndef VF_UI_LIST_H
#define VF_UI_LIST_H

#include "ui/canvas.h"
#include "ui/keys.h"

enum { VF_LIST_COLUMNS = 8, VF_LIST_FILTER = 64 };

struct vf_list_row {
    char *cells[VF_LIST_COLUMNS]; /* owned; NULL: empty */
    char *why_not;                /* it cannot be chosen; NULL: it can */
    bool marked;                  /* one of several that are chosen together */
    bool wide;                    /* the third cell takes the columns behind it as well */
    bool whole;                   /* its last cell takes more lines where one is too short */
    uint8_t look;                 /* enum vf_look, when nothing else says how it looks */
    size_t tag;                   /* the caller's */
};

struct vf_list {
    const char *heads[VF_LIST_COLUMNS]; /* borrowed; NULL: no such column */
    bool right[VF_LIST_COLUMNS];        /* numbers */
    size_t spare;                       /* so many of the last columns may be left out */
    struct vf_list_row *rows;
    size_t n_rows;
    size_t cursor; /* index in rows */
    size_t top;    /* of the rows that pass, the first on the screen; drawing corrects it */
    char filter[VF_LIST_FILTER];
    bool filtering; /* the filter is being typed */
    bool numbered;  /* rows are drawn with the numbers of vf_list_number() */
};

/* Forgets rows and heads; cursor and filter stay for the rows that come. */
void vf_list_clear(struct vf_list *l);
/* Also forgets filter and cursor. */
void vf_list_free(struct vf_list *l);
/* A new row, valid until the next. */
struct vf_list_row *vf_list_add(struct vf_list *l, size_t tag);
/* Puts the cursor on the row whose first cell is NAME, if there is one. */
void vf_list_find(struct vf_list *l, const char *name);
/* Does the filter leave R in sight? */
bool vf_list_passes(const struct vf_list *l, const struct vf_list_row *r);
/* The row under the cursor; NULL: none passes the filter. */
const struct vf_list_row *vf_list_row(const struct vf_list *l);
/* Puts the cursor on the Nth (from 1) of the rows that pass the filter and can be chosen; false:
 * there is none. */
bool vf_list_number(struct vf_list *l, size_t n);
/* True when KEY was for the list: it moved the cursor, or changed the filter. */
bool vf_list_key(struct vf_list *l, int key);
/* Heads and rows in ROWS rows from ROW on. */
void vf_list_draw(struct vf_list *l, struct vf_canvas *c, int row, int rows);

#endif
