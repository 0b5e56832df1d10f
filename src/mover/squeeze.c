/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/squeeze.h"
#include "mover/choice.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/turns.h"

#include <time.h>
#include <zstd.h>

enum {
    SAMPLE = 65536, /* bytes tried while nothing is packed */
    FAST = 1,
    SLOW = 2, /* level for links that are the bottleneck even so */
};

struct vf_squeeze {
    struct vf_turns turns; /* of the disks that use it */
    ZSTD_DCtx *unpack;
    void *buf;
    struct vf_choice choice; /* of "auto" */
    int64_t ended_ns;        /* the chunk before */
    /* of the chunk in hand */
    int64_t began_ns, packed_ns;
    size_t n, len;
};

/* A packer takes up to 4 MiB: a few serve all streams. */
static struct packer {
    ZSTD_CCtx *context;
    bool taken;
} packers[4];
static pthread_mutex_t packers_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t packers_free = PTHREAD_COND_INITIALIZER;

static struct packer *take_packer(void)
{
    struct packer *p = NULL;
    pthread_mutex_lock(&packers_lock);
    while (!p) {
        for (size_t i = 0; i < VF_COUNT(packers) && !p; i++)
            p = packers[i].taken ? NULL : &packers[i];
        if (!p)
            pthread_cond_wait(&packers_free, &packers_lock);
    }
    p->taken = true;
    if (!p->context && !(p->context = ZSTD_createCCtx()))
        abort(); /* like memory: nothing to be done */
    pthread_mutex_unlock(&packers_lock);
    return p;
}

static void give_packer(struct packer *p)
{
    pthread_mutex_lock(&packers_lock);
    p->taken = false;
    pthread_cond_signal(&packers_free);
    pthread_mutex_unlock(&packers_lock);
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static size_t bound(void)
{
    return ZSTD_compressBound((size_t)1 << 20);
}

struct vf_squeeze *vf_squeeze_new(void)
{
    struct vf_squeeze *q = vf_xcalloc(1, sizeof *q);
    vf_turns_init(&q->turns);
    vf_choice_init(&q->choice);
    q->ended_ns = now_ns(CLOCK_MONOTONIC);
    return q;
}

void vf_squeeze_free(struct vf_squeeze *q)
{
    if (!q)
        return;
    ZSTD_freeDCtx(q->unpack);
    free(q->buf);
    vf_turns_clear(&q->turns);
    free(q);
}

/* The length of N bytes packed; 0: not worth it. */
static size_t squeeze(struct vf_squeeze *q, int level, const void *buf, size_t n)
{
    if (!q->buf)
        q->buf = vf_xmalloc(bound());
    struct packer *p = take_packer();
    size_t len = ZSTD_compressCCtx(p->context, q->buf, bound(), buf, n, level);
    give_packer(p);
    return ZSTD_isError(len) || len > n - n / 16 ? 0 : len;
}

/* Packs a little of what is sent bare, to know what it would bring. */
static void sample(struct vf_squeeze *q, const char *buf, size_t n)
{
    size_t part = n < SAMPLE ? n : SAMPLE;
    /* of our own time: what others take meanwhile would weigh too much in so little */
    int64_t before = now_ns(CLOCK_THREAD_CPUTIME_ID);
    size_t len = squeeze(q, FAST, buf + (n - part) / 2, part);
    vf_choice_sampled(&q->choice, part, len ? len : part,
                      (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - before));
}

size_t vf_squeeze_begin(struct vf_squeeze *q, unsigned compress, const void *buf, size_t n,
                        const void **out)
{
    vf_turns_take(&q->turns);
    bool automatic = compress == VF_COMPRESS_AUTO;
    q->len = 0;
    q->n = automatic ? n : 0;
    if (automatic && vf_choice_wants_sample(&q->choice))
        sample(q, buf, n);
    q->began_ns = now_ns(CLOCK_MONOTONIC);
    if (automatic ? q->choice.packing : compress <= VF_COMPRESS_MAX)
        q->len = squeeze(q, automatic ? q->choice.thorough ? SLOW : FAST : (int)compress, buf, n);
    q->packed_ns = now_ns(CLOCK_MONOTONIC);
    *out = q->buf;
    return q->len;
}

void vf_squeeze_end(struct vf_squeeze *q, size_t wire)
{
    int64_t now = now_ns(CLOCK_MONOTONIC);
    if (q->n && wire)
        vf_choice_sent(&q->choice, q->n, wire, (double)(q->packed_ns - q->began_ns),
                       (double)(now - q->packed_ns), (double)(q->began_ns - q->ended_ns));
    q->ended_ns = now;
    vf_turns_end(&q->turns);
}

bool vf_squeeze_unpack(struct vf_squeeze *q, const void *packed, size_t len, void *buf, size_t n)
{
    if (!q->unpack && !(q->unpack = ZSTD_createDCtx()))
        abort(); /* like memory: nothing to be done */
    return ZSTD_decompressDCtx(q->unpack, buf, n, packed, len) == n;
}
