/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The beginning of a copy: its disks are opened, and where it starts is found. */
#include "config.h"
#include "xfer/copy_int.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

/* Storages round up to their own units: by less than this. */
#define MAX_ROUNDING ((uint64_t)1 << 30)

const char *vf_copy_side_name(const struct vf_copy *c, const struct side *s)
{
    return s == &c->source ? "source" : "target";
}

static int open_disk(struct vf_copy *c, struct side *s, const struct vf_mover_host *host,
                     const struct vf_copy_end *end, struct vf_error **err)
{
    bool write = s == &c->target;
    vf_autobuf struct vf_buf b = {0};
    vf_field_str(&b, VF_TAG_PATH, end->path);
    vf_field_str(&b, VF_TAG_FORMAT, end->format);
    vf_field_u64(&b, VF_TAG_WRITE, write);
    vf_field_u64(&b, VF_TAG_OURS, write);
    vf_field_u64(&b, VF_TAG_LIVE, !write && c->o.live);
    vf_auto(vf_message_free) struct vf_message *m = NULL;
    if (vf_session_call(s->session, VF_F_OPEN, c->id, &b, VF_F_OPENED, VF_COPY_ANSWER_MS,
                        c->o.cancel, &m, err) < 0) {
        /* without an answer nobody knows */
        if (vf_session_ended(s->session))
            vf_str_set(&s->owner, host->dir);
        return vf_fail_prefix(err, "%s (%s)", vf_copy_side_name(c, s), s->label);
    }
    vf_str_set(&s->owner, host->dir);
    s->size = vf_field_num(&m->frame, VF_TAG_SIZE, 0);
    free(s->identity);
    s->identity = vf_field_text(&m->frame, VF_TAG_IDENTITY);
    vf_autofree char *name = vf_field_text(&m->frame, VF_TAG_TEXT);
    vf_str_set(&s->name, name ? name : end->path);
    return 0;
}

static int open_both(struct vf_copy *c, const struct vf_route *route, struct vf_error **err)
{
    const struct vf_copy_opts *o = &c->o;
    c->at_source = true;
    if (open_disk(c, &c->source, route->source, &o->source, err) < 0)
        return -1;
    uint64_t size = c->source.size;
    if (o->source.size && size != o->source.size)
        return vf_fail(err, VF_E_CONFLICT,
                       "source (%s): %s has %llu bytes, not the %llu it is known to have",
                       c->source.label, c->source.name, (unsigned long long)size,
                       (unsigned long long)o->source.size);
    if (!size)
        return vf_fail(err, VF_E_UNSUPPORTED, "source (%s): %s is empty", c->source.label,
                       c->source.name);
    c->at_source = false;
    if (open_disk(c, &c->target, route->target, &o->target, err) < 0)
        return -1;
    uint64_t target = c->target.size;
    if (target < size)
        return vf_fail(
            err, VF_E_NOSPACE, "target (%s): %s has %llu bytes, the source's disk needs %llu",
            c->target.label, o->target.path, (unsigned long long)target, (unsigned long long)size);
    /* what is behind the source's end is made zero: not in a volume that is another one */
    if (o->target.size && (target < o->target.size || target - o->target.size >= MAX_ROUNDING))
        return vf_fail(err, VF_E_CONFLICT,
                       "target (%s): %s has %llu bytes, but %llu were allocated: nothing was "
                       "written to it",
                       c->target.label, o->target.path, (unsigned long long)target,
                       (unsigned long long)o->target.size);
    return 0;
}

/* ---- where to start ---- */

/* What a mark has to say of this copy, as both disks are now. */
static void describe(const struct vf_copy *c, struct vf_copy_mark *m)
{
    const struct vf_copy_opts *o = &c->o;
    vf_str_set(&m->job, o->job ? o->job : "");
    vf_str_set(&m->source, o->source.path);
    vf_str_set(&m->source_format, o->source.format);
    vf_str_set(&m->source_identity, c->source.identity ? c->source.identity : "");
    vf_str_set(&m->target, o->target.path);
    vf_str_set(&m->target_format, o->target.format);
    /* device and inode: the rest changes as it is written */
    const char *volume = c->target.identity ? c->target.identity : "";
    size_t n = strcspn(volume, ":");
    n += volume[n] ? 1 + strcspn(volume + n + 1, ":") : 0;
    free(m->target_volume);
    m->target_volume = vf_strndup(volume, n);
    m->source_size = c->source.size;
    m->target_size = c->target.size;
    m->verify = o->verify;
}

