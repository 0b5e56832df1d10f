/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exported VMs that came with checksums: their files are summed up before anything is made of them.
 */
#include "config.h"
#include "job/steps.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

enum { TELL_MS = 10 * 1000 };

struct telling {
    struct vf_job *job;
    int64_t last;
};

static void tell(void *opaque, uint64_t done, uint64_t total)
{
    struct telling *t = opaque;
    int64_t now = vf_clock_ms();
    if (now - t->last < TELL_MS)
        return;
    t->last = now;
    vf_autofree char *some = vf_format_bytes(done), *all = vf_format_bytes(total);
    vf_job_note(t->job, "info", _("checksums: %s of %s are read"), some, all);
}

int vf_step_checksums(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    struct telling t = {job, vf_clock_ms()};
    unsigned files = 0;
    if (vf_job_was_done(job, "checksums"))
        return 0;
    if (vf_job_intend(job, "checksums", NULL, err) < 0 ||
        p->ops->vouch(p, job->source->id, tell, &t, &files, err) < 0)
        return -1;
    if (files)
        vf_job_note(job, "info",
                    ngettext("%u file is as it was exported, by its checksum",
                             "%u files are as they were exported, by their checksums", files),
                    files);
    return vf_job_done(job, "checksums", json_pack("{s:i}", "files", (int)files), err);
}
