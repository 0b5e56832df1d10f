/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job that ended before its work was done: what can become of it. */
#ifndef VF_JOB_RESUME_H
#define VF_JOB_RESUME_H

#include "base/ask.h"
#include "job/journal.h"
#include "plan/findings.h"
#include "plan/vm.h"

/* What can become of a job that no process works on. */
enum vf_way {
    VF_WAY_NONE, /* done, undone, or it never began */
    VF_WAY_BOTH, /* on or back */
    VF_WAY_ON,   /* the target may have run: only on */
    VF_WAY_BACK, /* it is being undone: only further back */
};
enum vf_way vf_journal_way(struct vf_journal *j);

/* What was said when another machine took the job over, for as long as it was not taken back; NULL:
 * none did. Borrowed. */
const char *vf_journal_taken_over(struct vf_journal *j);

/* Is it a test migration? Such a job can be undone at any time, also when it is done. */
bool vf_journal_is_rehearsal(struct vf_journal *j);

/* May the target VM have run, and written? From then on there is no way back. */
bool vf_journal_target_ran(struct vf_journal *j);

/* Where VM runs, by what the journal says and how it is at both ends now (UNKNOWN: nobody could
 * tell): "web1 is DOWN since 2026-11-21 02:14 (3 h 12 min)". Caller frees. */
char *vf_service_text(struct vf_journal *j, enum vf_vm_state source, enum vf_vm_state target);

/* "since 2026-11-21 02:14 (3 h 12 min)", in local time. Caller frees. */
char *vf_since_text(int64_t since);
/* Seconds that what is left to be copied by the job in DIR may take, by how fast it was before; <
 * 0: nobody knows. */
double vf_job_left(const char *dir, struct vf_journal *j);

/* How a job stands. */
struct vf_standing {
    enum vf_way way;
    bool done;     /* the whole move is */
    bool touched;  /* it changed something; else neither cluster was asked */
    char *service; /* see above */
    char *unseen;  /* why a cluster could not be asked; NULL: both were */
    char *taken;   /* another machine has it: what is to be said then; NULL: not */
    char *last;    /* title of the last step that has ended, or NULL */
    size_t disks, copied;
    char *kept; /* what of the disks is at the target, where that was told; NULL: it was not */
    struct vf_findings changes; /* what is not as the job left it; one that stops: no way on */
};

/* Reads job ID's journal and asks both clusters. Changes nothing. -1: the job cannot be read. */
int vf_job_look(const char *id, const struct vf_asker *asker, struct vf_standing *out,
                struct vf_error **err);
/* The same of the job in DIR. */
int vf_job_look_in(const char *dir, const struct vf_asker *asker, struct vf_standing *out,
                   struct vf_error **err);
void vf_standing_clear(struct vf_standing *s);

#endif
