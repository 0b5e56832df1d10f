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
static int repair(struct target *t, struct record *r, void *buf, struct vf_error **err)
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
    vf_piece_free(t, c);
    if (result == 0 && t->verify) {
        if (vf_disk_read_back(p->disk, buf, r->len, r->offset, err) < 0)
            return -1;
        got = vf_hash_chunk(buf, r->len);
        if (memcmp(&got, &r->hash, sizeof got) != 0)
            result = differs(t, r, "reads back differently", err);
    }
    return result;
}

static int check_data(struct target *t, struct record *r, void *buf, struct vf_error **err)
{
    if (r->bad)
        return repair(t, r, buf, err);
    if (!t->verify)
        return 0;
    if (vf_disk_read_back(t->pass.disk, buf, r->len, r->offset, err) < 0)
        return -1;
    struct vf_hash got = vf_hash_chunk(buf, r->len);
    return memcmp(&got, &r->hash, sizeof got) ? repair(t, r, buf, err) : 0;
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

/* Reads back what does not say itself that it is zero. */
static int check_zeroes(struct target *t, const struct record *r, void *buf, struct vf_error **err)
{
    struct vf_disk *d = t->pass.disk;
    uint64_t at = r->offset, end = r->offset + r->len;
    struct vf_extent e;
    while (t->verify && at < end && !vf_pass_failed(&t->pass)) {
        if (vf_disk_extent(d, at, &e, err) < 0)
            return -1;
        uint64_t stop = e.end < end ? e.end : end;
        while (!e.zero && at < stop) {
            size_t n = stop - at < VF_DISK_CHUNK ? (size_t)(stop - at) : VF_DISK_CHUNK;
            if (vf_disk_read_back(d, buf, n, at, err) < 0)
                return -1;
            if (!vf_all_zero(buf, n) && rezero(t, at, n, buf, err) < 0)
                return -1;
            at += n;
        }
        at = stop;
    }
    return 0;
}

static int check(struct target *t, struct record *r, void *buf, struct vf_error **err)
{
    if (r->same)
        return 0; /* it was read back to be compared, from behind a flush */
    return r->zero ? check_zeroes(t, r, buf, err) : check_data(t, r, buf, err);
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

static int commit(struct target *t, struct group *g, void *buf, struct vf_error **err)
{
    struct vf_pass *p = &t->pass;
    if (vf_disk_flush(p->disk, err) < 0)
        return -1;
    if (g->last && t->verify)
        p->counters.stage = VF_PASS_VERIFY;
    uint64_t end = p->counters.done;
    for (size_t i = 0; i < g->n && !vf_pass_failed(p); i++) {
        struct record *r = &g->records[i];
        if (r->tail) {
            if (check_zeroes(t, r, buf, err) < 0)
                return -1;
            continue;
        }
        if (check(t, r, buf, err) < 0)
            return -1;
        if (r->zero)
            vf_hasher_add_zeroes(t->hasher, r->len);
        else
            vf_hasher_add_times(t->hasher, &r->hash, (r->len + VF_DISK_CHUNK - 1) / VF_DISK_CHUNK);
        end = r->offset + r->len;
        p->counters.committed += r->len;
        p->counters.verified += t->verify ? r->len : 0;
        p->counters.done = end;
    }
    if (vf_pass_failed(p))
        return 0;
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
    vf_autofree void *buf = vf_disk_buffer();
    struct vf_error *e = NULL;
    struct group g = {0};
    bool last = false;
    int r = 0;
    while (!last && r == 0 && take_group(t, &g)) {
        r = commit(t, &g, buf, &e);
        last = g.last;
        if (r == 0 && last && !vf_pass_failed(&t->pass))
            r = finish(t, &g.source_hash, &e);
        vf_group_clear(&g);
        group_done(t);
    }
    if (r < 0) /* a broken line has its cause elsewhere */
        vf_pass_abort(&t->pass, e, t->pass.n_links && t->pass.links[0]->broken);
    pthread_join(t->writer, NULL);
    vf_pass_finish(&t->pass);
    return NULL;
}
