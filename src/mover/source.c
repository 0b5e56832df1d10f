/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source's side of a pass: a reader thread that turns the disk into hashed chunks and runs of
 * zeroes, and a sender thread that puts them on the stream, answers RESEND and waits for DONE. */
#include "config.h"
#include "mover/pass.h"
#include "base/clock.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

enum {
    QUEUE_CHUNKS = 16, /* read ahead of the stream, 1 MiB each */
    MAX_RESENDS = 64,  /* outstanding; more is a broken target */
};
#define MAX_ZERO_RUN ((uint64_t)1 << 30) /* bytes in one ZERO frame */

struct item {
    uint8_t type; /* VF_F_DATA, VF_F_ZERO, VF_F_END */
    uint64_t offset, len;
    struct vf_hash hash;
    void *buf;
};

struct source {
    struct vf_pass pass;
    uint64_t rate;
    struct vf_cancel *cancel; /* ends a blocked send */
    pthread_t reader, sender;
    struct item queue[QUEUE_CHUNKS];
    size_t head, n_queued;
    void *spare[QUEUE_CHUNKS + 1];
    size_t n_spare;
    uint64_t resend[MAX_RESENDS];
    size_t n_resend;
    bool done; /* DONE has come */
    struct vf_hash target_hash;
    int64_t budget_us; /* rate: when the next byte may go */
};

static struct source *self(struct vf_pass *p)
{
    return (struct source *)p;
}

static void fail(struct source *s, struct vf_error *e)
{
    vf_pass_abort(&s->pass, e, false);
}

/* ---- reading ---- */

static void *take_buffer(struct source *s)
{
    pthread_mutex_lock(&s->pass.lock);
    void *b = s->n_spare ? s->spare[--s->n_spare] : NULL;
    pthread_mutex_unlock(&s->pass.lock);
    return b ? b : vf_disk_buffer();
}

static void give_buffer(struct source *s, void *buf)
{
    pthread_mutex_lock(&s->pass.lock);
    if (buf && s->n_spare < VF_COUNT(s->spare)) {
        s->spare[s->n_spare++] = buf;
        buf = NULL;
    }
    pthread_mutex_unlock(&s->pass.lock);
    free(buf);
}

