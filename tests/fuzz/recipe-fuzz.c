/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a disk is put together, as JSON: read or refused; what was read is written as what is read
 * again, and its parts are as long as it says. */
#include "config.h"
#include "disk/recipe.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autofree char *text = vf_strndup((const char *)data, size);
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_recipe_parse(text, &err);
    if (!r != (err != NULL))
        abort();
    if (!r)
        return 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < r->n_parts; i++) {
        sum += r->parts[i].length;
        if (!r->parts[i].length || r->parts[i].offset > INT64_MAX || sum > INT64_MAX)
            abort();
    }
    if (!r->image && sum != r->size)
        abort();
    uint64_t end = 0;
    for (size_t i = 0; i < r->n_holes; i++) {
        const struct vf_recipe_hole *h = &r->holes[i];
        if (r->image || h->start < end || !h->length || h->start > r->size ||
            h->length > r->size - h->start)
            abort();
        end = h->start + h->length;
    }
    vf_autofree char *once = vf_recipe_text(r);
    vf_auto(vf_recipe_free) struct vf_recipe *again = vf_recipe_parse(once, NULL);
    vf_autofree char *twice = again ? vf_recipe_text(again) : NULL;
    if (!vf_streq(once, twice))
        abort();
    return 0;
}
