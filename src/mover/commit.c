/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The committer of a target: flush a group, read it back, compare, ask again for what differs, tell
 * the source how far it is safe. */
#include "config.h"
#include "mover/target.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

/* A group that was flushed and is read back, several chunks at once: those that are to be read have
 * been asked for up to AT of the record NEXT. */
struct check {
    struct target *t;
    struct vf_reads *reads;
    struct group *g;
    size_t next;
    uint64_t at;
    struct vf_extent extent; /* of the zeroes that NEXT is */
};

/* Waits for the chunk at OFFSET that was asked for again; NULL when the pass has failed. */
static struct piece *wait_again(struct target *t, uint64_t offset)
{
    struct vf_pass *p = &t->pass;
    struct piece *c = NULL;
    pthread_mutex_lock(&p->lock);
    while (!p->error && !(t->again && t->again->offset == offset))
        pthread_cond_wait(&p->changed, &p->lock);
    if (!p->error)
        c = VF_STEAL(t->again);
    t->asking = false;
    pthread_mutex_unlock(&p->lock);
    return c;
}

static int differs(struct target *t, const struct record *r, const char *how, struct vf_error **err)
{
    return vf_fail(err, VF_E_CORRUPT,
                   "%s: the 1 MiB at offset %llu %s even after it was sent a second time; the "
                   "target's storage or memory is not reliable",
                   t->pass.disk->name, (unsigned long long)r->offset, how);
}

/* Second try for one chunk: sent, written whole, flushed, read back. */
static int repair(struct target *t, struct record *r, struct vf_error **err)
{
    struct vf_pass *p = &t->pass;
    vf_warn("mover", "%s: the chunk at %llu %s; asking for it again", p->disk->name,
            (unsigned long long)r->offset, r->bad ? "arrived damaged" : "reads back differently");
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_OFFSET, r->offset);
    vf_field_u64(&b, VF_TAG_LENGTH, r->len);
    pthread_mutex_lock(&p->lock);
    t->asking = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (vf_link_send_fields(p->links[0], VF_F_RESEND, 0, p->id, &b, err) < 0)
        return -1;
    struct piece *c = wait_again(t, r->offset);
    if (!c)
        return 0; /* the pass has failed and says why */
    struct vf_hash got = vf_hash_chunk(c->buf, c->len);
    r->hash = c->hash;
    int result = 0;
    if (memcmp(&got, &c->hash, sizeof got) != 0)
        result = differs(t, r, "arrives damaged", err);
    else if (vf_disk_write(p->disk, c->buf, c->len, c->offset, err) < 0 ||
             vf_disk_flush(p->disk, err) < 0)
        result = -1;
    if (result == 0 && t->verify)
        result = vf_disk_read_back(p->disk, c->buf, r->len, r->offset, err);
    if (result == 0 && t->verify) {
        got = vf_hash_chunk(c->buf, r->len);
        if (memcmp(&got, &r->hash, sizeof got) != 0)
            result = differs(t, r, "reads back differently", err);
    }
    vf_piece_free(t, c);
    return result;
}

/* Zeroes that are not: written once more, then it is the storage's fault. */
static int rezero(struct target *t, uint64_t offset, size_t n, void *buf, struct vf_error **err)
{
    struct vf_disk *d = t->pass.disk;
    vf_warn("mover", "%s: zeroes at %llu do not read back; writing them", d->name,
            (unsigned long long)offset);
    memset(buf, 0, n);
    if (vf_disk_write(d, buf, n, offset, err) < 0 || vf_disk_flush(d, err) < 0 ||
        vf_disk_read_back(d, buf, n, offset, err) < 0)
        return -1;
    if (!vf_all_zero(buf, n))
        return vf_fail(err, VF_E_CORRUPT,
                       "%s: zeroes written at offset %llu read back as something else", d->name,
                       (unsigned long long)offset);
    return 0;
}

/* What was the same was read to be compared, from behind a flush. */
static bool is_read_back(const struct target *t, const struct record *r)
{
    return t->verify && !r->same && !r->bad;
}

/* From c->at on, up to END, leaves out what says itself that it is zero; *STOP is where the rest
 * ends. */
static int skip_zeroes(struct check *c, uint64_t end, uint64_t *stop, struct vf_error **err)
{
    for (; c->at < end && !vf_pass_failed(&c->t->pass); c->at = *stop) {
        if (c->at >= c->extent.end && vf_disk_extent(c->t->pass.disk, c->at, &c->extent, err) < 0)
            return -1;
        *stop = c->extent.end < end ? c->extent.end : end;
        if (!c->extent.zero)
            return 0;
    }
    *stop = c->at;
    return 0;
}

/* The next chunk of R to be read back is *N bytes at c->at; 0: there is none. */
static int next_chunk(struct check *c, const struct record *r, size_t *n, struct vf_error **err)
{
    uint64_t stop = r->offset + r->len;
    *n = 0;
    if (!is_read_back(c->t, r))
        return 0;
    if (r->zero && skip_zeroes(c, stop, &stop, err) < 0)
        return -1;
    *n = stop - c->at < VF_DISK_CHUNK ? (size_t)(stop - c->at) : VF_DISK_CHUNK;
    return 0;
}

/* Asks for as much as may be under way. */
static int ask(struct check *c, struct vf_error **err)
{
    while (c->next < c->g->n && !vf_reads_full(c->reads)) {
        size_t n;
        if (next_chunk(c, &c->g->records[c->next], &n, err) < 0)
            return -1;
        if (n) {
            vf_reads_begin(c->reads, c->at, n);
            c->at += n;
        } else if (++c->next < c->g->n) {
            c->at = c->g->records[c->next].offset;
            c->extent = (struct vf_extent){0};
        }
    }
    return 0;
}

