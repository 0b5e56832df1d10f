/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs as lines of a list, and those among them that are not finished. */
#ifndef VF_UI_UNFINISHED_H
#define VF_UI_UNFINISHED_H

#include <stdio.h>
#include "job/journal.h"

/* IDs of the jobs that a process works on, or that can go on or back; oldest first, caller frees
 * with vf_strv_free(). */
char **vf_unfinished_jobs(void);

/* How long what is left of the job in DIR may take, by how fast it copied before ("~6 min"); NULL:
 * nobody knows. Caller frees. */
char *vf_unfinished_left(const char *dir, struct vf_journal *j);

/* A line about job ID on OUT: how it ended or that it runs, its VM, what can be done about it. */
void vf_say_job(FILE *out, const char *id);

/* The only unfinished job; NULL with *CODE (an exit status), said on standard error: there are
 * none, or several. Caller frees. */
char *vf_only_unfinished(int *code);

/* What can be done about job ID, which was cut off, as a line on standard error. */
void vf_say_ways(const char *id);

/* Lists them on standard error, if there are any. */
void vf_remind_unfinished(void);

/* One line about batch ID on OUT; its jobs are listed by vf_say_job(). */
void vf_say_batch(FILE *out, const char *id);

#endif
