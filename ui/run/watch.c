/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/run/watch.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

enum { STALLED_MS = 10 * 1000, SAMPLE_MS = 1000, MAX_NOTES = 1000 };

void vf_watch_init(struct vf_watch *w)
{
    *w = (struct vf_watch){.all.left = -1};
}

static void copy_clear(struct vf_watch_copy *c)
{
    free(c->name);
    free(c->stage);
}

static void note_clear(struct vf_watch_note *n)
{
    free(n->time);
    free(n->text);
}

void vf_watch_free(struct vf_watch *w)
{
    for (size_t i = 0; i < w->n_steps; i++) {
        free(w->steps[i].name);
        free(w->steps[i].title);
        free(w->steps[i].state);
    }
    for (size_t i = 0; i < w->n_disks; i++)
        copy_clear(&w->disks[i]);
    for (size_t i = 0; i < w->n_notes; i++)
        note_clear(&w->notes[i]);
    copy_clear(&w->all);
    free(w->steps);
    free(w->disks);
    free(w->notes);
    free(w->job);
    free(w->vm);
    free(w->source);
    free(w->target);
    json_decref(w->ask);
    json_decref(w->end);
}

/* Remote text, as it may be drawn. */
static void set_text(char **dst, const char *text)
{
    free(*dst);
    *dst = text ? vf_escape(text) : NULL;
}

static int64_t parse_time(const char *stamp)
{
    struct tm t = {0};
    return stamp && strptime(stamp, "%Y-%m-%dT%H:%M:%SZ", &t) ? (int64_t)timegm(&t) : 0;
}

static void on_job(struct vf_watch *w, const json_t *e, int64_t now)
{
    set_text(&w->job, vf_json_str(e, "job"));
    set_text(&w->vm, vf_json_str(e, "vm"));
    set_text(&w->source, vf_json_str(e, "source"));
    set_text(&w->target, vf_json_str(e, "target"));
    w->began = parse_time(vf_json_str(e, "time"));
}

/* From the shutdown at the source to the start at the target, or back at the source. */
static void on_step(struct vf_watch *w, const json_t *e, int64_t now)
{
    const char *key = vf_json_str(e, "key"), *state = vf_json_str(e, "state");
    const json_t *data = json_object_get(e, "data");
    if (vf_streq(key, "shutdown") && vf_streq(state, "intent") && vf_json_true(data, "running"))
        w->down_since = vf_json_int(data, "since");
    if ((vf_streq(key, "start") && vf_streq(state, "done")) ||
        (vf_streq(key, "shutdown") && vf_streq(state, "undone")))
        w->down_since = 0;
}

static void on_phase(struct vf_watch *w, const json_t *e, int64_t now)
{
    const char *name = vf_json_str(e, "step");
    struct vf_watch_step *s = w->n_steps ? &w->steps[w->n_steps - 1] : NULL;
    if (!name)
        return;
    if (!s || !vf_streq(s->name, name)) {
        s = vf_grow(&w->steps, &w->n_steps, sizeof *s);
        s->began = parse_time(vf_json_str(e, "time"));
        w->copying = false;
    }
    set_text(&s->name, name);
    set_text(&s->title, vf_json_str(e, "title"));
    set_text(&s->state, vf_json_str(e, "state"));
    s->seconds = vf_json_num(e, "seconds");
}

static void take_copy(struct vf_watch_copy *c, const json_t *e, int64_t now)
{
    uint64_t done = (uint64_t)vf_json_int(e, "done");
    const json_t *left = json_object_get(e, "left");
    /* other counters may have moved: the job sees all of them */
    if (json_is_integer(json_object_get(e, "idle")))
        c->moved = now - 1000 * vf_json_int(e, "idle");
    else if (done != c->done || !c->moved)
        c->moved = now;
    c->total = (uint64_t)vf_json_int(e, "total");
    c->done = done;
    c->zero = (uint64_t)vf_json_int(e, "zero");
    c->same = (uint64_t)vf_json_int(e, "same");
    c->wire = (uint64_t)vf_json_int(e, "wire");
    c->rate = (uint64_t)vf_json_int(e, "rate");
    c->average = (uint64_t)vf_json_int(e, "average");
    c->left = json_is_integer(left) ? (int64_t)json_integer_value(left) : -1;
}

