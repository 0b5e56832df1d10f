/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A recipe whose parts are an image: QEMU reads it, from local files or through a server of ours.
 */
#ifndef VF_FETCH_IMAGE_H
#define VF_FETCH_IMAGE_H

#include "disk/disk.h"
#include "fetch/nbd_server.h"
#include "fetch/parts.h"

struct vf_fetch_image {
    struct vf_fetch_slice *slices; /* of its parts those that hold data */
    size_t n;
    struct vf_nbd_server *server; /* NULL: QEMU reads the files itself */
    struct vf_nbd_export *exports;
};

/* PARTS are those of RECIPE and borrowed, as both are. UNSUPPORTED when a header names other files,
 * CORRUPT when it is damaged or of another size than the recipe says. */
int vf_fetch_image_open(const struct vf_recipe *recipe, struct vf_parts *parts,
                        const struct vf_disk_spec *spec, struct vf_fetch_image *out,
                        struct vf_error **err);
int vf_fetch_image_read(struct vf_fetch_image *i, void *buf, size_t n, uint64_t offset,
                        struct vf_error **err);
int vf_fetch_image_extent(struct vf_fetch_image *i, uint64_t offset, struct vf_extent *out,
                          struct vf_error **err);
/* PARTS were interrupted before. */
int vf_fetch_image_close(struct vf_fetch_image *i, struct vf_error **err);

#endif
