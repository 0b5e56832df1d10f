/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The target's side of a pass: frames come in on the stream's thread and queue up; a writer thread
 * writes them and collects what it wrote into a group; the committer thread (commit.c) flushes a
 * group while the next one is written. */
#include "config.h"
#include "mover/parts.h"
#include "mover/squeeze.h"
#include "mover/target.h"
#include "base/clock.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

enum {
    GROUP_MS = 2000, /* a group is committed at the latest after */
    GROUP_RECORDS = 1 << 14,
    GROUP_MOST = 4 * GROUP_RECORDS, /* see GROUP_LIMIT */
};
#define GROUP_BYTES ((uint64_t)64 << 20)  /* and when it holds */
#define GROUP_LIMIT ((uint64_t)128 << 20) /* the writer waits for the committer beyond */

struct target *vf_target_of(struct vf_pass *p)
{
    return (struct target *)p;
}

void vf_group_clear(struct group *g)
{
    free(g->records);
    *g = (struct group){0};
}

/* ---- receiving: on the stream's thread ---- */

static struct piece *new_piece(enum piece_kind kind, uint64_t offset, uint64_t len)
{
    struct piece *c = vf_xcalloc(1, sizeof *c);
    c->kind = kind;
    c->offset = offset;
    c->len = len;
    return c;
}

void vf_piece_free(struct target *t, struct piece *c)
{
    if (!c)
        return;
    vf_pass_give_buffer(&t->pass, c->buf);
    free(c);
}

