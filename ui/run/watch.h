/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What somebody who watches a job knows of it: its events, gathered. No terminal, no clock of its
 * own: NOW is given, milliseconds of vf_clock_ms(). */
#ifndef VF_UI_RUN_WATCH_H
#define VF_UI_RUN_WATCH_H

#include "job/event.h"
#include "ui/canvas.h"

struct vf_watch_step {
    char *name, *title, *state; /* "begin", "done", "failed" */
    double seconds;             /* once it has ended */
    int64_t began;              /* unix seconds; 0: not known */
};

/* Of a disk, or of all of them. */
struct vf_watch_copy {
    char *name, *stage;
    uint64_t total, done, zero, same, wire; /* bytes */
    uint64_t rate, average;                 /* bytes per second */
    bool over;                              /* nothing is done with it any more */
    int64_t left;                           /* seconds; -1: not known */
    int64_t moved;                          /* when any counter last changed */
};

struct vf_watch_note {
    char *time; /* "02:14:09", UTC */
    char *text;
    bool warn;
};

enum { VF_WATCH_RATES = 600 };

struct vf_watch {
    char *job, *vm, *source, *target;
    int64_t began;      /* of the job, unix seconds; 0: not known */
    int64_t down_since; /* when the VM was asked to shut down, unix seconds; 0: as far as known it
                           runs, or never did */
    struct vf_watch_step *steps;
    struct vf_watch_copy *disks;
    struct vf_watch_note *notes;
    size_t n_steps, n_disks, n_notes;
    struct vf_watch_copy all;
    bool copying;                   /* a disk is being copied */
    bool paused;                    /* it was told to copy nothing */
    uint64_t limit;                 /* bytes per second, 0: none */
    int64_t retries;                /* how often a connection was lost */
    uint64_t rates[VF_WATCH_RATES]; /* bytes per second, one a second, oldest first */
    size_t n_rates;
    int64_t sampled;
    json_t *ask; /* the question that waits; NULL: none */
    json_t *end; /* the last event; NULL: not over */
};

void vf_watch_init(struct vf_watch *w);
void vf_watch_free(struct vf_watch *w);
/* Takes E in (not its reference). */
void vf_watch_event(struct vf_watch *w, const json_t *e, int64_t now);
/* Call about once a second: the graph goes on, also when nothing is heard. */
void vf_watch_tick(struct vf_watch *w, int64_t now);
/* The step that runs; NULL: none. */
const struct vf_watch_step *vf_watch_current(const struct vf_watch *w);
/* Seconds since any disk came on, when that is long enough to be worth saying, else 0. */
int vf_watch_stalled(const struct vf_watch *w, int64_t now);

#endif
