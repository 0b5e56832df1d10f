/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One copy of one disk, driven over the two control sessions. The bytes do not pass through here.
 */
#include "config.h"
#include "xfer/mark.h"
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

/* One end of the copy. */
struct side {
    const char *label;
    struct vf_session *session; /* while it runs */
    char *owner;                /* directory of the mover that has the disk open; NULL: none */
    char *identity, *name;      /* what it told of the disk; what messages call it */
    uint64_t size;
    bool started, ended;
    bool lost;               /* the session with its mover has ended: the mover may copy on */
    struct vf_error *error;  /* it failed */
    bool echo;               /* because of the other side */
    struct vf_message *done; /* COPIED */
};

/* What earlier passes have counted at the sides; a pass begins at zero. */
struct counts {
    uint64_t read, sent, zero, same, wire;
};

struct vf_copy {
    struct vf_copy_opts o;
    struct vf_progress *progress, unseen;
    struct counts before;
    uint32_t id;    /* of the pass */
    uint64_t rate;  /* the limit that the source was told */
    bool begun;     /* a pass was started: the target is not fresh any more */
    bool looked;    /* for a mark of an earlier process */
    bool full;      /* see vf_copy_is_full() */
    bool unsaved;   /* the mark has grown since it was written */
    uint64_t again; /* up to where a mark was that does not count */
    struct vf_copy_mark mark;
    struct side source, target;
    bool at_source; /* where it fails */
};

const char *vf_stage_name(enum vf_stage s)
{
    static const char *const names[] = {"prepare", "copy", "flush", "verify", "finish"};
    return s < VF_COUNT(names) ? names[s] : "unknown";
}

/* ---- opening ---- */

static const char *side_name(const struct vf_copy *c, const struct side *s)
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
    if (vf_session_call(s->session, VF_F_OPEN, c->id, &b, VF_F_OPENED, OPEN_MS, c->o.cancel, &m,
                        err) < 0) {
        /* without an answer nobody knows */
        if (vf_session_ended(s->session))
            vf_str_set(&s->owner, host->dir);
        return vf_fail_prefix(err, "%s (%s)", side_name(c, s), s->label);
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
    if (vf_session_call(s->session, type, c->id, b, VF_F_OK, OPEN_MS, c->o.cancel, NULL, err) < 0) {
        s->started = vf_session_ended(s->session); /* nobody knows */
        return vf_fail_prefix(err, "%s (%s)", side_name(c, s), s->label);
    }
    s->started = true;
    return 0;
}

static uint64_t rate_now(const struct vf_copy_opts *o)
{
    return o->rate_now ? atomic_load(o->rate_now) : o->rate;
}

static void settle(struct vf_copy *c);

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
    c->rate = rate_now(&c->o);
    vf_field_u64(&b, VF_TAG_RATE, c->rate);
    vf_field_u64(&b, VF_TAG_COMPRESS, c->o.compress);
    if (start_side(c, &c->source, VF_F_SEND, &b, err) < 0) {
        settle(c);
        return -1;
    }
    return 0;
}

/* Forgets what the sides have said of a pass. */
static void reset_side(struct side *s)
{
    s->ended = s->lost = s->echo = false;
    vf_error_free(VF_STEAL(s->error));
    vf_message_free(VF_STEAL(s->done));
}

static int start(struct vf_copy *c, const struct vf_route *route, struct vf_error **err)
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
        reset_side(&c->source);
        reset_side(&c->target);
        vf_copy_forget(c->o.mark);
        c->mark.done = 0;
        c->mark.delta = true;
        vf_error_free(VF_STEAL(e));
        r = start_pass(c, route, &e);
    }
    return r < 0 ? vf_fail_with(err, VF_STEAL(e)) : 0;
}

/* ---- while it runs ---- */

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
static void settle(struct vf_copy *c)
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
    return vf_fail_prefix(err, "%s (%s)", side_name(c, s), s->label);
}

/* Movers that are out of sight copy on. */
static bool lost(const struct vf_copy *c)
{
    return c->source.lost || c->target.lost;
}

/* PROGRESS comes a few times a second, so this is looked at often enough. */
static void follow_rate(struct vf_copy *c, struct vf_route *route)
{
    uint64_t rate = rate_now(&c->o);
    /* a session that takes nothing any more says so itself */
    if (rate != c->rate && vf_route_set_rate(route, rate, NULL) == 0)
        c->rate = rate;
}

static int run(struct vf_copy *c, struct vf_route *route, struct vf_error **err)
{
    for (;;) {
        if (c->source.error || c->target.error) {
            if (!lost(c))
                settle(c);
            return failed(c, err);
        }
        if (c->source.ended && c->target.ended)
            return 0;
        follow_rate(c, route);
        if (wait_messages(c, -1, c->o.cancel, err) < 0) {
            settle(c);
            return -1;
        }
    }
}

