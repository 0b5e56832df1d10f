/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "fetch/ahead.h"
#include "base/str.h"

#include <pthread.h>
#include <string.h>

/* A piece of the row, at INDEX times its size. */
struct piece {
    struct piece *next;
    struct vf_ahead *ahead;
    uint64_t index;
    char *buf;
    struct vf_fetch_task *tasks; /* one a run that it lies in */
    unsigned missing;            /* tasks that are not done */
    struct vf_error *error;
    bool dropped; /* freed by the last task */
};

struct vf_ahead {
    const struct vf_ahead_run *runs;
    size_t n_runs;
    uint64_t size;
    struct vf_fetch_pool *pool;
    struct vf_cancel *parent;
    bool whole;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct vf_cancel *cancel; /* of all tasks */
    struct piece *pieces;     /* by index */
    unsigned n_pieces;        /* those that were dropped included */
    unsigned alone;           /* reads under way that are no pieces */
    bool reading;             /* a window is open: [from, to) */
    uint64_t from, to;        /* indexes */
    uint64_t expected;        /* end of the last read outside of the window */
    int patience_ms;
};

struct vf_ahead *vf_ahead_new(const struct vf_ahead_run *runs, size_t n, bool whole,
                              struct vf_fetch_pool *pool, struct vf_cancel *cancel)
{
    struct vf_ahead *a = vf_xcalloc(1, sizeof *a);
    a->runs = runs;
    a->n_runs = n;
    a->size = n ? runs[n - 1].start + runs[n - 1].length : 0;
    a->pool = pool;
    a->parent = cancel;
    a->cancel = vf_cancel_new(cancel);
    a->whole = whole;
    a->expected = whole ? 0 : UINT64_MAX;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    vf_fetch_pool_join(pool, 1);
    return a;
}

void vf_ahead_patience(struct vf_ahead *a, int ms)
{
    pthread_mutex_lock(&a->lock);
    a->patience_ms = ms;
    pthread_mutex_unlock(&a->lock);
}

