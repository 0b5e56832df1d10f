/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast a host gives a disk, tried for a moment: by the ways that vmferry-fetch chooses from,
 * with as many requests at once as it has. */
#include "config.h"
#include "provider/esxi/esxi.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    AT_ONCE = 4,     /* requests */
    FIRST = 1 << 20, /* bytes by one, which is enough where that is slow */
    SLOW_MS = 700,
    PIECE = 4 << 20,
    ENOUGH_MS = 1500, /* then nothing more is asked for */
    MOST = 96 << 20,
};

struct trial {
    struct vf_esxi_file file;
    atomic_ullong next; /* offset of the next piece */
    uint64_t end;
    int64_t until;
    atomic_ullong bytes; /* that came */
};

struct reader {
    struct trial *trial;
    struct vf_esxi_way *way;
    pthread_t thread;
    bool runs;
};

static void *read_on(void *arg)
{
    struct reader *r = arg;
    struct trial *t = r->trial;
    vf_autofree void *buf = vf_xmalloc(PIECE);
    while (vf_clock_ms() < t->until) {
        uint64_t at = atomic_fetch_add(&t->next, PIECE);
        vf_autoerror struct vf_error *why = NULL;
        if (at + PIECE > t->end)
            break;
        if (r->way->ops->read(r->way, &t->file, buf, PIECE, at, &why) < 0) {
            vf_info("esxi", "trying how fast it is: %s", vf_error_text(why));
            break;
        }
        atomic_fetch_add(&t->bytes, PIECE);
    }
    return NULL;
}

/* Bytes per second; 0: none came. */
static double read_together(struct vf_esxi_way *w, struct trial *t, struct vf_cancel *cancel)
{
    struct reader readers[AT_ONCE] = {0};
    int64_t began = vf_clock_ns();
    t->until = vf_clock_ms() + ENOUGH_MS;
    for (size_t i = 0; i < AT_ONCE; i++) {
        readers[i].trial = t;
        readers[i].way = w->ops->twin(w, NULL);
        if (!readers[i].way)
            continue;
        readers[i].way->ops->set_cancel(readers[i].way, cancel);
        readers[i].runs = pthread_create(&readers[i].thread, NULL, read_on, &readers[i]) == 0;
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (readers[i].runs)
            pthread_join(readers[i].thread, NULL);
        vf_esxi_way_free(readers[i].way);
    }
    int64_t took = vf_clock_ns() - began;
    return (double)atomic_load(&t->bytes) * 1e9 / (double)(took > 0 ? took : 1);
}

/* Bytes per second by W, 0 with *err. */
static double rate_by(struct vf_esxi *e, struct vf_esxi_way *w, const struct vf_recipe_part *x,
                      struct vf_error **err)
{
    struct trial t = {.file = {x->dc, x->datastore, x->path}};
    uint64_t n = x->length < FIRST ? x->length : FIRST;
    vf_autofree void *buf = vf_xmalloc(FIRST);
    int64_t began = vf_clock_ns();
    if (w->ops->read(w, &t.file, buf, (size_t)n, x->offset, err) < 0)
        return 0;
    int64_t took = vf_clock_ns() - began;
    double alone = (double)n * 1e9 / (double)(took > 0 ? took : 1);
    if (!w->ops->twin || took / 1000000 > SLOW_MS || x->length < FIRST + PIECE)
        return alone;
    atomic_init(&t.next, x->offset + FIRST);
    t.end = x->offset + (x->length < MOST ? x->length : MOST);
    double together = read_together(w, &t, e->cancel);
    return together > alone ? together : alone;
}

double vf_esxi_try_read(struct vf_provider *p, const char *path, struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_recipe_parse(path, err);
    const struct vf_recipe_part *x = r ? vf_recipe_largest(r) : NULL;
    double best = 0;
    if (!r)
        return -1;
    if (!x)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s: how fast it is unpacked shows when that is done",
                       r->name);
    vf_autoerror struct vf_error *first = NULL;
    for (int other = 0; other < 2; other++) {
        vf_autoerror struct vf_error *why = NULL;
        struct vf_esxi_way *w = other ? vf_esxi_other(e, false, &why) : e->way;
        double rate = w ? rate_by(e, w, x, &why) : 0;
        if (why)
            vf_info("esxi", "%s: %s", r->name, vf_error_text(why));
        if (vf_cancel_check(e->cancel, err) < 0)
            return -1;
        best = rate > best ? rate : best;
        if (!first)
            first = VF_STEAL(why);
    }
    return best > 0 ? best : vf_fail_with(err, VF_STEAL(first));
}
