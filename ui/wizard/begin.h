/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the wizard begins with and ends in, on a screen or without. */
#ifndef VF_UI_WIZARD_BEGIN_H
#define VF_UI_WIZARD_BEGIN_H

#include "ui/wizard/wizard.h"

/* The jobs that are not over, for its first page. */
void vf_wizard_add_jobs(struct vf_wizard *w);
/* The job to follow: the one that was chosen, or a new one, which is started; caller frees. NULL
 * without *err: W was left. */
char *vf_wizard_begin(const struct vf_wizard *w, enum vf_wizard_end end, const struct vf_conf *conf,
                      struct vf_error **err);

#endif
