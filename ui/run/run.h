/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A running job on the whole screen: progress, steps, messages, its questions. */
#ifndef VF_UI_RUN_RUN_H
#define VF_UI_RUN_RUN_H

#include "ui/screen.h"
#include "ui/tty.h"

/* CACHE answers what was answered before. Follows job ID on the terminal to its end or until the
 * operator leaves it running. Returns its exit code (enum vf_exit; INTERRUPTED when it was left),
 * or -1 with UNSUPPORTED when the terminal cannot show screens: nothing was done then. */
int vf_run_follow(const char *id, const struct vf_screen_opts *opts, struct vf_tty_cache *cache,
                  struct vf_error **err);
/* The same for all jobs of batch ID, with a list of them from which each can be opened. Returns the
 * highest exit code. */
int vf_run_batch(const char *id, const struct vf_screen_opts *opts, struct vf_tty_cache *cache,
                 struct vf_error **err);

#endif
