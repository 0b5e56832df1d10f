/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One copy of one disk, driven over the two control sessions. The bytes do not pass through here.
 */
#include "config.h"
#include "xfer/copy_int.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

const char *vf_stage_name(enum vf_stage s)
{
    static const char *const names[] = {"prepare", "copy", "flush", "verify", "finish"};
    return s < VF_COUNT(names) ? names[s] : "unknown";
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
    int r = vf_copy_watch(c, &c->target, err);
    return r == 1 ? vf_copy_watch(c, &c->source, err) : r;
}

/* ---- the end ---- */

/* Its part of the pass does not end: the storage takes long to write what has come. */
static bool is_busy(const struct side *s)
{
    return s->started && !s->ended;
}

/* What was read is one state of the disk only if it is as it was. */
static void look_for_change(struct vf_copy *c, const struct side *s, const struct vf_frame *closed)
{
    vf_autofree char *now = vf_field_text(closed, VF_TAG_IDENTITY);
    if (s == &c->source && now && s->identity && *s->identity && !vf_streq(now, s->identity))
        c->changed = true;
}

static int close_side(struct vf_copy *c, struct side *s, struct vf_error **err)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_message_free) struct vf_message *m = NULL;
    if (!s->owner)
        return 0;
    if (vf_session_call(s->session, VF_F_CLOSE, c->id, NULL, VF_F_OK, VF_COPY_ANSWER_MS, NULL, &m,
                        &e) == 0) {
        look_for_change(c, s, &m->frame);
        vf_str_set(&s->owner, NULL);
        return 0;
    }
    /* an answer: it is closed all the same, or was never open; without one nobody knows */
    if (vf_error_code(e) != VF_E_NET && !vf_session_ended(s->session) && !is_busy(s))
        vf_str_set(&s->owner, NULL);
    vf_fail_with(err, VF_STEAL(e));
    return vf_fail_prefix(err, "%s (%s)", vf_copy_side_name(c, s), s->label);
}

/* Ends the part of an earlier pass that a side may still have. */
static int leave_side(struct vf_copy *c, struct side *s, const struct vf_mover_host *host,
                      struct vf_error **err)
{
    if (!has_ours(s, host)) {
        vf_str_set(&s->owner, NULL); /* it went with its mover */
        return 0;
    }
    int r = vf_copy_watch(c, s, err);
    if (r < 0)
        return vf_fail_prefix(err, "%s (%s)", vf_copy_side_name(c, s), s->label);
    s->started = r == 1;
    vf_copy_settle(c);
    vf_autoerror struct vf_error *e = NULL;
    if (close_side(c, s, &e) == 0 || !s->owner)
        return 0;
    if (is_busy(s)) /* that passes */
        return vf_fail(err, VF_E_NET, "%s (%s): the storage is still writing what had come",
                       vf_copy_side_name(c, s), s->label);
    return vf_fail_with(err, VF_STEAL(e));
}

static int leave(struct vf_copy *c, const struct vf_route *route, struct vf_error **err)
{
    c->source.started = c->target.started = false;
    int r = leave_side(c, &c->source, route->source, err);
    if (r == 0)
        r = leave_side(c, &c->target, route->target, err);
    vf_copy_reset_side(&c->source);
    vf_copy_reset_side(&c->target);
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

int vf_copy_judge(struct vf_copy *c, struct vf_copy_result *out, struct vf_error **err)
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
    vf_copy_reset_side(s);
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
            return vf_copy_follow(c, route, err);
        }
        listen(c, false);
    }
    c->id = vf_session_new_id();
    listen(c, true);
    c->source.started = c->target.started = false;
    return vf_copy_start(c, route, err) < 0 ? -1 : vf_copy_follow(c, route, err);
}

/* After a failure: what can be closed is, unless movers may copy on for the next run. */
static void stop(struct vf_copy *c, bool for_good)
{
    bool apart = vf_session_ended(c->source.session) || vf_session_ended(c->target.session);
    if (apart && !for_good && c->source.started && c->target.started)
        return;
    if (apart)
        vf_copy_settle(c);
    close_both(c, NULL);
    c->source.started = c->target.started = false; /* nothing that a later run could go on with */
}

/* One pass, and both disks closed. */
static int run_to_end(struct vf_copy *c, struct vf_route *route, bool for_good,
                      struct vf_error **err)
{
    c->changed = false;
    int r = run_on(c, route, err);
    if (r == 0) {
        c->progress->stage = VF_STAGE_FINISH;
        r = close_both(c, err);
    } else {
        stop(c, for_good);
    }
    if (c->id)
        listen(c, false);
    return r;
}

static int run_once(struct vf_copy *c, struct vf_route *route, bool for_good,
                    struct vf_copy_result *out, struct vf_error **err)
{
    *out = (struct vf_copy_result){.verified_how = "none"};
    c->at_source = false;
    bind(c, route);
    vf_autoerror struct vf_error *e = NULL;
    int r = run_to_end(c, route, for_good, &e);
    if (r == 0 && c->changed) { /* by whom: no VM that runs, and nobody who minds QEMU's locks */
        vf_warn("copy", "%s was written to while it was read; comparing both disks",
                c->source.name);
        r = run_to_end(c, route, for_good, &e);
        if (r == 0 && c->changed) {
            c->at_source = true;
            r = vf_fail(&e, VF_E_CONFLICT,
                        "source (%s): %s changes while it is read, although its VM is stopped: end "
                        "what writes to it",
                        c->source.label, c->source.name);
        }
    }
    if (r == 0)
        r = vf_copy_judge(c, out, &e);
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