/* Leaves c->mark as what this pass may start from: DONE is 0 where nothing is known for sure. */
static void find_start(struct vf_copy *c)
{
    if (!c->looked && c->o.mark && vf_copy_mark_load(c->o.mark, &c->mark))
        c->begun = true;
    c->looked = true;
    struct vf_copy_mark now = {0};
    describe(c, &now);
    /* what was not compared before is not sent again: only what differs is */
    now.delta = c->o.delta || c->begun;
    if (vf_copy_mark_fits(&c->mark, &now)) {
        vf_copy_mark_clear(&now);
        return;
    }
    if (c->mark.done > c->again)
        c->again = c->mark.done;
    vf_copy_forget(c->o.mark);
    vf_copy_mark_clear(&c->mark);
    c->mark = now;
    c->unsaved = false;
}

static void add_start(const struct vf_copy *c, struct vf_buf *b)
{
    vf_field_u64(b, VF_TAG_SIZE, c->source.size);
    vf_field_u64(b, VF_TAG_DELTA, c->mark.delta);
    if (!c->mark.done)
        return;
    vf_field_u64(b, VF_TAG_RESUME, c->mark.done);
    vf_field_add(b, VF_TAG_STATE, c->mark.state.data, c->mark.state.len);
}

static int start_side(struct vf_copy *c, struct side *s, enum vf_frame_type type, struct vf_buf *b,
                      struct vf_error **err)
{
    s->started = s->ended = false;
    if (vf_session_call(s->session, type, c->id, b, VF_F_OK, VF_COPY_ANSWER_MS, c->o.cancel, NULL,
                        err) < 0) {
        s->started = vf_session_ended(s->session); /* nobody knows */
        return vf_fail_prefix(err, "%s (%s)", vf_copy_side_name(c, s), s->label);
    }
    s->started = true;
    return 0;
}

uint64_t vf_copy_rate_now(const struct vf_copy_opts *o)
{
    return o->rate_now ? atomic_load(o->rate_now) : o->rate;
}

static int start_pass(struct vf_copy *c, const struct vf_route *route, struct vf_error **err)
{
    const struct vf_progress *p = c->progress;
    c->before = (struct counts){p->read, p->sent, p->zero, p->same, p->wire};
    vf_autobuf struct vf_buf b = {0};
    add_start(c, &b);
    vf_field_u64(&b, VF_TAG_VERIFY, c->o.verify);
    vf_field_u64(&b, VF_TAG_FRESH,
                 c->o.target_fresh && !c->begun && !c->mark.done && !c->mark.delta);
    if (start_side(c, &c->target, VF_F_RECEIVE, &b, err) < 0)
        return -1;
    c->begun = true;
    add_start(c, &b);
    vf_field_u64(&b, VF_TAG_STREAM, route->stream);
    vf_field_u64(&b, VF_TAG_STREAMS, route->n_streams);
    c->rate = vf_copy_rate_now(&c->o);
    vf_field_u64(&b, VF_TAG_RATE, c->rate);
    vf_field_u64(&b, VF_TAG_COMPRESS, c->o.compress);
    if (start_side(c, &c->source, VF_F_SEND, &b, err) < 0) {
        vf_copy_settle(c);
        return -1;
    }
    return 0;
}

/* Forgets what the sides have said of a pass. */
void vf_copy_reset_side(struct side *s)
{
    s->ended = s->lost = s->echo = false;
    vf_error_free(VF_STEAL(s->error));
    vf_message_free(VF_STEAL(s->done));
}

int vf_copy_start(struct vf_copy *c, const struct vf_route *route, struct vf_error **err)
{
    if (open_both(c, route, err) < 0)
        return -1;
    c->progress->total = c->source.size;
    find_start(c);
    if (c->mark.done)
        vf_info("copy", "%s: going on at %llu of %llu bytes", c->source.name,
                (unsigned long long)c->mark.done, (unsigned long long)c->source.size);
    vf_autoerror struct vf_error *e = NULL;
    int r = start_pass(c, route, &e);
    if (r < 0 && c->mark.done && vf_error_code(e) == VF_E_CONFLICT) {
        vf_info("copy", "%s; comparing both disks instead", vf_error_text(e));
        vf_copy_reset_side(&c->source);
        vf_copy_reset_side(&c->target);
        vf_copy_forget(c->o.mark);
        if (c->mark.done > c->again)
            c->again = c->mark.done;
        c->mark.done = 0;
        c->mark.delta = true;
        vf_error_free(VF_STEAL(e));
        r = start_pass(c, route, &e);
    }
    return r < 0 ? vf_fail_with(err, VF_STEAL(e)) : 0;
}
