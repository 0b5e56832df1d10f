/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can become of a job, by its journal alone. */
#include "config.h"
#include "job/resume.h"
#include "job/job.h"
#include "base/str.h"

bool vf_journal_is_rehearsal(struct vf_journal *j)
{
    vf_autojson json_t *events = vf_journal_lines(j);
    for (size_t i = 0; i < json_array_size(events); i++)
        if (vf_streq(vf_json_str(json_array_get(events, i), "type"), "job"))
            return vf_json_true(json_array_get(events, i), "rehearsal");
    return false;
}

bool vf_journal_target_ran(struct vf_journal *j)
{
    /* once the intent is written the target may have run: its data may be newer than the source's
     */
    if (vf_journal_is_rehearsal(j))
        return false; /* what a test has written nobody needs */
    const struct vf_record *start = vf_journal_find(j, "start"), *m = vf_journal_find(j, "migrate"),
                           *handover = vf_journal_find(j, "migrate/handover");
    return (start && start->state != VF_REC_UNDONE && start->state != VF_REC_FAILED) ||
           (m && m->state == VF_REC_DONE && vf_json_true(m->intent, "online")) ||
           (handover && handover->state == VF_REC_DONE);
}

const char *vf_journal_taken_over(struct vf_journal *j)
{
    const json_t *events = vf_journal_events(j);
    const char *text = NULL;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        const char *type = vf_json_str(e, "type");
        if (vf_streq(type, "taken-over"))
            text = vf_json_str(e, "text");
        else if (vf_streq(type, "mirror"))
            text = NULL;
    }
    return text;
}

enum vf_way vf_journal_way(struct vf_journal *j)
{
    vf_autojson json_t *events = vf_journal_lines(j);
    const struct vf_record *returned = vf_journal_find(j, "return");
    bool returns = false; /* processes that return to the source do not say how the move stands */
    if (returned && returned->state != VF_REC_UNDONE)
        return returned->state == VF_REC_DONE ? VF_WAY_NONE : VF_WAY_BACK;
    const struct vf_record *back = vf_journal_find(j, "rollback");
    int64_t end = -1; /* exit code of the last process, if it got that far */
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        const char *type = vf_json_str(e, "type");
        if (vf_streq(type, "start")) {
            returns = vf_starts(vf_json_str(e, "mode"), "return");
            end = returns ? end : -1;
        }
        if (returns || !vf_streq(type, "end"))
            continue;
        end = vf_json_int(e, "exit");
        if (end == VF_EXIT_DONE && !vf_journal_is_rehearsal(j))
            return VF_WAY_NONE;
    }
    if (vf_journal_taken_over(j))
        return VF_WAY_NONE;
    if (end == VF_EXIT_DONE && !back)
        return VF_WAY_BACK;
    if (end == VF_EXIT_FAILED || end == VF_EXIT_STOPPED || (back && back->state == VF_REC_DONE))
        return VF_WAY_NONE;
    if (vf_journal_target_ran(j))
        return VF_WAY_ON;
    return back ? VF_WAY_BACK : VF_WAY_BOTH;
}
