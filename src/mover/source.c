/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source's side of a pass: the reader (scan.c) turns the disk into items; one sender for each
 * stream takes them in order, puts them on its stream, answers RESEND and waits for DONE. */
#include "config.h"
#include "mover/source.h"
#include "mover/squeeze.h"
#include "base/str.h"

static struct source *self(struct vf_pass *p)
{
    return (struct source *)p;
}

static void fail(struct source *s, struct vf_error *e)
{
    vf_pass_abort(&s->pass, e, false);
}

/* ---- sending ---- */

static int send_data(struct sender *w, const struct item *it, uint8_t flags, struct vf_error **err)
{
    struct source *s = w->source;
    unsigned compress = w->link->takes_zstd && !flags ? s->compress : VF_COMPRESS_OFF;
    char head[VF_WIRE_PARTS_HEAD];
    size_t head_len =
        vf_data_head(head, it->offset, it->hash.b, it->type == VF_F_PARTS ? it->map : NULL);
    const void *body;
    size_t n = vf_squeeze_begin(w->link->squeeze, compress, it->buf, it->bytes, &body);
    if (n) {
        flags |= VF_FF_ZSTD;
    } else {
        body = it->buf;
        n = it->bytes;
    }
    int r =
        vf_link_send(w->link, it->type, flags, s->pass.id, head, head_len, body, n, s->cancel, err);
    vf_squeeze_end(w->link->squeeze, r < 0 ? 0 : n);
    if (r == 0) {
        s->pass.counters.sent += it->bytes;
        s->pass.counters.wire += VF_WIRE_HEADER + head_len + n;
    }
    return r;
}

static int send_fields(struct sender *w, uint8_t type, struct vf_buf *b, struct vf_error **err)
{
    return vf_link_send(w->link, type, 0, w->source->pass.id, b->data, b->len, NULL, 0,
                        w->source->cancel, err);
}

static int send_item(struct sender *w, const struct item *it, struct vf_error **err)
{
    if (it->buf)
        return send_data(w, it, 0, err);
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_OFFSET, it->offset);
    vf_field_u64(&b, VF_TAG_LENGTH, it->len);
    return send_fields(w, it->type, &b, err);
}

static int send_begin(struct sender *w, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_SIZE, w->source->pass.size);
    vf_field_u64(&b, VF_TAG_STREAMS, w->source->n_senders);
    return send_fields(w, VF_F_BEGIN, &b, err);
}

static int send_end(struct sender *w, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_add(&b, VF_TAG_HASH, w->source->pass.hash.b, VF_HASH_LEN);
    return send_fields(w, VF_F_END, &b, err);
}

static int send_again(struct sender *w, uint64_t offset, struct vf_error **err)
{
    struct source *s = w->source;
    struct item it = {.type = VF_F_DATA, .offset = offset};
    uint64_t left = s->pass.size - offset;
    it.len = it.bytes = left < VF_DISK_CHUNK ? (size_t)left : VF_DISK_CHUNK;
    vf_autofree void *buf = vf_disk_buffer();
    it.buf = buf;
    int r = vf_disk_read(s->pass.disk, it.buf, it.len, offset, err);
    if (r == 0) {
        it.hash = vf_hash_chunk(it.buf, it.len);
        r = send_data(w, &it, VF_FF_AGAIN, err);
    }
    pthread_mutex_lock(&s->pass.lock);
    s->resending = false;
    pthread_cond_broadcast(&s->pass.changed);
    pthread_mutex_unlock(&s->pass.lock);
    return r;
}

enum work { WORK_NONE, WORK_ITEM, WORK_AGAIN, WORK_END, WORK_DONE, WORK_FAILED };

/* Under the lock: nobody else has an item in hand that is too far in front of the next one. */
static bool near(const struct source *s)
{
    uint64_t next = s->queue[s->head].number;
    for (size_t i = 0; i < s->n_senders; i++)
        if (s->senders[i].number < next && next - s->senders[i].number > SPREAD)
            return false;
    return true;
}

/* Under the lock. */
static enum work choose(struct sender *w, struct item *it, uint64_t *again)
{
    struct source *s = w->source;
    if (s->pass.error)
        return WORK_FAILED;
    if (s->n_resend && !s->resending) {
        s->resending = true;
        *again = s->resend[--s->n_resend];
        return WORK_AGAIN;
    }
    if (s->n_queued) {
        if (!near(s))
            return WORK_NONE;
        *it = s->queue[s->head];
        w->number = it->number;
        s->head = (s->head + 1) % QUEUE_ITEMS;
        s->n_queued--;
        pthread_cond_broadcast(&s->pass.changed);
        return WORK_ITEM;
    }
    if (s->all_read && !w->ended) {
        w->ended = true;
        return WORK_END;
    }
    return s->done ? WORK_DONE : WORK_NONE;
}

static enum work next_work(struct sender *w, struct item *it, uint64_t *again)
{
    struct vf_pass *p = &w->source->pass;
    enum work what;
    pthread_mutex_lock(&p->lock);
    if (w->number != UINT64_MAX) {
        w->number = UINT64_MAX;
        pthread_cond_broadcast(&p->changed); /* others may have waited for it */
    }
    while ((what = choose(w, it, again)) == WORK_NONE)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return what;
}

