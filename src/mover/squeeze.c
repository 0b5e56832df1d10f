/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/squeeze.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/turns.h"

#include <time.h>
#include <zstd.h>

enum {
    SAMPLE = 65536,    /* bytes tried while nothing is packed */
    SAMPLE_EVERY = 8,  /* chunks */
    WINDOW = 16,       /* chunks between two decisions */
    SETTLE = 12,       /* chunks that only fill buffers on the way, after a change */
    LOOK_AGAIN = 1024, /* chunks packed before the bare link is measured once more */
    FAST = 1,
    SLOW = 3, /* level for links that are the bottleneck even so */
};

/* What was measured, decaying. */
struct sum {
    double in, out, ns;
};

struct vf_squeeze {
    struct vf_turns turns; /* of the disks that use it */
    ZSTD_DCtx *unpack;
    void *buf;
    bool packing; /* what "auto" does now */
    int level;
    unsigned since; /* chunks since that changed */
    struct sum bare, packed, sending;
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

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
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
    q->level = FAST;
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

static void add(struct sum *s, double in, double out, double ns)
{
    /* half of it is from the last 16 or so */
    s->in = s->in * 0.96 + in;
    s->out = s->out * 0.96 + out;
    s->ns = s->ns * 0.96 + ns;
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
    int64_t before = now_ns();
    size_t len = squeeze(q, FAST, buf + (n - part) / 2, part);
    add(&q->packed, (double)part, (double)(len ? len : part), (double)(now_ns() - before));
}

size_t vf_squeeze_begin(struct vf_squeeze *q, unsigned compress, const void *buf, size_t n,
                        const void **out)
{
    vf_turns_take(&q->turns);
    bool automatic = compress == VF_COMPRESS_AUTO;
    q->len = 0;
    q->n = automatic ? n : 0;
    q->began_ns = now_ns();
    if (automatic && !q->packing && q->since % SAMPLE_EVERY == 0)
        sample(q, buf, n);
    else if (automatic ? q->packing : compress <= VF_COMPRESS_MAX)
        q->len = squeeze(q, automatic ? q->level : (int)compress, buf, n);
    q->packed_ns = now_ns();
    *out = q->buf;
    return q->len;
}

static void change(struct vf_squeeze *q, bool packing)
{
    q->packing = packing;
    q->level = FAST;
    q->since = 0;
    q->bare = q->sending = (struct sum){0};
}

/* Nanoseconds a byte of the disk takes: bare, and packed. Packing and sending overlap, because
 * there are buffers on the way; the slower one counts. */
static void decide_bare(struct vf_squeeze *q)
{
    if (!q->bare.in || !q->packed.in)
        return;
    double bare = q->bare.ns / q->bare.in;
    double pack = q->packed.ns / q->packed.in, left = q->packed.out / q->packed.in * bare;
    if ((pack > left ? pack : left) * 1.1 < bare)
        change(q, true);
}

static void decide_packed(struct vf_squeeze *q)
{
    double total = q->packed.ns + q->sending.ns;
    double ratio = q->packed.out / q->packed.in, share = q->sending.ns / total;
    if (ratio > 0.92 || (share < 0.2 && q->since >= LOOK_AGAIN))
        change(q, false); /* nothing to gain; or the link may have become faster than we */
    else
        q->level = share > 0.7 ? SLOW : share < 0.4 ? FAST : q->level;
}

void vf_squeeze_end(struct vf_squeeze *q, size_t wire)
{
    if (q->n && wire) {
        double in = (double)q->n, send = (double)(now_ns() - q->packed_ns);
        q->since++;
        if (q->packing) {
            double out = (double)(q->len ? q->len : q->n);
            add(&q->packed, in, out, (double)(q->packed_ns - q->began_ns));
            add(&q->sending, in, out, send);
        } else if (q->since > SETTLE) {
            add(&q->bare, in, in, send);
        }
        if (q->since > SETTLE && q->since % WINDOW == 0) {
            if (q->packing)
                decide_packed(q);
            else
                decide_bare(q);
        }
    }
    vf_turns_end(&q->turns);
}

bool vf_squeeze_unpack(struct vf_squeeze *q, const void *packed, size_t len, void *buf, size_t n)
{
    if (!q->unpack && !(q->unpack = ZSTD_createDCtx()))
        abort(); /* like memory: nothing to be done */
    return ZSTD_decompressDCtx(q->unpack, buf, n, packed, len) == n;
}