static void take_disk(struct vf_watch *w, const json_t *disk, int64_t now)
{
    const char *name = vf_json_str(disk, "disk");
    size_t i = 0;
    if (!name)
        return;
    while (i < w->n_disks && !vf_streq(w->disks[i].name, name))
        i++;
    struct vf_watch_copy *c =
        i < w->n_disks ? &w->disks[i] : vf_grow(&w->disks, &w->n_disks, sizeof *c);
    set_text(&c->name, name);
    c->over = vf_json_true(disk, "over");
    set_text(&c->stage, c->over ? NULL : vf_json_str(disk, "stage"));
    w->copying = w->copying || !c->over;
    take_copy(c, disk, now);
}

static void on_progress(struct vf_watch *w, const json_t *e, int64_t now)
{
    const json_t *all = json_object_get(e, "all"), *disks = json_object_get(e, "disks");
    w->copying = false;
    for (size_t i = 0; i < json_array_size(disks); i++)
        take_disk(w, json_array_get(disks, i), now);
    if (!json_is_object(all))
        return;
    take_copy(&w->all, all, now);
    w->paused = vf_json_true(all, "paused");
    w->retries = vf_json_int(all, "retries");
}

static void add_note(struct vf_watch *w, const json_t *e, const char *text, bool warn)
{
    if (w->n_notes == MAX_NOTES) {
        note_clear(&w->notes[0]);
        w->n_notes--;
        memmove(w->notes, w->notes + 1, w->n_notes * sizeof *w->notes);
    }
    struct vf_watch_note *n = vf_grow(&w->notes, &w->n_notes, sizeof *n);
    const char *stamp = vf_json_str(e, "time");
    *n = (struct vf_watch_note){.warn = warn};
    n->time = stamp && strlen(stamp) > 19 ? vf_strndup(stamp + 11, 8) : vf_strdup("");
    set_text(&n->text, text);
}

static void on_note(struct vf_watch *w, const json_t *e, int64_t now)
{
    add_note(w, e, vf_json_str(e, "text"), vf_streq(vf_json_str(e, "level"), "warn"));
}

/* A new limit or a pause, by whomever; or why there is none. */
static void on_rate(struct vf_watch *w, const json_t *e, int64_t now)
{
    const json_t *error = json_object_get(e, "error");
    if (error) {
        add_note(w, e, vf_json_str(error, "text"), true);
        return;
    }
    w->limit = (uint64_t)vf_json_int(e, "rate");
    w->paused = vf_json_true(e, "paused");
}

static void on_ask(struct vf_watch *w, const json_t *e, int64_t now)
{
    json_decref(w->ask);
    w->ask = json_deep_copy(e);
}

static void on_answered(struct vf_watch *w, const json_t *e, int64_t now)
{
    if (w->ask && vf_json_int(w->ask, "ask") == vf_json_int(e, "ask")) {
        json_decref(w->ask);
        w->ask = NULL;
    }
}

static void on_end(struct vf_watch *w, const json_t *e, int64_t now)
{
    json_decref(w->end);
    w->end = json_deep_copy(e);
    json_decref(w->ask);
    w->ask = NULL;
}

void vf_watch_event(struct vf_watch *w, const json_t *e, int64_t now)
{
    static const struct {
        const char *type;
        void (*on)(struct vf_watch *w, const json_t *e, int64_t now);
    } handlers[] = {
        {"job", on_job},           {"phase", on_phase},       {"step", on_step},
        {"note", on_note},         {"progress", on_progress}, {"ask", on_ask},
        {"answered", on_answered}, {"end", on_end},           {"rate", on_rate},
    };
    for (size_t i = 0; i < VF_COUNT(handlers); i++)
        if (vf_streq(handlers[i].type, vf_json_str(e, "type")))
            handlers[i].on(w, e, now);
}

void vf_watch_tick(struct vf_watch *w, int64_t now)
{
    if (!w->copying || w->end || now - w->sampled < SAMPLE_MS)
        return;
    w->sampled = now;
    if (w->n_rates == VF_WATCH_RATES) {
        w->n_rates--;
        memmove(w->rates, w->rates + 1, w->n_rates * sizeof w->rates[0]);
    }
    w->rates[w->n_rates++] = vf_watch_stalled(w, now) ? 0 : w->all.rate;
}

const struct vf_watch_step *vf_watch_current(const struct vf_watch *w)
{
    return w->n_steps ? &w->steps[w->n_steps - 1] : NULL;
}

int vf_watch_stalled(const struct vf_watch *w, int64_t now)
{
    int64_t idle = now - w->all.moved;
    if (!w->copying || w->paused || w->end || w->all.done >= w->all.total || idle < STALLED_MS)
        return 0;
    return (int)(idle / 1000);
}
