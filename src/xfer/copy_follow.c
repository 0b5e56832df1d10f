/* SPDX-License-Identifier: GPL-3.0-or-later */
/* While movers copy: what they say, how far they are, which of them failed first. */
#include "config.h"
#include "xfer/copy_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <poll.h>
#include <string.h>

enum { SETTLE_MS = 10 * 1000 }; /* for the other side to end after one has failed */

/* Which counters come from which side: what is sent is counted where it leaves, all that means "the
 * target has it" at the target. */
struct counter {
    enum vf_tag tag;
    size_t offset; /* of the atomic in struct vf_progress */
    size_t before; /* in struct counts; NONE: it says how far the disk is, not what was done */
};
#define NONE SIZE_MAX

static const struct counter source_counters[] = {
    {VF_TAG_READ, offsetof(struct vf_progress, read), offsetof(struct counts, read)},
    {VF_TAG_SENT, offsetof(struct vf_progress, sent), offsetof(struct counts, sent)},
    {VF_TAG_ZEROES, offsetof(struct vf_progress, zero), offsetof(struct counts, zero)},
    {VF_TAG_WIRE, offsetof(struct vf_progress, wire), offsetof(struct counts, wire)},
};
static const struct counter target_counters[] = {
    {VF_TAG_DONE, offsetof(struct vf_progress, done), NONE},
    {VF_TAG_SAME, offsetof(struct vf_progress, same), offsetof(struct counts, same)},
    {VF_TAG_COMMITTED, offsetof(struct vf_progress, committed), NONE},
    {VF_TAG_VERIFIED, offsetof(struct vf_progress, verified), NONE},
};

static void note_progress(struct vf_copy *c, const struct side *s, const struct vf_frame *f)
{
    bool target = s == &c->target;
    const struct counter *list = target ? target_counters : source_counters;
    size_t n = target ? VF_COUNT(target_counters) : VF_COUNT(source_counters);
    for (size_t i = 0; i < n; i++) {
        uint64_t v, before = 0;
        if (!vf_field_get_u64(f, list[i].tag, &v))
            continue;
        if (list[i].before != NONE)
            before = *(uint64_t *)((char *)&c->before + list[i].before);
        *(_Atomic uint64_t *)((char *)c->progress + list[i].offset) = before + v;
    }
    uint64_t stage = vf_field_num(f, VF_TAG_STAGE, VF_STAGE_FINISH + 1);
    if (target && stage <= VF_STAGE_FINISH)
        c->progress->stage = (int)stage;
}

/* What the target says of how far it is. */
static void note_mark(struct vf_copy *c, const struct vf_frame *f)
{
    uint64_t done = vf_field_num(f, VF_TAG_RESUME, 0);
    const char *state;
    size_t n;
    if (done <= c->mark.done || done > c->source.size ||
        !vf_field_find(f, VF_TAG_STATE, &state, &n))
        return;
    c->mark.done = done;
    vf_buf_clear(&c->mark.state);
    vf_buf_add(&c->mark.state, state, n);
    c->unsaved = true;
}

/* A copy goes on without its mark; only a later process is the worse for it. */
static void save_mark(struct vf_copy *c)
{
    vf_autoerror struct vf_error *e = NULL;
    if (!c->unsaved || !c->o.mark || !*c->mark.source_identity)
        return;
    c->unsaved = false;
    if (vf_copy_mark_save(c->o.mark, &c->mark, &e) < 0)
        vf_warn("copy", "%s", vf_error_text(e));
}

static void on_message(struct vf_copy *c, struct side *s, struct vf_message *m)
{
    const struct vf_frame *f = &m->frame;
    if (f->type == VF_F_PROGRESS || f->type == VF_F_COPIED || f->type == VF_F_ERROR)
        note_progress(c, s, f);
    if (s == &c->target && (f->type == VF_F_PROGRESS || f->type == VF_F_ERROR))
        note_mark(c, f);
    if (f->type == VF_F_COPIED) {
        vf_message_free(s->done);
        s->done = m;
        s->ended = true;
        return;
    }
    if (f->type == VF_F_ERROR && !s->error) {
        s->echo = (f->flags & VF_FF_ECHO) != 0;
        vf_frame_error(f, NULL, &s->error);
        s->ended = true;
    }
    vf_message_free(m);
}

/* Takes what has come. A session that ended is the side's failure. */
static void take_messages(struct vf_copy *c, struct side *s)
{
    struct vf_message *m;
    struct vf_error *e = NULL;
    int r;
    while (!s->ended && (r = vf_session_next(s->session, c->id, &m, &e)) != 0) {
        if (r < 0) {
            s->error = e;
            s->ended = s->lost = true;
            return;
        }
        on_message(c, s, m);
    }
}

