/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What following one job and following several have in common. */
#ifndef VF_UI_PLAIN_PRIV_H
#define VF_UI_PLAIN_PRIV_H

#include "ui/plain.h"
#include "job/client.h"

#include <signal.h>

struct vf_follow {
    const char *id; /* the job, borrowed */
    const char *vm; /* named before each line; NULL: it is the only one */
    enum vf_progress_form form;
    struct vf_tty_cache *cache;
    int64_t begun; /* ms: what the times before the lines count from */
    int signals;   /* signalfd: a question does not keep ^C from being heard */
    /* what follows is its own */
    struct vf_client *client;
    int64_t said; /* ms: the last line of progress, 0: none */
    int exit;     /* -1: not over */
    bool ended;   /* that is the job's own */
    bool left;    /* that is because its question was left open */
    int interrupts;
    json_t *held;   /* events that came while a question was open, to be shown after it */
    int64_t asking; /* number of the open question */
    bool settled;   /* somebody else has answered it, or the job has ended */
};

int vf_follow_open(struct vf_follow *f, struct vf_error **err);
void vf_follow_close(struct vf_follow *f);
/* Shows and answers what has come, without waiting for more. 1 when it is over (f->exit), 0 when
 * more is to come, -1 when the job's process is gone. */
int vf_follow_take(struct vf_follow *f, struct vf_error **err);
/* Says that the job's process is gone, and what can follow. */
void vf_follow_lost(struct vf_follow *f, const struct vf_error *why);
/* After the job's own end: until its process lets go of it. */
void vf_follow_wait_end(struct vf_follow *f);
/* INT, TERM and HUP by a descriptor, which does not block; the caller closes it and puts the mask
 * back. */
int vf_follow_signals(sigset_t *before);
/* The number of the one that came, 0: none. */
int vf_follow_signal(int signals);

#endif
