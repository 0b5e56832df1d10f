/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which parts of a virtual disk an ESXi host says nobody has ever written to, as its vmkfstools
 * prints it. */
#ifndef VF_PROVIDER_ESXI_VMKFS_H
#define VF_PROVIDER_ESXI_VMKFS_H

#include <stddef.h>
#include "disk/recipe.h"

/* Reads the answer to `vmkfstools -t0 DISK.vmdk` for a disk of SIZE bytes: *OUT are the parts that
 * read as zeroes, in order, neighbours joined; caller frees. CORRUPT unless each line is understood
 * and all of them together are the disk, without gaps. The format is in no manual: it is what hosts
 * print, a line for each run of bytes,
 *   [  START:  LENGTH] --> [VMFS -- LVID:...]   allocated, written to
 *   [  START:  LENGTH] --> [VMFS Z- LVID:...]   allocated, zeroed when it is first written to
 *   [  START:  LENGTH] --> [NOMP -- :...]       not allocated (thin) */
int vf_vmkfs_map(const char *text, uint64_t size, struct vf_recipe_hole **out, size_t *n,
                 struct vf_error **err);

enum { VF_VMKFS_MOST = 1024 }; /* holes, as many as a recipe is told with */

/* Leaves of N holes those that are worth a request more when the rest is read, each from one MiB's
 * boundary to another's; at most VF_VMKFS_MOST, the long ones then. Returns how many. */
size_t vf_vmkfs_worth(struct vf_recipe_hole *v, size_t n);

#endif
