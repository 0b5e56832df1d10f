/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cluster and its hosts, logged in to without a job. */
#ifndef VF_JOB_PLACE_H
#define VF_JOB_PLACE_H

#include "job/vouch.h"

struct vf_place {
    struct vf_cluster_conf conf; /* CONF's with another ca_file, all borrowed */
    char *ca;
    struct vf_job *job; /* the parts of one that reach hosts; both its clusters are this one */
    struct vf_place_host {
        char *name;
        struct vf_ssh *ssh;
    } * hosts;
    size_t n_hosts;
};

/* Logs in at the API. CONF, ASKER and CANCEL are borrowed and must outlive it. */
struct vf_place *vf_place_open(const struct vf_conf *conf, const struct vf_cluster_conf *cluster,
                               const struct vf_asker *asker, struct vf_cancel *cancel,
                               struct vf_error **err);
/* Logs in at all nodes and hosts of storages. "alpha a2: ssh ..." of those that it cannot be done
 * at is added to UNREACHABLE. */
void vf_place_reach(struct vf_place *p, char ***unreachable);
void vf_place_free(struct vf_place *p);
VF_DEFINE_CLEANUP(struct vf_place *, vf_place_free)

#endif
