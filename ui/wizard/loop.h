/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard on a terminal: its screen, the thread that looks things up, questions of logins. */
#ifndef VF_UI_WIZARD_LOOP_H
#define VF_UI_WIZARD_LOOP_H

#include "ui/screen.h"
#include "ui/wizard/desk.h"

/* Runs the wizard, and what it ends in (a job that is followed, the demo). Returns the exit code,
 * or -1 with UNSUPPORTED when the terminal cannot show screens. */
int vf_wizard_run(struct vf_desk *desk, const struct vf_screen_opts *opts, struct vf_error **err);

#endif
