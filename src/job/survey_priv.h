/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a survey share: all on its thread. */
#ifndef VF_JOB_SURVEY_PRIV_H
#define VF_JOB_SURVEY_PRIV_H

#include "base/queue.h"
#include "job/survey.h"
#include "provider/provider.h"

/* A question that was asked, with copies of what it is about. */
struct vf_survey_job {
    unsigned number;
    enum vf_survey_kind kind;
    const struct vf_conf *conf; /* borrowed */
    char *cluster, *node, *job;
    struct vf_move move; /* its strings are in TEXTS */
    struct vf_plan *plan;
    struct vf_vm **vms;
    size_t n_vms;
    char **texts;
    struct vf_cancel *cancel;
};

typedef int vf_survey_look(struct vf_provider *p, const struct vf_survey_job *q,
                           struct vf_survey_answer *a, struct vf_error **err);
/* survey_looks.c, by kind; NULL: nothing is looked up but the login. */
extern vf_survey_look *const vf_survey_looks[];
/* Storages for disks, and bridges, of NODE. */
int vf_survey_places(struct vf_provider *p, const char *node, struct vf_survey_answer *a,
                     struct vf_error **err);
/* Pushes an answer for each of Q's VMs on ANSWERS. */
int vf_survey_outlines(struct vf_provider *p, const struct vf_survey_job *q,
                       struct vf_queue *answers, struct vf_error **err);

/* survey_greet.c: logs in at C's cluster; a certificate that nobody vouches for is shown to a
 * person. *FINGERPRINTS: what C borrows from then on (caller frees). */
struct vf_provider *vf_survey_greet(struct vf_cluster_conf *c, const struct vf_asker *asker,
                                    struct vf_cancel *cancel, char ***fingerprints,
                                    struct vf_seen_login *login, struct vf_error **err);

#endif
