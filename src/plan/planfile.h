/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What reading and writing of plan files have in common. */
#ifndef VF_PLAN_PLANFILE_H
#define VF_PLAN_PLANFILE_H

#include "plan/plan.h"

/* A file with one VM is written as readers of format 1 know it. */
enum { VF_PLAN_FORMAT = 2, VF_ONE_VM_FORMAT = 1 };

extern const char *const vf_method_words[]; /* by enum vf_method, NULL-terminated */

#endif
