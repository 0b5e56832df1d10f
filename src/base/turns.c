/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/turns.h"

void vf_turns_init(struct vf_turns *t)
{
    *t = (struct vf_turns){0};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->next, NULL);
}

void vf_turns_clear(struct vf_turns *t)
{
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->next);
}

void vf_turns_take(struct vf_turns *t)
{
    pthread_mutex_lock(&t->lock);
    unsigned mine = t->asked++;
    while (mine != t->served)
        pthread_cond_wait(&t->next, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

bool vf_turns_try(struct vf_turns *t)
{
    pthread_mutex_lock(&t->lock);
    bool is_free = t->asked == t->served;
    t->asked += is_free;
    pthread_mutex_unlock(&t->lock);
    return is_free;
}

void vf_turns_end(struct vf_turns *t)
{
    pthread_mutex_lock(&t->lock);
    t->served++;
    pthread_cond_broadcast(&t->next);
    pthread_mutex_unlock(&t->lock);
}
