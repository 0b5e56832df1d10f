/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job's control socket DIR/ctl: every line said so far and from now on goes out; commands come
 * in:
 *   {"type":"answer","ask":3,"text":"yes"} or "secret", or neither (nobody can answer)
 *   {"type":"cancel"}, with "keep":true to go on later instead of putting everything back
 *   {"type":"rate","rate":N} bytes per second, 0: no limit; "request" comes back in the event
 *   {"type":"pause","pause":true} or false; answered as "rate" is
 * Only the job's own user (or root) is served. */
#ifndef VF_JOB_SERVER_H
#define VF_JOB_SERVER_H

#include "job/job_priv.h"

struct vf_server;

/* Listens at job->dir/ctl. */
struct vf_server *vf_server_new(struct vf_job *job, struct vf_error **err);
/* Serves until *OVER and everything said has gone out to those who read; progress is sampled at
 * most four times a second. SIGNALS (a signalfd) cancels the job. */
void vf_server_run(struct vf_server *s, int signals, const atomic_bool *over);
/* Takes the socket away, so that another process can listen there; who is connected stays so. */
void vf_server_close(struct vf_server *s);
/* Hangs up. */
void vf_server_free(struct vf_server *s);

/* A descriptor connected to DIR/ctl, which does not block, or -1 with NOTFOUND when nobody listens,
 * NET when the process takes no more of those who wait for it. */
int vf_server_connect(const char *dir, struct vf_error **err);

#endif
