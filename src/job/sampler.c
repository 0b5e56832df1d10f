/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/sampler.h"
#include "base/str.h"
#include "xfer/meter.h"

static const struct {
    const char *key;
    size_t offset; /* of the atomic in struct vf_progress */
} counters[] = {
    {"done", offsetof(struct vf_progress, done)},
    {"read", offsetof(struct vf_progress, read)},
    {"sent", offsetof(struct vf_progress, sent)},
    {"zero", offsetof(struct vf_progress, zero)},
    {"same", offsetof(struct vf_progress, same)},
    {"committed", offsetof(struct vf_progress, committed)},
    {"verified", offsetof(struct vf_progress, verified)},
    {"wire", offsetof(struct vf_progress, wire)},
};
enum { DONE = 0, SENT = 2 };

struct numbers {
    uint64_t n[VF_COUNT(counters)];
};

struct disk {
    struct vf_meter meter;
    bool copying, preparing; /* the last time */
};

struct vf_sampler {
    const struct vf_job *job;
    struct disk *disks; /* one for each, and one for memory; zero while it is not copied */
    struct vf_meter all;
    struct vf_amounts gained; /* by all of them together */
    int64_t last, busy;       /* ms: the last time, 0: nothing was copied then; how long it was */
};

struct vf_sampler *vf_sampler_new(const struct vf_job *job)
{
    struct vf_sampler *s = vf_xcalloc(1, sizeof *s);
    s->job = job;
    s->disks = vf_xcalloc(job->plan->n_disks + 1, sizeof *s->disks);
    return s;
}

void vf_sampler_free(struct vf_sampler *s)
{
    if (!s)
        return;
    free(s->disks);
    free(s);
}

static struct numbers numbers_of(const struct vf_progress *p)
{
    struct numbers n;
    for (size_t i = 0; i < VF_COUNT(counters); i++)
        n.n[i] = atomic_load((const _Atomic uint64_t *)((const char *)p + counters[i].offset));
    return n;
}

static void put(json_t *o, const char *key, uint64_t n)
{
    json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void put_all(json_t *o, uint64_t total, const struct numbers *n, const struct vf_meter *m)
{
    int64_t left = vf_meter_left(m, total > n->n[DONE] ? total - n->n[DONE] : 0);
    put(o, "total", total);
    for (size_t i = 0; i < VF_COUNT(counters); i++)
        put(o, counters[i].key, n->n[i]);
    put(o, "rate", vf_meter_rate(m));
    put(o, "average", vf_meter_average(m));
    put(o, "elapsed", (uint64_t)vf_meter_elapsed(m));
    put(o, "idle", (uint64_t)vf_meter_idle(m));
    if (left >= 0)
        put(o, "left", (uint64_t)left);
}

static json_t *sample_disk(struct vf_sampler *s, const struct vf_job_disk *d, struct disk *seen,
                           int64_t now)
{
    struct vf_meter *m = &seen->meter, before = *m;
    seen->copying =
        atomic_load(&d->copying); /* before the counters, which are the last ones then */
    enum vf_stage stage = (enum vf_stage)atomic_load(&d->progress.stage);
    struct numbers n = numbers_of(&d->progress);
    struct vf_amounts a = {.sent = n.n[SENT], .done = n.n[DONE]};
    for (size_t i = 0; i < VF_COUNT(counters); i++)
        a.seen += n.n[i];
    if (seen->preparing) /* where an earlier copy had come to is no work of this one */
        m->counted.done = a.done;
    seen->preparing = stage == VF_STAGE_PREPARE;
    vf_meter_note(m, &a, now);
    s->gained.sent += m->sent - before.sent;
    s->gained.done += m->done - before.done;
    s->gained.seen += m->moved != before.moved;
    json_t *o = json_object();
    json_object_set_new(o, "disk", json_string(d->slot));
    json_object_set_new(o, "stage", json_string(vf_stage_name(stage)));
    put_all(o, atomic_load(&d->progress.total), &n, m);
    if (!seen->copying)
        json_object_set_new(o, "over", json_true());
    else if (atomic_load(&s->job->paused))
        json_object_set_new(o, "paused", json_true());
    return o;
}

static json_t *sample_all(struct vf_sampler *s)
{
    uint64_t total = 0;
    struct numbers sum = {0};
    for (size_t i = 0; i < s->job->plan->n_disks; i++) {
        struct numbers n = numbers_of(&s->job->disks[i].progress);
        total += s->job->plan->disks[i].size;
        for (size_t k = 0; k < VF_COUNT(counters); k++)
            sum.n[k] += n.n[k];
    }
    vf_meter_note(&s->all, &s->gained, s->busy);
    json_t *o = json_object();
    put_all(o, total, &sum, &s->all);
    if (atomic_load(&s->job->retries))
        put(o, "retries", atomic_load(&s->job->retries));
    if (atomic_load(&s->job->paused))
        json_object_set_new(o, "paused", json_true());
    return o;
}

/* All take no less time than any one of them, though the pace of those before it was another. */
static void not_before(json_t *all, const json_t *disks)
{
    for (size_t i = 0; i < json_array_size(disks); i++) {
        const json_t *d = json_array_get(disks, i);
        json_int_t left = vf_json_int(d, "left");
        if (vf_json_true(d, "over") || vf_streq(vf_json_str(d, "disk"), "memory"))
            continue;
        if (json_object_get(all, "left") && left > vf_json_int(all, "left"))
            json_object_set_new(all, "left", json_integer(left));
    }
}

json_t *vf_sampler_take(struct vf_sampler *s, int64_t now)
{
    const struct vf_job *job = s->job;
    json_t *disks = json_array();
    bool busy = false;
    for (size_t i = 0; i <= job->plan->n_disks; i++) {
        const struct vf_job_disk *d = i < job->plan->n_disks ? &job->disks[i] : &job->memory;
        struct disk *seen = &s->disks[i];
        /* once more when it is over: what it came to in the end */
        if (atomic_load(&d->copying) || seen->copying)
            json_array_append_new(disks, sample_disk(s, d, seen, now));
        if (!seen->copying)
            *seen = (struct disk){0};
        busy = busy || seen->copying;
    }
    if (s->last)
        s->busy += now - s->last;
    s->last = busy ? now : 0;
    if (!json_array_size(disks)) {
        json_decref(disks);
        return NULL;
    }
    json_t *e = vf_event_new("progress");
    json_t *all = sample_all(s);
    not_before(all, disks);
    json_object_set_new(e, "all", all);
    json_object_set_new(e, "disks", disks);
    return e;
}
