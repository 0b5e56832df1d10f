/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The screen of a running job, drawn on a canvas. */
#ifndef VF_UI_RUN_DRAW_H
#define VF_UI_RUN_DRAW_H

#include "base/buf.h"
#include "ui/dialog.h"
#include "ui/run/watch.h"

enum { VF_RUN_MIN_ROWS = 16, VF_RUN_MIN_COLS = 60 };

struct vf_run_view {
    const struct vf_watch *watch;
    const struct vf_dialog *dialog; /* NULL: none */
    struct vf_reader *reader;       /* NULL: none */
    const char *help;               /* for the last row; NULL: KEYS */
    const struct vf_help_key *keys;
    size_t n_keys;
    const char *notice; /* of other jobs; NULL: nothing */
    bool details;       /* a second line for each disk */
    int64_t now;        /* ms, vf_clock_ms() */
    int64_t unix_now;   /* seconds */
};

/* Says so on C, and that all goes on, when that is too small for these screens. */
bool vf_run_too_small(struct vf_canvas *c);
/* Adds what HELP says of the key NAME to B, the names as wide as WIDEST, which is translated. */
void vf_run_add_help(struct vf_buf *b, const char *name, const char *widest, const char *help);
void vf_run_draw(const struct vf_run_view *v, struct vf_canvas *c);

#endif
