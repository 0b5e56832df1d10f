/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of its disks an unfinished job has brought to the target: what would have to be copied anew
 * if that was removed there. */
#include "config.h"
#include "job/job_priv.h"
#include "xfer/mark.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

/* Was KEY done at any time? What was whole once stays at the target, also when it is copied again
 * or, because the source has run since, only something to compare with. */
static bool was_whole(const struct vf_job *job, const char *key)
{
    vf_autojson json_t *events = vf_journal_lines(job->journal);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (vf_streq(vf_json_str(e, "key"), key) && vf_streq(vf_json_str(e, "state"), "done"))
            return true;
    }
    return false;
}

/* Bytes of disk I. */
static uint64_t at_target(const struct vf_job *job, size_t i)
{
    const struct vf_plan_disk *d = &job->plan->disks[i];
    vf_autofree char *copy = vf_asprintf("copy/%s", d->slot),
                     *live = vf_asprintf("precopy/%s", d->slot),
                     *path = vf_job_mark_path(job, d->slot);
    if (was_whole(job, copy) || was_whole(job, live))
        return d->size;
    struct vf_copy_mark m = {0};
    uint64_t bytes = atomic_load(&job->disks[i].progress.committed);
    if (vf_copy_mark_load(path, &m) && m.done > bytes) /* by an earlier process */
        bytes = m.done;
    vf_copy_mark_clear(&m);
    return bytes < d->size ? bytes : d->size;
}

char *vf_job_kept_text(const struct vf_job *job)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; job->plan->copy_disks && !vf_job_is_native(job) && i < job->plan->n_disks;
         i++) {
        uint64_t bytes = at_target(job, i);
        vf_autofree char *some = vf_format_bytes(bytes),
                         *all = vf_format_bytes(job->plan->disks[i].size);
        if (!bytes)
            continue;
        vf_buf_puts(&b, b.len ? ", " : "");
        vf_buf_printf(&b, _("%s: %s of %s"), job->plan->disks[i].slot, some, all);
    }
    return b.len ? vf_strdup(vf_buf_str(&b)) : NULL;
}