/* Waits for room; false when the pass has failed. The item's buffer is taken over in any case. */
static bool enqueue(struct source *s, const struct item *it)
{
    struct vf_pass *p = &s->pass;
    pthread_mutex_lock(&p->lock);
    while (!p->error && s->n_queued == QUEUE_CHUNKS)
        pthread_cond_wait(&p->changed, &p->lock);
    bool good = !p->error;
    if (good) {
        s->queue[(s->head + s->n_queued++) % QUEUE_CHUNKS] = *it;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    if (!good)
        free(it->buf);
    return good;
}

/* Bytes of whole chunks (or the last, short one) from AT on that the disk says are zero. */
static int zero_run(struct source *s, uint64_t at, struct vf_extent *e, uint64_t *run,
                    struct vf_error **err)
{
    uint64_t size = s->pass.size, end = at;
    while (end < size && end - at < MAX_ZERO_RUN) {
        if (end >= e->end && vf_disk_extent(s->pass.disk, end, e, err) < 0)
            return -1;
        if (!e->zero)
            break;
        end = e->end;
    }
    if (end > at + MAX_ZERO_RUN)
        end = at + MAX_ZERO_RUN;
    *run = end >= size ? size - at : (end - at) / VF_DISK_CHUNK * VF_DISK_CHUNK;
    return 0;
}

static int read_chunk(struct source *s, uint64_t at, struct item *out, struct vf_error **err)
{
    uint64_t left = s->pass.size - at;
    size_t n = left < VF_DISK_CHUNK ? (size_t)left : VF_DISK_CHUNK;
    void *buf = take_buffer(s);
    if (vf_disk_read(s->pass.disk, buf, n, at, err) < 0) {
        free(buf);
        return -1;
    }
    s->pass.counters.read += n;
    *out = (struct item){.type = VF_F_DATA, .offset = at, .len = n, .buf = buf};
    if (vf_all_zero(buf, n)) {
        give_buffer(s, VF_STEAL(out->buf));
        out->type = VF_F_ZERO;
    } else {
        out->hash = vf_hash_chunk(buf, n);
    }
    return 0;
}

/* Neighbouring runs of zeroes become one frame. */
static bool flush_zeroes(struct source *s, struct item *zeroes)
{
    if (!zeroes->len)
        return true;
    struct item it = *zeroes;
    zeroes->len = 0;
    s->pass.counters.zero += it.len;
    return enqueue(s, &it);
}

static bool add_zeroes(struct source *s, struct item *zeroes, uint64_t at, uint64_t n)
{
    if (zeroes->len + n > MAX_ZERO_RUN && !flush_zeroes(s, zeroes))
        return false;
    if (!zeroes->len)
        *zeroes = (struct item){.type = VF_F_ZERO, .offset = at};
    zeroes->len += n;
    return true;
}

static int read_all(struct source *s, struct vf_error **err)
{
    vf_auto(vf_hasher_free) struct vf_hasher *hasher = vf_hasher_new();
    struct vf_extent extent = {0};
    struct item zeroes = {0}, it;
    for (uint64_t at = 0; at < s->pass.size;) {
        uint64_t run;
        if (zero_run(s, at, &extent, &run, err) < 0)
            return -1;
        if (run) {
            it = (struct item){.type = VF_F_ZERO, .offset = at, .len = run};
        } else if (read_chunk(s, at, &it, err) < 0) {
            return -1;
        }
        at += it.len;
        if (it.type == VF_F_ZERO) {
            vf_hasher_add_zeroes(hasher, it.len);
            if (!add_zeroes(s, &zeroes, it.offset, it.len))
                return 0;
            continue;
        }
        vf_hasher_add(hasher, &it.hash);
        if (!flush_zeroes(s, &zeroes)) {
            free(it.buf);
            return 0;
        }
        if (!enqueue(s, &it))
            return 0;
    }
    struct item end = {.type = VF_F_END, .hash = vf_hasher_end(hasher)};
    if (flush_zeroes(s, &zeroes))
        enqueue(s, &end);
    return 0;
}

static void *reader_main(void *arg)
{
    struct source *s = arg;
    struct vf_error *e = NULL;
    if (read_all(s, &e) < 0)
        fail(s, e);
    return NULL;
}

/* ---- sending ---- */

/* Waits until the token bucket allows N more bytes; false when the pass failed meanwhile. */
static bool wait_for_tokens(struct source *s, size_t n)
{
    struct vf_pass *p = &s->pass;
    if (!s->rate)
        return true;
    int64_t now = vf_clock_ms();
    if (s->budget_us < (now - 100) * 1000) /* unused time is lost, but for a tenth of a second */
        s->budget_us = (now - 100) * 1000;
    int64_t wait = s->budget_us / 1000 - now;
    s->budget_us += (int64_t)((uint64_t)n * 1000000 / s->rate);
    if (wait <= 0)
        return true;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait % 1000 * 1000000;
    until.tv_sec += (time_t)(wait / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&p->lock);
    while (!p->error && pthread_cond_timedwait(&p->changed, &p->lock, &until) == 0)
        ;
    bool good = !p->error;
    pthread_mutex_unlock(&p->lock);
    return good;
}

static int send_data(struct source *s, const struct item *it, uint8_t flags, struct vf_error **err)
{
    char head[VF_WIRE_DATA_HEAD];
    vf_put_u64(head, it->offset);
    memcpy(head + 8, it->hash.b, VF_HASH_LEN);
    if (!wait_for_tokens(s, it->len))
        return 0;
    if (vf_link_send(s->pass.link, VF_F_DATA, flags, s->pass.id, head, sizeof head, it->buf,
                     it->len, s->cancel, err) < 0)
        return -1;
    s->pass.counters.sent += it->len;
    return 0;
}

static int send_item(struct source *s, const struct item *it, struct vf_error **err)
{
    if (it->type == VF_F_DATA)
        return send_data(s, it, 0, err);
    vf_autobuf struct vf_buf b = {0};
    if (it->type == VF_F_ZERO) {
        vf_field_u64(&b, VF_TAG_OFFSET, it->offset);
        vf_field_u64(&b, VF_TAG_LENGTH, it->len);
    } else {
        pthread_mutex_lock(&s->pass.lock);
        s->pass.hash = it->hash;
        pthread_mutex_unlock(&s->pass.lock);
        vf_field_add(&b, VF_TAG_HASH, it->hash.b, VF_HASH_LEN);
    }
    return vf_link_send(s->pass.link, it->type, 0, s->pass.id, b.data, b.len, NULL, 0, s->cancel,
                        err);
}

static int send_again(struct source *s, uint64_t offset, struct vf_error **err)
{
    struct item it = {0};
    uint64_t left = s->pass.size - offset;
    it.offset = offset;
    it.len = left < VF_DISK_CHUNK ? left : VF_DISK_CHUNK;
    it.buf = take_buffer(s);
    int r = vf_disk_read(s->pass.disk, it.buf, it.len, offset, err);
    if (r == 0) {
        it.hash = vf_hash_chunk(it.buf, it.len);
        r = send_data(s, &it, VF_FF_AGAIN, err);
    }
    give_buffer(s, it.buf);
    return r;
}

enum work { WORK_NONE, WORK_ITEM, WORK_AGAIN, WORK_DONE, WORK_FAILED };

static enum work next_work(struct source *s, struct item *it, uint64_t *again)
{
    struct vf_pass *p = &s->pass;
    enum work w = WORK_NONE;
    pthread_mutex_lock(&p->lock);
    while (w == WORK_NONE) {
        if (p->error) {
            w = WORK_FAILED;
        } else if (s->n_resend) {
            *again = s->resend[--s->n_resend];
            w = WORK_AGAIN;
        } else if (s->n_queued) {
            *it = s->queue[s->head];
            s->head = (s->head + 1) % QUEUE_CHUNKS;
            s->n_queued--;
            pthread_cond_broadcast(&p->changed);
            w = WORK_ITEM;
        } else if (s->done) {
            w = WORK_DONE;
        } else {
            pthread_cond_wait(&p->changed, &p->lock);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return w;
}

static int send_begin(struct source *s, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_SIZE, s->pass.size);
    return vf_link_send(s->pass.link, VF_F_BEGIN, 0, s->pass.id, b.data, b.len, NULL, 0, s->cancel,
                        err);
}

static int send_all(struct source *s, struct vf_error **err)
{
    struct item it = {0};
    uint64_t again = 0;
    bool ended = false;
    if (send_begin(s, err) < 0)
        return -1;
    for (;;) {
        int r = 0;
        switch (next_work(s, &it, &again)) {
        case WORK_ITEM:
            r = send_item(s, &it, err);
            ended = ended || it.type == VF_F_END;
            give_buffer(s, VF_STEAL(it.buf));
            break;
        case WORK_AGAIN:
            r = send_again(s, again, err);
            break;
        case WORK_DONE:
            if (!ended)
                return vf_fail(err, VF_E_CORRUPT, "the target says it is done before the end");
            if (memcmp(&s->target_hash, &s->pass.hash, sizeof s->pass.hash) != 0)
                return vf_fail(err, VF_E_CORRUPT, "the target's hash of the disk is another");
            return 0;
        case WORK_FAILED:
        case WORK_NONE:
            return 0;
        }
        if (r < 0)
            return -1;
    }
}

static void *sender_main(void *arg)
{
    struct source *s = arg;
    struct vf_error *e = NULL;
    s->pass.counters.stage = VF_PASS_COPY;
    if (send_all(s, &e) < 0)
        fail(s, e);
    pthread_join(s->reader, NULL);
    s->pass.counters.stage = VF_PASS_FINISH;
    vf_pass_finish(&s->pass);
    return NULL;
}

/* ---- what comes back ---- */

static void on_resend(struct source *s, const struct vf_frame *f)
{
    uint64_t offset = vf_field_num(f, VF_TAG_OFFSET, UINT64_MAX);
    struct vf_error *e = NULL;
    pthread_mutex_lock(&s->pass.lock);
    if (offset >= s->pass.size || offset % VF_DISK_CHUNK || s->n_resend == MAX_RESENDS)
        vf_fail(&e, VF_E_CORRUPT, "the target asks again for what was never sent");
    else
        s->resend[s->n_resend++] = offset;
    pthread_cond_broadcast(&s->pass.changed);
    pthread_mutex_unlock(&s->pass.lock);
    if (e)
        fail(s, e);
}

static void on_done(struct source *s, const struct vf_frame *f)
{
    const char *p;
    size_t n;
    pthread_mutex_lock(&s->pass.lock);
    if (vf_field_find(f, VF_TAG_HASH, &p, &n) && n == VF_HASH_LEN)
        memcpy(s->target_hash.b, p, n);
    s->done = true;
    pthread_cond_broadcast(&s->pass.changed);
    pthread_mutex_unlock(&s->pass.lock);
}

static void source_frame(struct vf_pass *p, struct vf_link *link, const struct vf_frame *f)
{
    struct source *s = self(p);
    if (f->type == VF_F_RESEND) {
        on_resend(s, f);
    } else if (f->type == VF_F_DONE) {
        on_done(s, f);
    } else if (f->type == VF_F_COMMITTED) {
        p->counters.done = vf_field_num(f, VF_TAG_OFFSET, 0);
    } else if (f->type == VF_F_ERROR) {
        struct vf_error *e = NULL;
        vf_frame_error(f, "target", &e);
        vf_pass_abort(p, e, true);
    }
}

static void source_wake(struct vf_pass *p)
{
    vf_cancel_fire(self(p)->cancel, "the copy has ended");
}

static void source_free(struct vf_pass *p)
{
    struct source *s = self(p);
    pthread_join(s->sender, NULL);
    for (size_t i = 0; i < s->n_queued; i++)
        free(s->queue[(s->head + i) % QUEUE_CHUNKS].buf);
    for (size_t i = 0; i < s->n_spare; i++)
        free(s->spare[i]);
    vf_cancel_free(s->cancel);
    vf_pass_clear(p);
    free(s);
}

static const struct vf_pass_ops source_ops = {
    .role = "source",
    .frame = source_frame,
    .wake = source_wake,
    .free = source_free,
};

struct vf_pass *vf_source_start(const struct vf_source_opts *o)
{
    struct source *s = vf_xcalloc(1, sizeof *s);
    vf_pass_init(&s->pass, &source_ops, o->id, o->disk, o->disk->size, o->wake_fd);
    s->pass.link = o->link;
    s->rate = o->rate;
    s->cancel = vf_cancel_new(NULL);
    if (pthread_create(&s->reader, NULL, reader_main, s) != 0 ||
        pthread_create(&s->sender, NULL, sender_main, s) != 0)
        abort(); /* like memory: nothing to be done */
    return &s->pass;
}
