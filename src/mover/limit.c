/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/limit.h"

#include <time.h>

enum {
    PORTION_US = 10000, /* what is sent in this time goes at once */
    PORTION_MIN = 1024,
    WAIT_US = 100000,
    SLACK_US = 50000, /* time not used may be made up for, but no more than this */
};

void vf_limit_init(struct vf_limit *l)
{
    *l = (struct vf_limit){0};
    pthread_mutex_init(&l->lock, NULL);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void vf_limit_set(struct vf_limit *l, uint64_t rate)
{
    pthread_mutex_lock(&l->lock);
    l->paused = rate == VF_RATE_PAUSED;
    if (!l->paused)
        l->rate = rate;
    l->next_us = 0; /* what was waited for at the old rate is not owed any more */
    pthread_mutex_unlock(&l->lock);
}

/* Under the lock: takes a portion when it is time for one; otherwise says how long to wait. */
static size_t portion(struct vf_limit *l, size_t n, int64_t *wait_us)
{
    uint64_t most = l->rate / (1000000 / PORTION_US);
    if (most < (uint64_t)PORTION_MIN)
        most = PORTION_MIN;
    if (n > most)
        n = (size_t)most;
    int64_t now = now_us();
    if (l->next_us < now - SLACK_US)
        l->next_us = now - SLACK_US;
    *wait_us = l->next_us - now;
    if (*wait_us >= 1000)
        return 0;
    l->next_us += (int64_t)((uint64_t)n * 1000000 / l->rate);
    return n;
}

size_t vf_limit_take(struct vf_limit *l, size_t n, struct vf_cancel *cancel)
{
    while (l->rate && vf_cancel_check(cancel, NULL) == 0) {
        int64_t wait = 0;
        pthread_mutex_lock(&l->lock);
        size_t now = l->rate ? portion(l, n, &wait) : n;
        pthread_mutex_unlock(&l->lock);
        if (now)
            return now;
        /* not long at once: the rate may change; a cancel is seen above */
        vf_cancel_sleep(cancel, wait < WAIT_US ? (int)(wait / 1000) : WAIT_US / 1000, NULL);
    }
    return n;
}

void vf_limit_hold(struct vf_limit *l, struct vf_cancel *cancel)
{
    while (l && l->paused && vf_cancel_check(cancel, NULL) == 0)
        vf_cancel_sleep(cancel, WAIT_US / 1000, NULL);
}
