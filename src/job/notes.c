/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changing the notes of a VM that others may be editing: read, changed and written with the digest
 * that was read; when somebody was quicker, all of it again. */
#include "config.h"
#include "job/job_priv.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

enum { TRIES = 5 };

int vf_job_edit_notes(struct vf_job *job, struct vf_provider *p, const char *node, unsigned id,
                      vf_notes_fn *edit, void *opaque, struct vf_error **err)
{
    for (int left = TRIES;; left--) {
        vf_autofree char *digest = NULL, *text = NULL;
        vf_autofree char *now = p->ops->notes(p, id, &digest, err);
        if (!now || edit(job, now, opaque, &text, err) < 0)
            return -1;
        if (!text || vf_description_same(text, now))
            return 0;
        vf_autoerror struct vf_error *why = NULL;
        if (p->ops->describe_as(p, node, id, text, digest, &why) == 0)
            return 0;
        if (left == 1 || vf_error_code(why) != VF_E_CONFLICT)
            return vf_fail_with(err, VF_STEAL(why));
        vf_info("job", "%s; reading them again", vf_error_text(why));
        if (vf_cancel_check(job->cancel, err) < 0)
            return -1;
    }
}

char *vf_notes_without_mark(const struct vf_job *job, const char *now, const char *before)
{
    vf_autofree char *owner = vf_marker_find(now), *line = NULL;
    if (!vf_streq(owner, job->id))
        return vf_strdup(now);
    line = vf_marker_line(now);
    vf_autofree char *ours = vf_marker_add(before, line);
    return vf_description_same(now, ours) ? vf_strdup(before ? before : "")
                                          : vf_marker_remove(now, line);
}
