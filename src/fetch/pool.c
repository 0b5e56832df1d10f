/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "fetch/pool.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct worker {
    struct vf_fetch_pool *pool;
    pthread_t thread;
    struct vf_esxi_way *way; /* the twin; NULL: none yet, or it is made anew */
    unsigned generation;
    unsigned seed; /* for the jitter */
    /* what its way runs on with, so that nobody else reads it; FILE NULL: nothing; under lock */
    struct {
        const struct vf_esxi_file *file; /* only ever compared */
        uint64_t at, until;
    } on;
    unsigned shaken; /* the pool's, when it looked */
};

struct vf_fetch_pool {
    struct vf_ways *ways;
    struct worker workers[VF_FETCH_THREADS];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct vf_fetch_task *first;
    unsigned n_workers, idle, waiting; /* idle: with nothing that runs on; waiting: tasks */
    unsigned shaken;                   /* grows when whatever runs on is to end */
    bool ending;
    int disks;
    unsigned pieces, peak; /* out */
};

struct vf_fetch_pool *vf_fetch_pool_new(struct vf_ways *ways)
{
    struct vf_fetch_pool *p = vf_xcalloc(1, sizeof *p);
    p->ways = ways;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
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
    if (w->way->ops->read_on)
        w->way->ops->read_on(w->way, w->on.file ? w->on.until : t->offset + t->n);
    int r = w->way->ops->read(w->way, t->file, t->buf, t->n, t->offset, err);
    w->way->ops->set_cancel(w->way, NULL);
    return r;
}

/* From half of MS to all of it: several threads, and several movers, do not come back together. */
static int jitter(struct worker *w, int ms)
{
    return ms / 2 + (int)((unsigned)rand_r(&w->seed) % (unsigned)(ms / 2 + 1));
}

/* What other threads let run on in a connection that has failed would keep it from being made anew,
 * and they may have nothing to do that shows them. */
static void shake(struct worker *w)
{
    struct vf_fetch_pool *p = w->pool;
    pthread_mutex_lock(&p->lock);
    w->shaken = ++p->shaken;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void vf_fetch_pool_rest(struct vf_fetch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->shaken++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
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
        shake(w);
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

/* ---- who reads what: under the lock ---- */

static bool goes_on(const struct worker *w, const struct vf_fetch_task *t)
{
    return w->on.file == t->file && w->on.at == t->offset;
}

static bool reads_on(const struct vf_fetch_pool *p)
{
    return p->disks <= VF_FETCH_THREADS && vf_ways_reads_on(p->ways);
}

/* Will it be read on to from what another thread reads, or from a task that waits? */
static bool is_another_s(const struct worker *w, const struct vf_fetch_task *t)
{
    const struct vf_fetch_pool *p = w->pool;
    for (unsigned i = 0; i < p->n_workers; i++)
        if (&p->workers[i] != w && goes_on(&p->workers[i], t))
            return true;
    for (const struct vf_fetch_task *q = reads_on(p) ? p->first : NULL; q; q = q->next)
        if (t->until && q->until == t->until && q->file == t->file && q->offset + q->n == t->offset)
            return true;
    return false;
}

/* What W reads next: what somebody waits for before what only goes on. Who lets something run on
 * leaves the rest to those that have nothing else. */
static struct vf_fetch_task *choose(struct worker *w)
{
    struct vf_fetch_pool *p = w->pool;
    struct vf_fetch_task **found = NULL;
    for (struct vf_fetch_task **at = &p->first; *at; at = &(*at)->next) {
        if (goes_on(w, *at) && !(found && (*found)->first)) {
            found = at;
            break;
        }
        if (!found && !(w->on.file && p->idle) && !is_another_s(w, *at))
            found = at;
    }
    if (!found)
        return NULL;
    struct vf_fetch_task *t = *found;
    *found = t->next;
    p->waiting--;
    uint64_t at = t->offset + t->n;
    bool on = at < t->until && reads_on(p);
    w->on.file = on ? t->file : NULL;
    w->on.at = at;
    w->on.until = t->until;
    if (p->first)
        pthread_cond_broadcast(&p->changed); /* what was left to W, or to T, may be anybody's now */
    return t;
}

/* Until something has changed; true: nothing has, for so long that what runs on is better ended. */
static bool wait_for_more(struct worker *w)
{
    struct vf_fetch_pool *p = w->pool;
    if (w->on.file) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += vf_clock_limit(VF_T_PEER_SILENCE) / 1000;
        return pthread_cond_timedwait(&p->changed, &p->lock, &until) == ETIMEDOUT;
    }
    p->idle++;
    pthread_cond_wait(&p->changed, &p->lock);
    p->idle--;
    return false;
}

/* The lock is given up meanwhile. */
static void rest(struct worker *w)
{
    w->shaken = w->pool->shaken;
    w->on.file = NULL;
    if (!w->way || !w->way->ops->read_on)
        return;
    pthread_mutex_unlock(&w->pool->lock);
    w->way->ops->read_on(w->way, 0);
    pthread_mutex_lock(&w->pool->lock);
}

static struct vf_fetch_task *next_task(struct vf_fetch_pool *p, struct worker *w)
{
    struct vf_fetch_task *t;
    pthread_mutex_lock(&p->lock);
    for (bool late = false;;) {
        if (late || w->shaken != p->shaken)
            rest(w);
        if ((t = choose(w)) || p->ending)
            break;
        late = wait_for_more(w);
    }
    pthread_mutex_unlock(&p->lock);
    return t;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct vf_fetch_task *t;
    while ((t = next_task(w->pool, w))) {
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
    if (vf_thread_start(&w->thread, worker_main, w) != 0)
        abort(); /* like memory: nothing to be done */
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
    p->shaken++;
    pthread_cond_broadcast(&p->changed);
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
    t->first = first;
    *at = t;
    if (++p->waiting > p->idle && p->n_workers < VF_FETCH_THREADS)
        add_worker(p);
    pthread_cond_broadcast(&p->changed); /* it may be one thread's alone */
    pthread_mutex_unlock(&p->lock);
}
