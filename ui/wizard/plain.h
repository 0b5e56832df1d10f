/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The same wizard without a screen: each page as text with numbered rows, a line of input for each
 * answer, so that it works on any terminal, with a screen reader, and from a pipe. */
#ifndef VF_UI_WIZARD_PLAIN_H
#define VF_UI_WIZARD_PLAIN_H

#include "ui/wizard/desk.h"

/* Reads standard input, to its end or to the end of the job that is started. Returns the exit code
 * (enum vf_exit). */
int vf_wizard_plain(struct vf_desk *desk);

#endif
