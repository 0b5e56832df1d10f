/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What checking a plan brought to light. */
#ifndef VF_PLAN_FINDINGS_H
#define VF_PLAN_FINDINGS_H

#include <stdbool.h>
#include "base/cleanup.h"

enum vf_severity { VF_INFO, VF_WARN, VF_STOP };

struct vf_finding {
    enum vf_severity severity;
    char *subject;     /* "target storage local", "net0" */
    char *text;        /* what was seen and why it matters */
    char *cure;        /* what to do; NULL: nothing */
    const char *check; /* name of the check, see vmferry-checks(7); static; NULL: none */
    const char *fix;   /* one of vf_fix_words, which vmferry could apply and later undo, or
                          VF_FIX_SNAPSHOTS; static;   NULL: none, or agreed to already */
};

struct vf_findings {
    struct vf_finding *v;
    size_t n;
};

/* CURE may be NULL. */
void vf_finding_add(struct vf_findings *f, enum vf_severity severity, const char *subject,
                    const char *cure, const char *fmt, ...) VF_PRINTF(5, 6);
/* The last one added could be helped by FIX (static). */
void vf_finding_fix(struct vf_findings *f, const char *fix);
/* All from FROM on that have no name yet are of the check NAME (static). */
void vf_findings_name(struct vf_findings *f, size_t from, const char *name);
bool vf_findings_stop(const struct vf_findings *f); /* does one of them stop the move? */
const char *vf_severity_name(enum vf_severity s);   /* "info", "warning", "stop" */
void vf_findings_free(struct vf_findings *f);
#define vf_autofindings __attribute__((cleanup(vf_findings_free)))

#endif
