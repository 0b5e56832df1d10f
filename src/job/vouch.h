/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust that one host of a cluster gives for the others. */
#ifndef VF_JOB_VOUCH_H
#define VF_JOB_VOUCH_H

#include "job/job_priv.h"
#include "net/ssh.h"

/* An asker that, before a person is asked about an unknown host key of NODE, finds out what NODE's
 * cluster says of it. It lives in JOB; its `retry` says that a key was written down and the host is
 * to be dialled again. */
const struct vf_asker *vf_vouch(struct vf_job *job, bool target, const char *node);

/* As vf_provider_open(); when the certificate is not trusted and the API's host is known by ssh,
 * the cluster's own authority is offered. *CA: its file, which C borrows from then on (caller
 * frees). */
struct vf_provider *vf_open_vouched(struct vf_cluster_conf *c, bool verify_tls,
                                    const struct vf_asker *asker, struct vf_cancel *cancel,
                                    char **ca, struct vf_error **err);

/* hosts.c: as vf_job_ssh(), with another asker; NULL: nobody. */
struct vf_ssh *vf_job_ssh_asking(struct vf_job *job, bool target, const char *node,
                                 const char *storage, const struct vf_asker *asker,
                                 struct vf_error **err);
/* A host and how it is reached: all that is needed to log in there again, by any thread. */
struct vf_host_way {
    char *label, **addresses;
    struct vf_ssh_conf ssh;
    char *jump; /* when it cannot be reached straight; NULL: none */
};
int vf_job_host_way(struct vf_job *job, bool target, const char *node, const char *storage,
                    struct vf_host_way *out, struct vf_error **err);
void vf_host_way_clear(struct vf_host_way *w);
struct vf_ssh *vf_host_dial(struct vf_host_way *w, const struct vf_asker *asker,
                            struct vf_cancel *cancel, struct vf_error **err);

#endif
