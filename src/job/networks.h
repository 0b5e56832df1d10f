/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which network of one cluster was last taken for which of another's, so that the next VM is
 * proposed the same. A file of the state directory; what is lost with it is typing. */
#ifndef VF_JOB_NETWORKS_H
#define VF_JOB_NETWORKS_H

#include <stdbool.h>
#include "base/error.h"

struct vf_network {
    char *bridge;
    unsigned tag; /* VLAN tag, 0: none */
};

struct vf_networks;

/* What is remembered; nothing when there is no file, or none that can be read (which is logged).
 * Caller frees. */
struct vf_networks *vf_networks_load(void);
void vf_networks_free(struct vf_networks *n);
VF_DEFINE_CLEANUP(struct vf_networks *, vf_networks_free)

/* What BRIDGE and TAG of cluster SOURCE became at TARGET, borrowed until the next set; NULL: not
 * known. */
const struct vf_network *vf_networks_find(const struct vf_networks *n, const char *source,
                                          const char *target, const char *bridge, unsigned tag);
/* Keeps it, replacing what was known of that network. */
void vf_networks_set(struct vf_networks *n, const char *source, const char *target,
                     const char *bridge, unsigned tag, const char *to_bridge, unsigned to_tag);
/* Writes what was set since loading into the file, beside what others wrote there meanwhile. */
int vf_networks_save(struct vf_networks *n, struct vf_error **err);

#endif
