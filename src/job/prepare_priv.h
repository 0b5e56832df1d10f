/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What preparing one move and looking at all of a cluster have in common. */
#ifndef VF_JOB_PREPARE_PRIV_H
#define VF_JOB_PREPARE_PRIV_H

#include "job/job_priv.h"

/* Both clusters, logged in at. */
struct vf_ends {
    struct vf_cluster_conf s, d;
    char *source_ca, *target_ca;
    struct vf_provider *src, *dst;
};

int vf_ends_open(const struct vf_conf *conf, const char *source, const char *target,
                 bool verify_tls, const struct vf_asker *asker, struct vf_cancel *cancel,
                 struct vf_ends *e, struct vf_error **err);
void vf_ends_close(struct vf_ends *e);
#define VF_AUTOENDS __attribute__((cleanup(vf_ends_close)))

/* check_hosts.c: vf_check_hosts() where both clusters are logged in at already. */
int vf_look_at_hosts(const struct vf_conf *conf, struct vf_prepared *p, struct vf_provider *src,
                     struct vf_provider *dst, struct vf_cancel *cancel, struct vf_error **err);

/* The plan that MOVE asks for, of OUT->source. */
int vf_make_plan(const struct vf_move *m, struct vf_provider *dst, struct vf_prepared *out,
                 struct vf_error **err);

#endif
