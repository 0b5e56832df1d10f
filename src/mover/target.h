/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the writer (target.c) and the committer (commit.c) of a target share. */
#ifndef VF_MOVER_TARGET_H
#define VF_MOVER_TARGET_H

#include "mover/known.h"
#include "mover/pass.h"

enum piece_kind { PIECE_DATA, PIECE_PARTS, PIECE_ZERO, PIECE_SAME, PIECE_END };

/* What came in a frame. */
struct piece {
    struct piece *next;
    enum piece_kind kind;
    uint64_t offset, len;
    struct vf_hash hash;            /* SAME: of each of its chunks */
    void *buf;                      /* DATA, PARTS: a chunk's buffer */
    unsigned char map[VF_WIRE_MAP]; /* PARTS */
};

/* What was written of it. */
struct record {
    uint64_t offset, len;
    struct vf_hash hash;
    bool zero;
    bool same; /* was there; read to be compared */
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

enum { AHEAD = 1024 };

/* A part of the disk that came before what lies in front of it. */
struct part {
    uint64_t offset, end;
};

struct target {
    struct vf_pass pass;
    bool verify;
    bool sparse; /* has holes: zeroes inside chunks need not be written */
    bool fresh;  /* is all holes */
    bool delta;
    pthread_t writer, committer, teller;
    /* under pass.lock */
    uint64_t expected;        /* all before it has come */
    struct part parts[AHEAD]; /* what has come beyond, in order */
    size_t n_parts;
    size_t streams, ended;  /* announced by BEGIN, and how many have ended */
    struct vf_known *known; /* delta: told to the source, not yet answered */
    struct piece *pieces, **tail;
    struct group ready;  /* for the committer */
    bool has_ready;      /* until it is committed */
    bool asking;         /* the committer waits for a chunk */
    struct piece *again; /* that came */
    /* writer only: records that wait for the one in front of them, in order */
    struct record *early;
    size_t n_early;
    uint64_t written; /* where the next record of a group must start */
    void *own;        /* a chunk of ours that parts are put into; NULL: none yet */
    /* committer only */
    struct vf_hasher *hasher;
};

struct target *vf_target_of(struct vf_pass *p);
void vf_piece_free(struct target *t, struct piece *c);
void vf_group_clear(struct group *g);
void *vf_committer_main(void *target);
/* delta.c: reads the disk, past the cache where what is written is verified, and tells the source
 * what is there. */
void *vf_teller_main(void *target);

#endif
