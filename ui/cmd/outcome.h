/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of each of several VMs. */
#ifndef VF_UI_CMD_OUTCOME_H
#define VF_UI_CMD_OUTCOME_H

#include "job/event.h"
#include "job/job.h"

struct vf_outcome {
    const char *vm; /* as it was named (borrowed) */
    char *own;      /* VM, where nobody else keeps it */
    char *job;      /* NULL: none was made */
    int code;       /* enum vf_exit; -1: not begun */
    bool stopped;   /* by ^C */
    bool before;    /* it was moved already */
    bool test;      /* a rehearsal: what is done is no move */
    bool waits;     /* not begun, but it will be */
    bool taken;     /* another machine has it now */
};
void vf_outcomes_free(struct vf_outcome *v, size_t n);

/* How the jobs of batch ID stand; N of *V, the caller's. STOPPED: by ^C. */
int vf_outcome_of_batch(const char *id, bool stopped, struct vf_outcome **v, size_t *n,
                        struct vf_error **err);

/* The same as an event of type "outcome", see vmferry-events(5); a new reference. */
json_t *vf_outcome_event(const struct vf_outcome *v, size_t n);

/* How a job of several VMs ended by its exit status, as words. */
const char *vf_outcome_word(int code);

/* A table: name, result, downtime, what can follow. Caller frees. */
char *vf_outcome_table(const struct vf_outcome *v, size_t n);

#endif
