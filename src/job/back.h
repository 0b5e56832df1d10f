/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ways back. Until the target may have run, a rollback undoes the move and nothing is lost.
 * After that there is the return to the source: what was written at the target is given up, which
 * only a person who was told may decide. */
#ifndef VF_JOB_BACK_H
#define VF_JOB_BACK_H

#include "base/ask.h"
#include "job/journal.h"

enum vf_back {
    VF_BACK_NOTHING,  /* undone already, or it never began */
    VF_BACK_UNDO,     /* the target never ran: a rollback */
    VF_BACK_RETURN,   /* it has run, or is its operator's by now: a person has to agree */
    VF_BACK_AGREED,   /* one has agreed, and the return was cut off: it can only be finished */
    VF_BACK_RETURNED, /* the return is over */
};
enum vf_back vf_journal_back(struct vf_journal *j);

/* What a return to the source would do, in sentences for who has to agree. */
struct vf_loss {
    char *vm;      /* its name, which is to be typed */
    char *service; /* where it runs: vf_service_text() */
    char *lost;    /* what was written at the target, and since when */
    char *target, *source;
};

/* Looks at both clusters and fills OUT for job ID; REMOVE: the target VM is to be removed. Changes
 * nothing. -1: nobody can return to the source as things are, and why. */
int vf_job_loss(const char *id, const struct vf_asker *asker, bool remove, struct vf_loss *out,
                struct vf_error **err);
void vf_loss_clear(struct vf_loss *l);

#endif
