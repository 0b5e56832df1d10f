/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a move will take, in words. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "base/i18n.h"
#include "base/str.h"

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

static char *outage(const struct vf_sheet *s)
{
    vf_autofree char *down = vf_prepared_forecast(&s->seen->prepared, true);
    if (vf_sheet_source(s)->state == VF_VM_STOPPED)
        return vf_strdup(_("already stopped"));
    if (s->plan->method == VF_METHOD_REMOTE_MIGRATE)
        return vf_strdup(_("it runs on"));
    if (down)
        return vf_asprintf(_("down: %s"), down);
    vf_autofree char *bytes = vf_format_bytes(bytes_down(s));
    return vf_asprintf(_("down while %s are copied"), bytes);
}

char *vf_sheet_expected(const struct vf_sheet *s, bool measuring)
{
    const struct vf_prepared *p = &s->seen->prepared;
    vf_autofree char *down = outage(s), *size = vf_format_bytes(p->bytes);
    vf_autofree char *time = vf_prepared_forecast(p, false);
    return vf_asprintf("%s: %s; %s", size,
                       time        ? time
                       : measuring ? _("being measured")
                                   : _("time not known"),
                       down);
}
