/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What move and run do with several VMs: all are prepared, checked alone and together, shown,
 * agreed to at once, and made a batch. */
#ifndef VF_UI_CMD_SEVERAL_H
#define VF_UI_CMD_SEVERAL_H

#include "job/job.h"
#include "ui/cmd/carry.h"

/* Prepares the Ith; as vf_prepare(). */
typedef int (*vf_prepare_nth)(void *opaque, size_t i, const struct vf_asker *asker,
                              struct vf_prepared *out, struct vf_error **err);

/* NAMES are the N VMs as they were named. The highest exit code of all. */
enum vf_exit vf_several(const struct vf_conf *conf, const struct vf_carry *o,
                        const char *const *names, size_t n, vf_prepare_nth prepare, void *opaque);

/* Prints what became of each job of batch ID; the highest exit code. STOPPED: by ^C. */
enum vf_exit vf_several_outcome(const char *id, bool stopped, enum vf_progress_form form);

#endif
