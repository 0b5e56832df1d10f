/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "fetch/parts.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"
#include "fetch/ahead.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    OPENING_MS = 10 * 1000, /* somebody waits for the answer */
    REST_MS = 500,          /* for threads to end what runs on */
};

/* A file that parts lie in. */
struct source {
    const struct vf_recipe_part *part; /* one of them: dc, datastore, path */
    struct vf_esxi_file file;          /* in a datastore */
    int fd;                            /* on this machine; -1 */
    uint64_t size;
    char *state; /* changes when it does; NULL: nobody can tell */
};

struct vf_parts {
    const struct vf_recipe *recipe;
    struct vf_ahead_run *runs; /* one a part, and more where it has holes */
    struct source *sources;    /* in order; as many as there are parts, at most */
    size_t *source_of;         /* of each run; SIZE_MAX: zeroes */
    size_t n, n_sources;       /* N: runs */
    struct vf_ahead *ahead;    /* NULL: all is here */
};

static bool is_zero(const struct vf_recipe_part *p)
{
    return !p->path;
}

/* ---- opening ---- */

static int open_local(struct source *s, struct vf_error **err)
{
    s->fd = vf_local_open(s->part->path, &s->size, &s->state, err);
    return s->fd < 0 ? -1 : 0;
}

static int open_remote(struct source *s, struct vf_fetch_pool *pool, struct vf_cancel *cancel,
                       struct vf_error **err)
{
    s->file = (struct vf_esxi_file){
        .dc = s->part->dc, .datastore = s->part->datastore, .path = s->part->path};
    if (!pool)
        return vf_fail(err, VF_E_INTERNAL, "nobody has said how to log in where [%s] %s is",
                       s->file.datastore, s->file.path);
    vf_autoerror struct vf_error *e = NULL;
    struct vf_ways *ways = vf_fetch_pool_ways(pool);
    int rc = vf_ways_stat(ways, &s->file, &s->size, &s->state, cancel, &e);
    if (rc < 0 && vf_error_is_transient(e)) {
        /* what runs on in a connection that broke keeps it from being made anew */
        vf_error_free(VF_STEAL(e));
        vf_fetch_pool_rest(pool);
        rc = vf_cancel_sleep(cancel, REST_MS, &e);
        if (rc == 0)
            rc = vf_ways_stat(ways, &s->file, &s->size, &s->state, cancel, &e);
    }
    if (rc < 0) {
        vf_fail_with(err, VF_STEAL(e));
        return vf_fail_prefix(err, "[%s] %s", s->file.datastore, s->file.path);
    }
    return 0;
}

static bool same_file(const struct vf_recipe_part *a, const struct vf_recipe_part *b)
{
    return vf_streq(a->dc, b->dc) && vf_streq(a->datastore, b->datastore) &&
           vf_streq(a->path, b->path);
}

/* Opens the file of PART, unless it is that of the one before: the last of the sources. */
static int open_source(struct vf_parts *p, const struct vf_recipe_part *part,
                       struct vf_fetch_pool *pool, struct vf_cancel *cancel, struct vf_error **err)
{
    struct source *s = p->n_sources ? &p->sources[p->n_sources - 1] : NULL;
    if (!s || !same_file(s->part, part)) {
        s = &p->sources[p->n_sources++];
        *s = (struct source){.part = part, .fd = -1};
        if ((part->datastore ? open_remote(s, pool, cancel, err) : open_local(s, err)) < 0)
            return -1;
    }
    if (part->offset > s->size || part->length > s->size - part->offset)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s is cut off: it has %llu bytes, and %llu at %llu belong to the disk",
                       part->path, (unsigned long long)s->size, (unsigned long long)part->length,
                       (unsigned long long)part->offset);
    return 0;
}

static void add_run(struct vf_parts *p, const struct vf_recipe_part *part, bool zero, uint64_t at,
                    uint64_t length, uint64_t into)
{
    const struct source *s = p->n_sources ? &p->sources[p->n_sources - 1] : NULL;
    p->source_of[p->n] = zero ? SIZE_MAX : p->n_sources - 1;
    p->runs[p->n++] = (struct vf_ahead_run){
        .start = at,
        .length = length,
        .file = !zero && part->datastore ? &s->file : NULL,
        .offset = part->offset + into,
    };
}

/* PART, which begins at AT of the row, without the holes in it; *HOLE is the first of the recipe's
 * that ends behind AT. */
static void add_runs(struct vf_parts *p, const struct vf_recipe_part *part, uint64_t at,
                     size_t *hole)
{
    const struct vf_recipe *r = p->recipe;
    uint64_t end = at + part->length, from = at;
    for (; !is_zero(part) && from < end && *hole < r->n_holes; (*hole)++) {
        const struct vf_recipe_hole *h = &r->holes[*hole];
        uint64_t first = h->start > from ? h->start : from, last = h->start + h->length;
        if (first >= end)
            break;
        if (first > from)
            add_run(p, part, false, from, first - from, from - at);
        from = last < end ? last : end;
        add_run(p, part, true, first, from - first, first - at);
        if (last > end)
            return; /* goes on in the next part */
    }
    if (from < end)
        add_run(p, part, is_zero(part), from, end - from, from - at);
}

/* Where reading it shows best how fast it is read. */
static const struct vf_ahead_run *longest(const struct vf_parts *p)
{
    const struct vf_ahead_run *best = NULL;
    for (size_t i = 0; i < p->n; i++)
        if (p->runs[i].file && (!best || p->runs[i].length > best->length))
            best = &p->runs[i];
    return best;
}

