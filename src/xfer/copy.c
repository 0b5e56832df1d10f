/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One copy of one disk, driven over the two control sessions. The bytes do not pass through here.
 */
#include "config.h"
#include "xfer/route.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <poll.h>
#include <string.h>

enum {
    OPEN_MS = 60 * 1000,
    CLOSE_MS = 60 * 1000,
    SETTLE_MS = 10 * 1000, /* for the other side to end after one has failed */
};

/* Storages round up to their own units: by less than this. */
#define MAX_ROUNDING ((uint64_t)1 << 30)

/* One end of the running copy. */
struct side {
    const char *label;
    struct vf_session *session;
    bool open, started, ended;
    struct vf_error *error;  /* it failed */
    bool echo;               /* because of the other side */
    struct vf_message *done; /* COPIED */
};

struct copy {
    const struct vf_copy_opts *o;
    struct vf_progress *progress;
    uint32_t id;
    uint64_t size;
    uint64_t rate; /* the limit that the source was told */
    struct side source, target;
};

const char *vf_stage_name(enum vf_stage s)
{
    static const char *const names[] = {"prepare", "copy", "flush", "verify", "finish"};
    return s < VF_COUNT(names) ? names[s] : "unknown";
}

/* ---- opening ---- */

static int open_disk(struct copy *c, struct side *s, const struct vf_copy_end *end, bool write,
                     uint64_t *size, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_str(&b, VF_TAG_PATH, end->path);
    vf_field_str(&b, VF_TAG_FORMAT, end->format);
    vf_field_u64(&b, VF_TAG_WRITE, write);
    vf_field_u64(&b, VF_TAG_OURS, write);
    vf_auto(vf_message_free) struct vf_message *m = NULL;
    if (vf_session_call(s->session, VF_F_OPEN, c->id, &b, VF_F_OPENED, OPEN_MS, c->o->cancel, &m,
                        err) < 0)
        return -1;
    s->open = true;
    *size = vf_field_num(&m->frame, VF_TAG_SIZE, 0);
    return 0;
}

static int open_both(struct copy *c, struct vf_error **err)
{
    const struct vf_copy_opts *o = c->o;
    uint64_t target = 0;
    if (open_disk(c, &c->source, &o->source, false, &c->size, err) < 0)
        return vf_fail_prefix(err, "source (%s)", c->source.label);
    if (o->source.size && c->size != o->source.size)
        return vf_fail(err, VF_E_CONFLICT,
                       "source (%s): %s has %llu bytes, not the %llu it is known to have",
                       c->source.label, o->source.path, (unsigned long long)c->size,
                       (unsigned long long)o->source.size);
    if (!c->size)
        return vf_fail(err, VF_E_UNSUPPORTED, "source (%s): %s is empty", c->source.label,
                       o->source.path);
    if (open_disk(c, &c->target, &o->target, true, &target, err) < 0)
        return vf_fail_prefix(err, "target (%s)", c->target.label);
    if (target < c->size)
        return vf_fail(err, VF_E_NOSPACE,
                       "target (%s): %s has %llu bytes, the source's disk needs %llu",
                       c->target.label, o->target.path, (unsigned long long)target,
                       (unsigned long long)c->size);
    /* what is behind the source's end is made zero: not in a volume that is another one */
    if (o->target.size && (target < o->target.size || target - o->target.size >= MAX_ROUNDING))
        return vf_fail(err, VF_E_CONFLICT,
                       "target (%s): %s has %llu bytes, but %llu were allocated: nothing was "
                       "written to it",
                       c->target.label, o->target.path, (unsigned long long)target,
                       (unsigned long long)o->target.size);
    return 0;
}

static int start_target(struct copy *c, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_SIZE, c->size);
    vf_field_u64(&b, VF_TAG_VERIFY, c->o->verify);
    vf_field_u64(&b, VF_TAG_FRESH, c->o->target_fresh && !c->o->delta);
    vf_field_u64(&b, VF_TAG_DELTA, c->o->delta);
    if (vf_session_call(c->target.session, VF_F_RECEIVE, c->id, &b, VF_F_OK, OPEN_MS, c->o->cancel,
                        NULL, err) < 0)
        return vf_fail_prefix(err, "target (%s)", c->target.label);
    c->target.started = true;
    return 0;
}

static uint64_t rate_now(const struct vf_copy_opts *o)
{
    return o->rate_now ? atomic_load(o->rate_now) : o->rate;
}

