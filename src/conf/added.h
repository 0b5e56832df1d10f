/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cluster that is added to vmferry.conf: what is there stays as it was written, comments and all.
 */
#ifndef VF_CONF_ADDED_H
#define VF_CONF_ADDED_H

#include "conf/conf.h"

/* Name, address, login and trust of C, the way into it and whether it is an old host (of its ssh
 * nothing else; no nodes, no storages) as a group of "clusters"; caller frees. */
char *vf_conf_cluster_text(const struct vf_cluster_conf *c);

/* TEXT (a vmferry.conf; NULL or nothing in it: none yet) with C as its last cluster; PATH names it
 * in messages. USAGE when it cannot be read with that, or is a proxmoverc. Caller frees. */
char *vf_conf_text_with(const char *text, const struct vf_cluster_conf *c, const char *path,
                        struct vf_error **err);

/* The file at PATH as it is now, NULL without *err: there is none. Caller frees. */
char *vf_conf_file_text(const char *path, struct vf_error **err);

/* Adds C to the file at PATH, which is made (0600) when it is not there. With SECRET that goes into
 * a file of its own beside it, which only its owner can read and C names from then on; nothing that
 * exists is replaced by it. */
int vf_conf_save_cluster(const char *path, struct vf_cluster_conf *c,
                         const struct vf_secret *secret, struct vf_error **err);

#endif
