/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pass: one side's part in the copy of one disk, with threads of its own. The owner starts it,
 * hands it the frames of its disk, and is woken when it has finished. */
#ifndef VF_MOVER_PASS_H
#define VF_MOVER_PASS_H

#include <pthread.h>
#include <stdatomic.h>
#include "disk/disk.h"
#include "mover/hash.h"
#include "mover/link.h"
#include "mover/pool.h"

enum { VF_PASS_STREAMS = 8 };

enum vf_pass_stage { VF_PASS_PREPARE, VF_PASS_COPY, VF_PASS_FLUSH, VF_PASS_VERIFY, VF_PASS_FINISH };

struct vf_counters {
    atomic_int stage;
    _Atomic uint64_t done, read, sent, zero, same, committed, verified, wire;
};

/* Up to where everything is at the target, committed and compared, and the state of the hasher
 * there: a later pass may go on from it. DONE 0: nowhere yet. */
struct vf_mark {
    uint64_t done;
    unsigned char state[VF_HASHER_STATE];
};

struct vf_pass;

struct vf_pass_ops {
    const char *role; /* "source", "target" */
    /* A frame of this disk came over LINK; may wait while the queue is full. */
    void (*frame)(struct vf_pass *p, struct vf_link *link, const struct vf_frame *f);
    /* Wakes every thread after p->error was set. */
    void (*wake)(struct vf_pass *p);
    /* Waits for the threads and frees. */
    void (*free)(struct vf_pass *p);
};

struct vf_pass {
    const struct vf_pass_ops *ops;
    uint32_t id;
    struct vf_disk *disk; /* borrowed */
    uint64_t size;        /* bytes to copy */
    uint64_t from;        /* where this pass starts; what lies before it is done */
    struct vf_counters counters;
    struct vf_pool_share buffers;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    /* streams to the other side, only added; target: where BEGIN came from */
    struct vf_link *links[VF_PASS_STREAMS];
    atomic_size_t n_links;
    int wake_fd; /* eventfd, written when finished */
    atomic_bool finished;
    /* under the lock; final once finished */
    struct vf_error *error;
    bool echo; /* the error came from the other side */
    struct vf_hash hash;
    const char *how;
    struct vf_mark mark; /* target */
};

/* For the sides: the common part, and its end. */
void vf_pass_init(struct vf_pass *p, const struct vf_pass_ops *ops, uint32_t id,
                  struct vf_disk *disk, uint64_t size, int wake_fd);
void vf_pass_finish(struct vf_pass *p); /* last act of the last thread */
void vf_pass_clear(struct vf_pass *p);
bool vf_pass_failed(struct vf_pass *p); /* takes the lock */
/* A chunk's buffer, waited for; NULL when the pass has failed. Not under the lock. */
void *vf_pass_take_buffer(struct vf_pass *p);
void vf_pass_give_buffer(struct vf_pass *p, void *buf); /* may be NULL */

/* Adds LINK; false when there are enough. One thread at a time. */
bool vf_pass_add_link(struct vf_pass *p, struct vf_link *link);
bool vf_pass_uses(const struct vf_pass *p, const struct vf_link *link);

/* Ends P with WHY (taken over) unless it has failed or finished already. */
void vf_pass_abort(struct vf_pass *p, struct vf_error *why, bool echo);

/* The same for what a thread of P met. That LINK (NULL: none) is broken has its cause on the other
 * side; what a disk says has not, whatever the link is like by then. */
void vf_pass_fail(struct vf_pass *p, struct vf_error *why, const struct vf_link *link);

struct vf_target_opts {
    uint32_t id;
    struct vf_disk *disk;
    uint64_t size; /* of the source; the rest of the disk is made zero */
    bool verify, fresh;
    bool delta; /* tell the source what is there */
    int wake_fd;
    uint64_t from;            /* the target has all before it, as an earlier pass has seen */
    struct vf_hasher *hasher; /* of that; taken over; NULL: from is 0 */
};
struct vf_pass *vf_target_start(const struct vf_target_opts *o);

struct vf_source_opts {
    uint32_t id;
    struct vf_disk *disk;
    struct vf_link *const *links;
    size_t n_links;    /* 1 to VF_PASS_STREAMS */
    unsigned compress; /* see squeeze.h */
    bool delta;        /* the target tells what it has */
    int wake_fd;
    uint64_t from;            /* multiple of the chunk */
    struct vf_hasher *hasher; /* of what lies before it; taken over; NULL: from is 0 */
};
struct vf_pass *vf_source_start(const struct vf_source_opts *o);

#endif
