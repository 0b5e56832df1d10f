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
    struct vf_plan **v, **back;
    size_t n, m;
    int r = vf_plans_parse(text, size, "f.cfg", &v, &n, &err);
    if ((r < 0) != !!err)
        abort();
    if (r < 0)
        return 0;
    vf_autofree char *first = vf_plans_text(v, n);
    if (vf_plans_parse(first, strlen(first), "b.cfg", &back, &m, NULL) < 0 || m != n)
        abort();
    vf_autofree char *second = vf_plans_text(back, m);
    if (!vf_streq(first, second))
        abort();
    vf_plans_free(v, n);
    vf_plans_free(back, m);
    return 0;
}
