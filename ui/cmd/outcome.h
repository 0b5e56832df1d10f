/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of each of several VMs. */
#ifndef VF_UI_CMD_OUTCOME_H
#define VF_UI_CMD_OUTCOME_H

#include "job/job.h"

struct vf_outcome {
    const char *vm; /* as it was named */
    char *job;      /* NULL: none was made */
    int code;       /* enum vf_exit; -1: not begun */
    bool stopped;   /* by ^C */
};

/* A table: name, result, downtime, what can follow. Caller frees. */
char *vf_outcome_table(const struct vf_outcome *v, size_t n);

#endif
