/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The copies of an owner: which there are, the frames for them, what is told of them, their ends.
 */
#include "config.h"
#include "mover/owner.h"
#include "base/clock.h"
#include "base/str.h"

#include <poll.h>
#include <unistd.h>

enum { PROGRESS_MS = 250 };

/* Under the lock. */
struct running *vf_passes_find(struct owner *o, uint32_t id)
{
    struct running *r = o->passes;
    while (r && r->pass->id != id)
        r = r->next;
    return r;
}

bool vf_owner_frame(struct owner *o, struct vf_link *link, const struct vf_frame *f)
{
    pthread_mutex_lock(&o->lock);
    struct running *r = vf_passes_find(o, f->id);
    if (r)
        r->busy++;
    pthread_mutex_unlock(&o->lock);
    if (!r)
        return false;
    r->pass->ops->frame(r->pass, link, f);
    pthread_mutex_lock(&o->lock);
    r->busy--;
    pthread_cond_broadcast(&o->idle);
    pthread_mutex_unlock(&o->lock);
    return true;
}

void vf_owner_link_ended(struct owner *o, struct vf_link *link, const struct vf_error *why)
{
    pthread_mutex_lock(&o->lock);
    for (struct running *r = o->passes; r; r = r->next)
        if (vf_pass_uses(r->pass, link))
            /* an end has its reason on the other side; what is garbled has not */
            vf_pass_abort(r->pass, vf_error_copy(why), vf_error_code(why) == VF_E_NET);
    pthread_mutex_unlock(&o->lock);
}

/* Under the lock, and P started under it: the answer to its first frame must find it in the list.
 */
void vf_passes_add(struct owner *o, struct vf_pass *p)
{
    struct running *r = vf_xcalloc(1, sizeof *r);
    r->pass = p;
    r->next = o->passes;
    o->passes = r;
}

/* Takes a finished pass out of the list once no stream is inside it. */
static struct running *take_finished(struct owner *o)
{
    pthread_mutex_lock(&o->lock);
    struct running **p = &o->passes;
    while (*p && !(*p)->pass->finished)
        p = &(*p)->next;
    struct running *r = *p;
    while (r && r->busy)
        pthread_cond_wait(&o->idle, &o->lock);
    if (r) {
        /* the list may have changed while we waited, but only this thread changes it */
        *p = r->next;
    }
    pthread_mutex_unlock(&o->lock);
    return r;
}

/* Tells the other side of a pass that failed here. */
static void tell_peer(struct owner *o, struct vf_pass *p)
{
    struct vf_link *link = NULL;
    for (size_t i = 0; i < p->n_links && !link; i++)
        link = p->links[i]->broken ? NULL : p->links[i];
    if (!link || p->echo)
        return;
    vf_autobuf struct vf_buf b = {0};
    vf_field_error(&b, p->error);
    /* the stream's own thread notices when it is gone */
    vf_link_send_fields(link, VF_F_ERROR, 0, p->id, &b, NULL);
}

static void add_counters(struct vf_buf *b, struct vf_pass *p)
{
    struct vf_counters *c = &p->counters;
    vf_field_u64(b, VF_TAG_STAGE, (uint64_t)c->stage);
    vf_field_u64(b, VF_TAG_DONE, c->done);
    vf_field_u64(b, VF_TAG_READ, c->read);
    vf_field_u64(b, VF_TAG_SENT, c->sent);
    vf_field_u64(b, VF_TAG_ZEROES, c->zero);
    vf_field_u64(b, VF_TAG_SAME, c->same);
    vf_field_u64(b, VF_TAG_COMMITTED, c->committed);
    vf_field_u64(b, VF_TAG_VERIFIED, c->verified);
    vf_field_u64(b, VF_TAG_WIRE, c->wire);
}

/* Where a later pass may start. */
static void add_mark(struct vf_buf *b, struct vf_pass *p)
{
    pthread_mutex_lock(&p->lock);
    if (p->mark.done) {
        vf_field_u64(b, VF_TAG_RESUME, p->mark.done);
        vf_field_add(b, VF_TAG_STATE, p->mark.state, sizeof p->mark.state);
    }
    pthread_mutex_unlock(&p->lock);
}

void vf_passes_reap(struct owner *o)
{
    struct running *r;
    while ((r = take_finished(o))) {
        struct vf_pass *p = r->pass;
        vf_autobuf struct vf_buf b = {0};
        if (p->error) {
            tell_peer(o, p);
            vf_field_error(&b, p->error);
            add_mark(&b, p);
        } else {
            vf_field_add(&b, VF_TAG_HASH, p->hash.b, VF_HASH_LEN);
            vf_field_str(&b, VF_TAG_HOW, p->how);
        }
        add_counters(&b, p);
        vf_outcome_add(o, p->id, p->error ? VF_F_ERROR : VF_F_COPIED, p->echo ? VF_FF_ECHO : 0, &b);
        p->ops->free(p);
        free(r);
    }
}

void vf_passes_tell(struct owner *o, struct vf_pass *p)
{
    vf_autobuf struct vf_buf b = {0};
    add_counters(&b, p);
    add_mark(&b, p);
    vf_owner_reply(o, VF_F_PROGRESS, 0, p->id, &b);
}

void vf_passes_report(struct owner *o)
{
    int64_t now = vf_clock_ms();
    for (struct running *r = o->passes; r; r = r->next) { /* only this thread changes the list */
        if (now - r->reported_ms < PROGRESS_MS)
            continue;
        r->reported_ms = now;
        vf_passes_tell(o, r->pass);
    }
}

/* The passes are ended and waited for, so that the disks can be closed in order. */
void vf_passes_end(struct owner *o)
{
    pthread_mutex_lock(&o->lock);
    for (struct running *r = o->passes; r; r = r->next) {
        struct vf_error *e = NULL;
        vf_fail(&e, VF_E_CANCELLED, "the program has gone");
        vf_pass_abort(r->pass, e, false);
    }
    pthread_mutex_unlock(&o->lock);
    int64_t end = vf_clock_ms() + VF_T_CONNECT;
    while (o->passes && vf_clock_ms() < end) {
        struct pollfd p = {.fd = o->wake_fd, .events = POLLIN};
        vf_cancel_poll(NULL, &p, 1, VF_TICK_MS, NULL);
        vf_owner_woken(o);
        struct running *r = take_finished(o);
        if (r) {
            tell_peer(o, r->pass);
            r->pass->ops->free(r->pass);
            free(r);
        }
    }
}
