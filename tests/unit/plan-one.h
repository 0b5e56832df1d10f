/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one plan that a text has. */
#ifndef VF_TESTS_PLAN_ONE_H
#define VF_TESTS_PLAN_ONE_H

#include <string.h>
#include "base/str.h"
#include "plan/plan.h"

/* NULL: there is none, or not one. */
static inline struct vf_plan *parse_plan(const char *text, struct vf_error **err)
{
    struct vf_plan **v, *p = NULL;
    size_t n;
    if (vf_plans_parse(text, strlen(text), "p.cfg", &v, &n, err) < 0)
        return NULL;
    if (n == 1)
        p = VF_STEAL(v[0]);
    vf_plans_free(v, n);
    return p;
}

#endif