size_t vf_ahead_find(const struct vf_ahead_run *runs, size_t n, uint64_t offset)
{
    size_t low = 0, high = n;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (runs[mid].start <= offset)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* ---- pieces: under the lock ---- */

static uint64_t piece_end(const struct vf_ahead *a, uint64_t index)
{
    uint64_t end = (index + 1) * VF_FETCH_PIECE;
    return end < a->size ? end : a->size;
}

/* Does [FROM, TO) lie in runs of zeroes? */
static bool all_zero(const struct vf_ahead *a, uint64_t from, uint64_t to)
{
    for (size_t i = vf_ahead_find(a->runs, a->n_runs, from); i < a->n_runs && a->runs[i].start < to;
         i++)
        if (a->runs[i].file)
            return false;
    return true;
}

static struct piece *find_piece(struct vf_ahead *a, uint64_t index)
{
    struct piece *p = a->pieces;
    while (p && p->index != index)
        p = p->next;
    return p;
}

static void free_piece(struct piece *p)
{
    struct vf_ahead *a = p->ahead;
    vf_fetch_pool_give(a->pool, p->buf);
    vf_error_free(p->error);
    free(p->tasks);
    free(p);
    a->n_pieces--;
    pthread_cond_broadcast(&a->changed);
}

/* Takes those with an index in [FROM, TO) out of the list. */
static void drop_pieces(struct vf_ahead *a, uint64_t from, uint64_t to)
{
    for (struct piece **at = &a->pieces; *at;) {
        struct piece *p = *at;
        if (p->index < from || p->index >= to) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        p->dropped = true;
        if (!p->missing)
            free_piece(p);
    }
}

static void piece_done(struct vf_fetch_task *t, struct vf_error *err)
{
    struct piece *p = t->opaque;
    struct vf_ahead *a = p->ahead;
    pthread_mutex_lock(&a->lock);
    if (err)
        vf_fail_with(&p->error, err);
    p->missing--;
    if (!p->missing && p->dropped)
        free_piece(p);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* How far what is read at FROM of run R will be read on: where another stretch begins a thread of
 * its own does, beside the one before. */
static uint64_t until(const struct vf_ahead_run *r, uint64_t from)
{
    uint64_t stretch = (from / VF_FETCH_STRETCH + 1) * VF_FETCH_STRETCH;
    uint64_t end = r->start + r->length < stretch ? r->start + r->length : stretch;
    return r->offset + (end - r->start);
}

/* Cuts [FROM, TO) by runs: a task for each that is in a file; zeroes are made at once. */
static struct vf_fetch_task *cut(struct vf_ahead *a, char *buf, uint64_t from, uint64_t to,
                                 bool ahead, unsigned *n)
{
    size_t first = vf_ahead_find(a->runs, a->n_runs, from), last = first;
    while (last < a->n_runs && a->runs[last].start < to)
        last++;
    struct vf_fetch_task *tasks = vf_xcalloc(last - first, sizeof *tasks);
    *n = 0;
    for (size_t i = first; i < last; i++) {
        const struct vf_ahead_run *r = &a->runs[i];
        uint64_t begin = r->start > from ? r->start : from;
        uint64_t end = r->start + r->length < to ? r->start + r->length : to;
        if (!r->file) {
            memset(buf + (begin - from), 0, end - begin);
            continue;
        }
        tasks[(*n)++] = (struct vf_fetch_task){
            .file = r->file,
            .buf = buf + (begin - from),
            .n = (size_t)(end - begin),
            .offset = r->offset + (begin - r->start),
            .until = ahead ? until(r, begin) : 0,
            .patience_ms = a->patience_ms,
            .cancel = a->cancel,
        };
    }
    return tasks;
}

/* NULL when there is no room for it now. */
static struct piece *begin_piece(struct vf_ahead *a, uint64_t index, bool forced)
{
    char *buf = vf_fetch_pool_take(a->pool, a->n_pieces, forced);
    if (!buf)
        return NULL;
    struct piece *p = vf_xcalloc(1, sizeof *p), **at = &a->pieces;
    *p = (struct piece){.ahead = a, .index = index, .buf = buf};
    p->tasks = cut(a, buf, index * VF_FETCH_PIECE, piece_end(a, index), true, &p->missing);
    while (*at && (*at)->index < index)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    a->n_pieces++;
    for (unsigned i = 0, n = p->missing; i < n; i++) {
        p->tasks[i].opaque = p;
        p->tasks[i].done = piece_done;
        vf_fetch_pool_add(a->pool, &p->tasks[i], forced);
    }
    return p;
}

/* Asks for what comes next, as far as there is room. */
static void look_ahead(struct vf_ahead *a)
{
    while (a->to * VF_FETCH_PIECE < a->size) {
        if (!all_zero(a, a->to * VF_FETCH_PIECE, piece_end(a, a->to)) && !find_piece(a, a->to) &&
            !begin_piece(a, a->to, false))
            return;
        a->to++;
        if (a->to - a->from > 4096) /* over zeroes: far enough */
            return;
    }
}

/* Opens the window at INDEX, or moves it there. */
static void move_to(struct vf_ahead *a, uint64_t index)
{
    drop_pieces(a, 0, index);
    if (!a->reading || index > a->to || index < a->from) {
        drop_pieces(a, index, UINT64_MAX);
        a->to = index;
    }
    a->reading = true;
    a->from = index;
    look_ahead(a);
}

/* ---- reading ---- */

/* Under the lock, given up while it waits. */
static int from_piece(struct vf_ahead *a, char *buf, size_t n, uint64_t offset,
                      struct vf_error **err)
{
    uint64_t index = offset / VF_FETCH_PIECE;
    for (;;) {
        if (vf_cancel_check(a->cancel, err) < 0)
            return -1;
        struct piece *p = find_piece(a, index);
        if (!p)
            p = begin_piece(a, index, true);
        if (p && p->error && !p->missing) {
            vf_fail_with(err, VF_STEAL(p->error));
            drop_pieces(a, index, index + 1);
            return -1;
        }
        if (p && !p->missing) {
            memcpy(buf, p->buf + offset % VF_FETCH_PIECE, n);
            return 0;
        }
        pthread_cond_wait(&a->changed, &a->lock);
    }
}

static int in_window(struct vf_ahead *a, char *buf, size_t n, uint64_t offset,
                     struct vf_error **err)
{
    while (n) {
        uint64_t index = offset / VF_FETCH_PIECE;
        uint64_t left = piece_end(a, index) - offset;
        size_t now = n < left ? n : (size_t)left;
        move_to(a, index);
        if (from_piece(a, buf, now, offset, err) < 0)
            return -1;
        buf += now;
        offset += now;
        n -= now;
    }
    return 0;
}

/* A read of its own. */
struct alone {
    struct vf_ahead *ahead;
    unsigned missing;
    struct vf_error *error;
};

static void alone_done(struct vf_fetch_task *t, struct vf_error *err)
{
    struct alone *x = t->opaque;
    struct vf_ahead *a = x->ahead;
    pthread_mutex_lock(&a->lock);
    if (err)
        vf_fail_with(&x->error, err);
    x->missing--;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* Under the lock, given up while it waits. The tasks end by themselves when they are interrupted.
 */
static int by_itself(struct vf_ahead *a, char *buf, size_t n, uint64_t offset,
                     struct vf_error **err)
{
    struct alone x = {.ahead = a};
    vf_autofree struct vf_fetch_task *tasks = cut(a, buf, offset, offset + n, false, &x.missing);
    a->alone++;
    for (unsigned i = 0, all = x.missing; i < all; i++) {
        tasks[i].opaque = &x;
        tasks[i].done = alone_done;
        vf_fetch_pool_add(a->pool, &tasks[i], true);
    }
    while (x.missing)
        pthread_cond_wait(&a->changed, &a->lock);
    a->alone--;
    pthread_cond_broadcast(&a->changed);
    a->expected = offset + n;
    return x.error ? vf_fail_with(err, x.error) : 0;
}

/* Who reads on, or passes over zeroes, is read ahead for. Others (a chunk that is sent again, an
 * image's tables) do not disturb that; who begins somewhere shows by his second read. */
static bool reads_on(const struct vf_ahead *a, uint64_t offset)
{
    if (offset == a->expected)
        return true;
    if (!a->reading || offset < a->from * VF_FETCH_PIECE)
        return false;
    return offset < (a->to + 1) * VF_FETCH_PIECE || all_zero(a, a->to * VF_FETCH_PIECE, offset);
}

int vf_ahead_read(struct vf_ahead *a, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    pthread_mutex_lock(&a->lock);
    int r = vf_cancel_check(a->cancel, err);
    if (r == 0 && n)
        r = reads_on(a, offset) ? in_window(a, buf, n, offset, err)
                                : by_itself(a, buf, n, offset, err);
    pthread_mutex_unlock(&a->lock);
    return r;
}

/* Under the lock: waits for everything that is under way. */
static void settle(struct vf_ahead *a)
{
    drop_pieces(a, 0, UINT64_MAX);
    while (a->n_pieces || a->alone)
        pthread_cond_wait(&a->changed, &a->lock);
    a->reading = false;
    a->expected = a->whole ? 0 : UINT64_MAX;
}

/* Under the lock, given up meanwhile. */
static void withdraw(struct vf_ahead *a)
{
    struct vf_cancel *cancel = a->cancel;
    pthread_mutex_unlock(&a->lock);
    vf_fetch_pool_withdraw(a->pool, cancel);
    pthread_mutex_lock(&a->lock);
}

void vf_ahead_interrupt(struct vf_ahead *a, bool on)
{
    pthread_mutex_lock(&a->lock);
    if (on) {
        vf_cancel_fire(a->cancel, "the copy has ended");
        pthread_cond_broadcast(&a->changed);
        withdraw(a);
    } else if (vf_cancel_fired(a->cancel)) {
        settle(a);
        vf_cancel_free(a->cancel);
        a->cancel = vf_cancel_new(a->parent);
    }
    pthread_mutex_unlock(&a->lock);
}

void vf_ahead_free(struct vf_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    vf_cancel_fire(a->cancel, "the disk is closed");
    withdraw(a);
    settle(a);
    pthread_mutex_unlock(&a->lock);
    vf_fetch_pool_join(a->pool, -1);
    vf_cancel_free(a->cancel);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
