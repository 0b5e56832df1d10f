/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The jobs of a batch as a list: how each stands, which one asks. One of them may be opened. */
#ifndef VF_UI_RUN_OVERVIEW_H
#define VF_UI_RUN_OVERVIEW_H

#include <poll.h>
#include "ui/canvas.h"
#include "ui/tty.h"
#include "base/error.h"

struct run;
struct vf_overview;

/* Of batch ID. */
struct vf_overview *vf_overview_new(const char *id, struct vf_tty_cache *cache,
                                    struct vf_error **err);
void vf_overview_free(struct vf_overview *o);
/* Takes in what all jobs have said; true when there is something to be heard. */
bool vf_overview_take(struct vf_overview *o);
/* True: the screen is to be closed. */
bool vf_overview_key(struct vf_overview *o, int key);
/* The job that is opened; NULL: none, the list is there. */
struct run *vf_overview_opened(struct vf_overview *o);
void vf_overview_show(struct vf_overview *o, struct vf_canvas *c);
/* "web1 asks: Ready to shut down web1?" of a job that is not opened; NULL: none. Caller frees. */
char *vf_overview_notice(const struct vf_overview *o);
/* For the terminal's title; caller frees. */
char *vf_overview_title(const struct vf_overview *o);
/* What is to be polled; how many. */
enum { VF_OVERVIEW_MOST = 62 };
size_t vf_overview_poll(const struct vf_overview *o, struct pollfd *p, size_t max);
/* Says, without a screen, what became of them; the highest exit code. */
int vf_overview_farewell(const struct vf_overview *o);

#endif
