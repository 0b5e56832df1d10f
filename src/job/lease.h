/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one process that may work on a job, over all machines: it keeps the job's mirror on the
 * target's host up to date and gives signs of life there. Who was silent for VF_LEASE_LIMIT_MS can
 * be taken over from; who wakes up then notices before it changes anything. */
#ifndef VF_JOB_LEASE_H
#define VF_JOB_LEASE_H

#include "base/clock.h"
#include "job/job_priv.h"
#include "xfer/mirror.h"

enum {
    VF_LEASE_LIMIT_MS = VF_T_PEER_SILENCE,
    VF_LEASE_VALID_MS = VF_LEASE_LIMIT_MS * 2 / 3, /* believed without asking */
    VF_LEASE_RENEW_MS = 2 * VF_T_PING,
};

/* Where the job's disks go and ssh is there already: makes the mirror. What keeps it from being
 * made is a note; -1 when the job is another's. */
int vf_lease_begin(struct vf_job *job, struct vf_error **err);
/* The same for a job that had one: an earlier process of it, or another machine. */
int vf_lease_again(struct vf_job *job, struct vf_error **err);
/* Is the job still ours? CONFLICT when it was taken over. Whoever calls may use the providers. */
int vf_lease_check(struct vf_job *job, struct vf_error **err);
/* The same by what is known without asking the clusters. */
int vf_lease_glance(struct vf_job *job, struct vf_error **err);
/* Waits, not for long, until the mirror has all that the journal has. */
void vf_lease_flush(struct vf_job *job);
bool vf_lease_lost(const struct vf_job *job);
/* Writes down, here only, that the job is another's now. */
void vf_lease_note_lost(struct vf_job *job, const char *why);
/* Before the process ends: OVER: nothing is left to be done, and the mirror goes. */
void vf_lease_end(struct vf_job *job, bool over);
void vf_lease_free(struct vf_lease *l);
VF_DEFINE_CLEANUP(struct vf_lease *, vf_lease_free)

/* witness.c. Does a VM that has to carry this job's mark do so? 1 yes (or none has to), 0 no, -1
 * nobody can tell. */
int vf_job_is_marked(struct vf_job *job, struct vf_error **err);
/* HOST (NULL: not to be mentioned), which has the record, says nothing. As long as a VM carries the
 * mark as this machine wrote it nobody has taken or ended the job, and as long as the target does
 * not run nobody has started it: 0. CONFLICT otherwise. */
int vf_lease_ask_clusters(struct vf_job *job, const char *host, struct vf_error **err);
/* Who took the job over says so at the source, for those who cannot ask the host. */
int vf_lease_mark_source(struct vf_job *job, struct vf_error **err);

/* The last event "mirror" or "taken-over" of the journal; NULL: none. Borrowed. */
const json_t *vf_lease_event(const struct vf_journal *j);

#endif
