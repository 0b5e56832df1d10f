/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/reads.h"
#include "base/str.h"

#include <pthread.h>

enum { MOST_THREADS = 8, PART = VF_DISK_CHUNK / 4 };

struct chunk {
    uint64_t offset;
    size_t n, begun, ended; /* bytes */
    void *buf;
    bool failed;
    struct vf_error *error; /* the first */
};

struct vf_reads {
    struct vf_disk *disk;
    bool back;
    size_t part; /* what a thread reads at a time */
    size_t n_threads, most_threads;
    pthread_t threads[MOST_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t wanted, come;
    /* under the lock, but a chunk that was taken is the user's */
    struct chunk chunks[VF_READS_CHUNKS];
    size_t head, n;
    bool ending;
};

struct vf_reads *vf_reads_new(struct vf_disk *disk, bool back)
{
    struct vf_reads *r = vf_xcalloc(1, sizeof *r);
    r->disk = disk;
    r->back = back;
    r->most_threads = disk->at_once < MOST_THREADS ? disk->at_once : MOST_THREADS;
    if (!r->most_threads)
        r->most_threads = 1;
    /* where they would wait for each other, or be read ahead by the system anyway, parts only cost
     */
    r->part = back && r->most_threads > 1 ? PART : VF_DISK_CHUNK;
    size_t parts = VF_READS_CHUNKS * (VF_DISK_CHUNK / r->part);
    if (r->most_threads > parts)
        r->most_threads = parts;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wanted, NULL);
    pthread_cond_init(&r->come, NULL);
    return r;
}

void vf_reads_free(struct vf_reads *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->ending = true;
    pthread_cond_broadcast(&r->wanted);
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->n_threads; i++)
        pthread_join(r->threads[i], NULL);
    for (size_t i = 0; i < VF_READS_CHUNKS; i++) {
        vf_error_free(r->chunks[i].error);
        free(r->chunks[i].buf);
    }
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->wanted);
    pthread_cond_destroy(&r->come);
    free(r);
}

/* ---- the threads that read ---- */

/* Under the lock: the first chunk of which a part is not under way yet, or NULL. */
static struct chunk *to_read(struct vf_reads *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct chunk *c = &r->chunks[(r->head + i) % VF_READS_CHUNKS];
        if (c->begun < c->n)
            return c;
    }
    return NULL;
}

/* Under the lock, which it leaves while it reads. */
static void read_part(struct vf_reads *r, struct chunk *c)
{
    size_t at = c->begun, n = c->n - at < r->part ? c->n - at : r->part;
    struct vf_error *e = NULL;
    c->begun += n;
    pthread_mutex_unlock(&r->lock);
    char *to = (char *)c->buf + at;
    int result = r->back ? vf_disk_read_back(r->disk, to, n, c->offset + at, &e)
                         : vf_disk_read(r->disk, to, n, c->offset + at, &e);
    pthread_mutex_lock(&r->lock);
    if (result < 0 && !c->failed)
        c->error = VF_STEAL(e);
    c->failed = c->failed || result < 0;
    vf_error_free(e);
    c->ended += n;
    if (c->ended == c->n)
        pthread_cond_signal(&r->come);
}

static void *reader_main(void *reads)
{
    struct vf_reads *r = reads;
    pthread_mutex_lock(&r->lock);
    while (!r->ending) {
        struct chunk *c = to_read(r);
        if (c)
            read_part(r, c);
        else
            pthread_cond_wait(&r->wanted, &r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- who wants to have it ---- */

bool vf_reads_full(const struct vf_reads *r)
{
    return r->n == VF_READS_CHUNKS; /* nobody else changes it */
}

void vf_reads_begin(struct vf_reads *r, uint64_t offset, size_t n)
{
    while (r->n_threads < r->most_threads)
        if (pthread_create(&r->threads[r->n_threads++], NULL, reader_main, r) != 0)
            abort(); /* like memory: nothing to be done */
    pthread_mutex_lock(&r->lock);
    struct chunk *c = &r->chunks[(r->head + r->n) % VF_READS_CHUNKS];
    void *buf = c->buf ? c->buf : vf_disk_buffer();
    *c = (struct chunk){.offset = offset, .n = n, .buf = buf};
    r->n++;
    for (size_t at = 0; at < n; at += r->part)
        pthread_cond_signal(&r->wanted);
    pthread_mutex_unlock(&r->lock);
}

bool vf_reads_next_in(const struct vf_reads *r, uint64_t offset, uint64_t len)
{
    const struct chunk *c = &r->chunks[r->head];
    return r->n && c->offset >= offset && c->offset - offset < len;
}

int vf_reads_take(struct vf_reads *r, uint64_t *offset, size_t *n, void **buf,
                  struct vf_error **err)
{
    struct chunk *c = &r->chunks[r->head];
    if (!r->n)
        abort(); /* our mistake */
    pthread_mutex_lock(&r->lock);
    while (c->ended < c->n)
        pthread_cond_wait(&r->come, &r->lock);
    pthread_mutex_unlock(&r->lock);
    *offset = c->offset;
    *n = c->n;
    *buf = c->buf;
    return c->failed ? vf_fail_with(err, VF_STEAL(c->error)) : 0;
}

void vf_reads_done(struct vf_reads *r)
{
    pthread_mutex_lock(&r->lock);
    r->head = (r->head + 1) % VF_READS_CHUNKS;
    r->n--;
    pthread_mutex_unlock(&r->lock);
}