static int open_all(struct vf_parts *p, struct vf_fetch_pool *pool, struct vf_cancel *cancel,
                    struct vf_error **err)
{
    uint64_t at = 0;
    size_t hole = 0;
    bool local = false, remote = false;
    for (size_t i = 0; i < p->recipe->n_parts; i++) {
        const struct vf_recipe_part *part = &p->recipe->parts[i];
        if (!is_zero(part) && open_source(p, part, pool, cancel, err) < 0)
            return -1;
        local = local || (!is_zero(part) && !part->datastore);
        remote = remote || part->datastore;
        while (hole < p->recipe->n_holes &&
               p->recipe->holes[hole].start + p->recipe->holes[hole].length <= at)
            hole++;
        add_runs(p, part, at, &hole);
        at += part->length;
    }
    if (local && remote)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s lies partly here and partly in a datastore",
                       p->recipe->name);
    const struct vf_ahead_run *data = longest(p);
    if (!data)
        return 0;
    if (vf_ways_choose(vf_fetch_pool_ways(pool), data->file, data->offset, data->length, cancel,
                       err) < 0)
        return -1;
    p->ahead = vf_ahead_new(p->runs, p->n, !p->recipe->image, pool, cancel);
    vf_ahead_patience(p->ahead, vf_clock_limit(OPENING_MS));
    return 0;
}

struct vf_parts *vf_parts_open(const struct vf_recipe *recipe, struct vf_fetch_pool *pool,
                               struct vf_cancel *cancel, struct vf_error **err)
{
    vf_auto(vf_parts_close) struct vf_parts *p = vf_xcalloc(1, sizeof *p);
    p->recipe = recipe;
    size_t most = 2 * recipe->n_parts + 2 * recipe->n_holes;
    p->runs = vf_xcalloc(most, sizeof *p->runs);
    p->sources = vf_xcalloc(recipe->n_parts, sizeof *p->sources);
    p->source_of = vf_xcalloc(most, sizeof *p->source_of);
    return open_all(p, pool, cancel, err) < 0 ? NULL : VF_STEAL(p);
}

void vf_parts_opened(struct vf_parts *p)
{
    if (p->ahead)
        vf_ahead_patience(p->ahead, vf_clock_limit(VF_T_PEER_SILENCE));
}

void vf_parts_close(struct vf_parts *p)
{
    if (!p)
        return;
    vf_ahead_free(p->ahead);
    for (size_t i = 0; i < p->n_sources; i++) {
        if (p->sources[i].fd >= 0)
            close(p->sources[i].fd);
        free(p->sources[i].state);
    }
    free(p->sources);
    free(p->source_of);
    free(p->runs);
    free(p);
}

uint64_t vf_parts_start(const struct vf_parts *p, size_t i)
{
    return p->runs[i].start;
}

char *vf_parts_identity(const struct vf_parts *p)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < p->n_sources; i++) {
        const struct source *s = &p->sources[i];
        if (!s->state || vf_ends(s->state, VF_ESXI_RACY))
            return vf_strdup("");
        vf_autofree char *state = vf_escape(s->state);
        vf_buf_printf(&b, "%s%llu:%s", i ? " " : "", (unsigned long long)s->size, state);
    }
    return vf_buf_take(&b);
}

/* ---- reading ---- */

static int read_local(const struct vf_parts *p, size_t i, void *buf, size_t n, uint64_t offset,
                      struct vf_error **err)
{
    const struct source *s = &p->sources[p->source_of[i]];
    uint64_t at = p->runs[i].offset + (offset - p->runs[i].start);
    ssize_t r = vf_pread_full(s->fd, buf, n, at);
    if (r < 0)
        return vf_fail_errno(err, errno, "%s at %llu", s->part->path, (unsigned long long)at);
    if ((size_t)r < n)
        return vf_fail(err, VF_E_CORRUPT, "%s has become shorter", s->part->path);
    return 0;
}

int vf_parts_read(struct vf_parts *p, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    if (p->ahead)
        return vf_ahead_read(p->ahead, buf, n, offset, err);
    char *to = buf;
    for (size_t i = vf_ahead_find(p->runs, p->n, offset); n; i++) {
        uint64_t left = p->runs[i].start + p->runs[i].length - offset;
        size_t now = n < left ? n : (size_t)left;
        if (p->source_of[i] == SIZE_MAX)
            memset(to, 0, now);
        else if (read_local(p, i, to, now, offset, err) < 0)
            return -1;
        to += now;
        offset += now;
        n -= now;
    }
    return 0;
}

bool vf_parts_zero(struct vf_parts *p, uint64_t offset, uint64_t *end)
{
    size_t i = vf_ahead_find(p->runs, p->n, offset);
    const struct vf_ahead_run *r = &p->runs[i];
    *end = r->start + r->length;
    if (p->source_of[i] == SIZE_MAX)
        return true;
    int fd = p->sources[p->source_of[i]].fd;
    uint64_t file_end = r->offset + r->length;
    bool zero = fd >= 0 && vf_local_zero(fd, r->offset + (offset - r->start), &file_end);
    *end = r->start + (file_end - r->offset);
    return zero;
}

void vf_parts_interrupt(struct vf_parts *p, bool on)
{
    if (p->ahead)
        vf_ahead_interrupt(p->ahead, on);
}
