/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMDK files: refused with one sentence, or runs that make up the disk, in files beside it; what is
 * told of that is read back as it was. */
#include "config.h"
#include "disk/vmdk.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* As long as the descriptor says, some a little longer or shorter. */
static uint64_t size_of(const struct vf_vmdk_extent *x, size_t i)
{
    return x->offset + x->length + (i % 5 == 3) * 512 - (i % 7 == 5) * 512;
}

static void check_recipe(const struct vf_vmdk *d)
{
    vf_autoerror struct vf_error *err = NULL, *again_err = NULL;
    vf_autofree uint64_t *sizes = vf_xcalloc(d->n_extents, sizeof *sizes);
    for (size_t i = 0; i < d->n_extents; i++)
        sizes[i] = size_of(&d->extents[i], i);
    struct vf_vmdk_place at = {.datastore = "ds", .path = "web/web.vmdk", .size = 4096};
    vf_autofree char *warning = NULL;
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_vmdk_recipe(d, &at, sizes, &warning, &err);
    if (!r != !!err)
        abort();
    if (!r)
        return;
    vf_autofree char *text = vf_recipe_text(r);
    vf_auto(vf_recipe_free) struct vf_recipe *again = vf_recipe_parse(text, &again_err);
    if (!again || again->size != d->size || again->n_parts != r->n_parts)
        abort();
    for (size_t i = 0; i < again->n_parts; i++)
        if (again->parts[i].path &&
            (!vf_starts(again->parts[i].path, "web/") || strstr(again->parts[i].path, "/../")))
            abort();
}

struct memory {
    const uint8_t *data;
    size_t size;
};

static int read_memory(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    const struct memory *m = opaque;
    if (offset > m->size || n > m->size - offset)
        abort();
    memcpy(buf, m->data + offset, n);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = vf_vmdk_parse(data, size, "f.vmdk", &err);
    if (!d != !!err)
        abort();
    if (!d)
        return 0;
    struct memory memory = {data, size};
    struct vf_vmdk_file file = {"f.vmdk", size, read_memory, &memory};
    struct vf_vmdk_reach used;
    vf_autoerror struct vf_error *why = NULL;
    if (d->whole && (vf_vmdk_reach(&file, &used, &why) < 0) != !!why)
        abort();
    uint64_t sum = 0;
    for (size_t i = 0; i < d->n_extents; i++) {
        const struct vf_vmdk_extent *x = &d->extents[i];
        if (!x->length || x->length % 512 || (d->whole && x->file) ||
            (x->kind == VF_VMDK_FLAT && !x->file))
            abort();
        sum += x->length;
    }
    if (sum != d->size || !d->size || d->size > INT64_MAX)
        abort();
    check_recipe(d);
    return 0;
}
