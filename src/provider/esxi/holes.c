/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a disk need not be read, because its host says nobody has ever written there. The API
 * tells nothing like it of a VM that is shut down (QueryChangedDiskAreas wants changed block
 * tracking, and a snapshot): the host's own tool does, over SSH. */
#include "config.h"
#include "provider/esxi/esxi.h"
#include "provider/esxi/vmkfs.h"
#include "base/log.h"
#include "base/str.h"

/* Of the disk whose descriptor is VOLUME, by the first way that can tell. */
static size_t ask(struct vf_esxi *e, const char *volume, uint64_t size, struct vf_recipe_hole **out)
{
    struct vf_esxi_file f;
    vf_autofree char *copy = NULL;
    size_t n = 0;
    if (vf_esxi_file_parse(volume, NULL, &f, &copy) < 0)
        return 0;
    for (int other = 0; other < 2; other++) {
        vf_autoerror struct vf_error *why = NULL;
        struct vf_esxi_way *w = other ? vf_esxi_other(e, false, &why) : e->way;
        if (w && w->ops->holes && w->ops->holes(w, &f, size, out, &n, &why) == 0)
            return vf_vmkfs_worth(*out, n);
        if (why)
            vf_info("esxi", "%s: what is not in use is not known: %s", volume, vf_error_text(why));
    }
    return 0;
}

/* Only of a disk that is one file, where every piece of it can be hashed at the host. */
char *vf_esxi_without_holes(struct vf_provider *p, const char *node, const char *volume,
                            const char *path, uint64_t *bytes)
{
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_recipe_parse(path, NULL);
    *bytes = 0;
    if (!r || r->image || r->n_parts != 1 || !r->parts[0].datastore || r->n_holes)
        return NULL;
    r->n_holes = ask(vf_esxi_of(p), volume, r->size, &r->holes);
    for (size_t i = 0; i < r->n_holes; i++)
        *bytes += r->holes[i].length;
    return *bytes ? vf_recipe_text(r) : NULL;
}
