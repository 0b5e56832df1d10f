/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rate limit of a host: never more than it allows, in no moment, whoever takes. Only upper
 * bounds: a busy machine gets less. */
#include "config.h"
#include "mover/limit.h"
#include "base/clock.h"
#include "tests/unit/tap.h"

#include <unistd.h>

enum { RATE = 20000000, THREADS = 3, TAKES = 4000, RUN_MS = 1000 };

static struct vf_limit limit;
static struct vf_cancel *stop;
static struct taken {
    int64_t us;
    size_t n;
} taken[TAKES];
static atomic_size_t n_taken;
static _Atomic uint64_t parts[THREADS];

static void *take(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg;
    while (vf_cancel_check(stop, NULL) == 0) {
        size_t n = vf_limit_take(&limit, 1 << 20, stop);
        size_t at = atomic_fetch_add(&n_taken, 1);
        if (at >= TAKES || vf_cancel_check(stop, NULL) < 0)
            break;
        taken[at] = (struct taken){vf_clock_ns() / 1000, n};
        parts[me] += n;
    }
    return NULL;
}

/* The most bytes within WINDOW_MS. Who takes may be kept waiting before it says when, so taken[] is
 * in no order. */
static uint64_t most_within(size_t n, int window_ms)
{
    uint64_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t sum = 0;
        for (size_t k = 0; k < n; k++)
            if (taken[k].us >= taken[i].us && taken[k].us < taken[i].us + window_ms * 1000)
                sum += taken[k].n;
        most = sum > most ? sum : most;
    }
    return most;
}

static bool are_small(size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (taken[i].n > RATE / 100)
            return false;
    return n > 0;
}

static void test_smooth(void)
{
    pthread_t t[THREADS];
    vf_limit_init(&limit);
    vf_limit_set(&limit, RATE);
    stop = vf_cancel_new(NULL);
    int64_t began = vf_clock_ms();
    for (size_t i = 0; i < THREADS; i++)
        ok(pthread_create(&t[i], NULL, take, (void *)(uintptr_t)i) == 0, "somebody takes");
    usleep(RUN_MS * 1000);
    vf_cancel_fire(stop, "enough");
    int64_t ms = vf_clock_ms() - began;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    size_t n = n_taken < TAKES ? n_taken : TAKES;
    uint64_t all = 0;
    for (size_t i = 0; i < THREADS; i++)
        all += parts[i];
    ok(are_small(n) && n < TAKES, "in small portions: %zu", n);
    /* 50 ms may be made up for, and a portion is of 10 ms */
    ok(all <= (uint64_t)RATE * (uint64_t)(ms + 100) / 1000, "%llu bytes in %lld ms, not more",
       (unsigned long long)all, (long long)ms);
    static const int windows[] = {20, 100, 300};
    for (size_t i = 0; i < VF_COUNT(windows); i++) {
        uint64_t most = most_within(n, windows[i]);
        ok(most <= (uint64_t)RATE * (uint64_t)(windows[i] + 100) / 1000, "nor %llu in any %d ms",
           (unsigned long long)most, windows[i]);
    }
    vf_cancel_free(stop);
}

static void *raise(void *arg)
{
    usleep(50 * 1000);
    vf_limit_set(&limit, 0);
    return NULL;
}

/* Whoever waits at a low rate does not have to wait that long once it is changed. */
static void test_changed(void)
{
    pthread_t t;
    vf_limit_set(&limit, 1);
    ok(vf_limit_take(&limit, 1024, NULL) == 1024, "a portion, owed for a quarter of an hour");
    ok(pthread_create(&t, NULL, raise, NULL) == 0, "no limit, soon");
    ok(vf_limit_take(&limit, 1 << 20, NULL) == 1 << 20, "all at once");
    pthread_join(t, NULL);
}

static atomic_int held;

static void *hold(void *arg)
{
    held = 1;
    vf_limit_hold(&limit, stop);
    held = 2;
    return NULL;
}

/* While it is paused nothing new begins; what was begun keeps its rate. */
static void test_paused(void)
{
    pthread_t t;
    stop = vf_cancel_new(NULL);
    vf_limit_set(&limit, RATE);
    vf_limit_hold(&limit, stop);
    vf_limit_set(&limit, VF_RATE_PAUSED);
    ok(limit.rate == RATE, "the rate stays");
    ok(vf_limit_take(&limit, 1 << 20, NULL) == RATE / 100, "for what was begun");
    for (int fire = 0; fire < 2; fire++) {
        held = 0;
        vf_limit_set(&limit, VF_RATE_PAUSED);
        ok(pthread_create(&t, NULL, hold, NULL) == 0, "somebody begins");
        while (held == 0)
            usleep(1000);
        usleep(250 * 1000);
        ok(held == 1, "and waits");
        if (fire)
            vf_cancel_fire(stop, "enough");
        else
            vf_limit_set(&limit, 0);
        pthread_join(t, NULL);
        ok(held == 2, fire ? "until it is cancelled" : "until it goes on");
    }
    ok(limit.rate == 0, "at the new rate");
    vf_cancel_free(stop);
}

int main(void)
{
    test_smooth();
    test_changed();
    test_paused();
    return done_testing();
}
