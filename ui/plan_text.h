/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VF_UI_PLAN_TEXT_H
#define VF_UI_PLAN_TEXT_H

#include "job/event.h"
#include "job/job.h"

/* What the move will do, as text: VM, disks, network cards, what happens when, findings. Caller
 * frees. */
char *vf_plan_summary(const struct vf_prepared *p);

/* The same as an event of type "plan", see vmferry-events(5); a new reference. */
json_t *vf_plan_event(const struct vf_prepared *p);

#endif
