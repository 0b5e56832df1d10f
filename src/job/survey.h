/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is to choose from at the clusters, looked up by a thread of its own, so that who asks
 * can go on drawing. */
#ifndef VF_JOB_SURVEY_H
#define VF_JOB_SURVEY_H

#include "job/job.h"

enum vf_survey_kind {
    VF_SURVEY_VMS,    /* of a cluster: containers and templates among them */
    VF_SURVEY_NODES,  /* of a cluster */
    VF_SURVEY_PLACES, /* storages for disks, and bridges, of a node */
    VF_SURVEY_PLAN, /* the plan a move asks for, or one there is, and its checks; and the places of
                     * its target node as far as they can be seen */
};

struct vf_seen_node {
    char *name;
    bool online, no_quorum;
    uint64_t memory_total, memory_used; /* bytes */
};

struct vf_seen_storage {
    char *name, *type;
    char **formats; /* of disks that it takes, default first */
    bool shared;
    uint64_t total, avail; /* bytes */
};

struct vf_survey_answer {
    unsigned number; /* of the question */
    enum vf_survey_kind kind;
    struct vf_error *error; /* then there is nothing else */
    struct vf_vm **vms;     /* as a provider lists them, by name */
    size_t n_vms;
    struct vf_seen_node *nodes;
    size_t n_nodes;
    struct vf_seen_storage *storages; /* that take disks and are reachable */
    size_t n_storages;
    char **bridges;
    struct vf_prepared prepared;
};
void vf_survey_answer_free(struct vf_survey_answer *a);
VF_DEFINE_CLEANUP(struct vf_survey_answer *, vf_survey_answer_free)

struct vf_survey_question {
    enum vf_survey_kind kind;
    const char *cluster, *node; /* but for PLAN */
    const struct vf_move *move; /* PLAN: makes one */
    const struct vf_plan *plan; /* PLAN: checks this one instead; NULL: MOVE */
};

struct vf_survey;

/* CONF is borrowed; ASKER is used on the survey's thread. */
struct vf_survey *vf_survey_new(const struct vf_conf *conf, const struct vf_asker *asker);
/* Cancels what runs and waits for the thread. */
void vf_survey_free(struct vf_survey *s);
VF_DEFINE_CLEANUP(struct vf_survey *, vf_survey_free)

/* Asks Q (copied) and returns its number, never 0. What was asked before is cancelled, and its
 * answer, should there still be one, has another number. */
unsigned vf_survey_ask(struct vf_survey *s, const struct vf_survey_question *q);
/* Nobody waits for an answer any more. */
void vf_survey_cancel(struct vf_survey *s);
/* Readable when vf_survey_next() has something. */
int vf_survey_fd(const struct vf_survey *s);
/* The next answer (caller frees); NULL: none now. */
struct vf_survey_answer *vf_survey_next(struct vf_survey *s);

#endif
