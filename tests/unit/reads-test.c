/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads that are under way at once: all of a chunk, in order, and no error is lost. */
#include "config.h"
#include "base/clock.h"
#include "base/str.h"
#include "mover/reads.h"
#include "tests/unit/tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 12, SHORT = 5000, SIZE = CHUNKS * VF_DISK_CHUNK + SHORT };

/* A disk whose bytes tell where they are, and that can wait, or fail. */
struct odd {
    struct vf_disk disk;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned now, most;   /* reads under way */
    unsigned company;     /* a read waits until there are so many */
    uint64_t bad;         /* a read of this byte fails */
    atomic_uint backs, n; /* reads of each kind */
    bool slow;            /* the first part of a chunk comes last */
};

static uint64_t word_at(uint64_t offset)
{
    return offset * 0x9e3779b97f4a7c15ULL;
}

static struct odd *self(struct vf_disk *d)
{
    return (struct odd *)d;
}

static void wait_for_company(struct odd *o)
{
    int64_t end = vf_clock_ms() + 20000;
    pthread_mutex_lock(&o->lock);
    o->now++;
    if (o->now > o->most)
        o->most = o->now;
    pthread_cond_broadcast(&o->changed);
    while (o->most < o->company && vf_clock_ms() < end) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec++;
        pthread_cond_timedwait(&o->changed, &o->lock, &t);
    }
    pthread_mutex_unlock(&o->lock);
}

static int odd_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    struct odd *o = self(d);
    o->n++;
    wait_for_company(o);
    if (o->slow && offset % VF_DISK_CHUNK == 0)
        vf_cancel_sleep(NULL, 20, NULL);
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t w = word_at(offset + i);
        memcpy((char *)buf + i, &w, sizeof w);
    }
    pthread_mutex_lock(&o->lock);
    o->now--;
    pthread_mutex_unlock(&o->lock);
    if (o->bad >= offset && o->bad < offset + n)
        return vf_fail(err, VF_E_IO, "a bad sector");
    return 0;
}

static int odd_read_back(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                         struct vf_error **err)
{
    self(d)->backs++;
    return odd_read(d, buf, n, offset, err);
}

static const struct vf_disk_ops odd_ops = {
    .name = "odd", .read = odd_read, .read_back = odd_read_back};

static void open_odd(struct odd *o, unsigned at_once)
{
    *o = (struct odd){.disk = {.ops = &odd_ops, .size = SIZE, .at_once = at_once},
                      .bad = UINT64_MAX};
    o->disk.name = (char *)"odd";
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
}

static void close_odd(struct odd *o)
{
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->changed);
}

static bool is_right(const char *buf, size_t n, uint64_t offset)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t w = word_at(offset + i);
        if (memcmp(buf + i, &w, sizeof w) != 0)
            return false;
    }
    return true;
}

/* Asks for as much as there is room for. */
static void ask(struct vf_reads *r, uint64_t *at)
{
    for (; *at < SIZE && !vf_reads_full(r); *at += VF_DISK_CHUNK)
        vf_reads_begin(r, *at, SIZE - *at < VF_DISK_CHUNK ? SIZE - *at : VF_DISK_CHUNK);
}

/* Reads all of the disk: how many chunks came right, and how many failed. */
static void read_all(struct odd *o, bool back, unsigned *right, unsigned *failed,
                     uint64_t *failed_at)
{
    vf_auto(vf_reads_free) struct vf_reads *r = vf_reads_new(&o->disk, back);
    *right = *failed = 0;
    for (uint64_t asked = 0, at = 0; at < SIZE; at += VF_DISK_CHUNK) {
        uint64_t offset;
        size_t n;
        void *buf;
        vf_autoerror struct vf_error *e = NULL;
        ask(r, &asked);
        bool next = vf_reads_next_in(r, at, VF_DISK_CHUNK) && !vf_reads_next_in(r, at + 1, SIZE);
        int result = vf_reads_take(r, &offset, &n, &buf, &e);
        bool whole = n == (SIZE - at < VF_DISK_CHUNK ? SIZE - at : VF_DISK_CHUNK);
        if (result == 0)
            *right += next && offset == at && whole && is_right(buf, n, at);
        else if (vf_error_code(e) == VF_E_IO && vf_starts(vf_error_text(e), "reading")) {
            ++*failed;
            *failed_at = offset;
        }
        vf_reads_done(r);
    }
}

static void test_order(unsigned at_once, bool back)
{
    struct odd o;
    unsigned right, failed;
    uint64_t at;
    open_odd(&o, at_once);
    o.slow = true;
    read_all(&o, back, &right, &failed, &at);
    ok(right == CHUNKS + 1 && !failed, "%u at once: all chunks, whole and in order (%u, %u)",
       at_once, right, failed);
    ok(o.backs == (back ? o.n : 0), "all of them read %s", back ? "back" : "as they are");
    ok(at_once > 1 || (o.n == CHUNKS + 1 && o.most == 1),
       "one at a time, they are not cut into parts");
    close_odd(&o);
}

static void test_at_once(void)
{
    struct odd o;
    unsigned right, failed;
    uint64_t at;
    open_odd(&o, 4);
    o.company = 4;
    read_all(&o, true, &right, &failed, &at);
    ok(o.most == 4 && right == CHUNKS + 1, "as many under way as the disk gains from: %u", o.most);
    close_odd(&o);
}

/* The first, a middle and the last byte of a chunk, and the last one of the disk. */
static void test_errors(void)
{
    const uint64_t bad[] = {5 * VF_DISK_CHUNK, 5 * VF_DISK_CHUNK + 600000, 6 * VF_DISK_CHUNK - 1,
                            SIZE - 1};
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        struct odd o;
        unsigned right, failed;
        uint64_t at = 0;
        open_odd(&o, 8);
        o.bad = bad[i];
        read_all(&o, true, &right, &failed, &at);
        ok(failed == 1 && right == CHUNKS && at == bad[i] / VF_DISK_CHUNK * VF_DISK_CHUNK,
           "byte %llu is bad: that chunk fails, and no other", (unsigned long long)bad[i]);
        close_odd(&o);
    }
}

static void test_left(void)
{
    struct odd o;
    open_odd(&o, 2);
    o.bad = 0;
    struct vf_reads *r = vf_reads_new(&o.disk, true);
    uint64_t at = 0;
    ask(r, &at);
    ok(at == (uint64_t)VF_READS_CHUNKS * VF_DISK_CHUNK, "no more than it has room for");
    vf_reads_free(r); /* what has begun writes into what is freed */
    ok(o.now == 0, "nothing is under way once it was left");
    vf_reads_free(vf_reads_new(&o.disk, false));
    close_odd(&o);
}

int main(void)
{
    test_order(0, true);
    test_order(1, false);
    test_order(2, true);
    test_order(8, true);
    test_at_once();
    test_errors();
    test_left();
    return done_testing();
}
