/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/sums.h"
#include "base/log.h"
#include "base/str.h"

#include <pthread.h>

struct sum {
    size_t disk;
    uint64_t offset;
    char *hex;
};

struct vf_sums {
    const struct vf_plan *plan;
    struct vf_summer **summers; /* one a disk; NULL: none of it */
    struct vf_cancel *cancel;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct sum *v;
    size_t n;
    size_t disk; /* of the piece that comes next */
    uint64_t offset;
    bool ended;
};

/* Where the pieces of disk I that are hashed here end: the one before the last. */
static uint64_t end_of(const struct vf_sums *s, size_t i)
{
    uint64_t size = s->plan->disks[i].size;
    return s->summers[i] ? (size - 1) / VF_SUMS_PIECE * VF_SUMS_PIECE : 0;
}

static bool hash_piece(struct vf_sums *s, size_t i, uint64_t offset)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_summer *summer = s->summers[i];
    char *hex = summer->sum(summer, VF_SUMS_PIECE, offset, s->cancel, &why);
    if (!hex)
        vf_info("job", "hashed no further beside the copying: %s", vf_error_text(why));
    pthread_mutex_lock(&s->lock);
    if (hex)
        *(struct sum *)vf_grow(&s->v, &s->n, sizeof *s->v) = (struct sum){i, offset, hex};
    s->disk = i;
    s->offset = offset + VF_SUMS_PIECE;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return hex;
}

static void *sums_main(void *arg)
{
    struct vf_sums *s = arg;
    bool good = true;
    for (size_t i = 0; good && i < s->plan->n_disks; i++)
        for (uint64_t at = VF_SUMS_PIECE; good && at < end_of(s, i); at += VF_SUMS_PIECE)
            good = vf_cancel_check(s->cancel, NULL) == 0 && hash_piece(s, i, at);
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void clear(struct vf_sums *s)
{
    for (size_t i = 0; i < s->plan->n_disks; i++)
        if (s->summers[i])
            s->summers[i]->free(s->summers[i]);
    free(s->summers);
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].hex);
    free(s->v);
    vf_cancel_free(s->cancel);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct vf_sums *vf_sums_begin(struct vf_job *job)
{
    struct vf_provider *p = job->source_pve;
    if (!p->ops->summer)
        return NULL;
    struct vf_sums *s = vf_xcalloc(1, sizeof *s);
    bool any = false;
    s->plan = job->plan;
    s->summers = vf_xcalloc(job->plan->n_disks + 1, sizeof(struct vf_summer *));
    s->cancel = vf_cancel_new(job->cancel);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_mutex_lock(&job->hands);
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        if (d->size > 2 * VF_SUMS_PIECE)
            s->summers[i] = p->ops->summer(p, job->source->node, d->volume);
        any = any || s->summers[i];
    }
    pthread_mutex_unlock(&job->hands);
    if (any && pthread_create(&s->thread, NULL, sums_main, s) == 0)
        return s;
    clear(s);
    return NULL;
}

char *vf_sums_take(struct vf_sums *s, size_t i, uint64_t n, uint64_t offset)
{
    char *hex = NULL;
    if (!s || n != VF_SUMS_PIECE || offset % VF_SUMS_PIECE || !offset || offset >= end_of(s, i))
        return NULL;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        for (size_t k = 0; !hex && k < s->n; k++)
            if (s->v[k].disk == i && s->v[k].offset == offset)
                hex = vf_strdup(s->v[k].hex);
        bool passed = s->disk > i || (s->disk == i && s->offset > offset);
        if (hex || s->ended || passed)
            break;
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return hex;
}

void vf_sums_free(struct vf_sums *s)
{
    if (!s)
        return;
    vf_cancel_fire(s->cancel, "what is hashed beside the copying is no longer wanted");
    pthread_join(s->thread, NULL);
    clear(s);
}