static void enqueue(struct target *t, struct piece *c)
{
    struct vf_pass *p = &t->pass;
    pthread_mutex_lock(&p->lock);
    if (!p->error) {
        *t->tail = c;
        t->tail = &c->next;
        c = NULL;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    vf_piece_free(t, c);
}

static void refuse(struct target *t, const char *why)
{
    struct vf_error *e = NULL;
    vf_fail(&e, VF_E_CORRUPT, "%s", why);
    vf_pass_abort(&t->pass, e, false);
}

/* A DATA frame holds one whole chunk (or the last, short one): its length, or 0 where none begins.
 */
static size_t chunk_at(const struct target *t, uint64_t offset)
{
    if (offset % VF_DISK_CHUNK || offset >= t->pass.size)
        return 0;
    uint64_t left = t->pass.size - offset;
    return left < VF_DISK_CHUNK ? (size_t)left : VF_DISK_CHUNK;
}

/* Notes that [OFFSET, OFFSET + LEN) has come. Streams overtake each other, but every byte comes
 * once: what comes twice could be older than what was written. */
static bool arrived(struct target *t, uint64_t offset, uint64_t len)
{
    uint64_t end = offset + len;
    bool good = false;
    pthread_mutex_lock(&t->pass.lock);
    size_t i = 0;
    while (i < t->n_parts && t->parts[i].offset < offset)
        i++;
    bool free_before = offset >= (i ? t->parts[i - 1].end : t->expected);
    bool free_behind = i == t->n_parts || end <= t->parts[i].offset;
    if (free_before && free_behind && t->n_parts < AHEAD) {
        memmove(t->parts + i + 1, t->parts + i, (t->n_parts - i) * sizeof *t->parts);
        t->parts[i] = (struct part){offset, end};
        t->n_parts++;
        good = true;
    }
    for (i = 0; i < t->n_parts && t->parts[i].offset == t->expected; i++)
        t->expected = t->parts[i].end;
    t->n_parts -= i;
    memmove(t->parts, t->parts + i, t->n_parts * sizeof *t->parts);
    if (t->known)
        vf_known_forget(t->known, t->expected);
    pthread_cond_broadcast(&t->pass.changed);
    pthread_mutex_unlock(&t->pass.lock);
    if (!good)
        refuse(t, "a part of the disk came twice or out of turn");
    return good;
}

/* DATA, or PARTS of what was told. */
static void on_data(struct target *t, struct vf_link *link, const struct vf_frame *f)
{
    struct vf_data d = vf_data_of(f);
    bool again = (f->flags & VF_FF_AGAIN) != 0, packed = (f->flags & VF_FF_ZSTD) != 0;
    size_t len = chunk_at(t, d.offset), bytes = d.map ? vf_parts_bytes(len, d.map) : len;
    if (!bytes || (!packed && d.len != bytes) || (d.map && (again || !t->known))) {
        refuse(t, d.map ? "a PARTS frame does not hold parts of a chunk that was told"
                        : "a DATA frame does not hold one chunk of the disk");
        return;
    }
    if (!again && !arrived(t, d.offset, len))
        return;
    void *buf = vf_pass_take_buffer(&t->pass);
    if (!buf)
        return;
    struct piece *c = new_piece(d.map ? PIECE_PARTS : PIECE_DATA, d.offset, len);
    memcpy(c->hash.b, d.hash, VF_HASH_LEN);
    if (d.map)
        memcpy(c->map, d.map, sizeof c->map);
    c->buf = buf;
    if (!packed)
        memcpy(c->buf, d.chunk, bytes);
    else if (!vf_squeeze_unpack(link->squeeze, d.chunk, d.len, c->buf, bytes))
        memset(c->buf, 0, bytes); /* the hash is hardly that of zeroes: they are sent as ZERO */
    t->pass.counters.sent += bytes;
    t->pass.counters.same += len - bytes;
    t->pass.counters.wire += VF_WIRE_HEADER + f->len;
    if (!again) {
        enqueue(t, c);
        return;
    }
    pthread_mutex_lock(&t->pass.lock);
    struct piece *old = t->again;
    t->again = c;
    pthread_cond_broadcast(&t->pass.changed);
    pthread_mutex_unlock(&t->pass.lock);
    vf_piece_free(t, old);
}

/* A run in the fields of ZERO or SAME. */
static bool is_run(const struct target *t, const struct vf_frame *f, uint64_t *offset,
                   uint64_t *len)
{
    *offset = vf_field_num(f, VF_TAG_OFFSET, UINT64_MAX);
    *len = vf_field_num(f, VF_TAG_LENGTH, 0);
    return *offset < t->pass.size && *offset % VF_DISK_CHUNK == 0 && *len &&
           *len <= t->pass.size - *offset &&
           (*len % VF_DISK_CHUNK == 0 || *offset + *len == t->pass.size);
}

static void on_zero(struct target *t, struct vf_link *link, const struct vf_frame *f)
{
    uint64_t offset, len;
    if (!is_run(t, f, &offset, &len)) {
        refuse(t, "a run of zeroes in the stream is not where it must be");
        return;
    }
    if (!arrived(t, offset, len))
        return;
    t->pass.counters.zero += len;
    enqueue(t, new_piece(PIECE_ZERO, offset, len));
}

/* What the source found equal: the hashes are those that were told. */
static void on_same(struct target *t, struct vf_link *link, const struct vf_frame *f)
{
    uint64_t offset, len;
    if (!is_run(t, f, &offset, &len) || !t->known) {
        refuse(t, "the source finds equal what was never told");
        return;
    }
    struct piece *first = NULL, **tail = &first;
    bool good = true;
    pthread_mutex_lock(&t->pass.lock);
    for (uint64_t at = offset; at < offset + len;) {
        struct vf_known_run run;
        good = vf_known_find(t->known, at, offset + len - at, &run);
        if (!good)
            break;
        struct piece *c = *tail = new_piece(PIECE_SAME, at, run.len);
        c->hash = run.hash;
        tail = &c->next;
        at += run.len;
    }
    pthread_mutex_unlock(&t->pass.lock);
    if (!good)
        refuse(t, "the source finds equal what was never told");
    good = good && arrived(t, offset, len);
    if (good)
        t->pass.counters.same += len;
    while (first) {
        struct piece *c = first;
        first = c->next;
        c->next = NULL;
        if (good)
            enqueue(t, c);
        else
            vf_piece_free(t, c);
    }
}

/* Each stream ends with END; the last one ends the disk. */
static void on_end(struct target *t, struct vf_link *link, const struct vf_frame *f)
{
    const char *hash;
    size_t n;
    if (!vf_field_find(f, VF_TAG_HASH, &hash, &n) || n != VF_HASH_LEN) {
        refuse(t, "the stream ended without a hash");
        return;
    }
    pthread_mutex_lock(&t->pass.lock);
    bool last = ++t->ended == t->streams, whole = t->expected == t->pass.size;
    pthread_mutex_unlock(&t->pass.lock);
    if (!last)
        return;
    if (!whole) {
        refuse(t, "the stream ended before the disk");
        return;
    }
    struct piece *c = new_piece(PIECE_END, t->pass.size, 0);
    memcpy(c->hash.b, hash, n);
    enqueue(t, c);
}

/* Every stream begins with BEGIN, which says how many there are. */
static void on_begin(struct target *t, struct vf_link *link, const struct vf_frame *f)
{
    struct vf_pass *p = &t->pass;
    uint64_t streams = vf_field_num(f, VF_TAG_STREAMS, 1);
    pthread_mutex_lock(&p->lock);
    bool good = vf_field_num(f, VF_TAG_SIZE, 0) == p->size && streams &&
                streams <= VF_PASS_STREAMS && (!t->streams || t->streams == streams) &&
                p->n_links < streams && !vf_pass_uses(p, link) && vf_pass_add_link(p, link);
    if (good)
        t->streams = (size_t)streams;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    p->counters.stage = VF_PASS_COPY;
    if (!good)
        refuse(t, "the source's disk has another size than agreed, or begins twice");
}

static void target_frame(struct vf_pass *p, struct vf_link *link, const struct vf_frame *f)
{
    static void (*const runs[VF_F_TYPES])(struct target *, struct vf_link *,
                                          const struct vf_frame *) = {
        [VF_F_DATA] = on_data, [VF_F_ZERO] = on_zero,  [VF_F_SAME] = on_same,
        [VF_F_END] = on_end,   [VF_F_PARTS] = on_data,
    };
    struct target *t = vf_target_of(p);
    if (f->type == VF_F_BEGIN) {
        on_begin(t, link, f);
    } else if (f->type == VF_F_ERROR) {
        struct vf_error *e = NULL;
        vf_frame_error(f, "source", &e);
        vf_pass_abort(p, e, true);
    } else if (!vf_pass_uses(p, link)) {
        refuse(t, "the stream has no BEGIN for this disk");
    } else if (f->type < VF_F_TYPES && runs[f->type]) {
        runs[f->type](t, link, f);
    }
}

/* ---- writing ---- */

/* Whether the unit at AT (the last one may be short) is zero; *LEN is its length. */
static bool zero_unit(const struct target *t, const struct piece *c, size_t at, size_t *len)
{
    size_t left = (size_t)c->len - at, unit = t->pass.disk->unit;
    *len = left < unit ? left : unit;
    return vf_all_zero((const char *)c->buf + at, *len);
}

/* Writes the chunk from AT to TO, but only units with something in them; the others stay holes, or
 * become holes. */
static int write_sparse(struct target *t, const struct piece *c, size_t at, size_t to,
                        struct vf_error **err)
{
    struct vf_disk *d = t->pass.disk;
    for (size_t end, n; at < to; at = end) {
        size_t from = at / d->unit * d->unit;
        bool zero = zero_unit(t, c, from, &n);
        for (end = from + n; end < to && zero_unit(t, c, end, &n) == zero;)
            end += n;
        size_t stop = end < to ? end : to;
        int r = 0;
        if (!zero)
            r = vf_disk_write(d, (const char *)c->buf + at, stop - at, c->offset + at, err);
        else if (!t->fresh)
            r = vf_disk_zero(d, end - from, c->offset + from, err);
        if (r < 0)
            return -1;
    }
    return 0;
}

static int write_range(struct target *t, const struct piece *c, size_t at, size_t end,
                       struct vf_error **err)
{
    return t->sparse ? write_sparse(t, c, at, end, err)
                     : vf_disk_write(t->pass.disk, (const char *)c->buf + at, end - at,
                                     c->offset + at, err);
}

/* Parts are written where they belong without a look at the rest of their chunk when all of it is
 * read back afterwards and compared, which shows a damaged one as well. A disk of larger units has
 * to be seen whole, for the units that become zero. */
static bool is_blind(const struct target *t)
{
    return t->verify && t->pass.disk->unit <= VF_WIRE_PART;
}

/* Makes a chunk of parts: what is there, with the parts in it. */
static int complete(struct target *t, struct piece *c, struct vf_error **err)
{
    uint64_t offset;
    size_t n;
    void *there;
    int r = vf_reads_take(t->reads, &offset, &n, &there, err);
    if (r == 0) {
        vf_parts_spread(there, n, c->map, c->buf);
        memcpy(c->buf, there, n);
    }
    vf_reads_done(t->reads);
    return r;
}

static int write_parts(struct target *t, const struct piece *c, struct vf_error **err)
{
    for (size_t at = 0, end = 0; vf_parts_next((size_t)c->len, c->map, &at, &end);)
        if (write_range(t, c, at, end, err) < 0)
            return -1;
    return 0;
}

/* The chunk is the one that was sent. */
static bool is_whole(const struct piece *c)
{
    struct vf_hash got = vf_hash_chunk(c->buf, c->len);
    return memcmp(&got, &c->hash, sizeof got) == 0;
}

static int write_piece(struct target *t, struct piece *c, struct record *r, struct vf_error **err)
{
    *r = (struct record){.offset = c->offset,
                         .len = c->len,
                         .hash = c->hash,
                         .zero = c->kind == PIECE_ZERO,
                         .same = c->kind == PIECE_SAME};
    if (c->kind == PIECE_SAME)
        return 0;
    if (c->kind == PIECE_ZERO)
        return vf_disk_make_zero(t->pass.disk, c->len, c->offset, err);
    bool blind = c->kind == PIECE_PARTS && is_blind(t);
    if (blind)
        vf_parts_place(c->buf, (size_t)c->len, c->map);
    else if (c->kind == PIECE_PARTS && complete(t, c, err) < 0)
        return -1;
    if (!blind && !is_whole(c)) {
        r->bad = true; /* not written; the committer asks for it again */
        return 0;
    }
    if (c->kind == PIECE_DATA)
        return write_range(t, c, 0, (size_t)c->len, err);
    return write_parts(t, c, err);
}

/* The disk may be longer than the source's: the rest must be zero. */
static int finish_tail(struct target *t, struct group *g, struct vf_error **err)
{
    uint64_t tail = t->pass.disk->size - t->pass.size;
    if (!tail)
        return 0;
    if (vf_disk_make_zero(t->pass.disk, tail, t->pass.size, err) < 0)
        return -1;
    struct record *r = vf_grow(&g->records, &g->n, sizeof *r);
    *r = (struct record){.offset = t->pass.size, .len = tail, .zero = true, .tail = true};
    return 0;
}

static bool too_large(const struct group *g)
{
    return g->bytes > GROUP_LIMIT || g->n > GROUP_MOST;
}

/* Puts the group where the committer takes it. Waits while the committer is busy when the group is
 * the last or too large, but never while a chunk is asked for again: that comes through the same
 * stream. */
static void hand_over(struct target *t, struct group *g)
{
    struct vf_pass *p = &t->pass;
    pthread_mutex_lock(&p->lock);
    while (!p->error && t->has_ready && (g->last || (too_large(g) && !t->asking)))
        pthread_cond_wait(&p->changed, &p->lock);
    if (!p->error && !t->has_ready) {
        t->ready = *g;
        t->has_ready = true;
        *g = (struct group){0};
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
}

static bool due(const struct group *g)
{
    return g->last || g->bytes >= GROUP_BYTES || g->n >= GROUP_RECORDS ||
           (g->n && vf_clock_ms() - g->began >= vf_clock_limit(GROUP_MS));
}

/* Under the lock: what is there of chunks that parts have come of is read by the time it is their
 * turn. */
static void read_ahead(struct target *t)
{
    if (is_blind(t))
        return;
    for (struct piece *c = t->pieces; c && !vf_reads_full(t->reads); c = c->next) {
        if (c->kind != PIECE_PARTS || c->asked)
            continue;
        c->asked = true;
        vf_reads_begin(t->reads, c->offset, (size_t)c->len);
    }
}

/* The next piece; NULL when none came within a quarter of a second or the pass has failed. */
static struct piece *next_piece(struct target *t)
{
    struct vf_pass *p = &t->pass;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 250 * 1000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&p->lock);
    while (!p->error && !t->pieces && pthread_cond_timedwait(&p->changed, &p->lock, &until) == 0)
        ;
    struct piece *c = p->error ? NULL : t->pieces;
    if (c) {
        read_ahead(t);
        t->pieces = c->next;
        if (!t->pieces)
            t->tail = &t->pieces;
    }
    pthread_mutex_unlock(&p->lock);
    return c;
}

static void add_record(struct target *t, struct group *g, const struct record *r)
{
    struct record *slot = vf_grow(&g->records, &g->n, sizeof *r);
    *slot = *r;
    g->bytes += r->zero || r->same ? 0 : r->len;
    t->written = r->offset + r->len;
}

/* A group has the disk without a gap, so that its end is the mark up to which all is safe; what was
 * written early waits for what lies in front of it. */
static void keep(struct target *t, struct group *g, const struct record *r)
{
    if (r->offset != t->written) {
        vf_grow(&t->early, &t->n_early, sizeof *r);
        size_t i = t->n_early - 1;
        for (; i && t->early[i - 1].offset > r->offset; i--)
            t->early[i] = t->early[i - 1];
        t->early[i] = *r;
        return;
    }
    add_record(t, g, r);
    size_t n = 0;
    while (n < t->n_early && t->early[n].offset == t->written)
        add_record(t, g, &t->early[n++]);
    if (!n)
        return;
    t->n_early -= n;
    memmove(t->early, t->early + n, t->n_early * sizeof *t->early);
}

static int write_one(struct target *t, struct piece *c, struct group *g, struct vf_error **err)
{
    if (!g->n)
        g->began = vf_clock_ms();
    if (c->kind == PIECE_END) {
        g->last = true;
        g->source_hash = c->hash;
        t->pass.counters.stage = VF_PASS_FLUSH;
        return finish_tail(t, g, err);
    }
    struct record r;
    if (write_piece(t, c, &r, err) < 0)
        return -1;
    keep(t, g, &r);
    return 0;
}

static void *writer_main(void *arg)
{
    struct target *t = arg;
    struct group g = {0};
    struct vf_error *e = NULL;
    bool last = false;
    t->reads = vf_reads_new(t->pass.disk, t->verify);
    while (!last && !vf_pass_failed(&t->pass)) {
        struct piece *c = next_piece(t);
        int r = c ? write_one(t, c, &g, &e) : 0;
        vf_piece_free(t, c);
        if (r < 0) {
            vf_pass_abort(&t->pass, e, false);
            break;
        }
        last = g.last;
        if (due(&g))
            hand_over(t, &g);
    }
    vf_reads_free(t->reads);
    vf_group_clear(&g);
    return NULL;
}

/* ---- beginning and end ---- */

static void target_free(struct vf_pass *p)
{
    struct target *t = vf_target_of(p);
    pthread_join(t->committer, NULL);
    if (t->delta)
        pthread_join(t->teller, NULL);
    while (t->pieces) {
        struct piece *c = t->pieces;
        t->pieces = c->next;
        vf_piece_free(t, c);
    }
    vf_piece_free(t, t->again);
    vf_group_clear(&t->ready);
    free(t->early);
    vf_known_free(t->known);
    vf_hasher_free(t->hasher);
    vf_pass_clear(p);
    free(t);
}

static const struct vf_pass_ops target_ops = {
    .role = "target",
    .frame = target_frame,
    .free = target_free,
};

struct vf_pass *vf_target_start(const struct vf_target_opts *o)
{
    struct target *t = vf_xcalloc(1, sizeof *t);
    vf_pass_init(&t->pass, &target_ops, o->id, o->disk, o->size, o->wake_fd);
    t->verify = o->verify;
    t->delta = o->delta;
    t->known = o->delta ? vf_known_new(false) : NULL;
    t->sparse = o->disk->zero_when_fresh;
    t->fresh = o->fresh;
    t->tail = &t->pieces;
    t->hasher = o->hasher ? o->hasher : vf_hasher_new();
    t->pass.from = t->expected = t->written = o->from;
    if (t->known)
        t->known->end = o->from;
    /* An earlier pass of this job has committed and, where this one verifies, compared what lies
     * before: it counts, so that in the end all of the disk has to be accounted for. */
    t->pass.counters.done = o->from;
    t->pass.counters.committed = o->from;
    t->pass.counters.verified = o->verify ? o->from : 0;
    if (o->verify)
        t->pass.how = o->disk->media ? "media" : "through cache";
    if (pthread_create(&t->writer, NULL, writer_main, t) != 0 ||
        pthread_create(&t->committer, NULL, vf_committer_main, t) != 0 ||
        (t->delta && pthread_create(&t->teller, NULL, vf_teller_main, t) != 0))
        abort(); /* like memory: nothing to be done */
    return &t->pass;
}
