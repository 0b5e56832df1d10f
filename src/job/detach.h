/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes of their own, that outlive terminal and parent: of jobs and of batches. Who starts one
 * learns whether it got ready. */
#ifndef VF_JOB_DETACH_H
#define VF_JOB_DETACH_H

#include "base/error.h"

/* Runs ARGV (this program, as one that calls vf_detach()) until it is ready or says why not. */
int vf_detach_start(const char *const argv[], struct vf_error **err);

/* In that program: -1 in the detached process, with *READY to be given to vf_detach_ready(); else
 * the exit code of the one that stays behind, once that is known. */
int vf_detach(int *ready);
/* Standard output and error, and the log, go to DIR/log. */
int vf_detach_stdio(const char *dir, struct vf_error **err);
/* Says that it is ready, or WHY not (NULL: it is); closes READY. */
void vf_detach_ready(int ready, const struct vf_error *why);

#endif
