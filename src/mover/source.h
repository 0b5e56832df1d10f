/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reader (scan.c) and the senders (source.c) of a source share. */
#ifndef VF_MOVER_SOURCE_H
#define VF_MOVER_SOURCE_H

#include "mover/known.h"
#include "mover/pass.h"

enum {
    QUEUE_ITEMS = 16, /* read ahead of the streams */
    MAX_RESENDS = 64, /* outstanding; more is a broken target */
    /* A stream that stands still must not leave a gap that grows: nothing is sent that lies further
     * than this many items behind what is being sent. */
    SPREAD = 128,
};

/* What goes into a frame. */
struct item {
    uint8_t type; /* VF_F_DATA, VF_F_PARTS, VF_F_ZERO, VF_F_SAME */
    uint64_t offset, len;
    uint64_t number; /* counted from the first */
    struct vf_hash hash;
    void *buf;                      /* DATA, PARTS: what is sent ... */
    size_t bytes;                   /* ... and how much that is */
    unsigned char map[VF_WIRE_MAP]; /* PARTS */
};

struct sender {
    struct source *source;
    struct vf_link *link;
    pthread_t thread;
    uint64_t number; /* of the item in hand; UINT64_MAX: none */
    bool ended;      /* END was sent */
};

struct source {
    struct vf_pass pass;
    struct vf_cancel *cancel; /* ends a blocked send */
    pthread_t reader;
    struct vf_hasher *hasher; /* the reader's */
    struct sender senders[VF_PASS_STREAMS];
    size_t n_senders;
    unsigned compress; /* see squeeze.h */
    /* under pass.lock */
    struct item queue[QUEUE_ITEMS];
    size_t head, n_queued;
    uint64_t numbers;
    bool all_read; /* pass.hash is known, nothing more is queued */
    uint64_t resend[MAX_RESENDS];
    size_t n_resend;
    bool
        resending; /* one at a time: its chunk is not of the pool, where it could wait for itself */
    struct vf_known *known; /* delta: what the target has; NULL: a full copy */
    bool done;              /* DONE has come */
    struct vf_hash target_hash;
};

/* scan.c: turns the disk into items. */
void *vf_scanner_main(void *source);

#endif
