/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ~/.proxmoverc, the configuration of proxmove (INI), as one of ours. */
#ifndef VF_CONF_PROXMOVERC_H
#define VF_CONF_PROXMOVERC_H

#include <stdbool.h>
#include "base/error.h"
#include "base/secret.h"

struct vf_proxmoverc_login {
    char *cluster;
    struct vf_secret *password;
};

struct vf_proxmoverc {
    char *text;   /* the same as a vmferry.conf, without passwords */
    char **notes; /* "FILE:LINE: …", one for each setting that has no counterpart */
    struct vf_proxmoverc_login *logins; /* those with a password */
    size_t n_logins, n_clusters;
};

/* Is TEXT such a file? By its first line that says something; a vmferry.conf never begins so. */
bool vf_is_proxmoverc(const char *text);

/* Reads TEXT (LEN bytes); FILE names it in messages. With SECRET_FILES each cluster that has a
 * password has a secret-file in the text, vf_proxmoverc_secret_name(). VF_E_USAGE with file and
 * line for what proxmove would refuse too. Caller frees. */
struct vf_proxmoverc *vf_proxmoverc_read(const char *text, size_t len, const char *file,
                                         bool secret_files, struct vf_error **err);
/* "alpha.password", to be beside the vmferry.conf; caller frees. */
char *vf_proxmoverc_secret_name(const char *cluster);
void vf_proxmoverc_free(struct vf_proxmoverc *p);
VF_DEFINE_CLEANUP(struct vf_proxmoverc *, vf_proxmoverc_free)

#endif
