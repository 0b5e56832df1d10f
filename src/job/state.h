/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where jobs live: STATE/jobs/ID/ with plan.cfg, journal.jsonl, log, report.json, ctl (socket),
 * lock. */
#ifndef VF_JOB_STATE_H
#define VF_JOB_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

/* $XDG_STATE_HOME/vmferry or ~/.local/state/vmferry; root without XDG_STATE_HOME: /var/lib/vmferry.
 * Caller frees. */
char *vf_state_root(void);
/* A new ID: "20261121-074812-3fa9c2". Caller frees. */
char *vf_job_new_id(void);
/* The directory of job ID (not made). Caller frees. */
char *vf_job_dir(const char *id);
/* IDs of all jobs, oldest first; NULL-terminated, caller frees with vf_strv_free(). */
char **vf_job_ids(void);
/* The job that REF names: an ID or its beginning; NULL: the newest. NOTFOUND or CONFLICT
 * (several) otherwise. Caller frees. */
char *vf_job_resolve(const char *ref, struct vf_error **err);

/* Takes the job's lock: a descriptor to keep open, or -1 with CONFLICT while another process has
 * it; the error says which, and since when. */
int vf_job_lock(const char *dir, struct vf_error **err);
/* Does a process hold it? *PID and *SINCE (unix seconds; both may be NULL): which, 0: not told. */
bool vf_job_is_locked(const char *dir, pid_t *pid, int64_t *since);

#endif
