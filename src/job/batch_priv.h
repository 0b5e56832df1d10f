/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a batch on disk and its process have in common. */
#ifndef VF_JOB_BATCH_PRIV_H
#define VF_JOB_BATCH_PRIV_H

#include "job/batch.h"
#include "job/event.h"

/* batch.json of DIR: "parallel", "stop-on-failure", "jobs": [{"job":ID,"vm":NAME}]. A new
 * reference. */
json_t *vf_batch_load(const char *dir, struct vf_error **err);
/* Its jobs and how they stand, as if nobody had stopped it. */
void vf_batch_entries(const json_t *batch, struct vf_batch_entry **v, size_t *n);
/* Looks again at one. */
void vf_batch_look(struct vf_batch_entry *e);

#endif
