/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The threads that read from the host: a few for all disks together, each with its own twin of the
 * way, because a host takes only so many requests at once. What is transient is tried again here,
 * for a while; what lasts longer is the carrier's matter. */
#ifndef VF_FETCH_POOL_H
#define VF_FETCH_POOL_H

#include "fetch/ways.h"

enum { VF_FETCH_THREADS = 4 };

struct vf_fetch_pool;

/* N bytes at OFFSET of FILE, into BUF. Its owner keeps it until DONE was called, and whatever it
 * points to. */
struct vf_fetch_task {
    struct vf_fetch_task *next; /* the pool's */
    const struct vf_esxi_file *file;
    void *buf;
    size_t n;
    uint64_t offset;
    uint64_t until;           /* the tasks that follow go on from its end to there; 0: none does */
    int patience_ms;          /* for what is transient */
    struct vf_cancel *cancel; /* ends it at once */
    /* By a thread of the pool; ERR NULL: all is there. ERR is taken over. */
    void (*done)(struct vf_fetch_task *t, struct vf_error *err);
    void *opaque;
    bool first; /* the pool's */
};

/* WAYS is borrowed. Threads are started when there is something to do. */
struct vf_fetch_pool *vf_fetch_pool_new(struct vf_ways *ways);
/* No task may be left. */
void vf_fetch_pool_free(struct vf_fetch_pool *p);
VF_DEFINE_CLEANUP(struct vf_fetch_pool *, vf_fetch_pool_free)

struct vf_ways *vf_fetch_pool_ways(struct vf_fetch_pool *p);
/* T comes after those that were begun before it; with FIRST before those that wait. */
void vf_fetch_pool_add(struct vf_fetch_pool *p, struct vf_fetch_task *t, bool first);

/* Those that wait and have CANCEL, which was fired, are done: cancelled. What threads let run on
 * ends. */
void vf_fetch_pool_withdraw(struct vf_fetch_pool *p, struct vf_cancel *cancel);

/* What threads let run on while they have nothing to read is ended, soon. */
void vf_fetch_pool_rest(struct vf_fetch_pool *p);

/* Memory for what is read ahead, a part for each of the disks that have joined. What a disk waits
 * for (FORCED) it gets in any case: so it is 48 MiB for all, and 4 for each disk. A stretch, which
 * one thread reads, is so long that what it takes to begin it does not count. */
enum { VF_FETCH_PIECE = 4 << 20, VF_FETCH_AHEAD = 12, VF_FETCH_STRETCH = 64 << 20 };
void vf_fetch_pool_join(struct vf_fetch_pool *p, int disks);                  /* +1, -1 */
bool vf_fetch_pool_used(struct vf_fetch_pool *p);                             /* by any */
void *vf_fetch_pool_take(struct vf_fetch_pool *p, unsigned has, bool forced); /* NULL: not now */
void vf_fetch_pool_give(struct vf_fetch_pool *p, void *piece);
/* The most bytes that were ever out at once; for tests. */
uint64_t vf_fetch_pool_peak(struct vf_fetch_pool *p);

#endif
