/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a disk that no mover of its own host can open is put together: from files in a datastore, or
 * from parts of files on this machine. Written by a provider as the path of a disk of format
 * "recipe", read by vmferry-fetch. */
#ifndef VF_DISK_RECIPE_H
#define VF_DISK_RECIPE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

/* LENGTH bytes that are zero (neither path nor datastore), or those at OFFSET of a file. */
struct vf_recipe_part {
    char *dc, *datastore; /* of a file in a datastore; DC may be NULL */
    char *path;           /* there, or (DATASTORE NULL) on this machine */
    uint64_t offset, length;
};

/* Bytes of the disk that are zero, so that nobody has to read them. */
struct vf_recipe_hole {
    uint64_t start, length;
};

struct vf_recipe {
    char *name;    /* for messages: "[datastore1] web/web.vmdk" */
    uint64_t size; /* bytes the guest sees */
    char *image;   /* NULL: the parts in a row are the disk; "vmdk": the first part is an image of
                      that format, the others are the files that it names, in its order */
    struct vf_recipe_part *parts;
    size_t n_parts;
    struct vf_recipe_hole *holes; /* in order, apart, none with IMAGE: what was never written to, by
                                     what who has the files says of them */
    size_t n_holes;
};

struct vf_recipe_part *vf_recipe_add(struct vf_recipe *r); /* valid until the next is added */
/* The part that most of the disk is in; NULL: an image, which is no part of one, or only zeroes. */
const struct vf_recipe_part *vf_recipe_largest(const struct vf_recipe *r);
/* JSON in one line; caller frees. */
char *vf_recipe_text(const struct vf_recipe *r);
/* CORRUPT when it is none, or its parts are not SIZE bytes together (without IMAGE), or its holes
 * are no holes in that. */
struct vf_recipe *vf_recipe_parse(const char *text, struct vf_error **err);
void vf_recipe_free(struct vf_recipe *r);
VF_DEFINE_CLEANUP(struct vf_recipe *, vf_recipe_free)

#endif
