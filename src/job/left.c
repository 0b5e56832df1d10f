/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long what is left of a cut off job may take, by how fast it copied before. */
#include "config.h"
#include "job/resume.h"
#include "plan/plan.h"
#include "xfer/mark.h"
#include "base/str.h"

#include <sys/stat.h>

/* When KEY was begun for the last time, unix seconds. */
static int64_t begun(const struct vf_journal *j, const char *key)
{
    const json_t *events = vf_journal_events(j);
    for (size_t i = json_array_size(events); i-- > 0;) {
        const json_t *e = json_array_get(events, i);
        if (vf_streq(vf_json_str(e, "key"), key) && vf_streq(vf_json_str(e, "state"), "intent"))
            return vf_event_time(e);
    }
    return 0;
}

/* Adds what of disk D was copied, and how long that took, as far as that can be told. */
static void add_disk(const char *dir, struct vf_journal *j, const struct vf_plan_disk *d,
                     uint64_t *left, uint64_t *copied, double *seconds)
{
    vf_autofree char *key = vf_asprintf("copy/%s", d->slot);
    vf_autofree char *path = vf_asprintf("%s/copy-%s.mark", dir, d->slot);
    const struct vf_record *r = vf_journal_find(j, key);
    struct vf_copy_mark m = {0};
    struct stat st;
    if (r && r->state == VF_REC_DONE) {
        *copied += d->size;
        *seconds += (double)(r->at - begun(j, key));
    } else if (r && stat(path, &st) == 0 && vf_copy_mark_load(path, &m) && m.done <= d->size) {
        *copied += m.done;
        *seconds += (double)(st.st_mtime - r->at);
        *left += d->size - m.done;
    } else {
        *left += d->size;
    }
    vf_copy_mark_clear(&m);
}

double vf_job_left(const char *dir, struct vf_journal *j)
{
    vf_autofree char *path = vf_asprintf("%s/plan.cfg", dir);
    vf_auto(vf_plan_free) struct vf_plan *plan = vf_plan_load(path, NULL);
    uint64_t left = 0, copied = 0;
    double seconds = 0;
    if (!plan || !plan->copy_disks || plan->method != VF_METHOD_COPY)
        return -1;
    for (size_t i = 0; i < plan->n_disks; i++)
        add_disk(dir, j, &plan->disks[i], &left, &copied, &seconds);
    return copied && seconds > 0 ? (double)left * seconds / (double)copied : -1;
}
