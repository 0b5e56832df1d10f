/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job's outcome as text for a person; callers free. */
#ifndef VF_JOB_JOB_TEXT_H
#define VF_JOB_JOB_TEXT_H

#include "job/event.h"

/* How what was written was compared (copy.h's words), for people. Not to be freed. */
const char *vf_verified_text(const char *how);

/* The way that disk data took, "a1 -> b2 direct" (copy.h), for people; caller frees. */
char *vf_route_shown(const char *route);

/* What comparing with the source once more has shown, of a disk's "source_check"; caller frees. */
char *vf_source_check_text(const json_t *check);

/* The closing report of an "end" event's "report". */
char *vf_report_text(const json_t *report);
/* The same of a job that was undone since, or whose undoing has begun: without what could follow a
 * move that is done, and with what BACK says, the report of the last "end" event (may be NULL). */
char *vf_report_undone_text(const json_t *report, const json_t *back);

/* account.c: its lines of who and when; of downtime; of what else there is to know. */
struct vf_buf;
void vf_account_who_text(const json_t *report, struct vf_buf *b);
void vf_account_rehearsal_text(const json_t *report, struct vf_buf *b);
void vf_account_downtime_text(const json_t *report, struct vf_buf *b);
void vf_account_text(const json_t *report, struct vf_buf *b);

/* That the command which prints the secret of WHOSE is waited for; SAID as vf_secret_tell() has it.
 */
char *vf_secret_waits_text(const char *whose, const char *said);

/* What failed, why, the state of source and target, what next: of a failed "end" event. */
char *vf_failure_text(const json_t *end);

#endif