static int check_chunk(struct check *c, struct record *r, struct vf_error **err)
{
    uint64_t offset;
    size_t n;
    void *buf;
    int result = vf_reads_take(c->reads, &offset, &n, &buf, err);
    if (result == 0 && r->zero) {
        if (!vf_all_zero(buf, n))
            result = rezero(c->t, offset, n, buf, err);
    } else if (result == 0) {
        struct vf_hash got = vf_hash_chunk(buf, n);
        if (memcmp(&got, &r->hash, sizeof got) != 0)
            result = repair(c->t, r, err);
    }
    vf_reads_done(c->reads);
    return result;
}

static int check(struct check *c, struct record *r, struct vf_error **err)
{
    struct target *t = c->t;
    if (r->bad)
        return repair(t, r, err);
    if (ask(c, err) < 0)
        return -1;
    if (!is_read_back(t, r) || vf_pass_failed(&t->pass))
        return 0;
    if (!r->zero)
        return check_chunk(c, r, err);
    while (vf_reads_next_in(c->reads, r->offset, r->len) && !vf_pass_failed(&t->pass))
        if (check_chunk(c, r, err) < 0 || ask(c, err) < 0)
            return -1;
    return 0;
}

/* DONE and the state belong together: both or none are seen. Behind the last, short chunk no pass
 * can start. */
static void publish(struct target *t, uint64_t done)
{
    struct vf_mark m = {.done = done};
    if (done % VF_DISK_CHUNK)
        return;
    vf_hasher_save(t->hasher, m.state);
    pthread_mutex_lock(&t->pass.lock);
    t->pass.mark = m;
    pthread_mutex_unlock(&t->pass.lock);
}

static int commit(struct target *t, struct group *g, struct vf_reads *reads, struct vf_error **err)
{
    struct vf_pass *p = &t->pass;
    if (vf_disk_flush(p->disk, err) < 0)
        return -1;
    if (g->last && t->verify)
        p->counters.stage = VF_PASS_VERIFY;
    uint64_t end = p->counters.done;
    struct check c = {.t = t, .reads = reads, .g = g, .at = g->n ? g->records[0].offset : 0};
    for (size_t i = 0; i < g->n; i++) {
        struct record *r = &g->records[i];
        if (check(&c, r, err) < 0)
            return -1;
        if (vf_pass_failed(p)) /* it may have been left out */
            return 0;
        if (r->tail)
            continue;
        if (r->zero)
            vf_hasher_add_zeroes(t->hasher, r->len);
        else
            vf_hasher_add_times(t->hasher, &r->hash, (r->len + VF_DISK_CHUNK - 1) / VF_DISK_CHUNK);
        end = r->offset + r->len;
        p->counters.committed += r->len;
        p->counters.verified += t->verify ? r->len : 0;
        p->counters.done = end;
    }
    publish(t, end);
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_OFFSET, end);
    return vf_link_send_fields(p->links[0], VF_F_COMMITTED, 0, p->id, &b, err);
}

static bool take_group(struct target *t, struct group *g)
{
    struct vf_pass *p = &t->pass;
    pthread_mutex_lock(&p->lock);
    while (!p->error && !t->has_ready)
        pthread_cond_wait(&p->changed, &p->lock);
    bool good = !p->error;
    if (good) {
        *g = t->ready;
        t->ready = (struct group){0};
    }
    pthread_mutex_unlock(&p->lock);
    return good;
}

static void group_done(struct target *t)
{
    pthread_mutex_lock(&t->pass.lock);
    t->has_ready = false;
    pthread_cond_broadcast(&t->pass.changed);
    pthread_mutex_unlock(&t->pass.lock);
}

static int finish(struct target *t, const struct vf_hash *source, struct vf_error **err)
{
    struct vf_pass *p = &t->pass;
    struct vf_hash ours = vf_hasher_end(t->hasher);
    if (memcmp(&ours, source, sizeof ours) != 0)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s: the hash of the whole disk differs from the source's", p->disk->name);
    pthread_mutex_lock(&p->lock);
    p->hash = ours;
    pthread_mutex_unlock(&p->lock);
    p->counters.stage = VF_PASS_FINISH;
    vf_autobuf struct vf_buf b = {0};
    vf_field_add(&b, VF_TAG_HASH, ours.b, VF_HASH_LEN);
    return vf_link_send_fields(p->links[0], VF_F_DONE, 0, p->id, &b, err);
}

void *vf_committer_main(void *target)
{
    struct target *t = target;
    struct vf_reads *reads = vf_reads_new(t->pass.disk, true);
    struct vf_error *e = NULL;
    struct group g = {0};
    bool last = false;
    int r = 0;
    while (!last && r == 0 && take_group(t, &g)) {
        r = commit(t, &g, reads, &e);
        last = g.last;
        if (r == 0 && last && !vf_pass_failed(&t->pass))
            r = finish(t, &g.source_hash, &e);
        vf_group_clear(&g);
        group_done(t);
    }
    vf_reads_free(reads);
    if (r < 0)
        vf_pass_fail(&t->pass, e, t->pass.n_links ? t->pass.links[0] : NULL);
    pthread_join(t->writer, NULL);
    vf_pass_finish(&t->pass);
    return NULL;
}
