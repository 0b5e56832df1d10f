/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rate limit of a host: one for all streams and disks together. It deals out small portions, so
 * that the line is used evenly, and may change at any time. */
#ifndef VF_MOVER_LIMIT_H
#define VF_MOVER_LIMIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/cancel.h"

/* As a rate: nothing new is sent; what was begun is ended at the rate there was. */
#define VF_RATE_PAUSED ((uint64_t)INT64_MAX)

struct vf_limit {
    _Atomic uint64_t rate; /* bytes per second, 0: none */
    atomic_bool paused;
    pthread_mutex_t lock;
    int64_t next_us; /* when the next portion may go */
};

void vf_limit_init(struct vf_limit *l);
/* RATE: bytes per second, 0: none, or VF_RATE_PAUSED. */
void vf_limit_set(struct vf_limit *l, uint64_t rate);
/* Waits for a portion of N bytes and returns how many may be sent now, 1 to N. All of N at once
 * when there is no limit or CANCEL has fired: what was begun is then to be ended soon. */
size_t vf_limit_take(struct vf_limit *l, size_t n, struct vf_cancel *cancel);
/* Before something new is begun: waits while L (NULL: none) is paused, unless CANCEL has fired. No
 * turn on a line may be held meanwhile: its other end wants to hear from us. */
void vf_limit_hold(struct vf_limit *l, struct vf_cancel *cancel);

#endif