/* ---- going on with movers that were out of sight ---- */

/* Asks the side's mover how its part of the pass is doing: 1 when it knows, 0 when it does not. */
static int watch(struct vf_copy *c, struct side *s, struct vf_error **err)
{
    int64_t end = vf_clock_ms() + OPEN_MS, left;
    reset_side(s);
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

/* The mover may have our disk open, from an earlier run. */
static bool has_ours(const struct side *s, const struct vf_mover_host *host)
{
    return vf_streq(s->owner, host->dir);
}

/* 1: both sides know of the pass; 0: it has to be started anew. */
static int find_pass(struct vf_copy *c, const struct vf_route *route, struct vf_error **err)
{
    if (!(c->source.started && c->target.started && has_ours(&c->source, route->source) &&
          has_ours(&c->target, route->target)))
        return 0;
    int r = watch(c, &c->target, err);
    return r == 1 ? watch(c, &c->source, err) : r;
}

/* ---- the end ---- */

/* Its part of the pass does not end: the storage takes long to write what has come. */
static bool is_busy(const struct side *s)
{
    return s->started && !s->ended;
}

static int close_side(struct vf_copy *c, struct side *s, struct vf_error **err)
{
    vf_autoerror struct vf_error *e = NULL;
    if (!s->owner)
        return 0;
    if (vf_session_call(s->session, VF_F_CLOSE, c->id, NULL, VF_F_OK, CLOSE_MS, NULL, NULL, &e) ==
        0) {
        vf_str_set(&s->owner, NULL);
        return 0;
    }
    /* an answer: it is closed all the same, or was never open; without one nobody knows */
    if (vf_error_code(e) != VF_E_NET && !vf_session_ended(s->session) && !is_busy(s))
        vf_str_set(&s->owner, NULL);
    vf_fail_with(err, VF_STEAL(e));
    return vf_fail_prefix(err, "%s (%s)", side_name(c, s), s->label);
}

/* Ends the part of an earlier pass that a side may still have. */
static int leave_side(struct vf_copy *c, struct side *s, const struct vf_mover_host *host,
                      struct vf_error **err)
{
    if (!has_ours(s, host)) {
        vf_str_set(&s->owner, NULL); /* it went with its mover */
        return 0;
    }
    int r = watch(c, s, err);
    if (r < 0)
        return vf_fail_prefix(err, "%s (%s)", side_name(c, s), s->label);
    s->started = r == 1;
    settle(c);
    vf_autoerror struct vf_error *e = NULL;
    if (close_side(c, s, &e) == 0 || !s->owner)
        return 0;
    if (is_busy(s)) /* that passes */
        return vf_fail(err, VF_E_NET, "%s (%s): the storage is still writing what had come",
                       side_name(c, s), s->label);
    return vf_fail_with(err, VF_STEAL(e));
}

static int leave(struct vf_copy *c, const struct vf_route *route, struct vf_error **err)
{
    c->source.started = c->target.started = false;
    int r = leave_side(c, &c->source, route->source, err);
    if (r == 0)
        r = leave_side(c, &c->target, route->target, err);
    reset_side(&c->source);
    reset_side(&c->target);
    return r;
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

static int result(struct vf_copy *c, struct vf_copy_result *out, struct vf_error **err)
{
    const struct vf_progress *p = c->progress;
    *out = (struct vf_copy_result){
        .size = c->source.size,
        .read = p->read,
        .sent = p->sent,
        .zero = p->zero,
        .same = p->same,
        .committed = p->committed,
        .again = c->again < c->source.size ? c->again : c->source.size,
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
    /* a pass that started at a mark has counted what lies before it: that was committed and, where
     * this copy verifies, compared by an earlier one, and the hash of the whole includes it */
    if (out->committed != out->size || (c->o.verify && out->verified != out->size))
        return vf_fail(err, VF_E_CORRUPT, "target (%s): only %llu of %llu bytes are confirmed",
                       c->target.label, (unsigned long long)out->committed,
                       (unsigned long long)out->size);
    return 0;
}

static char *copy_text(const char *s)
{
    return s ? vf_strdup(s) : NULL;
}

struct vf_copy *vf_copy_new(const struct vf_copy_opts *opts, struct vf_progress *progress)
{
    struct vf_copy *c = vf_xcalloc(1, sizeof *c);
    struct vf_copy_opts *o = &c->o;
    *o = *opts;
    o->source.path = copy_text(o->source.path);
    o->source.format = copy_text(o->source.format);
    o->target.path = copy_text(o->target.path);
    o->target.format = copy_text(o->target.format);
    o->job = copy_text(o->job);
    o->mark = copy_text(o->mark);
    struct vf_progress *p = c->progress = progress ? progress : &c->unseen;
    p->stage = VF_STAGE_PREPARE;
    p->total = o->source.size;
    p->done = p->read = p->sent = p->zero = p->same = p->committed = p->verified = p->wire = 0;
    return c;
}

static void clear_side(struct side *s)
{
    reset_side(s);
    free(s->owner);
    free(s->name);
    free(s->identity);
}

void vf_copy_free(struct vf_copy *c)
{
    if (!c)
        return;
    const struct vf_copy_opts *o = &c->o;
    const char *const texts[] = {o->source.path,   o->source.format, o->target.path,
                                 o->target.format, o->job,           o->mark};
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        free((char *)texts[i]);
    clear_side(&c->source);
    clear_side(&c->target);
    vf_copy_mark_clear(&c->mark);
    free(c);
}

bool vf_copy_is_full(const struct vf_copy *c)
{
    return c->full;
}

void vf_copy_forget(const char *mark)
{
    vf_copy_mark_remove(mark);
}

/* Closes the disks. Closing the target can fail the copy, but not hide an earlier cause. */
static int close_both(struct vf_copy *c, struct vf_error **err)
{
    int r = close_side(c, &c->target, err);
    vf_autoerror struct vf_error *late = NULL;
    if (close_side(c, &c->source, &late) < 0)
        vf_warn("copy", "closing the source: %s", vf_error_text(late));
    return r;
}

static void bind(struct vf_copy *c, const struct vf_route *route)
{
    c->source.label = route->source_label;
    c->source.session = route->source->session;
    c->target.label = route->target_label;
    c->target.session = route->target->session;
    c->full = false;
}

/* The inboxes of the pass's id. */
static void listen(struct vf_copy *c, bool on)
{
    (on ? vf_session_open : vf_session_close)(c->source.session, c->id);
    (on ? vf_session_open : vf_session_close)(c->target.session, c->id);
}

static int run_on(struct vf_copy *c, struct vf_route *route, struct vf_error **err)
{
    if (c->id) {
        listen(c, true);
        int there = find_pass(c, route, err);
        if (there == 0 && leave(c, route, err) < 0)
            there = -1;
        if (there < 0)
            return -1;
        if (there) {
            c->rate = UINT64_MAX; /* what was told last may have been lost: it is told again */
            return run(c, route, err);
        }
        listen(c, false);
    }
    c->id = vf_session_new_id();
    listen(c, true);
    c->source.started = c->target.started = false;
    return start(c, route, err) < 0 ? -1 : run(c, route, err);
}

/* After a failure: what can be closed is, unless movers may copy on for the next run. */
static void stop(struct vf_copy *c, bool for_good)
{
    bool apart = vf_session_ended(c->source.session) || vf_session_ended(c->target.session);
    if (apart && !for_good && c->source.started && c->target.started)
        return;
    if (apart)
        settle(c);
    close_both(c, NULL);
    c->source.started = c->target.started = false; /* nothing that a later run could go on with */
}

static int run_once(struct vf_copy *c, struct vf_route *route, bool for_good,
                    struct vf_copy_result *out, struct vf_error **err)
{
    *out = (struct vf_copy_result){.verified_how = "none"};
    c->at_source = false;
    bind(c, route);
    vf_autoerror struct vf_error *e = NULL;
    int r = run_on(c, route, &e);
    if (r == 0) {
        c->progress->stage = VF_STAGE_FINISH;
        r = close_both(c, &e);
        if (r == 0)
            r = result(c, out, &e);
    } else {
        stop(c, for_good);
    }
    if (c->id)
        listen(c, false);
    if (r < 0) {
        vf_copy_result_free(out);
        out->at_source = c->at_source;
        vf_fail_with(err, VF_STEAL(e));
    }
    return r;
}

int vf_copy_run(struct vf_copy *c, struct vf_route *route, struct vf_copy_result *out,
                struct vf_error **err)
{
    return run_once(c, route, false, out, err);
}

int vf_copy_disk(struct vf_route *route, const struct vf_copy_opts *opts,
                 struct vf_progress *progress, struct vf_copy_result *out, struct vf_error **err)
{
    vf_auto(vf_copy_free) struct vf_copy *c = vf_copy_new(opts, progress);
    return run_once(c, route, true, out, err);
}

void vf_copy_result_free(struct vf_copy_result *r)
{
    free(r->source_hash);
    free(r->target_hash);
    r->source_hash = r->target_hash = NULL;
}
