/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A batch: several jobs begun one after another, or some at a time, by a process of its own. It
 * knows of its jobs no more than whether they have begun, run, or ended, and how; each is as good
 * alone. STATE/batches/ID/ has batch.json (never changed), lock, log, limit (bytes per second, of
 * each job that begins from now on), and stop: nothing more is to be begun. */
#ifndef VF_JOB_BATCH_H
#define VF_JOB_BATCH_H

#include "job/job.h"

/* Makes a job of each of the N plans and the batch of them. PARALLEL: how many may run at a time
 * (0 counts as 1); STOP_ON_FAILURE: one that is not moved keeps those from beginning that have not
 * begun. Returns the batch's ID, "batch-20261121-074812-3fa9c2" (caller frees). */
char *vf_batch_create(struct vf_plan *const *plans, size_t n, unsigned parallel,
                      bool stop_on_failure, const char *conf_path, struct vf_error **err);

/* Starts the batch's process: `SELF __batch DIR` in a session of its own. Also for one that was cut
 * off: jobs that were interrupted go on, then those begin that have not. */
int vf_batch_spawn(const char *id, struct vf_error **err);
/* That process, called by main(); returns its exit code. */
int vf_batch_process(const char *dir);

enum vf_batch_state {
    VF_BATCH_WAITS,   /* not begun yet */
    VF_BATCH_RUNS,    /* a process works on it */
    VF_BATCH_ENDED,   /* CODE says how */
    VF_BATCH_SKIPPED, /* not begun, and will not be */
};
struct vf_batch_entry {
    char *job, *vm;
    enum vf_batch_state state;
    enum vf_exit code; /* ENDED */
    bool test;         /* a rehearsal: DONE is not moved */
    bool taken;        /* ENDED, here: another machine has taken it over */
};

/* How the jobs of batch ID stand, in the order of the plan: N of *V (vf_batch_entries_free). *RUNS:
 * its process is there to begin those that wait. */
int vf_batch_read(const char *id, struct vf_batch_entry **v, size_t *n, bool *runs,
                  struct vf_error **err);
void vf_batch_entries_free(struct vf_batch_entry *v, size_t n);

/* Begins no other job; those that run are left alone. */
int vf_batch_stop(const char *id, struct vf_error **err);
/* That, and asks those that run to stop and put things back. */
int vf_batch_cancel(const char *id, struct vf_error **err);
/* Takes that back, for vf_batch_spawn(). */
int vf_batch_unstop(const char *id, struct vf_error **err);
bool vf_batch_is_stopped(const char *id);

/* RATE (bytes per second, 0: none) is for all jobs of batch ID together, those that have not begun
 * among them: *EACH for one of as many as may run at a time, which those that run have to be told.
 */
int vf_batch_set_limit(const char *id, uint64_t rate, uint64_t *each, struct vf_error **err);
/* What that said, for a job of batch ID (NULL: of none) that begins; *EACH stays when it was never
 * said. */
void vf_batch_limit(const char *id, uint64_t *each);

/* IDs of all batches, oldest first; caller frees with vf_strv_free(). */
char **vf_batch_ids(void);
/* The batch that REF names: an ID or its beginning, with or without "batch-". NULL without *err:
 * REF names none. Caller frees. */
char *vf_batch_resolve(const char *ref, struct vf_error **err);
/* The batch that job JOB is of, or NULL: of none, or of one of another machine. Caller frees. */
char *vf_batch_of(const char *job);
/* Directory of batch ID (not made); caller frees. */
char *vf_batch_dir(const char *id);

/* What is left to do in a batch that no process works on: jobs interrupted, jobs not begun. */
void vf_batch_left(const struct vf_batch_entry *v, size_t n, size_t *interrupted, size_t *waiting);

#endif
