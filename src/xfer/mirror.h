/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The copy of a job's plan and journal on the target's host, from which the job can go on when the
 * machine that ran it is lost, and in it the holder: the one process that may work on the job. Its
 * sign of life is counted by that host's time since boot, which nobody sets. */
#ifndef VF_XFER_MIRROR_H
#define VF_XFER_MIRROR_H

#include <stdint.h>
#include "base/cancel.h"
#include "net/ssh.h"

/* Whose a mirror is. */
enum vf_mirror_word {
    VF_MIRROR_OURS,
    VF_MIRROR_OTHER, /* another's, who lives */
    VF_MIRROR_LEFT,  /* another's, who is gone: no sign of life for as long as was agreed, or it let
                        go */
    VF_MIRROR_NONE,  /* there is none */
};

struct vf_mirror_says {
    enum vf_mirror_word word;
    /* OURS */
    uint64_t size; /* bytes of the journal there */
    char *dir;
    bool stamped; /* the sign of life was written; not so where there is no room */
    /* OTHER, LEFT */
    char *who;     /* "joe@laptop" */
    unsigned pid;  /* there */
    int64_t since; /* unix seconds, by its clock */
    double silent; /* seconds since its last sign of life */
    bool let_go;   /* it ended in order */
};
void vf_mirror_says_clear(struct vf_mirror_says *s);

struct vf_mirror_claim {
    const char *job;
    const char *token; /* of the directory here that has the job: no other has the same */
    int limit_ms;      /* silent for so long, the holder is gone */
    bool make;         /* when there is none */
    bool any;          /* also of another who is gone */
};

/* Takes the mirror of CLAIM's job; whether it worked is in OUT->word. */
int vf_mirror_take(struct vf_ssh *ssh, const struct vf_mirror_claim *claim,
                   struct vf_cancel *cancel, struct vf_mirror_says *out, struct vf_error **err);
/* A sign of life; and DATA (may be NULL) behind the first OFFSET bytes of the journal there, unless
 * it has fewer: OUT->size. */
int vf_mirror_put(struct vf_ssh *ssh, const char *job, const char *token, uint64_t offset,
                  const char *data, struct vf_cancel *cancel, struct vf_mirror_says *out,
                  struct vf_error **err);
/* Writes the plan, as a whole. */
int vf_mirror_plan(struct vf_ssh *ssh, const char *job, const char *token, const char *text,
                   struct vf_cancel *cancel, struct vf_mirror_says *out, struct vf_error **err);
/* Lets go of it. */
int vf_mirror_release(struct vf_ssh *ssh, const char *job, const char *token,
                      struct vf_cancel *cancel, struct vf_error **err);
/* Removes it: with TOKEN ours, with NULL anybody's who is gone. CONFLICT: the holder lives. */
int vf_mirror_drop(struct vf_ssh *ssh, const char *job, const char *token, struct vf_cancel *cancel,
                   struct vf_error **err);

/* One of those on a host. */
struct vf_mirror {
    char *job, *dir;
    char *line; /* the journal's line of type "job": JSON from another machine; NULL: not there */
    struct vf_mirror_says holder;
};
int vf_mirror_list(struct vf_ssh *ssh, struct vf_mirror **out, size_t *n, struct vf_error **err);
void vf_mirrors_free(struct vf_mirror *v, size_t n);
/* The whole of NAME ("plan.cfg", "journal.jsonl") in DIR; caller frees. */
char *vf_mirror_read(struct vf_ssh *ssh, const char *dir, const char *name, size_t *n,
                     struct vf_error **err);

#endif
