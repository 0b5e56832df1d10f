/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plain front end: a job's events as lines, its questions on the terminal. */
#ifndef VF_UI_PLAIN_H
#define VF_UI_PLAIN_H

#include "job/job.h"
#include "ui/tty.h"

#include <signal.h>

enum vf_progress_form { VF_PROGRESS_PLAIN, VF_PROGRESS_JSON, VF_PROGRESS_NONE };

/* The form called WORD on the command line; -1 (said): there is none. */
int vf_progress_form(const char *word);

/* Before a job is begun that is followed then: ^C and the like wait for vf_plain_follow(), which
 * stops the job; of a job that was begun nobody would know otherwise. *BEFORE: the mask, for the
 * caller to put back (vf_plain_heed()) when it was not begun, or was followed. */
void vf_plain_hold(sigset_t *before);
void vf_plain_heed(const sigset_t *before);

/* Follows job ID to its end; returns its exit code. ^C asks the job to stop and put things back; a
 * second one leaves it running. A lost terminal leaves it running too. *STOPPED (may be NULL):
 * somebody here pressed ^C, or the terminal is lost. */
int vf_plain_follow(const char *id, enum vf_progress_form form, struct vf_tty_cache *cache,
                    bool *stopped);

/* Follows the jobs of batch ID as they run, a VM's name before each line, to the end of the last.
 * ALL: also those that are over by now. ^C stops all of them and begins no other; a second one, or
 * a lost terminal, leaves the batch to itself. 0, or -1 (said) when it cannot be read; what became
 * of each says vf_batch_read(). */
int vf_plain_follow_batch(const char *id, enum vf_progress_form form, struct vf_tty_cache *cache,
                          bool all, bool *stopped);

/* "no limit", "at most 800 Mbit/s (95 MiB/s)"; RATE in bytes per second. Caller frees. */
char *vf_plain_limit(uint64_t rate);

/* "what failed", "why" ... as people read it, on stderr. */
void vf_plain_error(const struct vf_error *e);

/* From now on it is said on standard error when a command that prints a secret takes long. */
void vf_say_secrets(void);

#endif
