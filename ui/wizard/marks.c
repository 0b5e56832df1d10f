/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the checks found, beside the rows it is about. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "plan/name.h"
#include "base/i18n.h"
#include "base/str.h"

const char *const vf_severity_words[] = {N_("note"), N_("warning"), N_("STOP")};

static size_t disk_row(const struct vf_sheet *s, const char *subject)
{
    const struct vf_plan *p = s->plan;
    for (size_t i = 0; i < p->n_disks; i++)
        if (vf_streq(p->disks[i].slot, subject) || vf_streq(vf_plan_slot(&p->disks[i]), subject))
            return i;
    for (size_t i = 0; i < p->n_disks; i++)
        if (vf_streq(p->disks[i].storage, subject))
            return i;
    return p->n_disks;
}

static size_t nic_row(const struct vf_sheet *s, const char *subject)
{
    for (size_t i = 0; i < s->plan->n_nics; i++) {
        vf_autofree char *name = vf_asprintf("net%u", s->plan->nics[i].index);
        if (vf_streq(name, subject))
            return i;
    }
    return s->plan->n_nics;
}

static bool about_name(const struct vf_plan *p, const char *subject)
{
    const char *name = p->target_name ? p->target_name : p->vm_name;
    vf_autofree char *creating = vf_name_with(name ? name : "", VF_CREATING);
    return vf_streq(subject, name) || vf_streq(subject, p->vm_name) || vf_streq(subject, creating);
}

size_t vf_finding_row(const struct vf_sheet *s, size_t i)
{
    const char *subject = s->seen->prepared.findings.v[i].subject;
    if (!s->plan)
        return VF_ROW(ROW_FINDING, i);
    size_t disk = disk_row(s, subject), nic = nic_row(s, subject);
    return disk < s->plan->n_disks                   ? VF_ROW(ROW_DISK, disk)
           : nic < s->plan->n_nics                   ? VF_ROW(ROW_NET, vf_sheet_first(s, nic))
           : vf_streq(subject, s->plan->target_node) ? VF_ROW(ROW_TARGET, 0)
           : about_name(s->plan, subject)            ? VF_ROW(ROW_NAME, 0)
                                                     : VF_ROW(ROW_FINDING, i);
}

const struct vf_finding *vf_row_finding(const struct vf_sheet *s, size_t tag, size_t *n)
{
    const struct vf_findings *f = s->seen ? &s->seen->prepared.findings : NULL;
    const struct vf_finding *worst = NULL;
    *n = 0;
    for (size_t i = 0; f && i < f->n; i++) {
        if (vf_finding_row(s, i) != tag)
            continue;
        ++*n;
        if (!worst || f->v[i].severity > worst->severity)
            worst = &f->v[i];
    }
    return worst;
}

char *vf_finding_text(const struct vf_finding *f)
{
    vf_autofree char *text =
        vf_asprintf("%s: %s%s%s", f->subject, f->text, f->cure ? "; " : "", f->cure ? f->cure : "");
    return vf_escape(text);
}

const struct vf_finding *vf_worst_finding(const struct vf_sheet *s)
{
    const struct vf_findings *f = s->seen ? &s->seen->prepared.findings : NULL;
    const struct vf_finding *worst = NULL;
    for (size_t i = 0; f && i < f->n; i++)
        if (!worst || f->v[i].severity > worst->severity)
            worst = &f->v[i];
    return worst;
}

char *vf_sheet_counts(const struct vf_findings *f)
{
    size_t n[3] = {0};
    for (size_t i = 0; i < f->n; i++)
        n[f->v[i].severity]++;
    return n[VF_STOP]   ? vf_asprintf(_("STOP: %zu, warnings: %zu"), n[VF_STOP], n[VF_WARN])
           : n[VF_WARN] ? vf_asprintf(_("warnings: %zu"), n[VF_WARN])
                        : vf_strdup(_("nothing speaks against it"));
}

void vf_sheet_mark(struct vf_list_row *r, const struct vf_finding *f)
{
    static const enum vf_look looks[] = {VF_LOOK_TEXT, VF_LOOK_WARN, VF_LOOK_BAD};
    r->look = looks[f->severity];
    if (VF_ROW_KIND(r->tag) != ROW_FINDING)
        r->cells[1] = vf_asprintf("*%s", _(vf_severity_words[f->severity]));
}
