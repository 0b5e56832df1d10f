/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A front end's end of a job's socket. When the job's process is gone, its journal is read instead.
 */
#ifndef VF_JOB_CLIENT_H
#define VF_JOB_CLIENT_H

#include <stdint.h>
#include "base/cancel.h"
#include "base/secret.h"
#include "job/event.h"

struct vf_client;

/* Follows job ID. Waits up to 5 s for a process that has only just begun. */
struct vf_client *vf_client_open(const char *id, struct vf_error **err);
void vf_client_free(struct vf_client *c);
VF_DEFINE_CLEANUP(struct vf_client *, vf_client_free)

/* Readable when vf_client_next() has something; -1: it always has (a journal is read). */
int vf_client_fd(const struct vf_client *c);
/* The next event (caller's reference); NULL without *err when there is none now, NULL with *err
 * when the job's process is gone without an "end" event (NET); of one that is gone, and has written
 * an end that did not get here, that comes from its journal. Never waits. */
json_t *vf_client_next(struct vf_client *c, struct vf_error **err);

/* After the "end" event: waits until the job's process lets go of the job, at most TIMEOUT_MS. */
void vf_client_wait_end(struct vf_client *c, int timeout_ms);

/* All that send something: NOTFOUND when the job's process is gone, which vf_client_next() tells
 * more of. */

/* Both NULL: nobody here can answer. SECRET is borrowed. */
int vf_client_answer(struct vf_client *c, int64_t ask, const char *text,
                     const struct vf_secret *secret, struct vf_error **err);
/* KEEP: it can go on later; else all is put back. */
int vf_client_cancel(struct vf_client *c, bool keep, struct vf_error **err);
/* A new limit, bytes per second, 0: none; waits until the job has it, at most TIMEOUT_MS, during
 * which other events are lost. 0: does not wait; the event "rate" will tell. */
int vf_client_rate(struct vf_client *c, uint64_t rate, int timeout_ms, struct vf_error **err);
/* Nothing more is copied, or it goes on; the same otherwise. */
int vf_client_pause(struct vf_client *c, bool pause, int timeout_ms, struct vf_error **err);

#endif
