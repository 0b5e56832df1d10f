/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The buffers for chunks: one pool for all passes of a process, so that many disks at once take as
 * much memory as one. A few are every pass's own, whatever the others hold: with those it gets on,
 * however slowly. */
#ifndef VF_MOVER_POOL_H
#define VF_MOVER_POOL_H

#include <stdbool.h>
#include <stddef.h>

enum { VF_POOL_ALL = 24, VF_POOL_OWN = 4 };

struct vf_pool_share {
    struct vf_pool_share *next;
    size_t held;
};

void vf_pool_join(struct vf_pool_share *s);
/* All must have been given back. With the last share the memory is given back, too. */
void vf_pool_leave(struct vf_pool_share *s);

/* A chunk's buffer for S; waits for one, but returns NULL once ENDED(ARG), which is called with the
 * pool locked. */
void *vf_pool_take(struct vf_pool_share *s, bool (*ended)(void *arg), void *arg);
/* BUF may be NULL. */
void vf_pool_give(struct vf_pool_share *s, void *buf);
/* Has those who wait ask again whether it has ended. */
void vf_pool_wake(void);

#endif
