/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a frame takes over a stream and back. The program asks the source's owner, which asks
 * the target's. */
#include "config.h"
#include "mover/owner.h"
#include "base/clock.h"

int vf_echo_ask(struct owner *o, uint32_t id, struct vf_error **err)
{
    struct stream *s = vf_stream_find(o, id);
    if (!s)
        return vf_fail(err, VF_E_INTERNAL, "there is no stream %u", id);
    pthread_mutex_lock(&o->lock);
    o->echo = (struct echo){.link = &s->link, .id = id, .sent_us = vf_clock_ns() / 1000};
    pthread_mutex_unlock(&o->lock);
    return vf_link_send_fields(&s->link, VF_F_ECHO, 0, id, NULL, err);
}

static void take_answer(struct owner *o, struct vf_link *link, const struct vf_frame *f)
{
    pthread_mutex_lock(&o->lock);
    bool ours = o->echo.link == link && o->echo.id == f->id;
    if (ours)
        o->echo.took_us = vf_clock_ns() / 1000 - o->echo.sent_us;
    pthread_mutex_unlock(&o->lock);
    if (ours)
        vf_owner_wake(o);
}

bool vf_echo_frame(struct owner *o, struct vf_link *link, const struct vf_frame *f)
{
    if (f->type != VF_F_ECHO)
        return false;
    if (f->flags & VF_FF_ECHO)
        take_answer(o, link, f);
    else /* that nothing can be sent any more shows when it is read */
        vf_link_send_fields(link, VF_F_ECHO, VF_FF_ECHO, f->id, NULL, NULL);
    return true;
}

bool vf_echo_came(struct owner *o, uint32_t *id, uint64_t *took_us)
{
    pthread_mutex_lock(&o->lock);
    struct echo e = o->echo;
    bool came = e.link && e.took_us;
    if (came)
        o->echo = (struct echo){0};
    pthread_mutex_unlock(&o->lock);
    *id = e.id;
    *took_us = (uint64_t)e.took_us;
    return came;
}
