/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lock that threads get in the order in which they asked for it. A mutex goes to whoever runs
 * when it is let go, mostly the one that has just had it: no way to share what is slow. */
#ifndef VF_BASE_TURNS_H
#define VF_BASE_TURNS_H

#include <pthread.h>
#include <stdbool.h>

struct vf_turns {
    pthread_mutex_t lock;
    pthread_cond_t next;
    unsigned asked, served;
};

void vf_turns_init(struct vf_turns *t);
void vf_turns_clear(struct vf_turns *t);
/* Waits for its turn. */
void vf_turns_take(struct vf_turns *t);
/* False when somebody has it; never waits. */
bool vf_turns_try(struct vf_turns *t);
void vf_turns_end(struct vf_turns *t);

#endif
