/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a wizard works with beside the screen: the configuration, which may grow, plan files, the
 * jobs that are unfinished. Of the plain wizard too. */
#ifndef VF_UI_WIZARD_DESK_H
#define VF_UI_WIZARD_DESK_H

#include "job/survey.h"
#include "ui/tty.h"
#include "ui/wizard/wizard.h"

struct vf_desk;

/* CONFIG as for vf_conf_load(); when that is NULL and there is no file, a configuration without
 * clusters. */
struct vf_desk *vf_desk_new(const char *config, struct vf_error **err);
void vf_desk_free(struct vf_desk *s);
VF_DEFINE_CLEANUP(struct vf_desk *, vf_desk_free)

const struct vf_conf *vf_desk_conf(const struct vf_desk *s);
/* What was answered, of which S has the only one: the job will ask it again. */
struct vf_tty_cache *vf_desk_cache(const struct vf_desk *s);
/* SURVEY gets to know clusters that are added. */
struct vf_wizard_hands vf_desk_hands(struct vf_desk *s, struct vf_survey *survey);
/* Tells W of the jobs that are not over. */
void vf_desk_add_jobs(struct vf_wizard *w);

/* Carries out what W ended with (but VF_WIZARD_QUIT, _DEMO): makes the jobs, starts or takes one
 * up. The ID of the one to follow (caller frees). *BATCH: it is a batch of several. */
char *vf_desk_begin(struct vf_desk *s, const struct vf_wizard *w, enum vf_wizard_end end,
                    bool *batch, struct vf_error **err);

#endif