static int wait_messages(struct vf_copy *c, int timeout_ms, struct vf_cancel *cancel,
                         struct vf_error **err)
{
    struct side *sides[] = {&c->source, &c->target};
    struct pollfd p[2];
    for (int i = 0; i < 2; i++)
        p[i] = (struct pollfd){.fd = sides[i]->ended ? -1 : vf_session_fd(sides[i]->session, c->id),
                               .events = POLLIN};
    int r = vf_cancel_poll(cancel, p, 2, timeout_ms, err);
    for (int i = 0; i < 2 && r >= 0; i++)
        take_messages(c, sides[i]);
    save_mark(c);
    return r;
}

static void cancel_side(struct vf_copy *c, struct side *s)
{
    if (s->started && !s->ended)
        vf_session_send(s->session, VF_F_CANCEL, c->id, NULL, NULL); /* its end shows anyway */
}

/* After a failure: the other side is told and waited for, a while. */
void vf_copy_settle(struct vf_copy *c)
{
    cancel_side(c, &c->source);
    cancel_side(c, &c->target);
    int64_t end = vf_clock_ms() + vf_clock_limit(SETTLE_MS), left;
    while (((c->source.started && !c->source.ended) || (c->target.started && !c->target.ended)) &&
           (left = end - vf_clock_ms()) > 0)
        if (wait_messages(c, (int)left, NULL, NULL) < 0)
            return;
}

/* How likely the side's error is the cause, not the consequence. */
static int blame(const struct side *s)
{
    if (!s->error)
        return 0;
    enum vf_error_code code = vf_error_code(s->error);
    if (s->lost) /* its mover is gone, or out of sight */
        return 5;
    if (!s->echo)
        return code == VF_E_NET ? 3 : 4; /* a stream that ends says nothing about why */
    return code == VF_E_CANCELLED ? 1 : 2;
}

static int failed(struct vf_copy *c, struct vf_error **err)
{
    struct side *s = blame(&c->source) > blame(&c->target) ? &c->source : &c->target;
    c->at_source = s == &c->source;
    c->full = s == &c->target && vf_error_code(s->error) == VF_E_NOSPACE;
    vf_fail_with(err, VF_STEAL(s->error));
    return vf_fail_prefix(err, "%s (%s)", vf_copy_side_name(c, s), s->label);
}

/* Movers that are out of sight copy on. */
static bool lost(const struct vf_copy *c)
{
    return c->source.lost || c->target.lost;
}

/* PROGRESS comes a few times a second, so this is looked at often enough. */
static void follow_rate(struct vf_copy *c, struct vf_route *route)
{
    uint64_t rate = vf_copy_rate_now(&c->o);
    /* a session that takes nothing any more says so itself */
    if (rate != c->rate && vf_route_set_rate(route, rate, NULL) == 0)
        c->rate = rate;
}

int vf_copy_follow(struct vf_copy *c, struct vf_route *route, struct vf_error **err)
{
    for (;;) {
        if (c->source.error || c->target.error) {
            if (!lost(c))
                vf_copy_settle(c);
            return failed(c, err);
        }
        if (c->source.ended && c->target.ended)
            return 0;
        follow_rate(c, route);
        if (wait_messages(c, -1, c->o.cancel, err) < 0) {
            vf_copy_settle(c);
            return -1;
        }
    }
}

/* Asks the side's mover how its part of the pass is doing: 1 when it knows, 0 when it does not. */
int vf_copy_watch(struct vf_copy *c, struct side *s, struct vf_error **err)
{
    int64_t end = vf_clock_ms() + VF_COPY_ANSWER_MS, left;
    vf_copy_reset_side(s);
    if (vf_session_send(s->session, VF_F_WATCH, c->id, NULL, err) < 0)
        return -1;
    while ((left = end - vf_clock_ms()) > 0) {
        vf_auto(vf_message_free) struct vf_message *m = NULL;
        int r = vf_session_wait(s->session, c->id, (int)left, c->o.cancel, &m, err);
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        if (m->frame.type == VF_F_PROGRESS || m->frame.type == VF_F_COPIED ||
            m->frame.type == VF_F_ERROR) {
            on_message(c, s, VF_STEAL(m));
            return !s->error || vf_error_code(s->error) != VF_E_NOTFOUND;
        }
    }
    return vf_fail(err, VF_E_NET, "the mover does not answer");
}