static int start_source(struct copy *c, const struct vf_route *route, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_SIZE, c->size);
    vf_field_u64(&b, VF_TAG_STREAM, route->stream);
    vf_field_u64(&b, VF_TAG_STREAMS, route->n_streams);
    vf_field_u64(&b, VF_TAG_DELTA, c->o->delta);
    c->rate = rate_now(c->o);
    vf_field_u64(&b, VF_TAG_RATE, c->rate);
    vf_field_u64(&b, VF_TAG_COMPRESS, c->o->compress);
    if (vf_session_call(c->source.session, VF_F_SEND, c->id, &b, VF_F_OK, OPEN_MS, c->o->cancel,
                        NULL, err) < 0)
        return vf_fail_prefix(err, "source (%s)", c->source.label);
    c->source.started = true;
    return 0;
}

/* ---- while it runs ---- */

/* Which counters come from which side: what is sent is counted where it leaves, all that means "the
 * target has it" at the target. */
struct counter {
    enum vf_tag tag;
    size_t offset; /* of the atomic in struct vf_progress */
};

static const struct counter source_counters[] = {
    {VF_TAG_READ, offsetof(struct vf_progress, read)},
    {VF_TAG_SENT, offsetof(struct vf_progress, sent)},
    {VF_TAG_ZEROES, offsetof(struct vf_progress, zero)},
    {VF_TAG_WIRE, offsetof(struct vf_progress, wire)},
};
static const struct counter target_counters[] = {
    {VF_TAG_DONE, offsetof(struct vf_progress, done)},
    {VF_TAG_SAME, offsetof(struct vf_progress, same)},
    {VF_TAG_COMMITTED, offsetof(struct vf_progress, committed)},
    {VF_TAG_VERIFIED, offsetof(struct vf_progress, verified)},
};

static void note_progress(struct copy *c, const struct side *s, const struct vf_frame *f)
{
    bool target = s == &c->target;
    const struct counter *list = target ? target_counters : source_counters;
    size_t n = target ? VF_COUNT(target_counters) : VF_COUNT(source_counters);
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        if (vf_field_get_u64(f, list[i].tag, &v))
            *(_Atomic uint64_t *)((char *)c->progress + list[i].offset) = v;
    }
    uint64_t stage = vf_field_num(f, VF_TAG_STAGE, VF_STAGE_FINISH + 1);
    if (target && stage <= VF_STAGE_FINISH)
        c->progress->stage = (int)stage;
}

static void on_message(struct copy *c, struct side *s, struct vf_message *m)
{
    const struct vf_frame *f = &m->frame;
    if (f->type == VF_F_PROGRESS || f->type == VF_F_COPIED)
        note_progress(c, s, f);
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
static void take_messages(struct copy *c, struct side *s)
{
    struct vf_message *m;
    struct vf_error *e = NULL;
    int r;
    while (!s->ended && (r = vf_session_next(s->session, c->id, &m, &e)) != 0) {
        if (r < 0) {
            s->error = e;
            s->ended = true;
            s->open = false;
            return;
        }
        on_message(c, s, m);
    }
}

static int wait_messages(struct copy *c, int timeout_ms, struct vf_cancel *cancel,
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
    return r;
}

static void cancel_side(struct copy *c, struct side *s)
{
    if (s->started && !s->ended)
        vf_session_send(s->session, VF_F_CANCEL, c->id, NULL, NULL); /* its end shows anyway */
}

/* After a failure: the other side is told and waited for, a while. */
static void settle(struct copy *c)
{
    cancel_side(c, &c->source);
    cancel_side(c, &c->target);
    int64_t end = vf_clock_ms() + SETTLE_MS, left;
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
    if (!s->open) /* its mover is gone */
        return 5;
    if (!s->echo)
        return code == VF_E_NET ? 3 : 4; /* a stream that ends says nothing about why */
    return code == VF_E_CANCELLED ? 1 : 2;
}

static int failed(struct copy *c, struct vf_error **err)
{
    struct side *s = blame(&c->source) > blame(&c->target) ? &c->source : &c->target;
    vf_fail_with(err, VF_STEAL(s->error));
    return vf_fail_prefix(err, "%s (%s)", s == &c->source ? "source" : "target", s->label);
}

/* PROGRESS comes a few times a second, so this is looked at often enough. */
static void follow_rate(struct copy *c, struct vf_route *route)
{
    uint64_t rate = rate_now(c->o);
    /* a session that takes nothing any more says so itself */
    if (rate != c->rate && vf_route_set_rate(route, rate, NULL) == 0)
        c->rate = rate;
}

static int run(struct copy *c, struct vf_route *route, struct vf_error **err)
{
    while (!(c->source.ended && c->target.ended)) {
        follow_rate(c, route);
        if (wait_messages(c, -1, c->o->cancel, err) < 0) {
            settle(c);
            return -1;
        }
        if (c->source.error || c->target.error) {
            settle(c);
            return failed(c, err);
        }
    }
    return 0;
}

/* ---- the end ---- */

static int close_side(struct copy *c, struct side *s, struct vf_error **err)
{
    if (!s->open)
        return 0;
    s->open = false;
    if (vf_session_call(s->session, VF_F_CLOSE, c->id, NULL, VF_F_OK, CLOSE_MS, NULL, NULL, err) <
        0)
        return vf_fail_prefix(err, "%s (%s)", s == &c->source ? "source" : "target", s->label);
    return 0;
}

static char *hash_of(const struct side *s)
{
    const char *p;
    size_t n;
    if (!s->done || !vf_field_find(&s->done->frame, VF_TAG_HASH, &p, &n) || n != 16)
        return NULL;
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < n; i++)
        vf_buf_printf(&b, "%02x", (unsigned char)p[i]);
    return vf_buf_take(&b);
}

