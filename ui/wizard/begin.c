/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/wizard/begin.h"
#include "ui/unfinished.h"
#include "job/journal.h"
#include "job/state.h"
#include "base/i18n.h"
#include "base/str.h"

/* The last event of TYPE, borrowed; NULL: none. */
static const json_t *last_event(const struct vf_journal *j, const char *type)
{
    const json_t *events = vf_journal_events(j);
    for (size_t i = json_array_size(events); i-- > 0;)
        if (vf_streq(vf_json_str(json_array_get(events, i), "type"), type))
            return json_array_get(events, i);
    return NULL;
}

void vf_wizard_add_jobs(struct vf_wizard *w)
{
    vf_autostrv char **ids = vf_unfinished_jobs();
    for (size_t i = 0; ids[i]; i++) {
        vf_autofree char *dir = vf_job_dir(ids[i]);
        vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
        const json_t *job = j ? last_event(j, "job") : NULL;
        if (!job)
            continue;
        vf_autofree char *what =
            vf_asprintf("%s: %s -> %s", vf_json_str(job, "vm"), vf_json_str(job, "source"),
                        vf_json_str(job, "target"));
        vf_autofree char *next = vf_asprintf(
            _("Go on: vmferry resume %s. Undo what it did: vmferry rollback %s"), ids[i], ids[i]);
        vf_wizard_add_job(w, ids[i], what, vf_job_is_locked(dir, NULL, NULL), next);
    }
}

char *vf_wizard_begin(const struct vf_wizard *w, enum vf_wizard_end end, const struct vf_conf *conf,
                      struct vf_error **err)
{
    if (end == VF_WIZARD_ATTACH)
        return vf_strdup(vf_wizard_job(w));
    if (end != VF_WIZARD_START)
        return NULL;
    vf_autofree char *id = vf_job_create(vf_wizard_prepared(w)->plan, conf->path, err);
    return id && vf_job_spawn(id, VF_JOB_RUN, err) == 0 ? VF_STEAL(id) : NULL;
}
