/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The target's part in a delta: a thread that reads what is there and tells the source the hashes,
 * ahead of it by a window. A chunk is read before its hash is told, and written only after the
 * source has seen that: what is told is never what this pass has written. */
#include "config.h"
#include "mover/parts.h"
#include "mover/target.h"
#include "base/str.h"

enum { BATCH = 16 }; /* runs in one frame */

struct telling {
    struct target *t;
    struct vf_buf frame;
    size_t n;
    unsigned char sums[VF_KNOWN_SUMS]; /* of what was looked at last */
};

static int tell(struct telling *w, struct vf_error **err)
{
    struct vf_pass *p = &w->t->pass;
    if (!w->n)
        return 0;
    w->n = 0;
    return vf_link_send_fields(p->links[0], VF_F_HASHES, 0, p->id, &w->frame, err);
}

/* Waits for BEGIN and for room in the window; false when the pass has ended. */
static bool wait_for_room(struct target *t)
{
    struct vf_pass *p = &t->pass;
    pthread_mutex_lock(&p->lock);
    while (!p->error && (!p->n_links || vf_known_full(t->known)))
        pthread_cond_wait(&p->changed, &p->lock);
    bool good = !p->error;
    pthread_mutex_unlock(&p->lock);
    return good;
}

static bool full(struct target *t)
{
    pthread_mutex_lock(&t->pass.lock);
    bool is = vf_known_full(t->known);
    pthread_mutex_unlock(&t->pass.lock);
    return is;
}

/* What is the same is not read again: the comparison is the verification. */
int vf_target_read(struct target *t, void *buf, size_t n, uint64_t at, struct vf_error **err)
{
    struct vf_disk *d = t->pass.disk;
    return t->verify ? vf_disk_read_back(d, buf, n, at, err) : vf_disk_read(d, buf, n, at, err);
}

/* The chunk at AT, or a run of whole chunks that the disk says are zero. */
static int look(struct telling *w, uint64_t at, struct vf_extent *e, void *buf,
                struct vf_known_run *out, struct vf_error **err)
{
    struct target *t = w->t;
    struct vf_pass *p = &t->pass;
    uint64_t left = p->size - at;
    size_t n = left < VF_DISK_CHUNK ? (size_t)left : VF_DISK_CHUNK;
    if (at >= e->end && vf_disk_extent(p->disk, at, e, err) < 0)
        return -1;
    *out = (struct vf_known_run){.offset = at, .len = n};
    if (e->zero && e->end >= at + n) {
        uint64_t end = e->end < p->size ? e->end : p->size;
        if (n == VF_DISK_CHUNK)
            out->len = (end - at) / VF_DISK_CHUNK * VF_DISK_CHUNK;
        out->hash = vf_hash_zeroes(n);
        if (out->len == n) {
            memset(buf, 0, n);
            vf_parts_sums(buf, n, w->sums);
        }
        return 0;
    }
    if (vf_target_read(t, buf, n, at, err) < 0)
        return -1;
    out->hash = vf_hash_chunk(buf, n);
    vf_parts_sums(buf, n, w->sums);
    return 0;
}

static int tell_all(struct telling *w, void *buf, struct vf_error **err)
{
    struct target *t = w->t;
    struct vf_pass *p = &t->pass;
    struct vf_extent e = {0};
    if (vf_disk_flush(p->disk, err) < 0) /* what is compared must be what stays */
        return -1;
    for (uint64_t at = p->from; at < p->size;) {
        struct vf_known_run run;
        if ((full(t) || w->n == BATCH) && tell(w, err) < 0)
            return -1;
        if (!wait_for_room(t))
            return 0;
        if (look(w, at, &e, buf, &run, err) < 0)
            return -1;
        if (!w->n)
            vf_hashes_begin(&w->frame, at);
        vf_hashes_add(&w->frame, run.len, run.hash.b, w->sums);
        w->n++;
        pthread_mutex_lock(&p->lock);
        vf_known_add(t->known, &run, NULL, p->size);
        pthread_mutex_unlock(&p->lock);
        at += run.len;
    }
    return tell(w, err);
}

void *vf_teller_main(void *target)
{
    struct telling w = {.t = target};
    struct vf_error *e = NULL;
    vf_autofree void *buf = vf_disk_buffer();
    if (tell_all(&w, buf, &e) < 0)
        vf_pass_abort(&w.t->pass, e, w.t->pass.n_links && w.t->pass.links[0]->broken);
    vf_buf_free(&w.frame);
    return NULL;
}
