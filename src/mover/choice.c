/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/choice.h"

enum {
    SAMPLE_EVERY = 8,  /* chunks */
    SETTLE_BARE = 8,   /* chunks that only fill what buffers there are on the way ... */
    SETTLE_PACKED = 4, /* ... after a change */
    WINDOW = 2,        /* chunks at least */
    PATIENCE = 64,     /* chunks */
    PATIENCE_MAX = 4096,
    PATIENCE_SURE = 512, /* after a try that was better by far */
};
#define WINDOW_NS        40e6 /* and time, too */
#define FULL_NS          10e6 /* a chunk that takes so long to send has found the buffers full */
#define WORTH_A_TRY      1.15
#define WORTH_IT         1.05
#define BY_FAR           1.5
#define NOTHING_LEFT_OUT 0.92
#define A_GOOD_START     0.7
/* What is sent, of packing and sending: so much makes a higher level worth its time, which is half
 * as much again and leaves a tenth less; at that level so little says that packing is what is slow.
 */
#define LINK_IS_SLOW     0.55
#define PACK_IS_SLOW     0.12

void vf_choice_init(struct vf_choice *c)
{
    *c = (struct vf_choice){.patience = PATIENCE};
}

bool vf_choice_wants_sample(const struct vf_choice *c)
{
    return !c->packing && c->since % SAMPLE_EVERY == 0;
}

static void change(struct vf_choice *c, bool packing)
{
    c->packing = packing;
    c->thorough = false;
    c->since = 0;
    c->settled = false;
    c->now = (struct vf_window){0};
    c->last[0] = c->last[1] = 0;
}

void vf_choice_sampled(struct vf_choice *c, size_t in, size_t out, double ns)
{
    bool first = !(c->packing_ns > 0);
    double weight = first ? 1 : 0.2;
    c->packing_ns += weight * (ns / (double)in - c->packing_ns);
    c->left += weight * ((double)out / (double)in - c->left);
    /* A link that is slow would first be filled with what takes long to leave it; one that is fast
     * is soon seen to be. */
    if (first && !c->since && c->left < A_GOOD_START)
        change(c, true);
}

/* What a byte would take the other way, at best: packing and sending overlap. */
static double guess(const struct vf_choice *c, const struct vf_window *w, double cost)
{
    if (c->packing)
        return w->send / w->out;
    double link = c->left * cost;
    return c->packing_ns > link ? c->packing_ns : link;
}

static void decide(struct vf_choice *c, const struct vf_window *w)
{
    /* the better of two: a target that stops to flush says nothing about the way */
    double cost = c->last[1] > 0 && c->last[1] < c->last[0] ? c->last[1] : c->last[0];
    bool tried = c->trying;
    c->trying = false;
    if (tried && cost * WORTH_IT > c->other) {
        c->hold = c->patience;
        if (c->patience < PATIENCE_MAX)
            c->patience *= 4;
        change(c, !c->packing);
        return;
    }
    if (tried) {
        c->patience = PATIENCE;
        c->hold = cost * BY_FAR < c->other ? PATIENCE_SURE : PATIENCE;
    }
    if (!c->hold && guess(c, w, cost) * WORTH_A_TRY < cost) {
        c->trying = true;
        c->other = cost;
        change(c, !c->packing);
    }
}

static void end_window(struct vf_choice *c)
{
    struct vf_window w = c->now;
    c->now = (struct vf_window){0};
    c->last[1] = c->last[0];
    c->last[0] = w.ns / w.in;
    double share = w.send / (w.send + w.pack);
    if (c->packing)
        c->thorough = share > (c->thorough ? PACK_IS_SLOW : LINK_IS_SLOW);
    if (c->packing && w.out > w.in * NOTHING_LEFT_OUT) {
        c->trying = false;
        c->hold = c->patience;
        change(c, false);
    } else if (c->last[1] > 0 || (c->trying && c->last[0] > c->other * BY_FAR)) {
        decide(c, &w);
    }
}

void vf_choice_sent(struct vf_choice *c, size_t in, size_t out, double pack, double send,
                    double waited)
{
    c->since++;
    c->hold -= c->hold > 0;
    if (!c->settled) {
        unsigned most = c->packing ? SETTLE_PACKED : SETTLE_BARE;
        c->settled = c->since >= most || (!c->packing && send >= FULL_NS);
        return;
    }
    double busy = pack + send;
    struct vf_window *w = &c->now;
    w->chunks++;
    w->in += (double)in;
    w->out += (double)out;
    w->pack += pack;
    w->send += send;
    /* who packs takes time from those who read; but a pause is not our doing */
    w->ns += busy + (waited < busy ? waited : busy);
    if (w->chunks >= WINDOW && w->ns >= WINDOW_NS)
        end_window(c);
}