static int send_all(struct sender *w, struct vf_error **err)
{
    struct item it = {0};
    uint64_t again = 0;
    if (send_begin(w, err) < 0)
        return -1;
    for (;;) {
        int r = 0;
        switch (next_work(w, &it, &again)) {
        case WORK_ITEM:
            vf_limit_hold(w->link->limit, w->source->cancel);
            r = send_item(w, &it, err);
            vf_pass_give_buffer(&w->source->pass, VF_STEAL(it.buf));
            break;
        case WORK_AGAIN:
            r = send_again(w, again, err);
            break;
        case WORK_END:
            r = send_end(w, err);
            break;
        case WORK_DONE:
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
    struct sender *w = arg;
    struct source *s = w->source;
    struct vf_error *e = NULL;
    s->pass.counters.stage = VF_PASS_COPY;
    if (send_all(w, &e) < 0)
        vf_pass_fail(&s->pass, e, w->link);
    if (w != &s->senders[0])
        return NULL;
    for (size_t i = 1; i < s->n_senders; i++)
        pthread_join(s->senders[i].thread, NULL);
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

static void on_hashes(struct source *s, const struct vf_frame *f)
{
    struct vf_run r;
    size_t at = 0;
    bool good = s->known != NULL;
    pthread_mutex_lock(&s->pass.lock);
    while (good && vf_hashes_next(f, &at, &r)) {
        struct vf_known_run k = {.offset = r.offset, .len = r.len};
        memcpy(k.hash.b, r.hash, sizeof k.hash.b);
        good = vf_known_add(s->known, &k, r.sums, s->pass.size);
    }
    pthread_cond_broadcast(&s->pass.changed);
    pthread_mutex_unlock(&s->pass.lock);
    struct vf_error *e = NULL;
    if (!good && vf_fail(&e, VF_E_CORRUPT, "the target tells hashes that were not asked for") < 0)
        fail(s, e);
}

static void on_done(struct source *s, const struct vf_frame *f)
{
    const char *p;
    size_t n;
    struct vf_error *e = NULL;
    pthread_mutex_lock(&s->pass.lock);
    bool ended = true;
    for (size_t i = 0; i < s->n_senders; i++)
        ended = ended && s->senders[i].ended;
    bool same = vf_field_find(f, VF_TAG_HASH, &p, &n) && n == VF_HASH_LEN &&
                memcmp(p, s->pass.hash.b, n) == 0;
    if (!ended)
        vf_fail(&e, VF_E_CORRUPT, "the target says it is done before the end");
    else if (!same)
        vf_fail(&e, VF_E_CORRUPT, "the target's hash of the disk is another");
    else
        s->done = true;
    pthread_cond_broadcast(&s->pass.changed);
    pthread_mutex_unlock(&s->pass.lock);
    if (e)
        fail(s, e);
}

static void on_committed(struct source *s, const struct vf_frame *f)
{
    s->pass.counters.done = vf_field_num(f, VF_TAG_OFFSET, 0);
}

static void on_error(struct source *s, const struct vf_frame *f)
{
    struct vf_error *e = NULL;
    vf_frame_error(f, "target", &e);
    vf_pass_abort(&s->pass, e, true);
}

static void source_frame(struct vf_pass *p, struct vf_link *link, const struct vf_frame *f)
{
    static void (*const runs[VF_F_TYPES])(struct source *, const struct vf_frame *) = {
        [VF_F_RESEND] = on_resend,       [VF_F_HASHES] = on_hashes, [VF_F_DONE] = on_done,
        [VF_F_COMMITTED] = on_committed, [VF_F_ERROR] = on_error,
    };
    if (f->type < VF_F_TYPES && runs[f->type])
        runs[f->type](self(p), f);
}

static void source_wake(struct vf_pass *p)
{
    vf_cancel_fire(self(p)->cancel, "the copy has ended");
    vf_disk_interrupt(p->disk, true);
}

static void source_free(struct vf_pass *p)
{
    struct source *s = self(p);
    pthread_join(s->senders[0].thread, NULL);
    for (size_t i = 0; i < s->n_queued; i++)
        vf_pass_give_buffer(p, s->queue[(s->head + i) % QUEUE_ITEMS].buf);
    vf_known_free(s->known);
    vf_hasher_free(s->hasher);
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
    s->known = o->delta ? vf_known_new(true) : NULL;
    if (s->known)
        s->known->end = o->from;
    s->hasher = o->hasher ? o->hasher : vf_hasher_new();
    s->pass.from = o->from;
    s->pass.counters.done = o->from;
    s->compress = o->compress;
    s->cancel = vf_cancel_new(NULL);
    vf_disk_interrupt(o->disk, false);
    s->n_senders = o->n_links;
    for (size_t i = 0; i < o->n_links; i++) {
        vf_pass_add_link(&s->pass, o->links[i]);
        s->senders[i] = (struct sender){.source = s, .link = o->links[i], .number = UINT64_MAX};
    }
    /* the first sender waits for the others: it comes last */
    bool good = pthread_create(&s->reader, NULL, vf_scanner_main, s) == 0;
    for (size_t i = o->n_links; i-- > 0 && good;)
        good = pthread_create(&s->senders[i].thread, NULL, sender_main, &s->senders[i]) == 0;
    if (!good)
        abort(); /* like memory: nothing to be done */
    return &s->pass;
}
