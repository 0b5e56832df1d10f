/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/queue.h"
#include "base/str.h"

#include <pthread.h>
#include <sys/eventfd.h>

struct item {
    struct item *next;
    void *data;
};

struct vf_queue {
    pthread_mutex_t lock;
    struct item *first, **last;
    int fd; /* eventfd as a semaphore: its count is the number of items */
};

struct vf_queue *vf_queue_new(void)
{
    struct vf_queue *q = vf_xcalloc(1, sizeof *q);
    pthread_mutex_init(&q->lock, NULL);
    q->last = &q->first;
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    if (q->fd < 0)
        abort();
    return q;
}

void vf_queue_free(struct vf_queue *q, void (*free_item)(void *))
{
    if (!q)
        return;
    for (void *data; (data = vf_queue_pop(q));)
        if (free_item)
            free_item(data);
    close(q->fd);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

void vf_queue_push(struct vf_queue *q, void *data)
{
    struct item *i = vf_xcalloc(1, sizeof *i);
    i->data = data;
    pthread_mutex_lock(&q->lock);
    *q->last = i;
    q->last = &i->next;
    uint64_t one = 1;
    if (write(q->fd, &one, sizeof one) < 0)
        abort();
    pthread_mutex_unlock(&q->lock);
}

void *vf_queue_pop(struct vf_queue *q)
{
    pthread_mutex_lock(&q->lock);
    struct item *i = q->first;
    void *data = NULL;
    if (i) {
        uint64_t one;
        if (read(q->fd, &one, sizeof one) < 0)
            abort();
        q->first = i->next;
        if (!q->first)
            q->last = &q->first;
        data = i->data;
    }
    pthread_mutex_unlock(&q->lock);
    free(i);
    return data;
}

int vf_queue_fd(const struct vf_queue *q)
{
    return q->fd;
}
