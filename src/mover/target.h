/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the writer (target.c) and the committer (commit.c) of a target share. */
#ifndef VF_MOVER_TARGET_H
#define VF_MOVER_TARGET_H

#include "mover/pass.h"

enum piece_kind { PIECE_DATA, PIECE_ZERO, PIECE_END };

/* What came in a frame. */
struct piece {
    struct piece *next;
    enum piece_kind kind;
    uint64_t offset, len;
    struct vf_hash hash;
    void *buf; /* DATA: a chunk's buffer */
};

/* What was written of it. */
struct record {
    uint64_t offset, len;
    struct vf_hash hash;
    bool zero;
    bool tail; /* behind the source's end: not in the hash */
    bool bad;  /* came otherwise than it was sent */
};

/* What is committed together. */
struct group {
    struct record *records;
    size_t n;
    uint64_t bytes; /* written */
    int64_t began;  /* ms */
    bool last;
    struct vf_hash source_hash; /* with the last */
};

enum { SPARE_BUFFERS = 24 };

struct target {
    struct vf_pass pass;
    bool verify;
    bool sparse;       /* zeroes inside chunks need not be written */
    uint64_t expected; /* receiver only: where the next piece must start */
    pthread_t writer, committer;
    /* under pass.lock */
    struct piece *pieces, **tail;
    size_t queued; /* bytes */
    void *spare[SPARE_BUFFERS];
    size_t n_spare;
    struct group ready;  /* for the committer */
    bool has_ready;      /* until it is committed */
    bool asking;         /* the committer waits for a chunk */
    struct piece *again; /* that came */
    /* committer only */
    struct vf_hasher *hasher;
};

struct target *vf_target_of(struct vf_pass *p);
void vf_target_give_buffer(struct target *t, void *buf);
void vf_piece_free(struct target *t, struct piece *c);
void vf_group_clear(struct group *g);
void *vf_committer_main(void *target);

#endif
