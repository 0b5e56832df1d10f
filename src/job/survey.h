/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is to choose from at the clusters, looked up by a thread of its own, so that who asks
 * can go on drawing. */
#ifndef VF_JOB_SURVEY_H
#define VF_JOB_SURVEY_H

#include "job/job.h"
#include "job/resume.h"

enum vf_survey_kind {
    VF_SURVEY_VMS,      /* of a cluster: containers and templates among them */
    VF_SURVEY_OUTLINES, /* what is configured of VMs: an answer for each */
    VF_SURVEY_NODES,    /* of a cluster */
    VF_SURVEY_PLACES,   /* storages for disks, and bridges, of a node */
    VF_SURVEY_PLAN,  /* the plan a move asks for, or one there is, and its checks; and the places of
                      * its target node as far as they can be seen */
    VF_SURVEY_LOGIN, /* can the cluster be logged in to? What is not known is asked */
    VF_SURVEY_STANDING, /* how a job stands */
};

struct vf_seen_node {
    char *name;
    bool online, no_quorum;
    uint64_t memory_total, memory_used; /* bytes */
    unsigned cpus;
    double cpu; /* the part of them that is in use */
};

/* What is configured of a VM. */
struct vf_seen_vm {
    unsigned id;
    struct vf_vm *vm; /* its disks with the size that is configured; NULL: WHY */
    char *why;        /* why it cannot be moved, or looked at; NULL: nothing is known against it */
    char *job;        /* of vmferry, whose marker it has; NULL: none */
    bool ours;        /* that job is one of this machine's */
    bool snapshots, passthrough;
};

void vf_seen_vm_clear(struct vf_seen_vm *v);

/* What a login came to. */
struct vf_seen_login {
    char *user;        /* USER@REALM that logged in with a password; NULL: a token did */
    char *fingerprint; /* of the certificate that a person trusted; NULL: it was trusted anyway */
    char *way;         /* that it went (vf_provider_ops.way); NULL: there is one */
    bool old_tls;      /* a person allowed the old TLS that the host speaks */
    bool ssh_legacy;   /* likewise the old algorithms of its SSH */
    bool address;      /* ERROR is about the address, not about the login */
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
    bool more;              /* there will be another with this number */
    struct vf_vm **vms;     /* as a provider lists them, by name */
    size_t n_vms;
    struct vf_seen_vm outline;
    struct vf_seen_node *nodes;
    size_t n_nodes;
    struct vf_seen_storage *storages; /* that take disks and are reachable */
    size_t n_storages;
    char **bridges;
    char *way; /* VMS: which way they were looked at (vf_provider_ops.way); NULL: there is one */
    struct vf_prepared prepared;
    struct vf_seen_login login;
    struct vf_standing standing;
};
void vf_survey_answer_free(struct vf_survey_answer *a);
VF_DEFINE_CLEANUP(struct vf_survey_answer *, vf_survey_answer_free)

struct vf_survey_question {
    enum vf_survey_kind kind;
    const char *cluster, *node; /* but for PLAN */
    const struct vf_move *move; /* PLAN */
    const struct vf_plan *plan; /* PLAN: as it is, instead of MOVE */
    bool measure; /* PLAN: also looks at the hosts, and measures how long it would take: seconds */
    struct vf_vm *const *vms; /* OUTLINES: of these, none a container */
    size_t n_vms;
    const struct vf_conf *conf; /* LOGIN: where CLUSTER is (borrowed for as long as the survey) */
    const char *job;            /* STANDING */
};

struct vf_survey;

/* CONF is borrowed; ASKER is used on the survey's thread. */
struct vf_survey *vf_survey_new(const struct vf_conf *conf, const struct vf_asker *asker);
/* Cancels what runs and waits for the thread. */
void vf_survey_free(struct vf_survey *s);
VF_DEFINE_CLEANUP(struct vf_survey *, vf_survey_free)

/* From the next question on CONF (borrowed like the one before) says what clusters there are. */
void vf_survey_use(struct vf_survey *s, const struct vf_conf *conf);
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
