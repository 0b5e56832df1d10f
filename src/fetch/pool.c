/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "fetch/pool.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <pthread.h>
#include <signal.h>

struct worker {
    struct vf_fetch_pool *pool;
    pthread_t thread;
    struct vf_esxi_way *way; /* the twin; NULL: none yet, or it is made anew */
    unsigned generation;
    unsigned seed; /* for the jitter */
};

struct vf_fetch_pool {
    struct vf_ways *ways;
    struct worker workers[VF_FETCH_THREADS];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct vf_fetch_task *first;
    unsigned n_workers, idle, waiting; /* waiting: tasks */
    bool ending;
    int disks;
    unsigned pieces, peak; /* out */
};

struct vf_fetch_pool *vf_fetch_pool_new(struct vf_ways *ways)
{
    struct vf_fetch_pool *p = vf_xcalloc(1, sizeof *p);
    p->ways = ways;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    return p;
}

struct vf_ways *vf_fetch_pool_ways(struct vf_fetch_pool *p)
{
    return p->ways;
}

void vf_fetch_pool_free(struct vf_fetch_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n_workers; i++) {
        pthread_join(p->workers[i].thread, NULL);
        vf_esxi_way_free(p->workers[i].way);
    }
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
}

/* ---- memory ---- */

void vf_fetch_pool_join(struct vf_fetch_pool *p, int disks)
{
    pthread_mutex_lock(&p->lock);
    p->disks += disks;
    pthread_mutex_unlock(&p->lock);
}

bool vf_fetch_pool_used(struct vf_fetch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool used = p->disks > 0;
    pthread_mutex_unlock(&p->lock);
    return used;
}

void *vf_fetch_pool_take(struct vf_fetch_pool *p, unsigned has, bool forced)
{
    pthread_mutex_lock(&p->lock);
    unsigned share = p->disks > 1 ? VF_FETCH_AHEAD / (unsigned)p->disks : VF_FETCH_AHEAD;
    bool may = forced || (p->pieces < VF_FETCH_AHEAD && has < (share ? share : 1));
    if (may && ++p->pieces > p->peak)
        p->peak = p->pieces;
    pthread_mutex_unlock(&p->lock);
    return may ? vf_xmalloc(VF_FETCH_PIECE) : NULL;
}

void vf_fetch_pool_give(struct vf_fetch_pool *p, void *piece)
{
    if (!piece)
        return;
    free(piece);
    pthread_mutex_lock(&p->lock);
    p->pieces--;
    pthread_mutex_unlock(&p->lock);
}

uint64_t vf_fetch_pool_peak(struct vf_fetch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    uint64_t n = (uint64_t)p->peak * VF_FETCH_PIECE;
    pthread_mutex_unlock(&p->lock);
    return n;
}

/* ---- reading ---- */

/* The twin of the way that is in use now. */
static int get_way(struct worker *w, struct vf_error **err)
{
    if (w->way && w->generation != vf_ways_generation(w->pool->ways))
        vf_esxi_way_free(VF_STEAL(w->way));
    if (!w->way)
        w->way = vf_ways_twin(w->pool->ways, &w->generation, err);
    return w->way ? 0 : -1;
}

static int read_once(struct worker *w, struct vf_fetch_task *t, struct vf_error **err)
{
    if (vf_cancel_check(t->cancel, err) < 0 || get_way(w, err) < 0)
        return -1;
    w->way->ops->set_cancel(w->way, t->cancel);
    int r = w->way->ops->read(w->way, t->file, t->buf, t->n, t->offset, err);
    w->way->ops->set_cancel(w->way, NULL);
    return r;
}

/* From half of MS to all of it: several threads, and several movers, do not come back together. */
static int jitter(struct worker *w, int ms)
{
    return ms / 2 + (int)((unsigned)rand_r(&w->seed) % (unsigned)(ms / 2 + 1));
}

static int read_patiently(struct worker *w, struct vf_fetch_task *t, struct vf_error **err)
{
    int64_t until = vf_clock_awake_ms() + t->patience_ms;
    int delay = vf_clock_limit(VF_T_RETRY), most = vf_clock_limit(VF_T_RETRY_MOST);
    for (unsigned failures = 0;;) {
        vf_autoerror struct vf_error *e = NULL;
        if (read_once(w, t, &e) == 0)
            return 0;
        if (vf_error_code(e) == VF_E_UNSUPPORTED && w->way &&
            vf_ways_fall_over(w->pool->ways, w->generation, e) == 0)
            continue; /* each way is given up once */
        if (!vf_error_is_transient(e) || vf_clock_awake_ms() + delay > until)
            return vf_fail_with(err, VF_STEAL(e));
        vf_info("fetch", "%s at %llu: %s; trying again", t->file->path,
                (unsigned long long)t->offset, vf_error_text(e));
        /* a connection that stays broken is made anew */
        if (++failures > 1)
            vf_esxi_way_free(VF_STEAL(w->way));
        if (vf_cancel_sleep(t->cancel, jitter(w, delay), err) < 0)
            return -1;
        delay = 2 * delay < most ? 2 * delay : most;
    }
}

static int named(const struct vf_fetch_task *t, struct vf_error **err)
{
    return vf_fail_prefix(err, "[%s] %s at %llu", t->file->datastore, t->file->path,
                          (unsigned long long)t->offset);
}

static struct vf_fetch_task *next_task(struct vf_fetch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->idle++;
    while (!p->first && !p->ending)
        pthread_cond_wait(&p->changed, &p->lock);
    p->idle--;
    struct vf_fetch_task *t = p->first;
    if (t) {
        p->first = t->next;
        p->waiting--;
    }
    pthread_mutex_unlock(&p->lock);
    return t;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct vf_fetch_task *t;
    while ((t = next_task(w->pool))) {
        struct vf_error *e = NULL;
        if (read_patiently(w, t, &e) < 0)
            named(t, &e);
        t->done(t, e);
    }
    return NULL;
}

/* Under the lock. */
static void add_worker(struct vf_fetch_pool *p)
{
    struct worker *w = &p->workers[p->n_workers];
    *w = (struct worker){.pool = p, .seed = (unsigned)vf_clock_ns() + p->n_workers};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
        abort(); /* like memory: nothing to be done */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->n_workers++;
}

void vf_fetch_pool_withdraw(struct vf_fetch_pool *p, struct vf_cancel *cancel)
{
    struct vf_fetch_task *mine = NULL;
    pthread_mutex_lock(&p->lock);
    for (struct vf_fetch_task **at = &p->first; *at;) {
        struct vf_fetch_task *t = *at;
        if (t->cancel != cancel) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        p->waiting--;
        t->next = mine;
        mine = t;
    }
    pthread_mutex_unlock(&p->lock);
    while (mine) {
        struct vf_fetch_task *t = mine;
        struct vf_error *e = NULL;
        mine = t->next;
        vf_cancel_check(cancel, &e);
        t->done(t, e);
    }
}

void vf_fetch_pool_add(struct vf_fetch_pool *p, struct vf_fetch_task *t, bool first)
{
    pthread_mutex_lock(&p->lock);
    struct vf_fetch_task **at = &p->first;
    while (*at && !first)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    if (++p->waiting > p->idle && p->n_workers < VF_FETCH_THREADS)
        add_worker(p);
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}
