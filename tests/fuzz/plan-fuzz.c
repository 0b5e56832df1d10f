/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plan files: what is read can be written, and reads back the same. */
#include "config.h"
#include "base/str.h"
#include "plan/plan.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autofree char *text = vf_memdup_str(data, size);
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_plan_free) struct vf_plan *p = vf_plan_parse(text, size, "f.cfg", &err);
    if (!p != !!err)
        abort();
    if (!p)
        return 0;
    vf_autofree char *first = vf_plan_text(p);
    vf_auto(vf_plan_free) struct vf_plan *back = vf_plan_parse(first, strlen(first), "b.cfg", NULL);
    vf_autofree char *second = back ? vf_plan_text(back) : NULL;
    if (!vf_streq(first, second))
        abort();
    return 0;
}
