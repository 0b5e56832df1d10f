/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/pass.h"

#include <time.h>

void vf_pass_init(struct vf_pass *p, const struct vf_pass_ops *ops, uint32_t id,
                  struct vf_disk *disk, uint64_t size, int wake_fd)
{
    p->ops = ops;
    p->id = id;
    p->disk = disk;
    p->size = size;
    p->wake_fd = wake_fd;
    p->how = "none";
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    vf_pool_join(&p->buffers);
}

void vf_pass_finish(struct vf_pass *p)
{
    int fd = p->wake_fd;
    atomic_store(&p->finished, true); /* P may be freed from here on */
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        abort(); /* an eventfd takes 8 bytes */
}

void vf_pass_clear(struct vf_pass *p)
{
    vf_pool_leave(&p->buffers);
    vf_error_free(p->error);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
}

bool vf_pass_add_link(struct vf_pass *p, struct vf_link *link)
{
    size_t n = p->n_links;
    if (n == VF_PASS_STREAMS)
        return false;
    p->links[n] = link;
    p->n_links = n + 1;
    return true;
}

bool vf_pass_uses(const struct vf_pass *p, const struct vf_link *link)
{
    for (size_t i = 0; i < p->n_links; i++)
        if (p->links[i] == link)
            return true;
    return false;
}

bool vf_pass_failed(struct vf_pass *p)
{
    pthread_mutex_lock(&p->lock);
    bool failed = p->error != NULL;
    pthread_mutex_unlock(&p->lock);
    return failed;
}

static bool has_failed(void *pass)
{
    return vf_pass_failed(pass);
}

void *vf_pass_take_buffer(struct vf_pass *p)
{
    return vf_pool_take(&p->buffers, has_failed, p);
}

void vf_pass_give_buffer(struct vf_pass *p, void *buf)
{
    vf_pool_give(&p->buffers, buf);
}

void vf_pass_abort(struct vf_pass *p, struct vf_error *why, bool echo)
{
    pthread_mutex_lock(&p->lock);
    if (p->error || atomic_load(&p->finished)) {
        vf_error_free(why);
    } else {
        p->error = why;
        p->echo = echo;
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    vf_pool_wake();
    if (p->ops->wake)
        p->ops->wake(p);
}

void vf_pass_fail(struct vf_pass *p, struct vf_error *why, const struct vf_link *link)
{
    vf_pass_abort(p, why, link && link->broken && vf_error_code(why) == VF_E_NET);
}
