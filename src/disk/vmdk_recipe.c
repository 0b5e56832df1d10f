/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a descriptor says, as a recipe; apart from its parser, which the mover has too and which
 * needs no JSON. */
#include "config.h"
#include "disk/vmdk.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

/* Within its directory, and a text that can be shown and written down. */
static bool is_believed(const char *file)
{
    vf_autofree char *shown = vf_escape(file);
    if (*file == '/' || !*file || !vf_streq(shown, file) || strchr(file, '\\'))
        return false;
    for (const char *p = file; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
        size_t n = strcspn(p, "/");
        if (!n || (n == 2 && !strncmp(p, "..", 2)))
            return false;
    }
    return true;
}

char *vf_vmdk_beside(const char *path, const struct vf_vmdk_extent *x, struct vf_error **err)
{
    if (!x->file)
        return NULL;
    const char *slash = strrchr(path, '/');
    if (is_believed(x->file))
        return slash ? vf_asprintf("%.*s/%s", (int)(slash - path), path, x->file)
                     : vf_strdup(x->file);
    vf_autofree char *shown = vf_escape(x->file), *by = vf_escape(path);
    vf_fail(err, VF_E_UNSUPPORTED,
            "%s names a file that is not beside it (%s): that is not followed; put the file beside "
            "it and name it so",
            by, shown);
    return NULL;
}

static char *place_name(const struct vf_vmdk_place *at)
{
    return at->datastore ? vf_asprintf("[%s] %s", at->datastore, at->path) : vf_strdup(at->path);
}

static void add_part(struct vf_recipe *r, const struct vf_vmdk_place *at, char *path,
                     uint64_t offset, uint64_t length)
{
    struct vf_recipe_part *p = vf_recipe_add(r);
    p->dc = path ? vf_strdup(at->dc) : NULL;
    p->datastore = path ? vf_strdup(at->datastore) : NULL;
    p->path = path;
    p->offset = offset;
    p->length = length;
}

/* Has FILE, of SIZE bytes, all that the descriptor says? END: the last byte it needs of it. */
static int check_size(const char *file, uint64_t size, uint64_t end, bool last, char **warning,
                      struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(file);
    if (size < end)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s is cut off: it has %" PRIu64 " bytes, and its descriptor says %" PRIu64,
                       shown, size, end);
    if (size > end && last && !*warning)
        *warning = vf_asprintf(
            "%s has %" PRIu64 " bytes, and its descriptor says %" PRIu64
            ": the disk is copied as the descriptor says; look whether it was enlarged by hand",
            shown, size, end);
    return 0;
}

/* Does no other extent need more of the file that extent I is in? */
static bool reaches_furthest(const struct vf_vmdk *d, size_t i)
{
    const struct vf_vmdk_extent *x = &d->extents[i];
    for (size_t k = 0; d->n_extents < 4096 && k < d->n_extents; k++)
        if (vf_streq(d->extents[k].file, x->file) &&
            d->extents[k].offset + d->extents[k].length > x->offset + x->length)
            return false;
    return true;
}

static int add_extent(struct vf_recipe *r, const struct vf_vmdk *d, size_t i,
                      const struct vf_vmdk_place *at, uint64_t size, char **warning,
                      struct vf_error **err)
{
    const struct vf_vmdk_extent *x = &d->extents[i];
    vf_autofree char *path = x->file ? vf_vmdk_beside(at->path, x, err) : NULL;
    if (x->file && !path)
        return -1;
    if (r->image && x->kind == VF_VMDK_ZERO)
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "%s has sparse parts and parts without a file, which nothing reads: make one disk "
            "of it first (vmkfstools -i, vmware-vdiskmanager -r)",
            r->name);
    if (x->kind == VF_VMDK_FLAT &&
        check_size(path, size, x->offset + x->length, reaches_furthest(d, i), warning, err) < 0)
        return -1;
    if (r->image && !size)
        return vf_fail(err, VF_E_CORRUPT, "%s is empty", path);
    if (r->image)
        add_part(r, at, VF_STEAL(path), 0, size);
    else
        add_part(r, at, VF_STEAL(path), x->offset, x->length);
    return 0;
}

struct vf_recipe *vf_vmdk_recipe(const struct vf_vmdk *d, const struct vf_vmdk_place *at,
                                 const uint64_t *sizes, char **warning, struct vf_error **err)
{
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
    bool sparse = false;
    for (size_t i = 0; i < d->n_extents; i++)
        sparse |= d->extents[i].kind == VF_VMDK_SPARSE;
    *warning = NULL;
    r->name = place_name(at);
    r->size = d->size;
    r->image = sparse ? vf_strdup("vmdk") : NULL;
    if (sparse)
        add_part(r, at, vf_strdup(at->path), 0, at->size);
    for (size_t i = 0; !d->whole && i < d->n_extents; i++)
        if (add_extent(r, d, i, at, sizes[i], warning, err) < 0) {
            free(*warning);
            *warning = NULL;
            return NULL;
        }
    return VF_STEAL(r);
}
