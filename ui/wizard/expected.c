/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a move will take, in words. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "base/i18n.h"
#include "base/str.h"

#include <inttypes.h>

/* "40 s", "12 min", "3 h 5 min" */
static char *duration(double seconds)
{
    uint64_t s = seconds < 1 ? 1 : (uint64_t)(seconds + 0.5), min = (s + 30) / 60;
    return s < 120     ? vf_asprintf(_("%" PRIu64 " s"), s)
           : min < 120 ? vf_asprintf(_("%" PRIu64 " min"), min)
                       : vf_asprintf(_("%" PRIu64 " h %" PRIu64 " min"), min / 60, min % 60);
}

/* Bytes that are copied while the VM is down. */
static uint64_t bytes_down(const struct vf_sheet *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->plan->n_disks; i++) {
        const struct vf_disk *d = vf_sheet_disk(s, i);
        if (d && !vf_plan_precopies(s->plan, vf_sheet_source(s), i))
            bytes += d->used && d->used < d->size ? d->used : d->size;
    }
    return bytes;
}

static char *outage(const struct vf_sheet *s, double total)
{
    bool live = s->plan->method == VF_METHOD_REMOTE_MIGRATE;
    if (vf_sheet_source(s)->state == VF_VM_STOPPED)
        return vf_strdup(_("it is stopped as it is"));
    if (live)
        return vf_strdup(_("it runs on"));
    if (total <= 0) {
        vf_autofree char *bytes = vf_format_bytes(bytes_down(s));
        return vf_asprintf(_("down while %s are copied"), bytes);
    }
    vf_autofree char *down = duration((double)bytes_down(s) / (double)s->plan->rate);
    return vf_asprintf(_("down for %s or more"), down);
}

char *vf_sheet_expected(const struct vf_sheet *s)
{
    uint64_t bytes = s->seen->prepared.bytes;
    double total = s->plan->rate ? (double)bytes / (double)s->plan->rate : 0;
    vf_autofree char *down = outage(s, total), *size = vf_format_bytes(bytes);
    vf_autofree char *time = total > 0 ? duration(total) : NULL;
    return time ? vf_asprintf(_("%s or more for %s; %s"), time, size, down)
                : vf_asprintf(_("%s, time not known; %s"), size, down);
}
