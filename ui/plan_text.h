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

/* WAY of vf_prepared and others ("by SSH: its API does not answer"), translated and made safe; WHY:
 * with its reason. Caller frees; NULL for NULL. */
char *vf_way_shown(const char *way, bool why);

#endif
