/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the screens of running jobs share: one job as it is watched (run), and what its end says. */
#ifndef VF_UI_RUN_RUN_PRIV_H
#define VF_UI_RUN_RUN_PRIV_H

#include "ui/question.h"
#include "ui/run/draw.h"
#include "ui/tty.h"
#include "job/client.h"

/* What is in front of a job's screen. */
enum run_front {
    FRONT_NONE,
    FRONT_QUESTION,
    FRONT_MESSAGES,
    FRONT_LOG,
    FRONT_RESULT,
    FRONT_HELP,
};

/* A job on a screen. It draws and takes keys; the loop that polls is elsewhere. */
struct run {
    char *id;
    struct vf_client *client;
    struct vf_tty_cache *cache; /* borrowed */
    struct vf_watch watch;
    enum run_front front;
    struct vf_question question; /* the job's, or one of ours */
    int64_t asked, heard;        /* number of the job's that was in front; that was rung for */
    struct vf_reader reader;
    char *text; /* the reader's */
    bool details;
    bool member;      /* of several: Esc goes back to their list */
    bool back;        /* told so */
    bool left, over;  /* told to close the screen: the job goes on, or has ended */
    bool ring;        /* something has come that is to be heard; whoever rings clears it */
    int64_t log_read; /* ms */
};

/* Follows job ID. */
struct run *vf_run_new(const char *id, struct vf_tty_cache *cache, struct vf_error **err);
void vf_run_free(struct run *r);
/* Takes in what the job has said. */
void vf_run_take(struct run *r);
void vf_run_key(struct run *r, int key);
/* NOTICE: what else there is to know; NULL: nothing. */
void vf_run_show(struct run *r, struct vf_canvas *c, const char *notice);
/* For the terminal's title; caller frees. */
char *vf_run_title(const struct run *r);

/* actions.c: the keys of a job's screen, as far as they are of use now, with their names; at most
 * MAX. */
size_t vf_run_keys(const struct run *r, struct vf_help_key *keys, size_t max);
/* Does what KEY is for, if anything. */
void vf_run_act(struct run *r, int key);
/* A question of ours was answered: vf_run_act() put it. */
void vf_run_answered(struct run *r, const struct vf_answer *a);
void vf_run_show_result(struct run *r);
/* The end of the job's log; read again while its end is looked at. */
void vf_run_read_log(struct run *r);

/* result.c: what an "end" event says, for the screen: W has the warnings; caller frees. */
char *vf_result_text(const json_t *end, const struct vf_watch *w);
/* The same as it is printed: the whole report. */
char *vf_result_report(const json_t *end);
/* What takes the place of the "end" of job ID, whose process is gone for the reason WHY. */
json_t *vf_result_lost(const char *id, const struct vf_error *why);
/* May the job go on, and back (a test migration also when it is done)? */
bool vf_result_can_resume(const json_t *end);
bool vf_result_can_go_back(const json_t *end);

#endif
