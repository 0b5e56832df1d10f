/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/pool.h"
#include "disk/disk.h"

#include <pthread.h>
#include <stdlib.h>

/* More shares than fit into the pool have their own all the same. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vf_pool_share *shares;
    void *spare; /* a list: each begins with the next */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void vf_pool_join(struct vf_pool_share *s)
{
    pthread_mutex_lock(&pool.lock);
    *s = (struct vf_pool_share){.next = pool.shares};
    pool.shares = s;
    pthread_mutex_unlock(&pool.lock);
}

void vf_pool_leave(struct vf_pool_share *s)
{
    pthread_mutex_lock(&pool.lock);
    struct vf_pool_share **at = &pool.shares;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    while (!pool.shares && pool.spare) {
        void *b = pool.spare;
        pool.spare = *(void **)b;
        free(b);
    }
    pthread_cond_broadcast(&pool.changed);
    pthread_mutex_unlock(&pool.lock);
}

/* Under the lock: beyond its own, a share gets what is left over by the others and theirs. */
static bool may_take(const struct vf_pool_share *s)
{
    size_t claimed = 0;
    for (const struct vf_pool_share *o = pool.shares; o; o = o->next)
        claimed += o->held > VF_POOL_OWN ? o->held : VF_POOL_OWN;
    return s->held < VF_POOL_OWN || claimed < VF_POOL_ALL;
}

void *vf_pool_take(struct vf_pool_share *s, bool (*ended)(void *arg), void *arg)
{
    void *b = NULL;
    bool over;
    pthread_mutex_lock(&pool.lock);
    while (!(over = ended(arg)) && !may_take(s))
        pthread_cond_wait(&pool.changed, &pool.lock);
    if (!over) {
        s->held++;
        b = pool.spare;
        pool.spare = b ? *(void **)b : NULL;
    }
    pthread_mutex_unlock(&pool.lock);
    return b || over ? b : vf_disk_buffer();
}

void vf_pool_give(struct vf_pool_share *s, void *buf)
{
    if (!buf)
        return;
    pthread_mutex_lock(&pool.lock);
    s->held--;
    *(void **)buf = pool.spare;
    pool.spare = buf;
    pthread_cond_broadcast(&pool.changed);
    pthread_mutex_unlock(&pool.lock);
}

void vf_pool_wake(void)
{
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.changed);
    pthread_mutex_unlock(&pool.lock);
}
