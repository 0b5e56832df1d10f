/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The target's part in a delta: a thread that reads what is there and tells the source the hashes,
 * ahead of it by a window. A chunk is read before its hash is told, and written only after the
 * source has seen that: what is told is never what this pass has written. */
#include "config.h"
#include "mover/parts.h"
#include "mover/target.h"
#include "base/str.h"

enum {
    BATCH = 16, /* runs in one frame */
    LOOKS = 2 * VF_READS_CHUNKS,
};

/* What was looked at, or is being read. */
struct look {
    struct vf_known_run run;
    bool read; /* else it says itself that it is zero */
};

struct telling {
    struct target *t;
    struct vf_reads *reads;
    uint64_t at; /* up to which is looked */
    struct vf_extent extent;
    struct look looks[LOOKS];
    size_t head, n_looks;
    struct vf_buf frame;
    size_t n;                          /* runs in it */
    unsigned char sums[VF_KNOWN_SUMS]; /* of the last one */
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

/* Looks at the chunk at w->at, or a run of whole chunks that the disk says are zero. */
static int look(struct telling *w, struct vf_error **err)
{
    struct vf_pass *p = &w->t->pass;
    struct vf_extent *e = &w->extent;
    uint64_t at = w->at, left = p->size - at;
    size_t n = left < VF_DISK_CHUNK ? (size_t)left : VF_DISK_CHUNK;
    if (at >= e->end && vf_disk_extent(p->disk, at, e, err) < 0)
        return -1;
    struct look *l = &w->looks[(w->head + w->n_looks++) % LOOKS];
    *l = (struct look){.run = {.offset = at, .len = n}, .read = !e->zero || e->end < at + n};
    uint64_t end = e->end < p->size ? e->end : p->size;
    if (l->read)
        vf_reads_begin(w->reads, at, n);
    else if (n == VF_DISK_CHUNK)
        l->run.len = (end - at) / VF_DISK_CHUNK * VF_DISK_CHUNK;
    w->at += l->run.len;
    return 0;
}

/* Looks ahead as far as may be read at once. */
static int look_ahead(struct telling *w, struct vf_error **err)
{
    while (w->at < w->t->pass.size && w->n_looks < LOOKS && !vf_reads_full(w->reads))
        if (look(w, err) < 0)
            return -1;
    return 0;
}

/* The next run, with its hash and, of a single chunk, the sums of its parts. */
static int next_run(struct telling *w, struct vf_known_run *out, struct vf_error **err)
{
    struct look *l = &w->looks[w->head];
    w->head = (w->head + 1) % LOOKS;
    w->n_looks--;
    *out = l->run;
    size_t n = out->len < VF_DISK_CHUNK ? (size_t)out->len : VF_DISK_CHUNK;
    if (!l->read) {
        out->hash = vf_hash_zeroes(n);
        if (out->len == n)
            vf_parts_zero_sums(n, w->sums);
        return 0;
    }
    uint64_t offset;
    void *buf;
    int r = vf_reads_take(w->reads, &offset, &n, &buf, err);
    if (r == 0) {
        out->hash = vf_hash_chunk(buf, n);
        vf_parts_sums(buf, n, w->sums);
    }
    vf_reads_done(w->reads);
    return r;
}

static int tell_all(struct telling *w, struct vf_error **err)
{
    struct target *t = w->t;
    struct vf_pass *p = &t->pass;
    if (vf_disk_flush(p->disk, err) < 0) /* what is compared must be what stays */
        return -1;
    for (uint64_t told = w->at = p->from; told < p->size;) {
        struct vf_known_run run;
        if ((full(t) || w->n == BATCH) && tell(w, err) < 0)
            return -1;
        if (!wait_for_room(t))
            return 0;
        if (look_ahead(w, err) < 0 || next_run(w, &run, err) < 0)
            return -1;
        if (!w->n)
            vf_hashes_begin(&w->frame, run.offset);
        vf_hashes_add(&w->frame, run.len, run.hash.b, w->sums);
        w->n++;
        pthread_mutex_lock(&p->lock);
        vf_known_add(t->known, &run, NULL, p->size);
        pthread_mutex_unlock(&p->lock);
        told += run.len;
    }
    return tell(w, err);
}

void *vf_teller_main(void *target)
{
    struct target *t = target;
    /* what is the same is not read again: the comparison is the verification */
    struct telling w = {.t = t, .reads = vf_reads_new(t->pass.disk, t->verify)};
    struct vf_error *e = NULL;
    if (tell_all(&w, &e) < 0)
        vf_pass_fail(&t->pass, e, t->pass.n_links ? t->pass.links[0] : NULL);
    vf_reads_free(w.reads);
    vf_buf_free(&w.frame);
    return NULL;
}
