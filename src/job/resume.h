/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job that ended before its work was done: what can become of it. */
#ifndef VF_JOB_RESUME_H
#define VF_JOB_RESUME_H

#include "job/journal.h"

/* What can become of a job that no process works on. */
enum vf_way {
    VF_WAY_NONE, /* done, undone, or it never began */
    VF_WAY_BOTH, /* on or back */
    VF_WAY_ON,   /* the target may have run: only on */
    VF_WAY_BACK, /* it is being undone: only further back */
};
enum vf_way vf_journal_way(const struct vf_journal *j);

/* May the target VM have run, and written? From then on there is no way back. */
bool vf_journal_target_ran(const struct vf_journal *j);

#endif
