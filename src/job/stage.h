/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where jobs are made until they are whole: see stage.c. A stage is named by the one job or by the
 * batch that is made on it. */
#ifndef VF_JOB_STAGE_H
#define VF_JOB_STAGE_H

#include "base/error.h"

/* Its directory (not made); caller frees. */
char *vf_stage_dir(const char *stage);
/* Moves FROM to TO, which is on disk on return. */
int vf_stage_commit(const char *from, const char *to, struct vf_error **err);
/* All jobs of STAGE become jobs like others; none, and no stage, is no mistake. */
int vf_stage_show(const char *stage, struct vf_error **err);
/* Removes all that was made on STAGE. */
void vf_stage_drop(const char *stage);
/* Removes DIR, of a job or batch that was made and never begun. */
void vf_stage_forget(const char *dir);
/* Of stages whose makers are gone: shows the jobs of a batch that is there, removes the others when
 * they are old. */
void vf_stage_tidy(void);

#endif