static int result(struct copy *c, struct vf_copy_result *out, struct vf_error **err)
{
    const struct vf_progress *p = c->progress;
    *out = (struct vf_copy_result){
        .size = c->size,
        .read = p->read,
        .sent = p->sent,
        .zero = p->zero,
        .same = p->same,
        .committed = p->committed,
        .verified = p->verified,
        .wire = p->wire,
        .source_hash = hash_of(&c->source),
        .target_hash = hash_of(&c->target),
    };
    vf_autofree char *how = vf_field_text(&c->target.done->frame, VF_TAG_HOW);
    out->verified_how = vf_streq(how, "media")           ? "media"
                        : vf_streq(how, "through cache") ? "through cache"
                                                         : "none";
    if (!out->source_hash || !vf_streq(out->source_hash, out->target_hash))
        return vf_fail(err, VF_E_CORRUPT, "source and target have different hashes of the disk");
    if (out->committed != c->size || (c->o->verify && out->verified != c->size))
        return vf_fail(err, VF_E_CORRUPT, "target (%s): only %llu of %llu bytes are confirmed",
                       c->target.label, (unsigned long long)out->committed,
                       (unsigned long long)c->size);
    return 0;
}

static void reset(struct vf_progress *p, uint64_t size)
{
    p->stage = VF_STAGE_PREPARE;
    p->total = size;
    p->done = p->read = p->sent = p->zero = p->same = p->committed = p->verified = p->wire = 0;
}

int vf_copy_disk(struct vf_route *route, const struct vf_copy_opts *opts,
                 struct vf_progress *progress, struct vf_copy_result *out, struct vf_error **err)
{
    struct vf_progress unseen = {0};
    struct copy c = {
        .o = opts,
        .progress = progress ? progress : &unseen,
        .id = vf_session_new_id(),
        .source = {.label = route->source_label, .session = route->source->session},
        .target = {.label = route->target_label, .session = route->target->session},
    };
    *out = (struct vf_copy_result){.verified_how = "none"};
    reset(c.progress, opts->source.size);
    vf_session_open(c.source.session, c.id);
    vf_session_open(c.target.session, c.id);
    vf_autoerror struct vf_error *e = NULL;
    int r = open_both(&c, &e);
    if (r == 0) {
        c.progress->total = c.size;
        r = start_target(&c, &e);
        if (r == 0 && (r = start_source(&c, route, &e)) < 0)
            settle(&c);
        if (r == 0)
            r = run(&c, route, &e);
    }
    if (r == 0)
        c.progress->stage = VF_STAGE_FINISH;
    /* closing the target can fail the copy, but not hide an earlier cause */
    if (close_side(&c, &c.target, &e) < 0)
        r = -1;
    vf_autoerror struct vf_error *late = NULL;
    if (close_side(&c, &c.source, &late) < 0)
        vf_warn("copy", "closing the source: %s", vf_error_text(late));
    if (r == 0)
        r = result(&c, out, &e);
    if (r < 0) {
        vf_copy_result_free(out);
        vf_fail_with(err, VF_STEAL(e));
    }
    vf_session_close(c.source.session, c.id);
    vf_session_close(c.target.session, c.id);
    vf_error_free(c.source.error);
    vf_error_free(c.target.error);
    vf_message_free(c.source.done);
    vf_message_free(c.target.done);
    return r;
}

void vf_copy_result_free(struct vf_copy_result *r)
{
    free(r->source_hash);
    free(r->target_hash);
    r->source_hash = r->target_hash = NULL;
}
