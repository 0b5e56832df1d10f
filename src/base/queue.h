/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pollable first-in-first-out queue of pointers between threads. */
#ifndef VF_BASE_QUEUE_H
#define VF_BASE_QUEUE_H

#include "base/cleanup.h"

struct vf_queue;

struct vf_queue *vf_queue_new(void);
/* Frees the queue and, with FREE_ITEM (may be NULL), what is still in it. */
void vf_queue_free(struct vf_queue *q, void (*free_item)(void *));
/* Thread-safe; ITEM is not NULL and belongs to the queue until it is popped. */
void vf_queue_push(struct vf_queue *q, void *item);
/* The oldest item, or NULL when there is none; never waits. */
void *vf_queue_pop(struct vf_queue *q);
/* Readable while the queue is not empty; owned by Q. */
int vf_queue_fd(const struct vf_queue *q);

#endif
