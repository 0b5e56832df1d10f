/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

struct vf_cancel {
    atomic_bool fired;
    int fd;
    char *why;
    struct vf_cancel *parent, *children, *next;
};

/* One lock for all trees: firing is rare, and the links of parent and child change together. */
static pthread_mutex_t tree_lock = PTHREAD_MUTEX_INITIALIZER;

static void fire_locked(struct vf_cancel *c, const char *why)
{
    if (!c->why) {
        c->why = vf_strdup(why ? why : "cancelled");
        atomic_store(&c->fired, true);
        uint64_t one = 1;
        /* an eventfd below its maximum always takes 8 bytes */
        if (write(c->fd, &one, sizeof one) < 0)
            abort();
    }
    for (struct vf_cancel *k = c->children; k; k = k->next)
        fire_locked(k, why);
}

struct vf_cancel *vf_cancel_new(struct vf_cancel *parent)
{
    struct vf_cancel *c = vf_xcalloc(1, sizeof *c);
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->fd < 0)
        abort();
    if (parent) {
        pthread_mutex_lock(&tree_lock);
        c->parent = parent;
        c->next = parent->children;
        parent->children = c;
        if (parent->why)
            fire_locked(c, parent->why);
        pthread_mutex_unlock(&tree_lock);
    }
    return c;
}

static void detach_locked(struct vf_cancel *c)
{
    if (!c->parent)
        return;
    struct vf_cancel **p = &c->parent->children;
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    c->parent = c->next = NULL;
}

void vf_cancel_detach(struct vf_cancel *c)
{
    pthread_mutex_lock(&tree_lock);
    detach_locked(c);
    pthread_mutex_unlock(&tree_lock);
}

void vf_cancel_free(struct vf_cancel *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&tree_lock);
    detach_locked(c);
    for (struct vf_cancel *k = c->children; k; k = k->next)
        k->parent = NULL;
    pthread_mutex_unlock(&tree_lock);
    close(c->fd);
    free(c->why);
    free(c);
}

void vf_cancel_fire(struct vf_cancel *c, const char *why)
{
    pthread_mutex_lock(&tree_lock);
    fire_locked(c, why);
    pthread_mutex_unlock(&tree_lock);
}

bool vf_cancel_fired(const struct vf_cancel *c)
{
    return c && atomic_load(&c->fired);
}

int vf_cancel_check(struct vf_cancel *c, struct vf_error **err)
{
    if (!vf_cancel_fired(c))
        return 0;
    pthread_mutex_lock(&tree_lock);
    vf_autofree char *why = vf_strdup(c->why);
    pthread_mutex_unlock(&tree_lock);
    return vf_fail(err, VF_E_CANCELLED, "%s", why);
}

int vf_cancel_fd(const struct vf_cancel *c)
{
    return c->fd;
}

int vf_cancel_poll(struct vf_cancel *c, struct pollfd *fds, nfds_t n, int timeout_ms,
                   struct vf_error **err)
{
    struct pollfd small[16], *all = small;
    vf_autofree struct pollfd *large = NULL;
    if (n + 1 > VF_COUNT(small))
        all = large = vf_xcalloc(n + 1, sizeof *all);
    if (n)
        memcpy(all, fds, n * sizeof *fds);
    all[n] = (struct pollfd){.fd = c ? c->fd : -1, .events = POLLIN};
    int64_t end = timeout_ms < 0 ? -1 : vf_clock_ms() + timeout_ms;
    for (;;) {
        int wait = -1;
        if (end >= 0) {
            int64_t left = end - vf_clock_ms();
            wait = left > 0 ? (int)left : 0;
        }
        int r = poll(all, n + 1, wait);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return vf_fail_errno(err, errno, "poll");
        if (all[n].revents)
            return vf_cancel_check(c, err);
        if (n)
            memcpy(fds, all, n * sizeof *fds);
        return r;
    }
}

int vf_cancel_sleep(struct vf_cancel *c, int ms, struct vf_error **err)
{
    return vf_cancel_poll(c, NULL, 0, ms, err) < 0 ? -1 : 0;
}
