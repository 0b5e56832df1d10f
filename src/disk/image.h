/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an image says of itself, read before any program of QEMU's sees it: which other files belong
 * to it, and how much of each there must be. A header comes from the guest's owner or from another
 * hypervisor, and we read as root: what it names is checked, never just followed. */
#ifndef VF_DISK_IMAGE_H
#define VF_DISK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/cancel.h"
#include "base/error.h"

/* Another file that an image consists of, as its header names it. */
struct vf_image_link {
    char *name;
    char *format;   /* NULL: not named */
    uint64_t least; /* bytes that must be there */
    bool part;      /* no image by itself */
};

struct vf_image_head {
    struct vf_image_link *links;
    size_t n_links;
    uint64_t least; /* bytes the file must have */
    uint32_t unit;  /* allocation unit, 0: not known */
};
void vf_image_head_clear(struct vf_image_head *h);

/* A format that is read through qemu-nbd. */
struct vf_image_format {
    const char *name;
    bool written; /* also as a target */
    bool checked; /* qemu-img check knows it */
    /* Reads the header of the SIZE bytes in FD; PATH is for messages. */
    int (*head)(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                struct vf_error **err);
};
const struct vf_image_format *vf_image_format(const char *name); /* NULL: not one of them */

/* A check of one file's tables that has not ended yet. */
struct vf_image_check;

/* All files of one image, held open with a reader's lock. */
struct vf_image {
    int *fds;
    size_t n_fds;
    struct vf_image_check **checks;
    size_t n_checks;
    uint32_t unit; /* of the image itself, 0: not known */
};

/* Finds, checks and locks all files of the image PATH of FORMAT, for reading. UNSUPPORTED with what
 * to do when it names one that is not believed, CORRUPT when one is damaged, CONFLICT when one is
 * in use. Of a large image the check may still go on: whoever reads it is done after
 * vf_image_wait().
 */
int vf_image_open(const char *path, const char *format, struct vf_cancel *cancel,
                  struct vf_image *out, struct vf_error **err);
/* For writing: one file, that rests on no other; it is not locked. */
int vf_image_check_target(const char *path, const char *format, struct vf_image *out,
                          struct vf_error **err);
/* Has qemu-img look at the tables of what QEMU calls PATH; NAME is for messages. See
 * vf_image_wait(). */
int vf_image_begin_check(struct vf_image *i, const char *path, const char *name, const char *format,
                         struct vf_error **err);
/* Waits for the checks, TIMEOUT_MS or (-1) until they end: 0 when all is well, 1 when there are
 * some left, -1 with CORRUPT. */
int vf_image_wait(struct vf_image *i, int timeout_ms, struct vf_cancel *cancel,
                  struct vf_error **err);
void vf_image_close(struct vf_image *i);

#endif
