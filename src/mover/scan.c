/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of a source: turns the disk into hashed chunks, runs of zeroes and, in a delta, runs
 * of what the target has already. */
#include "config.h"
#include "mover/parts.h"
#include "mover/source.h"
#include "base/str.h"

/* Neighbouring runs become one frame, but not without end: the target tells more only when it is
 * answered. */
enum { MAX_JOINED = 64 };
#define MAX_RUN ((uint64_t)1 << 40)

struct scan {
    struct source *s;
    struct vf_extent extent;
    struct item run; /* of ZERO or SAME, not yet queued; len 0: none */
    unsigned joined;
};

/* Waits for room; false when the pass has failed. The item's buffer is taken over in any case. */
static bool enqueue(struct source *s, const struct item *it)
{
    struct vf_pass *p = &s->pass;
    pthread_mutex_lock(&p->lock);
    while (!p->error && s->n_queued == QUEUE_ITEMS)
        pthread_cond_wait(&p->changed, &p->lock);
    bool good = !p->error;
    if (good) {
        struct item *slot = &s->queue[(s->head + s->n_queued++) % QUEUE_ITEMS];
        *slot = *it;
        slot->number = s->numbers++;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    if (!good)
        vf_pass_give_buffer(&s->pass, it->buf);
    return good;
}

static bool flush_run(struct scan *c)
{
    struct item it = c->run;
    c->run.len = 0;
    c->joined = 0;
    return !it.len || enqueue(c->s, &it);
}

static bool add_run(struct scan *c, uint8_t type, uint64_t at, uint64_t n)
{
    bool joins =
        c->run.len && c->run.type == type && c->run.len + n <= MAX_RUN && c->joined < MAX_JOINED;
    if (!joins && !flush_run(c))
        return false;
    if (!c->run.len)
        c->run = (struct item){.type = type, .offset = at};
    c->run.len += n;
    c->joined++;
    if (type == VF_F_ZERO)
        c->s->pass.counters.zero += n;
    else
        c->s->pass.counters.same += n;
    return true;
}

/* Bytes of whole chunks (or the last, short one) from AT on that the disk says are zero. */
static int zero_run(struct scan *c, uint64_t at, uint64_t *run, struct vf_error **err)
{
    uint64_t size = c->s->pass.size, end = at;
    while (end < size && end - at < MAX_RUN) {
        if (end >= c->extent.end && vf_disk_extent(c->s->pass.disk, end, &c->extent, err) < 0)
            return -1;
        if (!c->extent.zero)
            break;
        end = c->extent.end;
    }
    if (end > at + MAX_RUN)
        end = at + MAX_RUN;
    *run = end >= size ? size - at : (end - at) / VF_DISK_CHUNK * VF_DISK_CHUNK;
    return 0;
}

/* 0; 1 when the pass has failed meanwhile. */
static int read_chunk(struct source *s, uint64_t at, struct item *out, struct vf_error **err)
{
    uint64_t left = s->pass.size - at;
    size_t n = left < VF_DISK_CHUNK ? (size_t)left : VF_DISK_CHUNK;
    void *buf = vf_pass_take_buffer(&s->pass);
    if (!buf)
        return 1;
    if (vf_disk_read(s->pass.disk, buf, n, at, err) < 0) {
        vf_pass_give_buffer(&s->pass, buf);
        return -1;
    }
    s->pass.counters.read += n;
    *out = (struct item){.type = VF_F_DATA, .offset = at, .len = n, .buf = buf, .bytes = n};
    if (vf_all_zero(buf, n)) {
        vf_pass_give_buffer(&s->pass, VF_STEAL(out->buf));
        out->type = VF_F_ZERO;
    } else {
        out->hash = vf_hash_chunk(buf, n);
    }
    return 0;
}

/* What the target has from AT on, at most MAX bytes. What was found is queued before we wait:
 * otherwise both sides could. False when the pass has failed. */
static bool wait_known(struct scan *c, uint64_t at, uint64_t max, struct vf_known_run *out)
{
    struct source *s = c->s;
    struct vf_pass *p = &s->pass;
    pthread_mutex_lock(&p->lock);
    vf_known_forget(s->known, at);
    bool found = vf_known_find(s->known, at, max, out);
    pthread_mutex_unlock(&p->lock);
    if (found)
        return true;
    if (!flush_run(c))
        return false;
    pthread_mutex_lock(&p->lock);
    while (!p->error && !(found = vf_known_find(s->known, at, max, out)))
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return found;
}

/* Queues a run of zeroes; in a delta, what the target has as zeroes is the same. */
static bool put_zeroes(struct scan *c, uint64_t at, uint64_t n)
{
    while (n) {
        uint8_t type = VF_F_ZERO;
        uint64_t now = n;
        if (c->s->known) {
            struct vf_known_run k;
            if (!wait_known(c, at, n, &k))
                return false;
            struct vf_hash zero =
                vf_hash_zeroes(k.len < VF_DISK_CHUNK ? (size_t)k.len : VF_DISK_CHUNK);
            now = k.len;
            if (vf_hash_equal(&k.hash, &zero))
                type = VF_F_SAME;
        }
        if (!add_run(c, type, at, now))
            return false;
        at += now;
        n -= now;
    }
    return true;
}

/* Of a chunk that differs from what the target HAS, what is to be sent: the parts that differ, or
 * all of it when those are most of it, because the target has to read a chunk to put parts into it.
 */
static void leave_parts(struct scan *c, const struct vf_known_run *has, struct item *it)
{
    struct source *s = c->s;
    /* they stay where they are: only this thread forgets */
    pthread_mutex_lock(&s->pass.lock);
    const unsigned char *sums = vf_known_sums(s->known, it->offset);
    pthread_mutex_unlock(&s->pass.lock);
    struct vf_hash zero = vf_hash_zeroes(it->bytes);
    if (!sums && !vf_hash_equal(&has->hash, &zero))
        return;
    size_t bytes = vf_parts_differing(it->buf, it->bytes, sums, it->map);
    if (!bytes || bytes > it->bytes - it->bytes / 8)
        return;
    vf_parts_gather(it->buf, it->bytes, it->map);
    it->type = VF_F_PARTS;
    it->bytes = bytes;
    s->pass.counters.same += it->len - bytes;
}

/* Queues a chunk, whose buffer is taken over. */
static bool put_chunk(struct scan *c, struct item *it)
{
    struct vf_known_run k;
    if (c->s->known) {
        if (!wait_known(c, it->offset, it->len, &k)) {
            vf_pass_give_buffer(&c->s->pass, it->buf);
            return false;
        }
        if (k.len == it->len && vf_hash_equal(&k.hash, &it->hash)) {
            vf_pass_give_buffer(&c->s->pass, it->buf);
            return add_run(c, VF_F_SAME, it->offset, it->len);
        }
        leave_parts(c, &k, it);
    }
    if (flush_run(c))
        return enqueue(c->s, it);
    vf_pass_give_buffer(&c->s->pass, it->buf);
    return false;
}

static int scan_all(struct scan *c, struct vf_error **err)
{
    struct source *s = c->s;
    for (uint64_t at = s->pass.from; at < s->pass.size;) {
        struct item it = {.type = VF_F_ZERO};
        if (zero_run(c, at, &it.len, err) < 0)
            return -1;
        int r = it.len ? 0 : read_chunk(s, at, &it, err);
        if (r)
            return r < 0 ? -1 : 0;
        if (it.type == VF_F_ZERO) {
            vf_hasher_add_zeroes(s->hasher, it.len);
            if (!put_zeroes(c, at, it.len))
                return 0;
        } else {
            vf_hasher_add(s->hasher, &it.hash);
            if (!put_chunk(c, &it))
                return 0;
        }
        at += it.len;
    }
    if (!flush_run(c))
        return 0;
    pthread_mutex_lock(&s->pass.lock);
    s->pass.hash = vf_hasher_end(s->hasher);
    s->all_read = true;
    pthread_cond_broadcast(&s->pass.changed);
    pthread_mutex_unlock(&s->pass.lock);
    return 0;
}

void *vf_scanner_main(void *source)
{
    struct scan c = {.s = source};
    struct vf_error *e = NULL;
    if (scan_all(&c, &e) < 0)
        vf_pass_abort(&c.s->pass, e, false);
    return NULL;
}
