/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool of chunks: bounded, and nobody is left without. */
#include "config.h"
#include "base/clock.h"
#include "disk/disk.h"
#include "mover/pool.h"
#include "tests/unit/tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Takes as many as it gets, until it is told to end. */
struct greedy {
    struct vf_pool_share share;
    pthread_t thread;
    void *bufs[2 * VF_POOL_ALL];
    atomic_size_t n;
    atomic_bool end;
};

static bool told(void *arg)
{
    return ((struct greedy *)arg)->end;
}

static void *greedy_main(void *arg)
{
    struct greedy *g = arg;
    void *b;
    while (g->n < 2 * VF_POOL_ALL && (b = vf_pool_take(&g->share, told, g)))
        g->bufs[g->n++] = b;
    return NULL;
}

static void start(struct greedy *g, size_t enough)
{
    g->end = false;
    if (pthread_create(&g->thread, NULL, greedy_main, g) != 0)
        abort();
    for (int64_t until = vf_clock_ms() + 20000; g->n < enough && vf_clock_ms() < until;)
        usleep(1000);
}

static void stop(struct greedy *g)
{
    g->end = true;
    vf_pool_wake();
    pthread_join(g->thread, NULL);
}

static void give(struct greedy *g, size_t left)
{
    while (g->n > left)
        vf_pool_give(&g->share, g->bufs[--g->n]);
}

int main(void)
{
    static struct greedy a, b;
    alarm(60); /* who waits for ever has lost */
    vf_pool_join(&a.share);
    start(&a, VF_POOL_ALL);
    stop(&a);
    ok(a.n == VF_POOL_ALL, "alone, one has all and no more: %zu", (size_t)a.n);
    vf_pool_join(&b.share);
    start(&b, VF_POOL_OWN);
    ok(b.n == VF_POOL_OWN, "another has its own all the same");
    give(&a, VF_POOL_ALL - VF_POOL_OWN - 2);
    while (b.n < VF_POOL_OWN + 2)
        usleep(1000);
    stop(&b);
    ok(b.n == VF_POOL_OWN + 2, "and what the first gives back beyond that");
    give(&a, 0);
    start(&a, VF_POOL_ALL - VF_POOL_OWN - 2);
    stop(&a);
    ok(a.n + b.n == VF_POOL_ALL, "together they have no more than all");
    give(&b, 0);
    start(&a, VF_POOL_ALL - VF_POOL_OWN);
    stop(&a);
    ok(a.n == VF_POOL_ALL - VF_POOL_OWN, "the other's own is left alone");
    start(&b, VF_POOL_OWN);
    stop(&b);
    ok(b.n == VF_POOL_OWN, "so that it is there at once");
    give(&a, 0);
    give(&b, 0);
    vf_pool_leave(&a.share);
    vf_pool_leave(&b.share);
    return done_testing();
}
