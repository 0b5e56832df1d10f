/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/findings.h"
#include "base/str.h"

void vf_finding_add(struct vf_findings *f, enum vf_severity severity, const char *subject,
                    const char *cure, const char *fmt, ...)
{
    struct vf_finding *x = vf_grow(&f->v, &f->n, sizeof *f->v);
    va_list ap;
    va_start(ap, fmt);
    x->text = vf_vasprintf(fmt, ap);
    va_end(ap);
    x->severity = severity;
    x->subject = vf_strdup(subject);
    x->cure = vf_strdup(cure);
}

void vf_finding_fix(struct vf_findings *f, const char *fix)
{
    f->v[f->n - 1].fix = fix;
}

void vf_findings_name(struct vf_findings *f, size_t from, const char *name)
{
    for (size_t i = from; i < f->n; i++)
        if (!f->v[i].check)
            f->v[i].check = name;
}

bool vf_findings_stop(const struct vf_findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].severity == VF_STOP)
            return true;
    return false;
}

const char *vf_severity_name(enum vf_severity s)
{
    static const char *const names[] = {"info", "warning", "stop"};
    return names[s];
}

void vf_findings_free(struct vf_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].subject);
        free(f->v[i].text);
        free(f->v[i].cure);
    }
    free(f->v);
    *f = (struct vf_findings){0};
}
